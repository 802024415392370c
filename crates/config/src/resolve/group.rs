//! Sync groups.

use std::collections::BTreeMap;

use model::{GroupId, InstanceId, Model, SyncGroup};

use crate::block::vrrp_sync_group::GroupDraft;
use crate::diag::{Code, Diagnostic};
use crate::keyword::value;
use crate::resolve::{Kept, Resolver};

/// Resolves the groups and enters them into their members. `kept` are the drafts of the model's
/// instances.
pub(super) fn groups(r: &mut Resolver<'_, '_>, drafts: &[GroupDraft], kept: &[Kept], model: &mut Model) {
    let ids: BTreeMap<&str, usize> =
        kept.iter().enumerate().map(|(i, draft)| (draft.name.text.as_str(), i)).collect();
    for draft in drafts {
        let id = GroupId::from_index(model.groups.len());
        let members = members(r, draft, &ids, id, model);
        if members.is_empty() {
            continue;
        }
        let name = &draft.name.text;
        if members.len() == 1 {
            let log =
                format!("Sync group {name} has only 1 virtual router(s) - this probably isn't what you want");
            let message = format!("the group `{name}` has one member only");
            r.conflict(
                draft.name.span,
                message,
                "it changes nothing",
                "add members, or remove the group",
                log,
            );
        }
        track(r, draft, &members, kept, model);
        owners(r, draft, &members, model);
        let notify = r.notify(&draft.notify);
        let protocol = vrrp::config::Group {
            name: name.as_str().into(),
            members,
            tracking_weight: draft.tracking_weight,
        };
        model.groups.push(SyncGroup { protocol, notify });
    }
}

/// The members that exist and are in no other group.
fn members(
    r: &mut Resolver<'_, '_>,
    draft: &GroupDraft,
    ids: &BTreeMap<&str, usize>,
    id: GroupId,
    model: &mut Model,
) -> Vec<InstanceId> {
    let group = &draft.name.text;
    let mut members = Vec::new();
    for word in &draft.members {
        let Some(&index) = ids.get(word.text.as_str()) else {
            let mut d = Diagnostic::new(Code::UNKNOWN_NAME, format!("there is no instance `{}`", word.text))
                .at(word.span)
                .label("ignored")
                .bare_log(format!(
                    "Virtual router {} specified in sync group {group} doesn't exist - ignoring",
                    word.text
                ));
            d = match value::nearest(&word.text, ids.keys().copied()) {
                Some(near) => d.help(format!("did you mean `{near}`?")),
                None => d.help(format!("define it with `vrrp_instance {} {{ .. }}`", word.text)),
            };
            r.cx.report(d);
            continue;
        };
        let Some(instance) = model.instances.get_mut(index) else { continue };
        match instance.protocol.group {
            None => {
                instance.protocol.group = Some(id);
                members.push(InstanceId::from_index(index));
            }
            Some(other) if other == id => {}
            Some(_) => {
                let log = format!(
                    "Virtual router {} cannot exist in more than one sync group; ignoring {group}",
                    word.text
                );
                let message = format!("`{}` is already a member of another group", word.text);
                r.conflict(word.span, message, "ignored here", "remove it from one of the groups", log);
            }
        }
    }
    if members.is_empty() {
        let log = if draft.members.is_empty() {
            format!("Sync group {group} has no virtual router(s). removing")
        } else {
            format!("Sync group {group}, no matching virtual router found in group declaration - removing")
        };
        let message = format!("the group `{group}` has no members");
        r.conflict(draft.name.span, message, "it is ignored", "name its members with `group { .. }`", log);
    }
    members
}

/// What the group tracks applies to all members. Weights of a member's own trackers would let the
/// priorities drift apart.
fn track(
    r: &mut Resolver<'_, '_>,
    draft: &GroupDraft,
    members: &[InstanceId],
    kept: &[Kept],
    model: &mut Model,
) {
    let tracks = r.tracks(&draft.tracks, draft.seen, &draft.name.text, None);
    for member in members {
        let (Some(instance), Some(written)) =
            (model.instances.get_mut(member.index()), kept.get(member.index()))
        else {
            continue;
        };
        let mut own = std::mem::take(&mut instance.protocol.tracks);
        own.append(&mut instance.held.tracks);
        let mut all = Vec::with_capacity(own.len() + tracks.len());
        let name = &written.name.text;
        for track in own {
            let called = r.state.trackers.name(track.tracker);
            if tracks.iter().any(|of_group| of_group.tracker == track.tracker) {
                let log =
                    format!("({name}) {called} is tracked by sync group {} - ignoring", draft.name.text);
                let message = format!("`{called}` is tracked by the group `{}` already", draft.name.text);
                r.conflict(
                    written.name.span,
                    message,
                    "the instance's own line is ignored",
                    "remove it from the instance",
                    log,
                );
            } else if track.weight != base::Weight::FAULT && !draft.tracking_weight {
                // Priorities of members must not part. An interface still counts as a fault.
                let is_link = r.state.trackers.link(track.tracker).is_some();
                let what = r.state.trackers.what(track.tracker);
                let log = if is_link {
                    format!("({name}) ignoring {called} tracked interface weight due to SYNC group")
                } else {
                    format!("({name}) ignoring tracked {what} {called} with weights due to SYNC group")
                };
                let message = format!("`{name}` tracks `{called}` with a weight, but is a member of a group");
                let label = if is_link { "the weight is ignored" } else { "that tracker is ignored" };
                let help = "track it in the group, or set `sync_group_tracking_weight` there";
                r.conflict(written.name.span, message, label, help, log);
                if is_link {
                    let weight = base::Weight::FAULT;
                    all.push(vrrp::config::Track { weight, ..track });
                }
            } else {
                all.push(track);
            }
        }
        let of_group = tracks.iter().filter(|track| {
            // The interface of a member is watched anyway.
            let link = r.state.trackers.link(track.tracker);
            link.is_none() || !instance.track_link || link != instance.link
        });
        all.extend(of_group);
        (instance.protocol.tracks, instance.held.tracks) = r.state.trackers.split(all);
    }
}

/// A group with owners and others can never be master as a whole from the start.
fn owners(r: &mut Resolver<'_, '_>, draft: &GroupDraft, members: &[InstanceId], model: &Model) {
    let priorities =
        members.iter().filter_map(|id| model.instances.get(id.index())).map(|i| i.protocol.priority);
    let count = priorities.filter(|p| p.is_owner()).count();
    if count > 0 && count < members.len() {
        let message = format!(
            "some members of `{}` own their addresses (priority 255) and others do not",
            draft.name.text
        );
        let d = Diagnostic::new(Code::POINTLESS, message).at(draft.name.span);
        r.cx.report(d.label("this group cannot work").help("use 255 for all members, or for none"));
    }
}
