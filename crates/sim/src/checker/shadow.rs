//! What each instance must know, followed from what was delivered to it, what its node's clock showed and
//! what its configuration says: the ground on which the V and G properties stand.
//!
//! All instants here are those of the node's own clock. The one thing that is taken from the engine is what
//! it *does*: its states, adverts, and the priority that it goes by, which V13 compares with a computation
//! of its own.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use base::{Duration, Instant, Name, Priority};
use engine::facts::KernelEvent;
use engine::io::{Event, Outcome};
use model::{Instance, InstanceId, Model, Script, TrackerId, TrackerSource};
use vrrp::config::{Preempt, Version};
use vrrp::io::{self as core, Cause, RogueStep, State};

use crate::fault::Fault;
use crate::formula::{master_down, skew};
use crate::node::NodeId;
use crate::observe::{Advert, Heard, Observation, What};
use crate::reading::Meaning;
use crate::world::World;

/// Why a backup waits as long as it does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Why {
    /// It entered BACKUP.
    Entered,
    /// It was a master that was paused, and listens.
    Listens,
    /// An advert that is not lower was accepted.
    Heard,
    /// A lower advert was accepted since it never preempts.
    NoPreempt,
    /// A lower advert was accepted since `preempt_delay` goes on.
    Delay,
    /// The master released.
    Released,
}

/// What a backup waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Wait {
    /// Since when.
    pub(super) since: Instant,
    /// It must not take over before.
    pub(super) least: Instant,
    /// It must take over then, its group aside.
    pub(super) due: Instant,
    /// When that was found out, unless it was when the wait began.
    pub(super) moved: Instant,
    /// Why.
    pub(super) why: Why,
    /// The interval in force.
    pub(super) interval: Duration,
    /// Whether that is what an advert said.
    pub(super) learned: bool,
    /// When `preempt_delay` is over.
    pub(super) preempt_at: Option<Instant>,
    /// It woke up too late and listens once more.
    pub(super) overslept: bool,
    /// Its group held it back and is gone: when it asks again is not known here.
    pub(super) vague: bool,
}

/// So many adverts that lose are answered in an interval in any case.
const MOST_CERTAIN: u32 = 5;

/// What a master did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Sent {
    /// When its last advert went out.
    pub(super) at: Instant,
    /// Where that went.
    pub(super) to: Vec<IpAddr>,
    /// Adverts that it may send out of turn: one for each that it heard and one for a new configuration.
    pub(super) credit: u32,
    /// Since when how many went out of turn.
    pub(super) answers: (Instant, u32),
    /// Since when how many adverts were heard that lose.
    losers: (Instant, u32),
    /// It heard one in this turn and has not said yet that it is there.
    pub(super) owes: bool,
    /// Where priority 0 went since it became master.
    pub(super) released: Vec<IpAddr>,
}

/// One instance.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Shadow {
    pub(super) state: State,
    pub(super) grouped: bool,
    pub(super) priority: Priority,
    pub(super) wait: Wait,
    pub(super) sent: Sent,
    /// The last datagram in this turn, and what it means if it is good and somebody listens.
    pub(super) heard: Option<(IpAddr, Option<Meaning>)>,
    /// The other owner that it makes room for.
    pub(super) yielded: Option<IpAddr>,
    /// It is a master that must yield to what it heard.
    pub(super) must_yield: bool,
    /// An advert was sent whose state is not told yet.
    pub(super) claims: bool,
    /// The highest sequence number that it accepted or sent.
    pub(super) highest: u32,
    /// The number of its own last advert, until it accepts one: somebody else who uses it is no replay.
    ours: Option<u32>,
    /// Transitions since the start.
    pub(super) transitions: u32,
    /// Adverts with a priority above 0 since the start, one for all destinations.
    pub(super) adverts: u32,
}

