//! Load balancing: what was written becomes services, servers and checks.

pub(crate) mod checker;
mod server;
mod service;
mod settings;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use base::Name;
use model::lvs::{AddressGroup, AddressGroupId, CheckBfdId, CheckFileId, GroupEntry, Http, Lvs};
use model::{Instance, TrackFile};

use crate::block::command::Commands;
use crate::block::lvs::LvsDraft;
use crate::block::lvs::group::GroupDraft;
use crate::diag::{Code, Diagnostic};
use crate::lang::Word;
use crate::resolve::Resolver;
use crate::span::{Span, to_u32};

/// What every step needs, and what the services refer to.
struct Pools<'r, 'a, 's> {
    r: &'r mut Resolver<'a, 's>,
    /// keepalived's checkers are a process of their own, which has its own words about scripts.
    commands: Commands,
    groups: Vec<AddressGroup>,
    group_ids: BTreeMap<Box<str>, (AddressGroupId, bool)>,
    files: Vec<TrackFile>,
    file_ids: BTreeMap<Box<str>, CheckFileId>,
    bfds: Vec<Name>,
    requests: Requests,
}

/// What servers are asked: each once, however many are asked the same.
#[derive(Default)]
struct Requests {
    known: HashSet<Arc<Http>>,
    /// That of the check before, which most often is that of the next one, too.
    last: Option<Arc<Http>>,
}

impl Requests {
    /// The one that equals `request`.
    fn share(&mut self, request: Http) -> Arc<Http> {
        if let Some(last) = self.last.as_ref().filter(|last| ***last == request) {
            return last.clone();
        }
        let shared = match self.known.get(&request) {
            Some(known) => known.clone(),
            None => {
                let new = Arc::new(request);
                self.known.insert(new.clone());
                new
            }
        };
        self.last = Some(shared.clone());
        shared
    }
}

/// Makes the part of the model about load balancing.
pub(super) fn lvs(r: &mut Resolver<'_, '_>, draft: LvsDraft, instances: &[Instance]) -> Lvs {
    let LvsDraft { groups, services, ssl } = draft;
    let settings = settings::settings(r, ssl.map(|(ssl, _)| ssl), instances);
    let commands = Commands::new(&r.global.scripts, r.cx).of_checks();
    let mut pools = Pools {
        r,
        commands,
        groups: Vec::new(),
        group_ids: BTreeMap::new(),
        files: Vec::new(),
        file_ids: BTreeMap::new(),
        bfds: Vec::new(),
        requests: Requests::default(),
    };
    let places = pools.groups(groups);
    let mut made = Vec::with_capacity(services.len());
    // Each draft goes as its service comes: there may be many.
    for draft in services {
        made.extend(service::service(&mut pools, *draft));
    }
    pools.tell_unused(&places);
    pools.commands.finish(false, pools.r.cx);
    Lvs { settings, groups: pools.groups, services: made, files: pools.files, bfds: pools.bfds }
}

impl Pools<'_, '_, '_> {
    /// Takes the groups; those that are empty or twice are told and left out. Where they stand is given
    /// back.
    fn groups(&mut self, drafts: Vec<GroupDraft>) -> Vec<Span> {
        let mut places: Vec<Span> = Vec::new();
        for GroupDraft { name, entries } in drafts {
            let first = self.group_ids.get(name.text.as_str()).and_then(|(id, _)| places.get(id.index()));
            if let Some(&first) = first {
                self.twice(&name, first);
            } else if entries.is_empty() {
                let message = format!("the group `{}` has no addresses", name.text);
                let log = format!("virtual server group {} has no entries - removing", name.text);
                let help = "add an address, or remove the group";
                self.r.conflict_on_line(name.span, message, "it is ignored", help, log);
            } else {
                let id = AddressGroupId::from_index(self.groups.len());
                self.group_ids.insert(name.text.as_str().into(), (id, false));
                places.push(name.span);
                self.groups.push(AddressGroup { name: name.text.as_str().into(), entries });
            }
        }
        places
    }

    fn twice(&mut self, name: &Word, first: Span) {
        let d = Diagnostic::new(
            Code::DUPLICATE,
            format!("there are two `virtual_server_group` called `{}`", name.text),
        )
        .at(name.span)
        .label("this one is ignored")
        .other(first, "the first one")
        .help("give one of them another name");
        self.r.cx.report(d);
    }

    /// The group called `name`, which is then in use.
    fn group(&mut self, name: &str) -> Option<AddressGroupId> {
        let (id, used) = self.group_ids.get_mut(name)?;
        *used = true;
        Some(*id)
    }

    /// Whether the group called `name` is of marks, without any address.
    fn has_marks_alone(&self, name: &str) -> bool {
        let group = self.group_ids.get(name).and_then(|(id, _)| self.groups.get(id.index()));
        group.is_some_and(|g| {
            !g.entries.is_empty() && g.entries.iter().all(|e| matches!(e, GroupEntry::Mark(..)))
        })
    }

    fn tell_unused(&mut self, places: &[Span]) {
        for (name, (id, used)) in &self.group_ids {
            let Some(&place) = places.get(id.index()).filter(|_| !used) else { continue };
            let d = Diagnostic::new(Code::UNUSED, format!("no virtual server uses the group `{name}`"))
                .at(place)
                .label("nothing is served at its addresses")
                .help(format!("add `virtual_server group {name} {{ .. }}`, or remove it"));
            self.r.cx.report(d);
        }
    }

    /// The tracked file `name`, if it was among the first `before` that were defined, with its weight.
    fn file(&mut self, name: &Word, before: usize) -> Option<(CheckFileId, i32, bool)> {
        let Some((file, weight, reverse)) = self.r.state.trackers.file_of_check(&name.text, to_u32(before))
        else {
            let d = Diagnostic::new(Code::UNKNOWN_NAME, format!("there is no tracked file `{}`", name.text))
                .at(name.span)
                .label("this check is ignored")
                .help(format!("define it with `track_file {} {{ .. }}` before this line", name.text))
                .log(format!("track_file {} not found", name.text));
            self.r.cx.report(d);
            return None;
        };
        let id = match self.file_ids.get(name.text.as_str()) {
            Some(id) => *id,
            None => {
                let id = CheckFileId::from_index(self.files.len());
                self.file_ids.insert(name.text.as_str().into(), id);
                self.files.push(file);
                id
            }
        };
        Some((id, weight, reverse))
    }

    /// The BFD session `name`, if it was among the first `before` that were defined.
    fn bfd(&mut self, name: &Word, before: usize) -> Option<CheckBfdId> {
        let mut known = self.r.state.bfd_for_checks.iter().take(before).flatten();
        if !known.any(|known| **known == *name.text) {
            let d = Diagnostic::new(Code::UNKNOWN_NAME, format!("there is no BFD session `{}`", name.text))
                .at(name.span)
                .label("this check is ignored")
                .help(format!("define it with `bfd_instance {} {{ .. }}` before this line", name.text))
                .log(format!("BFD_CHECK - BFD {} not configured", name.text));
            self.r.cx.report(d);
            return None;
        }
        let place = self.bfds.iter().position(|known| **known == *name.text).unwrap_or_else(|| {
            self.bfds.push(name.text.as_str().into());
            self.bfds.len() - 1
        });
        Some(CheckBfdId::from_index(place))
    }

    /// A command; `None` if there is none or it can't be run.
    fn command(
        &mut self,
        draft: Option<Box<crate::block::command::CommandDraft>>,
    ) -> Option<Box<model::Command>> {
        self.commands.resolve(&*draft?, self.r.cx).map(Box::new)
    }
}
