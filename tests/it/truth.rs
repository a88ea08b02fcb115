//! What keeps the inventory true: nothing is missed, what cannot be taken over is left out by itself, and said.

use serde_json::json;

use crate::harness::{Database, Gateway, Simulator, eventually};

on_both_databases!(under_churn_no_comparison_finds_what_notices_missed, an_unreadable_object_is_left_out_by_itself);

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
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let metrics = gateway.get("/metrics").await.ok();
    let text = metrics.as_str().unwrap();
    assert!(metric(text, "spandrel_sync_changes_total") > 100.0, "{text}");
    assert_eq!(metric(text, "spandrel_sync_missed_changes_total"), 0.0, "{}", gateway.log());
    crate::comparison::vsphere::compare(&gateway, &simulator, &id).await;
}

async fn an_unreadable_object_is_left_out_by_itself(database: Database) {
    let simulator = Simulator::start(&["--vms", "12", "--scenario", "lifelike"]);
    let gateway = Gateway::start(database).await;
    let id = gateway.join(simulator.provider("vc")).await;
    let vms = gateway.all("vms", "").await;
    let moref = vms[0]["native"]["moref"].as_str().unwrap();
    // Nothing of one machine may be read any more.
    for path in ["name", "config", "runtime", "summary"] {
        simulator.control("/deny", json!({"type": "VirtualMachine", "path": path, "moref": moref})).await;
    }
    gateway.post(&format!("/v1/providers/{id}/resync"), json!({})).await;
    eventually("the provider is live, all others are there", || async {
        let provider = gateway.get(&format!("/v1/providers/{id}")).await.ok();
        let now = gateway.all("vms", "").await;
        (provider["sources"][0]["sync"]["state"] == "live" && now.len() >= vms.len() - 1).then_some(())
    })
    .await;
    let listed = gateway.get(&format!("/v1/providers/{id}/quarantine")).await.ok();
    for item in listed["items"].as_array().unwrap() {
        assert_eq!(item["kind"], "vm", "{listed}");
        assert!(item["reason"].as_str().unwrap().len() > 10, "{listed}");
    }
}
