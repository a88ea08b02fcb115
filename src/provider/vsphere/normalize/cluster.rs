//! Clusters, and the shells of hosts outside any cluster.

use vsphere::ObjectState;

use super::native::Detail;
use super::{Reason, Scope, flag_at, name, number_at};
use crate::model::Cluster;

const MIB: u64 = 1024 * 1024;

/// A compute resource.
pub(super) fn cluster(object: &ObjectState, scope: Scope<'_>) -> Result<Cluster, Reason> {
    let key = object.object().id();
    let name = name(object)?;
    let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    Ok(Cluster {
        zone_id: scope.zone_id(key),
        standalone: object.object().is("ComputeResource"),
        host_count: narrow(object.all("host").count() as u64),
        cpu_core_count: number_at(object, "summary.numCpuCores").map(narrow),
        cpu_capacity_mhz: number_at(object, "summary.totalCpu"),
        memory_mib: number_at(object, "summary.totalMemory").map(|bytes| bytes / MIB),
        ha_enabled: flag_at(object, "configuration.dasConfig.enabled"),
        drs_enabled: flag_at(object, "configuration.drsConfig.enabled"),
        tag_ids: scope.tag_ids(key),
        native: Detail::of(object, &name).done(),
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{held, id, of, one};
    use crate::model::{Cluster, Kind};

    #[test]
    fn clusters_and_standalone_hosts_are_told_apart() {
        let state = held([
            of("Datacenter", "datacenter-2").text("name", "DC"),
            of("ClusterComputeResource", "domain-c7")
                .text("name", "prod")
                .reference("parent", "Datacenter", "datacenter-2")
                .references("host", "HostSystem", &["host-1", "host-2"])
                .text("summary.numCpuCores", "64")
                .text("summary.totalCpu", "128000")
                .text("summary.totalMemory", "1099511627776")
                .text("configuration.dasConfig.enabled", "true")
                .text("configuration.drsConfig.enabled", "false"),
            of("ComputeResource", "domain-s9").text("name", "esx-9").references("host", "HostSystem", &["host-9"]),
        ]);
        let cluster: Cluster = one(&state, "domain-c7");
        assert_eq!((cluster.host_count, cluster.cpu_core_count, cluster.memory_mib), (2, Some(64), Some(1 << 20)));
        assert_eq!((cluster.standalone, cluster.ha_enabled, cluster.drs_enabled), (false, Some(true), Some(false)));
        assert_eq!(cluster.zone_id, Some(id(Kind::Zone, "datacenter-2")));
        let shell: Cluster = one(&state, "domain-s9");
        assert_eq!((shell.standalone, shell.host_count, shell.ha_enabled), (true, 1, None));
        assert_eq!((shell.cpu_core_count, shell.memory_mib), (None, None));
    }
}
