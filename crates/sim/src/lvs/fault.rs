//! What can go wrong, and what users do.

use base::{Duration, Name};
use engine::lvs::table::SyncHalf;
use std::net::IpAddr;

use super::kernel::Mood;
use super::sources::{State, Target};

/// Something that happens from outside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The daemon starts with this one of the world's configurations.
    Start(usize),
    /// It dies without a word; each operation that the kernel hasn't begun is lost or not, at random.
    Kill,
    /// It is told to stop.
    Stop {
        /// What is in the kernel stays.
        keep: bool,
    },
    /// It is told to take another of the world's configurations.
    Reload(usize),
    /// It is told to take the one again that it was told to take last.
    Again,
    /// It is not scheduled for so long.
    Stall(Duration),
    /// A target changes.
    Target(Target, State),
    /// One url of a target fails, or no longer.
    Url(Target, usize, bool),
    /// A command exits with this status while it is up.
    Status(Target, u8),
    /// A file has another number.
    File(Box<str>, i32),
    /// A BFD session changes.
    Bfd(Name, bool),
    /// An address appears on the host, or vanishes.
    Address(IpAddr, bool),
    /// Probes can't be made, or can again.
    Unable(bool),
    /// The kernel changes its ways.
    Mood(Mood),
    /// Somebody else edits the kernel's table.
    Edit(Edit),
    /// All is well again: targets, kernel, files, sessions, addresses. What was edited stays.
    Heal,
}

/// What somebody else does to the kernel's table. A number chooses among what is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Edit {
    /// `ipvsadm -C`.
    Clear,
    /// A server is removed.
    DelServer(u64),
    /// A service is removed.
    DelService(u64),
    /// A server gets another weight.
    Weight(u64, u32),
    /// A service gets other settings.
    Settings(u64),
    /// A service that no configuration names is added, with a server.
    AddService,
    /// A server that no configuration names is added to a service.
    AddServer(u64),
    /// The timeouts are changed.
    Timeouts,
    /// `ipvsadm --stop-daemon`.
    StopSync(SyncHalf),
    /// A half of the sync daemon is started, or stopped and started otherwise: a number chooses in what.
    StartSync(SyncHalf, u64),
}
