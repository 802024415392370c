//! Several packets with one system call, and no allocation for any of them.

use std::mem::size_of;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;

use base::{Family, IfIndex};
use socket2::SockAddr;

use super::{Scope, VrrpSocket};
use crate::error::{Context, Errno, Result};

/// A packet as it came from the network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Datagram<'a> {
    /// Where it came from.
    pub source: IpAddr,
    /// Where it was sent to.
    pub destination: IpAddr,
    /// TTL or hop limit on arrival.
    pub hop_limit: Option<u8>,
    /// The interface on which it arrived, as far as the socket is bound to one or the kernel says it.
    pub link: Option<IfIndex>,
    /// IPv4 from the IP header on, IPv6 from behind it.
    pub bytes: &'a [u8],
}

/// As many packets as one call takes in.
const PACKETS: usize = 32;
/// Longer than any advert: 255 IPv6 addresses, the authentication's trailer, and an IP header with
/// all options. What is longer is cut and refused for its length.
const PACKET: usize = 4352;
/// Room for what comes along with an IPv6 packet: its hop limit and its destination.
const CONTROL: usize = 96;

/// Control messages have to be aligned as their header is.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL]);

/// Buffers for received packets, to be used for all sockets of a process in turn. What no packet ever
/// needed takes no memory.
pub struct RecvBatch {
    data: Box<[[u8; PACKET]]>,
    control: Box<[Control]>,
    names: Box<[libc::sockaddr_in6]>,
    lengths: Vec<Meta>,
    /// How many packets to have room for at first.
    usual: usize,
}

/// What the kernel says about a packet.
#[derive(Clone, Copy)]
struct Meta {
    length: usize,
    control: usize,
}

impl Default for RecvBatch {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for RecvBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RecvBatch({} of {PACKETS})", self.lengths.len())
    }
}

fn no_name() -> libc::sockaddr_in6 {
    libc::sockaddr_in6 {
        sin6_family: 0,
        sin6_port: 0,
        sin6_flowinfo: 0,
        sin6_addr: libc::in6_addr { s6_addr: [0; 16] },
        sin6_scope_id: 0,
    }
}

const fn no_message() -> libc::mmsghdr {
    // SAFETY: a struct of integers and pointers, for which all zero is valid.
    unsafe { std::mem::zeroed() }
}

impl RecvBatch {
    /// The most packets of one call.
    pub const CAPACITY: usize = PACKETS;

    /// Empty buffers.
    #[must_use]
    pub fn new() -> Self {
        Self {
            data: vec![[0; PACKET]; PACKETS].into_boxed_slice(),
            control: vec![Control([0; CONTROL]); PACKETS].into_boxed_slice(),
            names: vec![no_name(); PACKETS].into_boxed_slice(),
            lengths: Vec::with_capacity(PACKETS),
            usual: 2,
        }
    }

    /// Fills the buffers with what waits at `socket`, and says how many packets that are. Fewer than
    /// [`RecvBatch::CAPACITY`] means that no more is waiting.
    pub fn receive(&mut self, socket: &VrrpSocket) -> Result<usize> {
        self.lengths.clear();
        // Room costs time to prepare: as much as was needed the last time and one more, to see the end.
        let mut room = self.usual;
        while room > 0 {
            let n = self.receive_some(socket, room)?;
            if n < room {
                break;
            }
            room = PACKETS - self.lengths.len();
        }
        self.usual = (self.lengths.len() + 1).min(PACKETS);
        Ok(self.lengths.len())
    }

    /// One call for up to `room` packets more.
    fn receive_some(&mut self, socket: &VrrpSocket, room: usize) -> Result<usize> {
        let mut iov = [libc::iovec { iov_base: ptr::null_mut(), iov_len: PACKET }; PACKETS];
        let mut headers = [const { no_message() }; PACKETS];
        let v6 = socket.spec.family() == Family::V6;
        let parts = self.data.iter_mut().zip(self.control.iter_mut()).zip(self.names.iter_mut());
        let parts = parts.skip(self.lengths.len()).zip(iov.iter_mut().zip(headers.iter_mut())).take(room);
        let mut count: libc::c_uint = 0;
        for (((data, control), name), (iov, header)) in parts {
            count += 1;
            iov.iov_base = data.as_mut_ptr().cast();
            let h = &mut header.msg_hdr;
            h.msg_iov = ptr::from_mut(iov);
            h.msg_iovlen = 1;
            // An IPv4 packet says everything itself.
            if v6 {
                h.msg_name = ptr::from_mut(name).cast();
                h.msg_namelen = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
                h.msg_control = control.0.as_mut_ptr().cast();
                h.msg_controllen = CONTROL;
            }
        }
        let n = loop {
            // SAFETY: the first `count` headers point to buffers of the lengths given, which outlive
            // the call and are not otherwise used during it; `sockaddr_in6` is large enough for either
            // family.
            let r = unsafe {
                libc::recvmmsg(
                    socket.as_fd().as_raw_fd(),
                    headers.as_mut_ptr(),
                    count,
                    libc::MSG_DONTWAIT,
                    ptr::null_mut(),
                )
            };
            match Errno::result(r) {
                Ok(n) => break usize::try_from(n).unwrap_or(0),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => break 0,
                Err(e) => return Err(e).on("receive from", &socket.spec),
            }
        };
        self.lengths.extend(headers.iter().take(n).map(|h| Meta {
            length: usize::try_from(h.msg_len).unwrap_or(0).min(PACKET),
            control: h.msg_hdr.msg_controllen.min(CONTROL),
        }));
        Ok(n)
    }

