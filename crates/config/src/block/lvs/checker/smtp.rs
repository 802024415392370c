//! `SMTP_CHECK { .. }`.

use crate::block::global_defs::keyword;
use crate::block::lvs::checker::{CheckerDraft, Own, SMTP_HOST, own, read};
use crate::block::lvs::{self, id};
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, Keyword, Kind};

/// What only this check has, as written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct SmtpDraft {
    pub(crate) helo_name: Option<Box<str>>,
    /// `host` blocks: each is one more check.
    pub(crate) hosts: Vec<CheckerDraft>,
}

pub(crate) const OWN: &[Keyword<CheckerDraft>] = &[
    keyword!(
        "helo_name",
        Kind::Line("NAME", |c, node, cx| {
            let name = lvs::text(node, cx, "SMTP_CHECK helo name missing");
            own!(c, Smtp, |smtp| smtp.helo_name = name.or(smtp.helo_name.take()));
        }),
        "smtpchecker.keepalived.org",
        "the name it gives itself"
    ),
    keyword!(
        "host",
        Kind::Block("", id::SMTP_HOST, |c, node, nodes, cx| {
            let host = read(&SMTP_HOST, Own::Smtp(Box::default()), node, nodes, cx);
            own!(c, Smtp, |smtp| smtp.hosts.push(host));
        }),
        "",
        "one more check, to another place"
    ),
];

/// Makes one check of the block, and one of each `host` in it, which has the rest from the block.
pub(crate) fn finish(mut checker: CheckerDraft, checkers: &mut Vec<CheckerDraft>, cx: &mut Cx<'_>) {
    let Own::Smtp(smtp) = &mut checker.own else { return };
    let hosts = std::mem::take(&mut smtp.hosts);
    let name = smtp.helo_name.clone();
    if let Some(host) = hosts.first() {
        let d = Diagnostic::new(Code::OLD_WAY, "`host` is an old way to check several places")
            .at(host.span)
            .label("still understood")
            .help("write one `SMTP_CHECK` for each of them")
            .bare_log("The SMTP_CHECK host block is deprecated. Please define additional checkers.");
        cx.report(d);
    }
    let with = |mut host: CheckerDraft| {
        host.timing = host.timing.or(&checker.timing);
        host.alpha = host.alpha.or(checker.alpha);
        host.log_all_failures = host.log_all_failures.or(checker.log_all_failures);
        own!(host, Smtp, |smtp| smtp.helo_name.clone_from(&name));
        host
    };
    let hosts: Vec<CheckerDraft> = hosts.into_iter().map(with).collect();
    checkers.push(checker);
    checkers.extend(hosts);
}
