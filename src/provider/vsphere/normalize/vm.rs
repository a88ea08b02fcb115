//! Virtual machines, with their disks, network cards and snapshots.

use vsphere::{ObjectState, Value};

use super::native::Detail;
use super::{Reason, Scope, device, flag_at, folder, image, name, nic, number_at, snapshot, sorted, text_at, volume};
use crate::model::vm::{GuestAgent, PowerState, VmCondition};
use crate::model::{Kind, Nic, NicId, Vm, VmId, Volume, VolumeId, ZoneId};
use crate::provider::Observed;

/// What hangs on a machine.
struct Parts {
    volumes: Vec<(String, Volume)>,
    nics: Vec<(String, Nic)>,
    snapshots: Vec<Observed>,
}

/// A machine or template with all that hangs on it, itself first. What hangs on a template names it where it would name a
/// machine: to vSphere it is one.
pub(super) fn group(object: &ObjectState, scope: Scope<'_>) -> Result<Vec<Observed>, Reason> {
    let key = object.object().id();
    let is_template = is_template(object);
    let vm_id: VmId = scope.id(if is_template { Kind::Image } else { Kind::Vm }, key);
    let snapshots = snapshot::snapshots(object, vm_id, scope);
    let parts = Parts {
        volumes: volumes(object, vm_id, scope),
        nics: nics(object, vm_id, scope),
        snapshots: snapshots.into_iter().map(|(key, s)| scope.observed(Kind::Snapshot, key, s)).collect(),
    };
    let mut members = vec![match is_template {
        true => scope.observed(Kind::Image, key, image::template(object, scope)?),
        false => scope.observed(Kind::Vm, key, vm(object, &parts, scope)?),
    }];
    members.extend(parts.volumes.into_iter().map(|(key, volume)| scope.observed(Kind::Volume, key, volume)));
    members.extend(parts.nics.into_iter().map(|(key, nic)| scope.observed(Kind::Nic, key, nic)));
    members.extend(parts.snapshots);
    Ok(members)
}

/// What of a machine cannot be read: that it has none of these is not known.
pub(super) fn unread(object: &ObjectState) -> Vec<Kind> {
    let mut kinds = Vec::new();
    if !has_devices(object) {
        kinds.extend([Kind::Volume, Kind::Nic]);
    }
    if !has_snapshots(object) {
        kinds.push(Kind::Snapshot);
    }
    kinds
}

/// Whether its devices are known.
fn has_devices(object: &ObjectState) -> bool {
    object.get("config.hardware.device").is_some_and(|devices| devices.as_array().is_some())
}

/// Whether its snapshots are known. A machine without any has no such property, as one whose configuration cannot be read;
/// one that has the property has at least one snapshot.
fn has_snapshots(object: &ObjectState) -> bool {
    if object.get("snapshot").is_some_and(|snapshot| !snapshot.is_unset()) {
        return object.all("snapshot.rootSnapshotList").next().is_some();
    }
    let is_denied = object.missing().iter().any(|missing| missing.path.starts_with("snapshot"));
    !is_denied && object.get("config.hardware.numCPU").is_some()
}

/// Of one whose configuration cannot be read, vCenter remembers whether it is a template.
fn is_template(object: &ObjectState) -> bool {
    ["config.template", "summary.config.template"].iter().find_map(|path| flag_at(object, path)).unwrap_or(false)
}

fn volumes(object: &ObjectState, vm_id: VmId, scope: Scope<'_>) -> Vec<(String, Volume)> {
    let zone_id = zone_id(object, scope);
    let disks = device::devices(object).into_iter().filter(|(_, device)| device.is("VirtualDisk"));
    let key = |device: i64| format!("{}/{device}", object.object().id());
    disks.map(|(device, disk)| (key(device), volume::volume(disk, object, vm_id, zone_id, scope))).collect()
}

fn nics(object: &ObjectState, vm_id: VmId, scope: Scope<'_>) -> Vec<(String, Nic)> {
    let cards = device::devices(object).into_iter().filter(|(_, device)| nic::is_card(device));
    let key = |device: i64| format!("{}/{device}", object.object().id());
    cards.map(|(device, card)| (key(device), nic::nic(card, device, object, vm_id, scope))).collect()
}

