//! A libvirt host, as `virsh` tells it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{agree, by, keys, text};
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
    lab.define(
        "net-define",
        "<network><name>routed-1</name><forward mode='route'/><bridge name='vbr-it2'/>\
         <ip address='10.77.5.1' prefix='22'/><ip family='ipv6' address='fd00:77::1' prefix='64'/></network>",
    );
    lab.virsh(&["net-autostart", "routed-1"]);
    let first = lab.virsh_lines(&["list", "--all", "--persistent", "--name"]).remove(0);
    for name in ["base", "after-базa"] {
        lab.virsh(&["snapshot-create-as", &first, "--name", name]);
    }
    lab.virsh(&["desc", &first, "--config", "--title", "Its title"]);
}

/// The machines of a provider, each as its host tells it.
pub async fn compare_machines(gateway: &Gateway, labs: &[&Lab], provider: &str) {
    let vms = by(gateway.all("vms", &format!("provider_id={provider}")).await, |vm| text(vm, "uuid").to_owned());
    let mut domains: BTreeMap<String, &Lab> = BTreeMap::new();
    for lab in labs {
        domains.extend(lab.virsh_lines(&["list", "--all", "--uuid"]).into_iter().map(|uuid| (uuid, *lab)));
    }
    assert_eq!(keys(&vms), keys(&domains));
    for (uuid, vm) in &vms {
        compare_domain(domains[uuid], uuid, vm);
        compare_parts(gateway, domains[uuid], uuid, vm).await;
    }
}

pub async fn compare(gateway: &Gateway, lab: &Lab, provider: &str) {
    compare_machines(gateway, &[lab], provider).await;
    let filter = format!("provider_id={provider}");
    let hosts = gateway.all("hosts", &filter).await;
    assert_eq!(hosts.len(), 1);
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
    networks.iter().filter(|network| network["native"]["uuid"].is_string()).for_each(|network| {
        compare_network(lab, network, text(&hosts[0], "id"));
    });
    compare_pools(gateway, lab, &filter).await;
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

/// The value of an attribute of the first element of this name.
fn attribute(xml: &str, element: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{element} "))?;
    let (_, rest) = rest.split_once('>')?.0.split_once(&format!("{name}='"))?;
    Some(rest.split_once('\'')?.0.to_owned())
}

/// Address ranges of a network's definition, in CIDR notation.
fn cidrs(xml: &str) -> Vec<String> {
    let mut ranges = Vec::new();
    for part in xml.split("<ip ").skip(1) {
        let part = format!("<ip {part}");
        let address: std::net::IpAddr = attribute(&part, "ip", "address").expect("an address").parse().unwrap();
        let netmask = attribute(&part, "ip", "netmask").map(|mask| mask.parse::<std::net::Ipv4Addr>().unwrap());
        let prefix: u32 = match netmask {
            Some(mask) => u32::from(mask).count_ones(),
            None => attribute(&part, "ip", "prefix").expect("a prefix").parse().unwrap(),
        };
        ranges.push(match address {
            std::net::IpAddr::V4(address) => {
                let kept = u32::from(address) >> (32 - prefix) << (32 - prefix);
                format!("{}/{prefix}", std::net::Ipv4Addr::from(kept))
            }
            std::net::IpAddr::V6(address) => {
                let kept = u128::from(address) >> (128 - prefix) << (128 - prefix);
                format!("{}/{prefix}", std::net::Ipv6Addr::from(kept))
            }
        });
    }
    ranges
}

fn compare_network(lab: &Lab, network: &Value, host: &str) {
    let name = text(network, "name");
    let info = lab.virsh(&["net-info", name]);
    let value = |label: &str| {
        let line = info.lines().find(|line| line.starts_with(label)).unwrap_or_else(|| panic!("{label}: {info}"));
        line.split_once(':').unwrap().1.trim().to_owned()
    };
    let active = value("Active") == "yes";
    assert_eq!(text(network, "state"), if active { "active" } else { "inactive" }, "{info}");
    assert_eq!(network["native"]["autostart"], value("Autostart") == "yes", "{info}");
    assert_eq!(network["native"]["persistent"], value("Persistent") == "yes", "{info}");
    assert_eq!(text(network, "switch_name"), value("Bridge"), "{info}");
    let xml = lab.virsh(&["net-dumpxml", name]);
    let mode = attribute(&xml, "forward", "mode").unwrap_or_else(|| "isolated".to_owned());
    assert_eq!(text(network, "technology"), mode, "{xml}");
    assert_eq!(network["cidrs"], json!(cidrs(&xml)), "{xml}");
    assert_eq!(network["dhcp_enabled"], xml.contains("<range "), "{xml}");
    let reached = json!([{"host_id": host, "accessible": active}]);
    assert_eq!(network["hosts"], reached, "{name}");
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
    // Device, type, source, model, MAC address.
    for line in lab.virsh_lines(&["domiflist", uuid]) {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let nic = nics.iter().find(|nic| text(nic, "mac_address") == columns[4]).unwrap();
        assert_eq!(text(nic, "attachment"), columns[1], "{line}");
        assert_eq!(text(nic, "model"), columns[3], "{line}");
        let network = match nic["network_id"].as_str() {
            Some(id) => gateway.get(&format!("/v1/networks/{id}")).await.ok(),
            None => Value::Null,
        };
        let expected = if columns[1] == "network" { columns[2] } else { "" };
        assert_eq!(text(&network, "name"), expected, "{line}");
    }
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
        compare_pool(gateway, lab, name, text(pool, "id")).await;
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
            for item in &items {
                compare_volume(gateway, lab, name, collection, item).await;
            }
            shown.extend(items.iter().map(|item| text(item, "location").to_owned()));
        }
        shown.sort();
        shown.dedup();
        assert_eq!(shown, listed, "the volumes of {name}");
    }
}

