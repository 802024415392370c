//! Network namespaces, and threads that live in one.
//!
//! A namespace belongs to a thread, not to a process. Nothing here changes the namespace of a thread
//! that it didn't start, except the functions that say so.

use std::any::Any;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::{getgid, getuid};

use crate::error::{Context, OsError, Result, errno_of};

/// A network namespace. It lives for as long as a copy of this, a process or a file holds it.
#[derive(Clone, Debug)]
pub struct Netns(Arc<OwnedFd>);

impl Netns {
    /// Makes an empty namespace: a loopback interface that is down, and nothing else.
    pub fn create() -> Result<Self> {
        std::thread::scope(|scope| {
            let made = std::thread::Builder::new().name("netns".into()).spawn_scoped(scope, || {
                unshare(CloneFlags::CLONE_NEWNET).on("create", "network namespace")?;
                Self::current()
            });
            made.on("start", "thread")?.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    }

    /// That of the calling thread.
    pub fn current() -> Result<Self> {
        Self::open("/proc/thread-self/ns/net")
    }

    /// That of process `pid`.
    pub fn of_process(pid: u32) -> Result<Self> {
        Self::open(format!("/proc/{pid}/ns/net"))
    }

    /// That of the file `path`, such as `/run/netns/NAME`.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = File::open(path).on("open", path.display())?;
        Ok(Self(Arc::new(file.into())))
    }

    /// Gives it the name `path`, as `ip netns add` does: a file, whose directory must exist, that
    /// stays until [`Netns::unpin`]. Needs the right to mount.
    pub fn pin(&self, path: &Path) -> Result<()> {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o444)
            .open(path)
            .on("create", path.display())?;
        let own = format!("/proc/self/fd/{}", self.0.as_raw_fd());
        let none: Option<&str> = None;
        let mounted = mount(Some(own.as_str()), path, none, MsFlags::MS_BIND, none);
        if mounted.is_err() {
            let _ = fs::remove_file(path);
        }
        mounted.on("mount network namespace on", path.display())
    }

    /// Takes the name `path` from its namespace.
    pub fn unpin(path: &Path) -> Result<()> {
        umount2(path, MntFlags::MNT_DETACH).on("unmount", path.display())?;
        fs::remove_file(path).on("remove", path.display())
    }

    /// Moves the calling thread here, for good.
    pub fn enter(&self) -> Result<()> {
        setns(self.0.as_fd(), CloneFlags::CLONE_NEWNET).on("enter", "network namespace")
    }

    /// Moves the calling thread here until the guard is dropped. Threads started meanwhile stay.
    pub fn guard(&self) -> Result<Guard> {
        let back = Self::current()?;
        self.enter()?;
        Ok(Guard { back, thread: std::marker::PhantomData })
    }

    /// Whether both are one.
    pub fn is_same(&self, other: &Self) -> Result<bool> {
        let id = |n: &Self| {
            nix::sys::stat::fstat(n.as_fd()).map(|s| (s.st_dev, s.st_ino)).on("stat", "network namespace")
        };
        Ok(id(self)? == id(other)?)
    }
}

impl AsFd for Netns {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Netns {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Brings its thread back to the namespace that it came from.
#[derive(Debug)]
pub struct Guard {
    back: Netns,
    /// It is the thread that moves: the guard must not be dropped on another.
    thread: std::marker::PhantomData<*const ()>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Staying would let everything that follows act on the wrong namespace.
        self.back.enter().expect("a namespace that we come from can be entered again");
    }
}

/// What a [`NsThread`] has of its own.
#[derive(Clone, Debug, Default)]
pub struct Isolation {
    /// Live in this network namespace; in a new one if `None`.
    pub netns: Option<Netns>,
    /// Have mounts of its own: directories on which an empty file system is mounted, as `/run`.
    pub private_directories: Option<Vec<PathBuf>>,
    /// Have a host name of its own.
    pub hostname: Option<String>,
    /// Let the processes it starts have a process number space of their own. The first one is its
    /// init: when it dies, so do all others, and no more can be started. Its own end shows only after
    /// the others have been reaped.
    pub processes: bool,
}

type Job = Box<dyn FnOnce() + Send>;

/// A thread that lives in namespaces of its own and does what it is told to: a host of the lab.
///
/// Sockets opened by it stay in its namespace wherever they are used, and processes that it starts
/// live there, too; those that asked for a signal at their parent's death get it when the thread is
/// dropped, since to the kernel the thread is the parent.
#[derive(Debug)]
pub struct NsThread {
    jobs: Option<Sender<Job>>,
    handle: Option<JoinHandle<()>>,
    netns: Netns,
}

impl NsThread {
    /// Starts a thread.
    pub fn new(isolation: Isolation) -> Result<Self> {
        let (jobs, queue): (Sender<Job>, Receiver<Job>) = channel();
        let (ready, is_ready) = channel();
        let handle = std::thread::Builder::new()
            .name("host".into())
            .spawn(move || {
                let netns = isolate(&isolation).and_then(|()| Netns::current());
                let failed = netns.is_err();
                if ready.send(netns).is_err() || failed {
                    return;
                }
                for job in queue {
                    job();
                }
            })
            .on("start", "thread")?;
        let lost = || OsError::new("start", "thread", Errno::ESRCH);
        let netns = is_ready.recv().map_err(|_| lost())??;
        Ok(Self { jobs: Some(jobs), handle: Some(handle), netns })
    }

