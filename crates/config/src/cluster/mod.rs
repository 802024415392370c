//! The configurations of several nodes side by side: what makes them refuse each other, or both claim an
//! address.
//!
//! Each configuration is read as that of one node, with [`advice`](crate::Options::advice). [`compare`]
//! finds the instances that are one virtual router and tells what is wrong between them.
//!
//! ```
//! use vipd_config::{MapSource, Options, cluster, load};
//!
//! let text = |id: u8, priority: u8| format!("vrrp_instance VI_1 {{
//!     interface eth0
//!     virtual_router_id {id}
//!     priority {priority}
//!     virtual_ipaddress {{
//!         192.0.2.1/24
//!     }}
//! }}");
//! let source = MapSource::new().file("/a.conf", text(51, 150)).file("/b.conf", text(52, 100));
//! let [a, b] = ["/a.conf", "/b.conf"].map(|file| load(&source, &Options::new(file).with_advice()));
//! let nodes = [cluster::Node { name: "a", loaded: &a }, cluster::Node { name: "b", loaded: &b }];
//! let found = cluster::compare(&nodes);
//! assert_eq!(found[0].code.name, "cluster-router-id");
//! println!("{}", found[0].render(&nodes, false));
//! ```

mod agree;
mod groups;
mod matching;
mod peers;
mod priority;

use base::Name;

use crate::diag::Code;
use crate::load::Loaded;
use crate::render;
use crate::span::Span;

use matching::{Member, Router};

/// A node and its configuration.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    /// What it is called in messages: the name of its file.
    pub name: &'a str,
    /// Its configuration, loaded with advice. A node whose configuration is refused is left out.
    pub loaded: &'a Loaded,
}

/// Something wrong between nodes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Its kind.
    pub code: Code,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What each node has to do with it; at least one.
    pub marks: Vec<Mark>,
    /// A way out.
    pub help: Option<String>,
}

/// A place in the configuration of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mark {
    /// The node, as an index into those that were compared.
    pub node: usize,
    /// The instance.
    pub instance: Name,
    /// Where.
    pub span: Option<Span>,
    /// What the place is told.
    pub label: String,
}

impl Finding {
    fn new(code: Code, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { code, message: message.into(), marks: Vec::new(), help: Some(help.into()) }
    }

    /// Adds what `keyword` of `member` is told.
    fn mark(mut self, member: &Member<'_>, keyword: &str, label: impl Into<String>) -> Self {
        let span = member.block.and_then(|block| block.place_of(keyword));
        self.marks.push(Mark {
            node: member.node,
            instance: member.instance.protocol.name.clone(),
            span,
            label: label.into(),
        });
        self
    }

    /// The whole story with lines of each file, and a line break at its end. `nodes` are those that were
    /// compared.
    #[must_use]
    pub fn render(&self, nodes: &[Node<'_>], colours: bool) -> String {
        let printers: Vec<_> = nodes.iter().map(|node| node.loaded.printer(colours)).collect();
        let places = self
            .marks
            .iter()
            .filter_map(|mark| Some((printers.get(mark.node)?, mark.span?, mark.label.as_str())));
        render::across(&self.code, &self.message, places, self.help.as_deref(), colours)
    }
}

/// Compares every two of `nodes`.
#[must_use]
pub fn compare(nodes: &[Node<'_>]) -> Vec<Finding> {
    let routers = Router::all(nodes);
    let mut found = Vec::new();
    let strangers = matching::strangers(&routers, nodes, &mut found);
    for (index, router) in routers.iter().enumerate() {
        if let [member] = router.members.as_slice() {
            if !strangers.contains(&index) && nodes.len() > 1 {
                found.push(alone(member, nodes));
            }
            continue;
        }
        agree::look(router, &mut found);
        peers::look(router, nodes, &mut found);
        priority::look(router, nodes, &mut found);
    }
    groups::look(&routers, nodes, &mut found);
    found
}

fn alone(member: &Member<'_>, nodes: &[Node<'_>]) -> Finding {
    let name = &member.instance.protocol.name;
    let message = format!("only `{}` has the virtual router of `{name}`", node_name(nodes, member.node));
    let help = "add it to another node, or compare the files of all nodes";
    Finding::new(Code::CLUSTER_ALONE, message, help).mark(
        member,
        "virtual_router_id",
        "nobody takes over from it",
    )
}

fn node_name<'a>(nodes: &[Node<'a>], index: usize) -> &'a str {
    nodes.get(index).map_or("", |node| node.name)
}

/// The codes of all that can be wrong between nodes.
pub fn codes() -> impl Iterator<Item = &'static Code> {
    CODES.iter()
}

const CODES: &[Code] = &[
    Code::CLUSTER_ROUTER_ID,
    Code::CLUSTER_ALONE,
    Code::CLUSTER_VERSION,
    Code::CLUSTER_TRANSPORT,
    Code::CLUSTER_AUTH,
    Code::CLUSTER_INTERVAL,
    Code::CLUSTER_CHECKSUM,
    Code::CLUSTER_ADDRESSES,
    Code::CLUSTER_NOPREEMPT,
    Code::CLUSTER_PEERS,
    Code::CLUSTER_SOURCE,
    Code::CLUSTER_OWNERS,
    Code::CLUSTER_TIE,
    Code::CLUSTER_MASTERS,
    Code::CLUSTER_WEIGHT,
    Code::CLUSTER_ORDER,
    Code::CLUSTER_GROUP,
    Code::CLUSTER_GROUP_ORDER,
];
