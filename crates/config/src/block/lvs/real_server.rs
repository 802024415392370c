//! `real_server ADDRESS [PORT] { .. }`.

use std::net::IpAddr;

use model::lvs::Forwarding;

use crate::block::command::CommandDraft;
use crate::block::global_defs::{keyword, u32_of};
use crate::block::lvs::checker::{self, CheckerDraft};
use crate::block::lvs::timing::{Timed, Timing};
use crate::block::lvs::{self, forwarding};
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, Keyword, Kind, Nodes, Range, Table, pending, works};
use crate::lang::tree::Shape;
use crate::lang::{Node, Word};
use crate::span::Span;

/// A real server as written. There may be tens of thousands: what is rarely set is boxed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct RealServerDraft {
    /// Its address.
    pub(crate) span: Span,
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) weight: Option<u32>,
    pub(crate) forwarding: Option<Forwarding>,
    pub(crate) inhibit: Option<bool>,
    pub(crate) alpha: Option<bool>,
    pub(crate) smtp_alert: Option<bool>,
    pub(crate) checkers: Vec<CheckerDraft>,
    pub(crate) rare: Option<Box<Rare>>,
}

/// What few servers have.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Rare {
    pub(crate) upper_threshold: u32,
    pub(crate) lower_threshold: u32,
    pub(crate) timing: Timing,
    pub(crate) virtualhost: Option<Box<str>>,
    pub(crate) snmp_name: Option<Box<str>>,
    pub(crate) notify_up: Option<Box<CommandDraft>>,
    pub(crate) notify_down: Option<Box<CommandDraft>>,
}

impl RealServerDraft {
    fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// What few servers have; `None` if it has nothing of that.
    pub(crate) fn rare(&self) -> Option<&Rare> {
        self.rare.as_deref()
    }
}

impl Timed for RealServerDraft {
    fn timing(&mut self) -> &mut Timing {
        &mut self.rare_mut().timing
    }
}

/// Reads a whole block; `None` if it is passed over, which has then been told.
pub(crate) fn read(node: &Node, nodes: &mut Nodes<'_, '_>, cx: &mut Cx<'_>) -> Option<RealServerDraft> {
    let Some(first) = node.words.first() else {
        cx.missing(node, 2);
        return None;
    };
    let address = cx.host(first);
    let port = match node.words.get(1) {
        // keepalived takes the port of the service for 0, although it stands for none elsewhere.
        Some(word) if word.text == "0" => Some(0),
        Some(word) => lvs::port_or_none(word, cx),
        None => Some(0),
    };
    let (Some(address), Some(port)) = (address, port) else {
        if address.is_none() {
            let d = Diagnostic::new(Code::VALUE, format!("`{}` is not an address", first.text))
                .at(first.span)
                .label("this real server is ignored")
                .help("write an IPv4 or IPv6 address")
                .log(format!(
                    "Invalid real server ip address/port {}/{} - skipping",
                    first.text,
                    node.words.get(1).map_or("", Word::as_str)
                ));
            cx.report(d);
        }
        return None;
    };
    if let Some(extra) = node.words.get(2) {
        cx.extra(node, extra);
    }
    let mut server = RealServerDraft {
        span: first.span,
        address,
        port,
        weight: None,
        forwarding: None,
        inhibit: None,
        alpha: None,
        smtp_alert: None,
        checkers: Vec::new(),
        rare: None,
    };
    TABLE.apply(&mut server, nodes, cx);
    server.checkers.shrink_to_fit();
    Some(server)
}

pub(crate) const TABLE: Table<RealServerDraft> = Table {
    path: "virtual_server/real_server",
    id: lvs::id::REAL_SERVER,
    keywords: &[
        works(OWN),
        works(RealServerDraft::TIMES),
        works(RealServerDraft::CONNECT_TIMEOUT),
        works(RealServerDraft::DEFAULT_RETRY),
        works(checker::BLOCKS),
        pending(checker::PENDING),
        pending(PENDING),
    ],
};

const WEIGHT: Range = Range::new(0, i32::MAX as i64, "");
const CONNECTIONS: Range = Range::new(0, u32::MAX as i64, "connections");

const OWN: &[Keyword<RealServerDraft>] = &[
    keyword!(
        "weight",
        Kind::Number { range: WEIGHT, set: |s, n| s.weight = Some(u32_of(n)) },
        "that of the virtual server, 1",
        "its share of the connections"
    ),
    keyword!(
        "lvs_method",
        Kind::Line(forwarding::ARGS, |s, node, cx| {
            s.forwarding = forwarding::read("real server", node, cx).or(s.forwarding);
        }),
        "that of the virtual server",
        "how packets get to it"
    ),
    keyword!(
        "uthreshold",
        Kind::Number { range: CONNECTIONS, set: |s, n| s.rare_mut().upper_threshold = u32_of(n) },
        "0",
        "no new connections above so many; 0 for no limit"
    ),
    keyword!(
        "lthreshold",
        Kind::Number { range: CONNECTIONS, set: |s, n| s.rare_mut().lower_threshold = u32_of(n) },
        "0",
        "new connections again below so many"
    ),
    keyword!(
        "inhibit_on_failure",
        Kind::Switch(|s, on| s.inhibit = Some(on)),
        "that of the virtual server",
        "it stays in the table with weight 0 when it fails"
    ),
    keyword!(
        "notify_up",
        Kind::Special("COMMAND [USER [GROUP]]", Shape::Script, |s, node, cx| {
            lvs::command(&mut s.rare_mut().notify_up, node, cx);
        }),
        "",
        "run when it goes up"
    ),
    keyword!(
        "notify_down",
        Kind::Special("COMMAND [USER [GROUP]]", Shape::Script, |s, node, cx| {
            lvs::command(&mut s.rare_mut().notify_down, node, cx);
        }),
        "",
        "run when it goes down"
    ),
    keyword!(
        "alpha",
        Kind::Switch(|s, on| s.alpha = Some(on)),
        "that of the virtual server",
        "it is down until its checks succeed"
    ),
    keyword!(
        "smtp_alert",
        Kind::Switch(|s, on| s.smtp_alert = Some(on)),
        "smtp_alert_checker, else smtp_alert, else on",
        "mail when it goes up or down"
    ),
    keyword!(
        "virtualhost",
        Kind::Line("NAME", |s, node, cx| {
            if let Some(name) = lvs::text(node, cx, "real server virtualhost missing") {
                s.rare_mut().virtualhost = Some(name);
            }
        }),
        "that of the virtual server",
        "the name that HTTP_GET and SSL_GET ask for"
    ),
];

/// Nothing acts on these yet.
const PENDING: &[Keyword<RealServerDraft>] = &[keyword!(
    "snmp_name",
    Kind::Line("NAME", |s, node, cx| {
        if let Some(name) = lvs::snmp_name("real server", node, cx) {
            s.rare_mut().snmp_name = Some(name);
        }
    }),
    "",
    "its name for SNMP"
)];
