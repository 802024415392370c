//! The whole vocabulary of the engine: inputs, effects, events.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use base::{Duration, IfIndex, IfName, IpNet, Name, Vrid};
use model::{Address, Command, InstanceId, Model, Route, TrackerId};
use serde::{Deserialize, Serialize};
use vrrp::io::Datagram;
use wire::Packet;

use crate::facts::{AddressFacts, KernelDump, KernelEvent};
use crate::lvs::table::{SyncHalf, SyncSettings};

/// A socket that the engine asked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SocketId(pub u32);

/// A kernel operation that waits for its answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OpId(pub u64);

/// A run of a check script that waits for its result.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct RunId(pub u64);

/// What can happen to the engine.
#[derive(Debug)]
pub enum Input<'a> {
    /// A datagram arrived on a socket.
    Datagram {
        /// Which socket.
        socket: SocketId,
        /// What.
        datagram: Datagram<'a>,
    },
    /// The answer to [`Effect::Resync`], and the first input of all: everything that there is.
    ///
    /// News from before the dump must not come after it: whoever reads netlink drops what was queued
    /// when the dump began, or hands it over first.
    Dump(KernelDump),
    /// Something in the kernel changed.
    Kernel(KernelEvent),
    /// Changes were lost: what is known about the kernel may be wrong. The dump that is on its way comes all the
    /// same, or never.
    Overrun,
    /// The answer to [`Effect::Kernel`], [`Effect::OpenSocket`] (exactly one each).
    Done {
        /// Which.
        op: OpId,
        /// How it went.
        result: Result<(), OpError>,
    },
    /// The answer to [`Effect::ReadSync`]: the halves of the kernel's sync daemon that run.
    SyncRead(Result<BTreeMap<SyncHalf, SyncSettings>, OpError>),
    /// The answer to [`Effect::Check`].
    Checked {
        /// Which run.
        run: RunId,
        /// How it went.
        outcome: Outcome,
    },
    /// The number in a tracked file, at start and after each change; a missing file counts as 0.
    File {
        /// Which.
        tracker: TrackerId,
        /// The number.
        value: i32,
    },
    /// A new configuration, already validated.
    Reload(Arc<Model>),
    /// The daemon stops: masters say so, and everything that is ours is removed.
    Stop {
        /// `--dont-release-vrrp`: addresses and routes stay.
        keep: bool,
    },
}

/// Why an operation failed: the kernel's error number and its own words if it had any.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpError {
    /// `errno`, above 0.
    pub errno: i32,
    /// The kernel's extended message, or the name of the error.
    pub message: Box<str>,
}

/// How a run of a script ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Outcome {
    /// It exited with this status.
    Exited(u8),
    /// A signal ended it.
    Signaled(u8),
    /// It ran longer than its timeout and was ended with its whole process group.
    TimedOut,
    /// It could not be started.
    NotStarted,
}

/// What the engine wants done, in order.
#[derive(Debug)]
pub enum Effect {
    /// Open a socket; answered by [`Input::Done`].
    OpenSocket {
        /// To be answered.
        op: OpId,
        /// Its id from now on.
        socket: SocketId,
        /// What kind.
        spec: SocketSpec,
    },
    /// Close a socket.
    CloseSocket(SocketId),
    /// Send an advert. Not answered: an advert that is lost is what the protocol is made for; the
    /// interpreter counts and logs failures.
    Send {
        /// Through which socket.
        socket: SocketId,
        /// To whom.
        destination: IpAddr,
        /// A whole IPv4 packet or the payload of an IPv6 one.
        packet: Packet,
    },
    /// Send an Ethernet frame (gratuitous ARP, neighbour advertisement). Not answered, as above.
    Frame {
        /// Through which interface.
        link: IfIndex,
        /// The frame.
        frame: Packet,
    },
    /// Change the kernel; answered by [`Input::Done`]. Of each object at most one change is under way.
    Kernel {
        /// To be answered.
        op: OpId,
        /// What.
        operation: Operation,
    },
    /// Read everything again and answer with [`Input::Dump`].
    Resync,
    /// Read which halves of the kernel's sync daemon run; answered by [`Input::SyncRead`].
    ReadSync,
    /// Run a check script once; answered by [`Input::Checked`].
    Check {
        /// To be answered.
        run: RunId,
        /// What to run.
        command: Command,
        /// After that, end its process group.
        timeout: Duration,
    },
    /// End a check script; it is still answered.
    CancelCheck(RunId),
    /// Run a notify script: in order per object, without an answer.
    Notify(Notification),
    /// Write a line to a FIFO: in order, without an answer.
    Fifo {
        /// Which.
        fifo: FifoKind,
        /// The line, with its line feed.
        line: String,
    },
    /// Send a mail, without an answer.
    Mail(crate::mail::Message),
    /// Something happened.
    Event(Event),
    /// Everything that [`Input::Stop`] asked for is done.
    Stopped,
}

