//! `vrrp_sync_group NAME { .. }`.

use crate::block::Seen;
use crate::block::global_defs::keyword;
use crate::block::links;
use crate::block::notify::NotifyDraft;
use crate::block::track::{self, TrackDraft, What};
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, Keyword, Kind, Table, pending, works};
use crate::lang::tree::{BlockId, Line};
use crate::lang::{Node, Word};

/// A group as written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct GroupDraft {
    pub(crate) name: Word,
    pub(crate) seen: Seen,
    pub(crate) members: Vec<Word>,
    listed: bool,
    pub(crate) tracks: Vec<TrackDraft>,
    pub(crate) tracking_weight: bool,
    pub(crate) notify: NotifyDraft,
}

impl GroupDraft {
    pub(crate) fn new(name: Word, seen: Seen) -> Self {
        Self {
            name,
            seen,
            members: Vec::new(),
            listed: false,
            tracks: Vec::new(),
            tracking_weight: false,
            notify: NotifyDraft::default(),
        }
    }
}

pub(crate) const TABLE: Table<GroupDraft> = Table {
    path: "vrrp_sync_group",
    id: BlockId(3),
    keywords: &[
        works(&[
            Keyword {
                name: "group",
                kind: Kind::Values("INSTANCE ..", members),
                default: "",
                doc: "the members",
                since: "",
            },
            Keyword {
                name: "track_interface",
                kind: Kind::Values("IF [weight W [reverse]] ..", |g, _, lines, cx| {
                    track::parse(What::Interface, lines, &mut g.tracks, cx);
                }),
                default: "",
                doc: "interfaces that every member tracks",
                since: "",
            },
            Keyword {
                name: "track_script",
                kind: Kind::Values("NAME [weight W [reverse]] ..", |g, _, lines, cx| {
                    track::parse(What::Script, lines, &mut g.tracks, cx);
                }),
                default: "",
                doc: "scripts that every member tracks",
                since: "",
            },
            Keyword {
                name: "track_file",
                kind: Kind::Values("NAME [weight W [reverse]] ..", |g, _, lines, cx| {
                    track::parse(What::File, lines, &mut g.tracks, cx);
                }),
                default: "",
                doc: "files that every member tracks",
                since: "",
            },
            Keyword {
                name: "notify_backup",
                kind: Kind::Script(|g, c| g.notify.backup = Some(Box::new(c))),
                default: "",
                doc: "run when the group becomes backup",
                since: "",
            },
            Keyword {
                name: "notify_master",
                kind: Kind::Script(|g, c| g.notify.master = Some(Box::new(c))),
                default: "",
                doc: "run when the group becomes master",
                since: "",
            },
            Keyword {
                name: "notify_fault",
                kind: Kind::Script(|g, c| g.notify.fault = Some(Box::new(c))),
                default: "",
                doc: "run when the group has a fault",
                since: "",
            },
            Keyword {
                name: "notify_stop",
                kind: Kind::Script(|g, c| g.notify.stop = Some(Box::new(c))),
                default: "",
                doc: "run when the daemon stops",
                since: "",
            },
            Keyword {
                name: "notify",
                kind: Kind::Script(|g, c| g.notify.any = Some(Box::new(c))),
                default: "",
                doc: "run at every change, with GROUP, name, state and 0 as further arguments",
                since: "",
            },
            Keyword {
                name: "global_tracking",
                kind: Kind::Line("", |g, node, cx| {
                    g.tracking_weight = true;
                    deprecated(node, "sync_group_tracking_weight", cx);
                }),
                default: "off",
                doc: "the older name of sync_group_tracking_weight",
                since: "",
            },
            Keyword {
                name: "sync_group_tracking_weight",
                kind: Kind::Flag(|g| g.tracking_weight = true),
                default: "off",
                doc: "weights of tracked objects count although priorities of members may then differ",
                since: "",
            },
            Keyword {
                name: "notify_priority_changes",
                kind: Kind::Switch(|g, on| g.notify.priority_changes = Some(on)),
                default: "the global setting",
                doc: "tell changes of priority through the FIFOs",
                since: "",
            },
        ]),
        works(MAIL),
        pending(PENDING),
    ],
};

const MAIL: &[Keyword<GroupDraft>] = &[keyword!(
    "smtp_alert",
    Kind::Switch(|g, on| g.notify.smtp_alert = Some(on)),
    "smtp_alert_vrrp",
    "mail about changes of the group's state"
)];

/// Keywords on which nothing acts yet.
const PENDING: &[Keyword<GroupDraft>] = &[
    keyword!(
        "track_process",
        Kind::Values("NAME [weight W [reverse]] ..", |g, _, lines, cx| {
            track::parse(What::Process, lines, &mut g.tracks, cx);
        }),
        "",
        "processes that every member tracks"
    ),
    keyword!(
        "track_bfd",
        Kind::Values("NAME [weight W [reverse]] ..", |g, _, lines, cx| {
            track::parse(What::Bfd, lines, &mut g.tracks, cx);
        }),
        "",
        "BFD sessions that every member tracks"
    ),
];

/// Tells that a keyword has a newer name.
pub(crate) fn deprecated(node: &Node, newer: &str, cx: &mut Cx<'_>) {
    let d = Diagnostic::new(Code::DEPRECATED, format!("`{}` is an old name", node.keyword.text))
        .at(node.keyword.span)
        .label(format!("taken for `{newer}`"))
        .help(format!("write `{newer}`"));
    cx.report(d);
}

/// Members stand one or several on a line.
fn members(group: &mut GroupDraft, node: &Node, lines: &[Line], cx: &mut Cx<'_>) {
    if group.listed {
        cx.twice(node, format!("Group list already specified for sync group {}", group.name.text));
        return;
    }
    group.listed = true;
    group.members = links::words(lines).collect();
}
