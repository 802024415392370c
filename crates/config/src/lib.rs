//! `keepalived.conf` to a [`Model`](model::Model), with diagnostics that show the line.
//!
//! The crate does no I/O: whatever it wants to know of the world it asks a [`Source`], and a
//! [`Bundle`] can repeat the answers in another process.
//!
//! Text goes through these stages, each in its own module: bytes to lines, lines to items and nodes
//! (`lang`), nodes to drafts by the table of keywords (`keyword`, `block`), drafts to the model
//! (`resolve`). Whatever is wrong on the way is a [`Diagnostic`] with its place; all are found in one
//! pass, and what follows for the process is decided in one place ([`Exits`]).
//!
//! ```
//! use vipd_config::{MapSource, Options, load};
//!
//! let text = "vrrp_instance VI_1 {
//!     interface eth0
//!     virtual_router_id 51
//!     prioritty 150
//!     virtual_ipaddress {
//!         192.0.2.1/24
//!     }
//! }";
//! let loaded = load(&MapSource::new().file("/k.conf", text), &Options::new("/k.conf"));
//! assert_eq!(loaded.model.unwrap().instances.len(), 1);
//! assert!(loaded.diagnostics.iter().any(|d| d.help.as_deref() == Some("did you mean `priority`?")));
//! ```

mod block;
pub mod cluster;
mod diag;
mod keyword;
mod lang;
mod lint;
mod load;
mod lookup;
pub mod print;
mod render;
mod resolve;
mod secret;
mod source;
mod span;

pub use diag::{
    Code, Diagnostic, Diagnostics, EXIT_CONFIG, EXIT_NO_CONFIG, EXIT_OK, EXIT_TEST_FAILED, EXIT_TEST_FATAL,
    EXIT_TEST_SECURITY, Effect, Example, Exits, Level, Severity,
};
pub use keyword::{Entry, Status, keywords};
pub use lint::lints;
pub use load::{Accounts, Loaded, Options, load};
pub use lookup::{Context, context, entries, keywords_of, similar_keyword};
pub use render::{Origin, Place, Printer, Use};
pub use source::{
    Account, Bundle, BundleError, Interface, MAX_FILE, MapSource, Match, Program, ProgramError, ReadError,
    Recording, Source, WeakPart, join_path, parent_of,
};
pub use span::{Expansion, ExpansionId, FileId, Position, SourceMap, Span};
