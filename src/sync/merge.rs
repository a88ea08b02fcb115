//! Putting together what several hosts of one provider say of the same thing.
//!
//! A datastore, network or volume that several hosts share is one object. Each host contributes its own view of it; the
//! entries of the other hosts are kept.

use crate::model::datastore::{DatastoreState, HostAccess};
use crate::model::network::NetworkState;
use crate::model::{Cluster, HostId, Native, Object, ObjectId};

/// The object as it is after `contributor` told `new` of it.
pub(super) fn merge(existing: Option<&Object>, new: Object, contributor: ObjectId) -> Object {
    let host = HostId::from(contributor);
    match (existing, new) {
        (Some(Object::Datastore(old)), Object::Datastore(mut new)) => {
            if new.state != DatastoreState::Accessible && others_reach(&old.hosts, host) {
                new.state = DatastoreState::Accessible;
            }
            new.hosts = merged_hosts(&old.hosts, &new.hosts, host);
            new.shared = new.hosts.len() > 1;
            Object::Datastore(new)
        }
        (Some(Object::Network(old)), Object::Network(mut new)) => {
            if new.state != NetworkState::Active && others_reach(&old.hosts, host) {
                new.state = NetworkState::Active;
            }
            new.hosts = merged_hosts(&old.hosts, &new.hosts, host);
            new.shared = new.hosts.len() > 1;
            Object::Network(new)
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

fn others_reach(hosts: &[HostAccess], host: HostId) -> bool {
    hosts.iter().any(|access| access.host_id != host && access.accessible)
}

fn merged_hosts(old: &[HostAccess], new: &[HostAccess], host: HostId) -> Vec<HostAccess> {
    let mut hosts: Vec<HostAccess> = old.iter().filter(|access| access.host_id != host).cloned().collect();
    hosts.retain(|access| !new.iter().any(|newer| newer.host_id == access.host_id));
    hosts.extend_from_slice(new);
    hosts.sort_by_key(|access| access.host_id);
    hosts
}