/// A kind of socket. Instances with the same one share it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SocketSpec {
    /// 112 (VRRP) or 51 (AH).
    pub protocol: u8,
    /// The interface that it is bound to.
    pub link: Option<IfIndex>,
    /// Multicast or unicast.
    pub kind: SocketKind,
    /// The VRIDs that are wanted; others are dropped in the kernel. Empty lets all through.
    pub vrids: Vec<Vrid>,
    /// `SO_RCVBUF` in bytes.
    pub receive_buffer: Option<u32>,
}

/// Where a socket's packets go.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SocketKind {
    /// It joins this group on its interface and sends to it.
    Multicast {
        /// The group.
        group: IpAddr,
    },
    /// It is bound to this source (which need not exist yet).
    Unicast {
        /// The source.
        source: IpAddr,
        /// TTL or hop limit of IPv6; `None` leaves it to the kernel. IPv4 packets carry their own.
        hop_limit: Option<u8>,
    },
}

/// A change to the kernel. Doing it twice is the same as doing it once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Operation {
    /// Add an address, or change the one that is there.
    AddAddress {
        /// The interface.
        link: IfIndex,
        /// The address.
        address: Address,
        /// VIP lease: after so many seconds (at least 1) the kernel removes the address by itself, unless
        /// it is added again before, which counts anew. `None`: it stays for ever, and a lifetime that it
        /// had is lifted. A preferred lifetime that is longer is cut to this.
        valid_lft: Option<u32>,
    },
    /// Remove an address.
    DelAddress {
        /// The interface.
        link: IfIndex,
        /// The address and prefix length.
        net: IpNet,
        /// The other end, if it is point to point.
        peer: Option<IpNet>,
    },
    /// Add a route, or change the one that is there.
    AddRoute {
        /// The route.
        route: Route,
        /// The interfaces of its legs, in order.
        links: Vec<Option<IfIndex>>,
    },
    /// Remove a route.
    DelRoute {
        /// The route.
        route: Route,
        /// The interfaces of its legs, in order.
        links: Vec<Option<IfIndex>>,
    },
    /// Set `net.ipv4.conf.IF.promote_secondaries` to 1.
    PromoteSecondaries {
        /// The interface.
        link: IfName,
    },
    /// Start one half of the kernel's sync daemon, or leave it if it runs with these settings.
    StartSync(SyncHalf, SyncSettings),
    /// Stop one half of the kernel's sync daemon.
    StopSync(SyncHalf, SyncSettings),
}

/// A notify script to run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Notification {
    /// For whom: scripts of the same object run one after another.
    pub object: Object,
    /// What to run.
    pub command: Command,
    /// Arguments appended to the command.
    pub extra: Vec<Box<str>>,
    /// At most so long (scripts of a stopping daemon).
    pub limit: Option<Duration>,
}

/// Something that has notifications of its own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Object {
    /// A virtual router, by name.
    Instance(Name),
    /// A sync group, by name.
    Group(Name),
    /// A virtual server, by what it is called in log lines.
    Service(Name),
    /// A real server of a virtual server, by what both are called in log lines.
    Server {
        /// The virtual server.
        service: Name,
        /// The real server.
        server: Name,
    },
}

/// Which FIFO.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum FifoKind {
    /// `notify_fifo`.
    Global,
    /// `vrrp_notify_fifo`.
    Vrrp,
    /// `lvs_notify_fifo`.
    Lvs,
}

