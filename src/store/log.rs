//! The change log: what changed, in the order in which it was committed. Without bodies: those are in `object`.

use std::time::Duration;

use chrono::TimeDelta;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::db::Tx;
use super::entity::{change_log, counter};
use super::error::While;
use super::observe::Origin;
use super::{Error, Result, SystemStore, bulk, codec};
use crate::model::{Kind, LogOp, ObjectId, Owner, ProjectId, ProviderId, Revision, SourceId, TenantId, Time};

/// One entry of the change log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Its place in the log. Dense: no number is left out.
    pub revision: Revision,
    /// When it was committed.
    pub at: Time,
    /// Whose the object is.
    pub owner: Owner,
    /// The provider that the object belongs to.
    pub provider_id: ProviderId,
    /// The source that tells of the object.
    pub source_id: SourceId,
    /// The object's kind.
    pub kind: Kind,
    /// The object.
    pub object_id: ObjectId,
    /// What happened.
    pub op: LogOp,
}

/// What the log has after a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangesPage {
    /// The next entries, oldest first; fewer than asked for when these are all.
    Entries(Vec<LogEntry>),
    /// The log does not reach back that far: everything up to and with this revision was compacted.
    Compacted {
        /// The last revision that is gone.
        through: Revision,
    },
}

/// How long the log is kept. An entry goes when it is neither among the last `keep_entries` nor younger than `keep_for`,
/// and also when there are more than `max_entries` (every queue has a bound).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogRetention {
    /// This many of the last entries stay, however old.
    pub keep_entries: u64,
    /// Entries younger than this stay.
    pub keep_for: Duration,
    /// Never more than this many stay.
    pub max_entries: u64,
}

impl Default for LogRetention {
    fn default() -> Self {
        Self { keep_entries: 100_000, keep_for: Duration::from_secs(24 * 3600), max_entries: 5_000_000 }
    }
}

const REVISION: &str = "revision";
const COMPACTED_THROUGH: &str = "compacted_through";
/// How many entries one transaction of the compaction drops.
const COMPACT_CHUNK: u64 = 10_000;

/// The one write lock, that of the counter, held until the transaction ends, whatever becomes of this value. Until then no
/// other transaction takes revisions, so that the order of commits is the order of revisions (`docs/adr/0003-revisions.md`),
/// or does what must not happen beside it: sealing, adding, editing and removing. Also gathers the entries for the log.
pub(super) struct WriteLock {
    /// The last revision that was given.
    pub(super) revision: Revision,
    began_at: Revision,
    entries: Vec<(Origin, Kind, ObjectId, LogOp)>,
}

impl WriteLock {
    /// Takes the lock, unless another gateway has taken the database over.
    pub(super) async fn take(tx: &Tx) -> Result<Self> {
        let revision = Self::wait(tx).await.writing("the change log")?;
        if let Some(fence) = &tx.fence {
            fence.check(tx).await?;
        }
        Ok(Self { revision, began_at: revision, entries: Vec::new() })
    }

    /// Waits for the lock; gives the last revision.
    pub(super) async fn wait(tx: &impl ConnectionTrait) -> std::result::Result<Revision, DbErr> {
        counter(tx, REVISION, true).await
    }

    /// Adds an entry with the next revision.
    pub(super) fn append(&mut self, origin: Origin, kind: Kind, id: ObjectId, op: LogOp) -> Revision {
        self.revision.0 += 1;
        self.entries.push((origin, kind, id, op));
        self.revision
    }

    /// Writes the entries and the counter. Gives the last revision there is.
    pub(super) async fn finish(self, tx: &Tx, at: Time) -> Result<Revision> {
        if self.entries.is_empty() {
            return Ok(self.revision);
        }
        let first = self.began_at.0 + 1;
        let rows = self.entries.into_iter().zip(first..).map(|((origin, kind, id, op), revision)| {
            [
                codec::number(Revision(revision)).into(),
                codec::micros(at).into(),
                origin.owner.tenant_id.0.into(),
                origin.owner.project_id.map(|project| project.0).into(),
                origin.provider.0.into(),
                origin.source.0.into(),
                kind.as_str().into(),
                id.0.into(),
                word(op).into(),
            ]
        });
        let head = "INSERT INTO change_log \
                    (revision, at, tenant_id, project_id, provider_id, source_id, kind, object_id, op)";
        bulk::insert(tx, head, "", rows).await.writing("the change log")?;
        set_counter(tx, REVISION, self.revision).await.writing("the change log")?;
        Ok(self.revision)
    }
}

async fn counter(tx: &impl ConnectionTrait, name: &str, lock: bool) -> std::result::Result<Revision, DbErr> {
    let mut query = counter::Entity::find_by_id(name);
    if lock {
        query = query.lock_exclusive();
    }
    let row = query.one(tx).await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound(format!("the counter {name}")))?;
    Ok(codec::revision(row.value))
}

async fn set_counter(tx: &Tx, name: &str, value: Revision) -> std::result::Result<(), DbErr> {
    let row = counter::ActiveModel { name: Set(name.to_owned()), value: Set(codec::number(value)) };
    counter::Entity::update(row).exec(tx).await.map(|_| ())
}

/// The word that the table keeps.
const fn word(op: LogOp) -> &'static str {
    match op {
        LogOp::Put => "put",
        LogOp::Delete => "delete",
    }
}

impl TryFrom<change_log::Model> for LogEntry {
    type Error = Error;

