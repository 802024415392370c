//! Each checker bites when something is planted that it is made for, and all are silent where nothing is
//! wrong.

use std::sync::Arc;

use base::{Duration, Instant};
use engine::lvs::io::{Failure, FifoKind, OpId, Operation, RunId};
use engine::lvs::news::{Event, PoolEvent, Way};
use engine::lvs::table::{Entry, ServerKey, ServiceKey, SyncHalf, SyncSettings, Timeouts};
use model::Model;
use model::lvs::{Checker, CheckerId, Protocol, ServerId, ServiceId};
use vipd_sim::lvs::checker::Rest;
use vipd_sim::lvs::kernel::FIRST_TIMEOUTS;
use vipd_sim::lvs::sources::State;
use vipd_sim::lvs::{Asked, Fault, Seen, Turn, What};

use crate::stage::*;

const FIRST: ServiceId = ServiceId(0);

/// One failure is enough.
const ONCE: &str = "TCP_CHECK {\n connect_timeout 2\n retry 0\n }";

fn text() -> String {
    service("sorry_server 10.1.0.9 80", &[ONCE, ONCE])
}

/// A director that is well, and has two more configurations.
fn settled() -> Stage {
    let less = service("sorry_server 10.1.0.9 80", &[ONCE]);
    Stage::settled(&[text(), less])
}

/// What is found when something is planted in a director that is well.
fn plant(what: impl FnOnce(&mut Stage)) -> Vec<&'static str> {
    let mut stage = settled();
    what(&mut stage);
    stage.judge.found().iter().map(|violation| violation.property).collect()
}

#[track_caller]
fn bites(property: &str, what: impl FnOnce(&mut Stage)) {
    let found = plant(what);
    assert!(found.contains(&property), "{property} is not among {found:?}");
}

impl Stage {
    fn show(&mut self, what: What) {
        let at = self.world.now();
        self.show_at(at, what);
    }

    fn show_at(&mut self, at: Instant, what: What) {
        self.judge.see(&self.world, &Seen { at, what });
    }

    fn next(&self) -> Option<Instant> {
        use base::Machine;
        self.world.balancer().and_then(Machine::poll_timeout)
    }

    /// A turn that the balancer never had.
    fn turn(&mut self, turn: Turn, asked: Vec<Asked>) {
        self.show(What::Turn(turn));
        for asked in asked {
            self.show(What::Asked(asked));
        }
        let next = self.next();
        self.show(What::TurnEnd { next });
    }

    fn in_force(&self) -> Arc<Model> {
        self.world.model().unwrap().clone()
    }

    fn checker(&self) -> Arc<Checker> {
        self.in_force().lvs.services[0].servers[0].checkers[0].clone()
    }
}

fn server(n: u8) -> ServerKey {
    ServerKey { address: [10, 1, 0, n].into(), port: 80 }
}

fn probe(stage: &Stage, run: u64) -> Asked {
    Asked::Probe { run: RunId(run), checker: stage.checker(), url: 0 }
}

fn quorum(up: bool) -> Asked {
    Asked::Event(Event::Pool(PoolEvent::Quorum { service: FIRST, up, initial: false, weight: 0 }))
}

/// The first check of the first server fails, or passes.
fn checked(was: bool, fails: bool) -> Event {
    let (service, server, checker) = (FIRST, ServerId(0), CheckerId(0));
    let failure = fails.then_some(Failure::ConnectTimeout);
    Event::Checked { service, server, checker, url: 0, failure, was, failures: 1, changed: true }
}

#[test]
fn where_nothing_is_wrong_nobody_complains() {
    assert_eq!(plant(|stage| stage.turn(Turn::Timeout, Vec::new())), [""; 0]);
    let mut stage = settled();
    stage.secs(200);
    stage.rest(Rest::Healed);
    stage.secs(70);
    stage.rest(Rest::Quiet);
}

#[test]
fn the_contract_of_the_machine_bites() {
    bites("contract", |stage| {
        stage.show(What::Turn(Turn::Timeout));
        let next = Some(stage.world.now());
        stage.show(What::TurnEnd { next });
    });
    bites("contract", |stage| stage.show(What::Spurious { moved: true }));
    bites("contract", |stage| {
        let flush = || Asked::Kernel(OpId(1), Operation::DelService(vip()));
        stage.turn(Turn::Timeout, vec![flush()]);
    });
    bites("contract", |stage| {
        let told = Asked::Event(Event::TableBack);
        let done = Asked::Kernel(OpId(1_000), Operation::DelService(vip()));
        stage.turn(Turn::Timeout, vec![told, done]);
    });
    bites("contract", |stage| stage.turn(Turn::Timeout, vec![Asked::Dump, Asked::Dump]));
    bites("contract", |stage| stage.turn(Turn::Timeout, vec![Asked::Stopped, Asked::Dump]));
}

