//! Filters, sorts, searches and page tokens as they stand in an address: each is read or refused, what is read runs, and
//! page after page gives everything once.
//!
//! An input is an address below `/v1/`: `vms?power_state=running&sort=-memory_mib`.
#![no_main]

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use libfuzzer_sys::fuzz_target;
use spandrel::authz::{Action, Principal, Role, TenantScope, authorize};
use spandrel::clock::Clock;
use spandrel::inventory::{
    Inventory, InventoryConfig, Page, Query, QueryError, SearchQuery, StoredObject, SummaryQuery, TokenKey,
};
use spandrel::model::{Kind, ObjectId, ProviderId, Revision, SourceId, TenantId, UserId};

const MACHINES: u64 = 12;

/// A few machines, in which much is the same, and some is absent or odd.
fn inventory() -> &'static (Arc<Inventory>, TenantScope) {
    static MADE: OnceLock<(Arc<Inventory>, TenantScope)> = OnceLock::new();
    MADE.get_or_init(|| {
        let inventory = Inventory::new(InventoryConfig::default(), TokenKey::new([7; 32]));
        let (tenant_id, now) = (TenantId::generate(), Clock::system().now());
        let (provider_id, source_id) = (ProviderId::generate(), SourceId::generate());
        let names = ["web", "Web", "wéb-机", "a/b", "", "db 01"];
        let objects = (1..=MACHINES).map(|number| {
            let name = names[number as usize % names.len()];
            let power = ["running", "stopped", "suspended", "unknown"][number as usize % 4];
            let memory = if number % 3 == 0 { "null".to_owned() } else { (number % 4 * 512).to_string() };
            let addresses = if number % 2 == 0 { "\"10.0.0.1\",\"fe80::1\"" } else { "" };
            let body = format!(
                "{{\"power_state\":\"{power}\",\"name\":\"{name}\",\"condition\":\"ok\",\"memory_mib\":{memory},\
                 \"vcpu_count\":{number},\"guest_agent\":\"unknown\",\"ip_addresses\":[{addresses}],\"mac_addresses\":[],\
                 \"persistent\":true,\"datastore_ids\":[],\"network_ids\":[],\"volume_ids\":[],\"nic_ids\":[],\"tag_ids\":[],\
                 \"attributes\":{{\"Owner\":\"team-{}\"}},\"native\":{{}}}}",
                number % 2
            );
            StoredObject {
                id: ObjectId::generate(),
                kind: Kind::Vm,
                tenant_id,
                provider_id,
                source_id,
                revision: Revision(number),
                created_at: now,
                changed_at: now,
                body: body.into(),
            }
        });
        let mut loader = inventory.loader();
        loader.add(objects.collect());
        let report = loader.finish(&[], Revision(0), Revision(MACHINES));
        assert!(report.unreadable.is_empty(), "{:?}", report.unreadable);
        let principal =
            Principal { user_id: UserId::generate(), username: "fuzz".into(), tenant_id, role: Role::PlatformAdmin };
        (inventory, authorize(&principal, Action::InventoryRead).expect("an administrator may"))
    })
}

type Pairs = [(String, String)];

fn page(kind: Kind, pairs: &Pairs, token: Option<&str>) -> Result<Page, QueryError> {
    let (inventory, scope) = inventory();
    let mut pairs = pairs.to_vec();
    pairs.extend(token.map(|token| ("page_token".to_owned(), token.to_owned())));
    inventory.list(scope, &Query::parse(kind, &pairs)?)
}

/// Everything that a list without a token gives, page by page; a token that is not quite one is refused.
fn pages(kind: Kind, pairs: &Pairs) {
    let Ok(mut now) = page(kind, pairs, None) else { return };
    let mut seen = HashSet::new();
    loop {
        assert!(now.items.iter().all(|entry| seen.insert(entry.id())), "an object comes twice: {pairs:?}");
        let Some(token) = now.next_page_token else { break };
        assert!(!now.items.is_empty(), "an empty page goes on: {pairs:?}");
        let forged: String = token.chars().rev().collect();
        assert!(forged == token || page(kind, pairs, Some(&forged)).is_err(), "{forged} is taken: {pairs:?}");
        now = page(kind, pairs, Some(&token)).unwrap_or_else(|error| panic!("{token} is refused: {error}: {pairs:?}"));
    }
    let counted: Vec<_> = pairs.iter().filter(|(name, _)| name != "sort" && name != "limit").cloned().collect();
    let (inventory, scope) = inventory();
    let count = Query::parse_count(kind, &counted).map(|query| inventory.count(scope, &query).count);
    assert_eq!(count.ok(), Some(seen.len() as u64), "{pairs:?}");
}

fuzz_target!(|address: &str| {
    let (plural, query) = address.split_once('?').unwrap_or((address, ""));
    let kind = Kind::ALL.iter().copied().find(|kind| kind.plural() == plural).unwrap_or(Kind::Vm);
    let pairs: Vec<(String, String)> =
        url::form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    if pairs.iter().any(|(name, _)| name == "page_token") {
        // Never made with this key.
        assert!(page(kind, &pairs, None).is_err(), "{pairs:?}");
    } else {
        pages(kind, &pairs);
    }
    let (inventory, scope) = inventory();
    if let Ok(query) = SummaryQuery::parse(kind, &pairs) {
        let _ = inventory.summary(scope, &query);
    }
    if let Ok(query) = SearchQuery::parse(&pairs) {
        let _ = inventory.search(scope, &query);
    }
});
