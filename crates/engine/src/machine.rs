//! The engine: inputs to the parts they concern, and the parts' wishes to effects in the right order.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{Instant, Machine, Weight};
use model::{InstanceId, Model, TrackerId, TrackerSource};
use vrrp::Vrrp;
use vrrp::config::Track;
use vrrp::io::{self as core, State, Verdict};

use crate::announce::{Announcer, Around};
use crate::facts::KernelDump;
use crate::io::{Effect, Event, Input, Operation};
use crate::kernel::Kernel;
use crate::links::{Condition, Links, Primaries, SocketState};
use crate::notify::Notifier;
use crate::out::Out;
use crate::resync::Resync;
use crate::scripts::Scripts;
use crate::sockets::{Dispatch, Place, Sockets};
use crate::sync::Sync;

/// How far the engine has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// Nothing is known about the kernel yet.
    Waiting,
    /// Left-overs are removed and sockets opened; the protocol hasn't begun.
    Opening,
    /// The protocol runs.
    Running,
    /// What is ours is removed.
    Stopping {
        /// No longer than that.
        until: Instant,
    },
    /// Nothing is done any more.
    Stopped,
}

/// What was counted that belongs to no instance.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Datagrams for a VRID that no instance has on that socket.
    pub unknown_vrid: u64,
    /// Datagrams that could not be read as far as their VRID.
    pub unreadable: u64,
    /// Adverts that could not be sent since there was no socket.
    pub no_socket: u64,
    /// How often the kernel's changes were lost and everything was read again.
    pub resyncs: u64,
}

/// One engine: a [`Model`] in force, the protocol core, and the kernel as desired state.
///
/// It does nothing until its first [`Input::Dump`] (after an [`Input::Overrun`] it asks for another one, since
/// that one may never come). Then it removes what an earlier
/// life left over, opens its sockets, and starts the protocol when both are done.
#[derive(Debug)]
pub struct Engine {
    pub(crate) model: Arc<Model>,
    /// The model whose ids the effects that were polled so far are in.
    shown: Arc<Model>,
    pub(crate) phase: Phase,
    pub(crate) core: Option<Vrrp>,
    pub(crate) kernel: Kernel,
    pub(crate) links: Links,
    pub(crate) sockets: Sockets,
    pub(crate) announcer: Announcer,
    pub(crate) scripts: Scripts,
    pub(crate) sync: Sync,
    pub(crate) notifier: Notifier,
    pub(crate) out: Out,
    /// The state of each instance, as last told.
    pub(crate) states: Vec<State>,
    /// The numbers in tracked files.
    pub(crate) files: BTreeMap<TrackerId, i32>,
    /// The model to load as soon as the protocol runs.
    pub(crate) next_model: Option<Arc<Model>>,
    pub(crate) resync: Resync,
    started: Instant,
    delayed_until: Option<Instant>,
    pub(crate) keep: bool,
    pub(crate) counts: Counts,
    /// Events of the core in the turn; kept for its memory.
    pub(crate) events: Vec<core::Event>,
}

impl Engine {
    /// An engine that waits for its first [`Input::Dump`].
    #[must_use]
    pub fn new(model: Arc<Model>, now: Instant) -> Self {
        Self {
            shown: model.clone(),
            model,
            phase: Phase::Waiting,
            core: None,
            kernel: Kernel::default(),
            links: Links::default(),
            sockets: Sockets::default(),
            announcer: Announcer::default(),
            scripts: Scripts::default(),
            sync: Sync::default(),
            notifier: Notifier::default(),
            out: Out::default(),
            states: Vec::new(),
            files: BTreeMap::new(),
            next_model: None,
            resync: Resync::new(now),
            started: now,
            delayed_until: None,
            keep: false,
            counts: Counts::default(),
            events: Vec::new(),
        }
    }