#[test]
fn q1_bites_when_the_table_is_not_what_is_wanted() {
    let of = |stage: &mut Stage, change: fn(&mut Entry)| {
        change(stage.world.kernel.table.services.get_mut(&vip()).unwrap());
        stage.turn(Turn::Timeout, Vec::new());
    };
    bites("Q1", |stage| of(stage, |entry| entry.servers.retain(|key, _| *key != server(1))));
    bites("Q1", |stage| of(stage, |entry| entry.settings.one_packet = true));
    bites("Q1", |stage| {
        let settings = stage.world.kernel.table.services[&vip()].servers[&server(1)];
        let sorry = stage.world.kernel.table.services.get_mut(&vip()).unwrap();
        sorry.servers.insert(server(9), settings);
        stage.turn(Turn::Timeout, Vec::new());
    });
    bites("Q1", |stage| {
        stage.world.kernel.table.services.clear();
        stage.turn(Turn::Timeout, Vec::new());
    });
    bites("Q1", |stage| {
        // It never comes to rest.
        stage.show(What::Executed {
            op: OpId(9),
            operation: Operation::DelService(vip()),
            done: false,
            ok: false,
            serving: (2, 2),
        });
        stage.judge.rest(&stage.world, Rest::Healed);
    });
}

#[test]
fn q2_bites_when_a_weight_or_a_life_is_not_what_the_checks_say() {
    bites("Q2", |stage| {
        let entry = stage.world.kernel.table.services.get_mut(&vip()).unwrap();
        entry.servers.get_mut(&server(1)).unwrap().weight = 7;
        stage.turn(Turn::Timeout, Vec::new());
    });
    bites("Q2", |stage| {
        let weight = Event::Pool(PoolEvent::Weight {
            service: FIRST,
            server: ServerId(0),
            from: 1,
            to: 3,
            alive: true,
        });
        stage.turn(Turn::Timeout, vec![Asked::Event(weight)]);
    });
    bites("Q2", |stage| {
        // It is dead by now, and nobody says so.
        let run = RunId(77);
        let checker = stage.checker();
        stage.now(Fault::Target(host(1), State::Down));
        stage.show(What::Turn(Turn::Timeout));
        stage.show(What::Asked(Asked::Probe { run, checker, url: 0 }));
        let failed = engine::lvs::io::Answer::Failed(engine::lvs::io::Failure::Digest);
        stage.turn(Turn::Probed(run, failed), Vec::new());
    });
}

#[test]
fn q3_bites_when_the_quorum_comes_or_goes_without_reason_or_twice() {
    bites("Q3", |stage| stage.turn(Turn::Timeout, vec![quorum(false)]));
    bites("Q3", |stage| stage.turn(Turn::Timeout, vec![quorum(true)]));
    bites("Q3", |stage| stage.turn(Turn::Timeout, vec![quorum(false), quorum(true)]));
    // What passes is told as one that failed.
    bites("Q3", |stage| stage.turn(Turn::Timeout, vec![Asked::Event(checked(false, false))]));
}

#[test]
fn q4_bites_when_nobody_serves_or_the_wrong_side_does() {
    bites("Q4", |stage| {
        let operation = Operation::DelServer(vip(), server(1));
        stage.turn(Turn::Timeout, vec![Asked::Kernel(OpId(1_000), operation.clone())]);
        let op = OpId(1_000);
        stage.show(What::Executed { op, operation, done: true, ok: true, serving: (1, 0) });
    });
    bites("Q4", |stage| {
        let sorry = Event::Pool(PoolEvent::Sorry { service: FIRST, active: true });
        stage.turn(Turn::Timeout, vec![Asked::Event(sorry)]);
    });
}

#[test]
fn q5_bites_when_a_server_goes_too_early_or_too_late_and_when_a_check_is_not_made_in_time() {
    bites("Q5", |stage| {
        let down = Event::Pool(PoolEvent::Server { service: FIRST, server: ServerId(0), alive: false });
        stage.turn(Turn::Timeout, vec![Asked::Event(down)]);
    });
    bites("Q5", |stage| {
        let checks = vec![probe(stage, 99)];
        stage.turn(Turn::Timeout, checks);
    });
    let text = |what: fn(&mut Stage)| {
        let mut stage = settled();
        what(&mut stage);
        stage.judge.found().iter().map(|v| format!("{v}\n")).collect::<String>()
    };
    let late = |stage: &mut Stage| {
        let at = stage.world.now() + Duration::from_secs(1_000);
        stage.show_at(at, What::Turn(Turn::Timeout));
        stage.show_at(at, What::TurnEnd { next: None });
    };
    assert!(text(late).contains("not begun"));
    let dead = |stage: &mut Stage| {
        let fault = Fault::Target(host(1), State::Down);
        stage.world.sources.targets.get_mut(&host(1)).unwrap().state = State::Down;
        stage.show(What::Fault(fault));
        let at = stage.world.now() + Duration::from_secs(1_000);
        stage.show_at(at, What::TurnEnd { next: None });
    };
    assert!(text(dead).contains("dead, and still alive"));
    let well = |stage: &mut Stage| {
        let down = Event::Pool(PoolEvent::Server { service: FIRST, server: ServerId(0), alive: false });
        stage.show(What::Asked(Asked::Event(down)));
        let at = stage.world.now() + Duration::from_secs(1_000);
        stage.show_at(at, What::TurnEnd { next: None });
    };
    assert!(text(well).contains("well, and still dead"));
}

