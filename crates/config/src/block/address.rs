//! Address lines: `ADDR[/LEN] [dev IF] [scope S] [brd ADDR|+|-] [label TEXT] ..`.

use std::net::{IpAddr, Ipv4Addr};

use base::{Family, IpNet};
use model::address::AddressFlags;

use crate::block::names;
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Catalogue, Cx, Range, value};
use crate::lang::Word;
use crate::lang::tree::Line;

/// An address as written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct AddressDraft {
    pub(crate) word: Word,
    pub(crate) net: IpNet,
    pub(crate) dev: Option<Word>,
    pub(crate) peer: Option<IpNet>,
    pub(crate) broadcast: Option<Ipv4Addr>,
    pub(crate) label: Option<Box<str>>,
    pub(crate) scope: u8,
    pub(crate) flags: AddressFlags,
    /// `-nodad`: detection of duplicates is wanted.
    pub(crate) dad: bool,
    /// `None` if not written, `Some(None)` for ever.
    pub(crate) preferred_lft: Option<Option<u32>>,
    pub(crate) no_track: bool,
    /// `use_vmac`.
    pub(crate) on_vmac: bool,
    pub(crate) track_group: Option<Word>,
}

/// A word of an address line and what it does.
enum Action {
    /// It stands alone.
    Flag(fn(&mut AddressDraft)),
    /// It takes the next word.
    Value(fn(&mut AddressDraft, &Word, &mut Cx<'_>)),
    /// As [`Action::Flag`], but nothing acts on it yet.
    HeldFlag(fn(&mut AddressDraft)),
    /// As [`Action::Value`], but nothing acts on it yet.
    HeldValue(fn(&mut AddressDraft, &Word, &mut Cx<'_>)),
}

/// The words of an address line after the address.
const WORDS: &[(&str, Action)] = &[
    ("dev", Action::Value(|a, word, _| a.dev = Some(word.clone()))),
    ("scope", Action::Value(set_scope)),
    ("broadcast", Action::Value(set_broadcast)),
    ("brd", Action::Value(set_broadcast)),
    ("label", Action::Value(set_label)),
    ("peer", Action::Value(set_peer)),
    ("home", Action::Flag(|a| a.flags.home = true)),
    ("-nodad", Action::Flag(|a| a.dad = true)),
    ("mngtmpaddr", Action::Flag(|a| a.flags.mngtmpaddr = true)),
    ("noprefixroute", Action::Flag(|a| a.flags.noprefixroute = true)),
    ("autojoin", Action::Flag(|a| a.flags.autojoin = true)),
    ("preferred_lft", Action::Value(set_preferred)),
    ("no_track", Action::Flag(|a| a.no_track = true)),
    ("use_vmac", Action::HeldFlag(|a| a.on_vmac = true)),
    ("track_group", Action::HeldValue(|a, word, _| a.track_group = Some(word.clone()))),
];

/// The words of an address line, for documentation.
pub(crate) fn words() -> impl Iterator<Item = &'static str> {
    WORDS.iter().map(|(word, _)| *word)
}

/// Reads one line; `None` if it holds no address, which has then been told.
///
/// Only a static address may have a `track_group`, and only one of an instance `use_vmac`.
pub(crate) fn parse(line: &Line, is_static: bool, cx: &mut Cx<'_>) -> Option<AddressDraft> {
    let net = network(&line.first, cx)?;
    let mut draft = AddressDraft {
        word: line.first.clone(),
        net,
        dev: None,
        peer: None,
        broadcast: None,
        label: None,
        scope: 0,
        flags: AddressFlags::default(),
        dad: false,
        preferred_lft: None,
        no_track: false,
        on_vmac: false,
        track_group: None,
    };
    let elsewhere = if is_static { "use_vmac" } else { "track_group" };
    let mut words = line.rest.iter();
    while let Some(word) = words.next() {
        let known = WORDS.iter().find(|(name, _)| *name == word.text);
        let Some((name, action)) = known.filter(|(name, _)| *name != elsewhere) else {
            unknown_word(word, cx);
            continue;
        };
        match action {
            Action::Flag(set) => set(&mut draft),
            Action::HeldFlag(set) => {
                cx.pending_word("an address", name, word.span);
                set(&mut draft);
            }
            Action::HeldValue(set) => {
                cx.pending_word("an address", name, word.span);
                match words.next() {
                    Some(value) => set(&mut draft, value, cx),
                    None => lacks_value(word, cx),
                }
            }
            Action::Value(set) => match words.next() {
                Some(value) => set(&mut draft, value, cx),
                None => lacks_value(word, cx),
            },
        }
    }
    if draft.net.family() == Family::V6
        && (draft.broadcast.is_some() || draft.label.is_some() || draft.scope != 0)
    {
        let d =
            Diagnostic::new(Code::CONFLICT, "`broadcast`, `label` and `scope` are for IPv4 addresses only")
                .at(line.first.span)
                .label("they are ignored here")
                .help("remove them");
        cx.report(d);
        (draft.broadcast, draft.label, draft.scope) = (None, None, 0);
    }
    Some(draft)
}

/// Reads `ADDR[/LEN]` as keepalived does: a prefix length that is too long is cut.
pub(crate) fn network(word: &Word, cx: &mut Cx<'_>) -> Option<IpNet> {
    let (text, prefix) = match word.text.split_once('/') {
        Some((text, prefix)) => (text, Some(prefix)),
        None => (word.text.as_str(), None),
    };
    let Some(addr) = value::address(text) else {
        let help = if Catalogue::knows(&word.text) {
            format!("`{}` is a keyword: a `}}` is probably missing before it", word.text)
        } else {
            "write ADDRESS/LENGTH, for example `192.0.2.1/24`".to_owned()
        };
        let d = Diagnostic::new(Code::VALUE, format!("`{}` is not an address", word.text))
            .at(word.span)
            .label("this line is ignored")
            .help(help)
            .log(format!("VRRP parsed invalid IP {}. skipping IP...", word.text));
        cx.report(d);
        return None;
    };
    let host = IpNet::host(addr);
    let Some(prefix) = prefix else { return Some(host) };
    let net = prefix.parse().ok().and_then(|len| IpNet::new(addr, len));
    if net.is_none() {
        let d = Diagnostic::new(
            Code::VALUE,
            format!("`{prefix}` is not a prefix length of an {} address", host.family()),
        )
        .at(word.span)
        .label(format!("{} is used", host.prefix()))
        .help(format!("write a number from 0 to {}", host.prefix()))
        .log(format!(
            "Invalid address prefix len {prefix} for address {} - using {}",
            word.text,
            host.prefix()
        ));
        cx.report(d);
    }
    Some(net.unwrap_or(host))
}

fn unknown_word(word: &Word, cx: &mut Cx<'_>) {
    let mut d = Diagnostic::new(Code::VALUE, format!("`{}` means nothing in an address line", word.text))
        .at(word.span)
        .label("ignored")
        .log(format!("Unknown configuration entry '{}' for ip address - ignoring", word.text));
    d = match value::nearest(&word.text, words()) {
        Some(near) => d.help(format!("did you mean `{near}`?")),
        None if value::address(&word.text).is_some() => d.help("write each address on a line of its own"),
        None => d.help("remove it, or start a comment with `#`"),
    };
    cx.report(d);
}

fn lacks_value(word: &Word, cx: &mut Cx<'_>) {
    let d = Diagnostic::new(Code::VALUE, format!("`{}` needs a value", word.text))
        .at(word.span)
        .label("ignored")
        .help("add the value, or remove the word");
    cx.report(d);
}

fn set_scope(draft: &mut AddressDraft, word: &Word, cx: &mut Cx<'_>) {
    if let Some(scope) = names::scope(word, cx) {
        draft.scope = scope;
    }
}

fn set_broadcast(draft: &mut AddressDraft, word: &Word, cx: &mut Cx<'_>) {
    let IpAddr::V4(addr) = draft.net.addr() else { return };
    let hosts = u32::MAX.checked_shr(u32::from(draft.net.prefix())).unwrap_or(0);
    draft.broadcast = match word.text.as_str() {
        // A network of one or two hosts has no broadcast address.
        "+" | "-" if hosts <= 1 => None,
        "+" => Some(Ipv4Addr::from_bits(addr.to_bits() | hosts)),
        "-" => Some(Ipv4Addr::from_bits(addr.to_bits() & !hosts)),
        text => match text.parse() {
            Ok(addr) => Some(addr),
            Err(_) => {
                let message = format!("`{text}` is not a broadcast address");
                cx.bad_value(word, message, "write an IPv4 address, `+` or `-`");
                return;
            }
        },
    };
}

fn set_label(draft: &mut AddressDraft, word: &Word, cx: &mut Cx<'_>) {
    if word.text.len() > 15 {
        let message = format!("the label `{}` has more than 15 bytes", word.text);
        cx.bad_value(word, message, "choose a shorter one");
        return;
    }
    draft.label = Some(word.text.as_str().into());
}

fn set_peer(draft: &mut AddressDraft, word: &Word, cx: &mut Cx<'_>) {
    let Some(peer) = network(word, cx) else { return };
    if peer.family() == draft.net.family() {
        draft.peer = Some(peer);
    } else {
        let message = format!("the peer `{}` is of another family than the address", word.text);
        cx.bad_value(word, message, "use two addresses of the same family");
    }
}

fn set_preferred(draft: &mut AddressDraft, word: &Word, cx: &mut Cx<'_>) {
    if word.text == "forever" || word.text == "infinity" {
        draft.preferred_lft = Some(None);
    } else if let Some(n) = cx.number("preferred_lft", word, Range::new(0, i64::from(u32::MAX), "s")) {
        draft.preferred_lft = Some(u32::try_from(n).ok());
    }
}
