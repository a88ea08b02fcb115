//! How the things of a host hang together: which volume a disk is, who uses a volume, which network a bridge is.
//!
//! Built anew from everything that is held after each change, so that it cannot go stale; comparing the new with the old
//! tells which other groups a change touches.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kvm::xml::{Disk, DiskSource, NetworkProtocol, PoolXml};
use uuid::Uuid;

use super::facts::{DomainFacts, NetworkFacts, PoolFacts};
use super::normalize::nic::{Plug, plug};
use super::normalize::volume::{Use, is_volume, loose_key};
use super::normalize::{datastore, network};

/// A virtual disk of a domain.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Link {
    /// Its place among the domain's disks.
    pub(super) disk: usize,
    /// The key of the volume's id.
    pub(super) key: String,
    /// Where the volume is held.
    pub(super) home: Home,
}

/// Where a volume is held.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Home {
    /// In a pool: its UUID, the key of the datastore, the place among the pool's volumes.
    Pool(Uuid, String, usize),
    /// By its path in a pool that does not list it, since it is stopped or has not been refreshed yet: the key of the
    /// datastore, and whether hosts share that. Its id is the one that it has once it is listed.
    Unlisted(String, bool),
    /// In no pool, on this host alone: with the domains that use it.
    Host,
    /// In no pool, on the network: by itself.
    Network,
}

/// What a DHCP server told of a MAC address.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Leased {
    pub(super) addresses: Vec<String>,
    pub(super) hostname: Option<String>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Links {
    /// The virtual disks of each domain, in the order of their devices.
    pub(super) disks: BTreeMap<Uuid, Vec<Link>>,
    /// Who uses a volume, by its key.
    pub(super) uses: BTreeMap<String, Vec<Use>>,
    /// Volumes that no pool lists and other hosts can have too: a domain and the place of a disk that describe it.
    pub(super) loose: BTreeMap<String, (Uuid, usize)>,
    /// Paths that other images are backed by.
    pub(super) backing: BTreeSet<String>,
    /// Paths that belong to the snapshots of one domain.
    pub(super) chains: BTreeSet<String>,
    /// Bridges of the host that interfaces are in, which are no libvirt network.
    pub(super) bridges: BTreeSet<String>,
    /// Keys of networks by name.
    pub(super) networks: HashMap<String, String>,
    /// Keys of networks by their bridge.
    pub(super) network_bridges: HashMap<String, String>,
    /// Addresses by MAC address.
    pub(super) leases: HashMap<String, Leased>,
}

impl Links {
    pub(super) fn new(
        host_key: &str,
        domains: &BTreeMap<Uuid, DomainFacts>,
        networks: &BTreeMap<Uuid, NetworkFacts>,
        pools: &BTreeMap<Uuid, PoolFacts>,
    ) -> Self {
        let mut links = Self::default();
        links.add_networks(host_key, networks);
        let shelves = Shelves::new(host_key, pools);
        links.backing = pools
            .values()
            .flat_map(|pool| pool.volumes.iter().flatten())
            .filter_map(|volume| volume.definition.backing.as_ref()?.path.clone())
            .collect();
        for (uuid, facts) in domains {
            links.add_domain(host_key, *uuid, facts, &shelves);
        }
        for uses in links.uses.values_mut() {
            uses.sort();
        }
        links
    }

    fn add_networks(&mut self, host_key: &str, networks: &BTreeMap<Uuid, NetworkFacts>) {
        for facts in networks.values() {
            let (key, _) = network::key(host_key, &facts.definition);
            if let Some(bridge) = &facts.definition.bridge {
                self.network_bridges.entry(bridge.clone()).or_insert_with(|| key.clone());
            }
            self.networks.insert(facts.definition.name.clone(), key);
            for lease in facts.leases.iter().flatten() {
                let leased = self.leases.entry(lease.mac.clone()).or_default();
                leased.addresses.push(lease.address.clone());
                leased.hostname = leased.hostname.take().or_else(|| lease.hostname.clone());
            }
        }
    }

