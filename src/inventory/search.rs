//! Full-text search over all kinds.

use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use super::entry::{Entry, NameKey};
use super::plan::find_words;
use super::query::SearchQuery;
use super::snapshot::Snapshot;
use crate::authz::{InventoryRead, TenantScope};
use crate::model::{Kind, ObjectId, Revision};

/// The order in which kinds are searched: what people mostly look for first.
const ORDER: [Kind; Kind::COUNT] = [
    Kind::Vm,
    Kind::Host,
    Kind::Cluster,
    Kind::Zone,
    Kind::Datastore,
    Kind::Network,
    Kind::Image,
    Kind::ResourcePool,
    Kind::Folder,
    Kind::Tag,
    Kind::ContentLibrary,
    Kind::StoragePolicy,
    Kind::Snapshot,
    Kind::Volume,
    Kind::Nic,
];

/// Up to this many found objects of a kind are sorted.
const SORTED_HITS_MAX: usize = 4096;

/// One object that was found.
#[derive(Clone, Debug)]
pub struct SearchHit {
    /// The object.
    pub entry: Arc<Entry>,
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct SearchPage {
    /// The objects: those whose name begins with the text first, then by kind and name.
    pub items: Vec<SearchHit>,
    /// Whether there are more than were asked for.
    pub truncated: bool,
    /// The revision of the snapshot that was read.
    pub revision: Revision,
}

impl SearchPage {
    /// The whole answer: `{"items":[{"kind","id","name","provider_id","source_id"}],"truncated":…,"revision":"…"}`.
    #[must_use]
    pub fn json(&self) -> Bytes {
        let items: Vec<serde_json::Value> = self
            .items
            .iter()
            .map(|SearchHit { entry }| {
                serde_json::json!({
                    "kind": entry.kind(),
                    "id": entry.id(),
                    "name": entry.name(),
                    "provider_id": entry.provider_id(),
                    "source_id": entry.source_id(),
                })
            })
            .collect();
        let page = serde_json::json!({
            "items": items,
            "truncated": self.truncated,
            "revision": self.revision.to_string(),
        });
        Bytes::from(page.to_string())
    }
}

/// Searches all kinds until enough is found.
pub(super) fn search(snapshot: &Snapshot, scope: &TenantScope<InventoryRead>, query: &SearchQuery) -> SearchPage {
    search_sorting(snapshot, scope, query, SORTED_HITS_MAX)
}

/// The same, where of up to `sorted_max` hits of a kind it is the hits that are sorted.
pub(super) fn search_sorting(
    snapshot: &Snapshot,
    scope: &TenantScope<InventoryRead>,
    query: &SearchQuery,
    sorted_max: usize,
) -> SearchPage {
    let wanted = query.limit() + 1;
    let words = query.words();
    let is_named = |key: &NameKey| key.anchor.folded.starts_with(words.folded());
    let visible = |entry: &&Arc<Entry>| scope.sees(entry.owner(), entry.id());
    let kinds = || ORDER.iter().filter(|kind| query.wants(**kind)).map(|kind| snapshot.table(*kind));
    let mut items: Vec<SearchHit> = Vec::new();
    for table in kinds() {
        let from = NameKey::probe(words.folded(), "", ObjectId(uuid::Uuid::nil()));
        let named = table
            .by_name()
            .from(Bound::Included(&from))
            .take_while(|key| key.anchor.folded.starts_with(words.folded()))
            .filter_map(|key| table.at(key.slot))
            .filter(visible)
            .take(wanted - items.len());
        items.extend(named.map(|entry| SearchHit { entry: entry.clone() }));
    }
    for table in kinds() {
        if items.len() >= wanted {
            break;
        }
        let found = find_words(table, words);
        let left = wanted - items.len();
        let hit = |entry: &Arc<Entry>| SearchHit { entry: entry.clone() };
        if found.count() <= sorted_max {
            let few = found.iter().filter_map(|slot| table.at(slot)).filter(visible);
            let mut keys: Vec<NameKey> = few.map(|entry| NameKey::new(&entry.anchor)).collect();
            keys.sort_unstable();
            let few = keys.iter().filter(|key| !is_named(key)).filter_map(|key| table.at(key.slot));
            items.extend(few.take(left).map(hit));
        } else {
            // So many that the order of names is read until there are enough.
            let many = table.by_name().iter().filter(|key| found.contains(key.slot) && !is_named(key));
            items.extend(many.filter_map(|key| table.at(key.slot)).filter(visible).take(left).map(hit));
        }
    }
    let truncated = items.len() > query.limit();
    items.truncate(query.limit());
    SearchPage { items, truncated, revision: snapshot.revision }
}
