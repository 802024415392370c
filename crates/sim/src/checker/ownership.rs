//! K1: who is MASTER has the addresses, and nobody else has them; K2: only one node has them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use base::{Duration, IfIndex, IfName, Instant, IpNet};
use engine::facts::KernelEvent;
use engine::io::Event;
use model::lease::OVERRUN;
use model::{Address, InstanceId};
use vrrp::config::Peers;
use vrrp::io::State;

use super::watch::{LONGEST_RETRY, Watch, changes, delay, found, is_calm, is_own, lateness, shown};
use super::{Checker, Found, Rest, Violation};
use crate::cluster::{agree, longest_wait};
use crate::fault::Fault;
use crate::node::NodeId;
use crate::observe::{Observation, What};
use crate::world::World;

/// **K1** At quiescence for a live daemon: the address is in the kernel if and only if the instance is MASTER
/// (or it is static, or the host's own). A transition takes `w` at most: the operations that wait, and those
/// of all objects, twice.
#[derive(Debug)]
pub(super) struct Ownership {
    watch: Watch,
    /// Transitions whose time is not over.
    due: VecDeque<Transition>,
}

#[derive(Clone, Copy, Debug)]
struct Transition {
    by: Instant,
    began: Instant,
    node: NodeId,
    instance: InstanceId,
}

impl Ownership {
    pub(super) fn new(world: &World) -> Self {
        Self { watch: Watch::new(world), due: VecDeque::new() }
    }

    fn judge(&self, world: &World, transition: Transition, found_: &mut Found) {
        let Transition { began, node, instance, by } = transition;
        let known = self.watch.node(node);
        let same = known.states.get(instance.index()).is_some_and(|(_, since)| *since == began);
        let waits = known.failed.is_some_and(|failed| failed + LONGEST_RETRY > began);
        if !same || waits || known.disturbed > began || !is_calm(world, node) {
            return;
        }
        let Some(of) = known.model.as_ref().and_then(|m| m.instances.get(instance.index())) else { return };
        let master = known.state(instance) == Some(State::Master);
        for address in of.addresses.iter().chain(&of.excluded) {
            if let Some(text) = wrong(world, &self.watch, node, address, master) {
                let text = format!("{text}, {} after the change", world.now().since(began));
                found_.push("K1", by, Some(node), text);
            }
        }
    }
}

/// What is wrong about an address of an instance that is MASTER or is not.
fn wrong(world: &World, watch: &Watch, node: NodeId, address: &Address, master: bool) -> Option<String> {
    let (link, net) = (address.link, shown(address));
    let facts = world.node(node).host.named(link)?;
    let there = found(world, node, link, net).is_some();
    match (master, there) {
        (true, false) if facts.up || net.addr().is_ipv4() => Some(format!("a MASTER lacks {net} on {link}")),
        (false, true) => {
            let excused = watch.node(node).wants_address(link, net) || is_own(world, node, link, net.addr());
            (!excused).then(|| format!("{net} is on {link}, but its instance is not MASTER"))
        }
        _ => None,
    }
}

impl Checker for Ownership {
    fn see(&mut self, world: &World, seen: &Observation, found: &mut Found) {
        // What this observation changes excuses what it comes with.
        self.watch.see(world, seen);
        while self.due.front().is_some_and(|t| t.by < seen.at) {
            let Some(transition) = self.due.pop_front() else { break };
            self.judge(world, transition, found);
        }
        let What::Event(Event::Vrrp(vrrp::io::Event::State { instance, .. })) = &seen.what else { return };
        let Some(node) = seen.node else { return };
        let by = seen.at + changes(world, node, &self.watch.node(node).names);
        let transition = Transition { by, began: seen.at, node, instance: *instance };
        let at = self.due.partition_point(|t| t.by <= by);
        self.due.insert(at, transition);
    }

    fn at_rest(&mut self, world: &World, rest: Rest, found: &mut Found) {
        if rest == Rest::Stopped {
            return;
        }
        for node in world.ids().filter(|id| world.node(*id).is_live()) {
            let known = self.watch.node(node);
            let Some(model) = &known.model else { continue };
            for (index, of) in model.instances.iter().enumerate() {
                let master = known.state(InstanceId::from_index(index)) == Some(State::Master);
                for address in of.addresses.iter().chain(&of.excluded) {
                    // Somebody may have removed what isn't watched.
                    if master && address.no_track {
                        continue;
                    }
                    if let Some(text) = wrong(world, &self.watch, node, address, master) {
                        found.push("K1", world.now(), Some(node), text);
                    }
                }
            }
        }
    }
}

