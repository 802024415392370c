//! Checks of a real server: what all have in common, and their blocks.

pub(crate) mod dns;
pub(crate) mod follow;
pub(crate) mod http;
pub(crate) mod misc;
pub(crate) mod smtp;
pub(crate) mod udp;

use std::net::IpAddr;

use base::IfName;

use crate::block::global_defs::keyword;
use crate::block::lvs::real_server::RealServerDraft;
use crate::block::lvs::timing::{Timed, Timing};
use crate::block::lvs::{self, id};
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Catalogue, Cx, Keyword, Kind, Nodes, Table, works};
use crate::lang::{Node, Word};
use crate::span::Span;

/// A check as written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct CheckerDraft {
    /// Its keyword.
    pub(crate) span: Span,
    pub(crate) alpha: Option<bool>,
    pub(crate) log_all_failures: Option<bool>,
    pub(crate) timing: Timing,
    pub(crate) port: Option<u16>,
    /// Where it connects to if not to the real server, and from where.
    ends: Option<Box<Ends>>,
    pub(crate) own: Own,
}

/// The ends of a connection.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Ends {
    pub(crate) address: Option<(IpAddr, Span)>,
    pub(crate) bind_address: Option<(IpAddr, Span)>,
    pub(crate) bind_port: Option<u16>,
    pub(crate) link: Option<IfName>,
    pub(crate) mark: u32,
}

/// What only one kind of check has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Own {
    Tcp,
    Ping,
    Udp(Box<udp::UdpDraft>),
    Dns(Box<dns::DnsDraft>),
    Smtp(Box<smtp::SmtpDraft>),
    Http(Box<http::HttpDraft>),
    Misc(Box<misc::MiscDraft>),
    File(Box<follow::FileCheckDraft>),
    /// The name of the session.
    Bfd(Option<Word>),
}

impl Timed for CheckerDraft {
    fn timing(&mut self) -> &mut Timing {
        &mut self.timing
    }
}

impl CheckerDraft {
    pub(crate) fn new(span: Span, own: Own) -> Self {
        Self {
            span,
            alpha: None,
            log_all_failures: None,
            timing: Timing::default(),
            port: None,
            ends: None,
            own,
        }
    }

    fn ends_mut(&mut self) -> &mut Ends {
        self.ends.get_or_insert_default()
    }

    /// The ends of its connection; `None` if nothing of them is set.
    pub(crate) fn ends(&self) -> Option<&Ends> {
        self.ends.as_deref()
    }
}

/// When a check runs, without the timeout.
const WHEN: &[Keyword<CheckerDraft>] = &[
    keyword!(
        "alpha",
        Kind::Switch(|c, on| c.alpha = Some(on)),
        "that of the real server",
        "it counts as failed until it succeeds"
    ),
    keyword!(
        "log_all_failures",
        Kind::Switch(|c, on| c.log_all_failures = Some(on)),
        "checker_log_all_failures",
        "log failures that are tolerated, too"
    ),
];

/// Where a check connects to, and from where.
const CONNECT: &[Keyword<CheckerDraft>] = &[
    keyword!(
        "connect_ip",
        Kind::Word("ADDRESS", |c, word, cx| {
            if let Some(address) = address("connect_ip", word, cx) {
                c.ends_mut().address = Some((address, word.span));
            }
        }),
        "the real server's",
        "address that it connects to"
    ),
    keyword!(
        "connect_port",
        Kind::Word("PORT", |c, word, cx| c.port = lvs::port(word, cx).or(c.port)),
        "the real server's",
        "port that it connects to"
    ),
    keyword!(
        "bindto",
        Kind::Word("ADDRESS", |c, word, cx| {
            if let Some(address) = address("bindto", word, cx) {
                c.ends_mut().bind_address = Some((address, word.span));
            }
        }),
        "",
        "address that it connects from"
    ),
    keyword!(
        "bind_port",
        Kind::Word("PORT", |c, word, cx| {
            if let Some(port) = lvs::port(word, cx) {
                c.ends_mut().bind_port = Some(port);
            }
        }),
        "",
        "port that it connects from"
    ),
    keyword!(
        "bind_if",
        Kind::Word("IF", |c, word, cx| {
            if let Some(link) = cx.if_name(word) {
                c.ends_mut().link = Some(link);
            }
        }),
        "",
        "interface that it uses; link-local addresses need one"
    ),
    keyword!(
        "fwmark",
        Kind::Word("NUMBER", |c, word, cx| {
            if let Some(mark) = lvs::mark(word, cx) {
                c.ends_mut().mark = mark;
            }
        }),
        "0",
        "mark of its packets"
    ),
];

