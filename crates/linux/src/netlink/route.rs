//! Routes, as facts and as wishes.

use std::fmt;
use std::net::IpAddr;

use base::{Family, IfIndex, IpNet};
use netlink_packet_core::DefaultNla;
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteMetric, RouteNextHop,
    RouteNextHopFlags, RouteVia,
};

use super::address::family_number;
use super::attributes::{address_of, attributes, family_of, split, text_of, u32_of};

const RTNH_F_ONLINK: u32 = 4;
const RTAX_LOCK: u16 = 1;
const RTAX_CC_ALGO: u16 = 16;

/// One way of a route.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NextHop {
    /// The next router; of the other family for IPv4 by way of an IPv6 router. `None` if the
    /// destination is on the link.
    pub gateway: Option<IpAddr>,
    /// The interface.
    pub device: Option<IfIndex>,
    /// Take the gateway for reachable on the interface even if no address of it says so.
    pub onlink: bool,
    /// Share of the traffic, 1 to 256; only of meaning with several next hops.
    pub weight: u16,
}

/// A metric of a route (`RTAX_*`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Metric {
    /// A number: 2 mtu, 3 window, 4 rtt, 5 rttvar, 6 ssthresh, 7 cwnd, 8 advmss, 9 reordering,
    /// 10 hoplimit, 11 initcwnd, 12 features, 13 rto_min, 14 initrwnd, 15 quickack,
    /// 17 fastopen_no_cookie. Number 1 is the mask of the locked ones, bit n for metric n.
    Number(u16, u32),
    /// The name of a TCP congestion control algorithm.
    CongestionControl(String),
}

/// By what the kernel tells routes apart: table, destination, source, type of service, metric, type
/// and, for IPv4, the ways.
pub type RouteKey = (u32, IpNet, Option<IpNet>, u8, u32, u8, Vec<(Option<IpAddr>, Option<IfIndex>)>);

/// A route.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    /// Its network. The default route is `0.0.0.0/0` or `::/0`.
    pub destination: IpNet,
    /// IPv6 only: sources to which the route is limited.
    pub source: Option<IpNet>,
    /// Type of service to which the route is limited, 0 for any.
    pub tos: u8,
    /// Routing table: 254 is main.
    pub table: u32,
    /// Who made it (`RTPROT_*`): 18 is keepalived.
    pub protocol: u8,
    /// `RT_SCOPE_*`: 0 global, 253 link, 254 host, 255 nowhere. IPv6 has only 0.
    pub scope: u8,
    /// `RTN_*`: 1 unicast, 2 local, 6 blackhole, 7 unreachable, 8 prohibit, 9 throw.
    pub kind: u8,
    /// Preference among routes to the same network, lower first. IPv6 reads 0 as 1024.
    pub metric: u32,
    /// The source address for traffic of the machine's own.
    pub preferred_source: Option<IpAddr>,
    /// Its ways: none for a blackhole and the like, several for multipath.
    pub next_hops: Vec<NextHop>,
    /// Metrics in the order of their numbers.
    pub metrics: Vec<Metric>,
    /// Realm (`RTA_FLOW`): source in the upper 16 bits.
    pub realm: Option<u32>,
    /// IPv6 router preference (RFC 4191): 0 medium, 1 high, 3 low.
    pub preference: Option<u8>,
    /// Seconds until an IPv6 route is removed, when adding one.
    pub expires: Option<u32>,
    /// What this structure doesn't hold, as attributes (kind, value), when adding one: encapsulation.
    pub other: Vec<(u16, Vec<u8>)>,
}

impl Route {
    /// A unicast route in the main table with no way and no protocol mark.
    #[must_use]
    pub fn new(destination: IpNet) -> Self {
        Self {
            destination,
            source: None,
            tos: 0,
            table: libc::RT_TABLE_MAIN.into(),
            protocol: 0,
            scope: libc::RT_SCOPE_UNIVERSE,
            kind: libc::RTN_UNICAST,
            metric: 0,
            preferred_source: None,
            next_hops: Vec::new(),
            metrics: Vec::new(),
            realm: None,
            preference: None,
            expires: None,
            other: Vec::new(),
        }
    }

    /// What tells it from others.
    #[must_use]
    pub fn key(&self) -> RouteKey {
        // IPv6 adds a way to a route that it has, IPv4 makes another route.
        let ways = match self.destination.family() {
            Family::V4 => self.next_hops.iter().map(|h| (h.gateway, h.device)).collect(),
            Family::V6 => Vec::new(),
        };
        (self.table, self.destination, self.source, self.tos, self.metric, self.kind, ways)
    }