    /// The packets of the last [`RecvBatch::receive`], which was on `socket`, in the order of their
    /// arrival. What isn't even an IP packet is left out.
    pub fn datagrams<'a>(&'a self, socket: &'a VrrpSocket) -> impl Iterator<Item = Datagram<'a>> {
        let link = socket.spec.link;
        let v4 = socket.spec.family() == Family::V4;
        let parts = self.data.iter().zip(&self.control).zip(&self.names);
        self.lengths.iter().zip(parts).filter_map(move |(meta, ((data, control), name))| {
            let bytes = data.get(..meta.length)?;
            if v4 {
                return datagram4(bytes, link);
            }
            let (hop_limit, info) = control_messages(control, meta.control);
            let (Scope::Multicast(own) | Scope::Unicast(own)) = socket.spec.scope;
            Some(Datagram {
                source: Ipv6Addr::from(name.sin6_addr.s6_addr).into(),
                destination: info.map_or(own, |(a, _)| a.into()),
                hop_limit,
                link: info.and_then(|(_, i)| IfIndex::new(i)).or(link),
                bytes,
            })
        })
    }
}

/// An IPv4 packet says everything itself.
fn datagram4(bytes: &[u8], link: Option<IfIndex>) -> Option<Datagram<'_>> {
    let address =
        |at: usize| bytes.get(at..at + 4)?.first_chunk::<4>().map(|b| IpAddr::V4(Ipv4Addr::from(*b)));
    let (source, destination) = (address(12)?, address(16)?);
    Some(Datagram { source, destination, hop_limit: bytes.get(8).copied(), link, bytes })
}

/// Hop limit, and destination with interface, out of the first `length` bytes of `control`.
fn control_messages(control: &Control, length: usize) -> (Option<u8>, Option<(Ipv6Addr, u32)>) {
    const HEADER: usize = size_of::<libc::cmsghdr>();
    const WORD: usize = size_of::<usize>();
    let mut rest = control.0.get(..length).unwrap_or(&[]);
    let (mut hop_limit, mut info) = (None, None);
    // By hand rather than by the C macros: the layout is fixed, and so the bounds are checked.
    while let Some((header, _)) = rest.split_first_chunk::<HEADER>() {
        let (size, tail) = header.split_at(WORD);
        let size = size.first_chunk().map_or(0, |b| usize::from_ne_bytes(*b));
        let number = |at: usize| tail.get(at..)?.first_chunk().map(|b| i32::from_ne_bytes(*b));
        let Some(value) = rest.get(HEADER..size) else { break };
        match (number(0), number(4)) {
            (Some(libc::IPPROTO_IPV6), Some(libc::IPV6_HOPLIMIT)) => {
                let n = value.first_chunk().map(|b| i32::from_ne_bytes(*b));
                hop_limit = n.and_then(|n| u8::try_from(n).ok());
            }
            (Some(libc::IPPROTO_IPV6), Some(libc::IPV6_PKTINFO)) => {
                info = value.split_first_chunk::<16>().and_then(|(address, index)| {
                    let index = u32::from_ne_bytes(*index.first_chunk()?);
                    Some((Ipv6Addr::from(*address), index))
                });
            }
            _ => {}
        }
        rest = rest.get(size.next_multiple_of(WORD)..).unwrap_or(&[]);
    }
    (hop_limit, info)
}

/// A packet that could not be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SendFailure {
    /// Which one of those given, from 0.
    pub index: usize,
    /// Why.
    pub errno: Errno,
}

