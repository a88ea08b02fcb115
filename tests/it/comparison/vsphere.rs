//! A vCenter, as `govc` and the simulator's registry tell it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{by, keys, text, vsphere_details as details};
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

pub fn moref(object: &Value) -> String {
    text(&object["native"], "moref").to_owned()
}

/// vCenter escapes these in names.
pub fn decoded(name: &str) -> String {
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

/// Everything that the platform did until now is shown: a mark that is set now is. There are two, since an answer comes in
/// parts of no certain order: the second is in a later one than all that was before the first.
pub async fn caught_up(gateway: &Gateway, simulator: &Simulator) {
    for _ in 0..2 {
        let name = format!("mark-{}", rand::random::<u64>());
        let made = simulator.control("/vm/create", json!({"name": name, "count": 1})).await["vms"][0].clone();
        let (name, moref) = (made["name"].as_str().unwrap(), made["moref"].as_str().unwrap());
        eventually("what was done last is shown", || gateway.by_name("vms", name)).await;
        simulator.control("/vm/delete", json!({"vm": moref})).await;
        eventually("the mark is gone", || async { gateway.by_name("vms", name).await.is_none().then_some(()) }).await;
    }
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
    details::compare(simulator, &all, &truth);
    details::compare_parts(gateway, provider, &all, &truth).await;
}

fn compare_machine(object: &Value, told: &Value, reference: &impl Fn(&Value, &str) -> String) {
    let moref = text(told, "moref");
    if object["kind"] == "image" {
        assert_eq!(told["template"], true, "{moref} is shown as an image");
        for (field, name) in [("vcpu_count", "cpus"), ("memory_mib", "memory_mib"), ("location", "path")] {
            assert_eq!(object[field], told[name], "{field} of {moref}");
        }
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
        assert_eq!(object["snapshot_count"], told["snapshots"].as_array().map_or(0, Vec::len), "{moref}");
    } else {
        // What vCenter remembers of it, and nothing where it does not.
        let remembered = &told["summary_config"];
        for (field, name) in [
            ("vcpu_count", "cpus"),
            ("memory_mib", "memory_mib"),
            ("volume_count", "disks"),
            ("nic_count", "nics"),
            ("uuid", "instance_uuid"),
            ("bios_uuid", "uuid"),
        ] {
            assert_eq!(object[field], remembered[name], "{field} of {moref}");
        }
        assert!(object["snapshot_count"].is_null() && object["storage_provisioned_bytes"].is_null(), "{object}");
    }
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
    assert_eq!(text(object, "cpu_model"), text(told, "cpu_model"), "{moref}");
    assert_eq!(object["cpu_mhz"], told["mhz"], "{moref}");
    for (field, name) in [("hardware_model", "vendor"), ("hardware_model", "model"), ("hypervisor", "version")] {
        assert!(text(object, field).contains(text(told, name)), "{field} of {moref}: {object}");
    }
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
    let mut kinds = BTreeSet::new();
    let collections: Vec<&str> = TYPES.iter().flat_map(|(_, collections)| collections.iter().copied()).collect();
    for tag in &tags {
        let listed = simulator.govc(&["tags.attached.ls", text(&tag["native"], "id")]);
        let listed = names(&listed);
        kinds.extend(listed.iter().filter_map(|line| Some(line.split_once(':')?.0.to_owned())));
        details::compare_tag(gateway, tag, &listed, &collections).await;
    }
    assert!(kinds.len() > 1, "the scenario has tags on more than machines: {kinds:?}");
    details::compare_library_items(gateway, simulator, &filter).await;
    compare_policies(gateway, simulator, &filter).await;
}

/// What has which storage policy, as the registry tells it and, of some machines, as `govc` reads it object by object.
async fn compare_policies(gateway: &Gateway, simulator: &Simulator, filter: &str) {
    let mut expected: BTreeMap<String, String> =
        serde_json::from_value(simulator.truth().await["policies"].clone()).unwrap();
    // A template is an image, which tells no policy of its own; its disks do.
    for image in gateway.all("images", filter).await {
        expected.remove(&moref(&image));
    }
    assert!(expected.keys().any(|key| key.contains(':')) && !expected.keys().all(|key| key.contains(':')));
    eventually("what has which storage policy", || async {
        (shown_policies(gateway, filter).await == expected).then_some(())
    })
    .await;
    let names = by(gateway.all("storage-policies", filter).await, |policy| text(policy, "id").to_owned());
    let vms = gateway.all("vms", filter).await;
    let (with, without): (Vec<&Value>, Vec<&Value>) =
        vms.iter().filter(|vm| vm["condition"] == "ok").partition(|vm| vm["storage_policy_id"].is_string());
    for vm in with.into_iter().take(4).chain(without.into_iter().take(4)) {
        let path = simulator.govc(&["find", "/", "-type", "m", "-name", text(vm, "name")]);
        let [path] = path.lines().collect::<Vec<_>>()[..] else { continue };
        let told: Value = serde_json::from_str(&simulator.govc(&["vm.policy.ls", "-json", "-vm", path])).unwrap();
        let volumes = gateway.all("volumes", &format!("vm_id={}", text(vm, "id"))).await;
        let name = |object: &Value| {
            names.get(text(object, "storage_policy_id")).map_or("None", |p| text(p, "name")).to_owned()
        };
        let shown = volumes.iter().map(|volume| (format!("{}:{}", moref(vm), volume["native"]["key"]), name(volume)));
        let shown: BTreeMap<String, String> = shown.chain([(moref(vm), name(vm))]).collect();
        let told = told.as_array().unwrap().iter();
        let told = told.map(|one| (text(&one["id"], "key").to_owned(), text(one, "policyName").to_owned()));
        assert_eq!(shown, told.collect::<BTreeMap<_, _>>(), "{path}");
    }
}

/// The policies' own ids by machine (`vm-42`) and disk (`vm-42:2000`).
async fn shown_policies(gateway: &Gateway, filter: &str) -> BTreeMap<String, String> {
    let policies = by(gateway.all("storage-policies", filter).await, |policy| text(policy, "id").to_owned());
    let own_id =
        |object: &Value| Some(text(&policies.get(text(object, "storage_policy_id"))?["native"], "id").to_owned());
    let mut machines = gateway.all("vms", filter).await;
    machines.extend(gateway.all("images", filter).await);
    let machines = by(machines, |machine| text(machine, "id").to_owned());
    let mut shown: BTreeMap<String, String> =
        machines.values().filter_map(|machine| Some((moref(machine), own_id(machine)?))).collect();
    for volume in gateway.all("volumes", filter).await {
        let machine = &machines[text(&volume["attachments"][0], "vm_id")];
        shown.extend(own_id(&volume).map(|id| (format!("{}:{}", moref(machine), volume["native"]["key"]), id)));
    }
    shown
}

/// A policy that is applied, changed or taken away outside is shown so.
pub async fn change_policies(gateway: &Gateway, simulator: &Simulator, provider: &str) {
    let filter = format!("provider_id={provider}");
    let volumes = gateway.all("volumes", &filter).await;
    let with = volumes.iter().find(|volume| volume["storage_policy_id"].is_string()).expect("a disk with a policy");
    let without = gateway.all("vms", &format!("{filter}&condition=ok")).await;
    let without = without.iter().find(|vm| vm["storage_policy_id"].is_null()).expect("a machine without one");
    let path = format!("/v1/vms/{}", text(&with["attachments"][0], "vm_id"));
    let owner = moref(&gateway.get(&path).await.ok());
    let disk = &with["native"]["key"];
    simulator.control("/policy", json!({"vm": owner, "disk": disk, "policy": ""})).await;
    simulator.control("/policy", json!({"vm": moref(without), "policy": "Langsam & günstig"})).await;
    eventually("the disk has no policy, the machine has one", || async {
        let disk = gateway.get(&format!("/v1/volumes/{}", text(with, "id"))).await.ok();
        let vm = gateway.get(&format!("/v1/vms/{}", text(without, "id"))).await.ok();
        let policy = gateway.get(&format!("/v1/storage-policies/{}", vm["storage_policy_id"].as_str()?)).await.ok();
        (disk["storage_policy_id"].is_null() && policy["name"] == "Langsam & günstig").then_some(())
    })
    .await;
}
