//! Route lines: `[TYPE] [to] DEST [via ADDR] [dev IF] [src ADDR] ..`.

mod encap;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base::{Duration, Family, IpNet};
use model::encap::Encap;
use model::route::{Congestion, RouteKind, RouteMetric, RouteMetricKind, RouteOperation};

use crate::block::names;
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, Range, value};
use crate::lang::Word;
use crate::lang::tree::Line;
use crate::span::Span;

/// A route as written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct RouteDraft {
    pub(crate) span: Span,
    /// The destination; without an address for `default` until the family is known.
    pub(crate) destination: Option<Destination>,
    pub(crate) family: Option<Family>,
    pub(crate) kind: RouteKind,
    pub(crate) table: Option<u32>,
    pub(crate) metric: u32,
    pub(crate) protocol: Option<u8>,
    pub(crate) scope: Option<u8>,
    pub(crate) source: Option<IpAddr>,
    pub(crate) from: Option<IpNet>,
    pub(crate) tos: u8,
    pub(crate) hops: Vec<HopDraft>,
    /// The hop that words belong to.
    hop: HopDraft,
    pub(crate) metrics: Vec<RouteMetric>,
    pub(crate) preference: Option<u8>,
    pub(crate) expires: Option<u32>,
    pub(crate) operation: RouteOperation,
    pub(crate) no_track: bool,
    pub(crate) realms: Option<u32>,
    pub(crate) congestion: Option<Congestion>,
    pub(crate) ttl_propagate: Option<bool>,
    pub(crate) vrf: Option<Word>,
    pub(crate) track_group: Option<Word>,
    /// `nexthop` was seen.
    multipath: bool,
    /// Something was wrong: the line is dropped.
    broken: bool,
}

/// Where a route leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Destination {
    Net(IpNet),
    Default,
}

/// A hop as written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct HopDraft {
    pub(crate) gateway: Option<IpAddr>,
    pub(crate) dev: Option<Word>,
    pub(crate) weight: Option<u16>,
    pub(crate) onlink: bool,
    pub(crate) encap: Option<Box<Encap>>,
    pub(crate) realms: Option<u32>,
}

