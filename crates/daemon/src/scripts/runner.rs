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

use super::clients::{Client, Clients};
use super::fifo::Fifo;
use super::files::{Files, Value};
use super::jobs::{Action, Check, JobId, Jobs, Purpose};
use super::mail::Mailer;
use super::process::{Child, spawn};
use crate::ipc::{
    Channel, FifoConfig, FromScripts, Part, Received, ScriptsConfig, ScriptsToSupervisor,
    SupervisorToScripts, ToScripts, Wish,
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
    Signals,
    Timer,
    Mail,
    /// The channel to a process that asks.
    Client(Part),
    /// The files that such a process asked for.
    Files(Part),
    Fifo(FifoKind),
    Job(JobId),
}

/// Those of the descriptors that there is one of, or none, each at its number.
const SINGLE: [Token; 11] = [
    Token::Supervisor,
    Token::Signals,
    Token::Timer,
    Token::Mail,
    Token::Client(Part::Vrrp),
    Token::Client(Part::Checkers),
    Token::Files(Part::Vrrp),
    Token::Files(Part::Checkers),
    Token::Fifo(FifoKind::Global),
    Token::Fifo(FifoKind::Vrrp),
    Token::Fifo(FifoKind::Lvs),
];

/// The number of the first job.
const JOBS: u64 = 16;

impl Token {
    fn number(self) -> u64 {
        if let Self::Job(job) = self {
            return JOBS.saturating_add(job.0);
        }
        let place = SINGLE.iter().position(|t| *t == self).and_then(|i| u64::try_from(i).ok());
        place.unwrap_or(u64::MAX)
    }

    fn of(number: u64) -> Option<Self> {
        let single = usize::try_from(number).ok().and_then(|i| SINGLE.get(i)).copied();
        single.or_else(|| Some(Self::Job(JobId(number.checked_sub(JOBS)?))))
    }
}

