//! A domain as a VM.

use std::collections::BTreeSet;

use kvm::xml::{Disk, DomainXml};

use super::super::facts::DomainFacts;
use super::volume::{DiskSize, is_volume, location};
use super::{NativeMap, Place, metadata, mib, power_state, reason_word};
use crate::model::vm::{GuestAgent, VmCondition};
use crate::model::{DatastoreId, Native, Nic, NicId, Vm, VolumeId};

/// A virtual disk of the domain, and which volume it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) struct VmDisk {
    pub(in super::super) volume_id: VolumeId,
    pub(in super::super) datastore_id: Option<DatastoreId>,
    pub(in super::super) size: DiskSize,
}

/// The VM with what hangs on it: its disks, and its interfaces in the order of their devices.
pub(in super::super) fn vm(
    place: &Place,
    facts: &DomainFacts,
    disks: &[VmDisk],
    nics: &[(NicId, &Nic)],
    guest_hostname: Option<String>,
) -> Vm {
    let definition = &facts.definition;
    let managed_save = facts.managed_save == Some(true);
    let attributes = metadata::attributes(definition);
    let memory_bytes = definition.memory_current_bytes.or(definition.memory_bytes);
    let memory_most =
        definition.memory_max_bytes.max(definition.memory_bytes).filter(|most| Some(*most) > memory_bytes);
    let datastore_ids: BTreeSet<DatastoreId> = disks.iter().filter_map(|disk| disk.datastore_id).collect();
    let ips: BTreeSet<&String> = nics.iter().flat_map(|(_, nic)| &nic.ip_addresses).collect();
    let allocated: Option<Vec<u64>> = disks.iter().map(|disk| disk.size.allocated_bytes).collect();
    let network_ids: BTreeSet<_> = nics.iter().filter_map(|(_, nic)| nic.network_id).collect();
    Vm {
        power_state: power_state(facts.state, managed_save),
        name: definition.name.clone(),
        power_reason: power_reason(facts),
        condition: VmCondition::Ok,
        question: None,
        description: definition.description.clone(),
        zone_id: Some(place.zone_id()),
        cluster_id: Some(place.cluster_id()),
        host_id: Some(place.host_id()),
        resource_pool_id: None,
        folder_id: None,
        folder_path: None,
        // One is libvirt's own default.
        vcpu_count: Some(definition.vcpu_current_count.unwrap_or(1)),
        cores_per_socket: definition
            .cpu
            .cores
            .map(|cores| cores.saturating_mul(definition.cpu.dies.unwrap_or(1).max(1))),
        memory_mib: memory_bytes.map(mib),
        memory_max_mib: memory_most.map(mib),
        firmware: firmware(definition),
        guest_os: guest_os(definition),
        guest_hostname,
        guest_agent: guest_agent(facts),
        ip_addresses: ips.into_iter().cloned().collect(),
        mac_addresses: nics.iter().filter_map(|(_, nic)| nic.mac_address.clone()).collect(),
        uuid: Some(definition.uuid.to_string()),
        bios_uuid: Some(definition.uuid.to_string()),
        persistent: facts.persistent,
        autostart: facts.autostart,
        created_at: metadata::created_at(&attributes),
        booted_at: None,
        volume_count: Some(count(disks.len())),
        nic_count: Some(count(nics.len())),
        snapshot_count: facts.snapshots.as_ref().map(|snapshots| count(snapshots.len())),
        storage_provisioned_bytes: Some(
            disks.iter().filter_map(|disk| disk.size.capacity_bytes).fold(0, u64::saturating_add),
        ),
        storage_used_bytes: allocated
            .filter(|sizes| !sizes.is_empty())
            .map(|sizes| sizes.into_iter().fold(0, u64::saturating_add)),
        datastore_ids: datastore_ids.into_iter().collect(),
        network_ids: network_ids.into_iter().collect(),
        volume_ids: disks.iter().map(|disk| disk.volume_id).collect(),
        nic_ids: nics.iter().map(|(id, _)| *id).collect(),
        storage_policy_id: None,
        tag_ids: Vec::new(),
        attributes,
        native: native(facts),
    }
}

fn count(items: usize) -> u32 {
    u32::try_from(items).unwrap_or(u32::MAX)
}

