//! A restart: what was stored is there again, and watchers resume from before it.

use futures::{FutureExt, StreamExt};

use super::world::{Whose, at, everything, id, inventory, json, names, provider_of, put, query, vm, watching};
use crate::inventory::{Event, Inventory, InventoryConfig, LoggedDeletion, StoredObject, WatchError, WatchRequest};
use crate::model::{Kind, Object, ObjectId, Revision};

fn stored(number: u128, revision: u64, object: &Object) -> StoredObject {
    let whose = Whose::default();
    StoredObject {
        id: ObjectId(id(number)),
        kind: object.kind(),
        owner: whose.owner(),
        provider_id: provider_of(whose.source),
        source_id: whose.source,
        revision: Revision(revision),
        created_at: at(0),
        changed_at: at(1),
        body: String::from_utf8(object.to_json().unwrap()).unwrap().into(),
    }
}

fn deleted(revision: u64, number: u128) -> LoggedDeletion {
    let whose = Whose::default();
    LoggedDeletion {
        revision: Revision(revision),
        id: ObjectId(id(number)),
        kind: Kind::Vm,
        owner: whose.owner(),
        provider_id: provider_of(whose.source),
    }
}

fn restarted() -> std::sync::Arc<Inventory> {
    let inventory = inventory(InventoryConfig::default());
    assert!(!inventory.is_loaded());
    let mut loader = inventory.loader();
    loader.add(vec![stored(1, 9, &vm("one").into()), stored(2, 6, &vm("two").into())]);
    loader.add(Vec::new());
    let mut damaged = stored(3, 7, &vm("three").into());
    damaged.body = "{\"power_state\":\"running\"".into();
    loader.add(vec![damaged, stored(4, 4, &vm("four").into())]);
    let report = loader.finish(&[deleted(8, 5)], Revision(4), Revision(12));
    assert_eq!(report.object_count, 3);
    let [unreadable] = &report.unreadable[..] else { panic!("{report:?}") };
    assert_eq!(unreadable.id, ObjectId(id(3)));
    assert!(!unreadable.reason.is_empty());
    assert!(inventory.is_loaded());
    inventory
}

fn hears(inventory: &std::sync::Arc<Inventory>, from: u64) -> Result<Vec<(&'static str, u64)>, WatchError> {
    let request = WatchRequest { from: Some(Revision(from)), ..WatchRequest::default() };
    let mut watch = watching(inventory, everything(), request)?;
    let mut heard = Vec::new();
    while let Some(Some(event)) = watch.next().now_or_never() {
        heard.extend(event.revision().map(|revision| (event.name(), revision.0)));
    }
    assert_eq!(watch.position(), inventory.revision());
    Ok(heard)
}

#[test]
fn what_was_stored_is_answered() {
    let inventory = restarted();
    assert_eq!(names(&inventory, &everything(), &[]), ["four", "one", "two"]);
    let page = inventory.list(&everything(), &query(&[("name", "one")])).unwrap();
    assert_eq!(page.revision, Revision(12));
    let answer = &json(&page.json())["items"][0];
    assert_eq!(
        (&answer["revision"], &answer["sync"], &answer["power_state"]),
        (&"9".into(), &"connecting".into(), &"unknown".into())
    );
}

#[test]
fn a_watcher_from_before_the_restart_hears_the_newest_versions_and_deletions() {
    let inventory = restarted();
    assert_eq!(hears(&inventory, 4).unwrap(), [("put", 6), ("delete", 8), ("put", 9)]);
    assert_eq!(hears(&inventory, 6).unwrap(), [("delete", 8), ("put", 9)]);
    assert_eq!(hears(&inventory, 12).unwrap(), []);
    assert_eq!(hears(&inventory, 3), Err(WatchError::Compacted { oldest: Revision(4) }));
    assert_eq!(hears(&inventory, 13), Err(WatchError::Future { newest: Revision(12) }));
    // Life goes on.
    inventory.apply(&[put(13, ObjectId(id(2)), Whose::default(), vm("zwei"))]).unwrap();
    assert_eq!(hears(&inventory, 4).unwrap(), [("delete", 8), ("put", 9), ("put", 13)]);
    assert_eq!(names(&inventory, &everything(), &[]), ["four", "one", "zwei"]);
}

