//! What is read from a host: plain values that can go to any thread.

use serde::Serialize;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::state::{DomainState, PoolState, StateReason};
use crate::xml::{
    CapabilitiesXml, DomainXml, NetworkXml, NwfilterXml, PoolXml, SnapshotXml, SysinfoXml, VolumeXml, XmlError,
};

/// Objects that were read, and those that could not be.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Listing<T> {
    /// What was read.
    pub items: Vec<T>,
    /// Objects that exist but could not be read; the others are not affected.
    pub failed: Vec<FailedObject>,
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self { items: Vec::new(), failed: Vec::new() }
    }
}

/// An object that exists but could not be read.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FailedObject {
    /// Its UUID, where its kind has one.
    pub uuid: Option<Uuid>,
    /// Its name.
    pub name: String,
    /// Why.
    pub error: Error,
}

/// A domain as it was at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DomainRecord {
    /// The identity.
    pub uuid: Uuid,
    /// The name.
    pub name: String,
    /// True if the name was not UTF-8 and had to be changed.
    pub name_lossy: bool,
    /// The number while it runs.
    pub id: Option<u32>,
    /// The state.
    pub state: DomainState,
    /// Why it is in this state.
    pub reason: StateReason,
    /// The host keeps the definition.
    pub persistent: bool,
    /// It starts with the host; `None` where the driver does not know.
    pub autostart: Option<bool>,
    /// Its memory was saved and the next start continues; `None` where the driver does not know.
    pub managed_save: Option<bool>,
    /// The definition that holds now.
    pub xml: String,
    /// The definition for the next start, if it runs and is persistent.
    pub xml_inactive: Option<String>,
    /// Its snapshots; `None` if they could not be read or the driver has none.
    pub snapshots: Option<Vec<SnapshotRecord>>,
    /// The XML of its checkpoints; `None` if they could not be read or the driver has none.
    pub checkpoints_xml: Option<Vec<String>>,
}

/// A snapshot of a domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SnapshotRecord {
    /// The name, unique among the domain's snapshots.
    pub name: String,
    /// The disks are on top of it now.
    pub current: bool,
    /// The definition; the parent is in there.
    pub xml: String,
}

/// A network as it was at one moment.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct NetworkRecord {
    /// The identity.
    pub uuid: Uuid,
    /// The name.
    pub name: String,
    /// True if the name was not UTF-8 and had to be changed.
    pub name_lossy: bool,
    /// It is up.
    pub active: bool,
    /// The host keeps the definition.
    pub persistent: bool,
    /// It comes up with the host; `None` where the driver does not know.
    pub autostart: Option<bool>,
    /// The definition that holds now.
    pub xml: String,
    /// The definition for the next start, if it is up and persistent.
    pub xml_inactive: Option<String>,
    /// Addresses that its DHCP server gave out; `None` if it has none or is down, or they could not be read.
    pub leases: Option<Vec<DhcpLease>>,
    /// Why the addresses could not be read.
    #[serde(skip)]
    pub leases_error: Option<Error>,
}

/// A storage pool as it was at one moment.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct PoolRecord {
    /// The identity.
    pub uuid: Uuid,
    /// The name.
    pub name: String,
    /// True if the name was not UTF-8 and had to be changed.
    pub name_lossy: bool,
    /// State and sizes as of the last refresh.
    pub usage: PoolUse,
    /// The host keeps the definition.
    pub persistent: bool,
    /// It is started with the host; `None` where the driver does not know.
    pub autostart: Option<bool>,
    /// The definition.
    pub xml: String,
    /// Its volumes; `None` if it is stopped or they could not be listed.
    pub volumes: Option<Vec<VolumeRecord>>,
    /// Volumes that exist but could not be read.
    #[serde(skip)]
    pub volumes_failed: Vec<FailedObject>,
    /// Why the volumes could not be listed.
    #[serde(skip)]
    pub volumes_error: Option<Error>,
}

/// A volume as it was at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VolumeRecord {
    /// The name, unique in its pool.
    pub name: String,
    /// True if the name was not UTF-8 and had to be changed.
    pub name_lossy: bool,
    /// libvirt's key: unique on its host, the path for files.
    pub key: String,
    /// The definition, with sizes that libvirt read just now.
    pub xml: String,
}

