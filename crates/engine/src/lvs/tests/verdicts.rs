//! Verdicts become a table, and are told.

use std::sync::Arc;

use base::Name;
use model::Model;
use model::global::Fifo;
use model::lvs::{Checker, FileCheck, GroupEntry, Lvs, Probe, Quorum, SorryServer};
use model::mail::MailServer;

use super::build::{command, group, ip, lvs, model, of_group, range, secs, service, sorry, tcp};
use super::world::{Ipvs, World};
use crate::lvs::io::{Input, Operation};
use crate::lvs::news::Event;
use crate::tests::build::ms;

fn pair() -> Lvs {
    lvs(vec![service("10.0.0.1", &["10.1.0.1", "10.1.0.2"])])
}

fn with_fifo(mut lvs: Lvs) -> Lvs {
    lvs.settings.notify_fifo = Some(Fifo { path: "/f".into(), owner: None, script: None });
    lvs
}

/// A model that sends mail.
fn mailing(mut lvs: Lvs, only_whole_servers: bool) -> Arc<Model> {
    for service in &mut lvs.services {
        service.service.smtp_alert = true;
        for server in &mut service.servers {
            server.smtp_alert = true;
        }
    }
    let mut model = Model { lvs, ..Model::default() };
    model.global.router_id = Name::from("me");
    model.mail.server = Some(MailServer::Name("mail".into(), 25));
    model.mail.recipients = vec!["a@b".into()];
    model.mail.only_whole_servers = only_whole_servers;
    Arc::new(model)
}

#[test]
fn a_dead_server_leaves_the_table_and_a_living_one_comes_back() {
    let mut world = World::new(pair());
    world.run(secs(5));
    world.dead.insert(ip("10.1.0.2"));
    world.run(secs(11));
    assert_eq!(world.shown(), ["10.0.0.1:80 = 10.1.0.1:80*1"]);
    world.dead.clear();
    world.run(secs(11));
    assert_eq!(world.shown(), ["10.0.0.1:80 = 10.1.0.1:80*1 10.1.0.2:80*1"]);
}

#[test]
fn inhibit_keeps_a_dead_server_with_weight_0() {
    let mut with = pair();
    with.services[0].servers[1].inhibit = true;
    let mut world = World::new(with);
    world.dead.insert(ip("10.1.0.2"));
    world.run(secs(15));
    assert_eq!(world.shown(), ["10.0.0.1:80 = 10.1.0.1:80*1 10.1.0.2:80*0"]);
}

#[test]
fn the_sorry_server_comes_before_the_last_real_one_goes() {
    let mut with = lvs(vec![service("10.0.0.1", &["10.1.0.1"])]);
    with.services[0].service.sorry = Some(sorry("10.1.0.9"));
    let mut world = World::new(with);
    world.no_gaps = true;
    world.run(secs(5));
    world.dead.insert(ip("10.1.0.1"));
    world.run(secs(11));
    assert_eq!(world.shown(), ["10.0.0.1:80 = 10.1.0.9:80*1"]);
    world.dead.clear();
    world.run(secs(11));
    assert_eq!(world.shown(), ["10.0.0.1:80 = 10.1.0.1:80*1"]);
}

#[test]
fn a_sorry_server_that_is_a_real_one_stays_while_it_serves_either_way() {
    let mut with = lvs(vec![service("10.0.0.1", &["10.1.0.1", "10.1.0.2"])]);
    with.services[0].service.quorum.weight = 2;
    // Port 0 is that of the service: the kernel knows it and the real server as one.
    with.services[0].service.sorry = Some(SorryServer { port: 0, ..sorry("10.1.0.1") });
    let mut world = World::new(with);
    world.no_gaps = true;
    world.run(secs(5));
    world.take_operations();
    world.dead.insert(ip("10.1.0.2"));
    world.run(secs(11));
    assert_eq!(world.shown(), ["10.0.0.1:80 = 10.1.0.1:80*1"]);
    assert_eq!(world.take_operations().len(), 1);
    world.dead.clear();
    world.run(secs(11));
    assert_eq!(world.shown(), ["10.0.0.1:80 = 10.1.0.1:80*1 10.1.0.2:80*1"]);
}

