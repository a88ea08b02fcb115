//! The one way in which observed facts are committed and then shown.
//!
//! The read model and its watchers take changes in the order of their revisions. The store gives revisions in the order
//! of commits; so one commit is handed on before the next begins.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::duplicates::Duplicates;
use super::view::Put;
use crate::inventory::Inventory;
use crate::model::{Change, ChangeOp, Kind, Object, ProviderId, SourceId, TenantId, Time};
use crate::store::{self, Committed, Deleted, ObserveBatch, Purged, Store};

/// A batch of fewer changes is shown so quickly that nobody waits.
const SHOWN_IN_PLACE: usize = 64;

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

    /// Commits a batch and shows it. Must not be dropped while it runs: what is committed would not be shown.
    pub(super) async fn commit(&self, batch: &ObserveBatch, puts: &[Put]) -> Result<Committed, store::Error> {
        let _turn = self.turn.lock().await;
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
                tenant_id: committed.tenant_id,
                provider_id: batch.provider_id,
                source_id: put.source_id,
                op: ChangeOp::Put {
                    body: Arc::clone(&put.body),
                    object: Arc::clone(&put.object),
                    created_at: written.created_at,
                },
            });
        }
        changes.extend(self.deletions(batch.provider_id, committed.tenant_id, committed.at, &committed.deleted));
        self.show(&changes);
        Ok(committed)
    }

    /// Deletes one bit of a provider that is being removed, and shows it. Gives whether nothing is left.
    pub(super) async fn purge_provider(&self, provider: ProviderId, limit: u64) -> Result<bool, store::Error> {
        let _turn = self.turn.lock().await;
        let purged = self.store.system("remove a provider").provider_purge(provider, limit).await?;
        Ok(self.show_purged(provider, &purged))
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
        Ok(self.show_purged(provider, &purged))
    }

    fn show_purged(&self, provider: ProviderId, purged: &Purged) -> bool {
        let changes = self.deletions(provider, purged.tenant_id, purged.at, &purged.deleted);
        self.show(&changes.collect::<Vec<_>>());
        purged.done
    }

    fn show(&self, changes: &[Change]) {
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
        tenant_id: TenantId,
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
                tenant_id,
                provider_id,
                source_id: deleted.source_id,
                op: ChangeOp::Delete,
            }
        })
    }
}
