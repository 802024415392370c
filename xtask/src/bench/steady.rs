//! What many instances cost while nothing happens: CPU for an advert sent and received, memory,
//! punctuality. And how long it takes to get there.
//!
//! The other router is always the second binary, so that both candidates talk to the same peer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lab::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::capture::{Capture, Filter, Seen, ms_between};
use super::conf::{Load, Role};
use super::place::{Place, Router};
use super::report::{Book, Goal, Metric, percentile};
use super::tree::{self, Daemon, Usage};

const SENT: &str = "CPU per advert sent";
const RECEIVED: &str = "CPU per advert received";
const START_FIRST: Metric = Metric::told("start to first advert", "ms");
const START_ALL: Metric = Metric::told("start to advert of every instance", "ms");
const START_CPU: Metric = Metric::told("CPU until then", "ms");
const MASTER_CPU: Metric = Metric::told("CPU of the master", "ms/s");
const BACKUP_CPU: Metric = Metric::told("CPU of the backup", "ms/s");
const SENT_SLEEPS: Metric = Metric::told("sleeps per advert sent", "");
const RECEIVED_SLEEPS: Metric = Metric::told("sleeps per advert received", "");
const SENT_CALLS: Metric = Metric::told("system calls per advert sent", "");
const RECEIVED_CALLS: Metric = Metric::told("system calls per advert received", "");
const MASTER_PSS: Metric = Metric::judged("PSS of the master's processes", "KiB", Goal::AtMost(2.0));
const MASTER_USS: Metric = Metric::told("USS of the master's processes", "KiB");
const BACKUP_PSS: Metric = Metric::judged("PSS of the backup's processes", "KiB", Goal::AtMost(2.0));
const BACKUP_USS: Metric = Metric::told("USS of the backup's processes", "KiB");
const PROCESSES: Metric = Metric::told("processes", "");
const JITTER_50: Metric = Metric::told("advert jitter p50", "us");
const JITTER_99: Metric = Metric::judged("advert jitter p99", "us", Goal::NoWorse(20.0));
const JITTER_MAX: Metric = Metric::told("advert jitter max", "us");
const TAKEOVERS: Metric = Metric::told("takeovers by the backup", "");
const EARLY_TAKEOVERS: Metric = Metric::judged("takeovers before the formula", "", Goal::NoWorse(0.0));
const OTHERS: Metric = Metric::told("CPU used by others meanwhile", "% of one");

/// The gratuitous ARP of the second burst belongs to the start: it comes after this many seconds.
const GARP_DELAY: u32 = 1;

/// What to measure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Plan {
    /// Instances and interval.
    pub load: Load,
    /// Runs per pair of binaries.
    pub rounds: u32,
    /// How often a run measures, and for how long each time. Many short windows, since a median of
    /// them does not see what somebody else did during one.
    pub windows: (u32, Duration),
    /// Whether to count system calls in the first run.
    pub trace: bool,
}

impl Plan {
    /// Its name in the report.
    pub(super) fn case(&self) -> String {
        format!("steady, {}", self.load.name())
    }

    /// The goals for CPU are for the loads where adverts are what costs.
    fn judges_cpu(&self) -> bool {
        self.load.instances == 255 && self.load.advert_ms < 1000
    }

    fn cpu_metric(&self, name: &'static str, goal: Goal) -> Metric {
        Metric::judged(name, "us", if self.judges_cpu() { goal } else { Goal::None })
    }
}

/// Which binary stands where, and which of the two is being measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Pair {
    master: usize,
    backup: usize,
    measure_master: bool,
    measure_backup: bool,
}

/// The pairs of a round: each binary sends to the last one and receives from it.
fn pairs(binaries: usize) -> Vec<Pair> {
    let peer = binaries.saturating_sub(1);
    let mut pairs = Vec::new();
    for binary in 0..peer {
        pairs.push(Pair { master: binary, backup: peer, measure_master: true, measure_backup: false });
    }
    pairs.push(Pair { master: peer, backup: peer, measure_master: true, measure_backup: true });
    for binary in 0..peer {
        pairs.push(Pair { master: peer, backup: binary, measure_master: false, measure_backup: true });
    }
    pairs
}

