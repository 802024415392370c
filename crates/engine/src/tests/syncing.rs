//! The half of the kernel's sync daemon that follows an instance.

use model::lvs::{SyncDaemon, SyncRole};

use super::build::*;
use super::world::*;
use crate::io::Input;
use crate::lvs::table::{SyncHalf, SyncSettings};
use model::InstanceId;

fn settings(link: &str) -> SyncSettings {
    SyncSettings { link: link_name(link), id: 51, max_len: None, port: None, ttl: None, group: None }
}

fn following(role: SyncRole, link: &str) -> model::Model {
    let mut all = model(vec![instance(51, 100, &["192.0.2.100/24"])]);
    let SyncSettings { link, id, max_len, port, ttl, group } = settings(link);
    all.lvs.settings.sync_daemon = Some(SyncDaemon { link, role, id, max_len, port, ttl, group });
    all
}

fn one() -> model::Model {
    following(SyncRole::Follows(InstanceId::from_index(0)), "eth1")
}

/// What runs in the end.
fn runs(world: &World) -> Vec<(SyncHalf, &str)> {
    world.sync.iter().map(|(half, settings)| (*half, settings.link.as_str())).collect()
}

#[test]
fn the_half_follows_the_instance_after_all_else() {
    let mut world = World::new(one());
    // Left over from an earlier life.
    world.sync.insert(SyncHalf::Master, settings("eth0"));
    world.boot();
    // A backup half may be left over, too.
    let lines = ["stop Master eth1 51", "stop Backup eth1 51", "start Backup eth1 51"];
    assert_eq!(world.lines(&["start", "stop"]), lines);
    assert_eq!(runs(&world), [(SyncHalf::Backup, "eth1")]);
    world.trace.clear();
    world.run_until("start Master", secs(10));
    assert_eq!(
        world.lines(&["send", "add", "frame", "start", "stop"]),
        [
            "send 51 priority 100",
            "add 192.0.2.100/24 eth0",
            "frame eth0 arp 192.0.2.100",
            "frame eth0 arp 192.0.2.100",
            "frame eth0 arp 192.0.2.100",
            "frame eth0 arp 192.0.2.100",
            "frame eth0 arp 192.0.2.100",
            "stop Backup eth1 51",
            "start Master eth1 51",
        ]
    );
    assert_eq!(runs(&world), [(SyncHalf::Master, "eth1")]);
    world.trace.clear();
    world.hear(51, 200, "192.0.2.9");
    assert_eq!(world.lines(&["start", "stop"]), ["stop Master eth1 51", "start Backup eth1 51"]);
    assert_eq!(runs(&world), [(SyncHalf::Backup, "eth1")]);
}

#[test]
fn it_ends_with_the_daemon_unless_that_leaves_all_behind() {
    for (keep, left) in [(false, 0), (true, 1)] {
        let mut world = World::masters(one());
        world.input(Input::Stop { keep });
        assert!(world.stopped);
        assert_eq!(world.lines(&["start"]).len(), 0);
        assert_eq!(runs(&world).len(), left);
    }
}

#[test]
fn a_reload_touches_it_only_if_its_settings_change() {
    let mut world = World::masters(one());
    let mut all = one();
    all.instances.insert(0, instance(52, 100, &["192.0.2.110/24"]));
    all.lvs.settings.sync_daemon.as_mut().unwrap().role = SyncRole::Follows(InstanceId::from_index(1));
    world.reload(all);
    world.run(secs(5));
    assert!(world.lines(&["start", "stop"]).is_empty());
    world.reload(following(SyncRole::Follows(InstanceId::from_index(0)), "eth0"));
    assert_eq!(world.lines(&["start", "stop"]), ["stop Master eth1 51", "start Master eth0 51"]);
    world.trace.clear();
    // That of the checkers is none of ours.
    world.reload(following(SyncRole::Both, "eth0"));
    assert_eq!(world.lines(&["start", "stop"]), ["stop Master eth0 51"]);
    assert!(runs(&world).is_empty());
}

