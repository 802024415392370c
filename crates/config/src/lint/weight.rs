//! Weights of what is tracked, against the priority that they change.

use base::Priority;
use model::tracker::TrackerSource;
use model::{Instance, Model};
use vrrp::config::{Preempt, Track};

use super::{Facts, advice};
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Block, Places};
use crate::span::Span;

/// The priorities that an instance can have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Range {
    /// While everything that it tracks is well.
    pub(crate) best: Priority,
    /// While all of it has failed.
    pub(crate) worst: Priority,
}

impl Range {
    /// Of `instance`; `None` if it follows the number in a file, which can be anything.
    pub(crate) fn of(model: &Model, instance: &Instance) -> Option<Self> {
        let tracks = weighted(instance);
        if tracks.clone().any(|track| !is_known(model, track)) {
            return None;
        }
        let base = instance.protocol.priority;
        Some(Self {
            best: clamped(base, tracks.clone().map(good).sum()),
            worst: clamped(base, tracks.map(bad).sum()),
        })
    }
}

/// What `instance` tracks with a weight.
pub(crate) fn weighted(instance: &Instance) -> impl Iterator<Item = &Track> + Clone {
    let all = instance.protocol.tracks.iter().chain(&instance.held.tracks);
    all.filter(|track| track.weight != base::Weight::FAULT)
}

/// Where `instance` or its group says that it tracks `track`.
pub(crate) fn place(model: &Model, places: &Places, instance: &Instance, track: &Track) -> Option<Span> {
    let tracker = model.trackers.get(track.tracker.index())?;
    let lists = &["track_script", "track_interface", "track_file", "track_process", "track_bfd"];
    let own = places.named("vrrp_instance", &instance.protocol.name);
    let group = instance.protocol.group.and_then(|id| model.groups.get(id.index()));
    let group = group.and_then(|group| places.named("vrrp_sync_group", &group.protocol.name));
    let line = |block: Block<'_>| block.value(lists, |name| *name == *tracker.name);
    own.and_then(line).or_else(|| group.and_then(line)).or_else(|| own.and_then(Block::head))
}

/// A weight that changes nothing while all else is well.
pub(super) fn idle(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let model = facts.model;
    for instance in &model.instances {
        let priority = instance.protocol.priority;
        let Some(range) = Range::of(model, instance) else { continue };
        for track in weighted(instance) {
            let others: i32 = weighted(instance).map(good).sum::<i32>() - good(track);
            if !priority.is_owner() && clamped(priority, others + bad(track)) != range.best {
                continue;
            }
            let name = tracker_name(model, track);
            let why = if priority.is_owner() {
                "nothing changes the priority 255 of an owner".to_owned()
            } else {
                format!("the priority is {} either way, its limit", range.best.0)
            };
            let message =
                format!("the weight of `{name}` never changes the priority of `{}`", instance.protocol.name);
            found.push(
                advice(Code::WEIGHT_IDLE, place(model, facts.places, instance, track), message)
                    .label(why)
                    .help("choose a priority that leaves room for the weight, or no weight, so that a failure is a fault"),
            );
        }
    }
}

/// Weights that reach beyond the highest priority while all is well.
pub(super) fn limit(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for (instance, block) in facts.instances() {
        let priority = instance.protocol.priority;
        if priority.is_owner() || Range::of(facts.model, instance).is_none() {
            continue;
        }
        let sum: i32 = weighted(instance).map(good).sum();
        let all = i32::from(priority.0) + sum;
        let most = i32::from(Priority::MAX_BACKUP.0);
        if sum == 0 || all <= most || priority == Priority::MAX_BACKUP {
            continue;
        }
        let name = &instance.protocol.name;
        let message =
            format!("the priority of `{name}` and its weights together are {all}, above the limit {most}");
        found.push(
            advice(Code::WEIGHT_LIMIT, block.place_of("priority"), message)
                .label(format!("{most} is used while all is well: {} of the weights are lost", all - most))
                .help(format!("write a priority of at most {}, or smaller weights", (most - sum).max(1))),
        );
    }
}

/// A weight that lowers the priority while nobody takes over from a lower one.
pub(super) fn nopreempt(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for (instance, block) in facts.instances() {
        if instance.protocol.preempt != Preempt::Never {
            continue;
        }
        let Some(track) = weighted(instance).next() else { continue };
        let name = tracker_name(facts.model, track);
        let message =
            format!("`{}` has `nopreempt`, and tracks `{name}` with a weight", instance.protocol.name);
        let mut d = advice(Code::WEIGHT_NOPREEMPT, block.place_of("nopreempt"), message)
            .label("a backup with it never takes over from a master whose priority has become lower")
            .help("track it without a weight (or with `weight 0`): its failure is then a fault, and a backup takes over");
        if let Some(span) = place(facts.model, facts.places, instance, track) {
            d = d.other(span, "its failure only lowers the priority");
        }
        found.push(d);
    }
}

/// The name of what is tracked.
pub(crate) fn tracker_name(model: &Model, track: &Track) -> String {
    model.trackers.get(track.tracker.index()).map_or_else(String::new, |tracker| tracker.name.to_string())
}

/// Whether a weight counts once or not at all. A file's number multiplies it.
fn is_known(model: &Model, track: &Track) -> bool {
    let source = model.trackers.get(track.tracker.index()).map(|tracker| &tracker.source);
    source.is_some_and(|source| !matches!(source, TrackerSource::File(_)))
}

/// What it adds at its better verdict.
pub(crate) fn good(track: &Track) -> i32 {
    i32::from(track.weight.get()).max(0)
}

/// What it adds at its worse verdict.
pub(crate) fn bad(track: &Track) -> i32 {
    i32::from(track.weight.get()).min(0)
}

/// The priority that becomes of `base` and the sum of weights.
pub(crate) fn clamped(base: Priority, sum: i32) -> Priority {
    if base.is_owner() {
        return base;
    }
    let all = i32::from(base.0).saturating_add(sum);
    let all = all.clamp(Priority::MIN.0.into(), Priority::MAX_BACKUP.0.into());
    Priority(u8::try_from(all).unwrap_or(Priority::MIN.0))
}
