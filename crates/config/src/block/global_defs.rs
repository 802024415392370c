//! `global_defs { .. }`, and the keywords of the root that set something of the daemon.

pub(crate) mod firewall;
pub(crate) mod lvs;
pub(crate) mod mail;
mod observers;
mod process;
mod table;

pub(crate) use table::TABLE;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base::Duration;
use lvs::LvsGlobalDraft;
use mail::MailDraft;
use model::Global;
use model::instance::GarpExtra;
use vrrp::config::Version;

use crate::block::command::{CommandDraft, ScriptRules};
use crate::block::lease::LeaseDraft;
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, Range, SecondsRange, value};
use crate::lang::{Node, Word};

/// `global_defs` as written: what the model keeps, and the defaults of instances.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent keywords")]
pub(crate) struct GlobalDraft {
    /// What needs no further checks.
    pub(crate) out: Global,
    pub(crate) router_id: Option<Word>,
    pub(crate) version: Version,
    pub(crate) group4: Ipv4Addr,
    pub(crate) group6: Ipv6Addr,
    pub(crate) garp_delay: Option<Duration>,
    pub(crate) garp_repeat: Option<u32>,
    pub(crate) garp_refresh: Option<Duration>,
    pub(crate) garp_refresh_repeat: u32,
    pub(crate) garp_lower_prio_delay: Option<Duration>,
    pub(crate) garp_lower_prio_repeat: Option<u32>,
    pub(crate) min_garp: bool,
    pub(crate) down_timer_adverts: u8,
    pub(crate) vip_lease: Option<LeaseDraft>,
    pub(crate) strict: bool,
    pub(crate) check_unicast_src: bool,
    pub(crate) skip_check_adv_addr: bool,
    pub(crate) lower_prio_no_advert: Option<bool>,
    pub(crate) higher_prio_send_advert: bool,
    pub(crate) owner_ignore_adverts: Option<bool>,
    pub(crate) v3_checksum_as_v2: bool,
    pub(crate) notify_priority_changes: bool,
    pub(crate) scripts: ScriptRules,
    pub(crate) fifo: FifoDraft,
    pub(crate) vrrp_fifo: FifoDraft,
    pub(crate) startup: Option<CommandDraft>,
    pub(crate) startup_timeout: Duration,
    pub(crate) shutdown: Option<CommandDraft>,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) receive: Option<Receive>,
    pub(crate) receive_multiplier: u32,
    pub(crate) default_interface: Option<Word>,
    pub(crate) process_names: bool,
    /// The keywords about load balancing.
    pub(crate) lvs: LvsGlobalDraft,
    /// The keywords about mail.
    pub(crate) mail: MailDraft,
    pub(crate) garp_extra: Option<GarpExtra>,
    pub(crate) vmac_addr_prefix: Option<base::Name>,
    /// `vrrp_ipsets` without names.
    pub(crate) no_ipsets: bool,
    pub(crate) real_server_age: Option<Duration>,
}

/// A FIFO as written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct FifoDraft {
    pub(crate) path: Option<Word>,
    pub(crate) owner: Vec<Word>,
    pub(crate) script: Option<CommandDraft>,
}

/// `vrrp_rx_bufs_policy`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Receive {
    /// Some multiple of the interface's MTU.
    Mtu,
    /// Some multiple of the size of an advert.
    Advert,
    /// So many bytes.
    Bytes(u32),
}

impl Default for GlobalDraft {
    fn default() -> Self {
        Self {
            out: Global::default(),
            router_id: None,
            version: Version::V2,
            group4: Ipv4Addr::new(224, 0, 0, 18),
            group6: Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12),
            garp_delay: None,
            garp_repeat: None,
            garp_refresh: None,
            garp_refresh_repeat: 1,
            garp_lower_prio_delay: None,
            garp_lower_prio_repeat: None,
            min_garp: false,
            down_timer_adverts: 3,
            vip_lease: None,
            strict: false,
            check_unicast_src: false,
            skip_check_adv_addr: false,
            lower_prio_no_advert: None,
            higher_prio_send_advert: false,
            owner_ignore_adverts: None,
            v3_checksum_as_v2: false,
            notify_priority_changes: false,
            scripts: ScriptRules::default(),
            fifo: FifoDraft::default(),
            vrrp_fifo: FifoDraft::default(),
            startup: None,
            startup_timeout: Duration::from_secs(10),
            shutdown: None,
            shutdown_timeout: Duration::from_secs(10),
            receive: None,
            receive_multiplier: 3,
            default_interface: None,
            process_names: false,
            lvs: LvsGlobalDraft::default(),
            mail: MailDraft::default(),
            garp_extra: None,
            vmac_addr_prefix: None,
            no_ipsets: false,
            real_server_age: None,
        }
    }
}

