//! Each wrong wish gets a clear problem; nothing is half done; no secret shows.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ADMIN_PASSWORD, Database, Gateway, PASSWORD, Simulator, eventually};

on_both_databases!(
    a_wrong_password_is_tried_once,
    an_untrusted_certificate_shows_its_fingerprint_and_one_call_trusts_it,
    what_is_no_platform_is_said,
    duplicates_and_nonsense_are_refused,
    queries_are_checked,
    a_provider_removed_while_loading_leaves_nothing,
);

fn sync(provider: &Value) -> &Value {
    &provider["sources"][0]["sync"]
}

async fn a_wrong_password_is_tried_once(database: Database) {
    let simulator = Simulator::start(&["--vms", "5"]);
    let gateway = Gateway::start(database).await;
    let mut body = simulator.provider("vc");
    body["password"] = json!("wr0ng-Secret-5512");
    let id = gateway.add_provider(body).await;
    let provider = gateway.wait_for_state(&id, "unreachable").await;
    assert_eq!(sync(&provider)["reason"], "credentials_refused", "{provider}");
    let next = chrono::DateTime::parse_from_rfc3339(sync(&provider)["next_try_at"].as_str().unwrap()).unwrap();
    let since = chrono::DateTime::parse_from_rfc3339(sync(&provider)["since"].as_str().unwrap()).unwrap();
    assert!(next - since > chrono::TimeDelta::minutes(25), "the account must not be locked: {provider}");
    assert_eq!(simulator.calls("Login").await, 1, "and was asked once");
    let body = json!({"password": PASSWORD});
    gateway.call(Method::PATCH, &format!("/v1/providers/{id}"), Some(body)).await.ok();
    gateway.wait_for_state(&id, "live").await;
    let log = gateway.log();
    for secret in ["wr0ng-Secret-5512", PASSWORD, ADMIN_PASSWORD, gateway.token.as_str()] {
        assert!(!log.contains(secret), "a secret is in the log");
    }
    assert!(!provider.to_string().contains("Secret"), "{provider}");
}

async fn an_untrusted_certificate_shows_its_fingerprint_and_one_call_trusts_it(database: Database) {
    let simulator = Simulator::start(&["--vms", "5"]);
    let gateway = Gateway::start(database).await;
    let mut body = simulator.provider("vc");
    body.as_object_mut().unwrap().remove("trust");
    let report = gateway.post("/v1/providers/test", body.clone()).await.ok();
    assert_eq!(report["presented_thumbprint"], simulator.thumbprint(), "{report}");
    let id = gateway.add_provider(body).await;
    let provider = gateway.wait_for_state(&id, "unreachable").await;
    assert_eq!(sync(&provider)["reason"], "certificate_untrusted", "{provider}");
    let shown = sync(&provider)["presented_thumbprint"].clone();
    assert_eq!(shown, simulator.thumbprint());
    gateway.post(&format!("/v1/providers/{id}/trust"), json!({"thumbprint_sha256": shown})).await.ok();
    gateway.wait_for_state(&id, "live").await;
}

async fn what_is_no_platform_is_said(database: Database) {
    let gateway = Gateway::start(database).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let cases = [
        (
            json!({"name": "nobody", "kind": "vsphere", "endpoints": [format!("https://{closed}/sdk")], "username": "u",
                "password": "p"}),
            "connect_failed",
            "nothing listens there",
        ),
        (
            json!({"name": "unknown-host", "kind": "vsphere", "endpoints": ["https://vcenter.invalid/sdk"], "username": "u",
                "password": "p"}),
            "connect_failed",
            "cannot be resolved",
        ),
        (
            json!({"name": "itself", "kind": "vsphere", "endpoints": [gateway.url.replace("http:", "https:")],
                "username": "u", "password": "p"}),
            "not_the_platform",
            "not with TLS",
        ),
        (
            json!({"name": "no-socket", "kind": "kvm", "endpoints": ["qemu+unix:///system?socket=/nonexistent/sock"]}),
            "connect_failed",
            "/nonexistent/sock",
        ),
    ];
    for (body, reason, words) in cases {
        let id = gateway.add_provider(body.clone()).await;
        let provider = gateway.wait_for_state(&id, "unreachable").await;
        assert_eq!(sync(&provider)["reason"], reason, "{provider}");
        assert!(sync(&provider)["message"].as_str().unwrap().contains(words), "{provider}");
    }
    // Our own API speaks HTTP without TLS: certainly no vCenter.
    let body = json!({"name": "itself", "kind": "vsphere", "endpoints": [gateway.url.replace("http:", "https:")],
                      "username": "u", "password": "p"});
    let report = gateway.post("/v1/providers/test", body).await.ok();
    let failed = report["checks"].as_array().unwrap().iter().any(|check| check["passed"] == false);
    assert!(failed && report["identity"].is_null(), "{report}");
}

