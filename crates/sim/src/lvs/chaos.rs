//! Random worlds of load balancing: configurations, faults and their times follow from one seed.
//!
//! A run has two halves, as those of [`crate::chaos`]: first faults of a random set of kinds come and go;
//! then all is healed, and after the bounds of the configurations everything must be in order and nothing
//! may move; a reload of the same changes nothing, a reload to something else and back comes to the same
//! table, which is that of a fresh start; a stop leaves nothing.

use std::sync::Arc;

use base::{Duration, Instant, Rng};
use engine::lvs::table::SyncHalf;
use model::Model;
use model::lvs::{Destination, GroupEntry};

use super::checker::{Judge, Rest};
use super::family::Family;
use super::fault::{Edit, Fault};
use super::kernel::Mood;
use super::observe::Seen;
use super::shadow::table::Wanted;
use super::sources::{State, Target, deadline};
use super::world::World;
use crate::chaos::Outcome;
use crate::checker::Violation;

/// Runs a random world for `whole` or a little longer; `show` is handed everything that happens.
///
/// # Panics
///
/// If a random configuration can't be run.
pub fn run(seed: u64, whole: Duration, mut show: impl FnMut(&Seen)) -> Outcome {
    let mut rng = Rng::new(seed);
    let models = match Family::random(&mut rng).models() {
        Ok(models) => models,
        Err(text) => panic!("seed {seed}: {text}"),
    };
    let mut world = World::new(models, rng.next_u64());
    let mut judge = Judge::new();
    let begin = world.now();
    world.schedule(begin, Fault::Start(0));
    let end = begin + whole.mul_div(2, 3);
    let faults = Swarm::random(&mut rng).plan(&mut world, &mut rng, end);
    let mut observations = 0;
    let mut count = |seen: &Seen| {
        observations += 1;
        show(seen);
    };
    let mut violations = Vec::new();
    if let Some(more) = judged(&mut world, &mut judge, &mut rng, end, &mut count) {
        violations.push(more);
    }
    violations.extend(judge.found().iter().cloned());
    let span = world.now().since(begin);
    Outcome { span, observations, faults, violations }
}

/// Chaos, healing, quiet, reloads, the end. What no checker sees is returned.
fn judged(
    world: &mut World,
    judge: &mut Judge,
    rng: &mut Rng,
    end: Instant,
    show: &mut impl FnMut(&Seen),
) -> Option<Violation> {
    if !judge.watch(world, end, &mut *show) {
        return None;
    }
    let second = Duration::from_secs(1);
    world.schedule(end, Fault::Heal);
    // Whoever is stopping needs some time for it.
    world.schedule(end + second * 6, Fault::Start(0));
    world.schedule(end + second * 7, Fault::Reload(0));
    let settle = settling(&world.models);
    if !judge.watch(world, end + second * 7 + settle, &mut *show) || !judge.rest(world, Rest::Healed) {
        return None;
    }
    let mut at = world.now() + second * 65;
    if !judge.watch(world, at, &mut *show) || !judge.rest(world, Rest::Quiet) {
        return None;
    }
    world.schedule(at, Fault::Reload(0));
    at += second * 2;
    if !judge.watch(world, at, &mut *show) || !judge.rest(world, Rest::Reloaded) {
        return None;
    }
    let before = judge.shadow().wanted().clone();
    if rng.below(4) == 0 {
        world.schedule(at, Fault::Reload(1));
        world.schedule(at + second, Fault::Reload(0));
        at += settle;
        if !judge.watch(world, at, &mut *show) {
            return None;
        }
        let after = judge.shadow().wanted();
        // Without any weight the quorum depends on what it was.
        let weighty = world.models.iter().flat_map(|m| &m.lvs.services).all(|s| s.service.quorum.weight > 0);
        let steady = weighty && judge.shadow().pools.values().all(|pool| pool.up && !pool.suspended);
        if *after != before && steady {
            let text = "a reload to something else and back changes the table";
            return Some(told(world, format!("{text}: {before:?} to {after:?}")));
        }
        if !judge.rest(world, Rest::Back) {
            return None;
        }
        if let Some(differs) = unlike_a_start(world, judge, settle) {
            return Some(told(world, differs));
        }
    }
    world.schedule(at, Fault::Stop { keep: rng.below(6) == 0 });
    if judge.watch(world, at + second * 5, show) {
        judge.rest(world, Rest::Stopped);
    }
    None
}

