//! Who becomes master, and whether weights change that.

use base::Priority;

use super::matching::{Member, Router};
use super::{Finding, Mark, Node, node_name};
use crate::diag::Code;
use crate::lint::weight;

/// A member and its priorities.
struct Rank<'r, 'a> {
    member: &'r Member<'a>,
    /// `None` if it follows the number in a file.
    range: Option<weight::Range>,
    /// While all is well, as far as that is known.
    best: Priority,
}

pub(super) fn look(router: &Router<'_>, nodes: &[Node<'_>], found: &mut Vec<Finding>) {
    let mut ranks: Vec<Rank<'_, '_>> = router
        .members
        .iter()
        .map(|member| {
            let range = weight::Range::of(member.model, member.instance);
            let best = range.map_or(member.instance.protocol.priority, |range| range.best);
            Rank { member, range, best }
        })
        .collect();
    ranks.sort_by_key(|rank| std::cmp::Reverse(rank.best));
    same(&ranks, found);
    masters(&ranks, found);
    let [first, second, ..] = ranks.as_slice() else { return };
    if first.best > second.best && !first.best.is_owner() {
        never(first, second, nodes, found);
        order(&ranks, nodes, found);
    }
}

/// Equal priorities.
fn same(ranks: &[Rank<'_, '_>], found: &mut Vec<Finding>) {
    let equal = ranks.iter().zip(ranks.iter().skip(1)).find(|(a, b)| a.best == b.best);
    let Some((a, _)) = equal else { return };
    let (priority, name) = (a.best, &a.member.instance.protocol.name);
    let finding = if priority.is_owner() {
        let message =
            format!("two nodes of `{name}` own its addresses (priority 255): both claim them for ever");
        Finding::new(
            Code::CLUSTER_OWNERS,
            message,
            "write 255 for the node whose own address it is, or for none",
        )
    } else {
        let message =
            format!("two nodes of `{name}` have the priority {}: the higher address decides", priority.0);
        Finding::new(Code::CLUSTER_TIE, message, "write different priorities")
    };
    let equals = ranks.iter().filter(|rank| rank.best == priority);
    found.push(equals.fold(finding, |finding, rank| finding.mark(rank.member, "priority", label(rank))));
}

/// More than one that starts as master.
fn masters(ranks: &[Rank<'_, '_>], found: &mut Vec<Finding>) {
    let masters: Vec<_> = ranks.iter().filter(|rank| rank.member.instance.protocol.wants_master).collect();
    let [first, _, ..] = masters.as_slice() else { return };
    if masters.iter().filter(|rank| rank.best.is_owner()).count() > 1 {
        return;
    }
    let message = format!("several nodes of `{}` start as master", first.member.instance.protocol.name);
    let help = "write `state BACKUP` in all files but one, or in all: the priority decides anyway";
    let finding = Finding::new(Code::CLUSTER_MASTERS, message, help);
    found.push(masters.iter().fold(finding, |finding, rank| {
        finding.mark(
            rank.member,
            "state",
            "takes the addresses at its start until it hears of a higher priority",
        )
    }));
}

/// Weights of the master that are too small for a failover.
fn never(first: &Rank<'_, '_>, second: &Rank<'_, '_>, nodes: &[Node<'_>], found: &mut Vec<Finding>) {
    let Some(range) = first.range else { return };
    let member = first.member;
    if weight::weighted(member.instance).next().is_none() || range.worst <= second.best {
        return;
    }
    let (a, b) = (node_name(nodes, member.node), node_name(nodes, second.member.node));
    let message = format!(
        "the weights of `{}` never cause a failover: with all checks failed `{a}` has {}, and `{b}` {} at best",
        member.instance.protocol.name, range.worst.0, second.best.0
    );
    let help = format!(
        "use weights of more than {} together, or no weight, so that a failure is a fault",
        range.best.0.saturating_sub(second.best.0)
    );
    let mut finding =
        Finding::new(Code::CLUSTER_WEIGHT, message, help).mark(member, "priority", label(first));
    if let Some(places) = nodes.get(member.node).and_then(|node| node.loaded.places.as_ref()) {
        for track in weight::weighted(member.instance) {
            finding.marks.push(Mark {
                node: member.node,
                instance: member.instance.protocol.name.clone(),
                span: weight::place(member.model, places, member.instance, track),
                label: format!("weight {}", track.weight),
            });
        }
    }
    found.push(finding.mark(second.member, "priority", label(second)));
}

/// Weights that make another node master than the priorities say.
fn order(ranks: &[Rank<'_, '_>], nodes: &[Node<'_>], found: &mut Vec<Finding>) {
    let written = |rank: &Rank<'_, '_>| rank.member.instance.protocol.priority;
    let (Some(first), Some(highest)) = (ranks.first(), ranks.iter().max_by_key(|rank| written(rank))) else {
        return;
    };
    if written(highest) <= written(first) {
        return;
    }
    let (a, b) = (node_name(nodes, highest.member.node), node_name(nodes, first.member.node));
    let message = format!(
        "`{a}` has the highest `priority` of `{}`, but weights make `{b}` master as long as all is well",
        first.member.instance.protocol.name
    );
    let help = "use the same checks and weights on all nodes";
    found.push(
        Finding::new(Code::CLUSTER_ORDER, message, help)
            .mark(highest.member, "priority", label(highest))
            .mark(first.member, "priority", label(first)),
    );
}

fn label(rank: &Rank<'_, '_>) -> String {
    let written = rank.member.instance.protocol.priority;
    if rank.best == written {
        format!("priority {}", written.0)
    } else {
        format!("priority {}, with weights {}", written.0, rank.best.0)
    }
}
