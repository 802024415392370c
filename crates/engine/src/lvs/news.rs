//! What there is to tell about virtual servers: causes as values, text is made at the edge.

use std::net::IpAddr;

use base::IfName;
pub use check::io::PoolEvent;
use model::lvs::{CheckerId, GroupEntry, ServerId, ServiceId};

use super::io::{Failure, OpError, Operation};

/// A way that checks take, as far as the configuration tells.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Way {
    /// The interface that they are bound to.
    pub link: Option<IfName>,
    /// The source that they are bound to.
    pub source: Option<IpAddr>,
}

/// Something happened. Ids are those of the model in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A check changed its verdict (the first one is a change), or one of its urls works while it fails, or it
    /// failed and that is to be logged.
    Checked {
        /// The service.
        service: ServiceId,
        /// The server.
        server: ServerId,
        /// The check.
        checker: CheckerId,
        /// Which url, for `HTTP_GET` and `SSL_GET`.
        url: usize,
        /// Why it failed; `None` if it passed.
        failure: Option<Failure>,
        /// Whether it counted as passing before.
        was: bool,
        /// So many failures in a row.
        failures: u32,
        /// Whether its verdict changed.
        changed: bool,
    },
    /// A probe could not be made, for a reason on our side.
    Unable {
        /// The service.
        service: ServiceId,
        /// The server.
        server: ServerId,
        /// The check.
        checker: CheckerId,
        /// Why.
        error: OpError,
    },
    /// A pool changed.
    Pool(PoolEvent),
    /// An operation on the kernel failed.
    OperationFailed {
        /// Which.
        operation: Operation,
        /// Why.
        error: OpError,
        /// Whether it is tried again.
        retry: bool,
    },
    /// The kernel's table can't be read; told once, until it can be again.
    NoTable(OpError),
    /// The kernel's table can be read again.
    TableBack,
    /// Somebody else changed what is ours in the kernel's table; it is put back.
    Repaired {
        /// So many of what [`Counts::repaired`](super::kernel::Counts::repaired) counts.
        objects: u64,
    },
    /// All checks that take one way failed together, so that the way is blamed; or no longer.
    Way {
        /// Which.
        way: Way,
        /// Is it blamed?
        blamed: bool,
        /// So many checks were concerned.
        checks: u32,
    },
    /// The checks of a service rest since none of its addresses is on this host, or no longer.
    Suspended {
        /// The service.
        service: ServiceId,
        /// Do they rest?
        suspended: bool,
    },
    /// A service or a server is not configured any more, or the daemon ends. In the ids of the model until
    /// now.
    Gone {
        /// The service.
        service: ServiceId,
        /// The server; `None` for the service as a whole.
        server: Option<ServerId>,
        /// Whether it goes with its service.
        whole: bool,
        /// Its weight in the kernel's table; `None` if it wasn't there, and for a service.
        weight: Option<u32>,
    },
    /// An entry of the group that a service is made of comes or goes with a new configuration.
    Entry {
        /// The service.
        service: ServiceId,
        /// The entry.
        entry: GroupEntry,
        /// Whether it comes. What goes is told in the ids of the model until now.
        added: bool,
    },
    /// A new configuration is in force: ids are its from now on.
    Reloaded,
}
