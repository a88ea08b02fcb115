//! The order of a list.

use std::cmp::Ordering;
use std::fmt::Write as _;

use super::{QueryError, shorten};
use crate::inventory::entry::Entry;
use crate::inventory::schema::{FieldRef, Schema, is_list};
use crate::inventory::status::View;
use crate::model::{FieldType, ObjectId, Value};

/// Fields that a list can be sorted by at once.
pub(in crate::inventory) const SORT_MAX: usize = 4;

/// One field of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::inventory) struct SortKey {
    pub(in crate::inventory) field: FieldRef,
    pub(in crate::inventory) name: &'static str,
    pub(in crate::inventory) field_type: FieldType,
    pub(in crate::inventory) descending: bool,
}

/// The order of a list: some fields, and at last the id, so that no two objects are equal in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::inventory) struct Sort {
    keys: Vec<SortKey>,
    id_descending: bool,
}

/// Where in an order a page ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::inventory) struct Position {
    /// The values of the fields of the order.
    pub(in crate::inventory) values: Vec<Value>,
    /// The last object's id.
    pub(in crate::inventory) id: ObjectId,
}

impl Sort {
    /// By name.
    pub(super) fn by_name(schema: &Schema) -> Self {
        let keys = schema.field("name").map(|(field, spec)| SortKey {
            field,
            name: spec.name,
            field_type: spec.field_type,
            descending: false,
        });
        Self { keys: keys.into_iter().collect(), id_descending: false }
    }

    /// Reads `a,-b`. The id is the last field, whether or not it is named; what comes after it cannot matter.
    pub(super) fn parse(schema: &Schema, text: &str) -> Result<Self, QueryError> {
        let mut keys: Vec<SortKey> = Vec::new();
        for word in text.split(',') {
            let (name, descending) = match word.strip_prefix('-') {
                Some(name) => (name, true),
                None => (word, false),
            };
            let sortable = |spec: &crate::model::field::FieldSpec| !is_list(spec.field_type);
            let Some((field, spec)) = schema.field(name).filter(|(_, spec)| sortable(spec)) else {
                return Err(QueryError::InvalidSort { field: shorten(name), allowed: schema.names(sortable) });
            };
            if keys.iter().any(|key| key.field == field) {
                continue;
            }
            if keys.len() == SORT_MAX {
                return Err(QueryError::TooMany { field: "sort", what: "fields", max: SORT_MAX });
            }
            keys.push(SortKey { field, name: spec.name, field_type: spec.field_type, descending });
        }
        let id_descending = match keys.iter().position(|key| key.field == FieldRef::Id) {
            Some(at) => {
                let descending = keys[at].descending;
                // By id alone stays an order of its own; after other fields the id is there anyway.
                keys.truncate(at.max(1));
                descending
            }
            None => keys.last().is_some_and(|key| key.descending),
        };
        Ok(Self { keys, id_descending })
    }

    pub(in crate::inventory) fn keys(&self) -> &[SortKey] {
        &self.keys
    }

    /// The first field, by which an ordered index can begin.
    pub(in crate::inventory) fn first(&self) -> Option<&SortKey> {
        self.keys.first()
    }

    /// The field whose kept order serves this order; names have an order of their own.
    pub(in crate::inventory) fn index_field(&self) -> Option<FieldRef> {
        self.first().map(|key| key.field).filter(|field| field.is_own() && *field != FieldRef::Name)
    }

    /// Whether the order of the first field, read in its direction, is this order.
    pub(in crate::inventory) fn is_index_order(&self) -> bool {
        matches!(&self.keys[..], [only] if only.descending == self.id_descending)
    }

    /// The order of two objects.
    pub(in crate::inventory) fn cmp(&self, a: &Entry, b: &Entry, view: &View<'_>) -> Ordering {
        for key in &self.keys {
            let order = if key.field == FieldRef::Name {
                let (a, b) = (&a.anchor, &b.anchor);
                a.folded.cmp(&b.folded).then_with(|| a.name.cmp(&b.name))
            } else {
                key.field.value(a, view).cmp(&key.field.value(b, view))
            };
            if order != Ordering::Equal {
                return turned(order, key.descending);
            }
        }
        turned(a.id().cmp(&b.id()), self.id_descending)
    }

    /// Whether an object comes after a position.
    pub(in crate::inventory) fn is_after(&self, entry: &Entry, position: &Position, view: &View<'_>) -> bool {
        for (key, value) in self.keys.iter().zip(&position.values) {
            match turned((*key.field.value(entry, view)).cmp(value), key.descending) {
                Ordering::Less => return false,
                Ordering::Greater => return true,
                Ordering::Equal => {}
            }
        }
        turned(entry.id().cmp(&position.id), self.id_descending) == Ordering::Greater
    }

    /// Where an object is in this order.
    pub(in crate::inventory) fn position(&self, entry: &Entry, view: &View<'_>) -> Position {
        let values = self.keys.iter().map(|key| key.field.value(entry, view).into_owned()).collect();
        Position { values, id: entry.id() }
    }

    /// The one text of this order.
    pub(super) fn write_canonical(&self, out: &mut String) {
        for key in &self.keys {
            let _ = write!(out, "{}{},", if key.descending { "-" } else { "" }, key.name);
        }
        let _ = write!(out, "{}id", if self.id_descending { "-" } else { "" });
    }
}

fn turned(order: Ordering, descending: bool) -> Ordering {
    if descending { order.reverse() } else { order }
}
