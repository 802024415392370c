//! Random lives of random pools, with reloads, beside a shadow that follows the rules in its own words.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use base::{Duration, Machine};
use common::{World, schedule, secs, server, service};
use proptest::prelude::*;
use vipd_check::config::{
    BfdId, Config, FileId, Kind, Link, LinkId, Quorum, Schedule, ServerId, ServiceId, Sorry, Task, TaskId,
};
use vipd_check::io::{Answer, Input, Reload};

/// All tasks that there may be.
const TASKS: usize = 8;
/// The one with several urls: its verdict is believed.
const URLS: usize = 7;
const WEIGHTS: [u32; 4] = [5, 3, 0, 10];

fn task(key: usize, window: bool) -> Task {
    let (retry, alpha) =
        [(0, false), (2, false), (1, true), (0, false)].get(key).copied().unwrap_or((1, false));
    let probe = |steps| Kind::Probe { steps, fast_recovery: true };
    let kind = match key {
        0..3 => probe(1),
        3 => Kind::Command { dynamic: true },
        4 => Kind::File { file: FileId(0), weight: 3, reverse: false },
        5 => Kind::File { file: FileId(1), weight: 0, reverse: false },
        6 => Kind::Bfd { session: BfdId(0) },
        _ => probe(3),
    };
    let link = window.then(|| Link { link: LinkId(0), target: u32::try_from(key).unwrap() });
    Task { schedule: Schedule { retry, alpha, warmup: secs(3), ..schedule() }, kind, link }
}

/// The tasks of a server.
fn checks(service: usize, server: usize, more: bool) -> Vec<usize> {
    let mut checks = vec![(service * 3 + server) % TASKS, (server * 2 + 3) % TASKS];
    checks.dedup();
    if more {
        checks.push(URLS);
    }
    checks
}

#[derive(Clone, Debug)]
struct Pool {
    /// Which servers are there.
    servers: u8,
    quorum: u32,
    hysteresis: u32,
    sorry: u8,
    inhibit: bool,
    panic_threshold: u8,
    /// Servers have one check more.
    more: bool,
    ha_suspend: bool,
}

#[derive(Clone, Debug)]
struct Spec {
    pools: Vec<Option<Pool>>,
    /// The tasks are numbered the other way round.
    reversed: bool,
    window: bool,
}

/// A configuration, and for each place in it what stands there.
struct Built {
    config: Config,
    tasks: Vec<usize>,
    services: Vec<usize>,
    servers: Vec<Vec<usize>>,
}

fn build(spec: &Spec) -> Built {
    let mut tasks = BTreeSet::new();
    let pools: Vec<(usize, &Pool)> =
        spec.pools.iter().enumerate().filter_map(|(key, pool)| Some((key, pool.as_ref()?))).collect();
    let members = |pool: &Pool| (0..4).filter(|i| pool.servers >> i & 1 == 1).collect::<Vec<usize>>();
    for (key, pool) in &pools {
        tasks.extend(members(pool).into_iter().flat_map(|server| checks(*key, server, pool.more)));
    }
    let mut tasks: Vec<usize> = tasks.into_iter().collect();
    if spec.reversed {
        tasks.reverse();
    }
    let id = |key: usize| u32::try_from(tasks.iter().position(|task| *task == key).unwrap()).unwrap();
    let services = pools
        .iter()
        .map(|(key, pool)| {
            let servers = members(pool)
                .into_iter()
                .map(|it| {
                    let ids: Vec<u32> = checks(*key, it, pool.more).into_iter().map(id).collect();
                    vipd_check::config::Server { inhibit: pool.inhibit, ..server(WEIGHTS[it], &ids) }
                })
                .collect();
            vipd_check::config::Service {
                quorum: Quorum { weight: pool.quorum, hysteresis: pool.hysteresis },
                sorry: (pool.sorry > 0).then_some(Sorry {
                    inhibit: pool.sorry & 1 == 1,
                    same_as: (pool.sorry > 2).then_some(ServerId(0)),
                }),
                panic_threshold: pool.panic_threshold,
                ha_suspend: pool.ha_suspend,
                ..service(servers)
            }
        })
        .collect();
    Built {
        config: Config {
            tasks: tasks.iter().map(|key| task(*key, spec.window)).collect(),
            services,
            link_window: spec.window.then_some(secs(20)),
        },
        servers: pools.iter().map(|(_, pool)| members(pool)).collect(),
        services: pools.iter().map(|(key, _)| *key).collect(),
        tasks,
    }
}

