//! Who answers for each virtual address, and whether that is as the formulas have it.
//!
//! A node answers if its kernel has the address on an interface that is up, plugged in, and neither deaf nor
//! mute. Two conditions are watched for each address, each since the last thing that could excuse it (a
//! fault, a change of who is able to hold it): that nobody answers although somebody is able to, and that
//! several do although they are live and hear each other.

use std::net::IpAddr;

use base::{Duration, Instant, Name, Priority};
use engine::facts::KernelEvent;
use engine::io::Event;
use model::{Instance, InstanceId};
use vrrp::config::Preempt;
use vrrp::io::State;

use super::bounds::{master_down, slack};
use super::record::{AddressRecord, Excuse, Finding, Span};
use crate::cluster::{Router, agree, state_of};
use crate::lan::{Port, Weather};
use crate::node::NodeId;
use crate::observe::{Observation, What};
use crate::world::World;

/// The state of one address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Class {
    One,
    Nobody(Option<Excuse>),
    Two(Option<Excuse>),
}

struct AddressWatch {
    record: AddressRecord,
    router: usize,
    class: Class,
    /// Since when the class is so and nothing disturbed it.
    since: Instant,
    /// How long it may last.
    bound: Duration,
    /// Who was able to hold it when that was last looked at.
    able: Vec<NodeId>,
    /// Since when nobody, or several, answer.
    nobody_since: Option<Instant>,
    two_since: Option<Instant>,
    /// What the formula allowed last for a time without anybody that nothing excused.
    allowed: Duration,
}

/// Watches all addresses.
pub(super) struct Watch {
    routers: Vec<Router>,
    addresses: Vec<AddressWatch>,
    findings: Vec<Finding>,
    first_fault: Option<Instant>,
    healed: Option<Instant>,
}

impl Watch {
    pub(super) fn new(world: &World, routers: &[Router]) -> Self {
        let mut addresses = Vec::new();
        for (at, router) in routers.iter().enumerate() {
            for address in router.addresses(world) {
                addresses.push(AddressWatch {
                    record: AddressRecord {
                        router: name_of(world, router),
                        address,
                        spans: vec![Span { from: Instant::ZERO, owners: Vec::new() }],
                        fault: Instant::ZERO,
                        healed: None,
                        nobody: (Duration::ZERO, Duration::ZERO),
                        two: Duration::ZERO,
                        recovery: Duration::ZERO,
                        excuses: Vec::new(),
                    },
                    router: at,
                    class: Class::Nobody(Some(Excuse::Unable)),
                    since: Instant::ZERO,
                    bound: Duration::MAX,
                    able: Vec::new(),
                    nobody_since: Some(Instant::ZERO),
                    two_since: None,
                    allowed: Duration::ZERO,
                });
            }
        }
        let (routers, findings) = (routers.to_vec(), Vec::new());
        Self { routers, addresses, findings, first_fault: None, healed: None }
    }

    /// A fault of the scenario is to come now.
    pub(super) fn fault(&mut self, at: Instant) {
        if self.first_fault.is_none() {
            self.first_fault = Some(at);
            // That nobody answers while all start is no news.
            for watch in &mut self.addresses {
                watch.record.excuses.clear();
            }
        }
    }

    /// The healing is to come now.
    pub(super) fn heal(&mut self, world: &World) {
        let now = world.now();
        let first = self.first_fault;
        for watch in &mut self.addresses {
            watch.add_up(now, first);
            watch.record.healed = Some(now);
        }
        self.healed = Some(now);
    }

    pub(super) fn see(&mut self, world: &World, seen: &Observation) {
        let (matters, disturbs) = match &seen.what {
            What::Fault(_) | What::Booted | What::Ended { .. } | What::Configured(_) => (true, true),
            What::Kernel(KernelEvent::Address(_) | KernelEvent::AddressGone(_)) => (true, false),
            // A kernel that refuses what is asked of it is a fault, too: what follows counts from there.
            What::Answered { result: Err(_), .. } => (true, true),
            What::Kernel(KernelEvent::Link(_) | KernelEvent::LinkGone(_)) => (true, true),
            What::Event(Event::Vrrp(vrrp::io::Event::State { from, to, .. })) => {
                let able = |s: &State| matches!(s, State::Backup | State::Master);
                (true, able(from) != able(to))
            }
            What::Event(Event::Vrrp(vrrp::io::Event::Priority { .. })) => (true, true),
            _ => (false, false),
        };
        if matters {
            self.look(world, disturbs);
        }
    }

