//! How the daemon ends.

use base::Duration;
use engine::io::Outcome;
use linux::clock;
use model::Command;
use nix::sys::resource::{UsageWho, getrusage};

use super::run::{Daemon, SCRIPT_GRACE, State, Step};
use super::{CORE_PATTERN, PATIENCE, systemd};
use crate::exit::Exit;
use crate::ipc::{Part, SupervisorToScripts, ToEngine};
use crate::log::{Line, cpu_time};
use crate::version;

impl Daemon {
    /// Ends the daemon with status `exit`. A second request changes nothing.
    pub(super) fn stop(&mut self, exit: u8) {
        if matches!(self.state, State::Stopping { .. }) {
            return;
        }
        // The others on the link wait for the farewell of masters: nothing goes before it.
        for part in [Part::Vrrp, Part::Checkers] {
            let keep = self.options.keeps(part);
            self.workers.of_mut(part).child.send(&ToEngine::Stop { keep }, None);
        }
        self.log(Line::info("Stopping"));
        systemd::stopping();
        self.scripts.restart_at = None;
        self.state = State::Stopping { exit, step: Step::Workers };
        let patience = self.patience();
        for part in Part::ALL {
            let worker = self.workers.of_mut(part);
            worker.child.restart_at = None;
            worker.child.give_notice(patience);
            if !worker.child.is_running() {
                self.clean_up(part);
            }
        }
        self.after_workers();
    }

    /// `child_wait_time`.
    pub(super) fn patience(&self) -> Duration {
        self.head().global.child_wait
    }

    fn advance(&mut self, next: Step) {
        if let State::Stopping { step, .. } = &mut self.state {
            *step = next;
        }
    }

    /// The process of a part has ended while the daemon ends.
    pub(super) fn worker_left(&mut self, part: Part) {
        self.clean_up(part);
        self.after_workers();
    }

    /// Has removed what the process of a part left behind, unless that has been tried.
    fn clean_up(&mut self, part: Part) {
        let worker = self.workers.of(part);
        if worker.left_behind && !worker.cleaner && !self.options.keeps(part) {
            self.start_cleaner(part);
        }
    }

    /// The end goes on when all processes around engines are gone.
    fn after_workers(&mut self) {
        if matches!(self.state, State::Stopping { step: Step::Workers, .. }) && !self.workers.any_runs() {
            self.run_shutdown_script();
        }
    }

    fn run_shutdown_script(&mut self) {
        let Some((command, timeout)) = self.head().global.shutdown_script.clone() else {
            self.stop_scripts();
            return;
        };
        if !self.scripts.is_running() {
            self.log(Line::error("The shutdown script cannot be run: the scripts process is gone"));
            self.advance(Step::Done);
            return;
        }
        let id = self.run_script(command, timeout);
        self.advance(Step::ShutdownScript { id, until: clock::now() + timeout + SCRIPT_GRACE });
    }

    /// Has the scripts process run a script of ours.
    pub(super) fn run_script(&mut self, command: Command, timeout: Duration) -> u64 {
        let id = self.new_id();
        self.scripts.send(&SupervisorToScripts::Run { id, command, timeout }, None);
        id
    }

    /// A script of ours has ended.
    pub(super) fn script_ended(&mut self, id: u64, outcome: Outcome) {
        let what = match outcome {
            Outcome::Exited(0) => None,
            Outcome::Exited(status) => Some(format!("exited with status {status}")),
            Outcome::Signaled(signal) => Some(format!("was ended by signal {signal}")),
            Outcome::TimedOut => Some("timed out".to_owned()),
            Outcome::NotStarted => Some("could not be started".to_owned()),
        };
        let tell = |daemon: &mut Self, name: &str| {
            if let Some(what) = &what {
                daemon.log(Line::info(format!("{name} script {what}")));
            }
        };
        match self.state {
            State::StartupScript { id: expected, .. } if id == expected => {
                tell(self, "Startup");
                self.start_children();
            }
            State::Stopping { step: Step::ShutdownScript { id: expected, .. }, .. } if id == expected => {
                tell(self, "Shutdown");
                self.stop_scripts();
            }
            _ => {}
        }
    }

    /// The last process to go: it finishes the notifications of the end first.
    pub(super) fn stop_scripts(&mut self) {
        if self.scripts.is_running() {
            self.advance(Step::Scripts);
            self.scripts.send(&SupervisorToScripts::Stop, None);
            self.scripts.give_notice(self.patience());
        } else {
            self.advance(Step::Done);
        }
    }

    /// The scripts process has ended while the daemon ends.
    pub(super) fn scripts_left(&mut self) {
        match self.state {
            State::Stopping { step: Step::Scripts, .. } => self.advance(Step::Done),
            State::Stopping { step: Step::ShutdownScript { .. }, .. } => {
                self.log(Line::error("The scripts process died during the shutdown script"));
                self.advance(Step::Done);
            }
            // It would be needed for the last notifications only.
            _ => {}
        }
    }

    /// Nothing is left but we ourselves.
    pub(super) fn finish(mut self, exit: u8) -> u8 {
        if let (Ok(own), Ok(children)) =
            (getrusage(UsageWho::RUSAGE_SELF), getrusage(UsageWho::RUSAGE_CHILDREN))
        {
            let text = format!(
                "CPU usage (self/children) user: {}/{} system: {}/{}",
                cpu_time(own.user_time()),
                cpu_time(children.user_time()),
                cpu_time(own.system_time()),
                cpu_time(children.system_time())
            );
            self.log(Line::info(text).detailed());
        }
        if let Some(pattern) = self.core_pattern.take() {
            // It could be set before.
            let _ = std::fs::write(CORE_PATTERN, pattern);
        }
        self.log(Line::info(format!("Stopped {}", version::banner())));
        let Self { mut sinks, pid_file, .. } = self;
        sinks.finish(PATIENCE);
        // Whoever waits for the file to vanish finds everything done. That it is gone already is fine.
        let _ = pid_file.remove();
        exit
    }

    /// The supervisor itself can't go on: what it guards goes with it, by its death signal.
    pub(super) fn fail(mut self, why: &str) -> u8 {
        self.log(Line::error(format!("The supervisor cannot go on: {why}")));
        self.finish(Exit::Fatal.code())
    }
}
