//! Whom unicast adverts reach.

use vrrp::config::Peers;

use super::matching::{Member, Router};
use super::{Finding, Node, node_name};
use crate::diag::Code;

pub(super) fn look(router: &Router<'_>, nodes: &[Node<'_>], found: &mut Vec<Finding>) {
    for (index, a) in router.members.iter().enumerate() {
        for b in router.members.iter().skip(index + 1) {
            if let (Some(x), Some(y)) = (a.instance.source, b.instance.source)
                && x == y
            {
                let (one, other) = (node_name(nodes, a.node), node_name(nodes, b.node));
                let message = format!(
                    "`{one}` and `{other}` both send from `{x}`: each takes the adverts of the other for its own"
                );
                let help = "write the address of the node itself";
                let keyword = |m: &Member<'_>| match m.instance.protocol.peers {
                    Peers::Unicast { .. } => "unicast_src_ip",
                    Peers::Multicast(_) => "mcast_src_ip",
                };
                found.push(
                    Finding::new(Code::CLUSTER_SOURCE, message, help)
                        .mark(a, keyword(a), "the address here")
                        .mark(b, keyword(b), "the same address"),
                );
            } else {
                found.extend(unheard(a, b, nodes));
                found.extend(unheard(b, a, nodes));
            }
        }
    }
}

/// Whether `from` sends its adverts to others only. Without `unicast_src_ip` nobody can tell.
fn unheard(from: &Member<'_>, to: &Member<'_>, nodes: &[Node<'_>]) -> Option<Finding> {
    let Peers::Unicast { peers, .. } = &from.instance.protocol.peers else { return None };
    let Peers::Unicast { .. } = to.instance.protocol.peers else { return None };
    let address = to.instance.source?;
    if peers.iter().any(|peer| peer.address == address) {
        return None;
    }
    let (a, b) = (node_name(nodes, from.node), node_name(nodes, to.node));
    let message = format!("`{a}` sends no adverts to `{b}`, which becomes master beside it");
    let help = format!("add `{address}` to `unicast_peer` of `{a}`, or correct `unicast_src_ip` of `{b}`");
    let finding = Finding::new(Code::CLUSTER_PEERS, message, help)
        .mark(from, "unicast_peer", format!("`{address}` is missing"))
        .mark(to, "unicast_src_ip", "the address of the other node");
    Some(finding)
}
