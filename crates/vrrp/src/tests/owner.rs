//! Priority 255.

use alloc::vec::Vec;
use base::{Duration, Priority};

use crate::io::{Cause, Event, Input, RogueStep, State};
use crate::testing::*;

fn steps(world: &mut World, node: usize) -> Vec<RogueStep> {
    let events = world.events(node);
    events
        .into_iter()
        .filter_map(|e| if let Event::RogueOwner { step, .. } = e { Some(step) } else { None })
        .collect()
}

#[test]
fn an_owner_claims_at_once_without_ever_being_a_backup() {
    let mut world = World::new(ms(1), [single(255, |_| {})]);
    let start = world.now;
    world.run(ms(1));
    let said = world.take();
    let told = Event::State { instance: A, from: State::Init, to: State::Master, cause: Cause::Owner };
    assert_eq!(said[0].0.since(start), Duration::from_micros(1));
    assert!(matches!(said[0].2, Said::Advert { priority: 255, .. }));
    assert!(matches!(&said[1].2, Said::Event(event) if *event == told), "{said:?}");
}

#[test]
fn an_owner_that_is_told_to_start_as_backup_waits_like_any_other() {
    let mut world = World::new(ms(1), [single(255, |i| i.wants_master = false)]);
    assert_eq!(world.states(), [State::Backup]);
    world.run(Duration::from_nanos(3_003_906_249));
    assert_eq!(world.states(), [State::Backup]);
    world.run(Duration::from_nanos(1));
    assert_eq!(world.states(), [State::Master]);
}

#[test]
fn an_owner_comes_back_from_fault_as_master() {
    let mut world = World::new(ms(1), [single(255, |_| {})]);
    world.run(ms(1_500));
    world.fault(0, A, true);
    world.take();
    world.fault(0, A, false);
    assert_eq!(world.transitions(0), [(A, State::Fault, State::Master, Cause::Owner)]);
}

#[test]
fn a_startup_delay_holds_for_owners_too() {
    let mut world = World::new(ms(1), []);
    let owner = world.start(single(255, |_| {}), ms(2_000));
    world.run(ms(2_000));
    assert_eq!(world.snapshot(owner).state, State::Init);
    world.run(Duration::from_micros(1));
    assert_eq!(world.snapshot(owner).state, State::Master);
}

#[test]
fn of_two_owners_the_lower_address_yields_at_once() {
    let mut world = World::new(ms(1), [single(255, |_| {}), single(255, |_| {})]);
    world.run(ms(100));
    assert_eq!(world.states(), [State::Backup, State::Master]);
    let found = world.take().into_iter().any(|(_, node, said)| {
        node == 0 && matches!(said, Said::Event(Event::RogueOwner { step: RogueStep::Found, .. }))
    });
    assert!(found);
    world.freeze(1);
    world.run(ms(4_000));
    assert_eq!(world.snapshot(0).state, State::Master);
}

#[test]
fn an_owner_that_does_not_give_up_is_yielded_to_with_priority_254() {
    // The owner of the lower address is deaf: it ignores the adverts of others.
    let rogue = single(255, |i| i.owner_ignore_adverts = true);
    let mut world = World::new(ms(1), [rogue, single(255, |_| {})]);
    world.run(ms(10_000));
    assert_eq!(steps(&mut world, 1), [RogueStep::Found, RogueStep::Yielded]);
    assert_eq!(world.states(), [State::Master, State::Backup]);
    assert_eq!(world.snapshot(1).priority, Priority::MAX_BACKUP);
    // It is 255 again when the other one is gone.
    world.freeze(0);
    world.run(ms(4_000));
    assert_eq!(steps(&mut world, 1), [RogueStep::Restored]);
    assert_eq!(world.snapshot(1).state, State::Master);
    assert_eq!(world.snapshot(1).priority, Priority::OWNER);
    assert_eq!(world.adverts().len(), 0);
}

#[test]
fn an_owner_that_gives_up_within_the_time_is_forgotten() {
    let rogue = single(255, |i| i.owner_ignore_adverts = true);
    let mut world = World::new(ms(1), [rogue, single(255, |_| {})]);
    world.run(ms(1_500));
    world.freeze(0);
    world.run(ms(5_000));
    assert_eq!(steps(&mut world, 1), [RogueStep::Found, RogueStep::Silent]);
    assert_eq!(world.snapshot(1).state, State::Master);
    assert_eq!(world.snapshot(1).priority, Priority::OWNER);
}

#[test]
fn an_owner_that_yielded_is_255_again_when_it_hears_an_ordinary_priority() {
    let rogue = single(255, |i| i.owner_ignore_adverts = true);
    let mut world = World::new(ms(1), [rogue, single(255, |_| {})]);
    world.run(ms(10_000));
    assert_eq!(world.snapshot(1).state, State::Backup);
    let ordinary = world.start(single(100, |_| {}), Duration::ZERO);
    world.take();
    world.input(0, Input::Stop);
    world.cut(1, true);
    world.run(ms(700));
    world.cut(1, false);
    assert_eq!(world.snapshot(ordinary).state, State::Master);
    world.run(ms(1_500));
    assert_eq!(world.snapshot(1).priority, Priority::OWNER);
}

#[test]
fn who_stops_to_be_an_owner_before_the_start_listens_like_all_others() {
    let owner = || single(255, |i| i.wants_master = true);
    let mut world = World::new(ms(1), []);
    let node = world.start(owner(), ms(5_000));
    world.run(ms(2_000));
    world.reload(node, single(248, |i| i.wants_master = true), alloc::vec![Some(A)]);
    world.run(ms(3_100));
    assert_eq!(world.states(), [State::Backup], "the delay is over");
    world.run(ms(4_000));
    assert_eq!(world.states(), [State::Master]);
}
