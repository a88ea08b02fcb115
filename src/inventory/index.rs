//! Indexes of equality and of order over the objects of one kind.
//!
//! They hold the numbers of places in the table, never the objects: when an object changes, only the indexes of the fields
//! that differ are touched.

use std::hash::{BuildHasher, RandomState};
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use uuid::Uuid;

use super::chunks::{Changes, Chunks};
use super::entry::Entry;
use super::schema::FieldRef;
use super::text::fold_shared;
use crate::model::{ObjectId, Value};

/// For every value of a field the objects that have it. Texts without regard to case; absent values are left out.
///
/// A value stands there as a hash of 64 bits with a secret key. That two of a million values have the same is as likely as
/// one in forty million, and nobody outside can bring it about.
#[derive(Clone, Debug, Default)]
pub(super) struct EqualIndex(Chunks<EqualKey>);

/// A value's hash and a place. In halves, so that it takes twelve bytes.
type EqualKey = ([u32; 2], u32);

/// Changes of an index of equality.
#[derive(Debug, Default)]
pub(super) struct EqualChanges(Changes<EqualKey>);

impl EqualChanges {
    pub(super) fn insert(&mut self, value: &Value, slot: u32) {
        for_each_hash(value, |hash| self.0.insert((hash, slot)));
    }

    pub(super) fn remove(&mut self, value: &Value, slot: u32) {
        for_each_hash(value, |hash| self.0.remove((hash, slot)));
    }
}

impl EqualIndex {
    /// The index of these values of these places.
    pub(super) fn build(values: impl Iterator<Item = (Value, u32)>) -> Self {
        let mut keys = Vec::new();
        for (value, slot) in values {
            for_each_hash(&value, |hash| keys.push((hash, slot)));
        }
        keys.sort_unstable();
        keys.dedup();
        Self(Chunks::from_sorted(&keys))
    }

    /// The places of the objects that have the value, which must be a single one.
    pub(super) fn places(&self, value: &Value) -> impl Iterator<Item = u32> {
        let hash = hash_of(value);
        let from = self.0.from(Bound::Included(&(hash, 0)));
        from.take_while(move |key| key.0 == hash).map(|key| key.1)
    }

    /// Whether about so many objects have the value, or more: told without looking at each.
    pub(super) fn has_about(&self, count: usize, value: &Value) -> bool {
        let hash = hash_of(value);
        self.0.has_about(count, &(hash, 0), |key| key.0 == hash)
    }

    pub(super) fn change(&mut self, changes: EqualChanges) {
        self.0.change(changes.0);
    }
}

fn for_each_hash(value: &Value, mut each: impl FnMut([u32; 2])) {
    match value {
        Value::Null => {}
        Value::List(items) => items.iter().for_each(|item| each(hash_of(item))),
        single => each(hash_of(single)),
    }
}

fn hash_of(value: &Value) -> [u32; 2] {
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    let hash = match value {
        Value::Text(text) => KEY.hash_one(&*fold_shared(text)),
        other => KEY.hash_one(other),
    };
    [(hash >> 32) as u32, hash as u32]
}

/// All objects in the order of one field, then of their ids. Made when a list is first sorted by it, kept in order from
/// then on, and given up for another when it was not used for longest.
#[derive(Clone, Debug)]
pub(super) struct OrderIndex {
    pub(super) field: FieldRef,
    keys: Chunks<OrderKey>,
    used: Arc<AtomicU64>,
}

type OrderKey = (Value, ObjectId, u32);

/// Changes of an order.
#[derive(Debug, Default)]
pub(super) struct OrderChanges(Changes<OrderKey>);

impl OrderIndex {
    pub(super) fn build<'a>(field: FieldRef, entries: impl Iterator<Item = &'a Arc<Entry>>) -> Self {
        let mut keys: Vec<OrderKey> = entries.map(|entry| order_key(field, entry)).collect();
        keys.sort_unstable();
        Self { field, keys: Chunks::from_sorted(&keys), used: Arc::default() }
    }

    /// The places after an object; without its id, from the first that has its value on; all without both.
    pub(super) fn after(&self, from: Option<(Value, Option<ObjectId>)>) -> impl Iterator<Item = u32> + use<'_> {
        let from = match from {
            None => Bound::Unbounded,
            Some((value, Some(id))) => Bound::Excluded((value, id, u32::MAX)),
            Some((value, None)) => Bound::Included((value, ObjectId(Uuid::nil()), 0)),
        };
        self.keys.from(from.as_ref()).map(|key| key.2)
    }

    /// The places before an object, the last first; without its id, from the last that has its value on; all without both.
    pub(super) fn before(&self, to: Option<(Value, Option<ObjectId>)>) -> impl Iterator<Item = u32> + use<'_> {
        let to = match to {
            None => Bound::Unbounded,
            Some((value, Some(id))) => Bound::Excluded((value, id, 0)),
            Some((value, None)) => Bound::Included((value, ObjectId(Uuid::max()), u32::MAX)),
        };
        self.keys.back_from(to.as_ref()).map(|key| key.2)
    }

    /// Notes that it was used at `tick`.
    pub(super) fn touch(&self, tick: u64) {
        self.used.store(tick, Ordering::Relaxed);
    }

    /// When it was used last.
    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Notes in `changes` that an object has another version.
    pub(super) fn replace(&self, old: Option<&Entry>, new: Option<&Entry>, changes: &mut OrderChanges) {
        let key = |entry: &Entry| order_key(self.field, entry);
        let (old, new) = (old.map(key), new.map(key));
        if old == new {
            return;
        }
        if let Some(key) = old {
            changes.0.remove(key);
        }
        if let Some(key) = new {
            changes.0.insert(key);
        }
    }

    pub(super) fn change(&mut self, changes: OrderChanges) {
        self.keys.change(changes.0);
    }
}

fn order_key(field: FieldRef, entry: &Entry) -> OrderKey {
    (field.own_value(entry).into_owned(), entry.id(), entry.anchor.slot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_found_by_any_case_and_in_lists() {
        let text = |text: &str| Value::Text(text.into());
        let list = Value::List([text("a"), text("B"), text("a")].into());
        let values = [(text("A"), 0), (Value::Null, 1), (list.clone(), 2), (Value::Int(7), 3)];
        let mut fed = EqualIndex::default();
        let mut changes = EqualChanges::default();
        values.iter().for_each(|(value, slot)| changes.insert(value, *slot));
        fed.change(changes);
        let built = EqualIndex::build(values.into_iter());
        for index in [&fed, &built] {
            let places = |value: &Value| index.places(value).collect::<Vec<_>>();
            assert_eq!(places(&text("a")), [0, 2]);
            assert_eq!(places(&text("b")), [2]);
            assert_eq!(places(&Value::Int(7)), [3]);
            assert!(places(&text("c")).is_empty());
        }
        let mut changes = EqualChanges::default();
        changes.remove(&list, 2);
        fed.change(changes);
        assert_eq!(fed.places(&text("a")).collect::<Vec<_>>(), [0]);
        assert!(fed.places(&text("b")).next().is_none());
    }
}
