//! Models for the tests, as short as they can be written.

use std::sync::Arc;

use base::{Duration, Family, Name};
use model::Model;
use model::lvs::{
    AddressGroup, AddressGroupId, AddressRange, Checker, Checkers, Connect, Destination, Forwarding,
    GroupEntry, Lvs, Probe, Protocol, Quorum, RealServer, Schedule, Scheduler, SchedulerFlags, Service,
    SorryServer, VirtualServer,
};

pub(super) use crate::tests::build::{command, ip, secs};

pub(super) fn schedule() -> Schedule {
    Schedule {
        delay_loop: secs(10),
        retry: 0,
        delay_before_retry: secs(1),
        warmup: Duration::ZERO,
        alpha: false,
        log_all_failures: false,
    }
}

pub(super) fn tcp(address: &str, port: u16) -> Checker {
    let to = Connect { address: ip(address), port, timeout: secs(5), origin: None };
    Checker { schedule: schedule(), probe: Probe::Tcp(to) }
}

/// The checks of a server.
pub(super) fn checkers<const N: usize>(all: [Checker; N]) -> Checkers {
    all.into_iter().map(Arc::new).collect()
}

/// A server with one check.
pub(super) fn server(address: &str) -> RealServer {
    RealServer {
        address: ip(address),
        port: 80,
        weight: 1,
        forwarding: Forwarding::Nat,
        upper_threshold: 0,
        lower_threshold: 0,
        inhibit: false,
        smtp_alert: false,
        notify_up: None,
        notify_down: None,
        snmp_name: None,
        checkers: checkers([tcp(address, 80)]),
    }
}

pub(super) fn sorry(address: &str) -> SorryServer {
    SorryServer { address: ip(address), port: 80, forwarding: Forwarding::Nat, inhibit: false }
}

pub(super) fn to(destination: Destination, servers: &[&str]) -> VirtualServer {
    VirtualServer {
        service: Service {
            destination,
            family: match destination {
                Destination::Address { address, .. } if address.is_ipv6() => Family::V6,
                _ => Family::V4,
            },
            scheduler: Scheduler::WeightedRoundRobin,
            flags: SchedulerFlags::default(),
            one_packet: false,
            persistence: None,
            quorum: Quorum { weight: 1, hysteresis: 0 },
            quorum_up: None,
            quorum_down: None,
            sorry: None,
            omega: false,
            ha_suspend: false,
            smtp_alert: false,
            panic_threshold: 0,
            snmp_name: None,
        },
        servers: servers.iter().map(|address| server(address)).collect(),
    }
}

/// A service on port 80.
pub(super) fn service(address: &str, servers: &[&str]) -> VirtualServer {
    to(Destination::Address { address: ip(address), port: 80, protocol: Protocol::Tcp }, servers)
}

pub(super) fn of_group(group: usize, servers: &[&str]) -> VirtualServer {
    let group = AddressGroupId::from_index(group);
    to(Destination::Group { group, protocol: Some(Protocol::Tcp) }, servers)
}

pub(super) fn range(first: &str, last: &str, port: u16) -> GroupEntry {
    GroupEntry::Addresses(AddressRange { first: ip(first), last: ip(last) }, port)
}

pub(super) fn group(name: &str, entries: &[GroupEntry]) -> AddressGroup {
    AddressGroup { name: Name::from(name), entries: entries.to_vec() }
}

pub(super) fn lvs(services: Vec<VirtualServer>) -> Lvs {
    Lvs { services, ..Lvs::default() }
}

pub(super) fn model(lvs: Lvs) -> Arc<Model> {
    Arc::new(Model { lvs, ..Model::default() })
}
