//! One check by the rules: what its answers come to, and when it must be made.

use std::net::IpAddr;

use base::{Duration, Instant, Name};
use engine::lvs::io::{Answer, RunId};
use engine::lvs::news::Way;
use model::Model;
use model::lvs::{Checker, Probe, Schedule};

/// What makes a check the same one: its whole content, with names instead of numbers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Key {
    /// It asks somebody.
    Asks(Checker),
    /// It follows a file: path, weight, whether the sign is changed, schedule.
    File(Box<str>, i32, bool, Schedule),
    /// It follows a session.
    Bfd(Name, Schedule),
}

impl Key {
    /// That of a check of `model`.
    #[must_use]
    pub fn new(model: &Model, checker: &Checker) -> Self {
        match &checker.probe {
            Probe::File(check) => {
                let path = model.lvs.files.get(check.file.index()).map(|file| file.path.clone());
                Self::File(path.unwrap_or_default(), check.weight, check.reverse, checker.schedule)
            }
            Probe::Bfd(session) => {
                let name = model.lvs.bfds.get(session.index()).cloned();
                Self::Bfd(name.unwrap_or_else(|| Name::from("?")), checker.schedule)
            }
            _ => Self::Asks(checker.clone()),
        }
    }

    /// Whether both look at the same thing, be it at other times.
    #[must_use]
    pub fn looks_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Asks(a), Self::Asks(b)) => a.probe == b.probe,
            (Self::File(a, by, reverse, _), Self::File(b, other, other_reverse, _)) => {
                (a, by, reverse) == (b, other, other_reverse)
            }
            (Self::Bfd(a, _), Self::Bfd(b, _)) => a == b,
            _ => false,
        }
    }

    /// When it runs, and whether it counts as failed at first.
    #[must_use]
    pub const fn schedule(&self) -> &Schedule {
        match self {
            Self::Asks(checker) => &checker.schedule,
            Self::File(_, _, _, schedule) | Self::Bfd(_, schedule) => schedule,
        }
    }

    /// How many urls it asks one after the other.
    #[must_use]
    pub fn urls(&self) -> usize {
        match self {
            Self::Asks(Checker { probe: Probe::Http(_, http) | Probe::Ssl(_, http), .. }) => {
                http.urls.len().max(1)
            }
            _ => 1,
        }
    }

    fn hurries(&self) -> bool {
        match self {
            Self::Asks(Checker { probe: Probe::Http(_, http) | Probe::Ssl(_, http), .. }) => {
                http.fast_recovery
            }
            _ => false,
        }
    }

    /// For a command, whether its status may be a weight.
    fn command(&self) -> Option<bool> {
        match self {
            Self::Asks(Checker { probe: Probe::Misc(misc), .. }) => Some(misc.dynamic),
            _ => None,
        }
    }

    /// The way that it takes, and the host at its end; `None` if it doesn't connect.
    #[must_use]
    pub fn way(&self) -> Option<(Way, IpAddr)> {
        let Self::Asks(checker) = self else { return None };
        let to = checker.probe.connect()?;
        let origin = to.origin.as_ref();
        let way = Way { link: origin.and_then(|o| o.link), source: origin.and_then(|o| o.address) };
        Some((way, to.address))
    }
}

/// A run under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// Since when.
    pub began: Instant,
    /// Its answer means nothing.
    pub void: bool,
}

/// When it must be made next: not before the first, and at the second at the latest.
pub type Due = (Instant, Instant);

/// A check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Task {
    /// Which.
    pub key: Key,
    /// Does it count as passing?
    pub up: bool,
    /// Was there a verdict?
    pub heard: bool,
    /// So many failures in a row.
    pub bad: u32,
    /// So many urls must pass, in a row, until it counts as passing.
    owed: usize,
    /// The url that was asked last failed.
    stumbled: bool,
    /// The url to ask.
    pub url: usize,
    /// What a dynamic command said, from 2.
    status: u8,
    /// The number in the file.
    value: Option<i32>,
    /// The run under way.
    pub run: Option<Run>,
    /// When it is made next, unless it runs or rests.
    pub due: Option<Due>,
    /// Whether anybody needs it.
    pub awake: bool,
    /// From when on it is made at the times that it has: after its first delay and its warm-up; or it goes on at
    /// those times since then.
    pub begun: Instant,
    /// When it turned from passing, and known to pass, to failing; `None` while it passes.
    pub lost: Option<Instant>,
    /// Its way is to blame for that.
    pub blamed: bool,
    /// So many servers have it.
    pub shared: u32,
}

/// From the begin of a check to its first try, at least.
const FIRST: Duration = Duration::from_secs(1);

impl Task {
    /// One that begins now: a second later at the earliest, and before its warm-up is over.
    #[must_use]
    pub fn new(key: Key, now: Instant) -> Self {
        let schedule = *key.schedule();
        let asks = matches!(key, Key::Asks(_));
        Self {
            up: !schedule.alpha,
            heard: false,
            bad: 0,
            owed: key.urls(),
            stumbled: false,
            url: 0,
            status: 0,
            value: None,
            run: None,
            due: asks.then(|| (now + FIRST, now + FIRST + schedule.warmup)),
            awake: false,
            begun: now + FIRST + schedule.warmup,
            lost: None,
            blamed: false,
            shared: 0,
            key,
        }
    }

