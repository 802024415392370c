//! K8: lost news of the kernel do no harm for long.

use base::{Duration, Instant};
use engine::io::Event;

use super::watch::lateness;
use super::{Checker, Found, Rest};
use crate::fault::Fault;
use crate::node::NodeId;
use crate::observe::{Observation, What};
use crate::world::World;

/// **K8** After any set of lost news the view equals the kernel one dump time after the loss was signalled, and
/// after `resync` and two dumps if it was not: the dump is asked for at once, or when the period is over, comes, and
/// what follows from it is what the kernel holds. What an engine believes is read from its snapshot, at the end
/// of the turn that heard a dump, if no other news wait. A dump that is lost with the news is asked for
/// again. As long as nothing is lost no comparison finds a difference.
#[derive(Debug)]
pub(super) struct Overrun {
    nodes: Vec<Of>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Of {
    /// By when a dump must have come.
    due: Option<Instant>,
    /// A dump waits to be heard.
    dumped: bool,
    /// Losses that were told of or found.
    found: u64,
    /// When the node last stood still.
    stood: Instant,
    /// The longest that a turn was late: one that waits goes by what was in force when it was called for.
    late: Duration,
}

impl Overrun {
    pub(super) fn new(world: &World) -> Self {
        Self { nodes: world.ids().map(|_| Of::default()).collect() }
    }
}

/// A dump that does not come is asked for again after so long at the latest.
const AGAIN: Duration = Duration::from_millis(10);

/// How long it takes from a loss to a dump that was heard.
fn dump_time(world: &World, late: Duration) -> Duration {
    AGAIN + (world.pace().dump.1 + late) * 2
}

/// What was missed without a sign is known when the period is over.
fn missed(world: &World, node: NodeId, of: Of, found: &mut Found) {
    let Some(process) = &world.node(node).process else { return };
    let period = process.engine.model().global.resync;
    if let (Some(missed), false, 0) = (process.missed, period.is_zero(), process.dumps)
        && missed.max(of.stood) + period + period.mul_div(1, 100) + dump_time(world, of.late) < world.now()
    {
        found.push(
            "K8",
            world.now(),
            Some(node),
            format!("news were missed at {missed:?}, and nobody looked"),
        );
    }
}

/// Compares what a node believes with its kernel.
fn compare(world: &World, node: NodeId, found: &mut Found) {
    let host = &world.node(node).host;
    let Some(process) = &world.node(node).process else { return };
    // A dump that was asked for before the loss says nothing about it.
    if process.dumps > 0
        || process.unlisted
        || process.missed.is_some()
        || !process.news.is_empty()
        || process.deaf_until.is_some_and(|until| until > world.now())
    {
        return;
    }
    for link in process.engine.snapshot().links {
        let Ok(name) = base::IfName::new(&link.name) else { continue };
        let facts = host.named(name);
        let up = facts.is_some_and(|facts| facts.up && facts.running);
        let index = facts.map(|facts| facts.index);
        let mut held: Vec<_> =
            host.addresses.iter().filter(|h| Some(h.facts.link) == index).map(|h| h.facts.net).collect();
        let mut believed = link.addresses;
        held.sort_unstable();
        believed.sort_unstable();
        if (link.index, link.up) != (index.map(base::IfIndex::get), up) || held != believed {
            let text = format!(
                "{name} is {index:?}, up {up}, with {held:?}, and believed to be {:?}, up {}, with {believed:?}",
                link.index, link.up
            );
            found.push("K8", world.now(), Some(node), text);
        }
    }
}

impl Checker for Overrun {
    fn see(&mut self, world: &World, seen: &Observation, found: &mut Found) {
        if let What::Fault(fault) = &seen.what {
            let all = matches!(fault, Fault::Heal);
            let (Fault::Resume(on) | Fault::Thaw(on) | Fault::Pause(on) | Fault::Reload { node: on, .. }) =
                fault
            else {
                self.nodes.iter_mut().filter(|_| all).for_each(|of| of.stood = seen.at);
                return;
            };
            self.nodes[on.0].stood = seen.at;
            return;
        }
        let Some(node) = seen.node else { return };
        let of = &mut self.nodes[node.0];
        of.late = of.late.max(lateness(world, node));
        match &seen.what {
            What::Booted | What::Ended { .. } => *of = Of { late: of.late, ..Of::default() },
            What::Event(Event::Resync) => {
                // One that was on its way may come first; a machine that stands still is asked again and again.
                of.due = of.due.or(Some(seen.at + dump_time(world, of.late)));
                of.found += 1;
                let process = world.node(node).process.as_ref();
                if process.is_some_and(|p| p.losses + p.vanished < of.found) {
                    found.push(
                        "K8",
                        seen.at,
                        Some(node),
                        "the kernel was not as it was known, and nothing was lost",
                    );
                }
            }
            What::Dumped => (of.due, of.dumped) = (None, true),
            What::Turn { .. } => {
                // What is asked for while news are lost is lost with them.
                let Some(process) = world.node(node).process.as_ref() else { return };
                let deaf = process.deaf_until.unwrap_or_default();
                if of.due.is_some_and(|due| due.max(deaf.max(of.stood) + dump_time(world, of.late)) < seen.at)
                {
                    of.due = None;
                    found.push("K8", seen.at, Some(node), "news were lost, and no dump came");
                }
                if std::mem::take(&mut of.dumped) {
                    compare(world, node, found);
                }
                missed(world, node, *of, found);
            }
            _ => {}
        }
        if world.node(node).frozen {
            of.due = None;
        }
    }

    fn at_rest(&mut self, world: &World, rest: Rest, found: &mut Found) {
        if rest != Rest::Stopped {
            world.ids().for_each(|node| compare(world, node, found));
        }
    }
}
