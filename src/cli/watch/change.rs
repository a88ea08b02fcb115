//! One change, and how it is told: a line for people, a JSON document for programs.

use serde_json::{Value, json};

use super::state_field;
use crate::cli::columns::{Target, id_field, member, plain};
use crate::cli::diff::{Difference, differences};
use crate::cli::human::{moment, now, time_of_day};
use crate::cli::names::{Directory, word};
use crate::cli::providers::overall;
use crate::cli::terminal::{Palette, Tone, harmless};
use crate::model::Kind;

/// More differences than this are counted, not told.
const DIFFERENCES_TOLD: usize = 6;

/// Longer values are cut.
const VALUE_LENGTH: usize = 60;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// It is new, or differs.
    Put,
    /// It is gone.
    Delete,
}

/// One change of an object, or of a provider.
#[derive(Clone, Debug)]
pub(super) struct Change {
    act: Act,
    /// `None` for a provider.
    pub(super) kind: Option<Kind>,
    id: String,
    /// As it was, where that is known.
    pub(super) before: Option<Value>,
    after: Option<Value>,
    revision: Option<String>,
    /// Whether it is known that there was none before.
    pub(super) is_new: bool,
    differences: Vec<Difference>,
}

impl Change {
    pub(super) fn new(
        act: Act,
        kind: Option<Kind>,
        id: &str,
        before: Option<Value>,
        after: Option<Value>,
        revision: Option<String>,
    ) -> Self {
        let differences = match (&before, &after) {
            (Some(before), Some(after)) if kind.is_some() => differences(before, after, state_field(kind)),
            (Some(before), Some(after)) => of_provider(before, after),
            _ => Vec::new(),
        };
        let is_new = before.is_none() && act == Act::Put;
        Self { act, kind, id: id.to_owned(), before, after, revision, is_new, differences }
    }

    fn name(&self) -> &str {
        let named = self.after.as_ref().or(self.before.as_ref());
        named.and_then(|object| object["name"].as_str()).unwrap_or(&self.id)
    }

    /// A provider that loads sends how far it is; that is no line each time.
    pub(super) fn is_worth_a_line(&self) -> bool {
        self.act == Act::Delete || self.before.is_none() || !self.differences.is_empty()
    }

    /// Ids in the change that people want to read as names.
    pub(super) fn references(&self) -> Vec<(Target, Vec<String>)> {
        let Some(kind) = self.kind else { return Vec::new() };
        references(kind, &self.differences)
    }

    /// The change as a JSON document.
    pub(super) fn json(&self) -> Value {
        let changes: Vec<Value> = self
            .differences
            .iter()
            .map(|difference| json!({"field": difference.field, "from": difference.from, "to": difference.to}))
            .collect();
        let event = match (self.act, self.kind) {
            (Act::Put, Some(_)) => "put",
            (Act::Delete, Some(_)) => "delete",
            (Act::Put, None) => "provider",
            (Act::Delete, None) => "provider_removed",
        };
        json!({
            "event": event,
            "kind": self.kind.map_or("provider", Kind::as_str),
            "id": self.id,
            "name": self.name(),
            "revision": self.revision,
            "is_new": self.is_new,
            "changes": changes,
            "object": self.after,
        })
    }

    /// The change in one line.
    pub(super) fn line(&self, directory: &Directory, palette: Palette, unicode: bool, width: usize) -> String {
        let at =
            self.after.as_ref().and_then(|object| object["changed_at"].as_str()).and_then(|text| text.parse().ok());
        let time = time_of_day(at.unwrap_or_else(now));
        let kind = self.kind.map_or("provider", word);
        format!(
            "{}  {kind:<width$}  {}  {}",
            palette.paint(Tone::Quiet, &time),
            palette.paint(Tone::Strong, &harmless(self.name())),
            self.told(directory, palette, unicode)
        )
    }

    fn told(&self, directory: &Directory, palette: Palette, unicode: bool) -> String {
        let state = match (&self.after, self.kind) {
            (Some(provider), None) => Some(overall(provider)),
            (Some(object), Some(_)) => state_field(self.kind).and_then(|field| object[field].as_str()),
            (None, _) => None,
        };
        let with_state = |word: &str| match state {
            Some(state) => format!("{word}, {}", palette.paint(Tone::of_state(state), &harmless(state))),
            None => word.to_owned(),
        };
        match self.act {
            Act::Delete => palette.paint(Tone::Bad, "removed"),
            Act::Put if self.is_new => with_state("added"),
            Act::Put if self.before.is_none() => with_state("changed"),
            Act::Put if self.differences.is_empty() => "changed, not in what is shown".to_owned(),
            Act::Put => {
                let arrow = if unicode { "→" } else { "->" };
                tell(self.kind, &self.differences, Some(DIFFERENCES_TOLD), directory, palette, arrow)
            }
        }
    }
}

