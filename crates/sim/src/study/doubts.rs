//! What is doubtful about configurations that are to work together, seen side by side.

use std::collections::BTreeSet;
use std::net::IpAddr;

use base::Name;
use model::Instance;
use vrrp::config::{Peers, Version};

use super::Study;
use crate::cluster::agree;
use crate::node::NodeId;
use crate::world::World;

/// An instance of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// The node.
    pub node: NodeId,
    /// The name of the instance.
    pub instance: Name,
}

/// Something doubtful.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Doubt {
    /// Two members of a virtual router differ in something that must be the same.
    Differ {
        /// Who.
        members: [Member; 2],
        /// In what: keywords.
        what: &'static str,
        /// Whether they refuse each other's adverts because of it.
        refused: bool,
    },
    /// Two members have the same priority: the higher address decides.
    SamePriority {
        /// Who.
        members: [Member; 2],
    },
    /// A virtual router that only one node has.
    Alone {
        /// Who.
        member: Member,
    },
    /// Two nodes send from the same address.
    SameSource {
        /// Who.
        nodes: [NodeId; 2],
        /// Which address.
        address: IpAddr,
    },
    /// The first one sends its adverts to peers, and the second one is none of them.
    NotAPeer {
        /// Who.
        members: [Member; 2],
    },
    /// A unicast peer that is none of the nodes.
    NoSuchPeer {
        /// Whose peer.
        member: Member,
        /// Its address.
        address: IpAddr,
    },
}

impl Study {
    /// What is doubtful about the configurations.
    #[must_use]
    pub fn doubts(&self) -> Vec<Doubt> {
        let world = self.world();
        let mut found = Vec::new();
        for router in &self.routers {
            let members: Vec<(Member, &Instance)> = router
                .members
                .iter()
                .filter_map(|(node, id)| {
                    let instance = world.node(*node).in_force().instances.get(id.index())?;
                    Some((Member { node: *node, instance: instance.protocol.name.clone() }, instance))
                })
                .collect();
            if let ([(member, _)], true) = (members.as_slice(), world.nodes().len() > 1) {
                found.push(Doubt::Alone { member: member.clone() });
            }
            for (at, (a, x)) in members.iter().enumerate() {
                for (b, y) in members.iter().skip(at + 1) {
                    found.extend(compare(a, x, b, y));
                    found.extend(unheard(&world, a, x, b));
                    found.extend(unheard(&world, b, y, a));
                }
                found.extend(strange_peers(&world, a, x));
            }
        }
        found.extend(same_sources(&world));
        found
    }
}

fn compare(a: &Member, x: &Instance, b: &Member, y: &Instance) -> Option<Doubt> {
    let members = [a.clone(), b.clone()];
    if let Some(what) = difference(x, y).or((!agree(x, y)).then_some("something")) {
        return Some(Doubt::Differ { members, what, refused: true });
    }
    let addresses = |i: &Instance| -> BTreeSet<IpAddr> {
        i.addresses.iter().chain(&i.excluded).map(|a| a.net.addr()).collect()
    };
    if addresses(x) != addresses(y) {
        return Some(Doubt::Differ { members, what: "`virtual_ipaddress`", refused: false });
    }
    (x.protocol.priority == y.protocol.priority).then_some(Doubt::SamePriority { members })
}

/// The first thing in which two instances of one virtual router differ and must not.
fn difference(a: &Instance, b: &Instance) -> Option<&'static str> {
    let (a, b) = (&a.protocol, &b.protocol);
    if a.version != b.version {
        return Some("`version`");
    }
    if a.auth != b.auth {
        return Some("`authentication`");
    }
    if a.version == Version::V2 && a.advert_interval != b.advert_interval {
        return Some("`advert_int`");
    }
    match (&a.peers, &b.peers) {
        (Peers::Multicast(x), Peers::Multicast(y)) if x != y => {
            Some("the multicast group (`vrrp_mcast_group4`, `mcast_dst_ip`)")
        }
        (Peers::Multicast(_), Peers::Unicast { .. }) | (Peers::Unicast { .. }, Peers::Multicast(_)) => {
            Some("`unicast_peer`: one has it, the other has not")
        }
        _ => None,
    }
}

/// Whether `a` sends its adverts to others only.
fn unheard(world: &World, a: &Member, x: &Instance, b: &Member) -> Option<Doubt> {
    let Peers::Unicast { peers, .. } = &x.protocol.peers else { return None };
    let sent = peers.iter().any(|peer| world.node(b.node).host.holds(None, peer.address));
    (!sent).then(|| Doubt::NotAPeer { members: [a.clone(), b.clone()] })
}

fn strange_peers(world: &World, member: &Member, instance: &Instance) -> Vec<Doubt> {
    let Peers::Unicast { peers, .. } = &instance.protocol.peers else { return Vec::new() };
    let somebodys = |address: IpAddr| world.nodes().iter().any(|node| node.host.holds(None, address));
    peers
        .iter()
        .filter(|peer| !somebodys(peer.address))
        .map(|peer| Doubt::NoSuchPeer { member: member.clone(), address: peer.address })
        .collect()
}

fn same_sources(world: &World) -> Vec<Doubt> {
    let sources = |node: NodeId| -> BTreeSet<IpAddr> {
        world.node(node).in_force().instances.iter().filter_map(|i| i.source).collect()
    };
    let mut found = Vec::new();
    for a in world.ids() {
        for b in world.ids().filter(|b| *b > a) {
            for address in sources(a).intersection(&sources(b)) {
                found.push(Doubt::SameSource { nodes: [a, b], address: *address });
            }
        }
    }
    found
}
