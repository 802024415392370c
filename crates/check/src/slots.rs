//! Numbers of runs: none is ever given twice, and each leads back to its task without a search.

use alloc::vec::Vec;

use crate::config::TaskId;
use crate::io::RunId;

/// Where runs are numbered. The number of a run is that of a slot and how often the slot was used, so
/// that an answer which comes after its task has gone leads nowhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    uses: u32,
    task: Option<TaskId>,
}

impl Slots {
    /// A slot for a new task.
    pub(crate) fn take(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            let number = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
            self.slots.push(Slot::default());
            number
        })
    }

    /// All that will be taken for now have been.
    pub(crate) fn shrink_to_fit(&mut self) {
        self.slots.shrink_to_fit();
    }

    /// The task has gone.
    pub(crate) fn release(&mut self, slot: u32) {
        if let Some(place) = self.place(slot) {
            place.task = None;
            self.free.push(slot);
        }
    }

    /// The task of a slot has this id from now on.
    pub(crate) fn assign(&mut self, slot: u32, task: TaskId) {
        if let Some(place) = self.place(slot) {
            place.task = Some(task);
        }
    }

    fn place(&mut self, slot: u32) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(slot).ok()?)
    }

    /// The next number of a slot.
    pub(crate) fn next_run(&mut self, slot: u32) -> RunId {
        let number = u64::from(slot);
        let Some(place) = self.place(slot) else { return RunId(number) };
        place.uses = place.uses.wrapping_add(1);
        RunId(u64::from(place.uses) << 32 | number)
    }

    /// Whose slot it was that a run has its number from.
    pub(crate) fn task(&self, run: RunId) -> Option<TaskId> {
        let slot = usize::try_from(run.0 & u64::from(u32::MAX)).ok()?;
        self.slots.get(slot)?.task
    }
}
