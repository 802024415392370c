//! When a child that died is started again.

use base::Duration;

/// The delays before restarts: none, then 1, 2, 4 .. 60 s while the child keeps dying young.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Backoff {
    next: Duration,
}

impl Backoff {
    /// A child that ran this long has proved itself; it is also the longest delay.
    const LIMIT: Duration = Duration::from_secs(60);

    /// The delay before the next start of a child that ran for `ran`.
    pub fn died(&mut self, ran: Duration) -> Duration {
        if ran >= Self::LIMIT {
            self.next = Duration::ZERO;
        }
        let delay = self.next;
        self.next = if delay.is_zero() { Duration::from_secs(1) } else { (delay * 2).min(Self::LIMIT) };
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_to_a_minute_and_a_long_life_resets_them() {
        let mut b = Backoff::default();
        let mut died = |secs| b.died(Duration::from_secs(secs)).as_secs();
        let delays: Vec<_> = (0..9).map(|_| died(1)).collect();
        assert_eq!(delays, [0, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!((died(60), died(59)), (0, 1));
    }
}
