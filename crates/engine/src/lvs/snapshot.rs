//! How load balancing stands, for whoever looks: plain values.

pub use check::io::TaskSnapshot;
use model::lvs::{CheckerId, RealServer, ServerId, ServiceId, VirtualServer};
use serde::{Deserialize, Serialize};

use super::balancer::Balancer;
pub use super::kernel::Counts;
use super::names;
use super::wanted::Member;

/// How load balancing stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// All services, in the order of the model.
    pub services: Vec<ServiceSnapshot>,
    /// Whether the kernel's table could be read; `None` before the first answer.
    pub available: Option<bool>,
    /// Whether everything that is wanted of the kernel is there, and nothing else of ours.
    pub in_order: bool,
    /// Operations on the kernel's table without an answer.
    pub operations: usize,
    /// What was counted.
    pub counts: Counts,
}

/// How a service stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ServiceSnapshot {
    /// What it is called in log lines.
    pub name: String,
    /// Whether its quorum is there.
    pub up: bool,
    /// Its servers, in the order of the model.
    pub servers: Vec<ServerSnapshot>,
}

/// How a server stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ServerSnapshot {
    /// What it is called in log lines.
    pub name: String,
    /// Whether it is alive.
    pub alive: bool,
    /// Its weight while it is.
    pub weight: u32,
    /// So many of its checks fail.
    pub failed: u32,
    /// The weight that it shall have in the kernel; `None` if it shall not be there.
    pub wanted: Option<u32>,
    /// The weight that it has in the kernel, in the first service where it is there.
    pub there: Option<u32>,
    /// Its checks, in the order of the model.
    pub checks: Vec<TaskSnapshot>,
}

impl Balancer {
    /// How everything stands.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            services: (0..self.model.lvs.services.len()).filter_map(|index| self.service(index)).collect(),
            available: self.kernel.is_available(),
            in_order: self.kernel.is_settled(),
            operations: self.kernel.waiting(),
            counts: self.kernel.counts(),
        }
    }

    fn service(&self, index: usize) -> Option<ServiceSnapshot> {
        let (id, lvs) = (ServiceId::from_index(index), &self.model.lvs);
        let VirtualServer { service, servers } = lvs.services.get(index)?;
        let server = |(index, server): (usize, &RealServer)| {
            let which = ServerId::from_index(index);
            let stands = self.core.server(id, which);
            ServerSnapshot {
                name: names::server(service, server).to_string(),
                alive: stands.is_some_and(|server| server.alive),
                weight: stands.map_or(0, |server| server.weight),
                failed: stands.map_or(0, |server| server.failed),
                wanted: self.pools.get(id.index()).and_then(|pool| pool.weight(Member::Server(which))),
                there: self.kernel.there(lvs, id, which).map(|there| there.weight),
                checks: (0..server.checkers.len())
                    .filter_map(|check| self.core.task_of(id, which, CheckerId::from_index(check)))
                    .filter_map(|task| self.core.task(task))
                    .collect(),
            }
        };
        Some(ServiceSnapshot {
            name: names::service(lvs, service).to_string(),
            up: self.core.quorum_up(id).unwrap_or(false),
            servers: servers.iter().enumerate().map(server).collect(),
        })
    }
}
