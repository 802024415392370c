//! What checks cost, and how punctual they are.

use std::time::{Duration, Instant};

use super::conf::{self, Kind, REAL};
use super::place::Place;
use super::responder::Responder;
use crate::bench::report::{Book, Goal, Metric, percentile};
use crate::bench::tree::{self, Daemon};

const CPU: Metric = Metric::judged("CPU per check", "us", Goal::AtMost(0.7));
const RATE: Metric = Metric::told("checks per second", "1/s");
const ANSWERED: Metric = Metric::told("requests answered per second", "1/s");
const SLEEPS: Metric = Metric::told("sleeps per check", "");
const LATE_50: Metric = Metric::told("check later than a second p50", "ms");
const LATE_99: Metric = Metric::judged("check later than a second p99", "ms", Goal::Under(250.0));
const LATE_MAX: Metric = Metric::told("check later than a second max", "ms");
const FIRST: Metric = Metric::told("start to all servers checked", "ms");
const PSS: Metric = Metric::judged("PSS of all processes", "KiB", Goal::AtMost(1.0));
const PSS_TOLD: Metric = Metric::told("PSS of all processes", "KiB");
const USS: Metric = Metric::told("USS of all processes", "KiB");
const PROCESSES: Metric = Metric::told("processes", "");
const OTHERS: Metric = Metric::told("CPU used by others meanwhile", "% of one");

/// What to measure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Plan {
    /// How many checks a second.
    pub checks: u32,
    /// Of which kind.
    pub kind: Kind,
    /// Runs of each binary.
    pub rounds: u32,
    /// How often a run measures, and for how long each time.
    pub windows: (u32, Duration),
}

impl Plan {
    /// Its name in the report.
    pub(super) fn case(&self) -> String {
        format!("checks, {} x {} at 1 s", self.checks, self.kind.keyword())
    }
}

/// Measures `plan` for all binaries in turn.
pub(super) fn measure(place: &Place, plan: Plan, book: &mut Book) -> Result<(), String> {
    place.turns(plan.rounds).try_for_each(|binary| run(place, plan, binary, book))
}

fn run(place: &Place, plan: Plan, binary: usize, book: &mut Book) -> Result<(), String> {
    let case = plan.case();
    place.reset()?;
    let responder = Responder::start(&place.servers, plan.kind, plan.checks)?;
    tree::wait_quiet();
    let text = conf::text(plan.checks / REAL, plan.kind, 1, 1);
    let began = Instant::now();
    let mut daemon = place.start(binary, &text)?;
    let servers = usize::try_from(plan.checks).map_err(|e| e.to_string())?;
    wait(&mut daemon, || responder.servers() >= servers)
        .map_err(|e| format!("{case}: {} servers were checked{e}", responder.servers()))?;
    book.add(&case, &FIRST, binary, began.elapsed().as_secs_f64() * 1e3);
    // Its start is over when they have been checked as often as servers there are once more.
    drop(responder.take());
    wait(&mut daemon, || responder.connections() >= u64::from(plan.checks))
        .map_err(|e| format!("{case}: {} more checks came{e}", responder.connections()))?;
    for _ in 0..plan.windows.0 {
        window(plan, binary, &daemon, &responder, book)?;
    }
    let memory = daemon.memory()?;
    // What is asked is for the largest of all.
    let pss = if plan.checks >= 10_000 { PSS } else { PSS_TOLD };
    book.add(&case, &pss, binary, memory.pss as f64);
    book.add(&case, &USS, binary, memory.uss as f64);
    book.add(&case, &PROCESSES, binary, memory.processes as f64);
    Ok(())
}

/// Waits for a state while the daemon lives, for a minute; what it said last, if that doesn't come.
fn wait(daemon: &mut Daemon, state: impl Fn() -> bool) -> Result<(), String> {
    let began = Instant::now();
    while !state() {
        if began.elapsed() > Duration::from_secs(60) || !daemon.alive() {
            return Err(format!("\n{}", daemon.last_words()));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn window(
    plan: Plan,
    binary: usize,
    daemon: &Daemon,
    responder: &Responder,
    book: &mut Book,
) -> Result<(), String> {
    let case = plan.case();
    drop(responder.take());
    let (usage, busy, began) = (daemon.usage(), tree::machine_busy(), Instant::now());
    std::thread::sleep(plan.windows.1);
    let mut seen = responder.take();
    let usage = daemon.usage() - usage;
    let seconds = began.elapsed().as_secs_f64();
    let busy = tree::machine_busy().saturating_sub(busy);
    if seen.connections == 0 {
        return Err(format!("{case}: no check came\n{}", daemon.last_words()));
    }
    let checks = seen.connections as f64;
    book.add(&case, &CPU, binary, usage.cpu as f64 / 1e3 / checks);
    book.add(&case, &RATE, binary, checks / seconds);
    if plan.kind == Kind::Http {
        book.add(&case, &ANSWERED, binary, seen.answered as f64 / seconds);
    }
    book.add(&case, &SLEEPS, binary, usage.sleeps as f64 / checks);
    for (metric, part) in [(LATE_50, 0.5), (LATE_99, 0.99), (LATE_MAX, 1.0)] {
        if let Some(gap) = percentile(&mut seen.gaps, part) {
            book.add(&case, &metric, binary, gap - 1000.0);
        }
    }
    book.add(&case, &OTHERS, binary, busy.saturating_sub(usage.cpu) as f64 / 1e7 / seconds);
    Ok(())
}
