//! Scripts, FIFO lines and check scripts.

use base::Weight;
use model::{Notify, TrackFile, Tracker, TrackerId, TrackerSource};
use vrrp::config::Track;
use vrrp::io::State;

use super::build::*;
use super::world::*;
use crate::io::Input;

fn all_notifies() -> Notify {
    Notify {
        master: Some(Box::new(command("/master"))),
        backup: Some(Box::new(command("/backup"))),
        fault: Some(Box::new(command("/fault"))),
        any: Some(Box::new(command("/any"))),
        master_rx_lower_pri: Some(Box::new(command("/lower"))),
        priority_changes: true,
        ..Notify::default()
    }
}

fn with_fifos(mut model: model::Model) -> model::Model {
    let fifo = |path: &str| Some(model::global::Fifo { path: path.into(), owner: None, script: None });
    model.global.notify_fifo = fifo("/all");
    model.global.vrrp_notify_fifo = fifo("/vrrp");
    model
}

#[test]
fn a_transition_is_told_by_its_script_the_generic_script_and_the_fifos() {
    let mut all = with_fifos(model(vec![instance(51, 100, &["192.0.2.100/24"])]));
    all.instances[0].notify = all_notifies();
    let mut world = World::started(all);
    world.run(secs(4));
    assert_eq!(
        world.lines(&["notify", "fifo"]),
        [
            "notify /backup ",
            "notify /any INSTANCE V51 BACKUP 100",
            "fifo Global INSTANCE \"V51\" BACKUP 100",
            "fifo Vrrp INSTANCE \"V51\" BACKUP 100",
            "notify /master ",
            "notify /any INSTANCE V51 MASTER 100",
            "fifo Global INSTANCE \"V51\" MASTER 100",
            "fifo Vrrp INSTANCE \"V51\" MASTER 100",
        ]
    );
    // Notifications come after the operations of their turn.
    let order = world.lines(&["send", "add", "notify /master"]);
    assert_eq!(order, ["send 51 priority 100", "add 192.0.2.100/24 eth0", "notify /master "]);
    world.trace.clear();
    world.hear(51, 50, "192.0.2.9");
    assert_eq!(
        world.lines(&["notify", "fifo"]),
        [
            "notify /lower ",
            "fifo Global INSTANCE \"V51\" MASTER_RX_LOWER_PRI 100",
            "fifo Vrrp INSTANCE \"V51\" MASTER_RX_LOWER_PRI 100",
        ]
    );
}

#[test]
fn a_group_is_told_after_its_members_and_moves_as_one() {
    let mut all =
        grouped(model(vec![instance(51, 100, &["192.0.2.100/24"]), instance(52, 100, &["192.0.2.101/24"])]));
    for instance in &mut all.instances {
        instance.notify.any = Some(Box::new(command("/any")));
    }
    all.groups[0].notify.any = Some(Box::new(command("/any")));
    let mut world = World::masters(all);
    world.set_link(2, false);
    assert_eq!((world.state(0), world.state(1)), (State::Fault, State::Fault));
    assert_eq!(
        world.lines(&["notify"]),
        [
            "notify /any INSTANCE V51 FAULT 100",
            "notify /any INSTANCE V52 FAULT 100",
            "notify /any GROUP G FAULT 0"
        ]
    );
    assert!(!world.has("192.0.2.100/24") && !world.has("192.0.2.101/24"));
    world.set_link(2, true);
    world.run(secs(4));
    assert_eq!((world.state(0), world.state(1)), (State::Master, State::Master));
    world.check_quiescent();
}

fn tracking(weight: i16) -> model::Model {
    let mut all = with_fifos(model(vec![instance(51, 100, &["192.0.2.100/24"])]));
    all.trackers.push(script("/check", 2, 2));
    let weight = Weight::new(weight).unwrap();
    all.instances[0].protocol.tracks.push(Track { tracker: TrackerId(0), weight, reverse: false });
    all.instances[0].notify.priority_changes = true;
    all
}

