//! The kernel's table follows the model, and nobody else's part of it is touched.

use base::Name;
use model::lvs::{
    Flush, Forwarding, GroupEntry, Nftables, Persistence, SchedulerFlags, SyncDaemon, SyncRole, Tunnel,
    TunnelChecksum, TunnelKind,
};

use super::build::{group, lvs, model, of_group, range, secs, server, service, to};
use super::world::{FIRST_TIMEOUTS, Ipvs, World, at, error, key};
use crate::lvs::io::{Input, Operation};
use crate::lvs::news::Event;
use crate::lvs::table::{
    Entry, MarkTable, ServerSettings, ServiceSettings, SyncHalf, SyncSettings, Timeouts,
};
use crate::tests::build::{ip, link_name, ms};

fn plain() -> ServiceSettings {
    ServiceSettings {
        scheduler: Some(model::lvs::Scheduler::RoundRobin),
        flags: SchedulerFlags::default(),
        one_packet: false,
        persistence: None,
    }
}

fn weight(weight: u32) -> ServerSettings {
    ServerSettings { weight, forwarding: Forwarding::Nat, upper_threshold: 0, lower_threshold: 0 }
}

#[test]
fn services_come_before_their_servers() {
    let mut world = World::new(lvs(vec![service("10.0.0.1", &["10.1.0.1", "10.1.0.2"])]));
    world.run(ms(100));
    assert_eq!(world.shown(), ["10.0.0.1:80 = 10.1.0.1:80*1 10.1.0.2:80*1"]);
    let operations = world.take_operations();
    assert!(matches!(operations.first(), Some(Operation::AddService(..))));
    assert_eq!(operations.len(), 3);
}

#[test]
fn a_restart_writes_nothing_and_leaves_others_alone() {
    let both = || lvs(vec![service("10.0.0.1", &["10.1.0.1", "10.1.0.2"])]);
    let mut first = World::new(both());
    first.run(ms(100));
    let mut ipvs = Ipvs { table: first.ipvs.table, ..Ipvs::default() };
    let foreign = Entry { settings: plain(), servers: [(at("10.9.0.1"), weight(3))].into() };
    ipvs.table.services.insert(key("10.9.9.9"), foreign);
    ipvs.table.services.get_mut(&key("10.0.0.1")).unwrap().servers.insert(at("10.9.0.2"), weight(5));
    let before = ipvs.table.clone();
    let mut world = World::of(model(both()), ipvs);
    world.run(secs(200));
    assert_eq!(world.take_operations(), []);
    assert_eq!(world.ipvs.table, before);
}

#[test]
fn a_table_that_somebody_empties_is_filled_again() {
    let mut world = World::new(lvs(vec![service("10.0.0.1", &["10.1.0.1"])]));
    world.run(secs(1));
    let before = world.ipvs.table.clone();
    world.ipvs.table.services.clear();
    world.take_events();
    world.run(secs(60));
    assert_eq!(world.ipvs.table, before);
    assert!(world.take_events().contains(&Event::Repaired { objects: 1 }));
}

#[test]
fn resync_says_how_often_the_table_is_looked_at_and_0_never() {
    let every = |seconds| {
        let mut all = (*model(lvs(vec![service("10.0.0.1", &["10.1.0.1"])]))).clone();
        all.global.resync = secs(seconds);
        std::sync::Arc::new(all)
    };
    let mut world = World::of(every(0), Ipvs::default());
    world.run(secs(1));
    let before = world.ipvs.table.clone();
    world.ipvs.table.services.clear();
    world.run(secs(3_600));
    assert!(world.ipvs.table.services.is_empty(), "nobody looks");
    // Another period counts from the last look, also if nothing else changed.
    world.input(Input::Reload(every(10)));
    world.run(secs(1));
    assert_eq!(world.ipvs.table, before);
    world.ipvs.table.services.clear();
    world.run(secs(8));
    assert!(world.ipvs.table.services.is_empty(), "too early");
    world.run(secs(3));
    assert_eq!(world.ipvs.table, before);
}

