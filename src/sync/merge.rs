//! Putting together what several hosts of one provider say of the same thing.
//!
//! A datastore, network or volume that several hosts share is one object. Each host contributes its own view of it; the
//! entries of the other hosts are kept.

use crate::model::datastore::{DatastoreState, HostAccess};
use crate::model::network::NetworkState;
use crate::model::{Cluster, Datastore, HostId, Kind, Native, Network, Object, ObjectId, Volume};

/// The object as it is after `contributor` told `new` of it.
pub(super) fn merge(existing: Option<&Object>, new: Object, contributor: ObjectId) -> Object {
    let host = HostId::from(contributor);
    match (existing, new) {
        (Some(Object::Datastore(old)), Object::Datastore(new)) => {
            let mut merged = merge_reached(old.as_ref(), *new, host);
            merged.capacity_bytes = merged.capacity_bytes.or(old.capacity_bytes);
            merged.free_bytes = merged.free_bytes.or(old.free_bytes);
            Object::from(merged)
        }
        (Some(Object::Network(old)), Object::Network(new)) => Object::from(merge_reached(old.as_ref(), *new, host)),
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

/// The object as it is after only its outline was seen: what was known of it, completed by that. Who uses it is in the
/// outline.
pub(super) fn outline(existing: Option<Object>, new: Object) -> Object {
    match (existing, new) {
        (Some(Object::Volume(old)), Object::Volume(new)) => {
            let (old, new) = (*old, *new);
            Object::Volume(Box::new(Volume {
                capacity_bytes: new.capacity_bytes.or(old.capacity_bytes),
                allocated_bytes: new.allocated_bytes.or(old.allocated_bytes),
                format: old.format.or(new.format),
                thin: old.thin.or(new.thin),
                backing_location: new.backing_location.or(old.backing_location),
                location: old.location.or(new.location),
                attachments: new.attachments,
                read_only: new.read_only,
                shareable: new.shareable,
                ..old
            }))
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
        Object::Datastore(datastore) => retract_reached(datastore.as_mut(), host).then_some(rest),
        Object::Network(network) => retract_reached(network.as_mut(), host).then_some(rest),
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

/// What hosts reach, each for itself.
trait Reached: Clone {
    type State: Copy + PartialEq;
    /// The state while a host reaches it, and when no host does.
    const STATES: [Self::State; 2];

    fn parts(&mut self) -> (&mut Vec<HostAccess>, &mut bool, &mut Self::State);
}

impl Reached for Datastore {
    type State = DatastoreState;
    const STATES: [DatastoreState; 2] = [DatastoreState::Accessible, DatastoreState::Inaccessible];

    fn parts(&mut self) -> (&mut Vec<HostAccess>, &mut bool, &mut DatastoreState) {
        (&mut self.hosts, &mut self.shared, &mut self.state)
    }
}

impl Reached for Network {
    type State = NetworkState;
    const STATES: [NetworkState; 2] = [NetworkState::Active, NetworkState::Inactive];

    fn parts(&mut self) -> (&mut Vec<HostAccess>, &mut bool, &mut NetworkState) {
        (&mut self.hosts, &mut self.shared, &mut self.state)
    }
}

/// `old` after `host` told `new` of it.
fn merge_reached<T: Reached>(old: &T, mut new: T, host: HostId) -> T {
    let mut merged = old.clone();
    let (told_hosts, _, told) = new.parts();
    let (told_hosts, told) = (std::mem::take(told_hosts), *told);
    let hosts = merged_hosts(merged.parts().0, &told_hosts, host);
    if speaks_for_all(&hosts, host) {
        merged = new;
    }
    let [reached, _] = T::STATES;
    let (held, shared, state) = merged.parts();
    if hosts.iter().any(|access| access.accessible) {
        *state = reached;
    } else if *state == reached {
        *state = told;
    }
    *shared = hosts.len() > 1;
    *held = hosts;
    merged
}

/// Takes a host's part out; whether another host still has one.
fn retract_reached<T: Reached>(thing: &mut T, host: HostId) -> bool {
    let [reached, unreached] = T::STATES;
    let (hosts, shared, state) = thing.parts();
    hosts.retain(|access| access.host_id != host);
    *shared = hosts.len() > 1;
    if *state == reached && !hosts.iter().any(|access| access.accessible) {
        *state = unreached;
    }
    !hosts.is_empty()
}

/// The member of a KVM cluster's `native` that holds each host's share: host id to [`SHARE_CORES`] and [`SHARE_MEMORY`].
const SHARES: &str = "hosts";
const SHARE_CORES: &str = "cpu_core_count";
const SHARE_MEMORY: &str = "memory_mib";

fn contributions(native: &Native) -> Native {
    let hosts = native.get(SHARES).and_then(serde_json::Value::as_object).cloned().unwrap_or_default();
    hosts.into_iter().collect()
}

/// Keeps the hosts' shares and makes the sums of the cluster from them: of those that tell.
fn set_contributions(cluster: &mut Cluster, hosts: Native) {
    let sum = |name: &str| hosts.values().filter_map(|share| share.get(name)?.as_u64()).reduce(u64::saturating_add);
    cluster.host_count = u32::try_from(hosts.len()).unwrap_or(u32::MAX);
    cluster.cpu_core_count = sum(SHARE_CORES).map(|cores| u32::try_from(cores).unwrap_or(u32::MAX));
    cluster.memory_mib = sum(SHARE_MEMORY);
    // In their order, whichever was told first.
    cluster.native.insert(SHARES.to_owned(), hosts.into_iter().collect());
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