    fn look(&mut self, world: &World, disturbed: bool) {
        let now = world.now();
        for at in 0..self.addresses.len() {
            let Some(watch) = self.addresses.get(at) else { return };
            let Some(router) = self.routers.get(watch.router) else { return };
            let able = able(world, router);
            let owners = owners(world, router, watch.record.address);
            let changed =
                watch.able != able || watch.record.spans.last().is_none_or(|span| span.owners != owners);
            let class = classify(world, router, &able, &owners);
            if !changed && !disturbed && watch.class == class {
                continue;
            }
            let bound = bound(world, router, &able, &owners, class);
            let first_fault = self.first_fault;
            let Some(watch) = self.addresses.get_mut(at) else { return };
            let calm = !disturbed && watch.able == able && watch.class == class;
            if !calm {
                self.findings.extend(watch.judge(now));
                (watch.class, watch.since, watch.bound) = (class, now, bound);
                if class == Class::Nobody(None) {
                    watch.allowed = bound;
                }
            }
            watch.able = able;
            watch.note(now, owners, first_fault, self.healed);
        }
    }

    /// Everything is healed, and has had its time: somebody answers, and it is who should.
    pub(super) fn expect_order(&mut self, world: &World) {
        for watch in &self.addresses {
            let Some(router) = self.routers.get(watch.router) else { continue };
            if router.members.len() < 2 && able(world, router).is_empty() {
                continue;
            }
            let expected = expected(world, router);
            let owners = owners(world, router, watch.record.address);
            let right = match expected {
                Some(node) => owners == [node],
                None => owners.len() == 1,
            };
            if !right {
                let (at, address) = (world.now(), watch.record.address);
                self.findings.push(Finding::WrongOwner { at, address, expected, owners });
            }
        }
    }

    pub(super) fn finish(mut self, world: &World) -> (Vec<AddressRecord>, Vec<Finding>) {
        let now = world.now();
        for watch in &mut self.addresses {
            self.findings.extend(watch.judge(now));
            watch.add_up(now, self.first_fault.filter(|_| self.healed.is_none()));
            watch.record.fault = self.first_fault.unwrap_or(now);
        }
        (self.addresses.into_iter().map(|watch| watch.record).collect(), self.findings)
    }
}

impl AddressWatch {
    /// Whether the class lasted longer than it may.
    fn judge(&mut self, now: Instant) -> Option<Finding> {
        let (since, lasted, bound) = (self.since, now.since(self.since), self.bound);
        let address = self.record.address;
        if lasted <= bound {
            return None;
        }
        match self.class {
            Class::Nobody(None) => Some(Finding::Nobody { since, lasted, bound, address }),
            Class::Two(None) => {
                let owners = self.record.spans.last().map(|span| span.owners.clone()).unwrap_or_default();
                Some(Finding::Two { since, lasted, bound, address, owners })
            }
            Class::Nobody(Some(excuse)) | Class::Two(Some(excuse)) => {
                if !self.record.excuses.contains(&excuse) {
                    self.record.excuses.push(excuse);
                }
                None
            }
            Class::One => None,
        }
    }

    fn note(
        &mut self,
        now: Instant,
        owners: Vec<NodeId>,
        first_fault: Option<Instant>,
        healed: Option<Instant>,
    ) {
        if self.record.spans.last().is_some_and(|span| span.owners == owners) {
            return;
        }
        if healed.is_none() {
            self.add_up(now, first_fault);
        }
        let (nobody, two) = (owners.is_empty(), owners.len() > 1);
        let since = |holds: bool, since: Option<Instant>| holds.then(|| since.unwrap_or(now));
        self.nobody_since = since(nobody, self.nobody_since);
        self.two_since = since(two, self.two_since);
        if !nobody {
            self.allowed = Duration::ZERO;
        }
        if let (Some(healed), false, false) = (healed, nobody, two) {
            self.record.recovery = now.since(healed);
        }
        match self.record.spans.last_mut() {
            Some(last) if last.from == now => last.owners = owners,
            _ => self.record.spans.push(Span { from: now, owners }),
        }
    }