    /// The configuration in force. The ids in the effects that were polled so far are its: it
    /// changes when [`Event::Reloaded`] is polled. Once all effects are, it is that of snapshots, too.
    #[must_use]
    #[allow(clippy::misnamed_getters, reason = "effects not polled yet may be in older ids")]
    pub const fn model(&self) -> &Arc<Model> {
        &self.shown
    }

    /// Objects in the kernel that carry our mark and that the configuration does not name are taken for
    /// what an earlier life left over, and are removed at the start. After this they stay: another daemon
    /// runs on this host, and they may be its. To be called before the first [`Input::Dump`].
    pub const fn leave_strangers(&mut self) {
        self.kernel.leave_strangers();
    }

    /// Starts all counters again from zero.
    pub fn clear_counters(&mut self) {
        self.counts = Counts::default();
        if let Some(core) = &mut self.core {
            core.clear_counters();
        }
    }

    // --- start ---

    pub(crate) fn boot(&mut self, now: Instant, dump: KernelDump) {
        let model = self.model.clone();
        self.links = Links::new(&model);
        self.sockets = Sockets::new(model.instances.len());
        self.notifier = Notifier::new(&model);
        self.states = vec![State::Init; model.instances.len()];
        let at_once = self.ready_at() <= now;
        let soon = |id| at_once && claims_at_once(&model, id);
        self.kernel.boot(&model, dump, soon, &mut self.out);
        self.promote_secondaries(None);
        self.phase = Phase::Opening;
        self.kernel.flush(now, &mut self.out);
        let ids: Vec<_> = self.ids().collect();
        self.assign(now, &ids, &mut Primaries::new());
        self.begin_if_ready(now);
    }

    fn ready_at(&self) -> Instant {
        let global = &self.model.global;
        (self.started + global.startup_delay).max(Instant::ZERO + global.delay_after_boot)
    }

    /// Switches `promote_secondaries` on where instances ask for it and those of `old` didn't.
    pub(crate) fn promote_secondaries(&mut self, old: Option<&Model>) {
        let wanted = |model: &Model| -> std::collections::BTreeSet<_> {
            model.instances.iter().filter(|i| i.promote_secondaries).filter_map(|i| i.link).collect()
        };
        let before = old.map(wanted).unwrap_or_default();
        for link in wanted(&self.model).difference(&before) {
            self.kernel.loose(Operation::PromoteSecondaries { link: *link }, true, &mut self.out);
        }
    }

    /// Starts the protocol once all sockets are answered for and no left-over is there.
    fn begin_if_ready(&mut self, now: Instant) {
        if self.phase != Phase::Opening || self.sockets.opening() > 0 || self.kernel.removals() > 0 {
            return;
        }
        self.phase = Phase::Running;
        let delay = self.ready_at().since(now);
        self.core = Some(Vrrp::new(self.model.protocol(), now, delay));
        if !delay.is_zero() {
            self.delayed_until = Some(now + delay);
            self.out.event(Event::StartupDelay(Some(delay)));
        }
        let ids: Vec<_> = self.ids().collect();
        self.tell_trackers(now);
        self.reassess(now, &ids);
        self.scripts.handle_timeout(now, &self.model, &mut self.out);
        if let Some(model) = self.next_model.take() {
            self.pump(now);
            self.reload(now, model);
        }
    }

    /// Tells the core all that is known about trackers and that it wasn't told yet.
    pub(crate) fn tell_trackers(&mut self, now: Instant) {
        let links = self.links.verdicts(&self.kernel.view);
        let files = self.files.iter().map(|(id, value)| (*id, Verdict::Value(*value)));
        let files: Vec<_> = files.collect();
        let scripts = self.scripts.start(now, &self.model);
        for (tracker, verdict) in links.into_iter().chain(files).chain(scripts) {
            self.tell(now, core::Input::Tracker { tracker, verdict });
        }
    }

    // --- what instances depend on ---

    pub(crate) fn ids(&self) -> impl Iterator<Item = InstanceId> + use<> {
        (0..self.model.instances.len()).map(InstanceId::from_index)
    }

