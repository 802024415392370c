//! How load balancing stands, for whoever looks: plain values.

use serde::{Deserialize, Serialize};

use super::balancer::Balancer;
pub use super::kernel::Counts;

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
    /// Its servers, in the order of the model.
    pub servers: Vec<ServerSnapshot>,
}

/// How a server stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ServerSnapshot {
    /// What it is called in log lines.
    pub name: String,
    /// The weight that it shall have in the kernel; `None` if it shall not be there.
    pub wanted: Option<u32>,
    /// The weight that it has in the kernel, in the first service where it is there.
    pub there: Option<u32>,
}

impl Balancer {
    /// How everything stands.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            services: Vec::new(),
            available: self.kernel.is_available(),
            in_order: self.kernel.is_settled(),
            operations: self.kernel.waiting(),
            counts: self.kernel.counts(),
        }
    }
}
