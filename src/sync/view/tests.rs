//! The view against a plain model: whatever was told, in whatever order, with restarts in between, what is stored equals
//! what the sources hold.

mod leave;

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
        View::new(sources.iter().copied(), rows).expect("few groups")
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
        native: Default::default(),
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
    /// The source does not answer until it reads everything.
    Fail { source: usize },
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
        2 => (0..sources).prop_map(|source| Step::Load { source }),
        1 => (0..sources).prop_map(|source| Step::Fail { source }),
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
    /// Which sources answer.
    up: Vec<bool>,
    view: View,
    rows: Rows,
}

impl World {
    fn new(count: usize) -> Self {
        let sources: Vec<SourceId> = (0..count).map(|_| SourceId::generate()).collect();
        let view = View::new(sources.iter().copied(), []).expect("no groups");
        let ids: Vec<ObjectId> = (0..4).map(|_| ObjectId::generate()).collect();
        let snapshot_ids = (0..4).flat_map(|vm| (0..3).map(move |n| ((vm, n), ObjectId::generate()))).collect();
        let mut world = Self {
            truth: vec![BTreeMap::new(); count],
            up: vec![true; count],
            sources,
            ids,
            snapshot_ids,
            view,
            rows: Rows::default(),
        };
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

    fn change(&mut self, change: impl FnOnce(&mut View, ReadObject<'_>, &mut Effects) -> Outcome) {
        let left = self.change_unasked(change);
        for (from, key) in left {
            for source in 0..self.sources.len() {
                if self.sources[source] != from && self.up[source] {
                    self.answer(source, &key);
                }
            }
        }
    }

    /// The same, and nobody answers yet. Gives what is asked for.
    fn change_unasked(
        &mut self,
        change: impl FnOnce(&mut View, ReadObject<'_>, &mut Effects) -> Outcome,
    ) -> Vec<(SourceId, Arc<str>)> {
        let stored = self.rows.0.clone();
        let before = stored.clone();
        let read = move |_: Kind, id: ObjectId| stored.get(&id).map(|row| row.4.clone());
        let mut effects = Effects::default();
        change(&mut self.view, &read, &mut effects).expect("it can be applied");
        let left = std::mem::take(&mut effects.left);
        self.rows.apply(&self.view, effects);
        // With more hosts, one can have said that it does not have it, and get it without notice, before the last one says so.
        if self.sources.len() < 3 {
            for (vm, id) in self.ids.iter().enumerate() {
                let removed = before.contains_key(id) && !self.rows.0.contains_key(id);
                let there = self.truth.iter().any(|truth| truth.contains_key(&vm));
                assert!(!removed || !there, "machine {vm} was told to be gone, and is there");
            }
        }
        left
    }

    /// A source is asked for a group.
    fn answer(&mut self, source: usize, key: &str) {
        let id = self.sources[source];
        let since = Instant::now();
        let vm = key.strip_prefix("vm-").and_then(|vm| vm.parse().ok()).expect("a machine");
        let group = self.truth[source].get(&vm).map(|told| self.group(source, vm, told));
        let keys = [key.to_owned()];
        self.change(|view, read, effects| {
            if let Some(group) = group {
                view.observed(id, group, read, effects)?;
            }
            view.answered(id, since, Some(&keys), effects);
            Ok(())
        });
    }

    fn tell(&mut self, source: usize, vm: usize, told: Told) {
        let group = self.group(source, vm, &told);
        self.truth[source].insert(vm, told);
        let id = self.sources[source];
        self.change(|view, read, effects| view.observed(id, group, read, effects));
    }

    fn gone(&mut self, source: usize, vm: usize) {
        self.truth[source].remove(&vm);
        let id = self.sources[source];
        self.change(|view, read, effects| view.gone(id, Family::Core, &format!("vm-{vm}"), read, effects));
    }

    fn fail(&mut self, source: usize) {
        self.up[source] = false;
        let id = self.sources[source];
        self.change(|view, read, effects| view.source_failed(id, read, effects));
    }

    fn load(&mut self, source: usize) {
        let id = self.sources[source];
        let since = Instant::now();
        let mut groups: Vec<Group> =
            self.truth[source].iter().map(|(vm, told)| self.group(source, *vm, told)).collect();
        groups.push(Self::host_group(source));
        self.up[source] = true;
        self.change(|view, read, effects| {
            view.load_began(id, Family::Core, LoadReason::Fresh);
            for group in groups {
                view.observed(id, group, read, effects)?;
            }
            view.load_ended(id, Family::Core, read, effects)?;
            view.answered(id, since, None, effects);
            Ok(())
        });
    }

    fn restart(&mut self) {
        self.view = self.rows.reload(&self.sources);
        self.up.fill(false);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Tell { source, vm, told } if self.up[source] => self.tell(source, vm, told),
            Step::Gone { source, vm } if self.up[source] => self.gone(source, vm),
            Step::Tell { source, vm, told } | Step::Silent { source, vm, told: Some(told) } => {
                self.truth[source].insert(vm, told);
            }
            Step::Gone { source, vm } | Step::Silent { source, vm, told: None } => {
                self.truth[source].remove(&vm);
            }
            Step::Load { source } => self.load(source),
            Step::Fail { source } => self.fail(source),
            Step::Restart => {
                self.restart();
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

    #[test]
    fn a_machine_of_three_hosts_is_shown_once_and_where_it_runs(steps in steps(3)) {
        let mut world = World::new(3);
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
    world.view.observed(id, group, &|_, _| None, &mut effects).unwrap();
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
        view.quarantined(id, (Family::Core, "vm-0".to_owned(), Kind::Vm, "no decode".to_owned()), read, effects)?;
        view.load_ended(id, Family::Core, read, effects)
    });
    let states = |world: &World| world.rows.0.values().filter_map(|row| row.4.state()).collect::<Vec<_>>();
    assert_eq!(world.rows.0.len(), 2);
    assert_eq!(states(&world), ["unknown"], "it may run or not: nobody can tell");
    // A comparison reads it again: it was not missed.
    let again = world.group(0, 0, &told);
    let mut differing = 0;
    world.change(|view, read, effects| {
        view.compared(id, again, read, effects)?;
        differing += effects.differing.len();
        Ok(())
    });
    assert_eq!((states(&world), differing), (vec!["running"], 0));
    world.change(|view, read, effects| {
        view.quarantined(id, (Family::Core, "vm-0".to_owned(), Kind::Vm, "no decode".to_owned()), read, effects)
    });
    let group = world.group(0, 0, &told);
    let mut effects = Effects::default();
    world.view.observed(id, group, &|_, _| None, &mut effects).unwrap();
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
        view.observed(first, World::host_group(0), read, effects)?;
        view.load_ended(first, Family::Core, read, effects)?;
        view.source_failed(second, read, effects)
    });
    assert!(world.rows.0.contains_key(&id), "the other host may still have it");
    world.change(|view, read, effects| {
        view.load_began(second, Family::Core, LoadReason::Fresh);
        view.observed(second, World::host_group(1), read, effects)?;
        view.load_ended(second, Family::Core, read, effects)
    });
    assert!(!world.rows.0.contains_key(&id));
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
    world.view.hold_quarantine(id, Family::Core, "vm-0").unwrap();
    let mut effects = Effects::default();
    let group = world.group(0, 0, &told);
    world
        .view
        .quarantined(id, (Family::Core, "vm-0".to_owned(), Kind::Vm, "again".to_owned()), &|_, _| None, &mut effects)
        .unwrap();
    world.view.observed(id, group, &|_, _| None, &mut effects).unwrap();
    assert_eq!(effects.released, vec![(Family::Core, "vm-0".to_owned())]);
    assert!(effects.quarantined.is_empty(), "the last word of the batch counts");
}

fn volume(capacity_bytes: Option<u64>, vms: &[ObjectId]) -> Object {
    let attachments: Vec<_> = vms.iter().map(|vm| serde_json::json!({"vm_id": vm.0, "device": "vda"})).collect();
    let text = serde_json::json!({
        "name": "disk", "source": "file", "capacity_bytes": capacity_bytes, "read_only": false, "shareable": false,
        "attachments": attachments, "native": {},
    });
    Object::from(serde_json::from_value::<crate::model::Volume>(text).expect("a volume"))
}

#[test]
fn an_outline_completes_what_is_known_and_moves_to_its_pool() {
    let mut world = World::new(1);
    let source = world.sources[0];
    let (disk, vm_a, vm_b) = (ObjectId::generate(), ObjectId::generate(), ObjectId::generate());
    let member = |object: Object| Observed { key: "pool/disk".to_owned(), id: disk, object, shared_by: None };
    let group = |key: &str, members: Vec<Observed>| Group::new(key.to_owned(), Family::Core, members);
    let listed = |vms: &[ObjectId]| group("pool", vec![member(volume(Some(700), vms))]);
    let stopped = || Group { unread: vec![Kind::Volume], ..group("pool", Vec::new()) };
    let outlined =
        |vms: &[ObjectId]| Group { outlines: vec![disk], ..group("domain", vec![member(volume(None, vms))]) };
    let tell = |world: &mut World, groups: Vec<Group>| {
        world.change(|view, read, effects| {
            for group in groups {
                view.observed(source, group, read, effects)?;
            }
            assert!(effects.deletes.is_empty(), "{effects:?}");
            Ok(())
        });
        world.rows.0[&disk].4.clone()
    };
    // The gateway meets a stopped pool: the outline is all that there is, until the pool lists the disk.
    assert_eq!(tell(&mut world, vec![stopped(), outlined(&[vm_a])]), volume(None, &[vm_a]));
    let whole = tell(&mut world, vec![listed(&[vm_a]), group("domain", Vec::new())]);
    assert_eq!(whole, volume(Some(700), &[vm_a]));
    // It starts again while the pool is stopped: what is known stays, who uses it is news.
    world.view = world.rows.reload(&world.sources);
    let known = tell(&mut world, vec![stopped(), outlined(&[vm_a])]);
    assert_eq!(known, volume(Some(700), &[vm_a]));
    let used = tell(&mut world, vec![outlined(&[vm_a, vm_b])]);
    assert_eq!(used, volume(Some(700), &[vm_a, vm_b]));
    // Also after another start: that a machine used it does not make it the machine's.
    world.view = world.rows.reload(&world.sources);
    tell(&mut world, vec![stopped()]);
    // No machine has it any more: the pool still does, as far as anybody knows.
    tell(&mut world, vec![group("domain", Vec::new())]);
    world.change(|view, read, effects| view.observed(source, group("pool", Vec::new()), read, effects));
    assert!(!world.rows.0.contains_key(&disk), "the pool was read, and it is not there");
}

/// What changes while a comparison is told is told in between, and was not missed.
#[test]
fn only_what_a_comparison_tells_can_have_been_missed() {
    let mut world = World::new(1);
    let told = |version| Told { version, running: true, snapshots: 0 };
    (0..4).for_each(|vm| world.tell(0, vm, told(0)));
    let id = world.sources[0];
    let (seen, live, missed) = (world.group(0, 0, &told(0)), world.group(0, 1, &told(1)), world.group(0, 2, &told(1)));
    let again = world.group(0, 1, &told(1));
    let mut differing = Vec::new();
    world.truth[0].remove(&3);
    world.change(|view, read, effects| {
        view.load_began(id, Family::Core, LoadReason::Comparison);
        view.compared(id, World::host_group(0), read, effects)?;
        view.compared(id, seen, read, effects)?;
        view.observed(id, live, read, effects)?;
        view.compared(id, again, read, effects)?;
        view.compared(id, missed, read, effects)?;
        view.load_ended(id, Family::Core, read, effects)?;
        differing.extend(effects.differing.iter().map(|(_, key)| key.to_string()));
        Ok(())
    });
    assert_eq!(differing, ["vm-2", "vm-3"], "changed without notice, and gone without notice");
}
