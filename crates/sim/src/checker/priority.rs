//! V13: the arithmetic of priorities.

use base::Priority;
use engine::io::Event;
use model::InstanceId;
use vrrp::io::{self as core, State};

use super::shadow::Shadows;
use super::vrrp::Rule;
use super::{Found, truth};
use crate::node::NodeId;
use crate::observe::{Observation, What};
use crate::process::Process;
use crate::world::World;

/// V13: P_i = 255 if owner (254 while it makes room for another one), else clamp(base + sum of weights, 1,
/// 254), equal to a computation from scratch whenever nothing waits to be heard; and that is what adverts
/// say.
#[derive(Default)]
pub(super) struct Priorities {
    /// Adverts with a priority that was not told yet.
    early: Vec<(NodeId, InstanceId, Priority)>,
}

impl Rule for Priorities {
    fn see(&mut self, past: &Shadows, world: &World, seen: &Observation, found: &mut Found) {
        let Some(id) = seen.node else { return };
        let Some(node) = past.node(id) else { return };
        if let What::Turn { .. } = &seen.what
            && !self.early.is_empty()
        {
            for (_, instance, says) in self.early.extract_if(.., |(node, ..)| *node == id) {
                let Some((shadow, of)) = node.get(instance) else { continue };
                let (name, is) = (&of.protocol.name, shadow.priority);
                let text = format!("{name} has the priority {is}, but its advert says {says}");
                found.push("V13", seen.at, seen.node, text);
            }
        }
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
                let Some((shadow, _)) = advert.instance.and_then(|i| node.get(i)) else { return };
                if let (State::Master, Some(instance)) = (shadow.state, advert.instance)
                    && advert.priority != shadow.priority
                {
                    self.early.push((id, instance, advert.priority));
                }
            }
            // The change is told after the advert.
            What::Event(Event::Vrrp(core::Event::Priority { instance, to, .. })) => {
                self.early.retain(|early| *early != (id, *instance, *to));
            }
            _ => {}
        }
    }
}
