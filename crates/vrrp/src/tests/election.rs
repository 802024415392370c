//! Who becomes master, and exactly when.

use alloc::vec;
use alloc::vec::Vec;
use base::{Duration, Instant, Priority};
use wire::vrrp::Version;

use crate::config::Preempt;
use crate::io::{Cause, Event, State};
use crate::testing::*;
use crate::timers;

fn first_advert(world: &mut World, node: usize) -> Instant {
    world.adverts().into_iter().find(|(_, who, _)| *who == node).map(|(at, ..)| at).unwrap()
}

/// The last advert of node 0, after which it is silent, and the first of node 1.
fn failover(version: Version, priority: u8, interval: Duration, delay: Duration, graceful: bool) -> Duration {
    let config = |priority| {
        single(priority, |instance| {
            instance.version = version;
            instance.advert_interval = interval;
        })
    };
    let mut world = World::new(delay, [config(200), config(priority)]);
    world.run(interval * 20);
    assert_eq!(world.states(), [State::Master, State::Backup]);
    if graceful {
        world.input(0, crate::io::Input::Stop);
    } else {
        world.freeze(0);
    }
    let last = world.adverts().last().unwrap().0;
    world.run(interval * 20);
    first_advert(&mut world, 1).since(last)
}

#[test]
fn a_backup_takes_over_at_the_very_nanosecond_of_the_formula() {
    let delay = Duration::from_micros(137);
    for (version, priority, interval) in [
        (Version::V2, 100, SECOND),
        (Version::V2, 1, Duration::from_secs(3)),
        (Version::V3, 100, SECOND),
        (Version::V3, 150, ms(100)),
        (Version::V3, 199, ms(10)),
        (Version::V3, 50, ms(40_950)),
    ] {
        let skew = timers::skew(version, Priority(priority), interval);
        let gap = failover(version, priority, interval, delay, false);
        assert_eq!(gap, interval * 3 + skew + delay, "{version:?} {priority} {interval}");
        let gap = failover(version, priority, interval, delay, true);
        assert_eq!(gap, skew + delay, "graceful {version:?} {priority} {interval}");
    }
}

#[test]
fn two_fresh_routers_wait_the_whole_interval_and_the_better_one_wins() {
    let mut world = World::new(ms(1), [single(100, |_| {}), single(150, |_| {})]);
    let start = world.now;
    world.run(ms(10_000));
    assert_eq!(world.states(), [State::Backup, State::Master]);
    let adverts = world.adverts();
    assert!(adverts.iter().all(|(_, node, _)| *node == 1));
    let times: Vec<_> = adverts.iter().map(|(at, ..)| at.since(start)).collect();
    let expected: Vec<_> = (0..7).map(|n| Duration::from_nanos(3_414_062_500) + SECOND * n).collect();
    assert_eq!(times, expected);
}

#[test]
fn becoming_master_sends_the_advert_before_it_tells() {
    let mut world = World::new(ms(1), [single(100, |instance| instance.down_timer_adverts = 1)]);
    world.take();
    world.run(ms(1_700));
    let said = world.take();
    assert!(matches!(said[0].2, Said::Advert { priority: 100, vrid: 51, ip_id: 1, .. }), "{said:?}");
    let waited = ms(1_000) + Duration::from_nanos(609_375_000);
    let expected = Event::State {
        instance: A,
        from: State::Backup,
        to: State::Master,
        cause: Cause::MasterDownTimer { master: None, waited },
    };
    assert!(matches!(&said[1].2, Said::Event(event) if *event == expected), "{said:?}");
}

#[test]
fn of_equal_priorities_the_higher_address_wins() {
    // Both think that they are master after a partition.
    let mut world = World::new(ms(1), [single(100, |_| {}), single(100, |_| {})]);
    world.cut(0, true);
    world.run(ms(5_000));
    assert_eq!(world.states(), [State::Master, State::Master]);
    world.cut(0, false);
    world.run(ms(1_100));
    assert_eq!(world.states(), [State::Backup, State::Master]);
}

#[test]
fn a_discarded_lower_advert_leaves_the_timer_alone_and_preemption_follows() {
    let mut world = World::new(ms(1), [single(100, |_| {})]);
    world.run(ms(5_000));
    let start = world.now;
    world.take();
    let better = world.start(single(150, |_| {}), Duration::ZERO);
    world.run(ms(3_414));
    let events = world.events(better);
    assert!(events.iter().filter(|event| matches!(event, Event::LowerDiscarded { .. })).count() >= 3);
    assert_eq!(world.states(), [State::Master, State::Backup]);
    world.run(ms(10));
    assert_eq!(world.states(), [State::Backup, State::Master]);
    assert_eq!(first_advert(&mut world, better).since(start), Duration::from_nanos(3_414_062_500));
}

