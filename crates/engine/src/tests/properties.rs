//! Whatever happens, in whatever order: no panic, and when nothing is on its way the kernel is as the
//! states of the instances want it.

use base::Duration;
use proptest::prelude::*;

use super::build::*;
use super::world::*;
use crate::facts::KernelEvent;
use crate::io::Input;

/// Something that happens.
#[derive(Clone, Debug)]
enum Deed {
    Pass(u64),
    Hear {
        vrid: u8,
        priority: u8,
    },
    ForeignDelete(usize),
    ForeignAdd(u8),
    Link {
        index: u32,
        up: bool,
    },
    Recreate(u32),
    Overrun,
    /// The kernel changed, and nobody told.
    Lose(usize),
    Fail {
        what: &'static str,
        times: u32,
    },
    Echo(Echo),
    Deliver,
    Silence(bool),
    Finish(u8),
    File(i32),
    Reload(usize),
    Junk(Vec<u8>),
}

fn deed() -> impl Strategy<Value = Deed> {
    let echo = prop_oneof![Just(Echo::Before), Just(Echo::After), Just(Echo::Late)];
    let what = prop_oneof![Just("add"), Just("del"), Just("open"), Just("route")];
    prop_oneof![
        4 => (0..4_000u64).prop_map(Deed::Pass),
        3 => (51..55u8, prop_oneof![Just(0), Just(50), Just(100), Just(200)])
            .prop_map(|(vrid, priority)| Deed::Hear { vrid, priority }),
        2 => (0..8usize).prop_map(Deed::ForeignDelete),
        1 => (100..106u8).prop_map(Deed::ForeignAdd),
        2 => (2..4u32, any::<bool>()).prop_map(|(index, up)| Deed::Link { index, up }),
        1 => (2..4u32).prop_map(Deed::Recreate),
        1 => Just(Deed::Overrun),
        1 => (0..8usize).prop_map(Deed::Lose),
        2 => (what, 1..4u32).prop_map(|(what, times)| Deed::Fail { what, times }),
        1 => echo.prop_map(Deed::Echo),
        2 => Just(Deed::Deliver),
        1 => any::<bool>().prop_map(Deed::Silence),
        2 => (0..2u8).prop_map(Deed::Finish),
        1 => (-2..2i32).prop_map(Deed::File),
        2 => (0..MODELS).prop_map(Deed::Reload),
        1 => prop::collection::vec(any::<u8>(), 0..64).prop_map(Deed::Junk),
    ]
}

const MODELS: usize = 4;

fn models() -> [model::Model; MODELS] {
    let mut first = model(vec![
        instance(51, 100, &["192.0.2.100/24", "192.0.2.101/24"]),
        instance(52, 100, &["192.0.2.102/24"]),
    ]);
    first.instances[0].routes.push(route_via("203.0.113.0/24", "192.0.2.254", "eth0"));
    first.trackers.push(script("/check", 1, 2));
    let mut second = grouped(model(vec![
        instance(52, 100, &["192.0.2.102/24", "192.0.2.101/24"]),
        instance(53, 150, &["192.0.2.103/24"]),
    ]));
    second.instances[1].addresses[0].link = link_name("eth1");
    let mut third = first.clone();
    third.instances.reverse();
    third.instances.push(instance(54, 255, &["192.0.2.104/32"]));
    third.static_addresses.push(vip("192.0.2.60/32", "eth1"));
    [first, second, third, model(Vec::new())]
}