/// Measures `plan` for all binaries in turn.
pub(super) fn measure(place: &Place, binaries: usize, plan: Plan, book: &mut Book) -> Result<(), String> {
    for round in 0..plan.rounds {
        let mut order = pairs(binaries);
        if round % 2 == 1 {
            order.reverse();
        }
        for pair in order {
            run(place, plan, pair, plan.trace && round == 0, book)?;
        }
    }
    Ok(())
}

fn run(place: &Place, plan: Plan, pair: Pair, trace: bool, book: &mut Book) -> Result<(), String> {
    let load = plan.load;
    let case = plan.case();
    let interval = Duration::from_millis(load.advert_ms);
    place.reset()?;
    tree::wait_quiet();
    let mut all = Capture::open(&place.b, Filter::All)?;
    let master = place.program(pair.master, Router::A)?;
    let a = Daemon::start(&place.a, master, &load.text(Role::Master, Some(GARP_DELAY)))?;
    let bound = 4 * interval + Duration::from_secs(20);
    if !all.wait(bound, |frames| heard(frames).len() >= usize::from(load.instances))? {
        let heard = heard(all.frames()?).len();
        return Err(format!("{case}: {heard} instances advertise after {bound:?}\n{}", a.last_words()));
    }
    let start_cpu = a.usage().cpu;
    let firsts = heard(all.frames()?);
    drop(all);
    if pair.measure_master {
        if let (Some(first), Some(last)) = (firsts.values().min(), firsts.values().max()) {
            book.add(&case, &START_FIRST, pair.master, ms_between(a.started, *first));
            book.add(&case, &START_ALL, pair.master, ms_between(a.started, *last));
        }
        book.add(&case, &START_CPU, pair.master, start_cpu as f64 / 1e6);
    }
    std::thread::sleep(Duration::from_secs(u64::from(GARP_DELAY)) + Duration::from_millis(500));
    let backup = place.program(pair.backup, Router::B)?;
    let mut b = Daemon::start(&place.b, backup, &load.text(Role::Backup, Some(GARP_DELAY)))?;
    let mut sample = Capture::open(&place.b, Filter::Sample)?;
    // Until it has read its configuration, and as long as it could still be waiting for a master.
    std::thread::sleep(Duration::from_millis(1500) + 4 * interval.min(Duration::from_millis(100)));
    let mut adverts = 0;
    for _ in 0..plan.windows.0 {
        adverts += window(plan, pair, &case, [&a, &b], &mut sample, book)?;
    }
    if pair.measure_master {
        let memory = a.memory()?;
        book.add(&case, &MASTER_PSS, pair.master, memory.pss as f64);
        book.add(&case, &MASTER_USS, pair.master, memory.uss as f64);
        book.add(&case, &PROCESSES, pair.master, memory.processes as f64);
    }
    if pair.measure_backup {
        let memory = b.memory()?;
        book.add(&case, &BACKUP_PSS, pair.backup, memory.pss as f64);
        book.add(&case, &BACKUP_USS, pair.backup, memory.uss as f64);
    }
    if trace {
        if pair.measure_master {
            record_calls(&case, &SENT_CALLS, pair.master, &a, &b, book)?;
        }
        if pair.measure_backup {
            record_calls(&case, &RECEIVED_CALLS, pair.backup, &b, &b, book)?;
        }
    }
    if !b.alive() {
        return Err(format!("{case}: the backup has died\n{}", b.last_words()));
    }
    if adverts == 0 {
        return Err(format!("{case}: no adverts in the window\n{}", a.last_words()));
    }
    Ok(())
}

