//! K6: nothing of an earlier life is there when a node begins to speak.

use engine::io::Event;
use vrrp::io::State;

use super::watch::{OURS, Watch, is_own, name};
use super::{Checker, Found, Rest};
use crate::fault::Fault;
use crate::node::NodeId;
use crate::observe::{Observation, What};
use crate::world::World;

/// **K6** After any crash and restart: before the first advert there is no address and no route of an earlier
/// life that the present state does not want. An object is ours by its mark, or by the configuration.
///
/// It is judged at the end of the turn of the first advert: nothing has reached the kernel yet, and all that
/// becomes MASTER in that turn has done so. Where the kernel refused to remove something nothing is judged.
/// At rest the same holds for what is there then (with K1: the kernel has what the configuration in force and
/// the states want, and nothing else of ours).
#[derive(Debug)]
pub(super) struct LeftOvers {
    watch: Watch,
    lives: Vec<Life>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Life {
    /// It has said nothing yet.
    #[default]
    Silent,
    /// It said its first word in this turn.
    Speaks,
    /// It was judged, or can't be.
    Over,
}

impl LeftOvers {
    pub(super) fn new(world: &World) -> Self {
        Self { watch: Watch::new(world), lives: world.ids().map(|_| Life::default()).collect() }
    }

    /// What is there of ours and is not wanted.
    fn judge(&self, world: &World, node: NodeId, found: &mut Found, when: &str) {
        for text in unwanted(world, &self.watch, node) {
            found.push("K6", world.now(), Some(node), format!("{text} {when}"));
        }
    }
}

/// What is in the kernel of a node by our mark and is not wanted now.
pub(super) fn unwanted(world: &World, watch: &Watch, node: NodeId) -> Vec<String> {
    let (known, host) = (watch.node(node), &world.node(node).host);
    let mut all = Vec::new();
    for facts in host.addresses.iter().map(|held| &held.facts).filter(|f| f.protocol == Some(OURS)) {
        let Some(link) = name(world, node, facts.link) else { continue };
        if !known.wants_address(link, facts.net) && !is_own(world, node, link, facts.net.addr()) {
            all.push(format!("{} is on {link}, and nothing wants it", facts.net));
        }
    }
    for facts in host.routes.iter().filter(|facts| facts.protocol == OURS) {
        if !known.wants_route(world, node, facts) {
            all.push(format!("the route to {} is there, and nothing wants it", facts.destination));
        }
    }
    all
}

impl Checker for LeftOvers {
    fn see(&mut self, world: &World, seen: &Observation, found: &mut Found) {
        self.watch.see(world, seen);
        let Some(node) = seen.node else {
            if let What::Fault(Fault::AddAddress(node, ..)) = &seen.what
                && let Some(life) = self.lives.get_mut(node.0)
            {
                // It may come after the dump.
                *life = Life::Over;
            }
            return;
        };
        let life = &mut self.lives[node.0];
        match &seen.what {
            What::Booted => *life = Life::Silent,
            What::Answered { result: Err(_), .. } => *life = Life::Over,
            What::Advert(_) if *life == Life::Silent => *life = Life::Speaks,
            // What it gives up again in the same turn is on its way out, which is K1's concern.
            What::Event(Event::Vrrp(vrrp::io::Event::State { from: State::Master, .. }))
                if *life == Life::Speaks =>
            {
                *life = Life::Over;
            }
            What::Turn { .. } if *life == Life::Speaks => {
                *life = Life::Over;
                self.judge(world, node, found, "at its first advert");
            }
            _ => {}
        }
    }

    fn at_rest(&mut self, world: &World, rest: Rest, found: &mut Found) {
        for node in world.ids() {
            if rest == Rest::Stopped || world.node(node).is_live() {
                self.judge(world, node, found, "at rest");
            }
        }
    }
}
