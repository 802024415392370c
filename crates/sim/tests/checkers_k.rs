//! The checkers of kernels, reloads, notifications and resources: each bites when something is planted that it
//! is made for, and all are silent where nothing is wrong.

use std::sync::Arc;

use base::{Duration, Instant, IpNet, Priority, Vrid};
use config::{MapSource, Options, load};
use engine::facts::KernelEvent;
use engine::io::{Event, FifoKind, OpId, Operation, SocketId};
use engine::lvs::table::SyncHalf;
use model::{InstanceId, Model};
use vipd_sim::checker::{Judge, Rest};
use vipd_sim::observe::Advert;
use vipd_sim::setup::{Plan, world};
use vipd_sim::world::Pace;
use vipd_sim::{Fault, NodeId, Observation, What, World, hostile};
use vrrp::config::Version;
use vrrp::io::{Cause, State};

const A: NodeId = NodeId(0);
const B: NodeId = NodeId(1);

fn model(priority: u8, more: &str) -> Arc<Model> {
    let text = format!(
        "global_defs {{\n vrrp_notify_fifo /run/fifo\n lvs_sync_daemon eth0 inst VI_1\n}}\n\
         vrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 51\n priority {priority}\n advert_int 1\n \
         notify_master /bin/true\n notify /bin/true\n \
         virtual_ipaddress {{\n 192.0.2.10/24\n {more}\n }}\n \
         virtual_routes {{\n 198.51.100.0/24 via 192.0.2.10 dev eth0\n }}\n}}\n\
         vrrp_instance VI_6 {{\n interface eth0\n virtual_router_id 61\n priority {priority}\n \
         virtual_ipaddress {{\n 2001:db8::10/64\n }}\n}}\n"
    );
    let loaded = load(&MapSource::new().file("/k.conf", text), &Options::new("/k.conf"));
    Arc::new(loaded.model.expect("it can be run"))
}

fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

fn net(text: &str) -> IpNet {
    let (addr, prefix) = text.split_once('/').unwrap();
    IpNet::new(addr.parse().unwrap(), prefix.parse().unwrap()).unwrap()
}

fn pair(seed: u64) -> (World, Judge) {
    let plan = |name: &str, priority| Plan {
        name: name.into(),
        models: vec![model(priority, ""), model(priority, "192.0.2.11/24"), model(priority - 5, "")],
    };
    let mut world = world(&[plan("A", 150), plan("B", 100)], Pace::FAIR, seed);
    let judge = Judge::new(&world);
    for node in world.ids() {
        world.schedule(Instant::ZERO, Fault::Start(node));
    }
    (world, judge)
}

/// A pair that has run for 20 s without a fault.
fn settled() -> (World, Judge) {
    let (mut world, mut judge) = pair(3);
    assert!(judge.watch(&mut world, at(20), |_, _| {}), "{:?}", judge.found());
    (world, judge)
}

fn show(judge: &mut Judge, world: &World, node: NodeId, what: What) {
    judge.see(world, &Observation { at: world.now(), node: Some(node), what });
}

/// What happens when something is planted in a pair that is well.
fn plant(what: impl FnOnce(&mut World, &mut Judge)) -> Vec<&'static str> {
    let (mut world, mut judge) = settled();
    what(&mut world, &mut judge);
    judge.found().iter().map(|violation| violation.property).collect()
}

fn vip(world: &World, node: NodeId) -> model::Address {
    world.node(node).in_force().instances[0].addresses[0].clone()
}

fn eth0(world: &World, node: NodeId) -> base::IfIndex {
    world.node(node).host.links.values().find(|l| l.name.as_str() == "eth0").unwrap().index
}

fn add(world: &World, node: NodeId) -> What {
    let (link, address) = (eth0(world, node), vip(world, node));
    What::Wanted { op: OpId(9_999), operation: Operation::AddAddress { link, address, valid_lft: None } }
}

fn state(to: State) -> What {
    let (instance, from) = (InstanceId(0), State::Backup);
    let cause = Cause::MasterDownTimer { master: None, waited: Duration::ZERO };
    What::Event(Event::Vrrp(vrrp::io::Event::State { instance, from, to, cause }))
}

