//! What the tests share: configurations, and a world of several routers on one perfect link with
//! one clock. Everything goes through real bytes.

use alloc::vec;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};
use std::collections::BTreeMap;

use base::{Duration, Family, Instant, Machine, Priority, Secret, Vrid};
use wire::vrrp::{Advert, ChecksumKind, Envelope, GROUP_V4, Version, decode};

use crate::config::{
    Auth, Config, Group, GroupId, Instance, InstanceId, Peer, Peers, Preempt, Track, Tracker, TrackerId,
    TrackerKind,
};
use crate::io::{Cause, Datagram, Event, Input, Output, State, Verdict};
use crate::{Vrrp, io};

pub(crate) const A: InstanceId = InstanceId(0);
pub(crate) const B: InstanceId = InstanceId(1);
pub(crate) const GROUP: GroupId = GroupId(0);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// An ordinary version 3 instance on multicast.
pub(crate) fn instance(name: &str, vrid: u8, priority: u8) -> Instance {
    Instance {
        name: name.into(),
        vrid: Vrid::new(vrid).unwrap(),
        family: Family::V4,
        version: Version::V3,
        priority: Priority(priority),
        wants_master: priority == 255,
        advert_interval: SECOND,
        down_timer_adverts: 3,
        preempt: Preempt::After(Duration::ZERO),
        peers: Peers::Multicast(GROUP_V4.into()),
        hop_limit: Some(255),
        auth: Auth::None,
        checksum: ChecksumKind::PseudoHeader,
        addresses: vec![IpAddr::V4(Ipv4Addr::new(198, 51, 100, vrid))],
        skip_check_adv_addr: false,
        lower_prio_no_advert: false,
        higher_prio_send_advert: false,
        owner_ignore_adverts: false,
        tracks: Vec::new(),
        group: None,
    }
}

/// One instance of `priority`, changed by `change`.
pub(crate) fn single(priority: u8, change: impl FnOnce(&mut Instance)) -> Config {
    let mut instance = instance("VI_1", 51, priority);
    change(&mut instance);
    Config { instances: vec![instance], ..Config::default() }
}

/// A sync group of instances with these priorities.
pub(crate) fn group(priorities: &[u8]) -> Config {
    let mut config = Config::default();
    for (index, priority) in priorities.iter().enumerate() {
        let vrid = u8::try_from(index + 1).unwrap();
        let mut instance = instance(&std::format!("VI_{vrid}"), vrid, *priority);
        instance.group = Some(GROUP);
        config.instances.push(instance);
    }
    let members = (0..priorities.len()).map(InstanceId::from_index).collect();
    config.groups.push(Group { name: "VG".into(), members, tracking_weight: false });
    config
}

/// Lets all instances of `config` track a script.
pub(crate) fn with_script(mut config: Config, weight: i16) -> Config {
    let tracker = TrackerId::from_index(config.trackers.len());
    config.trackers.push(Tracker { name: "check".into(), kind: TrackerKind::Script });
    for instance in &mut config.instances {
        instance.tracks.push(Track { tracker, weight: base::Weight::new(weight).unwrap(), reverse: false });
    }
    config
}

pub(crate) fn secret(text: &str) -> Secret<[u8; 8]> {
    wire::ah::key(text.as_bytes())
}

pub(crate) fn unicast(peers: &[IpAddr], check_source: bool) -> Peers {
    let peers = peers.iter().map(|address| Peer { address: *address, min_ttl: 0, max_ttl: 255 }).collect();
    Peers::Unicast { peers, check_source }
}

/// The address of the node with this number: 192.0.2.11 for the first.
pub(crate) fn address(node: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 11 + u8::try_from(node).unwrap()))
}

/// Something that a node said.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    Advert { vrid: u8, priority: u8, destination: IpAddr, ip_id: u16, sequence: Option<u32> },
    Event(Event),
}

struct Node {
    core: Vrrp,
    configs: Vec<Instance>,
    /// Not run at all: its packets wait.
    frozen: bool,
    /// Its link is cut.
    cut: bool,
}

/// Some routers on one link.
pub(crate) struct World {
    pub(crate) now: Instant,
    delay: Duration,
    nodes: Vec<Node>,
    said: Vec<(Instant, usize, Said)>,
    flying: BTreeMap<(Instant, u64), Flight>,
    sent: u64,
}

