//! V1, V2 and V8: one master, the best one, by a total order.

use std::collections::BTreeSet;

use base::{Duration, Family, Priority, Vrid};
use model::{Instance, InstanceId, TrackerSource};
use vrrp::config::{Peers, Preempt};
use vrrp::io::{Cause, State};

use super::shadow::{NodeShadow, Shadows};
use super::vrrp::{Rule, Transition};
use super::{Found, Rest, truth};
use crate::cluster::{Router, agree, longest_wait};
use crate::node::NodeId;
use crate::observe::Observation;
use crate::world::World;

/// V1: B1 = max T_i + delta + 2 sigma after all disturbances exactly one of those who understand each other
/// and can take part is MASTER.
///
/// V2: where all preempt, it is the one of the highest priority, B2 = preempt_delay + T_h + A + delta +
/// 2 sigma after.
///
/// V8: of two masters the one of the higher priority stays, of the same priority the one of the higher
/// address, compared as unsigned numbers; nobody else leaves MASTER because of an advert, and nobody leaves
/// it without a reason (V6).
///
/// K5: with `higher_prio_send_advert` who yields says so with an advert, so that the other one announces its
/// addresses.
pub(super) struct Election;

impl Rule for Election {
    fn see(&mut self, past: &Shadows, world: &World, seen: &Observation, found: &mut Found) {
        let Some(transition) = Transition::of(past, world, seen) else { return };
        let Transition { shadow, of, to, cause, now, .. } = &transition;
        if (shadow.state, *to) != (State::Master, State::Backup) {
            return;
        }
        let (property, good) = match cause {
            Cause::BetterAdvert { .. } => ("V8", shadow.must_yield),
            Cause::Paused { .. } => ("V6", shadow.was_silent(of, *now)),
            Cause::Group { .. } => ("V6", shadow.grouped),
            Cause::SequenceExhausted => ("V6", shadow.highest > u32::MAX - 16),
            _ => ("V6", false),
        };
        if !good {
            found.push(property, seen.at, seen.node, transition.text("without a reason"));
        }
        let says = of.protocol.higher_prio_send_advert && matches!(cause, Cause::BetterAdvert { .. });
        let heard = past.node(transition.node).is_some_and(|n| !n.sends_into_nothing(of));
        if says && heard && shadow.sent.at != *now {
            found.push(
                "K5",
                seen.at,
                seen.node,
                transition.text("the winner is to hear of it, and nothing is sent"),
            );
        }
    }

    fn at_rest(&mut self, past: &Shadows, world: &World, rest: Rest, found: &mut Found) {
        if rest == Rest::Stopped || !is_settled(past, world) {
            return;
        }
        for router in Router::all(world) {
            for class in classes(past, world, &router) {
                judge(world, &class, found);
            }
        }
    }
}

/// Whether everything that is not settled by now never will be: all bounds have passed since the last
/// disturbance.
pub(super) fn is_settled(past: &Shadows, world: &World) -> bool {
    let models = || past.nodes.iter().map(|n| &n.model);
    let instances = || models().flat_map(|m| &m.instances);
    let longest = instances().map(|i| i.protocol.advert_interval).max().unwrap_or_default();
    let wait = instances().map(|i| longest_wait(i, longest)).max().unwrap_or_default();
    let preempt = instances().map(|i| match i.protocol.preempt {
        Preempt::After(delay) => delay,
        Preempt::Never => Duration::ZERO,
    });
    let scripts = models().flat_map(|m| &m.trackers).filter_map(|t| match &t.source {
        TrackerSource::Script(s) => Some((s.interval + s.timeout) * u64::from(s.rise.max(s.fall) + 1)),
        _ => None,
    });
    let start = models().map(|m| m.global.startup_delay).max().unwrap_or_default();
    // A socket that could not be opened is tried again 16 s later at the latest.
    let bound = Duration::from_secs(18)
        + wait * 2
        + preempt.max().unwrap_or_default()
        + scripts.max().unwrap_or_default()
        + start;
    world.now().since(past.disturbed) >= bound
}

/// Somebody who should be able to take part in an election.
struct Candidate<'a> {
    node: NodeId,
    id: InstanceId,
    of: &'a Instance,
    state: State,
    priority: Priority,
}

