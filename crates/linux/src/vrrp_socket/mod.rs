//! Raw sockets for adverts.
//!
//! IPv4 packets are sent and received with their header; of IPv6 packets the kernel makes the header
//! and the checksum. Instances with the same interface, group and protocol share a socket.

mod batch;
mod filter;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd, BorrowedFd};

use base::{Family, IfIndex, Vrid};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::error::{Context, Errno, OsError, Result, errno_of};
use crate::sys;

pub use batch::{Datagram, Outbox, RecvBatch, SendFailure};

/// The IP protocol of VRRP.
pub const VRRP: u8 = 112;
/// The IP protocol of the authentication header, which version 2 may use.
pub const AH: u8 = 51;

/// Precedence "internetwork control" (RFC 791), as DSCP CS6 with 802.1p priority 6.
const TOS: libc::c_int = 0xc0;
const PRIORITY: libc::c_int = 6;
/// Where the checksum stands in a VRRP message.
const CHECKSUM_OFFSET: libc::c_int = 6;

/// Where a socket's packets go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// To a group that the socket joins on its interface.
    Multicast(IpAddr),
    /// To whatever address is given; the socket is bound to this one, which need not exist yet.
    Unicast(IpAddr),
}

/// What socket to open.
#[derive(Clone, Debug)]
pub struct Spec {
    /// [`VRRP`] or [`AH`].
    pub protocol: u8,
    /// The interface to be bound to; for a group one is needed.
    pub link: Option<IfIndex>,
    /// Multicast or unicast.
    pub scope: Scope,
    /// Hop limit of IPv6 unicast; the kernel's own if `None`. Multicast has 255.
    pub hop_limit: Option<u8>,
    /// The virtual routers to receive from; all if empty.
    pub vrids: Vec<Vrid>,
    /// Size of the receive buffer in bytes; `None` leaves it to the kernel.
    pub receive_buffer: Option<usize>,
}

impl Spec {
    fn address(&self) -> IpAddr {
        match self.scope {
            Scope::Multicast(a) | Scope::Unicast(a) => a,
        }
    }

    fn family(&self) -> Family {
        Family::of(&self.address())
    }
}

/// `multicast socket of 224.0.0.18 on interface 2`.
impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.scope {
            Scope::Multicast(_) => "multicast",
            Scope::Unicast(_) => "unicast",
        };
        write!(f, "{kind} socket of {}", self.address())?;
        self.link.map_or(Ok(()), |l| write!(f, " on interface {l}"))
    }
}

/// A socket for adverts, open and ready.
#[derive(Debug)]
pub struct VrrpSocket {
    socket: Socket,
    spec: Spec,
}

impl VrrpSocket {
    /// Opens a socket in the namespace of the calling thread.
    pub fn open(spec: Spec) -> Result<Self> {
        let domain = match spec.family() {
            Family::V4 => Domain::IPV4,
            Family::V6 => Domain::IPV6,
        };
        // Close-on-exec comes with it.
        let socket = Socket::new(domain, Type::RAW, Some(Protocol::from(i32::from(spec.protocol))))
            .and_then(|s| s.set_nonblocking(true).map(|()| s))
            .on("open", &spec)?;
        let mut new = Self { socket, spec };
        // Until the end of the set-up nothing may come in: a packet that arrives before the socket is
        // bound to its interface may be from another.
        let nothing = [sys::instruction(libc::BPF_RET | libc::BPF_K, 0, 0, 0)];
        sys::attach_filter(new.as_fd(), &nothing).on("attach filter to", &new.spec)?;
        new.drain()?;
        new.set_up().on("set up", &new.spec)?;
        let vrids = std::mem::take(&mut new.spec.vrids);
        new.set_vrids(vrids)?;
        Ok(new)
    }

