//! Watches: nothing is missed, nothing comes twice, nobody waits for a slow one.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use futures::{FutureExt, StreamExt};
use proptest::prelude::*;
use serde_json::json;

use super::plain::{Both, Step, scopes, steps};
use super::world::{
    ReadScope, Whose, delete, every_provider, everything, id, inventory, json, provider, provider_of, put, source,
    tenant, vm, watching,
};
use crate::authz::TenantScope;
use crate::inventory::{EndReason, Event, Inventory, InventoryConfig, Query, Watch, WatchError, WatchRequest};
use crate::model::{Change, Kind, ObjectId, Revision, SourceState};

fn from(revision: u64) -> WatchRequest {
    WatchRequest { from: Some(Revision(revision)), ..WatchRequest::default() }
}

/// What the watch has to tell without waiting.
fn ready(watch: &mut Watch) -> Vec<Event> {
    let mut events = Vec::new();
    let mut idle = 0;
    // A watch that gives others their turn is not at its end yet.
    while idle < 3 {
        match watch.next().now_or_never() {
            Some(Some(event)) => events.push(event),
            Some(None) => break,
            None => idle += 1,
        }
    }
    events
}

/// Only what tells of objects, in short: what happened, to whom, at which revision.
fn objects(events: &[Event]) -> Vec<(&'static str, u128, u64)> {
    let short = |event: &Event| match event {
        Event::Put { id, revision, .. } | Event::Delete { id, revision, .. } => {
            Some((event.name(), id.0.as_u128(), revision.0))
        }
        _ => None,
    };
    events.iter().filter_map(short).collect()
}

/// A client that lists, and then keeps what it knows equal by a watch.
struct Client {
    scope: ReadScope,
    known: BTreeMap<ObjectId, u64>,
    watch: Watch,
    last: u64,
}

impl Client {
    fn list_and_watch(inventory: &Arc<Inventory>, scope: ReadScope) -> Self {
        let query = Query::parse(Kind::Vm, &[("limit".to_owned(), "1000".to_owned())]).unwrap();
        let page = inventory.list(&scope, &query).unwrap();
        let known = page.items.iter().map(|entry| (entry.id(), entry.revision().0)).collect();
        let watch = watching(inventory, scope.clone(), from(page.revision.0)).unwrap();
        Self { scope, known, watch, last: page.revision.0 }
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::Put { id, revision, data, .. } => {
                assert!(revision.0 > self.last, "{} after {}", revision.0, self.last);
                self.last = revision.0;
                self.known.insert(*id, revision.0);
                let told = json(data);
                assert_eq!(told["object"]["id"], json!(id));
                assert_eq!(
                    (&told["revision"], &told["object"]["revision"]),
                    (&json!(revision.to_string()), &told["revision"])
                );
            }
            Event::Delete { id, revision, .. } => {
                assert!(revision.0 > self.last, "{} after {}", revision.0, self.last);
                self.last = revision.0;
                // Where versions are no longer kept, also one may be gone that was never told.
                self.known.remove(id);
            }
            Event::End { .. } => panic!("{event:?}"),
            _ => {}
        }
    }
}