/// Packets to be sent through one socket with one system call.
#[derive(Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    packets: Vec<(usize, SockAddr)>,
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Outbox({} packets)", self.packets.len())
    }
}

impl Outbox {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a packet to `destination`: of IPv4 with its header, of IPv6 without.
    pub fn push(&mut self, socket: &VrrpSocket, destination: IpAddr, packet: &[u8]) {
        self.bytes.extend_from_slice(packet);
        self.packets.push((packet.len(), socket.socket_address(destination)));
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Sends all packets through `socket`, which is the one that they were pushed for, and empties the
    /// box. One that can't be sent doesn't keep the others from going out; it is told to `failed`.
    pub fn send(&mut self, socket: &VrrpSocket, mut failed: impl FnMut(SendFailure)) {
        let mut rest = self.packets.as_slice();
        let (mut index, mut offset) = (0, 0);
        while !rest.is_empty() {
            let chunk = rest.get(..PACKETS).unwrap_or(rest);
            let done = match send_chunk(socket, &self.bytes, offset, chunk) {
                Ok(n) => n.clamp(1, chunk.len()),
                Err(Errno::EINTR) => continue,
                Err(errno) => {
                    failed(SendFailure { index, errno });
                    1
                }
            };
            let (sent, remaining) = rest.split_at(done);
            offset += sent.iter().map(|(n, _)| n).sum::<usize>();
            index += done;
            rest = remaining;
        }
        self.bytes.clear();
        self.packets.clear();
    }
}

/// Sends `chunk`, whose packets stand in `bytes` from `offset` on; how many were sent.
fn send_chunk(
    socket: &VrrpSocket,
    bytes: &[u8],
    mut offset: usize,
    chunk: &[(usize, SockAddr)],
) -> std::result::Result<usize, Errno> {
    let mut iov = [libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 }; PACKETS];
    let mut headers = [const { no_message() }; PACKETS];
    for ((length, name), (iov, header)) in chunk.iter().zip(iov.iter_mut().zip(headers.iter_mut())) {
        let packet = bytes.get(offset..offset + length).ok_or(Errno::EINVAL)?;
        offset += length;
        iov.iov_base = packet.as_ptr().cast_mut().cast();
        iov.iov_len = packet.len();
        let h = &mut header.msg_hdr;
        h.msg_iov = ptr::from_mut(iov);
        h.msg_iovlen = 1;
        h.msg_name = name.as_ptr().cast_mut().cast();
        h.msg_namelen = name.len();
    }
    // SAFETY: the first `chunk.len()` headers point to packets and names that outlive the call, which
    // only reads them.
    let r = unsafe {
        libc::sendmmsg(
            socket.as_fd().as_raw_fd(),
            headers.as_mut_ptr(),
            chunk.len().min(PACKETS) as libc::c_uint,
            socket.flags(),
        )
    };
    Errno::result(r).map(|n| usize::try_from(n).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_messages_are_read_within_their_bounds() {
        let mut c = Control([0; CONTROL]);
        let mut bytes = Vec::new();
        let mut push = |kind: i32, value: &[u8]| {
            bytes.extend((16 + value.len()).to_ne_bytes());
            bytes.extend(libc::IPPROTO_IPV6.to_ne_bytes());
            bytes.extend(kind.to_ne_bytes());
            bytes.extend(value);
            bytes.resize(bytes.len().next_multiple_of(8), 0);
        };
        push(libc::IPV6_HOPLIMIT, &255i32.to_ne_bytes());
        let mut info = Ipv6Addr::LOCALHOST.octets().to_vec();
        info.extend(3u32.to_ne_bytes());
        push(libc::IPV6_PKTINFO, &info);
        c.0[..bytes.len()].copy_from_slice(&bytes);
        let all = (Some(255), Some((Ipv6Addr::LOCALHOST, 3)));
        assert_eq!(control_messages(&c, bytes.len()), all);
        for cut in 0..bytes.len() {
            let _ = control_messages(&c, cut);
        }
        c.0[..8].copy_from_slice(&usize::MAX.to_ne_bytes());
        assert_eq!(control_messages(&c, CONTROL), (None, None));
        c.0[..8].copy_from_slice(&3usize.to_ne_bytes());
        assert_eq!(control_messages(&c, CONTROL), (None, None));
    }

    #[test]
    fn a_packet_too_short_for_an_ip_header_is_none() {
        let packet = [1u8; 20];
        for cut in 0..20 {
            assert_eq!(datagram4(&packet[..cut], None), None);
        }
        assert_eq!(datagram4(&packet, None).unwrap().hop_limit, Some(1));
    }
}
