//! The blocks of the configuration: each with its table of keywords and its draft, which holds what
//! was written until the whole configuration is known.

pub(crate) mod address;
pub(crate) mod auth_hmac;
pub(crate) mod authentication;
pub(crate) mod bfd_instance;
pub(crate) mod command;
pub(crate) mod global_defs;
pub(crate) mod lease;
pub(crate) mod links;
pub(crate) mod lvs;
pub(crate) mod names;
pub(crate) mod notify;
pub(crate) mod route;
pub(crate) mod rule;
pub(crate) mod track;
pub(crate) mod track_file;
pub(crate) mod track_process;
pub(crate) mod unicast;
pub(crate) mod virtual_link;
pub(crate) mod vrrp_instance;
pub(crate) mod vrrp_script;
pub(crate) mod vrrp_sync_group;

use std::collections::BTreeMap;

use base::Duration;

use crate::block::address::AddressDraft;
use crate::block::bfd_instance::BfdDraft;
use crate::block::global_defs::lvs::SyncDraft;
use crate::block::global_defs::{GlobalDraft, keyword};
use crate::block::links::{GarpDraft, LinksDraft, TrackGroupDraft};
use crate::block::lvs::LvsDraft;
use crate::block::route::RouteDraft;
use crate::block::rule::RuleDraft;
use crate::block::track_file::FileDraft;
use crate::block::track_process::ProcessDraft;
use crate::block::vrrp_instance::InstanceDraft;
use crate::block::vrrp_script::ScriptDraft;
use crate::block::vrrp_sync_group::GroupDraft;
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Catalogue, Cx, Keyword, Kind, Nodes, Range, Table, pending, works};
use crate::lang::tree::BlockId;
use crate::lang::{Node, Word};
use crate::resolve::Early;
use crate::span::{Span, to_u32};

/// A whole configuration as written.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) global: GlobalDraft,
    #[allow(clippy::vec_box, reason = "each can be freed alone when its instance is made")]
    pub(crate) instances: Vec<Box<InstanceDraft>>,
    pub(crate) groups: Vec<GroupDraft>,
    pub(crate) scripts: Vec<ScriptDraft>,
    pub(crate) files: Vec<FileDraft>,
    pub(crate) static_addresses: Vec<AddressDraft>,
    pub(crate) static_routes: Vec<RouteDraft>,
    pub(crate) lvs: LvsDraft,
    pub(crate) static_rules: Vec<RuleDraft>,
    pub(crate) processes: Vec<ProcessDraft>,
    pub(crate) bfds: Vec<BfdDraft>,
    pub(crate) links: LinksDraft,
    /// With so many instances, those that are there and all later ones are made at once: `early` has them.
    pub(crate) most: usize,
    pub(crate) early: Option<Box<Early>>,
    /// Names of blocks, by what keepalived calls them, and where they were used first.
    pub(crate) names: BTreeMap<(&'static str, String), Span>,
}

