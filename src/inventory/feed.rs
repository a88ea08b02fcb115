//! The inventory itself: what writers feed and readers ask.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use arc_swap::ArcSwap;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::entry::{Draft, Facts, Origin};
use super::list::{Found, Listing, Page};
use super::load::Loader;
use super::log::{Logged, LoggedOp, Rendered};
use super::plan::PlanLimits;
use super::query::{Query, QueryError, SearchQuery, SummaryQuery};
use super::schema::FieldRef;
use super::search::{SearchPage, search};
use super::snapshot::Snapshot;
use super::status::ProviderEntry;
use super::summary::{Count, Summary, summarize};
use super::table::{Batch, KindTable, Origins};
use super::text::Interner;
use super::token::TokenKey;
use super::watch::{Watch, WatchError, WatchRequest};
use crate::authz::{InventoryRead, ProviderRead, SeesProviders, TenantScope};
use crate::model::{Change, ChangeOp, Kind, Object, ObjectId, Owner, Provider, ProviderId, Revision};

/// Bounds of the read model.
#[derive(Clone, Debug)]
pub struct InventoryConfig {
    /// Changes kept for watchers that resume. A revision older than the oldest of them is answered "list again".
    pub log_max: usize,
    /// How many of the newest changes keep the very version of the object that they brought. A watcher further behind
    /// than this gets, for an object that changed several times, only its newest version.
    pub version_max: usize,
    /// How many changes a watcher may be behind, not counting those that it asked for when it began, before it is ended
    /// as too slow.
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

/// What only a writer touches.
#[derive(Debug, Default)]
pub(super) struct Writer {
    pub(super) interner: Interner,
    pub(super) origins: Origins,
}

/// The read model. Shared by an `Arc`; every method takes `&self`.
pub struct Inventory {
    pub(super) config: InventoryConfig,
    key: TokenKey,
    current: ArcSwap<Snapshot>,
    /// Counts what was published; watchers and waiters wake up by it.
    published: watch::Sender<u64>,
    writer: Mutex<Writer>,
    loaded: AtomicBool,
    ticks: AtomicU64,
}

impl fmt::Debug for Inventory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inventory").field("revision", &self.revision()).finish_non_exhaustive()
    }
}

impl Inventory {
    /// An empty inventory that is not loaded yet. `key` authenticates page tokens.
    #[must_use]
    pub fn new(config: InventoryConfig, key: TokenKey) -> Arc<Self> {
        Self::with_limits(config, PlanLimits::default(), key)
    }

    pub(super) fn with_limits(config: InventoryConfig, limits: PlanLimits, key: TokenKey) -> Arc<Self> {
        let empty = Snapshot::new(&config, limits);
        Arc::new(Self {
            config,
            key,
            current: ArcSwap::from_pointee(empty),
            published: watch::Sender::new(0),
            writer: Mutex::default(),
            loaded: AtomicBool::new(false),
            ticks: AtomicU64::new(0),
        })
    }

    /// Begins to fill the inventory from the store, at the start of the process.
    #[must_use]
    pub fn loader(self: &Arc<Self>) -> Loader {
        Loader::new(self.clone())
    }