#[test]
fn a_change_to_one_server_is_one_write() {
    let one = || service("10.0.0.1", &["10.1.0.1", "10.1.0.2"]);
    let mut world = World::new(lvs(vec![one(), service("10.0.0.2", &["10.1.0.1"])]));
    world.run(ms(100));
    world.take_operations();
    let mut changed = one();
    changed.servers[1].weight = 7;
    world.reload(lvs(vec![changed, service("10.0.0.2", &["10.1.0.1"])]));
    let expected = Operation::EditServer(key("10.0.0.1"), at("10.1.0.2"), weight(7));
    assert_eq!(world.take_operations(), [expected]);
}

#[test]
fn new_servers_come_before_old_ones_go() {
    let mut world = World::new(lvs(vec![service("10.0.0.1", &["10.1.0.1", "10.1.0.2", "10.1.0.3"])]));
    world.run(ms(100));
    world.take_operations();
    let mut next = service("10.0.0.1", &["10.1.0.1", "10.1.0.8", "10.1.0.9"]);
    next.servers[0].weight = 9;
    world.reload(lvs(vec![next]));
    let comes = |o: &Operation| matches!(o, Operation::AddServer(..) | Operation::EditServer(..));
    let operations = world.take_operations();
    assert_eq!(operations.iter().map(comes).collect::<Vec<_>>(), [true, true, true, false, false]);
}

#[test]
fn the_last_server_stays_until_its_successor_is_there() {
    let mut world = World::new(lvs(vec![service("10.0.0.1", &["10.1.0.1"])]));
    world.run(ms(100));
    world.take_operations();
    world.ipvs.cursed.insert(ip("10.1.0.2"));
    world.reload(lvs(vec![service("10.0.0.1", &["10.1.0.2"])]));
    world.run(secs(2));
    assert_eq!(world.shown(), ["10.0.0.1:80 = 10.1.0.1:80*1"]);
    world.ipvs.cursed.clear();
    world.run(secs(31));
    assert_eq!(world.shown(), ["10.0.0.1:80 = 10.1.0.2:80*1"]);
}

#[test]
fn a_server_that_may_be_gone_does_not_count_when_another_one_is_to_go() {
    let mut world = World::new(lvs(vec![service("10.0.0.1", &["10.1.0.1", "10.1.0.2"])]));
    world.run(secs(5));
    world.no_gaps = true;
    // The removal is done, but its answer is lost.
    world.ipvs.lying = 1;
    world.dead.insert(ip("10.1.0.1"));
    world.run(secs(11));
    assert_eq!(world.shown(), ["10.0.0.1:80 = 10.1.0.2:80*1"]);
    let mut with = lvs(vec![service("10.0.0.1", &["10.1.0.1"])]);
    with.services[0].servers[0].checkers = super::build::checkers([]);
    world.reload(with);
    world.run(secs(2));
    assert_eq!(world.shown(), ["10.0.0.1:80 = 10.1.0.1:80*1"]);
}

#[test]
fn a_server_that_may_serve_again_is_not_silenced_before_another_one_serves() {
    let with = |first: u32, second: u32, threshold: u32| {
        let mut of = service("10.0.0.1", &["10.1.0.1", "10.1.0.2"]);
        (of.servers[0].weight, of.servers[1].weight) = (first, second);
        of.servers[0].upper_threshold = threshold;
        lvs(vec![of])
    };
    let mut world = World::new(with(0, 0, 0));
    world.run(ms(100));
    // It serves again, but the answer is lost, and the table was read too recently to be read again at once.
    world.ipvs.lying = 1;
    world.reload(with(1, 0, 0));
    assert_eq!(world.shown(), ["10.0.0.1:80 = 10.1.0.1:80*1 10.1.0.2:80*0"]);
    world.no_gaps = true;
    world.ipvs.cursed.insert(ip("10.1.0.2"));
    world.reload(with(0, 1, 9));
    world.run(secs(5));
    assert_eq!(world.shown(), ["10.0.0.1:80 = 10.1.0.1:80*1 10.1.0.2:80*0"]);
    world.ipvs.cursed.clear();
    world.run(secs(31));
    assert_eq!(world.shown(), ["10.0.0.1:80 = 10.1.0.1:80*0 10.1.0.2:80*1"]);
}

