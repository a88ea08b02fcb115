//! Answers to get, list and count.
//!
//! A page is found in one of two ways: when the indexes have left few objects, by looking at these and sorting them; else
//! by reading an order from where the last page ended, passing over what the indexes have ruled out, until the page is
//! full. Where there is no such order everything that is left is looked at.

use std::cmp::Ordering;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use super::entry::{Entry, NameKey};
use super::plan::{Reader, after_prefix, name_place};
use super::query::{Position, Query};
use super::schema::FieldRef;
use super::snapshot::Snapshot;
use crate::authz::{InventoryRead, TenantScope};
use crate::model::{ObjectId, Revision, Value};

/// An object that was found, with the snapshot that it was found in.
#[derive(Clone, Debug)]
pub struct Found {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) entry: Arc<Entry>,
}

impl Found {
    /// The object.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// The revision of the snapshot.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.snapshot.revision
    }

    /// The JSON object that is answered.
    #[must_use]
    pub fn json(&self) -> Bytes {
        let mut out = Vec::new();
        self.entry.write_json(&self.snapshot.providers, &mut out);
        out.into()
    }

    /// A strong `ETag`, with its quotes: equal only while the answered text is equal.
    #[must_use]
    pub fn etag(&self) -> String {
        let source = self.snapshot.providers.source(self.entry.source_id());
        let observed_at = source.and_then(|status| status.observed_at()).map_or(0, |at| at.timestamp_micros());
        let state = self.snapshot.providers.state(self.entry.source_id());
        format!("\"{}.{state}.{observed_at:x}\"", self.entry.revision())
    }
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page {
    /// The objects, in the asked order.
    pub items: Vec<Arc<Entry>>,
    /// What to hand in for the next page; absent on the last.
    pub next_page_token: Option<String>,
    /// The revision of the snapshot that was read: a watch from here misses nothing.
    pub revision: Revision,
    pub(super) snapshot: Arc<Snapshot>,
}

impl Page {
    /// The whole answer: `{"items":[…],"next_page_token":…,"revision":"…"}`.
    #[must_use]
    pub fn json(&self) -> Bytes {
        let size: usize = self.items.iter().map(|entry| entry.json_len()).sum();
        let mut out = Vec::with_capacity(128 + size);
        out.extend_from_slice(b"{\"items\":[");
        for (at, entry) in self.items.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            entry.write_json(&self.snapshot.providers, &mut out);
        }
        out.extend_from_slice(b"],\"next_page_token\":");
        match &self.next_page_token {
            // Its characters need no escaping.
            Some(token) => out.extend_from_slice(format!("\"{token}\"").as_bytes()),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(format!(",\"revision\":\"{}\"}}", self.revision).as_bytes());
        out.into()
    }
}

/// Objects of an order that are looked at for each that a page wants, before it is found in another way.
const GLANCE: usize = 12;

/// The objects of a page, and where it ended if there are more.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) items: Vec<Arc<Entry>>,
    pub(super) last: Option<Position>,
}

impl Listing {
    /// Finds a page. `Err` names the field whose order would spare looking at everything; with `look_at_all` it does so.
    pub(super) fn run(
        snapshot: &Snapshot,
        scope: &TenantScope<InventoryRead>,
        query: &Query,
        after: Option<&Position>,
        look_at_all: bool,
    ) -> Result<Self, FieldRef> {
        if let Some(listing) = Self::glance(snapshot, scope, query, after) {
            return Ok(listing);
        }
        let reader = Reader::new(snapshot, scope, query);
        if !reader.is_narrow() {
            if let Some(rows) = reader.scan(after, usize::MAX) {
                return Ok(reader.page(rows));
            }
            if let Some(field) = query.sort().index_field()
                && !look_at_all
                && reader.candidate_count() >= reader.limits().order_min
                && reader.is_order_true(field)
            {
                return Err(field);
            }
        }
        let rows = reader.gather(after);
        Ok(reader.page(rows))
    }

    /// A page of what is common, from the first objects of an order. `None` when these do not fill it.
    fn glance(
        snapshot: &Snapshot,
        scope: &TenantScope<InventoryRead>,
        query: &Query,
        after: Option<&Position>,
    ) -> Option<Self> {
        let reader = query.sort().is_index_order().then(|| Reader::of_common(snapshot, scope, query))??;
        let rows = reader.scan(after, (query.limit() + 1) * GLANCE)?;
        (rows.len() > query.limit()).then(|| reader.page(rows))
    }

    /// How many objects a query lets through.
    pub(super) fn count(snapshot: &Snapshot, scope: &TenantScope<InventoryRead>, query: &Query) -> u64 {
        let reader = Reader::new(snapshot, scope, query);
        if let Some(count) = reader.known_count() {
            return count as u64;
        }
        let mut count = 0;
        reader.for_each(|_| count += 1);
        count
    }
}

