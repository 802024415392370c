//! A map that takes no more room than what is in it.

/// Keys in their order, each with its value, in one piece of memory. For many maps with a few entries each:
/// as trees, every one of them would have a node with room for eleven. A look-up costs a logarithm; one more
/// or one less moves all that come after it.
#[derive(Debug)]
pub(crate) struct Sorted<K, V>(Vec<(K, V)>);

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord, V> Sorted<K, V> {
    fn place(&self, key: &K) -> Result<usize, usize> {
        self.0.binary_search_by(|(there, _)| there.cmp(key))
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        let place = self.place(key).ok()?;
        self.0.get(place).map(|(_, value)| value)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let place = self.place(key).ok()?;
        self.0.get_mut(place).map(|(_, value)| value)
    }

    /// Adds those of `keys` that aren't there, at one go however many they are.
    pub(crate) fn add(&mut self, keys: impl IntoIterator<Item = K>)
    where
        V: Default,
    {
        self.0.extend(keys.into_iter().map(|key| (key, V::default())));
        // What was there comes before what is added, also among equals, and stays.
        self.0.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.0.dedup_by(|(later, _), (first, _)| later == first);
        self.0.shrink_to_fit();
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let place = self.place(key).ok()?;
        Some(self.0.remove(place).1)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.0.iter_mut().map(|(key, value)| (&*key, value))
    }
}

impl<K, V> IntoIterator for Sorted<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_map_that_a_tree_would_be(
            rounds in prop::collection::vec((prop::collection::vec(0..20_u8, 0..8), 0..20_u8), 0..8),
        ) {
            let (mut map, mut tree) = (Sorted::<u8, u32>::default(), BTreeMap::<u8, u32>::new());
            for (round, (added, removed)) in (1..).zip(rounds) {
                map.add(added.iter().copied());
                for key in &added {
                    tree.entry(*key).or_default();
                }
                prop_assert_eq!(map.remove(&removed), tree.remove(&removed));
                for (key, value) in map.iter_mut() {
                    *value += round * u32::from(*key);
                }
                tree.iter_mut().for_each(|(key, value)| *value += round * u32::from(*key));
                for key in 0..20 {
                    prop_assert_eq!(map.get(&key), tree.get(&key));
                    prop_assert_eq!(map.get_mut(&key), tree.get_mut(&key));
                }
                prop_assert!(map.iter().eq(tree.iter()) && map.keys().eq(tree.keys()));
            }
            prop_assert!(map.into_iter().eq(tree));
        }
    }
}
