//! Port groups of standard and distributed switches, and opaque networks.

use std::collections::BTreeSet;

use vsphere::{ObjectState, Value};

use super::native::Detail;
use super::{Reason, Scope, flag_at, name, sorted, text};
use crate::model::datastore::HostAccess;
use crate::model::network::{NetworkState, NetworkTechnology};
use crate::model::{Kind, Network};

/// The tag by which vCenter marks the uplink port group of a distributed switch.
const UPLINK_TAG: &str = "SYSTEM/DVS.UPLINKPG";
/// The VLAN number by which a standard port group lets all through.
const ALL_VLANS: u32 = 4095;

/// A network.
pub(super) fn network(object: &ObjectState, scope: Scope<'_>) -> Result<Network, Reason> {
    let key = object.object().id();
    let name = name(object)?;
    let hosts = sorted(object.all("host"));
    let side = match &*object.object().kind {
        "DistributedVirtualPortgroup" => distributed(object, scope),
        "OpaqueNetwork" => Side { technology: NetworkTechnology::Opaque, ..Side::standard() },
        _ => standard(object, &hosts, scope),
    };
    let native = Detail::of(object, &name)
        .with_value("opaqueNetworkId", object.get("summary.opaqueNetworkId"))
        .with_value("opaqueNetworkType", object.get("summary.opaqueNetworkType"))
        .with_value("portgroupKey", object.get("key").filter(|_| side.switch.is_some()))
        .with_value("portgroupType", object.get("config.type"))
        .with_value("numPorts", object.get("config.numPorts"))
        .with_value("description", object.get("config.description"))
        .with("switchMoref", side.switch.clone())
        .with("pvlanId", side.private_vlan)
        .with("vlansDiffer", side.differ.then_some(true));
    let reachable = flag_at(object, "summary.accessible").unwrap_or(true);
    Ok(Network {
        state: if hosts.is_empty() || !reachable { NetworkState::Inactive } else { NetworkState::Active },
        zone_id: scope.zone_id(key),
        technology: side.technology,
        switch_name: side.switch_name,
        vlan_id: side.vlan_id,
        vlan_ranges: side.vlan_ranges,
        cidrs: Vec::new(),
        dhcp_enabled: None,
        uplink: side.uplink,
        shared: hosts.len() > 1,
        hosts: hosts
            .iter()
            .map(|host| HostAccess { host_id: scope.id(Kind::Host, host.id()), accessible: true, writable: None })
            .collect(),
        tag_ids: scope.tag_ids(key),
        native: native.done(),
        name,
    })
}

/// What differs by the kind of network.
struct Side {
    technology: NetworkTechnology,
    switch_name: Option<String>,
    /// The distributed switch's reference.
    switch: Option<String>,
    vlan_id: Option<u32>,
    vlan_ranges: Vec<String>,
    private_vlan: Option<u32>,
    uplink: bool,
    /// The hosts that have it do not agree about its VLAN.
    differ: bool,
}

impl Side {
    fn standard() -> Self {
        Self {
            technology: NetworkTechnology::StandardPortGroup,
            switch_name: None,
            switch: None,
            vlan_id: None,
            vlan_ranges: Vec::new(),
            private_vlan: None,
            uplink: false,
            differ: false,
        }
    }
}

