//! Which script runs when, how long, and how it is ended: decisions only, no process is touched.
//!
//! Every script belongs to a [`Purpose`]. Check scripts run at once. Notify scripts run one after
//! another per object, so that the state which they leave behind is that of the last change; the
//! next one starts when the previous one ended. Readers of FIFOs run until the end.
//!
//! A script is ended with its whole process group: SIGTERM, and SIGKILL when the grace is over. Its
//! leader is reaped only after that last signal: as long as it is a zombie its number belongs to
//! nobody else, so that the signal cannot hit a stranger.

use std::collections::{BTreeMap, VecDeque};

use base::{Duration, Instant};
use engine::io::{FifoKind, Object, Outcome, RunId};
use model::Command;

use crate::log::Line;

/// From SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_secs(2);
/// The same while the daemon stops.
const GRACE_AT_STOP: Duration = Duration::from_secs(1);
/// From the last SIGKILL until a script is given up: it hangs in the kernel.
const LAST_WAIT: Duration = Duration::from_secs(10);
/// How long a notify script may still run once another one of its object waits.
const PATIENCE: Duration = Duration::from_secs(30);
/// At a stop each notify script that still has to run gets so long, unless it has a limit already.
const LIMIT_AT_STOP: Duration = Duration::from_secs(1);
/// At a stop everything gets SIGKILL after so long; the supervisor waits 5 seconds by default.
const STOP_WITHIN: Duration = Duration::from_millis(3_500);
/// [`LAST_WAIT`] at a stop.
const LAST_WAIT_AT_STOP: Duration = Duration::from_millis(500);
/// So many notifications of one object may wait.
const MOST_WAITING: usize = 64;
/// So many notify scripts may be young: a failover of 255 instances must not fork 255 times at once.
const MOST_YOUNG: usize = 64;
/// A script is young for so long; those that run on must not keep others from starting.
const YOUNG: Duration = Duration::from_secs(1);
/// So many check scripts run at the same time.
const MOST_CHECKS: usize = 256;

/// A script from its arrival to its end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct JobId(pub u64);

/// A run of a check. Run ids are those of one process that asks; the number of its channel tells them
/// apart from those of others, and from those of the process before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Check {
    /// The number of the channel that it came through.
    pub channel: u64,
    /// Its id there.
    pub run: RunId,
}

/// What a script is run for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Purpose {
    /// A check; answered by [`Action::Checked`].
    Check(Check),
    /// A notification of an object.
    Notify(Object),
    /// `startup_script`, `shutdown_script`; answered by [`Action::Ran`].
    Task(u64),
    /// The script that reads a FIFO.
    Reader(FifoKind),
}

/// What is to be done, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Start the script in a process group of its own. Answered by [`Jobs::ended`], also if that fails.
    Start {
        /// Which.
        job: JobId,
        /// What.
        command: Command,
        /// Arguments behind those of the command.
        extra: Vec<Box<str>>,
    },
    /// Send SIGTERM to its process group.
    Terminate(JobId),
    /// Send SIGKILL to its process group.
    Kill(JobId),
    /// Collect its process and forget it.
    Reap(JobId),
    /// How a check ended; once for each.
    Checked(Check, Outcome),
    /// How a task ended; once for each.
    Ran(u64, Outcome),
    /// The reader of a FIFO ended by itself.
    ReaderEnded(FifoKind),
    /// A script doesn't die, not even of SIGKILL.
    Stuck(JobId, Box<str>),
    /// A line for the log about an object.
    Log(Object, Line),
}

#[derive(Debug)]
struct Job {
    purpose: Purpose,
    command: Command,
    extra: Vec<Box<str>>,
    limit: Option<Duration>,
    phase: Phase,
}

/// Where a job stands.
#[derive(Debug)]
enum Phase {
    /// Others come first.
    Waiting,
    /// It runs since then, at most until the deadline.
    Running { since: Instant, deadline: Option<Instant> },
    /// It got SIGTERM, or SIGKILL (`killed` times) when the time had come.
    Ending { why: Why, next: Instant, killed: u32 },
    /// Its leader is gone, others of its group may be there until SIGKILL comes.
    Lingering { until: Instant },
    /// It doesn't even die of SIGKILL; it is no longer counted.
    Stuck,
}

/// Why a script was ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Why {
    TimedOut,
    Cancelled,
}

