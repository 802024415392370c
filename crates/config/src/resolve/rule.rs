//! Policy rules.

use base::Family;
use model::rule::{Rule, RuleAction};

use crate::block::rule::{ActionDraft, RuleDraft};
use crate::diag::{Code, Diagnostic};
use crate::resolve::Resolver;
use crate::resolve::link::PROTOCOL_KEEPALIVED;

/// Rules without a priority count down from here.
const FIRST_PRIORITY: u32 = 16_384;

/// The next priorities of rules that have none, of IPv4 and of IPv6.
#[derive(Clone, Copy, Debug)]
pub(super) struct Priorities([u32; 2]);

impl Default for Priorities {
    fn default() -> Self {
        Self([FIRST_PRIORITY; 2])
    }
}

impl Priorities {
    fn next(&mut self, family: Family) -> u32 {
        let [v4, v6] = &mut self.0;
        let next = if family == Family::V4 { v4 } else { v6 };
        let priority = *next;
        *next = next.saturating_sub(1);
        priority
    }
}

/// A rule; `None` if there can be none, which has then been told.
pub(super) fn rule(r: &mut Resolver<'_, '_>, draft: &RuleDraft) -> Option<Rule> {
    let family = draft.family.unwrap_or(Family::V4);
    let Some(action) = draft.action else {
        return refuse(
            r,
            draft,
            "this rule does nothing",
            "add `table TABLE`",
            "No action specified for rule - ignoring".to_owned(),
        );
    };
    let mut realms = draft.realms;
    if realms.is_some() && family == Family::V6 {
        let log = "realms is only valid for IPv4";
        r.conflict_on_line(
            draft.span,
            "rules of IPv6 have no realms",
            "that word is ignored",
            "remove `realms`",
            log,
        );
        realms = None;
    }
    let filters = realms.is_some() || draft.suppress_prefix.is_some() || draft.suppress_group.is_some();
    if filters && !matches!(action, ActionDraft::Table(_)) {
        let log = "suppressor/realm specified for non table action - skipping".to_owned();
        let message = "realms and suppressors need the action `table`";
        return refuse(r, draft, message, "remove them, or write `table TABLE`", log);
    }
    if let ActionDraft::Goto(target) = action {
        match draft.priority {
            None => {
                let log = format!("Invalid rule - goto target {target} specified without preference");
                return refuse(r, draft, "`goto` needs a priority of its own", "add `priority NUMBER`", log);
            }
            Some(own) if own >= target => {
                let log = format!("Invalid rule - preference {own} >= goto target {target}");
                let message = format!("a rule of priority {own} cannot go back to {target}");
                return refuse(r, draft, message, "use a target above the rule's own priority", log);
            }
            Some(_) => {}
        }
    }
    let priority = match draft.priority {
        Some(priority) => priority,
        None => {
            let chosen = r.state.priorities.next(family);
            let log = format!(
                "Rule has no preference specified - setting to {chosen}. This is probably not what you want."
            );
            let label = format!("{chosen} is used");
            r.conflict_on_line(draft.span, "this rule has no priority", label, "add `priority NUMBER`", log);
            chosen
        }
    };
    let mut protocol = draft.protocol.unwrap_or(PROTOCOL_KEEPALIVED);
    if protocol != PROTOCOL_KEEPALIVED && !draft.no_track {
        protocol = PROTOCOL_KEEPALIVED;
        let log = "Rule cannot be tracked if protocol is not RTPROT_KEEPALIVED(18), resetting protocol";
        let message = "a rule with another protocol cannot be watched";
        let help = "add `no_track`, or remove `protocol`";
        r.conflict_on_line(draft.span, message, "protocol 18 is used", help, log);
    }
    let mut link = |word: &Option<crate::lang::Word>| match word {
        None => Some(None),
        Some(word) => {
            r.link(word, || format!("WARNING - interface {} for rule doesn't exist", word.text)).map(Some)
        }
    };
    let (input, output) = (link(&draft.input)?, link(&draft.output)?);
    Some(Rule {
        family,
        priority,
        invert: draft.invert,
        from: draft.from,
        to: draft.to,
        input,
        output,
        tos: draft.tos,
        mark: draft.mark,
        tunnel: draft.tunnel,
        users: draft.users,
        ip_protocol: draft.ip_protocol,
        source_ports: draft.source_ports,
        destination_ports: draft.destination_ports,
        action: match action {
            ActionDraft::Table(table) => RuleAction::Table {
                table,
                realms,
                suppress_prefix: draft.suppress_prefix,
                suppress_group: draft.suppress_group,
            },
            ActionDraft::Goto(target) => RuleAction::Goto(target),
            ActionDraft::Nop => RuleAction::Nop,
            ActionDraft::L3Master => RuleAction::L3Master,
            ActionDraft::Blackhole => RuleAction::Blackhole,
            ActionDraft::Unreachable => RuleAction::Unreachable,
            ActionDraft::Prohibit => RuleAction::Prohibit,
        },
        protocol,
        no_track: draft.no_track,
    })
}

fn refuse(
    r: &mut Resolver<'_, '_>,
    draft: &RuleDraft,
    message: impl Into<String>,
    help: &str,
    log: String,
) -> Option<Rule> {
    let d = Diagnostic::new(Code::VALUE, message).at(draft.span);
    r.cx.report(d.label("the line is ignored").help(help).log(log));
    None
}
