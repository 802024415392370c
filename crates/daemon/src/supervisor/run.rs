//! The supervisor's loop: children, signals, reloads, the end.

use std::collections::BTreeMap;

use base::{Duration, Instant};
use linux::pidfile::PidFile;
use linux::poll::{Interest, Poll, Ready};
use linux::process::{self, Exit as Ended};
use linux::seqpacket::Channel as Socket;
use linux::signals::Signals;
use linux::{OsError, clock};
use model::Model;

use super::child::Child;
use super::dumps::Purpose;
use super::workers::Workers;
use crate::cli::Options;
use crate::configuration::Configuration;
use crate::exit::Exit;
use crate::ipc::{Part, Role, ScriptsToSupervisor, SupervisorToScripts, ToEngine, Wish};
use crate::log::{Level, Line, Sinks, Writer};
use crate::pid_paths::PidPaths;
use crate::process::give_back;

mod token {
    pub(super) const SIGNALS: u64 = 0;
    pub(super) const SCRIPTS: u64 = 2;
    pub(super) const WORKERS: u64 = 4;
}

/// Lines that wait for room in a sink are tried again after so long.
const SINK_RETRY: Duration = Duration::from_millis(100);

/// A script of ours that the scripts process should have ended by its timeout is waited for so much
/// longer.
pub(super) const SCRIPT_GRACE: Duration = Duration::from_secs(3);

/// How far the daemon has come.
pub(super) enum State {
    /// `startup_script` runs; children start when it ends.
    StartupScript {
        /// The run.
        id: u64,
        /// No longer than that.
        until: Instant,
    },
    /// Children run.
    Running,
    /// The daemon ends.
    Stopping {
        /// With this status.
        exit: u8,
        /// How far that has come.
        step: Step,
    },
}

/// The steps of the end, in their order.
pub(super) enum Step {
    /// Processes around engines leave, or others remove what those left behind that could not.
    Workers,
    /// `shutdown_script` runs.
    ShutdownScript {
        /// The run.
        id: u64,
        /// No longer than that.
        until: Instant,
    },
    /// The scripts process finishes what is queued.
    Scripts,
    /// Nothing is left.
    Done,
}

/// The daemon as the supervisor sees it.
pub struct Daemon {
    pub(super) options: Options,
    pub(super) sinks: Sinks,
    pub(super) poll: Poll,
    signals: Signals,
    pub(super) configuration: Configuration,
    /// Counts configurations from 1.
    pub(super) generation: u64,
    pub(super) workers: Workers,
    pub(super) scripts: Child<SupervisorToScripts, ScriptsToSupervisor>,
    pub(super) paths: PidPaths,
    pub(super) pid_file: PidFile,
    /// The kernel's pattern for core files before we changed it.
    pub(super) core_pattern: Option<String>,
    pub(super) state: State,
    /// All parts had a first configuration in force.
    pub(super) started: bool,
    /// Another reload was asked for meanwhile. However often: the newest file counts.
    pub(super) reload_again: bool,
    /// Some process could not put the configuration of the reload that is going on into force.
    pub(super) reload_refused: bool,
    /// Who was asked to tell how things stand, and what for.
    pub(super) requests: BTreeMap<u64, (Part, Purpose)>,
    next_id: u64,
}

impl Daemon {
    /// Everything is prepared, nothing runs yet.
    pub fn new(
        options: Options,
        configuration: Configuration,
        signals: Signals,
        paths: PidPaths,
        pid_file: PidFile,
        core_pattern: Option<String>,
    ) -> Result<Self, OsError> {
        let mut poll = Poll::new()?;
        poll.add(&signals, token::SIGNALS, Interest::READ)?;
        Ok(Self {
            options,
            sinks: Sinks::none(),
            poll,
            signals,
            configuration,
            generation: 1,
            workers: Workers::new(token::WORKERS),
            scripts: Child::new(Role::Scripts, token::SCRIPTS),
            paths,
            pid_file,
            core_pattern,
            state: State::Running,
            started: false,
            reload_again: false,
            reload_refused: false,
            requests: BTreeMap::new(),
            next_id: 0,
        })
    }

