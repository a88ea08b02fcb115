//! Which objects a query has to look at.
//!
//! Every condition that an index can answer becomes a set of places; what is in all of these sets is then looked at, and
//! only the other conditions are tried on it.

use std::ops::Bound;

use super::bits::Bits;
use super::entry::{Entry, NameKey};
use super::index::EqualIndex;
use super::query::{Filter, Query, Test, Words};
use super::schema::{FieldRef, UNKNOWN};
use super::snapshot::Snapshot;
use super::status::View;
use super::table::KindTable;
use super::text::fold;
use crate::authz::{InventoryRead, TenantScope};
use crate::model::{ObjectId, SourceState, TenantId, Value};

/// Where one way to find a page becomes better than another: found by measuring.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlanLimits {
    /// Up to this many objects are looked at and sorted, rather than read from an order.
    pub(super) gather_min: usize,
    /// The same, as a share of all objects: to look at one costs as much as to pass over this many.
    pub(super) gather_share: usize,
    /// From this many objects on it is worth keeping the order of a field that a list was sorted by.
    pub(super) order_min: usize,
    /// Objects that a range of names is followed for before it is given up as too wide to help.
    pub(super) name_range_max: usize,
    /// What this share of all objects have, or more, is looked for in an order before all that have it are gathered.
    pub(super) wide_share: usize,
}

impl Default for PlanLimits {
    fn default() -> Self {
        Self { gather_min: 256, gather_share: 50, order_min: 2048, name_range_max: 10_000, wide_share: 4 }
    }
}

