//! The way from how the table is to how it should be: which operations, in which order, and what
//! follows from their answers.

use base::Instant;

use super::objects::{Need, Progress, ServiceObject};
use super::{Extra, FIRST_RETRY, Kernel, LONGEST_RETRY, Mode, Target, WINDOW, extras};
use crate::io::{OpError, OpId};
use crate::lvs::io::{Effect, Operation};
use crate::lvs::news::Event;
use crate::lvs::out::Out;
use crate::lvs::table::{ServerKey, ServiceKey};

/// An operation on its way.
#[derive(Debug)]
pub(super) struct Pending {
    target: Target,
    operation: Operation,
    /// How one of the extras will be then.
    then: Option<extras::Value>,
}

impl Kernel {
    pub(super) fn enqueue(&mut self, key: ServiceKey) {
        if let Some(object) = self.services.get_mut(&key)
            && !object.queued
        {
            object.queued = true;
            self.queue.push_back(key);
        }
    }

    /// Starts what can be started now.
    pub(in crate::lvs) fn pump(&mut self, out: &mut Out) {
        if self.mode == Mode::Frozen {
            return;
        }
        if self.reading.is_busy() {
            if self.reading.is_due() && self.ops.is_empty() {
                self.reading.asked();
                let sync = self.extras.iter().any(|extra| extra.half().is_some());
                out.push(Effect::Dump { marks: self.marks_table.clone(), sync });
            }
            return;
        }
        if self.reading.available != Some(true) {
            return;
        }
        if std::mem::take(&mut self.reading.flush) && self.mode == Mode::Running {
            self.start(Target::Table, Operation::Flush, None, out);
            // What is there then is learnt before anything else is done.
            self.reading.ask();
            return;
        }
        if std::mem::take(&mut self.flush) {
            self.queue.clear();
            self.going.clear();
            self.start(Target::Table, Operation::Flush, None, out);
        }
        if self.keep {
            self.leave_services();
        }
        while self.ops.len() < WINDOW {
            let Some(key) = self.queue.front().copied() else { break };
            if self.work_on(key, out) {
                self.queue.pop_front();
                if let Some(object) = self.services.get_mut(&key) {
                    object.queued = false;
                }
            }
        }
        if self.queue.is_empty() {
            self.queue.shrink_to(WINDOW);
        }
        for extra in [Extra::Timeouts, Extra::Master, Extra::Backup] {
            self.work_on_extra(extra, out);
        }
        // A mark means nothing before its service is there.
        if self.queue.is_empty() && (self.ops.is_empty() || self.mode == Mode::Stopping) {
            self.work_on_extra(Extra::Marks, out);
        }
        self.remove_services(out);
    }

    fn work_on_extra(&mut self, extra: Extra, out: &mut Out) {
        if self.ops.len() >= WINDOW {
            return;
        }
        let object = self.extra(extra);
        if let Some((operation, then)) = object.step() {
            object.progress = Progress::InFlight { breaks: false };
            self.start(Target::Extra(extra), operation, then, out);
        }
    }

    /// Services go when nothing else is on its way: what takes their place is there then.
    fn remove_services(&mut self, out: &mut Out) {
        let removing = |pending: &Pending| matches!(pending.operation, Operation::DelService(_));
        if self.going.is_empty()
            || !self.queue.is_empty()
            || !self.extra(Extra::Marks).is_settled()
            || self.mode == Mode::Running && !self.ops.values().all(removing)
        {
            return;
        }
        while self.ops.len() < WINDOW {
            let Some(key) = self.going.first().copied() else { break };
            let Some(object) = self.services.get_mut(&key) else {
                self.going.remove(&key);
                continue;
            };
            self.going.remove(&key);
            if object.there.is_some() && object.progress.is_idle() && object.wanted.is_none() {
                object.progress = Progress::InFlight { breaks: false };
                self.start(Target::Service(key), Operation::DelService(key), None, out);
            }
        }
    }

