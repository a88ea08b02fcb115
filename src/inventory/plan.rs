//! Which objects a query has to look at: the smallest set that an index offers and that surely holds every answer.

use std::ops::Bound;

use super::entry::{Entry, NameKey};
use super::index::Slots;
use super::query::{Filter, Query, Test};
use super::schema::{FieldRef, UNKNOWN};
use super::snapshot::Snapshot;
use super::status::View;
use super::table::KindTable;
use super::text::fold;
use crate::authz::TenantScope;
use crate::model::{ObjectId, SourceId, Value};

/// Where one way to find a page becomes better than another: found by measuring.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlanLimits {
    /// Up to this many candidates of an index are looked at without trying an order first.
    pub(super) gather_min: usize,
    /// From this many objects on it is worth keeping the order of a field that a list was sorted by.
    pub(super) order_min: usize,
    /// Objects that a range of names is followed for before it is given up as too wide to help.
    pub(super) name_range_max: usize,
}

impl Default for PlanLimits {
    fn default() -> Self {
        Self { gather_min: 256, order_min: 2048, name_range_max: 10_000 }
    }
}

/// A query about to be answered from a snapshot.
pub(super) struct Reader<'a> {
    pub(super) table: &'a KindTable,
    pub(super) query: &'a Query,
    pub(super) scope: &'a TenantScope,
    pub(super) view: View<'a>,
    snapshot: &'a Snapshot,
}

/// A set of objects that holds every answer: some groups of an index, and some single places.
#[derive(Debug, Default)]
pub(super) struct Candidates<'a> {
    groups: Vec<&'a Slots>,
    single: Vec<u32>,
    /// Whether every object of the set is an answer as far as this filter goes, and is in it once.
    pub(super) exact: bool,
}

