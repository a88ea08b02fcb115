//! The one way in which observed facts are committed and then shown.
//!
//! The read model and its watchers take changes in the order of their revisions. The store gives revisions in the order
//! of commits; so one commit is handed on before the next begins. Revisions are dense: when one was left out (the answer
//! to a commit was lost, or a task ended before it showed what it had committed), what is missing is read from the store.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::duplicates::Duplicates;
use super::view::Put;
use crate::inventory::Inventory;
use crate::model::ownership::Given;
use crate::model::{
    Change, ChangeOp, Kind, LogOp, Object, ObjectId, ProviderId, Revision, SourceId, Time, differences,
};
use crate::store::{
    self, ChangesPage, Committed, Deleted, Differences, LogEntry, ObjectRow, ObserveBatch, Purged, Store,
};

/// A batch of fewer changes is shown so quickly that nobody waits.
const SHOWN_IN_PLACE: usize = 64;
/// Entries of the change log read at once to catch up.
const CATCH_UP_PAGE: u64 = 5_000;

/// See the module.
pub(super) struct Journal {
    store: Store,
    inventory: Arc<Inventory>,
    duplicates: Arc<Duplicates>,
    turn: Mutex<()>,
}

impl Journal {
    pub(super) fn new(store: Store, inventory: Arc<Inventory>, duplicates: Arc<Duplicates>) -> Self {
        Self { store, inventory, duplicates, turn: Mutex::default() }
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    pub(super) fn inventory(&self) -> Arc<Inventory> {
        Arc::clone(&self.inventory)
    }

    pub(super) fn duplicates(&self) -> &Duplicates {
        &self.duplicates
    }

    /// Shows what is committed and was not shown, also what is being committed by a transaction that nobody waits for any
    /// more.
    ///
    /// # Errors
    /// When the store cannot be written or read.
    pub(super) async fn catch_up(&self) -> Result<(), store::Error> {
        let _turn = self.turn.lock().await;
        self.store.system("wait for what is under way").settle_log().await?;
        self.show_missing().await
    }

    /// Commits a batch and shows it. Notes in it what differs.
    pub(super) async fn commit(&self, batch: &mut ObserveBatch, puts: &[Put]) -> Result<Committed, store::Error> {
        let _turn = self.turn.lock().await;
        batch.differences = Some(self.differences(puts));
        let batch = &*batch;
        let committed = self.store.system("write what a source told").observe(batch).await?;
        let mut changes = Vec::with_capacity(committed.puts.len() + committed.deleted.len());
        for written in &committed.puts {
            let put = &puts[written.index];
            if let Object::Host(host) = put.object.as_ref() {
                self.duplicates.seen(batch.provider_id, put.id.into(), host.hardware_uuid.as_deref());
            }
            changes.push(Change {
                revision: written.revision,
                at: committed.at,
                id: put.id,
                kind: put.object.kind(),
                owner: written.owner,
                provider_id: batch.provider_id,
                source_id: put.source_id,
                op: ChangeOp::Put {
                    body: Arc::clone(&put.body),
                    object: Arc::clone(&put.object),
                    created_at: written.created_at,
                },
            });
        }
        changes.extend(self.deletions(batch.provider_id, committed.at, &committed.deleted));
        self.show(&changes, committed.revision).await;
        Ok(committed)
    }

    /// What puts change in what is shown.
    fn differences(&self, puts: &[Put]) -> Differences {
        let find = || {
            let known = self.inventory.revision();
            let of = |put: &Put| {
                let kind = put.object.kind();
                let before = self.inventory.stored_text(kind, put.id)?;
                let found = differences(kind, &before, &put.body)?;
                if found.is_empty() { None } else { serde_json::to_string(&found).ok() }
            };
            let fields = puts.iter().enumerate().filter_map(|(index, put)| Some((index, of(put)?)));
            Differences { known, fields: fields.collect() }
        };
        match puts.len() {
            0..SHOWN_IN_PLACE => find(),
            _ => tokio::task::block_in_place(find),
        }
    }

    /// Gives objects to other owners, and shows it.
    pub(super) async fn own(&self, moves: &[Given]) -> Result<(), store::Error> {
        let _turn = self.turn.lock().await;
        self.store.system("give objects to their owners").own(moves).await?;
        self.show_missing().await
    }

    /// Deletes one bit of a provider that is being removed, and shows it. Gives whether nothing is left.
    pub(super) async fn purge_provider(&self, provider: ProviderId, limit: u64) -> Result<bool, store::Error> {
        let _turn = self.turn.lock().await;
        let purged = self.store.system("remove a provider").provider_purge(provider, limit).await?;
        Ok(self.show_purged(provider, &purged).await)
    }

    /// The same for one source.
    pub(super) async fn purge_source(
        &self,
        provider: ProviderId,
        source: SourceId,
        limit: u64,
    ) -> Result<bool, store::Error> {
        let _turn = self.turn.lock().await;
        let purged = self.store.system("remove a source").source_purge(source, limit).await?;
        Ok(self.show_purged(provider, &purged).await)
    }

    async fn show_purged(&self, provider: ProviderId, purged: &Purged) -> bool {
        let changes = self.deletions(provider, purged.at, &purged.deleted);
        self.show(&changes.collect::<Vec<_>>(), purged.revision).await;
        purged.done
    }

    /// Shows what was just committed: `last` is the last revision that there is.
    async fn show(&self, changes: &[Change], last: Revision) {
        if self.inventory.revision().0 + changes.len() as u64 == last.0 {
            self.apply(changes);
        } else if let Err(error) = self.show_missing().await {
            // The next commit finds the gap again.
            tracing::error!(%error, "committed changes are not shown yet");
        }
    }

    /// Reads from the store what is not shown, and shows it.
    async fn show_missing(&self) -> Result<(), store::Error> {
        let system = self.store.system("show what is committed");
        let mut after = self.inventory.revision();
        loop {
            let entries = match system.changes_after(after, CATCH_UP_PAGE).await? {
                ChangesPage::Entries(entries) => entries,
                ChangesPage::Compacted { through } => {
                    // As many changes as the log keeps were committed, and not one of them shown.
                    tracing::error!(%after, %through, "changes are lost to the read model; a restart mends it");
                    after = through;
                    continue;
                }
            };
            let Some(newest) = entries.last().map(|entry| entry.revision) else { return Ok(()) };
            let put = entries.iter().filter(|entry| entry.op == LogOp::Put).map(|entry| entry.object_id);
            let rows = system.objects(&put.collect::<Vec<_>>()).await?;
            let rows: HashMap<ObjectId, ObjectRow> = rows.into_iter().map(|row| (row.id, row)).collect();
            let changes: Vec<Change> = entries.iter().filter_map(|entry| self.replayed(entry, &rows)).collect();
            tracing::debug!(changes = changes.len(), through = %newest, "what was committed is read and shown");
            self.apply(&changes);
            after = newest;
        }
    }

    /// An entry of the change log as it is shown; `None` for one whose object was changed again later: that entry follows.
    fn replayed(&self, entry: &LogEntry, rows: &HashMap<ObjectId, ObjectRow>) -> Option<Change> {
        let op = match entry.op {
            LogOp::Put => {
                let row = rows.get(&entry.object_id).filter(|row| row.revision == entry.revision)?;
                let object = Object::from_json(row.kind, row.body.as_bytes());
                let object = object.inspect_err(|error| tracing::error!(id = %row.id, %error, "unreadable")).ok()?;
                if let Object::Host(host) = &object {
                    self.duplicates.seen(row.provider_id, row.id.into(), host.hardware_uuid.as_deref());
                }
                ChangeOp::Put { body: row.body.as_ref().into(), object: object.into(), created_at: row.created_at }
            }
            LogOp::Delete => {
                if entry.kind == Kind::Host {
                    self.duplicates.gone(entry.object_id.into());
                }
                ChangeOp::Delete
            }
        };
        Some(Change {
            revision: entry.revision,
            at: entry.at,
            id: entry.object_id,
            kind: entry.kind,
            owner: entry.owner,
            provider_id: entry.provider_id,
            source_id: entry.source_id,
            op,
        })
    }

    fn apply(&self, changes: &[Change]) {
        let _span = tracing::info_span!("show", changes = changes.len()).entered();
        // A large batch takes its time: the other tasks of this thread go elsewhere meanwhile.
        let applied = match changes.len() {
            0..SHOWN_IN_PLACE => self.inventory.apply(changes),
            _ => tokio::task::block_in_place(|| self.inventory.apply(changes)),
        };
        if let Err(error) = applied {
            // Impossible while there is one journal; were it so, a restart would mend it.
            tracing::error!(%error, "committed changes are not shown");
        }
    }

    /// Reads from the read model which hosts there are, after a start.
    pub(super) fn know_hosts(&self) {
        for (provider, id, object) in self.inventory.stored_objects(Kind::Host) {
            if let Object::Host(host) = object {
                self.duplicates.seen(provider, id.into(), host.hardware_uuid.as_deref());
            }
        }
    }

    fn deletions<'a>(
        &'a self,
        provider_id: ProviderId,
        at: Time,
        deleted: &'a [Deleted],
    ) -> impl Iterator<Item = Change> + 'a {
        deleted.iter().map(move |deleted| {
            if deleted.kind == Kind::Host {
                self.duplicates.gone(deleted.id.into());
            }
            Change {
                revision: deleted.revision,
                at,
                id: deleted.id,
                kind: deleted.kind,
                owner: deleted.owner,
                provider_id,
                source_id: deleted.source_id,
                op: ChangeOp::Delete,
            }
        })
    }
}