    /// Adds the time up to `now` to the longest ones since the first fault.
    fn add_up(&mut self, now: Instant, first_fault: Option<Instant>) {
        let Some(first) = first_fault else { return };
        let lasted = |since: Option<Instant>| now.since(since.map_or(now, |since| since.max(first)));
        let nobody = lasted(self.nobody_since);
        if nobody > self.record.nobody.0 {
            self.record.nobody = (nobody, self.allowed);
        }
        self.record.two = self.record.two.max(lasted(self.two_since));
    }
}

fn name_of(world: &World, router: &Router) -> Name {
    let first = router.members.first();
    first.and_then(|(node, id)| member(world, *node, *id)).map_or("?".into(), |i| i.protocol.name.clone())
}

fn member(world: &World, node: NodeId, id: InstanceId) -> Option<&Instance> {
    world.node(node).in_force().instances.get(id.index())
}

/// The port through which an instance speaks.
fn port(world: &World, node: NodeId, instance: &Instance) -> Option<Port> {
    let link = instance.link.or_else(|| world.node(node).host.own_links().map(|(name, _)| name).next())?;
    Some((node, link))
}

/// Whether frames reach and leave a port.
fn connected(world: &World, port: Port) -> bool {
    let up = world.node(port.0).host.named(port.1).is_some_and(|l| l.up && (l.running || l.loopback));
    up && (world.lan().segment_of(port).is_none() || world.lan().is_well(port))
}

/// Who answers for an address, of all nodes.
pub(super) fn owners_of(world: &World, address: IpAddr) -> Vec<NodeId> {
    world.ids().filter(|node| answers(world, *node, address)).collect()
}

fn owners(world: &World, router: &Router, address: IpAddr) -> Vec<NodeId> {
    let all = router.members.iter().map(|(node, _)| *node);
    all.filter(|node| answers(world, *node, address)).collect()
}

fn answers(world: &World, node: NodeId, address: IpAddr) -> bool {
    let host = &world.node(node).host;
    world.node(node).answers()
        && host.addresses.iter().filter(|held| held.facts.net.addr() == address).any(|held| {
            let link = host.links.get(&held.facts.link);
            link.is_some_and(|link| connected(world, (node, link.name)))
        })
}

/// Who could hold the addresses: live, in BACKUP or MASTER, and connected.
fn able(world: &World, router: &Router) -> Vec<NodeId> {
    let is_able = |(node, id): &&(NodeId, InstanceId)| {
        world.node(*node).is_live()
            && matches!(state_of(world, *node, *id), Some(State::Backup | State::Master))
            && member(world, *node, *id)
                .and_then(|instance| port(world, *node, instance))
                .is_none_or(|port| connected(world, port))
    };
    router.members.iter().filter(is_able).map(|(node, _)| *node).collect()
}

fn instance_of<'w>(world: &'w World, router: &Router, node: NodeId) -> Option<(InstanceId, &'w Instance)> {
    let (_, id) = router.members.iter().find(|(known, _)| *known == node)?;
    Some((*id, member(world, node, *id)?))
}

/// Whether what `from` sends for this router arrives at `to`.
fn hears(world: &World, router: &Router, from: NodeId, to: NodeId) -> bool {
    let port_of = |node| instance_of(world, router, node).and_then(|(_, i)| port(world, node, i));
    match (port_of(from), port_of(to)) {
        (Some(from), Some(to)) => world.lan().reaches(from, to),
        _ => false,
    }
}

