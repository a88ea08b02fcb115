//! Filters, sorts, searches and page tokens as they stand in an address: each is read or refused, what is read runs, and
//! page after page gives everything once.
//!
//! An input is an address below `/v1/`: `vms?power_state=running&sort=-memory_mib`.
#![no_main]

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use libfuzzer_sys::fuzz_target;
use spandrel::authz::{Access, Facts, InventoryRead, Principal, TenantScope, roles};
use spandrel::clock::Clock;
use spandrel::inventory::{
    Inventory, InventoryConfig, Page, Query, QueryError, SearchQuery, StoredObject, SummaryQuery, TokenKey,
};
use spandrel::model::{
    Binding, BindingId, BindingScope, Effect, Kind, ObjectId, Owner, Project, ProjectId, ProviderId, Revision,
    SourceId, Subject, Tenant, TenantId, TenantState, Time, UserId,
};

const MACHINES: u64 = 12;

/// Somebody who asks, and what may be answered.
struct Reader {
    scope: TenantScope<InventoryRead>,
    sees: HashSet<ObjectId>,
}

/// Who sees everything, and who sees one project.
fn scopes(owner: Owner, now: Time) -> [TenantScope<InventoryRead>; 2] {
    let tenant = |id, parent_id, name: &str| Tenant {
        id,
        parent_id,
        name: name.to_owned(),
        path: String::new(),
        description: String::new(),
        state: TenantState::Active,
        generation: 1,
        created_at: now,
        updated_at: now,
    };
    let project_id = owner.project_id.expect("it is in a project");
    let project = Project {
        id: project_id,
        tenant_id: owner.tenant_id,
        tenant_path: String::new(),
        name: "shop".to_owned(),
        description: String::new(),
        generation: 1,
        created_at: now,
        updated_at: now,
    };
    let viewer = roles::built_in().into_iter().find(|role| role.name == "viewer").expect("it is built in").id;
    let users = [UserId::generate(), UserId::generate()];
    let binding = |user, role_id, scope, tenant_id| Binding {
        id: BindingId::generate(),
        subject: Subject::User { id: user },
        role_id,
        scope,
        tenant_id,
        effect: Effect::Allow,
        created_at: now,
    };
    let access = Access::new(Facts {
        tenants: vec![
            tenant(TenantId::PLATFORM, None, "platform"),
            tenant(owner.tenant_id, Some(TenantId::PLATFORM), "acme"),
        ],
        projects: vec![project],
        bindings: vec![
            binding(users[0], roles::PLATFORM_ADMIN, BindingScope::PLATFORM, TenantId::PLATFORM),
            binding(users[1], viewer, BindingScope::Project { id: project_id }, owner.tenant_id),
        ],
        ..Facts::default()
    });
    users.map(|user_id| access.scope(&Principal { user_id, username: "fuzz".into(), tenant_id: TenantId::PLATFORM }))
}

/// A few machines, in which much is the same, and some is absent or odd; every third is a project's.
fn inventory() -> &'static (Arc<Inventory>, [Reader; 2]) {
    static MADE: OnceLock<(Arc<Inventory>, [Reader; 2])> = OnceLock::new();
    MADE.get_or_init(|| {
        let inventory = Inventory::new(InventoryConfig::default(), TokenKey::new([7; 32]));
        let now = Clock::system().now();
        let owner = Owner { tenant_id: TenantId::generate(), project_id: Some(ProjectId::generate()) };
        let (provider_id, source_id) = (ProviderId::generate(), SourceId::generate());
        let names = ["web", "Web", "wéb-机", "a/b", "", "db 01"];
        let objects: Vec<_> = (1..=MACHINES).map(|number| {
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
                owner: if number % 3 == 1 { owner } else { Owner::PLATFORM },
                provider_id,
                source_id,
                revision: Revision(number),
                created_at: now,
                changed_at: now,
                body: body.into(),
            }
        }).collect();
        let ids = |of: Option<Owner>| {
            objects.iter().filter(|object| of.is_none_or(|of| object.owner == of)).map(|object| object.id).collect()
        };
        let sees: [HashSet<ObjectId>; 2] = [ids(None), ids(Some(owner))];
        let [all, some] = scopes(owner, now);
        let [sees_all, sees_some] = sees;
        let readers = [Reader { scope: all, sees: sees_all }, Reader { scope: some, sees: sees_some }];
        let mut loader = inventory.loader();
        loader.add(objects);
        let report = loader.finish(&[], Revision(0), Revision(MACHINES));
        assert!(report.unreadable.is_empty(), "{:?}", report.unreadable);
        (inventory, readers)
    })
}

type Pairs = [(String, String)];

fn page(reader: &Reader, kind: Kind, pairs: &Pairs, token: Option<&str>) -> Result<Page, QueryError> {
    let (inventory, _) = inventory();
    let mut pairs = pairs.to_vec();
    pairs.extend(token.map(|token| ("page_token".to_owned(), token.to_owned())));
    inventory.list(&reader.scope, &Query::parse(kind, &pairs)?)
}

/// Everything that a list without a token gives, page by page; a token that is not quite one is refused.
fn pages(reader: &Reader, kind: Kind, pairs: &Pairs) {
    let Ok(mut now) = page(reader, kind, pairs, None) else { return };
    let mut seen = HashSet::new();
    loop {
        assert!(now.items.iter().all(|entry| seen.insert(entry.id())), "an object comes twice: {pairs:?}");
        let Some(token) = now.next_page_token else { break };
        assert!(!now.items.is_empty(), "an empty page goes on: {pairs:?}");
        let forged: String = token.chars().rev().collect();
        let taken = forged != token && page(reader, kind, pairs, Some(&forged)).is_ok();
        assert!(!taken, "{forged} is taken: {pairs:?}");
        now = page(reader, kind, pairs, Some(&token))
            .unwrap_or_else(|error| panic!("{token} is refused: {error}: {pairs:?}"));
    }
    assert!(seen.is_subset(&reader.sees), "what is not visible is answered: {pairs:?}");
    let counted: Vec<_> = pairs.iter().filter(|(name, _)| name != "sort" && name != "limit").cloned().collect();
    let (inventory, _) = inventory();
    let count = Query::parse_count(kind, &counted).map(|query| inventory.count(&reader.scope, &query).count);
    assert_eq!(count.ok(), Some(seen.len() as u64), "{pairs:?}");
}

fuzz_target!(|address: &str| {
    let (plural, query) = address.split_once('?').unwrap_or((address, ""));
    let kind = Kind::ALL.iter().copied().find(|kind| kind.plural() == plural).unwrap_or(Kind::Vm);
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let (inventory, readers) = inventory();
    for reader in readers {
        if pairs.iter().any(|(name, _)| name == "page_token") {
            // Never made with this key.
            assert!(page(reader, kind, &pairs, None).is_err(), "{pairs:?}");
        } else {
            pages(reader, kind, &pairs);
        }
        if let Ok(query) = SummaryQuery::parse(kind, &pairs) {
            let _ = inventory.summary(&reader.scope, &query);
        }
        if let Ok(query) = SearchQuery::parse(&pairs) {
            let _ = inventory.search(&reader.scope, &query);
        }
    }
});
