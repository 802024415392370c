//! When check scripts run, and what their results mean.

use std::collections::BTreeMap;

use base::{Duration, Instant};
use model::{Model, Script, TrackerId, TrackerSource};
use vrrp::io::Verdict;

use crate::io::{Effect, Event, Outcome, RunId};
use crate::out::Out;
use crate::timers::Timers;

/// One `vrrp_script`.
#[derive(Clone, Debug)]
struct Check {
    /// 0 to `rise + fall - 1`; good from `rise` on. `None` until the first result.
    counter: Option<u32>,
    /// What was told.
    up: Option<bool>,
    last: Option<Outcome>,
    running: Option<RunId>,
    next: Instant,
}

/// All check scripts.
#[derive(Debug, Default)]
pub(crate) struct Scripts {
    checks: BTreeMap<TrackerId, Check>,
    due: Timers<TrackerId>,
    running: BTreeMap<RunId, TrackerId>,
    runs: u64,
}

/// A success counts from where the counter stands; once it is good, it is as good as can be.
fn after(script: &Script, counter: Option<u32>, success: bool) -> u32 {
    let (rise, fall) = (script.rise.max(1), script.fall.max(1));
    let (bad, best) = (0, rise.saturating_add(fall) - 1);
    match (counter, success) {
        // The first result decides at once.
        (None, true) => best,
        (None, false) => bad,
        (Some(n), true) if n.saturating_add(1) >= rise => best,
        (Some(n), true) => n + 1,
        (Some(n), false) if n <= rise => bad,
        (Some(n), false) => n - 1,
    }
}

/// The counter after a run that ended like this.
///
/// A script that can't be started says nothing about what it checks: the standing stays, and without
/// one it counts as good unless `init_fail` asks for the contrary. keepalived takes each such run for a
/// success, so that people have configurations that only work thanks to that.
fn counted(script: &Script, counter: Option<u32>, outcome: Outcome) -> u32 {
    match (outcome, counter) {
        (Outcome::NotStarted, Some(n)) => n,
        (Outcome::NotStarted, None) => after(script, None, !script.init_fail),
        (outcome, n) => after(script, n, outcome == Outcome::Exited(0)),
    }
}

fn script(model: &Model, tracker: TrackerId) -> Option<&Script> {
    match &model.trackers.get(tracker.index())?.source {
        TrackerSource::Script(script) => Some(script),
        TrackerSource::Interface(_)
        | TrackerSource::File(_)
        | TrackerSource::Process(_)
        | TrackerSource::Bfd(_) => None,
    }
}

impl Scripts {
    /// All scripts of a model that aren't known yet begin at `now`. The verdicts of those that count as
    /// failed until their first success are returned.
    pub(crate) fn start(&mut self, now: Instant, model: &Model) -> Vec<(TrackerId, Verdict)> {
        let mut verdicts = Vec::new();
        for index in 0..model.trackers.len() {
            let id = TrackerId::from_index(index);
            let Some(script) = script(model, id) else { continue };
            if self.checks.contains_key(&id) {
                continue;
            }
            let up = script.init_fail.then_some(false);
            verdicts.extend(up.map(|_| (id, Verdict::Down)));
            self.checks.insert(id, Check { counter: None, up, last: None, running: None, next: now });
            self.due.set(id, now);
        }
        verdicts
    }

    /// Tracker ids change with a new model: scripts that live on keep their counters and schedule,
    /// unless their interval changed. Runs of those that don't are ended.
    pub(crate) fn renumber(
        &mut self,
        now: Instant,
        old: &Model,
        new: &Model,
        from: &[Option<TrackerId>],
        out: &mut Out,
    ) {
        let mut was = std::mem::take(&mut self.checks);
        self.due.clear();
        let mut running = std::mem::take(&mut self.running);
        for (index, from) in from.iter().enumerate() {
            let id = TrackerId::from_index(index);
            let Some(before) = from.filter(|f| script(old, *f).is_some()) else { continue };
            let (Some(before_script), Some(script)) = (script(old, before), script(new, id)) else {
                continue;
            };
            let Some(mut check) = was.remove(&before) else { continue };
            if before_script.interval != script.interval {
                check.next = check.next.min(now + script.interval);
            }
            if (before_script.rise, before_script.fall) != (script.rise, script.fall) {
                let (rise, fall) = (script.rise.max(1), script.fall.max(1));
                let up = check.up;
                check.counter =
                    check.counter.map(|_| if up == Some(true) { rise.saturating_add(fall) - 1 } else { 0 });
            }
            if let Some(run) = check.running {
                running.remove(&run);
                self.running.insert(run, id);
            }
            self.due.set(id, check.next);
            self.checks.insert(id, check);
        }
        for run in running.into_keys() {
            out.push(Effect::CancelCheck(run));
        }
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.due.next()
    }