fn reload(old: &Built, new: &Built) -> Reload {
    let place = |list: &[usize], key: &usize| list.iter().position(|it| it == key);
    let services: Vec<Option<usize>> = new.services.iter().map(|key| place(&old.services, key)).collect();
    Reload {
        tasks: new.tasks.iter().map(|key| place(&old.tasks, key).map(TaskId::from_index)).collect(),
        servers: services
            .iter()
            .zip(&new.servers)
            .map(|(service, servers)| {
                let find = |key| place(&old.servers[(*service)?], key).map(ServerId::from_index);
                servers.iter().map(find).collect()
            })
            .collect(),
        services: services.into_iter().map(|place| place.map(ServiceId::from_index)).collect(),
        ..common::same(new.config.clone())
    }
}

#[derive(Clone, Debug, Default)]
struct Verdict {
    up: bool,
    heard: bool,
    /// All results, the last one last.
    results: Vec<bool>,
    status: u8,
    value: i32,
}

/// A service: its quorum is there; the weight, quorum and hysteresis it was judged by; who ever was alive.
type Judged = (bool, (i64, i64, i64), BTreeSet<usize>);

#[derive(Default)]
struct Shadow {
    tasks: BTreeMap<usize, Verdict>,
    files: [Option<i32>; 2],
    bfd: Option<bool>,
    pools: BTreeMap<usize, Judged>,
}

impl Shadow {
    fn alive(&self, checks: &[usize]) -> bool {
        checks.iter().all(|key| self.tasks[key].up)
    }

    fn weight(&self, server: usize, checks: &[usize]) -> u32 {
        let initial = i64::from(WEIGHTS[server]);
        let offset = |key: &usize| match key {
            3 => match self.tasks[key].status {
                0 => 0,
                status => i64::from(status) - 2 - initial,
            },
            4 if self.tasks[key].up => 3 * i64::from(self.tasks[key].value),
            _ => 0,
        };
        let weight = initial + checks.iter().map(offset).sum::<i64>();
        u32::try_from(weight.clamp(0, 2_147_483_647)).unwrap()
    }

    /// Each server of a service: key, alive, weight.
    fn members(&self, built: &Built, place: usize, spec: &Spec) -> Vec<(usize, bool, u32)> {
        let key = built.services[place];
        let more = spec.pools[key].as_ref().unwrap().more;
        let member = |server: &usize| {
            let checks = checks(key, *server, more);
            (*server, self.alive(&checks), self.weight(*server, &checks))
        };
        built.servers[place].iter().map(member).collect()
    }

    /// A verdict or a weight changed: a pool sees all of its servers that share the check change at once.
    fn change(&mut self, built: &Built, spec: &Spec, change: impl FnOnce(&mut Self)) {
        let before: Vec<_> =
            (0..built.services.len()).map(|place| self.members(built, place, spec)).collect();
        change(self);
        for (place, members) in before.into_iter().enumerate() {
            let after = self.members(built, place, spec);
            if after != members {
                self.judge(built.services[place], &after, spec);
            }
        }
    }

    fn judge(&mut self, key: usize, members: &[(usize, bool, u32)], spec: &Spec) {
        let config = spec.pools[key].as_ref().unwrap();
        let (q, y) = (i64::from(config.quorum), i64::from(config.hysteresis));
        let weight: i64 = members.iter().filter(|it| it.1).map(|it| i64::from(it.2)).sum();
        let basis = (weight, q, y);
        let new = !self.pools.contains_key(&key);
        let pool = self.pools.entry(key).or_insert((false, basis, BTreeSet::new()));
        if new || pool.1 != basis {
            let lost = weight == 0 || weight < q - y;
            pool.0 = if pool.0 { !lost } else { weight >= q + y };
            pool.1 = basis;
        }
        pool.2.extend(members.iter().filter(|it| it.1).map(|it| it.0));
    }

    fn reload(&mut self, old: Option<&Built>, new: &Built, spec: &Spec) {
        self.tasks.retain(|key, _| new.tasks.contains(key));
        for key in &new.tasks {
            if self.tasks.contains_key(key) {
                continue;
            }
            self.tasks.insert(*key, Verdict { up: !task(*key, false).schedule.alpha, ..Verdict::default() });
            match key {
                4 | 5 => {
                    if let Some(value) = self.files[key - 4] {
                        self.file(*key, value);
                    }
                }
                6 => {
                    if let Some(up) = self.bfd {
                        self.follow(6, up);
                    }
                }
                _ => {}
            }
        }
        self.pools.retain(|key, _| new.services.contains(key));
        for place in 0..new.services.len() {
            let key = new.services[place];
            let before =
                old.and_then(|old| old.services.iter().position(|it| *it == key).map(|i| &old.servers[i]));
            if let (Some(pool), Some(before)) = (self.pools.get_mut(&key), before) {
                // Who was gone is a new one.
                pool.2.retain(|server| before.contains(server) && new.servers[place].contains(server));
            }
            let members = self.members(new, place, spec);
            self.judge(key, &members, spec);
        }
    }

