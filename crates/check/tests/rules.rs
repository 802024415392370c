//! The rules, one by one.

mod common;

use base::{Instant, Machine};
use common::{
    FAILED, PASSED, S0, T0, World, at, guard, one, probe, quorum, same, schedule, secs, server, service,
    sorry, urls, weight,
};
use vipd_check::config::{
    BfdId, CheckerId, Config, FileId, Kind, Link, LinkId, Quorum, Schedule, ServerId, Service, ServiceId,
    Task, TaskId,
};
use vipd_check::io::{Answer, Event, Input, PoolEvent, Reload};

fn command(dynamic: bool) -> Task {
    Task { schedule: schedule(), kind: Kind::Command { dynamic }, link: None }
}

fn file(weight: i32, reverse: bool) -> Task {
    Task { schedule: schedule(), kind: Kind::File { file: FileId(0), weight, reverse }, link: None }
}

fn is_server(event: &Event) -> bool {
    matches!(event, Event::Pool(PoolEvent::Server { .. }))
}

/// When each run of the first task begins that is answered so, and the url of each.
fn starts(world: &mut World, answers: &[Answer]) -> Vec<(Instant, u32)> {
    answers
        .iter()
        .map(|answer| {
            let start = world.start(T0);
            world.answer(T0, *answer);
            start
        })
        .collect()
}

fn times(world: &mut World, answers: &[Answer]) -> Vec<u64> {
    starts(world, answers).into_iter().map(|(at, _)| at.since(Instant::ZERO).as_secs()).collect()
}

#[test]
fn the_first_check_starts_after_a_second_and_the_next_one_an_interval_after_each_result() {
    let mut world = World::new(one(probe(schedule())));
    assert_eq!(world.start(T0).0, at(1));
    world.now = at(3);
    world.answer(T0, PASSED);
    assert_eq!(world.start(T0).0, at(13));
}

#[test]
fn thousands_of_checks_start_spread_over_their_warmup() {
    let tasks = vec![probe(Schedule { warmup: secs(10), ..schedule() }); 5_000];
    let servers = (0..5_000).map(|i| server(1, &[i])).collect();
    let mut world = World::new(Config { tasks, services: vec![service(servers)], link_window: None });
    while world.next() {}
    let mut per_second = [0; 12];
    for (start, _, _) in &world.starts {
        per_second[usize::try_from(start.since(Instant::ZERO).as_secs()).unwrap()] += 1;
    }
    assert_eq!((per_second[0], per_second[11]), (0, 0));
    assert!(per_second[1..11].iter().all(|n| (400..600).contains(n)), "{per_second:?}");
}

#[test]
fn the_first_failure_of_all_counts_at_once_later_ones_after_the_retries() {
    let config = one(probe(Schedule { retry: 2, ..schedule() }));
    let mut world = World::new(config.clone());
    world.answer(T0, FAILED);
    assert_eq!(world.servers(), [None]);

    let mut world = World::new(config);
    let times = times(&mut world, &[PASSED, FAILED, FAILED]);
    assert_eq!(world.servers(), [Some(5)]);
    world.answer(T0, FAILED);
    assert_eq!(world.servers(), [None]);
    assert_eq!(times, [1, 11, 14]);
    assert_eq!(world.now, at(17));
    // Down: the interval again, and a single success suffices.
    world.answer(T0, FAILED);
    assert_eq!(world.now, at(27));
    world.answer(T0, PASSED);
    assert_eq!((world.now, world.servers()), (at(37), vec![Some(5)]));
}

#[test]
fn a_success_between_failures_forgets_them() {
    let mut world = World::new(one(probe(Schedule { retry: 1, ..schedule() })));
    for answer in [PASSED, FAILED, PASSED, FAILED, PASSED, FAILED] {
        world.answer(T0, answer);
    }
    assert_eq!(world.servers(), [Some(5)]);
    assert_eq!(world.take().iter().filter(|event| is_server(event)).count(), 0);
}