#[derive(Clone)]
struct Flight {
    to: usize,
    instance: InstanceId,
    source: IpAddr,
    destination: IpAddr,
    bytes: Vec<u8>,
}

impl World {
    /// Builds and starts nodes; packets take `delay`.
    pub(crate) fn new(delay: Duration, configs: impl IntoIterator<Item = Config>) -> Self {
        let mut world = Self {
            // Far from zero, so that a deadline computed from nothing would be noticed.
            now: Instant::from_nanos(1_000_000_000_000),
            delay,
            nodes: Vec::new(),
            said: Vec::new(),
            flying: BTreeMap::new(),
            sent: 0,
        };
        for config in configs {
            world.start(config, Duration::ZERO);
        }
        world
    }

    /// Adds a node that starts now.
    pub(crate) fn start(&mut self, config: Config, start_delay: Duration) -> usize {
        let node = self.nodes.len();
        let configs = config.instances.clone();
        let core = Vrrp::new(config, self.now, start_delay);
        self.nodes.push(Node { core, configs, frozen: false, cut: false });
        self.introduce(node);
        node
    }

    fn introduce(&mut self, node: usize) {
        for index in 0..self.nodes[node].configs.len() {
            let instance = InstanceId::from_index(index);
            let address = match self.nodes[node].configs[index].family {
                Family::V4 => address(node),
                Family::V6 => IpAddr::V6(core::net::Ipv6Addr::new(
                    0xfe80,
                    0,
                    0,
                    0,
                    0,
                    0,
                    0,
                    0x11 + u16::try_from(node).unwrap(),
                )),
            };
            self.input(node, Input::Source { instance, address: Some(address) });
        }
    }

    pub(crate) fn input(&mut self, node: usize, input: Input<'_>) {
        self.nodes[node].core.handle_input(self.now, input);
        self.drain(node);
    }

    pub(crate) fn reload(&mut self, node: usize, config: Config, instances: Vec<Option<InstanceId>>) {
        self.nodes[node].configs = config.instances.clone();
        let trackers = (0..config.trackers.len()).map(TrackerId::from_index).map(Some).collect();
        self.input(node, Input::Reload(alloc::boxed::Box::new(io::Reload { config, instances, trackers })));
    }

    pub(crate) fn script(&mut self, node: usize, up: bool) {
        let verdict = if up { Verdict::Up } else { Verdict::Down };
        self.input(node, Input::Tracker { tracker: TrackerId(0), verdict });
    }

    pub(crate) fn fault(&mut self, node: usize, instance: InstanceId, present: bool) {
        self.input(node, Input::Fault { instance, fault: io::Fault::InterfaceDown, present });
    }

    /// Pulls or plugs the cable without telling the node.
    pub(crate) fn cut(&mut self, node: usize, cut: bool) {
        self.nodes[node].cut = cut;
    }

    /// Stops running a node (SIGSTOP, or SIGKILL if it is never undone).
    pub(crate) fn freeze(&mut self, node: usize) {
        self.nodes[node].frozen = true;
    }

    /// Runs a node again: its timers are late, and then what waited in its socket arrives.
    pub(crate) fn thaw(&mut self, node: usize) {
        self.nodes[node].frozen = false;
        self.timeout(node);
    }

    /// Runs a node again: what waited in its socket arrives before its timers.
    pub(crate) fn unfreeze(&mut self, node: usize) {
        self.nodes[node].frozen = false;
    }

    pub(crate) fn timeout(&mut self, node: usize) {
        self.nodes[node].core.handle_timeout(self.now);
        self.drain(node);
        let next = self.nodes[node].core.poll_timeout();
        assert!(next.is_none_or(|at| at > self.now), "node {node} wants {next:?} at {:?}", self.now);
    }

    /// Hands a packet to an instance, as if it had come from the link.
    pub(crate) fn hand(&mut self, node: usize, instance: InstanceId, datagram: Datagram<'_>) {
        self.input(node, Input::Datagram { instance, datagram });
    }

