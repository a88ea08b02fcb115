//! Deltas: the documented cases, and random ones against a plain model.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::value::{Array, Object};

fn vm() -> MoRef {
    MoRef::new("VirtualMachine", "vm-1")
}

fn change(path: &str, op: ChangeOp, value: impl Into<Value>) -> PropertyChange {
    PropertyChange { path: Name::new(path), op, value: value.into() }
}

fn update(kind: UpdateKind, changes: Vec<PropertyChange>) -> ObjectUpdate {
    ObjectUpdate { kind, object: vm(), changes, missing: Vec::new() }
}

fn device(key: i32, label: &str) -> Object {
    Object::new("VirtualDisk").with("key", key.to_string()).with("backing", Object::untyped().with("label", label))
}

fn array(items: impl IntoIterator<Item = Object>) -> Value {
    Array { item_type: Some(Name::new("VirtualDevice")), items: items.into_iter().map(Value::from).collect() }.into()
}

/// Held as a property of its own, and within a wider one.
fn states() -> [ObjectState; 2] {
    let mut own = ObjectState::new(vm());
    let devices = array([device(2000, "a"), device(2001, "b")]);
    let changes =
        vec![change("name", ChangeOp::Assign, "x"), change("config.hardware.device", ChangeOp::Assign, devices)];
    own.apply(&update(UpdateKind::Enter, changes)).expect("applies");
    let mut wide = ObjectState::new(vm());
    let hardware = Object::untyped().with("numCPU", "2").with_each("device", [device(2000, "a"), device(2001, "b")]);
    let changes = vec![
        change("name", ChangeOp::Assign, "x"),
        change("config", ChangeOp::Assign, Object::new("VirtualMachineConfigInfo").with("hardware", hardware)),
    ];
    wide.apply(&update(UpdateKind::Enter, changes)).expect("applies");
    [own, wide]
}

fn labels(state: &ObjectState) -> Vec<(String, String)> {
    let devices = state.all("config.hardware.device");
    let text = |device: &Value, path| device.get(path).and_then(Value::as_str).unwrap_or("?").to_owned();
    devices.map(|device| (text(device, "key"), text(device, "backing.label"))).collect()
}

#[test]
fn keyed_elements_change_alike_wherever_they_are_held() {
    let check = |name: &str, change: PropertyChange, expected: Result<&[(&str, &str)], DeltaReason>| {
        for mut state in states() {
            let before = state.clone();
            let applied = state.apply_change(&change);
            match expected {
                Ok(expected) => {
                    applied.unwrap_or_else(|error| panic!("{name}: {error}"));
                    let found = labels(&state);
                    let found: Vec<_> = found.iter().map(|(key, label)| (key.as_str(), label.as_str())).collect();
                    assert_eq!(found, expected, "{name}");
                }
                Err(reason) => {
                    assert_eq!(applied.expect_err(name).reason, reason, "{name}");
                    assert_eq!(state, before, "{name}: a refused change changes nothing");
                }
            }
        }
    };
    let path = "config.hardware.device";
    let at = |key: i32| format!("{path}[{key}]");
    let assign = ChangeOp::Assign;
    check("element", change(&at(2001), assign, device(2001, "c")), Ok(&[("2000", "a"), ("2001", "c")]));
    check(
        "new element",
        change(&at(2002), ChangeOp::Add, device(2002, "c")),
        Ok(&[("2000", "a"), ("2001", "b"), ("2002", "c")]),
    );
    check(
        "added to the collection",
        change(path, ChangeOp::Add, device(2002, "c")),
        Ok(&[("2000", "a"), ("2001", "b"), ("2002", "c")]),
    );
    check("added again", change(path, ChangeOp::Add, device(2000, "c")), Ok(&[("2000", "c"), ("2001", "b")]));
    check("removed", change(&at(2000), ChangeOp::Remove, Value::Unset), Ok(&[("2001", "b")]));
    check("assigned nothing", change(&at(2000), assign, Value::Unset), Ok(&[("2001", "b")]));
    check("unknown one removed", change(&at(9), ChangeOp::Remove, Value::Unset), Ok(&[("2000", "a"), ("2001", "b")]));
    check("within", change(&format!("{}.backing.label", at(2001)), assign, "z"), Ok(&[("2000", "a"), ("2001", "z")]));
    check(
        "an object within",
        change(&format!("{}.backing", at(2000)), assign, Object::untyped().with("label", "z")),
        Ok(&[("2000", "z"), ("2001", "b")]),
    );
    check(
        "gone with its parent",
        change(&format!("{}.backing", at(2000)), ChangeOp::IndirectRemove, Value::Unset),
        Ok(&[("2000", "?"), ("2001", "b")]),
    );
    check("all", change(path, assign, array([device(1, "n")])), Ok(&[("1", "n")]));
    check("none", change(path, ChangeOp::Remove, Value::Unset), Ok(&[]));
    check("of nothing", change(&format!("{}.backing", at(9)), assign, "z"), Err(DeltaReason::NoElement));
    check("of a scalar", change(&format!("{}.key.x", at(2000)), assign, "z"), Err(DeltaReason::NotAnObject));
    check("keyless", change(path, ChangeOp::Add, Object::new("X").with("a", "b")), Err(DeltaReason::NoKey));
    check("malformed", change("config.hardware.device[", assign, "z"), Err(DeltaReason::Path));
    check("unheld", change("host[\"host-7\"].mountInfo", assign, "z"), Err(DeltaReason::NoParent));
}

