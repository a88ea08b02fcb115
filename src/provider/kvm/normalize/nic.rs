//! A network interface of a domain.

use kvm::xml::{Interface, InterfaceSource};

use super::{NativeMap, Place};
use crate::model::nic::NicAttachment;
use crate::model::{NetworkId, Nic, VmId};

/// The key of an interface's id: its MAC address, which a domain normally has once; the place in the definition where it
/// has none or twice the same.
pub(in super::super) fn key(domain: uuid::Uuid, interfaces: &[Interface], index: usize) -> String {
    let mac = interfaces[index].mac.as_deref();
    match mac.filter(|mac| interfaces.iter().filter(|other| other.mac.as_deref() == Some(mac)).count() == 1) {
        Some(mac) => format!("{domain}/{mac}"),
        None => format!("{domain}/{index}"),
    }
}

/// The interface that stands at `index` in its domain's definition. Its name is libvirt's own for a running one (`net0`):
/// the host's device (`vnet3`) is another one at every start.
pub(in super::super) fn nic(
    vm_id: VmId,
    index: usize,
    interface: &Interface,
    network_id: Option<NetworkId>,
    ip_addresses: Vec<String>,
) -> Nic {
    Nic {
        name: format!("net{index}"),
        vm_id,
        network_id,
        mac_address: interface.mac.clone(),
        model: interface.model.clone(),
        connected: Some(interface.link_up),
        attachment: attachment(&interface.source),
        ip_addresses,
        native: NativeMap::default()
            .put("source", &interface.source)
            .put("target_dev", &interface.target_dev)
            .put("alias", &interface.alias)
            .put("mtu_bytes", interface.mtu_bytes)
            .put("vlan", &interface.vlan)
            .put("virtual_port", &interface.virtual_port)
            .put("filter", &interface.filter)
            .put("boot_order", interface.boot_order)
            .put("addresses", &interface.addresses)
            .flag("isolated", interface.isolated)
            .done(),
    }
}

fn attachment(source: &InterfaceSource) -> NicAttachment {
    match source {
        InterfaceSource::Network { .. } | InterfaceSource::Vds { .. } => NicAttachment::Network,
        InterfaceSource::Bridge { .. } => NicAttachment::Bridge,
        InterfaceSource::Direct { .. } => NicAttachment::Direct,
        InterfaceSource::User { .. } => NicAttachment::User,
        InterfaceSource::Ethernet => NicAttachment::Ethernet,
        InterfaceSource::Hostdev { .. } => NicAttachment::Hostdev,
        InterfaceSource::VhostUser { .. } => NicAttachment::Vhostuser,
        InterfaceSource::Vdpa { .. } => NicAttachment::Vdpa,
        InterfaceSource::Mcast { .. }
        | InterfaceSource::Server { .. }
        | InterfaceSource::Client { .. }
        | InterfaceSource::Udp { .. } => NicAttachment::Socket,
        InterfaceSource::Internal { .. } => NicAttachment::Internal,
        // A kind without a word here is connected to nothing that we know; `native.source` has libvirt's word.
        _ => NicAttachment::None,
    }
}

/// Which network an interface is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Plug<'a> {
    /// A libvirt network, by its name.
    Network(&'a str),
    /// A bridge of the host.
    Bridge(&'a str),
    /// None.
    Nothing,
}

/// What an interface is plugged into.
pub(in super::super) fn plug(interface: &Interface) -> Plug<'_> {
    match &interface.source {
        InterfaceSource::Network { network, .. } => Plug::Network(network),
        InterfaceSource::Bridge { bridge } if !bridge.is_empty() => Plug::Bridge(bridge),
        _ => Plug::Nothing,
    }
}

/// The id of a host's bridge as a network.
pub(in super::super) fn bridge_id(place: &Place, bridge: &str) -> NetworkId {
    place.network_id(&super::network::bridge_key(&place.host_key, bridge))
}