    /// Does what can be done about a service; `false` if there is more to do and no room for it.
    fn work_on(&mut self, key: ServiceKey, out: &mut Out) -> bool {
        let Some(object) = self.services.get_mut(&key) else { return true };
        if matches!(object.progress, Progress::InFlight { .. }) {
            // Its answer brings it back.
            return true;
        }
        let Some(wanted) = object.wanted.clone() else {
            if object.there.is_none() {
                self.going.remove(&key);
                if object.users.is_empty() && object.is_forgotten() {
                    self.services.remove(&key);
                }
                return true;
            }
            // It goes with all its servers, unless it is the end, where each goes before it.
            if self.mode == Mode::Stopping {
                return self.work_on_servers(key, out);
            }
            self.going.insert(key);
            return true;
        };
        if object.progress.is_idle() && object.there.as_ref() != Some(&wanted) {
            let operation = if object.there.is_some() {
                Operation::EditService(key, wanted)
            } else {
                Operation::AddService(key, wanted)
            };
            object.progress = Progress::InFlight { breaks: false };
            self.start(Target::Service(key), operation, None, out);
            return true;
        }
        if object.there.is_none() {
            return true;
        }
        self.work_on_servers(key, out)
    }

    fn work_on_servers(&mut self, key: ServiceKey, out: &mut Out) -> bool {
        while self.ops.len() < WINDOW {
            let Some(object) = self.services.get_mut(&key) else { return true };
            let Some((server, late)) = object.next() else { return true };
            self.work_on_server(key, server, late, out);
        }
        self.services.get(&key).is_none_or(|object| object.todo.is_empty() && object.later.is_empty())
    }

    fn work_on_server(&mut self, key: ServiceKey, server: ServerKey, late: bool, out: &mut Out) {
        let Some(object) = self.services.get_mut(&key) else { return };
        let Some(state) = object.servers.get(&server).filter(|state| state.progress.is_idle()) else {
            object.unmark(server);
            return;
        };
        let need = state.need();
        let makes = matches!(need, Need::Make(_) | Need::Nothing);
        if !makes && !late {
            object.later.push_back(server);
            return;
        }
        object.unmark(server);
        if need.breaks() && !object.may_break(server) {
            object.held.push(server);
            return;
        }
        let there = state_of(object, server);
        let operation = match need {
            Need::Nothing => {
                object.forget(server);
                return;
            }
            Need::Make(settings) | Need::Lower(settings) | Need::Silence(settings) if there => {
                Operation::EditServer(key, server, settings)
            }
            Need::Make(settings) | Need::Lower(settings) | Need::Silence(settings) => {
                Operation::AddServer(key, server, settings)
            }
            Need::Remove { .. } => Operation::DelServer(key, server),
        };
        object.update(server, |state| state.progress = Progress::InFlight { breaks: need.breaks() });
        self.start(Target::Server(key, server), operation, None, out);
    }

    fn start(&mut self, target: Target, operation: Operation, then: Option<extras::Value>, out: &mut Out) {
        self.reading.counts.operations += 1;
        let op = out.operation(operation.clone());
        self.ops.insert(op, Pending { target, operation, then });
    }

    /// An operation was answered.
    pub(in crate::lvs) fn done(
        &mut self,
        now: Instant,
        op: OpId,
        result: Result<(), OpError>,
        out: &mut Out,
    ) {
        let Some(pending) = self.ops.remove(&op) else { return };
        let failure = match result {
            Ok(()) => {
                self.succeeded(pending);
                return;
            }
            Err(error) => error,
        };
        self.reading.counts.failures += 1;
        let failures = self.failed(now, &pending);
        let retry = failures > 0;
        let of_table = matches!(pending.target, Target::Service(_) | Target::Server(..));
        if retry && (failures == 1 || of_table) {
            // It may be that what we believe is wrong, and nobody serves whom we believe to, or somebody whom
            // nobody names any more.
            self.reading.doubt(now);
        }
        let told = std::mem::replace(&mut self.told_at_end, self.mode != Mode::Running);
        if failures <= 1 && !told {
            out.event(Event::OperationFailed { operation: pending.operation, error: failure, retry });
        }
    }

