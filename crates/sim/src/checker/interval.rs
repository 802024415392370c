//! V11: whose interval a backup goes by.

use base::Duration;
use vrrp::config::Version;
use vrrp::io as core;

use super::Found;
use super::shadow::Shadows;
use super::vrrp::Rule;
use crate::observe::{Observation, What};
use crate::world::World;

/// V11: in BACKUP the interval in force is that of the last accepted advert, 1 to 4095 hundredths of a
/// second, and only version 3 learns it. That the timers follow is V3, V4 and V7.
pub(super) struct Interval;

impl Rule for Interval {
    fn see(&mut self, past: &Shadows, _: &World, seen: &Observation, found: &mut Found) {
        let What::Event(engine::io::Event::Vrrp(core::Event::IntervalLearned { instance, to, .. })) =
            &seen.what
        else {
            return;
        };
        let Some((shadow, of)) = seen.node.and_then(|id| past.node(id)?.get(*instance)) else { return };
        let said = shadow.heard.and_then(|(_, said)| said).map(|said| said.interval);
        let fits = (Duration::from_centis(1)..=Duration::from_centis(4095)).contains(to);
        if said != Some(*to) || !fits || of.protocol.version != Version::V3 {
            let (name, version) = (&of.protocol.name, of.protocol.version);
            let text = format!("{name}, {version:?}, learns {to}, but what it heard says {said:?}");
            found.push("V11", seen.at, seen.node, text);
        }
    }
}
