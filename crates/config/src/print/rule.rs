//! Lines of `virtual_rules` and `static_rules`.

use std::fmt::Display;

use base::Family;
use model::Rule;
use model::rule::{Mark, RuleAction, Span};

use super::route::{PROTOCOL, realms};
use super::tree::{Entry, Words, word};

fn between<T: Display + Copy>(span: Option<Span<T>>) -> Option<String> {
    span.map(|Span { first, last }| format!("{first}-{last}"))
}

pub(super) fn line(rule: &Rule, track_group: Option<&str>) -> Entry {
    let Rule {
        family,
        priority,
        invert,
        from,
        to,
        input,
        output,
        tos,
        mark,
        tunnel,
        users,
        ip_protocol,
        source_ports,
        destination_ports,
        action,
        protocol,
        no_track,
    } = rule;
    let mut line = Words::default();
    if from.or(*to).is_none() && *family == Family::V6 {
        // keepalived passes over the word after the family.
        line.add("inet6 inet6");
    }
    line.flag("not", *invert)
        .some("from", *from)
        .some("to", *to)
        .some("iif", input.as_ref().map(|link| word(link.as_str())))
        .some("oif", output.as_ref().map(|link| word(link.as_str())))
        .some("tos", Some(*tos).filter(|tos| *tos != 0).map(|tos| format!("{tos:#x}")))
        .some(
            "fwmark",
            mark.map(|Mark { value, mask }| match mask {
                Some(mask) => format!("{value:#x}/{mask:#x}"),
                None => format!("{value:#x}"),
            }),
        )
        .some("tunnel-id", *tunnel)
        .some("uidrange", between(*users))
        .some("ipproto", *ip_protocol)
        .some("sport", between(*source_ports))
        .some("dport", between(*destination_ports));
    match *action {
        RuleAction::Table { table, realms, suppress_prefix, suppress_group } => line
            .add("table")
            .add(table)
            .some("realms", realms.map(self::realms))
            .some("suppress_prefixlength", suppress_prefix)
            .some("suppress_ifgroup", suppress_group),
        RuleAction::Goto(priority) => line.add("goto").add(priority),
        RuleAction::Nop => line.add("nop"),
        RuleAction::L3Master => line.add("l3mdev"),
        RuleAction::Blackhole => line.add("blackhole"),
        RuleAction::Unreachable => line.add("unreachable"),
        RuleAction::Prohibit => line.add("prohibit"),
    };
    line.some("priority", Some(*priority))
        .some("protocol", Some(*protocol).filter(|protocol| *protocol != PROTOCOL))
        .flag("no_track", *no_track)
        .some("track_group", track_group.map(word));
    line.into_entry()
}
