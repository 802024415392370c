//! Addresses and routes as desired state.

use vrrp::io::State;

use super::build::*;
use super::world::*;
use crate::facts::KernelEvent;
use crate::io::Input;

fn one() -> model::Model {
    model(vec![instance(51, 100, &["192.0.2.100/24"])])
}

#[test]
fn an_address_that_somebody_deletes_is_put_back_at_once_counted_and_announced() {
    let mut world = World::masters(one());
    let from = world.now;
    world.foreign_delete("192.0.2.100/24");
    assert!(world.has("192.0.2.100/24"));
    assert_eq!(world.times("add 192.0.2.100", from), [0]);
    assert_eq!(world.lines(&["event Repaired"]).len(), 1);
    assert_eq!(world.lines(&["frame"]).len(), 5);
    assert_eq!(world.engine.snapshot().repaired, 1);
    assert_eq!(world.state(0), State::Master);
    world.check_quiescent();
}

#[test]
fn an_address_that_is_not_tracked_stays_away_until_the_next_change_of_state() {
    let mut all = one();
    all.instances[0].addresses[0].no_track = true;
    let mut world = World::masters(all);
    world.foreign_delete("192.0.2.100/24");
    world.run(secs(3));
    assert!(!world.has("192.0.2.100/24") && world.lines(&["event Repaired"]).is_empty());
    world.hear(51, 200, "192.0.2.9");
    world.run(secs(4));
    assert_eq!(world.state(0), State::Master);
    assert!(world.has("192.0.2.100/24"));
}

#[test]
fn a_failed_operation_is_tried_again_ever_more_slowly_and_not_announced_before() {
    let mut world = World::started(one());
    world.failures.push(("add 192.0.2.100".into(), 105, 4));
    world.trace.clear();
    world.run_until("Master", secs(5));
    let from = world.now;
    world.run(secs(2));
    let ms = |n: u64| n * 1_000_000;
    assert_eq!(world.times("add 192.0.2.100", from), [0, ms(100), ms(300), ms(700), ms(1500)]);
    // The first, the second and the fourth failure are told.
    assert_eq!(world.lines(&["event OperationFailed"]).len(), 3);
    assert_eq!(world.times("frame", from), [ms(1500); 5]);
    world.check_quiescent();
}

#[test]
fn a_new_master_does_not_wait_for_what_failed_when_it_was_master_before() {
    let mut world = World::started(one());
    world.failures.push(("add 192.0.2.100".into(), 105, 6));
    world.trace.clear();
    world.run_until("Master", secs(5));
    world.run(secs(2));
    assert!(!world.has("192.0.2.100/24"), "the next try is at 3.1 s");
    world.hear(51, 200, "192.0.2.9");
    assert_eq!(world.state(0), State::Backup);
    world.failures.clear();
    world.trace.clear();
    world.hear(51, 0, "192.0.2.9");
    world.run_until("Master", secs(1));
    assert!(world.has("192.0.2.100/24"));
    world.check_quiescent();
}

#[test]
fn an_answer_that_says_it_is_so_already_is_a_success() {
    let mut world = World::masters(one());
    world.failures.push(("del 192.0.2.100".into(), 99, 1));
    world.addresses.retain(|a| a.net != net("192.0.2.100/24"));
    world.hear(51, 200, "192.0.2.9");
    assert!(world.lines(&["event OperationFailed"]).is_empty());
    world.check_quiescent();
}

#[test]
fn lost_events_lead_to_a_dump_that_repairs_what_was_missed() {
    let mut world = World::masters(one());
    world.addresses.retain(|a| a.net != net("192.0.2.100/24"));
    world.run(secs(2));
    assert!(!world.has("192.0.2.100/24"), "nobody told");
    world.input(Input::Overrun);
    assert!(world.has("192.0.2.100/24"));
    assert_eq!(world.lines(&["resync", "event Repaired", "add"]).len(), 3);
    world.check_quiescent();
}

#[test]
fn an_overrun_while_a_dump_is_on_its_way_asks_for_another() {
    let mut world = World::masters(one());
    world.silent = true;
    for _ in 0..3 {
        world.input(Input::Overrun);
    }
    assert_eq!(world.lines(&["resync"]).len(), 1);
    world.silent = false;
    world.settle();
    assert_eq!(world.lines(&["resync"]).len(), 2);
    world.run(secs(1));
    assert_eq!(world.lines(&["resync"]).len(), 2);
}

