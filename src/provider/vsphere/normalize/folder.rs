//! Inventory folders.

use vsphere::{MoRef, ObjectState, Value};

use super::native::Detail;
use super::{Reason, Scope, name, text};
use crate::model::{Folder, Kind};

/// An inventory folder.
pub(super) fn folder(object: &ObjectState, scope: Scope<'_>) -> Result<Folder, Reason> {
    let key = object.object().id();
    let name = name(object)?;
    Ok(Folder {
        zone_id: scope.zone_id(key),
        parent_id: scope.folder_id(object.moref("parent")),
        contains: contains(object.all("childType")),
        path: path(key, scope),
        tag_ids: scope.tag_ids(key),
        native: Detail::of(object, &name).done(),
        name,
    })
}

/// Names of a folder's ancestors and itself below the datacenter (or, above the datacenters, below the root).
pub(super) fn path(key: &str, scope: Scope<'_>) -> String {
    // The root folder is in no path, as in vCenter's own.
    let folders = scope.state.ancestors(key).take_while(|object| object.is("Folder")).map(MoRef::id);
    let folders = folders.filter(|key| scope.state.parent(key).is_some());
    let mut names: Vec<_> =
        std::iter::once(key).chain(folders).filter_map(|key| scope.state.name(key)).map(text::segment).collect();
    names.reverse();
    names.join("/")
}

fn contains<'a>(child_types: impl Iterator<Item = &'a Value>) -> Vec<String> {
    let mut kinds: Vec<Kind> = Vec::new();
    for child_type in child_types.filter_map(Value::as_str) {
        let of_type: &[Kind] = match child_type {
            "Folder" => &[Kind::Folder],
            "Datacenter" => &[Kind::Zone],
            "VirtualMachine" => &[Kind::Vm, Kind::Image],
            "VirtualApp" => &[Kind::ResourcePool],
            "ComputeResource" | "ClusterComputeResource" => &[Kind::Cluster],
            "Datastore" | "StoragePod" => &[Kind::Datastore],
            "Network" | "DistributedVirtualPortgroup" | "OpaqueNetwork" => &[Kind::Network],
            _ => &[],
        };
        kinds.extend(of_type);
    }
    kinds.sort_unstable();
    kinds.dedup();
    kinds.into_iter().map(|kind| kind.plural().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{held, id, of, one};
    use crate::model::{Folder, Kind};

    #[test]
    fn nested_folders_have_paths_from_the_zone_on() {
        let state = held([
            of("Folder", "group-d1").text("name", "Datacenters"),
            of("Folder", "group-d4")
                .text("name", "Asia")
                .reference("parent", "Folder", "group-d1")
                .texts("childType", &["Folder", "Datacenter"]),
            of("Datacenter", "datacenter-2").text("name", "DC").reference("parent", "Folder", "group-d4"),
            of("Folder", "group-v3")
                .text("name", "vm")
                .reference("parent", "Datacenter", "datacenter-2")
                .texts("childType", &["Folder", "VirtualMachine", "VirtualApp"]),
            of("Folder", "group-v9").text("name", "a%2fb").reference("parent", "Folder", "group-v3"),
            of("Folder", "group-v10").text("name", "层级").reference("parent", "Folder", "group-v9"),
        ]);
        let check = |key: &str, name: &str, path: &str, parent: Option<&str>, zone: bool, contains: &[&str]| {
            let folder: Folder = one(&state, key);
            assert_eq!((folder.name.as_str(), folder.path.as_str()), (name, path));
            assert_eq!(folder.parent_id, parent.map(|key| id(Kind::Folder, key)));
            assert_eq!(folder.zone_id, zone.then(|| id(Kind::Zone, "datacenter-2")));
            assert_eq!(folder.contains, contains);
        };
        check("group-d1", "Datacenters", "Datacenters", None, false, &[]);
        check("group-d4", "Asia", "Asia", Some("group-d1"), false, &["zones", "folders"]);
        check("group-v3", "vm", "vm", None, true, &["resource-pools", "folders", "images", "vms"]);
        check("group-v9", "a/b", "vm/a%2fb", Some("group-v3"), true, &[]);
        check("group-v10", "层级", "vm/a%2fb/层级", Some("group-v9"), true, &[]);
    }
}
