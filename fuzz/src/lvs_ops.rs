//! Inputs of all kinds to the balancer, in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use base::{Duration, Instant, Machine};
use engine::lvs::Balancer;
use engine::lvs::io::{Answer, Effect, Failure, Input, OpError, OpId, Operation, RunId};
use engine::lvs::table::{Entry, Marks, ServerKey, Table, Timeouts};
use model::Model;
use model::lvs::{CheckBfdId, CheckFileId};

use crate::bytes::Bytes;
use crate::clock::{BEGIN, Driver, SPANS};
use crate::models::loaded;

/// The most inputs of one run.
const MAX_STEPS: usize = 400;
/// The most effects of one turn: the largest configuration has some tens of objects.
const MAX_EFFECTS: usize = 2_000;
/// The most turns until a balancer that gets all its answers has nothing left to do.
const MAX_TURNS: usize = 4_000;

/// Append only: inputs name them by number.
const TEXTS: &[&str] = &[
    include_str!("../configs/lvs-rich.conf"),
    include_str!("../configs/lvs-changed.conf"),
    include_str!("../configs/lvs-plain.conf"),
    include_str!("../configs/empty.conf"),
    include_str!("../../tests/corpus/seeds/lvs-nat-master.conf"),
];

/// Why operations fail: ENOENT, ESRCH, ENOMEM, EEXIST, EINVAL, ENOPROTOOPT, ENOBUFS.
const ERRNOS: [i32; 7] = [2, 3, 12, 17, 22, 92, 105];

fn models() -> &'static [Arc<Model>] {
    static MODELS: OnceLock<Vec<Arc<Model>>> = OnceLock::new();
    MODELS.get_or_init(|| loaded(TEXTS))
}

/// Hands a sequence of inputs to a balancer: the first byte is the configuration that it starts with, and each
/// further one an input with its choices after it. The contract of [`Machine`] is held after each, no operation
/// and no run is asked for twice, and the table is read while nothing is under way. In the end everything is
/// answered, and the balancer must come to rest, say that all is in order, and stop.
pub fn lvs_ops(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let start = bytes.pick(models()).expect("there are some").clone();
    let timeouts = Duration::from_secs(900);
    let mut run = Run {
        balancer: Balancer::new(start, BEGIN, u64::from(bytes.byte())),
        now: BEGIN,
        table: Table {
            services: BTreeMap::new(),
            timeouts: Some(Timeouts { tcp: timeouts, tcp_fin: timeouts, udp: timeouts }),
            marks: Marks::Unread,
            sync: None,
        },
        waiting: Vec::new(),
        runs: Vec::new(),
        asked: BTreeSet::new(),
        asked_runs: BTreeSet::new(),
        reading: false,
        stopped: false,
    };
    for _ in 0..MAX_STEPS {
        if bytes.is_empty() || run.stopped {
            break;
        }
        run.step(&mut bytes);
    }
    run.finish();
}

/// A balancer, and all that is between it and its world.
struct Run {
    balancer: Balancer,
    now: Instant,
    table: Table,
    /// In the order in which they were asked for.
    waiting: Vec<(OpId, Operation)>,
    runs: Vec<RunId>,
    asked: BTreeSet<OpId>,
    asked_runs: BTreeSet<RunId>,
    /// The table was asked for.
    reading: bool,
    stopped: bool,
}

impl Driver for Run {
    type Machine = Balancer;

    fn machine(&mut self) -> (&mut Balancer, &mut Instant) {
        (&mut self.balancer, &mut self.now)
    }

    fn turn(&mut self) {
        self.balancer.handle_timeout(self.now);
        self.drain();
    }
}

impl Run {
    fn step(&mut self, bytes: &mut Bytes<'_>) {
        match bytes.byte() % 18 {
            0 => self.answer_all(),
            1 => self.read(true),
            2 => self.read(false),
            3 => self.pass(SPANS[usize::from(bytes.byte() % 16)]),
            4 => {
                self.pass_to_next(None);
            }
            5 => self.spurious(),
            6 => {
                if let Some(at) = bytes.place(self.waiting.len()) {
                    self.answer(at, None);
                }
            }
            7 => {
                let errno = *bytes.pick(&ERRNOS).expect("there are some");
                // It may have been done all the same.
                let done = bytes.flag();
                if let Some(at) = bytes.place(self.waiting.len()) {
                    self.answer(at, Some((errno, done)));
                }
            }
            8..11 => {
                if let Some(at) = bytes.place(self.runs.len()) {
                    let run = self.runs.remove(at);
                    let answer = match bytes.byte() % 8 {
                        0..3 => Answer::Passed { status: 0 },
                        3 => Answer::Passed { status: bytes.byte() },
                        4 | 5 => Answer::Failed(Failure::ConnectTimeout),
                        6 => Answer::Failed(Failure::Tls("no".into())),
                        _ => Answer::Unable(OpError { errno: 24, message: "no".into() }),
                    };
                    self.input(Input::Probed { run, answer });
                }
            }
            11 => {
                // Numbers of runs that nobody asked for, or that are over.
                let run = RunId(u64::from(bytes.u32()));
                if !self.runs.contains(&run) {
                    self.input(Input::Probed { run, answer: Answer::Passed { status: 0 } });
                }
            }
            12 => {
                let file = CheckFileId::from_index(usize::from(bytes.byte() % 3));
                let value = i32::from_be_bytes(bytes.array());
                self.input(Input::File { file, value });
            }
            13 => {
                let session = CheckBfdId::from_index(usize::from(bytes.byte() % 2));
                self.input(Input::Bfd { session, up: bytes.flag() });
            }
            14 => {
                let address = IpAddr::from([198, 51, 100, bytes.byte() % 12]);
                self.input(Input::Address { address, exists: bytes.flag() });
            }
            15 => {
                let model = bytes.pick(models()).expect("there are some").clone();
                self.input(Input::Reload(model));
            }
            16 => self.edit(bytes),
            _ => {
                // Most runs should go on.
                if bytes.byte() < 16 {
                    self.input(Input::Stop { keep: bytes.flag() });
                }
            }
        }
    }

