//! Inputs of all kinds to the engine, in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use base::{Family, Instant, Machine};
use engine::Engine;
use engine::facts::KernelEvent;
use engine::io::{Effect, Input, OpError, OpId, Operation, Outcome, RunId, SocketId, SocketSpec};
use model::{TrackerId, TrackerSource};
use wire::Packet;

use crate::advert::{Arrived, advert, echo, junk, neighbour};
use crate::bytes::Bytes;
use crate::clock::{BEGIN, Driver};
use crate::kernel::Kernel;
use crate::models::models;
use crate::speech::Speech;

/// The most inputs of one run.
const MAX_STEPS: usize = 400;
/// The most effects of one turn: the largest configuration has some tens of objects.
const MAX_EFFECTS: usize = 4_000;
/// The most turns until an engine that gets all its answers has nothing left to do.
const MAX_TURNS: usize = 4_000;

/// Why operations fail: EPERM, ENOENT, ESRCH, EEXIST, ENODEV, EINVAL, EADDRNOTAVAIL, ENETDOWN, ENOBUFS.
const ERRNOS: [i32; 9] = [1, 2, 3, 17, 19, 22, 99, 100, 105];

/// Hands a sequence of inputs to an engine: the first byte is the configuration that it starts with, and
/// each further one an input with its choices after it. The contract of [`Machine`] is held after each, no
/// operation and no run is asked for twice, sockets are used while they are open only, and nobody speaks
/// who is not MASTER. In the end everything is answered, and the engine must come to rest and stop.
pub fn engine_ops(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let start = bytes.pick(models()).expect("there are some").clone();
    let mut run = Run {
        engine: Engine::new(start, BEGIN),
        now: BEGIN,
        kernel: Kernel::new(),
        waiting: Vec::new(),
        runs: Vec::new(),
        asked: BTreeSet::new(),
        asked_runs: BTreeSet::new(),
        sockets: BTreeMap::new(),
        news: Vec::new(),
        dumps: 1,
        reads_sync: false,
        lost: false,
        said: None,
        stopping: false,
        stopped: false,
    };
    for _ in 0..MAX_STEPS {
        if bytes.is_empty() {
            break;
        }
        run.step(&mut bytes);
    }
    run.finish();
}

/// An operation that waits for its answer.
#[derive(Debug)]
enum Waiting {
    Socket(SocketId, SocketSpec),
    Kernel(Operation),
}

/// An engine, and all that is between it and its world.
struct Run {
    engine: Engine,
    now: Instant,
    kernel: Kernel,
    /// In the order in which they were asked for.
    waiting: Vec<(OpId, Waiting)>,
    runs: Vec<RunId>,
    asked: BTreeSet<OpId>,
    asked_runs: BTreeSet<RunId>,
    /// Those that are open.
    sockets: BTreeMap<SocketId, SocketSpec>,
    /// What the kernel has to tell and hasn't yet, in order.
    news: Vec<KernelEvent>,
    /// Dumps that were asked for.
    dumps: usize,
    /// The halves of the sync daemon are to be read.
    reads_sync: bool,
    /// News were lost since the last dump was asked for.
    lost: bool,
    /// The last advert, to be repeated by somebody.
    said: Option<(SocketId, IpAddr, Packet)>,
    stopping: bool,
    stopped: bool,
}

impl Driver for Run {
    type Machine = Engine;

    fn machine(&mut self) -> (&mut Engine, &mut Instant) {
        (&mut self.engine, &mut self.now)
    }

    fn turn(&mut self) {
        let mut speech = Speech::default();
        speech.note_masters(&self.engine);
        self.engine.handle_timeout(self.now);
        self.drain(speech);
    }
}

