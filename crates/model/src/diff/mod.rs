//! What a reload changes: the difference of two Models, pure and total.
//!
//! [`diff`] matches the objects of both sides by [identity](mod@identity), compares those that
//! match field by field ([`cost`]), and keeps the new value only of what changed. Three laws hold,
//! and are tested:
//!
//! * `diff(a, a)` [is empty](Diff::is_empty);
//! * `diff(a, b).replay(a) == b`;
//! * numbers of objects may shift: an object whose meaning is the same is [`Slot::Kept`] although
//!   the ids in it differ.

pub mod cost;
#[cfg(test)]
mod drawn;
pub mod identity;
pub mod lvs;
mod renumber;
#[cfg(test)]
pub(crate) mod tests;

use base::Name;
use vrrp::config::{GroupId, InstanceId, TrackerId};

use crate::address::Address;
use crate::route::Route;
use crate::rule::Rule;
use crate::{
    BfdId, BfdSession, GarpGroup, Global, Instance, LinkDelay, LinkPolling, Mail, Model, SyncGroup,
    TrackGroup, Tracker,
};
pub use cost::{Change, Cost};
pub use lvs::LvsDiff;
use renumber::Renumber;

/// The difference of two Models, from the old one's point of view.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diff {
    /// The new `global_defs`, if anything in it changed.
    pub global: Option<(Global, Vec<Change>)>,
    /// The new instances in their order.
    pub instances: Vec<Slot<InstanceId, Instance>>,
    /// Old instances that are gone.
    pub instances_gone: Vec<InstanceId>,
    /// The new sync groups in their order.
    pub groups: Vec<Slot<GroupId, SyncGroup>>,
    /// Old sync groups that are gone.
    pub groups_gone: Vec<GroupId>,
    /// The new trackers in their order.
    pub trackers: Vec<Slot<TrackerId, Tracker>>,
    /// Old trackers that are gone.
    pub trackers_gone: Vec<TrackerId>,
    /// The new BFD sessions in their order.
    pub bfd: Vec<Slot<BfdId, BfdSession>>,
    /// Old BFD sessions that are gone.
    pub bfd_gone: Vec<BfdId>,
    /// The new static addresses, if they changed.
    pub static_addresses: Option<Vec<Address>>,
    /// The new static routes, if they changed.
    pub static_routes: Option<Vec<Route>>,
    /// Virtual servers.
    pub lvs: LvsDiff,
    /// The new mail settings, if any of them changed.
    pub mail: Option<(Mail, Vec<Change>)>,
    /// The new static rules, if they changed.
    pub static_rules: Option<Vec<Rule>>,
    /// The new `track_group`s, if they or the numbers of their members changed.
    pub track_groups: Option<Vec<TrackGroup>>,
    /// The new `garp_group`s, if they changed.
    pub garp_groups: Option<Vec<GarpGroup>>,
    /// The new `interface_up_down_delays`, if they changed.
    pub link_delays: Option<Vec<LinkDelay>>,
    /// The new `linkbeat_interfaces`, if they changed.
    pub link_polling: Option<Vec<LinkPolling>>,
    /// The new `linkbeat_use_polling`, if it changed.
    pub poll_all_links: Option<bool>,
}

/// What a place in a new list is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Slot<Id, T> {
    /// The old object, unchanged.
    Kept(Id),
    /// The old object, with changes.
    Changed {
        /// The old object.
        old: Id,
        /// How it is now, in the ids of the new Model.
        new: T,
        /// What changed; never empty.
        changes: Vec<Change>,
    },
    /// A new object.
    Added(T),
}

impl<Id: Copy, T> Slot<Id, T> {
    /// The old object that goes on here.
    pub const fn old(&self) -> Option<Id> {
        match self {
            Self::Kept(old) | Self::Changed { old, .. } => Some(*old),
            Self::Added(_) => None,
        }
    }

    /// What changing it costs; a new object costs nothing to those that run.
    pub fn cost(&self) -> Cost {
        match self {
            Self::Changed { changes, .. } => changes.iter().map(|c| c.cost).max().unwrap_or(Cost::Nothing),
            Self::Kept(_) | Self::Added(_) => Cost::Nothing,
        }
    }
}

