//! K4: how often a new master announces its addresses; K5: what hosts believe after two masters met.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use base::{Duration, Family, IfName, Instant};
use engine::io::Event;
use model::{Address, Instance, InstanceId};
use vrrp::io::State;

use super::watch::{LONGEST_RETRY, Watch, changes, delay, found as is_there, is_calm, lateness, shown};
use super::{Checker, Found, Rest};
use crate::node::NodeId;
use crate::observe::{Observation, What};
use crate::world::World;

/// **K4** After entering MASTER: `garp_master_repeat` announcements an address within `w`, as many again after
/// `garp_master_delay`, then the refresh and nothing else. The hosts of the segment believe the new master
/// `delta + sigma + w` after it entered, if it can be heard.
///
/// **K5** After two masters met, that is after the one that stays has heard the other: the hosts believe the one
/// that stays after its second burst (`garp_lower_prio_delay`) at most. It has heard the other if that one sent first,
/// or has `higher_prio_send_advert` ([`super::election`] holds it to that). Otherwise the loser hears the winner first
/// and yields without a word, as RFC 9568 section 6.4.3 has it; the winner never knows that there was another
/// master, and nothing is promised before its next refresh or the end of what the hosts remember.
#[derive(Debug)]
pub(super) struct Announcements {
    watch: Watch,
    /// By node and instance: since it is MASTER.
    tenures: BTreeMap<(NodeId, InstanceId), Tenure>,
    due: VecDeque<Due>,
    healed: Option<Instant>,
}

#[derive(Clone, Debug)]
struct Tenure {
    began: Instant,
    counts: BTreeMap<(IfName, IpAddr), u64>,
    /// What `counts` was when all was healed.
    healed: BTreeMap<(IfName, IpAddr), u64>,
    /// When there last was a reason for more announcements than those of the beginning.
    more: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Due {
    by: Instant,
    began: Instant,
    node: NodeId,
    instance: InstanceId,
    what: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// After so many bursts.
    Bursts(u64),
    /// After an advert of lower priority at `began`.
    Met,
}

/// By how much a clock may be wrong: a hundredth, which is far more than any is.
fn stretched(span: Duration) -> Duration {
    span + span.mul_div(1, 100)
}

impl Announcements {
    pub(super) fn new(world: &World) -> Self {
        Self { watch: Watch::new(world), tenures: BTreeMap::new(), due: VecDeque::new(), healed: None }
    }

    fn push(&mut self, due: Due) {
        let at = self.due.partition_point(|d| d.by <= due.by);
        self.due.insert(at, due);
    }

    /// How long it takes until all that waits is announced, if announcements are paced.
    fn paced(&self, node: NodeId) -> Duration {
        let known = self.watch.node(node);
        let Some(model) = &known.model else { return Duration::ZERO };
        let interval = model.global.garp_interval.max(model.global.gna_interval);
        let bursts = |i: &Instance| {
            u64::try_from(i.addresses.len() + i.excluded.len()).unwrap_or(u64::MAX)
                * u64::from(i.garp.repeat.max(i.garp.refresh_repeat).max(i.garp.lower_prio_repeat).max(1))
        };
        interval * (model.instances.iter().map(bursts).sum::<u64>() * 3)
    }

    fn instance(&self, node: NodeId, id: InstanceId) -> Option<&Instance> {
        self.watch.node(node).model.as_ref()?.instances.get(id.index())
    }

    fn enter(&mut self, world: &World, seen: &Observation, node: NodeId, id: InstanceId) {
        let tenure = Tenure { began: seen.at, counts: BTreeMap::new(), healed: BTreeMap::new(), more: None };
        self.tenures.insert((node, id), tenure);
        let Some(second) = self.instance(node, id).map(|i| i.garp.delay) else { return };
        let w = changes(world, node, &self.watch.node(node).names) + self.paced(node) + delay(world);
        let due = Due { by: seen.at + w, began: seen.at, node, instance: id, what: Kind::Bursts(1) };
        self.push(due);
        if !second.is_zero() {
            let by = seen.at + stretched(second) + w + lateness(world, node);
            self.push(Due { by, what: Kind::Bursts(2), ..due });
        }
    }

