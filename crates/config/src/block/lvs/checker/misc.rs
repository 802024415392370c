//! `MISC_CHECK { .. }`.

use base::Duration;

use crate::block::command::CommandDraft;
use crate::block::global_defs::{keyword, secs_of};
use crate::block::lvs::checker::{CheckerDraft, Own, own};
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, Keyword, Kind, Range};
use crate::lang::{Node, Word};

/// What only this check has, as written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct MiscDraft {
    pub(crate) command: Option<CommandDraft>,
    pub(crate) user: Vec<Word>,
    /// 0 is as good as none.
    pub(crate) timeout: Option<Duration>,
    pub(crate) dynamic: bool,
}

const TIMEOUT: Range = Range::new(0, 4_294, "s");

pub(crate) const OWN: &[Keyword<CheckerDraft>] = &[
    keyword!(
        "misc_path",
        Kind::Script(|c, command| own!(c, Misc, |misc| misc.command = Some(command))),
        "",
        "the command; exit status 0 is good, 1 is bad, for others see misc_dynamic"
    ),
    keyword!(
        "misc_timeout",
        Kind::Number { range: TIMEOUT, set: |c, n| own!(c, Misc, |misc| misc.timeout = Some(secs_of(n))) },
        "delay_loop",
        "longest time of one run"
    ),
    keyword!(
        "misc_dynamic",
        Kind::Flag(|c| own!(c, Misc, |misc| misc.dynamic = true)),
        "off",
        "exit statuses from 2 are good and set the weight to 2 less"
    ),
    keyword!("user", Kind::Line("USER [GROUP]", user), "script_user", "who runs it"),
];

fn user(checker: &mut CheckerDraft, node: &Node, cx: &mut Cx<'_>) {
    if node.words.is_empty() {
        let d = Diagnostic::new(Code::NO_VALUE, "`user` needs a name")
            .at(node.line)
            .label("ignored")
            .help("name an account, or remove the line")
            .log("No user specified for misc checker script");
        cx.report(d);
        return;
    }
    own!(checker, Misc, |misc| misc.user = node.words.iter().take(2).cloned().collect());
}

/// A check without a command is none.
pub(crate) fn finish(checker: CheckerDraft, cx: &mut Cx<'_>) -> Option<CheckerDraft> {
    if matches!(&checker.own, Own::Misc(misc) if misc.command.is_some()) {
        return Some(checker);
    }
    let d = Diagnostic::new(Code::VALUE, "this check has no command")
        .at(checker.span)
        .label("it is ignored")
        .help("add `misc_path \"COMMAND\"`")
        .log("No script path has been specified for MISC_CHECKER - skipping");
    cx.report(d);
    None
}
