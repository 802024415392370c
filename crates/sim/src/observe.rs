//! What whoever watches can see.

use std::net::IpAddr;
use std::sync::Arc;

use base::{IfName, Instant, IpNet, Mac, Priority, Vrid};
use engine::facts::KernelEvent;
use engine::io::{Event, FifoKind, Input, Notification, OpError, OpId, Operation, Outcome};
use model::{InstanceId, Model, TrackerId};
use vrrp::config::Version;

use crate::fault::Fault;
use crate::lan::SegmentId;
use crate::node::NodeId;
use crate::reading::Meaning;

/// Something that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Observation {
    /// When, in the time of the world.
    pub at: Instant,
    /// To whom; `None` for the world.
    pub node: Option<NodeId>,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// A fault, or something that people did.
    Fault(Fault),
    /// The process was started; it has looked at nothing yet.
    Booted,
    /// The process is gone; `orderly` if it ended by itself.
    Ended {
        /// After SIGTERM.
        orderly: bool,
    },
    /// A new configuration is in force; ids are its from here on.
    Configured(Arc<Model>),
    /// The engine tells.
    Event(Event),
    /// An advert left the process.
    Advert(Advert),
    /// A datagram was handed to the engine.
    Heard(Heard),
    /// The engine wants something of the kernel.
    Wanted {
        /// Its number.
        op: OpId,
        /// What.
        operation: Operation,
    },
    /// The kernel answered.
    Answered {
        /// Which.
        op: OpId,
        /// How it went.
        result: Result<(), OpError>,
    },
    /// Something in the kernel changed, whoever did it.
    Kernel(KernelEvent),
    /// What is known about the kernel is read again.
    Dumped,
    /// It was read which halves of the sync daemon run.
    SyncRead,
    /// A gratuitous ARP or a neighbour advertisement left the process.
    Announced {
        /// Through which interface.
        link: IfName,
        /// Whose address.
        address: IpAddr,
        /// With which hardware address.
        mac: Mac,
    },
    /// The hosts of a segment learned where an address is.
    Learned {
        /// Which segment.
        segment: SegmentId,
        /// Which address.
        address: IpAddr,
        /// Where.
        mac: Mac,
    },
    /// The engine is told how a check script ended.
    Checked {
        /// Which; `None` if it is gone from the configuration.
        tracker: Option<TrackerId>,
        /// How it ended.
        outcome: Outcome,
    },
    /// A notify script was asked for.
    Notified(Notification),
    /// A line for a FIFO.
    Fifo(FifoKind, String),
    /// A mail.
    Mailed(engine::mail::Message),
    /// A turn of the process: how many inputs it had and how many effects came of it.
    Turn {
        /// Datagrams, news, answers, results, orders.
        inputs: u32,
        /// Everything that the engine wanted done.
        effects: u32,
    },
    /// The engine broke its contract.
    Broken(String),
}

/// An advert as whoever listens on the wire understands it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Advert {
    /// Whose, in the configuration in force; `None` if it was deleted just now.
    pub instance: Option<InstanceId>,
    /// Through which interface; `None` for unicast without one.
    pub link: Option<IfName>,
    /// From where.
    pub source: IpAddr,
    /// Where to.
    pub destination: IpAddr,
    /// Its version.
    pub version: Version,
    /// Its virtual router.
    pub vrid: Vrid,
    /// Its priority.
    pub priority: Priority,
    /// The number of its authentication header.
    pub sequence: Option<u32>,
}

/// A datagram that arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Heard {
    /// From whom; `None` for strangers.
    pub from: Option<NodeId>,
    /// The source address that it shows.
    pub source: IpAddr,
    /// Its virtual router, if it can be read so far.
    pub vrid: Option<u8>,
    /// Its priority, if it can be read so far.
    pub priority: Option<Priority>,
    /// When it was sent.
    pub sent: Instant,
    /// Whether it is what its sender sent (and a stranger's is a valid advert).
    pub valid: bool,
    /// The instance that it is for.
    pub to: Option<InstanceId>,
    /// What it must mean to that instance; `None` if it must be refused.
    pub meaning: Option<Meaning>,
}

/// The network of an address that appeared or vanished.
#[must_use]
pub const fn address_of(event: &KernelEvent) -> Option<(base::IfIndex, IpNet, bool)> {
    match event {
        KernelEvent::Address(facts) => Some((facts.link, facts.net, true)),
        KernelEvent::AddressGone(facts) => Some((facts.link, facts.net, false)),
        _ => None,
    }
}

/// The kind of an input in one word.
#[must_use]
pub const fn kind(input: &Input<'_>) -> &'static str {
    match input {
        Input::Datagram { .. } => "datagram",
        Input::Dump(_) => "dump",
        Input::Kernel(_) => "kernel",
        Input::Overrun => "overrun",
        Input::SyncRead(_) => "sync",
        Input::Done { .. } => "done",
        Input::Checked { .. } => "checked",
        Input::File { .. } => "file",
        Input::Reload(_) => "reload",
        Input::Stop { .. } => "stop",
    }
}
