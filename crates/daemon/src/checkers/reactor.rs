//! The loop around the balancer.

use std::collections::VecDeque;
use std::sync::Arc;

use base::{Duration, Instant, Machine};
use engine::io::{Outcome, RunId};
use engine::lvs::Balancer;
use engine::lvs::io::{Answer, Effect, Failure, Input};
use engine::lvs::news::Event;
use linux::poll::{Interest, Poll, Ready};
use linux::signals::Signals;
use linux::timer::Timer;
use linux::{OsError, clock, heap, program};
use model::Model;
use model::lvs::{CheckFileId, Checker, Probe};

use super::addresses::Addresses;
use super::kernel::Kernel;
use super::probes::Probes;
use super::{descriptors_of, observe};
use crate::ipc::{CheckersProcessReport, CheckersReport};
use crate::log::Line;
use crate::process::lateness::Histogram;
use crate::process::links::{Links, Order};
use crate::process::schedule;
use crate::process::scripts::{self, Told};
use crate::process::supervisor::Supervisor;

/// What the poll set calls its descriptors.
mod token {
    pub(super) use crate::process::links::token::*;

    pub(super) const TIMER: u64 = OWN;
    pub(super) const ADDRESSES: u64 = OWN + 1;
}

/// If there will be something to do so soon after the begin of a turn, it is waited for without listening,
/// and done in one turn with what comes meanwhile.
///
/// With many checks there is always one due, or one answered; to sleep and wake up costs as much as a third
/// of a check, to the other side, too.
const PAUSE: Duration = Duration::from_millis(1);

/// From so many checks a second on, that is worth it: with fewer of them, each would wait for nothing, once for
/// each step of its conversation.
const MANY: u64 = 2_000;

/// So many events of a turn are nothing unusual.
const USUAL_EVENTS: usize = 256;

/// One balancer and everything that it acts through.
pub struct Reactor<'s> {
    balancer: Balancer,
    model: Arc<Model>,
    generation: u64,
    poll: Poll,
    timer: Timer,
    kernel: Kernel,
    probes: Probes,
    /// Only if somebody wants to know them.
    addresses: Option<Addresses>,
    /// It was told which checks rest at first.
    told_resting: bool,
    links: Links<'s>,
    /// What the balancer has not heard yet.
    answers: VecDeque<Input>,
    /// What has happened in the turn; it is told at its end.
    events: VecDeque<Event>,
    /// Probes that start now were due then.
    due: Instant,
    primed: bool,
    stopping: bool,
    stopped: bool,
    /// When the last turn began.
    began: Instant,
    turns: Histogram,
    /// [`PAUSE`] if there are many checks, or none.
    pause: Duration,
}

impl<'s> Reactor<'s> {
    /// Opens everything that the balancer acts through.
    pub fn new(
        model: Arc<Model>,
        generation: u64,
        supervisor: &'s mut Supervisor,
        signals: Signals,
    ) -> Result<Self, OsError> {
        let mut poll = Poll::new()?;
        let timer = Timer::new()?;
        let mut links = Links::new(supervisor, signals, &mut poll)?;
        poll.add(&timer, token::TIMER, Interest::READ)?;
        links.scripts.configure(scripts::for_checkers(&model, generation));
        let now = clock::now();
        let seed = now.as_nanos() ^ u64::from(std::process::id());
        if model.lvs.is_configured() {
            links.log(Line::new(crate::log::Level::Debug, "Initializing ipvs"));
        }
        let mut reactor = Self {
            balancer: Balancer::new(model.clone(), now, seed),
            generation,
            poll,
            timer,
            kernel: Kernel::open(&model.lvs.settings),
            probes: Probes::new(model.lvs.settings.tls.as_ref()),
            addresses: None,
            told_resting: false,
            links,
            answers: VecDeque::new(),
            events: VecDeque::new(),
            due: now,
            primed: false,
            stopping: false,
            stopped: false,
            began: now,
            turns: Histogram::default(),
            pause: pause(&model),
            model,
        };
        reactor.look_at_addresses();
        reactor.prepare_checks();
        for line in observe::activating(&reactor.model.lvs) {
            reactor.links.supervisor.log(line);
        }
        Ok(reactor)
    }

