//! Putting together what several hosts of one provider say of the same thing.
//!
//! A datastore, network or volume that several hosts share is one object. Each host contributes its own view of it; the
//! entries of the other hosts are kept.

use crate::model::datastore::{DatastoreState, HostAccess};
use crate::model::network::NetworkState;
use crate::model::{Cluster, HostId, Kind, Native, Object, ObjectId};

/// The object as it is after `contributor` told `new` of it.
pub(super) fn merge(existing: Option<&Object>, new: Object, contributor: ObjectId) -> Object {
    let host = HostId::from(contributor);
    match (existing, new) {
        (Some(Object::Datastore(old)), Object::Datastore(new)) => {
            let hosts = merged_hosts(&old.hosts, &new.hosts, host);
            let reached = hosts.iter().any(|access| access.accessible);
            let told = new.state;
            let mut merged = if speaks_for_all(&hosts, host) { new } else { old.clone() };
            merged.capacity_bytes = merged.capacity_bytes.or(old.capacity_bytes);
            merged.free_bytes = merged.free_bytes.or(old.free_bytes);
            if reached {
                merged.state = DatastoreState::Accessible;
            } else if merged.state == DatastoreState::Accessible {
                merged.state = told;
            }
            merged.shared = hosts.len() > 1;
            merged.hosts = hosts;
            Object::Datastore(merged)
        }
        (Some(Object::Network(old)), Object::Network(new)) => {
            let hosts = merged_hosts(&old.hosts, &new.hosts, host);
            let reached = hosts.iter().any(|access| access.accessible);
            let told = new.state;
            let mut merged = if speaks_for_all(&hosts, host) { new } else { old.clone() };
            if reached {
                merged.state = NetworkState::Active;
            } else if merged.state == NetworkState::Active {
                merged.state = told;
            }
            merged.shared = hosts.len() > 1;
            merged.hosts = hosts;
            Object::Network(merged)
        }
        (Some(Object::Volume(old)), Object::Volume(mut new)) => {
            let mut attachments = old.attachments.clone();
            attachments.retain(|attachment| attachment.host_id != Some(host));
            attachments.append(&mut new.attachments);
            attachments.sort_by_key(|attachment| (attachment.vm_id, attachment.host_id));
            attachments.dedup();
            new.attachments = attachments;
            Object::Volume(new)
        }
        (Some(Object::Cluster(old)), Object::Cluster(mut new)) => {
            let mut hosts = contributions(&old.native);
            hosts.remove(&host.to_string());
            hosts.append(&mut contributions(&new.native));
            set_contributions(&mut new, hosts);
            Object::Cluster(new)
        }
        (_, new) => new,
    }
}

/// Whether several hosts can contribute to objects of this kind.
pub(super) const fn is_shareable(kind: Kind) -> bool {
    matches!(kind, Kind::Datastore | Kind::Network | Kind::Volume | Kind::Cluster)
}

/// Whether a host contributed to the object.
pub(super) fn names(object: &Object, contributor: ObjectId) -> bool {
    let host = HostId::from(contributor);
    match object {
        Object::Datastore(datastore) => datastore.hosts.iter().any(|access| access.host_id == host),
        Object::Network(network) => network.hosts.iter().any(|access| access.host_id == host),
        Object::Volume(volume) => volume.attachments.iter().any(|attachment| attachment.host_id == Some(host)),
        Object::Cluster(cluster) => contributions(&cluster.native).contains_key(&host.to_string()),
        _ => false,
    }
}

/// The object as it is after `contributor` no longer knows it; `None` when nobody else told of it.
pub(super) fn retract(existing: &Object, contributor: ObjectId) -> Option<Object> {
    let host = HostId::from(contributor);
    let mut rest = existing.clone();
    match &mut rest {
        Object::Datastore(datastore) => {
            datastore.hosts.retain(|access| access.host_id != host);
            datastore.shared = datastore.hosts.len() > 1;
            if !datastore.hosts.iter().any(|access| access.accessible) && datastore.state == DatastoreState::Accessible
            {
                datastore.state = DatastoreState::Inaccessible;
            }
            (!datastore.hosts.is_empty()).then_some(rest)
        }
        Object::Network(network) => {
            network.hosts.retain(|access| access.host_id != host);
            network.shared = network.hosts.len() > 1;
            if !network.hosts.iter().any(|access| access.accessible) && network.state == NetworkState::Active {
                network.state = NetworkState::Inactive;
            }
            (!network.hosts.is_empty()).then_some(rest)
        }
        Object::Volume(volume) => {
            volume.attachments.retain(|attachment| attachment.host_id != Some(host));
            (!volume.attachments.is_empty()).then_some(rest)
        }
        Object::Cluster(cluster) => {
            let mut hosts = contributions(&cluster.native);
            hosts.remove(&host.to_string());
            let others = !hosts.is_empty();
            set_contributions(cluster, hosts);
            others.then_some(rest)
        }
        _ => None,
    }
}

