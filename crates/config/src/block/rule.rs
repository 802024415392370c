//! Rule lines: `[not] [from PREFIX] [to PREFIX] [iif IF] .. ACTION`.

use base::{Family, IpNet};
use model::rule::{Mark, Span as Between};

use crate::block::names;
use crate::block::route::line_span;
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Cx, value};
use crate::lang::Word;
use crate::lang::repeat::number;
use crate::lang::tree::Line;
use crate::span::Span;

/// A rule as written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct RuleDraft {
    pub(crate) span: Span,
    pub(crate) family: Option<Family>,
    pub(crate) invert: bool,
    pub(crate) from: Option<IpNet>,
    pub(crate) to: Option<IpNet>,
    pub(crate) priority: Option<u32>,
    pub(crate) input: Option<Word>,
    pub(crate) output: Option<Word>,
    pub(crate) tos: u8,
    pub(crate) mark: Option<Mark>,
    pub(crate) tunnel: Option<u64>,
    pub(crate) users: Option<Between<u32>>,
    pub(crate) ip_protocol: Option<u8>,
    pub(crate) source_ports: Option<Between<u16>>,
    pub(crate) destination_ports: Option<Between<u16>>,
    pub(crate) realms: Option<u32>,
    pub(crate) suppress_prefix: Option<u32>,
    pub(crate) suppress_group: Option<u32>,
    pub(crate) action: Option<ActionDraft>,
    pub(crate) protocol: Option<u8>,
    pub(crate) no_track: bool,
    pub(crate) track_group: Option<Word>,
    /// Something was wrong: the line is dropped.
    broken: bool,
}

/// What a rule does, as written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ActionDraft {
    Table(u32),
    Goto(u32),
    Nop,
    L3Master,
    Blackhole,
    Unreachable,
    Prohibit,
}

