//! How long an address is nobody's when its router stops, and what of that the formula doesn't ask.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::addresses::Monitor;
use super::capture::{Capture, Filter, Seen, What, ms_between};
use super::conf::{Load, Role, interval_name};
use super::place::{Place, Router};
use super::report::{Book, Goal, Metric};
use super::tree::Daemon;

/// One step of priority at 10 ms adverts is 0.039 ms; scheduling on two shared CPUs costs more.
const SLACK_MS: f64 = 0.1;

/// From the master's first advert until the backup certainly listens.
const SETTLE: Duration = Duration::from_millis(1200);

const LATE: Metric = Metric::judged("takeover later than the formula", "ms", Goal::NoWorse(SLACK_MS));
const GAP: Metric = Metric::told("last advert to gratuitous ARP", "ms");
const ADDRESS: Metric = Metric::judged("first advert to address", "ms", Goal::NoWorse(SLACK_MS));
const GARP: Metric = Metric::judged("first advert to gratuitous ARP", "ms", Goal::NoWorse(SLACK_MS));
const FAREWELL: Metric = Metric::judged("SIGTERM to priority 0", "ms", Goal::NoWorse(SLACK_MS));
const EXIT: Metric = Metric::told("SIGTERM to exit", "ms");
const FAILED: Metric = Metric::judged("runs without takeover", "runs", Goal::NoWorse(0.0));

/// How the master goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stop {
    /// SIGKILL of all its processes: the backup has to find out.
    Kill,
    /// SIGTERM: it says farewell with priority 0.
    Graceful,
}

impl Stop {
    fn name(self) -> &'static str {
        match self {
            Self::Kill => "SIGKILL",
            Self::Graceful => "SIGTERM",
        }
    }
}

/// What to measure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Plan {
    /// Advertisement interval in milliseconds.
    pub advert_ms: u64,
    /// How the master goes.
    pub stop: Stop,
    /// Runs per binary.
    pub runs: u32,
}

impl Plan {
    fn load(&self) -> Load {
        Load { instances: 1, advert_ms: self.advert_ms, version: if self.advert_ms < 1000 { 3 } else { 2 } }
    }

    /// From the last advert of the master to the first of the backup (RFC 9568 section 6.1:
    /// Active_Down_Interval, or Skew_Time after a farewell).
    fn due_ms(&self) -> f64 {
        let skew = self.load().skew_ms(Role::Backup);
        match self.stop {
            Stop::Kill => 3.0 * self.advert_ms as f64 + skew,
            Stop::Graceful => skew,
        }
    }

    /// Its name in the report.
    pub(super) fn case(&self) -> String {
        let due = self.due_ms();
        format!(
            "failover, {} adverts, {}, formula {due:.1} ms",
            interval_name(self.advert_ms),
            self.stop.name()
        )
    }
}

/// One run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Job {
    binary: usize,
    /// When within the interval the master stops, in thousandths.
    phase: u32,
}

/// What one run gave, in milliseconds.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
struct Outcome {
    late: f64,
    gap: Option<f64>,
    to_address: Option<f64>,
    to_garp: Option<f64>,
    farewell: Option<f64>,
    exit: Option<f64>,
}

/// Measures `plan` for all binaries, one run at a time in each of `places`.
pub(super) fn measure(places: &[Place], binaries: usize, plan: Plan, book: &mut Book) -> Result<(), String> {
    let jobs = Mutex::new(jobs(plan.runs, binaries));
    // Of each binary that ran; without an outcome if there was no failover.
    type Results = Vec<(usize, Option<Outcome>)>;
    let results: Vec<Result<Results, String>> = std::thread::scope(|scope| {
        let work = |place| {
            let mut results = Vec::new();
            loop {
                let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                let Some(job) = next else { return Ok(results) };
                results.push((job.binary, run(place, plan, job)?));
            }
        };
        let threads: Vec<_> = places.iter().map(|place| scope.spawn(move || work(place))).collect();
        let ended = threads.into_iter().map(|t| t.join().unwrap_or(Err("a run panicked".to_owned())));
        ended.collect()
    });
    let case = plan.case();
    let mut failed = vec![0_u32; binaries];
    for (binary, outcome) in results.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten() {
        let Some(o) = outcome else {
            if let Some(count) = failed.get_mut(binary) {
                *count += 1;
            }
            continue;
        };
        let figures = [
            (LATE, Some(o.late)),
            (GAP, o.gap),
            (ADDRESS, o.to_address),
            (GARP, o.to_garp),
            (FAREWELL, o.farewell),
            (EXIT, o.exit),
        ];
        for (metric, value) in figures {
            if let Some(value) = value {
                book.add(&case, &metric, binary, value);
            }
        }
    }
    for (binary, count) in failed.into_iter().enumerate() {
        book.add(&case, &FAILED, binary, f64::from(count));
    }
    Ok(())
}