/// All scripts.
#[derive(Debug, Default)]
pub struct Jobs {
    jobs: BTreeMap<JobId, Job>,
    last: u64,
    /// For each object the jobs that have to run, the running one first.
    queues: BTreeMap<Object, VecDeque<JobId>>,
    /// Notifications whose turn it is.
    ready: VecDeque<JobId>,
    /// Checks that wait for others to end.
    checks: VecDeque<JobId>,
    /// When everything has to be over, if the daemon stops.
    stopping: Option<Instant>,
    /// The time of the last call.
    seen: Instant,
    actions: VecDeque<Action>,
}

impl Jobs {
    /// No scripts.
    pub fn new() -> Self {
        Self::default()
    }

    /// A script is to be run, at most for `limit` once it has started.
    pub fn submit(
        &mut self,
        now: Instant,
        purpose: Purpose,
        command: Command,
        extra: Vec<Box<str>>,
        limit: Option<Duration>,
    ) -> JobId {
        self.seen = now;
        self.last += 1;
        let id = JobId(self.last);
        let limit = if self.stopping.is_some() { limit.or(Some(LIMIT_AT_STOP)) } else { limit };
        self.jobs.insert(id, Job { purpose: purpose.clone(), command, extra, limit, phase: Phase::Waiting });
        match purpose {
            Purpose::Check(_) => self.checks.push_back(id),
            Purpose::Notify(object) => self.enqueue(now, object, id),
            Purpose::Task(_) | Purpose::Reader(_) => self.start(now, id),
        }
        self.fill(now);
        id
    }

    fn enqueue(&mut self, now: Instant, object: Object, id: JobId) {
        let queue = self.queues.entry(object.clone()).or_default();
        let first = queue.front().copied();
        queue.push_back(id);
        if queue.len() > MOST_WAITING + 1
            && let Some(oldest) = queue.remove(1)
            && let Some(job) = self.jobs.remove(&oldest)
        {
            let line = format!(
                "{} skipping notify script {}, too many are waiting",
                label(&object),
                job.command.text
            );
            self.actions.push_back(Action::Log(object.clone(), Line::warning(line)));
        }
        match first.and_then(|f| self.jobs.get_mut(&f)) {
            None => self.ready.push_back(id),
            Some(job) => {
                if let Phase::Running { deadline, .. } = &mut job.phase {
                    let patience = now + PATIENCE;
                    *deadline = Some(deadline.map_or(patience, |d| d.min(patience)));
                }
            }
        }
    }

    /// The leader of a job is a zombie now, or could not be started.
    pub fn ended(&mut self, now: Instant, id: JobId, outcome: Outcome) {
        self.seen = now;
        let Some(job) = self.jobs.get_mut(&id) else { return };
        match job.phase {
            Phase::Waiting | Phase::Lingering { .. } => {}
            Phase::Running { .. } => {
                if job.purpose_is_reader() && self.stopping.is_none() {
                    self.tell_reader_ended(id);
                }
                self.actions.push_back(Action::Reap(id));
                self.finish(now, id, outcome);
                self.jobs.remove(&id);
            }
            Phase::Ending { why, next, killed } => {
                let outcome = if why == Why::TimedOut { Outcome::TimedOut } else { outcome };
                if killed == 0 {
                    job.phase = Phase::Lingering { until: next };
                    self.finish(now, id, outcome);
                } else {
                    self.actions.push_back(Action::Reap(id));
                    self.finish(now, id, outcome);
                    self.jobs.remove(&id);
                }
            }
            Phase::Stuck => {
                self.actions.push_back(Action::Reap(id));
                self.jobs.remove(&id);
            }
        }
        self.fill(now);
    }

    fn tell_reader_ended(&mut self, id: JobId) {
        if let Some(Purpose::Reader(kind)) = self.jobs.get(&id).map(|j| &j.purpose) {
            self.actions.push_back(Action::ReaderEnded(*kind));
        }
    }

    /// Answers for a job whose leader is gone, and makes room for the next one.
    fn finish(&mut self, now: Instant, id: JobId, outcome: Outcome) {
        let Some(purpose) = self.jobs.get(&id).map(|j| j.purpose.clone()) else { return };
        match purpose {
            Purpose::Check(check) => self.actions.push_back(Action::Checked(check, outcome)),
            Purpose::Task(task) => self.actions.push_back(Action::Ran(task, outcome)),
            Purpose::Reader(_) => {}
            Purpose::Notify(object) => self.advance(now, &object, id),
        }
    }

    fn advance(&mut self, now: Instant, object: &Object, ended: JobId) {
        let Some(queue) = self.queues.get_mut(object) else { return };
        queue.retain(|j| *j != ended);
        match queue.front() {
            None => {
                self.queues.remove(object);
            }
            Some(&next) => self.ready.push_back(next),
        }
        self.fill(now);
    }

