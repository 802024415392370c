//! Probes that run: each a task, ended by dropping it.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use base::{Duration, Instant};
use engine::io::RunId;
use engine::lvs::io::Answer;
use linux::OsError;
use linux::clock;
use linux::poll::{Poll, Ready};
use linux::sysctl::PingGroups;
use model::lvs::{Checker, Lvs, Probe, Tls};

use super::probe::{LengthMismatch, PASSED, Prober};
use super::tasks::{TaskId, Tasks};
use crate::ipc::Lateness;
use crate::log::Line;
use crate::process::lateness::Histogram;

/// So many probes go on in one turn, so that a flood of them keeps nothing else waiting.
const MOST: usize = 256;

/// So many at once are nothing unusual.
const USUAL: usize = 1024;

/// How a task ended.
struct Ended {
    run: RunId,
    late: Duration,
    answer: Answer,
    checker: Arc<Checker>,
    url: usize,
    mismatch: Option<LengthMismatch>,
}

/// All probes.
pub struct Probes {
    prober: Rc<Prober>,
    tasks: Tasks<Ended>,
    /// Those that have not ended.
    running: BTreeMap<RunId, TaskId>,
    /// So many ran at once since the last [`Probes::shrink`].
    most: usize,
    answers: VecDeque<(RunId, Answer)>,
    lateness: Histogram,
    /// What the answers don't tell.
    notes: Vec<Line>,
    /// The urls with a length that is wrong, and was told.
    wrong: BTreeMap<(Arc<Checker>, usize), LengthMismatch>,
    /// While pings run that the kernel's setting would have forbidden.
    ping_groups: Option<PingGroups>,
}

impl Probes {
    /// None runs. They show what `tls` says.
    pub fn new(tls: Option<&Tls>) -> Self {
        Self {
            prober: Rc::new(Prober::new(tls)),
            tasks: Tasks::default(),
            running: BTreeMap::new(),
            most: 0,
            answers: VecDeque::new(),
            lateness: Histogram::default(),
            notes: Vec::new(),
            wrong: BTreeMap::new(),
            ping_groups: None,
        }
    }

    /// From now on, probes show what `tls` says.
    pub fn configure(&mut self, tls: Option<&Tls>) {
        // The checks may be others.
        self.wrong.clear();
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

    /// Starts a probe that was due at `due`. It begins at the next [`Probes::run`].
    pub fn start(&mut self, run: RunId, checker: Arc<Checker>, url: usize, due: Instant) {
        let prober = self.prober.clone();
        // What is connected to and no more, which is the most frequent of all, is a task of its own: together
        // with the others it would be as large as the largest of them.
        let task = if matches!(checker.probe, Probe::Tcp(_)) {
            self.tasks.start(async move {
                let late = clock::now().since(due);
                let answer = prober.connect(&checker).await;
                Ended { run, late, answer, checker, url, mismatch: None }
            })
        } else {
            self.tasks.start(async move {
                let late = clock::now().since(due);
                let (answer, mismatch) = prober.run_noting(&checker, url).await;
                Ended { run, late, answer, checker, url, mismatch }
            })
        };
        self.running.insert(run, task);
        self.most = self.most.max(self.running.len());
    }

    /// Ends a probe. Whether it ran and had not ended.
    pub fn cancel(&mut self, run: RunId) -> bool {
        self.running.remove(&run).is_some_and(|task| {
            self.tasks.cancel(task);
            true
        })
    }

    /// Takes a report of the poll set, if it is about a probe.
    pub fn hear(&mut self, ready: Ready) {
        self.tasks.hear(ready);
    }

    /// Finds out which probes can go on, or have waited long enough; `poll` will report the others.
    ///
    /// # Errors
    /// The kernel doesn't say what is ready.
    pub fn look(&mut self, now: Instant, poll: &mut Poll) -> Result<(), OsError> {
        self.tasks.look(now, poll)
    }

    /// Lets those begin that were started. What can go on at once does: with many at a time, the first have
    /// their answers before the last have asked.
    ///
    /// # Errors
    /// As [`Probes::look`].
    pub fn begin(&mut self) -> Result<(), OsError> {
        self.run();
        self.tasks.glance()?;
        self.run();
        Ok(())
    }

    /// Lets probes go on.
    pub fn run(&mut self) {
        let Self { prober, tasks, running, answers, lateness, notes, wrong, .. } = self;
        tasks.run(&prober.waits, MOST, |Ended { run, late, answer, checker, url, mismatch }| {
            lateness.record(late);
            // Told when it begins and when it changes.
            if let Some(mismatch) = mismatch {
                let before = wrong.insert((checker.clone(), url), mismatch);
                notes.extend(note(&checker, url, mismatch).filter(|_| before != Some(mismatch)));
            } else if answer == PASSED && !wrong.is_empty() {
                wrong.remove(&(checker, url));
            }
            running.remove(&run);
            answers.push_back((run, answer));
        });
    }

    /// A probe that has ended and not been cancelled before.
    pub fn next(&mut self) -> Option<(RunId, Answer)> {
        self.answers.pop_front()
    }

    /// Whether there is something to do without waiting for anything.
    pub fn can_go_on(&self) -> bool {
        self.tasks.can_go_on() || !self.answers.is_empty()
    }

    /// Whether probes have begun to wait since the last [`Probes::look`].
    pub fn has_fresh(&self) -> bool {
        self.tasks.has_fresh()
    }

    /// Whether such probes found no room in the poll set, and have to be looked at now and then.
    pub fn is_crowded(&self) -> bool {
        self.tasks.is_crowded()
    }

    /// When a probe that the poll set knows has waited long enough.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.tasks.poll_timeout()
    }

    /// If unusually many ran at once, as after a start or when much stopped answering, and few still do: gives back
    /// the room that they took, to the heap. Whether that was so.
    pub fn shrink(&mut self) -> bool {
        let over = self.most > USUAL && self.running.len() < self.most / 8;
        if over {
            self.most = 0;
            self.tasks.shrink();
            self.answers.shrink_to_fit();
        }
        over
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
