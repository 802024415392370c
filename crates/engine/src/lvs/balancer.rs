//! The balancer: inputs to the parts that they concern, and the parts' wishes to effects in order.

use std::sync::Arc;

use base::{Instant, Machine};
use model::Model;

use super::io::{Effect, Input};
use super::kernel::{Found, Kernel};
use super::news::Event;
use super::out::Out;
use super::table::Table;
use super::wanted::Pool;
use crate::io::OpError;

/// How far the balancer has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Nothing was done yet.
    New,
    /// It runs.
    Running,
    /// What is ours is removed.
    Stopping {
        /// No longer than that.
        until: Instant,
    },
    /// Nothing is done any more.
    Stopped,
}

/// Load balancing: a [`Model`] in force, the core of verdicts, and the kernel's table as desired state.
///
/// It wants [`handle_timeout`](Machine::handle_timeout) to be called at once, and begins then, or with its
/// first input: it reads the table and starts its checks.
#[derive(Debug)]
pub struct Balancer {
    pub(super) model: Arc<Model>,
    /// The model whose ids the effects that were polled so far are in.
    shown: Arc<Model>,
    pub(super) phase: Phase,
    pub(super) kernel: Kernel,
    pub(super) pools: Vec<Pool>,
    pub(super) out: Out,
    started: Instant,
}

impl Balancer {
    /// A balancer that has not begun. `seed` decides when checks start.
    #[must_use]
    pub fn new(model: Arc<Model>, now: Instant, _seed: u64) -> Self {
        let pools: Vec<Pool> = model
            .lvs
            .services
            .iter()
            .map(|server| Pool {
                servers: server.servers.iter().map(|server| Some(server.weight)).collect(),
                sorry: None,
            })
            .collect();
        Self {
            shown: model.clone(),
            kernel: Kernel::new(&model.lvs, &pools),
            model,
            phase: Phase::New,
            pools,
            out: Out::default(),
            started: now,
        }
    }

    /// The configuration in force. The ids in the effects that were polled so far are its: it changes
    /// when [`Event::Reloaded`] is polled.
    #[must_use]
    #[allow(clippy::misnamed_getters, reason = "effects not polled yet may be in older ids")]
    pub const fn model(&self) -> &Arc<Model> {
        &self.shown
    }

    fn begin(&mut self) {
        if self.phase == Phase::New {
            self.phase = Phase::Running;
        }
    }

    fn table(&mut self, now: Instant, table: Result<Table, OpError>) {
        let Found { back, lost, repairs } = self.kernel.table(now, &self.model.lvs, table.as_ref());
        if back {
            self.out.event(Event::TableBack);
        }
        if repairs > 0 {
            self.out.event(Event::Repaired { objects: repairs });
        }
        if let (true, Err(error)) = (lost, table) {
            self.out.event(Event::NoTable(error));
        }
    }

    fn reload(&mut self, model: Arc<Model>) {
        self.pools = model
            .lvs
            .services
            .iter()
            .map(|server| Pool {
                servers: server.servers.iter().map(|server| Some(server.weight)).collect(),
                sorry: None,
            })
            .collect();
        self.model = model;
        self.kernel.reload(&self.model.lvs, &self.pools);
        self.out.event(Event::Reloaded);
    }

    /// Starts what the turn has come to.
    fn finish(&mut self, now: Instant) {
        self.kernel.pump(&mut self.out);
        self.stopped_if_done(now);
    }
}

impl Machine for Balancer {
    type Input<'a> = Input;
    type Output = Effect;

    fn handle_input(&mut self, now: Instant, input: Input) {
        if self.phase == Phase::Stopped {
            return;
        }
        self.begin();
        match input {
            Input::Table(table) => self.table(now, table),
            Input::Done { op, result } => self.kernel.done(now, op, result, &mut self.out),
            Input::Probed { .. } | Input::File { .. } | Input::Bfd { .. } | Input::Address { .. } => {}
            Input::Reload(model) => self.reload(model),
            Input::Stop { keep } => self.stop(now, keep),
        }
        self.finish(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.phase == Phase::Stopped {
            return;
        }
        self.begin();
        self.kernel.handle_timeout(now);
        self.finish(now);
    }

    fn poll_output(&mut self) -> Option<Effect> {
        let effect = self.out.pop();
        if matches!(effect, Some(Effect::Event(Event::Reloaded))) {
            self.shown = self.model.clone();
        }
        effect
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let own = match self.phase {
            Phase::New => Some(self.started),
            Phase::Running => None,
            Phase::Stopping { until } => Some(until),
            Phase::Stopped => return None,
        };
        [own, self.kernel.next_timeout()].into_iter().flatten().min()
    }
}
