//! Providers.

use axum::http::header;
use serde_json::{Value, json};

use super::Gateway;
use crate::model::SourceState;
use crate::model::provider::SyncStatus;

const SECRET: &str = "hunter2hunter2";

fn vsphere(name: &str, endpoint: &str) -> Value {
    json!({"name": name, "kind": "vsphere", "endpoints": [endpoint], "username": "root", "password": SECRET})
}

fn kvm(name: &str, endpoints: &[&str]) -> Value {
    json!({"name": name, "kind": "kvm", "endpoints": endpoints})
}

async fn add(gateway: &Gateway, body: Value) -> Value {
    gateway.post("/v1/providers", body).await.ok(201).json()
}

fn path(provider: &Value) -> String {
    format!("/v1/providers/{}", provider["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_provider_is_added_and_shown_without_its_secret() {
    let gateway = Gateway::start().await;
    let answer = gateway.post("/v1/providers", vsphere(" Lab ", "https://VC.example/sdk")).await.ok(201);
    let made = answer.json();
    assert_eq!(answer.header("location"), path(&made));
    assert_eq!(answer.header("etag"), format!("\"{}\"", made["generation"]));
    assert_eq!(gateway.sync.calls(), ["changed"]);
    for (member, expected) in [
        ("name", json!("Lab")),
        ("kind", json!("vsphere")),
        ("username", json!("root")),
        ("has_password", json!(true)),
        ("enabled", json!(true)),
        ("removing", json!(false)),
    ] {
        assert_eq!(made[member], expected, "{member}");
    }
    assert_eq!(made["sources"][0]["endpoint"], "https://VC.example/sdk");
    assert_eq!(made["sources"][0]["sync"]["state"], "connecting");
    let got = gateway.get(&path(&made)).await.ok(200);
    assert_eq!(got.json(), made);
    let list = gateway.get("/v1/providers").await.ok(200);
    assert_eq!(list.json()["items"], json!([made]));
    for text in [answer.text(), got.text(), list.text()] {
        assert!(!text.contains(SECRET) && !text.contains("\"password\""), "{text}");
    }
}

#[tokio::test]
async fn the_state_of_the_synchronization_is_shown() {
    let gateway = Gateway::start().await;
    let made = add(&gateway, kvm("lab", &["qemu+ssh://a/system", "qemu+ssh://b/system"])).await;
    let mut provider: crate::model::Provider = serde_json::from_value(made.clone()).unwrap();
    provider.sources[1].sync = SyncStatus {
        message: Some("it does not answer".to_owned()),
        ..SyncStatus::new(SourceState::Unreachable, gateway.clock.now())
    };
    gateway.inventory.provider_put(provider);
    let shown = gateway.get(&path(&made)).await.ok(200).json();
    assert_eq!(shown["sources"][0]["sync"]["state"], "connecting");
    assert_eq!(shown["sources"][1]["sync"]["state"], "unreachable");
    assert_eq!(shown["sources"][1]["sync"]["message"], "it does not answer");
}

#[tokio::test]
async fn the_same_name_or_address_is_refused_and_named() {
    let gateway = Gateway::start().await;
    let made = add(&gateway, vsphere("Lab", "vc.example")).await;
    for (body, field) in
        [(vsphere("LAB", "other.example"), "name"), (vsphere("Other", "https://VC.example:443/sdk"), "endpoints[0]")]
    {
        let problem = gateway.post("/v1/providers", body).await.problem(409, "provider-exists");
        assert_eq!((&problem["provider_id"], &problem["field"]), (&made["id"], &json!(field)));
        assert_eq!(problem["provider_name"], "Lab");
    }
    let other = add(&gateway, kvm("Hosts", &["qemu+ssh://a/system"])).await;
    let second = json!({"endpoints": ["qemu+ssh://b/system", "qemu+ssh://A/system"]});
    gateway.patch(&path(&other), second).await.ok(200);
    let third = kvm("More", &["qemu+ssh://c/system", "qemu+ssh://b/system"]);
    let problem = gateway.post("/v1/providers", third).await.problem(409, "provider-exists");
    assert_eq!(problem["field"], "endpoints[1]");
    gateway.patch(&path(&other), json!({"name": "lab"})).await.problem(409, "provider-exists");
    assert_eq!(gateway.get("/v1/providers").await.json()["items"].as_array().unwrap().len(), 2, "nothing half done");
}

#[tokio::test]
async fn bad_providers_are_refused_with_the_member_and_how_to_mend_it() {
    let gateway = Gateway::start().await;
    let with = |change: Value| {
        let mut body = vsphere("Lab", "vc.example");
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let many: Vec<String> = (0..300).map(|n| format!("qemu+ssh://h{n}/system")).collect();
    for (body, field) in [
        (json!({}), "name"),
        (with(json!({"name": ""})), "name"),
        (with(json!({"name": "x".repeat(200)})), "name"),
        (with(json!({"kind": "hyperv"})), "kind"),
        (with(json!({"endpoints": []})), "endpoints"),
        (with(json!({"endpoints": "vc.example"})), "endpoints"),
        (with(json!({"endpoints": ["a", "b"]})), "endpoints"),
        (with(json!({"endpoints": [format!("https://root:{SECRET}@vc.example")]})), "endpoints[0]"),
        (with(json!({"endpoints": ["x".repeat(3000)]})), "endpoints[0]"),
        (with(json!({"username": null})), "username"),
        (with(json!({"password": null})), "password"),
        (with(json!({"password": ""})), "password"),
        (with(json!({"password": [SECRET]})), "password"),
        (with(json!({"trust": {"thumbprint_sha256": "12"}})), "trust.thumbprint_sha256"),
        (with(json!({"trust": {"ca_pem": "hello"}})), "trust.ca_pem"),
        (with(json!({"trust": {"insecure": true}})), "trust.insecure"),
        (with(json!({"colour": "red"})), "colour"),
        (with(json!({"enabled": SECRET})), "enabled"),
        (kvm("Hosts", &["xen:///system"]), "endpoints[0]"),
        (kvm("Hosts", &["qemu+ssh://a/system", "qemu+ssh://A/system"]), "endpoints[1]"),
        (json!({"name": "Hosts", "kind": "kvm", "endpoints": many}), "endpoints"),
    ] {
        for route in ["/v1/providers", "/v1/providers/test"] {
            let about_name = field == "name";
            if route.ends_with("test") && about_name {
                continue;
            }
            let answer = gateway.post(route, body.clone()).await;
            let problem = answer.problem(422, "invalid-field");
            assert_eq!(problem["field"], field, "{body}: {problem}");
            assert!(!answer.text().contains(SECRET), "{}", answer.text());
        }
    }
    let problem = gateway.post("/v1/providers", with(json!({"kind": "hyperv"}))).await.json();
    assert_eq!(problem["allowed"], json!(["vsphere", "kvm"]));
    assert_eq!(gateway.get("/v1/providers").await.json()["items"], json!([]), "nothing half done");
    assert_eq!(gateway.sync.calls(), [""; 0]);
}

#[tokio::test]
async fn an_edit_changes_what_is_there_and_clears_what_is_null() {
    let gateway = Gateway::start().await;
    let thumbprint = "AB:".repeat(31) + "AB";
    let mut body = kvm("Hosts", &["qemu+ssh://a/system", "qemu+ssh://b/system"]);
    body["username"] = json!("root");
    body["password"] = json!(SECRET);
    body["trust"] = json!({"thumbprint_sha256": "ab".repeat(32)});
    let made = add(&gateway, body).await;
    assert_eq!(made["trust"]["thumbprint_sha256"], thumbprint);
    let edited = gateway.patch(&path(&made), json!({"name": "Farm", "password": null})).await.ok(200);
    let now = edited.json();
    assert_eq!((&now["name"], &now["username"], &now["has_password"]), (&json!("Farm"), &json!("root"), &json!(false)));
    assert_eq!(now["trust"]["thumbprint_sha256"], thumbprint, "what is absent stays");
    assert_eq!(now["generation"], made["generation"].as_i64().unwrap() + 1);
    let now = gateway.patch(&path(&made), json!({"trust": {"thumbprint_sha256": null}})).await.ok(200).json();
    assert_eq!(now["trust"]["thumbprint_sha256"], Value::Null);
    let now =
        gateway.patch(&path(&made), json!({"enabled": false, "endpoints": ["qemu+ssh://B/system"]})).await.ok(200);
    let now = now.json();
    assert_eq!(now["enabled"], false);
    assert_eq!(now["sources"].as_array().unwrap().len(), 1);
    assert_eq!(now["sources"][0]["id"], made["sources"][1]["id"], "a source whose address stays is the same");
    assert_eq!(gateway.sync.calls(), ["changed"; 4]);
    for (body, field) in [
        (json!({"name": null}), "name"),
        (json!({"endpoints": null}), "endpoints"),
        (json!({"enabled": null}), "enabled"),
        (json!({"kind": "vsphere"}), "kind"),
        (json!({"endpoints": ["ftp://x"]}), "endpoints[0]"),
        (json!({"trust": {"ca_pem": 7}}), "trust.ca_pem"),
    ] {
        let problem = gateway.patch(&path(&made), body.clone()).await.problem(422, "invalid-field");
        assert_eq!(problem["field"], field, "{body}");
    }
    let vcenter = add(&gateway, vsphere("Lab", "vc.example")).await;
    let problem = gateway.patch(&path(&vcenter), json!({"password": null})).await.problem(422, "invalid-field");
    assert_eq!(problem["field"], "password");
    gateway.patch("/v1/providers/0192f0c1-2345-7000-8000-000000000000", json!({})).await.problem(404, "not-found");
}

#[tokio::test]
async fn an_edit_of_an_old_generation_is_refused() {
    let gateway = Gateway::start().await;
    let made = add(&gateway, vsphere("Lab", "vc.example")).await;
    let etag = format!("\"{}\"", made["generation"]);
    let send = |method: &'static str, etag: &str, body: Option<Value>| {
        let mut request = gateway.request(method, &path(&made), body);
        request.headers_mut().insert(header::IF_MATCH, etag.parse().unwrap());
        gateway.send(request)
    };
    send("PATCH", &etag, Some(json!({"name": "One"}))).await.ok(200);
    let refused = send("PATCH", &etag, Some(json!({"name": "Two"}))).await;
    let problem = refused.problem(412, "precondition-failed");
    assert_eq!(problem["generation"], made["generation"].as_i64().unwrap() + 1);
    send("DELETE", &etag, None).await.problem(412, "precondition-failed");
    send("PATCH", "nonsense", Some(json!({"name": "Two"}))).await.problem(400, "bad-request");
    send("PATCH", "*", Some(json!({"name": "Three"}))).await.ok(200);
    assert_eq!(gateway.get(&path(&made)).await.json()["name"], "Three");
    assert!(!gateway.sync.calls().contains(&"remove".to_owned()));
}

#[tokio::test]
async fn a_certificate_is_trusted_by_one_call() {
    let gateway = Gateway::start().await;
    let made = add(&gateway, vsphere("Lab", "vc.example")).await;
    let route = format!("{}/trust", path(&made));
    let now = gateway.post(&route, json!({"thumbprint_sha256": "0f".repeat(32)})).await.ok(200).json();
    assert_eq!(now["trust"]["thumbprint_sha256"], "0F:".repeat(31) + "0F");
    assert_eq!(now["has_password"], true, "nothing else changed");
    assert_eq!(gateway.sync.calls(), ["changed", "changed"]);
    for bad in [json!({"thumbprint_sha256": "0f"}), json!({}), json!({"thumbprint_sha256": null})] {
        let problem = gateway.post(&route, bad.clone()).await.problem(422, "invalid-field");
        assert_eq!(problem["field"], "thumbprint_sha256", "{bad}");
    }
}

#[tokio::test]
async fn a_provider_is_removed_in_the_background() {
    let gateway = Gateway::start().await;
    let made = add(&gateway, vsphere("Lab", "vc.example")).await;
    let id = made["id"].as_str().unwrap().parse().unwrap();
    let removed = gateway.delete(&path(&made)).await.ok(202).json();
    assert_eq!(removed["removing"], true);
    assert_eq!(gateway.get(&path(&made)).await.ok(200).json()["removing"], true);
    gateway.patch(&path(&made), json!({"name": "X"})).await.problem(409, "provider-removing");
    gateway.act(&format!("{}/resync", path(&made))).await.problem(409, "provider-removing");
    gateway.post("/v1/providers", vsphere("Other", "vc.example")).await.problem(409, "provider-removing");
    gateway.delete(&path(&made)).await.ok(202);
    while !gateway.sync.calls().contains(&"remove".to_owned()) {
        tokio::task::yield_now().await;
    }
    while !gateway.store.system("test").provider_purge(id, 100).await.unwrap().done {}
    gateway.get(&path(&made)).await.problem(404, "not-found");
    gateway.delete(&path(&made)).await.problem(404, "not-found");
    add(&gateway, vsphere("Lab", "vc.example")).await;
}

#[tokio::test]
async fn connections_are_tested_with_what_is_given_or_stored() {
    let gateway = Gateway::start().await;
    let report = gateway.post("/v1/providers/test", vsphere("Lab", "vc.example")).await.ok(200).json();
    assert_eq!(report["checks"], json!([{"name": "reach", "passed": true, "message": "it answers"}]));
    assert_eq!(gateway.get("/v1/providers").await.json()["items"], json!([]), "nothing is kept");
    let made = add(&gateway, vsphere("Lab", "vc.example")).await;
    gateway.act(&format!("{}/test", path(&made))).await.ok(200);
    let passwords = gateway.sync.passwords.lock().unwrap().clone();
    assert_eq!(passwords, [Some(SECRET.to_owned()), Some(SECRET.to_owned())], "what was sealed is what was given");
    let report =
        gateway.post("/v1/providers/test", kvm("x", &["qemu:///system", "test:///default"])).await.ok(200).json();
    let messages: Vec<_> = report["checks"].as_array().unwrap().iter().map(|check| &check["message"]).collect();
    assert_eq!(messages, ["qemu:///system: it answers", "test:///default: it answers"]);
    gateway.act("/v1/providers/0192f0c1-2345-7000-8000-000000000000/test").await.problem(404, "not-found");
}

#[tokio::test]
async fn resync_quarantine_and_capabilities() {
    let gateway = Gateway::start().await;
    let made = add(&gateway, vsphere("Lab", "vc.example")).await;
    let at = |what: &str| format!("{}/{what}", path(&made));
    gateway.act(&at("resync")).await.ok(202);
    assert_eq!(gateway.sync.calls(), ["changed", "resync"]);
    gateway.sync.refused.store(true, std::sync::atomic::Ordering::Relaxed);
    let refused = gateway.act(&at("resync")).await.problem(409, "provider-not-running");
    assert!(refused["detail"].as_str().unwrap().contains("refused the user name or the password"), "{refused}");
    gateway.patch(&path(&made), json!({"enabled": false})).await.ok(200);
    gateway.act(&at("resync")).await.problem(409, "provider-not-running");
    assert_eq!(gateway.get(&at("quarantine")).await.ok(200).json(), json!({"items": []}));
    let capabilities = gateway.get(&at("capabilities")).await.ok(200).json();
    assert_eq!(capabilities["items"][0], json!({"name": "tags", "supported": true, "note": null}));
    let none = "/v1/providers/0192f0c1-2345-7000-8000-000000000000";
    for what in ["resync", "quarantine", "capabilities"] {
        let target = format!("{none}/{what}");
        let answer = if what == "resync" { gateway.act(&target).await } else { gateway.get(&target).await };
        answer.problem(404, "not-found");
    }
}

#[tokio::test]
async fn many_at_once_add_one() {
    let gateway = Gateway::start().await;
    let answers = futures::future::join_all(
        (0..8).map(|n| gateway.post("/v1/providers", vsphere(&format!("Lab {n}"), "vc.example"))),
    )
    .await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
}

#[tokio::test]
async fn a_request_with_a_key_is_done_once() {
    let gateway = Gateway::start().await;
    let send = |target: &str, key: &str, body: Value| {
        let mut request = gateway.request("POST", target, Some(body));
        request.headers_mut().insert("idempotency-key", key.parse().unwrap());
        gateway.send(request)
    };
    let lab = json!({"name": "lab", "kind": "kvm", "endpoints": ["qemu:///system"], "password": "hunter2"});
    let first = send("/v1/providers", "k-1", lab.clone()).await.ok(201);
    assert!(first.headers.get("idempotency-replayed").is_none());
    gateway.advance(3600);
    let again = send("/v1/providers", "k-1", lab.clone()).await.ok(201);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.body, first.body, "the very same answer");
    for header in ["location", "etag", "content-type"] {
        assert_eq!(again.header(header), first.header(header), "{header}");
    }
    assert_eq!(gateway.sync.calls().iter().filter(|call| *call == "changed").count(), 1, "done once");

    let other = json!({"name": "lab2", "kind": "kvm", "endpoints": ["qemu+ssh://b/system"]});
    let problem = send("/v1/providers", "k-1", other.clone()).await.problem(422, "idempotency-key-reused");
    assert_eq!(problem["field"], "idempotency-key");
    send("/v1/tokens", "k-1", json!({"name": "x"})).await.problem(422, "idempotency-key-reused");
    send("/v1/providers", "k-2", lab).await.problem(409, "provider-exists");
    send("/v1/providers", "k-2", other).await.ok(201);

    // The token is told again to who has the key and was told it before, though it is kept nowhere in the clear.
    let token = send("/v1/tokens", "k-3", json!({"name": "ci"})).await.ok(201);
    let told = send("/v1/tokens", "k-3", json!({"name": "ci"})).await.ok(201);
    assert_eq!(told.body, token.body);
    assert_eq!(gateway.get("/v1/tokens").await.json()["items"].as_array().unwrap().len(), 1);

    for bad in ["", &"x".repeat(256)] {
        send("/v1/tokens", bad, json!({"name": "x"})).await.problem(400, "invalid-parameter");
    }
}

#[tokio::test]
async fn edits_at_the_same_moment_are_all_done() {
    let gateway = Gateway::start().await;
    let made = add(&gateway, vsphere("Lab", "vc.example")).await;
    let target = path(&made);
    let edits = (0..40).map(|n| gateway.patch(&target, json!({"name": format!("Lab {n}")})));
    for answer in futures::future::join_all(edits).await {
        answer.ok(200);
    }
    let now = gateway.get(&path(&made)).await.ok(200).json();
    assert_eq!(now["generation"], made["generation"].as_i64().unwrap() + 40);
}

#[tokio::test]
async fn a_stored_password_goes_only_to_where_it_was_given_for() {
    let gateway = Gateway::start().await;
    let made = add(&gateway, vsphere("Lab", "vc.example")).await;
    for edit in [
        json!({"endpoints": ["other.example"]}),
        json!({"username": "other"}),
        json!({"endpoints": ["vc.example:8443"]}),
    ] {
        let problem = gateway.patch(&path(&made), edit.clone()).await.problem(422, "invalid-field");
        assert_eq!(problem["field"], "password", "{edit}");
        assert!(problem["detail"].as_str().unwrap().contains("must be given again"), "{problem}");
        let mut edit = edit;
        edit["password"] = json!("another secret");
        gateway.patch(&path(&made), edit).await.ok(200);
        gateway
            .patch(
                &path(&made),
                vsphere("Lab", "vc.example")
                    .as_object()
                    .map(|given| {
                        let mut given = given.clone();
                        given.remove("kind");
                        Value::Object(given)
                    })
                    .unwrap(),
            )
            .await
            .ok(200);
    }
    // The same place and the same user in other words.
    gateway.patch(&path(&made), json!({"endpoints": ["https://VC.example:443/sdk"], "username": "root"})).await.ok(200);
    let mut hosts = kvm("Hosts", &["qemu+ssh://a/system", "qemu+ssh://b/system"]);
    hosts["username"] = json!("root");
    hosts["password"] = json!(SECRET);
    let hosts = add(&gateway, hosts).await;
    let fewer = json!({"endpoints": ["qemu+ssh://b/system"]});
    gateway.patch(&path(&hosts), fewer).await.ok(200);
    let more = json!({"endpoints": ["qemu+ssh://b/system", "qemu+ssh://c/system"]});
    gateway.patch(&path(&hosts), more.clone()).await.problem(422, "invalid-field");
    gateway.patch(&path(&hosts), json!({"username": null})).await.problem(422, "invalid-field");
    gateway.patch(&path(&hosts), json!({"password": null, "endpoints": more["endpoints"]})).await.ok(200);
}

#[tokio::test]
async fn what_was_copied_with_an_address_is_not_kept() {
    let gateway = Gateway::start().await;
    for (name, rest) in [("One", format!("/ui/?password={SECRET}")), ("Two", format!("/#{SECRET}"))] {
        let answer = gateway.post("/v1/providers", vsphere(name, &format!("{name}.example{rest}"))).await.ok(201);
        assert!(!answer.text().contains(SECRET), "{}", answer.text());
    }
}

/// What is shown comes from memory then.
#[tokio::test]
async fn providers_are_shown_while_the_database_does_not_answer() {
    let gateway = Gateway::start_with(|options| options.bookmark_every = std::time::Duration::from_millis(50)).await;
    gateway.tell_provider(SourceState::Live);
    gateway.get("/v1/providers").await.ok(200);
    gateway.store.close().await;
    let list = gateway.get("/v1/providers").await.ok(200).json();
    assert_eq!(list["items"][0]["name"], "lab", "{list}");
    let one = format!("/v1/providers/{}", gateway.provider);
    assert_eq!(gateway.get(&one).await.ok(200).json()["name"], "lab");
    let other = gateway.get("/v1/providers/0192f0c1-2345-7000-8000-000000000000").await;
    other.problem(503, "unavailable");
}

#[tokio::test]
async fn an_edit_that_changes_nothing_does_nothing() {
    let gateway = Gateway::start().await;
    let mut body = vsphere("Lab", "vc.example");
    body["trust"] = json!({"thumbprint_sha256": "ab".repeat(32)});
    let made = add(&gateway, body.clone()).await;
    gateway.advance(60);
    body.as_object_mut().unwrap().remove("kind");
    body["enabled"] = json!(true);
    // Every member as it is, the password too, and the fingerprint in another spelling.
    let same = gateway.patch(&path(&made), body).await.ok(200);
    assert_eq!(same.header("x-spandrel-changed"), "");
    assert_eq!(same.header("etag"), "\"1\"");
    assert_eq!(same.json()["updated_at"], made["updated_at"]);
    assert_eq!(gateway.sync.calls(), ["changed"], "nobody signs in anew");
    let other = json!({"password": "another", "enabled": true, "trust": null});
    let changed = gateway.patch(&path(&made), other).await.ok(200);
    assert_eq!(changed.header("x-spandrel-changed"), "password, trust.thumbprint_sha256");
    assert_eq!(changed.header("etag"), "\"2\"");
    assert_eq!(gateway.sync.calls(), ["changed", "changed"]);
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_and_keeps_nothing() {
    let gateway = Gateway::start().await;
    let tried = gateway.post("/v1/providers?dry_run=true", vsphere("Lab", "vc.example")).await.ok(200).json();
    assert_eq!(
        (&tried["name"], &tried["has_password"], &tried["generation"]),
        (&json!("Lab"), &json!(true), &json!(1))
    );
    gateway.get(&path(&tried)).await.problem(404, "not-found");
    assert_eq!(gateway.get("/v1/providers").await.json()["items"], json!([]));
    let mut bad = vsphere("Lab", "vc.example");
    bad["password"] = json!("");
    gateway.post("/v1/providers?dry_run=true", bad).await.problem(422, "invalid-field");
    assert_eq!(gateway.sync.calls(), [""; 0]);

    let made = gateway.post("/v1/providers?dry_run=false", vsphere("Lab", "vc.example")).await.ok(201).json();
    gateway.post("/v1/providers?dry_run=true", vsphere("lab", "b")).await.problem(409, "provider-exists");
    gateway.post("/v1/providers?dry_run=true", vsphere("Other", "VC.example")).await.problem(409, "provider-exists");
    let dry = format!("{}?dry_run=true", path(&made));
    let edit = json!({"name": "Farm", "endpoints": ["b.example"], "password": "another"});
    let would = gateway.patch(&dry, edit).await.ok(200);
    assert_eq!(would.header("x-spandrel-changed"), "name, endpoints, password");
    assert_eq!((&would.json()["name"], &would.json()["generation"]), (&json!("Farm"), &json!(2)));
    let same = gateway.patch(&dry, json!({"password": SECRET})).await.ok(200);
    assert_eq!((same.header("x-spandrel-changed"), same.header("etag")), ("", "\"1\""));
    gateway.patch(&dry, json!({"endpoints": ["ftp://x", "b"]})).await.problem(422, "invalid-field");
    assert_eq!(gateway.get(&path(&made)).await.json(), made, "nothing is changed");
    assert_eq!(gateway.sync.calls(), ["changed"]);
    for query in ["dry_run=yes", "dry_run", "dryrun=true", "dry_run=true&dry_run=true", "dry_run=true&x=1"] {
        let target = format!("{}?{query}", path(&made));
        gateway.patch(&target, json!({})).await.problem(400, "invalid-parameter");
    }
}

#[tokio::test]
async fn trusting_once_more_tries_again_what_could_not_be_reached() {
    let gateway = Gateway::start().await;
    let made = add(&gateway, vsphere("Lab", "vc.example")).await;
    let route = format!("{}/trust", path(&made));
    let body = json!({"thumbprint_sha256": "0f".repeat(32)});
    let mut now = gateway.post(&route, body.clone()).await.ok(200).json();
    gateway.post(&route, body.clone()).await.ok(200);
    assert_eq!(gateway.sync.calls(), ["changed", "changed"], "it is on its way already");
    now["sources"][0]["sync"]["state"] = json!("unreachable");
    gateway.inventory.provider_put(serde_json::from_value(now).unwrap());
    gateway.post(&route, body).await.ok(200);
    assert_eq!(gateway.sync.calls(), ["changed", "changed", "resync"]);
}
