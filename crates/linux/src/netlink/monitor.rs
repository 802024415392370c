//! The socket that tells what is there and what changes.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::{AsFd, BorrowedFd};

use base::IfIndex;
use netlink_packet_core::{NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_MULTIPART, NLM_F_REQUEST};
use nix::errno::Errno;

use super::address::Address;
use super::attributes::{attributes, split, u32_of};
use super::link::Link;
use super::message::{finish, header};
use super::route::Route;
use super::snapshot::Snapshot;
use super::transport::{Message, Received, Transport, messages};
use crate::error::{Context, Result};
use crate::sys;

const RTNLGRP_LINK: u32 = 1;
const RTNLGRP_IPV4_IFADDR: u32 = 5;
const RTNLGRP_IPV4_ROUTE: u32 = 7;
const RTNLGRP_IPV6_IFADDR: u32 = 9;
const RTNLGRP_IPV6_ROUTE: u32 = 11;
const RTNLGRP_IPV6_NETCONF: u32 = 25;

const NETCONFA_IFINDEX: u16 = 1;
const NETCONFA_FORWARDING: u16 = 2;

/// The most datagrams that one call reads, so that a storm of news doesn't keep adverts waiting.
const BUDGET: usize = 64;

/// Which routes to tell about. A router with the routes of the whole internet has a million of
/// others, and the kernel drops those before they get to us.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RouteFilter {
    /// None.
    None,
    /// Those made by these protocols (`RTPROT_*`).
    Protocols(Vec<u8>),
    /// All.
    All,
}

/// What to monitor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MonitorConfig {
    /// Size of the receive buffer in bytes; `None` for the kernel's default.
    pub receive_buffer: Option<usize>,
    /// Which routes.
    pub routes: RouteFilter,
    /// Whether to tell about changes at all, or only what is there when asked.
    pub news: bool,
}

impl Default for MonitorConfig {
    /// No routes, changes of links and addresses, and the buffer that the kernel gives.
    fn default() -> Self {
        Self { receive_buffer: None, routes: RouteFilter::None, news: true }
    }
}

/// A change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// An interface appeared or changed.
    Link(Link),
    /// An interface is gone: removed or moved to another namespace.
    LinkGone(Link),
    /// An address appeared or changed.
    Address(Address),
    /// An address is gone.
    AddressGone(Address),
    /// A route appeared or changed.
    Route(Route),
    /// A route is gone. The kernel doesn't tell of routes that go with their interface when that is
    /// switched off.
    RouteGone(Route),
}

/// Why the picture has holes now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lost {
    /// The receive buffer was full (`ENOBUFS`).
    Overrun,
    /// A message was longer than our buffer.
    Truncated,
    /// Something changed while the kernel listed it (`NLM_F_DUMP_INTR`).
    Interrupted,
    /// The kernel refused to list something.
    Refused(Errno),
}

/// What a monitor tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// The answer to [`Monitor::resync`]: everything that is there.
    Snapshot(Snapshot),
    /// A change of what the last snapshot said.
    Change(Change),
    /// Changes were lost, or a snapshot couldn't be had: [`Monitor::resync`] is due. Comes instead of
    /// the snapshot if one was under way.
    Lost(Lost),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Dump {
    Links,
    Addresses,
    Routes { family: u8, protocol: u8 },
}

/// A snapshot under way.
#[derive(Debug)]
struct Sync {
    snapshot: Snapshot,
    /// What is to be asked for after the present dump.
    plan: VecDeque<Dump>,
    /// The request whose answer is being read.
    sequence: u32,
    /// Nothing good will come of it; only its end is waited for.
    spoiled: bool,
    /// Begin anew after that.
    again: bool,
}

/// Tells what is there and what changes, in the order in which it happened: both come through one
/// socket, so a listing can't be older than a change that was told before it.
#[derive(Debug)]
pub struct Monitor {
    transport: Transport,
    routes: RouteFilter,
    sequence: u32,
    sync: Option<Sync>,
    /// A snapshot has been told, so changes make sense.
    primed: bool,
    /// Interfaces as last told: some changes of an interface come as a message of their own.
    links: BTreeMap<IfIndex, Link>,
}

impl Monitor {
    /// Opens the socket in the namespace of the calling thread. Nothing is told before the first
    /// [`Monitor::resync`].
    pub fn open(config: &MonitorConfig) -> Result<Self> {
        let transport = Transport::open(config.receive_buffer)?;
        let mut monitor = Self {
            transport,
            routes: RouteFilter::None,
            sequence: 0,
            sync: None,
            primed: false,
            links: BTreeMap::new(),
        };
        monitor.set_routes(config.routes.clone())?;
        if config.news {
            let mut groups =
                vec![RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_NETCONF];
            if config.routes != RouteFilter::None {
                groups.extend([RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE]);
            }
            for group in groups {
                monitor.transport.subscribe(group)?;
            }
        }
        Ok(monitor)
    }

