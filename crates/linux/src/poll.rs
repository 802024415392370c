//! Waiting for many descriptors.

use std::os::fd::{AsFd, BorrowedFd};

use base::Duration;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::error::{Context, Result};
use crate::wait::Awaited;

/// What to wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interest(EpollFlags);

impl Interest {
    /// Something to read, or the end of it.
    pub const READ: Self = Self(EpollFlags::EPOLLIN);
    /// Room to write.
    pub const WRITE: Self = Self(EpollFlags::EPOLLOUT);
    /// Either.
    pub const BOTH: Self = Self(EpollFlags::EPOLLIN.union(EpollFlags::EPOLLOUT));
    /// Urgent data only; a change of a file in `/proc` and the like.
    pub const PRIORITY: Self = Self(EpollFlags::EPOLLPRI);

    /// As the kernel has it, for `epoll` and `poll` alike.
    pub(crate) const fn bits(self) -> i32 {
        self.0.bits()
    }
}

/// A descriptor that has something to tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ready {
    /// The number given to [`Poll::add`].
    pub token: u64,
    /// Reading makes sense: there is data, an end or an error.
    pub readable: bool,
    /// Writing makes sense: there is room or an error.
    pub writable: bool,
    /// An error is pending on the descriptor.
    pub error: bool,
    /// The other end is gone.
    pub hang_up: bool,
}

impl Ready {
    pub(crate) fn new(token: u64, flags: EpollFlags) -> Self {
        let error = flags.contains(EpollFlags::EPOLLERR);
        let hang_up = flags.intersects(EpollFlags::EPOLLHUP | EpollFlags::EPOLLRDHUP);
        Self {
            token,
            readable: error || hang_up || flags.intersects(EpollFlags::EPOLLIN | EpollFlags::EPOLLPRI),
            writable: error || flags.contains(EpollFlags::EPOLLOUT),
            error,
            hang_up,
        }
    }
}

/// A level-triggered epoll instance.
#[derive(Debug)]
pub struct Poll {
    epoll: Epoll,
    events: Box<[EpollEvent]>,
    ready: Vec<Ready>,
}

impl Poll {
    /// The most descriptors that one [`Poll::wait`] reports. As many as that mean that there may be more.
    pub const BATCH: usize = 64;

    /// An empty set.
    pub fn new() -> Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).on("create", "epoll")?;
        let events = vec![EpollEvent::empty(); Self::BATCH].into_boxed_slice();
        Ok(Self { epoll, events, ready: Vec::with_capacity(Self::BATCH) })
    }

    /// Watches `fd` and reports it as `token`. The caller keeps the descriptor open; closing its last
    /// copy removes it.
    pub fn add(&mut self, fd: impl AsFd, token: u64, interest: Interest) -> Result<()> {
        self.epoll.add(fd, EpollEvent::new(interest.0, token)).on("watch descriptor", token)
    }

    /// Changes what `fd` is watched for.
    pub fn modify(&mut self, fd: impl AsFd, token: u64, interest: Interest) -> Result<()> {
        self.epoll.modify(fd, &mut EpollEvent::new(interest.0, token)).on("change watch of descriptor", token)
    }

    /// Reports what is awaited once, as `token`. The same descriptor may then be given again, whatever is
    /// awaited of it. Closing its last copy removes it.
    ///
    /// # Errors
    /// The kernel watches no more: memory, or `/proc/sys/fs/epoll/max_user_watches`.
    pub fn once(&mut self, Awaited { fd, interest }: Awaited, token: u64) -> Result<()> {
        // SAFETY: the number is that of a descriptor, hence not -1. It is used in the calls below only, which
        // fail if it has been closed.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        let mut event = EpollEvent::new(interest.0 | EpollFlags::EPOLLONESHOT, token);
        match self.epoll.add(fd, event) {
            Err(Errno::EEXIST) => self.epoll.modify(fd, &mut event),
            done => done,
        }
        .on("watch descriptor", token)
    }

    /// Stops watching `fd`.
    pub fn remove(&mut self, fd: impl AsFd) -> Result<()> {
        self.epoll.delete(fd).on("stop watching", "descriptor")
    }

    /// Waits until something is ready or `timeout` is over (rounded up to milliseconds; `None` is
    /// for ever), and returns what is ready. An interrupting signal makes it return with nothing.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<&[Ready]> {
        let timeout = match timeout {
            None => EpollTimeout::NONE,
            Some(t) => {
                let ms = t.as_nanos().div_ceil(1_000_000);
                EpollTimeout::from(u16::try_from(ms).unwrap_or(u16::MAX))
            }
        };
        let n = match self.epoll.wait(&mut self.events, timeout) {
            Ok(n) => n,
            Err(Errno::EINTR) => 0,
            Err(e) => return Err(e).on("wait on", "epoll"),
        };
        self.ready.clear();
        self.ready.extend(self.events.iter().take(n).map(|e| Ready::new(e.data(), e.events())));
        Ok(&self.ready)
    }
}

/// Readable while a descriptor of the set is ready.
impl AsFd for Poll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    #[test]
    fn data_and_the_end_of_it_are_both_readable() {
        let mut poll = Poll::new().unwrap();
        let (mut a, b) = UnixStream::pair().unwrap();
        poll.add(&b, 1, Interest::READ).unwrap();
        assert!(poll.wait(Some(Duration::ZERO)).unwrap().is_empty());
        a.write_all(b"x").unwrap();
        let ready = poll.wait(None).unwrap();
        assert_eq!((ready[0].token, ready[0].readable, ready[0].hang_up), (1, true, false));
        drop(a);
        assert!(poll.wait(None).unwrap()[0].hang_up);
    }
}
