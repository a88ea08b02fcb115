//! A platform that cannot be reached makes its objects `unknown`, changes nothing, and hinders nobody.

use serde_json::{Value, json};

use crate::comparison::vsphere::compare_polled;
use crate::harness::{Database, Gateway, Lab, Simulator, Watcher, eventually};

on_both_databases!(
    a_dead_vcenter_makes_unknown_and_changes_nothing,
    a_hanging_libvirt_host_is_unreachable_and_delays_nobody,
    expired_sessions_remove_nothing,
);

fn state(provider: &Value) -> String {
    provider["sources"][0]["sync"]["state"].as_str().unwrap().to_owned()
}

async fn a_dead_vcenter_makes_unknown_and_changes_nothing(database: Database) {
    let simulator = Simulator::start(&["--vms", "20", "--scenario", "lifelike"]);
    let gateway = Gateway::start(database).await;
    let id = gateway.join(simulator.provider("vc")).await;
    // Tags come later than the machines that have them.
    compare_polled(&gateway, &simulator, &id).await;
    let before = gateway.all("vms", "").await;
    let running = before.iter().filter(|vm| vm["power_state"] == "running").count();
    assert!(running > 0);
    let mut watcher = Watcher::begin(&gateway, "types=vm").await.unwrap();
    drop(simulator);
    let provider = gateway.wait_for_state(&id, "unreachable").await;
    let sync = &provider["sources"][0]["sync"];
    assert!(sync["since"].is_string() && sync["message"].is_string() && sync["next_try_at"].is_string(), "{sync}");
    assert!(sync["observed_at"].is_string(), "when it was last true: {sync}");
    watcher
        .find("the provider is unreachable", |event| {
            (event.name == "provider" && state(&event.data) == "unreachable").then_some(())
        })
        .await;
    let after = gateway.all("vms", "").await;
    assert_eq!(after.len(), before.len(), "nothing is removed");
    for (was, is) in before.iter().zip(&after) {
        assert_eq!(is["power_state"], "unknown");
        assert_eq!(is["last_known_power_state"], was["power_state"]);
        assert_eq!(is["revision"], was["revision"], "nothing is written");
        assert_eq!(is["sync"], "unreachable");
    }
    let count = gateway.get("/v1/vms/count?power_state=running").await.ok();
    assert_eq!(count["count"], 0, "a filter does not take the last known state for the present one");
}

async fn a_hanging_libvirt_host_is_unreachable_and_delays_nobody(database: Database) {
    let hanging = Lab::start(1, &[]);
    let well = Lab::start(1, &["--host-index", "1"]);
    let gateway = Gateway::start(database).await;
    let first = gateway.join(hanging.provider("hanging")).await;
    let second = gateway.join(well.provider("well")).await;
    hanging.signal("STOP");
    gateway.wait_for_state(&first, "unreachable").await;
    let provider = gateway.get(&format!("/v1/providers/{second}")).await.ok();
    assert_eq!(state(&provider), "live");
    let name = gateway.all("vms", &format!("provider_id={second}")).await[0]["name"].as_str().unwrap().to_owned();
    well.virsh(&["destroy", &name]);
    eventually("the other host's change appears", || async {
        let vms = gateway.all("vms", &format!("provider_id={second}&power_state=stopped")).await;
        (vms.len() == 1).then_some(())
    })
    .await;
    let vms = gateway.all("vms", &format!("provider_id={first}")).await;
    assert_eq!(vms[0]["power_state"], "unknown");
    hanging.signal("CONT");
    gateway.wait_for_state(&first, "live").await;
    let vms = gateway.all("vms", &format!("provider_id={first}")).await;
    assert_eq!(vms[0]["power_state"], "running");
}

async fn expired_sessions_remove_nothing(database: Database) {
    let simulator = Simulator::start(&["--vms", "20", "--scenario", "lifelike"]);
    let gateway = Gateway::start(database).await;
    let id = gateway.join(simulator.provider("vc")).await;
    let before = gateway.all("vms", "").await;
    let mut watcher = Watcher::begin(&gateway, "types=vm").await.unwrap();
    for mode in ["fault", "empty"] {
        simulator.control("/sessions/expire", json!({"mode": mode})).await;
        let name = before[0]["name"].as_str().unwrap();
        let vm = gateway.by_name("vms", name).await.unwrap();
        let to = if vm["power_state"] == "running" { ("off", "stopped") } else { ("on", "running") };
        simulator.control("/power", json!({"vm": name, "state": to.0})).await;
        watcher
            .find("the change after the session expired", |event| {
                assert_ne!(event.name, "delete", "an expired session ({mode}) removed {}", event.data);
                let object = &event.data["object"];
                (object["name"] == name && object["power_state"] == to.1).then_some(())
            })
            .await;
        gateway.wait_for_state(&id, "live").await;
    }
    assert_eq!(gateway.all("vms", "").await.len(), before.len());
}
