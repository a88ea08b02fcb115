//! The inventory itself: what writers feed and readers ask.

use std::sync::Arc;

use tokio::time::Instant;

use super::list::{Found, Page};
use super::load::Loader;
use super::query::{Query, QueryError, SearchQuery, SummaryQuery};
use super::search::SearchPage;
use super::snapshot::Snapshot;
use super::status::ProviderEntry;
use super::summary::{Count, Summary};
use super::token::TokenKey;
use super::watch::{Watch, WatchError, WatchRequest};
use crate::authz::TenantScope;
use crate::model::{Change, Kind, ObjectId, Provider, ProviderId, Revision};

/// Bounds of the read model.
#[derive(Clone, Debug)]
pub struct InventoryConfig {
    /// Changes kept for watchers that resume. A revision older than the oldest of them is answered "list again".
    pub log_max: usize,
    /// How many of the newest changes keep the very version of the object that they brought. A watcher further behind
    /// than this gets, for an object that changed several times, only its newest version.
    pub version_max: usize,
    /// How many changes a watcher may be behind before it is ended as too slow.
    pub lag_max: usize,
}

impl Default for InventoryConfig {
    fn default() -> Self {
        Self { log_max: 200_000, version_max: 10_000, lag_max: 50_000 }
    }
}

/// A batch that does not follow the newest revision. Nothing of it was applied.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a batch with revision {given} was applied after revision {newest}")]
pub struct OutOfOrder {
    /// The offending revision.
    pub given: Revision,
    /// What the read model already holds.
    pub newest: Revision,
}

/// The asked revision was not reached in time.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("revision {wanted} was not reached in time; the newest is {newest}")]
pub struct TooLate {
    /// What was asked for.
    pub wanted: Revision,
    /// The newest revision there is.
    pub newest: Revision,
}

/// The read model. Shared by an `Arc`; every method takes `&self`.
#[derive(Debug)]
pub struct Inventory {}

impl Inventory {
    /// An empty inventory that is not loaded yet. `key` authenticates page tokens.
    #[must_use]
    pub fn new(config: InventoryConfig, key: TokenKey) -> Arc<Self> {
        let _ = (config, key);
        Arc::new(Self {})
    }

    /// Begins to fill the inventory from the store, at the start of the process.
    #[must_use]
    pub fn loader(self: &Arc<Self>) -> Loader {
        unimplemented!("skeleton")
    }

    /// Whether [`Loader::finish`] was called: before that nothing should be answered from here.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        unimplemented!("skeleton")
    }

    /// The newest snapshot. Never waits.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        unimplemented!("skeleton")
    }

    /// The newest revision.
    #[must_use]
    pub fn revision(&self) -> Revision {
        unimplemented!("skeleton")
    }

    /// Applies one committed batch as one new snapshot. Batches must come in the order of their revisions, over all
    /// sources; what is already known is left out. Blocks for the time of the work (about 10 µs a change).
    ///
    /// # Errors
    /// [`OutOfOrder`] when a change is older than what is held and is not known. Nothing is applied then.
    pub fn apply(&self, changes: &[Change]) -> Result<Revision, OutOfOrder> {
        let _ = changes;
        unimplemented!("skeleton")
    }

    /// Waits until the inventory holds `revision`, and hands out a snapshot that does.
    ///
    /// # Errors
    /// [`TooLate`] when the deadline passes first.
    pub async fn wait_for(&self, revision: Revision, deadline: Instant) -> Result<Arc<Snapshot>, TooLate> {
        let _ = (revision, deadline);
        unimplemented!("skeleton")
    }

    /// A provider is new, was edited, or the sync state of one of its sources changed. Watchers are told.
    pub fn provider_put(&self, provider: Provider) {
        let _ = provider;
        unimplemented!("skeleton")
    }

    /// A provider is gone. Its objects go by their own changes. Watchers are told.
    pub fn provider_removed(&self, id: ProviderId) {
        let _ = id;
        unimplemented!("skeleton")
    }

    /// The visible providers, by name.
    #[must_use]
    pub fn providers(&self, scope: &TenantScope) -> Vec<Arc<ProviderEntry>> {
        let _ = scope;
        unimplemented!("skeleton")
    }

    /// One visible provider.
    #[must_use]
    pub fn provider(&self, scope: &TenantScope, id: ProviderId) -> Option<Arc<ProviderEntry>> {
        let _ = (scope, id);
        unimplemented!("skeleton")
    }

    /// One visible object.
    #[must_use]
    pub fn get(&self, scope: &TenantScope, kind: Kind, id: ObjectId) -> Option<Found> {
        let _ = (scope, kind, id);
        unimplemented!("skeleton")
    }

    /// The object itself, as it was last told, for `sync`: whatever its source's state.
    #[must_use]
    pub fn stored_object(&self, kind: Kind, id: ObjectId) -> Option<crate::model::Object> {
        let _ = (kind, id);
        unimplemented!("skeleton")
    }

    /// Every object of a kind with its provider, for `sync`.
    #[must_use]
    pub fn stored_objects(&self, kind: Kind) -> Vec<(ProviderId, ObjectId, crate::model::Object)> {
        let _ = kind;
        unimplemented!("skeleton")
    }

    /// One page of the visible objects that the query asks for.
    ///
    /// # Errors
    /// [`QueryError::InvalidPageToken`].
    pub fn list(&self, scope: &TenantScope, query: &Query) -> Result<Page, QueryError> {
        let _ = (scope, query);
        unimplemented!("skeleton")
    }

    /// How many visible objects the query's filters let through.
    #[must_use]
    pub fn count(&self, scope: &TenantScope, query: &Query) -> Count {
        let _ = (scope, query);
        unimplemented!("skeleton")
    }

    /// Counts and sums by group.
    ///
    /// # Errors
    /// [`QueryError::TooManyGroups`].
    pub fn summary(&self, scope: &TenantScope, query: &SummaryQuery) -> Result<Summary, QueryError> {
        let _ = (scope, query);
        unimplemented!("skeleton")
    }

    /// Full-text search over all kinds.
    #[must_use]
    pub fn search(&self, scope: &TenantScope, query: &SearchQuery) -> SearchPage {
        let _ = (scope, query);
        unimplemented!("skeleton")
    }

    /// A stream of what changes, see [`Watch`].
    ///
    /// # Errors
    /// When the revision to begin from is too old or does not exist yet.
    pub fn watch(self: &Arc<Self>, scope: TenantScope, request: WatchRequest) -> Result<Watch, WatchError> {
        let _ = (scope, request);
        unimplemented!("skeleton")
    }
}
