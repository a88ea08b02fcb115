//! What differs between two versions of an object, field by field.
//!
//! Left out are the platform's own detail (`native`) and figures that move by themselves all the time ([`is_volatile`]): a
//! version that differs in nothing else differs in nothing here. Invariant: taken back from the newer version, the
//! differences give the older version's fields, but for what is marked as left out for its size.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Kind, Object};

/// Longer values are left out, bytes of JSON.
const VALUE_MAX: usize = 4_096;
/// More parts of one field than this are told as one.
const PARTS_MAX: usize = 32;
/// All differences of one change together have at most this many bytes of values; what does not fit is left out.
const ALL_MAX: usize = 32_768;

/// A field that changed, or a part of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FieldChange {
    /// The field.
    pub field: String,
    /// Which part of it: the names of members, from the outermost. Empty when it is the whole field.
    pub path: Vec<String>,
    /// The value before. Not there when there was none, or it was left out.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value, required = false)]
    pub before: Option<Value>,
    /// The value after. Not there when there is none, or it was left out.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value, required = false)]
    pub after: Option<Value>,
    /// Whether the values were left out because they are too long.
    pub omitted: bool,
}

/// A member that is there, also when it is `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Whether a field moves by itself, as use does: told with every change of it, it would bury what somebody did.
#[must_use]
pub fn is_volatile(kind: Kind, field: &str) -> bool {
    matches!(
        (kind, field),
        (Kind::Vm, "storage_used_bytes")
            | (Kind::Volume, "allocated_bytes")
            | (Kind::Image, "disk_bytes")
            | (Kind::Datastore, "free_bytes" | "provisioned_bytes")
    )
}

/// What differs between the stored texts of two versions, the main state first, then the name. `None` when one of them
/// cannot be read.
#[must_use]
pub fn differences(kind: Kind, before: &str, after: &str) -> Option<Vec<FieldChange>> {
    // Equal values have equal texts: only what differs is read further.
    let (old, new) = (members(before)?, members(after)?);
    let told = |name: &str| name != "native" && !is_volatile(kind, name);
    let mut found = Vec::new();
    for (name, value) in new.iter().filter(|(name, _)| told(name)) {
        let was = old.iter().find(|(other, _)| other == name).map(|(_, was)| *was);
        if was.is_none_or(|was| was.get() != value.get()) {
            field(name, was, Some(value), &mut found)?;
        }
    }
    for (name, was) in old.iter().filter(|(name, _)| told(name) && !new.iter().any(|(other, _)| other == name)) {
        field(name, Some(was), None, &mut found)?;
    }
    let state = Object::state_field(kind);
    found.sort_by_key(|change| match change.field.as_str() {
        field if Some(field) == state => 0,
        "name" => 1,
        _ => 2,
    });
    bound(&mut found);
    Some(found)
}

fn members(text: &str) -> Option<Vec<(String, &RawValue)>> {
    struct Members<'a>(Vec<(String, &'a RawValue)>);
    struct Visitor;
    impl<'de> serde::de::Visitor<'de> for Visitor {
        type Value = Members<'de>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
            let mut members = Vec::with_capacity(48);
            while let Some(member) = map.next_entry()? {
                members.push(member);
            }
            Ok(Members(members))
        }
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let members = serde::Deserializer::deserialize_map(&mut reader, Visitor).ok()?;
    Some(members.0)
}

/// Adds what differs in one field.
fn field(name: &str, before: Option<&RawValue>, after: Option<&RawValue>, found: &mut Vec<FieldChange>) -> Option<()> {
    let whole =
        |omitted, before, after| FieldChange { field: name.to_owned(), path: Vec::new(), before, after, omitted };
    let length = |value: Option<&RawValue>| value.map_or(0, |value| value.get().len());
    let is_object = |value: Option<&RawValue>| value.is_some_and(|value| value.get().starts_with('{'));
    let objects = is_object(before) && is_object(after);
    if !objects && length(before).max(length(after)) > VALUE_MAX {
        found.push(whole(true, None, None));
        return Some(());
    }
    let read =
        |value: Option<&RawValue>| value.map(|value| serde_json::from_str::<Value>(value.get())).transpose().ok();
    let (before, after) = (read(before)?, read(after)?);
    let mut parts = Vec::new();
    compare(name, &mut Vec::new(), before.as_ref(), after.as_ref(), &mut parts);
    if parts.len() > PARTS_MAX {
        let text = |value: &Option<Value>| value.as_ref().map_or(0, |value| value.to_string().len());
        let fits = text(&before).max(text(&after)) <= VALUE_MAX;
        parts = vec![if fits { whole(false, before, after) } else { whole(true, None, None) }];
    }
    found.extend(parts);
    Some(())
}

fn compare(
    field: &str,
    path: &mut Vec<String>,
    before: Option<&Value>,
    after: Option<&Value>,
    found: &mut Vec<FieldChange>,
) {
    if let (Some(Value::Object(old)), Some(Value::Object(new))) = (before, after) {
        let gone = old.keys().filter(|name| !new.contains_key(*name));
        for name in new.keys().chain(gone) {
            path.push(name.clone());
            compare(field, path, old.get(name), new.get(name), found);
            path.pop();
        }
    } else if before != after {
        let change = FieldChange {
            field: field.to_owned(),
            path: path.clone(),
            before: before.cloned(),
            after: after.cloned(),
            omitted: false,
        };
        found.push(change);
    }
}

