//! `lvs_sync_daemon ... inst INSTANCE`: which half of the kernel's sync daemon runs, as desired state.
//!
//! A BACKUP learns connections from the master, a MASTER tells them. Each half is brought to where it should
//! be on its own: one that can't be stopped doesn't keep the other from starting.

use base::Instant;
use model::lvs::{SyncDaemon, SyncRole};
use vrrp::io::State;

use crate::io::{Effect, Event, OpError, OpId, Operation};
use crate::kernel::ops;
use crate::lvs::table::{SyncHalf, SyncSettings};
use crate::machine::{Engine, Phase};
use crate::out::Out;

/// What is known of a half.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
enum Known {
    /// Nothing, and it is nothing of ours.
    #[default]
    Nothing,
    /// It may run, left over from an earlier life or since a start failed; with these settings or others.
    MayRun(SyncSettings),
    /// It runs.
    Runs(SyncSettings),
    /// It doesn't.
    Stopped,
}

/// One half.
#[derive(Debug)]
struct Half {
    half: SyncHalf,
    wanted: Option<SyncSettings>,
    known: Known,
    /// The operation that isn't answered yet.
    pending: Option<(OpId, Operation)>,
    failures: u32,
    /// After a failure nothing is tried before that.
    until: Option<Instant>,
}

/// Both halves.
#[derive(Debug)]
pub(crate) struct Sync {
    /// What is to be stopped comes before what is to be started, whatever their order.
    halves: [Half; 2],
    frozen: bool,
}

impl Default for Sync {
    fn default() -> Self {
        Self { halves: [SyncHalf::Master, SyncHalf::Backup].map(Half::new), frozen: false }
    }
}

impl Half {
    const fn new(half: SyncHalf) -> Self {
        Self { half, wanted: None, known: Known::Nothing, pending: None, failures: 0, until: None }
    }

    fn want(&mut self, wanted: Option<&SyncSettings>) {
        if self.wanted.as_ref() != wanted {
            self.wanted = wanted.cloned();
            (self.failures, self.until) = (0, None);
        }
    }

    /// What is to be done about it now.
    fn step(&self) -> Option<Operation> {
        if self.pending.is_some() || self.until.is_some() {
            return None;
        }
        match (&self.known, &self.wanted) {
            (Known::Runs(has), Some(wanted)) if has == wanted => None,
            // It must end before it can run otherwise.
            (Known::Runs(has), _) | (Known::MayRun(has), None) => {
                Some(Operation::StopSync(self.half, has.clone()))
            }
            (_, Some(wanted)) => Some(Operation::StartSync(self.half, wanted.clone())),
            (Known::Nothing | Known::Stopped, None) => None,
        }
    }

    fn start(&mut self, operation: Operation, out: &mut Out) {
        let op = out.operation();
        self.pending = Some((op, operation.clone()));
        out.push(Effect::Kernel { op, operation });
    }
}

impl Sync {
    /// Has this half run and the other one not, or neither, as soon as it is quiet.
    fn settle(&mut self, wanted: Option<&(SyncHalf, SyncSettings)>, quiet: bool, out: &mut Out) {
        if self.frozen {
            return;
        }
        for half in &mut self.halves {
            if let Some((_, settings)) = wanted
                && half.known == Known::Nothing
            {
                half.known = Known::MayRun(settings.clone());
            }
            half.want(wanted.filter(|(which, _)| *which == half.half).map(|(_, settings)| settings));
        }
        for stops in [true, false].into_iter().filter(|_| quiet) {
            for half in &mut self.halves {
                let operation = half.step();
                if let Some(operation) = operation.filter(|o| stops == matches!(o, Operation::StopSync(..))) {
                    half.start(operation, out);
                }
            }
        }
    }

    /// An operation was answered; whether it was one of these.
    pub(crate) fn done(
        &mut self,
        now: Instant,
        op: OpId,
        result: &Result<(), OpError>,
        out: &mut Out,
    ) -> bool {
        let mine = |half: &&mut Half| half.pending.as_ref().is_some_and(|(id, _)| *id == op);
        let Some(half) = self.halves.iter_mut().find(mine) else { return false };
        let Some((_, operation)) = half.pending.take() else { return false };
        match result {
            Ok(()) => {
                half.failures = 0;
                half.known = match operation {
                    Operation::StartSync(_, settings) => Known::Runs(settings),
                    _ => Known::Stopped,
                };
            }
            Err(error) => {
                half.failures = half.failures.saturating_add(1);
                half.until = Some(now + ops::backoff(half.failures));
                let retry = match &operation {
                    Operation::StartSync(_, settings) => half.wanted.as_ref() == Some(settings),
                    _ => half.wanted.is_none(),
                };
                if ops::is_notable(half.failures) {
                    let (operation, error) = (operation.clone(), error.clone());
                    out.event(Event::OperationFailed { operation, error, retry });
                }
                if let Operation::StartSync(_, settings) = operation {
                    half.known = Known::MayRun(settings);
                }
            }
        }
        true
    }

    /// When something that failed is tried again.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.halves.iter().filter_map(|half| half.until).min()
    }

    /// Lets be tried again what is due by now.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        for half in &mut self.halves {
            half.until.take_if(|until| *until <= now);
        }
    }

    /// Whether something is on its way or to be tried again.
    pub(crate) fn is_busy(&self) -> bool {
        self.halves.iter().any(|half| half.pending.is_some() || half.until.is_some())
    }

    /// Starts nothing any more: what runs goes on.
    pub(crate) fn freeze(&mut self) {
        self.frozen = true;
        for half in &mut self.halves {
            half.until = None;
        }
    }
}

impl Engine {
    /// Starts and stops halves as the state of the instance wants it: after all else in a turn, and only when
    /// the kernel has done what else was asked for. The end of a thread may take milliseconds, for which no
    /// address and no announcement shall wait.
    pub(crate) fn settle_sync(&mut self) {
        let (wanted, quiet) = (self.wanted_half(), self.kernel.waiting() == 0);
        self.sync.settle(wanted.as_ref(), quiet, &mut self.out);
    }

    fn wanted_half(&self) -> Option<(SyncHalf, SyncSettings)> {
        if !matches!(self.phase, Phase::Opening | Phase::Running) {
            return None;
        }
        let daemon = self.model.lvs.settings.sync_daemon.as_ref()?;
        let SyncDaemon { link, role, id, max_len, port, ttl, group } = *daemon;
        // Both halves at once are the checkers' business.
        let SyncRole::Follows(instance) = role else { return None };
        let half = match self.states.get(instance.index()) {
            Some(State::Master) => SyncHalf::Master,
            _ => SyncHalf::Backup,
        };
        Some((half, SyncSettings { link, id, max_len, port, ttl, group }))
    }
}