#[test]
fn an_address_that_a_master_lacks_or_a_backup_has_is_seen_at_rest() {
    let lost = plant(|world, judge| {
        let gone = vip(world, A).net.addr();
        world.node_mut(A).host.foreign_delete(gone);
        judge.rest(world, Rest::Healed);
    });
    assert!(lost.contains(&"K1"), "{lost:?}");
    let both = plant(|world, judge| {
        let link = vip(world, B).link;
        for event in world.node_mut(B).host.foreign_add(link, net("192.0.2.10/24")) {
            show(judge, world, B, What::Kernel(event));
        }
        judge.rest(world, Rest::Healed);
    });
    assert!(both.contains(&"K1") && both.contains(&"K2"), "{both:?}");
}

#[test]
fn a_transition_that_the_kernel_never_follows_is_seen_when_its_time_is_over() {
    let found = plant(|world, judge| {
        show(judge, world, B, state(State::Master));
        let later = world.now() + Duration::from_secs(1);
        let what = What::Turn { inputs: 0, effects: 0 };
        judge.see(world, &Observation { at: later, node: Some(B), what });
    });
    assert!(found.contains(&"K1"), "{found:?}");
}

#[test]
fn two_nodes_that_hear_each_other_may_not_have_one_address_for_long() {
    let found = plant(|world, judge| {
        let link = vip(world, B).link;
        for event in world.node_mut(B).host.foreign_add(link, net("192.0.2.10/24")) {
            show(judge, world, B, What::Kernel(event));
        }
        judge.watch(world, at(40), |_, _| {});
    });
    assert!(found.contains(&"K2"), "{found:?}");
}

#[test]
fn a_dead_master_without_a_lease_is_told_of_but_is_no_violation() {
    let (mut world, mut judge) = settled();
    world.schedule(at(20), Fault::Kill(A));
    assert!(judge.watch(&mut world, at(40), |_, _| {}), "{:?}", judge.found());
    assert!(judge.told().next().is_none(), "the lease has ended before");
    assert!(!world.node(A).host.holds(None, "192.0.2.10".parse().unwrap()));
    // What the kernel keeps for ever, as without a lease.
    let (mut world, mut judge) = settled();
    world.node_mut(A).host.addresses.iter_mut().for_each(|held| {
        (held.expires, held.facts.valid_lft) = (None, None);
    });
    world.node_mut(A).process = None;
    judge.see(&world, &Observation { at: at(20), node: None, what: What::Fault(Fault::Kill(A)) });
    assert!(judge.watch(&mut world, at(40), |_, _| {}), "{:?}", judge.found());
    assert!(judge.told().any(|told| told.property == "K2"));
}

#[test]
fn a_lease_that_does_not_end_is_seen() {
    let (mut world, mut judge) = settled();
    world.node_mut(A).host.addresses.iter_mut().for_each(|held| held.expires = None);
    world.node_mut(A).process = None;
    judge.see(&world, &Observation { at: at(20), node: None, what: What::Fault(Fault::Kill(A)) });
    judge.watch(&mut world, at(40), |_, _| {});
    assert_eq!(judge.found().first().map(|v| v.property), Some("K2"));
}

#[test]
fn what_is_put_in_or_announced_outside_master_or_in_the_wrong_order_is_seen() {
    let put_in = plant(|world, judge| show(judge, world, B, add(world, B)));
    assert_eq!(put_in, ["K3"]);
    let (address, mac) = ("192.0.2.10".parse().unwrap(), base::Mac([2, 0, 0, 1, 0, 2]));
    let announced = plant(|world, judge| {
        let link = vip(world, B).link;
        show(judge, world, B, What::Announced { link, address, mac });
    });
    assert!(announced.contains(&"K3"), "{announced:?}");
    let silent = plant(|world, judge| show(judge, world, B, state(State::Master)));
    assert!(silent.contains(&"K3"), "no advert came first: {silent:?}");
}

