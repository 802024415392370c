//! K7: what is not ours is never touched.

use engine::io::Operation;
use model::lvs::{SyncDaemon, SyncRole};

use super::watch::{OURS, Watch, name, on, same};
use super::{Checker, Found};
use crate::node::NodeId;
use crate::observe::{Observation, What};
use crate::world::World;

/// **K7** Objects that are not ours by mark or configuration are never changed. Ours by configuration is what
/// any configuration of the node names: one that was in force before has its objects removed by the next.
#[derive(Debug)]
pub(super) struct Foreign {
    watch: Watch,
}

impl Foreign {
    pub(super) fn new(world: &World) -> Self {
        Self { watch: Watch::new(world) }
    }

    fn is_foreign(&self, world: &World, node: NodeId, operation: &Operation) -> bool {
        let (host, models) = (&world.node(node).host, &world.node(node).models);
        match operation {
            Operation::AddAddress { address, .. } => {
                let named = self.watch.node(node).names.address(address.link, address.net.addr());
                named.is_empty()
            }
            Operation::DelAddress { link, net, .. } => {
                let Some(on) = name(world, node, *link) else { return false };
                let marked = host
                    .addresses
                    .iter()
                    .any(|h| h.facts.link == *link && h.facts.net == *net && h.facts.protocol == Some(OURS));
                let named = models.iter().any(|model| {
                    let virtuals = model.instances.iter().flat_map(|i| i.addresses.iter().chain(&i.excluded));
                    let mut all = virtuals.chain(&model.static_addresses);
                    all.any(|a| a.link == on && a.net.addr() == net.addr())
                });
                !marked && !named
            }
            Operation::AddRoute { route, .. } => {
                let wanted = on(world, node, route);
                let mut there = host.routes.iter();
                wanted.is_some_and(|w| there.any(|r| same(r, &w) && r.protocol != route.protocol))
            }
            Operation::DelRoute { route, .. } => {
                let named = models.iter().any(|model| {
                    let mut all = model.instances.iter().flat_map(|i| &i.routes).chain(&model.static_routes);
                    all.any(|r| r == route)
                });
                route.protocol != OURS && !named
            }
            // Whoever wants one half doesn't want the other one, whatever that is.
            Operation::StopSync(..) => {
                let follows = |d: &SyncDaemon| matches!(d.role, SyncRole::Follows(_));
                !models.iter().any(|m| m.lvs.settings.sync_daemon.as_ref().is_some_and(follows))
            }
            Operation::StartSync(_, settings) => !models
                .iter()
                .any(|m| m.lvs.settings.sync_daemon.as_ref().is_some_and(|d| d.link == settings.link)),
            Operation::PromoteSecondaries { link } => !models
                .iter()
                .any(|m| m.instances.iter().any(|i| i.promote_secondaries && i.link == Some(*link))),
        }
    }
}

impl Checker for Foreign {
    fn see(&mut self, world: &World, seen: &Observation, found: &mut Found) {
        self.watch.see(world, seen);
        if let (What::Wanted { operation, .. }, Some(node)) = (&seen.what, seen.node)
            && self.is_foreign(world, node, operation)
        {
            found.push("K7", seen.at, Some(node), format!("{operation:?} touches what is not ours"));
        }
    }
}