/// The whole process.
pub struct Runner {
    poll: Poll,
    timer: Timer,
    signals: Signals,
    supervisor: Channel<ScriptsToSupervisor, SupervisorToScripts>,
    clients: Clients,
    /// Channels and FIFOs that are watched for room.
    crowded: BTreeSet<Token>,
    jobs: Jobs,
    children: BTreeMap<JobId, Child>,
    fifos: BTreeMap<FifoKind, Fifo>,
    mailer: Mailer,
    /// The newest configuration that the mailer has.
    mail_generation: u64,
    /// Commands that could not be started, so that it is told once.
    broken: BTreeSet<Box<str>>,
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
            clients: Clients::new()?,
            crowded: BTreeSet::new(),
            jobs: Jobs::new(),
            children: BTreeMap::new(),
            fifos: BTreeMap::new(),
            mailer: Mailer::new()?,
            mail_generation: 0,
            broken: BTreeSet::new(),
            stopping: false,
            last_mail: None,
        };
        let Self { poll, timer, signals, supervisor, clients, mailer, .. } = &mut runner;
        if let Some(fd) = supervisor.fd() {
            poll.add(fd, Token::Supervisor.number(), Interest::READ)?;
        }
        poll.add(&*signals, Token::Signals.number(), Interest::READ)?;
        poll.add(&*timer, Token::Timer.number(), Interest::READ)?;
        poll.add(&*mailer, Token::Mail.number(), Interest::READ)?;
        for client in clients.iter() {
            poll.add(&client.files, Token::Files(client.part).number(), Interest::READ)?;
        }
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
            let deadlines = [self.jobs.poll_timeout(), self.clients.poll_timeout(), last_mail];
            let deadline = deadlines.into_iter().flatten().min();
            self.timer.set(deadline)?;
            let ready: Vec<u64> = self.poll.wait(None)?.iter().map(|r| r.token).collect();
            let now = clock::now();
            for token in ready.into_iter().filter_map(Token::of) {
                self.ready(now, token);
            }
            if deadline.is_some_and(|d| d <= now) {
                self.jobs.handle_timeout(now);
                for part in Part::ALL {
                    self.read_files(part, |files| files.handle_timeout(now));
                }
            }
        }
    }

    fn ready(&mut self, now: Instant, token: Token) {
        match token {
            Token::Supervisor => self.hear_supervisor(now),
            Token::Client(part) => self.hear_client(now, part, MOST_MESSAGES),
            Token::Signals => self.signalled(),
            Token::Timer => self.timer.expired(),
            Token::Mail => {
                for (part, lines) in self.mailer.finished() {
                    self.log(part, lines);
                }
            }
            Token::Files(part) => self.read_files(part, |files| files.readable(now)),
            Token::Fifo(kind) => {
                let line = self.fifos.get_mut(&kind).and_then(Fifo::flush);
                self.log(Part::of_fifo(kind), line);
            }
            Token::Job(job) => self.job_ended(now, job),
        }
    }

    fn log(&mut self, part: impl Into<Option<Part>>, lines: impl IntoIterator<Item = Line>) {
        let part = part.into();
        for line in lines {
            // A line that is too long for a message is nobody's loss.
            let _ = self.supervisor.send(&ScriptsToSupervisor::Log { part, line });
        }
    }

    /// For which part a script runs.
    fn part_of(&self, job: JobId) -> Option<Part> {
        match self.jobs.purpose(job)? {
            Purpose::Check(check) => {
                self.clients.iter().find(|client| client.number == check.channel).map(|client| client.part)
            }
            Purpose::Notify(object) => Some(Part::of_object(object)),
            Purpose::Reader(kind) => Some(Part::of_fifo(*kind)),
            Purpose::Task(_) => None,
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
                    SupervisorToScripts::Client(part) => self.connect(now, part, fd.map(Socket::from)),
                    SupervisorToScripts::Forget(part) => self.forget(now, part),
                    SupervisorToScripts::Run { id, command, timeout } => {
                        self.jobs.submit(now, Purpose::Task(id), command, Vec::new(), Some(timeout));
                    }
                    SupervisorToScripts::Stop => self.stop(now),
                },
                Err(_) => {
                    // Without a supervisor nobody would ever stop us.
                    self.disconnect_supervisor();
                    return self.stop(now);
                }
            }
        }
    }

    /// A process that asks begins, perhaps in the place of another one.
    fn connect(&mut self, now: Instant, part: Part, socket: Option<Socket>) {
        // What the old one said last comes before what the new one says.
        self.hear_client(now, part, usize::MAX);
        self.disconnect(now, part);
        self.clients.begin(part, socket);
        let fd = self.clients.get_mut(part).and_then(|client| client.channel.fd());
        if let Some(fd) = fd
            && let Err(e) = self.poll.add(fd, Token::Client(part).number(), Interest::READ)
        {
            self.log(part, [Line::error(format!("Cannot listen to the {} process: {e}", part.title()))]);
        }
    }

    /// A process that asks is gone: nobody waits for its checks.
    fn disconnect(&mut self, now: Instant, part: Part) {
        self.crowded.remove(&Token::Client(part));
        let Some(client) = self.clients.get_mut(part) else { return };
        self.jobs.cancel_checks(now, client.number);
        if let Some(fd) = client.channel.fd() {
            // It is closed right away, which removes it as well.
            let _ = self.poll.remove(fd);
        }
        client.channel.connect(None);
    }

    /// A process that asked will not come back, and what it wanted to be there isn't needed.
    fn forget(&mut self, now: Instant, part: Part) {
        self.hear_client(now, part, usize::MAX);
        self.disconnect(now, part);
        self.configure(now, part, ScriptsConfig::default());
    }

    fn disconnect_supervisor(&mut self) {
        self.crowded.remove(&Token::Supervisor);
        if let Some(fd) = self.supervisor.fd() {
            // As above.
            let _ = self.poll.remove(fd);
        }
        self.supervisor.connect(None);
    }

    fn hear_client(&mut self, now: Instant, part: Part, most: usize) {
        for _ in 0..most {
            let Some(client) = self.clients.get_mut(part) else { return };
            match client.channel.receive() {
                Ok(None) => return,
                Ok(Some(Received { message, .. })) => self.asked(now, part, message),
                Err(_) => return self.disconnect(now, part),
            }
        }
    }

    fn asked(&mut self, now: Instant, part: Part, message: ToScripts) {
        let Some(client) = self.clients.get_mut(part) else { return };
        let channel = client.number;
        match message {
            ToScripts::Configure(config) => self.configure(now, part, config),
            ToScripts::Check { run, command, timeout } => {
                let purpose = Purpose::Check(Check { channel, run });
                self.jobs.submit(now, purpose, command, Vec::new(), Some(timeout));
            }
            ToScripts::CancelCheck(run) => self.jobs.cancel_check(now, Check { channel, run }),
            ToScripts::Notify(n) => {
                self.jobs.submit(now, Purpose::Notify(n.object), n.command, n.extra, n.limit);
            }
            ToScripts::Fifo { fifo, line } => {
                let line = self.fifos.get_mut(&fifo).and_then(|f| f.write(&line));
                self.log(part, line);
            }
            ToScripts::Mail(mail) => {
                let line = self.mailer.send(part, mail);
                self.log(part, line);
            }
            ToScripts::Lost(lost) => {
                let n = lost.saturating_sub(client.missed);
                client.missed = lost;
                let text = format!("{n} notifications were lost since they came too fast");
                self.log(part, [Line::warning(text)]);
            }
        }
    }

    fn configure(&mut self, now: Instant, part: Part, config: ScriptsConfig) {
        let Some(client) = self.clients.get_mut(part) else { return };
        // Mail is the same for all, and the newest configuration tells where it goes.
        if config.generation >= self.mail_generation {
            self.mail_generation = config.generation;
            self.mailer.configure(config.mail.clone());
        }
        client.config = config;
        self.arrange_fifos(now);
        self.read_files_as_configured(now, part);
    }

    /// Closes and opens FIFOs, so that those are open that somebody asks for.
    fn arrange_fifos(&mut self, now: Instant) {
        let wanted = self.clients.fifos();
        let gone: Vec<FifoKind> = self
            .fifos
            .iter()
            .filter(|(_, fifo)| !wanted.contains(fifo.config()))
            .map(|(kind, _)| *kind)
            .collect();
        for kind in gone {
            self.close_fifo(kind);
            self.jobs.end_reader(now, kind);
        }
        for fifo in &wanted {
            self.open_fifo(now, fifo);
        }
    }

    /// Opens a FIFO unless it is open, and starts its reader unless that runs: a reader that ended
    /// comes back with the next configuration.
    fn open_fifo(&mut self, now: Instant, config: &FifoConfig) {
        if let Entry::Vacant(place) = self.fifos.entry(config.kind) {
            match Fifo::open(config.clone()) {
                Ok(fifo) => drop(place.insert(fifo)),
                Err(e) => return self.log(Part::of_fifo(config.kind), [Line::error(e.to_string())]),
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
            self.log(Part::of_fifo(kind), line);
            if self.crowded.remove(&Token::Fifo(kind)) {
                // It is closed right away, which removes it as well.
                let _ = self.poll.remove(&fifo);
            }
            fifo.close();
        }
    }

    fn read_files_as_configured(&mut self, now: Instant, part: Part) {
        let Some(client) = self.clients.get_mut(part) else { return };
        let files = std::mem::take(&mut client.config.files);
        self.read_files(part, |watched| watched.configure(now, &files));
        if let Some(client) = self.clients.get_mut(part) {
            client.config.files = files;
        }
    }

    /// Looks at the files of a process that asks, and tells it what they say.
    fn read_files(&mut self, part: Part, look: impl FnOnce(&mut Files) -> Vec<Value>) {
        let Some(Client { channel, files, config, .. }) = self.clients.get_mut(part) else { return };
        for Value { file, value } in look(files) {
            let message = FromScripts::File { generation: config.generation, file, value };
            // Small enough to be encoded always.
            let _ = channel.must_send(&message, None);
        }
        let lines = files.take_log();
        self.log(part, lines);
    }

    fn stop(&mut self, now: Instant) {
        if self.stopping {
            return;
        }
        self.stopping = true;
        self.last_mail = Some(now + LAST_MAIL);
        // The last words of processes that are gone by now.
        for part in Part::ALL {
            self.hear_client(now, part, usize::MAX);
        }
        self.jobs.stop(now);
        // A reader that wants to end by itself sees the end of the FIFO.
        for kind in self.fifos.keys().copied().collect::<Vec<_>>() {
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
                let part = self.part_of(job);
                self.log(part, [Line::error(format!("Script lost: {e}"))]);
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
                Action::Checked(Check { channel, run }, outcome) => {
                    // Nobody waits for that of a process that is gone.
                    if let Some(client) = self.clients.numbered(channel) {
                        let _ = client.channel.must_send(&FromScripts::Checked { run, outcome }, None);
                    }
                }
                Action::Ran(id, outcome) => {
                    let _ = self.supervisor.must_send(&ScriptsToSupervisor::Ran { id, outcome }, None);
                }
                Action::ReaderEnded(kind) => {
                    let which = if kind == FifoKind::Lvs { "lvs" } else { "vrrp" };
                    let text = format!("{which} notify fifo script terminated");
                    self.log(Part::of_fifo(kind), [Line::info(text)]);
                }
                Action::Stuck(job, script) => {
                    let pid = self.children.get(&job).map_or(0, Child::pid);
                    let text = format!("Script {script} child (PID {pid}) failed to terminate after kill");
                    let part = self.part_of(job);
                    self.log(part, [Line::warning(text)]);
                }
                Action::Log(object, line) => self.log(Part::of_object(&object), [line]),
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
                    let text = format!("Script {} cannot be run: {e}", command.text);
                    let part = self.part_of(job);
                    self.log(part, [Line::error(text)]);
                }
                self.jobs.ended(clock::now(), job, Outcome::NotStarted);
            }
        }
    }

    /// Sends what there is room for, and watches for more room where something waits.
    fn flush(&mut self) -> Result<(), OsError> {
        self.supervisor.flush();
        self.clients.flush();
        let Self { poll, supervisor, clients, fifos, crowded, .. } = self;
        let own = (Token::Supervisor, supervisor.fd(), supervisor.is_waiting());
        let others = clients.iter().map(|c| (Token::Client(c.part), c.channel.fd(), c.channel.is_waiting()));
        for (token, fd, waiting) in [own].into_iter().chain(others) {
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
