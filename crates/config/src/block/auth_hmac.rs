//! `auth_hmac { .. }` of an instance: an extension of keepalived's.

use base::{Duration, Secret};
use model::hmac::{AntiReplay, HmacKey, HmacMode};

use crate::block::global_defs::keyword;
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, Keyword, Kind, Nodes, Range, SecondsRange, Table, pending, value};
use crate::lang::tree::BlockId;
use crate::lang::{Node, Word};
use crate::secret;
use crate::span::Span;

/// `auth_hmac` as written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct HmacDraft {
    pub(crate) keyword: Span,
    /// In the order of their ids.
    pub(crate) keys: Vec<HmacKey>,
    pub(crate) active: Option<(u8, Span)>,
    pub(crate) window: Option<Duration>,
    pub(crate) replay: AntiReplay,
    pub(crate) mode: HmacMode,
}

impl HmacDraft {
    fn new(keyword: Span) -> Self {
        Self {
            keyword,
            keys: Vec::new(),
            active: None,
            window: None,
            replay: AntiReplay::default(),
            mode: HmacMode::default(),
        }
    }
}

const ID: Range = Range::new(1, 255, "");
const WINDOW: SecondsRange = SecondsRange::new(Duration::from_secs(1), Duration::from_secs(300), 6);
/// How many bytes a key has.
const KEY: std::ops::RangeInclusive<usize> = 32..=64;

pub(crate) const TABLE: Table<HmacDraft> = Table {
    path: "vrrp_instance/auth_hmac",
    id: BlockId(54),
    keywords: &[pending(&[
        keyword!(
            "key",
            Kind::Line("ID TEXT | ID hex:HEX | ID file:PATH", key),
            "",
            "a key of 32 to 64 bytes, with a number from 1 to 255",
            "after 2.2.7"
        ),
        keyword!("active_key", Kind::Word("ID", active), "", "the key that signs", "after 2.2.7"),
        keyword!(
            "time_window",
            Kind::Seconds { range: WINDOW, set: |h, t| h.window = Some(t) },
            "three intervals, at least 5",
            "how far clocks may differ",
            "after 2.2.7"
        ),
        keyword!(
            "anti_replay",
            Kind::Word("time | monotonic", |h, word, cx| {
                if let Some(replay) = choose(word, REPLAY, cx) {
                    h.replay = replay;
                }
            }),
            "time",
            "the time in adverts must be near ours, or it must only grow",
            "after 2.2.7"
        ),
        keyword!(
            "mode",
            Kind::Word("enforce | permissive | receive-only", |h, word, cx| {
                if let Some(mode) = choose(word, MODES, cx) {
                    h.mode = mode;
                }
            }),
            "enforce",
            "whether unsigned adverts are taken, and own ones signed",
            "after 2.2.7"
        ),
    ])],
};

const REPLAY: &[(&str, AntiReplay)] = &[("time", AntiReplay::Time), ("monotonic", AntiReplay::Monotonic)];
const MODES: &[(&str, HmacMode)] = &[
    ("enforce", HmacMode::Enforce),
    ("permissive", HmacMode::Permissive),
    ("receive-only", HmacMode::ReceiveOnly),
];

fn choose<T: Copy>(word: &Word, from: &[(&str, T)], cx: &mut Cx<'_>) -> Option<T> {
    let known = from.iter().find(|(name, _)| *name == word.text).map(|(_, value)| *value);
    if known.is_none() {
        let all: Vec<String> = from.iter().map(|(name, _)| format!("`{name}`")).collect();
        let help = match value::nearest(&word.text, from.iter().map(|(name, _)| *name)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write one of {}", all.join(", ")),
        };
        cx.bad_value(word, format!("`{}` is not known here", word.text), help);
    }
    known
}

/// Reads the block.
pub(crate) fn parse(node: &Node, nodes: &mut Nodes<'_, '_>, cx: &mut Cx<'_>) -> HmacDraft {
    let mut hmac = HmacDraft::new(node.keyword.span);
    TABLE.apply(&mut hmac, nodes, cx);
    hmac
}

fn id(keyword: &str, word: &Word, cx: &mut Cx<'_>) -> Option<u8> {
    cx.number(keyword, word, ID).and_then(|n| u8::try_from(n).ok())
}

fn active(hmac: &mut HmacDraft, word: &Word, cx: &mut Cx<'_>) {
    if let Some(id) = id("active_key", word, cx) {
        hmac.active = Some((id, word.span));
    }
}

fn key(hmac: &mut HmacDraft, node: &Node, cx: &mut Cx<'_>) {
    let (Some(number), Some(word)) = (node.words.first(), node.words.get(1)) else {
        // Without its number it is no less a key.
        if let Some(word) = node.words.first().filter(|word| !secret::is_number(&word.text)) {
            cx.secret(word);
        }
        cx.missing(node, node.words.len() + 2);
        return;
    };
    if !word.text.starts_with("file:") {
        cx.secret(word);
    }
    if let Some(extra) = node.words.get(2) {
        cx.extra(node, extra);
    }
    let Some(id) = id("key", number, cx) else { return };
    let Some(bytes) = bytes(word, cx) else { return };
    if !KEY.contains(&bytes.len()) {
        let message = format!("this key has {} bytes; it needs 32 to 64", bytes.len());
        cx.bad_value(word, message, "make one with `openssl rand -hex 32`, and write `hex:` before it");
        return;
    }
    match hmac.keys.binary_search_by_key(&id, |key| key.id) {
        Err(at) => hmac.keys.insert(at, HmacKey { id, secret: Secret::new(bytes) }),
        Ok(_) => {
            let d = Diagnostic::new(Code::DUPLICATE, format!("the key {id} is set twice"));
            cx.report(d.at(number.span).label("this one is ignored").help("give it another number"));
        }
    }
}

/// The bytes of a key: as written, in hexadecimal digits, or the first line of a file.
fn bytes(word: &Word, cx: &mut Cx<'_>) -> Option<Vec<u8>> {
    if let Some(hex) = word.text.strip_prefix("hex:") {
        let digits: Option<Vec<u8>> = hex
            .as_bytes()
            .chunks(2)
            .map(|pair| {
                let [high, low] = pair else { return None };
                let digit = |c: &u8| char::from(*c).to_digit(16).and_then(|n| u8::try_from(n).ok());
                Some(digit(high)? << 4 | digit(low)?)
            })
            .collect();
        if digits.is_none() {
            let help = "write two hexadecimal digits for each byte";
            cx.bad_value(word, "this key is not in hexadecimal digits".to_owned(), help);
        }
        return digits;
    }
    let Some(path) = word.text.strip_prefix("file:") else { return Some(word.text.clone().into_bytes()) };
    if cx.places.is_some() && cx.source.is_open(path) {
        let d = Diagnostic::new(
            Code::OPEN_KEY,
            format!("others than the owner of `{path}` may read or write it"),
        )
        .at(word.span)
        .label("the key is used")
        .help(format!("forbid it: `chmod 600 {path}`"));
        cx.report(d);
    }
    match cx.source.read(path) {
        Ok(contents) => Some(contents.iter().copied().take_while(|b| !matches!(b, b'\n' | b'\r')).collect()),
        Err(why) => {
            let message = format!("the key in `{path}` cannot be read: {why}");
            cx.bad_value(word, message, "check the path and its permissions");
            None
        }
    }
}
