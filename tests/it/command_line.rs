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

/// Options that are of no use to a command are not in its help.
#[test]
fn the_servers_commands_show_no_options_of_the_client() {
    let help = |words: &[&str]| output(std::process::Command::new(env!("CARGO_BIN_EXE_spandrel")).args(words));
    for command in ["serve", "check-config", "openapi"] {
        let shown = help(&[command, "--help"]);
        for option in ["--server", "--timeout", "--color", "Client options"] {
            assert!(!shown.contains(option), "{command}: {shown}");
        }
    }
    let shown = help(&["vm", "list", "--help"]);
    assert!(shown.contains("--server") && shown.contains("Client options"), "{shown}");
}
