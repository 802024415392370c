//! What must be known by the rules alone, followed from what the daemon was told: no verdict, weight, quorum
//! or wanted table is taken from the engine. The names (Q2, Q3, ...) are those of the design's list of
//! invariants.

pub mod pool;
pub mod table;
pub mod task;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use base::{Instant, Name};
use engine::lvs::io::{Answer, RunId};
use engine::lvs::news::Way;
use model::Model;

use super::observe::{Asked, Seen, Turn, What};
use pool::{Pool, ServiceName, covers, name};
use table::Wanted;
use task::{Key, Run, Task};

/// The checks that run.
pub type Tasks = BTreeMap<Key, Task>;

/// How far the daemon has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Phase {
    /// It doesn't run.
    #[default]
    Gone,
    /// It runs.
    Running,
    /// It was told to stop.
    Stopping,
}

/// What must be known.
#[derive(Debug, Default)]
pub struct Shadow {
    /// How far the daemon has come.
    pub phase: Phase,
    /// The configuration in force.
    pub model: Option<Arc<Model>>,
    /// For each service, for each server, its checks.
    keys: Vec<Vec<Vec<Key>>>,
    /// The checks.
    pub tasks: Tasks,
    /// The services.
    pub pools: BTreeMap<ServiceName, Pool>,
    /// Runs under way of checks that are there.
    pub runs: BTreeMap<RunId, Key>,
    /// Runs under way of checks that aren't any more.
    pub orphans: BTreeSet<RunId>,
    /// Runs that mean nothing from this turn on, and must be told to end in it.
    pub to_cancel: BTreeSet<RunId>,
    files: BTreeMap<Box<str>, i32>,
    bfds: BTreeMap<Name, bool>,
    addresses: BTreeSet<IpAddr>,
    wanted: Wanted,
    /// What the kernel's table of marks was last told to be.
    marks: Option<engine::lvs::table::MarkTable>,
    /// For each check that goes on what it was before the last reload.
    before: BTreeMap<Key, Key>,
    /// What a turn begins with that goes on.
    in_timeout: bool,
    /// Runs that began against the rules, in this turn: which rule, and how.
    pub complaints: Vec<(&'static str, String)>,
}

impl Shadow {
    /// Something happened.
    pub fn see(&mut self, seen: &Seen) {
        let now = seen.at;
        match &seen.what {
            What::Started(model) => self.start(now, model),
            What::Died => self.phase = Phase::Gone,
            What::Turn(turn) => self.turn(now, turn),
            What::Asked(Asked::Probe { run, checker, url }) => self.probe(now, *run, checker, *url),
            What::Asked(Asked::Cancel(run)) => {
                let wrong = !self.to_cancel.remove(run);
                let text = || format!("a run is ended that counts, or again: {run:?}");
                self.complaints.extend(wrong.then(|| ("Q7", text())));
            }
            What::Asked(Asked::Kernel(_, engine::lvs::io::Operation::SetMarks(marks))) => {
                self.marks = Some(marks.clone());
                self.refresh();
            }
            _ => {}
        }
    }

    /// What the kernel's table should hold of ours.
    #[must_use]
    pub const fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// What nftables was last told.
    #[must_use]
    pub const fn marks(&self) -> Option<&engine::lvs::table::MarkTable> {
        self.marks.as_ref()
    }

    /// The checks of a server.
    #[must_use]
    pub fn checks(&self, service: usize, server: usize) -> &[Key] {
        self.keys.get(service).and_then(|of| of.get(server)).map_or(&[], Vec::as_slice)
    }

    /// What a check was before the last reload; `None` for one that began with it.
    #[must_use]
    pub fn before(&self, key: &Key) -> Option<&Key> {
        self.before.get(key)
    }

    fn start(&mut self, now: Instant, model: &Arc<Model>) {
        // A table of marks that an earlier life left behind is read back, and is not set again if it fits.
        let marks = self.marks.take();
        *self = Self { phase: Phase::Running, marks, ..Self::default() };
        self.load(now, model);
    }