/// What it takes to get from `old` to `new`.
#[must_use]
pub fn diff(old: &Model, new: &Model) -> Diff {
    // Without `..`: a new part of the Model does not compile until it is compared here.
    let Model {
        global,
        instances,
        groups,
        trackers,
        static_addresses,
        static_routes,
        static_rules,
        bfd,
        track_groups,
        garp_groups,
        link_delays,
        link_polling,
        poll_all_links,
        lvs,
        mail,
    } = new;

    let from = Renumber {
        instances: identity::matches(&old.instances, instances),
        groups: identity::matches(&old.groups, groups),
        trackers: identity::matches(&old.trackers, trackers),
        bfd: identity::matches(&old.bfd, bfd),
    };
    let global_changes = cost::global(&old.global, global);
    let mail_changes = cost::mail(&old.mail, mail);

    Diff {
        global: (!global_changes.is_empty()).then(|| (global.clone(), global_changes)),
        instances: slots(&old.instances, instances, &from.instances, |old, new| {
            cost::instance(old, &from.instance(new))
        }),
        instances_gone: gone(old.instances.len(), &from.instances),
        groups: slots(&old.groups, groups, &from.groups, |old, new| cost::group(old, &from.group(new))),
        groups_gone: gone(old.groups.len(), &from.groups),
        trackers: slots(&old.trackers, trackers, &from.trackers, |old, new| {
            cost::tracker(old, &from.tracker(new))
        }),
        trackers_gone: gone(old.trackers.len(), &from.trackers),
        lvs: lvs::diff(&old.lvs, lvs, &from.instances),
        mail: (!mail_changes.is_empty()).then(|| (mail.clone(), mail_changes)),
        bfd: slots(&old.bfd, bfd, &from.bfd, cost::bfd),
        bfd_gone: gone(old.bfd.len(), &from.bfd),
        static_addresses: changed(&old.static_addresses, static_addresses),
        static_routes: changed(&old.static_routes, static_routes),
        static_rules: changed(&old.static_rules, static_rules),
        track_groups: changed(&old.track_groups, track_groups),
        garp_groups: changed(&old.garp_groups, garp_groups),
        link_delays: changed(&old.link_delays, link_delays),
        link_polling: changed(&old.link_polling, link_polling),
        poll_all_links: changed(&old.poll_all_links, poll_all_links),
    }
}

/// The new value of something that is compared as a whole, if it is another one.
fn changed<T: Clone + PartialEq>(old: &T, new: &T) -> Option<T> {
    (old != new).then(|| new.clone())
}

impl Diff {
    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self {
            global,
            instances,
            instances_gone,
            groups,
            groups_gone,
            trackers,
            trackers_gone,
            bfd,
            bfd_gone,
            static_addresses,
            static_routes,
            lvs,
            mail,
            static_rules,
            track_groups,
            garp_groups,
            link_delays,
            link_polling,
            poll_all_links,
        } = self;
        global.is_none()
            && instances_gone.is_empty()
            && groups_gone.is_empty()
            && trackers_gone.is_empty()
            && bfd_gone.is_empty()
            && static_addresses.is_none()
            && static_routes.is_none()
            && lvs.is_empty()
            && mail.is_none()
            && static_rules.is_none()
            && track_groups.is_none()
            && garp_groups.is_none()
            && link_delays.is_none()
            && link_polling.is_none()
            && poll_all_links.is_none()
            && in_place(bfd)
            && in_place(instances)
            && in_place(groups)
            && in_place(trackers)
    }

    /// The keywords for which keepalived refuses a reload as a whole: the process must be restarted.
    pub fn refused(&self) -> impl Iterator<Item = &'static str> + '_ {
        let global = self.global.iter().flat_map(|(_, changes)| changes);
        let lvs = self.lvs.settings.iter().flat_map(|(_, changes)| changes);
        global.chain(lvs).filter(|change| change.cost == Cost::Refused).map(|change| change.keyword)
    }

    /// For each new instance the old one that it continues.
    #[must_use]
    pub fn carried_instances(&self) -> Vec<Option<InstanceId>> {
        self.instances.iter().map(Slot::old).collect()
    }

    /// For each new sync group the old one that it continues.
    #[must_use]
    pub fn carried_groups(&self) -> Vec<Option<GroupId>> {
        self.groups.iter().map(Slot::old).collect()
    }

    /// For each new tracker the old one whose verdict it keeps.
    #[must_use]
    pub fn carried_trackers(&self) -> Vec<Option<TrackerId>> {
        self.trackers.iter().map(Slot::old).collect()
    }

    /// For each new BFD session the old one that it continues.
    #[must_use]
    pub fn carried_bfd(&self) -> Vec<Option<BfdId>> {
        self.bfd.iter().map(Slot::old).collect()
    }

    /// The new Model, made of the old one and this difference.
    #[must_use]
    pub fn replay(&self, old: &Model) -> Model {
        // Kept objects still hold old ids: number them anew.
        let to = Renumber {
            instances: invert(&self.carried_instances(), old.instances.len()),
            groups: invert(&self.carried_groups(), old.groups.len()),
            trackers: invert(&self.carried_trackers(), old.trackers.len()),
            bfd: invert(&self.carried_bfd(), old.bfd.len()),
        };

        Model {
            global: self.global.as_ref().map_or_else(|| old.global.clone(), |(global, _)| global.clone()),
            instances: rebuild(&old.instances, &self.instances, |i| to.instance(i)),
            groups: rebuild(&old.groups, &self.groups, |g| to.group(g)),
            trackers: rebuild(&old.trackers, &self.trackers, |t| to.tracker(t)),
            bfd: rebuild(&old.bfd, &self.bfd, Clone::clone),
            static_addresses: whole(&self.static_addresses, &old.static_addresses),
            static_routes: whole(&self.static_routes, &old.static_routes),
            static_rules: whole(&self.static_rules, &old.static_rules),
            track_groups: whole(&self.track_groups, &old.track_groups),
            garp_groups: whole(&self.garp_groups, &old.garp_groups),
            link_delays: whole(&self.link_delays, &old.link_delays),
            link_polling: whole(&self.link_polling, &old.link_polling),
            poll_all_links: whole(&self.poll_all_links, &old.poll_all_links),
            lvs: self.lvs.replay(&old.lvs, to.instances),
            mail: self.mail.as_ref().map_or_else(|| old.mail.clone(), |(mail, _)| mail.clone()),
        }
    }

    /// The names of instances that end with this reload.
    #[must_use]
    pub fn instances_deleted(&self, old: &Model) -> Vec<Name> {
        self.instances_gone.iter().map(|id| old.instance_name(*id)).collect()
    }
}

