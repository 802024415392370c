//! How long it may take until a server is found to be dead, or alive: Q5.

use std::collections::BTreeMap;

use base::{Duration, Instant};

use super::{Checker, Found, View};
use crate::lvs::fault::Fault;
use crate::lvs::observe::{Seen, Turn, What};
use crate::lvs::shadow::Phase;
use crate::lvs::shadow::pool::name;
use crate::lvs::shadow::task::{Key, Task};
use crate::lvs::sources::{Source, State, Target, deadline, target};

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(1);

/// **Q5** A server is taken out by `t + delay_loop + (retry + 1) * (timeout + delay_before_retry) + sigma` if what one
/// of its checks asks is dead from `t` on; and comes back by one success: with `u` urls by
/// `t + (u + 2) * (max(delay_loop, delay_before_retry) + timeout) + sigma` if all that its checks ask is well from
/// `t` on. `t` is not before a check begins (a second and its warm-up) or a reload gives it these times, and counts
/// anew after the daemon was not scheduled, or could not make checks.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    /// Since when a target is as it is.
    since: BTreeMap<Target, Instant>,
    /// Since when nothing keeps the daemon from making checks.
    free: Instant,
    next: Instant,
}

impl Bounds {
    fn of(&self, view: View<'_>, task: &Task) -> Option<(Instant, Source)> {
        let Key::Asks(checker) = &task.key else { return None };
        let target = target(checker)?;
        let source = view.world.sources.targets.get(&target)?.clone();
        let changed = self.since.get(&target).copied().unwrap_or(Instant::ZERO);
        Some((changed.max(task.begun).max(self.free), source))
    }

    /// By when it must count as failed; `None` if it needn't.
    fn dead_by(&self, view: View<'_>, task: &Task) -> Option<Instant> {
        let Key::Asks(checker) = &task.key else { return None };
        let (since, source) = self.of(view, task)?;
        let s = checker.schedule;
        let tries = u64::from(s.retry) + 1;
        let longest = s.delay_loop + (deadline(checker) + s.delay_before_retry) * tries;
        (task.awake && source.is_dead()).then(|| since + longest)
    }

    /// By when it must count as passing.
    fn well_by(&self, view: View<'_>, task: &Task) -> Option<Instant> {
        let Key::Asks(checker) = &task.key else { return task.up.then_some(Instant::ZERO) };
        let (since, source) = self.of(view, task)?;
        let s = checker.schedule;
        let urls = u64::try_from(task.key.urls()).unwrap_or(1);
        let well = task.awake
            && matches!(source.state, State::Up | State::Slow)
            && source.bad_urls.is_empty()
            && source.status == 0;
        let longest = (s.delay_loop.max(s.delay_before_retry) + deadline(checker)) * (urls + 2);
        well.then(|| since + longest)
    }

    fn look(&self, view: View<'_>, now: Instant, found: &mut Found) {
        let Some(model) = &view.shadow.model else { return };
        for (place, configured) in model.lvs.services.iter().enumerate() {
            let named = name(model, &configured.service);
            let Some(told) = view.told.services.get(&named) else { continue };
            for (index, server) in configured.servers.iter().enumerate() {
                let Some(told) = told.servers.get(&(server.address, server.port)) else { continue };
                let tasks =
                    || view.shadow.checks(place, index).iter().filter_map(|k| view.shadow.tasks.get(k));
                if told.alive {
                    let due = tasks().filter_map(|task| self.dead_by(view, task)).min();
                    if let Some(due) = due.filter(|due| *due < now) {
                        let text =
                            format!("{named:?} {}: dead, and still alive after {due:?}", server.address);
                        found.push("Q5", now, None, text);
                    }
                } else {
                    let due: Option<Vec<Instant>> = tasks().map(|task| self.well_by(view, task)).collect();
                    let due = due.and_then(|all| all.into_iter().max());
                    if let Some(due) = due.filter(|due| *due < now) {
                        let text =
                            format!("{named:?} {}: well, and still dead after {due:?}", server.address);
                        found.push("Q5", now, None, text);
                    }
                }
            }
        }
    }
}

impl Checker for Bounds {
    fn see(&mut self, view: View<'_>, seen: &Seen, found: &mut Found) {
        match &seen.what {
            What::Started(_) => {
                self.free = seen.at;
            }
            What::Fault(Fault::Target(target, _) | Fault::Url(target, ..) | Fault::Status(target, _)) => {
                self.since.insert(target.clone(), seen.at);
            }
            What::Fault(Fault::Heal) => self.free = seen.at,
            What::Turn(Turn::Reload(_) | Turn::Address(..)) => self.next = seen.at,
            What::TurnEnd { .. } if view.shadow.phase == Phase::Running => {
                if view.world.is_stalled() || view.world.sources.unable {
                    self.free = seen.at;
                }
                if self.next <= seen.at {
                    self.next = seen.at + EVERY;
                    self.look(view, seen.at, found);
                }
            }
            What::Fault(Fault::Stall(time)) => self.free = self.free.max(seen.at + *time),
            What::Fault(Fault::Unable(_)) => self.free = self.free.max(seen.at),
            _ => {}
        }
    }
}
