//! Settings of the calling process.

use std::ffi::CString;
use std::fs::{File, OpenOptions};

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{Pid, chdir, dup2_stderr, dup2_stdin, dup2_stdout, getppid, setsid};

use crate::error::{Context, OsError, Result};

/// Names the process, as `ps -o comm` and `top` show it: the first 15 bytes.
pub fn set_name(name: &str) -> Result<()> {
    let text = CString::new(name).map_err(|_| Errno::EINVAL).on("use name", name)?;
    prctl::set_name(&text).on("set name", name)
}

/// Makes this process the parent of whatever its descendants leave behind.
pub fn become_subreaper() -> Result<()> {
    prctl::set_child_subreaper(true).on("become parent of", "orphans")
}

/// Asks for signal `number` when the parent, whose number is `parent`, ends. If it has ended before
/// that took effect, the error is `ESRCH`.
pub fn die_with_parent(number: i32, parent: u32) -> Result<()> {
    // SAFETY: the call takes integers.
    let r = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, number) };
    Errno::result(r).on("ask for signal at end of process", parent)?;
    if u32::try_from(getppid().as_raw()) == Ok(parent) {
        Ok(())
    } else {
        Err(OsError::new("find parent", parent, Errno::ESRCH))
    }
}

/// Runs with real-time priority `priority`, 1 to 99, ahead of all normal processes. Children don't
/// inherit it.
pub fn run_realtime(priority: u8) -> Result<()> {
    let parameters = libc::sched_param { sched_priority: priority.into() };
    let policy = libc::SCHED_RR | libc::SCHED_RESET_ON_FORK;
    // SAFETY: the parameters are live.
    let r = unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) };
    Errno::result(r).map(drop).on("set real-time priority", priority)
}

/// Sets the nice value, -20 (ahead) to 19 (behind).
pub fn set_nice(nice: i8) -> Result<()> {
    // SAFETY: the call takes integers.
    let r = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice.into()) };
    Errno::result(r).map(drop).on("set nice value", nice)
}

/// Runs on these processors only.
pub fn bind_to_cpus(cpus: &[u16]) -> Result<()> {
    let mut set = CpuSet::new();
    for &cpu in cpus {
        set.set(cpu.into()).on("use processor", cpu)?;
    }
    sched_setaffinity(Pid::from_raw(0), &set).on("bind to", format_args!("processors {cpus:?}"))
}

/// Keeps all memory of the process, present and future, out of swap, and makes enough stack present
/// that the hot paths never fault.
pub fn lock_memory() -> Result<()> {
    touch_stack();
    mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE).on("lock", "memory")
}

#[inline(never)]
fn touch_stack() {
    const STACK: usize = 32 * 1024;
    let mut page = [0u8; STACK];
    for byte in page.iter_mut().step_by(4096) {
        *byte = 1;
    }
    std::hint::black_box(&mut page);
}

/// Limits how long a real-time process may run without a pause: after `micros` microseconds it gets
/// SIGXCPU, after twice that it is killed.
pub fn limit_realtime(micros: u32) -> Result<()> {
    let soft = u64::from(micros);
    setrlimit(Resource::RLIMIT_RTTIME, soft, soft * 2).on("limit", "real-time run")
}

/// Allows at least `count` open descriptors.
pub fn limit_files(count: u64) -> Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).on("read limit of", "open files")?;
    if soft >= count {
        return Ok(());
    }
    setrlimit(Resource::RLIMIT_NOFILE, count, hard.max(count)).on("raise limit of", "open files")
}

/// From now on neither this process nor its children can gain rights by executing something.
pub fn forbid_new_privileges() -> Result<()> {
    prctl::set_no_new_privs().on("forbid", "new privileges")
}

/// How many threads the process has.
pub fn thread_count() -> Result<usize> {
    std::fs::read_dir("/proc/self/task").on("list", "threads").map(Iterator::count)
}

/// Leaves the terminal: goes on in a child in a session of its own, with `/` as its directory and
/// nothing as its input and output, while the process that was started exits with status 0. Refused
/// if other threads exist, which would be lost.
pub fn daemonize() -> Result<()> {
    if thread_count()? != 1 {
        return Err(OsError::new("daemonize with", "several threads", Errno::EBUSY));
    }
    let null: File = OpenOptions::new().read(true).write(true).open("/dev/null").on("open", "/dev/null")?;
    fork_and_leave()?;
    setsid().on("leave", "session")?;
    // A second time: who leads no session can't get a terminal any more.
    fork_and_leave()?;
    chdir("/").on("change directory to", "/")?;
    dup2_stdin(&null).on("redirect", "input")?;
    dup2_stdout(&null).on("redirect", "output")?;
    dup2_stderr(&null).on("redirect", "error output")
}

fn fork_and_leave() -> Result<()> {
    // SAFETY: there is one thread, so the child is a full copy that may do anything.
    match Errno::result(unsafe { libc::fork() }).on("fork", "daemon")? {
        0 => Ok(()),
        // SAFETY: ends the process without running anything: its child goes on with its buffers.
        _ => unsafe { libc::_exit(0) },
    }
}
