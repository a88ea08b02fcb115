//! Reading the inventory.

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};

use super::{Gateway, vm};
use crate::model::{ChangeOp, Kind, ObjectId, SourceState};

async fn filled() -> (Gateway, Vec<ObjectId>) {
    let gateway = Gateway::start().await;
    gateway.tell_provider(SourceState::Live);
    let machines = [("alpha", 1024, "running"), ("beta", 2048, "running"), ("gamma", 4096, "stopped")];
    let ids = machines.map(|(name, memory, state)| {
        let id = ObjectId::generate();
        gateway.put(id, vm(name, memory, state));
        id
    });
    (gateway, ids.to_vec())
}

fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn lists_are_filtered_sorted_and_paged() {
    let (gateway, _) = filled().await;
    for (query, expected) in [
        ("", vec!["alpha", "beta", "gamma"]),
        ("?sort=-memory_mib", vec!["gamma", "beta", "alpha"]),
        ("?power_state=running", vec!["alpha", "beta"]),
        ("?power_state.ne=running", vec!["gamma"]),
        ("?memory_mib.gte=2048&memory_mib.lt=4096", vec!["beta"]),
        ("?name.prefix=AL", vec!["alpha"]),
        ("?name=alpha,gamma", vec!["alpha", "gamma"]),
        ("?q=amm", vec!["gamma"]),
        ("?q=192.0.2.9", vec!["alpha", "beta", "gamma"]),
        ("?sync=live&limit=2", vec!["alpha", "beta"]),
        ("?zone_id.exists=true", vec![]),
    ] {
        let list = gateway.get(&format!("/v1/vms{query}")).await.ok(200).json();
        assert_eq!(names(&list), expected, "{query}");
        assert_eq!(list["revision"], "3", "{query}");
    }
    let first = gateway.get("/v1/vms?limit=2&sort=name").await.json();
    let token = first["next_page_token"].as_str().unwrap();
    let second = gateway.get(&format!("/v1/vms?limit=2&sort=name&page_token={token}")).await.ok(200).json();
    assert_eq!(names(&second), ["gamma"]);
    assert_eq!(second["next_page_token"], Value::Null);
    assert_eq!(names(&gateway.get("/v1/hosts").await.ok(200).json()), [""; 0]);
}

#[tokio::test]
async fn an_object_is_read_with_its_entity_tag() {
    let (gateway, ids) = filled().await;
    let target = format!("/v1/vms/{}", ids[0]);
    let answer = gateway.get(&target).await.ok(200);
    let object = answer.json();
    assert_eq!((&object["id"], &object["kind"]), (&json!(ids[0].to_string()), &json!("vm")));
    assert_eq!(
        (&object["power_state"], &object["sync"], &object["revision"]),
        (&json!("running"), &json!("live"), &json!("1"))
    );
    assert_eq!(object["provider_id"], gateway.provider.to_string());
    assert!(object["first_seen_at"].is_string() && object["changed_at"].is_string(), "{object}");
    let etag = answer.header("etag").to_owned();
    let again = |etag: &str| {
        let mut request = gateway.request("GET", &target, None);
        request.headers_mut().insert(header::IF_NONE_MATCH, etag.parse().unwrap());
        gateway.send(request)
    };
    let unchanged = again(&etag).await.ok(304);
    assert!(unchanged.body.is_empty());
    assert_eq!(unchanged.header("etag"), etag);
    gateway.put(ids[0], vm("alpha", 512, "running"));
    again(&etag).await.ok(200);
    gateway.get(&format!("/v1/hosts/{}", ids[0])).await.problem(404, "not-found");
    gateway.change(ids[0], Kind::Vm, ChangeOp::Delete);
    gateway.get(&target).await.problem(404, "not-found");
}

