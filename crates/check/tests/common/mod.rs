//! A world around the machine: it holds the machine to its contract and remembers what it said.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::collections::BTreeMap;

use base::{Duration, Instant, Machine};
use vipd_check::Checks;
use vipd_check::config::{
    Config, Kind, Quorum, Schedule, Server, ServerId, Service, ServiceId, Sorry, Task, TaskId,
};
use vipd_check::io::{Answer, Event, Input, Output, PoolEvent, Reload, RunId};

pub(crate) const PASSED: Answer = Answer::Passed { status: 0 };
pub(crate) const FAILED: Answer = Answer::Failed;
pub(crate) const S0: ServiceId = ServiceId(0);
pub(crate) const T0: TaskId = TaskId(0);

pub(crate) fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(crate) fn schedule() -> Schedule {
    Schedule {
        delay_loop: secs(10),
        retry: 0,
        delay_before_retry: secs(3),
        warmup: Duration::ZERO,
        alpha: false,
        log_all_failures: false,
    }
}

pub(crate) fn probe(schedule: Schedule) -> Task {
    urls(schedule, 1, false)
}

pub(crate) fn urls(schedule: Schedule, steps: u32, fast_recovery: bool) -> Task {
    Task { schedule, kind: Kind::Probe { steps, fast_recovery }, link: None }
}

pub(crate) fn server(weight: u32, checks: &[u32]) -> Server {
    Server { weight, inhibit: false, checks: checks.iter().copied().map(TaskId).collect() }
}

pub(crate) fn service(servers: Vec<Server>) -> Service {
    Service {
        quorum: Quorum { weight: 1, hysteresis: 0 },
        servers,
        sorry: None,
        ha_suspend: false,
        panic_threshold: 0,
    }
}

pub(crate) fn sorry() -> Option<Sorry> {
    Some(Sorry { inhibit: false, same_as: None })
}

pub(crate) fn one(task: Task) -> Config {
    Config { tasks: vec![task], services: vec![service(vec![server(5, &[0])])], link_window: None }
}

pub(crate) fn quorum(up: bool, initial: bool, weight: u64) -> Event {
    Event::Pool(PoolEvent::Quorum { service: S0, up, initial, weight })
}

pub(crate) fn guard(active: bool, living: u32, known: u32) -> Event {
    Event::Pool(PoolEvent::Guard { service: S0, active, living, known })
}

/// The weight of a living server changed.
pub(crate) fn weight(server: u32, from: u32, to: u32) -> Event {
    Event::Pool(PoolEvent::Weight { service: S0, server: ServerId(server), from, to, alive: true })
}

/// Everything in `config` continues what has the same id.
pub(crate) fn same(config: Config) -> Reload {
    Reload {
        tasks: (0..config.tasks.len()).map(|i| Some(TaskId::from_index(i))).collect(),
        services: (0..config.services.len()).map(|i| Some(ServiceId::from_index(i))).collect(),
        alike: Vec::new(),
        servers: config
            .services
            .iter()
            .map(|s| (0..s.servers.len()).map(|i| Some(ServerId::from_index(i))).collect())
            .collect(),
        files: (0..8).map(|i| Some(vipd_check::config::FileId(i))).collect(),
        bfds: (0..8).map(|i| Some(vipd_check::config::BfdId(i))).collect(),
        config,
    }
}

pub(crate) struct World {
    pub(crate) checks: Checks,
    pub(crate) now: Instant,
    /// Runs that wait for an answer, those that were cancelled included.
    pub(crate) running: BTreeMap<RunId, (TaskId, u32)>,
    pub(crate) cancelled: Vec<RunId>,
    /// Every start so far.
    pub(crate) starts: Vec<(Instant, TaskId, u32)>,
    /// Since they were last taken.
    pub(crate) events: Vec<Event>,
    pub(crate) changed: Vec<ServiceId>,
}

impl World {
    pub(crate) fn new(config: Config) -> Self {
        Self::seeded(config, 1)
    }