impl Run {
    fn step(&mut self, bytes: &mut Bytes<'_>) {
        match bytes.byte() % 26 {
            0 => self.answer_all(),
            1 => self.dump(),
            2 => self.pass_or_sleep(bytes),
            3 => {
                self.pass_to_next(None);
            }
            4 => self.spurious(),
            5 => {
                if let Some(at) = bytes.place(self.waiting.len()) {
                    self.answer(at, Ok(()));
                }
            }
            6 => {
                let errno = *bytes.pick(&ERRNOS).expect("there are some");
                if let Some(at) = bytes.place(self.waiting.len()) {
                    self.answer(at, Err(OpError { errno, message: "told to fail".into() }));
                }
            }
            7 => {
                if let Some(at) = bytes.place(self.news.len()) {
                    let event = self.news.remove(at);
                    self.input(Input::Kernel(event));
                }
            }
            8 => {
                self.tell_all();
                self.read_sync(bytes.byte().is_multiple_of(2));
            }
            9 => {
                self.lost = true;
                self.input(Input::Overrun);
            }
            10 => {
                if let Some(at) = bytes.place(self.runs.len()) {
                    let outcome = match bytes.byte() % 8 {
                        n @ 0..4 => Outcome::Exited(n),
                        4 => Outcome::Signaled(9),
                        5 => Outcome::TimedOut,
                        6 => Outcome::NotStarted,
                        _ => Outcome::Exited(bytes.byte()),
                    };
                    let run = self.runs.remove(at);
                    self.input(Input::Checked { run, outcome });
                }
            }
            11 => self.file(bytes),
            12 => {
                let model = bytes.pick(models()).expect("there are some").clone();
                self.input(Input::Reload(model));
            }
            13 => {
                // Most runs should go on.
                if bytes.byte() < 32 {
                    self.stop(bytes.flag());
                }
            }
            14 => {
                let arrived = junk(bytes);
                self.hear(bytes, &arrived);
            }
            15 | 16 => {
                let model = self.engine.model().clone();
                let Some(instance) = bytes.pick(&model.instances) else { return };
                if let Some(arrived) = advert(&instance.protocol, bytes) {
                    self.hear(bytes, &arrived);
                }
            }
            17 => {
                let Some((socket, destination, packet)) = self.said.clone() else { return };
                let source = neighbour(Family::of(&destination), bytes.byte());
                let arrived = echo(source, destination, &packet);
                self.input(Input::Datagram { socket, datagram: arrived.datagram() });
            }
            18 => self.happen(bytes, |kernel, bytes| kernel.change_link(bytes).into_iter().collect()),
            19 => self.happen(bytes, Kernel::remove_link),
            20 => self.happen(bytes, |kernel, bytes| kernel.add_link(bytes).into_iter().collect()),
            21 => self.happen(bytes, |kernel, bytes| kernel.add_address(bytes).into_iter().collect()),
            22 => self.happen(bytes, |kernel, bytes| kernel.remove_address(bytes).into_iter().collect()),
            23 => self.happen(bytes, |kernel, bytes| {
                let added = if bytes.flag() { kernel.add_route(bytes) } else { kernel.remove_route(bytes) };
                added.into_iter().collect()
            }),
            24 => self.happen(bytes, |kernel, bytes| kernel.rename_link(bytes).into_iter().collect()),
            _ => self.engine.clear_counters(),
        }
    }

    // --- inputs ---

    fn input(&mut self, input: Input<'_>) {
        let mut speech = Speech::default();
        speech.note_masters(&self.engine);
        self.engine.handle_input(self.now, input);
        self.drain(speech);
    }

    fn answer(&mut self, at: usize, result: Result<(), OpError>) {
        let (op, waiting) = self.waiting.remove(at);
        match (waiting, result.is_ok()) {
            // What opens after the end is closed with the process.
            (Waiting::Socket(..), true) if self.stopped => {}
            (Waiting::Socket(socket, spec), true) => {
                self.sockets.insert(socket, spec);
            }
            (Waiting::Kernel(operation), true) => self.news.extend(self.kernel.perform(&operation)),
            (_, false) => {}
        }
        self.input(Input::Done { op, result });
    }

    /// All operations that wait now succeed.
    fn answer_all(&mut self) {
        for _ in 0..self.waiting.len() {
            if !self.waiting.is_empty() {
                self.answer(0, Ok(()));
            }
        }
    }

    /// Somebody else has stopped the sync daemon, or it can't be read.
    fn read_sync(&mut self, well: bool) {
        if std::mem::take(&mut self.reads_sync) {
            let no = OpError { errno: 1, message: "told to fail".into() };
            self.input(Input::SyncRead(if well { Ok(BTreeMap::new()) } else { Err(no) }));
        }
    }

    fn tell_all(&mut self) {
        for event in std::mem::take(&mut self.news) {
            self.input(Input::Kernel(event));
        }
    }

    /// Whoever dumps drops the news from before.
    fn dump(&mut self) {
        if self.dumps > 0 {
            self.dumps -= 1;
            self.news.clear();
            let dump = self.kernel.dump();
            self.input(Input::Dump(dump));
        }
    }

