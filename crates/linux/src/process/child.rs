//! Processes that were started.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, getpgid, getsid};

use crate::error::{Context, OsError, Result};
use crate::sys::new_fd;

/// How a process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// It exited with this status, 0 to 255.
    Code(u8),
    /// This signal ended it.
    Signal(i32),
}

/// A process that we started. Its descriptor is readable as soon as it has ended.
///
/// It is a process descriptor, not a number: what is done here hits this process or none. Dropping
/// this neither ends nor reaps the process; then [`reap_orphans`] finds it.
#[derive(Debug)]
pub struct Child {
    pid: u32,
    pidfd: OwnedFd,
    leads_group: bool,
    exit: Option<Exit>,
}

impl Child {
    /// Takes over process `pid`, a child of ours that has not been reaped.
    pub(super) fn adopt(pid: u32, leads_group: bool) -> Result<Self> {
        // SAFETY: the call takes integers and returns a new descriptor or -1.
        let pidfd = unsafe { new_fd(libc::syscall(libc::SYS_pidfd_open, pid, 0)) };
        Ok(Self { pid, pidfd: pidfd.on("watch process", pid)?, leads_group, exit: None })
    }

    /// Its number, ours alone until it is reaped.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends it signal `number`. A process that has ended is no error.
    pub fn signal(&self, number: i32) -> Result<()> {
        let null: *const libc::siginfo_t = std::ptr::null();
        // SAFETY: the descriptor is open, and without a siginfo the kernel makes one.
        let r =
            unsafe { libc::syscall(libc::SYS_pidfd_send_signal, self.pidfd.as_raw_fd(), number, null, 0) };
        match Errno::result(r) {
            Ok(_) | Err(Errno::ESRCH) => Ok(()),
            Err(e) => Err(e).on("signal process", self.pid),
        }
    }

    /// Sends signal `number` to its process group: to all that it started and that have not left. For
    /// a process that was started with a group of its own and has not been reaped yet: as long as it
    /// is there, even dead, nobody else can have that number. A group without a living process is no
    /// error.
    pub fn signal_group(&self, number: i32) -> Result<()> {
        if !self.leads_group || self.exit.is_some() {
            return Err(OsError::new("signal group of process", self.pid, Errno::EINVAL));
        }
        let group = libc::pid_t::try_from(self.pid).map_err(|_| Errno::EINVAL).on("signal", self.pid)?;
        // SAFETY: the call takes integers.
        match Errno::result(unsafe { libc::kill(-group, number) }) {
            Ok(_) | Err(Errno::ESRCH) => Ok(()),
            // Somebody in the group is another user's; those that could be signalled were.
            Err(e) => Err(e).on("signal group of process", self.pid),
        }
    }

    /// How it ended, if it has, without reaping it: its number and that of its group stay taken, so
    /// that the rest of the group can still be ended.
    pub fn peek(&self) -> Result<Option<Exit>> {
        if self.exit.is_some() {
            return Ok(self.exit);
        }
        let waited = wait(libc::P_PIDFD, self.id(), libc::WEXITED | libc::WNOHANG | libc::WNOWAIT);
        Ok(waited.on("look at process", self.pid)?.map(|(_, exit)| exit))
    }

    /// How it ended, if it has. Its number is free for others after that.
    pub fn reap(&mut self) -> Result<Option<Exit>> {
        if self.exit.is_none() {
            let waited = wait(libc::P_PIDFD, self.id(), libc::WEXITED | libc::WNOHANG);
            self.exit = waited.on("reap process", self.pid)?.map(|(_, exit)| exit);
        }
        Ok(self.exit)
    }

    /// Waits for its end and reaps it: for the lab and for the last moment of a program. Blocks.
    pub fn wait(&mut self) -> Result<Exit> {
        if let Some(exit) = self.exit {
            return Ok(exit);
        }
        match wait(libc::P_PIDFD, self.id(), libc::WEXITED).on("wait for process", self.pid)? {
            Some((_, exit)) => Ok(*self.exit.insert(exit)),
            None => Err(OsError::new("wait for process", self.pid, Errno::ECHILD)),
        }
    }

