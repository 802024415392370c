//! Whatever happens in whatever order: the contract of a machine, groups that stay together, and
//! priorities that are what a computation from scratch says.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};
use std::format;

use base::{Duration, Instant, Machine, Priority, Weight};
use proptest::prelude::*;
use wire::vrrp::{AdvertSpec, Auth, ChecksumKind, Endpoints, Interval, Stamp, Version, decode, encode};

use crate::Vrrp;
use crate::config::{Config, Group, GroupId, InstanceId, Preempt, Track, Tracker, TrackerId, TrackerKind};
use crate::io::{Datagram, Event, Fault, Input, Output, Reload, State, Verdict};
use crate::testing::*;

/// What the tests do to a machine.
#[derive(Clone, Debug)]
enum Step {
    /// Time passes and all timers are served in time.
    Pass(u64),
    /// Time passes and the timers are served late.
    Sleep(u64),
    Tracker(u32, Verdict),
    Fault(u32, Fault, bool),
    Source(u32, bool),
    Advert {
        instance: u32,
        from: u8,
        priority: u8,
        interval: u16,
        ttl: u8,
    },
    Garbage(u32, Vec<u8>),
    /// The instances turned by so many places, perhaps one less, the first of them with another
    /// priority, so many of them in the group, and perhaps the trackers forgotten.
    Reload {
        turn: usize,
        drop: bool,
        priority: Option<u8>,
        grouped: usize,
        forget: bool,
    },
    Stop,
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        2 => Just(Verdict::Up),
        2 => Just(Verdict::Down),
        1 => Just(Verdict::Unknown),
        1 => (-300..300_i32).prop_map(Verdict::Value),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let fault =
        prop_oneof![Just(Fault::InterfaceDown), Just(Fault::InterfaceMissing), Just(Fault::Unsuitable)];
    let advert = (
        0..5_u32,
        1..40_u8,
        prop_oneof![1 => Just(0_u8), 3 => Just(255), 3 => any::<u8>()],
        1..400_u16,
        250..=255_u8,
    );
    prop_oneof![
        12 => (0..4_000_000_000_u64).prop_map(Step::Pass),
        2 => (0..9_000_000_000_u64).prop_map(Step::Sleep),
        4 => (0..3_u32, verdict()).prop_map(|(id, verdict)| Step::Tracker(id, verdict)),
        3 => (0..5_u32, fault, prop::bool::weighted(0.3)).prop_map(|(id, fault, present)| Step::Fault(id, fault, present)),
        3 => (0..5_u32, prop::bool::weighted(0.8)).prop_map(|(id, present)| Step::Source(id, present)),
        12 => advert.prop_map(|(instance, from, priority, interval, ttl)| {
            // Mostly a TTL that is accepted.
            Step::Advert { instance, from, priority, interval, ttl: if ttl < 254 { 255 } else { ttl } }
        }),
        2 => (0..5_u32, prop::collection::vec(any::<u8>(), 0..80)).prop_map(|(id, bytes)| Step::Garbage(id, bytes)),
        2 => (0..4_usize, any::<bool>(), prop::option::of(prop_oneof![1..=254_u8, Just(255)]), 0..=4_usize, any::<bool>())
            .prop_map(|(turn, drop, priority, grouped, forget)| Step::Reload { turn, drop, priority, grouped, forget }),
    ]
}

#[derive(Clone, Debug)]
struct Shape {
    priority: u8,
    v2: bool,
    centis: u64,
    preempt: Preempt,
    wants_master: bool,
    weights: [Option<i16>; 2],
}

