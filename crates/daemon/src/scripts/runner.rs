//! The loop: messages, descriptors and deadlines in, processes and answers out.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use base::{Duration, Instant};
use engine::io::{FifoKind, Outcome};
use linux::OsError;
use linux::clock;
use linux::poll::{Interest, Poll};
use linux::seqpacket::Channel as Socket;
use linux::signals::Signals;
use linux::timer::Timer;

use super::fifo::Fifo;
use super::files::{Files, Value};
use super::jobs::{Action, Check, JobId, Jobs, Purpose};
use super::mail::Mailer;
use super::process::{Child, spawn};
use crate::ipc::{
    Channel, FifoConfig, Received, ScriptsConfig, ScriptsToSupervisor, ScriptsToVrrp, SupervisorToScripts,
    VrrpToScripts, Wish,
};
use crate::log::Line;

/// So many answers may wait for each of the other processes.
const ROOM: usize = 4096;
/// So many messages are taken at a time, so that a flood of them doesn't keep scripts from ending.
const MOST_MESSAGES: usize = 256;

/// At the end, mail is waited for that long.
const LAST_MAIL: Duration = Duration::from_secs(2);

/// What a descriptor belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Token {
    Supervisor,
    Vrrp,
    Signals,
    Timer,
    Files,
    Mail,
    Fifo(FifoKind),
    Job(JobId),
}

const JOBS: u64 = 16;

impl Token {
    fn number(self) -> u64 {
        match self {
            Self::Supervisor => 0,
            Self::Vrrp => 1,
            Self::Signals => 2,
            Self::Timer => 3,
            Self::Files => 4,
            Self::Fifo(FifoKind::Global) => 5,
            Self::Fifo(FifoKind::Vrrp) => 6,
            Self::Mail => 7,
            Self::Job(job) => JOBS.saturating_add(job.0),
        }
    }

    fn of(number: u64) -> Option<Self> {
        Some(match number {
            0 => Self::Supervisor,
            1 => Self::Vrrp,
            2 => Self::Signals,
            3 => Self::Timer,
            4 => Self::Files,
            5 => Self::Fifo(FifoKind::Global),
            6 => Self::Fifo(FifoKind::Vrrp),
            7 => Self::Mail,
            n => Self::Job(JobId(n.checked_sub(JOBS)?)),
        })
    }
}

/// The whole process.
pub struct Runner {
    poll: Poll,
    timer: Timer,
    signals: Signals,
    supervisor: Channel<ScriptsToSupervisor, SupervisorToScripts>,
    vrrp: Channel<ScriptsToVrrp, VrrpToScripts>,
    /// Counts the channels to vrrp processes.
    vrrp_channel: u64,
    /// Channels and FIFOs that are watched for room.
    crowded: BTreeSet<Token>,
    jobs: Jobs,
    children: BTreeMap<JobId, Child>,
    fifos: BTreeMap<FifoKind, Fifo>,
    files: Files,
    mailer: Mailer,
    generation: u64,
    /// Commands that could not be started, so that it is told once.
    broken: BTreeSet<Box<str>>,
    /// Notifications that the vrrp process could not send, as far as told.
    missed: u64,
    stopping: bool,
    /// Mail that isn't handed in by then is lost.
    last_mail: Option<Instant>,
}

impl Runner {
    /// Ready to run, with the supervisor at the other end of `supervisor`.
    ///
    /// # Errors
    /// A descriptor cannot be had.
    pub fn new(supervisor: Socket) -> Result<Self, OsError> {
        let numbers: Vec<i32> = Wish::signals().collect();
        let mut runner = Self {
            poll: Poll::new()?,
            timer: Timer::new()?,
            signals: Signals::new(&numbers)?,
            supervisor: Channel::new(Some(supervisor), ROOM),
            vrrp: Channel::new(None, ROOM),
            vrrp_channel: 0,
            crowded: BTreeSet::new(),
            jobs: Jobs::new(),
            children: BTreeMap::new(),
            fifos: BTreeMap::new(),
            files: Files::new()?,
            mailer: Mailer::new()?,
            generation: 0,
            broken: BTreeSet::new(),
            missed: 0,
            stopping: false,
            last_mail: None,
        };
        let Self { poll, timer, signals, supervisor, files, mailer, .. } = &mut runner;
        if let Some(fd) = supervisor.fd() {
            poll.add(fd, Token::Supervisor.number(), Interest::READ)?;
        }
        poll.add(&*signals, Token::Signals.number(), Interest::READ)?;
        poll.add(&*timer, Token::Timer.number(), Interest::READ)?;
        poll.add(&*files, Token::Files.number(), Interest::READ)?;
        poll.add(&*mailer, Token::Mail.number(), Interest::READ)?;
        Ok(runner)
    }

