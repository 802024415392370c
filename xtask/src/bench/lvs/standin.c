/* Preloaded into a daemon by `cargo xtask bench lvs`: counts what it asks of the kernel's virtual servers.
 * Where the kernel has none, it stands in for them, too: a generic netlink socket becomes one end of a
 * pair, whose other end says yes to everything and knows of no service.
 *
 * VIPD_BENCH_COUNT=FILE   counters of 8 bytes: [0] instant at which the kernel had done the last write
 *                         (CLOCK_REALTIME, ns),
 *                         [1 + c] how often command c was asked for
 * VIPD_BENCH_KERNEL=1     the kernel has virtual servers: only count */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/ip_vs.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST 262144
#define FAMILY 0x21
#define COUNTERS 64
#define REAL(name) \
	static __typeof__(name) *real; \
	if (!real) real = dlsym(RTLD_NEXT, #name)

/* 0: not ours. 1: counted. Else the other end of the pair, plus 2. */
static int other[MOST];
static uint32_t port[MOST];
static uint64_t *counters, nowhere[1 + COUNTERS];

static uint64_t *count(void)
{
	const char *path = getenv("VIPD_BENCH_COUNT");
	size_t size = sizeof nowhere;
	int fd;

	if (counters) return counters;
	counters = nowhere;
	fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644) : -1;
	if (fd < 0) return counters;
	if (!ftruncate(fd, size)) {
		void *at = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (at != MAP_FAILED) counters = at;
	}
	close(fd);
	return counters;
}

static int is_ours(int fd) { return fd >= 0 && fd < MOST && other[fd]; }
static int is_standin(int fd) { return is_ours(fd) && other[fd] > 1; }

int socket(int domain, int type, int protocol)
{
	int pair[2], big = 8 << 20;
	REAL(socket);

	if (domain != AF_NETLINK || protocol != NETLINK_GENERIC) return real(domain, type, protocol);
	if (getenv("VIPD_BENCH_KERNEL")) {
		int fd = real(domain, type, protocol);
		if (fd >= 0 && fd < MOST) other[fd] = 1;
		return fd;
	}
	if (socketpair(AF_UNIX, SOCK_DGRAM | (type & (SOCK_CLOEXEC | SOCK_NONBLOCK)), 0, pair)) return -1;
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUFFORCE, &big, sizeof big);
	fcntl(pair[1], F_SETFL, O_NONBLOCK);
	fcntl(pair[1], F_SETFD, FD_CLOEXEC);
	if (pair[0] >= MOST) {
		close(pair[0]);
		close(pair[1]);
		errno = EMFILE;
		return -1;
	}
	other[pair[0]] = pair[1] + 2;
	port[pair[0]] = getpid();
	return pair[0];
}

int close(int fd)
{
	REAL(close);
	if (is_standin(fd)) real(other[fd] - 2);
	if (is_ours(fd)) other[fd] = 0;
	return real(fd);
}

int bind(int fd, const struct sockaddr *address, socklen_t len)
{
	REAL(bind);
	if (!is_standin(fd)) return real(fd, address, len);
	if (len >= sizeof(struct sockaddr_nl) && ((struct sockaddr_nl *)address)->nl_pid)
		port[fd] = ((struct sockaddr_nl *)address)->nl_pid;
	return 0;
}

int connect(int fd, const struct sockaddr *address, socklen_t len)
{
	REAL(connect);
	return is_standin(fd) ? 0 : real(fd, address, len);
}

int getsockname(int fd, struct sockaddr *address, socklen_t *len)
{
	struct sockaddr_nl own = { .nl_family = AF_NETLINK };
	REAL(getsockname);
	if (!is_standin(fd)) return real(fd, address, len);
	own.nl_pid = port[fd];
	memcpy(address, &own, *len < sizeof own ? *len : sizeof own);
	*len = sizeof own;
	return 0;
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	REAL(setsockopt);
	return is_standin(fd) && level == SOL_NETLINK ? 0 : real(fd, level, name, value, len);
}

static int put(char *body, int at, int type, const void *data, int len)
{
	struct nlattr *attribute = (void *)(body + at);
	attribute->nla_len = NLA_HDRLEN + len;
	attribute->nla_type = type;
	memcpy(attribute + 1, data, len);
	return at + NLA_ALIGN(NLA_HDRLEN + len);
}

