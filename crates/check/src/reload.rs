//! A new configuration.
//!
//! What goes on keeps its state. A server that joins a check which already runs has its verdict at once.
//! The same configuration again changes nothing.

use alloc::vec::Vec;

use base::{Deadlines, Duration, Instant};

use crate::config::{CheckerId, Config, Server, ServerId, Service, ServiceId, Task, TaskId};
use crate::io::{Event, Output, Reload};
use crate::link::Links;
use crate::machine::Checks;
use crate::pool::{self, Member, Pool, Standing};
use crate::runner::{Runner, Schedules, Subscriber};

/// From the begin of a check to its first try, at least.
const FIRST: Duration = Duration::from_secs(1);

impl Checks {
    pub(crate) fn reload(&mut self, now: Instant, reload: Reload) {
        let Reload { config: Config { tasks, services, link_window }, .. } = reload;
        let kept = self.replace_tasks(now, tasks, &reload.tasks, &reload.alike);
        for (index, service) in services.iter().enumerate() {
            self.subscribe(ServiceId::from_index(index), service);
        }
        self.feeds.renumber(&reload.files, &reload.bfds);
        for (task, runner) in self.runners.iter_mut().enumerate() {
            self.feeds.subscribe(now, TaskId::from_index(task), runner);
            runner.blamed &= link_window.is_some() && runner.config.link.is_some();
        }
        self.links = Links::new(link_window, &self.runners);

        let mut old_pools: Vec<Option<Pool>> =
            core::mem::take(&mut self.pools).into_iter().map(Some).collect();
        self.changed.clear();
        self.pools.reserve_exact(services.len());
        for (index, service) in services.into_iter().enumerate() {
            let old = old(&reload.services, index).and_then(|old| old_pools.get_mut(old.index())?.take());
            let servers = reload.servers.get(index).map_or(&[][..], Vec::as_slice);
            self.replace_pool(ServiceId::from_index(index), service, old.as_ref(), servers, &kept);
        }

        self.deadlines = Deadlines::new(self.runners.len());
        for task in (0..self.runners.len()).map(TaskId::from_index) {
            self.rouse(now, task);
            self.arm(task);
        }
    }

    /// Exchanges the tasks. Returns for each new one the old one whose verdict it has.
    fn replace_tasks(
        &mut self,
        now: Instant,
        tasks: Vec<Task>,
        continued: &[Option<TaskId>],
        alike: &[Option<TaskId>],
    ) -> Vec<Option<TaskId>> {
        let mut before: Vec<Option<Runner>> =
            core::mem::take(&mut self.runners).into_iter().map(Some).collect();
        // Whoever begins where another one is does so before that one goes on.
        let of = |index| before.get(old(alike, index)?.index())?.clone();
        let mut examples: Vec<Option<Runner>> =
            if alike.iter().any(Option::is_some) { (0..tasks.len()).map(of).collect() } else { Vec::new() };
        let mut kept = Vec::with_capacity(tasks.len());
        self.runners.reserve_exact(tasks.len());
        let mut schedules = Schedules::default();
        for (index, task) in tasks.into_iter().enumerate() {
            let shared = schedules.share(task);
            let old = old(continued, index);
            let runner = old.and_then(|old| before.get_mut(old.index())?.take());
            let example = examples.get_mut(index).and_then(Option::take).filter(|_| runner.is_none());
            kept.push(match (&runner, &example) {
                (Some(_), _) => old,
                (None, Some(_)) => self::old(alike, index),
                (None, None) => None,
            });
            self.runners.push(match runner {
                Some(mut runner) => {
                    runner.change(now, shared);
                    runner.subscribers.clear();
                    runner
                }
                None => {
                    let first = task.kind.is_timed().then(|| {
                        let spread = self.rng.below(task.schedule.warmup.as_nanos());
                        now + FIRST + Duration::from_nanos(spread)
                    });
                    let runner = Runner::new(shared, self.slots.take(), first);
                    match example {
                        Some(example) => runner.like(example),
                        None => runner,
                    }
                }
            });
        }
        for mut gone in before.into_iter().flatten() {
            self.outputs.extend(gone.cancel().map(Output::Cancel));
            self.slots.release(gone.slot);
        }
        self.slots.shrink_to_fit();
        for (index, runner) in self.runners.iter().enumerate() {
            self.slots.assign(runner.slot, TaskId::from_index(index));
        }
        kept
    }

    /// Enters the servers of a service with their tasks.
    fn subscribe(&mut self, service: ServiceId, config: &Service) {
        for (server, it) in config.servers.iter().enumerate() {
            for (check, task) in it.checks.iter().enumerate() {
                if let Some(runner) = self.runners.get_mut(task.index()) {
                    runner.subscribers.push(Subscriber {
                        service,
                        server: ServerId::from_index(server),
                        check: CheckerId::from_index(check),
                    });
                }
            }
        }
    }

    fn replace_pool(
        &mut self,
        service: ServiceId,
        mut config: Service,
        old: Option<&Pool>,
        servers: &[Option<ServerId>],
        kept: &[Option<TaskId>],
    ) {
        let servers: Vec<Option<ServerId>> =
            (0..config.servers.len()).map(|index| servers.get(index).copied().flatten()).collect();
        let mut members = Vec::with_capacity(servers.len());
        for (index, server) in core::mem::take(&mut config.servers).into_iter().enumerate() {
            let before = old.zip(servers.get(index).copied().flatten());
            let before = before.and_then(|(old, id)| old.members.get(id.index()));
            let place = (service, ServerId::from_index(index));
            members.push(self.replace_member(place, server, before, kept));
        }
        let mut pool = Pool::new(&config, members);
        if let Some(old) = old {
            pool.resume(old);
        }
        pool.settle(service, old.is_none(), &mut self.outputs);
        pool.refresh_all();
        pool.dirty |= !old.is_some_and(|old| pool.wants_the_same(old, &servers));
        if pool.dirty {
            self.changed.push_back(service);
        }
        self.pools.push(pool);
    }

    /// A server, and what there is to tell about it.
    fn replace_member(
        &mut self,
        (service, server): (ServiceId, ServerId),
        config: Server,
        before: Option<&Member>,
        kept: &[Option<TaskId>],
    ) -> Member {
        let mut unheard = config.clone();
        for (index, task) in config.checks.iter().enumerate() {
            let Some(runner) = self.runners.get(task.index()).filter(|runner| runner.heard) else { continue };
            let old_task = old(kept, task.index());
            let had = |before: &Member| old_task.is_some_and(|task| before.config.checks.contains(&task));
            if !before.is_some_and(had) {
                let check = CheckerId::from_index(index);
                let (step, passed, failures, changed) = (runner.step, runner.up, runner.failures, true);
                let was = !runner.config.schedule.alpha;
                let event = Event::Checked { service, server, check, step, passed, was, failures, changed };
                self.outputs.push_back(Output::Event(event));
            }
            // A server that is new begins as its checks do that were never heard.
            unheard.checks.retain(|other| other != task);
        }
        let standing = Standing::of(&config, &self.runners);
        let reference =
            before.map_or_else(|| Standing::of(&unheard, &self.runners), |member| member.standing);
        pool::tell(service, server, reference, standing, &mut self.outputs);
        Member::new(config, standing, before.is_some_and(Member::was_known))
    }
}

/// What the new object at `index` continues.
fn old<T: Copy>(continued: &[Option<T>], index: usize) -> Option<T> {
    continued.get(index).copied().flatten()
}