    fn drain(&mut self, node: usize) {
        let sender = &mut self.nodes[node];
        let mut packets = Vec::new();
        while let Some(output) = sender.core.poll_output() {
            match output {
                Output::Event(event) => self.said.push((self.now, node, Said::Event(event))),
                Output::Transmit { instance, destination, packet } => {
                    let config = &sender.configs[instance.index()];
                    let (message, ip_id, sequence) = match config.family {
                        Family::V4 => {
                            let envelope = Envelope::open(&packet).unwrap();
                            (envelope.message(), envelope.ip.id, envelope.ah.map(|ah| ah.sequence))
                        }
                        Family::V6 => (&packet[..], 0, None),
                    };
                    let advert: Advert<'_> = decode(config.family, message).unwrap();
                    self.said.push((
                        self.now,
                        node,
                        Said::Advert {
                            vrid: advert.vrid(),
                            priority: advert.priority().0,
                            destination,
                            ip_id,
                            sequence,
                        },
                    ));
                    let source = sender.core.snapshot(instance).unwrap().source.unwrap();
                    packets.push((source, destination, config.vrid, config.family, packet));
                }
            }
        }
        let cut = sender.cut;
        for (source, destination, vrid, family, packet) in packets {
            for (to, receiver) in self.nodes.iter().enumerate() {
                if to == node
                    || cut
                    || receiver.cut
                    || !(destination.is_multicast() || destination == address(to))
                {
                    continue;
                }
                for (index, config) in receiver.configs.iter().enumerate() {
                    if config.vrid == vrid && config.family == family {
                        self.sent += 1;
                        self.flying.insert(
                            (self.now + self.delay, self.sent),
                            Flight {
                                to,
                                instance: InstanceId::from_index(index),
                                source,
                                destination,
                                bytes: packet.to_vec(),
                            },
                        );
                    }
                }
            }
        }
    }

    /// Lets `time` pass.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        for turn in 0.. {
            assert!(turn < 1_000_000, "the world does not come to rest");
            let frozen: Vec<bool> = self.nodes.iter().map(|node| node.frozen).collect();
            let flight = self.flying.iter().find(|(_, flight)| !frozen[flight.to]).map(|(key, _)| *key);
            let timer = self
                .nodes
                .iter()
                .enumerate()
                .filter(|(_, node)| !node.frozen)
                .filter_map(|(index, node)| Some((node.core.poll_timeout()?, index)))
                .min();
            match (flight, timer) {
                // What arrives at the instant of a timer arrives first.
                (Some(key), timer) if key.0 <= end && timer.is_none_or(|(at, _)| key.0 <= at) => {
                    let flight = self.flying.remove(&key).unwrap();
                    self.now = self.now.max(key.0);
                    let datagram = Datagram {
                        source: flight.source,
                        destination: flight.destination,
                        hop_limit: Some(255),
                        bytes: &flight.bytes,
                    };
                    self.hand(flight.to, flight.instance, datagram);
                }
                (_, Some((at, node))) if at <= end => {
                    self.now = self.now.max(at);
                    self.timeout(node);
                }
                _ => break,
            }
        }
        self.now = end;
    }

    pub(crate) fn core(&self, node: usize) -> &Vrrp {
        &self.nodes[node].core
    }

    pub(crate) fn snapshot(&self, node: usize) -> io::Snapshot {
        self.core(node).snapshot(A).unwrap()
    }

    pub(crate) fn states(&self) -> Vec<State> {
        (0..self.nodes.len()).map(|node| self.snapshot(node).state).collect()
    }

    /// All that was said since the last call.
    pub(crate) fn take(&mut self) -> Vec<(Instant, usize, Said)> {
        core::mem::take(&mut self.said)
    }

    /// The adverts among what was said since the last call: when, which node, which priority.
    pub(crate) fn adverts(&mut self) -> Vec<(Instant, usize, u8)> {
        self.take()
            .into_iter()
            .filter_map(|(at, node, said)| match said {
                Said::Advert { priority, .. } => Some((at, node, priority)),
                Said::Event(_) => None,
            })
            .collect()
    }

    /// The events among what a node said since the last call.
    pub(crate) fn events(&mut self, node: usize) -> Vec<Event> {
        self.take()
            .into_iter()
            .filter_map(|(_, who, said)| match said {
                Said::Event(event) if who == node => Some(event),
                _ => None,
            })
            .collect()
    }

    /// The changes of state among them: from, to, why.
    pub(crate) fn transitions(&mut self, node: usize) -> Vec<(InstanceId, State, State, Cause)> {
        self.events(node)
            .into_iter()
            .filter_map(|event| match event {
                Event::State { instance, from, to, cause } => Some((instance, from, to, cause)),
                _ => None,
            })
            .collect()
    }
}