#[test]
fn too_many_and_too_few_announcements_are_seen() {
    let too_many = plant(|world, judge| {
        judge.rest(world, Rest::Healed);
        let link = vip(world, A).link;
        let (address, mac) = ("192.0.2.10".parse().unwrap(), base::Mac([2, 0, 0, 0, 0, 2]));
        show(judge, world, A, What::Announced { link, address, mac });
        judge.rest(world, Rest::Quiet);
    });
    assert!(too_many.contains(&"K4"), "{too_many:?}");
    let too_few = plant(|world, judge| {
        show(judge, world, A, state(State::Master));
        let later = world.now() + Duration::from_secs(1);
        let what = What::Turn { inputs: 0, effects: 0 };
        judge.see(world, &Observation { at: later, node: Some(A), what });
    });
    assert!(too_few.contains(&"K4"), "{too_few:?}");
}

#[test]
fn hosts_that_look_for_the_address_elsewhere_after_two_masters_met_are_seen() {
    let found = plant(|world, judge| {
        let link = eth0(world, A);
        let facts = world.node_mut(A).host.links.get_mut(&link).unwrap();
        facts.mac = Some(base::Mac([2, 0, 0, 0, 0, 99]));
        let lower = vrrp::io::Event::LowerReceived {
            instance: InstanceId(0),
            source: "192.0.2.254".parse().unwrap(),
            priority: Priority(100),
            ours: Priority(150),
            answered: true,
        };
        show(judge, world, A, What::Event(Event::Vrrp(lower)));
        let what = What::Turn { inputs: 0, effects: 0 };
        judge.see(world, &Observation { at: at(40), node: Some(A), what });
    });
    assert!(found.contains(&"K5"), "{found:?}");
}

#[test]
fn a_left_over_at_the_first_advert_is_seen() {
    let found = plant(|world, judge| {
        let mut held =
            world.node(A).host.addresses.iter().find(|h| h.facts.protocol == Some(18)).unwrap().clone();
        held.facts.net = net("192.0.2.77/24");
        world.node_mut(A).host.addresses.push(held);
        show(judge, world, A, What::Booted);
        let advert = Advert {
            instance: Some(InstanceId(0)),
            link: None,
            source: "192.0.2.253".parse().unwrap(),
            destination: "224.0.0.18".parse().unwrap(),
            version: Version::V2,
            vrid: Vrid::new(51).unwrap(),
            priority: Priority(0),
            sequence: None,
        };
        show(judge, world, A, What::Advert(advert));
        show(judge, world, A, What::Turn { inputs: 0, effects: 0 });
    });
    assert!(found.contains(&"K6"), "{found:?}");
}

#[test]
fn a_touch_of_what_is_not_ours_is_seen() {
    let found = plant(|world, judge| {
        let (link, peer) = (eth0(world, A), None);
        let on = vip(world, A).link;
        let foreign = world.node_mut(A).host.foreign_add(on, net("203.0.113.5/24"));
        assert!(matches!(foreign[..], [KernelEvent::Address(_)]));
        let operation = Operation::DelAddress { link, net: net("203.0.113.5/24"), peer };
        show(judge, world, A, What::Wanted { op: OpId(9_999), operation });
    });
    assert_eq!(found, ["K7"]);
}

#[test]
fn a_view_that_differs_from_the_kernel_and_a_dump_that_never_comes_are_seen() {
    let differs = plant(|world, judge| {
        let link = vip(world, B).link;
        world.node_mut(B).host.foreign_add(link, net("203.0.113.5/24"));
        judge.rest(world, Rest::Healed);
    });
    assert_eq!(differs, ["K8"]);
    let no_dump = plant(|world, judge| {
        show(judge, world, B, What::Event(Event::Resync));
        let what = What::Turn { inputs: 0, effects: 0 };
        judge.see(world, &Observation { at: at(30), node: Some(B), what });
    });
    assert!(no_dump.contains(&"K8"), "{no_dump:?}");
}