    pub(crate) fn tell(&mut self, now: Instant, input: core::Input<'_>) {
        if let Some(core) = &mut self.core {
            core.handle_input(now, input);
        }
    }

    /// Finds the sockets of instances again.
    fn assign(&mut self, now: Instant, ids: &[InstanceId], known: &mut Primaries) {
        for id in ids {
            let Some(instance) = self.model.instances.get(id.index()) else { continue };
            let source = self.links.source(instance, &self.kernel, known);
            self.sockets.assign(*id, Place::of(instance, source, &self.kernel.view));
        }
        self.sockets.flush(now, &self.model, &mut self.out);
    }

    /// Looks again at what instances depend on, and tells the core what changed.
    pub(crate) fn reassess(&mut self, now: Instant, ids: &[InstanceId]) {
        let mut known = Primaries::new();
        self.assign(now, ids, &mut known);
        if self.phase != Phase::Running {
            return;
        }
        for id in ids {
            let Some(instance) = self.model.instances.get(id.index()) else { continue };
            let told = self.links.told(*id);
            let socket = self.sockets.state(*id);
            if told.is_none() && socket == SocketState::Opening {
                // A new instance starts when its socket is open.
                continue;
            }
            let condition = self.links.assess(instance, &self.kernel, &mut known);
            if told.is_none()
                && condition.source.is_none()
                && self.links.is_source_near(instance, &self.kernel)
            {
                // At boot the kernel may need another second for it: no reason to tell of a fault.
                continue;
            }
            let condition = condition.with_socket(socket, told);
            if told != Some(condition) {
                self.links.tell(*id, condition);
                self.tell_condition(now, *id, told, condition);
            }
        }
    }

    /// What begins comes first, what ends last: an instance never looks well in between.
    fn tell_condition(&mut self, now: Instant, id: InstanceId, old: Option<Condition>, new: Condition) {
        let was = old.unwrap_or_default().faults;
        for fault in new.faults.iter().filter(|f| !was.contains(*f)) {
            self.tell(now, core::Input::Fault { instance: id, fault, present: true });
        }
        if old.is_none_or(|old| old.source != new.source) {
            self.tell(now, core::Input::Source { instance: id, address: new.source });
        }
        for fault in was.iter().filter(|f| !new.faults.contains(*f)) {
            self.tell(now, core::Input::Fault { instance: id, fault, present: false });
        }
    }

    fn datagram(&mut self, now: Instant, socket: crate::io::SocketId, datagram: core::Datagram<'_>) {
        match self.sockets.dispatch(socket, &datagram, &self.model) {
            Dispatch::To(instance) => self.tell(now, core::Input::Datagram { instance, datagram }),
            Dispatch::Unknown { vrid, link } => {
                self.counts.unknown_vrid += 1;
                if self.model.global.log_unknown_vrids {
                    let link = link.and_then(|index| self.kernel.view.link(index)).map(|l| l.name);
                    self.out.event(Event::UnknownVrid { vrid, link, source: datagram.source });
                }
            }
            Dispatch::Unreadable(error) => {
                self.counts.unreadable += 1;
                // Who sends rubbish must not be able to fill the log.
                if self.counts.unreadable.is_power_of_two() {
                    self.out.event(Event::Unreadable { source: datagram.source, error });
                }
            }
            Dispatch::Closed => {}
        }
    }
}

/// Whether an instance, with its whole sync group, takes its addresses as soon as it starts.
fn claims_at_once(model: &Model, id: InstanceId) -> bool {
    // A script without a weight must have its first result before anything starts.
    let waits = |track: &Track| {
        let tracker = model.trackers.get(track.tracker.index());
        track.weight == Weight::FAULT && tracker.is_some_and(|t| matches!(t.source, TrackerSource::Script(_)))
    };
    let alone = |id: InstanceId| {
        model.instances.get(id.index()).map(|i| &i.protocol).is_some_and(|protocol| {
            protocol.priority.is_owner() && protocol.wants_master && !protocol.tracks.iter().any(waits)
        })
    };
    let group = model.instances.get(id.index()).and_then(|i| i.protocol.group);
    match group.and_then(|g| model.groups.get(g.index())) {
        Some(group) => group.protocol.members.iter().all(|member| alone(*member)),
        None => alone(id),
    }
}

