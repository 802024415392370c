//! Waiting for one thing of each of many sockets.
//!
//! Most of what is awaited is there by the time that somebody looks: a server in the same network answers
//! while others are still being asked. To register a socket for that with `epoll` and to take it out again
//! is a good part of what a short conversation costs, and a single `poll` looks at all of them. So sockets
//! are [glanced](Glance) at first, and only those that take longer are [registered](crate::poll::Poll::once).

use std::os::fd::{AsFd, AsRawFd, RawFd};

use base::Duration;
use nix::errno::Errno;
use nix::sys::epoll::EpollFlags;

use crate::error::{OsError, Result};
use crate::poll::{Interest, Ready};

/// Something that is awaited of a descriptor, which the caller keeps open.
///
/// It holds the number only: if the descriptor has been closed, what comes of it is news that concern
/// nobody, and nothing worse.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Awaited {
    pub(crate) fd: RawFd,
    pub(crate) interest: Interest,
}

impl Awaited {
    /// Waits for `interest` of `fd`.
    pub fn new(fd: &impl AsFd, interest: Interest) -> Self {
        Self { fd: fd.as_fd().as_raw_fd(), interest }
    }
}

/// A look at many descriptors at once.
#[derive(Default)]
pub struct Glance {
    fds: Vec<libc::pollfd>,
}

impl std::fmt::Debug for Glance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Glance").finish_non_exhaustive()
    }
}

impl Glance {
    /// Gives back the room that looks at more descriptors took.
    pub fn shrink(&mut self) {
        self.fds = Vec::new();
    }

    /// Tells of each of `awaited` that is ready, in that order, by the number beside it. If none is, it
    /// waits for up to `timeout` (`None` is for ever) until one is or a signal interrupts.
    ///
    /// # Errors
    /// The kernel has no memory for that, or there are more than descriptors may be open.
    pub fn look(
        &mut self,
        awaited: impl Iterator<Item = (u64, Awaited)> + Clone,
        timeout: Option<Duration>,
        ready: &mut Vec<Ready>,
    ) -> Result<()> {
        self.fds.clear();
        self.fds.extend(awaited.clone().map(|(_, Awaited { fd, interest })| libc::pollfd {
            fd,
            // The numbers of poll are those of epoll, of which an interest has the low ones.
            events: i16::try_from(interest.bits()).unwrap_or(i16::MAX),
            revents: 0,
        }));
        let timeout = timeout.map(|timeout| {
            let secs = i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX);
            let nanos = i64::try_from(timeout.as_nanos() % 1_000_000_000).unwrap_or(0);
            libc::timespec { tv_sec: secs, tv_nsec: nanos }
        });
        let timeout = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        let count = self.fds.len() as libc::nfds_t;
        // SAFETY: the array has `count` elements, and the time, if there is one, is live.
        let done = unsafe { libc::ppoll(self.fds.as_mut_ptr(), count, timeout, std::ptr::null()) };
        match Errno::result(done) {
            Ok(0) | Err(Errno::EINTR) => return Ok(()),
            Ok(_) => {}
            Err(e) => return Err(OsError::new("look at", format!("{count} descriptors"), e)),
        }
        ready.extend(self.fds.iter().zip(awaited).filter(|(fd, _)| fd.revents != 0).map(
            |(fd, (token, _))| {
                // A descriptor that isn't open has an error, too.
                let error = if fd.revents & libc::POLLNVAL == 0 { 0 } else { libc::EPOLLERR };
                Ready::new(token, EpollFlags::from_bits_truncate(i32::from(fd.revents) | error))
            },
        ));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poll::Poll;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_glance_tells_of_those_that_are_ready_and_of_nobody_else() {
        let (mut a, b) = UnixStream::pair().unwrap();
        let (c, d) = UnixStream::pair().unwrap();
        drop(c);
        let awaited = [(7, &b, Interest::READ), (8, &b, Interest::WRITE), (9, &d, Interest::READ)]
            .map(|(token, fd, i)| (token, Awaited::new(fd, i)));
        let mut glance = Glance::default();
        let mut look = |n: usize, timeout| {
            let mut ready = Vec::new();
            glance.look(awaited.iter().take(n).copied(), timeout, &mut ready).unwrap();
            ready.iter().map(|r| (r.token, r.readable, r.writable, r.hang_up)).collect::<Vec<_>>()
        };
        assert_eq!(look(1, Some(Duration::from_micros(10))), []);
        assert_eq!(look(3, None), [(8, false, true, false), (9, true, false, true)]);
        a.write_all(b"x").unwrap();
        assert_eq!(look(1, None), [(7, true, false, false)]);
        assert_eq!(look(0, Some(Duration::ZERO)), []);
    }

    #[test]
    fn what_is_registered_is_reported_once_and_as_often_as_it_is_registered() {
        let (mut a, mut b) = UnixStream::pair().unwrap();
        let mut poll = Poll::new().unwrap();
        let awaited = Awaited::new(&b, Interest::READ);
        for token in [7, 8] {
            poll.once(awaited, token).unwrap();
            assert!(poll.wait(Some(Duration::ZERO)).unwrap().is_empty());
            a.write_all(b"x").unwrap();
            assert_eq!(poll.wait(None).unwrap()[0].token, token);
            assert!(poll.wait(Some(Duration::ZERO)).unwrap().is_empty());
            b.read_exact(&mut [0]).unwrap();
        }
        poll.once(awaited, 9).unwrap();
        drop((a, b));
        assert!(poll.wait(Some(Duration::ZERO)).unwrap().is_empty(), "closing removes it");
    }
}