#[test]
fn a_dump_that_is_lost_with_the_news_is_asked_for_again() {
    let mut world = World::masters(one());
    world.dumpless = 3;
    world.addresses.retain(|a| a.net != net("192.0.2.100/24"));
    let from = world.now;
    // Each time the loss is told instead.
    world.input(Input::Overrun);
    for _ in 0..3 {
        world.input(Input::Overrun);
        world.run(ms(10));
    }
    assert_eq!(world.times("resync", from), [0, 10_000_000, 20_000_000, 30_000_000]);
    assert!(world.has("192.0.2.100/24"));
    world.check_quiescent();
}

#[test]
fn a_first_dump_that_never_comes_is_asked_for_again() {
    let mut world = World::new(one());
    world.input(Input::Overrun);
    world.run(ms(10));
    assert_eq!(world.lines(&["resync"]).len(), 1);
    world.run_until("Master", secs(5));
}

#[test]
fn what_is_missed_without_a_sign_is_found_out_within_the_period_of_resync() {
    let mut all = one();
    all.global.resync = secs(7);
    let mut world = World::masters(all);
    world.addresses.retain(|a| a.net != net("192.0.2.100/24"));
    world.run(secs(7));
    assert!(world.has("192.0.2.100/24"));
    // The comparison, and the dump that takes the place of what was known.
    assert_eq!(world.lines(&["resync"]).len(), 2);
    assert_eq!(world.lines(&["event Resync", "event Repaired"]).len(), 2);
    world.check_quiescent();
}

#[test]
fn a_comparison_that_finds_nothing_does_nothing_at_all() {
    let mut world = World::masters(one());
    world.run(secs(600));
    let looks = world.lines(&["resync"]).len();
    assert!((9..=10).contains(&looks), "{looks}");
    assert!(world.lines(&["add", "del", "frame", "event Resync", "event Repaired"]).is_empty());
    let mut all = one();
    all.global.resync = base::Duration::ZERO;
    let mut world = World::masters(all);
    world.run(secs(600));
    assert!(world.lines(&["resync"]).is_empty());
}

#[test]
fn a_reload_changes_the_period_of_resync() {
    let mut world = World::masters(one());
    let mut all = one();
    all.global.resync = secs(5);
    world.input(Input::Reload(all.into()));
    world.run(secs(11));
    assert_eq!(world.lines(&["resync"]).len(), 2);
}

#[test]
fn links_that_changed_during_an_overrun_are_noticed() {
    let mut world = World::masters(one());
    let eth0 = world.links.get_mut(&index(2)).unwrap();
    eth0.running = false;
    world.input(Input::Overrun);
    assert_eq!(world.state(0), State::Fault);
    assert!(!world.has("192.0.2.100/24"));
}

#[test]
fn a_virtual_address_that_somebody_adds_to_a_backup_is_removed() {
    let mut world = World::started(one());
    let facts = on_link(2, "192.0.2.100/24", None);
    world.addresses.push(facts.clone());
    world.kernel(KernelEvent::Address(facts));
    assert!(!world.has("192.0.2.100/24"));
    // Another prefix length is another address, and none of ours.
    let facts = on_link(2, "192.0.2.100/32", None);
    world.addresses.push(facts.clone());
    world.kernel(KernelEvent::Address(facts));
    assert!(world.has("192.0.2.100/32"));
}

#[test]
fn our_own_late_news_is_not_taken_for_somebody_elses_deed() {
    for echo in [Echo::Before, Echo::After, Echo::Late] {
        let mut world = World::masters(one());
        world.echo = echo;
        world.hear(51, 200, "192.0.2.9");
        world.run(secs(4));
        assert_eq!(world.state(0), State::Master);
        while world.deliver() {}
        assert!(world.lines(&["event Repaired"]).is_empty(), "{echo:?}");
        world.check_quiescent();
        world.foreign_delete("192.0.2.100/24");
        while world.deliver() {}
        assert_eq!(world.lines(&["event Repaired"]).len(), 1, "{echo:?}");
        world.check_quiescent();
    }
}