/// Bytes of an element of a definition.
fn bytes(xml: &str, element: &str) -> Option<u64> {
    let rest = xml.split(&format!("<{element} unit='bytes'>")).nth(1)?;
    rest.split('<').next()?.parse().ok()
}

/// A part of a whole, roughly: what is free of a disk that others write to is another number at each look.
fn eighths(part: Option<u64>, whole: Option<u64>) -> Option<u64> {
    Some((part? * 8).div_ceil(whole?.max(1)))
}

/// State, place and sizes of a pool.
async fn compare_pool(gateway: &Gateway, lab: &Lab, name: &str, id: &str) {
    let path = format!("/v1/datastores/{id}");
    agree(name, || async {
        let pool = gateway.get(&path).await.ok();
        let xml = lab.virsh(&["pool-dumpxml", name]);
        let info = lab.virsh(&["pool-info", name]);
        let running = info.lines().any(|line| line.starts_with("State:") && line.ends_with("running"));
        let sized = |element: &str| bytes(&xml, element).filter(|_| running);
        let place = xml.split("<path>").nth(1).and_then(|rest| rest.split('<').next());
        let state = if running { "accessible" } else { "inactive" };
        let told = json!([
            state,
            attribute(&xml, "pool", "type"),
            place,
            sized("capacity"),
            eighths(sized("available"), sized("capacity"))
        ]);
        let [state, technology, place, capacity, free] =
            ["state", "technology", "location", "capacity_bytes", "free_bytes"].map(|field| pool[field].clone());
        let free = eighths(free.as_u64(), capacity.as_u64());
        (json!([state, technology, place, capacity, free]), told)
    })
    .await;
}

/// Sizes and format of a volume, or of an image.
async fn compare_volume(gateway: &Gateway, lab: &Lab, pool: &str, collection: &str, item: &Value) {
    let path = format!("/v1/{collection}/{}", text(item, "id"));
    agree(text(item, "location"), || async {
        let item = gateway.get(&path).await.ok();
        let xml = lab.virsh(&["vol-dumpxml", "--pool", pool, text(&item, "name")]);
        let (capacity, format) = (bytes(&xml, "capacity"), attribute(&xml, "format", "type"));
        let told = json!([capacity, bytes(&xml, "allocation"), format]);
        let shown = match collection {
            // What a disc would hold is no size of a disk.
            "images" if item["format"] == "iso" => json!([capacity, item["size_bytes"], item["native"]["format"]]),
            "images" => json!([item["disk_bytes"], item["size_bytes"], item["native"]["format"]]),
            _ => json!([item["capacity_bytes"], item["allocated_bytes"], item["format"]]),
        };
        (shown, told)
    })
    .await;
}
