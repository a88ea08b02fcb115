//! What keeps the inventory true: nothing is missed, what cannot be taken over is left out by itself, and said.

use serde_json::json;

use crate::comparison::vsphere::{caught_up, compare};
use crate::harness::{Database, Gateway, Simulator, eventually};

on_both_databases!(
    under_churn_no_comparison_finds_what_notices_missed,
    an_unreadable_object_is_left_out_by_itself,
    what_was_never_readable_is_named
);

async fn under_churn_no_comparison_finds_what_notices_missed(database: Database) {
    let simulator = Simulator::start(&["--vms", "60", "--scenario", "lifelike"]);
    let gateway = Gateway::start_configured(database, "[sync]\ncompare_every_s = 10\npoll_every_s = 1\n").await;
    let id = gateway.join(simulator.provider("vc")).await;
    simulator.control("/churn", json!({"rate": 20})).await;
    let metric = |text: &str, name: &str| -> f64 {
        let lines = text.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    };
    // Two comparisons at the least, and the grace in which a notice may still come.
    tokio::time::sleep(std::time::Duration::from_secs(35)).await;
    simulator.control("/churn", json!({"rate": 0})).await;
    caught_up(&gateway, &simulator).await;
    let metrics = gateway.get("/metrics").await.ok();
    let text = metrics.as_str().unwrap();
    assert!(metric(text, "spandrel_sync_changes_total") > 100.0, "{text}");
    assert_eq!(metric(text, "spandrel_sync_missed_changes_total"), 0.0, "{}", gateway.log());
    compare(&gateway, &simulator, &id).await;
}

/// Nothing of one machine may be read any more.
async fn deny_machine(simulator: &Simulator, moref: &str) {
    for path in ["name", "config", "runtime", "summary"] {
        simulator.control("/deny", json!({"type": "VirtualMachine", "path": path, "moref": moref})).await;
    }
}

/// Exactly one thing was left out: this machine, and it is said why.
async fn one_is_quarantined(gateway: &Gateway, provider: &str, moref: &str) {
    let item = eventually("one is quarantined", || async {
        let listed = gateway.get(&format!("/v1/providers/{provider}/quarantine")).await.ok();
        let items = listed["items"].as_array().unwrap();
        assert!(items.len() < 2, "{listed}");
        items.first().cloned()
    })
    .await;
    assert_eq!((&item["kind"], &item["key"]), (&json!("vm"), &json!(moref)), "{item}");
    let reason = item["reason"].as_str().unwrap();
    assert!(reason.contains("name") && reason.len() > 10, "{item}");
    let provider = gateway.get(&format!("/v1/providers/{provider}")).await.ok();
    assert_eq!(provider["sources"][0]["quarantined_count"], 1, "{provider}");
}

async fn an_unreadable_object_is_left_out_by_itself(database: Database) {
    let simulator = Simulator::start(&["--vms", "12", "--scenario", "lifelike"]);
    let gateway = Gateway::start(database).await;
    let id = gateway.join(simulator.provider("vc")).await;
    let vms = gateway.all("vms", "").await;
    let moref = vms[0]["native"]["moref"].as_str().unwrap();
    deny_machine(&simulator, moref).await;
    gateway.post(&format!("/v1/providers/{id}/resync"), json!({})).await;
    eventually("the provider is live, all others are there", || async {
        let provider = gateway.get(&format!("/v1/providers/{id}")).await.ok();
        let now = gateway.all("vms", "").await;
        (provider["sources"][0]["sync"]["state"] == "live" && now.len() >= vms.len() - 1).then_some(())
    })
    .await;
    one_is_quarantined(&gateway, &id, moref).await;
}

/// What could never be read is not there, and it is said why; all others are.
async fn what_was_never_readable_is_named(database: Database) {
    let simulator = Simulator::start(&["--vms", "12", "--scenario", "lifelike"]);
    let truth = simulator.truth().await;
    let machines = truth["objects"].as_array().unwrap().iter().filter(|object| object["type"] == "VirtualMachine");
    let (templates, machines): (Vec<_>, Vec<_>) = machines.partition(|object| object["template"] == true);
    assert!(!templates.is_empty());
    let moref = machines[0]["moref"].as_str().unwrap();
    deny_machine(&simulator, moref).await;
    let gateway = Gateway::start(database).await;
    let id = gateway.join(simulator.provider("vc")).await;
    one_is_quarantined(&gateway, &id, moref).await;
    let shown = gateway.all("vms", "").await;
    assert_eq!(shown.len(), machines.len() - 1);
    assert!(shown.iter().all(|vm| vm["native"]["moref"] != moref));
}
