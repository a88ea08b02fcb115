//! What was: the sync states of a provider, and the changes of an object.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{Gateway, vm};
use crate::model::provider::{SyncPeriod, SyncReason};
use crate::model::{ChangeOp, Kind, ObjectId, Revision, SourceState, SyncPeriodId, TenantId, differences};
use crate::store::{Differences, ObserveBatch, PutObject, SyncPeriodPut};

/// A provider with two sources that were in these states, ten seconds each, in turns.
async fn with_history(gateway: &Gateway, count: usize) -> (String, Vec<String>) {
    let body = json!({"name": "lab", "kind": "kvm", "endpoints": ["qemu+ssh://a/system", "qemu+ssh://b/system"]});
    let provider = gateway.post("/v1/providers", body).await.ok(201).json();
    let text = |value: &Value| value["id"].as_str().unwrap().to_owned();
    let sources: Vec<String> = provider["sources"].as_array().unwrap().iter().map(text).collect();
    let id = text(&provider);
    let mut puts = Vec::new();
    for index in 0..count {
        let since = gateway.clock.now();
        gateway.clock.advance(TimeDelta::seconds(10));
        let bad = index % 3 == 2;
        puts.push(SyncPeriodPut {
            tenant_id: TenantId::PLATFORM,
            provider_id: id.parse().unwrap(),
            period: SyncPeriod {
                id: SyncPeriodId::generate(),
                source_id: sources[index % 2].parse().unwrap(),
                state: if bad { SourceState::Unreachable } else { SourceState::Live },
                since,
                until: (index + 2 < count).then(|| gateway.clock.now()),
                reason: bad.then_some(SyncReason::TimedOut),
                message: bad.then(|| "no answer".to_owned()),
                changes: 1,
            },
        });
    }
    gateway.store.system("test").sync_history_put(&puts).await.unwrap();
    (format!("/v1/providers/{id}/history"), sources)
}

