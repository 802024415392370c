//! What checks are told instead of asking: numbers in files, states of BFD sessions.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use base::Instant;

use crate::config::{BfdId, FileId, Kind, TaskId};
use crate::machine::Checks;
use crate::runner::Runner;

/// All that is followed, and who follows it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Feeds {
    files: BTreeMap<FileId, Feed<i32>>,
    bfds: BTreeMap<BfdId, Feed<bool>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Feed<T> {
    /// What was told last.
    last: Option<T>,
    followers: Vec<TaskId>,
}

impl<T> Default for Feed<T> {
    fn default() -> Self {
        Self { last: None, followers: Vec::new() }
    }
}

impl Feeds {
    /// What is known stays known under its new id: `files` and `bfds` give for each new id the old one.
    pub(crate) fn renumber(&mut self, files: &[Option<FileId>], bfds: &[Option<BfdId>]) {
        fn renumber<I: Ord + Copy, T: Copy>(
            old: &BTreeMap<I, Feed<T>>,
            kept: &[Option<I>],
            id: impl Fn(usize) -> I,
        ) -> BTreeMap<I, Feed<T>> {
            let known = |(index, kept): (usize, &Option<I>)| {
                let last = old.get(kept.as_ref()?)?.last?;
                Some((id(index), Feed { last: Some(last), followers: Vec::new() }))
            };
            kept.iter().enumerate().filter_map(known).collect()
        }
        self.files = renumber(&self.files, files, FileId::from_index);
        self.bfds = renumber(&self.bfds, bfds, BfdId::from_index);
    }

    /// A task follows something from now on; what is known is told it at once if it never heard any.
    pub(crate) fn subscribe(&mut self, now: Instant, task: TaskId, runner: &mut Runner) {
        match runner.config.kind {
            Kind::File { file, .. } => {
                let feed = self.files.entry(file).or_default();
                feed.followers.push(task);
                if let Some(value) = feed.last.filter(|_| !runner.heard) {
                    runner.file(now, value);
                }
            }
            Kind::Bfd { session } => {
                let feed = self.bfds.entry(session).or_default();
                feed.followers.push(task);
                if let Some(up) = feed.last.filter(|_| !runner.heard) {
                    runner.follow(now, up);
                }
            }
            Kind::Probe { .. } | Kind::Command { .. } => {}
        }
    }
}

impl Checks {
    pub(crate) fn file_told(&mut self, now: Instant, file: FileId, value: i32) {
        let feed = self.feeds.files.entry(file).or_default();
        feed.last = Some(value);
        let followers = core::mem::take(&mut feed.followers);
        let told = followers
            .iter()
            .filter_map(|task| Some((*task, self.runners.get_mut(task.index())?.file(now, value))));
        let told: Vec<_> = told.collect();
        self.heard(now, &told);
        if let Some(feed) = self.feeds.files.get_mut(&file) {
            feed.followers = followers;
        }
    }

    pub(crate) fn bfd_told(&mut self, now: Instant, session: BfdId, up: bool) {
        let feed = self.feeds.bfds.entry(session).or_default();
        feed.last = Some(up);
        let followers = core::mem::take(&mut feed.followers);
        let told = followers
            .iter()
            .filter_map(|task| Some((*task, self.runners.get_mut(task.index())?.follow(now, up))));
        let told: Vec<_> = told.collect();
        self.heard(now, &told);
        if let Some(feed) = self.feeds.bfds.get_mut(&session) {
            feed.followers = followers;
        }
    }
}
