//! A balancer with the table of a kernel in memory, in virtual time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use base::{Duration, Instant, Machine};
use model::Model;
use model::lvs::{Checker, Lvs};

use super::build::{ip, model, secs};
use crate::lvs::Balancer;
use crate::lvs::io::{Answer, Effect, Failure, Input, Message, Notification, OpError, OpId, Operation, RunId};
use crate::lvs::news::Event;
use crate::lvs::table::{Entry, MarkTable, ServerKey, ServiceKey, SyncHalf, Table, Timeouts};

pub(super) const FIRST_TIMEOUTS: Timeouts =
    Timeouts { tcp: secs_const(900), tcp_fin: secs_const(120), udp: secs_const(300) };

const fn secs_const(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// What a kernel would say.
#[derive(Debug, Default)]
pub(super) struct Ipvs {
    pub(super) table: Table,
    pub(super) sync: BTreeSet<SyncHalf>,
    pub(super) marks: Option<MarkTable>,
    /// So many of the next operations fail.
    pub(super) failing: usize,
    /// Operations on such objects always fail.
    pub(super) cursed: BTreeSet<IpAddr>,
    /// There is none.
    pub(super) missing: bool,
}

pub(super) fn error(errno: i32) -> OpError {
    OpError { errno, message: "no".into() }
}

impl Ipvs {
    pub(super) fn execute(&mut self, operation: &Operation) -> Result<(), OpError> {
        if self.failing > 0 {
            self.failing -= 1;
            return Err(error(12));
        }
        let services = &mut self.table.services;
        match operation {
            Operation::AddService(key, settings) => {
                let new = || Entry { settings: settings.clone(), servers: BTreeMap::new() };
                services.entry(*key).or_insert_with(new);
            }
            Operation::EditService(key, settings) => {
                services.get_mut(key).ok_or(error(3))?.settings = settings.clone();
            }
            Operation::DelService(key) => {
                services.remove(key);
            }
            Operation::AddServer(key, server, settings) => {
                if self.cursed.contains(&server.address) {
                    return Err(error(22));
                }
                services.get_mut(key).ok_or(error(3))?.servers.entry(*server).or_insert(*settings);
            }
            Operation::EditServer(key, server, settings) => {
                let entry = services.get_mut(key).ok_or(error(3))?;
                *entry.servers.get_mut(server).ok_or(error(2))? = *settings;
            }
            Operation::DelServer(key, server) => {
                services.get_mut(key).ok_or(error(3))?.servers.remove(server);
            }
            Operation::Flush => services.clear(),
            Operation::SetTimeouts(timeouts) => self.table.timeouts = Some(*timeouts),
            Operation::StartSync(half, _) => {
                self.sync.insert(*half);
            }
            Operation::StopSync(half, _) => {
                self.sync.remove(half);
            }
            Operation::SetMarks(marks) => self.marks = Some(marks.clone()),
            Operation::DelMarks(_) => self.marks = None,
        }
        Ok(())
    }
}

/// The balancer and all that it talks to.
pub(super) struct World {
    pub(super) balancer: Balancer,
    pub(super) now: Instant,
    pub(super) ipvs: Ipvs,
    /// Servers whose checks fail.
    pub(super) dead: BTreeSet<IpAddr>,
    /// Probes that were asked for and not answered, with what they are.
    pub(super) probes: BTreeMap<RunId, Arc<Checker>>,
    /// Operations since the last look.
    pub(super) operations: Vec<Operation>,
    pub(super) dumps: usize,
    pub(super) probed: usize,
    pub(super) events: Vec<Event>,
    pub(super) fifo: Vec<String>,
    pub(super) scripts: Vec<Notification>,
    pub(super) mail: Vec<Message>,
    pub(super) stopped: bool,
    /// Looked at after each operation.
    pub(super) watch: Option<fn(&Ipvs, &Operation)>,
    answered: BTreeSet<OpId>,
}

impl World {
    pub(super) fn new(lvs: Lvs) -> Self {
        Self::of(model(lvs), Ipvs::default())
    }

    /// One that finds a table.
    pub(super) fn of(model: Arc<Model>, mut ipvs: Ipvs) -> Self {
        let now = Instant::ZERO + secs(100);
        ipvs.table.timeouts.get_or_insert(FIRST_TIMEOUTS);
        Self {
            balancer: Balancer::new(model, now, 7),
            now,
            ipvs,
            dead: BTreeSet::new(),
            probes: BTreeMap::new(),
            operations: Vec::new(),
            dumps: 0,
            probed: 0,
            events: Vec::new(),
            fifo: Vec::new(),
            scripts: Vec::new(),
            mail: Vec::new(),
            stopped: false,
            watch: None,
            answered: BTreeSet::new(),
        }
    }

    /// Lets time pass to `now + time`.
    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        self.settle();
        while let Some(at) = self.balancer.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.balancer.handle_timeout(self.now);
            self.settle();
            let next = self.balancer.poll_timeout();
            assert!(next.is_none_or(|next| next > self.now), "a timer is due again at once");
        }
        self.now = end;
    }

    pub(super) fn input(&mut self, input: Input) {
        self.balancer.handle_input(self.now, input);
        self.settle();
    }

    pub(super) fn reload(&mut self, lvs: Lvs) {
        self.input(Input::Reload(model(lvs)));
    }

    /// Does all that is wanted, and answers, until nothing is wanted any more.
    pub(super) fn settle(&mut self) {
        loop {
            let mut answers = VecDeque::new();
            while let Some(effect) = self.balancer.poll_output() {
                self.interpret(effect, &mut answers);
            }
            if answers.is_empty() {
                return;
            }
            for input in answers {
                self.balancer.handle_input(self.now, input);
            }
        }
    }

    fn interpret(&mut self, effect: Effect, answers: &mut VecDeque<Input>) {
        assert!(!self.stopped, "nothing comes after the end: {effect:?}");
        match effect {
            Effect::Dump => {
                self.dumps += 1;
                let table = if self.ipvs.missing { Err(error(92)) } else { Ok(self.ipvs.table.clone()) };
                answers.push_back(Input::Table(table));
            }
            Effect::Kernel { op, operation } => {
                assert!(self.answered.insert(op), "an operation of its own number");
                let result = self.ipvs.execute(&operation);
                if let Some(watch) = self.watch {
                    watch(&self.ipvs, &operation);
                }
                self.operations.push(operation);
                answers.push_back(Input::Done { op, result });
            }
            Effect::Probe { run, checker, .. } => {
                self.probed += 1;
                let address = checker.probe.connect().map(|to| to.address);
                let answer = match address {
                    Some(address) if self.dead.contains(&address) => Answer::Failed(Failure::ConnectTimeout),
                    _ => Answer::Passed { status: 0 },
                };
                answers.push_back(Input::Probed { run, answer });
            }
            Effect::Cancel(_) => {}
            Effect::Notify(notification) => self.scripts.push(notification),
            Effect::Fifo { line, .. } => self.fifo.push(line),
            Effect::Mail(message) => self.mail.push(message),
            Effect::Event(event) => self.events.push(event),
            Effect::Stopped => self.stopped = true,
        }
    }

    pub(super) fn take_operations(&mut self) -> Vec<Operation> {
        std::mem::take(&mut self.operations)
    }

    pub(super) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// The table in few words: `SERVICE: SERVER*WEIGHT ..`.
    pub(super) fn shown(&self) -> Vec<String> {
        show(&self.ipvs.table)
    }
}

pub(super) fn show(table: &Table) -> Vec<String> {
    let service = |key: &ServiceKey| match key {
        ServiceKey::Address { address, port, .. } => format!("{address}:{port}"),
        ServiceKey::Mark { mark, family } => format!("{mark}/{family:?}"),
    };
    let line = |(key, entry): (&ServiceKey, &Entry)| {
        let servers: Vec<String> = entry
            .servers
            .iter()
            .map(|(server, settings)| format!("{}:{}*{}", server.address, server.port, settings.weight))
            .collect();
        format!("{} = {}", service(key), servers.join(" "))
    };
    table.services.iter().map(line).collect()
}

pub(super) fn key(address: &str) -> ServiceKey {
    ServiceKey::Address { protocol: model::lvs::Protocol::Tcp, address: ip(address), port: 80 }
}

pub(super) fn at(address: &str) -> ServerKey {
    ServerKey { address: ip(address), port: 80 }
}
