//! Why the lab could not do something.

use std::fmt;
use std::io;
use std::time::Duration;

/// A failure of the lab itself or of an expectation about what runs in it.
#[derive(thiserror::Error, Debug)]
pub enum LabError {
    /// A step towards the topology failed: what was tried, and the system's answer.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// The answer.
        source: io::Error,
    },
    /// A tool ended with a status other than success.
    #[error("{what}: {status}{}", output.trim_end())]
    Tool {
        /// The command line.
        what: String,
        /// Its exit status.
        status: std::process::ExitStatus,
        /// Its standard error, with a line break before it.
        output: String,
    },
    /// A state did not come.
    #[error("{what}: not within {bound:?}")]
    NotInTime {
        /// What was waited for.
        what: String,
        /// How long.
        bound: Duration,
    },
    /// The node has no power.
    #[error("node {0} is off")]
    Off(String),
    /// Something that a scenario expects is not so.
    #[error("{0}")]
    Expectation(String),
}

/// The result of the lab's operations.
pub type Result<T, E = LabError> = std::result::Result<T, E>;

/// Says what was tried when the system refuses it.
pub(crate) trait Context<T> {
    /// `what` is only made when it is needed.
    fn during(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Context<T> for io::Result<T> {
    fn during(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| LabError::System { what: what(), source })
    }
}

impl<T> Context<T> for nix::Result<T> {
    fn during(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|errno| LabError::System { what: what(), source: errno.into() })
    }
}

/// Fails with a message unless the condition holds.
///
/// # Errors
/// [`LabError::Expectation`] when it does not.
pub fn ensure(holds: bool, message: impl fmt::Display) -> Result<()> {
    if holds { Ok(()) } else { Err(LabError::Expectation(message.to_string())) }
}