fn shape() -> impl Strategy<Value = Shape> {
    let preempt = prop_oneof![
        Just(Preempt::Never),
        Just(Preempt::After(Duration::ZERO)),
        Just(Preempt::After(ms(2_500)))
    ];
    let weight = || prop::option::of(prop_oneof![Just(0_i16), Just(-60), Just(30), Just(254)]);
    let priority = prop_oneof![4 => 1..=254_u8, 1 => Just(255_u8)];
    (priority, any::<bool>(), 1..200_u64, preempt, any::<bool>(), [weight(), weight()]).prop_map(
        |(priority, v2, centis, preempt, wants_master, weights)| Shape {
            priority,
            v2,
            centis,
            preempt,
            wants_master,
            weights,
        },
    )
}

fn build(shapes: &[Shape], grouped: usize) -> Config {
    let mut config = Config::default();
    for kind in [TrackerKind::Script, TrackerKind::File] {
        config.trackers.push(Tracker { name: "t".into(), kind });
    }
    for (index, shape) in shapes.iter().enumerate() {
        let vrid = u8::try_from(index + 1).unwrap();
        let mut instance = instance(&format!("VI_{vrid}"), vrid, shape.priority);
        instance.version = if shape.v2 { Version::V2 } else { Version::V3 };
        instance.advert_interval = if shape.v2 { SECOND } else { Duration::from_centis(shape.centis) };
        instance.preempt = shape.preempt;
        instance.wants_master = shape.wants_master;
        for (tracker, weight) in shape.weights.iter().enumerate() {
            if let Some(weight) = weight {
                instance.tracks.push(Track {
                    tracker: TrackerId::from_index(tracker),
                    weight: Weight::new(*weight).unwrap(),
                    reverse: index % 2 == 1,
                });
            }
        }
        config.instances.push(instance);
    }
    group_first(&mut config, grouped);
    config
}

/// Puts the first instances into a group, the others into none.
fn group_first(config: &mut Config, grouped: usize) {
    let grouped = grouped.min(config.instances.len());
    for (index, instance) in config.instances.iter_mut().enumerate() {
        instance.group = (index < grouped).then_some(GROUP);
    }
    config.groups.clear();
    if grouped > 0 {
        let members = (0..grouped).map(InstanceId::from_index).collect();
        config.groups.push(Group { name: "VG".into(), members, tracking_weight: true });
    }
}

/// A machine and what an observer knows about it.
struct Watched {
    core: Vrrp,
    config: Config,
    now: Instant,
    told: Vec<State>,
    verdicts: [Verdict; 2],
}

impl Watched {
    fn new(config: Config) -> Self {
        let now = Instant::from_nanos(7_000_000_000);
        let told = config.instances.iter().map(|_| State::Init).collect();
        let core = Vrrp::new(config.clone(), now, Duration::ZERO);
        Self { core, config, now, told, verdicts: [Verdict::Unknown; 2] }
    }

    /// Drains the outputs and checks all that must hold then.
    fn drain(&mut self) -> Result<(), TestCaseError> {
        let outputs: Vec<Output> = core::iter::from_fn(|| self.core.poll_output()).collect();
        self.follow(&outputs)?;
        let next = self.core.poll_timeout();
        prop_assert!(next.is_none_or(|at| at > self.now), "wants {:?} at {:?}", next, self.now);
        for (index, config) in self.config.instances.iter().enumerate() {
            let snapshot = self.core.snapshot(InstanceId::from_index(index)).unwrap();
            prop_assert_eq!(snapshot.state, self.told[index]);
            let sum: i32 = config.tracks.iter().map(|track| self.contribution(track)).sum();
            let expected = u8::try_from((i32::from(config.priority.0) + sum).clamp(1, 254)).unwrap();
            let may_yield = matches!(snapshot.state, State::Backup | State::Master | State::Stopped);
            if config.priority.is_owner() && may_yield {
                prop_assert!(snapshot.priority >= Priority::MAX_BACKUP);
            } else if config.priority.is_owner() {
                prop_assert_eq!(snapshot.priority, Priority::OWNER);
            } else {
                prop_assert_eq!(snapshot.priority.0, expected);
            }
        }
        for (index, group) in self.config.groups.iter().enumerate() {
            let mut states: Vec<State> = group
                .members
                .iter()
                .map(|id| self.core.snapshot(*id).unwrap().state)
                .filter(|state| *state != State::Init)
                .collect();
            states.dedup();
            prop_assert!(states.len() <= 1, "a group of {:?}", states);
            if let Some(state) = states.first() {
                prop_assert_eq!(self.core.group_state(GroupId::from_index(index)), Some(*state));
            }
        }
        Ok(())
    }

