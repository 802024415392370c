//! Health checks, each made once: a question to a server, and whether its answer is good.
//!
//! A [`Prober`] holds what runs share; [`Prober::run_noting`] is one run, as one future that is polled by way
//! of [`Prober::waits`], and dropping it closes all that it opened. When to run, and what a failure means, is
//! for others to decide.
//!
//! A server's answer is hostile input. Each step of a run has the check's `connect_timeout`, as with
//! keepalived, and all steps together have [`STEPS`] times that, so that a byte a second holds nothing.
//! The limits of what is read stand beside the readers; the readers of bytes are in [`wire`].

mod dns;
pub mod http;
mod ping;
mod regex;
mod smtp;
mod socket;
mod stream;
#[cfg(test)]
mod tests;
mod tls;
mod udp;
pub mod waits;

use std::cell::{Cell, RefCell};
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use base::{Duration, Instant, Rng};
use engine::lvs::io::{Answer, OpError};
use linux::clock;
use model::lvs::{Checker, Connect, Probe, Tls};

use self::waits::Waits;

/// All of a run takes at most so many times the timeout of a step.
pub const STEPS: u64 = 6;

/// The buffer that all runs read into, in bytes: none waits while it holds it.
const SCRATCH: usize = 16 * 1024;

/// What a run ends with as soon as something is wrong.
type Outcome<T> = Result<T, Answer>;

pub(super) const PASSED: Answer = Answer::Passed { status: 0 };

/// Something that a check tells besides its answer: the server announced another length of the body than
/// it sent. It fails nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LengthMismatch {
    /// `Content-Length`, in bytes.
    pub announced: u64,
    /// What came, in bytes.
    pub received: u64,
}

/// What the runs of checks share. It belongs to one thread.
pub struct Prober {
    /// What its runs wait for.
    pub waits: Waits,
    tls: RefCell<tls::Contexts>,
    patterns: regex::Cache,
    random: RefCell<Rng>,
    sequence: Cell<u16>,
    scratch: RefCell<Box<[u8]>>,
}

impl Prober {
    /// A prober whose `SSL_GET` shows what `tls` says.
    #[must_use]
    pub fn new(tls: Option<&Tls>) -> Self {
        Self {
            waits: Waits::default(),
            tls: RefCell::new(tls::Contexts::new(tls)),
            patterns: regex::Cache::default(),
            random: RefCell::new(Rng::new(RandomState::new().hash_one(0))),
            sequence: Cell::new(0),
            scratch: RefCell::new(vec![0; SCRATCH].into_boxed_slice()),
        }
    }

    /// At a reload: the new block `SSL`, whose files are read anew. Patterns that are no longer used are
    /// forgotten. Runs under way end as they began.
    pub fn configure(&self, tls: Option<&Tls>) {
        *self.tls.borrow_mut() = tls::Contexts::new(tls);
        self.patterns.clear();
    }

    /// What would keep `checker` from ever being run, such as a pattern that is none: worth telling when
    /// a configuration is loaded. The pattern is then ready.
    ///
    /// # Errors
    /// Why.
    pub fn prepare(&self, checker: &Checker) -> Result<(), String> {
        let (Probe::Http(_, http) | Probe::Ssl(_, http)) = &checker.probe else { return Ok(()) };
        for regex in http.urls.iter().filter_map(|url| url.regex.as_deref()) {
            self.patterns.get(regex).map_err(|e| format!("regex {}: {e}", regex.pattern))?;
        }
        if matches!(checker.probe, Probe::Ssl(..)) {
            self.tls.borrow_mut().get().map_err(|e| e.message.into_string())?;
        }
        Ok(())
    }

    /// Makes the check once. `url` is the place of the url that `HTTP_GET` and `SSL_GET` ask for; the
    /// others ignore it. `MISC_CHECK`, `FILE_CHECK` and `BFD_CHECK` are no probes, and are answered by
    /// [`Answer::Unable`]. With the answer comes what else is to be told.
    pub async fn run_noting(&self, checker: &Checker, url: usize) -> (Answer, Option<LengthMismatch>) {
        let mut mismatch = None;
        let done = match &checker.probe {
            Probe::Tcp(_) => return (self.connect(checker).await, None),
            Probe::Http(to, http) => self.http(to, http, url, false, &mut mismatch).await,
            // Boxed, so that the others' futures are not as large as this one.
            Probe::Ssl(to, http) => Box::pin(self.http(to, http, url, true, &mut mismatch)).await,
            Probe::Smtp(to, smtp) => Box::pin(self.smtp(to, smtp)).await,
            Probe::Dns(to, dns) => self.dns(to, dns).await,
            Probe::Udp(to, udp) => self.udp(to, udp).await,
            Probe::Ping(to) => self.ping(to).await,
            Probe::Misc(_) | Probe::File(_) | Probe::Bfd(_) => {
                Err(unable(nix::errno::Errno::EINVAL, "no probe"))
            }
        };
        (done.map_or_else(|answer| answer, |()| PASSED), mismatch)
    }

    /// A `TCP_CHECK`, made once; all else is answered by [`Answer::Unable`].
    pub async fn connect(&self, checker: &Checker) -> Answer {
        let Probe::Tcp(to) = &checker.probe else {
            return unable(nix::errno::Errno::EINVAL, "no connection");
        };
        stream::check(&self.waits, to).await.map_or_else(|answer| answer, |()| PASSED)
    }

    #[cfg(test)]
    async fn run(&self, checker: &Checker, url: usize) -> Answer {
        self.run_noting(checker, url).await.0
    }

    fn random(&self) -> u64 {
        self.random.borrow_mut().next_u64()
    }
}

impl std::fmt::Debug for Prober {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prober").finish_non_exhaustive()
    }
}

fn unable(errno: nix::errno::Errno, message: impl Into<Box<str>>) -> Answer {
    // Linux has no error number that does not fit.
    Answer::Unable(OpError { errno: errno as i32, message: message.into() })
}

/// How long a run may take.
#[derive(Clone, Copy)]
struct Deadline {
    step: Duration,
    end: Instant,
}

impl Deadline {
    fn new(to: &Connect) -> Self {
        Self { step: to.timeout, end: clock::now() + to.timeout * STEPS }
    }

    /// When a step that begins now must be over.
    fn step(&self) -> Instant {
        (clock::now() + self.step).min(self.end)
    }
}
