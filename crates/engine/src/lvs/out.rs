//! Where effects wait until they are polled.

use std::collections::VecDeque;

use base::Duration;

use super::io::{Effect, OpId, Operation};
use super::news::Event;

/// So many effects of a turn are nothing unusual.
const USUAL: usize = 256;

/// The effects of a turn, in order, and the source of operation numbers.
#[derive(Debug, Default)]
pub(super) struct Out {
    /// What changes the kernel, and all else but what follows.
    first: VecDeque<Effect>,
    /// What tells of it.
    last: VecDeque<Effect>,
    operations: u64,
    /// The most that a script may take from now on.
    pub(super) script_limit: Option<Duration>,
}

impl Out {
    pub(super) fn push(&mut self, effect: Effect) {
        self.first.push_back(effect);
    }

    /// Comes after all else of the turn.
    pub(super) fn tell(&mut self, effect: Effect) {
        self.last.push_back(effect);
    }

    pub(super) fn event(&mut self, event: Event) {
        self.last.push_back(Effect::Event(event));
    }

    /// Has the kernel changed; the number of the operation is one that none had before.
    pub(super) fn operation(&mut self, operation: Operation) -> OpId {
        self.operations += 1;
        let op = OpId(self.operations);
        self.first.push_back(Effect::Kernel { op, operation });
        op
    }

    pub(super) fn pop(&mut self) -> Option<Effect> {
        let effect = self.first.pop_front().or_else(|| self.last.pop_front());
        if effect.is_none() {
            // After a flood: at the start, or when everything fails at once.
            self.first.shrink_to(USUAL);
            self.last.shrink_to(USUAL);
        }
        effect
    }
}