#[test]
fn a_change_is_told_to_scripts_and_fifos_in_order() {
    let mut with = with_fifo(lvs(vec![service("10.0.0.1", &["10.1.0.1"])]));
    with.services[0].service.quorum_up = Some(Box::new(command("up")));
    with.services[0].service.quorum_down = Some(Box::new(command("down")));
    with.services[0].servers[0].notify_up = Some(Box::new(command("rs-up")));
    with.services[0].servers[0].notify_down = Some(Box::new(command("rs-down")));
    let mut world = World::new(with);
    world.run(secs(5));
    world.fifo.clear();
    world.scripts.clear();
    world.dead.insert(ip("10.1.0.1"));
    world.run(secs(11));
    world.dead.clear();
    world.run(secs(11));
    assert_eq!(
        world.fifo,
        [
            "RS [10.1.0.1]:tcp:80 [10.0.0.1]:tcp:80 DOWN\n",
            "VS [10.0.0.1]:tcp:80 DOWN\n",
            "RS [10.1.0.1]:tcp:80 [10.0.0.1]:tcp:80 UP\n",
            "VS [10.0.0.1]:tcp:80 UP\n",
        ]
    );
    let scripts: Vec<&str> = world.scripts.iter().map(|n| &*n.command.text).collect();
    assert_eq!(scripts, ["rs-down", "down", "rs-up", "up"]);
}

#[test]
fn initial_servers_are_told_if_that_is_asked_for() {
    let mut with = with_fifo(pair());
    with.settings.notify_initial = true;
    let mut world = World::new(with);
    world.run(ms(10));
    let servers: Vec<_> = world.fifo.iter().filter(|line| line.starts_with("RS")).collect();
    assert_eq!(servers.len(), 2);
    let mut quiet = World::new(with_fifo(pair()));
    quiet.run(ms(10));
    assert!(!quiet.fifo.iter().any(|line| line.starts_with("RS")));
}

#[test]
fn with_alpha_the_first_failure_of_each_check_is_told_and_later_ones_are_not() {
    let mut with = with_fifo(lvs(vec![service("10.0.0.1", &["10.1.0.1", "10.1.0.2"])]));
    with.services[0].servers[0].notify_down = Some(Box::new(command("rs-down")));
    // The second one of the first server asks another host, which is well.
    with.services[0].servers[0].checkers = super::build::checkers([tcp("10.1.0.1", 80), tcp("10.1.0.3", 80)]);
    for server in &mut with.services[0].servers {
        for checker in &mut server.checkers {
            Arc::make_mut(checker).schedule.alpha = true;
        }
    }
    let mut world = World::new(with);
    world.dead.insert(ip("10.1.0.1"));
    world.run(secs(31));
    let down = "RS [10.1.0.1]:tcp:80 [10.0.0.1]:tcp:80 DOWN\n";
    let servers = |world: &World| -> Vec<String> {
        world.fifo.iter().filter(|line| line.starts_with("RS")).cloned().collect()
    };
    assert_eq!(servers(&world), [down, "RS [10.1.0.2]:tcp:80 [10.0.0.1]:tcp:80 UP\n"]);
    assert_eq!(world.scripts.len(), 1);
    assert!(world.mail.is_empty());
    world.dead.clear();
    world.run(secs(11));
    world.dead.insert(ip("10.1.0.3"));
    world.fifo.clear();
    world.run(secs(31));
    assert_eq!(servers(&world), [down]);
}

#[test]
fn mail_is_sent_about_checks_and_quorums() {
    let mut world = World::of(mailing(lvs(vec![service("10.0.0.1", &["10.1.0.1"])]), false), Ipvs::default());
    world.run(secs(15));
    world.mail.clear();
    world.dead.insert(ip("10.1.0.1"));
    world.run(secs(11));
    let told: Vec<_> = world.mail.iter().map(|m| (m.subject.as_str(), m.body.as_str())).collect();
    assert_eq!(
        told,
        [
            (
                "[me] Realserver [10.1.0.1]:tcp:80 of virtual server [10.0.0.1]:tcp:80 - DOWN",
                "=> TCP CHECK failed on service <="
            ),
            ("[me] Virtualserver [10.0.0.1]:tcp:80 - DOWN", "=> Lost quorum 1+0=1 <= 0 <="),
        ]
    );
}

