//! What the kernel's table should be made of: a [`Lvs`] in the kernel's terms.
//!
//! A virtual server is one service or many: one for each address of a group, for each of its marks, or
//! one mark for the whole group. Several virtual servers may come to the same service; it then has the
//! servers of all of them, and the settings of the first.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base::{Family, Name};
use model::lvs::{
    AddressGroup, AddressRange, Destination, Forwarding, GroupEntry, Lvs, Protocol, ServerId, Service,
    ServiceId,
};
use smallvec::SmallVec;

use super::table::{
    MarkEntry, MarkTable, Persistence, ServerKey, ServerSettings, ServiceKey, ServiceSettings,
};

/// A member of a pool.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Member {
    /// `real_server`.
    Server(ServerId),
    /// `sorry_server`.
    Sorry,
}

/// A member of the pool of a virtual server.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Claim {
    pub(super) service: ServiceId,
    pub(super) member: Member,
}

/// The weights that the members of a pool shall have in the kernel; `None` for those that shall not be
/// there.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Pool {
    pub(super) servers: Vec<Option<u32>>,
    pub(super) sorry: Option<u32>,
}

impl Pool {
    pub(super) fn weight(&self, member: Member) -> Option<u32> {
        match member {
            Member::Server(id) => self.servers.get(id.index()).copied().flatten(),
            Member::Sorry => self.sorry,
        }
    }
}

/// The services of each virtual server.
pub(super) type Keys = SmallVec<[ServiceKey; 1]>;

/// The marks that `nftables_ipvs` gives to groups. A group keeps its mark as long as it is configured,
/// or its connections would be lost with each group that is removed before it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Marks {
    first: u32,
    given: BTreeMap<(Name, Protocol), u32>,
}

/// What a [`Lvs`] comes to.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// By [`ServiceId`].
    pub(super) keys: Vec<Keys>,
    /// `nftables_ipvs`.
    pub(super) marks: Option<MarkTable>,
}

impl Layout {
    /// The services of `lvs`; `marks` are those that were given so far.
    pub(super) fn new(lvs: &Lvs, marks: &mut Marks) -> Self {
        marks.give(lvs);
        let marked = |group: &AddressGroup, protocol| marks.given.get(&(group.name.clone(), protocol));
        let mut entries = BTreeSet::new();
        let mut keys = Vec::with_capacity(lvs.services.len());
        for server in &lvs.services {
            let service = &server.service;
            keys.push(match service.destination {
                Destination::Address { address, port, protocol } => {
                    Keys::from_elem(ServiceKey::Address { protocol, address, port }, 1)
                }
                Destination::Mark(mark) => {
                    Keys::from_elem(ServiceKey::Mark { mark, family: service.family }, 1)
                }
                Destination::Group { group, protocol } => match lvs.group(group) {
                    Some(group) => {
                        let marked = protocol.and_then(|of| Some((of, *marked(group, of)?)));
                        entries.extend(marked.into_iter().flat_map(|(of, m)| mark_entries(group, of, m)));
                        let mark = marked.map(|(_, mark)| mark);
                        group_keys(group, protocol, service.family, mark)
                    }
                    None => Keys::new(),
                },
            });
        }
        let marks = lvs.settings.nftables.as_ref().filter(|_| !entries.is_empty()).map(|table| MarkTable {
            name: table.table.clone(),
            priority: table.priority,
            marks: entries.into_iter().collect(),
        });
        Self { keys, marks }
    }

    pub(super) fn keys(&self, service: ServiceId) -> &[ServiceKey] {
        self.keys.get(service.index()).map_or(&[], Keys::as_slice)
    }
}

impl Marks {
    /// Gives a mark to each group with addresses, and forgets those of groups that are gone.
    fn give(&mut self, lvs: &Lvs) {
        let Some(nftables) = &lvs.settings.nftables else {
            *self = Self::default();
            return;
        };
        if self.first != nftables.first_mark {
            *self = Self { first: nftables.first_mark, given: BTreeMap::new() };
        }
        let wanted: Vec<(Name, Protocol)> = lvs
            .services
            .iter()
            .filter_map(|server| match server.service.destination {
                Destination::Group { group, protocol } => Some((lvs.group(group)?, protocol?)),
                _ => None,
            })
            .filter(|(group, _)| group.entries.iter().any(|e| matches!(e, GroupEntry::Addresses(..))))
            .map(|(group, protocol)| (group.name.clone(), protocol))
            .collect();
        let named: BTreeSet<&(Name, Protocol)> = wanted.iter().collect();
        self.given.retain(|key, _| named.contains(key));
        let mut used = written_marks(lvs);
        used.extend(self.given.values());
        let mut next = self.first;
        for key in wanted {
            self.given.entry(key).or_insert_with(|| {
                while used.contains(&next) {
                    next = next.saturating_add(1);
                }
                used.insert(next);
                next
            });
        }
    }
}

/// The marks that the configuration itself names.
fn written_marks(lvs: &Lvs) -> BTreeSet<u32> {
    let services = lvs.services.iter().filter_map(|server| match server.service.destination {
        Destination::Mark(mark) => Some(mark),
        _ => None,
    });
    let groups = lvs.groups.iter().flat_map(|group| &group.entries).filter_map(|entry| match entry {
        GroupEntry::Mark(mark, _) => Some(*mark),
        GroupEntry::Addresses(..) => None,
    });
    services.chain(groups).collect()
}

