//! A storage pool.

use kvm::PoolState;
use kvm::xml::PoolXml;

use super::super::facts::PoolFacts;
use super::{NativeMap, Place};
use crate::model::Datastore;
use crate::model::datastore::{DatastoreState, HostAccess};

/// The key of a pool's id, and whether other hosts of the provider can have the same storage. A shared one is recognised by
/// what it is made of, since each host gave it a UUID of its own; where the definition does not say what that is (multipath,
/// a SCSI adapter), it counts as the host's own.
pub(in super::super) fn key(host_key: &str, definition: &PoolXml) -> (String, bool) {
    match source(definition).filter(|_| definition.is_shareable()) {
        Some(source) => (source, true),
        None => (format!("{host_key}/{}", definition.uuid), false),
    }
}

/// Server and export of a pool on the network.
fn source(definition: &PoolXml) -> Option<String> {
    let source = &definition.source;
    let mut servers: Vec<String> = source
        .hosts
        .iter()
        .map(|host| match host.port {
            Some(port) => format!("{}:{port}", host.name.to_lowercase()),
            None => host.name.to_lowercase(),
        })
        .collect();
    // The monitors of a cluster are listed in any order.
    servers.sort();
    let servers = servers.join(",");
    let kind = &definition.kind;
    let export = match kind.as_str() {
        "netfs" => source.dir.clone()?,
        "iscsi" | "iscsi-direct" => source.devices.first()?.clone(),
        "gluster" => format!("{}{}", source.name.as_deref()?, source.dir.as_deref().unwrap_or("/")),
        "rbd" | "sheepdog" | "vstorage" => source.name.clone()?,
        _ => return None,
    };
    let servers = if servers.is_empty() && kind != "vstorage" { return None } else { servers };
    Some(format!("{kind}://{servers}/{}", export.trim_start_matches('/')))
}

/// A storage pool. Sizes are those of its last refresh, and unknown while it is stopped.
pub(in super::super) fn datastore(place: &Place, facts: &PoolFacts) -> Datastore {
    let definition = &facts.definition;
    let state = match facts.state {
        PoolState::Running | PoolState::Degraded => DatastoreState::Accessible,
        PoolState::Inaccessible => DatastoreState::Inaccessible,
        PoolState::Inactive | PoolState::Building => DatastoreState::Inactive,
        _ => DatastoreState::Unknown,
    };
    let accessible = state == DatastoreState::Accessible;
    let sized = accessible && facts.capacity_bytes > 0;
    let promised = facts.volumes.iter().flatten().filter_map(|volume| volume.definition.capacity_bytes);
    Datastore {
        state,
        name: definition.name.clone(),
        zone_id: Some(place.zone_id()),
        parent_id: None,
        datastore_cluster: false,
        technology: definition.kind.clone(),
        shared: false,
        capacity_bytes: sized.then_some(facts.capacity_bytes),
        free_bytes: sized.then_some(facts.available_bytes),
        provisioned_bytes: facts.volumes.is_some().then(|| promised.fold(0, u64::saturating_add)),
        location: location(definition),
        hosts: vec![HostAccess { host_id: place.host_id(), accessible, writable: None }],
        tag_ids: Vec::new(),
        native: native(facts),
    }
}

fn native(facts: &PoolFacts) -> crate::model::Native {
    let definition = &facts.definition;
    let (_, shared) = key("", definition);
    let map = NativeMap::default().put("source", &definition.source).put("degraded", degraded(facts.state));
    if shared {
        // What differs between the hosts would make each host's word a change of the other's.
        return map.done();
    }
    map.put("uuid", definition.uuid)
        .put("persistent", facts.persistent)
        .put("autostart", facts.autostart)
        .put("target_path", &definition.target_path)
        .put("target_mode", &definition.target_mode)
        .put("unreadable_volumes", facts.unreadable.iter().map(|(name, _)| name).collect::<Vec<_>>())
        .done()
}

fn degraded(state: PoolState) -> Option<bool> {
    (state == PoolState::Degraded).then_some(true)
}

/// Where it is: server and export, or the path on the host.
fn location(definition: &PoolXml) -> Option<String> {
    source(definition)
        .or_else(|| definition.target_path.clone())
        .or_else(|| definition.source.name.clone())
        .or_else(|| definition.source.devices.first().cloned())
}
