//! The difference of two sets of virtual servers.
//!
//! Services are matched by their destination, servers by their address and port within a service, and
//! checks by what they do: what matches keeps its verdicts and timers. There may be tens of thousands
//! of each, so that objects which stay in their place are matched without a search.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use base::{Family, Name};
use vrrp::config::InstanceId;

use super::cost::{Change, Cost, compare};
use super::identity::{self, Identity};
use super::renumber::lookup;
use super::{Id, Slot, gone, in_place, invert, rebuild, slots};
use crate::TrackFile;
use crate::lvs::{
    AddressGroup, AddressGroupId, CheckBfdId, CheckFileId, Checker, CheckerId, Destination, Lvs, Nftables,
    Probe, RealServer, ServerId, Service, ServiceId, Settings, SyncRole, VirtualServer,
};

/// The difference of two [`Lvs`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LvsDiff {
    /// The new settings, if any of them changed.
    pub settings: Option<(Settings, Vec<Change>)>,
    /// The new groups in their order.
    pub groups: Vec<Slot<AddressGroupId, AddressGroup>>,
    /// Old groups that are gone.
    pub groups_gone: Vec<AddressGroupId>,
    /// The new services in their order.
    pub services: Vec<ServiceSlot>,
    /// Old services that are gone.
    pub services_gone: Vec<ServiceId>,
    /// The new files in their order.
    pub files: Vec<Slot<CheckFileId, TrackFile>>,
    /// Old files that are gone.
    pub files_gone: Vec<CheckFileId>,
    /// The new BFD sessions in their order; they are known by their names.
    pub bfds: Vec<Slot<CheckBfdId, Name>>,
    /// Old BFD sessions that are gone.
    pub bfds_gone: Vec<CheckBfdId>,
}

/// What a place in the new list of services is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ServiceSlot {
    /// The old service with all its servers, unchanged.
    Kept(ServiceId),
    /// The old service, with changes.
    Changed {
        /// The old service.
        old: ServiceId,
        /// The service itself as it is now, if anything of it changed.
        service: Option<(Service, Vec<Change>)>,
        /// Its servers in their order.
        servers: Vec<ServerSlot>,
        /// Old servers that are gone.
        servers_gone: Vec<ServerId>,
    },
    /// A new service.
    Added(VirtualServer),
}

/// What a place in the new list of servers is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ServerSlot {
    /// The old server with all its checks, unchanged.
    Kept(ServerId),
    /// The old server, with changes.
    Changed {
        /// The old server.
        old: ServerId,
        /// How it is now.
        new: RealServer,
        /// What changed; never empty.
        changes: Vec<Change>,
        /// For each new check the old one that it continues.
        checkers: Vec<Option<CheckerId>>,
    },
    /// A new server.
    Added(RealServer),
}

impl ServiceSlot {
    /// The old service that goes on here.
    #[must_use]
    pub const fn old(&self) -> Option<ServiceId> {
        match self {
            Self::Kept(old) | Self::Changed { old, .. } => Some(*old),
            Self::Added(_) => None,
        }
    }
}

impl ServerSlot {
    /// The old server that goes on here.
    #[must_use]
    pub const fn old(&self) -> Option<ServerId> {
        match self {
            Self::Kept(old) | Self::Changed { old, .. } => Some(*old),
            Self::Added(_) => None,
        }
    }
}

super::ids!(AddressGroupId, ServiceId, ServerId, CheckerId, CheckFileId, CheckBfdId);

/// Groups are known by their names.
impl Identity for AddressGroup {
    type Key = Name;

    fn key(&self) -> Name {
        self.name.clone()
    }
}

/// A file keeps its number as long as its path is the same.
impl Identity for TrackFile {
    type Key = Box<str>;

    fn key(&self) -> Self::Key {
        self.path.clone()
    }
}

/// A BFD session is known by its name.
impl Identity for Name {
    type Key = Self;

    fn key(&self) -> Self {
        self.clone()
    }
}

