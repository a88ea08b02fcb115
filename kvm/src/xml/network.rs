//! The definition of a virtual network.

use serde::Serialize;
use uuid::Uuid;

use super::document::{Document, Element};
use super::interface::{VirtualPort, Vlan};
use super::read::{expect_root, number_attribute, owned, owned_at, pci_address, required_text, required_uuid, switch};
use super::{MetadataEntry, XmlError};

/// What a network's XML says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NetworkXml {
    /// The name, unique on its host.
    pub name: String,
    /// The identity.
    pub uuid: Uuid,
    /// A short description.
    pub title: Option<String>,
    /// A long description.
    pub description: Option<String>,
    /// Entries under `<metadata>`.
    pub metadata: Vec<MetadataEntry>,
    /// How guests reach the rest of the world.
    pub forward: ForwardMode,
    /// The host's devices that carry the traffic.
    pub forward_devices: Vec<String>,
    /// PCI addresses of SR-IOV functions (mode `hostdev`).
    pub forward_pci_addresses: Vec<String>,
    /// The bridge on the host.
    pub bridge: Option<String>,
    /// The bridge's MAC address in lower case.
    pub mac: Option<String>,
    /// The DNS domain.
    pub domain: Option<String>,
    /// The size of a frame, in bytes.
    pub mtu_bytes: Option<u32>,
    /// VLANs of every port.
    pub vlan: Option<Vlan>,
    /// The virtual port (Open vSwitch and its kind).
    pub virtual_port: Option<VirtualPort>,
    /// Groups of ports with settings of their own.
    pub portgroups: Vec<PortGroup>,
    /// Subnets.
    pub ips: Vec<NetworkIp>,
    /// Ports cannot talk to each other.
    pub isolated_ports: bool,
    /// True if libvirt's DNS server is switched off.
    pub dns_disabled: bool,
}

/// `<forward mode=…>`; a network without it is isolated.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ForwardMode {
    /// No way out.
    Isolated,
    /// Address translation.
    Nat,
    /// Routed with filtering.
    Route,
    /// Routed without filtering.
    Open,
    /// An existing bridge, or macvtap in bridge mode over devices.
    Bridge,
    /// macvtap in private mode.
    Private,
    /// macvtap in VEPA mode.
    Vepa,
    /// macvtap, one device a guest.
    Passthrough,
    /// SR-IOV functions given to guests.
    Hostdev,
    /// A mode that this version of the crate has no word for.
    Other(String),
}

/// A subnet of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NetworkIp {
    /// The host's own address in it.
    pub address: Option<String>,
    /// The prefix's length; computed from a netmask where that is given instead.
    pub prefix: Option<u8>,
    /// True for IPv6.
    pub ipv6: bool,
    /// Addresses given by DHCP.
    pub dhcp_ranges: Vec<DhcpRange>,
    /// Addresses that belong to one guest.
    pub static_hosts: Vec<StaticHost>,
    /// The TFTP root for network boot.
    pub tftp_root: Option<String>,
}

/// A range of addresses, both ends included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DhcpRange {
    /// The first.
    pub start: String,
    /// The last.
    pub end: String,
}

/// An address that belongs to one guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StaticHost {
    /// Its MAC address in lower case (IPv4).
    pub mac: Option<String>,
    /// Its DHCP unique identifier (IPv6).
    pub duid: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its address.
    pub address: Option<String>,
}

/// A group of ports with settings of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PortGroup {
    /// Its name.
    pub name: String,
    /// Used by interfaces that name none.
    pub default: bool,
    /// Its VLANs.
    pub vlan: Option<Vlan>,
    /// Its virtual port.
    pub virtual_port: Option<VirtualPort>,
}

