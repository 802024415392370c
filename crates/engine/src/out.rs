//! Where effects wait until they are polled.

use std::collections::VecDeque;

use crate::io::{Effect, Event, OpId};

/// The effects of a turn, in order, and the source of operation numbers.
#[derive(Debug, Default)]
pub(crate) struct Out {
    queue: VecDeque<Effect>,
    operations: u64,
}

impl Out {
    pub(crate) fn push(&mut self, effect: Effect) {
        self.queue.push_back(effect);
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.queue.push_back(Effect::Event(event));
    }

    /// A number that no operation had before.
    pub(crate) fn operation(&mut self) -> OpId {
        self.operations += 1;
        OpId(self.operations)
    }

    pub(crate) fn pop(&mut self) -> Option<Effect> {
        self.queue.pop_front()
    }
}
