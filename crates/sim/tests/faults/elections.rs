//! VRRP and time: F-08 to F-20.

use base::Duration;
use vipd_sim::Fault;
use vipd_sim::lan::{SegmentId, Weather};
use vipd_sim::observe::What;
use vrrp::io::State;

use crate::stage::*;

/// Both nodes of a pair that hold 192.0.2.10.
fn pair(more: &str) -> Stage {
    let mut stage = Stage::of(&[one(150, more), one(100, more)]);
    stage.secs(10);
    assert_eq!(stage.masters(51), [A]);
    stage.forget();
    stage
}

#[test]
fn a_paused_master_listens_before_it_claims_f08() {
    // Both with nopreempt: who woke up must not take over again.
    let mut stage = pair("nopreempt");
    stage.now(Fault::Pause(A));
    stage.secs(10);
    assert_eq!(stage.masters(51), [A, B], "A has not noticed yet");
    stage.forget();
    stage.now(Fault::Resume(A));
    stage.secs(10);
    assert_eq!(stage.masters(51), [B]);
    assert_eq!(stage.states(A), [State::Backup]);
    let claims = |what: &What| matches!(what, What::Advert(advert) if advert.priority.0 > 0);
    assert_eq!(stage.count(A, claims), 0);
    assert_eq!(stage.states(B), []);
}

#[test]
fn a_frozen_machine_gives_way_when_it_goes_on_f08() {
    let mut stage = pair("nopreempt");
    stage.now(Fault::Freeze(A));
    stage.secs(10);
    assert_eq!(stage.holders(vip()), [B]);
    stage.now(Fault::Thaw(A));
    stage.secs(10);
    // Its clock stood still, so that it cannot know; but it hears who is there. Of the two that met the one
    // of higher priority stays.
    assert_eq!(stage.masters(51).len(), 1);
    assert_eq!(stage.holders(vip()).len(), 1);
}

#[test]
fn many_adverts_that_waited_get_one_answer_f09() {
    let mut stage = pair("");
    // B cannot hear A and becomes master; A hears B, but is late.
    stage.now(Fault::Deafen(B, eth0()));
    stage.secs(6);
    stage.now(Fault::Pause(A));
    stage.run(ms(2_500));
    stage.forget();
    stage.now(Fault::Resume(A));
    stage.run(ms(50));
    assert!(stage.count(A, |w| matches!(w, What::Heard(_))) >= 2);
    assert!(stage.count(A, is_advert) <= 1, "{}", stage.count(A, is_advert));
}

#[test]
fn two_lost_adverts_in_a_row_change_nothing_f10() {
    let mut stage = pair("");
    // Two adverts fall into 1.8 s, whenever that begins; three may not.
    let rain = Weather { loss: 1_000_000, ..Weather::FAIR };
    stage.now(Fault::Weather(SegmentId(0), rain));
    stage.after(ms(1_800), Fault::Weather(SegmentId(0), Weather::FAIR));
    stage.secs(20);
    assert_eq!(stage.states(B), []);
    assert_eq!(stage.masters(51), [A]);
}

#[test]
fn when_a_split_heals_all_hosts_find_the_winner_f11() {
    let mut stage = pair("");
    stage.now(Fault::Cut(A, B));
    stage.now(Fault::Cut(B, A));
    stage.secs(10);
    assert_eq!(stage.masters(51), [A, B]);
    assert_eq!(stage.believed(vip()), Some(B), "B announced itself last");
    stage.now(Fault::Mend(A, B));
    stage.now(Fault::Mend(B, A));
    stage.secs(3);
    assert_eq!(stage.masters(51), [A]);
    assert_eq!(stage.believed(vip()), Some(A));
}

#[test]
fn groups_of_inconsistent_priorities_settle_without_end_of_messages_f15() {
    let node = |first: u8, second: u8| {
        let router = |n: u8, priority: u8| {
            format!(
                "vrrp_instance VI_{n} {{\n interface eth0\n virtual_router_id {n}\n priority {priority}\n \
                 virtual_ipaddress {{\n 192.0.2.{n}/24\n }}\n}}\n"
            )
        };
        router(1, first) + &router(2, second) + "vrrp_sync_group G {\n group {\n VI_1\n VI_2\n }\n}\n"
    };
    let mut stage = Stage::of(&[node(150, 100), node(100, 150)]);
    stage.secs(30);
    assert_eq!(stage.masters(1), stage.masters(2));
    assert_eq!(stage.masters(1).len(), 1);
    stage.forget();
    stage.secs(60);
    assert_eq!(stage.states(A), []);
    assert_eq!(stage.states(B), []);
}

#[test]
fn a_group_fails_and_returns_as_a_whole_f15() {
    let router = |n: u8, link: &str, priority: u8| {
        format!(
            "vrrp_instance VI_{n} {{\n interface {link}\n virtual_router_id {n}\n priority {priority}\n \
             virtual_ipaddress {{\n 192.0.2.{n}/24\n }}\n}}\n"
        )
    };
    let node = |priority: u8| {
        router(1, "eth0", priority)
            + &router(2, "eth1", priority)
            + "vrrp_sync_group G {\n group {\n VI_1\n VI_2\n }\n}\n"
    };
    let mut stage = Stage::of(&[node(150), node(100)]);
    stage.secs(10);
    assert_eq!((stage.masters(1), stage.masters(2)), (vec![A], vec![A]));
    stage.now(Fault::LinkDown(A, base::IfName::new("eth1").unwrap()));
    stage.secs(5);
    assert_eq!((stage.state(A, "VI_1"), stage.state(A, "VI_2")), (State::Fault, State::Fault));
    assert_eq!((stage.masters(1), stage.masters(2)), (vec![B], vec![B]));
    stage.now(Fault::LinkUp(A, base::IfName::new("eth1").unwrap()));
    stage.secs(10);
    assert_eq!((stage.masters(1), stage.masters(2)), (vec![A], vec![A]));
}

