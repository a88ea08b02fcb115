//! Files in a pool that machines are made from.
//!
//! A volume is an image, not a disk, when
//! - it is an ISO (by its format, or its name where libvirt did not look into it), or
//! - other disks are backed by it, no machine writes to it itself, and it is not a link of one machine's own chain of
//!   snapshots.
//!
//! libvirt does not tell whether a file may be written, so a lone golden image that nobody uses yet is a volume.

use super::super::facts::VolumeFacts;
use super::{NativeMap, Place};
use crate::model::image::ImageFormat;
use crate::model::{DatastoreId, Image};

/// Whether a volume is an ISO.
pub(in super::super) fn is_iso(volume: &VolumeFacts) -> bool {
    let definition = &volume.definition;
    match definition.format.as_deref() {
        Some("iso") => true,
        Some("raw" | "unknown") | None => {
            definition.kind.as_deref() != Some("dir") && definition.name.to_ascii_lowercase().ends_with(".iso")
        }
        Some(_) => false,
    }
}

/// The image that a volume is.
pub(in super::super) fn image(place: &Place, datastore_id: DatastoreId, volume: &VolumeFacts) -> Image {
    let definition = &volume.definition;
    let format = if is_iso(volume) { ImageFormat::Iso } else { format(definition.format.as_deref()) };
    Image {
        name: definition.name.clone(),
        zone_id: Some(place.zone_id()),
        format,
        datastore_id: Some(datastore_id),
        library_id: None,
        folder_id: None,
        size_bytes: definition.allocation_bytes,
        disk_bytes: definition.capacity_bytes.filter(|_| format != ImageFormat::Iso),
        vcpu_count: None,
        memory_mib: None,
        guest_os: None,
        location: definition.path.clone().or_else(|| Some(volume.key.clone())),
        description: None,
        created_at: None,
        tag_ids: Vec::new(),
        native: NativeMap::default()
            .put("key", &volume.key)
            .put("type", &definition.kind)
            .put("format", &definition.format)
            .put("backing", &definition.backing)
            .flag("encrypted", definition.encrypted)
            .done(),
    }
}

fn format(format: Option<&str>) -> ImageFormat {
    match format {
        Some("qcow2") => ImageFormat::Qcow2,
        Some("raw") => ImageFormat::Raw,
        Some("vmdk") => ImageFormat::Vmdk,
        Some("iso") => ImageFormat::Iso,
        _ => ImageFormat::Other,
    }
}
