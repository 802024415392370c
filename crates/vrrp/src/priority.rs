//! What trackers do to an instance. Always computed from scratch: a sum that is kept up to date by
//! steps goes wrong for good when one step is missed.

use base::{Priority, Weight};

use crate::config::{Instance, Track, TrackerId, TrackerKind};
use crate::io::Verdict;

/// A tracker and how it stands.
#[derive(Clone, Debug)]
pub(crate) struct Tracked {
    pub(crate) kind: TrackerKind,
    pub(crate) verdict: Verdict,
}

/// What one tracker means to one instance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    /// Nothing.
    None,
    /// It is not known and must be before the instance starts.
    Awaited,
    /// FAULT.
    Fault,
    /// So much more or less priority.
    Adds(i32),
}

/// The lowest and highest contribution of a tracked file; the lowest is a fault.
const FILE_FAULT: i64 = -254;
const FILE_MOST: i64 = 253;

/// What `tracked` means to an instance that tracks it by `track`.
pub(crate) fn effect(track: &Track, tracked: &Tracked) -> Effect {
    let weight = track.weight;
    let is_unweighted = weight == Weight::FAULT;
    let up = match (&tracked.kind, tracked.verdict) {
        (TrackerKind::Script, Verdict::Unknown) if is_unweighted => return Effect::Awaited,
        // A BFD session is down until its first event.
        (TrackerKind::Bfd, Verdict::Unknown) | (_, Verdict::Down) => false,
        (_, Verdict::Unknown) => return Effect::None,
        (_, Verdict::Up) => true,
        (_, Verdict::Value(n)) => return file(weight, track.reverse, n),
    };
    match (up != track.reverse, i32::from(weight.get())) {
        (false, 0) => Effect::Fault,
        (true, weight @ 1..) | (false, weight @ ..=-1) => Effect::Adds(weight),
        (true, ..=0) | (false, 1..) => Effect::None,
    }
}

fn file(weight: Weight, reverse: bool, number: i32) -> Effect {
    if weight == Weight::FAULT {
        return if (number != 0) == reverse { Effect::None } else { Effect::Fault };
    }
    let product = i64::from(number) * i64::from(weight.get());
    let product = if reverse { -product } else { product };
    if product <= FILE_FAULT {
        return Effect::Fault;
    }
    match i32::try_from(product.min(FILE_MOST)) {
        Ok(n) if n != 0 => Effect::Adds(n),
        _ => Effect::None,
    }
}

/// Each tracker of `config` with what it means.
pub(crate) fn effects<'a>(
    config: &'a Instance,
    trackers: &'a [Tracked],
) -> impl Iterator<Item = (TrackerId, Verdict, Effect)> + 'a {
    config.tracks.iter().filter_map(move |track| {
        let tracked = trackers.get(track.tracker.index())?;
        Some((track.tracker, tracked.verdict, effect(track, tracked)))
    })
}

/// The effective priority: an owner's never changes by trackers; others' is the configured one and
/// all contributions, 1 to 254.
pub(crate) fn effective(config: &Instance, trackers: &[Tracked]) -> Priority {
    if config.priority.is_owner() {
        return Priority::OWNER;
    }
    let sum =
        effects(config, trackers).fold(i32::from(config.priority.0), |sum, (_, _, effect)| match effect {
            Effect::Adds(n) => sum.saturating_add(n),
            Effect::None | Effect::Awaited | Effect::Fault => sum,
        });
    let clamped = sum.clamp(Priority::MIN.0.into(), Priority::MAX_BACKUP.0.into());
    Priority(u8::try_from(clamped).unwrap_or(Priority::MIN.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TrackerId;
    use crate::testing;

    fn track(weight: i16, reverse: bool) -> Track {
        Track { tracker: TrackerId(0), weight: Weight::new(weight).unwrap(), reverse }
    }

    #[test]
    fn a_tracker_means_what_its_weight_and_its_sense_say() {
        use Effect::{Adds, Awaited, Fault, None};
        use TrackerKind::{Bfd, File, Process, Script};
        use Verdict::{Down, Unknown, Up, Value};
        for (kind, verdict, weight, reverse, expected) in [
            (Script, Up, 0, false, None),
            (Script, Down, 0, false, Fault),
            (Script, Up, 0, true, Fault),
            (Script, Unknown, 0, false, Awaited),
            (Script, Unknown, -20, false, None),
            (Script, Unknown, 20, false, None),
            (Script, Up, 20, false, Adds(20)),
            (Script, Down, 20, false, None),
            (Script, Up, -20, false, None),
            (Script, Down, -20, false, Adds(-20)),
            (Script, Down, 20, true, Adds(20)),
            (Script, Up, -20, true, Adds(-20)),
            (Process, Unknown, 0, false, None),
            (Bfd, Unknown, 0, false, Fault),
            (Bfd, Unknown, -5, false, Adds(-5)),
            (File, Value(0), 0, false, None),
            (File, Value(3), 0, false, Fault),
            (File, Value(0), 0, true, Fault),
            (File, Value(3), 0, true, None),
            (File, Value(7), 2, false, Adds(14)),
            (File, Value(7), 2, true, Adds(-14)),
            (File, Value(-7), -2, false, Adds(14)),
            (File, Value(i32::MAX), 254, false, Adds(253)),
            (File, Value(i32::MIN), 254, false, Fault),
            (File, Value(-253), 1, false, Adds(-253)),
            (File, Value(-254), 1, false, Fault),
            (File, Value(0), 1, false, None),
        ] {
            let tracked = Tracked { kind: kind.clone(), verdict };
            assert_eq!(
                effect(&track(weight, reverse), &tracked),
                expected,
                "{kind:?} {verdict:?} {weight} {reverse}"
            );
        }
    }

    #[test]
    fn the_sum_stays_between_1_and_254_and_an_owner_stays_255() {
        let mut config = testing::instance("a", 1, 100);
        config.tracks = alloc::vec![track(200, false), track(-250, false)];
        let with = |config: &Instance, verdict| {
            effective(config, &[Tracked { kind: TrackerKind::Process, verdict }])
        };
        assert_eq!(with(&config, Verdict::Up), Priority::MAX_BACKUP);
        assert_eq!(with(&config, Verdict::Down), Priority::MIN);
        config.priority = Priority::OWNER;
        assert_eq!(with(&config, Verdict::Down), Priority::OWNER);
    }
}
