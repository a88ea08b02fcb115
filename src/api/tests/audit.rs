//! The audit log as a client sees it: what leaves an entry, what is in it, and that it can be verified from outside.

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};

use super::{Answer, Gateway, PASSWORD, USER};
use crate::model::audit::NO_HASH;

pub(super) const SECRETS: [&str; 4] = ["hunter2hunter2", "another long password", "platform-secret", PASSWORD];

/// All entries, oldest first, without those of the start: that the administrator was made, and signed in.
pub(super) async fn entries(gateway: &Gateway) -> Vec<Value> {
    let lines = gateway.get("/v1/audit/export").await.ok(200);
    assert_eq!(lines.header("content-type"), "application/jsonl");
    verify(&lines.text());
    lines.text().lines().skip(2).map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Verifies an export as somebody would who knows nothing but its description.
fn verify(export: &str) {
    let mut before = NO_HASH.to_owned();
    for (number, line) in (1..).zip(export.lines()) {
        let (body, hash) = line.strip_suffix("\"}").unwrap().rsplit_once(",\"hash\":\"").unwrap();
        let text = format!("{body}}}");
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
        assert_eq!(hex::encode(digest), hash, "{line}");
        let entry: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&entry["prev_hash"], &entry["seq"]), (&json!(before), &json!(number)), "{line}");
        assert_eq!(entry["hash"], hash);
        before = hash.to_owned();
    }
}

/// Does something, and gives the one entry that it left.
pub(super) async fn one(gateway: &Gateway, act: impl Future<Output = Answer>) -> Value {
    let before = entries(gateway).await.len();
    let answer = act.await;
    let mut after = entries(gateway).await;
    assert_eq!(after.len(), before + 1, "exactly one: {}", answer.text());
    let entry = after.pop().unwrap();
    assert_eq!(entry["status"], answer.status.as_u16(), "{entry}");
    assert_eq!(entry["request_id"], answer.header("x-request-id"), "{entry}");
    assert_eq!(entry["address"], "192.0.2.1", "{entry}");
    for secret in SECRETS {
        assert!(!entry.to_string().contains(secret), "{entry}");
    }
    entry
}

#[track_caller]
fn check(entry: &Value, action: &str, kind: &str, result: &str, actor: &str) {
    let told = [&entry["action"], &entry["object_kind"], &entry["result"], &entry["actor"]];
    assert_eq!(told, [&json!(action), &json!(kind), &json!(result), &json!(actor)], "{entry}");
}

#[tokio::test]
async fn every_write_leaves_one_entry() {
    let gateway = Gateway::start().await;
    let body = json!({"name": "lab", "kind": "vsphere", "endpoints": ["vc.example"], "username": "root",
        "password": "platform-secret"});
    let made = gateway.post("/v1/providers?dry_run=true", body.clone()).await.ok(200);
    assert_eq!(entries(&gateway).await.len(), 0, "what is only tried is not told: {}", made.text());
    let entry = one(&gateway, gateway.post("/v1/providers", body.clone())).await;
    check(&entry, "provider.create", "provider", "done", USER);
    assert_eq!((&entry["door"], &entry["on_behalf_of"]), (&json!("api"), &Value::Null));
    assert!(entry["actor_id"].is_string() && entry["tenant_id"].is_string(), "{entry}");
    let id = entry["object_id"].as_str().unwrap().to_owned();
    let path = format!("/v1/providers/{id}");
    gateway.get(&path).await.ok(200);
    check(&one(&gateway, gateway.post("/v1/providers", body)).await, "provider.create", "provider", "failed", USER);
    let edit = json!({"name": "lab 2", "password": "platform-secret"});
    let entry = one(&gateway, gateway.patch(&path, edit)).await;
    check(&entry, "provider.edit", "provider", "done", USER);
    assert_eq!(entry["object_id"], json!(id));
    for (act, action) in [("test", "provider.test"), ("resync", "provider.resync")] {
        let entry = one(&gateway, gateway.act(&format!("{path}/{act}"))).await;
        check(&entry, action, "provider", "done", USER);
    }
    let wrong = json!({"name": "x", "password": ["platform-secret"]});
    check(&one(&gateway, gateway.post("/v1/providers", wrong)).await, "provider.create", "provider", "failed", USER);
    let entry = one(&gateway, gateway.post("/v1/tokens", json!({"name": "ci"}))).await;
    check(&entry, "token.create", "token", "done", USER);
    let token = entry["object_id"].as_str().unwrap().to_owned();
    let its = format!("/v1/tokens/{token}");
    let delete = || gateway.delete(&its);
    check(&one(&gateway, delete()).await, "token.delete", "token", "done", USER);
    check(&one(&gateway, delete()).await, "token.delete", "token", "failed", USER);
    check(&one(&gateway, gateway.delete(&path)).await, "provider.delete", "provider", "done", USER);
    let change = |current: &str| json!({"current_password": current, "new_password": "another long password"});
    let entry = one(&gateway, gateway.post("/v1/account/password", change("hunter2hunter2"))).await;
    check(&entry, "password.change", "user", "failed", USER);
    let entry = one(&gateway, gateway.post("/v1/account/password", change(PASSWORD))).await;
    check(&entry, "password.change", "user", "done", USER);
}

