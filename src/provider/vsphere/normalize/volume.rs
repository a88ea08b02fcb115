//! Virtual disks.

use vsphere::{ObjectState, Value};

use super::native::Detail;
use super::{Scope, device};
use crate::model::volume::{Attachment, VolumeSource};
use crate::model::{Kind, VmId, Volume, ZoneId};

/// A disk of a machine.
pub(super) fn volume(disk: &Value, vm: &ObjectState, vm_id: VmId, zone_id: Option<ZoneId>, scope: Scope<'_>) -> Volume {
    let text = |path: &str| disk.get(path).and_then(Value::as_str).filter(|text| !text.is_empty());
    let place = device::place(vm, disk);
    let label = text("deviceInfo.label");
    let file = text("backing.fileName");
    let datastore = disk.get("backing.datastore").and_then(Value::moref);
    let native = Detail::default()
        .with_value("key", disk.get("key"))
        .with("label", label)
        .with("uuid", text("backing.uuid"))
        .with("backingType", disk.get("backing").and_then(Value::type_name))
        .with("diskMode", text("backing.diskMode"))
        .with("sharing", text("backing.sharing"))
        .with("compatibilityMode", text("backing.compatibilityMode"))
        .with("lunUuid", text("backing.lunUuid"))
        .with("deviceName", text("backing.deviceName"))
        .with_value("keyId", disk.get("backing.keyId.keyId"))
        .with("vDiskId", text("vDiskId.id"))
        .with("chainLength", chain_length(disk));
    Volume {
        name: file.map(file_name).or(label).unwrap_or(&place.device).to_owned(),
        zone_id,
        datastore_id: datastore.map(|datastore| scope.id(Kind::Datastore, datastore.id())),
        capacity_bytes: capacity(disk),
        allocated_bytes: None,
        source: source(disk),
        format: file.map(|_| "vmdk".to_owned()),
        thin: disk.get("backing.thinProvisioned").and_then(Value::as_bool),
        read_only: false,
        shareable: text("backing.sharing") == Some("sharingMultiWriter") || place.shared,
        location: file.or(text("backing.deviceName")).map(str::to_owned),
        backing_location: text("backing.parent.fileName").map(str::to_owned),
        storage_policy_id: disk
            .get("key")
            .and_then(Value::as_i64)
            .and_then(|key| scope.disk_policy_id(vm.object().id(), key)),
        attachments: vec![Attachment { vm_id, host_id: None, device: place.device, bus: place.bus.map(str::to_owned) }],
        native: native.done(),
    }
}

/// The size that the guest sees, bytes.
pub(super) fn capacity(disk: &Value) -> Option<u64> {
    let number = |path: &str| disk.get(path).and_then(Value::as_u64);
    number("capacityInBytes").or_else(|| number("capacityInKB").map(|kib| kib.saturating_mul(1024)))
}

/// `web.vmdk` of `[store] web/web.vmdk`.
fn file_name(location: &str) -> &str {
    location.rsplit(['/', ' ']).next().filter(|name| !name.is_empty()).unwrap_or(location)
}

fn source(disk: &Value) -> VolumeSource {
    let backing = disk.get("backing").and_then(Value::type_name).unwrap_or_default();
    if backing.contains("RawDiskMapping") {
        return match disk.get("backing.compatibilityMode").and_then(Value::as_str) {
            Some("physicalMode") => VolumeSource::RdmPhysical,
            _ => VolumeSource::RdmVirtual,
        };
    }
    match backing {
        "VirtualDiskRawDiskVer2BackingInfo" | "VirtualDiskPartitionedRawDiskVer2BackingInfo" => VolumeSource::Block,
        other if other.contains("Flat") || other.contains("Sparse") || other.contains("PMem") => VolumeSource::File,
        _ => VolumeSource::Other,
    }
}

