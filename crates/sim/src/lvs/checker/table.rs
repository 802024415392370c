//! The kernel's table: Q1, Q2, K6, K7, R2.

use std::collections::{BTreeMap, BTreeSet};

use base::{Duration, Instant};
use engine::lvs::io::Operation;
use engine::lvs::table::{ServerKey, ServiceKey, SyncHalf, Timeouts};
use model::Model;

use super::{Checker, Found, Rest, View};
use crate::lvs::fault::{Edit, Fault};
use crate::lvs::kernel::told;
use crate::lvs::observe::{Asked, Seen, Turn, What};
use crate::lvs::shadow::{Phase, table};

/// The period of the resync, and what it takes to read the table and put it right.
const RESYNC: Duration = Duration::from_secs(62);

/// The longest pause between two tries of an operation, and what it takes.
const RETRY: Duration = Duration::from_secs(32);

/// **Q1** At quiescence the kernel's table of ours is f(configuration, health, quorum) ([`table::wanted`]), weights
/// included (**Q2**); each difference is repaired within the period of the resync. **K6** That holds after a
/// crash and a start over what is left, too, and **R2** after a reload: nothing of what an earlier configuration
/// of this life named is there.
///
/// The same for what the kernel has once: timeouts; both halves of the sync daemon, which run as the
/// configuration says, and not at all if it doesn't and this life started them.
///
/// **K7** No operation is about a service or a server that no configuration of this life named, about a half of the
/// sync daemon although none wanted both, or sets a timeout that none named to anything but what was read.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// What the configurations of this life named.
    named: BTreeMap<ServiceKey, BTreeSet<ServerKey>>,
    /// What of it was there when the table was read, or was changed by us.
    owned: BTreeMap<ServiceKey, BTreeSet<ServerKey>>,
    /// The same by the marks that an earlier life left behind, as long as this one sets none of its own: it may give
    /// others, and then this was never ours.
    inherited: BTreeMap<ServiceKey, BTreeSet<ServerKey>>,
    /// Whether this life has set marks.
    gave_marks: bool,
    /// Halves of the sync daemon that this life started, and nobody else since then while they weren't wanted.
    started: BTreeSet<SyncHalf>,
    /// Whether a configuration of this life wanted both halves.
    wants_sync: bool,
    /// The timeouts as they were last read, and which of them a configuration of this life named.
    timeouts: Option<Timeouts>,
    named_timeouts: [bool; 3],
    /// When somebody else last changed the table, or there was none.
    edited: Instant,
    /// When it was last read.
    read: Instant,
    /// When an operation last failed.
    failed: Instant,
    writes: u64,
    /// Operations when the world was said to be quiet.
    quiet: Option<u64>,
}

impl Table {
    /// A configuration names what is ours from now on. What is there of it already, and wasn't ours when the table
    /// was read, is found when it is read again.
    fn name(&mut self, view: View<'_>, model: &Model, now: Instant) {
        self.wants_sync |= table::sync(model).is_some();
        let named = &model.lvs.settings.timeouts;
        for (known, named) in self.named_timeouts.iter_mut().zip([named.tcp, named.tcp_fin, named.udp]) {
            *known |= named.is_some();
        }
        let there = &view.world.kernel.table.services;
        for (key, servers) in table::named(model, view.shadow.marks()) {
            let entry = there.get(&key);
            let known = self.named.get(&key);
            let new = |server: &ServerKey| known.is_none_or(|known| !known.contains(server));
            if entry.is_some_and(|e| {
                known.is_none() || servers.iter().any(|s| new(s) && e.servers.contains_key(s))
            }) {
                self.edited = now;
            }
            self.named.entry(key).or_default().extend(servers);
        }
    }

    /// Whether everything should be in order by now.
    fn is_due(&self, view: View<'_>, now: Instant) -> bool {
        let mood = view.world.kernel.mood;
        view.shadow.phase == Phase::Running
            && view.world.is_quiescent()
            && !(mood.missing || mood.failing > 0 || mood.lying > 0 || view.world.is_stalled())
            && (self.failed == Instant::ZERO || self.failed + RETRY < now)
            && (self.read > self.edited || self.edited + RESYNC < now)
            && self.read > Instant::ZERO
    }