    /// Reads what was told. Only a master sends, or one that becomes it with this very advert.
    fn follow(&mut self, outputs: &[Output]) -> Result<(), TestCaseError> {
        for (at, output) in outputs.iter().enumerate() {
            match output {
                Output::Transmit { instance, packet, .. } => {
                    let config = &self.config.instances[instance.index()];
                    let envelope = wire::vrrp::Envelope::open(packet).unwrap();
                    let advert = decode(config.family, envelope.message()).unwrap();
                    prop_assert_eq!(advert.vrid(), config.vrid.get());
                    let next = outputs[at..].iter().find_map(|output| match output {
                        Output::Event(Event::State { instance: whose, to, .. }) if whose == instance => {
                            Some(*to)
                        }
                        _ => None,
                    });
                    let is_master = self.told[instance.index()] == State::Master;
                    let becomes = next == Some(State::Master) && advert.priority() != Priority::RELEASE;
                    prop_assert!(
                        is_master || becomes,
                        "{:?} sends {:?}",
                        self.told[instance.index()],
                        advert
                    );
                }
                Output::Event(Event::State { instance, from, to, .. }) => {
                    let told = &mut self.told[instance.index()];
                    prop_assert_eq!(*told, *from, "the story of {:?} has a gap", instance);
                    prop_assert_ne!(from, to);
                    *told = *to;
                }
                Output::Event(_) => {}
            }
        }
        Ok(())
    }

    /// What a tracker adds, written down once more and differently.
    fn contribution(&self, track: &Track) -> i32 {
        let weight = i32::from(track.weight.get());
        let verdict = self.verdicts[track.tracker.index()];
        let up = match verdict {
            Verdict::Up => true,
            Verdict::Down => false,
            Verdict::Unknown => return 0,
            Verdict::Value(n) => {
                let product = if track.reverse { -n * weight } else { n * weight };
                return if product <= -254 { 0 } else { product.min(253) };
            }
        };
        if (up ^ track.reverse) == (weight > 0) { weight } else { 0 }
    }

    fn input(&mut self, input: Input<'_>) -> Result<(), TestCaseError> {
        self.core.handle_input(self.now, input);
        // Timers that the input left due are the caller's business.
        self.core.handle_timeout(self.now);
        self.drain()
    }