#[tokio::test]
async fn objects_of_a_source_that_is_not_reached_are_unknown() {
    let (gateway, ids) = filled().await;
    let before = gateway.get(&format!("/v1/vms/{}", ids[0])).await.ok(200);
    gateway.tell_provider(SourceState::Unreachable);
    let after = gateway.get(&format!("/v1/vms/{}", ids[0])).await.ok(200);
    let object = after.json();
    assert_eq!((&object["power_state"], &object["last_known_power_state"]), (&json!("unknown"), &json!("running")));
    assert_eq!(object["sync"], "unreachable");
    assert_eq!(object["name"], before.json()["name"]);
    assert_eq!(object["revision"], before.json()["revision"]);
    assert_ne!(before.header("etag"), after.header("etag"));
    let running = gateway.get("/v1/vms/count?power_state=running").await.ok(200).json();
    assert_eq!(running["count"], 0);
}

#[tokio::test]
async fn counts_sums_and_searches() {
    let (gateway, ids) = filled().await;
    assert_eq!(gateway.get("/v1/vms/count").await.ok(200).json(), json!({"count": 3, "revision": "3"}));
    let summary = gateway.get("/v1/vms/summary?group_by=power_state&sum=memory_mib,vcpu_count").await.ok(200).json();
    let groups = summary["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 2, "{summary}");
    let running = groups.iter().find(|group| group["key"]["power_state"] == "running").unwrap();
    assert_eq!((&running["count"], &running["sums"]), (&json!(2), &json!({"memory_mib": 3072, "vcpu_count": 4})));
    let found = gateway.get("/v1/search?q=gamma").await.ok(200).json();
    assert_eq!(found["items"][0]["id"], ids[2].to_string());
    assert_eq!(found["items"][0]["kind"], "vm");
    assert_eq!(gateway.get("/v1/search?q=gamma&types=host").await.ok(200).json()["items"], json!([]));
}

#[tokio::test]
async fn bad_queries_say_what_and_where() {
    let (gateway, _) = filled().await;
    for (target, slug, field) in [
        ("/v1/vms?colour=red", "invalid-filter", "colour"),
        ("/v1/hosts?power_state=running", "invalid-filter", "power_state"),
        ("/v1/vms?memory_mib.contains=1", "invalid-filter", "memory_mib.contains"),
        ("/v1/vms?memory_mib=much", "invalid-filter", "memory_mib"),
        ("/v1/vms?power_state=on", "invalid-filter", "power_state"),
        ("/v1/vms?host_id=7", "invalid-filter", "host_id"),
        ("/v1/vms?changed_at.gt=yesterday", "invalid-filter", "changed_at"),
        ("/v1/vms?sort=colour", "invalid-sort", "sort"),
        ("/v1/vms?limit=0", "invalid-limit", "limit"),
        ("/v1/vms?limit=1001", "invalid-limit", "limit"),
        ("/v1/vms?limit=99999999999999999999999", "invalid-limit", "limit"),
        ("/v1/vms?limit=-1", "invalid-limit", "limit"),
        ("/v1/vms?limit=1&limit=2", "invalid-parameter", "limit"),
        ("/v1/vms?page_token=forged", "invalid-page-token", "page_token"),
        ("/v1/vms?min_revision=x", "invalid-revision", "min_revision"),
        ("/v1/vms/count?limit=1", "invalid-filter", "limit"),
        ("/v1/vms/summary?group_by=colour", "invalid-parameter", "group_by"),
        ("/v1/vms/summary?sum=name", "invalid-parameter", "sum"),
        ("/v1/search", "invalid-parameter", "q"),
        ("/v1/search?q=x&types=vms", "invalid-parameter", "types"),
    ] {
        let problem = gateway.get(target).await.problem(400, slug);
        assert_eq!(problem["field"], field, "{target}: {problem}");
    }
    let problem = gateway.get("/v1/vms?power_state=on").await.json();
    assert!(problem["allowed"].as_array().unwrap().contains(&json!("running")), "{problem}");
    let problem = gateway.get("/v1/vms?colour=red").await.json();
    assert!(problem["allowed"].as_array().unwrap().contains(&json!("memory_mib")), "{problem}");
    let many = (0..100).map(|n| format!("name={n}")).collect::<Vec<_>>().join("&");
    gateway.get(&format!("/v1/vms?{many}")).await.problem(400, "invalid-filter");
    let long = "x".repeat(10_000);
    let problem = gateway.get(&format!("/v1/vms?q={long}")).await.problem(400, "invalid-parameter");
    assert_eq!((&problem["field"], &problem["detail"]), (&json!("q"), &json!("`q` may have at most 256 bytes")));
    let problem = gateway.get("/v1/vms?sort=name,-colour").await.problem(400, "invalid-sort");
    assert!(problem["detail"].as_str().unwrap().contains("`colour`"), "{problem}");
    assert!(problem["allowed"].as_array().unwrap().contains(&json!("memory_mib")), "{problem}");
    let problem = gateway.get("/v1/vms?sort=name,cluster_id,host_id,vcpu_count,memory_mib").await.json();
    assert_eq!((&problem["field"], &problem["detail"]), (&json!("sort"), &json!("`sort` may have at most 4 fields")));
}

#[tokio::test]
async fn page_tokens_are_bound_to_their_query() {
    let (gateway, _) = filled().await;
    let first = gateway.get("/v1/vms?limit=1").await.json();
    let token = first["next_page_token"].as_str().unwrap();
    gateway.get(&format!("/v1/vms?limit=2&page_token={token}")).await.ok(200);
    for query in ["sort=-name", "power_state=running", "q=a"] {
        gateway.get(&format!("/v1/vms?{query}&page_token={token}")).await.problem(400, "invalid-page-token");
    }
    gateway.get(&format!("/v1/hosts?page_token={token}")).await.problem(400, "invalid-page-token");
    for at in [0, token.len() / 2, token.len() - 1] {
        let mut forged = token.as_bytes().to_vec();
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).unwrap();
        gateway.get(&format!("/v1/vms?page_token={forged}")).await.problem(400, "invalid-page-token");
    }
}

