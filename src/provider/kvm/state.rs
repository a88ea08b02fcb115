//! What is held of one host, and the groups that are made of it.
//!
//! Facts come in by [`Held`]'s `put_…` and `remove_…`; [`Held::changes`] gives what has to be told since: a group is told
//! again only when it differs from what was told last. Nothing is told of a thing that cannot be read but that: what was
//! known of it stays, here and in the store.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use kvm::DomainStats;
use uuid::Uuid;

use super::super::{Family, Group, Observed};
use super::facts::{DomainFacts, HostFacts, NetworkFacts, PoolFacts};
use super::links::{Home, Link, Links, volume_key};
use super::normalize::nic::{Plug, plug};
use super::normalize::vm::VmDisk;
use super::normalize::volume::DiskSize;
use super::normalize::{CLUSTER_KEY, Place, ZONE_KEY, datastore, host, image, network, nic, snapshot, vm, volume};
use crate::model::{Kind, NetworkId, Nic, ObjectId};

/// What a domain's key begins with.
const DOMAIN: &str = "domain/";

/// The platform's key of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum GroupKey {
    Host,
    Zone,
    Cluster,
    Network(Uuid),
    /// A bridge of the host.
    Bridge(String),
    Pool(Uuid),
    /// A volume on the network outside any pool.
    Volume(String),
    Domain(Uuid),
    /// Something, or a part of it, that could never be read: it is only in quarantine.
    Unread(String),
}

impl GroupKey {
    /// The key of a thing that could not be read: its own, where libvirt could at least tell the UUID.
    pub(super) fn of_unread(word: &str, failed: &kvm::FailedObject, own: impl Fn(Uuid) -> Self) -> Self {
        failed.uuid.map_or_else(|| Self::Unread(format!("{word}/{}", failed.name)), own)
    }

    /// The domain that a key names, if it is a domain's.
    pub(super) fn domain(key: &str) -> Option<Uuid> {
        key.strip_prefix(DOMAIN)?.parse().ok()
    }
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GroupKey::Host => f.write_str("host"),
            GroupKey::Zone => f.write_str("zone"),
            GroupKey::Cluster => f.write_str("cluster"),
            GroupKey::Network(uuid) => write!(f, "network/{uuid}"),
            GroupKey::Bridge(name) => write!(f, "bridge/{name}"),
            GroupKey::Pool(uuid) => write!(f, "pool/{uuid}"),
            GroupKey::Volume(key) => write!(f, "volume/{key}"),
            GroupKey::Domain(uuid) => write!(f, "{DOMAIN}{uuid}"),
            GroupKey::Unread(key) => f.write_str(key),
        }
    }
}

/// A thing that cannot be read or understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Quarantine {
    pub(super) kind: Kind,
    pub(super) reason: String,
}

/// What has to be told.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) observed: Vec<Group>,
    pub(super) gone: Vec<String>,
    pub(super) quarantined: Vec<(String, Quarantine)>,
}

/// See the module.
pub(super) struct Held {
    pub(super) place: Place,
    host: HostFacts,
    pub(super) domains: BTreeMap<Uuid, DomainFacts>,
    pub(super) networks: BTreeMap<Uuid, NetworkFacts>,
    pub(super) pools: BTreeMap<Uuid, PoolFacts>,
    quarantine: BTreeMap<GroupKey, Quarantine>,
    /// What running domains tell of disks outside any pool, by domain and target.
    sizes: HashMap<(Uuid, String), DiskSize>,
    links: Links,
    /// The hash of what was last told of each group.
    told: HashMap<GroupKey, blake3::Hash>,
    told_quarantine: HashMap<GroupKey, Quarantine>,
}

/// Whether the free space of a pool moved by less than a thousandth of its size. That of a directory is its file system's
/// and moves all the time; every complete read sets it right.
fn hardly_moved(old: &PoolFacts, new: &PoolFacts) -> bool {
    let tolerance = (new.capacity_bytes / 1_000).max(64 << 20);
    old.capacity_bytes == new.capacity_bytes && old.available_bytes.abs_diff(new.available_bytes) < tolerance
}

