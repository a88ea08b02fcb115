//! What is held of the platform: every object's asked properties, packed, and how objects hang together.
//!
//! Normalization needs more than the object itself (the zone is found through its parents, the cluster of a machine through
//! its host), and an update says only what changed; so everything is held. A machine costs 1 – 2 KiB.
//!
//! Invariant: [`State::dependants`] names every object whose translation can differ after a change of another one.

use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;

use vsphere::{DeltaError, MissingProperty, MoRef, ObjectState, ObjectUpdate, UpdateKind, Value};

use super::pack::Packer;
use super::poll::Applied;
use super::properties::{Kept, Part};

/// The value of a managed object reference: `vm-42`.
pub(super) type Key = Arc<str>;

/// What port groups of standard switches read of their hosts.
const PORT_GROUPS: &str = "config.network.portgroup";

/// How long a chain of parents may be. vCenter has no such limit, but a circle must not hold us.
const DEPTH_LIMIT: usize = 64;

/// One held object.
#[derive(Debug)]
struct Entry {
    object: MoRef,
    name: Box<str>,
    parent: Option<Key>,
    /// Of a machine: the host. Of a port group: the switch.
    host: Option<Key>,
    packed: Box<[u8]>,
    /// Of a host: what networks read of it. Of a switch: all of it.
    networking: u64,
    missing: Vec<MissingProperty>,
    /// The load in which it was last seen.
    load: u32,
    /// When the watch last told of it, in its own count.
    touched: u64,
}

/// What is held.
#[derive(Debug, Default)]
pub(super) struct State {
    entries: HashMap<Key, Entry>,
    packer: Packer,
    /// Custom attributes' names by their keys.
    fields: HashMap<i32, String>,
    /// The tags of objects.
    tags: HashMap<Key, Vec<String>>,
    /// The storage policies of machines.
    policies: HashMap<Key, Applied>,
    load: u32,
    clock: u64,
}

/// What a change of one object means for others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Impact {
    /// Name or parent changed: those below are elsewhere now.
    moved: bool,
    /// Something that networks read of a host or switch changed.
    network: bool,
    /// A network came that machines know by another key than its reference.
    alias: bool,
}

impl Impact {
    /// Whether other objects can be concerned.
    pub(super) fn matters(self) -> bool {
        self != Self::default()
    }
}

impl State {
    /// A load begins: what is not seen until its end is gone.
    pub(super) fn load_begin(&mut self) {
        self.load += 1;
    }

    /// A load ended: lets go of what was not seen in it.
    pub(super) fn load_end(&mut self) {
        let load = self.load;
        self.entries.retain(|_, entry| entry.load == load);
    }

    /// What the held properties take, bytes, without the maps around them.
    pub(super) fn packed_bytes(&self) -> usize {
        self.entries.values().map(|entry| entry.packed.len()).sum()
    }

    /// How many objects are held.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Every held object.
    pub(super) fn objects(&self) -> impl Iterator<Item = &MoRef> {
        self.entries.values().map(|entry| &entry.object)
    }

    /// The count of the watch's updates: an object touched later than a moment's count has changed since.
    pub(super) fn clock(&self) -> u64 {
        self.clock
    }

    /// An update set came.
    pub(super) fn tick(&mut self) {
        self.clock += 1;
    }

    /// Whether the watch told of an object after `clock`.
    pub(super) fn touched_since(&self, key: &str, clock: u64) -> bool {
        self.entries.get(key).is_some_and(|entry| entry.touched > clock)
    }

    /// Applies an update of the watch. Answers also with the object as it is now.
    ///
    /// # Errors
    /// When it cannot be applied: the object must be read again.
    pub(super) fn apply(&mut self, update: &ObjectUpdate) -> Result<(Impact, ObjectState), DeltaError> {
        // One that enters begins anew.
        let held = if update.kind == UpdateKind::Modify { self.get(&update.object.value) } else { None };
        let mut state = held.unwrap_or_else(|| ObjectState::new(update.object.clone()));
        state.apply(update)?;
        Ok((self.put(&state), state))
    }