/// One node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct NodeShadow {
    pub(super) model: Arc<Model>,
    pub(super) instances: Vec<Shadow>,
    /// Nobody listens before.
    pub(super) ready_at: Instant,
    /// The largest lateness of its turns, and what it is from the next turn on.
    pub(super) late: (Duration, Duration),
    /// It stood still, or its clock changed its course, since its last turn.
    pub(super) held_up: bool,
    /// The numbers in files as told to the process.
    pub(super) files: BTreeMap<Name, i32>,
    /// Of each script how often it succeeded or failed since it counted as good or bad, and whether that is
    /// good; `None` before the first result.
    pub(super) scripts: BTreeMap<Name, (u32, Option<bool>)>,
    /// An interface vanished, and the process may not have heard of it: it may be back as another one.
    pub(super) vanished: bool,
    /// Something that faults or priorities depend on may have changed.
    pub(super) touched: bool,
    /// The supervisor said that it must stop.
    pub(super) stopping: bool,
}

/// All nodes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Shadows {
    pub(super) nodes: Vec<NodeShadow>,
    /// When the last thing happened that may disturb an election, in the time of the world.
    pub(super) disturbed: Instant,
}

impl Wait {
    const fn nothing() -> Self {
        Self {
            since: Instant::ZERO,
            least: Instant::ZERO,
            due: Instant::ZERO,
            moved: Instant::ZERO,
            why: Why::Entered,
            interval: Duration::ZERO,
            learned: false,
            preempt_at: None,
            overslept: false,
            vague: false,
        }
    }

    /// The master-down interval changed: what is left moves by as much.
    fn shift(&mut self, now: Instant, before: Duration, after: Duration) {
        self.moved = now;
        for at in [&mut self.due, &mut self.least] {
            *at = self.since + (at.since(self.since) + after).saturating_sub(before);
        }
    }
}

impl Shadow {
    const fn new() -> Self {
        Self {
            state: State::Init,
            grouped: false,
            priority: Priority(0),
            wait: Wait::nothing(),
            sent: Sent {
                at: Instant::ZERO,
                to: Vec::new(),
                credit: 0,
                answers: (Instant::ZERO, 0),
                losers: (Instant::ZERO, 0),
                owes: false,
                released: Vec::new(),
            },
            heard: None,
            yielded: None,
            must_yield: false,
            claims: false,
            highest: 0,
            ours: None,
            transitions: 0,
            adverts: 0,
        }
    }

    /// The priority that timers go by: an owner's is 255 even while it makes room for another one.
    fn timer_priority(&self, of: &Instance) -> Priority {
        if of.protocol.priority.is_owner() { Priority::OWNER } else { self.priority }
    }

    /// The master-down interval in force.
    pub(super) fn down(&self, of: &Instance) -> Duration {
        master_down(of, self.timer_priority(of), self.wait.interval)
    }

    /// How long after its last advert somebody else must be taken for the master: down_timer_adverts
    /// intervals and the shortest skew time (V9).
    pub(super) fn too_long(of: &Instance) -> Duration {
        master_down(of, Priority::OWNER, of.protocol.advert_interval)
    }

    /// Whether `of` would preempt a master of `priority`.
    fn is_lower(&self, of: &Instance, said: &Meaning) -> bool {
        let restored = self.yielded.is_some_and(|y| said.priority != Priority::OWNER || y != said.source);
        let ours = if restored && of.protocol.priority.is_owner() { Priority::OWNER } else { self.priority };
        said.priority < ours
    }

    fn backup_hears(&mut self, of: &Instance, now: Instant, said: &Meaning) {
        let protocol = &of.protocol;
        if said.priority == Priority::RELEASE {
            let due = now + skew(protocol.version, self.timer_priority(of), self.wait.interval);
            let least = if self.grouped { due.min(self.wait.least) } else { due };
            let why = Why::Released;
            self.wait = Wait { since: now, due, least, why, overslept: false, vague: false, ..self.wait };
            return;
        }
        let why = match (self.is_lower(of, said), protocol.preempt) {
            (false, _) => {
                self.wait.preempt_at = None;
                Why::Heard
            }
            (true, Preempt::Never) => Why::NoPreempt,
            (true, Preempt::After(Duration::ZERO)) => return,
            (true, Preempt::After(delay)) => {
                let over = *self.wait.preempt_at.get_or_insert(now + delay);
                if now >= over {
                    return;
                }
                Why::Delay
            }
        };
        if protocol.version == Version::V3 {
            self.wait.interval = said.interval;
        }
        self.wait.learned = true;
        let due = now + self.down(of);
        self.wait = Wait { since: now, due, least: due, why, overslept: false, vague: false, ..self.wait };
    }

