//! `keepalived.conf` to a model, with diagnostics that show the line.
//!
//! The crate does no I/O: whatever it wants to know of the world it asks a [`Source`], and a
//! [`Bundle`] can repeat the answers in another process.

mod block;
mod diag;
mod keyword;
mod lang;
mod load;
mod render;
mod resolve;
mod secret;
mod source;
mod span;

pub use diag::{
    Code, Diagnostic, Diagnostics, EXIT_CONFIG, EXIT_NO_CONFIG, EXIT_OK, EXIT_TEST_FAILED, EXIT_TEST_FATAL,
    EXIT_TEST_SECURITY, Effect, Exits, Level, Severity,
};
pub use keyword::{Entry, Status, keywords};
pub use load::{Loaded, Options, load};
pub use render::Printer;
pub use source::{
    Account, Bundle, BundleError, Interface, MapSource, Match, Program, ProgramError, ReadError, Recording,
    Source, join_path, parent_of,
};
pub use span::{Expansion, ExpansionId, FileId, Position, SourceMap, Span};
