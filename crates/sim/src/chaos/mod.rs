//! Random worlds: configurations, faults and their times follow from one seed.
//!
//! A run has two halves. In the first, faults of a random set of kinds come and go while the checkers hold
//! the engine to what must be true at all times. Then everything is healed, and after the bounds that follow
//! from the configurations the world must be in order: one master for each virtual router, the kernels as
//! the states call for, nothing moves; a reload of the same files changes nothing; a stop leaves nothing.

mod family;
mod swarm;

use base::{Duration, Instant, Rng};

pub use family::Family;
pub use swarm::{Kind, Swarm};

use crate::checker::{Judge, Rest, Violation};
use crate::cluster::longest_wait;
use crate::fault::Fault;
use crate::observe::Observation;
use crate::scenario::{Act, Scenario, Step};
use crate::setup::{Plan, world};
use crate::world::{Pace, World};

/// How a run is to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Everything random follows from it.
    pub seed: u64,
    /// How long faults come and go.
    pub chaos: Duration,
}

impl Options {
    /// A run that takes `whole` in virtual time: most of it is chaos.
    #[must_use]
    pub fn lasting(seed: u64, whole: Duration) -> Self {
        Self { seed, chaos: whole.mul_div(4, 5) }
    }
}

/// What came of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// How much virtual time passed.
    pub span: Duration,
    /// How much happened.
    pub observations: u64,
    /// How many faults there were.
    pub faults: u64,
    /// What did not hold; empty if all is well.
    pub violations: Vec<Violation>,
}

/// Runs a random world; `show` is handed everything that happens.
pub fn run(options: Options, mut show: impl FnMut(&World, &Observation)) -> Outcome {
    let mut rng = Rng::new(options.seed);
    let family = Family::random(&mut rng);
    let plans = family.plans();
    run_plans(&plans, &mut rng, options.chaos, &mut show)
}

/// How long the faults of a random scenario come and go.
const SCENARIO: Duration = Duration::from_secs(120);

/// Random faults for `world` as a scenario that ends with healing; they begin at `begin`, when all has settled.
#[must_use]
pub fn scenario(world: &World, seed: u64, begin: Duration) -> Scenario {
    let mut rng = Rng::new(seed);
    let swarm = Swarm::random(&mut rng);
    let begin = Instant::ZERO + begin;
    let (faults, _) = swarm.timetable(world, &mut rng, begin, SCENARIO);
    let mut steps: Vec<Step> =
        faults.into_iter().map(|(at, fault)| Step { at, act: Act::Fault(fault) }).collect();
    steps.push(Step { at: begin + SCENARIO, act: Act::Fault(Fault::Heal) });
    steps.sort_by_key(|step| step.at);
    Scenario { steps }
}

/// Runs given configurations through random faults.
pub fn run_plans(
    plans: &[Plan],
    rng: &mut Rng,
    chaos: Duration,
    show: &mut impl FnMut(&World, &Observation),
) -> Outcome {
    let mut world = world(plans, Pace::FAIR, rng.next_u64());
    let mut judge = Judge::new(&world);
    for node in world.ids() {
        let at = Instant::ZERO + Duration::from_nanos(rng.below(2_000_000_000));
        world.schedule(at, Fault::Start(node));
    }
    let swarm = Swarm::random(rng);
    // Up to the healing and not beyond it.
    let start = Duration::from_secs(2);
    let faults = swarm.plan(&mut world, rng, Instant::ZERO + start, chaos.saturating_sub(start));
    let mut observations = 0;
    let mut count = |world: &World, seen: &Observation| {
        observations += 1;
        show(world, seen);
    };
    judged(&mut world, &mut judge, chaos, &mut count);
    let span = world.now().since(Instant::ZERO);
    Outcome { span, observations, faults, violations: judge.found().to_vec() }
}

/// Chaos, then healing, quiet, a reload and a stop; ends at the first violation.
fn judged(
    world: &mut World,
    judge: &mut Judge,
    chaos: Duration,
    show: &mut impl FnMut(&World, &Observation),
) {
    let settle = settling(world);
    let mut at = Instant::ZERO + chaos;
    if !judge.watch(world, at, &mut *show) {
        return;
    }
    world.schedule(at, Fault::Heal);
    for node in world.ids() {
        if world.node(node).model != 0 {
            world.schedule(at + Duration::from_nanos(1), Fault::Reload { node, model: 0 });
        }
    }
    at += settle;
    if !judge.watch(world, at, &mut *show)
        || !judge.calm(world, &mut *show)
        || !judge.rest(world, Rest::Healed)
    {
        return;
    }
    at = world.now();
    at += Duration::from_secs(20);
    if !judge.watch(world, at, &mut *show)
        || !judge.calm(world, &mut *show)
        || !judge.rest(world, Rest::Quiet)
    {
        return;
    }
    at = world.now();
    for node in world.ids() {
        world.schedule(at, Fault::Reload { node, model: 0 });
    }
    at += Duration::from_secs(10);
    if !judge.watch(world, at, &mut *show)
        || !judge.calm(world, &mut *show)
        || !judge.rest(world, Rest::Reloaded)
    {
        return;
    }
    at = world.now();
    for node in world.ids() {
        world.schedule(at, Fault::Stop(node));
    }
    at += Duration::from_secs(5);
    if judge.watch(world, at, show) {
        judge.rest(world, Rest::Stopped);
    }
}

/// How long it takes until all is in order after the last fault: restarts, the slowest retry of a socket,
/// scripts, delays, and two elections one after the other.
fn settling(world: &World) -> Duration {
    let models: Vec<_> = world.nodes().iter().flat_map(|n| n.models.clone()).collect();
    let instances = || models.iter().flat_map(|m| &m.instances);
    let longest = instances().map(|i| i.protocol.advert_interval).max().unwrap_or_default();
    let wait = instances().map(|i| longest_wait(i, longest)).max().unwrap_or_default();
    let preempt = instances()
        .map(|i| match i.protocol.preempt {
            vrrp::config::Preempt::After(delay) => delay,
            vrrp::config::Preempt::Never => Duration::ZERO,
        })
        .max()
        .unwrap_or_default();
    let scripts = models
        .iter()
        .flat_map(|m| &m.trackers)
        .filter_map(|t| match &t.source {
            model::TrackerSource::Script(s) => {
                Some((s.interval + s.timeout) * u64::from(s.rise.max(s.fall) + 1))
            }
            _ => None,
        })
        .max()
        .unwrap_or_default();
    let start = models.iter().map(|m| m.global.startup_delay).max().unwrap_or_default();
    let garp = instances().map(|i| i.garp.delay).max().unwrap_or_default();
    let resync = models.iter().map(|m| m.global.resync).max().unwrap_or_default();
    Duration::from_secs(20) + wait * 2 + preempt + scripts + start + garp + resync
}