#[test]
fn no_mail_is_sent_about_a_first_verdict_that_was_taken_for_granted() {
    let mut world = World::of(mailing(pair(), false), Ipvs::default());
    world.run(secs(15));
    assert!(!world.mail.iter().any(|mail| mail.subject.contains("Realserver")));
}

#[test]
fn with_no_checker_emails_only_whole_servers_send_mail() {
    for (only, expected) in [(false, 2), (true, 1)] {
        let mut with = pair();
        let second = Checker {
            probe: Probe::Tcp(model::lvs::Connect {
                address: ip("10.1.0.2"),
                port: 81,
                timeout: secs(5),
                origin: None,
            }),
            ..super::build::tcp("10.1.0.2", 80)
        };
        let first = with.services[0].servers[1].checkers[0].clone();
        with.services[0].servers[1].checkers = [first, Arc::new(second)].into();
        let mut world = World::of(mailing(with, only), Ipvs::default());
        world.run(secs(15));
        world.mail.clear();
        world.dead.insert(ip("10.1.0.2"));
        world.run(secs(15));
        assert_eq!(world.mail.len(), expected);
    }
}

#[test]
fn with_no_checker_emails_a_check_that_servers_share_is_told_of_each() {
    let mut with = pair();
    for server in &mut with.services[0].servers {
        server.checkers = super::build::checkers([super::build::tcp("10.9.0.1", 22)]);
    }
    let mut world = World::of(mailing(with, true), Ipvs::default());
    world.run(secs(15));
    world.mail.clear();
    world.dead.insert(ip("10.9.0.1"));
    world.run(secs(15));
    let about: Vec<_> = world.mail.iter().filter(|mail| mail.subject.contains("Realserver")).collect();
    assert_eq!(about.len(), 2, "{about:?}");
}

#[test]
fn reloading_the_same_has_no_effect() {
    let mut with = with_fifo(pair());
    with.services[0].service.sorry = Some(sorry("10.1.0.9"));
    let mut world = World::new(with.clone());
    world.dead.insert(ip("10.1.0.2"));
    world.run(secs(15));
    world.take_operations();
    world.fifo.clear();
    world.take_events();
    let (probed, dumps) = (world.probed, world.dumps);
    let next = base::Machine::poll_timeout(&world.balancer);
    world.reload(with);
    assert_eq!(world.take_events(), [Event::Reloaded]);
    assert_eq!((world.take_operations(), world.fifo.clone()), (vec![], vec![]));
    assert_eq!((world.probed, world.dumps), (probed, dumps));
    assert_eq!(base::Machine::poll_timeout(&world.balancer), next);
}

#[test]
fn a_reload_keeps_verdicts_of_what_stays() {
    let mut world = World::new(pair());
    world.dead.insert(ip("10.1.0.2"));
    world.run(secs(15));
    world.take_operations();
    let mut more = lvs(vec![
        service("10.0.0.3", &["10.1.0.1"]),
        service("10.0.0.1", &["10.1.0.1", "10.1.0.2", "10.1.0.3"]),
    ]);
    more.services[1].service.quorum = Quorum { weight: 2, hysteresis: 0 };
    world.reload(more);
    assert_eq!(world.shown(), ["10.0.0.1:80 = 10.1.0.1:80*1 10.1.0.3:80*1", "10.0.0.3:80 = 10.1.0.1:80*1"]);
    assert_eq!(world.take_operations().len(), 3);
}

#[test]
fn what_a_reload_removes_is_told_as_down() {
    let both = lvs(vec![service("10.0.0.1", &["10.1.0.1", "10.1.0.2"]), service("10.0.0.2", &["10.1.0.1"])]);
    let mut world = World::of(mailing(with_fifo(both), false), Ipvs::default());
    world.run(secs(5));
    world.fifo.clear();
    world.mail.clear();
    let left = with_fifo(lvs(vec![service("10.0.0.1", &["10.1.0.1"])]));
    world.input(Input::Reload(mailing(left, false)));
    assert_eq!(
        world.fifo,
        [
            "RS [10.1.0.1]:tcp:80 [10.0.0.2]:tcp:80 DOWN\n",
            "VS [10.0.0.2]:tcp:80 DOWN\n",
            "RS [10.1.0.2]:tcp:80 [10.0.0.1]:tcp:80 DOWN\n",
        ]
    );
    assert!(world.mail.iter().all(|mail| mail.body == "=> Removing <="));
    assert_eq!(world.mail.len(), 2);
}

