//! What else can happen: addresses, faults, verdicts of trackers, and the end.

use core::net::IpAddr;

use base::{Family, Instant};

use crate::config::{GroupId, InstanceId, TrackerId};
use crate::io::{Cause, Event, Fault, Output, State, Verdict};
use crate::machine::Vrrp;
use crate::priority::{Effect, Tracked, effect};
use crate::state::{Phase, Router, Source};

impl Vrrp {
    pub(crate) fn source_told(&mut self, now: Instant, id: InstanceId, address: Option<IpAddr>) {
        let Some(router) = self.routers.get_mut(id.index()) else { return };
        let source = address.map_or(Source::Absent, Source::Address);
        if router.source == source {
            return;
        }
        let before = router.own_faults().has(Fault::NoAddress);
        let family = router.config.family;
        router.source = source;
        let after = router.own_faults().has(Fault::NoAddress);
        if after != before {
            self.tell(Event::Fault { instance: id, cause: Cause::Fault(Fault::NoAddress), began: after });
        }
        // A master that loses its IPv4 address says priority 0 with the old one; with IPv6 the
        // kernel would not send it.
        if source != Source::Absent || family == Family::V6 {
            self.prepare(id);
        }
        self.settle(now, id);
        self.prepare(id);
    }

    pub(crate) fn prepare(&mut self, id: InstanceId) {
        if let Some(Router { config, source, outgoing, .. }) = self.routers.get_mut(id.index()) {
            outgoing.prepare(config, source.address());
        }
    }

    pub(crate) fn fault_told(&mut self, now: Instant, id: InstanceId, fault: Fault, present: bool) {
        let Some(router) = self.routers.get_mut(id.index()) else { return };
        let before = router.own_faults().has(fault);
        router.faults = router.faults.with(fault, present);
        if router.own_faults().has(fault) == before {
            return;
        }
        self.tell(Event::Fault { instance: id, cause: Cause::Fault(fault), began: present });
        self.settle(now, id);
    }

    pub(crate) fn tracker_told(&mut self, now: Instant, id: TrackerId, verdict: Verdict) {
        let Some(tracked) = self.trackers.get_mut(id.index()) else { return };
        if tracked.verdict == verdict {
            return;
        }
        let before = core::mem::replace(&mut tracked.verdict, verdict);
        let old = Tracked { kind: tracked.kind.clone(), verdict: before };
        let new = tracked.clone();
        for instance in self.ids() {
            let Some(router) = self.routers.get(instance.index()) else { continue };
            let mut touched = false;
            let mut was_fault = false;
            let mut is_fault = false;
            for track in router.config.tracks.iter().filter(|track| track.tracker == id) {
                touched = true;
                was_fault |= effect(track, &old) == Effect::Fault;
                is_fault |= effect(track, &new) == Effect::Fault;
            }
            if !touched {
                continue;
            }
            if was_fault != is_fault {
                let cause = Cause::Tracker { tracker: id, verdict };
                self.tell(Event::Fault { instance, cause, began: is_fault });
            }
            self.reprioritise(instance);
        }
        // Only now that all know of it: the members of a group go together.
        for instance in self.ids() {
            let tracks = |router: &Router| router.config.tracks.iter().any(|track| track.tracker == id);
            if self.routers.get(instance.index()).is_some_and(tracks) {
                self.settle(now, instance);
            }
        }
    }

    pub(crate) fn stop(&mut self, now: Instant) {
        self.stopped = true;
        for id in self.ids() {
            let Some(from) = self.routers.get(id.index()).map(|router| router.phase.state()) else {
                continue;
            };
            let released = self.release(id);
            self.outputs.extend(released.map(Output::Event));
            self.enter(now, id, Phase::Stopped);
            self.tell(Event::State { instance: id, from, to: State::Stopped, cause: Cause::Stop });
        }
        for index in 0..self.groups.len() {
            self.tell_group(GroupId::from_index(index));
        }
    }
}