    fn try_from(row: change_log::Model) -> Result<Self> {
        let op = match row.op.as_str() {
            "put" => LogOp::Put,
            "delete" => LogOp::Delete,
            other => return Err(codec::damaged("log entry", row.revision, format!("its op is {other:?}"))),
        };
        Ok(Self {
            revision: codec::revision(row.revision),
            at: codec::time(row.at),
            owner: Owner { tenant_id: TenantId(row.tenant_id), project_id: row.project_id.map(ProjectId) },
            provider_id: ProviderId(row.provider_id),
            source_id: SourceId(row.source_id),
            kind: codec::kind("log entry", row.revision, &row.kind)?,
            object_id: ObjectId(row.object_id),
            op,
        })
    }
}

impl SystemStore {
    /// Waits until no transaction that appends to the log is under way, also one whose commit was sent over a connection
    /// that broke before the answer: the server may carry it out later, and holds the lock until then. What is read
    /// afterwards is all that came of what was written before.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn settle_log(&self) -> Result<()> {
        const WHAT: &str = "the change log";
        let tx = self.begin_write(WHAT).await?;
        let _lock = WriteLock::take(&tx).await?;
        tx.commit().await.writing(WHAT)
    }

    /// The revision of the last committed change; 0 before the first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn current_revision(&self) -> Result<Revision> {
        let tx = self.begin_read("the revision").await?;
        let revision = counter(&tx, REVISION, false).await.reading("the revision")?;
        tx.commit().await.reading("the revision")?;
        Ok(revision)
    }

    /// The entries after `revision`, at most `limit`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn changes_after(&self, revision: Revision, limit: u64) -> Result<ChangesPage> {
        const WHAT: &str = "the change log";
        let tx = self.begin_read(WHAT).await?;
        let through = counter(&tx, COMPACTED_THROUGH, false).await.reading(WHAT)?;
        if revision < through {
            tx.commit().await.reading(WHAT)?;
            return Ok(ChangesPage::Compacted { through });
        }
        let rows = change_log::Entity::find()
            .filter(change_log::Column::Revision.gt(codec::number(revision)))
            .order_by_asc(change_log::Column::Revision)
            .limit(limit)
            .all(&tx)
            .await
            .reading(WHAT)?;
        tx.commit().await.reading(WHAT)?;
        Ok(ChangesPage::Entries(rows.into_iter().map(LogEntry::try_from).collect::<Result<_>>()?))
    }

    /// The deletions after `revision`, oldest first, at most `limit`. What was put since then the objects themselves tell.
    ///
    /// # Errors
    /// When the database cannot be read, or a row is damaged.
    pub async fn deletions_after(&self, revision: Revision, limit: u64) -> Result<Vec<LogEntry>> {
        const WHAT: &str = "the change log";
        let tx = self.begin_read(WHAT).await?;
        let rows = change_log::Entity::find()
            .filter(change_log::Column::Revision.gt(codec::number(revision)))
            .filter(change_log::Column::Op.eq(word(LogOp::Delete)))
            .order_by_asc(change_log::Column::Revision)
            .limit(limit)
            .all(&tx)
            .await
            .reading(WHAT)?;
        tx.commit().await.reading(WHAT)?;
        rows.into_iter().map(LogEntry::try_from).collect()
    }

    /// The last revision that was compacted away; 0 when nothing was. A watch can resume from it and from anything later.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn compacted_through(&self) -> Result<Revision> {
        let tx = self.begin_read("the change log").await?;
        let through = counter(&tx, COMPACTED_THROUGH, false).await.reading("the change log")?;
        tx.commit().await.reading("the change log")?;
        Ok(through)
    }

    /// Drops old entries, in short transactions. Gives how many.
    ///
    /// # Errors
    /// When the database cannot be written. What was dropped until then stays dropped.
    pub async fn compact(&self, retention: LogRetention) -> Result<u64> {
        const WHAT: &str = "the change log";
        let keep_for = TimeDelta::from_std(retention.keep_for).unwrap_or(TimeDelta::MAX);
        let now = self.store.inner.clock.now();
        let young = now.checked_sub_signed(keep_for).unwrap_or(Time::UNIX_EPOCH);
        let mut dropped = 0;
        loop {
            let tx = self.begin_write(WHAT).await?;
            let current = counter(&tx, REVISION, false).await.writing(WHAT)?;
            // One compaction at a time, of all nodes.
            let through = counter(&tx, COMPACTED_THROUGH, true).await.writing(WHAT)?;
            let must = current.0.saturating_sub(retention.max_entries);
            let may = current.0.saturating_sub(retention.keep_entries);
            let oldest_young = change_log::Entity::find()
                .filter(change_log::Column::Revision.gt(codec::number(through)))
                .filter(change_log::Column::Revision.lte(codec::number(Revision(through.0 + COMPACT_CHUNK))))
                .filter(change_log::Column::At.gt(codec::micros(young)))
                .order_by_asc(change_log::Column::Revision)
                .one(&tx)
                .await
                .writing(WHAT)?;
            let old = oldest_young.map_or(u64::MAX, |row| codec::revision(row.revision).0 - 1);
            let target = may.min(old).max(must).min(through.0 + COMPACT_CHUNK);
            if target <= through.0 {
                // Nothing was changed.
                return Ok(dropped);
            }
            change_log::Entity::delete_many()
                .filter(change_log::Column::Revision.lte(codec::number(Revision(target))))
                .exec(&tx)
                .await
                .writing(WHAT)?;
            set_counter(&tx, COMPACTED_THROUGH, Revision(target)).await.writing(WHAT)?;
            tx.commit().await.writing(WHAT)?;
            dropped += target - through.0;
        }
    }
}
