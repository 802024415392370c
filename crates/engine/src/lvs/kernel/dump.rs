//! How it is learnt what is there: the table is read at the start, after an error, and every so often.
//!
//! It is read only while no operation is on its way, and none starts before it has come: what it says
//! is then how things are.

use std::collections::BTreeMap;

use base::{Duration, Instant};
use model::lvs::Lvs;
use serde::{Deserialize, Serialize};

use super::{Extra, Kernel, Mode, Target, extras};
use crate::io::OpError;
use crate::lvs::table::{Marks, SyncHalf, SyncSettings, Table, Timeouts};

/// After an error the table is read again, but not more often than that.
const DOUBT: Duration = Duration::from_secs(1);
/// A kernel without virtual servers is asked again so much later: somebody may have loaded the module.
const UNAVAILABLE: Duration = Duration::from_secs(60);

/// What was counted about the kernel's table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    /// How often it was read.
    pub dumps: u64,
    /// Operations on it.
    pub operations: u64,
    /// Operations that failed.
    pub failures: u64,
    /// Services, servers, timeouts, halves of the sync daemon and the table of marks that somebody else had
    /// changed or removed.
    pub repaired: u64,
}

/// What a table brought to light.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::lvs) struct Found {
    /// The table can be read again after it couldn't.
    pub(in crate::lvs) back: bool,
    /// It can't be read, and that is new.
    pub(in crate::lvs) lost: bool,
    /// So many objects ([`Counts::repaired`]) aren't as they were left.
    pub(in crate::lvs) repairs: u64,
}

/// Whether the table is being read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    /// Not now.
    Idle,
    /// As soon as no operation is on its way.
    #[default]
    Due,
    /// It was asked for.
    OnItsWay,
}

/// When the table is read.
#[derive(Debug)]
pub(super) struct Reading {
    state: State,
    next: Option<Instant>,
    last: Instant,
    /// `resync`: how long after the last look; 0 for never.
    every: Duration,
    /// It could not be read the last time.
    unreadable: bool,
    /// Whether it could ever be read; `None` before the first answer.
    pub(super) available: Option<bool>,
    /// `lvs_flush`: before anything else the table is emptied.
    pub(super) flush: bool,
    pub(super) counts: Counts,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            state: State::Due,
            next: None,
            last: Instant::ZERO,
            every: Duration::ZERO,
            unreadable: false,
            available: None,
            flush: false,
            counts: Counts::default(),
        }
    }
}

impl Reading {
    /// From now on it is read so long after the last time; never by itself if that is 0. What is to be read
    /// sooner for another reason still is.
    pub(super) fn every(&mut self, period: Duration) {
        let usual = self.usual();
        self.every = period;
        if self.counts.dumps > 0 && self.next == usual {
            self.next = self.usual();
        }
    }

    fn usual(&self) -> Option<Instant> {
        (!self.every.is_zero()).then(|| self.last + self.every)
    }

    pub(super) fn ask(&mut self) {
        if self.state == State::Idle {
            self.state = State::Due;
        }
        self.next = None;
    }

    /// Something failed: what is believed may be wrong.
    pub(super) fn doubt(&mut self, now: Instant) {
        let at = self.last + DOUBT;
        if at <= now {
            self.ask();
        } else {
            self.next = Some(self.next.map_or(at, |next| next.min(at)));
        }
    }

    /// At the end what was learnt last has to do.
    pub(super) fn stop(&mut self) {
        if self.state == State::Due && self.counts.dumps > 0 {
            self.state = State::Idle;
        }
    }

    /// It is to be read: no operation may start.
    pub(super) fn is_busy(&self) -> bool {
        self.state != State::Idle
    }

    pub(super) fn is_due(&self) -> bool {
        self.state == State::Due
    }

    pub(super) const fn asked(&mut self) {
        self.state = State::OnItsWay;
    }

    pub(super) const fn next(&self) -> Option<Instant> {
        self.next
    }
}

