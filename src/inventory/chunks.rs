//! A persistent ordered set that keeps its keys close together.
//!
//! A general persistent tree takes several times the room of small keys. Here the tree holds runs of keys instead of keys:
//! a changed copy shares all runs but one, a run is read without following pointers, and a whole set is made from sorted
//! keys at the cost of copying them.

use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;

/// Keys in a run at most. A change copies the run.
const RUN_MAX: usize = 64;
/// A run that has become shorter is joined with the next one, where they fit together.
const RUN_MIN: usize = 16;

/// An ordered set.
#[derive(Clone)]
pub(super) struct Chunks<K> {
    /// The runs by their last keys.
    runs: OrdMap<K, Arc<[K]>>,
    len: usize,
}

impl<K> Default for Chunks<K> {
    fn default() -> Self {
        Self { runs: OrdMap::default(), len: 0 }
    }
}

impl<K> fmt::Debug for Chunks<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks").field("len", &self.len).finish_non_exhaustive()
    }
}

impl<K: Ord + Clone> Chunks<K> {
    /// The set of these keys, which must be in their order, each once.
    pub(super) fn from_sorted(keys: &[K]) -> Self {
        let run = |keys: &[K]| keys.last().map(|last| (last.clone(), Arc::from(keys)));
        // Not quite full, so that the first change does not split every run.
        Self { runs: keys.chunks(RUN_MAX - RUN_MAX / 8).filter_map(run).collect(), len: keys.len() }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &K> {
        self.runs.values().flat_map(|run| run.iter())
    }

    /// The keys from a bound on.
    pub(super) fn from<'s>(&'s self, start: Bound<&K>) -> impl Iterator<Item = &'s K> + use<'s, K> {
        let runs = self.runs.range((start.cloned(), Bound::Unbounded));
        let mut skip = None;
        if let Some((_, first)) = self.runs.range((start.cloned(), Bound::Unbounded)).next() {
            skip = Some(match start {
                Bound::Included(start) => first.partition_point(|key| key < start),
                Bound::Excluded(start) => first.partition_point(|key| key <= start),
                Bound::Unbounded => 0,
            });
        }
        runs.flat_map(move |(_, run)| run[skip.take().unwrap_or(0)..].iter())
    }

    /// Whether at least so many keys from `start` on, one after the other, are `alike`. Looks at whole runs: it is out by the
    /// length of one at either end.
    pub(super) fn has_about(&self, count: usize, start: &K, alike: impl Fn(&K) -> bool) -> bool {
        let runs =
            self.runs.range((Bound::Included(start.clone()), Bound::Unbounded)).take_while(|(last, _)| alike(last));
        let mut seen = 0;
        for (_, run) in runs {
            seen += run.len();
            if seen >= count {
                return true;
            }
        }
        false
    }

    /// The keys before a bound, the last first.
    pub(super) fn back_from<'s>(&'s self, end: Bound<&K>) -> impl Iterator<Item = &'s K> + use<'s, K> {
        let last = match end {
            Bound::Unbounded => None,
            Bound::Included(end) | Bound::Excluded(end) => {
                self.runs.range((Bound::Included(end.clone()), Bound::Unbounded)).next()
            }
        };
        let cut: &[K] = match (last, end) {
            (Some((_, run)), Bound::Included(end)) => &run[..run.partition_point(|key| key <= end)],
            (Some((_, run)), Bound::Excluded(end)) => &run[..run.partition_point(|key| key < end)],
            _ => &[],
        };
        let before = last.map_or(Bound::Unbounded, |(key, _)| Bound::Excluded(key.clone()));
        let runs = self.runs.range((Bound::Unbounded, before)).rev();
        cut.iter().rev().chain(runs.flat_map(|(_, run)| run.iter().rev()))
    }

    /// Takes keys in and out.
    pub(super) fn change(&mut self, changes: Changes<K>) {
        let changes = changes.settled();
        let mut rest = changes.as_slice();
        while let Some((first, _)) = rest.first() {
            let within = self.runs.get_next(first).map(|(last, run)| (last.clone(), run.clone()));
            let at_end = within.is_none();
            // What comes after all runs goes to the last of them.
            let target = within.or_else(|| self.runs.get_max().map(|(last, run)| (last.clone(), run.clone())));
            let here = match &target {
                Some((last, _)) if !at_end => rest.partition_point(|(key, _)| key <= last),
                _ => rest.len(),
            };
            let (these, after) = rest.split_at(here);
            let run = target.as_ref().map_or(&[][..], |(_, run)| run);
            let keys = merged(run, these);
            self.len = self.len + keys.len() - run.len();
            self.replace(target.as_ref().map(|(last, _)| last), keys, at_end);
            rest = after;
        }
    }

    /// Puts other keys in the place of the run that has this last key.
    fn replace(&mut self, last: Option<&K>, mut keys: Vec<K>, at_end: bool) {
        if let Some(last) = last {
            if keys.len() < RUN_MIN
                && let Some((next, more)) = self.runs.range((Bound::Excluded(last.clone()), Bound::Unbounded)).next()
                && keys.len() + more.len() <= RUN_MAX
            {
                let next = next.clone();
                keys.extend_from_slice(more);
                self.runs.remove(&next);
            }
            if keys.last() != Some(last) {
                self.runs.remove(last);
            }
        }
        // Keys that come in their order fill one run after the other; else there is room left for more between them.
        let most = match keys.len() {
            0..=RUN_MAX => RUN_MAX,
            _ if at_end => RUN_MAX,
            len => len.div_ceil(len.div_ceil(RUN_MAX - RUN_MAX / 8)),
        };
        for keys in keys.chunks(most) {
            if let Some(last) = keys.last() {
                self.runs.insert(last.clone(), Arc::from(keys));
            }
        }
    }
}

