//! V13: the arithmetic of priorities.

use vrrp::io::State;

use super::shadow::Shadows;
use super::vrrp::Rule;
use super::{Found, truth};
use crate::observe::{Observation, What};
use crate::process::Process;
use crate::world::World;

/// V13: P_i = 255 if owner (254 while it makes room for another one), else clamp(base + sum of weights, 1,
/// 254), equal to a computation from scratch whenever nothing waits to be heard; and that is what adverts
/// say.
pub(super) struct Priorities;

impl Rule for Priorities {
    fn see(&mut self, past: &Shadows, world: &World, seen: &Observation, found: &mut Found) {
        let Some(id) = seen.node else { return };
        let Some(node) = past.node(id) else { return };
        match &seen.what {
            What::Turn { .. } if node.touched && !node.stopping => {
                let Some(process) = world.node(id).process.as_ref().filter(|p| Process::is_quiescent(p))
                else {
                    return;
                };
                for (instance, shadow, of) in node.all() {
                    let began = matches!(shadow.state, State::Backup | State::Master | State::Fault);
                    let (is, truth) =
                        (process.engine.priority(instance), truth::priority(world, id, node, instance));
                    if let (Some(is), Some(truth)) = (is, truth)
                        && began
                        && is.0 != truth
                    {
                        let name = &of.protocol.name;
                        let text = format!("{name} has the priority {is} instead of {truth}");
                        found.push("V13", seen.at, seen.node, text);
                    }
                }
            }
            What::Advert(advert) if advert.priority.0 > 0 => {
                let Some((shadow, of)) = advert.instance.and_then(|i| node.get(i)) else { return };
                let process = world.node(id).process.as_ref();
                let then = process.zip(advert.instance).and_then(|(p, i)| p.engine.priority(i));
                // The change may be told after the advert.
                if shadow.state == State::Master
                    && advert.priority != shadow.priority
                    && then.is_some_and(|then| then != advert.priority)
                {
                    let (name, is, says) = (&of.protocol.name, shadow.priority, advert.priority);
                    let text = format!("{name} has the priority {is}, but its advert says {says}");
                    found.push("V13", seen.at, seen.node, text);
                }
            }
            _ => {}
        }
    }
}