    fn master_hears(&mut self, of: &Instance, now: Instant, own: Option<IpAddr>, said: &Meaning) {
        let (since, count) = self.sent.losers;
        let recent = now.since(since) < of.protocol.advert_interval;
        self.sent.losers = if recent { (since, count + 1) } else { (now, 1) };
        if said.priority > Priority::RELEASE && (said.priority, Some(said.source)) > (self.priority, own) {
            self.must_yield = true;
        } else if said.sequence.is_some() && said.priority > Priority::RELEASE {
            // An answer leaves a number out.
            self.highest = self.highest.saturating_add(1);
        }
        let silent = of.protocol.lower_prio_no_advert && said.priority > Priority::RELEASE;
        let few = self.sent.losers.1 <= MOST_CERTAIN;
        self.sent.owes |= !self.must_yield && !silent && few && self.sent.at != now;
        self.sent.credit += 1;
    }

    fn changes(&mut self, of: &Instance, now: Instant, ready_at: Instant, to: State, cause: &Cause) {
        let from = std::mem::replace(&mut self.state, to);
        self.transitions += 1;
        match to {
            State::Master => {
                if !self.claims {
                    self.sent.at = now;
                }
                let (credit, answers, losers, released) = (0, (now, 0), (now, 0), Vec::new());
                self.sent = Sent { credit, answers, losers, released, owes: false, ..self.sent.clone() };
            }
            State::Backup => {
                let protocol = &of.protocol;
                let start = now.max(ready_at);
                let said = match (cause, self.heard) {
                    (Cause::BetterAdvert { .. }, Some((_, Some(said)))) => Some(said),
                    _ => None,
                };
                let interval = match said {
                    Some(said) if protocol.version == Version::V3 => said.interval,
                    _ => protocol.advert_interval,
                };
                let learned = said.is_some();
                self.wait = Wait { interval, learned, since: start, ..Wait::nothing() };
                let listen = interval + skew(protocol.version, self.timer_priority(of), interval);
                let full = self.down(of);
                let (due, least, why) = match cause {
                    Cause::Paused { .. } => (listen, listen, Why::Listens),
                    Cause::Group { .. } if from == State::Master => (full, listen, Why::Listens),
                    _ => (full, full, Why::Entered),
                };
                (self.wait.due, self.wait.least, self.wait.why) = (start + due, start + least, why);
            }
            _ => {}
        }
        (self.must_yield, self.claims) = (false, false);
        if !matches!(to, State::Backup | State::Master) {
            self.yielded = None;
        }
        if let (Cause::Paused { .. }, Some((_, Some(said)))) = (cause, self.heard) {
            // It steps down before it looks at what woke it up.
            self.backup_hears(of, now, &said);
        }
    }

    /// Whether it is a master that was silent for so long that it must listen before it goes on (V9).
    pub(super) fn was_silent(&self, of: &Instance, now: Instant) -> bool {
        now.since(self.sent.at) > Self::too_long(of)
    }

    fn sends(&mut self, of: &Instance, now: Instant, advert: &Advert) {
        self.highest = self.highest.max(advert.sequence.unwrap_or(0));
        self.ours = advert.sequence.filter(|n| *n == self.highest);
        if advert.priority == Priority::RELEASE {
            self.sent.released.push(advert.destination);
            return;
        }
        if self.state != State::Master {
            if !self.claims {
                self.claims = true;
                self.sent.to.clear();
                self.adverts += 1;
            }
        } else if !self.is_same(now, advert) {
            if now < self.sent.at + of.protocol.advert_interval {
                self.sent.credit = self.sent.credit.saturating_sub(1);
                let (since, count) = self.sent.answers;
                self.sent.answers = match now.since(since) < of.protocol.advert_interval {
                    true => (since, count + 1),
                    false => (now, 1),
                };
            }
            self.sent.to.clear();
            self.adverts += 1;
        }
        self.sent.owes = false;
        self.sent.at = now;
        self.sent.to.push(advert.destination);
    }

    /// Whether an advert is the one that was just sent, to another destination.
    pub(super) fn is_same(&self, now: Instant, advert: &Advert) -> bool {
        now == self.sent.at && !self.sent.to.contains(&advert.destination)
    }