#[test]
fn a_server_that_may_have_been_added_is_not_silenced_before_another_one_serves() {
    let with = |first: u32, second: u32| {
        let mut of = service("10.0.0.1", &["10.1.0.1", "10.1.0.2"]);
        (of.servers[0].weight, of.servers[1].weight) = (first, second);
        lvs(vec![of])
    };
    let mut alone = service("10.0.0.1", &["10.1.0.2"]);
    alone.servers[0].weight = 0;
    let mut world = World::new(lvs(vec![alone]));
    world.run(ms(100));
    // It is added and serves, but the answer is lost, and the table was read too recently to be read again at once.
    world.ipvs.lying = 1;
    world.reload(with(1, 0));
    assert_eq!(world.shown(), ["10.0.0.1:80 = 10.1.0.1:80*1 10.1.0.2:80*0"]);
    world.no_gaps = true;
    world.ipvs.cursed.insert(ip("10.1.0.2"));
    world.reload(with(0, 1));
    world.run(secs(5));
    assert_eq!(world.shown(), ["10.0.0.1:80 = 10.1.0.1:80*1 10.1.0.2:80*0"]);
    world.ipvs.cursed.clear();
    world.run(secs(31));
    assert_eq!(world.shown(), ["10.0.0.1:80 = 10.1.0.1:80*0 10.1.0.2:80*1"]);
}

#[test]
fn a_failure_is_told_once_and_tried_again_ever_more_seldom() {
    let mut world = World::new(lvs(vec![service("10.0.0.1", &["10.1.0.1", "10.1.0.2"])]));
    world.ipvs.cursed.insert(ip("10.1.0.2"));
    world.run(secs(300));
    let told = world.take_events();
    let told = told.iter().filter(|e| matches!(e, Event::OperationFailed { retry: true, .. }));
    assert_eq!(told.count(), 1);
    let tries = world.take_operations();
    let tries =
        tries.iter().filter(|o| matches!(o, Operation::AddServer(_, s, _) if s.address == ip("10.1.0.2")));
    let tries = tries.count();
    assert!((10..25).contains(&tries), "{tries} tries");
    // What failed may have been done: the table is read after each, besides once a minute.
    assert!(world.dumps <= tries + 6, "{} dumps", world.dumps);
}

#[test]
fn without_ipvs_it_is_said_once_and_checks_go_on() {
    let mut world = World::new(lvs(vec![service("10.0.0.1", &["10.1.0.1"])]));
    world.ipvs.missing = true;
    world.run(secs(200));
    let told = world.take_events();
    assert_eq!(told.iter().filter(|e| matches!(e, Event::NoTable(e) if *e == error(92))).count(), 1);
    assert_eq!(world.take_operations(), []);
    assert_eq!(world.balancer.snapshot().available, Some(false));
    world.ipvs.missing = false;
    world.run(secs(60));
    assert_eq!(world.shown(), ["10.0.0.1:80 = 10.1.0.1:80*1"]);
    assert!(world.take_events().contains(&Event::TableBack));
}

#[test]
fn without_ipvs_the_end_comes_at_once() {
    let mut world = World::new(lvs(vec![service("10.0.0.1", &["10.1.0.1"])]));
    world.ipvs.missing = true;
    world.run(secs(1));
    world.input(Input::Stop { keep: false });
    assert!(world.stopped);
}

#[test]
fn what_the_old_model_had_goes_after_the_new_one_is_there() {
    let mut world = World::new(lvs(vec![service("10.0.0.1", &["10.1.0.1"])]));
    world.run(ms(100));
    world.take_operations();
    world.reload(lvs(vec![service("10.0.0.2", &["10.1.0.1"])]));
    assert_eq!(world.shown(), ["10.0.0.2:80 = 10.1.0.1:80*1"]);
    assert_eq!(world.take_operations().last(), Some(&Operation::DelService(key("10.0.0.1"))));
}

