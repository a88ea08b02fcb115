//! The view against a plain model: whatever was told, in whatever order, with restarts in between, what is stored equals
//! what the sources hold.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;

use super::*;
use crate::model::datastore::{DatastoreState, HostAccess};
use crate::model::vm::PowerState;
use crate::model::{Datastore, HostId, Snapshot, Vm};

/// What is stored: what the store would have after all effects.
#[derive(Clone, Default)]
struct Rows(HashMap<ObjectId, (SourceId, Family, String, ContentHash, Object)>);

impl Rows {
    fn apply(&mut self, view: &View, mut effects: Effects) {
        view.settle(&mut effects);
        for put in effects.puts {
            let row = (put.source_id, put.family, put.group_key.to_string(), put.hash, put.object.as_ref().clone());
            self.0.insert(put.id, row);
        }
        for (id, kind) in effects.deletes {
            let row = self.0.remove(&id).expect("only what is stored is deleted");
            assert_eq!(row.4.kind(), kind);
        }
    }

    fn reload(&self, sources: &[SourceId]) -> View {
        let rows = self.0.iter().map(|(id, (source_id, family, group_key, hash, object))| StoredRow {
            source_id: *source_id,
            kind: object.kind(),
            family: *family,
            group_key: group_key.clone(),
            id: *id,
            hash: *hash,
        });
        View::new(sources.iter().copied(), rows)
    }
}

fn vm(name: &str, power_state: PowerState) -> Object {
    let text = serde_json::json!({
        "power_state": power_state, "name": name, "condition": "ok", "vcpu_count": 1, "memory_mib": 64,
        "guest_agent": "unknown", "ip_addresses": [], "mac_addresses": [], "persistent": true, "volume_count": 0,
        "nic_count": 0, "snapshot_count": 0, "storage_provisioned_bytes": 0, "datastore_ids": [], "network_ids": [],
        "volume_ids": [], "nic_ids": [], "tag_ids": [], "attributes": {}, "native": {},
    });
    Object::from(serde_json::from_value::<Vm>(text).expect("a machine"))
}

fn snapshot(name: &str, vm: ObjectId) -> Object {
    let text = serde_json::json!({"name": name, "vm_id": vm.0, "current": true, "vm_state": "running", "native": {}});
    Object::from(serde_json::from_value::<Snapshot>(text).expect("a snapshot"))
}

fn datastore(name: &str, host: ObjectId) -> Object {
    Object::from(Datastore {
        state: DatastoreState::Accessible,
        name: name.to_owned(),
        zone_id: None,
        parent_id: None,
        datastore_cluster: false,
        technology: "nfs".to_owned(),
        shared: false,
        capacity_bytes: None,
        free_bytes: None,
        provisioned_bytes: None,
        location: None,
        hosts: vec![HostAccess { host_id: host.into(), accessible: true, writable: None }],
        tag_ids: Vec::new(),
        native: serde_json::Map::new(),
    })
}

/// What one source holds of one machine.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    version: u8,
    running: bool,
    snapshots: u8,
}

#[derive(Clone, Debug)]
enum Step {
    /// The source's platform changes, and tells.
    Tell { source: usize, vm: usize, told: Told },
    /// The machine is gone from the source, and it tells.
    Gone { source: usize, vm: usize },
    /// Changes without notice; the next complete read finds it.
    Silent { source: usize, vm: usize, told: Option<Told> },
    /// The source reads everything.
    Load { source: usize },
    /// The gateway restarts; the sources then read everything.
    Restart,
}

fn told() -> impl Strategy<Value = Told> {
    (0..3_u8, any::<bool>(), 0..3_u8).prop_map(|(version, running, snapshots)| Told { version, running, snapshots })
}