/// A word of a rule line and what it does.
enum Action {
    Flag(fn(&mut RuleDraft)),
    Act(ActionDraft),
    Value(fn(&mut RuleDraft, &Word, &mut Cx<'_>)),
}

const WORDS: &[(&str, Action)] = &[
    ("not", Action::Flag(|r| r.invert = true)),
    ("from", Action::Value(|r, word, cx| r.from = r.prefix(word, cx))),
    ("to", Action::Value(|r, word, cx| r.to = r.prefix(word, cx))),
    ("table", Action::Value(table)),
    ("lookup", Action::Value(table)),
    ("preference", Action::Value(priority)),
    ("order", Action::Value(priority)),
    ("priority", Action::Value(priority)),
    ("tos", Action::Value(tos)),
    ("dsfield", Action::Value(tos)),
    ("fwmark", Action::Value(mark)),
    ("realms", Action::Value(|r, word, cx| r.realms = r.keep(names::realms(word, cx)))),
    ("suppress_prefixlength", Action::Value(suppress_prefix)),
    ("sup_pl", Action::Value(suppress_prefix)),
    ("suppress_ifgroup", Action::Value(suppress_group)),
    ("sup_group", Action::Value(suppress_group)),
    ("iif", Action::Value(|r, word, _| r.input = Some(word.clone()))),
    ("dev", Action::Value(|r, word, _| r.input = Some(word.clone()))),
    ("oif", Action::Value(|r, word, _| r.output = Some(word.clone()))),
    ("tunnel-id", Action::Value(|r, word, cx| r.tunnel = r.whole("tunnel-id", word, u64::MAX, cx))),
    ("uidrange", Action::Value(|r, word, cx| r.users = r.between("uidrange", word, u32::MAX, cx))),
    (
        "protocol",
        Action::Value(|r, word, cx| {
            let n = r.whole("protocol", word, 255, cx);
            r.protocol = n.and_then(|n| u8::try_from(n).ok());
        }),
    ),
    ("ipproto", Action::Value(|r, word, cx| r.ip_protocol = r.keep(names::ip_protocol(word, cx)))),
    ("sport", Action::Value(|r, word, cx| r.source_ports = r.ports("sport", word, cx))),
    ("dport", Action::Value(|r, word, cx| r.destination_ports = r.ports("dport", word, cx))),
    ("type", Action::Flag(|_| ())),
    ("goto", Action::Value(goto)),
    ("nop", Action::Act(ActionDraft::Nop)),
    ("l3mdev", Action::Act(ActionDraft::L3Master)),
    ("blackhole", Action::Act(ActionDraft::Blackhole)),
    ("unreachable", Action::Act(ActionDraft::Unreachable)),
    ("prohibit", Action::Act(ActionDraft::Prohibit)),
    ("no_track", Action::Flag(|r| r.no_track = true)),
];

impl RuleDraft {
    /// Takes a value that was read, or notes that it could not be.
    fn keep<T>(&mut self, value: Option<T>) -> Option<T> {
        self.broken |= value.is_none();
        value
    }

    /// A prefix; everything for `default`, `any` and `all`.
    fn prefix(&mut self, word: &Word, cx: &mut Cx<'_>) -> Option<IpNet> {
        if matches!(word.text.as_str(), "default" | "any" | "all") {
            return None;
        }
        let read = word.text.parse::<IpNet>();
        if let Err(why) = &read {
            cx.bad_value(word, format!("`{}`: {why}", word.text), "write ADDRESS/LENGTH");
        }
        let net = self.keep(read.ok())?;
        match self.family {
            Some(family) if family != net.family() => {
                self.broken = true;
                let d = Diagnostic::new(Code::VALUE, "this rule mixes IPv4 and IPv6 addresses")
                    .at(word.span)
                    .label("the rule is ignored")
                    .help("use addresses of one family")
                    .log("rule specification has mixed IPv4 and IPv6");
                cx.report(d);
            }
            _ => self.family = Some(net.family()),
        }
        Some(net)
    }

    /// A number in C's notation.
    fn whole(&mut self, what: &str, word: &Word, max: u64, cx: &mut Cx<'_>) -> Option<u64> {
        // Values above i64 are those of `tunnel-id` alone.
        let big = word.text.parse::<u64>().ok();
        let read = number(&word.text).and_then(|n| u64::try_from(n).ok()).or(big).filter(|&n| n <= max);
        if read.is_none() {
            let d = Diagnostic::new(Code::VALUE, format!("`{}` is not a number for `{what}`", word.text))
                .at(word.span)
                .label("the rule is ignored")
                .help(format!("use a number from 0 to {max}"))
                .log(format!("Invalid {what} {} specified for rule", word.text));
            cx.report(d);
        }
        self.keep(read)
    }

    fn u32(&mut self, what: &str, word: &Word, cx: &mut Cx<'_>) -> Option<u32> {
        self.whole(what, word, u64::from(u32::MAX), cx).and_then(|n| u32::try_from(n).ok())
    }

    /// `A-B`; a single number is refused, as keepalived does.
    fn between<T: std::str::FromStr + PartialOrd + std::fmt::Display>(
        &mut self,
        what: &str,
        word: &Word,
        max: T,
        cx: &mut Cx<'_>,
    ) -> Option<Between<T>> {
        let read = word.text.split_once('-').and_then(|(first, last)| {
            let (first, last) = (first.parse().ok()?, last.parse().ok()?);
            Some(Between { first, last })
        });
        if read.is_none() {
            let d = Diagnostic::new(Code::VALUE, format!("`{}` is not a range for `{what}`", word.text))
                .at(word.span)
                .label("the rule is ignored")
                .help(format!("write `{what} FIRST-LAST` with numbers up to {max}, even for one number"))
                .log(format!("invalid {what} range {}", word.text));
            cx.report(d);
        }
        self.keep(read)
    }

    /// A range of ports. One that the kernel would refuse is passed over without an error, as keepalived
    /// does not look at it.
    fn ports(&mut self, what: &str, word: &Word, cx: &mut Cx<'_>) -> Option<Between<u16>> {
        let Between { first, last } = self.between(what, word, 65_535_u32, cx)?;
        let ports = u16::try_from(first).ok().zip(u16::try_from(last).ok()).filter(|(a, b)| a <= b);
        if ports.is_none() {
            let d = Diagnostic::new(Code::POINTLESS, format!("`{}` is no range of ports", word.text))
                .at(word.span);
            cx.report(d.label("the rule is ignored").help("write the smaller port first, at most 65535"));
        }
        let (first, last) = self.keep(ports)?;
        Some(Between { first, last })
    }

    fn act(&mut self, action: ActionDraft, word: &Word, cx: &mut Cx<'_>) {
        if self.action.is_none() {
            self.action = Some(action);
            return;
        }
        self.broken = true;
        let d = Diagnostic::new(Code::VALUE, "a rule does one thing only")
            .at(word.span)
            .label("another action; the rule is ignored")
            .help("write a rule for each action")
            .log("Cannot specify more than one of table/nop/goto/blackhole/prohibit/unreachable/l3mdev for rule");
        cx.report(d);
    }
}

fn table(rule: &mut RuleDraft, word: &Word, cx: &mut Cx<'_>) {
    let table = names::table_of(word, "rule", cx);
    if table == Some(0) {
        let d = Diagnostic::new(Code::VALUE, "there is no routing table 0").at(word.span);
        let d = d.label("the rule is ignored").help("use a number from 1").log("Table 0 is not valid");
        cx.report(d);
    }
    if let Some(table) = rule.keep(table.filter(|&n| n != 0)) {
        rule.act(ActionDraft::Table(table), word, cx);
    }
}

fn goto(rule: &mut RuleDraft, word: &Word, cx: &mut Cx<'_>) {
    if let Some(target) = rule.u32("goto", word, cx) {
        rule.act(ActionDraft::Goto(target), word, cx);
    }
}

fn priority(rule: &mut RuleDraft, word: &Word, cx: &mut Cx<'_>) {
    rule.priority = rule.u32("preference", word, cx);
}

fn tos(rule: &mut RuleDraft, word: &Word, cx: &mut Cx<'_>) {
    let tos = names::tos(word, cx);
    rule.tos = rule.keep(tos).unwrap_or(0);
}

fn mark(rule: &mut RuleDraft, word: &Word, cx: &mut Cx<'_>) {
    let (mark, mask) = match word.text.split_once('/') {
        Some((mark, mask)) => (mark, Some(mask)),
        None => (word.text.as_str(), None),
    };
    let part = |text: &str| Word { text: text.to_owned(), span: word.span };
    let value = rule.u32("fwmark", &part(mark), cx);
    let mask = mask.map(|mask| rule.u32("fwmark", &part(mask), cx).unwrap_or(0));
    rule.mark = value.map(|value| Mark { value, mask });
}

fn suppress_prefix(rule: &mut RuleDraft, word: &Word, cx: &mut Cx<'_>) {
    let most = u64::from(u32::MAX >> 1);
    let length = rule.whole("suppress_prefixlength", word, most, cx);
    rule.suppress_prefix = length.and_then(|n| u32::try_from(n).ok());
}

fn suppress_group(rule: &mut RuleDraft, word: &Word, cx: &mut Cx<'_>) {
    rule.suppress_group = rule.keep(names::link_group(word, cx));
}

/// The words of a rule line, for documentation.
pub(crate) fn words() -> impl Iterator<Item = &'static str> {
    WORDS.iter().map(|(word, _)| *word).chain(["inet", "inet6"])
}

/// Reads one line; `None` if it makes no rule, which has then been told.
pub(crate) fn parse(line: &Line, is_static: bool, cx: &mut Cx<'_>) -> Option<RuleDraft> {
    let mut draft = RuleDraft {
        span: line_span(line),
        family: None,
        invert: false,
        from: None,
        to: None,
        priority: None,
        input: None,
        output: None,
        tos: 0,
        mark: None,
        tunnel: None,
        users: None,
        ip_protocol: None,
        source_ports: None,
        destination_ports: None,
        realms: None,
        suppress_prefix: None,
        suppress_group: None,
        action: None,
        protocol: None,
        no_track: false,
        track_group: None,
        broken: false,
    };
    let mut words = std::iter::once(&line.first).chain(&line.rest);
    while let Some(word) = words.next() {
        match word.text.as_str() {
            // keepalived passes over the next word, whatever it is.
            family @ ("inet" | "inet6") => {
                draft.family = Some(if family == "inet" { Family::V4 } else { Family::V6 });
                words.next();
                continue;
            }
            "track_group" if is_static => {
                match words.next() {
                    Some(name) => draft.track_group = Some(name.clone()),
                    None => cx.missing_in_line(line, line.rest.len()),
                }
                continue;
            }
            _ => {}
        }
        let Some((_, action)) = WORDS.iter().find(|(name, _)| *name == word.text) else {
            unknown(&mut draft, word, cx);
            continue;
        };
        match action {
            Action::Flag(set) => set(&mut draft),
            Action::Act(action) => draft.act(*action, word, cx),
            Action::Value(set) => match words.next() {
                Some(value) => set(&mut draft, value, cx),
                None => cx.missing_in_line(line, line.rest.len()),
            },
        }
    }
    if draft.broken { None } else { Some(draft) }
}

fn unknown(draft: &mut RuleDraft, word: &Word, cx: &mut Cx<'_>) {
    draft.broken = true;
    let d = Diagnostic::new(Code::VALUE, format!("`{}` means nothing in a rule line", word.text))
        .at(word.span)
        .label("the rule is ignored")
        .log(format!("Unknown rule option {}", word.text));
    cx.report(match value::nearest(&word.text, words()) {
        Some(near) => d.help(format!("did you mean `{near}`?")),
        None => d.help("write `[from PREFIX] [to PREFIX] table TABLE priority NUMBER`"),
    });
}
