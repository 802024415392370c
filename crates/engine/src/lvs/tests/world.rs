//! A balancer with the table of a kernel in memory, in virtual time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use base::{Duration, Instant, Machine};
use model::Model;
use model::lvs::Lvs;

use super::build::{ip, model, secs};
use crate::lvs::Balancer;
use crate::lvs::io::{Answer, Effect, Failure, Input, Message, Notification, OpError, OpId, Operation};
use crate::lvs::news::Event;
use crate::lvs::table::{
    Entry, MarkTable, Marks, ServerKey, ServiceKey, SyncHalf, SyncSettings, Table, Timeouts,
};

pub(super) const FIRST_TIMEOUTS: Timeouts =
    Timeouts { tcp: secs_const(900), tcp_fin: secs_const(120), udp: secs_const(300) };

const fn secs_const(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// What a kernel would say.
#[derive(Debug, Default)]
pub(super) struct Ipvs {
    pub(super) table: Table,
    pub(super) sync: BTreeMap<SyncHalf, SyncSettings>,
    pub(super) marks: Option<MarkTable>,
    /// So many of the next operations fail.
    pub(super) failing: usize,
    /// So many of the next operations are done, but said to have failed.
    pub(super) lying: usize,
    /// Operations on such objects always fail.
    pub(super) cursed: BTreeSet<IpAddr>,
    /// There is none.
    pub(super) missing: bool,
}

pub(super) fn error(errno: i32) -> OpError {
    OpError { errno, message: "no".into() }
}

impl Ipvs {
    /// How many servers get connections in the service whose server is changed.
    fn serving(&self, operation: &Operation) -> Option<usize> {
        let (Operation::EditServer(key, ..) | Operation::DelServer(key, _)) = operation else { return None };
        let servers = self.table.services.get(key)?.servers.values();
        Some(servers.filter(|server| server.weight > 0).count())
    }

    pub(super) fn execute(&mut self, operation: &Operation) -> Result<(), OpError> {
        if self.lying > 0 {
            self.lying -= 1;
            return self.execute(operation).and(Err(error(105)));
        }
        if self.failing > 0 {
            self.failing -= 1;
            return Err(error(12));
        }
        let services = &mut self.table.services;
        match operation {
            Operation::AddService(key, settings) => {
                let new = || Entry { settings: settings.clone(), servers: BTreeMap::new() };
                services.entry(*key).or_insert_with(new).settings = settings.clone();
            }
            Operation::EditService(key, settings) => {
                let new = || Entry { settings: settings.clone(), servers: BTreeMap::new() };
                services.entry(*key).or_insert_with(new).settings = settings.clone();
            }
            Operation::DelService(key) => {
                services.remove(key);
            }
            Operation::AddServer(key, server, settings) | Operation::EditServer(key, server, settings) => {
                if self.cursed.contains(&server.address) {
                    return Err(error(22));
                }
                services.get_mut(key).ok_or(error(3))?.servers.insert(*server, *settings);
            }
            Operation::DelServer(key, server) => {
                if let Some(entry) = services.get_mut(key) {
                    entry.servers.remove(server);
                }
            }
            Operation::Flush => services.clear(),
            Operation::SetTimeouts(timeouts) => self.table.timeouts = Some(*timeouts),
            Operation::StartSync(half, settings) => {
                self.sync.insert(*half, settings.clone());
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
    /// Operations since the last look.
    pub(super) operations: Vec<Operation>,
    pub(super) dumps: usize,
    pub(super) probed: usize,
    pub(super) events: Vec<Event>,
    pub(super) fifo: Vec<String>,
    pub(super) scripts: Vec<Notification>,
    pub(super) mail: Vec<Message>,
    pub(super) stopped: bool,
    /// Every service has a server that serves, and an operation that takes the last one away is a fault.
    pub(super) no_gaps: bool,
    /// The kernel does what it is told, but its answers wait.
    pub(super) slow: bool,
    waiting: VecDeque<Input>,
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
            operations: Vec::new(),
            dumps: 0,
            probed: 0,
            events: Vec::new(),
            fifo: Vec::new(),
            scripts: Vec::new(),
            mail: Vec::new(),
            stopped: false,
            no_gaps: false,
            slow: false,
            waiting: VecDeque::new(),
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
            if !self.slow {
                answers.append(&mut self.waiting);
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
            Effect::Dump { marks, sync } => {
                self.dumps += 1;
                let mut table = if self.ipvs.missing { Err(error(92)) } else { Ok(self.ipvs.table.clone()) };
                if let (Ok(table), Some(_)) = (&mut table, marks) {
                    table.marks = self.ipvs.marks.clone().map_or(Marks::Absent, Marks::There);
                }
                if let (Ok(table), true) = (&mut table, sync) {
                    table.sync = Some(self.ipvs.sync.clone());
                }
                self.waiting.push_back(Input::Table(table));
            }
            Effect::Kernel { op, operation } => {
                assert!(self.answered.insert(op), "an operation of its own number");
                let before = self.ipvs.serving(&operation);
                let result = self.ipvs.execute(&operation);
                let gap = before.is_some_and(|n| n > 0) && self.ipvs.serving(&operation) == Some(0);
                assert!(!(self.no_gaps && gap), "nobody serves after {operation:?}");
                self.operations.push(operation);
                self.waiting.push_back(Input::Done { op, result });
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
