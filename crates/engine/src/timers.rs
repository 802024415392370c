//! Deadlines by what they are for.

use std::collections::{BTreeMap, BTreeSet};

use base::Instant;

/// At most one deadline for each key; setting and cancelling cost a logarithm.
#[derive(Debug)]
pub(crate) struct Timers<K> {
    order: BTreeSet<(Instant, K)>,
    at: BTreeMap<K, Instant>,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self { order: BTreeSet::new(), at: BTreeMap::new() }
    }
}

impl<K: Ord + Clone> Timers<K> {
    /// `key` is due at `at`, and not when it was due before.
    pub(crate) fn set(&mut self, key: K, at: Instant) {
        self.cancel(&key);
        self.order.insert((at, key.clone()));
        self.at.insert(key, at);
    }

    /// `key` isn't due any more.
    pub(crate) fn cancel(&mut self, key: &K) {
        if let Some((key, at)) = self.at.remove_entry(key) {
            self.order.remove(&(at, key));
        }
    }

    pub(crate) fn clear(&mut self) {
        self.order.clear();
        self.at.clear();
    }

    /// Takes all of them away.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = (Instant, K)> {
        self.at.clear();
        std::mem::take(&mut self.order).into_iter()
    }

    /// When `key` is due.
    pub(crate) fn at(&self, key: &K) -> Option<Instant> {
        self.at.get(key).copied()
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// The next one that is due at `now`, and when it was; it is forgotten.
    pub(crate) fn due(&mut self, now: Instant) -> Option<(Instant, K)> {
        if self.next()? > now {
            return None;
        }
        let (at, key) = self.order.pop_first()?;
        self.at.remove(&key);
        Some((at, key))
    }
}
