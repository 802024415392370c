//! A poll set within an asynchronous runtime.

use std::os::fd::{AsFd, AsRawFd, RawFd};

use base::Duration;
use tokio::io::unix::AsyncFd;

use crate::error::{Context, Result};
use crate::poll::{Poll, Ready};

/// A [`Poll`] that a task waits for, while the runtime runs others. What a loop of descriptors is to a
/// plain process, this is to one with a runtime: the runtime knows of one descriptor only, that of the
/// set.
#[derive(Debug)]
pub struct AsyncPoll(AsyncFd<Owned>);

/// A set whose descriptor has a number.
#[derive(Debug)]
struct Owned(Poll);

impl AsRawFd for Owned {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl AsyncPoll {
    /// Makes a set known to the runtime that this is called in.
    ///
    /// # Errors
    /// The runtime can't watch it.
    pub fn new(poll: Poll) -> Result<Self> {
        // SAFETY: the set owns its descriptor as long as it lives, which is as long as the registration
        // does, since both are in the result, and nobody can take the set out of it or close its descriptor.
        let fd = unsafe { AsyncFd::register_with_interest(Owned(poll), tokio::io::Interest::READABLE) };
        fd.map(Self).map_err(|e| e.into_parts().1).on("watch", "poll set")
    }

    /// The set, to change what is in it.
    pub fn set(&mut self) -> &mut Poll {
        &mut self.0.get_mut().0
    }

    /// What is ready now, perhaps nothing.
    ///
    /// # Errors
    /// As [`Poll::wait`].
    pub fn now(&mut self) -> Result<Vec<Ready>> {
        Ok(self.set().wait(Some(Duration::ZERO))?.to_vec())
    }

    /// Waits until something is ready. Giving up on that loses nothing.
    ///
    /// # Errors
    /// As [`Poll::wait`].
    pub async fn ready(&mut self) -> Result<Vec<Ready>> {
        loop {
            let mut guard = self.0.readable_mut().await.on("wait for", "poll set")?;
            let ready = guard.get_inner_mut().0.wait(Some(Duration::ZERO))?;
            if !ready.is_empty() {
                return Ok(ready.to_vec());
            }
            // Only now is it certain that news will be told as such.
            guard.clear_ready();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poll::Interest;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    #[test]
    fn each_arrival_wakes_the_task_and_what_is_not_read_is_told_again() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            let (mut a, mut b) = UnixStream::pair().unwrap();
            let mut poll = AsyncPoll::new(Poll::new().unwrap()).unwrap();
            poll.set().add(&b, 7, Interest::READ).unwrap();
            assert!(poll.now().unwrap().is_empty());
            for _ in 0..3 {
                a.write_all(b"x").unwrap();
                assert_eq!(poll.ready().await.unwrap()[0].token, 7);
                assert_eq!(poll.ready().await.unwrap()[0].token, 7);
                b.read_exact(&mut [0]).unwrap();
            }
        });
    }
}
