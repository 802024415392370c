//! Reading a table of marks back: is it there, and as it is made here?
//!
//! A table is judged by what it is made of: the chain and where it hooks in, the rules with their expressions in
//! order, and all elements of the maps. A table that is otherwise gives no marks at all, so that it differs from
//! any that is wanted.

use std::net::IpAddr;

use base::Family;
use engine::lvs::table::{MarkEntry, MarkTable, Marks};
use model::lvs::{AddressRange, Protocol};
use netlink_packet_core::{NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR};

use super::table::{CHAIN, Kind, LIST_ELEM, NEW_CHAIN, NEW_RULE, NEW_SET_ELEM, NEW_TABLE, PROTOCOLS, V4, V6};
use super::{Batch, Nft, SUBSYSTEM, expression, table};
use crate::error::{Context, Errno, Result};
use crate::netlink::attributes::{address_of, attributes, split, text_of};
use crate::netlink::message::text;
use crate::netlink::transport::{Received, messages};

/// `NFT_MSG_GET*` follows `NFT_MSG_NEW*`.
const GET: u8 = 1;
/// `NF_INET_LOCAL_IN`; `NF_ACCEPT`.
const INPUT: u32 = 1;
const ACCEPT: u32 = 1;

impl Nft {
    /// The table of marks of this name.
    ///
    /// # Errors
    /// It can't be read, or was changed meanwhile.
    pub fn marks(&mut self, name: &str) -> Result<Marks> {
        self.read(name).on("read", format_args!("nftables table {name}"))
    }

    fn read(&mut self, name: &str) -> std::result::Result<Marks, Errno> {
        let mut found: Option<(i32, Vec<MarkEntry>)> = None;
        let mut as_made = true;
        for (family, kind) in [(Family::V4, V4), (Family::V6, V6)] {
            if !self.has_table(&kind, name)? {
                continue;
            }
            let priority = self.priority(&kind, name)?;
            let marks = self.family(family, &kind, name)?.filter(|marks| !marks.is_empty());
            let (before, all) = found.get_or_insert((priority.unwrap_or(0), Vec::new()));
            as_made &= priority == Some(*before) && marks.is_some();
            all.extend(marks.into_iter().flatten());
        }
        Ok(match found {
            None => Marks::Absent,
            Some((priority, mut marks)) => {
                marks.sort_unstable();
                marks.retain(|_| as_made);
                Marks::There(MarkTable { name: name.into(), priority, marks })
            }
        })
    }

    fn has_table(&mut self, kind: &Kind, name: &str) -> std::result::Result<bool, Errno> {
        let answer = self.ask(kind, NEW_TABLE, NLM_F_ACK, |out| text(out, 1, name), |_| {});
        there(answer)
    }

    /// The priority of the chain; `None` if there is none like ours.
    fn priority(&mut self, kind: &Kind, name: &str) -> std::result::Result<Option<i32>, Errno> {
        let mut priority = None;
        let fill = |out: &mut Vec<u8>| {
            text(out, 1, name);
            text(out, 3, CHAIN);
        };
        let answer = self.ask(kind, NEW_CHAIN, NLM_F_ACK, fill, |body| {
            let hook = child(body, 4);
            let fits = number_in(hook, 1) == Some(INPUT)
                && number_in(body, 5) == Some(ACCEPT)
                && text_in(body, 7) == Some("filter");
            priority = child(hook, 2).first_chunk().map(|b| i32::from_be_bytes(*b)).filter(|_| fits);
        });
        there(answer)?;
        Ok(priority)
    }

    /// The marks of a family; `None` if its table isn't as it is made here.
    fn family(
        &mut self,
        family: Family,
        kind: &Kind,
        name: &str,
    ) -> std::result::Result<Option<Vec<MarkEntry>>, Errno> {
        let mut rules = Vec::new();
        let fill = |out: &mut Vec<u8>| text(out, 1, name);
        let answer = self.ask(kind, NEW_RULE, NLM_F_DUMP, fill, |body| {
            if text_in(body, 1) == Some(name) {
                rules.push(rule(body));
            }
        });
        there(answer)?;
        let mut all = Vec::new();
        for protocol in PROTOCOLS {
            let map = table::map(protocol);
            let Some(marks) = self.elements(family, kind, name, protocol, &map)? else { return Ok(None) };
            if marks.is_empty() {
                continue;
            }
            let Some(place) = rules.iter().position(|rule| rule.as_deref() == Some(map.as_str())) else {
                return Ok(None);
            };
            rules.remove(place);
            all.extend(marks);
        }
        Ok(Some(all).filter(|_| rules.is_empty()))
    }

