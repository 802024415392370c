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
    touch_memory();
    mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE).on("lock", "memory")
}

/// Makes memory present that hot paths will need for the first time: each page that the kernel has to
/// find and to clear then costs them some microseconds.
pub fn touch_memory() {
    // Below the size for which allocators ask the kernel each time, so that it stays when it is freed.
    const HEAP: usize = 64 * 1024;
    std::hint::black_box(vec![1u8; HEAP]);
    touch_stack();
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

/// A right that root's powers are made of (`capabilities(7)`), by the kernel's number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capability(u8);

impl Capability {
    /// Changing addresses, routes and settings of the network.
    pub const NET_ADMIN: Self = Self(12);
    /// Reading files that belong to others.
    pub const DAC_READ_SEARCH: Self = Self(2);
    /// Ports below 1024.
    pub const NET_BIND_SERVICE: Self = Self(10);
    /// Raw and packet sockets.
    pub const NET_RAW: Self = Self(13);
    /// Locking more memory than the limit, which all memory counts against after [`lock_memory`].
    pub const IPC_LOCK: Self = Self(14);
}

/// `struct __user_cap_header_struct`.
#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: libc::c_int,
}

/// `struct __user_cap_data_struct`; two of them make 64 bits.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapabilityData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Gives up all rights of the calling thread but these, for good. Those that it hasn't got it doesn't
/// get by this.
pub fn keep_capabilities(keep: &[Capability]) -> Result<()> {
    const VERSION_3: u32 = 0x2008_0522;
    const MOST: u8 = 64;
    let wanted = keep.iter().fold(0_u64, |set, c| set | 1 << (c.0 % MOST));
    for number in (0..MOST).filter(|n| wanted & (1 << n) == 0) {
        // SAFETY: the call takes integers.
        let r = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(number), 0, 0, 0) };
        match Errno::result(r) {
            // EINVAL: there are no more. EPERM: the thread may not, and then it can't gain any either
            // way once new privileges are forbidden.
            Err(Errno::EINVAL | Errno::EPERM) => break,
            other => other.on("drop capability", number)?,
        };
    }
    let header = CapabilityHeader { version: VERSION_3, pid: 0 };
    let mut data = [CapabilityData::default(); 2];
    // SAFETY: header and data are live and laid out as version 3 asks for: two parts.
    let r = unsafe { libc::syscall(libc::SYS_capget, &raw const header, data.as_mut_ptr()) };
    Errno::result(r).on("read", "capabilities")?;
    for (part, bits) in data.iter_mut().zip([wanted & 0xffff_ffff, wanted >> 32]) {
        let bits = u32::try_from(bits).unwrap_or(0);
        part.permitted &= bits;
        part.effective = part.permitted;
        part.inheritable = 0;
    }
    // SAFETY: as above; the call only reads them.
    let r = unsafe { libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) };
    Errno::result(r).map(drop).on("give up", "capabilities")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_that_were_given_up_are_gone() {
        // They belong to a thread.
        let status = std::thread::spawn(|| {
            keep_capabilities(&[Capability::NET_RAW]).unwrap();
            std::fs::read_to_string("/proc/thread-self/status").unwrap()
        });
        let status = status.join().unwrap();
        let set = |name: &str| {
            let line = status.lines().find_map(|l| l.strip_prefix(name)).unwrap();
            u64::from_str_radix(line.trim(), 16).unwrap()
        };
        for name in ["CapEff:", "CapPrm:", "CapInh:"] {
            assert_eq!(set(name) & !(1 << 13), 0, "{name}");
        }
    }
}
