//! Lines for people, and where they go.

mod format;
mod queue;
mod sinks;

pub use format::Civil;
pub use sinks::{Sinks, Writer, open_log, temporary_directory};

use serde::{Deserialize, Serialize};

/// How bad it is, as syslog counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Level {
    /// Act at once.
    Alert = 1,
    /// A critical condition.
    Critical = 2,
    /// Something failed.
    Error = 3,
    /// Something is odd.
    Warning = 4,
    /// Worth noting.
    Notice = 5,
    /// Nearly all lines, as with keepalived.
    Info = 6,
    /// For those who search.
    Debug = 7,
}

/// A line of the log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Line {
    /// How bad it is.
    pub level: Level,
    /// How often `-D` must be given to see it: 0, 1 or 2.
    pub detail: u8,
    /// The text, without a line feed.
    pub text: String,
}

impl Line {
    /// A line of `level` that is always shown.
    pub fn new(level: Level, text: impl Into<String>) -> Self {
        Self { level, detail: 0, text: text.into() }
    }

    /// An informational line that is always shown.
    pub fn info(text: impl Into<String>) -> Self {
        Self::new(Level::Info, text)
    }

    /// A warning.
    pub fn warning(text: impl Into<String>) -> Self {
        Self::new(Level::Warning, text)
    }

    /// An error.
    pub fn error(text: impl Into<String>) -> Self {
        Self::new(Level::Error, text)
    }

    /// The same line, shown only with `-D`.
    #[must_use]
    pub fn detailed(mut self) -> Self {
        self.detail = self.detail.max(1);
        self
    }
}

/// Processor time as keepalived's lines have it: seconds with six decimals.
pub fn cpu_time(time: nix::sys::time::TimeVal) -> String {
    format!("{}.{:06}", time.tv_sec(), time.tv_usec())
}