    /// Logs a line.
    pub fn log(&mut self, line: Line) {
        self.links.supervisor.log(line);
    }

    /// Runs until everything is undone after a request to stop.
    ///
    /// # Errors
    /// Waiting itself fails, which nothing can repair.
    pub fn run(mut self) -> Result<(), OsError> {
        self.due();
        while !self.stopped {
            self.links.watch(&mut self.poll)?;
            let ready = self.wait()?;
            self.began = clock::now();
            self.turn(&ready)?;
            self.turns.record(clock::now().since(self.began));
        }
        self.probes.forbid_pings().into_iter().for_each(|line| self.links.supervisor.log(line));
        Ok(())
    }

    /// Waits until there is something to do.
    fn wait(&mut self) -> Result<Vec<Ready>, OsError> {
        let deadlines = [self.balancer.poll_timeout(), self.probes.poll_timeout()];
        let next = deadlines.into_iter().flatten().min();
        let pause = self.began + if self.probes.is_crowded() { PAUSE } else { self.pause };
        let timeout = if self.kernel.has_work() || self.probes.can_go_on() {
            Some(Duration::ZERO)
        } else if self.probes.has_fresh() || next.is_some_and(|next| next <= pause) {
            // At most a millisecond, in which more comes to be done in the same turn; none with few checks.
            std::thread::sleep(pause.since(clock::now()).into());
            Some(Duration::ZERO)
        } else {
            self.timer.set(next)?;
            None
        };
        Ok(self.poll.wait(timeout)?.to_vec())
    }

    fn turn(&mut self, ready: &[Ready]) -> Result<(), OsError> {
        let is_ready = |token| ready.iter().any(|r| r.token == token);
        if is_ready(token::SIGNALS) {
            while let Some(order) = self.links.signal() {
                self.obey(order);
            }
        }
        if is_ready(token::SUPERVISOR) {
            while let Some(order) = self.links.order(&mut self.poll, self.stopping) {
                self.obey(order);
            }
        }
        if is_ready(token::ADDRESSES) {
            self.hear_addresses();
        }
        if is_ready(token::SCRIPTS) {
            self.hear_scripts();
        }
        ready.iter().for_each(|ready| self.probes.hear(*ready));
        self.probes.look(self.began, &mut self.poll)?;
        self.probes.run();
        self.hear_probes();
        if is_ready(token::TIMER) {
            self.timer.expired();
        }
        self.due();
        self.probes.begin()?;
        self.hear_probes();
        let answers = self.kernel.pump();
        let now = if answers.is_empty() { self.began } else { clock::now() };
        for answer in answers {
            let table = matches!(answer, Input::Table(_));
            let first = table && !std::mem::replace(&mut self.primed, true);
            self.input_at(now, answer);
            // A balancer that was stopped before has looked at nothing: what an earlier process left
            // behind is still there.
            if first && !self.stopping {
                self.links.configured(self.generation);
            } else if table {
                // It may have been large, and the next one is far.
                heap::trim();
            }
        }
        while let Some(event) = self.events.pop_front() {
            self.event(&event);
        }
        self.events.shrink_to(USUAL_EVENTS);
        if self.probes.shrink() {
            heap::trim();
        }
        if self.links.end_turn() {
            // What puts a configuration in force is needed no longer, either.
            program::release();
        }
        Ok(())
    }

    /// Has the balancer do what is due.
    fn due(&mut self) {
        let now = clock::now();
        if let Some(due) = self.balancer.poll_timeout().filter(|at| *at <= now) {
            self.due = due;
            self.balancer.handle_timeout(now);
            self.drain();
        }
    }

    /// Feeds one input and does what follows from it.
    fn input(&mut self, input: Input) {
        self.input_at(clock::now(), input);
    }