/// Something that happened, for whoever watches. Ids are those of the model in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// The core tells.
    Vrrp(vrrp::io::Event),
    /// An interface came up or went down (`running` and `up` together).
    Link {
        /// Which.
        name: IfName,
        /// Up?
        up: bool,
    },
    /// An interface that the model names appeared or vanished.
    LinkExists {
        /// Which.
        name: IfName,
        /// Is it there now?
        exists: bool,
    },
    /// An address that isn't ours appeared or vanished on an interface that the model names.
    Address {
        /// Which.
        address: AddressFacts,
        /// The interface.
        link: IfName,
        /// Is it there now?
        exists: bool,
    },
    /// The addresses of an instance are being put in or taken away.
    Addresses {
        /// Whose.
        instance: InstanceId,
        /// Put in?
        set: bool,
        /// `virtual_ipaddress_excluded`?
        excluded: bool,
    },
    /// The routes of an instance are being put in or taken away.
    Routes {
        /// Whose.
        instance: InstanceId,
        /// Put in?
        set: bool,
    },
    /// A burst of announcements begins.
    Announcing {
        /// Whose.
        instance: InstanceId,
        /// On which interface.
        link: IfName,
        /// Of which address.
        address: IpAddr,
    },
    /// One announcement was sent.
    Announced {
        /// On which interface.
        link: IfName,
        /// Of which address.
        address: IpAddr,
    },
    /// Somebody else removed something of ours; it is put back.
    Repaired {
        /// Whose; `None` for a static one.
        instance: Option<InstanceId>,
        /// On which interface.
        link: IfName,
        /// What.
        what: Repaired,
    },
    /// Somebody else stopped or changed a half of the kernel's sync daemon, or started one that shall not run; it is
    /// put right.
    SyncRepaired {
        /// Which.
        half: SyncHalf,
        /// The interface that it runs on now, if it does.
        runs: Option<IfName>,
    },
    /// The lease of an address ran out while we were late: the kernel has removed it. It comes back if we
    /// are still MASTER then.
    Lapsed {
        /// Whose.
        instance: Option<InstanceId>,
        /// On which interface.
        link: IfName,
        /// The address.
        net: IpNet,
        /// How long ago it was renewed.
        late: Duration,
    },
    /// Something of an earlier life was found at the start.
    LeftOver {
        /// On which interface.
        link: IfName,
        /// The address.
        net: IpNet,
        /// Whether it is kept because it is wanted, or removed.
        adopted: bool,
    },
    /// A kernel operation failed.
    OperationFailed {
        /// Which.
        operation: Operation,
        /// Why.
        error: OpError,
        /// Whether it is tried again.
        retry: bool,
    },
    /// A socket could not be opened.
    SocketFailed {
        /// Which.
        spec: SocketSpec,
        /// Why.
        error: OpError,
    },
    /// What was known about the kernel is read again.
    Resync,
    /// A check script ended and that changed something.
    Script {
        /// Which.
        tracker: TrackerId,
        /// How it ended.
        outcome: Outcome,
        /// Whether it counts as good now (after rise and fall).
        up: bool,
        /// Whether that is a change (the first verdict is one).
        changed: bool,
        /// Whether it ended otherwise than the run before; a first run is compared with status 0.
        other_outcome: bool,
    },
    /// A run of a check script was skipped since the last one still runs.
    ScriptBusy {
        /// Which.
        tracker: TrackerId,
    },
    /// A packet for a VRID that is not configured on that socket.
    UnknownVrid {
        /// The VRID, 0 included.
        vrid: u8,
        /// The interface, if the socket is bound to one.
        link: Option<IfName>,
        /// From whom.
        source: IpAddr,
    },
    /// A packet that could not be read as far as its VRID.
    Unreadable {
        /// From whom.
        source: IpAddr,
        /// Why.
        error: wire::vrrp::DecodeError,
    },
    /// A startup delay began (`Some`) or ended.
    StartupDelay(Option<Duration>),
    /// A new configuration is in force.
    Reloaded,
}

/// What somebody else removed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Repaired {
    /// An address.
    Address(IpNet),
    /// A route.
    Route(IpNet),
}
