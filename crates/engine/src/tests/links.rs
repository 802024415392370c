//! Interfaces, addresses and sockets, and what they mean to instances.

use base::Weight;
use model::{InstanceId, Tracker, TrackerId, TrackerSource};
use vrrp::config::{Peer, Peers, Track};
use vrrp::io::{Datagram, State};

use super::build::*;
use super::world::*;
use crate::facts::KernelEvent;
use crate::io::{Input, SocketKind};

fn one() -> model::Model {
    model(vec![instance(51, 100, &["192.0.2.100/24"])])
}

#[test]
fn a_cable_pulled_is_a_fault_until_it_is_back() {
    let mut world = World::masters(one());
    world.set_link(2, false);
    assert_eq!(world.state(0), State::Fault);
    assert!(!world.has("192.0.2.100/24"));
    world.run(secs(10));
    assert!(world.lines(&["send 51 priority 1"]).is_empty());
    world.set_link(2, true);
    assert_eq!(world.state(0), State::Backup);
    world.run(secs(4));
    assert_eq!(world.state(0), State::Master);
    world.check_quiescent();
}

#[test]
fn an_interface_that_nobody_cares_for_is_no_fault() {
    let mut all = one();
    all.instances[0].track_link = false;
    let mut world = World::masters(all);
    world.set_link(2, false);
    assert_eq!(world.state(0), State::Master);
}

#[test]
fn an_interface_recreated_with_another_number_gets_new_sockets_and_its_addresses() {
    let mut world = World::masters(one());
    world.remove_link(2);
    assert_eq!(world.state(0), State::Fault);
    assert!(world.sockets.is_empty());
    world.add_link(link(9, "eth0"), "192.0.2.1/24");
    assert_eq!(world.state(0), State::Backup);
    assert!(world.sockets.values().all(|s| s.link == Some(index(9))));
    world.run(secs(4));
    assert!(world.addresses.iter().any(|a| a.link == index(9) && a.net == net("192.0.2.100/24")));
    world.check_quiescent();
}

#[test]
fn an_interface_that_is_missing_at_the_start_is_waited_for() {
    let mut world = World::new(one());
    let eth0 = world.links.remove(&index(2)).unwrap();
    world.addresses.clear();
    world.boot();
    assert_eq!(world.state(0), State::Fault);
    world.add_link(eth0, "192.0.2.1/24");
    assert_eq!(world.state(0), State::Backup);
}

#[test]
fn a_renamed_interface_loses_our_addresses_and_is_missed() {
    let mut world = World::masters(one());
    let facts = world.links.get_mut(&index(2)).unwrap();
    facts.name = link_name("lan");
    let facts = facts.clone();
    world.kernel(KernelEvent::Link(facts));
    assert_eq!(world.state(0), State::Fault);
    assert!(!world.has("192.0.2.100/24") && world.has("192.0.2.1/24"));
}

#[test]
fn the_next_address_becomes_the_source_and_without_any_there_is_a_fault() {
    let mut world = World::new(one());
    world.addresses.push(on_link(2, "192.0.2.2/24", None));
    world.boot();
    let source = |world: &World| world.engine.source(InstanceId(0));
    assert_eq!(source(&world), Some(ip("192.0.2.1")));
    world.foreign_delete("192.0.2.1/24");
    assert_eq!((source(&world), world.state(0)), (Some(ip("192.0.2.2")), State::Backup));
    world.foreign_delete("192.0.2.2/24");
    assert_eq!(world.state(0), State::Fault);
    let facts = on_link(2, "192.0.2.3/24", None);
    world.kernel(KernelEvent::Address(facts));
    assert_eq!((source(&world), world.state(0)), (Some(ip("192.0.2.3")), State::Backup));
}

