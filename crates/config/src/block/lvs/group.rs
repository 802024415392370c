//! `virtual_server_group NAME { .. }`: addresses, ranges and marks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::lvs::{AddressRange, GroupEntry};

use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, value};
use crate::lang::reader::missing_parameter;
use crate::lang::tree::Line;
use crate::lang::{Node, Word};

/// A group as written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct GroupDraft {
    pub(crate) name: Word,
    pub(crate) entries: Vec<GroupEntry>,
}

/// Reads a group; `None` if it has no name.
pub(crate) fn read(node: &Node, lines: &[Line], cx: &mut Cx<'_>) -> Option<GroupDraft> {
    let Some(name) = node.words.first() else {
        cx.missing(node, 2);
        return None;
    };
    let entries = lines.iter().filter_map(|line| entry(line, cx)).collect();
    Some(GroupDraft { name: name.clone(), entries })
}

fn entry(line: &Line, cx: &mut Cx<'_>) -> Option<GroupEntry> {
    if line.first.text == "fwmark" {
        return mark(line, cx);
    }
    let port = match line.rest.first() {
        Some(word) => super::port_or_none(word, cx)?,
        None => 0,
    };
    Some(GroupEntry::Addresses(range(&line.first, cx)?, port))
}

fn mark(line: &Line, cx: &mut Cx<'_>) -> Option<GroupEntry> {
    let Some(number) = line.rest.first() else {
        let d = Diagnostic::new(Code::NO_PARAMETER, "`fwmark` needs a number")
            .at(line.first.span)
            .label("a number must follow")
            .help("add the mark that the firewall sets")
            .log(missing_parameter("fwmark", "fwmark", 2));
        cx.report(d);
        return None;
    };
    let mark = super::mark(number, cx)?;
    let family = match line.rest.get(1) {
        None => None,
        Some(word) => Some(super::family(word, cx)?),
    };
    Some(GroupEntry::Mark(mark, family))
}

fn bad(word: &Word, message: String, log: String, cx: &mut Cx<'_>) -> Option<AddressRange> {
    let d = Diagnostic::new(Code::VALUE, message)
        .at(word.span)
        .label("this line is ignored")
        .help("write `ADDRESS`, `ADDRESS-END` or `NETWORK/LENGTH`")
        .log(log);
    cx.report(d);
    None
}

fn range(word: &Word, cx: &mut Cx<'_>) -> Option<AddressRange> {
    let text = word.text.as_str();
    let invalid = |cx: &mut Cx<'_>| {
        let log = format!("Invalid virtual server group IP address {text} - skipping");
        bad(word, format!("`{text}` is neither an address nor a range of addresses"), log, cx)
    };
    if let Some((network, length)) = text.split_once('/') {
        let (Some(first), Ok(length)) = (value::address(network), length.parse::<u32>()) else {
            return invalid(cx);
        };
        let bits = if first.is_ipv4() { 32 } else { 128 };
        let Some(host_bits) = (1..=bits).contains(&length).then(|| bits - length) else {
            return invalid(cx);
        };
        let Some(last) = last_of(first, host_bits) else {
            let log = format!("Address mask bits not empty - {text} - skipping");
            let message = format!("`{network}` has bits that the length {length} leaves to hosts");
            return bad(word, message, log, cx);
        };
        return Some(AddressRange { first, last });
    }
    let Some((start, end)) = text.split_once('-') else {
        return match value::address(text) {
            Some(address) => Some(AddressRange::one(address)),
            None => invalid(cx),
        };
    };
    let Some(first) = value::address(start) else { return invalid(cx) };
    if let Some(last) = value::address(end) {
        if first.is_ipv4() != last.is_ipv4() {
            return invalid(cx);
        }
        if last < first {
            let log = format!("Address range end is less than address range start - {text} - skipping");
            return bad(word, format!("`{end}` comes before `{start}`"), log, cx);
        }
        return Some(AddressRange { first, last });
    }
    let (radix, most) = if first.is_ipv4() { (10, 0xff) } else { (16, 0xffff) };
    let Ok(number) = u16::from_str_radix(end, radix) else {
        if !end.is_empty() && end.chars().all(|c| c.is_digit(radix)) {
            return too_large(word, end, cx);
        }
        return invalid(cx);
    };
    if number > most {
        return too_large(word, end, cx);
    }
    let last = with_last(first, number);
    if last <= first {
        let log = format!("Address range end is not greater than address range start - {text} - skipping");
        return bad(word, format!("`{end}` is not above the last part of `{start}`"), log, cx);
    }
    Some(AddressRange { first, last })
}

fn too_large(word: &Word, end: &str, cx: &mut Cx<'_>) -> Option<AddressRange> {
    let log = format!("Virtual server group range '{}' end '{end}' too large", word.text);
    bad(word, format!("`{end}` is too large for the last part of an address"), log, cx)
}

/// The last address of the network at `first`; `None` if `first` has bits of hosts.
fn last_of(first: IpAddr, host_bits: u32) -> Option<IpAddr> {
    match first {
        IpAddr::V4(address) => {
            let hosts = u32::MAX.checked_shr(32 - host_bits).unwrap_or(0);
            let bits = address.to_bits();
            (bits & hosts == 0).then(|| IpAddr::V4(Ipv4Addr::from_bits(bits | hosts)))
        }
        IpAddr::V6(address) => {
            let hosts = u128::MAX.checked_shr(128 - host_bits).unwrap_or(0);
            let bits = address.to_bits();
            (bits & hosts == 0).then(|| IpAddr::V6(Ipv6Addr::from_bits(bits | hosts)))
        }
    }
}

/// The address with another last part: 8 bits of IPv4, 16 of IPv6.
fn with_last(address: IpAddr, last: u16) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & !0xff | u32::from(last))),
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !0xffff | u128::from(last)))
        }
    }
}
