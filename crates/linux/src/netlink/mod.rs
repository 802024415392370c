//! The kernel's links, addresses and routes, over rtnetlink.
//!
//! Two sockets: a [`Monitor`] tells what is there and what changes, [`Commands`] changes it. Both
//! belong to the network namespace of the thread that opened them and never block. Only messages of
//! the kernel itself (port 0) are believed.
//!
//! Attributes are read one by one with their bounds checked, and those that nobody here needs are
//! passed over: a link must not vanish because a newer kernel says something new about it.

mod address;
pub(crate) mod attributes;
mod commands;
pub(crate) mod generic;
mod link;
pub(crate) mod message;
mod monitor;
mod request;
mod route;
mod snapshot;
pub(crate) mod transport;

pub use address::{Address, AddressFlags, AddressKey, FOREVER};
pub use commands::{Commands, Completion, NetlinkError};
pub use link::{Link, LinkFlags, LinkKind, LinkSpec, MacvlanMode, OperState};
pub use monitor::{Change, Event, Lost, Monitor, MonitorConfig, RouteFilter};
pub use request::{AddressMode, Request, RouteMode};
pub use route::{Metric, NextHop, Route, RouteKey};
pub use snapshot::Snapshot;

/// The number by which the kernel's objects are marked as ours: `keepalived` in iproute2's
/// `rt_protos` and `rt_addrprotos`.
pub const PROTOCOL_KEEPALIVED: u8 = 18;