#[test]
fn at_boot_the_detection_of_duplicates_is_waited_for_without_a_fault() {
    let mut world = World::new(model(vec![instance(51, 100, &["fe80::100/64"])]));
    world.addresses.clear();
    let mut facts = on_link(2, "fe80::1/64", Some(3));
    facts.tentative = true;
    world.addresses.push(facts.clone());
    world.boot();
    assert_eq!(world.state(0), State::Init);
    let mut failed = facts.clone();
    facts.tentative = false;
    world.kernel(KernelEvent::Address(facts));
    assert_eq!(world.state(0), State::Backup);
    assert!(!world.story().contains("Fault"), "{}", world.story());
    // An address that somebody else has is none.
    let mut world = World::new(model(vec![instance(51, 100, &["fe80::100/64"])]));
    world.addresses.clear();
    world.addresses.push(failed.clone());
    world.boot();
    failed.dad_failed = true;
    world.kernel(KernelEvent::Address(failed));
    assert_eq!(world.state(0), State::Fault);
}

#[test]
fn an_ipv6_source_is_the_link_local_address_once_it_is_not_tentative() {
    let mut world = World::new(model(vec![instance(51, 100, &["fe80::100/64", "2001:db8::100/64"])]));
    for facts in &mut world.addresses {
        facts.tentative = true;
    }
    world.addresses.push(on_link(2, "2001:db8::1/64", None));
    world.boot();
    assert_eq!(world.state(0), State::Init);
    let mut facts = on_link(2, "fe80::1/64", Some(3));
    facts.tentative = false;
    world.kernel(KernelEvent::Address(facts));
    assert_eq!(world.state(0), State::Backup);
    assert_eq!(world.engine.source(InstanceId(0)), Some(ip("fe80::1")));
    world.run(secs(4));
    assert_eq!(world.lines(&["frame"]).len(), 10);
    assert!(world.lines(&["frame eth0 na 2001:db8::100"]).len() == 5);
}

#[test]
fn a_configured_source_that_is_gone_is_a_fault_only_if_it_is_tracked() {
    for tracked in [false, true] {
        let mut all = one();
        all.instances[0].source = Some(ip("192.0.2.1"));
        all.instances[0].track_source = tracked;
        let mut world = World::started(all);
        world.foreign_delete("192.0.2.1/24");
        assert_eq!(world.state(0), if tracked { State::Fault } else { State::Backup });
    }
}

#[test]
fn a_tracked_interface_is_heard_of_at_the_start_and_after_each_change() {
    let mut all = one();
    let eth1 = link_name("eth1");
    all.trackers.push(Tracker { name: "eth1".into(), source: TrackerSource::Interface(eth1) });
    all.instances[0].protocol.tracks.push(Track {
        tracker: TrackerId(0),
        weight: Weight::FAULT,
        reverse: false,
    });
    let mut world = World::masters(all.clone());
    world.set_link(3, false);
    assert_eq!(world.state(0), State::Fault);
    world.set_link(3, true);
    assert_eq!(world.state(0), State::Backup);
    let mut world = World::new(all);
    world.links.get_mut(&index(3)).unwrap().running = false;
    world.boot();
    assert_eq!(world.state(0), State::Fault);
}

#[test]
fn a_tracked_interface_that_goes_down_while_the_sockets_are_opened_is_heard_of() {
    let mut all = one();
    let eth1 = link_name("eth1");
    all.trackers.push(Tracker { name: "eth1".into(), source: TrackerSource::Interface(eth1) });
    all.instances[0].protocol.tracks.push(Track {
        tracker: TrackerId(0),
        weight: Weight::FAULT,
        reverse: false,
    });
    let mut world = World::new(all);
    let dump = world.dump();
    // Neither is the socket open yet.
    world.input_only(Input::Dump(dump));
    let mut gone = world.links[&index(3)].clone();
    gone.running = false;
    world.input_only(Input::Kernel(KernelEvent::Link(gone)));
    world.settle();
    assert_eq!(world.state(0), State::Fault);
}

#[test]
fn a_socket_that_cannot_be_opened_is_a_fault_and_tried_again() {
    let mut world = World::new(one());
    world.failures.push(("open".into(), 1, 2));
    world.boot();
    assert_eq!(world.state(0), State::Fault);
    assert_eq!(world.lines(&["event SocketFailed"]).len(), 1);
    world.run(secs(1));
    assert_eq!(world.state(0), State::Fault);
    world.run(secs(1));
    assert_eq!(world.state(0), State::Backup);
}

