//! Load balancing: `virtual_server_group`, `virtual_server` and what stands in it, and `SSL`.

pub(crate) mod checker;
pub(crate) mod forwarding;
pub(crate) mod group;
pub(crate) mod real_server;
pub(crate) mod ssl;
pub(crate) mod timing;
pub(crate) mod virtual_server;

use base::Family;

use crate::block::Draft;
use crate::block::command::CommandDraft;
use crate::block::global_defs::{keyword, u32_of};
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Catalogue, Cx, Keyword, Kind, Range};
use crate::lang::tree::{BlockId, Shape};
use crate::lang::{Body, Node, Word};
use crate::span::Span;

use group::GroupDraft;
use ssl::SslDraft;
use virtual_server::VirtualServerDraft;

/// Ids of the tables.
pub(crate) mod id {
    use super::BlockId;

    pub(crate) const VIRTUAL_SERVER: BlockId = BlockId(100);
    pub(crate) const REAL_SERVER: BlockId = BlockId(101);
    pub(crate) const SSL: BlockId = BlockId(102);
    pub(crate) const TCP: BlockId = BlockId(103);
    pub(crate) const PING: BlockId = BlockId(104);
    pub(crate) const UDP: BlockId = BlockId(105);
    pub(crate) const DNS: BlockId = BlockId(106);
    pub(crate) const SMTP: BlockId = BlockId(107);
    pub(crate) const SMTP_HOST: BlockId = BlockId(108);
    pub(crate) const HTTP: BlockId = BlockId(109);
    pub(crate) const HTTP_URL: BlockId = BlockId(110);
    pub(crate) const SSL_GET: BlockId = BlockId(111);
    pub(crate) const SSL_URL: BlockId = BlockId(112);
    pub(crate) const MISC: BlockId = BlockId(113);
    pub(crate) const FILE: BlockId = BlockId(114);
    pub(crate) const BFD: BlockId = BlockId(115);
}

/// All of it as written.
#[derive(Debug, Default)]
pub(crate) struct LvsDraft {
    pub(crate) groups: Vec<GroupDraft>,
    #[allow(clippy::vec_box, reason = "each can be freed alone when its service is made")]
    pub(crate) services: Vec<Box<VirtualServerDraft>>,
    pub(crate) ssl: Option<(SslDraft, Span)>,
}

/// The keywords of the root.
pub(crate) const ROOT: &[Keyword<Draft>] = &[
    keyword!(
        "net_namespace_ipvs",
        Kind::Line("[NAME]", |d, node, _| {
            d.global.lvs.namespace = Some(node.words.first().map(|word| word.text.as_str().into()));
        }),
        "net_namespace",
        "network namespace whose table of virtual servers is used; without a name that of the host"
    ),
    keyword!(
        "virtual_server_group",
        Kind::Special(
            "NAME { ADDRESS[-END|/LENGTH] [PORT] | fwmark NUMBER [inet|inet6] .. }",
            Shape::Values,
            |d, node, cx| {
                let lines = match &node.body {
                    Body::Values(lines) => lines.as_slice(),
                    _ => &[],
                };
                d.lvs.groups.extend(group::read(node, lines, cx));
            }
        ),
        "",
        "addresses, ranges and marks that share a pool of servers"
    ),
    keyword!(
        "virtual_server",
        Kind::Block("ADDRESS [PORT] | fwmark NUMBER | group NAME", id::VIRTUAL_SERVER, virtual_server::read),
        "",
        "a service of the kernel's load balancer, and its pool of servers"
    ),
    keyword!(
        "SSL",
        Kind::Block("", id::SSL, |d, node, nodes, cx| {
            if let Some((_, first)) = d.lvs.ssl {
                let d = Diagnostic::new(Code::DUPLICATE, "there are two `SSL` blocks")
                    .at(node.keyword.span)
                    .label("this one is used")
                    .other(first, "the first one")
                    .help("remove one of them")
                    .log("SSL context already specified - replacing");
                cx.report(d);
            }
            let mut draft = SslDraft::default();
            ssl::TABLE.apply(&mut draft, nodes, cx);
            d.lvs.ssl = Some((draft, node.keyword.span));
        }),
        "",
        "what SSL_GET shows of itself"
    ),
];