/// Leaves values out where they, or all of them together, are too long.
fn bound(found: &mut [FieldChange]) {
    let length = |value: &Option<Value>| value.as_ref().map_or(0, |value| value.to_string().len());
    let mut left = ALL_MAX;
    for change in found {
        let (before, after) = (length(&change.before), length(&change.after));
        if before.max(after) > VALUE_MAX || before + after > left {
            *change = FieldChange { before: None, after: None, omitted: true, ..change.clone() };
        } else {
            left -= before + after;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, json};

    use super::*;

    /// Takes differences back from the newer version.
    pub(crate) fn undo(changes: &[FieldChange], object: &mut Map<String, Value>) {
        for change in changes {
            assert!(!change.omitted, "{change:?}");
            let mut place = &mut *object;
            let mut way = std::iter::once(&change.field).chain(&change.path).peekable();
            while let Some(name) = way.next() {
                if way.peek().is_some() {
                    place = place.get_mut(name).unwrap().as_object_mut().unwrap();
                    continue;
                }
                assert_eq!(place.get(name), change.after.as_ref(), "{change:?}");
                match &change.before {
                    Some(before) => drop(place.insert(name.clone(), before.clone())),
                    None => drop(place.remove(name)),
                }
            }
        }
    }

    /// What is told of an object.
    pub(crate) fn told(kind: Kind, object: &Value) -> Map<String, Value> {
        let members = object.as_object().unwrap().clone();
        members.into_iter().filter(|(name, _)| name != "native" && !is_volatile(kind, name)).collect()
    }

    fn of(before: &Value, after: &Value) -> Vec<FieldChange> {
        differences(Kind::Vm, &before.to_string(), &after.to_string()).unwrap()
    }

    #[test]
    fn fields_are_told_with_their_values_the_state_first() {
        let before = json!({"power_state": "running", "name": "a", "host_id": "h1", "tag_ids": ["t"], "memory_mib": 1,
            "attributes": {"owner": "me", "old": "1", "same": "x"}, "native": {"a": 1}, "storage_used_bytes": 1});
        let after = json!({"power_state": "stopped", "name": "b", "host_id": null, "tag_ids": ["t", "u"], "memory_mib": 1,
            "attributes": {"owner": "you", "new": "2", "same": "x"}, "native": {"a": 2}, "storage_used_bytes": 2});
        let found: Vec<_> = of(&before, &after)
            .into_iter()
            .map(|change| (change.field, change.path.join("/"), change.before, change.after))
            .collect();
        let change = |field: &str, path: &str, before: Option<Value>, after: Option<Value>| {
            (field.to_owned(), path.to_owned(), before, after)
        };
        assert_eq!(found[0], change("power_state", "", Some(json!("running")), Some(json!("stopped"))));
        assert_eq!(found[1], change("name", "", Some(json!("a")), Some(json!("b"))));
        let mut rest = found[2..].to_vec();
        rest.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
        let expected = [
            change("attributes", "new", None, Some(json!("2"))),
            change("attributes", "old", Some(json!("1")), None),
            change("attributes", "owner", Some(json!("me")), Some(json!("you"))),
            change("host_id", "", Some(json!("h1")), Some(Value::Null)),
            change("tag_ids", "", Some(json!(["t"])), Some(json!(["t", "u"]))),
        ];
        assert_eq!(rest, expected);
    }

    #[test]
    fn what_says_nothing_is_no_difference() {
        let vm = |used: u64| json!({"name": "a", "storage_used_bytes": used, "native": {"x": used}});
        assert_eq!(of(&vm(1), &vm(2)), []);
        assert_eq!(differences(Kind::Vm, "{", "{}"), None, "it cannot be read");
    }

    #[test]
    fn long_values_are_left_out_and_many_are_bounded() {
        let before = json!({"description": "a".repeat(5_000), "name": "a"});
        let found = of(&before, &json!({"description": "b", "name": "b"}));
        let omitted: Vec<_> = found.iter().map(|change| (change.field.as_str(), change.omitted)).collect();
        assert_eq!(omitted, [("name", false), ("description", true)]);
        let many = |value: &str| {
            let members = (0..1_000).map(|index| (format!("k{index}"), json!(value.repeat(40))));
            json!({"attributes": members.collect::<Map<_, _>>()})
        };
        let found = of(&many("a"), &many("b"));
        assert!(matches!(found.as_slice(), [only] if only.omitted && only.path.is_empty()), "{found:?}");
        let fields = |value: &str| {
            json!((0..100).map(|index| (format!("f{index}"), json!(value.repeat(1_000)))).collect::<Map<_, _>>())
        };
        let found = of(&fields("a"), &fields("b"));
        assert_eq!(found.len(), 100, "each is named");
        assert!(serde_json::to_string(&found).unwrap().len() < 2 * ALL_MAX);
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-c/\\.\"ä]{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-c/.]{1,2}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    fn object() -> impl Strategy<Value = Value> {
        const FIELDS: &[&str] =
            &["power_state", "name", "attributes", "tag_ids", "native", "storage_used_bytes", "host_id"];
        let field = prop::sample::select(FIELDS);
        let members = prop::collection::btree_map(field, value(), 0..7);
        members.prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    proptest! {
        #[test]
        fn taken_back_the_differences_give_what_was_before(versions in prop::collection::vec(object(), 1..6)) {
            let changes: Vec<Vec<FieldChange>> = versions
                .windows(2)
                .map(|pair| {
                    let found = of(&pair[0], &pair[1]);
                    // As it is stored.
                    serde_json::from_str(&serde_json::to_string(&found).unwrap()).unwrap()
                })
                .collect();
            let mut object = told(Kind::Vm, versions.last().unwrap());
            for (changes, version) in changes.iter().zip(&versions).rev() {
                undo(changes, &mut object);
                prop_assert_eq!(&object, &told(Kind::Vm, version));
            }
        }
    }
}
