//! Everything that can go wrong, and what people do: the one vocabulary of scenarios, of random runs and of
//! `vipd simulate`.

use std::net::IpAddr;
use std::sync::Arc;

use base::{Duration, IfName, IpNet, Name};
use engine::io::Outcome;

use crate::lan::{SegmentId, Weather};
use crate::node::NodeId;

/// Something that happens to the world from outside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    // --- processes ---
    /// Every process of the daemon is killed; nobody starts it again.
    Kill(NodeId),
    /// The vrrp process dies; its supervisor starts it again.
    Crash(NodeId),
    /// The daemon is started (if it doesn't run).
    Start(NodeId),
    /// SIGTERM.
    Stop(NodeId),
    /// Every process of the daemon stands still (SIGSTOP); the kernel goes on.
    Pause(NodeId),
    /// They go on.
    Resume(NodeId),
    /// The whole machine stands still (a paused virtual machine), with its clock.
    Freeze(NodeId),
    /// It goes on.
    Thaw(NodeId),
    /// The power fails: nothing in the kernel is left.
    PowerOff(NodeId),
    /// It boots, and the daemon starts.
    PowerOn(NodeId),
    /// SIGHUP with configuration `model` of the node ([`crate::Node::models`]).
    Reload {
        /// Whose.
        node: NodeId,
        /// Which.
        model: usize,
    },
    /// The clock runs `ppm` parts in a million too fast from now on.
    ClockRate {
        /// Whose.
        node: NodeId,
        /// Parts in a million; negative is too slow.
        ppm: i32,
    },
    /// Each turn of the process begins up to this much too late from now on.
    Lateness {
        /// Whose.
        node: NodeId,
        /// How much.
        most: Duration,
    },
    // --- wires ---
    /// A cable is pulled.
    Unplug(NodeId, IfName),
    /// It is plugged in.
    Plug(NodeId, IfName),
    /// What this port sends vanishes; its carrier stays.
    Mute(NodeId, IfName),
    /// What is sent to this port vanishes.
    Deafen(NodeId, IfName),
    /// It speaks and hears again.
    Hear(NodeId, IfName),
    /// What the first node sends does not reach the second.
    Cut(NodeId, NodeId),
    /// It does again.
    Mend(NodeId, NodeId),
    /// A switch dies: no port of the segment has a carrier.
    SegmentDown(SegmentId),
    /// It runs again.
    SegmentUp(SegmentId),
    /// The weather changes.
    Weather(SegmentId, Weather),
    // --- kernels ---
    /// An interface is switched off.
    LinkDown(NodeId, IfName),
    /// It is switched on.
    LinkUp(NodeId, IfName),
    /// An interface vanishes.
    LinkDelete(NodeId, IfName),
    /// It appears again, under another index.
    LinkCreate(NodeId, IfName),
    /// Somebody deletes an address.
    DeleteAddress(NodeId, IpAddr),
    /// Somebody adds an address.
    AddAddress(NodeId, IfName, IpNet),
    /// Somebody deletes all routes of ours.
    DeleteRoutes(NodeId),
    /// Somebody stops both halves of the kernel's sync daemon.
    StopSync(NodeId),
    /// Somebody starts both halves, or changes what runs, on this interface with this id.
    StartSync(NodeId, IfName, u32),
    /// The next kernel operations fail.
    FailOperations {
        /// Whose.
        node: NodeId,
        /// How many.
        times: u32,
        /// With this error number.
        errno: i32,
    },
    /// The next sockets can't be opened.
    FailSockets {
        /// Whose.
        node: NodeId,
        /// How many.
        times: u32,
    },
    /// Whatever the kernel tells in the next while is lost, which is told (`ENOBUFS`).
    LoseNews(NodeId, Duration),
    /// Whatever the kernel tells in the next while is lost, and nobody is told.
    MissNews(NodeId, Duration),
    // --- what is tracked ---
    /// A check script ends so from now on, after this time.
    Script {
        /// Whose.
        node: NodeId,
        /// The name of its `vrrp_script`.
        name: Name,
        /// How it ends.
        outcome: Outcome,
        /// How long it takes.
        takes: Duration,
    },
    /// A tracked file has another number.
    File {
        /// Whose.
        node: NodeId,
        /// The name of its `track_file`.
        name: Name,
        /// The number.
        value: i32,
    },
    // --- strangers ---
    /// A datagram of a stranger arrives on a segment.
    Stranger(Arc<Stranger>),
    /// The last datagram of a node is sent once more by a stranger.
    Replay(NodeId),
    /// All faults of wires, clocks, scripts and kernels end; interfaces and nodes come back.
    Heal,
}

/// A datagram from a stranger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stranger {
    /// Where.
    pub segment: SegmentId,
    /// To this node only, or to all.
    pub to: Option<NodeId>,
    /// The source address that it shows.
    pub source: IpAddr,
    /// Its destination.
    pub destination: IpAddr,
    /// Its TTL or hop limit.
    pub hop_limit: u8,
    /// A whole IPv4 packet, or the payload of an IPv6 one.
    pub bytes: Vec<u8>,
    /// Whether it is a valid advert as far as its receivers can tell: then it may have effects.
    pub valid: bool,
}