/// The zone that a machine is in: through its folder, or as a vApp has no folder, its pool or host.
fn zone_id(object: &ObjectState, scope: Scope<'_>) -> Option<ZoneId> {
    let beside = |path: &str| scope.zone_id(object.moref(path)?.id());
    scope.zone_id(object.object().id()).or_else(|| beside("resourcePool")).or_else(|| beside("runtime.host"))
}

fn vm(object: &ObjectState, parts: &Parts, scope: Scope<'_>) -> Result<Vm, Reason> {
    let key = object.object().id();
    let name = name(object)?;
    let host = object.moref("runtime.host");
    let pool = object.moref("resourcePool");
    let folder = object.moref("parent").filter(|parent| parent.is("Folder"));
    let cluster_id =
        host.and_then(|host| scope.cluster_id(host.id())).or_else(|| pool.and_then(|pool| scope.cluster_id(pool.id())));
    let used = number_at(object, "summary.storage.committed");
    let promised = used.map(|used| used.saturating_add(number_at(object, "summary.storage.uncommitted").unwrap_or(0)));
    let sizes = parts.volumes.iter().filter_map(|(_, volume)| volume.capacity_bytes);
    // Of a machine whose configuration cannot be read, what vCenter remembers of it; nothing else is made up.
    let first = |paths: [&str; 2]| paths.iter().find_map(|path| text_at(object, path)).map(|uuid| uuid.to_lowercase());
    let count = |path: &str| object.get(path).and_then(Value::as_u32);
    let memory = |path: &str| number_at(object, path).filter(|mib| *mib > 0);
    let is_remembered = count("summary.config.numCpu").is_some_and(|cpus| cpus > 0);
    let remembered = |path: &str| count(path).filter(|_| is_remembered);
    let has_devices = has_devices(object);
    let has_snapshots = has_snapshots(object);
    Ok(Vm {
        power_state: present_power_state(object, condition(object)),
        power_reason: None,
        condition: condition(object),
        question: text_at(object, "runtime.question.text"),
        description: text_at(object, "config.annotation"),
        zone_id: zone_id(object, scope),
        cluster_id,
        host_id: host.map(|host| scope.id(Kind::Host, host.id())),
        resource_pool_id: pool.map(|pool| scope.id(Kind::ResourcePool, pool.id())),
        folder_id: scope.folder_id(folder),
        folder_path: folder.map(|folder| folder::path(folder.id(), scope)).filter(|path| !path.is_empty()),
        vcpu_count: count("config.hardware.numCPU").or(count("summary.config.numCpu")).filter(|cpus| *cpus > 0),
        cores_per_socket: count("config.hardware.numCoresPerSocket").filter(|cores| *cores > 0),
        memory_mib: memory("config.hardware.memoryMB").or(memory("summary.config.memorySizeMB")),
        memory_max_mib: memory_max(object),
        firmware: text_at(object, "config.firmware"),
        guest_os: ["guest.guestFullName", "config.guestFullName", "config.guestId"]
            .iter()
            .find_map(|path| text_at(object, path)),
        guest_hostname: text_at(object, "guest.hostName"),
        guest_agent: guest_agent(object),
        ip_addresses: ip_addresses(object),
        mac_addresses: parts.nics.iter().filter_map(|(_, nic)| nic.mac_address.clone()).collect(),
        uuid: first(["config.instanceUuid", "summary.config.instanceUuid"]),
        bios_uuid: first(["config.uuid", "summary.config.uuid"]),
        persistent: true,
        autostart: None,
        created_at: object.get("config.createDate").and_then(Value::as_time).filter(|time| time.timestamp() > 0),
        booted_at: object.get("runtime.bootTime").and_then(Value::as_time),
        volume_count: has_devices.then(|| length(&parts.volumes)).or(remembered("summary.config.numVirtualDisks")),
        nic_count: has_devices.then(|| length(&parts.nics)).or(remembered("summary.config.numEthernetCards")),
        snapshot_count: has_snapshots.then(|| length(&parts.snapshots)),
        storage_provisioned_bytes: promised.or_else(|| has_devices.then(|| sizes.fold(0, u64::saturating_add))),
        storage_used_bytes: used,
        datastore_ids: sorted(object.all("datastore")).iter().map(|d| scope.id(Kind::Datastore, d.id())).collect(),
        network_ids: sorted(object.all("network")).iter().map(|n| scope.id(Kind::Network, n.id())).collect(),
        volume_ids: parts.volumes.iter().map(|(key, _)| scope.id::<VolumeId>(Kind::Volume, key)).collect(),
        nic_ids: parts.nics.iter().map(|(key, _)| scope.id::<NicId>(Kind::Nic, key)).collect(),
        storage_policy_id: scope.home_policy_id(key),
        tag_ids: scope.tag_ids(key),
        attributes: scope.attributes(object),
        native: native(object, &name),
        name,
    })
}

