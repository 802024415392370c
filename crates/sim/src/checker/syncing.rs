//! The kernel's sync daemon follows its instance: K1, K6.

use std::collections::{BTreeMap, BTreeSet};

use base::Instant;
use engine::io::{OpId, Operation};
use engine::lvs::table::{SyncHalf, SyncSettings};
use model::Model;
use model::lvs::{SyncDaemon, SyncRole};
use vrrp::io::State;

use super::watch::{LONGEST_RETRY, Watch, is_calm, lateness};
use super::{Checker, Found, Rest};
use crate::fault::Fault;
use crate::node::NodeId;
use crate::observe::{Observation, What};
use crate::world::World;

/// **K1** for `lvs_sync_daemon IF inst INSTANCE`: whenever a node has heard of everything, and its kernel has
/// answered everything, the half that tells connections runs if and only if the instance is MASTER, and the one
/// that learns them otherwise, with the settings of the configuration in force: after a takeover, after a reload,
/// over what an earlier life left, and up to the longest pause between two tries after the kernel refused, for
/// which nothing may happen to the node (its clock may stand still). A configuration without it ends what this life started.
/// What somebody else stops, starts or changes is put right within the longest `resync` of its configurations more
/// than that, and so is a half whose interface is another one by now; where none is configured it stays.
///
/// **K6** Neither runs after a stop.
#[derive(Debug)]
pub(super) struct Syncing {
    watch: Watch,
    lives: Vec<Life>,
}

#[derive(Clone, Debug, Default)]
struct Life {
    /// What this life started.
    started: BTreeSet<SyncHalf>,
    /// It was told to stop.
    stopping: bool,
    /// What is under way.
    asked: BTreeMap<OpId, SyncHalf>,
    /// When the kernel last refused to start or stop a half, and hasn't done it since.
    refused: BTreeMap<SyncHalf, Instant>,
    /// When somebody else last stopped or started halves.
    edited: Option<Instant>,
}

/// What should run.
fn wanted(
    model: &Model,
    state: impl Fn(model::InstanceId) -> Option<State>,
) -> Option<(SyncHalf, SyncSettings)> {
    let SyncDaemon { link, role, id, max_len, port, ttl, group } =
        *model.lvs.settings.sync_daemon.as_ref()?;
    let SyncRole::Follows(instance) = role else { return None };
    let half = if state(instance) == Some(State::Master) { SyncHalf::Master } else { SyncHalf::Backup };
    Some((half, SyncSettings { link, id, max_len, port, ttl, group }))
}

impl Syncing {
    pub(super) fn new(world: &World) -> Self {
        Self { watch: Watch::new(world), lives: world.ids().map(|_| Life::default()).collect() }
    }

    /// Compares what runs with what should.
    fn compare(&self, world: &World, node: NodeId, found: &mut Found) {
        let known = self.watch.node(node);
        let Some(model) = &known.model else { return };
        let there = &world.node(node).host.sync;
        let should: BTreeMap<_, _> = wanted(model, |id| known.state(id)).into_iter().collect();
        let life = &self.lives[node.0];
        if *there != should && !(should.is_empty() && life.started.is_empty()) {
            let text = format!("of the sync daemon runs {there:?}, should be {should:?}");
            found.push("K1", world.now(), Some(node), text);
        }
        let host = &world.node(node).host;
        let adrift = |(half, settings): &(&SyncHalf, &SyncSettings)| {
            host.adrift.contains(half) && host.named(settings.link).is_some()
        };
        if let Some((half, _)) = should.iter().find(adrift) {
            let text = format!("{half:?} of the sync daemon runs on an interface that is gone");
            found.push("K1", world.now(), Some(node), text);
        }
    }

    /// Until when an edit of somebody else may have been overlooked.
    fn overlooked(&self, world: &World, node: NodeId) -> Option<Instant> {
        let resyncs = world.node(node).models.iter().map(|model| model.global.resync);
        let edited = self.lives[node.0].edited?.max(self.watch.node(node).disturbed);
        Some(edited + resyncs.max().unwrap_or_default() + LONGEST_RETRY + lateness(world, node) * 2)
    }

    /// Whether everything should be in order by now.
    fn is_due(&self, world: &World, node: NodeId, at: Instant) -> bool {
        let (known, life) = (self.watch.node(node), &self.lives[node.0]);
        let pause = LONGEST_RETRY + lateness(world, node) * 2;
        let waits = life.refused.values().any(|refused| known.disturbed.max(*refused) + pause > at);
        let quiet = world.node(node).process.as_ref().is_some_and(crate::process::Process::is_quiescent);
        let waits = waits || self.overlooked(world, node).is_some_and(|until| until > at);
        is_calm(world, node) && quiet && !life.stopping && !waits
    }
}

impl Checker for Syncing {
    fn see(&mut self, world: &World, seen: &Observation, found: &mut Found) {
        self.watch.see(world, seen);
        if let What::Fault(Fault::Stop(node)) = &seen.what
            && let Some(life) = self.lives.get_mut(node.0)
        {
            life.stopping = true;
        }
        if let What::Fault(Fault::StopSync(node) | Fault::StartSync(node, ..)) = &seen.what {
            let model = self.watch.node(*node).model.as_ref();
            let wanted = model.is_some_and(|model| wanted(model, |_| None).is_some());
            if let Some(life) = self.lives.get_mut(node.0) {
                life.edited = Some(seen.at);
                if !wanted {
                    // What runs now is none of ours.
                    life.started.clear();
                }
            }
        }
        let Some(node) = seen.node else { return };
        let overlooked = self.overlooked(world, node);
        let life = &mut self.lives[node.0];
        match &seen.what {
            What::Booted => *life = Life { edited: life.edited, ..Life::default() },
            What::Wanted { op, operation: Operation::StartSync(half, _) } => {
                life.started.insert(*half);
                life.asked.insert(*op, *half);
            }
            What::Wanted { op, operation: Operation::StopSync(half, _) } => {
                life.asked.insert(*op, *half);
            }
            What::Answered { op, result } => {
                if let Some(half) = life.asked.remove(op) {
                    match result {
                        Ok(()) => life.refused.remove(&half),
                        Err(_) => life.refused.insert(half, seen.at),
                    };
                }
            }
            What::Ended { orderly: true } => {
                let there = &world.node(node).host.sync;
                let ours = !life.started.is_empty() && life.refused.is_empty();
                if ours && !there.is_empty() && overlooked.is_none_or(|until| until <= seen.at) {
                    let text = format!("of the sync daemon runs {there:?} after the stop");
                    found.push("K6", seen.at, Some(node), text);
                }
            }
            What::Turn { .. } if self.is_due(world, node, seen.at) => self.compare(world, node, found),
            _ => {}
        }
    }

    fn at_rest(&mut self, world: &World, rest: Rest, found: &mut Found) {
        if rest != Rest::Stopped {
            for node in world.ids().filter(|id| world.node(*id).is_live()) {
                self.compare(world, node, found);
            }
        }
    }
}