    /// Throws away what came in between the opening of the socket and its first filter.
    fn drain(&self) -> Result<()> {
        loop {
            match nix::sys::socket::recv(
                std::os::fd::AsRawFd::as_raw_fd(&self.socket),
                &mut [0],
                nix::sys::socket::MsgFlags::MSG_DONTWAIT,
            ) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(()),
                Err(e) => return Err(e).on("receive from", &self.spec),
            }
        }
    }

    fn set_up(&self) -> std::result::Result<(), Errno> {
        let (fd, family) = (self.as_fd(), self.spec.family());
        let set = |level, name, value: libc::c_int| sys::set_option(fd, level, name, &value);
        if let Some(bytes) = self.spec.receive_buffer {
            sys::set_receive_buffer(fd, bytes)?;
        }
        if let Some(link) = self.spec.link {
            set(libc::SOL_SOCKET, libc::SO_BINDTOIFINDEX, number(link))?;
        }
        match family {
            Family::V4 => {
                set(libc::IPPROTO_IP, libc::IP_HDRINCL, 1)?;
                set(libc::IPPROTO_IP, libc::IP_TOS, TOS)?;
                set(libc::IPPROTO_IP, libc::IP_MULTICAST_LOOP, 0)?;
                set(libc::IPPROTO_IP, libc::IP_MULTICAST_ALL, 0)?;
            }
            Family::V6 => {
                // Of AH the kernel knows no checksum.
                if self.spec.protocol == VRRP {
                    set(libc::IPPROTO_IPV6, libc::IPV6_CHECKSUM, CHECKSUM_OFFSET)?;
                }
                set(libc::IPPROTO_IPV6, libc::IPV6_TCLASS, TOS)?;
                set(libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_HOPS, 255)?;
                set(libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_LOOP, 0)?;
                set(libc::IPPROTO_IPV6, libc::IPV6_RECVHOPLIMIT, 1)?;
                set(libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)?;
                if let Some(hops) = self.spec.hop_limit {
                    set(libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS, hops.into())?;
                }
                // Linux 4.20; before it, groups that others joined come here, too, and are refused by
                // their destination.
                let _ = set(libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_ALL, 0);
            }
        }
        // Behind the type of service, which sets a priority of its own.
        set(libc::SOL_SOCKET, libc::SO_PRIORITY, PRIORITY)?;
        match self.spec.scope {
            Scope::Multicast(group) => self.join(group, self.spec.link.ok_or(Errno::ENODEV)?),
            Scope::Unicast(source) => self.bind(source),
        }
    }

    /// Sends to `group` on `link`, and receives from it.
    fn join(&self, group: IpAddr, link: IfIndex) -> std::result::Result<(), Errno> {
        let fd = self.as_fd();
        match group {
            IpAddr::V4(group) => {
                let request = libc::ip_mreqn {
                    imr_multiaddr: libc::in_addr { s_addr: u32::from_ne_bytes(group.octets()) },
                    imr_address: libc::in_addr { s_addr: Ipv4Addr::UNSPECIFIED.to_bits() },
                    imr_ifindex: number(link),
                };
                sys::set_option(fd, libc::IPPROTO_IP, libc::IP_MULTICAST_IF, &request).map_err(|e| {
                    // So IPv4 says that the interface is gone; IPv6 says what it means.
                    if e == Errno::EADDRNOTAVAIL { Errno::ENODEV } else { e }
                })?;
                sys::set_option(fd, libc::IPPROTO_IP, libc::IP_ADD_MEMBERSHIP, &request)
            }
            IpAddr::V6(group) => {
                let request = libc::ipv6_mreq {
                    ipv6mr_multiaddr: libc::in6_addr { s6_addr: group.octets() },
                    ipv6mr_interface: link.get(),
                };
                sys::set_option(fd, libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_IF, &number(link))?;
                sys::set_option(fd, libc::IPPROTO_IPV6, libc::IPV6_ADD_MEMBERSHIP, &request)
            }
        }
    }

    /// Sends from `source`, and receives what is sent to it.
    fn bind(&self, source: IpAddr) -> std::result::Result<(), Errno> {
        let (level, name) = match source {
            IpAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_FREEBIND),
            IpAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_FREEBIND),
        };
        sys::set_option(self.as_fd(), level, name, &1)?;
        self.socket.bind(&self.socket_address(source)).map_err(|e| errno_of(&e))
    }

    /// Changes which virtual routers are received from; all if empty.
    pub fn set_vrids(&mut self, vrids: Vec<Vrid>) -> Result<()> {
        let program = filter::program(self.spec.family(), self.spec.protocol, &vrids);
        sys::attach_filter(self.as_fd(), &program).on("attach filter to", &self.spec)?;
        self.spec.vrids = vrids;
        Ok(())
    }

    /// What it was opened as.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Sends one packet: of IPv4 with its header, of IPv6 without.
    pub fn send(&self, destination: IpAddr, packet: &[u8]) -> Result<()> {
        loop {
            match self.socket.send_to_with_flags(packet, &self.socket_address(destination), self.flags()) {
                Ok(n) if n == packet.len() => return Ok(()),
                Ok(_) => return Err(OsError::new("send to", destination, Errno::EMSGSIZE)),
                Err(e) if errno_of(&e) == Errno::EINTR => {}
                Err(e) => return Err(e).on("send to", destination),
            }
        }
    }

    /// Adverts to a group go out on their own interface, whatever the routes say.
    fn flags(&self) -> libc::c_int {
        match self.spec.scope {
            Scope::Multicast(_) => libc::MSG_DONTROUTE | libc::MSG_DONTWAIT,
            Scope::Unicast(_) => libc::MSG_DONTWAIT,
        }
    }

    /// `address` for the kernel. A link-local one means that of the socket's interface.
    fn socket_address(&self, address: IpAddr) -> SockAddr {
        match address {
            IpAddr::V4(a) => std::net::SocketAddrV4::new(a, 0).into(),
            IpAddr::V6(a) => {
                let on_link = a.is_unicast_link_local() || a.is_multicast();
                let scope = self.spec.link.filter(|_| on_link).map_or(0, IfIndex::get);
                std::net::SocketAddrV6::new(a, 0, 0, scope).into()
            }
        }
    }
}

impl AsFd for VrrpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The number of an interface as socket options want it.
fn number(link: IfIndex) -> libc::c_int {
    libc::c_int::try_from(link.get()).unwrap_or(libc::c_int::MAX)
}
