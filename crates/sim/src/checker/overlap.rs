//! V5: two masters that hear each other part at once.

use base::{Duration, Instant};
use engine::io::Event;
use model::{Instance, InstanceId};
use vrrp::config::{Auth, Peers};
use vrrp::io::State;

use super::watch::{Watch, delay, is_calm, lateness};
use super::{Checker, Found};
use crate::cluster::{Router, agree};
use crate::fault::Fault;
use crate::node::NodeId;
use crate::observe::{Observation, What};
use crate::world::World;

/// A member of a virtual router.
type Member = (NodeId, InstanceId);

/// **V5** Who becomes MASTER at `t2` while another one, MASTER since `t1`, hears it and is heard: one of both has
/// left MASTER by
/// - `t2 + delta + sigma` if they were promoted together (`t2 - t1 < delta + sigma`): the advert of each is on its way
///   to the other;
/// - `t2 + 2 delta + 2 sigma` otherwise (B1'): the first advert of the new one makes the other yield or answer at once,
///   and after one interval if it doesn't answer (`lower_prio_no_advert`).
///
/// Nothing is said of members of groups, which leave together with others, of two owners, who part in steps of
/// their own, and of authentication headers, whose numbers may be refused.
#[derive(Debug)]
pub(super) struct Overlap {
    watch: Watch,
    due: Vec<Due>,
    /// When a stranger last sent an advert that is as good as any.
    forged: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Due {
    /// Since when both are MASTER.
    since: Instant,
    by: Instant,
    both: [Member; 2],
}

impl Overlap {
    pub(super) fn new(world: &World) -> Self {
        Self { watch: Watch::new(world), due: Vec::new(), forged: Instant::ZERO }
    }

    fn master(&self, (node, id): Member) -> Option<(Instant, &Instance)> {
        let known = self.watch.node(node);
        let (state, since) = known.states.get(id.index())?;
        let of = known.model.as_ref()?.instances.get(id.index())?;
        (*state == State::Master).then_some((*since, of))
    }

    /// `new` became MASTER.
    fn enters(&mut self, world: &World, at: Instant, new: Member) {
        let Some((_, of)) = self.master(new) else { return };
        let routers = Router::all(world);
        let Some(router) = routers.iter().find(|r| r.members.contains(&new)) else { return };
        let mut due = Vec::new();
        for other in router.members.iter().copied().filter(|member| *member != new) {
            let Some((since, theirs)) = self.master(other) else { continue };
            if !meet(world, (new, of), (other, theirs)) {
                continue;
            }
            let (delta, ours, late) = (delay(world), lateness(world, new.0), lateness(world, other.0));
            let together = at.since(since) < delta + late.min(ours);
            let silent = [of, theirs].into_iter().filter(|i| i.protocol.lower_prio_no_advert);
            let silent =
                silent.map(|i| i.protocol.advert_interval + i.protocol.advert_interval.mul_div(1, 1_000));
            let wait = if together {
                delta + late.max(ours)
            } else {
                (delta * 2 + late + ours) + silent.max().unwrap_or_default()
            };
            due.push(Due { since: at, by: at + wait + Duration::from_micros(1), both: [new, other] });
        }
        self.due.append(&mut due);
    }

    fn judge(&mut self, world: &World, at: Instant, found: &mut Found) {
        let over: Vec<Due> = self.due.extract_if(.., |due| due.by < at).collect();
        for Due { since, both, .. } in over {
            let [one, other] = both;
            let (Some((x, of)), Some((y, theirs))) = (self.master(one), self.master(other)) else { continue };
            let undisturbed =
                |(node, _): Member| self.watch.node(node).disturbed < x.min(y) && is_calm(world, node);
            let still = x.max(y) == since && undisturbed(one) && undisturbed(other);
            let wires = self.watch.wires.max(self.forged) < x.min(y);
            if still && wires && meet(world, (one, of), (other, theirs)) {
                let (name, nodes) = (&of.protocol.name, (one.0.0, other.0.0));
                let text = format!(
                    "{name} has two masters for {}, which hear each other: {nodes:?}",
                    at.since(since)
                );
                found.push("V5", at, None, text);
            }
        }
    }
}

/// Whether two members understand, know and hear each other, and can only part in the ordinary way.
fn meet(world: &World, one: (Member, &Instance), other: (Member, &Instance)) -> bool {
    let ordinary = |(_, of): (Member, &Instance)| {
        let protocol = &of.protocol;
        protocol.group.is_none() && !protocol.priority.is_owner() && !matches!(protocol.auth, Auth::Ah(_))
    };
    let knows = |(_, of): (Member, &Instance), ((node, _), _): (Member, &Instance)| match &of.protocol.peers {
        Peers::Multicast(_) => true,
        Peers::Unicast { peers, .. } => {
            peers.iter().any(|peer| world.node(node).host.holds(None, peer.address))
        }
    };
    let (Some(x), Some(y)) = (one.1.link, other.1.link) else { return false };
    let (lan, x, y) = (world.lan(), (one.0.0, x), (other.0.0, y));
    let on = |(node, link): (NodeId, base::IfName)| {
        world.node(node).host.named(link).is_some_and(|facts| facts.up && facts.running)
    };
    ordinary(one)
        && ordinary(other)
        && on(x)
        && on(y)
        && agree(one.1, other.1)
        && one.1.protocol.checksum == other.1.protocol.checksum
        && one.1.protocol.addresses.is_empty() == other.1.protocol.addresses.is_empty()
        && knows(one, other)
        && knows(other, one)
        && lan.reaches(x, y)
        && lan.reaches(y, x)
        && lan.segments.iter().all(|segment| segment.weather.loss == 0)
}

impl Checker for Overlap {
    fn see(&mut self, world: &World, seen: &Observation, found: &mut Found) {
        self.watch.see(world, seen);
        match (&seen.what, seen.node) {
            (
                What::Event(Event::Vrrp(vrrp::io::Event::State { instance, to: State::Master, .. })),
                Some(node),
            ) => {
                self.enters(world, seen.at, (node, *instance));
            }
            (What::Booted | What::Ended { .. } | What::Configured(_), Some(node)) => {
                self.due.retain(|due| due.both.iter().all(|(of, _)| *of != node));
            }
            (What::Fault(Fault::Stranger(stranger)), _) if stranger.valid => self.forged = seen.at,
            (What::Turn { .. }, _) if !self.due.is_empty() => self.judge(world, seen.at, found),
            _ => {}
        }
    }
}