#[tokio::test]
async fn a_read_waits_for_the_asked_revision() {
    let (gateway, ids) = filled().await;
    let waiting = gateway.get("/v1/vms?min_revision=4");
    let writing = async {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        gateway.put(ids[0], vm("alpha", 77, "running"));
    };
    let (list, ()) = tokio::join!(waiting, writing);
    assert_eq!(list.ok(200).json()["revision"], "4");
    let late = gateway.get("/v1/vms?min_revision=9000").await;
    late.problem(503, "unavailable");
    assert_eq!(late.header("retry-after"), "1");
}

#[tokio::test]
async fn nothing_is_answered_before_the_inventory_is_loaded() {
    use crate::app::{App, AppOptions};
    use crate::inventory::{Inventory, InventoryConfig, TokenKey};
    let gateway = Gateway::start().await;
    let empty = Inventory::new(InventoryConfig::default(), TokenKey::new([7; 32]));
    let app =
        App::new(gateway.store.clone(), empty, gateway.sync.clone(), gateway.clock.clone(), AppOptions::default())
            .await
            .unwrap();
    let loading = Gateway {
        router: super::router(app, super::ApiOptions::new(String::new, gateway.shutdown.clone())),
        ..gateway
    };
    for target in ["/v1/vms", "/v1/vms/count", "/v1/search?q=x", "/v1/watch"] {
        let answer = loading.get(target).await;
        answer.problem(503, "unavailable");
        assert_eq!(answer.header("retry-after"), "1");
    }
    loading.get("/v1/providers").await.ok(200);
    let ready = loading.send(Request::get("/readyz").body(Body::empty()).unwrap()).await.ok(503).json();
    assert_eq!(
        (&ready["ready"], &ready["inventory"], &ready["database"]),
        (&json!(false), &json!(false), &json!(true))
    );
}
