//! What trackers, interfaces and addresses must mean to instances: computed anew from the host, from the
//! results of scripts and from the numbers in files.

use std::net::{IpAddr, Ipv6Addr};

use base::{Family, Priority, Weight};
use engine::facts::LinkFacts;
use engine::io::SocketKind;
use model::{Instance, InstanceId, TrackerId, TrackerSource};
use vrrp::config::{Auth, Peers, Track};

use super::shadow::NodeShadow;
use crate::node::NodeId;
use crate::world::World;

/// How something tracked stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    Unknown,
    Good(bool),
    Number(i32),
}

/// What it means to an instance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Means {
    Nothing,
    /// A script without a weight had no result yet.
    Awaited,
    Fault,
    Adds(i32),
}

fn standing(world: &World, id: NodeId, node: &NodeShadow, tracker: TrackerId) -> Standing {
    let Some(tracker) = node.model.trackers.get(tracker.index()) else { return Standing::Unknown };
    match &tracker.source {
        TrackerSource::Interface(link) => {
            Standing::Good(world.node(id).host.named(*link).is_some_and(carries))
        }
        TrackerSource::File(_) => {
            node.files.get(&tracker.name).map_or(Standing::Unknown, |n| Standing::Number(*n))
        }
        TrackerSource::Script(script) => match node.scripts.get(&tracker.name).and_then(|s| s.1) {
            Some(good) => Standing::Good(good),
            None if script.init_fail => Standing::Good(false),
            None => Standing::Unknown,
        },
        // Nobody watches them yet.
        TrackerSource::Process(_) | TrackerSource::Bfd(_) => Standing::Unknown,
    }
}

fn carries(link: &LinkFacts) -> bool {
    link.up && link.running
}

/// `track_*`: weight 0 makes failure a fault; above 0 is added while good, below 0 while bad; the number
/// in a file is multiplied with it, and a product of -254 or less is a fault. `reverse` turns good into bad.
fn means(track: &Track, standing: Standing, is_script: bool) -> Means {
    let (weight, unweighted) = (i32::from(track.weight.get()), track.weight == Weight::FAULT);
    match standing {
        Standing::Unknown if unweighted && is_script => Means::Awaited,
        Standing::Unknown => Means::Nothing,
        Standing::Number(n) if unweighted => {
            if (n == 0) != track.reverse {
                Means::Nothing
            } else {
                Means::Fault
            }
        }
        Standing::Number(n) => {
            let sign = if track.reverse { -1 } else { 1 };
            match i64::from(n) * i64::from(weight) * sign {
                ..=-254 => Means::Fault,
                n => Means::Adds(i32::try_from(n.min(253)).unwrap_or(253)),
            }
        }
        Standing::Good(good) => match good != track.reverse {
            false if unweighted => Means::Fault,
            true if weight > 0 => Means::Adds(weight),
            false if weight < 0 => Means::Adds(weight),
            _ => Means::Nothing,
        },
    }
}

/// What each of the things that an instance tracks means to it.
fn all<'a>(
    world: &'a World,
    id: NodeId,
    node: &'a NodeShadow,
    of: &'a Instance,
) -> impl Iterator<Item = Means> + 'a {
    of.protocol.tracks.iter().map(move |track| {
        let source = node.model.trackers.get(track.tracker.index()).map(|t| &t.source);
        let is_script = matches!(source, Some(TrackerSource::Script(_)));
        means(track, standing(world, id, node, track.tracker), is_script)
    })
}

/// V13: 255 for an owner (254 while it makes room for another one), else the sum, between 1 and 254.
pub(super) fn priority(world: &World, id: NodeId, node: &NodeShadow, instance: InstanceId) -> Option<u8> {
    let (shadow, of) = node.get(instance)?;
    if of.protocol.priority.is_owner() {
        return Some(if shadow.yielded.is_some() { Priority::MAX_BACKUP.0 } else { Priority::OWNER.0 });
    }
    let added = all(world, id, node, of).map(|m| if let Means::Adds(n) = m { i64::from(n) } else { 0 });
    let sum = i64::from(of.protocol.priority.0) + added.sum::<i64>();
    u8::try_from(sum.clamp(1, 254)).ok()
}

