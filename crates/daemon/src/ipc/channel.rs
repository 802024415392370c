//! One end of a channel: typed, never waiting, and with a bounded queue.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use linux::OsError;
use linux::seqpacket::{self, Channel as Socket};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{MAX_MESSAGE, MessageError, append, decode_first, encode, unwrap};

/// So many posted messages go at once; those that follow before the next [`Channel::flush`] share packets.
const BURST: usize = 16;

/// A packet of posted messages is that long at most, in bytes. The kernel takes a buffer of 8 KiB for it, of which
/// two dozen find room in a socket.
const PACKET: usize = 7 * 1024;

/// So many packets that wait are nothing unusual.
const USUAL: usize = 64;

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
///
/// A packet is one message, or several that were posted ([`Channel::post`]) one after the other.
#[derive(Debug)]
pub struct Channel<Tx, Rx> {
    socket: Option<Socket>,
    waiting: VecDeque<Packet>,
    /// Messages in [`Channel::waiting`].
    held: usize,
    room: usize,
    lost: u64,
    /// Messages that were posted since the last flush.
    posted: usize,
    buffer: Box<[u8]>,
    /// Where in the buffer those messages of the last packet are that nobody has received.
    unread: Range<usize>,
    types: PhantomData<fn(Tx) -> Rx>,
}

/// What goes in one piece.
#[derive(Debug)]
struct Packet {
    bytes: Vec<u8>,
    fd: Option<OwnedFd>,
    /// So many messages.
    messages: usize,
}

impl<Tx: Serialize, Rx: DeserializeOwned> Channel<Tx, Rx> {
    /// A channel over `socket` that keeps up to `room` messages waiting.
    pub fn new(socket: Option<Socket>, room: usize) -> Self {
        Self {
            socket,
            waiting: VecDeque::new(),
            held: 0,
            room,
            lost: 0,
            posted: 0,
            buffer: vec![0; MAX_MESSAGE + 1].into_boxed_slice(),
            unread: 0..0,
            types: PhantomData,
        }
    }

    /// Gives the channel another socket, or none.
    pub fn connect(&mut self, socket: Option<Socket>) {
        self.socket = socket;
        self.unread = 0..0;
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
        if self.has_room() {
            self.push(bytes, None);
        }
        Ok(())
    }

    /// As [`Channel::send`], for messages of which thousands may come at once: the first few go at once, those
    /// that follow share packets, which go when they are full, before any other message, and with the next
    /// [`Channel::flush`].
    ///
    /// # Errors
    /// As [`Channel::send`].
    pub fn post(&mut self, message: &Tx) -> Result<(), MessageError> {
        let bytes = encode(message)?;
        if !self.has_room() {
            return Ok(());
        }
        self.posted += 1;
        if self.posted <= BURST {
            self.push(bytes, None);
            return Ok(());
        }
        let fits = |last: &Packet| last.fd.is_none() && last.bytes.len() + bytes.len() <= PACKET;
        if self.waiting.back().is_some_and(|last| !fits(last)) {
            self.drain();
        }
        match self.waiting.back_mut().filter(|last| fits(last)) {
            Some(last) => {
                append(&mut last.bytes, &bytes);
                last.messages += 1;
            }
            None => self.waiting.push_back(Packet { bytes, fd: None, messages: 1 }),
        }
        self.held += 1;
        Ok(())
    }

    /// Whether one more message may wait; if not, it is counted as lost.
    fn has_room(&mut self) -> bool {
        if self.held >= self.room {
            self.drain();
        }
        let has_room = self.held < self.room;
        self.lost += u64::from(!has_room);
        has_room
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
        self.waiting.push_back(Packet { bytes, fd, messages: 1 });
        self.held += 1;
        self.drain();
    }

    /// Sends what there is room for.
    pub fn flush(&mut self) {
        self.posted = 0;
        self.drain();
    }