    fn succeeded(&mut self, pending: Pending) {
        match (pending.target, pending.operation) {
            (
                Target::Service(key),
                Operation::AddService(_, settings) | Operation::EditService(_, settings),
            ) => {
                if let Some(object) = self.services.get_mut(&key) {
                    object.progress = Progress::Idle;
                    object.failures = 0;
                    object.doubtful = false;
                    object.there = Some(settings);
                    object.mark_differing();
                    self.enqueue(key);
                }
            }
            (Target::Service(key), _) => {
                if let Some(object) = self.services.get_mut(&key) {
                    object.progress = Progress::Idle;
                    object.failures = 0;
                    object.absorb(None);
                    self.enqueue(key);
                }
            }
            (Target::Server(key, server), operation) => {
                let there = match operation {
                    Operation::AddServer(_, _, settings) | Operation::EditServer(_, _, settings) => {
                        Some(settings)
                    }
                    _ => None,
                };
                self.answered(key, server, |state| {
                    state.there = there;
                    state.progress = Progress::Idle;
                    state.failures = 0;
                    state.doubtful = false;
                });
            }
            (Target::Extra(extra), _) => {
                self.extra(extra).succeeded(pending.then);
                // What was on its way when the end came is left, too.
                if extra == Extra::Marks && self.keep {
                    self.extra(extra).leave();
                }
            }
            (Target::Table, _) => {
                for object in self.services.values_mut() {
                    object.absorb(None);
                }
                self.going.clear();
            }
        }
    }

    /// How often it failed in a row by now; 0 if it isn't tried again.
    fn failed(&mut self, now: Instant, pending: &Pending) -> u32 {
        let target = pending.target;
        let again = self.mode == Mode::Running;
        let progress = if again { Progress::Waiting } else { Progress::Idle };
        let failures = match target {
            Target::Service(key) => self.services.get_mut(&key).map_or(0, |object| {
                object.progress = progress;
                object.failures = object.failures.saturating_add(1);
                object.doubtful |= object.there.is_none();
                object.failures
            }),
            Target::Server(key, server) => {
                let mut failures = 0;
                let serves = matches!(&pending.operation, Operation::EditServer(_, _, to) if to.weight > 0);
                self.answered(key, server, |state| {
                    state.doubtful |= state.progress == Progress::InFlight { breaks: true };
                    state.doubtful |= state.there.is_none_or(|there| there.weight == 0 && serves);
                    state.progress = progress;
                    state.failures = state.failures.saturating_add(1);
                    failures = state.failures;
                });
                failures
            }
            Target::Extra(extra) => {
                let object = self.extra(extra);
                object.failed(pending.then.clone(), progress);
                object.failures
            }
            Target::Table => return 0,
        };
        if !again {
            self.give_up(target);
            return 0;
        }
        let times = 1_u64.checked_shl(failures.saturating_sub(1)).unwrap_or(u64::MAX);
        self.retries.set(target, now + (FIRST_RETRY * times).min(LONGEST_RETRY));
        failures
    }

    /// At the end nothing is tried twice: it counts as gone.
    fn give_up(&mut self, target: Target) {
        match target {
            Target::Service(key) => {
                if let Some(object) = self.services.get_mut(&key) {
                    object.absorb(None);
                }
            }
            Target::Server(key, server) => {
                if let Some(object) = self.services.get_mut(&key) {
                    object.update(server, |state| state.there = None);
                }
            }
            Target::Extra(extra) => {
                self.extra(extra).give_up();
            }
            Target::Table => {}
        }
    }

    /// Something is known now about a server; what waited for it is looked at, too.
    fn answered(
        &mut self,
        key: ServiceKey,
        server: ServerKey,
        change: impl FnOnce(&mut super::objects::ServerObject),
    ) {
        let Some(object) = self.services.get_mut(&key) else { return };
        object.update(server, change);
        object.mark(server);
        object.wake();
        self.enqueue(key);
    }
}

fn state_of(object: &ServiceObject, server: ServerKey) -> bool {
    object.servers.get(&server).is_some_and(|state| state.there.is_some())
}
