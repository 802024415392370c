//! How long it takes until virtual servers are in the kernel, and what a reload writes there.

use std::time::{Duration, Instant};

use lab::Signal;

use super::conf::{self, Kind, REAL};
use super::place::Place;
use super::responder::Responder;
use crate::bench::capture::ms_between;
use crate::bench::report::{Book, Goal, Metric};
use crate::bench::tree::{self, Daemon};

const LOADED: Metric = Metric::told("start to last service in the kernel", "ms");
const LOADED_CPU: Metric = Metric::told("CPU until then", "ms");
const LOADED_WRITES: Metric = Metric::told("kernel writes until then", "");
const PSS: Metric = Metric::told("PSS of all processes", "KiB");
const SAME_WRITES: Metric = Metric::judged("reload of the same: writes", "", Goal::Exactly(0.0));
const SAME_CPU: Metric = Metric::told("reload of the same: CPU", "ms");
const CHANGED: Metric = Metric::judged("reload with one change", "ms", Goal::AtMost(0.2));
const CHANGED_CPU: Metric = Metric::told("reload with one change: CPU", "ms");
const CHANGED_WRITES: Metric = Metric::judged("reload with one change: writes", "", Goal::Exactly(1.0));
const CHANGED_READS: Metric = Metric::told("reload with one change: reads", "");
const PSS_AFTER: Metric = Metric::told("PSS after the reloads", "KiB");

/// All of them.
pub(super) const METRICS: &[Metric] = &[
    LOADED,
    LOADED_CPU,
    LOADED_WRITES,
    PSS,
    SAME_WRITES,
    SAME_CPU,
    CHANGED,
    CHANGED_CPU,
    CHANGED_WRITES,
    CHANGED_READS,
    PSS_AFTER,
];

/// Seconds between two checks of a server: they are not what is measured.
const DELAY: u32 = 60;
const BOUND: Duration = Duration::from_secs(120);

/// What to measure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Plan {
    /// How many virtual servers.
    pub services: u32,
    /// Runs of each binary.
    pub rounds: u32,
    /// Reloads in each run.
    pub reloads: u32,
}

impl Plan {
    /// Its name in the report.
    pub(super) fn case(&self) -> String {
        format!("services, {} x {REAL}", self.services)
    }
}

/// Measures `plan` for all binaries in turn.
pub(super) fn measure(place: &Place, plan: Plan, book: &mut Book) -> Result<(), String> {
    place.turns(plan.rounds).try_for_each(|binary| run(place, plan, binary, book))
}

fn run(place: &Place, plan: Plan, binary: usize, book: &mut Book) -> Result<(), String> {
    let case = plan.case();
    let asked = &place.stand_in;
    let text = |weight| conf::text(plan.services, Kind::Tcp, DELAY, weight);
    place.reset()?;
    let _responder = Responder::start(&place.servers, Kind::Tcp, plan.services * REAL)?;
    tree::wait_quiet();
    let daemon = place.start(binary, &text(1))?;
    let failed = |e: String| format!("{case}: {e}\n{}", daemon.last_words());
    let objects = u64::from(plan.services * (REAL + 1));
    let loaded = asked.wait(BOUND, |asked| asked.additions >= objects).map_err(failed)?;
    let cpu = daemon.usage().cpu;
    book.add(&case, &LOADED, binary, ms_between(daemon.started, loaded.last_write));
    book.add(&case, &LOADED_CPU, binary, cpu as f64 / 1e6);
    book.add(&case, &LOADED_WRITES, binary, loaded.writes as f64);
    rest(&daemon);
    book.add(&case, &PSS, binary, daemon.memory()?.pss as f64);
    for weight in 1..=1 + plan.reloads {
        place.node.write("bench.conf", &text(weight)).map_err(|e| e.to_string())?;
        let (before, cpu) = (asked.asked(), daemon.usage().cpu);
        let at = tree::now();
        daemon.signal(Signal::SIGHUP)?;
        if weight > 1 {
            let written = asked.wait(BOUND, |now| now.writes > before.writes).map_err(failed)?;
            book.add(&case, &CHANGED, binary, ms_between(at, written.last_write));
        }
        rest(&daemon);
        let (after, cpu) = (asked.asked(), daemon.usage().cpu - cpu);
        let writes = (after.writes - before.writes) as f64;
        let cpu = cpu as f64 / 1e6;
        if weight > 1 {
            book.add(&case, &CHANGED_CPU, binary, cpu);
            book.add(&case, &CHANGED_WRITES, binary, writes);
            book.add(&case, &CHANGED_READS, binary, (after.reads - before.reads) as f64);
        } else {
            book.add(&case, &SAME_CPU, binary, cpu);
            book.add(&case, &SAME_WRITES, binary, writes);
        }
    }
    book.add(&case, &PSS_AFTER, binary, daemon.memory()?.pss as f64);
    Ok(())
}

/// Waits until the daemon has nothing to do but check: three times in a row it uses less than a fifth
/// of a processor.
fn rest(daemon: &Daemon) {
    const LOOK: Duration = Duration::from_millis(150);
    let began = Instant::now();
    let (mut calm, mut cpu) = (0, daemon.usage().cpu);
    while calm < 3 && began.elapsed() < BOUND {
        std::thread::sleep(LOOK);
        let now = daemon.usage().cpu;
        let busy = u128::from(now.saturating_sub(std::mem::replace(&mut cpu, now))) * 5 > LOOK.as_nanos();
        calm = if busy { 0 } else { calm + 1 };
    }
}
