//! What is known of a host, understood: libvirt's records with their XML parsed once.
//!
//! The records of the `kvm` crate hold texts; everything after this file works with these values. A record whose XML
//! cannot be understood is an error here, and becomes a quarantined group.

use kvm::xml::{CapabilitiesXml, DomainXml, NetworkXml, PoolXml, SnapshotXml, SysinfoXml, VolumeXml};
use kvm::{DomainRecord, DomainState, HostRecord, NetworkRecord, PoolRecord, PoolState};
use uuid::Uuid;

use super::fault::words;

/// A host.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct HostFacts {
    /// libvirt's host UUID, unless it is one of those that makers leave in every board.
    pub(super) uuid: Option<Uuid>,
    pub(super) hostname: String,
    /// libvirt's word for the hypervisor: `QEMU`, `TEST`.
    pub(super) driver: String,
    pub(super) libvirt_version: String,
    pub(super) hypervisor_version: Option<String>,
    pub(super) cpu_mhz: u32,
    pub(super) socket_count: u32,
    pub(super) core_count: u32,
    pub(super) thread_count: u32,
    pub(super) memory_bytes: u64,
    pub(super) capabilities: Option<CapabilitiesXml>,
    pub(super) sysinfo: Option<SysinfoXml>,
    /// The name in the connection URI.
    pub(super) address: Option<String>,
}

/// A domain.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct DomainFacts {
    pub(super) state: DomainState,
    /// libvirt's word for why.
    pub(super) reason: &'static str,
    pub(super) persistent: bool,
    pub(super) autostart: Option<bool>,
    pub(super) managed_save: Option<bool>,
    pub(super) definition: DomainXml,
    /// `None` where the driver has none or they could not be read this time.
    pub(super) snapshots: Option<Vec<SnapshotFacts>>,
}

/// A snapshot.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SnapshotFacts {
    pub(super) current: bool,
    pub(super) definition: SnapshotXml,
}

/// A network.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NetworkFacts {
    pub(super) active: bool,
    pub(super) persistent: bool,
    pub(super) autostart: Option<bool>,
    pub(super) definition: NetworkXml,
    /// Or why they could not be read this time.
    pub(super) leases: Result<Vec<Lease>, String>,
}

/// An address that a network's DHCP server gave out. When it ends is left out: it changes all the time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lease {
    pub(super) mac: String,
    pub(super) address: String,
    pub(super) hostname: Option<String>,
}

/// A storage pool.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PoolFacts {
    pub(super) state: PoolState,
    pub(super) capacity_bytes: u64,
    pub(super) available_bytes: u64,
    pub(super) persistent: bool,
    pub(super) autostart: Option<bool>,
    pub(super) definition: PoolXml,
    /// `None` while it is stopped or does not answer.
    pub(super) volumes: Option<Vec<VolumeFacts>>,
    /// Volumes that could not be read or understood: name and why. `*` where they could not even be listed.
    pub(super) unreadable: Vec<(String, String)>,
}

/// A volume of a pool.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct VolumeFacts {
    /// libvirt's key: unique on its host, the path for files.
    pub(super) key: String,
    pub(super) definition: VolumeXml,
}

/// A UUID that identifies something: not the ones that are all zeros or all ones, which firmware holds where its maker
/// wrote none, and not the one that a well-known maker of boards left in all of them.
pub(super) fn telling(uuid: Uuid) -> Option<Uuid> {
    const LEFT_IN_ALL_BOARDS: Uuid = Uuid::from_u128(0x03000200_0400_0500_0006_000700080009);
    (!uuid.is_nil() && !uuid.is_max() && uuid != LEFT_IN_ALL_BOARDS).then_some(uuid)
}

