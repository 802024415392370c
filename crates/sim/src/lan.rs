//! The wires: segments with ports, their weather, and what is unplugged or cut.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use base::{Duration, IfName, Instant, Mac, Name, Rng};

use crate::node::NodeId;

/// A segment's place in [`Lan::segments`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SegmentId(pub usize);

/// A host's interface on a segment.
pub type Port = (NodeId, IfName);

/// How a segment treats what it carries. Shares are parts in a million.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Weather {
    /// The shortest and the longest delay.
    pub delay: (Duration, Duration),
    /// How much is lost.
    pub loss: u32,
    /// How much arrives twice.
    pub duplicates: u32,
    /// Whether packets may overtake each other.
    pub reorders: bool,
}

impl Weather {
    /// A good switch.
    pub const FAIR: Self = Self {
        delay: (Duration::from_micros(20), Duration::from_micros(100)),
        loss: 0,
        duplicates: 0,
        reorders: false,
    };
}

/// A LAN: what one port sends, all others hear.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Its name.
    pub name: Name,
    /// Who is on it.
    pub ports: Vec<Port>,
    /// How it treats packets.
    pub weather: Weather,
    /// Whether the switch runs.
    pub up: bool,
    /// What the neighbour cache of a host on it says: which hardware address has an address.
    pub cache: BTreeMap<IpAddr, (Mac, Instant)>,
}

/// All wires.
#[derive(Clone, Debug, Default)]
pub struct Lan {
    /// The segments.
    pub segments: Vec<Segment>,
    places: BTreeMap<Port, SegmentId>,
    unplugged: BTreeSet<Port>,
    mute: BTreeSet<Port>,
    deaf: BTreeSet<Port>,
    /// What the first sends, the second does not hear.
    cuts: BTreeSet<(NodeId, NodeId)>,
    /// When the last packet from one port to another arrives.
    last: BTreeMap<(Port, Port), Instant>,
}

impl Lan {
    /// Adds a segment.
    pub fn add(&mut self, name: Name, ports: Vec<Port>) -> SegmentId {
        let id = SegmentId(self.segments.len());
        for port in &ports {
            self.places.insert(*port, id);
        }
        let (weather, cache) = (Weather::FAIR, BTreeMap::new());
        self.segments.push(Segment { name, ports, weather, up: true, cache });
        id
    }

    /// The segment of a port.
    #[must_use]
    pub fn segment_of(&self, port: Port) -> Option<SegmentId> {
        self.places.get(&port).copied()
    }

    /// Whether a port has a carrier: it is plugged in, and the switch runs.
    #[must_use]
    pub fn carrier(&self, port: Port) -> bool {
        let up = self.segment_of(port).and_then(|id| self.segments.get(id.0)).is_some_and(|s| s.up);
        up && !self.unplugged.contains(&port)
    }

    /// Pulls a cable or plugs it in.
    pub fn plug(&mut self, port: Port, plugged: bool) {
        set(&mut self.unplugged, port, !plugged);
    }

    /// A port's packets vanish, or don't any more.
    pub fn mute(&mut self, port: Port, on: bool) {
        set(&mut self.mute, port, on);
    }

    /// A port hears nothing, or does again.
    pub fn deafen(&mut self, port: Port, on: bool) {
        set(&mut self.deaf, port, on);
    }

    /// What `from` sends does not reach `to`, or does again.
    pub fn cut(&mut self, from: NodeId, to: NodeId, on: bool) {
        set(&mut self.cuts, (from, to), on);
    }

    /// Everything is plugged in and well.
    pub fn heal(&mut self) {
        for set in [&mut self.unplugged, &mut self.mute, &mut self.deaf] {
            set.clear();
        }
        self.cuts.clear();
        for segment in &mut self.segments {
            (segment.weather, segment.up) = (Weather::FAIR, true);
        }
    }

    /// Whether what `from` sends can reach `to`, weather aside.
    #[must_use]
    pub fn reaches(&self, from: Port, to: Port) -> bool {
        self.segment_of(from).is_some()
            && self.segment_of(from) == self.segment_of(to)
            && self.carrier(from)
            && self.carrier(to)
            && !self.mute.contains(&from)
            && !self.deaf.contains(&to)
            && !self.cuts.contains(&(from.0, to.0))
    }

    /// Whether anything beyond the port can hear what it sends.
    #[must_use]
    pub fn speaks(&self, from: Port) -> bool {
        self.carrier(from) && !self.mute.contains(&from)
    }

    /// Whether a port is plugged in and neither deaf nor mute.
    #[must_use]
    pub fn is_well(&self, port: Port) -> bool {
        self.speaks(port) && !self.deaf.contains(&port)
    }

    /// When a packet sent at `now` arrives where.
    pub fn deliveries(
        &mut self,
        now: Instant,
        from: Port,
        rng: &mut Rng,
        mut arrive: impl FnMut(Port, Instant),
    ) {
        let Some(segment) = self.segment_of(from).and_then(|id| self.segments.get(id.0)) else { return };
        let weather = segment.weather;
        for at in 0..segment.ports.len() {
            let Some(to) =
                self.segment_of(from).and_then(|id| self.segments.get(id.0)?.ports.get(at).copied())
            else {
                return;
            };
            if to == from || !self.reaches(from, to) {
                continue;
            }
            let copies = if happens(weather.duplicates, rng) { 2 } else { 1 };
            for _ in 0..copies {
                if happens(weather.loss, rng) {
                    continue;
                }
                let mut when = now + between(weather.delay, rng);
                if !weather.reorders {
                    let last = self.last.entry((from, to)).or_insert(when);
                    when = when.max(*last);
                    *last = when;
                }
                arrive(to, when);
            }
        }
    }

    /// When a frame sent at `now` reaches the hosts of its segment, if it does.
    pub fn to_hosts(&self, now: Instant, from: Port, rng: &mut Rng) -> Option<(SegmentId, Instant)> {
        let id = self.segment_of(from)?;
        let weather = self.segments.get(id.0)?.weather;
        if !self.speaks(from) || happens(weather.loss, rng) {
            return None;
        }
        Some((id, now + between(weather.delay, rng)))
    }
}

/// Whether something happens that does so in `share` of a million cases.
pub fn happens(share: u32, rng: &mut Rng) -> bool {
    share > 0 && rng.below(1_000_000) < u64::from(share)
}

/// Some time between two.
pub fn between((least, most): (Duration, Duration), rng: &mut Rng) -> Duration {
    least + Duration::from_nanos(rng.below(most.saturating_sub(least).as_nanos().saturating_add(1)))
}

fn set<T: Ord>(set: &mut BTreeSet<T>, item: T, on: bool) {
    if on {
        set.insert(item);
    } else {
        set.remove(&item);
    }
}
