//! A new model in the place of the old one.

use base::{Duration, Machine, Priority};
use vrrp::io::State;

use super::build::*;
use super::world::*;

fn two() -> model::Model {
    model(vec![
        instance(51, 100, &["192.0.2.100/24", "192.0.2.101/24"]),
        instance(52, 100, &["192.0.2.110/24"]),
    ])
}

#[test]
fn a_reload_of_the_same_changes_nothing() {
    let mut all = two();
    all.trackers.push(script("/check", 1, 1));
    all.static_addresses.push(vip("192.0.2.50/24", "eth0"));
    let mut world = World::masters(all.clone());
    let next = world.engine.poll_timeout();
    world.reload(all);
    assert_eq!(world.lines(&[""]), ["event Reloaded"]);
    assert_eq!(world.engine.poll_timeout(), next);
}

#[test]
fn a_new_address_is_put_in_and_announced_and_nothing_else_moves() {
    let mut world = World::masters(two());
    let mut all = two();
    all.instances[1] = instance(52, 100, &["192.0.2.110/24", "192.0.2.111/24"]);
    world.reload(all);
    assert_eq!(world.lines(&["add", "del"]), ["add 192.0.2.111/24 eth0"]);
    assert_eq!(world.lines(&["frame"]), ["frame eth0 arp 192.0.2.111"; 5]);
    assert!(world.lines(&["state", "open", "close"]).is_empty());
    world.check_quiescent();
}

#[test]
fn a_removed_address_is_taken_out_and_nothing_else_moves() {
    let mut world = World::masters(two());
    let mut all = two();
    all.instances[0] = instance(51, 100, &["192.0.2.101/24"]);
    world.reload(all);
    assert_eq!(world.lines(&["add", "del"]), ["del 192.0.2.100/24 eth0"]);
    assert!(world.lines(&["frame", "state", "open", "close"]).is_empty());
    assert!(!world.has("192.0.2.100/24"));
}

#[test]
fn an_address_that_moves_is_there_before_it_goes() {
    let mut world = World::masters(two());
    let mut all = two();
    all.instances[0].addresses[0] = vip("192.0.2.100/24", "eth1");
    all.instances[0].addresses[1] = vip("192.0.2.101/32", "eth0");
    world.reload(all);
    assert_eq!(
        world.lines(&["add", "del"]),
        [
            "add 192.0.2.100/24 eth1",
            "add 192.0.2.101/32 eth0",
            "del 192.0.2.101/24 eth0",
            "del 192.0.2.100/24 eth0"
        ]
    );
    world.check_quiescent();
}

#[test]
fn an_address_that_changes_hands_stays_where_it_is() {
    let mut world = World::masters(two());
    let all = model(vec![
        instance(51, 100, &["192.0.2.100/24"]),
        instance(52, 100, &["192.0.2.110/24", "192.0.2.101/24"]),
    ]);
    world.reload(all);
    assert!(world.lines(&["add", "del"]).is_empty(), "{:?}", world.trace);
    world.check_quiescent();
    world.hear(51, 200, "192.0.2.9");
    assert!(world.has("192.0.2.101/24") && !world.has("192.0.2.100/24"));
}

#[test]
fn an_attribute_that_changes_is_written_once() {
    let mut world = World::masters(two());
    let mut all = two();
    all.instances[0].addresses[1].label = Some("eth0:1".into());
    world.reload(all);
    assert_eq!(world.lines(&["add", "del"]), ["add 192.0.2.101/24 eth0"]);
    assert!(world.lines(&["frame"]).is_empty());
}

#[test]
fn an_instance_that_is_gone_says_so_and_takes_its_addresses_along() {
    let mut all = two();
    all.instances[0].notify.any = Some(Box::new(command("/any")));
    all.instances[0].notify.tell_deleted = true;
    let mut world = World::masters(all);
    world.reload(model(vec![instance(52, 100, &["192.0.2.110/24"])]));
    assert_eq!(
        world.lines(&["send", "state", "notify", "del"]),
        [
            "send 51 priority 0",
            "state V51 Deleted",
            "notify /any INSTANCE V51 DELETED 100",
            "del 192.0.2.101/24 eth0",
            "del 192.0.2.100/24 eth0"
        ]
    );
    // The other one is number 0 now, and goes on as if nothing had happened.
    assert_eq!(world.state(0), State::Master);
    world.run(secs(1));
    assert!(world.lines(&["send 52 priority 100"]).len() == 1);
    world.check_quiescent();
}

#[test]
fn a_new_instance_starts_and_its_vrid_passes_without_a_moment_of_deafness() {
    let mut world = World::masters(two());
    let mut all = two();
    all.instances.insert(0, instance(53, 100, &["192.0.2.120/24"]));
    world.reload(all);
    // The new socket opens before the old one closes.
    let sockets: Vec<_> = world.lines(&["open", "close"]).iter().map(|l| &l[..4]).collect();
    assert_eq!(sockets, ["open", "clos"]);
    assert_eq!(world.state(0), State::Backup);
    assert_eq!((world.state(1), world.state(2)), (State::Master, State::Master));
    world.run(secs(4));
    assert_eq!(world.state(0), State::Master);
    world.check_quiescent();
}

