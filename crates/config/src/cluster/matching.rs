//! Which instances of different nodes are one virtual router.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use base::{Family, IfName, Name, Vrid};
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
        for (node, loaded) in nodes.iter().enumerate().map(|(index, node)| (index, node.loaded)) {
            let Some(model) = &loaded.model else { continue };
            let members = model.instances.iter().map(|instance| {
                let places = loaded.places.as_ref();
                let block = places.and_then(|p| p.named("vrrp_instance", &instance.protocol.name));
                Member { node, instance, model, block }
            });
            let members: Vec<Member<'a>> = members.collect();
            let free: Vec<usize> = (0..routers.len()).collect();
            let placed = place(&mut routers, free, &members);
            let fresh = members.iter().zip(placed).filter(|(_, placed)| !placed);
            routers.extend(fresh.map(|(member, _)| Self { members: vec![*member] }));
        }
        routers
    }
}

fn key(member: &Member<'_>) -> (Family, Vrid) {
    (member.instance.protocol.family, member.instance.protocol.vrid)
}

/// Something by which an instance can be told from others of the same number.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Sign {
    Address(IpAddr),
    Link(Option<IfName>),
    Name(Name),
    Nothing,
}

/// What routers are known by, and what an instance looks for.
type Pass = (fn(&Member<'_>) -> Vec<Sign>, fn(&Member<'_>) -> Vec<Sign>);

/// The best sign first: a number can be in use on several interfaces, which may be called otherwise on another
/// node.
const PASSES: &[Pass] = &[
    (|m| m.instance.source.map(Sign::Address).into_iter().collect(), peers),
    (held, held),
    (link, link),
    (name, name),
    (|_| vec![Sign::Nothing], |_| vec![Sign::Nothing]),
];

fn peers(member: &Member<'_>) -> Vec<Sign> {
    match &member.instance.protocol.peers {
        Peers::Unicast { peers, .. } => peers.iter().map(|peer| Sign::Address(peer.address)).collect(),
        Peers::Multicast(_) => Vec::new(),
    }
}

fn held(member: &Member<'_>) -> Vec<Sign> {
    addresses(member.instance).map(Sign::Address).collect()
}

fn link(member: &Member<'_>) -> Vec<Sign> {
    vec![Sign::Link(member.instance.link)]
}

fn name(member: &Member<'_>) -> Vec<Sign> {
    vec![Sign::Name(member.instance.protocol.name.clone())]
}

/// Puts the instances of a node into `routers` of which it has none yet; which of them found one.
fn place<'a>(routers: &mut [Router<'a>], free: Vec<usize>, members: &[Member<'a>]) -> Vec<bool> {
    let mut placed = vec![false; members.len()];
    let mut taken = vec![false; routers.len()];
    for (known_by, looks_for) in PASSES {
        let mut signs: BTreeMap<((Family, Vrid), Sign), VecDeque<usize>> = BTreeMap::new();
        for &router in free.iter().filter(|&&router| taken.get(router) == Some(&false)) {
            let Some(first) = routers.get(router).and_then(|router| router.members.first()) else { continue };
            for sign in known_by(first) {
                signs.entry((key(first), sign)).or_default().push_back(router);
            }
        }
        for (member, placed) in members.iter().zip(&mut placed).filter(|(_, placed)| !**placed) {
            for sign in looks_for(member) {
                let Some(candidates) = signs.get_mut(&(key(member), sign)) else { continue };
                // A router can be known by several signs.
                let is_free = |router: &usize| taken.get(*router) == Some(&false);
                let Some(router) = std::iter::from_fn(|| candidates.pop_front()).find(is_free) else {
                    continue;
                };
                if let (Some(to), Some(flag)) = (routers.get_mut(router), taken.get_mut(router)) {
                    to.members.push(*member);
                    (*placed, *flag) = (true, true);
                    break;
                }
            }
        }
    }
    placed
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
