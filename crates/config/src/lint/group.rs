//! Sync groups.

use super::{Facts, advice};
use crate::diag::{Code, Diagnostic};

/// Members with different priorities.
pub(super) fn priorities(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for group in &facts.model.groups {
        let members = group.protocol.members.iter();
        let members: Vec<_> = members.filter_map(|id| facts.model.instances.get(id.index())).collect();
        let Some(first) = members.first() else { continue };
        let priority = first.protocol.priority;
        // Owners beside others are told as an error of their own.
        if members.iter().any(|member| member.protocol.priority.is_owner()) {
            continue;
        }
        let Some(other) = members.iter().find(|member| member.protocol.priority != priority) else {
            continue;
        };
        let place =
            |name: &str| facts.places.named("vrrp_instance", name).and_then(|b| b.place_of("priority"));
        let message = format!(
            "members of the group `{}` have different priorities: `{}` {}, `{}` {}",
            group.protocol.name,
            first.protocol.name,
            priority.0,
            other.protocol.name,
            other.protocol.priority.0
        );
        let mut d = advice(Code::GROUP_PRIORITIES, place(&other.protocol.name), message)
            .label("if another router is above one member and below the other, both keep trying")
            .help("give all members of a group the same priority");
        if let Some(span) = place(&first.protocol.name) {
            d = d.other(span, "the first member");
        }
        found.push(d);
    }
}