/// A packet filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NwfilterRecord {
    /// The identity.
    pub uuid: Uuid,
    /// The name.
    pub name: String,
    /// The definition.
    pub xml: String,
}

/// A host as it was at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HostRecord {
    /// The identity: libvirt's host UUID. Boards of some makers all have the same one, so it can be wrong or absent.
    pub uuid: Option<Uuid>,
    /// The host's name.
    pub hostname: String,
    /// The driver: `QEMU`, `TEST`.
    pub driver_name: String,
    /// libvirt's version.
    pub libvirt_version: Version,
    /// QEMU's version; `None` on a host without an emulator.
    pub hypervisor_version: Option<Version>,
    /// Processors and memory.
    pub node: NodeInfo,
    /// How memory is used; `None` where the driver does not know.
    pub memory: Option<NodeMemory>,
    /// The capabilities.
    pub capabilities_xml: String,
    /// What the firmware says; `None` where it says nothing.
    pub sysinfo_xml: Option<String>,
}

/// A version number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Version {
    /// The first part.
    pub major: u32,
    /// The second.
    pub minor: u32,
    /// The third.
    pub micro: u32,
}

/// A host's processors and memory (`virNodeInfo`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NodeInfo {
    /// The processors' architecture: `x86_64`. (The model's name is in the capabilities.)
    pub cpu_model: String,
    /// Installed memory.
    pub memory_bytes: u64,
    /// Processors that are on, threads counted.
    pub cpu_count: u32,
    /// Their clock.
    pub cpu_mhz: u32,
    /// NUMA nodes; 1 on machines that libvirt cannot describe as nodes × sockets × cores × threads.
    pub numa_nodes: u32,
    /// Sockets in a NUMA node.
    pub sockets_per_node: u32,
    /// Cores in a socket.
    pub cores_per_socket: u32,
    /// Threads in a core.
    pub threads_per_core: u32,
}

/// How a host's memory is used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NodeMemory {
    /// Usable memory.
    pub total_bytes: Option<u64>,
    /// Free memory.
    pub free_bytes: Option<u64>,
    /// Memory in buffers.
    pub buffers_bytes: Option<u64>,
    /// Memory in the page cache.
    pub cached_bytes: Option<u64>,
}

/// Time that a host's processors spent since boot, summed over them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NodeCpuTime {
    /// In the kernel.
    pub kernel_ns: Option<u64>,
    /// In programs.
    pub user_ns: Option<u64>,
    /// Doing nothing.
    pub idle_ns: Option<u64>,
    /// Waiting for disks.
    pub iowait_ns: Option<u64>,
}

/// A storage pool's state and sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PoolUse {
    /// The state.
    pub state: PoolState,
    /// The whole size. 0 while it is stopped.
    pub capacity_bytes: u64,
    /// What is used.
    pub allocation_bytes: u64,
    /// What is free.
    pub available_bytes: u64,
}

/// A volume's sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VolumeUse {
    /// What the guest sees.
    pub capacity_bytes: u64,
    /// What is used of the pool.
    pub allocation_bytes: u64,
    /// The file's length or the device's size.
    pub physical_bytes: Option<u64>,
}

/// Where a domain's addresses are taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressSource {
    /// Leases of libvirt's DHCP servers.
    Lease,
    /// The guest agent; hangs as long as the guest does.
    Agent,
    /// The host's ARP table.
    Arp,
}

/// An interface with its addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct InterfaceAddresses {
    /// The device's name: the host's for leases (`vnet0`), the guest's for the agent (`eth0`).
    pub name: String,
    /// The MAC address in lower case.
    pub mac: Option<String>,
    /// The addresses.
    pub addresses: Vec<InterfaceAddress>,
}

/// One address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct InterfaceAddress {
    /// The address.
    pub address: String,
    /// The prefix's length.
    pub prefix: u32,
    /// True for IPv6.
    pub ipv6: bool,
}