    /// What of `model` was there before goes on.
    fn load(&mut self, now: Instant, model: &Arc<Model>) {
        let of = |server: &model::lvs::RealServer| -> Vec<Key> {
            server.checkers.iter().map(|c| Key::new(model, c)).collect()
        };
        let keys: Vec<Vec<Vec<Key>>> =
            model.lvs.services.iter().map(|s| s.servers.iter().map(of).collect()).collect();
        let mut origins = self.origins(model, &keys);
        let mut before = std::mem::take(&mut self.tasks);
        origins.retain(|_, origin| before.contains_key(origin));
        // Who did not change at all first; then, in the order of the file, who asks the same at other times.
        let all = || keys.iter().flatten().flatten();
        for key in all().filter(|key| origins.get(key) == Some(key)) {
            if let Some(task) = before.remove(key) {
                self.tasks.insert(key.clone(), task);
            }
        }
        let others: Tasks = before.iter().chain(&self.tasks).map(|(k, t)| (k.clone(), t.clone())).collect();
        for key in all() {
            if self.tasks.contains_key(key) {
                continue;
            }
            let origin = origins.get(key);
            let task = match (origin.and_then(|origin| before.remove(origin)), origin) {
                (Some(mut task), _) => {
                    task.retime(now, key.clone());
                    if let Some(run) = task.run {
                        self.runs.insert(run.id, key.clone());
                    }
                    task
                }
                (None, Some(origin)) => Task::like(key.clone(), now, &others[origin]),
                _ => Task::new(key.clone(), now),
            };
            self.tasks.insert(key.clone(), task);
        }
        self.tasks.values_mut().for_each(|task| task.shared = 0);
        for key in all() {
            if let Some(task) = self.tasks.get_mut(key) {
                task.shared += 1;
            }
        }
        if model.lvs.settings.panic_guard.is_none() {
            self.tasks.values_mut().for_each(|task| task.blamed = false);
        }
        // Runs of all others mean nothing any more.
        let (tasks, orphans, to_cancel) = (&self.tasks, &mut self.orphans, &mut self.to_cancel);
        self.runs.retain(|run, key| {
            let goes_on = tasks.get(key).and_then(|task| task.run).is_some_and(|of| of.id == *run);
            if !goes_on {
                orphans.insert(*run);
                to_cancel.insert(*run);
            }
            goes_on
        });
        // Those that rested had been told before.
        for task in before.values().filter_map(|task| task.run).filter(|run| run.void) {
            self.to_cancel.remove(&task.id);
        }
        let names: BTreeSet<ServiceName> =
            model.lvs.services.iter().map(|s| name(model, &s.service)).collect();
        self.pools.retain(|name, _| names.contains(name));
        self.keys = keys;
        self.before = origins;
        self.files.retain(|path, _| model.lvs.files.iter().any(|file| file.path == *path));
        self.bfds.retain(|name, _| model.lvs.bfds.contains(name));
        self.model = Some(model.clone());
        if model.lvs.settings.nftables.is_none() {
            self.marks = None;
        }
        for task in self.tasks.values_mut().filter(|task| !task.heard) {
            match &task.key {
                Key::File(path, ..) => {
                    if let Some(value) = self.files.get(path) {
                        task.file(*value);
                    }
                }
                Key::Bfd(name, _) => {
                    if let Some(up) = self.bfds.get(name) {
                        task.follow(*up);
                    }
                }
                Key::Asks(_) => {}
            }
        }
        self.suspend(now);
        self.judge();
    }

