//! Removing a provider, or one source of it, bit by bit: each bit is a transaction with its log entries, so that the read
//! model and the watchers follow, and a killed process goes on where it was.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, Value};
use uuid::Uuid;

use super::db::Tx;
use super::entity::{identity, object, provider, source};
use super::error::While;
use super::log::WriteLock;
use super::object_change::{self, Noted};
use super::observe::Origin;
use super::{Deleted, Error, Result, SystemStore, bulk, observe};
use crate::model::{ObjectId, ProviderId, Revision, SourceId, Time};

/// One bit of a removal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purged {
    /// When it was committed.
    pub at: Time,
    /// The last revision there is after it.
    pub revision: Revision,
    /// What was deleted.
    pub deleted: Vec<Deleted>,
    /// Whether nothing is left: the provider or source itself is gone too.
    pub done: bool,
}

const WHAT: &str = "the removal of a provider";

impl SystemStore {
    /// Deletes up to `limit` objects of a provider that is marked for removal; when there are none left, as many of its
    /// identities; at last its sources, its quarantine, and it itself. Repeat until [`Purged::done`].
    ///
    /// # Errors
    /// [`Error::ProviderGone`] when it is not there or is not marked, or when the database cannot be written.
    pub async fn provider_purge(&self, id: ProviderId, limit: u64) -> Result<Purged> {
        let limit = limit.max(1);
        let tx = self.begin_write(WHAT).await?;
        let mut lock = WriteLock::take(&tx).await?;
        let row = provider::Entity::find_by_id(id.0).one(&tx).await.writing(WHAT)?;
        let row = row.filter(|row| row.removing).ok_or(Error::ProviderGone(id))?;
        let origin = Origin::of_tenant(row.tenant_id, id, SourceId(Uuid::nil()));
        let filter = object::Column::ProviderId.eq(id.0);
        let mut purged = self.purge_objects(&tx, origin, filter, limit, &mut lock).await?;
        if purged.deleted.is_empty() {
            let ids: Vec<Uuid> = identity::Entity::find()
                .select_only()
                .column(identity::Column::ObjectId)
                .filter(identity::Column::ProviderId.eq(id.0))
                .limit(limit)
                .into_tuple()
                .all(&tx)
                .await
                .writing(WHAT)?;
            purged.done = ids.is_empty();
            let head = "DELETE FROM identity WHERE provider_id = ? AND object_id";
            object_change::forget(&tx, ids.iter().copied()).await?;
            let ids = ids.into_iter().map(Value::from);
            bulk::query_in(&tx, head, Some(id.0.into()), "RETURNING object_id", ids).await.writing(WHAT)?;
        }
        if purged.done {
            object_change::forget_provider(&tx, id).await?;
            // Their quarantine and history go with the sources.
            source::Entity::delete_many().filter(source::Column::ProviderId.eq(id.0)).exec(&tx).await.writing(WHAT)?;
            provider::Entity::delete_by_id(id.0).exec(&tx).await.writing(WHAT)?;
        }
        purged.revision = lock.finish(&tx, purged.at).await?;
        tx.commit().await.writing(WHAT)?;
        Ok(purged)
    }

    /// The same for one source that an edit took away: its objects, then its quarantine and it itself. Ids stay reserved.
    ///
    /// # Errors
    /// [`Error::SourceGone`] when it is not there or is not marked, or when the database cannot be written.
    pub async fn source_purge(&self, id: SourceId, limit: u64) -> Result<Purged> {
        let tx = self.begin_write(WHAT).await?;
        let mut lock = WriteLock::take(&tx).await?;
        let row = source::Entity::find_by_id(id.0).one(&tx).await.writing(WHAT)?;
        let row = row.filter(|row| row.removing).ok_or(Error::SourceGone(id))?;
        let origin = Origin::of_tenant(row.tenant_id, ProviderId(row.provider_id), id);
        let filter = object::Column::SourceId.eq(id.0);
        let mut purged = self.purge_objects(&tx, origin, filter, limit.max(1), &mut lock).await?;
        object_change::note(&tx, origin.provider, purged.at, purged.deleted.iter().map(Noted::deleted)).await?;
        if purged.deleted.is_empty() {
            source::Entity::delete_by_id(id.0).exec(&tx).await.writing(WHAT)?;
            purged.done = true;
        }
        purged.revision = lock.finish(&tx, purged.at).await?;
        tx.commit().await.writing(WHAT)?;
        Ok(purged)
    }

    async fn purge_objects(
        &self,
        tx: &Tx,
        origin: Origin,
        filter: Expr,
        limit: u64,
        lock: &mut WriteLock,
    ) -> Result<Purged> {
        let at = self.store.inner.clock.now();
        let ids: Vec<Uuid> = object::Entity::find()
            .select_only()
            .column(object::Column::Id)
            .filter(filter)
            .limit(limit)
            .into_tuple()
            .all(tx)
            .await
            .writing(WHAT)?;
        let ids: Vec<_> = ids.into_iter().map(ObjectId).collect();
        let deleted = observe::delete(tx, &ids, origin, at, lock).await?;
        Ok(Purged { at, revision: lock.revision, deleted, done: false })
    }
}
