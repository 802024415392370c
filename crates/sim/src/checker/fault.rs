//! V14: FAULT if and only if something is wrong.

use vrrp::io::State;

use super::shadow::Shadows;
use super::vrrp::Rule;
use super::{Found, truth};
use crate::observe::{Observation, What};
use crate::process::Process;
use crate::world::World;

/// V14: an unweighted tracker that is down, or a required interface, address or socket that is missing,
/// means FAULT as soon as the process has heard of it (the turn after the news, sigma later at the latest),
/// for the whole group; FAULT is left as soon as all causes are clear. That nothing is sent then is V7.
pub(super) struct Faults;

impl Rule for Faults {
    fn see(&mut self, past: &Shadows, world: &World, seen: &Observation, found: &mut Found) {
        let (Some(id), What::Turn { .. }) = (seen.node, &seen.what) else { return };
        let Some(node) = past.node(id).filter(|n| n.touched && !n.stopping) else { return };
        if world.node(id).process.as_ref().is_none_or(|p| !Process::is_quiescent(p)) {
            return;
        }
        for (instance, shadow, of) in node.all() {
            if !matches!(shadow.state, State::Backup | State::Master | State::Fault) {
                continue;
            }
            let name = &of.protocol.name;
            match (truth::unit_faulty(world, id, node, instance), shadow.state == State::Fault) {
                (Some(true), false) => {
                    let text = format!("{name} is in {:?}, although something is wrong", shadow.state);
                    found.push("V14", seen.at, seen.node, text);
                }
                (Some(false), true) => {
                    let text = format!("{name} is in FAULT, although nothing is wrong");
                    found.push("V14", seen.at, seen.node, text);
                }
                _ => {}
            }
        }
    }
}
