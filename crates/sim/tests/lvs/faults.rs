//! Faults seen in the field, each as a scenario: F-34 to F-42 of the project's list.
//!
//! What is not here: what servers may answer (F-39) and what TLS, DNS and regexes may cost (F-42) concern the
//! programs that make checks, and are tested with these.

use base::Duration;
use engine::lvs::news::{Event, PoolEvent};
use engine::lvs::table::{SyncHalf, Timeouts};
use vipd_sim::lvs::checker::Rest;
use vipd_sim::lvs::fault::Edit;
use vipd_sim::lvs::kernel::Mood;
use vipd_sim::lvs::sources::{State, Target};
use vipd_sim::lvs::{Asked, Fault, What};

use crate::stage::*;

fn sorry(more: &str) -> String {
    format!("sorry_server 10.1.0.9 80\n {more}")
}

#[test]
fn operations_that_are_done_but_said_to_have_failed_mislead_nobody_f34() {
    let mut stage = Stage::settled(&[service(&sorry(""), &[TCP, TCP])]);
    stage.now(Fault::Mood(Mood { lying: 100, ..Mood::default() }));
    stage.set(1, State::Down);
    stage.secs(10);
    stage.set(2, State::Down);
    stage.secs(10);
    stage.set(1, State::Up);
    stage.secs(10);
    stage.now(Fault::Mood(Mood::default()));
    stage.secs(70);
    assert_eq!(stage.table(), [(1, 1)]);
    stage.rest(Rest::Healed);
}

#[test]
fn half_of_the_operations_of_a_start_fail_and_are_made_up_for_f34() {
    let mut stage = Stage::still(&[service("", &[TCP, TCP, TCP, TCP])]);
    stage.world.kernel.refuse = [false, true, false, true, false].into();
    stage.now(Fault::Start(0));
    stage.secs(1);
    assert_eq!(stage.table(), [(1, 1), (2, 1), (3, 1), (4, 1)]);
    assert_eq!(stage.events(|e| matches!(e, Event::OperationFailed { retry: true, .. })), 2);
}

#[test]
fn without_ipvs_it_is_said_once_and_the_table_is_filled_when_it_comes_f34() {
    let mut stage = Stage::still(&[pair()]);
    stage.world.kernel.mood.missing = true;
    stage.now(Fault::Start(0));
    stage.secs(130);
    assert_eq!(stage.events(|e| matches!(e, Event::NoTable(_))), 1);
    assert!(stage.asked(|asked| matches!(asked, Asked::Probe { .. })) > 40);
    stage.now(Fault::Mood(Mood::default()));
    stage.secs(62);
    assert_eq!(stage.table(), [(1, 1), (2, 1)]);
}

#[test]
fn a_table_that_somebody_empties_or_edits_is_put_right_within_a_period_f35() {
    let edits = [Edit::Clear, Edit::DelService(0), Edit::DelServer(1), Edit::Weight(0, 9), Edit::Settings(0)];
    for edit in edits {
        let mut stage = Stage::settled(&[pair()]);
        stage.now(Fault::Edit(edit));
        stage.secs(62);
        assert_eq!(stage.table(), [(1, 1), (2, 1)], "{edit:?}");
        assert_eq!(stage.events(|e| matches!(e, Event::Repaired { .. })), 1, "{edit:?}");
        stage.rest(Rest::Healed);
    }
}

#[test]
fn a_sync_daemon_that_somebody_stops_or_changes_is_put_right_within_a_period_f35() {
    let with = pair().replace("global_defs {", "global_defs {\n lvs_sync_daemon eth1 id 5 ttl 3");
    let changes = (0..5).map(|n| Edit::StartSync(SyncHalf::Backup, n));
    for edit in changes.chain([Edit::StopSync(SyncHalf::Master)]) {
        let mut stage = Stage::settled(std::slice::from_ref(&with));
        let before = stage.world.kernel.sync.clone();
        stage.now(Fault::Edit(edit));
        stage.run(ms(1));
        assert_ne!(stage.world.kernel.sync, before, "{edit:?}");
        stage.secs(62);
        assert_eq!(stage.world.kernel.sync, before, "{edit:?}");
        assert_eq!(stage.events(|e| matches!(e, Event::Repaired { objects: 1 })), 1, "{edit:?}");
        stage.rest(Rest::Healed);
    }
    // One that none of ours is named for stays, also at the end.
    let mut stage = Stage::settled(&[pair()]);
    stage.now(Fault::Edit(Edit::StartSync(SyncHalf::Master, 0)));
    stage.secs(62);
    stage.now(Fault::Stop { keep: false });
    stage.secs(5);
    assert_eq!(stage.world.kernel.sync.len(), 1);
}

