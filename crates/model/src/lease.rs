//! The VIP lease: virtual addresses that the kernel removes by itself when nobody renews them.
//!
//! A daemon that is killed or frozen cannot take its addresses away. If they carry a lifetime (`IFA_CACHEINFO`)
//! that it renews, the kernel does, and it must have done so before any backup takes over:
//!
//! ```text
//! renewal + L + 0.98 s  <=  last advert + D * A + skew
//! ```
//!
//! - A renewal is made with an advert, right after it: `renewal <= last advert + delta`, where `delta` is the
//!   time that it takes to submit the renewals of one turn: 9 µs each, 20 ms for 2,000 addresses.
//! - `L` is the lifetime in whole seconds, which is all that the kernel knows.
//! - The kernel looks for lifetimes that are over at the end of the next one, rounded up to a whole second if
//!   that is less than 0.25 s later, but at least 1 s after its last look, and removes what is over in 0.02 s
//!   (`check_lifetime` in `net/ipv4/devinet.c`, `addrconf_verify_rtnl` in `net/ipv6/addrconf.c`). With one
//!   lifetime on the host, it ends at `L + 0.02` to `L + 0.31 s`; what others end or begin on the host can
//!   make that `L + 0.98 s`.
//! - `D * A + skew` is the shortest time that a backup waits: `A` the interval, `D` the adverts that may be
//!   missed, `skew` that of the highest priority ([`vrrp::timers::too_late`]).
//!
//! And a daemon that is healthy but late must not lose its addresses: the next renewal comes after `A`, so that
//! `L >= A + 0.5 s`. For A = 1 s and D = 3 this gives L = 2 s: 3.0 s <= 3.004 s, and a daemon that is held up
//! for a second keeps its addresses.

use base::Duration;
use vrrp::config::Instance;
use vrrp::timers;

/// The kernel removes an address at most that long after the end of its lifetime.
pub const OVERRUN: Duration = Duration::from_millis(980);

/// The renewals that belong to an advert have reached the kernel that long after it.
pub const SUBMITTED: Duration = Duration::from_millis(20);

/// A daemon that is late by this keeps its addresses.
pub const PATIENCE: Duration = Duration::from_millis(500);

/// Adverts that follow each other faster than this (the answers to others) renew only once.
pub const GAP: Duration = Duration::from_millis(250);

/// Without a word of the user, no more renewals in a second than this by all instances of a daemon.
pub const MOST_A_SECOND: u64 = 2_000;

/// The default is no lease for intervals below this, whatever the formula says.
pub const DEFAULT_FROM: Duration = Duration::from_secs(1);

const SECOND: u64 = 1_000_000_000;

/// The longest lifetime in seconds that has ended before any backup takes over; 0 if there is none.
#[must_use]
pub fn longest(instance: &Instance) -> u32 {
    let room = timers::too_late(instance).saturating_sub(OVERRUN + SUBMITTED);
    u32::try_from(room.as_secs()).unwrap_or(u32::MAX - 1)
}

/// The shortest lifetime in seconds that a daemon which is late by [`PATIENCE`] still renews in time.
#[must_use]
pub fn shortest(instance: &Instance) -> u32 {
    let least = instance.advert_interval.max(GAP) + PATIENCE;
    u32::try_from(least.as_nanos().div_ceil(SECOND)).unwrap_or(u32::MAX - 1)
}

/// The lifetime in seconds for an instance: the [`longest`]; `None` if that is less than the [`shortest`].
#[must_use]
pub fn lifetime(instance: &Instance) -> Option<u32> {
    Some(longest(instance)).filter(|lifetime| *lifetime >= shortest(instance))
}

/// How many renewals `addresses` leased addresses of an instance cost in 1,000 seconds.
#[must_use]
pub fn renewals(instance: &Instance, addresses: usize) -> u64 {
    let each = instance.advert_interval.max(GAP).as_millis().max(1);
    u64::try_from(addresses).unwrap_or(u64::MAX).saturating_mul(1_000_000) / each
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::tests::instance;
    use vrrp::config::Version;

    fn of(version: Version, interval: Duration, adverts: u8) -> Instance {
        let mut instance = instance("VI", 1, 100, &[1], &[], None).protocol;
        (instance.version, instance.advert_interval, instance.down_timer_adverts) =
            (version, interval, adverts);
        instance
    }

    #[test]
    fn the_lifetime_is_the_longest_that_ends_before_any_backup_takes_over() {
        let ms = Duration::from_millis;
        for (interval, adverts, expected) in [
            (ms(1_000), 3, Some(2)),
            (ms(2_000), 3, Some(5)),
            (ms(10_000), 3, Some(29)),
            (ms(1_000), 5, Some(4)),
            (ms(2_000), 2, Some(3)),
            // 0.5 s of patience are not left.
            (ms(1_000), 2, None),
            (ms(900), 3, None),
            (ms(100), 3, None),
            (ms(10_000), 1, None),
            (ms(500), 5, Some(1)),
        ] {
            for version in [Version::V2, Version::V3] {
                let instance = of(version, interval, adverts);
                assert_eq!(lifetime(&instance), expected, "{version:?} {interval} {adverts}");
            }
        }
    }

    #[test]
    fn no_lease_outlives_the_silence_that_a_backup_waits_for() {
        for millis in (10..=255_000).step_by(490) {
            for adverts in 1..10 {
                let instance = of(Version::V3, Duration::from_millis(millis), adverts);
                let Some(lifetime) = lifetime(&instance) else { continue };
                let gone = Duration::from_secs(lifetime.into()) + OVERRUN + SUBMITTED;
                assert!(gone <= timers::too_late(&instance), "{millis} ms, {adverts}: {lifetime} s");
                assert!(Duration::from_secs(lifetime.into()) >= instance.advert_interval + PATIENCE);
            }
        }
    }

    #[test]
    fn renewals_are_as_many_as_adverts_but_at_most_four_a_second() {
        assert_eq!(renewals(&of(Version::V2, Duration::from_secs(1), 3), 20), 20_000);
        assert_eq!(renewals(&of(Version::V3, Duration::from_millis(10), 3), 1), 4_000);
    }
}
