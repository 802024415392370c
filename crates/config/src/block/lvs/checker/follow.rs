//! `FILE_CHECK { .. }` and `BFD_CHECK { .. }`: checks that follow what others find out.

use crate::block::global_defs::keyword;
use crate::block::lvs::checker::{CheckerDraft, Own, own};
use crate::block::lvs::{self, id};
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, Keyword, Kind, Range, Table, pending, works};
use crate::lang::{Node, Word};

/// What only `FILE_CHECK` has, as written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct FileCheckDraft {
    pub(crate) file: Option<Word>,
    pub(crate) weight: Option<i32>,
    pub(crate) reverse: Option<bool>,
}

pub(crate) const FILE: Table<CheckerDraft> =
    Table { path: "virtual_server/real_server/FILE_CHECK", id: id::FILE, keywords: &[works(FILE_OWN)] };

pub(crate) const BFD: Table<CheckerDraft> =
    Table { path: "virtual_server/real_server/BFD_CHECK", id: id::BFD, keywords: &[pending(BFD_OWN)] };

const FILE_OWN: &[Keyword<CheckerDraft>] = &[
    keyword!(
        "track_file",
        Kind::Word("NAME", |c, word, _| own!(c, File, |file| file.file = Some(word.clone()))),
        "",
        "the tracked file, defined before"
    ),
    keyword!(
        "weight",
        Kind::Line("NUMBER (-2147483647 to 2147483647) [reverse|noreverse]", weight),
        "that of the file",
        "the file's number times this is added to the server's weight; 0 makes any other number than 0 a failure"
    ),
];

const BFD_OWN: &[Keyword<CheckerDraft>] = &[
    keyword!("name", Kind::Line("NAME", session), "", "the BFD session, defined before"),
    keyword!(
        "alpha",
        Kind::Switch(|c, on| c.alpha = Some(on)),
        "that of the real server",
        "it counts as failed until the session is up"
    ),
];

const WEIGHT: Range = Range::new(-(i32::MAX as i64), i32::MAX as i64, "");

fn weight(checker: &mut CheckerDraft, node: &Node, cx: &mut Cx<'_>) {
    let Some(word) = node.words.first() else {
        let _ = lvs::text(node, cx, "track file weight missing");
        return;
    };
    let Some(weight) = cx.number("weight", word, WEIGHT).and_then(|n| i32::try_from(n).ok()) else { return };
    let reverse = match node.words.get(1) {
        None => None,
        Some(word) => match word.text.as_str() {
            "reverse" => Some(true),
            "noreverse" => Some(false),
            other => {
                let d = Diagnostic::new(Code::VALUE, format!("`{other}` means nothing after a weight"))
                    .at(word.span)
                    .label("ignored")
                    .help("write `reverse`, `noreverse`, or nothing")
                    .log(format!("unknown track file weight option {other} - ignoring"));
                cx.report(d);
                None
            }
        },
    };
    own!(checker, File, |file| (file.weight, file.reverse) = (Some(weight), reverse));
}

fn session(checker: &mut CheckerDraft, node: &Node, cx: &mut Cx<'_>) {
    let [name] = node.words.as_slice() else {
        let d = Diagnostic::new(Code::NO_VALUE, "`name` needs the name of one BFD session")
            .at(node.line)
            .label("ignored")
            .help("write `name SESSION`")
            .log("BFD_CHECK - No or too many names specified - skipping checker");
        cx.report(d);
        return;
    };
    checker.own = Own::Bfd(Some(name.clone()));
}

/// A check that follows no file is none.
pub(crate) fn finish_file(checker: CheckerDraft, cx: &mut Cx<'_>) -> Option<CheckerDraft> {
    if matches!(&checker.own, Own::File(file) if file.file.is_some()) {
        return Some(checker);
    }
    let d = Diagnostic::new(Code::VALUE, "this check follows no file")
        .at(checker.span)
        .label("it is ignored")
        .help("add `track_file NAME`")
        .log("FILE_CHECK has no track_file specified - ignoring");
    cx.report(d);
    None
}

/// Nor is one that follows no session, or one that another check of the server follows already.
pub(crate) fn finish_bfd(
    checker: CheckerDraft,
    others: &[CheckerDraft],
    cx: &mut Cx<'_>,
) -> Option<CheckerDraft> {
    let Own::Bfd(Some(name)) = &checker.own else {
        let d = Diagnostic::new(Code::VALUE, "this check follows no BFD session")
            .at(checker.span)
            .label("it is ignored")
            .help("add `name SESSION`")
            .log("No name has been specified for BFD_CHECKER - skipping");
        cx.report(d);
        return None;
    };
    let twice =
        others.iter().any(|other| matches!(&other.own, Own::Bfd(Some(known)) if known.text == name.text));
    if twice {
        let d = Diagnostic::new(Code::DUPLICATE, format!("the session `{}` is followed already", name.text))
            .at(name.span)
            .label("this check is ignored")
            .help("remove it")
            .log(format!("BFD_CHECK - RS already monitoring {}", name.text));
        cx.report(d);
        return None;
    }
    Some(checker)
}
