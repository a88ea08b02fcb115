//! Reading the observed objects and their identities.

use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Value};
use uuid::Uuid;

use super::entity::{identity, object};
use super::error::While;
use super::{Error, Result, SystemStore, bulk, codec};
use crate::model::{Kind, ObjectId, Owner, ProjectId, ProviderId, Revision, SourceId, TenantId, Time};

const WHAT: &str = "objects";

/// An object as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRow {
    /// Its id.
    pub id: ObjectId,
    /// Whose it is.
    pub owner: Owner,
    /// Its provider.
    pub provider_id: ProviderId,
    /// The source that tells of it.
    pub source_id: SourceId,
    /// Its kind.
    pub kind: Kind,
    /// The JSON text that [`crate::model::Object::from_json`] reads.
    pub body: Box<str>,
    /// The revision of its last change.
    pub revision: Revision,
    /// When the gateway first saw it.
    pub created_at: Time,
    /// When it last changed.
    pub changed_at: Time,
}

/// What `sync` must know of an object to find what differs: everything but the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedRow {
    /// The source that tells of it.
    pub source_id: SourceId,
    /// Its kind.
    pub kind: Kind,
    /// The word of its family.
    pub family: String,
    /// The platform's key of the group that it came with.
    pub group_key: String,
    /// The platform's key.
    pub key: String,
    /// Its id.
    pub id: ObjectId,
    /// The hash of its body.
    pub hash: [u8; 16],
}

/// An id that was given to a platform's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityRow {
    /// The kind.
    pub kind: Kind,
    /// The platform's key.
    pub key: String,
    /// The id.
    pub id: ObjectId,
    /// When an object with this id was last deleted. It may have come back since.
    pub deleted_at: Option<Time>,
}

/// The columns of an [`ObjectRow`], in their order.
type ObjectColumns = (Uuid, Uuid, Option<Uuid>, Uuid, Uuid, String, String, i64, i64, i64);

impl ObjectRow {
    fn of_columns(columns: ObjectColumns) -> Result<Self> {
        let (id, tenant_id, project_id, provider_id, source_id, kind, body, revision, created_at, changed_at) = columns;
        Ok(Self {
            id: ObjectId(id),
            owner: Owner { tenant_id: TenantId(tenant_id), project_id: project_id.map(ProjectId) },
            provider_id: ProviderId(provider_id),
            source_id: SourceId(source_id),
            kind: codec::kind("object", id, &kind)?,
            body: body.into_boxed_str(),
            revision: codec::revision(revision),
            created_at: codec::time(created_at),
            changed_at: codec::time(changed_at),
        })
    }
}

/// The columns of an [`ObservedRow`].
#[derive(FromQueryResult)]
struct ObservedColumns {
    source_id: Uuid,
    kind: String,
    family: String,
    group_key: String,
    key: String,
    id: Uuid,
    hash: Vec<u8>,
}

impl TryFrom<ObservedColumns> for ObservedRow {
    type Error = Error;

    fn try_from(row: ObservedColumns) -> Result<Self> {
        let hash = row.hash.as_slice().try_into();
        Ok(Self {
            source_id: SourceId(row.source_id),
            kind: codec::kind("object", row.id, &row.kind)?,
            family: row.family,
            group_key: row.group_key,
            key: row.key,
            id: ObjectId(row.id),
            hash: hash.map_err(|_| codec::damaged("object", row.id, "its hash has not 16 bytes"))?,
        })
    }
}

impl SystemStore {
    /// A page of all objects in the order of their ids, after `after`. Empty when there are no more. To load the read model:
    /// take [`SystemStore::current_revision`], read all pages, then apply [`SystemStore::changes_after`] that revision.
    ///
    /// # Errors
    /// When the database cannot be read, or a row is damaged.
    pub async fn objects_page(&self, after: Option<ObjectId>, limit: u64) -> Result<Vec<ObjectRow>> {
        let tx = self.begin_read(WHAT).await?;
        use object::Column;
        let mut query = object::Entity::find()
            .select_only()
            .columns([
                Column::Id,
                Column::TenantId,
                Column::ProjectId,
                Column::ProviderId,
                Column::SourceId,
                Column::Kind,
                Column::Body,
                Column::Revision,
                Column::CreatedAt,
                Column::ChangedAt,
            ])
            .order_by_asc(Column::Id)
            .limit(limit);
        if let Some(after) = after {
            query = query.filter(Column::Id.gt(after.0));
        }
        // By their places: looking columns up by their names takes longer than reading them.
        let rows = query.into_tuple::<ObjectColumns>().all(&tx).await.reading(WHAT)?;
        tx.commit().await.reading(WHAT)?;
        rows.into_iter().map(ObjectRow::of_columns).collect()
    }

