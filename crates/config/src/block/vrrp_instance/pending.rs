//! Keywords of `vrrp_instance` on which nothing acts yet.

use base::Duration;
use model::instance::{GarpExtra, UnicastChecksum};

use super::InstanceDraft;
use crate::block::auth_hmac::{self, HmacDraft};
use crate::block::global_defs::{keyword, u8_of};
use crate::block::rule::{self, RuleDraft};
use crate::block::track::{self, What};
use crate::block::virtual_link;
use crate::block::vrrp_sync_group::deprecated;
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, Keyword, Kind, Range};
use crate::lang::{Node, Word};
use crate::span::Span;

/// What the keywords of this file say. Few instances have any of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct HeldDraft {
    pub(crate) use_vmac_addr: bool,
    pub(crate) vmac_xmit_base: bool,
    pub(crate) old_checksum: UnicastChecksum,
    pub(crate) vrf: Option<Word>,
    pub(crate) poll_link: bool,
    pub(crate) rules: Vec<RuleDraft>,
    pub(crate) no_accept: bool,
    pub(crate) lvs_sync_interface: Option<Word>,
    pub(crate) late_backup: Option<(u8, Span)>,
    pub(crate) garp_extra: Option<GarpExtra>,
    pub(crate) hmac: Option<HmacDraft>,
}

/// The most seconds between extra announcements.
pub(crate) const DAY: i64 = 86_400;

pub(super) const KEYWORDS: &[Keyword<InstanceDraft>] = &[
    keyword!(
        "use_vmac",
        Kind::Line("[[name] IF] [ADDRESS] [netlink_notify_msg] [group GROUP]", virtual_link::vmac),
        "vmac_prefix.VRID with the address of the virtual router",
        "adverts and addresses go through a macvlan interface"
    ),
    keyword!(
        "use_vmac_addr",
        Kind::Flag(|i| i.held().use_vmac_addr = true),
        "off",
        "each address goes to a macvlan interface of its own"
    ),
    keyword!(
        "vmac_xmit_base",
        Kind::Flag(|i| i.held().vmac_xmit_base = true),
        "off, on for unicast",
        "adverts leave through the interface below the macvlan"
    ),
    keyword!(
        "use_ipvlan",
        Kind::Line(
            "[[name] IF] [ADDRESS[/LENGTH]] [bridge|private|vepa] [group GROUP]",
            virtual_link::ipvlan
        ),
        "",
        "adverts and addresses go through an ipvlan interface"
    ),
    keyword!(
        "old_unicast_checksum",
        Kind::Line("[never]", old_checksum),
        "as the peer does",
        "the checksum of version 3 that keepalived sent to peers before 1.3.7"
    ),
    keyword!(
        "vrf",
        Kind::Word("IF", |i, word, _| i.held().vrf = Some(word.clone())),
        "",
        "the VRF of an instance without interface"
    ),
    keyword!(
        "track_process",
        Kind::Values("NAME [weight W [reverse]] ..", |i, _, lines, cx| track::parse(
            What::Process,
            lines,
            &mut i.tracks,
            cx
        )),
        "",
        "processes to follow"
    ),
    keyword!(
        "track_bfd",
        Kind::Values("NAME [weight W [reverse]] ..", |i, _, lines, cx| track::parse(
            What::Bfd,
            lines,
            &mut i.tracks,
            cx
        )),
        "",
        "BFD sessions to follow"
    ),
    keyword!(
        "linkbeat_use_polling",
        Kind::Line("", |i, node, cx| {
            i.held().poll_link = true;
            let log = format!(
                "({}) 'linkbeat_use_polling' in vrrp instance deprecated - use linkbeat_interfaces block",
                cx.object
            );
            let d = Diagnostic::new(Code::DEPRECATED, "`linkbeat_use_polling` in an instance is an old way")
                .at(node.keyword.span)
                .label("the interface of the instance is polled");
            cx.report(d.help("name the interface in `linkbeat_interfaces { .. }`").log(log));
        }),
        "off",
        "ask the interface for its state each second"
    ),
    keyword!(
        "virtual_rules",
        Kind::Values("[from PREFIX] [to PREFIX] table T priority N ..", |i, _, lines, cx| {
            for line in lines {
                let rule = rule::parse(line, false, cx);
                i.held().rules.extend(rule);
            }
        }),
        "",
        "policy rules that are there while it is master"
    ),
    keyword!(
        "no_accept",
        Kind::Flag(|i| {
            i.accept = false;
            i.held().no_accept = true;
        }),
        "off, on if strict",
        "packets to the virtual addresses are dropped unless it owns them"
    ),
    keyword!(
        "timer_expired_backup",
        Kind::Line("[PRIORITY (1 to 254)]", late_backup),
        "off; 254",
        "a master that slept while a router of this priority took over becomes backup",
        "after 2.2.7"
    ),
    keyword!(
        "thread_timer_expired",
        Kind::Line("[PRIORITY (1 to 254)]", |i, node, cx| {
            deprecated(node, "timer_expired_backup", cx);
            late_backup(i, node, cx);
        }),
        "off; 254",
        "the older name of timer_expired_backup",
        "after 2.2.7"
    ),
    keyword!(
        "garp_extra_if",
        Kind::Line("[all] SECONDS (0 to 86400)", |i, node, cx| {
            if let Some(extra) = garp_extra(node, 0, cx) {
                i.held().garp_extra = Some(extra);
            }
        }),
        "the global setting",
        "period of announcements through the interface below a macvlan, or that of each address"
    ),
    keyword!(
        "vmac_garp_intvl",
        Kind::Line("[all] SECONDS (0 to 86400)", |i, node, cx| {
            deprecated(node, "garp_extra_if", cx);
            if let Some(extra) = garp_extra(node, 0, cx) {
                i.held().garp_extra = Some(extra);
            }
        }),
        "the global setting",
        "the older name of garp_extra_if"
    ),
    keyword!(
        "auth_hmac",
        Kind::Block("", auth_hmac::TABLE.id, |i, node, nodes, cx| {
            i.held().hmac = Some(auth_hmac::parse(node, nodes, cx));
        }),
        "",
        "sign adverts, with keys that all routers share",
        "after 2.2.7"
    ),
];

