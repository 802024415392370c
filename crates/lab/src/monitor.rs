//! What the kernel of a node tells about links, addresses and routes, as it happens.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, PipeWriter};
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use base::IpNet;
use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage};
use netlink_sys::{Socket, protocols::NETLINK_ROUTE};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::error::{Context, LabError, Result};
use crate::node::Node;

/// Groups of rtnetlink: links, then addresses and routes of both families (`linux/rtnetlink.h`).
const GROUPS: [u32; 5] = [1, 5, 7, 9, 11];
/// Enough for a burst of thousands of changes.
const BUFFER: usize = 16 << 20;

/// What changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// A device is there, or something about it changed.
    Link {
        /// Its name.
        name: String,
        /// Whether it is up and has a carrier.
        running: bool,
        /// Whether it is there.
        exists: bool,
    },
    /// An address came (or was set again) or went.
    Address {
        /// The device.
        link: String,
        /// The address with its prefix.
        net: IpNet,
        /// Whether it is there now.
        exists: bool,
    },
    /// A route of a table other than the local one came or went. Routes of the kernel are left out.
    Route {
        /// What `ip route` would call it: `198.51.100.0/24`, `default`.
        destination: String,
        /// Who put it in (`/etc/iproute2/rt_protos`).
        protocol: u8,
        /// Whether it is there now.
        exists: bool,
    },
}

/// One change with its time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    /// When it was told, since the lab began.
    pub at: Duration,
    /// What changed.
    pub change: Change,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6} {:?}", self.at.as_secs_f64(), self.change)
    }
}

/// A watch that lasts until it is dropped.
pub struct Monitor {
    notices: Arc<Mutex<Vec<Notice>>>,
    thread: Option<JoinHandle<io::Result<()>>>,
    /// Closing it ends the thread.
    stop: Option<PipeWriter>,
}

impl Node {
    /// Starts to watch what the kernel tells about links, addresses and routes.
    ///
    /// # Errors
    /// The node is off, or the kernel refused a socket.
    pub fn monitor(&self) -> Result<Monitor> {
        let what = || format!("{}: monitor", self.name());
        let (socket, mut names) = self.inside_run(open)?.during(what)?;
        let (stopped, stop) = io::pipe().during(what)?;
        let notices = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&notices);
        let began = self.began();
        let thread = std::thread::Builder::new()
            .name(what())
            .spawn(move || {
                loop {
                    let last = wait(socket.as_fd(), stopped.as_fd())?;
                    drain(&socket, &mut names, began, &sink)?;
                    if last {
                        return Ok(());
                    }
                }
            })
            .during(what)?;
        Ok(Monitor { notices, thread: Some(thread), stop: Some(stop) })
    }
}