fn visible(inventory: &Inventory, scope: &ReadScope) -> BTreeMap<ObjectId, u64> {
    let query = Query::parse(Kind::Vm, &[("limit".to_owned(), "1000".to_owned())]).unwrap();
    let page = inventory.list(scope, &query).unwrap();
    page.items.iter().map(|entry| (entry.id(), entry.revision().0)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 100 } else { 3000 }))]

    /// Clients that begin at any time, with any scope, and read now and then, know in the end what there is.
    #[test]
    fn list_and_watch_know_in_the_end_what_there_is(
        steps in steps(1..80),
        batch in 1..6usize,
        starts in proptest::collection::vec((0..80usize, scopes(), 1..5usize), 1..4),
        version_max in 0..20usize,
    ) {
        let mut both = Both::new(InventoryConfig { version_max, ..InventoryConfig::default() });
        let inventory = both.inventory.clone();
        let mut clients: Vec<(usize, Client)> = Vec::new();
        for (at, steps) in steps.chunks(batch).enumerate() {
            for (_, scope, every) in starts.iter().filter(|(start, ..)| start / batch == at) {
                clients.push((*every, Client::list_and_watch(&inventory, scope.clone())));
            }
            both.run(steps, batch);
            for (every, client) in &mut clients {
                if at % *every == 0 {
                    ready(&mut client.watch).iter().for_each(|event| client.take(event));
                }
            }
        }
        for (_, mut client) in clients {
            ready(&mut client.watch).iter().for_each(|event| client.take(event));
            prop_assert_eq!(client.watch.position(), inventory.revision());
            prop_assert_eq!(client.known, visible(&inventory, &client.scope));
        }
    }

    /// Whoever keeps up is told every single change, whatever it changes.
    #[test]
    fn every_change_is_told_in_its_order(steps in steps(1..60), start in 0..60u64) {
        let mut both = Both::new(InventoryConfig::default());
        let inventory = both.inventory.clone();
        let mut told = Vec::new();
        for step in &steps {
            if let Some(change) = both.step(step) {
                inventory.apply(std::slice::from_ref(&change)).unwrap();
                let op = if matches!(step, Step::Delete(_)) { "delete" } else { "put" };
                told.push((op, change.id.0.as_u128(), change.revision.0));
            }
        }
        let start = start.min(both.revision);
        let mut watch = watching(&inventory, everything(), from(start)).unwrap();
        told.retain(|(_, _, revision)| *revision > start);
        prop_assert_eq!(objects(&ready(&mut watch)), told);
    }
}

/// Writers, and readers that list and watch at any moment, on several threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn list_and_watch_hold_under_concurrency() {
    const CHANGES: u64 = 4000;
    let inventory = inventory(InventoryConfig::default());
    let writer = std::thread::spawn({
        let inventory = inventory.clone();
        move || {
            let mut revision = 0;
            while revision < CHANGES {
                let batch: Vec<Change> = (0..1 + revision % 7)
                    .map(|_| {
                        revision += 1;
                        // A plain sequence that visits objects in a mixed order and deletes one in five.
                        let object = ObjectId(id(u128::from(revision * 7919 % 97)));
                        match revision % 5 {
                            0 => delete(revision, object, Kind::Vm, Whose::default()),
                            _ => put(revision, object, Whose::default(), vm(&format!("vm-{}", revision % 13))),
                        }
                    })
                    .collect();
                inventory.apply(&batch).unwrap();
                if revision % 11 == 0 {
                    std::thread::yield_now();
                }
            }
            revision
        }
    });
    let clients: Vec<_> = (0..16)
        .map(|_| {
            let inventory = inventory.clone();
            tokio::spawn(async move {
                let mut client = Client::list_and_watch(&inventory, everything());
                let begin = client.last;
                let mut told = HashSet::new();
                while client.watch.position().0 < CHANGES {
                    let event = client.watch.next().await.unwrap();
                    if let Event::Delete { id, revision, .. } = &event {
                        // The writer also deletes what is not there.
                        assert!(revision.0 > client.last);
                        client.last = revision.0;
                        client.known.remove(id);
                    } else {
                        client.take(&event);
                    }
                    told.extend(event.revision());
                }
                ready(&mut client.watch).iter().for_each(|event| told.extend(event.revision()));
                (begin, told.len() as u64)
            })
        })
        .collect();
    let last = writer.join().unwrap();
    for client in clients {
        let (begin, told) = client.await.unwrap();
        assert_eq!(told, last - begin);
    }
}

