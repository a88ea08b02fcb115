//! Pages while the world changes, and the tokens that lead from one to the next.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;

use super::plain::{Asked, Both, Step, conditions, orders, parameters, rows, steps, walk};
use super::world::{ReadScope, Whose, everything, id, inventory, pairs, provider, put, query, source, tenant, vm};
use crate::authz::TenantScope;
use crate::inventory::{Inventory, InventoryConfig, Query, QueryError, TokenKey};
use crate::model::{Kind, ObjectId, SourceState};

/// From this number on objects are left alone during a walk.
const STILL: u128 = 100;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 100 } else { 5000 }))]

    /// Whatever happens to others between two pages: an object that stays as it is is listed once.
    #[test]
    fn nothing_that_stays_is_skipped_or_repeated(
        still in proptest::collection::vec(rows(), 1..30),
        before in steps(0..20),
        between in steps(20..80),
        asked in conditions(),
        order in orders(),
        limit in 1..5usize,
    ) {
        // A source that becomes unreachable changes its objects: they do not stay as they are.
        let is_quiet = |step: &&Step| !matches!(step, Step::State(..));
        let between: Vec<Step> = between.iter().filter(is_quiet).cloned().collect();
        let mut both = Both::new(InventoryConfig::default());
        both.run(&before, 5);
        let still: Vec<Step> = still
            .into_iter()
            .enumerate()
            .map(|(at, row)| super::plain::Row { id: ObjectId(id(STILL + at as u128)), ..row })
            .map(|row| Step::Put(Box::new(row)))
            .collect();
        both.run(&still, 5);
        let asked: Vec<Asked> = asked.into_iter().filter(|asked| !matches!(asked, Asked::Id(_))).collect();
        let scope = everything();
        let mut expected = both.plain.list(&scope, &asked, &order);
        expected.retain(|found| found.0.as_u128() >= STILL);

        let mut steps = between.chunks(3);
        let inventory = both.inventory.clone();
        let found = walk(&inventory, &scope, &parameters(&asked, &order, limit), || {
            if let Some(steps) = steps.next() {
                both.run(steps, 3);
            }
        });
        let found: Vec<ObjectId> = found.into_iter().filter(|found| found.0.as_u128() >= STILL).collect();
        prop_assert_eq!(found, expected);
    }

    /// No change of a token goes unnoticed.
    #[test]
    fn a_changed_token_is_refused(at in 0..200usize, bit in 0..8u32, cut in 0..60usize) {
        let inventory = filled(InventoryConfig::default(), 5);
        let token = first_token(&inventory, &everything(), &[("limit", "2")]);
        let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        let mut flipped = bytes.clone();
        let at = at % flipped.len();
        flipped[at] ^= 1 << bit;
        let shorter = &bytes[..bytes.len().saturating_sub(cut + 1)];
        for forged in [&flipped[..], shorter] {
            let forged = URL_SAFE_NO_PAD.encode(forged);
            let query = query(&[("limit", "2"), ("page_token", &forged)]);
            prop_assert_eq!(inventory.list(&everything(), &query).err(), Some(QueryError::InvalidPageToken));
        }
    }
}

fn filled(config: InventoryConfig, count: u64) -> std::sync::Arc<Inventory> {
    let inventory = inventory(config);
    inventory.provider_put(provider(source(1), tenant(1), SourceState::Live));
    for number in 1..=count {
        let whose = Whose { tenant: tenant(u128::from(number % 2) + 1), ..Whose::default() };
        let change = put(number, ObjectId(id(u128::from(number))), whose, vm(&format!("vm-{number:04}")));
        inventory.apply(&[change]).unwrap();
    }
    inventory
}

fn first_token(inventory: &Inventory, scope: &ReadScope, text: &[(&str, &str)]) -> String {
    inventory.list(scope, &query(text)).unwrap().next_page_token.unwrap()
}