    /// A turn is over.
    fn rests(&mut self, of: &Instance, now: Instant) {
        (self.heard, self.must_yield, self.claims, self.sent.owes) = (None, false, false, false);
        let late = now.since(self.wait.due) > self.wait.interval;
        if self.grouped && self.state == State::Backup && self.wait.due <= now {
            // Its group holds it back; it asks again later.
            (self.wait.since, self.wait.due) = (now, now + self.down(of));
        }
        if self.state == State::Backup && self.wait.due <= now && late && !self.wait.overslept {
            self.wait.overslept = true;
            self.wait.due = now + skew(of.protocol.version, Priority::OWNER, self.wait.interval);
            self.wait.least = self.wait.least.max(if self.grouped { Instant::ZERO } else { self.wait.due });
        }
    }

    /// Goes on with another configuration.
    fn reloads(&mut self, now: Instant, old: &Instance, new: &Instance) {
        let (mut before, mut after) = (old.protocol.clone(), new.protocol.clone());
        (before.group, after.group) = (None, None);
        let grouped = new.protocol.group.is_some();
        self.wait.vague |= self.grouped != grouped;
        self.grouped = grouped;
        if before == after {
            return;
        }
        let down = self.down(old);
        let learned = (before.version, after.version) == (Version::V3, Version::V3);
        if !learned || !self.wait.learned {
            self.wait.interval = after.advert_interval;
        }
        let then = self.down(new);
        self.wait.shift(now, down, then);
        if !after.priority.is_owner() {
            self.yielded = None;
        }
        // It may say at once what is new.
        self.sent.credit += 1;
    }
}

impl NodeShadow {
    fn new(model: Arc<Model>) -> Self {
        let mut node = Self {
            model: Arc::new(Model::default()),
            instances: Vec::new(),
            ready_at: Instant::ZERO,
            late: (Duration::ZERO, Duration::ZERO),
            held_up: false,
            files: BTreeMap::new(),
            scripts: BTreeMap::new(),
            vanished: false,
            touched: true,
            stopping: false,
        };
        node.begin(model);
        node
    }

    /// A process begins.
    fn begin(&mut self, model: Arc<Model>) {
        self.instances = model.instances.iter().map(|_| Shadow::new()).collect();
        for (shadow, of) in self.instances.iter_mut().zip(&model.instances) {
            shadow.grouped = of.protocol.group.is_some();
        }
        self.model = model;
        self.ready_at = Instant::ZERO;
        self.scripts.clear();
        (self.touched, self.stopping) = (true, false);
    }

    fn configured(&mut self, now: Instant, model: &Arc<Model>) {
        let diff = model::diff(&self.model, model);
        let carried = diff.carried_instances();
        let mut instances: Vec<Shadow> = Vec::new();
        for (index, new) in model.instances.iter().enumerate() {
            let old = carried.get(index).copied().flatten();
            let old = old.and_then(|id| Some((self.instances.get(id.index())?, self.of(id)?)));
            instances.push(match old {
                Some((shadow, of)) => {
                    let mut shadow = shadow.clone();
                    shadow.reloads(now, of, new);
                    shadow
                }
                None => Shadow { grouped: new.protocol.group.is_some(), ..Shadow::new() },
            });
        }
        let mut scripts = BTreeMap::new();
        for (index, from) in diff.carried_trackers().iter().enumerate() {
            let new = model.trackers.get(index);
            let old = from.and_then(|id| self.model.trackers.get(id.index()));
            if let (Some(new), Some(old)) = (new, old)
                && let (TrackerSource::Script(now), TrackerSource::Script(was)) = (&new.source, &old.source)
                && let Some((mut count, up)) = self.scripts.get(&old.name).copied()
            {
                if (now.rise, now.fall) != (was.rise, was.fall) {
                    count = 0;
                }
                scripts.insert(new.name.clone(), (count, up));
            }
        }
        (self.scripts, self.instances, self.model) = (scripts, instances, model.clone());
        self.touched = true;
    }

    /// The numbers in files are told again.
    fn read_files(&mut self, world: &World, node: NodeId) {
        self.files.clear();
        for tracker in &self.model.trackers {
            if let TrackerSource::File(file) = &tracker.source {
                let value = world.node(node).files.get(&tracker.name).copied();
                let value = value.or(file.init).unwrap_or(0);
                self.files.insert(tracker.name.clone(), value);
            }
        }
    }