#[test]
fn timeouts_that_somebody_sets_are_put_right_as_far_as_they_are_configured_f35() {
    let with = pair().replace("global_defs {", "global_defs {\n lvs_timeouts tcp 300");
    let mut stage = Stage::settled(&[with]);
    stage.now(Fault::Edit(Edit::Timeouts));
    stage.secs(62);
    let second = Duration::from_secs(1);
    let expected = Timeouts { tcp: second * 300, tcp_fin: second * 12, udp: second * 13 };
    assert_eq!(stage.world.kernel.table.timeouts, Some(expected));
    assert_eq!(stage.events(|e| matches!(e, Event::Repaired { objects: 1 })), 1);
    stage.rest(Rest::Healed);
}

#[test]
fn an_end_that_comes_before_the_table_was_read_waits_for_nothing_else() {
    for keep in [false, true] {
        let mut stage = Stage::still(&[pair()]);
        stage.now(Fault::Start(0));
        stage.now(Fault::Stop { keep });
        stage.run(ms(10));
        assert_eq!(stage.asked(|asked| matches!(asked, Asked::Stopped)), 1);
        stage.rest(Rest::Stopped);
    }
}

#[test]
fn what_somebody_else_added_stays_f35() {
    let mut stage = Stage::settled(&[pair()]);
    stage.now(Fault::Edit(Edit::AddService));
    stage.secs(70);
    assert_eq!(stage.world.kernel.table.services.len(), 2);
    stage.now(Fault::Stop { keep: false });
    stage.secs(5);
    assert_eq!(stage.world.kernel.table.services.len(), 1);
}

#[test]
fn a_weight_within_the_band_of_hysteresis_moves_nothing_f36() {
    let head = format!("quorum 3\n hysteresis 1\n {}", sorry(""));
    let mut stage = Stage::settled(&[service(&head, &[TCP, TCP, TCP, TCP])]);
    // 4 servers of weight 1: lost below 2, gained from 4.
    stage.set(1, State::Down);
    stage.secs(10);
    stage.set(2, State::Down);
    stage.secs(10);
    assert_eq!(stage.events(|e| matches!(e, Event::Pool(PoolEvent::Quorum { .. }))), 0);
    stage.set(3, State::Down);
    stage.secs(10);
    assert_eq!(stage.table(), [(9, 1)]);
    stage.set(2, State::Up);
    stage.set(3, State::Up);
    stage.secs(10);
    assert_eq!(stage.table(), [(9, 1)]);
    stage.set(1, State::Up);
    stage.secs(10);
    assert_eq!(stage.table(), [(1, 1), (2, 1), (3, 1), (4, 1)]);
    assert_eq!(stage.events(|e| matches!(e, Event::Pool(PoolEvent::Quorum { .. }))), 2);
}

#[test]
fn a_weight_that_a_reload_changes_is_judged_at_once_f36() {
    let with = |weight: u32| {
        let (one, other) = (format!("weight {weight}\n {TCP}"), format!("weight 5\n {TCP}"));
        service(&format!("quorum 7\n {}", sorry("")), &[&one, &other])
    };
    let mut stage = Stage::settled(&[with(9), with(4), with(7)]);
    stage.set(2, State::Down);
    stage.secs(10);
    assert_eq!(stage.table(), [(1, 9)]);
    stage.now(Fault::Reload(1));
    stage.run(ms(10));
    assert_eq!(stage.table(), [(9, 1)]);
    stage.now(Fault::Reload(2));
    stage.run(ms(10));
    assert_eq!(stage.table(), [(1, 7)]);
}

#[test]
fn a_sorry_server_that_is_one_of_the_servers_serves_alone_while_the_quorum_is_lost_f36() {
    let head = "quorum 2\n sorry_server 10.1.0.2 80";
    let mut stage = Stage::settled(&[service(head, &[TCP, TCP])]);
    stage.set(1, State::Down);
    stage.secs(10);
    assert_eq!(stage.table(), [(2, 1)]);
    stage.set(1, State::Up);
    stage.secs(10);
    assert_eq!(stage.table(), [(1, 1), (2, 1)]);
}

#[test]
fn nobody_is_without_a_server_while_the_sides_change_however_slow_the_kernel_is_f37() {
    for more in ["", "sorry_server_inhibit", "inhibit_on_failure"] {
        let mut stage = Stage::settled(&[service(&sorry(more), &[TCP, TCP])]);
        stage.now(Fault::Mood(Mood { slow: ms(800), ..Mood::default() }));
        for _ in 0..6 {
            stage.set(1, State::Down);
            stage.set(2, State::Down);
            stage.run(ms(7_300));
            stage.set(2, State::Up);
            stage.run(ms(6_100));
        }
        // The judge looks at each operation; here only that something happened.
        assert!(stage.events(|e| matches!(e, Event::Pool(PoolEvent::Sorry { .. }))) >= 6);
    }
}

#[test]
fn a_reload_that_exchanges_all_servers_leaves_nobody_without_one_f37() {
    let other = pair().replace("10.1.0.", "10.1.0.10");
    let mut stage = Stage::settled(&[pair(), other]);
    stage.now(Fault::Mood(Mood { slow: ms(100), ..Mood::default() }));
    stage.now(Fault::Reload(1));
    stage.secs(5);
    assert_eq!(stage.table(), [(101, 1), (102, 1)]);
}