/// Whole seconds that fit the kernel's and keepalived's microseconds.
pub(crate) const WHOLE_SECONDS: Range = Range::new(0, 4_294, "s");
/// How many gratuitous ARPs: 0 is raised to 1.
pub(crate) const REPEAT: Range = Range::new(1, i32::MAX as i64, "").clamped();
/// How many gratuitous ARPs, where 0 means none.
pub(crate) const REPEAT_OR_NONE: Range = Range::new(0, i32::MAX as i64, "");
/// Intervals that may be missed.
pub(crate) const DOWN_TIMER: Range = Range::new(1, 100, "intervals");
const BYTES: Range = Range::new(1, u32::MAX as i64, "bytes");
const GAP: SecondsRange = SecondsRange::new(Duration::from_micros(1), Duration::from_secs(4_294), 6);
const DELAY: SecondsRange = SecondsRange::new(Duration::from_millis(1), Duration::from_secs(4_294_967), 3);
/// Priorities of `SCHED_RR`.
const REALTIME: Range = Range::new(1, 99, "").clamped();
const RTTIME: Range = Range::new(1, u32::MAX as i64, "µs");
const SCRIPT_TIMEOUT: Range = Range::new(1, 1_000, "s");

/// A number of a range that fits the type; 0 never comes out of a range that excludes it.
pub(crate) fn u32_of(n: i64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

pub(crate) fn u8_of(n: i64) -> u8 {
    u8::try_from(n).unwrap_or(u8::MAX)
}

pub(crate) fn secs_of(n: i64) -> Duration {
    Duration::from_secs(u64::try_from(n).unwrap_or(0))
}

/// An entry of a table: name, kind, default, purpose, and if need be the release that brought it.
macro_rules! keyword {
    ($name:literal, $kind:expr, $default:literal, $doc:literal $(,)?) => {
        keyword!($name, $kind, $default, $doc, "")
    };
    ($name:literal, $kind:expr, $default:literal, $doc:literal, $since:literal $(,)?) => {
        Keyword { name: $name, kind: $kind, default: $default, doc: $doc, since: $since }
    };
}
pub(crate) use keyword;

fn version(n: i64) -> Version {
    if n == 3 { Version::V3 } else { Version::V2 }
}

/// The time of real-time processes: the kernel gets half of it as well, which must not be 0.
fn rttime(n: i64) -> Option<u32> {
    Some(u32_of(n).max(2))
}

/// The name of a process: the kernel keeps 15 bytes.
fn name(word: &Word, cx: &mut Cx<'_>) -> Option<base::Name> {
    let end = (0..=word.text.len().min(15)).rev().find(|&i| word.text.is_char_boundary(i)).unwrap_or(0);
    let kept = word.text.get(..end)?;
    if kept.len() < word.text.len() {
        let d = Diagnostic::new(Code::CONFLICT, format!("`{}` has more than 15 bytes", word.text))
            .at(word.span)
            .label(format!("`{kept}` is used"))
            .help("shorten it")
            .log(format!("Process name {} more than 15 characters, truncating", word.text));
        cx.report(d);
    }
    Some(kept.into())
}

/// A missing name is told, and nothing more: keepalived goes on with the host's.
fn router_id(global: &mut GlobalDraft, node: &Node, cx: &mut Cx<'_>) {
    if let Some(word) = node.words.first() {
        global.router_id = Some(word.clone());
        return;
    }
    let d = Diagnostic::new(Code::VALUE, "`router_id` needs a name")
        .at(node.line)
        .label("the host's name is used")
        .help("add a name, or remove the line")
        .log("routerid name missing - ignoring");
    cx.report(d);
}

fn dynamic_interfaces(global: &mut GlobalDraft, node: &Node, cx: &mut Cx<'_>) {
    global.out.dynamic_interfaces = true;
    match node.words.first() {
        Some(word) if word.text == "allow_if_changes" => {
            global.out.interfaces_may_change = true;
            cx.pending_word("`dynamic_interfaces`", "allow_if_changes", word.span);
        }
        Some(word) => {
            let message = format!("`{}` means nothing to `dynamic_interfaces`", word.text);
            cx.bad_value(word, message, "write `allow_if_changes`, or nothing");
        }
        None => {}
    }
}

fn group4(global: &mut GlobalDraft, address: IpAddr, word: &Word, cx: &mut Cx<'_>) {
    match address {
        IpAddr::V4(address) if address.is_multicast() => global.group4 = address,
        _ => not_multicast("vrrp_mcast_group4", word, cx),
    }
}

fn group6(global: &mut GlobalDraft, address: IpAddr, word: &Word, cx: &mut Cx<'_>) {
    match address {
        IpAddr::V6(address) if address.is_multicast() => {
            global.group6 = address;
            if address.octets()[1] & 0xf != 2 {
                let d = Diagnostic::new(
                    Code::CONFLICT,
                    format!("`{address}` is not a multicast address of the link"),
                );
                cx.report(
                    d.at(word.span)
                        .label("used all the same")
                        .help("use an address that starts with `ff02::`"),
                );
            }
        }
        _ => not_multicast("vrrp_mcast_group6", word, cx),
    }
}

fn not_multicast(keyword: &str, word: &Word, cx: &mut Cx<'_>) {
    let d =
        Diagnostic::new(Code::VALUE, format!("`{}` is not a multicast address for `{keyword}`", word.text))
            .at(word.span)
            .label("ignored")
            .help("use an address from 224.0.0.0/24 or ff02::/16")
            .log(format!("{keyword} [{}] is not multicast. Skipping", word.text));
    cx.report(d);
}

fn cpus(cpus: &mut Vec<u16>, node: &Node, cx: &mut Cx<'_>) {
    if node.words.is_empty() {
        cx.missing(node, 2);
    }
    for word in &node.words {
        if let Some(n) = cx.number(node.keyword.text, word, Range::new(0, 1_023, "")) {
            cpus.extend(u16::try_from(n));
        }
    }
}

fn fifo(fifo: &mut FifoDraft, node: &Node, cx: &mut Cx<'_>) {
    let Some(path) = node.words.first() else {
        cx.missing(node, 2);
        return;
    };
    if fifo.path.is_some() {
        let d = Diagnostic::new(Code::DUPLICATE, format!("`{}` is set twice", node.keyword.text));
        cx.report(d.at(node.line).label("this one is ignored").help("remove one of the two lines"));
        return;
    }
    fifo.path = Some(path.clone());
    fifo.owner = node.words.iter().skip(1).take(2).cloned().collect();
}

fn script_user(global: &mut GlobalDraft, node: &Node, cx: &mut Cx<'_>) {
    if node.words.is_empty() {
        cx.missing(node, 2);
        return;
    }
    global.scripts.user = Some(node.words.clone());
}

fn receive_policy(global: &mut GlobalDraft, node: &Node, cx: &mut Cx<'_>) {
    let Some(word) = node.words.first() else {
        cx.missing(node, 2);
        return;
    };
    global.receive = if word.text.eq_ignore_ascii_case("mtu") {
        Some(Receive::Mtu)
    } else if word.text.eq_ignore_ascii_case("advert") {
        Some(Receive::Advert)
    } else {
        cx.number(node.keyword.text, word, BYTES).map(|n| Receive::Bytes(u32_of(n)))
    };
}

/// Names of mode bits.
const MODE_BITS: &[(&str, u32)] = &[
    ("IRUSR", 0o400),
    ("IWUSR", 0o200),
    ("IXUSR", 0o100),
    ("IRGRP", 0o040),
    ("IWGRP", 0o020),
    ("IXGRP", 0o010),
    ("IROTH", 0o004),
    ("IWOTH", 0o002),
    ("IXOTH", 0o001),
    ("IRWXU", 0o700),
    ("IRWXG", 0o070),
    ("IRWXO", 0o007),
];

/// A number in C's notation, or names of bits with `|` between them.
fn umask(global: &mut GlobalDraft, node: &Node, cx: &mut Cx<'_>) {
    let Some(first) = node.words.first() else {
        cx.missing(node, 2);
        return;
    };
    let text: String = node.words.iter().map(Word::as_str).collect();
    let number = crate::lang::repeat::number(&text).and_then(|n| u32::try_from(n).ok());
    let bits = || {
        text.split('|').try_fold(0, |all, name| {
            let bit = MODE_BITS.iter().find(|(known, _)| *known == name.trim())?;
            Some(all | bit.1)
        })
    };
    match number.or_else(bits).filter(|&mode| mode <= 0o777) {
        Some(mode) => global.out.umask = Some(mode),
        None => {
            let d = Diagnostic::new(Code::VALUE, format!("`{text}` is not a file mode"))
                .at(first.span)
                .label("ignored")
                .help("write a number such as `0177`, or names such as `IRWXG|IRWXO`")
                .log(format!("invalid umask value {text}"));
            cx.report(d);
        }
    }
}

/// The parser has set it; here it is only checked.
fn random_seed(_: &mut GlobalDraft, node: &Node, cx: &mut Cx<'_>) {
    match node.words.first() {
        None => cx.missing(node, 2),
        Some(word) if value::whole(&word.text).is_none_or(|n| n.more || n.value < 0) => {
            let message = format!("`random_seed` needs a whole number, not `{}`", word.text);
            cx.bad_value(word, message, "write a number from 0");
        }
        Some(_) => {}
    }
}
