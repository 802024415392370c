//! The machine: answers to verdicts, verdicts to pools, pools to what the kernel should hold.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use base::{Deadlines, Instant, Machine, Rng};

use crate::config::{CheckerId, Config, ServerId, ServiceId, TaskId};
use crate::feed::Feeds;
use crate::io::{
    Answer, Event, Input, Output, Reload, RunId, ServerSnapshot, Snapshot, TaskSnapshot, Wanted,
};
use crate::link::Links;
use crate::pool::{Member, Pool};
use crate::runner::{Run, Runner, Told};
use crate::slots::Slots;

/// So many outputs of a turn are nothing unusual.
const USUAL: usize = 1024;

/// All checks and all pools of one process.
#[derive(Debug)]
pub struct Checks {
    /// By [`TaskId`].
    pub(crate) runners: Vec<Runner>,
    /// By [`ServiceId`].
    pub(crate) pools: Vec<Pool>,
    pub(crate) feeds: Feeds,
    pub(crate) links: Links,
    pub(crate) slots: Slots,
    pub(crate) deadlines: Deadlines,
    /// Services that somebody has to look at.
    pub(crate) changed: VecDeque<ServiceId>,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) rng: Rng,
    pub(crate) stopped: bool,
}

impl Checks {
    /// Builds the pools of `config`; the first checks start a second after `now`, each later by a time
    /// at random below its warmup, for which `seed` is. Drain the outputs and
    /// [`poll_changed`](Self::poll_changed): initial quorums are told, and all services have changed.
    #[must_use]
    pub fn new(config: Config, now: Instant, seed: u64) -> Self {
        let mut checks = Self {
            runners: Vec::new(),
            pools: Vec::new(),
            feeds: Feeds::default(),
            links: Links::default(),
            slots: Slots::default(),
            deadlines: Deadlines::new(0),
            changed: VecDeque::new(),
            outputs: VecDeque::new(),
            rng: Rng::new(seed),
            stopped: false,
        };
        checks.reload(
            now,
            Reload {
                config,
                tasks: Vec::new(),
                alike: Vec::new(),
                services: Vec::new(),
                servers: Vec::new(),
                files: Vec::new(),
                bfds: Vec::new(),
            },
        );
        checks
    }

    /// A service whose [`wanted`](Self::wanted) set changed since it was last returned here.
    pub fn poll_changed(&mut self) -> Option<ServiceId> {
        let Some(service) = self.changed.pop_front() else {
            self.changed.shrink_to(USUAL);
            return None;
        };
        if let Some(pool) = self.pools.get_mut(service.index()) {
            pool.dirty = false;
        }
        Some(service)
    }