#[test]
fn a_service_that_comes_back_while_it_goes_is_there_in_the_end() {
    let both = || lvs(vec![service("10.0.0.1", &["10.1.0.1"]), service("10.0.0.2", &["10.1.0.1"])]);
    let mut world = World::new(both());
    world.run(ms(100));
    world.ipvs.failing = 1;
    world.reload(lvs(vec![service("10.0.0.2", &["10.1.0.1"])]));
    world.reload(both());
    world.run(secs(60));
    assert_eq!(world.shown(), ["10.0.0.1:80 = 10.1.0.1:80*1", "10.0.0.2:80 = 10.1.0.1:80*1"]);
}

#[test]
fn ranges_are_a_service_for_each_address_and_shared_entries_go_with_the_last() {
    let mut two = lvs(vec![of_group(0, &["10.1.0.1"]), of_group(1, &["10.1.0.2"])]);
    two.groups = vec![
        group("a", &[range("10.0.0.1", "10.0.0.3", 80)]),
        group("b", &[range("10.0.0.3", "10.0.0.3", 80), GroupEntry::Mark(9, None)]),
    ];
    let mut one = two.clone();
    one.services.truncate(1);
    let mut world = World::new(two);
    world.run(ms(100));
    assert_eq!(
        world.shown(),
        [
            "10.0.0.1:80 = 10.1.0.1:80*1",
            "10.0.0.2:80 = 10.1.0.1:80*1",
            "10.0.0.3:80 = 10.1.0.1:80*1 10.1.0.2:80*1",
            "9/V4 = 10.1.0.2:80*1",
        ]
    );
    world.reload(one);
    assert_eq!(
        world.shown(),
        ["10.0.0.1:80 = 10.1.0.1:80*1", "10.0.0.2:80 = 10.1.0.1:80*1", "10.0.0.3:80 = 10.1.0.1:80*1",]
    );
}

#[test]
fn ports_are_those_that_the_kernel_has() {
    let mut pool = service("10.0.0.1", &["10.1.0.1", "10.1.0.2", "10.1.0.3", "fd00::1", "fd00::2"]);
    pool.servers[0].port = 8080;
    pool.servers[1].port = 0;
    pool.servers[2].port = 8080;
    pool.servers[2].forwarding = Forwarding::Direct;
    pool.servers[4].forwarding =
        Forwarding::Tunnel(Tunnel { kind: TunnelKind::Ipip, checksum: TunnelChecksum::None });
    let mut mark = to(model::lvs::Destination::Mark(5), &["10.1.0.1", "10.1.0.3"]);
    mark.servers[1].forwarding = Forwarding::Direct;
    let mut world = World::new(lvs(vec![pool, mark]));
    world.run(ms(100));
    assert_eq!(
        world.shown(),
        [
            "10.0.0.1:80 = 10.1.0.1:8080*1 10.1.0.2:80*1 10.1.0.3:80*1 fd00::2:80*1",
            "5/V4 = 10.1.0.1:80*1 10.1.0.3:0*1",
        ]
    );
}