#[test]
fn a_change_of_mind_while_an_operation_is_on_its_way_ends_well() {
    let mut world = World::started(one());
    world.silent = true;
    world.run(secs(4));
    assert_eq!(world.state(0), State::Master);
    world.hear(51, 200, "192.0.2.9");
    assert_eq!(world.state(0), State::Backup);
    assert_eq!(world.lines(&["add", "del"]), ["add 192.0.2.100/24 eth0"]);
    world.silent = false;
    world.settle();
    assert_eq!(world.lines(&["add", "del"]), ["add 192.0.2.100/24 eth0", "del 192.0.2.100/24 eth0"]);
    assert!(world.lines(&["frame"]).is_empty());
    world.check_quiescent();
}

#[test]
fn routes_come_back_after_their_interface_was_off_and_when_somebody_removes_them() {
    let mut all = one();
    all.instances[0].routes.push(route_via("203.0.113.0/24", "198.51.100.254", "eth1"));
    let mut world = World::masters(all);
    assert_eq!(world.routes.len(), 1);
    world.set_link(3, false);
    assert_eq!(world.routes.len(), 0);
    world.set_link(3, true);
    assert_eq!(world.routes.len(), 1);
    let facts = world.routes.remove(0);
    world.kernel(KernelEvent::RouteGone(facts));
    assert_eq!(world.routes.len(), 1);
    assert_eq!(world.lines(&["event Repaired"]).len(), 1);
}

#[test]
fn a_left_over_route_of_ours_is_removed_and_others_are_not() {
    let mut world = World::new(one());
    let ours = crate::facts::RouteFacts {
        destination: net("203.0.113.0/24"),
        kind: model::route::RouteKind::Unicast,
        table: 254,
        metric: 0,
        tos: 0,
        protocol: 18,
        source: None,
        hops: vec![(Some(ip("192.0.2.254")), Some(index(2)))],
    };
    let theirs = crate::facts::RouteFacts { protocol: 3, ..ours.clone() };
    world.routes = vec![ours, theirs.clone()];
    world.boot();
    assert_eq!(world.routes, [theirs]);
}

#[test]
fn an_address_deleted_before_its_addition_was_answered_is_added_again() {
    let mut world = World::started(one());
    world.echo = Echo::Late;
    world.silent = true;
    world.run(secs(4));
    world.late.clear();
    let at = world.addresses.iter().position(|a| a.net == net("192.0.2.100/24")).unwrap();
    let facts = world.addresses.remove(at);
    // The kernel told of both; its answer comes last.
    let (added, gone) = (KernelEvent::Address(facts.clone()), KernelEvent::AddressGone(facts));
    world.input(Input::Kernel(added));
    world.input(Input::Kernel(gone));
    world.silent = false;
    world.settle();
    assert!(world.has("192.0.2.100/24"));
    world.check_quiescent();
}

#[test]
fn addresses_that_go_with_their_interface_come_back_with_it() {
    let mut all = one();
    all.static_addresses.push(vip("2001:db8::50/64", "eth1"));
    let mut world = World::masters(all);
    world.set_link(3, false);
    // The kernel takes the IPv6 addresses of an interface that is switched off.
    world.foreign_delete("2001:db8::50/64");
    assert!(!world.has("2001:db8::50/64") && world.lines(&["event Repaired"]).is_empty());
    world.set_link(3, true);
    assert!(world.has("2001:db8::50/64"));
}

#[test]
fn whoever_removes_an_address_again_and_again_does_not_keep_us_busy() {
    let mut world = World::masters(one());
    let from = world.now;
    for _ in 0..10 {
        world.foreign_delete("192.0.2.100/24");
    }
    assert!(world.has("192.0.2.100/24"));
    world.foreign_delete("192.0.2.100/24");
    assert!(!world.has("192.0.2.100/24"));
    world.run(ms(100));
    assert!(world.has("192.0.2.100/24"));
    assert_eq!(world.times("add", from).last(), Some(&100_000_000));
    world.check_quiescent();
}

#[test]
fn a_static_address_that_is_virtual_too_is_announced_and_outlives_the_master() {
    let mut all = one();
    all.static_addresses.push(vip("192.0.2.100/24", "eth0"));
    let mut world = World::started(all);
    world.run(secs(4));
    assert_eq!(world.lines(&["frame"]).len(), 5);
    world.hear(51, 200, "192.0.2.9");
    assert_eq!(world.state(0), State::Backup);
    assert!(world.has("192.0.2.100/24"));
}
