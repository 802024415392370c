//! The transition table.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use base::{Deadlines, Duration, Instant, Machine, Priority};

use crate::config::{Auth, Config, GroupId, InstanceId, Version};
use crate::group::SyncGroup;
use crate::io::{Cause, Counters, Event, Input, Output, RogueStep, Snapshot, State, Verdict};
use crate::priority::Tracked;
use crate::receive::Heard;
use crate::state::{Backup, Claim, Master, Phase, Router, Shown};
use crate::timers;

/// All virtual routers of one process.
///
/// An instance stays INIT until its first [`Input::Source`]: whoever owns the machine tells the
/// faults and the verdicts that are already known before, so that they decide how it starts. A sync
/// group starts when that is known of all its members.
#[derive(Debug)]
pub struct Vrrp {
    pub(crate) routers: Vec<Router>,
    pub(crate) groups: Vec<SyncGroup>,
    pub(crate) trackers: Vec<Tracked>,
    pub(crate) deadlines: Deadlines,
    pub(crate) outputs: VecDeque<Output>,
    /// Until then nobody listens and no timer begins (`vrrp_startup_delay`).
    pub(crate) ready_at: Instant,
    pub(crate) stopped: bool,
    /// Adverts of masters that were due in the turn and were sent so far.
    pub(crate) burst: u32,
}

/// So many adverts may be due at one instant: as many as go out with one system call.
const TOGETHER: u32 = 32;

/// Twice as long as that many adverts take to be sent.
const APART: Duration = Duration::from_micros(400);

/// How long a new backup waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wait {
    /// The master-down interval.
    Full,
    /// An interval and the skew time: long enough to hear whether somebody else is master.
    Listen,
}

impl Vrrp {
    /// Builds the routers of `config`. Until `start_delay` after `now` they are deaf and their
    /// timers don't begin (`vrrp_startup_delay`).
    #[must_use]
    pub fn new(config: Config, now: Instant, start_delay: Duration) -> Self {
        let Config { instances, groups, trackers } = config;
        let mut vrrp = Self {
            deadlines: Deadlines::new(instances.len()),
            routers: instances.into_iter().map(|config| Router::new(config, now)).collect(),
            groups: groups.into_iter().map(SyncGroup::new).collect(),
            trackers: trackers
                .into_iter()
                .map(|tracker| Tracked { kind: tracker.kind, verdict: Verdict::Unknown })
                .collect(),
            outputs: VecDeque::new(),
            ready_at: now + start_delay,
            stopped: false,
            burst: 0,
        };
        for id in vrrp.ids() {
            vrrp.reprioritise(id);
        }
        vrrp
    }

    /// How an instance stands; `None` if there is no such instance.
    #[must_use]
    pub fn snapshot(&self, id: InstanceId) -> Option<Snapshot> {
        let router = self.routers.get(id.index())?;
        let source = router.source.address();
        Some(Snapshot {
            state: router.phase.state(),
            wants: match (&router.phase, router.phase.wants_master()) {
                (Phase::Fault | Phase::Init { claim_at: None }, _) if router.claims_at_once() => {
                    State::Master
                }
                (_, true) => State::Master,
                (_, false) => State::Backup,
            },
            priority: router.priority,
            master: match &router.phase {
                Phase::Backup(backup) => backup.master,
                Phase::Master(_) => source.map(|source| (source, router.priority)),
                Phase::Init { .. } | Phase::Fault | Phase::Stopped => None,
            },
            master_interval: router.interval(),
            since: router.since,
            source,
            counters: router.counters,
        })
    }

    /// The effective priority of an instance; `None` if there is no such instance.
    #[must_use]
    pub fn priority(&self, id: InstanceId) -> Option<Priority> {
        self.routers.get(id.index()).map(|router| router.priority)
    }

    /// The state that all members of a group share; `None` if there is no such group.
    #[must_use]
    pub fn group_state(&self, id: GroupId) -> Option<State> {
        self.groups.get(id.index()).map(|group| group.state)
    }

    /// What was counted for an instance; `None` if there is no such instance.
    #[must_use]
    pub fn counters(&self, id: InstanceId) -> Option<Counters> {
        self.routers.get(id.index()).map(|router| router.counters)
    }

