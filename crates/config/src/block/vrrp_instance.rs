//! `vrrp_instance NAME { .. }` and its `authentication { .. }`.

use std::net::IpAddr;

use base::{Duration, Family, Vrid};
use vrrp::config::Version;

use crate::block::Seen;
use crate::block::address::{self, AddressDraft};
use crate::block::global_defs::{
    DOWN_TIMER, REPEAT, REPEAT_OR_NONE, WHOLE_SECONDS, keyword, secs_of, u8_of, u32_of,
};
use crate::block::notify::NotifyDraft;
use crate::block::route::{self, RouteDraft};
use crate::block::track::{self, TrackDraft, What};
use crate::block::vrrp_sync_group::deprecated;
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, Keyword, Kind, Range, SecondsRange, Table, value};
use crate::lang::tree::{BlockId, Line, Shape};
use crate::lang::{Node, Word};
use crate::span::Span;

/// An instance as written.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent keywords")]
pub(crate) struct InstanceDraft {
    pub(crate) name: Word,
    pub(crate) seen: Seen,
    /// `state`: whether it was MASTER.
    pub(crate) state: Option<bool>,
    pub(crate) interface: Option<Word>,
    pub(crate) vrid: Option<(Vrid, Span)>,
    pub(crate) priority: Option<u8>,
    pub(crate) version: Option<Version>,
    pub(crate) advert_int: Option<(Duration, Span)>,
    pub(crate) nopreempt: bool,
    pub(crate) preempt_delay: Option<Duration>,
    pub(crate) source: Option<(IpAddr, Span)>,
    pub(crate) group: Option<(IpAddr, Span)>,
    /// Some keyword of unicast was used.
    pub(crate) unicast: bool,
    pub(crate) peers: Vec<PeerDraft>,
    pub(crate) fault_no_peer: bool,
    pub(crate) check_unicast_src: bool,
    pub(crate) unicast_ttl: Option<(u8, Span)>,
    pub(crate) native_ipv6: bool,
    pub(crate) track_source: bool,
    pub(crate) dont_track_primary: bool,
    pub(crate) tracks: Vec<TrackDraft>,
    pub(crate) addresses: Vec<AddressDraft>,
    pub(crate) excluded: Vec<AddressDraft>,
    pub(crate) no_addresses: bool,
    pub(crate) routes: Vec<RouteDraft>,
    pub(crate) promote_secondaries: bool,
    pub(crate) v3_checksum_as_v2: Option<bool>,
    pub(crate) skip_check_adv_addr: Option<bool>,
    pub(crate) strict: Option<bool>,
    pub(crate) garp_delay: Option<Duration>,
    pub(crate) garp_repeat: Option<u32>,
    pub(crate) garp_refresh: Option<Duration>,
    pub(crate) garp_refresh_repeat: Option<u32>,
    pub(crate) garp_lower_prio_delay: Option<Duration>,
    pub(crate) garp_lower_prio_repeat: Option<u32>,
    pub(crate) down_timer_adverts: Option<u8>,
    pub(crate) lower_prio_no_advert: Option<bool>,
    pub(crate) higher_prio_send_advert: Option<bool>,
    pub(crate) owner_ignore_adverts: Option<bool>,
    pub(crate) receive_buffer: Option<u32>,
    pub(crate) auth: Option<AuthDraft>,
    pub(crate) notify: NotifyDraft,
}

/// A line of `unicast_peer`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PeerDraft {
    pub(crate) address: IpAddr,
    pub(crate) word: Word,
    pub(crate) min_ttl: Option<u8>,
    pub(crate) max_ttl: Option<u8>,
}

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