/// An id of a place in a list.
pub trait Id: Copy + Eq {
    /// The id of place `index`.
    fn from_index(index: usize) -> Self;
    /// The place.
    fn index(self) -> usize;
}

macro_rules! ids {
    ($($id:ty),*) => {$(
        impl Id for $id {
            fn from_index(index: usize) -> Self {
                <$id>::from_index(index)
            }
            fn index(self) -> usize {
                <$id>::index(self)
            }
        }
    )*};
}
ids!(InstanceId, GroupId, TrackerId, BfdId);
use ids;

fn slots<I: Id, T: Clone>(
    old: &[T],
    new: &[T],
    carried: &[Option<I>],
    compare: impl Fn(&T, &T) -> Vec<Change>,
) -> Vec<Slot<I, T>> {
    new.iter()
        .zip(carried)
        .map(|(object, carried)| {
            let Some((id, before)) = carried.and_then(|id| old.get(id.index()).map(|before| (id, before)))
            else {
                return Slot::Added(object.clone());
            };
            let changes = compare(before, object);
            if changes.is_empty() {
                Slot::Kept(id)
            } else {
                Slot::Changed { old: id, new: object.clone(), changes }
            }
        })
        .collect()
}

fn gone<I: Id>(old_len: usize, carried: &[Option<I>]) -> Vec<I> {
    let mut goes_on = vec![false; old_len];
    for id in carried.iter().flatten() {
        if let Some(flag) = goes_on.get_mut(id.index()) {
            *flag = true;
        }
    }
    goes_on.iter().enumerate().filter(|(_, on)| !**on).map(|(index, _)| I::from_index(index)).collect()
}

fn in_place<I: Id, T>(slots: &[Slot<I, T>]) -> bool {
    slots
        .iter()
        .enumerate()
        .all(|(index, slot)| matches!(slot, Slot::Kept(old) if *old == I::from_index(index)))
}

/// Something that is kept or replaced as a whole.
fn whole<T: Clone>(new: &Option<T>, old: &T) -> T {
    new.as_ref().unwrap_or(old).clone()
}

fn invert<I: Id>(carried: &[Option<I>], old_len: usize) -> Vec<Option<I>> {
    let mut to = vec![None; old_len];
    for (new, old) in carried.iter().enumerate() {
        if let Some(place) = old.and_then(|old| to.get_mut(old.index())) {
            *place = Some(I::from_index(new));
        }
    }
    to
}

fn rebuild<I: Id, T: Clone>(old: &[T], slots: &[Slot<I, T>], renumber: impl Fn(&T) -> T) -> Vec<T> {
    slots
        .iter()
        .filter_map(|slot| match slot {
            Slot::Kept(id) => old.get(id.index()).map(&renumber),
            Slot::Changed { new, .. } | Slot::Added(new) => Some(new.clone()),
        })
        .collect()
}