    fn input(&mut self, input: Input) {
        self.balancer.handle_input(self.now, input);
        self.drain();
    }

    fn read(&mut self, well: bool) {
        if std::mem::take(&mut self.reading) {
            let no = || OpError { errno: 92, message: "no".into() };
            let table = if well { Ok(self.table.clone()) } else { Err(no()) };
            self.input(Input::Table(table));
        }
    }

    /// An operation is answered; if it fails, with this `errno`, and done or not.
    fn answer(&mut self, at: usize, failure: Option<(i32, bool)>) {
        let (op, operation) = self.waiting.remove(at);
        if failure.is_none_or(|(_, done)| done) {
            self.perform(&operation);
        }
        let result = failure.map_or(Ok(()), |(errno, _)| Err(OpError { errno, message: "no".into() }));
        self.input(Input::Done { op, result });
    }

    fn answer_all(&mut self) {
        for _ in 0..self.waiting.len() {
            if !self.waiting.is_empty() {
                self.answer(0, None);
            }
        }
    }

    fn perform(&mut self, operation: &Operation) {
        let services = &mut self.table.services;
        match operation {
            Operation::AddService(key, settings) | Operation::EditService(key, settings) => {
                let new = || Entry { settings: settings.clone(), servers: BTreeMap::new() };
                services.entry(*key).or_insert_with(new).settings = settings.clone();
            }
            Operation::DelService(key) => drop(services.remove(key)),
            Operation::AddServer(key, server, settings) | Operation::EditServer(key, server, settings) => {
                if let Some(entry) = services.get_mut(key) {
                    entry.servers.insert(*server, *settings);
                }
            }
            Operation::DelServer(key, server) => {
                if let Some(entry) = services.get_mut(key) {
                    entry.servers.remove(server);
                }
            }
            Operation::Flush => services.clear(),
            Operation::SetTimeouts(timeouts) => self.table.timeouts = Some(*timeouts),
            Operation::StartSync(..)
            | Operation::StopSync(..)
            | Operation::SetMarks(_)
            | Operation::DelMarks(_) => {}
        }
    }

    /// Somebody else edits the table.
    fn edit(&mut self, bytes: &mut Bytes<'_>) {
        let what = bytes.byte() % 4;
        let keys: Vec<_> = self.table.services.keys().copied().collect();
        let Some(key) = bytes.pick(&keys) else { return };
        let entry = self.table.services.get_mut(key).expect("it is there");
        match what {
            0 => self.table.services.clear(),
            1 => drop(self.table.services.remove(key)),
            2 => entry.servers.clear(),
            _ => {
                let servers: Vec<ServerKey> = entry.servers.keys().copied().collect();
                let Some(settings) = bytes.pick(&servers).and_then(|server| entry.servers.get_mut(server))
                else {
                    return;
                };
                settings.weight = u32::from(bytes.byte());
            }
        }
    }

    fn drain(&mut self) {
        for count in 0.. {
            assert!(count < MAX_EFFECTS, "a turn without end");
            let Some(effect) = self.balancer.poll_output() else { break };
            assert!(!self.stopped, "after the end: {effect:?}");
            match effect {
                Effect::Dump { .. } => {
                    assert!(
                        self.waiting.is_empty(),
                        "the table is read while {:?} are under way",
                        self.waiting
                    );
                    assert!(!std::mem::replace(&mut self.reading, true), "the table is read twice at once");
                }
                Effect::Kernel { op, operation } => {
                    assert!(!self.reading, "{operation:?} begins while the table is read");
                    assert!(self.asked.insert(op), "{op:?} is asked for twice");
                    self.waiting.push((op, operation));
                }
                Effect::Probe { run, .. } => {
                    assert!(self.asked_runs.insert(run), "{run:?} is asked for twice");
                    self.runs.push(run);
                }
                Effect::Cancel(run) => {
                    assert!(self.runs.contains(&run), "{run:?} is ended and isn't under way");
                }
                Effect::Fifo { line, .. } => {
                    assert!(line.ends_with('\n') && line.matches('\n').count() == 1, "{line:?} is no line");
                }
                Effect::Notify(_) | Effect::Mail(_) => {}
                Effect::Event(event) => drop(format!("{event:?}")),
                Effect::Stopped => self.stopped = true,
            }
        }
        drop(self.balancer.snapshot());
    }

    /// Everything is answered; after the longest pause between two tries and a reading all is in order.
    fn finish(&mut self) {
        let end = self.now + Duration::from_secs(130);
        for _ in 0..MAX_TURNS {
            if self.stopped {
                return;
            }
            if self.reading {
                self.read(true);
            } else if !self.waiting.is_empty() {
                self.answer(0, None);
            } else if let Some(run) = self.runs.pop() {
                self.input(Input::Probed { run, answer: Answer::Passed { status: 0 } });
            } else if !self.pass_to_next(Some(end)) {
                break;
            }
        }
        if self.stopped {
            return;
        }
        assert!(self.balancer.snapshot().in_order, "it never comes to rest: {:?}", self.balancer.snapshot());
        self.input(Input::Stop { keep: false });
        for _ in 0..MAX_TURNS {
            if self.stopped {
                return;
            }
            if !self.waiting.is_empty() {
                self.answer(0, None);
            } else if self.reading {
                self.read(true);
            } else {
                self.pass_to_next(None);
            }
        }
        panic!("it does not end");
    }
}
