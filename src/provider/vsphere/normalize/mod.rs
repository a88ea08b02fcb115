//! From vSphere's terms to the gateway's: pure functions, one file per noun.
//!
//! Each takes one object's properties and, through [`Scope`], what is held of the objects around it, and gives the group of
//! objects that it becomes. Nothing is invented: what the platform does not tell is absent. What cannot be translated is
//! said so with a reason and does not hold up anything else.

mod cluster;
mod datastore;
mod device;
mod folder;
mod host;
mod image;
mod native;
mod network;
mod nic;
mod resource_pool;
mod rest;
mod snapshot;
mod text;
mod vm;
mod volume;
mod zone;

#[cfg(test)]
pub(super) mod testing;

use std::collections::BTreeMap;

use vsphere::{MoRef, ObjectState, Value};

pub(super) use nic::is_card;
pub(super) use rest::{library, library_item, policy, policy_key, tag, tag_key};

use super::state::State;
use crate::model::{ClusterId, FolderId, Kind, Object, ObjectId, StoragePolicyId, TagId, ZoneId};
use crate::provider::{Family, Group, Identify, Observed};

/// Why an object cannot be translated, in words for people.
pub(super) type Reason = String;

/// What a translation may look at besides the object itself.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) ids: &'a dyn Identify,
    pub(super) state: &'a State,
}

impl Scope<'_> {
    /// The gateway's id of the object with that key.
    fn id<T: From<ObjectId>>(&self, kind: Kind, key: &str) -> T {
        self.ids.id(kind, key).into()
    }

    /// The zone that an object is in.
    fn zone_id(&self, key: &str) -> Option<ZoneId> {
        self.state.datacenter(key).map(|datacenter| self.id(Kind::Zone, datacenter.id()))
    }

    /// The cluster that a host or pool is in.
    fn cluster_id(&self, key: &str) -> Option<ClusterId> {
        self.state.compute_resource(key).map(|resource| self.id(Kind::Cluster, resource.id()))
    }

    /// The folder, when the reference is to one that is there.
    fn folder_id(&self, folder: Option<&MoRef>) -> Option<FolderId> {
        folder
            .filter(|folder| folder.is("Folder") && self.state.object(folder.id()).is_some())
            .map(|folder| self.id(Kind::Folder, folder.id()))
    }

    fn tag_ids(&self, key: &str) -> Vec<TagId> {
        self.state.tags(key).iter().map(|urn| self.id(Kind::Tag, &tag_key(urn))).collect()
    }

    fn policy_id(&self, policy: &str) -> StoragePolicyId {
        self.id(Kind::StoragePolicy, &policy_key(policy))
    }

    /// The storage policy of a machine's own files.
    fn home_policy_id(&self, vm: &str) -> Option<StoragePolicyId> {
        Some(self.policy_id(self.state.policies(vm)?.home.as_ref()?))
    }

    /// The storage policy of a machine's disk, by its device key.
    fn disk_policy_id(&self, vm: &str, disk: i64) -> Option<StoragePolicyId> {
        let disks = &self.state.policies(vm)?.disks;
        let (_, policy) = disks.iter().find(|(key, _)| i64::from(*key) == disk)?;
        Some(self.policy_id(policy))
    }

    /// The custom attributes of an object, name to value.
    fn attributes(&self, object: &ObjectState) -> BTreeMap<String, String> {
        let of = |value: &Value| {
            let key = value.get("key")?.as_i32()?;
            let name = self.state.field_name(key).map_or_else(|| key.to_string(), str::to_owned);
            Some((name, value.get("value")?.as_str()?.to_owned()))
        };
        object.all("customValue").filter_map(of).collect()
    }

    fn observed(&self, kind: Kind, key: impl Into<String>, object: impl Into<Object>) -> Observed {
        let key = key.into();
        Observed { id: self.ids.id(kind, &key), key, object: object.into(), shared_by: None }
    }
}

/// What a type of the platform becomes; `None` for those that are no noun of ours.
pub(super) fn kind_of(object: &MoRef) -> Option<Kind> {
    Some(match &*object.kind {
        "VirtualMachine" => Kind::Vm,
        "HostSystem" => Kind::Host,
        "ComputeResource" | "ClusterComputeResource" => Kind::Cluster,
        "ResourcePool" | "VirtualApp" => Kind::ResourcePool,
        "Folder" => Kind::Folder,
        "StoragePod" | "Datastore" => Kind::Datastore,
        "Datacenter" => Kind::Zone,
        "Network" | "OpaqueNetwork" | "DistributedVirtualPortgroup" => Kind::Network,
        _ => return None,
    })
}

/// Translates one object with all that hangs on it.
///
/// # Errors
/// Why it cannot be.
pub(super) fn group(object: &ObjectState, kind: Kind, scope: Scope<'_>) -> Result<Group, Reason> {
    let key = object.object().id().to_owned();
    let one = |member: Object| vec![scope.observed(kind, key.clone(), member)];
    let members = match kind {
        Kind::Vm => {
            let members = vm::group(object, scope)?;
            return Ok(Group { unread: vm::unread(object), ..Group::new(key, Family::Core, members) });
        }
        Kind::Host => one(host::host(object, scope)?.into()),
        Kind::Cluster => one(cluster::cluster(object, scope)?.into()),
        Kind::ResourcePool => one(resource_pool::resource_pool(object, scope)?.into()),
        Kind::Folder => one(folder::folder(object, scope)?.into()),
        Kind::Zone => one(zone::zone(object, scope)?.into()),
        Kind::Network => one(network::network(object, scope)?.into()),
        Kind::Datastore if object.object().is("StoragePod") => one(datastore::pod(object, scope)?.into()),
        Kind::Datastore => one(datastore::datastore(object, scope)?.into()),
        _ => return Err(format!("{kind} is not read from the inventory")),
    };
    Ok(Group::new(key, Family::Core, members))
}

/// The name for people. An object without one cannot be shown: says why there is none.
fn name(object: &ObjectState) -> Result<String, Reason> {
    if let Some(name) = object.str("name").filter(|name| !name.is_empty()) {
        return Ok(text::decode(name));
    }
    let denied = object.missing().iter().find(|missing| missing.path == "name");
    Err(match denied {
        Some(missing) => format!("its name cannot be read: {}", missing.fault),
        None => "the platform tells no name of it".to_owned(),
    })
}

/// A text property that is not empty.
fn text_at(object: &ObjectState, path: &str) -> Option<String> {
    object.str(path).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A boolean property.
fn flag_at(object: &ObjectState, path: &str) -> Option<bool> {
    object.get(path).and_then(Value::as_bool)
}

/// A number that is not negative.
fn number_at(object: &ObjectState, path: &str) -> Option<u64> {
    object.get(path).and_then(Value::as_u64)
}

/// References in an order that does not depend on the server's mood.
fn sorted<'a>(references: impl Iterator<Item = &'a Value>) -> Vec<&'a MoRef> {
    let mut references: Vec<_> = references.filter_map(Value::moref).collect();
    references.sort_by(|a, b| (a.value.len(), &a.value).cmp(&(b.value.len(), &b.value)));
    references.dedup();
    references
}
