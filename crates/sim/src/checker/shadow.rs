//! What each instance must know, followed from what was delivered to it, what its node's clock showed and
//! what its configuration says: the ground on which the V and G properties stand.
//!
//! All instants here are those of the node's own clock. The one thing that is taken from the engine is what
//! it *does*: its states, adverts, and the priority that it goes by, which V13 compares with a computation
//! of its own.

mod instance;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::{Duration, IfIndex, IfName, Instant, Name};
use engine::facts::KernelEvent;
use engine::io::{Event, Outcome};
use model::{Instance, InstanceId, Model, Script, TrackerId, TrackerSource};
use vrrp::io::{self as core, RogueStep, State};

pub(super) use self::instance::{Shadow, Why};
use super::successor;

use crate::fault::Fault;
use crate::node::NodeId;
use crate::observe::{Heard, Observation, What};
use crate::reading::Meaning;
use crate::world::World;

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
    /// An interface vanished or was switched off, and the process may not have heard of it: it may be back as
    /// another one, and nothing that is sent leaves it.
    pub(super) vanished: BTreeSet<IfName>,
    /// What its interfaces are called.
    links: BTreeMap<IfIndex, IfName>,
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
            vanished: BTreeSet::new(),
            links: BTreeMap::new(),
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
        let before = std::mem::take(&mut self.instances);
        for (new, old) in model.instances.iter().zip(successor::instances(&self.model, model)) {
            let old = old.and_then(|id| Some((before.get(id.index())?, self.of(id)?)));
            self.instances.push(match old {
                Some((shadow, of)) => {
                    let mut shadow = shadow.clone();
                    shadow.reloads(now, of, new);
                    shadow
                }
                None => Shadow { grouped: new.protocol.group.is_some(), ..Shadow::new() },
            });
        }
        let mut scripts = BTreeMap::new();
        for new in &model.trackers {
            let TrackerSource::Script(script) = &new.source else { continue };
            let old = self.model.trackers.iter().find_map(|old| match &old.source {
                TrackerSource::Script(was) if successor::is_same_script((old, was), (new, script)) => {
                    Some(was)
                }
                _ => None,
            });
            if let Some(was) = old
                && let Some((mut count, up)) = self.scripts.get(&new.name).copied()
            {
                if (script.rise, script.fall) != (was.rise, was.fall) {
                    count = 0;
                }
                scripts.insert(new.name.clone(), (count, up));
            }
        }
        (self.scripts, self.model) = (scripts, model.clone());
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

    /// Whether what an instance sends may go to an interface that isn't there any more or is off.
    pub(super) fn sends_into_nothing(&self, of: &Instance) -> bool {
        of.link.map_or(!self.vanished.is_empty(), |link| self.vanished.contains(&link))
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
                node.links = world.node(id).host.links.values().map(|l| (l.index, l.name)).collect();
                node.vanished.clear();
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
                match event {
                    KernelEvent::LinkGone(index) => node.vanished.extend(node.links.remove(index)),
                    KernelEvent::Link(facts) => {
                        node.links.insert(facts.index, facts.name);
                        node.vanished.extend((!facts.up).then_some(facts.name));
                    }
                    _ => {}
                }
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
                    node.touched = false;
                    node.vanished.clear();
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
