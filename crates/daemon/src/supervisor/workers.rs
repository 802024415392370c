//! The processes around engines: when they run, what they are told and what they tell.

use base::Duration;
use linux::memfd::Memfd;
use linux::process::Exit as Ended;

use super::child::Child;
use super::dumps::Purpose;
use super::run::{Daemon, State};
use super::systemd;
use crate::ipc::{FromEngine, Part, Role, SupervisorToScripts, ToEngine};
use crate::log::{Line, Writer};

/// The process of a part, running or not.
pub struct Worker {
    pub child: Child<ToEngine, FromEngine>,
    /// One has told that a first configuration is in force.
    pub started: bool,
    /// The configuration of a reload that it has not told to be in force yet.
    pub awaited: Option<u64>,
    /// It isn't needed any more and was told so.
    pub dismissed: bool,
    /// One ended without removing what it had put into the kernel, and no other has begun since.
    pub left_behind: bool,
    /// The daemon ends, and this one was started only to remove what another one left behind.
    pub cleaner: bool,
}

/// All of them.
pub struct Workers {
    checkers: Worker,
    vrrp: Worker,
}

impl Workers {
    /// None runs. The poll set will call their channels and ends by numbers from `token` on.
    pub fn new(token: u64) -> Self {
        let worker = |part, token| Worker {
            child: Child::new(Role::Engine(part), token),
            started: false,
            awaited: None,
            dismissed: false,
            left_behind: false,
            cleaner: false,
        };
        Self { checkers: worker(Part::Checkers, token), vrrp: worker(Part::Vrrp, token + 2) }
    }

    pub fn of(&self, part: Part) -> &Worker {
        match part {
            Part::Checkers => &self.checkers,
            Part::Vrrp => &self.vrrp,
        }
    }