#[test]
fn q8_bites_when_a_way_is_blamed_without_reason() {
    bites("Q8", |stage| {
        let way = Way::default();
        stage.turn(Turn::Timeout, vec![Asked::Event(Event::Way { way, blamed: true, checks: 2 })]);
    });
}

#[test]
fn q1_bites_when_the_sync_daemon_does_not_run_as_the_configuration_says() {
    let text = |sync: &str| text().replace("global_defs {", &format!("global_defs {{\n {sync}"));
    let texts = [text("lvs_sync_daemon eth1 id 5"), text("")];
    let found = |what: fn(&mut Stage)| {
        let mut stage = Stage::settled(&texts);
        assert_eq!(stage.judge.found(), []);
        what(&mut stage);
        stage.turn(Turn::Timeout, Vec::new());
        stage.judge.found().iter().map(|violation| violation.property).collect::<Vec<_>>()
    };
    assert!(found(|_| {}).is_empty());
    assert!(found(|stage| stage.world.kernel.sync.clear()).contains(&"Q1"));
    let other = |stage: &mut Stage| {
        stage.world.kernel.sync.values_mut().for_each(|half| half.port = Some(9));
    };
    assert!(found(other).contains(&"Q1"));
    let left = |stage: &mut Stage| {
        let before = stage.world.kernel.sync.clone();
        stage.now(Fault::Reload(1));
        stage.secs(2);
        stage.world.kernel.sync = before;
    };
    assert!(found(left).contains(&"Q1"));
}

#[test]
fn k7_bites_when_a_sync_daemon_or_a_timeout_of_somebody_else_is_changed() {
    let sync = || SyncSettings {
        link: base::IfName::new("eth1").unwrap(),
        id: 1,
        max_len: None,
        port: None,
        ttl: None,
        group: None,
    };
    bites("K7", |stage| {
        stage.turn(
            Turn::Timeout,
            vec![Asked::Kernel(OpId(1_000), Operation::StopSync(SyncHalf::Master, sync()))],
        );
    });
    bites("K7", |stage| {
        let timeouts = Timeouts { udp: Duration::from_secs(1), ..FIRST_TIMEOUTS };
        stage.turn(Turn::Timeout, vec![Asked::Kernel(OpId(1_000), Operation::SetTimeouts(timeouts))]);
    });
}

/// A check is under way.
fn under_way(stage: &mut Stage) {
    while !stage.seen.iter().any(|seen| matches!(seen.what, What::Asked(Asked::Probe { .. }))) {
        stage.run(Duration::from_micros(100));
    }
}

#[test]
fn q6_bites_when_a_check_runs_twice_at_once_or_never_ends() {
    bites("Q6", |stage| {
        let twice = vec![probe(stage, 98), probe(stage, 99)];
        stage.turn(Turn::Timeout, twice);
    });
    bites("Q6", |stage| {
        let asked = Asked::Probe { run: RunId(98), checker: stage.checker(), url: 1 };
        stage.turn(Turn::Timeout, vec![asked]);
    });
    bites("Q6", |stage| {
        under_way(stage);
        let empty = model("global_defs {\n router_id x\n}\n");
        stage.turn(Turn::Reload(empty), Vec::new());
        stage.judge.rest(&stage.world, Rest::Healed);
    });
}

#[test]
fn q7_bites_when_a_run_of_before_a_reload_goes_on_or_one_that_counts_is_ended() {
    bites("Q7", |stage| {
        under_way(stage);
        let empty = model("global_defs {\n router_id x\n}\n");
        stage.turn(Turn::Reload(empty), vec![Asked::Event(Event::Reloaded)]);
    });
    bites("Q7", |stage| {
        under_way(stage);
        let run = stage.seen.iter().find_map(|seen| match &seen.what {
            What::Asked(Asked::Probe { run, .. }) => Some(*run),
            _ => None,
        });
        stage.turn(Turn::Timeout, vec![Asked::Cancel(run.unwrap())]);
    });
    bites("Q7", |stage| {
        let mut checker = (*stage.checker()).clone();
        checker.schedule.retry += 1;
        let asked = Asked::Probe { run: RunId(98), checker: Arc::new(checker), url: 0 };
        stage.turn(Turn::Timeout, vec![asked]);
    });
}