impl InstanceDraft {
    pub(crate) fn new(name: Word, seen: Seen) -> Self {
        Self {
            name,
            seen,
            state: None,
            interface: None,
            vrid: None,
            priority: None,
            version: None,
            advert_int: None,
            nopreempt: false,
            preempt_delay: None,
            source: None,
            group: None,
            unicast: false,
            peers: Vec::new(),
            fault_no_peer: false,
            check_unicast_src: false,
            unicast_ttl: None,
            native_ipv6: false,
            track_source: false,
            dont_track_primary: false,
            tracks: Vec::new(),
            addresses: Vec::new(),
            excluded: Vec::new(),
            no_addresses: false,
            routes: Vec::new(),
            promote_secondaries: false,
            v3_checksum_as_v2: None,
            skip_check_adv_addr: None,
            strict: None,
            garp_delay: None,
            garp_repeat: None,
            garp_refresh: None,
            garp_refresh_repeat: None,
            garp_lower_prio_delay: None,
            garp_lower_prio_repeat: None,
            down_timer_adverts: None,
            lower_prio_no_advert: None,
            higher_prio_send_advert: None,
            owner_ignore_adverts: None,
            receive_buffer: None,
            auth: None,
            notify: NotifyDraft::default(),
        }
    }
}

const ADVERT_INT: SecondsRange = SecondsRange::new(Duration::from_millis(10), Duration::from_secs(255), 6);
const PREEMPT_DELAY: SecondsRange = SecondsRange::new(Duration::ZERO, Duration::from_secs(1_000), 6);