    /// What the kernel's table should hold for a service; `None` if there is no such service.
    #[must_use]
    pub fn wanted(&self, service: ServiceId) -> Option<Wanted<'_>> {
        self.pools.get(service.index()).map(Pool::wanted)
    }

    /// How a server stands; `None` if there is no such server.
    #[must_use]
    pub fn server(&self, service: ServiceId, server: ServerId) -> Option<ServerSnapshot> {
        self.pools.get(service.index())?.members.get(server.index()).map(Member::snapshot)
    }

    /// Whether the quorum of a service is there; `None` if there is no such service.
    #[must_use]
    pub fn quorum_up(&self, service: ServiceId) -> Option<bool> {
        self.pools.get(service.index()).map(|pool| pool.quorum_up)
    }

    /// The task that makes a check; `None` if there is no such check.
    #[must_use]
    pub fn task_of(&self, service: ServiceId, server: ServerId, check: CheckerId) -> Option<TaskId> {
        let member = self.pools.get(service.index())?.members.get(server.index())?;
        member.config.checks.get(check.index()).copied()
    }

    /// Whether a task's check counts as passing; `None` if there is no such task.
    #[must_use]
    pub fn task_up(&self, task: TaskId) -> Option<bool> {
        self.runners.get(task.index()).map(|runner| runner.up)
    }

    /// How a task's check stands; `None` if there is no such task.
    #[must_use]
    pub fn task(&self, task: TaskId) -> Option<TaskSnapshot> {
        self.runners.get(task.index()).map(Runner::snapshot)
    }

    /// How everything stands.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            tasks: self.runners.iter().map(Runner::snapshot).collect(),
            services: self.pools.iter().map(Pool::snapshot).collect(),
        }
    }

    /// Brings the queue of deadlines up to date.
    pub(crate) fn arm(&mut self, task: TaskId) {
        let deadline = self.runners.get(task.index()).and_then(Runner::deadline);
        self.deadlines.set(task.index(), deadline);
    }

    /// A task is due.
    fn fire(&mut self, now: Instant, task: TaskId) {
        let Some(runner) = self.runners.get_mut(task.index()) else { return };
        runner.next = None;
        // A run that was cancelled may not have ended yet: its answer starts the next one.
        if runner.run.is_none() {
            let run = self.slots.next_run(runner.slot);
            runner.run = Some(Run { id: run, started: now, cancelled: false });
            self.outputs.push_back(Output::Start { run, task, step: runner.step });
        }
        self.arm(task);
    }

    fn probed(&mut self, now: Instant, run: RunId, answer: Answer) {
        let Some(task) = self.slots.task(run) else { return };
        let Some(runner) = self.runners.get_mut(task.index()) else { return };
        let Some(ended) = runner.run.take_if(|under_way| under_way.id == run) else { return };
        if ended.cancelled {
            runner.next = runner.next.or(Some(now));
            self.arm(task);
            return;
        }
        let step = runner.step;
        let told = runner.answered(now, answer);
        let delay = told.map_or(runner.config.schedule.delay_loop, |told| told.delay);
        runner.reschedule(now, ended.started, delay);
        self.arm(task);
        match told {
            Some(told) => self.heard(now, &[(task, told)]),
            None => self.unable(task, step),
        }
    }

    /// Checks said something at one time: most often a single one.
    pub(crate) fn heard(&mut self, now: Instant, all: &[(TaskId, Told)]) {
        let mut touched = Vec::new();
        for (task, _) in all.iter().filter(|(_, told)| told.passed) {
            self.acquit(*task, &mut touched);
        }
        for (task, told) in all.iter().filter(|(_, told)| told.tell) {
            self.tell(*task, *told);
        }
        for (task, _) in all.iter().filter(|(_, told)| told.lost) {
            self.suspect(now, *task, &mut touched);
        }
        // Whose fault it is is known before anything follows from it: nothing moves to and fro.
        match all {
            [(task, told)] if touched.is_empty() => {
                if told.changed || told.weighs {
                    self.fan_out(*task);
                }
            }
            _ => {
                let matters = all.iter().filter(|(_, told)| told.changed || told.weighs);
                touched.extend(matters.map(|(task, _)| *task));
                self.fan_out_all(&touched);
            }
        }
    }

    fn tell(&mut self, task: TaskId, told: Told) {
        let Some(runner) = self.runners.get(task.index()) else { return };
        let Told { passed, was, step, changed, .. } = told;
        let failures = runner.failures;
        self.outputs.extend(runner.subscribers.iter().map(|it| {
            let (service, server, check) = (it.service, it.server, it.check);
            Output::Event(Event::Checked { service, server, check, step, passed, was, failures, changed })
        }));
    }

    fn unable(&mut self, task: TaskId, step: u32) {
        let Some(runner) = self.runners.get(task.index()) else { return };
        self.outputs.extend(runner.subscribers.iter().map(|it| {
            let (service, server, check) = (it.service, it.server, it.check);
            Output::Event(Event::Unable { service, server, check, step })
        }));
    }

    /// Looks again at every server that a task stands for.
    pub(crate) fn fan_out(&mut self, task: TaskId) {
        let Some(runner) = self.runners.get(task.index()) else { return };
        // They are in the order of the configuration.
        for of_service in runner.subscribers.chunk_by(|a, b| a.service == b.service) {
            let Some(service) = of_service.first().map(|it| it.service) else { continue };
            let Some(pool) = self.pools.get_mut(service.index()) else { continue };
            let servers = of_service.iter().map(|it| it.server);
            if pool.update(service, servers, &self.runners, &mut self.outputs)
                && !core::mem::replace(&mut pool.dirty, true)
            {
                self.changed.push_back(service);
            }
        }
    }

    /// Looks again at every server that any of several tasks stands for.
    pub(crate) fn fan_out_all(&mut self, tasks: &[TaskId]) {
        let runners = tasks.iter().filter_map(|task| self.runners.get(task.index()));
        let all = runners.flat_map(|runner| &runner.subscribers).map(|it| (it.service, it.server));
        let mut all: Vec<(ServiceId, ServerId)> = all.collect();
        all.sort_unstable();
        for of_service in all.chunk_by(|(a, _), (b, _)| a == b) {
            let Some((service, _)) = of_service.first().copied() else { continue };
            let Some(pool) = self.pools.get_mut(service.index()) else { continue };
            let servers = of_service.iter().map(|(_, server)| *server);
            if pool.update(service, servers, &self.runners, &mut self.outputs)
                && !core::mem::replace(&mut pool.dirty, true)
            {
                self.changed.push_back(service);
            }
        }
    }

    fn suspend(&mut self, now: Instant, service: ServiceId, suspended: bool) {
        let Some(pool) = self.pools.get_mut(service.index()) else { return };
        if !pool.suspend(suspended) {
            return;
        }
        let servers = pool.members.len();
        for server in 0..servers {
            for check in 0.. {
                let pool = self.pools.get(service.index());
                let member = pool.and_then(|pool| pool.members.get(server));
                let Some(&task) = member.and_then(|member| member.config.checks.get(check)) else { break };
                self.rouse(now, task);
            }
        }
    }

    /// A task is awake as long as any service needs it.
    pub(crate) fn rouse(&mut self, now: Instant, task: TaskId) {
        let Some(runner) = self.runners.get_mut(task.index()) else { return };
        let needs = |service: ServiceId| self.pools.get(service.index()).is_some_and(|pool| !pool.suspended);
        let awake = runner.subscribers.iter().any(|it| needs(it.service));
        if awake == runner.awake {
            return;
        }
        if awake {
            runner.wake(now);
        } else if let Some(run) = runner.rest(now) {
            self.outputs.push_back(Output::Cancel(run));
        }
        self.arm(task);
    }

    fn stop(&mut self) {
        self.stopped = true;
        self.deadlines = Deadlines::new(0);
        for runner in &mut self.runners {
            runner.next = None;
            self.outputs.extend(runner.cancel().map(Output::Cancel));
        }
    }

    /// Does what is due, each task at most once: it is armed again only when its run is answered.
    fn run(&mut self, now: Instant) {
        for _ in 0..self.runners.len() {
            let Some(index) = self.deadlines.due(now) else { return };
            self.fire(now, TaskId::from_index(index));
        }
    }
}

impl Machine for Checks {
    type Input<'a> = Input;
    type Output = Output;

    fn handle_input(&mut self, now: Instant, input: Input) {
        if self.stopped {
            return;
        }
        match input {
            Input::Probed { run, answer } => self.probed(now, run, answer),
            Input::File { file, value } => self.file_told(now, file, value),
            Input::Bfd { session, up } => self.bfd_told(now, session, up),
            Input::Suspend { service, suspended } => self.suspend(now, service, suspended),
            Input::Reload(reload) => self.reload(now, *reload),
            Input::Stop => self.stop(),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.run(now);
    }

    fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front();
        if output.is_none() {
            // After a flood: at the start, or when everything fails at once.
            self.outputs.shrink_to(USUAL);
        }
        output
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.earliest()
    }
}
