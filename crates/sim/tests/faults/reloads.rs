//! Reloads: F-03 to F-05, F-27.

use base::Duration;
use vipd_sim::Fault;
use vipd_sim::observe::What;
use vrrp::io::State;

use crate::stage::*;

fn two(first: &[u8], second: &[u8]) -> String {
    let router = |n: u8, addresses: &[u8]| {
        let lines: String = addresses.iter().map(|a| format!("  192.0.2.{a}/24\n")).collect();
        format!(
            "vrrp_instance VI_{n} {{\n interface eth0\n virtual_router_id {n}\n priority 150\n \
             virtual_ipaddress {{\n{lines} }}\n}}\n"
        )
    };
    router(1, first) + &router(2, second)
}

#[test]
fn of_reloads_close_together_the_newest_wins_f03() {
    let texts = [one(150, ""), one(90, ""), one(120, "")];
    let mut stage = Stage::with(&[&texts, &[one(100, "")]]);
    stage.secs(10);
    for model in [1, 2, 1, 2, 0, 1] {
        stage.now(Fault::Reload { node: A, model });
    }
    stage.secs(10);
    assert_eq!(stage.masters(51), [B], "90 is below 100");
    assert_eq!(stage.world.node(A).in_force().instances[0].protocol.priority.0, 90);
}

#[test]
fn a_reload_before_the_start_is_through_is_not_lost_f03() {
    for micros in [0, 50, 100, 200, 300, 500, 700, 1_000] {
        let texts = [one(150, ""), one(90, "")];
        let mut stage = Stage::with(&[&texts, &[one(100, "")]]);
        stage.after(Duration::from_micros(micros), Fault::Reload { node: A, model: 1 });
        stage.secs(10);
        assert_eq!(stage.masters(51), [B], "a reload after {micros} us");
    }
}

#[test]
fn a_reload_during_the_startup_delay_or_the_end_does_no_harm_f03() {
    let text = |priority| "global_defs {\n vrrp_startup_delay 5\n}\n".to_owned() + &one(priority, "");
    let texts = [text(150), text(90)];
    let mut stage = Stage::with(&[&texts, &[one(100, "")]]);
    stage.after(Duration::from_secs(2), Fault::Reload { node: A, model: 1 });
    stage.secs(15);
    assert_eq!(stage.masters(51), [B]);
    stage.now(Fault::Stop(B));
    stage.now(Fault::Reload { node: B, model: 0 });
    stage.secs(5);
    assert!(stage.world.node(B).process.is_none());
    assert_eq!(stage.holders(vip()), [A]);
}

#[test]
fn a_reload_of_the_same_file_is_not_noticed_by_anybody_f05() {
    let script = "global_defs {\n vrrp_notify_fifo /run/f\n}\nvrrp_script check {\n script /bin/true\n \
                  interval 1\n}\n";
    // Without a lease, whose renewals are writes that have nothing to do with a reload.
    let more = "track_script {\n check weight 10\n }\n garp_master_delay 5\n vip_lease off";
    let text = |priority| script.to_owned() + &one(priority, more);
    let mut stage = Stage::of(&[text(150), text(100)]);
    stage.secs(10);
    stage.forget();
    for n in 0..200 {
        stage.after(ms(137) * n, Fault::Reload { node: if n % 3 == 0 { B } else { A }, model: 0 });
    }
    stage.secs(30);
    for node in [A, B] {
        assert_eq!(stage.count(node, is_write), 0);
        assert_eq!(stage.count(node, is_told), 0);
        assert_eq!(stage.states(node), []);
    }
    let adverts = stage.count(A, is_advert);
    assert!((29..=31).contains(&adverts), "{adverts} adverts in 30 s");
}

#[test]
fn a_reload_there_and_back_leaves_everything_as_it_was_f04() {
    let texts = [two(&[10, 11], &[20]), two(&[10], &[20, 21])];
    let mut stage = Stage::with(&[&texts]);
    stage.secs(10);
    let before = stage.world.node(A).host.dump(stage.world.now());
    stage.now(Fault::Reload { node: A, model: 1 });
    stage.secs(5);
    assert_eq!(stage.holders("192.0.2.11".parse().unwrap()), []);
    assert_eq!(stage.holders("192.0.2.21".parse().unwrap()), [A]);
    stage.now(Fault::Reload { node: A, model: 0 });
    stage.secs(5);
    let nets = |dump: engine::facts::KernelDump| {
        let mut nets: Vec<_> = dump.addresses.into_iter().map(|a| (a.link, a.net)).collect();
        nets.sort();
        nets
    };
    assert_eq!(nets(stage.world.node(A).host.dump(stage.world.now())), nets(before));
    assert_eq!(stage.state(A, "VI_1"), State::Master);
}

#[test]
fn an_address_that_moves_between_instances_is_never_missing_f27() {
    let texts = [two(&[10, 11], &[20]), two(&[10], &[20, 11])];
    let mut stage = Stage::with(&[&texts]);
    stage.secs(10);
    stage.forget();
    stage.now(Fault::Reload { node: A, model: 1 });
    stage.secs(5);
    let moved: std::net::IpAddr = "192.0.2.11".parse().unwrap();
    assert_eq!(stage.holders(moved), [A]);
    let gone = |what: &What| matches!(what, What::Kernel(engine::facts::KernelEvent::AddressGone(f)) if f.net.addr() == moved);
    assert_eq!(stage.count(A, gone), 0);
}
