//! Virtual network cards.

use vsphere::{MoRef, ObjectState, Value};

use super::native::Detail;
use super::{Scope, sorted};
use crate::model::nic::NicAttachment;
use crate::model::{Kind, Nic, VmId};

/// Whether a device is a network card.
pub(in super::super) fn is_card(device: &Value) -> bool {
    device.get("macAddress").is_some()
        || device.type_name().is_some_and(|name| {
            name.contains("Vmxnet") || name.contains("E1000") || name.contains("PCNet") || name.contains("EthernetCard")
        })
}

/// A network card of a machine.
pub(super) fn nic(card: &Value, key: i64, vm: &ObjectState, vm_id: VmId, scope: Scope<'_>) -> Nic {
    let text = |path: &str| card.get(path).and_then(Value::as_str).filter(|text| !text.is_empty());
    let mac_address = text("macAddress").map(str::to_lowercase);
    let network = network(card, vm, scope);
    let native = Detail::default()
        .with("key", Some(key))
        .with("backingType", card.get("backing").and_then(Value::type_name))
        .with("addressType", text("addressType"))
        .with("portgroupKey", text("backing.port.portgroupKey"))
        .with("switchUuid", text("backing.port.switchUuid"))
        .with("opaqueNetworkId", text("backing.opaqueNetworkId"))
        .with("deviceName", text("backing.deviceName"))
        .with("externalId", text("externalId"))
        .with_value("startConnected", card.get("connectable.startConnected"));
    Nic {
        name: text("deviceInfo.label").map_or_else(|| format!("device-{key}"), str::to_owned),
        vm_id,
        network_id: network.map(|network| scope.id(Kind::Network, network.id())),
        model: card.type_name().map(model),
        connected: card.get("connectable.connected").and_then(Value::as_bool),
        attachment: match card.get("backing") {
            Some(_) => NicAttachment::Network,
            None => NicAttachment::None,
        },
        ip_addresses: addresses(key, mac_address.as_deref(), vm),
        mac_address,
        native: native.done(),
    }
}

/// `vmxnet3` of `VirtualVmxnet3`.
fn model(type_name: &str) -> String {
    match type_name {
        "VirtualSriovEthernetCard" => "sriov".to_owned(),
        other => other.strip_prefix("Virtual").unwrap_or(other).to_lowercase(),
    }
}

/// The network that a card is on: whatever the backing names it by, the reference of a network that is there.
fn network<'a>(card: &'a Value, vm: &'a ObjectState, scope: Scope<'_>) -> Option<&'a MoRef> {
    let backing = card.get("backing")?;
    if let Some(network) = backing.get("network").and_then(Value::moref) {
        return Some(network);
    }
    let networks = sorted(vm.all("network"));
    let text = |path: &str| backing.get(path).and_then(Value::as_str);
    let by = |matches: &dyn Fn(&MoRef) -> bool| networks.iter().copied().find(|network| matches(network));
    let property = |network: &MoRef, path: &str| {
        scope.state.get(network.id()).and_then(|network| network.str(path).map(str::to_owned))
    };
    if let Some(key) = text("port.portgroupKey") {
        // Nearly always the reference itself; not so for restored or imported port groups.
        return by(&|network| network.id() == key)
            .or_else(|| by(&|network| property(network, "key").as_deref() == Some(key)));
    }
    if let Some(id) = text("opaqueNetworkId") {
        return by(&|network| property(network, "summary.opaqueNetworkId").as_deref() == Some(id));
    }
    // Without a reference, as in inventories of hosts, the name is all there is.
    let name = text("deviceName")?;
    by(&|network| network.is("Network") && scope.state.name(network.id()) == Some(name))
}

