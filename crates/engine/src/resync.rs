//! When everything that the kernel has is read: at the start, as soon as news are known to be lost, and now and
//! then, since they may be lost without a sign.
//!
//! What the clock asks for is only compared with what is known: as long as both agree nothing comes of it, not
//! even a look at one object. If they differ, news were lost, and everything is read once more as after any
//! loss: what happened between the two listings is no difference then.

use base::{Duration, Instant};

use crate::io::Effect;
use crate::out::Out;

/// A listing that lost news itself may never come. It is asked for again, but not more often than that: the kernel
/// may refuse it each time.
const PAUSE: Duration = Duration::from_millis(10);

/// What is asked for, and when.
#[derive(Debug)]
pub(crate) struct Resync {
    /// Since when a listing is on its way.
    asked: Option<Instant>,
    /// News were lost since then: it will be out of date when it comes, if it comes.
    stale: bool,
    /// The clock asked for it, and nobody told of a loss.
    look: bool,
    /// When the next one is due.
    due: Option<Instant>,
}

/// What a listing is good for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Use {
    /// It takes the place of what was known.
    Replace,
    /// It is compared with what is known.
    Compare,
}

impl Resync {
    /// The first listing comes by itself.
    pub(crate) const fn new(now: Instant) -> Self {
        Self { asked: Some(now), stale: false, look: false, due: None }
    }

    /// News were lost.
    pub(crate) fn lost(&mut self, now: Instant, out: &mut Out) {
        self.look = false;
        match self.asked.map(|asked| asked + PAUSE) {
            Some(again) if again > now => (self.stale, self.due) = (true, Some(again)),
            _ => self.ask(now, out),
        }
    }

    /// A listing came; `period` is `resync` of the configuration.
    pub(crate) fn came(&mut self, now: Instant, period: Duration, out: &mut Out) -> Use {
        let look = std::mem::take(&mut self.look);
        self.asked = None;
        self.due = None;
        if std::mem::take(&mut self.stale) {
            self.ask(now, out);
        } else {
            self.every(now, period);
        }
        if look { Use::Compare } else { Use::Replace }
    }

    /// From now on the clock asks in this `period`, or never if it is 0.
    pub(crate) fn every(&mut self, now: Instant, period: Duration) {
        if self.asked.is_none() {
            self.due = (!period.is_zero()).then(|| now + period);
        }
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.due
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut Out) {
        if self.due.is_some_and(|due| due <= now) {
            self.look = self.asked.is_none();
            self.ask(now, out);
        }
    }

    fn ask(&mut self, now: Instant, out: &mut Out) {
        (self.asked, self.stale, self.due) = (Some(now), false, None);
        out.push(Effect::Resync);
    }
}