/// The members of a router that understand each other and can take part; a class about which nothing can
/// be said is left out.
fn classes<'a>(past: &'a Shadows, world: &World, router: &Router) -> Vec<Vec<Candidate<'a>>> {
    let mut classes: Vec<Vec<Candidate<'a>>> = Vec::new();
    let mut unclear: BTreeSet<usize> = BTreeSet::new();
    for (node, id) in &router.members {
        let Some(shadow) = past.node(*node) else { continue };
        let Some((instance, of)) = shadow.get(*id) else { continue };
        let Some(process) = world.node(*node).process.as_ref() else { continue };
        if shadow.stopping || !world.node(*node).is_live() {
            continue;
        }
        let class = classes.iter().position(|c| c.iter().any(|m| agree(m.of, of)));
        let class = class.unwrap_or_else(|| {
            classes.push(Vec::new());
            classes.len() - 1
        });
        match truth::unit_faulty(world, *node, shadow, *id) {
            Some(true) => continue,
            Some(false) => {}
            None => {
                unclear.insert(class);
            }
        }
        let priority = process.engine.priority(*id).unwrap_or(of.protocol.priority);
        let candidate = Candidate { node: *node, id: *id, of, state: instance.state, priority };
        let comparable = classes[class].iter().all(|other| {
            let theirs = past.node(other.node);
            theirs.is_some_and(|theirs| shape(theirs, other.of) == shape(shadow, of))
                && hear_each_other(world, &candidate, other)
                && (other.of.addresses.is_empty() == of.addresses.is_empty())
        });
        if !comparable {
            unclear.insert(class);
        }
        classes[class].push(candidate);
    }
    let mut index = 0;
    classes.retain(|_| {
        index += 1;
        !unclear.contains(&(index - 1))
    });
    classes
}

/// Which routers are in the group of an instance.
fn shape(node: &NodeShadow, of: &Instance) -> Option<BTreeSet<(Family, Vrid)>> {
    let group = node.model.groups.get(of.protocol.group?.index())?;
    let members = group.protocol.members.iter().filter_map(|m| node.of(*m));
    Some(members.map(|i| (i.protocol.family, i.protocol.vrid)).collect())
}

/// Whether two unicast instances have each other as peers, and no wire between two nodes is cut.
fn hear_each_other(world: &World, a: &Candidate<'_>, b: &Candidate<'_>) -> bool {
    let own = |c: &Candidate<'_>| world.node(c.node).process.as_ref().and_then(|p| p.engine.source(c.id));
    let knows = |c: &Candidate<'_>, other: &Candidate<'_>| match &c.of.protocol.peers {
        Peers::Multicast(_) => true,
        Peers::Unicast { peers, .. } => peers.iter().any(|p| Some(p.address) == own(other)),
    };
    let wired = match (a.of.link, b.of.link) {
        (Some(x), Some(y)) => {
            let lan = world.lan();
            lan.reaches((a.node, x), (b.node, y)) && lan.reaches((b.node, y), (a.node, x))
        }
        _ => true,
    };
    knows(a, b) && knows(b, a) && wired
}

fn judge(world: &World, class: &[Candidate<'_>], found: &mut Found) {
    let Some(first) = class.first() else { return };
    let name = &first.of.protocol.name;
    let owners = class.iter().filter(|c| c.of.protocol.priority.is_owner()).count();
    if owners > 1 && class.iter().any(|c| c.of.protocol.owner_ignore_adverts) {
        return;
    }
    let masters: Vec<_> = class.iter().filter(|c| c.state == State::Master).collect();
    let states: Vec<_> = class.iter().map(|c| (c.node.0, c.state, c.priority.0)).collect();
    let [master] = masters.as_slice() else {
        let text = format!("{name} has {} masters: {states:?}", masters.len());
        return found.push("V1", world.now(), None, text);
    };
    let preempts = |c: &Candidate<'_>| matches!(c.of.protocol.preempt, Preempt::After(_));
    let alone = |c: &Candidate<'_>| c.of.protocol.group.is_none();
    let best = class.iter().map(|c| c.priority).max().unwrap_or(master.priority);
    if owners < 2 && class.iter().all(|c| preempts(c) && alone(c)) && master.priority != best {
        let text = format!("the master of {name} has the priority {}: {states:?}", master.priority);
        found.push("V2", world.now(), Some(master.node), text);
    }
}
