//! Every noun of every provider equals what `govc` and `virsh` say, object by object.

pub mod kvm;
pub mod vsphere;
mod vsphere_details;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Database, Gateway, Lab, PATIENCE, Simulator};

on_both_databases!(a_vcenter_with_odd_shapes_equals_govc, an_esxi_equals_govc, a_kvm_host_equals_virsh);

/// Before 7.0.2 there is no `/api`, in 6.5 no date of creation either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vcenters_of_every_version_equal_govc() {
    let gateway = Gateway::start(Database::Sqlite).await;
    for version in ["6.5.0", "6.7.0", "7.0.1", "7.0.3", "9.0.0"] {
        let flags = ["--vms", "15", "--scenario", "lifelike", "--version", version, "--seed", version];
        let simulator = Simulator::start(&flags[..6]);
        let id = gateway.join(simulator.provider(version)).await;
        let provider = gateway.get(&format!("/v1/providers/{id}")).await.ok();
        let shown = provider["sources"][0]["identity"]["version"].as_str().unwrap_or_default();
        assert!(shown.starts_with(version), "{provider}");
        vsphere::compare(&gateway, &simulator, &id).await;
        vsphere::compare_polled(&gateway, &simulator, &id).await;
        assert_eq!(gateway.call(reqwest::Method::DELETE, &format!("/v1/providers/{id}"), None).await.status, 202);
    }
}

async fn a_vcenter_with_odd_shapes_equals_govc(database: Database) {
    let simulator = Simulator::start(&["--vms", "80", "--scenario", "odd"]);
    let gateway = Gateway::start(database).await;
    let id = gateway.join(simulator.provider("vc")).await;
    vsphere::compare(&gateway, &simulator, &id).await;
    vsphere::compare_polled(&gateway, &simulator, &id).await;
    vsphere::change_policies(&gateway, &simulator, &id).await;
}

async fn an_esxi_equals_govc(database: Database) {
    let simulator = Simulator::start(&["--vms", "10", "--esx"]);
    let gateway = Gateway::start(database).await;
    let id = gateway.join(simulator.provider("esxi")).await;
    vsphere::compare(&gateway, &simulator, &id).await;
}

async fn a_kvm_host_equals_virsh(database: Database) {
    let lab = Lab::start(3, &[]);
    kvm::furnish(&lab);
    let gateway = Gateway::start(database).await;
    let id = gateway.join(lab.provider("kvm")).await;
    kvm::compare(&gateway, &lab, &id).await;
}

/// Asks both sides until they say the same: what changes by itself may do so between the two.
async fn agree<F: Future<Output = (Value, Value)>>(what: &str, mut ask: impl FnMut() -> F) {
    let begun = Instant::now();
    loop {
        let (shown, told) = ask().await;
        if shown == told {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: shown {shown}, told {told}");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

/// A text member, or nothing.
fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().unwrap_or_default()
}

/// Objects by one of their members; each must be unique.
fn by(items: Vec<Value>, key: impl Fn(&Value) -> String) -> BTreeMap<String, Value> {
    let count = items.len();
    let map: BTreeMap<String, Value> = items.into_iter().map(|item| (key(&item), item)).collect();
    assert_eq!(map.len(), count, "two objects have the same key");
    map
}

/// The keys of a map, for comparing.
fn keys<V>(map: &BTreeMap<String, V>) -> Vec<&str> {
    map.keys().map(String::as_str).collect()
}