/// The keys of a run after changes.
fn merged<K: Ord + Clone>(run: &[K], changes: &[(K, bool)]) -> Vec<K> {
    let mut keys = Vec::with_capacity(run.len() + changes.len());
    let mut rest = run;
    for (key, taken_in) in changes {
        let before = rest.partition_point(|old| old < key);
        keys.extend_from_slice(&rest[..before]);
        rest = &rest[before..];
        // Equal keys can differ in what does not count for their order: the newer one stays.
        rest = if rest.first() == Some(key) { &rest[1..] } else { rest };
        keys.extend(taken_in.then(|| key.clone()));
    }
    keys.extend_from_slice(rest);
    keys
}

/// Keys to be taken in and out of a set together, which costs far less than one by one. Of several changes of one key the
/// last counts.
#[derive(Debug)]
pub(super) struct Changes<K>(Vec<(K, bool)>);

impl<K> Default for Changes<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord> Changes<K> {
    pub(super) fn insert(&mut self, key: K) {
        self.0.push((key, true));
    }

    pub(super) fn remove(&mut self, key: K) {
        self.0.push((key, false));
    }

    /// In the order of the keys, each once.
    fn settled(mut self) -> Vec<(K, bool)> {
        self.0.reverse();
        // Keeps the order of equal ones, so that the last change comes first.
        self.0.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.0.dedup_by(|(a, _), (b, _)| a == b);
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn bounds() -> impl Strategy<Value = Bound<u16>> {
        prop_oneof![
            Just(Bound::Unbounded),
            (0..600u16).prop_map(Bound::Included),
            (0..600u16).prop_map(Bound::Excluded),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 100 } else { 2000 }))]

        #[test]
        fn it_is_an_ordered_set(
            first in proptest::collection::btree_set(0..600u16, 0..400),
            changes in proptest::collection::vec((any::<bool>(), 0..600u16), 0..800),
            rising in any::<bool>(),
            at_once in prop_oneof![Just(1usize), 1..300usize],
            bound in bounds(),
        ) {
            let mut set: BTreeSet<u16> = first;
            let mut chunks = Chunks::from_sorted(&set.iter().copied().collect::<Vec<_>>());
            let before = (chunks.clone(), set.clone());
            // Either mixed, or first all of them in their order and then out again.
            let changes: Vec<(bool, u16)> = match rising {
                true => (0..800).map(|at| (at < 600, at % 600)).collect(),
                false => changes,
            };
            for together in changes.chunks(at_once) {
                let mut batch = Changes::default();
                for (add, key) in together {
                    if *add {
                        batch.insert(*key);
                        set.insert(*key);
                    } else {
                        batch.remove(*key);
                        set.remove(key);
                    }
                }
                chunks.change(batch);
            }
            for (chunks, set) in [(chunks, set), before] {
                prop_assert_eq!(chunks.len(), set.len());
                prop_assert!(chunks.iter().eq(&set));
                prop_assert!(chunks.from(bound.as_ref()).eq(set.range((bound, Bound::Unbounded))));
                prop_assert!(chunks.back_from(bound.as_ref()).eq(set.range((Bound::Unbounded, bound)).rev()));
                prop_assert!(chunks.runs.iter().all(|(last, run)| run.last() == Some(last) && run.len() <= RUN_MAX));
            }
        }
    }
}