#[test]
fn omega_tells_of_the_end() {
    for omega in [false, true] {
        let mut with = with_fifo(lvs(vec![service("10.0.0.1", &["10.1.0.1"])]));
        with.services[0].service.omega = omega;
        with.services[0].servers[0].notify_down = Some(Box::new(command("rs-down")));
        let mut world = World::new(with);
        world.run(secs(5));
        world.fifo.clear();
        world.scripts.clear();
        world.input(Input::Stop { keep: false });
        // With a limit, or the end of the daemon would be theirs.
        let limits: Vec<_> = world.scripts.iter().map(|script| script.limit).collect();
        assert_eq!(limits, vec![Some(base::Duration::from_secs(1)); usize::from(omega)]);
        let expected: &[&str] = if omega {
            &["RS [10.1.0.1]:tcp:80 [10.0.0.1]:tcp:80 DOWN\n", "VS [10.0.0.1]:tcp:80 DOWN\n"]
        } else {
            &[]
        };
        assert_eq!(world.fifo, expected);
    }
}

#[test]
fn checks_that_are_the_same_run_once_unless_that_is_not_wanted() {
    for (alone, expected) in [(false, 1), (true, 3)] {
        let mut with = lvs((1..4).map(|n| service(&format!("10.0.0.{n}"), &["10.1.0.1"])).collect());
        with.settings.no_shared_checks = alone;
        let mut world = World::new(with);
        world.run(secs(9));
        assert_eq!(world.probed, expected);
        world.dead.insert(ip("10.1.0.1"));
        world.run(secs(15));
        assert!(world.shown().iter().all(|line| line.ends_with("= ")));
    }
}

#[test]
fn checks_rest_while_no_address_of_the_service_is_here() {
    let mut with = lvs(vec![of_group(0, &["10.1.0.1"])]);
    with.groups = vec![group("a", &[range("10.0.0.1", "10.0.0.9", 80), GroupEntry::Mark(3, None)])];
    with.services[0].service.ha_suspend = true;
    let mut world = World::new(with);
    world.run(secs(30));
    assert_eq!(world.probed, 0);
    let address = ip("10.0.0.5");
    world.input(Input::Address { address, exists: true });
    world.input(Input::Address { address, exists: true });
    world.input(Input::Address { address, exists: false });
    world.run(secs(30));
    assert!(world.probed >= 2);
    world.input(Input::Address { address, exists: false });
    let probed = world.probed;
    world.run(secs(60));
    assert_eq!(world.probed, probed);
}

#[test]
fn a_number_in_a_file_changes_the_weight() {
    let mut with = pair();
    let file = model::lvs::CheckFileId::from_index(0);
    let probe = Probe::File(FileCheck { file, weight: 2, reverse: false });
    with.services[0].servers[0].checkers =
        super::build::checkers([Checker { probe, ..super::build::tcp("10.1.0.1", 80) }]);
    let mut world = World::new(with);
    world.run(secs(1));
    world.take_operations();
    world.input(Input::File { file, value: 5 });
    assert_eq!(world.shown(), ["10.0.0.1:80 = 10.1.0.1:80*11 10.1.0.2:80*1"]);
    assert!(matches!(world.take_operations().as_slice(), [Operation::EditServer(..)]));
}

#[test]
fn a_snapshot_says_how_everything_stands() {
    let mut world = World::of(model(pair()), Ipvs::default());
    world.dead.insert(ip("10.1.0.2"));
    world.run(secs(15));
    let snapshot = world.balancer.snapshot();
    assert!(snapshot.in_order);
    let [service] = snapshot.services.as_slice() else { panic!("one service") };
    assert_eq!((service.name.as_str(), service.up), ("[10.0.0.1]:tcp:80", true));
    let servers: Vec<_> = service.servers.iter().map(|s| (s.alive, s.wanted, s.there)).collect();
    assert_eq!(servers, [(true, Some(1), Some(1)), (false, None, None)]);
}