fn address(keyword: &str, word: &Word, cx: &mut Cx<'_>) -> Option<IpAddr> {
    let address = cx.host(word);
    if address.is_none() {
        let d = Diagnostic::new(Code::VALUE, format!("`{}` is not an address for `{keyword}`", word.text))
            .at(word.span)
            .label("ignored")
            .help("write an IPv4 or IPv6 address")
            .log(format!("Invalid {keyword} address {} - ignoring", word.text));
        cx.report(d);
    }
    address
}

/// A table of a check with a connection, whose own keywords are the last argument.
macro_rules! connecting {
    ($path:literal, $id:expr $(, $own:expr)*) => {
        Table {
            path: $path,
            id: $id,
            keywords: &[
                works(CONNECT),
                works(CheckerDraft::CONNECT_TIMEOUT),
                works(CheckerDraft::TIMES),
                works(CheckerDraft::RETRY),
                works(WHEN),
                $(works($own),)*
            ],
        }
    };
}

const TCP: Table<CheckerDraft> = connecting!("virtual_server/real_server/TCP_CHECK", id::TCP);
const PING: Table<CheckerDraft> = connecting!("virtual_server/real_server/PING_CHECK", id::PING);
const UDP: Table<CheckerDraft> = connecting!("virtual_server/real_server/UDP_CHECK", id::UDP, udp::OWN);
const DNS: Table<CheckerDraft> = connecting!("virtual_server/real_server/DNS_CHECK", id::DNS, dns::OWN);
const SMTP: Table<CheckerDraft> = connecting!("virtual_server/real_server/SMTP_CHECK", id::SMTP, smtp::OWN);
const SMTP_HOST: Table<CheckerDraft> =
    connecting!("virtual_server/real_server/SMTP_CHECK/host", id::SMTP_HOST);
const HTTP: Table<CheckerDraft> =
    connecting!("virtual_server/real_server/HTTP_GET", id::HTTP, http::OWN, http::HTTP_URL);
const SSL_GET: Table<CheckerDraft> =
    connecting!("virtual_server/real_server/SSL_GET", id::SSL_GET, http::OWN, http::SSL_OWN);
const MISC: Table<CheckerDraft> = Table {
    path: "virtual_server/real_server/MISC_CHECK",
    id: id::MISC,
    keywords: &[works(CheckerDraft::TIMES), works(CheckerDraft::RETRY), works(WHEN), works(misc::OWN)],
};

/// Puts the tables into the catalogue.
pub(crate) fn register(catalogue: &mut Catalogue) {
    for table in
        [&TCP, &PING, &UDP, &DNS, &SMTP, &SMTP_HOST, &HTTP, &SSL_GET, &MISC, &follow::FILE, &follow::BFD]
    {
        catalogue.add(table);
    }
    catalogue.add(&http::URL);
    catalogue.add(&http::SSL_URL);
}

