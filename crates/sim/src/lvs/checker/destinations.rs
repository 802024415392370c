//! Nobody is left without a destination: Q4.

use std::collections::BTreeSet;

use base::Instant;
use engine::lvs::io::{OpId, Operation};

use super::{Checker, Found, View};
use crate::lvs::fault::Fault;
use crate::lvs::kernel::service_of;
use crate::lvs::observe::{Asked, Seen, Turn, What};
use crate::lvs::shadow::Phase;

/// **Q4** At no instant of the kernel's history does an operation take the last server that gets connections out of
/// a service which, when the operation was asked for, had one on either side. Somebody who edits the table can
/// make that happen until it is read again.
#[derive(Debug, Default)]
pub(super) struct Destinations {
    /// Operations of this turn.
    asked: Vec<(OpId, Operation)>,
    /// Operations under way that must not take the last one out.
    held: BTreeSet<OpId>,
    edited: Instant,
    read: Instant,
    believed: Instant,
}

impl Checker for Destinations {
    fn see(&mut self, view: View<'_>, seen: &Seen, found: &mut Found) {
        match &seen.what {
            What::Started(_) => {
                self.held.clear();
                self.believed = Instant::ZERO;
            }
            What::Fault(Fault::Edit(_)) => self.edited = seen.at,
            What::Dumped(true) => self.read = seen.at,
            What::Turn(turn) => {
                self.asked.clear();
                if matches!(turn, Turn::Table(true)) {
                    self.believed = self.read;
                }
            }
            What::Asked(Asked::Kernel(op, operation)) => self.asked.push((*op, operation.clone())),
            What::TurnEnd { .. } if view.shadow.phase == Phase::Running => {
                for (op, operation) in std::mem::take(&mut self.asked) {
                    if !matches!(operation, Operation::EditServer(..) | Operation::DelServer(..)) {
                        continue;
                    }
                    let wanted = service_of(&operation).and_then(|key| view.shadow.wanted().get(key));
                    let serves =
                        wanted.is_some_and(|(_, servers)| servers.values().any(|server| server.weight > 0));
                    if serves && self.believed > self.edited {
                        self.held.insert(op);
                    }
                }
            }
            What::Executed { op, operation, serving: (before, after), .. } => {
                let held = self.held.remove(op);
                if held && *before > 0 && *after == 0 && self.believed > self.edited {
                    found.push("Q4", seen.at, None, format!("nobody serves after {operation:?}"));
                }
            }
            _ => {}
        }
    }
}
