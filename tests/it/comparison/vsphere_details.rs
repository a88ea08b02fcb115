//! What vCenter's objects hang on and are connected to, as `govc` and the simulator's registry tell it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::vsphere::{decoded, moref};
use super::{by, text};
use crate::harness::{Gateway, Simulator, eventually};

/// Objects of a provider or of the registry, by reference.
pub type Objects = BTreeMap<String, Value>;

/// References of objects by the gateway's ids.
pub struct References(BTreeMap<String, String>);

impl References {
    pub fn new(all: &Objects) -> Self {
        Self(all.iter().map(|(moref, object)| (text(object, "id").to_owned(), moref.clone())).collect())
    }

    /// The reference behind a member that is an id; empty where it has none.
    pub fn of(&self, object: &Value, field: &str) -> String {
        match object[field].as_str() {
            Some(id) => self.0.get(id).unwrap_or_else(|| panic!("{field} leads nowhere: {object}")).clone(),
            None => String::new(),
        }
    }

    /// Those behind a list of ids.
    fn of_all(&self, object: &Value, field: &str) -> BTreeSet<String> {
        let ids = object[field].as_array().into_iter().flatten();
        ids.map(|id| self.0.get(id.as_str().unwrap()).unwrap_or_else(|| panic!("{field}: {object}")).clone()).collect()
    }

    /// Which host reaches it.
    fn access(&self, object: &Value) -> BTreeMap<String, Value> {
        let hosts = object["hosts"].as_array().unwrap();
        hosts.iter().map(|host| (self.of(host, "host_id"), host["accessible"].clone())).collect()
    }
}

fn texts(list: &Value) -> BTreeSet<String> {
    list.as_array().into_iter().flatten().map(|item| item.as_str().unwrap().to_owned()).collect()
}

/// Where every object is, and what it is connected to.
pub fn compare(simulator: &Simulator, all: &Objects, truth: &Objects) {
    let references = References::new(all);
    let vlans = standard_vlans(simulator);
    let fields = custom_fields(simulator, truth);
    for (moref, object) in all {
        let told = &truth[moref];
        compare_place(object, told, truth, &references);
        match text(told, "type") {
            "VirtualMachine" if object["kind"] == "vm" => {
                for (field, members) in [("datastore_ids", "datastores"), ("network_ids", "networks")] {
                    assert_eq!(references.of_all(object, field), texts(&told[members]), "{field} of {moref}");
                }
                let named = |(key, value): (&String, &Value)| (fields[key].clone(), value.as_str().unwrap().to_owned());
                let expected = told["custom_values"].as_object().unwrap().iter().map(named);
                let shown: BTreeMap<String, String> = serde_json::from_value(object["attributes"].clone()).unwrap();
                assert_eq!(shown, expected.collect(), "attributes of {moref}");
                if told["has_config"] == true {
                    assert_eq!(text(object, "description"), text(told, "annotation"), "{moref}");
                    assert_eq!(text(object, "firmware"), text(told, "firmware"), "{moref}");
                }
            }
            "Datastore" => {
                assert_eq!(text(object, "technology"), text(told, "kind").to_lowercase(), "{moref}");
                assert_eq!(text(object, "location"), text(told, "url"), "{moref}");
                assert_eq!(json!(references.access(object)), told["mounts"], "the hosts of {moref}");
                let maintained = text(told, "maintenance") == "inMaintenance" && told["accessible"] == true;
                assert_eq!(text(object, "state") == "maintenance", maintained, "{moref}");
            }
            "StoragePod" => {
                assert_eq!(object["capacity_bytes"], told["capacity"], "{moref}");
                assert_eq!(object["free_bytes"], told["free"], "{moref}");
                assert_eq!(object["datastore_cluster"], true, "{moref}");
            }
            "Network" | "DistributedVirtualPortgroup" | "OpaqueNetwork" => {
                compare_network(object, told, truth, &references, &vlans);
            }
            _ => {}
        }
    }
}

/// The zone is the datacenter above it; what it hangs on is its parent, where that is of a kind that counts.
fn compare_place(object: &Value, told: &Value, truth: &Objects, references: &References) {
    let moref = text(told, "moref");
    // A machine in a vApp has no parent; the vApp has.
    let above = |object: &Value| object["parent"].as_str().or(object["vapp"].as_str()).and_then(|key| truth.get(key));
    let ancestors = std::iter::successors(above(told), |object| above(object));
    let zone = ancestors.into_iter().find(|object| text(object, "type") == "Datacenter");
    if text(told, "type") != "Datacenter" {
        assert_eq!(
            references.of(object, "zone_id"),
            zone.map_or("", |zone| text(zone, "moref")),
            "the zone of {moref}"
        );
    }
    let parent = told["parent"].as_str().and_then(|key| truth.get(key));
    let parent_of = |types: &[&str]| {
        parent.filter(|parent| types.contains(&text(parent, "type"))).map_or("", |parent| text(parent, "moref"))
    };
    let (field, expected) = match text(told, "type") {
        "VirtualMachine" => ("folder_id", parent_of(&["Folder"])),
        "Folder" => ("parent_id", parent_of(&["Folder"])),
        "ResourcePool" | "VirtualApp" => ("parent_id", parent_of(&["ResourcePool", "VirtualApp"])),
        "Datastore" => ("parent_id", parent_of(&["StoragePod"])),
        "HostSystem" => ("cluster_id", parent_of(&["ClusterComputeResource", "ComputeResource"])),
        _ => return,
    };
    assert_eq!(references.of(object, field), expected, "{field} of {moref}");
}

