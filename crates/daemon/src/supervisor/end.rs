//! How the daemon ends.

use base::Duration;
use engine::io::Outcome;
use linux::clock;
use model::Command;
use nix::sys::resource::{UsageWho, getrusage};

use super::run::{Daemon, SCRIPT_GRACE, State, Step};
use super::{CORE_PATTERN, PATIENCE, systemd};
use crate::exit::Exit;
use crate::ipc::{SupervisorToScripts, ToVrrp};
use crate::log::{Line, cpu_time};
use crate::version;

impl Daemon {
    /// Ends the daemon with status `exit`. A second request changes nothing.
    pub(super) fn stop(&mut self, exit: u8) {
        if matches!(self.state, State::Stopping { .. }) {
            return;
        }
        let keep = self.options.keep_vrrp;
        // The others on the link wait for the farewell of masters: nothing goes before it.
        if self.vrrp.is_running() {
            self.vrrp.send(&ToVrrp::Stop { keep }, None);
        }
        self.log(Line::info("Stopping"));
        systemd::stopping();
        (self.vrrp.restart_at, self.scripts.restart_at) = (None, None);
        self.state = State::Stopping { exit, step: Step::Vrrp };
        if self.vrrp.is_running() {
            self.vrrp.give_notice(self.patience());
        } else if self.left_behind && !keep {
            self.clean_up();
        } else {
            self.run_shutdown_script();
        }
    }

    /// `child_wait_time`.
    fn patience(&self) -> Duration {
        self.model().global.child_wait
    }

    fn advance(&mut self, next: Step) {
        if let State::Stopping { step, .. } = &mut self.state {
            *step = next;
        }
    }

    /// The vrrp process has ended while the daemon ends.
    pub(super) fn vrrp_left(&mut self) {
        match self.state {
            State::Stopping { step: Step::Vrrp, .. } if self.left_behind && !self.options.keep_vrrp => {
                self.clean_up();
            }
            State::Stopping { step: Step::Vrrp | Step::Cleanup, .. } => self.run_shutdown_script(),
            _ => {}
        }
    }

    /// A vrrp process that died left its addresses and routes where they were. Another one removes
    /// them: it starts on the same configuration, finds what is ours, and leaves at once.
    fn clean_up(&mut self) {
        self.advance(Step::Cleanup);
        match self.vrrp.start(&mut self.poll, None) {
            Ok((pid, _)) => {
                self.log(Line::info(format!("Removing what the VRRP process left behind, pid={pid}")));
                self.vrrp.give_notice(self.patience());
                self.configure_vrrp();
            }
            Err(e) => {
                self.log(Line::error(format!("What the VRRP process left behind stays: {e}")));
                self.run_shutdown_script();
            }
        }
    }

    fn run_shutdown_script(&mut self) {
        let Some((command, timeout)) = self.model().global.shutdown_script.clone() else {
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
