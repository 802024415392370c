//! State, statistics and JSON files: how things stand, in keepalived's formats.
//!
//! [`stats`], [`json`] and [`state`] are pure: a model and a snapshot in, text out. [`mod@file`] names the
//! files and writes them. The supervisor does both, so that a slow disk delays nobody else.

pub mod file;
pub mod json;
pub mod lvs;
pub mod state;
pub mod stats;
mod text;

use base::{Duration, Instant};
use engine::Snapshot;
use engine::{Held, InstanceSnapshot};
use model::{Address, Instance};

/// Ties the clock of the protocols to the calendar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Calendar {
    /// Now, by the clock of the protocols.
    pub now: Instant,
    /// Now, since 1970.
    pub since_1970: Duration,
}

impl Calendar {
    /// Both clocks, read now.
    pub fn now() -> Self {
        let since_1970 =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Self { now: linux::clock::now(), since_1970: since_1970.into() }
    }

    /// When `at` was, since 1970.
    fn since_1970(&self, at: Instant) -> Duration {
        self.since_1970.saturating_sub(self.now.since(at))
    }
}

/// The part of the snapshot that is about an instance. By name: a reload may have come in between.
fn standing<'a>(snapshot: &'a Snapshot, instance: &Instance) -> Option<&'a InstanceSnapshot> {
    snapshot.instances.iter().find(|s| s.name == instance.protocol.name)
}

/// How an instance stands by itself; that of the start if the protocol doesn't run yet.
fn protocol(standing: Option<&InstanceSnapshot>, instance: &Instance) -> vrrp::io::Snapshot {
    standing.and_then(|s| s.vrrp.clone()).unwrap_or(vrrp::io::Snapshot {
        state: vrrp::io::State::Init,
        wants: vrrp::io::State::Init,
        priority: instance.protocol.priority,
        master: None,
        master_interval: instance.protocol.advert_interval,
        since: Instant::ZERO,
        source: None,
        counters: vrrp::io::Counters::default(),
    })
}

/// How an address of an instance stands.
fn held(standing: Option<&InstanceSnapshot>, address: &Address) -> Held {
    let is_it = |net: &base::IpNet, link: &str| *net == address.net && link == address.link.as_str();
    let addresses = standing.map(|s| &*s.addresses).unwrap_or_default();
    addresses.iter().find(|(net, link, _)| is_it(net, link)).map_or(Held::No, |(_, _, held)| *held)
}

#[cfg(test)]
mod fixture;
