//! Runs of checks: Q5's pace, Q6, Q7.

use base::Instant;

use super::{Checker, Found, Rest, View};
use crate::lvs::fault::Fault;
use crate::lvs::observe::{Seen, What};
use crate::lvs::shadow::Phase;

/// **Q5** (pace) A check begins when it is due: `delay_loop` after the last answer, `delay_before_retry` after a
/// failure that is tolerated, a command after its begin; the first time within its warm-up; never earlier, and
/// never later than the turn that is due.
///
/// **Q6** No check runs twice at the same time; urls are asked in turn.
///
/// **Q7** A run of a check that a reload took away, or that rests, is told to end, and means nothing; no other run
/// is. (That its answer means nothing shows in what is told and wanted.)
#[derive(Debug, Default)]
pub(super) struct Runs {
    /// It was not scheduled up to then: what comes from outside goes before timers.
    stalled: Instant,
}

impl Runs {
    fn late(&self, view: View<'_>, seen: &Seen, found: &mut Found) {
        if view.shadow.phase != Phase::Running || seen.at <= self.stalled {
            return;
        }
        for task in view.shadow.tasks.values() {
            let waits = task.awake && task.run.is_none();
            if waits && task.due.is_some_and(|(_, to)| to < seen.at) {
                let text = format!("due at {:?} and not begun: {:?}", task.due, task.key);
                found.push("Q5", seen.at, None, text);
            }
        }
    }
}

impl Checker for Runs {
    fn see(&mut self, view: View<'_>, seen: &Seen, found: &mut Found) {
        let complaints = |found: &mut Found| {
            for (rule, text) in &view.shadow.complaints {
                found.push(rule, seen.at, None, text.clone());
            }
        };
        match &seen.what {
            What::Fault(Fault::Stall(time)) => self.stalled = self.stalled.max(seen.at + *time),
            What::TurnEnd { .. } => {
                complaints(found);
                if !view.shadow.to_cancel.is_empty() {
                    let text = format!("runs that mean nothing go on: {:?}", view.shadow.to_cancel);
                    found.push("Q7", seen.at, None, text);
                }
                self.late(view, seen, found);
            }
            _ => {}
        }
    }

    fn at_rest(&mut self, view: View<'_>, rest: Rest, found: &mut Found) {
        if rest == Rest::Healed && !view.shadow.orphans.is_empty() {
            let text = format!("runs that never ended: {:?}", view.shadow.orphans);
            found.push("Q6", view.world.now(), None, text);
        }
    }
}