    /// Starts what is due; a script that still runs is left alone until its next turn.
    pub(crate) fn handle_timeout(&mut self, now: Instant, model: &Model, out: &mut Out) {
        while let Some((at, id)) = self.due.due(now) {
            let (Some(script), Some(check)) = (script(model, id), self.checks.get_mut(&id)) else { continue };
            // An interval is never 0 in a valid model; a later one is skipped if we are late.
            let interval = script.interval.max(Duration::from_millis(1));
            let late = now.since(at).as_nanos().checked_div(interval.as_nanos()).unwrap_or(0);
            check.next = at + interval * late.saturating_add(1);
            self.due.set(id, check.next);
            if check.running.is_some() {
                out.event(Event::ScriptBusy { tracker: id });
                continue;
            }
            self.runs += 1;
            let run = RunId(self.runs);
            check.running = Some(run);
            self.running.insert(run, id);
            out.push(Effect::Check { run, command: script.command.clone(), timeout: script.timeout });
        }
    }

    /// A run ended. Returns the verdict, if it is a new one.
    pub(crate) fn checked(
        &mut self,
        run: RunId,
        outcome: Outcome,
        model: &Model,
        out: &mut Out,
    ) -> Option<(TrackerId, Verdict)> {
        let tracker = self.running.remove(&run)?;
        let check = self.checks.get_mut(&tracker)?;
        let script = script(model, tracker)?;
        check.running = None;
        let counter = counted(script, check.counter, outcome);
        let up = counter >= script.rise.max(1);
        let changed = check.up != Some(up);
        let other_outcome = check.last.unwrap_or(Outcome::Exited(0)) != outcome;
        if changed || other_outcome {
            out.event(Event::Script { tracker, outcome, up, changed, other_outcome });
        }
        (check.counter, check.up, check.last) = (Some(counter), Some(up), Some(outcome));
        changed.then_some((tracker, if up { Verdict::Up } else { Verdict::Down }))
    }

    /// What is known about a script: its counter, and whether it counts as good.
    pub(crate) fn standing(&self, tracker: TrackerId) -> Option<(Option<u32>, Option<bool>)> {
        self.checks.get(&tracker).map(|check| (check.counter, check.up))
    }

    /// Ends all runs and starts no more.
    pub(crate) fn stop(&mut self, out: &mut Out) {
        for run in std::mem::take(&mut self.running).into_keys() {
            out.push(Effect::CancelCheck(run));
        }
        self.checks.clear();
        self.due.clear();
    }
}

#[cfg(test)]
mod tests {
    use base::Name;
    use model::Command;

    use super::*;

    fn with(rise: u32, fall: u32) -> Script {
        let user = model::User::default();
        let command = Command { text: "/x".into(), path: "/x".into(), argv: vec!["/x".into()], user };
        let interval = Duration::from_secs(1);
        Script { name: Name::from("x"), command, interval, timeout: interval, rise, fall, init_fail: false }
    }

    #[test]
    fn a_script_that_cannot_be_started_changes_nothing_and_counts_as_good_at_first() {
        let mut script = with(2, 2);
        let not_started = |script: &Script, counter| counted(script, counter, Outcome::NotStarted);
        assert!(not_started(&script, None) >= 2);
        for counter in 0..=3 {
            assert_eq!(not_started(&script, Some(counter)), counter);
        }
        script.init_fail = true;
        assert_eq!(not_started(&script, None), 0);
    }

    fn run(script: &Script, mut counter: Option<u32>, results: &str) -> String {
        let mut shown = String::new();
        for result in results.chars() {
            let n = after(script, counter, result == '+');
            counter = Some(n);
            shown.push(if n >= script.rise { 'U' } else { 'd' });
        }
        shown
    }

    #[test]
    fn the_first_result_decides_and_then_rise_and_fall_count() {
        let script = with(2, 3);
        assert_eq!(run(&script, None, "+--+---++-+++"), "UUUUUUddUUUUU");
        assert_eq!(run(&script, None, "-+-++"), "ddddU");
        assert_eq!(run(&with(1, 1), None, "+-+-"), "UdUd");
    }
}
