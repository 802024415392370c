//! One instance, as it must be by what it heard and when.

use std::net::IpAddr;

use base::{Duration, Instant, Priority};
use model::Instance;
use vrrp::config::{Preempt, Version};
use vrrp::io::{Cause, State};

use crate::formula::{master_down, skew};
use crate::observe::Advert;
use crate::reading::Meaning;

/// Why a backup waits as long as it does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::checker) enum Why {
    /// It entered BACKUP.
    Entered,
    /// It was a master that was paused, and listens.
    Listens,
    /// An advert that is not lower was accepted.
    Heard,
    /// A lower advert was accepted since it never preempts.
    NoPreempt,
    /// A lower advert was accepted since `preempt_delay` goes on.
    Delay,
    /// The master released.
    Released,
}

/// What a backup waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::checker) struct Wait {
    /// Since when.
    pub(in crate::checker) since: Instant,
    /// It must not take over before.
    pub(in crate::checker) least: Instant,
    /// It must take over then, its group aside.
    pub(in crate::checker) due: Instant,
    /// When that was found out, unless it was when the wait began.
    pub(in crate::checker) moved: Instant,
    /// Why.
    pub(in crate::checker) why: Why,
    /// The interval in force.
    pub(in crate::checker) interval: Duration,
    /// Whether that is what an advert said.
    pub(in crate::checker) learned: bool,
    /// When `preempt_delay` is over.
    pub(in crate::checker) preempt_at: Option<Instant>,
    /// It woke up too late and listens once more.
    pub(in crate::checker) overslept: bool,
    /// Its group held it back and is gone: when it asks again is not known here.
    pub(in crate::checker) vague: bool,
}

/// So many adverts that lose are answered in an interval in any case.
const MOST_CERTAIN: u32 = 5;

/// What a master did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::checker) struct Sent {
    /// When its last advert went out.
    pub(in crate::checker) at: Instant,
    /// Where that went.
    pub(in crate::checker) to: Vec<IpAddr>,
    /// Adverts that it may send out of turn: one for each that it heard and one for a new configuration.
    pub(in crate::checker) credit: u32,
    /// Since when how many went out of turn.
    pub(in crate::checker) answers: (Instant, u32),
    /// Since when how many adverts were heard that lose.
    losers: (Instant, u32),
    /// It heard one in this turn and has not said yet that it is there.
    pub(in crate::checker) owes: bool,
    /// Where priority 0 went since it became master.
    pub(in crate::checker) released: Vec<IpAddr>,
}

/// One instance.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::checker) struct Shadow {
    pub(in crate::checker) state: State,
    pub(in crate::checker) grouped: bool,
    pub(in crate::checker) priority: Priority,
    pub(in crate::checker) wait: Wait,
    pub(in crate::checker) sent: Sent,
    /// The last datagram in this turn, and what it means if it is good and somebody listens.
    pub(in crate::checker) heard: Option<(IpAddr, Option<Meaning>)>,
    /// The other owner that it makes room for.
    pub(in crate::checker) yielded: Option<IpAddr>,
    /// It is a master that must yield to what it heard.
    pub(in crate::checker) must_yield: bool,
    /// An advert was sent whose state is not told yet.
    pub(in crate::checker) claims: bool,
    /// The highest sequence number that it accepted or sent.
    pub(in crate::checker) highest: u32,
    /// The number of its own last advert, until it accepts one: somebody else who uses it is no replay.
    pub(super) ours: Option<u32>,
    /// Transitions since the start.
    pub(in crate::checker) transitions: u32,
    /// Adverts with a priority above 0 since the start, one for all destinations.
    pub(in crate::checker) adverts: u32,
}

impl Wait {
    const fn nothing() -> Self {
        Self {
            since: Instant::ZERO,
            least: Instant::ZERO,
            due: Instant::ZERO,
            moved: Instant::ZERO,
            why: Why::Entered,
            interval: Duration::ZERO,
            learned: false,
            preempt_at: None,
            overslept: false,
            vague: false,
        }
    }

    /// The master-down interval changed: what is left moves by as much.
    pub(super) fn shift(&mut self, now: Instant, before: Duration, after: Duration) {
        self.moved = now;
        for at in [&mut self.due, &mut self.least] {
            *at = self.since + (at.since(self.since) + after).saturating_sub(before);
        }
    }
}