/// Where an address is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Holder {
    node: NodeId,
    link: IfName,
    index: IfIndex,
    net: IpNet,
    /// Since when.
    since: Instant,
}

/// **K2** At most one node of a component has the address, except:
/// - two that live, as long as they may both be MASTER: `max T + A + 2 delta + 2 sigma + w` after the last
///   fault (V1, K1), and up to the next try if operations failed;
/// - one whose daemon is dead or paused, until its lease ends: `L + 0.98 s` ([`model::lease`]) after it lived last. Without a
///   lease that is unbounded, which is told ([`Checker::told`]), but no violation.
#[derive(Debug)]
pub(super) struct SingleOwner {
    watch: Watch,
    /// Who has which virtual address.
    holders: BTreeMap<IpAddr, Vec<Holder>>,
    /// Addresses that several have.
    several: BTreeSet<IpAddr>,
    /// Since when each process is dead or stands still.
    still: Vec<Option<Instant>>,
    told: Vec<Violation>,
}

impl SingleOwner {
    pub(super) fn new(world: &World) -> Self {
        let models = world.nodes().iter().flat_map(|n| &n.models);
        let holders = models.flat_map(|m| m.virtual_addresses()).map(|a| (a, Vec::new())).collect();
        let (several, told) = (BTreeSet::new(), Vec::new());
        let still = world.ids().map(|_| Some(Instant::ZERO)).collect();
        let mut new = Self { watch: Watch::new(world), holders, several, still, told };
        world.ids().for_each(|node| new.look(world, node));
        new
    }

    /// Reads the whole table of a node.
    fn look(&mut self, world: &World, node: NodeId) {
        for held in &world.node(node).host.addresses {
            self.put(world, node, held.facts.link, held.facts.net, Instant::ZERO);
        }
    }

    fn put(&mut self, world: &World, node: NodeId, index: IfIndex, net: IpNet, at: Instant) {
        let Some(holders) = self.holders.get_mut(&net.addr()) else { return };
        let Some(link) = super::watch::name(world, node, index) else { return };
        let holder = Holder { node, link, index, net, since: at };
        if !holders.iter().any(|h| (h.node, h.index, h.net) == (node, index, net)) {
            holders.push(holder);
            if holders.iter().any(|other| other.node != node) {
                self.several.insert(net.addr());
            }
        }
    }

    fn take(&mut self, node: NodeId, index: IfIndex, net: IpNet) {
        let Some(holders) = self.holders.get_mut(&net.addr()) else { return };
        holders.retain(|h| (h.node, h.index, h.net) != (node, index, net));
        if holders.iter().all(|h| Some(h.node) == holders.first().map(|f| f.node)) {
            self.several.remove(&net.addr());
        }
    }

    fn who_stands_still(&mut self, world: &World, at: Instant) {
        for (node, still) in world.nodes().iter().zip(&mut self.still) {
            *still = if node.is_live() { None } else { still.or(Some(at)) };
        }
    }

    /// Judges all pairs of nodes that have one address; `at_rest`: no time is left.
    fn judge(&mut self, world: &World, at_rest: bool, found: &mut Found) {
        let now = world.now();
        for address in &self.several {
            let holders = self.holders.get(address).map_or(&[][..], Vec::as_slice);
            for (n, a) in holders.iter().enumerate() {
                for b in holders.iter().skip(n + 1).filter(|b| b.node != a.node) {
                    let since = a.since.max(b.since);
                    let Some(until) = self.allowed(world, *address, since, a, b) else { continue };
                    let text =
                        || format!("{address} is on nodes {} and {} since {since:?}", a.node.0, b.node.0);
                    match until {
                        Until::Time(until) if now > until || at_rest => {
                            found.push("K2", now, None, text());
                        }
                        Until::Never if !self.told.iter().any(|t| t.at == since) => {
                            let text = format!("{}, of which one is dead and has no lease", text());
                            self.told.push(Violation { property: "K2", at: since, node: None, text });
                        }
                        _ => {}
                    }
                }
            }
        }
    }

