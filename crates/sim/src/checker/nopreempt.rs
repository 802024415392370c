//! V9 and V10: when somebody better does not take over.

use vrrp::io::State;

use super::Found;
use super::shadow::{Shadow, Shadows, Why};
use super::vrrp::{Rule, Transition};
use crate::observe::{Observation, What};
use crate::world::World;

/// V9: with nopreempt a backup makes no transition to MASTER while any adverts arrive within T_i; and who
/// was not scheduled for long, be it as a backup past its timer or as a master past the time after which
/// others take over (D * A + min S), listens before it sends.
///
/// V10: by a higher priority nobody becomes MASTER before `preempt_delay` after the first lower advert.
pub(super) struct NoPreempt;

impl Rule for NoPreempt {
    fn see(&mut self, past: &Shadows, world: &World, seen: &Observation, found: &mut Found) {
        match &seen.what {
            What::Event(_) => {
                let Some(transition) = Transition::of(past, world, seen) else { return };
                let Transition { shadow, now, .. } = &transition;
                let wait = &shadow.wait;
                let property = match wait.why {
                    Why::NoPreempt => "V9",
                    Why::Delay => "V10",
                    _ => "",
                };
                if !property.is_empty() && transition.is_early() {
                    found.push(property, seen.at, seen.node, transition.text("too early"));
                }
                let slept = now.since(wait.due) > wait.interval && !wait.overslept && !wait.vague;
                if transition.is_takeover() && slept && !shadow.grouped {
                    found.push("V9", seen.at, seen.node, transition.text("it did not listen after a pause"));
                }
            }
            What::Advert(advert) if advert.priority.0 > 0 => {
                let Some(node) = seen.node else { return };
                let Some((shadow, of)) = advert.instance.and_then(|id| past.node(node)?.get(id)) else {
                    return;
                };
                let now = world.node(node).clock.local(seen.at);
                if shadow.state == State::Master && shadow.was_silent(of, now) {
                    let silent = now.since(shadow.sent.at);
                    let most = Shadow::too_long(of);
                    let name = &of.protocol.name;
                    let text = format!("{name} goes on as MASTER after a silence of {silent} > {most}");
                    found.push("V9", seen.at, seen.node, text);
                }
            }
            _ => {}
        }
    }
}
