//! `SSL { .. }`.

use base::Secret;

use crate::block::global_defs::keyword;
use crate::block::lvs;
use crate::keyword::{Cx, Keyword, Kind, Table, works};
use crate::lang::Node;

/// The block as written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct SslDraft {
    pub(crate) password: Option<Secret<Vec<u8>>>,
    pub(crate) authorities: Option<Box<str>>,
    pub(crate) certificate: Option<Box<str>>,
    pub(crate) key: Option<Box<str>>,
}

pub(crate) const TABLE: Table<SslDraft> = Table { path: "SSL", id: lvs::id::SSL, keywords: &[works(OWN)] };

const OWN: &[Keyword<SslDraft>] = &[
    keyword!("password", Kind::Line("TEXT", password), "", "password of the key"),
    keyword!(
        "ca",
        Kind::Line("PATH", |s, node, cx| s.authorities = lvs::text(node, cx, "SSL cafile missing")),
        "",
        "certificates of authorities"
    ),
    keyword!(
        "certificate",
        Kind::Line("PATH", |s, node, cx| s.certificate = lvs::text(node, cx, "SSL certfile missing")),
        "",
        "certificate that is shown to servers"
    ),
    keyword!(
        "key",
        Kind::Line("PATH", |s, node, cx| s.key = lvs::text(node, cx, "SSL keyfile missing")),
        "",
        "key of that certificate"
    ),
];

fn password(ssl: &mut SslDraft, node: &Node, cx: &mut Cx<'_>) {
    node.words.iter().for_each(|word| cx.secret(word));
    let password = lvs::text(node, cx, "SSL password missing");
    ssl.password = password.map(|text| Secret::new(text.into_string().into_bytes()));
}
