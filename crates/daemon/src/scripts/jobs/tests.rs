use base::Name;
use model::User;

use super::*;

const T0: Instant = Instant::from_nanos(1_000_000_000_000);

fn at(ms: u64) -> Instant {
    T0 + Duration::from_millis(ms)
}

fn command(text: &str) -> Command {
    Command { text: text.into(), path: text.into(), argv: vec![text.into()], user: User::default() }
}

fn object(n: usize) -> Object {
    Object::Instance(Name::from(format!("VI_{n}")))
}

fn notify(jobs: &mut Jobs, now: Instant, n: usize, text: &str, limit: Option<Duration>) -> JobId {
    jobs.submit(now, Purpose::Notify(object(n)), command(text), Vec::new(), limit)
}

fn id(run: u64) -> Check {
    Check { channel: 1, run: RunId(run) }
}

fn check(jobs: &mut Jobs, now: Instant, run: u64, timeout_ms: u64) -> JobId {
    let timeout = Some(Duration::from_millis(timeout_ms));
    jobs.submit(now, Purpose::Check(id(run)), command("chk"), Vec::new(), timeout)
}

/// What is to be done, in short.
fn actions(jobs: &mut Jobs) -> Vec<String> {
    std::iter::from_fn(|| jobs.poll_action())
        .map(|a| match a {
            Action::Start { command, .. } => format!("start {}", command.text),
            Action::Terminate(j) => format!("term {}", j.0),
            Action::Kill(j) => format!("kill {}", j.0),
            Action::Reap(j) => format!("reap {}", j.0),
            Action::Checked(check, outcome) => format!("{} {outcome:?}", check.run.0),
            Action::Ran(id, outcome) => format!("ran {id} {outcome:?}"),
            Action::ReaderEnded(kind) => format!("reader {kind:?}"),
            Action::Stuck(j, text) => format!("stuck {} {text}", j.0),
            Action::Log(_, line) => line.text,
        })
        .collect()
}

/// Lets time pass to the next deadline, which must be `ms`.
#[track_caller]
fn pass(jobs: &mut Jobs, ms: u64) -> Vec<String> {
    assert_eq!(jobs.poll_timeout(), Some(at(ms)));
    jobs.handle_timeout(at(ms));
    assert!(jobs.poll_timeout().is_none_or(|t| t > at(ms)), "a deadline stays in the past");
    actions(jobs)
}

#[test]
fn scripts_of_one_object_run_one_after_another_and_those_of_others_meanwhile() {
    let mut jobs = Jobs::new();
    let a = notify(&mut jobs, at(0), 1, "a", None);
    let b = notify(&mut jobs, at(0), 1, "b", None);
    notify(&mut jobs, at(0), 2, "c", None);
    assert_eq!(actions(&mut jobs), ["start a", "start c"]);
    jobs.ended(at(9), a, Outcome::Exited(1));
    assert_eq!(actions(&mut jobs), ["reap 1", "start b"]);
    jobs.ended(at(9), b, Outcome::NotStarted);
    assert_eq!(actions(&mut jobs), ["reap 2"]);
    assert_eq!(jobs.poll_timeout(), None);
}

#[test]
fn a_script_may_run_for_ever_until_another_one_waits_behind_it() {
    let mut jobs = Jobs::new();
    let a = notify(&mut jobs, at(0), 1, "a", None);
    assert_eq!(jobs.poll_timeout(), None);
    notify(&mut jobs, at(100_000), 1, "b", None);
    actions(&mut jobs);
    assert_eq!(pass(&mut jobs, 130_000), ["(VI_1) notify script a takes too long - ending it", "term 1"]);
    jobs.ended(at(130_001), a, Outcome::Signaled(15));
    assert_eq!(actions(&mut jobs), ["start b"]);
    // What a left behind is ended with its group; only then its number is given back.
    assert_eq!(pass(&mut jobs, 132_000), ["kill 1", "reap 1"]);
}

#[test]
fn an_overdue_check_is_told_once_it_is_dead_and_only_once() {
    let mut jobs = Jobs::new();
    let job = check(&mut jobs, at(0), 7, 500);
    assert_eq!(actions(&mut jobs), ["start chk"]);
    assert_eq!(pass(&mut jobs, 500), ["term 1"]);
    assert_eq!(pass(&mut jobs, 2_500), ["kill 1"]);
    jobs.ended(at(2_501), job, Outcome::Signaled(9));
    assert_eq!(actions(&mut jobs), ["reap 1", "7 TimedOut"]);
    jobs.ended(at(2_502), job, Outcome::Signaled(9));
    assert!(actions(&mut jobs).is_empty() && jobs.is_idle());
}

#[test]
fn a_check_that_hangs_in_the_kernel_is_given_up_and_told() {
    let mut jobs = Jobs::new();
    let job = check(&mut jobs, at(0), 7, 500);
    actions(&mut jobs);
    pass(&mut jobs, 500);
    assert_eq!(pass(&mut jobs, 2_500), ["kill 1"]);
    assert_eq!(pass(&mut jobs, 4_500), ["kill 1"]);
    assert_eq!(pass(&mut jobs, 14_500), ["stuck 1 chk", "7 TimedOut"]);
    assert_eq!(jobs.poll_timeout(), None);
    jobs.ended(at(99_000), job, Outcome::Signaled(9));
    assert_eq!(actions(&mut jobs), ["reap 1"]);
}

#[test]
fn a_check_that_ends_in_time_is_told_as_it_ended() {
    let mut jobs = Jobs::new();
    let job = check(&mut jobs, at(0), 7, 500);
    actions(&mut jobs);
    jobs.ended(at(499), job, Outcome::Exited(3));
    assert_eq!(actions(&mut jobs), ["reap 1", "7 Exited(3)"]);
    let job = check(&mut jobs, at(0), 8, 500);
    jobs.cancel_check(at(10), id(8));
    jobs.ended(at(11), job, Outcome::Signaled(15));
    assert_eq!(actions(&mut jobs), ["start chk", "term 2", "8 Signaled(15)"]);
}