    /// Changes which routes are told; a monitor opened with none stays without. A resync is due then.
    pub fn set_routes(&mut self, routes: RouteFilter) -> Result<()> {
        self.transport.filter(&filter_program(&routes))?;
        self.routes = routes;
        Ok(())
    }

    /// Asks for everything; answered by [`Event::Snapshot`] or [`Event::Lost`]. If an answer is under
    /// way, it is dropped and another one follows.
    pub fn resync(&mut self) -> Result<()> {
        if let Some(sync) = &mut self.sync {
            (sync.spoiled, sync.again) = (true, true);
            return Ok(());
        }
        let mut plan = VecDeque::from([Dump::Addresses]);
        let protocols: &[u8] = match &self.routes {
            RouteFilter::None => &[],
            RouteFilter::Protocols(p) => p,
            RouteFilter::All => &[0],
        };
        for &protocol in protocols {
            plan.extend(
                [libc::AF_INET, libc::AF_INET6]
                    .map(|f| Dump::Routes { family: u8::try_from(f).unwrap_or(0), protocol }),
            );
        }
        let snapshot = Snapshot::default();
        self.sync = Some(Sync { snapshot, plan, sequence: 0, spoiled: false, again: false });
        self.request(Dump::Links)
    }

    /// Reads what has come, at most a few dozen messages, and appends it to `events`. The descriptor
    /// stays readable while there is more.
    pub fn read(&mut self, events: &mut Vec<Event>) -> Result<()> {
        for _ in 0..BUDGET {
            let lost = match self.transport.receive()? {
                Received::Empty => return Ok(()),
                Received::Foreign => continue,
                Received::Overrun => Lost::Overrun,
                Received::Truncated => Lost::Truncated,
                Received::Messages(bytes) => {
                    let (sync, links) = (&mut self.sync, &mut self.links);
                    let mut ended = None;
                    for message in messages(bytes) {
                        let of_dump = sync.as_ref().is_some_and(|s| s.sequence == message.sequence);
                        let kind = libc::c_int::from(message.kind);
                        if kind == libc::NLMSG_DONE || kind == libc::NLMSG_ERROR {
                            if of_dump {
                                ended = Some(end_of_dump(&message));
                            }
                            continue;
                        }
                        let interrupted = message.flags & NLM_F_DUMP_INTR != 0;
                        if let (true, true, Some(sync)) = (of_dump, interrupted, sync.as_mut())
                            && !std::mem::replace(&mut sync.spoiled, true)
                        {
                            events.push(Event::Lost(Lost::Interrupted));
                        }
                        let Some(change) = decode(&message, links) else { continue };
                        if !wanted(&self.routes, &change) {
                            continue;
                        }
                        if self.primed && !of_dump {
                            events.push(Event::Change(change.clone()));
                        }
                        if let Some(sync) = sync.as_mut().filter(|s| !s.spoiled) {
                            sync.snapshot.apply(change);
                        }
                    }
                    if let Some(lost) = ended {
                        self.next_dump(lost, events)?;
                    }
                    continue;
                }
            };
            if let Some(sync) = &mut self.sync {
                sync.spoiled = true;
            }
            events.push(Event::Lost(lost));
        }
        Ok(())
    }

    /// Goes on after a dump that has ended well or with a loss.
    fn next_dump(&mut self, lost: Option<Lost>, events: &mut Vec<Event>) -> Result<()> {
        let Some(sync) = &mut self.sync else { return Ok(()) };
        if let Some(lost) = lost
            && !std::mem::replace(&mut sync.spoiled, true)
        {
            events.push(Event::Lost(lost));
        }
        if !sync.spoiled
            && let Some(dump) = sync.plan.pop_front()
        {
            return self.request(dump);
        }
        let Some(sync) = self.sync.take() else { return Ok(()) };
        if sync.again {
            return self.resync();
        }
        if !sync.spoiled {
            self.links.clone_from(&sync.snapshot.links);
            self.primed = true;
            events.push(Event::Snapshot(sync.snapshot));
        }
        Ok(())
    }

