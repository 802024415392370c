//! What belongs together on different nodes: one virtual router is one instance on each of them.

use std::net::IpAddr;
use std::sync::Arc;

use base::{Duration, Family, Vrid};
use engine::io::Operation;
use model::{Instance, InstanceId, Model};
use vrrp::config::{Peers, Version};
use vrrp::io::State;

use crate::lan::SegmentId;
use crate::node::NodeId;
use crate::world::World;

/// One virtual router: the same VRID and family on the same segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Router {
    /// Where; `None` for unicast without an interface.
    pub segment: Option<SegmentId>,
    /// Its family.
    pub family: Family,
    /// Its number.
    pub vrid: Vrid,
    /// Its members: one on each node that has it, in the order of the nodes.
    pub members: Vec<(NodeId, InstanceId)>,
}

impl Router {
    /// The routers of a world, by the configurations in force.
    #[must_use]
    pub fn all(world: &World) -> Vec<Self> {
        let mut routers: Vec<Self> = Vec::new();
        for node in world.ids() {
            for (index, instance) in world.node(node).in_force().instances.iter().enumerate() {
                let id = InstanceId::from_index(index);
                let segment = instance.link.and_then(|link| world.lan().segment_of((node, link)));
                let (family, vrid) = (instance.protocol.family, instance.protocol.vrid);
                let same = |r: &&mut Self| (r.segment, r.family, r.vrid) == (segment, family, vrid);
                match routers.iter_mut().find(same) {
                    Some(router) => router.members.push((node, id)),
                    None => routers.push(Self { segment, family, vrid, members: vec![(node, id)] }),
                }
            }
        }
        routers
    }

    /// Its members that are in `state`, on nodes whose processes run.
    #[must_use]
    pub fn in_state(&self, world: &World, state: State) -> Vec<NodeId> {
        let is = |(node, id): &&(NodeId, InstanceId)| state_of(world, *node, *id) == Some(state);
        self.members.iter().filter(is).map(|(node, _)| *node).collect()
    }

    /// The nodes whose kernels hold `address` and answer for it.
    #[must_use]
    pub fn holders(&self, world: &World, address: IpAddr) -> Vec<NodeId> {
        let holds =
            |node: &NodeId| world.node(*node).answers() && world.node(*node).host.holds(None, address);
        self.members.iter().map(|(node, _)| *node).filter(holds).collect()
    }

    /// Every virtual address of it on any node.
    #[must_use]
    pub fn addresses(&self, world: &World) -> Vec<IpAddr> {
        let mut all: Vec<IpAddr> = self
            .members
            .iter()
            .filter_map(|(node, id)| world.node(*node).in_force().instances.get(id.index()))
            .flat_map(|i| i.addresses.iter().chain(&i.excluded).map(|a| a.net.addr()))
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// The state of an instance; `None` if its process doesn't run or doesn't know it.
#[must_use]
pub fn state_of(world: &World, node: NodeId, id: InstanceId) -> Option<State> {
    world.node(node).process.as_ref()?.engine.state(id)
}

/// The configuration of an instance.
#[must_use]
pub fn instance(model: &Arc<Model>, id: InstanceId) -> Option<&Instance> {
    model.instances.get(id.index())
}

/// The longest master-down interval that an instance can have: its lowest priority, its own interval or a
/// longer one of `others`, which version 3 learns.
#[must_use]
pub fn longest_wait(instance: &Instance, others: Duration) -> Duration {
    let protocol = &instance.protocol;
    let interval = match protocol.version {
        Version::V2 => protocol.advert_interval,
        Version::V3 => protocol.advert_interval.max(others),
    };
    crate::formula::master_down(instance, base::Priority::MIN, interval)
}

/// Whether two instances of one virtual router understand each other.
#[must_use]
pub fn agree(a: &Instance, b: &Instance) -> bool {
    let (a, b) = (&a.protocol, &b.protocol);
    let same_peers = matches!((&a.peers, &b.peers), (Peers::Multicast(x), Peers::Multicast(y)) if x == y)
        || matches!((&a.peers, &b.peers), (Peers::Unicast { .. }, Peers::Unicast { .. }));
    a.version == b.version
        && a.auth == b.auth
        && (a.version == Version::V3 || a.advert_interval == b.advert_interval)
        && same_peers
}

/// Whether an operation puts something in.
#[must_use]
pub const fn adds(operation: &Operation) -> bool {
    matches!(operation, Operation::AddAddress { .. } | Operation::AddRoute { .. })
}