#[test]
fn checks_beyond_the_most_wait_and_are_answered_when_cancelled() {
    let mut jobs = Jobs::new();
    for run in 0..=MOST_CHECKS as u64 {
        check(&mut jobs, at(0), run, 500);
    }
    assert_eq!(actions(&mut jobs).len(), MOST_CHECKS);
    jobs.cancel_check(at(1), id(MOST_CHECKS as u64));
    assert_eq!(actions(&mut jobs), ["256 Signaled(15)"]);
    check(&mut jobs, at(1), 999, 500);
    jobs.ended(at(2), JobId(1), Outcome::Exited(0));
    assert_eq!(actions(&mut jobs), ["reap 1", "0 Exited(0)", "start chk"]);
}

#[test]
fn a_burst_starts_in_portions_and_long_scripts_block_nobody() {
    let mut jobs = Jobs::new();
    for n in 0..255 {
        notify(&mut jobs, at(0), n, "n", None);
    }
    assert_eq!(actions(&mut jobs).len(), MOST_YOUNG);
    jobs.ended(at(5), JobId(1), Outcome::Exited(0));
    assert_eq!(actions(&mut jobs), ["reap 1", "start n"]);
    // Nobody else ends: the next portion starts when the first is no longer young.
    assert_eq!(pass(&mut jobs, 1_000).len(), MOST_YOUNG - 1);
    // Checks don't queue behind them.
    check(&mut jobs, at(1_000), 1, 500);
    assert_eq!(actions(&mut jobs), ["start chk"]);
}

#[test]
fn the_oldest_of_too_many_waiting_scripts_is_skipped() {
    let mut jobs = Jobs::new();
    for n in 0..MOST_WAITING + 2 {
        notify(&mut jobs, at(0), 1, &format!("n{n}"), None);
    }
    let told = actions(&mut jobs);
    assert_eq!(told, ["start n0", "(VI_1) skipping notify script n1, too many are waiting"]);
    jobs.ended(at(1), JobId(1), Outcome::Exited(0));
    assert_eq!(actions(&mut jobs), ["reap 1", "start n2"]);
}

#[test]
fn a_stop_leaves_time_for_the_last_scripts_and_none_for_the_others() {
    let mut jobs = Jobs::new();
    let check = check(&mut jobs, at(0), 1, 60_000);
    let busy = notify(&mut jobs, at(0), 1, "busy", None);
    notify(&mut jobs, at(0), 1, "stop1", Some(Duration::from_secs(1)));
    let stop2 = notify(&mut jobs, at(0), 2, "stop2", Some(Duration::from_secs(1)));
    let reader = jobs.submit(at(0), Purpose::Reader(FifoKind::Vrrp), command("reader"), Vec::new(), None);
    actions(&mut jobs);
    jobs.stop(at(100));
    assert_eq!(actions(&mut jobs), ["term 1", "term 2"]);
    jobs.ended(at(101), check, Outcome::Signaled(15));
    jobs.ended(at(101), busy, Outcome::Signaled(15));
    assert_eq!(actions(&mut jobs), ["1 Signaled(15)", "start stop1"]);
    assert_eq!(pass(&mut jobs, 1_000), ["(VI_2) notify script stop2 takes too long - ending it", "term 4"]);
    jobs.ended(at(1_001), stop2, Outcome::Signaled(15));
    // The reader and what lingers of the first two; then stop1.
    assert_eq!(pass(&mut jobs, 1_100), ["kill 1", "reap 1", "kill 2", "reap 2", "term 5"]);
    jobs.ended(at(1_100), reader, Outcome::Exited(0));
    assert_eq!(pass(&mut jobs, 1_101), ["(VI_1) notify script stop1 takes too long - ending it", "term 3"]);
    pass(&mut jobs, 2_000);
    pass(&mut jobs, 2_100);
    assert_eq!(pass(&mut jobs, 2_101), ["kill 3"]);
    jobs.ended(at(2_102), JobId(3), Outcome::Signaled(9));
    assert_eq!(actions(&mut jobs), ["reap 3"]);
    assert!(jobs.is_idle());
}

#[test]
fn a_stop_ends_however_many_scripts_refuse_to() {
    let mut jobs = Jobs::new();
    for _ in 0..10 {
        notify(&mut jobs, at(0), 1, "stop", Some(Duration::from_secs(1)));
    }
    jobs.stop(at(0));
    let mut rounds = 0;
    while let Some(t) = jobs.poll_timeout() {
        assert!(t <= at(4_000), "it takes too long");
        jobs.handle_timeout(t);
        rounds += 1;
        assert!(rounds < 100);
    }
    assert!(jobs.is_idle());
}

#[test]
fn a_reader_that_ends_is_told_unless_it_was_ended() {
    let mut jobs = Jobs::new();
    let kind = FifoKind::Global;
    let first = jobs.submit(at(0), Purpose::Reader(kind), command("r"), vec!["/f".into()], None);
    assert!(jobs.reader_runs(kind));
    jobs.ended(at(1), first, Outcome::Exited(0));
    assert_eq!(actions(&mut jobs), ["start r", "reader Global", "reap 1"]);
    jobs.submit(at(2), Purpose::Reader(kind), command("r"), vec!["/f".into()], None);
    jobs.end_reader(at(3), kind);
    assert!(!jobs.reader_runs(kind));
    jobs.ended(at(4), JobId(2), Outcome::Signaled(15));
    assert_eq!(actions(&mut jobs), ["start r", "term 2"]);
}