    fn input_at(&mut self, now: Instant, input: Input) {
        self.due = now;
        self.balancer.handle_input(now, input);
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            while let Some(effect) = self.balancer.poll_output() {
                self.interpret(effect);
            }
            let Some(answer) = self.answers.pop_front() else { return };
            self.balancer.handle_input(clock::now(), answer);
        }
    }

    fn interpret(&mut self, effect: Effect) {
        match effect {
            Effect::Dump { marks, sync } => self.kernel.dump(marks, sync),
            Effect::Kernel { op, operation } => self.kernel.submit(op, operation),
            Effect::Probe { run, checker, url } => self.probe(run, checker, url),
            Effect::Cancel(run) => self.cancel(run),
            Effect::Notify(notification) => self.links.scripts.notify(notification),
            Effect::Fifo { fifo, line } => self.links.scripts.fifo(fifo, line),
            Effect::Mail(mail) => self.links.scripts.mail(mail),
            Effect::Event(event) => {
                if matches!(event, Event::Reloaded) {
                    // What was told before is in ids of the old model.
                    while let Some(event) = self.events.pop_front() {
                        self.event(&event);
                    }
                }
                self.events.push_back(event);
            }
            Effect::Stopped => self.stopped = true,
        }
    }

    fn probe(&mut self, run: RunId, checker: Arc<Checker>, url: usize) {
        let Probe::Misc(misc) = &checker.probe else {
            self.probes.start(run, checker, url, self.due);
            return;
        };
        if !self.links.scripts.check(run, misc.command.clone(), misc.timeout) {
            self.answer(run, Answer::Failed(Failure::NotStarted));
        }
    }

    fn cancel(&mut self, run: RunId) {
        if self.probes.cancel(run) {
            self.answer(run, Answer::Failed(Failure::TimedOut));
        } else if let Some(outcome) = self.links.scripts.cancel(run) {
            self.answer(run, answer_of(outcome));
        }
    }

    /// Within [`Reactor::drain`], whose loop does what follows.
    fn answer(&mut self, run: RunId, answer: Answer) {
        self.answers.push_back(Input::Probed { run, answer });
    }

    fn event(&mut self, event: &Event) {
        if matches!(event, Event::Reloaded) {
            // Ids are those of the new model from here on.
            self.model = self.balancer.model().clone();
            self.links.configured(self.generation);
        }
        for line in observe::render(&self.model.lvs, event, self.stopping) {
            self.links.supervisor.log(line);
        }
    }

    fn hear_probes(&mut self) {
        while let Some((run, answer)) = self.probes.next() {
            self.input(Input::Probed { run, answer });
        }
        self.probes.take_notes().into_iter().for_each(|line| self.links.supervisor.log(line));
    }

    // --- addresses of this host ---

    /// Begins to look at the addresses of this host if somebody wants to know them.
    fn look_at_addresses(&mut self) {
        // That of the present turn, whose events are not told yet.
        let lvs = &self.balancer.model().lvs;
        let suspends = lvs.services.iter().any(|server| server.service.ha_suspend);
        let wanted = suspends || self.links.supervisor.options().address_monitoring;
        if !wanted || self.addresses.is_some() {
            return;
        }
        let buffer = lvs.settings.netlink_monitor_buffer.and_then(|n| usize::try_from(n).ok());
        let opened = Addresses::open(buffer).and_then(|addresses| {
            self.poll.add(&addresses, token::ADDRESSES, Interest::READ)?;
            Ok(addresses)
        });
        match opened {
            Ok(addresses) => {
                self.addresses = Some(addresses);
                self.links.supervisor.log(Line::info("Registering Kernel netlink reflector"));
            }
            Err(e) => {
                self.links.supervisor.log(Line::error(format!("Netlink: {e}")));
                self.tell_resting();
            }
        }
    }

    fn hear_addresses(&mut self) {
        let Some(addresses) = &mut self.addresses else { return };
        let news = match addresses.read() {
            Ok(news) => news,
            Err(e) => return self.links.supervisor.log(Line::error(format!("Netlink: {e}"))),
        };
        for (address, exists) in news {
            // keepalived tells of those that checks wait for in any case.
            if self.links.supervisor.options().address_monitoring || self.balancer.waits_for(address) {
                let what = if exists { "added" } else { "removed" };
                let text = format!("Netlink reflector reports IP {address} {what}");
                self.links.supervisor.log(Line::info(text));
            }
            self.input(Input::Address { address, exists });
        }
        if self.addresses.as_ref().is_some_and(Addresses::is_listed) {
            self.tell_resting();
        }
    }

    /// Which checks rest at first; that they begin or rest later is told by the balancer.
    fn tell_resting(&mut self) {
        if !std::mem::replace(&mut self.told_resting, true) {
            let lvs = &self.balancer.model().lvs;
            for line in self.balancer.resting().flat_map(|service| observe::deactivating(lvs, service)) {
                self.links.log(line);
            }
        }
    }

    // --- other processes ---

    fn hear_scripts(&mut self) {
        self.links.scripts.flush();
        while let Some(told) = self.links.scripts.receive() {
            match told {
                Told::Checked(run, outcome) => self.input(Input::Probed { run, answer: answer_of(outcome) }),
                Told::File(file, value) => {
                    self.input(Input::File { file: CheckFileId::from_index(file.0), value });
                }
                Told::Gone => return,
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Configure { generation, model } => self.reload(generation, model),
            Order::Snapshot { request, clear } => {
                let report = CheckersReport { engine: self.balancer.snapshot(), process: self.report() };
                self.links.supervisor.report(request, &report);
                if clear {
                    self.turns.clear();
                    self.probes.clear_counters();
                }
            }
            Order::Stop { keep } => self.stop(keep),
        }
    }

    fn reload(&mut self, generation: u64, model: Arc<Model>) {
        for complaint in schedule::allow_files(descriptors_of(&model)) {
            self.links.supervisor.log(complaint);
        }
        self.probes.configure(model.lvs.settings.tls.as_ref());
        self.pause = pause(&model);
        self.links.scripts.configure(scripts::for_checkers(&model, generation));
        self.generation = generation;
        self.input(Input::Reload(model));
        self.look_at_addresses();
        self.prepare_checks();
    }

    /// Tells what checks can't do.
    fn prepare_checks(&mut self) {
        for complaint in self.probes.complaints(&self.balancer.model().lvs) {
            self.links.supervisor.log(Line::warning(complaint));
        }
        let line = self.probes.allow_pings(&self.balancer.model().lvs);
        line.into_iter().for_each(|line| self.links.supervisor.log(line));
    }

    fn stop(&mut self, keep: bool) {
        if std::mem::replace(&mut self.stopping, true) {
            return;
        }
        self.input(Input::Stop { keep });
    }

    fn report(&self) -> CheckersProcessReport {
        CheckersProcessReport {
            turns: self.turns.summary(),
            checks: self.probes.lateness(),
            running: u64::try_from(self.probes.running()).unwrap_or(u64::MAX),
            notifications_lost: self.links.scripts.lost(),
            log_lines_lost: self.links.supervisor.lost(),
        }
    }
}

/// How a command ended, as the answer to a check. What an exit status means is for the balancer to say.
fn answer_of(outcome: Outcome) -> Answer {
    match outcome {
        Outcome::Exited(status) => Answer::Passed { status },
        Outcome::Signaled(signal) => Answer::Failed(Failure::Signaled(signal)),
        Outcome::TimedOut => Answer::Failed(Failure::TimedOut),
        Outcome::NotStarted => Answer::Failed(Failure::NotStarted),
    }
}

/// How long turns may wait for more to do.
fn pause(model: &Model) -> Duration {
    let servers = model.lvs.services.iter().flat_map(|service| &service.servers);
    let periods = servers.flat_map(|server| &server.checkers).map(|checker| checker.schedule.delay_loop);
    let in_1000_s = |period: Duration| 1_000_000_000_000_u64.checked_div(period.as_nanos());
    let in_1000_s = periods.filter_map(in_1000_s).fold(0, u64::saturating_add);
    if in_1000_s / 1_000 >= MANY { PAUSE } else { Duration::ZERO }
}