    fn compare(&self, view: View<'_>, now: Instant, found: &mut Found) {
        let there = &view.world.kernel.table.services;
        let wanted = view.shadow.wanted();
        let mut wrong = |property, text: String| found.push(property, now, None, text);
        for (key, (settings, servers)) in wanted {
            let Some(entry) = there.get(key) else {
                wrong("Q1", format!("{key:?} is missing"));
                continue;
            };
            if entry.settings != *settings {
                wrong("Q1", format!("{key:?} is {:?}, should be {settings:?}", entry.settings));
            }
            for (server, settings) in servers {
                match entry.servers.get(server) {
                    None => wrong("Q1", format!("{key:?} {server:?} is missing")),
                    Some(is) if is != settings => {
                        wrong("Q2", format!("{key:?} {server:?} is {is:?}, should be {settings:?}"));
                    }
                    Some(_) => {}
                }
            }
            for server in entry.servers.keys().filter(|server| !servers.contains_key(server)) {
                if self.owns(key, Some(server)) {
                    wrong("Q1", format!("{key:?} {server:?} should not be there"));
                }
            }
        }
        for key in there.keys().filter(|key| !wanted.contains_key(key) && self.owns(key, None)) {
            wrong("R2", format!("{key:?} is left from an earlier configuration"));
        }
        if let Some(model) = &view.shadow.model {
            self.extras(view, model, &mut wrong);
        }
    }

    /// Whether a service of the kernel, or a server of it, is ours.
    fn owns(&self, key: &ServiceKey, server: Option<&ServerKey>) -> bool {
        let has = |of: &BTreeMap<ServiceKey, BTreeSet<ServerKey>>| {
            of.get(key).is_some_and(|servers| server.is_none_or(|server| servers.contains(server)))
        };
        has(&self.owned) || has(&self.inherited)
    }

    fn extras(&self, view: View<'_>, model: &Model, wrong: &mut impl FnMut(&'static str, String)) {
        let configured = &model.lvs.settings.timeouts;
        let (there, should) = (view.world.kernel.table.timeouts, table::timeouts(model));
        let differs = there.is_none_or(|there| {
            configured.tcp.is_some() && there.tcp != should.tcp
                || configured.tcp_fin.is_some() && there.tcp_fin != should.tcp_fin
                || configured.udp.is_some() && there.udp != should.udp
        });
        if differs {
            wrong("Q1", format!("timeouts are {there:?}, should be {should:?}"));
        }
        let should = table::sync(model).as_ref().map(told);
        for half in [SyncHalf::Master, SyncHalf::Backup] {
            let runs = view.world.kernel.sync.get(&half);
            if runs != should.as_ref() && (should.is_some() || self.started.contains(&half)) {
                wrong("Q1", format!("{half:?} of the sync daemon is {runs:?}, should be {should:?}"));
            }
        }
    }

    fn ours(&self, view: View<'_>, operation: &Operation) -> bool {
        match operation {
            Operation::StartSync(..) | Operation::StopSync(..) => return self.wants_sync,
            Operation::SetTimeouts(to) => {
                let all = |t: &Timeouts| [t.tcp, t.tcp_fin, t.udp];
                let Some(read) = &self.timeouts else { return false };
                let kept = |((to, read), named)| named || to == read;
                return all(to).into_iter().zip(all(read)).zip(self.named_timeouts).all(kept);
            }
            _ => {}
        }
        let Some(key) = operation.service() else { return true };
        // A mark that is given to a group is told to nftables when its service is there.
        if is_given(view, key) {
            return true;
        }
        let Some(servers) = self.named.get(key) else { return false };
        match operation {
            Operation::AddServer(_, server, _)
            | Operation::EditServer(_, server, _)
            | Operation::DelServer(_, server) => servers.contains(server),
            _ => true,
        }
    }
}