    /// **R2** For each check that a server has now what it had before of it: the same, or else the first that any
    /// such server had which looks at the same.
    fn origins(&self, model: &Arc<Model>, keys: &[Vec<Vec<Key>>]) -> BTreeMap<Key, Key> {
        let (mut same, mut alike) = (BTreeMap::new(), BTreeMap::new());
        let Some(old) = &self.model else { return same };
        for (service, of) in model.lvs.services.iter().zip(keys) {
            let named = name(model, &service.service);
            let before = old.lvs.services.iter().position(|s| name(old, &s.service) == named);
            let Some((place, before)) = before.and_then(|at| Some((at, old.lvs.services.get(at)?))) else {
                continue;
            };
            for (server, keys) in service.servers.iter().zip(of) {
                let is_it = |b: &model::lvs::RealServer| (b.address, b.port) == (server.address, server.port);
                let Some(was) = before.servers.iter().position(is_it) else { continue };
                let mut had: Vec<&Key> = self.checks(place, was).iter().collect();
                let mut changed = Vec::new();
                for key in keys {
                    match had.iter().position(|had| *had == key) {
                        Some(at) => {
                            had.remove(at);
                            same.insert(key.clone(), key.clone());
                        }
                        None => changed.push(key),
                    }
                }
                for key in changed {
                    if let Some(at) = had.iter().position(|had| had.looks_as(key)) {
                        let had = had.remove(at);
                        alike.entry(key.clone()).or_insert_with(|| had.clone());
                    }
                }
            }
        }
        alike.extend(same);
        alike
    }

    /// The ways that are blamed for what fails behind them.
    pub fn blamed(&self) -> BTreeSet<Way> {
        let blamed = self.tasks.values().filter(|task| task.blamed);
        blamed.filter_map(|task| task.key.way()).map(|(way, _)| way).collect()
    }

    /// **Q8** (`lvs_panic_guard` w) When a check that was known to pass fails at t, and none that takes the same way
    /// is known to pass then, and those that turned failing since t - w have two targets or more, the way is to
    /// blame, for them and for all that are lost later; until any check passes that takes it.
    fn suspect(&mut self, now: Instant, key: &Key, passed: bool) {
        let guard = self.model.as_ref().and_then(|model| model.lvs.settings.panic_guard);
        let (Some(window), Some((way, _))) = (guard, key.way()) else { return };
        let of_way = |task: &Task| task.key.way().is_some_and(|(of, _)| of == way);
        if passed {
            self.tasks.values_mut().filter(|task| of_way(task)).for_each(|task| task.blamed = false);
        } else if self.blamed().contains(&way) {
            self.tasks.entry(key.clone()).and_modify(|task| task.blamed = true);
        } else if !self.tasks.values().any(|task| of_way(task) && task.awake && task.sure()) {
            let lost = |task: &Task| of_way(task) && task.lost.is_some_and(|at| now.since(at) <= window);
            let targets = self.tasks.values().filter(|task| lost(task)).filter_map(|task| task.key.way());
            let targets: BTreeSet<IpAddr> = targets.map(|(_, target)| target).collect();
            if targets.len() > 1 {
                self.tasks.values_mut().filter(|task| lost(task)).for_each(|task| task.blamed = true);
            }
        }
    }

    /// Which services rest, and which checks do.
    fn suspend(&mut self, now: Instant) {
        let Some(model) = self.model.clone() else { return };
        let mut needed = BTreeSet::new();
        for (configured, keys) in model.lvs.services.iter().zip(&self.keys) {
            let service = &configured.service;
            let here = self.addresses.iter().any(|address| covers(&model, service, *address));
            let suspended = service.ha_suspend && !here;
            self.pools.entry(name(&model, service)).or_default().suspended = suspended;
            if !suspended {
                needed.extend(keys.iter().flatten());
            }
        }
        for (key, task) in &mut self.tasks {
            let ran = task.run.filter(|run| !run.void);
            task.rest(now, needed.contains(key));
            if let (Some(run), false) = (ran, task.awake) {
                self.to_cancel.insert(run.id);
            }
        }
    }

    fn judge(&mut self) {
        let Some(model) = &self.model else { return };
        for (configured, keys) in model.lvs.services.iter().zip(&self.keys) {
            let pool = self.pools.entry(name(model, &configured.service)).or_default();
            pool.judge(configured, keys, &self.tasks);
        }
        self.refresh();
    }

    fn refresh(&mut self) {
        let Some(model) = &self.model else { return };
        self.wanted = table::wanted(model, &self.pools, self.marks.as_ref());
    }

