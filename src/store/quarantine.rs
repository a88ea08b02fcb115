//! Groups that could not be read, translated or stored, each with its reason.

use std::collections::{HashMap, HashSet};

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::db::Tx;
use super::entity::quarantine;
use super::error::While;
use super::observe::{KEY_MAX_LEN, Origin};
use super::{QuarantinePut, Result, SystemStore, TenantStore, bulk, codec};
use crate::authz::SeesProviders;
use crate::model::{Kind, ProviderId, SourceId, Time};

/// A group in quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineRow {
    /// The source that told of it.
    pub source_id: SourceId,
    /// The word of its family.
    pub family: String,
    /// The platform's key.
    pub group_key: String,
    /// What it would have been.
    pub kind: Kind,
    /// Why, for people.
    pub reason: String,
    /// Since when.
    pub since: Time,
}

const WHAT: &str = "the quarantine";
/// The longest reason, in bytes.
const REASON_MAX_LEN: usize = 2_000;

/// A group's key as the table takes it: also the key of what is here because its key cannot be stored.
fn stored_key(group_key: &str) -> String {
    codec::plain_text(group_key, KEY_MAX_LEN)
}

/// Puts groups into quarantine. The last of the same group counts; what was there already keeps its `since`.
pub(super) async fn put(tx: &Tx, origin: Origin, groups: impl Iterator<Item = QuarantinePut>, at: Time) -> Result<()> {
    let groups: HashMap<_, _> =
        groups.map(|group| ((group.family, stored_key(&group.group_key)), (group.kind, group.reason))).collect();
    let rows = groups.into_iter().map(|((family, group_key), (kind, reason))| {
        [
            origin.source.0.into(),
            family.into(),
            group_key.into(),
            origin.owner.tenant_id.0.into(),
            origin.provider.0.into(),
            kind.as_str().into(),
            codec::plain_text(&reason, REASON_MAX_LEN).into(),
            codec::micros(at).into(),
        ]
    });
    let head = "INSERT INTO quarantine (source_id, family, group_key, tenant_id, provider_id, kind, reason, since)";
    let tail =
        "ON CONFLICT (source_id, family, group_key) DO UPDATE SET kind = excluded.kind, reason = excluded.reason";
    bulk::insert(tx, head, tail, rows).await.writing(WHAT).map(|_| ())
}

/// Takes groups out of quarantine.
pub(super) async fn release(tx: &Tx, source: SourceId, groups: &[(&'static str, String)]) -> Result<()> {
    if groups.is_empty() {
        return Ok(());
    }
    // Nearly always there is nothing in quarantine: then one look suffices.
    let kept =
        quarantine::Entity::find().filter(quarantine::Column::SourceId.eq(source.0)).all(tx).await.writing(WHAT)?;
    let kept: HashSet<_> = kept.iter().map(|row| (row.family.as_str(), row.group_key.as_str())).collect();
    for (family, group_key) in groups {
        let group_key = stored_key(group_key);
        if kept.contains(&(*family, group_key.as_str())) {
            let id = (source.0, (*family).to_owned(), group_key);
            quarantine::Entity::delete_by_id(id).exec(tx).await.writing(WHAT)?;
        }
    }
    Ok(())
}

/// How many groups are in quarantine, by source.
pub(super) async fn counts(tx: &Tx, provider: Option<Uuid>) -> Result<HashMap<Uuid, u64>> {
    let mut query = quarantine::Entity::find()
        .select_only()
        .column(quarantine::Column::SourceId)
        .column_as(quarantine::Column::SourceId.count(), "count")
        .group_by(quarantine::Column::SourceId);
    if let Some(provider) = provider {
        query = query.filter(quarantine::Column::ProviderId.eq(provider));
    }
    let rows: Vec<(Uuid, i64)> = query.into_tuple().all(tx).await.reading(WHAT)?;
    Ok(rows.into_iter().map(|(source, count)| (source, u64::try_from(count).unwrap_or(0))).collect())
}

async fn list(tx: &Tx, provider: ProviderId, limit: Option<u64>) -> Result<Vec<QuarantineRow>> {
    let rows = quarantine::Entity::find()
        .filter(quarantine::Column::ProviderId.eq(provider.0))
        .order_by_asc(quarantine::Column::Since)
        .order_by_asc(quarantine::Column::GroupKey)
        .limit(limit)
        .all(tx)
        .await
        .reading(WHAT)?;
    rows.into_iter()
        .map(|row| {
            Ok(QuarantineRow {
                source_id: SourceId(row.source_id),
                kind: codec::kind("quarantined group", &row.group_key, &row.kind)?,
                family: row.family,
                group_key: row.group_key,
                reason: row.reason,
                since: codec::time(row.since),
            })
        })
        .collect()
}

impl<A: SeesProviders> TenantStore<A> {
    /// What of a provider is in quarantine, oldest first, at most `limit`. `None` when the scope does not see the provider.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn quarantine(&self, id: ProviderId, limit: u64) -> Result<Option<Vec<QuarantineRow>>> {
        let tx = self.begin_read(WHAT).await?;
        if self.provider_row(&tx, id).await?.is_none() {
            return Ok(None);
        }
        let rows = list(&tx, id, Some(limit)).await?;
        tx.commit().await.reading(WHAT)?;
        Ok(Some(rows))
    }
}

impl SystemStore {
    /// What of a provider is in quarantine.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn quarantine(&self, provider: ProviderId) -> Result<Vec<QuarantineRow>> {
        let tx = self.begin_read(WHAT).await?;
        let rows = list(&tx, provider, None).await?;
        tx.commit().await.reading(WHAT)?;
        Ok(rows)
    }
}