fn classify(world: &World, router: &Router, able: &[NodeId], owners: &[NodeId]) -> Class {
    let rain = world.lan().segments.iter().any(|s| s.weather != Weather::FAIR);
    match owners {
        [_] => Class::One,
        [] => {
            // A master outside of those who are able keeps the others quiet if they hear it.
            let master = router.members.iter().find(|(node, id)| {
                world.node(*node).is_live()
                    && state_of(world, *node, *id) == Some(State::Master)
                    && !able.contains(node)
                    && able.iter().any(|other| hears(world, router, *node, *other))
            });
            Class::Nobody(match master {
                _ if able.is_empty() => Some(Excuse::Unable),
                Some((node, _)) => Some(Excuse::Unreachable(*node)),
                None => rain.then_some(Excuse::Weather),
            })
        }
        several => {
            let dead = several.iter().find(|node| !world.node(**node).is_live());
            let pairs = several.iter().flat_map(|a| several.iter().map(move |b| (*a, *b)));
            let mut unheard = pairs.filter(|(a, b)| a != b && !hears(world, router, *a, *b));
            Class::Two(match (dead, unheard.next()) {
                (Some(node), _) => Some(Excuse::LeftBehind(*node)),
                (None, Some((from, to))) => Some(Excuse::Unheard(to, from)),
                (None, None) => rain.then_some(Excuse::Weather),
            })
        }
    }
}

/// How long the class may last.
fn bound(world: &World, router: &Router, able: &[NodeId], owners: &[NodeId], class: Class) -> Duration {
    let parts = |nodes: &[NodeId]| -> Vec<(InstanceId, &Instance, NodeId)> {
        nodes.iter().filter_map(|n| instance_of(world, router, *n).map(|(id, i)| (id, i, *n))).collect()
    };
    let all: Vec<NodeId> = router.members.iter().map(|(node, _)| *node).collect();
    let interval = parts(&all).iter().map(|(_, i, _)| i.protocol.advert_interval).max().unwrap_or_default();
    let slack = parts(&all).iter().map(|(_, i, _)| slack(world, i)).max().unwrap_or_default();
    match class {
        Class::One => Duration::MAX,
        // V1: the slowest of those who are able has claimed the addresses by then.
        Class::Nobody(_) => {
            let wait = parts(able)
                .iter()
                .map(|(id, i, node)| master_down(i, priority(world, *node, *id), interval))
                .max()
                .unwrap_or_default();
            // The members of a sync group wait for each other.
            let grouped = parts(able).iter().any(|(_, i, _)| i.protocol.group.is_some());
            (if grouped { wait * 2 + interval } else { wait }) + slack
        }
        // V1 with several masters: the next advert of one of them decides; of the best one, if that is
        // silent towards lower ones.
        Class::Two(_) => {
            let parts = parts(owners);
            let silent = parts.iter().any(|(_, i, _)| i.protocol.lower_prio_no_advert);
            let grouped = parts.iter().any(|(_, i, _)| i.protocol.group.is_some());
            let intervals = parts.iter().map(|(_, i, _)| i.protocol.advert_interval);
            let next = if silent || grouped { intervals.max() } else { intervals.min() };
            next.unwrap_or_default() + slack
        }
    }
}

/// The priority in force, or the configured one while nothing runs.
fn priority(world: &World, node: NodeId, id: InstanceId) -> Priority {
    standing(world, node, id)
        .map(|s| s.priority)
        .or_else(|| member(world, node, id).map(|i| i.protocol.priority))
        .unwrap_or(Priority::MIN)
}

fn standing(world: &World, node: NodeId, id: InstanceId) -> Option<vrrp::io::Snapshot> {
    let snapshot = world.node(node).process.as_ref()?.engine.snapshot();
    snapshot.instances.into_iter().nth(id.index())?.vrrp
}

/// V2: who must be the master of a healthy router in the end; `None` if it depends on its history.
fn expected(world: &World, router: &Router) -> Option<NodeId> {
    let members: Vec<(NodeId, InstanceId, &Instance)> = router
        .members
        .iter()
        .filter_map(|(node, id)| member(world, *node, *id).map(|instance| (*node, *id, instance)))
        .collect();
    let preempts =
        |i: &Instance| matches!(i.protocol.preempt, Preempt::After(_)) && i.protocol.group.is_none();
    let alike = members.iter().all(|(_, _, a)| preempts(a) && members.iter().all(|(_, _, b)| agree(a, b)));
    if !alike {
        return None;
    }
    let best = members.iter().max_by_key(|(node, id, _)| {
        let standing = standing(world, *node, *id);
        (priority(world, *node, *id), standing.and_then(|s| s.source))
    })?;
    Some(best.0)
}
