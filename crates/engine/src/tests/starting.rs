//! The start over left-overs, the transitions, the end.

use base::Machine;
use vrrp::io::State;

use super::build::*;
use super::world::*;
use crate::io::Input;

#[test]
fn a_backup_takes_over_advert_first_then_addresses_then_arp() {
    let mut with = instance(51, 100, &["192.0.2.100/24", "192.0.2.101/24"]);
    with.routes.push(route_via("203.0.113.0/24", "192.0.2.254", "eth0"));
    let mut world = World::started(model(vec![with]));
    assert_eq!(world.state(0), State::Backup);
    let from = world.now;
    world.trace.clear();
    world.run_until("arp", secs(5));
    let lines = world.lines(&["send", "add", "frame", "state"]);
    let expected = [
        "send 51 priority 100",
        "state V51 Master",
        "add 192.0.2.100/24 eth0",
        "add 192.0.2.101/24 eth0",
        "add route 203.0.113.0/24",
        "frame eth0 arp 192.0.2.100",
        "frame eth0 arp 192.0.2.101",
    ];
    assert_eq!(lines.get(..7), Some(&expected[..]), "{lines:?}");
    // keepalived's order: the addresses in turn, five times.
    assert_eq!(world.lines(&["frame"]).len(), 10);
    assert!(
        world
            .lines(&["frame"])
            .chunks(2)
            .all(|turn| turn == ["frame eth0 arp 192.0.2.100", "frame eth0 arp 192.0.2.101"])
    );
    // 3 intervals and the skew of priority 100.
    assert_eq!(world.times("Master", from), [3_609_375_000]);
    world.check_quiescent();
}

#[test]
fn leaving_takes_routes_before_addresses_and_the_last_address_first() {
    let mut with = instance(51, 100, &["192.0.2.100/24", "192.0.2.101/24"]);
    with.routes.push(route_via("203.0.113.0/24", "192.0.2.254", "eth0"));
    let mut world = World::masters(model(vec![with]));
    world.hear(51, 200, "192.0.2.9");
    assert_eq!(world.state(0), State::Backup);
    assert_eq!(
        world.lines(&["send", "del"]),
        ["del route 203.0.113.0/24", "del 192.0.2.101/24 eth0", "del 192.0.2.100/24 eth0"]
    );
    world.check_quiescent();
    world.run(secs(1));
    assert!(world.lines(&["frame"]).is_empty());
}

#[test]
fn when_several_take_over_all_adverts_go_first() {
    let all = (1..=3).map(|n| instance(n, 100, &[&numbered(100 + n)])).collect();
    let mut world = World::started(model(all));
    world.trace.clear();
    world.run(secs(4));
    let kinds: Vec<_> = world.lines(&["send", "add"]).iter().map(|l| &l[..4]).take(6).collect();
    assert_eq!(kinds, ["send", "send", "send", "add ", "add ", "add "]);
}

#[test]
fn left_overs_go_before_the_first_advert_and_foreign_addresses_stay() {
    let mut world = World::new(model(vec![instance(51, 100, &["192.0.2.100/24"])]));
    world.addresses.push(on_link(2, "192.0.2.100/24", None));
    world.addresses.push(on_link(2, "192.0.2.77/32", Some(18)));
    world.addresses.push(on_link(2, "192.0.2.78/32", None));
    // An interface that the model doesn't name.
    world.addresses.push(on_link(3, "198.51.100.77/32", Some(18)));
    world.boot();
    assert!(!world.has("192.0.2.100/24") && !world.has("192.0.2.77/32"));
    assert!(world.has("192.0.2.78/32") && world.has("198.51.100.77/32"));
    assert_eq!(world.lines(&["event LeftOver"]).len(), 2);
    assert_eq!(world.state(0), State::Backup);
}

#[test]
fn beside_another_daemon_only_what_is_configured_is_a_left_over() {
    let mut world = World::new(model(vec![instance(51, 100, &["192.0.2.100/24"])]));
    world.addresses.push(on_link(2, "192.0.2.100/24", Some(18)));
    world.addresses.push(on_link(2, "192.0.2.77/32", Some(18)));
    world.engine.leave_strangers();
    world.boot();
    assert!(!world.has("192.0.2.100/24") && world.has("192.0.2.77/32"));
}

#[test]
fn the_protocol_waits_for_left_overs_and_sockets() {
    let mut model = model(vec![instance(51, 100, &["192.0.2.100/24"])]);
    model.global.resync = base::Duration::ZERO;
    let mut world = World::new(model);
    world.addresses.push(on_link(2, "192.0.2.100/24", Some(18)));
    world.silent = true;
    let dump = world.dump();
    world.input(Input::Dump(dump));
    assert_eq!(world.lines(&["del", "open"]).len(), 2);
    assert!(world.lines(&["state"]).is_empty() && world.engine.poll_timeout().is_none());
    world.silent = false;
    world.settle();
    assert_eq!(world.lines(&["state"]), ["state V51 Backup"]);
}

#[test]
fn an_owner_keeps_its_own_address_which_never_left() {
    let mut world = World::new(model(vec![instance(51, 255, &["192.0.2.1/24"])]));
    world.boot();
    world.run(ms(1));
    assert_eq!(world.state(0), State::Master);
    world.input(Input::Stop { keep: false });
    assert!(world.stopped && world.has("192.0.2.1/24"));
    assert!(world.lines(&["add", "del"]).is_empty());
}