    pub(crate) fn seeded(config: Config, seed: u64) -> Self {
        let checks = Checks::new(config, Instant::ZERO, seed);
        let mut world = Self {
            checks,
            now: Instant::ZERO,
            running: BTreeMap::new(),
            cancelled: Vec::new(),
            starts: Vec::new(),
            events: Vec::new(),
            changed: Vec::new(),
        };
        world.drain();
        world
    }

    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.checks.poll_output() {
            match output {
                Output::Start { run, task, step } => {
                    assert!(self.running.values().all(|it| it.0 != task), "a task runs twice");
                    assert!(self.running.insert(run, (task, step)).is_none(), "a number of a run twice");
                    self.starts.push((self.now, task, step));
                }
                Output::Cancel(run) => {
                    assert!(self.running.contains_key(&run), "cancels what doesn't run");
                    assert!(!self.cancelled.contains(&run), "cancels twice");
                    self.cancelled.push(run);
                }
                Output::Event(event) => self.events.push(event),
            }
        }
        let mut changed = Vec::new();
        while let Some(service) = self.checks.poll_changed() {
            assert!(!changed.contains(&service), "a service twice");
            changed.push(service);
        }
        self.changed.extend(changed);
    }

    pub(crate) fn tell(&mut self, input: Input) {
        self.checks.handle_input(self.now, input);
        self.drain();
    }

    pub(crate) fn reload(&mut self, reload: Reload) {
        // Ids of tasks are others now; what runs is found by its number.
        let continued = reload.tasks.clone();
        self.checks.handle_input(self.now, Input::Reload(Box::new(reload)));
        for (task, _) in self.running.values_mut() {
            let place = continued.iter().position(|old| *old == Some(*task));
            *task = place.map_or(TaskId(u32::MAX), TaskId::from_index);
        }
        self.drain();
    }

    /// Goes to the next timer; `false` if there is none.
    pub(crate) fn next(&mut self) -> bool {
        let Some(at) = self.checks.poll_timeout() else { return false };
        self.at(self.now.max(at));
        true
    }

    pub(crate) fn at(&mut self, now: Instant) {
        self.now = now;
        self.checks.handle_timeout(now);
        self.drain();
        assert!(self.checks.poll_timeout().is_none_or(|at| at > now), "a timer is due after the turn");
    }

    /// Lets time pass until the task runs, and says when it began. Others are not answered.
    pub(crate) fn start(&mut self, task: TaskId) -> (Instant, u32) {
        for _ in 0..100 {
            if self.run(task).is_some() {
                let (at, _, step) = self.starts.iter().rev().find(|it| it.1 == task).unwrap();
                return (*at, *step);
            }
            assert!(self.next(), "nothing more will ever run");
        }
        panic!("{task:?} does not run");
    }

    pub(crate) fn run(&self, task: TaskId) -> Option<RunId> {
        let live = |run: &RunId| !self.cancelled.contains(run);
        self.running.iter().find(|(run, it)| it.0 == task && live(run)).map(|(run, _)| *run)
    }

    /// Answers the task's next run.
    pub(crate) fn answer(&mut self, task: TaskId, answer: Answer) {
        self.start(task);
        let run = self.run(task).unwrap();
        self.answer_run(run, answer);
    }

    pub(crate) fn answer_run(&mut self, run: RunId, answer: Answer) {
        assert!(self.running.remove(&run).is_some());
        self.cancelled.retain(|it| *it != run);
        self.tell(Input::Probed { run, answer });
    }

    pub(crate) fn take(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    pub(crate) fn wanted(&self, service: ServiceId) -> (Vec<Option<u32>>, Option<u32>) {
        let wanted = self.checks.wanted(service).unwrap();
        (wanted.servers.to_vec(), wanted.sorry)
    }

    pub(crate) fn servers(&self) -> Vec<Option<u32>> {
        self.wanted(S0).0
    }
}

/// An instant, in seconds.
pub(crate) fn at(n: u64) -> Instant {
    Instant::ZERO + secs(n)
}
