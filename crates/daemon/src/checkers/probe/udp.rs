//! `UDP_CHECK`: a datagram, and perhaps its answer. What `DNS_CHECK` and `PING_CHECK` share with it.

use std::io;
use std::os::fd::AsRawFd;

use engine::lvs::io::{Answer, Failure};
use model::lvs::{Connect, MaskedByte, UdpCheck};
use nix::sys::socket::{MsgFlags, recv};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::socket::{self, Kind, errno};
use super::{Deadline, Outcome, Prober};

/// What is sent unless the configuration says otherwise.
const PAYLOAD: &[u8; 32] = b"keepalived check - keepalived ch";

/// A datagram, or an error: an ICMP message that nobody is there.
const HEARD: Interest = Interest::READABLE.add(Interest::ERROR);

/// A connected socket for datagrams. One for ICMP, too, is to the runtime what one for UDP is.
pub(super) fn open(to: &Connect, kind: Kind) -> Outcome<UdpSocket> {
    let (socket, _) = socket::connect(to, kind)?;
    UdpSocket::from_std(socket.into()).map_err(|e| socket::refused(&e, "watch socket"))
}

/// Sends `bytes`.
pub(super) async fn send(socket: &UdpSocket, bytes: &[u8], until: Instant) -> Outcome<()> {
    match timeout_at(until, socket.send(bytes)).await {
        Err(_) => Err(Answer::Failed(Failure::ReadTimeout)),
        Ok(Err(e)) => Err(socket::refused(&e, "send")),
        Ok(Ok(_)) => Ok(()),
    }
}

impl Prober {
    /// Waits for a datagram that `is` says something about.
    pub(super) async fn hear<T>(
        &self,
        socket: &UdpSocket,
        until: Instant,
        mut is: impl FnMut(&[u8]) -> Option<T>,
    ) -> Outcome<T> {
        let failed = |e: &io::Error| Answer::Failed(Failure::Read { errno: errno(e) });
        loop {
            // A server that talks without end does not make it later.
            if Instant::now() >= until {
                return Err(Answer::Failed(Failure::ReadTimeout));
            }
            // The runtime looks at one kind of readiness at a time.
            let heard = match timeout_at(until, socket.ready(HEARD)).await {
                Err(_) => return Err(Answer::Failed(Failure::ReadTimeout)),
                Ok(Err(e)) => return Err(failed(&e)),
                Ok(Ok(ready)) if ready.is_readable() => Interest::READABLE,
                Ok(Ok(_)) => Interest::ERROR,
            };
            let mut scratch = self.scratch.borrow_mut();
            // Not `try_recv`, which would not look when there is nothing but an error.
            let receive = || Ok(recv(socket.as_raw_fd(), &mut scratch, MsgFlags::empty())?);
            match socket.try_io(heard, receive) {
                Ok(n) => {
                    if let Some(found) = is(scratch.get(..n).unwrap_or_default()) {
                        return Ok(found);
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Err(failed(&e)),
            }
        }
    }

    /// `UDP_CHECK`.
    pub(super) async fn udp(&self, to: &Connect, check: &UdpCheck) -> Outcome<()> {
        let until = Deadline::new(to).step();
        let socket = open(to, Kind::Datagram)?;
        send(&socket, check.payload.as_deref().unwrap_or(PAYLOAD), until).await?;
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
