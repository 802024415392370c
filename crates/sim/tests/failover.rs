//! The main job, in the virtual world.

use std::sync::Arc;

use base::{Duration, Instant};
use config::{MapSource, Options, load};
use model::Model;
use vipd_sim::cluster::Router;
use vipd_sim::setup::{Plan, world};
use vipd_sim::world::Pace;
use vipd_sim::{Fault, NodeId, World};
use vrrp::io::State;

fn model(priority: u8) -> Arc<Model> {
    let text = format!(
        "vrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 51\n priority {priority}\n advert_int 1\n \
         virtual_ipaddress {{\n 192.0.2.10/24\n }}\n}}\n"
    );
    let loaded = load(&MapSource::new().file("/k.conf", text), &Options::new("/k.conf"));
    Arc::new(loaded.model.expect("it can be run"))
}

fn pair(seed: u64) -> World {
    let plan = |name: &str, priority| Plan { name: name.into(), models: vec![model(priority)] };
    let mut world = world(&[plan("A", 150), plan("B", 100)], Pace::FAIR, seed);
    for node in world.ids() {
        world.schedule(Instant::ZERO, Fault::Start(node));
    }
    world
}

fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

#[test]
fn when_the_master_dies_the_backup_takes_over() {
    let mut world = pair(1);
    world.run(at(10));
    let router = Router::all(&world).remove(0);
    assert_eq!(router.in_state(&world, State::Master), [NodeId(0)]);
    assert_eq!(router.holders(&world, "192.0.2.10".parse().unwrap()), [NodeId(0)]);
    world.schedule(at(10), Fault::PowerOff(NodeId(0)));
    world.run(at(14));
    assert_eq!(router.in_state(&world, State::Master), [NodeId(1)]);
    assert_eq!(router.holders(&world, "192.0.2.10".parse().unwrap()), [NodeId(1)]);
}

#[test]
fn the_same_seed_gives_the_same_world() {
    let trace = |seed| {
        let mut world = pair(seed);
        world.schedule(at(5), Fault::Kill(NodeId(0)));
        world.run(at(20));
        format!("{:?}", world.observed())
    };
    assert_eq!(trace(7), trace(7));
    assert_ne!(trace(7), trace(8));
}