pub(crate) const TABLE: Table<InstanceDraft> = Table {
    path: "vrrp_instance",
    id: BlockId(2),
    keywords: &[
        keyword!(
            "state",
            Kind::Word("MASTER | BACKUP", state),
            "MASTER if the priority is 255",
            "the state that it wants to start in; only an owner gets it at once"
        ),
        keyword!(
            "interface",
            Kind::Word("IF", |i, w, _| i.interface = Some(w.clone())),
            "",
            "where adverts and addresses go"
        ),
        keyword!(
            "virtual_router_id",
            Kind::Line("NUMBER (1 to 255)", vrid),
            "",
            "number of the virtual router, the same on all routers"
        ),
        keyword!(
            "priority",
            Kind::Line("NUMBER (1 to 255)", priority),
            "100, or 255 for state MASTER",
            "the highest one becomes master; 255 owns the addresses"
        ),
        keyword!(
            "version",
            Kind::Number {
                range: Range::new(2, 3, ""),
                set: |i, n| i.version = Some(if n == 3 { Version::V3 } else { Version::V2 })
            },
            "vrrp_version; 3 for IPv6",
            "version of VRRP"
        ),
        keyword!("advert_int", Kind::Line("SECONDS (0.01 to 255)", advert_int), "1", "time between adverts"),
        keyword!(
            "preempt",
            Kind::Flag(|i| i.nopreempt = false),
            "on",
            "take over from a master of lower priority"
        ),
        keyword!(
            "nopreempt",
            Kind::Flag(|i| i.nopreempt = true),
            "off",
            "do not take over from a master of lower priority"
        ),
        keyword!(
            "preempt_delay",
            Kind::Seconds { range: PREEMPT_DELAY, set: |i, t| i.preempt_delay = Some(t) },
            "0",
            "wait before taking over from a master of lower priority"
        ),
        keyword!(
            "mcast_src_ip",
            Kind::Line("ADDRESS", source),
            "primary address of the interface",
            "source address of adverts"
        ),
        keyword!(
            "unicast_src_ip",
            Kind::Line("ADDRESS", |i, node, cx| {
                i.unicast = true;
                source(i, node, cx);
            }),
            "primary address of the interface",
            "source address of unicast adverts"
        ),
        keyword!(
            "mcast_dst_ip",
            Kind::Line("ADDRESS", mcast_dst_ip),
            "vrrp_mcast_group4 or vrrp_mcast_group6",
            "where adverts go"
        ),
        keyword!(
            "unicast_peer",
            Kind::Values("ADDRESS [min_ttl N] [max_ttl N] ..", peers),
            "",
            "send adverts to these routers instead of to all"
        ),
        keyword!(
            "unicast_fault_no_peer",
            Kind::Flag(|i| (i.unicast, i.fault_no_peer) = (true, true)),
            "off",
            "no peer is a fault"
        ),
        keyword!(
            "check_unicast_src",
            Kind::Flag(|i| (i.unicast, i.check_unicast_src) = (true, true)),
            "vrrp_check_unicast_src",
            "take adverts from peers only"
        ),
        keyword!(
            "unicast_ttl",
            Kind::Line("NUMBER (0 to 255)", unicast_ttl),
            "255 for IPv4, the kernel's for IPv6",
            "hops that unicast adverts may take"
        ),
        keyword!(
            "native_ipv6",
            Kind::Line("", |i, node, cx| {
                i.native_ipv6 = true;
                deprecated(node, "the family of the first address", cx);
            }),
            "",
            "IPv6 without an IPv6 address"
        ),
        keyword!(
            "track_src_ip",
            Kind::Flag(|i| i.track_source = true),
            "off",
            "the loss of the source address is a fault"
        ),
        keyword!(
            "dont_track_primary",
            Kind::Flag(|i| i.dont_track_primary = true),
            "off",
            "trouble of the interface is no fault"
        ),
        keyword!(
            "track_interface",
            Kind::Values("IF [weight W [reverse]] ..", |i, _, lines, cx| track::parse(
                What::Interface,
                lines,
                &mut i.tracks,
                cx
            )),
            "",
            "other interfaces to follow"
        ),
        keyword!(
            "track_script",
            Kind::Values("NAME [weight W [reverse]] ..", |i, _, lines, cx| track::parse(
                What::Script,
                lines,
                &mut i.tracks,
                cx
            )),
            "",
            "scripts to follow"
        ),
        keyword!(
            "track_file",
            Kind::Values("NAME [weight W [reverse]] ..", |i, _, lines, cx| track::parse(
                What::File,
                lines,
                &mut i.tracks,
                cx
            )),
            "",
            "files to follow"
        ),
        keyword!(
            "virtual_ipaddress",
            Kind::Values("ADDR[/LEN] [dev IF] [brd A] [label L] [scope S] ..", |i, _, lines, cx| addresses(
                &mut i.addresses,
                lines,
                cx
            )),
            "",
            "the virtual addresses"
        ),
        keyword!(
            "virtual_ipaddress_excluded",
            Kind::Values("ADDR[/LEN] [dev IF] ..", |i, _, lines, cx| addresses(&mut i.excluded, lines, cx)),
            "",
            "virtual addresses that adverts do not name"
        ),
        keyword!(
            "no_virtual_ipaddress",
            Kind::Flag(|i| i.no_addresses = true),
            "off",
            "it has no addresses on purpose"
        ),
        keyword!(
            "virtual_routes",
            Kind::Values("DEST via ADDR dev IF ..", |i, _, lines, cx| {
                for line in lines {
                    i.routes.extend(route::parse(line, cx));
                }
            }),
            "",
            "routes that are there while it is master"
        ),
        keyword!(
            "promote_secondaries",
            Kind::Flag(|i| i.promote_secondaries = true),
            "off",
            "secondary addresses survive the loss of the primary one"
        ),
        keyword!(
            "v3_checksum_as_v2",
            Kind::Switch(|i, on| i.v3_checksum_as_v2 = Some(on)),
            "the global setting",
            "checksum of version 3 over IPv4 without pseudo-header"
        ),
        keyword!(
            "accept",
            Kind::Line("", |_, _, _| ()),
            "on",
            "packets to the virtual addresses are accepted"
        ),
        // Any word that is a switch turns it on, `no` included.
        keyword!(
            "skip_check_adv_addr",
            Kind::Switch(|i, _| i.skip_check_adv_addr = Some(true)),
            "the global setting",
            "compare addresses of adverts only when the sender changes"
        ),
        keyword!(
            "strict_mode",
            Kind::Switch(|i, on| i.strict = Some(on)),
            "vrrp_strict",
            "hold to the letter of the RFC"
        ),
        keyword!(
            "garp_master_delay",
            Kind::Number { range: WHOLE_SECONDS, set: |i, n| i.garp_delay = Some(secs_of(n)) },
            "the global setting",
            "from the first burst of gratuitous ARPs to the second"
        ),
        keyword!(
            "garp_master_repeat",
            Kind::Number { range: REPEAT, set: |i, n| i.garp_repeat = Some(u32_of(n)) },
            "the global setting",
            "gratuitous ARPs per address and burst"
        ),
        keyword!(
            "garp_master_refresh",
            Kind::Number { range: WHOLE_SECONDS, set: |i, n| i.garp_refresh = Some(secs_of(n)) },
            "the global setting",
            "period of gratuitous ARPs of a master; 0 for never"
        ),
        keyword!(
            "garp_master_refresh_repeat",
            Kind::Number { range: REPEAT, set: |i, n| i.garp_refresh_repeat = Some(u32_of(n)) },
            "the global setting",
            "gratuitous ARPs per address and period"
        ),
        keyword!(
            "garp_lower_prio_delay",
            Kind::Number { range: WHOLE_SECONDS, set: |i, n| i.garp_lower_prio_delay = Some(secs_of(n)) },
            "the global setting",
            "second burst after an advert of lower priority"
        ),
        keyword!(
            "garp_lower_prio_repeat",
            Kind::Number { range: REPEAT_OR_NONE, set: |i, n| i.garp_lower_prio_repeat = Some(u32_of(n)) },
            "the global setting",
            "gratuitous ARPs after an advert of lower priority"
        ),
        keyword!(
            "down_timer_adverts",
            Kind::Number { range: DOWN_TIMER, set: |i, n| i.down_timer_adverts = Some(u8_of(n)) },
            "the global setting",
            "adverts that may be missed"
        ),
        keyword!(
            "lower_prio_no_advert",
            Kind::Switch(|i, on| i.lower_prio_no_advert = Some(on)),
            "the global setting",
            "do not answer adverts of lower priority"
        ),
        keyword!(
            "higher_prio_send_advert",
            Kind::Switch(|i, on| i.higher_prio_send_advert = Some(on)),
            "the global setting",
            "send an advert before giving way"
        ),
        keyword!(
            "owner_ignore_adverts",
            Kind::Switch(|i, on| i.owner_ignore_adverts = Some(on)),
            "the global setting",
            "the owner of the addresses ignores adverts"
        ),
        keyword!(
            "kernel_rx_buf_size",
            Kind::Number {
                range: Range::new(1, u32::MAX as i64, "bytes"),
                set: |i, n| i.receive_buffer = Some(u32_of(n))
            },
            "vrrp_rx_bufs_policy",
            "receive buffer for adverts"
        ),
        keyword!(
            "authentication",
            Kind::Block("", BlockId(7), authentication),
            "",
            "the authentication of RFC 2338, for version 2 only"
        ),
        keyword!(
            "notify_backup",
            Kind::Script(|i, c| i.notify.backup = Some(c)),
            "",
            "run when it becomes backup"
        ),
        keyword!(
            "notify_master",
            Kind::Script(|i, c| i.notify.master = Some(c)),
            "",
            "run when it becomes master"
        ),
        keyword!(
            "notify_fault",
            Kind::Script(|i, c| i.notify.fault = Some(c)),
            "",
            "run when it has a fault"
        ),
        keyword!(
            "notify_stop",
            Kind::Script(|i, c| i.notify.stop = Some(c)),
            "",
            "run when the daemon stops, for 1 s at most"
        ),
        keyword!(
            "notify_deleted",
            Kind::Special("[COMMAND [USER [GROUP]]]", Shape::Script, notify_deleted),
            "notify_fault",
            "run when a reload removes it"
        ),
        keyword!(
            "notify",
            Kind::Script(|i, c| i.notify.any = Some(c)),
            "",
            "run at every change, with INSTANCE, name, state and priority as further arguments"
        ),
        keyword!(
            "notify_master_rx_lower_pri",
            Kind::Script(|i, c| i.notify.master_rx_lower_pri = Some(c)),
            "",
            "run when a master hears an advert of lower priority"
        ),
        keyword!(
            "notify_priority_changes",
            Kind::Switch(|i, on| i.notify.priority_changes = Some(on)),
            "the global setting",
            "tell changes of priority through the FIFOs"
        ),
        keyword!("debug", Kind::Ignored("NUMBER", 1), "0", "nobody reads it"),
    ],
};