impl Shadow {
    pub(super) const fn new() -> Self {
        Self {
            state: State::Init,
            grouped: false,
            priority: Priority(0),
            wait: Wait::nothing(),
            sent: Sent {
                at: Instant::ZERO,
                to: Vec::new(),
                credit: 0,
                answers: (Instant::ZERO, 0),
                losers: (Instant::ZERO, 0),
                owes: false,
                released: Vec::new(),
            },
            heard: None,
            yielded: None,
            must_yield: false,
            claims: false,
            highest: 0,
            ours: None,
            transitions: 0,
            adverts: 0,
        }
    }

    /// The priority that timers go by: an owner's is 255 even while it makes room for another one.
    fn timer_priority(&self, of: &Instance) -> Priority {
        if of.protocol.priority.is_owner() { Priority::OWNER } else { self.priority }
    }

    /// The master-down interval in force.
    pub(in crate::checker) fn down(&self, of: &Instance) -> Duration {
        master_down(of, self.timer_priority(of), self.wait.interval)
    }

    /// How long after its last advert somebody else must be taken for the master: down_timer_adverts
    /// intervals and the shortest skew time (V9).
    pub(in crate::checker) fn too_long(of: &Instance) -> Duration {
        master_down(of, Priority::OWNER, of.protocol.advert_interval)
    }

    /// Whether `of` would preempt a master of `priority`.
    fn is_lower(&self, of: &Instance, said: &Meaning) -> bool {
        let restored = self.yielded.is_some_and(|y| said.priority != Priority::OWNER || y != said.source);
        let ours = if restored && of.protocol.priority.is_owner() { Priority::OWNER } else { self.priority };
        said.priority < ours
    }

    pub(super) fn backup_hears(&mut self, of: &Instance, now: Instant, said: &Meaning) {
        let protocol = &of.protocol;
        if said.priority == Priority::RELEASE {
            let due = now + skew(protocol.version, self.timer_priority(of), self.wait.interval);
            let least = if self.grouped { due.min(self.wait.least) } else { due };
            let why = Why::Released;
            self.wait = Wait { since: now, due, least, why, overslept: false, vague: false, ..self.wait };
            return;
        }
        let why = match (self.is_lower(of, said), protocol.preempt) {
            (false, _) => {
                self.wait.preempt_at = None;
                Why::Heard
            }
            (true, Preempt::Never) => Why::NoPreempt,
            (true, Preempt::After(Duration::ZERO)) => return,
            (true, Preempt::After(delay)) => {
                let over = *self.wait.preempt_at.get_or_insert(now + delay);
                if now >= over {
                    return;
                }
                Why::Delay
            }
        };
        if protocol.version == Version::V3 {
            self.wait.interval = said.interval;
        }
        self.wait.learned = true;
        let due = now + self.down(of);
        self.wait = Wait { since: now, due, least: due, why, overslept: false, vague: false, ..self.wait };
    }

    pub(super) fn master_hears(&mut self, of: &Instance, now: Instant, own: Option<IpAddr>, said: &Meaning) {
        let (since, count) = self.sent.losers;
        let recent = now.since(since) < of.protocol.advert_interval;
        self.sent.losers = if recent { (since, count + 1) } else { (now, 1) };
        if said.priority > Priority::RELEASE && (said.priority, Some(said.source)) > (self.priority, own) {
            self.must_yield = true;
        } else if said.sequence.is_some() && said.priority > Priority::RELEASE {
            // An answer leaves a number out.
            self.highest = self.highest.saturating_add(1);
        }
        let silent = of.protocol.lower_prio_no_advert && said.priority > Priority::RELEASE;
        let few = self.sent.losers.1 <= MOST_CERTAIN;
        self.sent.owes |= !self.must_yield && !silent && few && self.sent.at != now;
        self.sent.credit += 1;
    }

