//! Time in the world of a machine: how it passes, and what the contract of [`Machine`] says of it.

use std::fmt::Debug;

use base::{Duration, Instant, Machine};

use crate::bytes::Bytes;

/// How long may pass at once.
pub(crate) const SPANS: [Duration; 16] = [
    Duration::ZERO,
    Duration::from_micros(1),
    Duration::from_millis(1),
    Duration::from_millis(10),
    Duration::from_millis(39),
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(1_500),
    Duration::from_secs(3),
    Duration::from_micros(3_609_375),
    Duration::from_secs(4),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(100),
    Duration::from_secs(1_000),
];

/// When the world begins.
pub(crate) const BEGIN: Instant = Instant::from_nanos(1_000_000_000_000);

/// Whoever drives a machine.
pub(crate) trait Driver {
    /// What is driven.
    type Machine: Machine<Output: Debug>;

    /// The machine, and the time that it is.
    fn machine(&mut self) -> (&mut Self::Machine, &mut Instant);

    /// Has the machine do what is due now, and does what it then wants.
    fn turn(&mut self);

    /// When the machine wants to be asked next.
    fn next(&mut self) -> Option<Instant> {
        self.machine().0.poll_timeout()
    }

    /// Does what is due.
    fn timeout(&mut self) {
        self.turn();
        let (machine, now) = self.machine();
        let next = machine.poll_timeout();
        assert!(next.is_none_or(|at| at > *now), "{next:?} is due after all was done at {now:?}");
    }

    /// Nothing is due: asking for it again must do nothing.
    fn spurious(&mut self) {
        let (machine, now) = self.machine();
        let before = machine.poll_timeout();
        if before.is_some_and(|at| at <= *now) {
            return;
        }
        machine.handle_timeout(*now);
        let output = machine.poll_output();
        assert!(output.is_none(), "a spurious timeout brought {output:?}");
        assert_eq!(machine.poll_timeout(), before, "a spurious timeout moved the next one");
    }

    /// Time passes to the next deadline, if there is one and not `after` that.
    fn pass_to_next(&mut self, after: Option<Instant>) -> bool {
        let Some(at) = self.next().filter(|at| after.is_none_or(|end| *at <= end)) else { return false };
        let now = self.machine().1;
        *now = at.max(*now);
        self.timeout();
        true
    }

    /// Time passes, and each deadline is kept; of very many the last ones are late.
    fn pass(&mut self, span: Duration) {
        let end = *self.machine().1 + span;
        for _ in 0..64 {
            if !self.pass_to_next(Some(end)) {
                break;
            }
        }
        let rest = end.since(*self.machine().1);
        self.sleep(rest);
    }

    /// Time passes without us.
    fn sleep(&mut self, span: Duration) {
        *self.machine().1 += span;
        self.timeout();
    }

    /// Time passes in one of both ways.
    fn pass_or_sleep(&mut self, bytes: &mut Bytes<'_>) {
        let how = bytes.byte();
        let span = SPANS[usize::from(how % 16)];
        if how < 128 { self.pass(span) } else { self.sleep(span) }
    }
}
