//! N1: what scripts and FIFOs are told is true and in order. (N2, that no check script runs twice at once, is held
//! by the world itself: [`crate::process::Process`] counts the runs.)

use std::collections::{BTreeMap, VecDeque};

use base::Name;
use engine::io::{Event, FifoKind, Notification, Object};
use model::{Command, GroupId, Model, Notify};
use vrrp::io::State;

use super::watch::Watch;
use super::{Checker, Found, Rest};
use crate::node::NodeId;
use crate::observe::{Observation, What};
use crate::world::World;

/// **N1** For each object and consumer the sequence that is told is a subsequence of the true one, in order; what
/// was told last is what is true at rest. Members of a sync group are not told again what their group was
/// told, and nobody is told INIT.
#[derive(Debug)]
pub(super) struct Notifications {
    watch: Watch,
    nodes: Vec<BTreeMap<Object, Teller>>,
}

/// The consumers: the scripts of an object, and each FIFO.
const CONSUMERS: usize = 3;

#[derive(Clone, Debug, Default)]
struct Teller {
    /// What is true now.
    state: Option<State>,
    /// For each consumer what was true since it was told last, and what that was.
    since: [(VecDeque<State>, Option<State>); CONSUMERS],
    /// Its sync group, if it is an instance that is in one.
    group: Option<Name>,
}

impl Teller {
    fn now(&mut self, state: State) {
        self.state = Some(state);
        self.since.iter_mut().for_each(|(since, _)| since.push_back(state));
    }

    /// A consumer is told one of `states`; whether that is true and in order.
    fn told(&mut self, consumer: usize, states: &[State]) -> bool {
        let Some((since, last)) = self.since.get_mut(consumer) else { return false };
        while let Some(state) = since.pop_front() {
            if states.contains(&state) {
                *last = Some(state);
                return true;
            }
        }
        false
    }

    /// What was told before is told again, or a second script of the same change is run.
    fn again(&self, consumer: usize, states: &[State]) -> bool {
        self.since.get(consumer).and_then(|(_, last)| *last).is_some_and(|last| states.contains(&last))
    }
}

impl Notifications {
    pub(super) fn new(world: &World) -> Self {
        Self { watch: Watch::new(world), nodes: world.ids().map(|_| BTreeMap::new()).collect() }
    }

    fn model(&self, node: NodeId) -> Option<&Model> {
        self.watch.node(node).model.as_deref()
    }

    fn notify(&self, node: NodeId, object: &Object) -> Option<&Notify> {
        let model = self.model(node)?;
        match object {
            Object::Instance(name) => {
                let of = model.instances.iter().find(|i| i.protocol.name == *name);
                of.map(|i| &i.notify)
            }
            Object::Group(name) => model.groups.iter().find(|g| g.protocol.name == *name).map(|g| &g.notify),
            Object::Service(_) | Object::Server { .. } => None,
        }
    }

    fn changed(&mut self, node: NodeId, object: Object, group: Option<Name>, to: State) {
        let teller = self.nodes[node.0].entry(object).or_default();
        teller.group = group;
        teller.now(to);
    }

    fn configured(&mut self, node: NodeId, model: &Model) {
        // Who goes on was told what it was told, but a name may belong to another object now.
        let old = std::mem::take(&mut self.nodes[node.0]);
        let known = self.watch.node(node);
        let new = &mut self.nodes[node.0];
        for (object, teller) in old {
            let stays = match &object {
                Object::Instance(name) => {
                    model.instance_named(name).is_some_and(|id| known.state(id) == teller.state)
                }
                Object::Group(name) => model.groups.iter().any(|g| g.protocol.name == *name),
                Object::Service(_) | Object::Server { .. } => false,
            };
            if stays {
                new.insert(object, teller);
            }
        }
        for instance in &model.instances {
            if let Some(teller) = new.get_mut(&Object::Instance(instance.protocol.name.clone())) {
                let group = instance.protocol.group.and_then(|id| model.groups.get(id.index()));
                teller.group = group.map(|g| g.protocol.name.clone());
            }
        }
    }

    fn script(&mut self, seen: &Observation, node: NodeId, told: &Notification, found: &mut Found) {
        let Some(notify) = self.notify(node, &told.object) else {
            found.push("N1", seen.at, Some(node), format!("{:?} is told, and isn't configured", told.object));
            return;
        };
        let any = notify.any.as_deref() == Some(&told.command) && !told.extra.is_empty();
        let states = if any {
            told.extra.get(2).map_or_else(Vec::new, |word| meant(word))
        } else {
            let is = |command: &Option<Box<Command>>| command.as_deref() == Some(&told.command);
            if is(&notify.master_rx_lower_pri) {
                return;
            }
            let all = [
                (is(&notify.master), State::Master),
                (is(&notify.backup), State::Backup),
                (is(&notify.fault), State::Fault),
                (is(&notify.fault), State::Deleted),
                (is(&notify.stop), State::Stopped),
                (is(&notify.deleted), State::Deleted),
            ];
            all.into_iter().filter(|(is, _)| *is).map(|(_, state)| state).collect()
        };
        self.heard(seen, node, &told.object, 0, &states, any, found);
    }

