//! Kernel settings below `/proc/sys`.
//!
//! Those of the network are the ones of the calling thread's namespace.

use std::fs;
use std::path::PathBuf;

use base::{Family, IfName};

use crate::error::{Context, Errno, OsError, Result};

/// Reads the number of setting `path`, as in `net/ipv4/ip_forward`.
pub fn get(path: &str) -> Result<i64> {
    let file = PathBuf::from("/proc/sys").join(path);
    let text = fs::read_to_string(&file).on("read", file.display())?;
    text.trim().parse().map_err(|_| OsError::new("understand", file.display(), Errno::EINVAL))
}

/// Gives setting `path` the number `value`, and returns the one that it had. Doesn't write what is
/// there already.
pub fn set(path: &str, value: i64) -> Result<i64> {
    let old = get(path)?;
    if old != value {
        let file = PathBuf::from("/proc/sys").join(path);
        fs::write(&file, value.to_string()).on("write", file.display())?;
    }
    Ok(old)
}

/// The path of setting `name` of an interface, as in `net/ipv4/conf/eth0/promote_secondaries`.
#[must_use]
pub fn of_link(family: Family, link: IfName, name: &str) -> String {
    let family = match family {
        Family::V4 => "ipv4",
        Family::V6 => "ipv6",
    };
    format!("net/{family}/conf/{link}/{name}")
}
