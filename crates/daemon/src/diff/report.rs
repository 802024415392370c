//! What a reload would do, object by object.

use std::collections::BTreeMap;

use config::Loaded;
use config::print::{Entry, Print};
use model::diff::lvs::{ServerSlot, ServiceSlot};
use model::diff::{Change, Cost, Diff, Id, Slot};
use model::{Model, Tracker, TrackerSource};
use serde::Serialize;

use super::values::{self, Value};

/// The version of the JSON format.
const FORMAT: u32 = 1;

/// What a reload would do.
#[derive(Serialize, Debug)]
pub struct Report {
    /// The version of this format.
    pub format: u32,
    /// Both mean the same.
    pub same: bool,
    /// The keywords for which the reload would be refused.
    pub refused: Vec<&'static str>,
    /// What is added, removed or changed; empty if only the order of blocks changed.
    pub objects: Vec<Object>,
}

/// Something that is added, removed or changed.
#[derive(Serialize, Debug)]
pub struct Object {
    /// The keyword of its block.
    pub keyword: String,
    /// What follows the keyword.
    pub name: String,
    /// What happens to it.
    pub fate: Fate,
    /// What of it changes.
    pub changes: Vec<Value>,
}

/// What happens to an object.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It changes, and nobody notices: only messages, or what happens next time.
    Unnoticed,
    /// It changes while it runs.
    Hot,
    /// It starts anew.
    Restarted,
    /// The reload is refused.
    Refused,
}

impl From<Cost> for Fate {
    fn from(cost: Cost) -> Self {
        match cost {
            Cost::Nothing => Self::Unnoticed,
            Cost::Hot => Self::Hot,
            Cost::Restart => Self::Restarted,
            Cost::Refused => Self::Refused,
        }
    }
}

/// A configuration as it is printed.
struct Side<'a> {
    model: &'a Model,
    blocks: BTreeMap<&'a str, Vec<&'a Entry>>,
    /// `global_defs`, and what else is set of the daemon.
    global: Entry,
}

impl<'a> Side<'a> {
    fn new(model: &'a Model, entries: &'a [Entry]) -> Self {
        let mut blocks: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
        let mut global = Vec::new();
        for entry in entries {
            match (entry.keyword.as_str(), &entry.body) {
                ("global_defs", Some(body)) => global.extend(body.iter().cloned()),
                ("SSL", _) | (_, None) => global.push(entry.clone()),
                _ => {}
            }
            blocks.entry(&entry.keyword).or_default().push(entry);
        }
        let global = Entry { keyword: "global_defs".to_owned(), words: String::new(), body: Some(global) };
        Self { model, blocks, global }
    }

    fn nth(&self, keyword: &str, index: usize) -> Option<&'a Entry> {
        self.blocks.get(keyword)?.get(index).copied()
    }

    fn named(&self, keyword: &str, name: &str) -> Option<&'a Entry> {
        self.blocks.get(keyword)?.iter().find(|entry| entry.words.trim_matches('"') == name).copied()
    }
}

/// A block that comes once for each object of a list, in the order of the list.
fn block<'a>(keyword: &'static str) -> impl Fn(&Side<'a>, usize) -> Option<(&'static str, &'a Entry)> {
    move |side, index| Some((keyword, side.nth(keyword, index)?))
}

impl Report {
    /// Compares two configurations; `None` if one of them cannot be run.
    pub fn new(old: &Loaded, new: &Loaded, show_secrets: bool) -> Option<Self> {
        let entries = |loaded: &Loaded| {
            let print = Print { accounts: &loaded.accounts, show_secrets };
            loaded.model.as_ref().map(|model| print.entries(model))
        };
        let (old_entries, new_entries) = (entries(old)?, entries(new)?);
        let (old, new) = (old.model.as_ref()?, new.model.as_ref()?);
        let diff = model::diff(old, new);
        let mut out =
            Self { format: FORMAT, same: diff.is_empty(), refused: Vec::new(), objects: Vec::new() };
        if !out.same {
            out.fill(&diff, &Side::new(old, &old_entries), &Side::new(new, &new_entries));
        }
        Some(out)
    }