fn old_checksum(instance: &mut InstanceDraft, node: &Node, cx: &mut Cx<'_>) {
    instance.unicast = true;
    instance.held().old_checksum = match node.words.first().map(Word::as_str) {
        None => UnicastChecksum::Old,
        Some("never") => UnicastChecksum::Rfc,
        Some(other) => {
            let log = format!("({}) Unknown old_unicast_chksum mode {other} - ignoring", cx.object);
            let d =
                Diagnostic::new(Code::VALUE, format!("`{other}` means nothing to `old_unicast_checksum`"))
                    .at(node.line)
                    .label("ignored")
                    .help("write `never`, or nothing");
            cx.report(d.log(log));
            return;
        }
    };
}

pub(super) fn lvs_sync_interface(instance: &mut InstanceDraft, node: &Node, cx: &mut Cx<'_>) {
    let d = Diagnostic::new(Code::DEPRECATED, "`lvs_sync_daemon_interface` is an old keyword")
        .at(node.keyword.span)
        .label("it should stand in `global_defs`")
        .help(format!("write `lvs_sync_daemon IF inst {}` there", cx.object))
        .log(format!("({}) Specifying lvs_sync_daemon_interface against a vrrp is deprecated.", cx.object));
    cx.report(d);
    match node.words.first() {
        Some(word) => instance.held().lvs_sync_interface = Some(word.clone()),
        None => cx.missing(node, 2),
    }
}

fn late_backup(instance: &mut InstanceDraft, node: &Node, cx: &mut Cx<'_>) {
    let priority = match node.words.first() {
        None => Some(254),
        Some(word) => cx.number(node.keyword.text, word, Range::new(1, 254, "")),
    };
    if let Some(priority) = priority {
        instance.held().late_backup = Some((u8_of(priority), node.keyword.span));
    }
}

/// `[all] SECONDS`.
pub(crate) fn garp_extra(node: &Node, least: i64, cx: &mut Cx<'_>) -> Option<GarpExtra> {
    let (all, word) = match node.words.first() {
        Some(word) if word.text == "all" => (true, node.words.get(1)),
        word => (false, word),
    };
    let keyword = &node.keyword.text;
    let Some(word) = word else {
        let d = Diagnostic::new(Code::VALUE, format!("`{keyword}` needs a time"))
            .at(node.line)
            .label("ignored")
            .help(format!("write `{keyword} [all] SECONDS`"))
            .log(format!("({}): {keyword} specified without time - ignoring", cx.object));
        cx.report(d);
        return None;
    };
    let seconds = cx.number(keyword, word, Range::new(least, DAY, "s"))?;
    Some(GarpExtra { period: Duration::from_secs(u64::try_from(seconds).unwrap_or(0)), all })
}
