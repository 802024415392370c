//! `UDP_CHECK`: a datagram, and perhaps its answer. What `DNS_CHECK` and `PING_CHECK` share with it.

use std::io;
use std::net::UdpSocket;

use base::Instant;
use engine::lvs::io::{Answer, Failure};
use linux::clock;
use linux::poll::Interest;
use model::lvs::{Connect, MaskedByte, UdpCheck};

use super::socket::{self, Kind, errno};
use super::{Deadline, Outcome, Prober};

/// What is sent unless the configuration says otherwise.
const PAYLOAD: &[u8; 32] = b"keepalived check - keepalived ch";

/// A connected socket for datagrams. One for ICMP, too, is to the standard library what one for UDP is.
pub(super) fn open(to: &Connect, kind: Kind) -> Outcome<UdpSocket> {
    socket::connect(to, kind).map(|(socket, _)| socket.into())
}

impl Prober {
    /// Sends `bytes`.
    pub(super) async fn send(&self, socket: &UdpSocket, bytes: &[u8], until: Instant) -> Outcome<()> {
        loop {
            match socket.send(bytes) {
                Ok(_) => return Ok(()),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Err(socket::refused(&e, "send")),
            }
            if self.waits.ready(socket, Interest::WRITE, until).await.is_none() {
                return Err(Answer::Failed(Failure::ReadTimeout));
            }
        }
    }

    /// Waits for a datagram that `is` says something about.
    pub(super) async fn hear<T>(
        &self,
        socket: &UdpSocket,
        until: Instant,
        mut is: impl FnMut(&[u8]) -> Option<T>,
    ) -> Outcome<T> {
        loop {
            // A server that talks without end does not make it later. Neither does an error stay unheard:
            // an ICMP message that nobody is there.
            if clock::now() >= until || self.waits.ready(socket, Interest::READ, until).await.is_none() {
                return Err(Answer::Failed(Failure::ReadTimeout));
            }
            let mut scratch = self.scratch.borrow_mut();
            match socket.recv(&mut scratch) {
                Ok(n) => {
                    if let Some(found) = is(scratch.get(..n).unwrap_or_default()) {
                        return Ok(found);
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Err(Answer::Failed(Failure::Read { errno: errno(&e) })),
            }
        }
    }

    /// `UDP_CHECK`.
    pub(super) async fn udp(&self, to: &Connect, check: &UdpCheck) -> Outcome<()> {
        let until = Deadline::new(to).step();
        let socket = open(to, Kind::Datagram)?;
        self.send(&socket, check.payload.as_deref().unwrap_or(PAYLOAD), until).await?;
        match self.hear(&socket, until, |reply| Some(is_wanted(check, reply))).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Answer::Failed(Failure::Mismatch)),
            // Silence is no objection.
            Err(Answer::Failed(Failure::ReadTimeout)) if check.reply.is_none() => Ok(()),
            Err(answer) => Err(answer),
        }
    }
}

/// Whether the reply is as it should be. As with keepalived its length matters only if bytes are wanted,
/// and as many of them are compared as both have.
fn is_wanted(check: &UdpCheck, reply: &[u8]) -> bool {
    let wanted: &[MaskedByte] = check.reply.as_deref().unwrap_or_default();
    let lengths = usize::from(check.min_reply)..=usize::from(check.max_reply);
    wanted.is_empty()
        || (lengths.contains(&reply.len())
            && wanted.iter().zip(reply).all(|(wanted, byte)| byte & wanted.mask == wanted.value))
}
