//! The engine against a tiny kernel and network in memory, in virtual time.

mod starting;
mod world;
