//! Time and the order of things: what comes from outside, the balancer's turns, the kernel's work.
//!
//! Operations are done in the order in which they were asked for, each some time after it, and answered in
//! that order, some time later still. What a probe finds is decided when it ends.

mod act;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use base::{Duration, Instant, Machine, Rng};
use engine::lvs::Balancer;
use engine::lvs::io::{Answer, Effect, Input, OpId, Operation, RunId};
use engine::lvs::table::Table;
use model::Model;
use model::lvs::Checker;

use super::fault::Fault;
use super::kernel::Kernel;
use super::observe::{Asked, Seen, Turn, What};
use super::sources::Sources;

/// The shortest time that the kernel takes.
const QUICK: Duration = Duration::from_micros(20);

/// Something that will happen.
#[derive(Debug)]
enum Event {
    Fault(Fault),
    /// The kernel does the next thing.
    Kernel,
    /// Something for the daemon of this life.
    Input(u64, Box<Given>),
    /// A run ends that began so long before.
    Ended(u64, RunId),
}

/// An input, not yet handed in.
#[derive(Debug)]
enum Given {
    Table(Result<Table, engine::lvs::io::OpError>),
    Done(OpId, Result<(), engine::lvs::io::OpError>),
    File(Box<str>),
    Bfd(base::Name),
    Address(IpAddr, bool),
    Reload(usize),
    Stop(bool),
}

/// What the kernel is asked for.
#[derive(Debug)]
enum Job {
    Dump { sync: bool },
    Operation(OpId, Operation),
}

/// A run under way.
#[derive(Debug)]
struct Run {
    checker: Arc<Checker>,
    url: usize,
    began: Instant,
}

/// The daemon's process.
#[derive(Debug)]
struct Process {
    balancer: Balancer,
    life: u64,
    runs: BTreeMap<RunId, Run>,
    /// It isn't scheduled before.
    stalled: Instant,
}

/// A director in its world.
#[derive(Debug)]
pub struct World {
    now: Instant,
    rng: Rng,
    sequence: u64,
    queue: BTreeMap<(Instant, u64), Event>,
    /// The kernel.
    pub kernel: Kernel,
    jobs: VecDeque<(u64, Job)>,
    last_job: Instant,
    last_answer: Instant,
    /// What the kernel has done and not yet answered.
    unanswered: usize,
    /// What checks ask.
    pub sources: Sources,
    /// Addresses of the host.
    addresses: BTreeSet<IpAddr>,
    /// The configurations that there are.
    pub models: Vec<Arc<Model>>,
    /// The one that was ordered last.
    pub ordered: usize,
    process: Option<Process>,
    lives: u64,
    seen: Vec<Seen>,
}

impl World {
    /// A world in which nothing runs yet.
    #[must_use]
    pub fn new(models: Vec<Arc<Model>>, seed: u64) -> Self {
        let now = Instant::ZERO + Duration::from_secs(100);
        Self {
            now,
            rng: Rng::new(seed),
            sequence: 0,
            queue: BTreeMap::new(),
            kernel: Kernel::default(),
            jobs: VecDeque::new(),
            last_job: now,
            last_answer: now,
            unanswered: 0,
            sources: Sources::new(models.iter().map(AsRef::as_ref)),
            addresses: BTreeSet::new(),
            models,
            ordered: 0,
            process: None,
            lives: 0,
            seen: Vec::new(),
        }
    }

    /// What time it is.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// The balancer, if the daemon runs.
    #[must_use]
    pub fn balancer(&self) -> Option<&Balancer> {
        self.process.as_ref().map(|process| &process.balancer)
    }

    /// The configuration in force.
    #[must_use]
    pub fn model(&self) -> Option<&Arc<Model>> {
        self.balancer().map(Balancer::model)
    }

    /// Whether the kernel owes nothing.
    #[must_use]
    pub fn is_quiescent(&self) -> bool {
        self.jobs.is_empty() && self.unanswered == 0
    }

