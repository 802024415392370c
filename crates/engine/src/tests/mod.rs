//! The engine against a tiny kernel and network in memory, in virtual time.

mod announcing;
pub(crate) mod build;
mod kernel;
mod lease;
mod links;
mod notifying;
mod properties;
mod reloading;
mod starting;
mod syncing;
mod world;