/// The services of a group. With a `mark` of its own its addresses are one service for each family.
fn group_keys(group: &AddressGroup, protocol: Option<Protocol>, family: Family, mark: Option<u32>) -> Keys {
    let mut keys = Keys::new();
    let mut add = |key| {
        if !keys.contains(&key) {
            keys.push(key);
        }
    };
    let mut many = BTreeSet::new();
    for entry in &group.entries {
        match (entry, mark) {
            (GroupEntry::Mark(mark, own), _) => {
                add(ServiceKey::Mark { mark: *mark, family: own.unwrap_or(family) });
            }
            (GroupEntry::Addresses(range, _), Some(mark)) => {
                add(ServiceKey::Mark { mark, family: range.family() });
            }
            (GroupEntry::Addresses(range, port), None) => {
                let port = *port;
                let key = |a| protocol.map(|protocol| ServiceKey::Address { protocol, address: a, port });
                many.extend(addresses(*range).filter_map(key));
            }
        }
    }
    keys.extend(many);
    keys
}

fn mark_entries(group: &AddressGroup, protocol: Protocol, mark: u32) -> impl Iterator<Item = MarkEntry> + '_ {
    group.entries.iter().filter_map(move |entry| match *entry {
        GroupEntry::Addresses(addresses, port) => Some(MarkEntry { protocol, addresses, port, mark }),
        GroupEntry::Mark(..) => None,
    })
}

/// Every address of a range.
fn addresses(range: AddressRange) -> impl Iterator<Item = IpAddr> {
    let bits = |address| match address {
        IpAddr::V4(a) => u128::from(a.to_bits()),
        IpAddr::V6(a) => a.to_bits(),
    };
    let v4 = range.family() == Family::V4;
    (bits(range.first)..=bits(range.last)).map(move |bits| {
        if v4 {
            IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(bits).unwrap_or(u32::MAX)))
        } else {
            IpAddr::V6(Ipv6Addr::from_bits(bits))
        }
    })
}

/// What the kernel calls a server of `service`; `None` if packets of the service can't get there.
pub(super) fn server_key(
    service: ServiceKey,
    address: IpAddr,
    port: u16,
    forwarding: Forwarding,
) -> Option<ServerKey> {
    let family = if address.is_ipv4() { Family::V4 } else { Family::V6 };
    if family != service.family() && !forwarding.is_tunnel() {
        return None;
    }
    let own = match service {
        ServiceKey::Address { port, .. } => port,
        ServiceKey::Mark { .. } => 0,
    };
    Some(ServerKey { address, port: port_in_kernel(own, port, forwarding) })
}

/// The port that the kernel has for a server with `port`, in a service with the port `own`.
pub(super) fn port_in_kernel(own: u16, port: u16, forwarding: Forwarding) -> u16 {
    if forwarding == Forwarding::Nat && port != 0 { port } else { own }
}

/// The settings of a service of this family.
pub(super) fn service_settings(service: &Service, family: Family) -> ServiceSettings {
    ServiceSettings {
        scheduler: Some(service.scheduler),
        flags: service.flags,
        one_packet: service.one_packet,
        persistence: service.persistence.as_ref().map(|persistence| {
            Box::new(Persistence {
                timeout: persistence.timeout,
                granularity: granularity(persistence.granularity, service.family, family),
                engine: persistence.engine.clone(),
            })
        }),
    }
}

/// A group may have services of another family than the one that the granularity was written for: all
/// bits stay all bits, fewer bits stay as many.
fn granularity(written: u32, from: Family, to: Family) -> u32 {
    match (from, to) {
        (Family::V4, Family::V6) if written == u32::MAX => 128,
        (Family::V4, Family::V6) => written.count_ones(),
        (Family::V6, Family::V4) => u32::MAX.checked_shl(32_u32.saturating_sub(written)).unwrap_or(0),
        _ => written,
    }
}

/// The member that `claim` names: its address, port, how to get there, and its settings but the weight.
pub(super) fn member(lvs: &Lvs, claim: Claim) -> Option<(IpAddr, u16, ServerSettings)> {
    let server = lvs.services.get(claim.service.index())?;
    match claim.member {
        Member::Server(id) => {
            let server = server.servers.get(id.index())?;
            let settings = ServerSettings {
                weight: 0,
                forwarding: server.forwarding,
                upper_threshold: server.upper_threshold,
                lower_threshold: server.lower_threshold,
            };
            Some((server.address, server.port, settings))
        }
        Member::Sorry => {
            let sorry = server.service.sorry.as_ref()?;
            let settings = ServerSettings {
                weight: 0,
                forwarding: sorry.forwarding,
                upper_threshold: 0,
                lower_threshold: 0,
            };
            Some((sorry.address, sorry.port, settings))
        }
    }
}

/// What a server should be that all of `claims` are about. The first one with a weight above 0 decides,
/// or else the first that wants it there at all.
pub(super) fn server_settings(lvs: &Lvs, pools: &[Pool], claims: &[Claim]) -> Option<ServerSettings> {
    let weight = |claim: &Claim| pools.get(claim.service.index())?.weight(claim.member);
    let with = |claim: &&Claim, enough: u32| weight(claim).is_some_and(|weight| weight >= enough);
    let decides = claims.iter().find(|c| with(c, 1)).or_else(|| claims.iter().find(|c| with(c, 0)))?;
    let (_, _, settings) = member(lvs, *decides)?;
    Some(ServerSettings { weight: weight(decides)?, ..settings })
}
