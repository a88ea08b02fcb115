//! What is answered: the JSON of objects, states that cannot be trusted, who sees what, sums, search.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::world::{
    Whose, at, everything, id, inventory, json, names, pairs, provider, provider_of, put, query, source, tenant, vm,
};
use crate::authz::{ProviderRead, TenantScope};
use crate::inventory::search::search_sorting;
use crate::inventory::{Inventory, InventoryConfig, OutOfOrder, Query, SearchQuery, SummaryQuery, TooLate};
use crate::model::datastore::{Datastore, DatastoreState};
use crate::model::host::{Host, HostState};
use crate::model::network::{Network, NetworkState, NetworkTechnology};
use crate::model::vm::PowerState;
use crate::model::{Change, ChangeOp, HostId, Kind, Object, ObjectId, Revision, SourceState, Zone};

fn host(name: &str, cores: u32, also_known_as: &[u128]) -> Host {
    Host {
        state: HostState::Connected,
        name: name.to_owned(),
        zone_id: None,
        cluster_id: None,
        maintenance: None,
        hardware_model: None,
        hardware_uuid: None,
        also_known_as: also_known_as.iter().map(|number| HostId(id(*number))).collect(),
        cpu_model: None,
        cpu_socket_count: Some(1),
        cpu_core_count: Some(cores),
        cpu_thread_count: Some(cores),
        cpu_mhz: None,
        memory_mib: Some(u64::MAX),
        hypervisor: None,
        addresses: vec!["192.0.2.7".to_owned()],
        booted_at: None,
        tag_ids: Vec::new(),
        native: Default::default(),
    }
}

/// One object of every kind that has a main state.
fn with_state(kind: Kind) -> Object {
    match kind {
        Kind::Vm => vm("a").into(),
        Kind::Host => host("a", 1, &[]).into(),
        Kind::Datastore => Datastore {
            state: DatastoreState::Accessible,
            name: "a".to_owned(),
            zone_id: None,
            parent_id: None,
            datastore_cluster: false,
            technology: "dir".to_owned(),
            shared: false,
            capacity_bytes: None,
            free_bytes: None,
            provisioned_bytes: None,
            location: None,
            hosts: Vec::new(),
            tag_ids: Vec::new(),
            native: Default::default(),
        }
        .into(),
        Kind::Network => Network {
            state: NetworkState::Active,
            name: "a".to_owned(),
            zone_id: None,
            technology: NetworkTechnology::ALL[0],
            switch_name: None,
            vlan_id: None,
            vlan_ranges: Vec::new(),
            cidrs: Vec::new(),
            dhcp_enabled: None,
            uplink: false,
            shared: false,
            hosts: Vec::new(),
            tag_ids: Vec::new(),
            native: Default::default(),
        }
        .into(),
        other => panic!("{other} has a state: give an example of it here"),
    }
}

#[test]
fn the_state_is_the_first_member_and_reads_unknown_while_it_cannot_be_trusted() {
    for (number, kind) in Kind::ALL.iter().enumerate() {
        let Some(field) = Object::state_field(*kind) else { continue };
        let object = with_state(*kind);
        let word = object.state().unwrap();
        let text = String::from_utf8(object.to_json().unwrap()).unwrap();
        assert!(text.starts_with(&format!("{{\"{field}\":\"{word}\",")), "{kind}: {text}");

        let inventory = inventory(InventoryConfig::default());
        let object_id = ObjectId(id(number as u128));
        inventory.apply(&[put(1, object_id, Whose::default(), object)]).unwrap();
        for state in SourceState::ALL {
            inventory.provider_put(provider(source(1), tenant(1), *state));
            let answer = json(&inventory.get(&everything(), *kind, object_id).unwrap().json());
            let last_known = answer.get(format!("last_known_{field}"));
            if state.is_trustworthy() {
                assert_eq!((&answer[field], last_known), (&json!(word), None), "{kind} {state}");
            } else {
                assert_eq!((&answer[field], last_known), (&json!("unknown"), Some(&json!(word))), "{kind} {state}");
            }
            assert_eq!(answer["sync"], json!(state.as_str()));
            // Nothing else depends on it.
            assert_eq!(answer["name"], json!("a"));
            assert_eq!(answer["native"], json!({}));
        }
    }
}

