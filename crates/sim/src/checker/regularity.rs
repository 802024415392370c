//! V6 and V7: who sends adverts when, and that nothing moves when all is well.

use std::collections::BTreeMap;

use base::{Duration, Instant, Priority};
use model::{Instance, InstanceId};
use vrrp::io::State;

use super::shadow::{Shadow, Shadows};
use super::vrrp::{Rule, Transition, lateness};
use super::{Found, Rest, election};
use crate::node::NodeId;
use crate::observe::{Observation, What};
use crate::world::World;

/// A master answers at most so many adverts in an interval; two windows can meet.
const MOST_ANSWERS: u32 = 20;

/// What was counted of one instance when all was well: transitions, adverts, whether it was MASTER.
type Counted = (u32, u32, State);

/// What was counted of all, and since when.
type Calm = (Instant, BTreeMap<(NodeId, InstanceId), Counted>);

/// V7: in MASTER the spacing of own adverts is in [A, A + sigma] by the own clock, but for answers: at most
/// one for each advert received, and few in an interval; one more is allowed for a new configuration. In
/// one for what waited, at the same instant, and at once for who loses (B1' of V1), unless
/// `lower_prio_no_advert` forbids it. In
/// BACKUP, FAULT and INIT there is none, but for one of priority 0 when MASTER is left; who becomes MASTER
/// sends at once.
///
/// V6: in a quiet interval after all bounds there are no transitions, floor(t / A) +- 1 adverts by the
/// master and none by others.
#[derive(Default)]
pub(super) struct Regularity {
    calm: Option<Calm>,
}

impl Rule for Regularity {
    fn see(&mut self, past: &Shadows, world: &World, seen: &Observation, found: &mut Found) {
        let Some(id) = seen.node else { return };
        let now = || world.node(id).clock.local(seen.at);
        let mut tell = |of: &Instance, text: String| {
            found.push("V7", seen.at, seen.node, format!("{}: {text}", of.protocol.name));
        };
        match &seen.what {
            What::Advert(advert) => {
                let Some((shadow, of)) = advert.instance.and_then(|i| past.node(id)?.get(i)) else { return };
                let now = now();
                if shadow.state != State::Master {
                    if advert.priority == Priority::RELEASE {
                        tell(of, format!("priority 0 is sent in {:?}", shadow.state));
                    }
                    return;
                }
                if advert.priority == Priority::RELEASE || shadow.is_same(now, advert) {
                    return;
                }
                let again = now == shadow.sent.at && shadow.heard.is_some();
                if again && !of.protocol.higher_prio_send_advert {
                    tell(of, "a second advert at the same instant, in answer to what waited".into());
                }
                let due = shadow.sent.at + of.protocol.advert_interval;
                if now < due {
                    if shadow.sent.credit == 0 {
                        tell(of, format!("an advert {} too early that answers nothing", due.since(now)));
                    }
                    if shadow.sent.answers.1 > MOST_ANSWERS {
                        tell(of, format!("more than {MOST_ANSWERS} adverts out of turn in an interval"));
                    }
                } else if let Some((late, most)) = lateness(past, world, id, seen.at, due)
                    && late > most + past.node(id).map_or(Duration::ZERO, |n| n.parting(of))
                {
                    tell(of, format!("an advert is late by {late}, at most {most} is allowed"));
                }
            }
            What::Event(_) => {
                let Some(transition) = Transition::of(past, world, seen) else { return };
                let Transition { shadow, of, to, .. } = &transition;
                match (shadow.claims, *to == State::Master) {
                    (true, false) => tell(of, transition.text("an advert is sent all the same")),
                    (false, true) if !past.node(id).is_some_and(|n| n.sends_into_nothing(of)) => {
                        tell(of, transition.text("without an advert"));
                    }
                    _ => {}
                }
            }
            What::Turn { .. } => {
                let Some(node) = past.node(id) else { return };
                let now = now();
                // What is sent where nothing is any more is not seen.
                for (_, shadow, of) in node.all().filter(|(_, _, of)| !node.sends_into_nothing(of)) {
                    at_turn(shadow, of, now, node.parting(of), &mut tell);
                }
            }
            _ => {}
        }
    }

    fn at_rest(&mut self, past: &Shadows, world: &World, rest: Rest, found: &mut Found) {
        let counted = || {
            let nodes = past.nodes.iter().enumerate();
            nodes.flat_map(|(n, node)| {
                node.all().map(move |(id, s, _)| ((NodeId(n), id), (s.transitions, s.adverts, s.state)))
            })
        };
        match rest {
            Rest::Healed if election::is_settled(past, world) => {
                self.calm = Some((world.now(), counted().collect()));
            }
            Rest::Quiet => {
                let Some((since, before)) = self.calm.take() else { return };
                for (key, (transitions, adverts, state)) in counted() {
                    let Some((then, sent, was)) = before.get(&key) else { continue };
                    let Some((_, of)) = past.node(key.0).and_then(|n| n.get(key.1)) else { continue };
                    let name = &of.protocol.name;
                    if transitions != *then {
                        let text = format!("{name} went from {was:?} to {state:?} while nothing happened");
                        found.push("V6", world.now(), Some(key.0), text);
                        continue;
                    }
                    let (sent, span) = (adverts - sent, world.now().since(since));
                    let due = span.as_nanos() / of.protocol.advert_interval.as_nanos().max(1);
                    let due = if state == State::Master { due } else { 0 };
                    if u64::from(sent).abs_diff(due) > u64::from(state == State::Master) {
                        let text = format!("{name} sent {sent} adverts in {span} as {state:?}, not {due}");
                        found.push("V6", world.now(), Some(key.0), text);
                    }
                }
            }
            _ => {}
        }
    }
}

fn at_turn(
    shadow: &Shadow,
    of: &Instance,
    now: Instant,
    parting: Duration,
    tell: &mut impl FnMut(&Instance, String),
) {
    if shadow.claims {
        tell(of, format!("an advert is sent in {:?}", shadow.state));
    }
    if shadow.state != State::Master {
        return;
    }
    let due = shadow.sent.at + of.protocol.advert_interval + parting;
    if due <= now {
        tell(of, format!("no advert, although one is due since {}", now.since(due)));
    }
    if shadow.sent.owes {
        tell(of, "it heard an advert that loses and did not say that it is there".into());
    }
    if !shadow.sent.released.is_empty() {
        tell(of, "it stays MASTER after priority 0".into());
    }
}
