//! A new configuration.
//!
//! An instance that goes on keeps its state, timers, counters and sequence numbers. One whose
//! configuration did not change notices nothing; a master whose configuration changed sends an
//! advert at once.

use alloc::vec;
use alloc::vec::Vec;

use base::{Deadlines, Instant};

use crate::config::{Config, GroupId, InstanceId, Version};
use crate::group::SyncGroup;
use crate::io::{Cause, Event, Output, Reload, State, Verdict};
use crate::machine::{Vrrp, Wait};
use crate::priority::Tracked;
use crate::rogue::Conflict;
use crate::state::{Phase, Router};

impl Vrrp {
    pub(crate) fn reload(&mut self, now: Instant, reload: Reload) {
        let Reload { config: Config { instances, groups, trackers }, instances: continued, trackers: kept } =
            reload;

        // Who was paused must not go on with an advert, not even with one that says what is new. How long
        // is too long follows from the intervals that were in force.
        let paused: Vec<_> = self.ids().map(|id| self.paused(now, id)).collect();

        let mut goes_on = vec![false; self.routers.len()];
        for id in continued.iter().flatten() {
            if let Some(flag) = goes_on.get_mut(id.index()) {
                *flag = true;
            }
        }
        for (id, _) in self.ids().zip(goes_on).filter(|(_, goes_on)| !goes_on) {
            self.delete(id);
        }

        let verdicts = core::mem::take(&mut self.trackers);
        self.trackers = trackers
            .into_iter()
            .enumerate()
            .map(|(index, tracker)| Tracked {
                kind: tracker.kind,
                verdict: old(&kept, index)
                    .and_then(|old| verdicts.get(old.index()))
                    .map_or(Verdict::Unknown, |tracked| tracked.verdict),
            })
            .collect();

        let mut routers: Vec<Option<Router>> =
            core::mem::take(&mut self.routers).into_iter().map(Some).collect();
        let mut changed = Vec::new();
        for (index, config) in instances.into_iter().enumerate() {
            let old = old(&continued, index).and_then(|old| routers.get_mut(old.index())?.take());
            self.routers.push(match old {
                Some(mut router) => {
                    // An id of a group is a place in a list, which may have moved.
                    router.config.group = config.group;
                    if router.config != config {
                        changed.push(InstanceId::from_index(index));
                        router.change(config);
                    }
                    router
                }
                None => Router::new(config, now),
            });
        }
        self.deadlines = Deadlines::new(self.routers.len());
        self.groups = groups.into_iter().map(SyncGroup::new).collect();
        for index in 0..self.groups.len() {
            let state = self.shared_state(GroupId::from_index(index));
            if let (Some(group), Some(state)) = (self.groups.get_mut(index), state) {
                group.state = state;
            }
        }

        for (index, id) in self.ids().enumerate() {
            self.arm(id);
            let late = old(&continued, index).and_then(|old| paused.get(old.index()).copied().flatten());
            if let Some(late) = late {
                self.yield_master(now, id, Cause::Paused { late }, Wait::Listen, None);
            }
        }
        for id in self.ids() {
            self.reprioritise(id);
        }
        for id in self.ids() {
            self.settle(now, id);
        }
        for id in changed {
            self.send_advert(now, id);
        }
    }

    /// Nobody continues this instance.
    fn delete(&mut self, id: InstanceId) {
        let Some(from) = self.routers.get(id.index()).map(|router| router.phase.state()) else { return };
        let released = self.release(id);
        self.outputs.extend(released.map(Output::Event));
        self.tell(Event::State { instance: id, from, to: State::Deleted, cause: Cause::Deleted });
    }
}

/// What the new object at `index` continues.
fn old<T: Copy>(continued: &[Option<T>], index: usize) -> Option<T> {
    continued.get(index).copied().flatten()
}

impl Router {
    /// Goes on with another configuration.
    fn change(&mut self, config: crate::config::Instance) {
        let before = self.master_down();
        let version_before = core::mem::replace(&mut self.config, config).version;
        if let Phase::Backup(backup) = &mut self.phase {
            // A master that was heard goes on in its own interval, whatever ours is from now on.
            let learned = (version_before, self.config.version) == (Version::V3, Version::V3);
            if !learned || backup.master.is_none() {
                backup.interval = self.config.advert_interval;
            }
        }
        let after = self.master_down();
        if let Phase::Backup(backup) = &mut self.phase {
            backup.shift(before, after);
        }
        if !self.config.priority.is_owner() {
            match &mut self.phase {
                Phase::Backup(backup) => backup.yielded = None,
                Phase::Master(master) => master.conflict = Conflict::None,
                Phase::Init { .. } | Phase::Fault | Phase::Stopped => {}
            }
        }
        self.outgoing.prepare(&self.config, self.source.address());
    }
}
