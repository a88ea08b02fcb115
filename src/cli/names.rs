//! Names in place of ids: of what people type, and of what they read.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;
use uuid::Uuid;

use super::client::{Client, Query};
use super::columns::{Column, Source, Target, ids};
use super::failure::Failure;
use crate::model::Kind;

/// Ids asked for at once: their names fit in one address line.
const IDS_PER_REQUEST: usize = 40;

/// How many of the objects with one name are listed when a name is not unique.
const CANDIDATES_SHOWN: usize = 10;

/// Names of objects and providers, by id.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    names: HashMap<String, String>,
}

impl Directory {
    /// The name of what has this id, if it was learnt.
    pub(crate) fn name(&self, id: &str) -> Option<&str> {
        self.names.get(id).map(String::as_str)
    }

    /// Keeps a name.
    pub(crate) fn remember(&mut self, id: &str, name: &str) {
        self.names.insert(id.to_owned(), name.to_owned());
    }

    /// Keeps the names of objects as the API gives them.
    pub(crate) fn remember_all(&mut self, objects: &[Value]) {
        for object in objects {
            if let (Some(id), Some(name)) = (object["id"].as_str(), object["name"].as_str()) {
                self.remember(id, name);
            }
        }
    }

    /// Learns the names behind some ids.
    pub(crate) async fn learn(&mut self, client: &Client, target: Target, ids: &[&str]) -> Result<(), Failure> {
        let unknown: BTreeSet<&str> = ids.iter().copied().filter(|id| !self.names.contains_key(*id)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        match target {
            Target::Provider => {
                let providers = client.get("/v1/providers", &[]).await?.body;
                self.remember_all(items(&providers));
            }
            Target::Kind(kind) => {
                let unknown: Vec<&str> = unknown.into_iter().collect();
                for some in unknown.chunks(IDS_PER_REQUEST) {
                    let query: Query = vec![pair("id", some.join(",")), pair("limit", IDS_PER_REQUEST.to_string())];
                    let objects = client.get(&collection(kind), &query).await?.body;
                    self.remember_all(items(&objects));
                }
            }
        }
        Ok(())
    }

    /// Learns every name that these columns show of these objects.
    pub(crate) async fn learn_for(
        &mut self,
        client: &Client,
        columns: &[Column],
        objects: &[Value],
    ) -> Result<(), Failure> {
        for column in columns {
            if let Source::Reference { field, target } = &column.source {
                let ids: Vec<&str> = objects.iter().flat_map(|object| ids(object, field)).collect();
                self.learn(client, *target, &ids).await?;
            }
        }
        Ok(())
    }
}

/// The path of a collection.
pub(crate) fn collection(kind: Kind) -> String {
    format!("/v1/{}", kind.plural())
}

/// The word for a kind on the command line: `resource-pool`.
pub(crate) const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::ResourcePool => "resource-pool",
        Kind::StoragePolicy => "storage-policy",
        Kind::ContentLibrary => "content-library",
        kind => kind.as_str(),
    }
}

/// The kind that a word on the command line names: `vm`, `vms`, `resource-pool`, `resource_pools`.
pub(crate) fn kind(text: &str) -> Result<Kind, String> {
    let text = text.trim().to_ascii_lowercase();
    let kind = Kind::parse(&text.replace('-', "_")).or_else(|| Kind::from_plural(&text.replace('_', "-")));
    kind.ok_or_else(|| {
        let all: Vec<&str> = Kind::ALL.iter().map(|kind| word(*kind)).collect();
        format!("there are: {}", all.join(", "))
    })
}

/// The items of an answer that is a list.
pub(crate) fn items(body: &Value) -> &[Value] {
    body["items"].as_array().map_or(&[], Vec::as_slice)
}

pub(crate) fn pair(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}

/// A value for a filter that takes several: a comma in it belongs to it.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace(',', "\\,")
}

/// The values of a filter: separated by commas. A comma that belongs to a value is written `\,`, a backslash `\\`.
pub(crate) fn values(text: &str) -> Vec<String> {
    let mut values = vec![String::new()];
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let literal = match character {
            ',' => {
                values.push(String::new());
                continue;
            }
            '\\' => characters.next().unwrap_or('\\'),
            other => other,
        };
        if let Some(value) = values.last_mut() {
            value.push(literal);
        }
    }
    values
}

