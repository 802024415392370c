//! The keywords of `global_defs` about nftables, iptables and macvlan interfaces.

use base::Name;
use model::firewall::{IpSets, Iptables};

use super::{GlobalDraft, keyword};
use crate::block::vrrp_instance::pending::garp_extra;
use crate::block::vrrp_sync_group::deprecated;
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, Keyword, Kind};
use crate::lang::Node;

/// The name of a table that nobody named.
const TABLE: &str = "keepalived";
/// The longest name of a set in bytes.
const MAX_SET: usize = 31;

pub(super) const KEYWORDS: &[Keyword<GlobalDraft>] = &[
    keyword!(
        "vrrp_iptables",
        Kind::Line("[IN_CHAIN [OUT_CHAIN]]", iptables),
        "nftables; INPUT OUTPUT",
        "drop packets by rules of iptables in these chains"
    ),
    keyword!(
        "vrrp_ipsets",
        Kind::Line("[V4 [V6 [V6_IF [IGMP [MLD [ND]]]]]]", ipsets),
        "keepalived, keepalived6, keepalived_if6, ..",
        "names of the sets that rules of iptables use; without names there are no sets"
    ),
    keyword!(
        "nftables",
        Kind::Line("[TABLE]", |g, node, _| {
            let name = node.words.first().map_or(TABLE, |word| &word.text);
            g.out.firewall.nftables = Some(name.into());
        }),
        "keepalived",
        "drop packets by a table of nftables with this name"
    ),
    keyword!(
        "nftables_priority",
        Kind::Word("NUMBER (-2147483648 to 2147483647)", |g, word, cx| {
            let range = crate::keyword::Range::new(i64::from(i32::MIN), i64::from(i32::MAX), "");
            if let Some(n) = cx.number("nftables_priority", word, range) {
                g.out.firewall.priority = i32::try_from(n).unwrap_or(-1);
            }
        }),
        "-1",
        "when the chains are asked"
    ),
    keyword!(
        "nftables_ifindex",
        Kind::Flag(|g| g.out.firewall.by_index = true),
        "off",
        "sets hold numbers of interfaces instead of names"
    ),
    keyword!(
        "nftables_counters",
        Kind::Flag(|g| g.out.firewall.counters = true),
        "off",
        "count packets in rules and sets"
    ),
    keyword!(
        "vrrp_garp_extra_if",
        Kind::Line("[all] SECONDS (1 to 86400)", |g, node, cx| {
            g.garp_extra = garp_extra(node, 1, cx).or(g.garp_extra);
        }),
        "0",
        "period of announcements through the interface below a macvlan, or that of each address"
    ),
    keyword!(
        "vrrp_vmac_garp_intvl",
        Kind::Line("[all] SECONDS (1 to 86400)", |g, node, cx| {
            deprecated(node, "vrrp_garp_extra_if", cx);
            g.garp_extra = garp_extra(node, 1, cx).or(g.garp_extra);
        }),
        "0",
        "the older name of vrrp_garp_extra_if"
    ),
    keyword!(
        "vmac_prefix",
        Kind::Word("TEXT", |g, w, _| g.out.vmac_names.instances = w.text.as_str().into()),
        "vrrp",
        "what names of macvlan interfaces start with"
    ),
    keyword!(
        "vmac_addr_prefix",
        Kind::Word("TEXT", |g, w, _| g.vmac_addr_prefix = Some(w.text.as_str().into())),
        "vmac_prefix",
        "what names of macvlan interfaces of single addresses start with"
    ),
    keyword!(
        "disable_local_igmp",
        Kind::Flag(|g| g.out.disable_local_igmp = true),
        "off",
        "the kernel reports no groups of the link while we run"
    ),
];

fn iptables(global: &mut GlobalDraft, node: &Node, _: &mut Cx<'_>) {
    let chain = |n: usize| node.words.get(n).map(|word| Name::from(word.text.as_str()));
    global.out.firewall.iptables = Some(match chain(0) {
        None => Iptables { input: "INPUT".into(), output: Some("OUTPUT".into()) },
        Some(input) => Iptables { input, output: chain(1) },
    });
}

fn ipsets(global: &mut GlobalDraft, node: &Node, cx: &mut Cx<'_>) {
    let Some(first) = node.words.first() else {
        global.out.firewall.ipsets = None;
        global.no_ipsets = true;
        return;
    };
    let long = node.words.iter().find(|word| word.text.len() > MAX_SET);
    if let Some(word) = long {
        let message = format!("the name of a set has {MAX_SET} bytes at most");
        cx.bad_value(word, message, "choose a shorter one");
        return;
    }
    let named = |n: usize, suffix: &str| -> Name {
        match node.words.get(n) {
            Some(word) => word.text.as_str().into(),
            None => format!("{}{suffix}", first.text).into(),
        }
    };
    let sets = IpSets {
        v4: named(0, ""),
        v6: named(1, "6"),
        v6_with_link: named(2, "_if6"),
        igmp: named(3, "_igmp"),
        mld: named(4, "_mld"),
        neighbours: named(5, "_nd"),
    };
    let mut all: Vec<&str> =
        [&sets.v4, &sets.v6, &sets.v6_with_link, &sets.igmp, &sets.mld, &sets.neighbours]
            .map(|name| &**name)
            .to_vec();
    all.sort_unstable();
    if all.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
        let d = Diagnostic::new(Code::VALUE, "two of the sets have the same name").at(node.line);
        cx.report(d.label("ignored").help("give each set a name of its own"));
        return;
    }
    global.out.firewall.ipsets = Some(sets);
}

/// The names of sets that nobody named.
pub(crate) fn default_sets() -> IpSets {
    IpSets {
        v4: TABLE.into(),
        v6: format!("{TABLE}6").into(),
        v6_with_link: format!("{TABLE}_if6").into(),
        igmp: format!("{TABLE}_igmp").into(),
        mld: format!("{TABLE}_mld").into(),
        neighbours: format!("{TABLE}_nd").into(),
    }
}