/// The blocks of checks in a real server.
pub(crate) const BLOCKS: &[Keyword<RealServerDraft>] = &[
    keyword!(
        "TCP_CHECK",
        Kind::Block("", id::TCP, |s, node, nodes, cx| {
            s.checkers.push(read(&TCP, Own::Tcp, node, nodes, cx));
        }),
        "",
        "a connection is made and closed"
    ),
    keyword!(
        "PING_CHECK",
        Kind::Block("", id::PING, |s, node, nodes, cx| {
            s.checkers.push(read(&PING, Own::Ping, node, nodes, cx));
        }),
        "",
        "an ICMP echo is answered"
    ),
    keyword!(
        "UDP_CHECK",
        Kind::Block("", id::UDP, |s, node, nodes, cx| {
            let mut checker = read(&UDP, Own::Udp(Box::default()), node, nodes, cx);
            udp::finish(&mut checker, cx);
            s.checkers.push(checker);
        }),
        "",
        "a datagram is not refused, or answered"
    ),
    keyword!(
        "DNS_CHECK",
        Kind::Block("", id::DNS, |s, node, nodes, cx| {
            s.checkers.push(read(&DNS, Own::Dns(Box::default()), node, nodes, cx));
        }),
        "",
        "a query is answered"
    ),
    keyword!(
        "SMTP_CHECK",
        Kind::Block("", id::SMTP, |s, node, nodes, cx| {
            let checker = read(&SMTP, Own::Smtp(Box::default()), node, nodes, cx);
            smtp::finish(checker, &mut s.checkers, cx);
        }),
        "",
        "a mail server greets"
    ),
    keyword!(
        "HTTP_GET",
        Kind::Block("", id::HTTP, |s, node, nodes, cx| {
            let checker = read(&HTTP, Own::Http(Box::default()), node, nodes, cx);
            s.checkers.extend(http::finish(checker, cx));
        }),
        "",
        "pages are as they should be"
    ),
    keyword!(
        "SSL_GET",
        Kind::Block("", id::SSL_GET, |s, node, nodes, cx| {
            let draft = http::HttpDraft { tls: true, ..http::HttpDraft::default() };
            let checker = read(&SSL_GET, Own::Http(Box::new(draft)), node, nodes, cx);
            s.checkers.extend(http::finish(checker, cx));
        }),
        "",
        "pages within TLS are as they should be"
    ),
    keyword!(
        "MISC_CHECK",
        Kind::Block("", id::MISC, |s, node, nodes, cx| {
            let checker = read(&MISC, Own::Misc(Box::default()), node, nodes, cx);
            s.checkers.extend(misc::finish(checker, cx));
        }),
        "",
        "a command says so"
    ),
    keyword!(
        "FILE_CHECK",
        Kind::Block("", id::FILE, |s, node, nodes, cx| {
            let checker = read(&follow::FILE, Own::File(Box::default()), node, nodes, cx);
            s.checkers.extend(follow::finish_file(checker, cx));
        }),
        "",
        "a file's number changes the weight"
    ),
];

/// Nothing acts on these yet.
pub(crate) const PENDING: &[Keyword<RealServerDraft>] = &[keyword!(
    "BFD_CHECK",
    Kind::Block("", id::BFD, |s, node, nodes, cx| {
        let checker = read(&follow::BFD, Own::Bfd(None), node, nodes, cx);
        s.checkers.extend(follow::finish_bfd(checker, &s.checkers, cx));
    }),
    "",
    "a BFD session is up"
)];

fn read(
    table: &Table<CheckerDraft>,
    own: Own,
    node: &Node,
    nodes: &mut Nodes<'_, '_>,
    cx: &mut Cx<'_>,
) -> CheckerDraft {
    if let Some(extra) = node.words.first() {
        cx.extra(node, extra);
    }
    let mut checker = CheckerDraft::new(node.keyword.span, own);
    table.apply(&mut checker, nodes, cx);
    ends(&mut checker, cx);
    checker
}

/// Rules between the ends of a connection.
fn ends(checker: &mut CheckerDraft, cx: &mut Cx<'_>) {
    let Some(ends) = checker.ends.as_deref_mut() else { return };
    if let Some((address, span)) = ends.address
        && ends.link.is_none()
        && matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
    {
        let d = Diagnostic::new(Code::VALUE, format!("`{address}` is only good on one link"))
            .at(span)
            .label("which one?")
            .help("add `bind_if IF`")
            .log(format!("Checker link local address {address} requires a bind_if"));
        cx.report(d);
    }
}

/// The check's own part, for keywords of that kind of check only.
macro_rules! own {
    ($checker:expr, $kind:ident, |$draft:ident| $body:expr) => {
        if let $crate::block::lvs::checker::Own::$kind($draft) = &mut $checker.own {
            $body
        }
    };
}
pub(crate) use own;
