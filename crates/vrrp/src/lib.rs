//! VRRP as plain state machines: instances, sync groups, and what trackers do to their priority.
//!
//! Read RFC 9568 sections 6.1 (parameters and timers) and 6.4 (the states) first, then
//! [`io`] (the whole vocabulary on one screen), then [`machine`]. RFC 3768 is the same for version 2.
//! Extensions of keepalived that live here: FAULT, sync groups, trackers with weights,
//! `preempt_delay`, `nopreempt`, unicast peers, PASS and AH authentication.
//!
//! Invariants (held by tests here and by the simulator):
//!
//! * only a MASTER transmits a priority above 0; leaving MASTER transmits priority 0 once when the
//!   state is left for FAULT or for good;
//! * an advert that is refused changes nothing but its counter;
//! * the effective priority is recomputed from scratch: `clamp(base + weights, 1, 254)`;
//! * all members of a sync group are in the same state at the end of every turn.

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod auth;
pub mod config;
pub mod error;
mod group;
mod hear;
pub mod io;
pub mod machine;
mod priority;
mod receive;
mod reload;
mod rogue;
mod state;
mod tell;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod timers;
mod transmit;

pub use machine::Vrrp;
