//! Property changes on any path: a refused change changes nothing, and nothing makes the applier fall over.
//!
//! An input has a change a line: an operation, a path, and what the value is (`device 4 boot`, `devices 1 2`, or a text).
#![no_main]

use libfuzzer_sys::fuzz_target;
use vsphere::{Array, ChangeOp, MoRef, Name, Object, ObjectState, PropertyChange, Value};

/// Some real state to change: a scalar, a collection with integer keys, one with references, one with texts.
const BEFORE: &str = "assign name a\nassign config.hardware.device devices 0 1 2\nassign host mounts host-1 host-2\n\
                      assign config.extraConfig options guestinfo.ip tools.level";

fuzz_target!(|changes: &str| {
    let mut state = ObjectState::new(MoRef::new("VirtualMachine", "vm-1"));
    for change in BEFORE.lines().map(read) {
        state.apply_change(&change).expect("a property that is assigned whole applies");
    }
    for change in changes.lines().take(64).map(read) {
        let before = state.clone();
        if state.apply_change(&change).is_err() {
            assert_eq!(state, before, "a refused change changed something");
        }
        // Reading by the same path never falls over either.
        let _ = state.get(&change.path);
        assert!(state.all(&change.path).count() <= 4096);
    }
});

fn read(line: &str) -> PropertyChange {
    let mut words = line.splitn(3, ' ');
    let op = match words.next() {
        Some("add") => ChangeOp::Add,
        Some("remove") => ChangeOp::Remove,
        Some("indirect-remove") => ChangeOp::IndirectRemove,
        _ => ChangeOp::Assign,
    };
    let path = Name::new(words.next().unwrap_or_default());
    PropertyChange { path, op, value: value(words.next().unwrap_or_default()) }
}

fn value(text: &str) -> Value {
    let (what, rest) = text.split_once(' ').unwrap_or((text, ""));
    let mut keys = rest.split(' ');
    match what {
        "" => Value::Unset,
        "device" => device(keys.next().unwrap_or_default(), keys.next().unwrap_or_default()).into(),
        "devices" => array("VirtualDevice", keys.map(|key| device(key, "disk"))),
        "mounts" => array("DatastoreHostMount", keys.map(|key| {
            Object::new("DatastoreHostMount").with("key", MoRef::new("HostSystem", key)).with("mountInfo", "readWrite")
        })),
        "options" => array("OptionValue", keys.map(|key| Object::new("OptionValue").with("key", key).with("value", "1"))),
        "backing" => Object::untyped().with("label", rest).into(),
        _ => text.into(),
    }
}

fn array(item_type: &str, items: impl Iterator<Item = Object>) -> Value {
    Array { item_type: Some(Name::new(item_type)), items: items.take(64).map(Value::from).collect() }.into()
}

fn device(key: &str, label: &str) -> Object {
    Object::new("VirtualDisk").with("key", key).with("backing", Object::untyped().with("label", label))
}
