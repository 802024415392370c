//! The formulas of the timers.

use base::{Duration, Priority};

use crate::config::{Instance, Version};

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
}