/// One window of the measurement. Says how many adverts came by.
fn window(
    plan: Plan,
    pair: Pair,
    case: &str,
    [a, b]: [&Daemon; 2],
    sample: &mut Capture,
    book: &mut Book,
) -> Result<u64, String> {
    sample.clear()?;
    let (before, began) = ([a.usage(), b.usage()], Instant::now());
    let (frames, busy) = (b.frames_in()?, tree::machine_busy());
    std::thread::sleep(plan.windows.1);
    let after = [a.usage(), b.usage()];
    let seconds = began.elapsed().as_secs_f64();
    let adverts = b.frames_in()?.saturating_sub(frames);
    let busy = tree::machine_busy().saturating_sub(busy);
    let seen = sample.take()?;
    let interval_ms = plan.load.advert_ms;
    let [sent, received] = [after[0] - before[0], after[1] - before[1]];
    let mut cost = |binary, usage: Usage, cpu: Metric, per_advert: Metric, sleeps: Metric| {
        book.add(case, &cpu, binary, usage.cpu as f64 / 1e6 / seconds);
        if adverts > 0 {
            book.add(case, &per_advert, binary, usage.cpu as f64 / 1e3 / adverts as f64);
            book.add(case, &sleeps, binary, usage.sleeps as f64 / adverts as f64);
        }
    };
    if pair.measure_master {
        cost(pair.master, sent, MASTER_CPU, plan.cpu_metric(SENT, Goal::AtMost(0.6)), SENT_SLEEPS);
    }
    if pair.measure_backup {
        cost(
            pair.backup,
            received,
            BACKUP_CPU,
            plan.cpu_metric(RECEIVED, Goal::NoWorse(0.1)),
            RECEIVED_SLEEPS,
        );
    }
    let others = busy.saturating_sub(sent.cpu + received.cpu) as f64 / 1e7 / seconds;
    let measured = if pair.measure_master { pair.master } else { pair.backup };
    book.add(case, &OTHERS, measured, others);
    if pair.measure_master {
        let mut jitter = jitter(&seen, interval_ms);
        for (metric, part) in [(JITTER_50, 0.5), (JITTER_99, 0.99), (JITTER_MAX, 1.0)] {
            if let Some(value) = percentile(&mut jitter, part) {
                book.add(case, &metric, pair.master, value);
            }
        }
    }
    if pair.measure_backup {
        let silences = silences_before_takeover(&seen, interval_ms);
        book.add(case, &TAKEOVERS, pair.backup, silences.len() as f64);
        // The stamps of what comes and of what goes are taken at different places.
        let due = 3.0 * interval_ms as f64 + plan.load.skew_ms(Role::Backup) - 0.02;
        let early = silences.iter().filter(|ms| **ms < due).count();
        book.add(case, &EARLY_TAKEOVERS, pair.backup, early as f64);
    }
    Ok(adverts)
}

/// When each VRID of the other router was first heard.
fn heard(frames: &[Seen]) -> BTreeMap<u8, u64> {
    let mut first = BTreeMap::new();
    for seen in frames.iter().filter(|s| !s.own) {
        if let Some(vrid) = seen.vrid() {
            first.entry(vrid).or_insert(seen.at);
        }
    }
    first
}

/// By how much, in microseconds, each interval between adverts differs from what it should be.
fn jitter(frames: &[Seen], interval_ms: u64) -> Vec<f64> {
    let mut last: BTreeMap<u8, u64> = BTreeMap::new();
    let mut jitter = Vec::new();
    for seen in frames.iter().filter(|s| !s.own) {
        let Some(vrid) = seen.vrid() else { continue };
        if let Some(earlier) = last.insert(vrid, seen.at) {
            let ns = seen.at.saturating_sub(earlier).abs_diff(interval_ms * 1_000_000);
            jitter.push(ns as f64 / 1e3);
        }
    }
    jitter
}

/// For how long, in milliseconds, the master of a virtual router had been silent whenever the backup
/// took over. On a machine that is busy a master can be silent for too long, and then it should.
fn silences_before_takeover(frames: &[Seen], interval_ms: u64) -> Vec<f64> {
    let mut last: BTreeMap<(u8, bool), u64> = BTreeMap::new();
    let mut silences = Vec::new();
    for seen in frames {
        let Some(vrid) = seen.vrid() else { continue };
        let earlier = last.insert((vrid, seen.own), seen.at);
        let goes_on = earlier.is_some_and(|at| ms_between(at, seen.at) < 1.5 * interval_ms as f64);
        if seen.own
            && !goes_on
            && let Some(heard) = last.get(&(vrid, false))
        {
            silences.push(ms_between(*heard, seen.at));
        }
    }
    silences
}