/// Whether something keeps an instance by itself from taking part; `None` if that is not known here, or if
/// a script's first result is still to come.
fn faulty(world: &World, id: NodeId, node: &NodeShadow, of: &Instance) -> Option<bool> {
    let mut awaited = false;
    for means in all(world, id, node, of) {
        match means {
            Means::Fault => return Some(true),
            Means::Awaited => awaited = true,
            Means::Nothing | Means::Adds(_) => {}
        }
    }
    let host = &world.node(id).host;
    let link = of.link.map(|link| host.named(link));
    let multicast = matches!(of.protocol.peers, Peers::Multicast(_));
    let no_peer = matches!(&of.protocol.peers, Peers::Unicast { peers, .. } if peers.is_empty());
    let index = match link {
        Some(None) => return Some(true),
        Some(Some(l)) if l.loopback || multicast && !l.multicast => return Some(true),
        Some(Some(l)) if of.track_link && !carries(l) => return Some(true),
        Some(Some(l)) => Some(l.index),
        None => None,
    };
    if no_peer {
        return Some(true);
    }
    let usable = |addr: IpAddr, on: Option<base::IfIndex>| {
        let all = host.addresses.iter().map(|h| &h.facts);
        let mut here = all.filter(|f| f.net.addr() == addr && on.is_none_or(|on| f.link == on));
        here.any(|f| !f.tentative && !f.dad_failed)
    };
    let own = match of.source {
        Some(source) if of.track_source && !usable(source, index) => return Some(true),
        Some(source) => source,
        None => {
            let virtuals = |addr: IpAddr| node.model.virtual_addresses().any(|v| v == addr);
            let statics = |addr: IpAddr| node.model.static_addresses.iter().any(|s| s.net.addr() == addr);
            let fits =
                |addr: IpAddr| Family::of(&addr) == of.protocol.family && (addr.is_ipv4() || local(addr));
            let on_link = host.addresses.iter().map(|h| &h.facts).filter(|f| Some(f.link) == index);
            let mut own = on_link.filter(|f| {
                let addr = f.net.addr();
                fits(addr)
                    && !f.tentative
                    && !f.dad_failed
                    && !virtuals(addr)
                    && (f.protocol != Some(18) || statics(addr))
            });
            match own.next() {
                Some(facts) => facts.net.addr(),
                // It may have the virtual addresses as its own.
                None if of.protocol.priority.is_owner() => return None,
                None => return Some(true),
            }
        }
    };
    let process = world.node(id).process.as_ref()?;
    let protocol = if matches!(of.protocol.auth, Auth::Ah(_)) { 51 } else { 112 };
    let open = process.sockets.values().any(|s| {
        s.spec.protocol == protocol
            && s.spec.link == index
            && match (s.spec.kind, &of.protocol.peers) {
                (SocketKind::Multicast { group }, Peers::Multicast(wanted)) => group == *wanted,
                (SocketKind::Unicast { source, .. }, Peers::Unicast { .. }) => {
                    of.source.is_none() || source == own
                }
                _ => false,
            }
    });
    if !open {
        return Some(true);
    }
    if awaited { None } else { Some(false) }
}

fn local(addr: IpAddr) -> bool {
    matches!(addr, IpAddr::V6(a) if Ipv6Addr::is_unicast_link_local(&a))
}

/// V14, G2: whether something keeps an instance or a member of its group from taking part.
pub(super) fn unit_faulty(
    world: &World,
    id: NodeId,
    node: &NodeShadow,
    instance: InstanceId,
) -> Option<bool> {
    let of = node.of(instance)?;
    let Some(group) = of.protocol.group.and_then(|g| node.model.groups.get(g.index())) else {
        return faulty(world, id, node, of);
    };
    let mut all = Some(false);
    for member in &group.protocol.members {
        let (shadow, of) = node.get(*member)?;
        match faulty(world, id, node, of) {
            // Who has not begun is as if it were not there.
            Some(true) if shadow.state == vrrp::io::State::Init => all = None,
            Some(true) => return Some(true),
            Some(false) => {}
            None => all = None,
        }
    }
    all
}
