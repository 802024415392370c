//! G1 to G4: sync groups.

use std::collections::BTreeMap;

use model::{GroupId, InstanceId};
use vrrp::io::{self as core, State};

use super::Found;
use super::shadow::Shadows;
use super::vrrp::{Rule, Transition};
use crate::node::NodeId;
use crate::observe::{Observation, What};
use crate::world::World;

/// A group on one node, since something was heard or told of it as a whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Round {
    from: State,
    to: State,
    /// The place of the last member that followed; `None` after the first one, which leads.
    last: Option<usize>,
    /// Changes of members.
    messages: usize,
}

/// G1: at the end of every turn all members of a group that have begun are in the same state, and the state
/// of the group that is told is that of all.
///
/// G2: members follow the first one in the order of the configuration; a group is MASTER only as a whole,
/// and FAULT as a whole (with G1).
///
/// G4: a transition of a group makes at most two changes for each member. G3 is V1 and V6 at rest.
#[derive(Default)]
pub(super) struct Groups {
    rounds: BTreeMap<(NodeId, GroupId), Round>,
}

impl Rule for Groups {
    fn see(&mut self, past: &Shadows, world: &World, seen: &Observation, found: &mut Found) {
        let Some(id) = seen.node else { return };
        match &seen.what {
            What::Turn { .. } => {
                self.forget(id);
                let Some(node) = past.node(id) else { return };
                for index in 0..node.model.groups.len() {
                    let group = GroupId::from_index(index);
                    if let Some(mixed) = members(past, id, group).and_then(|m| mixed(&m, None)) {
                        found.push("G1", seen.at, seen.node, mixed);
                    }
                }
            }
            What::Heard(_) | What::Ended { .. } | What::Configured(_) => self.forget(id),
            What::Event(engine::io::Event::Vrrp(core::Event::Group { group, to, .. })) => {
                self.rounds.remove(&(id, *group));
                if let Some(mixed) = members(past, id, *group).and_then(|m| mixed(&m, Some(*to))) {
                    found.push("G1", seen.at, seen.node, mixed);
                }
            }
            What::Event(_) => {
                let Some(transition) = Transition::of(past, world, seen) else { return };
                self.follow(past, &transition, seen, found);
            }
            _ => {}
        }
    }
}

impl Groups {
    fn forget(&mut self, id: NodeId) {
        if !self.rounds.is_empty() {
            self.rounds.retain(|(node, _), _| *node != id);
        }
    }

    fn follow(&mut self, past: &Shadows, transition: &Transition<'_>, seen: &Observation, found: &mut Found) {
        let Transition { node, id, shadow, of, to, .. } = transition;
        let ends = matches!(to, State::Stopped | State::Deleted);
        let Some(group) = of.protocol.group.filter(|_| shadow.state != State::Init && !ends) else { return };
        let Some(members) = members(past, *node, group) else { return };
        let Some(place) = members.iter().position(|(member, _)| member == id) else { return };
        let (from, to) = (shadow.state, *to);
        let known = self.rounds.get(&(*node, group)).copied();
        let messages = known.map_or(0, |r| r.messages) + 1;
        let last = match known.filter(|r| (r.from, r.to) == (from, to)) {
            None => None,
            Some(round) => {
                if round.last.is_some_and(|last| place <= last) {
                    let text = transition.text("out of the order of its group");
                    found.push("G2", seen.at, seen.node, text);
                }
                Some(place)
            }
        };
        if messages > 2 * members.len() {
            let text = transition.text(&format!("{messages} changes in one transition of its group"));
            found.push("G4", seen.at, seen.node, text);
        }
        self.rounds.insert((*node, group), Round { from, to, last, messages });
    }
}

/// The members of a group with their states, in order.
fn members(past: &Shadows, id: NodeId, group: GroupId) -> Option<Vec<(InstanceId, State)>> {
    let node = past.node(id)?;
    let group = node.model.groups.get(group.index())?;
    let state = |member: &InstanceId| Some((*member, node.get(*member)?.0.state));
    group.protocol.members.iter().map(state).collect()
}

/// What is wrong if the members that have begun are not all in the same state (`told`, if it is).
fn mixed(members: &[(InstanceId, State)], told: Option<State>) -> Option<String> {
    let mut begun = members.iter().map(|(_, state)| *state).filter(|state| *state != State::Init);
    let first = told.or_else(|| begun.next())?;
    let other = begun.find(|state| *state != first)?;
    Some(format!("a group is in {first:?} and in {other:?} at the same time"))
}