const TRACED: Duration = Duration::from_secs(1);

fn record_calls(
    case: &str,
    metric: &Metric,
    binary: usize,
    daemon: &Daemon,
    b: &Daemon,
    book: &mut Book,
) -> Result<(), String> {
    if !Path::new("/usr/bin/strace").exists() {
        return Ok(());
    }
    let mut strace = Command::new("/usr/bin/strace");
    strace
        .args(["-f", "-c", "-U", "calls,name"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    for pid in daemon.pids() {
        strace.args(["-p", &pid.to_string()]);
    }
    let strace = strace.spawn().map_err(|e| format!("strace: {e}"))?;
    let frames = b.frames_in()?;
    std::thread::sleep(TRACED);
    let adverts = b.frames_in()?.saturating_sub(frames);
    let pid = i32::try_from(strace.id()).map_err(|e| e.to_string())?;
    kill(Pid::from_raw(pid), Signal::SIGINT).map_err(|e| format!("strace: {e}"))?;
    let output = strace.wait_with_output().map_err(|e| format!("strace: {e}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let calls: BTreeSet<(u64, &str)> = text.lines().filter_map(call_count).collect();
    let total: u64 = calls.iter().map(|(count, _)| count).sum();
    // A container may forbid to trace: then there is no such figure.
    if adverts > 0 && total > 0 {
        book.add(case, metric, binary, total as f64 / adverts as f64);
        let top: Vec<String> = calls
            .iter()
            .rev()
            .take(6)
            .map(|(count, name)| format!("{name} {:.2}", *count as f64 / adverts as f64))
            .collect();
        eprintln!("  binary {binary}, {}: {}", metric.name, top.join(", "));
    }
    Ok(())
}

/// A line of strace's table: how often, and which call.
fn call_count(line: &str) -> Option<(u64, &str)> {
    let mut words = line.split_whitespace();
    let (count, name) = (words.next()?.parse().ok()?, words.next()?);
    (words.next().is_none() && name != "total").then_some((count, name))
}

#[cfg(test)]
mod tests {
    use super::super::capture::What;
    use super::*;

    fn advert(at: u64, vrid: u8, own: bool) -> Seen {
        Seen { at, own, what: What::Advert { vrid, priority: 1 } }
    }

    #[test]
    fn jitter_is_counted_per_virtual_router_and_not_for_the_backup() {
        let frames = [
            advert(0, 1, false),
            advert(3_000_000, 17, false),
            advert(5_000_000, 1, true),
            advert(10_050_000, 1, false),
            advert(12_990_000, 17, false),
        ];
        assert_eq!(jitter(&frames, 10), [50.0, 10.0]);
        assert_eq!(heard(&frames).len(), 2);
    }

    #[test]
    fn a_takeover_is_the_first_own_advert_after_silence() {
        let ms = 1_000_000;
        let frames = [
            advert(0, 1, false),
            advert(37 * ms, 1, true),
            advert(47 * ms, 1, true),
            advert(50 * ms, 1, false),
            advert(80 * ms, 1, true),
        ];
        assert_eq!(silences_before_takeover(&frames, 10), [37.0, 30.0]);
    }

    #[test]
    fn every_binary_is_measured_once_in_each_role() {
        for binaries in 1..4 {
            let pairs = pairs(binaries);
            for binary in 0..binaries {
                assert_eq!(pairs.iter().filter(|p| p.measure_master && p.master == binary).count(), 1);
                assert_eq!(pairs.iter().filter(|p| p.measure_backup && p.backup == binary).count(), 1);
            }
        }
    }

    #[test]
    fn the_total_of_strace_is_not_a_call() {
        assert_eq!(call_count("     1020 sendmsg"), Some((1020, "sendmsg")));
        assert_eq!(call_count("     1020 total"), None);
        assert_eq!(call_count("strace: Process 1 attached"), None);
    }
}