fn steps(sources: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..sources, 0..4_usize, told()).prop_map(|(source, vm, told)| Step::Tell { source, vm, told }),
        3 => (0..sources, 0..4_usize).prop_map(|(source, vm)| Step::Gone { source, vm }),
        2 => (0..sources, 0..4_usize, proptest::option::of(told()))
            .prop_map(|(source, vm, told)| Step::Silent { source, vm, told }),
        1 => (0..sources).prop_map(|source| Step::Load { source }),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..40)
}

/// The view, what is stored, and the truth of the platforms.
struct World {
    sources: Vec<SourceId>,
    ids: Vec<ObjectId>,
    snapshot_ids: HashMap<(usize, u8), ObjectId>,
    truth: Vec<BTreeMap<usize, Told>>,
    view: View,
    rows: Rows,
}

impl World {
    fn new(count: usize) -> Self {
        let sources: Vec<SourceId> = (0..count).map(|_| SourceId::generate()).collect();
        let view = View::new(sources.iter().copied(), []);
        let ids: Vec<ObjectId> = (0..4).map(|_| ObjectId::generate()).collect();
        let snapshot_ids = (0..4).flat_map(|vm| (0..3).map(move |n| ((vm, n), ObjectId::generate()))).collect();
        let mut world =
            Self { truth: vec![BTreeMap::new(); count], sources, ids, snapshot_ids, view, rows: Rows::default() };
        for source in 0..count {
            world.load(source);
        }
        world
    }

    fn group(&self, source: usize, vm_index: usize, told: &Told) -> Group {
        let state = if told.running { PowerState::Running } else { PowerState::Stopped };
        let root = Observed {
            key: format!("vm-{vm_index}"),
            id: self.ids[vm_index],
            object: vm(&format!("{source}-{}", told.version), state),
            shared_by: None,
        };
        let snapshots = (0..told.snapshots).map(|n| Observed {
            key: format!("vm-{vm_index}/{n}"),
            id: self.snapshot_ids[&(vm_index, n)],
            object: snapshot(&format!("{source}"), self.ids[vm_index]),
            shared_by: None,
        });
        let members = std::iter::once(root).chain(snapshots).collect();
        Group::new(format!("vm-{vm_index}"), Family::Core, members)
    }

    /// A host of the source, always there: a complete read is never empty.
    fn host_group(source: usize) -> Group {
        Group::new(format!("host-{source}"), Family::Core, Vec::new())
    }

    fn change(&mut self, change: impl FnOnce(&mut View, ReadObject<'_>, &mut Effects)) {
        let stored = self.rows.0.clone();
        let read = move |_: Kind, id: ObjectId| stored.get(&id).map(|row| row.4.clone());
        let mut effects = Effects::default();
        change(&mut self.view, &read, &mut effects);
        self.rows.apply(&self.view, effects);
    }

    fn tell(&mut self, source: usize, vm: usize, told: Told) {
        let group = self.group(source, vm, &told);
        self.truth[source].insert(vm, told);
        let id = self.sources[source];
        self.change(|view, read, effects| view.observed(id, group, read, effects));
    }

    fn load(&mut self, source: usize) {
        let id = self.sources[source];
        let mut groups: Vec<Group> =
            self.truth[source].iter().map(|(vm, told)| self.group(source, *vm, told)).collect();
        groups.push(Self::host_group(source));
        self.change(|view, read, effects| {
            view.load_began(id, Family::Core, LoadReason::Fresh);
            for group in groups {
                view.observed(id, group, read, effects);
            }
            view.load_ended(id, Family::Core, read, effects).expect("never empty");
        });
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Tell { source, vm, told } => self.tell(source, vm, told),
            Step::Gone { source, vm } => {
                self.truth[source].remove(&vm);
                let id = self.sources[source];
                self.change(|view, read, effects| {
                    view.gone(id, Family::Core, &format!("vm-{vm}"), read, effects);
                });
            }
            Step::Silent { source, vm, told: Some(told) } => drop(self.truth[source].insert(vm, told)),
            Step::Silent { source, vm, told: None } => drop(self.truth[source].remove(&vm)),
            Step::Load { source } => self.load(source),
            Step::Restart => {
                self.view = self.rows.reload(&self.sources);
                for source in 0..self.sources.len() {
                    self.load(source);
                }
            }
        }
    }