    /// Whether the daemon is not scheduled just now.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.stalled > self.now)
    }

    /// Whether an address is on the host.
    #[must_use]
    pub fn has_address(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address)
    }

    /// Something is to happen at an instant.
    pub fn schedule(&mut self, at: Instant, fault: Fault) {
        self.enqueue(at, Event::Fault(fault));
    }

    /// Moves all that was seen since the last call to the end of `into`, which is emptied first.
    pub fn observed_into(&mut self, into: &mut Vec<Seen>) {
        into.clear();
        into.append(&mut self.seen);
    }

    /// Lets the next thing happen if it is due until then; `false` if nothing is: it is `until` then.
    pub fn step(&mut self, until: Instant) -> bool {
        let next = self.queue.first_key_value().map(|((at, _), _)| *at);
        let timer = self.process.as_ref().and_then(|process| {
            process.balancer.poll_timeout().map(|at| at.max(process.stalled).max(self.now))
        });
        // What came from outside goes before timers of the same instant.
        let first = match (next, timer) {
            (Some(event), Some(timer)) => event.min(timer),
            (Some(at), None) | (None, Some(at)) => at,
            (None, None) => until + Duration::from_nanos(1),
        };
        if first > until {
            self.now = self.now.max(until);
            return false;
        }
        self.now = self.now.max(first);
        if next.is_some_and(|next| next <= first) {
            if let Some(((_, place), event)) = self.queue.pop_first() {
                self.happen(place, event);
            }
        } else {
            self.wake();
        }
        true
    }

    /// Lets everything happen that is due until then; nobody looks.
    pub fn run(&mut self, until: Instant) {
        while self.step(until) {
            self.seen.clear();
        }
        self.seen.clear();
    }

    fn see(&mut self, what: What) {
        self.seen.push(Seen { at: self.now, what });
    }

    fn enqueue(&mut self, at: Instant, event: Event) {
        self.sequence += 1;
        self.queue.insert((at, self.sequence), event);
    }

    /// `place` is where it stood among all that was to happen: whoever isn't scheduled hears of everything in the
    /// order in which it came.
    fn happen(&mut self, place: u64, event: Event) {
        match event {
            Event::Fault(fault) => {
                self.see(What::Fault(fault.clone()));
                self.act(fault);
            }
            Event::Kernel => self.work(),
            Event::Input(life, given) => {
                let Some(process) = self.process.as_ref().filter(|process| process.life == life) else {
                    self.lost(&given);
                    return;
                };
                if process.stalled > self.now {
                    let at = process.stalled;
                    self.queue.insert((at, place), Event::Input(life, given));
                    return;
                }
                self.hand(*given);
            }
            Event::Ended(life, run) => {
                let Some(process) = self.process.as_mut().filter(|process| process.life == life) else {
                    return;
                };
                if process.stalled > self.now {
                    let at = process.stalled;
                    self.queue.insert((at, place), Event::Ended(life, run));
                    return;
                }
                let Some(ended) = process.runs.remove(&run) else { return };
                let taken = self.now.since(ended.began);
                let answer = self.sources.answer(&ended.checker, ended.url, taken, self.now, &mut self.rng);
                self.probed(run, answer);
            }
        }
    }

    /// An answer to somebody who is no more.
    fn lost(&mut self, given: &Given) {
        if matches!(given, Given::Table(_) | Given::Done(..)) {
            self.unanswered = self.unanswered.saturating_sub(1);
        }
    }

    fn probed(&mut self, run: RunId, answer: Answer) {
        self.turn(Turn::Probed(run, answer.clone()), Input::Probed { run, answer });
    }

    fn hand(&mut self, given: Given) {
        let Some(model) = self.model().cloned() else { return };
        let (turn, input) = match given {
            Given::Table(table) => {
                self.unanswered = self.unanswered.saturating_sub(1);
                (Turn::Table(table.is_ok()), Input::Table(table))
            }
            Given::Done(op, result) => {
                self.unanswered = self.unanswered.saturating_sub(1);
                (Turn::Done(op, result.is_ok()), Input::Done { op, result })
            }
            Given::File(path) => {
                let Some(value) = self.sources.files.get(&path).copied() else { return };
                let Some(file) = model.lvs.files.iter().position(|file| file.path == path) else { return };
                let file = model::lvs::CheckFileId::from_index(file);
                (Turn::File(path, value), Input::File { file, value })
            }
            Given::Bfd(name) => {
                let Some(up) = self.sources.bfds.get(&name).copied() else { return };
                let Some(session) = model.lvs.bfds.iter().position(|known| *known == name) else { return };
                let session = model::lvs::CheckBfdId::from_index(session);
                (Turn::Bfd(name, up), Input::Bfd { session, up })
            }
            Given::Address(address, exists) => {
                (Turn::Address(address, exists), Input::Address { address, exists })
            }
            Given::Reload(which) => {
                let Some(next) = self.models.get(which).cloned() else { return };
                self.turn(Turn::Reload(next.clone()), Input::Reload(next.clone()));
                // Whoever watches files and sessions tells of those that are new.
                self.tell_followed(&next, Some(&model));
                return;
            }
            Given::Stop(keep) => (Turn::Stop { keep }, Input::Stop { keep }),
        };
        self.turn(turn, input);
    }

    fn turn(&mut self, turn: Turn, input: Input) {
        self.see(What::Turn(turn));
        let now = self.now;
        if let Some(process) = &mut self.process {
            process.balancer.handle_input(now, input);
        }
        self.drain();
    }

    /// The balancer's time has come; and now and then it is woken once more, for nothing.
    fn wake(&mut self) {
        let now = self.now;
        self.see(What::Turn(Turn::Timeout));
        if let Some(process) = &mut self.process {
            process.balancer.handle_timeout(now);
        }
        self.drain();
        let Some(process) = &mut self.process else { return };
        let before = process.balancer.poll_timeout();
        if self.rng.below(16) == 0 && before.is_none_or(|at| at > now) {
            process.balancer.handle_timeout(now);
            let moved = process.balancer.poll_output().is_some() || process.balancer.poll_timeout() != before;
            self.see(What::Spurious { moved });
        }
    }

    fn drain(&mut self) {
        let mut stopped = false;
        while let Some(effect) = self.process.as_mut().and_then(|process| process.balancer.poll_output()) {
            stopped |= matches!(effect, Effect::Stopped);
            self.interpret(effect);
        }
        let next = self.process.as_ref().and_then(|process| process.balancer.poll_timeout());
        self.see(What::TurnEnd { next });
        if stopped {
            self.process = None;
            self.see(What::Died);
        }
    }

    fn interpret(&mut self, effect: Effect) {
        let life = self.lives;
        match effect {
            Effect::Dump { marks: _, sync } => {
                self.see(What::Asked(Asked::Dump));
                self.employ(life, Job::Dump { sync });
            }
            Effect::Kernel { op, operation } => {
                self.see(What::Asked(Asked::Kernel(op, operation.clone())));
                self.employ(life, Job::Operation(op, operation));
            }
            Effect::Probe { run, checker, url } => {
                let takes = self.sources.takes(&checker, &mut self.rng);
                let at = self.now + takes;
                if let Some(process) = &mut self.process {
                    let begun = Run { checker: checker.clone(), url, began: self.now };
                    process.runs.insert(run, begun);
                }
                self.enqueue(at, Event::Ended(life, run));
                self.see(What::Asked(Asked::Probe { run, checker, url }));
            }
            Effect::Cancel(run) => {
                // It may be over before it is told to end.
                if self.rng.below(2) == 0 {
                    let at = self.now + Duration::from_micros(self.rng.below(3_000));
                    self.enqueue(at, Event::Ended(life, run));
                }
                self.see(What::Asked(Asked::Cancel(run)));
            }
            Effect::Notify(notification) => self.see(What::Asked(Asked::Notify(notification))),
            Effect::Fifo { fifo, line } => self.see(What::Asked(Asked::Fifo(fifo, line))),
            Effect::Mail(mail) => self.see(What::Asked(Asked::Mail(mail))),
            Effect::Event(event) => self.see(What::Asked(Asked::Event(event))),
            Effect::Stopped => self.see(What::Asked(Asked::Stopped)),
        }
    }

    // --- the kernel ---

    fn takes(&mut self) -> Duration {
        QUICK + Duration::from_nanos(self.rng.below(self.kernel.mood.slow.max(QUICK).as_nanos()))
    }

    fn employ(&mut self, life: u64, job: Job) {
        let at = (self.now + self.takes()).max(self.last_job);
        self.last_job = at;
        self.jobs.push_back((life, job));
        self.enqueue(at, Event::Kernel);
    }

    fn work(&mut self) {
        let Some((life, job)) = self.jobs.pop_front() else { return };
        let given = match job {
            Job::Dump { sync } => {
                let table = self.kernel.dump(sync);
                self.see(What::Dumped(table.is_ok()));
                Given::Table(table)
            }
            Job::Operation(op, operation) => {
                let dice = u8::try_from(self.rng.below(100)).unwrap_or(0);
                let serving =
                    |kernel: &Kernel| operation.service().and_then(|key| kernel.serving(key)).unwrap_or(0);
                let before = serving(&self.kernel);
                let (done, result) = self.kernel.perform(&operation, dice);
                let serving = (before, serving(&self.kernel));
                self.see(What::Executed { op, operation, done, ok: result.is_ok(), serving });
                Given::Done(op, result)
            }
        };
        let at = (self.now + self.takes()).max(self.last_answer);
        self.last_answer = at;
        self.unanswered += 1;
        self.enqueue(at, Event::Input(life, Box::new(given)));
    }
}