    /// An advert of lower priority was heard: the whole sync group announces.
    fn met(&mut self, world: &World, seen: &Observation, node: NodeId, id: InstanceId) {
        let Some(model) = self.watch.node(node).model.clone() else { return };
        let group = model.instances.get(id.index()).and_then(|i| i.protocol.group);
        let group = group.and_then(|g| model.groups.get(g.index()));
        for id in group.map_or_else(|| vec![id], |g| g.protocol.members.clone()) {
            let Some(of) = model.instances.get(id.index()) else { continue };
            if let Some(tenure) = self.tenures.get_mut(&(node, id)) {
                tenure.more = Some(seen.at);
            }
            if of.garp.lower_prio_repeat > 0 && self.watch.node(node).state(id) == Some(State::Master) {
                let by = seen.at
                    + stretched(of.garp.lower_prio_delay)
                    + (delay(world) + lateness(world, node)) * 2
                    + changes(world, node, &self.watch.node(node).names)
                    + self.paced(node);
                self.push(Due { by, began: seen.at, node, instance: id, what: Kind::Met });
            }
        }
    }

    fn judge(&self, world: &World, due: Due, found: &mut Found) {
        let (node, id) = (due.node, due.instance);
        let Some(tenure) = self.tenures.get(&(node, id)) else { return };
        let known = self.watch.node(node);
        let failed = known.failed.is_some_and(|failed| failed + LONGEST_RETRY > due.began);
        let changed = known.disturbed >= due.began || failed || !is_calm(world, node);
        let Some(of) = self.instance(node, id) else { return };
        if changed || known.state(id) != Some(State::Master) {
            return;
        }
        for address in of.addresses.iter().chain(&of.excluded) {
            let Kind::Bursts(bursts) = due.what else {
                self.believed(world, node, address, due, "after it heard another master", found);
                continue;
            };
            if tenure.began != due.began {
                return;
            }
            if can_announce(world, node, address) {
                self.counted(world, node, (of, address), (tenure, due), bursts, found);
                if bursts == 1 {
                    self.believed(world, node, address, due, "after it became MASTER", found);
                }
            }
        }
    }

    fn counted(
        &self,
        world: &World,
        node: NodeId,
        (of, address): (&Instance, &Address),
        (tenure, due): (&Tenure, Due),
        bursts: u64,
        found: &mut Found,
    ) {
        let key = (address.link, address.net.addr());
        let got = tenure.counts.get(&key).copied().unwrap_or(0);
        let want = u64::from(of.garp.repeat.max(1)) * bursts;
        let passed = due.by.since(tenure.began);
        // The next burst may have begun, a shared address is announced for each owner.
        let alone = self.watch.node(node).names.address(key.0, key.1).len() == 1;
        let next = [(of.garp.delay, bursts == 1), (of.garp.refresh, true)];
        let next = next.into_iter().any(|(at, counts)| counts && !at.is_zero() && at <= stretched(passed));
        let model = self.watch.node(node).model.as_ref();
        let paced = model.is_some_and(|m| match Family::of(&key.1) {
            Family::V4 => !m.global.garp_interval.is_zero(),
            Family::V6 => !m.global.gna_interval.is_zero(),
        });
        let too_many = got > want && alone && !next && !paced && tenure.more.is_none();
        // A burst that still waits in a paced queue stands for the next one.
        let too_few = got < want && !(paced && tenure.more.is_some());
        if too_few || too_many {
            let text = format!("{} was announced {got} times in {passed} as MASTER, not {want} times", key.1);
            found.push("K4", world.now(), Some(node), text);
        }
    }

    /// Whether the hosts believe `node`.
    fn believed(
        &self,
        world: &World,
        node: NodeId,
        address: &Address,
        due: Due,
        when: &str,
        found: &mut Found,
    ) {
        let (lan, port) = (world.lan(), (node, address.link));
        let Some(segment) = lan.segment_of(port).and_then(|id| lan.segments.get(id.0)) else { return };
        let heard = lan.speaks(port) && segment.weather.loss == 0 && self.watch.wires < due.began;
        let Some(facts) = world.node(node).host.named(address.link) else { return };
        if !heard || !facts.up || !facts.running || !can_announce(world, node, address) {
            return;
        }
        let ip = address.net.addr();
        match segment.cache.get(&ip) {
            Some((mac, _)) if Some(*mac) == facts.mac => {}
            // Somebody else spoke later: there are two masters, or there were just now.
            Some((_, at)) if *at > due.began => {}
            other => {
                let text = format!("hosts look for {ip} at {other:?}, {when}");
                let property = if due.what == Kind::Met { "K5" } else { "K4" };
                found.push(property, world.now(), Some(node), text);
            }
        }
    }