#[test]
fn a_script_decides_by_its_first_result_and_then_by_rise_and_fall() {
    let mut world = World::started(tracking(0));
    assert_eq!((world.state(0), world.runs.len()), (State::Init, 1));
    world.finish(0);
    assert_eq!(world.state(0), State::Backup);
    for (status, state) in [(1, State::Backup), (1, State::Fault), (0, State::Fault), (0, State::Backup)] {
        world.run(secs(1));
        world.finish(status);
        assert_eq!(world.state(0), state);
    }
}

#[test]
fn a_script_runs_from_start_to_start_and_never_twice_at_once() {
    let mut world = World::started(tracking(10));
    let from = world.now;
    world.run(ms(2500));
    assert_eq!(world.times("check", from), [0]);
    assert_eq!(world.times("ScriptBusy", from), [1_000_000_000, 2_000_000_000]);
    world.finish(0);
    world.run(secs(1));
    assert_eq!(world.times("check", from), [0, 3_000_000_000]);
}

#[test]
fn a_weight_changes_the_priority_and_that_is_told() {
    let mut world = World::started(tracking(20));
    world.finish(0);
    assert!(world.lines(&["fifo"]).contains(&"fifo Vrrp INSTANCE \"V51\" BACKUP_PRIORITY 120"));
    world.run(secs(4));
    world.finish(1);
    world.run(secs(1));
    world.finish(1);
    assert!(world.lines(&["fifo"]).contains(&"fifo Global INSTANCE \"V51\" MASTER_PRIORITY 100"));
}

#[test]
fn a_script_with_init_fail_is_down_until_its_first_success() {
    let mut all = tracking(0);
    if let TrackerSource::Script(script) = &mut all.trackers[0].source {
        script.init_fail = true;
    }
    let mut world = World::started(all);
    assert_eq!(world.state(0), State::Fault);
    world.finish(0);
    assert_eq!(world.state(0), State::Backup);
}

#[test]
fn a_number_in_a_file_counts_from_the_start() {
    let mut all = tracking(0);
    let file = TrackFile { name: "f".into(), path: "/f".into(), init: None, overwrite: false };
    all.trackers = vec![Tracker { name: "f".into(), source: TrackerSource::File(file) }];
    let mut world = World::new(all);
    world.input(Input::File { tracker: TrackerId(0), value: 1 });
    world.boot();
    assert_eq!(world.state(0), State::Fault);
    world.input(Input::File { tracker: TrackerId(0), value: 0 });
    assert_eq!(world.state(0), State::Backup);
}

#[test]
fn the_end_ends_check_scripts() {
    let mut world = World::started(tracking(10));
    world.input(Input::Stop { keep: false });
    assert_eq!(world.lines(&["cancel", "stopped"]).len(), 2);
}

#[test]
fn mail_tells_each_change_of_state_once_and_faults_only_if_they_are_wanted() {
    let mut all =
        grouped(model(vec![instance(51, 100, &["192.0.2.100/24"]), instance(52, 100, &["192.0.2.101/24"])]));
    all.global.router_id = "lb1".into();
    all.mail.server = Some(model::mail::MailServer::Name("mail".into(), 25));
    all.mail.recipients = vec!["root@example.org".into()];
    all.groups[0].notify.smtp_alert = true;
    all.instances[1].notify.smtp_alert = true;
    let mut quiet = all.clone();
    quiet.mail.about_faults = false;
    let mut silent = all.clone();
    silent.mail.recipients.clear();

    let mut world = World::masters(all);
    world.set_link(2, false);
    let (group, instance) = ("mail [lb1] VRRP Group", "mail [lb1] VRRP Instance V52");
    let now_in = "All VRRP group instances are now in";
    let no_longer = "VRRP Instance is no longer owning VRRP VIPs";
    let told = world.lines(&["mail"]);
    assert_eq!(
        told,
        [
            format!("{instance} - Entering FAULT state | => {no_longer} <="),
            format!("{group} G - Entering FAULT state | => {now_in} FAULT state <="),
        ]
    );
    let mut world = World::masters(quiet);
    world.set_link(2, false);
    assert!(world.lines(&["mail"]).is_empty());
    let mut world = World::masters(silent);
    world.set_link(2, false);
    assert!(world.lines(&["mail"]).is_empty());
}
