//! What the core of verdicts says: runs of probes, what is to be told, and what it wants of the kernel.

use base::{Instant, Machine};
use check::io::{Event as Told, Input as ToCore, Output};
use model::lvs::{ServerId, ServiceId};

use super::balancer::Balancer;
use super::io::{Answer, Effect, Failure, OpError, RunId};
use super::news::{Event, PoolEvent};
use super::notify;
use super::wanted::{Member, Pool};

/// What the core does not need to know about the answer that it was just given.
#[derive(Debug, Default)]
pub(super) enum Cause {
    /// There is nothing more to know.
    #[default]
    None,
    Failure(Failure),
    Unable(OpError),
}

impl Cause {
    /// Why a check failed.
    fn failure(&self, passed: bool) -> Option<Failure> {
        match self {
            _ if passed => None,
            Self::Failure(failure) => Some(failure.clone()),
            // The only one that fails although it ran well: a command with another status than 0.
            Self::None | Self::Unable(_) => Some(Failure::Told),
        }
    }
}

impl Balancer {
    /// A probe was answered.
    pub(super) fn probed(&mut self, now: Instant, run: RunId, answer: Answer) {
        let (answer, cause) = match answer {
            Answer::Passed { status: 0 } => (check::io::Answer::Passed { status: 0 }, Cause::None),
            Answer::Passed { status } => {
                (check::io::Answer::Passed { status }, Cause::Failure(Failure::Exited(status)))
            }
            Answer::Failed(failure) => (check::io::Answer::Failed, Cause::Failure(failure)),
            Answer::Unable(error) => (check::io::Answer::Unable, Cause::Unable(error)),
        };
        self.core.handle_input(now, ToCore::Probed { run: check::io::RunId(run.0), answer });
        self.drain(&cause);
    }

    /// The core is told something that has no cause beyond itself.
    pub(super) fn hand(&mut self, now: Instant, input: ToCore) {
        self.core.handle_input(now, input);
        self.drain(&Cause::None);
    }

    /// Does what the core wants done.
    pub(super) fn drain(&mut self, cause: &Cause) {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Start { run, task, step } => {
                    let Some(checker) = self.plan.checker(task).cloned() else { continue };
                    let url = usize::try_from(step).unwrap_or(usize::MAX);
                    self.out.push(Effect::Probe { run: RunId(run.0), checker, url });
                }
                Output::Cancel(run) => self.out.push(Effect::Cancel(RunId(run.0))),
                Output::Event(told) => self.told(told, cause),
            }
        }
        self.whole_mail.clear();
        while let Some(service) = self.core.poll_changed() {
            self.weigh(service);
        }
    }

    fn told(&mut self, told: Told, cause: &Cause) {
        let Self { model, plan, core, out, .. } = self;
        match told {
            Told::Checked { service, server, check: checker, step, passed, was, failures, changed } => {
                let failure = cause.failure(passed);
                if changed
                    && let Some(task) = core.task_of(service, server, checker)
                    && let Some(probe) = plan.checker(task).map(|checker| &checker.probe)
                {
                    // Of the first verdict there is no mail if it is what was taken for granted.
                    if was == passed {
                        if !passed && notify::tells_first_failure(probe) {
                            notify::server(model, service, server, false, out);
                        }
                    } else if model.mail.only_whole_servers {
                        self.whole_mail.push((service, server, task, failure.clone()));
                    } else {
                        let alive = core.server(service, server).is_some_and(|server| server.alive);
                        notify::check_mail(model, service, server, probe, failure.as_ref(), alive, out);
                    }
                }
                let url = usize::try_from(step).unwrap_or(usize::MAX);
                out.event(Event::Checked { service, server, checker, url, failure, was, failures, changed });
            }
            Told::Unable { service, server, check: checker, .. } => {
                if let Cause::Unable(error) = cause {
                    let error = error.clone();
                    out.event(Event::Unable { service, server, checker, error });
                }
            }
            Told::Pool(event) => self.pool(event),
            Told::Link { link, blamed, checks } => {
                let way = plan.way(link);
                out.event(Event::Way { way, blamed, checks });
            }
        }
    }

    fn pool(&mut self, event: PoolEvent) {
        let Self { model, plan, out, .. } = self;
        out.event(Event::Pool(event));
        match event {
            PoolEvent::Server { service, server, alive } => {
                notify::server(model, service, server, alive, out);
                let last = self.whole_mail.iter().rfind(|(of, which, ..)| (*of, *which) == (service, server));
                if let Some((_, _, task, failure)) = last
                    && let Some(checker) = plan.checker(*task)
                {
                    let failure = failure.as_ref();
                    notify::check_mail(model, service, server, &checker.probe, failure, alive, out);
                }
            }
            PoolEvent::Quorum { service, up, initial, weight } => {
                notify::quorum(model, service, up, out);
                notify::quorum_mail(model, service, up, initial, weight, out);
            }
            PoolEvent::Weight { .. } | PoolEvent::Sorry { .. } | PoolEvent::Guard { .. } => {}
        }
    }

    /// What the core wants of a service is handed on as far as it changed.
    fn weigh(&mut self, service: ServiceId) {
        let Self { core, kernel, model, pools, .. } = self;
        let (Some(wanted), Some(count)) = (core.wanted(service), pools.get(service.index())) else { return };
        let count = wanted.servers.len().max(count.servers.len());
        for index in 0..count {
            let weight = wanted.servers.get(index).copied().flatten();
            let Some(pool) = pools.get_mut(service.index()) else { return };
            let Some(place) = pool.servers.get_mut(index).filter(|place| **place != weight) else { continue };
            *place = weight;
            kernel.weigh(&model.lvs, pools, service, Member::Server(ServerId::from_index(index)));
        }
        let Some(pool) = pools.get_mut(service.index()).filter(|pool| pool.sorry != wanted.sorry) else {
            return;
        };
        pool.sorry = wanted.sorry;
        kernel.weigh(&model.lvs, pools, service, Member::Sorry);
    }
}

/// What the core wants of every service; all are taken for handed on.
pub(super) fn pools(core: &mut check::Checks, services: usize) -> Vec<Pool> {
    while core.poll_changed().is_some() {}
    let pool = |index| {
        let wanted = core.wanted(ServiceId::from_index(index));
        wanted.map_or_else(Pool::default, |wanted| Pool {
            servers: wanted.servers.to_vec(),
            sorry: wanted.sorry,
        })
    };
    (0..services).map(pool).collect()
}