#[test]
fn hosts_of_a_datastore_are_keyed_by_reference() {
    let mount = |accessible: &str| Object::new("HostMountInfo").with("accessible", accessible);
    let host = |id: &str| {
        Object::new("DatastoreHostMount").with("key", MoRef::new("HostSystem", id)).with("mountInfo", mount("true"))
    };
    let mut state = ObjectState::new(vm());
    let hosts = array([host("host-794"), host("host-795")]);
    state.apply(&update(UpdateKind::Enter, vec![change("host", ChangeOp::Assign, hosts)])).expect("applies");
    let inner = change("host[\"host-795\"].mountInfo", ChangeOp::Assign, mount("false"));
    state.apply_change(&inner).expect("applies");
    let accessible = |id: &str| state.get(&format!("host[\"{id}\"].mountInfo.accessible")).and_then(Value::as_bool);
    assert_eq!((accessible("host-794"), accessible("host-795")), (Some(true), Some(false)));
}

#[test]
fn a_new_machine_grows_by_modifications() {
    let mut state = ObjectState::new(vm());
    state.apply(&update(UpdateKind::Enter, vec![change("name", ChangeOp::Assign, "new")])).expect("applies");
    assert_eq!(state.get("config.uuid"), None);
    let more = vec![
        change("config.uuid", ChangeOp::Assign, "42"),
        change("datastore", ChangeOp::Add, MoRef::new("Datastore", "datastore-1")),
    ];
    state.apply(&update(UpdateKind::Modify, more)).expect("applies");
    assert_eq!((state.str("config.uuid"), state.all("datastore").count()), (Some("42"), 1));
    // The machine becomes inaccessible: everything of its configuration is gone at once.
    let gone = change("config", ChangeOp::IndirectRemove, Value::Unset);
    state.apply(&update(UpdateKind::Modify, vec![gone])).expect("applies");
    assert_eq!((state.get("config.uuid"), state.str("name")), (None, Some("new")));
    // A wider property cannot be told apart into what is held.
    state.apply_change(&change("config.uuid", ChangeOp::Assign, "42")).expect("applies");
    let wider = change("config", ChangeOp::Assign, Object::untyped().with("uuid", "43"));
    assert_eq!(state.apply_change(&wider).expect_err("refused").reason, DeltaReason::Wider);
}

#[test]
fn missing_properties_come_and_go() {
    let missing =
        MissingProperty { path: Name::new("config"), fault: Fault { kind: "NoPermission".into(), ..Fault::default() } };
    let [_, mut state] = states();
    let denied = ObjectUpdate { missing: vec![missing.clone()], ..update(UpdateKind::Modify, Vec::new()) };
    state.apply(&denied).expect("applies");
    assert_eq!((state.get("config"), state.missing()), (None, &[missing][..]));
    state.apply_change(&change("config", ChangeOp::Assign, Object::untyped().with("uuid", "1"))).expect("applies");
    assert!(state.missing().is_empty() && state.str("config.uuid") == Some("1"));
    assert!(state.apply(&update(UpdateKind::Leave, Vec::new())).is_ok());
    assert_eq!(state.properties().count(), 0);
    let other = ObjectUpdate { object: MoRef::new("VirtualMachine", "vm-2"), ..update(UpdateKind::Enter, Vec::new()) };
    assert_eq!(state.apply(&other).expect_err("another").reason, DeltaReason::OtherObject);
}

#[test]
fn one_refused_change_does_not_keep_the_others_away() {
    let [mut state, _] = states();
    let changes =
        vec![change("config.hardware.device[9].backing", ChangeOp::Assign, "z"), change("name", ChangeOp::Assign, "y")];
    let error = state.apply(&update(UpdateKind::Modify, changes)).expect_err("one is refused");
    assert_eq!((error.path.as_str(), state.str("name")), ("config.hardware.device[9].backing", Some("y")));
}

/// The plain model: scalars and collections of named scalars, without any sharing or wire form.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    scalars: BTreeMap<u8, u8>,
    items: BTreeMap<u8, BTreeMap<u8, u8>>,
}

