//! Sockets of checks: where they come from, where they go to.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::AsFd;

use engine::lvs::io::{Answer, Failure};
use model::lvs::Connect;
use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::{Outcome, unable};

/// What is sent through a socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// TCP.
    Stream,
    /// UDP.
    Datagram,
    /// ICMP echo.
    Echo,
}

/// Opens a socket that comes from where the check says and has begun to connect to its server. `true`:
/// the connection stands already.
pub(super) fn connect(to: &Connect, kind: Kind) -> Outcome<(Socket, bool)> {
    let destination = destination(to).map_err(|e| ours(&e, "find interface"))?;
    let socket = open(to, kind, &destination)?;
    match socket.connect(&destination) {
        Ok(()) => Ok((socket, true)),
        Err(e) if e.raw_os_error() == Some(Errno::EINPROGRESS as i32) => Ok((socket, false)),
        Err(e) => Err(refused(&e, "connect")),
    }
}

fn open(to: &Connect, kind: Kind, destination: &SockAddr) -> Outcome<Socket> {
    let v4 = to.address.is_ipv4();
    let (ty, protocol) = match kind {
        Kind::Stream => (Type::STREAM, Protocol::TCP),
        Kind::Datagram => (Type::DGRAM, Protocol::UDP),
        Kind::Echo if v4 => (Type::DGRAM, Protocol::ICMPV4),
        Kind::Echo => (Type::DGRAM, Protocol::ICMPV6),
    };
    let domain = Domain::from(i32::from(destination.family()));
    let socket = Socket::new_raw(domain, ty.nonblocking().cloexec(), Some(protocol))
        .map_err(|e| ours(&e, "open socket"))?;
    let Some(origin) = to.origin.as_deref() else { return Ok(socket) };
    if let Some(link) = &origin.link {
        socket
            .bind_device(Some(link.as_str().as_bytes()))
            .map_err(|e| ours(&e, &format!("bind to interface {link}")))?;
    }
    if origin.mark != 0 {
        socket.set_mark(origin.mark).map_err(|e| ours(&e, "set fwmark"))?;
    }
    if origin.address.is_some() || origin.port.is_some() {
        let address = origin.address.unwrap_or(if v4 {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        });
        let port = origin.port.unwrap_or(0);
        match port {
            // The kernel chooses when it connects, and so may use a port for each destination once. An
            // older one chooses now.
            0 => drop(setsockopt(&socket.as_fd(), sockopt::IpBindAddressNoPort, &true)),
            // The last check's connection may still be waiting for its end.
            _ => socket.set_reuse_address(true).map_err(|e| ours(&e, "share port"))?,
        }
        let scope = scope(to, address).map_err(|e| ours(&e, "find interface"))?;
        let source = with_scope(address, port, scope);
        socket.bind(&source.into()).map_err(|e| ours(&e, &format!("bind to {source}")))?;
    }
    Ok(socket)
}

fn destination(to: &Connect) -> io::Result<SockAddr> {
    Ok(with_scope(to.address, to.port, scope(to, to.address)?).into())
}

fn with_scope(address: IpAddr, port: u16, scope: u32) -> SocketAddr {
    match address {
        IpAddr::V4(_) => SocketAddr::new(address, port),
        IpAddr::V6(address) => SocketAddrV6::new(address, port, 0, scope).into(),
    }
}

/// A link-local address means something on one link only: that of `bind_if`.
fn scope(to: &Connect, address: IpAddr) -> io::Result<u32> {
    let link_local = matches!(address, IpAddr::V6(a) if a.is_unicast_link_local());
    match to.origin.as_deref().and_then(|origin| origin.link) {
        Some(link) if link_local => Ok(nix::net::if_::if_nametoindex(link.as_str())?),
        _ => Ok(0),
    }
}

/// Errors that say something about the server or the way to it.
const FAILURES: &[Errno] = &[
    Errno::ENETUNREACH,
    Errno::EHOSTUNREACH,
    Errno::ECONNREFUSED,
    Errno::EHOSTDOWN,
    Errno::ENETDOWN,
    Errno::ECONNRESET,
    Errno::ECONNABORTED,
    Errno::ETIMEDOUT,
];

/// What the answer is if connecting, or sending a datagram, fails at once.
pub(super) fn refused(error: &io::Error, what: &str) -> Answer {
    let errno = errno(error);
    if FAILURES.contains(&Errno::from_raw(errno)) {
        Answer::Failed(Failure::Connect { errno })
    } else {
        ours(error, what)
    }
}

/// What the answer is if something on our side fails.
fn ours(error: &io::Error, what: &str) -> Answer {
    let errno = Errno::from_raw(errno(error));
    unable(errno, format!("{what}: {}", errno.desc()))
}

/// The number inside `error`; that of an input or output error if it has none.
pub(super) fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(Errno::EIO as i32)
}
