//! Load balancing: `Model` and inputs to effects, for the checkers process.
//!
//! The counterpart of [`crate::Engine`] for virtual servers: it composes the core of health verdicts
//! (crate `check`) with the kernel's table of virtual servers as desired state. Read [`io`] first, the
//! whole vocabulary on one screen, then [`table`], what the kernel's table is made of, then [`Balancer`],
//! whose modules have one concern each: what a model comes to in the kernel's terms (`wanted`), the way
//! there (`kernel`), the end (`stop`), what things are called ([`names`]).
//!
//! What holds at the end of every turn, in the order of effects: operations on the kernel and probes
//! come first, what tells of them comes last, in the order in which it happened.

mod balancer;
mod checks;
pub mod io;
mod kernel;
pub mod names;
pub mod news;
mod notify;
mod out;
mod reload;
mod snapshot;
mod stop;
mod suspend;
pub mod table;
mod verdicts;
mod wanted;

#[cfg(test)]
mod tests;

pub use balancer::Balancer;
pub use snapshot::{Counts, ServerSnapshot, ServiceSnapshot, Snapshot, TaskSnapshot};