#[test]
fn an_alpha_check_starts_down_and_one_success_brings_it_up() {
    let mut world = World::new(one(probe(Schedule { alpha: true, retry: 3, ..schedule() })));
    assert_eq!(world.servers(), [None]);
    assert_eq!(world.take(), [quorum(false, true, 0)]);
    world.answer(T0, FAILED);
    // The first result is told although it changes nothing.
    assert!(matches!(
        world.take()[..],
        [Event::Checked { passed: false, was: false, changed: true, failures: 1, .. }]
    ));
    world.answer(T0, FAILED);
    assert!(world.take().is_empty());
    world.answer(T0, PASSED);
    assert_eq!(world.servers(), [Some(5)]);
    assert!(matches!(
        world.take()[..],
        [
            Event::Checked { passed: true, changed: true, .. },
            Event::Pool(PoolEvent::Server { alive: true, .. }),
            Event::Pool(PoolEvent::Quorum { up: true, initial: false, weight: 5, .. })
        ]
    ));
}

#[test]
fn a_check_that_stays_up_says_nothing_and_tolerated_failures_only_if_they_are_to_be_logged() {
    for log_all_failures in [false, true] {
        let mut world = World::new(one(probe(Schedule { retry: 1, log_all_failures, ..schedule() })));
        world.answer(T0, PASSED);
        world.take();
        world.changed.clear();
        for answer in [PASSED, FAILED, PASSED, PASSED] {
            world.answer(T0, answer);
        }
        let told = world.take();
        assert!(world.changed.is_empty());
        match &told[..] {
            [] => assert!(!log_all_failures),
            [Event::Checked { passed: false, changed: false, failures: 1, .. }] => assert!(log_all_failures),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_check_that_cannot_be_made_is_told_and_tried_again_and_says_nothing_about_the_server() {
    let mut world = World::new(one(probe(schedule())));
    world.take();
    let times = times(&mut world, &[Answer::Unable, Answer::Unable]);
    assert_eq!(times, [1, 11]);
    let (server, check) = (ServerId(0), CheckerId(0));
    assert_eq!(world.take(), [Event::Unable { service: S0, server, check, step: 0 }; 2]);
    assert_eq!(world.servers(), [Some(5)]);
}

#[test]
fn a_command_is_run_in_its_interval_from_start_to_start_but_never_twice_at_once() {
    let mut world = World::new(one(command(false)));
    world.start(T0);
    world.now = at(5);
    world.answer(T0, PASSED);
    assert_eq!(world.start(T0).0, at(11));
    world.now = at(28);
    world.answer(T0, PASSED);
    assert_eq!(world.start(T0).0, at(28));
}

#[test]
fn a_dynamic_command_sets_the_weight_and_0_restores_it() {
    let mut world = World::new(one(command(true)));
    for (status, weight) in [(2, 0), (255, 253), (7, 5), (0, 5), (12, 10)] {
        world.answer(T0, Answer::Passed { status });
        assert_eq!(world.servers(), [Some(weight)], "{status}");
    }
    world.take();
    world.answer(T0, Answer::Passed { status: 1 });
    assert_eq!(world.servers(), [None]);
    // Back with the last weight.
    world.answer(T0, Answer::Passed { status: 12 });
    assert_eq!(world.servers(), [Some(10)]);
    assert!(!world.take().iter().any(|event| matches!(event, Event::Pool(PoolEvent::Weight { .. }))));
    // A command that isn't dynamic has one status that is good.
    let mut world = World::new(one(command(false)));
    world.answer(T0, Answer::Passed { status: 2 });
    assert_eq!(world.servers(), [None]);
}

#[test]
fn all_urls_have_to_pass_and_the_one_that_failed_is_asked_until_it_does() {
    let slow = Schedule { delay_before_retry: secs(12), retry: 1, ..schedule() };
    let mut world = World::new(one(urls(slow, 3, false)));
    let up = [PASSED, PASSED, PASSED, PASSED];
    let asked: Vec<u32> = starts(&mut world, &up).into_iter().map(|it| it.1).collect();
    assert_eq!((asked, world.now), (vec![0, 1, 2, 0], at(31)));
    let down = [FAILED, FAILED, FAILED, PASSED];
    let asked = starts(&mut world, &down);
    assert_eq!(asked, [(at(41), 1), (at(53), 1), (at(65), 1), (at(77), 1)]);
    assert_eq!(world.servers(), [None]);
    let asked = starts(&mut world, &[PASSED, PASSED]);
    assert_eq!(asked, [(at(87), 0), (at(97), 1)]);
    assert_eq!(world.servers(), [None]);
    let asked = starts(&mut world, &[PASSED, PASSED]);
    assert_eq!(asked, [(at(107), 2), (at(117), 0)]);
    assert_eq!(world.servers(), [Some(5)]);
}

#[test]
fn fast_recovery_asks_url_after_url_until_it_is_up() {
    let mut world = World::new(one(urls(Schedule { alpha: true, ..schedule() }, 3, true)));
    let asked = starts(&mut world, &[PASSED, PASSED, PASSED, PASSED, FAILED]);
    assert_eq!(asked, [(at(1), 0), (at(1), 1), (at(1), 2), (at(11), 0), (at(21), 1)]);
    let asked = starts(&mut world, &[PASSED, PASSED, FAILED, PASSED, PASSED]);
    assert_eq!(asked, [(at(31), 1), (at(31), 0), (at(31), 1), (at(41), 1), (at(41), 0)]);
    assert_eq!(world.servers(), [None]);
}

#[test]
fn the_number_in_a_file_adds_to_the_weight_or_fails() {
    for (weight, reverse, value, expected) in [
        (2, false, 3, Some(11)),
        (2, true, 3, Some(0)),
        (2, true, -3, Some(11)),
        (1, false, -5, Some(0)),
        (1, false, -100, Some(0)),
        (i32::MAX, false, i32::MAX, Some(2_147_483_647)),
        (1, false, i32::MIN, None),
        (1, false, i32::MIN + 1, Some(0)),
        (2, false, -1_073_741_824, None),
        (0, false, 0, Some(5)),
        (0, false, 1, None),
        (0, true, 1, Some(5)),
        (0, true, 0, None),
    ] {
        let mut world = World::new(one(file(weight, reverse)));
        world.tell(Input::File { file: FileId(0), value });
        assert_eq!(world.servers(), [expected], "{value} * {weight}, {reverse}");
        world.tell(Input::File { file: FileId(0), value: i32::from(weight == 0 && reverse) });
        assert_eq!(world.servers(), [Some(5)]);
    }
}

#[test]
fn several_files_of_a_server_are_summed() {
    let mut second = file(-1, false);
    second.kind = Kind::File { file: FileId(1), weight: -1, reverse: false };
    let tasks = vec![file(2, false), second];
    let mut world =
        World::new(Config { tasks, services: vec![service(vec![server(5, &[0, 1])])], link_window: None });
    world.tell(Input::File { file: FileId(0), value: 10 });
    world.tell(Input::File { file: FileId(1), value: 4 });
    assert_eq!(world.servers(), [Some(21)]);
}

#[test]
fn a_session_of_bfd_decides_at_once() {
    let session = BfdId(0);
    let mut world = World::new(one(Task { schedule: schedule(), kind: Kind::Bfd { session }, link: None }));
    for (up, wanted) in [(false, None), (true, Some(5)), (true, Some(5)), (false, None)] {
        world.tell(Input::Bfd { session, up });
        assert_eq!(world.servers(), [wanted]);
    }
}

#[test]
fn one_check_serves_all_servers_that_have_it_and_a_server_is_alive_while_none_of_its_checks_fails() {
    let services = vec![service(vec![server(1, &[0]), server(2, &[0, 1])]), service(vec![server(3, &[1])])];
    let mut world = World::new(Config { tasks: vec![probe(schedule()); 2], services, link_window: None });
    world.answer(T0, FAILED);
    assert_eq!(world.servers(), [None, None]);
    assert_eq!(world.take().iter().filter(|event| is_server(event)).count(), 2);
    world.answer(TaskId(1), FAILED);
    assert_eq!(world.wanted(ServiceId(1)).0, [None]);
    world.answer(T0, PASSED);
    assert_eq!(world.servers(), [Some(1), None]);
    world.answer(TaskId(1), PASSED);
    assert_eq!(world.servers(), [Some(1), Some(2)]);
    assert_eq!(world.starts.len(), 4);
}

#[test]
fn the_sorry_server_serves_while_the_quorum_is_lost_and_nothing_else_does() {
    let mut config = one(probe(schedule()));
    config.tasks.push(probe(schedule()));
    config.services[0].servers.push(server(3, &[1]));
    config.services[0].quorum = Quorum { weight: 4, hysteresis: 0 };
    config.services[0].sorry = sorry();
    let mut world = World::new(config);
    world.answer(T0, FAILED);
    assert_eq!(world.wanted(S0), (vec![None, None], Some(1)));
    let told = world.take();
    let serves = Event::Pool(PoolEvent::Sorry { service: S0, active: true });
    assert!(told.ends_with(&[quorum(false, false, 3), serves]));
    world.answer(T0, PASSED);
    assert_eq!(world.wanted(S0), (vec![Some(5), Some(3)], None));
}

#[test]
fn suspended_checks_rest_and_go_on_in_the_rhythm_that_they_had() {
    let mut config = one(probe(schedule()));
    config.services[0].ha_suspend = true;
    let mut world = World::new(config);
    assert_eq!(world.checks.poll_timeout(), None);
    world.now = at(34);
    world.tell(Input::Suspend { service: S0, suspended: false });
    assert_eq!(world.start(T0).0, at(41));
    world.tell(Input::Suspend { service: S0, suspended: true });
    let run = world.cancelled[0];
    world.now = at(42);
    world.answer_run(run, FAILED);
    assert_eq!(world.servers(), [Some(5)]);
    assert!(!world.next());
    world.now = at(45);
    world.tell(Input::Suspend { service: S0, suspended: false });
    assert_eq!(world.start(T0).0, at(51));
}

#[test]
fn a_run_that_was_cancelled_ends_before_the_next_one_starts() {
    let mut config = one(probe(schedule()));
    config.services[0].ha_suspend = true;
    let mut world = World::new(config);
    world.tell(Input::Suspend { service: S0, suspended: false });
    world.start(T0);
    world.tell(Input::Suspend { service: S0, suspended: true });
    world.tell(Input::Suspend { service: S0, suspended: false });
    while world.next() {}
    assert_eq!((world.starts.len(), world.now), (1, at(11)));
    world.now = at(13);
    let run = world.cancelled[0];
    world.answer_run(run, FAILED);
    assert_eq!(world.servers(), [Some(5)]);
    assert_eq!(world.start(T0).0, at(13));
}

#[test]
fn a_check_that_another_service_needs_goes_on() {
    let mut config = one(probe(schedule()));
    config.services.push(service(vec![server(1, &[0])]));
    config.services.iter_mut().for_each(|service| service.ha_suspend = true);
    let mut world = World::new(config);
    assert_eq!(world.checks.poll_timeout(), None);
    world.tell(Input::Suspend { service: ServiceId(1), suspended: false });
    world.answer(T0, FAILED);
    assert_eq!((world.servers(), world.wanted(ServiceId(1)).0), (vec![None], vec![None]));
    world.tell(Input::Suspend { service: ServiceId(1), suspended: true });
    assert_eq!(world.checks.poll_timeout(), None);
}

#[test]
fn too_few_living_servers_keep_the_others_in_the_table() {
    let mut config = Config { tasks: vec![probe(schedule()); 4], ..Config::default() };
    config.services.push(service((0..4).map(|i| server(1 + i, &[i])).collect()));
    config.services[0].panic_threshold = 50;
    config.services[0].sorry = sorry();
    let mut world = World::new(config);
    for task in 0..4 {
        world.answer(TaskId(task), FAILED);
        let expected = match task {
            0 => vec![None, Some(2), Some(3), Some(4)],
            1 => vec![None, None, Some(3), Some(4)],
            _ => vec![Some(1), Some(2), Some(3), Some(4)],
        };
        assert_eq!(world.wanted(S0), (expected, None));
    }
    let guards = |events: Vec<Event>| -> Vec<Event> {
        events.into_iter().filter(|event| matches!(event, Event::Pool(PoolEvent::Guard { .. }))).collect()
    };
    assert_eq!(guards(world.take()), [guard(true, 1, 4)]);
    assert_eq!(world.checks.quorum_up(S0), Some(false));
    world.answer(TaskId(0), PASSED);
    world.answer(TaskId(1), PASSED);
    assert_eq!(world.servers(), [Some(1), Some(2), None, None]);
    assert_eq!(guards(world.take()), [guard(false, 2, 4)]);
}

#[test]
fn servers_that_were_never_alive_are_not_kept() {
    let alpha = probe(Schedule { alpha: true, ..schedule() });
    let mut config = Config { tasks: vec![alpha; 2], ..Config::default() };
    config.services.push(service(vec![server(1, &[0]), server(1, &[1])]));
    config.services[0].panic_threshold = 60;
    let mut world = World::new(config);
    assert_eq!(world.servers(), [None, None]);
    world.answer(T0, PASSED);
    assert_eq!(world.servers(), [Some(1), None]);
    world.answer(T0, FAILED);
    assert_eq!(world.servers(), [Some(1), None]);
}

fn behind_one_link(targets: [u32; 3]) -> Config {
    let task = |target| Task { link: Some(Link { link: LinkId(0), target }), ..probe(schedule()) };
    Config {
        tasks: targets.map(task).to_vec(),
        services: vec![service(vec![server(1, &[0]), server(2, &[1]), server(3, &[2])])],
        link_window: Some(secs(15)),
    }
}

#[test]
fn if_all_checks_through_a_link_fail_together_the_last_good_set_is_kept_until_one_passes() {
    let mut config = behind_one_link([1, 2, 3]);
    config.services[0].sorry = sorry();
    let mut world = World::new(config);
    (0..3).for_each(|task| world.answer(TaskId(task), PASSED));
    world.answer(T0, FAILED);
    world.answer(TaskId(1), FAILED);
    assert_eq!(world.servers(), [None, None, Some(3)]);
    world.take();
    world.answer(TaskId(2), FAILED);
    assert_eq!(world.wanted(S0), (vec![Some(1), Some(2), Some(3)], None));
    assert!(world.take().contains(&Event::Link { link: LinkId(0), blamed: true, checks: 3 }));
    // Nobody pretends that they are alive.
    assert_eq!(world.checks.quorum_up(S0), Some(false));
    (0..3).for_each(|task| world.answer(TaskId(task), FAILED));
    assert_eq!(world.servers(), [Some(1), Some(2), Some(3)]);
    world.answer(TaskId(1), PASSED);
    assert_eq!(world.servers(), [None, Some(2), None]);
    assert!(world.take().contains(&Event::Link { link: LinkId(0), blamed: false, checks: 3 }));
}

#[test]
fn a_link_is_not_blamed_for_one_host_for_old_failures_or_for_checks_that_never_passed() {
    // One host.
    let mut world = World::new(behind_one_link([7, 7, 7]));
    (0..3).for_each(|task| world.answer(TaskId(task), PASSED));
    (0..3).for_each(|task| world.answer(TaskId(task), FAILED));
    assert_eq!(world.servers(), [None; 3]);
    // Never passed.
    let mut world = World::new(behind_one_link([1, 2, 3]));
    (0..3).for_each(|task| world.answer(TaskId(task), FAILED));
    assert_eq!(world.servers(), [None; 3]);
    // Only one of two ever passed.
    let mut world = World::new(behind_one_link([1, 2, 3]));
    world.answer(T0, FAILED);
    world.answer(TaskId(1), PASSED);
    world.answer(TaskId(1), FAILED);
    assert_eq!(world.servers(), [None, None, Some(3)]);
    // One after the other: the first two are not of this.
    let mut world = World::new(behind_one_link([1, 2, 3]));
    (0..3).for_each(|task| world.answer(TaskId(task), PASSED));
    for failing in 0..3 {
        for _ in 0..3 {
            for task in 0..3 {
                world.answer(TaskId(task), if task <= failing { FAILED } else { PASSED });
            }
        }
    }
    assert_eq!(world.servers(), [None; 3]);
}

#[test]
fn reloading_the_same_configuration_changes_nothing_at_all() {
    let config = behind_one_link([1, 2, 3]);
    let mut world = World::new(config.clone());
    for (task, answer) in [(0, PASSED), (1, PASSED), (2, FAILED), (0, FAILED)] {
        world.answer(TaskId(task), answer);
    }
    world.start(TaskId(1));
    let (before, timer) = (world.checks.snapshot(), world.checks.poll_timeout());
    world.take();
    world.changed.clear();
    world.reload(same(config));
    assert_eq!(world.checks.snapshot(), before);
    assert_eq!(world.checks.poll_timeout(), timer);
    assert!(world.take().is_empty() && world.changed.is_empty() && world.cancelled.is_empty());
    // Nor is anything told twice afterwards.
    world.answer(TaskId(1), FAILED);
    let told = world.take();
    assert_eq!(told.iter().filter(|event| matches!(event, Event::Checked { .. })).count(), 1);
}

#[test]
fn a_change_that_nobody_asked_for_before_a_reload_is_told_once_after_it() {
    let config = one(probe(schedule()));
    let mut checks = vipd_check::Checks::new(config.clone(), Instant::ZERO, 1);
    checks.handle_input(Instant::ZERO, Input::Reload(Box::new(same(config))));
    assert_eq!((checks.poll_changed(), checks.poll_changed()), (Some(S0), None));
}

#[test]
fn a_server_that_joins_a_check_has_its_verdict_at_once() {
    let mut world = World::new(one(probe(schedule())));
    world.answer(T0, FAILED);
    world.take();
    let mut config = one(probe(schedule()));
    config.services[0].servers.push(server(9, &[0]));
    let reload = Reload { servers: vec![vec![Some(ServerId(0)), None]], ..same(config) };
    world.reload(reload);
    assert_eq!(world.servers(), [None, None]);
    assert!(matches!(
        world.take()[..],
        [
            Event::Checked { server: ServerId(1), passed: false, changed: true, .. },
            Event::Pool(PoolEvent::Server { server: ServerId(1), alive: false, .. })
        ]
    ));
}

#[test]
fn what_goes_on_keeps_its_verdict_its_retries_its_weight_its_timer_and_its_run_under_another_number() {
    let retry = probe(Schedule { retry: 1, ..schedule() });
    let config = Config {
        tasks: vec![retry, command(true)],
        services: vec![service(vec![server(5, &[0]), server(6, &[1])])],
        link_window: None,
    };
    let mut world = World::new(config);
    world.answer(T0, PASSED);
    world.answer(T0, FAILED);
    world.answer(TaskId(1), Answer::Passed { status: 9 });
    let next = world.checks.snapshot().tasks[0].next;
    let run = {
        world.start(TaskId(1));
        world.run(TaskId(1)).unwrap()
    };
    let config = Config {
        tasks: vec![command(true), retry],
        services: vec![service(vec![server(6, &[0]), server(5, &[1])])],
        link_window: None,
    };
    world.reload(Reload {
        tasks: vec![Some(TaskId(1)), Some(TaskId(0))],
        servers: vec![vec![Some(ServerId(1)), Some(ServerId(0))]],
        ..same(config)
    });
    assert_eq!(world.servers(), [Some(7), Some(5)]);
    assert_eq!(world.checks.snapshot().tasks[1].next, next);
    world.answer_run(run, Answer::Passed { status: 4 });
    assert_eq!(world.servers(), [Some(2), Some(5)]);
    world.answer(TaskId(1), FAILED);
    assert_eq!(world.servers(), [Some(2), None]);
}

#[test]
fn the_answer_to_a_run_of_an_earlier_configuration_means_nothing() {
    let mut world = World::new(one(probe(schedule())));
    world.start(T0);
    world.reload(Reload { tasks: vec![None], ..same(one(probe(schedule()))) });
    let run = world.cancelled[0];
    world.answer_run(run, FAILED);
    assert_eq!(world.servers(), [Some(5)]);
    // The new one starts as all new ones do.
    assert_eq!(world.start(T0).0, at(2));
}

#[test]
fn a_quorum_that_changes_is_judged_again() {
    let mut config = one(probe(schedule()));
    let mut world = World::new(config.clone());
    config.services[0].quorum = Quorum { weight: 6, hysteresis: 0 };
    config.services[0].sorry = sorry();
    world.take();
    world.reload(same(config));
    assert_eq!(world.wanted(S0), (vec![None], Some(1)));
    assert!(matches!(
        world.take()[..],
        [
            Event::Pool(PoolEvent::Quorum { up: false, initial: false, weight: 5, .. }),
            Event::Pool(PoolEvent::Sorry { active: true, .. })
        ]
    ));
}

#[test]
fn a_file_that_is_known_counts_for_who_joins_later() {
    let mut world = World::new(one(file(2, false)));
    world.tell(Input::File { file: FileId(0), value: 3 });
    let mut config = one(file(2, false));
    config.tasks.push(file(0, false));
    config.services[0].servers.push(server(9, &[1]));
    world.reload(Reload {
        tasks: vec![Some(T0), None],
        servers: vec![vec![Some(ServerId(0)), None]],
        ..same(config)
    });
    assert_eq!(world.servers(), [Some(11), None]);
}

#[test]
fn after_the_stop_nothing_runs_and_the_table_stays_as_it_was() {
    let mut world = World::new(one(probe(schedule())));
    world.start(T0);
    world.tell(Input::Stop);
    assert_eq!(world.cancelled.len(), 1);
    let run = world.cancelled[0];
    world.answer_run(run, FAILED);
    assert!(!world.next());
    assert_eq!(world.servers(), [Some(5)]);
}

#[test]
fn weights_that_are_huge_do_not_wrap() {
    let tasks = vec![probe(schedule()); 3];
    let servers = (0..3).map(|i| server(2_147_483_647, &[i])).collect();
    let mut config = Config { tasks, services: vec![service(servers)], link_window: None };
    config.services[0].quorum = Quorum { weight: u32::MAX, hysteresis: 2_147_483_646 };
    let mut world = World::new(config);
    assert_eq!(world.checks.quorum_up(S0), Some(true));
    world.answer(T0, FAILED);
    assert_eq!(world.checks.quorum_up(S0), Some(true));
    world.answer(TaskId(1), FAILED);
    // 4294967295 - 2147483646 is above what one server has.
    assert_eq!(world.checks.quorum_up(S0), Some(false));
}

#[test]
fn the_snapshot_survives_a_journey_as_text() {
    let mut world = World::new(one(probe(schedule())));
    world.answer(T0, FAILED);
    let snapshot = world.checks.snapshot();
    let text = serde_json::to_string(&snapshot).unwrap();
    assert_eq!(serde_json::from_str::<vipd_check::io::Snapshot>(&text).unwrap(), snapshot);
}

#[test]
fn what_servers_have_in_common_changes_for_all_at_one_time() {
    // One command is the weight of both: 100 and 10 become 55 each, and the sum stays.
    let mut config = one(command(true));
    config.services = vec![service(vec![server(100, &[0]), server(10, &[0])])];
    config.services[0].quorum = Quorum { weight: 100, hysteresis: 0 };
    let mut world = World::new(config);
    world.answer(T0, PASSED);
    world.take();
    world.answer(T0, Answer::Passed { status: 57 });
    let told = world.take();
    assert_eq!(told, [weight(0, 100, 55), weight(1, 10, 55)]);
}

#[test]
fn a_number_that_several_checks_follow_changes_once() {
    let mut config = one(file(1, false));
    config.tasks.push(file(1, true));
    config.services = vec![service(vec![server(10, &[0, 1])])];
    let mut world = World::new(config);
    world.tell(Input::File { file: FileId(0), value: 0 });
    world.take();
    world.tell(Input::File { file: FileId(0), value: 7 });
    assert_eq!(world.take(), [], "what one check adds the other one takes");
}

#[test]
fn a_reload_that_changes_when_a_check_is_made_keeps_its_verdict_and_does_not_wait_for_the_old_time() {
    let hour = Schedule { delay_loop: secs(3_600), ..schedule() };
    let mut world = World::new(one(probe(hour)));
    world.answer(T0, FAILED);
    let reloaded = world.now;
    world.reload(same(one(probe(schedule()))));
    assert_eq!(world.servers(), [None]);
    assert_eq!(world.start(T0).0, reloaded + schedule().delay_loop);
    // The other way round what is due soon comes soon.
    world.answer(T0, FAILED);
    let due = world.checks.poll_timeout();
    world.reload(same(one(probe(hour))));
    assert_eq!(world.checks.poll_timeout(), due);
}

#[test]
fn a_check_that_gets_times_of_its_own_begins_with_the_verdict_of_the_one_it_was() {
    let two = |checks: [u32; 2], tasks: Vec<Task>| Config {
        tasks,
        services: vec![service(vec![server(1, &checks[..1]), server(2, &checks[1..])])],
        link_window: None,
    };
    let shared = two([0, 0], vec![probe(schedule())]);
    let mut world = World::new(shared.clone());
    world.answer(T0, FAILED);
    world.start(T0);
    let often = Schedule { delay_loop: secs(2), ..schedule() };
    let parted = two([0, 1], vec![probe(often), probe(schedule())]);
    world.take();
    world.reload(Reload { tasks: vec![None, Some(T0)], alike: vec![Some(T0), None], ..same(parted) });
    assert_eq!(world.servers(), [None, None], "no server comes back by a mere reload");
    assert!(world.take().is_empty(), "nor is that news");
    // The run belongs to the one that did not change, and the other one begins by itself.
    assert!(world.run(T0).is_none() && world.run(TaskId(1)).is_some());
    world.answer(T0, PASSED);
    assert_eq!(world.servers(), [Some(1), None]);
}

#[test]
fn a_check_that_rested_while_its_link_was_lost_is_excused_as_the_others_are() {
    let resting = ServiceId(1);
    let services = vec![
        service(vec![server(1, &[0]), server(2, &[1])]),
        Service { ha_suspend: true, ..service(vec![server(4, &[2])]) },
    ];
    let config = Config { services, ..behind_one_link([1, 2, 3]) };
    let suspend = |suspended| Input::Suspend { service: resting, suspended };
    let mut world = World::new(config);
    world.tell(suspend(false));
    (0..3).for_each(|task| world.answer(TaskId(task), PASSED));
    world.tell(suspend(true));
    (0..2).for_each(|task| world.answer(TaskId(task), FAILED));
    assert_eq!(world.servers(), [Some(1), Some(2)]);
    world.tell(suspend(false));
    world.answer(TaskId(2), FAILED);
    assert_eq!(world.wanted(resting), (vec![Some(4)], None));
    world.answer(T0, PASSED);
    assert_eq!(world.wanted(resting), (vec![None], None));
}
