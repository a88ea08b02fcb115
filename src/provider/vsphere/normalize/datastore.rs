//! Datastores and datastore clusters.

use vsphere::{ObjectState, Value};

use super::native::Detail;
use super::{Reason, Scope, flag_at, name, number_at, text_at};
use crate::model::datastore::{DatastoreState, HostAccess};
use crate::model::{Datastore, Kind};

/// A datastore.
pub(super) fn datastore(object: &ObjectState, scope: Scope<'_>) -> Result<Datastore, Reason> {
    let key = object.object().id();
    let name = name(object)?;
    let hosts = hosts(object, scope);
    let capacity = number_at(object, "summary.capacity");
    let free = number_at(object, "summary.freeSpace");
    let uncommitted = number_at(object, "summary.uncommitted").unwrap_or(0);
    let parent = object.moref("parent").filter(|parent| parent.is("StoragePod"));
    let native = Detail::of(object, &name).with_value("maintenanceMode", object.get("summary.maintenanceMode"));
    Ok(Datastore {
        state: state(object),
        zone_id: scope.zone_id(key),
        parent_id: parent.map(|pod| scope.id(Kind::Datastore, pod.id())),
        datastore_cluster: false,
        technology: text_at(object, "summary.type").unwrap_or_else(|| "unknown".to_owned()).to_lowercase(),
        shared: flag_at(object, "summary.multipleHostAccess").unwrap_or(false) || hosts.len() > 1,
        capacity_bytes: capacity,
        free_bytes: free,
        provisioned_bytes: capacity
            .zip(free)
            .map(|(capacity, free)| capacity.saturating_sub(free).saturating_add(uncommitted)),
        location: text_at(object, "summary.url"),
        hosts,
        tag_ids: scope.tag_ids(key),
        native: native.done(),
        name,
    })
}

/// A datastore cluster. Its members are datastores with it as parent.
pub(super) fn pod(object: &ObjectState, scope: Scope<'_>) -> Result<Datastore, Reason> {
    let key = object.object().id();
    let name = name(object)?;
    Ok(Datastore {
        state: DatastoreState::Accessible,
        zone_id: scope.zone_id(key),
        parent_id: None,
        datastore_cluster: true,
        technology: "storage_pod".to_owned(),
        shared: true,
        capacity_bytes: number_at(object, "summary.capacity"),
        free_bytes: number_at(object, "summary.freeSpace"),
        provisioned_bytes: None,
        location: None,
        hosts: Vec::new(),
        tag_ids: scope.tag_ids(key),
        native: Detail::of(object, &name).done(),
        name,
    })
}

fn state(object: &ObjectState) -> DatastoreState {
    match (flag_at(object, "summary.accessible"), object.str("summary.maintenanceMode")) {
        (Some(false), _) => DatastoreState::Inaccessible,
        (_, Some("inMaintenance" | "enteringMaintenance")) => DatastoreState::Maintenance,
        (Some(true), _) => DatastoreState::Accessible,
        (None, _) => DatastoreState::Unknown,
    }
}

fn hosts(object: &ObjectState, scope: Scope<'_>) -> Vec<HostAccess> {
    let access = |mount: &Value| {
        let host = mount.get("key")?.moref()?;
        let flag = |path: &str| mount.get(path).and_then(Value::as_bool);
        // Not told means yes, as in versions before the property.
        let accessible = flag("mountInfo.accessible").or_else(|| flag("mountInfo.mounted")).unwrap_or(true);
        let writable = mount.get("mountInfo.accessMode").and_then(Value::as_str).map(|mode| mode == "readWrite");
        Some((host.id().to_owned(), HostAccess { host_id: scope.id(Kind::Host, host.id()), accessible, writable }))
    };
    let mut hosts: Vec<_> = object.all("host").filter_map(access).collect();
    hosts.sort_by(|(a, _), (b, _)| (a.len(), a).cmp(&(b.len(), b)));
    hosts.into_iter().map(|(_, access)| access).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{held, id, of, one};
    use crate::model::datastore::DatastoreState;
    use crate::model::{Datastore, Kind};
    use vsphere::{MoRef, Object};

    fn mount(host: &str, accessible: &str, mode: &str) -> Object {
        let info = Object::new("HostMountInfo").with("accessMode", mode).with("accessible", accessible);
        Object::new("DatastoreHostMount").with("key", MoRef::new("HostSystem", host)).with("mountInfo", info)
    }

    #[test]
    fn states_of_datastores() {
        let check = |accessible: &str, maintenance: &str, expected: DatastoreState| {
            let state = held([of("Datastore", "datastore-1")
                .text("name", "san")
                .text("summary.accessible", accessible)
                .text("summary.maintenanceMode", maintenance)]);
            assert_eq!(one::<Datastore>(&state, "datastore-1").state, expected, "{accessible} {maintenance}");
        };
        check("true", "normal", DatastoreState::Accessible);
        check("false", "normal", DatastoreState::Inaccessible);
        check("false", "inMaintenance", DatastoreState::Inaccessible);
        check("true", "inMaintenance", DatastoreState::Maintenance);
        check("true", "enteringMaintenance", DatastoreState::Maintenance);
        check("", "", DatastoreState::Unknown);
    }

    #[test]
    fn members_of_a_datastore_cluster_name_it() {
        let state = held([
            of("StoragePod", "group-p5").text("name", "gold").text("summary.capacity", "100"),
            of("Datastore", "datastore-1")
                .text("name", "san-01")
                .reference("parent", "StoragePod", "group-p5")
                .text("summary.type", "VMFS")
                .text("summary.url", "ds:///vmfs/volumes/5f/")
                .text("summary.capacity", "1000")
                .text("summary.freeSpace", "400")
                .text("summary.uncommitted", "900")
                .values("host", vec![mount("host-10", "false", "readOnly"), mount("host-9", "true", "readWrite")]),
        ]);
        let pod: Datastore = one(&state, "group-p5");
        assert!(pod.datastore_cluster);
        assert_eq!(pod.capacity_bytes, Some(100));
        let member: Datastore = one(&state, "datastore-1");
        assert_eq!(member.parent_id, Some(id(Kind::Datastore, "group-p5")));
        assert_eq!((member.technology.as_str(), member.shared), ("vmfs", true));
        assert_eq!(member.provisioned_bytes, Some(1500));
        let hosts: Vec<_> = member.hosts.iter().map(|h| (h.host_id, h.accessible, h.writable)).collect();
        assert_eq!(
            hosts,
            [(id(Kind::Host, "host-9"), true, Some(true)), (id(Kind::Host, "host-10"), false, Some(false))]
        );
    }
}
