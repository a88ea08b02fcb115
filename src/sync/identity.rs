//! The gateway's ids for a platform's own keys, within one provider.
//!
//! An id is given out the first time a key is named, which can be by a reference, before the object itself was read. It
//! is stored in the transaction of the batch that first used it, so the same key has the same id after a restart.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::{Kind, ObjectId};
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
}

impl Identities {
    /// With the ids that the store has.
    pub(super) fn new(stored: impl IntoIterator<Item = (Kind, String, ObjectId)>) -> Self {
        let mut inner = Inner::default();
        for (kind, key, id) in stored {
            inner.ids[kind.index()].insert(key.into_boxed_str(), id);
        }
        Self { inner: Mutex::new(inner) }
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
        if let Some(id) = inner.ids[kind.index()].get(key) {
            return *id;
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
        let ids = Identities::new([(Kind::Vm, "vm-1".to_owned(), id)]);
        assert_eq!(ids.id(Kind::Vm, "vm-1"), id);
        assert!(ids.take_unsaved().is_empty());
    }
}
