//! The blocks of the configuration: each with its table of keywords and its draft, which holds what
//! was written until the whole configuration is known.

pub(crate) mod address;
pub(crate) mod authentication;
pub(crate) mod command;
pub(crate) mod global_defs;
pub(crate) mod lease;
pub(crate) mod names;
pub(crate) mod notify;
pub(crate) mod route;
pub(crate) mod track;
pub(crate) mod track_file;
pub(crate) mod unicast;
pub(crate) mod vrrp_instance;
pub(crate) mod vrrp_script;
pub(crate) mod vrrp_sync_group;

use std::collections::BTreeMap;

use base::Duration;

use crate::block::address::AddressDraft;
use crate::block::global_defs::{GlobalDraft, keyword};
use crate::block::route::RouteDraft;
use crate::block::track_file::FileDraft;
use crate::block::vrrp_instance::InstanceDraft;
use crate::block::vrrp_script::ScriptDraft;
use crate::block::vrrp_sync_group::GroupDraft;
use crate::diag::{Code, Diagnostic};
use crate::keyword::{Catalogue, Cx, Keyword, Kind, Range, Table};
use crate::lang::tree::BlockId;
use crate::lang::{Node, Word};
use crate::span::Span;

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
    /// Names of blocks, by keyword, and where they were used first.
    names: BTreeMap<(&'static str, String), Span>,
}

/// The keywords of the root.
pub(crate) const ROOT: Table<Draft> = Table {
    path: "",
    id: BlockId::ROOT,
    keywords: &[
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
            Kind::Block("", BlockId(1), |d, _, nodes, cx| global_defs::TABLE.apply(&mut d.global, nodes, cx)),
            "",
            "settings of the daemon as a whole"
        ),
        keyword!(
            "static_ipaddress",
            Kind::Values("ADDR[/LEN] [dev IF] ..", |d, _, lines, cx| {
                for line in lines {
                    d.static_addresses.extend(address::parse(line, cx));
                }
            }),
            "",
            "addresses that are there while the daemon runs"
        ),
        keyword!(
            "static_routes",
            Kind::Values("DEST via ADDR dev IF ..", |d, _, lines, cx| {
                for line in lines {
                    d.static_routes.extend(route::parse(line, cx));
                }
            }),
            "",
            "routes that are there while the daemon runs"
        ),
        keyword!("vrrp_instance", Kind::Block("NAME", BlockId(2), vrrp_instance), "", "a virtual router"),
        keyword!(
            "vrrp_sync_group",
            Kind::Block("NAME", BlockId(3), vrrp_sync_group),
            "",
            "virtual routers that change state together"
        ),
        keyword!(
            "vrrp_script",
            Kind::Block("NAME", BlockId(4), vrrp_script),
            "",
            "a script whose result is tracked"
        ),
        keyword!(
            "track_file",
            Kind::Block("NAME", BlockId(5), track_file),
            "",
            "a file whose number is tracked"
        ),
        keyword!(
            "vrrp_track_file",
            Kind::Block("NAME", BlockId(6), vrrp_track_file),
            "",
            "the older name of track_file"
        ),
    ],
};

/// Puts every table into the catalogue, in the order of their ids.
pub(crate) fn register(catalogue: &mut Catalogue) {
    catalogue.add(&ROOT);
    catalogue.add(&global_defs::TABLE);
    catalogue.add(&vrrp_instance::TABLE);
    catalogue.add(&vrrp_sync_group::TABLE);
    catalogue.add(&vrrp_script::TABLE);
    catalogue.add(&track_file::TABLE);
    catalogue.add(&track_file::VRRP_TABLE);
    catalogue.add(&authentication::TABLE);
}

/// How many scripts and files were defined before something: it can track only those.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) scripts: usize,
    pub(crate) files: usize,
}

impl Draft {
    fn seen(&self) -> Seen {
        Seen { scripts: self.scripts.len(), files: self.files.len() }
    }

    /// The name of a block. `None` if it has none, or another block of that keyword has it; that
    /// has then been told.
    fn name(&mut self, keyword: &'static str, log: &str, node: &Node, cx: &mut Cx<'_>) -> Option<Word> {
        let Some(name) = node.words.first().cloned() else {
            // keepalived asks some blocks for their name itself, and does not start without the others'.
            if !matches!(keyword, "vrrp_instance" | "vrrp_sync_group") {
                cx.missing(node, 2);
                return None;
            }
            let d = Diagnostic::new(Code::VALUE, format!("`{keyword}` needs a name"))
                .at(node.keyword.span)
                .label("this block is ignored")
                .help(format!("write `{keyword} NAME {{`"))
                .log(format!("{keyword} must have a name"));
            cx.report(d);
            return None;
        };
        if let Some(extra) = node.words.get(1) {
            cx.extra(node, extra);
        }
        cx.object.clone_from(&name.text);
        match self.names.get(&(keyword, name.text.clone())) {
            None => {
                self.names.insert((keyword, name.text.clone()), name.span);
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
                .log(format!("{log} {} already defined", name.text));
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

fn vrrp_instance(draft: &mut Draft, node: &Node, nodes: &[Node], cx: &mut Cx<'_>) {
    let Some(name) = draft.name("vrrp_instance", "vrrp instance", node, cx) else { return };
    let mut instance = InstanceDraft::new(name, draft.seen());
    vrrp_instance::TABLE.apply(&mut instance, nodes, cx);
    draft.instances.push(Box::new(instance));
}

fn vrrp_sync_group(draft: &mut Draft, node: &Node, nodes: &[Node], cx: &mut Cx<'_>) {
    let Some(name) = draft.name("vrrp_sync_group", "vrrp sync group", node, cx) else { return };
    let mut group = GroupDraft::new(name, draft.seen());
    vrrp_sync_group::TABLE.apply(&mut group, nodes, cx);
    draft.groups.push(group);
}

fn vrrp_script(draft: &mut Draft, node: &Node, nodes: &[Node], cx: &mut Cx<'_>) {
    let Some(name) = draft.name("vrrp_script", "vrrp script", node, cx) else { return };
    let mut script = ScriptDraft::new(name);
    vrrp_script::TABLE.apply(&mut script, nodes, cx);
    draft.scripts.push(script);
}

fn track_file(draft: &mut Draft, node: &Node, nodes: &[Node], cx: &mut Cx<'_>) {
    file(draft, &track_file::TABLE, node, nodes, cx);
}

fn vrrp_track_file(draft: &mut Draft, node: &Node, nodes: &[Node], cx: &mut Cx<'_>) {
    file(draft, &track_file::VRRP_TABLE, node, nodes, cx);
}

fn file(draft: &mut Draft, table: &Table<FileDraft>, node: &Node, nodes: &[Node], cx: &mut Cx<'_>) {
    let Some(name) = draft.name("track_file", "track file", node, cx) else { return };
    let mut file = FileDraft::new(name);
    table.apply(&mut file, nodes, cx);
    draft.files.push(file);
}
