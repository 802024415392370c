//! Reloads: R1, R3.

use std::sync::Arc;

use base::Instant;
use engine::lvs::news::Event;
use model::Model;

use super::{Checker, Found, View};
use crate::lvs::observe::{Asked, Seen, Turn, What};

/// **R1** `reload(same)`: nothing is written, started, ended or told but that it happened, and no timer moves.
///
/// **R3** What comes into force was ordered, and is in force after the turn.
#[derive(Debug, Default)]
pub(super) struct Reload {
    /// The turn is a reload of the same: when the next timer was before it.
    same: Option<Option<Instant>>,
    /// What was ordered in this turn, and whether it was told of.
    ordered: Option<(Arc<Model>, bool)>,
    before: Option<Arc<Model>>,
    next: Option<Instant>,
    begun: bool,
}

impl Checker for Reload {
    fn see(&mut self, view: View<'_>, seen: &Seen, found: &mut Found) {
        let mut wrong = |property, text: String| found.push(property, seen.at, None, text);
        match &seen.what {
            What::Started(model) => {
                *self = Self { before: Some(model.clone()), ..Self::default() };
            }
            What::Turn(Turn::Reload(model)) => {
                let same = self.before.as_ref().is_some_and(|before| before.lvs == model.lvs);
                let running = view.shadow.phase == crate::lvs::shadow::Phase::Running;
                self.same = (same && running && self.begun).then_some(self.next);
                self.ordered = Some((model.clone(), false));
            }
            What::Turn(_) => (self.same, self.ordered) = (None, None),
            What::Asked(Asked::Event(Event::Reloaded)) => match &mut self.ordered {
                Some((_, told)) if !*told => *told = true,
                _ => wrong("R3", "a configuration comes into force that nobody ordered".into()),
            },
            What::Asked(asked) if self.same.is_some() => {
                wrong("R1", format!("a reload of the same does this: {asked:?}"));
            }
            What::TurnEnd { next } => {
                self.begun = true;
                if self.same.is_some_and(|before| before != *next) {
                    wrong("R1", format!("a reload of the same moves a timer: {:?} to {next:?}", self.same));
                }
                self.next = *next;
                if let Some((model, told)) = self.ordered.take() {
                    let in_force = view.world.model().is_some_and(|is| Arc::ptr_eq(is, &model));
                    let running = view.shadow.phase == crate::lvs::shadow::Phase::Running;
                    if running && !(told && in_force) {
                        wrong("R3", "what was ordered is not in force".into());
                    }
                    if running {
                        self.before = Some(model);
                    }
                }
                self.same = None;
            }
            _ => {}
        }
    }
}
