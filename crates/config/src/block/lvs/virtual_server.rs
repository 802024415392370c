//! `virtual_server ADDRESS [PORT] | fwmark NUMBER | group NAME { .. }`.

mod table;

pub(crate) use table::TABLE;

use std::net::IpAddr;

use base::Family;
use model::lvs::{Forwarding, Protocol, Scheduler, SchedulerFlags};

use crate::block::command::CommandDraft;
use crate::block::lvs::real_server::{self, RealServerDraft};
use crate::block::lvs::timing::{Timed, Timing};
use crate::block::{Draft, lvs};
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, Nodes, Range, value};
use crate::lang::{Node, Word};
use crate::span::Span;

/// A virtual server as written.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent keywords")]
pub(crate) struct VirtualServerDraft {
    /// Its head.
    pub(crate) span: Span,
    pub(crate) destination: DestinationDraft,
    /// `ip_family`, if the destination has none of its own.
    pub(crate) family: Option<Family>,
    pub(crate) timing: Timing,
    pub(crate) alpha: bool,
    pub(crate) inhibit: bool,
    pub(crate) omega: bool,
    pub(crate) ha_suspend: bool,
    pub(crate) one_packet: bool,
    pub(crate) flags: SchedulerFlags,
    pub(crate) scheduler: Option<Scheduler>,
    pub(crate) forwarding: Option<Forwarding>,
    pub(crate) protocol: Option<Protocol>,
    /// Seconds.
    pub(crate) persistence_timeout: Option<u32>,
    /// A mask for IPv4, a length for IPv6.
    pub(crate) granularity: Option<u32>,
    pub(crate) engine: Option<Box<str>>,
    pub(crate) smtp_alert: Option<bool>,
    pub(crate) panic_threshold: u8,
    pub(crate) virtualhost: Option<Box<str>>,
    pub(crate) snmp_name: Option<Box<str>>,
    pub(crate) quorum: Option<u32>,
    pub(crate) hysteresis: u32,
    pub(crate) weight: u32,
    pub(crate) quorum_up: Option<Box<CommandDraft>>,
    pub(crate) quorum_down: Option<Box<CommandDraft>>,
    pub(crate) sorry: Option<Box<SorryDraft>>,
    pub(crate) servers: Vec<RealServerDraft>,
    /// How many tracked files and BFD sessions were defined before it.
    pub(crate) seen: (usize, usize),
}

/// What clients connect to, as written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum DestinationDraft {
    Address(IpAddr, u16),
    Mark(u32),
    Group(Word),
}

/// `sorry_server` as written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SorryDraft {
    pub(crate) span: Span,
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) forwarding: Option<Forwarding>,
    pub(crate) inhibit: bool,
}

impl Timed for VirtualServerDraft {
    fn timing(&mut self) -> &mut Timing {
        &mut self.timing
    }
}

impl VirtualServerDraft {
    pub(crate) fn new(span: Span, destination: DestinationDraft) -> Self {
        let family = match destination {
            DestinationDraft::Address(address, _) => Some(family_of(address)),
            DestinationDraft::Mark(_) | DestinationDraft::Group(_) => None,
        };
        Self {
            span,
            destination,
            family,
            timing: Timing::default(),
            alpha: false,
            inhibit: false,
            omega: false,
            ha_suspend: false,
            one_packet: false,
            flags: SchedulerFlags::default(),
            scheduler: None,
            forwarding: None,
            protocol: None,
            persistence_timeout: None,
            granularity: None,
            engine: None,
            smtp_alert: None,
            panic_threshold: 0,
            virtualhost: None,
            snmp_name: None,
            quorum: None,
            hysteresis: 0,
            weight: 1,
            quorum_up: None,
            quorum_down: None,
            sorry: None,
            servers: Vec::new(),
            seen: (0, 0),
        }
    }
}

/// The family of an address.
pub(crate) const fn family_of(address: IpAddr) -> Family {
    match address {
        IpAddr::V4(_) => Family::V4,
        IpAddr::V6(_) => Family::V6,
    }
}

/// Reads a whole block.
pub(crate) fn read(draft: &mut Draft, node: &Node, nodes: &mut Nodes<'_, '_>, cx: &mut Cx<'_>) {
    let Some(destination) = destination(node, cx) else { return };
    let mut server = VirtualServerDraft::new(node.line, destination);
    server.seen = (draft.files.len(), draft.bfds.len());
    "virtual_server".clone_into(&mut cx.object);
    TABLE.apply(&mut server, nodes, cx);
    cx.object.clear();
    server.servers.shrink_to_fit();
    draft.lvs.services.push(Box::new(server));
}

