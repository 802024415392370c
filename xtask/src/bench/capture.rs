//! Adverts and gratuitous ARP at the interface of one node, both ways, with the kernel's stamps.
//!
//! During a measurement only the kernel works: it filters, stamps and keeps. We read afterwards.

use std::io::{self, IoSliceMut};
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use lab::Node;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessageOwned, LinkAddr, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

/// `PACKET_OUTGOING` of packet(7).
const OUTGOING: u8 = 4;
/// What the kernel may keep: some 50,000 small frames.
const BUFFER: usize = 64 << 20;

/// Which frames are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Filter {
    /// All adverts, and ARP.
    All,
    /// Adverts of one VRID in 16: 1, 17, 33 and so on.
    Sample,
}

/// One frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Seen {
    /// Wall clock, nanoseconds since 1970.
    pub at: u64,
    /// The node sent it; else it came in.
    pub own: bool,
    /// What it is.
    pub what: What,
}

/// What a frame says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum What {
    /// An advert.
    Advert {
        /// Its virtual router.
        vrid: u8,
        /// Its priority.
        priority: u8,
    },
    /// A gratuitous ARP for this address.
    Garp(Ipv4Addr),
}

impl Seen {
    /// The VRID, if it is an advert.
    pub(super) fn vrid(&self) -> Option<u8> {
        match self.what {
            What::Advert { vrid, .. } => Some(vrid),
            What::Garp(_) => None,
        }
    }
}

/// A packet socket in a node.
pub(super) struct Capture {
    socket: Socket,
    kept: Vec<Seen>,
}

impl Capture {
    /// Opens it.
    pub(super) fn open(node: &Node, filter: Filter) -> Result<Self, String> {
        let open = move || -> io::Result<Socket> {
            let all = Protocol::from(i32::from(0x0003_u16.to_be()));
            let socket = Socket::new(Domain::PACKET, Type::RAW, Some(all))?;
            socket.attach_filter(&program(filter))?;
            socket.set_nonblocking(true)?;
            setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
            if setsockopt(&socket, sockopt::RcvBufForce, &BUFFER).is_err() {
                // Root of a user namespace gets what everybody gets.
                setsockopt(&socket, sockopt::RcvBuf, &BUFFER)?;
            }
            Ok(socket)
        };
        let socket =
            node.inside_run(open).map_err(|e| e.to_string())?.map_err(|e| format!("capture: {e}"))?;
        let mut capture = Self { socket, kept: Vec::new() };
        // Frames that came before the filter.
        capture.clear()?;
        Ok(capture)
    }

    /// Forgets what came so far.
    pub(super) fn clear(&mut self) -> Result<(), String> {
        self.receive()?;
        self.kept.clear();
        Ok(())
    }

    /// What came since the last [`Capture::take`]; it stays.
    pub(super) fn frames(&mut self) -> Result<&[Seen], String> {
        self.receive()?;
        Ok(&self.kept)
    }

    /// What came since the last time.
    pub(super) fn take(&mut self) -> Result<Vec<Seen>, String> {
        self.receive()?;
        Ok(std::mem::take(&mut self.kept))
    }

    /// Waits until `enough` is true of the frames since the last [`Capture::take`]; all of them stay for
    /// it. Says whether that came true within `bound`.
    pub(super) fn wait(
        &mut self,
        bound: Duration,
        mut enough: impl FnMut(&[Seen]) -> bool,
    ) -> Result<bool, String> {
        let end = Instant::now() + bound;
        loop {
            self.receive()?;
            if enough(&self.kept) {
                return Ok(true);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            let left = u16::try_from(left.as_millis().saturating_add(1)).unwrap_or(u16::MAX);
            let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, PollTimeout::from(left)) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(e) => return Err(format!("capture: {e}")),
            }
        }
    }

    fn receive(&mut self) -> Result<(), String> {
        let mut buffer = [0; 256];
        loop {
            let mut control = nix::cmsg_space!(TimeSpec);
            let mut parts = [IoSliceMut::new(&mut buffer)];
            let flags = MsgFlags::empty();
            let fd = self.socket.as_raw_fd();
            let (length, own, at) = match recvmsg::<LinkAddr>(fd, &mut parts, Some(&mut control), flags) {
                Ok(message) => {
                    let own = message.address.as_ref().is_some_and(|a| a.pkttype() == OUTGOING);
                    let stamp = message.cmsgs().map_err(|e| format!("capture: {e}"))?.find_map(|c| match c {
                        ControlMessageOwned::ScmTimestampns(t) => Some(Duration::from(t)),
                        _ => None,
                    });
                    let stamp = stamp.ok_or("capture: a frame without a time stamp")?;
                    (message.bytes, own, nanos(stamp))
                }
                Err(Errno::EAGAIN) => return Ok(()),
                // A device goes down with its node; the socket stays good.
                Err(Errno::EINTR | Errno::ENETDOWN) => continue,
                Err(e) => return Err(format!("capture: {e}")),
            };
            if let Some(what) = decode(buffer.get(..length).unwrap_or_default()) {
                self.kept.push(Seen { at, own, what });
            }
        }
    }
}

