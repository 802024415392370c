//! What must hold in a world of load balancing: each property of the design as a checker that watches.
//!
//! A [`Checker`] sees everything in order, and beside it what must be known by the rules alone (the
//! [`Shadow`]) and what the balancer has said ([`Told`]). The names (Q1, K7, ...) are those of the design's
//! list of invariants; each checker cites its formula.

mod bounds;
mod contract;
mod destinations;
mod reload;
mod runs;
mod stop;
mod table;
mod told;
mod verdicts;

use base::Instant;

pub use crate::checker::{Found, Violation};
use crate::lvs::observe::Seen;
use crate::lvs::shadow::Shadow;
use crate::lvs::world::World;
pub use told::Told;

/// Where a run stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rest {
    /// All faults have ended, and every bound has passed since.
    Healed,
    /// Since then nothing happened for longer than the period of the resync.
    Quiet,
    /// The daemon was told to reload what it has.
    Reloaded,
    /// Reloads of something else are over.
    Back,
    /// It was told to stop, and had the time for it.
    Stopped,
}

/// What a checker may look at.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The world, as it is after the whole step.
    pub world: &'a World,
    /// What must be known.
    pub shadow: &'a Shadow,
    /// What was said.
    pub told: &'a Told,
}

/// Watches for one property, or a few that go together.
pub trait Checker {
    /// Something happened.
    fn see(&mut self, view: View<'_>, seen: &Seen, found: &mut Found);

    /// A point of rest was reached.
    fn at_rest(&mut self, view: View<'_>, rest: Rest, found: &mut Found) {
        let _ = (view, rest, found);
    }
}

/// All checkers, watching one world.
pub struct Judge {
    shadow: Shadow,
    told: Told,
    checkers: Vec<Box<dyn Checker>>,
    found: Found,
    buffer: Vec<Seen>,
}

impl Default for Judge {
    fn default() -> Self {
        Self::new()
    }
}

impl Judge {
    /// Every checker that there is, for a world in which nothing has happened.
    #[must_use]
    pub fn new() -> Self {
        let checkers: Vec<Box<dyn Checker>> = vec![
            Box::new(contract::Contract::default()),
            Box::new(runs::Runs::default()),
            Box::new(verdicts::Verdicts::default()),
            Box::new(bounds::Bounds::default()),
            Box::new(table::Table::default()),
            Box::new(destinations::Destinations::default()),
            Box::new(reload::Reload::default()),
            Box::new(stop::Stop::default()),
        ];
        Self {
            shadow: Shadow::default(),
            told: Told::default(),
            checkers,
            found: Found::default(),
            buffer: Vec::new(),
        }
    }

    /// Lets the world go on up to `until` and watches it. Ends early at the first violation; whether there
    /// was none. `show` is handed everything that happens.
    pub fn watch(&mut self, world: &mut World, until: Instant, mut show: impl FnMut(&Seen)) -> bool {
        while self.found.0.is_empty() {
            let more = world.step(until);
            let mut buffer = std::mem::take(&mut self.buffer);
            world.observed_into(&mut buffer);
            for seen in &buffer {
                show(seen);
                self.see(world, seen);
            }
            self.buffer = buffer;
            if !more {
                break;
            }
        }
        self.found.0.is_empty()
    }

    /// Something happened, in `world` or in a story that is told of it.
    pub fn see(&mut self, world: &World, seen: &Seen) {
        self.shadow.see(seen);
        self.told.see(&self.shadow, seen);
        let view = View { world, shadow: &self.shadow, told: &self.told };
        for checker in &mut self.checkers {
            checker.see(view, seen, &mut self.found);
        }
    }

    /// A point of rest was reached; whether everything holds.
    pub fn rest(&mut self, world: &World, rest: Rest) -> bool {
        let view = View { world, shadow: &self.shadow, told: &self.told };
        for checker in &mut self.checkers {
            checker.at_rest(view, rest, &mut self.found);
        }
        self.found.0.is_empty()
    }

    /// What must be known.
    #[must_use]
    pub const fn shadow(&self) -> &Shadow {
        &self.shadow
    }

    /// What was found.
    #[must_use]
    pub fn found(&self) -> &[Violation] {
        &self.found.0
    }
}
