//! The whole vocabulary of the core: what can happen to it, what it wants done, what it tells.

use alloc::boxed::Box;
use alloc::vec::Vec;

use base::Instant;
use serde::{Deserialize, Serialize};

use crate::config::{BfdId, CheckerId, Config, FileId, LinkId, ServerId, ServiceId, TaskId};

/// A run of a check. No two runs of a process have the same one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct RunId(pub u64);

/// What can happen to the core.
#[derive(Debug)]
pub enum Input {
    /// The answer to [`Output::Start`], exactly one each, also after [`Output::Cancel`] (it is ignored
    /// then). What it gives rise to comes with the drain that follows it: the cause of a failure, which
    /// the core doesn't need, is that of the answer just handed in.
    Probed {
        /// Which run.
        run: RunId,
        /// How it went.
        answer: Answer,
    },
    /// The number in a file: at the start and after each change.
    File {
        /// Which.
        file: FileId,
        /// The number.
        value: i32,
    },
    /// The state of a BFD session: as soon as it is known, and after each change.
    Bfd {
        /// Which.
        session: BfdId,
        /// Up?
        up: bool,
    },
    /// Whether the checks of a service rest; ignored for one without `ha_suspend`. Nothing else changes: its
    /// servers stay as they are. A check that another service needs, too, goes on and counts for all.
    Suspend {
        /// Which.
        service: ServiceId,
        /// Do they?
        suspended: bool,
    },
    /// A new configuration.
    Reload(Box<Reload>),
    /// All checks end for good; what is wanted of the kernel stays as it is.
    Stop,
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The server is well.
    Passed {
        /// The exit status of a command; ignored for all else. 1 is a failure, and so are all others
        /// above unless the check is dynamic.
        status: u8,
    },
    /// It isn't.
    Failed,
    /// The check could not be made, which says nothing about the server.
    Unable,
}

/// A new configuration and what becomes of the old objects.
#[derive(Clone, Debug)]
pub struct Reload {
    /// The new configuration.
    pub config: Config,
    /// For each new task the old one that it continues: verdict, retries, weight, timer, and the run that
    /// is under way. Runs of old tasks that nobody continues are cancelled.
    pub tasks: Vec<Option<TaskId>>,
    /// For each new task that continues none the old one that asked the same: its verdict, retries and weight
    /// are where the new one begins.
    pub alike: Vec<Option<TaskId>>,
    /// For each new service the old one that it continues: quorum, suspension.
    pub services: Vec<Option<ServiceId>>,
    /// For each new service, for each of its servers, the server of the old service that it continues.
    pub servers: Vec<Vec<Option<ServerId>>>,
    /// For each new file the old one whose number it keeps.
    pub files: Vec<Option<FileId>>,
    /// For each new BFD session the old one whose state it keeps.
    pub bfds: Vec<Option<BfdId>>,
}

/// What the core wants done, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Output {
    /// Make a check once; answered by [`Input::Probed`]. Never a second one of a task before the answer.
    Start {
        /// To be answered.
        run: RunId,
        /// Which check.
        task: TaskId,
        /// Which of its urls.
        step: u32,
    },
    /// End a run; it is still answered.
    Cancel(RunId),
    /// Something happened.
    Event(Event),
}

/// Something happened. What it does to the kernel's table is learnt from
/// [`Checks::poll_changed`](crate::Checks::poll_changed), after the drain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A check changed its verdict (the first one is a change), or one of its urls works while it fails, or it
    /// failed and that is to be logged. Once for each server it stands for.
    Checked {
        /// The service.
        service: ServiceId,
        /// The server.
        server: ServerId,
        /// Which of its checks.
        check: CheckerId,
        /// Which url it was.
        step: u32,
        /// Did it pass?
        passed: bool,
        /// Did it count as passing before?
        was: bool,
        /// So many failures in a row.
        failures: u32,
        /// Whether the verdict changed.
        changed: bool,
    },
    /// A check could not be made. Once for each server it stands for.
    Unable {
        /// The service.
        service: ServiceId,
        /// The server.
        server: ServerId,
        /// Which of its checks.
        check: CheckerId,
        /// Which url it was.
        step: u32,
    },
    /// A pool changed.
    Pool(PoolEvent),
    /// All checks through one link failed together, so that the link is blamed; or no longer.
    Link {
        /// Which.
        link: LinkId,
        /// Is it blamed?
        blamed: bool,
        /// So many checks were concerned.
        checks: u32,
    },
}

/// Something happened in the pool of a service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PoolEvent {
    /// A server joins or leaves the living ones.
    Server {
        /// The service.
        service: ServiceId,
        /// The server.
        server: ServerId,
        /// Alive now?
        alive: bool,
    },
    /// The effective weight of a server changed.
    Weight {
        /// The service.
        service: ServiceId,
        /// The server.
        server: ServerId,
        /// From.
        from: u32,
        /// To.
        to: u32,
        /// Whether the server is alive.
        alive: bool,
    },
    /// The quorum was gained or lost; or how it is when the service begins.
    Quorum {
        /// The service.
        service: ServiceId,
        /// Is it there?
        up: bool,
        /// The service begins with that.
        initial: bool,
        /// The weight of the living servers.
        weight: u64,
    },
    /// The sorry server begins to serve, or ends.
    Sorry {
        /// The service.
        service: ServiceId,
        /// Does it serve?
        active: bool,
    },
    /// So few servers are alive that the others are kept in the table, or no longer.
    Guard {
        /// The service.
        service: ServiceId,
        /// Are they kept?
        active: bool,
        /// So many are alive.
        living: u32,
        /// Of so many that ever were.
        known: u32,
    },
}

/// What the kernel's table should hold for a service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted<'a> {
    /// For each server its weight, or `None` if it should be absent.
    pub servers: &'a [Option<u32>],
    /// The weight of the sorry server, or `None` if it should be absent. If it is one of the servers
    /// ([`Sorry::same_as`](crate::config::Sorry::same_as)) at most one of the two is there.
    pub sorry: Option<u32>,
}

/// How everything stands, for dumps.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// The tasks, by [`TaskId`].
    pub tasks: Vec<TaskSnapshot>,
    /// The services, by [`ServiceId`].
    pub services: Vec<ServiceSnapshot>,
}

/// How a task stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TaskSnapshot {
    /// Does it count as passing?
    pub up: bool,
    /// Was there a verdict yet?
    pub heard: bool,
    /// So many failures in a row.
    pub failures: u32,
    /// Which url is next, or is asked now.
    pub step: u32,
    /// The run that is under way.
    pub running: Option<RunId>,
    /// When it is tried next, if it isn't running and doesn't rest.
    pub next: Option<Instant>,
    /// What a dynamic command said last, from 2 to 255; 0 if it says nothing about the weight.
    pub status: u8,
    /// Whether its failure is blamed on its link.
    pub blamed: bool,
}

/// How a service stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ServiceSnapshot {
    /// Is the quorum there?
    pub quorum_up: bool,
    /// The weight of the living servers.
    pub weight: u64,
    /// Does the sorry server serve?
    pub sorry_active: bool,
    /// Are failing servers kept in the table?
    pub guarded: bool,
    /// Do its checks rest?
    pub suspended: bool,
    /// Its servers, by [`ServerId`].
    pub servers: Vec<ServerSnapshot>,
}

/// How a server stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ServerSnapshot {
    /// Is it alive?
    pub alive: bool,
    /// Its effective weight.
    pub weight: u32,
    /// So many of its checks fail.
    pub failed: u32,
}
