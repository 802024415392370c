//! What was written becomes the model: names become ids, defaults are applied, and what cannot be is
//! refused. Everything is told before anything is refused.

mod addresses;
mod advert;
mod announce;
mod bfd;
mod daemon;
mod group;
mod held;
mod instance;
mod lease;
mod link;
mod links;
mod lvs;
mod rule;
mod tracks;

pub(crate) use lvs::checker::HELO_NAME;

use std::collections::BTreeMap;

use model::Model;

use crate::block::command::{CommandDraft, Commands};
use crate::block::global_defs::GlobalDraft;
use crate::block::notify::NotifyDraft;
use crate::block::vrrp_instance::InstanceDraft;
use crate::block::{Draft, Seen};
use crate::diag::{Code, Diagnostic};
use crate::keyword::Cx;
use crate::lang::Word;
use crate::resolve::links::Follows;
use crate::resolve::tracks::Trackers;
use crate::span::Span;

/// What every step of the resolution needs.
struct Resolver<'a, 's> {
    cx: &'a mut Cx<'s>,
    global: &'a GlobalDraft,
    state: State,
}

/// What the steps hand on, without what they look at.
#[derive(Default)]
struct State {
    commands: Commands,
    trackers: Trackers,
    /// Answers of the source about interfaces.
    links: BTreeMap<String, Option<crate::source::Interface>>,
    /// Some interface that is needed isn't there.
    missing_link: bool,
    /// Names of BFD sessions that checks may follow, in the order of the file; `None` for others.
    bfd_for_checks: Vec<Option<base::Name>>,
    /// Names of interfaces that instances make.
    virtual_names: held::Names,
    /// Of rules that have none.
    priorities: rule::Priorities,
    /// Where the services of the model stand, if somebody wants to know.
    services: Vec<ServicePlaces>,
}

/// Where a virtual server of the model stands.
#[derive(Clone, Debug)]
pub(crate) struct ServicePlaces {
    /// Its head.
    pub(crate) span: Span,
    /// Its real servers, in the order of the model.
    pub(crate) servers: Vec<ServerPlaces>,
}

/// Where a real server of the model stands.
#[derive(Clone, Debug)]
pub(crate) struct ServerPlaces {
    /// Its address.
    pub(crate) span: Span,
    /// The keywords of its checks, in the order of the model.
    pub(crate) checks: Vec<Span>,
}

/// What later steps need of the draft of an instance, in the order of the model's instances.
struct Kept {
    name: Word,
    vrid: Option<Span>,
    /// The instance says nothing about the lease: it can be taken from it.
    lease_by_default: bool,
    /// `linkbeat_use_polling`.
    poll_link: bool,
}

/// The beginning of a model: all but the instances hangs on little, and drafts of many instances need more
/// memory than the instances. So an instance may be made as soon as it is read, with what was written before
/// it. Whether that was enough shows at the end of the text ([`Early::holds`]).
pub(crate) struct Early {
    global: GlobalDraft,
    /// The trackers that were defined.
    seen: Seen,
    state: State,
    model: Model,
    kept: Vec<Kept>,
}

impl std::fmt::Debug for Early {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Early").field("instances", &self.model.instances.len()).finish_non_exhaustive()
    }
}

impl Early {
    /// With what has been written so far.
    pub(crate) fn begin(draft: &Draft, cx: &mut Cx<'_>) -> Self {
        let global = draft.global.clone();
        let commands = Commands::new(&global.scripts, cx);
        let state = State { commands, ..State::default() };
        let mut r = Resolver { cx, global: &global, state };
        let mut model = Model { global: daemon::global(&mut r), ..Model::default() };
        let (bfd, bfds) = bfd::sessions(&mut r, &draft.bfds);
        model.bfd = bfd;
        r.define_trackers(&draft.scripts, &draft.files, &draft.processes, bfds);
        let state = r.state;
        Self { seen: draft.seen(), global, state, model, kept: Vec::new() }
    }

    /// Makes an instance of its draft.
    pub(crate) fn instance(&mut self, draft: InstanceDraft, cx: &mut Cx<'_>) {
        let mut r = Resolver { cx, global: &self.global, state: std::mem::take(&mut self.state) };
        if let Some(resolved) = instance::instance(&mut r, &draft) {
            self.model.instances.push(resolved);
            let lease_by_default = lease::is_default(&r, &draft);
            let vrid = draft.vrid.map(|(_, span)| span);
            let poll_link = draft.held_if_any().is_some_and(|held| held.poll_link);
            self.kept.push(Kept { vrid, lease_by_default, poll_link, name: draft.name });
        }
        self.state = r.state;
    }

    /// Whether nothing was written later that the instances would have had to know.
    pub(crate) fn holds(&self, draft: &Draft) -> bool {
        self.seen == draft.seen() && self.global == draft.global
    }
}