    /// After complete reads, what is stored is what the platforms hold.
    fn check(&mut self) {
        for source in 0..self.sources.len() {
            self.load(source);
        }
        for vm in 0..4 {
            let holders: Vec<usize> = (0..self.sources.len()).filter(|s| self.truth[*s].contains_key(&vm)).collect();
            let row = self.rows.0.get(&self.ids[vm]);
            assert_eq!(row.is_some(), !holders.is_empty(), "machine {vm} held by {holders:?}");
            let Some(row) = row else { continue };
            let running: Vec<usize> = holders.iter().copied().filter(|s| self.truth[*s][&vm].running).collect();
            let candidates = if running.is_empty() { &holders } else { &running };
            let owner = self.sources.iter().position(|source| *source == row.0).expect("a source of the provider");
            assert!(candidates.contains(&owner), "machine {vm} shown as of {owner}, but it is at {candidates:?}");
            let told = &self.truth[owner][&vm];
            let expected = self.group(owner, vm, told);
            assert_eq!(row.4, expected.members[0].object);
            for n in 0..3 {
                let stored = self.rows.0.get(&self.snapshot_ids[&(vm, n)]);
                let is_held = holders.iter().any(|s| n < self.truth[*s][&vm].snapshots);
                if n < told.snapshots {
                    assert!(stored.is_some(), "snapshot {n} of machine {vm} is missing");
                }
                if !is_held {
                    assert!(stored.is_none(), "snapshot {n} of machine {vm} outlived all its holders");
                }
            }
        }
        let before = self.rows.0.len();
        let view = self.rows.reload(&self.sources);
        assert_eq!(view.objects.len(), before);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn one_source_is_shown_as_it_is(steps in steps(1)) {
        let mut world = World::new(1);
        for step in steps {
            world.step(step);
        }
        world.check();
    }

    #[test]
    fn a_machine_of_two_hosts_is_shown_once_and_where_it_runs(steps in steps(2)) {
        let mut world = World::new(2);
        for step in steps {
            world.step(step);
        }
        world.check();
    }
}

#[test]
fn nothing_is_written_when_nothing_changed() {
    let mut world = World::new(1);
    let told = Told { version: 0, running: true, snapshots: 2 };
    world.tell(0, 0, told.clone());
    world.view = world.rows.reload(&world.sources);
    let group = world.group(0, 0, &told);
    let id = world.sources[0];
    let mut effects = Effects::default();
    world.view.load_began(id, Family::Core, LoadReason::Fresh);
    world.view.observed(id, group, &|_, _| None, &mut effects);
    world.view.load_ended(id, Family::Core, &|_, _| None, &mut effects).expect("not empty");
    assert!(effects.is_empty(), "{effects:?}");
}

#[test]
fn an_empty_read_is_a_fault_and_removes_nothing() {
    let mut world = World::new(1);
    world.tell(0, 0, Told { version: 0, running: true, snapshots: 0 });
    let id = world.sources[0];
    let mut effects = Effects::default();
    world.view.load_began(id, Family::Core, LoadReason::Fresh);
    let ended = world.view.load_ended(id, Family::Core, &|_, _| None, &mut effects);
    assert!(matches!(ended, Err(ViewError::EmptyAnswer { .. })));
    assert!(effects.deletes.is_empty());
}

#[test]
fn a_quarantined_group_keeps_what_was_known() {
    let mut world = World::new(1);
    let told = Told { version: 0, running: true, snapshots: 1 };
    world.tell(0, 0, told.clone());
    let id = world.sources[0];
    world.change(|view, read, effects| {
        view.load_began(id, Family::Core, LoadReason::Comparison);
        view.quarantined(id, Family::Core, "vm-0", Kind::Vm, "no decode".to_owned(), effects);
        view.load_ended(id, Family::Core, read, effects).expect("not empty");
    });
    assert_eq!(world.rows.0.len(), 2);
    let group = world.group(0, 0, &told);
    let mut effects = Effects::default();
    world.view.observed(id, group, &|_, _| None, &mut effects);
    assert_eq!(effects.released, vec![(Family::Core, "vm-0".to_owned())]);
}

#[test]
fn a_shared_datastore_is_one_and_lasts_as_long_as_a_host_has_it() {
    let mut world = World::new(2);
    let id = ObjectId::generate();
    let hosts = [ObjectId::generate(), ObjectId::generate()];
    for (source, host) in hosts.into_iter().enumerate() {
        let object = datastore("nfs", host);
        let member = Observed { key: "nfs".to_owned(), id, object, shared_by: Some(host) };
        let group = Group::new("pool".to_owned(), Family::Core, vec![member]);
        let source = world.sources[source];
        world.change(|view, read, effects| view.observed(source, group, read, effects));
    }
    let known_by = |world: &World| match world.rows.0.get(&id).map(|row| &row.4) {
        Some(Object::Datastore(shown)) => shown.hosts.iter().map(|access| access.host_id).collect::<Vec<HostId>>(),
        _ => Vec::new(),
    };
    assert_eq!(known_by(&world).len(), 2);
    // Also after a restart, when only one of the hosts answers.
    world.view = world.rows.reload(&world.sources);
    let (first, second) = (world.sources[0], world.sources[1]);
    world.change(|view, read, effects| {
        view.load_began(first, Family::Core, LoadReason::Fresh);
        view.observed(first, World::host_group(0), read, effects);
        view.load_ended(first, Family::Core, read, effects).expect("not empty");
        view.source_failed(second, effects);
    });
    assert!(world.rows.0.contains_key(&id), "the other host may still have it");
    world.change(|view, read, effects| {
        view.load_began(second, Family::Core, LoadReason::Fresh);
        view.observed(second, World::host_group(1), read, effects);
        view.load_ended(second, Family::Core, read, effects).expect("not empty");
    });
    assert!(!world.rows.0.contains_key(&id));
}

/// A host of a source, as an object.
fn host_object(name: &str) -> Object {
    let text = serde_json::json!({
        "state": "connected", "name": name, "cpu_socket_count": 1, "cpu_core_count": 1, "cpu_thread_count": 1,
        "memory_mib": 1024, "addresses": [], "tag_ids": [], "native": {},
    });
    Object::from(serde_json::from_value::<crate::model::Host>(text).expect("a host"))
}

/// Two hosts that share a datastore, each with its own complete read.
struct Shared {
    world: World,
    datastore: ObjectId,
    hosts: [ObjectId; 2],
    has_it: [bool; 2],
}

impl Shared {
    fn new() -> Self {
        let world = World::new(2);
        let hosts = [ObjectId::generate(), ObjectId::generate()];
        let mut shared = Self { world, datastore: ObjectId::generate(), hosts, has_it: [true, true] };
        shared.load(0);
        shared.load(1);
        shared
    }