    /// Starts what may start.
    fn fill(&mut self, now: Instant) {
        let mut running = self.running(|p| matches!(p, Purpose::Check(_)), |_| true);
        while running < MOST_CHECKS
            && let Some(id) = self.checks.pop_front()
        {
            self.start(now, id);
            running += 1;
        }
        let mut young = self.young(now);
        while (young < MOST_YOUNG || self.stopping.is_some())
            && let Some(id) = self.ready.pop_front()
        {
            self.start(now, id);
            young += 1;
        }
    }

    fn running(&self, purpose: impl Fn(&Purpose) -> bool, since: impl Fn(Instant) -> bool) -> usize {
        self.jobs
            .values()
            .filter(|j| purpose(&j.purpose))
            .filter(|j| matches!(j.phase, Phase::Running { since: s, .. } if since(s)))
            .count()
    }

    fn young(&self, now: Instant) -> usize {
        self.running(|p| matches!(p, Purpose::Notify(_)), |since| now < since + YOUNG)
    }

    fn start(&mut self, now: Instant, id: JobId) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let others_wait = match &job.purpose {
            Purpose::Notify(object) => self.queues.get(object).is_some_and(|q| q.len() > 1),
            _ => false,
        };
        let limit = [job.limit, others_wait.then_some(PATIENCE)].into_iter().flatten().min();
        job.phase = Phase::Running { since: now, deadline: limit.map(|l| now + l) };
        let (command, extra) = (job.command.clone(), job.extra.clone());
        self.actions.push_back(Action::Start { job: id, command, extra });
    }

    fn end(&mut self, now: Instant, id: JobId, why: Why) {
        let grace = if self.stopping.is_some() { GRACE_AT_STOP } else { GRACE };
        if let Some(job) = self.jobs.get_mut(&id)
            && let Phase::Running { .. } = job.phase
        {
            job.phase = Phase::Ending { why, next: now + grace, killed: 0 };
            self.actions.push_back(Action::Terminate(id));
        }
    }

    /// A check is no longer wanted; it is still answered.
    pub fn cancel_check(&mut self, now: Instant, check: Check) {
        let is_it =
            |j: &Job| j.purpose == Purpose::Check(check) && !matches!(j.phase, Phase::Lingering { .. });
        if let Some(id) = self.jobs.iter().find(|(_, j)| is_it(j)).map(|(id, _)| *id) {
            self.cancel(now, id);
        }
    }

    /// Nobody waits any more for the checks that came through `channel`: the process that asked for them
    /// is gone.
    pub fn cancel_checks(&mut self, now: Instant, channel: u64) {
        self.cancel_where(now, |check| check.channel == channel);
    }

    fn cancel_where(&mut self, now: Instant, which: impl Fn(&Check) -> bool) {
        for id in self.ids(|p| matches!(p, Purpose::Check(check) if which(check))) {
            self.cancel(now, id);
        }
    }

    fn cancel(&mut self, now: Instant, id: JobId) {
        if matches!(self.jobs.get(&id), Some(Job { phase: Phase::Waiting, .. })) {
            self.checks.retain(|j| *j != id);
            // As if it had been ended by the SIGTERM that it was spared.
            self.finish(now, id, Outcome::Signaled(15));
            self.jobs.remove(&id);
        } else {
            self.end(now, id, Why::Cancelled);
        }
    }

    /// Ends the reader of a FIFO, if it runs.
    pub fn end_reader(&mut self, now: Instant, kind: FifoKind) {
        for id in self.ids(|p| *p == Purpose::Reader(kind)) {
            self.end(now, id, Why::Cancelled);
        }
    }

    /// Whether the reader of a FIFO runs.
    pub fn reader_runs(&self, kind: FifoKind) -> bool {
        self.running(|p| *p == Purpose::Reader(kind), |_| true) > 0
    }

    fn ids(&self, purpose: impl Fn(&Purpose) -> bool) -> Vec<JobId> {
        self.jobs.iter().filter(|(_, j)| purpose(&j.purpose)).map(|(id, _)| *id).collect()
    }

    /// The daemon stops. Checks end. Notifications that run unlimited end; those that wait run, but
    /// not for long. Readers have seen the last line and get a moment to act on it.
    pub fn stop(&mut self, now: Instant) {
        self.seen = now;
        if self.stopping.is_some() {
            return;
        }
        self.stopping = Some(now + STOP_WITHIN);
        self.cancel_where(now, |_| true);
        for id in self.ids(|_| true) {
            let Some(job) = self.jobs.get_mut(&id) else { continue };
            let reader = job.purpose_is_reader();
            match &mut job.phase {
                Phase::Waiting => job.limit = Some(job.limit.map_or(LIMIT_AT_STOP, |l| l.min(LIMIT_AT_STOP))),
                Phase::Running { deadline, .. } if reader => *deadline = Some(now + LIMIT_AT_STOP),
                Phase::Running { .. } if job.limit.is_some_and(|l| l <= LIMIT_AT_STOP) => {}
                Phase::Running { .. } => self.end(now, id, Why::Cancelled),
                Phase::Ending { next, killed: 0, .. } | Phase::Lingering { until: next } => {
                    *next = (*next).min(now + GRACE_AT_STOP);
                }
                Phase::Ending { .. } | Phase::Stuck => {}
            }
        }
        self.fill(now);
    }

    /// Whether nothing is left to be done.
    pub fn is_idle(&self) -> bool {
        self.jobs.is_empty()
    }

    /// What a script is run for, as long as it is known.
    pub fn purpose(&self, id: JobId) -> Option<&Purpose> {
        self.jobs.get(&id).map(|job| &job.purpose)
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.seen = now;
        let stop_over = self.stopping.is_some_and(|s| s <= now);
        for id in self.ids(|_| true) {
            self.check_deadline(now, id, stop_over);
        }
        self.fill(now);
    }

    fn check_deadline(&mut self, now: Instant, id: JobId, stop_over: bool) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        match &mut job.phase {
            Phase::Running { deadline: Some(deadline), .. } if *deadline <= now && !stop_over => {
                if let Purpose::Notify(object) = &job.purpose {
                    let line = format!(
                        "{} notify script {} takes too long - ending it",
                        label(object),
                        job.command.text
                    );
                    self.actions.push_back(Action::Log(object.clone(), Line::warning(line)));
                }
                self.end(now, id, Why::TimedOut);
            }
            Phase::Running { .. } | Phase::Ending { killed: 0 | 1, .. } if stop_over => {
                job.phase = Phase::Ending { why: Why::Cancelled, next: now + LAST_WAIT_AT_STOP, killed: 2 };
                self.actions.push_back(Action::Kill(id));
            }
            Phase::Ending { next, .. } if stop_over && *next > now + LAST_WAIT_AT_STOP => {
                *next = now + LAST_WAIT_AT_STOP;
            }
            Phase::Ending { next, killed, .. } if *next <= now => {
                *killed += 1;
                match *killed {
                    // Once more, should it have forked between the signals.
                    1 => *next = now + GRACE,
                    2 => *next = now + LAST_WAIT,
                    _ => return self.give_up(now, id),
                }
                self.actions.push_back(Action::Kill(id));
            }
            Phase::Lingering { until } if *until <= now || stop_over => {
                self.actions.push_back(Action::Kill(id));
                self.actions.push_back(Action::Reap(id));
                self.jobs.remove(&id);
            }
            Phase::Waiting if stop_over => {
                self.jobs.remove(&id);
            }
            _ => {}
        }
    }

    fn give_up(&mut self, now: Instant, id: JobId) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.phase = Phase::Stuck;
        self.actions.push_back(Action::Stuck(id, job.command.text.clone()));
        self.finish(now, id, Outcome::TimedOut);
        if self.stopping.is_some() {
            self.jobs.remove(&id);
        }
    }

    /// When [`Jobs::handle_timeout`] wants to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let blocked = !self.ready.is_empty();
        let of_job = |j: &Job| match &j.phase {
            Phase::Running { since, deadline } => {
                let grown = *since + YOUNG;
                let awaited = blocked && matches!(j.purpose, Purpose::Notify(_)) && grown > self.seen;
                [*deadline, awaited.then_some(grown)].into_iter().flatten().min()
            }
            Phase::Ending { next, .. } | Phase::Lingering { until: next } => Some(*next),
            Phase::Waiting | Phase::Stuck => None,
        };
        let stop = self.stopping.filter(|s| *s > self.seen && !self.jobs.is_empty());
        self.jobs.values().filter_map(of_job).chain(stop).min()
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }
}

impl Job {
    fn purpose_is_reader(&self) -> bool {
        matches!(self.purpose, Purpose::Reader(_))
    }
}

/// How keepalived's lines name an object.
fn label(object: &Object) -> String {
    match object {
        Object::Instance(name) => format!("({name})"),
        Object::Group(name) => format!("VRRP_Group({name})"),
        Object::Service(name) => name.to_string(),
        Object::Server { service, server } => format!("{server} of {service}"),
    }
}

#[cfg(test)]
mod tests;
