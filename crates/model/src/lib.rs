//! The typed configuration: resolved, valid by construction, comparable.
//!
//! A [`Model`] that exists is valid: names are ids, defaults are applied, families agree, limits
//! hold. `config` is the only crate that makes one from text; [`diff()`] says what a reload costs.
//! Protocol parameters are the cores' own types ([`vrrp::config`]), so that nothing is written twice.

pub mod address;
pub mod bfd;
pub mod diff;
pub mod encap;
pub mod firewall;
pub mod global;
pub mod hmac;
pub mod id;
pub mod instance;
pub mod lease;
pub mod link;
pub mod lvs;
pub mod mail;
pub mod observers;
mod part;
pub mod route;
pub mod rule;
pub mod script;
pub mod tracker;
pub mod virtual_link;

use std::net::IpAddr;

use base::Name;
pub use vrrp::config::{GroupId, InstanceId, TrackerId};

pub use address::Address;
pub use bfd::BfdSession;
pub use diff::{Diff, diff};
pub use global::Global;
pub use id::BfdId;
pub use instance::{Garp, Held, Instance, Notify, SyncGroup};
pub use link::{GarpGroup, LinkDelay, LinkPolling, TrackGroup};
pub use lvs::Lvs;
pub use mail::Mail;
pub use route::Route;
pub use rule::Rule;
pub use script::{Command, Script, User};
pub use tracker::{TrackFile, TrackProcess, Tracker, TrackerSource};

/// A whole configuration.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Model {
    /// `global_defs` and the keywords of the root.
    pub global: Global,
    /// `vrrp_instance`, numbered by [`InstanceId`].
    pub instances: Vec<Instance>,
    /// `vrrp_sync_group`, numbered by [`GroupId`].
    pub groups: Vec<SyncGroup>,
    /// What is tracked, numbered by [`TrackerId`]: interfaces, scripts, files, processes, BFD sessions.
    pub trackers: Vec<Tracker>,
    /// `static_ipaddress`: there as long as the daemon runs.
    pub static_addresses: Vec<Address>,
    /// `static_routes`: there as long as the daemon runs.
    pub static_routes: Vec<Route>,
    /// Virtual servers and how they are checked.
    pub lvs: Lvs,
    /// Mail about changes.
    pub mail: Mail,
    /// `static_rules`: there as long as the daemon runs.
    pub static_rules: Vec<Rule>,
    /// `bfd_instance`, numbered by [`BfdId`].
    pub bfd: Vec<BfdSession>,
    /// `track_group`.
    pub track_groups: Vec<TrackGroup>,
    /// `garp_group`.
    pub garp_groups: Vec<GarpGroup>,
    /// `interface_up_down_delays`.
    pub link_delays: Vec<LinkDelay>,
    /// `linkbeat_interfaces`, `linkbeat_use_polling`.
    pub link_polling: Vec<LinkPolling>,
    /// `linkbeat_use_polling` at the root: every interface that is used is polled.
    pub poll_all_links: bool,
}

impl Model {
    /// What the VRRP core needs of it.
    #[must_use]
    pub fn protocol(&self) -> vrrp::config::Config {
        vrrp::config::Config {
            instances: self.instances.iter().map(|i| i.protocol.clone()).collect(),
            groups: self.groups.iter().map(|g| g.protocol.clone()).collect(),
            trackers: self.trackers.iter().map(Tracker::protocol).collect(),
        }
    }

    /// Every virtual address of every instance: none of them may serve as a source address.
    pub fn virtual_addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.instances.iter().flat_map(|i| i.addresses.iter().chain(&i.excluded)).map(|a| a.net.addr())
    }

    /// The instance called `name`.
    #[must_use]
    pub fn instance_named(&self, name: &str) -> Option<InstanceId> {
        self.instances.iter().position(|i| *i.protocol.name == *name).map(InstanceId::from_index)
    }

    /// The name of an instance; empty for an id of another model.
    #[must_use]
    pub fn instance_name(&self, id: InstanceId) -> Name {
        self.instances.get(id.index()).map_or_else(|| Name::from(""), |i| i.protocol.name.clone())
    }
}
