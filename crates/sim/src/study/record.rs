//! What came of a run, in plain values.

use std::net::IpAddr;

use base::{Duration, Instant, Name};
use vrrp::io::State;

use crate::checker::Violation;
use crate::node::NodeId;
use crate::scenario::Expectation;

/// What came of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// The name of the case; empty for a scenario.
    pub name: String,
    /// Each virtual address.
    pub addresses: Vec<AddressRecord>,
    /// What did not hold, in the order of time.
    pub findings: Vec<Finding>,
    /// How long the world was watched.
    pub end: Instant,
}

/// Who answered for an address when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddressRecord {
    /// The virtual router that it belongs to, as its first member calls it.
    pub router: Name,
    /// The address.
    pub address: IpAddr,
    /// Who answered for it from when on, in order.
    pub spans: Vec<Span>,
    /// When the first fault came; the end if none did.
    pub fault: Instant,
    /// When everything was healed, if it was.
    pub healed: Option<Instant>,
    /// The longest time without anybody between the first fault and the healing, and what the formula allows
    /// for a takeover.
    pub nobody: (Duration, Duration),
    /// The longest time with two or more between the first fault and the healing.
    pub two: Duration,
    /// Until somebody, and nobody else, answered after the healing.
    pub recovery: Duration,
    /// Why there was nobody or more than one longer than the formula says, if that is no mistake.
    pub excuses: Vec<Excuse>,
}

/// Who answers from an instant on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Span {
    /// Since when.
    pub from: Instant,
    /// Who; a host counts if its kernel has the address and frames reach and leave it.
    pub owners: Vec<NodeId>,
}

impl AddressRecord {
    /// Who answered before the first fault.
    #[must_use]
    pub fn before(&self) -> &[NodeId] {
        let span = self.spans.iter().rfind(|span| span.from < self.fault);
        span.map(|span| span.owners.as_slice()).unwrap_or_default()
    }

    /// Who answered at an instant.
    #[must_use]
    pub fn at(&self, at: Instant) -> &[NodeId] {
        let span = self.spans.iter().rfind(|span| span.from <= at);
        span.map(|span| span.owners.as_slice()).unwrap_or_default()
    }
}

/// Why something that looks wrong is none of the protocol's mistakes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Excuse {
    /// Nobody: no node is able to hold the address.
    Unable,
    /// Nobody: the others hear the adverts of a master that hosts cannot reach.
    Unreachable(NodeId),
    /// Two: a daemon that is dead or stands still left the address in the kernel.
    LeftBehind(NodeId),
    /// Two: the first does not hear the second.
    Unheard(NodeId, NodeId),
    /// Packets are lost by the weather.
    Weather,
}

/// What did not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finding {
    /// A property of the checkers.
    Property(Violation),
    /// Nobody answered although somebody was able to (V1, V3).
    Nobody {
        /// Since when nothing happened that could excuse it.
        since: Instant,
        /// How long it lasted.
        lasted: Duration,
        /// What the formula allows.
        bound: Duration,
        /// Which address.
        address: IpAddr,
    },
    /// Two answered although they heard each other (K2, V1).
    Two {
        /// Since when nothing happened that could excuse it.
        since: Instant,
        /// How long it lasted.
        lasted: Duration,
        /// What the formula allows.
        bound: Duration,
        /// Which address.
        address: IpAddr,
        /// Who.
        owners: Vec<NodeId>,
    },
    /// After the healing somebody else answered than who should (V1, V2).
    WrongOwner {
        /// When that was looked at.
        at: Instant,
        /// Which address.
        address: IpAddr,
        /// Who should; `None` if it is only clear that it should be one.
        expected: Option<NodeId>,
        /// Who did.
        owners: Vec<NodeId>,
    },
    /// An expectation of the scenario.
    Unexpected {
        /// When.
        at: Instant,
        /// What was expected.
        expected: Expectation,
        /// The state that was found, if a state was expected.
        state: Option<State>,
        /// The owners that were found, if an owner was expected.
        owners: Vec<NodeId>,
    },
}

impl Finding {
    /// When it began.
    #[must_use]
    pub const fn at(&self) -> Instant {
        match self {
            Self::Property(violation) => violation.at,
            Self::Nobody { since, .. } | Self::Two { since, .. } => *since,
            Self::WrongOwner { at, .. } | Self::Unexpected { at, .. } => *at,
        }
    }

    /// Its short name: that of the property.
    #[must_use]
    pub const fn property(&self) -> &'static str {
        match self {
            Self::Property(violation) => violation.property,
            Self::Nobody { .. } => "V1",
            Self::Two { .. } => "K2",
            Self::WrongOwner { expected: None, .. } => "V1",
            Self::WrongOwner { .. } => "V2",
            Self::Unexpected { .. } => "expect",
        }
    }
}
