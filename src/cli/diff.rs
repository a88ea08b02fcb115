//! What differs between two versions of an object.

use serde_json::Value;

/// One difference.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Difference {
    /// Where: `power_state`, `native.config.version`.
    pub(crate) field: String,
    pub(crate) from: Value,
    pub(crate) to: Value,
}

/// Members that tell of the version, not of the object.
const OF_THE_VERSION: &[&str] = &["revision", "first_seen_at", "changed_at", "observed_at", "sync"];

/// The differences, the main state first, platform detail last.
pub(crate) fn differences(from: &Value, to: &Value, state: Option<&str>) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("", from, to, &mut found);
    found.sort_by_key(|difference| match difference.field.as_str() {
        field if Some(field) == state => 0,
        "name" => 1,
        field if field == "native" || field.starts_with("native.") => 3,
        _ => 2,
    });
    found
}

fn compare(path: &str, from: &Value, to: &Value, found: &mut Vec<Difference>) {
    let (Value::Object(old), Value::Object(new)) = (from, to) else {
        if from != to {
            found.push(Difference { field: path.to_owned(), from: from.clone(), to: to.clone() });
        }
        return;
    };
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        if path.is_empty() && (OF_THE_VERSION.contains(&name.as_str()) || name.starts_with("last_known_")) {
            continue;
        }
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        compare(&path, old.get(name).unwrap_or(&Value::Null), new.get(name).unwrap_or(&Value::Null), found);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(from: &Value, to: &Value, expected: &[&str]) {
        let shown: Vec<String> = differences(from, to, Some("power_state"))
            .iter()
            .map(|difference| format!("{} {} {}", difference.field, difference.from, difference.to))
            .collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn the_state_comes_first_and_platform_detail_last() {
        check(
            &json!({"revision": "1", "changed_at": "a", "native": {"x": {"y": 1}}, "host_id": "h1", "power_state": "running", "name": "a"}),
            &json!({"revision": "2", "changed_at": "b", "native": {"x": {"y": 2}}, "host_id": "h2", "power_state": "stopped", "name": "b"}),
            &["power_state \"running\" \"stopped\"", "name \"a\" \"b\"", "host_id \"h1\" \"h2\"", "native.x.y 1 2"],
        );
    }

    #[test]
    fn members_that_come_and_go_are_differences() {
        check(&json!({"a": 1}), &json!({"b": [1, 2]}), &["a 1 null", "b null [1,2]"]);
        check(&json!({"a": {"b": 1}}), &json!({"a": null}), &["a {\"b\":1} null"]);
        check(&json!({"a": null}), &json!({}), &[]);
    }

    #[test]
    fn the_same_is_no_difference() {
        let object = json!({"name": "a", "list": [1, {"b": 2}]});
        check(&object, &object, &[]);
    }
}
