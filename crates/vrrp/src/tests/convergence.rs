//! Several routers on a bad link: when the link is good again there is one master, the best one.

use alloc::vec::Vec;

use base::{Duration, Priority};
use proptest::prelude::*;

use crate::io::State;
use crate::testing::*;
use crate::timers;

#[derive(Clone, Debug)]
enum Trouble {
    Cut(usize, bool),
    Freeze(usize),
    Thaw(usize),
    Fault(usize, bool),
    Pass(u64),
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        2 => (0..3_usize, any::<bool>()).prop_map(|(node, cut)| Trouble::Cut(node, cut)),
        1 => (0..3_usize).prop_map(Trouble::Freeze),
        1 => (0..3_usize).prop_map(Trouble::Thaw),
        1 => (0..3_usize, any::<bool>()).prop_map(|(node, fault)| Trouble::Fault(node, fault)),
        4 => (0..6_000_u64).prop_map(Trouble::Pass),
    ]
}

/// Lets trouble happen, then ends all of it.
fn suffer(configs: [crate::config::Config; 3], delay: u64, troubles: Vec<Trouble>) -> World {
    let mut world = World::new(ms(delay), configs);
    for trouble in troubles {
        match trouble {
            Trouble::Cut(node, cut) => world.cut(node, cut),
            Trouble::Freeze(node) => world.freeze(node),
            Trouble::Thaw(node) => world.thaw(node),
            Trouble::Fault(node, fault) => world.fault(node, A, fault),
            Trouble::Pass(time) => world.run(ms(time)),
        }
    }
    for node in 0..3 {
        world.cut(node, false);
        world.thaw(node);
        world.fault(node, A, false);
    }
    world
}

fn masters(world: &World) -> Vec<usize> {
    let states = world.states();
    (0..3).filter(|node| states[*node] == State::Master).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn after_any_trouble_the_best_router_is_the_only_master(
        priorities in prop::array::uniform3(1..=254_u8),
        grouped in any::<bool>(),
        delay in 0..30_u64,
        troubles in prop::collection::vec(trouble(), 0..30),
    ) {
        let config = |priority: u8| if grouped { group(&[priority, priority]) } else { single(priority, |_| {}) };
        let mut world = suffer(priorities.map(config), delay, troubles);
        // The best one hears only lower adverts, so its timer runs out: after an interval and its skew
        // time if it listens after a pause, after the whole interval at most, and once more if its
        // timer came late. In a group the members wait for each other for one more interval.
        let skew = timers::skew(wire::vrrp::Version::V3, Priority(1), SECOND);
        let bound = (SECOND * 4 + skew) * if grouped { 2 } else { 1 } + ms(delay) * 4 + ms(100);
        world.run(bound);
        world.take();
        world.run(Duration::from_secs(20));
        let masters = masters(&world);
        prop_assert_eq!(masters.len(), 1);
        prop_assert!(!world.states().contains(&State::Fault));
        // A backup does not preempt an equal one, whatever its address.
        prop_assert_eq!(priorities.iter().max(), Some(&priorities[masters[0]]));
        prop_assert!(world.adverts().iter().all(|(_, node, _)| *node == masters[0]));
    }

    #[test]
    fn groups_whose_members_have_other_favourites_come_to_rest_all_the_same(
        priorities in prop::array::uniform3((1..=254_u8, 1..=254_u8)),
        delay in 0..30_u64,
        troubles in prop::collection::vec(trouble(), 0..30),
    ) {
        let mut world = suffer(priorities.map(|(first, second)| group(&[first, second])), delay, troubles);
        world.run(Duration::from_secs(60));
        world.take();
        world.run(Duration::from_secs(20));
        let masters = masters(&world);
        prop_assert_eq!(masters.len(), 1);
        prop_assert!(world.adverts().iter().all(|(_, node, _)| *node == masters[0]));
    }
}
