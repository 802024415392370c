//! A daemon under test: all processes of it, and what the kernel says about them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::ops::Sub;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use lab::{Node, Process, Signal};
use nix::sys::signal::kill;
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

use super::capture::nanos;

/// A running daemon. Dropping it kills all its processes.
pub(super) struct Daemon {
    process: Process,
    /// When it was started; wall clock, nanoseconds.
    pub started: u64,
}

/// What the processes of a daemon have used since they began.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Usage {
    /// Nanoseconds on a CPU, by the scheduler's own account.
    pub cpu: u64,
    /// How often they went to sleep of their own will.
    pub sleeps: u64,
}

/// What the processes of a daemon hold, in KiB.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Memory {
    /// Shared pages counted by their share.
    pub pss: u64,
    /// Pages that nobody else has.
    pub uss: u64,
    /// How many processes.
    pub processes: u64,
}

impl Sub for Usage {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self { cpu: self.cpu.saturating_sub(earlier.cpu), sleeps: self.sleeps.saturating_sub(earlier.sleeps) }
    }
}

impl Daemon {
    /// Starts `program` in a node with a configuration.
    pub(super) fn start(node: &Node, program: &Path, conf: &str) -> Result<Self, String> {
        Self::start_with(node, program, conf, &[])
    }

    /// The same with `NAME=VALUE`s in its environment.
    pub(super) fn start_with(
        node: &Node,
        program: &Path,
        conf: &str,
        environment: &[String],
    ) -> Result<Self, String> {
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let path = node.write("bench.conf", conf).map_err(|e| e.to_string())?;
        let log = node.dir().join(format!("{name}.log"));
        if log.exists() {
            fs::remove_file(&log).map_err(|e| format!("{}: {e}", log.display()))?;
        }
        let started = now();
        let own: [&OsStr; 7] = [
            program.as_os_str(),
            "-f".as_ref(),
            path.as_os_str(),
            "-n".as_ref(),
            "-l".as_ref(),
            "-D".as_ref(),
            "-G".as_ref(),
        ];
        // `env` becomes what it starts.
        let args: Vec<&OsStr> = environment.iter().map(OsStr::new).chain(own).collect();
        let process = node.spawn(&name, "env", &args).map_err(|e| e.to_string())?;
        Ok(Self { process, started })
    }

    /// The end of its log: why it may not do what we wait for.
    pub(super) fn last_words(&self) -> String {
        let log = self.process.log().unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let first = lines.len().saturating_sub(8);
        lines.get(first..).unwrap_or_default().join("\n")
    }

    /// Its first process.
    pub(super) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// All its processes, parents first.
    pub(super) fn pids(&self) -> Vec<u32> {
        descendants(self.process.pid())
    }

    /// What they have used.
    pub(super) fn usage(&self) -> Usage {
        let mut total = Usage::default();
        for pid in self.pids() {
            // One that has just ended has nothing more to tell.
            total.cpu += cpu_of(pid).unwrap_or(0);
            for task in tasks(pid) {
                let status = fs::read_to_string(task.join("status")).unwrap_or_default();
                total.sleeps += field(&status, "voluntary_ctxt_switches:");
            }
        }
        total
    }

    /// What they hold.
    pub(super) fn memory(&self) -> Result<Memory, String> {
        let mut total = Memory::default();
        for pid in self.pids() {
            let path = format!("/proc/{pid}/smaps_rollup");
            let text = fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
            total.pss += field(&text, "Pss:");
            total.uss += field(&text, "Private_Clean:") + field(&text, "Private_Dirty:");
            total.processes += 1;
        }
        Ok(total)
    }

    /// Frames that have come in at the node's `eth0`.
    pub(super) fn frames_in(&self) -> Result<u64, String> {
        let path = format!("/proc/{}/net/dev", self.pid());
        let text = fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
        let line = text.lines().find_map(|l| l.trim().strip_prefix("eth0:"));
        let frames = line.and_then(|l| l.split_whitespace().nth(1)?.parse().ok());
        frames.ok_or(format!("{path}: no eth0"))
    }

