//! What the core is told about checks and pools: resolved, valid, and comparable.
//!
//! Objects refer to each other by the ids of one [`Config`]; a reload brings a new `Config` and maps
//! from new ids to old ones ([`crate::io::Reload`]).

use alloc::vec::Vec;

use base::Duration;
use smallvec::SmallVec;

base::ids! {
    /// A place in [`Config::services`].
    ServiceId;
    /// A place in [`Service::servers`].
    ServerId;
    /// A place in [`Server::checks`].
    CheckerId;
    /// A place in [`Config::tasks`].
    TaskId;
    /// A file with a number in it; whoever makes the [`Config`] numbers them.
    FileId;
    /// A BFD session; whoever makes the [`Config`] numbers them.
    BfdId;
    /// A way that several checks take: an interface. Whoever makes the [`Config`] numbers them.
    LinkId;
}

/// Everything the core needs to know.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Config {
    /// The checks that run, each once, however many servers it stands for.
    pub tasks: Vec<Task>,
    /// The pools, in the order of the file.
    pub services: Vec<Service>,
    /// If all checks through one link that were passing fail within so long, and they have at least two
    /// targets, the link is to blame: what they stand for stays in the kernel's table until one of the
    /// link's checks passes. `None` for never.
    pub link_window: Option<Duration>,
}

/// One check that runs. Servers with the same check share it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Task {
    /// When.
    pub schedule: Schedule,
    /// What.
    pub kind: Kind,
    /// The way it takes and what it asks there, for [`Config::link_window`].
    pub link: Option<Link>,
}

/// Which way a check takes, and to where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link {
    /// The way.
    pub link: LinkId,
    /// A number for the host at its end: the same number for the same host.
    pub target: u32,
}

/// When a check runs and when it fails.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Schedule {
    /// `delay_loop`: from one result to the next try; more than 0.
    pub delay_loop: Duration,
    /// `retry`: so many more failures in a row are tolerated.
    pub retry: u32,
    /// `delay_before_retry`: after a failure that is tolerated.
    pub delay_before_retry: Duration,
    /// `warmup`: the first try is delayed at random, at most that long.
    pub warmup: Duration,
    /// `alpha`: it counts as failed until it succeeds for the first time.
    pub alpha: bool,
    /// `log_all_failures`: those, too, that are tolerated.
    pub log_all_failures: bool,
}

/// What a check does, as far as it matters for when it runs and what its answer means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// It asks the server.
    Probe {
        /// So many urls, one after the other; 1 for all that has none.
        steps: u32,
        /// `fast_recovery`: no delay between the urls while it isn't known to be well.
        fast_recovery: bool,
    },
    /// `MISC_CHECK`: a command. Its interval is measured from its start.
    Command {
        /// `misc_dynamic`: a status from 2 to 255 makes the weight 2 less than itself.
        dynamic: bool,
    },
    /// `FILE_CHECK`: the number in a file times `weight` is added to the weight of the server.
    File {
        /// The file.
        file: FileId,
        /// 0: every other number than 0 is a failure.
        weight: i32,
        /// The sign is changed; with weight 0, the number 0 is the failure.
        reverse: bool,
    },
    /// `BFD_CHECK`: fails while the session is down.
    Bfd {
        /// The session.
        session: BfdId,
    },
}

impl Kind {
    /// Whether it runs by a timer; all others follow what they are told.
    #[must_use]
    pub const fn is_timed(&self) -> bool {
        matches!(self, Self::Probe { .. } | Self::Command { .. })
    }
}

/// `virtual_server`: a pool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Service {
    /// When it counts as up.
    pub quorum: Quorum,
    /// Its servers, in the order of the file.
    pub servers: Vec<Server>,
    /// `sorry_server`.
    pub sorry: Option<Sorry>,
    /// `ha_suspend`: [`crate::io::Input::Suspend`] says whether its checks rest. Those of a new service do
    /// until then; those of one that goes on go on.
    pub ha_suspend: bool,
    /// If fewer than so many percent of the servers that were ever alive are alive, the others are kept
    /// in the kernel's table. 0 for never.
    pub panic_threshold: u8,
}

/// When a service counts as up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quorum {
    /// `quorum`: the weight of living servers that it needs; 0 only if all servers together have no
    /// weight.
    pub weight: u32,
    /// `hysteresis`: it is gained at so much above and lost at so much below; less than the quorum.
    pub hysteresis: u32,
}

impl Quorum {
    /// Whether it is there if it was there or not (`up`) and the living servers have the weight `living`:
    /// gained from `weight + hysteresis`, lost below `weight - hysteresis` and with no weight at all.
    #[must_use]
    pub fn judge(self, up: bool, living: u64) -> bool {
        let (weight, hysteresis) = (u64::from(self.weight), u64::from(self.hysteresis));
        if up {
            living > 0 && living >= weight.saturating_sub(hysteresis)
        } else {
            living >= weight + hysteresis
        }
    }
}

/// `real_server`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Server {
    /// `weight`: 0 to 2147483647.
    pub weight: u32,
    /// `inhibit_on_failure`: while it may not serve its weight is 0, instead of it being absent.
    pub inhibit: bool,
    /// Its checks, in the order of the file; it is alive while none of them fails. Few most often: they are
    /// in place.
    pub checks: SmallVec<[TaskId; 4]>,
}

/// `sorry_server`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sorry {
    /// `sorry_server_inhibit`: its weight is 0 while it isn't needed, instead of it being absent.
    pub inhibit: bool,
    /// It is one of the servers: the kernel knows them as one.
    pub same_as: Option<ServerId>,
}
