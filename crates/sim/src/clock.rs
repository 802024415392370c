//! The clock of a node: it may start anywhere, run too fast or too slow, and stand still.

use base::Instant;

/// A million: rates are told in parts of it.
const MILLION: u128 = 1_000_000;

/// A monotonic clock against the time of the world.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Clock {
    /// When its course last changed, in the time of the world, and what it showed then.
    origin: (Instant, Instant),
    /// Its nanoseconds per million nanoseconds of the world.
    rate: u32,
    stopped: bool,
}

impl Clock {
    /// A clock that shows `local` at `world` and runs `ppm` parts in a million too fast (or too slow).
    #[must_use]
    pub fn new(world: Instant, local: Instant, ppm: i32) -> Self {
        Self { origin: (world, local), rate: rate(ppm), stopped: false }
    }

    /// What it shows at `world`.
    #[must_use]
    pub fn local(&self, world: Instant) -> Instant {
        if self.stopped {
            return self.origin.1;
        }
        let passed = u128::from(world.since(self.origin.0).as_nanos());
        let shown = u128::from(self.origin.1.as_nanos()) + passed * u128::from(self.rate) / MILLION;
        Instant::from_nanos(u64::try_from(shown).unwrap_or(u64::MAX))
    }

    /// The first instant of the world at which it shows `local` or more; `None` while it stands still.
    #[must_use]
    pub fn world(&self, local: Instant) -> Option<Instant> {
        if self.stopped {
            return None;
        }
        let to_pass = u128::from(local.since(self.origin.1).as_nanos()) * MILLION;
        let at = u128::from(self.origin.0.as_nanos()) + to_pass.div_ceil(u128::from(self.rate));
        Some(Instant::from_nanos(u64::try_from(at).unwrap_or(u64::MAX)))
    }

    /// It stands still from `world` on.
    pub fn stop(&mut self, world: Instant) {
        self.origin = (world, self.local(world));
        self.stopped = true;
    }

    /// It goes on at `world`.
    pub fn go(&mut self, world: Instant) {
        self.origin = (world, self.local(world));
        self.stopped = false;
    }

    /// It runs at another rate from `world` on.
    pub fn set_rate(&mut self, world: Instant, ppm: i32) {
        self.origin = (world, self.local(world));
        self.rate = rate(ppm);
    }
}

/// `ppm` too fast; a clock that stands still or runs backwards has no rate.
fn rate(ppm: i32) -> u32 {
    u32::try_from(1_000_000_i64 + i64::from(ppm)).unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Duration;

    #[test]
    fn a_deadline_is_never_reached_too_early_and_at_most_a_nanosecond_too_late() {
        for ppm in [-500, -1, 0, 3, 100_000] {
            let clock = Clock::new(Instant::from_nanos(17), Instant::from_nanos(1_000), ppm);
            for n in [1_000, 1_001, 3_609_375_000, 86_400_000_000_000] {
                let deadline = Instant::from_nanos(n);
                let at = clock.world(deadline).unwrap();
                assert!(clock.local(at) >= deadline, "{ppm} ppm, {n}");
                let before = Instant::from_nanos(at.as_nanos().saturating_sub(1));
                assert!(at == Instant::from_nanos(17) || clock.local(before) < deadline, "{ppm} ppm, {n}");
            }
        }
    }

    #[test]
    fn a_clock_that_stood_still_goes_on_where_it_was() {
        let second = Duration::from_secs(1);
        let start = Instant::from_nanos(0);
        let mut clock = Clock::new(start, start, 0);
        clock.stop(start + second);
        assert_eq!(clock.local(start + second + second), start + second);
        assert_eq!(clock.world(start + second + second), None);
        clock.go(start + second + second);
        assert_eq!(clock.local(start + second + second + second), start + second + second);
    }
}
