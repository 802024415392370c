//! The table: a chain in the hook `input`, and for each protocol a map from destinations to marks with a
//! rule that looks them up.

use std::net::IpAddr;

use base::Family;
use engine::lvs::table::{MarkEntry, MarkTable};
use model::lvs::Protocol;
use netlink_packet_core::{NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL};

use super::{Batch, expression};
use crate::netlink::message::{attribute, nest, text};

/// `NFT_MSG_*`.
pub(super) const NEW_TABLE: u8 = 0;
const DEL_TABLE: u8 = 2;
pub(super) const NEW_CHAIN: u8 = 3;
pub(super) const NEW_RULE: u8 = 6;
const NEW_SET: u8 = 9;
pub(super) const NEW_SET_ELEM: u8 = 12;

/// `NFTA_LIST_ELEM`.
pub(super) const LIST_ELEM: u16 = 1;

pub(super) const CHAIN: &str = "in";

/// Each has a map and a rule.
pub(super) const PROTOCOLS: [Protocol; 3] = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];

/// So many elements fit into one attribute, whose length has 16 bits.
const ELEMENTS: usize = 400;

/// What a family has of its own.
pub(super) struct Kind {
    /// `NFPROTO_*`.
    pub(super) number: u8,
    /// The length of an address.
    pub(super) address: u32,
    /// Where the destination is in the network header.
    pub(super) destination: u32,
    /// The register behind the one that has the address.
    pub(super) port_register: u32,
    /// The number that `nft` gives the type of an address.
    datatype: u32,
}

pub(super) const V4: Kind = Kind { number: 2, address: 4, destination: 16, port_register: 9, datatype: 7 };
pub(super) const V6: Kind = Kind { number: 10, address: 16, destination: 24, port_register: 12, datatype: 8 };

/// `nft`'s numbers of the types of a port and a mark, and how many bits such a number takes.
const PORT_TYPE: u32 = 13;
const MARK_TYPE: u32 = 19;
const TYPE_BITS: u32 = 6;

/// `NFT_SET_*`: a map with ranges of concatenated keys.
const SET_FLAGS: u32 = 0x4 | 0x8 | 0x80;

pub(super) fn delete(batch: &mut Batch, name: &str) {
    for kind in [V4, V6] {
        remove(batch, &kind, name);
    }
}

pub(super) fn replace(batch: &mut Batch, table: &MarkTable) {
    for (family, kind) in [(Family::V4, V4), (Family::V6, V6)] {
        remove(batch, &kind, &table.name);
        let mine: Vec<&MarkEntry> = table.marks.iter().filter(|m| m.addresses.family() == family).collect();
        if mine.is_empty() {
            continue;
        }
        batch.push(kind.number, NEW_TABLE, NLM_F_CREATE, |out| text(out, 1, &table.name));
        chain(batch, &kind, table);
        for (id, protocol) in (1..).zip(PROTOCOLS) {
            let of: Vec<&MarkEntry> = mine.iter().filter(|m| m.protocol == protocol).copied().collect();
            if of.is_empty() {
                continue;
            }
            let map = map(protocol);
            set(batch, &kind, &table.name, &map, id);
            for some in of.chunks(ELEMENTS) {
                elements(batch, &kind, &table.name, &map, id, some);
            }
            batch.push(kind.number, NEW_RULE, NLM_F_CREATE | NLM_F_APPEND, |out| {
                text(out, 1, &table.name);
                text(out, 2, CHAIN);
                nest(out, 4, |out| expression::rule(out, &kind, protocol.number(), &map, id));
            });
        }
    }
}

/// What the map of a protocol is called.
pub(super) fn map(protocol: Protocol) -> String {
    format!("{}_map", protocol.name())
}

/// A table that isn't there can't be removed: it is made first.
fn remove(batch: &mut Batch, kind: &Kind, name: &str) {
    batch.push(kind.number, NEW_TABLE, NLM_F_CREATE, |out| text(out, 1, name));
    batch.push(kind.number, DEL_TABLE, 0, |out| text(out, 1, name));
}

/// Type `filter`, hook `input`, policy `accept`.
fn chain(batch: &mut Batch, kind: &Kind, table: &MarkTable) {
    batch.push(kind.number, NEW_CHAIN, NLM_F_CREATE, |out| {
        text(out, 1, &table.name);
        text(out, 3, CHAIN);
        nest(out, 4, |out| {
            number(out, 1, 1);
            attribute(out, 2, &table.priority.to_be_bytes());
        });
        number(out, 5, 1);
        text(out, 7, "filter");
    });
}

/// `type ADDRESS . inet_service : mark; flags interval`.
fn set(batch: &mut Batch, kind: &Kind, table: &str, map: &str, id: u32) {
    batch.push(kind.number, NEW_SET, NLM_F_CREATE | NLM_F_EXCL, |out| {
        text(out, 1, table);
        text(out, 2, map);
        number(out, 3, SET_FLAGS);
        number(out, 4, kind.datatype << TYPE_BITS | PORT_TYPE);
        number(out, 5, kind.address + 4);
        number(out, 6, MARK_TYPE);
        number(out, 7, 4);
        nest(out, 9, |out| {
            nest(out, 2, |out| {
                for length in [kind.address, 2] {
                    nest(out, LIST_ELEM, |out| number(out, 1, length));
                }
            });
        });
        number(out, 10, id);
        // For `nft`: the key is in network order, the mark in the machine's.
        let order = |of: u8, order: u32| [[of, 4].as_slice(), &order.to_ne_bytes()].concat();
        attribute(out, 13, &[order(0, 2), order(1, 1)].concat());
    });
}

fn elements(batch: &mut Batch, kind: &Kind, table: &str, map: &str, id: u32, marks: &[&MarkEntry]) {
    batch.push(kind.number, NEW_SET_ELEM, NLM_F_CREATE, |out| {
        text(out, 1, table);
        text(out, 2, map);
        number(out, 4, id);
        nest(out, 3, |out| marks.iter().for_each(|mark| nest(out, LIST_ELEM, |out| element(out, mark))));
    });
}

fn element(out: &mut Vec<u8>, mark: &MarkEntry) {
    let (first, last) = if mark.port == 0 { (0, u16::MAX) } else { (mark.port, mark.port) };
    let keys = [(1, mark.addresses.first, first), (10, mark.addresses.last, last)];
    for (attribute_kind, address, port) in keys {
        let mut key = Vec::with_capacity(20);
        match address {
            IpAddr::V4(a) => key.extend(a.octets()),
            IpAddr::V6(a) => key.extend(a.octets()),
        }
        // Each part takes whole registers of four bytes.
        key.extend(port.to_be_bytes());
        key.extend([0; 2]);
        nest(out, attribute_kind, |out| attribute(out, 1, &key));
    }
    nest(out, 2, |out| attribute(out, 1, &mark.mark.to_ne_bytes()));
}

/// Numbers of nftables are in network order.
pub(super) fn number(out: &mut Vec<u8>, kind: u16, value: u32) {
    attribute(out, kind, &value.to_be_bytes());
}
