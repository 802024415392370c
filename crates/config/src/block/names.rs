//! Names that the kernel knows as numbers: scopes, tables, protocols. They are those of iproute2.

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
/// Where iproute2 keeps more names; the later file wins.
const DIRECTORIES: &[&str] = &["/usr/share/iproute2", "/etc/iproute2"];

/// A kind of name.
struct Space {
    what: &'static str,
    known: &'static [(&'static str, u32)],
    file: &'static str,
    max: u32,
}

/// The number of an address or route scope.
pub(crate) fn scope(word: &Word, cx: &mut Cx<'_>) -> Option<u8> {
    byte(&Space { what: "scope", known: SCOPES, file: "rt_scopes", max: 255 }, word, cx)
}

/// The number of a routing table.
pub(crate) fn table(word: &Word, cx: &mut Cx<'_>) -> Option<u32> {
    find(&Space { what: "routing table", known: TABLES, file: "rt_tables", max: u32::MAX }, word, cx)
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

fn find(space: &Space, word: &Word, cx: &mut Cx<'_>) -> Option<u32> {
    let text = word.text.as_str();
    let named = space.known.iter().find(|(name, _)| *name == text).map(|&(_, n)| n);
    let found = named
        .or_else(|| number(text).and_then(|n| u32::try_from(n).ok()))
        .or_else(|| DIRECTORIES.iter().rev().find_map(|directory| in_file(directory, space.file, text, cx)))
        .filter(|&n| n <= space.max);
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