/// Makes the model of a draft, which is only good if no diagnostic refuses it. If places are noted, those of
/// the services come with it.
pub(crate) fn resolve(mut draft: Draft, cx: &mut Cx<'_>) -> (Model, Vec<ServicePlaces>) {
    let mut early = draft.early.take().unwrap_or_else(|| Box::new(Early::begin(&draft, cx)));
    drop(draft.names);
    early.model.instances.reserve_exact(draft.instances.len());
    // Each draft goes as its instance comes.
    for instance in draft.instances {
        early.instance(*instance, cx);
    }
    let Early { global, state, mut model, kept, .. } = *early;
    let mut resolver = Resolver { cx, global: &global, state };
    let r = &mut resolver;
    group::groups(r, &draft.groups, &kept, &mut model);
    r.state.trackers.settle(&mut model.instances);
    lease::limit(r, &kept, &mut model.instances);
    instance::refuse_duplicates(r, &kept, &model.instances);
    let default = global.default_interface.as_ref();
    model.lvs = lvs::lvs(r, draft.lvs, &model.instances);
    model.mail = global.mail.clone().finish();
    model.mail.alert_vrrp = global.mail.alert_vrrp().unwrap_or(false);
    let mut follows = Vec::new();
    for draft in &draft.static_addresses {
        let Some(address) = link::static_address(r, draft, default) else { continue };
        follows.extend(draft.track_group.as_ref().map(|group| Follows { group, link: Some(address.link) }));
        model.static_addresses.push(address);
    }
    for draft in &draft.static_routes {
        let Some(route) = link::route(r, draft, "") else { continue };
        let link = route.hops.iter().find_map(|hop| hop.link);
        follows.extend(draft.track_group.as_ref().map(|group| Follows { group, link }));
        model.static_routes.push(route);
    }
    for draft in &draft.static_rules {
        let Some(rule) = rule::rule(r, draft) else { continue };
        follows.extend(draft.track_group.as_ref().map(|group| Follows { group, link: rule.input }));
        model.static_rules.push(rule);
    }
    links::links(r, &draft.links, &kept, &mut model);
    links::track_groups(r, &draft.links.track_groups, &follows, &kept, &mut model);
    r.tell_unused();
    r.state.commands.finish(r.state.missing_link, r.cx);
    if r.state.missing_link {
        let d = Diagnostic::new(Code::INTERFACE, "the configuration names interfaces that do not exist")
            .help("create them before the daemon starts, or set `dynamic_interfaces` in `global_defs`")
            .log("Non-existent interface specified in configuration");
        r.cx.report(d);
    }
    model.trackers = resolver.state.trackers.into_list();
    (model, resolver.state.services)
}

impl Resolver<'_, '_> {
    /// A command; `None` if there is none or it can't be run.
    fn command(&mut self, draft: Option<&CommandDraft>) -> Option<model::Command> {
        self.state.commands.resolve(draft?, self.cx)
    }

    fn notify(&mut self, draft: &NotifyDraft) -> model::Notify {
        model::Notify {
            master: self.command(draft.master.as_deref()).map(Box::new),
            backup: self.command(draft.backup.as_deref()).map(Box::new),
            fault: self.command(draft.fault.as_deref()).map(Box::new),
            stop: self.command(draft.stop.as_deref()).map(Box::new),
            deleted: self.command(draft.deleted.as_deref()).map(Box::new),
            tell_deleted: draft.tell_deleted,
            any: self.command(draft.any.as_deref()).map(Box::new),
            master_rx_lower_pri: self.command(draft.master_rx_lower_pri.as_deref()).map(Box::new),
            priority_changes: draft.priority_changes.unwrap_or(self.global.notify_priority_changes),
            smtp_alert: draft.smtp_alert.or(self.global.mail.alert_vrrp()).unwrap_or(false),
        }
    }

    /// Where `keyword` stands in the block at `head`, if places are noted; else `head`.
    fn place_of(&self, head: Span, keyword: &str) -> Span {
        let block = self.cx.places.as_ref().and_then(|places| places.block_at(head));
        block.and_then(|block| block.place_of(keyword)).unwrap_or(head)
    }

    /// Something that cannot work as written; what holds instead is in `label`.
    fn conflict(
        &mut self,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
        log: impl Into<String>,
    ) {
        self.conflict_of(Code::CONFLICT, span, message, label, help, log);
    }

    /// As [`Resolver::conflict`], with a code of its own.
    fn conflict_of(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
        log: impl Into<String>,
    ) {
        let d = Diagnostic::new(code, message).at(span).label(label).help(help).bare_log(log);
        self.cx.report(d);
    }

    /// As [`Resolver::conflict`], for what keepalived finds while it reads: its log has the line.
    fn conflict_on_line(
        &mut self,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
        log: impl Into<String>,
    ) {
        let d = Diagnostic::new(Code::CONFLICT, message).at(span).label(label).help(help).log(log);
        self.cx.report(d);
    }
}
