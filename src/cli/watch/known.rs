//! What a watcher knows of the inventory: from it follows what an event changed, and whether it is news at all.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::change::{Act, Change};
use crate::cli::names::Directory;
use crate::cli::pages::revision;
use crate::model::Kind;

/// Objects and providers as they were told last.
#[derive(Debug, Default)]
pub(super) struct Known {
    objects: HashMap<String, (Kind, Value)>,
    providers: HashMap<String, Value>,
    /// Whether everything was listed: what is not here then does not exist.
    pub(super) complete: bool,
    /// Names for ids.
    pub(super) directory: Directory,
}

/// A place in the change log, for comparing; `None` where the server's revisions are no numbers.
fn position(value: &Value) -> Option<u64> {
    revision(value)?.parse().ok()
}

impl Known {
    /// Takes the providers as they are.
    pub(super) fn providers_are(&mut self, providers: &[Value]) {
        self.directory.remember_all(providers);
        self.providers = providers
            .iter()
            .filter_map(|provider| Some((provider["id"].as_str()?.to_owned(), provider.clone())))
            .collect();
    }

    /// Takes the providers that there are. Gives those that were known and are gone.
    pub(super) fn providers_gone(&mut self, providers: &[Value]) -> Vec<Change> {
        let there: HashSet<&str> = providers.iter().filter_map(|provider| provider["id"].as_str()).collect();
        let gone: Vec<String> = self.providers.keys().filter(|id| !there.contains(id.as_str())).cloned().collect();
        gone.into_iter()
            .map(|id| {
                let before = self.providers.remove(&id);
                Change::new(Act::Delete, None, &id, before, None, None)
            })
            .collect()
    }

    /// Takes all objects of a kind. Gives what differs from before; nothing where nothing was known before.
    pub(super) fn listed(&mut self, kind: Kind, objects: Vec<Value>) -> Vec<Change> {
        self.directory.remember_all(&objects);
        let mut changes = Vec::new();
        let listed: HashSet<String> =
            objects.iter().filter_map(|object| object["id"].as_str().map(str::to_owned)).collect();
        if self.complete {
            let gone: Vec<String> = self
                .objects
                .iter()
                .filter(|(id, (other, _))| *other == kind && !listed.contains(*id))
                .map(|(id, _)| id.clone())
                .collect();
            for id in gone {
                let before = self.objects.remove(&id).map(|(_, object)| object);
                changes.push(Change::new(Act::Delete, Some(kind), &id, before, None, None));
            }
        }
        for object in objects {
            let Some(id) = object["id"].as_str().map(str::to_owned) else { continue };
            let before = self.objects.insert(id.clone(), (kind, object.clone())).map(|(_, before)| before);
            let same = before.as_ref().is_some_and(|before| before["revision"] == object["revision"]);
            if self.complete && !same {
                let position = revision(&object["revision"]);
                changes.push(Change::new(Act::Put, Some(kind), &id, before, Some(object), position));
            }
        }
        changes
    }

    /// Takes a `put` event. `None` where the object is known as new as that, or newer.
    pub(super) fn put(&mut self, data: &Value) -> Option<Change> {
        let kind = Kind::parse(data["kind"].as_str()?)?;
        let object = &data["object"];
        let id = object["id"].as_str()?;
        let known = self.objects.get(id).map(|(_, object)| object);
        if known.is_some_and(|known| position(&known["revision"]) >= position(&data["revision"])) {
            return None;
        }
        self.directory.remember_all(std::slice::from_ref(object));
        let before = self.objects.insert(id.to_owned(), (kind, object.clone())).map(|(_, before)| before);
        let mut change =
            Change::new(Act::Put, Some(kind), id, before, Some(object.clone()), revision(&data["revision"]));
        change.is_new = change.before.is_none() && self.complete;
        Some(change)
    }

    /// Takes a `delete` event. `None` where that is known already.
    pub(super) fn deleted(&mut self, data: &Value) -> Option<Change> {
        let kind = Kind::parse(data["kind"].as_str()?)?;
        let id = data["id"].as_str()?;
        match self.objects.get(id) {
            Some((_, known)) if position(&known["revision"]) >= position(&data["revision"]) => return None,
            None if self.complete => return None,
            _ => {}
        }
        let before = self.objects.remove(id).map(|(_, before)| before);
        Some(Change::new(Act::Delete, Some(kind), id, before, None, revision(&data["revision"])))
    }

    /// Takes a `provider` event. `None` where it is as it was.
    pub(super) fn provider(&mut self, provider: Value) -> Option<Change> {
        let id = provider["id"].as_str()?.to_owned();
        self.directory.remember_all(std::slice::from_ref(&provider));
        let before = self.providers.insert(id.clone(), provider.clone());
        if before.as_ref() == Some(&provider) {
            return None;
        }
        let mut change = Change::new(Act::Put, None, &id, before, Some(provider), None);
        change.is_new = change.before.is_none();
        Some(change)
    }

    /// Takes a `provider_removed` event.
    pub(super) fn provider_removed(&mut self, data: &Value) -> Option<Change> {
        let id = data["id"].as_str()?;
        let before = self.providers.remove(id)?;
        Some(Change::new(Act::Delete, None, id, Some(before), None, None))
    }
}
