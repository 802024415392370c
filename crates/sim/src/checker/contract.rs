//! The contract of [`base::Machine`] and of [`engine::io::Effect`].

use super::{Checker, Found};
use crate::observe::{Observation, What};
use crate::world::World;

/// The world itself notices a broken contract; here it becomes a violation.
#[derive(Debug)]
pub(super) struct Contract;

impl Checker for Contract {
    fn see(&mut self, _: &World, seen: &Observation, found: &mut Found) {
        if let What::Broken(text) = &seen.what {
            found.push("contract", seen.at, seen.node, text.clone());
        }
    }
}