#[test]
fn an_answer_has_the_common_fields_and_all_of_the_noun_and_no_member_twice() {
    let inventory = inventory(InventoryConfig::default());
    let mut live = provider(source(1), tenant(1), SourceState::Live);
    live.sources[0].sync.observed_at = Some(at(77));
    inventory.provider_put(live);
    let mut noun = vm("Größe \"1\"\n\u{2028}");
    noun.ip_addresses = vec!["10.0.0.1".to_owned()];
    noun.created_at = Some(at(5));
    let noun = Object::from(noun);
    inventory.apply(&[put(41, ObjectId(id(9)), Whose::default(), noun.clone())]).unwrap();

    let found = inventory.get(&everything(), Kind::Vm, ObjectId(id(9))).unwrap();
    let mut expected = json!({
        "id": id(9), "kind": "vm", "tenant_id": tenant(1), "project_id": null, "provider_id": provider_of(source(1)), "source_id": source(1), "revision": "41",
        "first_seen_at": at(9), "changed_at": at(41), "observed_at": at(77), "sync": "live",
    });
    let text = found.json();
    let members = text.len();
    let noun = serde_json::to_value(&noun).unwrap();
    for (name, value) in noun.as_object().unwrap() {
        assert!(expected.as_object_mut().unwrap().insert(name.clone(), value.clone()).is_none(), "{name} twice");
    }
    assert_eq!(json(&text), expected);
    // A parser drops what comes twice: the written text is no longer than the parsed one.
    assert_eq!(members, serde_json::to_string(&expected).unwrap().len());

    let page = inventory.list(&everything(), &query(&[])).unwrap();
    let list = json!({"items": [expected], "next_page_token": null, "revision": "41"});
    assert_eq!(json(&page.json()), list);
}

#[test]
fn a_kind_without_state_and_one_with_nothing_but_a_name() {
    let inventory = inventory(InventoryConfig::default());
    let zone = Zone { name: "z".to_owned(), ..Zone::default() };
    inventory.apply(&[put(1, ObjectId(id(1)), Whose::default(), zone)]).unwrap();
    let answer = json(&inventory.get(&everything(), Kind::Zone, ObjectId(id(1))).unwrap().json());
    // Nobody has told of the source yet.
    assert_eq!(
        (&answer["name"], &answer["sync"], &answer["observed_at"]),
        (&json!("z"), &json!("connecting"), &json!(null))
    );
    assert!(inventory.get(&everything(), Kind::Vm, ObjectId(id(1))).is_none());
}

#[test]
fn a_stored_text_of_another_form_is_answered_all_the_same() {
    let inventory = inventory(InventoryConfig::default());
    inventory.provider_put(provider(source(1), tenant(1), SourceState::Unreachable));
    let object = Object::from(vm("a"));
    let value = serde_json::to_value(&object).unwrap();
    let pretty = serde_json::to_string_pretty(&value).unwrap();
    let Change { op: ChangeOp::Put { object, created_at, .. }, .. } = put(1, ObjectId(id(1)), Whose::default(), object)
    else {
        panic!()
    };
    for (revision, body) in [(1, pretty.as_str()), (2, &value.to_string()), (3, "{}")] {
        let op = ChangeOp::Put { body: body.into(), object: object.clone(), created_at };
        let change = Change { op, ..put(revision, ObjectId(id(1)), Whose::default(), vm("a")) };
        inventory.apply(&[change]).unwrap();
        let answer = inventory.get(&everything(), Kind::Vm, ObjectId(id(1))).unwrap().json();
        assert!(!answer.contains(&b'\n'), "the stream needs one line");
        let answer = json(&answer);
        assert_eq!(answer["power_state"], json!("unknown"), "{body}");
        assert_eq!(answer["last_known_power_state"], json!("running"), "{body}");
        assert_eq!(answer["memory_mib"], json!(1024), "{body}");
    }
}

