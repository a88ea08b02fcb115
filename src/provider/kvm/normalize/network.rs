//! A libvirt network, or a bridge of the host that interfaces are put into without one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use kvm::xml::{ForwardMode, NetworkIp, NetworkXml, Vlan};

use super::super::facts::NetworkFacts;
use super::{NativeMap, Place};
use crate::model::Network;
use crate::model::datastore::HostAccess;
use crate::model::network::{NetworkState, NetworkTechnology};

/// The key of a network's id, and whether other hosts of the provider have the same network: one that only names a
/// bridge which the hosts' administrator made is the same on every host with that name and bridge.
pub(in super::super) fn key(host_key: &str, definition: &NetworkXml) -> (String, bool) {
    match (&definition.forward, &definition.bridge) {
        (ForwardMode::Bridge, Some(bridge)) => (format!("bridge/{}/{bridge}", definition.name), true),
        _ => (format!("{host_key}/{}", definition.uuid), false),
    }
}

/// The key of a host's bridge that is no libvirt network.
pub(in super::super) fn bridge_key(host_key: &str, bridge: &str) -> String {
    format!("{host_key}/bridge/{bridge}")
}

/// A libvirt network.
pub(in super::super) fn network(place: &Place, facts: &NetworkFacts) -> Network {
    let definition = &facts.definition;
    let state = if facts.active { NetworkState::Active } else { NetworkState::Inactive };
    let (vlan_id, vlan_ranges) = vlans(definition.vlan.as_ref());
    let technology = technology(&definition.forward);
    // A bridge, macvtap or passed-through device has no addresses of libvirt's.
    let serves = !definition.ips.is_empty();
    Network {
        state,
        name: definition.name.clone(),
        zone_id: Some(place.zone_id()),
        technology,
        switch_name: definition.bridge.clone().or_else(|| definition.forward_devices.first().cloned()),
        vlan_id,
        vlan_ranges,
        cidrs: definition.ips.iter().filter_map(cidr).collect(),
        dhcp_enabled: Some(serves && definition.ips.iter().any(gives_addresses)),
        uplink: false,
        shared: false,
        hosts: vec![HostAccess { host_id: place.host_id(), accessible: facts.active, writable: None }],
        tag_ids: Vec::new(),
        native: NativeMap::default()
            .put("uuid", definition.uuid)
            .put("persistent", facts.persistent)
            .put("autostart", facts.autostart)
            .put("forward", &definition.forward)
            .put("forward_devices", &definition.forward_devices)
            .put("forward_pci_addresses", &definition.forward_pci_addresses)
            .put("mac", &definition.mac)
            .put("domain", &definition.domain)
            .put("mtu_bytes", definition.mtu_bytes)
            .put("title", &definition.title)
            .put("description", &definition.description)
            .put("portgroups", &definition.portgroups)
            .put("virtual_port", &definition.virtual_port)
            .put("ips", &definition.ips)
            .flag("isolated_ports", definition.isolated_ports)
            .flag("dns_disabled", definition.dns_disabled)
            .done(),
    }
}

/// A bridge of the host. libvirt tells nothing of it; that interfaces are in it is all that is known.
pub(in super::super) fn bridge(place: &Place, name: &str) -> Network {
    Network {
        state: NetworkState::Active,
        name: name.to_owned(),
        zone_id: Some(place.zone_id()),
        technology: NetworkTechnology::Bridge,
        switch_name: Some(name.to_owned()),
        vlan_id: None,
        vlan_ranges: Vec::new(),
        cidrs: Vec::new(),
        dhcp_enabled: None,
        uplink: false,
        shared: false,
        hosts: vec![HostAccess { host_id: place.host_id(), accessible: true, writable: None }],
        tag_ids: Vec::new(),
        native: NativeMap::default().put("host_bridge", true).done(),
    }
}

fn technology(forward: &ForwardMode) -> NetworkTechnology {
    match forward {
        ForwardMode::Isolated => NetworkTechnology::Isolated,
        ForwardMode::Nat => NetworkTechnology::Nat,
        ForwardMode::Route => NetworkTechnology::Route,
        ForwardMode::Open => NetworkTechnology::Open,
        ForwardMode::Bridge => NetworkTechnology::Bridge,
        ForwardMode::Private | ForwardMode::Vepa | ForwardMode::Passthrough => NetworkTechnology::Direct,
        ForwardMode::Hostdev => NetworkTechnology::Hostdev,
        // A mode without a word here is one that libvirt only makes the bridge for; `native.forward` has its word.
        _ => NetworkTechnology::Open,
    }
}

fn vlans(vlan: Option<&Vlan>) -> (Option<u32>, Vec<String>) {
    match vlan {
        Some(vlan) if !vlan.trunk => (vlan.tags.first().map(|tag| u32::from(*tag)), Vec::new()),
        Some(vlan) => (None, vlan.tags.iter().map(|tag| format!("{tag}-{tag}")).collect()),
        None => (None, Vec::new()),
    }
}

fn gives_addresses(ip: &NetworkIp) -> bool {
    !ip.dhcp_ranges.is_empty() || !ip.static_hosts.is_empty()
}

/// The subnet in CIDR notation: the address without its host part.
fn cidr(ip: &NetworkIp) -> Option<String> {
    let address: IpAddr = ip.address.as_ref()?.parse().ok()?;
    let whole = if address.is_ipv4() { 32 } else { 128 };
    let prefix = ip.prefix.unwrap_or(whole).min(whole);
    let network = match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from(u32::from(address) & mask))
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from(u128::from(address) & mask))
        }
    };
    Some(format!("{network}/{prefix}"))
}
