//! Changes made outside appear as they happen: in reads, in the change stream, and complete.

use std::collections::BTreeMap;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncBufReadExt as _;

use crate::harness::{Database, Gateway, Lab, PATIENCE, Simulator, Watcher, eventually};

on_both_databases!(
    a_power_change_by_govc_appears,
    a_power_change_by_virsh_appears,
    the_states_of_a_provider_are_told_afterwards,
    list_then_watch_misses_nothing,
    a_resync_says_how_far_it_is,
);

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
    let revision = gateway.get("/v1/vms?limit=1").await.ok()["revision"].as_str().unwrap().to_owned();
    simulator.govc(&["vm.power", "-off", "-force", &path]);
    // It may be told before for another reason: what is polled comes when it comes.
    watcher
        .find("the VM is stopped", |event| {
            let object = &event.data["object"];
            let is_stopped = object["name"] == name.as_str() && object["power_state"] == "stopped";
            (event.name == "put" && is_stopped).then_some(())
        })
        .await;
    assert_eq!(power_of(&gateway, &name).await.as_deref(), Some("stopped"), "the stream was ahead of the reads");
    printed(&gateway, &["watch", "--types", "vm", "--from", &revision], &[&name, "stopped"]).await;
    simulator.govc(&["vm.power", "-on", &path]);
    eventually("the VM runs again", || async { (power_of(&gateway, &name).await? == "running").then_some(()) }).await;
    // It is told afterwards, back to when the VM was first seen.
    let id = gateway.by_name("vms", &name).await.unwrap()["id"].as_str().unwrap().to_owned();
    let changes = gateway.all(&format!("vms/{id}/changes"), "").await;
    let power = |change: &Value| {
        let fields = change["fields"].as_array().unwrap();
        let field = fields.iter().find(|field| field["field"] == "power_state")?;
        Some((field["before"].as_str()?.to_owned(), field["after"].as_str()?.to_owned()))
    };
    let told: Vec<_> = changes.iter().filter_map(power).collect();
    let step = |before: &str, after: &str| (before.to_owned(), after.to_owned());
    assert_eq!(told, [step("stopped", "running"), step("running", "stopped")], "{changes:?}");
    assert_eq!(changes.last().unwrap()["op"], "created");
    let output = gateway.cli(&["vm", "changes", &name]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("power_state running") && text.contains("created"), "{text}");
}

/// A command of the client that goes on prints a line with all of these words.
async fn printed(gateway: &Gateway, arguments: &[&str], words: &[&str]) {
    let mut client = tokio::process::Command::from(gateway.cli(arguments));
    let mut client = client.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = tokio::io::BufReader::new(client.stdout.take().unwrap()).lines();
    let mut printed = Vec::new();
    let found = tokio::time::timeout(PATIENCE, async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if words.iter().all(|word| line.contains(word)) {
                return true;
            }
            printed.push(line);
        }
        false
    });
    assert_eq!(found.await, Ok(true), "{printed:?}");
}

/// What the states were is told, and an end of the gateway is seen in it.
async fn the_states_of_a_provider_are_told_afterwards(database: Database) {
    let simulator = Simulator::start(&["--vms", "5"]);
    let mut gateway = Gateway::start(database).await;
    let id = gateway.join(simulator.provider("vc")).await;
    let history = async |gateway: &Gateway| gateway.all(&format!("providers/{id}/history"), "").await;
    let states = |entries: &[Value]| -> Vec<String> {
        entries.iter().rev().map(|entry| entry["state"].as_str().unwrap().to_owned()).collect()
    };
    let reached = async |gateway: &Gateway, expected: &[&str]| {
        eventually("the states are written", || async { (states(&history(gateway).await) == expected).then_some(()) })
            .await;
    };
    reached(&gateway, &["connecting", "loading", "live"]).await;
    assert!(gateway.stop().success());
    gateway.restart().await;
    gateway.wait_for_state(&id, "live").await;
    reached(&gateway, &["connecting", "loading", "live", "connecting", "loading", "live"]).await;
    let entries = history(&gateway).await;
    assert_eq!(entries[0]["until"], Value::Null);
    assert!(entries[1..].iter().all(|entry| entry["until"].is_string()), "{entries:?}");
    let patch =
        gateway.call(reqwest::Method::PATCH, &format!("/v1/providers/{id}"), Some(json!({"enabled": false}))).await;
    patch.ok();
    eventually("it is disabled", || async { (states(&history(&gateway).await).last()? == "disabled").then_some(()) })
        .await;
    let output = gateway.cli(&["provider", "history", "vc", "--state", "live"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).matches("live").count(), 2);
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

async fn a_resync_says_how_far_it_is(database: Database) {
    let simulator = Simulator::start(&["--vms", "800", "--scenario", "flat"]);
    let gateway = Gateway::start(database).await;
    let id = gateway.join(simulator.provider("vc")).await;
    let mut watcher = Watcher::begin(&gateway, "types=provider").await.unwrap();
    gateway.call(reqwest::Method::POST, &format!("/v1/providers/{id}/resync"), None).await.ok();
    let (mut most, mut loading) = (0, false);
    watcher
        .find("it is live again", |event| {
            let sync = &event.data["sources"][0]["sync"];
            match sync["state"].as_str()? {
                "loading" => {
                    loading = true;
                    most = most.max(sync["loaded"].as_u64().unwrap_or(0));
                }
                "live" if loading => return Some(()),
                _ => {}
            }
            None
        })
        .await;
    assert!(most >= 100, "the first page at least was told while it was read: {most}");
}