    pub fn of_mut(&mut self, part: Part) -> &mut Worker {
        match part {
            Part::Checkers => &mut self.checkers,
            Part::Vrrp => &mut self.vrrp,
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Worker> {
        Part::ALL.into_iter().map(|part| self.of(part))
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Worker> {
        [&mut self.checkers, &mut self.vrrp].into_iter()
    }

    /// Which part a channel belongs to.
    pub fn with_token(&self, token: u64) -> Option<Part> {
        Part::ALL.into_iter().find(|part| self.of(*part).child.token() == token)
    }

    /// Whether `pid` is one of them.
    pub fn has_pid(&self, pid: u32) -> bool {
        self.iter().any(|w| w.child.pid() == Some(pid))
    }

    /// Whether any of them runs.
    pub fn any_runs(&self) -> bool {
        self.iter().any(|w| w.child.is_running())
    }
}

impl Daemon {
    /// Whether there is something to do for a part.
    pub(super) fn needs(&self, part: Part) -> bool {
        let (options, uses) = (&self.options, self.configuration.uses);
        let (wanted, configured) = match part {
            Part::Checkers => (options.only_checkers || !options.only_vrrp, uses.balancing),
            Part::Vrrp => (options.only_vrrp || !options.only_checkers, uses.routing),
        };
        wanted && (configured || options.all)
    }

    pub(super) fn start_worker(&mut self, part: Part) {
        let worker = self.workers.of_mut(part);
        match worker.child.start(&mut self.poll, Some(self.paths.of(part))) {
            Ok((pid, pid_file)) => {
                worker.dismissed = false;
                self.log(Line::info(format!("Starting {} child process, pid={pid}", part.title())));
                if let Err(e) = pid_file {
                    self.log(Line::warning(e.to_string()));
                }
                self.configure(part);
                self.connect_scripts(part);
            }
            Err(e) => {
                let again = self.cannot_start(Role::Engine(part), &e);
                self.workers.of_mut(part).child.restart_at = Some(again);
            }
        }
    }

    /// Hands the configuration to a process that has just begun.
    fn configure(&mut self, part: Part) {
        match self.configuration.recording.share() {
            Ok(file) => self.hand_over(part, file),
            // It waits for its configuration, and there is none to be had.
            Err(e) => {
                self.log(Line::error(format!("The configuration cannot be handed over: {e}")));
                self.workers.of_mut(part).child.kill();
            }
        }
    }

    /// Hands the configuration, which is in `file`, to the process of a part.
    pub(super) fn hand_over(&mut self, part: Part, file: Memfd) {
        let message = ToEngine::Configure { generation: self.generation };
        self.workers.of_mut(part).child.send(&message, Some(file.into()));
    }

    /// A process that isn't needed any more leaves.
    pub(super) fn dismiss(&mut self, part: Part) {
        let patience = self.patience();
        let worker = self.workers.of_mut(part);
        worker.dismissed = true;
        worker.child.send(&ToEngine::Stop { keep: false }, None);
        worker.child.give_notice(patience);
    }

    /// A process that died left in the kernel what it had put there. Another one removes that: it starts
    /// on the same configuration, finds what is ours, and leaves at once.
    pub(super) fn start_cleaner(&mut self, part: Part) {
        let (patience, title) = (self.patience(), part.title());
        let worker = self.workers.of_mut(part);
        match worker.child.start(&mut self.poll, None) {
            Ok((pid, _)) => {
                worker.cleaner = true;
                worker.child.give_notice(patience);
                self.log(Line::info(format!("Removing what the {title} process left behind, pid={pid}")));
                self.configure(part);
            }
            Err(e) => {
                self.log(Line::error(format!("What the {title} process left behind stays: {e}")));
            }
        }
    }

    /// Collects processes that have ended.
    pub(super) fn reap_workers(&mut self) {
        for part in Part::ALL {
            if self.workers.of(part).child.has_ended() {
                // What it said last is in the channel.
                self.hear_worker(part);
                if let Some((pid, how, delay)) = self.workers.of_mut(part).child.reap() {
                    self.worker_ended(part, pid, how, delay);
                }
            }
        }
    }

    fn worker_ended(&mut self, part: Part, pid: u32, how: Ended, delay: Duration) {
        self.requests.retain(|_, (of, _)| *of != part);
        let worker = self.workers.of_mut(part);
        // One that left before it had a configuration in force has removed nothing of an earlier one's.
        worker.left_behind |= how != Ended::Code(0);
        if matches!(self.state, State::Stopping { .. }) {
            self.worker_left(part);
        } else if std::mem::take(&mut worker.dismissed) {
            self.scripts.send(&SupervisorToScripts::Forget(part), None);
            self.settle_reload();
        } else if let Some(again) = self.died(Role::Engine(part), pid, how, delay) {
            self.workers.of_mut(part).child.restart_at = Some(again);
        }
    }

    pub(super) fn hear_worker(&mut self, part: Part) {
        self.hear_all(part);
        self.sinks.flush();
    }

    fn hear_all(&mut self, part: Part) {
        loop {
            let child = &mut self.workers.of_mut(part).child;
            let Some(pid) = child.pid() else { return };
            match child.receive() {
                Ok(None) => return,
                Ok(Some(received)) => match received.message {
                    FromEngine::Log(line) => {
                        self.sinks.post(Writer { part: Some(part), pid }, &line);
                    }
                    FromEngine::Configured { generation } => self.configured(part, generation),
                    FromEngine::NotConfigured { generation } => self.not_configured(part, generation),
                    FromEngine::Snapshot { request } => {
                        if let (Some((of, purpose)), Some(fd)) = (self.requests.remove(&request), received.fd)
                        {
                            self.use_report(of, purpose, fd);
                        }
                    }
                    FromEngine::Wish(wish) => self.wish(wish),
                    // Its end follows.
                    FromEngine::Stopped => {}
                },
                Err(e) => {
                    self.log(Line::error(format!("The {} process makes no sense: {e}", part.title())));
                    self.workers.of_mut(part).child.kill();
                    return;
                }
            }
        }
    }

    fn configured(&mut self, part: Part, generation: u64) {
        if generation != self.generation {
            return;
        }
        let worker = self.workers.of_mut(part);
        worker.left_behind = false;
        if let State::Stopping { .. } = &self.state {
            if worker.cleaner {
                worker.child.send(&ToEngine::Stop { keep: false }, None);
            }
            // Nobody is told "ready" who was told "stopping".
            return;
        }
        worker.started = true;
        if worker.awaited.take().is_some() {
            self.settle_reload();
        }
        self.up();
    }

    /// The process goes on with the configuration that it had; it said why. A reload that never ended
    /// would keep all others from beginning.
    fn not_configured(&mut self, part: Part, generation: u64) {
        if self.workers.of_mut(part).awaited.take_if(|g| *g == generation).is_some() {
            self.log(Line::error(format!("The {} process goes on with its old configuration", part.title())));
            self.reload_refused = true;
            self.settle_reload();
        }
    }

    /// The daemon does what it is for, once all parts do.
    pub(super) fn up(&mut self) {
        let waits = |part: &Part| self.needs(*part) && !self.workers.of(*part).started;
        if self.started || Part::ALL.iter().any(waits) {
            return;
        }
        self.started = true;
        self.log(Line::info("Startup complete"));
        systemd::ready();
        if self.options.dump_config {
            for part in Part::ALL {
                self.request_report(part, Purpose::Log);
            }
        }
    }
}