    /// Whether [`Loader::finish`] was called: before that nothing should be answered from here.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        self.loaded.load(Ordering::Acquire)
    }

    /// The newest snapshot. Never waits.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// The newest revision.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.current.load().revision
    }

    /// Applies one committed batch as one new snapshot. Batches must come in the order of their revisions, over all
    /// sources; what is already known is left out. Blocks for the time of the work (some 50 µs a change).
    ///
    /// # Errors
    /// [`OutOfOrder`] when a change is older than what is held and is not known. Nothing is applied then.
    pub fn apply(&self, changes: &[Change]) -> Result<Revision, OutOfOrder> {
        let mut writer = self.write();
        let mut next = Snapshot::clone(&self.current.load());
        let mut batches: [Option<Batch>; Kind::COUNT] = [const { None }; Kind::COUNT];
        for change in changes {
            if change.revision > next.revision {
                let table = next.table_mut(change.kind);
                let batch = batches[change.kind.index()].get_or_insert_with(|| Batch::begin(table));
                let logged = apply_one(table, batch, change, &mut writer);
                next.log.push(logged);
                next.revision = change.revision;
            } else if !next.log.knows(change.revision) {
                return Err(OutOfOrder { given: change.revision, newest: self.revision() });
            }
        }
        for (kind, batch) in Kind::ALL.iter().zip(batches) {
            if let Some(batch) = batch {
                batch.finish(next.table_mut(*kind));
            }
        }
        let revision = next.revision;
        if revision > self.revision() {
            self.publish(next, &writer);
        }
        Ok(revision)
    }

    /// Waits until the inventory holds `revision`, and hands out a snapshot that does.
    ///
    /// # Errors
    /// [`TooLate`] when the deadline passes first.
    pub async fn wait_for(&self, revision: Revision, deadline: Instant) -> Result<Arc<Snapshot>, TooLate> {
        let mut published = self.published.subscribe();
        loop {
            published.mark_unchanged();
            let snapshot = self.snapshot();
            if snapshot.revision >= revision {
                return Ok(snapshot);
            }
            if !matches!(timeout_at(deadline, published.changed()).await, Ok(Ok(()))) {
                return Err(TooLate { wanted: revision, newest: self.revision() });
            }
        }
    }

    /// A provider is new, was edited, or the sync state of one of its sources changed. Watchers are told.
    pub fn provider_put(&self, provider: Provider) {
        let writer = self.write();
        let mut next = Snapshot::clone(&self.current.load());
        if Arc::make_mut(&mut next.providers).put(provider) {
            self.publish(next, &writer);
        }
    }

    /// What changes all the time of providers (how old, how far a load is) as it is now. Readers see it; watchers are not
    /// woken, and told of it only with the next [`Inventory::provider_put`].
    pub fn providers_refreshed(&self, providers: impl IntoIterator<Item = Provider>) {
        let _writer = self.write();
        let mut next = Snapshot::clone(&self.current.load());
        let table = Arc::make_mut(&mut next.providers);
        // All of them, whatever the first comes to.
        if providers.into_iter().fold(false, |differs, provider| table.refresh(provider) | differs) {
            self.current.store(Arc::new(next));
        }
    }

    /// A provider is gone. Its objects go by their own changes. Watchers are told.
    pub fn provider_removed(&self, id: ProviderId) {
        let writer = self.write();
        let mut next = Snapshot::clone(&self.current.load());
        if Arc::make_mut(&mut next.providers).remove(id) {
            self.publish(next, &writer);
        }
    }

    /// The visible providers, by name.
    #[must_use]
    pub fn providers(&self, scope: &TenantScope<impl SeesProviders>) -> Vec<Arc<ProviderEntry>> {
        let mut visible: Vec<_> = self.current.load().providers.visible(scope).cloned().collect();
        visible.sort_by(|a, b| a.provider().name.cmp(&b.provider().name));
        visible
    }

    /// One visible provider.
    #[must_use]
    pub fn provider(&self, scope: &TenantScope<impl SeesProviders>, id: ProviderId) -> Option<Arc<ProviderEntry>> {
        self.current.load().providers.get(scope, id).cloned()
    }

    /// One visible object.
    #[must_use]
    pub fn get(&self, scope: &TenantScope<InventoryRead>, kind: Kind, id: ObjectId) -> Option<Found> {
        let snapshot = self.snapshot();
        let entry = snapshot.entry(kind, id).filter(|entry| scope.sees(entry.owner(), id)).cloned()?;
        Some(Found { snapshot, entry })
    }

    /// The object itself, as it was last told, whatever its source's state: for `sync`.
    #[must_use]
    pub fn stored_object(&self, kind: Kind, id: ObjectId) -> Option<Object> {
        self.snapshot().entry(kind, id).and_then(|entry| entry.object())
    }

    /// The stored text of an object: for `sync`.
    #[must_use]
    pub fn stored_text(&self, kind: Kind, id: ObjectId) -> Option<String> {
        self.current.load().entry(kind, id).map(|entry| entry.body())
    }

    /// Tells when something was published.
    #[must_use]
    pub fn published(&self) -> watch::Receiver<u64> {
        self.published.subscribe()
    }

    /// The kind of an object and whose it is; `None` when there is none such.
    #[must_use]
    pub fn find(&self, id: ObjectId) -> Option<(Kind, Owner)> {
        let snapshot = self.current.load();
        Kind::ALL.iter().find_map(|kind| Some((*kind, snapshot.entry(*kind, id)?.owner())))
    }

    /// Every object of a kind with its provider: for `sync`.
    #[must_use]
    pub fn stored_objects(&self, kind: Kind) -> Vec<(ProviderId, ObjectId, Object)> {
        let snapshot = self.snapshot();
        let entries = snapshot.table(kind).iter();
        entries.filter_map(|entry| Some((entry.provider_id(), entry.id(), entry.object()?))).collect()
    }

    /// One page of the visible objects that the query asks for. When a large list is sorted by a field for the first
    /// time its order is worked out and kept, which takes some tens of milliseconds once.
    ///
    /// # Errors
    /// [`QueryError::InvalidPageToken`].
    pub fn list(&self, scope: &TenantScope<InventoryRead>, query: &Query) -> Result<Page, QueryError> {
        let after = query.page_token().map(|token| self.key.open(token, query, scope)).transpose()?;
        let mut snapshot = self.snapshot();
        let mut listing = Listing::run(&snapshot, scope, query, after.as_ref(), false);
        if let Err(field) = listing {
            if let Some(ordered) = self.keep_order(query.kind(), field) {
                snapshot = ordered;
            }
            listing = Listing::run(&snapshot, scope, query, after.as_ref(), true);
        }
        let Ok(Listing { items, last }) = listing else { return Err(QueryError::InvalidPageToken) };
        if let Some(order) = query.sort().index_field().and_then(|field| snapshot.table(query.kind()).order(field)) {
            order.touch(self.ticks.fetch_add(1, Ordering::Relaxed));
        }
        let next_page_token = last.map(|last| self.key.seal(&last, query, scope));
        Ok(Page { items, next_page_token, revision: snapshot.revision, snapshot })
    }

    /// The token of a place in a list that is kept elsewhere. `list` says which one it is, with all that decides what is
    /// in it, and for whom.
    #[must_use]
    pub fn place_token(&self, list: &str, place: &[u8]) -> String {
        self.key.seal_place(list, place)
    }

    /// The place of a token that [`Inventory::place_token`] made for the same list.
    ///
    /// # Errors
    /// [`QueryError::InvalidPageToken`] for any other token.
    pub fn place_of(&self, list: &str, token: &str) -> Result<Vec<u8>, QueryError> {
        self.key.open_place(list, token)
    }

    /// How many visible objects the query's filters let through.
    #[must_use]
    pub fn count(&self, scope: &TenantScope<InventoryRead>, query: &Query) -> Count {
        let snapshot = self.current.load();
        Count { count: Listing::count(&snapshot, scope, query), revision: snapshot.revision }
    }

    /// Counts and sums by group.
    ///
    /// # Errors
    /// [`QueryError::TooManyGroups`].
    pub fn summary(&self, scope: &TenantScope<InventoryRead>, query: &SummaryQuery) -> Result<Summary, QueryError> {
        summarize(&self.current.load(), scope, query)
    }

    /// Full-text search over all kinds. Reads through everything when little is found: some 50 ms for half a million
    /// objects, so not to be called where that blocks others.
    #[must_use]
    pub fn search(&self, scope: &TenantScope<InventoryRead>, query: &SearchQuery) -> SearchPage {
        search(&self.current.load(), scope, query)
    }

    /// A stream of what changes, see [`Watch`].
    ///
    /// # Errors
    /// When the revision to begin from is too old or does not exist yet.
    pub fn watch(
        self: &Arc<Self>,
        scope: TenantScope<InventoryRead>,
        providers: TenantScope<ProviderRead>,
        request: WatchRequest,
    ) -> Result<Watch, WatchError> {
        Watch::begin(self.clone(), self.published.subscribe(), scope, providers, request)
    }

    pub(super) fn write(&self) -> MutexGuard<'_, Writer> {
        // A writer that panicked published nothing, and what it left in the guarded caches is sound.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes `next` what readers see. The guard shows that no other writer is between reading and publishing.
    pub(super) fn publish(&self, next: Snapshot, _writer: &MutexGuard<'_, Writer>) {
        self.current.store(Arc::new(next));
        self.published.send_modify(|count| *count += 1);
    }

    pub(super) fn set_loaded(&self) {
        self.loaded.store(true, Ordering::Release);
    }

    /// Keeps the order of a field from now on. `None` when a writer is at work: a reader does not wait for it.
    fn keep_order(&self, kind: Kind, field: FieldRef) -> Option<Arc<Snapshot>> {
        let writer = match self.writer.try_lock() {
            Ok(writer) => writer,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        let mut next = Snapshot::clone(&self.current.load());
        next.table_mut(kind).keep_order(field);
        self.publish(next, &writer);
        Some(self.snapshot())
    }
}