/// The member of a KVM cluster's `native` that holds each host's share: host id to [`SHARE_CORES`] and [`SHARE_MEMORY`].
const SHARES: &str = "hosts";
const SHARE_CORES: &str = "cpu_core_count";
const SHARE_MEMORY: &str = "memory_mib";

fn contributions(native: &Native) -> Native {
    native.get(SHARES).and_then(serde_json::Value::as_object).cloned().unwrap_or_default()
}

/// Keeps the hosts' shares and makes the sums of the cluster from them.
fn set_contributions(cluster: &mut Cluster, hosts: Native) {
    let sum = |name: &str| hosts.values().filter_map(|share| share.get(name)?.as_u64()).sum::<u64>();
    cluster.host_count = u32::try_from(hosts.len()).unwrap_or(u32::MAX);
    cluster.cpu_core_count = u32::try_from(sum(SHARE_CORES)).unwrap_or(u32::MAX);
    cluster.memory_mib = sum(SHARE_MEMORY);
    cluster.native.insert(SHARES.to_owned(), hosts.into());
}

/// Whether what this host says of the thing itself (its name, size, detail) is what is shown. One host speaks for all, or
/// the object would change with every host that is read: the first of those that reach it, else the first of all.
fn speaks_for_all(hosts: &[HostAccess], host: HostId) -> bool {
    let speaker = hosts.iter().find(|access| access.accessible).or_else(|| hosts.first());
    speaker.is_none_or(|speaker| speaker.host_id == host)
}

fn merged_hosts(old: &[HostAccess], new: &[HostAccess], host: HostId) -> Vec<HostAccess> {
    let mut hosts: Vec<HostAccess> = old.iter().filter(|access| access.host_id != host).cloned().collect();
    hosts.retain(|access| !new.iter().any(|newer| newer.host_id == access.host_id));
    hosts.extend_from_slice(new);
    hosts.sort_by_key(|access| access.host_id);
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Datastore;

    fn told(host: HostId, name: &str, capacity_bytes: Option<u64>, accessible: bool) -> Object {
        let state = if accessible { DatastoreState::Accessible } else { DatastoreState::Inactive };
        Object::from(Datastore {
            state,
            name: name.to_owned(),
            zone_id: None,
            parent_id: None,
            datastore_cluster: false,
            technology: "nfs".to_owned(),
            shared: false,
            capacity_bytes,
            free_bytes: None,
            provisioned_bytes: None,
            location: None,
            hosts: vec![HostAccess { host_id: host, accessible, writable: None }],
            tag_ids: Vec::new(),
            native: Native::new(),
        })
    }

    fn datastore(object: &Object) -> &Datastore {
        let Object::Datastore(datastore) = object else { panic!("not a datastore: {object:?}") };
        datastore
    }

    /// Read in whatever order and however often, the hosts' views come to the same object.
    #[test]
    fn the_order_of_the_hosts_does_not_matter() {
        let (a, b) = (HostId::generate(), HostId::generate());
        let (of_a, of_b) = (told(a, "shared", Some(10), true), told(b, "Shared", Some(11), true));
        let first = merge(Some(&of_a), of_b.clone(), b.into());
        let second = merge(Some(&of_b), of_a.clone(), a.into());
        assert_eq!(first, second);
        assert_eq!(merge(Some(&first), of_b, b.into()), first, "read again, nothing differs");
        assert_eq!(merge(Some(&first), of_a, a.into()), first);
        assert!(datastore(&first).shared && datastore(&first).hosts.len() == 2);
    }

    #[test]
    fn a_host_that_does_not_reach_it_takes_nothing_away() {
        let (a, b) = (HostId::generate(), HostId::generate());
        let both = merge(Some(&told(b, "shared", Some(10), true)), told(a, "shared", None, false), a.into());
        assert_eq!((datastore(&both).capacity_bytes, datastore(&both).state), (Some(10), DatastoreState::Accessible));
        let neither = merge(Some(&both), told(b, "shared", None, false), b.into());
        assert_eq!(datastore(&neither).state, DatastoreState::Inactive);
        let alone = retract(&both, b.into()).expect("the other still knows it");
        assert_eq!(datastore(&alone).state, DatastoreState::Inaccessible);
        assert!(retract(&alone, a.into()).is_none());
    }
}