    /// Reads the payload of an `RTM_NEWROUTE` or `RTM_DELROUTE`; `None` for entries of a cache.
    pub(super) fn decode(payload: &[u8]) -> Option<Self> {
        let (header, rest) = split::<12>(payload)?;
        let [family, dst_len, src_len, tos, table, protocol, scope, kind, flags @ ..] = *header;
        let (family, flags) = (family_of(family)?, u32::from_ne_bytes(flags));
        if flags & libc::RTM_F_CLONED != 0 {
            return None;
        }
        let any = match family {
            Family::V4 => IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
            Family::V6 => IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED),
        };
        let mut out = Self::new(IpNet::new(any, dst_len)?);
        (out.tos, out.table, out.protocol) = (tos, table.into(), protocol);
        (out.scope, out.kind) = (scope, kind);
        let mut hop = NextHop { onlink: flags & RTNH_F_ONLINK != 0, weight: 1, ..NextHop::default() };
        for (kind, value) in attributes(rest) {
            match kind {
                libc::RTA_DST => out.destination = IpNet::new(address_of(family, value)?, dst_len)?,
                libc::RTA_SRC => out.source = IpNet::new(address_of(family, value)?, src_len),
                libc::RTA_TABLE => out.table = u32_of(value)?,
                libc::RTA_PRIORITY => out.metric = u32_of(value)?,
                libc::RTA_PREFSRC => out.preferred_source = address_of(family, value),
                libc::RTA_FLOW => out.realm = u32_of(value),
                libc::RTA_PREF => out.preference = value.first().copied(),
                libc::RTA_METRICS => out.metrics = metrics_of(value),
                libc::RTA_MULTIPATH => out.next_hops = next_hops_of(family, value),
                _ => hop_attribute(&mut hop, family, kind, value),
            }
        }
        if out.next_hops.is_empty() && (hop.gateway.is_some() || hop.device.is_some()) {
            out.next_hops.push(hop);
        }
        Some(out)
    }

    /// The message that creates (`everything`) or deletes the route.
    ///
    /// For deleting, the kernel compares what the message names; preference and lifetimes, which it
    /// fills in itself, are left out.
    pub(super) fn encode(&self, everything: bool) -> RouteMessage {
        let mut m = RouteMessage::default();
        let h = &mut m.header;
        h.address_family = family_number(self.destination.family());
        h.destination_prefix_length = self.destination.prefix();
        h.source_prefix_length = self.source.map_or(0, |s| s.prefix());
        h.tos = self.tos;
        h.table = u8::try_from(self.table).unwrap_or(RouteHeader::RT_TABLE_UNSPEC);
        h.protocol = self.protocol.into();
        h.scope = self.scope.into();
        h.kind = self.kind.into();
        let a = &mut m.attributes;
        // The kernel refuses an address with bits beyond the prefix.
        a.push(RouteAttribute::Destination(network(&self.destination)));
        if let Some(source) = &self.source {
            a.push(RouteAttribute::Source(network(source)));
        }
        a.push(RouteAttribute::Table(self.table));
        if self.metric != 0 {
            a.push(RouteAttribute::Priority(self.metric));
        }
        if let Some(source) = self.preferred_source {
            a.push(RouteAttribute::PrefSource(source.into()));
        }
        if let Some(realm) = self.realm {
            a.push(RouteAttribute::Other(DefaultNla::new(libc::RTA_FLOW, realm.to_ne_bytes().to_vec())));
        }
        let family = self.destination.family();
        match self.next_hops.as_slice() {
            [] => {}
            [hop] => {
                if hop.onlink {
                    h.flags |= RouteFlags::Onlink;
                }
                a.extend(hop.gateway.map(|g| gateway(family, g)));
                a.extend(hop.device.map(|d| RouteAttribute::Oif(d.get())));
            }
            hops => a.push(RouteAttribute::MultiPath(hops.iter().map(|n| encode_hop(family, n)).collect())),
        }
        if everything {
            if !self.metrics.is_empty() {
                a.push(RouteAttribute::Metrics(self.metrics.iter().map(encode_metric).collect()));
            }
            if let Some(p) = self.preference {
                a.push(RouteAttribute::Other(DefaultNla::new(libc::RTA_PREF, vec![p])));
            }
            a.extend(self.expires.map(RouteAttribute::Expires));
            a.extend(self.other.iter().map(|(k, v)| RouteAttribute::Other(DefaultNla::new(*k, v.clone()))));
        }
        m
    }
}

/// The address of a prefix with the bits beyond it cleared.
fn network(net: &IpNet) -> RouteAddress {
    let beyond = u32::from(net.family().bits() - net.prefix());
    match net.addr() {
        IpAddr::V4(a) => {
            let mask = u32::MAX.checked_shl(beyond).unwrap_or(0);
            RouteAddress::Inet((a.to_bits() & mask).into())
        }
        IpAddr::V6(a) => {
            let mask = u128::MAX.checked_shl(beyond).unwrap_or(0);
            RouteAddress::Inet6((a.to_bits() & mask).into())
        }
    }
}

fn gateway(family: Family, gateway: IpAddr) -> RouteAttribute {
    match gateway {
        _ if Family::of(&gateway) == family => RouteAttribute::Gateway(gateway.into()),
        IpAddr::V4(a) => RouteAttribute::Via(RouteVia::Inet(a)),
        IpAddr::V6(a) => RouteAttribute::Via(RouteVia::Inet6(a)),
    }
}

