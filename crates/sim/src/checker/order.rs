//! K3: in which order a node takes and gives up what belongs to a virtual router, and what it announces.

use std::collections::BTreeSet;
use std::net::IpAddr;

use base::{IfName, Instant};
use engine::facts::KernelEvent;
use engine::io::{Event, OpId, Operation};
use model::InstanceId;
use vrrp::io::State;

use super::watch::{LONGEST_RETRY, Watch, is_own, lateness, name};
use super::{Checker, Found};
use crate::fault::Fault;
use crate::node::NodeId;
use crate::observe::{Observation, What};
use crate::world::World;

/// **K3** Enter MASTER: advert < addresses < routes < first announcement; leave: routes < addresses. Nothing is
/// put in for who is not MASTER. (A route that is just being put in when its instance leaves is removed when the
/// kernel has answered, after the addresses: to wait for it would make two owners of them, see K2.) Announcements only of addresses that the kernel holds, with the hardware
/// address of their interface, never outside MASTER.
#[derive(Debug)]
pub(super) struct Order {
    watch: Watch,
    nodes: Vec<Of>,
}

#[derive(Clone, Debug, Default)]
struct Of {
    /// When each instance sent its last advert with a priority above 0.
    adverts: Vec<Option<Instant>>,
    /// What was asked of the kernel in this turn: for whom, put in or taken away, a route or an address.
    asked: Vec<(InstanceId, bool, bool)>,
    /// Routes that are being put in, and those of which the engine has not heard yet.
    flying: BTreeSet<OpId>,
    landed: bool,
    /// What vanished since the last turn: news of it may be unread.
    gone: Vec<(IfName, IpAddr)>,
    /// What the engine believes may be wrong until then: news were lost and nothing was read again yet.
    blind: bool,
    dumped: bool,
}

impl Order {
    pub(super) fn new(world: &World) -> Self {
        Self { watch: Watch::new(world), nodes: world.ids().map(|_| Of::default()).collect() }
    }

    fn entered(&self, world: &World, seen: &Observation, node: NodeId, id: InstanceId, found: &mut Found) {
        let known = self.watch.node(node);
        let Some(of) = known.model.as_ref().and_then(|m| m.instances.get(id.index())) else { return };
        let sent = self.nodes[node.0].adverts.get(id.index()).copied().flatten();
        // Without an interface nothing can be sent.
        let can = of.link.is_none_or(|link| world.node(node).host.named(link).is_some_and(|l| l.up));
        if can && sent != Some(seen.at) {
            let text = format!("{} is MASTER and has sent no advert", of.protocol.name);
            found.push("K3", seen.at, Some(node), text);
        }
    }

    fn wanted(&mut self, world: &World, seen: &Observation, operation: &Operation, found: &mut Found) {
        let Some(node) = seen.node else { return };
        let known = self.watch.node(node);
        let (adding, route) = match operation {
            Operation::AddAddress { .. } => (true, false),
            Operation::DelAddress { .. } => (false, false),
            Operation::AddRoute { .. } => (true, true),
            Operation::DelRoute { .. } => (false, true),
            Operation::PromoteSecondaries { .. } | Operation::StartSync(..) | Operation::StopSync(..) => {
                return;
            }
        };
        let owners: Vec<Option<InstanceId>> = match operation {
            Operation::AddAddress { address, .. } => {
                let named = known.names.address(address.link, address.net.addr());
                named.iter().filter(|(_, a)| a.net == address.net).map(|(owner, _)| *owner).collect()
            }
            Operation::DelAddress { link, net, .. } => match name(world, node, *link) {
                Some(link) => known.names.address(link, net.addr()).iter().map(|(owner, _)| *owner).collect(),
                None => Vec::new(),
            },
            Operation::AddRoute { route, .. } | Operation::DelRoute { route, .. } => {
                let named = known.names.routes().iter().filter(|(_, r)| r == route);
                named.map(|(owner, _)| *owner).collect()
            }
            _ => Vec::new(),
        };
        let claimed = owners.iter().any(|owner| known.claims(*owner));
        if adding && !claimed {
            let text = format!("{operation:?} is asked for, and nobody who names it is MASTER");
            found.push("K3", seen.at, Some(node), text);
        }
        if !adding && claimed && route {
            let text = format!("{operation:?} is asked for, and its instance is MASTER");
            found.push("K3", seen.at, Some(node), text);
        }
        // Somebody's deed that is repaired in the same turn has an order of its own.
        let quiet = known.disturbed + lateness(world, node) * 2 < seen.at
            && known.failed.is_none_or(|failed| failed + LONGEST_RETRY < seen.at);
        let of = &self.nodes[node.0];
        let quiet = quiet && (adding || of.flying.is_empty() && !of.landed);
        for id in owners.into_iter().flatten() {
            let changed = known.states.get(id.index()).is_some_and(|(_, since)| *since == seen.at);
            let asked = &mut self.nodes[node.0].asked;
            // In one turn: no address in after a route, no route out after an address.
            if quiet && changed && route != adding && asked.contains(&(id, adding, adding)) {
                let text = format!("{operation:?} comes too late, after what depends on it or before it");
                found.push("K3", seen.at, Some(node), text);
            }
            asked.push((id, adding, route));
        }
    }