#[test]
fn providers_come_first_and_then_whenever_they_change() {
    let inventory = inventory(InventoryConfig::default());
    inventory.provider_put(provider(source(1), tenant(1), SourceState::Connecting));
    inventory.provider_put(provider(source(2), tenant(2), SourceState::Live));
    inventory.apply(&[put(1, ObjectId(id(1)), Whose::default(), vm("a"))]).unwrap();
    let mut all = watching(&inventory, everything(), from(0)).unwrap();
    let mut mine = inventory
        .watch(TenantScope::of_tenant(tenant(1)), TenantScope::of_tenant(tenant(1)), WatchRequest::default())
        .unwrap();
    let names = |events: &[Event]| events.iter().map(Event::name).collect::<Vec<_>>();
    assert_eq!(names(&ready(&mut all)), ["provider", "provider", "put"]);
    let first = ready(&mut mine);
    assert_eq!(names(&first), ["provider"]);
    assert_eq!(first[0].revision(), None);
    assert_eq!(json(first[0].data())["sources"][0]["sync"]["state"], json!("connecting"));

    // The same again is no news.
    inventory.provider_put(provider(source(2), tenant(2), SourceState::Live));
    assert!(ready(&mut all).is_empty());
    // What happened meanwhile is told as it is now.
    for state in [SourceState::Loading, SourceState::Lagging, SourceState::Live] {
        inventory.provider_put(provider(source(1), tenant(1), state));
    }
    let changed = ready(&mut mine);
    assert_eq!(names(&changed), ["provider"]);
    assert_eq!(json(changed[0].data())["sources"][0]["sync"]["state"], json!("live"));
    assert_eq!(names(&ready(&mut all)), ["provider"]);

    // What ages is read at once, and told with the next change.
    let mut older = provider(source(1), tenant(1), SourceState::Live);
    older.sources[0].sync.loaded = Some(7);
    inventory.providers_refreshed([older.clone()]);
    let read = || json(&inventory.provider(&every_provider(), provider_of(source(1))).unwrap().json());
    assert_eq!(read()["sources"][0]["sync"]["loaded"], json!(7));
    assert!(ready(&mut mine).is_empty() && ready(&mut all).is_empty());
    inventory.provider_put(older.clone());
    assert_eq!(names(&ready(&mut mine)), ["provider"]);
    assert_eq!(json(ready(&mut all)[0].data())["sources"][0]["sync"]["loaded"], json!(7));
    inventory.provider_put(older.clone());
    inventory.providers_refreshed([older, provider(source(9), tenant(1), SourceState::Live)]);
    assert!(ready(&mut all).is_empty(), "no news, and nobody unknown");
    assert!(inventory.provider(&every_provider(), provider_of(source(9))).is_none());

    inventory.provider_removed(provider_of(source(1)));
    inventory.provider_removed(provider_of(source(1)));
    let removed = ready(&mut mine);
    assert_eq!(names(&removed), ["provider_removed"]);
    assert_eq!(json(removed[0].data()), json!({"id": provider_of(source(1))}));
    assert_eq!(names(&ready(&mut all)), ["provider_removed"]);
    let mut one = watching(
        &inventory,
        everything(),
        WatchRequest { provider_id: Some(provider_of(source(1))), ..WatchRequest::default() },
    )
    .unwrap();
    assert!(ready(&mut one).is_empty());
}

#[test]
fn events_are_server_sent_events_with_their_json_within() {
    let inventory = inventory(InventoryConfig::default());
    inventory.provider_put(provider(source(1), tenant(1), SourceState::Live));
    let mut watch = watching(&inventory, everything(), from(0)).unwrap();
    inventory.apply(&[put(3, ObjectId(id(1)), Whose::default(), vm("a\nb"))]).unwrap();
    inventory.apply(&[delete(4, ObjectId(id(1)), Kind::Vm, Whose::default())]).unwrap();
    let mut events = ready(&mut watch);
    events.push(watch.bookmark());
    events.push(watch.end(EndReason::ShuttingDown));
    for event in &events {
        let frame = std::str::from_utf8(event.frame()).unwrap();
        let data = std::str::from_utf8(event.data()).unwrap();
        let id = event.revision().map_or(String::new(), |revision| format!("id: {revision}\n"));
        assert_eq!(frame, format!("event: {}\n{id}data: {data}\n\n", event.name()));
        assert!(!data.contains('\n'));
    }
    let json: Vec<_> = events.iter().map(|event| (event.name(), json(event.data()))).collect();
    assert_eq!(json[1].1["object"]["name"], json!("a\nb"));
    assert_eq!(json[2], ("delete", json!({"kind": "vm", "id": id(1), "revision": "4"})));
    assert_eq!(json[3], ("bookmark", json!({"revision": "4"})));
    assert_eq!(json[4], ("end", json!({"reason": "shutting_down", "resume_from": "4"})));
    assert_eq!(json.len(), 5);
    assert_eq!(watch.next().now_or_never(), Some(None));
}