#[test]
fn the_etag_changes_with_the_object_and_with_its_source() {
    let inventory = inventory(InventoryConfig::default());
    let etag = || inventory.get(&everything(), Kind::Vm, ObjectId(id(1))).unwrap().etag();
    inventory.apply(&[put(1, ObjectId(id(1)), Whose::default(), vm("a"))]).unwrap();
    let mut seen = vec![etag()];
    inventory.provider_put(provider(source(1), tenant(1), SourceState::Live));
    seen.push(etag());
    let mut observed = provider(source(1), tenant(1), SourceState::Live);
    observed.sources[0].sync.observed_at = Some(at(1));
    inventory.provider_put(observed.clone());
    seen.push(etag());
    inventory.apply(&[put(2, ObjectId(id(1)), Whose::default(), vm("a"))]).unwrap();
    seen.push(etag());
    assert!(seen.iter().all(|etag| etag.starts_with('"') && etag.ends_with('"')), "{seen:?}");
    let mut distinct = seen.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), seen.len(), "{seen:?}");
    // What does not show in the object does not change its tag.
    observed.name = "renamed".to_owned();
    inventory.apply(&[put(3, ObjectId(id(2)), Whose::default(), vm("b"))]).unwrap();
    inventory.provider_put(observed);
    assert_eq!(Some(&etag()), seen.last());
}

#[test]
fn an_object_of_an_unseen_tenant_does_not_exist() {
    let inventory = inventory(InventoryConfig::default());
    let theirs = Whose { tenant: tenant(2), source: source(2), ..Whose::default() };
    inventory.apply(&[put(1, ObjectId(id(1)), Whose::default(), vm("mine"))]).unwrap();
    inventory.apply(&[put(2, ObjectId(id(2)), theirs, vm("theirs"))]).unwrap();
    inventory.provider_put(provider(source(1), tenant(1), SourceState::Live));
    inventory.provider_put(provider(source(2), tenant(2), SourceState::Live));
    let scope = TenantScope::of_tenant(tenant(1));

    assert_eq!(names(&inventory, &scope, &[]), ["mine"]);
    assert_eq!(names(&inventory, &everything(), &[]), ["mine", "theirs"]);
    assert!(inventory.get(&scope, Kind::Vm, ObjectId(id(2))).is_none());
    let theirs_id = id(2).to_string();
    for asked in [&[("id", theirs_id.as_str())][..], &[("name", "theirs")], &[("q", "theirs")], &[("name.prefix", "t")]]
    {
        assert!(names(&inventory, &scope, asked).is_empty(), "{asked:?}");
        let count = Query::parse_count(Kind::Vm, &pairs(asked)).unwrap();
        assert_eq!(inventory.count(&scope, &count).count, 0, "{asked:?}");
        assert_eq!(inventory.count(&everything(), &count).count, 1, "{asked:?}");
    }
    let summary = SummaryQuery::parse(Kind::Vm, &pairs(&[("group_by", "name"), ("sum", "memory_mib")])).unwrap();
    assert_eq!(inventory.summary(&scope, &summary).unwrap().groups.len(), 1);
    let search = SearchQuery::parse(&pairs(&[("q", "theirs")])).unwrap();
    assert!(inventory.search(&scope, &search).items.is_empty());
    assert_eq!(inventory.search(&everything(), &search).items.len(), 1);
    let seen = TenantScope::<ProviderRead>::of_tenant(tenant(1));
    assert_eq!(inventory.providers(&seen).len(), 1);
    assert!(inventory.provider(&seen, provider_of(source(2))).is_none());
    assert!(inventory.provider(&seen, provider_of(source(1))).is_some());
}

#[test]
fn a_machine_under_two_providers_is_summed_once_in_a_group() {
    let inventory = inventory(InventoryConfig::default());
    let (a, b) = (Whose::default(), Whose { source: source(2), ..Whose::default() });
    inventory
        .apply(&[
            put(1, ObjectId(id(1)), a, host("esx", 16, &[2])),
            put(2, ObjectId(id(2)), b, host("esx", 16, &[1])),
            put(3, ObjectId(id(3)), b, host("other", 8, &[])),
        ])
        .unwrap();
    let sums = |text: &[(&str, &str)]| {
        let query = SummaryQuery::parse(Kind::Host, &pairs(text)).unwrap();
        let groups = inventory.summary(&everything(), &query).unwrap().groups;
        groups.into_iter().map(|group| (group.count, group.sums[0])).collect::<Vec<_>>()
    };
    let two = source(2).to_string();
    assert_eq!(sums(&[("sum", "cpu_core_count")]), [(3, 24)]);
    assert_eq!(sums(&[("sum", "cpu_core_count"), ("group_by", "source_id")]), [(1, 16), (2, 24)]);
    assert_eq!(sums(&[("sum", "cpu_core_count"), ("source_id", &two)]), [(2, 24)]);
    // More than 64 bits hold.
    assert_eq!(sums(&[("sum", "memory_mib")]), [(3, i128::from(i64::MAX) * 2)]);
}

