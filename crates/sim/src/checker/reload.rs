//! R1 to R3: a reload changes what the files changed, and nothing else.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use base::{Duration, IfName, Instant};
use engine::io::{Event, Operation};
use model::address::AddressFlags;
use model::{InstanceId, Model};
use vrrp::io::State;

use super::successor;
use super::watch::{LONGEST_RETRY, Names, OURS, Watch, found as is_there, lateness, on, same, shown};
use super::{Checker, Found, Rest};
use crate::fault::Fault;
use crate::node::NodeId;
use crate::observe::{Observation, What};
use crate::world::World;

/// **R1** `reload(same)`: no kernel write, no transition, no notification (but the lines of
/// `fifo_write_states_on_reload`), and the next advert is not late. Judged in the turn of the reload, if that
/// heard nothing else, and for all nodes between [`Rest::Quiet`] and [`Rest::Reloaded`].
///
/// **R2** The state after `reload(c2)` is the one that `c2` reaches with the same history: at rest the kernel has
/// exactly the objects that the last file and the states want, with the attributes of that file. (Together with
/// K1 and K6, which say the same of their presence.) Objects that persist notice nothing: an address that the same
/// MASTER has before and after is not announced for the reload's sake.
///
/// **R3** An invalid configuration changes nothing: whatever comes into force was ordered, in that order. A file
/// that cannot be run is an order for a configuration that the node doesn't have.
#[derive(Debug)]
pub(super) struct Reload {
    watch: Watch,
    nodes: Vec<Of>,
    /// Since when nothing but reloads of the same may happen.
    quiet: Option<Instant>,
}

#[derive(Clone, Debug, Default)]
struct Of {
    /// What was ordered and isn't in force yet.
    ordered: VecDeque<Arc<Model>>,
    /// What the turn did: writes, transitions, notifications.
    deeds: Vec<String>,
    /// A reload of the same came into force in this turn.
    same: bool,
    /// What was named before the reload of this turn, by whom, and what goes on.
    before: Option<(Names, Vec<Option<InstanceId>>)>,
    /// What was announced in this turn.
    announced: Vec<(IfName, IpAddr)>,
    /// When each instance sent its last advert, and the longest pause since all is quiet.
    adverts: BTreeMap<InstanceId, (Instant, Duration)>,
}

impl Reload {
    pub(super) fn new(world: &World) -> Self {
        let nodes = world.ids().map(|_| Of::default()).collect();
        Self { watch: Watch::new(world), nodes, quiet: None }
    }

    fn configured(&mut self, seen: &Observation, node: NodeId, model: &Arc<Model>, found: &mut Found) {
        let of = &mut self.nodes[node.0];
        // Before the protocol runs only the newest order counts.
        let at = of.ordered.iter().position(|ordered| Arc::ptr_eq(ordered, model) || ordered == model);
        match at {
            Some(at) => {
                of.ordered.drain(..=at);
            }
            None => {
                found.push("R3", seen.at, Some(node), "a configuration is in force that nobody ordered");
            }
        }
        let known = self.watch.node(node);
        let was = known.model.as_ref();
        of.before = was.map(|was| (known.names.clone(), successor::instances(was, model)));
        of.same = was.is_some_and(|was| Arc::ptr_eq(was, model) || was == model);
    }

    fn deed(&mut self, seen: &Observation, node: NodeId, found: &mut Found) {
        let text = match &seen.what {
            What::Wanted { operation: Operation::AddAddress { valid_lft: Some(_), .. }, .. } => return,
            What::Wanted { operation, .. } => format!("{operation:?}"),
            What::Event(Event::Vrrp(event @ vrrp::io::Event::State { .. })) => format!("{event:?}"),
            What::Notified(notification) => format!("{notification:?}"),
            What::Fifo(_, line) if !self.repeats(node) => format!("a line {line:?}"),
            What::Mailed(mail) => format!("{mail:?}"),
            _ => return,
        };
        if self.quiet.is_some() {
            let text = format!("a reload of the same configuration brings {text}");
            found.push("R1", seen.at, Some(node), text);
        }
        self.nodes[node.0].deeds.push(text);
    }

    fn repeats(&self, node: NodeId) -> bool {
        let model = self.watch.node(node).model.as_ref();
        model.is_some_and(|m| m.global.fifo_write_states_on_reload)
    }

    /// Whether an address that was announced when a reload came was there before for the same MASTER.
    fn persists(&self, at: Instant, node: NodeId, (link, address): (IfName, IpAddr)) -> bool {
        let (known, of) = (self.watch.node(node), &self.nodes[node.0]);
        let Some((names, successors)) = &of.before else { return false };
        let ([(Some(was), old)], [(Some(is), new)]) =
            (names.address(link, address), known.names.address(link, address))
        else {
            return false;
        };
        let since = known.states.get(is.index()).map(|(state, since)| (*state, *since < at));
        old == new
            && successors.get(is.index()).copied().flatten() == Some(*was)
            && since == Some((State::Master, true))
    }