#[test]
fn the_second_burst_is_not_forgotten_over_a_reload() {
    let mut world = World::started(two());
    world.run_until("Master", secs(5));
    let from = world.now;
    let mut all = two();
    all.instances.swap(0, 1);
    world.reload(all);
    world.trace.clear();
    world.run(secs(6));
    assert_eq!(world.times("arp 192.0.2.100", from), [5_000_000_000; 5]);
    assert_eq!(world.times("arp 192.0.2.110", from), [5_000_000_000; 5]);
}

#[test]
fn a_priority_that_changes_needs_no_kernel() {
    let mut world = World::masters(two());
    let mut all = two();
    all.instances[0].protocol.priority = Priority(150);
    world.reload(all);
    assert_eq!(world.lines(&["send", "add", "del", "state"]), ["send 51 priority 150"]);
}

#[test]
fn static_addresses_follow_the_model() {
    let mut world = World::masters(two());
    let mut all = two();
    all.static_addresses.push(vip("192.0.2.50/24", "eth0"));
    world.reload(all);
    assert!(world.has("192.0.2.50/24"));
    world.foreign_delete("192.0.2.50/24");
    assert!(world.has("192.0.2.50/24"));
    world.reload(two());
    assert!(!world.has("192.0.2.50/24"));
    world.check_quiescent();
}

#[test]
fn a_script_keeps_its_counter_and_its_run() {
    let with = |interval: Duration| {
        let mut all = two();
        all.trackers.push(script("/other", 1, 1));
        all.trackers.push(script("/check", 3, 3));
        for tracker in &mut all.trackers {
            if let model::TrackerSource::Script(script) = &mut tracker.source {
                script.interval = interval;
            }
        }
        all
    };
    let mut world = World::started(with(secs(10)));
    let mut all = with(secs(10));
    all.trackers.remove(0);
    world.reload(all);
    // The run of the script that is gone is ended; the other goes on under another number.
    assert_eq!(world.lines(&["check", "cancel"]), ["check /other", "check /check", "cancel 1"]);
    world.finish(0);
    world.finish(0);
    let tracker = &world.engine.snapshot().trackers[0];
    assert_eq!((tracker.up, tracker.value), (Some(true), Some(5)));
}

#[test]
fn of_several_reloads_before_the_start_the_last_one_counts() {
    let mut world = World::new(two());
    world.silent = true;
    let dump = world.dump();
    world.input(crate::io::Input::Dump(dump));
    world.reload(model(Vec::new()));
    world.reload(model(vec![instance(52, 100, &["192.0.2.110/24"])]));
    world.silent = false;
    world.settle();
    assert_eq!(world.lines(&["event Reloaded"]).len(), 1);
    assert_eq!(world.engine.model().instances.len(), 1);
    world.run(secs(4));
    assert_eq!(world.state(0), State::Master);
    world.check_quiescent();
}

#[test]
fn the_fifo_can_be_told_all_states_again() {
    let mut all = two();
    let fifo = model::global::Fifo { path: "/f".into(), owner: None, script: None };
    all.global.vrrp_notify_fifo = Some(fifo);
    all.global.fifo_write_states_on_reload = true;
    let mut world = World::masters(all.clone());
    world.reload(all);
    assert_eq!(
        world.lines(&["fifo"]),
        ["fifo Vrrp INSTANCE \"V51\" MASTER 100", "fifo Vrrp INSTANCE \"V52\" MASTER 100"]
    );
}

#[test]
fn many_reloads_flaps_and_failovers_leave_nothing_behind() {
    let mut world = World::started(two());
    let mut other = two();
    other.instances.remove(0);
    other.instances.push(instance(53, 100, &["192.0.2.101/24"]));
    other.trackers.push(script("/check", 1, 1));
    let mut sizes = Vec::new();
    for _ in 0..40 {
        world.run(secs(4));
        world.reload(other.clone());
        world.hear(52, 200, "192.0.2.9");
        let known = world.links.values().find(|l| l.name.as_str() == "eth0").map(|l| l.index.get()).unwrap();
        world.remove_link(known);
        world.next_index += 1;
        world.add_link(link(world.next_index, "eth0"), "192.0.2.1/24");
        world.run(secs(4));
        world.reload(two());
        world.runs.clear();
        world.trace.clear();
        sizes.push(format!("{:?}", world.engine).len());
    }
    // Only numbers grow, by a digit here and there.
    let (early, late) = (sizes[9], sizes[39]);
    assert!(late < early + early / 20, "{sizes:?}");
}
