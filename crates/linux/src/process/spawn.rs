//! Starting processes.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use nix::errno::Errno;

use super::child::Child;
use crate::error::{Context, OsError, Result, errno_of};
use crate::netns::Netns;
use crate::signals;

/// Variables by which a process tells its children what they are; nobody else's children see them.
const PRIVATE: &str = "_VIPD_";
const ROLE: &str = "_VIPD_ROLE";
const FD: &str = "_VIPD_FD_";

/// A process to be started.
///
/// Unless told otherwise it gets our environment and identity, `/dev/null` for its three standard
/// descriptors, no other descriptor at all, all signals unblocked with their default action, and
/// normal scheduling.
#[derive(Debug)]
pub struct Spawn {
    program: PathBuf,
    command: Command,
    setup: Setup,
    passed: Vec<OwnedFd>,
    private: BTreeSet<OsString>,
}

/// What the child does between fork and exec, prepared so that it need not allocate.
#[derive(Clone, Debug, Default)]
struct Setup {
    group: bool,
    session: bool,
    death_signal: Option<i32>,
    parent: libc::pid_t,
    identity: Option<(libc::uid_t, libc::gid_t)>,
    groups: Vec<libc::gid_t>,
    netns: Option<Netns>,
    keep: Vec<RawFd>,
    no_new_privileges: bool,
}

impl Spawn {
    /// Starts the file `program`, which is not searched for.
    pub fn new(program: impl AsRef<Path>) -> Self {
        let program = program.as_ref().to_owned();
        let mut command = Command::new(&program);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let private = BTreeSet::new();
        Self { program, command, setup: Setup::default(), passed: Vec::new(), private }
    }

    /// Starts this program again, with the arguments that it was started with and a role to play,
    /// which it finds by [`role`]. It is the very same file even if another was installed meanwhile.
    pub fn again(role: &str) -> Self {
        let mut spawn = Self::new("/proc/self/exe");
        let mut args = std::env::args_os();
        if let Some(own) = args.next() {
            spawn.arg0(own);
        }
        spawn.args(args);
        spawn.set_private(ROLE, OsStr::new(role));
        spawn
    }

    /// What it is told to be called, instead of the program's path.
    pub fn arg0(&mut self, name: impl AsRef<OsStr>) -> &mut Self {
        self.command.arg0(name);
        self
    }

    /// Adds arguments.
    pub fn args<S: AsRef<OsStr>>(&mut self, args: impl IntoIterator<Item = S>) -> &mut Self {
        self.command.args(args);
        self
    }

    /// Sets a variable of its environment.
    pub fn env(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Self {
        self.command.env(name, value);
        self
    }

    /// Takes a variable out of its environment.
    pub fn env_remove(&mut self, name: impl AsRef<OsStr>) -> &mut Self {
        self.command.env_remove(name);
        self
    }

    /// Starts with an empty environment.
    pub fn env_clear(&mut self) -> &mut Self {
        self.command.env_clear();
        self
    }

    /// Where it starts.
    pub fn directory(&mut self, directory: impl AsRef<Path>) -> &mut Self {
        self.command.current_dir(directory);
        self
    }

    /// Its standard input, output and error output.
    pub fn stdio(&mut self, input: Stdio, output: Stdio, error: Stdio) -> &mut Self {
        self.command.stdin(input).stdout(output).stderr(error);
        self
    }

    /// Gives it a process group of its own, so that it can be ended with all that it starts.
    pub fn own_group(&mut self) -> &mut Self {
        self.setup.group = true;
        self
    }

    /// Gives it a session of its own, and with it a process group.
    pub fn own_session(&mut self) -> &mut Self {
        self.setup.session = true;
        self
    }

    /// Sends it signal `number` when the *thread* that starts it ends. It isn't started if that has
    /// happened already.
    pub fn die_with_parent(&mut self, number: i32) -> &mut Self {
        self.setup.death_signal = Some(number);
        self
    }

    /// Runs it as this user and group, with `groups` as its supplementary ones.
    pub fn identity(&mut self, uid: u32, gid: u32, groups: &[u32]) -> &mut Self {
        self.setup.identity = Some((uid, gid));
        self.setup.groups = groups.to_vec();
        self
    }

    /// Runs it in a network namespace.
    pub fn netns(&mut self, netns: &Netns) -> &mut Self {
        self.setup.netns = Some(netns.clone());
        self
    }

    /// It can't gain rights by executing something.
    pub fn no_new_privileges(&mut self) -> &mut Self {
        self.setup.no_new_privileges = true;
        self
    }

    /// Lets it inherit a copy of `fd`, which it finds by [`inherited`] under `name`.
    pub fn pass(&mut self, name: &str, fd: BorrowedFd<'_>) -> Result<&mut Self> {
        let copy = fd.try_clone_to_owned().on("copy descriptor", name)?;
        let number = copy.as_raw_fd();
        self.set_private(&format!("{FD}{name}"), OsStr::new(&number.to_string()));
        self.setup.keep.push(number);
        self.passed.push(copy);
        Ok(self)
    }

    fn set_private(&mut self, name: &str, value: &OsStr) {
        self.private.insert(name.into());
        self.command.env(name, value);
    }

    /// Starts it. Fails if it can't be executed.
    pub fn spawn(mut self) -> Result<Child> {
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(PRIVATE.as_bytes()) && !self.private.contains(&name) {
                self.command.env_remove(name);
            }
        }
        let mut setup = self.setup.clone();
        // SAFETY: takes nothing and can't fail.
        setup.parent = unsafe { libc::getpid() };
        let leads_group = setup.group || setup.session;
        // SAFETY: `Setup::apply` makes system calls only; it doesn't allocate, lock or unwind.
        unsafe { self.command.pre_exec(move || setup.apply().map_err(io::Error::from)) };
        let started = self.command.spawn();
        let child = started.map_err(|e| OsError::new("start", self.program.display(), errno_of(&e)))?;
        Child::adopt(child.id(), leads_group)
    }
}

