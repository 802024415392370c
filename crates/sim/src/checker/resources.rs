//! X1: what a node uses does not grow; X3: no turn does too much.

use std::collections::BTreeSet;

use base::{Duration, Instant};

use super::watch::Watch;
use super::{Checker, Found, Rest};
use crate::node::NodeId;
use crate::observe::{Observation, What};
use crate::world::World;

/// **X1** Sockets, operations and announcements after n reloads, failovers and flaps are those after one: at rest
/// nothing waits for an answer or in a queue, and there is at most one socket of a kind and one an instance. A
/// node that stopped has nothing.
///
/// **X3** No turn lasts longer than a quarter of the shortest interval. Here work is counted: an input calls for
/// a bounded number of effects for each object and instance of the configuration.
#[derive(Debug)]
pub(super) struct Resources {
    watch: Watch,
    /// How many effects an input may call for.
    allowed: Vec<u64>,
    /// When something was last asked of each kernel, or answered by it.
    busy: Vec<Instant>,
}

/// No answer takes that long. (A lease is renewed with each advert, so that some operations are always new.)
const ANSWER: Duration = Duration::from_millis(50);

impl Resources {
    pub(super) fn new(world: &World) -> Self {
        Self {
            watch: Watch::new(world),
            allowed: world.ids().map(|_| 0).collect(),
            busy: world.ids().map(|_| Instant::ZERO).collect(),
        }
    }

    /// The most that one input can mean: each object is taken away and put in and announced by three bursts, each
    /// instance changes its state twice with its group, and sends to each peer.
    fn allow(&mut self, node: NodeId) {
        let Some(model) = &self.watch.node(node).model else { return };
        let mut sum = 64_u64;
        for instance in &model.instances {
            let garp = &instance.garp;
            let repeat = garp.repeat.max(garp.refresh_repeat).max(garp.lower_prio_repeat).max(1);
            let objects = instance.addresses.len() + instance.excluded.len() + instance.routes.len();
            let objects = u64::try_from(objects).unwrap_or(u64::MAX);
            let peers = match &instance.protocol.peers {
                vrrp::config::Peers::Multicast(_) => 1,
                vrrp::config::Peers::Unicast { peers, .. } => u64::try_from(peers.len()).unwrap_or(u64::MAX),
            };
            // A frame and the word about it, the word about the burst; two operations and the words about them.
            sum += objects * (u64::from(repeat) * 2 * 3 + 8) + peers * 4 + 40;
        }
        sum += u64::try_from((model.trackers.len() + model.groups.len()) * 8).unwrap_or(u64::MAX);
        sum +=
            u64::try_from((model.static_addresses.len() + model.static_routes.len()) * 4).unwrap_or(u64::MAX);
        self.allowed[node.0] = self.allowed[node.0].max(sum);
    }

    fn leaks(&self, world: &World, node: NodeId, found: &mut Found) {
        let Some(process) = &world.node(node).process else { return };
        let mut bad = |text: String| found.push("X1", world.now(), Some(node), text);
        let snapshot = process.engine.snapshot();
        let long = self.busy[node.0] + ANSWER < world.now();
        if long && (snapshot.operations > 0 || !process.unanswered.is_empty()) {
            let waits = process.unanswered.len();
            bad(format!("{} operations without an answer, {waits} of them known", snapshot.operations));
        }
        let kinds: BTreeSet<_> = process.sockets.values().map(|socket| &socket.spec).collect();
        let instances = self.watch.node(node).states.len();
        if kinds.len() < process.sockets.len() || process.sockets.len() > instances {
            bad(format!(
                "{} sockets of {} kinds for {instances} instances",
                process.sockets.len(),
                kinds.len()
            ));
        }
        if snapshot.sockets != process.sockets.len() {
            bad(format!("{} sockets, and {} are believed open", process.sockets.len(), snapshot.sockets));
        }
        if process.deaf_until.is_none_or(|until| until < world.now()) && process.news.len() > 100 {
            bad(format!("{} news were not heard", process.news.len()));
        }
    }
}

impl Checker for Resources {
    fn see(&mut self, world: &World, seen: &Observation, found: &mut Found) {
        self.watch.see(world, seen);
        let Some(node) = seen.node else { return };
        match &seen.what {
            What::Booted => {
                self.allowed[node.0] = 0;
                self.allow(node);
            }
            What::Configured(_) => self.allow(node),
            What::Wanted { .. } | What::Answered { .. } => self.busy[node.0] = seen.at,
            What::Turn { inputs, effects } => {
                let most = self.allowed[node.0] * (u64::from(*inputs) + 1);
                if u64::from(*effects) > most {
                    let text = format!("a turn with {inputs} inputs has {effects} effects, more than {most}");
                    found.push("X3", seen.at, Some(node), text);
                }
            }
            _ => {}
        }
    }

    fn at_rest(&mut self, world: &World, rest: Rest, found: &mut Found) {
        for node in world.ids() {
            if rest != Rest::Stopped && world.node(node).is_live() {
                self.leaks(world, node, found);
            }
        }
    }
}