/// Why it is in its state; for the states that ours do not tell apart, libvirt's state.
fn power_reason(facts: &DomainFacts) -> Option<String> {
    match facts.state {
        kvm::DomainState::PmSuspended => Some("pm_suspended".to_owned()),
        kvm::DomainState::ShuttingDown => Some("shutting_down".to_owned()),
        kvm::DomainState::Blocked => Some("blocked".to_owned()),
        _ => reason_word(facts.reason),
    }
}

/// What is not UEFI boots a BIOS on a PC; other architectures have firmware of their own kind.
fn firmware(definition: &DomainXml) -> Option<String> {
    let pc = matches!(definition.os_arch.as_deref(), Some("x86_64" | "i686"));
    let virtual_machine = definition.os_type.as_deref() == Some("hvm");
    match definition.firmware.efi {
        true => Some("efi".to_owned()),
        false if pc && virtual_machine => Some("bios".to_owned()),
        false => None,
    }
}

/// libosinfo's name of the operating system; else libvirt's, unless it is `hvm`, which says that it can be any.
fn guest_os(definition: &DomainXml) -> Option<String> {
    definition.os_info_id.clone().or_else(|| definition.os_type.clone().filter(|kind| kind != "hvm"))
}

fn guest_agent(facts: &DomainFacts) -> GuestAgent {
    match facts.definition.guest_agent_channel() {
        None => GuestAgent::NotInstalled,
        Some(_) if !facts.is_active() => GuestAgent::Unknown,
        Some(channel) => match channel.state.as_deref() {
            Some("connected") => GuestAgent::Running,
            Some(_) => GuestAgent::NotRunning,
            None => GuestAgent::Unknown,
        },
    }
}

fn native(facts: &DomainFacts) -> Native {
    let definition = &facts.definition;
    NativeMap::default()
        .put("type", &definition.kind)
        .put("id", definition.id)
        .put("state", facts.state)
        .put("state_reason", facts.reason)
        .put("managed_save", facts.managed_save)
        .put("arch", &definition.os_arch)
        .put("machine", &definition.os_machine)
        .put("emulator", &definition.emulator)
        .put("firmware", &definition.firmware)
        .put("kernel", &definition.kernel)
        .put("boot_devices", &definition.boot_devices)
        .put("vcpu_max_count", definition.vcpu_max_count)
        .put("vcpu_set", &definition.vcpu_set)
        .put("memory_bytes", definition.memory_bytes)
        .put("cpu", &definition.cpu)
        .put("features", &definition.features)
        .put("clock_offset", &definition.clock_offset)
        .put("on_poweroff", &definition.on_poweroff)
        .put("on_reboot", &definition.on_reboot)
        .put("on_crash", &definition.on_crash)
        .put("disks", definition.disks.iter().filter(|disk| is_volume(disk)).map(disk).collect::<Vec<_>>())
        .put("drives", definition.disks.iter().filter(|disk| !is_volume(disk)).map(disk).collect::<Vec<_>>())
        .put("graphics", &definition.graphics)
        .put("videos", &definition.videos)
        .put("channels", &definition.channels)
        .put("controllers", &definition.controllers)
        .put("host_devices", &definition.host_devices)
        .put("filesystems", &definition.filesystems)
        .put("memory_devices", &definition.memory_devices)
        .put("tpm", &definition.tpm)
        .put("watchdog", &definition.watchdog)
        .put("balloon_model", &definition.balloon_model)
        .put("launch_security", &definition.launch_security)
        .flag("hugepages", definition.hugepages)
        .flag("rng", definition.rng)
        .done()
}

/// A disk or drive as the domain has it; what it holds is a volume's or image's own affair.
fn disk(disk: &Disk) -> Native {
    NativeMap::default()
        .put("device", &disk.device)
        .put("target", &disk.target_dev)
        .put("bus", &disk.target_bus)
        .put("location", disk.source.as_ref().map(location))
        .put("format", &disk.driver_format)
        .put("cache", &disk.cache)
        .put("io", &disk.io)
        .put("discard", &disk.discard)
        .put("serial", &disk.serial)
        .put("boot_order", disk.boot_order)
        .put("mirror", disk.mirror.as_ref().map(location))
        .flag("readonly", disk.readonly)
        .flag("transient", disk.transient)
        .done()
}