/// Port groups of one name on several hosts are one network to vCenter; each host has a switch and a VLAN of its own.
fn standard(object: &ObjectState, hosts: &[&vsphere::MoRef], scope: Scope<'_>) -> Side {
    let raw_name = object.str("name").unwrap_or_default();
    let shown = text::decode(raw_name);
    let mut switches = BTreeSet::new();
    let mut vlans = BTreeSet::new();
    for host in hosts.iter().filter_map(|host| scope.state.get(host.id())) {
        for group in host.all("config.network.portgroup") {
            let spec = |path: &str| group.get("spec").and_then(|spec| spec.get(path));
            if spec("name").and_then(Value::as_str).is_some_and(|name| name == raw_name || name == shown) {
                switches.extend(spec("vswitchName").and_then(Value::as_str).map(str::to_owned));
                vlans.extend(spec("vlanId").and_then(Value::as_u32));
            }
        }
    }
    let mut side = Side { differ: vlans.len() > 1, ..Side::standard() };
    side.switch_name = (!switches.is_empty()).then(|| switches.into_iter().collect::<Vec<_>>().join(", "));
    match (vlans.len(), vlans.first()) {
        (1, Some(&ALL_VLANS)) => side.vlan_ranges = vec!["0-4094".to_owned()],
        (1, Some(&vlan)) => side.vlan_id = (vlan != 0).then_some(vlan),
        _ => {}
    }
    side
}

fn distributed(object: &ObjectState, scope: Scope<'_>) -> Side {
    let key = object.object().id();
    let mut side = Side { technology: NetworkTechnology::DistributedPortGroup, ..Side::standard() };
    let tagged = object.all("tag").any(|tag| tag.get("key").and_then(Value::as_str) == Some(UPLINK_TAG));
    let mut listed = false;
    if let Some(switch) = object.moref("config.distributedVirtualSwitch") {
        side.switch_name = scope.state.name(switch.id()).map(text::decode);
        side.switch = Some(switch.id().to_owned());
        let uplinks = scope.state.get(switch.id());
        listed =
            uplinks.is_some_and(|switch| switch.all("config.uplinkPortgroup").any(|group| group.as_str() == Some(key)));
    }
    side.uplink = tagged || listed;
    if let Some(vlan) = object.get("config.defaultPortConfig.vlan") {
        let ranges = vlan.all("vlanId");
        side.private_vlan = vlan.get("pvlanId").and_then(Value::as_u32);
        match vlan.get("vlanId") {
            // A trunk has ranges, a plain port group a number.
            Some(Value::Object(_) | Value::Array(_)) => side.vlan_ranges = ranges.filter_map(range).collect(),
            Some(number) => side.vlan_id = number.as_u32().filter(|vlan| *vlan != 0),
            None => {}
        }
    }
    side
}

