//! Load balancing: `Model` and inputs to effects, for the checkers process.
//!
//! The counterpart of [`crate::Engine`] for virtual servers: it composes the core of health verdicts
//! (crate `check`) with the kernel's table of virtual servers as desired state. Read [`io`] first, the
//! whole vocabulary on one screen, then [`table`], what the kernel's table is made of.

pub mod io;
pub mod news;
pub mod table;
