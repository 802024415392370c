//! A world from configuration files: who is on which segment, with which addresses.
//!
//! Nobody tells the simulator what the network looks like, and most of it follows from the files:
//! interfaces of the same name are on the same segment, and so are those of one virtual router if it has no
//! other member on the segment of its interface; an address of a node's own is what it is
//! configured to send from, what its unicast peers call it, or any free one beside the virtual addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use base::{Family, IfName, Instant, IpNet, Name};
use model::{Model, TrackerSource};
use vrrp::config::Peers;

use crate::clock::Clock;
use crate::host::Host;
use crate::lan::{Lan, Port};
use crate::node::{Node, NodeId};
use crate::world::{Pace, World};

/// A node to be: its name, and its configurations, of which the first is what it starts with.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name.
    pub name: Name,
    /// Its configurations; at least one.
    pub models: Vec<Arc<Model>>,
}

/// Makes a world of `plans`; nothing runs in it yet.
///
/// Everything random in it follows from `seed`. Nodes without a configuration are left out.
#[must_use]
pub fn world(plans: &[Plan], pace: Pace, seed: u64) -> World {
    let plans: Vec<&Plan> = plans.iter().filter(|p| !p.models.is_empty()).collect();
    let models: Vec<&Model> = plans.iter().filter_map(|p| p.models.first()).map(AsRef::as_ref).collect();
    let mut names: BTreeMap<IfName, BTreeSet<NodeId>> = BTreeMap::new();
    let mut nodes = Vec::new();
    for (index, plan) in plans.iter().enumerate() {
        let mut own = BTreeMap::new();
        for link in plan.models.iter().flat_map(|m| links(m)).collect::<BTreeSet<_>>() {
            names.entry(link).or_default().insert(NodeId(index));
            own.insert(link, addresses(&models, index, link));
        }
        let number = u8::try_from(index).unwrap_or(u8::MAX);
        // Clocks of different hosts have nothing to do with each other.
        let start = Instant::from_nanos(1_000_000_000_000 * (u64::from(number) + 1));
        let clock = Clock::new(Instant::ZERO, start, 0);
        let host = Host::new(number, own);
        nodes.push(Node::new(plan.name.clone(), host, plan.models.clone(), clock));
    }
    let mut segments: Vec<Vec<Port>> =
        names.into_iter().map(|(link, on)| on.into_iter().map(|node| (node, link)).collect()).collect();
    join(&mut segments, &models);
    let mut lan = Lan::default();
    for ports in segments {
        let name = ports.first().map_or_else(|| Name::from("?"), |(_, link)| Name::from(link.as_str()));
        lan.add(name, ports);
    }
    World::new(nodes, lan, pace, seed)
}

/// Joins the segments of a virtual router whose members call their interfaces differently: hardware is not
/// the same everywhere.
fn join(segments: &mut Vec<Vec<Port>>, models: &[&Model]) {
    let members = |i: usize| {
        models.get(i).into_iter().flat_map(|m| &m.instances).filter_map(move |instance| {
            let protocol = &instance.protocol;
            Some(((protocol.vrid, protocol.family), (NodeId(i), instance.link?)))
        })
    };
    let all: Vec<_> = (0..models.len()).flat_map(members).collect();
    let place = |segments: &[Vec<Port>], port: &Port| segments.iter().position(|s| s.contains(port));
    for (router, port) in &all {
        let others = || all.iter().filter(|(other, p)| other == router && p.0 != port.0).map(|(_, p)| p);
        let Some(own) = place(segments, port) else { continue };
        if others().any(|other| place(segments, other) == Some(own)) {
            continue;
        }
        let joined = others().filter_map(|other| place(segments, other)).find(|at| {
            let nodes = |at: usize| segments.get(at).into_iter().flatten().map(|(node, _)| node);
            *at != own && nodes(*at).all(|node| nodes(own).all(|known| known != node))
        });
        if let Some(at) = joined {
            let (first, second) = (own.min(at), own.max(at));
            let moved = segments.remove(second);
            if let Some(segment) = segments.get_mut(first) {
                segment.extend(moved);
                segment.sort_unstable();
            }
        }
    }
}

