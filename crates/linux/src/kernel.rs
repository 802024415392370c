//! The engine's vocabulary for the kernel, said in that of [`netlink`](crate::netlink) and
//! [`vrrp_socket`](crate::vrrp_socket). Nothing is decided here.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};

use base::{Duration, IfIndex, Instant};
use engine::facts::{AddressFacts, KernelDump, KernelEvent, LinkFacts, RouteFacts};
use engine::io::{OpError, OpId, Operation, SocketKind, SocketSpec};
use engine::lvs;
use engine::lvs::table::{SyncHalf, SyncSettings};
use model::address::AddressFlags as Wishes;
use model::lvs::IpvsNamespace;
use model::route::{RouteKind, RouteMetricKind, RouteOperation};

use crate::clock;
use crate::error::{Errno, OsError, Result};
use crate::ipvs::{Helper, Ipvs, SyncAnswer, SyncOrder};
use crate::netlink::{
    Address, AddressFlags, AddressMode, Change, Commands, Event, FOREVER, Link, LinkFlags, Lost, Metric,
    Monitor, MonitorConfig, NetlinkError, NextHop, PROTOCOL_KEEPALIVED, Request, Route, RouteFilter,
    RouteMode, Snapshot,
};
use crate::sysctl;
use crate::vrrp_socket::{Scope, Spec};

/// What a [`Kernel`] tells the engine: one input each.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum News {
    /// `Input::Dump`.
    Dump(KernelDump),
    /// `Input::Kernel`.
    Changed(KernelEvent),
    /// `Input::Overrun`.
    Overrun(Lost),
    /// `Input::Done`.
    Done(OpId, std::result::Result<(), OpError>),
    /// `Input::SyncRead`.
    SyncRead(std::result::Result<BTreeMap<SyncHalf, SyncSettings>, OpError>),
}

/// The kernel as the engine sees it: a monitor and a command socket.
#[derive(Debug)]
pub struct Kernel {
    monitor: Monitor,
    commands: Commands,
    events: Vec<Event>,
    /// Operations that have no netlink message and are done at once.
    done: Vec<(OpId, std::result::Result<(), OpError>)>,
    /// What is to be done with the sync daemon when nothing else is left to do.
    sync: VecDeque<SyncOrder>,
    sync_helper: Helper,
}

/// How to open a [`Kernel`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct KernelConfig {
    /// `vrrp_netlink_monitor_rcv_bufs` in bytes.
    pub monitor_buffer: Option<usize>,
    /// `vrrp_netlink_cmd_rcv_bufs` in bytes.
    pub command_buffer: Option<usize>,
    /// Protocols of the model's routes other than keepalived's own, whose routes are told, too.
    pub route_protocols: Vec<u8>,
    /// Where the sync daemon runs.
    pub ipvs_namespace: IpvsNamespace,
}

impl Kernel {
    /// Opens the sockets in the namespace of the calling thread, and asks for the first dump.
    pub fn open(config: &KernelConfig) -> Result<Self> {
        let mut monitor = Monitor::open(&MonitorConfig {
            receive_buffer: config.monitor_buffer,
            routes: route_filter(&config.route_protocols),
            news: true,
        })?;
        monitor.resync()?;
        let commands = Commands::open(config.command_buffer)?;
        Ok(Self {
            monitor,
            commands,
            events: Vec::new(),
            done: Vec::new(),
            sync: VecDeque::new(),
            sync_helper: Helper::new(config.ipvs_namespace.clone())?,
        })
    }

    /// The kernel's virtual servers, opened while there was the right to do so. Without this they are opened
    /// when the sync daemon is to be started; then no module is loaded, since others would have to wait.
    pub fn use_ipvs(&mut self, ipvs: Ipvs) {
        self.sync_helper.give(ipvs);
    }