    fn happen(&mut self, bytes: &mut Bytes<'_>, what: fn(&mut Kernel, &mut Bytes<'_>) -> Vec<KernelEvent>) {
        let events = what(&mut self.kernel, bytes);
        self.news.extend(events);
        // News come at once, or with all others when it pleases the kernel.
        if bytes.byte() < 192 {
            self.tell_all();
        }
    }

    fn file(&mut self, bytes: &mut Bytes<'_>) {
        let model = self.engine.model().clone();
        let files = model.trackers.iter().enumerate();
        let files: Vec<TrackerId> = files
            .filter(|(_, t)| matches!(t.source, TrackerSource::File(_)))
            .map(|(index, _)| TrackerId::from_index(index))
            .collect();
        let Some(tracker) = bytes.pick(&files).copied() else { return };
        let value = match bytes.byte() {
            255 => i32::MIN,
            254 => i32::MAX,
            n => i32::from(n) - 100,
        };
        self.input(Input::File { tracker, value });
    }

    fn hear(&mut self, bytes: &mut Bytes<'_>, arrived: &Arrived) {
        // Nearly always a socket of the packet's family; sometimes one that isn't there.
        let family = Family::of(&arrived.source);
        let of = |spec: &SocketSpec| match spec.kind {
            engine::io::SocketKind::Multicast { group } => Family::of(&group) == family,
            engine::io::SocketKind::Unicast { source, .. } => Family::of(&source) == family,
        };
        let fitting: Vec<SocketId> = self.sockets.iter().filter(|(_, s)| of(s)).map(|(id, _)| *id).collect();
        let which = bytes.byte();
        let fitting = usize::from(which).checked_rem(fitting.len()).and_then(|at| fitting.get(at)).copied();
        let socket = if which == 255 { Some(SocketId(which.into())) } else { fitting };
        if let Some(socket) = socket {
            self.input(Input::Datagram { socket, datagram: arrived.datagram() });
        }
    }

    fn stop(&mut self, keep: bool) {
        self.stopping = true;
        self.input(Input::Stop { keep });
    }

    // --- effects ---

    fn drain(&mut self, mut speech: Speech) {
        for count in 0.. {
            assert!(count < MAX_EFFECTS, "no end of effects in sight");
            let Some(effect) = self.engine.poll_output() else { break };
            assert!(!self.stopped, "{effect:?} after the end");
            speech.note_effect(&self.engine, &effect);
            self.carry_out(effect);
        }
        speech.judge(&self.engine);
        if !self.stopped {
            let snapshot = self.engine.snapshot();
            if !self.stopping {
                assert_eq!(snapshot.operations, self.waiting.len(), "operations without an answer");
                assert_eq!(snapshot.sockets, self.sockets.len(), "open sockets");
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::OpenSocket { op, socket, spec } => {
                assert!(self.asked.insert(op), "{op:?} is used twice");
                assert!(!self.sockets.contains_key(&socket), "{socket:?} is open already");
                self.waiting.push((op, Waiting::Socket(socket, spec)));
            }
            Effect::CloseSocket(socket) => {
                assert!(self.sockets.remove(&socket).is_some(), "{socket:?} is closed and was not open");
            }
            Effect::Send { socket, destination, packet } => {
                assert!(self.sockets.contains_key(&socket), "{socket:?} is not open and sends");
                self.said = Some((socket, destination, packet));
            }
            Effect::Kernel { op, operation } => {
                assert!(self.asked.insert(op), "{op:?} is used twice");
                self.waiting.push((op, Waiting::Kernel(operation)));
            }
            Effect::Resync => {
                // One that lost news itself never comes, and is asked for again.
                assert!(self.dumps == 0 || self.lost, "a dump is on its way already");
                (self.dumps, self.lost) = (1, false);
            }
            Effect::ReadSync => {
                assert!(!std::mem::replace(&mut self.reads_sync, true), "it is being read already");
            }
            Effect::Check { run, .. } => {
                assert!(self.asked_runs.insert(run), "{run:?} is used twice");
                self.runs.push(run);
            }
            Effect::CancelCheck(run) => {
                assert!(self.runs.contains(&run), "{run:?} is cancelled and does not run");
            }
            Effect::Fifo { line, .. } => assert!(line.ends_with('\n') && !line.trim_end().contains('\n')),
            Effect::Stopped => self.stopped = true,
            Effect::Frame { .. } | Effect::Notify(_) | Effect::Mail(_) | Effect::Event(_) => {}
        }
    }

    // --- the end ---

    /// Everything is answered and told until nothing is on its way.
    fn settle(&mut self) {
        for turn in 0.. {
            assert!(turn < MAX_TURNS, "the engine does not come to rest");
            if self.dumps > 0 && !self.stopped {
                self.dump();
            } else if self.reads_sync && !self.stopped {
                self.read_sync(true);
            } else if !self.waiting.is_empty() {
                self.answer(0, Ok(()));
            } else if !self.news.is_empty() {
                let event = self.news.remove(0);
                self.input(Input::Kernel(event));
            } else {
                return;
            }
        }
    }

    /// The faults are over: the engine comes to rest, and stops when it is told to.
    fn finish(mut self) {
        self.settle();
        for _ in 0..64 {
            if !self.pass_to_next(None) {
                break;
            }
            self.settle();
        }
        self.spurious();
        if !self.stopping {
            self.stop(false);
        }
        self.settle();
        for _ in 0..64 {
            if self.stopped || !self.pass_to_next(None) {
                break;
            }
            self.settle();
        }
        assert!(self.stopped, "the engine was told to stop, and has not");
        assert_eq!(self.engine.poll_timeout(), None, "an engine that stopped waits for something");
        assert!(self.sockets.is_empty(), "{:?} are open at the end", self.sockets);
    }
}