/// The keywords of the root.
pub(crate) const ROOT: Table<Draft> = Table {
    path: "",
    id: BlockId::ROOT,
    keywords: &[
        works(&[
            keyword!(
                "net_namespace",
                Kind::Word("NAME", |d, w, _| d.global.out.net_namespace = Some(w.text.as_str().into())),
                "",
                "network namespace that everything runs in"
            ),
            keyword!(
                "use_pid_dir",
                Kind::Flag(|d| d.global.out.use_pid_dir = true),
                "off",
                "keep pid files in a directory of their own"
            ),
            keyword!(
                "instance",
                Kind::Word("NAME", instance),
                "",
                "name of this daemon among several on the host"
            ),
            keyword!(
                "child_wait_time",
                Kind::Number {
                    range: Range::new(0, u32::MAX as i64, "s"),
                    set: |d, n| d.global.out.child_wait = Duration::from_secs(u64::try_from(n).unwrap_or(5))
                },
                "5",
                "how long stopping processes are waited for"
            ),
            keyword!(
                "global_defs",
                Kind::Block("", global_defs::TABLE.id, |d, _, nodes, cx| global_defs::TABLE.apply(
                    &mut d.global,
                    nodes,
                    cx
                )),
                "",
                "settings of the daemon as a whole"
            ),
            keyword!(
                "static_ipaddress",
                Kind::Values("ADDR[/LEN] [dev IF] ..", |d, _, lines, cx| {
                    for line in lines {
                        d.static_addresses.extend(address::parse(line, true, cx));
                    }
                }),
                "",
                "addresses that are there while the daemon runs"
            ),
            keyword!(
                "static_routes",
                Kind::Values("DEST via ADDR dev IF ..", |d, _, lines, cx| {
                    for line in lines {
                        d.static_routes.extend(route::parse(line, true, cx));
                    }
                }),
                "",
                "routes that are there while the daemon runs"
            ),
            keyword!(
                "vrrp_instance",
                Kind::Block("NAME", vrrp_instance::TABLE.id, vrrp_instance),
                "",
                "a virtual router"
            ),
            keyword!(
                "vrrp_sync_group",
                Kind::Block("NAME", vrrp_sync_group::TABLE.id, vrrp_sync_group),
                "",
                "virtual routers that change state together"
            ),
            keyword!(
                "vrrp_script",
                Kind::Block("NAME", vrrp_script::TABLE.id, vrrp_script),
                "",
                "a script whose result is tracked"
            ),
            keyword!(
                "track_file",
                Kind::Block("NAME", track_file::TABLE.id, track_file),
                "",
                "a file whose number is tracked"
            ),
            keyword!(
                "vrrp_track_file",
                Kind::Block("NAME", track_file::VRRP_TABLE.id, vrrp_track_file),
                "",
                "the older name of track_file"
            ),
        ]),
        works(lvs::ROOT),
        pending(PENDING),
    ],
};

/// Keywords of the root on which nothing acts yet.
const PENDING: &[Keyword<Draft>] = &[
    keyword!(
        "namespace_with_ipsets",
        Kind::Flag(|d| d.global.out.firewall.ipsets_in_namespace = true),
        "off",
        "ipsets inside of a namespace even where the kernel is older than 3.13"
    ),
    keyword!(
        "linkbeat_use_polling",
        Kind::Flag(|d| d.links.poll_all = true),
        "off",
        "ask all interfaces for their state each second; linkbeat_interfaces is the newer way"
    ),
    keyword!(
        "linkbeat_interfaces",
        Kind::Values("IF [MII | ETHTOOL | IOCTL] ..", |d, _, lines, cx| {
            links::polled(&mut d.links.polled, lines, cx);
        }),
        "",
        "interfaces that are asked for their state each second"
    ),
    keyword!(
        "interface_up_down_delays",
        Kind::Values("IF DOWN [UP] ..", |d, _, lines, cx| links::delays(&mut d.links.delays, lines, cx)),
        "0",
        "how many seconds a change of an interface must last to count"
    ),
    keyword!(
        "garp_group",
        Kind::Block("", links::GARP_GROUP.id, garp_group),
        "",
        "interfaces that share gaps between announcements"
    ),
    keyword!(
        "track_group",
        Kind::Block("NAME", links::TRACK_GROUP.id, track_group),
        "",
        "instances that follow the interfaces of static addresses, routes and rules"
    ),
    keyword!(
        "static_rules",
        Kind::Values("[from PREFIX] [to PREFIX] table T priority N ..", |d, _, lines, cx| {
            for line in lines {
                d.static_rules.extend(rule::parse(line, true, cx));
            }
        }),
        "",
        "policy rules that are there while the daemon runs"
    ),
    keyword!(
        "vrrp_track_process",
        Kind::Block("NAME", track_process::TABLE.id, vrrp_track_process),
        "",
        "processes whose number is tracked"
    ),
    keyword!("bfd_instance", Kind::Block("NAME", bfd_instance::TABLE.id, bfd_instance), "", "a BFD session"),
];

