//! What is held after random updates, in parts, with lost answers and restarts in between, equals a complete read.
//!
//! The collector is modelled as it is documented: it tells what changed since the last answer, at most so many objects at once,
//! and after a restart everything that there is. Of an object that changed several times the changes come one after the other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;
use vsphere::{Array, ChangeOp, MoRef, Name, Object, ObjectState, ObjectUpdate, PropertyChange, UpdateKind, Value};

use super::State;

const DEVICES: &str = "config.hardware.device";

/// A machine: its name, and the sizes of its disks by their keys.
#[derive(Clone, Debug, Default, PartialEq)]
struct Machine {
    name: u8,
    disks: BTreeMap<u8, u8>,
}

#[derive(Clone, Debug)]
enum Step {
    Create(u8, Machine),
    Delete(u8),
    Name(u8, u8),
    /// A disk comes or has another size.
    Disk(u8, u8, u8),
    /// It goes; `true` by `indirectRemove`.
    NoDisk(u8, u8, bool),
    /// An answer with at most so many objects arrives.
    Answer(usize),
    /// The session, its collector, or an answer is lost: everything is told anew.
    Restart,
}

fn machine() -> impl Strategy<Value = Machine> {
    (any::<u8>(), proptest::collection::btree_map(0..3_u8, any::<u8>(), 0..3))
        .prop_map(|(name, disks)| Machine { name, disks })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let vm = || 0..5_u8;
    let step = prop_oneof![
        3 => (vm(), machine()).prop_map(|(vm, machine)| Step::Create(vm, machine)),
        2 => vm().prop_map(Step::Delete),
        2 => (vm(), any::<u8>()).prop_map(|(vm, name)| Step::Name(vm, name)),
        3 => (vm(), 0..3_u8, any::<u8>()).prop_map(|(vm, key, size)| Step::Disk(vm, key, size)),
        2 => (vm(), 0..3_u8, any::<bool>()).prop_map(|(vm, key, indirect)| Step::NoDisk(vm, key, indirect)),
        6 => (1..4_usize).prop_map(Step::Answer),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..60)
}

fn reference(vm: u8) -> MoRef {
    MoRef::new("VirtualMachine", format!("vm-{vm}"))
}

fn disk(key: u8, size: u8) -> Object {
    Object::new("VirtualDisk").with("key", i32::from(key)).with("capacityInBytes", i64::from(size))
}

fn change(path: &str, op: ChangeOp, value: impl Into<Value>) -> PropertyChange {
    PropertyChange { path: Name::new(path), op, value: value.into() }
}

fn update(kind: UpdateKind, vm: u8, changes: Vec<PropertyChange>) -> ObjectUpdate {
    ObjectUpdate { kind, object: reference(vm), changes, missing: Vec::new() }
}

impl Machine {
    /// As it is held. The order of disks says nothing.
    fn of(held: &ObjectState) -> Self {
        let number =
            |disk: &Value, field: &str| disk.get(field).and_then(Value::as_i64).and_then(|n| u8::try_from(n).ok());
        let disks = held.all(DEVICES).map(|disk| {
            let key = number(disk, "key").expect("a key");
            (key, number(disk, "capacityInBytes").expect("a size"))
        });
        Self { name: held.str("name").and_then(|name| name.parse().ok()).expect("a name"), disks: disks.collect() }
    }

    fn enter(&self, vm: u8) -> ObjectUpdate {
        let items = self.disks.iter().map(|(key, size)| Value::from(disk(*key, *size))).collect();
        let devices = Value::from(Array { item_type: Some(Name::new("VirtualDevice")), items });
        let name = change("name", ChangeOp::Assign, self.name.to_string().as_str());
        update(UpdateKind::Enter, vm, vec![name, change(DEVICES, ChangeOp::Assign, devices)])
    }
}

/// The platform and its collector.
#[derive(Default)]
struct Platform {
    machines: BTreeMap<u8, Machine>,
    untold: VecDeque<ObjectUpdate>,
}

impl Platform {
    fn step(&mut self, step: &Step) {
        match step {
            Step::Create(vm, machine) => {
                if !self.machines.contains_key(vm) {
                    self.machines.insert(*vm, machine.clone());
                    self.untold.push_back(machine.enter(*vm));
                }
            }
            Step::Delete(vm) => {
                if self.machines.remove(vm).is_some() {
                    self.untold.push_back(update(UpdateKind::Leave, *vm, Vec::new()));
                }
            }
            Step::Name(vm, name) => {
                if let Some(machine) = self.machines.get_mut(vm) {
                    machine.name = *name;
                    self.modify(*vm, change("name", ChangeOp::Assign, name.to_string().as_str()));
                }
            }
            Step::Disk(vm, key, size) => {
                if let Some(machine) = self.machines.get_mut(vm) {
                    let op = if machine.disks.insert(*key, *size).is_none() { ChangeOp::Add } else { ChangeOp::Assign };
                    self.modify(*vm, change(&format!("{DEVICES}[{key}]"), op, disk(*key, *size)));
                }
            }
            Step::NoDisk(vm, key, indirect) => {
                if self.machines.get_mut(vm).is_some_and(|machine| machine.disks.remove(key).is_some()) {
                    let op = if *indirect { ChangeOp::IndirectRemove } else { ChangeOp::Remove };
                    self.modify(*vm, change(&format!("{DEVICES}[{key}]"), op, Value::Unset));
                }
            }
            Step::Restart => self.untold = self.machines.iter().map(|(vm, machine)| machine.enter(*vm)).collect(),
            Step::Answer(_) => {}
        }
    }

    fn modify(&mut self, vm: u8, change: PropertyChange) {
        self.untold.push_back(update(UpdateKind::Modify, vm, vec![change]));
    }

    /// What is told next, and whether more belongs to it.
    fn answer(&mut self, most: usize) -> (Vec<ObjectUpdate>, bool) {
        let part = self.untold.drain(..most.min(self.untold.len())).collect();
        (part, !self.untold.is_empty())
    }
}

/// The gateway's side, as `watch` drives it.
struct Held {
    state: State,
    loading: bool,
}

impl Held {
    fn restart(&mut self) {
        self.state.load_begin();
        self.loading = true;
    }

    fn take(&mut self, (part, truncated): (Vec<ObjectUpdate>, bool)) {
        self.state.tick();
        for update in &part {
            if update.kind == UpdateKind::Leave {
                self.state.remove(update.object.id());
            } else {
                self.state.apply(update).expect("what a collector tells applies");
            }
        }
        if self.loading && !truncated {
            self.state.load_end();
            self.loading = false;
        }
    }
}

proptest! {
    #[test]
    fn updates_in_parts_with_restarts_come_to_what_a_complete_read_gives(steps in steps()) {
        let mut platform = Platform::default();
        let mut held = Held { state: State::default(), loading: false };
        held.restart();
        for step in &steps {
            platform.step(step);
            match step {
                Step::Answer(most) => held.take(platform.answer(*most)),
                Step::Restart => held.restart(),
                _ => {}
            }
        }
        loop {
            let (part, truncated) = platform.answer(2);
            held.take((part, truncated));
            if !truncated {
                break;
            }
        }
        let there: BTreeSet<String> = platform.machines.keys().map(|vm| reference(*vm).id().to_owned()).collect();
        let shown: BTreeSet<String> = held.state.objects().map(|object| object.id().to_owned()).collect();
        prop_assert_eq!(shown, there);
        for (vm, machine) in &platform.machines {
            prop_assert_eq!(&Machine::of(&held.state.get(reference(*vm).id()).expect("it is held")), machine);
        }
    }
}
