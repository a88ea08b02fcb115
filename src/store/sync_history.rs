//! The history of sync states: what the shown states of the sources were, with their times and reasons.

use std::collections::HashSet;
use std::time::Duration;

use chrono::TimeDelta;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::db::Tx;
use super::entity::{source, sync_history};
use super::error::While;
use super::{Error, Result, SystemStore, TenantStore, bulk, codec};
use crate::authz::SeesProviders;
use crate::model::provider::{SyncPeriod, SyncReason};
use crate::model::{ProviderId, SourceId, SourceState, SyncPeriodId, TenantId, Time};

const WHAT: &str = "the history of sync states";
/// The longest message that is kept, in bytes.
const MESSAGE_MAX_LEN: usize = 1_000;

/// A stretch to write: new, or again with what is new of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncPeriodPut {
    /// The owner of the provider.
    pub tenant_id: TenantId,
    /// The provider that the source belongs to.
    pub provider_id: ProviderId,
    /// The stretch.
    pub period: SyncPeriod,
}

/// Which stretches are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncHistoryFilter {
    /// Of these sources only; of all when it is empty.
    pub sources: Vec<SourceId>,
    /// In these states only; in all when it is empty.
    pub states: Vec<SourceState>,
    /// Begun then or later.
    pub from: Option<Time>,
    /// Begun before.
    pub before: Option<Time>,
}

/// How long the history is kept. What still lasts is always kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncHistoryRetention {
    /// What ended longer ago goes.
    pub keep_for: Duration,
    /// Never more than this many stay of one source.
    pub keep_entries: u64,
}

impl Default for SyncHistoryRetention {
    fn default() -> Self {
        Self { keep_for: Duration::from_secs(90 * 24 * 3_600), keep_entries: 1_000 }
    }
}

impl TryFrom<sync_history::Model> for SyncPeriod {
    type Error = Error;

    fn try_from(row: sync_history::Model) -> Result<Self> {
        let damaged = |word: &str| codec::damaged("sync state", row.id, format!("it has the word {word:?}"));
        let reason = |word: &String| SyncReason::parse(word).ok_or_else(|| damaged(word));
        Ok(Self {
            id: SyncPeriodId(row.id),
            source_id: SourceId(row.source_id),
            state: SourceState::parse(&row.state).ok_or_else(|| damaged(&row.state))?,
            since: codec::time(row.since),
            until: row.until.map(codec::time),
            reason: row.reason.as_ref().map(reason).transpose()?,
            message: row.message,
            changes: u32::try_from(row.changes).unwrap_or(u32::MAX),
        })
    }
}

impl<A: SeesProviders> TenantStore<A> {
    /// The history of a provider's sources, newest first, after the place `after`, at most `limit`. `None` when the scope
    /// does not see the provider.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn sync_history(
        &self,
        id: ProviderId,
        filter: &SyncHistoryFilter,
        after: Option<(Time, SyncPeriodId)>,
        limit: u64,
    ) -> Result<Option<Vec<SyncPeriod>>> {
        use sync_history::{Column, Entity};
        let tx = self.begin_read(WHAT).await?;
        if self.provider_row(&tx, id).await?.is_none() {
            return Ok(None);
        }
        let mut query = Entity::find().filter(Column::ProviderId.eq(id.0));
        if !filter.sources.is_empty() {
            query = query.filter(Column::SourceId.is_in(filter.sources.iter().map(|source| source.0)));
        }
        if !filter.states.is_empty() {
            query = query.filter(Column::State.is_in(filter.states.iter().map(|state| state.as_str())));
        }
        if let Some(from) = filter.from {
            query = query.filter(Column::Since.gte(codec::micros(from)));
        }
        if let Some(before) = filter.before {
            query = query.filter(Column::Since.lt(codec::micros(before)));
        }
        if let Some((since, id)) = after {
            let since = codec::micros(since);
            let same = Condition::all().add(Column::Since.eq(since)).add(Column::Id.lt(id.0));
            query = query.filter(Condition::any().add(Column::Since.lt(since)).add(same));
        }
        let query = query.order_by_desc(Column::Since).order_by_desc(Column::Id).limit(limit);
        let rows = query.all(&tx).await.reading(WHAT)?;
        tx.commit().await.reading(WHAT)?;
        rows.into_iter().map(SyncPeriod::try_from).collect::<Result<_>>().map(Some)
    }
}

