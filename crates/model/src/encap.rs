//! Lightweight tunnels of routes: `encap` (`ip-route(8)`).

use std::net::IpAddr;

/// What a packet that takes a leg of a route is wrapped into.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Encap {
    /// `encap ip` or `encap ip6`, by the family of the addresses.
    Ip(IpTunnel),
    /// `encap mpls`: labels, the outermost first, each below 2^20.
    Mpls(Vec<u32>),
    /// `encap ila`: the locator.
    Ila(u64),
}

/// The parameters of an IP tunnel. One of `id` and `destination` is there.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct IpTunnel {
    /// `ip6`.
    pub v6: bool,
    /// `id`.
    pub id: Option<u64>,
    /// `dst`.
    pub destination: Option<IpAddr>,
    /// `src`.
    pub source: Option<IpAddr>,
    /// `tos` or `tc`.
    pub tos: Option<u8>,
    /// `ttl` or `hoplimit`.
    pub hop_limit: Option<u8>,
    /// `flags`, as the kernel numbers them.
    pub flags: Option<u16>,
}
