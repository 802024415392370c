//! FAULT, INIT and what trackers do to a running instance.

use alloc::vec;
use alloc::vec::Vec;
use base::{Duration, Priority};

use crate::config::TrackerId;
use crate::io::{Cause, Event, Fault, Input, State, Verdict};
use crate::testing::*;

#[test]
fn a_master_that_fails_says_priority_0_once_then_tells_and_sends_nothing_more() {
    let mut world = World::new(ms(1), [single(150, |_| {})]);
    world.run(ms(5_000));
    world.take();
    world.fault(0, A, true);
    let said = world.take();
    let began = Event::Fault { instance: A, cause: Cause::Fault(Fault::InterfaceDown), began: true };
    let state = Event::State {
        instance: A,
        from: State::Master,
        to: State::Fault,
        cause: Cause::Fault(Fault::InterfaceDown),
    };
    assert!(matches!(&said[0].2, Said::Event(event) if *event == began), "{said:?}");
    assert!(matches!(said[1].2, Said::Advert { priority: 0, .. }), "{said:?}");
    assert!(matches!(&said[2].2, Said::Event(event) if *event == state), "{said:?}");
    assert!(matches!(said[3].2, Said::Event(Event::Released { .. })), "{said:?}");
    world.run(ms(60_000));
    assert!(world.take().is_empty());
    let counters = world.core(0).counters(A).unwrap();
    assert_eq!((counters.pri_zero_sent, counters.become_master, counters.release_master), (1, 1, 1));
}

#[test]
fn the_last_fault_that_clears_leads_to_backup_with_the_whole_interval() {
    let mut world = World::new(ms(1), [single(150, |_| {})]);
    world.fault(0, A, true);
    world.input(0, Input::Source { instance: A, address: None });
    world.run(ms(1_000));
    world.fault(0, A, false);
    assert_eq!(world.states(), [State::Fault]);
    world.take();
    world.input(0, Input::Source { instance: A, address: Some(address(0)) });
    assert_eq!(world.transitions(0), [(A, State::Fault, State::Backup, Cause::FaultsCleared)]);
    world.run(Duration::from_nanos(3_414_062_499));
    assert_eq!(world.states(), [State::Backup]);
    world.run(Duration::from_nanos(1));
    assert_eq!(world.states(), [State::Master]);
}

#[test]
fn what_is_known_before_the_first_source_decides_how_an_instance_starts() {
    let mut world = World::new(ms(1), []);
    let mut core = crate::Vrrp::new(single(100, |_| {}), world.now, Duration::ZERO);
    use base::Machine;
    core.handle_input(world.now, Input::Fault { instance: A, fault: Fault::InterfaceMissing, present: true });
    assert_eq!(core.snapshot(A).unwrap().state, State::Init);
    core.handle_input(world.now, Input::Source { instance: A, address: None });
    let mut changes = Vec::new();
    while let Some(output) = core.poll_output() {
        if let crate::io::Output::Event(Event::State { from, to, cause, .. }) = output {
            changes.push((from, to, cause));
        }
    }
    assert_eq!(changes, [(State::Init, State::Fault, Cause::Fault(Fault::InterfaceMissing))]);
    world.run(ms(1));
}

#[test]
fn an_unweighted_script_is_awaited_in_init_and_a_weighted_one_is_not() {
    let mut world =
        World::new(ms(1), [with_script(single(100, |_| {}), 0), with_script(single(90, |_| {}), 10)]);
    assert_eq!(world.states(), [State::Init, State::Backup]);
    world.take();
    world.run(ms(500));
    world.script(0, true);
    assert_eq!(world.transitions(0), [(A, State::Init, State::Backup, Cause::Start)]);
    world.script(1, true);
    assert_eq!(world.events(1), [Event::Priority { instance: A, from: Priority(90), to: Priority(100) }]);
}

#[test]
fn a_script_that_fails_first_leads_from_init_to_fault() {
    let mut world = World::new(ms(1), [with_script(single(100, |_| {}), 0)]);
    world.take();
    world.script(0, false);
    let cause = Cause::Tracker { tracker: TrackerId(0), verdict: Verdict::Down };
    assert_eq!(world.transitions(0), [(A, State::Init, State::Fault, cause)]);
    world.script(0, true);
    assert_eq!(world.states(), [State::Backup]);
}

#[test]
fn the_timer_of_a_backup_moves_with_its_priority() {
    let mut world = World::new(ms(1), [with_script(single(100, |_| {}), -50)]);
    world.run(ms(1_000));
    world.script(0, false);
    assert_eq!(world.snapshot(0).priority, Priority(50));
    // 3 s + (256 - 50) / 256 s from the start.
    world.run(Duration::from_nanos(3_804_687_500 - 1_000_000_000 - 1));
    assert_eq!(world.states(), [State::Backup]);
    world.run(Duration::from_nanos(1));
    assert_eq!(world.states(), [State::Master]);
    // A master only says the new priority with its next advert.
    world.take();
    world.script(0, true);
    assert!(world.adverts().is_empty());
    world.run(SECOND);
    assert_eq!(world.adverts().iter().map(|(.., priority)| *priority).collect::<Vec<_>>(), vec![100]);
}

#[test]
fn a_master_that_gets_worse_than_its_backup_loses_to_it() {
    let mut world = World::new(ms(1), [with_script(single(150, |_| {}), -100), single(100, |_| {})]);
    world.run(ms(5_000));
    world.script(0, false);
    world.run(ms(6_000));
    assert_eq!(world.states(), [State::Backup, State::Master]);
    world.script(0, true);
    world.run(ms(6_000));
    assert_eq!(world.states(), [State::Master, State::Backup]);
}

#[test]
fn an_instance_in_fault_is_deaf() {
    let mut world = World::new(ms(1), [single(100, |_| {}), single(150, |_| {})]);
    world.fault(0, A, true);
    world.run(ms(10_000));
    assert_eq!(world.core(0).counters(A).unwrap().advert_rcvd, 0);
}

#[test]
fn stop_releases_and_tells_and_then_nothing_happens_any_more() {
    let mut world = World::new(ms(1), [single(150, |_| {}), single(100, |_| {})]);
    world.run(ms(5_000));
    world.take();
    world.input(0, Input::Stop);
    let said = world.take();
    assert!(matches!(said[0].2, Said::Advert { priority: 0, .. }));
    assert!(matches!(said[1].2, Said::Event(Event::Released { .. })));
    assert!(matches!(
        said[2].2,
        Said::Event(Event::State { from: State::Master, to: State::Stopped, cause: Cause::Stop, .. })
    ));
    assert_eq!(said.len(), 3);
    world.fault(0, A, true);
    world.fault(0, A, false);
    world.run(ms(10_000));
    assert!(world.take().iter().all(|(_, node, _)| *node == 1));
    assert_eq!(world.snapshot(0).state, State::Stopped);
}

#[test]
fn no_unicast_peer_and_an_advert_that_cannot_be_made_are_faults() {
    let nobody = single(100, |i| i.peers = unicast(&[], true));
    let mixed = single(100, |i| i.addresses = vec!["2001:db8::1".parse().unwrap()]);
    let mut world = World::new(ms(1), [nobody, mixed]);
    assert_eq!(world.states(), [State::Fault, State::Fault]);
    let said = world.take();
    let cause = |wanted| {
        said.iter().any(|(_, _, said)| matches!(said, Said::Event(Event::State { cause, .. }) if *cause == Cause::Fault(wanted)))
    };
    assert!(cause(Fault::NoPeer) && cause(Fault::Unsuitable));
}