impl Kernel {
    /// The table came.
    pub(in crate::lvs) fn table(
        &mut self,
        now: Instant,
        lvs: &Lvs,
        table: Result<&Table, &OpError>,
    ) -> Found {
        self.reading.state = State::Idle;
        self.reading.last = now;
        let was_unreadable = std::mem::replace(&mut self.reading.unreadable, table.is_err());
        let Ok(table) = table else {
            // Once it could be read, there is something to read: operations go on.
            let known = self.reading.available == Some(true);
            self.reading.available = Some(known);
            let again = if known { DOUBT } else { UNAVAILABLE };
            self.reading.next = Some(now + again);
            return Found { lost: !was_unreadable, ..Found::default() };
        };
        self.reading.next = self.reading.usual();
        self.reading.available = Some(true);
        self.reading.counts.dumps += 1;
        let first = self.reading.counts.dumps == 1;
        let repairs = self.absorb_timeouts(lvs, table.timeouts, first)
            + self.absorb_sync(table.sync.as_ref(), first)
            + self.absorb(table, first)
            + self.absorb_marks(&table.marks, first);
        self.reading.counts.repaired += repairs;
        Found { back: was_unreadable, lost: false, repairs }
    }

    /// As [`Kernel::absorb`], for timeouts. Those that the settings don't name are left to whoever sets them.
    fn absorb_timeouts(&mut self, lvs: &Lvs, there: Option<Timeouts>, first: bool) -> u64 {
        let Some(there) = there else { return 0 };
        let object = self.extra(Extra::Timeouts);
        let (left, wanted) = (object.there.clone(), object.wanted.clone());
        let without_us = self.first_timeouts.map_or(there, |first| match self.mode {
            Mode::Running => {
                extras::without_us(&lvs.settings, first, [left.as_ref(), wanted.as_ref()], there)
            }
            Mode::Stopping | Mode::Frozen => first,
        });
        self.first_timeouts = Some(without_us);
        // At the end they shall be as they were, also if that is learnt only now.
        let should = match self.mode {
            Mode::Running => extras::timeouts(&lvs.settings, Some(without_us)),
            Mode::Stopping | Mode::Frozen => Some(extras::Value::Timeouts(without_us)),
        };
        self.want(Extra::Timeouts, should);
        let object = self.extra(Extra::Timeouts);
        object.there = Some(extras::Value::Timeouts(there));
        u64::from(!first && left == wanted && object.there != object.wanted)
    }

    /// As [`Kernel::absorb`], for both halves of the sync daemon.
    fn absorb_sync(&mut self, runs: Option<&BTreeMap<SyncHalf, SyncSettings>>, first: bool) -> u64 {
        let Some(runs) = runs else { return 0 };
        let halves = self.extras.iter_mut().filter_map(|extra| extra.half().map(|half| (half, extra)));
        let lost = halves.map(|(half, extra)| extra.read(half, runs.get(&half))).filter(|lost| *lost);
        let lost = u64::try_from(lost.count()).unwrap_or(u64::MAX);
        if first { 0 } else { lost }
    }

    /// As [`Kernel::absorb`], for the table of marks.
    fn absorb_marks(&mut self, marks: &Marks, first: bool) -> u64 {
        let there = match marks {
            Marks::Unread => return 0,
            Marks::Absent => None,
            Marks::There(marks) => Some(extras::Value::Marks(marks.clone())),
        };
        let object = self.extra(Extra::Marks);
        let repairs = u64::from(!first && object.there.is_some() && object.there != there);
        (object.there, object.doubt) = (there, None);
        repairs
    }

    /// This is how the kernel has it. How many objects aren't as they were left.
    fn absorb(&mut self, table: &Table, first: bool) -> u64 {
        let mut repairs = 0;
        for (key, object) in &mut self.services {
            let entry = table.services.get(key);
            if !first {
                repairs += object.lost(entry);
            }
            object.absorb(entry);
            if object.wanted.is_none() && object.there.is_none() {
                self.going.remove(key);
            } else if object.wanted.is_none() {
                self.going.insert(*key);
            }
            object.mark_differing();
            object.wake();
            if !object.queued && object.needs_work() {
                object.queued = true;
                self.queue.push_back(*key);
            }
        }
        self.services.retain(|_, object| !object.users.is_empty() || !object.is_forgotten());
        repairs
    }

    /// Looks again at what failed.
    pub(super) fn look_again(&mut self, target: Target) {
        match target {
            Target::Service(key) => {
                if let Some(object) = self.services.get_mut(&key) {
                    object.progress = object.progress.after(true);
                    if object.wanted.is_none() {
                        self.going.insert(key);
                    }
                    self.enqueue(key);
                }
            }
            Target::Server(key, server) => {
                if let Some(object) = self.services.get_mut(&key) {
                    object.update(server, |server| server.progress = server.progress.after(true));
                    object.mark(server);
                    self.enqueue(key);
                }
            }
            Target::Extra(extra) => {
                let object = self.extra(extra);
                object.progress = object.progress.after(true);
            }
            Target::Table => {}
        }
    }
}
