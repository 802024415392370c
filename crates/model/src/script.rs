//! Commands that the daemon runs for the user.

use base::{Duration, Name};
use serde::{Deserialize, Serialize};

/// A command line, split, checked, and with the identity to run it under.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Command {
    /// As written.
    pub text: Box<str>,
    /// The file to execute: found in PATH, links resolved unless `use_symlink_paths`.
    pub path: Box<str>,
    /// The words; the first is as configured. Never empty.
    pub argv: Vec<Box<str>>,
    /// Who runs it.
    pub user: User,
}

/// A user and group that exist.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct User {
    /// The user id.
    pub uid: u32,
    /// The group id.
    pub gid: u32,
}

/// `vrrp_script`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Script {
    /// Its name.
    pub name: Name,
    /// `script`.
    pub command: Command,
    /// `interval`: start to start.
    pub interval: Duration,
    /// `timeout` of one run; the interval by default.
    pub timeout: Duration,
    /// `rise`: successes until it counts as up, at least 1.
    pub rise: u32,
    /// `fall`: failures until it counts as down, at least 1.
    pub fall: u32,
    /// `init_fail`: down until its first success.
    pub init_fail: bool,
}
