//! The keywords of `virtual_server`.

use super::*;
use crate::block::global_defs::{keyword, u32_of};
use crate::block::lvs::forwarding;
use crate::keyword::{Keyword, Kind, Range, Table, pending, works};
use crate::lang::tree::Shape;

type Draft = VirtualServerDraft;

/// 0 is off.
const PERCENT: Range = Range::new(0, 100, "%");

pub(crate) const TABLE: Table<Draft> = Table {
    path: "virtual_server",
    id: lvs::id::VIRTUAL_SERVER,
    keywords: &[
        works(OWN),
        works(Draft::TIMES),
        works(Draft::CONNECT_TIMEOUT),
        works(Draft::DEFAULT_RETRY),
        pending(PENDING),
    ],
};

const OWN: &[Keyword<Draft>] = &[
    keyword!(
        "ip_family",
        Kind::Word("inet|inet6", ip_family),
        "that of the address, or of the first real server",
        "family of a mark or a group"
    ),
    keyword!(
        "inhibit_on_failure",
        Kind::Flag(|s| s.inhibit = true),
        "off",
        "failed real servers stay in the table with weight 0"
    ),
    keyword!("lvs_sched", Kind::Word(SCHEDULERS, scheduler), "wlc", "how a real server is chosen"),
    keyword!("lb_algo", Kind::Word(SCHEDULERS, scheduler), "wlc", "the older name of lvs_sched"),
    keyword!(
        "hashed",
        Kind::Line("", |s, node, cx| flag(s, node, cx, HASHES, |_| ())),
        "",
        "nothing any more"
    ),
    keyword!("ops", Kind::Flag(|s| s.one_packet = true), "off", "each packet of UDP is scheduled on its own"),
    keyword!("flag-1", Kind::Flag(|s| s.flags.one = true), "off", "first flag of the scheduler"),
    keyword!("flag-2", Kind::Flag(|s| s.flags.two = true), "off", "second flag of the scheduler"),
    keyword!("flag-3", Kind::Flag(|s| s.flags.three = true), "off", "third flag of the scheduler"),
    keyword!(
        "sh-fallback",
        Kind::Line("", |s, node, cx| flag(s, node, cx, HASHES, |f| f.one = true)),
        "off",
        "sh: another server if the one is not available"
    ),
    keyword!(
        "sh-port",
        Kind::Line("", |s, node, cx| flag(s, node, cx, HASHES, |f| f.two = true)),
        "off",
        "sh: the client's port counts, too"
    ),
    keyword!(
        "mh-fallback",
        Kind::Line("", |s, node, cx| flag(s, node, cx, HASHES, |f| f.one = true)),
        "off",
        "mh: another server if the one is not available"
    ),
    keyword!(
        "mh-port",
        Kind::Line("", |s, node, cx| flag(s, node, cx, HASHES, |f| f.two = true)),
        "off",
        "mh: the client's port counts, too"
    ),
    keyword!("lvs_method", Kind::Line(forwarding::ARGS, method), "NAT", "how packets get to real servers"),
    keyword!("lb_kind", Kind::Line(forwarding::ARGS, method), "NAT", "the older name of lvs_method"),
    keyword!(
        "persistence_engine",
        Kind::Word("NAME", engine),
        "",
        "what connections of a client are known by: `sip`"
    ),
    keyword!(
        "persistence_timeout",
        Kind::Line("[SECONDS]", persistence_timeout),
        "off; 360 without a number",
        "how long connections of a client stay with a server"
    ),
    keyword!(
        "persistence_granularity",
        Kind::Word("NETMASK | LENGTH", granularity),
        "one address",
        "addresses that count as one client"
    ),
    keyword!(
        "protocol",
        Kind::Word("TCP | UDP | SCTP", protocol),
        "UDP",
        "protocol of an address or a group"
    ),
    keyword!(
        "ha_suspend",
        Kind::Flag(|s| s.ha_suspend = true),
        "off",
        "check only while the address is on this host"
    ),
    keyword!(
        "smtp_alert",
        Kind::Switch(|s, on| s.smtp_alert = Some(on)),
        "smtp_alert_checker, else smtp_alert, else off",
        "mail when the quorum is gained or lost"
    ),
    keyword!(
        "panic_threshold",
        Kind::Number { range: PERCENT, set: |s, n| s.panic_threshold = u8::try_from(n).unwrap_or(0) },
        "off",
        "with fewer servers alive the others stay in the table, too",
        "vipd only"
    ),
    keyword!(
        "virtualhost",
        Kind::Line("NAME", |s, node, cx| {
            s.virtualhost =
                lvs::text(node, cx, "virtual server virtualhost missing").or(s.virtualhost.take());
        }),
        "",
        "the name that HTTP_GET and SSL_GET ask for"
    ),
    keyword!(
        "alpha",
        Kind::Flag(|s| s.alpha = true),
        "off",
        "real servers are down until their checks succeed"
    ),
    keyword!("omega", Kind::Flag(|s| s.omega = true), "off", "commands about losses run at the end, too"),
    keyword!(
        "quorum_up",
        Kind::Special("COMMAND [USER [GROUP]]", Shape::Script, |s, node, cx| lvs::command(
            &mut s.quorum_up,
            node,
            cx
        )),
        "",
        "run when the quorum is gained"
    ),
    keyword!(
        "quorum_down",
        Kind::Special("COMMAND [USER [GROUP]]", Shape::Script, |s, node, cx| lvs::command(
            &mut s.quorum_down,
            node,
            cx
        )),
        "",
        "run when the quorum is lost"
    ),
    keyword!(
        "quorum",
        Kind::Number { range: QUORUM, set: |s, n| s.quorum = Some(u32_of(n)) },
        "1",
        "weight of living real servers that the service needs"
    ),
    keyword!(
        "hysteresis",
        Kind::Number { range: HYSTERESIS, set: |s, n| s.hysteresis = u32_of(n) },
        "0",
        "how far beyond the quorum the weight must be for a change"
    ),
    keyword!(
        "weight",
        Kind::Number { range: WEIGHT, set: |s, n| s.weight = u32_of(n) },
        "1",
        "weight of real servers that have none of their own"
    ),
    keyword!("sorry_server", Kind::Line("ADDRESS [PORT]", sorry), "", "serves while the quorum is lost"),
    keyword!(
        "sorry_server_inhibit",
        Kind::Line("", |s, node, cx| {
            let log = "Ignoring sorry_server inhibit used before or without sorry_server";
            if let Some(sorry) = of_sorry(s, node, cx, log) {
                sorry.inhibit = true;
            }
        }),
        "off",
        "the sorry server stays in the table with weight 0"
    ),
    keyword!(
        "sorry_server_lvs_method",
        Kind::Line(forwarding::ARGS, |s, node, cx| {
            let log = "sorry_server forwarding used without sorry_server";
            if let Some(sorry) = of_sorry(s, node, cx, log) {
                sorry.forwarding = forwarding::read("sorry server", node, cx).or(sorry.forwarding);
            }
        }),
        "lvs_method",
        "how packets get to the sorry server"
    ),
    keyword!(
        "real_server",
        Kind::Block("ADDRESS [PORT]", lvs::id::REAL_SERVER, real_server),
        "",
        "a member of the pool"
    ),
];

/// Nothing acts on these yet.
const PENDING: &[Keyword<Draft>] = &[keyword!(
    "snmp_name",
    Kind::Line("NAME", |s, node, cx| {
        s.snmp_name = lvs::snmp_name("virtual server", node, cx).or(s.snmp_name.take());
    }),
    "",
    "its name for SNMP"
)];

/// The names of the flags of `sh` and `mh` stand for the same bits, and keepalived takes each for both.
const HASHES: &[Scheduler] = &[Scheduler::SourceHash, Scheduler::MaglevHash];

const SCHEDULERS: &str = "rr | wrr | lc | wlc | lblc | lblcr | sh | mh | dh | fo | ovf | sed | nq | twos";

fn method(server: &mut Draft, node: &Node, cx: &mut Cx<'_>) {
    server.forwarding = forwarding::read("virtual server", node, cx).or(server.forwarding);
}
