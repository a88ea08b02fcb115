//! ESXi hosts.

use vsphere::{ObjectState, Value};

use super::native::Detail;
use super::{Reason, Scope, flag_at, name, number_at, text_at};
use crate::model::Host;
use crate::model::host::HostState;

const MIB: u64 = 1024 * 1024;

/// A host.
pub(super) fn host(object: &ObjectState, scope: Scope<'_>) -> Result<Host, Reason> {
    let key = object.object().id();
    let name = name(object)?;
    let count = |path: &str| {
        object
            .get("summary.hardware")
            .and_then(|hardware| hardware.get(path))
            .and_then(Value::as_u32)
            .filter(|n| *n > 0)
    };
    let native = Detail::of(object, &name)
        .with_value("powerState", object.get("runtime.powerState"))
        .with_value("build", object.get("summary.config.product.build"))
        .with_value("numNics", object.get("summary.hardware.numNics"))
        .with_value("numHBAs", object.get("summary.hardware.numHBAs"));
    Ok(Host {
        state: match object.str("runtime.connectionState") {
            Some("connected") => HostState::Connected,
            Some("disconnected") => HostState::Disconnected,
            Some("notResponding") => HostState::NotResponding,
            _ => HostState::Unknown,
        },
        zone_id: scope.zone_id(key),
        cluster_id: scope.cluster_id(key),
        maintenance: flag_at(object, "runtime.inMaintenanceMode"),
        hardware_model: model(object),
        hardware_uuid: text_at(object, "summary.hardware.uuid").map(|uuid| uuid.to_lowercase()),
        also_known_as: Vec::new(),
        cpu_model: text_at(object, "summary.hardware.cpuModel").map(|model| single_spaced(&model)),
        cpu_socket_count: count("numCpuPkgs"),
        cpu_core_count: count("numCpuCores"),
        cpu_thread_count: count("numCpuThreads"),
        cpu_mhz: number_at(object, "summary.hardware.cpuMhz").filter(|mhz| *mhz > 0),
        memory_mib: number_at(object, "summary.hardware.memorySize")
            .filter(|bytes| *bytes > 0)
            .map(|bytes| bytes / MIB),
        hypervisor: hypervisor(object),
        addresses: addresses(object),
        booted_at: object.get("runtime.bootTime").and_then(Value::as_time),
        tag_ids: scope.tag_ids(key),
        native: native.done(),
        name,
    })
}

