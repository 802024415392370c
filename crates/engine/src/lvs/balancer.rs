//! The balancer: inputs to the parts that they concern, and the parts' wishes to effects in order.

use std::net::IpAddr;
use std::sync::Arc;

use base::{Instant, Machine};
use check::Checks;
use check::config::TaskId;
use check::io::Input as ToCore;
use model::Model;
use model::lvs::{ServerId, ServiceId};

use super::checks::Plan;
use super::io::{Effect, Failure, Input};
use super::kernel::{Found, Kernel};
use super::news::Event;
use super::notify;
use super::out::Out;
use super::suspend::Suspension;
use super::table::Table;
use super::verdicts::{self, Cause};
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
    pub(super) core: Checks,
    pub(super) plan: Plan,
    pub(super) suspension: Suspension,
    pub(super) pools: Vec<Pool>,
    /// With `no_checker_emails`: checks that changed their verdicts in this turn, to be told of if their
    /// servers do, too.
    pub(super) whole_mail: Vec<(ServiceId, ServerId, TaskId, Option<Failure>)>,
    pub(super) out: Out,
    started: Instant,
}

impl Balancer {
    /// A balancer that has not begun. `seed` decides when checks start.
    #[must_use]
    pub fn new(model: Arc<Model>, now: Instant, seed: u64) -> Self {
        let (plan, config) = Plan::new(&model.lvs);
        let mut core = Checks::new(config, now, seed);
        let pools = verdicts::pools(&mut core, model.lvs.services.len());
        let mut suspension = Suspension::default();
        suspension.load(&model.lvs);
        Self {
            shown: model.clone(),
            kernel: Kernel::new(&model.lvs, model.global.resync, &pools),
            model,
            phase: Phase::New,
            core,
            plan,
            suspension,
            pools,
            whole_mail: Vec::new(),
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

    /// Whether the checks of a service with `ha_suspend` rest as long as this host doesn't have `address`, or
    /// another one of that service.
    #[must_use]
    pub fn waits_for(&self, address: IpAddr) -> bool {
        self.suspension.waits_for(address)
    }

    /// The services whose checks rest now.
    pub fn resting(&self) -> impl Iterator<Item = ServiceId> + '_ {
        self.suspension.all().filter(|(_, rests)| *rests).map(|(service, _)| service)
    }

    /// The first thing of all.
    fn begin(&mut self) {
        if self.phase != Phase::New {
            return;
        }
        self.phase = Phase::Running;
        if self.model.lvs.settings.notify_initial {
            let model = self.model.clone();
            for (index, server) in model.lvs.services.iter().enumerate() {
                let service = ServiceId::from_index(index);
                for server in (0..server.servers.len()).map(ServerId::from_index) {
                    if self.core.server(service, server).is_some_and(|server| server.alive) {
                        notify::server(&model, service, server, true, &mut self.out);
                    }
                }
            }
        }
        self.drain(&Cause::None);
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

    fn address(&mut self, now: Instant, address: IpAddr, exists: bool) {
        for (service, suspended) in self.suspension.change(address, exists) {
            self.out.event(Event::Suspended { service, suspended });
            self.hand(now, ToCore::Suspend { service, suspended });
        }
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
            Input::Probed { run, answer } => self.probed(now, run, answer),
            Input::File { file, value } => self.hand(now, ToCore::File { file, value }),
            Input::Bfd { session, up } => self.hand(now, ToCore::Bfd { session, up }),
            Input::Address { address, exists } => self.address(now, address, exists),
            Input::Reload(model) => self.reload(now, model),
            Input::Stop { keep } => self.stop(now, keep),
        }
        self.finish(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.phase == Phase::Stopped {
            return;
        }
        self.begin();
        self.core.handle_timeout(now);
        self.drain(&Cause::None);
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
        let core = self.core.poll_timeout().filter(|_| self.phase == Phase::Running);
        [own, core, self.kernel.next_timeout()].into_iter().flatten().min()
    }
}
