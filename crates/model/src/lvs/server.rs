//! `real_server` and `sorry_server`: members of a pool.

use std::net::IpAddr;
use std::sync::Arc;

use smallvec::SmallVec;

use super::Checker;
use crate::script::Command;

/// `real_server`: its address and port make it the same server after a reload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RealServer {
    /// Its address.
    pub address: IpAddr,
    /// Its port: that of the service unless it is forwarded by NAT; 0 for the port of the service.
    pub port: u16,
    /// `weight`: 0 to 2147483647.
    pub weight: u32,
    /// `lvs_method`.
    pub forwarding: Forwarding,
    /// `uthreshold`: no new connections above so many; 0 for no limit.
    pub upper_threshold: u32,
    /// `lthreshold`: connections again below so many; 0 for the kernel's three quarters of the upper one.
    pub lower_threshold: u32,
    /// `inhibit_on_failure`: a failure makes the weight 0 instead of removing the server.
    pub inhibit: bool,
    /// `smtp_alert`: mail when it goes up or down.
    pub smtp_alert: bool,
    /// `notify_up`.
    pub notify_up: Option<Box<Command>>,
    /// `notify_down`.
    pub notify_down: Option<Box<Command>>,
    /// `snmp_name`.
    pub snmp_name: Option<Box<str>>,
    /// Its checks, in the order of the file; it is up while none of them fails.
    pub checkers: Checkers,
}

/// The checks of a server, which most often has one or two: they are in place. Whoever runs a check has a
/// share of it instead of a copy.
pub type Checkers = SmallVec<[Arc<Checker>; 2]>;

/// `sorry_server`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SorryServer {
    /// Its address.
    pub address: IpAddr,
    /// Its port, as that of a real server.
    pub port: u16,
    /// `sorry_server_lvs_method`.
    pub forwarding: Forwarding,
    /// `sorry_server_inhibit`: it stays in the kernel's table with weight 0 when it isn't needed.
    pub inhibit: bool,
}

/// `lvs_method`: how packets get to a server.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Forwarding {
    /// The destination is rewritten.
    Nat,
    /// Sent on unchanged over the link.
    Direct,
    /// Sent on unchanged in a tunnel.
    Tunnel(Tunnel),
}

impl Forwarding {
    /// Whether packets travel in a tunnel: the family of the server may then differ.
    #[must_use]
    pub const fn is_tunnel(self) -> bool {
        matches!(self, Self::Tunnel(_))
    }
}

/// The tunnel to a server.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Tunnel {
    /// `type`.
    pub kind: TunnelKind,
    /// `nocsum`, `csum`, `remcsum`.
    pub checksum: TunnelChecksum,
}

/// `type` of a tunnel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TunnelKind {
    /// `ipip`.
    Ipip,
    /// `gue port N`: generic UDP encapsulation, to this port.
    Gue(u16),
    /// `gre`.
    Gre,
}

/// Checksums of the outer header.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum TunnelChecksum {
    /// `nocsum`.
    #[default]
    None,
    /// `csum`; not with `ipip`.
    On,
    /// `remcsum`: remote checksum offload; `gue` only.
    Remote,
}