fn items(page: &Value) -> Vec<Value> {
    page["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_history_of_a_provider_is_paged_and_filtered() {
    let gateway = Gateway::start().await;
    let (path, sources) = with_history(&gateway, 20).await;
    let whole = gateway.get(&path).await.ok(200).json();
    assert_eq!(whole["next_page_token"], Value::Null);
    let whole = items(&whole);
    assert_eq!(whole.len(), 20);
    assert!(whole.windows(2).all(|pair| pair[0]["since"].as_str() > pair[1]["since"].as_str()), "newest first");
    assert_eq!(whole[0]["until"], Value::Null);
    let bad = whole.iter().find(|item| item["state"] == "unreachable").unwrap();
    assert_eq!(
        (&bad["reason"], &bad["message"], &bad["changes"]),
        (&json!("timed_out"), &json!("no answer"), &json!(1))
    );

    let (mut paged, mut next) = (Vec::new(), String::new());
    loop {
        let page = gateway.get(&format!("{path}?limit=7{next}")).await.ok(200).json();
        paged.extend(items(&page));
        let Some(token) = page["next_page_token"].as_str() else { break };
        next = format!("&page_token={token}");
    }
    assert_eq!(paged, whole);

    let count = async |query: &str| items(&gateway.get(&format!("{path}?{query}")).await.ok(200).json()).len();
    assert_eq!(count("state=unreachable").await, 6);
    assert_eq!(count("state=unreachable,live").await, 20);
    assert_eq!(count("state=disabled").await, 0);
    assert_eq!(count(&format!("source_id={}", sources[0])).await, 10);
    assert_eq!(count(&format!("source_id={},{}&state=live", sources[0], sources[1])).await, 14);
    let since = whole[4]["since"].as_str().unwrap();
    for (operator, expected) in [("gte", 5), ("gt", 4), ("lt", 15), ("lte", 16)] {
        assert_eq!(count(&format!("since.{operator}={since}")).await, expected, "{operator}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_question_about_the_history_is_said() {
    let gateway = Gateway::start().await;
    let (path, sources) = with_history(&gateway, 5).await;
    let page = gateway.get(&format!("{path}?limit=2")).await.ok(200).json();
    let token = page["next_page_token"].as_str().unwrap();
    for query in [format!("page_token={token}&state=live"), "page_token=AAAA".to_owned(), "page_token=".to_owned()] {
        let problem = gateway.get(&format!("{path}?{query}")).await.problem(400, "invalid-page-token");
        assert_eq!(problem["field"], "page_token", "{query}");
    }
    for (query, slug, field) in [
        ("state=well".to_owned(), "invalid-filter", "state"),
        ("source_id=x".to_owned(), "invalid-filter", "source_id"),
        (format!("source_id={0}&source_id={0}", sources[0]), "invalid-parameter", "source_id"),
        ("since.gte=yesterday".to_owned(), "invalid-filter", "since.gte"),
        ("since=2026-01-31T12:00:00Z".to_owned(), "invalid-filter", "since"),
        ("colour=red".to_owned(), "invalid-filter", "colour"),
        ("limit=0".to_owned(), "invalid-limit", "limit"),
    ] {
        let problem = gateway.get(&format!("{path}?{query}")).await.problem(400, slug);
        assert_eq!(problem["field"], field, "{query}");
    }
    let problem = gateway.get(&format!("{path}?state=well")).await.json();
    assert!(problem["allowed"].as_array().unwrap().contains(&json!("lagging")), "{problem}");
    let nobody = "/v1/providers/0192f0c1-2345-7000-8000-000000000000/history";
    gateway.get(nobody).await.problem(404, "not-found");
}

/// A machine of the store and of the read model alike, with these memories one after the other.
async fn with_changes(gateway: &mut Gateway, memories: &[u64]) -> ObjectId {
    let body = json!({"name": "lab", "kind": "kvm", "endpoints": ["qemu+ssh://a/system"]});
    let provider = gateway.post("/v1/providers", body).await.ok(201).json();
    gateway.provider = provider["id"].as_str().unwrap().parse().unwrap();
    gateway.source = provider["sources"][0]["id"].as_str().unwrap().parse().unwrap();
    gateway.tell_provider(SourceState::Live);
    let id = ObjectId::generate();
    let created_at = gateway.clock.now();
    let mut before: Option<String> = None;
    for memory in memories {
        let object = vm("web", *memory, "running");
        let body = String::from_utf8(object.to_json().unwrap()).unwrap();
        let mut batch = ObserveBatch::new(gateway.provider, gateway.source);
        batch.puts = vec![PutObject {
            id,
            source_id: None,
            kind: Kind::Vm,
            family: "core",
            group_key: "vm-1".to_owned(),
            key: "vm-1".to_owned(),
            body: body.as_str().into(),
            hash: [0; 16],
        }];
        let found = before.as_ref().map(|before| differences(Kind::Vm, before, &body).unwrap());
        let fields = found.map(|found| (0, serde_json::to_string(&found).unwrap())).into_iter().collect();
        batch.differences = Some(Differences { known: gateway.inventory.revision(), fields });
        gateway.store.system("test").observe(&batch).await.unwrap();
        let op = ChangeOp::Put { body: body.as_str().into(), object: object.into(), created_at };
        gateway.change(id, Kind::Vm, op);
        gateway.clock.advance(TimeDelta::seconds(10));
        before = Some(body);
    }
    id
}

#[tokio::test]
async fn the_changes_of_an_object_are_told_back_to_its_creation() {
    let mut gateway = Gateway::start().await;
    let id = with_changes(&mut gateway, &[1024, 2048, 4096, 8192]).await;
    let path = format!("/v1/vms/{id}/changes");
    let whole = gateway.get(&path).await.ok(200).json();
    assert_eq!(whole["next_page_token"], Value::Null);
    let whole = items(&whole);
    let short = |item: &Value| {
        let field = &item["fields"][0];
        (
            item["op"].as_str().unwrap().to_owned(),
            item["revision"].clone(),
            field["before"].clone(),
            field["after"].clone(),
        )
    };
    let changed =
        |revision: &str, before: u64, after: u64| ("changed".to_owned(), json!(revision), json!(before), json!(after));
    assert_eq!(
        whole.iter().map(short).collect::<Vec<_>>(),
        [
            changed("4", 4096, 8192),
            changed("3", 2048, 4096),
            changed("2", 1024, 2048),
            ("created".to_owned(), Value::Null, Value::Null, Value::Null),
        ]
    );
    assert_eq!(
        whole[0]["fields"],
        json!([{"field": "memory_mib", "path": [], "before": 4096, "after": 8192, "omitted": false}])
    );
    for limit in 1..5 {
        let (mut paged, mut next) = (Vec::new(), String::new());
        loop {
            let page = gateway.get(&format!("{path}?limit={limit}{next}")).await.ok(200).json();
            paged.extend(items(&page));
            assert!(paged.len() <= 4, "{paged:?}");
            let Some(token) = page["next_page_token"].as_str() else { break };
            next = format!("&page_token={token}");
        }
        assert_eq!(paged, whole, "{limit} a page");
    }
    for (query, slug) in
        [("limit=0", "invalid-limit"), ("page_token=AAAA", "invalid-page-token"), ("q=x", "invalid-filter")]
    {
        gateway.get(&format!("{path}?{query}")).await.problem(400, slug);
    }
    let token = gateway.get(&format!("{path}?limit=1")).await.json()["next_page_token"].as_str().unwrap().to_owned();
    let other = format!("/v1/hosts/{id}/changes?page_token={token}");
    gateway.get(&other).await.problem(400, "invalid-page-token");
    gateway.get(&format!("/v1/hosts/{id}/changes")).await.problem(404, "not-found");
}

#[tokio::test]
async fn what_is_gone_is_told_and_a_second_life_begins_anew() {
    let mut gateway = Gateway::start().await;
    let id = with_changes(&mut gateway, &[1024, 2048]).await;
    let mut batch = ObserveBatch::new(gateway.provider, gateway.source);
    batch.deletes = vec![id];
    let revision: Revision = gateway.store.system("test").observe(&batch).await.unwrap().revision;
    gateway.change(id, Kind::Vm, ChangeOp::Delete);
    let path = format!("/v1/vms/{id}/changes");
    let ops = async |gateway: &Gateway| {
        let page = gateway.get(&path).await.ok(200).json();
        items(&page).iter().map(|item| item["op"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    gateway.get(&format!("/v1/vms/{id}")).await.problem(404, "not-found");
    assert_eq!(ops(&gateway).await, ["deleted", "changed"]);
    assert_eq!(items(&gateway.get(&path).await.json())[0]["revision"], revision.to_string());
    gateway.clock.advance(TimeDelta::seconds(10));
    gateway.put(id, vm("web", 512, "running"));
    assert_eq!(ops(&gateway).await, ["created", "deleted", "changed"]);
}

#[tokio::test]
async fn what_never_changed_has_the_revision_of_its_creation() {
    let gateway = Gateway::start().await;
    gateway.tell_provider(SourceState::Live);
    let id = ObjectId::generate();
    let revision = gateway.put(id, vm("web", 512, "running"));
    let page = gateway.get(&format!("/v1/vms/{id}/changes")).await.ok(200).json();
    let expected = json!({"op": "created", "fields": [], "revision": revision.to_string(), "at": gateway.clock.now()});
    assert_eq!(items(&page), [expected]);
    gateway.get("/v1/vms/0192f0c1-2345-7000-8000-000000000000/changes").await.problem(404, "not-found");
}
