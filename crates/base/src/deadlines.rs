//! Many timers, of which the earliest counts.

use alloc::vec;
use alloc::vec::Vec;

use crate::Instant;

/// The next deadline of each of a list of things, and the earliest of all.
///
/// A tree of minima over a fixed number of places: setting a deadline costs one walk to the root
/// and never allocates; the earliest is at the root. Of equal deadlines the lower place comes first.
///
/// A node has so many children that these fill a cache line: with thousands of places it is lines that a
/// walk costs, and five levels serve 32768.
#[derive(Clone, Debug)]
pub struct Deadlines {
    /// Level after level, that of the places first and that of the root last. Each is filled up to whole
    /// groups of siblings.
    nodes: Vec<Instant>,
    /// Where each level begins.
    levels: Vec<usize>,
    places: usize,
}

/// Children of a node.
const SIBLINGS: usize = 8;

/// Stands for "no deadline".
const NEVER: Instant = Instant::from_nanos(u64::MAX);

impl Deadlines {
    /// No deadlines for `places` things.
    #[must_use]
    pub fn new(places: usize) -> Self {
        let (mut levels, mut nodes, mut of_level) = (Vec::new(), 0, places.max(1));
        loop {
            levels.push(nodes);
            let groups = of_level.div_ceil(SIBLINGS);
            nodes += groups * SIBLINGS;
            if of_level == 1 {
                return Self { nodes: vec![NEVER; nodes], levels, places };
            }
            of_level = groups;
        }
    }

    /// Sets the deadline of a place; one that doesn't exist is ignored.
    pub fn set(&mut self, place: usize, deadline: Option<Instant>) {
        if place >= self.places {
            return;
        }
        let mut index = place;
        let mut earliest = deadline.unwrap_or(NEVER);
        for level in &self.levels {
            match self.nodes.get_mut(level + index) {
                Some(node) if *node != earliest => *node = earliest,
                _ => return,
            }
            let group = index / SIBLINGS;
            let siblings = self.nodes.iter().skip(level + group * SIBLINGS).take(SIBLINGS);
            earliest = siblings.copied().min().unwrap_or(NEVER);
            index = group;
        }
    }

    /// The earliest of all.
    #[must_use]
    pub fn earliest(&self) -> Option<Instant> {
        let root = self.levels.last().and_then(|root| self.nodes.get(*root));
        root.copied().filter(|at| *at != NEVER)
    }

    /// A place whose deadline has come: the one with the earliest.
    #[must_use]
    pub fn due(&self, now: Instant) -> Option<usize> {
        let earliest = self.earliest().filter(|at| *at <= now)?;
        let mut below_root = self.levels.iter().rev().skip(1);
        below_root.try_fold(0, |index, level| {
            let first = index * SIBLINGS;
            let mut siblings = self.nodes.iter().skip(level + first).take(SIBLINGS);
            siblings.position(|at| *at == earliest).map(|offset| first + offset)
        })
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
        deadlines.set(7, Some(at(1)));
        assert_eq!(deadlines.earliest(), Some(at(30)));
    }

    #[test]
    fn it_agrees_with_a_search_for_any_number_of_places() {
        let mut rng = crate::Rng::new(7);
        for places in [0, 1, 2, 7, 8, 9, 63, 64, 65, 513, 4097] {
            let mut deadlines = Deadlines::new(places);
            let mut plain = vec![NEVER; places];
            for _ in 0..500 {
                let random = rng.next_u64();
                let place = usize::try_from(random % 5000).unwrap_or(0) % places.max(1);
                let at = (random >> 32 & 7 != 0).then(|| Instant::from_nanos(random >> 40 & 0xff));
                deadlines.set(place, at);
                if let Some(plain) = plain.get_mut(place) {
                    *plain = at.unwrap_or(NEVER);
                }
                let earliest = plain.iter().copied().min().filter(|at| *at != NEVER);
                assert_eq!(deadlines.earliest(), earliest);
                let due = earliest.and_then(|at| plain.iter().position(|it| *it == at));
                assert_eq!(deadlines.due(Instant::from_nanos(u64::MAX - 1)), due);
                assert_eq!(deadlines.due(Instant::ZERO), due.filter(|_| earliest == Some(Instant::ZERO)));
            }
        }
    }
}
