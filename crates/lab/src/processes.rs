//! Which processes run in a node.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::error::{Context, Result};
use crate::node::Node;

/// A process of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Running {
    /// Its pid as the lab sees it.
    pub pid: u32,
    /// Its pid inside the node.
    pub inner: u32,
    /// Its parent, as the lab sees it.
    pub parent: u32,
    /// Its name, as `ps -o comm` shows it.
    pub name: String,
    /// Its command line.
    pub words: Vec<String>,
    /// Whether it has ended and nobody has reaped it.
    pub zombie: bool,
}

impl Node {
    /// The processes of the node except the lab's own: the first, and what it waits for.
    ///
    /// # Errors
    /// `/proc` cannot be read.
    pub fn processes(&self) -> Result<Vec<Running>> {
        let Some(first) = self.first_pid() else { return Ok(Vec::new()) };
        let namespace = namespace(first);
        let mut all = Vec::new();
        for entry in fs::read_dir("/proc").during(|| "/proc".to_owned())?.flatten() {
            let pid = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
            // A zombie has no namespaces any more, but it still has its pid in each of them.
            let Some(running) = pid.and_then(|pid| look(pid, entry.path())) else { continue };
            let own =
                namespace == self::namespace(running.pid) || running.zombie && running.inner != running.pid;
            let ours = running.pid == first || running.parent == first && running.words == ["cat"];
            if own && !ours {
                all.push(running);
            }
        }
        all.sort_by_key(|p| p.pid);
        Ok(all)
    }
}

impl Running {
    /// Sends it a signal.
    ///
    /// # Errors
    /// It is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.pid).unwrap_or(i32::MAX));
        kill(pid, signal).during(|| format!("{signal} to {} ({})", self.name, self.pid))
    }

    /// How many descriptors it has open.
    ///
    /// # Errors
    /// It is gone.
    pub fn descriptors(&self) -> Result<usize> {
        let path = format!("/proc/{}/fd", self.pid);
        Ok(fs::read_dir(&path).during(|| path)?.count())
    }
}

fn namespace(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/pid")).ok()
}

/// What `/proc` says about a process; `None` if it is gone meanwhile, or a thread of the kernel.
fn look(pid: u32, dir: impl AsRef<Path>) -> Option<Running> {
    let dir = dir.as_ref();
    let status = fs::read_to_string(dir.join("status")).ok()?;
    let field = |name: &str| status.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
    let words = fs::read(dir.join("cmdline")).ok()?;
    let words = words.split(|b| *b == 0).map(|w| String::from_utf8_lossy(w).into_owned());
    let mut words: Vec<String> = words.collect();
    // Each word ends with a NUL.
    words.pop();
    Some(Running {
        pid,
        inner: field("NSpid")?.split_whitespace().last()?.parse().ok()?,
        parent: field("PPid")?.trim().parse().ok()?,
        name: field("Name")?.trim().to_owned(),
        words,
        zombie: field("State")?.trim().starts_with('Z'),
    })
}