impl Setup {
    /// In the child, after fork and before exec. The order matters: what needs rights comes before
    /// they are given up, and the death signal after that, since a change of identity clears it.
    fn apply(&self) -> std::result::Result<(), Errno> {
        let call = |r: libc::c_int| Errno::result(r).map(drop);
        signals::reset_all()?;
        // SAFETY: (whole function) system calls on integers, on live arrays with their lengths, and on
        // descriptors that are open in this copy of the parent.
        unsafe {
            if self.session {
                call(libc::setsid())?;
            } else if self.group {
                call(libc::setpgid(0, 0))?;
            }
            let normal = libc::sched_param { sched_priority: 0 };
            call(libc::sched_setscheduler(0, libc::SCHED_OTHER, &raw const normal))?;
            // Back from a raised priority; back to one needs rights that we may not have.
            if libc::getpriority(libc::PRIO_PROCESS, 0) < 0 {
                call(libc::setpriority(libc::PRIO_PROCESS, 0, 0))?;
            }
            lift_realtime_limit()?;
            if let Some(netns) = &self.netns {
                call(libc::setns(netns.as_raw_fd(), libc::CLONE_NEWNET))?;
            }
            if let Some((uid, gid)) = self.identity {
                call(libc::setgroups(self.groups.len(), self.groups.as_ptr()))?;
                call(libc::setresgid(gid, gid, gid))?;
                call(libc::setresuid(uid, uid, uid))?;
            }
            if self.no_new_privileges {
                call(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
            }
            if let Some(number) = self.death_signal {
                call(libc::prctl(libc::PR_SET_PDEATHSIG, number))?;
                // The parent may have ended before that. In a process namespace of its own the child
                // sees no parent.
                let parent = libc::getppid();
                if parent != self.parent && parent != 0 {
                    return Err(Errno::ESRCH);
                }
            }
            // Marked rather than closed: the standard library tells a failure of exec by one of them.
            let all = libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC);
            if let Err(e) = Errno::result(all) {
                // Before Linux 5.11. All of ours are marked anyway.
                if !matches!(e, Errno::ENOSYS | Errno::EINVAL) {
                    return Err(e);
                }
            }
            for &fd in &self.keep {
                call(libc::fcntl(fd, libc::F_SETFD, 0))?;
            }
        }
        Ok(())
    }
}

/// Takes back what [`limit_realtime`](super::limit_realtime) limited, as far as we may.
fn lift_realtime_limit() -> std::result::Result<(), Errno> {
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the struct is live.
    unsafe {
        if libc::setrlimit(libc::RLIMIT_RTTIME, &raw const limit) == 0 {
            return Ok(());
        }
        Errno::result(libc::getrlimit(libc::RLIMIT_RTTIME, &raw mut limit))?;
        limit.rlim_cur = limit.rlim_max;
        Errno::result(libc::setrlimit(libc::RLIMIT_RTTIME, &raw const limit)).map(drop)
    }
}

/// The role that [`Spawn::again`] gave to this process.
#[must_use]
pub fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// The descriptor that was [passed](Spawn::pass) to this process under `name`; each can be had once.
pub fn inherited(name: &str) -> Result<OwnedFd> {
    static TAKEN: Mutex<BTreeSet<RawFd>> = Mutex::new(BTreeSet::new());
    let missing = || OsError::new("find inherited descriptor", name, Errno::EBADF);
    let number = std::env::var(format!("{FD}{name}")).ok().and_then(|v| v.parse::<RawFd>().ok());
    let number = number.filter(|n| *n > 2).ok_or_else(missing)?;
    // SAFETY: the call takes integers; a number that is no open descriptor is an error.
    Errno::result(unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) }).map_err(|_| missing())?;
    if !TAKEN.lock().unwrap_or_else(PoisonError::into_inner).insert(number) {
        return Err(missing());
    }
    // SAFETY: it is open, its parent put it there for us, and the set above sees to it that nobody
    // gets it twice.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