    /// One that begins now, where `other` is which looks at the same.
    #[must_use]
    pub fn like(key: Key, now: Instant, other: &Self) -> Self {
        let Self { due, begun, .. } = Self::new(key.clone(), now);
        Self { key, due, begun, run: None, awake: false, ..other.clone() }
    }

    /// It goes on at other times: what was to come later comes as if it had just been made.
    pub fn retime(&mut self, now: Instant, key: Key) {
        let Schedule { delay_loop, delay_before_retry, .. } = *key.schedule();
        let by = now + delay_loop.max(delay_before_retry);
        self.due = self.due.map(|(from, to)| (from.min(by), to.min(by)));
        (self.key, self.begun) = (key, now);
    }

    /// What it adds to the weight of a server that is configured with `weight`.
    #[must_use]
    pub fn adds(&self, weight: u32) -> i128 {
        match &self.key {
            Key::File(_, factor, reverse, _) if self.up => self.product(*factor, *reverse),
            Key::Asks(_) if self.status >= 2 => i128::from(self.status) - 2 - i128::from(weight),
            _ => 0,
        }
    }

    fn product(&self, factor: i32, reverse: bool) -> i128 {
        let sign = if reverse { -1 } else { 1 };
        i128::from(self.value.unwrap_or(0)) * i128::from(factor) * sign
    }

    /// Whether it is known to pass.
    #[must_use]
    pub const fn sure(&self) -> bool {
        self.up && self.heard
    }

    /// What servers see of it.
    #[must_use]
    pub const fn verdict(&self) -> (bool, bool, u8, Option<i32>, bool) {
        (self.up, self.heard, self.status, self.value, self.blamed)
    }

    /// A run was answered; what its answer comes to, and when the next one is due.
    pub fn answered(&mut self, now: Instant, run: Run, answer: &Answer) {
        let Schedule { delay_loop, retry, delay_before_retry, .. } = *self.key.schedule();
        let urls = self.key.urls();
        let was_sure = self.sure();
        let well = match (answer, self.key.command()) {
            (Answer::Unable(_), _) => None,
            (Answer::Failed(_), _) => Some(false),
            (Answer::Passed { .. }, None) => Some(true),
            (Answer::Passed { status }, Some(dynamic)) => Some(*status == 0 || dynamic && *status > 1),
        };
        let wait = match well {
            None => delay_loop,
            Some(true) => {
                if let (Answer::Passed { status }, Some(true)) = (answer, self.key.command()) {
                    self.status = if *status > 1 { *status } else { 0 };
                }
                (self.bad, self.lost) = (0, None);
                // The url that failed last works: from now on all must.
                let again = urls > 1 && std::mem::take(&mut self.stumbled) && !was_sure;
                self.url = if again { 0 } else { (self.url + 1) % urls };
                if !was_sure {
                    self.owed = self.owed.saturating_sub(1);
                    if self.owed == 0 {
                        (self.up, self.heard) = (true, true);
                    }
                }
                if self.key.hurries() && !self.sure() { Duration::ZERO } else { delay_loop }
            }
            Some(false) => {
                self.bad += 1;
                self.stumbled = true;
                let tolerated = was_sure && self.bad <= retry;
                if !tolerated {
                    if self.up || !self.heard {
                        self.lost = was_sure.then_some(now);
                    }
                    (self.up, self.heard) = (false, true);
                    self.owed = if urls > 1 { urls + 1 } else { 1 };
                }
                match (tolerated, urls) {
                    (true, _) => delay_before_retry,
                    (false, 1) => delay_loop,
                    (false, _) => delay_loop.max(delay_before_retry),
                }
            }
        };
        let from = if self.key.command().is_some() { run.began } else { now };
        let at = now.max(from + wait);
        self.due = Some((at, at));
    }

    /// The number in its file.
    pub fn file(&mut self, value: i32) {
        let Key::File(_, factor, reverse, _) = &self.key else { return };
        let (factor, reverse) = (*factor, *reverse);
        self.value = Some(value);
        let well = if factor == 0 {
            (value == 0) != reverse
        } else {
            self.product(factor, reverse) > i128::from(i32::MIN)
        };
        self.follow(well);
    }

    /// What it follows says so.
    pub fn follow(&mut self, well: bool) {
        self.bad = if well { 0 } else { self.bad.saturating_add(1) };
        (self.up, self.heard) = (well, true);
    }

    /// Nobody needs it any more, or somebody does again.
    pub fn rest(&mut self, now: Instant, awake: bool) {
        if std::mem::replace(&mut self.awake, awake) == awake {
            return;
        }
        let period = self.key.schedule().delay_loop;
        if !awake {
            if let Some(run) = &mut self.run
                && !std::mem::replace(&mut run.void, true)
            {
                self.due = Some((now + period, now + period));
            }
            return;
        }
        self.begun = now + FIRST + self.key.schedule().warmup;
        // As if its timer had gone on, once each period.
        self.due = self.due.map(|(from, to)| {
            if from >= now {
                return (from, to);
            }
            if from != to {
                return (now, now.max(to) + period);
            }
            let periods = now.since(from).as_nanos() / period.as_nanos().max(1) + 1;
            (from + period * periods, from + period * periods)
        });
    }
}
