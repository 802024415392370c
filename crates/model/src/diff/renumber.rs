//! Ids of one Model in the numbers of another.

use vrrp::config::{GroupId, InstanceId, TrackerId};

use super::Id;
use crate::{BfdId, Instance, SyncGroup, Tracker, TrackerSource};

/// For each id of one Model the id in the other; `None` where it has no counterpart.
pub(super) struct Renumber {
    pub(super) instances: Vec<Option<InstanceId>>,
    pub(super) groups: Vec<Option<GroupId>>,
    pub(super) trackers: Vec<Option<TrackerId>>,
    pub(super) bfd: Vec<Option<BfdId>>,
}

/// An id that no Model has: what refers to an object without a counterpart must not look equal to
/// what refers to another one.
pub(super) fn lookup<I: Id>(map: &[Option<I>], id: I) -> I {
    map.get(id.index()).copied().flatten().unwrap_or_else(|| I::from_index(usize::MAX))
}

impl Renumber {
    pub(super) fn instance(&self, instance: &Instance) -> Instance {
        let mut instance = instance.clone();
        instance.protocol.group = instance.protocol.group.map(|id| lookup(&self.groups, id));
        for track in instance.protocol.tracks.iter_mut().chain(&mut instance.held.tracks) {
            track.tracker = lookup(&self.trackers, track.tracker);
        }
        instance
    }

    pub(super) fn group(&self, group: &SyncGroup) -> SyncGroup {
        let mut group = group.clone();
        for member in &mut group.protocol.members {
            *member = lookup(&self.instances, *member);
        }
        group
    }

    pub(super) fn tracker(&self, tracker: &Tracker) -> Tracker {
        let mut tracker = tracker.clone();
        if let TrackerSource::Bfd(session) = &mut tracker.source {
            *session = lookup(&self.bfd, *session);
        }
        tracker
    }
}
