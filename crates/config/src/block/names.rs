//! Names that the kernel knows as numbers: scopes, tables, protocols. They are those of iproute2.

use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, value};
use crate::lang::Word;
use crate::lang::repeat::number;

/// Names that need no file.
const SCOPES: &[(&str, u32)] =
    &[("global", 0), ("universe", 0), ("site", 200), ("link", 253), ("host", 254), ("nowhere", 255)];
const TABLES: &[(&str, u32)] = &[("unspec", 0), ("default", 253), ("main", 254), ("local", 255)];
const PROTOCOLS: &[(&str, u32)] = &[
    ("redirect", 1),
    ("kernel", 2),
    ("boot", 3),
    ("static", 4),
    ("ra", 9),
    ("dhcp", 16),
    ("keepalived", 18),
    ("babel", 42),
];
/// Protocols over IP that are named without a file.
const IP_PROTOCOLS: &[(&str, u32)] = &[
    ("ip", 0),
    ("icmp", 1),
    ("igmp", 2),
    ("tcp", 6),
    ("udp", 17),
    ("dccp", 33),
    ("ipv6", 41),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("ipv6-icmp", 58),
    ("ospf", 89),
    ("vrrp", 112),
    ("sctp", 132),
    ("udplite", 136),
];

/// A kind of name.
struct Space {
    what: &'static str,
    known: &'static [(&'static str, u32)],
    file: &'static str,
    max: u32,
}

const TABLE_SPACE: Space = Space { what: "routing table", known: TABLES, file: "rt_tables", max: u32::MAX };

/// The number of an address or route scope.
pub(crate) fn scope(word: &Word, cx: &mut Cx<'_>) -> Option<u8> {
    byte(&Space { what: "scope", known: SCOPES, file: "rt_scopes", max: 255 }, word, cx)
}

/// The number of a routing table.
pub(crate) fn table(word: &Word, cx: &mut Cx<'_>) -> Option<u32> {
    find(&TABLE_SPACE, word, cx)
}

/// The number of a routing table; an unknown one is told as keepalived tells it for a `line`.
pub(crate) fn table_of(word: &Word, line: &str, cx: &mut Cx<'_>) -> Option<u32> {
    let found = look_up(&TABLE_SPACE, word, cx);
    if found.is_none() {
        let d = Diagnostic::new(Code::VALUE, format!("`{}` is not the name of a routing table", word.text))
            .at(word.span)
            .label(format!("the {line} is ignored"))
            .help("use a number, or add the name to /etc/iproute2/rt_tables")
            .log(format!("Routing table {} not found for {line}", word.text));
        cx.report(d);
    }
    found
}

/// The number of an interface group.
pub(crate) fn link_group(word: &Word, cx: &mut Cx<'_>) -> Option<u32> {
    let known: &[(&str, u32)] = &[("default", 0)];
    find(&Space { what: "interface group", known, file: "group", max: u32::MAX }, word, cx)
}

/// The number of a protocol over IP.
pub(crate) fn ip_protocol(word: &Word, cx: &mut Cx<'_>) -> Option<u8> {
    byte(&Space { what: "IP protocol", known: IP_PROTOCOLS, file: "rt_ipprotos", max: 255 }, word, cx)
}

/// `[SOURCE/]DESTINATION` realms: the source's in the upper half.
pub(crate) fn realms(word: &Word, cx: &mut Cx<'_>) -> Option<u32> {
    let known: &[(&str, u32)] = &[("cosmos", 0)];
    let space = Space { what: "realm", known, file: "rt_realms", max: 65_535 };
    let part = |text: &str| Word { text: text.to_owned(), span: word.span };
    let (source, destination) = word.text.split_once('/').unwrap_or(("0", &word.text));
    let read = look_up(&space, &part(source), cx)
        .and_then(|source| Some(source << 16 | look_up(&space, &part(destination), cx)?));
    if read.is_none() {
        let d = Diagnostic::new(Code::VALUE, format!("`{}` is not a realm", word.text))
            .at(word.span)
            .label("the line is ignored")
            .help(
                "write `[SOURCE/]DESTINATION` with numbers up to 65535, or names of /etc/iproute2/rt_realms",
            )
            .log(format!("Invalid realms {} for route", word.text));
        cx.report(d);
    }
    read
}

/// The number of a routing protocol.
pub(crate) fn protocol(word: &Word, cx: &mut Cx<'_>) -> Option<u8> {
    byte(&Space { what: "routing protocol", known: PROTOCOLS, file: "rt_protos", max: 255 }, word, cx)
}

/// The number of a type of service; a number without a prefix is hexadecimal here.
pub(crate) fn tos(word: &Word, cx: &mut Cx<'_>) -> Option<u8> {
    if let Ok(n) = u8::from_str_radix(word.text.trim_start_matches("0x"), 16) {
        return Some(n);
    }
    byte(&Space { what: "type of service", known: &[], file: "rt_dsfield", max: 255 }, word, cx)
}

fn byte(space: &Space, word: &Word, cx: &mut Cx<'_>) -> Option<u8> {
    find(space, word, cx).and_then(|n| u8::try_from(n).ok())
}

fn look_up(space: &Space, word: &Word, cx: &Cx<'_>) -> Option<u32> {
    let text = word.text.as_str();
    let named = space.known.iter().find(|(name, _)| *name == text).map(|&(_, n)| n);
    named
        .or_else(|| number(text).and_then(|n| u32::try_from(n).ok()))
        .or_else(|| cx.name_directories.iter().rev().find_map(|dir| in_file(dir, space.file, text, cx)))
        .filter(|&n| n <= space.max)
}

fn find(space: &Space, word: &Word, cx: &mut Cx<'_>) -> Option<u32> {
    let text = word.text.as_str();
    let found = look_up(space, word, cx);
    if found.is_none() {
        let message = format!("`{text}` is not the name of a {}", space.what);
        let help = match value::nearest(text, space.known.iter().map(|(name, _)| *name)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("use a number, or add the name to /etc/iproute2/{}", space.file),
        };
        cx.bad_value(word, message, help);
    }
    found
}

/// Looks `name` up in a file of lines `NUMBER NAME`.
fn in_file(directory: &str, file: &str, name: &str, cx: &Cx<'_>) -> Option<u32> {
    let bytes = cx.source.read(&format!("{directory}/{file}")).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    text.lines().find_map(|line| {
        let mut words = line.split('#').next().unwrap_or("").split_whitespace();
        let n = number(words.next()?)?;
        (words.next()? == name).then(|| u32::try_from(n).ok())?
    })
}