    fn follow(&mut self, key: usize, up: bool) {
        let verdict = self.tasks.get_mut(&key).unwrap();
        (verdict.up, verdict.heard) = (up, true);
    }

    fn file(&mut self, key: usize, value: i32) {
        let passes = if key == 5 { value == 0 } else { 3 * i64::from(value) > -2_147_483_648 };
        self.tasks.get_mut(&key).unwrap().value = value;
        self.follow(key, passes);
    }

    fn answer(&mut self, key: usize, answer: Answer) {
        let task = task(key, false);
        let verdict = self.tasks.get_mut(&key).unwrap();
        let passed = match answer {
            Answer::Unable => return,
            Answer::Failed => false,
            Answer::Passed { status } => key != 3 || status != 1,
        };
        if let (3, true, Answer::Passed { status }) = (key, passed, answer) {
            verdict.status = status;
        }
        verdict.results.push(passed);
        if passed {
            (verdict.up, verdict.heard) = (true, true);
        } else {
            let failures = verdict.results.iter().rev().take_while(|passed| !**passed).count();
            let too_many = failures > usize::try_from(task.schedule.retry).unwrap();
            if !verdict.heard || too_many {
                (verdict.up, verdict.heard) = (false, true);
            }
        }
    }

    /// What the kernel should hold.
    fn wanted(&self, built: &Built, place: usize, spec: &Spec) -> (Vec<Option<u32>>, Option<u32>) {
        let key = built.services[place];
        let config = spec.pools[key].as_ref().unwrap();
        let members = self.members(built, place, spec);
        let (up, _, known) = &self.pools[&key];
        let living = members.iter().filter(|it| it.1).count();
        let panics = living * 100 < usize::from(config.panic_threshold) * known.len();
        let sorry_serves = config.sorry > 0 && !up && !panics;
        let is_sorry = |index| config.sorry > 2 && index == 0;
        let servers: Vec<Option<u32>> = members
            .iter()
            .enumerate()
            .map(|(index, (server, alive, weight))| {
                let kept = *alive || panics && known.contains(server);
                match sorry_serves {
                    true if is_sorry(index) => None,
                    false if kept => Some(*weight),
                    _ => config.inhibit.then_some(0),
                }
            })
            .collect();
        let spare = config.sorry & 1 == 1 && !(is_sorry(0) && servers.first().is_some_and(Option::is_some));
        let sorry = if sorry_serves { Some(1) } else { spare.then_some(0) };
        (servers, sorry)
    }
}

fn compare(world: &World, shadow: &Shadow, built: &Built, spec: &Spec) {
    let snapshot = world.checks.snapshot();
    let blamed = snapshot.tasks.iter().any(|task| task.blamed);
    for (index, key) in built.tasks.iter().enumerate() {
        assert_eq!(snapshot.tasks[index].up, shadow.tasks[key].up, "task {key}");
    }
    for place in 0..built.services.len() {
        let id = ServiceId::from_index(place);
        for (index, (_, alive, weight)) in shadow.members(built, place, spec).into_iter().enumerate() {
            let server = world.checks.server(id, ServerId::from_index(index)).unwrap();
            assert_eq!((server.alive, server.weight), (alive, weight));
        }
        assert_eq!(world.checks.quorum_up(id), Some(shadow.pools[&built.services[place]].0));
        if !blamed {
            assert_eq!(world.wanted(id), shadow.wanted(built, place, spec));
        }
    }
}

#[derive(Clone, Debug)]
enum Op {
    Next,
    Wait(u64),
    Answer(usize, Answer),
    File(u32, i32),
    Bfd(bool),
    Suspend(usize, bool),
    ReloadSame,
    Reload(Spec),
}

fn pool() -> impl Strategy<Value = Pool> {
    let panic = prop_oneof![3 => Just(0), 1 => Just(60)];
    (1..16_u8, 0..12_u32, 0..12_u32, 0..5_u8, any::<bool>(), panic, any::<[bool; 2]>()).prop_map(
        |(servers, quorum, hysteresis, sorry, inhibit, panic_threshold, [more, ha_suspend])| Pool {
            servers,
            quorum,
            hysteresis: hysteresis.min(quorum.saturating_sub(1)),
            sorry,
            inhibit,
            panic_threshold,
            more,
            ha_suspend,
        },
    )
}

