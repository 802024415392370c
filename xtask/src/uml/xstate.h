/*
 * Included before the kernel's own text when it compiles its two registers.c.
 *
 * This kernel keeps 2696 bytes of extended processor state per process: all there was up to AVX-512 and
 * protection keys. On a host with AMX the state is larger, and the host refuses to take back a part of it,
 * so the guest's first process could not even start. Here the host gets and gives the whole, and the kernel
 * keeps its first 2696 bytes. Nothing is lost: no process has AMX state before it asks the host for it, and
 * in the guest it cannot ask.
 */
#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#define LAB_XSTATE_BV 512	/* offset of the bitmap of components in use */
#define LAB_XSTATE_AMX ((1ul << 17) | (1ul << 18))

static inline long lab_xstate(int request, int pid, void *type, void *data)
{
	static unsigned char whole[1 << 15] __attribute__((aligned(64)));
	static size_t size;	/* on this host; known after the first read, which precedes every write */
	struct iovec *part = data, all = { whole, sizeof(whole) };
	unsigned long in_use;
	long result;

	if (request == PTRACE_GETREGSET) {
		result = ptrace(request, pid, type, &all);
		if (result < 0)
			return result;
		size = all.iov_len;
		if (part->iov_len > size)
			part->iov_len = size;
		memcpy(part->iov_base, whole, part->iov_len);
		return result;
	}
	if (part->iov_len >= size)
		return ptrace(request, pid, type, part);
	memset(whole, 0, size);
	memcpy(whole, part->iov_base, part->iov_len);
	memcpy(&in_use, whole + LAB_XSTATE_BV, sizeof(in_use));
	in_use &= ~LAB_XSTATE_AMX;
	memcpy(whole + LAB_XSTATE_BV, &in_use, sizeof(in_use));
	all.iov_len = size;
	return ptrace(request, pid, type, &all);
}

#define ptrace(request, pid, type, data) \
	((request) == PTRACE_GETREGSET || (request) == PTRACE_SETREGSET \
		? lab_xstate((request), (pid), (void *)(unsigned long)(type), (void *)(data)) \
		: ptrace((request), (pid), (type), (data)))