    fn request(&mut self, dump: Dump) -> Result<()> {
        self.sequence = self.sequence.wrapping_add(1).max(1);
        let mut message = Vec::with_capacity(64);
        let (kind, length) = match dump {
            Dump::Links => (libc::RTM_GETLINK, 16),
            Dump::Addresses => (libc::RTM_GETADDR, 8),
            Dump::Routes { .. } => (libc::RTM_GETROUTE, 12),
        };
        header(&mut message, kind, NLM_F_REQUEST | NLM_F_DUMP, self.sequence);
        let mut body = [0u8; 16];
        if let Dump::Routes { family, protocol } = dump {
            (body[0], body[5]) = (family, protocol);
        }
        message.extend(body.iter().take(length));
        finish(&mut message, 0);
        if let Some(sync) = &mut self.sync {
            sync.sequence = self.sequence;
        }
        let sent = self.transport.send(&message);
        if sent.is_err() {
            self.sync = None;
        }
        sent.on("list", format_args!("{dump:?}"))
    }
}

impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.transport.as_fd()
    }
}

/// What the last message of a dump says about it.
fn end_of_dump(message: &Message<'_>) -> Option<Lost> {
    match message.result() {
        // A kernel without that family has nothing to list.
        Err((Errno::EAFNOSUPPORT | Errno::EOPNOTSUPP, _)) => None,
        Err((e, _)) => Some(Lost::Refused(e)),
        Ok(()) if message.flags & NLM_F_DUMP_INTR != 0 => Some(Lost::Interrupted),
        Ok(()) => None,
    }
}

fn decode(message: &Message<'_>, links: &mut BTreeMap<IfIndex, Link>) -> Option<Change> {
    Some(match message.kind {
        libc::RTM_NEWLINK => {
            let link = Link::decode(message.payload)?;
            links.insert(link.index, link.clone());
            Change::Link(link)
        }
        libc::RTM_DELLINK => {
            let link = Link::decode(message.payload)?;
            links.remove(&link.index);
            Change::LinkGone(link)
        }
        libc::RTM_NEWADDR => Change::Address(Address::decode(message.payload)?),
        libc::RTM_DELADDR => Change::AddressGone(Address::decode(message.payload)?),
        libc::RTM_NEWROUTE => Change::Route(Route::decode(message.payload)?),
        libc::RTM_DELROUTE => Change::RouteGone(Route::decode(message.payload)?),
        libc::RTM_NEWNETCONF => {
            let (header, rest) = split::<4>(message.payload)?;
            if libc::c_int::from(header[0]) != libc::AF_INET6 {
                return None;
            }
            let value = |kind| attributes(rest).find(|(k, _)| *k == kind).and_then(|(_, v)| u32_of(v));
            let link = links.get_mut(&IfIndex::new(value(NETCONFA_IFINDEX)?)?)?;
            let forwarding = value(NETCONFA_FORWARDING)? != 0;
            if link.forwarding6 == forwarding {
                return None;
            }
            link.forwarding6 = forwarding;
            Change::Link(link.clone())
        }
        _ => return None,
    })
}

/// Kernels before 4.20 list all routes whatever was asked for.
fn wanted(filter: &RouteFilter, change: &Change) -> bool {
    match (change, filter) {
        (Change::Route(r) | Change::RouteGone(r), RouteFilter::Protocols(p)) => p.contains(&r.protocol),
        (Change::Route(_) | Change::RouteGone(_), RouteFilter::None) => false,
        _ => true,
    }
}

/// Classic BPF that drops news of routes of other protocols, but not what is part of a dump.
fn filter_program(routes: &RouteFilter) -> Vec<libc::sock_filter> {
    let RouteFilter::Protocols(protocols) = routes else { return Vec::new() };
    // Numbers of the message header are in the machine's order, BPF loads in the network's.
    let swapped = |n: u16| u32::from(u16::from_be_bytes(n.to_ne_bytes()));
    let stmt = |code: u32, k| sys::instruction(code, k, 0, 0);
    let jump = |code: u32, k, jt, jf| sys::instruction(libc::BPF_JMP | code | libc::BPF_K, k, jt, jf);
    let accept = stmt(libc::BPF_RET | libc::BPF_K, u32::MAX);
    let mut p = vec![
        stmt(libc::BPF_LD | libc::BPF_H | libc::BPF_ABS, 4),
        jump(libc::BPF_JEQ, swapped(libc::RTM_NEWROUTE), 2, 0),
        jump(libc::BPF_JEQ, swapped(libc::RTM_DELROUTE), 1, 0),
        accept,
        stmt(libc::BPF_LD | libc::BPF_H | libc::BPF_ABS, 6),
        jump(libc::BPF_JSET, swapped(NLM_F_MULTIPART), 0, 1),
        accept,
        stmt(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, 16 + 5),
    ];
    for &protocol in protocols {
        p.extend([jump(libc::BPF_JEQ, protocol.into(), 0, 1), accept]);
    }
    p.push(stmt(libc::BPF_RET | libc::BPF_K, 0));
    p
}