async fn duplicates_and_nonsense_are_refused(database: Database) {
    let simulator = Simulator::start(&["--vms", "5"]);
    let gateway = Gateway::start(database).await;
    gateway.join(simulator.provider("vc")).await;
    let same_name = gateway.post("/v1/providers", simulator.provider("vc")).await;
    assert_eq!((same_name.status.as_u16(), same_name.problem()), (409, "provider-exists"));
    let same_endpoint = gateway.post("/v1/providers", simulator.provider("another")).await;
    assert_eq!((same_endpoint.status.as_u16(), same_endpoint.problem()), (409, "provider-exists"));
    // The same vCenter by another name: nothing is there twice.
    let count = gateway.get("/v1/vms/count").await.ok();
    let mut alias = simulator.provider("alias");
    alias["endpoints"] = json!([simulator.url().replace("127.0.0.1", "localhost")]);
    let alias_id = gateway.add_provider(alias).await;
    let provider = gateway.wait_for_state(&alias_id, "unreachable").await;
    assert_eq!(sync(&provider)["reason"], "duplicate_platform", "{provider}");
    assert!(sync(&provider)["message"].as_str().unwrap().contains("the provider vc"), "{provider}");
    assert_eq!(gateway.get("/v1/vms/count").await.ok()["count"], count["count"]);
    gateway.call(Method::DELETE, &format!("/v1/providers/{alias_id}"), None).await.ok();
    let path = format!("/v1/providers/{alias_id}");
    eventually("the alias is gone", || async { (gateway.get(&path).await.status == 404).then_some(()) }).await;
    let refused = [
        json!({"name": "x", "kind": "kvm", "endpoints": ["xen:///system"]}),
        json!({"name": "x", "kind": "kvm", "endpoints": ["qemu+ssh://host/system?command=/bin/sh"]}),
        json!({"name": "x", "kind": "kvm", "endpoints": ["not a uri"]}),
        json!({"name": "x", "kind": "kvm", "endpoints": []}),
        json!({"name": "x", "kind": "vsphere", "endpoints": ["http://vc.example/sdk"], "username": "u", "password": "p"}),
        json!({"name": "x", "kind": "vsphere", "endpoints": ["https://u:Secret@vc.example/sdk"], "username": "u",
               "password": "p"}),
        json!({"name": "", "kind": "kvm", "endpoints": ["test:///default"]}),
        json!({"name": "x".repeat(300), "kind": "kvm", "endpoints": ["test:///default"]}),
        json!({"name": "x", "kind": "hyperv", "endpoints": ["test:///default"]}),
        json!({"name": "x", "kind": "kvm", "endpoints": ["test:///default"], "pasword": "typo"}),
    ];
    // libvirt's test driver would read the file, and quote it.
    let keys = format!("test://{}", gateway.data.path().join("keys").display());
    let file = json!({"name": "x", "kind": "kvm", "endpoints": [keys]});
    assert_eq!(gateway.post("/v1/providers/test", file.clone()).await.status, 422);
    for body in refused.into_iter().chain([file]) {
        let answer = gateway.post("/v1/providers", body.clone()).await;
        assert!(matches!(answer.status.as_u16(), 400 | 422), "{body}: {answer:?}");
        answer.problem();
        assert!(answer.body["detail"].is_string(), "{body}: {answer:?}");
        assert!(!answer.body.to_string().contains("Secret"), "{answer:?}");
    }
    assert_eq!(gateway.get("/v1/providers").await.ok()["items"].as_array().unwrap().len(), 1);
}

async fn queries_are_checked(database: Database) {
    let simulator = Simulator::start(&["--vms", "5"]);
    let gateway = Gateway::start(database).await;
    gateway.join(simulator.provider("vc")).await;
    let token = gateway.get("/v1/vms?limit=2").await.ok()["next_page_token"].as_str().unwrap().to_owned();
    let cases = [
        ("/v1/vms?nonsense=1".to_owned(), "invalid-filter"),
        ("/v1/vms?memory_mib.gte=lots".to_owned(), "invalid-filter"),
        ("/v1/vms?name.gte=a".to_owned(), "invalid-filter"),
        ("/v1/vms?power_state=flying".to_owned(), "invalid-filter"),
        ("/v1/vms?limit=0".to_owned(), "invalid-limit"),
        ("/v1/vms?limit=99999999999999999999".to_owned(), "invalid-limit"),
        ("/v1/vms?page_token=forged".to_owned(), "invalid-page-token"),
        (format!("/v1/hosts?limit=2&page_token={token}"), "invalid-page-token"),
        (format!("/v1/vms?limit=2&power_state=running&page_token={token}"), "invalid-page-token"),
        ("/v1/watch?from_revision=99999999".to_owned(), "revision-compacted"),
    ];
    for (path, expected) in cases {
        let answer = gateway.get(&path).await;
        assert!(matches!(answer.status.as_u16(), 400 | 410), "{path}: {answer:?}");
        assert_eq!(answer.problem(), expected, "{path}");
    }
    assert_eq!(
        gateway.get(&format!("/v1/vms?limit=2&page_token={token}")).await.ok()["items"].as_array().unwrap().len(),
        2
    );
    assert_eq!(gateway.get("/v1/vms/00000000-0000-7000-8000-000000000000").await.problem(), "not-found");
    assert_eq!(gateway.get("/v1/nothing").await.status, 404);
}

async fn a_provider_removed_while_loading_leaves_nothing(database: Database) {
    let simulator = Simulator::start(&["--vms", "800", "--scenario", "flat"]);
    let gateway = Gateway::start(database).await;
    let id = gateway.add_provider(simulator.provider("vc")).await;
    eventually("something is loaded", || async {
        (gateway.get("/v1/hosts/count").await.ok()["count"].as_u64()? > 0).then_some(())
    })
    .await;
    let answer = gateway.call(Method::DELETE, &format!("/v1/providers/{id}"), None).await;
    assert_eq!(answer.status, 202);
    let path = format!("/v1/providers/{id}");
    eventually("the provider is gone", || async { (gateway.get(&path).await.status == 404).then_some(()) }).await;
    for collection in ["vms", "hosts", "volumes", "nics", "datastores", "networks", "clusters", "zones", "folders"] {
        assert_eq!(gateway.get(&format!("/v1/{collection}/count")).await.ok()["count"], 0, "{collection}");
    }
    // The same may be added again.
    gateway.join(simulator.provider("vc")).await;
    assert_eq!(gateway.get("/v1/vms/count").await.ok()["count"], 800);
}
