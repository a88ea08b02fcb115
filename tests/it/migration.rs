//! A machine that moves between the hosts of a KVM cluster stays the same machine: it keeps its id, and nobody is told that
//! it was removed.

use serde_json::{Value, json};

use crate::harness::{Database, Gateway, Lab, Watcher, eventually};

on_both_databases!(a_live_migration_keeps_the_machine, a_machine_that_is_moved_by_hand_keeps_its_id);

/// Two hosts joined as one cluster.
struct Cluster {
    labs: [Lab; 2],
    gateway: Gateway,
    /// The hosts' ids.
    hosts: [String; 2],
    markers: usize,
}

impl Cluster {
    async fn start(database: Database) -> Self {
        let labs = [Lab::start(0, &[]), Lab::start(0, &["--host-index", "1"])];
        let gateway = Gateway::start(database).await;
        let endpoints = labs.each_ref().map(Lab::uri);
        let id = gateway.join(json!({"name": "cluster", "kind": "kvm", "endpoints": endpoints})).await;
        let provider = gateway.get(&format!("/v1/providers/{id}")).await.ok();
        let hosts = gateway.all("hosts", "").await;
        let hosts = endpoints.map(|endpoint| {
            let sources = provider["sources"].as_array().unwrap();
            let source = sources.iter().find(|source| source["endpoint"] == endpoint).expect("a source of each");
            let host = hosts.iter().find(|host| host["source_id"] == source["id"]).expect("a host of each");
            host["id"].as_str().unwrap().to_owned()
        });
        Self { labs, gateway, hosts, markers: 0 }
    }

    /// The machine, once it is shown on a host.
    async fn shown_on(&self, host: usize, name: &str, power_state: &str) -> Value {
        eventually(&format!("{name} is shown {power_state} on host {host}"), || async {
            let vm = self.gateway.by_name("vms", name).await?;
            (vm["host_id"] == self.hosts[host].as_str() && vm["power_state"] == power_state).then_some(vm)
        })
        .await
    }

    /// The events about machines up to now: everything that both hosts did before was told.
    async fn told(&mut self, watcher: &mut Watcher) -> Vec<(String, Value)> {
        let mut told = Vec::new();
        for lab in &self.labs {
            self.markers += 1;
            let marker = format!("marker-{}", self.markers);
            lab.define("define", &domain(&marker, ""));
            watcher
                .find(&marker, |event| {
                    told.push((event.name.clone(), event.data.clone()));
                    (event.data["object"]["name"] == marker.as_str()).then_some(())
                })
                .await;
        }
        told
    }
}

/// A machine that runs without a system: its firmware finds nothing to start, and waits.
fn domain(name: &str, more: &str) -> String {
    format!(
        "<domain type='qemu'><name>{name}</name>{more}<memory unit='MiB'>96</memory><vcpu>1</vcpu>\
         <os><type arch='x86_64' machine='q35'>hvm</type></os>\
         <features><acpi/></features><devices><memballoon model='none'/></devices></domain>"
    )
}

const UUID: &str = "7a1f9a52-5d0c-4b1e-9a36-c0ffee000001";

fn mover() -> String {
    domain("mover", &format!("<uuid>{UUID}</uuid>"))
}

/// Fails when the machine was told to be removed, or was told as another one.
fn was_never_gone(told: &[(String, Value)], id: &str) {
    for (name, data) in told {
        assert!(name != "delete" || data["id"] != id, "the machine was told removed: {told:?}");
        let object = &data["object"];
        assert!(object["uuid"] != UUID || object["id"] == id, "the machine was told under another id: {object}");
    }
    let puts = told.iter().filter(|(name, data)| name == "put" && data["object"]["id"] == id).count();
    assert!(puts > 0, "its move was told: {told:?}");
}

async fn a_live_migration_keeps_the_machine(database: Database) {
    let mut cluster = Cluster::start(database).await;
    cluster.labs[0].define("define", &mover());
    cluster.labs[0].virsh(&["start", "mover"]);
    let vm = cluster.shown_on(0, "mover", "running").await;
    let id = vm["id"].as_str().unwrap().to_owned();
    let mut watcher = Watcher::begin(&cluster.gateway, "types=vm").await.unwrap();
    // The hosts' networks are separate: the guest's memory goes through a socket in a folder that both see.
    let folder = tempfile::tempdir().unwrap();
    for (from, to) in [(0, 1), (1, 0)] {
        let through = format!("unix://{}/{from}.sock", folder.path().display());
        let target = cluster.labs[to].uri();
        cluster.labs[from].virsh(&[
            "migrate",
            "--live",
            "--persistent",
            "--undefinesource",
            "mover",
            &target,
            "--migrateuri",
            &through,
        ]);
        assert_eq!(
            cluster.labs[from].virsh_lines(&["list", "--all", "--uuid"]).iter().find(|uuid| *uuid == UUID),
            None
        );
        let vm = cluster.shown_on(to, "mover", "running").await;
        assert_eq!(vm["id"], id.as_str());
        let told = cluster.told(&mut watcher).await;
        was_never_gone(&told, &id);
    }
    assert_eq!(cluster.gateway.all("vms", &format!("uuid={UUID}")).await.len(), 1);
}

async fn a_machine_that_is_moved_by_hand_keeps_its_id(database: Database) {
    let mut cluster = Cluster::start(database).await;
    cluster.labs[0].define("define", &mover());
    let vm = cluster.shown_on(0, "mover", "stopped").await;
    let id = vm["id"].as_str().unwrap().to_owned();
    let mut watcher = Watcher::begin(&cluster.gateway, "types=vm").await.unwrap();
    // On both for a while.
    cluster.labs[1].define("define", &mover());
    cluster.told(&mut watcher).await;
    assert_eq!(cluster.gateway.all("vms", &format!("uuid={UUID}")).await.len(), 1);
    cluster.labs[0].virsh(&["undefine", "mover"]);
    assert_eq!(cluster.shown_on(1, "mover", "stopped").await["id"], id.as_str());
    let told = cluster.told(&mut watcher).await;
    was_never_gone(&told, &id);
    // On none for a while: it was really away, and comes back as the same.
    cluster.labs[1].virsh(&["undefine", "mover"]);
    let path = format!("/v1/vms/{id}");
    eventually("it is gone", || async { (cluster.gateway.get(&path).await.status == 404).then_some(()) }).await;
    cluster.labs[0].define("define", &mover());
    assert_eq!(cluster.shown_on(0, "mover", "stopped").await["id"], id.as_str());
}
