//! Sends whole Ethernet frames: gratuitous ARP and neighbour advertisements.

use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use base::IfIndex;
use nix::errno::Errno;

use crate::error::{Context, Result};
use crate::sys::new_fd;

/// A packet socket of protocol 0, which the kernel never feeds with received frames.
#[derive(Debug)]
pub struct PacketSocket {
    fd: OwnedFd,
}

/// What became of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    /// It went out.
    Yes,
    /// The interface is gone or switched off: there is nobody to tell.
    NoLink,
    /// The queue is full.
    Busy,
}

impl PacketSocket {
    /// Opens the socket in the namespace of the calling thread.
    pub fn open() -> Result<Self> {
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // SAFETY: the call takes integers and returns a new descriptor or -1.
        let fd = unsafe { new_fd(libc::socket(libc::AF_PACKET, kind, 0).into()) };
        Ok(Self { fd: fd.on("open", "packet socket")? })
    }

    /// Sends `frame`, from its Ethernet header on, out of interface `link`.
    pub fn send(&self, link: IfIndex, frame: &[u8]) -> Result<Sent> {
        let to = libc::sockaddr_ll {
            sll_family: libc::AF_PACKET as libc::sa_family_t,
            sll_protocol: 0,
            sll_ifindex: libc::c_int::try_from(link.get()).unwrap_or(libc::c_int::MAX),
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 0,
            sll_addr: [0; 8],
        };
        loop {
            // SAFETY: frame and address are live and of the lengths given; the call only reads them.
            let r = unsafe {
                libc::sendto(
                    self.fd.as_raw_fd(),
                    frame.as_ptr().cast(),
                    frame.len(),
                    libc::MSG_DONTWAIT,
                    (&raw const to).cast(),
                    size_of::<libc::sockaddr_ll>() as libc::socklen_t,
                )
            };
            return match Errno::result(r) {
                Ok(_) => Ok(Sent::Yes),
                Err(Errno::EINTR) => continue,
                Err(Errno::ENETDOWN | Errno::ENXIO | Errno::ENODEV) => Ok(Sent::NoLink),
                Err(Errno::EAGAIN | Errno::ENOBUFS) => Ok(Sent::Busy),
                Err(e) => Err(e).on("send frame on interface", link),
            };
        }
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