    /// Kills all processes at once, children first, without a chance for the parent to replace them.
    /// The instant of the first blow.
    pub(super) fn kill(&mut self) -> u64 {
        let pids = self.pids();
        let all: Vec<Pid> = pids.iter().filter_map(|p| i32::try_from(*p).ok()).map(Pid::from_raw).collect();
        // Whoever has gone meanwhile needs no signal.
        if let [parent, _, ..] = all.as_slice() {
            let _ = kill(*parent, Signal::SIGSTOP);
        }
        let at = now();
        for pid in all.iter().rev() {
            let _ = kill(*pid, Signal::SIGKILL);
        }
        // Reaps it; a process that was killed cannot resist.
        let _ = self.process.wait(Duration::from_secs(5));
        at
    }

    /// Sends a signal to its first process.
    pub(super) fn signal(&self, signal: Signal) -> Result<(), String> {
        self.process.signal(signal).map_err(|e| e.to_string())
    }

    /// Asks it to stop: the instant of the signal.
    pub(super) fn terminate(&self) -> Result<u64, String> {
        let at = now();
        self.signal(Signal::SIGTERM)?;
        Ok(at)
    }

    /// Waits for its end after [`Daemon::terminate`].
    pub(super) fn wait(&mut self) -> Result<(), String> {
        self.process.wait(Duration::from_secs(10)).map(drop).map_err(|e| e.to_string())
    }

    /// Whether it still runs.
    pub(super) fn alive(&mut self) -> bool {
        matches!(self.process.ended(), Ok(None))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.alive() {
            self.kill();
        }
    }
}

/// The wall clock in nanoseconds: the clock of the stamps of frames.
pub(super) fn now() -> u64 {
    nanos(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

/// CPU time of all processes of the machine so far, in nanoseconds.
pub(super) fn machine_busy() -> u64 {
    // user nice system idle iowait irq softirq steal, in ticks of 10 ms
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let first = text.lines().next().unwrap_or_default();
    let ticks: Vec<u64> = first.split_whitespace().skip(1).filter_map(|n| n.parse().ok()).collect();
    let at = |i: usize| ticks.get(i).copied().unwrap_or(0);
    (at(0) + at(1) + at(2) + at(5) + at(6)) * 10_000_000
}

/// Waits until the machine has little else to do, but not for long: a machine that others use is never
/// quiet, and what they used is told beside the figures.
pub(super) fn wait_quiet() {
    const LOOK: Duration = Duration::from_millis(250);
    for _ in 0..8 {
        let before = machine_busy();
        std::thread::sleep(LOOK);
        let busy = u128::from(machine_busy().saturating_sub(before));
        if busy * 5 <= LOOK.as_nanos() {
            return;
        }
    }
}

/// The number behind `name`, the first of its kind.
fn field(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|l| l.strip_prefix(name));
    line.and_then(|l| l.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// The CPU time of a process, in nanoseconds.
fn cpu_of(pid: u32) -> Option<u64> {
    let clock = clock_getcpuclockid(Pid::from_raw(i32::try_from(pid).ok()?)).ok()?;
    Some(nanos(clock.now().ok()?.into()))
}

fn tasks(pid: u32) -> Vec<PathBuf> {
    let entries = fs::read_dir(format!("/proc/{pid}/task"));
    entries.into_iter().flatten().flatten().map(|e| e.path()).collect()
}

fn descendants(root: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse().ok()) else { continue };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // The name before it may hold anything, also parentheses.
        let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        if let Some(parent) = after.split_whitespace().nth(1).and_then(|n| n.parse().ok()) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = vec![root];
    let mut next = 0;
    while let Some(pid) = found.get(next).copied() {
        found.extend(children.get(&pid).into_iter().flatten());
        next += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_of_this_process_begins_with_it_and_has_used_cpu() {
        let own = std::process::id();
        assert_eq!(descendants(own).first(), Some(&own));
        assert!(!tasks(own).is_empty());
        assert!(machine_busy() > 0);
    }

    #[test]
    fn a_field_is_read_from_its_own_line() {
        let text = "nonvoluntary_ctxt_switches: 7\nvoluntary_ctxt_switches:\t12\n";
        assert_eq!(field(text, "voluntary_ctxt_switches:"), 12);
        assert_eq!(field(text, "Pss:"), 0);
    }
}