#[test]
fn watchers_share_the_bytes_of_an_event_until_its_source_changes() {
    let inventory = inventory(InventoryConfig::default());
    inventory.provider_put(provider(source(1), tenant(1), SourceState::Live));
    inventory.apply(&[put(1, ObjectId(id(1)), Whose::default(), vm("a"))]).unwrap();
    let told = || ready(&mut watching(&inventory, everything(), from(0)).unwrap()).pop().unwrap();
    let (a, b) = (told(), told());
    assert_eq!(a.frame().as_ptr(), b.frame().as_ptr());
    assert_eq!(json(a.data())["object"]["power_state"], json!("running"));
    inventory.provider_put(provider(source(1), tenant(1), SourceState::Unreachable));
    assert_eq!(json(told().data())["object"]["power_state"], json!("unknown"));
}

#[test]
fn a_watch_hears_only_what_it_asked_for() {
    let inventory = inventory(InventoryConfig::default());
    let other = Whose { source: source(2), ..Whose::default() };
    let zone = crate::model::Zone { name: "z".to_owned(), ..Default::default() };
    inventory
        .apply(&[
            put(1, ObjectId(id(1)), Whose::default(), vm("a")),
            put(2, ObjectId(id(2)), other, vm("b")),
            put(3, ObjectId(id(3)), other, zone),
        ])
        .unwrap();
    let hears = |request: WatchRequest| {
        let mut watch =
            watching(&inventory, everything(), WatchRequest { from: Some(Revision(0)), ..request }).unwrap();
        let events = objects(&ready(&mut watch)).into_iter().map(|(_, _, revision)| revision).collect::<Vec<_>>();
        // Also what it did not hear has passed.
        assert_eq!(watch.position(), Revision(3));
        events
    };
    assert_eq!(hears(WatchRequest::default()), [1, 2, 3]);
    assert_eq!(hears(WatchRequest { kinds: vec![Kind::Zone], ..Default::default() }), [3]);
    assert_eq!(hears(WatchRequest { provider_id: Some(provider_of(source(2))), ..Default::default() }), [2, 3]);
    assert_eq!(hears(WatchRequest { id: Some(ObjectId(id(1))), ..Default::default() }), [1]);
}

#[test]
fn an_object_given_away_is_gone_for_its_former_tenant() {
    for version_max in [0, 10] {
        let inventory = inventory(InventoryConfig { version_max, ..InventoryConfig::default() });
        let whose = |number| Whose { tenant: tenant(number), ..Whose::default() };
        let object = ObjectId(id(1));
        for (revision, owner) in [(1, 1), (2, 2), (3, 2), (4, 1), (5, 2)] {
            inventory.apply(&[put(revision, object, whose(owner), vm("a"))]).unwrap();
        }
        inventory.apply(&[delete(6, object, Kind::Vm, whose(2))]).unwrap();
        let hears = |number| {
            let scope = TenantScope::of_tenant(tenant(number));
            objects(&ready(&mut watching(&inventory, scope, from(0)).unwrap()))
        };
        if version_max == 10 {
            assert_eq!(hears(1), [("put", 1, 1), ("delete", 1, 2), ("put", 1, 4), ("delete", 1, 5)]);
            assert_eq!(hears(2), [("put", 1, 2), ("put", 1, 3), ("delete", 1, 4), ("put", 1, 5), ("delete", 1, 6)]);
        } else {
            // The versions are no longer kept; that it is gone still is told, and to nobody else.
            assert_eq!(hears(1), [("delete", 1, 2), ("delete", 1, 5)]);
            assert_eq!(hears(2), [("delete", 1, 4), ("delete", 1, 6)]);
        }
        assert!(hears(3).is_empty());
    }
}

