//! Virtual routers and sync groups: the protocol's part and what surrounds it.

use std::net::IpAddr;

use base::{Duration, IfName};

use crate::address::Address;
use crate::hmac::AuthHmac;
use crate::route::Route;
use crate::rule::Rule;
use crate::script::Command;
use crate::virtual_link::VirtualLink;

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
    /// What nothing acts on yet.
    pub held: Held,
}

/// What is checked and kept, while nothing acts on it yet. It goes from here to its place as it takes
/// effect.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Held {
    /// `use_vmac`, `use_ipvlan`.
    pub virtual_link: Option<Box<VirtualLink>>,
    /// `virtual_rules`.
    pub rules: Vec<Rule>,
    /// A master that does not own its addresses drops packets to them: `no_accept`, or the strict mode
    /// without `accept`.
    pub drops_packets: bool,
    /// `auth_hmac`.
    pub hmac: Option<Box<AuthHmac>>,
    /// `track_process`, `track_bfd`: to join [`vrrp::config::Instance::tracks`].
    pub tracks: Vec<vrrp::config::Track>,
    /// `vrf`: the VRF of an instance without interface.
    pub vrf: Option<IfName>,
    /// `old_unicast_checksum`.
    pub unicast_checksum: UnicastChecksum,
    /// `timer_expired_backup`: a master that slept so long that a router of this priority must have taken
    /// over becomes backup; 1 to 254.
    pub late_backup: Option<u8>,
    /// `garp_extra_if`.
    pub garp_extra: Option<GarpExtra>,
}

/// The checksum of version 3 in unicast adverts over IPv4. keepalived before 1.3.7 counted the multicast
/// group as their destination.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum UnicastChecksum {
    /// As the sender of the first advert.
    #[default]
    Auto,
    /// As before 1.3.7.
    Old,
    /// As the RFC says.
    Rfc,
}

/// `garp_extra_if`: announcements through the interface below a macvlan, too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GarpExtra {
    /// Their period, at most a day.
    pub period: Duration,
    /// `all`: through the interface of each address.
    pub all: bool,
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
    pub master: Option<Box<Command>>,
    /// `notify_backup`.
    pub backup: Option<Box<Command>>,
    /// `notify_fault`.
    pub fault: Option<Box<Command>>,
    /// `notify_stop`.
    pub stop: Option<Box<Command>>,
    /// `notify_deleted CMD`.
    pub deleted: Option<Box<Command>>,
    /// `notify_deleted`, with or without a command: an instance that vanishes is told as DELETED,
    /// not as FAULT.
    pub tell_deleted: bool,
    /// `notify`: each change, with four more arguments.
    pub any: Option<Box<Command>>,
    /// `notify_master_rx_lower_pri`.
    pub master_rx_lower_pri: Option<Box<Command>>,
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