#[test]
fn a_group_has_a_mark_of_its_own_with_nftables_and_keeps_it() {
    let mut two = lvs(vec![of_group(0, &["10.1.0.1"]), of_group(1, &["10.1.0.2"])]);
    two.settings.nftables = Some(Nftables { table: Name::from("t"), priority: -1, first_mark: 1000 });
    two.groups = vec![
        group("a", &[range("10.0.0.1", "10.0.0.30", 80)]),
        group("b", &[range("10.0.1.1", "10.0.1.1", 0), range("fd00::1", "fd00::9", 80)]),
    ];
    let mut second = two.clone();
    let mut world = World::new(two);
    world.run(ms(100));
    assert_eq!(world.shown(), ["1000/V4 = 10.1.0.1:80*1", "1001/V4 = 10.1.0.2:80*1", "1001/V6 = "]);
    let marks = world.ipvs.marks.clone().unwrap();
    assert_eq!(
        marks.marks.iter().map(|m| (m.mark, m.port)).collect::<Vec<_>>(),
        [(1000, 80), (1001, 0), (1001, 80)]
    );
    second.groups.remove(0);
    second.services = vec![of_group(0, &["10.1.0.2"])];
    world.take_operations();
    world.reload(second);
    assert_eq!(world.shown(), ["1001/V4 = 10.1.0.2:80*1", "1001/V6 = "]);
    let operations = world.take_operations();
    assert!(
        matches!(operations.as_slice(), [Operation::SetMarks(_), Operation::DelService(_)]),
        "{operations:?}"
    );
    world.input(Input::Stop { keep: false });
    assert!(world.stopped && world.ipvs.marks.is_none());
}

#[test]
fn a_table_of_marks_that_somebody_changes_is_put_back() {
    let mut with = lvs(vec![of_group(0, &["10.1.0.1"])]);
    with.settings.nftables = Some(Nftables { table: Name::from("t"), priority: -1, first_mark: 1000 });
    with.groups = vec![group("a", &[range("10.0.0.1", "10.0.0.30", 80)])];
    let mut world = World::new(with.clone());
    world.run(ms(100));
    let marks = world.ipvs.marks.clone().unwrap();
    // As it is left, there is nothing to do.
    world.take_operations();
    world.run(secs(120));
    assert_eq!(world.take_operations(), []);
    for changed in [None, Some(MarkTable { marks: Vec::new(), ..marks.clone() })] {
        world.ipvs.marks = changed;
        world.take_events();
        world.run(secs(61));
        assert_eq!(world.take_operations(), [Operation::SetMarks(marks.clone())]);
        assert!(world.take_events().contains(&Event::Repaired { objects: 1 }));
    }
    // What an earlier life left is taken over.
    let mut world = World::of(model(with), Ipvs { marks: Some(marks), ..Ipvs::default() });
    world.run(ms(100));
    assert!(!world.take_operations().iter().any(|o| matches!(o, Operation::SetMarks(_))));
}

#[test]
fn timeouts_are_set_and_restored() {
    let mut with = lvs(vec![service("10.0.0.1", &["10.1.0.1"])]);
    with.settings.timeouts.udp = Some(secs(10));
    let mut world = World::new(with);
    world.run(ms(100));
    assert_eq!(world.ipvs.table.timeouts.unwrap().udp, secs(10));
    assert_eq!(world.ipvs.table.timeouts.unwrap().tcp, FIRST_TIMEOUTS.tcp);
    world.input(Input::Stop { keep: false });
    assert_eq!(world.ipvs.table.timeouts, Some(FIRST_TIMEOUTS));
}

/// Both halves, whatever happens.
fn sync_daemon(id: u8) -> SyncDaemon {
    let (link, role) = (link_name("eth0"), SyncRole::Both);
    SyncDaemon { link, role, id, max_len: None, port: None, ttl: None, group: None }
}

fn halves(world: &World) -> Vec<SyncHalf> {
    world.ipvs.sync.keys().copied().collect()
}

#[test]
fn both_halves_of_the_sync_daemon_run_until_the_end() {
    let mut with = lvs(vec![service("10.0.0.1", &["10.1.0.1"])]);
    with.settings.sync_daemon = Some(sync_daemon(4));
    let mut other = with.clone();
    other.settings.sync_daemon.as_mut().unwrap().id = 5;
    let mut world = World::new(with);
    world.run(ms(100));
    assert_eq!(halves(&world), [SyncHalf::Master, SyncHalf::Backup]);
    world.take_operations();
    world.reload(other);
    assert_eq!(world.take_operations().len(), 4);
    assert_eq!(halves(&world), [SyncHalf::Master, SyncHalf::Backup]);
    world.input(Input::Stop { keep: false });
    assert!(world.ipvs.sync.is_empty());
}

