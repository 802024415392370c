//! The socket that changes the kernel.

use std::collections::VecDeque;
use std::fmt;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, BorrowedFd};

use base::{IfIndex, Instant, IpNet};
use nix::errno::Errno;

use super::address::Address;
use super::request::{AddressMode, Request};
use super::transport::{Received, Transport, messages};
use crate::clock;
use crate::error::{OsError, Result};

/// The kernel acts on messages while they are being sent, and an address takes it 46 µs: with more
/// than this at once an advert of a 10 ms interval would be late.
const CHUNK: usize = 16;

/// Why a request failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NetlinkError {
    /// What was asked for.
    pub request: String,
    /// The kernel's error number.
    pub errno: Errno,
    /// The kernel's own words, if it had any.
    pub message: Option<String>,
}

impl fmt::Display for NetlinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.request, self.errno.desc())?;
        self.message.as_ref().map_or(Ok(()), |m| write!(f, " ({m})"))
    }
}

impl std::error::Error for NetlinkError {}

impl From<OsError> for NetlinkError {
    fn from(e: OsError) -> Self {
        Self { request: format!("{} {}", e.operation, e.object), errno: e.errno, message: None }
    }
}

/// The answer to a request.
#[derive(Debug)]
pub struct Completion {
    /// The number given to [`Commands::submit`].
    pub cookie: u64,
    /// The request.
    pub request: Request,
    /// How it went.
    pub result: std::result::Result<(), NetlinkError>,
}

#[derive(Debug)]
struct Pending {
    sequence: u32,
    cookie: u64,
    request: Request,
    /// Whether this is the second try, without the protocol mark.
    unmarked: bool,
}

/// Requests on their way to the kernel, done in the order in which they were submitted.
#[derive(Debug)]
pub struct Commands {
    transport: Transport,
    sequence: u32,
    waiting: VecDeque<(u64, Request, Option<Instant>)>,
    sent: Vec<Pending>,
    done: VecDeque<Completion>,
    scratch: Vec<u8>,
    /// The kernel has refused an address because of its protocol mark.
    refuses_marks: bool,
}

impl Commands {
    /// Opens the socket in the namespace of the calling thread. `receive_buffer` is in bytes; the
    /// kernel's default holds the answers to a chunk many times over.
    pub fn open(receive_buffer: Option<usize>) -> Result<Self> {
        let mut scratch = Vec::with_capacity(4096);
        rehearse(&mut scratch);
        Ok(Self {
            transport: Transport::open(receive_buffer)?,
            sequence: 0,
            waiting: VecDeque::new(),
            sent: Vec::with_capacity(CHUNK),
            done: VecDeque::new(),
            scratch,
            refuses_marks: false,
        })
    }

    /// Queues `request`. It is answered by one [`Completion`] with the same `cookie`.
    pub fn submit(&mut self, request: Request, cookie: u64) {
        self.submit_until(request, cookie, None);
    }

    /// As [`Commands::submit`]; a request that has not been sent by `deadline` is not sent any more, and is
    /// answered by `ETIME`.
    pub fn submit_until(&mut self, request: Request, cookie: u64, deadline: Option<Instant>) {
        self.waiting.push_back((cookie, request, deadline));
    }