#[test]
fn the_priority_follows_what_is_tracked_through_faults_and_reloads_f16() {
    let script = "vrrp_script check {\n script /bin/true\n interval 1\n rise 1\n fall 1\n}\n";
    let text = |priority| script.to_owned() + &one(priority, "track_script {\n check weight -60\n }");
    let mut stage = Stage::of(&[text(150), text(100)]);
    stage.secs(10);
    assert_eq!(stage.masters(51), [A]);
    let check = |outcome| Fault::Script { node: A, name: "check".into(), outcome, takes: ms(5) };
    stage.now(check(engine::io::Outcome::Exited(1)));
    stage.secs(10);
    assert_eq!(stage.masters(51), [B], "90 is below 100");
    stage.now(Fault::Reload { node: A, model: 0 });
    stage.now(Fault::LinkDown(A, eth0()));
    stage.after(Duration::from_secs(3), Fault::LinkUp(A, eth0()));
    stage.secs(10);
    assert_eq!(stage.masters(51), [B], "90 is below 100, still");
    stage.now(check(engine::io::Outcome::Exited(0)));
    stage.secs(10);
    assert_eq!(stage.masters(51), [A]);
}

#[test]
fn of_two_owners_one_gives_way_f17() {
    let mut stage = Stage::of(&[one(255, "state MASTER"), one(255, "state MASTER")]);
    stage.secs(20);
    assert_eq!(stage.masters(51).len(), 1);
    assert_eq!(stage.holders(vip()).len(), 1);
}

#[test]
fn after_a_restart_an_authenticated_router_is_heard_again_f18() {
    let auth = "version 2\n authentication {\n auth_type AH\n auth_pass secret\n }";
    let mut stage = pair(auth);
    stage.now(Fault::Kill(A));
    stage.secs(6);
    assert_eq!(stage.masters(51), [B]);
    stage.now(Fault::Start(A));
    stage.secs(10);
    assert_eq!(stage.masters(51), [A]);
    stage.secs(60);
    assert_eq!(stage.masters(51), [A]);
}

#[test]
fn a_replayed_advert_keeps_no_dead_master_alive_f18() {
    let auth = "version 2\n authentication {\n auth_type AH\n auth_pass secret\n }";
    let mut stage = pair(auth);
    stage.now(Fault::Kill(A));
    for n in 1..10 {
        stage.after(ms(900) * n, Fault::Replay(A));
    }
    stage.secs(5);
    assert!(stage.masters(51).contains(&B));
}

#[test]
fn nothing_is_sent_and_nobody_is_told_before_the_startup_delay_is_over_f19() {
    let text = |priority| {
        "global_defs {\n vrrp_startup_delay 5\n vrrp_notify_fifo /run/f\n}\n".to_owned() + &one(priority, "")
    };
    let mut stage = Stage::of(&[text(150), text(100)]);
    stage.run(ms(4_900));
    for node in [A, B] {
        assert_eq!(stage.count(node, |w| is_advert(w) || is_write(w)), 0);
    }
    stage.secs(10);
    assert_eq!(stage.masters(51), [A]);
}

#[test]
fn nopreempt_lets_the_weaker_master_be_whatever_happens_to_the_stronger_f20() {
    let mut stage = pair("nopreempt");
    stage.now(Fault::PowerOff(A));
    stage.secs(6);
    assert_eq!(stage.masters(51), [B]);
    stage.forget();
    for (wait, fault) in [
        (0, Fault::PowerOn(A)),
        (10, Fault::Crash(A)),
        (20, Fault::Reload { node: A, model: 0 }),
        (30, Fault::LinkDown(A, eth0())),
        (33, Fault::LinkUp(A, eth0())),
        (43, Fault::Pause(A)),
        (50, Fault::Resume(A)),
        (60, Fault::Unplug(A, eth0())),
        (70, Fault::Plug(A, eth0())),
    ] {
        stage.after(Duration::from_secs(wait), fault);
    }
    stage.secs(90);
    assert_eq!(stage.states(B), []);
    assert_eq!(stage.masters(51), [B]);
}

#[test]
fn preempt_delay_begins_with_the_first_lower_advert_and_does_not_delay_a_failover_f20() {
    let mut stage = pair("preempt_delay 20");
    stage.now(Fault::Kill(A));
    stage.secs(6);
    assert_eq!(stage.masters(51), [B]);
    stage.now(Fault::Start(A));
    stage.secs(18);
    assert_eq!(stage.masters(51), [B], "the delay is not over");
    stage.secs(8);
    assert_eq!(stage.masters(51), [A]);
    stage.now(Fault::Kill(A));
    stage.secs(6);
    stage.now(Fault::Start(A));
    stage.secs(5);
    stage.now(Fault::Kill(B));
    stage.secs(5);
    assert_eq!(stage.masters(51), [A], "the master died during the delay");
}

#[test]
fn a_third_router_follows_when_two_fail_f10() {
    let mut stage = Stage::of(&[one(150, ""), one(120, ""), one(100, "")]);
    stage.secs(10);
    assert_eq!(stage.masters(51), [A]);
    stage.now(Fault::PowerOff(A));
    stage.secs(5);
    assert_eq!(stage.masters(51), [B]);
    stage.now(Fault::PowerOff(B));
    stage.secs(5);
    assert_eq!(stage.masters(51), [C]);
}
