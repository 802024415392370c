//! A new configuration for a running daemon.

use model::Model;

use super::run::{Daemon, State};
use super::systemd;
use crate::configuration;
use crate::ipc::Part;
use crate::log::{Level, Line};
use crate::process::give_back;

impl Daemon {
    /// Reads the configuration again. All of it is read and checked before anything changes: a file
    /// with a mistake changes nothing. One reload at a time; if others are asked for meanwhile, one
    /// more follows, which reads the newest file.
    pub(super) fn reload(&mut self) {
        if self.may_reload() {
            self.read_again();
            // What it was read from, and most of what was read, have gone.
            give_back();
        }
    }

    /// Whether a reload can begin now; if not, it follows later.
    fn may_reload(&mut self) -> bool {
        let busy = match self.state {
            State::Stopping { .. } => return false,
            State::StartupScript { .. } => true,
            State::Running => self.workers.iter().any(|w| w.awaited.is_some() || w.dismissed),
        };
        self.reload_again |= busy;
        !busy
    }

    fn read_again(&mut self) {
        systemd::reloading();
        self.log(Line::info("Reloading ..."));
        self.sinks.reopen();
        let (lines, read) = configuration::read(&self.options);
        for line in lines {
            self.log(line);
        }
        let new = match read {
            Ok(new) => new,
            Err(refused) => {
                self.refuse(&refused.report);
                return;
            }
        };
        if let Some(what) = fixed(self.head(), &new.head) {
            let text = format!("Cannot change {what} at a reload - please restart Keepalived");
            self.log(Line::new(Level::Error, text));
            systemd::ready();
            return;
        }
        let old = self.head();
        let scheduling = [
            (Part::Vrrp, old.global.vrrp_process != new.head.global.vrrp_process),
            (Part::Checkers, old.lvs.settings.process != new.head.lvs.settings.process),
        ];
        for (part, _) in scheduling.into_iter().filter(|(_, changes)| *changes) {
            let title = part.title();
            let text = format!(
                "Priority, processors and memory lock of the {title} process change when it starts again"
            );
            self.log(Line::warning(text));
        }
        // Before anything changes: without them, the processes could not be told.
        let files: linux::Result<Vec<_>> =
            Part::ALL.into_iter().map(|part| Ok((part, new.recording.share()?))).collect();
        let files = match files {
            Ok(files) => files,
            Err(e) => {
                self.log(Line::error(format!("The new configuration cannot be handed over: {e}")));
                systemd::ready();
                return;
            }
        };
        self.configuration = new;
        self.generation += 1;
        if self.needs_scripts() && !self.scripts.is_running() && self.scripts.restart_at.is_none() {
            self.start_scripts();
        }
        for (part, file) in files {
            let (needed, awaited) = (self.needs(part), self.generation);
            let worker = self.workers.of_mut(part);
            match (needed, worker.child.is_running()) {
                (true, true) => {
                    worker.awaited = Some(awaited);
                    self.hand_over(part, file);
                }
                (true, false) => {
                    worker.awaited = Some(awaited);
                    if worker.child.restart_at.is_none() {
                        self.start_worker(part);
                    }
                }
                (false, true) => self.dismiss(part),
                (false, false) => worker.child.restart_at = None,
            }
        }
        if !Part::ALL.into_iter().any(|part| self.needs(part)) {
            self.log(Line::warning("Warning - keepalived has no configuration to run"));
        }
        self.settle_reload();
    }

    /// The file can't be used: it is told why, also in the file that `reload_check_config` names, and
    /// everything stays as it is.
    fn refuse(&mut self, report: &str) {
        let file = self.head().global.reload_check_config.clone().flatten();
        let text = match file.as_deref() {
            Some(path) => match configuration::write_report(path, report) {
                Ok(()) => format!("New config failed validation, see {path} for details"),
                Err(e) => format!("New config failed validation; the report cannot be written: {e}"),
            },
            None => "New config failed validation, the running one stays; see above for details".to_owned(),
        };
        self.log(Line::error(text));
        systemd::ready();
    }

    /// If all processes have answered, the reload is over.
    pub(super) fn settle_reload(&mut self) {
        if self.workers.iter().any(|w| w.awaited.is_some() || w.dismissed) {
            return;
        }
        if !std::mem::take(&mut self.reload_refused) {
            self.log(Line::info("Reload complete"));
        }
        self.reload_ended();
    }

    /// A reload is over, however it went.
    fn reload_ended(&mut self) {
        if matches!(self.state, State::Stopping { .. }) {
            return;
        }
        systemd::ready();
        if std::mem::take(&mut self.reload_again) {
            self.reload();
        }
    }
}

/// What can't change while the daemon runs and did change, in keepalived's words.
fn fixed(old: &Model, new: &Model) -> Option<&'static str> {
    // The pid files are named by this, and they are locked already.
    let pid_files = (old.global.use_pid_dir != new.global.use_pid_dir).then_some("use_pid_dir");
    model::diff(old, new).refused().next().or(pid_files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Global;

    #[test]
    fn the_identity_of_a_daemon_cannot_change() {
        let with = |global| Model { global, ..Model::default() };
        let old = Model::default();
        assert_eq!(fixed(&old, &old), None);
        let new = with(Global { instance: Some("left".into()), ..Global::default() });
        assert_eq!(fixed(&old, &new), Some("instance"));
        let new = with(Global { use_pid_dir: true, ..Global::default() });
        assert_eq!(fixed(&old, &new), Some("use_pid_dir"));
    }
}