    /// The descriptor to wait for: [`Kernel::read`] is due when it is readable.
    #[must_use]
    pub fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    /// Another descriptor to wait for: [`Kernel::sync_answers`] is due when it is readable.
    #[must_use]
    pub fn sync_bell(&self) -> BorrowedFd<'_> {
        self.sync_helper.as_fd()
    }

    /// What became of operations on the sync daemon, and what of it runs.
    pub fn sync_answers(&mut self) -> impl Iterator<Item = News> {
        self.sync_helper.answers().into_iter().map(sync_news)
    }

    /// `Effect::ReadSync`.
    pub fn read_sync(&mut self) {
        self.sync.push_back(SyncOrder::Read);
    }

    /// Whether [`Kernel::pump`] is due without any descriptor being ready.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.commands.has_work() || !self.done.is_empty() || !self.sync.is_empty()
    }

    /// `Effect::Resync`.
    pub fn resync(&mut self) -> Result<()> {
        self.monitor.resync()
    }

    /// Other protocols whose routes are told, after a reload. A resync is due then.
    pub fn set_route_protocols(&mut self, protocols: &[u8]) -> Result<()> {
        self.monitor.set_routes(route_filter(protocols))
    }

    /// `Effect::Kernel`.
    pub fn submit(&mut self, op: OpId, operation: &Operation) {
        match request(operation) {
            Ok(request) => {
                let lease = match operation {
                    Operation::AddAddress { valid_lft: Some(lease), .. } => Some(*lease),
                    _ => None,
                };
                self.commands.submit_until(request, op.0, lease.map(deadline));
            }
            Err(Undone::Promote(link)) => {
                let path = sysctl::of_link(base::Family::V4, link, "promote_secondaries");
                self.done.push((op, sysctl::set(&path, 1).map(drop).map_err(|e| op_error(&e))));
            }
            Err(Undone::Sync(operation)) => self.sync.push_back(SyncOrder::Change(op, operation)),
            Err(Undone::Impossible(text)) => {
                self.done.push((op, Err(OpError { errno: libc::EINVAL, message: text.into() })));
            }
        }
    }

    /// Sends one chunk of what was submitted and tells its answers; returns whether there is more. To
    /// be called once per turn of the loop.
    pub fn pump(&mut self, mut tell: impl FnMut(News)) -> Result<bool> {
        for (op, result) in self.done.drain(..) {
            tell(News::Done(op, result));
        }
        let more = self.commands.pump()?;
        while let Some(c) = self.commands.completion() {
            let result = c.result.or_else(|e| forgive(&c.request, e));
            tell(News::Done(OpId(c.cookie), result));
        }
        if !more {
            for order in self.sync.drain(..) {
                if let Some(answer) = self.sync_helper.submit(order) {
                    tell(sync_news(answer));
                }
            }
        }
        Ok(self.has_work())
    }

    /// Reads what the kernel tells.
    pub fn read(&mut self, mut tell: impl FnMut(News)) -> Result<()> {
        self.monitor.read(&mut self.events)?;
        for event in self.events.drain(..) {
            match event {
                Event::Snapshot(s) => tell(News::Dump(dump(s))),
                Event::Change(c) => {
                    if let Some(c) = changed(c) {
                        tell(News::Changed(c));
                    }
                }
                Event::Lost(lost) => tell(News::Overrun(lost)),
            }
        }
        Ok(())
    }
}

fn sync_news(answer: SyncAnswer) -> News {
    match answer {
        SyncAnswer::Done(op, result) => News::Done(op, result.map_err(|e| op_error(&e))),
        SyncAnswer::Runs(halves) => News::SyncRead(halves.map_err(|e| op_error(&e))),
    }
}

/// A renewal that was decided before the process was held up must not put an address back that somebody else
/// has by now.
fn deadline(lease: u32) -> Instant {
    clock::now() + Duration::from_secs(lease.into())
}

fn route_filter(others: &[u8]) -> RouteFilter {
    let mut all = vec![PROTOCOL_KEEPALIVED];
    all.extend(others);
    all.sort_unstable();
    all.dedup();
    RouteFilter::Protocols(all)
}