    fn checked(&mut self, id: TrackerId, outcome: Outcome) {
        let Some(tracker) = self.model.trackers.get(id.index()) else { return };
        let TrackerSource::Script(script) = &tracker.source else { return };
        let known = self.scripts.get(&tracker.name).copied().unwrap_or((0, None));
        self.scripts.insert(tracker.name.clone(), counted(script, known, outcome));
        self.touched = true;
    }

    /// By how much an advert may be late since masters that send at the same instant part (more than 32
    /// of them do, by an eighth of an interval at most).
    pub(super) fn parting(&self, of: &Instance) -> Duration {
        if self.instances.len() > 32 { of.protocol.advert_interval.mul_div(1, 8) } else { Duration::ZERO }
    }

    /// The configuration of an instance.
    pub(super) fn of(&self, id: InstanceId) -> Option<&Instance> {
        self.model.instances.get(id.index())
    }

    /// An instance with its configuration.
    pub(super) fn get(&self, id: InstanceId) -> Option<(&Shadow, &Instance)> {
        self.instances.get(id.index()).zip(self.of(id))
    }

    /// All instances with their configurations.
    pub(super) fn all(&self) -> impl Iterator<Item = (InstanceId, &Shadow, &Instance)> {
        let both = self.instances.iter().zip(&self.model.instances).enumerate();
        both.map(|(index, (shadow, of))| (InstanceId::from_index(index), shadow, of))
    }

    fn get_mut(&mut self, id: InstanceId) -> Option<(&mut Shadow, &Instance)> {
        self.instances.get_mut(id.index()).zip(self.model.instances.get(id.index()))
    }

    fn event(&mut self, world: &World, seen: (NodeId, Instant), event: &Event) {
        let ((node, at), ready_at) = (seen, self.ready_at);
        let now = || world.node(node).clock.local(at);
        match event {
            Event::Vrrp(core::Event::State { instance, to, cause, .. }) => {
                let Some((shadow, of)) = self.get_mut(*instance) else { return };
                if shadow.state == State::Init {
                    let process = world.node(node).process.as_ref();
                    let told = process.and_then(|p| p.engine.priority(*instance));
                    shadow.priority = told.unwrap_or(of.protocol.priority);
                }
                shadow.changes(of, now(), ready_at, *to, cause);
            }
            Event::Vrrp(core::Event::Priority { instance, to, .. }) => {
                let Some((shadow, of)) = self.get_mut(*instance) else { return };
                let before = shadow.down(of);
                shadow.priority = *to;
                let after = shadow.down(of);
                shadow.wait.shift(now(), before, after);
            }
            Event::Vrrp(core::Event::RogueOwner { instance, source, step }) => {
                let Some((shadow, _)) = self.get_mut(*instance) else { return };
                match step {
                    RogueStep::Yielded => shadow.yielded = Some(*source),
                    RogueStep::Restored => shadow.yielded = None,
                    RogueStep::Found | RogueStep::Silent => {}
                }
            }
            Event::StartupDelay(Some(delay)) => self.ready_at = now() + *delay,
            _ => {}
        }
    }

    fn hears(&mut self, world: &World, node: NodeId, at: Instant, heard: &Heard) {
        let Some(id) = heard.to else { return };
        let ready_at = self.ready_at;
        let Some((shadow, of)) = self.get_mut(id) else { return };
        let now = world.node(node).clock.local(at);
        let listens = now >= ready_at && matches!(shadow.state, State::Backup | State::Master);
        let ours = shadow.ours.filter(|n| *n == shadow.highest);
        let is_new = |said: &Meaning| said.sequence.is_none_or(|n| n > shadow.highest || Some(n) == ours);
        let said = heard.meaning.filter(|said| listens && is_new(said));
        shadow.heard = Some((heard.source, said));
        shadow.must_yield = false;
        let Some(said) = said else { return };
        shadow.highest = shadow.highest.max(said.sequence.unwrap_or(0));
        shadow.ours = None;
        match shadow.state {
            State::Backup => shadow.backup_hears(of, now, &said),
            State::Master => {
                let own = world.node(node).process.as_ref().and_then(|p| p.engine.source(id));
                if !shadow.was_silent(of, now) {
                    shadow.master_hears(of, now, own, &said);
                }
            }
            _ => {}
        }
    }
}

