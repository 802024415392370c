//! Inputs of all kinds to the VRRP core, in any order.

use std::net::IpAddr;
use std::sync::Arc;

use base::{Duration, Family, Instant, Machine};
use model::Model;
use vrrp::Vrrp;
use vrrp::config::{GroupId, InstanceId, TrackerId};
use vrrp::io::{Counters, Event, Fault, Input, Output, Reload, Snapshot, State, Verdict};
use wire::Packet;

use crate::advert::{advert, echo, junk, neighbour};
use crate::bytes::Bytes;
use crate::clock::{BEGIN, Driver, SPANS};
use crate::models::models;
use crate::speech;

/// The most inputs of one run.
const MAX_STEPS: usize = 600;
/// The most outputs of one turn.
const MAX_OUTPUTS: usize = 1_000;

const FAULTS: [Fault; 6] = [
    Fault::InterfaceDown,
    Fault::InterfaceMissing,
    Fault::NoAddress,
    Fault::SourceMissing,
    Fault::NoPeer,
    Fault::Unsuitable,
];

/// Hands a sequence of inputs to a core: the first byte is the configuration that it starts with, the
/// second its delay, and each further one an input with its choices after it. The contract of [`Machine`]
/// is held after each; only a MASTER transmits, all members of a group are in one state, a priority is
/// one that may be sent, and what is refused changes nothing but a counter.
pub fn vrrp_ops(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let model = bytes.pick(models()).expect("there are some").clone();
    let delay = SPANS[usize::from(bytes.byte() % 16)];
    let core = Vrrp::new(model.protocol(), BEGIN, delay);
    let mut run = Run { core, model, now: BEGIN, said: None, stopped: false };
    for _ in 0..MAX_STEPS {
        if bytes.is_empty() {
            break;
        }
        run.step(&mut bytes);
    }
    run.input(Input::Stop);
    run.at_rest();
    run.stopped = true;
    run.pass(Duration::from_secs(1_000));
    run.input(Input::Stop);
}

struct Run {
    core: Vrrp,
    model: Arc<Model>,
    now: Instant,
    /// The last advert.
    said: Option<(InstanceId, IpAddr, Packet)>,
    /// Nothing may come any more.
    stopped: bool,
}

impl Driver for Run {
    type Machine = Vrrp;

    fn machine(&mut self) -> (&mut Vrrp, &mut Instant) {
        (&mut self.core, &mut self.now)
    }

    fn turn(&mut self) {
        let before = self.snapshots();
        self.core.handle_timeout(self.now);
        self.drain(&before);
    }
}

impl Run {
    fn step(&mut self, bytes: &mut Bytes<'_>) {
        match bytes.byte() % 14 {
            0 => {
                // Everybody may start.
                for index in 0..self.model.instances.len() {
                    self.source(InstanceId::from_index(index), Some(1));
                }
            }
            1 | 2 => self.pass_or_sleep(bytes),
            3 => {
                self.pass_to_next(None);
            }
            4 => self.spurious(),
            5 => {
                if let Some(instance) = self.some_instance(bytes) {
                    let to = bytes.byte();
                    self.source(instance, (to != 255).then_some(to));
                }
            }
            6 => {
                if let Some(instance) = self.some_instance(bytes) {
                    let fault = *bytes.pick(&FAULTS).expect("there are some");
                    let present = bytes.flag();
                    self.input(Input::Fault { instance, fault, present });
                }
            }
            7 => {
                if let Some(tracker) = bytes.place(self.model.trackers.len()).map(TrackerId::from_index) {
                    let verdict = match bytes.byte() {
                        0 => Verdict::Unknown,
                        1 => Verdict::Up,
                        2 => Verdict::Down,
                        255 => Verdict::Value(i32::MIN),
                        254 => Verdict::Value(i32::MAX),
                        n => Verdict::Value(i32::from(n) - 100),
                    };
                    self.input(Input::Tracker { tracker, verdict });
                }
            }
            8 | 9 => {
                let Some(instance) = self.some_instance(bytes) else { return };
                let model = self.model.clone();
                if let Some(arrived) = advert(&model.instances[instance.index()].protocol, bytes) {
                    self.input(Input::Datagram { instance, datagram: arrived.datagram() });
                }
            }
            10 => {
                let arrived = junk(bytes);
                if let Some(instance) = self.some_instance(bytes) {
                    self.input(Input::Datagram { instance, datagram: arrived.datagram() });
                }
            }
            11 => {
                let Some((instance, destination, packet)) = self.said.clone() else { return };
                let source = neighbour(Family::of(&destination), bytes.byte());
                let arrived = echo(source, destination, &packet);
                self.input(Input::Datagram { instance, datagram: arrived.datagram() });
            }
            12 => {
                let model = bytes.pick(models()).expect("there are some").clone();
                let diff = model::diff(&self.model, &model);
                let (instances, trackers) = (diff.carried_instances(), diff.carried_trackers());
                let reload = Reload { config: model.protocol(), instances, trackers };
                self.said = None;
                self.core.handle_input(self.now, Input::Reload(Box::new(reload)));
                // Ids of both models come out of this turn.
                for output in self.outputs() {
                    if let Output::Transmit { destination, packet, .. } = output {
                        speech::read(Family::of(&destination), &packet);
                    }
                }
                self.model = model;
                self.at_rest();
            }
            _ => self.core.clear_counters(),
        }
    }