impl NetworkXml {
    /// Reads a network's XML.
    ///
    /// # Errors
    /// [`XmlError`] if it is not well-formed, not a `<network>`, has no name or UUID, or a number is none.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        Self::from_document(&Document::parse(text)?)
    }

    /// Reads a network's parsed XML.
    ///
    /// # Errors
    /// As [`NetworkXml::parse`].
    pub fn from_document(document: &Document) -> Result<Self, XmlError> {
        let root = document.root();
        expect_root(root, "network")?;
        let forward = root.child("forward");
        let mut forward_devices: Vec<String> = forward.and_then(|f| owned(f, "dev")).into_iter().collect();
        for device in
            forward.iter().flat_map(|f| f.children("interface").chain(f.children("pf"))).filter_map(|e| owned(e, "dev"))
        {
            if !forward_devices.contains(&device) {
                forward_devices.push(device);
            }
        }
        Ok(Self {
            name: required_text(root, "name")?,
            uuid: required_uuid(root, "uuid")?,
            title: root.text_at("title"),
            description: root.text_at("description"),
            metadata: super::domain::read_metadata(root),
            forward: forward.map_or(ForwardMode::Isolated, ForwardMode::read),
            forward_devices,
            forward_pci_addresses: forward
                .map(|forward| forward.children("address").filter_map(pci_address).collect())
                .unwrap_or_default(),
            bridge: owned_at(root, "bridge", "name"),
            mac: owned_at(root, "mac", "address").map(|mac| mac.to_ascii_lowercase()),
            domain: owned_at(root, "domain", "name"),
            mtu_bytes: root.child("mtu").map(|mtu| number_attribute(mtu, "size")).transpose()?.flatten(),
            vlan: root.child("vlan").map(Vlan::read).transpose()?,
            virtual_port: root.child("virtualport").map(VirtualPort::read),
            portgroups: root.children("portgroup").map(PortGroup::read).collect::<Result<_, _>>()?,
            ips: root.children("ip").map(NetworkIp::read).collect::<Result<_, _>>()?,
            isolated_ports: switch(root.attribute_at("port", "isolated")) == Some(true),
            dns_disabled: switch(root.attribute_at("dns", "enable")) == Some(false),
        })
    }
}

impl ForwardMode {
    fn read(forward: &Element) -> Self {
        match forward.attribute("mode") {
            None | Some("nat") => Self::Nat,
            Some("none") => Self::Isolated,
            Some("route") => Self::Route,
            Some("open") => Self::Open,
            Some("bridge") => Self::Bridge,
            Some("private") => Self::Private,
            Some("vepa") => Self::Vepa,
            Some("passthrough") => Self::Passthrough,
            Some("hostdev") => Self::Hostdev,
            Some(other) => Self::Other(other.to_owned()),
        }
    }
}

impl NetworkIp {
    fn read(element: &Element) -> Result<Self, XmlError> {
        let prefix: Option<u8> = number_attribute(element, "prefix")?;
        let dhcp = element.child("dhcp");
        let range = |range: &Element| Some(DhcpRange { start: owned(range, "start")?, end: owned(range, "end")? });
        let host = |host: &Element| StaticHost {
            mac: owned(host, "mac").map(|mac| mac.to_ascii_lowercase()),
            duid: owned(host, "id"),
            name: owned(host, "name"),
            address: owned(host, "ip"),
        };
        Ok(Self {
            address: owned(element, "address"),
            prefix: prefix.or_else(|| element.attribute("netmask").and_then(prefix_of_netmask)),
            ipv6: element.attribute("family") == Some("ipv6"),
            dhcp_ranges: dhcp.map(|dhcp| dhcp.children("range").filter_map(range).collect()).unwrap_or_default(),
            static_hosts: dhcp.map(|dhcp| dhcp.children("host").map(host).collect()).unwrap_or_default(),
            tftp_root: owned_at(element, "tftp", "root"),
        })
    }
}

impl PortGroup {
    fn read(element: &Element) -> Result<Self, XmlError> {
        Ok(Self {
            name: element.attribute("name").unwrap_or_default().to_owned(),
            default: switch(element.attribute("default")) == Some(true),
            vlan: element.child("vlan").map(Vlan::read).transpose()?,
            virtual_port: element.child("virtualport").map(VirtualPort::read),
        })
    }
}

/// `255.255.255.0` as 24; nothing for a mask with holes.
fn prefix_of_netmask(mask: &str) -> Option<u8> {
    let bits = u32::from(mask.parse::<std::net::Ipv4Addr>().ok()?);
    let ones = bits.leading_ones();
    (bits.count_ones() == ones).then_some(u8::try_from(ones).ok()?)
}