#[test]
fn a_token_of_another_query_scope_or_gateway_is_refused() {
    let inventory = filled(InventoryConfig::default(), 9);
    let all = everything();
    let base = [("limit", "2"), ("sort", "-name"), ("name.prefix", "vm"), ("power_state", "running,stopped")];
    let token = first_token(&inventory, &all, &base);
    let list = |inventory: &Inventory, scope: &ReadScope, text: &[(&str, &str)]| {
        let text: Vec<_> = text.iter().copied().chain([("page_token", token.as_str())]).collect();
        inventory.list(scope, &query(&text)).map(|page| page.items.len())
    };
    // The same question said otherwise, with another size of page.
    let same = [("power_state", "stopped,running"), ("sort", "-name,-id"), ("name.prefix", "VM"), ("limit", "3")];
    assert_eq!(list(&inventory, &all, &base), Ok(2));
    assert_eq!(list(&inventory, &all, &same), Ok(3));

    let foreign: &[&[(&str, &str)]] = &[
        &[("sort", "-name"), ("name.prefix", "vm")],
        &[("sort", "-name"), ("name.prefix", "vm"), ("power_state", "running")],
        &[("sort", "name"), ("name.prefix", "vm"), ("power_state", "running,stopped")],
        &[("sort", "-name"), ("name.prefix", "v"), ("power_state", "running,stopped")],
        &[("sort", "-name"), ("name.contains", "vm"), ("power_state", "running,stopped")],
        &[("sort", "-name"), ("name.prefix", "vm"), ("power_state", "running,stopped"), ("q", "vm")],
    ];
    for text in foreign {
        assert_eq!(list(&inventory, &all, text), Err(QueryError::InvalidPageToken), "{text:?}");
    }
    let narrower = TenantScope::of_tenant(tenant(1));
    assert_eq!(list(&inventory, &narrower, &base), Err(QueryError::InvalidPageToken));
    let other = Inventory::new(InventoryConfig::default(), TokenKey::new([8; 32]));
    assert_eq!(list(&other, &all, &base), Err(QueryError::InvalidPageToken));
    let text = pairs(&[("sort", "-name"), ("page_token", &token)]);
    let hosts = Query::parse(Kind::Host, &text).unwrap();
    assert_eq!(inventory.list(&all, &hosts).err(), Some(QueryError::InvalidPageToken));
    for junk in ["", "%", "AAAA", &"A".repeat(5000)] {
        let query = query(&[("page_token", junk)]);
        assert_eq!(inventory.list(&all, &query).err(), Some(QueryError::InvalidPageToken), "{junk:?}");
    }
}

#[test]
fn a_token_is_its_users_own_and_outlives_a_change_of_what_is_seen() {
    let inventory = filled(InventoryConfig::default(), 9);
    let scope: ReadScope = TenantScope::of_tenant(tenant(1));
    let token = first_token(&inventory, &scope, &[("limit", "2")]);
    let next = query(&[("page_token", &token)]);
    assert_eq!(inventory.list(&scope, &next).unwrap().items.len(), 2);
    assert_eq!(inventory.list(&scope.with_tenant(tenant(9)), &next).unwrap().items.len(), 2);
    let another = TenantScope::of_tenant(tenant(1));
    assert_eq!(inventory.list(&another, &next).err(), Some(QueryError::InvalidPageToken));
    // Who sees everything sees the same, whoever it is.
    let token = first_token(&inventory, &everything(), &[("limit", "2")]);
    assert!(inventory.list(&everything(), &query(&[("page_token", &token)])).is_ok());
}

/// Objects that change and stay where they are in the order are still listed once.
#[test]
fn a_page_reads_on_from_where_the_last_ended_though_that_object_is_gone() {
    let inventory = filled(InventoryConfig::default(), 6);
    let token = first_token(&inventory, &everything(), &[("limit", "3")]);
    inventory.apply(&[super::world::delete(7, ObjectId(id(3)), Kind::Vm, Whose::default())]).unwrap();
    let page = inventory.list(&everything(), &query(&[("page_token", &token)])).unwrap();
    let names: BTreeMap<_, _> = page.items.iter().map(|entry| (entry.name(), ())).collect();
    assert_eq!(names.into_keys().collect::<Vec<_>>(), ["vm-0004", "vm-0005", "vm-0006"]);
    assert_eq!(page.next_page_token, None);
}
