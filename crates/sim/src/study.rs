//! What happens to given configurations if something fails: every single fault that they make possible and
//! every pair, each judged against the formulas of the protocol.
//!
//! A [`Case`] becomes a [`Scenario`]: all daemons start, settle, the faults come, their effects have the time
//! that the configurations give them, everything is healed, and has that time again. [`Study::play`] runs a scenario;
//! its [`Record`] says who answered for which address when, and what did not hold.

pub mod bounds;
mod cases;
mod doubts;
mod record;
mod watch;

use base::{Duration, Instant};
use vrrp::io::State;

pub use bounds::Bounds;
pub use cases::Case;
pub use doubts::{Doubt, Member};
pub use record::{AddressRecord, Excuse, Finding, Record, Span};

use crate::checker::{Judge, Rest};
use crate::cluster::{Router, state_of};
use crate::fault::Fault;
use crate::observe::Observation;
use crate::scenario::{Act, Expectation, Names, Scenario, Step};
use crate::setup::{Plan, world};
use crate::world::{Pace, World};
use watch::Watch;

/// Configurations to be studied.
#[derive(Clone, Debug)]
pub struct Study {
    plans: Vec<Plan>,
    seed: u64,
    /// What can be named.
    pub names: Names,
    /// How long things take at most.
    pub bounds: Bounds,
    /// The virtual routers.
    pub routers: Vec<Router>,
}

impl Study {
    /// A study of `plans`, whose randomness follows from `seed`.
    #[must_use]
    pub fn new(plans: Vec<Plan>, seed: u64) -> Self {
        let world = world(&plans, Pace::FAIR, seed);
        let (names, bounds, routers) = (Names::of(&world), Bounds::of(&world), Router::all(&world));
        Self { plans, seed, names, bounds, routers }
    }

    /// The world as it is before anything starts.
    #[must_use]
    pub fn world(&self) -> World {
        world(&self.plans, Pace::FAIR, self.seed)
    }

    /// Every single fault that the configurations make possible; the first case is that nothing fails.
    #[must_use]
    pub fn singles(&self) -> Vec<Case> {
        cases::singles(&self.world(), &self.names)
    }

    /// Every pair of `singles`: at once, and the second one somewhat later.
    #[must_use]
    pub fn pairs(&self, singles: &[Case]) -> Vec<Case> {
        cases::pairs(&self.world(), singles, &self.bounds)
    }

    /// Runs a case; `show` is handed everything that happens.
    pub fn run(&self, case: &Case, show: impl FnMut(&World, &Observation)) -> Record {
        let scenario = self.scenario(case);
        Record { name: case.name.clone(), ..self.play(&scenario, show) }
    }

    /// A case as a scenario: what fails, and later the healing.
    #[must_use]
    pub fn scenario(&self, case: &Case) -> Scenario {
        let begin = Instant::ZERO + self.bounds.settle;
        let mut last = begin;
        let mut steps = Vec::new();
        for (after, fault) in case.steps() {
            let at = begin + after;
            last = last.max(at);
            steps.push(Step { at, act: Act::Fault(fault) });
        }
        steps.push(Step { at: last + self.bounds.calm, act: Act::Fault(Fault::Heal) });
        steps.sort_by_key(|step| step.at);
        Scenario { steps }
    }

    /// Runs a scenario; `show` is handed everything that happens.
    pub fn play(&self, scenario: &Scenario, mut show: impl FnMut(&World, &Observation)) -> Record {
        let mut world = self.world();
        let mut play = Play {
            judge: Judge::new(&world),
            watch: Watch::new(&world, &self.routers),
            findings: Vec::new(),
        };
        for node in world.ids().filter(|node| !scenario.starts_late(*node)) {
            world.schedule(Instant::ZERO, Fault::Start(node));
        }
        let mut healed = None;
        let mut end = None;
        for step in &scenario.steps {
            play.until(&mut world, step.at, &mut show);
            match &step.act {
                Act::Fault(fault) => {
                    healed = (*fault == Fault::Heal).then_some(step.at);
                    if healed.is_some() {
                        play.watch.heal(&world);
                    }
                    play.watch.fault(step.at);
                    world.schedule(step.at, fault.clone());
                }
                Act::Expect(expected) => play.expect(&world, expected),
                Act::End => {
                    end = Some(step.at);
                    break;
                }
            }
        }
        let now = world.now();
        match (end, healed) {
            (Some(_), _) => {}
            (None, Some(at)) => {
                play.until(&mut world, at + self.bounds.settle, &mut show);
                play.rest(&world, Rest::Healed);
                play.watch.expect_order(&world);
                play.until(&mut world, at + self.bounds.settle + QUIET, &mut show);
                play.rest(&world, Rest::Quiet);
            }
            (None, None) => play.until(&mut world, now + self.bounds.calm, &mut show),
        }
        let Play { watch, mut findings, .. } = play;
        let (addresses, found) = watch.finish(&world);
        findings.extend(found);
        findings.sort_by_key(Finding::at);
        Record { name: String::new(), addresses, findings, end: world.now() }
    }
}

/// How long a healed world is watched to see that nothing moves any more.
const QUIET: Duration = Duration::from_secs(5);

struct Play {
    judge: Judge,
    watch: Watch,
    findings: Vec<Finding>,
}

impl Play {
    /// Lets time pass. The checkers stop at their first violation; the watch goes on.
    fn until(&mut self, world: &mut World, until: Instant, show: &mut impl FnMut(&World, &Observation)) {
        let watch = &mut self.watch;
        let mut see = |world: &World, seen: &Observation| {
            show(world, seen);
            watch.see(world, seen);
        };
        if self.judge.found().is_empty() {
            if self.judge.watch(world, until, &mut see) {
                return;
            }
            self.findings.extend(self.judge.found().iter().cloned().map(Finding::Property));
        }
        let mut buffer = Vec::new();
        loop {
            let more = world.step(until);
            world.observed_into(&mut buffer);
            for seen in &buffer {
                see(world, seen);
            }
            if !more {
                return;
            }
        }
    }

    fn rest(&mut self, world: &World, rest: Rest) {
        if self.judge.found().is_empty() && !self.judge.rest(world, rest) {
            self.findings.extend(self.judge.found().iter().cloned().map(Finding::Property));
        }
    }

    fn expect(&mut self, world: &World, expected: &Expectation) {
        let at = world.now();
        let finding = match expected {
            Expectation::State { node, instance, state } => {
                let known = world.node(*node).in_force().instance_named(instance);
                let found = known.and_then(|id| state_of(world, *node, id)).unwrap_or(State::Stopped);
                (found != *state).then(|| Finding::Unexpected {
                    at,
                    expected: expected.clone(),
                    state: Some(found),
                    owners: Vec::new(),
                })
            }
            Expectation::Owner { address, owner } => {
                let owners = watch::owners_of(world, *address);
                (owners.iter().copied().ne(*owner)).then(|| Finding::Unexpected {
                    at,
                    expected: expected.clone(),
                    state: None,
                    owners,
                })
            }
        };
        self.findings.extend(finding);
    }
}
