//! A libvirt host, as `virsh` tells it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{by, keys, text};
use crate::harness::{Gateway, Lab};

/// Adds what the laboratory has not: odd domains, a transient one, a saved one, snapshots, volumes, networks.
pub fn furnish(lab: &Lab) {
    lab.define(
        "define",
        "<domain type='qemu'><name>odd-шт%2f机</name><title>An odd one</title><memory unit='MiB'>96</memory><vcpu>2</vcpu>\
         <os><type>hvm</type></os><devices>\
         <disk type='network' device='disk'><driver name='qemu' type='raw'/>\
         <source protocol='rbd' name='pool/image'><host name='192.0.2.1' port='6789'/></source><target dev='vda' bus='virtio'/></disk>\
         <disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>\
         <interface type='user'><mac address='52:54:00:aa:bb:01'/><model type='virtio'/></interface>\
         <interface type='ethernet'><mac address='52:54:00:aa:bb:02'/><model type='e1000'/></interface>\
         </devices></domain>",
    );
    lab.define(
        "create",
        "<domain type='qemu'><name>transient-1</name><memory unit='MiB'>64</memory><os><type>hvm</type></os></domain>",
    );
    lab.define("net-define", "<network><name>isolated-1</name><bridge name='vbr-it1'/></network>");
    let first = lab.virsh_lines(&["list", "--all", "--persistent", "--name"]).remove(0);
    for name in ["base", "after-базa"] {
        lab.virsh(&["snapshot-create-as", &first, "--name", name]);
    }
    lab.virsh(&["desc", &first, "--config", "--title", "Its title"]);
}

pub async fn compare(gateway: &Gateway, lab: &Lab, provider: &str) {
    let filter = format!("provider_id={provider}");
    let vms = by(gateway.all("vms", &filter).await, |vm| text(vm, "uuid").to_owned());
    let uuids: BTreeMap<String, ()> =
        lab.virsh_lines(&["list", "--all", "--uuid"]).into_iter().map(|uuid| (uuid, ())).collect();
    assert_eq!(keys(&vms), keys(&uuids));
    for (uuid, vm) in &vms {
        compare_domain(lab, uuid, vm);
        compare_parts(gateway, lab, uuid, vm).await;
    }
    let networks = gateway.all("networks", &filter).await;
    let mut shown: Vec<&str> = networks
        .iter()
        .filter(|network| network["native"]["uuid"].is_string())
        .map(|network| text(network, "name"))
        .collect();
    shown.sort_unstable();
    let mut listed = lab.virsh_lines(&["net-list", "--all", "--name"]);
    listed.sort();
    assert_eq!(shown, listed, "networks");
    compare_pools(gateway, lab, &filter).await;
    let hosts = gateway.all("hosts", &filter).await;
    assert_eq!(hosts.len(), 1);
    let node = lab.virsh(&["nodeinfo"]);
    let value = |name: &str| {
        let line = node.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {node}"));
        line.rsplit(':').next().unwrap().trim().to_owned()
    };
    assert_eq!(hosts[0]["cpu_thread_count"].as_u64().unwrap().to_string(), value("CPU(s)"));
    let kib: u64 = value("Memory size").split_whitespace().next().unwrap().parse().unwrap();
    assert_eq!(hosts[0]["memory_mib"].as_u64().unwrap(), (kib + 512) / 1024);
    assert_eq!(gateway.all("zones", &filter).await.len(), 1);
    let clusters = gateway.all("clusters", &filter).await;
    assert_eq!(clusters.len(), 1);
    assert_eq!(clusters[0]["host_count"], 1);
}

