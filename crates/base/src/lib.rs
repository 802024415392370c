//! The vocabulary that every other crate shares: instants and durations, names and numbers that
//! the compiler keeps apart, secrets that cannot be printed, and a seeded random number generator.
//!
//! Nothing here knows a protocol, a clock or an operating system. Start with [`Machine`], the one
//! shape of every protocol core, and [`Instant`], the time they are told.

#![no_std]

extern crate alloc;

mod deadlines;
mod ident;
mod machine;
mod net;
mod place;
mod rng;
mod secret;
mod time;

pub use deadlines::Deadlines;
pub use ident::{IfIndex, IfName, IfNameError, Name, Priority, Vrid, Weight};
pub use machine::Machine;
pub use net::{Family, IpNet, IpNetError, Mac};
pub use rng::Rng;
pub use secret::Secret;
pub use time::{Duration, Instant};
