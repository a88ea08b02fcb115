//! Killed at any instant, the gateway is right again by itself, and writes only what differs.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::comparison::vsphere::compare_polled;
use crate::harness::{Database, Gateway, Setup, Simulator, Watcher};

on_both_databases!(
    a_warm_restart_serves_at_once_and_writes_nothing,
    killed_while_loading_it_is_complete_afterwards,
    a_watcher_resumes_over_a_restart,
    a_second_gateway_on_the_same_data_folder_refuses,
    a_new_key_is_taken_into_use_and_the_old_one_can_go,
);

async fn revision(gateway: &Gateway) -> String {
    gateway.get("/v1/vms?limit=1").await.ok()["revision"].as_str().unwrap().to_owned()
}

fn by_id(vms: &[Value]) -> BTreeMap<String, (String, String)> {
    let row = |vm: &Value, field: &str| vm[field].as_str().unwrap_or_default().to_owned();
    vms.iter().map(|vm| (row(vm, "id"), (row(vm, "name"), row(vm, "revision")))).collect()
}

async fn a_warm_restart_serves_at_once_and_writes_nothing(database: Database) {
    let simulator = Simulator::start(&["--vms", "40", "--scenario", "odd"]);
    let mut gateway = Gateway::start(database).await;
    let id = gateway.join(simulator.provider("vc")).await;
    // What is polled comes later than the rest.
    compare_polled(&gateway, &simulator, &id).await;
    let before = gateway.all("vms", "").await;
    let revision_before = revision(&gateway).await;
    simulator.signal("STOP");
    gateway.kill_and_restart().await;
    let stale = gateway.all("vms", "").await;
    assert_eq!(by_id(&stale), by_id(&before), "the stored rows are served at once");
    assert!(stale.iter().all(|vm| vm["power_state"] == "unknown"), "and are not taken for the present truth");
    simulator.signal("CONT");
    gateway.wait_for_state(&id, "live").await;
    compare_polled(&gateway, &simulator, &id).await;
    // Whatever is written yet would be seen now.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(by_id(&gateway.all("vms", "").await), by_id(&before));
    assert_eq!(revision(&gateway).await, revision_before, "nothing differed, and yet something was written");
}

async fn killed_while_loading_it_is_complete_afterwards(database: Database) {
    let simulator = Simulator::start(&["--vms", "600", "--scenario", "flat"]);
    let mut gateway = Gateway::start(database).await;
    let id = gateway.add_provider(simulator.provider("vc")).await;
    for round in 0..4_u64 {
        tokio::time::sleep(Duration::from_millis(150 + 170 * round)).await;
        gateway.kill_and_restart().await;
    }
    gateway.wait_for_state(&id, "live").await;
    let truth = simulator.govc(&["find", "/", "-type", "m"]);
    let mut expected: Vec<&str> = truth.lines().map(|path| path.rsplit('/').next().unwrap()).collect();
    expected.sort_unstable();
    let vms = gateway.all("vms", "").await;
    let mut names: Vec<&str> = vms.iter().map(|vm| vm["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, expected);
}

async fn a_watcher_resumes_over_a_restart(database: Database) {
    let simulator = Simulator::start(&["--vms", "10", "--scenario", "lifelike"]);
    let mut gateway = Gateway::start(database).await;
    let id = gateway.join(simulator.provider("vc")).await;
    let vm = gateway.all("vms", "power_state=running&condition=ok").await.remove(0);
    let from = revision(&gateway).await;
    gateway.kill();
    simulator.control("/power", json!({"vm": vm["name"], "state": "off"})).await;
    gateway.restart().await;
    let mut watcher = Watcher::begin(&gateway, &format!("types=vm&from_revision={from}")).await.unwrap();
    watcher
        .find("what happened while the gateway was dead", |event| {
            let object = &event.data["object"];
            (event.name == "put" && object["id"] == vm["id"] && object["power_state"] == "stopped").then_some(())
        })
        .await;
    gateway.wait_for_state(&id, "live").await;
    assert!(gateway.stop().success(), "asked to stop, it stops in order");
}

async fn a_second_gateway_on_the_same_data_folder_refuses(database: Database) {
    let setup = Setup::on(database, "").await;
    let gateway = Gateway::start_as(setup.clone()).await;
    let second = crate::harness::server_command(gateway.data.path(), &setup).output().unwrap();
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("in use by another gateway"), "{said}");
    assert!(gateway.get("/v1/session").await.status.is_success(), "the first goes on");
    if database == Database::Postgres {
        the_newer_gateway_has_the_database(gateway).await;
    }
}

/// On a server nobody can see who else is there: the older gateway cannot write any more, and leaves.
async fn the_newer_gateway_has_the_database(mut older: Gateway) {
    let newer = older.another().await;
    let simulator = Simulator::start(&["--vms", "5"]);
    newer.join(simulator.provider("newer")).await;
    let refused = older.post("/v1/tokens", json!({"name": "too late"})).await;
    assert_eq!(refused.problem(), "unavailable", "{refused:?}");
    assert!(!older.wait().success());
    assert!(older.log().contains("another gateway was started on the same database"), "{}", older.log());
    let listed = newer.get("/v1/providers").await.ok();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed["items"][0]["name"], "newer");
}

async fn a_new_key_is_taken_into_use_and_the_old_one_can_go(database: Database) {
    let simulator = Simulator::start(&["--vms", "5"]);
    let mut gateway = Gateway::start(database).await;
    let id = gateway.join(simulator.provider("vc")).await;
    assert!(gateway.stop().success());
    let keys = gateway.data.path().join("keys");
    let old = std::fs::read_to_string(&keys).unwrap();
    let new = "c3BhbmRyZWwtdGVzdC1rZXktc3BhbmRyZWwtdGVzdC0=\n";
    std::fs::write(&keys, format!("{}\n{new}", old.trim_end())).unwrap();
    gateway.restart().await;
    gateway.wait_for_state(&id, "live").await;
    assert!(gateway.stop().success());
    std::fs::write(&keys, new).unwrap();
    gateway.restart().await;
    gateway.wait_for_state(&id, "live").await;
}