    /// Holds an object as it was read.
    pub(super) fn put(&mut self, state: &ObjectState) -> Impact {
        let object = state.object();
        let reference = |path: &str| state.moref(path).map(|reference| Arc::clone(&reference.value));
        let packed = self.packer.pack(Part::all_of(state));
        let name = state.str("name").unwrap_or_default();
        let parent = reference("parent").or_else(|| reference("parentVApp"));
        let networking = self.networking(state, &packed);
        let before = self.entries.get(&object.value);
        let holds_others = !object.is("VirtualMachine") && !object.is("Datastore") && !is_network(object);
        let impact = Impact {
            moved: holds_others && before.is_none_or(|before| *before.name != *name || before.parent != parent),
            network: before.map_or(0, |before| before.networking) != networking,
            alias: before.is_none() && is_network(object) && has_other_key(state),
        };
        let entry = Entry {
            object: object.clone(),
            name: name.into(),
            parent,
            host: reference("runtime.host").or_else(|| reference("config.distributedVirtualSwitch")),
            packed,
            networking,
            missing: state.missing().to_vec(),
            load: self.load,
            touched: self.clock,
        };
        self.entries.insert(Arc::clone(&object.value), entry);
        impact
    }

    /// A hash of what networks read of an object; 0 of objects that they read nothing of.
    fn networking(&mut self, state: &ObjectState, packed: &[u8]) -> u64 {
        let mut hasher = std::hash::DefaultHasher::new();
        if state.object().is("HostSystem") {
            let Some(groups) = state.get(PORT_GROUPS) else { return 0 };
            let name = vsphere::Name::new(PORT_GROUPS);
            let part = Part { name: &name, value: groups, kept: Kept::of(PORT_GROUPS) };
            self.packer.pack([part]).hash(&mut hasher);
        } else if state.object().kind.ends_with("DistributedVirtualSwitch") {
            packed.hash(&mut hasher);
        } else {
            return 0;
        }
        hasher.finish()
    }

    /// Whether an object that was read equals the held one.
    pub(super) fn equals(&mut self, state: &ObjectState) -> bool {
        let packed = self.packer.pack(Part::all_of(state));
        self.entries.get(&state.object().value).is_some_and(|entry| entry.packed == packed)
    }

    /// Lets go of an object.
    pub(super) fn remove(&mut self, key: &str) -> bool {
        self.entries.remove(key).is_some()
    }

    /// An object's held properties.
    pub(super) fn get(&self, key: &str) -> Option<ObjectState> {
        let entry = self.entries.get(key)?;
        let properties = self.packer.unpack(&entry.packed);
        Some(ObjectState::from_parts(entry.object.clone(), properties, entry.missing.clone()))
    }

    /// Whether an object is held, and its reference.
    pub(super) fn object(&self, key: &str) -> Option<&MoRef> {
        self.entries.get(key).map(|entry| &entry.object)
    }

    /// An object's name as the platform writes it.
    pub(super) fn name(&self, key: &str) -> Option<&str> {
        self.entries.get(key).map(|entry| &*entry.name)
    }

    /// An object's parent.
    pub(super) fn parent(&self, key: &str) -> Option<&MoRef> {
        let parent = self.entries.get(key)?.parent.as_ref()?;
        self.object(parent)
    }