    fn turn(&mut self, now: Instant, turn: &Turn) {
        self.to_cancel.clear();
        self.complaints.clear();
        self.in_timeout = matches!(turn, Turn::Timeout);
        if self.phase != Phase::Running {
            if let Turn::Probed(run, _) = turn {
                self.runs.remove(run);
                self.orphans.remove(run);
            }
            return;
        }
        match turn {
            Turn::Probed(run, answer) => self.probed(now, *run, answer),
            Turn::File(path, value) => {
                self.files.insert(path.clone(), *value);
                for task in self.tasks.values_mut() {
                    if matches!(&task.key, Key::File(of, ..) if of == path) {
                        task.file(*value);
                    }
                }
                self.judge();
            }
            Turn::Bfd(session, up) => {
                self.bfds.insert(session.clone(), *up);
                for task in self.tasks.values_mut() {
                    if matches!(&task.key, Key::Bfd(of, _) if of == session) {
                        task.follow(*up);
                    }
                }
                self.judge();
            }
            Turn::Address(address, exists) => {
                if *exists {
                    self.addresses.insert(*address);
                } else {
                    self.addresses.remove(address);
                }
                self.suspend(now);
            }
            Turn::Reload(model) => self.load(now, model),
            Turn::Stop { .. } => {
                self.phase = Phase::Stopping;
                let running = self.tasks.values().filter_map(|task| task.run).filter(|run| !run.void);
                self.to_cancel.extend(running.map(|run| run.id));
            }
            Turn::Timeout => {
                // What is due while a run that means nothing hasn't ended waits for that.
                let waits = |task: &&mut Task| task.awake && task.run.is_some_and(|run| run.void);
                for task in self.tasks.values_mut().filter(waits) {
                    task.due = task.due.filter(|(_, to)| *to > now);
                }
            }
            Turn::Table(_) | Turn::Done(..) => {}
        }
    }

    /// **Q5**, **Q6**, **Q7** A check begins when it is due, not twice at once, and only one that there is.
    fn probe(&mut self, now: Instant, run: RunId, checker: &model::lvs::Checker, url: usize) {
        let Some(model) = &self.model else { return };
        let key = Key::new(model, checker);
        let Some(task) = self.tasks.get_mut(&key) else {
            self.complaints.push(("Q7", format!("a check begins that no server has: {key:?}")));
            return;
        };
        let mut complain = |rule, what: &str| {
            self.complaints.push((rule, format!("{what}: {run:?} of {:?}", task.key)));
        };
        if self.phase != Phase::Running {
            complain("X4", "a check begins at the end");
        }
        if task.run.is_some() {
            complain("Q6", "a check begins that is under way");
        }
        if !task.awake {
            complain("Q6", "a check begins that should rest");
        }
        if url != task.url {
            complain("Q6", "another url is asked than the next one");
        }
        if !self.in_timeout || task.due.is_none_or(|(from, _)| from > now) {
            complain("Q5", "a check begins that is not due");
        }
        task.run = Some(Run { id: run, began: now, void: false });
        task.due = None;
        self.runs.insert(run, key);
    }

    fn probed(&mut self, now: Instant, run: RunId, answer: &Answer) {
        self.orphans.remove(&run);
        let Some(key) = self.runs.remove(&run) else { return };
        let any_blamed = self.tasks.values().any(|task| task.blamed);
        let Some(task) = self.tasks.get_mut(&key) else { return };
        let Some(ended) = task.run.take_if(|under_way| under_way.id == run) else { return };
        if ended.void {
            // Its next one may have waited for it.
            task.due = task.due.or(Some((now, now)));
            return;
        }
        let verdict = |shadow: &Self| shadow.tasks.get(&key).map(Task::verdict);
        let before = task.verdict();
        task.answered(now, ended, answer);
        let well = task.bad == 0 && !matches!(answer, Answer::Unable(_));
        let lost = task.lost == Some(now);
        if well || lost {
            self.suspect(now, &key, well);
        }
        if lost || well && any_blamed || verdict(self) != Some(before) {
            self.judge();
        }
    }
}