    /// Whether [`Commands::pump`] has something to do.
    #[must_use]
    pub fn has_work(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Sends one chunk of the queue and collects its answers; returns whether there is more. To be
    /// called once per turn of the loop, so that whatever is urgent comes in between.
    pub fn pump(&mut self) -> Result<bool> {
        let count = self.waiting.len().min(CHUNK);
        if count == 0 {
            return Ok(false);
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let now = clock::now();
        for (cookie, mut request, deadline) in self.waiting.drain(..count) {
            if deadline.is_some_and(|deadline| deadline <= now) {
                let (text, message) = (request.to_string(), Some("too late".to_owned()));
                let error = NetlinkError { request: text, errno: Errno::ETIME, message };
                self.done.push_back(Completion { cookie, request, result: Err(error) });
                continue;
            }
            let unmarked = self.refuses_marks && unmark(&mut request);
            self.sequence = self.sequence.wrapping_add(1).max(1);
            request.encode(self.sequence, &mut scratch);
            self.sent.push(Pending { sequence: self.sequence, cookie, request, unmarked });
        }
        if scratch.is_empty() {
            self.scratch = scratch;
            return Ok(self.has_work());
        }
        let sent = self.transport.send(&scratch);
        self.scratch = scratch;
        match sent {
            Ok(()) => self.collect()?,
            Err(errno) => self.fail_sent(errno, None),
        }
        Ok(self.has_work())
    }

    /// The next answer, in order.
    pub fn completion(&mut self) -> Option<Completion> {
        self.done.pop_front()
    }

    /// Does `request` and everything queued before it, and waits for its answer: for the start of a
    /// program, its end and the lab. The kernel answers at once, so this blocks as long as it works.
    pub fn execute(&mut self, request: Request) -> std::result::Result<(), NetlinkError> {
        let cookie = u64::MAX;
        self.submit(request, cookie);
        while self.pump()? {}
        match self.done.pop_back() {
            Some(c) if c.cookie == cookie => c.result,
            other => {
                self.done.extend(other);
                Err(OsError::new("answer", "netlink request", Errno::EPROTO).into())
            }
        }
    }

    /// Reads the answers to all that was sent. They are there already: the kernel has queued them
    /// before `send` returned.
    fn collect(&mut self) -> Result<()> {
        while !self.sent.is_empty() {
            let Self { transport, sent, done, .. } = self;
            let mut again = Vec::new();
            match transport.receive()? {
                Received::Messages(bytes) => {
                    for m in messages(bytes) {
                        if libc::c_int::from(m.kind) != libc::NLMSG_ERROR {
                            continue;
                        }
                        let Some(at) = sent.iter().position(|p| p.sequence == m.sequence) else { continue };
                        let Pending { cookie, mut request, unmarked, .. } = sent.remove(at);
                        let refused = matches!(m.result(), Err((Errno::EINVAL | Errno::EOPNOTSUPP, _)));
                        if refused && !unmarked && unmark(&mut request) {
                            again.push((cookie, request));
                            continue;
                        }
                        self.refuses_marks |= unmarked && m.result().is_ok();
                        let result = m.result().map_err(|(errno, message)| NetlinkError {
                            request: request.to_string(),
                            errno,
                            message: message.map(str::to_owned),
                        });
                        done.push_back(Completion { cookie, request, result });
                    }
                }
                Received::Foreign | Received::Truncated => {}
                // The answers are lost, whatever became of the requests.
                Received::Overrun => self.fail_sent(Errno::ENOBUFS, Some("the answer was lost")),
                Received::Empty => self.fail_sent(Errno::EPROTO, Some("the kernel gave no answer")),
            }
            for (cookie, request) in again {
                self.retry(cookie, request);
            }
        }
        Ok(())
    }

    /// Sends a request that was refused again, now without its protocol mark: it may have been that.
    fn retry(&mut self, cookie: u64, request: Request) {
        self.sequence = self.sequence.wrapping_add(1).max(1);
        let mut message = Vec::new();
        request.encode(self.sequence, &mut message);
        let pending = Pending { sequence: self.sequence, cookie, request, unmarked: true };
        match self.transport.send(&message) {
            Ok(()) => self.sent.push(pending),
            Err(errno) => {
                let error = NetlinkError { request: pending.request.to_string(), errno, message: None };
                self.done.push_back(Completion { cookie, request: pending.request, result: Err(error) });
            }
        }
    }

    fn fail_sent(&mut self, errno: Errno, message: Option<&str>) {
        for Pending { cookie, request, .. } in self.sent.drain(..) {
            let error =
                NetlinkError { request: request.to_string(), errno, message: message.map(str::to_owned) };
            self.done.push_back(Completion { cookie, request, result: Err(error) });
        }
    }
}

/// Encodes an address once, for nobody: what puts one in first runs at a takeover, which then needn't
/// wait until the kernel has found that part of the program.
fn rehearse(scratch: &mut Vec<u8>) {
    let (Some(link), Some(net)) = (IfIndex::new(1), IpNet::new(Ipv4Addr::LOCALHOST.into(), 8)) else {
        return;
    };
    Request::AddAddress(Address::new(link, net), AddressMode::Replace).encode(0, scratch);
    std::hint::black_box(&scratch);
    scratch.clear();
}

/// Takes the protocol mark off an address to be added; whether there was one.
fn unmark(request: &mut Request) -> bool {
    match request {
        Request::AddAddress(a, _) => std::mem::take(&mut a.protocol) != 0,
        _ => false,
    }
}

impl AsFd for Commands {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.transport.as_fd()
    }
}
