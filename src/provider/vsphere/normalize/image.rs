//! Templates: machines that are only cloned.

use vsphere::{ObjectState, Value};

use super::native::Detail;
use super::{Reason, Scope, device, name, number_at, sorted, text_at, volume};
use crate::model::image::ImageFormat;
use crate::model::{Image, Kind};

/// A template.
pub(super) fn template(object: &ObjectState, scope: Scope<'_>) -> Result<Image, Reason> {
    let key = object.object().id();
    let name = name(object)?;
    let disks = device::devices(object).into_iter().filter(|(_, device)| device.is("VirtualDisk"));
    let sizes: Vec<_> = disks.filter_map(|(_, disk)| volume::capacity(disk)).collect();
    let datastore = sorted(object.all("datastore")).first().map(|datastore| scope.id(Kind::Datastore, datastore.id()));
    let native = Detail::of(object, &name)
        .with_paths(object, &["config.guestId", "config.version", "config.instanceUuid", "config.firmware"])
        .with("host", object.moref("runtime.host").map(vsphere::MoRef::id));
    Ok(Image {
        zone_id: scope.zone_id(key),
        format: ImageFormat::Template,
        datastore_id: datastore,
        library_id: None,
        folder_id: scope.folder_id(object.moref("parent")),
        size_bytes: number_at(object, "summary.storage.committed"),
        disk_bytes: (!sizes.is_empty()).then(|| sizes.iter().copied().fold(0, u64::saturating_add)),
        vcpu_count: object.get("config.hardware.numCPU").and_then(Value::as_u32),
        memory_mib: number_at(object, "config.hardware.memoryMB"),
        guest_os: text_at(object, "config.guestFullName").or_else(|| text_at(object, "config.guestId")),
        location: text_at(object, "config.files.vmPathName"),
        description: text_at(object, "config.annotation"),
        created_at: object.get("config.createDate").and_then(Value::as_time),
        tag_ids: scope.tag_ids(key),
        native: native.done(),
        name,
    })
}
