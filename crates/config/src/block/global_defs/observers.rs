//! The keywords of `global_defs` about SNMP and D-Bus.

use base::Duration;

use super::{GlobalDraft, keyword};
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, Keyword, Kind, SecondsRange};
use crate::lang::Node;

const AGE: SecondsRange = SecondsRange::new(Duration::from_millis(1), Duration::from_secs(30), 6);

pub(super) const KEYWORDS: &[Keyword<GlobalDraft>] = &[
    keyword!(
        "snmp_socket",
        Kind::Line("SPECIFICATION", snmp_socket),
        "the library's",
        "where the master agent listens"
    ),
    keyword!("enable_traps", Kind::Flag(|g| g.out.snmp.traps = true), "off", "send SNMP notifications"),
    keyword!(
        "enable_snmp_vrrp",
        Kind::Flag(|g| g.out.snmp.vrrp = true),
        "off",
        "serve the VRRP part of KEEPALIVED-MIB"
    ),
    keyword!(
        "enable_snmp_keepalived",
        Kind::Flag(|g| g.out.snmp.vrrp = true),
        "off",
        "the older name of enable_snmp_vrrp"
    ),
    keyword!(
        "enable_snmp_rfc",
        Kind::Flag(|g| (g.out.snmp.rfc_v2, g.out.snmp.rfc_v3) = (true, true)),
        "off",
        "serve VRRP-MIB (RFC 2787) and VRRPV3-MIB (RFC 6527)"
    ),
    keyword!(
        "enable_snmp_rfcv2",
        Kind::Flag(|g| g.out.snmp.rfc_v2 = true),
        "off",
        "serve VRRP-MIB (RFC 2787)"
    ),
    keyword!(
        "enable_snmp_rfcv3",
        Kind::Flag(|g| g.out.snmp.rfc_v3 = true),
        "off",
        "serve VRRPV3-MIB (RFC 6527)"
    ),
    keyword!(
        "enable_snmp_checker",
        Kind::Flag(|g| g.out.snmp.checkers = true),
        "off",
        "serve the part of KEEPALIVED-MIB about virtual servers"
    ),
    keyword!(
        "snmp_vs_stats_update_interval",
        Kind::Seconds { range: AGE, set: |g, t| g.out.snmp.virtual_server_age = t },
        "5",
        "how old figures of virtual servers may be",
        "after 2.2.7"
    ),
    keyword!(
        "snmp_rs_stats_update_interval",
        Kind::Seconds { range: AGE, set: |g, t| g.real_server_age = Some(t) },
        "snmp_vs_stats_update_interval",
        "how old figures of real servers may be",
        "after 2.2.7"
    ),
    keyword!(
        "enable_dbus",
        Kind::Flag(|g| g.out.dbus.enabled = true),
        "off",
        "serve objects of instances on D-Bus"
    ),
    keyword!(
        "dbus_service_name",
        Kind::Line("NAME", dbus_service_name),
        "org.keepalived.Vrrp1",
        "the name on the bus"
    ),
    keyword!(
        "dbus_no_interface_name",
        Kind::Word("NAME", |g, w, _| g.out.dbus.no_interface = Some(w.text.as_str().into())),
        "",
        "stands for the interface of instances without one",
        "after 2.2.7"
    ),
];

/// A keyword whose value is missing is passed over; `log` is keepalived's line.
pub(super) fn passed_over(node: &Node, log: &str, cx: &mut Cx<'_>) {
    let keyword = &node.keyword.text;
    let d = Diagnostic::new(Code::NO_VALUE, format!("`{keyword}` needs a value")).at(node.line);
    cx.report(d.label("ignored").help("add the value, or remove the line").log(log));
}

fn snmp_socket(global: &mut GlobalDraft, node: &Node, cx: &mut Cx<'_>) {
    match node.words.first() {
        Some(word) => global.out.snmp.socket = Some(word.text.as_str().into()),
        None => passed_over(node, "SNMP error : snmp socket name missing", cx),
    }
}

fn dbus_service_name(global: &mut GlobalDraft, node: &Node, cx: &mut Cx<'_>) {
    match node.words.first() {
        Some(word) => global.out.dbus.service = word.text.as_str().into(),
        None => passed_over(node, "dbus_service_name missing - ignoring", cx),
    }
}
