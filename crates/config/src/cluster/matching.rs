//! Which instances of different nodes are one virtual router.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use base::{Family, Name, Vrid};
use model::{Instance, Model};
use vrrp::config::Peers;

use super::{Finding, Node, node_name};
use crate::diag::Code;
use crate::keyword::Block;

/// An instance of a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member<'a> {
    pub(super) node: usize,
    pub(super) instance: &'a Instance,
    pub(super) model: &'a Model,
    /// Where it stands.
    pub(super) block: Option<Block<'a>>,
}

/// One virtual router: at most one instance of each node.
#[derive(Debug)]
pub(super) struct Router<'a> {
    pub(super) members: Vec<Member<'a>>,
}

impl<'a> Router<'a> {
    /// All of them, in the order of the first node, the second one, and so on.
    pub(super) fn all(nodes: &[Node<'a>]) -> Vec<Self> {
        let mut routers: Vec<Self> = Vec::new();
        let mut known: BTreeMap<(Family, Vrid), Vec<usize>> = BTreeMap::new();
        for (node, loaded) in nodes.iter().enumerate().map(|(index, node)| (index, node.loaded)) {
            let Some(model) = &loaded.model else { continue };
            let members = model.instances.iter().map(|instance| {
                let places = loaded.places.as_ref();
                let block = places.and_then(|p| p.named("vrrp_instance", &instance.protocol.name));
                Member { node, instance, model, block }
            });
            let members: Vec<Member<'a>> = members.collect();
            // The best pairs first: a number can be in use on several interfaces.
            let mut pairs: Vec<(u32, usize, usize)> = Vec::new();
            for (index, member) in members.iter().enumerate() {
                for &router in known.get(&key(member)).into_iter().flatten() {
                    let first = routers.get(router).and_then(|router| router.members.first());
                    pairs.extend(first.map(|first| (likeness(first, member), index, router)));
                }
            }
            pairs.sort_by_key(|&(score, index, router)| (std::cmp::Reverse(score), index, router));
            let (mut placed, mut taken) = (BTreeSet::new(), BTreeSet::new());
            for (_, index, router) in pairs {
                if placed.contains(&index) || taken.contains(&router) {
                    continue;
                }
                if let (Some(member), Some(to)) = (members.get(index), routers.get_mut(router)) {
                    to.members.push(*member);
                    placed.insert(index);
                    taken.insert(router);
                }
            }
            for (_, member) in members.iter().enumerate().filter(|(index, _)| !placed.contains(index)) {
                known.entry(key(member)).or_default().push(routers.len());
                routers.push(Self { members: vec![*member] });
            }
        }
        routers
    }
}

fn key(member: &Member<'_>) -> (Family, Vrid) {
    (member.instance.protocol.family, member.instance.protocol.vrid)
}

/// How much speaks for two instances with one number being one router.
fn likeness(a: &Member<'_>, b: &Member<'_>) -> u32 {
    let (x, y) = (&a.instance.protocol, &b.instance.protocol);
    let hears = |from: &Instance, to: &Peers| match (from.source, to) {
        (Some(source), Peers::Unicast { peers, .. }) => peers.iter().any(|peer| peer.address == source),
        _ => false,
    };
    let signs = [
        hears(a.instance, &y.peers) || hears(b.instance, &x.peers),
        addresses(a.instance).any(|one| addresses(b.instance).any(|other| one == other)),
        a.instance.link.is_some() && a.instance.link == b.instance.link,
        x.name == y.name,
    ];
    // The first sign outweighs all those after it.
    signs.iter().fold(0, |score, &sign| score * 2 + u32::from(sign))
}

/// Every address that moves with the instance.
pub(super) fn addresses(instance: &Instance) -> impl Iterator<Item = IpAddr> {
    instance.addresses.iter().chain(&instance.excluded).map(|address| address.net.addr())
}

/// Instances without a partner that hold the same address or have the same name: one of the numbers is
/// wrong. The routers of which this was told.
pub(super) fn strangers(
    routers: &[Router<'_>],
    nodes: &[Node<'_>],
    found: &mut Vec<Finding>,
) -> BTreeSet<usize> {
    let mut told = BTreeSet::new();
    let mut by_address: BTreeMap<IpAddr, usize> = BTreeMap::new();
    let mut by_name: BTreeMap<&Name, usize> = BTreeMap::new();
    for (index, router) in routers.iter().enumerate() {
        let [member] = router.members.as_slice() else { continue };
        let name = &member.instance.protocol.name;
        let same_address = addresses(member.instance).find_map(|a| Some((by_address.get(&a)?, Some(a))));
        let partner = same_address.or_else(|| by_name.get(name).map(|partner| (partner, None)));
        let partner = partner.and_then(|(&partner, shared)| {
            let other = routers.get(partner)?.members.first()?;
            (other.node != member.node && !told.contains(&partner)).then_some((partner, *other, shared))
        });
        if let Some((partner, other, shared)) = partner {
            told.extend([index, partner]);
            let (a, b) = (node_name(nodes, other.node), node_name(nodes, member.node));
            let message = match shared {
                Some(address) => format!(
                    "`{a}` and `{b}` both claim `{address}`, with different numbers of virtual routers"
                ),
                None => format!("`{name}` is another virtual router on `{a}` than on `{b}`"),
            };
            let help = "write the same `virtual_router_id`, and addresses of the same family, on all nodes";
            let number =
                |m: &Member<'_>| format!("{} over {}", m.instance.protocol.vrid, m.instance.protocol.family);
            found.push(
                Finding::new(Code::CLUSTER_ROUTER_ID, message, help)
                    .mark(&other, "virtual_router_id", number(&other))
                    .mark(member, "virtual_router_id", number(member)),
            );
            continue;
        }
        by_name.entry(name).or_insert(index);
        for address in addresses(member.instance) {
            by_address.entry(address).or_insert(index);
        }
    }
    told
}
