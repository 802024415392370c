//! Probes that run: each a task, ended by dropping it.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use base::{Duration, Instant};
use engine::io::RunId;
use engine::lvs::io::Answer;
use linux::clock;
use linux::sysctl::PingGroups;
use model::lvs::{Checker, Lvs, Probe, Tls};
use tokio::task::{AbortHandle, JoinError, JoinSet};

use super::probe::{LengthMismatch, Prober};
use crate::ipc::Lateness;
use crate::log::Line;
use crate::process::lateness::Histogram;

/// How a task ended.
struct Ended {
    run: RunId,
    late: Duration,
    answer: Answer,
    /// What else there is to tell.
    note: Option<Line>,
}

/// All probes.
pub struct Probes {
    prober: Rc<Prober>,
    tasks: JoinSet<Ended>,
    /// Those that have not been answered.
    running: BTreeMap<RunId, AbortHandle>,
    lateness: Histogram,
    /// What the answers don't tell.
    notes: Vec<Line>,
    /// While pings run that the kernel's setting would have forbidden.
    ping_groups: Option<PingGroups>,
}

impl Probes {
    /// None runs. They show what `tls` says.
    pub fn new(tls: Option<&Tls>) -> Self {
        Self {
            prober: Rc::new(Prober::new(tls)),
            tasks: JoinSet::new(),
            running: BTreeMap::new(),
            lateness: Histogram::default(),
            notes: Vec::new(),
            ping_groups: None,
        }
    }

    /// From now on, probes show what `tls` says.
    pub fn configure(&self, tls: Option<&Tls>) {
        self.prober.configure(tls);
    }

    /// What the checks of `lvs` can't do, each with the reason: patterns that can't be compiled.
    pub fn complaints(&self, lvs: &Lvs) -> Vec<String> {
        let servers = lvs.services.iter().flat_map(|service| &service.servers);
        servers.flat_map(|s| &s.checkers).filter_map(|c| self.prober.prepare(c).err()).collect()
    }

    /// Lets this process ping, if `lvs` has such checks. What there is to tell of that: keepalived's warning,
    /// or why it can't be done.
    pub fn allow_pings(&mut self, lvs: &Lvs) -> Option<Line> {
        let mut checkers = lvs.services.iter().flat_map(|s| &s.servers).flat_map(|s| &s.checkers);
        if self.ping_groups.is_some() || !checkers.any(|c| matches!(c.probe, Probe::Ping(_))) {
            return None;
        }
        match PingGroups::widen() {
            Ok(widened) => {
                self.ping_groups = widened;
                let range = self.ping_groups.as_ref()?;
                let text = format!("Warning: /proc/sys/net/ipv4/ping_group_range being expanded {range}");
                Some(Line::warning(text))
            }
            Err(e) => Some(Line::error(format!("PING_CHECK may not be allowed to ping: {e}"))),
        }
    }

    /// Takes back what [`Probes::allow_pings`] did.
    pub fn forbid_pings(&mut self) -> Option<Line> {
        let restored = self.ping_groups.take()?.restore();
        restored.err().map(|e| Line::warning(e.to_string()))
    }

    /// Starts a probe that was due at `due`.
    pub fn start(&mut self, run: RunId, checker: Arc<Checker>, url: usize, due: Instant) {
        let prober = self.prober.clone();
        let task = self.tasks.spawn_local(async move {
            let late = clock::now().since(due);
            let (answer, mismatch) = prober.run_noting(&checker, url).await;
            let note = mismatch.and_then(|mismatch| note(&checker, url, mismatch));
            Ended { run, late, answer, note }
        });
        self.running.insert(run, task);
    }

    /// Ends a probe. Whether it ran and was not answered.
    pub fn cancel(&mut self, run: RunId) -> bool {
        self.running.remove(&run).is_some_and(|task| {
            task.abort();
            true
        })
    }

    /// A probe that has ended and not been cancelled.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<(RunId, Answer)> {
        while let Poll::Ready(Some(ended)) = self.tasks.poll_join_next(cx) {
            if let Some(answer) = self.ended(ended) {
                return Poll::Ready(answer);
            }
        }
        Poll::Pending
    }

    /// The same without waiting.
    pub fn next(&mut self) -> Option<(RunId, Answer)> {
        while let Some(ended) = self.tasks.try_join_next() {
            if let Some(answer) = self.ended(ended) {
                return Some(answer);
            }
        }
        None
    }

    fn ended(&mut self, ended: Result<Ended, JoinError>) -> Option<(RunId, Answer)> {
        match ended {
            Ok(Ended { run, late, answer, note }) => {
                self.lateness.record(late);
                self.notes.extend(note);
                self.running.remove(&run).map(|_| (run, answer))
            }
            // A mistake in the program, which ends it; whoever watches starts it again.
            Err(e) if e.is_panic() => std::panic::resume_unwind(e.into_panic()),
            // Cancelled, and answered then.
            Err(_) => None,
        }
    }

    /// What else there is to tell of probes that have ended.
    pub fn take_notes(&mut self) -> Vec<Line> {
        std::mem::take(&mut self.notes)
    }

    /// Forgets what was counted.
    pub fn clear_counters(&mut self) {
        self.lateness.clear();
    }

    /// How many run.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// How late they began.
    pub fn lateness(&self) -> Lateness {
        self.lateness.summary()
    }
}

/// keepalived's line about a body that is longer or shorter than announced.
fn note(
    checker: &Checker,
    url: usize,
    LengthMismatch { announced, received }: LengthMismatch,
) -> Option<Line> {
    let (Probe::Http(to, http) | Probe::Ssl(to, http)) = &checker.probe else { return None };
    let path = &http.urls.get(url)?.path;
    let text = format!(
        "http_check for RS [{}]:tcp:{} url {path}: content_length ({announced}) does not match received bytes \
         ({received})",
        to.address, to.port
    );
    Some(Line::info(text).detailed())
}