    /// The elements of a map, none if there is no such map; `None` if they aren't like ours.
    fn elements(
        &mut self,
        family: Family,
        kind: &Kind,
        name: &str,
        protocol: Protocol,
        map: &str,
    ) -> std::result::Result<Option<Vec<MarkEntry>>, Errno> {
        let mut marks = Some(Vec::new());
        let fill = |out: &mut Vec<u8>| {
            text(out, 1, name);
            text(out, 2, map);
        };
        let answer = self.ask(kind, NEW_SET_ELEM, NLM_F_DUMP, fill, |body| {
            for (_, value) in attributes(child(body, 3)).filter(|(kind, _)| *kind == LIST_ELEM) {
                let mark = element(family, protocol, value);
                marks = marks.take().zip(mark).map(|(mut all, mark)| {
                    all.push(mark);
                    all
                });
            }
        });
        there(answer)?;
        Ok(marks)
    }

    /// Asks the getter that belongs to `new`; hands the attributes of each answer to `tell`.
    fn ask(
        &mut self,
        kind: &Kind,
        new: u8,
        flags: u16,
        fill: impl FnOnce(&mut Vec<u8>),
        mut tell: impl FnMut(&[u8]),
    ) -> std::result::Result<(), Errno> {
        let mut batch = Batch { sequence: self.sequence, ..Batch::default() };
        batch.push(kind.number, new + GET, flags, fill);
        self.sequence = batch.sequence;
        self.transport.send(&batch.bytes)?;
        let told = u16::from_be_bytes([SUBSYSTEM, new]);
        let mut interrupted = false;
        loop {
            let bytes = match self.transport.receive().map_err(|e| e.errno)? {
                Received::Messages(bytes) => bytes,
                Received::Foreign => continue,
                Received::Overrun | Received::Truncated => return Err(Errno::ENOBUFS),
                Received::Empty => return Err(Errno::EPROTO),
            };
            for m in messages(bytes).filter(|m| m.sequence == batch.sequence) {
                interrupted |= m.flags & NLM_F_DUMP_INTR != 0;
                if matches!(libc::c_int::from(m.kind), libc::NLMSG_ERROR | libc::NLMSG_DONE) {
                    let result = m.result().map_err(|(errno, _)| errno);
                    return if interrupted { Err(Errno::EINTR) } else { result };
                }
                if let (true, Some((_, body))) = (m.kind == told, split::<4>(m.payload)) {
                    tell(body);
                }
            }
        }
    }
}

/// Whether what was asked for exists.
fn there(answer: std::result::Result<(), Errno>) -> std::result::Result<bool, Errno> {
    match answer {
        Ok(()) => Ok(true),
        Err(Errno::ENOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// The map that a rule looks up, if the rule is one of ours in the chain of ours.
fn rule(body: &[u8]) -> Option<String> {
    if text_in(body, 2) != Some(CHAIN) {
        return None;
    }
    let mut names = Vec::new();
    let mut map = None;
    for (_, value) in attributes(child(body, 4)).filter(|(kind, _)| *kind == LIST_ELEM) {
        let name = text_in(value, 1)?;
        if name == "lookup" {
            map = text_in(child(value, 2), 1).map(str::to_owned);
        }
        names.push(name);
    }
    map.filter(|_| names == expression::NAMES)
}

fn element(family: Family, protocol: Protocol, value: &[u8]) -> Option<MarkEntry> {
    let key = |kind| key(family, child(child(value, kind), 1));
    let ((first, from), (last, to)) = (key(1)?, key(10)?);
    let port = match (from, to) {
        (0, u16::MAX) => 0,
        (from, to) if from == to && from != 0 => from,
        _ => return None,
    };
    let mark = child(child(value, 2), 1).first_chunk().map(|b| u32::from_ne_bytes(*b))?;
    Some(MarkEntry { protocol, addresses: AddressRange { first, last }, port, mark })
}

/// An address and a port.
fn key(family: Family, value: &[u8]) -> Option<(IpAddr, u16)> {
    let length = match family {
        Family::V4 => 4,
        Family::V6 => 16,
    };
    let port = value.get(length..)?.first_chunk().map(|b| u16::from_be_bytes(*b))?;
    Some((address_of(family, value)?, port))
}

/// The value of the first attribute of a kind, empty if there is none.
fn child(bytes: &[u8], kind: u16) -> &[u8] {
    attributes(bytes).find(|(k, _)| *k == kind).map_or(&[], |(_, value)| value)
}

fn text_in(bytes: &[u8], kind: u16) -> Option<&str> {
    text_of(child(bytes, kind)).filter(|text| !text.is_empty())
}

/// Numbers of nftables are in network order.
fn number_in(bytes: &[u8], kind: u16) -> Option<u32> {
    child(bytes, kind).first_chunk().map(|b| u32::from_be_bytes(*b))
}
