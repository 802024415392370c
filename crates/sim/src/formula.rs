//! The formulas of the timers, once more: checkers must not judge the engine by the engine's own arithmetic.

use base::{Duration, Priority};
use model::Instance;
use vrrp::config::Version;

/// The skew time (RFC 9568 section 6.1, RFC 3768 section 6.1): `(256 - priority) / 256` of a second in
/// version 2, of the interval in force in version 3.
#[must_use]
pub fn skew(version: Version, priority: Priority, interval: Duration) -> Duration {
    let unit = match version {
        Version::V2 => 1_000_000_000,
        Version::V3 => interval.as_nanos(),
    };
    Duration::from_nanos((256 - u64::from(priority.0)) * unit / 256)
}

/// The master-down interval: so many intervals in force as `down_timer_adverts` says, and the skew time.
#[must_use]
pub fn master_down(of: &Instance, priority: Priority, interval: Duration) -> Duration {
    let adverts = u64::from(of.protocol.down_timer_adverts);
    Duration::from_nanos(interval.as_nanos() * adverts) + skew(of.protocol.version, priority, interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfcs() {
        let second = Duration::from_secs(1);
        assert_eq!(skew(Version::V2, Priority(100), second * 3), Duration::from_nanos(609_375_000));
        assert_eq!(skew(Version::V3, Priority(100), second * 3), Duration::from_nanos(1_828_125_000));
        assert_eq!(skew(Version::V3, Priority::OWNER, second), Duration::from_nanos(3_906_250));
    }
}