/// `authentication { .. }`.
pub(crate) const AUTH_TABLE: Table<AuthDraft> = Table {
    path: "vrrp_instance/authentication",
    id: BlockId(7),
    keywords: &[
        keyword!(
            "auth_type",
            Kind::Word("PASS | AH", auth_type),
            "",
            "a plain password, or the header of IPsec"
        ),
        keyword!("auth_pass", Kind::Word("TEXT", auth_pass), "", "the shared secret, at most 8 bytes"),
    ],
};

fn state(instance: &mut InstanceDraft, word: &Word, cx: &mut Cx<'_>) {
    let master = word.text == "MASTER";
    if !master && word.text != "BACKUP" {
        let help = match value::nearest(&word.text.to_ascii_uppercase(), ["MASTER", "BACKUP"].into_iter()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write `MASTER` or `BACKUP`".to_owned(),
        };
        let d = Diagnostic::new(Code::VALUE, format!("`{}` is not a state to start in", word.text))
            .at(word.span)
            .label("BACKUP is used")
            .help(help)
            .log(format!("({}) unknown state '{}', defaulting to BACKUP", cx.object, word.text));
        cx.report(d);
    }
    if instance.state == Some(true) && !master {
        let d = Diagnostic::new(Code::CONFLICT, "`state` was MASTER before")
            .at(word.span)
            .label("ignored")
            .help("remove one of the two lines")
            .log(format!("({}) state previously set as MASTER - ignoring BACKUP", cx.object));
        cx.report(d);
        return;
    }
    instance.state = Some(master);
}

