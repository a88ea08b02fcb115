//! A vCenter, as `govc` and the simulator's registry tell it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{by, keys, text};
use crate::harness::{Gateway, Simulator, eventually};

/// vSphere's types, and the collections that hold them.
const TYPES: &[(&[&str], &[&str])] = &[
    (&["Datacenter"], &["zones"]),
    (&["ClusterComputeResource", "ComputeResource"], &["clusters"]),
    (&["HostSystem"], &["hosts"]),
    (&["ResourcePool", "VirtualApp"], &["resource-pools"]),
    (&["Folder"], &["folders"]),
    (&["Datastore", "StoragePod"], &["datastores"]),
    (&["Network", "DistributedVirtualPortgroup", "OpaqueNetwork"], &["networks"]),
    (&["VirtualMachine"], &["vms", "images"]),
];

fn moref(object: &Value) -> String {
    text(&object["native"], "moref").to_owned()
}

/// vCenter escapes these in names.
fn decoded(name: &str) -> String {
    name.replace("%2f", "/").replace("%2F", "/").replace("%5c", "\\").replace("%5C", "\\").replace("%25", "%")
}

/// What `govc find` lists of some types, by reference.
fn found(simulator: &Simulator, types: &[&str]) -> BTreeSet<String> {
    let mut references = BTreeSet::new();
    for kind in types {
        let listed = simulator.govc(&["find", "-i", "-type", kind, "/"]);
        let of_kind = listed.lines().filter_map(|line| line.strip_prefix(&format!("{kind}:")));
        references.extend(of_kind.map(str::to_owned));
    }
    references
}

/// The objects of a provider with a reference of vSphere's, by it.
async fn shown(gateway: &Gateway, provider: &str, collections: &[&str]) -> BTreeMap<String, Value> {
    let mut items = Vec::new();
    for collection in collections {
        items.extend(gateway.all(collection, &format!("provider_id={provider}")).await);
    }
    items.retain(|item| !moref(item).is_empty());
    by(items, moref)
}

pub async fn compare(gateway: &Gateway, simulator: &Simulator, provider: &str) {
    let truth = simulator.truth().await;
    let truth = by(truth["objects"].as_array().unwrap().clone(), |object| text(object, "moref").to_owned());
    let mut all: BTreeMap<String, Value> = BTreeMap::new();
    for (types, collections) in TYPES {
        let shown = shown(gateway, provider, collections).await;
        let found = found(simulator, types);
        let found: Vec<&str> = found.iter().map(String::as_str).collect();
        assert_eq!(keys(&shown), found, "{collections:?} against {types:?}");
        all.extend(shown);
    }
    let ids: BTreeMap<String, String> =
        all.iter().map(|(moref, object)| (text(object, "id").to_owned(), moref.clone())).collect();
    let reference = |object: &Value, field: &str| ids.get(text(object, field)).cloned().unwrap_or_default();
    for (moref, object) in &all {
        let told = truth.get(moref).unwrap_or_else(|| panic!("{moref} is not in the registry"));
        assert_eq!(text(object, "name"), decoded(text(told, "name")), "{moref}");
        match text(told, "type") {
            "VirtualMachine" => compare_machine(object, told, &reference),
            "HostSystem" => compare_host(object, told),
            "Datastore" => {
                assert_eq!(object["capacity_bytes"], told["capacity"], "{moref}");
                assert_eq!(object["free_bytes"], told["free"], "{moref}");
                assert_eq!(text(object, "state") == "inaccessible", told["accessible"] == false, "{moref}: {told}");
                let hosts = object["hosts"].as_array().unwrap().len();
                assert_eq!(hosts, told["mounts"].as_object().unwrap().len(), "{moref}");
            }
            "ResourcePool" | "VirtualApp" => {
                assert_eq!(object["vapp"], text(told, "type") == "VirtualApp", "{moref}");
                assert_eq!(reference(object, "cluster_id"), text(told, "owner"), "{moref}");
            }
            "ClusterComputeResource" | "ComputeResource" => {
                assert_eq!(object["host_count"], told["hosts"].as_array().unwrap().len(), "{moref}");
                assert_eq!(object["standalone"], text(told, "type") == "ComputeResource", "{moref}");
            }
            _ => {}
        }
    }
    compare_parts(gateway, provider, &all, &truth).await;
}

fn compare_machine(object: &Value, told: &Value, reference: &impl Fn(&Value, &str) -> String) {
    let moref = text(told, "moref");
    if object["kind"] == "image" {
        assert_eq!(told["template"], true, "{moref} is shown as an image");
        return;
    }
    assert_ne!(told["template"], true, "{moref} is a template and shown as a machine");
    let power = match text(told, "power_state") {
        "poweredOn" => "running",
        "poweredOff" => "stopped",
        "suspended" => "suspended",
        other => panic!("power state {other}"),
    };
    let condition = match text(told, "connection_state") {
        "connected" => "ok",
        other => other,
    };
    assert_eq!(text(object, "condition"), condition, "{moref}");
    // What vCenter says of a machine that it does not reach is its last word, not the present.
    let power = if matches!(condition, "disconnected" | "orphaned") { "unknown" } else { power };
    assert_eq!(text(object, "power_state"), power, "{moref}");
    assert_eq!(reference(object, "host_id"), text(told, "host"), "{moref}");
    if told["vapp"].is_null() {
        assert_eq!(reference(object, "resource_pool_id"), text(told, "pool"), "{moref}");
    }
    assert_eq!(object["question"].is_string(), told["question"] == true, "{moref}");
    if told["has_config"] == true {
        assert_eq!(object["vcpu_count"], told["cpus"], "{moref}");
        assert_eq!(object["memory_mib"], told["memory_mib"], "{moref}");
        assert_eq!(text(object, "uuid"), text(told, "instance_uuid"), "{moref}");
        assert_eq!(text(object, "bios_uuid"), text(told, "uuid"), "{moref}");
        assert_eq!(object["volume_count"], told["disks"].as_array().unwrap().len(), "{moref}");
        assert_eq!(object["nic_count"], told["nics"].as_array().unwrap().len(), "{moref}");
    }
    let snapshots = told["snapshots"].as_array().map_or(0, Vec::len);
    assert_eq!(object["snapshot_count"], snapshots, "{moref}");
    for ip in told["guest_ips"].as_array().into_iter().flatten() {
        assert!(object["ip_addresses"].as_array().unwrap().contains(ip), "{moref}: {ip}");
    }
}

