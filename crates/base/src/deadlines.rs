//! Many timers, of which the earliest counts.

use alloc::vec;
use alloc::vec::Vec;

use crate::Instant;

/// The next deadline of each of a list of things, and the earliest of all.
///
/// A tree of minima over a fixed number of places: setting a deadline costs one walk to the root
/// and never allocates; the earliest is at the root. Of equal deadlines the lower place comes first.
#[derive(Clone, Debug)]
pub struct Deadlines {
    /// Node 1 is the root, node `n` has the children `2n` and `2n + 1`, the last half are leaves.
    nodes: Vec<Instant>,
    leaves: usize,
}

/// Stands for "no deadline".
const NEVER: Instant = Instant::from_nanos(u64::MAX);

impl Deadlines {
    /// No deadlines for `places` things.
    #[must_use]
    pub fn new(places: usize) -> Self {
        let leaves = places.max(1).next_power_of_two();
        Self { nodes: vec![NEVER; leaves * 2], leaves }
    }

    fn node(&self, index: usize) -> Instant {
        self.nodes.get(index).copied().unwrap_or(NEVER)
    }

    /// Sets the deadline of a place; one that doesn't exist is ignored.
    pub fn set(&mut self, place: usize, deadline: Option<Instant>) {
        let mut index = self.leaves.saturating_add(place);
        let Some(leaf) = self.nodes.get_mut(index) else { return };
        *leaf = deadline.unwrap_or(NEVER);
        while index > 1 {
            index /= 2;
            let earliest = self.node(index * 2).min(self.node(index * 2 + 1));
            match self.nodes.get_mut(index) {
                Some(node) if *node != earliest => *node = earliest,
                _ => return,
            }
        }
    }

    /// The earliest of all.
    #[must_use]
    pub fn earliest(&self) -> Option<Instant> {
        Some(self.node(1)).filter(|at| *at != NEVER)
    }

    /// A place whose deadline has come: the one with the earliest.
    #[must_use]
    pub fn due(&self, now: Instant) -> Option<usize> {
        let earliest = self.earliest().filter(|at| *at <= now)?;
        let mut index = 1;
        while index < self.leaves {
            index *= 2;
            if self.node(index) != earliest {
                index += 1;
            }
        }
        Some(index - self.leaves)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_deadline_is_found_and_ties_go_to_the_lower_place() {
        let at = Instant::from_nanos;
        let mut deadlines = Deadlines::new(5);
        assert_eq!(deadlines.earliest(), None);
        for (place, when) in [(4, 30), (2, 20), (3, 20), (0, 90)] {
            deadlines.set(place, Some(at(when)));
        }
        assert_eq!(deadlines.earliest(), Some(at(20)));
        assert_eq!(deadlines.due(at(19)), None);
        assert_eq!(deadlines.due(at(20)), Some(2));
        deadlines.set(2, Some(at(50)));
        assert_eq!(deadlines.due(at(20)), Some(3));
        deadlines.set(3, None);
        assert_eq!(deadlines.earliest(), Some(at(30)));
        // A place from outside is ignored.
        deadlines.set(999, Some(at(1)));
        assert_eq!(deadlines.earliest(), Some(at(30)));
    }
}
