//! Lines of `virtual_routes` and `static_routes`.

use base::{Family, IpNet};
use model::encap::{Encap, IpTunnel};
use model::route::{
    Congestion, HeldRoute, Hop, Route, RouteKind, RouteMetric, RouteMetricKind, RouteOperation,
};

use super::address;
use super::tree::{Entry, Words, word};

/// The routing table of routes that name none.
const TABLE_MAIN: u32 = 254;
/// The number by which our routes and rules are known to the kernel.
pub(super) const PROTOCOL: u8 = 18;

const fn metric_name(kind: RouteMetricKind) -> &'static str {
    match kind {
        RouteMetricKind::Mtu => "mtu",
        RouteMetricKind::Window => "window",
        RouteMetricKind::Rtt => "rtt",
        RouteMetricKind::RttVar => "rttvar",
        RouteMetricKind::SsThresh => "ssthresh",
        RouteMetricKind::Cwnd => "cwnd",
        RouteMetricKind::AdvMss => "advmss",
        RouteMetricKind::Reordering => "reordering",
        RouteMetricKind::HopLimit => "hoplimit",
        RouteMetricKind::InitCwnd => "initcwnd",
        RouteMetricKind::InitRwnd => "initrwnd",
        RouteMetricKind::Features => "features",
        RouteMetricKind::RtoMin => "rto_min",
        RouteMetricKind::QuickAck => "quickack",
        RouteMetricKind::FastOpenNoCookie => "fastopen_no_cookie",
    }
}

/// `SOURCE/DESTINATION`.
pub(super) fn realms(realms: u32) -> String {
    format!("{}/{}", realms >> 16, realms & 0xffff)
}

pub(super) fn line(route: &Route, track_group: Option<&str>) -> Entry {
    let Route {
        family,
        destination,
        kind,
        table,
        metric,
        protocol,
        scope,
        source,
        from,
        tos,
        hops,
        metrics,
        preference,
        expires,
        operation,
        no_track,
        held,
    } = route;
    let none = HeldRoute::default();
    let HeldRoute { realms, congestion, ttl_propagate, vrf } = held.as_deref().unwrap_or(&none);
    let mut line = Words::default();
    if *kind != RouteKind::Unicast {
        line.add(kind.name());
    }
    line.add(self::destination(*family, destination, hops));
    // Words of a tunnel and of legs go as far as they can: they stand last.
    let one = match hops.as_slice() {
        [hop] if hop.weight <= 1 && hop.realms.is_none() => Some(hop),
        _ => None,
    };
    if let Some(hop) = one {
        way(hop, &mut line);
    }
    line.some("src", *source)
        .some("from", *from)
        .some("tos", Some(*tos).filter(|tos| *tos != 0).map(|tos| format!("{tos:#x}")))
        .some("table", Some(*table).filter(|table| *table != TABLE_MAIN))
        .some("vrf", vrf.as_ref().map(|link| word(link.as_str())))
        .some("protocol", Some(*protocol).filter(|protocol| *protocol != PROTOCOL))
        .some("scope", scope.map(address::scope))
        .some("metric", Some(*metric).filter(|metric| *metric != 0));
    for RouteMetric { kind, value, locked } in metrics {
        line.add(metric_name(*kind)).flag("lock", *locked);
        match kind {
            RouteMetricKind::Features => line.add("ecn"),
            _ => line.add(value),
        };
    }
    if let Some(Congestion { name, locked }) = congestion {
        line.add("congctl").flag("lock", *locked).add(word(name));
    }
    line.some("expires", *expires)
        .some("pref", preference.map(self::preference))
        .some("realms", realms.map(self::realms))
        .some("ttl-propagate", ttl_propagate.map(|on| if on { "enabled" } else { "disabled" }));
    match operation {
        RouteOperation::Prepend => {}
        RouteOperation::Add => {
            line.add("add");
        }
        RouteOperation::Append => {
            line.add("append");
        }
    }
    line.flag("no_track", *no_track).some("track_group", track_group.map(word));
    match one {
        Some(hop) => encap(hop, &mut line),
        None => {
            for hop in hops {
                line.add("nexthop");
                way(hop, &mut line);
                line.some("weight", Some(hop.weight).filter(|weight| *weight != 1))
                    .some("realms", hop.realms.map(self::realms));
                encap(hop, &mut line);
            }
        }
    }
    line.into_entry()
}

/// `default` is of IPv4 unless something else in the line says otherwise.
fn destination(family: Family, destination: &IpNet, hops: &[Hop]) -> String {
    let v4 = hops.iter().filter_map(|hop| hop.gateway.as_ref()).all(|gateway| gateway.is_ipv4());
    let all = destination.prefix() == 0 && destination.addr().is_unspecified();
    if all && family == Family::V4 && v4 { "default".to_owned() } else { address::net(destination) }
}

/// Where a leg leads.
fn way(hop: &Hop, line: &mut Words) {
    let Hop { gateway, link, weight: _, onlink, encap: _, realms: _ } = hop;
    line.some("via", *gateway)
        .some("dev", link.as_ref().map(|link| word(link.as_str())))
        .flag("onlink", *onlink);
}

fn encap(hop: &Hop, line: &mut Words) {
    match hop.encap.as_deref() {
        None => {}
        Some(Encap::Ip(IpTunnel { v6, id, destination, source, tos, hop_limit, flags })) => {
            let (kind, tos_word, hops) = if *v6 { ("ip6", "tc", "hoplimit") } else { ("ip", "tos", "ttl") };
            line.add("encap")
                .add(kind)
                .some("id", *id)
                .some("dst", *destination)
                .some("src", *source)
                .some(tos_word, tos.map(|tos| format!("{tos:#x}")))
                .some(hops, *hop_limit)
                .some("flags", *flags);
        }
        Some(Encap::Mpls(labels)) => {
            let labels: Vec<String> = labels.iter().map(u32::to_string).collect();
            line.add("encap mpls").add(labels.join("/"));
        }
        Some(Encap::Ila(locator)) => {
            let group = |n: u32| locator >> (48 - 16 * n) & 0xffff;
            line.add("encap ila").add(format!("{:x}:{:x}:{:x}:{:x}", group(0), group(1), group(2), group(3)));
        }
    }
}

fn preference(preference: u8) -> String {
    match preference {
        0 => "medium".to_owned(),
        1 => "high".to_owned(),
        3 => "low".to_owned(),
        other => other.to_string(),
    }
}