/// A word of a route line and what it does.
enum Action {
    Flag(fn(&mut RouteDraft)),
    Kind(RouteKind),
    Value(fn(&mut RouteDraft, &Word, &mut Cx<'_>)),
    /// A metric with a number: `[lock] N`.
    Metric(RouteMetricKind, Unit),
    /// As [`Action::Value`], but nothing acts on it yet.
    Held(fn(&mut RouteDraft, &Word, &mut Cx<'_>)),
    /// A tunnel.
    Encap,
    /// `[lock] NAME`.
    Congestion,
    /// `[to] ADDRESS`: it belongs to MPLS, and the line is dropped.
    As,
    /// The kernel knows it no more.
    Gone,
    /// The destination follows.
    To,
}

/// How a metric is written.
#[derive(Clone, Copy)]
enum Unit {
    /// A number.
    Number,
    /// A time in `s` or `ms`; the kernel counts in this part of a millisecond.
    Time(u64),
    /// The word `ecn`.
    Features,
    /// A number up to this.
    UpTo(i64),
}

const fn kind(kind: RouteKind) -> (&'static str, Action) {
    (kind.name(), Action::Kind(kind))
}

const WORDS: &[(&str, Action)] = &[
    ("inet", Action::Flag(|r| r.family = Some(Family::V4))),
    ("inet6", Action::Flag(|r| r.family = Some(Family::V6))),
    kind(RouteKind::Unicast),
    kind(RouteKind::Local),
    kind(RouteKind::Broadcast),
    ("brd", Action::Kind(RouteKind::Broadcast)),
    kind(RouteKind::Anycast),
    kind(RouteKind::Multicast),
    kind(RouteKind::Blackhole),
    kind(RouteKind::Unreachable),
    kind(RouteKind::Prohibit),
    kind(RouteKind::Throw),
    ("to", Action::To),
    ("src", Action::Value(set_source)),
    ("via", Action::Value(set_gateway)),
    ("gw", Action::Value(set_gateway)),
    ("from", Action::Value(set_from)),
    ("tos", Action::Value(|r, word, cx| keep(names::tos(word, cx), &mut r.tos, &mut r.broken))),
    ("dsfield", Action::Value(|r, word, cx| keep(names::tos(word, cx), &mut r.tos, &mut r.broken))),
    (
        "table",
        Action::Value(|r, word, cx| keep(names::table(word, cx).map(Some), &mut r.table, &mut r.broken)),
    ),
    (
        "protocol",
        Action::Value(|r, word, cx| {
            keep(names::protocol(word, cx).map(Some), &mut r.protocol, &mut r.broken)
        }),
    ),
    (
        "scope",
        Action::Value(|r, word, cx| keep(names::scope(word, cx).map(Some), &mut r.scope, &mut r.broken)),
    ),
    ("metric", Action::Value(set_metric)),
    ("priority", Action::Value(set_metric)),
    ("preference", Action::Value(set_metric)),
    ("dev", Action::Value(|r, word, _| r.hop().dev = Some(word.clone()))),
    ("oif", Action::Value(|r, word, _| r.hop().dev = Some(word.clone()))),
    ("onlink", Action::Flag(|r| r.hop().onlink = true)),
    ("weight", Action::Value(set_weight)),
    ("nexthop", Action::Flag(RouteDraft::next_hop)),
    ("expires", Action::Value(set_expires)),
    ("pref", Action::Value(set_preference)),
    ("mtu", Action::Metric(RouteMetricKind::Mtu, Unit::Number)),
    ("hoplimit", Action::Metric(RouteMetricKind::HopLimit, Unit::UpTo(255))),
    ("advmss", Action::Metric(RouteMetricKind::AdvMss, Unit::Number)),
    ("rtt", Action::Metric(RouteMetricKind::Rtt, Unit::Time(8))),
    ("rttvar", Action::Metric(RouteMetricKind::RttVar, Unit::Time(4))),
    ("reordering", Action::Metric(RouteMetricKind::Reordering, Unit::Number)),
    ("window", Action::Metric(RouteMetricKind::Window, Unit::Number)),
    ("cwnd", Action::Metric(RouteMetricKind::Cwnd, Unit::Number)),
    ("ssthresh", Action::Metric(RouteMetricKind::SsThresh, Unit::Number)),
    ("rto_min", Action::Metric(RouteMetricKind::RtoMin, Unit::Time(1))),
    ("initcwnd", Action::Metric(RouteMetricKind::InitCwnd, Unit::Number)),
    ("initrwnd", Action::Metric(RouteMetricKind::InitRwnd, Unit::Number)),
    ("features", Action::Metric(RouteMetricKind::Features, Unit::Features)),
    ("quickack", Action::Metric(RouteMetricKind::QuickAck, Unit::UpTo(1))),
    ("fastopen_no_cookie", Action::Metric(RouteMetricKind::FastOpenNoCookie, Unit::UpTo(1))),
    ("add", Action::Flag(|r| r.operation = RouteOperation::Add)),
    ("prepend", Action::Flag(|r| r.operation = RouteOperation::Prepend)),
    ("append", Action::Flag(|r| r.operation = RouteOperation::Append)),
    ("no_track", Action::Flag(|r| r.no_track = true)),
    ("track_group", Action::Held(|r, word, _| r.track_group = Some(word.clone()))),
    ("vrf", Action::Held(|r, word, _| r.vrf = Some(word.clone()))),
    ("encap", Action::Encap),
    ("realms", Action::Held(set_realms)),
    ("congctl", Action::Congestion),
    ("ttl-propagate", Action::Held(set_ttl_propagate)),
    ("or", Action::Value(another_gateway)),
    ("as", Action::As),
    ("nat", Action::Gone),
    ("xresolve", Action::Gone),
];

/// The words that may follow the first `nexthop`.
const OF_LEGS: &[&str] = &["nexthop", "via", "gw", "dev", "oif", "weight", "onlink", "encap", "realms", "or"];

/// Takes a value that was read, or notes that it could not be.
fn keep<T>(value: Option<T>, slot: &mut T, broken: &mut bool) {
    match value {
        Some(value) => *slot = value,
        None => *broken = true,
    }
}

/// The words of a route line, for documentation.
pub(crate) fn words() -> impl Iterator<Item = &'static str> {
    WORDS.iter().map(|(word, _)| *word)
}

impl RouteDraft {
    /// The hop that the next word belongs to.
    fn hop(&mut self) -> &mut HopDraft {
        &mut self.hop
    }

    /// Starts another hop.
    fn next_hop(&mut self) {
        self.multipath = true;
        self.end_hop();
    }

    /// Ends the hop that words belong to, if it has any.
    fn end_hop(&mut self) {
        let hop = std::mem::take(&mut self.hop);
        if hop.gateway.is_some() || hop.dev.is_some() || hop.encap.is_some() {
            self.hops.push(hop);
        }
    }

    /// The family, as far as the line tells.
    pub(crate) fn family(&self) -> Family {
        let destination = match self.destination {
            Some(Destination::Net(net)) => Some(net.family()),
            _ => None,
        };
        let gateway = self.hops.iter().find_map(|hop| hop.gateway.as_ref());
        destination
            .or(self.family)
            .or_else(|| self.source.as_ref().or(gateway).map(Family::of))
            .unwrap_or(Family::V4)
    }

    /// The destination as a prefix.
    pub(crate) fn net(&self) -> Option<IpNet> {
        match self.destination? {
            Destination::Net(net) => Some(net),
            Destination::Default => {
                let any = match self.family() {
                    Family::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                    Family::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
                };
                IpNet::new(any, 0)
            }
        }
    }
}

/// The place of a whole line.
pub(crate) fn line_span(line: &Line) -> Span {
    let last = line.rest.last().unwrap_or(&line.first).span;
    if last.file == line.first.span.file && last.expansion == line.first.span.expansion {
        Span { end: last.end, ..line.first.span }
    } else {
        line.first.span
    }
}

/// Reads one line; `None` if it makes no route, which has then been told. Only a static route may have
/// a `track_group`.
pub(crate) fn parse(line: &Line, is_static: bool, cx: &mut Cx<'_>) -> Option<RouteDraft> {
    let mut draft = RouteDraft {
        span: line_span(line),
        destination: None,
        family: None,
        kind: RouteKind::Unicast,
        table: None,
        metric: 0,
        protocol: None,
        scope: None,
        source: None,
        from: None,
        tos: 0,
        hops: Vec::new(),
        hop: HopDraft::default(),
        metrics: Vec::new(),
        preference: None,
        expires: None,
        operation: RouteOperation::Prepend,
        no_track: false,
        realms: None,
        congestion: None,
        ttl_propagate: None,
        vrf: None,
        track_group: None,
        multipath: false,
        broken: false,
    };
    let count = line.rest.len() + 1;
    let mut words = std::iter::once(&line.first).chain(&line.rest).peekable();
    while let Some(word) = words.next() {
        let known = WORDS.iter().find(|(name, _)| *name == word.text);
        if draft.multipath && !OF_LEGS.contains(&word.text.as_str()) {
            trailing(word, cx);
            break;
        }
        let known = known.filter(|(name, _)| draft.multipath || *name != "weight");
        let needs_more = matches!(known, Some((_, Action::Kind(_) | Action::Gone | Action::To)));
        if needs_more && words.peek().is_none() {
            cx.missing_in_line(line, count - 1);
            break;
        }
        let Some((name, action)) = known.filter(|(name, _)| is_static || *name != "track_group") else {
            destination(&mut draft, word, cx);
            continue;
        };
        match action {
            Action::Flag(set) => set(&mut draft),
            Action::Kind(kind) => draft.kind = *kind,
            Action::Gone => cx.pending_word("a route", name, word.span),
            Action::To => {}
            Action::Encap => {
                cx.pending_word("a route", name, word.span);
                let encap = encap::parse(word, &mut words, cx);
                draft.broken |= encap.is_none();
                draft.hop.encap = encap.map(Box::new);
            }
            Action::Congestion => {
                cx.pending_word("a route", name, word.span);
                let locked = words.next_if(|w| w.text == "lock").is_some();
                match words.next() {
                    Some(word) => {
                        draft.congestion = Some(Congestion { name: word.text.as_str().into(), locked });
                    }
                    None => cx.missing_in_line(line, count - 1),
                }
            }
            Action::As => {
                words.next_if(|w| w.text == "to");
                match words.next() {
                    Some(_) => not_for_ip(word, cx),
                    None => cx.missing_in_line(line, count - 1),
                }
            }
            Action::Held(set) => {
                cx.pending_word("a route", name, word.span);
                match words.next() {
                    Some(value) => set(&mut draft, value, cx),
                    None => cx.missing_in_line(line, count - 1),
                }
            }
            Action::Value(set) => {
                if matches!(word.text.as_str(), "via" | "gw")
                    && let Some(family) = words.next_if(|w| matches!(w.text.as_str(), "inet" | "inet6"))
                    && draft.family.is_none()
                {
                    draft.family = Some(if family.text == "inet" { Family::V4 } else { Family::V6 });
                }
                match words.next() {
                    Some(value) => set(&mut draft, value, cx),
                    None => cx.missing_in_line(line, count - 1),
                }
            }
            Action::Metric(kind, unit) => {
                let locked = words.next_if(|w| w.text == "lock").is_some();
                match words.next() {
                    Some(value) => {
                        let number = metric(*unit, &word.text, value, cx);
                        draft.broken |= number.is_none();
                        draft.metrics.extend(number.map(|value| RouteMetric { kind: *kind, value, locked }));
                    }
                    None => cx.missing_in_line(line, count - 1),
                }
            }
        }
    }
    check(draft, cx)
}

/// Refuses what cannot be a route.
fn check(mut draft: RouteDraft, cx: &mut Cx<'_>) -> Option<RouteDraft> {
    draft.end_hop();
    if draft.broken {
        return None;
    }
    if draft.destination.is_none() {
        let d = Diagnostic::new(Code::VALUE, "this route has no destination")
            .at(draft.span)
            .label("the line is ignored")
            .help("write `DEST/LENGTH via GATEWAY dev INTERFACE`")
            .log("no destination specified for route");
        cx.report(d);
        return None;
    }
    let family = draft.family();
    let mixed = draft.source.as_ref().is_some_and(|a| Family::of(a) != family)
        || draft.from.is_some_and(|net| net.family() != family)
        || draft
            .hops
            .iter()
            .filter_map(|hop| hop.gateway.as_ref())
            .any(|a| family == Family::V6 && Family::of(a) != family);
    if mixed {
        let d = Diagnostic::new(Code::VALUE, "this route mixes IPv4 and IPv6 addresses")
            .at(draft.span)
            .label("the line is ignored")
            .help("use addresses of one family")
            .log("Cannot mix IPv4 and IPv6 addresses for route");
        cx.report(d);
        return None;
    }
    for (set, what, log) in [
        (draft.realms.is_some() && family == Family::V6, "realms", "realms are only valid for IPv4"),
        (draft.expires.is_some() && family == Family::V4, "expires", "expires is only valid for IPv6"),
        (draft.preference.is_some() && family == Family::V4, "pref", "pref is only valid for IPv6"),
        (draft.from.is_some() && family == Family::V4, "from", "route from address only supported with IPv6"),
    ] {
        if set {
            let d = Diagnostic::new(Code::VALUE, format!("an {family} route has no `{what}`"));
            cx.report(
                d.at(draft.span).label("that word is ignored").help(format!("remove `{what}`")).log(log),
            );
        }
    }
    match family {
        Family::V4 => (draft.expires, draft.preference, draft.from) = (None, None, None),
        Family::V6 => draft.realms = None,
    }
    if !draft.multipath && draft.hops.iter().any(|hop| hop.weight.is_some()) {
        draft.hops.iter_mut().for_each(|hop| hop.weight = None);
    }
    Some(draft)
}

fn destination(draft: &mut RouteDraft, word: &Word, cx: &mut Cx<'_>) {
    let destination = match word.text.as_str() {
        "default" | "any" | "all" => Some(Destination::Default),
        "default6" => {
            draft.family = Some(Family::V6);
            Some(Destination::Default)
        }
        text if draft.destination.is_none() => text.parse().ok().map(Destination::Net),
        _ => None,
    };
    if let Some(destination) = destination.filter(|_| draft.destination.is_none()) {
        draft.destination = Some(destination);
        return;
    }
    draft.broken = true;
    let mut d = Diagnostic::new(Code::VALUE, format!("`{}` means nothing in a route line", word.text))
        .at(word.span)
        .label("the route is ignored")
        .log(format!("unknown route keyword {}", word.text));
    d = match value::nearest(&word.text, words()) {
        Some(near) => d.help(format!("did you mean `{near}`?")),
        None => d.help("write `DEST/LENGTH via GATEWAY dev INTERFACE`"),
    };
    cx.report(d);
}

/// Reads an address of a route.
fn address(draft: &mut RouteDraft, what: &str, word: &Word, cx: &mut Cx<'_>) -> Option<IpAddr> {
    let read = value::address(&word.text);
    if read.is_none() {
        draft.broken = true;
        let d = Diagnostic::new(Code::VALUE, format!("`{}` is not the address of a {what}", word.text))
            .at(word.span)
            .label("the route is ignored")
            .help("write an IPv4 or IPv6 address without a prefix length")
            .log(format!("invalid route {what} address {}", word.text));
        cx.report(d);
    }
    read
}

fn set_source(draft: &mut RouteDraft, word: &Word, cx: &mut Cx<'_>) {
    draft.source = address(draft, "src", word, cx);
}

fn set_gateway(draft: &mut RouteDraft, word: &Word, cx: &mut Cx<'_>) {
    let gateway = address(draft, "via", word, cx);
    draft.hop().gateway = gateway;
}

fn set_from(draft: &mut RouteDraft, word: &Word, cx: &mut Cx<'_>) {
    match word.text.parse::<IpNet>() {
        Ok(net) => draft.from = Some(net),
        Err(why) => {
            draft.broken = true;
            cx.bad_value(word, format!("`{}`: {why}", word.text), "write ADDRESS/LENGTH");
        }
    }
}

const U32: Range = Range::new(0, u32::MAX as i64, "");

fn set_metric(draft: &mut RouteDraft, word: &Word, cx: &mut Cx<'_>) {
    let number = cx.number("metric", word, U32).and_then(|n| u32::try_from(n).ok());
    keep(number, &mut draft.metric, &mut draft.broken);
}

fn set_expires(draft: &mut RouteDraft, word: &Word, cx: &mut Cx<'_>) {
    let number = cx.number("expires", word, U32).and_then(|n| u32::try_from(n).ok());
    keep(number.map(Some), &mut draft.expires, &mut draft.broken);
}

fn set_weight(draft: &mut RouteDraft, word: &Word, cx: &mut Cx<'_>) {
    let number = cx.number("weight", word, Range::new(1, 256, "")).and_then(|n| u16::try_from(n).ok());
    draft.broken |= number.is_none();
    draft.hop().weight = number;
}

/// Realms belong to the leg after `nexthop`, else to the route.
fn set_realms(draft: &mut RouteDraft, word: &Word, cx: &mut Cx<'_>) {
    let realms = names::realms(word, cx);
    draft.broken |= realms.is_none();
    if draft.multipath {
        draft.hop.realms = realms;
    } else {
        draft.realms = realms;
    }
}

fn set_ttl_propagate(draft: &mut RouteDraft, word: &Word, cx: &mut Cx<'_>) {
    draft.ttl_propagate = match word.text.as_str() {
        "enabled" => Some(true),
        "disabled" => Some(false),
        other => {
            let d = Diagnostic::new(Code::VALUE, format!("`{other}` means nothing to `ttl-propagate`"))
                .at(word.span)
                .label("the route is ignored")
                .help("write `enabled` or `disabled`")
                .log(format!("ttl-propagate value {other} not recognised"));
            cx.report(d);
            draft.broken = true;
            None
        }
    };
}

/// `or ADDRESS`: the older form of two legs.
fn another_gateway(draft: &mut RouteDraft, word: &Word, cx: &mut Cx<'_>) {
    let d = Diagnostic::new(Code::DEPRECATED, "`or` is an old word")
        .at(word.span)
        .label("taken for another leg")
        .help(format!("write `nexthop via {}`", word.text))
        .log("\"or\" for routes is deprecated. Please use \"nexthop\"");
    cx.report(d);
    draft.next_hop();
    set_gateway(draft, word, cx);
}

fn trailing(word: &Word, cx: &mut Cx<'_>) {
    let d = Diagnostic::new(Code::VALUE, format!("`{}` does not belong to a leg of a route", word.text))
        .at(word.span)
        .label("the rest of the line is ignored")
        .help("write it before the first `nexthop`")
        .log(format!("Route has trailing nonsense after nexthops - {}", word.text));
    cx.report(d);
}

fn not_for_ip(word: &Word, cx: &mut Cx<'_>) {
    let d = Diagnostic::new(Code::VALUE, "`as` belongs to routes of MPLS")
        .at(word.span)
        .label("ignored")
        .help("remove it")
        .log("\"as to\" for MPLS only - ignoring");
    cx.report(d);
}

/// Router preferences (RFC 4191): low is the only one below medium.
fn set_preference(draft: &mut RouteDraft, word: &Word, cx: &mut Cx<'_>) {
    draft.preference = match word.text.as_str() {
        "medium" => Some(0),
        "high" => Some(1),
        "low" => Some(3),
        _ => cx.number("pref", word, Range::new(0, 3, "")).and_then(|n| u8::try_from(n).ok()),
    };
    draft.broken |= draft.preference.is_none();
}

/// Reads a metric in the kernel's unit.
fn metric(unit: Unit, keyword: &str, word: &Word, cx: &mut Cx<'_>) -> Option<u32> {
    match unit {
        Unit::Number => cx.number(keyword, word, U32).and_then(|n| u32::try_from(n).ok()),
        Unit::UpTo(max) => {
            cx.number(keyword, word, Range::new(0, max, "")).and_then(|n| u32::try_from(n).ok())
        }
        Unit::Features if word.text == "ecn" => Some(1),
        Unit::Features => {
            cx.bad_value(word, format!("`{}` is not a feature", word.text), "the only feature is `ecn`");
            None
        }
        Unit::Time(part) => {
            let (number, scale) = match word.text.trim_end_matches(|c: char| c.is_ascii_alphabetic()) {
                number if number.len() == word.text.len() => (number, None),
                number => (number, word.text.get(number.len()..)),
            };
            let time = match (scale, value::seconds(number, 6).filter(|n| !n.more)) {
                // Without a unit it is the kernel's own number.
                (None, Some(n)) => return u32::try_from(n.value.as_secs()).ok(),
                (Some("s" | "sec" | "secs"), Some(n)) => Some(n.value),
                (Some("ms" | "msec" | "msecs"), Some(n)) => Some(n.value.mul_div(1, 1_000)),
                _ => None,
            };
            let fits = time.filter(|&t| t <= Duration::from_secs(120));
            if fits.is_none() {
                cx.bad_value(
                    word,
                    format!("`{}` is not a time for `{keyword}`", word.text),
                    "write `200ms` or `2s`, at most 120 s",
                );
            }
            fits.and_then(|time| u32::try_from(time.as_micros().saturating_mul(part) / 1_000).ok())
        }
    }
}