#[test]
fn a_sync_daemon_whose_start_seems_to_have_failed_is_stopped_when_it_is_not_wanted_any_more() {
    let without = lvs(vec![service("10.0.0.1", &["10.1.0.1"])]);
    let mut with = without.clone();
    with.settings.sync_daemon = Some(sync_daemon(4));
    let mut world = World::new(without.clone());
    world.run(ms(100));
    world.ipvs.lying = 2;
    world.reload(with.clone());
    assert_eq!(halves(&world), [SyncHalf::Master, SyncHalf::Backup]);
    world.reload(without.clone());
    assert!(world.ipvs.sync.is_empty());
    // Nor is a stop whose answer was lost taken for not done.
    world.reload(with.clone());
    world.ipvs.lying = 2;
    world.reload(without);
    world.reload(with);
    world.run(secs(1));
    assert_eq!(halves(&world), [SyncHalf::Master, SyncHalf::Backup]);
}

#[test]
fn a_sync_daemon_that_somebody_stops_or_changes_is_put_back() {
    let mut with = lvs(vec![service("10.0.0.1", &["10.1.0.1"])]);
    with.settings.sync_daemon = Some(sync_daemon(4));
    let mut world = World::new(with.clone());
    world.run(ms(100));
    let ours = world.ipvs.sync.clone();
    // The kernel tells what it chose, too; as it is left, there is nothing to do.
    for settings in world.ipvs.sync.values_mut() {
        let (max_len, port, ttl, group) = (Some(1472), Some(8848), Some(1), Some(ip("224.0.0.81")));
        *settings = SyncSettings { max_len, port, ttl, group, ..settings.clone() };
    }
    let told = world.ipvs.sync.clone();
    world.take_operations();
    world.run(secs(120));
    assert_eq!(world.take_operations(), []);
    world.ipvs.sync.remove(&SyncHalf::Master);
    world.take_events();
    world.run(secs(61));
    assert_eq!(world.take_operations().len(), 1);
    assert!(world.take_events().contains(&Event::Repaired { objects: 1 }));
    let other = |change: fn(&mut SyncSettings)| {
        let mut settings = told[&SyncHalf::Backup].clone();
        change(&mut settings);
        settings
    };
    let changes: [fn(&mut SyncSettings); 5] = [
        |s| s.id = 9,
        |s| s.link = link_name("eth1"),
        |s| s.port = Some(8849),
        |s| s.ttl = Some(2),
        |s| s.group = Some(ip("224.0.0.82")),
    ];
    for change in changes {
        world.ipvs.sync.insert(SyncHalf::Backup, other(change));
        world.run(secs(61));
        assert_eq!(world.ipvs.sync, ours);
        assert!(world.take_events().contains(&Event::Repaired { objects: 1 }));
    }
    // What an earlier life left is taken over; what somebody else runs stays if none is configured.
    let left = Ipvs { sync: told.clone(), ..Ipvs::default() };
    world = World::of(model(with.clone()), left);
    world.run(ms(100));
    assert!(!world.take_operations().iter().any(|o| matches!(o, Operation::StartSync(..))));
    with.settings.sync_daemon = None;
    world = World::of(model(with), Ipvs { sync: told.clone(), ..Ipvs::default() });
    world.run(secs(120));
    world.input(Input::Stop { keep: false });
    assert_eq!(world.ipvs.sync, told);
}

#[test]
fn a_message_that_is_too_small_or_too_large_for_the_kernel_is_what_it_makes_of_it() {
    let settings = |max_len, group: &str| SyncSettings {
        link: link_name("eth0"),
        id: 0,
        max_len,
        port: None,
        ttl: None,
        group: Some(ip(group)),
    };
    let cases = [
        (SyncHalf::Master, 500, 500, "224.0.0.81", true),
        (SyncHalf::Backup, 500, 1024, "224.0.0.81", true),
        (SyncHalf::Backup, 500, 500, "224.0.0.81", false),
        (SyncHalf::Backup, 65_507, 65_507, "224.0.0.81", true),
        (SyncHalf::Backup, 65_507, 65_487, "ff02::81", true),
        (SyncHalf::Master, 1400, 1472, "224.0.0.81", false),
    ];
    for (half, asked, has, group, met) in cases {
        let wanted = settings(Some(asked), group);
        assert_eq!(wanted.are_met_by(half, &settings(Some(has), group)), met, "{half:?} {asked} {has}");
        // Linux before 4.3 tells nothing but interface and id.
        let silent = SyncSettings { group: None, ..settings(None, group) };
        assert!(wanted.are_met_by(half, &silent));
    }
}

