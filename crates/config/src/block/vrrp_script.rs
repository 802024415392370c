//! `vrrp_script NAME { .. }`.

use base::Duration;

use crate::block::command::CommandDraft;
use crate::block::track::{self, What};
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, Keyword, Kind, Outside, Range, SecondsRange, Table, works};
use crate::lang::tree::{BlockId, Shape};
use crate::lang::{Node, Word};

/// A script as written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ScriptDraft {
    pub(crate) name: Word,
    pub(crate) command: Option<CommandDraft>,
    pub(crate) interval: Duration,
    /// The interval if none is set.
    pub(crate) timeout: Option<Duration>,
    pub(crate) weight: i16,
    pub(crate) reverse: bool,
    pub(crate) rise: u32,
    pub(crate) fall: u32,
    pub(crate) user: Vec<Word>,
    pub(crate) init_fail: bool,
}

impl ScriptDraft {
    pub(crate) fn new(name: Word) -> Self {
        Self {
            name,
            command: None,
            interval: Duration::from_secs(1),
            timeout: None,
            weight: 0,
            reverse: false,
            rise: 1,
            fall: 1,
            user: Vec::new(),
            init_fail: false,
        }
    }
}

/// Periods count milliseconds.
const PERIOD: SecondsRange = SecondsRange {
    min: Duration::ZERO,
    max: Duration::from_secs(4_294),
    decimals: 3,
    outside: Outside::Ignore,
};
const COUNT: Range = Range::new(1, 2_147_483_647, "").clamped();

/// Reads a period; 0 is taken for 1 s.
fn period(node: &Node, cx: &mut Cx<'_>) -> Option<Duration> {
    let Some(word) = node.words.first() else {
        cx.missing(node, 2);
        return None;
    };
    let keyword = node.keyword.text;
    let time = cx.seconds(keyword, word, PERIOD)?;
    if !time.is_zero() {
        return Some(time);
    }
    let d = Diagnostic::new(Code::RANGE, format!("`{keyword}` must be longer than 0"))
        .at(word.span)
        .label("1 s is used")
        .help(format!("write `{keyword} 1`"))
        .log(format!("({}): vrrp script {keyword} must be greater than 0, setting to 1", cx.object));
    cx.report(d);
    Some(Duration::from_secs(1))
}

pub(crate) const TABLE: Table<ScriptDraft> = Table {
    path: "vrrp_script",
    id: BlockId(4),
    keywords: &[works(&[
        Keyword {
            name: "script",
            kind: Kind::Special("COMMAND", Shape::Script, command),
            default: "",
            doc: "the command; exit status 0 is good",
            since: "",
        },
        Keyword {
            name: "interval",
            kind: Kind::Line("SECONDS", |s, node, cx| {
                if let Some(time) = period(node, cx) {
                    s.interval = time;
                }
            }),
            default: "1",
            doc: "time from one start to the next; 0 is 1 s",
            since: "",
        },
        Keyword {
            name: "timeout",
            kind: Kind::Line("SECONDS", |s, node, cx| {
                if let Some(time) = period(node, cx) {
                    s.timeout = Some(time);
                }
            }),
            default: "the interval",
            doc: "the longest time of one run; 0 is 1 s",
            since: "",
        },
        Keyword {
            name: "weight",
            kind: Kind::Line("NUMBER (-253 to 253) [reverse]", |s, node, cx| {
                if let Some((weight, reverse)) = weight(What::Script, node, cx) {
                    (s.weight, s.reverse) = (weight, reverse);
                }
            }),
            default: "0",
            doc: "change of priority; 0 makes failure a fault",
            since: "",
        },
        Keyword {
            name: "rise",
            kind: Kind::Number { range: COUNT, set: |s, n| s.rise = u32::try_from(n).unwrap_or(1) },
            default: "1",
            doc: "successes that it takes to be up",
            since: "",
        },
        Keyword {
            name: "fall",
            kind: Kind::Number { range: COUNT, set: |s, n| s.fall = u32::try_from(n).unwrap_or(1) },
            default: "1",
            doc: "failures that it takes to be down",
            since: "",
        },
        Keyword {
            name: "user",
            kind: Kind::Line("USER [GROUP]", |s, node, cx| {
                if node.words.is_empty() {
                    cx.missing(node, 2);
                }
                s.user.clone_from(&node.words);
            }),
            default: "script_user",
            doc: "who runs it",
            since: "",
        },
        Keyword {
            name: "init_fail",
            kind: Kind::Flag(|s| s.init_fail = true),
            default: "off",
            doc: "it counts as down until its first success",
            since: "",
        },
    ])],
};

/// Takes the command. Its user is set by a keyword of its own.
fn command(script: &mut ScriptDraft, node: &Node, cx: &mut Cx<'_>) {
    if node.words.is_empty() {
        cx.missing(node, 2);
        return;
    }
    if let Some(extra) = node.words.get(1) {
        cx.extra(node, extra);
    }
    script.command = Some(CommandDraft { owner: Vec::new(), ..CommandDraft::new(node) });
}

/// Reads `weight W [reverse]` of a script or a file.
pub(crate) fn weight(what: What, node: &Node, cx: &mut Cx<'_>) -> Option<(i16, bool)> {
    let Some(word) = node.words.first() else {
        if matches!(what, What::File | What::Process) {
            let d = Diagnostic::new(Code::NO_VALUE, "`weight` needs a value").at(node.line);
            cx.report(d.label("ignored").help("add a number, or remove the line"));
        } else {
            cx.missing(node, 2);
        }
        return None;
    };
    let object = cx.object.clone();
    let weight = track::weight(what, &object, word, cx)?;
    let reverse = match node.words.get(1) {
        None => false,
        Some(word) if word.text == "reverse" => true,
        Some(word) => {
            cx.bad_value(
                word,
                format!("`{}` means nothing after a weight", word.text),
                "write `reverse`, or nothing",
            );
            false
        }
    };
    Some((weight, reverse))
}
