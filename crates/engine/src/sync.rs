//! `lvs_sync_daemon ... inst INSTANCE`: which half of the kernel's sync daemon runs, as desired state.
//!
//! A BACKUP learns connections from the master, a MASTER tells them. Each half is brought to where it should
//! be on its own: one that can't be stopped doesn't keep the other from starting. What runs is read whenever
//! everything else is, since somebody else may have stopped or changed it.

use std::collections::BTreeMap;

use base::{IfIndex, Instant};
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
    /// It may run, left over from an earlier life, with these settings or others, and nobody knows on which of the
    /// interfaces that had the name.
    LeftOver(SyncSettings),
    /// It may run since a start failed, with these settings or others.
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
    /// The interface that it was started on, as far as that was known. It stays there although the interface
    /// vanishes and comes back as another one of the same name.
    on: Option<IfIndex>,
}

/// Both halves.
#[derive(Debug)]
pub(crate) struct Sync {
    /// What is to be stopped comes before what is to be started, whatever their order.
    halves: [Half; 2],
    frozen: bool,
    look: Look,
}

/// Whether it is being read what runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Look {
    /// Not now.
    #[default]
    No,
    /// It was asked for.
    OnItsWay,
    /// It was asked for before an operation, or a stop: nobody knows what it means.
    Stale,
}

impl Default for Sync {
    fn default() -> Self {
        Self { halves: [SyncHalf::Master, SyncHalf::Backup].map(Half::new), frozen: false, look: Look::No }
    }
}

impl Half {
    const fn new(half: SyncHalf) -> Self {
        Self { half, wanted: None, known: Known::Nothing, pending: None, failures: 0, until: None, on: None }
    }

    fn want(&mut self, wanted: Option<&SyncSettings>) {
        if self.wanted.as_ref() != wanted {
            self.wanted = wanted.cloned();
            (self.failures, self.until) = (0, None);
        }
    }

    /// What is to be done about it now that its interface is `link`.
    fn step(&self, link: Option<IfIndex>) -> Option<Operation> {
        if self.pending.is_some() || self.until.is_some() {
            return None;
        }
        let is_adrift = link.is_some() && self.on.is_some() && link != self.on;
        match (&self.known, &self.wanted) {
            (Known::Runs(has), Some(wanted)) if has == wanted && !is_adrift => None,
            // It must end before it can run otherwise.
            (Known::Runs(has) | Known::LeftOver(has), _) | (Known::MayRun(has), None) => {
                Some(Operation::StopSync(self.half, has.clone()))
            }
            (_, Some(wanted)) => Some(Operation::StartSync(self.half, wanted.clone())),
            (Known::Nothing | Known::Stopped, None) => None,
        }
    }

    /// It was read that it runs like that, or doesn't. Whether it isn't as it was left.
    fn read(&mut self, has: Option<&SyncSettings>) -> bool {
        if matches!(self.known, Known::LeftOver(_)) && has.is_some() {
            return false;
        }
        let met = |has: &SyncSettings| {
            let known = match &self.known {
                Known::MayRun(settings) | Known::Runs(settings) => Some(settings),
                Known::Nothing | Known::LeftOver(_) | Known::Stopped => None,
            };
            let mut ours = self.wanted.iter().chain(known);
            ours.find(|settings| settings.are_met_by(self.half, has)).unwrap_or(has).clone()
        };
        let known = has.map_or(Known::Stopped, |has| Known::Runs(met(has)));
        let was_sure = matches!(self.known, Known::Runs(_) | Known::Stopped);
        std::mem::replace(&mut self.known, known.clone()) != known && was_sure
    }

    fn start(&mut self, operation: Operation, link: Option<IfIndex>, out: &mut Out) {
        if matches!(operation, Operation::StartSync(..)) {
            self.on = link;
        }
        let op = out.operation();
        self.pending = Some((op, operation.clone()));
        out.push(Effect::Kernel { op, operation });
    }
}

impl Look {
    fn spoil(&mut self) {
        if *self == Self::OnItsWay {
            *self = Self::Stale;
        }
    }
}

impl Sync {
    /// Has this half run and the other one not, or neither, as soon as it is quiet.
    fn settle(
        &mut self,
        wanted: Option<&(SyncHalf, SyncSettings)>,
        link: Option<IfIndex>,
        quiet: bool,
        out: &mut Out,
    ) {
        if self.frozen {
            return;
        }
        for half in &mut self.halves {
            if let Some((_, settings)) = wanted
                && half.known == Known::Nothing
            {
                half.known = Known::LeftOver(settings.clone());
            }
            half.want(wanted.filter(|(which, _)| *which == half.half).map(|(_, settings)| settings));
        }
        for stops in [true, false].into_iter().filter(|_| quiet) {
            for half in &mut self.halves {
                let operation = half.step(link);
                if let Some(operation) = operation.filter(|o| stops == matches!(o, Operation::StopSync(..))) {
                    half.start(operation, link, out);
                    self.look.spoil();
                }
            }
        }
    }

    /// Asks what runs, if anything should and nothing is asked or told already.
    pub(crate) fn look(&mut self, out: &mut Out) {
        let wanted = self.halves.iter().any(|half| half.wanted.is_some());
        let idle = self.halves.iter().all(|half| half.pending.is_none());
        if wanted && idle && !self.frozen && self.look == Look::No {
            self.look = Look::OnItsWay;
            out.push(Effect::ReadSync);
        }
    }

    /// It was read what runs. What can't be read is believed to be as it was.
    pub(crate) fn read(&mut self, runs: Result<BTreeMap<SyncHalf, SyncSettings>, OpError>, out: &mut Out) {
        if std::mem::take(&mut self.look) != Look::OnItsWay {
            return;
        }
        let wanted = self.halves.iter().any(|half| half.wanted.is_some());
        let Some(runs) = runs.ok().filter(|_| wanted) else { return };
        for half in &mut self.halves {
            let has = runs.get(&half.half);
            if half.read(has) {
                out.event(Event::SyncRepaired { half: half.half, runs: has.map(|has| has.link) });
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
                if half.failures == 1 {
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
        self.look.spoil();
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
        let link = wanted.as_ref().and_then(|(_, settings)| self.kernel.view.index(settings.link));
        self.sync.settle(wanted.as_ref(), link, quiet, &mut self.out);
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
