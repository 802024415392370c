//! V12: who stops being the master says so.

use std::net::IpAddr;

use base::Family;
use vrrp::config::Peers;
use vrrp::io::State;

use super::Found;
use super::shadow::Shadows;
use super::vrrp::{Rule, Transition};
use crate::observe::Observation;
use crate::world::World;

/// V12: each orderly exit from MASTER (to FAULT, by a stop, by a reload without it) sends an advert of
/// priority 0 to every destination that can be reached, before the new state is told.
pub(super) struct Release;

impl Rule for Release {
    fn see(&mut self, past: &Shadows, world: &World, seen: &Observation, found: &mut Found) {
        let Some(transition) = Transition::of(past, world, seen) else { return };
        let Transition { node, id, shadow, of, to, .. } = &transition;
        let ends = matches!(to, State::Fault | State::Stopped | State::Deleted);
        if shadow.state != State::Master || !ends {
            return;
        }
        let host = &world.node(*node).host;
        let Some(link) = of.link.and_then(|link| host.named(link)) else { return };
        // What it sends from must be there.
        let own = world.node(*node).process.as_ref().and_then(|p| p.engine.source(*id)).or(of.source);
        let family = of.protocol.family;
        let holds = |own: IpAddr| {
            let mut here = host.addresses.iter().map(|h| &h.facts).filter(|f| f.link == link.index);
            here.any(|f| f.net.addr() == own && !f.tentative)
        };
        let sends = own.is_some_and(|own| holds(own) && Family::of(&own) == family);
        if past.node(*node).is_some_and(|n| n.sends_into_nothing(of)) || !(link.up && link.running && sends) {
            return;
        }
        let destinations: Vec<IpAddr> = match &of.protocol.peers {
            Peers::Multicast(group) => vec![*group],
            Peers::Unicast { peers, .. } => peers.iter().map(|p| p.address).collect(),
        };
        if let Some(missed) = destinations.iter().find(|d| !shadow.sent.released.contains(d)) {
            found.push("V12", seen.at, seen.node, transition.text(&format!("no priority 0 to {missed}")));
        }
    }
}
