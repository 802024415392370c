//! `DNS_CHECK { .. }`.

use model::lvs::DnsType;

use crate::block::global_defs::keyword;
use crate::block::lvs::checker::{CheckerDraft, own};
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, Keyword, Kind, value};
use crate::lang::Word;

/// What only this check has, as written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct DnsDraft {
    pub(crate) kind: Option<DnsType>,
    pub(crate) name: Option<Box<str>>,
}

pub(crate) const OWN: &[Keyword<CheckerDraft>] = &[
    keyword!(
        "type",
        Kind::Word("A | NS | CNAME | SOA | MX | TXT | AAAA | RRSIG | DNSKEY", kind),
        "SOA",
        "type of record that is asked for"
    ),
    keyword!("name", Kind::Word("DOMAIN", name), ".", "name that is asked for"),
];

fn kind(checker: &mut CheckerDraft, word: &Word, cx: &mut Cx<'_>) {
    let found = DnsType::ALL.iter().find(|known| word.text.eq_ignore_ascii_case(known.name()));
    if let Some(known) = found {
        own!(checker, Dns, |dns| dns.kind = Some(*known));
        return;
    }
    let names = DnsType::ALL.iter().map(|known| known.name());
    let help = value::nearest(&word.text.to_ascii_uppercase(), names)
        .map_or_else(|| "write `A`, `AAAA`, `SOA`, ...".to_owned(), |near| format!("did you mean `{near}`?"));
    let d = Diagnostic::new(Code::VALUE, format!("`{}` is not a type of record", word.text))
        .at(word.span)
        .label("ignored")
        .help(help)
        .log(format!("Unknown DNS check type {} - ignoring", word.text));
    cx.report(d);
}

fn name(checker: &mut CheckerDraft, word: &Word, cx: &mut Cx<'_>) {
    // The root's own part is empty; it may be written, or not.
    let name = word.text.strip_suffix('.').unwrap_or(&word.text);
    let root = name.is_empty() && !word.text.is_empty();
    if !root && name.split('.').any(str::is_empty) {
        let name = &word.text;
        let d = Diagnostic::new(Code::VALUE, format!("the name `{name}` has an empty part"))
            .at(word.span)
            .label("ignored")
            .help("write parts with one dot between them")
            .log(format!("DNS_CHECK name '{name}' has empty label - ignoring"));
        cx.report(d);
        return;
    }
    own!(checker, Dns, |dns| dns.name = Some(if root { "." } else { name }.into()));
}
