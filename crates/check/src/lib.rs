//! Health checks as a plain state machine: results of probes become verdicts, verdicts become what the
//! kernel's table of virtual servers should hold.
//!
//! Read [`io`] first (the whole vocabulary on one screen), then [`machine`].

#![no_std]

extern crate alloc;

pub mod config;
pub mod io;
pub mod machine;

pub use machine::Checks;
