//! What is said about interfaces at the root: shared gaps, delays, polling, and who follows them.

use std::collections::{BTreeMap, BTreeSet};

use base::IfName;
use model::link::{GarpGroup, LinkDelay, LinkPolling, TrackGroup};
use model::{InstanceId, Model};

use crate::block::links::{GarpDraft, LinksDraft, TrackGroupDraft};
use crate::diag::{Code, Diagnostic};
use crate::keyword::value;
use crate::lang::Word;
use crate::resolve::{Kept, Resolver};

/// Everything but the groups of instances.
pub(super) fn links(r: &mut Resolver<'_, '_>, draft: &LinksDraft, kept: &[Kept], model: &mut Model) {
    let mut taken = BTreeSet::new();
    for (number, group) in draft.garp_groups.iter().enumerate() {
        model.garp_groups.extend(garp_group(r, number, group, &mut taken));
    }
    for delay in &draft.delays {
        let link = known_link(r, &delay.link, "up/down delay");
        model.link_delays.extend(link.map(|link| LinkDelay { link, down: delay.down, up: delay.up }));
    }
    for polled in &draft.polled {
        let link = known_link(r, &polled.link, "linkbeat interface");
        model.link_polling.extend(link.map(|link| LinkPolling { link, way: polled.way }));
    }
    for (instance, kept) in model.instances.iter().zip(kept) {
        if kept.poll_link
            && let Some(link) = instance.link
            && !model.link_polling.iter().any(|polled| polled.link == link)
        {
            model.link_polling.push(LinkPolling { link, way: None });
        }
    }
    model.poll_all_links = draft.poll_all;
}

/// An interface that is there, or may come; a line about another one is ignored.
fn known_link(r: &mut Resolver<'_, '_>, word: &Word, what: &str) -> Option<IfName> {
    let name = r.cx.if_name(word)?;
    if r.link_facts(&word.text).is_some() || r.global.out.dynamic_interfaces {
        return Some(name);
    }
    let d = Diagnostic::new(Code::VALUE, format!("the interface `{}` does not exist", word.text))
        .at(word.span)
        .label("this line is ignored")
        .help("correct the name (see `ip link`), or set `dynamic_interfaces` in `global_defs`")
        .log(format!("unknown interface {} specified for {what}", word.text));
    r.cx.report(d);
    None
}

fn garp_group(
    r: &mut Resolver<'_, '_>,
    number: usize,
    draft: &GarpDraft,
    taken: &mut BTreeSet<IfName>,
) -> Option<GarpGroup> {
    let mut links = Vec::new();
    for word in &draft.links {
        let log = || format!("WARNING - interface {} specified for garp_group doesn't exist", word.text);
        let Some(link) = r.link(word, log) else { continue };
        if taken.insert(link) {
            links.push(link);
        } else {
            let log = format!("garp_group already specified for {link} - ignoring");
            let message = format!("`{link}` is in a group already");
            r.conflict_on_line(word.span, message, "ignored here", "remove it from one of the groups", log);
        }
    }
    if draft.garp_interval.is_zero() && draft.gna_interval.is_zero() {
        let log = format!("garp group {number} does not have any delay set - removing");
        let help = "add `garp_interval SECONDS` or `gna_interval SECONDS`";
        r.conflict_on_line(draft.keyword, "this group has no interval", "it is ignored", help, log);
        return None;
    }
    if links.is_empty() {
        let d = Diagnostic::new(Code::POINTLESS, "this group has no interfaces").at(draft.keyword);
        r.cx.report(d.label("it is ignored").help("add `interface IF`"));
        return None;
    }
    Some(GarpGroup { links, garp_interval: draft.garp_interval, gna_interval: draft.gna_interval })
}

/// A static object that names a group, and the interface that it is about.
pub(super) struct Follows<'d> {
    pub(super) group: &'d Word,
    pub(super) link: Option<IfName>,
}

/// The groups of instances that follow static objects.
pub(super) fn track_groups(
    r: &mut Resolver<'_, '_>,
    drafts: &[TrackGroupDraft],
    follows: &[Follows<'_>],
    kept: &[Kept],
    model: &mut Model,
) {
    let mut groups: Vec<TrackGroup> = drafts
        .iter()
        .map(|draft| TrackGroup {
            name: draft.name.text.as_str().into(),
            members: members(r, draft, kept),
            links: Vec::new(),
        })
        .collect();
    for Follows { group, link } in follows {
        let Some(found) = groups.iter_mut().find(|g| *g.name == *group.text) else {
            let mut d =
                Diagnostic::new(Code::UNKNOWN_NAME, format!("there is no `track_group {}`", group.text))
                    .at(group.span)
                    .label("nobody follows it")
                    .log(format!("track_group {} not found", group.text));
            d = match value::nearest(&group.text, drafts.iter().map(|draft| draft.name.as_str())) {
                Some(near) => d.help(format!("did you mean `{near}`?")),
                None => d.help(format!("define it with `track_group {} {{ group {{ .. }} }}`", group.text)),
            };
            r.cx.report(d);
            continue;
        };
        match link {
            Some(link) if !found.links.contains(link) => found.links.push(*link),
            Some(_) => {}
            None => {
                let message = "what names a `track_group` needs an interface";
                let log = "Static item cannot have track_group if no interface specified";
                r.conflict_on_line(group.span, message, "nobody follows it", "add `dev IF`", log);
            }
        }
    }
    for (group, draft) in groups.iter().zip(drafts) {
        if group.members.is_empty() || group.links.is_empty() {
            let message = if group.members.is_empty() {
                format!("the group `{}` has no members", group.name)
            } else {
                format!("no static address, route or rule names the group `{}`", group.name)
            };
            let d = Diagnostic::new(Code::POINTLESS, message).at(draft.name.span);
            r.cx.report(d.label("it changes nothing").help("remove it, or complete it"));
        }
    }
    groups.retain(|group| !group.members.is_empty());
    model.track_groups = groups;
}

fn members(r: &mut Resolver<'_, '_>, draft: &TrackGroupDraft, kept: &[Kept]) -> Vec<InstanceId> {
    if draft.members.is_empty() {
        return Vec::new();
    }
    let ids: BTreeMap<&str, usize> =
        kept.iter().enumerate().map(|(i, kept)| (kept.name.as_str(), i)).collect();
    let mut members = Vec::new();
    for word in &draft.members {
        match ids.get(word.as_str()) {
            Some(&index) => members.push(InstanceId::from_index(index)),
            None => {
                let d = Diagnostic::new(Code::POINTLESS, format!("there is no instance `{}`", word.text))
                    .at(word.span)
                    .label("ignored");
                r.cx.report(match value::nearest(&word.text, ids.keys().copied()) {
                    Some(near) => d.help(format!("did you mean `{near}`?")),
                    None => d.help(format!("define it with `vrrp_instance {} {{ .. }}`", word.text)),
                });
            }
        }
    }
    members
}
