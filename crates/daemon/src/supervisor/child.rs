//! A child process: how it is started, talked to and given up.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::Stdio;

use base::{Duration, Instant};
use linux::pidfile::{PidFile, PidFileError};
use linux::poll::{Interest, Poll};
use linux::process::{self, Exit, Spawn};
use linux::seqpacket::Channel as Socket;
use linux::{OsError, clock};
use nix::sys::signal::Signal;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::backoff::Backoff;
use crate::ipc::{Channel, ReceiveError, Received, Role, SUPERVISOR_CHANNEL};

/// So many messages may wait for a child. The supervisor says little; a child that doesn't read for
/// that long hangs.
const ROOM: usize = 256;

/// A child, running or not.
pub struct Child<Tx, Rx> {
    role: Role,
    /// What the poll set calls its channel; the process itself is called one more.
    token: u64,
    process: Option<Process<Tx, Rx>>,
    backoff: Backoff,
    /// When it is to be started again.
    pub restart_at: Option<Instant>,
    /// When it is killed if it isn't gone by then.
    pub kill_at: Option<Instant>,
}

struct Process<Tx, Rx> {
    child: process::Child,
    since: Instant,
    channel: Channel<Tx, Rx>,
    waiting: bool,
    pid_file: Option<PidFile>,
}

impl<Tx: Serialize, Rx: DeserializeOwned> Child<Tx, Rx> {
    /// A child that isn't running. Its channel will be reported to the poll set as `token`, its end as
    /// the next number.
    pub fn new(role: Role, token: u64) -> Self {
        Self { role, token, process: None, backoff: Backoff::default(), restart_at: None, kill_at: None }
    }

    /// Starts it: this program once more, with the words of our own command line. It ends when we do.
    ///
    /// # Errors
    /// It can't be started, or not be watched. A pid file that can't be had is no reason not to run; it
    /// comes with the process id.
    pub fn start(
        &mut self,
        poll: &mut Poll,
        pid_path: Option<&str>,
    ) -> Result<(u32, Result<(), PidFileError>), OsError> {
        let (ours, theirs) = Socket::pair()?;
        let mut spawn = Spawn::again(self.role.name());
        spawn.pass(SUPERVISOR_CHANNEL, theirs.as_fd())?;
        // What it would print are panics.
        spawn.stdio(Stdio::null(), Stdio::null(), Stdio::inherit());
        spawn.die_with_parent(Signal::SIGTERM as i32);
        let child = spawn.spawn()?;
        let pid = child.pid();
        let watched = poll
            .add(&ours, self.token, Interest::READ)
            .and_then(|()| poll.add(&child, self.token + 1, Interest::READ));
        if let Err(e) = watched {
            // Nobody would notice its end, and another one will be started. What it leaves is reaped
            // as an orphan.
            child.signal(Signal::SIGKILL as i32)?;
            return Err(e);
        }
        let mut written = Ok(());
        let pid_file = pid_path.and_then(|path| match write_pid(path, pid) {
            Ok(file) => Some(file),
            Err(e) => {
                written = Err(e);
                None
            }
        });
        let channel = Channel::new(Some(ours), ROOM);
        let since = clock::now();
        self.process = Some(Process { child, since, channel, waiting: false, pid_file });
        (self.restart_at, self.kill_at) = (None, None);
        Ok((pid, written))
    }

    /// What the poll set calls its channel.
    pub fn token(&self) -> u64 {
        self.token
    }

    /// Its process id, if it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(|p| p.child.pid())
    }

    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Sends it a message, with a descriptor if one belongs to it. A child that isn't running hears
    /// nothing.
    pub fn send(&mut self, message: &Tx, fd: Option<OwnedFd>) {
        if let Some(p) = &mut self.process {
            // What the supervisor says is small. A command line that is too long for a message was
            // too long for the configuration, too.
            let _ = p.channel.must_send(message, fd);
        }
    }

    /// Its next message. A channel that is closed or says nonsense is not listened to any more; that
    /// the process ended is told otherwise.
    ///
    /// # Errors
    /// What it said makes no sense.
    pub fn receive(&mut self) -> Result<Option<Received<Rx>>, ReceiveError> {
        let Some(p) = &mut self.process else { return Ok(None) };
        match p.channel.receive() {
            Err(ReceiveError::Closed) => {
                p.channel.connect(None);
                Ok(None)
            }
            Err(e) => {
                p.channel.connect(None);
                Err(e)
            }
            ok => ok,
        }
    }

    /// Sends what waits, and waits for room only while something does.
    pub fn flush(&mut self, poll: &mut Poll) {
        let Some(p) = &mut self.process else { return };
        p.channel.flush();
        let waiting = p.channel.is_waiting();
        if let Some(fd) = p.channel.fd().filter(|_| waiting != p.waiting) {
            let interest = if waiting { Interest::BOTH } else { Interest::READ };
            if poll.modify(fd, self.token, interest).is_ok() {
                p.waiting = waiting;
            }
        }
    }

    /// It is killed if it isn't gone after `patience`.
    pub fn give_notice(&mut self, patience: Duration) {
        if self.process.is_some() {
            self.kill_at = Some(clock::now() + patience);
        }
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.kill_at = None;
        if let Some(p) = &self.process {
            // That it has ended is no error, and nothing else can go wrong with a child of ours.
            let _ = p.child.signal(Signal::SIGKILL as i32);
        }
    }

    /// Whether it has ended and waits to be reaped.
    pub fn has_ended(&self) -> bool {
        self.process.as_ref().is_some_and(|p| matches!(p.child.peek(), Ok(Some(_))))
    }

    /// If it has ended: its number, how it ended, and the delay before it should be started again.
    pub fn reap(&mut self) -> Option<(u32, Exit, Duration)> {
        let p = self.process.as_mut()?;
        let exit = p.child.reap().ok()??;
        let p = self.process.take()?;
        (self.restart_at, self.kill_at) = (None, None);
        if let Some(file) = p.pid_file {
            // Somebody else may have removed it.
            let _ = file.remove();
        }
        Some((p.child.pid(), exit, self.backoff.died(clock::now().since(p.since))))
    }
}

fn write_pid(path: &str, pid: u32) -> Result<PidFile, PidFileError> {
    let mut file = PidFile::lock(Path::new(path))?;
    file.write(pid)?;
    Ok(file)
}
