//! Tables of nftables that give packets a mark, over netlink.
//!
//! A table is replaced as a whole in one transaction: either all of it changes or nothing, and no packet
//! sees it half done. Only the few attributes that such a table has are written here.

mod expression;
mod read;
mod table;

use engine::lvs::table::MarkTable;
use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST};
use nix::sys::socket::SockProtocol;
use std::os::fd::AsFd;

use crate::error::{Context, Errno, OsError, Result};
use crate::netlink::message::{finish, header};
use crate::netlink::transport::{Received, Transport, messages};
use crate::sys;

/// `NFNL_SUBSYS_NFTABLES`.
const SUBSYSTEM: u8 = 10;
/// `NFNL_MSG_BATCH_*`.
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;

/// A socket to nftables in one network namespace.
#[derive(Debug)]
pub struct Nft {
    transport: Transport,
    sequence: u32,
}

/// Messages of a transaction.
#[derive(Debug, Default)]
struct Batch {
    bytes: Vec<u8>,
    /// Where the last message begins.
    last: usize,
    sequence: u32,
}

impl Nft {
    /// Opens the socket in the namespace of the calling thread.
    pub fn open() -> Result<Self> {
        Ok(Self { transport: Transport::to(SockProtocol::NetlinkNetFilter, None)?, sequence: 0 })
    }

    /// Makes the tables of this name, in both families, be this one; those without marks vanish.
    ///
    /// # Errors
    /// Nothing is changed then. `EEXIST` if two marks want the same address and port.
    pub fn set_marks(&mut self, marks: &MarkTable) -> Result<()> {
        let name = &marks.name;
        self.commit(|batch| table::replace(batch, marks)).on("set", format_args!("nftables table {name}"))
    }

    /// Removes the tables of this name in both families.
    pub fn delete_marks(&mut self, name: &str) -> Result<()> {
        self.commit(|batch| table::delete(batch, name)).on("remove", format_args!("nftables table {name}"))
    }

    fn commit(&mut self, fill: impl FnOnce(&mut Batch)) -> std::result::Result<(), Errno> {
        let mut batch = Batch { sequence: self.sequence, ..Batch::default() };
        batch.control(BATCH_BEGIN);
        fill(&mut batch);
        batch.acknowledge_last();
        batch.control(BATCH_END);
        self.sequence = batch.sequence;
        // A transaction is one datagram; the kernel counts its own overhead, too.
        sys::set_send_buffer(self.transport.as_fd(), batch.bytes.len().saturating_mul(2).max(1 << 17))?;
        self.transport.send(&batch.bytes)?;
        self.answers()
    }

    /// Reads all answers, which are there: the first error, or the one acknowledgement.
    fn answers(&mut self) -> std::result::Result<(), Errno> {
        let mut answer = Err(Errno::EPROTO);
        let mut failed = false;
        loop {
            let bytes = match self.transport.receive().map_err(|e: OsError| e.errno)? {
                Received::Messages(bytes) => bytes,
                Received::Foreign => continue,
                Received::Overrun | Received::Truncated => return Err(Errno::ENOBUFS),
                Received::Empty => return answer,
            };
            for m in messages(bytes).filter(|m| libc::c_int::from(m.kind) == libc::NLMSG_ERROR) {
                if !failed {
                    answer = m.result().map_err(|(errno, _)| errno);
                    failed = answer.is_err();
                }
            }
        }
    }
}

impl Batch {
    /// Appends a message of nftables.
    fn push(&mut self, family: u8, command: u8, flags: u16, fill: impl FnOnce(&mut Vec<u8>)) {
        let kind = u16::from_be_bytes([SUBSYSTEM, command]);
        self.message(kind, flags, [family, 0, 0, 0], fill);
    }

    fn control(&mut self, kind: u16) {
        self.message(kind, 0, [0, 0, 0, SUBSYSTEM], |_| {});
    }

    fn message(&mut self, kind: u16, flags: u16, head: [u8; 4], fill: impl FnOnce(&mut Vec<u8>)) {
        self.sequence = self.sequence.wrapping_add(1);
        self.last = self.bytes.len();
        header(&mut self.bytes, kind, NLM_F_REQUEST | flags, self.sequence);
        self.bytes.extend(head);
        fill(&mut self.bytes);
        finish(&mut self.bytes, self.last);
    }

    /// Errors are told in any case; success only if asked for.
    fn acknowledge_last(&mut self) {
        if let Some(flags) = self.bytes.get_mut(self.last + 6..).and_then(|b| b.first_chunk_mut::<2>()) {
            *flags = (u16::from_ne_bytes(*flags) | NLM_F_ACK).to_ne_bytes();
        }
    }
}