    fn add_domain(&mut self, host_key: &str, uuid: Uuid, facts: &DomainFacts, shelves: &Shelves) {
        let definition = &facts.definition;
        let mut own = Vec::new();
        for (index, disk) in definition.disks.iter().enumerate() {
            self.backing
                .extend(disk.backing.iter().filter_map(|image| path(image.source.as_ref()?)).map(str::to_owned));
            let Some(source) = disk.source.as_ref().filter(|_| is_volume(disk)) else { continue };
            let (key, home) = match shelves.find(source) {
                Some(found) => found,
                None => match loose_key(host_key, source) {
                    (key, true) => (key, Home::Network),
                    (key, false) => (key, Home::Host),
                },
            };
            if matches!(home, Home::Network | Home::Unlisted(_, true)) {
                self.loose.entry(key.clone()).or_insert((uuid, index));
            }
            self.uses.entry(key.clone()).or_default().push(use_of(uuid, disk));
            own.push(Link { disk: index, key, home });
        }
        self.disks.insert(uuid, own);
        for snapshot in facts.snapshots.iter().flatten() {
            let at_that_time = snapshot.definition.domain.iter().flat_map(|domain| &domain.disks);
            let sources = at_that_time.filter_map(|disk| disk.source.as_ref());
            let overlays = snapshot.definition.disks.iter().filter_map(|disk| disk.source.as_ref());
            self.chains.extend(sources.chain(overlays).filter_map(path).map(str::to_owned));
        }
        for interface in &definition.interfaces {
            if let Plug::Bridge(bridge) = plug(interface)
                && !self.network_bridges.contains_key(bridge)
            {
                self.bridges.insert(bridge.to_owned());
            }
        }
    }

    pub(super) fn uses_of(&self, key: &str) -> &[Use] {
        self.uses.get(key).map_or(&[], Vec::as_slice)
    }

    /// Whether volumes are used or classified otherwise than in `other`.
    pub(super) fn differ_in_storage(&self, other: &Self) -> bool {
        self.uses != other.uses || self.backing != other.backing || self.chains != other.chains
    }
}

fn use_of(vm: Uuid, disk: &Disk) -> Use {
    Use {
        vm,
        device: disk.target_dev.clone().unwrap_or_default(),
        bus: disk.target_bus.clone(),
        read_only: disk.readonly,
        shareable: disk.shareable,
    }
}

fn path(source: &DiskSource) -> Option<&str> {
    match source {
        DiskSource::File { path } | DiskSource::Block { path } | DiskSource::Dir { path } => Some(path),
        _ => None,
    }
}

/// The volumes of all pools, by each way in which a disk can name one.
#[derive(Default)]
struct Shelves {
    by_path: HashMap<String, (String, Home)>,
    by_name: HashMap<(String, String), (String, Home)>,
    /// `rbd:pool/image`, `gluster:volume/file`.
    by_network: HashMap<String, (String, Home)>,
    /// Pools by the folder that their volumes are files of; of several the first.
    by_folder: HashMap<String, Shelf>,
    /// Pools by their names.
    pools: HashMap<String, Shelf>,
    /// Pools by what they are on the network: `rbd:pool`.
    networks: HashMap<String, Shelf>,
}

/// A pool, for the volumes that it does not list.
#[derive(Clone)]
struct Shelf {
    pool: Uuid,
    datastore_key: String,
    shared: bool,
}

impl Shelf {
    fn unlisted(&self, name: &str) -> (String, Home) {
        (volume_key(&self.datastore_key, name), Home::Unlisted(self.datastore_key.clone(), self.shared))
    }
}

