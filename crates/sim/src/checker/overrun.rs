//! K8: lost news of the kernel do no harm for long.

use base::Instant;
use engine::io::Event;

use super::watch::lateness;
use super::{Checker, Found, Rest};
use crate::node::NodeId;
use crate::observe::{Observation, What};
use crate::world::World;

/// **K8** After any set of lost news the view equals the kernel one dump time after the loss was signalled: the
/// dump is asked for at once, comes, and what follows from it is what the kernel holds. What an engine believes
/// is read from its snapshot, at the end of the turn that heard a dump, if no other news wait.
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
}

impl Overrun {
    pub(super) fn new(world: &World) -> Self {
        Self { nodes: world.ids().map(|_| Of::default()).collect() }
    }
}

/// Compares what a node believes with its kernel.
fn compare(world: &World, node: NodeId, found: &mut Found) {
    let host = &world.node(node).host;
    let Some(process) = &world.node(node).process else { return };
    // A dump that was asked for before the loss says nothing about it.
    if process.dumps > 0
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
        let Some(node) = seen.node else { return };
        let of = &mut self.nodes[node.0];
        match &seen.what {
            What::Booted | What::Ended { .. } => *of = Of::default(),
            What::Event(Event::Resync) => {
                // One that was on its way may come first; a machine that stands still is asked again and again.
                let by = seen.at + world.pace().dump.1 * 2 + lateness(world, node) * 2;
                of.due = of.due.or(Some(by));
            }
            What::Dumped => (of.due, of.dumped) = (None, true),
            What::Turn { .. } => {
                if of.due.is_some_and(|due| due < seen.at) {
                    of.due = None;
                    found.push("K8", seen.at, Some(node), "news were lost, and no dump came");
                }
                if std::mem::take(&mut of.dumped) {
                    compare(world, node, found);
                }
            }
            What::Fault(_) => {}
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
