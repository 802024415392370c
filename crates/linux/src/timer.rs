//! One absolute deadline as a descriptor.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration as StdDuration;

use base::{Duration, Instant};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use crate::error::{Context, Result};

/// A timerfd on `CLOCK_MONOTONIC` with nanosecond resolution.
///
/// `poll` and `epoll` round to milliseconds and are subject to timer slack; at 10 ms adverts one
/// step of priority is 39 µs, so the deadline has to be a timer of its own. Arming it anew makes it
/// unreadable again, hence nobody needs to read it: a turn of the loop costs at most one system call.
#[derive(Debug)]
pub struct Timer {
    fd: TimerFd,
    armed: Option<Instant>,
    /// Whether the descriptor may be readable, in which case even disarming needs a call.
    fired: bool,
    /// Deadlines are rounded up to multiples of this many nanoseconds.
    grain: u64,
}

impl Timer {
    /// A timer that is not armed.
    pub fn new() -> Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let fd = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags).on("create", "timer")?;
        Ok(Self { fd, armed: None, fired: false, grain: 1 })
    }

    /// From the next [`Timer::set`] on, fires at multiples of `grain` only, hence up to that much late.
    ///
    /// A wake-up costs some 20 µs of CPU, sending an advert less than 1 µs: with hundreds of
    /// deadlines a grain of 50 µs lets those that are near each other share a wake-up.
    pub fn set_grain(&mut self, grain: Duration) {
        self.grain = grain.as_nanos().max(1);
        self.armed = None;
        self.fired = true;
    }

    /// Makes the descriptor readable at `deadline`, if there is one, and possibly also at a deadline
    /// that was set before and is over. So whoever waits must look at the clock.
    ///
    /// A timer that comes too early is left as it is, without a system call: the earliest deadline of
    /// a backup moves on with each advert that it hears, and one wake-up for nothing in each
    /// master-down interval costs less than a call for each advert. A deadline that has passed makes
    /// the descriptor readable at once.
    pub fn set(&mut self, deadline: Option<Instant>) -> Result<()> {
        let round = |at: Instant| at.as_nanos().checked_next_multiple_of(self.grain).unwrap_or(u64::MAX);
        let deadline = deadline.map(|at| Instant::from_nanos(round(at)));
        let comes_early = match (self.armed, deadline) {
            (None, wanted) => wanted.is_none(),
            (Some(armed), wanted) => wanted.is_none_or(|wanted| armed <= wanted),
        };
        if comes_early && !self.fired {
            return Ok(());
        }
        match deadline {
            Some(at) => {
                // All zero would disarm.
                let at = TimeSpec::from_duration(StdDuration::from_nanos(at.as_nanos().max(1)));
                self.fd
                    .set(Expiration::OneShot(at), TimerSetTimeFlags::TFD_TIMER_ABSTIME)
                    .on("arm", "timer")?;
            }
            None => self.fd.unset().on("disarm", "timer")?,
        }
        self.armed = deadline;
        self.fired = false;
        Ok(())
    }

    /// To be called when the descriptor was reported readable: the next [`Timer::set`] will then
    /// reach the kernel even if the deadline is the same.
    pub fn expired(&mut self) {
        self.fired = true;
    }
}

impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use crate::poll::{Interest, Poll};

    #[test]
    fn a_timer_fires_once_at_its_deadline_and_rearming_clears_it() {
        let mut poll = Poll::new().unwrap();
        let mut timer = Timer::new().unwrap();
        poll.add(&timer, 7, Interest::READ).unwrap();
        let deadline = clock::now() + Duration::from_millis(5);
        timer.set(Some(deadline)).unwrap();
        let ready = poll.wait(Some(Duration::from_secs(5))).unwrap();
        assert_eq!(ready.len(), 1);
        assert!(clock::now() >= deadline);
        timer.expired();
        timer.set(None).unwrap();
        assert!(poll.wait(Some(Duration::ZERO)).unwrap().is_empty());
        timer.set(Some(Instant::ZERO)).unwrap();
        assert_eq!(poll.wait(Some(Duration::from_secs(5))).unwrap().len(), 1);
    }

    #[test]
    fn a_deadline_may_move_both_ways_and_is_never_missed() {
        let mut poll = Poll::new().unwrap();
        let mut timer = Timer::new().unwrap();
        poll.add(&timer, 7, Interest::READ).unwrap();
        let begin = clock::now();
        let at = |ms| Some(begin + Duration::from_millis(ms));
        // Later: the early wake-up stays.
        timer.set(at(2)).unwrap();
        timer.set(at(8)).unwrap();
        assert_eq!(timer.armed, at(2));
        assert_eq!(poll.wait(Some(Duration::from_secs(5))).unwrap().len(), 1);
        timer.expired();
        timer.set(at(8)).unwrap();
        assert_eq!(poll.wait(Some(Duration::from_secs(5))).unwrap().len(), 1);
        assert!(clock::now() >= begin + Duration::from_millis(8));
        // Earlier: it is armed anew.
        timer.expired();
        timer.set(at(60_000)).unwrap();
        timer.set(at(10)).unwrap();
        assert_eq!(poll.wait(Some(Duration::from_secs(5))).unwrap().len(), 1);
        assert!(clock::now() < begin + Duration::from_secs(5));
    }

    #[test]
    fn near_deadlines_share_a_wake_up_if_there_is_a_grain() {
        let mut timer = Timer::new().unwrap();
        timer.set_grain(Duration::from_micros(50));
        for (at, fires) in [(1_000_000_001, 1_000_050_000), (1_000_049_999, 1_000_050_000), (50_000, 50_000)]
        {
            timer.set(Some(Instant::from_nanos(at))).unwrap();
            assert_eq!(timer.armed, Some(Instant::from_nanos(fires)));
        }
        timer.set(Some(Instant::from_nanos(u64::MAX))).unwrap();
        timer.set(None).unwrap();
    }
}