#[test]
fn a_reload_that_moves_something_or_that_nobody_ordered_is_seen() {
    let moves = plant(|world, judge| {
        judge.rest(world, Rest::Quiet);
        show(judge, world, A, add(world, A));
    });
    assert_eq!(moves, ["R1"]);
    let attributes = plant(|world, judge| {
        let held = world.node_mut(A).host.addresses.iter_mut().find(|h| h.facts.protocol == Some(18));
        held.unwrap().facts.label = Some("eth0:1".into());
        judge.rest(world, Rest::Healed);
    });
    assert!(attributes.contains(&"R2"), "{attributes:?}");
    let nobody = plant(|world, judge| {
        let model = world.node(A).models[1].clone();
        show(judge, world, A, What::Configured(model));
    });
    assert!(nobody.contains(&"R3"), "{nobody:?}");
}

#[test]
fn a_fifo_line_that_is_not_true_or_is_missing_is_seen() {
    let wrong = plant(|world, judge| {
        show(judge, world, A, What::Fifo(FifoKind::Vrrp, "INSTANCE \"VI_1\" FAULT 150\n".into()));
    });
    assert_eq!(wrong, ["N1"]);
    let missing = plant(|world, judge| {
        show(judge, world, B, state(State::Fault));
        judge.rest(world, Rest::Healed);
    });
    assert!(missing.contains(&"N1"), "{missing:?}");
}

#[test]
fn a_second_socket_of_a_kind_and_a_turn_without_end_are_seen() {
    let leak = plant(|world, judge| {
        let process = world.node_mut(A).process.as_mut().unwrap();
        let socket = process.sockets.values().next().unwrap().clone();
        process.sockets.insert(SocketId(9_999), socket);
        judge.rest(world, Rest::Healed);
    });
    assert!(leak.contains(&"X1"), "{leak:?}");
    let busy = plant(|world, judge| show(judge, world, A, What::Turn { inputs: 1, effects: 19_000 }));
    assert!(busy.contains(&"X3"), "{busy:?}");
}

#[test]
fn a_sync_daemon_that_does_not_follow_its_instance_is_seen() {
    let found = |what: fn(&mut World)| {
        plant(|world, judge| {
            what(world);
            judge.rest(world, Rest::Healed);
        })
    };
    assert!(found(|_| {}).is_empty());
    assert_eq!(found(|world| world.node_mut(A).host.sync.clear()), ["K1"]);
    assert_eq!(found(|world| world.node_mut(A).host.adrift.extend([SyncHalf::Master])), ["K1"]);
    let both = |world: &mut World| {
        let host = &mut world.node_mut(B).host;
        let settings = host.sync.values().next().unwrap().clone();
        host.sync.insert(SyncHalf::Master, settings);
    };
    assert_eq!(found(both), ["K1"]);
    let left = plant(|world, judge| show(judge, world, B, What::Ended { orderly: true }));
    assert!(left.contains(&"K6"), "{left:?}");
}

#[test]
fn a_daemon_that_is_told_to_stop_and_runs_on_is_seen() {
    let found = plant(|world, judge| {
        judge.see(world, &Observation { at: at(20), node: None, what: What::Fault(Fault::Stop(A)) });
        let what = What::Turn { inputs: 0, effects: 0 };
        judge.see(world, &Observation { at: at(30), node: Some(A), what });
    });
    assert!(found.contains(&"X4"), "{found:?}");
}

// --- silence ---

/// Runs a pair through faults, then to all points of rest.
fn ordinary(seed: u64, faults: Vec<(u64, Fault)>) {
    let (mut world, mut judge) = pair(seed);
    for (second, fault) in &faults {
        world.schedule(at(*second), fault.clone());
    }
    let mut rest = |world: &mut World, until, rest| {
        assert!(judge.watch(world, at(until), |_, _| {}), "{faults:?}: {:?}", judge.found());
        assert!(judge.calm(world, |_, _| {}), "{faults:?}: {:?}", judge.found());
        assert!(judge.rest(world, rest), "{faults:?}: {:?}", judge.found());
    };
    world.schedule(at(60), Fault::Heal);
    world.schedule(at(60), Fault::Reload { node: A, model: 0 });
    rest(&mut world, 100, Rest::Healed);
    rest(&mut world, 130, Rest::Quiet);
    for node in world.ids() {
        world.schedule(at(130), Fault::Reload { node, model: 0 });
    }
    rest(&mut world, 140, Rest::Reloaded);
    for node in world.ids() {
        world.schedule(at(140), Fault::Stop(node));
    }
    rest(&mut world, 146, Rest::Stopped);
}

