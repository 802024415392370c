//! V4: no false takeover.

use vrrp::io::State;

use super::Found;
use super::shadow::{Shadows, Why};
use super::vrrp::{Rule, Transition};
use crate::observe::Observation;
use crate::world::World;

/// V4: a backup does not leave BACKUP while the gaps between accepted adverts are below
/// T = D * A^ + S, with the interval A^ and the priority in force; nor within T of entering it. Only who
/// owns the addresses begins as a master, and who joins a group of masters.
pub(super) struct FalseTakeover;

impl Rule for FalseTakeover {
    fn see(&mut self, past: &Shadows, world: &World, seen: &Observation, found: &mut Found) {
        let Some(transition) = Transition::of(past, world, seen) else { return };
        let Transition { shadow, of, to, .. } = &transition;
        let ordinary = matches!(shadow.wait.why, Why::Entered | Why::Listens | Why::Heard);
        if ordinary && transition.is_early() {
            found.push("V4", seen.at, seen.node, transition.text("too early"));
        }
        let begins = matches!(shadow.state, State::Init | State::Fault) && *to == State::Master;
        let owns = of.protocol.priority.is_owner() && of.protocol.wants_master;
        if begins && !owns && !shadow.grouped {
            found.push("V4", seen.at, seen.node, transition.text("it does not own the addresses"));
        }
    }
}