    fn some_instance(&self, bytes: &mut Bytes<'_>) -> Option<InstanceId> {
        bytes.place(self.model.instances.len()).map(InstanceId::from_index)
    }

    fn source(&mut self, instance: InstanceId, to: Option<u8>) {
        let Some(family) = self.model.instances.get(instance.index()).map(|i| i.protocol.family) else {
            return;
        };
        self.input(Input::Source { instance, address: to.map(|n| neighbour(family, n)) });
    }

    fn input(&mut self, input: Input<'_>) {
        let heard = matches!(input, Input::Datagram { .. });
        let before = self.snapshots();
        let next = self.core.poll_timeout();
        self.core.handle_input(self.now, input);
        let refused = self.drain(&before);
        if heard && refused {
            assert_eq!(strip(before), strip(self.snapshots()), "what was refused changed something");
            assert_eq!(self.core.poll_timeout(), next, "what was refused moved a timer");
        }
    }

    fn snapshots(&self) -> Vec<Snapshot> {
        let ids = (0..self.model.instances.len()).map(InstanceId::from_index);
        ids.filter_map(|id| self.core.snapshot(id)).collect()
    }

    fn outputs(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        while let Some(output) = self.core.poll_output() {
            outputs.push(output);
            assert!(outputs.len() < MAX_OUTPUTS, "no end of outputs in sight");
        }
        outputs
    }

    /// Judges the outputs of a turn that began with `before`; whether something was refused.
    fn drain(&mut self, before: &[Snapshot]) -> bool {
        let outputs = self.outputs();
        assert!(!self.stopped || outputs.is_empty(), "{outputs:?} after the end");
        let after = self.snapshots();
        let master = |list: &[Snapshot], id: InstanceId| {
            list.get(id.index()).is_some_and(|s| s.state == State::Master)
        };
        let became = |id: InstanceId| {
            outputs.iter().any(|output| match output {
                Output::Event(Event::State { instance, to, .. }) => *instance == id && *to == State::Master,
                _ => false,
            })
        };
        let mut refused = false;
        for output in &outputs {
            match output {
                Output::Transmit { instance, destination, packet } => {
                    let (vrid, priority) = speech::read(Family::of(destination), packet);
                    let protocol = &self.model.instances[instance.index()].protocol;
                    assert_eq!(vrid, protocol.vrid);
                    let may = master(before, *instance) || master(&after, *instance) || became(*instance);
                    assert!(may, "{} sent priority {priority} and was never master", protocol.name);
                    self.said = Some((*instance, *destination, packet.clone()));
                }
                Output::Event(Event::Refused { .. }) => refused = true,
                Output::Event(_) => {}
            }
        }
        self.at_rest();
        refused
    }

    /// What holds between two turns.
    fn at_rest(&self) {
        for (snapshot, instance) in self.snapshots().iter().zip(&self.model.instances) {
            let priority = snapshot.priority.0;
            assert!(priority > 0, "{} has priority 0", instance.protocol.name);
            assert!(priority < 255 || instance.protocol.priority.is_owner(), "255 is for owners");
            if let Some(id) = instance.protocol.group {
                let group = self.core.group_state(id);
                // A member that a reload brings waits for its source; the others go on meanwhile.
                let same = group == Some(snapshot.state) || snapshot.state == State::Init;
                assert!(same, "{} is {:?}, its group {group:?}", instance.protocol.name, snapshot.state);
            }
        }
        let groups = (0..self.model.groups.len()).map(GroupId::from_index);
        assert!(groups.into_iter().all(|id| self.core.group_state(id).is_some()));
    }
}

/// All but what was counted.
fn strip(mut snapshots: Vec<Snapshot>) -> Vec<Snapshot> {
    for snapshot in &mut snapshots {
        snapshot.counters = Counters::default();
    }
    snapshots
}
