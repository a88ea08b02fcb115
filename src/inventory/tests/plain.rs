//! The plain list: what each filter, order and sum means, said a second time in the simplest way; and the property that
//! the inventory answers the same, by whichever way it finds its pages.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;

use super::world::{
    ReadScope, Whose, at, delete, everything, id, inventory, pairs, provider, provider_of, put, source, tenant, vm,
};
use crate::authz::TenantScope;
use crate::inventory::{Inventory, InventoryConfig, Query, SummaryQuery};
use crate::model::vm::{PowerState, Vm};
use crate::model::{Change, Kind, ObjectId, Owner, ProjectId, SourceState, TagId, Value};

/// One machine of the plain list.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: ObjectId,
    pub whose: Whose,
    pub vm: Vm,
}

/// The plain list with the states of the sources.
#[derive(Clone, Debug, Default)]
pub struct Plain {
    pub rows: BTreeMap<ObjectId, Row>,
    pub states: BTreeMap<u128, SourceState>,
}

impl Plain {
    pub fn state(&self, row: &Row) -> SourceState {
        self.states.get(&(row.whose.source.0.as_u128() - 0x5000)).copied().unwrap_or(SourceState::Connecting)
    }

    fn power(&self, row: &Row) -> &'static str {
        let trusted = matches!(self.state(row), SourceState::Live | SourceState::Loading | SourceState::Lagging);
        if trusted { row.vm.power_state.as_str() } else { "unknown" }
    }
}