#[derive(Clone, Debug)]
enum Step {
    Scalar(u8, Option<u8>),
    Put { key: u8, fields: BTreeMap<u8, u8>, add: bool, by_key: bool },
    Drop { key: u8, indirect: bool },
    Field { key: u8, field: u8, value: Option<u8> },
    All(BTreeMap<u8, BTreeMap<u8, u8>>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let small = || 0_u8..4;
    let fields = || proptest::collection::btree_map(small(), any::<u8>(), 0..3);
    let step = prop_oneof![
        (small(), any::<Option<u8>>()).prop_map(|(name, value)| Step::Scalar(name, value)),
        (small(), fields(), any::<bool>(), any::<bool>()).prop_map(|(key, fields, add, by_key)| Step::Put {
            key,
            fields,
            add,
            by_key
        }),
        (small(), any::<bool>()).prop_map(|(key, indirect)| Step::Drop { key, indirect }),
        (small(), small(), any::<Option<u8>>()).prop_map(|(key, field, value)| Step::Field { key, field, value }),
        proptest::collection::btree_map(small(), fields(), 0..3).prop_map(Step::All),
    ];
    proptest::collection::vec(step, 0..30)
}

impl Model {
    /// Answers whether the step makes sense here.
    fn apply(&mut self, step: &Step) -> bool {
        match step {
            Step::Scalar(name, Some(value)) => drop(self.scalars.insert(*name, *value)),
            Step::Scalar(name, None) => drop(self.scalars.remove(name)),
            Step::Put { key, fields, .. } => drop(self.items.insert(*key, fields.clone())),
            Step::Drop { key, .. } => drop(self.items.remove(key)),
            Step::Field { key, field, value } => match (self.items.get_mut(key), value) {
                (Some(item), Some(value)) => drop(item.insert(*field, *value)),
                (Some(item), None) => drop(item.remove(field)),
                (None, Some(_)) => return false,
                (None, None) => {}
            },
            Step::All(items) => self.items.clone_from(items),
        }
        true
    }

    fn read(state: &ObjectState, scalars: &str, items: &str) -> Self {
        let number = |value: &Value| value.as_i32().and_then(|n| u8::try_from(n).ok()).expect("a small number");
        let named = |object: &Object| {
            let fields = object
                .fields
                .iter()
                .filter_map(|(name, value)| Some((name.strip_prefix('f')?.parse().ok()?, number(value))));
            fields.collect::<BTreeMap<u8, u8>>()
        };
        let scalars = (0..4).filter_map(|n| Some((n, number(state.get(&format!("{scalars}s{n}"))?))));
        let items = state.all(items).map(|item| {
            let key = number(item.get("key").expect("a key"));
            (key, item.as_object().map(named).unwrap_or_default())
        });
        Self { scalars: scalars.collect(), items: items.collect() }
    }
}

fn item(key: u8, fields: &BTreeMap<u8, u8>) -> Object {
    let object = Object::new("Item").with("key", i32::from(key));
    fields.iter().fold(object, |object, (field, value)| object.with(&format!("f{field}"), i32::from(*value)))
}

fn written(step: &Step, scalars: &str, items: &str) -> PropertyChange {
    let number = |value: &Option<u8>| value.map(i32::from);
    match step {
        Step::Scalar(name, value) => change(&format!("{scalars}s{name}"), ChangeOp::Assign, number(value)),
        Step::Put { key, fields, add, by_key } => {
            let op = if *add { ChangeOp::Add } else { ChangeOp::Assign };
            let path = if *by_key || !add { format!("{items}[{key}]") } else { items.to_owned() };
            change(&path, op, item(*key, fields))
        }
        Step::Drop { key, indirect } => {
            let op = if *indirect { ChangeOp::IndirectRemove } else { ChangeOp::Remove };
            change(&format!("{items}[{key}]"), op, Value::Unset)
        }
        Step::Field { key, field, value } => {
            change(&format!("{items}[{key}].f{field}"), ChangeOp::Assign, number(value))
        }
        Step::All(all) => change(items, ChangeOp::Assign, array(all.iter().map(|(key, fields)| item(*key, fields)))),
    }
}

proptest! {
    #[test]
    fn changes_do_what_they_do_to_a_plain_model(steps in steps(), wide in any::<bool>()) {
        // Held as properties of their own, or all within one.
        let (scalars, items) = if wide { ("c.", "c.hw.item") } else { ("", "item") };
        let mut state = ObjectState::new(vm());
        let first = if wide {
            change("c", ChangeOp::Assign, Object::untyped().with("hw", Object::untyped().with("x", "y")))
        } else {
            change("item", ChangeOp::Assign, array([]))
        };
        state.apply_change(&first).expect("applies");
        let mut model = Model::default();
        for step in &steps {
            let before = state.clone();
            let sensible = model.apply(step);
            let applied = state.apply_change(&written(step, scalars, items));
            prop_assert_eq!(applied.is_ok(), sensible, "{:?}", step);
            if !sensible {
                prop_assert_eq!(&state, &before);
            }
            prop_assert_eq!(Model::read(&state, scalars, items), model.clone(), "{:?}", step);
        }
    }

    #[test]
    fn no_path_makes_applying_panic(path in "[a-c.\\[\\]\"0-2]{0,12}", op in 0..4) {
        let op = [ChangeOp::Assign, ChangeOp::Add, ChangeOp::Remove, ChangeOp::IndirectRemove][op as usize];
        for mut state in states() {
            let _ = state.apply_change(&change(&path, op, device(1, "x")));
        }
    }
}