    /// Works until the supervisor says stop, or is gone, and all is done.
    ///
    /// # Errors
    /// Waiting is impossible.
    pub fn run(mut self) -> Result<(), OsError> {
        loop {
            self.act();
            self.flush()?;
            let last_mail = self.last_mail.filter(|until| !self.mailer.is_idle() && *until > clock::now());
            if self.stopping && self.jobs.is_idle() && last_mail.is_none() {
                return Ok(());
            }
            let deadlines = [self.jobs.poll_timeout(), self.files.poll_timeout(), last_mail];
            let deadline = deadlines.into_iter().flatten().min();
            self.timer.set(deadline)?;
            let ready: Vec<u64> = self.poll.wait(None)?.iter().map(|r| r.token).collect();
            let now = clock::now();
            for token in ready.into_iter().filter_map(Token::of) {
                self.ready(now, token);
            }
            if deadline.is_some_and(|d| d <= now) {
                self.jobs.handle_timeout(now);
                let values = self.files.handle_timeout(now);
                self.tell(&values);
            }
        }
    }

    fn ready(&mut self, now: Instant, token: Token) {
        match token {
            Token::Supervisor => self.hear_supervisor(now),
            Token::Vrrp => self.hear_vrrp(now, MOST_MESSAGES),
            Token::Signals => self.signalled(),
            Token::Timer => self.timer.expired(),
            Token::Files => {
                let values = self.files.readable(now);
                self.tell(&values);
            }
            Token::Mail => {
                let lines = self.mailer.finished();
                self.log(lines);
            }
            Token::Fifo(kind) => {
                let line = self.fifos.get_mut(&kind).and_then(Fifo::flush);
                self.log(line);
            }
            Token::Job(job) => self.job_ended(now, job),
        }
    }

    fn log(&mut self, lines: impl IntoIterator<Item = Line>) {
        for line in lines {
            // A line that is too long for a message is nobody's loss.
            let _ = self.supervisor.send(&ScriptsToSupervisor::Log(line));
        }
    }

    fn signalled(&mut self) {
        while let Ok(Some(signal)) = self.signals.read() {
            if let Some(wish) = Wish::of_signal(signal.number) {
                // Small enough to be encoded always.
                let _ = self.supervisor.must_send(&ScriptsToSupervisor::Wish(wish), None);
            }
        }
    }

    fn hear_supervisor(&mut self, now: Instant) {
        loop {
            match self.supervisor.receive() {
                Ok(None) => return,
                Ok(Some(Received { message, fd })) => match message {
                    SupervisorToScripts::Vrrp => self.connect(now, fd.map(Socket::from)),
                    SupervisorToScripts::Run { id, command, timeout } => {
                        self.jobs.submit(now, Purpose::Task(id), command, Vec::new(), Some(timeout));
                    }
                    SupervisorToScripts::Stop => self.stop(now),
                },
                Err(_) => {
                    // Without a supervisor nobody would ever stop us.
                    self.disconnect(Token::Supervisor);
                    return self.stop(now);
                }
            }
        }
    }

    /// A new vrrp process takes the place of the old one.
    fn connect(&mut self, now: Instant, socket: Option<Socket>) {
        // What the old one said last comes before what the new one says.
        self.hear_vrrp(now, usize::MAX);
        self.jobs.cancel_checks(now);
        self.disconnect(Token::Vrrp);
        drop(self.vrrp.take_waiting());
        self.vrrp_channel += 1;
        self.missed = 0;
        self.vrrp.connect(socket);
        if let Some(fd) = self.vrrp.fd()
            && let Err(e) = self.poll.add(fd, Token::Vrrp.number(), Interest::READ)
        {
            self.log([Line::error(format!("Cannot listen to the vrrp process: {e}"))]);
        }
    }