    /// Runs until the end, and returns the exit status.
    pub fn run(mut self, sinks: Sinks) -> u8 {
        self.sinks = sinks;
        if self.needs_scripts() {
            self.start_scripts();
        }
        match self.head().global.startup_script.clone() {
            Some((command, timeout)) => {
                let id = self.run_script(command, timeout);
                self.state = State::StartupScript { id, until: clock::now() + timeout + SCRIPT_GRACE };
            }
            None => self.start_children(),
        }
        loop {
            if let State::Stopping { exit, step: Step::Done } = self.state {
                return self.finish(exit);
            }
            for worker in self.workers.iter_mut() {
                worker.child.flush(&mut self.poll);
            }
            self.scripts.flush(&mut self.poll);
            let timeout = self.timeout();
            let ready: Vec<Ready> = match self.poll.wait(timeout) {
                Ok(ready) => ready.to_vec(),
                Err(e) => return self.fail(&e.to_string()),
            };
            self.sinks.flush();
            for r in ready {
                match r.token {
                    token::SIGNALS => self.hear_signals(),
                    // What a child said before it ended comes before its end.
                    token::SCRIPTS => self.hear_scripts(),
                    other => {
                        if let Some(part) = self.workers.with_token(other) {
                            self.hear_worker(part);
                        }
                    }
                }
            }
            self.reap();
            self.handle_time();
        }
    }

    /// What of the configuration holds for the daemon as a whole.
    pub(super) fn head(&self) -> &Model {
        &self.configuration.head
    }

    pub(super) fn log(&mut self, line: Line) {
        self.sinks.write(Writer { part: None, pid: std::process::id() }, &line);
    }

    /// The earliest thing that only time brings about.
    fn timeout(&self) -> Option<Duration> {
        let step = match &self.state {
            State::StartupScript { until, .. }
            | State::Stopping { step: Step::ShutdownScript { until, .. }, .. } => Some(*until),
            _ => None,
        };
        let workers = self.workers.iter().flat_map(|w| [w.child.restart_at, w.child.kill_at]);
        let times = workers.chain([self.scripts.restart_at, self.scripts.kill_at, step]);
        let next = times.flatten().min().map(|at| at.since(clock::now()));
        if self.sinks.is_waiting() { Some(next.map_or(SINK_RETRY, |n| n.min(SINK_RETRY))) } else { next }
    }

    fn handle_time(&mut self) {
        let now = clock::now();
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        for part in Part::ALL {
            if due(self.workers.of(part).child.kill_at) {
                self.fails_to_die(Role::Engine(part));
                self.workers.of_mut(part).child.kill();
            }
            if due(self.workers.of(part).child.restart_at) {
                self.start_worker(part);
            }
        }
        if due(self.scripts.kill_at) {
            self.fails_to_die(Role::Scripts);
            self.scripts.kill();
        }
        if due(self.scripts.restart_at) {
            self.start_scripts();
        }
        match &self.state {
            State::StartupScript { until, .. } if *until <= now => {
                self.log(Line::warning("The startup script did not end in time"));
                self.start_children();
            }
            State::Stopping { step: Step::ShutdownScript { until, .. }, .. } if *until <= now => {
                self.log(Line::warning("The shutdown script did not end in time"));
                self.stop_scripts();
            }
            _ => {}
        }
    }

    fn fails_to_die(&mut self, role: Role) {
        self.log(Line::info(format!("{} process failed to die - forcing termination", role.title())));
    }

    // --- children ---

    pub(super) fn needs_scripts(&self) -> bool {
        self.configuration.uses.scripts
    }

    pub(super) fn start_children(&mut self) {
        self.state = State::Running;
        let needed = Part::ALL.into_iter().filter(|part| self.needs(*part)).collect::<Vec<_>>();
        if needed.is_empty() {
            self.log(Line::warning("Warning - keepalived has no configuration to run"));
            self.up();
        }
        for part in needed {
            self.start_worker(part);
        }
        // All but the head of the configuration has gone.
        give_back();
        if std::mem::take(&mut self.reload_again) {
            self.reload();
        }
    }

    pub(super) fn start_scripts(&mut self) {
        match self.scripts.start(&mut self.poll, None) {
            Ok((pid, _)) => {
                self.log(Line::info(format!("Starting scripts child process, pid={pid}")).detailed());
                for part in Part::ALL {
                    self.connect_scripts(part);
                }
            }
            Err(e) => self.scripts.restart_at = Some(self.cannot_start(Role::Scripts, &e)),
        }
    }

    /// A lack of memory or of process ids passes. When to try again.
    pub(super) fn cannot_start(&mut self, role: Role, e: &OsError) -> Instant {
        const LATER: Duration = Duration::from_secs(1);
        self.log(Line::error(format!("{} child process cannot be started: {e}", role.title())));
        clock::now() + LATER
    }

