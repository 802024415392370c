//! How the daemon looks at interfaces: delays, polling, shared pacing, and who depends on them.

use base::{Duration, IfName, Name};
use vrrp::config::InstanceId;

/// A line of `interface_up_down_delays`: how long a change must last until it counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinkDelay {
    /// The interface.
    pub link: IfName,
    /// Until it counts as down, at most 255 s.
    pub down: Duration,
    /// Until it counts as up, at most 255 s.
    pub up: Duration,
}

/// A line of `linkbeat_interfaces`, or an instance with `linkbeat_use_polling`: the state of the
/// interface is asked each second instead of waiting for the kernel's news.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinkPolling {
    /// The interface.
    pub link: IfName,
    /// How it is asked; the first way that works if none.
    pub way: Option<LinkBeat>,
}

/// How an interface is asked for its state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are those of the configuration")]
pub enum LinkBeat {
    Mii,
    Ethtool,
    Ioctl,
}

/// `garp_group`: interfaces that share the gaps between announcements.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GarpGroup {
    /// `interface` and `interfaces`: never empty; each interface is in one group only.
    pub links: Vec<IfName>,
    /// `garp_interval`: between gratuitous ARPs; 0 for none.
    pub garp_interval: Duration,
    /// `gna_interval`: between neighbour advertisements; 0 for none.
    pub gna_interval: Duration,
}

/// `track_group`: a fault of one of the interfaces is a fault of the instances.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrackGroup {
    /// Its name.
    pub name: Name,
    /// `group`: never empty.
    pub members: Vec<InstanceId>,
    /// The interfaces of the static addresses, routes and rules that name the group; each once.
    pub links: Vec<IfName>,
}
