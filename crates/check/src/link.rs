//! Whose fault it is: if everything behind an interface is dead at once, the interface is.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use base::{Duration, Instant};

use crate::config::{LinkId, TaskId};
use crate::io::{Event, Output};
use crate::machine::Checks;
use crate::runner::Runner;

/// The links that checks take.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Links {
    window: Option<Duration>,
    ways: BTreeMap<LinkId, Way>,
}

/// One link.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Way {
    tasks: Vec<TaskId>,
    /// A place among the tasks where one was passing when it was last looked for.
    witness: usize,
    blamed: bool,
}

impl Links {
    /// Sorts the tasks by their links.
    pub(crate) fn new(window: Option<Duration>, runners: &[Runner]) -> Self {
        let mut ways: BTreeMap<LinkId, Way> = BTreeMap::new();
        if window.is_some() {
            for (index, runner) in runners.iter().enumerate() {
                let Some(link) = runner.config.link else { continue };
                let way = ways.entry(link.link).or_default();
                way.tasks.push(TaskId::from_index(index));
                way.blamed |= runner.blamed;
            }
        }
        Self { window, ways }
    }

    /// Those that are blamed.
    fn blamed(&self) -> impl Iterator<Item = LinkId> + '_ {
        self.ways.iter().filter(|(_, way)| way.blamed).map(|(id, _)| *id)
    }
}

impl Way {
    /// Whether any of the checks is known to pass. Looks first where one was found last.
    fn has_witness(&mut self, runners: &[Runner]) -> bool {
        let passes = |task: &TaskId| {
            runners.get(task.index()).is_some_and(|runner| runner.awake && runner.up && runner.heard)
        };
        let (before, after) = self.tasks.split_at(self.witness.min(self.tasks.len()));
        let found = after.iter().chain(before).position(passes);
        if let Some(found) = found {
            self.witness = (self.witness + found).checked_rem(self.tasks.len()).unwrap_or(0);
        }
        found.is_some()
    }

    /// Those that turned failed within `window`; none if they all have one target.
    fn lost(&self, now: Instant, window: Duration, runners: &[Runner]) -> Vec<TaskId> {
        let (mut lost, mut first, mut several) = (Vec::new(), None, false);
        for (task, runner) in self.tasks.iter().filter_map(|task| Some((*task, runners.get(task.index())?))) {
            let (Some(at), Some(link)) = (runner.lost_at, runner.config.link) else { continue };
            if now.since(at) <= window {
                several |= *first.get_or_insert(link.target) != link.target;
                lost.push(task);
            }
        }
        if !several {
            lost.clear();
        }
        lost
    }
}

impl Checks {
    /// The links that are blamed.
    pub fn blamed_links(&self) -> impl Iterator<Item = LinkId> + '_ {
        self.links.blamed()
    }

    /// A check turned from passing to failing: perhaps its link is to blame. Whom that concerns is added to
    /// `touched`.
    pub(crate) fn suspect(&mut self, now: Instant, task: TaskId, touched: &mut Vec<TaskId>) {
        let Some(window) = self.links.window else { return };
        let link = self.runners.get(task.index()).and_then(|runner| runner.config.link);
        let Some(link) = link.map(|link| link.link) else { return };
        let Some(way) = self.links.ways.get_mut(&link) else { return };
        if way.blamed {
            // It rested while the others were lost, and none of them is back.
            if let Some(runner) = self.runners.get_mut(task.index()) {
                runner.blamed = true;
            }
            touched.push(task);
            return;
        }
        if way.has_witness(&self.runners) {
            return;
        }
        let lost = way.lost(now, window, &self.runners);
        if lost.is_empty() {
            return;
        }
        way.blamed = true;
        self.blame(link, &lost, true);
        touched.extend(lost);
    }

    /// A check passed: its link is fine. Whom that concerns is added to `touched`.
    pub(crate) fn acquit(&mut self, task: TaskId, touched: &mut Vec<TaskId>) {
        let link = self.runners.get(task.index()).and_then(|runner| runner.config.link);
        let Some(link) = link.map(|link| link.link) else { return };
        let Some(way) = self.links.ways.get_mut(&link).filter(|way| way.blamed) else { return };
        way.blamed = false;
        let blamed = |task: &TaskId| self.runners.get(task.index()).is_some_and(|runner| runner.blamed);
        let tasks: Vec<TaskId> = way.tasks.iter().copied().filter(blamed).collect();
        self.blame(link, &tasks, false);
        touched.extend(tasks);
    }

    fn blame(&mut self, link: LinkId, tasks: &[TaskId], blamed: bool) {
        let checks = u32::try_from(tasks.len()).unwrap_or(u32::MAX);
        self.outputs.push_back(Output::Event(Event::Link { link, blamed, checks }));
        for task in tasks {
            if let Some(runner) = self.runners.get_mut(task.index()) {
                runner.blamed = blamed;
            }
        }
    }
}
