//! What crosses a LAN, with the kernel's time stamps.

use std::fs::File;
use std::io::{self, BufWriter, IoSliceMut, PipeWriter, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, recvmsg,
    setsockopt, socket, sockopt,
};

use crate::error::{Context, LabError, Result};
use crate::event::Event;
use crate::inside::Inside;
use crate::links;
use crate::world::Lan;

/// The longest frame on a LAN of the lab.
const MAX_FRAME: usize = 65_536;

/// One frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// When the switch got it, since the lab began.
    pub at: Duration,
    /// The same on the wall clock, since 1970.
    pub wall: Duration,
    /// From the Ethernet header on.
    pub bytes: Vec<u8>,
}

/// A capture that runs until it is stopped or dropped.
pub struct Capture {
    frames: Arc<Mutex<Vec<Frame>>>,
    thread: Option<JoinHandle<io::Result<()>>>,
    /// Closing it ends the thread.
    stop: Option<PipeWriter>,
}

impl Capture {
    pub(crate) fn start(switch: &Inside, lan: &Lan, began: SystemTime) -> Result<Self> {
        let what = || format!("capture on {}", lan.name());
        let bridge = lan.name().to_owned();
        let (socket, index) = switch.run(move || open(&bridge)).during(what)?;
        let (stopped, stop) = io::pipe().during(what)?;
        let frames = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&frames);
        let began = began.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let thread = std::thread::Builder::new()
            .name(what())
            .spawn(move || {
                loop {
                    let mut fds = [
                        PollFd::new(socket.as_fd(), PollFlags::POLLIN),
                        PollFd::new(stopped.as_fd(), PollFlags::POLLIN),
                    ];
                    match poll(&mut fds, PollTimeout::NONE) {
                        Ok(_) | Err(Errno::EINTR) => {}
                        Err(e) => return Err(e.into()),
                    }
                    let last = fds[1].any() == Some(true);
                    // Also in the last round: what has arrived belongs to the capture.
                    receive_all(&socket, index, began, &sink)?;
                    if last {
                        return Ok(());
                    }
                }
            })
            .during(what)?;
        Ok(Self { frames, thread: Some(thread), stop: Some(stop) })
    }

    /// The frames so far, in the order of their arrival.
    #[must_use]
    pub fn frames(&self) -> Vec<Frame> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The events so far: adverts and announcements of addresses.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.frames().iter().filter_map(Event::of).collect()
    }

    /// Ends the capture and gives its frames.
    ///
    /// # Errors
    /// The capture failed at some time.
    pub fn stop(mut self) -> Result<Vec<Frame>> {
        self.end()?;
        Ok(self.frames())
    }

    fn end(&mut self) -> Result<()> {
        self.stop = None;
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result.during(|| "capture".to_owned()),
            Some(Err(_)) => Err(LabError::Expectation("the capture panicked".to_owned())),
        }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// A packet socket that sees every frame of the switch, and the index of the device we want.
fn open(bridge: &str) -> io::Result<(OwnedFd, usize)> {
    let index = usize::try_from(links::index(bridge)?.get()).unwrap_or(usize::MAX);
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll)?;
    setsockopt(&fd, sockopt::ReceiveTimestampns, &true)?;
    // Enough for a burst; a user namespace may not force it, and then has the usual size.
    let _ = setsockopt(&fd, sockopt::RcvBufForce, &(16 << 20));
    Ok((fd, index))
}

fn receive_all(socket: &OwnedFd, index: usize, began: Duration, sink: &Mutex<Vec<Frame>>) -> io::Result<()> {
    let mut buffer = vec![0; MAX_FRAME];
    loop {
        let mut control = nix::cmsg_space!(nix::sys::time::TimeSpec);
        let mut parts = [IoSliceMut::new(&mut buffer)];
        let (length, wall) = match recvmsg::<LinkAddr>(
            socket.as_raw_fd(),
            &mut parts,
            Some(&mut control),
            MsgFlags::empty(),
        ) {
            Ok(message) => {
                // The socket sees a frame at each port, too: once is enough.
                if message.address.as_ref().map(LinkAddr::ifindex) != Some(index) {
                    continue;
                }
                let stamp = message.cmsgs()?.find_map(|c| match c {
                    ControlMessageOwned::ScmTimestampns(t) => Some(t),
                    _ => None,
                });
                (message.bytes, stamp.map(Duration::from).unwrap_or_default())
            }
            Err(Errno::EAGAIN) => return Ok(()),
            Err(Errno::EINTR) => continue,
            // A device went down: frames go on with the others.
            Err(Errno::ENETDOWN) => continue,
            Err(e) => return Err(e.into()),
        };
        let bytes = buffer.get(..length).unwrap_or_default().to_vec();
        let frame = Frame { at: wall.saturating_sub(began), wall, bytes };
        sink.lock().unwrap_or_else(PoisonError::into_inner).push(frame);
    }
}

/// Writes frames as a capture file that tcpdump and Wireshark read.
///
/// # Errors
/// The file cannot be written.
pub fn write_pcap(path: &Path, frames: &[Frame]) -> Result<()> {
    let write = || -> io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        // Magic of the variant with nanoseconds, version 2.4, no zone, no accuracy, length, Ethernet.
        for word in [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 65_536, 1] {
            file.write_all(&word.to_le_bytes())?;
        }
        for frame in frames {
            let length = u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX);
            let seconds = u32::try_from(frame.wall.as_secs()).unwrap_or(u32::MAX);
            for word in [seconds, frame.wall.subsec_nanos(), length, length] {
                file.write_all(&word.to_le_bytes())?;
            }
            file.write_all(&frame.bytes)?;
        }
        file.flush()
    };
    write().during(|| format!("{}", path.display()))
}
