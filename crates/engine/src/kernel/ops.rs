//! Operations that wait for their answer, and when a failed one is tried again.

use std::collections::BTreeMap;

use base::Duration;

use super::desired::{Key, Owners};
use crate::io::{OpError, OpId, Operation};
use crate::timers::Timers;

/// The first retry comes that long after a failure; each further one after twice the time.
const FIRST_RETRY: Duration = Duration::from_millis(100);

/// The longest time between two tries.
const LONGEST_RETRY: Duration = Duration::from_secs(10);

/// An operation on its way.
#[derive(Debug)]
pub(crate) struct Pending {
    /// The object that it is about; `None` if nothing follows from its result.
    pub(crate) key: Option<Key>,
    /// Put in or taken away?
    pub(crate) adding: bool,
    /// Who wanted it.
    pub(crate) owners: Owners,
    /// What it is.
    pub(crate) operation: Operation,
    /// Failures before this one.
    pub(crate) failures: u32,
}

/// All operations on their way, and all that will be tried again.
#[derive(Debug, Default)]
pub(crate) struct Ops {
    pending: BTreeMap<OpId, Pending>,
    removals: usize,
    /// Objects whose operation failed.
    pub(crate) retries: Timers<Key>,
}

impl Ops {
    pub(crate) fn put(&mut self, op: OpId, pending: Pending) {
        self.removals += usize::from(!pending.adding);
        self.pending.insert(op, pending);
    }

    pub(crate) fn take(&mut self, op: OpId) -> Option<Pending> {
        let pending = self.pending.remove(&op)?;
        self.removals -= usize::from(!pending.adding);
        Some(pending)
    }

    /// Who wants what is on its way.
    pub(crate) fn owners_mut(&mut self) -> impl Iterator<Item = &mut Owners> {
        self.pending.values_mut().map(|pending| &mut pending.owners)
    }

    /// Operations without an answer.
    pub(crate) fn waiting(&self) -> usize {
        self.pending.len()
    }

    /// Removals without an answer.
    pub(crate) fn removals(&self) -> usize {
        self.removals
    }
}

/// How long to wait after `failures` failures in a row, the last one included.
pub(crate) fn backoff(failures: u32) -> Duration {
    let times = 1u64.checked_shl(failures.saturating_sub(1)).unwrap_or(u64::MAX);
    (FIRST_RETRY * times).min(LONGEST_RETRY)
}

/// Whether a failure is worth a word: the first, second, fourth, eighth, ...
pub(crate) fn is_notable(failures: u32) -> bool {
    failures.is_power_of_two()
}

/// Whether an error means that the kernel is as wanted already (`errno(3)` of Linux).
pub(crate) fn is_already_so(error: &OpError, adding: bool) -> bool {
    const ENOENT: i32 = 2;
    const ESRCH: i32 = 3;
    const ENXIO: i32 = 6;
    const EEXIST: i32 = 17;
    const ENODEV: i32 = 19;
    const EADDRNOTAVAIL: i32 = 99;
    match error.errno {
        EEXIST => adding,
        ENOENT | ESRCH | ENXIO | ENODEV | EADDRNOTAVAIL => !adding,
        _ => false,
    }
}