    /// Until when both may have the address; `None` if that means nothing.
    fn allowed(
        &self,
        world: &World,
        address: IpAddr,
        since: Instant,
        a: &Holder,
        b: &Holder,
    ) -> Option<Until> {
        let lan = world.lan();
        let (from, to) = ((a.node, a.link), (b.node, b.link));
        // Nobody reaches an address on an interface that is off.
        let off = |h: &Holder| !world.node(h.node).host.named(h.link).is_some_and(|l| l.up && l.running);
        if lan.segment_of(from) != lan.segment_of(to)
            || off(a)
            || off(b)
            || !world.node(a.node).answers()
            || !world.node(b.node).answers()
        {
            return None;
        }
        let mut until = since.max(self.watch.wires);
        for holder in [a, b] {
            if is_own(world, holder.node, holder.link, address) {
                return None;
            }
            if let Some(still) = self.still.get(holder.node.0).copied().flatten() {
                let host = &world.node(holder.node).host;
                let held = host
                    .addresses
                    .iter()
                    .find(|h| (h.facts.link, h.facts.net) == (holder.index, holder.net))?;
                let Some(seconds) = held.facts.valid_lft else { return Some(Until::Never) };
                let lease = Duration::from_secs(u64::from(seconds)) + OVERRUN;
                return Some(Until::Time(still.max(since) + lease + world.pace().operation.1));
            }
        }
        let one = self.instance(a.node, a.link, address)?;
        let other = self.instance(b.node, b.link, address)?;
        let (x, y) = (&one.protocol, &other.protocol);
        let both_owners = x.priority.is_owner() && y.priority.is_owner();
        let deaf = x.owner_ignore_adverts && x.priority.is_owner()
            || y.owner_ignore_adverts && y.priority.is_owner();
        let same_router = (x.vrid, x.family, x.checksum) == (y.vrid, y.family, y.checksum);
        let known = |p: &vrrp::config::Instance, of: NodeId| match &p.peers {
            Peers::Multicast(_) => true,
            Peers::Unicast { peers, .. } => {
                let host = &world.node(of).host;
                peers.iter().any(|peer| host.holds(None, peer.address))
            }
        };
        let loss = lan.segments.iter().any(|s| s.weather.loss > 0);
        if both_owners
            || deaf
            || !same_router
            || loss
            || !agree(one, other)
            || !known(x, b.node)
            || !known(y, a.node)
            || !lan.reaches(from, to)
            || !lan.reaches(to, from)
            || !is_calm(world, a.node)
            || !is_calm(world, b.node)
        {
            return None;
        }
        for holder in [a, b] {
            let known = self.watch.node(holder.node);
            until = until.max(known.disturbed);
            if let Some(failed) = known.failed {
                until = until.max(failed + LONGEST_RETRY);
            }
        }
        let longest = x.advert_interval.max(y.advert_interval);
        let wait = longest_wait(one, longest).max(longest_wait(other, longest));
        let late = lateness(world, a.node).max(lateness(world, b.node));
        let w = changes(world, a.node, &self.watch.node(a.node).names)
            + changes(world, b.node, &self.watch.node(b.node).names);
        Some(Until::Time(until + wait + longest + (delay(world) + late) * 2 + w))
    }

    fn instance(&self, node: NodeId, link: IfName, address: IpAddr) -> Option<&model::Instance> {
        let known = self.watch.node(node);
        let id = known.names.address(link, address).iter().find_map(|(owner, _)| *owner)?;
        known.model.as_ref()?.instances.get(id.index())
    }
}

enum Until {
    Time(Instant),
    Never,
}

impl Checker for SingleOwner {
    fn see(&mut self, world: &World, seen: &Observation, found: &mut Found) {
        self.watch.see(world, seen);
        match (&seen.what, seen.node) {
            (What::Kernel(KernelEvent::Address(facts)), Some(node)) => {
                self.put(world, node, facts.link, facts.net, seen.at);
            }
            (What::Kernel(KernelEvent::AddressGone(facts)), Some(node)) => {
                self.take(node, facts.link, facts.net);
            }
            (What::Fault(fault), _) => {
                if let Fault::PowerOn(node) = fault {
                    self.look(world, *node);
                }
                self.who_stands_still(world, seen.at);
            }
            (What::Booted | What::Ended { .. }, _) => self.who_stands_still(world, seen.at),
            (What::Turn { .. }, _) if !self.several.is_empty() => self.judge(world, false, found),
            _ => {}
        }
    }

    fn at_rest(&mut self, world: &World, _: Rest, found: &mut Found) {
        self.judge(world, true, found);
    }

    fn told(&self) -> &[Violation] {
        &self.told
    }
}
