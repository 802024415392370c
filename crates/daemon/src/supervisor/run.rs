//! The supervisor's loop: children, signals, reloads, the end.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{Duration, Instant};
use linux::memfd::Memfd;
use linux::pidfile::PidFile;
use linux::poll::{Interest, Poll, Ready};
use linux::process::{self, Exit as Ended};
use linux::seqpacket::Channel as Socket;
use linux::signals::Signals;
use linux::{OsError, clock};
use model::Model;

use super::child::Child;
use super::dumps::Purpose;
use super::systemd;
use crate::cli::Options;
use crate::configuration::{self, Configuration};
use crate::exit::Exit;
use crate::ipc::{FromVrrp, Role, ScriptsToSupervisor, SupervisorToScripts, ToVrrp, Wish};
use crate::log::{Level, Line, Sinks, Writer};
use crate::pid_paths::PidPaths;

mod token {
    pub(super) const SIGNALS: u64 = 0;
    pub(super) const VRRP: u64 = 2;
    pub(super) const SCRIPTS: u64 = 4;
}

/// What log lines call a child.
const fn name_of(role: Role) -> &'static str {
    match role {
        Role::Vrrp => "VRRP",
        Role::Scripts => "Scripts",
    }
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
    /// The vrrp process leaves.
    Vrrp,
    /// Another vrrp process removes what one left behind that could not leave.
    Cleanup,
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
    pub(super) vrrp: Child<ToVrrp, FromVrrp>,
    pub(super) scripts: Child<SupervisorToScripts, ScriptsToSupervisor>,
    paths: PidPaths,
    pub(super) pid_file: PidFile,
    /// The kernel's pattern for core files before we changed it.
    pub(super) core_pattern: Option<String>,
    pub(super) state: State,
    /// The vrrp process has told that a first configuration is in force.
    started: bool,
    /// The configuration that the vrrp process has not told to be in force yet.
    pub(super) reloading: Option<u64>,
    /// Another reload was asked for meanwhile. However often: the newest file counts.
    pub(super) reload_again: bool,
    /// The vrrp process isn't needed any more and was told so.
    pub(super) vrrp_dismissed: bool,
    /// A vrrp process ended without removing what it had put in, and no other has begun since.
    pub(super) left_behind: bool,
    /// What the vrrp process was asked to tell, and what for.
    pub(super) requests: BTreeMap<u64, Purpose>,
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
            vrrp: Child::new(Role::Vrrp, token::VRRP),
            scripts: Child::new(Role::Scripts, token::SCRIPTS),
            paths,
            pid_file,
            core_pattern,
            state: State::Running,
            started: false,
            reloading: None,
            reload_again: false,
            vrrp_dismissed: false,
            left_behind: false,
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
        match self.model().global.startup_script.clone() {
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
            self.vrrp.flush(&mut self.poll);
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
                    token::VRRP => self.hear_vrrp(),
                    token::SCRIPTS => self.hear_scripts(),
                    _ => {}
                }
            }
            self.reap();
            self.handle_time();
        }
    }

    pub(super) fn model(&self) -> &Arc<Model> {
        &self.configuration.model
    }

    pub(super) fn log(&mut self, line: Line) {
        self.sinks.write(Writer { role: None, pid: std::process::id() }, &line);
    }

    /// The earliest thing that only time brings about.
    fn timeout(&self) -> Option<Duration> {
        let step = match &self.state {
            State::StartupScript { until, .. }
            | State::Stopping { step: Step::ShutdownScript { until, .. }, .. } => Some(*until),
            _ => None,
        };
        let times =
            [self.vrrp.restart_at, self.vrrp.kill_at, self.scripts.restart_at, self.scripts.kill_at, step];
        let next = times.into_iter().flatten().min().map(|at| at.since(clock::now()));
        if self.sinks.is_waiting() { Some(next.map_or(SINK_RETRY, |n| n.min(SINK_RETRY))) } else { next }
    }

    fn handle_time(&mut self) {
        let now = clock::now();
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if due(self.vrrp.kill_at) {
            self.fails_to_die(Role::Vrrp);
            self.vrrp.kill();
        }
        if due(self.scripts.kill_at) {
            self.fails_to_die(Role::Scripts);
            self.scripts.kill();
        }
        if due(self.vrrp.restart_at) {
            self.start_vrrp();
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
        self.log(Line::info(format!("{} process failed to die - forcing termination", name_of(role))));
    }

    // --- children ---

    pub(super) fn needs_vrrp(&self) -> bool {
        let wanted = self.options.only_vrrp || !self.options.only_checkers;
        let model = self.model();
        let configured = !model.instances.is_empty()
            || !model.static_addresses.is_empty()
            || !model.static_routes.is_empty();
        wanted && (configured || self.options.all)
    }

    pub(super) fn needs_scripts(&self) -> bool {
        configuration::uses_scripts(self.model())
    }

    pub(super) fn start_children(&mut self) {
        self.state = State::Running;
        if self.needs_vrrp() {
            self.start_vrrp();
        } else {
            self.log(Line::warning("Warning - keepalived has no configuration to run"));
            self.up();
        }
        if std::mem::take(&mut self.reload_again) {
            self.reload();
        }
    }

    pub(super) fn start_vrrp(&mut self) {
        let started = self.vrrp.start(&mut self.poll, Some(&self.paths.vrrp));
        match started {
            Ok((pid, pid_file)) => {
                self.log(Line::info(format!("Starting VRRP child process, pid={pid}")));
                if let Err(e) = pid_file {
                    self.log(Line::warning(e.to_string()));
                }
                self.vrrp_dismissed = false;
                self.configure_vrrp();
                self.connect_scripts();
            }
            Err(e) => self.cannot_start(Role::Vrrp, &e),
        }
    }

    pub(super) fn start_scripts(&mut self) {
        match self.scripts.start(&mut self.poll, None) {
            Ok((pid, _)) => {
                self.log(Line::info(format!("Starting scripts child process, pid={pid}")).detailed());
                self.connect_scripts();
            }
            Err(e) => self.cannot_start(Role::Scripts, &e),
        }
    }

    /// A lack of memory or of process ids passes.
    fn cannot_start(&mut self, role: Role, e: &OsError) {
        const LATER: Duration = Duration::from_secs(1);
        let name = name_of(role);
        self.log(Line::error(format!("{name} child process cannot be started: {e}")));
        let again = Some(clock::now() + LATER);
        match role {
            Role::Vrrp => self.vrrp.restart_at = again,
            Role::Scripts => self.scripts.restart_at = again,
        }
    }

    pub(super) fn configure_vrrp(&mut self) {
        match Memfd::sealed("configuration", &self.configuration.bundle) {
            Ok(file) => self.hand_over(file),
            // It waits for its configuration, and there is none to be had.
            Err(e) => {
                self.log(Line::error(format!("The configuration cannot be handed over: {e}")));
                self.vrrp.kill();
            }
        }
    }

    /// Hands the configuration, which is in `file`, to the vrrp process.
    pub(super) fn hand_over(&mut self, file: Memfd) {
        self.vrrp.send(&ToVrrp::Configure { generation: self.generation }, Some(file.into()));
    }

    /// Gives vrrp and scripts a channel to each other, as soon as both are there.
    fn connect_scripts(&mut self) {
        if !self.vrrp.is_running() || !self.scripts.is_running() {
            return;
        }
        match Socket::pair() {
            Ok((a, b)) => {
                self.vrrp.send(&ToVrrp::Scripts, Some(a.into()));
                self.scripts.send(&SupervisorToScripts::Vrrp, Some(b.into()));
            }
            Err(e) => self.log(Line::error(format!("The scripts process cannot be connected: {e}"))),
        }
    }

    fn reap(&mut self) {
        if self.vrrp.has_ended() {
            // What it said last is in the channel.
            self.hear_vrrp();
            if let Some((pid, how, delay)) = self.vrrp.reap() {
                self.vrrp_ended(pid, how, delay);
            }
        }
        if self.scripts.has_ended() {
            self.hear_scripts();
            if let Some((pid, how, delay)) = self.scripts.reap() {
                self.scripts_ended(pid, how, delay);
            }
        }
        let own = [self.vrrp.pid(), self.scripts.pid()];
        // What scripts left behind becomes ours. That there is nothing to reap is no error, and
        // nothing else can go wrong.
        let _ = process::reap_orphans(|pid| own.contains(&Some(pid)));
    }

    fn vrrp_ended(&mut self, pid: u32, how: Ended, delay: Duration) {
        self.requests.clear();
        // One that left before it had a configuration in force has removed nothing of an earlier one's.
        self.left_behind |= how != Ended::Code(0);
        if matches!(self.state, State::Stopping { .. }) {
            self.vrrp_left();
        } else if std::mem::take(&mut self.vrrp_dismissed) {
            self.reload_done();
        } else if let Some(again) = self.died(Role::Vrrp, pid, how, delay) {
            self.vrrp.restart_at = Some(again);
        }
    }

    fn scripts_ended(&mut self, pid: u32, how: Ended, delay: Duration) {
        // Nobody is left who would end them when they take too long.
        let vrrp = self.vrrp.pid();
        process::kill_orphaned_groups(|pid| Some(pid) == vrrp);
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
    fn died(&mut self, role: Role, pid: u32, how: Ended, delay: Duration) -> Option<Instant> {
        let name = name_of(role);
        if let Ended::Signal(number) = how {
            let signal = nix::sys::signal::Signal::try_from(number).map_or("unknown", |s| s.as_str());
            self.log(Line::info(format!("pid {pid} exited due to signal {number} ({signal})")));
        }
        // Without scripts, addresses are still held: that process is always started again.
        let permanent = match (role, how) {
            (Role::Vrrp, Ended::Code(code)) => Exit::permanent(code).map(|what| (code, what)),
            _ => None,
        };
        if let Some((code, what)) = permanent {
            let text = format!("{name} exited with permanent error {what}. Terminating");
            self.log(Line::new(Level::Alert, text));
            // It can have put in nothing without a configuration or without the right to.
            self.left_behind &= code == Exit::Fatal.code();
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

    fn hear_vrrp(&mut self) {
        loop {
            let Some(pid) = self.vrrp.pid() else { return };
            match self.vrrp.receive() {
                Ok(None) => return,
                Ok(Some(received)) => match received.message {
                    FromVrrp::Log(line) => {
                        self.sinks.write(Writer { role: Some(Role::Vrrp), pid }, &line);
                    }
                    FromVrrp::Configured { generation } => self.configured(generation),
                    FromVrrp::NotConfigured { generation } => self.not_configured(generation),
                    FromVrrp::Snapshot { request } => {
                        if let (Some(purpose), Some(fd)) = (self.requests.remove(&request), received.fd) {
                            self.use_report(purpose, fd);
                        }
                    }
                    FromVrrp::Wish(wish) => self.wish(wish),
                    // Its end follows.
                    FromVrrp::Stopped => {}
                },
                Err(e) => {
                    self.log(Line::error(format!("The VRRP process makes no sense: {e}")));
                    self.vrrp.kill();
                    return;
                }
            }
        }
    }

    fn hear_scripts(&mut self) {
        loop {
            let Some(pid) = self.scripts.pid() else { return };
            match self.scripts.receive() {
                Ok(None) => return,
                Ok(Some(received)) => match received.message {
                    ScriptsToSupervisor::Log(line) => {
                        self.sinks.write(Writer { role: Some(Role::Scripts), pid }, &line);
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

    fn configured(&mut self, generation: u64) {
        if generation != self.generation {
            return;
        }
        self.left_behind = false;
        if let State::Stopping { step, .. } = &self.state {
            if matches!(step, Step::Cleanup) {
                self.vrrp.send(&ToVrrp::Stop { keep: false }, None);
            }
            // Nobody is told "ready" who was told "stopping".
            return;
        }
        if self.reloading.take().is_some() {
            self.reload_done();
        }
        self.up();
    }

    /// The vrrp process goes on with the configuration that it had; it said why. A reload that never
    /// ended would keep all others from beginning.
    fn not_configured(&mut self, generation: u64) {
        if self.reloading.take_if(|g| *g == generation).is_some() {
            self.log(Line::error("The VRRP process goes on with its old configuration"));
            self.reload_ended();
        }
    }

    /// The daemon does what it is for.
    fn up(&mut self) {
        if !std::mem::replace(&mut self.started, true) {
            self.log(Line::info("Startup complete"));
            systemd::ready();
            if self.options.dump_config {
                self.request_report(Purpose::Log);
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

    fn wish(&mut self, wish: Wish) {
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
