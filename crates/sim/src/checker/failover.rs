//! V3 and V5: failover in time, and masters that meet.

use vrrp::io::State;

use super::Found;
use super::shadow::{Shadows, Why};
use super::vrrp::{Rule, Transition, lateness};
use crate::observe::{Observation, What};
use crate::world::World;

/// V3: who hears nothing for T_j takes over at u + T_j at the earliest (V4) and sigma later at the latest,
/// where u is when the last advert was heard; after priority 0 S_j takes the place of T_j. A sync group
/// may hold its members back.
///
/// V5: a master that hears a better advert leaves MASTER in the same turn, so that one is left after the
/// first exchange.
pub(super) struct Failover;

impl Rule for Failover {
    fn see(&mut self, past: &Shadows, world: &World, seen: &Observation, found: &mut Found) {
        let Some(id) = seen.node else { return };
        match &seen.what {
            What::Turn { .. } => {
                let Some(node) = past.node(id) else { return };
                let now = world.node(id).clock.local(seen.at);
                for (_, shadow, of) in node.all() {
                    let wait = &shadow.wait;
                    let exact = !shadow.grouped && !wait.vague;
                    if shadow.state == State::Backup && exact && wait.due <= now {
                        let late = now.since(wait.due);
                        if late <= wait.interval || wait.overslept {
                            let name = &of.protocol.name;
                            let text =
                                format!("{name} does not take over, although that is due since {late}");
                            let property = if wait.why == Why::Delay { "V10" } else { "V3" };
                            found.push(property, seen.at, seen.node, text);
                        }
                    }
                    must_have_yielded(shadow, of, seen, found);
                }
            }
            What::Heard(heard) => {
                let Some(to) = heard.to.and_then(|to| past.node(id)?.get(to)) else { return };
                must_have_yielded(to.0, to.1, seen, found);
            }
            What::Event(_) => {
                let Some(transition) = Transition::of(past, world, seen) else { return };
                if !transition.is_takeover() {
                    return;
                }
                let Transition { shadow, .. } = &transition;
                if shadow.wait.why == Why::Released && transition.is_early() {
                    found.push("V3", seen.at, seen.node, transition.text("before the skew time"));
                }
                if shadow.grouped || shadow.wait.vague {
                    return;
                }
                if let Some((late, most)) =
                    lateness(past, world, id, seen.at, shadow.wait.due.max(shadow.wait.moved))
                    && late > most
                {
                    let text = transition.text(&format!("late by {late}, at most {most} is allowed"));
                    found.push("V3", seen.at, seen.node, text);
                }
            }
            _ => {}
        }
    }
}

fn must_have_yielded(
    shadow: &super::shadow::Shadow,
    of: &model::Instance,
    seen: &Observation,
    found: &mut Found,
) {
    if shadow.state == State::Master && shadow.must_yield {
        let (name, said) = (&of.protocol.name, shadow.heard.and_then(|(_, said)| said));
        found.push("V5", seen.at, seen.node, format!("{name} stays MASTER although it heard {said:?}"));
    }
}