/// A server is known by its address and port.
impl Identity for RealServer {
    type Key = (IpAddr, u16);

    fn key(&self) -> Self::Key {
        (self.address, self.port)
    }
}

/// For each id of one Model the one in the other.
struct Numbers {
    groups: Vec<Option<AddressGroupId>>,
    files: Vec<Option<CheckFileId>>,
    bfds: Vec<Option<CheckBfdId>>,
    instances: Vec<Option<InstanceId>>,
}

impl Numbers {
    /// Whether the checks of both Models have the same numbers in them.
    fn checks_agree(&self) -> bool {
        is_identity(&self.files) && is_identity(&self.bfds)
    }

    fn destination(&self, destination: Destination) -> Destination {
        match destination {
            Destination::Group { group, protocol } => {
                Destination::Group { group: lookup(&self.groups, group), protocol }
            }
            Destination::Address { .. } | Destination::Mark(_) => destination,
        }
    }

    fn probe(&self, probe: &Probe) -> Probe {
        let mut probe = probe.clone();
        match &mut probe {
            Probe::File(check) => check.file = lookup(&self.files, check.file),
            Probe::Bfd(session) => *session = lookup(&self.bfds, *session),
            _ => {}
        }
        probe
    }

    fn server(&self, server: &RealServer) -> RealServer {
        let mut server = server.clone();
        for checker in &mut server.checkers {
            Arc::make_mut(checker).probe = self.probe(&checker.probe);
        }
        server
    }

    fn service(&self, service: &Service) -> Service {
        Service { destination: self.destination(service.destination), ..service.clone() }
    }

    fn settings(&self, settings: &Settings) -> Settings {
        let mut settings = settings.clone();
        if let Some(daemon) = &mut settings.sync_daemon
            && let SyncRole::Follows(instance) = &mut daemon.role
        {
            *instance = lookup(&self.instances, *instance);
        }
        settings
    }

    /// Whether `old` and `new` look at the same thing. When they do is another matter.
    fn same_probe(&self, old: &Checker, new: &Checker) -> bool {
        match &new.probe {
            Probe::File(_) | Probe::Bfd(_) => old.probe == self.probe(&new.probe),
            probe => old.probe == *probe,
        }
    }

    /// Whether `old` and `new` are the same check in all.
    fn same_checker(&self, old: &Checker, new: &Checker) -> bool {
        self.same_probe(old, new) && old.schedule == new.schedule
    }

    fn same_checkers(&self, old: &RealServer, new: &RealServer) -> bool {
        old.checkers.len() == new.checkers.len()
            && old.checkers.iter().zip(&new.checkers).all(|(old, new)| self.same_checker(old, new))
    }
}

fn is_identity<I: Id>(map: &[Option<I>]) -> bool {
    map.iter().enumerate().all(|(index, id)| *id == Some(I::from_index(index)))
}

/// What it takes to get from `old` to `new`. `instances` has the old number of each new instance.
pub(super) fn diff(old: &Lvs, new: &Lvs, instances: &[Option<InstanceId>]) -> LvsDiff {
    let Lvs { settings, groups, services, files, bfds } = new;
    let from = Numbers {
        groups: identity::matches(&old.groups, groups),
        files: identity::matches(&old.files, files),
        bfds: identity::matches(&old.bfds, bfds),
        instances: instances.to_vec(),
    };
    let settings_changes = self::settings(&old.settings, &from.settings(settings));
    let carried: Vec<Option<ServiceId>> = carry(
        old.services.len(),
        services.len(),
        |index| old.services.get(index).map(|s| service_key(s.service.destination, s)),
        |index| services.get(index).map(|s| service_key(from.destination(s.service.destination), s)),
    );
    LvsDiff {
        settings: (!settings_changes.is_empty()).then(|| (settings.clone(), settings_changes)),
        groups: slots(&old.groups, groups, &from.groups, group),
        groups_gone: gone(old.groups.len(), &from.groups),
        services: services
            .iter()
            .zip(&carried)
            .map(|(new, carried)| {
                let before = carried.and_then(|id| Some((id, old.services.get(id.index())?)));
                match before {
                    Some((id, old)) => service_slot(id, old, new, &from),
                    None => ServiceSlot::Added(new.clone()),
                }
            })
            .collect(),
        services_gone: gone(old.services.len(), &carried),
        files: slots(&old.files, files, &from.files, super::cost::file),
        files_gone: gone(old.files.len(), &from.files),
        bfds: slots(&old.bfds, bfds, &from.bfds, |_, _| Vec::new()),
        bfds_gone: gone(old.bfds.len(), &from.bfds),
    }
}

