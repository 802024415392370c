//! Blocks about interfaces: `garp_group`, `track_group`, `interface_up_down_delays`, `linkbeat_interfaces`.

use base::Duration;
use model::link::LinkBeat;

use crate::block::global_defs::keyword;
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, Keyword, Kind, SecondsRange, Table, pending, value};
use crate::lang::tree::{BlockId, Line};
use crate::lang::{Node, Word};
use crate::span::Span;

/// What is written at the root about interfaces.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct LinksDraft {
    pub(crate) garp_groups: Vec<GarpDraft>,
    pub(crate) track_groups: Vec<TrackGroupDraft>,
    pub(crate) delays: Vec<DelayDraft>,
    pub(crate) polled: Vec<PollDraft>,
    /// `linkbeat_use_polling`.
    pub(crate) poll_all: bool,
}

/// A group of interfaces with shared gaps, as written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct GarpDraft {
    pub(crate) keyword: Span,
    pub(crate) garp_interval: Duration,
    pub(crate) gna_interval: Duration,
    pub(crate) links: Vec<Word>,
}

/// A group of instances that follow static objects, as written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TrackGroupDraft {
    pub(crate) name: Word,
    pub(crate) members: Vec<Word>,
    /// `group` was written.
    pub(crate) listed: bool,
}

/// A line of `interface_up_down_delays`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct DelayDraft {
    pub(crate) link: Word,
    pub(crate) down: Duration,
    pub(crate) up: Duration,
}

/// A line of `linkbeat_interfaces`, or an instance's `linkbeat_use_polling`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PollDraft {
    pub(crate) link: Word,
    pub(crate) way: Option<LinkBeat>,
}

const GAP: SecondsRange = SecondsRange::new(Duration::ZERO, Duration::from_secs(4_294), 6);
const DELAY: SecondsRange = SecondsRange::new(Duration::ZERO, Duration::from_secs(255), 6);

pub(crate) const GARP_GROUP: Table<GarpDraft> = Table {
    path: "garp_group",
    id: BlockId(52),
    keywords: &[pending(&[
        keyword!(
            "garp_interval",
            Kind::Seconds { range: GAP, set: |g, t| g.garp_interval = t },
            "0",
            "shortest time between two gratuitous ARPs on all the interfaces"
        ),
        keyword!(
            "gna_interval",
            Kind::Seconds { range: GAP, set: |g, t| g.gna_interval = t },
            "0",
            "shortest time between two neighbour advertisements on all the interfaces"
        ),
        keyword!("interface", Kind::Word("IF", |g, word, _| g.links.push(word.clone())), "", "one interface"),
        keyword!(
            "interfaces",
            Kind::Values("IF ..", |g, _, lines, _| g.links.extend(words(lines))),
            "",
            "several interfaces"
        ),
    ])],
};

pub(crate) const TRACK_GROUP: Table<TrackGroupDraft> = Table {
    path: "track_group",
    id: BlockId(53),
    keywords: &[pending(&[keyword!(
        "group",
        Kind::Values("INSTANCE ..", members),
        "",
        "instances that follow the interfaces of static addresses, routes and rules"
    )])],
};

/// The first list counts, as in a sync group.
fn members(group: &mut TrackGroupDraft, node: &Node, lines: &[Line], cx: &mut Cx<'_>) {
    if group.listed {
        cx.twice(node, format!("Group list already specified for sync group {}", group.name.text));
        return;
    }
    group.listed = true;
    group.members.extend(words(lines));
}

/// All words of the lines.
pub(crate) fn words(lines: &[Line]) -> impl Iterator<Item = Word> + '_ {
    lines.iter().flat_map(|line| std::iter::once(&line.first).chain(&line.rest)).cloned()
}

/// The lines of `interface_up_down_delays`.
pub(crate) fn delays(list: &mut Vec<DelayDraft>, lines: &[Line], cx: &mut Cx<'_>) {
    for line in lines {
        let mut times = line.rest.iter();
        let Some(down) = times.next() else {
            let message = format!("`{}` needs a delay", line.first.text);
            cx.bad_value(&line.first, message, "write `INTERFACE DOWN [UP]`, in seconds");
            continue;
        };
        let Some(down) = cx.seconds("interface_up_down_delays", down, DELAY) else { continue };
        // The manual says that a missing one is the same; keepalived takes none.
        let up = match times.next() {
            None => Duration::ZERO,
            Some(word) => match cx.seconds("interface_up_down_delays", word, DELAY) {
                Some(up) => up,
                None => continue,
            },
        };
        if let Some(extra) = times.next() {
            let d = Diagnostic::new(Code::EXTRA, "an interface has two delays at most").at(extra.span);
            cx.report(d.label("ignored").help("write `INTERFACE DOWN [UP]`"));
        }
        list.push(DelayDraft { link: line.first.clone(), down, up });
    }
}

const WAYS: &[(&str, LinkBeat)] =
    &[("MII", LinkBeat::Mii), ("ETHTOOL", LinkBeat::Ethtool), ("IOCTL", LinkBeat::Ioctl)];

/// The lines of `linkbeat_interfaces`.
pub(crate) fn polled(list: &mut Vec<PollDraft>, lines: &[Line], cx: &mut Cx<'_>) {
    for line in lines {
        let mut way = None;
        for word in &line.rest {
            let known = WAYS.iter().find(|(name, _)| *name == word.text);
            match (known, way) {
                (Some((_, known)), None) => way = Some(*known),
                _ => extra_of_linkbeat(word, cx),
            }
        }
        list.push(PollDraft { link: line.first.clone(), way });
    }
}

fn extra_of_linkbeat(word: &Word, cx: &mut Cx<'_>) {
    let d = Diagnostic::new(Code::VALUE, format!("`{}` is not a way to ask an interface", word.text))
        .at(word.span)
        .label("ignored")
        .log(format!("extra characters {} in linkbeat interface", word.text));
    let help = match value::nearest(&word.text, WAYS.iter().map(|(name, _)| *name)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "write one of `MII`, `ETHTOOL` and `IOCTL`, or nothing".to_owned(),
    };
    cx.report(d.help(help));
}