fn encode_hop(family: Family, hop: &NextHop) -> RouteNextHop {
    let mut out = RouteNextHop::default();
    // The kernel counts from 0 and reads 256 as 255 hops.
    out.hops = u8::try_from(hop.weight.saturating_sub(1)).unwrap_or(u8::MAX);
    out.interface_index = hop.device.map_or(0, IfIndex::get);
    if hop.onlink {
        out.flags |= RouteNextHopFlags::Onlink;
    }
    out.attributes.extend(hop.gateway.map(|g| gateway(family, g)));
    out
}

fn encode_metric(metric: &Metric) -> RouteMetric {
    match metric {
        Metric::Number(kind, n) => RouteMetric::Other(DefaultNla::new(*kind, n.to_ne_bytes().to_vec())),
        Metric::CongestionControl(name) => RouteMetric::CcAlgo(name.clone()),
    }
}

fn metrics_of(value: &[u8]) -> Vec<Metric> {
    attributes(value)
        .filter_map(|(kind, v)| match kind {
            RTAX_CC_ALGO => text_of(v).map(|t| Metric::CongestionControl(t.to_owned())),
            // A metric of value 0 is one that isn't there; the kernel reports some of them.
            _ => u32_of(v).filter(|&n| n != 0 || kind == RTAX_LOCK).map(|n| Metric::Number(kind, n)),
        })
        .collect()
}

fn next_hops_of(family: Family, mut value: &[u8]) -> Vec<NextHop> {
    let mut hops = Vec::new();
    while let Some((header, _)) = split::<8>(value) {
        let [l0, l1, flags, weight, index @ ..] = *header;
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let Some(rest) = value.get(8..length) else { break };
        let mut hop = NextHop {
            gateway: None,
            device: IfIndex::new(u32::from_ne_bytes(index)),
            onlink: u32::from(flags) & RTNH_F_ONLINK != 0,
            weight: u16::from(weight) + 1,
        };
        for (kind, v) in attributes(rest) {
            hop_attribute(&mut hop, family, kind, v);
        }
        hops.push(hop);
        value = value.get(length.next_multiple_of(4)..).unwrap_or(&[]);
    }
    hops
}

fn hop_attribute(hop: &mut NextHop, family: Family, kind: u16, value: &[u8]) {
    match kind {
        libc::RTA_GATEWAY => hop.gateway = address_of(family, value),
        libc::RTA_OIF => hop.device = u32_of(value).and_then(IfIndex::new),
        libc::RTA_VIA => {
            hop.gateway = split::<2>(value).and_then(|(f, rest)| {
                let number = u8::try_from(u16::from_ne_bytes(*f)).ok()?;
                address_of(family_of(number)?, rest)
            });
        }
        _ => {}
    }
}

/// `192.0.2.0/24 in table 254`, with the metric if it has one.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in table {}", self.destination, self.table)?;
        if self.metric != 0 { write!(f, " metric {}", self.metric) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink_packet_core::Emitable;

    fn round_trip(r: &Route) {
        let m = r.encode(true);
        let mut bytes = vec![0; m.buffer_len()];
        m.emit(&mut bytes);
        assert_eq!(Route::decode(&bytes).as_ref(), Some(r));
        for cut in 0..bytes.len() {
            let _ = Route::decode(&bytes[..cut]);
        }
    }

    #[test]
    fn a_route_keeps_all_its_attributes_through_a_message() {
        let mut r = Route::new("198.51.100.0/24".parse().unwrap());
        (r.table, r.protocol, r.metric, r.tos) = (1000, 18, 5, 4);
        r.preferred_source = Some("192.0.2.1".parse().unwrap());
        r.realm = Some(7);
        r.metrics = vec![Metric::Number(2, 1400), Metric::CongestionControl("reno".into())];
        r.next_hops = vec![NextHop {
            gateway: Some("fe80::1".parse().unwrap()),
            device: IfIndex::new(3),
            onlink: true,
            weight: 1,
        }];
        round_trip(&r);
    }

    #[test]
    fn multipath_keeps_weights_from_1_to_256() {
        let mut r = Route::new("2001:db8::/32".parse().unwrap());
        for (n, weight) in [(1, 1), (2, 256)] {
            r.next_hops.push(NextHop {
                gateway: Some("fe80::1".parse().unwrap()),
                device: IfIndex::new(n),
                onlink: n == 2,
                weight,
            });
        }
        round_trip(&r);
    }

    #[test]
    fn bits_beyond_the_prefix_are_cleared() {
        let r = Route::new("198.51.100.7/24".parse().unwrap());
        let m = r.encode(false);
        let network = RouteAttribute::Destination(RouteAddress::Inet([198, 51, 100, 0].into()));
        assert!(m.attributes.contains(&network));
        let all = Route::new("203.0.113.1/0".parse().unwrap()).encode(false);
        assert!(all.attributes.contains(&RouteAttribute::Destination(RouteAddress::Inet([0; 4].into()))));
    }
}
