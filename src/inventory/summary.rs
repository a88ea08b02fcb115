//! Counts, and sums by group.

use std::collections::HashMap;

use bytes::Bytes;

use super::entry::Entry;
use super::plan::Reader;
use super::query::{QueryError, SummaryQuery};
use super::schema::FieldRef;
use super::snapshot::Snapshot;
use super::status::time_text;
use crate::authz::{InventoryRead, TenantScope};
use crate::model::{Kind, ObjectId, Revision, Value};

/// Groups that are answered at most.
const GROUPS_MAX: usize = 10_000;

/// How many objects there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// How many.
    pub count: u64,
    /// The revision of the snapshot that was read.
    pub revision: Revision,
}

impl Count {
    /// The whole answer: `{"count":…,"revision":"…"}`.
    #[must_use]
    pub fn json(&self) -> Bytes {
        Bytes::from(format!("{{\"count\":{},\"revision\":\"{}\"}}", self.count, self.revision))
    }
}

/// The objects that have the same values in the fields that are grouped by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The values, in the order of [`Summary::group_by`].
    pub key: Vec<Value>,
    /// How many objects.
    pub count: u64,
    /// The sums, in the order of [`Summary::sum`]. Absent values count as nothing, and a host that is the same machine as
    /// another of the group is not added again.
    pub sums: Vec<i128>,
}

/// Counts and sums by group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Fields that are grouped by.
    pub group_by: Vec<&'static str>,
    /// Fields that are summed.
    pub sum: Vec<&'static str>,
    /// The groups, in the order of their keys.
    pub groups: Vec<Group>,
    /// The revision of the snapshot that was read.
    pub revision: Revision,
}

impl Summary {
    /// The whole answer: `{"groups":[{"key":{…},"count":…,"sums":{…}}],"revision":"…"}`.
    #[must_use]
    pub fn json(&self) -> Bytes {
        let mut out = String::from("{\"groups\":[");
        for (at, group) in self.groups.iter().enumerate() {
            out.push_str(if at > 0 { ",{\"key\":{" } else { "{\"key\":{" });
            write_members(&mut out, &self.group_by, group.key.iter().map(value_json));
            out.push_str(&format!("}},\"count\":{},\"sums\":{{", group.count));
            write_members(&mut out, &self.sum, group.sums.iter().map(i128::to_string));
            out.push_str("}}");
        }
        out.push_str(&format!("],\"revision\":\"{}\"}}", self.revision));
        out.into()
    }
}

fn write_members(out: &mut String, names: &[&'static str], values: impl Iterator<Item = String>) {
    for (at, (name, value)) in names.iter().zip(values).enumerate() {
        out.push_str(&format!("{}\"{name}\":{value}", if at > 0 { "," } else { "" }));
    }
}

fn value_json(value: &Value) -> String {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    match value {
        Value::Null | Value::List(_) => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Word(word) => text(word),
        Value::Text(value) => text(value),
        Value::Id(id) => text(&id.to_string()),
        Value::Time(time) => text(&time_text(*time)),
    }
}

/// Counts and sums by group.
pub(super) fn summarize(
    snapshot: &Snapshot,
    scope: &TenantScope<InventoryRead>,
    query: &SummaryQuery,
) -> Result<Summary, QueryError> {
    let reader = Reader::new(snapshot, scope, query.query());
    let mut groups: HashMap<Vec<Value>, (u64, Vec<i128>)> = HashMap::new();
    let sums = query.sum().len();
    if query.group_by().is_empty() {
        groups.insert(Vec::new(), (0, vec![0; sums]));
    }
    let mut key = Vec::new();
    let mut full = false;
    reader.for_each(|entry| {
        read_key(&reader, query, entry, &mut key);
        if !groups.contains_key(&key) {
            if groups.len() == GROUPS_MAX {
                full = true;
                return;
            }
            groups.insert(key.clone(), (0, vec![0; sums]));
        }
        let Some(group) = groups.get_mut(&key) else { return };
        group.0 += 1;
        if sums == 0 || is_counted_elsewhere(&reader, query, entry, &key) {
            return;
        }
        for ((field, _), sum) in query.sum().iter().zip(&mut group.1) {
            if let Value::Int(value) = &*field.value(entry, &reader.view) {
                *sum += i128::from(*value);
            }
        }
    });
    if full {
        return Err(QueryError::TooManyGroups { max: GROUPS_MAX });
    }
    let mut groups: Vec<Group> = groups.into_iter().map(|(key, (count, sums))| Group { key, count, sums }).collect();
    groups.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(Summary {
        group_by: query.group_by().iter().map(|(_, name)| *name).collect(),
        sum: query.sum().iter().map(|(_, name)| *name).collect(),
        groups,
        revision: snapshot.revision,
    })
}

fn read_key(reader: &Reader<'_>, query: &SummaryQuery, entry: &Entry, key: &mut Vec<Value>) {
    key.clear();
    key.extend(query.group_by().iter().map(|(field, _)| field.value(entry, &reader.view).into_owned()));
}

/// Whether a host is the same machine as another of the same group, which stands for both: the one with the lesser id.
fn is_counted_elsewhere(reader: &Reader<'_>, query: &SummaryQuery, entry: &Entry, key: &[Value]) -> bool {
    if entry.kind() != Kind::Host {
        return false;
    }
    let Some((FieldRef::Declared(at), _)) = reader.table.schema().field("also_known_as") else { return false };
    let Value::List(others) = entry.declared(at) else { return false };
    others.iter().any(|other| {
        let Value::Id(id) = other else { return false };
        let other = (*id < entry.id().0).then(|| reader.table.get(ObjectId(*id))).flatten();
        other.is_some_and(|other| {
            let mut other_key = Vec::new();
            read_key(reader, query, other, &mut other_key);
            reader.matches(other) && other_key == key
        })
    })
}
