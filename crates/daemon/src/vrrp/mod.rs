//! The vrrp process.

mod kernel;
mod lateness;
