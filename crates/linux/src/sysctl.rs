//! Kernel settings below `/proc/sys`.
//!
//! Those of the network are the ones of the calling thread's namespace.

use std::fmt;
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

const PING_GROUPS: &str = "/proc/sys/net/ipv4/ping_group_range";

/// The groups that may open ICMP sockets for echo (`ping_group_range`, for both families), widened so
/// that this process may.
#[derive(Debug)]
pub struct PingGroups {
    before: String,
    widened: String,
}

/// `from 1 0 to 0 0`.
impl fmt::Display for PingGroups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        write!(f, "from {} to {}", words(&self.before), words(&self.widened))
    }
}

impl PingGroups {
    /// Adds this process's group to those of the calling thread's namespace. `None`: it was among them.
    pub fn widen() -> Result<Option<Self>> {
        let group = nix::unistd::getegid().as_raw();
        let before = fs::read_to_string(PING_GROUPS).on("read", PING_GROUPS)?;
        let not_understood = || OsError::new("understand", PING_GROUPS, Errno::EINVAL);
        let mut numbers = before.split_whitespace().map(str::parse::<u32>);
        let (Some(Ok(first)), Some(Ok(last))) = (numbers.next(), numbers.next()) else {
            return Err(not_understood());
        };
        let (from, to) = match first <= last {
            true if (first..=last).contains(&group) => return Ok(None),
            true => (first.min(group), last.max(group)),
            // The kernel's way to say that there are none.
            false => (group, group),
        };
        let widened = format!("{from}\t{to}\n");
        fs::write(PING_GROUPS, &widened).on("write", PING_GROUPS)?;
        Ok(Some(Self { before, widened }))
    }

    /// Takes back what [`PingGroups::widen`] did, unless somebody else has changed it since.
    pub fn restore(self) -> Result<()> {
        let now = fs::read_to_string(PING_GROUPS).on("read", PING_GROUPS)?;
        if now == self.widened {
            fs::write(PING_GROUPS, &self.before).on("write", PING_GROUPS)?;
        }
        Ok(())
    }
}
