//! Gratuitous ARP and neighbour advertisements, to the nanosecond.

use base::Duration;
use model::InstanceId;
use vrrp::config::{Peer, Peers};
use vrrp::io::State;

use super::build::*;
use super::world::*;
use crate::facts::KernelEvent;

const SECOND: u64 = 1_000_000_000;

/// The frames of the `span` after becoming MASTER, in nanoseconds since then.
fn schedule(model: model::Model, span: Duration) -> (World, Vec<u64>) {
    let mut world = World::started(model);
    world.run_until("Master", secs(5));
    let from = world.now;
    world.run(span);
    let times = world.times("frame", from);
    (world, times)
}

#[test]
fn five_at_once_and_five_after_five_seconds() {
    let (_, times) = schedule(model(vec![instance(51, 100, &["192.0.2.100/24"])]), secs(60));
    assert_eq!(times, [[0; 5], [5 * SECOND; 5]].concat());
}

#[test]
fn refreshes_come_in_their_own_period() {
    let mut with = instance(51, 100, &["192.0.2.100/24"]);
    with.garp.repeat = 1;
    with.garp.delay = Duration::ZERO;
    with.garp.refresh = secs(7);
    with.garp.refresh_repeat = 2;
    let (_, times) = schedule(model(vec![with]), secs(20));
    assert_eq!(times, [0, 7 * SECOND, 7 * SECOND, 14 * SECOND, 14 * SECOND]);
}

#[test]
fn announcements_on_one_interface_keep_their_distance() {
    let mut with = instance(51, 100, &["192.0.2.100/24", "192.0.2.101/24"]);
    with.garp.repeat = 2;
    with.garp.delay = ms(150);
    let mut all = model(vec![with, instance(52, 100, &["192.0.2.102/24"])]);
    all.instances[1].garp.repeat = 1;
    all.instances[1].garp.delay = Duration::ZERO;
    all.global.garp_interval = ms(100);
    let (world, times) = schedule(all, secs(5));
    let expected: Vec<u64> = (0..9).map(|n| n * SECOND / 10).collect();
    assert_eq!(times, expected);
    assert_eq!(world.engine.snapshot().announcements, 0);
}

#[test]
fn what_waits_is_forgotten_when_the_instance_is_master_no_more() {
    let mut all = model(vec![instance(51, 100, &["192.0.2.100/24"])]);
    all.global.garp_interval = secs(1);
    let (mut world, _) = schedule(all, ms(1500));
    world.hear(51, 200, "192.0.2.9");
    assert_eq!(world.state(0), State::Backup);
    world.trace.clear();
    world.run(secs(3));
    assert!(world.lines(&["frame"]).is_empty());
    assert_eq!(world.engine.snapshot().announcements, 0);
}

#[test]
fn refreshes_that_come_faster_than_they_can_be_sent_do_not_pile_up() {
    let mut with = instance(51, 100, &["192.0.2.100/24", "192.0.2.101/24"]);
    with.garp.refresh = secs(1);
    let mut all = model(vec![with]);
    all.global.garp_interval = secs(1);
    let (mut world, _) = schedule(all, secs(60));
    world.run(secs(600));
    assert!(world.engine.snapshot().announcements <= 10, "{}", world.engine.snapshot().announcements);
    // Each still gets its turn.
    world.trace.clear();
    world.run(secs(10));
    for vip in ["192.0.2.100", "192.0.2.101"] {
        assert!(!world.lines(&[&format!("frame eth0 arp {vip}")]).is_empty(), "{vip}");
    }
}

#[test]
fn an_address_that_a_reload_takes_away_is_announced_no_more() {
    let mut all = model(vec![instance(51, 100, &["192.0.2.100/24", "192.0.2.101/24"])]);
    all.global.garp_interval = secs(1);
    let (mut world, _) = schedule(all, ms(1500));
    let mut less = model(vec![instance(51, 100, &["192.0.2.100/24"])]);
    less.global.garp_interval = secs(1);
    world.reload(less);
    world.trace.clear();
    world.run(secs(30));
    assert!(!world.lines(&["frame eth0 arp 192.0.2.100"]).is_empty());
    assert!(world.lines(&["frame eth0 arp 192.0.2.101"]).is_empty());
}

#[test]
fn an_interface_without_arp_is_left_alone() {
    let mut world = World::new(model(vec![instance(51, 100, &["192.0.2.100/24"])]));
    world.links.get_mut(&index(2)).unwrap().noarp = true;
    world.boot();
    world.run(secs(20));
    assert_eq!(world.state(0), State::Master);
    assert!(world.lines(&["frame"]).is_empty());
}

#[test]
fn an_advert_of_lower_priority_has_the_whole_group_announced_again() {
    let mut all = grouped(model(vec![
        instance(51, 100, &["192.0.2.100/24"]),
        instance(52, 100, &["192.0.2.101/24"]),
        instance(53, 100, &["192.0.2.102/24"]),
    ]));
    all.instances[2].garp.lower_prio_repeat = 0;
    let mut world = World::masters(all);
    let from = world.now;
    world.hear(51, 50, "192.0.2.9");
    world.hear(51, 50, "192.0.2.9");
    world.run(secs(6));
    // The second one came at the same instant.
    for vip in ["192.0.2.100", "192.0.2.101"] {
        assert_eq!(world.times(&format!("arp {vip}"), from), [[0; 5], [5 * SECOND; 5]].concat());
    }
    assert!(world.times("arp 192.0.2.102", from).is_empty());
}

#[test]
fn a_unicast_peer_that_is_back_says_where_it_is() {
    let mut with = instance(51, 100, &["192.0.2.100/24"]);
    let peer = Peer { address: ip("192.0.2.9"), min_ttl: 0, max_ttl: 255 };
    with.protocol.peers = Peers::Unicast { peers: vec![peer], check_source: false };
    let mut world = World::started(model(vec![with]));
    world.set_link(2, false);
    world.set_link(2, true);
    assert_eq!(world.engine.state(InstanceId(0)), Some(State::Backup));
    assert_eq!(world.lines(&["frame"]), ["frame eth0 arp 192.0.2.1"]);
}

#[test]
fn a_configured_source_that_is_not_there_is_not_announced() {
    let mut with = instance(51, 100, &["192.0.2.100/24"]);
    let peer = Peer { address: ip("192.0.2.9"), min_ttl: 0, max_ttl: 255 };
    with.protocol.peers = Peers::Unicast { peers: vec![peer], check_source: false };
    with.source = Some(ip("192.0.2.77"));
    let mut world = World::started(model(vec![with]));
    world.set_link(2, false);
    world.set_link(2, true);
    assert_eq!(world.engine.state(InstanceId(0)), Some(State::Backup));
    assert!(world.lines(&["frame"]).is_empty());
}

#[test]
fn another_hardware_address_is_announced() {
    let mut world = World::masters(model(vec![instance(51, 100, &["192.0.2.100/24"])]));
    let eth0 = world.links.get_mut(&index(2)).unwrap();
    eth0.mac = Some(base::Mac([2, 0, 0, 0, 0, 9]));
    let facts = eth0.clone();
    world.kernel(KernelEvent::Link(facts));
    assert_eq!(world.lines(&["frame"]), ["frame eth0 arp 192.0.2.100"; 5]);
    assert_eq!(world.state(0), State::Master);
}