fn compare_domain(lab: &Lab, uuid: &str, vm: &Value) {
    let info = lab.virsh(&["dominfo", uuid]);
    let value = |name: &str| {
        let line = info.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {info}"));
        line.split_once(':').unwrap().1.trim().to_owned()
    };
    assert_eq!(text(vm, "name"), value("Name"));
    let saved = value("Managed save") == "yes";
    let expected = match value("State").as_str() {
        "running" | "idle" | "in shutdown" => "running",
        "paused" | "pmsuspended" => "paused",
        "shut off" if saved => "suspended",
        "shut off" => "stopped",
        "crashed" => "crashed",
        other => panic!("state {other}"),
    };
    assert_eq!(text(vm, "power_state"), expected, "{info}");
    assert_eq!(vm["vcpu_count"].as_u64().unwrap().to_string(), value("CPU(s)"));
    let kib: u64 = value("Max memory").split_whitespace().next().unwrap().parse().unwrap();
    assert_eq!(vm["memory_mib"].as_u64().unwrap(), (kib + 512) / 1024, "{info}");
    assert_eq!(vm["persistent"], value("Persistent") == "yes", "{info}");
    assert_eq!(vm["autostart"].as_bool().unwrap_or_default(), value("Autostart") == "enable", "{info}");
}

async fn compare_parts(gateway: &Gateway, lab: &Lab, uuid: &str, vm: &Value) {
    let id = text(vm, "id");
    let name = text(vm, "name");
    let mut listed: Vec<String> = lab
        .virsh_lines(&["domiflist", uuid])
        .iter()
        .map(|line| line.split_whitespace().last().unwrap().to_owned())
        .collect();
    listed.sort();
    let nics = gateway.all("nics", &format!("vm_id={id}")).await;
    let mut shown: Vec<&str> = nics.iter().map(|nic| text(nic, "mac_address")).collect();
    shown.sort_unstable();
    assert_eq!(shown, listed, "the NICs of {name}");
    // Type, device, target, source; a drive without a medium holds no volume.
    let blocks = lab.virsh_lines(&["domblklist", uuid, "--details"]);
    let mut listed: Vec<&str> = blocks
        .iter()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|columns| columns[3] != "-")
        .map(|columns| columns[2])
        .collect();
    listed.sort_unstable();
    let volumes = gateway.all("volumes", &format!("vm_id={id}")).await;
    let mut shown: Vec<&str> = volumes
        .iter()
        .flat_map(|volume| volume["attachments"].as_array().unwrap())
        .filter(|attachment| text(attachment, "vm_id") == id)
        .map(|attachment| text(attachment, "device"))
        .collect();
    shown.sort_unstable();
    assert_eq!(shown, listed, "the disks of {name}");
    let mut listed = lab.virsh_lines(&["snapshot-list", uuid, "--name"]);
    listed.sort();
    let snapshots = gateway.all("snapshots", &format!("vm_id={id}")).await;
    let mut shown: Vec<&str> = snapshots.iter().map(|snapshot| text(snapshot, "name")).collect();
    shown.sort_unstable();
    assert_eq!(shown, listed, "the snapshots of {name}");
}

async fn compare_pools(gateway: &Gateway, lab: &Lab, filter: &str) {
    let pools = by(gateway.all("datastores", filter).await, |pool| text(pool, "name").to_owned());
    let listed: BTreeMap<String, ()> =
        lab.virsh_lines(&["pool-list", "--all", "--name"]).into_iter().map(|name| (name, ())).collect();
    assert_eq!(keys(&pools), keys(&listed), "pools");
    for (name, pool) in &pools {
        let info = lab.virsh(&["pool-dumpxml", name]);
        let capacity = info.split("<capacity unit='bytes'>").nth(1).and_then(|rest| rest.split('<').next());
        assert_eq!(pool["capacity_bytes"].as_u64().unwrap_or_default().to_string(), capacity.unwrap_or("0"), "{name}");
        let mut listed: Vec<String> = lab
            .virsh_lines(&["vol-list", name])
            .iter()
            .map(|line| line.rsplit_once("  ").map_or(line.as_str(), |(_, path)| path).trim().to_owned())
            .collect();
        listed.sort();
        let in_pool = format!("{filter}&datastore_id={}", text(pool, "id"));
        let mut shown: Vec<String> = Vec::new();
        for collection in ["volumes", "images"] {
            let items = gateway.all(collection, &in_pool).await;
            shown.extend(items.iter().map(|item| text(item, "location").to_owned()));
        }
        shown.sort();
        shown.dedup();
        assert_eq!(shown, listed, "the volumes of {name}");
    }
}
