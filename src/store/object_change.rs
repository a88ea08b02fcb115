//! What changed in objects: the differing fields of every change of an object that was known before.
//!
//! Not in the change log, which is for watchers that resume and is short: this is for people, of each object by itself, and
//! kept longer. A first load writes nothing here: what is new has no difference, and when it appeared the object itself
//! tells.

use std::time::Duration;

use chrono::TimeDelta;
use sea_orm::sea_query::{Condition, Expr};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Value};
use uuid::Uuid;

use super::db::Tx;
use super::entity::object_change;
use super::error::While;
use super::{Deleted, Error, Result, SystemStore, TenantStore, Written, bulk, codec};
use crate::authz::InventoryRead;
use crate::model::{FieldChange, Kind, ObjectId, Owner, ProjectId, ProviderId, Revision, TenantId, Time};

const WHAT: &str = "the changes of objects";
const CHANGED: &str = "changed";
const DELETED: &str = "deleted";
/// Rows looked at in one transaction of the sweep.
const SWEEP_CHUNK: u64 = 10_000;
/// Objects whose changes are cut in one transaction of the sweep.
const CUT_CHUNK: u64 = 500;

/// A change of an object that was known before.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectChange {
    /// The revision of the change.
    pub revision: Revision,
    /// When it was committed.
    pub at: Time,
    /// What happened.
    pub op: ObjectChangeOp,
}

/// What happened to an object.
#[derive(Clone, Debug, PartialEq)]
pub enum ObjectChangeOp {
    /// Its fields changed; `None` when it is not known which.
    Changed(Option<Vec<FieldChange>>),
    /// It is gone from its platform.
    Deleted,
}

/// How long changes are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectChangeRetention {
    /// Older ones go.
    pub keep_for: Duration,
    /// Never more than this many stay of one object.
    pub keep_per_object: u64,
    /// Never more than this many stay of all.
    pub max_entries: u64,
}

impl Default for ObjectChangeRetention {
    fn default() -> Self {
        Self { keep_for: Duration::from_secs(30 * 24 * 3_600), keep_per_object: 200, max_entries: 2_000_000 }
    }
}

/// A change to note, in the transaction that makes it.
pub(super) struct Noted<'a> {
    pub(super) revision: Revision,
    pub(super) id: ObjectId,
    pub(super) kind: Kind,
    /// Whose it is, or was last.
    pub(super) owner: Owner,
    /// The differing fields as JSON.
    pub(super) fields: Option<&'a str>,
    pub(super) deleted: bool,
}

impl<'a> Noted<'a> {
    pub(super) fn deleted(deleted: &Deleted) -> Self {
        let Deleted { id, kind, owner, revision, .. } = *deleted;
        Self { revision, id, kind, owner, fields: None, deleted: true }
    }

    pub(super) fn changed(written: &Written, kind: Kind, fields: Option<&'a str>) -> Self {
        let Written { id, owner, revision, .. } = *written;
        Self { revision, id, kind, owner, fields, deleted: false }
    }
}

/// Notes changes.
pub(super) async fn note<'a>(
    tx: &Tx,
    provider: ProviderId,
    at: Time,
    changes: impl Iterator<Item = Noted<'a>>,
) -> Result<()> {
    let rows = changes.map(|change| {
        [
            codec::number(change.revision).into(),
            codec::micros(at).into(),
            change.owner.tenant_id.0.into(),
            change.owner.project_id.map(|project| project.0).into(),
            provider.0.into(),
            change.id.0.into(),
            change.kind.as_str().into(),
            if change.deleted { DELETED } else { CHANGED }.into(),
            change.fields.map(str::to_owned).into(),
        ]
    });
    let head =
        "INSERT INTO object_change (revision, at, tenant_id, project_id, provider_id, object_id, kind, op, fields)";
    bulk::insert(tx, head, "", rows).await.writing(WHAT).map(|_| ())
}

/// Forgets the changes of objects.
pub(super) async fn forget(tx: &Tx, objects: impl Iterator<Item = Uuid>) -> Result<()> {
    let values = objects.map(Value::from);
    bulk::query_in(tx, "DELETE FROM object_change WHERE object_id", None, "", values).await.writing(WHAT).map(drop)
}

/// Forgets what is left of a provider.
pub(super) async fn forget_provider(tx: &Tx, provider: ProviderId) -> Result<()> {
    let rest = object_change::Entity::delete_many().filter(object_change::Column::ProviderId.eq(provider.0));
    rest.exec(tx).await.writing(WHAT).map(drop)
}

impl TryFrom<object_change::Model> for ObjectChange {
    type Error = Error;

    fn try_from(row: object_change::Model) -> Result<Self> {
        let op = match (row.op.as_str(), &row.fields) {
            (DELETED, _) => ObjectChangeOp::Deleted,
            (CHANGED, None) => ObjectChangeOp::Changed(None),
            (CHANGED, Some(fields)) => {
                let fields = serde_json::from_str(fields);
                let fields = fields.map_err(|error| codec::damaged("change", row.revision, error.to_string()))?;
                ObjectChangeOp::Changed(Some(fields))
            }
            (other, _) => return Err(codec::damaged("change", row.revision, format!("its op is {other:?}"))),
        };
        Ok(Self { revision: codec::revision(row.revision), at: codec::time(row.at), op })
    }
}

