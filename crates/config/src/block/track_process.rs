//! `vrrp_track_process NAME { .. }`.

use base::Duration;
use model::tracker::ParameterMatch;

use crate::block::global_defs::{keyword, u32_of};
use crate::block::track::What;
use crate::block::vrrp_script::weight;
use crate::keyword::{Cx, Keyword, Kind, Range, SecondsRange, Table, pending};
use crate::lang::tree::BlockId;
use crate::lang::{Node, Word};

/// A process as written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ProcessDraft {
    pub(crate) name: Word,
    /// The command and its parameters.
    pub(crate) words: Vec<Word>,
    pub(crate) matching: ParameterMatch,
    pub(crate) weight: i16,
    pub(crate) reverse: bool,
    pub(crate) quorum: u32,
    pub(crate) quorum_max: Option<u32>,
    pub(crate) up_delay: Duration,
    pub(crate) down_delay: Duration,
    pub(crate) full_command: bool,
}

impl ProcessDraft {
    pub(crate) fn new(name: Word) -> Self {
        Self {
            name,
            words: Vec::new(),
            matching: ParameterMatch::Any,
            weight: 0,
            reverse: false,
            quorum: 1,
            quorum_max: None,
            up_delay: Duration::ZERO,
            down_delay: Duration::ZERO,
            full_command: false,
        }
    }
}

const DELAY: SecondsRange = SecondsRange::new(Duration::from_micros(1), Duration::from_secs(3_600), 6);

pub(crate) const TABLE: Table<ProcessDraft> = Table {
    path: "vrrp_track_process",
    id: BlockId(51),
    keywords: &[pending(&[
        keyword!("process", Kind::Line("COMMAND [PARAMETER ..]", command), "", "the processes to count"),
        keyword!(
            "param_match",
            Kind::Line("[initial | partial]", param_match),
            "parameters do not matter",
            "all parameters must agree, or the first ones, or the start of the last one"
        ),
        keyword!(
            "weight",
            Kind::Line("NUMBER (-254 to 254) [reverse]", |p, node, cx| {
                if let Some((weight, reverse)) = weight(What::Process, node, cx) {
                    (p.weight, p.reverse) = (weight, reverse);
                }
            }),
            "0",
            "change of priority; 0 makes failure a fault"
        ),
        keyword!(
            "quorum",
            Kind::Number { range: Range::new(1, 65_535, ""), set: |p, n| p.quorum = u32_of(n) },
            "1",
            "the fewest processes that are enough"
        ),
        keyword!(
            "quorum_max",
            Kind::Number { range: Range::new(0, 65_535, ""), set: |p, n| p.quorum_max = Some(u32_of(n)) },
            "unlimited",
            "the most processes that are not too many"
        ),
        keyword!(
            "delay",
            Kind::Seconds { range: DELAY, set: |p, t| (p.up_delay, p.down_delay) = (t, t) },
            "0",
            "sets both delays"
        ),
        keyword!(
            "terminate_delay",
            Kind::Seconds { range: DELAY, set: |p, t| p.down_delay = t },
            "0",
            "how long there may be too few"
        ),
        keyword!(
            "fork_delay",
            Kind::Seconds { range: DELAY, set: |p, t| p.up_delay = t },
            "0",
            "how long there must be enough"
        ),
        keyword!(
            "full_command",
            Kind::Flag(|p| p.full_command = true),
            "off",
            "compare the command line instead of the kernel's short name"
        ),
    ])],
};

fn command(process: &mut ProcessDraft, node: &Node, cx: &mut Cx<'_>) {
    if node.words.is_empty() {
        cx.missing(node, 2);
        return;
    }
    if process.words.is_empty() {
        process.words.clone_from(&node.words);
        return;
    }
    // The first one counts, as with keepalived.
    let word = node.words.first().map_or("", Word::as_str);
    cx.twice(node, format!("Process already set for track process {} - ignoring {word}", process.name.text));
}

fn param_match(process: &mut ProcessDraft, node: &Node, cx: &mut Cx<'_>) {
    process.matching = match node.words.first().map(Word::as_str) {
        None => ParameterMatch::Exact,
        Some("initial") => ParameterMatch::Initial,
        Some("partial") => ParameterMatch::Partial,
        Some(_) => {
            if let Some(word) = node.words.first() {
                let message = format!("`{}` is not a way to compare parameters", word.text);
                cx.bad_value(word, message, "write `initial`, `partial` or nothing");
            }
            return;
        }
    };
}