#[tokio::test]
async fn a_request_that_is_answered_again_is_told_once() {
    let gateway = Gateway::start().await;
    let create = || {
        let mut request = gateway.request("POST", "/v1/tokens", Some(json!({"name": "ci"})));
        request.headers_mut().insert("idempotency-key", "k1".parse().unwrap());
        request
    };
    check(&one(&gateway, gateway.send(create())).await, "token.create", "token", "done", USER);
    gateway.send(create()).await.ok(201);
    assert_eq!(entries(&gateway).await.len(), 1);
}

#[tokio::test]
async fn sign_ins_refusals_and_lock_outs_are_told() {
    let gateway = Gateway::start().await;
    let first: Value = gateway.get("/v1/audit").await.ok(200).json()["items"][0].clone();
    check(&first, "login", "session", "done", USER);
    let entry = one(&gateway, gateway.login("ADMIN", PASSWORD)).await;
    check(&entry, "login", "session", "done", USER);
    assert!(entry["actor_id"].is_string());
    let entry = one(&gateway, gateway.login(USER, "hunter2hunter2")).await;
    check(&entry, "login", "session", "denied", USER);
    assert_eq!(entry["actor_id"], Value::Null, "it is not known who it was");
    for _ in 0..5 {
        let entry = one(&gateway, gateway.login("victim", "hunter2hunter2")).await;
        check(&entry, "login", "session", "denied", "victim");
    }
    let entry = one(&gateway, gateway.login("victim", "hunter2hunter2")).await;
    check(&entry, "login", "session", "denied", "victim");
    assert_eq!(entry["status"], 429);
    for _ in 0..20 {
        gateway.login("victim", "hunter2hunter2").await.problem(429, "too-many-attempts");
    }
    let count = entries(&gateway).await.len();
    assert_eq!(count, 8, "a lock-out is told once a minute");
    let cookie = Request::post("/v1/login/cookie")
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-spandrel-portal", "1")
        .header("sec-fetch-site", "same-origin")
        .body(Body::from(json!({"username": USER, "password": PASSWORD}).to_string()));
    let entry = one(&gateway, gateway.send(cookie.unwrap())).await;
    check(&entry, "login", "session", "done", USER);
    assert_eq!(entry["door"], "portal");
    // The token ends with it, so that the log is read by another.
    let other = gateway.login(USER, PASSWORD).await.ok(200).json()["token"].as_str().unwrap().to_owned();
    gateway.act("/v1/logout").await.ok(204);
    let request = Request::get("/v1/audit?action=logout").header(header::AUTHORIZATION, format!("Bearer {other}"));
    let page = gateway.send(request.body(Body::empty()).unwrap()).await.ok(200).json();
    assert_eq!(page["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn strangers_are_told_of_but_cannot_fill_the_log() {
    let gateway = Gateway::start().await;
    let cross_site = || {
        let cookie = format!("spandrel={}", gateway.token);
        let request = Request::delete("/v1/tokens/0192f0c1-2345-7000-8000-000000000000").header(header::COOKIE, cookie);
        request.body(Body::empty()).unwrap()
    };
    let entry = one(&gateway, gateway.send(cross_site())).await;
    check(&entry, "token.delete", "token", "denied", "");
    assert_eq!((&entry["status"], &entry["door"]), (&json!(403), &json!("portal")));
    let anonymous = || Request::delete("/v1/providers/x").body(Body::empty()).unwrap();
    check(&one(&gateway, gateway.send(anonymous())).await, "provider.delete", "provider", "denied", "");
    for _ in 0..30 {
        gateway.send(anonymous()).await.problem(401, "unauthenticated");
        gateway.send(cross_site()).await.problem(403, "cross-site");
    }
    assert_eq!(entries(&gateway).await.len(), 2);
    gateway.advance(60);
    check(&one(&gateway, gateway.send(anonymous())).await, "provider.delete", "provider", "denied", "");
}

#[tokio::test]
async fn what_is_refused_of_a_user_cannot_fill_the_log() {
    let gateway = Gateway::start().await;
    let refused = "/v1/tokens/0192f0c1-2345-7000-8000-000000000000";
    for _ in 0..75 {
        gateway.delete(refused).await.problem(404, "not-found");
    }
    assert_eq!(
        gateway.get("/v1/audit?action=token.delete&limit=100").await.ok(200).json()["items"].as_array().map(Vec::len),
        Some(60)
    );
    // What is done is always told.
    gateway.post("/v1/tokens", json!({"name": "ci"})).await.ok(201);
    let told = gateway.get("/v1/audit?action=token.create").await.ok(200).json();
    assert_eq!(told["items"].as_array().map(Vec::len), Some(1));
    gateway.advance(600);
    gateway.delete(refused).await.problem(404, "not-found");
    let told = gateway.get("/v1/audit?action=token.delete&limit=100").await.ok(200).json();
    assert_eq!(told["items"].as_array().map(Vec::len), Some(61));
    assert_eq!(told["items"][0]["after"], json!({"refused_untold": 15}), "how many were not is told");
    gateway.delete(refused).await.problem(404, "not-found");
    assert_eq!(gateway.get("/v1/audit?action=token.delete").await.ok(200).json()["items"][0]["after"], json!(null));
}

#[tokio::test]
async fn what_cannot_be_told_is_not_done_but_signing_in_is() {
    let gateway = Gateway::start().await;
    gateway.store.sql("ALTER TABLE audit RENAME TO gone").await;
    gateway.login(USER, PASSWORD).await.ok(200);
    gateway.post("/v1/tokens", json!({"name": "ci"})).await.problem(500, "internal");
    gateway.get("/v1/audit").await.problem(500, "internal");
    gateway.store.sql("ALTER TABLE gone RENAME TO audit").await;
    assert_eq!(gateway.get("/v1/tokens").await.ok(200).json()["items"], json!([]));
}

/// A client that goes away in the middle leaves nothing untold.
#[tokio::test]
async fn a_write_whose_client_goes_away_is_told() {
    let gateway = Gateway::start().await;
    let mut acting = Box::pin(gateway.post("/v1/tokens", json!({"name": "ci"})));
    // It is begun, and dropped before its answer.
    assert!(futures::poll!(&mut acting).is_pending());
    drop(acting);
    let told = async {
        loop {
            if let Some(entry) = entries(&gateway).await.pop() {
                return entry;
            }
            tokio::task::yield_now().await;
        }
    };
    check(&told.await, "token.create", "token", "done", USER);
}

#[tokio::test]
async fn the_log_is_paged_and_filtered() {
    let gateway = Gateway::start().await;
    for index in 0..12 {
        gateway.advance(10);
        let name = if index % 3 == 0 { USER } else { "eve" };
        gateway.login(name, PASSWORD).await;
    }
    let whole = gateway.get("/v1/audit").await.ok(200).json()["items"].as_array().unwrap().clone();
    assert!(whole.windows(2).all(|pair| pair[0]["seq"].as_u64() > pair[1]["seq"].as_u64()), "newest first");
    let (mut paged, mut next) = (Vec::new(), String::new());
    loop {
        let page = gateway.get(&format!("/v1/audit?limit=5{next}")).await.ok(200).json();
        paged.extend(page["items"].as_array().unwrap().clone());
        let Some(token) = page["next_page_token"].as_str() else { break };
        next = format!("&page_token={token}");
    }
    assert_eq!(paged, whole);
    let count = async |query: &str| {
        let page = gateway.get(&format!("/v1/audit?{query}")).await.ok(200).json();
        let lines = gateway.get(&format!("/v1/audit/export?{query}")).await.ok(200).text().lines().count();
        assert_eq!(page["items"].as_array().map(Vec::len), Some(lines), "{query}");
        lines
    };
    let denied = count("result=denied").await;
    assert!((5..=8).contains(&denied), "{denied}");
    assert_eq!(count("actor=eve").await, denied);
    assert_eq!(count("actor=eve,admin,spandrel").await, whole.len());
    assert_eq!(count("actor=eve&result=done").await, 0);
    assert_eq!(count("action=provider.create").await, 0);
    assert_eq!(count("object_kind=session&door=api").await, whole.len() - 1);
    assert_eq!(count("action=user.create&door=system").await, 1);
    let request = whole[2]["request_id"].as_str().unwrap();
    assert_eq!(count(&format!("request_id={request}")).await, 1);
    let at = whole[3]["at"].as_str().unwrap();
    assert_eq!(count(&format!("at.gte={at}")).await, 4);
    assert_eq!(count(&format!("at.gt={at}")).await, 3);

    let page = gateway.get("/v1/audit?limit=2").await.ok(200).json();
    let token = page["next_page_token"].as_str().unwrap();
    for query in [format!("page_token={token}&result=done"), "page_token=AAAA".to_owned()] {
        gateway.get(&format!("/v1/audit?{query}")).await.problem(400, "invalid-page-token");
    }
    for (query, field) in
        [("result=well", "result"), ("door=window", "door"), ("tenant_id=x", "tenant_id"), ("at.gte=x", "at.gte")]
    {
        let problem = gateway.get(&format!("/v1/audit?{query}")).await.problem(400, "invalid-filter");
        assert_eq!(problem["field"], field, "{query}");
    }
    gateway.get("/v1/audit/export?limit=3").await.problem(400, "invalid-filter");
}

#[tokio::test]
async fn the_chain_is_verified_and_a_break_is_told() {
    let gateway = Gateway::start().await;
    for _ in 0..3 {
        gateway.login(USER, PASSWORD).await.ok(200);
    }
    let check = gateway.get("/v1/audit/verify").await.ok(200).json();
    let whole = json!({"sound": true, "entries": 5, "dropped_through": 0, "last_seq": 5, "broken": null});
    assert_eq!(check, whole);
    gateway.store.sql("DROP TRIGGER audit_no_update; UPDATE audit SET actor = 'eve' WHERE seq = 3").await;
    let check = gateway.get("/v1/audit/verify").await.ok(200).json();
    let broken = json!({"sound": false, "entries": 2, "dropped_through": 0, "last_seq": 5,
        "broken": {"seq": 3, "fault": "content"}});
    assert_eq!(check, broken);
}