    /// These objects, in no particular order; those that are not there are left out.
    ///
    /// # Errors
    /// When the database cannot be read, or a row is damaged.
    pub async fn objects(&self, ids: &[ObjectId]) -> Result<Vec<ObjectRow>> {
        let tx = self.begin_read(WHAT).await?;
        let values = ids.iter().map(|id| Value::from(id.0));
        let head = "SELECT id, tenant_id, project_id, provider_id, source_id, kind, body, revision, created_at, changed_at \
                    FROM object WHERE id";
        let rows = bulk::query_in(&tx, head, None, "", values).await.reading(WHAT)?;
        tx.commit().await.reading(WHAT)?;
        rows.iter().map(|row| ObjectRow::of_columns(row.try_get_many_by_index().reading(WHAT)?)).collect()
    }

    /// How many objects there are.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn object_count(&self) -> Result<u64> {
        let tx = self.begin_read(WHAT).await?;
        let count = object::Entity::find().count(&tx).await.reading(WHAT)?;
        tx.commit().await.reading(WHAT)?;
        Ok(count)
    }

    /// A page of what is known of a provider's objects, in the order of their ids, after `after`.
    ///
    /// # Errors
    /// When the database cannot be read, or a row is damaged.
    pub async fn observed_page(
        &self,
        provider: ProviderId,
        after: Option<ObjectId>,
        limit: u64,
    ) -> Result<Vec<ObservedRow>> {
        use object::Column;
        let tx = self.begin_read(WHAT).await?;
        let mut query = object::Entity::find()
            .select_only()
            .columns([
                Column::SourceId,
                Column::Kind,
                Column::Family,
                Column::GroupKey,
                Column::Key,
                Column::Id,
                Column::Hash,
            ])
            .filter(Column::ProviderId.eq(provider.0))
            .order_by_asc(Column::Id)
            .limit(limit);
        if let Some(after) = after {
            query = query.filter(Column::Id.gt(after.0));
        }
        let rows = query.into_model::<ObservedColumns>().all(&tx).await.reading(WHAT)?;
        tx.commit().await.reading(WHAT)?;
        rows.into_iter().map(ObservedRow::try_from).collect()
    }

    /// A page of the ids that a provider's keys were given, in the order of the ids, after `after`.
    ///
    /// # Errors
    /// When the database cannot be read, or a row is damaged.
    pub async fn identities_page(
        &self,
        provider: ProviderId,
        after: Option<ObjectId>,
        limit: u64,
    ) -> Result<Vec<IdentityRow>> {
        use identity::Column;
        let tx = self.begin_read("identities").await?;
        let mut query = identity::Entity::find()
            .filter(Column::ProviderId.eq(provider.0))
            .order_by_asc(Column::ObjectId)
            .limit(limit);
        if let Some(after) = after {
            query = query.filter(Column::ObjectId.gt(after.0));
        }
        let rows = query.all(&tx).await.reading("identities")?;
        tx.commit().await.reading("identities")?;
        rows.into_iter()
            .map(|row| {
                let kind = codec::kind("identity", row.object_id, &row.kind)?;
                let deleted_at = row.deleted_at.map(codec::time);
                Ok(IdentityRow { kind, key: row.key, id: ObjectId(row.object_id), deleted_at })
            })
            .collect()
    }

    /// Drops ids of a provider that no object has any more: should their keys be named again, they get other ids. Ids that
    /// an object has stay.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn identities_drop(&self, provider: ProviderId, ids: &[ObjectId]) -> Result<()> {
        let tx = self.begin_write("identities").await?;
        let head = "DELETE FROM identity WHERE provider_id = ? \
                    AND NOT EXISTS (SELECT 1 FROM object WHERE object.id = identity.object_id) AND object_id";
        let ids = ids.iter().map(|id| Value::from(id.0));
        bulk::query_in(&tx, head, [provider.0.into()], "", ids).await.writing("identities")?;
        tx.commit().await.writing("identities")
    }
}
