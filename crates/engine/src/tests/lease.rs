//! The VIP lease: when addresses are renewed, and what happens when they were not.

use base::{Duration, Instant};
use model::{Instance, Model};
use vrrp::io::State;

use super::build::*;
use super::world::*;
use crate::facts::KernelEvent;
use crate::io::Input;

const VIP: &str = "192.0.2.100/24";
const LEASED: &str = "add 192.0.2.100/24 eth0 for 2 s";

fn leased(vrid: u8, priority: u8, vips: &[&str]) -> Instance {
    Instance { lease: Some(2), ..instance(vrid, priority, vips) }
}

fn one() -> Model {
    model(vec![leased(51, 100, &[VIP])])
}

/// When something was done, in nanoseconds since `from`, against when adverts were sent.
fn with_adverts(world: &World, what: &str, from: Instant) -> (Vec<u64>, Vec<u64>) {
    (world.times(what, from), world.times("send 51", from))
}

#[test]
fn addresses_are_put_in_for_the_lease_and_renewed_with_each_advert_and_nobody_notices() {
    let mut world = World::started(one());
    world.run_until("add 192.0.2.100", secs(5));
    assert_eq!(world.lines(&["add"]), ["add 192.0.2.100/24 eth0 for 2 s"]);
    world.run(secs(6));
    for echo in [Echo::Before, Echo::After, Echo::Late] {
        world.echo = echo;
        let from = world.now + Duration::from_nanos(1);
        world.trace.clear();
        world.run(secs(10));
        let (renewed, adverts) = with_adverts(&world, "add 192.0.2.100/24 eth0 for 2 s", from);
        assert_eq!((renewed.len(), &renewed), (10, &adverts), "{echo:?}");
        // Nothing else: no event, no announcement, no other operation.
        assert_eq!(world.trace.len(), 20, "{echo:?}: {:?}", world.trace);
        while world.deliver() {}
        assert_eq!(world.trace.len(), 20, "{echo:?}");
    }
    world.check_quiescent();
}

#[test]
fn what_an_earlier_life_leased_is_leased_anew_as_soon_as_it_is_adopted() {
    let mut world = World::new(model(vec![leased(51, 255, &[VIP])]));
    let mut left_over = on_link(2, VIP, Some(18));
    left_over.valid_lft = Some(1);
    world.addresses.push(left_over);
    world.boot();
    world.run(ms(1));
    assert_eq!(world.state(0), State::Master);
    assert_eq!(world.lines(&["add"]), [LEASED]);
}

#[test]
fn nothing_is_renewed_after_leaving_master_and_nothing_static_ever() {
    let mut all = one();
    all.static_addresses = vec![vip("192.0.2.50/24", "eth0")];
    let mut world = World::masters(all);
    let add = |world: &World| world.lines(&["add 192.0.2.100"]).len();
    world.run(secs(3));
    assert_eq!(add(&world), 3);
    world.hear(51, 200, "192.0.2.9");
    let before = add(&world);
    world.run(secs(2));
    assert_eq!((world.state(0), add(&world)), (State::Backup, before));
    assert!(world.lines(&["add 192.0.2.50"]).is_empty());
    assert!(!world.has(VIP) && world.has("192.0.2.50/24"));
    world.check_quiescent();
}

#[test]
fn an_address_that_is_static_too_or_of_somebody_without_a_lease_stays_for_ever() {
    let mut all = one();
    all.static_addresses = vec![vip(VIP, "eth0")];
    assert!(World::masters(all).lines(&[LEASED]).is_empty());

    let others = model(vec![leased(51, 100, &[VIP]), instance(52, 100, &[VIP])]);
    let mut world = World::masters(others);
    world.run(secs(3));
    assert!(world.lines(&[LEASED]).is_empty());
    // Once the other one has left, it is leased.
    world.hear(52, 200, "192.0.2.9");
    world.run(secs(2));
    assert!(!world.lines(&[LEASED]).is_empty());
}

#[test]
fn adverts_in_a_hurry_renew_once() {
    let mut world = World::masters(one());
    world.run(ms(500));
    world.trace.clear();
    for _ in 0..100 {
        world.hear(51, 50, "192.0.2.9");
        world.run(ms(1));
    }
    assert!(world.lines(&["send 51"]).len() > 1);
    assert_eq!(world.lines(&[LEASED]).len(), 1);
}

/// Nothing runs for so long; then the kernel tells that the lease is over.
fn sleep(world: &mut World, span: Duration) {
    world.now += span;
    let at = world.addresses.iter().position(|a| a.net == net(VIP)).unwrap();
    let gone = world.addresses.remove(at);
    world.input_only(Input::Kernel(KernelEvent::AddressGone(gone)));
}

#[test]
fn a_master_that_was_held_up_for_a_lease_puts_its_address_back_after_its_advert() {
    let mut world = World::masters(one());
    world.run_until("send 51", secs(2));
    world.trace.clear();
    sleep(&mut world, ms(2_500));
    assert!(!world.has(VIP), "before the timers have decided");
    world.run(ms(1));
    let told = ["event Lapsed", "event Repaired", "send 51", "add"];
    let lines = world.lines(&told);
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].contains("Lapsed") && lines[1].starts_with("send 51"), "{lines:?}");
    assert_eq!(lines[2], "add 192.0.2.100/24 eth0 for 2 s");
    // It is announced anew.
    assert!(!world.lines(&["frame"]).is_empty());
    world.run(secs(2));
    world.check_quiescent();
}

