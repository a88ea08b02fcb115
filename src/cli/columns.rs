//! Which columns the table of a noun has, and what stands in their cells.
//!
//! A column is named by a field of the noun. Where the field holds the id of another object, the name without `_id`
//! stands for that object's name: `host_id` is an id, `host` is a name.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::failure::Failure;
use super::human;
use super::names::Directory;
use super::table::Cell;
use super::terminal::Tone;
use crate::model::{FieldType, Kind, Object};

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// What stands above it.
    pub(crate) header: String,
    pub(crate) source: Source,
}

/// Where a cell's content comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The member at a path.
    Member(Vec<String>),
    /// The main state, with the last known one where it is not known now.
    State(String),
    /// Names of the objects whose ids are in a field.
    Reference { field: String, target: Target },
}

/// What an id is the id of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    /// A provider.
    Provider,
    /// An object of a kind.
    Kind(Kind),
}

impl Target {
    /// What an id field of a noun points to.
    fn of_field(kind: Kind, field: &str) -> Option<Self> {
        let stem = field.strip_suffix("_ids").or_else(|| field.strip_suffix("_id")).unwrap_or(field);
        match stem {
            "provider" => Some(Target::Provider),
            "parent" => Some(Target::Kind(kind)),
            "library" => Some(Target::Kind(Kind::ContentLibrary)),
            "hosts" | "also_known_as" => Some(Target::Kind(Kind::Host)),
            stem => Kind::parse(stem).map(Target::Kind),
        }
    }
}

/// The field that holds the ids of what a word stands for: `host` and `host_id` both give `host_id`.
pub(crate) fn id_field(kind: Kind, word: &str) -> Option<(String, Target)> {
    if matches!(word, "provider" | "provider_id") {
        return Some(("provider_id".to_owned(), Target::Provider));
    }
    let candidates =
        [word.to_owned(), format!("{word}_id"), format!("{word}_ids"), format!("{}_ids", word.trim_end_matches('s'))];
    Object::fields(kind)
        .iter()
        .filter(|field| matches!(field.field_type, FieldType::Id | FieldType::IdList))
        .find(|field| candidates.iter().any(|candidate| candidate == field.name))
        .and_then(|field| Some((field.name.to_owned(), Target::of_field(kind, field.name)?)))
}

impl Column {
    /// The column that a word on the command line names.
    pub(crate) fn named(kind: Kind, word: &str) -> Self {
        let state = Object::state_field(kind);
        let source = match word {
            "state" if state.is_some() => Source::State(state.unwrap_or_default().to_owned()),
            word if state == Some(word) => Source::State(word.to_owned()),
            // Ids stay ids where the field itself is named.
            word if word.ends_with("_id") || word.ends_with("_ids") => Source::Member(vec![word.to_owned()]),
            word => match id_field(kind, word) {
                Some((field, target)) => Source::Reference { field, target },
                None => Source::Member(word.split('.').map(str::to_owned).collect()),
            },
        };
        let header = match word {
            word if Some(word) == state => "STATE".to_owned(),
            word => header(word),
        };
        Self { header, source }
    }
}

/// A field's name as a heading: units are told in the cells.
fn header(word: &str) -> String {
    let word = match word {
        "ip_addresses" => "addresses",
        "cpu_core_count" => "cores",
        "vcpu_count" => "vcpus",
        word => word,
    };
    let stem = ["_bytes", "_mib", "_mhz"].iter().find_map(|unit| word.strip_suffix(unit)).unwrap_or(word);
    let stem = stem.strip_suffix("_count").map_or_else(|| stem.to_owned(), |stem| format!("{stem}s"));
    stem.replace('_', " ").to_uppercase()
}