/// A service is known by its destination. Marks of two families are two services for the kernel.
fn service_key(destination: Destination, server: &VirtualServer) -> (Destination, Option<Family>) {
    match destination {
        Destination::Mark(_) => (destination, Some(server.service.family)),
        Destination::Address { .. } | Destination::Group { .. } => (destination, None),
    }
}

/// As [`identity::matches`], for lists that are long and mostly the same.
fn carry<I: Id, K: Ord>(
    old_len: usize,
    new_len: usize,
    old: impl Fn(usize) -> Option<K>,
    new: impl Fn(usize) -> Option<K>,
) -> Vec<Option<I>> {
    let same = (0..old_len.min(new_len)).take_while(|&index| old(index) == new(index)).count();
    let mut free: BTreeMap<K, Vec<usize>> = BTreeMap::new();
    for index in (same..old_len).rev() {
        if let Some(key) = old(index) {
            free.entry(key).or_default().push(index);
        }
    }
    let place = |index| {
        if index < same {
            return Some(I::from_index(index));
        }
        free.get_mut(&new(index)?).and_then(Vec::pop).map(I::from_index)
    };
    (0..new_len).map(place).collect()
}

fn service_slot(id: ServiceId, old: &VirtualServer, new: &VirtualServer, from: &Numbers) -> ServiceSlot {
    let VirtualServer { service, servers } = new;
    let changes = self::service(&old.service, service, from);
    let unchanged = |old: &RealServer, new: &RealServer| server(old, new, from).is_empty();
    if changes.is_empty()
        && old.servers.len() == servers.len()
        && old.servers.iter().zip(servers).all(|(old, new)| unchanged(old, new))
    {
        return ServiceSlot::Kept(id);
    }
    let carried: Vec<Option<ServerId>> = carry(
        old.servers.len(),
        servers.len(),
        |index| old.servers.get(index).map(Identity::key),
        |index| servers.get(index).map(Identity::key),
    );
    let slots = servers.iter().zip(&carried).map(|(new, carried)| {
        let before = carried.and_then(|id| Some((id, old.servers.get(id.index())?)));
        let Some((id, old)) = before else { return ServerSlot::Added(new.clone()) };
        let changes = server(old, new, from);
        if changes.is_empty() {
            return ServerSlot::Kept(id);
        }
        ServerSlot::Changed { old: id, new: new.clone(), changes, checkers: checkers(old, new, from) }
    });
    ServiceSlot::Changed {
        old: id,
        service: (!changes.is_empty()).then(|| (service.clone(), changes)),
        servers: slots.collect(),
        servers_gone: gone(old.servers.len(), &carried),
    }
}

/// For each new check the old one that it continues; nobody is continued twice. A server has few.
fn checkers(old: &RealServer, new: &RealServer, from: &Numbers) -> Vec<Option<CheckerId>> {
    let mut taken = vec![false; old.checkers.len()];
    let mut found = vec![None; new.checkers.len()];
    // Who did not change at all first, so that none takes the place of another.
    let rounds: [fn(&Numbers, &Checker, &Checker) -> bool; 2] =
        [|from, old, new| from.same_checker(old, new), |from, old, new| from.same_probe(old, new)];
    for same in rounds {
        for (found, new) in found.iter_mut().zip(&new.checkers).filter(|(found, _)| found.is_none()) {
            let mut all = old.checkers.iter().zip(&mut taken).enumerate();
            if let Some((index, (_, taken))) = all.find(|(_, (old, taken))| !**taken && same(from, old, new))
            {
                *taken = true;
                *found = Some(CheckerId::from_index(index));
            }
        }
    }
    found
}