fn vrid(instance: &mut InstanceDraft, node: &Node, cx: &mut Cx<'_>) {
    let Some(word) = node.words.first() else {
        cx.missing(node, 2);
        return;
    };
    let number = cx.number(&node.keyword.text, word, Range::new(1, 255, ""));
    if let Some(vrid) = number.and_then(|n| u8::try_from(n).ok()).and_then(Vrid::new) {
        instance.vrid = Some((vrid, word.span));
    }
}

fn priority(instance: &mut InstanceDraft, node: &Node, cx: &mut Cx<'_>) {
    let Some(word) = node.words.first() else {
        cx.missing(node, 2);
        return;
    };
    if let Some(n) = cx.number(&node.keyword.text, word, Range::new(1, 255, "")) {
        instance.priority = Some(u8_of(n));
    } else {
        // keepalived goes on with the default, and forgets an earlier one.
        instance.priority = Some(100);
    }
}

fn advert_int(instance: &mut InstanceDraft, node: &Node, cx: &mut Cx<'_>) {
    let Some(word) = node.words.first() else {
        cx.missing(node, 2);
        return;
    };
    if let Some(time) = cx.seconds(&node.keyword.text, word, ADVERT_INT) {
        instance.advert_int = Some((time, word.span));
    }
}

fn source(instance: &mut InstanceDraft, node: &Node, cx: &mut Cx<'_>) {
    let Some(word) = node.words.first() else {
        cx.missing(node, 2);
        return;
    };
    match value::address(&word.text) {
        Some(address) => instance.source = Some((address, word.span)),
        None => {
            let d = Diagnostic::new(Code::VALUE, format!("`{}` is not a source address", word.text))
                .at(word.span)
                .label("ignored")
                .help("write an address of the interface, without a prefix length")
                .log(format!(
                    "Configuration error: VRRP instance[{}] malformed src address[{}]. Skipping...",
                    cx.object, word.text
                ));
            cx.report(d);
        }
    }
}

fn mcast_dst_ip(instance: &mut InstanceDraft, node: &Node, cx: &mut Cx<'_>) {
    let Some(word) = node.words.first() else {
        cx.missing(node, 2);
        return;
    };
    match value::address(&word.text) {
        Some(address) if address.is_multicast() => instance.group = Some((address, word.span)),
        _ => {
            let d = Diagnostic::new(Code::VALUE, format!("`{}` is not a multicast address", word.text))
                .at(word.span)
                .label("ignored")
                .help("use an address from 224.0.0.0/24 or ff02::/16")
                .log(format!("({}) mcast_dst_ip {} not multicast. Skipping...", cx.object, word.text));
            cx.report(d);
        }
    }
}

fn unicast_ttl(instance: &mut InstanceDraft, node: &Node, cx: &mut Cx<'_>) {
    let Some(word) = node.words.first() else {
        cx.missing(node, 2);
        return;
    };
    if let Some(n) = cx.number(&node.keyword.text, word, Range::new(0, 255, "")) {
        instance.unicast_ttl = Some((u8_of(n), word.span));
    }
}