    fn id(&self) -> libc::id_t {
        libc::id_t::try_from(self.pidfd.as_raw_fd()).unwrap_or(libc::id_t::MAX)
    }
}

impl AsFd for Child {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

/// Reaps processes that ended and that nobody knows: what scripts left behind, in a process that has
/// [become their parent](super::become_subreaper). Those that `is_known` are left to their owners.
/// Returns how many were reaped.
///
/// A known one that waits for its owner hides those behind it from the usual way of asking, so then
/// the children are gone through one by one; a kernel without `/proc/PID/task/TID/children` leaves
/// the hidden ones for the next time.
pub fn reap_orphans(is_known: impl Fn(u32) -> bool) -> Result<usize> {
    let mut count = 0;
    let flags = libc::WEXITED | libc::WNOHANG;
    loop {
        let next = match wait(libc::P_ALL, 0, flags | libc::WNOWAIT) {
            Err(Errno::ECHILD) => None,
            other => other.on("look for", "orphans")?,
        };
        match next {
            None => return Ok(count),
            Some((pid, _)) if is_known(pid) => break,
            Some((pid, _)) => {
                wait(libc::P_PID, pid, flags).on("reap process", pid)?;
                count += 1;
            }
        }
    }
    for pid in children().filter(|pid| !is_known(*pid)) {
        match wait(libc::P_PID, pid, flags) {
            Ok(Some(_)) => count += 1,
            // It lives, or another thread was faster.
            Ok(None) | Err(Errno::ECHILD) => {}
            Err(e) => return Err(e).on("reap process", pid),
        }
    }
    Ok(count)
}

/// Kills what a child that died can't end any more: the groups that its own children lead, now that they
/// are ours because this process has [become their parent](super::become_subreaper). Those that
/// `is_known`, and those in a session of their own, are left alone: a daemon that a script started is
/// to go on. They still have to be [reaped](reap_orphans). Returns how many groups there were.
pub fn kill_orphaned_groups(is_known: impl Fn(u32) -> bool) -> usize {
    let Ok(session) = getsid(None) else { return 0 };
    let pids = children().filter(|pid| !is_known(*pid)).filter_map(|pid| pid.try_into().ok());
    let leaders = pids.map(Pid::from_raw).filter(|pid| {
        // Ours until we reap it, so that its number is nobody else's.
        getsid(Some(*pid)) == Ok(session) && getpgid(Some(*pid)) == Ok(*pid)
    });
    leaders.filter(|leader| killpg(*leader, Signal::SIGKILL).is_ok()).count()
}

/// The children of all threads.
fn children() -> impl Iterator<Item = u32> {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    threads.flat_map(|thread| {
        let list = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        list.split_whitespace().filter_map(|n| n.parse().ok()).collect::<Vec<u32>>()
    })
}

/// `waitid`, by hand since nix fails on real-time signals.
fn wait(
    kind: libc::idtype_t,
    id: libc::id_t,
    flags: libc::c_int,
) -> std::result::Result<Option<(u32, Exit)>, Errno> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    loop {
        // SAFETY: `info` is live.
        match Errno::result(unsafe { libc::waitid(kind, id, info.as_mut_ptr(), flags) }) {
            Err(Errno::EINTR) => {}
            Err(e) => return Err(e),
            Ok(_) => break,
        }
    }
    // SAFETY: zeroed, which is valid, and filled by the kernel if a process has ended; the fields read
    // are those of a SIGCHLD, which `waitid` gives, and zero otherwise.
    let (pid, code, status) = unsafe {
        let info = info.assume_init();
        (info.si_pid(), info.si_code, info.si_status())
    };
    let Some(pid) = u32::try_from(pid).ok().filter(|p| *p != 0) else { return Ok(None) };
    Ok(Some((
        pid,
        match code {
            libc::CLD_EXITED => Exit::Code(u8::try_from(status & 0xff).unwrap_or(u8::MAX)),
            _ => Exit::Signal(status),
        },
    )))
}
