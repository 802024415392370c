//! X4: a daemon that is told to stop says so on the wire, removes what is its own, and ends.

use base::{Duration, Instant};

use super::leftovers::unwanted;
use super::watch::{LONGEST_RETRY, Watch, lateness};
use super::{Checker, Found, Rest};
use crate::fault::Fault;
use crate::node::NodeId;
use crate::observe::{Observation, What};
use crate::world::World;

/// The kernel gets that long, then the process ends all the same.
const LIMIT: Duration = Duration::from_secs(2);

/// **X4** From any state SIGTERM leads to the end within the limit (2 s, and the lateness of two turns), with V12
/// (each MASTER has sent a priority of 0, see [`super::release`]) and **K6**: nothing of ours is left. A process that stands
/// still or dies on the way owes nothing; what the kernel refuses to remove stays.
#[derive(Debug)]
pub(super) struct Stop {
    watch: Watch,
    nodes: Vec<Of>,
}

#[derive(Clone, Debug, Default)]
struct Of {
    /// When the process was told, and by when it has to be gone.
    told: Option<(Instant, Instant)>,
    /// It has read its kernel.
    primed: bool,
    dumped: bool,
}

impl Stop {
    pub(super) fn new(world: &World) -> Self {
        Self { watch: Watch::new(world), nodes: world.ids().map(|_| Of::default()).collect() }
    }

    fn told(&mut self, world: &World, seen: &Observation, node: NodeId) {
        let known = self.watch.node(node);
        let of = &mut self.nodes[node.0];
        if known.model.is_none() || of.told.is_some() {
            return;
        }
        let by = seen.at + LIMIT + lateness(world, node) * 3 + Duration::from_millis(1);
        of.told = Some((seen.at, by));
    }

    fn ended(&self, world: &World, seen: &Observation, node: NodeId, disturbed: Instant, found: &mut Found) {
        let of = &self.nodes[node.0];
        let Some((told, _)) = of.told else {
            found.push("X4", seen.at, Some(node), "a process ended and nobody had asked for it");
            return;
        };
        let known = self.watch.node(node);
        let failed = known.failed.is_some_and(|failed| failed + LONGEST_RETRY > told);
        let deaf = world.node(node).failing.0 > 0;
        // What happens in the last moments is not heard any more.
        let touched = disturbed > told;
        if of.primed && !failed && !deaf && !touched {
            for text in unwanted(world, &self.watch, node) {
                found.push("X4", seen.at, Some(node), format!("{text} after the stop"));
            }
        }
    }
}

impl Checker for Stop {
    fn see(&mut self, world: &World, seen: &Observation, found: &mut Found) {
        let disturbed = seen.node.map(|node| self.watch.node(node).disturbed).unwrap_or_default();
        self.watch.see(world, seen);
        if let What::Fault(fault) = &seen.what {
            match fault {
                Fault::Stop(node) => self.told(world, seen, *node),
                // Held up: the time counts from when it goes on.
                Fault::Resume(node) | Fault::Thaw(node) => self.again(world, seen, *node),
                Fault::Heal => world.ids().for_each(|node| self.again(world, seen, node)),
                _ => {}
            }
        }
        let Some(node) = seen.node else { return };
        let live = world.node(node).is_live();
        let of = &mut self.nodes[node.0];
        match &seen.what {
            What::Booted => *of = Of::default(),
            What::Dumped => of.dumped = true,
            What::Ended { orderly } => {
                if *orderly {
                    self.ended(world, seen, node, disturbed, found);
                }
                self.nodes[node.0] = Of::default();
            }
            What::Turn { .. } => {
                of.primed |= of.dumped;
                if of.told.is_some_and(|(_, by)| by < seen.at) && live {
                    of.told = None;
                    found.push("X4", seen.at, Some(node), "it was told to stop, and runs on");
                }
            }
            _ => {}
        }
    }

    fn at_rest(&mut self, world: &World, rest: Rest, found: &mut Found) {
        if rest != Rest::Stopped {
            return;
        }
        for node in world.ids() {
            if world.node(node).process.is_some() {
                found.push("X4", world.now(), Some(node), "every node was told to stop, and it runs on");
            }
        }
    }
}

impl Stop {
    fn again(&mut self, world: &World, seen: &Observation, node: NodeId) {
        if let Some((_, by)) = self.nodes.get_mut(node.0).and_then(|of| of.told.as_mut()) {
            *by = seen.at + LIMIT + lateness(world, node) * 3 + Duration::from_millis(1);
        }
    }
}
