//! The whole vocabulary of the core: what can happen to it, what it wants done, what it tells.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::IpAddr;

use base::{Duration, Instant, Priority};
use wire::Packet;

use crate::config::{Config, GroupId, InstanceId, TrackerId};
use crate::error::Refusal;

/// What can happen to the core.
#[derive(Debug)]
pub enum Input<'a> {
    /// A datagram that the engine found to be for this instance (same socket, same VRID).
    Datagram {
        /// Whose.
        instance: InstanceId,
        /// The datagram.
        datagram: Datagram<'a>,
    },
    /// The address that adverts are sent from; `None` is a fault until there is one.
    ///
    /// An instance stays INIT until its first `Source`, a sync group until that of all its members.
    /// So tell the faults and verdicts that are known first.
    Source {
        /// Whose.
        instance: InstanceId,
        /// The primary address of the interface, or the configured source.
        address: Option<IpAddr>,
    },
    /// A condition of the instance's own interface or setup began or ended.
    Fault {
        /// Whose.
        instance: InstanceId,
        /// Which.
        fault: Fault,
        /// Whether it holds now.
        present: bool,
    },
    /// A tracker was heard of.
    Tracker {
        /// Which.
        tracker: TrackerId,
        /// How it stands.
        verdict: Verdict,
    },
    /// A new configuration.
    Reload(Box<Reload>),
    /// All instances stop for good: masters say so with priority 0.
    Stop,
}

/// A datagram as it came from the network. IPv4 begins with the IP header; IPv6 with the payload.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Where it came from.
    pub source: IpAddr,
    /// Where it was sent to.
    pub destination: IpAddr,
    /// TTL or hop limit on arrival; `None` if the kernel did not say.
    pub hop_limit: Option<u8>,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// A new configuration and what becomes of the old objects.
#[derive(Debug)]
pub struct Reload {
    /// The new configuration.
    pub config: Config,
    /// For each new instance the old one that it continues: state, timers, counters, sequence
    /// numbers, source address and faults. A new one waits for its first [`Input::Source`].
    /// Old instances that nobody continues are deleted: a master says priority 0. The events of that
    /// come before all others and name them by their old ids.
    pub instances: Vec<Option<InstanceId>>,
    /// For each new tracker the old one whose verdict it keeps.
    pub trackers: Vec<Option<TrackerId>>,
}

/// A reason for FAULT that isn't a tracker.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Fault {
    /// The instance's interface is down or not running.
    InterfaceDown,
    /// The instance's interface does not exist.
    InterfaceMissing,
    /// No address of the family to send from.
    NoAddress,
    /// The configured source address is not there (`track_src_ip`).
    SourceMissing,
    /// No unicast peer (`unicast_fault_no_peer`).
    NoPeer,
    /// The interface cannot carry VRRP (no multicast, ...), or the socket could not be opened.
    Unsuitable,
}

/// How a tracker stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Not heard of yet.
    Unknown,
    /// Good.
    Up,
    /// Bad.
    Down,
    /// The number in a tracked file.
    Value(i32),
}

/// What the core wants done, in order.
#[derive(Debug)]
pub enum Output {
    /// Send this advert: a whole IPv4 packet, or the payload of an IPv6 one, to each destination of
    /// the instance (AH and unicast checksums bind the destination: one output a peer).
    Transmit {
        /// Whose.
        instance: InstanceId,
        /// Where to.
        destination: IpAddr,
        /// What.
        packet: Packet,
    },
    /// Something happened. [`Event::State`] is what kernel objects and notifications follow.
    Event(Event),
}

/// The state of an instance or group (RFC 9568 section 6.4; FAULT, STOP and DELETED are keepalived's).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub enum State {
    /// Not started, or waiting for the first result of a script.
    Init,
    /// Listens.
    Backup,
    /// Holds the addresses.
    Master,
    /// Cannot take part.
    Fault,
    /// Only told: the daemon stops.
    Stopped,
    /// Only told: the instance is gone from the configuration.
    Deleted,
}