fn model(object: &ObjectState) -> Option<String> {
    let vendor = text_at(object, "summary.hardware.vendor");
    let model = text_at(object, "summary.hardware.model");
    let words: Vec<_> = [vendor, model].into_iter().flatten().map(|text| single_spaced(&text)).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// Firmware pads names with spaces.
fn single_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn hypervisor(object: &ObjectState) -> Option<String> {
    let product = text_at(object, "summary.config.product.name")?;
    Some(match text_at(object, "summary.config.product.version") {
        Some(version) => format!("{product} {version}"),
        None => product,
    })
}

/// The addresses of the interfaces that are selected for management.
fn addresses(object: &ObjectState) -> Vec<String> {
    let of_management = object
        .all("config.virtualNicManagerInfo.netConfig")
        .filter(|config| config.get("nicType").and_then(Value::as_str) == Some("management"));
    let mut addresses = Vec::new();
    for config in of_management {
        let selected: Vec<_> = config.all("selectedVnic").filter_map(Value::as_str).collect();
        for interface in config.all("candidateVnic") {
            let key = interface.get("key").and_then(Value::as_str);
            let address = interface.get("spec.ip.ipAddress").and_then(Value::as_str).unwrap_or_default();
            // A selection names an interface by its key, with a prefix of its own: `management.key-vim.host.VirtualNic-vmk0`.
            let is_selected = key.is_some_and(|key| selected.iter().any(|selected| selected.ends_with(key)));
            if is_selected && !address.is_empty() {
                addresses.push(address.to_owned());
            }
        }
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::super::testing::{held, id, of, one};
    use crate::model::host::HostState;
    use crate::model::{Host, Kind};
    use vsphere::Object;

    #[test]
    fn states_of_hosts() {
        let check = |connection: &str, maintenance: &str, state: HostState, in_maintenance: bool| {
            let held = held([of("HostSystem", "host-1")
                .text("name", "esx-1")
                .text("runtime.connectionState", connection)
                .text("runtime.inMaintenanceMode", maintenance)]);
            let host: Host = one(&held, "host-1");
            assert_eq!((host.state, host.maintenance), (state, Some(in_maintenance)), "{connection}");
        };
        check("connected", "false", HostState::Connected, false);
        check("connected", "true", HostState::Connected, true);
        check("disconnected", "false", HostState::Disconnected, false);
        check("notResponding", "false", HostState::NotResponding, false);
        check("somethingNew", "false", HostState::Unknown, false);
    }

    #[test]
    fn hardware_and_addresses_are_read() {
        let hardware = Object::new("HostHardwareSummary")
            .with("vendor", "Dell Inc.")
            .with("model", "PowerEdge  R740 ")
            .with("uuid", "4C4C4544-0044-4810-8031-B4C04F475331")
            .with("memorySize", "549755813888")
            .with("cpuModel", "Intel(R) Xeon(R) Gold 6254   CPU @ 3.10GHz")
            .with("cpuMhz", "3100")
            .with("numCpuPkgs", "2")
            .with("numCpuCores", "36")
            .with("numCpuThreads", "72");
        let interface = |key: &str, address: &str| {
            Object::new("HostVirtualNic")
                .with("key", key)
                .with("spec", Object::untyped().with("ip", Object::untyped().with("ipAddress", address)))
        };
        let management = Object::untyped()
            .with("nicType", "management")
            .with_each(
                "candidateVnic",
                [
                    interface("key-vim.host.VirtualNic-vmk0", "10.0.0.5"),
                    interface("key-vim.host.VirtualNic-vmk1", "10.1.0.5"),
                ],
            )
            .with("selectedVnic", "management.key-vim.host.VirtualNic-vmk0");
        let state = held([
            of("ClusterComputeResource", "domain-c7").text("name", "C"),
            of("HostSystem", "host-1")
                .text("name", "esx-1.example.org")
                .reference("parent", "ClusterComputeResource", "domain-c7")
                .value("summary.hardware", hardware)
                .value("summary.config.product", Object::untyped().with("name", "VMware ESXi").with("version", "8.0.3"))
                .values("config.virtualNicManagerInfo.netConfig", vec![management]),
        ]);
        let host: Host = one(&state, "host-1");
        assert_eq!(host.hardware_model.as_deref(), Some("Dell Inc. PowerEdge R740"));
        assert_eq!(host.hardware_uuid.as_deref(), Some("4c4c4544-0044-4810-8031-b4c04f475331"));
        assert_eq!(host.cpu_model.as_deref(), Some("Intel(R) Xeon(R) Gold 6254 CPU @ 3.10GHz"));
        assert_eq!((host.cpu_socket_count, host.cpu_core_count, host.cpu_thread_count), (Some(2), Some(36), Some(72)));
        assert_eq!((host.cpu_mhz, host.memory_mib), (Some(3100), Some(512 * 1024)));
        assert_eq!(host.hypervisor.as_deref(), Some("VMware ESXi 8.0.3"));
        assert_eq!(host.addresses, ["10.0.0.5"]);
        assert_eq!(host.cluster_id, Some(id(Kind::Cluster, "domain-c7")));
    }

    #[test]
    fn a_host_that_was_never_reached_has_no_invented_hardware() {
        let check = |host: super::super::testing::Sample| {
            let host: Host = one(&held([host]), "host-9");
            assert_eq!((host.cpu_socket_count, host.cpu_core_count, host.cpu_thread_count), (None, None, None));
            assert_eq!((host.cpu_mhz, host.memory_mib, host.cpu_model), (None, None, None));
            assert_eq!(host.state, HostState::Disconnected);
        };
        let host = || of("HostSystem", "host-9").text("name", "esx-9").text("runtime.connectionState", "disconnected");
        check(host());
        check(host().denied("summary.hardware"));
        // What vCenter fills in before it has ever talked to the host.
        let empty =
            Object::new("HostHardwareSummary").with("memorySize", "0").with("numCpuCores", "0").with("cpuMhz", "0");
        check(host().value("summary.hardware", empty));
    }
}