impl Machine for Engine {
    type Input<'a> = Input<'a>;
    type Output = Effect;

    fn handle_input(&mut self, now: Instant, input: Input<'_>) {
        if self.phase == Phase::Stopped {
            return;
        }
        let unknown = self.phase == Phase::Waiting;
        match input {
            Input::Datagram { socket, datagram } => self.datagram(now, socket, datagram),
            Input::Dump(dump) => self.dump(now, dump),
            Input::Kernel(_) if unknown => {}
            Input::Kernel(event) => self.kernel_event(now, event),
            Input::Overrun => self.overrun(now),
            Input::Done { op, result } => {
                if !self.kernel.done(now, op, result.clone(), &mut self.out)
                    && !self.sync.done(now, op, &result, &mut self.out)
                    && let Some(ids) = self.sockets.done(now, op, result, &self.model, &mut self.out)
                {
                    self.reassess(now, &ids);
                }
                self.begin_if_ready(now);
            }
            Input::SyncRead(runs) => self.sync.read(runs, &mut self.out),
            Input::Checked { run, outcome } => {
                if let Some((tracker, verdict)) =
                    self.scripts.checked(run, outcome, &self.model, &mut self.out)
                {
                    self.tell(now, core::Input::Tracker { tracker, verdict });
                }
            }
            Input::File { tracker, value } => {
                self.files.insert(tracker, value);
                self.tell(now, core::Input::Tracker { tracker, verdict: Verdict::Value(value) });
            }
            Input::Reload(model) => self.reload(now, model),
            Input::Stop { keep } => self.stop(now, keep),
        }
        self.pump(now);
        self.stopped_if_done(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.phase == Phase::Stopped {
            return;
        }
        if self.delayed_until.take_if(|until| *until <= now).is_some() {
            self.out.event(Event::StartupDelay(None));
        }
        if let Some(core) = &mut self.core {
            core.handle_timeout(now);
        }
        // Adverts that are due go before anything else.
        self.pump(now);
        self.resync.handle_timeout(now, &mut self.out);
        self.kernel.handle_timeout(now);
        self.sockets.handle_timeout(now);
        self.sockets.flush(now, &self.model, &mut self.out);
        self.scripts.handle_timeout(now, &self.model, &mut self.out);
        let Self { announcer, kernel, model, out, .. } = self;
        announcer.handle_timeout(&mut Around { now, model, kernel, out });
        self.settle_kernel(now, &[]);
        self.sync.handle_timeout(now);
        self.settle_sync();
        self.stopped_if_done(now);
    }

    fn poll_output(&mut self) -> Option<Effect> {
        let effect = self.out.pop();
        if matches!(effect, Some(Effect::Event(Event::Reloaded))) {
            self.shown = self.model.clone();
        }
        effect
    }

    fn poll_timeout(&self) -> Option<Instant> {
        if self.phase == Phase::Stopped {
            return None;
        }
        let stopping = match self.phase {
            Phase::Stopping { until } => Some(until),
            _ => None,
        };
        [
            self.core.as_ref().and_then(Machine::poll_timeout),
            self.resync.next_timeout(),
            self.kernel.next_timeout(),
            self.sync.next_timeout(),
            self.sockets.next_timeout(),
            self.announcer.next_timeout(),
            self.scripts.next_timeout().filter(|_| self.phase == Phase::Running),
            self.delayed_until,
            stopping,
        ]
        .into_iter()
        .flatten()
        .min()
    }
}
