//! The lab without root: a user namespace in which this process is root.

use std::fs;

use nix::sched::{CloneFlags, unshare};

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
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    unshare(CloneFlags::CLONE_NEWUSER).during(|| "a user namespace".to_owned())?;
    let write = |file: &str, text: String| fs::write(file, text).during(|| file.to_owned());
    // Without this the kernel accepts no map of groups.
    write("/proc/self/setgroups", "deny".to_owned())?;
    write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    write("/proc/self/gid_map", format!("0 {gid} 1"))
}