fn group(old: &AddressGroup, new: &AddressGroup) -> Vec<Change> {
    compare!(old, new, AddressGroup {
        name: Nothing, "virtual_server_group";
        entries: Hot, "virtual_server_group";
    })
}

fn service(old: &Service, new: &Service, from: &Numbers) -> Vec<Change> {
    // Only a destination has numbers of other objects in it.
    let renumbered;
    let new = match new.destination {
        Destination::Group { .. } => {
            renumbered = from.service(new);
            &renumbered
        }
        Destination::Address { .. } | Destination::Mark(_) => new,
    };
    compare!(old, new, Service {
        destination: Restart, "virtual_server";
        family: Restart, "ip_family";
        scheduler: Hot, "lvs_sched";
        flags: Hot, "flag-1";
        one_packet: Hot, "ops";
        persistence: Hot, "persistence_timeout";
        quorum: Hot, "quorum";
        quorum_up: Nothing, "quorum_up";
        quorum_down: Nothing, "quorum_down";
        sorry: Hot, "sorry_server";
        omega: Nothing, "omega";
        ha_suspend: Hot, "ha_suspend";
        smtp_alert: Nothing, "smtp_alert";
        panic_threshold: Hot, "panic_threshold";
        snmp_name: Nothing, "snmp_name";
    })
}

fn server(old: &RealServer, new: &RealServer, from: &Numbers) -> Vec<Change> {
    let RealServer {
        address,
        port,
        weight,
        forwarding,
        upper_threshold,
        lower_threshold,
        inhibit,
        smtp_alert,
        notify_up,
        notify_down,
        snmp_name,
        checkers: _,
    } = new;
    let mut changes = Vec::new();
    let mut note = |changed: bool, keyword, cost| {
        if changed {
            changes.push(Change { keyword, cost });
        }
    };
    note((old.address, old.port) != (*address, *port), "real_server", Cost::Restart);
    note(old.weight != *weight, "weight", Cost::Hot);
    note(old.forwarding != *forwarding, "lvs_method", Cost::Hot);
    note(old.upper_threshold != *upper_threshold, "uthreshold", Cost::Hot);
    note(old.lower_threshold != *lower_threshold, "lthreshold", Cost::Hot);
    note(old.inhibit != *inhibit, "inhibit_on_failure", Cost::Hot);
    note(old.smtp_alert != *smtp_alert, "smtp_alert", Cost::Nothing);
    note(old.notify_up != *notify_up, "notify_up", Cost::Nothing);
    note(old.notify_down != *notify_down, "notify_down", Cost::Nothing);
    note(old.snmp_name != *snmp_name, "snmp_name", Cost::Nothing);
    if !from.same_checkers(old, new) {
        let pairs = old.checkers.iter().zip(&new.checkers);
        let differing = pairs.filter(|(old, new)| !from.same_checker(old, new)).map(|(_, new)| new).next();
        let longer = if new.checkers.len() > old.checkers.len() { &new.checkers } else { &old.checkers };
        let checker = differing.or_else(|| longer.last());
        note(true, checker.map_or("real_server", |checker| checker.probe.keyword()), Cost::Hot);
    }
    changes
}

fn settings(old: &Settings, new: &Settings) -> Vec<Change> {
    compare!(old, new, Settings {
        namespace: Refused, "net_namespace_ipvs";
        process_name: Nothing, "checker_process_name";
        process: Hot, "checker_priority";
        timeouts: Hot, "lvs_timeouts";
        flush: Nothing, "lvs_flush";
        flush_on_stop: Nothing, "lvs_flush_on_stop";
        sync_daemon: Hot, "lvs_sync_daemon";
        netlink_command_buffer: Hot, "lvs_netlink_cmd_rcv_bufs";
        netlink_monitor_buffer: Hot, "lvs_netlink_monitor_rcv_bufs";
        notify_fifo: Hot, "lvs_notify_fifo";
        notify_initial: Nothing, "rs_init_notifies";
        no_shared_checks: Hot, "no_shared_checks";
        panic_guard: Hot, "lvs_panic_guard";
        tls: Hot, "SSL";
        => nftables: self::nftables;
    })
}