/// Every interface that a configuration names.
fn links(model: &Model) -> BTreeSet<IfName> {
    let mut all = BTreeSet::new();
    for instance in &model.instances {
        all.extend(instance.link);
        all.extend(instance.addresses.iter().chain(&instance.excluded).map(|a| a.link));
        all.extend(instance.routes.iter().flat_map(|r| &r.hops).filter_map(|h| h.link));
        if instance.link.is_none() {
            all.extend(IfName::new("eth0"));
        }
    }
    all.extend(model.static_addresses.iter().map(|a| a.link));
    all.extend(model.static_routes.iter().flat_map(|r| &r.hops).filter_map(|h| h.link));
    all.extend(model.trackers.iter().filter_map(|t| match &t.source {
        TrackerSource::Interface(link) => Some(*link),
        _ => None,
    }));
    all.retain(|link| link.as_str() != "lo");
    all
}

/// The own addresses of node `index` on `link`.
fn addresses(models: &[&Model], index: usize, link: IfName) -> Vec<IpNet> {
    let mut own: Vec<IpNet> = Vec::new();
    let Some(model) = models.get(index) else { return own };
    let on_link = |i: &&model::Instance| i.link.map_or(link.as_str() == "eth0", |l| l == link);
    for instance in model.instances.iter().filter(on_link) {
        let family = instance.protocol.family;
        let address = instance.source.or_else(|| as_peers_call_it(models, index, instance));
        match address {
            Some(address) => add(&mut own, in_network_of(instance, address)),
            None if family == Family::V4 && !own.iter().any(|net| net.family() == family) => {
                add(&mut own, free(models, index, instance));
            }
            None => {}
        }
    }
    let n = u16::try_from(index + 1).unwrap_or(u16::MAX);
    if own.is_empty() {
        let octet = u8::try_from(n).unwrap_or(254);
        let [a, b] = fold(link.as_str()).to_be_bytes();
        own.extend(IpNet::new(Ipv4Addr::new(10, a, b, octet).into(), 24));
    }
    own.extend(IpNet::new(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, n).into(), 64));
    own
}

fn add(own: &mut Vec<IpNet>, net: Option<IpNet>) {
    if let Some(net) = net.filter(|net| !own.iter().any(|known| known.addr() == net.addr())) {
        own.push(net);
    }
}

/// A small number from a name.
fn fold(name: &str) -> u16 {
    name.bytes().fold(7_u16, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()))
}

/// What the unicast peers of an instance call the node: the one among the peers of others that is not
/// a peer of its own.
fn as_peers_call_it(models: &[&Model], index: usize, instance: &model::Instance) -> Option<IpAddr> {
    let peers_of = |i: &model::Instance| match &i.protocol.peers {
        Peers::Unicast { peers, .. } => peers.iter().map(|p| p.address).collect(),
        Peers::Multicast(_) => Vec::new(),
    };
    let ours = peers_of(instance);
    if ours.is_empty() {
        return None;
    }
    let others = models.iter().enumerate().filter(|(at, _)| *at != index).flat_map(|(_, m)| &m.instances);
    let same = others.filter(|i| i.protocol.vrid == instance.protocol.vrid);
    let mut called: Vec<IpAddr> = same.flat_map(peers_of).filter(|a| !ours.contains(a)).collect();
    called.dedup();
    called.first().copied()
}

/// An address with the prefix length of the virtual address in whose network it is, or a usual one.
fn in_network_of(instance: &model::Instance, address: IpAddr) -> Option<IpNet> {
    let all = instance.addresses.iter().chain(&instance.excluded);
    let near = all.map(|a| a.net).find(|net| {
        net.contains(&address) && net.prefix() < net.family().bits() && net.family() == Family::of(&address)
    });
    let usual = if address.is_ipv4() { 24 } else { 64 };
    IpNet::new(address, near.map_or(usual, |net| net.prefix()))
}

/// A free IPv4 address beside the virtual ones.
fn free(models: &[&Model], index: usize, instance: &model::Instance) -> Option<IpNet> {
    let all = instance.addresses.iter().chain(&instance.excluded).map(|a| a.net);
    let near = all.filter(|net| net.family() == Family::V4).find(|net| !net.addr().is_loopback())?;
    let IpAddr::V4(address) = near.addr() else { return None };
    let [a, b, c, _] = address.octets();
    let prefix = if (8..=24).contains(&near.prefix()) { near.prefix() } else { 24 };
    let taken: BTreeSet<IpAddr> = models.iter().flat_map(|m| m.virtual_addresses()).collect();
    let free =
        (1..=254).rev().map(|d| Ipv4Addr::new(a, b, c, d)).filter(|x| !taken.contains(&IpAddr::V4(*x)));
    // Later nodes have higher addresses, as people number them.
    let place = models.len().checked_sub(index + 1)?;
    IpNet::new(free.into_iter().nth(place)?.into(), prefix)
}
