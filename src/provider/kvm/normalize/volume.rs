//! Virtual disks: volumes of pools, and sources of domains outside any pool.

use kvm::xml::{Disk, DiskSource, NetworkEndpoint};
use uuid::Uuid;

use super::super::facts::VolumeFacts;
use super::{NativeMap, Place};
use crate::model::volume::{Attachment, VolumeSource};
use crate::model::{DatastoreId, Volume};

/// A disk of a domain that uses a volume.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Use {
    pub(in super::super) vm: Uuid,
    pub(in super::super) device: String,
    pub(in super::super) bus: Option<String>,
    pub(in super::super) read_only: bool,
    pub(in super::super) shareable: bool,
}

/// Sizes that the hypervisor tells of a running domain's disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct DiskSize {
    pub(in super::super) capacity_bytes: Option<u64>,
    pub(in super::super) allocated_bytes: Option<u64>,
}

/// Whether a `<disk>` is a virtual disk, not a drive for changeable media.
pub(in super::super) fn is_volume(disk: &Disk) -> bool {
    disk.source.is_some() && !matches!(disk.device.as_str(), "cdrom" | "floppy")
}

/// The key of the id of a source outside any pool, and whether other hosts can have it open too: then it is what the network
/// calls it, else it is the host's own.
pub(in super::super) fn loose_key(host_key: &str, source: &DiskSource) -> (String, bool) {
    let location = location(source);
    match source {
        DiskSource::Network { .. } => (format!("network/{location}"), true),
        _ => (format!("{host_key}/{}/{location}", source_word(source).as_str()), false),
    }
}

/// A source of one or more domains that no pool lists, as `disk` has it; with the datastore that it is in all the same, and
/// whether several hosts tell of it.
pub(in super::super) fn loose(
    place: &Place,
    disk: &Disk,
    uses: &[Use],
    size: DiskSize,
    (datastore_id, shared): (Option<DatastoreId>, bool),
) -> Option<Volume> {
    let source = disk.source.as_ref()?;
    let location = location(source);
    let backing = disk.backing.first().and_then(|image| image.source.as_ref()).map(self::location);
    Some(Volume {
        name: location.rsplit('/').find(|part| !part.is_empty()).unwrap_or(&location).to_owned(),
        zone_id: Some(place.zone_id()),
        datastore_id,
        capacity_bytes: size.capacity_bytes,
        allocated_bytes: size.allocated_bytes,
        source: source_word(source),
        format: disk.driver_format.clone(),
        thin: thin(disk.driver_format.as_deref(), size),
        read_only: !uses.is_empty() && uses.iter().all(|one| one.read_only),
        shareable: uses.iter().any(|one| one.shareable),
        location: Some(location),
        backing_location: backing,
        storage_policy_id: None,
        attachments: attachments(place, uses, shared),
        native: NativeMap::default().put("source", without_query(source)).flag("encrypted", disk.encrypted).done(),
    })
}

/// A volume of a pool.
pub(in super::super) fn pooled(
    place: &Place,
    datastore_id: DatastoreId,
    volume: &VolumeFacts,
    uses: &[Use],
    shared: bool,
) -> Volume {
    let definition = &volume.definition;
    let size = DiskSize { capacity_bytes: definition.capacity_bytes, allocated_bytes: definition.allocation_bytes };
    Volume {
        name: definition.name.clone(),
        zone_id: Some(place.zone_id()),
        datastore_id: Some(datastore_id),
        capacity_bytes: size.capacity_bytes,
        allocated_bytes: size.allocated_bytes,
        source: match definition.kind.as_deref() {
            Some("file" | "ploop") | None => VolumeSource::File,
            Some("block") => VolumeSource::Block,
            Some("network" | "netdir") => VolumeSource::Network,
            Some("dir") => VolumeSource::Dir,
            Some(_) => VolumeSource::Other,
        },
        format: definition.format.clone(),
        thin: thin(definition.format.as_deref(), size),
        read_only: !uses.is_empty() && uses.iter().all(|one| one.read_only),
        shareable: uses.iter().any(|one| one.shareable),
        location: definition.path.clone().or_else(|| Some(volume.key.clone())),
        backing_location: definition.backing.as_ref().and_then(|backing| backing.path.clone()),
        storage_policy_id: None,
        attachments: attachments(place, uses, shared),
        native: NativeMap::default()
            .put("key", &volume.key)
            .put("type", &definition.kind)
            .put("physical_bytes", definition.physical_bytes)
            .put("backing", &definition.backing)
            .flag("encrypted", definition.encrypted)
            .done(),
    }
}

