//! Other daemons that program the same kernel.

use std::path::{Path, PathBuf};

use linux::pidfile;

use crate::pid_paths::{DIRECTORY, PidPaths, RUN};

/// Whether another daemon of this kind runs in our network namespace: one whose pid file is held. What
/// it puts into the kernel carries the same mark as what we do.
///
/// A daemon whose pid file has been put elsewhere by an option is not found.
pub fn exist(own: &PidPaths) -> bool {
    let mut directories = vec![DIRECTORY];
    directories.extend(own.directory.as_deref().filter(|own| *own != DIRECTORY));
    let entries = directories.into_iter().filter_map(|d| std::fs::read_dir(d).ok()).flatten().flatten();
    let named = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "pid"));
    let plain = ["keepalived.pid", "vrrp.pid"].map(|name| Path::new(RUN).join(name));
    let is_own = |path: &PathBuf| [&own.supervisor, &own.vrrp].iter().any(|own| Path::new(own) == path);
    named.chain(plain).filter(|path| !is_own(path)).any(|path| match pidfile::holder(&path) {
        Ok(Some(pid)) => pid.is_none_or(shares_network),
        Ok(None) | Err(_) => false,
    })
}

/// Whether process `pid` is in our network namespace; so it is taken to be if nobody can say.
fn shares_network(pid: u32) -> bool {
    let namespace = |of: &str| std::fs::read_link(format!("/proc/{of}/ns/net")).ok();
    match (namespace("self"), namespace(&pid.to_string())) {
        (Some(ours), Some(theirs)) => ours == theirs,
        _ => true,
    }
}