    /// Gives the process of a part and the scripts process a channel to each other, as soon as both are
    /// there.
    pub(super) fn connect_scripts(&mut self, part: Part) {
        let child = &mut self.workers.of_mut(part).child;
        if !child.is_running() || !self.scripts.is_running() {
            return;
        }
        match Socket::pair() {
            Ok((a, b)) => {
                child.send(&ToEngine::Scripts, Some(a.into()));
                self.scripts.send(&SupervisorToScripts::Client(part), Some(b.into()));
            }
            Err(e) => self.log(Line::error(format!("The scripts process cannot be connected: {e}"))),
        }
    }

    fn reap(&mut self) {
        self.reap_workers();
        if self.scripts.has_ended() {
            self.hear_scripts();
            if let Some((pid, how, delay)) = self.scripts.reap() {
                self.scripts_ended(pid, how, delay);
            }
        }
        let (workers, scripts) = (&self.workers, self.scripts.pid());
        // What scripts left behind becomes ours. That there is nothing to reap is no error, and
        // nothing else can go wrong.
        let _ = process::reap_orphans(|pid| workers.has_pid(pid) || scripts == Some(pid));
    }

    fn scripts_ended(&mut self, pid: u32, how: Ended, delay: Duration) {
        // Nobody is left who would end them when they take too long.
        process::kill_orphaned_groups(|pid| self.workers.has_pid(pid));
        match self.state {
            State::Stopping { .. } => self.scripts_left(),
            State::StartupScript { .. } => {
                self.log(Line::error("The scripts process died during the startup script"));
                self.start_scripts();
                self.start_children();
            }
            State::Running => {
                if let Some(again) = self.died(Role::Scripts, pid, how, delay) {
                    self.scripts.restart_at = Some(again);
                }
            }
        }
    }

    /// A child ended that should not have. When to start it again, unless that ends the daemon.
    pub(super) fn died(&mut self, role: Role, pid: u32, how: Ended, delay: Duration) -> Option<Instant> {
        let name = role.title();
        if let Ended::Signal(number) = how {
            let signal = nix::sys::signal::Signal::try_from(number).map_or("unknown", |s| s.as_str());
            self.log(Line::info(format!("pid {pid} exited due to signal {number} ({signal})")));
        }
        // Without scripts, addresses are still held: that process is always started again.
        let permanent = match (role, how) {
            (Role::Engine(part), Ended::Code(code)) => Exit::permanent(code).map(|what| (part, code, what)),
            _ => None,
        };
        if let Some((part, code, what)) = permanent {
            let text = format!("{name} exited with permanent error {what}. Terminating");
            self.log(Line::new(Level::Alert, text));
            // It can have put in nothing without a configuration or without the right to.
            self.workers.of_mut(part).left_behind &= code == Exit::Fatal.code();
            self.stop(code);
            return None;
        }
        if self.options.dont_respawn {
            // Asked for, hence no failure.
            self.log(Line::new(Level::Alert, format!("{name} child process({pid}) died: Exiting")));
            self.stop(Exit::Ok.code());
            return None;
        }
        self.log(Line::new(Level::Alert, format!("{name} child process({pid}) died: Respawning")));
        let seconds = delay.as_secs();
        let text = format!("Restart of {name} process delayed {seconds} seconds to limit respawn rate");
        self.log(Line::info(text));
        Some(clock::now() + delay)
    }

    // --- what children say ---

    fn hear_scripts(&mut self) {
        loop {
            let Some(pid) = self.scripts.pid() else { return };
            match self.scripts.receive() {
                Ok(None) => return,
                Ok(Some(received)) => match received.message {
                    ScriptsToSupervisor::Log { part, line } => {
                        self.sinks.write(Writer { part, pid }, &line);
                    }
                    ScriptsToSupervisor::Ran { id, outcome } => self.script_ended(id, outcome),
                    ScriptsToSupervisor::Wish(wish) => self.wish(wish),
                },
                Err(e) => {
                    self.log(Line::error(format!("The scripts process makes no sense: {e}")));
                    self.scripts.kill();
                    return;
                }
            }
        }
    }

    // --- wishes ---

    fn hear_signals(&mut self) {
        while let Ok(Some(signal)) = self.signals.read() {
            if let Some(wish) = Wish::of_signal(signal.number) {
                let interrupted = signal.number == nix::sys::signal::Signal::SIGINT as i32;
                if !(interrupted && self.options.ignore_sigint) {
                    self.wish(wish);
                }
            }
        }
    }

    pub(super) fn wish(&mut self, wish: Wish) {
        match wish {
            Wish::Stop => self.stop(Exit::Ok.code()),
            Wish::Reload => self.reload(),
            Wish::Data | Wish::Stats | Wish::StatsClear | Wish::Json => self.request_dump(wish),
        }
    }

    pub(super) fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}