#[test]
fn a_revision_too_old_or_not_yet_there_is_refused() {
    let inventory = inventory(InventoryConfig { log_max: 3, ..InventoryConfig::default() });
    for revision in 1..=5 {
        inventory.apply(&[put(revision * 10, ObjectId(id(1)), Whose::default(), vm("a"))]).unwrap();
    }
    let watch = |revision| {
        watching(&inventory, everything(), from(revision)).map(|mut watch| objects(&ready(&mut watch)).len())
    };
    assert_eq!(watch(51), Err(WatchError::Future { newest: Revision(50) }));
    assert_eq!(watch(50), Ok(0));
    assert_eq!(watch(35), Ok(2));
    assert_eq!(watch(20), Ok(3));
    assert_eq!(watch(19), Err(WatchError::Compacted { oldest: Revision(20) }));
    assert_eq!(watch(0), Err(WatchError::Compacted { oldest: Revision(20) }));
}

#[test]
fn a_watcher_that_is_too_slow_ends_and_resumes_without_a_gap() {
    let inventory = inventory(InventoryConfig { lag_max: 4, ..InventoryConfig::default() });
    let apply =
        |revision| inventory.apply(&[put(revision, ObjectId(id(revision.into())), Whose::default(), vm("a"))]).unwrap();
    (1..=20).for_each(|revision| {
        apply(revision);
    });
    // What was asked for at the start is no lag, however much it is.
    let mut watch = watching(&inventory, everything(), from(2)).unwrap();
    let mut quick = watching(&inventory, everything(), from(20)).unwrap();
    for _ in 0..3 {
        assert!(matches!(watch.next().now_or_never(), Some(Some(Event::Put { .. }))));
    }
    for revision in 21..=25 {
        apply(revision);
        assert_eq!(objects(&ready(&mut quick)).len(), 1);
    }
    let events = ready(&mut watch);
    let [Event::End { reason: EndReason::SlowConsumer, resume_from: Revision(5), .. }] = events[..] else {
        panic!("{events:?}")
    };
    let mut resumed = watching(&inventory, everything(), from(5)).unwrap();
    let told: Vec<u64> = objects(&ready(&mut resumed)).into_iter().map(|(_, _, revision)| revision).collect();
    assert_eq!(told, (6..=25).collect::<Vec<_>>());
}

#[test]
fn a_watcher_that_the_log_has_overtaken_ends() {
    let inventory = inventory(InventoryConfig { log_max: 2, ..InventoryConfig::default() });
    let mut watch = watching(&inventory, everything(), from(0)).unwrap();
    for revision in 1..=3 {
        inventory.apply(&[put(revision, ObjectId(id(1)), Whose::default(), vm("a"))]).unwrap();
    }
    let events = ready(&mut watch);
    assert!(matches!(events[..], [Event::End { reason: EndReason::SlowConsumer, .. }]), "{events:?}");
}

#[tokio::test]
async fn an_idle_watch_wakes_up() {
    let inventory = inventory(InventoryConfig::default());
    let mut watch = watching(&inventory, everything(), WatchRequest::default()).unwrap();
    assert!(ready(&mut watch).is_empty());
    let waiting = tokio::spawn(async move { watch.next().await });
    tokio::task::yield_now().await;
    inventory.apply(&[put(1, ObjectId(id(1)), Whose::default(), vm("a"))]).unwrap();
    assert!(matches!(waiting.await.unwrap(), Some(Event::Put { revision: Revision(1), .. })));
}
