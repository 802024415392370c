//! Virtual routers and sync groups: the protocol's part and what surrounds it.

use std::net::IpAddr;

use base::{Duration, IfName};

use crate::address::Address;
use crate::route::Route;
use crate::script::Command;

/// `vrrp_instance`.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent keywords")]
pub struct Instance {
    /// What the core needs.
    pub protocol: vrrp::config::Instance,
    /// `interface`; only unicast instances with a source address can do without.
    pub link: Option<IfName>,
    /// `mcast_src_ip` or `unicast_src_ip`; the interface's primary address if none.
    pub source: Option<IpAddr>,
    /// `track_src_ip`: the loss of `source` is a fault.
    pub track_source: bool,
    /// Not `dont_track_primary`: trouble of the interface is a fault.
    pub track_link: bool,
    /// `virtual_ipaddress`, in order. These are the addresses in the advert.
    pub addresses: Vec<Address>,
    /// `virtual_ipaddress_excluded`: moved, but not advertised.
    pub excluded: Vec<Address>,
    /// `virtual_routes`.
    pub routes: Vec<Route>,
    /// `garp_*`.
    pub garp: Garp,
    /// `vip_lease`: the kernel removes virtual addresses that were not renewed for so many seconds. `None`: they
    /// stay for ever.
    pub lease: Option<u32>,
    /// `promote_secondaries`.
    pub promote_secondaries: bool,
    /// `kernel_rx_buf_size` in bytes.
    pub receive_buffer: Option<u32>,
    /// `notify*`, `smtp_alert`.
    pub notify: Notify,
}

/// How and when addresses are announced (gratuitous ARP, unsolicited neighbour advertisements).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Garp {
    /// `garp_master_repeat`: per address and burst, at least 1.
    pub repeat: u32,
    /// `garp_master_delay`: the second burst comes that long after the first; 0 for none.
    pub delay: Duration,
    /// `garp_master_refresh`: a burst in each such period while master; 0 for never.
    pub refresh: Duration,
    /// `garp_master_refresh_repeat`: per address and refresh, at least 1.
    pub refresh_repeat: u32,
    /// `garp_lower_prio_repeat`: after an advert of lower priority; 0 for none.
    pub lower_prio_repeat: u32,
    /// `garp_lower_prio_delay`: the second burst after such an advert.
    pub lower_prio_delay: Duration,
}

/// Whom to tell about changes of state, and how.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Notify {
    /// `notify_master`.
    pub master: Option<Command>,
    /// `notify_backup`.
    pub backup: Option<Command>,
    /// `notify_fault`.
    pub fault: Option<Command>,
    /// `notify_stop`.
    pub stop: Option<Command>,
    /// `notify_deleted CMD`.
    pub deleted: Option<Command>,
    /// `notify_deleted`, with or without a command: an instance that vanishes is told as DELETED,
    /// not as FAULT.
    pub tell_deleted: bool,
    /// `notify`: each change, with four more arguments.
    pub any: Option<Command>,
    /// `notify_master_rx_lower_pri`.
    pub master_rx_lower_pri: Option<Command>,
    /// `notify_priority_changes`: changes of priority go to the FIFOs.
    pub priority_changes: bool,
    /// `smtp_alert`.
    pub smtp_alert: bool,
}

/// `vrrp_sync_group`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SyncGroup {
    /// What the core needs.
    pub protocol: vrrp::config::Group,
    /// `notify*`, `smtp_alert`.
    pub notify: Notify,
}