fn range(range: &Value) -> Option<String> {
    Some(format!("{}-{}", range.get("start")?.as_u32()?, range.get("end")?.as_u32()?))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Sample, held, id, of, one};
    use crate::model::network::{NetworkState, NetworkTechnology};
    use crate::model::{Kind, Network};
    use vsphere::{Object, Value};

    fn setting(vlan: Object) -> Object {
        Object::new("VMwareDVSPortSetting").with("vlan", vlan)
    }

    fn port_group(vlan: Object) -> Sample {
        of("DistributedVirtualPortgroup", "dvportgroup-21")
            .text("name", "app")
            .text("key", "dvportgroup-21")
            .references("host", "HostSystem", &["host-1", "host-2"])
            .reference("config.distributedVirtualSwitch", "VmwareDistributedVirtualSwitch", "dvs-20")
            .value("config.defaultPortConfig", setting(vlan))
    }

    fn switch() -> Sample {
        of("VmwareDistributedVirtualSwitch", "dvs-20").text("name", "DSwitch%2f1")
    }

    #[test]
    fn vlans_of_distributed_port_groups() {
        let check = |vlan: Object, id: Option<u32>, ranges: &[&str], private: Option<u32>| {
            let network: Network = one(&held([switch(), port_group(vlan)]), "dvportgroup-21");
            assert_eq!(network.vlan_id, id);
            assert_eq!(network.vlan_ranges, ranges);
            assert_eq!(network.native.get("pvlanId").and_then(|v| v.as_u64()), private.map(u64::from));
            assert_eq!(network.technology, NetworkTechnology::DistributedPortGroup);
            assert_eq!(network.switch_name.as_deref(), Some("DSwitch/1"));
            assert!(network.shared && !network.uplink);
        };
        let range = |start: &str, end: &str| Object::new("NumericRange").with("start", start).with("end", end);
        check(Object::new("VmwareDistributedVirtualSwitchVlanIdSpec").with("vlanId", "120"), Some(120), &[], None);
        check(Object::new("VmwareDistributedVirtualSwitchVlanIdSpec").with("vlanId", "0"), None, &[], None);
        let trunk = Object::new("VmwareDistributedVirtualSwitchTrunkVlanSpec");
        check(trunk.clone().with("vlanId", range("0", "4094")), None, &["0-4094"], None);
        let two = trunk.with_each("vlanId", [range("1", "99"), range("200", "300")]);
        check(two, None, &["1-99", "200-300"], None);
        check(Object::new("VmwareDistributedVirtualSwitchPvlanSpec").with("pvlanId", "77"), None, &[], Some(77));
    }

    #[test]
    fn uplinks_are_known_by_tag_or_by_the_switch() {
        let vlan = || Object::untyped().with("vlanId", "0");
        let tag = Object::new("Tag").with("key", "SYSTEM/DVS.UPLINKPG");
        let tagged: Network = one(&held([port_group(vlan()).values("tag", vec![tag])]), "dvportgroup-21");
        assert!(tagged.uplink);
        let listing = switch().references("config.uplinkPortgroup", "DistributedVirtualPortgroup", &["dvportgroup-21"]);
        let listed: Network = one(&held([listing, port_group(vlan())]), "dvportgroup-21");
        assert!(listed.uplink);
    }

    #[test]
    fn standard_port_groups_read_switch_and_vlan_of_their_hosts() {
        let host = |key: &str, vlan: &str| {
            let spec =
                Object::untyped().with("name", "VM Network").with("vlanId", vlan).with("vswitchName", "vSwitch0");
            of("HostSystem", key)
                .text("name", key)
                .values("config.network.portgroup", vec![Object::untyped().with("spec", spec)])
        };
        let network = |hosts: &[&str]| {
            of("Network", "network-5").text("name", "VM Network").references("host", "HostSystem", hosts)
        };
        let check = |vlans: &[&str], id: Option<u32>, ranges: &[&str], differ: bool| {
            let keys: Vec<_> = (0..vlans.len()).map(|n| format!("host-{n}")).collect();
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            let hosts = keys.iter().zip(vlans).map(|(key, vlan)| host(key, vlan));
            let network: Network = one(&held(hosts.chain([network(&keys)])), "network-5");
            assert_eq!(network.technology, NetworkTechnology::StandardPortGroup);
            assert_eq!((network.vlan_id, network.switch_name.as_deref()), (id, Some("vSwitch0")), "{vlans:?}");
            assert_eq!(network.vlan_ranges, ranges);
            assert_eq!(network.native.contains_key("vlansDiffer"), differ);
        };
        check(&["10", "10"], Some(10), &[], false);
        check(&["0"], None, &[], false);
        check(&["4095"], None, &["0-4094"], false);
        check(&["10", "11"], None, &[], true);
    }

    #[test]
    fn opaque_networks_and_networks_without_hosts() {
        let summary = Object::new("OpaqueNetworkSummary")
            .with("accessible", "true")
            .with("opaqueNetworkId", "7f6e")
            .with("opaqueNetworkType", "nsx.LogicalSwitch");
        let opaque = of("OpaqueNetwork", "network-o1").text("name", "ls-1").value("summary", summary);
        let state = held([opaque.references("host", "HostSystem", &["host-1"])]);
        let network: Network = one(&state, "network-o1");
        assert_eq!((network.technology, network.state), (NetworkTechnology::Opaque, NetworkState::Active));
        assert_eq!(network.native["opaqueNetworkType"], "nsx.LogicalSwitch");
        assert_eq!(network.hosts[0].host_id, id(Kind::Host, "host-1"));
        let lonely: Network =
            one(&held([of("Network", "network-9").text("name", "unused").value("host", Value::Unset)]), "network-9");
        assert_eq!((lonely.state, lonely.shared), (NetworkState::Inactive, false));
    }
}