impl SystemStore {
    /// Writes stretches; those that are there already are changed. What belongs to a source that is gone is left out.
    ///
    /// # Errors
    /// When the database cannot be written. Then nothing was.
    pub async fn sync_history_put(&self, puts: &[SyncPeriodPut]) -> Result<()> {
        let tx = self.begin_write(WHAT).await?;
        let known = known_sources(&tx, puts).await?;
        let rows = puts.iter().filter(|put| known.contains(&put.period.source_id.0)).map(|put| {
            let period = &put.period;
            let message = period.message.as_ref().map(|message| codec::plain_text(message, MESSAGE_MAX_LEN));
            [
                period.id.0.into(),
                put.tenant_id.0.into(),
                put.provider_id.0.into(),
                period.source_id.0.into(),
                period.state.as_str().into(),
                codec::micros(period.since).into(),
                period.until.map(codec::micros).into(),
                period.reason.map(|reason| reason.as_str().to_owned()).into(),
                message.into(),
                i64::from(period.changes).into(),
            ]
        });
        let head = "INSERT INTO sync_history (id, tenant_id, provider_id, source_id, state, since, until, reason, \
                    message, changes)";
        let tail = "ON CONFLICT (id) DO UPDATE SET state = excluded.state, until = excluded.until, \
                    reason = excluded.reason, message = excluded.message, changes = excluded.changes";
        bulk::insert(&tx, head, tail, rows).await.writing(WHAT)?;
        tx.commit().await.writing(WHAT)
    }

    /// Ends what a process that did not stop in order left open: what was true then at the source's last contact, the
    /// rest now. To be called before anything is synced. Gives how many.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn sync_history_close(&self) -> Result<u64> {
        let now = codec::micros(self.store.inner.clock.now());
        let tx = self.begin_write(WHAT).await?;
        let contact = "(SELECT s.last_contact_at FROM source s WHERE s.id = sync_history.source_id)";
        let text = format!(
            "UPDATE sync_history SET until = CASE \
             WHEN state NOT IN ('live', 'lagging', 'loading') AND since < ? THEN ? \
             WHEN state IN ('live', 'lagging', 'loading') AND {contact} > since THEN {contact} \
             ELSE since END WHERE until IS NULL"
        );
        let statement = bulk::statement(&tx, &text, [now.into(), now.into()]);
        let closed = tx.execute_raw(statement).await.writing(WHAT)?.rows_affected();
        tx.commit().await.writing(WHAT)?;
        Ok(closed)
    }

    /// Drops what is old, and of each source what is too much. Gives how many.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn sync_history_sweep(&self, retention: SyncHistoryRetention) -> Result<u64> {
        use sync_history::{Column, Entity};
        let keep_for = TimeDelta::from_std(retention.keep_for).unwrap_or(TimeDelta::MAX);
        let old = self.store.inner.clock.now().checked_sub_signed(keep_for).unwrap_or(Time::UNIX_EPOCH);
        let tx = self.begin_write(WHAT).await?;
        let aged = Entity::delete_many().filter(Column::Until.lt(codec::micros(old)));
        let mut dropped = aged.exec(&tx).await.writing(WHAT)?.rows_affected;
        let text = "DELETE FROM sync_history WHERE until IS NOT NULL AND id IN (SELECT id FROM (SELECT id, \
                    ROW_NUMBER() OVER (PARTITION BY source_id ORDER BY since DESC, id DESC) AS place \
                    FROM sync_history) AS ordered WHERE place > ?)";
        let keep = i64::try_from(retention.keep_entries).unwrap_or(i64::MAX);
        let statement = bulk::statement(&tx, text, [keep.into()]);
        dropped += tx.execute_raw(statement).await.writing(WHAT)?.rows_affected();
        tx.commit().await.writing(WHAT)?;
        Ok(dropped)
    }
}

/// Those of the sources that are there.
async fn known_sources(tx: &Tx, puts: &[SyncPeriodPut]) -> Result<HashSet<Uuid>> {
    let wanted: HashSet<Uuid> = puts.iter().map(|put| put.period.source_id.0).collect();
    let rows: Vec<Uuid> = source::Entity::find()
        .select_only()
        .column(source::Column::Id)
        .filter(source::Column::Id.is_in(wanted))
        .into_tuple()
        .all(tx)
        .await
        .writing(WHAT)?;
    Ok(rows.into_iter().collect())
}