#[test]
fn timeouts_that_somebody_sets_are_put_back_as_far_as_they_are_configured() {
    let mut with = lvs(vec![service("10.0.0.1", &["10.1.0.1"])]);
    let without = with.clone();
    with.settings.timeouts.udp = Some(secs(10));
    let mut world = World::new(with);
    world.run(ms(100));
    world.take_operations();
    world.take_events();
    let foreign = Timeouts { tcp: secs(11), tcp_fin: secs(12), udp: secs(13) };
    world.ipvs.table.timeouts = Some(foreign);
    world.run(secs(61));
    assert_eq!(world.ipvs.table.timeouts, Some(Timeouts { udp: secs(10), ..foreign }));
    assert!(world.take_events().contains(&Event::Repaired { objects: 1 }));
    // What isn't configured any more is as it was before us.
    world.reload(without);
    assert_eq!(world.ipvs.table.timeouts, Some(Timeouts { udp: FIRST_TIMEOUTS.udp, ..foreign }));
    // And from then on it is somebody else's again.
    world.ipvs.table.timeouts = Some(foreign);
    world.take_operations();
    world.run(secs(61));
    world.input(Input::Stop { keep: false });
    assert_eq!(world.ipvs.table.timeouts, Some(foreign));
    assert!(!world.take_operations().iter().any(|o| matches!(o, Operation::SetTimeouts(_))));
}

#[test]
fn the_end_takes_what_is_ours_and_nothing_else() {
    for (flush, expected) in [(Flush::Each, 4), (Flush::Services, 2), (Flush::All, 1)] {
        let mut with = lvs(vec![service("10.0.0.1", &["10.1.0.1"]), service("10.0.0.2", &["10.1.0.1"])]);
        with.settings.flush_on_stop = flush;
        let mut world = World::new(with);
        world.ipvs.table.services.insert(key("10.9.9.9"), Entry { settings: plain(), servers: [].into() });
        world.run(ms(100));
        world.take_operations();
        world.input(Input::Stop { keep: false });
        assert!(world.stopped);
        assert_eq!(world.take_operations().len(), expected, "{flush:?}");
        let left = if flush == Flush::All { vec![] } else { vec!["10.9.9.9:80 = ".to_owned()] };
        assert_eq!(world.shown(), left);
    }
}

#[test]
fn the_end_comes_although_the_kernel_refuses() {
    let mut world =
        World::new(lvs(vec![service("10.0.0.1", &["10.1.0.1"]), service("10.0.0.2", &["10.1.0.1"])]));
    world.run(ms(100));
    world.ipvs.failing = usize::MAX;
    world.take_events();
    world.input(Input::Stop { keep: false });
    assert!(world.stopped);
    let told = world.take_events();
    assert_eq!(told.iter().filter(|e| matches!(e, Event::OperationFailed { retry: false, .. })).count(), 1);
}

#[test]
fn an_end_before_the_table_was_read_comes_with_its_answer() {
    let mut with = lvs(vec![service("10.0.0.1", &["10.1.0.1"])]);
    with.settings.timeouts.udp = Some(secs(10));
    let mut world = World::new(with);
    world.slow = true;
    world.run(ms(1));
    assert_eq!(world.dumps, 1);
    world.input(Input::Stop { keep: false });
    assert!(!world.stopped);
    world.slow = false;
    world.settle();
    assert!(world.stopped);
    assert_eq!(world.ipvs.table.timeouts, Some(FIRST_TIMEOUTS));
}

