//! The open sockets of the engine, and what is about to be sent through them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use base::{Duration, IfIndex, Instant};
use engine::io::{SocketId, SocketSpec};
use linux::packet_socket::{PacketSocket, Sent};
use linux::poll::{Interest, Poll};
use linux::vrrp_socket::{Outbox, RecvBatch, VrrpSocket};
use linux::{Errno, OsError, kernel};

use crate::log::Line;

struct Open {
    socket: VrrpSocket,
    outbox: Outbox,
    /// The last failure that was told, so that a link which is down isn't told with each advert.
    told: Option<(Errno, Instant)>,
}

/// All sockets of the process.
pub struct Sockets {
    open: BTreeMap<SocketId, Open>,
    /// Sockets with something in their outbox, in the order of its arrival.
    pending: Vec<SocketId>,
    frames: PacketSocket,
    batch: RecvBatch,
    /// Adverts that the kernel did not take.
    pub adverts_failed: u64,
    /// Frames that it did not take.
    pub frames_failed: u64,
}

/// The same failure of the same socket is told again after so long.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// The most batches that one socket may hand over in one turn: a flood must not keep timers waiting.
const BATCHES: usize = 8;

impl Sockets {
    pub fn new() -> Result<Self, OsError> {
        Ok(Self {
            open: BTreeMap::new(),
            pending: Vec::new(),
            frames: PacketSocket::open()?,
            batch: RecvBatch::new(),
            adverts_failed: 0,
            frames_failed: 0,
        })
    }

    /// Opens a socket and reports it to `poll` as `token`.
    pub fn open(
        &mut self,
        poll: &mut Poll,
        token: u64,
        id: SocketId,
        spec: &SocketSpec,
    ) -> Result<(), OsError> {
        let socket = VrrpSocket::open(kernel::socket_spec(spec))?;
        poll.add(&socket, token, Interest::READ)?;
        self.open.insert(id, Open { socket, outbox: Outbox::new(), told: None });
        Ok(())
    }

    /// Closes a socket, which also takes it out of the poll set. What is to be sent goes first.
    pub fn close(&mut self, id: SocketId) {
        self.open.remove(&id);
    }

    /// Puts an advert into the outbox of its socket.
    pub fn push(&mut self, id: SocketId, destination: IpAddr, packet: &[u8]) {
        let Some(open) = self.open.get_mut(&id) else {
            self.adverts_failed += 1;
            return;
        };
        if open.outbox.is_empty() {
            self.pending.push(id);
        }
        open.outbox.push(&open.socket, destination, packet);
    }

    /// Whether there is something in an outbox.
    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Sends what is in the outboxes: one system call for up to 32 adverts of a socket.
    pub fn flush(&mut self, now: Instant, mut tell: impl FnMut(Line)) {
        for id in self.pending.drain(..) {
            let Some(open) = self.open.get_mut(&id) else { continue };
            let mut last = None;
            let mut failures = 0;
            open.outbox.send(&open.socket, |failure| {
                last = Some(failure.errno);
                failures += 1;
            });
            self.adverts_failed += failures;
            match last {
                None => open.told = None,
                Some(errno) => {
                    let again =
                        open.told.is_none_or(|(told, at)| told != errno || now.since(at) >= TELL_AGAIN);
                    if again {
                        open.told = Some((errno, now));
                        let spec = open.socket.spec();
                        tell(Line::info(format!("send advert error on {spec}: {}", errno.desc())));
                    }
                }
            }
        }
    }

    /// Sends an Ethernet frame. A link that is gone is no news: netlink tells that.
    pub fn frame(&mut self, link: IfIndex, frame: &[u8]) {
        if !matches!(self.frames.send(link, frame), Ok(Sent::Yes)) {
            self.frames_failed += 1;
        }
    }

    /// Hands over what waits at a socket.
    ///
    /// # Errors
    /// The socket can't be read. A pending error of an earlier packet is no reason to close it.
    pub fn receive(
        &mut self,
        id: SocketId,
        mut take: impl FnMut(linux::vrrp_socket::Datagram<'_>),
    ) -> Result<(), OsError> {
        let Some(open) = self.open.get(&id) else { return Ok(()) };
        for _ in 0..BATCHES {
            let n = self.batch.receive(&open.socket)?;
            for datagram in self.batch.datagrams(&open.socket) {
                take(datagram);
            }
            if n < RecvBatch::CAPACITY {
                break;
            }
        }
        Ok(())
    }
}