/// Reads the head; `None` if the block is passed over, which has then been told.
fn destination(node: &Node, cx: &mut Cx<'_>) -> Option<DestinationDraft> {
    let Some(first) = node.words.first() else {
        cx.missing(node, 2);
        return None;
    };
    if matches!(first.text.as_str(), "fwmark" | "group") {
        let Some(second) = node.words.get(1) else {
            cx.missing(node, 3);
            return None;
        };
        return match first.text.as_str() {
            "group" => Some(DestinationDraft::Group(second.clone())),
            _ => lvs::mark(second, cx).map(DestinationDraft::Mark),
        };
    }
    if let Some(extra) = node.words.get(2) {
        cx.extra(node, extra);
    }
    let port = match node.words.get(1) {
        Some(word) => lvs::port_or_none(word, cx)?,
        None => 0,
    };
    let Some(address) = cx.host(first) else {
        let d = Diagnostic::new(Code::VALUE, format!("`{}` is not an address", first.text))
            .at(first.span)
            .label("this virtual server is ignored")
            .help("write an IPv4 or IPv6 address, `fwmark NUMBER` or `group NAME`")
            .log(format!(
                "Invalid virtual server IP address/port {}/{} - skipping",
                first.text,
                node.words.get(1).map_or("", Word::as_str)
            ));
        cx.report(d);
        return None;
    };
    Some(DestinationDraft::Address(address, port))
}

const QUORUM: Range = Range::new(1, u32::MAX as i64, "");
const HYSTERESIS: Range = Range::new(0, u32::MAX as i64, "");
const WEIGHT: Range = Range::new(1, i32::MAX as i64, "");
const PERSISTENCE: Range = Range::new(1, 2_678_400, "s");
/// What holds if nobody says how long.
pub(crate) const DEFAULT_PERSISTENCE: u32 = 360;
/// The longest name that the kernel knows.
const MAX_ENGINE: usize = 16;

fn scheduler(server: &mut VirtualServerDraft, word: &Word, cx: &mut Cx<'_>) {
    let found = Scheduler::ALL.iter().find(|known| known.name() == word.text);
    if let Some(known) = found {
        server.scheduler = Some(*known);
        return;
    }
    let help = value::nearest(&word.text, Scheduler::ALL.iter().map(|known| known.name())).map_or_else(
        || "write `rr`, `wrr`, `wlc`, `sh`, `mh`, ...".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    let d = Diagnostic::new(Code::VALUE, format!("`{}` is not a scheduler", word.text))
        .at(word.span)
        .label("ignored")
        .help(help)
        .log(format!("Invalid lvs_scheduler '{}' - ignoring", word.text));
    cx.report(d);
}

/// A flag that only some schedulers have, which must be set before it.
fn flag(
    server: &mut VirtualServerDraft,
    node: &Node,
    cx: &mut Cx<'_>,
    schedulers: &[Scheduler],
    set: fn(&mut SchedulerFlags),
) {
    if server.scheduler.is_some_and(|scheduler| schedulers.contains(&scheduler)) {
        set(&mut server.flags);
        return;
    }
    let keyword = node.keyword.text;
    let name = schedulers.first().map_or("", |scheduler| scheduler.name());
    let d = Diagnostic::new(Code::VALUE, format!("`{keyword}` is for the scheduler `{name}` only"))
        .at(node.keyword.span)
        .label("ignored")
        .help(format!("write `lvs_sched {name}` before it, or remove it"))
        .log(format!("{keyword} only applies to sh scheduler - ignoring"));
    cx.report(d);
}

fn protocol(server: &mut VirtualServerDraft, word: &Word, cx: &mut Cx<'_>) {
    let all = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];
    match all.into_iter().find(|known| word.text.eq_ignore_ascii_case(known.name())) {
        Some(known) => server.protocol = Some(known),
        None => {
            let d = Diagnostic::new(Code::VALUE, format!("`{}` is not a protocol", word.text))
                .at(word.span)
                .label("ignored")
                .help("write `TCP`, `UDP` or `SCTP`")
                .log(format!("Unknown protocol {} - ignoring", word.text));
            cx.report(d);
        }
    }
}

fn ip_family(server: &mut VirtualServerDraft, word: &Word, cx: &mut Cx<'_>) {
    let Some(family) = lvs::family(word, cx) else { return };
    if server.family.is_some_and(|known| known != family) {
        let d = Diagnostic::new(Code::CONFLICT, "the address of this virtual server is of the other family")
            .at(word.span)
            .label("ignored")
            .help("remove the line")
            .log(format!("Virtual server specified family {} conflicts with server family", word.text));
        cx.report(d);
        return;
    }
    server.family = Some(family);
}