#[test]
fn routers_without_addresses_elect_one_master_all_the_same() {
    for version in [Version::V2, Version::V3] {
        let bare = |i: &mut crate::config::Instance| {
            i.version = version;
            i.addresses.clear();
        };
        let mut world = World::new(ms(1), [single(150, bare), single(100, bare)]);
        world.run(ms(20_000));
        assert_eq!(world.states(), [State::Master, State::Backup], "{version:?}");
    }
}

#[test]
fn with_nopreempt_a_better_backup_stays_and_still_takes_over_from_a_dead_master() {
    let mut world = World::new(ms(1), [single(100, |_| {})]);
    world.run(ms(5_000));
    let better = world.start(single(150, |instance| instance.preempt = Preempt::Never), Duration::ZERO);
    world.run(ms(20_000));
    assert_eq!(world.states(), [State::Master, State::Backup]);
    world.freeze(0);
    world.take();
    world.run(ms(5_000));
    assert_eq!(world.snapshot(better).state, State::Master);
}

#[test]
fn preempt_delay_starts_at_the_first_lower_advert_and_ends_with_the_timer() {
    let delayed = |instance: &mut crate::config::Instance| instance.preempt = Preempt::After(ms(5_000));
    let mut world = World::new(Duration::ZERO, [single(100, |_| {})]);
    world.run(ms(3_700));
    let phase = world.adverts().last().unwrap().0;
    let better = world.start(single(150, delayed), Duration::ZERO);
    world.run(ms(15_000));
    let said = world.take();
    let began = said.iter().find_map(|(at, node, said)| match said {
        Said::Event(Event::PreemptDelay { until: Some(until), .. }) if *node == better => Some((*at, *until)),
        _ => None,
    });
    assert_eq!(began, Some((phase + SECOND, phase + SECOND * 6)));
    // The advert at the end of the delay is the first that is discarded.
    let last_accepted = phase + SECOND * 5;
    let claimed = said.iter().find_map(|(at, node, said)| match said {
        Said::Advert { .. } if *node == better => Some(*at),
        _ => None,
    });
    assert_eq!(claimed, Some(last_accepted + Duration::from_nanos(3_414_062_500)));
}

#[test]
fn preempt_delay_is_called_off_by_a_better_advert() {
    let mut world = World::new(ms(1), [single(100, |_| {})]);
    world.run(ms(5_000));
    let waiting = world.start(single(150, |i| i.preempt = Preempt::After(ms(60_000))), Duration::ZERO);
    world.run(ms(2_000));
    world.start(single(200, |_| {}), Duration::ZERO);
    world.run(ms(5_000));
    let stopped =
        world.events(waiting).into_iter().any(|e| matches!(e, Event::PreemptDelay { until: None, .. }));
    assert!(stopped);
    assert_eq!(world.states(), [State::Backup, State::Backup, State::Master]);
}

#[test]
fn a_failure_during_preempt_delay_is_taken_over_without_it() {
    let mut world = World::new(Duration::ZERO, [single(100, |_| {})]);
    world.run(ms(5_000));
    let waiting = world.start(single(150, |i| i.preempt = Preempt::After(ms(1_000_000))), Duration::ZERO);
    world.run(ms(2_000));
    let last = world.adverts().last().unwrap().0;
    world.freeze(0);
    world.run(ms(5_000));
    assert_eq!(first_advert(&mut world, waiting).since(last), Duration::from_nanos(3_414_062_500));
}

#[test]
fn a_released_master_is_followed_after_the_skew_time_and_says_why() {
    let mut world = World::new(ms(1), [single(150, |_| {}), single(100, |_| {})]);
    world.run(ms(5_000));
    world.take();
    world.input(0, crate::io::Input::Stop);
    world.run(ms(700));
    let cause = Cause::MasterReleased { from: address(0) };
    let said = world.events(1);
    assert!(said.contains(&Event::Release { instance: A, source: address(0), state: State::Backup }));
    assert!(said.contains(&Event::State { instance: A, from: State::Backup, to: State::Master, cause }));
}