/// Ids in differences that people want to read as names.
pub(crate) fn references(kind: Kind, differences: &[Difference]) -> Vec<(Target, Vec<String>)> {
    let of = |difference: &Difference| {
        let (_, target) = id_field(kind, &difference.field).filter(|(field, _)| *field == difference.field)?;
        Some((target, [&difference.from, &difference.to].into_iter().flat_map(texts).collect()))
    };
    differences.iter().filter_map(of).collect()
}

/// Differences in one line; more than `most` are counted.
pub(crate) fn tell(
    kind: Option<Kind>,
    differences: &[Difference],
    most: Option<usize>,
    directory: &Directory,
    palette: Palette,
    arrow: &str,
) -> String {
    let most = most.unwrap_or(differences.len());
    let told = differences.iter().take(most);
    let mut parts: Vec<String> = told.map(|difference| tell_one(kind, difference, directory, palette, arrow)).collect();
    if differences.len() > most {
        parts.push(format!("and {} more", differences.len() - most));
    }
    parts.join(", ")
}

/// Of a list what came and what went: `volume +disk-2 -disk-1`.
fn list_difference(field: &str, reference: bool, from: &[Value], to: &[Value], directory: &Directory) -> String {
    let shown = |value: &Value| match value {
        Value::String(id) if reference => harmless(directory.name(id).unwrap_or(id)),
        other => harmless(&cut(&plain(other))),
    };
    let came = to.iter().filter(|value| !from.contains(value)).map(|value| format!("+{}", shown(value)));
    let went = from.iter().filter(|value| !to.contains(value)).map(|value| format!("-{}", shown(value)));
    let parts: Vec<String> = came.chain(went).collect();
    let told = if parts.is_empty() { "in another order".to_owned() } else { parts.join(" ") };
    format!("{} {told}", harmless(label(field, reference)))
}

fn tell_one(
    kind: Option<Kind>,
    difference: &Difference,
    directory: &Directory,
    palette: Palette,
    arrow: &str,
) -> String {
    let field = difference.field.as_str();
    if let ("why", Value::String(message)) = (field, &difference.to) {
        return harmless(message);
    }
    let reference = kind.and_then(|kind| id_field(kind, field)).filter(|(name, _)| name == field).is_some();
    if let (Value::Array(from), Value::Array(to)) = (&difference.from, &difference.to) {
        return list_difference(field, reference, from, to, directory);
    }
    let is_state = Some(field) == state_field(kind) || matches!(field, "state" | "condition");
    let shown = |value: &Value| {
        if reference {
            let names: Vec<String> = texts(value).iter().map(|id| harmless(directory.name(id).unwrap_or(id))).collect();
            return if names.is_empty() { "-".to_owned() } else { names.join(" ") };
        }
        let text = match value {
            Value::Number(_) => member(field, value, now()).text,
            Value::String(text) if field.ends_with("_at") => moment(text),
            other => harmless(&cut(&plain(other))),
        };
        let text = if text.is_empty() { "-".to_owned() } else { text };
        if is_state { palette.paint(Tone::of_state(&text), &text) } else { text }
    };
    let label = label(field, reference);
    format!("{} {} {arrow} {}", harmless(label), shown(&difference.from), shown(&difference.to))
}

/// A field's name in a line: where names stand for ids, it is no id.
fn label(field: &str, reference: bool) -> &str {
    let stem = field.strip_suffix("_ids").or_else(|| field.strip_suffix("_id"));
    stem.filter(|_| reference).unwrap_or(field)
}

/// The texts in a value: an id, or a list of them.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= VALUE_LENGTH {
        return text.to_owned();
    }
    text.chars().take(VALUE_LENGTH - 1).chain(['…']).collect()
}