fn compare_network(
    object: &Value,
    told: &Value,
    truth: &Objects,
    references: &References,
    vlans: &BTreeMap<(String, String), (String, u64)>,
) {
    let moref = text(told, "moref");
    let hosts: BTreeSet<String> = references.access(object).into_keys().collect();
    assert_eq!(hosts, texts(&told["hosts"]), "the hosts of {moref}");
    assert_eq!(object["shared"], hosts.len() > 1, "{moref}");
    assert_eq!(text(object, "state"), if hosts.is_empty() { "inactive" } else { "active" }, "{moref}");
    let technology = match text(told, "type") {
        "DistributedVirtualPortgroup" => "distributed_port_group",
        "OpaqueNetwork" => "opaque",
        _ => "standard_port_group",
    };
    assert_eq!(text(object, "technology"), technology, "{moref}");
    assert_eq!(object["uplink"], told["uplink"] == true, "{moref}");
    let (switch, vlan) = match technology {
        "distributed_port_group" => {
            assert_eq!(object["native"]["pvlanId"], told["private_vlan"], "{moref}");
            assert_eq!(object["vlan_ranges"].as_array().unwrap().is_empty(), told["trunk"] != true, "{moref}");
            (decoded(text(&truth[text(told, "switch")], "name")), told["vlan"].as_u64())
        }
        "opaque" => (String::new(), None),
        _ => {
            let name = text(told, "name");
            let groups = hosts.iter().filter_map(|host| vlans.get(&(host.clone(), name.to_owned())));
            let (switches, numbers): (BTreeSet<_>, BTreeSet<_>) = groups.cloned().unzip();
            let one = if numbers.len() == 1 { numbers.first().copied() } else { None };
            assert_eq!(object["vlan_ranges"].as_array().unwrap().is_empty(), one != Some(4095), "{moref}");
            (switches.into_iter().collect::<Vec<_>>().join(", "), one.filter(|vlan| *vlan != 4095))
        }
    };
    assert_eq!(text(object, "switch_name"), switch, "{moref}");
    assert_eq!(object["vlan_id"].as_u64(), vlan.filter(|vlan| *vlan != 0), "{moref}");
}

/// Switch and VLAN of each host's own port groups, as `govc` reads them.
fn standard_vlans(simulator: &Simulator) -> BTreeMap<(String, String), (String, u64)> {
    let read = simulator.govc(&["object.collect", "-json", "-type", "HostSystem", "/", "config.network.portgroup"]);
    let mut vlans = BTreeMap::new();
    for told in serde_json::Deserializer::from_str(&read).into_iter::<Value>() {
        let told = told.unwrap();
        let groups =
            told["changeSet"].as_array().into_iter().flatten().filter_map(|set| set["val"]["_value"].as_array());
        for group in groups.flatten() {
            let key = (text(&told["obj"], "value").to_owned(), text(&group["spec"], "name").to_owned());
            let vlan = group["spec"]["vlanId"].as_u64().unwrap_or_default();
            vlans.insert(key, (text(&group["spec"], "vswitchName").to_owned(), vlan));
        }
    }
    assert!(!vlans.is_empty(), "{read}");
    vlans
}

/// The names of custom attributes by their keys, as `govc` lists them: key, name and type, with two spaces between.
fn custom_fields(simulator: &Simulator, truth: &Objects) -> BTreeMap<String, String> {
    if truth.values().all(|told| told["custom_values"].as_object().is_none_or(serde_json::Map::is_empty)) {
        // An ESXi has none, and refuses to be asked.
        return BTreeMap::new();
    }
    let listed = simulator.govc(&["fields.ls"]);
    let columns = listed.lines().filter_map(|line| line.trim().split_once("  "));
    columns.map(|(key, rest)| (key.to_owned(), rest.split("  ").next().unwrap().trim().to_owned())).collect()
}