fn told(world: &World, text: String) -> Violation {
    Violation { property: "R2", at: world.now(), node: None, text }
}

/// **R2** What the shadow says of a fresh start with the same history as far as it still counts: everything is
/// well. Services whose quorum is within the band of hysteresis depend on more than that.
fn unlike_a_start(world: &World, judge: &Judge, settle: Duration) -> Option<String> {
    let mut fresh = World::new(world.models.clone(), 1);
    let now = fresh.now();
    for address in world.models.iter().flat_map(|model| addresses(model)) {
        if world.has_address(address) {
            fresh.schedule(now, Fault::Address(address, true));
        }
    }
    fresh.schedule(now, Fault::Start(0));
    let mut other = Judge::new();
    other.watch(&mut fresh, now + settle, |_| {});
    let (one, two): (&Wanted, &Wanted) = (judge.shadow().wanted(), other.shadow().wanted());
    let up = |judge: &Judge| judge.shadow().pools.values().all(|pool| pool.up && !pool.suspended);
    (up(judge) && up(&other) && one != two).then(|| format!("{one:?} after reloads, {two:?} after a start"))
}

/// How long it takes until all is in order after the last fault: checks that begin, fail and pass, the period of
/// the resync, the longest pause between two tries.
fn settling(models: &[Arc<Model>]) -> Duration {
    let servers = models.iter().flat_map(|model| &model.lvs.services).flat_map(|service| &service.servers);
    let of = |checker: &model::lvs::Checker| {
        let s = checker.schedule;
        let each = s.delay_loop.max(s.delay_before_retry) + deadline(checker);
        s.warmup + each * 5
    };
    let checks =
        servers.flat_map(|server| &server.checkers).map(|checker| of(checker)).max().unwrap_or_default();
    Duration::from_secs(1 + 62 + 32) + checks
}

/// The addresses of the services that wait for one.
fn addresses(model: &Model) -> Vec<std::net::IpAddr> {
    let of = |service: &model::lvs::VirtualServer| match service.service.destination {
        Destination::Address { address, .. } => vec![address],
        Destination::Mark(_) => Vec::new(),
        Destination::Group { group, .. } => {
            let entries = model.lvs.group(group).into_iter().flat_map(|group| &group.entries);
            let first = |entry: &GroupEntry| match entry {
                GroupEntry::Addresses(range, _) => Some(range.first),
                GroupEntry::Mark(..) => None,
            };
            entries.filter_map(first).collect()
        }
    };
    model.lvs.services.iter().flat_map(of).collect()
}

/// Kinds of faults.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Target,
    Dark,
    Url,
    Status,
    File,
    Bfd,
    Address,
    Unable,
    Mood,
    Edit,
    Reload,
    Same,
    Kill,
    Stop,
    Stall,
}

const KINDS: [Kind; 15] = [
    Kind::Target,
    Kind::Dark,
    Kind::Url,
    Kind::Status,
    Kind::File,
    Kind::Bfd,
    Kind::Address,
    Kind::Unable,
    Kind::Mood,
    Kind::Edit,
    Kind::Reload,
    Kind::Same,
    Kind::Kill,
    Kind::Stop,
    Kind::Stall,
];

/// Which faults come, and how often.
struct Swarm {
    /// Some more than once.
    kinds: Vec<Kind>,
    /// The mean time between two.
    every: Duration,
}

