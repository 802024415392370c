//! Pairs of connected sockets that keep messages apart and carry descriptors: how the processes of
//! the daemon talk to each other.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr, recvmsg,
    sendmsg, socketpair,
};

use crate::error::{Context, OsError, Result};

/// The most descriptors with one message.
pub const MAX_FDS: usize = 16;

/// One end. Non-blocking, closed on exec.
#[derive(Debug)]
pub struct Channel(OwnedFd);

/// What reading gave.
#[derive(Debug)]
pub enum Received {
    /// A message, which is in the caller's buffer up to this length, and what came with it.
    Message(usize, Vec<OwnedFd>),
    /// Nothing now.
    Empty,
    /// The other end is closed.
    Closed,
}

impl Channel {
    /// Two ends connected with each other.
    pub fn pair() -> Result<(Self, Self)> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let (a, b) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)
            .on("open", "pair of sockets")?;
        Ok((Self(a), Self(b)))
    }

    /// Makes the queue of messages to the other end `bytes` large, past the system's limit where the
    /// process may do so. Messages longer than it can't be sent.
    pub fn set_send_buffer(&self, bytes: usize) -> Result<()> {
        let value = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
        let set = |name| crate::sys::set_option(self.as_fd(), libc::SOL_SOCKET, name, &value);
        set(libc::SO_SNDBUFFORCE).or_else(|_| set(libc::SO_SNDBUF)).on("set buffer of", "channel")
    }

    /// Sends a message, which must not be empty, with copies of the descriptors `fds`. Fails with
    /// `EAGAIN` if the queue is full and with `EPIPE` if the other end is closed.
    pub fn send(&self, message: &[u8], fds: &[BorrowedFd<'_>]) -> Result<()> {
        // An empty message can't be told from a closed end.
        if message.is_empty() || fds.len() > MAX_FDS {
            return Err(OsError::new("send on", "channel", Errno::EINVAL));
        }
        let raw: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
        let rights = [ControlMessage::ScmRights(&raw)];
        let control: &[_] = if raw.is_empty() { &[] } else { &rights };
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        loop {
            match sendmsg::<()>(self.0.as_raw_fd(), &[IoSlice::new(message)], control, flags, None) {
                Err(Errno::EINTR) => {}
                other => return other.map(drop).on("send on", "channel"),
            }
        }
    }

    /// Receives a message into `buffer`. One that is longer is lost and fails with `EMSGSIZE`.
    pub fn receive(&self, buffer: &mut [u8]) -> Result<Received> {
        let mut space = nix::cmsg_space!([RawFd; MAX_FDS]);
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
        loop {
            let mut iov = [IoSliceMut::new(buffer)];
            let m = match recvmsg::<UnixAddr>(self.0.as_raw_fd(), &mut iov, Some(&mut space), flags) {
                Ok(m) => m,
                Err(Errno::EINTR) => continue,
                Err(Errno::EAGAIN) => return Ok(Received::Empty),
                Err(Errno::ECONNRESET) => return Ok(Received::Closed),
                Err(e) => return Err(e).on("receive on", "channel"),
            };
            let mut fds = Vec::new();
            for c in m.cmsgs().on("receive on", "channel")? {
                if let ControlMessageOwned::ScmRights(raw) = c {
                    // SAFETY: the kernel has just made these descriptors for us, and nobody else has
                    // seen them.
                    fds.extend(raw.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
                }
            }
            if m.flags.intersects(MsgFlags::MSG_TRUNC | MsgFlags::MSG_CTRUNC) {
                return Err(OsError::new("receive on", "channel", Errno::EMSGSIZE));
            }
            return Ok(if m.bytes == 0 { Received::Closed } else { Received::Message(m.bytes, fds) });
        }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<OwnedFd> for Channel {
    /// Takes over an end that was inherited or received.
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

impl From<Channel> for OwnedFd {
    fn from(c: Channel) -> Self {
        c.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memfd::Memfd;

    #[test]
    fn messages_stay_apart_and_carry_descriptors() {
        let (a, b) = Channel::pair().unwrap();
        let memory = Memfd::sealed("x", b"inside").unwrap();
        a.send(b"one", &[memory.as_fd()]).unwrap();
        a.send(b"two", &[]).unwrap();
        let mut buffer = [0; 16];
        let Received::Message(3, mut fds) = b.receive(&mut buffer).unwrap() else { panic!() };
        assert_eq!(&buffer[..3], b"one");
        assert_eq!(Memfd::adopt(fds.remove(0)).unwrap().read().unwrap(), b"inside");
        assert!(matches!(b.receive(&mut buffer).unwrap(), Received::Message(3, f) if f.is_empty()));
        assert!(matches!(b.receive(&mut buffer).unwrap(), Received::Empty));
        a.send(&[7; 17], &[]).unwrap();
        assert_eq!(b.receive(&mut buffer).unwrap_err().errno, Errno::EMSGSIZE);
        drop(a);
        assert!(matches!(b.receive(&mut buffer).unwrap(), Received::Closed));
        assert_eq!(b.send(b"x", &[]).unwrap_err().errno, Errno::EPIPE);
    }

    #[test]
    fn a_full_queue_is_an_error_and_not_a_wait() {
        let (a, _b) = Channel::pair().unwrap();
        let e = (0..100_000).find_map(|_| a.send(&[0; 1024], &[]).err()).unwrap();
        assert!(e.would_block());
    }
}