/// What machines' disks and NICs are connected to, and how snapshots follow each other.
pub async fn compare_parts(gateway: &Gateway, provider: &str, all: &Objects, truth: &Objects) {
    let filter = format!("provider_id={provider}");
    let references = References::new(all);
    let (mut disks, mut nics, mut snapshots) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (moref, told) in truth {
        let Some(object) = all.get(moref).filter(|_| text(told, "type") == "VirtualMachine") else { continue };
        let id = text(object, "id");
        for disk in told["disks"].as_array().into_iter().flatten() {
            let what = json!([text(disk, "datastore"), text(disk, "file"), disk["thin"], disk["capacity_bytes"]]);
            disks.insert((id.to_owned(), disk["key"].to_string()), what);
        }
        for nic in told["nics"].as_array().into_iter().flatten() {
            let opaque = || truth.values().find(|net| nic["opaque"].is_string() && net["opaque_id"] == nic["opaque"]);
            // One that is connected to a network that is gone is connected to none.
            let network = nic["network"].as_str().and_then(|key| truth.get(key)).or_else(opaque);
            let network = network.map_or("", |network| text(network, "moref"));
            nics.insert((id.to_owned(), nic["key"].to_string()), json!([network, nic["connected"]]));
        }
        for snapshot in told["snapshots"].as_array().into_iter().flatten() {
            let current = snapshot["moref"] == told["current_snapshot"];
            let what = json!([text(snapshot, "parent"), text(snapshot, "description"), current]);
            snapshots.insert((id.to_owned(), text(snapshot, "moref").to_owned()), what);
        }
    }
    let shown = gateway.all("volumes", &filter).await.into_iter().map(|volume| {
        let key = (text(&volume["attachments"][0], "vm_id").to_owned(), volume["native"]["key"].to_string());
        let datastore = references.of(&volume, "datastore_id");
        (key, json!([datastore, text(&volume, "location"), volume["thin"], volume["capacity_bytes"]]))
    });
    assert_eq!(shown.collect::<BTreeMap<_, _>>(), disks, "volumes");
    let shown = gateway.all("nics", &filter).await.into_iter().map(|nic| {
        let key = (text(&nic, "vm_id").to_owned(), nic["native"]["key"].to_string());
        (key, json!([references.of(&nic, "network_id"), nic["connected"]]))
    });
    assert_eq!(shown.collect::<BTreeMap<_, _>>(), nics, "NICs");
    let shown = gateway.all("snapshots", &filter).await;
    let by_id: Objects = by(shown.clone(), |snapshot| text(snapshot, "id").to_owned());
    let shown = shown.iter().map(|snapshot| {
        let parent = snapshot["parent_id"].as_str().map(|id| moref(&by_id[id])).unwrap_or_default();
        let key = (text(snapshot, "vm_id").to_owned(), moref(snapshot));
        (key, json!([parent, text(snapshot, "description"), snapshot["current"]]))
    });
    assert_eq!(shown.collect::<BTreeMap<_, _>>(), snapshots, "snapshots");
}

/// The items of content libraries.
pub async fn compare_library_items(gateway: &Gateway, simulator: &Simulator, filter: &str) {
    let listed: Value = serde_json::from_str(&simulator.govc(&["library.ls", "-json", "/*/*"])).unwrap();
    let listed = by(listed.as_array().unwrap().clone(), |item| text(item, "id").to_owned());
    assert!(!listed.is_empty(), "the scenario has library items");
    let expected: BTreeMap<&str, Value> = listed
        .iter()
        .map(|(id, item)| {
            let size = item["size"].as_u64().unwrap_or_default();
            (id.as_str(), json!([item["name"], item["library_id"], item["type"], text(item, "description"), size]))
        })
        .collect();
    eventually("the items of the libraries are there", || async {
        let libraries = by(gateway.all("content-libraries", filter).await, |library| text(library, "id").to_owned());
        let images = gateway.all("images", filter).await;
        let items = images.iter().filter(|image| image["library_id"].is_string()).map(|image| {
            let library =
                libraries.get(text(image, "library_id")).map_or(&Value::Null, |library| &library["native"]["id"]);
            let kind = &image["native"]["type"];
            let size = image["size_bytes"].as_u64().unwrap_or_default();
            let what = json!([image["name"], library, kind, text(image, "description"), size]);
            (text(&image["native"], "id"), what)
        });
        (items.collect::<BTreeMap<_, _>>() == expected).then_some(())
    })
    .await;
}

/// Everything that has a tag, of whatever kind it is.
pub async fn compare_tag(gateway: &Gateway, tag: &Value, attached: &[String], collections: &[&str]) {
    let expected: BTreeSet<String> =
        attached.iter().filter_map(|line| Some(line.split_once(':')?.1.to_owned())).collect();
    eventually(&format!("{} is on {expected:?}", text(tag, "name")), || async {
        let query = format!("tag_ids={}", text(tag, "id"));
        let mut shown = BTreeSet::new();
        for collection in collections {
            shown.extend(gateway.all(collection, &query).await.iter().map(moref));
        }
        (shown == expected).then_some(())
    })
    .await;
}
