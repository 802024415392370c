//! `track_file NAME { .. }` and its older name `vrrp_track_file`.

use crate::block::track::What;
use crate::block::vrrp_script::weight;
use crate::keyword::{Cx, Keyword, Kind, Range, Table, works};
use crate::lang::tree::BlockId;
use crate::lang::{Node, Word};

/// A file with a number, as written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct FileDraft {
    pub(crate) name: Word,
    pub(crate) path: Option<Word>,
    pub(crate) weight: i16,
    pub(crate) reverse: bool,
    /// `weight` was written.
    pub(crate) weighed: bool,
    pub(crate) init: Option<i32>,
    pub(crate) overwrite: bool,
}

impl FileDraft {
    pub(crate) fn new(name: Word) -> Self {
        Self { name, path: None, weight: 1, reverse: false, weighed: false, init: None, overwrite: false }
    }
}

const KEYWORDS: &[Keyword<FileDraft>] = &[
    Keyword {
        name: "file",
        kind: Kind::Line("PATH", path),
        default: "",
        doc: "the file, which holds one whole number",
        since: "",
    },
    Keyword {
        name: "weight",
        kind: Kind::Line("NUMBER (-254 to 254) [reverse]", |f, node, cx| {
            if f.weighed {
                let word = node.words.first().map_or("", Word::as_str);
                let log = format!("Weight already set for track file {} - ignoring {word}", f.name.text);
                cx.twice(node, log);
            } else if let Some((weight, reverse)) = weight(What::File, node, cx) {
                (f.weight, f.reverse, f.weighed) = (weight, reverse, true);
            }
        }),
        default: "1",
        doc: "the number in the file is multiplied with it; 0 makes any other number than 0 a fault",
        since: "",
    },
    Keyword {
        name: "init_file",
        kind: Kind::Line("[NUMBER] [overwrite]", init),
        default: "",
        doc: "create the file at the start with this number",
        since: "",
    },
];

pub(crate) const TABLE: Table<FileDraft> =
    Table { path: "track_file", id: BlockId(5), keywords: &[works(KEYWORDS)] };

/// The older name.
pub(crate) const VRRP_TABLE: Table<FileDraft> =
    Table { path: "vrrp_track_file", id: BlockId(6), keywords: &[works(KEYWORDS)] };

/// The first path counts, as with keepalived.
fn path(file: &mut FileDraft, node: &Node, cx: &mut Cx<'_>) {
    match (node.words.first(), &file.path) {
        (None, _) => cx.missing(node, 2),
        (Some(word), None) => {
            file.path = Some(word.clone());
            if let Some(extra) = node.words.get(1) {
                cx.extra(node, extra);
            }
        }
        (Some(word), Some(_)) => {
            let log = format!("File already set for track file {} - ignoring {}", file.name.text, word.text);
            cx.twice(node, log);
        }
    }
}

fn init(file: &mut FileDraft, node: &Node, cx: &mut Cx<'_>) {
    file.init = Some(0);
    for word in &node.words {
        if word.text == "overwrite" {
            file.overwrite = true;
        } else if let Some(n) =
            cx.number("init_file", word, Range::new(i64::from(i32::MIN), i64::from(i32::MAX), ""))
        {
            file.init = i32::try_from(n).ok();
        }
    }
}