impl Monitor {
    /// Everything so far, in order.
    #[must_use]
    pub fn notices(&self) -> Vec<Notice> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends the watch and gives everything.
    ///
    /// # Errors
    /// The kernel's notices came faster than they were read, or were not understood.
    pub fn stop(mut self) -> Result<Vec<Notice>> {
        self.stop = None;
        match self.thread.take().map(JoinHandle::join) {
            None | Some(Ok(Ok(()))) => Ok(self.notices()),
            Some(Ok(Err(e))) => Err(e).during(|| "monitor".to_owned()),
            Some(Err(_)) => Err(LabError::Expectation("the monitor panicked".to_owned())),
        }
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A socket that hears the groups, and the devices that are there already.
fn open() -> io::Result<(Socket, BTreeMap<u32, String>)> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    socket.set_non_blocking(true)?;
    // A user namespace may not have more than the usual size.
    let _ = nix::sys::socket::setsockopt(&socket, nix::sys::socket::sockopt::RcvBufForce, &BUFFER);
    for group in GROUPS {
        socket.add_membership(group)?;
    }
    let names = nix::net::if_::if_nameindex()?;
    let names = names.iter().map(|i| (i.index(), i.name().to_string_lossy().into_owned())).collect();
    Ok((socket, names))
}

/// Waits for news; whether the watch is over.
fn wait(socket: BorrowedFd<'_>, stopped: BorrowedFd<'_>) -> io::Result<bool> {
    let mut fds = [PollFd::new(socket, PollFlags::POLLIN), PollFd::new(stopped, PollFlags::POLLIN)];
    match poll(&mut fds, PollTimeout::NONE) {
        Ok(_) | Err(Errno::EINTR) => Ok(fds[1].any() == Some(true)),
        Err(e) => Err(e.into()),
    }
}

fn drain(
    socket: &Socket,
    names: &mut BTreeMap<u32, String>,
    began: Instant,
    sink: &Mutex<Vec<Notice>>,
) -> io::Result<()> {
    loop {
        let datagram = match socket.recv_from_full() {
            Ok((datagram, _)) => datagram,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        let at = began.elapsed();
        let mut rest = datagram.as_slice();
        while !rest.is_empty() {
            let (message, length) = parse(rest)?;
            rest = rest.get(length..).unwrap_or_default();
            if let Some(change) = change(message, names) {
                sink.lock().unwrap_or_else(PoisonError::into_inner).push(Notice { at, change });
            }
        }
    }
}

fn change(message: NetlinkMessage<RouteNetlinkMessage>, names: &mut BTreeMap<u32, String>) -> Option<Change> {
    let NetlinkPayload::InnerMessage(message) = message.payload else { return None };
    match message {
        RouteNetlinkMessage::NewLink(link) => Some(link_change(&link, true, names)),
        RouteNetlinkMessage::DelLink(link) => Some(link_change(&link, false, names)),
        RouteNetlinkMessage::NewAddress(address) => address_change(&address, true, names),
        RouteNetlinkMessage::DelAddress(address) => address_change(&address, false, names),
        RouteNetlinkMessage::NewRoute(route) => route_change(&route, true),
        RouteNetlinkMessage::DelRoute(route) => route_change(&route, false),
        _ => None,
    }
}

/// The first message of a datagram, and the length up to the next one.
fn parse(bytes: &[u8]) -> io::Result<(NetlinkMessage<RouteNetlinkMessage>, usize)> {
    let invalid = |e| io::Error::new(io::ErrorKind::InvalidData, format!("netlink: {e}"));
    let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(bytes).map_err(invalid)?;
    let length = usize::try_from(message.header.length).unwrap_or(usize::MAX).next_multiple_of(4);
    Ok((message, length))
}

/// The address itself: `IFA_ADDRESS` is the other end on a point-to-point link.
fn local_address(message: &AddressMessage) -> Option<IpAddr> {
    let of = |wanted: fn(&AddressAttribute) -> Option<IpAddr>| message.attributes.iter().find_map(wanted);
    of(|a| if let AddressAttribute::Local(ip) = a { Some(*ip) } else { None })
        .or_else(|| of(|a| if let AddressAttribute::Address(ip) = a { Some(*ip) } else { None }))
}

fn link_change(message: &LinkMessage, exists: bool, names: &mut BTreeMap<u32, String>) -> Change {
    let named = message.attributes.iter().find_map(|a| match a {
        LinkAttribute::IfName(name) => Some(name.clone()),
        _ => None,
    });
    let name = named.unwrap_or_else(|| "?".to_owned());
    names.insert(message.header.index, name.clone());
    Change::Link { name, running: message.header.flags.contains(LinkFlags::LowerUp | LinkFlags::Up), exists }
}

fn address_change(message: &AddressMessage, exists: bool, names: &BTreeMap<u32, String>) -> Option<Change> {
    let net = IpNet::new(local_address(message)?, message.header.prefix_len)?;
    let link = names.get(&message.header.index).cloned().unwrap_or_else(|| "?".to_owned());
    Some(Change::Address { link, net, exists })
}

fn route_change(message: &RouteMessage, exists: bool) -> Option<Change> {
    /// Routes that the kernel makes for addresses (`linux/rtnetlink.h`: `RTPROT_KERNEL`).
    const KERNEL: u8 = 2;
    const LOCAL_TABLE: u8 = 255;
    let protocol = u8::from(message.header.protocol);
    if protocol == KERNEL || message.header.table == LOCAL_TABLE {
        return None;
    }
    let prefix = message.header.destination_prefix_length;
    let destination = message.attributes.iter().find_map(|a| match a {
        RouteAttribute::Destination(RouteAddress::Inet(ip)) => Some(format!("{ip}/{prefix}")),
        RouteAttribute::Destination(RouteAddress::Inet6(ip)) => Some(format!("{ip}/{prefix}")),
        _ => None,
    });
    let destination = destination.unwrap_or_else(|| "default".to_owned());
    Some(Change::Route { destination, protocol, exists })
}
