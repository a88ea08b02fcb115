//! A libvirt host, and its part of the provider's one zone and one cluster.

use super::super::facts::{HostFacts, telling};
use super::{NativeMap, Place, mib};
use crate::model::host::HostState;
use crate::model::{Cluster, Host, Native, Zone};

/// The host.
pub(in super::super) fn host(place: &Place, facts: &HostFacts) -> Host {
    let sysinfo = facts.sysinfo.as_ref();
    let capabilities = facts.capabilities.as_ref();
    let maker = [sysinfo.and_then(|s| s.manufacturer.as_deref()), sysinfo.and_then(|s| s.product.as_deref())];
    let hardware_model = maker.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let hardware_uuid = sysinfo.and_then(|sysinfo| sysinfo.uuid).and_then(telling).or(facts.uuid);
    let product = product(&facts.driver);
    let hypervisor = match &facts.hypervisor_version {
        Some(version) => format!("{product} {version}"),
        None => product,
    };
    Host {
        state: HostState::Connected,
        name: facts.hostname.clone(),
        zone_id: Some(place.zone_id()),
        cluster_id: Some(place.cluster_id()),
        maintenance: None,
        hardware_model: (!hardware_model.is_empty()).then_some(hardware_model),
        hardware_uuid: hardware_uuid.map(|uuid| uuid.to_string()),
        also_known_as: Vec::new(),
        cpu_model: sysinfo
            .and_then(|sysinfo| sysinfo.processor.clone())
            .or_else(|| capabilities.and_then(|capabilities| capabilities.cpu_model.clone())),
        cpu_socket_count: Some(facts.socket_count),
        cpu_core_count: Some(facts.core_count),
        cpu_thread_count: Some(facts.thread_count),
        cpu_mhz: (facts.cpu_mhz > 0).then_some(facts.cpu_mhz.into()),
        memory_mib: Some(mib(facts.memory_bytes)),
        hypervisor: Some(hypervisor),
        addresses: facts.address.iter().cloned().collect(),
        booted_at: None,
        tag_ids: Vec::new(),
        native: native(facts),
    }
}

fn native(facts: &HostFacts) -> Native {
    let mut map = NativeMap::default()
        .put("driver", &facts.driver)
        .put("libvirt_version", &facts.libvirt_version)
        .put("uuid", facts.uuid);
    if let Some(capabilities) = &facts.capabilities {
        map = map
            .put("arch", &capabilities.arch)
            .put("cpu_model", &capabilities.cpu_model)
            .put("cpu_vendor", &capabilities.cpu_vendor)
            .put("numa_node_count", capabilities.numa_node_count)
            .put("kvm", capabilities.has_kvm())
            .put("iommu", capabilities.iommu)
            .put("live_migration", capabilities.migration_live)
            .put("security_models", &capabilities.security_models)
            .put("guest_architectures", capabilities.guests.iter().map(|guest| &guest.arch).collect::<Vec<_>>());
    }
    if let Some(sysinfo) = &facts.sysinfo {
        map = map
            .put("serial", &sysinfo.serial)
            .put("bios_version", &sysinfo.bios_version)
            .put("bios_date", &sysinfo.bios_date);
    }
    map.done()
}

/// libvirt shouts the names of its drivers; QEMU's own name is written that way.
pub(in super::super) fn product(driver: &str) -> String {
    match driver {
        "QEMU" => driver.to_owned(),
        "TEST" => "Test".to_owned(),
        other => other.to_owned(),
    }
}

/// The provider's zone.
pub(in super::super) fn zone(place: &Place) -> Zone {
    Zone { name: place.provider_name.clone(), ..Zone::default() }
}

/// The provider's cluster, with this host's part of it; `sync` sums the hosts.
pub(in super::super) fn cluster(place: &Place, facts: &HostFacts) -> Cluster {
    let share = serde_json::json!({
        place.host_id().to_string(): { "cpu_core_count": facts.core_count, "memory_mib": mib(facts.memory_bytes) }
    });
    Cluster {
        name: place.provider_name.clone(),
        zone_id: Some(place.zone_id()),
        standalone: false,
        host_count: 1,
        cpu_core_count: Some(facts.core_count),
        cpu_capacity_mhz: None,
        memory_mib: Some(mib(facts.memory_bytes)),
        ha_enabled: None,
        drs_enabled: None,
        tag_ids: Vec::new(),
        native: Native::from_iter([("hosts".to_owned(), share)]),
    }
}
