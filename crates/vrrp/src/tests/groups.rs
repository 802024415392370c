//! Sync groups.

use alloc::vec;
use alloc::vec::Vec;
use base::{Duration, Instant};

use crate::config::{Config, InstanceId};
use crate::io::{Cause, Event, Input, State};
use crate::testing::*;

fn states_of(world: &World, node: usize, members: u32) -> Vec<State> {
    (0..members).map(|id| world.core(node).snapshot(InstanceId(id)).unwrap().state).collect()
}

#[test]
fn all_members_become_master_when_the_last_timer_expires() {
    let mut world = World::new(ms(1), [group(&[200, 100, 150])]);
    world.take();
    world.run(Duration::from_nanos(3_609_374_999));
    assert!(world.take().is_empty());
    world.run(Duration::from_nanos(1));
    let told = world.transitions(0);
    let synced = Cause::Group { group: GROUP, member: B };
    assert_eq!(told.len(), 3);
    assert!(matches!(told[0], (B, State::Backup, State::Master, Cause::MasterDownTimer { .. })));
    assert_eq!(told[1], (A, State::Backup, State::Master, synced.clone()));
    assert_eq!(told[2], (InstanceId(2), State::Backup, State::Master, synced));
    assert_eq!(world.core(0).group_state(GROUP), Some(State::Master));
}

#[test]
fn the_group_is_told_after_the_last_of_its_members_and_once() {
    let mut world = World::new(ms(1), [group(&[200, 100])]);
    world.run(ms(4_000));
    let events = world.events(0);
    let groups: Vec<_> = events.iter().filter(|event| matches!(event, Event::Group { .. })).collect();
    assert_eq!(
        groups,
        [
            &Event::Group { group: GROUP, from: State::Init, to: State::Backup },
            &Event::Group { group: GROUP, from: State::Backup, to: State::Master },
        ]
    );
    assert!(matches!(events.last(), Some(Event::Group { .. })));
}

#[test]
fn a_fault_of_one_member_takes_all_to_fault_and_each_master_releases() {
    let mut world = World::new(ms(1), [group(&[200, 100])]);
    world.run(ms(5_000));
    world.take();
    world.fault(0, B, true);
    assert_eq!(states_of(&world, 0, 2), [State::Fault, State::Fault]);
    let said = world.take();
    let released =
        said.iter().filter(|(_, _, said)| matches!(said, Said::Advert { priority: 0, .. })).count();
    assert_eq!(released, 2);
    // It comes back only when nobody has a fault.
    world.fault(0, A, true);
    world.fault(0, B, false);
    assert_eq!(states_of(&world, 0, 2), [State::Fault, State::Fault]);
    world.fault(0, A, false);
    assert_eq!(states_of(&world, 0, 2), [State::Backup, State::Backup]);
}

#[test]
fn one_member_that_loses_takes_all_to_backup() {
    let mut world = World::new(ms(1), [group(&[150, 150])]);
    world.run(ms(5_000));
    let better = world.start(group(&[200, 220]), Duration::ZERO);
    world.run(ms(10_000));
    assert_eq!(states_of(&world, 0, 2), [State::Backup, State::Backup]);
    assert_eq!(states_of(&world, better, 2), [State::Master, State::Master]);
    let told = world.transitions(0);
    assert!(matches!(told[told.len() - 2], (A, State::Master, State::Backup, Cause::BetterAdvert { .. })));
    assert!(matches!(
        told[told.len() - 1],
        (B, State::Master, State::Backup, Cause::Group { member: A, .. })
    ));
}

#[test]
fn a_script_of_one_member_holds_the_whole_group_in_init() {
    let mut config = with_script(group(&[200, 100]), 0);
    config.instances[0].tracks.clear();
    let mut world = World::new(ms(1), [config]);
    world.run(ms(10_000));
    assert_eq!(states_of(&world, 0, 2), [State::Init, State::Init]);
    assert!(world.take().is_empty());
    world.script(0, true);
    assert_eq!(states_of(&world, 0, 2), [State::Backup, State::Backup]);
}

#[test]
fn a_group_of_owners_only_claims_at_once() {
    let mut world = World::new(ms(1), [group(&[255, 255]), group(&[255, 100])]);
    world.cut(1, true);
    world.run(ms(10));
    assert_eq!(states_of(&world, 0, 2), [State::Master, State::Master]);
    assert_eq!(states_of(&world, 1, 2), [State::Backup, State::Backup]);
}

#[test]
fn two_nodes_that_are_each_better_in_another_member_settle_on_one() {
    // Both become master at the same instant, again and again, if nothing breaks the symmetry.
    let mut world = World::new(ms(1), [group(&[150, 100]), group(&[100, 150])]);
    world.cut(0, true);
    world.run(ms(4_000));
    assert_eq!(states_of(&world, 0, 1), [State::Master]);
    assert_eq!(states_of(&world, 1, 1), [State::Master]);
    world.cut(0, false);
    world.take();
    world.run(ms(60_000));
    let mut masters: Vec<(usize, State)> = vec![];
    for node in 0..2 {
        let states = states_of(&world, node, 2);
        assert_eq!(states[0], states[1]);
        masters.push((node, states[0]));
    }
    assert_eq!(masters.iter().filter(|(_, state)| *state == State::Master).count(), 1, "{masters:?}");
    let changes: Vec<(Instant, usize)> = world
        .take()
        .into_iter()
        .filter_map(|(at, node, said)| matches!(said, Said::Event(Event::Group { .. })).then_some((at, node)))
        .collect();
    assert!(changes.len() <= 4, "{changes:?}");
}

#[test]
fn three_nodes_whose_favourites_differ_settle_on_one() {
    // Skew times that differ by less than the link's delay: claims meet again and again.
    let mut world = World::new(ms(8), [group(&[108, 147]), group(&[149, 106]), group(&[145, 110])]);
    world.run(ms(20_000));
    world.take();
    world.run(ms(20_000));
    let masters = world.states().iter().filter(|state| **state == State::Master).count();
    assert_eq!(masters, 1);
    assert!(world.take().iter().all(|(_, _, said)| !matches!(said, Said::Event(Event::State { .. }))));
}

#[test]
fn instances_without_a_group_don_t_follow_each_other() {
    let mut config: Config = group(&[200, 100]);
    config.groups.clear();
    for instance in &mut config.instances {
        instance.group = None;
    }
    let mut world = World::new(ms(1), [config]);
    world.run(ms(5_000));
    world.fault(0, A, true);
    assert_eq!(states_of(&world, 0, 2), [State::Fault, State::Master]);
    world.input(0, Input::Stop);
    assert_eq!(states_of(&world, 0, 2), [State::Stopped, State::Stopped]);
}
