//! The end: X4, K6.

use std::collections::BTreeSet;

use base::{Duration, Instant};
use engine::lvs::io::Operation;
use engine::lvs::table::ServiceKey;
use model::lvs::Flush;

use super::{Checker, Found, Rest, View};
use crate::lvs::fault::Fault;
use crate::lvs::kernel::Mood;
use crate::lvs::observe::{Asked, Seen, Turn, What};
use crate::lvs::shadow::table;

/// What the end may take.
const PATIENCE: Duration = Duration::from_secs(4);
/// The same if the kernel answers as fast as usual.
const QUICK: Duration = Duration::from_secs(1);

/// **X4** From any state the end comes within 4 s, and within 1 s if the kernel wasn't slow in this life. **K6** Nothing of ours is left then if the kernel did as it was
/// told; with `--dont-release-ipvs` services, servers and marks stay as they were, and no more than the timeouts
/// and the sync daemon end with us; `lvs_flush_on_stop` leaves nothing at all. Sync daemons and marks go, too.
#[derive(Debug, Default)]
pub(super) struct Stop {
    began: Option<Instant>,
    keep: bool,
    flush: Flush,
    /// What is ours.
    ours: BTreeSet<ServiceKey>,
    /// Both halves of the sync daemon are.
    sync: bool,
    /// Something failed that is not made up for yet.
    unclean: bool,
    stalled: Instant,
    /// The kernel is slow now, or was in this life.
    slow: bool,
    done: bool,
    read: bool,
}

impl Stop {
    fn judge(&self, view: View<'_>, at: Instant, found: &mut Found) {
        let there = &view.world.kernel.table.services;
        if self.keep || self.unclean || !self.read {
            return;
        }
        let left: Vec<_> = there.keys().filter(|key| self.ours.contains(key)).collect();
        if !left.is_empty() || self.flush == Flush::All && !there.is_empty() {
            found.push("K6", at, None, format!("left at the end: {left:?} of {}", there.len()));
        }
        let sync = self.sync && !view.world.kernel.sync.is_empty();
        if sync || view.world.kernel.marks.is_some() {
            found.push("K6", at, None, "the sync daemon or marks are left at the end");
        }
    }
}

fn is_slow(mood: Mood) -> bool {
    mood.slow > Duration::from_millis(1)
}

/// Whether it is about something that the kernel has only once, and that nobody's connections are lost with.
const fn is_once(operation: &Operation) -> bool {
    matches!(operation, Operation::SetTimeouts(_) | Operation::StopSync(..))
}

impl Checker for Stop {
    fn see(&mut self, view: View<'_>, seen: &Seen, found: &mut Found) {
        match &seen.what {
            What::Started(_) => {
                let slow = is_slow(view.world.kernel.mood);
                *self = Self { stalled: self.stalled, slow, ..Self::default() };
            }
            What::Fault(Fault::Mood(mood)) if is_slow(*mood) => (self.slow, self.unclean) = (true, true),
            What::Fault(Fault::Stall(time)) => self.stalled = self.stalled.max(seen.at + *time),
            What::Fault(Fault::Edit(_)) => self.unclean = true,
            What::Executed { ok: false, .. } | What::Dumped(false) => self.unclean = true,
            What::Dumped(true) => {
                self.read = true;
                self.unclean &= self.began.is_some();
            }
            What::Turn(Turn::Stop { keep }) if self.began.is_none() => {
                (self.began, self.keep) = (Some(seen.at), *keep);
                if let Some(model) = &view.shadow.model {
                    self.flush = model.lvs.settings.flush_on_stop;
                    self.sync = table::sync(model).is_some();
                    let named = table::named(model, view.shadow.marks());
                    self.ours = named.into_iter().map(|(key, _)| key).collect();
                }
                self.unclean |= is_slow(view.world.kernel.mood) || !view.world.is_quiescent();
            }
            What::Fault(Fault::Mood(_)) if self.began.is_some() => self.unclean = true,
            What::Asked(Asked::Kernel(_, operation)) if self.keep && !is_once(operation) => {
                found.push("K6", seen.at, None, format!("the table should stay: {operation:?}"));
            }
            What::Asked(Asked::Stopped) => {
                self.done = true;
                let patience = if self.slow { PATIENCE } else { QUICK };
                let by = self.began.map(|began| began.max(self.stalled) + patience);
                if by.is_none_or(|by| by < seen.at) {
                    found.push("X4", seen.at, None, "the end comes too late, or was not asked for");
                }
                self.judge(view, seen.at, found);
            }
            _ => {}
        }
    }

    fn at_rest(&mut self, view: View<'_>, rest: Rest, found: &mut Found) {
        if rest == Rest::Stopped && !self.done {
            found.push("X4", view.world.now(), None, "it does not end");
        }
    }
}
