//! Indexes of equality and of order over the objects of one kind.
//!
//! They hold the numbers of places in the table, never the objects: when an object changes, only the indexes of the fields
//! that differ are touched.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use imbl::{HashMap, OrdMap, OrdSet};

use super::entry::Entry;
use super::schema::FieldRef;
use super::text::fold_shared;
use crate::model::{ObjectId, Value};

/// Some places of a table, in their order. Most values of most fields belong to few objects.
#[derive(Clone, Debug)]
pub(super) enum Slots {
    One(u32),
    Few(Arc<[u32]>),
    Many(Arc<OrdSet<u32>>),
}

impl Slots {
    /// From here on a set is cheaper to change than a list.
    const FEW_MAX: usize = 32;

    /// These places, which must be in their order and at least one.
    fn of(slots: Vec<u32>) -> Self {
        match &slots[..] {
            [only] => Slots::One(*only),
            few if few.len() <= Self::FEW_MAX => Slots::Few(few.into()),
            _ => Slots::Many(Arc::new(slots.into_iter().collect())),
        }
    }

    pub(super) fn for_each(&self, each: impl FnMut(u32)) {
        match self {
            Slots::One(slot) => std::iter::once(*slot).for_each(each),
            Slots::Few(slots) => slots.iter().copied().for_each(each),
            Slots::Many(slots) => slots.iter().copied().for_each(each),
        }
    }

    fn insert(&mut self, slot: u32) {
        match self {
            Slots::One(only) if *only == slot => {}
            Slots::One(only) => *self = Slots::Few([slot.min(*only), slot.max(*only)].into()),
            Slots::Few(slots) => {
                let Err(at) = slots.binary_search(&slot) else { return };
                if slots.len() < Self::FEW_MAX {
                    *self = Slots::Few([&slots[..at], &[slot], &slots[at..]].concat().into());
                } else {
                    let mut set: OrdSet<u32> = slots.iter().copied().collect();
                    set.insert(slot);
                    *self = Slots::Many(Arc::new(set));
                }
            }
            Slots::Many(slots) => {
                Arc::make_mut(slots).insert(slot);
            }
        }
    }

    /// Takes a place out. `false` when none is left.
    fn remove(&mut self, slot: u32) -> bool {
        match self {
            Slots::One(only) => return *only != slot,
            Slots::Few(slots) => {
                let Ok(at) = slots.binary_search(&slot) else { return true };
                *self = match &**slots {
                    [_] => return false,
                    [a, b] => Slots::One(if at == 0 { *b } else { *a }),
                    _ => Slots::Few([&slots[..at], &slots[at + 1..]].concat().into()),
                };
            }
            Slots::Many(slots) => {
                let set = Arc::make_mut(slots);
                set.remove(&slot);
                if set.len() <= Self::FEW_MAX / 2 {
                    *self = Slots::Few(set.iter().copied().collect());
                }
            }
        }
        true
    }
}

/// For every value of a field the objects that have it. Texts without regard to case; absent values are left out.
#[derive(Clone, Debug, Default)]
pub(super) struct EqualIndex(HashMap<Value, Slots>);

impl EqualIndex {
    /// The index of these values of these places, which must come in their order.
    pub(super) fn build(values: impl Iterator<Item = (Value, u32)>) -> Self {
        let mut groups: std::collections::HashMap<Value, Vec<u32>> = std::collections::HashMap::new();
        for (value, slot) in values {
            for_each_key(&value, |key| {
                let slots = groups.entry(key).or_default();
                if slots.last() != Some(&slot) {
                    slots.push(slot);
                }
            });
        }
        Self(groups.into_iter().map(|(value, slots)| (value, Slots::of(slots))).collect())
    }

    /// The objects that have the value, which must be folded.
    pub(super) fn get(&self, value: &Value) -> Option<&Slots> {
        self.0.get(value)
    }

    /// Every value with its objects.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Value, &Slots)> {
        self.0.iter()
    }

    pub(super) fn insert(&mut self, value: &Value, slot: u32) {
        for_each_key(value, |key| match self.0.get_mut(&key) {
            Some(slots) => slots.insert(slot),
            None => {
                self.0.insert(key, Slots::One(slot));
            }
        });
    }

    pub(super) fn remove(&mut self, value: &Value, slot: u32) {
        for_each_key(value, |key| {
            if self.0.get_mut(&key).is_some_and(|slots| !slots.remove(slot)) {
                self.0.remove(&key);
            }
        });
    }
}

fn for_each_key(value: &Value, mut each: impl FnMut(Value)) {
    match value {
        Value::Null => {}
        Value::List(items) => items.iter().for_each(|item| each(folded_key(item))),
        single => each(folded_key(single)),
    }
}

fn folded_key(value: &Value) -> Value {
    match value {
        Value::Text(text) => Value::Text(fold_shared(text)),
        other => other.clone(),
    }
}

/// All objects in the order of one field, then of their ids. Made when a list is first sorted by it, kept in order from
/// then on, and given up for another when it was not used for longest.
#[derive(Clone, Debug)]
pub(super) struct OrderIndex {
    pub(super) field: FieldRef,
    pub(super) order: OrdMap<(Value, ObjectId), u32>,
    used: Arc<AtomicU64>,
}

impl OrderIndex {
    pub(super) fn build<'a>(field: FieldRef, entries: impl Iterator<Item = &'a Arc<Entry>>) -> Self {
        let mut all: Vec<_> = entries.map(|entry| ((field.own_value(entry), entry.id()), entry.anchor.slot)).collect();
        all.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Self { field, order: all.into_iter().collect(), used: Arc::default() }
    }

    /// Notes that it was used at `tick`.
    pub(super) fn touch(&self, tick: u64) {
        self.used.store(tick, Ordering::Relaxed);
    }

    /// When it was used last.
    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    pub(super) fn replace(&mut self, old: Option<&Entry>, new: Option<&Entry>) {
        let key = |entry: &Entry| (self.field.own_value(entry), entry.id());
        let (old_key, new_key) = (old.map(key), new.map(key));
        if old_key == new_key {
            return;
        }
        if let Some(key) = old_key {
            self.order.remove(&key);
        }
        if let (Some(key), Some(entry)) = (new_key, new) {
            self.order.insert(key, entry.anchor.slot);
        }
    }
}