/// The addresses that the guest told of a card: by its key, or where the guest does not know it, by its MAC address.
fn addresses(key: i64, mac_address: Option<&str>, vm: &ObjectState) -> Vec<String> {
    let is_this = |net: &&Value| match net.get("deviceConfigId").and_then(Value::as_i64) {
        Some(device) if device > 0 => device == key,
        _ => {
            let told = net.get("macAddress").and_then(Value::as_str);
            told.is_some_and(|told| Some(told.to_lowercase().as_str()) == mac_address)
        }
    };
    let mut addresses = Vec::new();
    for address in vm.all("guest.net").filter(is_this).flat_map(|net| net.all("ipAddress")) {
        if let Some(address) = address.as_str().filter(|address| !addresses.iter().any(|known| known == address)) {
            addresses.push(address.to_owned());
        }
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Sample, all, held, id, of};
    use crate::model::nic::NicAttachment;
    use crate::model::{Kind, Nic};
    use vsphere::{MoRef, Object, Value};

    fn card(kind: &str, backing: Value) -> Object {
        let connectable = Object::untyped().with("connected", "true").with("startConnected", "true");
        Object::new(kind)
            .with("key", 4000)
            .with("deviceInfo", Object::untyped().with("label", "Network adapter 1"))
            .with("backing", backing)
            .with("connectable", connectable)
            .with("macAddress", "00:50:56:AE:01:02")
    }

    fn vm(card: Object) -> Sample {
        let networks = vec![
            MoRef::new("OpaqueNetwork", "network-o8"),
            MoRef::new("DistributedVirtualPortgroup", "dvportgroup-21"),
            MoRef::new("DistributedVirtualPortgroup", "dvportgroup-90"),
            MoRef::new("Network", "network-5"),
        ];
        of("VirtualMachine", "vm-1")
            .text("name", "vm")
            .values("network", networks)
            .values("config.hardware.device", vec![card])
    }

    fn nic(vm: Sample) -> Nic {
        let opaque = Object::untyped().with("opaqueNetworkId", "7f6e");
        let state = held([
            of("Network", "network-5").text("name", "VM Network"),
            of("DistributedVirtualPortgroup", "dvportgroup-21").text("name", "app").text("key", "dvportgroup-21"),
            of("DistributedVirtualPortgroup", "dvportgroup-90").text("name", "old").text("key", "dvportgroup-4"),
            of("OpaqueNetwork", "network-o8").text("name", "ls").value("summary", opaque),
            vm,
        ]);
        all(&state, "vm-1").remove(0)
    }

    #[test]
    fn every_backing_leads_to_its_network() {
        let check = |backing: Value, network: Option<&str>, attachment: NicAttachment| {
            let nic = nic(vm(card("VirtualVmxnet3", backing.clone())));
            assert_eq!(nic.network_id, network.map(|key| id(Kind::Network, key)), "{backing:?}");
            assert_eq!(nic.attachment, attachment);
        };
        let port = |key: &str| {
            let port = Object::untyped().with("switchUuid", "50 1e").with("portgroupKey", key);
            Value::from(Object::new("VirtualEthernetCardDistributedVirtualPortBackingInfo").with("port", port))
        };
        let standard = Object::new("VirtualEthernetCardNetworkBackingInfo").with("deviceName", "VM Network");
        let opaque = Object::new("VirtualEthernetCardOpaqueNetworkBackingInfo").with("opaqueNetworkId", "7f6e");
        let referred = standard.clone().with("network", MoRef::new("Network", "network-5"));
        check(referred.into(), Some("network-5"), NicAttachment::Network);
        check(standard.into(), Some("network-5"), NicAttachment::Network);
        check(port("dvportgroup-21"), Some("dvportgroup-21"), NicAttachment::Network);
        check(port("dvportgroup-4"), Some("dvportgroup-90"), NicAttachment::Network);
        check(port("dvportgroup-999999"), None, NicAttachment::Network);
        check(opaque.into(), Some("network-o8"), NicAttachment::Network);
        check(Value::Unset, None, NicAttachment::None);
    }

    #[test]
    fn models_of_cards() {
        let check = |kind: &str, model: &str| {
            assert_eq!(nic(vm(card(kind, Value::Unset))).model.as_deref(), Some(model));
        };
        check("VirtualVmxnet3", "vmxnet3");
        check("VirtualE1000e", "e1000e");
        check("VirtualPCNet32", "pcnet32");
        check("VirtualSriovEthernetCard", "sriov");
    }

    #[test]
    fn addresses_are_of_the_card_that_has_them() {
        let net = |device: &str, mac: &str, ips: &[&str]| {
            Object::untyped()
                .with("macAddress", mac)
                .with("deviceConfigId", device)
                .with_each("ipAddress", ips.to_vec())
        };
        let guest = vec![
            net("4001", "00:50:56:ae:01:03", &["10.0.0.9"]),
            net("4000", "00:50:56:ae:01:02", &["10.0.0.5", "fe80::1", "10.0.0.5"]),
            net("-1", "00:50:56:AE:01:02", &["10.0.0.6"]),
        ];
        let nic = nic(vm(card("VirtualE1000", Value::Unset)).values("guest.net", guest));
        assert_eq!(nic.ip_addresses, ["10.0.0.5", "fe80::1", "10.0.0.6"]);
        assert_eq!(nic.mac_address.as_deref(), Some("00:50:56:ae:01:02"));
        assert_eq!((nic.name.as_str(), nic.connected), ("Network adapter 1", Some(true)));
    }
}