/// A query about to be answered from a snapshot.
pub(super) struct Reader<'a> {
    pub(super) table: &'a KindTable,
    pub(super) query: &'a Query,
    pub(super) view: View<'a>,
    snapshot: &'a Snapshot,
    /// Every answer is in here; absent when no index says anything.
    within: Option<Bits>,
    /// What no index has answered.
    rest: Vec<&'a Filter>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, scope: &TenantScope<InventoryRead>, query: &'a Query) -> Self {
        let table = snapshot.table(query.kind());
        let view = View::new(&snapshot.providers);
        let mut reader = Self { table, query, view, snapshot, within: None, rest: Vec::new() };
        if !scope.sees_all() {
            reader.narrow(reader.visible(scope));
        }
        for filter in query.filters() {
            match reader.answered(filter) {
                Some(bits) => reader.narrow(bits),
                None => reader.rest.push(filter),
            }
        }
        if let Some(words) = query.words() {
            reader.narrow(find_words(table, words));
        }
        reader
    }

    /// With every filter tried on each object, and nothing gathered: when each holds for so many that a page is soon full.
    pub(super) fn of_common(
        snapshot: &'a Snapshot,
        scope: &TenantScope<InventoryRead>,
        query: &'a Query,
    ) -> Option<Self> {
        let (table, view) = (snapshot.table(query.kind()), View::new(&snapshot.providers));
        let rest: Vec<_> = query.filters().iter().collect();
        let reader = Self { table, query, view, snapshot, within: None, rest };
        let is_for_all = scope.sees_all() && query.words().is_none();
        let is_common =
            is_for_all && !reader.rest.is_empty() && reader.rest.iter().all(|filter| reader.is_wide(filter));
        is_common.then_some(reader)
    }

    fn is_wide(&self, filter: &Filter) -> bool {
        let Test::AnyOf(wanted) = &filter.test else { return false };
        let many = self.table.len() / self.limits().wide_share;
        self.table.equal(filter.field).is_some_and(|index| wanted.iter().any(|value| index.has_about(many, value)))
    }

    fn narrow(&mut self, bits: Bits) {
        match &mut self.within {
            Some(within) => within.keep(&bits),
            None => self.within = Some(bits),
        }
    }

    /// Whether the object in a place can be an answer.
    pub(super) fn is_within(&self, slot: u32) -> bool {
        self.within.as_ref().is_none_or(|within| within.contains(slot))
    }

    /// Whether an object whose place is within is an answer.
    pub(super) fn holds_rest(&self, entry: &Entry) -> bool {
        self.rest.iter().all(|filter| filter.holds(&filter.field.value(entry, &self.view)))
    }

    /// Whether an object is an answer.
    pub(super) fn matches(&self, entry: &Entry) -> bool {
        self.is_within(entry.anchor.slot) && self.holds_rest(entry)
    }

    /// How many objects have to be looked at, at most.
    pub(super) fn candidate_count(&self) -> usize {
        self.within.as_ref().map_or(self.table.len(), Bits::count)
    }

    /// Whether looking at all that is within and sorting it is quicker than reading an order.
    pub(super) fn is_narrow(&self) -> bool {
        let limits = self.limits();
        self.within.is_some() && self.candidate_count() <= limits.gather_min.max(self.table.len() / limits.gather_share)
    }

    /// The number of answers, if the indexes have told it.
    pub(super) fn known_count(&self) -> Option<usize> {
        self.rest.is_empty().then(|| self.candidate_count())
    }

    /// Every answer, in no order.
    pub(super) fn for_each(&self, mut each: impl FnMut(&'a std::sync::Arc<Entry>)) {
        let matching = |entry: &&'a std::sync::Arc<Entry>| self.holds_rest(entry);
        match &self.within {
            Some(within) => {
                within.iter().filter_map(|slot| self.table.at(slot)).filter(matching).for_each(&mut each);
            }
            None => self.table.iter().filter(matching).for_each(&mut each),
        }
    }

    /// Whether the order kept of a field is that of the answers: for the main state only while every source is trusted.
    pub(super) fn is_order_true(&self, field: FieldRef) -> bool {
        let providers = &self.snapshot.providers;
        let is_trusted = |source| providers.state(source).is_trustworthy();
        !matches!(field, FieldRef::State(_)) || self.table.sources().all(is_trusted)
    }

    pub(super) fn limits(&self) -> PlanLimits {
        self.snapshot.limits
    }

    /// What the scope sees.
    fn visible(&self, scope: &TenantScope<InventoryRead>) -> Bits {
        let owners: Vec<Value> = scope.owners().map(Value::Id).collect();
        let mut bits = self.bits(self.table.of_owner(), &owners);
        if scope.hides_objects() {
            let mut hidden = self.none();
            bits.iter().filter(|slot| !self.is_seen(scope, *slot)).for_each(|slot| hidden.insert(slot));
            bits.remove(&hidden);
        }
        let single = scope.objects().filter_map(|id| self.table.slot(id)).filter(|slot| self.is_seen(scope, *slot));
        single.for_each(|slot| bits.insert(slot));
        bits
    }

    fn is_seen(&self, scope: &TenantScope<InventoryRead>, slot: u32) -> bool {
        self.table.at(slot).is_some_and(|entry| scope.sees(entry.owner(), entry.id()))
    }

    fn none(&self) -> Bits {
        Bits::none(self.table.places())
    }

    fn bits(&self, index: &EqualIndex, values: &[Value]) -> Bits {
        let mut bits = self.none();
        values.iter().flat_map(|value| index.places(value)).for_each(|slot| bits.insert(slot));
        bits
    }

    /// The objects for which a filter holds, if an index tells.
    fn answered(&self, filter: &Filter) -> Option<Bits> {
        match &filter.test {
            Test::AnyOf(wanted) => self.of_values(filter.field, wanted),
            Test::NoneOf(unwanted) => {
                let unwanted = self.of_values(filter.field, unwanted)?;
                let mut bits = self.table.occupied();
                bits.remove(&unwanted);
                Some(bits)
            }
            Test::Prefix(prefix) if filter.field == FieldRef::Name => self.of_names(prefix),
            _ => None,
        }
    }

    fn of_values(&self, field: FieldRef, wanted: &[Value]) -> Option<Bits> {
        match field {
            FieldRef::Id => {
                let mut bits = self.none();
                let ids = wanted.iter().filter_map(|value| match value {
                    Value::Id(id) => self.table.slot(ObjectId(*id)),
                    _ => None,
                });
                ids.for_each(|slot| bits.insert(slot));
                Some(bits)
            }
            FieldRef::Name => {
                let mut bits = self.none();
                for value in wanted {
                    let Value::Text(folded) = value else { continue };
                    let same = self.names_from(folded).take_while(|key| key.anchor.folded == *folded);
                    same.for_each(|key| bits.insert(key.slot));
                }
                Some(bits)
            }
            FieldRef::Sync => Some(self.of_sources(|state| wanted.contains(&Value::Word(state.as_str())))),
            FieldRef::State(_) => {
                let index = self.table.equal(field)?;
                let mut bits = self.bits(index, wanted);
                let unknown = self.of_sources(|state| !state.is_trustworthy());
                match wanted.contains(&Value::Word(UNKNOWN)) {
                    true => bits.add(&unknown),
                    false => bits.remove(&unknown),
                }
                Some(bits)
            }
            FieldRef::Project => {
                // What is in no project stands in the same index, by its tenant.
                let projects = wanted.iter().filter(|id| **id != Value::Id(TenantId::PLATFORM.0)).cloned();
                Some(self.bits(self.table.of_owner(), &projects.collect::<Vec<_>>()))
            }
            FieldRef::Tenant | FieldRef::Provider | FieldRef::Source | FieldRef::Declared(_) => {
                let index = self.table.equal(field)?;
                Some(self.bits(index, wanted))
            }
            FieldRef::ObservedAt | FieldRef::FirstSeenAt | FieldRef::ChangedAt => None,
        }
    }

    fn of_sources(&self, wanted: impl Fn(SourceState) -> bool) -> Bits {
        let providers = &self.snapshot.providers;
        let sources = self.table.sources().filter(|source| wanted(providers.state(*source)));
        let sources: Vec<Value> = sources.map(|source| Value::Id(source.0)).collect();
        self.bits(self.table.of_source(), &sources)
    }

    fn of_names(&self, prefix: &str) -> Option<Bits> {
        let within = self.names_from(prefix).take_while(|key| key.anchor.folded.starts_with(prefix));
        let max = self.limits().name_range_max;
        let (mut bits, mut count) = (self.none(), 0);
        for key in within {
            if count == max {
                return None;
            }
            bits.insert(key.slot);
            count += 1;
        }
        Some(bits)
    }

    fn names_from(&self, folded: &str) -> impl Iterator<Item = &'a NameKey> + use<'a> {
        let from = NameKey::probe(folded, "", ObjectId(uuid::Uuid::nil()));
        self.table.by_name().from(Bound::Included(&from))
    }

    /// What every answer's name begins with, folded, if the query says so.
    pub(super) fn name_prefix(&self) -> Option<&'a str> {
        self.query.filters().iter().find_map(|filter| match &filter.test {
            Test::Prefix(prefix) if filter.field == FieldRef::Name => Some(prefix.as_str()),
            _ => None,
        })
    }
}

