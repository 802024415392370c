//! `encap TYPE ..` of a route or of a leg of it.

use std::iter::Peekable;
use std::net::IpAddr;

use base::Family;
use model::encap::{Encap, IpTunnel};

use super::U32;
use crate::block::names;
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, Range, value};
use crate::lang::Word;
use crate::lang::repeat::number;

/// Labels are numbers of 20 bits.
const MAX_LABEL: u32 = (1 << 20) - 1;

/// Reads what follows `encap`, as far as it belongs to it. `None` if it can't be, which has been told.
pub(super) fn parse<'w>(
    encap: &Word,
    words: &mut Peekable<impl Iterator<Item = &'w Word>>,
    cx: &mut Cx<'_>,
) -> Option<Encap> {
    let Some(kind) = words.next() else {
        return fail(encap, "`encap` needs a type", "Missing encap type".to_owned(), cx);
    };
    match kind.text.as_str() {
        "ip" => ip(kind, false, words, cx),
        "ip6" => ip(kind, true, words, cx),
        "mpls" => {
            let Some(word) = words.next() else {
                let log = "missing address for MPLS encapsulation".to_owned();
                return fail(kind, "`mpls` needs labels", log, cx);
            };
            let label = |text: &str| text.parse::<u32>().ok().filter(|&n| n <= MAX_LABEL);
            match word.text.split('/').map(label).collect::<Option<Vec<u32>>>() {
                Some(labels) => Some(Encap::Mpls(labels)),
                None => {
                    let log = format!("invalid mpls address {} for encapsulation", word.text);
                    fail(word, &format!("`{}` is no list of labels below 1048576", word.text), log, cx)
                }
            }
        }
        "ila" => {
            let Some(word) = words.next() else {
                return fail(
                    kind,
                    "`ila` needs a locator",
                    "missing locator for ILA encapsulation".to_owned(),
                    cx,
                );
            };
            let locator = locator(&word.text);
            if locator.is_none() {
                let log = format!("invalid locator {} for ila encapsulation", word.text);
                return fail(word, &format!("`{}` is no locator such as `0:0:1:2`", word.text), log, cx);
            }
            locator.map(Encap::Ila)
        }
        other => fail(
            kind,
            &format!("`{other}` is not a type of `encap` that is known here"),
            format!("Unknown encap type - {other}"),
            cx,
        ),
    }
}

/// Four groups of 16 bits in hexadecimal digits.
fn locator(text: &str) -> Option<u64> {
    let groups: Vec<u64> = text
        .split(':')
        .map(|part| u16::from_str_radix(part, 16).ok().map(u64::from))
        .collect::<Option<_>>()?;
    (groups.len() == 4).then(|| groups.iter().fold(0, |all, group| all << 16 | group))
}

fn ip<'w>(
    kind: &Word,
    v6: bool,
    words: &mut Peekable<impl Iterator<Item = &'w Word>>,
    cx: &mut Cx<'_>,
) -> Option<Encap> {
    let mut tunnel =
        IpTunnel { v6, id: None, destination: None, source: None, tos: None, hop_limit: None, flags: None };
    let (tos, hops) = if v6 { ("tc", "hoplimit") } else { ("tos", "ttl") };
    loop {
        let known = |w: &&Word| {
            let text = w.text.as_str();
            matches!(text, "id" | "dst" | "src" | "flags") || text == tos || text == hops
        };
        let Some(word) = words.next_if(known) else { break };
        let Some(value) = words.next() else {
            return fail(word, &format!("`{}` needs a value", word.text), missing(kind), cx);
        };
        match word.text.as_str() {
            "id" => {
                tunnel.id = number(&value.text).and_then(|n| u64::try_from(n).ok());
                if tunnel.id.is_none() {
                    let log = format!("Invalid id {} for {} encapsulation", value.text, kind.text);
                    return fail(value, &format!("`{}` is not an id", value.text), log, cx);
                }
            }
            "dst" => tunnel.destination = Some(address(kind, v6, value, cx)?),
            "src" => tunnel.source = Some(address(kind, v6, value, cx)?),
            "flags" => {
                let range = Range { max: i64::from(u16::MAX), ..U32 };
                tunnel.flags = Some(u16::try_from(cx.number("flags", value, range)?).unwrap_or(0));
            }
            text if text == tos => tunnel.tos = Some(names::tos(value, cx)?),
            _ => {
                let n = cx.number(hops, value, Range::new(0, 255, ""))?;
                tunnel.hop_limit = u8::try_from(n).ok();
            }
        }
    }
    if tunnel.id.is_none() && tunnel.destination.is_none() {
        return fail(
            kind,
            &format!("`encap {}` needs `dst ADDRESS` or `id NUMBER`", kind.text),
            missing(kind),
            cx,
        );
    }
    Some(Encap::Ip(tunnel))
}

fn missing(kind: &Word) -> String {
    format!("address or id missing for {} encapsulation", kind.text)
}

fn address(kind: &Word, v6: bool, word: &Word, cx: &mut Cx<'_>) -> Option<IpAddr> {
    let wanted = if v6 { Family::V6 } else { Family::V4 };
    let read = value::address(&word.text).filter(|address| Family::of(address) == wanted);
    if read.is_none() {
        let log = format!("address {} not valid for {} encapsulation", word.text, kind.text);
        return fail(word, &format!("`{}` is not an {wanted} address", word.text), log, cx);
    }
    read
}

fn fail<T>(word: &Word, message: &str, log: String, cx: &mut Cx<'_>) -> Option<T> {
    let d = Diagnostic::new(Code::VALUE, message)
        .at(word.span)
        .label("the route is ignored")
        .help("write `encap ip dst ADDRESS`, `encap mpls LABEL[/LABEL]` or `encap ila LOCATOR`")
        .log(log);
    cx.report(d);
    None
}