impl Swarm {
    fn random(rng: &mut Rng) -> Self {
        let mut kinds = vec![Kind::Target; 4];
        for kind in KINDS {
            for _ in 0..rng.below(5).saturating_sub(2) {
                kinds.push(kind);
            }
        }
        Self { kinds, every: Duration::from_millis(500 + rng.below(9_500)) }
    }

    /// Schedules faults up to `end`; how many.
    fn plan(&self, world: &mut World, rng: &mut Rng, end: Instant) -> u64 {
        let mut at = world.now() + Duration::from_nanos(rng.below(5_000_000_000));
        let mut count = 0;
        // The kernel lacks IPVS at first, now and then.
        if rng.below(10) == 0 {
            world.schedule(world.now(), Fault::Mood(Mood { missing: true, ..Mood::default() }));
            let later = world.now() + Duration::from_secs(1 + rng.below(90));
            world.schedule(later, Fault::Mood(Mood::default()));
            count += 1;
        }
        for address in world.models.clone().iter().flat_map(|model| addresses(model)) {
            if rng.below(2) == 0 {
                world.schedule(world.now(), Fault::Address(address, true));
            }
        }
        while at < end {
            let kind = self.kinds[usize::try_from(rng.below(self.kinds.len() as u64)).unwrap_or(0)];
            for (after, fault) in faults(kind, world, rng) {
                world.schedule((at + after).min(end), fault);
                count += 1;
            }
            at += Duration::from_nanos(1 + rng.below(2 * self.every.as_nanos()));
        }
        count
    }
}

fn target(world: &World, rng: &mut Rng) -> Option<Target> {
    let at = usize::try_from(rng.below(world.sources.targets.len().max(1) as u64)).ok()?;
    world.sources.targets.keys().nth(at).cloned()
}