#[test]
fn the_table_may_be_kept() {
    let mut world = World::new(lvs(vec![service("10.0.0.1", &["10.1.0.1"])]));
    world.run(ms(100));
    world.take_operations();
    world.input(Input::Stop { keep: true });
    assert!(world.stopped);
    assert_eq!(world.take_operations(), []);
}

#[test]
fn a_table_that_is_kept_has_its_timeouts_and_no_sync_daemon() {
    let mut with = lvs(vec![of_group(0, &["10.1.0.1"])]);
    with.settings.nftables = Some(Nftables { table: Name::from("t"), priority: -1, first_mark: 1000 });
    with.groups = vec![group("a", &[range("10.0.0.1", "10.0.0.30", 80)])];
    with.settings.timeouts.udp = Some(secs(10));
    with.settings.flush_on_stop = Flush::All;
    with.settings.sync_daemon = Some(sync_daemon(7));
    let mut world = World::new(with);
    world.run(ms(100));
    let shown = world.shown();
    world.take_operations();
    world.input(Input::Stop { keep: true });
    assert!(world.stopped && world.ipvs.marks.is_some());
    assert_eq!(world.shown(), shown);
    assert_eq!(world.ipvs.table.timeouts, Some(FIRST_TIMEOUTS));
    let operations = world.take_operations();
    let kind = |o: &Operation| matches!(o, Operation::SetTimeouts(_) | Operation::StopSync(..));
    assert!(operations.len() == 3 && operations.iter().all(kind), "{operations:?}");
}

#[test]
fn lvs_flush_empties_the_table_first() {
    let mut with = lvs(vec![service("10.0.0.1", &["10.1.0.1"])]);
    with.settings.flush = true;
    let mut ipvs = Ipvs::default();
    ipvs.table.services.insert(key("10.9.9.9"), Entry { settings: plain(), servers: [].into() });
    let mut world = World::of(model(with.clone()), ipvs);
    world.run(ms(100));
    assert_eq!(world.shown(), ["10.0.0.1:80 = 10.1.0.1:80*1"]);
    assert_eq!(world.take_operations().first(), Some(&Operation::Flush));
    with.services.push(service("10.0.0.2", &["10.1.0.1"]));
    world.reload(with);
    assert!(!world.take_operations().contains(&Operation::Flush));
}

#[test]
fn a_granularity_fits_the_family_of_each_service_of_a_group() {
    let mut with = lvs(vec![of_group(0, &["10.1.0.1"])]);
    with.groups = vec![group("a", &[range("10.0.0.1", "10.0.0.1", 80), range("fd00::1", "fd00::1", 80)])];
    with.services[0].service.persistence =
        Some(Persistence { timeout: secs(50), granularity: 0xffff_ff00, engine: None });
    let mut world = World::new(with);
    world.run(ms(100));
    let all: Vec<u32> = world
        .ipvs
        .table
        .services
        .values()
        .map(|entry| entry.settings.persistence.as_ref().unwrap().granularity)
        .collect();
    assert_eq!(all, [0xffff_ff00, 24]);
}

#[test]
fn ten_thousand_servers_are_loaded_and_one_change_costs_one_write() {
    let many = |weight: u32| {
        let mut services: Vec<_> = (0..2_500_u32)
            .map(|n| {
                let servers: Vec<String> = (1..5).map(|s| format!("10.1.{}.{s}", n % 250)).collect();
                let servers: Vec<&str> = servers.iter().map(String::as_str).collect();
                service(&format!("10.{}.{}.1", 10 + n / 250, n % 250), &servers)
            })
            .collect();
        services[1_200].servers[2] = server("10.1.200.3");
        services[1_200].servers[2].weight = weight;
        lvs(services)
    };
    let mut world = World::new(many(1));
    world.run(ms(500));
    assert_eq!(world.take_operations().len(), 12_500);
    world.reload(many(9));
    assert_eq!(world.take_operations().len(), 1);
    world.run(secs(60));
    assert_eq!(world.take_operations(), []);
}