/// Puts the tables into the catalogue.
pub(crate) fn register(catalogue: &mut Catalogue) {
    catalogue.add(&virtual_server::TABLE);
    catalogue.add(&real_server::TABLE);
    catalogue.add(&ssl::TABLE);
    checker::register(catalogue);
}

const PORT: Range = Range::new(1, 65_535, "");
const MARK: Range = Range::new(0, u32::MAX as i64, "");

/// Reads a port.
pub(crate) fn port(word: &Word, cx: &mut Cx<'_>) -> Option<u16> {
    cx.number("port", word, PORT).and_then(|n| u16::try_from(n).ok())
}

/// Reads a port of a service or a server; 0 is none.
fn port_or_none(word: &Word, cx: &mut Cx<'_>) -> Option<u16> {
    if word.text.parse() == Ok(0_u16) { Some(0) } else { port(word, cx) }
}

/// Reads a mark of the firewall.
fn mark(word: &Word, cx: &mut Cx<'_>) -> Option<u32> {
    cx.number("fwmark", word, MARK).map(u32_of)
}

/// Reads `inet` or `inet6`.
fn family(word: &Word, cx: &mut Cx<'_>) -> Option<Family> {
    match word.text.as_str() {
        "inet" => Some(Family::V4),
        "inet6" => Some(Family::V6),
        other => {
            let d = Diagnostic::new(Code::VALUE, format!("`{other}` is not a family of addresses"))
                .at(word.span)
                .label("ignored")
                .help("write `inet` or `inet6`")
                .log(format!("unknown address family {other}"));
            cx.report(d);
            None
        }
    }
}

/// The word after a keyword that keepalived passes over if it is missing, with its words about it.
fn text(node: &Node, cx: &mut Cx<'_>, log: &str) -> Option<Box<str>> {
    let Some(word) = node.words.first() else {
        let keyword = node.keyword.text;
        let d = Diagnostic::new(Code::NO_VALUE, format!("`{keyword}` needs a value"))
            .at(node.line)
            .label("ignored")
            .help(format!("add the value after `{keyword}`, or remove the line"))
            .log(log);
        cx.report(d);
        return None;
    };
    if let Some(extra) = node.words.get(1) {
        cx.extra(node, extra);
    }
    Some(word.text.as_str().into())
}

/// The one word that `snmp_name` takes.
fn snmp_name(what: &str, node: &Node, cx: &mut Cx<'_>) -> Option<Box<str>> {
    if let [word] = node.words.as_slice() {
        return Some(word.text.as_str().into());
    }
    let d = Diagnostic::new(Code::NO_VALUE, "`snmp_name` needs one name")
        .at(node.line)
        .label("ignored")
        .help("put a name of several words between double quotes")
        .log(format!("{what} snmp_name missing or extra parameters"));
    cx.report(d);
    None
}

/// Takes a command, unless there is one: the first one counts.
fn command(place: &mut Option<Box<CommandDraft>>, node: &Node, cx: &mut Cx<'_>) {
    let keyword = node.keyword.text;
    if node.words.is_empty() {
        cx.missing(node, 2);
        return;
    }
    let command = CommandDraft::new(node);
    if let Some(first) = place {
        let d = Diagnostic::new(Code::DUPLICATE, format!("`{keyword}` is set twice"))
            .at(node.line)
            .label("this one is ignored")
            .other(first.text.span, "the first one")
            .help("remove one of the two lines")
            .log(format!("((null)) {keyword} script already specified - ignoring {}", command.text.text));
        cx.report(d);
        return;
    }
    *place = Some(Box::new(command));
}
