//! Network interfaces of a domain, of every kind that libvirt knows.

use serde::Serialize;

use super::XmlError;
use super::document::Element;
use super::read::{number_attribute, owned, owned_at, pci_address, switch};

/// An `<interface>` of a domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Interface {
    /// What it is connected to.
    pub source: InterfaceSource,
    /// The MAC address in lower case.
    pub mac: Option<String>,
    /// The model that the guest sees: `virtio`, `e1000e`, …
    pub model: Option<String>,
    /// The host's device while it runs: `vnet3`.
    pub target_dev: Option<String>,
    /// libvirt's name of the device while it runs: `net0`.
    pub alias: Option<String>,
    /// False if the cable is pulled (`<link state='down'/>`).
    pub link_up: bool,
    /// The size of a frame, in bytes.
    pub mtu_bytes: Option<u32>,
    /// VLANs that the port carries.
    pub vlan: Option<Vlan>,
    /// The virtual port (Open vSwitch and its kind).
    pub virtual_port: Option<VirtualPort>,
    /// The packet filter that applies, by name.
    pub filter: Option<String>,
    /// Its place in the boot order, from 1.
    pub boot_order: Option<u32>,
    /// Ports of the same host cannot talk to each other.
    pub isolated: bool,
    /// Addresses that the definition sets (`<ip address= prefix=>`).
    pub addresses: Vec<String>,
}

/// What an interface is connected to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum InterfaceSource {
    /// A libvirt network.
    Network {
        /// The network's name.
        network: String,
        /// The port group, if one is chosen.
        portgroup: Option<String>,
        /// The bridge that is really used, while it runs.
        bridge: Option<String>,
        /// The network port, while it runs.
        port_id: Option<String>,
    },
    /// A bridge of the host (or an Open vSwitch bridge, with a virtual port).
    Bridge {
        /// The bridge's name.
        bridge: String,
    },
    /// A macvtap device.
    Direct {
        /// The host's device.
        dev: Option<String>,
        /// `vepa`, `bridge`, `private` or `passthrough`.
        mode: Option<String>,
    },
    /// QEMU's user mode network (slirp or passt).
    User {
        /// `passt` if that is used.
        backend: Option<String>,
    },
    /// A device that a script or a manager sets up.
    Ethernet,
    /// A host's device given to the guest.
    Hostdev {
        /// The PCI address, if it is a PCI device.
        pci_address: Option<String>,
        /// True if libvirt unbinds the host's driver.
        managed: Option<bool>,
    },
    /// A vhost-user socket.
    VhostUser {
        /// The socket's path.
        path: Option<String>,
        /// `client` or `server`.
        mode: Option<String>,
    },
    /// A vDPA device.
    Vdpa {
        /// The device's path.
        dev: Option<String>,
    },
    /// A multicast group between guests.
    Mcast {
        /// The group's address.
        address: Option<String>,
        /// The port.
        port: Option<u16>,
    },
    /// A TCP server for one other guest.
    Server {
        /// The address that it listens on.
        address: Option<String>,
        /// The port.
        port: Option<u16>,
    },
    /// A TCP client of another guest.
    Client {
        /// The server's address.
        address: Option<String>,
        /// The port.
        port: Option<u16>,
    },
    /// A UDP tunnel.
    Udp {
        /// The far address.
        address: Option<String>,
        /// The far port.
        port: Option<u16>,
        /// The near address.
        local_address: Option<String>,
        /// The near port.
        local_port: Option<u16>,
    },
    /// A network inside the driver (not QEMU).
    Internal {
        /// Its name.
        name: Option<String>,
    },
    /// Connected to nothing.
    Null,
    /// A VMware distributed switch (not QEMU).
    Vds {
        /// The switch.
        switch_id: Option<String>,
        /// The port group.
        portgroup_id: Option<String>,
        /// The port.
        port_id: Option<String>,
    },
    /// A kind that this version of the crate has no word for.
    Other {
        /// The interface's `type`.
        type_name: String,
    },
}

/// VLAN tags of a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Vlan {
    /// True if the port is a trunk.
    pub trunk: bool,
    /// The tags.
    pub tags: Vec<u16>,
    /// The tag of untagged frames on a trunk.
    pub native_tag: Option<u16>,
}

