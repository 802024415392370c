//! Signals as a descriptor.
//!
//! Numbers are plain `i32`, since the real-time signals of keepalived's users (36, 63, 64) have no
//! names in any crate.

use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use crate::error::{Context, Result};
use crate::sys::new_fd;

/// A signal that arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signal {
    /// Its number.
    pub number: i32,
    /// The process that sent it; 0 if it was the kernel.
    pub sender: u32,
}

/// The signals of a set, blocked for normal delivery and read from a descriptor instead.
#[derive(Debug)]
pub struct Signals {
    fd: OwnedFd,
}

/// The first signal number that the C library leaves to programs (`SIGRTMIN`).
#[must_use]
pub fn rt_min() -> i32 {
    libc::SIGRTMIN()
}

/// The last signal number (`SIGRTMAX`).
#[must_use]
pub fn rt_max() -> i32 {
    libc::SIGRTMAX()
}

fn set_of(numbers: &[i32]) -> std::result::Result<libc::sigset_t, Errno> {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `sigemptyset` initialises the whole set.
    let mut set = unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    };
    for &n in numbers {
        // SAFETY: the set is initialised; a number that doesn't exist gives EINVAL.
        Errno::result(unsafe { libc::sigaddset(&raw mut set, n) })?;
    }
    Ok(set)
}

fn change_mask(how: libc::c_int, set: &libc::sigset_t) -> std::result::Result<(), Errno> {
    // SAFETY: `set` is initialised, and the old mask is not wanted.
    match unsafe { libc::pthread_sigmask(how, set, std::ptr::null_mut()) } {
        0 => Ok(()),
        e => Err(Errno::from_raw(e)),
    }
}

/// Blocks `numbers` in this thread and in those it will start. For use before the first thread.
pub fn block(numbers: &[i32]) -> Result<()> {
    set_of(numbers).and_then(|s| change_mask(libc::SIG_BLOCK, &s)).on("block", "signals")
}

/// Ignores signal `number` in the whole process.
pub fn ignore(number: i32) -> Result<()> {
    // SAFETY: SIG_IGN is no handler, hence no code of ours runs in a signal context.
    let r = unsafe { libc::signal(number, libc::SIG_IGN) };
    if r == libc::SIG_ERR { Err(Errno::last()).on("ignore signal", number) } else { Ok(()) }
}

/// Async-signal-safe: unblocks everything and gives every signal its default action. For a child
/// between fork and exec.
pub(crate) fn reset_all() -> std::result::Result<(), Errno> {
    for n in 1..=libc::SIGRTMAX() {
        // SAFETY: SIG_DFL is no handler. SIGKILL, SIGSTOP and those of the C library are refused,
        // which is what we want.
        unsafe { libc::signal(n, libc::SIG_DFL) };
    }
    set_of(&[]).and_then(|s| change_mask(libc::SIG_SETMASK, &s))
}

impl Signals {
    /// Blocks `numbers` in this thread and collects them. To be made before other threads start, or
    /// one of those may be interrupted instead.
    pub fn new(numbers: &[i32]) -> Result<Self> {
        block(numbers)?;
        let set = set_of(numbers).on("collect", "signals")?;
        // SAFETY: `set` is initialised; -1 asks for a new descriptor, which `new_fd` then owns.
        let fd = unsafe {
            let r = libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
            new_fd(r.into())
        };
        Ok(Self { fd: fd.on("create", "signal descriptor")? })
    }

    /// The next signal; `None` if there is none now.
    pub fn read(&self) -> Result<Option<Signal>> {
        const LEN: usize = size_of::<libc::signalfd_siginfo>();
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::zeroed();
        loop {
            // SAFETY: the buffer is live and has the length given.
            let r = unsafe { libc::read(self.fd.as_raw_fd(), info.as_mut_ptr().cast(), LEN) };
            match Errno::result(r) {
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(None),
                Err(e) => return Err(e).on("read", "signals"),
                Ok(_) => {
                    // SAFETY: a struct of integers that was zeroed and then filled by the kernel,
                    // which hands out whole records only.
                    let info = unsafe { info.assume_init() };
                    let number = i32::try_from(info.ssi_signo).unwrap_or(0);
                    return Ok(Some(Signal { number, sender: info.ssi_pid }));
                }
            }
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_time_signal_is_read_with_its_sender() {
        let number = rt_max() - 1;
        let signals = Signals::new(&[number]).unwrap();
        assert_eq!(signals.read().unwrap(), None);
        // To this thread only: the others of the test process have it unblocked.
        // SAFETY: the thread is this one, and the signal is blocked in it.
        assert_eq!(unsafe { libc::pthread_kill(libc::pthread_self(), number) }, 0);
        let signal = signals.read().unwrap().unwrap();
        assert_eq!((signal.number, signal.sender), (number, std::process::id()));
        assert_eq!(signals.read().unwrap(), None);
        assert!(Signals::new(&[4711]).is_err());
    }
}
