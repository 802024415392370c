//! When to wake up for a deadline.

use base::{Duration, Instant};

/// After a sleep of this length the processor rests deeply and its caches hold other things. Adverts
/// that are nearer to each other than this keep both awake.
const LONG: Duration = Duration::from_millis(20);

/// How long before a far deadline the process wakes up. Longer than waking up takes on a virtual
/// machine, about 0.1 ms, and short enough for the second sleep to be a light one.
const LEAD: Duration = Duration::from_micros(250);

/// When the timer shall wake the process that has nothing to do from `now` on until `deadline`.
///
/// Waking up from a long sleep takes longer than waking up from a short one. So a far deadline is
/// approached in two steps: the first wake-up comes a little early and finds nothing to do, the second
/// one is punctual. It costs one more wake-up for each long sleep that ends with a deadline; a backup
/// that hears its master sleeps through none.
pub fn wake_at(deadline: Instant, now: Instant) -> Instant {
    if deadline.since(now) < LONG {
        return deadline;
    }
    // Instants have no difference but to an earlier one.
    Instant::ZERO + deadline.since(Instant::ZERO + LEAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Instant {
        Instant::ZERO + Duration::from_micros(micros)
    }

    #[test]
    fn a_far_deadline_is_approached_in_two_steps_and_met_exactly() {
        let deadline = at(3_609_375);
        let first = wake_at(deadline, at(0));
        assert_eq!(first, at(3_609_125));
        assert_eq!(wake_at(deadline, first), deadline);
    }

    #[test]
    fn a_near_or_past_deadline_has_no_first_step() {
        assert_eq!(wake_at(at(10_000), at(0)), at(10_000));
        assert_eq!(wake_at(at(10_000), at(50_000)), at(10_000));
    }
}
