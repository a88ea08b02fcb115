//! Datacenters.

use vsphere::ObjectState;

use super::native::Detail;
use super::{Reason, Scope, name, text};
use crate::model::Zone;

/// A datacenter as a zone.
pub(super) fn zone(object: &ObjectState, scope: Scope<'_>) -> Result<Zone, Reason> {
    let name = name(object)?;
    let folders = scope.state.ancestors(object.object().id());
    let folders: Vec<_> = folders.filter(|folder| scope.state.parent(folder.id()).is_some()).collect();
    let names: Vec<_> =
        folders.iter().rev().filter_map(|folder| scope.state.name(folder.id())).map(text::segment).collect();
    let native = Detail::of(object, &name).with("folderPath", Some(names.join("/")));
    Ok(Zone { name, tag_ids: scope.tag_ids(object.object().id()), native: native.done() })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{held, of, one};
    use crate::model::Zone;

    #[test]
    fn a_datacenter_tells_the_folders_above_it() {
        let state = held([
            of("Folder", "group-d1").text("name", "Datacenters"),
            of("Folder", "group-d5").text("name", "Europe%2fWest").reference("parent", "Folder", "group-d1"),
            of("Datacenter", "datacenter-3").text("name", "Köln").reference("parent", "Folder", "group-d5"),
        ]);
        let zone: Zone = one(&state, "datacenter-3");
        assert_eq!(zone.name, "Köln");
        assert_eq!(zone.native["moref"], "datacenter-3");
        assert_eq!(zone.native["folderPath"], "Europe%2fWest");
    }
}