fn perform(world: &mut World, deed: Deed) {
    match deed {
        Deed::Pass(n) => world.run(ms(n)),
        Deed::Hear { vrid, priority } => world.hear(vrid, priority, "192.0.2.9"),
        Deed::ForeignDelete(n) => {
            if let Some(net) = world.addresses.get(n).map(|a| a.net.to_string()) {
                world.foreign_delete(&net);
            }
        }
        Deed::ForeignAdd(n) => {
            let facts = on_link(world.links.keys().next().map_or(2, |i| i.get()), &numbered(n), None);
            if world.links.contains_key(&facts.link)
                && !world.addresses.iter().any(|a| (a.link, a.net) == (facts.link, facts.net))
            {
                world.addresses.push(facts.clone());
                world.kernel(KernelEvent::Address(facts));
            }
        }
        Deed::Link { index: n, up } => {
            let known = world.links.values().find(|l| l.name.as_str() == format!("eth{}", n - 2));
            if let Some(n) = known.map(|l| l.index.get()) {
                world.set_link(n, up);
            }
        }
        Deed::Recreate(n) => {
            let name = format!("eth{}", n - 2);
            let known = world.links.values().find(|l| l.name.as_str() == name).map(|l| l.index.get());
            if let Some(n) = known {
                world.remove_link(n);
            }
            let address = if n == 2 { "192.0.2.1/24" } else { "198.51.100.1/24" };
            world.next_index += 1;
            world.add_link(link(world.next_index, &name), address);
        }
        Deed::Overrun => world.input(Input::Overrun),
        Deed::Lose(n) => {
            if n < world.addresses.len() {
                world.addresses.remove(n);
                world.late.clear();
                world.input(Input::Overrun);
            }
        }
        Deed::Fail { what, times } => world.failures.push((what.into(), 105, times)),
        Deed::Echo(echo) => {
            while world.deliver() {}
            world.echo = echo;
        }
        Deed::Deliver => {
            world.deliver();
        }
        Deed::Silence(silent) => {
            world.silent = silent;
            world.settle();
        }
        Deed::Finish(status) => {
            if !world.runs.is_empty() {
                world.finish(status);
            }
        }
        Deed::File(value) => world.input(Input::File { tracker: model::TrackerId(0), value }),
        Deed::Reload(n) => {
            let model = models().into_iter().nth(n).unwrap();
            world.reload(model);
        }
        Deed::Junk(bytes) => {
            if let Some(socket) = world.sockets.keys().next().copied() {
                let (source, destination) = (ip("192.0.2.9"), ip("224.0.0.18"));
                let datagram = vrrp::io::Datagram { source, destination, hop_limit: None, bytes: &bytes };
                world.input(Input::Datagram { socket, datagram });
            }
        }
    }
}

/// All faults end, all answers come, and a while passes.
fn heal(world: &mut World) {
    world.failures.clear();
    world.silent = false;
    world.settle();
    while world.deliver() {}
    world.echo = Echo::After;
    world.run(Duration::from_secs(20));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_ends_with_the_kernel_as_wanted(
        start in 0..MODELS,
        deeds in prop::collection::vec(deed(), 1..40),
    ) {
        let model = models().into_iter().nth(start).unwrap();
        let mut world = World::started(model);
        for deed in deeds {
            perform(&mut world, deed);
        }
        end_well(&mut world);
    }
}

/// Everything heals, the kernel is as it should be, and the end leaves nothing.
fn end_well(world: &mut World) {
    heal(world);
    world.check_quiescent();
    let masters = world.engine.model().instances.len();
    let masters =
        (0..masters).filter(|id| world.state(u32::try_from(*id).unwrap()) == vrrp::io::State::Master);
    let owned: usize = masters.map(|id| world.engine.model().instances[id].routes.len()).sum();
    assert_eq!(world.routes.len(), owned, "{}", world.story());
    world.input(Input::Stop { keep: false });
    assert!(world.stopped, "{}", world.story());
    assert!(world.sockets.is_empty());
    let ours = world.addresses.iter().filter(|a| a.protocol == Some(18)).count();
    assert_eq!(ours, 0, "{}", world.story());
}

#[test]
fn a_removal_that_failed_is_not_taken_for_done_by_news_of_an_earlier_one() {
    let mut world = World::started(models().into_iter().nth(2).unwrap());
    let fail = Deed::Fail { what: "del", times: 1 };
    for deed in [Deed::Echo(Echo::Late), Deed::Reload(0), Deed::Reload(2), fail, Deed::Reload(0)] {
        perform(&mut world, deed);
    }
    end_well(&mut world);
}