#[test]
fn a_master_answers_priority_0_and_stays() {
    let mut world = World::new(ms(1), [single(150, |_| {}), single(100, |_| {})]);
    world.cut(0, true);
    world.run(ms(5_000));
    world.cut(0, false);
    world.take();
    world.input(1, crate::io::Input::Stop);
    world.run(ms(2));
    let adverts: Vec<_> = world.adverts().into_iter().map(|(_, node, priority)| (node, priority)).collect();
    assert_eq!(adverts, [(1, 0), (0, 150)]);
    assert_eq!(world.core(0).counters(A).unwrap().pri_zero_rcvd, 1);
    assert_eq!(world.core(1).counters(A).unwrap().pri_zero_sent, 1);
}

#[test]
fn a_lower_advert_is_answered_at_once_unless_told_not_to() {
    for (silent, expected) in [(false, vec![(1, 100), (0, 150)]), (true, vec![(1, 100)])] {
        let mut world =
            World::new(ms(1), [single(150, |i| i.lower_prio_no_advert = silent), single(100, |_| {})]);
        world.cut(1, true);
        world.run(ms(4_500));
        world.cut(1, false);
        world.take();
        world.run(ms(200));
        let said = world.take();
        let lower = Event::LowerReceived {
            instance: A,
            source: address(1),
            priority: Priority(100),
            ours: Priority(150),
            answered: !silent,
        };
        assert!(
            said.iter().any(|(_, _, said)| matches!(said, Said::Event(event) if *event == lower)),
            "{said:?}"
        );
        let adverts: Vec<_> = said
            .iter()
            .filter_map(|(_, node, said)| match said {
                Said::Advert { priority, .. } => Some((*node, *priority)),
                Said::Event(_) => None,
            })
            .collect();
        assert_eq!(adverts, expected);
    }
}

#[test]
fn several_lower_adverts_at_one_instant_get_one_answer() {
    // Two lower masters behind a cable that is plugged in send at the same instant.
    let mut world = World::new(ms(1), [single(150, |_| {}), single(100, |_| {}), single(100, |_| {})]);
    world.cut(1, true);
    world.cut(2, true);
    world.run(ms(4_500));
    world.cut(1, false);
    world.cut(2, false);
    world.take();
    world.run(ms(111));
    assert_eq!(world.core(0).counters(A).unwrap().advert_rcvd, 2);
    assert_eq!(world.adverts().iter().filter(|(_, node, _)| *node == 0).count(), 1);
}

#[test]
fn higher_prio_send_advert_sends_one_lower_advert_before_yielding() {
    let mut world = World::new(ms(1), [single(100, |i| i.higher_prio_send_advert = true)]);
    world.run(ms(4_000));
    world.start(single(150, |_| {}), Duration::ZERO);
    world.take();
    world.run(ms(3_417));
    let adverts: Vec<_> = world.adverts().into_iter().map(|(_, node, priority)| (node, priority)).collect();
    assert!(adverts.ends_with(&[(1, 150), (0, 100), (1, 150)]), "{adverts:?}");
    assert_eq!(world.states(), [State::Backup, State::Master]);
}

#[test]
fn a_version_3_backup_learns_the_interval_and_forgets_it_as_master() {
    let slow = single(200, |i| i.advert_interval = ms(2_000));
    let mut world = World::new(ms(1), [slow, single(100, |_| {})]);
    world.run(ms(10_000));
    assert_eq!(world.snapshot(1).master_interval, ms(2_000));
    let learned = Event::IntervalLearned { instance: A, from: SECOND, to: ms(2_000) };
    assert!(world.events(1).contains(&learned));
    world.freeze(0);
    world.run(ms(20_000));
    assert_eq!(world.snapshot(1).state, State::Master);
    assert_eq!(world.snapshot(1).master_interval, SECOND);
    let times: Vec<_> = world.adverts().into_iter().map(|(at, ..)| at).collect();
    assert!(times.windows(2).all(|pair| pair[1].since(pair[0]) == SECOND));
}

#[test]
fn the_startup_delay_is_deaf_and_comes_before_the_first_timer() {
    let mut world = World::new(ms(1), [single(200, |_| {})]);
    world.run(ms(5_000));
    let start = world.now;
    let late = world.start(single(100, |_| {}), ms(2_500));
    assert_eq!(world.snapshot(late).state, State::Backup);
    world.run(ms(2_000));
    assert_eq!(world.core(late).counters(A).unwrap().advert_rcvd, 0);
    world.freeze(0);
    world.take();
    world.run(ms(10_000));
    assert_eq!(first_advert(&mut world, late).since(start), ms(2_500) + Duration::from_nanos(3_609_375_000));
}