/// Something that happened, with its cause; text is made by whoever shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// An instance changed its state. Comes after the adverts that announce it.
    State {
        /// Whose.
        instance: InstanceId,
        /// From.
        from: State,
        /// To.
        to: State,
        /// Why.
        cause: Cause,
    },
    /// A sync group changed its state. Comes after the last of its members.
    Group {
        /// Whose.
        group: GroupId,
        /// From.
        from: State,
        /// To.
        to: State,
    },
    /// The effective priority changed.
    Priority {
        /// Whose.
        instance: InstanceId,
        /// From.
        from: Priority,
        /// To.
        to: Priority,
    },
    /// A fault began (`began`) or ended, whether or not the state follows.
    Fault {
        /// Whose.
        instance: InstanceId,
        /// Which.
        cause: Cause,
        /// Whether it began.
        began: bool,
    },
    /// An advert was refused. `first` is false for the second and later ones of the same kind until
    /// the state or the master changes: a flood must not flood the log.
    Refused {
        /// Whose.
        instance: InstanceId,
        /// From whom.
        source: IpAddr,
        /// Why.
        refusal: Refusal,
        /// Whether it should be shown.
        first: bool,
    },
    /// An advert was accepted although something in it is odd (address list, v3 interval).
    Odd {
        /// Whose.
        instance: InstanceId,
        /// From whom.
        source: IpAddr,
        /// What.
        oddity: Oddity,
        /// Whether it should be shown.
        first: bool,
    },
    /// A backup that preempts discarded an advert of lower priority.
    LowerDiscarded {
        /// Whose.
        instance: InstanceId,
        /// From whom.
        source: IpAddr,
        /// Its priority.
        priority: Priority,
    },
    /// A master heard an advert that loses against it; `answered` tells whether it sent one at once.
    /// The addresses should be announced again.
    LowerReceived {
        /// Whose.
        instance: InstanceId,
        /// From whom.
        source: IpAddr,
        /// Its priority.
        priority: Priority,
        /// Ours.
        ours: Priority,
        /// Whether an advert was sent in answer.
        answered: bool,
    },
    /// An advert with priority 0 was heard.
    Release {
        /// By whom.
        instance: InstanceId,
        /// Who stops.
        source: IpAddr,
        /// The state in which it was heard.
        state: State,
    },
    /// Priority 0 was sent.
    Released {
        /// By whom.
        instance: InstanceId,
    },
    /// The address of the master became known or changed.
    MasterChanged {
        /// Whose.
        instance: InstanceId,
        /// Before.
        from: Option<IpAddr>,
        /// Now.
        to: IpAddr,
    },
    /// A version 3 backup learned another interval from the master.
    IntervalLearned {
        /// Whose.
        instance: InstanceId,
        /// Before.
        from: Duration,
        /// Now.
        to: Duration,
    },
    /// `preempt_delay` began (`Some`, until when) or was called off.
    PreemptDelay {
        /// Whose.
        instance: InstanceId,
        /// Until when, if it began.
        until: Option<Instant>,
    },
    /// An advert of equal priority came from our own address: a loop, or a duplicate address.
    OwnAddress {
        /// Whose.
        instance: InstanceId,
    },
    /// Somebody else says that it owns the addresses, too.
    RogueOwner {
        /// Whose.
        instance: InstanceId,
        /// Who.
        source: IpAddr,
        /// How far it has come.
        step: RogueStep,
    },
}

/// The steps of a conflict between two routers of priority 255.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RogueStep {
    /// It was heard for the first time.
    Found,
    /// It goes on: our priority is 254 from now on.
    Yielded,
    /// It stopped.
    Silent,
    /// Our priority is 255 again.
    Restored,
}

/// Why an instance changed its state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cause {
    /// It started (or was added by a reload).
    Start,
    /// It owns the addresses and claims them at once.
    Owner,
    /// No advert came for the whole master-down interval.
    MasterDownTimer {
        /// Who was the master as far as was known; `None` if nobody was heard since the last state.
        master: Option<IpAddr>,
        /// How long nothing was heard: the interval that ran out.
        waited: Duration,
    },
    /// The master sent priority 0 and nobody better claimed within the skew time.
    MasterReleased {
        /// Who released.
        from: IpAddr,
    },
    /// A better advert came.
    BetterAdvert {
        /// From whom.
        from: IpAddr,
        /// Its priority.
        priority: Priority,
        /// Ours.
        ours: Priority,
    },
    /// A fault of its own.
    Fault(Fault),
    /// A tracker of weight 0 went down.
    Tracker {
        /// Which.
        tracker: TrackerId,
        /// How it stands.
        verdict: Verdict,
    },
    /// The last fault is gone.
    FaultsCleared,
    /// Another member of the sync group went there first.
    Group {
        /// The group.
        group: GroupId,
        /// The member.
        member: InstanceId,
    },
    /// The process was not scheduled for longer than a backup waits: somebody else may be master.
    Paused {
        /// How late.
        late: Duration,
    },
    /// The sequence numbers of AH are used up: somebody else goes on from the beginning.
    SequenceExhausted,
    /// The daemon stops.
    Stop,
    /// It is gone from the configuration.
    Deleted,
}

/// What was odd about an advert that was accepted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Oddity {
    /// It has another number of addresses.
    AddressCount {
        /// Ours.
        expected: u8,
        /// Its.
        received: u8,
    },
    /// It lacks one of our addresses.
    AddressMissing(IpAddr),
    /// Version 3: its interval differs from ours.
    Interval {
        /// Ours.
        ours: Duration,
        /// Its.
        received: Duration,
    },
}

/// What was counted for an instance (keepalived's statistics file, RFC 2787 and RFC 6527).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs, reason = "the names are those of the statistics file")]
pub struct Counters {
    pub advert_rcvd: u64,
    pub advert_sent: u64,
    pub become_master: u64,
    pub release_master: u64,
    pub packet_len_err: u64,
    pub advert_interval_err: u64,
    pub ip_ttl_err: u64,
    pub invalid_type_rcvd: u64,
    pub addr_list_err: u64,
    pub invalid_authtype: u64,
    pub authtype_mismatch: u64,
    pub auth_failure: u64,
    pub pri_zero_rcvd: u64,
    pub pri_zero_sent: u64,
    pub checksum_err: u64,
    pub version_err: u64,
    pub vrid_err: u64,
    pub destination_err: u64,
    pub source_err: u64,
    pub owner_ignored: u64,
    pub replayed: u64,
    /// Version 3 adverts over IPv4 whose checksum was of the RFC 5798 kind (with pseudo header).
    pub checksum_with_pseudo_header: u64,
    /// Version 3 adverts over IPv4 whose checksum was of the RFC 9568 kind (message only).
    pub checksum_message_only: u64,
}

/// How an instance stands.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Snapshot {
    /// Its state.
    pub state: State,
    /// What it would like to be (`wantstate`).
    pub wants: State,
    /// Its effective priority.
    pub priority: Priority,
    /// The master's address and priority, as last heard.
    pub master: Option<(IpAddr, Priority)>,
    /// The interval in force.
    pub master_interval: Duration,
    /// When the state last changed.
    pub since: Instant,
    /// The address that it sends from.
    pub source: Option<IpAddr>,
    /// What was counted.
    pub counters: Counters,
}