fn spec() -> impl Strategy<Value = Spec> {
    (prop::collection::vec(prop::option::weighted(0.8, pool()), 3), any::<bool>(), prop::bool::weighted(0.3))
        .prop_map(|(pools, reversed, window)| Spec { pools, reversed, window })
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        5 => prop_oneof![4 => Just(0), 2 => 0..12_u8, 1 => Just(255)].prop_map(|status| Answer::Passed { status }),
        5 => Just(Answer::Failed),
        1 => Just(Answer::Unable),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        10 => Just(Op::Next),
        2 => (0..30_u64).prop_map(Op::Wait),
        14 => (0..8_usize, answer()).prop_map(|(run, answer)| Op::Answer(run, answer)),
        2 => (0..2_u32, prop_oneof![-3..4_i32, any::<i32>()]).prop_map(|(file, value)| Op::File(file, value)),
        1 => any::<bool>().prop_map(Op::Bfd),
        2 => (0..3_usize, prop::bool::weighted(0.3)).prop_map(|(service, it)| Op::Suspend(service, it)),
        2 => Just(Op::ReloadSame),
        1 => spec().prop_map(Op::Reload),
    ]
}

fn live(mut spec: Spec, seed: u64, ops: Vec<Op>) {
    let mut built = build(&spec);
    let mut world = World::seeded(built.config.clone(), seed);
    let mut shadow = Shadow::default();
    shadow.reload(None, &built, &spec);
    compare(&world, &shadow, &built, &spec);
    // What was said to have changed, and nothing else, differs from what the kernel holds.
    let tables = |world: &World, n: usize| -> Vec<_> {
        (0..n).map(|i| world.wanted(ServiceId::from_index(i))).collect()
    };
    world.changed.clear();
    let mut table = tables(&world, built.services.len());
    for op in ops {
        let mut reloaded = false;
        match op {
            Op::Next => _ = world.next(),
            Op::Wait(n) => {
                let mut end = world.now + Duration::from_secs(n);
                if let Some(next) = world.checks.poll_timeout() {
                    end = end.min(next.max(world.now));
                }
                world.at(end);
            }
            Op::Answer(index, answer) => {
                let runs: Vec<_> = world.running.iter().map(|(run, it)| (*run, it.0)).collect();
                let Some((run, id)) = index.checked_rem(runs.len()).map(|index| runs[index]) else {
                    continue;
                };
                let counts = !world.cancelled.contains(&run);
                world.answer_run(run, answer);
                if counts {
                    let key = built.tasks[id.index()];
                    let urls_up = world.checks.task_up(id);
                    shadow.change(&built, &spec, |shadow| match key {
                        URLS => shadow.tasks.get_mut(&URLS).unwrap().up = urls_up.unwrap(),
                        _ => shadow.answer(key, answer),
                    });
                }
            }
            Op::File(file, value) => {
                world.tell(Input::File { file: FileId(file), value });
                let index = usize::try_from(file).unwrap();
                shadow.files[index] = Some(value);
                if built.tasks.contains(&(index + 4)) {
                    shadow.change(&built, &spec, |shadow| shadow.file(index + 4, value));
                }
            }
            Op::Bfd(up) => {
                world.tell(Input::Bfd { session: BfdId(0), up });
                shadow.bfd = Some(up);
                if built.tasks.contains(&6) {
                    shadow.change(&built, &spec, |shadow| shadow.follow(6, up));
                }
            }
            Op::Suspend(service, suspended) => {
                world.tell(Input::Suspend { service: ServiceId::from_index(service), suspended });
            }
            Op::ReloadSame => {
                let before = (world.checks.snapshot(), world.checks.poll_timeout(), world.cancelled.clone());
                world.take();
                world.reload(reload(&built, &built));
                assert_eq!(
                    (world.checks.snapshot(), world.checks.poll_timeout(), world.cancelled.clone()),
                    before
                );
                assert!(world.take().is_empty() && world.changed.is_empty(), "the same again is something");
            }
            Op::Reload(new) => {
                let next = build(&new);
                world.reload(reload(&built, &next));
                shadow.reload(Some(&built), &next, &new);
                (spec, built, reloaded) = (new, next, true);
            }
        }
        compare(&world, &shadow, &built, &spec);
        let now = tables(&world, built.services.len());
        if !reloaded {
            for (place, (now, before)) in now.iter().zip(&table).enumerate() {
                let told = world.changed.contains(&ServiceId::from_index(place));
                assert!(now == before || told, "a change was not told");
            }
        }
        world.changed.clear();
        table = now;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_life_of_every_pool_agrees_with_its_shadow(
        spec in spec(),
        seed in any::<u64>(),
        ops in prop::collection::vec(op(), 1..120),
    ) {
        live(spec, seed, ops);
    }
}
