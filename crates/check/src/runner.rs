//! One check: what its answers mean, and when it runs next.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;

use base::{Duration, Instant};
use smallvec::SmallVec;

use crate::config::{CheckerId, Kind, Link, Schedule, ServerId, ServiceId, Task};
use crate::io::{Answer, RunId, TaskSnapshot};

/// A [`Task`] whose schedule is shared with others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Shared {
    pub(crate) schedule: Arc<Schedule>,
    pub(crate) kind: Kind,
    pub(crate) link: Option<Link>,
}

/// The schedules of a configuration, each once: there are many checks and few schedules.
#[derive(Default)]
pub(crate) struct Schedules(BTreeSet<Arc<Schedule>>);

impl Schedules {
    pub(crate) fn share(&mut self, Task { schedule, kind, link }: Task) -> Shared {
        let schedule = match self.0.get(&schedule) {
            Some(known) => known.clone(),
            None => {
                let new = Arc::new(schedule);
                self.0.insert(new.clone());
                new
            }
        };
        Shared { schedule, kind, link }
    }
}

/// A check that runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Runner {
    pub(crate) config: Shared,
    /// Where its runs are numbered.
    pub(crate) slot: u32,
    /// Does it count as passing?
    pub(crate) up: bool,
    /// Was there a verdict yet?
    pub(crate) heard: bool,
    /// So many failures in a row.
    pub(crate) failures: u32,
    /// Which url is next, or is asked now.
    pub(crate) step: u32,
    /// That url is the one that failed last.
    pub(crate) step_failed: bool,
    /// What a dynamic command said last, from 2; 0 if it says nothing.
    pub(crate) status: u8,
    /// The number in the file times the weight.
    pub(crate) product: i64,
    /// When it turned from passing to failing; `None` while it passes, and if it never passed.
    pub(crate) lost_at: Option<Instant>,
    /// Whether its failure is blamed on its link.
    pub(crate) blamed: bool,
    pub(crate) run: Option<Run>,
    /// When it is tried next; `None` while it runs.
    pub(crate) next: Option<Instant>,
    /// Whether any service needs it now; else it rests.
    pub(crate) awake: bool,
    /// Which servers it stands for, in the order of the configuration; most often one.
    pub(crate) subscribers: SmallVec<[Subscriber; 1]>,
}

/// A run that is not answered yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Run {
    pub(crate) id: RunId,
    pub(crate) started: Instant,
    /// Its answer does not count.
    pub(crate) cancelled: bool,
}

/// A place in the list of a server's checks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Subscriber {
    pub(crate) service: ServiceId,
    pub(crate) server: ServerId,
    pub(crate) check: CheckerId,
}

/// What an answer changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Told {
    pub(crate) passed: bool,
    /// It counted as passing before.
    pub(crate) was: bool,
    /// The url that was asked.
    pub(crate) step: u32,
    /// The verdict changed, or is the first.
    pub(crate) changed: bool,
    /// What it adds to weights changed.
    pub(crate) weighs: bool,
    /// It turned from passing, and known to pass, to failing.
    pub(crate) lost: bool,
    /// It is to be told.
    pub(crate) tell: bool,
    /// Until the next try.
    pub(crate) delay: Duration,
}

impl Runner {
    pub(crate) fn new(config: Shared, slot: u32, next: Option<Instant>) -> Self {
        let up = !config.schedule.alpha;
        Self {
            config,
            slot,
            up,
            heard: false,
            failures: 0,
            step: 0,
            step_failed: false,
            status: 0,
            product: 0,
            lost_at: None,
            blamed: false,
            run: None,
            next,
            awake: false,
            subscribers: SmallVec::new(),
        }
    }

    /// Begins where `other` is, which asks the same.
    pub(crate) fn like(self, other: Self) -> Self {
        let Self { config, slot, next, .. } = self;
        let mut runner = Self { slot, next, run: None, awake: false, subscribers: SmallVec::new(), ..other };
        runner.adopt(config);
        runner
    }

    /// Goes on with another configuration. At other times from now on, as if it had just been made: what was
    /// to come much later comes by those.
    pub(crate) fn change(&mut self, now: Instant, config: Shared) {
        if self.config.schedule != config.schedule {
            let longest = config.schedule.delay_loop.max(config.schedule.delay_before_retry);
            self.next = self.next.map(|next| next.min(now + longest));
        }
        self.adopt(config);
    }

    fn adopt(&mut self, config: Shared) {
        self.config = config;
        if self.step >= self.steps() {
            self.step = 0;
        }
        if self.status != 0 && !matches!(self.config.kind, Kind::Command { dynamic: true }) {
            self.status = 0;
        }
    }

    fn steps(&self) -> u32 {
        match self.config.kind {
            Kind::Probe { steps, .. } => steps.max(1),
            Kind::Command { .. } | Kind::File { .. } | Kind::Bfd { .. } => 1,
        }
    }

    /// What it adds to the weight of a server that is configured with `weight`.
    pub(crate) fn offset(&self, weight: u32) -> i64 {
        match self.config.kind {
            Kind::Command { dynamic: true } if self.status >= 2 => {
                i64::from(self.status) - 2 - i64::from(weight)
            }
            Kind::File { .. } if self.up => self.product,
            _ => 0,
        }
    }

