//! `vip_lease on | off | SECONDS`, a keyword of vipd's own.

use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, Range};
use crate::lang::Node;
use crate::span::Span;

/// What follows the keyword.
pub(crate) const ARGS: &str = "[on|off|SECONDS]";

/// Far above all that any interval leaves room for.
const LIFETIME: Range = Range::new(1, 86_400, "s");

/// `vip_lease` as written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LeaseDraft {
    pub(crate) wish: Wish,
    pub(crate) span: Span,
}

/// What is wished.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wish {
    /// The longest that the formula allows.
    On,
    /// None.
    Off,
    /// So many seconds.
    Seconds(u32),
}

/// `None` for what cannot be read, which has then been told.
pub(crate) fn parse(node: &Node, cx: &mut Cx<'_>) -> Option<LeaseDraft> {
    let Some(word) = node.words.first() else {
        return Some(LeaseDraft { wish: Wish::On, span: node.keyword.span });
    };
    if let Some(extra) = node.words.get(1) {
        cx.extra(node, extra);
    }
    let wish = match word.text.as_str() {
        "on" | "true" | "yes" => Wish::On,
        "off" | "false" | "no" => Wish::Off,
        text if text.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
            Wish::Seconds(u32::try_from(cx.number("vip_lease", word, LIFETIME)?).ok()?)
        }
        text => {
            let d = Diagnostic::new(Code::VALUE, format!("`{text}` is no lease"))
                .at(word.span)
                .label("ignored")
                .help("write `on`, `off` or a number of seconds");
            cx.report(d);
            return None;
        }
    };
    Some(LeaseDraft { wish, span: word.span })
}
