//! Nobody is left without a destination: Q4.

use std::collections::{BTreeMap, BTreeSet};

use base::Instant;
use engine::lvs::io::{OpId, Operation};
use engine::lvs::table::{ServerKey, ServiceKey, Table};

use super::{Checker, Found, View};
use crate::lvs::fault::Fault;
use crate::lvs::observe::{Asked, Seen, Turn, What};
use crate::lvs::shadow::Phase;

/// **Q4** At no instant of the kernel's history does an operation take the last server that gets connections out of
/// a service which, when the operation was asked for, had one on either side. Somebody who edits the table can
/// make that happen until it is read again.
///
/// In a turn all that takes something from the servers of a service is asked for after all that gives: make before
/// break, so that those who stay don't get the share of the others meanwhile.
#[derive(Debug, Default)]
pub(super) struct Destinations {
    /// Operations of this turn.
    asked: Vec<(OpId, Operation)>,
    /// Operations under way that must not take the last one out.
    held: BTreeSet<OpId>,
    edited: Instant,
    read: Instant,
    believed: Instant,
    /// When an operation last failed: what is there is not what is believed until the table is read.
    failed: Instant,
}

/// Whether an operation gives something to a server (`true`), or takes something from it, as the table is.
fn gives(table: &Table, operation: &Operation) -> Option<(ServiceKey, bool)> {
    let weight = |key: &ServiceKey, server: &ServerKey| {
        Some(table.services.get(key)?.servers.get(server)?.weight).filter(|weight| *weight > 0)
    };
    match operation {
        Operation::AddServer(key, _, settings) => (settings.weight > 0).then_some((*key, true)),
        Operation::EditServer(key, server, settings) => {
            let there = weight(key, server).unwrap_or(0);
            (settings.weight != there).then_some((*key, settings.weight > there))
        }
        Operation::DelServer(key, server) => weight(key, server).map(|_| (*key, false)),
        _ => None,
    }
}

impl Destinations {
    fn order(&self, view: View<'_>, at: Instant, found: &mut Found) {
        let flushed = self.asked.iter().any(|(_, operation)| *operation == Operation::Flush);
        if flushed || self.believed <= self.edited || self.believed <= self.failed {
            return;
        }
        let mut taken: BTreeMap<ServiceKey, &Operation> = BTreeMap::new();
        for (_, operation) in &self.asked {
            match gives(&view.world.kernel.table, operation) {
                Some((key, false)) => {
                    taken.insert(key, operation);
                }
                Some((key, true)) => {
                    if let Some(taken) = taken.get(&key) {
                        found.push("Q4", at, None, format!("{taken:?} comes before {operation:?}"));
                    }
                }
                None => {}
            }
        }
    }
}

impl Checker for Destinations {
    fn see(&mut self, view: View<'_>, seen: &Seen, found: &mut Found) {
        match &seen.what {
            What::Started(_) => {
                self.held.clear();
                (self.believed, self.failed) = (Instant::ZERO, Instant::ZERO);
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
                self.order(view, seen.at, found);
                for (op, operation) in std::mem::take(&mut self.asked) {
                    if !matches!(operation, Operation::EditServer(..) | Operation::DelServer(..)) {
                        continue;
                    }
                    let wanted = operation.service().and_then(|key| view.shadow.wanted().get(key));
                    let serves =
                        wanted.is_some_and(|(_, servers)| servers.values().any(|server| server.weight > 0));
                    if serves && self.believed > self.edited {
                        self.held.insert(op);
                    }
                }
            }
            What::Executed { op, operation, serving: (before, after), ok, .. } => {
                if !ok {
                    self.failed = seen.at;
                }
                let held = self.held.remove(op);
                if held && *before > 0 && *after == 0 && self.believed > self.edited {
                    found.push("Q4", seen.at, None, format!("nobody serves after {operation:?}"));
                }
            }
            _ => {}
        }
    }
}