/// A fault and what ends it, each some time after now.
fn faults(kind: Kind, world: &World, rng: &mut Rng) -> Vec<(Duration, Fault)> {
    let now = Duration::ZERO;
    let soon = Duration::from_millis(rng.below(20_000));
    let which = usize::try_from(rng.below(world.models.len() as u64)).unwrap_or(0);
    let once = |fault: Option<Fault>| fault.map(|fault| (now, fault)).into_iter().collect();
    match kind {
        Kind::Target => {
            let state = match rng.below(9) {
                0..3 => State::Up,
                3 | 4 => State::Down,
                5 => State::Hung,
                6 => State::Slow,
                7 => State::Brown(u8::try_from(10 + rng.below(81)).unwrap_or(50)),
                _ => State::Flapping(Duration::from_millis(500 + rng.below(20_000))),
            };
            once(target(world, rng).map(|target| Fault::Target(target, state)))
        }
        Kind::Dark => {
            // No host can be reached, for a while.
            let state = if rng.below(2) == 0 { State::Down } else { State::Hung };
            let hosts = world.sources.targets.keys().filter(|t| matches!(t, Target::Host(..)));
            let both = |host: &Target| {
                [
                    (now, Fault::Target(host.clone(), state)),
                    (soon * 3, Fault::Target(host.clone(), State::Up)),
                ]
            };
            hosts.flat_map(both).collect()
        }
        Kind::Url => {
            let url = usize::try_from(rng.below(3)).unwrap_or(0);
            let fails = rng.below(2) == 0;
            once(target(world, rng).map(|target| Fault::Url(target, url, fails)))
        }
        Kind::Status => {
            let status = [0, 0, 1, 2, 3, 40, 255][usize::try_from(rng.below(7)).unwrap_or(0)];
            let command = world.sources.targets.keys().find(|t| matches!(t, Target::Command(_))).cloned();
            let chosen = target(world, rng).filter(|t| matches!(t, Target::Command(_))).or(command);
            once(chosen.map(|target| Fault::Status(target, status)))
        }
        Kind::File => {
            let value =
                [0, 1, 5, -3, -200, 1_000_000_000, i32::MIN][usize::try_from(rng.below(7)).unwrap_or(0)];
            let files: Vec<_> = world.sources.files.keys().cloned().collect();
            once(files.get(which % files.len().max(1)).cloned().map(|path| Fault::File(path, value)))
        }
        Kind::Bfd => {
            let up = rng.below(2) == 0;
            let names: Vec<_> = world.sources.bfds.keys().cloned().collect();
            once(names.get(which % names.len().max(1)).cloned().map(|name| Fault::Bfd(name, up)))
        }
        Kind::Address => {
            let all: Vec<_> = world.models.iter().flat_map(|model| addresses(model)).collect();
            let exists = rng.below(2) == 0;
            let at = usize::try_from(rng.below(all.len().max(1) as u64)).unwrap_or(0);
            // Some are back soon: it may be before what was under way has ended.
            let back = (rng.below(2) == 0).then_some(soon.mul_div(1, 4));
            let change = |address: &std::net::IpAddr| {
                let back = back.map(|back| (back, Fault::Address(*address, !exists)));
                [(now, Fault::Address(*address, exists))].into_iter().chain(back).collect::<Vec<_>>()
            };
            all.get(at).map(change).unwrap_or_default()
        }
        Kind::Unable => vec![(now, Fault::Unable(true)), (soon, Fault::Unable(false))],
        Kind::Mood => {
            let percent = u8::try_from(10 + rng.below(90)).unwrap_or(50);
            let mood = match rng.below(5) {
                0 => Mood { missing: true, ..Mood::default() },
                1 => Mood { failing: percent, ..Mood::default() },
                2 => Mood { lying: percent, ..Mood::default() },
                _ => Mood { slow: Duration::from_millis(1 + rng.below(3_000)), ..Mood::default() },
            };
            let mut faults = vec![(now, Fault::Mood(mood)), (soon, Fault::Mood(Mood::default()))];
            if mood.lying > 0 {
                // What was taken out and is wanted again is believed to be there, until the table is read.
                let step = soon.mul_div(1, 50);
                let models = world.models.len().max(1);
                let nth = (1..8).zip(which..);
                faults.extend(nth.map(|(n, model)| (step * n, Fault::Reload((model + 1) % models))));
            }
            faults
        }
        Kind::Edit => {
            let n = rng.next_u64();
            let half = if n.is_multiple_of(2) { SyncHalf::Master } else { SyncHalf::Backup };
            let edit = match rng.below(11) {
                0 => Edit::Clear,
                1 => Edit::DelService(n),
                2 | 3 => Edit::DelServer(n),
                4 => Edit::Weight(n, u32::try_from(rng.below(5)).unwrap_or(0)),
                5 => Edit::Settings(n),
                6 => Edit::AddService,
                7 => Edit::AddServer(n),
                8 => Edit::StopSync(half),
                9 => Edit::StartSync(half, n / 2),
                _ => Edit::Timeouts,
            };
            vec![(now, Fault::Edit(edit))]
        }
        Kind::Reload => vec![(now, Fault::Reload(which))],
        Kind::Same => vec![(now, Fault::Again)],
        Kind::Kill => vec![(now, Fault::Kill), (soon.min(Duration::from_secs(3)), Fault::Start(which))],
        Kind::Stop => {
            let keep = rng.below(4) == 0;
            let mut faults = vec![(now, Fault::Stop { keep }), (Duration::from_secs(5), Fault::Start(which))];
            // Some are stopped again before they have read anything.
            if soon.as_millis().is_multiple_of(4) {
                let soon = Duration::from_secs(5) + Duration::from_micros(which as u64 * 20);
                faults.push((soon, Fault::Stop { keep }));
                faults.push((Duration::from_secs(10), Fault::Start(which)));
            }
            faults
        }
        Kind::Stall => vec![(now, Fault::Stall(Duration::from_millis(rng.below(4_000))))],
    }
}