/// The objects in whose name, addresses, platform ids or own id every word is found.
pub(super) fn find_words(table: &KindTable, words: &Words) -> Bits {
    let mut all: Option<Bits> = None;
    for word in words.words() {
        let mut found = Bits::none(table.places());
        table.search().find(word.finder(), &mut found);
        if word.can_be_of_id() {
            table.ids().filter(|(id, _)| word.is_in_id(*id)).for_each(|(_, slot)| found.insert(slot));
        }
        match &mut all {
            Some(all) => all.keep(&found),
            None => all = Some(found),
        }
    }
    all.unwrap_or_else(|| Bits::none(0))
}

/// The place in the order of names at which a text would stand.
pub(super) fn name_place(name: &str, id: ObjectId) -> NameKey {
    NameKey::probe(&fold(name), name, id)
}

/// The first text in the order of folded texts that comes after all that begin with `prefix`; `None` when there is none.
pub(super) fn after_prefix(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        // The characters have a gap where UTF-16 has its surrogates.
        let next = if last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            text.push(next);
            return Some(text);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::after_prefix;

    #[test]
    fn what_comes_after_a_prefix() {
        let check = |prefix: &str, expected: Option<&str>| {
            let after = after_prefix(prefix);
            assert_eq!(after.as_deref(), expected);
            let longest = format!("{prefix}\u{10ffff}\u{10ffff}");
            assert!(after.is_none_or(|after| longest < after && *prefix < *after));
        };
        check("web", Some("wec"));
        check("", None);
        check("a\u{10ffff}", Some("b"));
        check("\u{10ffff}", None);
        check("\u{d7ff}", Some("\u{e000}"));
    }
}