    /// The chain of what an object is in, from the nearest on, without itself.
    pub(super) fn ancestors<'a>(&'a self, key: &str) -> impl Iterator<Item = &'a MoRef> {
        std::iter::successors(self.parent(key), |object| self.parent(&object.value)).take(DEPTH_LIMIT)
    }

    /// The datacenter that an object is in.
    pub(super) fn datacenter(&self, key: &str) -> Option<&MoRef> {
        self.ancestors(key).find(|object| object.is("Datacenter"))
    }

    /// The compute resource that a host or pool is in.
    pub(super) fn compute_resource(&self, key: &str) -> Option<&MoRef> {
        self.ancestors(key).find(|object| object.kind.ends_with("ComputeResource"))
    }

    /// The name of a custom attribute.
    pub(super) fn field_name(&self, key: i32) -> Option<&str> {
        self.fields.get(&key).map(String::as_str)
    }

    /// The custom attributes' names changed; whether they did.
    pub(super) fn set_fields(&mut self, fields: &Value) -> bool {
        let fields: HashMap<_, _> = fields
            .items()
            .filter_map(|field| Some((field.get("key")?.as_i32()?, field.get("name")?.as_str()?.to_owned())))
            .collect();
        let differ = fields != self.fields;
        self.fields = fields;
        differ
    }

    /// The ids of the tags of an object, sorted.
    pub(super) fn tags(&self, key: &str) -> &[String] {
        self.tags.get(key).map_or(&[], Vec::as_slice)
    }

    /// The tags of all objects as they are now; answers the held objects for which that is news.
    pub(super) fn set_tags(&mut self, tags: HashMap<Key, Vec<String>>) -> Vec<Key> {
        let before = std::mem::replace(&mut self.tags, tags);
        self.held_that_differ(&before, &self.tags)
    }

    /// The storage policies of a machine.
    pub(super) fn policies(&self, key: &str) -> Option<&Applied> {
        self.policies.get(key)
    }

    /// The storage policies of all machines as they are now; answers the held ones for which that is news.
    pub(super) fn set_policies(&mut self, policies: HashMap<Key, Applied>) -> Vec<Key> {
        let before = std::mem::replace(&mut self.policies, policies);
        self.held_that_differ(&before, &self.policies)
    }

    /// The held objects of which two maps say something different.
    fn held_that_differ<T: PartialEq>(&self, before: &HashMap<Key, T>, now: &HashMap<Key, T>) -> Vec<Key> {
        let keys: BTreeSet<&Key> = before.keys().chain(now.keys()).collect();
        let differ = keys.into_iter().filter(|key| before.get(*key) != now.get(*key));
        differ.filter(|key| self.entries.contains_key(*key)).cloned().collect()
    }

    /// The objects whose translation depends on this one, after a change of it.
    pub(super) fn dependants(&self, object: &MoRef, impact: Impact) -> Vec<Key> {
        let mut dependants = Vec::new();
        let key = &*object.value;
        if impact.network {
            // Port groups read names and VLANs of their hosts and switches.
            let networks = self.entries.iter().filter(|(_, entry)| is_network(&entry.object));
            let of_host = object.is("HostSystem");
            let affected = networks.filter(|(_, entry)| match entry.host.as_deref() {
                Some(switch) => switch == key,
                None => of_host,
            });
            dependants.extend(affected.map(|(key, _)| Arc::clone(key)));
        }
        if impact.moved {
            let below = self.entries.iter().filter(|(below, entry)| {
                entry.host.as_deref() == Some(key) || self.ancestors(below).any(|ancestor| &*ancestor.value == key)
            });
            dependants.extend(below.map(|(key, _)| Arc::clone(key)));
        }
        if impact.alias {
            let machines = self.entries.iter().filter(|(_, entry)| entry.object.is("VirtualMachine"));
            let named = |key: &Key| {
                self.get(key).is_some_and(|vm| vm.all("network").any(|n| n.as_str() == Some(&*object.value)))
            };
            dependants.extend(machines.map(|(key, _)| key).filter(|key| named(key)).cloned());
        }
        dependants
    }

    /// Objects with custom attributes: after a change of the attributes' names.
    pub(super) fn with_attributes(&self) -> Vec<Key> {
        let with = |key: &&Key| self.get(key).is_some_and(|state| state.all("customValue").next().is_some());
        self.entries.keys().filter(with).cloned().collect()
    }
}

