//! `authentication { .. }` of an instance (RFC 2338 section 5.3.6).

use crate::block::global_defs::keyword;
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, Keyword, Kind, Nodes, Table, value, works};
use crate::lang::tree::BlockId;
use crate::lang::{Node, Word};

/// `authentication` as written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct AuthDraft {
    pub(crate) keyword: Word,
    pub(crate) kind: Option<AuthKind>,
    pub(crate) password: Option<Word>,
}

/// `auth_type`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AuthKind {
    Pass,
    Ah,
}

/// `authentication { .. }`.
pub(crate) const TABLE: Table<AuthDraft> = Table {
    path: "vrrp_instance/authentication",
    id: BlockId(7),
    keywords: &[works(&[
        keyword!(
            "auth_type",
            Kind::Word("PASS | AH", auth_type),
            "",
            "a plain password, or the header of IPsec"
        ),
        keyword!("auth_pass", Kind::Word("TEXT", auth_pass), "", "the shared secret, at most 8 bytes"),
    ])],
};

/// Reads the block.
pub(crate) fn parse(node: &Node, nodes: &mut Nodes<'_, '_>, cx: &mut Cx<'_>) -> AuthDraft {
    let mut auth = AuthDraft { keyword: node.keyword.into(), kind: None, password: None };
    TABLE.apply(&mut auth, nodes, cx);
    auth
}

fn auth_type(auth: &mut AuthDraft, word: &Word, cx: &mut Cx<'_>) {
    auth.kind = match word.text.as_str() {
        "PASS" => Some(AuthKind::Pass),
        "AH" => Some(AuthKind::Ah),
        other => {
            let help = match value::nearest(&other.to_ascii_uppercase(), ["PASS", "AH"].into_iter()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "write `PASS` or `AH`".to_owned(),
            };
            let d = Diagnostic::new(Code::VALUE, format!("`{other}` is not a kind of authentication"))
                .at(word.span)
                .label("ignored")
                .help(help)
                .log(format!("({}) unknown authentication type '{other}'", cx.object));
            cx.report(d);
            None
        }
    };
}

fn auth_pass(auth: &mut AuthDraft, word: &Word, cx: &mut Cx<'_>) {
    cx.secret(word);
    if word.text.len() > 8 {
        let d = Diagnostic::new(Code::LONG_PASSWORD, "`auth_pass` has more than 8 bytes")
            .at(word.span)
            .label("only the first 8 are used")
            .help("shorten it, on all routers")
            .log("Truncating auth_pass to 8 characters");
        cx.report(d);
    }
    auth.password = Some(word.clone());
}
