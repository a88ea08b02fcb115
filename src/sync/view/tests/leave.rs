//! What leaves a source: machines that may be at another one, and the part of a host in what several share.

use super::*;

const STOPPED: Told = Told { version: 0, running: false, snapshots: 1 };

impl World {
    /// The source that a machine's row belongs to, and its host.
    fn shown(&self, vm: usize) -> Option<(usize, Option<HostId>)> {
        let row = self.rows.0.get(&self.ids[vm])?;
        let Object::Vm(shown) = &row.4 else { panic!("{:?}", row.4) };
        Some((self.sources.iter().position(|source| *source == row.0)?, shown.host_id))
    }
}

/// A machine leaves a host, and another, to which it may have moved, does not answer.
#[test]
fn a_machine_that_left_is_kept_until_the_silent_host_answers() {
    for restarted in [false, true] {
        for moved in [false, true] {
            let mut world = World::new(2);
            world.tell(0, 0, STOPPED);
            world.fail(1);
            world.gone(0, 0);
            assert_eq!(world.shown(0), Some((1, None)), "of the host that does not answer");
            assert_eq!(world.rows.0.len(), 2, "with its snapshot");
            if restarted {
                world.restart();
                world.load(0);
                world.fail(1);
                assert_eq!(world.shown(0), Some((1, None)));
            }
            if moved {
                world.truth[1].insert(0, STOPPED);
            }
            world.load(1);
            assert_eq!(world.rows.0.len(), if moved { 2 } else { 0 }, "restarted {restarted}");
        }
    }
}

/// It failed only after the machine had left.
#[test]
fn a_host_that_fails_instead_of_answering_may_have_the_machine() {
    let mut world = World::new(3);
    world.tell(0, 0, STOPPED);
    let id = world.sources[0];
    world.truth[0].clear();
    let asked = world.change_unasked(|view, read, effects| view.gone(id, Family::Core, "vm-0", read, effects));
    assert_eq!(asked, [(id, Arc::from("vm-0"))]);
    assert_eq!(world.shown(0).map(|(source, _)| source), Some(0), "nothing is told yet");
    world.answer(2, "vm-0");
    world.fail(2);
    assert_eq!(world.shown(0).map(|(source, _)| source), Some(0), "this one does not have it");
    world.fail(1);
    assert_eq!(world.shown(0), Some((1, None)));
    world.load(1);
    assert_eq!(world.shown(0), Some((2, None)), "it was there until now, for all that is known, and may have moved on");
    world.load(2);
    assert_eq!(world.shown(0), None);
}

/// What is said before the machine left says nothing.
#[test]
fn an_answer_that_is_older_than_the_leaving_is_none() {
    let mut world = World::new(2);
    world.tell(0, 0, STOPPED);
    let (id, other, before) = (world.sources[0], world.sources[1], Instant::now());
    world.truth[0].clear();
    world.change_unasked(|view, read, effects| view.gone(id, Family::Core, "vm-0", read, effects));
    let keys = ["vm-0".to_owned()];
    for keys in [None, Some(&keys[..])] {
        world.change(|view, _, effects| {
            view.answered(other, before, keys, effects);
            Ok(())
        });
        assert!(world.shown(0).is_some(), "{keys:?}");
    }
    // Something is there, and cannot be read.
    world.change(|view, read, effects| {
        view.quarantined(other, (Family::Core, "vm-0".to_owned(), Kind::Vm, "no decode".to_owned()), read, effects)?;
        view.answered(other, Instant::now(), Some(&keys), effects);
        Ok(())
    });
    assert!(world.shown(0).is_some());
    world.load(1);
    assert_eq!(world.shown(0), None);
}

/// It was moved back, or never away.
#[test]
fn a_machine_that_comes_back_is_not_kept_for_the_silent_host() {
    let mut world = World::new(2);
    world.tell(0, 0, STOPPED);
    world.fail(1);
    world.gone(0, 0);
    world.tell(0, 0, Told { snapshots: 0, ..STOPPED });
    assert_eq!(world.shown(0).map(|(source, _)| source), Some(0));
    assert_eq!(world.rows.0.len(), 1, "its snapshot is gone: where the machine is, it is not");
    world.load(1);
    assert_eq!(world.shown(0).map(|(source, _)| source), Some(0));
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
                view.observed(id, group, read, effects)?;
            }
            view.load_ended(id, Family::Core, read, effects)
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