impl Held {
    pub(super) fn new(place: Place, host: HostFacts) -> Self {
        Self {
            place,
            host,
            domains: BTreeMap::new(),
            networks: BTreeMap::new(),
            pools: BTreeMap::new(),
            quarantine: BTreeMap::new(),
            sizes: HashMap::new(),
            links: Links::default(),
            told: HashMap::new(),
            told_quarantine: HashMap::new(),
        }
    }

    pub(super) fn put_host(&mut self, facts: HostFacts) {
        self.host = facts;
    }

    /// A domain as it is now.
    pub(super) fn put_domain(&mut self, uuid: Uuid, mut facts: DomainFacts) {
        self.quarantine.remove(&GroupKey::Domain(uuid));
        if facts.snapshots.is_none() {
            // That they cannot be listed now does not make them gone.
            facts.snapshots = self.domains.get_mut(&uuid).and_then(|old| old.snapshots.take());
        }
        self.domains.insert(uuid, facts);
    }

    pub(super) fn remove_domain(&mut self, uuid: Uuid) {
        self.quarantine.remove(&GroupKey::Domain(uuid));
        self.domains.remove(&uuid);
        self.sizes.retain(|(domain, _), _| *domain != uuid);
    }

    /// A network as it is now.
    pub(super) fn put_network(&mut self, uuid: Uuid, mut facts: NetworkFacts) {
        let unread = facts.leases.as_ref().err().map(|reason| ("leases", reason.as_str()));
        self.set_unread(&GroupKey::Network(uuid), Kind::Network, unread);
        if facts.leases.is_err()
            && let Some(old) = self.networks.remove(&uuid)
        {
            // That they cannot be read now does not make them gone.
            facts.leases = old.leases;
        }
        self.networks.insert(uuid, facts);
    }

    pub(super) fn remove_network(&mut self, uuid: Uuid) {
        self.set_unread(&GroupKey::Network(uuid), Kind::Network, None);
        self.networks.remove(&uuid);
    }

    /// A pool as it is now. Volumes of a stopped pool, and those that cannot be read, stay as they were.
    pub(super) fn put_pool(&mut self, uuid: Uuid, mut facts: PoolFacts) {
        let unread = facts.unreadable.iter().map(|(name, reason)| (name.as_str(), reason.as_str()));
        self.set_unread(&GroupKey::Pool(uuid), Kind::Volume, unread);
        let old = self.pools.remove(&uuid);
        if let Some(old) = &old
            && hardly_moved(old, &facts)
        {
            facts.available_bytes = old.available_bytes;
        }
        let old_volumes = old.and_then(|old| old.volumes);
        match (&mut facts.volumes, old_volumes) {
            (now @ None, before) => *now = before,
            (Some(now), Some(before)) => {
                let kept = |name: &String| facts.unreadable.iter().any(|(unreadable, _)| unreadable == name);
                now.extend(before.into_iter().filter(|volume| kept(&volume.definition.name)));
                now.sort_by(|a, b| a.key.cmp(&b.key));
            }
            (Some(_), None) => {}
        }
        self.pools.insert(uuid, facts);
    }

    pub(super) fn remove_pool(&mut self, uuid: Uuid) {
        self.set_unread(&GroupKey::Pool(uuid), Kind::Volume, None);
        self.pools.remove(&uuid);
    }

    /// A thing could not be read or understood.
    pub(super) fn set_quarantine(&mut self, key: GroupKey, kind: Kind, reason: String) {
        self.quarantine.insert(key, Quarantine { kind, reason });
    }

