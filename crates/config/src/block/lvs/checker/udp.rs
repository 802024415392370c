//! `UDP_CHECK { .. }`.

use model::lvs::MaskedByte;

use crate::block::global_defs::keyword;
use crate::block::lvs::checker::{CheckerDraft, Own, own};
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, Keyword, Kind, Range};
use crate::lang::{Node, Word};

/// What only this check has, as written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct UdpDraft {
    pub(crate) payload: Option<Box<[u8]>>,
    pub(crate) reply: Option<Box<[MaskedByte]>>,
    pub(crate) min: u16,
    pub(crate) max: u16,
}

impl Default for UdpDraft {
    fn default() -> Self {
        Self { payload: None, reply: None, min: 0, max: 255 }
    }
}

const LENGTH: Range = Range::new(0, u16::MAX as i64, "bytes");

pub(crate) const OWN: &[Keyword<CheckerDraft>] = &[
    keyword!("payload", Kind::Line("HEX ..", payload), "32 bytes of text", "what is sent"),
    keyword!(
        "require_reply",
        Kind::Line("[HEX ..]", reply),
        "off",
        "an answer must come, and have these bytes; a digit `x` stands for any"
    ),
    keyword!(
        "min_reply_length",
        Kind::Number {
            range: LENGTH,
            set: |c, n| own!(c, Udp, |udp| udp.min = u16::try_from(n).unwrap_or(0))
        },
        "0",
        "shortest answer that will do"
    ),
    keyword!(
        "max_reply_length",
        Kind::Number {
            range: LENGTH,
            set: |c, n| own!(c, Udp, |udp| udp.max = u16::try_from(n).unwrap_or(u16::MAX))
        },
        "255",
        "longest answer that will do"
    ),
];

/// Reads hexadecimal digits, two to a byte; a single one before a blank is a byte of its own. With
/// `wild` an `x` stands for any digit.
fn hex(words: &[Word], wild: bool) -> Option<Vec<MaskedByte>> {
    let digit = |c: char| match c {
        'x' | 'X' if wild => Some((0, 0)),
        _ => Some((u8::try_from(c.to_digit(16)?).ok()?, 0xf)),
    };
    let mut bytes = Vec::new();
    for word in words.iter().flat_map(|word| word.text.split_ascii_whitespace()) {
        let mut digits = word.chars();
        while let Some(first) = digits.next() {
            let (value, mask) = digit(first)?;
            bytes.push(match digits.next() {
                None => MaskedByte { value, mask: 0xf0 | mask },
                Some(second) => {
                    let (low, low_mask) = digit(second)?;
                    MaskedByte { value: value << 4 | low, mask: mask << 4 | low_mask }
                }
            });
        }
    }
    (!bytes.is_empty()).then_some(bytes)
}

fn bad(node: &Node, what: &str, cx: &mut Cx<'_>) {
    let Some(first) = node.words.first() else { return };
    let d = Diagnostic::new(Code::VALUE, format!("`{}` needs hexadecimal digits", node.keyword.text))
        .at(first.span)
        .label("ignored")
        .help("write bytes such as `00 ff 1a`")
        .log(format!("Invalid hex string for UDP_CHECK {what}"));
    cx.report(d);
}

fn payload(checker: &mut CheckerDraft, node: &Node, cx: &mut Cx<'_>) {
    if node.words.is_empty() {
        let d = Diagnostic::new(Code::NO_VALUE, "`payload` needs a value")
            .at(node.line)
            .label("ignored")
            .help("write bytes such as `00 ff 1a`")
            .log("UDP_CHECK payload requires a payload");
        cx.report(d);
        return;
    }
    let Some(bytes) = hex(&node.words, false) else {
        bad(node, "payload", cx);
        return;
    };
    own!(checker, Udp, |udp| udp.payload = Some(bytes.iter().map(|byte| byte.value).collect()));
}

/// Without bytes any answer does.
fn reply(checker: &mut CheckerDraft, node: &Node, cx: &mut Cx<'_>) {
    let bytes = if node.words.is_empty() { Some(Vec::new()) } else { hex(&node.words, true) };
    let Some(bytes) = bytes else {
        bad(node, "reply", cx);
        return;
    };
    own!(checker, Udp, |udp| udp.reply = Some(bytes.into()));
}

/// Tells lengths that no answer has.
pub(crate) fn finish(checker: &mut CheckerDraft, cx: &mut Cx<'_>) {
    let Own::Udp(udp) = &checker.own else { return };
    if udp.min > udp.max {
        let d = Diagnostic::new(
            Code::CONFLICT,
            format!("no answer is at least {} and at most {} bytes long", udp.min, udp.max),
        )
        .at(checker.span)
        .label("this check always fails")
        .help("raise `max_reply_length`, or lower `min_reply_length`")
        .log(format!(
            "UDP_CHECK min_reply length {} > max_reply_length {} - will always fail",
            udp.min, udp.max
        ));
        cx.report(d);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::SourceMap;

    fn read(text: &str, wild: bool) -> Option<Vec<(u8, u8)>> {
        let word = Word { text: text.to_owned(), span: SourceMap::default().nowhere() };
        Some(hex(&[word], wild)?.into_iter().map(|byte| (byte.value, byte.mask)).collect())
    }

    #[test]
    fn hexadecimal_digits_come_in_pairs_or_alone_before_a_blank() {
        let values = |text| read(text, false).map(|bytes| bytes.into_iter().map(|b| b.0).collect::<Vec<_>>());
        assert_eq!(values("Ab12f 3 456"), Some(vec![0xab, 0x12, 0x0f, 0x03, 0x45, 0x06]));
        assert_eq!(values("0g"), None);
        assert_eq!(values("0x"), None);
        assert_eq!(read("Xf f", true), Some(vec![(0x0f, 0x0f), (0x0f, 0xff)]));
    }
}