    fn perform(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Pass(nanos) => {
                let end = self.now + Duration::from_nanos(nanos);
                while let Some(at) = self.core.poll_timeout().filter(|at| *at <= end) {
                    self.now = at;
                    self.core.handle_timeout(at);
                    self.drain()?;
                }
                self.now = end;
                Ok(())
            }
            Step::Sleep(nanos) => {
                self.now += Duration::from_nanos(nanos);
                self.core.handle_timeout(self.now);
                self.drain()
            }
            Step::Tracker(id, verdict) => {
                if let Some(known) = usize::try_from(id).ok().and_then(|id| self.verdicts.get_mut(id)) {
                    *known = verdict;
                }
                self.input(Input::Tracker { tracker: TrackerId(id), verdict })
            }
            Step::Fault(id, fault, present) => {
                self.input(Input::Fault { instance: InstanceId(id), fault, present })
            }
            Step::Source(id, present) => {
                let address = present.then_some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 20)));
                self.input(Input::Source { instance: InstanceId(id), address })
            }
            Step::Advert { instance, from, priority, interval, ttl } => {
                let id = InstanceId(instance);
                let Some(config) = self.config.instances.get(id.index()) else {
                    return self.garbage(id, &[0; 40]);
                };
                let source = Ipv4Addr::new(192, 0, 2, from);
                let packet = encode(
                    &AdvertSpec {
                        version: config.version,
                        vrid: config.vrid,
                        interval: match config.version {
                            Version::V2 => Interval::Seconds(1),
                            Version::V3 => Interval::Centis(interval),
                        },
                        addresses: &config.addresses,
                        auth: Auth::None,
                        checksum: ChecksumKind::MessageOnly,
                        path: Endpoints::multicast(source.into()),
                        ttl,
                    },
                    Stamp { priority: Priority(priority), ip_id: 1, ah_sequence: 0 },
                )
                .unwrap();
                self.garbage(id, &packet)
            }
            Step::Garbage(id, bytes) => self.garbage(InstanceId(id), &bytes),
            Step::Reload { turn, drop, priority, grouped, forget } => {
                self.reload(turn, drop, priority, grouped, forget)
            }
            Step::Stop => self.input(Input::Stop),
        }
    }

    fn garbage(&mut self, instance: InstanceId, bytes: &[u8]) -> Result<(), TestCaseError> {
        let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        let datagram = Datagram { source: address, destination: address, hop_limit: None, bytes };
        self.input(Input::Datagram { instance, datagram })
    }

    fn reload(
        &mut self,
        turn: usize,
        drop: bool,
        priority: Option<u8>,
        grouped: usize,
        forget: bool,
    ) -> Result<(), TestCaseError> {
        let mut order: Vec<usize> = (0..self.config.instances.len()).collect();
        let turn = turn % order.len();
        order.rotate_left(turn);
        if drop && order.len() > 1 {
            order.pop();
        }
        let mut config = self.config.clone();
        config.instances = order.iter().map(|old| self.config.instances[*old].clone()).collect();
        if let (Some(priority), Some(first)) = (priority, config.instances.first_mut()) {
            first.priority = Priority(priority);
        }
        group_first(&mut config, grouped);
        let instances = order.iter().map(|old| Some(InstanceId::from_index(*old))).collect();
        let trackers =
            (0..config.trackers.len()).map(|old| (!forget).then(|| TrackerId::from_index(old))).collect();
        if forget {
            self.verdicts = [Verdict::Unknown; 2];
        }
        let input = Input::Reload(Box::new(Reload { config: config.clone(), instances, trackers }));
        // Those that stay are told nothing but a fault of their group, if anything.
        let told = order.iter().map(|old| self.told[*old]).collect();
        self.core.handle_input(self.now, input);
        if order.len() == self.config.instances.len() {
            self.told = told;
            self.config = config;
        } else {
            // The farewell of the one that goes is told by its old id and comes first.
            let farewell: Vec<Output> = core::iter::from_fn(|| self.core.poll_output()).collect();
            let (last, rest) = farewell
                .iter()
                .position(|output| matches!(output, Output::Event(Event::State { to: State::Deleted, .. })))
                .map(|at| farewell.split_at(at + 1))
                .unwrap();
            prop_assert!(last.len() <= 3);
            self.told = told;
            self.config = config;
            self.follow(rest)?;
        }
        self.core.handle_timeout(self.now);
        self.drain()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nothing_breaks_the_contract_the_groups_or_the_priorities(
        shapes in prop::collection::vec(shape(), 1..=4),
        grouped in 0..=4_usize,
        steps in prop::collection::vec(step(), 1..80),
        stop in any::<bool>(),
    ) {
        let mut watched = Watched::new(build(&shapes, grouped));
        for id in 0..4 {
            watched.perform(Step::Source(id, true))?;
        }
        for step in steps {
            watched.perform(step)?;
        }
        if stop {
            watched.perform(Step::Stop)?;
            prop_assert!(watched.told.iter().all(|state| *state == State::Stopped));
        }
    }
}
