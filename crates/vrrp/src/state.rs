//! The states of an instance; each owns the data that has a meaning in it and nowhere else.

use core::net::IpAddr;

use base::{Duration, Instant, Priority};

use crate::auth::Sequence;
use crate::config::{Instance, InstanceId, Peers};
use crate::io::{Counters, Fault, State};
use crate::rogue::Conflict;
use crate::transmit::Outgoing;

/// The state of an instance with its data.
#[derive(Clone, Debug)]
pub(crate) enum Phase {
    /// Not started: the source address or the result of a script is not known yet.
    Init {
        /// When an owner that has started takes its addresses: it never listens.
        claim_at: Option<Instant>,
    },
    /// Listens.
    Backup(Backup),
    /// Sends.
    Master(Master),
    /// Cannot take part.
    Fault,
    /// Stopped for good.
    Stopped,
}

/// What a backup knows.
#[derive(Clone, Debug)]
pub(crate) struct Backup {
    /// When it began to wait: when the last accepted advert came.
    pub(crate) waits_since: Instant,
    /// When it takes over.
    pub(crate) down_at: Instant,
    /// Why it would take over then.
    pub(crate) claim: Claim,
    /// The interval in force: the own one or, version 3, the master's.
    pub(crate) interval: Duration,
    /// The master, once it was heard.
    pub(crate) master: Option<(IpAddr, Priority)>,
    /// `preempt_delay` is over then, if a master of lower priority was heard.
    pub(crate) preempt_at: Option<Instant>,
    /// Its timer expired before, but the sync group would not let it go.
    pub(crate) wants_master: bool,
    /// An owner that yielded to another owner counts as 254 as long as that one is there.
    pub(crate) yielded: Option<IpAddr>,
}

/// Why the timer of a backup runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Claim {
    /// Nobody is heard.
    Silence,
    /// The master stepped down.
    Released(IpAddr),
    /// The timer came so late that adverts may be waiting: they get one more turn.
    Overslept,
}

/// What a master knows.
#[derive(Clone, Debug)]
pub(crate) struct Master {
    /// When it sends its next advert.
    pub(crate) advert_at: Instant,
    /// When it sent its last advert.
    pub(crate) sent_at: Instant,
    /// How it stands with another owner of the addresses.
    pub(crate) conflict: Conflict,
    /// Since when it reacted how often to adverts that lose against it.
    pub(crate) reactions: (Instant, u8),
}

/// A master reacts to so many adverts that lose against it in an interval. Several masters that meet
/// need one reaction each; who sends more of them wants a storm of answers and announcements.
const MOST_REACTIONS: u8 = 10;

impl Master {
    /// A master from `now` on; it has sent nothing yet.
    pub(crate) const fn new(now: Instant) -> Self {
        Self { advert_at: now, sent_at: now, conflict: Conflict::None, reactions: (now, 0) }
    }

    /// Whether to react to an advert that loses, which is counted.
    pub(crate) fn reacts(&mut self, now: Instant, interval: Duration) -> bool {
        let (since, times) = self.reactions;
        let (since, times) = if now.since(since) < interval { (since, times) } else { (now, 0) };
        let reacts = times < MOST_REACTIONS;
        self.reactions = (since, if reacts { times + 1 } else { times });
        reacts
    }
}

impl Phase {
    pub(crate) const fn state(&self) -> State {
        match self {
            Self::Init { .. } => State::Init,
            Self::Backup(_) => State::Backup,
            Self::Master(_) => State::Master,
            Self::Fault => State::Fault,
            Self::Stopped => State::Stopped,
        }
    }

    /// When something is to be done.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Backup(backup) => Some(backup.down_at),
            Self::Master(master) => Some(match master.conflict.deadline() {
                Some(at) => master.advert_at.min(at),
                None => master.advert_at,
            }),
            Self::Init { claim_at } => *claim_at,
            Self::Fault | Self::Stopped => None,
        }
    }

    /// Whether nothing has been decided yet.
    pub(crate) const fn is_unstarted(&self) -> bool {
        matches!(self, Self::Init { claim_at: None })
    }

    /// The other owner that an owner yields to.
    pub(crate) const fn yielded_to(&self) -> Option<IpAddr> {
        match self {
            Self::Backup(backup) => backup.yielded,
            Self::Master(master) => master.conflict.yielded_to(),
            Self::Init { .. } | Self::Fault | Self::Stopped => None,
        }
    }

    /// Whether it would be master if its sync group let it (`wantstate`).
    pub(crate) const fn wants_master(&self) -> bool {
        match self {
            Self::Init { claim_at } => claim_at.is_some(),
            Self::Backup(backup) => backup.wants_master,
            Self::Master(_) => true,
            Self::Fault | Self::Stopped => false,
        }
    }
}