/// The binaries in turn, each as often first as the others, at phases spread over the interval.
fn jobs(runs: u32, binaries: usize) -> VecDeque<Job> {
    let mut jobs = VecDeque::new();
    for run in 0..runs {
        let phase = (run * 1000 + 500) / runs;
        let turn = (0..binaries).map(|binary| Job { binary, phase });
        if run % 2 == 0 { jobs.extend(turn) } else { jobs.extend(turn.rev()) }
    }
    jobs
}

/// One failover. `None` if it did not come about; the reason goes to standard error.
fn run(place: &Place, plan: Plan, job: Job) -> Result<Option<Outcome>, String> {
    let load = plan.load();
    let interval = Duration::from_millis(plan.advert_ms);
    place.reset()?;
    let mut wire = Capture::open(&place.b, Filter::All)?;
    let backup = place.program(job.binary, Router::B)?;
    let master = place.program(job.binary, Router::A)?;
    let mut a = Daemon::start(&place.a, master, &load.text(Role::Master, None))?;
    let mut b = Daemon::start(&place.b, backup, &load.text(Role::Backup, None))?;
    let complain = |what: &str, log: String| {
        eprintln!("failed run ({}, binary {}): {what}\n{log}", plan.case(), job.binary);
    };
    // It is master when it has sent with its priority and the backup had time to hear it.
    if !wire
        .wait(4 * interval + Duration::from_secs(10), |f| f.iter().any(|s| !s.own && s.vrid().is_some()))?
    {
        complain("the master never advertised", a.last_words());
        return Ok(None);
    }
    std::thread::sleep(SETTLE + interval * job.phase / 1000);
    // While the two start the backup may be master; no more now.
    if wire.frames()?.iter().rev().find_map(|s| s.vrid().map(|_| s.own)) != Some(false) {
        complain("the backup advertises beside the master", b.last_words());
        return Ok(None);
    }
    let addresses = Monitor::start(&place.b)?;
    let stopped = match plan.stop {
        Stop::Kill => a.kill(),
        Stop::Graceful => a.terminate()?,
    };
    let own_advert = |s: &Seen| s.own && s.vrid().is_some() && s.at > stopped;
    let bound = 3 * interval + Duration::from_secs(4);
    if !wire.wait(bound, |f| f.iter().any(own_advert))? {
        complain("nobody took over", b.last_words());
        return Ok(None);
    }
    let announced = |s: &Seen| s.own && s.at > stopped && matches!(s.what, What::Garp(_));
    wire.wait(Duration::from_secs(1), |f| f.iter().any(announced))?;
    let mut outcome = Outcome::default();
    if plan.stop == Stop::Graceful {
        a.wait()?;
        outcome.exit = Some(ms_between(stopped, super::tree::now()));
    }
    b.kill();
    let new_addresses = addresses.stop()?;
    let frames = wire.take()?;
    let Some(first) = frames.iter().find(|s| own_advert(s)).map(|s| s.at) else { return Ok(None) };
    let before = frames.iter().filter(|s| !s.own && s.vrid().is_some() && s.at < first);
    let Some(last) = before.map(|s| s.at).next_back() else {
        complain("no advert of the master before it stopped", a.last_words());
        return Ok(None);
    };
    let farewell = frames
        .iter()
        .find(|s| !s.own && s.at > stopped && matches!(s.what, What::Advert { priority: 0, .. }));
    let garp = frames.iter().find(|s| announced(s)).map(|s| s.at);
    outcome.late = ms_between(last, first) - plan.due_ms();
    outcome.gap = garp.map(|at| ms_between(last, at));
    outcome.to_garp = garp.map(|at| ms_between(first, at));
    outcome.to_address = new_addresses.iter().find(|at| **at > stopped).map(|at| ms_between(first, *at));
    outcome.farewell = farewell.map(|s| ms_between(stopped, s.at));
    Ok(Some(outcome))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_after_a_kill_and_after_a_farewell() {
        let plan = |stop, advert_ms| Plan { advert_ms, stop, runs: 1 };
        assert_eq!(plan(Stop::Kill, 1000).due_ms(), 3609.375);
        assert_eq!(plan(Stop::Kill, 10).due_ms(), 36.09375);
        assert_eq!(plan(Stop::Graceful, 10).due_ms(), 6.09375);
    }

    #[test]
    fn binaries_take_turns_in_going_first_and_phases_cover_the_interval() {
        let jobs = jobs(2, 2);
        let order: Vec<(usize, u32)> = jobs.iter().map(|j| (j.binary, j.phase)).collect();
        assert_eq!(order, [(0, 250), (1, 250), (1, 750), (0, 750)]);
    }
}
