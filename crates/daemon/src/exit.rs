//! Exit statuses.

/// Why a process ends, as its exit status tells.
///
/// The numbers are keepalived's. The supervisor takes [`Exit::Fatal`], [`Exit::Config`] and
/// [`Exit::Permission`] of a child as permanent: starting it again would fail in the same way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Exit {
    /// All is well.
    Ok = 0,
    /// Something that can't be repaired by starting again; also a wrong command line.
    Fatal = 1,
    /// The configuration can't be run.
    Config = 2,
    /// The process lacks a right that it needs.
    Permission = 4,
    /// The configuration can't be read.
    NoConfig = 6,
    /// A mistake in the program.
    Software = 70,
}

impl Exit {
    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// How the log line of a permanent error calls it; `None` if a new start may help.
    #[must_use]
    pub fn permanent(code: u8) -> Option<&'static str> {
        match code {
            1 => Some("FATAL"),
            2 => Some("CONFIG"),
            4 => Some("missing permission"),
            _ => None,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(e: Exit) -> Self {
        Self::from(e.code())
    }
}