impl Candidates<'_> {
    /// How many there are at most.
    pub(super) fn len(&self) -> usize {
        self.single.len() + self.groups.iter().map(|group| group.len()).sum::<usize>()
    }

    /// The places, each once.
    pub(super) fn slots(&self) -> Vec<u32> {
        let mut slots = self.single.clone();
        for group in &self.groups {
            group.collect_into(&mut slots);
        }
        if self.groups.len() + self.single.len() > 1 {
            slots.sort_unstable();
            slots.dedup();
        }
        slots
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, scope: &'a TenantScope, query: &'a Query) -> Self {
        let table = snapshot.table(query.kind());
        Self { table, query, scope, view: View::new(&snapshot.providers), snapshot }
    }

    pub(super) fn limits(&self) -> PlanLimits {
        self.snapshot.limits
    }

    /// Whether an object is an answer.
    pub(super) fn matches(&self, entry: &Entry) -> bool {
        self.scope.sees(entry.tenant_id())
            && self.query.filters().iter().all(|filter| filter.holds(&filter.field.value(entry, &self.view)))
            && self.query.words().is_none_or(|words| words.found_in(entry))
    }

    /// The smallest set that an index offers; `None` when no index helps.
    pub(super) fn narrowest(&self) -> Option<Candidates<'a>> {
        let of_filters = self.query.filters().iter().filter_map(|filter| self.candidates(filter));
        of_filters.chain(self.of_tenant()).min_by_key(Candidates::len)
    }

    fn of_tenant(&self) -> Option<Candidates<'a>> {
        if self.scope.sees_all() {
            return None;
        }
        let groups = self.table.tenants().get(&Value::Id(self.scope.tenant().0)).into_iter().collect();
        Some(Candidates { groups, exact: true, ..Candidates::default() })
    }

    fn candidates(&self, filter: &Filter) -> Option<Candidates<'a>> {
        match &filter.test {
            Test::AnyOf(wanted) => self.of_values(filter.field, wanted),
            Test::Prefix(prefix) if filter.field == FieldRef::Name && !self.is_by_name() => self.of_names(prefix),
            _ => None,
        }
    }

    fn of_values(&self, field: FieldRef, wanted: &[Value]) -> Option<Candidates<'a>> {
        match field {
            FieldRef::Id => {
                let ids = wanted.iter().filter_map(|value| match value {
                    Value::Id(id) => self.table.slot(ObjectId(*id)),
                    _ => None,
                });
                Some(Candidates { single: ids.collect(), ..Candidates::default() })
            }
            FieldRef::Name => {
                let mut single = Vec::new();
                for value in wanted {
                    let Value::Text(folded) = value else { continue };
                    let same = self.names_from(folded).take_while(|key| key.0.folded == *folded);
                    single.extend(same.map(|key| key.0.slot));
                }
                Some(Candidates { single, ..Candidates::default() })
            }
            FieldRef::Sync => Some(self.of_sources(|state| wanted.contains(&Value::Word(state.as_str())))),
            FieldRef::State(_) => {
                let index = self.table.equal(field)?;
                let groups = wanted.iter().filter_map(|value| index.get(value));
                let mut candidates = if wanted.contains(&Value::Word(UNKNOWN)) {
                    self.of_sources(|state| !state.is_trustworthy())
                } else {
                    Candidates::default()
                };
                candidates.groups.extend(groups);
                candidates.exact = false;
                Some(candidates)
            }
            FieldRef::Provider | FieldRef::Source | FieldRef::Declared(_) => {
                let index = self.table.equal(field)?;
                let groups: Vec<_> = wanted.iter().filter_map(|value| index.get(value)).collect();
                let exact = groups.len() <= 1;
                Some(Candidates { groups, exact, ..Candidates::default() })
            }
            FieldRef::ObservedAt | FieldRef::FirstSeenAt | FieldRef::ChangedAt => None,
        }
    }

    fn of_sources(&self, wanted: impl Fn(crate::model::SourceState) -> bool) -> Candidates<'a> {
        let groups = self.table.sources().iter().filter(|(source, _)| match source {
            Value::Id(id) => wanted(self.snapshot.providers.state(SourceId(*id))),
            _ => false,
        });
        Candidates { groups: groups.map(|(_, group)| group).collect(), exact: true, ..Candidates::default() }
    }

    fn of_names(&self, prefix: &str) -> Option<Candidates<'a>> {
        let max = self.limits().name_range_max;
        let within = self.names_from(prefix).take_while(|key| key.0.folded.starts_with(prefix));
        let single: Vec<u32> = within.take(max + 1).map(|key| key.0.slot).collect();
        (single.len() <= max).then(|| Candidates { single, ..Candidates::default() })
    }

    fn names_from(&self, folded: &str) -> impl Iterator<Item = &'a NameKey> + use<'a> {
        let from = NameKey::probe(folded, "", ObjectId(uuid::Uuid::nil()));
        self.table.by_name().range((Bound::Included(from), Bound::Unbounded))
    }

    fn is_by_name(&self) -> bool {
        self.query.sort().first().is_some_and(|key| key.field == FieldRef::Name)
    }

    /// What every answer's name begins with, folded, if the query says so.
    pub(super) fn name_prefix(&self) -> Option<&'a str> {
        self.query.filters().iter().find_map(|filter| match &filter.test {
            Test::Prefix(prefix) if filter.field == FieldRef::Name => Some(prefix.as_str()),
            _ => None,
        })
    }

    /// The number of answers, if an index tells it without looking at the objects.
    pub(super) fn known_count(&self) -> Option<usize> {
        if self.query.words().is_some() {
            return None;
        }
        match self.query.filters() {
            [] if self.scope.sees_all() => Some(self.table.len()),
            [] => self.of_tenant().map(|candidates| candidates.len()),
            [only] if self.scope.sees_all() => {
                self.candidates(only).filter(|candidates| candidates.exact).map(|candidates| candidates.len())
            }
            _ => None,
        }
    }
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

/// The place in the order of names at which a text would stand.
pub(super) fn name_place(name: &str, id: ObjectId) -> NameKey {
    NameKey::probe(&fold(name), name, id)
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