    /// The answer to a run: `None` if there is none about the server.
    pub(crate) fn answered(&mut self, now: Instant, answer: Answer) -> Option<Told> {
        let status = match (answer, self.config.kind) {
            (Answer::Unable, _) => return None,
            (Answer::Failed, _) => None,
            (Answer::Passed { status: 0 }, _) | (Answer::Passed { .. }, Kind::Probe { .. }) => Some(0),
            (Answer::Passed { status: status @ 2.. }, Kind::Command { dynamic: true }) => Some(status),
            (Answer::Passed { .. }, _) => None,
        };
        Some(match status {
            Some(status) => {
                let weighs = core::mem::replace(&mut self.status, status) != status;
                Told { weighs, ..self.passed() }
            }
            None => self.failed(now),
        })
    }

    fn passed(&mut self) -> Told {
        let delay_loop = self.config.schedule.delay_loop;
        let was = self.up;
        let sure = was && self.heard;
        let steps = self.steps();
        let step = self.step;
        self.failures = 0;
        self.lost_at = None;
        let was_failed = core::mem::take(&mut self.step_failed);
        let all = if was_failed && steps > 1 && !sure {
            // The url that failed works again: now all have to.
            self.step = 0;
            false
        } else {
            self.step = if step + 1 < steps { step + 1 } else { 0 };
            self.step == 0
        };
        let changed = all && !sure;
        if changed {
            self.up = true;
            self.heard = true;
        }
        let hurried =
            !sure && !changed && matches!(self.config.kind, Kind::Probe { fast_recovery: true, .. });
        Told {
            passed: true,
            was,
            step,
            changed,
            weighs: false,
            lost: false,
            tell: changed || !was,
            delay: if hurried { Duration::ZERO } else { delay_loop },
        }
    }

    fn failed(&mut self, now: Instant) -> Told {
        let schedule = *self.config.schedule;
        self.failures = self.failures.saturating_add(1);
        self.step_failed = true;
        let was = self.up;
        let sure = was && self.heard;
        let tolerated = sure && self.failures <= schedule.retry;
        let changed = !tolerated && (was || !self.heard);
        if changed {
            self.up = false;
            self.heard = true;
            self.lost_at = sure.then_some(now);
        }
        Told {
            passed: false,
            was,
            step: self.step,
            changed,
            weighs: false,
            lost: changed && sure,
            tell: changed || schedule.log_all_failures,
            delay: match (tolerated, self.steps()) {
                (true, _) => schedule.delay_before_retry,
                (false, 1) => schedule.delay_loop,
                (false, _) => schedule.delay_loop.max(schedule.delay_before_retry),
            },
        }
    }

    /// The number in the file that it follows.
    pub(crate) fn file(&mut self, now: Instant, value: i32) -> Told {
        let Kind::File { weight, reverse, .. } = self.config.kind else { return self.follow(now, true) };
        let product = i64::from(value) * i64::from(weight);
        let product = if reverse { -product } else { product };
        let passed = if weight == 0 { (value == 0) != reverse } else { product > i64::from(i32::MIN) };
        let before = self.offset(0);
        self.product = product;
        let told = self.follow(now, passed);
        Told { weighs: self.offset(0) != before, ..told }
    }

    /// The state that it follows: no failure is tolerated.
    pub(crate) fn follow(&mut self, now: Instant, passed: bool) -> Told {
        let was = self.up;
        let changed = !self.heard || was != passed;
        let lost = changed && !passed && self.heard && was;
        self.failures = if passed { 0 } else { self.failures.saturating_add(1) };
        self.heard = true;
        self.up = passed;
        if passed {
            self.lost_at = None;
        } else if lost {
            self.lost_at = Some(now);
        }
        Told { passed, was, step: 0, changed, weighs: false, lost, tell: changed, delay: Duration::ZERO }
    }

    /// A run was answered: when the next one is due.
    pub(crate) fn reschedule(&mut self, now: Instant, started: Instant, delay: Duration) {
        self.next = Some(match self.config.kind {
            Kind::Command { .. } => now.max(started + delay),
            Kind::Probe { .. } | Kind::File { .. } | Kind::Bfd { .. } => now + delay,
        });
    }

    /// It rests from now on; the run to be cancelled, if there is one.
    pub(crate) fn rest(&mut self, now: Instant) -> Option<RunId> {
        self.awake = false;
        let cancelled = self.cancel()?;
        self.next = Some(now + self.config.schedule.delay_loop);
        Some(cancelled)
    }

    /// The answer to the run that is under way won't count.
    pub(crate) fn cancel(&mut self) -> Option<RunId> {
        let run = self.run.as_mut().filter(|run| !run.cancelled)?;
        run.cancelled = true;
        Some(run.id)
    }

    /// It rests no longer: as if its timer had idled meanwhile, once each `delay_loop`.
    pub(crate) fn wake(&mut self, now: Instant) {
        self.awake = true;
        let period = self.config.schedule.delay_loop;
        if let Some(next) = self.next.filter(|next| *next < now) {
            let missed = now.since(next).as_nanos().checked_div(period.as_nanos()).unwrap_or(0);
            self.next = Some(next + period * missed.saturating_add(1));
        }
    }

    /// When it wants to be woken.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.next.filter(|_| self.awake)
    }

    pub(crate) fn snapshot(&self) -> TaskSnapshot {
        TaskSnapshot {
            up: self.up,
            heard: self.heard,
            failures: self.failures,
            step: self.step,
            running: self.run.map(|run| run.id),
            next: self.deadline(),
            status: self.status,
            blamed: self.blamed,
        }
    }
}
