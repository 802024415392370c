//! A thread inside the namespaces of a node.
//!
//! Namespaces belong to threads. So a node is a thread of ours that has moved into namespaces of its
//! own and takes closures: what it opens is open in the node, what it starts runs in the node, and no
//! `nsenter` is executed. The processes live in a pid namespace whose first process waits for a pipe
//! from us. When we die, for whatever reason, that process ends, and the kernel kills all others of
//! the node with it.

use std::fs;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use linux::netns::{Isolation, Netns, NsThread};
use linux::sysctl;
use nix::fcntl::{OFlag, open};
use nix::mount::{MsFlags, mount};
use nix::sys::stat::Mode;

use crate::error::{Context, Result};
use crate::links::Links;

/// What the thread moves into.
pub(crate) struct Plan {
    /// Name of the node, and its host name.
    pub name: String,
    /// The network namespace to join; a new one is made when there is none.
    pub net: Option<Netns>,
    /// Whether the node has processes: mount, host name and pid namespaces of its own.
    pub processes: bool,
    /// Directories that stay visible when `/tmp` and `/run` become the node's own.
    pub exposed: Vec<PathBuf>,
}

/// The thread, and what it owns.
pub(crate) struct Inside {
    thread: NsThread,
    /// First process of the pid namespace.
    first: Option<Child>,
    /// The others that we started.
    children: Mutex<Vec<SharedChild>>,
}

/// A process that its user and its node both may wait for.
pub(crate) type SharedChild = Arc<Mutex<Child>>;

impl Inside {
    /// Starts the thread and moves it.
    ///
    /// # Errors
    /// The step that the system refused; making namespaces needs root or a user namespace.
    pub(crate) fn start(plan: Plan) -> Result<Self> {
        let Plan { name, net, processes, exposed } = plan;
        let isolation = Isolation {
            netns: net,
            // We mount them ourselves: some of what they hide must stay visible.
            private_directories: processes.then(Vec::new),
            hostname: processes.then(|| name.clone()),
            processes,
        };
        let thread = NsThread::new(isolation).map_err(io::Error::from);
        let thread = thread.during(|| format!("{name}: namespaces of its own"))?;
        let prepared = thread.run(move || -> io::Result<Option<Child>> {
            quiet_network();
            Links::open()?.set_up("lo", true)?;
            if !processes {
                return Ok(None);
            }
            private_directories(&exposed)?;
            first_process().map(Some)
        });
        let first = prepared.during(|| format!("{name}: preparing it"))?;
        Ok(Self { thread, first, children: Mutex::default() })
    }

    /// Runs a closure on the thread and gives back its result.
    pub(crate) fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        self.thread.run(work)
    }

    /// Runs network device operations on the thread.
    pub(crate) fn links(
        &self,
        what: impl FnOnce() -> String,
        work: impl FnOnce(&mut Links) -> io::Result<()> + Send + 'static,
    ) -> Result<()> {
        self.run(move || Links::open().and_then(|mut links| work(&mut links))).during(what)
    }

    /// Starts a program on the thread.
    pub(crate) fn spawn(&self, mut command: Command) -> io::Result<SharedChild> {
        let child = Arc::new(Mutex::new(self.run(move || command.spawn())?));
        self.children.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&child));
        Ok(child)
    }

    /// The network namespace.
    pub(crate) fn net(&self) -> &Netns {
        self.thread.netns()
    }

    /// The pid, as we see it, of the node's first process.
    pub(crate) fn first_pid(&self) -> Option<u32> {
        self.first.as_ref().map(Child::id)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        if let Some(mut first) = self.first.take() {
            // Every process of the pid namespace dies with its first. The first one's end is only
            // complete when all others are buried, and ours are buried by us.
            let _ = first.kill();
            for child in self.children.get_mut().unwrap_or_else(PoisonError::into_inner) {
                let _ = child.lock().unwrap_or_else(PoisonError::into_inner).wait();
            }
            let _ = first.wait();
        }
    }
}

/// Settings without which the kernel sends and waits on its own account: duplicate address
/// detection, router solicitations, reverse path filters.
fn quiet_network() {
    for path in [
        "net/ipv6/conf/all/accept_dad",
        "net/ipv6/conf/default/accept_dad",
        "net/ipv6/conf/all/accept_ra",
        "net/ipv6/conf/default/accept_ra",
        "net/ipv6/conf/default/router_solicitations",
        "net/ipv4/conf/all/rp_filter",
        "net/ipv4/conf/default/rp_filter",
    ] {
        // A kernel without IPv6 has not all of these.
        let _ = sysctl::set(path, 0);
    }
}

/// Fresh file systems in memory on `/run` and `/tmp`, with the exposed directories put back.
fn private_directories(exposed: &[PathBuf]) -> io::Result<()> {
    let hidden = |p: &&PathBuf| ["/run", "/tmp"].iter().any(|top| p.starts_with(top));
    let kept: Vec<(&PathBuf, OwnedFd)> = exposed
        .iter()
        .filter(hidden)
        .map(|p| Ok((p, open(p, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?)))
        .collect::<io::Result<_>>()?;
    for top in ["/run", "/tmp"] {
        mount_memory(top)?;
    }
    for (path, fd) in kept {
        fs::create_dir_all(path)?;
        let source = format!("/proc/thread-self/fd/{}", fd.as_raw_fd());
        mount(Some(source.as_str()), path, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
    }
    fs::create_dir_all("/run/lock")?;
    fs::create_dir_all("/run/keepalived")
}

/// Mounts an empty file system in memory over a directory.
pub(crate) fn mount_memory(path: &str) -> io::Result<()> {
    Ok(mount(Some("node"), path, Some("tmpfs"), MsFlags::empty(), Some("mode=1777"))?)
}

/// Starts the first process of the pid namespace that the calling thread's children live in.
fn first_process() -> io::Result<Child> {
    // A first process inherits orphans and has to bury them: the shell does while it waits. (A `read` of
    // its own would end at the first burial.) A container may forbid a new /proc; the old one serves all
    // but the view on one's own pid.
    let script = "mount -t proc proc /proc 2>/dev/null; exec 3<&0; cat <&3 >/dev/null & echo; wait $!";
    let mut child = Command::new("/bin/sh")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut ready = [0];
    match child.stdout.take() {
        Some(mut out) => out.read_exact(&mut ready)?,
        None => return Err(io::ErrorKind::BrokenPipe.into()),
    }
    Ok(child)
}