/// What of a provider is worth telling: its state, its endpoints' states and why. Not how far it has loaded.
fn of_provider(before: &Value, after: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut add = |field: String, from: Value, to: Value| {
        if from != to {
            found.push(Difference { field, from, to });
        }
    };
    add("state".to_owned(), json!(overall(before)), json!(overall(after)));
    for field in ["name", "enabled"] {
        add(field.to_owned(), before[field].clone(), after[field].clone());
    }
    let sources = |provider: &Value| provider["sources"].as_array().cloned().unwrap_or_default();
    let (old, new) = (sources(before), sources(after));
    for source in &new {
        let was = old.iter().find(|other| other["id"] == source["id"]);
        let (from, to) = (was.map_or(&Value::Null, |was| &was["sync"]), &source["sync"]);
        // With one endpoint the provider's state says it.
        if new.len() > 1 {
            add(
                format!("{} state", source["endpoint"].as_str().unwrap_or("-")),
                from["state"].clone(),
                to["state"].clone(),
            );
        }
        // That nothing is wrong any more is told by the state.
        if !to["message"].is_null() {
            add("why".to_owned(), from["message"].clone(), to["message"].clone());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vm(state: &str, host: &str) -> Value {
        json!({"id": "v1", "name": "web\u{1b}-1", "power_state": state, "host_id": host, "revision": "1", "memory_mib": 1024,
               "changed_at": null})
    }

    fn told(change: &Change) -> String {
        let mut directory = Directory::default();
        directory.remember("h1", "esx-1");
        directory.remember("h2", "esx-2");
        let line = change.line(&directory, Palette { coloured: false }, true, 4);
        // The time of day is the clock's.
        line.get(10..).unwrap_or_default().to_owned()
    }

    #[test]
    fn a_line_says_what_changed_by_name() {
        let put = |before: Option<Value>, after: Value| {
            Change::new(Act::Put, Some(Kind::Vm), "v1", before, Some(after), Some("2".to_owned()))
        };
        assert_eq!(
            told(&put(Some(vm("running", "h1")), vm("stopped", "h2"))),
            "vm    web\\u{1b}-1  power_state running → stopped, host esx-1 → esx-2"
        );
        let mut larger = vm("running", "h1");
        larger["memory_mib"] = json!(4096);
        assert_eq!(told(&put(Some(vm("running", "h1")), larger)), "vm    web\\u{1b}-1  memory_mib 1 GiB → 4 GiB");
        assert_eq!(told(&put(None, vm("running", "h1"))), "vm    web\\u{1b}-1  added, running");
        let mut seen_first = put(None, vm("running", "h1"));
        seen_first.is_new = false;
        assert_eq!(told(&seen_first), "vm    web\\u{1b}-1  changed, running");
        let gone = Change::new(Act::Delete, Some(Kind::Vm), "v1", None, None, None);
        assert_eq!(told(&gone), "vm    v1  removed");
    }

    #[test]
    fn of_a_list_is_told_what_came_and_what_went() {
        let with = |ids: Value, addresses: Value| json!({"id": "v1", "name": "a", "network_ids": ids, "ip_addresses": addresses});
        let change = |before, after| Change::new(Act::Put, Some(Kind::Vm), "v1", Some(before), Some(after), None);
        let line =
            told(&change(with(json!(["h1"]), json!(["10.0.0.1", "b"])), with(json!(["h1", "h2"]), json!(["b", "c"]))));
        assert_eq!(line, "vm    a  ip_addresses +c -10.0.0.1, network +esx-2");
        let line = told(&change(with(json!([]), json!(["a", "b"])), with(json!([]), json!(["b", "a"]))));
        assert_eq!(line, "vm    a  ip_addresses in another order");
    }

    #[test]
    fn a_long_change_is_cut() {
        let (mut before, mut after) = (vm("running", "h1"), vm("running", "h1"));
        for index in 0..9 {
            before[format!("x{index}")] = json!("a".repeat(100));
            after[format!("x{index}")] = json!("b");
        }
        let line = told(&Change::new(Act::Put, Some(Kind::Vm), "v1", Some(before), Some(after), None));
        assert!(line.ends_with("and 3 more"), "{line}");
        assert!(line.len() < 600, "{line}");
    }

    #[test]
    fn a_provider_tells_its_state_and_not_how_far_it_is() {
        let provider = |state: &str, loaded: u64, message: Option<&str>| {
            json!({"id": "p1", "name": "lab", "enabled": true,
                   "sources": [{"id": "s1", "endpoint": "vc", "sync": {"state": state, "loaded": loaded, "message": message}}]})
        };
        let change = |before, after| Change::new(Act::Put, None, "p1", Some(before), Some(after), None);
        let further = change(provider("loading", 1, None), provider("loading", 2, None));
        assert!(!further.is_worth_a_line());
        let lost = change(provider("live", 2, None), provider("unreachable", 2, Some("It ended.")));
        assert!(lost.is_worth_a_line());
        assert_eq!(told(&lost), "provider  lab  state live → unreachable, It ended.");
    }

    #[test]
    fn programs_get_everything() {
        let change = Change::new(
            Act::Put,
            Some(Kind::Vm),
            "v1",
            Some(vm("running", "h1")),
            Some(vm("stopped", "h1")),
            Some("2".to_owned()),
        );
        let document = change.json();
        assert_eq!(document["event"], "put");
        assert_eq!(document["revision"], "2");
        assert_eq!(document["changes"], json!([{"field": "power_state", "from": "running", "to": "stopped"}]));
        assert_eq!(document["object"]["power_state"], "stopped");
    }
}
