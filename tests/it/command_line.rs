//! The command line client against the running gateway.

use serde_json::Value;

use crate::harness::{Database, Gateway, Lab, Simulator, output};

on_both_databases!(an_administrator_joins_and_looks_around);

async fn an_administrator_joins_and_looks_around(database: Database) {
    let simulator = Simulator::start(&["--vms", "12", "--scenario", "lifelike"]);
    let lab = Lab::start(1, &["--no-start"]);
    let gateway = Gateway::start(database).await;
    gateway.join(simulator.provider("vc")).await;
    let added =
        output(&mut gateway.cli(&["provider", "add", "kvm", "--name", "lab", "--endpoint", &lab.uri(), "--wait"]));
    assert!(added.contains("lab"), "{added}");
    let providers: Value =
        serde_json::from_str(&output(&mut gateway.cli(&["provider", "list", "-o", "json"]))).unwrap();
    assert!(providers.to_string().contains("vc"), "{providers}");
    let vms: Value = serde_json::from_str(&output(&mut gateway.cli(&["vm", "list", "--all", "-o", "json"]))).unwrap();
    let vms = vms.as_array().or_else(|| vms["items"].as_array()).expect("a list");
    assert_eq!(vms.len(), gateway.all("vms", "").await.len());
    let table = output(&mut gateway.cli(&["vm", "list", "-f", "power_state=stopped"]));
    assert!(table.to_uppercase().contains("NAME"), "{table}");
    let tree = output(&mut gateway.cli(&["tree"]));
    for name in ["vc", "lab"] {
        assert!(tree.contains(name), "{tree}");
    }
    let refused = gateway.cli(&["vm", "list", "-f", "nonsense=1"]).output().unwrap();
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("nonsense"), "it says what is wrong");
    let missing = gateway.cli(&["vm", "get", "no-such-machine"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(4));
}
