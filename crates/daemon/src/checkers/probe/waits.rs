//! How a run waits: for one socket and one deadline at a time, or for its next turn.
//!
//! That is all that a conversation with a server needs, and it makes the runtime small: a run that has to
//! wait leaves a note of what for, and whoever polls it takes the note ([`Waits::poll`]). It is polled
//! again only when that has come, so nobody has to be woken.

use std::cell::Cell;
use std::os::fd::AsFd;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use base::Instant;
use linux::clock;
use linux::poll::{Interest, Ready};
use linux::wait::{Awaited, Glance};

/// What a run waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    /// A socket, which stays open, and the end of its patience.
    Socket(Awaited, Instant),
    /// That others had their turn.
    Turn,
}

/// Where runs leave their notes, one at a time. Those that are polled here wait for nothing else.
#[derive(Default)]
pub struct Waits {
    note: Cell<Option<Wait>>,
    news: Cell<Option<Ready>>,
}

impl Waits {
    /// Lets `run` go on until it ends or waits. `news` is what it waited for, `None` if time is over.
    ///
    /// # Errors
    /// It waits.
    pub fn poll<T>(
        &self,
        run: Pin<&mut (impl Future<Output = T> + ?Sized)>,
        news: Option<Ready>,
    ) -> Result<T, Wait> {
        self.news.set(news);
        match run.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => Ok(done),
            Poll::Pending => Err(self.note.take().unwrap_or(Wait::Turn)),
        }
    }

    /// Runs nothing but `run`.
    ///
    /// # Errors
    /// The kernel can't wait.
    pub fn block_on<T>(&self, run: impl Future<Output = T>) -> linux::Result<T> {
        let mut run = pin!(run);
        let (mut glance, mut ready, mut news) = (Glance::default(), Vec::new(), None);
        loop {
            let (awaited, until) = match self.poll(run.as_mut(), news.take()) {
                Ok(done) => return Ok(done),
                Err(Wait::Turn) => continue,
                Err(Wait::Socket(awaited, until)) => (awaited, until),
            };
            while news.is_none() {
                let now = clock::now();
                if now >= until {
                    break;
                }
                glance.look(std::iter::once((0, awaited)), Some(until.since(now)), &mut ready)?;
                news = ready.pop();
            }
        }
    }

    /// Waits until `socket` is ready for `interest`, or has an error. `None`: it was not until `until`.
    pub fn ready(&self, socket: &impl AsFd, interest: Interest, until: Instant) -> Waiting<'_> {
        Waiting { waits: self, wait: Some(Wait::Socket(Awaited::new(socket, interest), until)) }
    }

    /// Lets others have their turn.
    pub async fn turn(&self) {
        Waiting { waits: self, wait: Some(Wait::Turn) }.await;
    }
}

/// A run that waits. Written by hand: thousands of these are there at once, and as `async` functions within each
/// other they would hold the same things several times.
#[must_use]
pub struct Waiting<'w> {
    waits: &'w Waits,
    /// What for, as long as the note is not left.
    wait: Option<Wait>,
}

impl Future for Waiting<'_> {
    type Output = Option<Ready>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        match self.wait.take() {
            Some(wait) => {
                self.waits.note.set(Some(wait));
                Poll::Pending
            }
            None => Poll::Ready(self.waits.news.take()),
        }
    }
}