    /// Starts the counters of all instances again from zero.
    pub fn clear_counters(&mut self) {
        for router in &mut self.routers {
            router.counters = Counters::default();
        }
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = InstanceId> + use<> {
        (0..self.routers.len()).map(InstanceId::from_index)
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    /// Brings the queue of deadlines up to date.
    pub(crate) fn arm(&mut self, id: InstanceId) {
        let deadline = self.routers.get(id.index()).and_then(|router| router.phase.deadline());
        self.deadlines.set(id.index(), deadline);
    }

    /// Moves an instance to another phase.
    pub(crate) fn enter(&mut self, now: Instant, id: InstanceId, phase: Phase) {
        if let Some(router) = self.routers.get_mut(id.index()) {
            router.phase = phase;
            router.since = now;
            router.shown = Shown::default();
        }
        self.arm(id);
    }

    /// Any state to MASTER: the advert goes first.
    pub(crate) fn become_master(&mut self, now: Instant, id: InstanceId, cause: Cause) {
        let Some(router) = self.routers.get_mut(id.index()) else { return };
        let from = router.phase.state();
        let yielded = router.phase.yielded_to();
        router.counters.become_master += 1;
        self.enter(now, id, Phase::Master(Master::new(now)));
        if let Some(source) = yielded {
            self.tell(Event::RogueOwner { instance: id, source, step: RogueStep::Restored });
            self.reprioritise(id);
        }
        self.send_advert(now, id);
        self.tell(Event::State { instance: id, from, to: State::Master, cause });
    }

    /// Any state to BACKUP. `heard` is the advert that made a master yield.
    pub(crate) fn become_backup(
        &mut self,
        now: Instant,
        id: InstanceId,
        cause: Cause,
        wait: Wait,
        heard: Option<&Heard<'_>>,
    ) {
        let start = now.max(self.ready_at);
        let Some(router) = self.routers.get_mut(id.index()) else { return };
        let from = router.phase.state();
        if from == State::Master {
            router.counters.release_master += 1;
        }
        let config = &router.config;
        let own = config.advert_interval;
        let interval = match (config.version, heard) {
            (Version::V3, Some(heard)) => heard.interval,
            _ => own,
        };
        let priority = router.timer_priority();
        let full = timers::master_down(config, priority, interval);
        let wait = match wait {
            Wait::Full => full,
            Wait::Listen => interval + timers::skew(config.version, priority, interval),
        };
        let backup = Backup {
            waits_since: start,
            down_at: start + wait,
            claim: Claim::Silence,
            interval,
            master: heard.map(|heard| (heard.source, heard.priority)),
            preempt_at: None,
            wants_master: false,
            yielded: router.phase.yielded_to(),
        };
        self.enter(now, id, Phase::Backup(backup));
        if interval != own {
            self.tell(Event::IntervalLearned { instance: id, from: own, to: interval });
        }
        self.tell(Event::State { instance: id, from, to: State::Backup, cause });
        if let Some(heard) = heard {
            self.tell(Event::MasterChanged { instance: id, from: None, to: heard.source });
        }
    }

    /// Any state to FAULT: a master says priority 0 first.
    pub(crate) fn become_fault(&mut self, now: Instant, id: InstanceId, cause: Cause) {
        let released = self.release(id);
        let Some(router) = self.routers.get_mut(id.index()) else { return };
        let from = router.phase.state();
        if from == State::Master {
            router.counters.release_master += 1;
        }
        self.enter(now, id, Phase::Fault);
        self.tell(Event::State { instance: id, from, to: State::Fault, cause });
        self.outputs.extend(released.map(Output::Event));
        self.reprioritise(id);
    }

    /// INIT or FAULT to where the instance begins: an owner claims its addresses at once if
    /// `at_once`, all others listen.
    pub(crate) fn begin(&mut self, now: Instant, id: InstanceId, at_once: bool) {
        let Some(router) = self.routers.get_mut(id.index()) else { return };
        match (&mut router.phase, at_once) {
            (Phase::Init { claim_at }, true) => {
                *claim_at = Some(now.max(self.ready_at) + Duration::from_micros(1));
                self.arm(id);
            }
            (Phase::Fault, true) if now >= self.ready_at => self.become_master(now, id, Cause::Owner),
            (Phase::Init { .. }, _) => self.become_backup(now, id, Cause::Start, Wait::Full, None),
            _ => self.become_backup(now, id, Cause::FaultsCleared, Wait::Full, None),
        }
    }

    /// The effective priority, computed from scratch; the timer of a backup moves with it.
    pub(crate) fn reprioritise(&mut self, id: InstanceId) {
        let Some(router) = self.routers.get_mut(id.index()) else { return };
        let to = match router.phase.yielded_to() {
            Some(_) => Priority::MAX_BACKUP,
            None => crate::priority::effective(&router.config, &self.trackers),
        };
        let from = router.priority;
        if from == to {
            return;
        }
        let before = router.master_down();
        router.priority = to;
        let after = router.master_down();
        if let Phase::Backup(backup) = &mut router.phase {
            backup.shift(before, after);
        }
        let unstarted = router.phase.is_unstarted();
        self.arm(id);
        if !unstarted {
            self.tell(Event::Priority { instance: id, from, to });
        }
    }

    /// What is due at `now` for one instance.
    fn fire(&mut self, now: Instant, id: InstanceId) {
        self.step_down_if_paused(now, id);
        let Some(router) = self.routers.get_mut(id.index()) else { return };
        match &mut router.phase {
            Phase::Init { claim_at: Some(at) } if *at <= now => self.claim(now, id, Cause::Owner),
            Phase::Backup(backup) if backup.down_at <= now => {
                let claim = backup.claim;
                let cause = match claim {
                    Claim::Released(from) => Cause::MasterReleased { from },
                    Claim::Silence | Claim::Overslept => Cause::MasterDownTimer {
                        master: backup.master.map(|(address, _)| address),
                        waited: backup.down_at.since(backup.waits_since),
                    },
                };
                if claim != Claim::Overslept && now.since(backup.down_at) > backup.interval {
                    // The process did not run for a while: adverts may wait in its socket.
                    backup.claim = Claim::Overslept;
                    backup.down_at = now + timers::minimal_skew(router.config.version, backup.interval);
                    self.arm(id);
                    return;
                }
                self.claim(now, id, cause);
            }
            Phase::Master(master) => {
                if let Some(source) = master.conflict.silent(now) {
                    self.tell(Event::RogueOwner { instance: id, source, step: RogueStep::Silent });
                    self.arm(id);
                }
                self.advertise_if_due(now, id);
            }
            _ => {}
        }
    }

    fn advertise_if_due(&mut self, now: Instant, id: InstanceId) {
        let Some(router) = self.routers.get_mut(id.index()) else { return };
        let Phase::Master(master) = &router.phase else { return };
        if master.advert_at > now {
            return;
        }
        let is_exhausted = matches!(router.config.auth, Auth::Ah(_)) && router.sequence.is_exhausted();
        if is_exhausted {
            router.sequence.wrap();
            self.yield_master(now, id, Cause::SequenceExhausted, Wait::Full, None);
        } else {
            self.send_advert(now, id);
            self.spread(id);
        }
    }

    /// Many masters that share an instant share it for ever, and the last of them sends when all others
    /// have: its adverts come as unevenly as the machine is fast. So beyond a handful they part, once.
    fn spread(&mut self, id: InstanceId) {
        let groups = self.burst / TOGETHER;
        self.burst += 1;
        if groups == 0 {
            return;
        }
        let Some(router) = self.routers.get_mut(id.index()) else { return };
        let interval = router.config.advert_interval;
        if let Phase::Master(master) = &mut router.phase {
            let apart = APART.min(interval.mul_div(1, 128)) * u64::from(groups);
            master.advert_at += apart.min(interval.mul_div(1, 8));
        }
        self.arm(id);
    }

    /// By how much a master is late whose last advert is longer ago than any backup waits: it takes it
    /// that somebody else is master.
    pub(crate) fn paused(&self, now: Instant, id: InstanceId) -> Option<Duration> {
        let router = self.routers.get(id.index())?;
        let Phase::Master(master) = &router.phase else { return None };
        let silent = now.since(master.sent_at) > timers::too_late(&router.config);
        silent.then(|| now.since(master.advert_at))
    }

    /// A master that was paused listens before it claims again.
    pub(crate) fn step_down_if_paused(&mut self, now: Instant, id: InstanceId) {
        if let Some(late) = self.paused(now, id) {
            self.yield_master(now, id, Cause::Paused { late }, Wait::Listen, None);
        }
    }

    /// Does what is due, each instance at most once: whatever is armed again is armed for later.
    fn run(&mut self, now: Instant) {
        self.burst = 0;
        for _ in 0..self.routers.len() {
            let Some(index) = self.deadlines.due(now) else { return };
            self.fire(now, InstanceId::from_index(index));
        }
    }
}

impl Machine for Vrrp {
    type Input<'a> = Input<'a>;
    type Output = Output;

    fn handle_input(&mut self, now: Instant, input: Input<'_>) {
        if self.stopped {
            return;
        }
        match input {
            Input::Datagram { instance, datagram } => self.receive(now, instance, &datagram),
            Input::Source { instance, address } => self.source_told(now, instance, address),
            Input::Fault { instance, fault, present } => self.fault_told(now, instance, fault, present),
            Input::Tracker { tracker, verdict } => self.tracker_told(now, tracker, verdict),
            Input::Reload(reload) => self.reload(now, *reload),
            Input::Stop => self.stop(now),
        }
        // Timers wait: a process that wakes up late, or that took its time over a new configuration,
        // has packets in its sockets, and their instances must not take over before they heard them.
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.run(now);
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.earliest()
    }
}
