//! The expressions of the one rule: `meta l4proto PROTOCOL meta mark set ip daddr . th dport map @MAP counter
//! return`.

use super::table::{Kind, LIST_ELEM, number};
use crate::netlink::message::{attribute, nest, text};

/// `NFT_REG_1`, 16 bytes; `NFT_REG_VERDICT`.
const REGISTER: u32 = 1;
const VERDICT: u32 = 0;
/// `NFT_META_*`.
const META_MARK: u32 = 3;
const META_L4PROTO: u32 = 16;
/// `NFT_PAYLOAD_*_HEADER`.
const NETWORK: u32 = 1;
const TRANSPORT: u32 = 2;
/// `NFT_RETURN`.
const RETURN: i32 = -5;

/// What the expressions of [`rule`] are called, in order.
pub(super) const NAMES: [&str; 8] =
    ["meta", "cmp", "payload", "payload", "lookup", "meta", "counter", "immediate"];

/// Appends the expressions. The lookup of a destination that isn't in the map ends the rule.
pub(super) fn rule(out: &mut Vec<u8>, kind: &Kind, protocol: u8, map: &str, id: u32) {
    expression(out, "meta", |out| {
        number(out, 1, REGISTER);
        number(out, 2, META_L4PROTO);
    });
    expression(out, "cmp", |out| {
        number(out, 1, REGISTER);
        number(out, 2, 0);
        nest(out, 3, |out| attribute(out, 1, &[protocol]));
    });
    payload(out, REGISTER, NETWORK, kind.destination, kind.address);
    payload(out, kind.port_register, TRANSPORT, 2, 2);
    expression(out, "lookup", |out| {
        text(out, 1, map);
        number(out, 2, REGISTER);
        number(out, 3, REGISTER);
        number(out, 4, id);
    });
    expression(out, "meta", |out| {
        number(out, 2, META_MARK);
        number(out, 3, REGISTER);
    });
    expression(out, "counter", |_| {});
    expression(out, "immediate", |out| {
        number(out, 1, VERDICT);
        nest(out, 2, |out| nest(out, 2, |out| attribute(out, 1, &RETURN.to_be_bytes())));
    });
}

/// Loads a part of the packet.
fn payload(out: &mut Vec<u8>, register: u32, base: u32, offset: u32, length: u32) {
    expression(out, "payload", |out| {
        number(out, 1, register);
        number(out, 2, base);
        number(out, 3, offset);
        number(out, 4, length);
    });
}

fn expression(out: &mut Vec<u8>, name: &str, fill: impl FnOnce(&mut Vec<u8>)) {
    nest(out, LIST_ELEM, |out| {
        text(out, 1, name);
        nest(out, 2, fill);
    });
}
