//! A program that runs in a node.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::PoisonError;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::error::{Context, LabError, Result};
use crate::inside::SharedChild;

/// A program that runs, or ran, in a node.
#[derive(Debug)]
pub struct Process {
    name: String,
    pid: u32,
    child: SharedChild,
    log: PathBuf,
}

impl Process {
    pub(crate) fn new(name: String, child: SharedChild, log: PathBuf) -> Self {
        let pid = child.lock().unwrap_or_else(PoisonError::into_inner).id();
        Self { name, pid, child, log }
    }

    /// Its pid as the lab sees it; inside the node it has another one.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// It is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let what = || format!("{signal} to {}", self.name);
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        // Once it is buried, its pid may belong to somebody else.
        if child.try_wait().during(what)?.is_some() {
            return Err(LabError::Expectation(format!("{}: it has ended", what())));
        }
        kill(Pid::from_raw(i32::try_from(self.pid).unwrap_or(i32::MAX)), signal).during(what)
    }

    /// Its status, if it has ended.
    ///
    /// # Errors
    /// The system lost track of it.
    pub fn ended(&self) -> Result<Option<ExitStatus>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner).try_wait().during(|| self.name.clone())
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It goes on for longer than `bound`.
    pub fn wait(&self, bound: Duration) -> Result<ExitStatus> {
        let name = self.name.clone();
        crate::wait(&format!("{name} ends"), bound, || Ok(self.ended()?.is_some()))?;
        self.ended()?.ok_or(LabError::Expectation(name))
    }

    /// Asks it to stop (SIGTERM), and waits for its end.
    ///
    /// # Errors
    /// It is gone already, or goes on for longer than `bound`.
    pub fn stop(&self, bound: Duration) -> Result<ExitStatus> {
        self.signal(Signal::SIGTERM)?;
        self.wait(bound)
    }

    /// Everything that it has written so far, and what earlier programs of the same log wrote.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn log(&self) -> Result<String> {
        let bytes = fs::read(&self.log).during(|| format!("{}", self.log.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Where its log is.
    #[must_use]
    pub fn log_path(&self) -> &Path {
        &self.log
    }
}
