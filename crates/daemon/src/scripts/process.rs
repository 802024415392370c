//! Starting a script the way keepalived's users know it.

use std::os::fd::{AsFd, BorrowedFd};

use engine::io::Outcome;
use linux::process::{self, Exit, Spawn};
use linux::{Errno, OsError};
use model::Command;
use nix::sys::signal::Signal;
use nix::unistd::{getegid, geteuid};

/// Variables by which the environment of the daemon could change what a script does.
const DANGEROUS: [&str; 3] = ["IFS", "LD_PRELOAD", "LD_LIBRARY_PATH"];
const SHELL: &str = "/bin/sh";

/// A running script, which leads a process group of its own.
#[derive(Debug)]
pub struct Child(process::Child);

/// Starts a script with `extra` behind its own arguments.
///
/// A file without `#!` is given to the shell. A command `</path` asks only whether that file can be
/// opened for reading; the shell does it, since opening may block.
///
/// # Errors
/// It can't be executed, or there are too many processes or descriptors.
pub fn spawn(command: &Command, extra: &[Box<str>]) -> Result<Child, OsError> {
    if let Some(file) = command.text.trim_start().strip_prefix('<') {
        return start(command, SHELL, &["sh", "-c", "<\"$1\"", "sh", file.trim()]);
    }
    let own = command.argv.iter().chain(extra).map(|a| &**a);
    let words: Vec<&str> = own.collect();
    match start(command, &command.path, &words) {
        Err(e) if e.errno == Errno::ENOEXEC => {
            let mut shell = vec!["sh", &*command.path];
            shell.extend(words.iter().skip(1));
            start(command, SHELL, &shell)
        }
        other => other,
    }
}

fn start(command: &Command, program: &str, words: &[&str]) -> Result<Child, OsError> {
    let mut spawn = Spawn::new(program);
    if let [name, rest @ ..] = words {
        spawn.arg0(name).args(rest);
    }
    for variable in DANGEROUS {
        spawn.env_remove(variable);
    }
    let user = command.user;
    // Without the need for rights if nothing changes.
    if (user.uid, user.gid) != (geteuid().as_raw(), getegid().as_raw()) {
        spawn.identity(user.uid, user.gid, &[]);
    }
    spawn.own_group().die_with_parent(Signal::SIGTERM as i32);
    spawn.spawn().map(Child)
}

impl Child {
    /// Its number.
    pub fn pid(&self) -> u32 {
        self.0.pid()
    }

    /// How it ended, if it has. It stays a zombie, so that its group can still be signalled.
    pub fn outcome(&self) -> Result<Option<Outcome>, OsError> {
        Ok(self.0.peek()?.map(|exit| match exit {
            Exit::Code(status) => Outcome::Exited(status),
            Exit::Signal(number) => Outcome::Signaled(u8::try_from(number).unwrap_or(u8::MAX)),
        }))
    }

    /// Asks its whole group to end.
    pub fn terminate(&self) {
        self.signal(Signal::SIGTERM);
    }

    /// Ends its whole group.
    pub fn kill(&self) {
        self.signal(Signal::SIGKILL);
    }

    fn signal(&self, signal: Signal) {
        // It fails only for members of the group that became other users; nobody can do more.
        let _ = self.0.signal_group(signal as i32);
    }

    /// Ends it and waits for that, which takes no time since it has hardly begun.
    pub fn end(mut self) {
        self.kill();
        let _ = self.0.wait();
    }

    /// Forgets it; it must have ended.
    pub fn reap(mut self) {
        let _ = self.0.reap();
    }
}

impl AsFd for Child {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
