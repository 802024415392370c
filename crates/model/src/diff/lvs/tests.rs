//! What changes of virtual servers cost. The laws of the difference are held by `diff::tests`.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use base::{Duration, Family};

use crate::diff::lvs::{ServerSlot, ServiceSlot};
use crate::diff::{Cost, diff};
use crate::lvs::*;
use crate::{Model, TrackFile};

fn address(n: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + u32::try_from(n).unwrap()))
}

fn schedule(retry: u32) -> Schedule {
    Schedule {
        delay_loop: Duration::from_secs(6),
        retry,
        delay_before_retry: Duration::from_secs(1),
        warmup: Duration::from_secs(6),
        alpha: false,
        log_all_failures: false,
    }
}

fn tcp(to: IpAddr, retry: u32) -> Checker {
    let connect = Connect { address: to, port: 80, timeout: Duration::from_secs(5), origin: None };
    Checker { schedule: schedule(retry), probe: Probe::Tcp(connect) }
}

fn follow(file: usize) -> Checker {
    let check = FileCheck { file: CheckFileId::from_index(file), weight: 1, reverse: false };
    Checker { schedule: schedule(1), probe: Probe::File(check) }
}

fn server(n: usize, weight: u32, checkers: Vec<Checker>) -> RealServer {
    RealServer {
        address: address(n),
        port: 80,
        weight,
        forwarding: Forwarding::Nat,
        upper_threshold: 0,
        lower_threshold: 0,
        inhibit: false,
        smtp_alert: true,
        notify_up: None,
        notify_down: None,
        snmp_name: None,
        checkers: checkers.into_iter().map(Arc::new).collect(),
    }
}

fn service(destination: Destination, servers: Vec<RealServer>) -> VirtualServer {
    let service = Service {
        destination,
        family: Family::V4,
        scheduler: Scheduler::RoundRobin,
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
    };
    VirtualServer { service, servers }
}

fn at(n: usize) -> Destination {
    Destination::Address { address: address(n), port: 80, protocol: Protocol::Tcp }
}

fn group(name: &str) -> AddressGroup {
    AddressGroup { name: name.into(), entries: vec![GroupEntry::Mark(1, None)] }
}

fn file(path: &str) -> TrackFile {
    TrackFile { name: path.into(), path: path.into(), init: None, overwrite: false }
}

/// A Model of `services` with four servers each.
fn large(services: usize) -> Model {
    let servers = |n| (0..4).map(|i| server(4 * n + i, 1, vec![tcp(address(4 * n + i), 1)])).collect();
    let services = (0..services).map(|n| service(at(n), servers(n))).collect();
    Model { lvs: Lvs { services, ..Lvs::default() }, ..Model::default() }
}

#[test]
fn one_weight_changes_one_server_and_its_checks_go_on() {
    let one = large(3);
    let mut two = one.clone();
    two.lvs.services[1].servers[2].weight = 9;
    let difference = diff(&one, &two).lvs;
    assert_eq!(difference.services[0], ServiceSlot::Kept(ServiceId::from_index(0)));
    let ServiceSlot::Changed { service, servers, servers_gone, .. } = &difference.services[1] else {
        panic!()
    };
    assert_eq!((service, servers_gone.len()), (&None, 0));
    assert_eq!(servers[0], ServerSlot::Kept(ServerId::from_index(0)));
    let ServerSlot::Changed { changes, checkers, .. } = &servers[2] else { panic!() };
    assert_eq!((changes.len(), changes[0].keyword, changes[0].cost), (1, "weight", Cost::Hot));
    assert_eq!(checkers, &[Some(CheckerId::from_index(0))]);
}

#[test]
fn a_check_goes_on_with_another_retry() {
    let one = large(1);
    let mut two = one.clone();
    two.lvs.services[0].servers[0].checkers = [tcp(address(0), 5)].map(Arc::new).into_iter().collect();
    let ServiceSlot::Changed { servers, .. } = &diff(&one, &two).lvs.services[0] else { panic!() };
    let ServerSlot::Changed { changes, checkers, .. } = &servers[0] else { panic!() };
    assert_eq!(changes[0].keyword, "TCP_CHECK");
    assert_eq!(checkers, &[Some(CheckerId::from_index(0))]);
}

#[test]
fn a_check_that_did_not_change_goes_on_before_one_that_did() {
    let one = large(1);
    let mut two = one.clone();
    let to = address(0);
    two.lvs.services[0].servers[0].checkers = [tcp(to, 5), tcp(to, 1)].map(Arc::new).into_iter().collect();
    let ServiceSlot::Changed { servers, .. } = &diff(&one, &two).lvs.services[0] else { panic!() };
    let ServerSlot::Changed { changes, checkers, .. } = &servers[0] else { panic!() };
    assert_eq!(changes[0].keyword, "TCP_CHECK");
    assert_eq!(checkers, &[None, Some(CheckerId::from_index(0))]);
}

#[test]
fn a_group_put_before_another_changes_nobody_but_itself() {
    let destination =
        |n| Destination::Group { group: AddressGroupId::from_index(n), protocol: Some(Protocol::Tcp) };
    let pool = || vec![server(1, 1, vec![follow(0)])];
    let with = |groups, services| Model {
        lvs: Lvs { groups, services, files: vec![file("/a")], ..Lvs::default() },
        ..Model::default()
    };
    let one = with(vec![group("b")], vec![service(destination(0), pool())]);
    let two = with(vec![group("a"), group("b")], vec![service(destination(1), pool())]);
    let difference = diff(&one, &two);
    assert_eq!(difference.lvs.services, [ServiceSlot::Kept(ServiceId::from_index(0))]);
    assert_eq!(difference.replay(&one), two);
}

#[test]
fn the_table_of_marks_cannot_be_renamed_by_a_reload() {
    let with = |table: &str| {
        let nftables = Some(Nftables { table: table.into(), priority: -1, first_mark: 1000 });
        let settings = Settings { nftables, ..Settings::default() };
        Model { lvs: Lvs { settings, ..Lvs::default() }, ..Model::default() }
    };
    assert_eq!(diff(&with("a"), &with("b")).refused().collect::<Vec<_>>(), ["nftables_ipvs"]);
    assert_eq!(diff(&with("a"), &with("a")).refused().count(), 0);
}

/// A search through all for each would take minutes here; the bound has room for a slow machine.
#[test]
fn forty_thousand_servers_are_compared_in_no_time() {
    let one = large(10_000);
    let mut two = one.clone();
    two.lvs.services.remove(0);
    two.lvs.services[5_000].servers.remove(1);
    let mut best = std::time::Duration::MAX;
    for _ in 0..5 {
        let start = std::time::Instant::now();
        let difference = diff(&one, &two);
        best = best.min(start.elapsed());
        assert_eq!((difference.lvs.services_gone.len(), difference.lvs.services.len()), (1, 9_999));
    }
    println!("the difference took {best:?}");
    assert!(best < std::time::Duration::from_secs(5), "{best:?}");
}