fn length<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}

/// Whether a machine runs now. vCenter goes on telling the last state of a machine whose host it does not reach, or no
/// longer knows it: that is no knowledge of the present. What it tells is kept under `native`.
fn present_power_state(object: &ObjectState, condition: VmCondition) -> PowerState {
    match condition {
        VmCondition::Disconnected | VmCondition::Orphaned => PowerState::Unknown,
        VmCondition::Ok | VmCondition::Inaccessible | VmCondition::Invalid => {
            power_state(object.str("runtime.powerState"))
        }
    }
}

/// vSphere's power states.
pub(super) fn power_state(state: Option<&str>) -> PowerState {
    match state {
        Some("poweredOn") => PowerState::Running,
        Some("poweredOff") => PowerState::Stopped,
        Some("suspended") => PowerState::Suspended,
        _ => PowerState::Unknown,
    }
}

fn condition(object: &ObjectState) -> VmCondition {
    match object.str("runtime.connectionState") {
        Some("disconnected") => VmCondition::Disconnected,
        Some("orphaned") => VmCondition::Orphaned,
        Some("inaccessible") => VmCondition::Inaccessible,
        Some("invalid") => VmCondition::Invalid,
        _ => VmCondition::Ok,
    }
}

fn guest_agent(object: &ObjectState) -> GuestAgent {
    let version = object.str("guest.toolsVersionStatus2");
    match object.str("guest.toolsRunningStatus") {
        Some("guestToolsRunning" | "guestToolsExecutingScripts") => GuestAgent::Running,
        Some(_) if version == Some("guestToolsNotInstalled") => GuestAgent::NotInstalled,
        Some("guestToolsNotRunning") => GuestAgent::NotRunning,
        _ => GuestAgent::Unknown,
    }
}

/// The limit of memory that can be added while running, where that is switched on.
fn memory_max(object: &ObjectState) -> Option<u64> {
    let now = number_at(object, "config.hardware.memoryMB")?;
    let limit = number_at(object, "config.hotPlugMemoryLimit")?;
    (flag_at(object, "config.memoryHotAddEnabled").unwrap_or(false) && limit > now).then_some(limit)
}

/// The primary address first, then those of the cards in their order.
fn ip_addresses(object: &ObjectState) -> Vec<String> {
    let of_cards = object.all("guest.net").flat_map(|net| net.all("ipAddress"));
    let mut addresses: Vec<String> = Vec::new();
    for address in object.get("guest.ipAddress").into_iter().chain(of_cards).filter_map(Value::as_str) {
        if !address.is_empty() && !addresses.iter().any(|known| known == address) {
            addresses.push(address.to_owned());
        }
    }
    addresses
}

fn native(object: &ObjectState, name: &str) -> crate::model::Native {
    let unreadable: Vec<String> = object.missing().iter().map(|missing| missing.path.to_string()).take(16).collect();
    Detail::of(object, name)
        .with_paths(
            object,
            &[
                "config.guestId",
                "config.version",
                "config.files.vmPathName",
                "config.cpuHotAddEnabled",
                "config.memoryHotAddEnabled",
                "config.changeTrackingEnabled",
                "runtime.consolidationNeeded",
                "runtime.faultToleranceState",
                "guest.toolsVersion",
                "guest.toolsVersionStatus2",
            ],
        )
        .with("parentVApp", object.moref("parentVApp").map(vsphere::MoRef::id))
        .with_value("managedBy", object.get("config.managedBy.extensionKey"))
        .with_value("powerState", object.get("runtime.powerState"))
        .with_value("questionId", object.get("runtime.question.id"))
        .with("unreadable", (!unreadable.is_empty()).then_some(unreadable))
        .done()
}

#[cfg(test)]
#[path = "vm_tests.rs"]
mod tests;
