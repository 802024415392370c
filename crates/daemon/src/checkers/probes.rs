//! Probes that run: each a task, ended by dropping it.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use base::{Duration, Instant};
use engine::io::RunId;
use engine::lvs::io::Answer;
use linux::clock;
use model::lvs::{Checker, Lvs, Tls};
use tokio::task::{AbortHandle, JoinError, JoinSet};

use super::probe::Prober;
use crate::ipc::Lateness;
use crate::process::lateness::Histogram;

/// How a task ended.
type Ended = (RunId, Duration, Answer);

/// All probes.
pub struct Probes {
    prober: Rc<Prober>,
    tasks: JoinSet<Ended>,
    /// Those that have not been answered.
    running: BTreeMap<RunId, AbortHandle>,
    lateness: Histogram,
}

impl Probes {
    /// None runs. They show what `tls` says.
    pub fn new(tls: Option<&Tls>) -> Self {
        Self {
            prober: Rc::new(Prober::new(tls)),
            tasks: JoinSet::new(),
            running: BTreeMap::new(),
            lateness: Histogram::default(),
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

    /// Starts a probe that was due at `due`.
    pub fn start(&mut self, run: RunId, checker: Arc<Checker>, url: usize, due: Instant) {
        let prober = self.prober.clone();
        let task = self.tasks.spawn_local(async move {
            let late = clock::now().since(due);
            (run, late, prober.run(&checker, url).await)
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
            Ok((run, late, answer)) => {
                self.lateness.record(late);
                self.running.remove(&run).map(|_| (run, answer))
            }
            // A mistake in the program, which ends it; whoever watches starts it again.
            Err(e) if e.is_panic() => std::panic::resume_unwind(e.into_panic()),
            // Cancelled, and answered then.
            Err(_) => None,
        }
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