fn compare_host(object: &Value, told: &Value) {
    let moref = text(told, "moref");
    let state = match text(told, "connection_state") {
        "notResponding" => "not_responding",
        other => other,
    };
    assert_eq!(text(object, "state"), state, "{moref}");
    assert_eq!(object["maintenance"], told["maintenance"], "{moref}");
    assert_eq!(object["cpu_core_count"], told["cores"], "{moref}");
    assert_eq!(object["cpu_thread_count"], told["threads"], "{moref}");
    assert_eq!(object["memory_mib"].as_u64().unwrap(), told["memory_bytes"].as_u64().unwrap() >> 20, "{moref}");
    assert!(text(object, "hardware_uuid").eq_ignore_ascii_case(text(told, "uuid")), "{moref}");
}

/// What hangs on machines: volumes, NICs, snapshots.
async fn compare_parts(
    gateway: &Gateway,
    provider: &str,
    all: &BTreeMap<String, Value>,
    truth: &BTreeMap<String, Value>,
) {
    let filter = format!("provider_id={provider}");
    let (mut disks, mut macs, mut snapshots) = (Vec::new(), Vec::new(), Vec::new());
    for (moref, told) in truth {
        let Some(object) = all.get(moref).filter(|_| text(told, "type") == "VirtualMachine") else { continue };
        let id = text(object, "id");
        for disk in told["disks"].as_array().into_iter().flatten() {
            disks.push((id.to_owned(), disk["capacity_bytes"].as_u64().unwrap()));
        }
        for nic in told["nics"].as_array().into_iter().flatten() {
            macs.push((id.to_owned(), text(nic, "mac").to_lowercase()));
        }
        for snapshot in told["snapshots"].as_array().into_iter().flatten() {
            snapshots.push((id.to_owned(), decoded(text(snapshot, "name"))));
        }
    }
    let shown = gateway.all("volumes", &filter).await.into_iter().flat_map(|volume| {
        let capacity = volume["capacity_bytes"].as_u64().unwrap_or_default();
        let attachments = volume["attachments"].as_array().unwrap().clone();
        attachments.into_iter().map(move |attachment| (text(&attachment, "vm_id").to_owned(), capacity))
    });
    assert_eq!(sorted(shown.collect()), sorted(disks), "volumes");
    let shown = gateway.all("nics", &filter).await;
    let shown = shown.iter().map(|nic| (text(nic, "vm_id").to_owned(), text(nic, "mac_address").to_owned()));
    assert_eq!(sorted(shown.collect()), sorted(macs), "NICs");
    let shown = gateway.all("snapshots", &filter).await;
    let shown = shown.iter().map(|snapshot| (text(snapshot, "vm_id").to_owned(), text(snapshot, "name").to_owned()));
    assert_eq!(sorted(shown.collect()), sorted(snapshots), "snapshots");
}

fn sorted<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort();
    items
}

/// What is polled: tags with what they are attached to, libraries, storage policies.
pub async fn compare_polled(gateway: &Gateway, simulator: &Simulator, provider: &str) {
    let filter = format!("provider_id={provider}");
    let names = |text: &str| sorted(text.lines().map(str::trim).filter(|l| !l.is_empty()).map(str::to_owned).collect());
    for (collection, arguments) in [
        ("tags", &["tags.ls"][..]),
        ("content-libraries", &["library.ls"]),
        ("storage-policies", &["storage.policy.ls"]),
    ] {
        let listed = simulator.govc(arguments);
        let expected: Vec<String> = match collection {
            // Two columns: the id and the name, or the name and the category.
            "tags" => names(&listed).iter().map(|line| line.split_whitespace().next().unwrap().to_owned()).collect(),
            "storage-policies" => names(&listed),
            _ => names(&listed).iter().map(|line| line.trim_start_matches('/').to_owned()).collect(),
        };
        eventually(&format!("all {collection}"), || async {
            let shown = gateway.all(collection, &filter).await;
            let missing = expected.iter().find(|line| {
                !shown.iter().any(|object| line.contains(text(object, "name")) && !text(object, "name").is_empty())
            });
            (shown.len() == expected.len() && missing.is_none()).then_some(())
        })
        .await;
    }
    let tags = gateway.all("tags", &filter).await;
    assert!(!tags.is_empty(), "the scenario has tags");
    let mut attached = 0;
    for tag in &tags {
        let name = text(tag, "name");
        let listed = simulator.govc(&["tags.attached.ls", text(&tag["native"], "id")]);
        let expected = names(&listed).into_iter().filter(|line| line.starts_with("VirtualMachine:")).count();
        attached += expected;
        eventually(&format!("{name} is attached to {expected} machines"), || async {
            let query = format!("tag_ids={}", text(tag, "id"));
            let shown = gateway.all("vms", &query).await.len() + gateway.all("images", &query).await.len();
            (shown == expected).then_some(())
        })
        .await;
    }
    assert!(attached > 0, "the scenario has tags on machines");
}
