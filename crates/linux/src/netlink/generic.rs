//! Generic netlink: parts of the kernel that are found by name. Requests are answered before they return.

use std::collections::BTreeMap;

use netlink_packet_core::{NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST};
use nix::errno::Errno;
use nix::sys::socket::SockProtocol;

use super::attributes::{attributes, split, u16_of};
use super::message::{finish, header, text};
use super::transport::{Received, Transport, messages};
use crate::error::{OsError, Result};

const GENL_ID_CTRL: u16 = 16;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;

/// The answer of the kernel to one message.
pub(crate) type Answer = std::result::Result<(), Errno>;

/// A socket to one family, as soon as the kernel has it.
#[derive(Debug)]
pub(crate) struct Generic {
    transport: Transport,
    sequence: u32,
    /// That of the controller until the family was found.
    family: u16,
    version: u8,
    scratch: Vec<u8>,
}

impl Generic {
    /// Opens a socket in the namespace of the calling thread, for [`Generic::find`].
    pub(crate) fn open(receive_buffer: Option<usize>) -> Result<Self> {
        let transport = Transport::to(SockProtocol::NetlinkGeneric, receive_buffer)?;
        Ok(Self { transport, sequence: 0, family: GENL_ID_CTRL, version: 1, scratch: Vec::new() })
    }

    /// Looks family `name` up, unless that was done: `false` if the kernel has none of that name.
    pub(crate) fn find(&mut self, name: &str, version: u8) -> Result<bool> {
        if self.family != GENL_ID_CTRL {
            return Ok(true);
        }
        let mut family = None;
        let ask = |m: &mut Vec<u8>| text(m, CTRL_ATTR_FAMILY_NAME, name);
        let answer = self.ask(CTRL_CMD_GETFAMILY, 0, ask, |_, body| {
            family = attributes(body).find(|(k, _)| *k == CTRL_ATTR_FAMILY_ID).and_then(|(_, v)| u16_of(v));
        });
        match (answer, family) {
            (Ok(()), Some(family)) => {
                (self.family, self.version) = (family, version);
                Ok(true)
            }
            (Ok(()), None) | (Err(Errno::ENOENT), _) => Ok(false),
            (Err(errno), _) => Err(OsError::new("look up generic netlink family", name, errno)),
        }
    }

    /// Asks one thing; hands the command and the attributes of each answer to `tell`.
    pub(crate) fn ask(
        &mut self,
        command: u8,
        flags: u16,
        fill: impl FnOnce(&mut Vec<u8>),
        mut tell: impl FnMut(u8, &[u8]),
    ) -> Answer {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let first = self.push(&mut scratch, command, NLM_F_ACK | flags, fill);
        let sent = self.transport.send(&scratch);
        self.scratch = scratch;
        sent?;
        let mut answer = None;
        self.collect(first, 1, |_, result| answer = Some(result), &mut tell)?;
        answer.unwrap_or(Err(Errno::EPROTO))
    }

    /// Asks for all there is of something, as [`Generic::ask`].
    pub(crate) fn dump(
        &mut self,
        command: u8,
        fill: impl FnOnce(&mut Vec<u8>),
        tell: impl FnMut(u8, &[u8]),
    ) -> Answer {
        self.ask(command, NLM_F_DUMP, fill, tell)
    }

    /// Sends several commands at once; the kernel does one after another whatever becomes of those before.
    ///
    /// An answer is asked for to the last one only. The kernel tells of those that failed unasked, and in their
    /// order, so that whoever hears how the last one went has heard of all others. What it may not answer at all
    /// (a command that a signal interrupts) must come alone.
    pub(crate) fn act<T>(
        &mut self,
        commands: &[T],
        mut encode: impl FnMut(&T, &mut Vec<u8>) -> u8,
    ) -> Vec<Answer> {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let mut failed: BTreeMap<usize, Errno> = BTreeMap::new();
        let (mut first, mut body) = (None, Vec::new());
        let last = commands.len().saturating_sub(1);
        for (index, command) in commands.iter().enumerate() {
            body.clear();
            let number = encode(command, &mut body);
            let flags = if index == last { NLM_F_ACK } else { 0 };
            let sequence = self.push(&mut scratch, number, flags, |out| out.extend(&body));
            first.get_or_insert(sequence);
        }
        let Some(first) = first else {
            self.scratch = scratch;
            return Vec::new();
        };
        let sent = self.transport.send(&scratch);
        self.scratch = scratch;
        let done = sent.and_then(|()| {
            let note = |index: usize, answer: Answer| {
                if let Err(errno) = answer {
                    failed.insert(index, errno);
                }
            };
            self.collect(first, commands.len(), note, &mut |_, _| {})
        });
        // What failed is known; without the last answer nobody knows what became of the rest.
        let answer = |index| failed.get(&index).map_or(done, |errno| Err(*errno));
        (0..commands.len()).map(answer).collect()
    }

    /// Appends a message and gives its sequence number.
    fn push(&mut self, out: &mut Vec<u8>, command: u8, flags: u16, fill: impl FnOnce(&mut Vec<u8>)) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        let start = out.len();
        header(out, self.family, NLM_F_REQUEST | flags, self.sequence);
        out.extend([command, self.version, 0, 0]);
        fill(out);
        finish(out, start);
        self.sequence
    }

    /// Reads until the last of `count` requests from number `first` on has been answered. The answers are there
    /// already, or made while they are read.
    fn collect(
        &mut self,
        first: u32,
        count: usize,
        mut note: impl FnMut(usize, Answer),
        tell: &mut impl FnMut(u8, &[u8]),
    ) -> Answer {
        let mut is_open = true;
        while is_open {
            let bytes = match self.transport.receive().map_err(|e| e.errno)? {
                Received::Messages(bytes) => bytes,
                Received::Foreign => continue,
                Received::Overrun | Received::Truncated => return Err(Errno::ENOBUFS),
                Received::Empty => return Err(Errno::EPROTO),
            };
            for m in messages(bytes) {
                let index = usize::try_from(m.sequence.wrapping_sub(first)).unwrap_or(usize::MAX);
                if index >= count {
                    continue;
                }
                if matches!(libc::c_int::from(m.kind), libc::NLMSG_ERROR | libc::NLMSG_DONE) {
                    note(index, m.result().map_err(|(errno, _)| errno));
                    is_open &= index + 1 < count;
                } else if let Some(([command, ..], body)) = split::<4>(m.payload) {
                    tell(*command, body);
                }
            }
        }
        Ok(())
    }
}
