//! How late things happen: a histogram that costs nothing to feed.

use base::Duration;

use crate::ipc::Lateness;

/// Buckets for each power of two of nanoseconds: the error of a quantile is below 1/4.
const FINE: usize = 4;
const BUCKETS: usize = 40 * FINE;

/// Durations, counted in buckets that grow with them. Fixed size, no allocation after the start.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Box<[u32; BUCKETS]>,
    total: u64,
    max: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: Box::new([0; BUCKETS]), total: 0, max: Duration::ZERO }
    }
}

impl Histogram {
    /// Counts `d`.
    pub fn record(&mut self, d: Duration) {
        if let Some(count) = self.counts.get_mut(bucket(d)) {
            *count = count.saturating_add(1);
        }
        self.total += 1;
        self.max = self.max.max(d);
    }

    /// The summary.
    pub fn summary(&self) -> Lateness {
        let quantile = |num: u64, den: u64| {
            let rank = (self.total * num).div_ceil(den);
            let mut seen = 0;
            let at = self.counts.iter().position(|&c| {
                seen += u64::from(c);
                seen >= rank
            });
            at.map_or(self.max, |i| upper(i).min(self.max))
        };
        if self.total == 0 {
            return Lateness::default();
        }
        Lateness { count: self.total, median: quantile(1, 2), p99: quantile(99, 100), max: self.max }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Bucket `i` holds what is below `upper(i)` and not in an earlier one.
fn bucket(d: Duration) -> usize {
    let n = d.as_nanos().max(1);
    let power = n.ilog2();
    let fraction = if power >= 2 { (n >> (power - 2)) & 3 } else { 0 };
    let i = usize::try_from(power).unwrap_or(0) * FINE + usize::try_from(fraction).unwrap_or(0);
    i.min(BUCKETS - 1)
}

fn upper(i: usize) -> Duration {
    let (power, fraction) = (i / FINE, u64::try_from(i % FINE).unwrap_or(0));
    let base = 1_u64 << power;
    Duration::from_nanos(base + (base >> 2) * (fraction + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_near_the_truth_and_never_above_the_largest() {
        let mut h = Histogram::default();
        for n in 1..=1000 {
            h.record(Duration::from_micros(n));
        }
        let s = h.summary();
        let near = |d: Duration, us: u64| d.as_micros() >= us && d.as_micros() <= us + us / 4 + 1;
        assert!(near(s.median, 500) && near(s.p99, 990), "{s:?}");
        assert_eq!((s.count, s.max), (1000, Duration::from_millis(1)));
    }

    #[test]
    fn extremes_have_a_place() {
        let mut h = Histogram::default();
        assert_eq!(h.summary(), Lateness::default());
        h.record(Duration::ZERO);
        h.record(Duration::MAX);
        assert_eq!(h.summary().max, Duration::MAX);
        h.clear();
        assert_eq!(h.summary().count, 0);
    }
}
