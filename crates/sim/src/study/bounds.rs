//! How long things may take, by the configurations (the formulas of RFC 9568 section 6.1 and what keepalived
//! adds to them).

use std::sync::Arc;

use base::{Duration, Priority};
use model::{Instance, Model, TrackerSource};
use vrrp::config::{Preempt, Version};

use crate::cluster::longest_wait;
use crate::world::World;

/// Times after which the world must be in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// From the start, or from healing, until every router is where it belongs.
    pub settle: Duration,
    /// From a fault until its effects are over: detection and one election after the other.
    pub calm: Duration,
    /// The longest takeover of any router.
    pub takeover: Duration,
}

impl Bounds {
    /// The bounds of the configurations in `world`.
    #[must_use]
    pub fn of(world: &World) -> Self {
        let models: Vec<&Arc<Model>> = world.nodes().iter().flat_map(|n| &n.models).collect();
        let instances = || models.iter().flat_map(|m| &m.instances);
        let most = |of: &mut dyn Iterator<Item = Duration>| of.max().unwrap_or_default();
        let longest = most(&mut instances().map(|i| i.protocol.advert_interval));
        let takeover = most(&mut instances().map(|i| longest_wait(i, longest)));
        let preempt = most(&mut instances().map(|i| match i.protocol.preempt {
            Preempt::After(delay) => delay,
            Preempt::Never => Duration::ZERO,
        }));
        let checks = most(&mut models.iter().flat_map(|m| &m.trackers).map(|t| match &t.source {
            TrackerSource::Script(s) => (s.interval + s.timeout) * u64::from(s.rise.max(s.fall)),
            _ => Duration::ZERO,
        }));
        let delay = most(&mut models.iter().map(|m| m.global.startup_delay.max(m.global.delay_after_boot)));
        // With sync groups a second election can follow from the first one.
        let grouped = models.iter().any(|m| !m.groups.is_empty());
        let elections = if grouped { takeover * 2 } else { takeover };
        let calm = whole(elections + longest + checks + Duration::from_millis(500));
        // A process that died is back within a second; a start waits for its scripts first, and what comes
        // back later takes over from whoever was there in between.
        let settle = whole(calm + takeover + preempt + delay + longest + Duration::from_secs(1));
        Self { settle, calm, takeover }
    }
}

/// Up to a whole second: times that people read.
fn whole(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs() + 1)
}

/// The master-down interval of `instance` at `priority` while the slowest of its router has `interval`.
#[must_use]
pub fn master_down(instance: &Instance, priority: Priority, interval: Duration) -> Duration {
    let interval = match instance.protocol.version {
        Version::V2 => instance.protocol.advert_interval,
        Version::V3 => instance.protocol.advert_interval.max(interval),
    };
    crate::formula::master_down(instance, priority, interval)
}

/// What a host adds to a formula: a packet on its way, two turns, and the kernel operations of an instance.
#[must_use]
pub fn slack(world: &World, instance: &Instance) -> Duration {
    let lateness = world.nodes().iter().map(|n| n.lateness).max().unwrap_or_default();
    let delay = world.lan().segments.iter().map(|s| s.weather.delay.1).max().unwrap_or_default();
    let things = instance.addresses.len() + instance.excluded.len() + instance.routes.len();
    let operations = world.pace().operation.1 * (2 * things as u64 + 2);
    delay * 2 + (world.pace().sigma() + lateness) * 2 + operations + Duration::from_millis(1)
}