impl HostFacts {
    pub(super) fn new(record: &HostRecord, address: Option<&str>) -> Self {
        let node = &record.node;
        let socket_count = node.numa_nodes.max(1).saturating_mul(node.sockets_per_node.max(1));
        Self {
            uuid: record.uuid.and_then(telling),
            hostname: record.hostname.clone(),
            driver: record.driver_name.clone(),
            libvirt_version: record.libvirt_version.to_string(),
            hypervisor_version: record.hypervisor_version.map(|version| version.to_string()),
            cpu_mhz: node.cpu_mhz,
            socket_count,
            core_count: socket_count.saturating_mul(node.cores_per_socket.max(1)),
            thread_count: node.cpu_count,
            memory_bytes: node.memory_bytes,
            capabilities: record
                .capabilities()
                .inspect_err(|error| tracing::warn!(reason = words(error), "a host is shown without its capabilities"))
                .ok(),
            sysinfo: record.sysinfo(),
            address: address.map(str::to_owned),
        }
    }

    /// The key that the host's id is made from.
    pub(super) fn key(&self) -> String {
        self.uuid.map_or_else(|| self.hostname.clone(), |uuid| uuid.to_string())
    }
}

impl DomainFacts {
    pub(super) fn new(record: &DomainRecord) -> kvm::Result<Self> {
        let snapshots = record.snapshots.as_ref().map(|snapshots| {
            let understood =
                |s: &kvm::SnapshotRecord| Ok(SnapshotFacts { current: s.current, definition: s.definition()? });
            snapshots.iter().map(understood).collect::<kvm::Result<Vec<_>>>()
        });
        Ok(Self {
            state: record.state,
            reason: record.reason.name,
            persistent: record.persistent,
            autostart: record.autostart,
            managed_save: record.managed_save,
            definition: record.definition()?,
            snapshots: snapshots.transpose()?,
        })
    }

    /// Whether the memory of the guest is kept somewhere in the host's RAM.
    pub(super) fn is_active(&self) -> bool {
        self.state.is_active()
    }
}

impl NetworkFacts {
    pub(super) fn new(record: &NetworkRecord) -> kvm::Result<Self> {
        let mut leases: Vec<Lease> = record
            .leases
            .iter()
            .flatten()
            .filter_map(|lease| {
                let mac = lease.mac.clone()?;
                Some(Lease { mac, address: lease.address.clone(), hostname: lease.hostname.clone() })
            })
            .collect();
        leases.sort();
        leases.dedup();
        Ok(Self {
            active: record.active,
            persistent: record.persistent,
            autostart: record.autostart,
            definition: record.definition()?,
            leases: match &record.leases_error {
                None => Ok(leases),
                Some(error) => Err(format!("the leases of the network {}: {}", record.name, words(error))),
            },
        })
    }
}

impl PoolFacts {
    pub(super) fn new(record: &PoolRecord) -> kvm::Result<Self> {
        let why = |volume: &str, error: &kvm::Error| {
            (volume.to_owned(), format!("the volume {volume} of the pool {}: {}", record.name, words(error)))
        };
        let mut unreadable: Vec<_> =
            record.volumes_failed.iter().map(|failed| why(&failed.name, &failed.error)).collect();
        unreadable.extend(
            record
                .volumes_error
                .as_ref()
                .map(|error| ("*".to_owned(), format!("the volumes of the pool {}: {}", record.name, words(error)))),
        );
        let volumes = record.volumes.as_ref().map(|volumes| {
            let mut understood: Vec<VolumeFacts> = Vec::with_capacity(volumes.len());
            for volume in volumes {
                match volume.definition() {
                    Ok(definition) => understood.push(VolumeFacts { key: volume.key.clone(), definition }),
                    Err(error) => unreadable.push(why(&volume.name, &error)),
                }
            }
            understood.sort_by(|a, b| a.key.cmp(&b.key));
            understood
        });
        Ok(Self {
            state: record.usage.state,
            capacity_bytes: record.usage.capacity_bytes,
            available_bytes: record.usage.available_bytes,
            persistent: record.persistent,
            autostart: record.autostart,
            definition: record.definition()?,
            volumes,
            unreadable,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_that_every_board_has_identifies_nothing() {
        let check = |text: &str, counts: bool| {
            assert_eq!(telling(text.parse().expect("a UUID")).is_some(), counts, "{text}");
        };
        check("00000000-0000-0000-0000-000000000000", false);
        check("ffffffff-ffff-ffff-ffff-ffffffffffff", false);
        check("03000200-0400-0500-0006-000700080009", false);
        check("4c4c4544-0051-3910-8037-b4c04f4e3432", true);
    }
}
