//! The contract of [`base::Machine`] and of [`engine::io::Effect`], and who may send at all.

use vrrp::io::State;

use super::{Checker, Found};
use crate::cluster::state_of;
use crate::observe::{Observation, What};
use crate::world::World;

/// The world itself notices a broken contract; here it becomes a violation. An advert with a priority above 0
/// comes only from a MASTER (RFC 9568 section 6.4.3).
#[derive(Debug)]
pub(super) struct Contract;

impl Checker for Contract {
    fn see(&mut self, world: &World, seen: &Observation, found: &mut Found) {
        match &seen.what {
            What::Broken(text) => found.push("contract", seen.at, seen.node, text.clone()),
            What::Advert(advert) if advert.priority.0 > 0 => {
                let (Some(node), Some(id)) = (seen.node, advert.instance) else { return };
                let state = state_of(world, node, id);
                if !matches!(state, Some(State::Master) | None) {
                    let text = format!("an advert of priority {} is sent in {state:?}", advert.priority.0);
                    found.push("V7", seen.at, seen.node, text);
                }
            }
            _ => {}
        }
    }
}
