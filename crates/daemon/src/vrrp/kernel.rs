//! Netlink's words and the engine's words for the same things.

use std::net::IpAddr;

use base::{Family, IfIndex, IpNet};
use engine::facts::{AddressFacts, KernelDump, KernelEvent, LinkFacts, RouteFacts};
use engine::io::{OpError, Operation};
use linux::Errno;
use linux::netlink::{
    self, AddressFlags, AddressMode, Change, FOREVER, LinkFlags, Metric, NetlinkError, NextHop,
    PROTOCOL_KEEPALIVED, Request, RouteMode, Snapshot,
};
use model::address::AddressFlags as ModelFlags;
use model::route::{RouteKind, RouteMetricKind, RouteOperation};

/// What the kernel says of an interface.
fn link(l: &netlink::Link) -> LinkFacts {
    LinkFacts {
        index: l.index,
        name: l.name,
        mac: l.mac,
        mtu: l.mtu,
        up: l.flags.contains(LinkFlags::UP),
        running: l.flags.contains(LinkFlags::RUNNING),
        loopback: l.flags.contains(LinkFlags::LOOPBACK),
        noarp: l.flags.contains(LinkFlags::NOARP),
        multicast: l.flags.contains(LinkFlags::MULTICAST),
        master: l.master,
        forwarding6: l.forwarding6,
    }
}

/// The wishes among an address's flags, side by side with the model's names of them.
const FLAGS: &[(AddressFlags, fn(&mut ModelFlags) -> &mut bool)] = &[
    (AddressFlags::NODAD, |f| &mut f.nodad),
    (AddressFlags::HOME, |f| &mut f.home),
    (AddressFlags::MNGTMPADDR, |f| &mut f.mngtmpaddr),
    (AddressFlags::NOPREFIXROUTE, |f| &mut f.noprefixroute),
    (AddressFlags::AUTOJOIN, |f| &mut f.autojoin),
];

fn flags_to_model(raw: AddressFlags) -> ModelFlags {
    let mut flags = ModelFlags::default();
    for (bit, field) in FLAGS {
        *field(&mut flags) = raw.contains(*bit);
    }
    flags
}

fn flags_to_kernel(mut flags: ModelFlags) -> AddressFlags {
    FLAGS
        .iter()
        .filter(|(_, field)| *field(&mut flags))
        .fold(AddressFlags::default(), |all, (bit, _)| all.with(*bit))
}

/// What the kernel says of an address.
fn address(a: &netlink::Address) -> AddressFacts {
    let lifetime = |seconds| (seconds != FOREVER).then_some(seconds);
    AddressFacts {
        link: a.index,
        net: a.net,
        peer: a.peer,
        broadcast: match a.broadcast {
            Some(IpAddr::V4(b)) => Some(b),
            _ => None,
        },
        label: a.label.as_deref().map(Into::into),
        scope: a.scope,
        flags: flags_to_model(a.flags),
        secondary: a.net.family() == Family::V4 && a.flags.contains(AddressFlags::SECONDARY),
        tentative: a.flags.contains(AddressFlags::TENTATIVE),
        dad_failed: a.flags.contains(AddressFlags::DADFAILED),
        preferred_lft: lifetime(a.preferred),
        valid_lft: lifetime(a.valid),
        protocol: (a.protocol != 0).then_some(a.protocol),
    }
}

/// The types of routes that the model has, by the kernel's numbers (`RTN_*`).
const ROUTE_KINDS: &[(u8, RouteKind)] = &[
    (1, RouteKind::Unicast),
    (2, RouteKind::Local),
    (3, RouteKind::Broadcast),
    (4, RouteKind::Anycast),
    (5, RouteKind::Multicast),
    (6, RouteKind::Blackhole),
    (7, RouteKind::Unreachable),
    (8, RouteKind::Prohibit),
    (9, RouteKind::Throw),
];

