//! What the core is told about the routers: resolved, valid, and comparable.
//!
//! Objects refer to each other by the ids of one [`Config`]; a reload brings a new `Config` and a
//! map from old ids to new ones ([`crate::io::Reload`]).

use alloc::vec::Vec;
use core::net::IpAddr;

use base::{Duration, Family, IfName, Name, Priority, Vrid, Weight};
/// `authentication` (RFC 2338 section 5.3.6; removed by RFC 3768, kept by users).
pub use wire::vrrp::Auth;
pub use wire::vrrp::{ChecksumKind, Version};

base::ids! {
    /// A place in [`Config::instances`].
    InstanceId;
    /// A place in [`Config::groups`].
    GroupId;
    /// A place in [`Config::trackers`].
    TrackerId;
}

/// Everything the core needs to know.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Config {
    /// The virtual routers, in the order of the file.
    pub instances: Vec<Instance>,
    /// The sync groups, in the order of the file.
    pub groups: Vec<Group>,
    /// What instances and groups track.
    pub trackers: Vec<Tracker>,
}

/// One virtual router on one interface (`vrrp_instance`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Instance {
    /// `vrrp_instance NAME`.
    pub name: Name,
    /// `virtual_router_id`.
    pub vrid: Vrid,
    /// The family of the adverts.
    pub family: Family,
    /// `version`.
    pub version: Version,
    /// `priority`: 255 owns the addresses.
    pub priority: Priority,
    /// `state MASTER`.
    pub wants_master: bool,
    /// `advert_int`: whole seconds 1 to 255 s (version 2), 10 ms to 40.95 s in steps of 10 ms (3).
    pub advert_interval: Duration,
    /// `down_timer_adverts`: adverts that may be missed before a backup takes over, 1 to 100.
    pub down_timer_adverts: u8,
    /// `nopreempt` and `preempt_delay`.
    pub preempt: Preempt,
    /// Where adverts go and come from.
    pub peers: Peers,
    /// TTL or hop limit of sent adverts; `None` leaves it to the kernel (unicast IPv6).
    pub hop_limit: Option<u8>,
    /// `authentication`; only version 2 over IPv4 has it.
    pub auth: Auth,
    /// `v3_checksum_as_v2`: how the checksum of version 3 over IPv4 is sent.
    pub checksum: ChecksumKind,
    /// The addresses in the advert, in order: 0 to 255 of `virtual_ipaddress`.
    pub addresses: Vec<IpAddr>,
    /// `skip_check_adv_addr`.
    pub skip_check_adv_addr: bool,
    /// `lower_prio_no_advert`.
    pub lower_prio_no_advert: bool,
    /// `higher_prio_send_advert`.
    pub higher_prio_send_advert: bool,
    /// `owner_ignore_adverts`.
    pub owner_ignore_adverts: bool,
    /// `track_interface`, `track_script`, `track_file`, ... of the instance and, merged in, of its group.
    pub tracks: Vec<Track>,
    /// The sync group that it is a member of.
    pub group: Option<GroupId>,
}

/// Whether a backup takes over from a master of lower priority.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Preempt {
    /// `nopreempt`.
    Never,
    /// After `preempt_delay`, 0 to 1000 s; usually at once.
    After(Duration),
}

/// Where adverts go and come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Peers {
    /// All routers on the link (`vrrp_mcast_group4`, `mcast_dst_ip`, ...).
    Multicast(IpAddr),
    /// `unicast_peer`.
    Unicast {
        /// The peers; empty is a fault if `unicast_fault_no_peer`.
        peers: Vec<Peer>,
        /// `check_unicast_src`: refuse adverts of anybody else.
        check_source: bool,
    },
}

/// One line of `unicast_peer`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// `min_ttl`, 0 to 255.
    pub min_ttl: u8,
    /// `max_ttl`, 0 to 255.
    pub max_ttl: u8,
}

/// `vrrp_sync_group`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// `vrrp_sync_group NAME`.
    pub name: Name,
    /// Its members, in the order of the file; never empty.
    pub members: Vec<InstanceId>,
    /// `sync_group_tracking_weight`: members may have weighted trackers of their own, although their
    /// priorities may diverge then. Without it whoever makes the configuration gives those (not the
    /// group's own trackers, which all members share) the weight 0. The core takes
    /// [`Instance::tracks`] as they are.
    pub tracking_weight: bool,
}

/// Something that is tracked; the engine says how it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tracker {
    /// Its name in the configuration.
    pub name: Name,
    /// What it is.
    pub kind: TrackerKind,
}

/// What a tracker is; it decides only how it is named in messages and how it starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TrackerKind {
    /// `track_interface`: starts by the state of the interface.
    Interface(IfName),
    /// `track_script`: unknown until its first result. Unweighted, it keeps its instances in INIT until then.
    Script,
    /// `track_file`: a number.
    File,
    /// `track_process`.
    Process,
    /// `track_bfd`: down until its first event.
    Bfd,
}

/// One line of `track_*`: what a tracker means to an instance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Track {
    /// What is tracked.
    pub tracker: TrackerId,
    /// `weight`: 0 makes failure a fault, above 0 is added while up, below 0 is added while down.
    /// For files the number in the file is multiplied with it.
    pub weight: Weight,
    /// `reverse`: up counts as down.
    pub reverse: bool,
}
