//! The times of checks: `virtual_server` hands its own down to real servers, and those to checks.

use base::Duration;

use crate::block::global_defs::{keyword, u32_of};
use crate::keyword::{Keyword, Kind, Range, SecondsRange};

/// What is set of the times; the rest is handed down.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Timing {
    pub(crate) delay_loop: Option<Duration>,
    pub(crate) delay_before_retry: Option<Duration>,
    pub(crate) warmup: Option<Duration>,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) retry: Option<u32>,
}

impl Timing {
    /// What is set here, else what is set there.
    pub(crate) fn or(&self, outer: &Self) -> Self {
        Self {
            delay_loop: self.delay_loop.or(outer.delay_loop),
            delay_before_retry: self.delay_before_retry.or(outer.delay_before_retry),
            warmup: self.warmup.or(outer.warmup),
            connect_timeout: self.connect_timeout.or(outer.connect_timeout),
            retry: self.retry.or(outer.retry),
        }
    }
}

/// Times that may be 0.
const WAIT: SecondsRange = SecondsRange::new(Duration::ZERO, Duration::MAX, 6);
/// Times that may not.
const PERIOD: SecondsRange = SecondsRange::new(Duration::from_micros(1), Duration::MAX, 6);
/// Timeouts, which keepalived counts in 32 bits of microseconds.
const TIMEOUT: SecondsRange =
    SecondsRange::new(Duration::from_micros(1), Duration::from_micros(u32::MAX as u64), 6);
const RETRIES: Range = Range::new(0, u32::MAX as i64, "");
const SOME_RETRIES: Range = Range::new(1, u32::MAX as i64, "");

/// Something with times.
pub(crate) trait Timed: Sized + 'static {
    fn timing(&mut self) -> &mut Timing;

    /// The times that every check knows.
    const TIMES: &'static [Keyword<Self>] = &[
        keyword!(
            "delay_loop",
            Kind::Seconds { range: PERIOD, set: |t, time| t.timing().delay_loop = Some(time) },
            "60",
            "time from one check to the next"
        ),
        keyword!(
            "delay_before_retry",
            Kind::Seconds { range: WAIT, set: |t, time| t.timing().delay_before_retry = Some(time) },
            "1; 3 for HTTP_GET and SSL_GET, delay_loop for DNS_CHECK",
            "time to the next check after a failure that is tolerated"
        ),
        keyword!(
            "warmup",
            Kind::Seconds { range: WAIT, set: |t, time| t.timing().warmup = Some(time) },
            "delay_loop",
            "the first check is delayed by a random time up to this"
        ),
    ];

    /// How long an answer is waited for.
    const CONNECT_TIMEOUT: &'static [Keyword<Self>] = &[keyword!(
        "connect_timeout",
        Kind::Seconds { range: TIMEOUT, set: |t, time| t.timing().connect_timeout = Some(time) },
        "5",
        "longest time of each step of a check"
    )];

    /// `retry` of a check.
    const RETRY: &'static [Keyword<Self>] = &[keyword!(
        "retry",
        Kind::Number { range: RETRIES, set: |t, n| t.timing().retry = Some(u32_of(n)) },
        "1; 3 for DNS_CHECK, 0 for MISC_CHECK",
        "failures in a row that are tolerated"
    )];

    /// `retry` as a default.
    const DEFAULT_RETRY: &'static [Keyword<Self>] = &[keyword!(
        "retry",
        Kind::Number { range: SOME_RETRIES, set: |t, n| t.timing().retry = Some(u32_of(n)) },
        "1; 3 for DNS_CHECK, 0 for MISC_CHECK",
        "failures in a row that checks tolerate"
    )];
}