static void reply(int fd, const struct nlmsghdr *to, int type, int flags, const void *body, int len)
{
	static ssize_t (*out)(int, const void *, size_t, int);
	char buffer[512] = { 0 };
	struct nlmsghdr *header = (void *)buffer;

	if (!out) out = dlsym(RTLD_NEXT, "send");
	header->nlmsg_len = NLMSG_HDRLEN + len;
	header->nlmsg_type = type;
	header->nlmsg_flags = flags;
	header->nlmsg_seq = to->nlmsg_seq;
	header->nlmsg_pid = port[fd];
	memcpy(buffer + NLMSG_HDRLEN, body, len);
	out(other[fd] - 2, buffer, NLMSG_HDRLEN + len, MSG_NOSIGNAL);
}

static int asks_for_ipvs(const struct nlmsghdr *request)
{
	const char *at = (const char *)request + NLMSG_HDRLEN + GENL_HDRLEN;
	const char *end = (const char *)request + request->nlmsg_len;

	while (at + NLA_HDRLEN <= end) {
		const struct nlattr *a = (const void *)at;
		if (a->nla_len < NLA_HDRLEN || at + a->nla_len > end) return 0;
		if (a->nla_type == CTRL_ATTR_FAMILY_NAME) return !strncmp(at + NLA_HDRLEN, "IPVS", a->nla_len - NLA_HDRLEN);
		at += NLA_ALIGN(a->nla_len);
	}
	return 0;
}

static void answer(int fd, const struct nlmsghdr *request, int command)
{
	char body[256] = { 0 };
	struct genlmsghdr *head = (void *)body;
	int at = GENL_HDRLEN, error = 0, zero = 0;
	int dump = (request->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;

	if (request->nlmsg_type == GENL_ID_CTRL && !dump) {
		uint16_t id = FAMILY;
		uint32_t version = 1, size = 0, most = IPVS_CMD_ATTR_MAX;
		if (asks_for_ipvs(request)) {
			head->cmd = CTRL_CMD_NEWFAMILY;
			head->version = 2;
			at = put(body, at, CTRL_ATTR_FAMILY_NAME, "IPVS", 5);
			at = put(body, at, CTRL_ATTR_FAMILY_ID, &id, sizeof id);
			at = put(body, at, CTRL_ATTR_VERSION, &version, sizeof version);
			at = put(body, at, CTRL_ATTR_HDRSIZE, &size, sizeof size);
			at = put(body, at, CTRL_ATTR_MAXATTR, &most, sizeof most);
			reply(fd, request, GENL_ID_CTRL, 0, body, at);
		} else {
			error = -ENOENT;
		}
	} else if (command == IPVS_CMD_GET_INFO) {
		uint32_t version = 0x010201, size = 4096;
		head->cmd = IPVS_CMD_SET_INFO;
		head->version = 1;
		at = put(body, at, IPVS_INFO_ATTR_VERSION, &version, sizeof version);
		at = put(body, at, IPVS_INFO_ATTR_CONN_TAB_SIZE, &size, sizeof size);
		reply(fd, request, FAMILY, 0, body, at);
	} else if (command == IPVS_CMD_GET_CONFIG) {
		uint32_t tcp = 900, fin = 120, udp = 300;
		head->cmd = IPVS_CMD_SET_CONFIG;
		head->version = 1;
		at = put(body, at, IPVS_CMD_ATTR_TIMEOUT_TCP, &tcp, sizeof tcp);
		at = put(body, at, IPVS_CMD_ATTR_TIMEOUT_TCP_FIN, &fin, sizeof fin);
		at = put(body, at, IPVS_CMD_ATTR_TIMEOUT_UDP, &udp, sizeof udp);
		reply(fd, request, FAMILY, 0, body, at);
	} else if (command == IPVS_CMD_GET_SERVICE && !dump) {
		error = -ESRCH;
	}
	if (dump) {
		reply(fd, request, NLMSG_DONE, NLM_F_MULTI, &zero, sizeof zero);
	} else if (error || request->nlmsg_flags & NLM_F_ACK) {
		char ack[sizeof error + NLMSG_HDRLEN];
		memcpy(ack, &error, sizeof error);
		memcpy(ack + sizeof error, request, NLMSG_HDRLEN);
		reply(fd, request, NLMSG_ERROR, 0, ack, sizeof ack);
	}
}

static int is_read(int command)
{
	return command == IPVS_CMD_GET_SERVICE || command == IPVS_CMD_GET_DEST || command == IPVS_CMD_GET_DAEMON
		|| command == IPVS_CMD_GET_CONFIG || command == IPVS_CMD_GET_INFO;
}

/* All that was sent with one call, and done when that returned: whoever sees the count sees the instant, too. */
static void see(int fd, const char *at, size_t left)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	while (left >= NLMSG_HDRLEN + GENL_HDRLEN) {
		const struct nlmsghdr *request = (const void *)at;
		int command = ((const struct genlmsghdr *)(at + NLMSG_HDRLEN))->cmd & (COUNTERS - 1);
		size_t step = NLMSG_ALIGN(request->nlmsg_len);

		if (request->nlmsg_len < NLMSG_HDRLEN + GENL_HDRLEN || request->nlmsg_len > left) return;
		if (request->nlmsg_type == GENL_ID_CTRL) command = 0;
		if (command) {
			uint64_t *all = count();
			if (!is_read(command))
				__atomic_store_n(all, now.tv_sec * 1000000000ull + now.tv_nsec, __ATOMIC_RELEASE);
			__atomic_fetch_add(all + 1 + command, 1, __ATOMIC_RELEASE);
		}
		if (is_standin(fd)) answer(fd, request, command);
		if (step >= left) return;
		at += step;
		left -= step;
	}
}