/// How a script stands after one more run: `rise` successes in a row make it good, `fall` failures bad; the
/// first result decides alone. What can't be started says nothing, or is what `init_fail` says.
fn counted(script: &Script, known: (u32, Option<bool>), outcome: Outcome) -> (u32, Option<bool>) {
    let success = match (outcome, known.1) {
        (Outcome::NotStarted, Some(_)) => return known,
        (Outcome::NotStarted, None) => !script.init_fail,
        (outcome, _) => outcome == Outcome::Exited(0),
    };
    let Some(up) = known.1 else { return (0, Some(success)) };
    if up == success {
        return (0, Some(up));
    }
    let count = known.0 + 1;
    let needed = if success { script.rise } else { script.fall };
    if count >= needed.max(1) { (0, Some(success)) } else { (count, Some(up)) }
}

impl Shadows {
    pub(super) fn new(world: &World) -> Self {
        let nodes = world.nodes().iter().map(|n| NodeShadow::new(n.in_force().clone())).collect();
        Self { nodes, disturbed: Instant::ZERO }
    }

    pub(super) fn node(&self, id: NodeId) -> Option<&NodeShadow> {
        self.nodes.get(id.0)
    }

    /// Follows one observation.
    pub(super) fn update(&mut self, world: &World, seen: &Observation) {
        if let What::Fault(fault) = &seen.what {
            self.disturbed = seen.at;
            return self.fault(fault);
        }
        let Some(id) = seen.node else { return };
        let Some(node) = self.nodes.get_mut(id.0) else { return };
        match &seen.what {
            What::Booted => {
                // The step may have gone on to another configuration, but not before this.
                node.begin(world.node(id).in_force().clone());
                node.read_files(world, id);
            }
            What::Ended { .. } => {
                self.disturbed = seen.at;
                node.begin(node.model.clone());
            }
            What::Configured(model) => {
                self.disturbed = seen.at;
                node.configured(world.node(id).clock.local(seen.at), model);
                node.read_files(world, id);
            }
            What::Event(event) => node.event(world, (id, seen.at), event),
            What::Heard(heard) => node.hears(world, id, seen.at, heard),
            What::Advert(advert) => {
                let Some((shadow, of)) = advert.instance.and_then(|i| node.get_mut(i)) else { return };
                shadow.sends(of, world.node(id).clock.local(seen.at), advert);
            }
            What::Kernel(event) => {
                node.touched = true;
                node.vanished |= matches!(event, KernelEvent::LinkGone(_));
            }
            What::Dumped => node.touched = true,
            What::Checked { tracker: Some(tracker), outcome } => node.checked(*tracker, *outcome),
            What::Turn { .. } => {
                let now = world.node(id).clock.local(seen.at);
                let NodeShadow { instances, model, .. } = node;
                for (shadow, of) in instances.iter_mut().zip(&model.instances) {
                    shadow.rests(of, now);
                }
                (node.late.0, node.held_up) = (node.late.1, false);
                if world.node(id).process.as_ref().is_some_and(crate::process::Process::is_quiescent) {
                    (node.touched, node.vanished) = (false, false);
                }
            }
            _ => {}
        }
    }

    fn fault(&mut self, fault: &Fault) {
        let every = matches!(fault, Fault::Heal);
        for (index, node) in self.nodes.iter_mut().enumerate() {
            let is = |id: &NodeId| id.0 == index;
            match fault {
                Fault::Pause(id) | Fault::Resume(id) | Fault::Freeze(id) | Fault::Thaw(id) if is(id) => {
                    node.held_up = true;
                }
                Fault::ClockRate { node: id, .. } if is(id) => node.held_up = true,
                Fault::Lateness { node: id, most } if is(id) => {
                    node.late = (node.late.0.max(*most), *most);
                }
                Fault::Stop(id) if is(id) => node.stopping = true,
                Fault::File { node: id, name, value } if is(id) => {
                    node.files.insert(name.clone(), *value);
                }
                _ => {}
            }
            if every {
                (node.held_up, node.late.1) = (true, Duration::ZERO);
            }
            node.touched = true;
        }
    }
}
