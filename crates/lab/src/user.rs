//! The lab without root: a user namespace in which this process is root.

use linux::netns::become_root_in_user_namespace;

use crate::error::{Context, Result};

/// Makes this process root of a user namespace of its own, unless it is root already. To be called at
/// the beginning of a program: the kernel refuses it to a process that has threads.
///
/// # Errors
/// The kernel forbids user namespaces to this user.
pub fn become_root() -> Result<()> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    become_root_in_user_namespace().map_err(std::io::Error::from).during(|| "a user namespace".to_owned())
}
