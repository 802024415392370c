//! The state of the kernel: F-21 to F-31.

use base::Duration;
use engine::facts::KernelEvent;
use engine::io::Operation;
use vipd_sim::Fault;
use vipd_sim::observe::What;
use vrrp::io::State;

use crate::stage::*;

fn pair() -> Stage {
    let mut stage = Stage::of(&[one(150, ""), one(100, "")]);
    stage.secs(10);
    assert_eq!(stage.holders(vip()), [A]);
    stage.forget();
    stage
}

#[test]
fn lost_news_are_found_out_by_a_full_look_f21() {
    let mut stage = pair();
    stage.now(Fault::LoseNews(A, ms(500)));
    stage.after(ms(100), Fault::DeleteAddress(A, vip()));
    stage.after(ms(200), Fault::LinkDown(B, eth0()));
    stage.after(ms(300), Fault::LinkUp(B, eth0()));
    stage.secs(5);
    assert_eq!(stage.holders(vip()), [A]);
    assert!(stage.count(A, |w| matches!(w, What::Dumped)) >= 1);
}

#[test]
fn news_that_are_lost_without_a_sign_are_found_out_within_a_minute_f21() {
    // A lease would be renewed with the next advert.
    let mut stage = Stage::of(&[one(150, "vip_lease off"), one(100, "vip_lease off")]);
    stage.secs(10);
    stage.forget();
    stage.now(Fault::MissNews(A, ms(500)));
    stage.after(ms(100), Fault::DeleteAddress(A, vip()));
    stage.secs(5);
    assert_eq!(stage.holders(vip()), [], "nobody knows yet");
    stage.secs(60);
    assert_eq!(stage.holders(vip()), [A]);
    assert!(stage.count(A, |w| matches!(w, What::Event(engine::io::Event::Repaired { .. }))) >= 1);
}

#[test]
fn a_start_survives_the_loss_of_its_first_dump_f21() {
    for micros in (0..1_000).step_by(50) {
        let mut stage = Stage::of(&[one(150, ""), one(100, "")]);
        stage.after(Duration::from_micros(micros), Fault::LoseNews(A, ms(50)));
        stage.secs(10);
        assert_eq!(stage.masters(51), [A]);
        assert_eq!(stage.holders(vip()), [A]);
    }
}

#[test]
fn an_interface_that_vanishes_and_comes_back_under_another_index_is_used_again_f23() {
    let mut stage = pair();
    stage.now(Fault::LinkDelete(A, eth0()));
    stage.secs(5);
    assert_eq!(stage.state(A, "VI_1"), State::Fault);
    assert_eq!(stage.holders(vip()), [B]);
    stage.now(Fault::LinkCreate(A, eth0()));
    stage.secs(10);
    assert_eq!(stage.masters(51), [A]);
    assert_eq!(stage.holders(vip()), [A]);
}

#[test]
fn an_interface_may_flap_at_any_instant_of_a_start_f23() {
    for micros in (0..2_000).step_by(40) {
        let mut stage = Stage::of(&[one(150, ""), one(100, "")]);
        stage.after(Duration::from_micros(micros), Fault::LinkDelete(A, eth0()));
        stage.after(Duration::from_micros(micros + 300), Fault::LinkCreate(A, eth0()));
        stage.secs(20);
        assert_eq!(stage.masters(51), [A], "after {micros} us");
        assert_eq!(stage.holders(vip()), [A]);
    }
}

#[test]
fn left_overs_of_a_kill_at_any_instant_are_gone_before_the_first_advert_f24() {
    for micros in (0..1_500).step_by(25) {
        let mut stage = pair();
        // B takes over from a dead A, and dies in the middle of it.
        stage.now(Fault::PowerOff(A));
        stage.run(ms(2_400));
        while stage.masters(51) != [B] {
            stage.run(ms(1));
        }
        stage.run(Duration::from_micros(micros));
        stage.now(Fault::Kill(B));
        stage.run(ms(100));
        stage.forget();
        stage.now(Fault::Start(B));
        stage.run(ms(100));
        assert_eq!(stage.holders(vip()), [], "{micros} us after it became master");
        assert_eq!(stage.count(B, is_advert), 0);
        stage.secs(6);
        assert_eq!(stage.holders(vip()), [B]);
    }
}

#[test]
fn a_left_over_address_never_serves_as_a_source_f25() {
    let mut stage = pair();
    stage.now(Fault::Kill(A));
    stage.secs(1);
    // Its own address is gone, and only what was left over is there when it starts.
    let own: Vec<_> = stage.world.node(A).host.own_links().flat_map(|(_, nets)| nets.to_vec()).collect();
    for net in own.iter().filter(|net| net.addr().is_ipv4()) {
        stage.now(Fault::DeleteAddress(A, net.addr()));
    }
    stage.now(Fault::AddAddress(A, eth0(), "192.0.2.10/24".parse().unwrap()));
    stage.forget();
    stage.now(Fault::Start(A));
    stage.secs(5);
    let from_it = |what: &What| matches!(what, What::Advert(advert) if advert.source == vip());
    assert_eq!(stage.count(A, from_it), 0);
    assert_eq!(stage.state(A, "VI_1"), State::Fault);
}