/// Whether it may be by a mark that is given to a group, and not written in the configuration.
fn is_given(view: View<'_>, key: &ServiceKey) -> bool {
    let nftables = view.shadow.model.as_ref().and_then(|model| model.lvs.settings.nftables.as_ref());
    matches!((key, nftables), (ServiceKey::Mark { mark, .. }, Some(of)) if *mark >= of.first_mark)
}

impl Checker for Table {
    fn see(&mut self, view: View<'_>, seen: &Seen, found: &mut Found) {
        match &seen.what {
            What::Started(model) => {
                self.named.clear();
                self.owned.clear();
                self.inherited.clear();
                self.gave_marks = false;
                self.started.clear();
                (self.wants_sync, self.timeouts, self.named_timeouts) = (false, None, [false; 3]);
                (self.read, self.failed, self.quiet) = (Instant::ZERO, Instant::ZERO, None);
                self.name(view, model, seen.at);
            }
            What::Fault(Fault::Edit(edit)) => {
                self.edited = seen.at;
                if let Edit::StartSync(half, _) = edit
                    && view.shadow.model.as_ref().is_none_or(|model| table::sync(model).is_none())
                {
                    self.started.remove(half);
                }
            }
            What::Fault(Fault::Mood(mood)) if mood.missing => self.edited = seen.at,
            What::Fault(Fault::Stall(time)) => self.failed = self.failed.max(seen.at + *time),
            What::Dumped(true) => {
                self.read = seen.at;
                self.timeouts = view.world.kernel.table.timeouts;
            }
            What::Dumped(false) => self.edited = seen.at,
            What::Executed { ok: false, .. } => self.failed = self.failed.max(seen.at),
            What::Turn(Turn::Reload(_)) => {
                if let Some(model) = view.shadow.model.clone() {
                    self.name(view, &model, seen.at);
                }
            }
            What::Turn(Turn::Table(true)) => {
                if let Some(model) = &view.shadow.model {
                    for (key, servers) in table::named(model, view.shadow.marks()) {
                        let guessed = is_given(view, &key) && !self.gave_marks;
                        let of = if guessed { &mut self.inherited } else { &mut self.owned };
                        of.entry(key).or_default().extend(servers);
                    }
                }
            }
            What::Asked(Asked::Kernel(_, operation)) => {
                self.writes += 1;
                if let Operation::StartSync(half, _) = operation {
                    self.started.insert(*half);
                }
                if let Some(key) = operation.service() {
                    let owned = self.owned.entry(*key).or_default();
                    if let Operation::AddServer(_, server, _) | Operation::EditServer(_, server, _) =
                        operation
                    {
                        owned.insert(*server);
                    }
                }
                if matches!(operation, Operation::SetMarks(_))
                    && let Some(model) = view.shadow.model.clone()
                {
                    self.inherited.clear();
                    self.gave_marks = true;
                    self.name(view, &model, seen.at);
                }
                if !self.ours(view, operation) {
                    found.push("K7", seen.at, None, format!("somebody else's is changed: {operation:?}"));
                }
            }
            What::TurnEnd { .. } if self.is_due(view, seen.at) => self.compare(view, seen.at, found),
            _ => {}
        }
    }

    fn at_rest(&mut self, view: View<'_>, rest: Rest, found: &mut Found) {
        let now = view.world.now();
        if rest == Rest::Stopped {
            return;
        }
        if !self.is_due(view, now) {
            found.push("Q1", now, None, "the kernel's table never comes to rest");
            return;
        }
        self.compare(view, now, found);
        if view.world.balancer().is_some_and(|balancer| !balancer.snapshot().in_order) {
            found.push("Q1", now, None, "the balancer says that its table isn't in order");
        }
        match (rest, self.quiet) {
            (Rest::Healed, _) => self.quiet = Some(self.writes),
            (Rest::Quiet | Rest::Reloaded, Some(writes)) if writes != self.writes => {
                found.push("R1", now, None, "the kernel is written to though nothing happens");
            }
            _ => {}
        }
    }
}