fn apply_one(table: &mut KindTable, batch: &mut Batch, change: &Change, writer: &mut Writer) -> Logged {
    let origin = Origin { owner: change.owner, provider_id: change.provider_id, source_id: change.source_id };
    let (old, op, owner) = match &change.op {
        ChangeOp::Put { body, object, created_at } => {
            let facts = Facts {
                id: change.id,
                kind: change.kind,
                origin,
                revision: change.revision,
                first_seen_at: *created_at,
                changed_at: change.at,
            };
            let draft = Draft::new(facts, body, object, &mut writer.interner);
            let origin = writer.origins.share(origin);
            let (old, entry) = batch.put(table, draft, origin);
            (old, LoggedOp::Version(entry, Rendered::default()), change.owner)
        }
        ChangeOp::Delete => {
            let old = batch.remove(table, change.id);
            // Whoever saw the object hears that it is gone, whatever the deletion says of its owner.
            let owner = old.as_ref().map_or(change.owner, |old| old.owner());
            (old, LoggedOp::Deleted(Rendered::default()), owner)
        }
    };
    let from_owner = old.map(|old| old.owner()).filter(|from| *from != owner);
    Logged {
        revision: change.revision,
        id: change.id,
        kind: change.kind,
        provider_id: change.provider_id,
        owner,
        from_owner,
        op,
    }
}