/// How many files a linked clone's or snapshot's disk is made of; nothing for a single one.
fn chain_length(disk: &Value) -> Option<u64> {
    let parents = std::iter::successors(disk.get("backing.parent"), |backing| backing.get("parent")).count();
    (parents > 0).then_some(parents as u64 + 1)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{all, held, id, of};
    use crate::model::volume::VolumeSource;
    use crate::model::{Kind, Volume};
    use vsphere::{MoRef, Object};

    fn disk(key: i32, controller: i32, unit: i32, backing: Object) -> Object {
        let info = Object::untyped().with("label", "Hard disk 1");
        Object::new("VirtualDisk")
            .with("key", key)
            .with("deviceInfo", info)
            .with("backing", backing)
            .with("controllerKey", controller)
            .with("unitNumber", unit)
            .with("capacityInKB", "1048576")
    }

    fn flat(file: &str) -> Object {
        Object::new("VirtualDiskFlatVer2BackingInfo")
            .with("fileName", file)
            .with("datastore", MoRef::new("Datastore", "datastore-15"))
            .with("thinProvisioned", "true")
            .with("uuid", "6000C299-2f0b")
    }

    fn volumes(devices: Vec<Object>) -> Vec<Volume> {
        let vm = of("VirtualMachine", "vm-1").text("name", "vm").values("config.hardware.device", devices);
        all(&held([vm]), "vm-1")
    }

    #[test]
    fn a_disk_is_named_placed_and_measured() {
        let controller = Object::new("ParaVirtualSCSIController").with("key", 1000).with("busNumber", 0);
        let volumes = volumes(vec![disk(2001, 1000, 1, flat("[san 1] web 1/web_1.vmdk")), controller]);
        let [volume] = &volumes[..] else { panic!("one disk") };
        assert_eq!(volume.name, "web_1.vmdk");
        assert_eq!(volume.capacity_bytes, Some(1 << 30));
        assert_eq!((volume.thin, volume.source, volume.shareable), (Some(true), VolumeSource::File, false));
        assert_eq!(volume.datastore_id, Some(id(Kind::Datastore, "datastore-15")));
        assert_eq!(volume.location.as_deref(), Some("[san 1] web 1/web_1.vmdk"));
        assert_eq!(volume.attachments[0].vm_id, id(Kind::Vm, "vm-1"));
        assert_eq!(volume.native["uuid"], "6000C299-2f0b");
    }

    #[test]
    fn controllers_give_bus_and_device() {
        let check = |controller: &str, bus: Option<&str>, device: &str| {
            let controller = Object::new(controller).with("key", 7).with("busNumber", 2);
            let volumes = volumes(vec![controller, disk(2000, 7, 3, flat("[a] b"))]);
            let attachment = &volumes[0].attachments[0];
            assert_eq!((attachment.bus.as_deref(), attachment.device.as_str()), (bus, device));
        };
        check("ParaVirtualSCSIController", Some("scsi"), "scsi2:3");
        check("VirtualLsiLogicSASController", Some("scsi"), "scsi2:3");
        check("VirtualBusLogicController", Some("scsi"), "scsi2:3");
        check("VirtualAHCIController", Some("sata"), "sata2:3");
        check("VirtualNVMEController", Some("nvme"), "nvme2:3");
        check("VirtualIDEController", Some("ide"), "ide2:3");
        check("VirtualUSBController", None, "device-2000");
    }

    #[test]
    fn raw_devices_and_shared_disks() {
        let rdm = |mode: &str| {
            Object::new("VirtualDiskRawDiskMappingVer1BackingInfo")
                .with("fileName", "[san] vm/vm_2.vmdk")
                .with("compatibilityMode", mode)
                .with("lunUuid", "0200")
        };
        let multi_writer = flat("[san] q/quorum.vmdk").with("sharing", "sharingMultiWriter");
        let bus = Object::new("VirtualLsiLogicSASController")
            .with("key", 1001)
            .with("busNumber", 1)
            .with("sharedBus", "physicalSharing");
        let volumes = volumes(vec![
            disk(2000, 1, 0, rdm("physicalMode")),
            disk(2001, 1, 1, rdm("virtualMode")),
            disk(2002, 1, 2, multi_writer),
            disk(2003, 1001, 0, flat("[san] c/c.vmdk")),
            bus,
        ]);
        let seen: Vec<_> = volumes.iter().map(|volume| (volume.source, volume.shareable)).collect();
        let expected = [
            (VolumeSource::RdmPhysical, false),
            (VolumeSource::RdmVirtual, false),
            (VolumeSource::File, true),
            (VolumeSource::File, true),
        ];
        assert_eq!(seen, expected);
        assert_eq!(volumes[0].native["lunUuid"], "0200");
    }

    #[test]
    fn a_chain_of_linked_clones_names_its_parent() {
        let base = flat("[san] base/base.vmdk");
        let middle = flat("[san] a/a-000001.vmdk").with("parent", base);
        let volumes = volumes(vec![disk(2000, 1000, 0, flat("[san] b/b-000001.vmdk").with("parent", middle))]);
        assert_eq!(volumes[0].backing_location.as_deref(), Some("[san] a/a-000001.vmdk"));
        assert_eq!(volumes[0].native["chainLength"], 3);
    }
}