/// A condition in both languages.
#[derive(Clone, Debug)]
pub enum Asked {
    Power(&'static str),
    PowerNot(&'static str),
    Sync(&'static str),
    NameIs(&'static str),
    NameStarts(&'static str),
    NameHas(&'static str),
    Os(&'static str),
    OsNot(&'static str),
    OsThere(bool),
    MemoryFrom(u64),
    MemoryBelow(u64),
    Tag(u128),
    TagEither(u128, u128),
    Tenant(u128),
    Project(u128, u128),
    Source(u128),
    Provider(u128),
    Id(u128),
    BootedAfter(i64),
    Words(&'static str),
}

impl Asked {
    pub fn pair(&self) -> (String, String) {
        let pair = |name: &str, value: &dyn ToString| (name.to_owned(), value.to_string());
        match self {
            Asked::Power(word) => pair("power_state", word),
            Asked::PowerNot(word) => pair("power_state.ne", word),
            Asked::Sync(word) => pair("sync", word),
            Asked::NameIs(name) => pair("name", name),
            Asked::NameStarts(text) => pair("name.prefix", text),
            Asked::NameHas(text) => pair("name.contains", text),
            Asked::Os(text) => pair("guest_os", text),
            Asked::OsNot(text) => pair("guest_os.ne", text),
            Asked::OsThere(there) => pair("guest_os.exists", there),
            Asked::MemoryFrom(mib) => pair("memory_mib.gte", mib),
            Asked::MemoryBelow(mib) => pair("memory_mib.lt", mib),
            Asked::Tag(tag) => pair("tag_ids", &id(*tag)),
            Asked::TagEither(a, b) => pair("tag_ids", &format!("{},{}", id(*a), id(*b))),
            Asked::Tenant(number) => pair("tenant_id", &tenant(*number)),
            Asked::Project(of, number) => pair("project_id", &project_of(*of, *number)),
            Asked::Source(number) => pair("source_id", &source(*number)),
            Asked::Provider(number) => pair("provider_id", &provider_of(source(*number))),
            Asked::Id(number) => pair("id", &id(*number)),
            Asked::BootedAfter(second) => pair("booted_at.gt", &at(*second).to_rfc3339()),
            Asked::Words(text) => pair("q", text),
        }
    }

    fn holds(&self, plain: &Plain, row: &Row) -> bool {
        let lower = |text: &str| text.to_lowercase();
        let os = row.vm.guest_os.as_deref().map(lower);
        let has_tag = |tag: &u128| row.vm.tag_ids.contains(&TagId(id(*tag)));
        match self {
            Asked::Power(word) => plain.power(row) == *word,
            Asked::PowerNot(word) => plain.power(row) != *word,
            Asked::Sync(word) => plain.state(row).as_str() == *word,
            Asked::NameIs(name) => lower(&row.vm.name) == lower(name),
            Asked::NameStarts(text) => lower(&row.vm.name).starts_with(&lower(text)),
            Asked::NameHas(text) => lower(&row.vm.name).contains(&lower(text)),
            Asked::Os(text) => os == Some(lower(text)),
            Asked::OsNot(text) => os != Some(lower(text)),
            Asked::OsThere(there) => os.is_some() == *there,
            Asked::MemoryFrom(mib) => row.vm.memory_mib.is_some_and(|have| have >= *mib),
            Asked::MemoryBelow(mib) => row.vm.memory_mib.is_some_and(|have| have < *mib),
            Asked::Tag(tag) => has_tag(tag),
            Asked::TagEither(a, b) => has_tag(a) || has_tag(b),
            Asked::Tenant(number) => row.whose.tenant == tenant(*number),
            Asked::Project(of, number) => row.whose.project == Some(project_of(*of, *number)),
            Asked::Source(number) => row.whose.source == source(*number),
            Asked::Provider(number) => provider_of(row.whose.source) == provider_of(source(*number)),
            Asked::Id(number) => row.id.0 == id(*number),
            Asked::BootedAfter(second) => row.vm.booted_at.is_some_and(|booted| booted > at(*second)),
            Asked::Words(text) => {
                let texts = [vec![lower(&row.vm.name)], row.vm.ip_addresses.clone()].concat();
                text.split(' ').all(|word| texts.iter().any(|text| text.contains(&lower(word))))
            }
        }
    }
}

/// An order: a field and its direction.
pub type Order = Vec<(&'static str, bool)>;

pub fn order_text(order: &Order) -> String {
    let words: Vec<String> =
        order.iter().map(|(field, down)| format!("{}{field}", if *down { "-" } else { "" })).collect();
    words.join(",")
}

fn compare(plain: &Plain, order: &Order, a: &Row, b: &Row) -> Ordering {
    let by = |field: &str| match field {
        "name" => a.vm.name.to_lowercase().cmp(&b.vm.name.to_lowercase()).then(a.vm.name.cmp(&b.vm.name)),
        "memory_mib" => a.vm.memory_mib.cmp(&b.vm.memory_mib),
        "guest_os" => {
            let folded = |row: &Row| row.vm.guest_os.as_ref().map(|os| (os.to_lowercase(), os.clone()));
            folded(a).cmp(&folded(b))
        }
        "power_state" => plain.power(a).cmp(plain.power(b)),
        "sync" => plain.state(a).as_str().cmp(plain.state(b).as_str()),
        "booted_at" => a.vm.booted_at.cmp(&b.vm.booted_at),
        "id" => a.id.cmp(&b.id),
        other => panic!("{other}"),
    };
    let turn = |order: Ordering, down: bool| if down { order.reverse() } else { order };
    for (field, down) in order {
        let order = turn(by(field), *down);
        if order != Ordering::Equal {
            return order;
        }
    }
    turn(a.id.cmp(&b.id), order.last().is_some_and(|(_, down)| *down))
}

impl Plain {
    pub fn list(&self, scope: &ReadScope, asked: &[Asked], order: &Order) -> Vec<ObjectId> {
        let mut rows: Vec<&Row> = self
            .rows
            .values()
            .filter(|row| scope.sees(row.whose.owner(), row.id) && asked.iter().all(|asked| asked.holds(self, row)))
            .collect();
        rows.sort_by(|a, b| compare(self, order, a, b));
        rows.iter().map(|row| row.id).collect()
    }
}

pub const NAMES: &[&str] = &["web-1", "Web-1", "web-2", "WEB-10", "db", "db-ä", "DB-Ä", "", "app one", "zz"];
const POWERS: &[PowerState] = &[PowerState::Running, PowerState::Stopped, PowerState::Suspended, PowerState::Unknown];
const POWER_WORDS: &[&str] = &["running", "stopped", "unknown"];
const SYNC_WORDS: &[&str] = &["live", "unreachable", "connecting"];
const OSES: &[&str] = &["Debian 12", "debian 12", "Windows Server"];
pub const SORTS: &[&str] = &["name", "memory_mib", "guest_os", "power_state", "sync", "booted_at", "id"];

pub fn rows() -> impl Strategy<Value = Row> {
    (
        0..24u128,
        (1..3u128, proptest::option::weighted(0.4, 1..3u128), 1..4u128),
        (select(NAMES), select(POWERS), 0..4u64),
        (proptest::option::of(select(OSES)), proptest::option::of(0..5i64)),
        proptest::collection::vec(1..4u128, 0..3),
    )
        .prop_map(|(number, (owner, project, from), (name, power_state, memory), (os, booted), tags)| {
            let mut vm = vm(name);
            vm.power_state = power_state;
            vm.memory_mib = (memory > 0).then_some(memory * 1024);
            vm.guest_os = os.map(str::to_owned);
            vm.booted_at = booted.map(at);
            vm.tag_ids = tags.into_iter().map(|tag| TagId(id(tag))).collect();
            vm.ip_addresses = vec![format!("10.0.{from}.{memory}")];
            let project = project.map(|number| project_of(owner, number));
            let whose = Whose { tenant: tenant(owner), project, source: source(from) };
            Row { id: ObjectId(id(number)), whose, vm }
        })
}

/// A project of a tenant.
fn project_of(tenant: u128, number: u128) -> ProjectId {
    ProjectId(id(1000 * tenant + number))
}

pub fn asked() -> impl Strategy<Value = Asked> {
    prop_oneof![
        select(POWER_WORDS).prop_map(Asked::Power),
        select(POWER_WORDS).prop_map(Asked::PowerNot),
        select(SYNC_WORDS).prop_map(Asked::Sync),
        select(NAMES).prop_map(Asked::NameIs),
        select(&["w", "WEB-1", "db", "zzz", ""][..]).prop_map(Asked::NameStarts),
        select(&["B", "-1", "Ä", "x"][..]).prop_map(Asked::NameHas),
        select(OSES).prop_map(Asked::Os),
        select(OSES).prop_map(Asked::OsNot),
        any::<bool>().prop_map(Asked::OsThere),
        (0..4u64).prop_map(|gib| Asked::MemoryFrom(gib * 1024)),
        (0..4u64).prop_map(|gib| Asked::MemoryBelow(gib * 1024)),
        (1..5u128).prop_map(Asked::Tag),
        (1..5u128, 1..5u128).prop_map(|(a, b)| Asked::TagEither(a, b)),
        (1..4u128).prop_map(Asked::Tenant),
        (1..3u128, 1..4u128).prop_map(|(of, number)| Asked::Project(of, number)),
        (1..5u128).prop_map(Asked::Source),
        (1..5u128).prop_map(Asked::Provider),
        (0..26u128).prop_map(Asked::Id),
        (0..5i64).prop_map(Asked::BootedAfter),
        select(&["web", "WEB 10.0.1", "10.0.2.1", "nothing"][..]).prop_map(Asked::Words),
    ]
}

/// Several conditions, of which only one is a full-text search.
pub fn conditions() -> impl Strategy<Value = Vec<Asked>> {
    proptest::collection::vec(asked(), 0..3).prop_map(|mut asked| {
        let mut words = 0;
        asked.retain(|asked| {
            words += usize::from(matches!(asked, Asked::Words(_)));
            !matches!(asked, Asked::Words(_)) || words == 1
        });
        asked
    })
}

pub fn orders() -> impl Strategy<Value = Order> {
    proptest::collection::vec((select(SORTS), any::<bool>()), 1..4).prop_map(|order| {
        let mut seen = BTreeSet::new();
        order.into_iter().filter(|(field, _)| seen.insert(*field)).collect()
    })
}

pub fn scopes() -> impl Strategy<Value = ReadScope> {
    prop_oneof![
        Just(everything()),
        Just(TenantScope::of_tenant(tenant(1))),
        Just(TenantScope::of_tenant(tenant(2))),
        Just(TenantScope::of_tenant(tenant(3))),
        proptest::collection::vec((1..3u128, proptest::option::of(1..3u128)), 1..4).prop_map(|owners| {
            TenantScope::of_owners(owners.into_iter().map(|(owner, project)| Owner {
                tenant_id: tenant(owner),
                project_id: project.map(|number| project_of(owner, number)),
            }))
        }),
    ]
}

/// A step in the life of the world.
#[derive(Clone, Debug)]
pub enum Step {
    Put(Box<Row>),
    Delete(u128),
    State(u128, SourceState),
}

pub fn steps(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Step>> {
    let states = &[SourceState::Live, SourceState::Unreachable, SourceState::Connecting, SourceState::Lagging][..];
    proptest::collection::vec(
        prop_oneof![
            6 => rows().prop_map(|row| Step::Put(Box::new(row))),
            2 => (0..24u128).prop_map(Step::Delete),
            1 => (1..4u128, select(states)).prop_map(|(number, state)| Step::State(number, state)),
        ],
        count,
    )
}

/// Both worlds side by side.
pub struct Both {
    pub inventory: Arc<Inventory>,
    pub plain: Plain,
    pub revision: u64,
}

impl Both {
    pub fn new(config: InventoryConfig) -> Self {
        let mut both = Self { inventory: inventory(config), plain: Plain::default(), revision: 0 };
        for number in 1..4 {
            both.step(&Step::State(number, SourceState::Live));
        }
        both
    }

    /// Does a step in the plain list, and answers with the change that brings it to the inventory.
    pub fn step(&mut self, step: &Step) -> Option<Change> {
        match step {
            Step::Put(row) => {
                self.revision += 1;
                self.plain.rows.insert(row.id, (**row).clone());
                Some(put(self.revision, row.id, row.whose, row.vm.clone()))
            }
            Step::Delete(number) => {
                let row = self.plain.rows.remove(&ObjectId(id(*number)))?;
                self.revision += 1;
                Some(delete(self.revision, row.id, Kind::Vm, row.whose))
            }
            Step::State(number, state) => {
                self.plain.states.insert(*number, *state);
                self.inventory.provider_put(provider(source(*number), tenant(*number % 3), *state));
                None
            }
        }
    }

    pub fn run(&mut self, steps: &[Step], batch: usize) {
        for steps in steps.chunks(batch) {
            let changes: Vec<Change> = steps.iter().filter_map(|step| self.step(step)).collect();
            self.inventory.apply(&changes).unwrap();
        }
    }
}

pub fn parameters(asked: &[Asked], order: &Order, limit: usize) -> Vec<(String, String)> {
    let mut parameters: Vec<_> = asked.iter().map(Asked::pair).collect();
    parameters.push(("sort".to_owned(), order_text(order)));
    parameters.push(("limit".to_owned(), limit.to_string()));
    parameters
}

/// Reads all pages, doing something between two of them.
pub fn walk(
    inventory: &Inventory,
    scope: &ReadScope,
    parameters: &[(String, String)],
    mut between: impl FnMut(),
) -> Vec<ObjectId> {
    let mut found = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let mut parameters = parameters.to_vec();
        parameters.extend(token.take().map(|token| ("page_token".to_owned(), token)));
        let query = Query::parse(Kind::Vm, &parameters).unwrap();
        let page = inventory.list(scope, &query).unwrap();
        assert!(page.items.len() <= query.limit());
        found.extend(page.items.iter().map(|entry| entry.id()));
        match page.next_page_token {
            Some(next) => token = Some(next),
            None => return found,
        }
        between();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 100 } else { 5000 }))]

    #[test]
    fn lists_pages_and_counts_are_those_of_the_plain_list(
        steps in steps(0..60),
        batch in 1..10usize,
        asked in conditions(),
        order in orders(),
        limit in 1..8usize,
        scope in scopes(),
    ) {
        let mut both = Both::new(InventoryConfig::default());
        let half = steps.len() / 2;
        both.run(&steps[..half], batch);
        // Orders that are kept from here on must follow the changes of the second half.
        let _ = walk(&both.inventory, &everything(), &parameters(&[], &order, 100), || {});
        both.run(&steps[half..], batch);

        let expected = both.plain.list(&scope, &asked, &order);
        let found = walk(&both.inventory, &scope, &parameters(&asked, &order, limit), || {});
        prop_assert_eq!(&found, &expected);

        let conditions: Vec<_> = asked.iter().map(Asked::pair).collect();
        let count = both.inventory.count(&scope, &Query::parse_count(Kind::Vm, &conditions).unwrap());
        prop_assert_eq!(count.count, expected.len() as u64);
        prop_assert_eq!(count.revision.0, both.revision);
        for row in both.plain.rows.values() {
            prop_assert_eq!(
                both.inventory.get(&scope, Kind::Vm, row.id).is_some(),
                scope.sees(row.whose.owner(), row.id)
            );
        }
    }

    #[test]
    fn sums_are_those_of_the_plain_list(
        steps in steps(0..60),
        asked in conditions(),
        scope in scopes(),
        group_by in proptest::sample::subsequence(vec!["power_state", "guest_os", "source_id", "sync"], 0..4),
    ) {
        let mut both = Both::new(InventoryConfig::default());
        both.run(&steps, 7);
        let mut expected: BTreeMap<Vec<Value>, (u64, i128)> = BTreeMap::new();
        if group_by.is_empty() {
            expected.insert(Vec::new(), (0, 0));
        }
        for id in both.plain.list(&scope, &asked, &vec![("id", false)]) {
            let row = &both.plain.rows[&id];
            let value = |field: &&str| match *field {
                "power_state" => Value::Word(both.plain.power(row)),
                "guest_os" => row.vm.guest_os.as_ref().map_or(Value::Null, |os| Value::Text(os.as_str().into())),
                "source_id" => Value::Id(row.whose.source.0),
                _ => Value::Word(both.plain.state(row).as_str()),
            };
            let group = expected.entry(group_by.iter().map(value).collect()).or_default();
            group.0 += 1;
            group.1 += i128::from(row.vm.memory_mib.unwrap_or(0));
        }
        let mut parameters: Vec<_> = asked.iter().map(Asked::pair).collect();
        parameters.extend(pairs(&[("sum", "memory_mib")]));
        if !group_by.is_empty() {
            parameters.push(("group_by".to_owned(), group_by.join(",")));
        }
        let summary = both.inventory.summary(&scope, &SummaryQuery::parse(Kind::Vm, &parameters).unwrap()).unwrap();
        let found: BTreeMap<_, _> =
            summary.groups.into_iter().map(|group| (group.key, (group.count, group.sums[0]))).collect();
        prop_assert_eq!(found, expected);
    }
}