/* What a call returned that sent this. */
static ssize_t sent(int fd, const void *data, size_t len, ssize_t result)
{
	if (is_ours(fd) && result >= 0) see(fd, data, len);
	return result;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	/* As part of the thread's own storage it would be cleared, and so be memory of the daemon, at each exec. */
	static __thread char *buffer;
	const size_t room = 1 << 18;
	size_t len = 0, i;
	REAL(sendmsg);

	if (!is_ours(fd)) return real(fd, message, flags);
	if (!buffer && !(buffer = malloc(room))) return -1;
	for (i = 0; i < message->msg_iovlen; i++) {
		if (len + message->msg_iov[i].iov_len > room) {
			errno = EMSGSIZE;
			return -1;
		}
		memcpy(buffer + len, message->msg_iov[i].iov_base, message->msg_iov[i].iov_len);
		len += message->msg_iov[i].iov_len;
	}
	return sent(fd, buffer, len, is_standin(fd) ? (ssize_t)len : real(fd, message, flags));
}

ssize_t sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to, socklen_t size)
{
	REAL(sendto);
	return sent(fd, data, len, is_standin(fd) ? (ssize_t)len : real(fd, data, len, flags, to, size));
}

ssize_t send(int fd, const void *data, size_t len, int flags)
{
	REAL(send);
	return sent(fd, data, len, is_standin(fd) ? (ssize_t)len : real(fd, data, len, flags));
}

ssize_t write(int fd, const void *data, size_t len)
{
	REAL(write);
	return sent(fd, data, len, is_standin(fd) ? (ssize_t)len : real(fd, data, len));
}

/* What comes from the stand-in comes from the kernel. */
static void from_kernel(void *name, socklen_t *len)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	if (!name || !len) return;
	memcpy(name, &kernel, *len < sizeof kernel ? *len : sizeof kernel);
	*len = sizeof kernel;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	struct msghdr copy = *message;
	ssize_t got;
	REAL(recvmsg);

	if (!is_standin(fd)) return real(fd, message, flags);
	copy.msg_name = 0;
	copy.msg_namelen = 0;
	got = real(fd, &copy, flags);
	if (got < 0) return got;
	message->msg_flags = copy.msg_flags;
	message->msg_controllen = 0;
	from_kernel(message->msg_name, &message->msg_namelen);
	return got;
}

ssize_t recvfrom(int fd, void *data, size_t len, int flags, struct sockaddr *from, socklen_t *size)
{
	ssize_t got;
	REAL(recvfrom);

	if (!is_standin(fd)) return real(fd, data, len, flags, from, size);
	got = real(fd, data, len, flags, 0, 0);
	if (got >= 0) from_kernel(from, size);
	return got;
}