fn attachments(place: &Place, uses: &[Use], shared: bool) -> Vec<Attachment> {
    let mut attachments: Vec<Attachment> = uses
        .iter()
        .map(|one| Attachment {
            vm_id: place.vm_id(one.vm),
            host_id: shared.then(|| place.host_id()),
            device: one.device.clone(),
            bus: one.bus.clone(),
        })
        .collect();
    // As `sync` orders those of several hosts.
    attachments.sort_by(|a, b| (a.vm_id, a.host_id, &a.device).cmp(&(b.vm_id, b.host_id, &b.device)));
    attachments
}

/// Formats that grow are thin; a raw file is where it has holes. Unknown without both sizes.
fn thin(format: Option<&str>, size: DiskSize) -> Option<bool> {
    match (format, size.capacity_bytes, size.allocated_bytes) {
        (Some("qcow2" | "qcow" | "qed" | "vmdk" | "vdi" | "vhdx"), _, _) => Some(true),
        (_, Some(capacity), Some(allocated)) => Some(allocated < capacity),
        _ => None,
    }
}

fn source_word(source: &DiskSource) -> VolumeSource {
    match source {
        DiskSource::File { .. } => VolumeSource::File,
        DiskSource::Block { .. } | DiskSource::VhostVdpa { .. } => VolumeSource::Block,
        DiskSource::Dir { .. } => VolumeSource::Dir,
        DiskSource::Network { .. } => VolumeSource::Network,
        DiskSource::Nvme { .. } => VolumeSource::Nvme,
        DiskSource::VhostUser { .. } => VolumeSource::Vhostuser,
        // A volume of a pool that is not known: what is behind it is not known either.
        _ => VolumeSource::Other,
    }
}

/// Where a source is: a path, or a URL. The query string of a URL is left out, as it can carry a key.
pub(in super::super) fn location(source: &DiskSource) -> String {
    match source {
        DiskSource::File { path } | DiskSource::Block { path } | DiskSource::Dir { path } => path.clone(),
        DiskSource::Network { protocol, name, hosts, .. } => {
            let servers: Vec<String> = hosts.iter().map(endpoint).collect();
            let name = name.as_deref().unwrap_or_default().trim_start_matches('/');
            format!("{}://{}/{name}", protocol.as_str(), servers.join(","))
        }
        DiskSource::Volume { pool, volume, .. } => format!("{pool}/{volume}"),
        DiskSource::Nvme { address, namespace, .. } => {
            format!("nvme://{}/{}", address.as_deref().unwrap_or_default(), namespace.unwrap_or(1))
        }
        DiskSource::VhostUser { path } => path.clone().unwrap_or_default(),
        DiskSource::VhostVdpa { device } => device.clone().unwrap_or_default(),
        DiskSource::Other { type_name } => type_name.clone(),
        _ => String::new(),
    }
}

fn endpoint(host: &NetworkEndpoint) -> String {
    match (&host.name, host.port, &host.socket) {
        (Some(name), Some(port), _) => format!("{name}:{port}"),
        (Some(name), None, _) => name.clone(),
        (None, _, Some(socket)) => socket.clone(),
        (None, ..) => String::new(),
    }
}

fn without_query(source: &DiskSource) -> DiskSource {
    let mut source = source.clone();
    if let DiskSource::Network { query, .. } = &mut source {
        *query = None;
    }
    source
}