impl Shelves {
    fn new(host_key: &str, pools: &BTreeMap<Uuid, PoolFacts>) -> Self {
        let mut shelves = Self::default();
        for (uuid, pool) in pools {
            let definition = &pool.definition;
            let (datastore_key, shared) = datastore::key(host_key, definition);
            let shelf = Shelf { pool: *uuid, datastore_key: datastore_key.clone(), shared };
            if let Some(folder) = folder(definition) {
                shelves.by_folder.entry(folder.to_owned()).or_insert_with(|| shelf.clone());
            }
            if let Some(network) = on_network(definition) {
                shelves.networks.entry(network).or_insert_with(|| shelf.clone());
            }
            shelves.pools.insert(definition.name.clone(), shelf);
            for (index, volume) in pool.volumes.iter().flatten().enumerate() {
                let definition = &volume.definition;
                let entry =
                    (volume_key(&datastore_key, &definition.name), Home::Pool(*uuid, datastore_key.clone(), index));
                for path in [Some(&volume.key), definition.path.as_ref()].into_iter().flatten() {
                    // A file that two pools show is the first one's.
                    shelves.by_path.entry(path.clone()).or_insert_with(|| entry.clone());
                }
                if let Some(network) = on_network(&pool.definition) {
                    let name = format!("{network}/{}", definition.name);
                    shelves.by_network.entry(name).or_insert_with(|| entry.clone());
                }
                shelves.by_name.insert((pool.definition.name.clone(), definition.name.clone()), entry);
            }
        }
        shelves
    }

    fn find(&self, source: &DiskSource) -> Option<(String, Home)> {
        match source {
            DiskSource::Volume { pool, volume, .. } => {
                let listed = self.by_name.get(&(pool.clone(), volume.clone())).cloned();
                listed.or_else(|| Some(self.pools.get(pool)?.unlisted(volume)))
            }
            DiskSource::Network { protocol, name: Some(name), snapshot: None, .. } => {
                let kind = match protocol {
                    NetworkProtocol::Rbd => "rbd",
                    NetworkProtocol::Gluster => "gluster",
                    _ => return None,
                };
                let name = format!("{kind}:{}", name.trim_start_matches('/'));
                self.by_network.get(&name).cloned().or_else(|| {
                    let (network, volume) = name.rsplit_once('/')?;
                    Some(self.networks.get(network)?.unlisted(volume))
                })
            }
            DiskSource::File { path } | DiskSource::Block { path } => {
                let listed = self.by_path.get(path);
                let (folder, name) = path.rsplit_once('/')?;
                // Whether the pool that comes first runs or not must make no difference.
                let before = |shelf: &&Shelf| match listed {
                    Some((_, Home::Pool(pool, ..))) => shelf.pool < *pool,
                    _ => true,
                };
                let shelf = self.by_folder.get(folder).filter(before);
                shelf.map(|shelf| shelf.unlisted(name)).or_else(|| listed.cloned())
            }
            other => self.by_path.get(path(other)?).cloned(),
        }
    }
}

/// The folder that a pool's volumes are in by their names. Stopped pools have it, too. Not those of which the folder is one
/// for all devices of the host.
fn folder(definition: &PoolXml) -> Option<&str> {
    let by_name = matches!(definition.kind.as_str(), "dir" | "fs" | "netfs" | "logical");
    let folder = definition.target_path.as_deref().filter(|_| by_name)?.trim_end_matches('/');
    (!folder.is_empty()).then_some(folder)
}

/// What disks call a pool whose volumes they name over the network: `rbd:pool`.
fn on_network(definition: &PoolXml) -> Option<String> {
    let source = definition.source.name.as_ref()?;
    let kind = definition.kind.as_str();
    matches!(kind, "rbd" | "gluster").then(|| format!("{kind}:{source}"))
}

/// The key of a pool's volume. By its name, since a shared pool is mounted elsewhere on every host.
pub(super) fn volume_key(datastore_key: &str, name: &str) -> String {
    format!("{datastore_key}/{name}")
}
