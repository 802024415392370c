//! A client that asks an address again and again whether it is there.

use std::io::{self, PipeWriter};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, recv, sendto, socket,
};
use nix::sys::time::TimeSpec;

use crate::error::{Context, Result};
use crate::node::Node;

/// Echo request and reply (RFC 792).
const REQUEST: u8 = 8;
const REPLY: u8 = 0;

/// A client that pings until it is dropped.
pub struct Pinger {
    answers: Arc<Mutex<Vec<Duration>>>,
    interval: Duration,
    began: Instant,
    thread: Option<JoinHandle<()>>,
    /// Closing it ends the thread.
    stop: Option<PipeWriter>,
}

impl Node {
    /// Starts to ping an address from this node, each `interval`.
    ///
    /// # Errors
    /// The node is off, or the kernel refused a socket.
    pub fn ping(&self, target: Ipv4Addr, interval: Duration) -> Result<Pinger> {
        let what = || format!("{}: ping {target}", self.name());
        let socket = self.inside_run(open)?.during(what)?;
        let (stopped, stop) = io::pipe().during(what)?;
        let answers = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&answers);
        let began = self.began();
        let client = Client { socket, stopped: stopped.into(), target, interval };
        let thread = std::thread::Builder::new()
            .name(what())
            .spawn(move || {
                client.run(|| sink.lock().unwrap_or_else(PoisonError::into_inner).push(began.elapsed()))
            })
            .during(what)?;
        Ok(Pinger { answers, interval, began, thread: Some(thread), stop: Some(stop) })
    }
}

impl Pinger {
    /// When the answers came, since the lab began.
    #[must_use]
    pub fn answers(&self) -> Vec<Duration> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// When the last answer came, since the lab began.
    #[must_use]
    pub fn last_answer(&self) -> Option<Duration> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).last().copied()
    }

    /// The longest time without an answer that overlaps the time from `from` until now. One interval
    /// between two answers is no gap.
    #[must_use]
    pub fn longest_gap(&self, from: Duration) -> Duration {
        longest_gap(&self.answers(), from, self.began.elapsed()).saturating_sub(self.interval)
    }
}

impl Drop for Pinger {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Client {
    socket: OwnedFd,
    stopped: OwnedFd,
    target: Ipv4Addr,
    interval: Duration,
}

impl Client {
    fn run(&self, answered: impl Fn()) {
        let to = SockaddrIn::from(SocketAddrV4::new(self.target, 0));
        let mut sequence = 0_u16;
        let mut next = Instant::now();
        loop {
            let rest = next.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                // Nobody there to carry it: then nobody answers either, and that is what we count.
                let _ = sendto(self.socket.as_raw_fd(), &echo_request(sequence), &to, MsgFlags::empty());
                sequence = sequence.wrapping_add(1);
                next += self.interval;
                continue;
            }
            let mut fds = [
                PollFd::new(self.socket.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.stopped.as_fd(), PollFlags::POLLIN),
            ];
            if !matches!(ppoll(&mut fds, Some(TimeSpec::from(rest)), None), Ok(_) | Err(Errno::EINTR))
                || fds[1].any() == Some(true)
            {
                return;
            }
            if fds[0].any() == Some(true) && drain(&self.socket, self.target) {
                answered();
            }
        }
    }
}

fn open() -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    Ok(socket(AddressFamily::Inet, SockType::Raw, flags, SockProtocol::Icmp)?)
}

/// Reads what has arrived; whether an echo reply of `target` was among it.
fn drain(socket: &OwnedFd, target: Ipv4Addr) -> bool {
    let mut answered = false;
    let mut buffer = [0; 256];
    loop {
        match recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
            Ok(length) => answered |= is_reply(buffer.get(..length).unwrap_or_default(), target),
            Err(Errno::EINTR) => {}
            Err(_) => return answered,
        }
    }
}

fn is_reply(packet: &[u8], target: Ipv4Addr) -> bool {
    let Ok(datagram) = wire::ipv4::parse(packet) else { return false };
    datagram.header.src == target && datagram.payload.first() == Some(&REPLY)
}

/// An echo request without data.
fn echo_request(sequence: u16) -> [u8; 8] {
    let [high, low] = sequence.to_be_bytes();
    let mut message = [REQUEST, 0, 0, 0, 0, 1, high, low];
    let [a, b] = wire::checksum::Sum::default().add_bytes(&message).finish().to_be_bytes();
    (message[2], message[3]) = (a, b);
    message
}

/// The longest distance between two of: `from` or the last answer before it, the answers, and `now`.
fn longest_gap(answers: &[Duration], from: Duration, now: Duration) -> Duration {
    let mut last = answers.iter().copied().filter(|at| *at <= from).max().unwrap_or(from);
    let mut longest = Duration::ZERO;
    for at in answers.iter().copied().filter(|at| *at > from).chain([now]) {
        longest = longest.max(at.saturating_sub(last));
        last = at;
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::{echo_request, longest_gap};
    use std::time::Duration;

    #[test]
    fn the_request_has_a_checksum_that_adds_up() {
        assert!(wire::checksum::Sum::default().add_bytes(&echo_request(7)).is_valid());
    }

    #[test]
    fn a_gap_counts_when_it_overlaps_the_time_in_question() {
        let ms = Duration::from_millis;
        let answers = [ms(0), ms(10), ms(100), ms(110)];
        assert_eq!(longest_gap(&answers, ms(0), ms(120)), ms(90));
        assert_eq!(longest_gap(&answers, ms(50), ms(120)), ms(90));
        assert_eq!(longest_gap(&answers, ms(100), ms(120)), ms(10));
        assert_eq!(longest_gap(&answers, ms(100), ms(500)), ms(390));
        assert_eq!(longest_gap(&[], ms(20), ms(50)), ms(30));
    }
}