    /// What was announced between two points of rest: the refresh, and nothing else.
    fn refreshed(&self, world: &World, healed: Instant, found: &mut Found) {
        for ((node, id), tenure) in &self.tenures {
            let Some(of) = self.instance(*node, *id) else { continue };
            let settled = tenure.began.max(tenure.more.unwrap_or_default())
                + stretched(of.garp.delay.max(of.garp.lower_prio_delay))
                + self.paced(*node)
                + Duration::from_secs(1);
            let failed = self.watch.node(*node).failed.is_some_and(|f| f + LONGEST_RETRY > healed);
            if settled > healed || failed || self.watch.node(*node).disturbed >= healed {
                continue;
            }
            let span = world.now().since(healed);
            let every = of.garp.refresh;
            let bursts = span.as_nanos().checked_div(every.as_nanos()).unwrap_or(0);
            let (least, most) = match every.is_zero() {
                true => (0, 0),
                false => (bursts.saturating_sub(1), bursts + 2),
            };
            let repeat = u64::from(of.garp.refresh_repeat.max(1));
            for address in of.addresses.iter().chain(&of.excluded) {
                let key = (address.link, address.net.addr());
                let alone = self.watch.node(*node).names.address(key.0, key.1).len() == 1;
                if !alone || !can_announce(world, *node, address) || self.paced(*node) > Duration::ZERO {
                    continue;
                }
                let of = |counts: &BTreeMap<_, u64>| counts.get(&key).copied().unwrap_or(0);
                let got = of(&tenure.counts) - of(&tenure.healed);
                if got < least * repeat || got > most * repeat {
                    let text = format!(
                        "{} was announced {got} times in {span} of quiet, with a refresh every {every}",
                        key.1
                    );
                    found.push("K4", world.now(), Some(*node), text);
                }
            }
        }
    }
}

/// Whether an address is there and its interface takes announcements.
fn can_announce(world: &World, node: NodeId, address: &Address) -> bool {
    let facts = world.node(node).host.named(address.link);
    facts.is_some_and(|facts| !facts.noarp && !facts.loopback && facts.mac.is_some())
        && is_there(world, node, address.link, shown(address)).is_some()
}

impl Checker for Announcements {
    fn see(&mut self, world: &World, seen: &Observation, found: &mut Found) {
        // What this observation changes excuses what it comes with.
        self.watch.see(world, seen);
        while self.due.front().is_some_and(|due| due.by < seen.at) {
            let Some(due) = self.due.pop_front() else { break };
            self.judge(world, due, found);
        }
        let Some(node) = seen.node else { return };
        match &seen.what {
            What::Event(Event::Vrrp(vrrp::io::Event::State { instance, to, .. })) => {
                self.tenures.remove(&(node, *instance));
                if *to == State::Master {
                    self.enter(world, seen, node, *instance);
                }
            }
            What::Event(Event::Vrrp(vrrp::io::Event::LowerReceived { instance, .. })) => {
                self.met(world, seen, node, *instance);
            }
            What::Event(Event::Repaired { .. }) => {
                self.tenures
                    .iter_mut()
                    .filter(|(key, _)| key.0 == node)
                    .for_each(|(_, t)| t.more = Some(seen.at));
            }
            What::Announced { link, address, .. } => {
                for (owner, _) in self.watch.node(node).names.address(*link, *address) {
                    let Some(id) = owner else { continue };
                    if let Some(tenure) = self.tenures.get_mut(&(node, *id)) {
                        *tenure.counts.entry((*link, *address)).or_default() += 1;
                    }
                }
            }
            What::Booted | What::Ended { .. } | What::Configured(_) => {
                self.tenures.retain(|key, _| key.0 != node);
            }
            _ => {}
        }
    }

    fn at_rest(&mut self, world: &World, rest: Rest, found: &mut Found) {
        match rest {
            Rest::Healed => {
                self.healed = Some(world.now());
                self.tenures.values_mut().for_each(|tenure| tenure.healed = tenure.counts.clone());
            }
            Rest::Quiet => {
                if let Some(healed) = self.healed.take() {
                    self.refreshed(world, healed, found);
                }
            }
            Rest::Reloaded | Rest::Stopped => {}
        }
    }
}
