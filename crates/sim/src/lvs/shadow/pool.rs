//! One virtual server by the rules: who is alive, the quorum, what the kernel should hold.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use base::{Family, Name};
use model::Model;
use model::lvs::{Destination, Forwarding, GroupEntry, Protocol, RealServer, Service, VirtualServer};

use super::Tasks;
use super::task::Key;

/// What makes a service the same one after a reload.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ServiceName {
    /// An address.
    Address(IpAddr, u16, Protocol),
    /// A mark of a family.
    Mark(u32, bool),
    /// A group.
    Group(Name, Option<Protocol>),
}

/// What makes a server of a service the same one after a reload.
pub type ServerName = (IpAddr, u16);

/// What a service of `model` is known by.
#[must_use]
pub fn name(model: &Model, service: &Service) -> ServiceName {
    match service.destination {
        Destination::Address { address, port, protocol } => ServiceName::Address(address, port, protocol),
        Destination::Mark(mark) => ServiceName::Mark(mark, service.family == Family::V6),
        Destination::Group { group, protocol } => {
            let name = model.lvs.group(group).map_or_else(|| Name::from("?"), |group| group.name.clone());
            ServiceName::Group(name, protocol)
        }
    }
}

/// A server as its checks have it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// None of its checks fails.
    pub alive: bool,
    /// What it weighs while it is.
    pub weight: u32,
}

impl Standing {
    /// **Q2** A server is up if and only if all its checks are; its weight is the sum of what is configured and
    /// what checks add, within 0 to 2147483647.
    #[must_use]
    pub fn of<'a>(server: &RealServer, keys: impl Iterator<Item = &'a Key>, tasks: &Tasks) -> Self {
        let (mut alive, mut weight) = (true, i128::from(server.weight));
        for task in keys.filter_map(|key| tasks.get(key)) {
            alive &= task.up;
            weight += task.adds(server.weight);
        }
        let weight = weight.clamp(0, i128::from(i32::MAX));
        Self { alive, weight: u32::try_from(weight).unwrap_or(0) }
    }
}

/// What the quorum is judged by.
pub type Judged = (u64, u32, u32);

/// The state of a service.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pool {
    /// The quorum is there.
    pub up: bool,
    judged: Option<Judged>,
    /// Servers that are or were alive.
    known: BTreeSet<ServerName>,
    /// Too few are alive: those that were stay.
    pub guarded: bool,
    /// Servers that stay since only ways are to blame.
    pub excused: BTreeSet<ServerName>,
    /// The sorry server serves.
    pub sorry: bool,
    /// Its servers.
    pub servers: BTreeMap<ServerName, Standing>,
    /// Its checks rest.
    pub suspended: bool,
}

impl Pool {
    /// Looks again at everything.
    ///
    /// **Q3** With W the weight of the living servers, q the quorum and y the hysteresis: it comes if and only if
    /// `W >= q + y`, and goes if and only if `W = 0` or `W < q - y`; judged whenever W, q or y change.
    pub fn judge(&mut self, configured: &VirtualServer, keys: &[Vec<Key>], tasks: &Tasks) {
        let VirtualServer { service, servers } = configured;
        self.servers = servers
            .iter()
            .zip(keys)
            .map(|(server, keys)| ((server.address, server.port), Standing::of(server, keys.iter(), tasks)))
            .collect();
        self.known.retain(|server| self.servers.contains_key(server));
        let living = self.servers.iter().filter(|(_, server)| server.alive);
        self.known.extend(living.clone().map(|(name, _)| *name));
        let (count, weight) =
            living.fold((0_u64, 0_u64), |(n, sum), (_, server)| (n + 1, sum + u64::from(server.weight)));
        let all = servers.iter().zip(keys).map(|(server, keys)| ((server.address, server.port), keys));
        let all_blamed = |keys: &[Key]| {
            let failing = keys.iter().filter_map(|key| tasks.get(key)).filter(|task| !task.up);
            failing.map(|task| task.blamed).reduce(|all, blamed| all && blamed) == Some(true)
        };
        let excused = all.filter(|(name, keys)| self.known.contains(name) && all_blamed(keys));
        self.excused = excused.map(|(name, _)| name).collect();
        let (q, y) = (service.quorum.weight, service.quorum.hysteresis);
        if self.judged != Some((weight, q, y)) {
            self.judged = Some((weight, q, y));
            let (weight, q, y) = (i128::from(weight), i128::from(q), i128::from(y));
            self.up = if self.up { !(weight == 0 || weight < q - y) } else { weight >= q + y };
        }
        let percent = u64::from(service.panic_threshold);
        self.guarded = count * 100 < percent * u64::try_from(self.known.len()).unwrap_or(u64::MAX);
        self.sorry = service.sorry.is_some() && !self.up && !self.guarded && self.excused.is_empty();
    }

    /// **Q2**, **Q4** What the kernel should hold for a server: its weight while it is up, or kept by one of the
    /// guards (`panic_threshold`: fewer than so many percent of those that were ever alive are;
    /// `lvs_panic_guard`: for all that fails of it its way is to blame, see [`super::Shadow::blamed`]); else, or while the sorry server serves, nothing or 0 (`inhibit_on_failure`).
    #[must_use]
    pub fn wants(&self, service: &Service, server: &RealServer) -> Option<u32> {
        let name = (server.address, server.port);
        if self.sorry && is_sorry(service, server) {
            return None;
        }
        let standing = self.servers.get(&name)?;
        let kept = self.guarded && self.known.contains(&name) || self.excused.contains(&name);
        let serves = standing.alive || kept;
        if serves && !self.sorry { Some(standing.weight) } else { server.inhibit.then_some(0) }
    }

    /// What it should hold for the sorry server: 1 while it serves; else nothing or 0 (`sorry_server_inhibit`).
    #[must_use]
    pub fn wants_sorry(&self, configured: &VirtualServer) -> Option<u32> {
        let VirtualServer { service, servers } = configured;
        let sorry = service.sorry?;
        if self.sorry {
            return Some(1);
        }
        let same = servers.iter().find(|server| is_sorry(service, server));
        let there = same.is_some_and(|server| self.wants(service, server).is_some());
        (sorry.inhibit && !there).then_some(0)
    }
}

/// Whether the kernel takes the sorry server for this one: the port is that of the service but with NAT.
fn is_sorry(service: &Service, server: &RealServer) -> bool {
    let own = match service.destination {
        Destination::Address { port, .. } => port,
        Destination::Mark(_) | Destination::Group { .. } => 0,
    };
    let port = |port: u16, how: Forwarding| if how == Forwarding::Nat && port > 0 { port } else { own };
    service.sorry.is_some_and(|sorry| {
        sorry.address == server.address
            && port(sorry.port, sorry.forwarding) == port(server.port, server.forwarding)
    })
}

/// The addresses that bring a service to this host.
#[must_use]
pub fn covers(model: &Model, service: &Service, address: IpAddr) -> bool {
    match service.destination {
        Destination::Address { address: own, .. } => own == address,
        Destination::Mark(_) => false,
        Destination::Group { group, .. } => model.lvs.group(group).is_some_and(|group| {
            group.entries.iter().any(|entry| match entry {
                GroupEntry::Addresses(range, _) => {
                    range.first.is_ipv4() == address.is_ipv4()
                        && range.first <= address
                        && address <= range.last
                }
                GroupEntry::Mark(..) => false,
            })
        }),
    }
}
