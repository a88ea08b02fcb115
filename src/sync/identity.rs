//! The gateway's ids for a platform's own keys, within one provider.
//!
//! An id is given out the first time a key is named, which can be by a reference, before the object itself was read. It
//! is stored in the transaction of the batch that first used it, so the same key has the same id after a restart.
//!
//! An object that is gone keeps its id for a while: it may come back (`docs/adr/0009-identities-end.md`). After that the id
//! is dropped in two steps with a pause between them. In the pause every key that still means something is named again, by
//! a comparison at the latest, and keeps its id; and nothing that was translated before can be on its way any more.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::{Kind, ObjectId, Time};
use crate::provider::Identify;

/// All ids of one provider.
#[derive(Default)]
pub(super) struct Identities {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    ids: [HashMap<Box<str>, ObjectId>; Kind::COUNT],
    unsaved: Vec<(Kind, String, ObjectId)>,
    /// Ids whose object is gone.
    gone: HashMap<ObjectId, Gone>,
}

struct Gone {
    since: Time,
    /// Dropped at the next sweep, unless it is named before.
    doomed: bool,
}

/// An id that the store has.
pub(super) struct Stored {
    pub(super) kind: Kind,
    pub(super) key: String,
    pub(super) id: ObjectId,
    /// Since when its object is gone.
    pub(super) gone_since: Option<Time>,
}

impl Identities {
    /// With the ids that the store has.
    pub(super) fn new(stored: impl IntoIterator<Item = Stored>) -> Self {
        let mut inner = Inner::default();
        for Stored { kind, key, id, gone_since } in stored {
            inner.ids[kind.index()].insert(key.into_boxed_str(), id);
            inner.gone.extend(gone_since.map(|since| (id, Gone { since, doomed: false })));
        }
        Self { inner: Mutex::new(inner) }
    }

    /// Notes which objects were written and which were deleted.
    pub(super) fn note(
        &self,
        written: impl IntoIterator<Item = ObjectId>,
        deleted: impl IntoIterator<Item = ObjectId>,
        at: Time,
    ) {
        let mut inner = self.lock();
        if !inner.gone.is_empty() {
            for id in written {
                inner.gone.remove(&id);
            }
        }
        inner.gone.extend(deleted.into_iter().map(|id| (id, Gone { since: at, doomed: false })));
    }

    /// The ids to drop now: those that the last call found gone since before its `before`, and that nobody named since.
    pub(super) fn sweep(&self, before: Time) -> Vec<ObjectId> {
        let mut inner = self.lock();
        let doomed = inner.gone.iter().filter(|(_, gone)| gone.doomed).map(|(id, _)| *id).collect();
        for gone in inner.gone.values_mut().filter(|gone| gone.since < before) {
            gone.doomed = true;
        }
        doomed
    }

    /// The store has dropped these. Those that were named meanwhile are to be stored again.
    pub(super) fn dropped(&self, ids: &[ObjectId]) {
        let mut inner = self.lock();
        let (mut dropped, mut named) = (HashSet::new(), HashSet::new());
        for id in ids {
            match inner.gone.get(id) {
                Some(gone) if gone.doomed => drop(dropped.insert(*id)),
                _ => drop(named.insert(*id)),
            }
        }
        inner.gone.retain(|id, _| !dropped.contains(id));
        let Inner { ids, unsaved, .. } = &mut *inner;
        for (kind, ids) in Kind::ALL.iter().zip(ids) {
            ids.retain(|key, id| {
                if named.contains(id) {
                    unsaved.push((*kind, key.to_string(), *id));
                }
                !dropped.contains(id)
            });
        }
    }

    /// The ids given out since the last call, to be stored with the next batch. When that batch is
    /// lost, all ids are loaded from the store again.
    pub(super) fn take_unsaved(&self) -> Vec<(Kind, String, ObjectId)> {
        std::mem::take(&mut self.lock().unsaved)
    }

    /// The key of an id; looks through all of its kind.
    pub(super) fn key_of(&self, kind: Kind, id: ObjectId) -> Option<String> {
        let inner = self.lock();
        inner.ids[kind.index()].iter().find(|(_, of)| **of == id).map(|(key, _)| key.to_string())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing in the critical sections can leave the maps half changed.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Identify for Identities {
    fn id(&self, kind: Kind, key: &str) -> ObjectId {
        let mut inner = self.lock();
        if let Some(id) = inner.ids[kind.index()].get(key).copied() {
            if !inner.gone.is_empty()
                && let Some(gone) = inner.gone.get_mut(&id)
            {
                gone.doomed = false;
            }
            return id;
        }
        let id = ObjectId::generate();
        inner.ids[kind.index()].insert(key.into(), id);
        inner.unsaved.push((kind, key.to_owned(), id));
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_key_has_the_same_id_and_is_unsaved_once() {
        let ids = Identities::default();
        let host = ids.id(Kind::Host, "host-1");
        assert_eq!(host, ids.id(Kind::Host, "host-1"));
        assert_ne!(host, ids.id(Kind::Vm, "host-1"), "a key is unique within its kind only");
        assert_eq!(ids.take_unsaved().len(), 2);
        assert!(ids.take_unsaved().is_empty());
        assert_eq!(ids.key_of(Kind::Host, host).as_deref(), Some("host-1"));
    }

    #[test]
    fn stored_ids_are_kept() {
        let id = ObjectId::generate();
        let ids = Identities::new([Stored { kind: Kind::Vm, key: "vm-1".to_owned(), id, gone_since: None }]);
        assert_eq!(ids.id(Kind::Vm, "vm-1"), id);
        assert!(ids.take_unsaved().is_empty());
    }

    fn at(second: i64) -> Time {
        Time::from_timestamp(second, 0).expect("a time")
    }

    #[test]
    fn the_id_of_what_is_gone_is_dropped_after_a_while() {
        let ids = Identities::default();
        let [stays, back, named, gone] = ["stays", "back", "named", "gone"].map(|key| ids.id(Kind::Vm, key));
        ids.take_unsaved();
        ids.note([stays], [back, named, gone], at(10));
        assert!(ids.sweep(at(10)).is_empty() && ids.sweep(at(10)).is_empty(), "not long enough");
        assert!(ids.sweep(at(11)).is_empty(), "first a pause");
        ids.note([back], [], at(12));
        assert_eq!(ids.id(Kind::Vm, "named"), named);
        assert_eq!(ids.sweep(at(11)), [gone]);
        ids.dropped(&[gone]);
        assert_eq!(ids.key_of(Kind::Vm, gone), None);
        assert_eq!(["stays", "back", "named"].map(|key| ids.id(Kind::Vm, key)), [stays, back, named]);
        assert!(ids.take_unsaved().is_empty());
        assert_ne!(ids.id(Kind::Vm, "gone"), gone);
        assert_eq!(ids.take_unsaved().len(), 1);
    }

    #[test]
    fn an_id_that_is_named_while_the_store_drops_it_is_stored_again() {
        let ids = Identities::default();
        let id = ids.id(Kind::Vm, "vm");
        ids.take_unsaved();
        ids.note([], [id], at(1));
        ids.sweep(at(2));
        assert_eq!(ids.sweep(at(2)), [id]);
        assert_eq!(ids.id(Kind::Vm, "vm"), id);
        ids.dropped(&[id]);
        assert_eq!(ids.id(Kind::Vm, "vm"), id);
        assert_eq!(ids.take_unsaved(), [(Kind::Vm, "vm".to_owned(), id)]);
    }
}