    /// A thing could be read, but for these parts of it, each with the reason.
    fn set_unread<'a>(&mut self, of: &GroupKey, kind: Kind, parts: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let within = format!("{of}/");
        let is_part = |key: &GroupKey| matches!(key, GroupKey::Unread(name) if name.starts_with(&within));
        self.quarantine.retain(|key, _| key != of && !is_part(key));
        for (part, reason) in parts {
            self.set_quarantine(GroupKey::Unread(format!("{within}{part}")), kind, reason.to_owned());
        }
    }

    /// Forgets what was in quarantine, before everything is read again.
    pub(super) fn clear_quarantine(&mut self) {
        self.quarantine.clear();
    }

    /// Sizes of disks that no pool tells of. Those of stopped domains stay.
    pub(super) fn put_sizes(&mut self, stats: &[DomainStats]) -> BTreeSet<GroupKey> {
        let mut touched = BTreeSet::new();
        for domain in stats {
            let Some((links, facts)) = self.links.disks.get(&domain.uuid).zip(self.domains.get(&domain.uuid)) else {
                continue;
            };
            for link in links.iter().filter(|link| !matches!(link.home, Home::Pool(..))) {
                let Some(target) = facts.definition.disks[link.disk].target_dev.clone() else { continue };
                let Some(disk) = domain.disks.iter().find(|disk| disk.name.as_ref() == Some(&target)) else { continue };
                let size = DiskSize { capacity_bytes: disk.capacity_bytes, allocated_bytes: disk.allocation_bytes };
                if size.capacity_bytes.is_some() && self.sizes.insert((domain.uuid, target), size) != Some(size) {
                    touched.extend(self.links.uses_of(&link.key).iter().map(|one| GroupKey::Domain(one.vm)));
                    touched.insert(GroupKey::Volume(link.key.clone()));
                }
            }
        }
        touched
    }

    /// Whether sizes of disks outside any pool are wanted.
    pub(super) fn has_loose_disks(&self) -> bool {
        let loose = |link: &Link| !matches!(link.home, Home::Pool(..));
        self.links.disks.values().flatten().any(loose)
    }

    /// Notes how everything hangs together now, and returns the groups that something else's change touches.
    fn relink(&mut self) -> BTreeSet<GroupKey> {
        let links = Links::new(&self.place.host_key, &self.domains, &self.networks, &self.pools);
        let old = std::mem::replace(&mut self.links, links);
        let new = &self.links;
        let mut touched = BTreeSet::new();
        if new.differ_in_storage(&old) {
            touched.extend(self.pools.keys().map(|uuid| GroupKey::Pool(*uuid)));
            touched.extend(old.loose.keys().chain(new.loose.keys()).cloned().map(GroupKey::Volume));
            for (key, uses) in &new.uses {
                if uses.len() > 1 || old.uses_of(key).len() > 1 {
                    touched.extend(uses.iter().chain(old.uses_of(key)).map(|one| GroupKey::Domain(one.vm)));
                }
            }
        }
        // What a pool lists now is no longer by itself, and the other way round, though it is used as before.
        let loose = old.loose.keys().chain(new.loose.keys());
        let moved = loose.filter(|key| old.loose.contains_key(*key) != new.loose.contains_key(*key));
        touched.extend(moved.cloned().map(GroupKey::Volume));
        touched.extend(old.bridges.symmetric_difference(&new.bridges).cloned().map(GroupKey::Bridge));
        let same_nets = old.networks == new.networks && old.network_bridges == new.network_bridges;
        if !same_nets
            || old.leases != new.leases
            || old.disks.iter().any(|(uuid, links)| new.disks.get(uuid) != Some(links))
        {
            touched.extend(self.domains.keys().map(|uuid| GroupKey::Domain(*uuid)));
        }
        touched
    }

    /// All groups that there are.
    pub(super) fn keys(&self) -> BTreeSet<GroupKey> {
        let mut keys = BTreeSet::from([GroupKey::Host, GroupKey::Zone, GroupKey::Cluster]);
        keys.extend(self.networks.keys().map(|uuid| GroupKey::Network(*uuid)));
        keys.extend(self.links.bridges.iter().cloned().map(GroupKey::Bridge));
        keys.extend(self.pools.keys().map(|uuid| GroupKey::Pool(*uuid)));
        keys.extend(self.links.loose.keys().cloned().map(GroupKey::Volume));
        keys.extend(self.domains.keys().map(|uuid| GroupKey::Domain(*uuid)));
        keys.extend(self.quarantine.keys().cloned());
        keys
    }

    /// Everything that may have to be told: what there is, and what was told before.
    pub(super) fn every_key(&mut self) -> BTreeSet<GroupKey> {
        self.relink();
        let mut keys = self.keys();
        keys.extend(self.told.keys().cloned());
        keys.extend(self.told_quarantine.keys().cloned());
        keys
    }

    /// What has to be told after these groups, or what they hang on, may have changed.
    pub(super) fn changes(&mut self, mut touched: BTreeSet<GroupKey>) -> Changes {
        touched.extend(self.relink());
        if touched.iter().any(|key| matches!(key, GroupKey::Pool(_))) {
            // The sizes of a pool's volumes are those of the machines' disks.
            touched.extend(self.domains.keys().map(|uuid| GroupKey::Domain(*uuid)));
        }
        // What cannot be read of a thing has keys of its own.
        touched.extend(self.quarantine.keys().chain(self.told_quarantine.keys()).cloned());
        let mut changes = Changes::default();
        for key in touched {
            self.tell(key, false, &mut changes);
        }
        changes
    }

    /// Begins to tell everything anew.
    pub(super) fn forget_told(&mut self) {
        self.told.clear();
        self.told_quarantine.clear();
    }

    /// These groups, whether they differ from what was told or not.
    pub(super) fn page(&mut self, keys: &[GroupKey]) -> Changes {
        let mut changes = Changes::default();
        for key in keys {
            self.tell(key.clone(), true, &mut changes);
        }
        changes
    }

    fn tell(&mut self, key: GroupKey, always: bool, changes: &mut Changes) {
        if let Some(quarantine) = self.quarantine.get(&key) {
            self.told.remove(&key);
            if always || self.told_quarantine.get(&key) != Some(quarantine) {
                changes.quarantined.push((key.to_string(), quarantine.clone()));
                self.told_quarantine.insert(key, quarantine.clone());
            }
            return;
        }
        let was_in_quarantine = self.told_quarantine.remove(&key).is_some();
        match self.group(&key) {
            Some(group) => {
                let hash = hash(&group);
                if self.told.insert(key, hash) != Some(hash) || always || was_in_quarantine {
                    changes.observed.push(group);
                }
            }
            None => {
                if self.told.remove(&key).is_some() || was_in_quarantine {
                    changes.gone.push(key.to_string());
                }
            }
        }
    }

    /// The group as it is now; `None` when there is no such thing.
    fn group(&self, key: &GroupKey) -> Option<Group> {
        let place = &self.place;
        let members = match key {
            GroupKey::Host => vec![place.observed(place.host_key.clone(), host::host(place, &self.host), false)],
            GroupKey::Zone => vec![place.observed(ZONE_KEY.to_owned(), host::zone(place), true)],
            GroupKey::Cluster => {
                vec![place.observed(CLUSTER_KEY.to_owned(), host::cluster(place, &self.host), true)]
            }
            GroupKey::Network(uuid) => {
                let facts = self.networks.get(uuid)?;
                let (key, shared) = network::key(&place.host_key, &facts.definition);
                vec![place.observed(key, network::network(place, facts), shared)]
            }
            GroupKey::Bridge(name) => {
                let name = self.links.bridges.get(name)?;
                vec![place.observed(network::bridge_key(&place.host_key, name), network::bridge(place, name), false)]
            }
            GroupKey::Pool(uuid) => self.pool_members(self.pools.get(uuid)?),
            GroupKey::Volume(key) => {
                let (domain, disk) = self.links.loose.get(key)?;
                vec![self.loose_volume(self.link(*domain, *disk)?, *domain)?]
            }
            GroupKey::Domain(uuid) => self.domain_members(*uuid, self.domains.get(uuid)?),
            GroupKey::Unread(_) => return None,
        };
        let (unread, outlines) = (self.unread(key), self.outlines(key));
        Some(Group { unread, outlines, ..Group::new(key.to_string(), Family::Core, members) })
    }

    /// The volumes that their pool does not list: it knows more of them than the domains do.
    fn outlines(&self, key: &GroupKey) -> Vec<ObjectId> {
        let links: Vec<&Link> = match key {
            GroupKey::Domain(uuid) => self.links.disks.get(uuid).into_iter().flatten().collect(),
            GroupKey::Volume(key) => {
                self.links.loose.get(key).and_then(|(domain, disk)| self.link(*domain, *disk)).into_iter().collect()
            }
            _ => Vec::new(),
        };
        let unlisted = links.into_iter().filter(|link| matches!(link.home, Home::Unlisted(..)));
        unlisted.map(|link| self.place.ids.id(Kind::Volume, &link.key)).collect()
    }

    /// A domain's disk by its place among all of them.
    fn link(&self, domain: Uuid, disk: usize) -> Option<&Link> {
        self.links.disks.get(&domain)?.iter().find(|link| link.disk == disk)
    }

    /// What could not be read of a thing since the connection stands: it is not told, and yet not gone.
    fn unread(&self, key: &GroupKey) -> Vec<Kind> {
        match key {
            GroupKey::Pool(uuid) => {
                let partly = |pool: &PoolFacts| pool.volumes.is_none() || !pool.unreadable.is_empty();
                if self.pools.get(uuid).is_some_and(partly) { vec![Kind::Volume, Kind::Image] } else { Vec::new() }
            }
            GroupKey::Domain(uuid) if self.domains.get(uuid).is_some_and(|domain| domain.snapshots.is_none()) => {
                vec![Kind::Snapshot]
            }
            _ => Vec::new(),
        }
    }

    fn pool_members(&self, facts: &PoolFacts) -> Vec<Observed> {
        let place = &self.place;
        let (key, shared) = datastore::key(&place.host_key, &facts.definition);
        let datastore_id = place.ids.id(Kind::Datastore, &key).into();
        let mut members = vec![place.observed(key.clone(), datastore::datastore(place, facts), shared)];
        for volume in facts.volumes.iter().flatten() {
            let key = volume_key(&key, &volume.definition.name);
            let uses = self.links.uses_of(&key);
            let path = volume.definition.path.as_ref().unwrap_or(&volume.key);
            let is_base = self.links.backing.contains(path) && !self.links.chains.contains(path);
            members.push(if uses.is_empty() && (is_base || image::is_iso(volume)) {
                place.observed(key, image::image(place, datastore_id, volume), shared)
            } else {
                place.observed(key, volume::pooled(place, datastore_id, volume, uses, shared), shared)
            });
        }
        members
    }

    fn loose_volume(&self, link: &Link, domain: Uuid) -> Option<Observed> {
        let definition = &self.domains.get(&domain)?.definition;
        let disk = definition.disks.get(link.disk)?;
        let size = self.size_of(domain, disk.target_dev.as_deref());
        let place = &self.place;
        let (datastore_id, shared) = match &link.home {
            Home::Unlisted(datastore, shared) => (Some(place.ids.id(Kind::Datastore, datastore).into()), *shared),
            home => (None, *home == Home::Network),
        };
        let volume = volume::loose(place, disk, self.links.uses_of(&link.key), size, (datastore_id, shared))?;
        Some(place.observed(link.key.clone(), volume, shared))
    }

    fn size_of(&self, domain: Uuid, target: Option<&str>) -> DiskSize {
        target.and_then(|target| self.sizes.get(&(domain, target.to_owned()))).copied().unwrap_or_default()
    }

    fn domain_members(&self, uuid: Uuid, facts: &DomainFacts) -> Vec<Observed> {
        let place = &self.place;
        let links = self.links.disks.get(&uuid).map_or(&[][..], Vec::as_slice);
        let disks: Vec<VmDisk> = links.iter().map(|link| self.vm_disk(uuid, facts, link)).collect();
        let (nics, hostname) = self.nics(uuid, facts);
        let ids: Vec<_> = nics.iter().map(|(key, nic)| (place.ids.id(Kind::Nic, key).into(), nic)).collect();
        let vm = vm::vm(place, facts, &disks, &ids, hostname);
        let mut members = vec![place.observed(uuid.to_string(), vm, false)];
        members.extend(nics.into_iter().map(|(key, nic)| place.observed(key, nic, false)));
        for facts in facts.snapshots.iter().flatten() {
            let key = snapshot::key(uuid, &facts.definition.name);
            members.push(place.observed(key, snapshot::snapshot(place, uuid, facts), false));
        }
        for link in links.iter().filter(|link| matches!(link.home, Home::Host | Home::Unlisted(_, false))) {
            // Of a file that two domains use both tell the same, or each would contradict the other.
            let first = self.links.uses_of(&link.key).first().map_or(uuid, |one| one.vm);
            let of_first = self.links.disks.get(&first).and_then(|links| links.iter().find(|l| l.key == link.key));
            members.extend(self.loose_volume(of_first.unwrap_or(link), first));
        }
        members.dedup_by(|a, b| a.id == b.id);
        members
    }

    fn vm_disk(&self, uuid: Uuid, facts: &DomainFacts, link: &Link) -> VmDisk {
        let volume_id = self.place.ids.id(Kind::Volume, &link.key).into();
        match &link.home {
            Home::Pool(pool, datastore_key, index) => {
                let volume = self.pools.get(pool).and_then(|pool| pool.volumes.as_ref()?.get(*index));
                let size = volume.map_or_else(DiskSize::default, |volume| DiskSize {
                    capacity_bytes: volume.definition.capacity_bytes,
                    allocated_bytes: volume.definition.allocation_bytes,
                });
                let datastore_id = Some(self.place.ids.id(Kind::Datastore, datastore_key).into());
                VmDisk { volume_id, datastore_id, size }
            }
            home => {
                let size = self.size_of(uuid, facts.definition.disks[link.disk].target_dev.as_deref());
                let datastore_id = match home {
                    Home::Unlisted(datastore, _) => Some(self.place.ids.id(Kind::Datastore, datastore).into()),
                    _ => None,
                };
                VmDisk { volume_id, datastore_id, size }
            }
        }
    }

    /// The interfaces with their keys, and the name that the guest told a DHCP server.
    fn nics(&self, uuid: Uuid, facts: &DomainFacts) -> (Vec<(String, Nic)>, Option<String>) {
        let interfaces = &facts.definition.interfaces;
        let vm_id = self.place.vm_id(uuid);
        let mut hostname = None;
        let mut nics = Vec::with_capacity(interfaces.len());
        for (index, interface) in interfaces.iter().enumerate() {
            // A lease outlives the machine that had it.
            let mac = interface.mac.as_ref().filter(|_| facts.is_active());
            let leased = mac.and_then(|mac| self.links.leases.get(mac)).cloned().unwrap_or_default();
            hostname = hostname.or(leased.hostname);
            let network_id = self.network_of(plug(interface));
            let key = nic::key(uuid, interfaces, index);
            nics.push((key, nic::nic(vm_id, index, interface, network_id, leased.addresses)));
        }
        (nics, hostname)
    }

    fn network_of(&self, plug: Plug<'_>) -> Option<NetworkId> {
        let place = &self.place;
        match plug {
            Plug::Network(name) => self.links.networks.get(name).map(|key| place.network_id(key)),
            Plug::Bridge(bridge) => Some(match self.links.network_bridges.get(bridge) {
                Some(key) => place.network_id(key),
                None => nic::bridge_id(place, bridge),
            }),
            Plug::Nothing => None,
        }
    }
}

/// A hash of everything that a group says.
fn hash(group: &Group) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for member in &group.members {
        hasher.update(member.id.0.as_bytes());
        // The nouns always can be written as JSON; one that cannot is put aside by `sync`, with this reason.
        match member.object.to_json() {
            Ok(json) => hasher.update(&json),
            Err(error) => hasher.update(error.to_string().as_bytes()),
        };
    }
    for kind in &group.unread {
        hasher.update(kind.as_str().as_bytes());
    }
    for id in &group.outlines {
        hasher.update(id.0.as_bytes());
    }
    hasher.finalize()
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