/// The columns of a noun's table, and those that `wide` adds.
const fn words(kind: Kind) -> (&'static [&'static str], &'static [&'static str]) {
    match kind {
        Kind::Vm => (
            &["name", "state", "vcpu_count", "memory_mib", "ip_addresses", "host", "cluster", "provider"],
            &["condition", "guest_os", "storage_provisioned_bytes", "snapshot_count", "networks", "folder_path", "id"],
        ),
        Kind::Host => (
            &["name", "state", "maintenance", "cpu_core_count", "memory_mib", "cluster", "hypervisor", "provider"],
            &["zone", "hardware_model", "cpu_model", "addresses", "booted_at", "id"],
        ),
        Kind::Cluster => (
            &["name", "host_count", "cpu_core_count", "memory_mib", "zone", "provider"],
            &["standalone", "cpu_capacity_mhz", "ha_enabled", "drs_enabled", "id"],
        ),
        Kind::Datastore => (
            &["name", "state", "technology", "capacity_bytes", "free_bytes", "shared", "zone", "provider"],
            &["provisioned_bytes", "datastore_cluster", "parent", "hosts", "location", "id"],
        ),
        Kind::Network => (
            &["name", "state", "technology", "vlan_id", "cidrs", "switch_name", "zone", "provider"],
            &["vlan_ranges", "dhcp_enabled", "uplink", "shared", "hosts", "id"],
        ),
        Kind::Volume => (
            &["name", "capacity_bytes", "allocated_bytes", "source", "format", "vm", "datastore", "provider"],
            &["thin", "shareable", "read_only", "location", "backing_location", "id"],
        ),
        Kind::Nic => (
            &["name", "vm", "network", "mac_address", "model", "connected", "ip_addresses"],
            &["attachment", "provider", "id"],
        ),
        Kind::Snapshot => (
            &["name", "vm", "created_at", "current", "vm_state", "parent"],
            &["memory", "quiesced", "description", "provider", "id"],
        ),
        Kind::Image => (
            &["name", "format", "size_bytes", "disk_bytes", "datastore", "library", "provider"],
            &["guest_os", "vcpu_count", "memory_mib", "location", "id"],
        ),
        Kind::ResourcePool => (
            &["name", "cluster", "parent", "vapp", "cpu_reservation_mhz", "memory_reservation_mib", "provider"],
            &["cpu_limit_mhz", "memory_limit_mib", "zone", "id"],
        ),
        Kind::Folder => (&["name", "path", "contains", "zone", "provider"], &["parent", "id"]),
        Kind::Tag => (&["name", "category", "exclusive", "description", "provider"], &["id"]),
        Kind::Zone => (&["name", "sync", "provider"], &["id"]),
        Kind::StoragePolicy => (&["name", "description", "provider"], &["id"]),
        Kind::ContentLibrary => (&["name", "subscribed", "created_at", "provider"], &["description", "id"]),
    }
}

/// The columns of a table: those asked for, else the noun's own.
pub(crate) fn columns(kind: Kind, asked: &[String], wide: bool) -> Vec<Column> {
    let (short, more) = words(kind);
    if !asked.is_empty() {
        return asked.iter().map(|word| Column::named(kind, word.trim())).collect();
    }
    let more = if wide { more } else { &[] };
    short.iter().chain(more).map(|word| Column::named(kind, word)).collect()
}

/// Refuses a column that none of these objects has. What lies deeper than a member (`native.config`) differs from object to
/// object, and is not looked at.
pub(crate) fn check_columns(known: &[&str], columns: &[Column], objects: &[Value]) -> Result<(), Failure> {
    for column in columns {
        let Source::Member(path) = &column.source else { continue };
        let Some(member) = path.first().map(String::as_str) else { continue };
        if known.contains(&member) || objects.is_empty() || objects.iter().any(|object| object.get(member).is_some()) {
            continue;
        }
        let mut there_are: Vec<&str> = known.to_vec();
        there_are.extend(objects[0].as_object().into_iter().flatten().map(|(name, _)| name.as_str()));
        there_are.sort_unstable();
        there_are.dedup();
        let what = format!("There is no column `{}`.", path.join("."));
        return Err(Failure::usage(what, format!("There are: {}.", there_are.join(", "))));
    }
    Ok(())
}

