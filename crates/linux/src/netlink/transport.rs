//! A non-blocking netlink socket, and the messages in what it receives.

use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use netlink_packet_core::NLM_F_CAPPED;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recvmsg, send, socket,
};

use super::attributes::{attributes, split, text_of};
use crate::error::{Context, Result};
use crate::sys;

/// Longer than any message: links with hundreds of virtual functions take tens of kilobytes.
const BUFFER: usize = 64 * 1024;

const NLM_F_ACK_TLVS: u16 = 0x200;
const NLMSGERR_ATTR_MSG: u16 = 1;

/// What a read gave.
pub(crate) enum Received<'a> {
    /// Messages of the kernel.
    Messages(&'a [u8]),
    /// Something of another process: not believed.
    Foreign,
    /// Nothing is waiting.
    Empty,
    /// Messages were lost since the receive buffer was full.
    Overrun,
    /// The message was longer than the buffer and is lost.
    Truncated,
}

/// The socket.
#[derive(Debug)]
pub(crate) struct Transport {
    fd: OwnedFd,
    buffer: Box<[u8]>,
}

impl Transport {
    /// Opens a socket to the kernel's links, addresses and routes: as [`Transport::to`].
    pub(crate) fn open(receive_buffer: Option<usize>) -> Result<Self> {
        Self::to(SockProtocol::NetlinkRoute, receive_buffer)
    }

    /// Opens a socket to a part of the kernel in the namespace of the calling thread, with a receive
    /// buffer of about `receive_buffer` bytes if given.
    pub(crate) fn to(part: SockProtocol, receive_buffer: Option<usize>) -> Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket(AddressFamily::Netlink, SockType::Raw, flags, part).on("open", "netlink socket")?;
        if let Some(bytes) = receive_buffer {
            sys::set_receive_buffer(fd.as_fd(), bytes).on("set receive buffer of", "netlink socket")?;
        }
        // Linux 4.12 and 4.20: without them errors have no text and dumps are filtered by us alone.
        for option in [libc::NETLINK_EXT_ACK, libc::NETLINK_CAP_ACK, libc::NETLINK_GET_STRICT_CHK] {
            let _ = sys::set_option(fd.as_fd(), libc::SOL_NETLINK, option, &1);
        }
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, 0)).on("bind", "netlink socket")?;
        Ok(Self { fd, buffer: vec![0; BUFFER].into_boxed_slice() })
    }

    /// Joins a multicast group (`RTNLGRP_*`).
    pub(crate) fn subscribe(&self, group: u32) -> Result<()> {
        let number = libc::c_int::try_from(group).unwrap_or(0);
        sys::set_option(self.fd.as_fd(), libc::SOL_NETLINK, libc::NETLINK_ADD_MEMBERSHIP, &number)
            .on("subscribe to netlink group", group)
    }

    /// Attaches a classic BPF program that decides which messages are received.
    pub(crate) fn filter(&self, program: &[libc::sock_filter]) -> Result<()> {
        sys::attach_filter(self.fd.as_fd(), program).on("attach filter to", "netlink socket")
    }

    /// Sends messages to the kernel, which acts on them before this returns.
    pub(crate) fn send(&self, messages: &[u8]) -> std::result::Result<(), Errno> {
        loop {
            match send(self.fd.as_raw_fd(), messages, MsgFlags::MSG_DONTWAIT) {
                Err(Errno::EINTR) => {}
                other => return other.map(drop),
            }
        }
    }

    /// Receives one datagram.
    pub(crate) fn receive(&mut self) -> Result<Received<'_>> {
        let (bytes, from_kernel, truncated) = loop {
            let mut iov = [IoSliceMut::new(&mut self.buffer)];
            match recvmsg::<NetlinkAddr>(self.fd.as_raw_fd(), &mut iov, None, MsgFlags::MSG_DONTWAIT) {
                Ok(m) => {
                    let kernel = m.address.is_some_and(|a| a.pid() == 0);
                    break (m.bytes, kernel, m.flags.contains(MsgFlags::MSG_TRUNC));
                }
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(Received::Empty),
                Err(Errno::ENOBUFS) => return Ok(Received::Overrun),
                Err(e) => return Err(e).on("receive from", "netlink socket"),
            }
        };
        Ok(match (from_kernel, truncated) {
            (false, _) => Received::Foreign,
            (true, true) => Received::Truncated,
            (true, false) => Received::Messages(self.buffer.get(..bytes).unwrap_or(&[])),
        })
    }
}

impl AsFd for Transport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// One message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Message<'a> {
    /// `RTM_*` or `NLMSG_*`.
    pub(crate) kind: u16,
    /// `NLM_F_*`.
    pub(crate) flags: u16,
    /// The number of the request that it answers, 0 for news.
    pub(crate) sequence: u32,
    /// What follows the header.
    pub(crate) payload: &'a [u8],
}

/// The messages in `bytes`; a malformed one ends them.
pub(crate) fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let (header, _) = split::<16>(bytes)?;
        let [l0, l1, l2, l3, k0, k1, f0, f1, s0, s1, s2, s3, ..] = *header;
        let length = usize::try_from(u32::from_ne_bytes([l0, l1, l2, l3])).ok()?;
        let payload = bytes.get(16..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        Some(Message {
            kind: u16::from_ne_bytes([k0, k1]),
            flags: u16::from_ne_bytes([f0, f1]),
            sequence: u32::from_ne_bytes([s0, s1, s2, s3]),
            payload,
        })
    })
}

impl<'a> Message<'a> {
    /// The result in an `NLMSG_ERROR` or `NLMSG_DONE`, and what the kernel says about it.
    pub(crate) fn result(&self) -> std::result::Result<(), (Errno, Option<&'a str>)> {
        let Some((code, rest)) = split::<4>(self.payload) else { return Ok(()) };
        let code = i32::from_ne_bytes(*code);
        if code >= 0 {
            return Ok(());
        }
        let echoed = match split::<4>(rest) {
            _ if libc::c_int::from(self.kind) == libc::NLMSG_DONE => 0,
            _ if self.flags & NLM_F_CAPPED != 0 => 16,
            Some((length, _)) => usize::try_from(u32::from_ne_bytes(*length)).unwrap_or(usize::MAX),
            None => 0,
        };
        let text = (self.flags & NLM_F_ACK_TLVS != 0)
            .then(|| rest.get(echoed.checked_next_multiple_of(4)?..))
            .flatten()
            .and_then(|tlvs| attributes(tlvs).find(|(k, _)| *k == NLMSGERR_ATTR_MSG))
            .and_then(|(_, v)| text_of(v));
        Err((Errno::from_raw(code.saturating_neg()), text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::message::{finish, header};

    #[test]
    fn an_error_is_read_with_the_kernels_words_whatever_its_length() {
        let mut m = Vec::new();
        header(&mut m, 2, NLM_F_CAPPED | NLM_F_ACK_TLVS, 9);
        m.extend((-22i32).to_ne_bytes());
        m.extend([0; 16]);
        m.extend([8, 0, 1, 0, b'b', b'a', b'd', 0]);
        finish(&mut m, 0);
        let first = messages(&m).next().unwrap();
        assert_eq!(first.sequence, 9);
        assert_eq!(first.result(), Err((Errno::EINVAL, Some("bad"))));
        for cut in 0..m.len() {
            for message in messages(&m[..cut]) {
                let _ = message.result();
            }
            let mut short = m[..cut].to_vec();
            finish(&mut short, 0);
            for message in messages(&short) {
                let _ = message.result();
            }
        }
    }
}