    fn load(&mut self, source: usize) {
        let (id, host) = (self.world.sources[source], self.hosts[source]);
        let of_host = Observed { key: format!("h{source}"), id: host, object: host_object("h"), shared_by: None };
        let mut groups = vec![Group::new("host".to_owned(), Family::Core, vec![of_host])];
        if self.has_it[source] {
            let object = datastore("nfs", host);
            let member = Observed { key: "nfs".to_owned(), id: self.datastore, object, shared_by: Some(host) };
            groups.push(Group::new("pool".to_owned(), Family::Core, vec![member]));
        }
        self.world.change(|view, read, effects| {
            view.load_began(id, Family::Core, LoadReason::Fresh);
            for group in groups {
                view.observed(id, group, read, effects);
            }
            view.load_ended(id, Family::Core, read, effects).expect("not empty");
        });
    }

    fn restart(&mut self, sources: &[usize]) {
        let sources: Vec<SourceId> = sources.iter().map(|source| self.world.sources[*source]).collect();
        self.world.view = self.world.rows.reload(&sources);
    }

    /// The hosts that the stored datastore names, and the source that its row belongs to.
    fn stored(&self) -> Option<(Vec<HostId>, SourceId)> {
        let row = self.world.rows.0.get(&self.datastore)?;
        let Object::Datastore(shown) = &row.4 else { return None };
        Some((shown.hosts.iter().map(|access| access.host_id).collect(), row.0))
    }
}

#[test]
fn a_host_that_let_go_while_nobody_listened_is_taken_out() {
    for lost in 0..2 {
        for order in [[0, 1], [1, 0]] {
            let mut shared = Shared::new();
            shared.has_it[lost] = false;
            shared.restart(&[0, 1]);
            order.iter().for_each(|source| shared.load(*source));
            let (hosts, source) = shared.stored().expect("the other host has it");
            assert_eq!(hosts, [HostId::from(shared.hosts[1 - lost])], "lost {lost}, order {order:?}");
            assert_eq!(source, shared.world.sources[1 - lost]);
        }
    }
}

#[test]
fn a_removed_source_takes_only_its_part() {
    for removed in 0..2 {
        for removed_first in [true, false] {
            let mut shared = Shared::new();
            let kept = 1 - removed;
            shared.restart(&[kept]);
            let id = shared.world.sources[removed];
            let remove = |shared: &mut Shared| {
                shared.world.change(|view, read, effects| view.source_removed(id, read, effects));
                // A row that is left with the removed source goes when the store purges it.
                let datastore = shared.datastore;
                shared.world.rows.0.retain(|of, row| *of != datastore || row.0 != id);
            };
            if removed_first {
                remove(&mut shared);
                shared.load(kept);
            } else {
                shared.load(kept);
                remove(&mut shared);
            }
            let (hosts, source) = shared.stored().expect("the other host has it");
            assert_eq!(hosts, [HostId::from(shared.hosts[kept])], "removed {removed}, first {removed_first}");
            assert_eq!(source, shared.world.sources[kept]);
        }
    }
}

#[test]
fn what_could_not_be_read_is_not_gone() {
    let mut world = World::new(1);
    let told = Told { version: 0, running: true, snapshots: 2 };
    world.tell(0, 0, told);
    let unread = Told { version: 1, running: true, snapshots: 0 };
    let group = Group { unread: vec![Kind::Snapshot], ..world.group(0, 0, &unread) };
    let id = world.sources[0];
    world.change(|view, read, effects| view.observed(id, group, read, effects));
    assert_eq!(world.rows.0.len(), 3, "the snapshots stay");
    let group = world.group(0, 0, &unread);
    world.change(|view, read, effects| view.observed(id, group, read, effects));
    assert_eq!(world.rows.0.len(), 1, "read, and not there: gone");
}

#[test]
fn a_quarantine_of_before_the_restart_is_released() {
    let mut world = World::new(1);
    let told = Told { version: 0, running: true, snapshots: 0 };
    world.tell(0, 0, told.clone());
    let id = world.sources[0];
    world.view = world.rows.reload(&world.sources);
    world.view.hold_quarantine(id, Family::Core, "vm-0");
    let mut effects = Effects::default();
    let group = world.group(0, 0, &told);
    world.view.quarantined(id, Family::Core, "vm-0", Kind::Vm, "again".to_owned(), &mut effects);
    world.view.observed(id, group, &|_, _| None, &mut effects);
    assert_eq!(effects.released, vec![(Family::Core, "vm-0".to_owned())]);
    assert!(effects.quarantined.is_empty(), "the last word of the batch counts");
}
