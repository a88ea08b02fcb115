//! Resource pools and vApps.

use vsphere::{ObjectState, Value};

use super::native::Detail;
use super::{Reason, Scope, name, number_at};
use crate::model::{Kind, ResourcePool};

/// A resource pool or vApp.
pub(super) fn resource_pool(object: &ObjectState, scope: Scope<'_>) -> Result<ResourcePool, Reason> {
    let key = object.object().id();
    let name = name(object)?;
    let parent = object.moref("parent").filter(|parent| parent.is("ResourcePool") || parent.is("VirtualApp"));
    let owner = object.moref("owner").map(|owner| scope.id(Kind::Cluster, owner.id()));
    let zone_id = scope.zone_id(key).or_else(|| {
        let owner = object.moref("owner")?;
        scope.zone_id(owner.id())
    });
    let native = Detail::of(object, &name)
        .with_value("cpuShares", object.get("config.cpuAllocation.shares.level"))
        .with_value("memoryShares", object.get("config.memoryAllocation.shares.level"))
        .with_value("cpuExpandableReservation", object.get("config.cpuAllocation.expandableReservation"))
        .with_value("memoryExpandableReservation", object.get("config.memoryAllocation.expandableReservation"))
        .with("parentFolder", object.moref("parentFolder").map(vsphere::MoRef::id))
        .with_value("annotation", object.get("vAppConfig.annotation"));
    Ok(ResourcePool {
        zone_id,
        cluster_id: owner.or_else(|| scope.cluster_id(key)),
        parent_id: parent.map(|parent| scope.id(Kind::ResourcePool, parent.id())),
        vapp: object.object().is("VirtualApp"),
        cpu_reservation_mhz: number_at(object, "config.cpuAllocation.reservation"),
        cpu_limit_mhz: limit(object.get("config.cpuAllocation.limit")),
        memory_reservation_mib: number_at(object, "config.memoryAllocation.reservation"),
        memory_limit_mib: limit(object.get("config.memoryAllocation.limit")),
        tag_ids: scope.tag_ids(key),
        native: native.done(),
        name,
    })
}

/// −1 says that there is none.
fn limit(value: Option<&Value>) -> Option<u64> {
    value.and_then(Value::as_u64)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{held, id, of, one};
    use crate::model::{Kind, ResourcePool};
    use vsphere::Object;

    #[test]
    fn pools_and_vapps_nest() {
        let allocation = |limit: &str| Object::untyped().with("reservation", "1000").with("limit", limit);
        let state = held([
            of("Datacenter", "datacenter-2").text("name", "DC"),
            of("ClusterComputeResource", "domain-c7").text("name", "C").reference(
                "parent",
                "Datacenter",
                "datacenter-2",
            ),
            of("ResourcePool", "resgroup-8")
                .text("name", "Resources")
                .reference("parent", "ClusterComputeResource", "domain-c7")
                .reference("owner", "ClusterComputeResource", "domain-c7"),
            of("VirtualApp", "resgroup-v10")
                .text("name", "shop")
                .reference("parent", "ResourcePool", "resgroup-8")
                .reference("owner", "ClusterComputeResource", "domain-c7")
                .value("config.cpuAllocation", allocation("-1"))
                .value("config.memoryAllocation", allocation("4096")),
        ]);
        let root: ResourcePool = one(&state, "resgroup-8");
        assert_eq!((root.parent_id, root.vapp), (None, false));
        let vapp: ResourcePool = one(&state, "resgroup-v10");
        assert!(vapp.vapp);
        assert_eq!(vapp.parent_id, Some(id(Kind::ResourcePool, "resgroup-8")));
        assert_eq!(vapp.cluster_id, Some(id(Kind::Cluster, "domain-c7")));
        assert_eq!(vapp.zone_id, Some(id(Kind::Zone, "datacenter-2")));
        assert_eq!(
            (vapp.cpu_reservation_mhz, vapp.cpu_limit_mhz, vapp.memory_limit_mib),
            (Some(1000), None, Some(4096))
        );
    }
}
