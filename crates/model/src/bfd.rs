//! BFD sessions (RFC 5880): `bfd_instance`.

use std::net::IpAddr;

use base::{Duration, Name};

/// `bfd_instance`. What its verdict is worth stands in the lines that track it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent keywords")]
pub struct BfdSession {
    /// Its name, at most 31 bytes.
    pub name: Name,
    /// `neighbor_ip`.
    pub neighbor: IpAddr,
    /// `source_ip`, of the neighbour's family; the kernel chooses if none.
    pub source: Option<IpAddr>,
    /// `min_rx`: required minimum receive interval, from 1 ms; 10 ms by default.
    pub min_rx: Duration,
    /// `min_tx`: desired minimum transmit interval while up, from 1 ms; 10 ms by default.
    pub min_tx: Duration,
    /// `idle_tx`: transmit interval while not up, from 1 s; 1 s by default.
    pub idle_tx: Duration,
    /// `multiplier`: packets that may be missed, 1 to 255; 5 by default.
    pub multiplier: u8,
    /// `passive`: send nothing until the neighbour does.
    pub passive: bool,
    /// `ttl` or `hoplimit` of sent packets, from 1; 255 for IPv4 and 64 for IPv6 by default.
    pub hop_limit: u8,
    /// `max_hops`: how far below `hop_limit` a received packet may be, at most `hop_limit`; `None` checks
    /// nothing (-1).
    pub max_hops: Option<u8>,
    /// `multihop`: port 4784 (RFC 5883) instead of 3784 (RFC 5881).
    pub multihop: bool,
    /// Not `checker` alone: instances may track it.
    pub for_vrrp: bool,
    /// Not `vrrp` alone: checkers may use it.
    pub for_checkers: bool,
}