/// An address that a network's DHCP server gave out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DhcpLease {
    /// The bridge.
    pub interface: Option<String>,
    /// When it ends, in seconds since 1970; `None` for never.
    pub expires_unix_seconds: Option<i64>,
    /// The guest's MAC address in lower case.
    pub mac: Option<String>,
    /// The address.
    pub address: String,
    /// The prefix's length.
    pub prefix: u32,
    /// True for IPv6.
    pub ipv6: bool,
    /// The name that the guest gave itself.
    pub hostname: Option<String>,
    /// The guest's client identifier.
    pub client_id: Option<String>,
}

impl DomainRecord {
    /// The definition that holds now, understood.
    ///
    /// # Errors
    /// [`Error::Xml`] naming the domain.
    pub fn definition(&self) -> Result<DomainXml> {
        DomainXml::parse(&self.xml).map_err(|source| xml_error(format!("domain {} ({})", self.name, self.uuid), source))
    }

    /// The definition for the next start, understood; `None` if it is the one that holds now.
    ///
    /// # Errors
    /// [`Error::Xml`] naming the domain.
    pub fn definition_inactive(&self) -> Result<Option<DomainXml>> {
        let parse = |xml: &String| {
            DomainXml::parse(xml).map_err(|source| {
                xml_error(format!("domain {} ({}), for its next start", self.name, self.uuid), source)
            })
        };
        self.xml_inactive.as_ref().map(parse).transpose()
    }
}

impl SnapshotRecord {
    /// The definition, understood.
    ///
    /// # Errors
    /// [`Error::Xml`] naming the snapshot.
    pub fn definition(&self) -> Result<SnapshotXml> {
        SnapshotXml::parse(&self.xml).map_err(|source| xml_error(format!("snapshot {}", self.name), source))
    }
}

impl NetworkRecord {
    /// The definition that holds now, understood.
    ///
    /// # Errors
    /// [`Error::Xml`] naming the network.
    pub fn definition(&self) -> Result<NetworkXml> {
        NetworkXml::parse(&self.xml)
            .map_err(|source| xml_error(format!("network {} ({})", self.name, self.uuid), source))
    }
}

impl PoolRecord {
    /// The definition, understood.
    ///
    /// # Errors
    /// [`Error::Xml`] naming the pool.
    pub fn definition(&self) -> Result<PoolXml> {
        PoolXml::parse(&self.xml)
            .map_err(|source| xml_error(format!("storage pool {} ({})", self.name, self.uuid), source))
    }
}

impl VolumeRecord {
    /// The definition, understood.
    ///
    /// # Errors
    /// [`Error::Xml`] naming the volume.
    pub fn definition(&self) -> Result<VolumeXml> {
        VolumeXml::parse(&self.xml).map_err(|source| xml_error(format!("volume {}", self.key), source))
    }
}

impl NwfilterRecord {
    /// The definition, understood.
    ///
    /// # Errors
    /// [`Error::Xml`] naming the filter.
    pub fn definition(&self) -> Result<NwfilterXml> {
        NwfilterXml::parse(&self.xml).map_err(|source| xml_error(format!("packet filter {}", self.name), source))
    }
}

impl HostRecord {
    /// The capabilities, understood.
    ///
    /// # Errors
    /// [`Error::Xml`] naming the host.
    pub fn capabilities(&self) -> Result<CapabilitiesXml> {
        CapabilitiesXml::parse(&self.capabilities_xml)
            .map_err(|source| xml_error(format!("the capabilities of {}", self.hostname), source))
    }

    /// What the firmware says, understood; `None` where it says nothing that can be understood.
    pub fn sysinfo(&self) -> Option<SysinfoXml> {
        SysinfoXml::parse(self.sysinfo_xml.as_deref()?).ok()
    }
}

fn xml_error(object: String, source: XmlError) -> Error {
    Error::Xml { object, source }
}

impl Version {
    /// libvirt packs a version as major × 1,000,000 + minor × 1,000 + micro.
    pub(crate) fn from_libvirt(packed: u64) -> Self {
        let part = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        Self { major: part(packed / 1_000_000), minor: part(packed / 1000 % 1000), micro: part(packed % 1000) }
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.micro)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_unpacked() {
        assert_eq!(Version::from_libvirt(9_000_000).to_string(), "9.0.0");
        assert_eq!(Version::from_libvirt(7_002_022).to_string(), "7.2.22");
    }
}