#[test]
fn a_summary_is_written_as_json() {
    let inventory = inventory(InventoryConfig::default());
    let mut windows = vm("a");
    windows.guest_os = Some("Windows \"x\"".to_owned());
    inventory.apply(&[put(1, ObjectId(id(1)), Whose::default(), windows)]).unwrap();
    inventory.apply(&[put(2, ObjectId(id(2)), Whose::default(), vm("b"))]).unwrap();
    let text = [("group_by", "guest_os,persistent"), ("sum", "memory_mib,vcpu_count")];
    let query = SummaryQuery::parse(Kind::Vm, &pairs(&text)).unwrap();
    let sums = json!({"memory_mib": 1024, "vcpu_count": 2});
    let expected = json!({"groups": [
        {"key": {"guest_os": null, "persistent": true}, "count": 1, "sums": sums},
        {"key": {"guest_os": "Windows \"x\"", "persistent": true}, "count": 1, "sums": sums},
    ], "revision": "2"});
    assert_eq!(json(&inventory.summary(&everything(), &query).unwrap().json()), expected);
    let none = SummaryQuery::parse(Kind::Vm, &pairs(&[("name", "nobody"), ("sum", "memory_mib")])).unwrap();
    let expected = json!({"groups": [{"key": {}, "count": 0, "sums": {"memory_mib": 0}}], "revision": "2"});
    assert_eq!(json(&inventory.summary(&everything(), &none).unwrap().json()), expected);
}

#[test]
fn a_search_finds_every_kind_by_name_address_and_id() {
    let inventory = inventory(InventoryConfig::default());
    let mut machine = vm("Web Shop");
    machine.ip_addresses = vec!["192.0.2.7".to_owned(), "2001:DB8::1".to_owned()];
    machine.mac_addresses = vec!["52:54:00:aa:bb:cc".to_owned()];
    let machine_id = ObjectId(id(0xabcd_ef01_2345_6789));
    inventory
        .apply(&[
            put(1, machine_id, Whose::default(), machine),
            put(2, ObjectId(id(2)), Whose::default(), vm("shop-2")),
            put(3, ObjectId(id(3)), Whose::default(), host("shop-host", 1, &[])),
        ])
        .unwrap();
    let own_id = machine_id.to_string();
    let cases: &[(&str, &[&str])] = &[
        ("SHOP", &["shop-2", "shop-host", "Web Shop"]),
        ("192.0.2.7", &["Web Shop", "shop-host"]),
        ("2001:db8", &["Web Shop"]),
        ("shop 52:54", &["Web Shop"]),
        (&own_id, &["Web Shop"]),
        ("nothing", &[]),
    ];
    for (text, expected) in cases {
        let page = inventory.search(&everything(), &SearchQuery::parse(&pairs(&[("q", text)])).unwrap());
        let found: Vec<&str> = page.items.iter().map(|hit| hit.entry.name()).collect();
        assert_eq!(found, *expected, "{text}");
        assert!(!page.truncated);
    }
    let text = pairs(&[("q", "shop"), ("types", "vm"), ("limit", "1")]);
    let page = inventory.search(&everything(), &SearchQuery::parse(&text).unwrap());
    assert!(page.truncated);
    let short = json!({
        "kind": "vm", "id": id(2), "name": "shop-2", "provider_id": provider_of(source(1)), "source_id": source(1),
    });
    assert_eq!(json(&page.json()), json!({"items": [short], "truncated": true, "revision": "3"}));
}

#[test]
fn a_search_with_many_hits_of_others_still_finds_ones_own() {
    let inventory = inventory(InventoryConfig::default());
    let theirs = Whose { tenant: tenant(2), source: source(2), ..Whose::default() };
    for number in 1..=6 {
        inventory.apply(&[put(number, ObjectId(id(number.into())), theirs, vm(&format!("a shop {number}")))]).unwrap();
    }
    inventory.apply(&[put(7, ObjectId(id(7)), Whose::default(), vm("my shop"))]).unwrap();
    let scope = TenantScope::of_tenant(tenant(1));
    let query = SearchQuery::parse(&pairs(&[("q", "shop"), ("limit", "2")])).unwrap();
    for sorted_max in [2, 100] {
        let page = search_sorting(&inventory.snapshot(), &scope, &query, sorted_max);
        let found: Vec<&str> = page.items.iter().map(|hit| hit.entry.name()).collect();
        assert_eq!((found, page.truncated), (vec!["my shop"], false), "{sorted_max}");
        let page = search_sorting(&inventory.snapshot(), &everything(), &query, sorted_max);
        let found: Vec<&str> = page.items.iter().map(|hit| hit.entry.name()).collect();
        assert_eq!((found, page.truncated), (vec!["a shop 1", "a shop 2"], true), "{sorted_max}");
    }
}