/// A virtual port: `<virtualport type='openvswitch'>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VirtualPort {
    /// `openvswitch`, `802.1Qbg`, `802.1Qbh` or `midonet`.
    pub kind: Option<String>,
    /// The port at the switch.
    pub interface_id: Option<String>,
    /// The profile at the switch.
    pub profile_id: Option<String>,
}

impl Interface {
    pub(super) fn read(element: &Element) -> Result<Self, XmlError> {
        Ok(Self {
            source: read_source(element)?,
            mac: owned_at(element, "mac", "address").map(|mac| mac.to_ascii_lowercase()),
            model: owned_at(element, "model", "type"),
            target_dev: owned_at(element, "target", "dev"),
            alias: owned_at(element, "alias", "name"),
            link_up: element.attribute_at("link", "state") != Some("down"),
            mtu_bytes: element.child("mtu").map(|mtu| number_attribute(mtu, "size")).transpose()?.flatten(),
            vlan: element.child("vlan").map(Vlan::read).transpose()?,
            virtual_port: element.child("virtualport").map(VirtualPort::read),
            filter: owned_at(element, "filterref", "filter"),
            boot_order: element.child("boot").map(|boot| number_attribute(boot, "order")).transpose()?.flatten(),
            isolated: switch(element.attribute_at("port", "isolated")) == Some(true),
            addresses: element.children("ip").filter_map(|ip| owned(ip, "address")).collect(),
        })
    }
}

impl Vlan {
    pub(super) fn read(element: &Element) -> Result<Self, XmlError> {
        let mut vlan =
            Self { trunk: switch(element.attribute("trunk")) == Some(true), tags: Vec::new(), native_tag: None };
        for tag in element.children("tag") {
            let Some(id) = number_attribute(tag, "id")? else { continue };
            vlan.tags.push(id);
            if tag.attribute("nativeMode").is_some() {
                vlan.native_tag = Some(id);
            }
        }
        // Several tags on one port are a trunk, said or not.
        vlan.trunk |= vlan.tags.len() > 1;
        Ok(vlan)
    }
}

impl VirtualPort {
    pub(super) fn read(element: &Element) -> Self {
        Self {
            kind: owned(element, "type"),
            interface_id: owned_at(element, "parameters", "interfaceid"),
            profile_id: owned_at(element, "parameters", "profileid"),
        }
    }
}

fn read_source(element: &Element) -> Result<InterfaceSource, XmlError> {
    let source = element.child("source");
    let text = |name| source.and_then(|source| owned(source, name));
    let port =
        |element: Option<&Element>| element.map(|e| number_attribute(e, "port")).transpose().map(Option::flatten);
    Ok(match element.attribute("type").unwrap_or_default() {
        "network" => InterfaceSource::Network {
            network: text("network").unwrap_or_default(),
            portgroup: text("portgroup"),
            bridge: text("bridge"),
            port_id: text("portid"),
        },
        "bridge" => InterfaceSource::Bridge { bridge: text("bridge").unwrap_or_default() },
        "direct" => InterfaceSource::Direct { dev: text("dev"), mode: text("mode") },
        "user" => InterfaceSource::User { backend: owned_at(element, "backend", "type") },
        "ethernet" => InterfaceSource::Ethernet,
        "hostdev" => InterfaceSource::Hostdev {
            pci_address: source.and_then(|source| source.child("address")).and_then(pci_address),
            managed: switch(element.attribute("managed")),
        },
        "vhostuser" => InterfaceSource::VhostUser { path: text("path"), mode: text("mode") },
        "vdpa" => InterfaceSource::Vdpa { dev: text("dev") },
        "mcast" => InterfaceSource::Mcast { address: text("address"), port: port(source)? },
        "server" => InterfaceSource::Server { address: text("address"), port: port(source)? },
        "client" => InterfaceSource::Client { address: text("address"), port: port(source)? },
        "udp" => {
            let local = source.and_then(|source| source.child("local"));
            InterfaceSource::Udp {
                address: text("address"),
                port: port(source)?,
                local_address: local.and_then(|local| owned(local, "address")),
                local_port: port(local)?,
            }
        }
        "internal" => InterfaceSource::Internal { name: text("name") },
        "null" => InterfaceSource::Null,
        "vds" => InterfaceSource::Vds {
            switch_id: text("switchid"),
            portgroup_id: text("portgroupid"),
            port_id: text("portid"),
        },
        other => InterfaceSource::Other { type_name: other.to_owned() },
    })
}