    fn disconnect(&mut self, token: Token) {
        self.crowded.remove(&token);
        let fd = if token == Token::Vrrp { self.vrrp.fd() } else { self.supervisor.fd() };
        if let Some(fd) = fd {
            // It is closed right away, which removes it as well.
            let _ = self.poll.remove(fd);
        }
        if token == Token::Vrrp {
            self.vrrp.connect(None);
        } else {
            self.supervisor.connect(None);
        }
    }

    fn hear_vrrp(&mut self, now: Instant, most: usize) {
        for _ in 0..most {
            match self.vrrp.receive() {
                Ok(None) => return,
                Ok(Some(Received { message, .. })) => self.asked(now, message),
                Err(_) => {
                    self.jobs.cancel_checks(now);
                    return self.disconnect(Token::Vrrp);
                }
            }
        }
    }

    fn asked(&mut self, now: Instant, message: VrrpToScripts) {
        let check = |run| Check { channel: self.vrrp_channel, run };
        match message {
            VrrpToScripts::Configure(config) => self.configure(now, &config),
            VrrpToScripts::Check { run, command, timeout } => {
                let purpose = Purpose::Check(check(run));
                self.jobs.submit(now, purpose, command, Vec::new(), Some(timeout));
            }
            VrrpToScripts::CancelCheck(run) => self.jobs.cancel_check(now, check(run)),
            VrrpToScripts::Notify(n) => {
                self.jobs.submit(now, Purpose::Notify(n.object), n.command, n.extra, n.limit);
            }
            VrrpToScripts::Fifo { fifo, line } => {
                let line = self.fifos.get_mut(&fifo).and_then(|f| f.write(&line));
                self.log(line);
            }
            VrrpToScripts::Mail(mail) => {
                let line = self.mailer.send(mail);
                self.log(line);
            }
            VrrpToScripts::Lost(lost) => {
                let n = lost.saturating_sub(self.missed);
                self.missed = lost;
                let text = format!("{n} notifications were lost since they came too fast");
                self.log([Line::warning(text)]);
            }
        }
    }

    fn configure(&mut self, now: Instant, config: &ScriptsConfig) {
        self.generation = config.generation;
        self.mailer.configure(config.mail.clone());
        let gone: Vec<FifoKind> = self
            .fifos
            .iter()
            .filter(|(_, fifo)| !config.fifos.contains(fifo.config()))
            .map(|(kind, _)| *kind)
            .collect();
        for kind in gone {
            self.close_fifo(kind);
            self.jobs.end_reader(now, kind);
        }
        for fifo in &config.fifos {
            self.open_fifo(now, fifo);
        }
        let values = self.files.configure(now, &config.files);
        self.tell(&values);
    }

    /// Opens a FIFO unless it is open, and starts its reader unless that runs: a reader that ended
    /// comes back with the next configuration.
    fn open_fifo(&mut self, now: Instant, config: &FifoConfig) {
        if let Entry::Vacant(place) = self.fifos.entry(config.kind) {
            match Fifo::open(config.clone()) {
                Ok(fifo) => drop(place.insert(fifo)),
                Err(e) => return self.log([Line::error(e.to_string())]),
            }
        }
        if let Some(script) = &config.script
            && !self.jobs.reader_runs(config.kind)
        {
            let purpose = Purpose::Reader(config.kind);
            self.jobs.submit(now, purpose, script.clone(), vec![config.path.clone()], None);
        }
    }

    fn close_fifo(&mut self, kind: FifoKind) {
        if let Some(mut fifo) = self.fifos.remove(&kind) {
            let line = fifo.flush();
            self.log(line);
            if self.crowded.remove(&Token::Fifo(kind)) {
                // It is closed right away, which removes it as well.
                let _ = self.poll.remove(&fifo);
            }
            fifo.close();
        }
    }

    fn tell(&mut self, values: &[Value]) {
        let lines = self.files.take_log();
        self.log(lines);
        for Value { tracker, value } in values.iter().copied() {
            let message = ScriptsToVrrp::File { generation: self.generation, tracker, value };
            // Small enough to be encoded always.
            let _ = self.vrrp.must_send(&message, None);
        }
    }

    fn stop(&mut self, now: Instant) {
        if self.stopping {
            return;
        }
        self.stopping = true;
        self.last_mail = Some(now + LAST_MAIL);
        // The last words of the vrrp process, which is gone by now.
        self.hear_vrrp(now, usize::MAX);
        self.jobs.stop(now);
        // A reader that wants to end by itself sees the end of the FIFO.
        for kind in [FifoKind::Global, FifoKind::Vrrp] {
            self.close_fifo(kind);
        }
    }