/// Whether machines know a network by something else than its reference.
fn has_other_key(network: &ObjectState) -> bool {
    network.object().is("OpaqueNetwork") || network.str("key").is_some_and(|key| *key != *network.object().value)
}

/// Whether an object is a network.
pub(super) fn is_network(object: &MoRef) -> bool {
    object.is("Network") || object.is("OpaqueNetwork") || object.is("DistributedVirtualPortgroup")
}

#[cfg(test)]
mod tests {
    use super::super::normalize::testing::{held, of};
    use super::*;

    fn inventory() -> State {
        held([
            of("Datacenter", "datacenter-2").text("name", "DC"),
            of("Folder", "group-v3").text("name", "vm").reference("parent", "Datacenter", "datacenter-2"),
            of("Folder", "group-v9").text("name", "Prod").reference("parent", "Folder", "group-v3"),
            of("ClusterComputeResource", "domain-c7").text("name", "C"),
            of("HostSystem", "host-1").text("name", "h1").reference("parent", "ClusterComputeResource", "domain-c7"),
            of("Network", "network-5").text("name", "lan"),
            of("VirtualMachine", "vm-1").text("name", "one").reference("parent", "Folder", "group-v9").reference(
                "runtime.host",
                "HostSystem",
                "host-1",
            ),
        ])
    }

    #[test]
    fn chains_of_parents_are_followed() {
        let state = inventory();
        let kinds: Vec<_> = state.ancestors("vm-1").map(|object| object.id().to_owned()).collect();
        assert_eq!(kinds, ["group-v9", "group-v3", "datacenter-2"]);
        assert_eq!(state.datacenter("vm-1").map(MoRef::id), Some("datacenter-2"));
        assert_eq!(state.compute_resource("host-1").map(MoRef::id), Some("domain-c7"));
    }

    #[test]
    fn a_circle_of_parents_ends() {
        let state = held([
            of("Folder", "a").reference("parent", "Folder", "b"),
            of("Folder", "b").reference("parent", "Folder", "a"),
        ]);
        assert!(state.datacenter("a").is_none());
    }

    #[test]
    fn what_depends_on_a_change_is_named() {
        let mut state = inventory();
        let mut check = |object: super::super::normalize::testing::Sample, expected: &[&str]| {
            let object = object.state();
            let impact = state.put(&object);
            let mut dependants = state.dependants(object.object(), impact);
            dependants.sort();
            assert_eq!(dependants.iter().map(|key| &**key).collect::<Vec<_>>(), expected, "{object:?}");
        };
        let folder = || of("Folder", "group-v9").reference("parent", "Folder", "group-v3");
        check(folder().text("name", "Prod"), &[]);
        check(folder().text("name", "Production"), &["vm-1"]);
        let host = || of("HostSystem", "host-1").text("name", "h1").reference("parent", "Folder", "group-v3");
        check(host(), &["vm-1"]);
        check(host().text("runtime.inMaintenanceMode", "true"), &[]);
        let group = vsphere::Object::untyped().with("key", "lan");
        check(host().values("config.network.portgroup", vec![group]), &["network-5"]);
        check(of("VirtualMachine", "vm-1").text("name", "renamed"), &[]);
    }

    #[test]
    fn only_objects_with_other_tags_are_news() {
        let mut state = inventory();
        let tags = |list: &[(&str, &str)]| {
            list.iter().map(|(key, tag)| (Key::from(*key), vec![(*tag).to_owned()])).collect::<HashMap<_, _>>()
        };
        assert_eq!(state.set_tags(tags(&[("vm-1", "a"), ("vm-77", "a")])), [Key::from("vm-1")]);
        assert!(state.set_tags(tags(&[("vm-1", "a")])).is_empty());
        assert_eq!(state.set_tags(tags(&[])), [Key::from("vm-1")]);
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod model;
