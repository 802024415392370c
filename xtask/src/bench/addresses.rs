//! When addresses come to a node: the kernel's own notifications, stamped as soon as we read them.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::SystemTime;

use lab::Node;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, setsockopt, socket,
    sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

use super::capture::nanos;

/// `RTMGRP_IPV4_IFADDR` and `RTM_NEWADDR` of rtnetlink(7).
const GROUP: u32 = 0x10;
const NEW_ADDRESS: u16 = 20;

/// A thread that notes the instants of new IPv4 addresses.
pub(super) struct Monitor {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<Vec<u64>>>>,
}

impl Monitor {
    /// Starts it.
    pub(super) fn start(node: &Node) -> Result<Self, String> {
        let open = || -> io::Result<OwnedFd> {
            let flags = SockFlag::SOCK_CLOEXEC;
            let fd = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute)?;
            // How long it takes to notice that it shall stop.
            setsockopt(&fd, sockopt::ReceiveTimeout, &TimeVal::milliseconds(20))?;
            bind(fd.as_raw_fd(), &NetlinkAddr::new(0, GROUP))?;
            Ok(fd)
        };
        let fd = node.inside_run(open).map_err(|e| e.to_string())?.map_err(|e| format!("monitor: {e}"))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let (ready, is_ready) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            run_first();
            // Nobody waits any more if the asker has failed meanwhile.
            let _ = ready.send(());
            collect(&fd, &stopped)
        });
        is_ready.recv().map_err(|_| "the monitor panicked".to_owned())?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Ends it: the instants, in nanoseconds of the wall clock.
    pub(super) fn stop(mut self) -> Result<Vec<u64>, String> {
        self.stop.store(true, Ordering::Relaxed);
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result.map_err(|e| format!("monitor: {e}")),
            _ => Err("the monitor panicked".to_owned()),
        }
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Lets the calling thread run as soon as there is something to read. Without the right to do so the
/// stamps are late by up to a slice of whoever has the CPU.
fn run_first() {
    let thread = nix::unistd::gettid().to_string();
    let mut chrt = Command::new("chrt");
    chrt.args(["--fifo", "--pid", "10", &thread])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // The figure is still good enough to be told.
    let _ = chrt.status();
}

fn collect(fd: &OwnedFd, stop: &AtomicBool) -> io::Result<Vec<u64>> {
    let mut instants = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        match recv(fd.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
            Ok(_) => {
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                // One notification is one message; its type stands behind its length.
                if u16::from_ne_bytes([buffer[4], buffer[5]]) == NEW_ADDRESS {
                    instants.push(nanos(now));
                }
            }
            Err(Errno::EAGAIN | Errno::EINTR) if stop.load(Ordering::Relaxed) => return Ok(instants),
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}