    fn line(&mut self, seen: &Observation, node: NodeId, fifo: FifoKind, line: &str, found: &mut Found) {
        let consumer = if fifo == FifoKind::Global { 1 } else { 2 };
        let mut parts = line.split('"');
        let (kind, name, rest) = (parts.next(), parts.next(), parts.next());
        let (Some(kind), Some(name), Some(rest)) = (kind, name, rest) else {
            found.push("N1", seen.at, Some(node), format!("a FIFO line that nobody understands: {line:?}"));
            return;
        };
        let object = match kind.trim() {
            "INSTANCE" => Object::Instance(name.into()),
            _ => Object::Group(name.into()),
        };
        let states = rest.split_whitespace().next().map_or_else(Vec::new, meant);
        if states.is_empty() {
            // Priorities and adverts of lower priority.
            return;
        }
        let repeats = self.model(node).is_some_and(|m| m.global.fifo_write_states_on_reload);
        self.heard(seen, node, &object, consumer, &states, repeats, found);
    }

    #[allow(clippy::too_many_arguments, reason = "one place for scripts and lines")]
    fn heard(
        &mut self,
        seen: &Observation,
        node: NodeId,
        object: &Object,
        consumer: usize,
        states: &[State],
        again: bool,
        found: &mut Found,
    ) {
        let Some(teller) = self.nodes[node.0].get_mut(object) else {
            let text = format!("{object:?} is told {states:?}, and nothing happened to it");
            found.push("N1", seen.at, Some(node), text);
            return;
        };
        // `notify` comes after the script of the state, lines may be repeated after a reload.
        if again && teller.again(consumer, states) && teller.state.is_some_and(|s| states.contains(&s)) {
            return;
        }
        if !teller.told(consumer, states) {
            let text = format!("{object:?} is told {states:?}, and that is not true now: {:?}", teller.state);
            found.push("N1", seen.at, Some(node), text);
        }
    }

    /// Whether an object was told what is true, as far as its consumers exist.
    fn settled(&self, world: &World, node: NodeId, found: &mut Found) {
        let Some(model) = self.model(node) else { return };
        let tellers = &self.nodes[node.0];
        for (object, teller) in tellers {
            let Some(state) = teller.state.filter(|state| *state != State::Init) else { continue };
            let fifos = [(1, &model.global.notify_fifo), (2, &model.global.vrrp_notify_fifo)];
            for consumer in fifos.into_iter().filter(|(_, fifo)| fifo.is_some()).map(|(consumer, _)| consumer)
            {
                let last = |teller: &Teller| teller.since.get(consumer).and_then(|(_, last)| *last);
                let group = teller.group.as_ref().and_then(|g| tellers.get(&Object::Group(g.clone())));
                let by_group = group.and_then(last) == Some(state);
                if last(teller) != Some(state) && !by_group {
                    let text =
                        format!("{object:?} is {state:?}, and the last that was told is {:?}", last(teller));
                    found.push("N1", world.now(), Some(node), text);
                }
            }
        }
    }
}

/// The states that a word of keepalived may mean.
fn meant(word: &str) -> Vec<State> {
    match word {
        "MASTER" => vec![State::Master],
        "BACKUP" => vec![State::Backup],
        // Older configurations are told of a deleted instance like that.
        "FAULT" => vec![State::Fault, State::Deleted],
        "STOP" => vec![State::Stopped],
        "DELETED" => vec![State::Deleted],
        _ => Vec::new(),
    }
}

impl Checker for Notifications {
    fn see(&mut self, world: &World, seen: &Observation, found: &mut Found) {
        self.watch.see(world, seen);
        let Some(node) = seen.node else { return };
        match &seen.what {
            What::Booted | What::Ended { .. } => self.nodes[node.0].clear(),
            What::Configured(model) => self.configured(node, model),
            What::Event(Event::Vrrp(vrrp::io::Event::State { instance, to, .. })) => {
                let Some(model) = self.model(node) else { return };
                let Some(of) = model.instances.get(instance.index()) else { return };
                let group: Option<GroupId> = of.protocol.group;
                let group =
                    group.and_then(|id| model.groups.get(id.index())).map(|g| g.protocol.name.clone());
                let object = Object::Instance(of.protocol.name.clone());
                self.changed(node, object, group, *to);
            }
            What::Event(Event::Vrrp(vrrp::io::Event::Group { group, to, .. })) => {
                let Some(of) = self.model(node).and_then(|m| m.groups.get(group.index())) else { return };
                let object = Object::Group(of.protocol.name.clone());
                self.changed(node, object, None, *to);
            }
            What::Notified(told) => self.script(seen, node, told, found),
            What::Fifo(fifo, line) => self.line(seen, node, *fifo, line, found),
            _ => {}
        }
    }

    fn at_rest(&mut self, world: &World, rest: Rest, found: &mut Found) {
        if rest != Rest::Stopped {
            world.ids().for_each(|node| self.settled(world, node, found));
        }
    }
}