/// The ids that a field of an object holds. Some fields are named after what they find, and their ids lie deeper.
pub(crate) fn ids<'a>(object: &'a Value, field: &str) -> Vec<&'a str> {
    let (member, inner) = match field {
        "vm_id" if object.get("attachments").is_some() => ("attachments", "vm_id"),
        "hosts" => ("hosts", "host_id"),
        field => (field, ""),
    };
    match &object[member] {
        Value::String(id) => vec![id],
        Value::Array(items) => {
            items.iter().filter_map(|item| item.as_str().or_else(|| item.get(inner).and_then(Value::as_str))).collect()
        }
        _ => Vec::new(),
    }
}

/// What stands in a cell.
pub(crate) fn cell(object: &Value, column: &Column, directory: &Directory, now: DateTime<Utc>) -> Cell {
    match &column.source {
        Source::State(field) => state(object, field),
        Source::Reference { field, .. } => {
            let names: Vec<&str> = ids(object, field).into_iter().map(|id| directory.name(id).unwrap_or(id)).collect();
            if names.is_empty() { Cell::none() } else { Cell::text(&names.join(", ")) }
        }
        Source::Member(path) => {
            let value = path.iter().fold(object, |value, name| &value[name.as_str()]);
            member(path.last().map_or("", String::as_str), value, now)
        }
    }
}

fn state(object: &Value, field: &str) -> Cell {
    let Some(word) = object[field].as_str() else { return Cell::none() };
    match object[format!("last_known_{field}").as_str()].as_str() {
        Some(last) if word == "unknown" && last != word => Cell::toned(&format!("unknown (was {last})"), Tone::Unknown),
        _ => Cell::state(word),
    }
}

/// A member's value as people read it: its name tells the unit.
pub(crate) fn member(name: &str, value: &Value, now: DateTime<Utc>) -> Cell {
    match value {
        Value::Null => Cell::none(),
        Value::Bool(yes) => Cell::text(if *yes { "yes" } else { "no" }),
        Value::Number(number) => Cell::number(match number.as_u64() {
            Some(size) if name.ends_with("_bytes") => human::bytes(size),
            Some(size) if name.ends_with("_mib") => human::mib(size),
            Some(rate) if name.ends_with("_mhz") => human::mhz(rate),
            _ => number.to_string(),
        }),
        Value::String(text) if text.is_empty() => Cell::none(),
        Value::String(text) if name.ends_with("_at") || name == "since" => match text.parse::<DateTime<Utc>>() {
            Ok(time) => Cell::text(&format!("{} ago", human::age(time, now)).replace("now ago", "now")),
            Err(_) => Cell::text(text),
        },
        Value::String(text) if matches!(name, "sync" | "condition" | "vm_state" | "state") => Cell::state(text),
        Value::String(text) => Cell::text(text),
        Value::Array(items) if items.is_empty() => Cell::none(),
        Value::Array(items) => Cell::text(&items.iter().map(plain).collect::<Vec<_>>().join(", ")),
        Value::Object(members) if members.is_empty() => Cell::none(),
        Value::Object(members) => Cell::text(
            &members.iter().map(|(name, value)| format!("{name}={}", plain(value))).collect::<Vec<_>>().join(", "),
        ),
    }
}

