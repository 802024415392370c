//! Numbers of runs: none is ever given twice, and each leads back to its task without a search.

use alloc::vec::Vec;

use crate::config::TaskId;
use crate::io::RunId;

/// Where runs are numbered. The number of a run is that of a slot and how often the slot was used, so
/// that an answer which comes after its task has gone leads nowhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slots {
    slots: Vec<Slot>,
    free: Vec<usize>,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    uses: u32,
    task: Option<TaskId>,
}

impl Slots {
    /// A slot for a new task.
    pub(crate) fn take(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() - 1
        })
    }

    /// The task has gone.
    pub(crate) fn release(&mut self, slot: usize) {
        if let Some(place) = self.slots.get_mut(slot) {
            place.task = None;
            self.free.push(slot);
        }
    }

    /// The task of a slot has this id from now on.
    pub(crate) fn assign(&mut self, slot: usize, task: TaskId) {
        if let Some(place) = self.slots.get_mut(slot) {
            place.task = Some(task);
        }
    }

    /// The next number of a slot.
    pub(crate) fn next_run(&mut self, slot: usize) -> RunId {
        let number = u64::try_from(slot).unwrap_or(u64::MAX) & u64::from(u32::MAX);
        let Some(place) = self.slots.get_mut(slot) else { return RunId(number) };
        place.uses = place.uses.wrapping_add(1);
        RunId(u64::from(place.uses) << 32 | number)
    }

    /// Whose slot it was that a run has its number from.
    pub(crate) fn task(&self, run: RunId) -> Option<TaskId> {
        let slot = usize::try_from(run.0 & u64::from(u32::MAX)).ok()?;
        self.slots.get(slot)?.task
    }
}