#[test]
fn n1_bites_when_consumers_get_other_lines_than_what_was_said() {
    let line = || Asked::Fifo(FifoKind::Lvs, "VS [10.0.0.1]:tcp:80 DOWN\n".to_owned());
    bites("N1", |stage| stage.turn(Turn::Timeout, vec![line()]));
    bites("N1", |stage| stage.turn(Turn::Timeout, vec![quorum(false)]));
    // The first failure of a check with alpha.
    let found = |lines: Vec<Asked>| {
        let mut stage = Stage::still(&[service("alpha", &[ONCE])]);
        stage.show(What::Started(model(&service("alpha", &[ONCE]))));
        let told = vec![Asked::Event(checked(false, true))];
        stage.turn(Turn::Timeout, [told, lines].concat());
        stage.judge.found().iter().any(|violation| violation.property == "N1")
    };
    let line = Asked::Fifo(FifoKind::Lvs, "RS [10.1.0.1]:tcp:80 [10.0.0.1]:tcp:80 DOWN\n".to_owned());
    assert!(found(Vec::new()) && !found(vec![line]));
}

#[test]
fn r1_bites_when_a_reload_of_the_same_does_anything() {
    let reloaded = || Asked::Event(Event::Reloaded);
    bites("R1", |stage| {
        let dump = vec![Asked::Dump, reloaded()];
        stage.turn(Turn::Reload(stage.in_force()), dump);
    });
    bites("R1", |stage| {
        stage.show(What::Turn(Turn::Reload(stage.in_force())));
        stage.show(What::Asked(reloaded()));
        stage.show(What::TurnEnd { next: None });
    });
    bites("R1", |stage| {
        stage.secs(200);
        stage.judge.rest(&stage.world, Rest::Healed);
        let edit = Operation::DelServer(vip(), server(1));
        stage.show(What::Asked(Asked::Kernel(OpId(1_000), edit)));
        stage.judge.rest(&stage.world, Rest::Quiet);
    });
}

#[test]
fn r2_bites_when_something_of_an_earlier_configuration_is_left() {
    let without = text().replace("10.0.0.1", "10.0.0.2");
    let mut stage = Stage::settled(&[text(), without]);
    let entry = stage.world.kernel.table.services[&vip()].clone();
    stage.now(Fault::Reload(1));
    stage.secs(10);
    stage.world.kernel.table.services.insert(vip(), entry);
    stage.turn(Turn::Timeout, Vec::new());
    assert_eq!(stage.judge.found()[0].property, "R2");
}

#[test]
fn r3_bites_when_what_comes_into_force_was_not_ordered_or_what_was_ordered_does_not() {
    bites("R3", |stage| stage.turn(Turn::Timeout, vec![Asked::Event(Event::Reloaded)]));
    bites("R3", |stage| {
        let other = stage.world.models[1].clone();
        stage.turn(Turn::Reload(other), Vec::new());
    });
}

#[test]
fn k6_and_x4_bite_when_the_end_leaves_something_or_comes_too_late() {
    bites("K6", |stage| stage.turn(Turn::Stop { keep: false }, vec![Asked::Stopped]));
    bites("K6", |stage| {
        let operation = Operation::DelService(vip());
        stage.turn(Turn::Stop { keep: true }, vec![Asked::Kernel(OpId(1_000), operation)]);
    });
    bites("X4", |stage| {
        stage.turn(Turn::Stop { keep: true }, Vec::new());
        let at = stage.world.now() + Duration::from_secs(5);
        stage.show_at(at, What::Asked(Asked::Stopped));
    });
    bites("X4", |stage| {
        stage.turn(Turn::Stop { keep: true }, Vec::new());
        stage.judge.rest(&stage.world, Rest::Stopped);
    });
}

#[test]
fn k7_bites_when_what_is_somebody_elses_is_touched() {
    let foreign = ServiceKey::Address { protocol: Protocol::Tcp, address: [10, 0, 0, 7].into(), port: 80 };
    bites("K7", |stage| {
        let operation = Operation::DelService(foreign);
        stage.turn(Turn::Timeout, vec![Asked::Kernel(OpId(1_000), operation)]);
    });
    bites("K7", |stage| {
        let operation = Operation::DelServer(vip(), server(77));
        stage.turn(Turn::Timeout, vec![Asked::Kernel(OpId(1_000), operation)]);
    });
}
