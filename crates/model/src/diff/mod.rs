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
pub mod identity;
mod renumber;
#[cfg(test)]
pub(crate) mod tests;

use base::Name;
use vrrp::config::{GroupId, InstanceId, TrackerId};

use crate::address::Address;
use crate::route::Route;
use crate::{Global, Instance, Model, SyncGroup, Tracker};
pub use cost::{Change, Cost};
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
    /// The new static addresses, if they changed.
    pub static_addresses: Option<Vec<Address>>,
    /// The new static routes, if they changed.
    pub static_routes: Option<Vec<Route>>,
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
    let Model { global, instances, groups, trackers, static_addresses, static_routes } = new;

    let from = Renumber {
        instances: identity::matches(&old.instances, instances),
        groups: identity::matches(&old.groups, groups),
        trackers: identity::matches(&old.trackers, trackers),
    };
    let global_changes = cost::global(&old.global, global);

    Diff {
        global: (!global_changes.is_empty()).then(|| (global.clone(), global_changes)),
        instances: slots(&old.instances, instances, &from.instances, |old, new| {
            cost::instance(old, &from.instance(new))
        }),
        instances_gone: gone(old.instances.len(), &from.instances),
        groups: slots(&old.groups, groups, &from.groups, |old, new| cost::group(old, &from.group(new))),
        groups_gone: gone(old.groups.len(), &from.groups),
        trackers: slots(&old.trackers, trackers, &from.trackers, cost::tracker),
        trackers_gone: gone(old.trackers.len(), &from.trackers),
        static_addresses: (old.static_addresses != *static_addresses).then(|| static_addresses.clone()),
        static_routes: (old.static_routes != *static_routes).then(|| static_routes.clone()),
    }
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
            static_addresses,
            static_routes,
        } = self;
        global.is_none()
            && instances_gone.is_empty()
            && groups_gone.is_empty()
            && trackers_gone.is_empty()
            && static_addresses.is_none()
            && static_routes.is_none()
            && in_place(instances)
            && in_place(groups)
            && in_place(trackers)
    }

    /// The keywords for which keepalived refuses a reload as a whole: the process must be restarted.
    pub fn refused(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.global
            .iter()
            .flat_map(|(_, changes)| changes)
            .filter(|change| change.cost == Cost::Refused)
            .map(|change| change.keyword)
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

    /// The new Model, made of the old one and this difference.
    #[must_use]
    pub fn replay(&self, old: &Model) -> Model {
        // Kept objects still hold old ids: number them anew.
        let to = Renumber {
            instances: invert(&self.carried_instances(), old.instances.len()),
            groups: invert(&self.carried_groups(), old.groups.len()),
            trackers: invert(&self.carried_trackers(), old.trackers.len()),
        };
        Model {
            global: self.global.as_ref().map_or_else(|| old.global.clone(), |(global, _)| global.clone()),
            instances: rebuild(&old.instances, &self.instances, |i| to.instance(i)),
            groups: rebuild(&old.groups, &self.groups, |g| to.group(g)),
            trackers: rebuild(&old.trackers, &self.trackers, Clone::clone),
            static_addresses: self.static_addresses.clone().unwrap_or_else(|| old.static_addresses.clone()),
            static_routes: self.static_routes.clone().unwrap_or_else(|| old.static_routes.clone()),
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
ids!(InstanceId, GroupId, TrackerId);

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