/// The table can't be renamed while it is in use.
fn nftables(old: &Option<Nftables>, new: &Option<Nftables>) -> Vec<Change> {
    let (Some(old), Some(new)) = (old, new) else {
        let changed = old.is_some() != new.is_some();
        return changed
            .then_some(Change { keyword: "nftables_ipvs", cost: Cost::Refused })
            .into_iter()
            .collect();
    };
    compare!(old, new, Nftables {
        table: Refused, "nftables_ipvs";
        priority: Hot, "nftables_ipvs_priority";
        first_mark: Hot, "nftables_ipvs_start_fwmark";
    })
}

impl LvsDiff {
    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self {
            settings,
            groups,
            groups_gone,
            services,
            services_gone,
            files,
            files_gone,
            bfds,
            bfds_gone,
        } = self;
        let service_in_place = |(index, slot): (usize, &ServiceSlot)| matches!(slot, ServiceSlot::Kept(old) if *old == ServiceId::from_index(index));
        settings.is_none()
            && groups_gone.is_empty()
            && services_gone.is_empty()
            && files_gone.is_empty()
            && bfds_gone.is_empty()
            && in_place(groups)
            && in_place(files)
            && in_place(bfds)
            && services.iter().enumerate().all(service_in_place)
    }

    /// Makes the new [`Lvs`] of the old one. `instances` has the new number of each old instance.
    pub(super) fn replay(&self, old: &Lvs, instances: Vec<Option<InstanceId>>) -> Lvs {
        let old_of =
            |slots: &[Slot<AddressGroupId, AddressGroup>]| slots.iter().map(Slot::old).collect::<Vec<_>>();
        let to = Numbers {
            groups: invert(&old_of(&self.groups), old.groups.len()),
            files: invert(&self.files.iter().map(Slot::old).collect::<Vec<_>>(), old.files.len()),
            bfds: invert(&self.bfds.iter().map(Slot::old).collect::<Vec<_>>(), old.bfds.len()),
            instances,
        };
        let settings = self
            .settings
            .as_ref()
            .map_or_else(|| to.settings(&old.settings), |(settings, _)| settings.clone());
        let server = |server: &RealServer| {
            if to.checks_agree() { server.clone() } else { to.server(server) }
        };
        let services = self.services.iter().filter_map(|slot| {
            let before = slot.old().and_then(|id| old.services.get(id.index()));
            Some(match (slot, before) {
                (ServiceSlot::Added(new), _) => new.clone(),
                (ServiceSlot::Kept(_), before) => {
                    let VirtualServer { service, servers } = before?;
                    VirtualServer {
                        service: to.service(service),
                        servers: servers.iter().map(server).collect(),
                    }
                }
                (ServiceSlot::Changed { service, servers, .. }, before) => {
                    let before = before?;
                    let servers = servers.iter().filter_map(|slot| match slot {
                        ServerSlot::Kept(id) => before.servers.get(id.index()).map(server),
                        ServerSlot::Changed { new, .. } | ServerSlot::Added(new) => Some(new.clone()),
                    });
                    let service = service
                        .as_ref()
                        .map_or_else(|| to.service(&before.service), |(service, _)| service.clone());
                    VirtualServer { service, servers: servers.collect() }
                }
            })
        });
        Lvs {
            settings,
            groups: rebuild(&old.groups, &self.groups, Clone::clone),
            services: services.collect(),
            files: rebuild(&old.files, &self.files, Clone::clone),
            bfds: rebuild(&old.bfds, &self.bfds, Clone::clone),
        }
    }
}
