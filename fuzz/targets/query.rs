//! Filters, sorts, searches and page tokens as they stand in an address: each is read or refused, and what is read runs.
//!
//! An input is an address below `/v1/`: `vms?power_state=running&sort=-memory_mib`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spandrel::authz::{Action, Principal, Role, authorize};
use spandrel::inventory::{Inventory, InventoryConfig, Query, QueryError, SearchQuery, SummaryQuery, TokenKey};
use spandrel::model::{Kind, TenantId, UserId};

fuzz_target!(|address: &str| {
    let (plural, query) = address.split_once('?').unwrap_or((address, ""));
    let kind = Kind::ALL.iter().copied().find(|kind| kind.plural() == plural).unwrap_or(Kind::Vm);
    let pairs: Vec<(String, String)> =
        url::form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let inventory = Inventory::new(InventoryConfig::default(), TokenKey::new([7; 32]));
    let principal = Principal {
        user_id: UserId::generate(),
        username: "fuzz".into(),
        tenant_id: TenantId::generate(),
        role: Role::PlatformAdmin,
    };
    let scope = authorize(&principal, Action::InventoryRead).expect("an administrator may");
    if let Ok(query) = Query::parse(kind, &pairs) {
        // No token was ever made with this key, so every token is forged.
        let forged = pairs.iter().any(|(name, _)| name == "page_token");
        match inventory.list(&scope, &query) {
            Ok(page) => assert!(!forged && page.objects_json().is_empty()),
            Err(error) => assert!(forged && matches!(error, QueryError::InvalidPageToken), "{error}"),
        }
    }
    if let Ok(query) = Query::parse_count(kind, &pairs) {
        let _ = inventory.count(&scope, &query);
    }
    if let Ok(query) = SummaryQuery::parse(kind, &pairs) {
        let _ = inventory.summary(&scope, &query);
    }
    if let Ok(query) = SearchQuery::parse(&pairs) {
        let _ = inventory.search(&scope, &query);
    }
});