fn peers(instance: &mut InstanceDraft, _: &Node, lines: &[Line], cx: &mut Cx<'_>) {
    instance.unicast = true;
    for line in lines {
        let Some(address) = value::address(&line.first.text) else {
            let d = Diagnostic::new(
                Code::VALUE,
                format!("`{}` is not the address of a peer", line.first.text),
            )
            .at(line.first.span)
            .label("this line is ignored")
            .help("write one address per line, without a prefix length")
            .log(format!(
                "Configuration error: VRRP instance[{}] malformed unicast peer address[{}]. Skipping...",
                cx.object, line.first.text
            ));
            cx.report(d);
            continue;
        };
        let mut peer = PeerDraft { address, word: line.first.clone(), min_ttl: None, max_ttl: None };
        let mut words = line.rest.iter();
        while let Some(word) = words.next() {
            let slot = match word.text.as_str() {
                "min_ttl" => &mut peer.min_ttl,
                "max_ttl" => &mut peer.max_ttl,
                other => {
                    let message = format!("`{other}` means nothing in a line of `unicast_peer`");
                    cx.bad_value(
                        word,
                        message,
                        "write `ADDRESS [min_ttl N] [max_ttl N]`, one address per line",
                    );
                    continue;
                }
            };
            match words.next() {
                Some(value) => {
                    let number = cx.number(&word.text, value, Range::new(0, 255, ""));
                    *slot = number.map(u8_of).or(*slot);
                }
                None => {
                    cx.bad_value(word, format!("`{}` needs a value", word.text), "add a number from 0 to 255")
                }
            }
        }
        if peer.min_ttl.unwrap_or(0) > peer.max_ttl.unwrap_or(255) {
            let (min, max) = (peer.min_ttl.unwrap_or(0), peer.max_ttl.unwrap_or(255));
            let d = Diagnostic::new(Code::CONFLICT, format!("no packet has a TTL from {min} to {max}"))
                .at(line.first.span)
                .label("every advert of this peer is refused")
                .help("exchange the two numbers")
                .log(format!(
                    "({}) min_ttl {min} > max_ttl {max} - all packets will be discarded",
                    cx.object
                ));
            cx.report(d);
        }
        instance.check_unicast_src |= peer.min_ttl.is_some() || peer.max_ttl.is_some();
        if !instance.peers.iter().any(|known| known.address == address) {
            instance.peers.push(peer);
        }
    }
}

fn addresses(list: &mut Vec<AddressDraft>, lines: &[Line], cx: &mut Cx<'_>) {
    for line in lines {
        list.extend(address::parse(line, cx));
    }
}

fn authentication(instance: &mut InstanceDraft, node: &Node, nodes: &[Node], cx: &mut Cx<'_>) {
    let mut auth = AuthDraft { keyword: node.keyword.clone(), kind: None, password: None };
    AUTH_TABLE.apply(&mut auth, nodes, cx);
    instance.auth = Some(auth);
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
    cx.secrets.push(word.span);
    if word.text.len() > 8 {
        let d = Diagnostic::new(Code::CONFLICT, "`auth_pass` has more than 8 bytes")
            .at(word.span)
            .label("only the first 8 are used")
            .help("shorten it, on all routers")
            .log("Truncating auth_pass to 8 characters");
        cx.report(d);
    }
    auth.password = Some(word.clone());
}

/// Without a command it only changes the name of the event.
fn notify_deleted(instance: &mut InstanceDraft, node: &Node, _: &mut Cx<'_>) {
    instance.notify.tell_deleted = true;
    if !node.words.is_empty() {
        instance.notify.deleted = Some(crate::block::command::CommandDraft::new(node));
    }
}

impl InstanceDraft {
    /// The family: that of the first address, else of the source, else of the first peer, else of
    /// the first excluded address, else IPv4.
    pub(crate) fn family(&self) -> Family {
        if self.native_ipv6 {
            return Family::V6;
        }
        let first = self.addresses.first().map(|a| a.net.family());
        first
            .or_else(|| self.source.map(|(address, _)| Family::of(&address)))
            .or_else(|| self.peers.first().map(|p| Family::of(&p.address)))
            .or_else(|| self.excluded.first().map(|a| a.net.family()))
            .unwrap_or(Family::V4)
    }
}