    fn announced(
        &self,
        world: &World,
        seen: &Observation,
        (link, address, mac): (IfName, IpAddr, base::Mac),
        found: &mut Found,
    ) {
        let Some(node) = seen.node else { return };
        let (known, of) = (self.watch.node(node), &self.nodes[node.0]);
        let host = &world.node(node).host;
        let mut bad = |text: String| found.push("K3", seen.at, Some(node), text);
        let facts = host.named(link);
        let holds = facts.is_some_and(|facts| host.holds(Some(facts.index), address));
        let unread = of.blind || of.gone.contains(&(link, address));
        if !holds && !unread {
            bad(format!("{address} is announced, and is not on {link}"));
        }
        if facts.is_some_and(|facts| facts.mac != Some(mac)) {
            bad(format!("{address} is announced at {mac}, which is not that of {link}"));
        }
        let owners = known.names.address(link, address);
        let virtual_ = owners.iter().any(|(owner, _)| owner.is_some());
        let master = owners.iter().any(|(owner, _)| owner.is_some() && known.claims(*owner));
        if virtual_ && !master {
            bad(format!("{address} is announced, and its instance is not MASTER"));
        }
        if !virtual_ && !is_own(world, node, link, address) && !unread {
            bad(format!("{address} is announced, and nobody names it"));
        }
    }
}

impl Checker for Order {
    fn see(&mut self, world: &World, seen: &Observation, found: &mut Found) {
        self.watch.see(world, seen);
        if let What::Fault(Fault::LoseNews(node, _) | Fault::MissNews(node, _)) = &seen.what {
            let of = &mut self.nodes[node.0];
            (of.blind, of.dumped) = (true, false);
        }
        let Some(node) = seen.node else { return };
        let of = &mut self.nodes[node.0];
        match &seen.what {
            What::Booted => *of = Of::default(),
            What::Configured(_) => of.adverts.clear(),
            What::Advert(advert) => {
                let Some(id) = advert.instance.filter(|_| advert.priority.0 > 0) else { return };
                if of.adverts.len() <= id.index() {
                    of.adverts.resize(id.index() + 1, None);
                }
                of.adverts[id.index()] = Some(seen.at);
            }
            What::Event(Event::Vrrp(vrrp::io::Event::State { instance, to: State::Master, .. })) => {
                self.entered(world, seen, node, *instance, found);
            }
            What::Event(Event::Repaired { .. }) => of.asked.clear(),
            What::Wanted { op, operation } => {
                if matches!(operation, Operation::AddRoute { .. }) {
                    of.flying.insert(*op);
                }
                self.wanted(world, seen, operation, found);
            }
            What::Answered { op, .. } => of.landed |= of.flying.remove(op),
            What::Announced { link, address, mac } => {
                self.announced(world, seen, (*link, *address, *mac), found);
            }
            What::Kernel(KernelEvent::AddressGone(facts)) => {
                // The interface may be gone, too: then by all its names.
                let link = name(world, node, facts.link);
                let own = world.node(node).host.own_links().map(|(name, _)| name);
                let links = own.filter(|name| link.is_none_or(|l| l == *name));
                of.gone.extend(links.map(|link| (link, facts.net.addr())));
            }
            What::Dumped => of.dumped = true,
            What::Turn { .. } => {
                of.asked.clear();
                of.gone.clear();
                of.landed = false;
                let heard = world.node(node).process.as_ref().is_none_or(|p| {
                    let deaf = [p.deaf_until, p.missing_until];
                    deaf.into_iter().flatten().all(|until| until <= seen.at)
                        && p.missed.is_none()
                        && p.news.is_empty()
                });
                if of.dumped && heard {
                    of.blind = false;
                }
            }
            _ => {}
        }
    }
}
