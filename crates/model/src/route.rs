//! Routes: one line of `virtual_routes` or `static_routes`.

use std::net::IpAddr;

use base::{Family, IfName, IpNet};

use crate::encap::Encap;

/// A route line, resolved. Numbers are the kernel's (`rtnetlink(7)`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Route {
    /// The family.
    pub family: Family,
    /// Where it leads; a prefix of length 0 for `default`.
    pub destination: IpNet,
    /// `unicast`, `blackhole`, ...
    pub kind: RouteKind,
    /// `table`; 254 (main) by default.
    pub table: u32,
    /// `metric`; 0 leaves it to the kernel.
    pub metric: u32,
    /// `protocol`; 18 (keepalived) by default.
    pub protocol: u8,
    /// `scope`; `None` lets the kind and the gateway decide, as `ip route` does.
    pub scope: Option<u8>,
    /// `src`: the preferred source.
    pub source: Option<IpAddr>,
    /// `from`: source-specific routes. IPv6 only.
    pub from: Option<IpNet>,
    /// `tos`. IPv4 only.
    pub tos: u8,
    /// Where packets go: none for `blackhole` and its kin, one usually, several for `nexthop`.
    pub hops: Vec<Hop>,
    /// `mtu`, `advmss`, ...
    pub metrics: Vec<RouteMetric>,
    /// `pref`. IPv6 only.
    pub preference: Option<u8>,
    /// `expires` in seconds. IPv6 only.
    pub expires: Option<u32>,
    /// `add`, `append` or neither.
    pub operation: RouteOperation,
    /// `no_track`: its loss is not repaired.
    pub no_track: bool,
    /// What nothing acts on yet, if there is any of it.
    pub held: Option<Box<HeldRoute>>,
}

/// What is checked and kept of a route, while nothing acts on it yet.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct HeldRoute {
    /// `realms SRC/DST` of the route as a whole: the source's in the upper half. IPv4 only.
    pub realms: Option<u32>,
    /// `congctl`.
    pub congestion: Option<Congestion>,
    /// `ttl-propagate`: whether the TTL goes into the inner packet where MPLS ends.
    pub ttl_propagate: Option<bool>,
    /// `vrf`: it goes to the table of this interface instead of `table`.
    pub vrf: Option<IfName>,
}

/// The algorithm of congestion control on a route.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Congestion {
    /// Its name, as the kernel knows it.
    pub name: Box<str>,
    /// `lock`.
    pub locked: bool,
}

/// The type of a route.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[allow(missing_docs, reason = "the names are those of `ip route`")]
pub enum RouteKind {
    #[default]
    Unicast,
    Local,
    Broadcast,
    Anycast,
    Multicast,
    Blackhole,
    Unreachable,
    Prohibit,
    Throw,
}

impl RouteKind {
    /// The word of a configuration, and of `ip route`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unicast => "unicast",
            Self::Local => "local",
            Self::Broadcast => "broadcast",
            Self::Anycast => "anycast",
            Self::Multicast => "multicast",
            Self::Blackhole => "blackhole",
            Self::Unreachable => "unreachable",
            Self::Prohibit => "prohibit",
            Self::Throw => "throw",
        }
    }
}

/// How a route is put in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum RouteOperation {
    /// `prepend`, the default: create, before others of the same metric.
    #[default]
    Prepend,
    /// `add`: create, fail if one is there.
    Add,
    /// `append`: after others of the same metric.
    Append,
}

/// One leg of a route.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Hop {
    /// `via`.
    pub gateway: Option<IpAddr>,
    /// `dev`.
    pub link: Option<IfName>,
    /// `weight`, 1 to 256; only means something with several legs.
    pub weight: u16,
    /// `onlink`.
    pub onlink: bool,
    /// `encap`.
    pub encap: Option<Box<Encap>>,
    /// `realms SRC/DST` of this leg: the source's in the upper half. IPv4 only.
    pub realms: Option<u32>,
}

/// A metric attribute (`RTAX_*`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RouteMetric {
    /// Which.
    pub kind: RouteMetricKind,
    /// Its value in the kernel's unit.
    pub value: u32,
    /// `lock`.
    pub locked: bool,
}

/// The metric attributes with a number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs, reason = "the names are those of `ip route`")]
pub enum RouteMetricKind {
    Mtu,
    Window,
    Rtt,
    RttVar,
    SsThresh,
    Cwnd,
    AdvMss,
    Reordering,
    HopLimit,
    InitCwnd,
    InitRwnd,
    Features,
    RtoMin,
    QuickAck,
    FastOpenNoCookie,
}
