//! The contract of a state machine.

use std::collections::BTreeSet;

use base::Instant;
use engine::lvs::io::{OpId, RunId};

use super::{Checker, Found, View};
use crate::lvs::observe::{Asked, Seen, Turn, What};

/// **Contract** of [`base::Machine`] and of the balancer: after the drain that follows a timeout the next one is
/// later; a spurious timeout does nothing; no operation and no run has the number of another; what changes the
/// kernel comes before what tells of it; the table is read while no operation is under way, and none begins
/// before it has come; nothing comes after the end.
#[derive(Debug, Default)]
pub(super) struct Contract {
    timeout: bool,
    telling: bool,
    stopped: bool,
    operations: BTreeSet<OpId>,
    newest: Option<OpId>,
    runs: BTreeSet<RunId>,
    reading: bool,
}

impl Contract {
    fn asked(&mut self, asked: &Asked) -> Option<&'static str> {
        if self.stopped {
            return Some("an effect after the end");
        }
        match asked {
            Asked::Dump => {
                if std::mem::replace(&mut self.reading, true) {
                    return Some("the table is read twice at once");
                }
                if !self.operations.is_empty() {
                    return Some("the table is read while operations are under way");
                }
            }
            Asked::Kernel(op, _) => {
                if self.newest.is_some_and(|newest| newest >= *op) {
                    return Some("an operation with a number that was used");
                }
                self.newest = Some(*op);
                self.operations.insert(*op);
                if self.reading {
                    return Some("an operation begins while the table is read");
                }
            }
            Asked::Probe { run, .. } => {
                if !self.runs.insert(*run) {
                    return Some("a run with a number that was used");
                }
            }
            Asked::Cancel(_) => {}
            Asked::Stopped => {
                self.stopped = true;
                return None;
            }
            Asked::Notify(_) | Asked::Fifo(..) | Asked::Mail(_) | Asked::Event(_) => {
                self.telling = true;
                return None;
            }
        }
        self.telling.then_some("something is done after it was told of")
    }

    fn ended(&self, at: Instant, next: Option<Instant>) -> Option<&'static str> {
        if self.stopped {
            return next.is_some().then_some("a timer after the end");
        }
        (self.timeout && next.is_some_and(|next| next <= at)).then_some("a timer is due after all was done")
    }
}

impl Checker for Contract {
    fn see(&mut self, _: View<'_>, seen: &Seen, found: &mut Found) {
        let wrong = match &seen.what {
            What::Started(_) => {
                *self = Self::default();
                None
            }
            What::Turn(turn) => {
                (self.timeout, self.telling) = (matches!(turn, Turn::Timeout), false);
                match turn {
                    Turn::Table(_) => self.reading = false,
                    Turn::Done(op, _) => {
                        self.operations.remove(op);
                    }
                    _ => {}
                }
                None
            }
            What::Asked(asked) => self.asked(asked),
            What::TurnEnd { next } => self.ended(seen.at, *next),
            What::Spurious { moved: true } => Some("a spurious timeout did something"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            found.push("contract", seen.at, None, wrong);
        }
    }
}
