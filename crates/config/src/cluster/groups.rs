//! Sync groups: which routers belong together, and who is first in each.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use base::{Name, Priority};

use super::matching::{Member, Router};
use super::{Finding, Node, node_name};
use crate::diag::Code;
use crate::lint::weight;

/// The members of the groups of one node: the number of the group, and those of its routers.
type Groups = BTreeMap<usize, Vec<usize>>;

pub(super) fn look(routers: &[Router<'_>], nodes: &[Node<'_>], found: &mut Vec<Finding>) {
    let groups: Vec<Groups> = (0..nodes.len()).map(|node| of_node(routers, node)).collect();
    for (node, own) in groups.iter().enumerate() {
        for (group, members) in own {
            for pair in members.windows(2) {
                let &[x, y] = pair else { continue };
                let (Some(x), Some(y)) = (routers.get(x), routers.get(y)) else { continue };
                let Some(one) = member(x, node) else { continue };
                let name = group_name(one, *group);
                for other in (0..nodes.len()).filter(|other| *other != node) {
                    let (Some(a), Some(b)) = (member(x, other), member(y, other)) else { continue };
                    found.extend(parted(one, &name, (a, b), nodes));
                    if other > node {
                        found.extend(turned(&name, (one, a), (member(y, node), b), nodes));
                    }
                }
            }
        }
    }
}

/// Two routers that are in one group on the node of `one`, and not on another node.
fn parted(
    one: &Member<'_>,
    group: &Name,
    (a, b): (&Member<'_>, &Member<'_>),
    nodes: &[Node<'_>],
) -> Option<Finding> {
    let (x, y) = (a.instance.protocol.group, b.instance.protocol.group);
    if x.is_some() && x == y {
        return None;
    }
    let (here, there) = (node_name(nodes, one.node), node_name(nodes, a.node));
    let message = format!(
        "`{}` and `{}` are in one sync group on `{here}`, but not on `{there}`: there one can move without the other",
        a.instance.protocol.name, b.instance.protocol.name
    );
    let help = "write the same members into `vrrp_sync_group` of all files";
    let mut finding = Finding::new(Code::CLUSTER_GROUP, message, help);
    let places = nodes.get(one.node).and_then(|node| node.loaded.places.as_ref());
    finding.marks.push(super::Mark {
        node: one.node,
        instance: one.instance.protocol.name.clone(),
        span: places.and_then(|p| p.named("vrrp_sync_group", group)).and_then(|block| block.head()),
        label: "together here".to_owned(),
    });
    Some(finding.mark(a, "vrrp_instance", "in a group of its own, or in none").mark(
        b,
        "vrrp_instance",
        "not with it",
    ))
}

/// Two routers of one group in which different nodes are ahead.
fn turned(
    group: &Name,
    (a, b): (&Member<'_>, &Member<'_>),
    (c, d): (Option<&Member<'_>>, &Member<'_>),
    nodes: &[Node<'_>],
) -> Option<Finding> {
    let c = c?;
    let (first, second) = (best(a).cmp(&best(b)), best(c).cmp(&best(d)));
    let against =
        matches!((first, second), (Ordering::Less, Ordering::Greater) | (Ordering::Greater, Ordering::Less));
    if !against {
        return None;
    }
    let message = format!(
        "in the group `{group}` `{}` is ahead for `{}` and `{}` for `{}`: both keep trying, and the group goes back and forth",
        node_name(nodes, if first == Ordering::Greater { a.node } else { b.node }),
        a.instance.protocol.name,
        node_name(nodes, if second == Ordering::Greater { c.node } else { d.node }),
        c.instance.protocol.name
    );
    let help = "give all members of a group the same priority on each node";
    let told = |finding: Finding, m: &Member<'_>| {
        finding.mark(m, "priority", format!("`{}`: {}", m.instance.protocol.name, best(m).0))
    };
    let finding = Finding::new(Code::CLUSTER_GROUP_ORDER, message, help);
    Some([a, c, b, d].into_iter().fold(finding, told))
}

fn best(member: &Member<'_>) -> Priority {
    let range = weight::Range::of(member.model, member.instance);
    range.map_or(member.instance.protocol.priority, |range| range.best)
}

fn of_node(routers: &[Router<'_>], node: usize) -> Groups {
    let mut groups = Groups::new();
    for (index, router) in routers.iter().enumerate() {
        let group = member(router, node).and_then(|member| member.instance.protocol.group);
        if let Some(group) = group {
            groups.entry(group.index()).or_default().push(index);
        }
    }
    groups
}

fn member<'r, 'a>(router: &'r Router<'a>, node: usize) -> Option<&'r Member<'a>> {
    router.members.iter().find(|member| member.node == node)
}

fn group_name(member: &Member<'_>, group: usize) -> Name {
    member.model.groups.get(group).map_or_else(|| Name::from(""), |group| group.protocol.name.clone())
}