#[test]
fn a_half_that_fails_is_tried_again_ever_more_slowly_and_does_not_hinder_the_other() {
    let mut world = World::started(one());
    world.failures.push(("stop Backup".into(), 12, 3));
    world.failures.push(("start Master".into(), 93, 2));
    world.trace.clear();
    world.run_until("Master", secs(10));
    let from = world.now;
    world.run(secs(5));
    let ms = |n: u64| n * 1_000_000;
    assert_eq!(world.times("stop Backup", from), [0, ms(100), ms(300), ms(700)]);
    assert_eq!(world.times("start Master", from), [0, ms(100), ms(300)]);
    // The first failure of each is told.
    assert_eq!(world.lines(&["event OperationFailed"]).len(), 2);
    assert_eq!(runs(&world), [(SyncHalf::Master, "eth1")]);
    // What can't be stopped at the end holds nobody up for long.
    world.failures.push(("stop Master".into(), 12, 100));
    world.input(Input::Stop { keep: false });
    assert!(!world.stopped);
    world.run(secs(2));
    assert!(world.stopped);
}

#[test]
fn a_start_that_is_overtaken_by_a_change_of_state_ends_right() {
    let mut world = World::started(one());
    world.silent = true;
    world.run_until("Master", secs(10));
    world.hear(51, 200, "192.0.2.9");
    world.silent = false;
    world.settle();
    assert_eq!(runs(&world), [(SyncHalf::Backup, "eth1")]);
    world.check_quiescent();
}

#[test]
fn what_somebody_else_stops_changes_or_starts_is_put_right_within_a_period() {
    let mut all = one();
    all.global.resync = secs(60);
    let mut world = World::masters(all);
    let ours = world.sync.clone();
    // The kernel tells its own choice for what wasn't asked for.
    let told = SyncSettings {
        max_len: Some(1472),
        port: Some(8848),
        ttl: Some(1),
        group: Some("224.0.0.81".parse().unwrap()),
        ..settings("eth1")
    };
    world.sync.insert(SyncHalf::Master, told.clone());
    world.run(secs(200));
    assert!(world.lines(&["start", "stop", "event Sync"]).is_empty());
    assert_eq!(world.lines(&["read sync"]).len(), 3);
    let stranger = SyncSettings { id: 9, ..told };
    let faults: [(SyncHalf, Option<SyncSettings>, &[&str]); 3] = [
        (SyncHalf::Master, None, &["start Master eth1 51"]),
        (SyncHalf::Master, Some(stranger.clone()), &["stop Master eth1 9", "start Master eth1 51"]),
        (SyncHalf::Backup, Some(stranger), &["stop Backup eth1 9"]),
    ];
    for (half, runs, expected) in faults {
        world.sync.remove(&half);
        world.sync.extend(runs.map(|settings| (half, settings)));
        world.trace.clear();
        world.run(secs(61));
        assert_eq!(world.lines(&["start", "stop"]), expected);
        assert_eq!(world.lines(&["event SyncRepaired"]).len(), 1);
        assert_eq!(world.sync, ours);
    }
}

#[test]
fn what_runs_is_neither_read_nor_touched_if_none_is_configured() {
    let mut all = model(vec![instance(51, 100, &["192.0.2.100/24"])]);
    all.global.resync = secs(60);
    let mut world = World::masters(all);
    world.sync.insert(SyncHalf::Master, settings("eth1"));
    world.run(secs(200));
    world.input(Input::Stop { keep: false });
    assert!(world.lines(&["read sync", "start", "stop "]).is_empty());
    assert_eq!(runs(&world), [(SyncHalf::Master, "eth1")]);
}

#[test]
fn it_is_started_again_when_its_interface_is_another_one_of_the_same_name() {
    let mut world = World::masters(one());
    world.remove_link(3);
    world.run(secs(1));
    assert!(world.lines(&["start", "stop"]).is_empty());
    world.add_link(link(9, "eth1"), "198.51.100.1/24");
    world.run(secs(1));
    assert_eq!(world.lines(&["start", "stop"]), ["stop Master eth1 51", "start Master eth1 51"]);
}
