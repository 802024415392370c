//! The client: asks the virtual address every 10 ms whether it is there.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, recv, sendto, socket,
};

/// How often it asks.
pub const INTERVAL: Duration = Duration::from_millis(10);

/// A thread that pings until it is dropped.
pub struct Pinger {
    answers: Arc<Mutex<Vec<Duration>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    began: Instant,
}

/// Opens the socket; to be called inside the client's namespace.
pub fn open() -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    Ok(socket(AddressFamily::Inet, SockType::Raw, flags, SockProtocol::Icmp)?)
}

impl Pinger {
    /// Pings `target` through `socket`; times count from `began`.
    pub fn start(socket: OwnedFd, target: Ipv4Addr, began: Instant) -> io::Result<Self> {
        let answers = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (sink, stopped) = (Arc::clone(&answers), Arc::clone(&stop));
        let thread = std::thread::Builder::new().name("client".to_owned()).spawn(move || {
            let to = SockaddrIn::from(std::net::SocketAddrV4::new(target, 0));
            let mut next = Instant::now();
            for sequence in 0..=u16::MAX {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                // Nobody there to carry it: then nobody answers either, and that is what we count.
                let _ = sendto(socket.as_raw_fd(), &echo_request(sequence), &to, MsgFlags::empty());
                next += INTERVAL;
                while let Some(rest) = next.checked_duration_since(Instant::now()).filter(|r| !r.is_zero()) {
                    std::thread::park_timeout(rest.min(Duration::from_millis(1)));
                    if drain(&socket, target) {
                        sink.lock().unwrap_or_else(PoisonError::into_inner).push(began.elapsed());
                    }
                }
            }
        })?;
        Ok(Self { answers, stop, thread: Some(thread), began })
    }

    /// When the last answer came.
    pub fn last_answer(&self) -> Option<Duration> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).last().copied()
    }

    /// The longest time without an answer that overlaps the time from `from` until now.
    pub fn longest_silence(&self, from: Duration) -> Duration {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.began.elapsed();
        let before = answers.iter().rev().find(|at| **at <= from).copied().unwrap_or(from);
        let inside = answers.iter().copied().filter(|at| *at > from);
        let mut longest = Duration::ZERO;
        let mut last = before;
        for at in inside.chain([now]) {
            longest = longest.max(at.saturating_sub(last));
            last = at;
        }
        // An answer every 10 ms is no silence.
        longest.saturating_sub(INTERVAL)
    }
}

impl Drop for Pinger {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
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
    // Type 0: echo reply (RFC 792).
    datagram.header.src == target && datagram.payload.first() == Some(&0)
}

/// An echo request (RFC 792) without data.
fn echo_request(sequence: u16) -> [u8; 8] {
    let [high, low] = sequence.to_be_bytes();
    let mut message = [8, 0, 0, 0, 0x56, 0x49, high, low];
    let [a, b] = wire::checksum::Sum::default().add_bytes(&message).finish().to_be_bytes();
    (message[2], message[3]) = (a, b);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_has_a_checksum_that_adds_up() {
        assert!(wire::checksum::Sum::default().add_bytes(&echo_request(7)).is_valid());
    }
}
