//! Real servers, commands, files and BFD sessions, as checks see them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use base::{Duration, Instant, Name, Rng};
use engine::lvs::io::{Answer, Failure, OpError};
use model::Model;
use model::lvs::{Checker, Probe};

/// What a probe asks.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Target {
    /// A port of a host.
    Host(IpAddr, u16),
    /// A command, as it is written.
    Command(Box<str>),
}

/// How a target is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum State {
    /// It answers well, within milliseconds.
    #[default]
    Up,
    /// It refuses at once.
    Down,
    /// It never answers.
    Hung,
    /// It answers well, but takes almost as long as it may.
    Slow,
    /// So many percent of its answers are failures.
    Brown(u8),
    /// It is up and down in turn, for so long each.
    Flapping(Duration),
}

/// A target.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Source {
    /// How it is.
    pub state: State,
    /// Since when.
    pub since: Instant,
    /// Urls that fail.
    pub bad_urls: BTreeSet<usize>,
    /// What a command exits with while it is up.
    pub status: u8,
}

impl Source {
    /// Whether every probe that ends from now on fails, until somebody changes it.
    #[must_use]
    pub const fn is_dead(&self) -> bool {
        matches!(self.state, State::Down | State::Hung | State::Brown(100))
    }
}

/// All that checks ask or follow.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// What probes ask.
    pub targets: BTreeMap<Target, Source>,
    /// The numbers in files, by path.
    pub files: BTreeMap<Box<str>, i32>,
    /// BFD sessions, by name.
    pub bfds: BTreeMap<Name, bool>,
    /// Probes can't be made.
    pub unable: bool,
}

/// What a probe asks; `None` for what only follows others.
#[must_use]
pub fn target(checker: &Checker) -> Option<Target> {
    match &checker.probe {
        Probe::Misc(misc) => Some(Target::Command(misc.command.text.clone())),
        probe => probe.connect().map(|to| Target::Host(to.address, to.port)),
    }
}

/// The longest time that an attempt may take.
#[must_use]
pub fn deadline(checker: &Checker) -> Duration {
    match &checker.probe {
        Probe::Misc(misc) => misc.timeout,
        probe => probe.connect().map_or(Duration::ZERO, |to| to.timeout),
    }
}

impl Sources {
    /// All that `models` speak of, everything well.
    #[must_use]
    pub fn new<'a>(models: impl IntoIterator<Item = &'a Model>) -> Self {
        let mut sources = Self::default();
        for model in models {
            let servers = model.lvs.services.iter().flat_map(|service| &service.servers);
            for target in servers.flat_map(|server| &server.checkers).filter_map(|checker| target(checker)) {
                sources.targets.entry(target).or_default();
            }
            sources.files.extend(model.lvs.files.iter().map(|file| (file.path.clone(), 0)));
            sources.bfds.extend(model.lvs.bfds.iter().map(|name| (name.clone(), true)));
        }
        sources
    }

    /// All is well again.
    pub fn heal(&mut self, now: Instant) {
        for source in self.targets.values_mut() {
            *source = Source { since: now, ..Source::default() };
        }
        self.unable = false;
    }

    /// How long a probe that begins now takes.
    pub fn takes(&self, checker: &Checker, rng: &mut Rng) -> Duration {
        let few = Duration::from_micros(200 + rng.below(20_000));
        let most = deadline(checker);
        let source = target(checker).and_then(|target| self.targets.get(&target));
        let time = match source.map(|source| source.state) {
            Some(State::Hung) => most,
            Some(State::Slow) => most.mul_div(9, 10),
            Some(State::Brown(_)) if rng.below(4) == 0 => most,
            _ => few,
        };
        time.min(most)
    }

    /// What comes of a probe that ends now after `taken`.
    pub fn answer(
        &self,
        checker: &Checker,
        url: usize,
        taken: Duration,
        now: Instant,
        rng: &mut Rng,
    ) -> Answer {
        if self.unable {
            return Answer::Unable(OpError { errno: 24, message: "no more of them".into() });
        }
        let misc = matches!(checker.probe, Probe::Misc(_));
        let late = || if misc { Failure::TimedOut } else { Failure::ReadTimeout };
        if taken >= deadline(checker) {
            return Answer::Failed(late());
        }
        let Some(source) = target(checker).and_then(|target| self.targets.get(&target)) else {
            return Answer::Failed(Failure::NotStarted);
        };
        let well = match source.state {
            State::Up | State::Slow => true,
            State::Down => false,
            State::Hung => return Answer::Failed(late()),
            State::Brown(percent) => rng.below(100) >= u64::from(percent),
            State::Flapping(each) => {
                let turns = now.since(source.since).as_nanos().checked_div(each.as_nanos());
                turns.is_some_and(|turns| turns % 2 == 1)
            }
        };
        match (well && !source.bad_urls.contains(&url), misc) {
            (true, true) => Answer::Passed { status: source.status },
            (true, false) => Answer::Passed { status: 0 },
            (false, true) => Answer::Passed { status: 1 },
            (false, false) => Answer::Failed(Failure::Connect { errno: 111 }),
        }
    }
}
