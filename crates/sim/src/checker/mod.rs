//! What must hold: each property of the design as a checker that watches a world.
//!
//! A [`Checker`] sees every [`Observation`] in order and may look at the world as it is after the step that
//! made it. What must hold at all times it tells at once; what must hold only when nothing is wrong any
//! more it tells when [`Checker::at_rest`] is called, once the bounds of the configurations have passed
//! since the last fault. The names (V4, K1, ...) are those of the design's list of invariants; each checker
//! cites its formula.

mod announcements;
mod authentication;
mod contract;
mod election;
mod failover;
mod false_takeover;
mod fault;
mod foreign;
mod groups;
mod interval;
mod leftovers;
mod nopreempt;
mod notify;
mod order;
mod overlap;
mod overrun;
mod ownership;
mod priority;
mod regularity;
mod release;
mod reload;
mod resources;
mod shadow;
mod stop;
mod successor;
mod syncing;
mod truth;
mod vrrp;
mod watch;

use std::fmt;

use base::Instant;

use crate::node::NodeId;
use crate::observe::Observation;
use crate::world::World;

/// A property that did not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Which property.
    pub property: &'static str,
    /// When, in the time of the world.
    pub at: Instant,
    /// Whose fault it is, if it is one node's.
    pub node: Option<NodeId>,
    /// What was seen, and what should have been.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.as_nanos();
        write!(f, "{} at {}.{:09}", self.property, at / 1_000_000_000, at % 1_000_000_000)?;
        if let Some(node) = self.node {
            write!(f, " node {}", node.0)?;
        }
        write!(f, ": {}", self.text)
    }
}

/// Where a run stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rest {
    /// All faults have ended, and every bound has passed since.
    Healed,
    /// Since [`Rest::Healed`] nothing happened for a while.
    Quiet,
    /// Every node was told to reload the configuration that it has, and had the time for it.
    Reloaded,
    /// Every node was told to stop, and had the time for it.
    Stopped,
}

/// Watches a world for one property, or a few that go together.
pub trait Checker {
    /// Something happened; `world` is as it is after the whole step.
    fn see(&mut self, world: &World, seen: &Observation, found: &mut Found);

    /// A point of rest was reached.
    fn at_rest(&mut self, world: &World, rest: Rest, found: &mut Found) {
        let _ = (world, rest, found);
    }

    /// What is allowed, but has to be told.
    fn told(&self) -> &[Violation] {
        &[]
    }
}

/// The violations that were found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Found(pub Vec<Violation>);

impl Found {
    /// One more.
    pub fn push(
        &mut self,
        property: &'static str,
        at: Instant,
        node: Option<NodeId>,
        text: impl Into<String>,
    ) {
        self.0.push(Violation { property, at, node, text: text.into() });
    }
}

/// All checkers, watching one world.
pub struct Judge {
    checkers: Vec<Box<dyn Checker>>,
    found: Found,
    buffer: Vec<Observation>,
}

impl Judge {
    /// Every checker that there is. Call it before anything happens in `world`.
    #[must_use]
    pub fn new(world: &World) -> Self {
        let checkers: Vec<Box<dyn Checker>> = vec![
            Box::new(contract::Contract::default()),
            Box::new(vrrp::Rules::new(world)),
            Box::new(overlap::Overlap::new(world)),
            Box::new(ownership::Ownership::new(world)),
            Box::new(ownership::SingleOwner::new(world)),
            Box::new(order::Order::new(world)),
            Box::new(announcements::Announcements::new(world)),
            Box::new(leftovers::LeftOvers::new(world)),
            Box::new(foreign::Foreign::new(world)),
            Box::new(overrun::Overrun::new(world)),
            Box::new(reload::Reload::new(world)),
            Box::new(notify::Notifications::new(world)),
            Box::new(resources::Resources::new(world)),
            Box::new(stop::Stop::new(world)),
            Box::new(syncing::Syncing::new(world)),
        ];
        Self { checkers, found: Found::default(), buffer: Vec::new() }
    }

    /// Lets the world go on up to `until` and watches it. Ends early at the first violation; whether there
    /// was none. `show` is handed everything that happens.
    pub fn watch(
        &mut self,
        world: &mut World,
        until: Instant,
        mut show: impl FnMut(&World, &Observation),
    ) -> bool {
        while self.found.0.is_empty() {
            let more = world.step(until);
            let mut buffer = std::mem::take(&mut self.buffer);
            world.observed_into(&mut buffer);
            for seen in &buffer {
                show(world, seen);
                self.see(world, seen);
            }
            self.buffer = buffer;
            if !more {
                break;
            }
        }
        self.found.0.is_empty()
    }

    /// Something happened, in `world` or in a story that is told of it.
    pub fn see(&mut self, world: &World, seen: &Observation) {
        for checker in &mut self.checkers {
            checker.see(world, seen, &mut self.found);
        }
    }

    /// Lets the world go on, a few milliseconds at most, until nothing is under way: renewals of leases are
    /// at any time.
    pub fn calm(&mut self, world: &mut World, mut show: impl FnMut(&World, &Observation)) -> bool {
        for _ in 0..100 {
            let busy = world.nodes().iter().filter(|n| n.is_live()).filter_map(|n| n.process.as_ref());
            if busy.into_iter().all(crate::process::Process::is_quiescent) {
                break;
            }
            let soon = world.now() + base::Duration::from_micros(100);
            if !self.watch(world, soon, &mut show) {
                return false;
            }
        }
        true
    }

    /// A point of rest was reached; whether everything holds.
    pub fn rest(&mut self, world: &World, rest: Rest) -> bool {
        for checker in &mut self.checkers {
            checker.at_rest(world, rest, &mut self.found);
        }
        self.found.0.is_empty()
    }

    /// What is allowed, but has to be told: an address on two nodes since one of them is dead, without a lease.
    pub fn told(&self) -> impl Iterator<Item = &Violation> {
        self.checkers.iter().flat_map(|checker| checker.told())
    }

    /// What was found.
    #[must_use]
    pub fn found(&self) -> &[Violation] {
        &self.found.0
    }
}