impl<'a> Reader<'a> {
    /// The answers after a position: one more than the page holds, if there are that many, in order.
    fn gather(&self, after: Option<&Position>) -> Vec<&'a Arc<Entry>> {
        let sort = self.query.sort();
        let mut rows = Vec::new();
        self.for_each(|entry| {
            if after.is_none_or(|after| sort.is_after(entry, after, &self.view)) {
                rows.push(entry);
            }
        });
        self.in_order(rows)
    }

    fn in_order(&self, mut rows: Vec<&'a Arc<Entry>>) -> Vec<&'a Arc<Entry>> {
        let sort = self.query.sort();
        let order = |a: &&Arc<Entry>, b: &&Arc<Entry>| sort.cmp(a, b, &self.view);
        if rows.len() > self.query.limit() + 1 {
            rows.select_nth_unstable_by(self.query.limit(), order);
            rows.truncate(self.query.limit() + 1);
        }
        rows.sort_unstable_by(order);
        rows
    }

    /// As [`Reader::gather`], read from the first `most` objects of the order of the first field. `None` when there is no such
    /// order.
    fn scan(&self, after: Option<&Position>, most: usize) -> Option<Vec<&'a Arc<Entry>>> {
        let first = self.query.sort().first()?;
        let exact = self.query.sort().is_index_order();
        if first.field == FieldRef::Name {
            let slots = self.by_name(after, exact, first.descending);
            Some(self.fill(slots.take(most), after, exact, |entry| entry.anchor.name.clone()))
        } else {
            let order = self.table.order(first.field).filter(|order| self.is_order_true(order.field))?;
            // An order that goes on by other fields begins anew with all that are equal in the first.
            let id = |after: &Position| exact.then_some(after.id);
            let at = after.and_then(|after| after.values.first().map(|value| (value.clone(), id(after))));
            let slots: Box<dyn Iterator<Item = u32>> = match first.descending {
                true => Box::new(order.before(at)),
                false => Box::new(order.after(at)),
            };
            Some(self.fill(slots.take(most), after, exact, |entry| first.field.own_value(entry).into_owned()))
        }
    }

    /// The places in the order of names, from a position on.
    fn by_name(&self, after: Option<&Position>, exact: bool, descending: bool) -> Box<dyn Iterator<Item = u32> + 'a> {
        let prefix = self.name_prefix();
        let at = after.and_then(|after| match after.values.first() {
            Some(Value::Text(name)) => Some((name.clone(), after.id)),
            _ => None,
        });
        let names = self.table.by_name();
        let slot = |key: &NameKey| key.slot;
        let nil = ObjectId(uuid::Uuid::nil());
        if descending {
            let to = match at {
                Some((name, id)) if exact => Bound::Excluded(name_place(&name, id)),
                Some((name, _)) => Bound::Included(name_place(&name, ObjectId(uuid::Uuid::max()))),
                None => prefix
                    .and_then(after_prefix)
                    .map_or(Bound::Unbounded, |text| Bound::Excluded(NameKey::probe(&text, "", nil))),
            };
            let within = move |key: &&NameKey| prefix.is_none_or(|prefix| key.anchor.folded.starts_with(prefix));
            Box::new(names.back_from(to.as_ref()).take_while(within).map(slot))
        } else {
            let start = prefix.map(|prefix| NameKey::probe(prefix, "", nil));
            let from = match at {
                Some((name, id)) if exact => Bound::Excluded(name_place(&name, id)),
                Some((name, _)) => Bound::Included(name_place(&name, nil)),
                None => start.map_or(Bound::Unbounded, Bound::Included),
            };
            let within = move |key: &&NameKey| prefix.is_none_or(|prefix| key.anchor.folded.starts_with(prefix));
            Box::new(names.from(from.as_ref()).take_while(within).map(slot))
        }
    }

    /// Reads places that come in the order of the first field until the page is full. In an order that is not `exact`, all
    /// objects that are equal in the first field are read before it is.
    fn fill<K: PartialEq>(
        &self,
        slots: impl Iterator<Item = u32>,
        after: Option<&Position>,
        exact: bool,
        first: impl Fn(&Entry) -> K,
    ) -> Vec<&'a Arc<Entry>> {
        let wanted = self.query.limit() + 1;
        let mut rows = Vec::with_capacity(wanted);
        let mut last_first = None;
        for slot in slots {
            if exact && rows.len() >= wanted {
                break;
            }
            let Some(entry) = self.is_within(slot).then(|| self.table.at(slot)).flatten() else { continue };
            if rows.len() >= wanted && last_first != Some(first(entry)) {
                break;
            }
            if !self.holds_rest(entry) {
                continue;
            }
            if !exact {
                if after.is_some_and(|after| !self.query.sort().is_after(entry, after, &self.view)) {
                    continue;
                }
                last_first = Some(first(entry));
            }
            rows.push(entry);
        }
        if exact { rows } else { self.in_order(rows) }
    }

    fn page(&self, mut rows: Vec<&'a Arc<Entry>>) -> Listing {
        debug_assert!(rows.is_sorted_by(|a, b| self.query.sort().cmp(a, b, &self.view) == Ordering::Less));
        let more = rows.len() > self.query.limit();
        rows.truncate(self.query.limit());
        let last = rows.last().filter(|_| more).map(|last| self.query.sort().position(last, &self.view));
        Listing { items: rows.into_iter().cloned().collect(), last }
    }
}
