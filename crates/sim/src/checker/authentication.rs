//! V15: what must be refused has no effect.

use std::net::IpAddr;

use model::InstanceId;
use vrrp::io::{self as core, Cause, RogueStep};

use super::Found;
use super::shadow::Shadows;
use super::vrrp::Rule;
use crate::observe::{Observation, What};
use crate::world::World;

/// V15: no advert that fails validation changes any state, timer, learned interval or known master; a
/// number of an authentication header that was seen before fails. Whatever the engine does because of an
/// advert must follow a good one, from the same sender. That timers stay as they are is V3 and V4.
pub(super) struct Authentication;

impl Rule for Authentication {
    fn see(&mut self, past: &Shadows, _: &World, seen: &Observation, found: &mut Found) {
        let What::Event(engine::io::Event::Vrrp(event)) = &seen.what else { return };
        let Some((instance, source)) = effect(event) else { return };
        let Some((shadow, of)) = seen.node.and_then(|id| past.node(id)?.get(instance)) else { return };
        let said = shadow.heard.and_then(|(_, said)| said);
        if said.is_none_or(|said| source.is_some_and(|source| source != said.source)) {
            let name = &of.protocol.name;
            let text = format!("{name}: {event:?}, but the last datagram was {:?}", shadow.heard);
            found.push("V15", seen.at, seen.node, text);
        }
    }
}

/// What only a good advert can cause: to whom, and from whom.
fn effect(event: &core::Event) -> Option<(InstanceId, Option<IpAddr>)> {
    use core::Event;
    match event {
        Event::State { instance, cause: Cause::BetterAdvert { from, .. }, .. } => {
            Some((*instance, Some(*from)))
        }
        Event::Odd { instance, source, .. }
        | Event::LowerDiscarded { instance, source, .. }
        | Event::LowerReceived { instance, source, .. }
        | Event::Release { instance, source, .. }
        | Event::RogueOwner { instance, source, step: RogueStep::Found | RogueStep::Yielded } => {
            Some((*instance, Some(*source)))
        }
        Event::MasterChanged { instance, to, .. } => Some((*instance, Some(*to))),
        Event::PreemptDelay { instance, .. } | Event::IntervalLearned { instance, .. } => {
            Some((*instance, None))
        }
        _ => None,
    }
}
