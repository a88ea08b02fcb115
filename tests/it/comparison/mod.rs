//! Every noun of every provider equals what `govc` and `virsh` say, object by object.

mod kvm;
pub mod vsphere;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::harness::{Database, Gateway, Lab, Simulator};

on_both_databases!(a_vcenter_with_odd_shapes_equals_govc, an_esxi_equals_govc, a_kvm_host_equals_virsh);

async fn a_vcenter_with_odd_shapes_equals_govc(database: Database) {
    let simulator = Simulator::start(&["--vms", "80", "--scenario", "odd"]);
    let gateway = Gateway::start(database).await;
    let id = gateway.join(simulator.provider("vc")).await;
    vsphere::compare(&gateway, &simulator, &id).await;
    vsphere::compare_polled(&gateway, &simulator, &id).await;
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