#[test]
fn ordinary_lives_are_without_reproach() {
    let (world, _) = pair(1);
    let link = vip(&world, A).link;
    let address = net("192.0.2.10/24").addr();
    let reload = |model| Fault::Reload { node: A, model };
    let refuse = Fault::FailOperations { node: A, times: 3, errno: 16 };
    let lives: Vec<Vec<(u64, Fault)>> = vec![
        vec![],
        vec![(20, Fault::PowerOff(A)), (40, Fault::PowerOn(A))],
        vec![(20, Fault::Kill(A)), (40, Fault::Start(A))],
        vec![(20, Fault::Crash(A)), (30, Fault::Crash(B))],
        vec![(20, Fault::Stop(A)), (40, Fault::Start(A))],
        vec![(20, Fault::Pause(A)), (40, Fault::Resume(A))],
        vec![(20, Fault::Freeze(A)), (40, Fault::Thaw(A))],
        vec![(20, reload(0)), (25, reload(1)), (30, reload(2)), (35, reload(0))],
        vec![(20, reload(7))],
        vec![(20, Fault::LinkDown(A, link)), (30, Fault::LinkUp(A, link))],
        vec![(20, Fault::LinkDelete(A, link)), (30, Fault::LinkCreate(A, link))],
        vec![(20, Fault::Unplug(A, link)), (30, Fault::Plug(A, link))],
        vec![(20, Fault::Cut(A, B)), (40, Fault::Mend(A, B))],
        vec![(20, Fault::Mute(A, link)), (40, Fault::Hear(A, link))],
        vec![(20, Fault::DeleteAddress(A, address)), (30, Fault::DeleteRoutes(A))],
        vec![(20, Fault::StopSync(A)), (30, Fault::StartSync(B, link, 9))],
        vec![(20, Fault::AddAddress(B, link, net("192.0.2.10/24")))],
        vec![(20, Fault::AddAddress(A, link, net("203.0.113.9/24")))],
        vec![(20, refuse), (20, Fault::DeleteAddress(A, address))],
        vec![(20, Fault::LoseNews(A, Duration::from_secs(3))), (21, Fault::DeleteAddress(A, address))],
    ];
    for (seed, life) in lives.into_iter().enumerate() {
        ordinary(seed as u64, life);
    }
}

#[test]
fn hostile_packets_and_floods_of_them_have_no_effect() {
    let (world, _) = pair(1);
    let mut rng = base::Rng::new(5);
    let mut faults = Vec::new();
    for n in 0..30 {
        let stranger = hostile::refused(&world, &mut rng).unwrap();
        assert!(!stranger.valid);
        faults.push((10 + n, Fault::Stranger(stranger.into())));
    }
    let flood = hostile::flood(hostile::refused(&world, &mut rng).unwrap(), 500, Duration::from_secs(1));
    faults.extend(flood.into_iter().map(|(_, fault)| (45, fault)));
    ordinary(9, faults);
    let (mut world, mut judge) = pair(1);
    for n in 0..100 {
        let stranger = hostile::refused(&world, &mut rng).unwrap();
        world.schedule(at(20) + Duration::from_millis(n * 100), Fault::Stranger(stranger.into()));
    }
    let mut changes = 0;
    judge.watch(&mut world, at(40), |_, seen| {
        let state = matches!(&seen.what, What::Event(Event::Vrrp(vrrp::io::Event::State { .. })));
        changes += usize::from(state && seen.at > at(19));
    });
    assert_eq!((changes, judge.found()), (0, &[][..]));
    assert!(hostile::forged(&world, &mut rng).unwrap().valid);
}
