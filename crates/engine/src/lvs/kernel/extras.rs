//! What the kernel has once: timeouts, the sync daemon's two halves, the table of marks.

use base::Duration;
use model::lvs::{Settings, SyncRole};

use super::objects::Progress;
use crate::lvs::io::Operation;
use crate::lvs::table::{MarkTable, SyncHalf, SyncSettings, Timeouts};

/// Which.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Extra {
    Timeouts,
    Master,
    Backup,
    Marks,
}

impl Extra {
    pub(super) const ALL: [Self; 4] = [Self::Timeouts, Self::Master, Self::Backup, Self::Marks];
}

/// How it should be, or is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Value {
    Timeouts(Timeouts),
    Sync(SyncHalf, SyncSettings),
    Marks(MarkTable),
}

impl Value {
    fn set(self) -> Operation {
        match self {
            Self::Timeouts(timeouts) => Operation::SetTimeouts(timeouts),
            Self::Sync(half, settings) => Operation::StartSync(half, settings),
            Self::Marks(marks) => Operation::SetMarks(marks),
        }
    }

    fn unset(self) -> Option<Operation> {
        match self {
            Self::Timeouts(_) => None,
            Self::Sync(half, settings) => Some(Operation::StopSync(half, settings)),
            Self::Marks(marks) => Some(Operation::DelMarks(marks.name)),
        }
    }
}

/// One of them.
#[derive(Debug, Default)]
pub(super) struct ExtraObject {
    pub(super) wanted: Option<Value>,
    pub(super) there: Option<Value>,
    /// How it may be since an operation failed, whose answer alone may have been lost. It ends with the next
    /// success, or when it is read how it is.
    pub(super) doubt: Option<Value>,
    pub(super) progress: Progress,
    pub(super) failures: u32,
}

impl ExtraObject {
    /// Whether nothing is to be done about it, or nothing can be for now.
    pub(super) fn is_settled(&self) -> bool {
        let as_wanted = self.wanted == self.there && self.doubt.is_none();
        as_wanted && self.progress.is_idle() || self.progress == Progress::Waiting
    }

    /// An operation was done, after which it is like that.
    pub(super) fn succeeded(&mut self, then: Option<Value>) {
        (self.there, self.doubt) = (then, None);
        (self.progress, self.failures) = (Progress::Idle, 0);
    }

    /// An operation failed that should have made it like that.
    pub(super) fn failed(&mut self, then: Option<Value>, progress: Progress) {
        (self.progress, self.failures) = (progress, self.failures.saturating_add(1));
        let before = self.there.take_if(|there| !matches!(there, Value::Timeouts(_)));
        self.doubt = then.filter(|then| !matches!(then, Value::Timeouts(_))).or(before).or(self.doubt.take());
    }

    /// It counts as it should be: nothing more is done about it.
    pub(super) fn give_up(&mut self) {
        (self.there, self.doubt) = (self.wanted.clone(), None);
    }

    /// However it is, it shall be like that.
    pub(super) fn leave(&mut self) {
        (self.wanted, self.doubt) = (self.there.clone(), None);
    }

    /// Which half of the sync daemon it is, if it is one that is wanted, or was started by us.
    pub(super) fn half(&self) -> Option<SyncHalf> {
        self.ours().find_map(|value| if let Value::Sync(half, _) = value { Some(*half) } else { None })
    }

    /// How we want it, left it, and may have left it.
    fn ours(&self) -> impl Iterator<Item = &Value> {
        [&self.wanted, &self.there, &self.doubt].into_iter().flatten()
    }

    /// It was read that this half of the sync daemon runs like that, or doesn't. Whether it isn't as it was left.
    pub(super) fn read(&mut self, half: SyncHalf, runs: Option<&SyncSettings>) -> bool {
        let met = |has: &SyncSettings| {
            let is_met = |value: &&Value| matches!(value, Value::Sync(_, s) if s.are_met_by(half, has));
            let like = self.ours().find(is_met).cloned();
            // One that nobody wants and that isn't as we started it is somebody else's.
            like.or_else(|| self.wanted.is_some().then(|| Value::Sync(half, has.clone())))
        };
        let there = runs.and_then(met);
        let lost = self.there.is_some() && self.there != there;
        (self.there, self.doubt) = (there, None);
        lost
    }

    /// What is to be done about it, and how it will be then.
    pub(super) fn step(&self) -> Option<(Operation, Option<Value>)> {
        if self.wanted == self.there && self.doubt.is_none() || !self.progress.is_idle() {
            return None;
        }
        let (there, wanted) = (self.there.clone(), self.wanted.clone());
        match (there, wanted) {
            // A half that runs must end before it can run otherwise.
            (Some(there @ Value::Sync(..)), _) => Some((there.unset()?, None)),
            (Some(there), None) => Some((there.unset()?, None)),
            (_, Some(wanted)) => Some((wanted.clone().set(), Some(wanted))),
            (None, None) => Some((self.doubt.clone()?.unset()?, None)),
        }
    }
}

/// The sync daemon's half, if the settings want it without regard to an instance.
pub(super) fn sync(settings: &Settings, half: SyncHalf) -> Option<Value> {
    let daemon = settings.sync_daemon.as_ref().filter(|daemon| daemon.role == SyncRole::Both)?;
    Some(Value::Sync(
        half,
        SyncSettings {
            link: daemon.link,
            id: daemon.id,
            max_len: daemon.max_len,
            port: daemon.port,
            ttl: daemon.ttl,
            group: daemon.group,
        },
    ))
}

/// What timeouts there are without us, now that they are read to be `there`, where `first` were, `before` as we
/// left them and `wanted` as we want them: what the settings don't name and isn't ours to restore is somebody
/// else's.
pub(super) fn without_us(
    settings: &Settings,
    first: Timeouts,
    [before, wanted]: [Option<&Value>; 2],
    there: Timeouts,
) -> Timeouts {
    let (Some(Value::Timeouts(before)), Some(Value::Timeouts(wanted))) = (before, wanted) else {
        return first;
    };
    let named = &settings.timeouts;
    let choose = |named: Option<Duration>, of: fn(&Timeouts) -> Duration| {
        if named.is_none() && of(before) == of(wanted) { of(&there) } else { of(&first) }
    };
    Timeouts {
        tcp: choose(named.tcp, |t| t.tcp),
        tcp_fin: choose(named.tcp_fin, |t| t.tcp_fin),
        udp: choose(named.udp, |t| t.udp),
    }
}

/// The timeouts that the settings want where the kernel had `first`; `None` if it is as it was.
pub(super) fn timeouts(settings: &Settings, first: Option<Timeouts>) -> Option<Value> {
    let first = first?;
    let wanted = &settings.timeouts;
    Some(Value::Timeouts(Timeouts {
        tcp: wanted.tcp.unwrap_or(first.tcp),
        tcp_fin: wanted.tcp_fin.unwrap_or(first.tcp_fin),
        udp: wanted.udp.unwrap_or(first.udp),
    }))
}
