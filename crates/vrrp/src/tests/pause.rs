//! A process that was not scheduled for a while.

use alloc::vec::Vec;
use alloc::{format, vec};

use crate::config::{Config, Preempt};
use crate::io::{Cause, State};
use crate::testing::*;
use base::Duration;

#[test]
fn a_paused_master_makes_room_even_when_it_preempts_nobody_hears_from_it_first() {
    for preempt in [Preempt::Never, Preempt::After(Duration::ZERO)] {
        let mut world = World::new(ms(1), [single(150, |i| i.preempt = preempt), single(100, |_| {})]);
        world.run(ms(5_000));
        world.freeze(0);
        world.run(ms(6_300));
        assert_eq!(world.states(), [State::Master, State::Master]);
        world.take();
        world.thaw(0);
        assert!(matches!(
            world.transitions(0)[..],
            [(A, State::Master, State::Backup, Cause::Paused { .. })]
        ));
        world.run(ms(60));
        assert!(world.adverts().iter().all(|(_, node, _)| *node == 1), "the other one was answered");
        assert_eq!(world.states(), [State::Backup, State::Master]);
        world.run(ms(20_000));
        let expected = match preempt {
            Preempt::Never => [State::Backup, State::Master],
            Preempt::After(_) => [State::Master, State::Backup],
        };
        assert_eq!(world.states(), expected);
    }
}

#[test]
fn a_paused_master_alone_claims_again_after_an_interval_and_the_skew_time() {
    let mut world = World::new(ms(1), [single(150, |_| {})]);
    world.run(ms(5_000));
    world.freeze(0);
    world.run(ms(60_000));
    world.take();
    world.thaw(0);
    let resumed = world.now;
    world.run(ms(5_000));
    assert_eq!(world.adverts()[0].0.since(resumed), SECOND + Duration::from_nanos(414_062_500));
}

#[test]
fn a_master_that_is_late_by_less_than_any_backup_waits_goes_on() {
    let mut world = World::new(ms(1), [single(150, |_| {})]);
    world.run(ms(5_000));
    let last = world.adverts().last().unwrap().0;
    world.freeze(0);
    // No backup has taken over 3 s and 1/256 s after the last advert.
    let limit = ms(3_000) + Duration::from_nanos(3_906_250);
    world.run((last + limit).since(world.now));
    world.thaw(0);
    assert_eq!(world.states(), [State::Master]);
    assert_eq!(world.adverts().len(), 1, "one advert, not one for each that was missed");
}

#[test]
fn a_master_that_is_late_by_as_much_as_the_best_backup_waits_listens_first() {
    let mut world = World::new(ms(1), [single(150, |_| {})]);
    world.run(ms(5_000));
    let last = world.adverts().last().unwrap().0;
    world.freeze(0);
    let limit = ms(3_000) + Duration::from_nanos(3_906_251);
    world.run((last + limit).since(world.now));
    world.thaw(0);
    assert_eq!(world.states(), [State::Backup]);
}

#[test]
fn masters_that_share_an_instant_part_so_that_no_burst_is_long() {
    let many = |n: u8| instance(&format!("r{n}"), n, 150);
    let config = Config { instances: (1..=200).map(many).collect(), ..Config::default() };
    let mut world = World::new(ms(1), [config]);
    world.run(ms(10_000));
    world.take();
    world.run(ms(60_000));
    let adverts = world.adverts();
    let mut instants: Vec<_> = adverts.iter().map(|(at, ..)| *at).collect();
    instants.dedup();
    for at in instants {
        assert!(adverts.iter().filter(|(when, ..)| *when == at).count() <= 32);
    }
    // From then on each keeps its interval.
    assert!((200 * 59..=200 * 61).contains(&adverts.len()), "{}", adverts.len());
}

#[test]
fn a_late_datagram_finds_a_paused_master_on_its_way_down() {
    let mut world = World::new(ms(1), [single(150, |_| {}), single(100, |_| {})]);
    world.run(ms(5_000));
    world.freeze(0);
    world.run(ms(6_300));
    world.take();
    // The socket is read before the timers run.
    world.unfreeze(0);
    world.run(ms(1));
    assert!(world.adverts().iter().all(|(_, node, _)| *node == 1));
    assert_eq!(world.states(), [State::Backup, State::Master]);
}

#[test]
fn a_paused_backup_reads_what_waits_for_it_before_it_claims() {
    let mut world = World::new(ms(1), [single(150, |_| {}), single(100, |_| {})]);
    world.run(ms(5_000));
    world.freeze(1);
    world.run(ms(10_000));
    world.take();
    // Its timer comes first, and only then what waited.
    world.thaw(1);
    world.run(ms(100));
    assert_eq!(world.states(), [State::Master, State::Backup]);
    assert!(world.transitions(1).is_empty());
}

#[test]
fn a_paused_backup_that_hears_nobody_claims_after_that() {
    let mut world = World::new(ms(1), [single(150, |_| {}), single(100, |_| {})]);
    world.run(ms(5_000));
    world.freeze(0);
    world.freeze(1);
    world.run(ms(10_000));
    world.thaw(1);
    world.run(Duration::from_nanos(3_906_250));
    assert_eq!(world.snapshot(1).state, State::Master);
}

#[test]
fn a_backup_that_wakes_up_late_hears_all_packets_that_wait_before_any_of_its_timers() {
    let routers = |priority: u8| {
        let mut config = group(&[priority; 3]);
        config.groups.clear();
        for instance in &mut config.instances {
            instance.group = None;
            instance.advert_interval = ms(10);
        }
        config
    };
    let mut world = World::new(Duration::ZERO, [routers(150), routers(100)]);
    world.run(ms(1_000));
    let last = world.adverts().last().unwrap().0;
    world.freeze(1);
    // 3 intervals and 156/256 of one is the limit: all timers are due, by less than an interval.
    world.run((last + ms(38)).since(world.now));
    world.unfreeze(1);
    world.run(ms(5));
    assert_eq!(world.transitions(1), [], "the adverts of a living master were in the socket");
}

#[test]
fn a_paused_master_that_wakes_up_to_a_new_configuration_does_not_tell_of_it() {
    let mut world = World::new(ms(1), [single(150, |_| {}), single(100, |_| {})]);
    world.run(ms(5_000));
    world.freeze(0);
    world.run(ms(6_300));
    world.take();
    world.unfreeze(0);
    world.reload(0, single(140, |_| {}), vec![Some(A)]);
    assert!(matches!(world.transitions(0)[..], [(A, State::Master, State::Backup, Cause::Paused { .. })]));
    assert_eq!(world.adverts().len(), 0, "somebody else may be the master");
}
