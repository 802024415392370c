//! A new configuration.

use alloc::vec;
use alloc::vec::Vec;
use base::{Duration, Priority};

use crate::config::{Auth, InstanceId};
use crate::io::{Cause, Event, State};
use crate::testing::*;

#[test]
fn the_same_configuration_changes_nothing() {
    let mut world = World::new(ms(1), [single(150, |_| {}), single(100, |_| {})]);
    world.run(ms(5_300));
    let before: Vec<_> =
        (0..2).map(|node| (world.snapshot(node), base::Machine::poll_timeout(world.core(node)))).collect();
    world.take();
    world.reload(0, single(150, |_| {}), vec![Some(A)]);
    world.reload(1, single(100, |_| {}), vec![Some(A)]);
    assert!(world.take().is_empty());
    let after: Vec<_> =
        (0..2).map(|node| (world.snapshot(node), base::Machine::poll_timeout(world.core(node)))).collect();
    assert_eq!(after, before);
}

#[test]
fn a_master_stays_master_and_says_its_new_priority_at_once() {
    let ah = |i: &mut crate::config::Instance| {
        i.version = wire::vrrp::Version::V2;
        i.auth = Auth::Ah(secret("secret"));
    };
    let mut world = World::new(ms(1), [single(150, ah)]);
    world.run(ms(5_000));
    let counters = world.core(0).counters(A).unwrap();
    world.take();
    let mut renamed = single(120, ah);
    renamed.instances[0].name = "other".into();
    world.reload(0, renamed, vec![Some(A)]);
    let said = world.take();
    let changed = Event::Priority { instance: A, from: Priority(150), to: Priority(120) };
    assert!(matches!(&said[0].2, Said::Event(event) if *event == changed), "{said:?}");
    assert!(matches!(said[1].2, Said::Advert { priority: 120, sequence: Some(3), ip_id: 3, .. }), "{said:?}");
    assert_eq!(said.len(), 2);
    assert_eq!(world.core(0).counters(A).unwrap().advert_sent, counters.advert_sent + 1);
}

#[test]
fn a_vanished_master_says_priority_0_and_is_told_by_its_old_id() {
    let mut config = group(&[150, 150]);
    config.groups.clear();
    config.instances.iter_mut().for_each(|instance| instance.group = None);
    let mut world = World::new(ms(1), [config.clone()]);
    world.run(ms(5_000));
    world.take();
    config.instances.remove(0);
    world.reload(0, config, vec![Some(B)]);
    let said = world.take();
    assert!(matches!(said[0].2, Said::Advert { priority: 0, vrid: 1, .. }), "{said:?}");
    let deleted =
        Event::State { instance: A, from: State::Master, to: State::Deleted, cause: Cause::Deleted };
    assert!(matches!(&said[2].2, Said::Event(event) if *event == deleted), "{said:?}");
    assert_eq!(said.len(), 3);
    // The one that stays goes on under its new id.
    world.run(SECOND);
    assert!(world.take().iter().all(|(_, _, said)| matches!(said, Said::Advert { vrid: 2, .. })));
    assert_eq!(world.snapshot(0).state, State::Master);
}

#[test]
fn a_new_instance_joins_the_running_group() {
    for (running, expected) in [(ms(5_000), State::Master), (ms(1_000), State::Backup)] {
        let mut world = World::new(ms(1), [group(&[150])]);
        world.run(running);
        world.reload(0, group(&[150, 150]), vec![Some(A), None]);
        assert_eq!(world.core(0).snapshot(B).unwrap().state, State::Init);
        world.input(0, crate::io::Input::Source { instance: B, address: Some(address(0)) });
        let states: Vec<_> = [A, B].map(|id| world.core(0).snapshot(id).unwrap().state).into();
        assert_eq!(states, [expected, expected]);
    }
}

#[test]
fn masters_and_backups_that_become_one_group_are_all_backups() {
    let mut config = group(&[150, 150]);
    config.groups.clear();
    config.instances.iter_mut().for_each(|instance| instance.group = None);
    let mut world = World::new(ms(1), [config]);
    world.run(ms(5_000));
    world.fault(0, B, true);
    world.fault(0, B, false);
    world.reload(0, group(&[150, 150]), vec![Some(A), Some(B)]);
    let states: Vec<_> = [A, B].map(|id| world.core(0).snapshot(id).unwrap().state).into();
    assert_eq!(states, [State::Backup, State::Backup]);
    assert_eq!(world.core(0).group_state(GROUP), Some(State::Backup));
}

#[test]
fn the_timer_of_a_backup_keeps_its_start() {
    let mut world = World::new(ms(1), [single(100, |_| {})]);
    world.run(ms(2_000));
    world.reload(0, single(200, |i| i.advert_interval = ms(2_000)), vec![Some(A)]);
    // 6 s and the skew time of the new configuration, from the start of the old one.
    world.run(Duration::from_nanos(4_000_000_000 + 437_500_000 - 1));
    assert_eq!(world.states(), [State::Backup]);
    world.run(Duration::from_nanos(1));
    assert_eq!(world.states(), [State::Master]);
}

#[test]
fn a_backup_with_a_shorter_interval_of_its_own_still_waits_for_the_master_that_it_heard() {
    let mut world = World::new(ms(1), [single(150, |_| {}), single(100, |_| {})]);
    world.run(ms(5_000));
    world.reload(1, single(100, |i| i.advert_interval = ms(100)), vec![Some(A)]);
    assert_eq!(world.snapshot(1).master_interval, SECOND);
    world.run(ms(5_000));
    assert_eq!(world.states(), [State::Master, State::Backup]);
    assert!(world.adverts().iter().all(|(_, node, _)| *node == 0));
}

#[test]
fn after_a_reload_that_took_its_time_a_backup_hears_what_waits_before_it_claims() {
    let fast = |priority| single(priority, |i| i.advert_interval = ms(10));
    let mut world = World::new(Duration::ZERO, [fast(150), fast(100)]);
    world.run(ms(1_000));
    // The timer of the backup is due, by less than an interval, and adverts of its master wait.
    world.freeze(1);
    world.run(ms(38));
    world.reload(1, fast(110), vec![Some(A)]);
    world.unfreeze(1);
    world.run(ms(100));
    assert_eq!(world.states(), [State::Master, State::Backup]);
    assert_eq!(world.core(1).counters(A).unwrap().become_master, 0);
}

#[test]
fn a_new_script_does_not_take_a_running_master_down_before_it_fails() {
    let mut world = World::new(ms(1), [single(100, |_| {})]);
    world.run(ms(5_000));
    let config = with_script(single(100, |_| {}), 0);
    let reload = crate::io::Reload { config, instances: vec![Some(InstanceId(0))], trackers: vec![None] };
    world.input(0, crate::io::Input::Reload(alloc::boxed::Box::new(reload)));
    assert_eq!(world.states(), [State::Master]);
    world.script(0, false);
    assert_eq!(world.states(), [State::Fault]);
}
