//! Changes made outside appear as they happen: in reads, in the change stream, and complete.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{Database, Gateway, Lab, Simulator, Watcher, eventually};

on_both_databases!(a_power_change_by_govc_appears, a_power_change_by_virsh_appears, list_then_watch_misses_nothing);

async fn power_of(gateway: &Gateway, name: &str) -> Option<String> {
    let vm = gateway.by_name("vms", name).await?;
    vm["power_state"].as_str().map(str::to_owned)
}

async fn a_power_change_by_govc_appears(database: Database) {
    let simulator = Simulator::start(&["--vms", "30", "--scenario", "lifelike"]);
    let gateway = Gateway::start(database).await;
    gateway.join(simulator.provider("vc")).await;
    let running = gateway.all("vms", "power_state=running&condition=ok").await;
    let name = running[0]["name"].as_str().unwrap().to_owned();
    let mut watcher = Watcher::begin(&gateway, "types=vm").await.unwrap();
    let path = simulator.govc(&["find", "/", "-type", "m", "-name", &name]).trim().to_owned();
    simulator.govc(&["vm.power", "-off", "-force", &path]);
    let told = watcher
        .find("the VM is stopped", |event| {
            let object = &event.data["object"];
            (event.name == "put" && object["name"] == name.as_str()).then(|| object["power_state"].clone())
        })
        .await;
    assert_eq!(told, "stopped");
    assert_eq!(power_of(&gateway, &name).await.as_deref(), Some("stopped"), "the stream was ahead of the reads");
    simulator.govc(&["vm.power", "-on", &path]);
    eventually("the VM runs again", || async { (power_of(&gateway, &name).await? == "running").then_some(()) }).await;
}

async fn a_power_change_by_virsh_appears(database: Database) {
    let lab = Lab::start(2, &[]);
    let gateway = Gateway::start(database).await;
    gateway.join(lab.provider("kvm")).await;
    let vms = gateway.all("vms", "power_state=running").await;
    let name = vms[0]["name"].as_str().unwrap().to_owned();
    let mut watcher = Watcher::begin(&gateway, "types=vm").await.unwrap();
    lab.virsh(&["destroy", &name]);
    watcher
        .find("the domain is stopped", |event| {
            let object = &event.data["object"];
            (object["name"] == name.as_str() && object["power_state"] == "stopped").then_some(())
        })
        .await;
    lab.virsh(&["start", &name, "--paused"]);
    eventually("the domain is paused", || async { (power_of(&gateway, &name).await? == "paused").then_some(()) }).await;
    // Defined, renamed, undefined.
    let xml = "<domain type='qemu'><name>it-новый-机器</name><memory>65536</memory>\
               <os><type>hvm</type></os></domain>";
    lab.define("define", xml);
    eventually("the new domain is there", || gateway.by_name("vms", "it-новый-机器")).await;
    lab.virsh(&["domrename", "it-новый-机器", "it-renamed"]);
    let renamed = eventually("it has its new name", || gateway.by_name("vms", "it-renamed")).await;
    lab.virsh(&["undefine", "it-renamed"]);
    let path = format!("/v1/vms/{}", renamed["id"].as_str().unwrap());
    eventually("it is gone", || async { (gateway.get(&path).await.status == 404).then_some(()) }).await;
}

/// What a watcher holds after a list and a watch from its revision equals a list, at any moment, under churn.
async fn list_then_watch_misses_nothing(database: Database) {
    let simulator = Simulator::start(&["--vms", "60", "--scenario", "lifelike"]);
    let gateway = Gateway::start(database).await;
    gateway.join(simulator.provider("vc")).await;
    simulator.control("/churn", json!({"rate": 50})).await;
    let first = gateway.get("/v1/vms?limit=1000").await.ok();
    let revision = first["revision"].as_str().unwrap();
    let mut held: BTreeMap<String, Value> = BTreeMap::new();
    for vm in first["items"].as_array().unwrap() {
        held.insert(vm["id"].as_str().unwrap().to_owned(), vm.clone());
    }
    let mut watcher = Watcher::begin(&gateway, &format!("types=vm&from_revision={revision}")).await.unwrap();
    let mut last = 0_u64;
    let mut followed = 0;
    let mut stopping_at = None;
    loop {
        let event = watcher.next().await.expect("the stream goes on");
        let at = event.data["revision"].as_str().and_then(|revision| revision.parse::<u64>().ok());
        match event.name.as_str() {
            "put" => {
                let object = event.data["object"].clone();
                held.insert(object["id"].as_str().unwrap().to_owned(), object);
            }
            "delete" => {
                let known = held.remove(event.data["id"].as_str().unwrap());
                assert!(known.is_some(), "the deletion of an unknown object was told");
            }
            _ => {}
        }
        if matches!(event.name.as_str(), "put" | "delete") {
            let at = at.unwrap();
            assert!(at > last, "revision {at} was told after {last}");
            last = at;
            followed += 1;
            if followed == 300 {
                simulator.control("/churn", json!({"rate": 0})).await;
            }
        }
        if followed >= 300 && stopping_at.is_none() {
            // All is quiet when the platform's state stands still in the API.
            let list = eventually("the churn has been taken over", || async {
                let before = gateway.get("/v1/vms?limit=1000").await.ok();
                tokio::time::sleep(std::time::Duration::from_millis(700)).await;
                let after = gateway.get("/v1/vms?limit=1000").await.ok();
                (before["revision"] == after["revision"]).then_some(after)
            })
            .await;
            let until = list["items"].as_array().unwrap().iter();
            let until = until.map(|vm| vm["revision"].as_str().unwrap().parse::<u64>().unwrap()).max().unwrap();
            stopping_at = Some((list, until));
        }
        if let Some((list, until)) = &stopping_at
            && last >= *until
        {
            let listed: BTreeMap<String, &Value> = list["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|vm| (vm["id"].as_str().unwrap().to_owned(), &vm["revision"]))
                .collect();
            let watched: BTreeMap<String, &Value> = held.iter().map(|(id, vm)| (id.clone(), &vm["revision"])).collect();
            assert_eq!(watched, listed);
            return;
        }
    }
}