impl Backup {
    /// The master-down interval changed from `before` to `after`: the timer moves by as much.
    pub(crate) fn shift(&mut self, before: Duration, after: Duration) {
        let wait = self.down_at.since(self.waits_since);
        self.down_at = self.waits_since + (wait + after).saturating_sub(before);
    }
}

/// What is known about the address to send from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    /// Nobody told yet: the instance doesn't start before.
    Unheard,
    /// There is none.
    Absent,
    /// This one.
    Address(IpAddr),
}

impl Source {
    pub(crate) const fn address(self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(address),
            Self::Unheard | Self::Absent => None,
        }
    }
}

/// A set of [`Fault`]s.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Faults(u8);

impl Faults {
    /// All, the one that explains the others first.
    const ALL: [Fault; 6] = [
        Fault::InterfaceMissing,
        Fault::InterfaceDown,
        Fault::NoAddress,
        Fault::SourceMissing,
        Fault::NoPeer,
        Fault::Unsuitable,
    ];

    const fn bit(fault: Fault) -> u8 {
        match fault {
            Fault::InterfaceMissing => 1,
            Fault::InterfaceDown => 2,
            Fault::NoAddress => 4,
            Fault::SourceMissing => 8,
            Fault::NoPeer => 16,
            Fault::Unsuitable => 32,
        }
    }

    pub(crate) const fn has(self, fault: Fault) -> bool {
        self.0 & Self::bit(fault) != 0
    }

    pub(crate) const fn with(self, fault: Fault, present: bool) -> Self {
        if present { Self(self.0 | Self::bit(fault)) } else { Self(self.0 & !Self::bit(fault)) }
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Fault> {
        Self::ALL.into_iter().filter(move |fault| self.has(*fault))
    }
}

/// What was already shown since the state or the master last changed: one bit a kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Shown(u32);

impl Shown {
    /// Whether `mark` is new; it isn't from now on.
    pub(crate) const fn first(&mut self, mark: Mark) -> bool {
        let new = self.0 & mark.0 == 0;
        self.0 |= mark.0;
        new
    }
}

/// One kind of message that is shown once until the state or the master changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mark(pub(crate) u32);

/// One virtual router: its configuration and everything that is known about it.
#[derive(Clone, Debug)]
pub(crate) struct Router {
    pub(crate) config: Instance,
    pub(crate) phase: Phase,
    /// When the state last changed.
    pub(crate) since: Instant,
    pub(crate) source: Source,
    /// What [`crate::io::Input::Fault`] told.
    pub(crate) faults: Faults,
    /// The effective priority as last told; a cache of [`crate::priority::effective`].
    pub(crate) priority: Priority,
    /// The adverts, but for what changes from one to the next.
    pub(crate) outgoing: Outgoing,
    pub(crate) sequence: Sequence,
    pub(crate) counters: Counters,
    pub(crate) shown: Shown,
}

impl Router {
    pub(crate) fn new(config: Instance, now: Instant) -> Self {
        Self {
            priority: config.priority,
            config,
            phase: Phase::Init { claim_at: None },
            since: now,
            source: Source::Unheard,
            faults: Faults::default(),
            outgoing: Outgoing::default(),
            sequence: Sequence::default(),
            counters: Counters::default(),
            shown: Shown::default(),
        }
    }

    /// Whether it claims its addresses at once.
    pub(crate) const fn claims_at_once(&self) -> bool {
        self.config.priority.is_owner() && self.config.wants_master
    }

    /// The interval in force.
    pub(crate) const fn interval(&self) -> Duration {
        match &self.phase {
            Phase::Backup(backup) => backup.interval,
            _ => self.config.advert_interval,
        }
    }

    /// The priority that its timers go by: an owner's is 255 even while it yields.
    pub(crate) const fn timer_priority(&self) -> Priority {
        if self.config.priority.is_owner() { Priority::OWNER } else { self.priority }
    }

    /// All conditions of its own that keep it from taking part.
    pub(crate) fn own_faults(&self) -> Faults {
        let no_peer = matches!(&self.config.peers, Peers::Unicast { peers, .. } if peers.is_empty());
        let mut faults = self.faults;
        for (fault, present) in [
            (Fault::NoAddress, self.source == Source::Absent),
            (Fault::NoPeer, no_peer),
            (Fault::Unsuitable, self.outgoing.is_impossible()),
        ] {
            faults = faults.with(fault, present || faults.has(fault));
        }
        faults
    }

    /// The master-down interval now.
    pub(crate) fn master_down(&self) -> Duration {
        crate::timers::master_down(&self.config, self.timer_priority(), self.interval())
    }
}

/// The members of a sync group, or an instance alone.
pub(crate) type Unit = smallvec::SmallVec<[InstanceId; 8]>;