    /// What the configuration in force says of a node's kernel, attributes included.
    fn equivalent(&self, world: &World, node: NodeId, found: &mut Found) {
        let known = self.watch.node(node);
        let Some(model) = &known.model else { return };
        let mut bad = |text: String| found.push("R2", world.now(), Some(node), text);
        let file = &world.node(node).models[world.node(node).model];
        if !Arc::ptr_eq(model, file) && model != file {
            bad("the configuration in force is not the one that was ordered last".into());
        }
        for (owner, address) in known.names.addresses().filter(|(owner, _)| known.claims(*owner)) {
            let others = known.names.address(address.link, address.net.addr());
            let Some(facts) = is_there(world, node, address.link, shown(address)) else { continue };
            if facts.protocol != Some(OURS) || others.len() > 1 {
                continue;
            }
            // The route of the network is left to the host's own address when a lease may end.
            let lease = facts.valid_lft.is_some() && facts.net.addr().is_ipv6();
            let noprefixroute = facts.flags.noprefixroute && (address.flags.noprefixroute || !lease);
            let flags = AddressFlags { noprefixroute, ..facts.flags };
            let told = (facts.broadcast, &facts.label, facts.scope, flags);
            if told != (address.broadcast, &address.label, address.scope, address.flags) {
                bad(format!("{} of {owner:?} is there as {told:?}, not as {address:?}", address.net));
            }
        }
        for (_, route) in known.names.routes().iter().filter(|(owner, _)| known.claims(*owner)) {
            let host = &world.node(node).host;
            let up = |hop: &model::route::Hop| {
                hop.link.is_none_or(|link| host.named(link).is_some_and(|facts| facts.up))
            };
            let source = route.source.is_none_or(|source| host.holds(None, source));
            let possible = source && route.hops.iter().all(up);
            let Some(wanted) = on(world, node, route).filter(|_| possible && !route.no_track) else {
                continue;
            };
            if !host.routes.iter().any(|there| same(there, &wanted)) {
                bad(format!("the route to {} is wanted, and isn't there", route.destination));
            }
        }
    }
}

impl Checker for Reload {
    fn see(&mut self, world: &World, seen: &Observation, found: &mut Found) {
        if let (What::Configured(model), Some(node)) = (&seen.what, seen.node) {
            self.configured(seen, node, model, found);
        }
        self.watch.see(world, seen);
        if let What::Fault(Fault::Reload { node, model }) = &seen.what {
            let of = &world.node(*node);
            if let (Some(ordered), true) = (of.models.get(*model), of.process.is_some()) {
                self.nodes[node.0].ordered.push_back(ordered.clone());
            }
            return;
        }
        let Some(node) = seen.node else { return };
        self.deed(seen, node, found);
        let of = &mut self.nodes[node.0];
        match &seen.what {
            What::Booted | What::Ended { .. } => *of = Of::default(),
            What::Configured(_) => of.adverts.clear(),
            What::Announced { link, address, .. } => of.announced.push((*link, *address)),
            What::Advert(advert) => {
                let Some(id) = advert.instance else { return };
                let (last, longest) = of.adverts.entry(id).or_insert((seen.at, Duration::ZERO));
                *longest = (*longest).max(seen.at.since(*last));
                *last = seen.at;
            }
            What::Turn { inputs, .. } => {
                // A reload and nothing else, or what was due besides.
                if of.same && *inputs == 1 && !of.deeds.is_empty() {
                    let text = format!("a reload of the same configuration brings {}", of.deeds.join(", "));
                    found.push("R1", seen.at, Some(node), text);
                }
                of.same = false;
                of.deeds.clear();
                let announced = std::mem::take(&mut of.announced);
                let mut announced = announced.into_iter().filter(|_| *inputs == 1);
                if let Some((_, address)) = announced.find(|which| self.persists(seen.at, node, *which)) {
                    let text = format!("{address} is announced for a reload that leaves it where it is");
                    found.push("R2", seen.at, Some(node), text);
                }
                self.nodes[node.0].before = None;
            }
            _ => {}
        }
    }

    fn at_rest(&mut self, world: &World, rest: Rest, found: &mut Found) {
        if rest != Rest::Stopped {
            let live = world.ids().filter(|node| world.node(*node).is_live());
            live.for_each(|node| self.equivalent(world, node, found));
        }
        if rest == Rest::Reloaded {
            for node in world.ids() {
                let (known, of) = (self.watch.node(node), &self.nodes[node.0]);
                let Some(model) = &known.model else { continue };
                for (id, (last, longest)) in &of.adverts {
                    let Some(instance) = model.instances.get(id.index()) else { continue };
                    let most = instance.protocol.advert_interval + lateness(world, node) * 2;
                    let longest = (*longest).max(world.now().since(*last));
                    if known.state(*id) == Some(State::Master) && longest > most {
                        let text = format!("no advert for {longest} around a reload");
                        found.push("R1", world.now(), Some(node), text);
                    }
                }
            }
        }
        let failed = |node| self.watch.node(node).failed.is_some_and(|f| f + LONGEST_RETRY > world.now());
        let calm = rest == Rest::Quiet && !world.ids().any(failed);
        self.quiet = calm.then(|| world.now());
        if calm {
            self.nodes.iter_mut().for_each(|of| of.adverts.clear());
        }
    }
}
