//! The kernel's links, addresses and routes at one time.

use std::collections::BTreeMap;

use base::{Duration, IfIndex};

use super::address::{Address, AddressKey};
use super::link::Link;
use super::monitor::{Change, Event, Monitor, MonitorConfig, RouteFilter};
use super::route::{Route, RouteKey};
use crate::error::{Errno, OsError, Result};
use crate::poll::{Interest, Poll};

/// Everything that a [`Monitor`] knows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Snapshot {
    /// Interfaces by number.
    pub links: BTreeMap<IfIndex, Link>,
    /// Addresses.
    pub addresses: BTreeMap<AddressKey, Address>,
    /// The keys of the addresses in the order in which the kernel keeps them: the first address of an
    /// interface is its primary one, whatever its number.
    pub order: Vec<AddressKey>,
    /// Routes.
    pub routes: BTreeMap<RouteKey, Route>,
}

impl Snapshot {
    /// Reads everything in the namespace of the calling thread, and waits for it: for the start of a
    /// program, its end and the lab.
    pub fn take(routes: RouteFilter) -> Result<Self> {
        let config = MonitorConfig { routes, news: false, ..MonitorConfig::default() };
        let mut monitor = Monitor::open(&config)?;
        let mut poll = Poll::new()?;
        poll.add(&monitor, 0, Interest::READ)?;
        let mut events = Vec::new();
        for _ in 0..ATTEMPTS {
            monitor.resync()?;
            'dump: loop {
                poll.wait(Some(PATIENCE))?;
                monitor.read(&mut events)?;
                for event in events.drain(..) {
                    match event {
                        Event::Snapshot(s) => return Ok(s),
                        Event::Lost(_) => break 'dump,
                        Event::Change(_) => {}
                    }
                }
            }
        }
        Err(OsError::new("read", "links, addresses and routes", Errno::EBUSY))
    }

    /// The interface of that name.
    #[must_use]
    pub fn link(&self, name: &str) -> Option<&Link> {
        self.links.values().find(|l| l.name.as_str() == name)
    }

    /// Brings the picture up to date.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Link(l) => {
                self.links.insert(l.index, l);
            }
            Change::LinkGone(l) => {
                self.links.remove(&l.index);
                self.addresses.retain(|key, _| key.0 != l.index);
                self.order.retain(|key| key.0 != l.index);
            }
            Change::Address(a) => {
                let key = a.key();
                if self.addresses.insert(key, a).is_none() {
                    self.order.push(key);
                }
            }
            Change::AddressGone(a) => {
                let key = a.key();
                if self.addresses.remove(&key).is_some() {
                    self.order.retain(|k| *k != key);
                }
            }
            Change::Route(r) => {
                self.routes.insert(r.key(), r);
            }
            Change::RouteGone(r) => {
                self.routes.remove(&r.key());
            }
        }
    }
}

/// How often a dump that was interrupted by a change is begun anew.
const ATTEMPTS: usize = 20;

/// The kernel answers at once; this is only to look again.
const PATIENCE: Duration = Duration::from_millis(100);