impl TenantStore<InventoryRead> {
    /// The changes of an object, newest first, before the revision `before`, at most `limit`. None for an object that the
    /// scope does not see.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn object_changes(
        &self,
        kind: Kind,
        id: ObjectId,
        before: Option<Revision>,
        limit: u64,
    ) -> Result<Vec<ObjectChange>> {
        use object_change::{Column, Entity};
        let tx = self.begin_read(WHAT).await?;
        let mut query = Entity::find().filter(Column::ObjectId.eq(id.0)).filter(Column::Kind.eq(kind.as_str()));
        if !self.scope.sees_all() {
            // It may have been given from one owner to another: each sees what was while it was its own.
            let owners = Entity::find().select_only().columns([Column::TenantId, Column::ProjectId]).distinct();
            let owners: Vec<(Uuid, Option<Uuid>)> =
                owners.filter(Column::ObjectId.eq(id.0)).into_tuple().all(&tx).await.reading(WHAT)?;
            let seen = owners.into_iter().filter(|(tenant, project)| {
                let owner = Owner { tenant_id: TenantId(*tenant), project_id: project.map(ProjectId) };
                self.scope.sees(owner, id)
            });
            query = query.filter(seen.fold(Condition::any().add(Expr::value(false)), |any, (tenant, project)| {
                let same = match project {
                    Some(project) => Column::ProjectId.eq(project),
                    None => Column::ProjectId.is_null(),
                };
                any.add(Condition::all().add(Column::TenantId.eq(tenant)).add(same))
            }));
        }
        if let Some(before) = before {
            query = query.filter(Column::Revision.lt(codec::number(before)));
        }
        let rows = query.order_by_desc(Column::Revision).limit(limit).all(&tx).await.reading(WHAT)?;
        tx.commit().await.reading(WHAT)?;
        rows.into_iter().map(ObjectChange::try_from).collect()
    }
}

impl SystemStore {
    /// Drops what is old, what is too much of one object, and what is too much of all, in short transactions. Gives how many.
    ///
    /// # Errors
    /// When the database cannot be written. What was dropped until then stays dropped.
    pub async fn object_changes_sweep(&self, retention: ObjectChangeRetention) -> Result<u64> {
        let old = self.sweep_oldest(retention).await?;
        Ok(old + self.cut(retention.keep_per_object).await?)
    }

    /// The oldest have the lowest revisions: nothing but them is looked at.
    async fn sweep_oldest(&self, retention: ObjectChangeRetention) -> Result<u64> {
        use object_change::{Column, Entity};
        let keep_for = TimeDelta::from_std(retention.keep_for).unwrap_or(TimeDelta::MAX);
        let young = self.store.inner.clock.now().checked_sub_signed(keep_for).unwrap_or(Time::UNIX_EPOCH);
        let mut dropped = 0;
        loop {
            let tx = self.begin_write(WHAT).await?;
            // The revision that is the last of those that stay at most.
            let first_too_many = Entity::find()
                .order_by_desc(Column::Revision)
                .offset(retention.max_entries)
                .one(&tx)
                .await
                .writing(WHAT)?;
            let must = first_too_many.map_or(0, |row| row.revision);
            let oldest =
                Entity::find().order_by_asc(Column::Revision).limit(SWEEP_CHUNK).all(&tx).await.writing(WHAT)?;
            let goes = |row: &&object_change::Model| row.revision <= must || row.at <= codec::micros(young);
            let Some(last) = oldest.iter().take_while(goes).last() else {
                // Nothing was changed.
                return Ok(dropped);
            };
            let gone =
                Entity::delete_many().filter(Column::Revision.lte(last.revision)).exec(&tx).await.writing(WHAT)?;
            tx.commit().await.writing(WHAT)?;
            dropped += gone.rows_affected;
        }
    }

    async fn cut(&self, keep: u64) -> Result<u64> {
        let keep = i64::try_from(keep).unwrap_or(i64::MAX);
        let mut dropped = 0;
        loop {
            let tx = self.begin_write(WHAT).await?;
            let text =
                format!("SELECT object_id FROM object_change GROUP BY object_id HAVING COUNT(*) > ? LIMIT {CUT_CHUNK}");
            let busy = tx.query_all_raw(bulk::statement(&tx, &text, [keep.into()])).await;
            let busy = busy.writing(WHAT)?;
            if busy.is_empty() {
                // Nothing was changed.
                return Ok(dropped);
            }
            for row in busy {
                let id: Uuid = row.try_get("", "object_id").writing(WHAT)?;
                dropped += cut_one(&tx, id, keep).await?;
            }
            tx.commit().await.writing(WHAT)?;
        }
    }
}

/// Keeps the newest changes of one object.
async fn cut_one(tx: &Tx, id: Uuid, keep: i64) -> Result<u64> {
    use object_change::{Column, Entity};
    let offset = u64::try_from(keep).unwrap_or(0);
    let newest = Entity::find().filter(Column::ObjectId.eq(id)).order_by_desc(Column::Revision);
    let Some(last) = newest.offset(offset).one(tx).await.writing(WHAT)? else { return Ok(0) };
    let too_many = Entity::delete_many().filter(Column::ObjectId.eq(id)).filter(Column::Revision.lte(last.revision));
    Ok(too_many.exec(tx).await.writing(WHAT)?.rows_affected)
}
