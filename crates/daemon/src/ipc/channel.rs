//! One end of a channel: typed, never waiting, and with a bounded queue.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use linux::OsError;
use linux::seqpacket::{self, Channel as Socket};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{MAX_MESSAGE, MessageError, decode, encode};

/// A message and the descriptor that came with it.
#[derive(Debug)]
pub struct Received<T> {
    /// The message.
    pub message: T,
    /// The descriptor.
    pub fd: Option<OwnedFd>,
}

/// Why nothing can be received.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The other end is gone.
    #[error("the other end is gone")]
    Closed,
    /// The system refused.
    #[error(transparent)]
    System(#[from] OsError),
    /// The message makes no sense.
    #[error(transparent)]
    Message(#[from] MessageError),
}

/// One end of a channel that sends `Tx` and receives `Rx`.
///
/// Sending never waits. What the other end has no room for waits here, up to a number of messages;
/// what doesn't fit is dropped and counted, and it is always the newest that goes, so that what is
/// delivered has no holes but one at its end. A channel can lose its socket (its peer died) and be
/// given another; what waits stays.
#[derive(Debug)]
pub struct Channel<Tx, Rx> {
    socket: Option<Socket>,
    waiting: VecDeque<(Vec<u8>, Option<OwnedFd>)>,
    room: usize,
    lost: u64,
    buffer: Box<[u8]>,
    types: PhantomData<fn(Tx) -> Rx>,
}

impl<Tx: Serialize, Rx: DeserializeOwned> Channel<Tx, Rx> {
    /// A channel over `socket` that keeps up to `room` messages waiting.
    pub fn new(socket: Option<Socket>, room: usize) -> Self {
        Self {
            socket,
            waiting: VecDeque::new(),
            room,
            lost: 0,
            buffer: vec![0; MAX_MESSAGE + 1].into_boxed_slice(),
            types: PhantomData,
        }
    }

    /// Gives the channel another socket, or none.
    pub fn connect(&mut self, socket: Option<Socket>) {
        self.socket = socket;
    }

    /// Whether it has a socket.
    pub fn is_connected(&self) -> bool {
        self.socket.is_some()
    }

    /// Sends a message, now or later, or drops and counts it if too many wait
    /// ([`Channel::lost`]).
    ///
    /// # Errors
    /// It can't be encoded.
    pub fn send(&mut self, message: &Tx) -> Result<(), MessageError> {
        let bytes = encode(message)?;
        if self.waiting.len() >= self.room {
            self.flush();
        }
        if self.waiting.len() >= self.room {
            self.lost += 1;
        } else {
            self.push(bytes, None);
        }
        Ok(())
    }

    /// Sends a message that is never dropped: one that will be answered, or of which only a few can
    /// wait.
    ///
    /// # Errors
    /// As [`Channel::send`].
    pub fn must_send(&mut self, message: &Tx, fd: Option<OwnedFd>) -> Result<(), MessageError> {
        let bytes = encode(message)?;
        self.push(bytes, fd);
        Ok(())
    }

    fn push(&mut self, bytes: Vec<u8>, fd: Option<OwnedFd>) {
        self.waiting.push_back((bytes, fd));
        self.flush();
    }

    /// Sends what there is room for.
    pub fn flush(&mut self) {
        let Some(socket) = &self.socket else { return };
        while let Some((bytes, fd)) = self.waiting.front() {
            match socket.send(bytes, fd.as_ref().map(AsFd::as_fd).as_slice()) {
                Ok(()) => drop(self.waiting.pop_front()),
                // No room, or nobody there any more, which reading will tell.
                Err(_) => return,
            }
        }
    }

    /// Whether messages wait: flush again when the socket is writable.
    pub fn is_waiting(&self) -> bool {
        self.socket.is_some() && !self.waiting.is_empty()
    }

    /// Takes what waits, to begin anew with another peer.
    pub fn take_waiting(&mut self) -> Vec<Tx>
    where
        Tx: DeserializeOwned,
    {
        self.waiting.drain(..).filter_map(|(bytes, _)| decode(&bytes).ok()).collect()
    }

    /// How many messages found no room, since the start.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// The next message; `None` if there is none now.
    ///
    /// # Errors
    /// The other end is gone, or says something that makes no sense.
    pub fn receive(&mut self) -> Result<Option<Received<Rx>>, ReceiveError> {
        let Some(socket) = &self.socket else { return Ok(None) };
        match socket.receive(&mut self.buffer)? {
            seqpacket::Received::Empty => Ok(None),
            seqpacket::Received::Closed => Err(ReceiveError::Closed),
            seqpacket::Received::Message(length, mut fds) => {
                let message = decode(self.buffer.get(..length).unwrap_or_default())?;
                Ok(Some(Received { message, fd: fds.pop() }))
            }
        }
    }

    /// The descriptor to wait for.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.socket.as_ref().map(AsFd::as_fd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use linux::memfd::Memfd;

    type Ours = Channel<String, u32>;
    type Theirs = Channel<u32, String>;

    fn pair(room: usize) -> (Ours, Theirs) {
        let (a, b) = Socket::pair().unwrap();
        (Channel::new(Some(a), room), Channel::new(Some(b), room))
    }

    #[test]
    fn messages_and_descriptors_arrive_in_order_and_then_the_end() {
        let (mut ours, mut theirs) = pair(1);
        let file = Memfd::sealed("x", b"inside").unwrap();
        ours.must_send(&"with".to_owned(), Some(file.into())).unwrap();
        ours.send(&"without".to_owned()).unwrap();
        theirs.send(&7).unwrap();
        assert_eq!(ours.receive().unwrap().unwrap().message, 7);
        let first = theirs.receive().unwrap().unwrap();
        let inside = Memfd::adopt(first.fd.unwrap()).unwrap().read().unwrap();
        assert_eq!((first.message.as_str(), inside.as_slice()), ("with", &b"inside"[..]));
        let second = theirs.receive().unwrap().unwrap();
        assert_eq!((second.message.as_str(), second.fd.is_none()), ("without", true));
        assert!(theirs.receive().unwrap().is_none());
        drop(ours);
        assert!(matches!(theirs.receive(), Err(ReceiveError::Closed)));
    }

    #[test]
    fn a_peer_that_does_not_read_costs_the_newest_messages_and_never_time() {
        let (mut ours, mut theirs) = pair(10);
        let long = "x".repeat(8_000);
        for n in 0..1_000 {
            ours.send(&format!("{n} {long}")).unwrap();
        }
        assert!(ours.is_waiting() && ours.lost() > 0);
        let mut next = 0;
        loop {
            ours.flush();
            let Some(received) = theirs.receive().unwrap() else { break };
            assert!(received.message.starts_with(&format!("{next} ")), "no hole before the end");
            next += 1;
        }
        assert_eq!(next + ours.lost(), 1_000);
        ours.send(&"after".to_owned()).unwrap();
        assert_eq!(theirs.receive().unwrap().unwrap().message, "after");
    }

    #[test]
    fn what_waits_survives_its_peer() {
        let mut ours = Ours::new(None, 10);
        ours.send(&"one".to_owned()).unwrap();
        assert!(!ours.is_waiting(), "there is nothing to wait for");
        let (a, b) = Socket::pair().unwrap();
        ours.connect(Some(a));
        ours.flush();
        let mut theirs = Theirs::new(Some(b), 1);
        assert_eq!(theirs.receive().unwrap().unwrap().message, "one");
    }
}
