//! The kernel's table by the rules.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base::Family;
use engine::lvs::table::{
    MarkTable, Persistence, ServerKey, ServerSettings, ServiceKey, ServiceSettings, SyncSettings, Timeouts,
};
use model::Model;
use model::lvs::{Destination, Forwarding, GroupEntry, Protocol, Service, SyncDaemon, SyncRole};

use super::pool::{Pool, ServiceName, name};
use crate::lvs::kernel::FIRST_TIMEOUTS;

/// A service with its servers.
pub type Entry = (ServiceSettings, BTreeMap<ServerKey, ServerSettings>);

/// What is ours, as it should be.
pub type Wanted = BTreeMap<ServiceKey, Entry>;

/// The services that a virtual server comes to. `marks` is what nftables was told.
#[must_use]
pub fn keys(model: &Model, service: &Service, marks: Option<&MarkTable>) -> Vec<ServiceKey> {
    let mut keys = match service.destination {
        Destination::Address { address, port, protocol } => {
            vec![ServiceKey::Address { protocol, address, port }]
        }
        Destination::Mark(mark) => vec![ServiceKey::Mark { mark, family: service.family }],
        Destination::Group { group, protocol } => {
            let entries = model.lvs.group(group).into_iter().flat_map(|group| &group.entries);
            entries.flat_map(|entry| of_entry(model, service, protocol, entry, marks)).collect()
        }
    };
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn of_entry(
    model: &Model,
    service: &Service,
    protocol: Option<Protocol>,
    entry: &GroupEntry,
    marks: Option<&MarkTable>,
) -> Vec<ServiceKey> {
    // Addresses have one, as the configuration sees to.
    let addressed = protocol.unwrap_or(Protocol::Udp);
    match *entry {
        GroupEntry::Mark(mark, family) => {
            vec![ServiceKey::Mark { mark, family: family.unwrap_or(service.family) }]
        }
        GroupEntry::Addresses(range, port) if model.lvs.settings.nftables.is_some() => {
            let family = if range.first.is_ipv4() { Family::V4 } else { Family::V6 };
            let given = marks.into_iter().flat_map(|table| &table.marks);
            let given = given.filter(|m| (m.protocol, m.addresses, m.port) == (addressed, range, port));
            given.map(|m| ServiceKey::Mark { mark: m.mark, family }).collect()
        }
        GroupEntry::Addresses(range, port) => {
            let mut all = Vec::new();
            let mut address = range.first;
            while address <= range.last {
                all.push(ServiceKey::Address { protocol: addressed, address, port });
                address = match address {
                    IpAddr::V4(a) => Ipv4Addr::from_bits(a.to_bits() + 1).into(),
                    IpAddr::V6(a) => Ipv6Addr::from_bits(a.to_bits() + 1).into(),
                };
            }
            all
        }
    }
}

/// What the kernel calls a member: only NAT can change the port, only a tunnel the family.
fn member(key: &ServiceKey, address: IpAddr, port: u16, forwarding: Forwarding) -> Option<ServerKey> {
    let (v4, own) = match key {
        ServiceKey::Address { address, port, .. } => (address.is_ipv4(), *port),
        ServiceKey::Mark { family, .. } => (*family == Family::V4, 0),
    };
    if v4 != address.is_ipv4() && !matches!(forwarding, Forwarding::Tunnel(_)) {
        return None;
    }
    let port = if matches!(forwarding, Forwarding::Nat) && port > 0 { port } else { own };
    Some(ServerKey { address, port })
}

fn settings(service: &Service) -> ServiceSettings {
    let persistence = service.persistence.as_ref().map(|p| {
        let (timeout, granularity, engine) = (p.timeout, p.granularity, p.engine.clone());
        Box::new(Persistence { timeout, granularity, engine })
    });
    ServiceSettings {
        scheduler: Some(service.scheduler),
        flags: service.flags,
        one_packet: service.one_packet,
        persistence,
    }
}

/// **Q1** f(configuration, health, quorum): what the kernel's table holds of ours at rest. If several name the same
/// server, the first that gives it a weight decides, or the first of all.
#[must_use]
pub fn wanted(model: &Model, pools: &BTreeMap<ServiceName, Pool>, marks: Option<&MarkTable>) -> Wanted {
    let mut table = Wanted::new();
    for configured in &model.lvs.services {
        let service = &configured.service;
        let Some(pool) = pools.get(&name(model, service)) else { continue };
        let servers = configured.servers.iter().filter_map(|server| {
            let settings = ServerSettings {
                weight: pool.wants(service, server)?,
                forwarding: server.forwarding,
                upper_threshold: server.upper_threshold,
                lower_threshold: server.lower_threshold,
            };
            Some((server.address, server.port, settings))
        });
        let sorry = service.sorry.and_then(|sorry| {
            let weight = pool.wants_sorry(configured)?;
            let forwarding = sorry.forwarding;
            let settings = ServerSettings { weight, forwarding, upper_threshold: 0, lower_threshold: 0 };
            Some((sorry.address, sorry.port, settings))
        });
        let members: Vec<_> = servers.chain(sorry).collect();
        for key in keys(model, service, marks) {
            let (_, entry) = table.entry(key).or_insert_with(|| (settings(service), BTreeMap::new()));
            for (address, port, settings) in &members {
                let Some(server) = member(&key, *address, *port, settings.forwarding) else { continue };
                let there = entry.entry(server).or_insert(*settings);
                if there.weight == 0 && settings.weight > 0 {
                    *there = *settings;
                }
            }
        }
    }
    table
}

/// All that the kernel may hold of ours: every service and member that the configuration names.
#[must_use]
pub fn named(model: &Model, marks: Option<&MarkTable>) -> Vec<(ServiceKey, Vec<ServerKey>)> {
    let of = |configured: &model::lvs::VirtualServer| {
        let real = configured.servers.iter().map(|s| (s.address, s.port, s.forwarding));
        let sorry = configured.service.sorry.map(|s| (s.address, s.port, s.forwarding));
        let members: Vec<_> = real.chain(sorry).collect();
        let keys = keys(model, &configured.service, marks);
        keys.into_iter().map(move |key| {
            let servers = members.iter().filter_map(|(a, p, f)| member(&key, *a, *p, *f)).collect();
            (key, servers)
        })
    };
    model.lvs.services.iter().flat_map(of).collect()
}

/// How both halves of the sync daemon should run; `None` if they needn't, or one follows an instance, which is
/// not the concern of checks.
#[must_use]
pub fn sync(model: &Model) -> Option<SyncSettings> {
    let daemon = model.lvs.settings.sync_daemon.as_ref().filter(|daemon| daemon.role == SyncRole::Both)?;
    let SyncDaemon { link, id, max_len, port, ttl, group, .. } = *daemon;
    Some(SyncSettings { link, id, max_len, port, ttl, group })
}

/// The timeouts that there should be where `first` were before us.
#[must_use]
pub fn timeouts(model: &Model) -> Timeouts {
    let wanted = &model.lvs.settings.timeouts;
    let Timeouts { tcp, tcp_fin, udp } = FIRST_TIMEOUTS;
    Timeouts {
        tcp: wanted.tcp.unwrap_or(tcp),
        tcp_fin: wanted.tcp_fin.unwrap_or(tcp_fin),
        udp: wanted.udp.unwrap_or(udp),
    }
}