    /// As JSON, with a line break at its end.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).map(|text| text + "\n").unwrap_or_default()
    }

    fn fill(&mut self, diff: &Diff, old: &Side<'_>, new: &Side<'_>) {
        // Without `..`: what a new part of the difference means to people has to be said here.
        let Diff {
            global,
            instances,
            instances_gone,
            groups,
            groups_gone,
            trackers,
            trackers_gone,
            bfd,
            bfd_gone,
            static_addresses,
            static_routes,
            lvs,
            mail,
            static_rules,
            track_groups,
            garp_groups,
            link_delays,
            link_polling,
            poll_all_links,
        } = diff;
        let mut changes: Vec<Change> = Vec::new();
        changes.extend(global.iter().flat_map(|(_, changes)| changes));
        changes.extend(mail.iter().flat_map(|(_, changes)| changes));
        changes.extend(lvs.settings.iter().flat_map(|(_, changes)| changes));
        if poll_all_links.is_some() {
            changes.push(Change { keyword: "linkbeat_use_polling", cost: Cost::Hot });
        }
        self.refused = diff.refused().collect();
        if !changes.is_empty() {
            self.changed("global_defs", Some(&old.global), Some(&new.global), &changes);
        }
        for (changed, keyword) in [
            (link_polling.is_some(), "linkbeat_interfaces"),
            (link_delays.is_some(), "interface_up_down_delays"),
            (garp_groups.is_some(), "garp_group"),
            (track_groups.is_some(), "track_group"),
            (static_addresses.is_some(), "static_ipaddress"),
            (static_routes.is_some(), "static_routes"),
            (static_rules.is_some(), "static_rules"),
        ] {
            if changed {
                self.whole(keyword, old, new);
            }
        }
        self.slots(old, new, bfd, bfd_gone, block("bfd_instance"));
        self.slots(old, new, trackers, trackers_gone, tracker);
        self.slots(old, new, groups, groups_gone, block("vrrp_sync_group"));
        self.slots(old, new, instances, instances_gone, block("vrrp_instance"));
        self.slots(old, new, &lvs.groups, &lvs.groups_gone, block("virtual_server_group"));
        let known = self.objects.len();
        self.slots(old, new, &lvs.files, &lvs.files_gone, |side: &Side<'_>, index| {
            let file = side.model.lvs.files.get(index)?;
            Some(("track_file", side.named("track_file", &file.name)?))
        });
        // A file that instances track, too, was told already.
        let told: Vec<String> =
            self.objects.iter().take(known).map(|o| format!("{} {}", o.keyword, o.name)).collect();
        let mut place = 0;
        self.objects.retain(|object| {
            place += 1;
            place <= known || !told.contains(&format!("{} {}", object.keyword, object.name))
        });
        self.services(old, new, diff);
    }

    fn push(&mut self, keyword: &str, name: &str, fate: Fate, changes: Vec<Value>) {
        self.objects.push(Object { keyword: keyword.to_owned(), name: name.to_owned(), fate, changes });
    }

    /// An object that goes on, with changes.
    fn changed(&mut self, keyword: &str, old: Option<&Entry>, new: Option<&Entry>, changes: &[Change]) {
        let cost = changes.iter().map(|change| change.cost).max().unwrap_or(Cost::Nothing);
        let name = new.or(old).map_or_else(String::new, |entry| entry.words.clone());
        self.push(keyword, &name, cost.into(), values::changes(old, new, changes));
    }

    /// Blocks that are compared as a whole.
    fn whole(&mut self, keyword: &'static str, old: &Side<'_>, new: &Side<'_>) {
        let all = |side: &Side<'_>| {
            let blocks = side.blocks.get(keyword).cloned().unwrap_or_default();
            let body = blocks.into_iter().cloned().collect();
            Entry { keyword: String::new(), words: String::new(), body: Some(body) }
        };
        let change = Change { keyword, cost: Cost::Hot };
        self.push(keyword, "", Fate::Hot, values::changes(Some(&all(old)), Some(&all(new)), &[change]));
    }

    /// The objects of a list. `find` gives the keyword and the block of an object.
    fn slots<'a, I: Id, T>(
        &mut self,
        old: &Side<'a>,
        new: &Side<'a>,
        slots: &[Slot<I, T>],
        gone: &[I],
        find: impl Fn(&Side<'a>, usize) -> Option<(&'static str, &'a Entry)>,
    ) {
        for id in gone {
            if let Some((keyword, entry)) = find(old, id.index()) {
                self.push(keyword, &entry.words, Fate::Removed, Vec::new());
            }
        }
        for (index, slot) in slots.iter().enumerate() {
            let Some((keyword, entry)) = find(new, index) else { continue };
            match slot {
                Slot::Kept(_) => {}
                Slot::Added(_) => self.push(keyword, &entry.words, Fate::Added, Vec::new()),
                Slot::Changed { old: id, changes, .. } => {
                    let before = find(old, id.index()).map(|(_, entry)| entry);
                    self.changed(keyword, before, Some(entry), changes);
                }
            }
        }
    }

    fn services(&mut self, old: &Side<'_>, new: &Side<'_>, diff: &Diff) {
        const SERVICE: &str = "virtual_server";
        const SERVER: &str = "real_server";
        for id in &diff.lvs.services_gone {
            if let Some(entry) = old.nth(SERVICE, id.index()) {
                self.push(SERVICE, &service_name(entry), Fate::Removed, Vec::new());
            }
        }
        for (index, slot) in diff.lvs.services.iter().enumerate() {
            let Some(entry) = new.nth(SERVICE, index) else { continue };
            let name = service_name(entry);
            let (id, service, servers, servers_gone) = match slot {
                ServiceSlot::Kept(_) => continue,
                ServiceSlot::Added(_) => {
                    self.push(SERVICE, &name, Fate::Added, Vec::new());
                    continue;
                }
                ServiceSlot::Changed { old, service, servers, servers_gone } => {
                    (old, service, servers, servers_gone)
                }
            };
            let before = old.nth(SERVICE, id.index());
            if let Some((_, changes)) = service {
                self.changed(SERVICE, before, Some(entry), changes);
                if let Some(object) = self.objects.last_mut() {
                    object.name.clone_from(&name);
                }
            }
            let server = |service: Option<&Entry>, index: usize| -> Option<Entry> {
                let body = service?.body.as_ref()?;
                let entry = body.iter().filter(|entry| entry.keyword == SERVER).nth(index)?;
                Some(Entry { words: format!("{} of {name}", entry.words), ..entry.clone() })
            };
            for id in servers_gone {
                if let Some(entry) = server(before, id.index()) {
                    self.push(SERVER, &entry.words, Fate::Removed, Vec::new());
                }
            }
            for (index, slot) in servers.iter().enumerate() {
                let Some(now) = server(Some(entry), index) else { continue };
                match slot {
                    ServerSlot::Kept(_) => {}
                    ServerSlot::Added(_) => self.push(SERVER, &now.words, Fate::Added, Vec::new()),
                    ServerSlot::Changed { old: id, changes, .. } => {
                        self.changed(SERVER, server(before, id.index()).as_ref(), Some(&now), changes);
                    }
                }
            }
        }
    }
}

/// The block of a tracker. An interface has none, and a session has one of its own.
fn tracker<'a>(side: &Side<'a>, index: usize) -> Option<(&'static str, &'a Entry)> {
    let Tracker { name, source } = side.model.trackers.get(index)?;
    let keyword = match source {
        TrackerSource::Interface(_) | TrackerSource::Bfd(_) => return None,
        TrackerSource::Script(_) => "vrrp_script",
        TrackerSource::File(_) => "track_file",
        TrackerSource::Process(_) => "vrrp_track_process",
    };
    Some((keyword, side.named(keyword, name)?))
}

/// What a service is called: its head, and its protocol.
fn service_name(service: &Entry) -> String {
    let mut body = service.body.iter().flatten();
    match body.find(|entry| entry.keyword == "protocol") {
        Some(protocol) => format!("{} {}", service.words, protocol.words),
        None => service.words.clone(),
    }
}