    pub(super) fn changes(
        &mut self,
        of: &Instance,
        now: Instant,
        ready_at: Instant,
        to: State,
        cause: &Cause,
    ) {
        let from = std::mem::replace(&mut self.state, to);
        self.transitions += 1;
        match to {
            State::Master => {
                if !self.claims {
                    self.sent.at = now;
                }
                let (credit, answers, losers, released) = (0, (now, 0), (now, 0), Vec::new());
                self.sent = Sent { credit, answers, losers, released, owes: false, ..self.sent.clone() };
            }
            State::Backup => {
                let protocol = &of.protocol;
                let start = now.max(ready_at);
                let said = match (cause, self.heard) {
                    (Cause::BetterAdvert { .. }, Some((_, Some(said)))) => Some(said),
                    _ => None,
                };
                let interval = match said {
                    Some(said) if protocol.version == Version::V3 => said.interval,
                    _ => protocol.advert_interval,
                };
                let learned = said.is_some();
                self.wait = Wait { interval, learned, since: start, ..Wait::nothing() };
                let listen = interval + skew(protocol.version, self.timer_priority(of), interval);
                let full = self.down(of);
                let (due, least, why) = match cause {
                    Cause::Paused { .. } => (listen, listen, Why::Listens),
                    Cause::Group { .. } if from == State::Master => (full, listen, Why::Listens),
                    _ => (full, full, Why::Entered),
                };
                (self.wait.due, self.wait.least, self.wait.why) = (start + due, start + least, why);
            }
            _ => {}
        }
        (self.must_yield, self.claims) = (false, false);
        if !matches!(to, State::Backup | State::Master) {
            self.yielded = None;
        }
        if let (Cause::Paused { .. }, Some((_, Some(said)))) = (cause, self.heard) {
            // It steps down before it looks at what woke it up.
            self.backup_hears(of, now, &said);
        }
    }

    /// Whether it is a master that was silent for so long that it must listen before it goes on (V9).
    pub(in crate::checker) fn was_silent(&self, of: &Instance, now: Instant) -> bool {
        now.since(self.sent.at) > Self::too_long(of)
    }

    pub(super) fn sends(&mut self, of: &Instance, now: Instant, advert: &Advert) {
        self.highest = self.highest.max(advert.sequence.unwrap_or(0));
        self.ours = advert.sequence.filter(|n| *n == self.highest);
        if advert.priority == Priority::RELEASE {
            self.sent.released.push(advert.destination);
            return;
        }
        if self.state != State::Master {
            if !self.claims {
                self.claims = true;
                self.sent.to.clear();
                self.adverts += 1;
            }
        } else if !self.is_same(now, advert) {
            if now < self.sent.at + of.protocol.advert_interval {
                self.sent.credit = self.sent.credit.saturating_sub(1);
                let (since, count) = self.sent.answers;
                self.sent.answers = match now.since(since) < of.protocol.advert_interval {
                    true => (since, count + 1),
                    false => (now, 1),
                };
            }
            self.sent.to.clear();
            self.adverts += 1;
        }
        self.sent.owes = false;
        self.sent.at = now;
        self.sent.to.push(advert.destination);
    }

    /// Whether an advert is the one that was just sent, to another destination.
    pub(in crate::checker) fn is_same(&self, now: Instant, advert: &Advert) -> bool {
        now == self.sent.at && !self.sent.to.contains(&advert.destination)
    }

    /// A turn is over.
    pub(super) fn rests(&mut self, of: &Instance, now: Instant) {
        (self.heard, self.must_yield, self.claims, self.sent.owes) = (None, false, false, false);
        let late = now.since(self.wait.due) > self.wait.interval;
        if self.grouped && self.state == State::Backup && self.wait.due <= now {
            // Its group holds it back; it asks again later.
            (self.wait.since, self.wait.due) = (now, now + self.down(of));
        }
        if self.state == State::Backup && self.wait.due <= now && late && !self.wait.overslept {
            self.wait.overslept = true;
            self.wait.due = now + skew(of.protocol.version, Priority::OWNER, self.wait.interval);
            self.wait.least = self.wait.least.max(if self.grouped { Instant::ZERO } else { self.wait.due });
        }
    }

    /// Goes on with another configuration.
    pub(super) fn reloads(&mut self, now: Instant, old: &Instance, new: &Instance) {
        let (mut before, mut after) = (old.protocol.clone(), new.protocol.clone());
        (before.group, after.group) = (None, None);
        let grouped = new.protocol.group.is_some();
        self.wait.vague |= self.grouped != grouped;
        self.grouped = grouped;
        if before == after {
            return;
        }
        let down = self.down(old);
        let learned = (before.version, after.version) == (Version::V3, Version::V3);
        if !learned || !self.wait.learned {
            self.wait.interval = after.advert_interval;
        }
        let then = self.down(new);
        self.wait.shift(now, down, then);
        if !after.priority.is_owner() {
            self.yielded = None;
        }
        // It may say at once what is new.
        self.sent.credit += 1;
    }
}