/// A time on the wall clock as [`Seen::at`] has it.
pub(super) fn nanos(since_1970: Duration) -> u64 {
    u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX)
}

/// Milliseconds between two stamps; negative if the second was earlier.
pub(super) fn ms_between(earlier: u64, later: u64) -> f64 {
    let ns = i128::from(later) - i128::from(earlier);
    ns as f64 / 1e6
}

const ETHERNET: usize = 14;

fn decode(frame: &[u8]) -> Option<What> {
    let pair = |at: usize| Some([*frame.get(at)?, *frame.get(at + 1)?]);
    match pair(12)? {
        [0x08, 0x00] => {
            let header = usize::from(*frame.get(ETHERNET)? & 0x0f) * 4;
            let [_, vrid] = pair(ETHERNET + header)?;
            Some(What::Advert { vrid, priority: *frame.get(ETHERNET + header + 2)? })
        }
        [0x08, 0x06] => {
            let address = |at: usize| frame.get(at..at + 4).and_then(|b| <[u8; 4]>::try_from(b).ok());
            let (sender, target) = (address(ETHERNET + 14)?, address(ETHERNET + 24)?);
            (sender == target).then(|| What::Garp(sender.into()))
        }
        _ => None,
    }
}

/// The filter as classic BPF. Jumps are relative to the next instruction.
fn program(filter: Filter) -> Vec<SockFilter> {
    const LOAD_HALF: u16 = 0x28;
    const LOAD_BYTE: u16 = 0x30;
    const AND: u16 = 0x54;
    const EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    let op = SockFilter::new;
    let accept = op(RETURN, 0, 0, 0x4_0000);
    let reject = op(RETURN, 0, 0, 0);
    match filter {
        Filter::All => vec![
            op(LOAD_HALF, 0, 0, 12),
            op(EQUAL, 3, 0, 0x0806),
            op(EQUAL, 0, 3, 0x0800),
            op(LOAD_BYTE, 0, 0, 23),
            op(EQUAL, 0, 1, 112),
            accept,
            reject,
        ],
        Filter::Sample => vec![
            op(LOAD_HALF, 0, 0, 12),
            op(EQUAL, 0, 6, 0x0800),
            op(LOAD_BYTE, 0, 0, 23),
            op(EQUAL, 0, 4, 112),
            // The VRID, as these adverts have no IP options.
            op(LOAD_BYTE, 0, 0, 35),
            op(AND, 0, 0, 0x0f),
            op(EQUAL, 0, 1, 1),
            accept,
            reject,
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_request_for_the_own_address_is_gratuitous() {
        let mut frame = vec![0; 42];
        frame[12..14].copy_from_slice(&[8, 6]);
        frame[28..32].copy_from_slice(&[10, 100, 1, 7]);
        assert_eq!(decode(&frame), None);
        frame[38..42].copy_from_slice(&[10, 100, 1, 7]);
        assert_eq!(decode(&frame), Some(What::Garp(Ipv4Addr::new(10, 100, 1, 7))));
        assert_eq!(decode(&frame[..40]), None);
    }

    #[test]
    fn an_advert_is_found_behind_ip_options() {
        let mut frame = vec![0; 60];
        frame[12..14].copy_from_slice(&[8, 0]);
        frame[14] = 0x46;
        frame[38..41].copy_from_slice(&[0x31, 9, 200]);
        assert_eq!(decode(&frame), Some(What::Advert { vrid: 9, priority: 200 }));
    }
}
