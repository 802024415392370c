//! The properties of VRRP (V1 to V15, G1 to G4): one [`Rule`] each or for a few that go together, on the
//! common ground of [`Shadows`].

use base::{Duration, Instant};
use model::{Instance, InstanceId};
use vrrp::io::{self as core, Cause, State};

use super::shadow::{Shadow, Shadows};
use super::{
    Checker, Found, Rest, authentication, election, failover, false_takeover, fault, groups, interval,
    nopreempt, priority, regularity, release,
};
use crate::node::NodeId;
use crate::observe::{Observation, What};
use crate::world::World;

/// A property, held against what everybody must know.
pub(super) trait Rule {
    /// Something happened; `past` is how things stood before, `world` is as it is after the whole step.
    fn see(&mut self, past: &Shadows, world: &World, seen: &Observation, found: &mut Found) {
        let _ = (past, world, seen, found);
    }

    /// A point of rest was reached.
    fn at_rest(&mut self, past: &Shadows, world: &World, rest: Rest, found: &mut Found) {
        let _ = (past, world, rest, found);
    }
}

/// All rules, and what they stand on.
pub(super) struct Rules {
    shadows: Shadows,
    rules: Vec<Box<dyn Rule>>,
}

impl Rules {
    pub(super) fn new(world: &World) -> Self {
        let rules: Vec<Box<dyn Rule>> = vec![
            Box::new(election::Election),
            Box::new(failover::Failover),
            Box::new(false_takeover::FalseTakeover),
            Box::new(regularity::Regularity::default()),
            Box::new(nopreempt::NoPreempt),
            Box::new(interval::Interval),
            Box::new(release::Release),
            Box::new(priority::Priorities::default()),
            Box::new(fault::Faults),
            Box::new(authentication::Authentication),
            Box::new(groups::Groups::default()),
        ];
        Self { shadows: Shadows::new(world), rules }
    }
}

impl Checker for Rules {
    fn see(&mut self, world: &World, seen: &Observation, found: &mut Found) {
        if matters(&seen.what) {
            for rule in &mut self.rules {
                rule.see(&self.shadows, world, seen, found);
            }
            self.shadows.update(world, seen);
        }
    }

    fn at_rest(&mut self, world: &World, rest: Rest, found: &mut Found) {
        for rule in &mut self.rules {
            rule.at_rest(&self.shadows, world, rest, found);
        }
    }
}

/// What happens in the kernel matters only to what it means to instances.
const fn matters(what: &What) -> bool {
    !matches!(
        what,
        What::Wanted { .. } | What::Answered { .. } | What::Announced { .. } | What::Learned { .. }
    )
}

/// A transition that was just told.
pub(super) struct Transition<'a> {
    pub(super) node: NodeId,
    pub(super) id: InstanceId,
    /// What was known of the instance before.
    pub(super) shadow: &'a Shadow,
    pub(super) of: &'a Instance,
    /// To where; from where is in `shadow`.
    pub(super) to: State,
    pub(super) cause: &'a Cause,
    /// By the clock of the node.
    pub(super) now: Instant,
}

impl<'a> Transition<'a> {
    /// The transition that `seen` tells of.
    pub(super) fn of(past: &'a Shadows, world: &World, seen: &'a Observation) -> Option<Self> {
        let What::Event(engine::io::Event::Vrrp(core::Event::State { instance, to, cause, .. })) = &seen.what
        else {
            return None;
        };
        let node = seen.node?;
        let (shadow, of) = past.node(node)?.get(*instance)?;
        let now = world.node(node).clock.local(seen.at);
        Some(Self { node, id: *instance, shadow, of, to: *to, cause, now })
    }

    /// Whether a backup takes over.
    pub(super) fn is_takeover(&self) -> bool {
        (self.shadow.state, self.to) == (State::Backup, State::Master)
    }

    /// Whether it does so before it may.
    pub(super) fn is_early(&self) -> bool {
        self.is_takeover() && self.now < self.shadow.wait.least
    }

    /// The text of a violation.
    pub(super) fn text(&self, what: &str) -> String {
        let Self { of, shadow, to, now, cause, .. } = self;
        let since = now.since(shadow.wait.since);
        let least = shadow.wait.least.since(shadow.wait.since);
        format!(
            "{} goes from {:?} to {to:?} ({cause:?}) {since} after {:?}, which calls for {least}: {what}",
            of.protocol.name, shadow.state, shadow.wait.why,
        )
    }
}

/// How late a node may do what was due at `due` of its clock, in the time of the world: its lateness and a
/// little more for the clock's grain (sigma). `None` if it was held up, and anything goes.
pub(super) fn lateness(
    past: &Shadows,
    world: &World,
    node: NodeId,
    at: Instant,
    due: Instant,
) -> Option<(Duration, Duration)> {
    let shadow = past.node(node).filter(|n| !n.held_up)?;
    let most = world.pace().sigma() + shadow.late.0 + Duration::from_nanos(2);
    Some((at.since(world.node(node).clock.world(due)?), most))
}
