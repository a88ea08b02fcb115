//! Virtual controllers, and where on them a device is.

use vsphere::{ObjectState, Value};

/// Where a disk is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// `scsi`, `sata`, `nvme`, `ide`; absent when its controller is not known.
    pub(super) bus: Option<&'static str>,
    /// `scsi0:1`.
    pub(super) device: String,
    /// Whether other machines may use the disks of that controller too.
    pub(super) shared: bool,
}

/// Where a device of a machine is.
pub(super) fn place(vm: &ObjectState, device: &Value) -> Place {
    let key = |path: &str| device.get(path).and_then(Value::as_i64);
    let controller = key("controllerKey").and_then(|wanted| {
        vm.all("config.hardware.device").find(|other| other.get("key").and_then(Value::as_i64) == Some(wanted))
    });
    let bus = controller.and_then(Value::type_name).and_then(bus);
    let number = controller.and_then(|controller| controller.get("busNumber")).and_then(Value::as_i64);
    let device = match (bus, number, key("unitNumber")) {
        (Some(bus), Some(number), Some(unit)) => format!("{bus}{number}:{unit}"),
        _ => format!("device-{}", key("key").unwrap_or_default()),
    };
    let sharing = controller.and_then(|controller| controller.get("sharedBus")).and_then(Value::as_str);
    Place { bus, device, shared: matches!(sharing, Some("virtualSharing" | "physicalSharing")) }
}

fn bus(controller: &str) -> Option<&'static str> {
    Some(match controller {
        "VirtualAHCIController" => "sata",
        "VirtualNVMEController" => "nvme",
        "VirtualIDEController" => "ide",
        "ParaVirtualSCSIController" => "scsi",
        other if other.contains("LsiLogic") || other.contains("BusLogic") || other.contains("SCSI") => "scsi",
        other if other.contains("SATA") => "sata",
        _ => return None,
    })
}

/// A machine's devices in the order of their keys.
pub(super) fn devices(vm: &ObjectState) -> Vec<(i64, &Value)> {
    let keyed = |device: &'_ Value| device.get("key").and_then(Value::as_i64);
    let mut devices: Vec<_> = vm.all("config.hardware.device").filter_map(|d| Some((keyed(d)?, d))).collect();
    devices.sort_by_key(|(key, _)| *key);
    devices
}