#[test]
fn a_server_that_never_answers_is_out_by_the_formula_and_is_not_asked_twice_at_once_f38() {
    let text = service("retry 2\n delay_before_retry 1", &[TCP, TCP]);
    let mut stage = Stage::settled(&[text]);
    stage.set(2, State::Hung);
    // 5 + 3 * (2 + 1) s.
    stage.secs(14);
    assert_eq!(stage.table(), [(1, 1)]);
    let ended = |what: &What| matches!(what, What::Turn(vipd_sim::lvs::Turn::Probed(..)));
    assert!(stage.seen.iter().filter(|seen| ended(&seen.what)).count() > 4);
}

#[test]
fn one_failure_less_than_it_takes_removes_nobody_f38() {
    let text = service("retry 2\n delay_before_retry 1", &[TCP, TCP]);
    let mut stage = Stage::settled(&[text]);
    for _ in 0..5 {
        stage.set(2, State::Down);
        while stage.asked(|a| matches!(a, Asked::Probe { .. })) < 2 {
            stage.run(ms(100));
        }
        stage.run(ms(1_500));
        stage.set(2, State::Up);
        stage.secs(6);
        stage.seen.clear();
    }
    assert_eq!(stage.table(), [(1, 1), (2, 1)]);
}

#[test]
fn numbers_of_files_and_statuses_of_commands_saturate_and_survive_reloads_f40() {
    let dynamic = "MISC_CHECK {\n misc_path \"/bin/true 1\"\n misc_timeout 2\n misc_dynamic\n }";
    let file = "weight 10\n FILE_CHECK {\n track_file f\n weight 2147483647\n }";
    let head = "track_file f {\n file /run/f\n}\n";
    let text = |more: &str| format!("{head}{}", service(more, &[dynamic, file]));
    let mut stage = Stage::settled(&[text(""), text("quorum 2")]);
    let command = Target::Command("/bin/true 1".into());
    stage.now(Fault::Status(command.clone(), 255));
    stage.now(Fault::File("/run/f".into(), i32::MAX));
    stage.secs(6);
    assert_eq!(stage.table(), [(1, 253), (2, 2_147_483_647)]);
    stage.now(Fault::Reload(1));
    stage.secs(1);
    assert_eq!(stage.table(), [(1, 253), (2, 2_147_483_647)]);
    stage.now(Fault::File("/run/f".into(), i32::MIN));
    stage.now(Fault::Status(command, 2));
    stage.secs(6);
    assert_eq!(stage.table(), [(1, 0)]);
}

#[test]
fn checks_start_spread_over_their_warm_up_f41() {
    let servers = vec![TCP; 60];
    let text =
        service("", &servers).replace("warmup 0", "warmup 30").replace("delay_loop 5", "delay_loop 30");
    let mut stage = Stage::of(&[text]);
    let begin = stage.world.now();
    stage.secs(31);
    let mut per_second = [0; 32];
    for seen in &stage.seen {
        if matches!(seen.what, What::Asked(Asked::Probe { .. })) {
            per_second[usize::try_from(seen.at.since(begin).as_secs()).unwrap()] += 1;
        }
    }
    assert!(per_second.iter().sum::<usize>() >= 60, "{per_second:?}");
    assert!(per_second.iter().all(|n| *n <= 10), "{per_second:?}");
}

#[test]
fn a_process_that_slept_hears_its_answers_before_its_timers_f41() {
    let mut stage = Stage::settled(&[pair()]);
    stage.now(Fault::Stall(Duration::from_secs(30)));
    stage.secs(40);
    assert_eq!(stage.table(), [(1, 1), (2, 1)]);
    assert_eq!(stage.events(|e| matches!(e, Event::Pool(PoolEvent::Server { .. }))), 0);
}

#[test]
fn a_crash_and_a_start_over_what_is_left_write_nothing() {
    let mut stage = Stage::settled(&[pair()]);
    stage.now(Fault::Kill);
    stage.after(ms(100), Fault::Start(0));
    stage.secs(10);
    assert_eq!(stage.writes(), 0);
    stage.rest(Rest::Healed);
}

#[test]
fn each_kind_of_end_leaves_what_it_should() {
    for (line, left) in [("", 1), ("lvs_flush_on_stop VS", 1), ("lvs_flush_on_stop", 0)] {
        let text = pair().replace("lvs_notify_fifo", &format!("{line}\n lvs_notify_fifo"));
        let mut stage = Stage::settled(&[text]);
        stage.now(Fault::Edit(Edit::AddService));
        stage.secs(62);
        stage.now(Fault::Stop { keep: false });
        stage.secs(5);
        assert_eq!(stage.world.kernel.table.services.len(), left, "{line}");
        stage.rest(Rest::Stopped);
    }
}