/// Of more changes than the log may hold the oldest are as if they had been compacted.
#[test]
fn a_restored_log_has_its_bound() {
    let inventory = inventory(InventoryConfig { log_max: 2, ..InventoryConfig::default() });
    let mut loader = inventory.loader();
    loader.add((1..5).map(|number| stored(number.into(), number * 2, &vm("x").into())).collect());
    let _ = loader.finish(&[deleted(5, 9)], Revision(0), Revision(8));
    assert_eq!(hears(&inventory, 5), Ok(vec![("put", 6), ("put", 8)]));
    assert_eq!(hears(&inventory, 4), Err(WatchError::Compacted { oldest: Revision(5) }));
    // What was there before the restart is known, also what the log does not tell.
    let again = put(3, ObjectId(id(1)), Whose::default(), vm("old"));
    assert_eq!(inventory.apply(&[again]), Ok(Revision(8)));
}

#[test]
fn a_watch_that_began_before_the_load_hears_all_of_it_or_ends() {
    let inventory = inventory(InventoryConfig::default());
    let mut watch = watching(&inventory, everything(), WatchRequest::default()).unwrap();
    let mut loader = inventory.loader();
    loader.add(vec![stored(1, 9, &vm("one").into())]);
    let _ = loader.finish(&[], Revision(8), Revision(9));
    assert!(matches!(watch.next().now_or_never(), Some(Some(Event::Put { revision: Revision(9), .. }))));
}

/// The platform's detail is not read, but it must be sound: it is answered as it stands there.
#[test]
fn what_is_damaged_is_left_out_wherever_it_is() {
    let inventory = inventory(InventoryConfig::default());
    let mut loader = inventory.loader();
    let mut machine = vm("one");
    machine.attributes.insert("native".to_owned(), ",\"native\":{".to_owned());
    machine.native.insert("native".to_owned(), serde_json::json!({"native": {}}));
    let good = stored(1, 1, &machine.into());
    let with = |number, from: &str, to: &str| {
        let mut bad = stored(number, 2, &vm("two").into());
        assert!(bad.body.contains(from), "{}", bad.body);
        bad.body = bad.body.replace(from, to).into();
        bad
    };
    loader.add(vec![
        good,
        with(2, "\"native\":{", "\"native\":{]"),
        with(3, "\"native\":{", "\"nativ\":{"),
        with(4, "}}", "}"),
    ]);
    let report = loader.finish(&[], Revision(0), Revision(2));
    let unreadable: Vec<_> = report.unreadable.iter().map(|unreadable| unreadable.id).collect();
    assert_eq!(unreadable, [2, 3, 4].map(|number| ObjectId(id(number))));
    let page = inventory.list(&everything(), &query(&[])).unwrap();
    let item = &json(&page.json())["items"][0];
    assert_eq!(
        (&item["attributes"]["native"], &item["native"]["native"]),
        (&",\"native\":{".into(), &serde_json::json!({"native": {}}))
    );
}

/// A loaded inventory is indexed like one that was fed.
#[test]
fn loaded_and_fed_are_the_same() {
    let fed = inventory(InventoryConfig::default());
    let loaded = inventory(InventoryConfig::default());
    let mut loader = loaded.loader();
    for number in 0..100u64 {
        let mut machine = vm(&format!("VM {}", number * 37 % 100));
        machine.memory_mib = (number % 7 > 0).then_some(number % 7);
        machine.guest_os = (number % 3 == 0).then(|| "Debian".to_owned());
        let object = Object::from(machine);
        fed.apply(&[put(number + 1, ObjectId(id(number.into())), Whose::default(), object.clone())]).unwrap();
        loader.add(vec![stored(number.into(), number + 1, &object)]);
    }
    let _ = loader.finish(&[], Revision(100), Revision(100));
    let asked: &[&[(&str, &str)]] = &[
        &[],
        &[("sort", "-memory_mib")],
        &[("guest_os", "debian"), ("sort", "memory_mib,-name")],
        &[("name.prefix", "vm 1")],
        &[("provider_id", &provider_of(Whose::default().source).to_string())],
    ];
    for text in asked {
        assert_eq!(names(&loaded, &everything(), text), names(&fed, &everything(), text), "{text:?}");
    }
}
