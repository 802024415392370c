//! Errors that name the operation and the object that it was applied to.

use std::fmt;
use std::io;

/// The kernel's error number.
pub use nix::errno::Errno;

/// The result of an operation on the operating system.
pub type Result<T> = core::result::Result<T, OsError>;

/// An operation that the operating system refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{operation} {object}: {}", errno.desc())]
pub struct OsError {
    /// What was tried, as a verb: `open`, `bind`, `join group on`.
    pub operation: &'static str,
    /// What it was tried on: a path, an interface, a process.
    pub object: String,
    /// Why it failed.
    pub errno: Errno,
}

impl OsError {
    /// An error of `operation` on `object`.
    pub fn new(operation: &'static str, object: impl fmt::Display, errno: Errno) -> Self {
        Self { operation, object: object.to_string(), errno }
    }

    /// Whether the operation would have had to wait.
    #[must_use]
    pub fn would_block(&self) -> bool {
        self.errno == Errno::EAGAIN
    }
}

impl From<OsError> for io::Error {
    fn from(e: OsError) -> Self {
        let kind = Self::from_raw_os_error(e.errno as i32).kind();
        Self::new(kind, e)
    }
}

/// Adds the operation and the object to a bare error.
pub(crate) trait Context<T> {
    /// Turns the error into one of `operation` on `object`.
    fn on(self, operation: &'static str, object: impl fmt::Display) -> Result<T>;
}

impl<T> Context<T> for core::result::Result<T, Errno> {
    fn on(self, operation: &'static str, object: impl fmt::Display) -> Result<T> {
        self.map_err(|e| OsError::new(operation, object, e))
    }
}

impl<T> Context<T> for io::Result<T> {
    fn on(self, operation: &'static str, object: impl fmt::Display) -> Result<T> {
        self.map_err(|e| OsError::new(operation, object, errno_of(&e)))
    }
}

/// The number inside `e`; `EIO` for an error that the standard library made itself.
pub(crate) fn errno_of(e: &io::Error) -> Errno {
    e.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_was_tried_on_what_and_why() {
        let e = OsError::new("open", "/etc/x", Errno::ENOENT);
        assert_eq!(e.to_string(), "open /etc/x: No such file or directory");
        assert_eq!(io::Error::from(e).kind(), io::ErrorKind::NotFound);
    }
}