    /// Its network namespace.
    #[must_use]
    pub fn netns(&self) -> &Netns {
        &self.netns
    }

    /// Does `work` on the thread and waits for it. A panic comes through.
    pub fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        type Outcome<T> = std::result::Result<T, Box<dyn Any + Send>>;
        let (answer, is_answered) = channel::<Outcome<T>>();
        let job: Job = Box::new(move || {
            // The answer is not wanted only if the asker is gone.
            let _ = answer.send(catch_unwind(AssertUnwindSafe(work)));
        });
        if let Some(jobs) = &self.jobs {
            // The thread lives until the sender is dropped, and no job can end it.
            jobs.send(job).expect("the thread of a namespace lives as long as its owner");
        }
        match is_answered.recv() {
            Ok(Ok(value)) => value,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => unreachable!("the thread answers each job"),
        }
    }
}

impl Drop for NsThread {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(handle) = self.handle.take() {
            // It has caught all panics.
            let _ = handle.join();
        }
    }
}

fn isolate(isolation: &Isolation) -> Result<()> {
    match &isolation.netns {
        Some(netns) => netns.enter()?,
        None => unshare(CloneFlags::CLONE_NEWNET).on("create", "network namespace")?,
    }
    if let Some(name) = &isolation.hostname {
        unshare(CloneFlags::CLONE_NEWUTS).on("create", "host name namespace")?;
        nix::unistd::sethostname(name).on("set host name", name)?;
    }
    if let Some(directories) = &isolation.private_directories {
        // The root directory and the like belong to all threads until they are unshared.
        unshare(CloneFlags::CLONE_FS | CloneFlags::CLONE_NEWNS).on("create", "mount namespace")?;
        let none: Option<&str> = None;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).on("make private", "/")?;
        for directory in directories {
            let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
            mount(Some("tmpfs"), directory, Some("tmpfs"), flags, Some("mode=0755"))
                .on("mount an empty file system on", directory.display())?;
        }
        // What shows the network of the namespace that it was mounted in.
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        mount(Some("sysfs"), "/sys", Some("sysfs"), flags, none).on("mount", "/sys")?;
    }
    if isolation.processes {
        unshare(CloneFlags::CLONE_NEWPID).on("create", "process namespace")?;
    }
    Ok(())
}

/// Moves the whole process, which must have one thread yet, into a user namespace of its own in which
/// it is root, so that it may make other namespaces without being root outside.
pub fn become_root_in_user_namespace() -> Result<()> {
    let (uid, gid) = (getuid(), getgid());
    unshare(CloneFlags::CLONE_NEWUSER).on("create", "user namespace")?;
    // An unprivileged process may map its group only after it has given up setgroups.
    write_file("/proc/self/setgroups", "deny")?;
    write_file("/proc/self/uid_map", &format!("0 {uid} 1"))?;
    write_file("/proc/self/gid_map", &format!("0 {gid} 1"))
}

fn write_file(path: &str, text: &str) -> Result<()> {
    let file = OpenOptions::new().write(true).open(path);
    file.and_then(|mut f| f.write_all(text.as_bytes())).map_err(|e| OsError::new("write", path, errno_of(&e)))
}