fn persistence_timeout(server: &mut VirtualServerDraft, node: &Node, cx: &mut Cx<'_>) {
    server.persistence_timeout = match node.words.first() {
        None => Some(DEFAULT_PERSISTENCE),
        Some(word) => match cx.number("persistence_timeout", word, PERSISTENCE) {
            Some(seconds) => u32::try_from(seconds).ok(),
            None => server.persistence_timeout,
        },
    };
}

/// A mask in the notation of an IPv4 address, or the length of an IPv6 prefix. The family of a mark or
/// a group follows from it.
fn granularity(server: &mut VirtualServerDraft, word: &Word, cx: &mut Cx<'_>) {
    let family = server.family.unwrap_or(if word.text.contains('.') { Family::V4 } else { Family::V6 });
    let most = if family == Family::V4 { 32 } else { 128 };
    let length = word.text.parse::<u32>().ok().filter(|length| (1..=most).contains(length));
    let granularity = match (family, value::address(&word.text)) {
        (Family::V4, Some(IpAddr::V4(mask))) => Some(mask.to_bits()),
        (Family::V4, _) => length.map(|length| u32::MAX << (32 - length)),
        (Family::V6, _) => length,
    };
    let Some(granularity) = granularity else {
        let (name, help) = match family {
            Family::V4 => ("IPv4", "write a mask such as `255.255.255.0`"),
            Family::V6 => ("IPv6", "write the length of a prefix, 1 to 128"),
        };
        let d = Diagnostic::new(Code::VALUE, format!("`{}` is not a granularity for {name}", word.text))
            .at(word.span)
            .label("ignored")
            .help(help)
            .log(format!("Invalid {name} persistence_granularity specified - {}", word.text));
        cx.report(d);
        return;
    };
    server.family = Some(family);
    server.granularity = Some(granularity);
    server.persistence_timeout.get_or_insert(DEFAULT_PERSISTENCE);
}

fn engine(server: &mut VirtualServerDraft, word: &Word, cx: &mut Cx<'_>) {
    let end = (0..=word.text.len().min(MAX_ENGINE)).rev().find(|&i| word.text.is_char_boundary(i));
    let name = word.text.get(..end.unwrap_or(0)).unwrap_or("");
    if name.len() < word.text.len() {
        let d = Diagnostic::new(Code::VALUE, format!("a name of at most {MAX_ENGINE} bytes must follow"))
            .at(word.span)
            .label(format!("`{name}` is used"))
            .help("the kernel knows `sip`")
            .log(format!("persistence_name too long, truncating - {}", word.text));
        cx.report(d);
    }
    server.engine = Some(name.into());
}

fn sorry(server: &mut VirtualServerDraft, node: &Node, cx: &mut Cx<'_>) {
    let Some(first) = node.words.first() else {
        cx.missing(node, 2);
        return;
    };
    let port = match node.words.get(1) {
        Some(word) => match lvs::port_or_none(word, cx) {
            Some(port) => port,
            None => return,
        },
        None => 0,
    };
    let Some(address) = cx.host(first) else {
        let d = Diagnostic::new(Code::VALUE, format!("`{}` is not an address", first.text))
            .at(first.span)
            .label("this sorry server is ignored")
            .help("write an IPv4 or IPv6 address")
            .log(format!("Invalid sorry server IP address {} - skipping", first.text));
        cx.report(d);
        return;
    };
    let draft = SorryDraft { span: first.span, address, port, forwarding: None, inhibit: false };
    server.sorry = Some(Box::new(draft));
}

/// The sorry server that a keyword is about.
fn of_sorry<'s>(
    server: &'s mut VirtualServerDraft,
    node: &Node,
    cx: &mut Cx<'_>,
    log: &str,
) -> Option<&'s mut SorryDraft> {
    if server.sorry.is_none() {
        let keyword = node.keyword.text;
        let d = Diagnostic::new(Code::VALUE, format!("`{keyword}` comes before any `sorry_server`"))
            .at(node.keyword.span)
            .label("ignored")
            .help("move it behind `sorry_server`, or remove it")
            .log(log);
        cx.report(d);
    }
    server.sorry.as_deref_mut()
}

fn real_server(server: &mut VirtualServerDraft, node: &Node, nodes: &mut Nodes<'_, '_>, cx: &mut Cx<'_>) {
    cx.object.clear();
    server.servers.extend(real_server::read(node, nodes, cx));
    "virtual_server".clone_into(&mut cx.object);
}
