//! How things stand, for whoever looks: everything an observer needs, in plain values.

use std::net::IpAddr;

use base::{IpNet, Name, Priority};
use model::{GroupId, InstanceId, TrackerId, TrackerSource};
use serde::{Deserialize, Serialize};
use vrrp::io::State;

use crate::kernel::desired::{Key, Owner, Progress};
use crate::links::is_up;
use crate::machine::{Counts, Engine, Phase};

/// How things stand.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// Whether the protocol runs: left-overs are gone and sockets are open.
    pub running: bool,
    /// All virtual routers, in the order of the model.
    pub instances: Vec<InstanceSnapshot>,
    /// All sync groups, in the order of the model.
    pub groups: Vec<GroupSnapshot>,
    /// Everything tracked, in the order of the model.
    pub trackers: Vec<TrackerSnapshot>,
    /// Interfaces that the model names.
    pub links: Vec<LinkSnapshot>,
    /// How often something of ours was put back after somebody else had removed it.
    pub repaired: u64,
    /// Kernel operations without an answer.
    pub operations: usize,
    /// Open sockets.
    pub sockets: usize,
    /// Announcements that wait for their turn.
    pub announcements: usize,
    /// What was counted that belongs to no instance.
    pub counts: Counts,
}

/// How a virtual router stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InstanceSnapshot {
    /// Its name.
    pub name: Name,
    /// What the core knows; `None` before the protocol runs.
    pub vrrp: Option<vrrp::io::Snapshot>,
    /// Its virtual addresses: address, interface, and whether it is there for this instance.
    pub addresses: Vec<(IpNet, Name, Held)>,
    /// Whether everything that it wants of the kernel is there, and nothing that it doesn't want.
    pub in_order: bool,
}

/// How a virtual address stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Held {
    /// Not wanted now.
    No,
    /// Wanted, and there.
    Yes,
    /// On its way, in or out.
    Changing,
    /// Wanted, but not there.
    Missing,
}

/// How a sync group stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GroupSnapshot {
    /// Its name.
    pub name: Name,
    /// The state that all members share, as last told.
    pub state: Option<State>,
}

/// How something tracked stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TrackerSnapshot {
    /// Its name.
    pub name: Name,
    /// Whether it is good; `None` if it wasn't heard of yet, or is a number.
    pub up: Option<bool>,
    /// The number in a tracked file, or the counter of rises and falls of a script.
    pub value: Option<i64>,
}

/// How an interface stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LinkSnapshot {
    /// Its name.
    pub name: Name,
    /// Its number, if it is there.
    pub index: Option<u32>,
    /// Switched on and with a carrier.
    pub up: bool,
    /// Its MTU in bytes.
    pub mtu: u32,
    /// Its addresses, ours included.
    pub addresses: Vec<IpNet>,
}

impl Engine {
    /// How things stand now. Costs as much as there is to tell.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let model = &self.model;
        Snapshot {
            running: self.phase == Phase::Running,
            instances: self.ids().map(|id| self.instance_snapshot(id)).collect(),
            groups: (0..model.groups.len())
                .map(|index| self.group_snapshot(GroupId::from_index(index)))
                .collect(),
            trackers: (0..model.trackers.len())
                .map(|index| self.tracker_snapshot(TrackerId::from_index(index)))
                .collect(),
            links: self.links.named().into_iter().map(|name| self.link_snapshot(name)).collect(),
            repaired: self.kernel.repaired(),
            operations: self.kernel.waiting() + self.sockets.opening(),
            sockets: self.sockets.open(),
            announcements: self.announcer.queued(),
            counts: self.counts,
        }
    }

    /// The state of an instance, as last told; `None` if there is no such instance.
    #[must_use]
    pub fn state(&self, id: InstanceId) -> Option<State> {
        self.states.get(id.index()).copied()
    }

    /// The effective priority of an instance; `None` if there is no such instance, or the protocol does not
    /// run yet.
    #[must_use]
    pub fn priority(&self, id: InstanceId) -> Option<Priority> {
        self.core.as_ref()?.priority(id)
    }

    /// The address that an instance sends from, if it has one.
    #[must_use]
    pub fn source(&self, id: InstanceId) -> Option<IpAddr> {
        self.links.told(id).and_then(|told| told.source)
    }

    fn instance_snapshot(&self, id: InstanceId) -> InstanceSnapshot {
        let owner = Owner::Instance(id);
        let mut addresses = Vec::new();
        let mut in_order = true;
        for key in self.kernel.desired.keys_of(owner) {
            let Some(object) = self.kernel.desired.objects.get(key) else { continue };
            let held = match (object.progress, object.claims.contains(&owner), object.held) {
                (Progress::InFlight { .. }, _, _) => Held::Changing,
                (_, false, _) => Held::No,
                (_, true, true) => Held::Yes,
                (_, true, false) => Held::Missing,
            };
            in_order &= matches!(held, Held::No | Held::Yes);
            if let Key::Address(link, address) = key {
                addresses.push((address.net, Name::from(link.as_str()), held));
            }
        }
        let vrrp = self.core.as_ref().and_then(|core| core.snapshot(id));
        InstanceSnapshot { name: self.model.instance_name(id), vrrp, addresses, in_order }
    }

    fn group_snapshot(&self, id: GroupId) -> GroupSnapshot {
        let name =
            self.model.groups.get(id.index()).map_or_else(|| Name::from(""), |g| g.protocol.name.clone());
        GroupSnapshot { name, state: self.core.as_ref().and_then(|core| core.group_state(id)) }
    }

    fn tracker_snapshot(&self, id: TrackerId) -> TrackerSnapshot {
        let Some(tracker) = self.model.trackers.get(id.index()) else {
            return TrackerSnapshot { name: Name::from(""), up: None, value: None };
        };
        let (up, value) = match &tracker.source {
            TrackerSource::Interface(link) => (Some(self.kernel.view.named(*link).is_some_and(is_up)), None),
            TrackerSource::Script(_) => {
                let (counter, up) = self.scripts.standing(id).unwrap_or_default();
                (up, counter.map(i64::from))
            }
            TrackerSource::File(_) => (None, self.files.get(&id).copied().map(i64::from)),
            // Nobody asks them yet.
            TrackerSource::Process(_) | TrackerSource::Bfd(_) => (None, None),
        };
        TrackerSnapshot { name: tracker.name.clone(), up, value }
    }

    fn link_snapshot(&self, name: base::IfName) -> LinkSnapshot {
        let facts = self.kernel.view.named(name);
        LinkSnapshot {
            name: Name::from(name.as_str()),
            index: facts.map(|l| l.index.get()),
            up: facts.is_some_and(is_up),
            mtu: facts.map_or(0, |l| l.mtu),
            addresses: facts.map_or_else(Vec::new, |l| {
                self.kernel.view.addresses(l.index).into_iter().map(|a| a.net).collect()
            }),
        }
    }
}
