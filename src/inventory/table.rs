//! All objects of one kind, with their indexes: a persistent structure, of which a changed copy shares what is the same.

mod batch;
mod build;

use std::collections::HashMap;
use std::ops::Bound;
use std::sync::Arc;

use imbl::{OrdMap, Vector};

use super::bits::Bits;
use super::chunks::Chunks;
use super::column::SearchColumn;
use super::entry::{Entry, NameKey, Origin};
use super::index::{EqualIndex, OrderIndex};
use super::schema::{FieldRef, Schema};
use crate::model::{Kind, ObjectId, SourceId, Value};

pub(super) use self::batch::Batch;

/// Orders kept besides that of names, at most. Each takes about 60 bytes an object.
const ORDER_MAX: usize = 6;

/// The indexes of equality that every kind has, before those of its declared fields.
const TENANT: usize = 0;
const OWNER: usize = 1;
const PROVIDER: usize = 2;
const SOURCE: usize = 3;
const DECLARED: usize = 4;

/// All objects of one kind.
#[derive(Clone, Debug)]
pub(super) struct KindTable {
    schema: &'static Schema,
    slots: Vector<Option<Arc<Entry>>>,
    free: Vector<u32>,
    by_id: Chunks<(ObjectId, u32)>,
    by_name: Chunks<NameKey>,
    equal: Vec<EqualIndex>,
    orders: Vec<OrderIndex>,
    search: SearchColumn,
    /// How many objects each source tells of.
    source_counts: OrdMap<SourceId, usize>,
}

impl KindTable {
    pub(super) fn new(kind: Kind) -> Self {
        let schema = Schema::of(kind);
        Self {
            schema,
            slots: Vector::new(),
            free: Vector::new(),
            by_id: Chunks::default(),
            by_name: Chunks::default(),
            equal: vec![EqualIndex::default(); DECLARED + schema.indexed.len()],
            orders: Vec::new(),
            search: SearchColumn::default(),
            source_counts: OrdMap::new(),
        }
    }

    /// How many objects there are.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn schema(&self) -> &'static Schema {
        self.schema
    }

    pub(super) fn get(&self, id: ObjectId) -> Option<&Arc<Entry>> {
        self.slot(id).and_then(|slot| self.at(slot))
    }

    pub(super) fn slot(&self, id: ObjectId) -> Option<u32> {
        let first = self.by_id.from(Bound::Included(&(id, 0))).next();
        first.filter(|key| key.0 == id).map(|key| key.1)
    }

    /// The object in a place.
    pub(super) fn at(&self, slot: u32) -> Option<&Arc<Entry>> {
        self.slots.get(slot as usize).and_then(Option::as_ref)
    }

    /// How many places there are, taken or free.
    pub(super) fn places(&self) -> usize {
        self.slots.len()
    }

    /// The places that are taken.
    pub(super) fn occupied(&self) -> Bits {
        let mut bits = Bits::none(self.places());
        let taken = self.slots.iter().zip(0u32..).filter(|(entry, _)| entry.is_some());
        taken.for_each(|(_, slot)| bits.insert(slot));
        bits
    }

    /// The id and the place of every object, in no order.
    pub(super) fn ids(&self) -> impl Iterator<Item = (ObjectId, u32)> {
        self.by_id.iter().copied()
    }

    /// What the full-text search looks through.
    pub(super) fn search(&self) -> &SearchColumn {
        &self.search
    }

    /// Every object, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.slots.iter().flatten()
    }

    /// The order of names.
    pub(super) fn by_name(&self) -> &Chunks<NameKey> {
        &self.by_name
    }

    /// The order of a field, if it is kept.
    pub(super) fn order(&self, field: FieldRef) -> Option<&OrderIndex> {
        self.orders.iter().find(|order| order.field == field)
    }

    /// The objects of each project, and those that a tenant has in none.
    pub(super) fn of_owner(&self) -> &EqualIndex {
        &self.equal[OWNER]
    }

    /// The objects of each source.
    pub(super) fn of_source(&self) -> &EqualIndex {
        &self.equal[SOURCE]
    }

    /// The sources that tell of an object.
    pub(super) fn sources(&self) -> impl Iterator<Item = SourceId> {
        self.source_counts.keys().copied()
    }

    /// The index of equality of a field, if there is one. For the main state: of what was last told.
    pub(super) fn equal(&self, field: FieldRef) -> Option<&EqualIndex> {
        match field {
            FieldRef::Tenant => Some(&self.equal[TENANT]),
            FieldRef::Project => Some(&self.equal[OWNER]),
            FieldRef::Provider => Some(&self.equal[PROVIDER]),
            FieldRef::Source => Some(&self.equal[SOURCE]),
            FieldRef::State(at) | FieldRef::Declared(at) => {
                let place = self.schema.indexed.iter().position(|indexed| *indexed == at)?;
                Some(&self.equal[DECLARED + place])
            }
            _ => None,
        }
    }

    fn count_source(&mut self, old: Option<SourceId>, new: Option<SourceId>) {
        if old == new {
            return;
        }
        if let Some(new) = new {
            *self.source_counts.entry(new).or_default() += 1;
        }
        if let Some(old) = old {
            match self.source_counts.get_mut(&old) {
                Some(count) if *count > 1 => *count -= 1,
                _ => drop(self.source_counts.remove(&old)),
            }
        }
    }

    /// Keeps the order of a field from now on, giving up the one that was not used for longest if there are too many.
    pub(super) fn keep_order(&mut self, field: FieldRef) {
        if self.order(field).is_some() || !field.is_own() {
            return;
        }
        if self.orders.len() >= ORDER_MAX
            && let Some((oldest, _)) = self.orders.iter().enumerate().min_by_key(|(_, order)| order.used())
        {
            self.orders.swap_remove(oldest);
        }
        let order = OrderIndex::build(field, self.slots.iter().flatten());
        self.orders.push(order);
    }
}

fn origin_key(entry: &Entry, at: usize) -> Value {
    Value::Id(match at {
        TENANT => entry.owner().tenant_id.0,
        OWNER => entry.owner().key(),
        PROVIDER => entry.origin.provider_id.0,
        _ => entry.origin.source_id.0,
    })
}

/// The origins of objects, each kept once.
#[derive(Debug, Default)]
pub(super) struct Origins(HashMap<Origin, Arc<Origin>>);

impl Origins {
    /// Above this many those that nobody uses are forgotten.
    const KEEP_MAX: usize = 4096;

    pub(super) fn share(&mut self, origin: Origin) -> Arc<Origin> {
        if self.0.len() > Self::KEEP_MAX {
            self.0.retain(|_, shared| Arc::strong_count(shared) > 1);
        }
        self.0.entry(origin).or_insert_with(|| Arc::new(origin)).clone()
    }
}