/// A value in one line.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        Value::Array(items) if items.iter().all(|item| !item.is_object()) => {
            items.iter().map(plain).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    #[track_caller]
    fn check(kind: Kind, object: &Value, word: &str, header: &str, text: &str) {
        let mut directory = Directory::default();
        directory.remember("h1", "esx-1");
        directory.remember("p1", "lab");
        let column = Column::named(kind, word);
        assert_eq!(column.header, header);
        assert_eq!(cell(object, &column, &directory, now()).text, text);
    }

    #[test]
    fn cells_are_readable() {
        let vm = json!({
            "name": "web\u{7}", "power_state": "unknown", "last_known_power_state": "running", "host_id": "h1",
            "provider_id": "p1", "memory_mib": 6144, "ip_addresses": ["10.0.0.1", "fe80::1"], "persistent": true,
            "network_ids": ["n9"], "guest_os": null, "storage_used_bytes": 1536, "booted_at": "2027-01-15T07:00:00Z",
            "native": {"config": {"version": "vmx-19"}}, "attributes": {"owner": "ops"},
        });
        check(Kind::Vm, &vm, "name", "NAME", "web\\u{7}");
        check(Kind::Vm, &vm, "state", "STATE", "unknown (was running)");
        check(Kind::Vm, &vm, "power_state", "STATE", "unknown (was running)");
        check(Kind::Vm, &vm, "host", "HOST", "esx-1");
        check(Kind::Vm, &vm, "host_id", "HOST ID", "h1");
        check(Kind::Vm, &vm, "provider", "PROVIDER", "lab");
        check(Kind::Vm, &vm, "memory_mib", "MEMORY", "6 GiB");
        check(Kind::Vm, &vm, "storage_used_bytes", "STORAGE USED", "1.5 KiB");
        check(Kind::Vm, &vm, "ip_addresses", "ADDRESSES", "10.0.0.1, fe80::1");
        check(Kind::Vm, &vm, "networks", "NETWORKS", "n9");
        check(Kind::Vm, &vm, "guest_os", "GUEST OS", "-");
        check(Kind::Vm, &vm, "persistent", "PERSISTENT", "yes");
        check(Kind::Vm, &vm, "booted_at", "BOOTED AT", "60m ago");
        check(Kind::Vm, &vm, "native.config.version", "NATIVE.CONFIG.VERSION", "vmx-19");
        check(Kind::Vm, &vm, "attributes", "ATTRIBUTES", "owner=ops");
        check(Kind::Vm, &vm, "nonsense", "NONSENSE", "-");
    }

    #[test]
    fn a_column_that_nothing_has_is_refused() {
        let vm = json!({"name": "web", "native": {"moref": "vm-1"}, "attributes": {}, "guest_os": null});
        let check =
            |word: &str| check_columns(&["power_state"], &[Column::named(Kind::Vm, word)], std::slice::from_ref(&vm));
        for word in ["name", "state", "host", "power_state", "guest_os", "native.nonsense", "attributes.owner"] {
            assert!(check(word).is_ok(), "{word}");
        }
        let failure = check("nosuch").unwrap_err();
        assert_eq!(failure.exit_code(), 2);
        let message = failure.message(crate::cli::terminal::Palette { coloured: false }).unwrap();
        assert!(message.contains("`nosuch`") && message.contains("guest_os, name, native"), "{message}");
        assert!(check_columns(&[], &[Column::named(Kind::Vm, "nosuch")], &[]).is_ok(), "nothing is known of nothing");
    }

    #[test]
    fn ids_that_lie_deeper_are_found() {
        let volume = json!({"attachments": [{"vm_id": "v1"}, {"vm_id": "v2"}]});
        assert_eq!(ids(&volume, "vm_id"), ["v1", "v2"]);
        check(Kind::Datastore, &json!({"hosts": [{"host_id": "h1"}]}), "hosts", "HOSTS", "esx-1");
        check(Kind::Nic, &json!({"vm_id": "v1"}), "vm", "VM", "v1");
    }

    /// Every word of the tables is a field of its noun, or a name for what a field points to.
    #[test]
    fn the_tables_name_only_what_exists() {
        const COMMON: &[&str] = &["id", "name", "provider", "sync", "state"];
        for kind in Kind::ALL.iter().copied() {
            let (short, more) = words(kind);
            for word in short.iter().chain(more) {
                let declared = Object::fields(kind).iter().any(|field| field.name == *word);
                let stored = kind == Kind::Cluster && matches!(*word, "ha_enabled" | "drs_enabled");
                assert!(
                    declared || stored || COMMON.contains(word) || id_field(kind, word).is_some(),
                    "{kind} has no {word}"
                );
            }
        }
    }
}