    fn job_ended(&mut self, now: Instant, job: JobId) {
        let Some(child) = self.children.get(&job) else { return };
        match child.outcome() {
            Ok(None) => {}
            Ok(Some(outcome)) => {
                // It stays readable as long as it isn't reaped.
                let _ = self.poll.remove(child);
                self.jobs.ended(now, job, outcome);
            }
            Err(e) => {
                let _ = self.poll.remove(child);
                self.log([Line::error(format!("Script lost: {e}"))]);
                self.jobs.ended(now, job, Outcome::NotStarted);
            }
        }
    }

    /// Does what the jobs want done.
    fn act(&mut self) {
        while let Some(action) = self.jobs.poll_action() {
            match action {
                Action::Start { job, command, extra } => self.start(job, &command, &extra),
                Action::Terminate(job) => self.signal(job, Child::terminate),
                Action::Kill(job) => self.signal(job, Child::kill),
                Action::Reap(job) => {
                    if let Some(child) = self.children.remove(&job) {
                        child.reap();
                    }
                }
                // Of an earlier vrrp process: nobody waits for it.
                Action::Checked(check, _) if check.channel != self.vrrp_channel => {}
                Action::Checked(Check { run, .. }, outcome) => {
                    let _ = self.vrrp.must_send(&ScriptsToVrrp::Checked { run, outcome }, None);
                }
                Action::Ran(id, outcome) => {
                    let _ = self.supervisor.must_send(&ScriptsToSupervisor::Ran { id, outcome }, None);
                }
                Action::ReaderEnded(_) => self.log([Line::info("vrrp notify fifo script terminated")]),
                Action::Stuck(job, script) => {
                    let pid = self.children.get(&job).map_or(0, Child::pid);
                    let text = format!("Script {script} child (PID {pid}) failed to terminate after kill");
                    self.log([Line::warning(text)]);
                }
                Action::Log(line) => self.log([line]),
            }
        }
    }

    fn signal(&mut self, job: JobId, how: impl Fn(&Child)) {
        if let Some(child) = self.children.get(&job) {
            how(child);
        }
    }

    fn start(&mut self, job: JobId, command: &model::Command, extra: &[Box<str>]) {
        let started = spawn(command, extra).and_then(|child| {
            match self.poll.add(&child, Token::Job(job).number(), Interest::READ) {
                Ok(()) => Ok(child),
                Err(e) => {
                    child.end();
                    Err(e)
                }
            }
        });
        match started {
            Ok(child) => {
                self.broken.remove(&command.text);
                self.children.insert(job, child);
            }
            Err(e) => {
                if self.broken.insert(command.text.clone()) {
                    self.log([Line::error(format!("Script {} cannot be run: {e}", command.text))]);
                }
                self.jobs.ended(clock::now(), job, Outcome::NotStarted);
            }
        }
    }

    /// Sends what there is room for, and watches for more room where something waits.
    fn flush(&mut self) -> Result<(), OsError> {
        self.supervisor.flush();
        self.vrrp.flush();
        let Self { poll, supervisor, vrrp, fifos, crowded, .. } = self;
        let channels = [
            (Token::Supervisor, supervisor.fd(), supervisor.is_waiting()),
            (Token::Vrrp, vrrp.fd(), vrrp.is_waiting()),
        ];
        for (token, fd, waiting) in channels {
            if let Some(fd) = fd
                && waiting != crowded.contains(&token)
            {
                poll.modify(fd, token.number(), if waiting { Interest::BOTH } else { Interest::READ })?;
                if waiting {
                    crowded.insert(token)
                } else {
                    crowded.remove(&token)
                };
            }
        }
        for (kind, fifo) in fifos {
            let token = Token::Fifo(*kind);
            match (fifo.is_waiting(), crowded.contains(&token)) {
                (true, false) => {
                    poll.add(&*fifo, token.number(), Interest::WRITE)?;
                    crowded.insert(token);
                }
                (false, true) => {
                    poll.remove(&*fifo)?;
                    crowded.remove(&token);
                }
                _ => {}
            }
        }
        Ok(())
    }
}