/// An operation without a message of rtnetlink.
enum Undone {
    Promote(base::IfName),
    Sync(lvs::io::Operation),
    Impossible(&'static str),
}

fn request(operation: &Operation) -> std::result::Result<Request, Undone> {
    Ok(match operation {
        Operation::AddAddress { link, address, valid_lft } => {
            let mut a = Address::new(*link, address.net);
            if let Some(peer) = address.peer {
                // The prefix length is the peer's, the address keeps none of its own.
                a.net = base::IpNet::new(a.net.addr(), peer.prefix())
                    .ok_or(Undone::Impossible("the peer is of another family"))?;
                a.peer = Some(peer.addr());
            }
            a.broadcast = address.broadcast.map(IpAddr::V4);
            a.label = address.label.as_deref().map(str::to_owned);
            a.scope = address.scope;
            a.flags = flags(address.flags);
            a.valid = valid_lft.unwrap_or(FOREVER);
            // The kernel refuses one that is longer.
            a.preferred = address.preferred_lft.unwrap_or(FOREVER).min(a.valid);
            a.protocol = PROTOCOL_KEEPALIVED;
            Request::AddAddress(a, AddressMode::Replace)
        }
        Operation::DelAddress { link, net, peer } => {
            let mut a = Address::new(*link, *net);
            if let Some(peer) = peer {
                a.net = base::IpNet::new(net.addr(), peer.prefix())
                    .ok_or(Undone::Impossible("the peer is of another family"))?;
                a.peer = Some(peer.addr());
            }
            Request::DeleteAddress(a)
        }
        Operation::AddRoute { route: r, links } => {
            let mode = match r.operation {
                RouteOperation::Prepend => RouteMode::Prepend,
                RouteOperation::Append => RouteMode::Append,
                RouteOperation::Add => RouteMode::Exclusive,
            };
            Request::AddRoute(route(r, links), mode)
        }
        Operation::DelRoute { route: r, links } => {
            let mut gone = route(r, links);
            // Any, if the user didn't care.
            gone.scope = r.scope.unwrap_or(if gone.destination.family() == base::Family::V6 {
                libc::RT_SCOPE_UNIVERSE
            } else {
                libc::RT_SCOPE_NOWHERE
            });
            Request::DeleteRoute(gone)
        }
        Operation::PromoteSecondaries { link } => return Err(Undone::Promote(*link)),
        Operation::StartSync(half, settings) => {
            return Err(Undone::Sync(lvs::io::Operation::StartSync(*half, settings.clone())));
        }
        Operation::StopSync(half, settings) => {
            return Err(Undone::Sync(lvs::io::Operation::StopSync(*half, settings.clone())));
        }
    })
}

/// Doing something twice is the same as doing it once: what is there already, or already gone, is no
/// error. Of routes only `add` insists on being the first.
fn forgive(request: &Request, e: NetlinkError) -> std::result::Result<(), OpError> {
    let fine = match request {
        Request::AddAddress(..) | Request::AddRoute(_, RouteMode::Prepend | RouteMode::Append) => {
            e.errno == Errno::EEXIST
        }
        Request::DeleteAddress(_) => matches!(e.errno, Errno::EADDRNOTAVAIL | Errno::ENODEV),
        Request::DeleteRoute(_) => matches!(e.errno, Errno::ESRCH | Errno::ENODEV),
        _ => false,
    };
    if fine {
        return Ok(());
    }
    let message = e.message.unwrap_or_else(|| e.errno.desc().to_owned());
    Err(OpError { errno: e.errno as i32, message: message.into() })
}

/// An error of this crate for the engine.
#[must_use]
pub fn op_error(e: &OsError) -> OpError {
    OpError { errno: e.errno as i32, message: e.to_string().into() }
}

/// The socket that the engine asks for.
#[must_use]
pub fn socket_spec(spec: &SocketSpec) -> Spec {
    let (scope, hop_limit) = match spec.kind {
        SocketKind::Multicast { group } => (Scope::Multicast(group), None),
        SocketKind::Unicast { source, hop_limit } => (Scope::Unicast(source), hop_limit),
    };
    Spec {
        protocol: spec.protocol,
        link: spec.link,
        scope,
        hop_limit,
        vrids: spec.vrids.clone(),
        receive_buffer: spec.receive_buffer.and_then(|n| usize::try_from(n).ok()),
    }
}

type Field = fn(&mut Wishes) -> &mut bool;

/// The model's flags with the kernel's.
const FLAGS: [(AddressFlags, Field); 5] = [
    (AddressFlags::NODAD, |w| &mut w.nodad),
    (AddressFlags::HOME, |w| &mut w.home),
    (AddressFlags::MNGTMPADDR, |w| &mut w.mngtmpaddr),
    (AddressFlags::NOPREFIXROUTE, |w| &mut w.noprefixroute),
    (AddressFlags::AUTOJOIN, |w| &mut w.autojoin),
];

fn flags(mut wishes: Wishes) -> AddressFlags {
    let set = FLAGS.iter().filter(|(_, field)| *field(&mut wishes)).map(|(flag, _)| *flag);
    set.fold(AddressFlags::default(), AddressFlags::with)
}

fn wishes(flags: AddressFlags) -> Wishes {
    let mut wishes = Wishes::default();
    for (flag, field) in FLAGS {
        *field(&mut wishes) = flags.contains(flag);
    }
    wishes
}

/// The model's kinds of route with the kernel's numbers (`RTN_*`).
const KINDS: [(RouteKind, u8); 9] = [
    (RouteKind::Unicast, libc::RTN_UNICAST),
    (RouteKind::Local, libc::RTN_LOCAL),
    (RouteKind::Broadcast, libc::RTN_BROADCAST),
    (RouteKind::Anycast, libc::RTN_ANYCAST),
    (RouteKind::Multicast, libc::RTN_MULTICAST),
    (RouteKind::Blackhole, libc::RTN_BLACKHOLE),
    (RouteKind::Unreachable, libc::RTN_UNREACHABLE),
    (RouteKind::Prohibit, libc::RTN_PROHIBIT),
    (RouteKind::Throw, libc::RTN_THROW),
];

fn route(r: &model::Route, links: &[Option<IfIndex>]) -> Route {
    let mut out = Route::new(r.destination);
    out.kind = KINDS.iter().find(|(k, _)| *k == r.kind).map_or(libc::RTN_UNICAST, |(_, n)| *n);
    (out.table, out.metric, out.protocol, out.tos) = (r.table, r.metric, r.protocol, r.tos);
    (out.preferred_source, out.source) = (r.source, r.from);
    (out.preference, out.expires) = (r.preference, r.expires);
    out.scope = r.scope.unwrap_or_else(|| scope(r));
    out.next_hops = r
        .hops
        .iter()
        .zip(links.iter().copied().chain(std::iter::repeat(None)))
        .map(|(h, device)| NextHop { gateway: h.gateway, device, onlink: h.onlink, weight: h.weight.max(1) })
        .collect();
    let locked = r.metrics.iter().filter(|m| m.locked).fold(0, |mask, m| mask | 1 << metric(m.kind));
    if locked != 0 {
        out.metrics.push(Metric::Number(RTAX_LOCK, locked));
    }
    out.metrics.extend(r.metrics.iter().map(|m| Metric::Number(metric(m.kind), m.value)));
    out.metrics.sort_unstable();
    out
}

/// As `ip route` chooses it: what needs no router is on the link, what is the machine's own is there.
fn scope(r: &model::Route) -> u8 {
    if r.family == base::Family::V6 {
        return libc::RT_SCOPE_UNIVERSE;
    }
    match r.kind {
        RouteKind::Local => libc::RT_SCOPE_HOST,
        RouteKind::Broadcast | RouteKind::Multicast | RouteKind::Anycast => libc::RT_SCOPE_LINK,
        RouteKind::Unicast if r.hops.len() < 2 && r.hops.iter().all(|h| h.gateway.is_none()) => {
            libc::RT_SCOPE_LINK
        }
        _ => libc::RT_SCOPE_UNIVERSE,
    }
}

const RTAX_LOCK: u16 = 1;

/// The kernel's number of a metric (`RTAX_*`).
fn metric(kind: RouteMetricKind) -> u16 {
    match kind {
        RouteMetricKind::Mtu => 2,
        RouteMetricKind::Window => 3,
        RouteMetricKind::Rtt => 4,
        RouteMetricKind::RttVar => 5,
        RouteMetricKind::SsThresh => 6,
        RouteMetricKind::Cwnd => 7,
        RouteMetricKind::AdvMss => 8,
        RouteMetricKind::Reordering => 9,
        RouteMetricKind::HopLimit => 10,
        RouteMetricKind::InitCwnd => 11,
        RouteMetricKind::Features => 12,
        RouteMetricKind::RtoMin => 13,
        RouteMetricKind::InitRwnd => 14,
        RouteMetricKind::QuickAck => 15,
        RouteMetricKind::FastOpenNoCookie => 17,
    }
}

/// A snapshot in the engine's words.
#[must_use]
pub fn dump(s: Snapshot) -> KernelDump {
    let mut addresses = s.addresses;
    KernelDump {
        links: s.links.into_values().map(|l| link_facts(&l)).collect(),
        addresses: s.order.iter().filter_map(|key| addresses.remove(key)).map(address_facts).collect(),
        routes: s.routes.into_values().filter_map(route_facts).collect(),
    }
}

/// `None` for a route of a type that the model has no name for.
fn changed(c: Change) -> Option<KernelEvent> {
    Some(match c {
        Change::Link(l) => KernelEvent::Link(link_facts(&l)),
        Change::LinkGone(l) => KernelEvent::LinkGone(l.index),
        Change::Address(a) => KernelEvent::Address(address_facts(a)),
        Change::AddressGone(a) => KernelEvent::AddressGone(address_facts(a)),
        Change::Route(r) => KernelEvent::Route(route_facts(r)?),
        Change::RouteGone(r) => KernelEvent::RouteGone(route_facts(r)?),
    })
}

fn link_facts(l: &Link) -> LinkFacts {
    LinkFacts {
        index: l.index,
        name: l.name,
        mac: l.mac,
        mtu: l.mtu,
        up: l.flags.contains(LinkFlags::UP),
        // An interface just switched on says RUNNING for a moment even without a carrier.
        running: l.flags.contains(LinkFlags::RUNNING.with(LinkFlags::LOWER_UP)),
        loopback: l.flags.contains(LinkFlags::LOOPBACK),
        noarp: l.flags.contains(LinkFlags::NOARP),
        multicast: l.flags.contains(LinkFlags::MULTICAST),
        master: l.master,
        forwarding6: l.forwarding6,
    }
}

fn address_facts(a: Address) -> AddressFacts {
    let v4 = a.net.family() == base::Family::V4;
    let seconds = |n| Some(n).filter(|n| *n != FOREVER);
    AddressFacts {
        link: a.index,
        net: a.net,
        peer: a.peer,
        broadcast: match a.broadcast {
            Some(IpAddr::V4(b)) => Some(b),
            _ => None,
        },
        label: a.label.map(Into::into),
        scope: a.scope,
        flags: wishes(a.flags),
        // The same bit means "temporary" to IPv6.
        secondary: v4 && a.flags.contains(AddressFlags::SECONDARY),
        tentative: !v4 && a.flags.contains(AddressFlags::TENTATIVE),
        dad_failed: !v4 && a.flags.contains(AddressFlags::DADFAILED),
        preferred_lft: seconds(a.preferred),
        valid_lft: seconds(a.valid),
        protocol: Some(a.protocol).filter(|p| *p != 0),
    }
}

fn route_facts(r: Route) -> Option<RouteFacts> {
    Some(RouteFacts {
        destination: r.destination,
        kind: KINDS.iter().find(|(_, n)| *n == r.kind).map(|(k, _)| *k)?,
        table: r.table,
        metric: r.metric,
        tos: r.tos,
        protocol: r.protocol,
        source: r.preferred_source,
        hops: r.next_hops.into_iter().map(|h| (h.gateway, h.device)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{IfName, IpNet};
    use model::route::{Hop, RouteMetric};

    fn net(s: &str) -> IpNet {
        s.parse().unwrap()
    }

    fn index(n: u32) -> IfIndex {
        IfIndex::new(n).unwrap()
    }

    #[test]
    fn a_dump_keeps_the_kernels_order_of_addresses() {
        let mut snapshot = Snapshot::default();
        for text in ["198.51.100.9/24", "10.0.0.1/24", "192.0.2.1/24"] {
            snapshot.apply(Change::Address(Address::new(index(3), net(text))));
        }
        snapshot.apply(Change::AddressGone(Address::new(index(3), net("10.0.0.1/24"))));
        let order: Vec<_> = dump(snapshot).addresses.iter().map(|a| a.net.to_string()).collect();
        assert_eq!(order, ["198.51.100.9/24", "192.0.2.1/24"]);
    }

    fn plain_route(destination: &str) -> model::Route {
        model::Route {
            family: net(destination).family(),
            destination: net(destination),
            kind: RouteKind::Unicast,
            table: 254,
            metric: 0,
            protocol: 18,
            scope: None,
            source: None,
            from: None,
            tos: 0,
            hops: Vec::new(),
            metrics: Vec::new(),
            preference: None,
            expires: None,
            operation: RouteOperation::Prepend,
            no_track: false,
            held: None,
        }
    }

    #[test]
    fn every_wish_for_an_address_reaches_the_kernel_and_is_read_back() {
        let flags = Wishes { nodad: true, noprefixroute: true, ..Wishes::default() };
        let wish = model::Address {
            net: net("192.0.2.1/24"),
            link: IfName::new("eth0").unwrap(),
            peer: Some(net("198.51.100.1/32")),
            broadcast: Some("192.0.2.255".parse().unwrap()),
            label: Some("eth0:1".into()),
            scope: 253,
            flags,
            preferred_lft: Some(0),
            no_track: false,
            on_vmac: false,
        };
        let operation = Operation::AddAddress { link: index(3), address: wish, valid_lft: None };
        let Ok(Request::AddAddress(asked, AddressMode::Replace)) = request(&operation) else { panic!() };
        let facts = address_facts(asked);
        // The prefix length is that of the peer.
        assert_eq!((facts.net, facts.peer), (net("192.0.2.1/32"), Some("198.51.100.1".parse().unwrap())));
        assert_eq!((facts.flags, facts.scope, facts.preferred_lft), (flags, 253, Some(0)));
        assert_eq!(
            (facts.label.as_deref(), facts.protocol, facts.valid_lft),
            (Some("eth0:1"), Some(18), None)
        );
        assert_eq!(facts.broadcast, Some("192.0.2.255".parse().unwrap()));
    }

    #[test]
    fn a_route_gets_the_scope_that_iproute2_would_give_it() {
        let direct = plain_route("10.0.0.0/8");
        let via = model::Route {
            hops: vec![Hop { gateway: Some("192.0.2.254".parse().unwrap()), ..Hop::default() }],
            ..direct.clone()
        };
        let local = model::Route { kind: RouteKind::Local, ..direct.clone() };
        let scope = |r: &model::Route, adding| {
            let (route, links) = (r.clone(), Vec::new());
            let operation = if adding {
                Operation::AddRoute { route, links }
            } else {
                Operation::DelRoute { route, links }
            };
            match request(&operation) {
                Ok(Request::AddRoute(r, _) | Request::DeleteRoute(r)) => r.scope,
                _ => panic!("no route"),
            }
        };
        assert_eq!((scope(&direct, true), scope(&via, true), scope(&local, true)), (253, 0, 254));
        assert_eq!((scope(&direct, false), scope(&plain_route("2001:db8::/32"), true)), (255, 0));
        assert_eq!(scope(&model::Route { scope: Some(7), ..via }, true), 7);
    }

    #[test]
    fn locked_metrics_are_told_in_a_mask() {
        let metric = |kind, value, locked| RouteMetric { kind, value, locked };
        let r = model::Route {
            metrics: vec![
                metric(RouteMetricKind::AdvMss, 1400, false),
                metric(RouteMetricKind::Mtu, 1450, true),
            ],
            ..plain_route("10.0.0.0/8")
        };
        let expected = [Metric::Number(1, 4), Metric::Number(2, 1450), Metric::Number(8, 1400)];
        assert_eq!(route(&r, &[]).metrics, expected);
    }

    #[test]
    fn what_is_so_already_has_worked() {
        let fails = |operation: &Operation, errno| {
            let Ok(request) = request(operation) else { panic!() };
            let e = NetlinkError { request: String::new(), errno, message: Some("why".into()) };
            forgive(&request, e)
        };
        let gone = Operation::DelAddress { link: index(3), net: net("192.0.2.1/24"), peer: None };
        assert_eq!(fails(&gone, Errno::EADDRNOTAVAIL), Ok(()));
        let expected = OpError { errno: Errno::EPERM as i32, message: "why".into() };
        assert_eq!(fails(&gone, Errno::EPERM), Err(expected));
        let mut route = plain_route("10.0.0.0/8");
        assert_eq!(
            fails(&Operation::AddRoute { route: route.clone(), links: vec![] }, Errno::EEXIST),
            Ok(())
        );
        route.operation = RouteOperation::Add;
        assert!(fails(&Operation::AddRoute { route, links: vec![] }, Errno::EEXIST).is_err());
    }
}