    fn drain(&mut self) {
        let Some(socket) = &self.socket else { return };
        while let Some(Packet { bytes, fd, messages }) = self.waiting.front() {
            // No room, or nobody there any more, which reading will tell.
            if socket.send(bytes, fd.as_ref().map(AsFd::as_fd).as_slice()).is_err() {
                return;
            }
            self.held = self.held.saturating_sub(*messages);
            self.waiting.pop_front();
        }
        if self.waiting.capacity() > USUAL {
            // After a flood.
            self.waiting.shrink_to(USUAL);
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
        self.held = 0;
        let mut out = Vec::new();
        for packet in self.waiting.drain(..) {
            let mut rest = unwrap(&packet.bytes).unwrap_or_default();
            while let Ok((message, behind)) = decode_first(rest) {
                out.push(message);
                rest = behind;
            }
        }
        out
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
        let mut fd = None;
        if self.unread.is_empty() {
            match socket.receive(&mut self.buffer)? {
                seqpacket::Received::Empty => return Ok(None),
                seqpacket::Received::Closed => return Err(ReceiveError::Closed),
                seqpacket::Received::Message(length, mut fds) => {
                    fd = fds.pop();
                    let inside = unwrap(self.buffer.get(..length).unwrap_or_default())?;
                    self.unread = length - inside.len()..length;
                }
            }
        }
        // What can't be read is not read twice.
        let Range { start, end } = std::mem::take(&mut self.unread);
        let (message, behind) = decode_first(self.buffer.get(start..end).unwrap_or_default())?;
        self.unread = end - behind.len()..end;
        Ok(Some(Received { message, fd }))
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
    fn posted_messages_share_packets_and_arrive_in_order_with_all_others() {
        let (ours, theirs) = Socket::pair().unwrap();
        let mut ours = Ours::new(Some(ours), 10_000);
        let text = |n: usize| format!("{n} {}", "x".repeat(50));
        for n in 0..500 {
            ours.post(&text(n)).unwrap();
        }
        ours.must_send(&"urgent".to_owned(), None).unwrap();
        ours.post(&text(500)).unwrap();
        assert!(ours.is_waiting(), "it waits for others");
        ours.flush();
        assert!(!ours.is_waiting());
        let mut packets = 0;
        let mut buffer = vec![0; MAX_MESSAGE];
        let (a, b) = Socket::pair().unwrap();
        while let seqpacket::Received::Message(length, _) = theirs.receive(&mut buffer).unwrap() {
            packets += 1;
            a.send(&buffer[..length], &[]).unwrap();
        }
        assert!((BURST..BURST + 10).contains(&packets), "{packets} packets");
        let mut theirs = Theirs::new(Some(b), 1);
        let got: Vec<String> =
            std::iter::from_fn(|| theirs.receive().unwrap()).map(|received| received.message).collect();
        let mut sent: Vec<String> = (0..=500).map(text).collect();
        sent.insert(500, "urgent".to_owned());
        assert_eq!(got, sent);
    }

    #[test]
    fn a_flood_of_posted_messages_loses_the_newest_only_and_counts_each() {
        let (mut ours, mut theirs) = pair(1_000);
        for n in 0..100_000 {
            ours.post(&n.to_string()).unwrap();
        }
        let lost = ours.lost();
        assert!(ours.is_waiting() && lost > 0);
        let mut next = 0;
        while let Some(received) = theirs.receive().unwrap() {
            assert_eq!(received.message, next.to_string(), "no hole before the end");
            next += 1;
            ours.flush();
        }
        assert_eq!((next + lost, ours.lost()), (100_000, lost));
    }

    #[test]
    fn what_waits_survives_its_peer() {
        let mut ours = Ours::new(None, 10);
        ours.send(&"one".to_owned()).unwrap();
        assert!(!ours.is_waiting(), "there is nothing to wait for");
        assert_eq!(ours.take_waiting(), ["one"]);
        (0..10).for_each(|_| ours.post(&"one".to_owned()).unwrap());
        assert_eq!(ours.take_waiting().len(), 10);
        ours.send(&"one".to_owned()).unwrap();
        let (a, b) = Socket::pair().unwrap();
        ours.connect(Some(a));
        ours.flush();
        let mut theirs = Theirs::new(Some(b), 1);
        assert_eq!(theirs.receive().unwrap().unwrap().message, "one");
    }
}