/// Puts every table into the catalogue.
pub(crate) fn register(catalogue: &mut Catalogue) {
    catalogue.add(&ROOT);
    catalogue.add(&global_defs::TABLE);
    catalogue.add(&vrrp_instance::TABLE);
    catalogue.add(&vrrp_sync_group::TABLE);
    catalogue.add(&vrrp_script::TABLE);
    catalogue.add(&track_file::TABLE);
    catalogue.add(&track_file::VRRP_TABLE);
    catalogue.add(&authentication::TABLE);
    lvs::register(catalogue);
    catalogue.add(&bfd_instance::TABLE);
    catalogue.add(&track_process::TABLE);
    catalogue.add(&links::GARP_GROUP);
    catalogue.add(&links::TRACK_GROUP);
    catalogue.add(&auth_hmac::TABLE);
}

/// How many things of each kind were defined before something: it can track only those.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) scripts: u32,
    pub(crate) files: u32,
    pub(crate) processes: u32,
    pub(crate) bfds: u32,
}

impl Draft {
    pub(crate) fn seen(&self) -> Seen {
        Seen {
            scripts: to_u32(self.scripts.len()),
            files: to_u32(self.files.len()),
            processes: to_u32(self.processes.len()),
            bfds: to_u32(self.bfds.len()),
        }
    }

    /// The name of a block. `None` if it has none, or another block of that `kind` has it; that has then been
    /// told. `kind` is what keepalived calls it, and `unnamed` what it says of one without a name: it asks some
    /// for their name itself, and does not start without the others'.
    fn name(
        &mut self,
        kind: &'static str,
        unnamed: Option<&str>,
        node: &Node,
        cx: &mut Cx<'_>,
    ) -> Option<Word> {
        let keyword = node.keyword.text;
        let Some(name) = node.words.first().cloned() else {
            let Some(log) = unnamed else {
                cx.missing(node, 2);
                return None;
            };
            let d = Diagnostic::new(Code::VALUE, format!("`{keyword}` needs a name"))
                .at(node.keyword.span)
                .label("this block is ignored")
                .help(format!("write `{keyword} NAME {{`"))
                .log(log);
            cx.report(d);
            return None;
        };
        if let Some(extra) = node.words.get(1) {
            cx.extra(node, extra);
        }
        cx.object.clone_from(&name.text);
        match self.names.get(&(kind, name.text.clone())) {
            None => {
                self.names.insert((kind, name.text.clone()), name.span);
                Some(name)
            }
            Some(&first) => {
                let d = Diagnostic::new(
                    Code::DUPLICATE,
                    format!("there are two `{keyword}` called `{}`", name.text),
                )
                .at(name.span)
                .label("this one is ignored")
                .other(first, "the first one")
                .help("give one of them another name")
                .log(format!("{kind} {} already defined", name.text));
                cx.report(d);
                None
            }
        }
    }
}

fn instance(draft: &mut Draft, word: &Word, cx: &mut Cx<'_>) {
    if word.text.contains('/') {
        cx.bad_value(
            word,
            format!("`{}` cannot be the name of an instance", word.text),
            "use a name without `/`",
        );
        return;
    }
    draft.global.out.instance = Some(word.text.as_str().into());
    draft.global.out.use_pid_dir = true;
}

fn vrrp_instance(draft: &mut Draft, node: &Node, nodes: &mut Nodes<'_, '_>, cx: &mut Cx<'_>) {
    let Some(name) = draft.name("vrrp instance", Some("vrrp_instance must have a name"), node, cx) else {
        return;
    };
    let mut instance = InstanceDraft::new(name, draft.seen());
    vrrp_instance::TABLE.apply(&mut instance, nodes, cx);
    instance.shrink();
    if let Some(word) = instance.held_if_any().and_then(|held| held.lvs_sync_interface.as_ref())
        && draft.global.lvs.sync.is_none()
        && let Some(link) = cx.if_name(word)
    {
        draft.global.lvs.sync = Some(SyncDraft::following(link, instance.name.clone()));
    }
    if draft.early.is_none() && draft.instances.len() < draft.most {
        draft.instances.push(Box::new(instance));
        return;
    }
    let mut early = draft.early.take().unwrap_or_else(|| Box::new(Early::begin(draft, cx)));
    for instance in std::mem::take(&mut draft.instances).into_iter().chain([Box::new(instance)]) {
        early.instance(*instance, cx);
    }
    draft.early = Some(early);
}

