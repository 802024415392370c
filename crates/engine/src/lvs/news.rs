//! What there is to tell about virtual servers: causes as values, text is made at the edge.

use model::lvs::{CheckerId, ServerId, ServiceId};

use super::io::{Failure, OpError, Operation};

/// Something happened. Ids are those of the model in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A check changed its verdict (the first one is a change), or failed and that is to be logged.
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
    /// A server joins or leaves the living ones.
    Server {
        /// The service.
        service: ServiceId,
        /// The server.
        server: ServerId,
        /// Alive now?
        alive: bool,
    },
    /// A weight changed.
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
    /// The quorum was gained or lost, or was not there at the start.
    Quorum {
        /// The service.
        service: ServiceId,
        /// Gained?
        up: bool,
        /// At the start.
        initial: bool,
        /// The weight of the living servers.
        weight: u64,
    },
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
        /// So many services and servers.
        objects: u64,
    },
    /// A new configuration is in force.
    Reloaded,
}