#[test]
fn a_master_that_others_may_have_replaced_says_that_it_is_there_before_it_has_its_address() {
    let mut world = World::masters(one());
    world.run_until("send 51", secs(2));
    world.trace.clear();
    sleep(&mut world, ms(3_002));
    let woken = world.now;
    world.run(ms(500));
    assert_eq!(world.times("send 51", woken)[0], 0);
    assert_eq!(world.times("add 192.0.2.100", woken), [200_000_000]);
}

#[test]
fn a_master_that_was_paused_does_not_put_its_address_back_before_it_has_listened() {
    let mut world = World::masters(one());
    world.run_until("send 51", secs(2));
    world.trace.clear();
    sleep(&mut world, ms(6_300));
    world.run(ms(1));
    assert_eq!(world.state(0), State::Backup);
    assert!(world.lines(&["add", "send"]).is_empty());
    // Nobody is there.
    world.run(secs(5));
    assert_eq!(world.state(0), State::Master);
    assert!(world.has(VIP));
    world.check_quiescent();
}

#[test]
fn an_address_that_somebody_deletes_within_its_lease_is_put_back_at_once() {
    let mut world = World::masters(one());
    world.run(ms(1_500));
    world.trace.clear();
    let from = world.now;
    world.foreign_delete(VIP);
    assert_eq!(world.times("add 192.0.2.100/24 eth0 for 2 s", from), [0]);
    assert_eq!(world.lines(&["event Repaired"]).len(), 1);
}

#[test]
fn a_lapse_is_no_loss_for_an_address_that_is_not_tracked() {
    let mut all = one();
    all.instances[0].addresses[0].no_track = true;
    let mut world = World::masters(all);
    world.run_until("send 51", secs(2));
    sleep(&mut world, ms(2_500));
    world.run(ms(1));
    assert!(world.has(VIP));
}

#[test]
fn a_reload_switches_the_lease_on_and_off_without_an_announcement() {
    let plain = model(vec![instance(51, 100, &[VIP])]);
    let mut world = World::masters(plain.clone());
    world.reload(one());
    assert!(world.lines(&["add"]).is_empty(), "it comes with the next advert");
    world.run(secs(1));
    assert_eq!(world.lines(&["add"]), ["add 192.0.2.100/24 eth0 for 2 s"]);
    world.trace.clear();
    world.reload(one());
    assert!(world.lines(&["add", "frame"]).is_empty(), "nothing has changed");
    world.reload(plain);
    assert_eq!(world.lines(&["add", "frame"]), ["add 192.0.2.100/24 eth0"]);
    world.trace.clear();
    world.run(secs(5));
    assert!(world.lines(&["add", "frame"]).is_empty());
    world.check_quiescent();
}

#[test]
fn what_is_kept_at_the_end_is_kept_for_ever() {
    let mut world = World::masters(one());
    world.run(ms(500));
    world.trace.clear();
    world.input(Input::Stop { keep: true });
    assert_eq!(world.lines(&["add", "del"]), ["add 192.0.2.100/24 eth0"]);
    assert!(world.stopped && world.has(VIP));
}

#[test]
fn a_renewal_that_fails_is_tried_again_before_the_lease_is_over() {
    let mut world = World::masters(one());
    world.failures.push(("add 192.0.2.100".into(), 105, 2));
    world.run_until("add", secs(2));
    let from = world.now;
    world.run(ms(900));
    assert_eq!(world.times("add 192.0.2.100", from), [0, 100_000_000, 300_000_000]);
}

#[test]
fn a_preferred_lifetime_goes_on_and_does_not_begin_anew() {
    let mut all = one();
    all.instances[0].addresses[0].preferred_lft = Some(5);
    let mut world = World::started(all);
    world.run_until("add 192.0.2.100", secs(5));
    let left = |world: &World| world.addresses.iter().find(|a| a.net == net(VIP)).unwrap().preferred_lft;
    let mut seen = vec![left(&world)];
    for _ in 0..6 {
        world.run(secs(1));
        seen.push(left(&world));
    }
    assert_eq!(seen, [5, 4, 3, 2, 1, 0, 0].map(Some));
}

#[test]
fn a_leased_ipv6_address_makes_no_route_where_the_host_has_one_of_its_own() {
    let vips = ["2001:db8::100/64", "2001:db8::101/64", "2001:db8:1::100/64", "2001:db8::102/128"];
    let mut world = World::new(model(vec![Instance { lease: Some(2), ..instance(51, 100, &vips) }]));
    world.addresses.push(on_link(2, "2001:db8::1/64", None));
    world.boot();
    world.run(secs(10));
    let silent =
        |text: &str| world.addresses.iter().find(|a| a.net == net(text)).unwrap().flags.noprefixroute;
    assert_eq!(vips.map(silent), [true, true, false, false]);
}

#[test]
fn nothing_is_announced_whose_lease_is_over() {
    let mut world = World::masters(one());
    world.run_until("send 51", secs(2));
    world.trace.clear();
    // It hears the other one before it hears of its own loss.
    world.now += ms(3_002);
    world.hear_only(51, 50, "192.0.2.9");
    assert!(!world.lines(&["send"]).is_empty());
    assert!(world.lines(&["frame", "add"]).is_empty());
}