fn vrrp_sync_group(draft: &mut Draft, node: &Node, nodes: &mut Nodes<'_, '_>, cx: &mut Cx<'_>) {
    let Some(name) = draft.name("vrrp sync group", Some("vrrp_sync_group must have a name"), node, cx) else {
        return;
    };
    let mut group = GroupDraft::new(name, draft.seen());
    vrrp_sync_group::TABLE.apply(&mut group, nodes, cx);
    draft.groups.push(group);
}

fn vrrp_script(draft: &mut Draft, node: &Node, nodes: &mut Nodes<'_, '_>, cx: &mut Cx<'_>) {
    let Some(name) = draft.name("vrrp script", None, node, cx) else { return };
    let mut script = ScriptDraft::new(name);
    vrrp_script::TABLE.apply(&mut script, nodes, cx);
    draft.scripts.push(script);
}

fn track_file(draft: &mut Draft, node: &Node, nodes: &mut Nodes<'_, '_>, cx: &mut Cx<'_>) {
    file(draft, &track_file::TABLE, node, nodes, cx);
}

fn vrrp_track_file(draft: &mut Draft, node: &Node, nodes: &mut Nodes<'_, '_>, cx: &mut Cx<'_>) {
    file(draft, &track_file::VRRP_TABLE, node, nodes, cx);
}

fn file(
    draft: &mut Draft,
    table: &Table<FileDraft>,
    node: &Node,
    nodes: &mut Nodes<'_, '_>,
    cx: &mut Cx<'_>,
) {
    let Some(name) = draft.name("track file", None, node, cx) else { return };
    let mut file = FileDraft::new(name);
    table.apply(&mut file, nodes, cx);
    draft.files.push(file);
}

fn vrrp_track_process(draft: &mut Draft, node: &Node, nodes: &mut Nodes<'_, '_>, cx: &mut Cx<'_>) {
    let Some(name) = draft.name("vrrp track process", None, node, cx) else { return };
    let mut process = ProcessDraft::new(name);
    track_process::TABLE.apply(&mut process, nodes, cx);
    draft.processes.push(process);
}

fn bfd_instance(draft: &mut Draft, node: &Node, nodes: &mut Nodes<'_, '_>, cx: &mut Cx<'_>) {
    let Some(name) = draft.name("BFD", None, node, cx) else { return };
    if name.text.len() > bfd_instance::MAX_NAME {
        let d = Diagnostic::new(
            Code::VALUE,
            format!("the name of a BFD session has {} bytes at most", bfd_instance::MAX_NAME),
        )
        .at(name.span)
        .label("this session is ignored")
        .help("choose a shorter one")
        .log(format!(
            "Configuration error: BFD instance {} name too long (maximum length is {} characters) - ignoring",
            name.text,
            bfd_instance::MAX_NAME
        ));
        cx.report(d);
        return;
    }
    let mut session = BfdDraft::new(name);
    bfd_instance::TABLE.apply(&mut session, nodes, cx);
    draft.bfds.push(session);
}

fn garp_group(draft: &mut Draft, node: &Node, nodes: &mut Nodes<'_, '_>, cx: &mut Cx<'_>) {
    let mut group = GarpDraft {
        keyword: node.keyword.span,
        garp_interval: Duration::ZERO,
        gna_interval: Duration::ZERO,
        links: Vec::new(),
    };
    links::GARP_GROUP.apply(&mut group, nodes, cx);
    draft.links.garp_groups.push(group);
}

fn track_group(draft: &mut Draft, node: &Node, nodes: &mut Nodes<'_, '_>, cx: &mut Cx<'_>) {
    let Some(name) = draft.name("track_group", Some("track_group must have a name - skipping"), node, cx)
    else {
        return;
    };
    let mut group = TrackGroupDraft { name, members: Vec::new(), listed: false };
    links::TRACK_GROUP.apply(&mut group, nodes, cx);
    draft.links.track_groups.push(group);
}
