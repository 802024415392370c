//! What must hold in every leg, whoever runs: instants by the formulas of RFC 9568 section 6.1, and one
//! master at a time.

use std::fmt::Write;
use std::time::Duration;

use base::Mac;
use lab::{Event, Kind, Result, ensure};

use crate::TOLERANCE;
use crate::confs::Conf;
use crate::script::{Script, Times};

const R1: Mac = Mac([2, 0, 0, 0, 1, 0]);
const R2: Mac = Mac([2, 0, 0, 0, 2, 0]);

/// How long after its instant in the script a daemon may have read its configuration and set a timer.
/// In virtual time only waiting takes time.
const START: Duration = Duration::from_millis(5);

/// `Skew_Time`.
fn skew(conf: &Conf) -> Duration {
    interval(conf) * (256 - u32::from(conf.priority)) / 256
}

/// `Active_Down_Interval`.
pub(crate) fn master_down(conf: &Conf) -> Duration {
    interval(conf) * 3 + skew(conf)
}

/// The interval between adverts.
fn interval(conf: &Conf) -> Duration {
    Duration::from_secs_f64(conf.advert.parse().expect("a number of seconds"))
}

/// Checks a leg; text for its line in the report.
pub(crate) fn check(script: &Script, events: &[Event]) -> Result<String> {
    let adverts = Adverts(events);
    match *script {
        Script::Pair { conf, times, .. } => pair(&adverts, &conf(1), &conf(2), times),
        Script::Preempt => {
            let low = Conf::of_router(2);
            let cut = adverts.last_before(R1, Duration::from_secs(19))?;
            let heal = Duration::from_secs(25);
            let mut text = String::new();
            on_time(&mut text, "after the cut", cut, adverts.first_after(R2, cut)?, master_down(&low))?;
            let last = adverts.last_before(R2, Duration::from_secs(60))?;
            ensure(
                last <= heal + interval(&low) + TOLERANCE,
                format_args!("router 2 still sends at {last:?}"),
            )?;
            Ok(text)
        }
        Script::Frr { .. } => {
            let mut conf = Conf::of_router(1);
            let mut text = String::new();
            conf.priority = 150;
            let (start, off) = (Duration::from_secs(10), Duration::from_secs(30));
            on_time(&mut text, "preempted", start, adverts.first_after(R1, start)?, master_down(&conf))?;
            let farewell = adverts.farewell(R1)?;
            ensure(farewell <= Duration::from_secs(18) + START, format_args!("farewell at {farewell:?}"))?;
            ensure(
                adverts.none_between(R1, farewell, off),
                "a router with a lower priority sends nothing while FRR is master",
            )?;
            conf.priority = 50;
            let silence = adverts.last_of_others_before(R1, off)?;
            on_time(&mut text, "after silence", silence, adverts.first_after(R1, off)?, master_down(&conf))?;
            Ok(text)
        }
        Script::Burst | Script::Mismatch { .. } | Script::Seeds(_) => Ok(String::new()),
    }
}

fn pair(adverts: &Adverts<'_>, high: &Conf, low: &Conf, times: Times) -> Result<String> {
    let mut text = String::new();
    on_time(&mut text, "elected", times.start, adverts.first_after(R1, times.start)?, master_down(high))?;
    ensure(
        adverts.none_between(R2, Duration::ZERO, times.stop),
        "router 2 sends nothing while router 1 is master",
    )?;
    let farewell = adverts.farewell(R1)?;
    ensure(
        farewell >= times.stop && farewell <= times.stop + START,
        format_args!("farewell at {farewell:?}"),
    )?;
    on_time(&mut text, "after farewell", farewell, adverts.first_after(R2, times.stop)?, skew(low))?;
    ensure(adverts.none_between(R1, farewell, times.back), "after its farewell router 1 sends nothing")?;
    let back = adverts.first_after(R1, times.back)?;
    on_time(&mut text, "back", times.back, back, master_down(high))?;
    ensure(adverts.none_between(R2, back + TOLERANCE, times.off), "router 2 gives way at once")?;
    let silence = adverts.last_before(R1, times.off)?;
    on_time(&mut text, "after silence", silence, adverts.first_after(R2, times.off)?, master_down(low))?;
    Ok(text)
}

/// Asserts that something came when the formula says, and adds it to the report.
fn on_time(text: &mut String, what: &str, from: Duration, came: Duration, formula: Duration) -> Result<()> {
    let gap = came.saturating_sub(from);
    let _ = write!(text, ", {what} {:.3} s (formula {:.3})", gap.as_secs_f64(), formula.as_secs_f64());
    ensure(gap.abs_diff(formula) <= TOLERANCE, format_args!("{what}: {gap:?} instead of {formula:?}"))
}

/// The adverts of a capture.
struct Adverts<'a>(&'a [Event]);

impl Adverts<'_> {
    /// Instants and priorities.
    fn of(&self, from: impl Fn(Mac) -> bool) -> impl DoubleEndedIterator<Item = (Duration, u8)> {
        self.0.iter().filter(move |e| from(e.sender)).filter_map(|e| match e.kind {
            Kind::Advert { priority, .. } => Some((e.at, priority)),
            _ => None,
        })
    }

    fn first_after(&self, sender: Mac, after: Duration) -> Result<Duration> {
        let found = self.of(|s| s == sender).find(|(at, priority)| *at > after && *priority > 0);
        found.map(|(at, _)| at).ok_or_else(|| missing("first advert", sender, after))
    }

    fn last_before(&self, sender: Mac, before: Duration) -> Result<Duration> {
        let found = self.of(|s| s == sender).rev().find(|(at, _)| *at < before);
        found.map(|(at, _)| at).ok_or_else(|| missing("last advert", sender, before))
    }

    fn last_of_others_before(&self, sender: Mac, before: Duration) -> Result<Duration> {
        let found = self.of(|s| s != sender).rev().find(|(at, _)| *at < before);
        found.map(|(at, _)| at).ok_or_else(|| missing("last advert of the others", sender, before))
    }

    fn farewell(&self, sender: Mac) -> Result<Duration> {
        let found = self.of(|s| s == sender).find(|(_, priority)| *priority == 0);
        found.map(|(at, _)| at).ok_or_else(|| missing("farewell", sender, Duration::ZERO))
    }

    fn none_between(&self, sender: Mac, after: Duration, before: Duration) -> bool {
        !self.of(|s| s == sender).any(|(at, _)| at > after && at < before)
    }
}

fn missing(what: &str, sender: Mac, around: Duration) -> lab::LabError {
    lab::LabError::Expectation(format!("no {what} of {sender} (around {around:?})"))
}