#[test]
fn a_deleted_address_is_back_at_once_and_its_master_stays_master_f26() {
    let mut stage = pair();
    for n in 0..5 {
        stage.after(ms(700) * n, Fault::DeleteAddress(A, vip()));
    }
    stage.secs(10);
    assert_eq!(stage.holders(vip()), [A]);
    assert_eq!(stage.states(A), []);
    assert_eq!(stage.states(B), []);
    let gone = |w: &What| matches!(w, What::Kernel(KernelEvent::AddressGone(f)) if f.net.addr() == vip());
    let (first, back) = (
        stage.first(A, gone).unwrap(),
        |w: &What| matches!(w, What::Kernel(KernelEvent::Address(f)) if f.net.addr() == vip()),
    );
    let back = stage.seen.iter().find(|o| o.at >= first && o.node == Some(A) && back(&o.what)).unwrap().at;
    assert!(back.since(first) < ms(2), "{}", back.since(first));
}

#[test]
fn whoever_deletes_the_first_address_of_a_network_takes_no_other_for_long_f26() {
    let text = "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n priority 150\n virtual_ipaddress \
                {\n 198.51.100.1/24\n 198.51.100.2/24\n 198.51.100.3/24\n }\n}\n";
    let mut stage = Stage::of(&[text.to_owned()]);
    stage.secs(10);
    stage.now(Fault::DeleteAddress(A, "198.51.100.1".parse().unwrap()));
    stage.run(ms(200));
    for n in 1..=3 {
        assert_eq!(stage.holders(format!("198.51.100.{n}").parse().unwrap()), [A]);
    }
}

#[test]
fn an_ipv6_router_waits_for_duplicate_address_detection_f28() {
    let text = |priority: u8| {
        format!(
            "vrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 51\n priority {priority}\n version 3\n \
             virtual_ipaddress {{\n 2001:db8::10/64\n }}\n}}\n"
        )
    };
    let mut stage = Stage::of(&[text(150), text(100)]);
    stage.secs(10);
    assert_eq!(stage.masters(51), [A]);
    stage.now(Fault::LinkDown(A, eth0()));
    stage.secs(6);
    assert_eq!(stage.masters(51), [B]);
    stage.now(Fault::LinkUp(A, eth0()));
    stage.secs(10);
    assert_eq!(stage.masters(51), [A]);
    assert_eq!(stage.holders("2001:db8::10".parse().unwrap()), [A]);
}

#[test]
fn routes_come_after_the_addresses_that_they_need_and_go_before_them_f30() {
    let routes = "virtual_routes {\n 203.0.113.0/24 via 192.0.2.1 dev eth0 src 192.0.2.10\n }";
    let mut stage = Stage::of(&[one(150, routes), one(100, routes)]);
    stage.secs(10);
    assert_eq!(stage.world.node(A).host.routes.len(), 1);
    stage.now(Fault::Stop(A));
    stage.secs(5);
    let order: Vec<&str> = stage
        .seen
        .iter()
        .filter(|o| o.node == Some(A))
        .filter_map(|o| match &o.what {
            What::Wanted { operation: Operation::AddAddress { .. }, .. } => Some("+address"),
            What::Wanted { operation: Operation::DelAddress { .. }, .. } => Some("-address"),
            What::Wanted { operation: Operation::AddRoute { .. }, .. } => Some("+route"),
            What::Wanted { operation: Operation::DelRoute { .. }, .. } => Some("-route"),
            _ => None,
        })
        .collect();
    assert_eq!(order.first(), Some(&"+address"));
    assert_eq!(order.iter().filter(|o| **o == "+route").count(), 1);
    assert_eq!(&order[order.len() - 2..], ["-route", "-address"]);
    assert!(stage.world.node(A).host.routes.is_empty());
}

#[test]
fn with_many_routers_all_adverts_go_before_any_address_f31() {
    let text = |priority: u8| -> String {
        (1..=200)
            .map(|n| {
                format!(
                    "vrrp_instance VI_{n} {{\n interface eth0\n virtual_router_id {n}\n priority {priority}\n \
                     virtual_ipaddress {{\n 10.0.{n}.1/24\n 10.0.{n}.2/24\n }}\n}}\n"
                )
            })
            .collect()
    };
    let mut stage = Stage::of(&[text(150), text(100)]);
    stage.secs(10);
    for vrid in 1..=200 {
        assert_eq!(stage.masters(vrid), [A]);
    }
    stage.now(Fault::PowerOff(A));
    stage.forget();
    stage.secs(5);
    // Adverts of masters that share an instant part, and so do those who take over from them.
    let mut instants: std::collections::BTreeMap<base::Instant, Vec<bool>> = Default::default();
    for seen in stage.seen.iter().filter(|o| o.node == Some(B)) {
        match seen.what {
            What::Advert(_) => instants.entry(seen.at).or_default().push(true),
            What::Wanted { .. } => instants.entry(seen.at).or_default().push(false),
            _ => {}
        }
    }
    assert!(instants.values().any(|kinds| kinds.iter().filter(|is_advert| **is_advert).count() >= 20));
    assert!(instants.values().all(|kinds| kinds.is_sorted_by(|a, b| a >= b)), "adverts first");
    for vrid in 1..=200 {
        assert_eq!(stage.masters(vrid), [B]);
    }
}