/// The provider with this name or id.
pub(crate) async fn provider(client: &Client, text: &str) -> Result<Value, Failure> {
    let body = client.get("/v1/providers", &[]).await?.body;
    let providers = items(&body);
    let by = |member: &str| providers.iter().find(|provider| provider[member].as_str() == Some(text));
    by("id").or_else(|| by("name")).cloned().ok_or_else(|| {
        let mut names: Vec<&str> = providers.iter().filter_map(|provider| provider["name"].as_str()).collect();
        names.sort_unstable();
        Failure::NotFound {
            what: format!("There is no provider named `{text}`."),
            mend: Some(if names.is_empty() {
                "There is none yet. `spandrel provider add --help` tells how to add one.".to_owned()
            } else {
                format!("There are: {}.", names.join(", "))
            }),
        }
    })
}

/// Every object of a kind with this name.
pub(crate) async fn named(client: &Client, kind: Kind, name: &str, scope: &Query) -> Result<Vec<Value>, Failure> {
    let mut query = vec![pair("name", escaped(name)), pair("limit", "1000")];
    query.extend(scope.iter().cloned());
    let body = client.get(&collection(kind), &query).await?.body;
    let same =
        |object: &&Value| object["name"].as_str().is_some_and(|other| other.to_lowercase() == name.to_lowercase());
    let found: Vec<Value> = items(&body).iter().filter(same).cloned().collect();
    // Names differ by letter case on both platforms: who types the very name means that one.
    let exact: Vec<Value> = found.iter().filter(|object| object["name"] == name).cloned().collect();
    Ok(if exact.is_empty() { found } else { exact })
}

/// The one object with this name or id.
pub(crate) async fn object(client: &Client, kind: Kind, text: &str, scope: &Query) -> Result<Value, Failure> {
    if Uuid::try_parse(text).is_ok() {
        return Ok(client.get(&format!("{}/{text}", collection(kind)), &[]).await?.body);
    }
    let mut found = named(client, kind, text, scope).await?;
    match found.len() {
        0 => Err(Failure::NotFound {
            what: format!("There is no {} named `{text}`.", kind.words()),
            mend: Some(format!("`spandrel {} list -q '{text}'` searches for it.", word(kind))),
        }),
        1 => Ok(found.remove(0)),
        many => {
            let mut directory = Directory::default();
            let providers: Vec<&str> = found.iter().filter_map(|object| object["provider_id"].as_str()).collect();
            directory.learn(client, Target::Provider, &providers).await?;
            Err(ambiguous(kind, text, many, &found, &directory))
        }
    }
}

fn ambiguous(kind: Kind, text: &str, many: usize, found: &[Value], directory: &Directory) -> Failure {
    let mut mend = vec!["Use the id, or narrow it with --provider NAME:".to_owned()];
    mend.extend(found.iter().take(CANDIDATES_SHOWN).map(|object| {
        let provider = object["provider_id"].as_str().unwrap_or("-");
        let place = object["folder_path"].as_str().or(object["path"].as_str()).map(|path| format!(", in {path}"));
        format!(
            "{}  {} of provider {}{}",
            object["id"].as_str().unwrap_or("-"),
            object["name"].as_str().unwrap_or("-"),
            directory.name(provider).unwrap_or(provider),
            place.unwrap_or_default(),
        )
    }));
    if many > CANDIDATES_SHOWN {
        mend.push(format!("… and {} more", many - CANDIDATES_SHOWN));
    }
    Failure::Usage { what: format!("{many} {} are named `{text}`.", kind.plural_words()), mend: Some(mend.join("\n")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_in_a_name_belongs_to_it() {
        for name in ["web", "a,b", "back\\slash", "\\,", "", ",,"] {
            assert_eq!(values(&escaped(name)), [name]);
        }
        assert_eq!(values("a,b\\,c"), ["a", "b,c"]);
    }
}