#[test]
fn a_fault_is_not_over_before_the_new_socket_is_open() {
    let mut world = World::started(one());
    world.remove_link(2);
    world.silent = true;
    world.add_link(link(9, "eth0"), "192.0.2.1/24");
    assert_eq!(world.state(0), State::Fault);
    world.silent = false;
    world.settle();
    assert_eq!(world.state(0), State::Backup);
}

#[test]
fn instances_of_one_kind_share_a_socket_and_only_their_vrids_pass() {
    let mut ah = instance(7, 100, &["192.0.2.107/24"]);
    ah.protocol.auth = vrrp::config::Auth::Ah(base::Secret::new(*b"secret\0\0"));
    let all = vec![instance(51, 100, &["192.0.2.100/24"]), instance(9, 100, &["192.0.2.109/24"]), ah];
    let world = World::started(model(all));
    let mut specs: Vec<_> = world.sockets.values().collect();
    specs.sort();
    assert_eq!(specs.iter().map(|s| s.protocol).collect::<Vec<_>>(), [51, 112]);
    assert_eq!(specs[1].vrids.iter().map(|v| v.get()).collect::<Vec<_>>(), [9, 51]);
}

#[test]
fn unicast_instances_with_one_vrid_are_told_apart_by_their_peers() {
    let unicast = |peer: &str, vip: &str| {
        let mut with = instance(51, 100, &[vip]);
        let peer = Peer { address: ip(peer), min_ttl: 0, max_ttl: 255 };
        with.protocol.peers = Peers::Unicast { peers: vec![peer], check_source: true };
        with
    };
    let all = vec![unicast("192.0.2.8", "192.0.2.108/24"), unicast("192.0.2.9", "192.0.2.109/24")];
    let mut world = World::started(model(all));
    let (socket, spec) = world.sockets.first_key_value().map(|(id, s)| (*id, s.clone())).unwrap();
    assert_eq!(spec.kind, SocketKind::Unicast { source: ip("192.0.2.1"), hop_limit: None });
    assert_eq!(world.sockets.len(), 1);
    let mut bytes = hex("45c0002400010000ff700000c0000209c0000201");
    bytes.extend(hex("213364010001000000000000000000000000000000000000"));
    let datagram =
        Datagram { source: ip("192.0.2.9"), destination: ip("192.0.2.1"), hop_limit: None, bytes: &bytes };
    world.input(Input::Datagram { socket, datagram });
    let refused = world.lines(&["vrrp Refused"]);
    assert!(refused.iter().all(|line| line.contains("InstanceId(1)")) && refused.len() == 1, "{refused:?}");
}

#[test]
fn datagrams_for_nobody_are_counted() {
    let mut world = World::started(one());
    let socket = *world.sockets.keys().next().unwrap();
    let mut bytes = hex("45c0002400010000ff700000c0000209e0000012");
    bytes.extend(hex("21076401000100000000000000000000"));
    for end in [bytes.len(), 3] {
        let datagram = Datagram {
            source: ip("192.0.2.9"),
            destination: ip("224.0.0.18"),
            hop_limit: Some(255),
            bytes: &bytes[..end],
        };
        world.input(Input::Datagram { socket, datagram });
    }
    let counts = world.engine.snapshot().counts;
    assert_eq!((counts.unknown_vrid, counts.unreadable), (1, 1));
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn an_owner_whose_system_has_no_address_is_at_fault_and_stays_so() {
    let mut world = World::started(model(vec![instance(51, 255, &["192.0.2.100/24"])]));
    world.run(ms(1));
    assert_eq!(world.state(0), State::Master);
    world.foreign_delete("192.0.2.1/24");
    // Its own virtual address must not make it well again, or it would come and go for ever.
    assert_eq!(world.state(0), State::Fault);
    world.check_quiescent();
}

#[test]
fn a_new_instance_does_not_begin_with_a_fault_because_its_socket_is_not_open_yet() {
    let mut world = World::started(model(Vec::new()));
    world.reload(one());
    assert_eq!(world.lines(&["state", "vrrp"]), ["state V51 Backup"]);
}

#[test]
fn the_first_address_in_the_kernels_order_is_the_source() {
    let mut world = World::new(one());
    world.addresses.insert(0, on_link(2, "198.18.0.1/24", None));
    world.boot();
    assert_eq!(world.engine.source(InstanceId(0)), Some(ip("198.18.0.1")));
}