/// The numbers of the metrics (`RTAX_*`).
fn metric_number(kind: RouteMetricKind) -> u16 {
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

/// What the kernel says of a route; `None` for a type that nobody configures.
fn route(r: &netlink::Route) -> Option<RouteFacts> {
    let (_, kind) = ROUTE_KINDS.iter().find(|(n, _)| *n == r.kind)?;
    Some(RouteFacts {
        destination: r.destination,
        kind: *kind,
        table: r.table,
        metric: r.metric,
        tos: r.tos,
        protocol: r.protocol,
        source: r.preferred_source,
        hops: r.next_hops.iter().map(|h| (h.gateway, h.device)).collect(),
    })
}

/// Everything that there is.
pub fn dump(s: &Snapshot) -> KernelDump {
    KernelDump {
        links: s.links.values().map(link).collect(),
        addresses: s.addresses.values().map(address).collect(),
        routes: s.routes.values().filter_map(route).collect(),
    }
}

/// Something that changed.
pub fn event(change: &Change) -> Option<KernelEvent> {
    Some(match change {
        Change::Link(l) => KernelEvent::Link(link(l)),
        Change::LinkGone(l) => KernelEvent::LinkGone(l.index),
        Change::Address(a) => KernelEvent::Address(address(a)),
        Change::AddressGone(a) => KernelEvent::AddressGone(address(a)),
        Change::Route(r) => KernelEvent::Route(route(r)?),
        Change::RouteGone(r) => KernelEvent::RouteGone(route(r)?),
    })
}

/// The netlink request that does `operation`; `None` for what isn't done by netlink.
pub fn request(operation: &Operation) -> Option<Request> {
    Some(match operation {
        Operation::AddAddress { link, address } => {
            let mut a = own_address(*link, address.net, address.peer);
            a.broadcast = address.broadcast.map(IpAddr::V4);
            a.label = address.label.as_deref().map(str::to_owned);
            a.scope = address.scope;
            a.flags = flags_to_kernel(address.flags);
            a.preferred = address.preferred_lft.unwrap_or(FOREVER);
            a.protocol = PROTOCOL_KEEPALIVED;
            Request::AddAddress(a, AddressMode::Replace)
        }
        Operation::DelAddress { link, net, peer } => Request::DeleteAddress(own_address(*link, *net, *peer)),
        Operation::AddRoute { route, links } => {
            let mode = match route.operation {
                RouteOperation::Prepend => RouteMode::Prepend,
                RouteOperation::Add => RouteMode::Exclusive,
                RouteOperation::Append => RouteMode::Append,
            };
            Request::AddRoute(own_route(route, links, true), mode)
        }
        Operation::DelRoute { route, links } => Request::DeleteRoute(own_route(route, links, false)),
        Operation::PromoteSecondaries { .. } => return None,
    })
}

/// The kernel counts the prefix length as that of the other end if there is one.
fn own_address(link: IfIndex, net: IpNet, peer: Option<IpNet>) -> netlink::Address {
    let net = peer.and_then(|p| IpNet::new(net.addr(), p.prefix())).unwrap_or(net);
    let mut a = netlink::Address::new(link, net);
    a.peer = peer.map(|p| p.addr());
    a
}

fn own_route(r: &model::Route, links: &[Option<IfIndex>], adding: bool) -> netlink::Route {
    let mut out = netlink::Route::new(r.destination);
    out.source = r.from;
    out.tos = r.tos;
    out.table = r.table;
    out.protocol = r.protocol;
    out.kind = ROUTE_KINDS.iter().find(|(_, k)| *k == r.kind).map_or(1, |(n, _)| *n);
    out.metric = r.metric;
    out.preferred_source = r.source;
    out.next_hops = r
        .hops
        .iter()
        .enumerate()
        .map(|(i, hop)| NextHop {
            gateway: hop.gateway,
            device: links.get(i).copied().flatten(),
            onlink: hop.onlink,
            weight: hop.weight.max(1),
        })
        .collect();
    out.scope = r.scope.unwrap_or_else(|| default_scope(r, adding));
    if adding {
        let locked = r.metrics.iter().filter(|m| m.locked);
        let mask = locked.fold(0, |mask, m| mask | 1_u32 << metric_number(m.kind));
        let mut metrics: Vec<_> =
            r.metrics.iter().map(|m| Metric::Number(metric_number(m.kind), m.value)).collect();
        if mask != 0 {
            metrics.push(Metric::Number(1, mask));
        }
        metrics.sort();
        out.metrics = metrics;
        out.preference = r.preference;
        out.expires = r.expires;
    }
    out
}

/// The scope that `ip route` takes if none is written: that of the nearest thing the route leads to,
/// and any when removing. IPv6 knows only one.
fn default_scope(r: &model::Route, adding: bool) -> u8 {
    const GLOBAL: u8 = 0;
    const LINK: u8 = 253;
    const HOST: u8 = 254;
    const NOWHERE: u8 = 255;
    if r.family == Family::V6 {
        return GLOBAL;
    }
    match r.kind {
        RouteKind::Local => HOST,
        RouteKind::Broadcast | RouteKind::Multicast | RouteKind::Anycast => LINK,
        _ if !adding => NOWHERE,
        RouteKind::Unicast if r.hops.len() < 2 && r.hops.iter().all(|h| h.gateway.is_none()) => LINK,
        _ => GLOBAL,
    }
}

/// The engine's view of an answer. Operations state a wish, so that what was so already has worked:
/// removing what isn't there (any more), adding a route that is there.
pub fn outcome(operation: &Request, result: Result<(), NetlinkError>) -> Result<(), OpError> {
    let Err(e) = result else { return Ok(()) };
    let fulfilled = match operation {
        Request::DeleteAddress(_) => matches!(e.errno, Errno::EADDRNOTAVAIL | Errno::ENODEV),
        Request::DeleteRoute(_) => matches!(e.errno, Errno::ESRCH | Errno::ENODEV),
        Request::AddRoute(_, RouteMode::Prepend | RouteMode::Append) => e.errno == Errno::EEXIST,
        _ => false,
    };
    if fulfilled {
        return Ok(());
    }
    let message = e.message.unwrap_or_else(|| e.errno.desc().to_owned());
    Err(OpError { errno: e.errno as i32, message: message.into() })
}

/// An error of the operating system as the engine has it.
pub fn failure(e: &linux::OsError) -> OpError {
    OpError { errno: e.errno as i32, message: e.to_string().into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::IfName;
    use model::route::{Hop, RouteMetric};

    fn net(s: &str) -> IpNet {
        s.parse().unwrap()
    }

    fn index(n: u32) -> IfIndex {
        IfIndex::new(n).unwrap()
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
        }
    }

    #[test]
    fn every_wish_for_an_address_reaches_the_kernel_and_is_read_back() {
        let flags = ModelFlags { nodad: true, noprefixroute: true, ..ModelFlags::default() };
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
        };
        let operation = Operation::AddAddress { link: index(3), address: wish };
        let Some(Request::AddAddress(asked, AddressMode::Replace)) = request(&operation) else { panic!() };
        let facts = address(&asked);
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
        let scope = |r: &model::Route, adding| own_route(r, &[], adding).scope;
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
        assert_eq!(own_route(&r, &[], true).metrics, expected);
    }

    #[test]
    fn what_is_so_already_has_worked() {
        let fails = |operation: &Operation, errno| {
            let request = request(operation).unwrap();
            let e = NetlinkError { request: String::new(), errno, message: Some("why".into()) };
            outcome(&request, Err(e))
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