#[test]
fn an_owner_adopts_what_its_earlier_life_left_and_removes_it_at_the_end() {
    let mut world = World::new(model(vec![instance(51, 255, &["192.0.2.100/24"])]));
    world.addresses.push(on_link(2, "192.0.2.100/24", Some(18)));
    world.boot();
    world.run(ms(1));
    assert_eq!(world.state(0), State::Master);
    assert!(world.lines(&["add", "del"]).is_empty());
    assert_eq!(world.lines(&["frame"]).len(), 5);
    world.input(Input::Stop { keep: false });
    assert!(world.stopped && !world.has("192.0.2.100/24"));
}

#[test]
fn an_adopted_left_over_with_the_lease_of_an_earlier_life_is_renewed_at_once() {
    let mut owner = instance(51, 255, &["192.0.2.100/24"]);
    (owner.addresses[0].preferred_lft, owner.lease) = (Some(0), Some(2));
    let mut world = World::new(model(vec![owner]));
    let mut left = on_link(2, "192.0.2.100/24", Some(18));
    (left.preferred_lft, left.valid_lft) = (Some(0), Some(1));
    world.addresses.push(left);
    world.boot();
    world.run(ms(1));
    assert_eq!(world.lines(&["add"]), ["add 192.0.2.100/24 eth0 for 2 s"]);
}

#[test]
fn a_left_over_is_never_a_source() {
    let mut world = World::new(model(vec![instance(51, 100, &["192.0.2.100/24"])]));
    world.addresses.insert(0, on_link(2, "192.0.2.77/24", Some(18)));
    world.addresses.insert(0, on_link(2, "192.0.2.100/24", Some(18)));
    world.boot();
    assert_eq!(world.engine.source(model::InstanceId(0)), Some(ip("192.0.2.1")));
}

#[test]
fn the_end_is_priority_0_then_routes_then_addresses_then_stopped() {
    let mut with = instance(51, 100, &["192.0.2.100/24"]);
    with.routes.push(route_via("203.0.113.0/24", "192.0.2.254", "eth0"));
    with.notify.stop = Some(Box::new(command("/stop")));
    let mut all = model(vec![with]);
    all.static_addresses.push(vip("192.0.2.50/24", "eth0"));
    let mut world = World::started(all);
    assert!(world.has("192.0.2.50/24"));
    world.run(secs(4));
    world.trace.clear();
    world.input(Input::Stop { keep: false });
    assert_eq!(
        world.lines(&["send", "del", "notify", "stopped", "close"]),
        [
            "send 51 priority 0",
            "del route 203.0.113.0/24",
            "del 192.0.2.100/24 eth0",
            "del 192.0.2.50/24 eth0",
            "notify /stop  limit 1s",
            "close",
            "stopped"
        ]
    );
    assert_eq!(world.engine.poll_timeout(), None);
}

#[test]
fn stopping_can_leave_addresses_where_they_are() {
    let mut world = World::masters(model(vec![instance(51, 100, &["192.0.2.100/24"])]));
    world.input(Input::Stop { keep: true });
    assert!(world.stopped && world.has("192.0.2.100/24"));
    assert_eq!(world.lines(&["send", "del"]), ["send 51 priority 0"]);
}

#[test]
fn a_kernel_that_never_answers_cannot_keep_the_daemon_alive() {
    let mut world = World::masters(model(vec![instance(51, 100, &["192.0.2.100/24"])]));
    world.silent = true;
    world.input(Input::Stop { keep: false });
    assert!(!world.stopped);
    world.run(secs(2));
    assert!(world.stopped);
}

#[test]
fn a_stop_before_the_first_dump_ends_at_once() {
    let mut world = World::new(model(vec![instance(51, 100, &["192.0.2.100/24"])]));
    world.input(Input::Stop { keep: false });
    assert_eq!(world.lines(&[""]), ["stopped"]);
}

#[test]
fn during_the_startup_delay_nothing_is_said() {
    let mut all = model(vec![instance(51, 255, &["192.0.2.100/24"])]);
    all.global.startup_delay = secs(10);
    let mut world = World::started(all);
    let from = world.now;
    world.run(secs(20));
    assert!(world.times("send", from).first().is_some_and(|at| *at >= 10_000_000_000));
    assert_eq!(world.times("StartupDelay(None)", from), [10_000_000_000]);
}

#[test]
fn many_routers_start_and_take_over_in_one_turn_each() {
    let all = (1..=255).map(|n| instance(n, 100, &[&format!("10.0.0.{n}/32")])).collect();
    let mut world = World::masters(model(all));
    assert_eq!(world.engine.snapshot().sockets, 1);
    world.check_quiescent();
    world.input(Input::Stop { keep: false });
    assert_eq!(world.lines(&["send"]).len(), 255);
    assert!(world.stopped && world.addresses.len() == 3);
}

#[test]
fn a_stop_while_sockets_are_opening_closes_them() {
    let mut world = World::new(model(vec![instance(51, 100, &["192.0.2.100/24"])]));
    world.silent = true;
    let dump = world.dump();
    world.input(Input::Dump(dump));
    world.input(Input::Stop { keep: false });
    assert!(!world.stopped && world.sockets.len() == 1);
    world.silent = false;
    world.settle();
    assert!(world.stopped && world.sockets.is_empty());
}

#[test]
fn the_end_of_a_group_is_told_too() {
    let mut all =
        grouped(model(vec![instance(51, 100, &["192.0.2.100/24"]), instance(52, 100, &["192.0.2.101/24"])]));
    all.groups[0].notify.stop = Some(Box::new(command("/stop")));
    let mut world = World::masters(all);
    world.input(Input::Stop { keep: false });
    assert_eq!(world.lines(&["state", "group"]), ["state V51 Stopped", "state V52 Stopped", "group Stopped"]);
    assert_eq!(world.lines(&["notify"]), ["notify /stop  limit 1s"]);
}
