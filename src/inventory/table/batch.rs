//! Changes of a table that are made together.
//!
//! Objects get their places at once, the indexes all changes at the end: a run of an index is copied once, however many
//! changes fall into it. Until then the table must not be read.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::chunks::Changes;
use super::super::entry::{Draft, Entry, NameKey, Origin};
use super::super::index::{EqualChanges, OrderChanges};
use super::{DECLARED, KindTable, OWNER, PROVIDER, SOURCE, TENANT, origin_key};
use crate::model::{ObjectId, Value};

/// See the module.
#[derive(Debug)]
pub(in crate::inventory) struct Batch {
    /// Objects that came or went, with their places now.
    moved: HashMap<ObjectId, Option<u32>>,
    ids: Changes<(ObjectId, u32)>,
    names: Changes<NameKey>,
    equal: Vec<EqualChanges>,
    orders: Vec<OrderChanges>,
}

impl Batch {
    /// Nothing yet.
    pub(in crate::inventory) fn begin(table: &KindTable) -> Self {
        Self {
            moved: HashMap::new(),
            ids: Changes::default(),
            names: Changes::default(),
            equal: table.equal.iter().map(|_| EqualChanges::default()).collect(),
            orders: table.orders.iter().map(|_| OrderChanges::default()).collect(),
        }
    }

    fn slot(&self, table: &KindTable, id: ObjectId) -> Option<u32> {
        self.moved.get(&id).copied().unwrap_or_else(|| table.slot(id))
    }

    /// Takes an object in, or its newer version. Answers with the version before and the one now.
    pub(in crate::inventory) fn put(
        &mut self,
        table: &mut KindTable,
        draft: Draft,
        origin: Arc<Origin>,
    ) -> (Option<Arc<Entry>>, Arc<Entry>) {
        let old = self.slot(table, draft.facts.id).and_then(|slot| table.at(slot)).cloned();
        let anchor = match &old {
            Some(old) if old.anchor.name == draft.name => old.anchor.clone(),
            Some(old) => {
                self.names.remove(NameKey::new(&old.anchor));
                let anchor = draft.anchor(old.anchor.slot);
                self.names.insert(NameKey::new(&anchor));
                anchor
            }
            None => {
                let slot = table.free.pop_back().unwrap_or_else(|| {
                    table.slots.push_back(None);
                    u32::try_from(table.slots.len() - 1).unwrap_or(u32::MAX)
                });
                let anchor = draft.anchor(slot);
                self.moved.insert(anchor.id, Some(slot));
                self.ids.insert((anchor.id, slot));
                self.names.insert(NameKey::new(&anchor));
                anchor
            }
        };
        table.search.set(anchor.slot, &draft.search);
        let entry = Arc::new(draft.place(anchor, origin));
        self.reindex(table, old.as_deref(), Some(&entry), entry.anchor.slot);
        table.slots.set(entry.anchor.slot as usize, Some(entry.clone()));
        (old, entry)
    }

    /// Takes an object out, and answers with its last version.
    pub(in crate::inventory) fn remove(&mut self, table: &mut KindTable, id: ObjectId) -> Option<Arc<Entry>> {
        let slot = self.slot(table, id)?;
        let old = table.slots.set(slot as usize, None)?;
        self.moved.insert(id, None);
        self.ids.remove((id, slot));
        self.names.remove(NameKey::new(&old.anchor));
        self.reindex(table, Some(&old), None, slot);
        table.search.set(slot, "");
        table.free.push_back(slot);
        Some(old)
    }

    fn reindex(&mut self, table: &mut KindTable, old: Option<&Entry>, new: Option<&Entry>, slot: u32) {
        if old.map(|old| &old.origin) != new.map(|new| &new.origin) {
            for at in [TENANT, OWNER, PROVIDER, SOURCE] {
                let key = |entry: &Entry| origin_key(entry, at);
                replace(&mut self.equal[at], old.map(key).as_ref(), new.map(key).as_ref(), slot);
            }
        }
        table.count_source(old.map(Entry::source_id), new.map(Entry::source_id));
        for (field, changes) in table.schema.indexed.iter().zip(&mut self.equal[DECLARED..]) {
            let value = |entry| Entry::declared(entry, *field);
            replace(changes, old.map(value), new.map(value), slot);
        }
        for (order, changes) in table.orders.iter().zip(&mut self.orders) {
            order.replace(old, new, changes);
        }
    }

    /// Brings the indexes up to date.
    pub(in crate::inventory) fn finish(self, table: &mut KindTable) {
        table.by_id.change(self.ids);
        table.by_name.change(self.names);
        table.equal.iter_mut().zip(self.equal).for_each(|(index, changes)| index.change(changes));
        table.orders.iter_mut().zip(self.orders).for_each(|(order, changes)| order.change(changes));
    }
}

fn replace(changes: &mut EqualChanges, old: Option<&Value>, new: Option<&Value>, slot: u32) {
    if old == new {
        return;
    }
    if let Some(old) = old {
        changes.remove(old, slot);
    }
    if let Some(new) = new {
        changes.insert(new, slot);
    }
}
