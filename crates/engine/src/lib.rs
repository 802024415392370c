//! `Model` and inputs to effects: the one place that knows all cores.
//!
//! The daemon's reactor and the simulator are two interpreters of the same closed [`io::Effect`]
//! enum. Read [`io`] first: it is the whole vocabulary on one screen.

pub mod facts;
pub mod io;
