//! The formulas of the timers and the queue of deadlines.

use alloc::vec;
use alloc::vec::Vec;

use base::{Duration, Instant, Priority};

use crate::config::{Instance, InstanceId, Version};

/// The skew time (RFC 9568 section 6.1, RFC 3768 section 6.1) of a router of `priority` while
/// `interval` is in force: between 1/256 and 256/256 of a second (version 2) or of the interval
/// (version 3).
#[must_use]
pub fn skew(version: Version, priority: Priority, interval: Duration) -> Duration {
    let steps = 256 - u64::from(priority.0);
    match version {
        Version::V2 => Duration::from_secs(1).mul_div(steps, 256),
        Version::V3 => interval.mul_div(steps, 256),
    }
}

/// The shortest skew time that any router can have: priority 255.
#[must_use]
pub fn minimal_skew(version: Version, interval: Duration) -> Duration {
    skew(version, Priority::OWNER, interval)
}

/// The master-down interval: `down_timer_adverts` intervals and the skew time.
#[must_use]
pub fn master_down(config: &Instance, priority: Priority, interval: Duration) -> Duration {
    interval * u64::from(config.down_timer_adverts) + skew(config.version, priority, interval)
}

/// By how much a timer of a master must be late before somebody else must be taken for the master:
/// the shortest time after which any backup takes over.
#[must_use]
pub fn too_late(config: &Instance) -> Duration {
    master_down(config, Priority::OWNER, config.advert_interval)
}

/// The next deadline of each instance, and the earliest of all.
///
/// A tree of minima over a fixed number of places: setting a deadline costs one walk to the root
/// and never allocates; the earliest is at the root. Of equal deadlines the lower id comes first.
#[derive(Clone, Debug)]
pub(crate) struct Deadlines {
    /// Node 1 is the root, node `n` has the children `2n` and `2n + 1`, the last half are leaves.
    nodes: Vec<Instant>,
    leaves: usize,
}

/// Stands for "no deadline".
const NEVER: Instant = Instant::from_nanos(u64::MAX);

impl Deadlines {
    pub(crate) fn new(instances: usize) -> Self {
        let leaves = instances.max(1).next_power_of_two();
        Self { nodes: vec![NEVER; leaves * 2], leaves }
    }

    fn node(&self, index: usize) -> Instant {
        self.nodes.get(index).copied().unwrap_or(NEVER)
    }

    pub(crate) fn set(&mut self, id: InstanceId, deadline: Option<Instant>) {
        let mut index = self.leaves.saturating_add(id.index());
        let Some(leaf) = self.nodes.get_mut(index) else { return };
        *leaf = deadline.unwrap_or(NEVER);
        while index > 1 {
            index /= 2;
            let earliest = self.node(index * 2).min(self.node(index * 2 + 1));
            match self.nodes.get_mut(index) {
                Some(node) if *node != earliest => *node = earliest,
                _ => return,
            }
        }
    }

    pub(crate) fn earliest(&self) -> Option<Instant> {
        Some(self.node(1)).filter(|at| *at != NEVER)
    }

    /// Whose deadline has come.
    pub(crate) fn due(&self, now: Instant) -> Option<InstanceId> {
        let earliest = self.earliest().filter(|at| *at <= now)?;
        let mut index = 1;
        while index < self.leaves {
            index *= 2;
            if self.node(index) != earliest {
                index += 1;
            }
        }
        Some(InstanceId::from_index(index - self.leaves))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ns(n: u64) -> Duration {
        Duration::from_nanos(n)
    }

    #[test]
    fn skew_is_exact_to_the_nanosecond_even_for_10_ms_and_priority_254() {
        let second = Duration::from_secs(1);
        for (version, priority, interval, expected) in [
            (Version::V2, 100, second, 609_375_000),
            (Version::V2, 100, Duration::from_secs(5), 609_375_000),
            (Version::V3, 100, second, 609_375_000),
            (Version::V3, 100, Duration::from_millis(100), 60_937_500),
            (Version::V3, 254, Duration::from_millis(10), 78_125),
            (Version::V3, 255, Duration::from_millis(10), 39_062),
            (Version::V3, 1, Duration::from_millis(40_950), 40_790_039_062),
        ] {
            assert_eq!(
                skew(version, Priority(priority), interval),
                ns(expected),
                "{version:?} {priority} {interval}"
            );
        }
    }

    #[test]
    fn the_earliest_deadline_is_found_and_ties_go_to_the_lower_id() {
        let at = Instant::from_nanos;
        let mut deadlines = Deadlines::new(5);
        assert_eq!(deadlines.earliest(), None);
        for (id, when) in [(4, 30), (2, 20), (3, 20), (0, 90)] {
            deadlines.set(InstanceId(id), Some(at(when)));
        }
        assert_eq!(deadlines.earliest(), Some(at(20)));
        assert_eq!(deadlines.due(at(19)), None);
        assert_eq!(deadlines.due(at(20)), Some(InstanceId(2)));
        deadlines.set(InstanceId(2), Some(at(50)));
        assert_eq!(deadlines.due(at(20)), Some(InstanceId(3)));
        deadlines.set(InstanceId(3), None);
        assert_eq!(deadlines.earliest(), Some(at(30)));
        // An id from outside is ignored.
        deadlines.set(InstanceId(999), Some(at(1)));
        assert_eq!(deadlines.earliest(), Some(at(30)));
    }
}
