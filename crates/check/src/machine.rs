//! The machine.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use base::{Instant, Machine};

use crate::config::{Config, ServerId, ServiceId, TaskId};
use crate::io::{Input, Output, ServerSnapshot, Snapshot, Wanted};

/// All checks and all pools of one process.
#[derive(Debug)]
pub struct Checks {
    config: Config,
    wanted: Vec<Vec<Option<u32>>>,
    changed: VecDeque<ServiceId>,
    outputs: VecDeque<Output>,
}

impl Checks {
    /// Builds the pools of `config`; the first checks start a second after `now`, and then at random
    /// within their warmup. What follows from `seed` is only that. Drain the outputs and
    /// [`poll_changed`](Self::poll_changed): initial quorums are told, and all services have changed.
    #[must_use]
    pub fn new(config: Config, _now: Instant, _seed: u64) -> Self {
        let wanted =
            config.services.iter().map(|s| s.servers.iter().map(|s| Some(s.weight)).collect()).collect();
        let changed = (0..config.services.len()).map(ServiceId::from_index).collect();
        Self { config, wanted, changed, outputs: VecDeque::new() }
    }

    /// A service whose [`wanted`](Self::wanted) set changed since it was last asked for here; each once.
    pub fn poll_changed(&mut self) -> Option<ServiceId> {
        self.changed.pop_front()
    }

    /// What the kernel's table should hold for a service; `None` if there is no such service.
    #[must_use]
    pub fn wanted(&self, service: ServiceId) -> Option<Wanted<'_>> {
        Some(Wanted { servers: self.wanted.get(service.index())?, sorry: None })
    }

    /// How a server stands; `None` if there is no such server.
    #[must_use]
    pub fn server(&self, service: ServiceId, server: ServerId) -> Option<ServerSnapshot> {
        let server = self.config.services.get(service.index())?.servers.get(server.index())?;
        Some(ServerSnapshot { alive: true, weight: server.weight, failed: 0 })
    }

    /// Whether the quorum of a service is there; `None` if there is no such service.
    #[must_use]
    pub fn quorum_up(&self, service: ServiceId) -> Option<bool> {
        self.config.services.get(service.index()).map(|_| true)
    }

    /// Whether a task's check counts as passing; `None` if there is no such task.
    #[must_use]
    pub fn task_up(&self, task: TaskId) -> Option<bool> {
        self.config.tasks.get(task.index()).map(|_| true)
    }

    /// How everything stands.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { tasks: Vec::new(), services: Vec::new() }
    }
}

impl Machine for Checks {
    type Input<'a> = Input;
    type Output = Output;

    fn handle_input(&mut self, _now: Instant, _input: Input) {}

    fn handle_timeout(&mut self, _now: Instant) {}

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}