#[test]
fn a_batch_becomes_visible_at_once_and_in_order_only() {
    let inventory = inventory(InventoryConfig::default());
    let batch =
        [put(5, ObjectId(id(1)), Whose::default(), vm("a")), put(7, ObjectId(id(2)), Whose::default(), vm("b"))];
    assert_eq!(inventory.apply(&batch), Ok(Revision(7)));
    let before = inventory.snapshot();
    // A batch that was applied already changes nothing; one that came too late is refused as a whole.
    assert_eq!(inventory.apply(&batch), Ok(Revision(7)));
    let late = [put(8, ObjectId(id(3)), Whose::default(), vm("c")), put(6, ObjectId(id(4)), Whose::default(), vm("d"))];
    assert_eq!(inventory.apply(&late), Err(OutOfOrder { given: Revision(6), newest: Revision(7) }));
    assert_eq!(inventory.apply(&[]), Ok(Revision(7)));
    assert!(Arc::ptr_eq(&before, &inventory.snapshot()));
    let next = [put(8, ObjectId(id(3)), Whose::default(), vm("c"))];
    inventory.apply(&next).unwrap();
    assert_eq!((before.object_count(Kind::Vm), inventory.snapshot().object_count(Kind::Vm)), (2, 3));
}

#[tokio::test]
async fn waiting_for_a_revision_ends_when_it_is_there_or_the_deadline_passes() {
    let inventory = inventory(InventoryConfig::default());
    let soon = || Instant::now() + Duration::from_millis(20);
    let late = Instant::now() + Duration::from_secs(60);
    let too_late = TooLate { wanted: Revision(2), newest: Revision(0) };
    assert_eq!(inventory.wait_for(Revision(2), soon()).await.err(), Some(too_late));
    let waiting = tokio::spawn({
        let inventory: Arc<Inventory> = inventory.clone();
        async move { inventory.wait_for(Revision(2), late).await.map(|snapshot| snapshot.revision()) }
    });
    tokio::task::yield_now().await;
    inventory.apply(&[put(1, ObjectId(id(1)), Whose::default(), vm("a"))]).unwrap();
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    inventory.apply(&[put(3, ObjectId(id(1)), Whose::default(), vm("a"))]).unwrap();
    assert_eq!(waiting.await.unwrap(), Ok(Revision(3)));
    assert!(inventory.wait_for(Revision(0), soon()).await.is_ok());
}

#[test]
fn filters_on_the_state_see_what_is_answered() {
    let inventory = inventory(InventoryConfig::default());
    let mut stopped = vm("stopped");
    stopped.power_state = PowerState::Stopped;
    let mut unknown = vm("unknown");
    unknown.power_state = PowerState::Unknown;
    for (number, machine) in [stopped, unknown, vm("running-1"), vm("running-2")].into_iter().enumerate() {
        let whose = Whose { source: source(1 + u128::from(number == 3)), ..Whose::default() };
        inventory.apply(&[put(number as u64 + 1, ObjectId(id(number as u128)), whose, machine)]).unwrap();
    }
    inventory.provider_put(provider(source(1), tenant(1), SourceState::Live));
    inventory.provider_put(provider(source(2), tenant(1), SourceState::Unreachable));
    let list = |text: &[(&str, &str)]| names(&inventory, &everything(), text);
    assert_eq!(list(&[("power_state", "running")]), ["running-1"]);
    assert_eq!(list(&[("power_state", "unknown")]), ["running-2", "unknown"]);
    assert_eq!(list(&[("power_state", "unknown,stopped"), ("sort", "-name")]), ["unknown", "stopped", "running-2"]);
    assert_eq!(list(&[("sync", "unreachable")]), ["running-2"]);
    inventory.provider_removed(provider_of(source(2)));
    assert_eq!(list(&[("sync", "connecting")]), ["running-2"]);
}
