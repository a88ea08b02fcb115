//! The audit log: append-only, each entry with the hash of the one before it.
//!
//! Entries are appended under the one write lock, so that the chain has no forks and its numbers no gaps. The last number and
//! the last hash stand beside the table (`counter`, `setting`): a transaction of one tenant does not see the entries of
//! others, and an end that was cut off shows. Triggers refuse to change an entry, and to drop one that retention has not
//! given free. Who owns the database can do away with triggers: then the hashes tell, and what was forwarded or exported.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use chrono::TimeDelta;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, Select,
};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::db::Tx;
use super::entity::{audit, counter, setting};
use super::error::While;
use super::log::WriteLock;
use super::{Error, Result, SystemStore, TenantStore, codec};
use crate::authz::{AuditRead, Node};
use crate::model::audit::without_secrets;
use crate::model::{
    AuditBreak, AuditCheck, AuditEntry, AuditFault, AuditResult, Door, NewAudit, TenantId, Time, UserId,
};

const WHAT: &str = "the audit log";
const SEQ: &str = "audit_seq";
const DROPPED_THROUGH: &str = "audit_dropped_through";
const FORWARDED_THROUGH: &str = "audit_forwarded_through";
const HASH: &str = "audit_hash";
const DROPPED_HASH: &str = "audit_dropped_hash";

/// The longest texts, bytes. What is longer is cut.
const NAME_MAX_LEN: usize = 512;
/// The longest JSON of `before` and of `after`, bytes: with two of them an entry fits into one datagram.
const DOCUMENT_MAX_LEN: usize = 16 << 10;
/// Of a document that is too long there stay so many characters of each text, and so many items of each list.
const TEXT_MAX_CHARS: usize = 200;
const ITEMS_MAX: usize = 50;
/// How many entries are read at once when the chain is walked.
const WALK_CHUNK: u64 = 1_000;
/// How many entries one transaction of the retention drops.
const SWEEP_CHUNK: u64 = 5_000;

/// Which entries are asked for. What is empty lets all through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// The user's name is one of these.
    pub actors: Vec<String>,
    /// What was asked for is one of these.
    pub actions: Vec<String>,
    /// It was asked of one of these kinds.
    pub object_kinds: Vec<String>,
    /// It was asked of one of these.
    pub object_ids: Vec<String>,
    /// One of these came of it.
    pub results: Vec<AuditResult>,
    /// It was asked for by one of these doors.
    pub doors: Vec<Door>,
    /// It concerns one of these tenants.
    pub tenants: Vec<TenantId>,
    /// It belongs to one of these requests.
    pub request_ids: Vec<String>,
    /// Written down then or later.
    pub from: Option<Time>,
    /// Written down before.
    pub before: Option<Time>,
}

impl AuditFilter {
    fn apply(&self, mut query: Select<audit::Entity>) -> Select<audit::Entity> {
        use audit::Column;
        let texts = [
            (Column::Actor, &self.actors),
            (Column::Action, &self.actions),
            (Column::ObjectKind, &self.object_kinds),
            (Column::ObjectId, &self.object_ids),
            (Column::RequestId, &self.request_ids),
        ];
        for (column, values) in texts {
            if !values.is_empty() {
                query = query.filter(column.is_in(values));
            }
        }
        if !self.results.is_empty() {
            query = query.filter(Column::Result.is_in(self.results.iter().map(|result| result.as_str())));
        }
        if !self.doors.is_empty() {
            query = query.filter(Column::Door.is_in(self.doors.iter().map(|door| door.as_str())));
        }
        if !self.tenants.is_empty() {
            query = query.filter(Column::TenantId.is_in(self.tenants.iter().map(|tenant| tenant.0)));
        }
        let times = Condition::all()
            .add_option(self.from.map(|from| Column::At.gte(codec::micros(from))))
            .add_option(self.before.map(|before| Column::At.lt(codec::micros(before))));
        query.filter(times)
    }
}

/// How long the log is kept. An entry goes when it is older than `keep_for`, and when there are more than `max_entries`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditRetention {
    /// Entries younger than this stay.
    pub keep_for: Duration,
    /// Never more than this many stay.
    pub max_entries: u64,
}

impl Default for AuditRetention {
    fn default() -> Self {
        Self { keep_for: Duration::from_secs(400 * 24 * 3_600), max_entries: 2_000_000 }
    }
}

/// How far the log reaches, and how much of it was forwarded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditHead {
    /// The number of the newest entry.
    pub seq: u64,
    /// The number of the last entry that retention dropped.
    pub dropped_through: u64,
    /// The number of the last entry that was forwarded.
    pub forwarded_through: u64,
}

type Done<T> = std::result::Result<T, DbErr>;

async fn number(tx: &Tx, name: &str) -> Done<u64> {
    let row = counter::Entity::find_by_id(name).one(tx).await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound(format!("the counter {name}")))?;
    Ok(u64::try_from(row.value).unwrap_or(0))
}

async fn set_number(tx: &Tx, name: &str, value: u64) -> Done<()> {
    let row = counter::ActiveModel { name: Set(name.to_owned()), value: Set(signed(value)) };
    counter::Entity::update(row).exec(tx).await.map(drop)
}

async fn text(tx: &Tx, name: &str) -> Done<String> {
    let row = setting::Entity::find_by_id(name).one(tx).await?;
    row.and_then(|row| row.value).ok_or_else(|| DbErr::RecordNotFound(format!("the setting {name}")))
}

async fn set_text(tx: &Tx, name: &str, value: String, at: Time) -> Done<()> {
    let row = setting::ActiveModel {
        name: Set(name.to_owned()),
        value: Set(Some(value)),
        changed_at: Set(codec::micros(at)),
        ..Default::default()
    };
    setting::Entity::update(row).exec(tx).await.map(drop)
}

/// A sequence number as it is stored.
fn signed(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// Appends an entry, in the transaction that does what it tells of. Secrets are left out here, whoever asks. The
/// transaction has to see the entry's tenant.
pub(super) async fn append(tx: &Tx, _lock: &WriteLock, at: Time, new: NewAudit) -> Result<AuditEntry> {
    let seq = number(tx, SEQ).await.writing(WHAT)? + 1;
    let prev_hash = text(tx, HASH).await.writing(WHAT)?;
    let plain = |text: String| codec::plain_text(&text, NAME_MAX_LEN);
    let mut entry = AuditEntry {
        seq,
        at: codec::time(codec::micros(at)),
        tenant_id: new.tenant_id,
        actor_id: new.actor_id,
        actor: plain(new.actor),
        on_behalf_of: new.on_behalf_of.map(plain),
        address: new.address.map(plain),
        door: new.door,
        request_id: new.request_id.map(plain),
        action: plain(new.action),
        object_kind: plain(new.object_kind),
        object_id: new.object_id.map(plain),
        object_name: new.object_name.map(plain),
        result: new.result,
        status: new.status,
        before: new.before.and_then(document),
        after: new.after.and_then(document),
        prev_hash,
        hash: String::new(),
    };
    entry.hash = hash_of(&entry);
    let row = row_of(&entry)?.into_active_model();
    audit::Entity::insert(row).exec_without_returning(tx).await.writing(WHAT)?;
    set_number(tx, SEQ, seq).await.writing(WHAT)?;
    set_text(tx, HASH, entry.hash.clone(), at).await.writing(WHAT)?;
    Ok(entry)
}

/// The JSON text of a document, without secrets. One that is too long is shortened; of one that is too long even then, only
/// that it is.
fn document(value: Value) -> Option<Box<RawValue>> {
    let value = without_secrets(value);
    let mut json = value.to_string();
    if json.len() > DOCUMENT_MAX_LEN {
        json = shortened(value).to_string();
    }
    let json = if json.len() > DOCUMENT_MAX_LEN { r#"{"omitted":"too long"}"#.to_owned() } else { json };
    RawValue::from_string(json).ok()
}

/// A document with the beginnings of its long texts and lists.
fn shortened(value: Value) -> Value {
    match value {
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, shortened(value))).collect(),
        Value::Array(mut items) => {
            let omitted = items.len().saturating_sub(ITEMS_MAX);
            items.truncate(ITEMS_MAX);
            let note = (omitted > 0).then(|| json!({"omitted": omitted}));
            items.into_iter().map(shortened).chain(note).collect()
        }
        Value::String(text) if text.chars().count() > TEXT_MAX_CHARS => {
            format!("{}…", text.chars().take(TEXT_MAX_CHARS).collect::<String>()).into()
        }
        other => other,
    }
}

fn hash_of(entry: &AuditEntry) -> String {
    hex::encode(digest(&SHA256, entry.hashed_text().as_bytes()))
}

fn row_of(entry: &AuditEntry) -> Result<audit::Model> {
    let bytes =
        |hash: &str| hex::decode(hash).map_err(|_| codec::damaged("audit entry", entry.seq, "its hash is none"));
    Ok(audit::Model {
        seq: signed(entry.seq),
        at: codec::micros(entry.at),
        tenant_id: entry.tenant_id.0,
        actor_id: entry.actor_id.map(|id| id.0),
        actor: entry.actor.clone(),
        on_behalf_of: entry.on_behalf_of.clone(),
        address: entry.address.clone(),
        door: entry.door.as_str().to_owned(),
        request_id: entry.request_id.clone(),
        action: entry.action.clone(),
        object_kind: entry.object_kind.clone(),
        object_id: entry.object_id.clone(),
        object_name: entry.object_name.clone(),
        result: entry.result.as_str().to_owned(),
        status: entry.status.map(i64::from),
        before: entry.before.as_ref().map(|json| json.get().to_owned()),
        after: entry.after.as_ref().map(|json| json.get().to_owned()),
        prev_hash: bytes(&entry.prev_hash)?,
        hash: bytes(&entry.hash)?,
    })
}

impl TryFrom<audit::Model> for AuditEntry {
    type Error = Error;

    fn try_from(row: audit::Model) -> Result<Self> {
        let damaged = |what: &str| codec::damaged("audit entry", row.seq, format!("{what} cannot be read"));
        let json = |text: &Option<String>, what: &str| {
            text.clone().map(RawValue::from_string).transpose().map_err(|_| damaged(what))
        };
        Ok(Self {
            seq: u64::try_from(row.seq).map_err(|_| damaged("its number"))?,
            at: codec::time(row.at),
            tenant_id: TenantId(row.tenant_id),
            actor_id: row.actor_id.map(UserId),
            door: Door::parse(&row.door).ok_or_else(|| damaged("its door"))?,
            result: AuditResult::parse(&row.result).ok_or_else(|| damaged("its result"))?,
            status: row.status.map(u16::try_from).transpose().map_err(|_| damaged("its status"))?,
            before: json(&row.before, "what was before")?,
            after: json(&row.after, "what was afterwards")?,
            actor: row.actor,
            on_behalf_of: row.on_behalf_of,
            address: row.address,
            request_id: row.request_id,
            action: row.action,
            object_kind: row.object_kind,
            object_id: row.object_id,
            object_name: row.object_name,
            prev_hash: hex::encode(row.prev_hash),
            hash: hex::encode(row.hash),
        })
    }
}

fn entries(rows: Vec<audit::Model>) -> Result<Vec<AuditEntry>> {
    rows.into_iter().map(AuditEntry::try_from).collect()
}

impl TenantStore<AuditRead> {
    /// The entries that the filter lets through, newest first, before the number `before`, at most `limit`.
    ///
    /// # Errors
    /// When the database cannot be read, or a row is damaged.
    pub async fn audits(&self, filter: &AuditFilter, before: Option<u64>, limit: u64) -> Result<Vec<AuditEntry>> {
        let mut query = self.audits_query(filter).order_by_desc(audit::Column::Seq);
        if let Some(before) = before {
            query = query.filter(audit::Column::Seq.lt(signed(before)));
        }
        self.audits_read(query.limit(limit)).await
    }

    /// The same, oldest first, after the number `after` up to and with `through`: to export them.
    ///
    /// # Errors
    /// When the database cannot be read, or a row is damaged.
    pub async fn audits_after(
        &self,
        filter: &AuditFilter,
        after: u64,
        through: u64,
        limit: u64,
    ) -> Result<Vec<AuditEntry>> {
        use audit::Column;
        let query = self.audits_query(filter).order_by_asc(Column::Seq);
        let query = query.filter(Column::Seq.gt(signed(after))).filter(Column::Seq.lte(signed(through)));
        self.audits_read(query.limit(limit)).await
    }

    fn audits_query(&self, filter: &AuditFilter) -> Select<audit::Entity> {
        let query = filter.apply(audit::Entity::find());
        if self.scope.sees_all() {
            return query;
        }
        // What concerns a tenant concerns it as a whole.
        let tenants = self.scope.tenants().iter().filter(|tenant| self.scope.contains(Node::Tenant(**tenant)));
        query.filter(audit::Column::TenantId.is_in(tenants.map(|tenant| tenant.0)))
    }

    async fn audits_read(&self, query: Select<audit::Entity>) -> Result<Vec<AuditEntry>> {
        let tx = self.begin_read(WHAT).await?;
        let rows = query.all(&tx).await.reading(WHAT)?;
        tx.commit().await.reading(WHAT)?;
        entries(rows)
    }
}

impl SystemStore {
    /// Appends an entry in a transaction of its own: for what changes nothing else, such as a sign-in or a denial.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn audit_append(&self, new: NewAudit) -> Result<AuditEntry> {
        let tx = self.begin_write(WHAT).await?;
        let lock = WriteLock::take(&tx).await?;
        let entry = append(&tx, &lock, self.store.inner.clock.now(), new).await?;
        tx.commit().await.writing(WHAT)?;
        Ok(entry)
    }

    /// The entries after the number `after`, of all tenants, oldest first, at most `limit`: to forward them.
    ///
    /// # Errors
    /// When the database cannot be read, or a row is damaged.
    pub async fn audit_after(&self, after: u64, limit: u64) -> Result<Vec<AuditEntry>> {
        let tx = self.begin_read(WHAT).await?;
        let rows = page_after(&tx, after, limit).await.reading(WHAT)?;
        tx.commit().await.reading(WHAT)?;
        entries(rows)
    }

    /// How far the log reaches.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn audit_head(&self) -> Result<AuditHead> {
        let tx = self.begin_read(WHAT).await?;
        let head = AuditHead {
            seq: number(&tx, SEQ).await.reading(WHAT)?,
            dropped_through: number(&tx, DROPPED_THROUGH).await.reading(WHAT)?,
            forwarded_through: number(&tx, FORWARDED_THROUGH).await.reading(WHAT)?,
        };
        tx.commit().await.reading(WHAT)?;
        Ok(head)
    }

    /// Remembers that everything up to and with this number was forwarded.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn audit_forwarded(&self, through: u64) -> Result<()> {
        let tx = self.begin_write(WHAT).await?;
        let _lock = WriteLock::take(&tx).await?;
        set_number(&tx, FORWARDED_THROUGH, through).await.writing(WHAT)?;
        tx.commit().await.writing(WHAT)
    }

    /// Walks the whole chain, as it is at one moment, in bounded pages; stops at the first entry that is not sound.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn audit_verify(&self) -> Result<AuditCheck> {
        let tx = self.begin_read(WHAT).await?;
        let dropped_through = number(&tx, DROPPED_THROUGH).await.reading(WHAT)?;
        let last_seq = number(&tx, SEQ).await.reading(WHAT)?;
        let mut walk = Walk { seq: dropped_through, hash: text(&tx, DROPPED_HASH).await.reading(WHAT)? };
        let mut broken = None;
        'walk: loop {
            // From the very first on: what was put before the beginning is no part of the chain.
            let after = if walk.seq == dropped_through { 0 } else { walk.seq };
            let rows = page_after(&tx, after, WALK_CHUNK).await.reading(WHAT)?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                if let Err(found) = walk.step(row) {
                    broken = Some(found);
                    break 'walk;
                }
            }
        }
        if broken.is_none() && walk.seq < last_seq {
            broken = Some(AuditBreak { seq: walk.seq + 1, fault: AuditFault::CutOff });
        } else if broken.is_none() && walk.hash != text(&tx, HASH).await.reading(WHAT)? {
            broken = Some(AuditBreak { seq: walk.seq, fault: AuditFault::Link });
        }
        tx.commit().await.reading(WHAT)?;
        let entries = walk.seq.saturating_sub(dropped_through);
        Ok(AuditCheck { sound: broken.is_none(), entries, dropped_through, last_seq, broken })
    }

    /// Drops old entries from the oldest on, in short transactions, and keeps the hash of the last that went, on which the
    /// chain then stands. Gives how many.
    ///
    /// # Errors
    /// When the database cannot be written. What was dropped until then stays dropped.
    pub async fn audit_sweep(&self, retention: AuditRetention) -> Result<u64> {
        let keep_for = TimeDelta::from_std(retention.keep_for).unwrap_or(TimeDelta::MAX);
        let mut dropped = 0;
        loop {
            let now = self.store.inner.clock.now();
            let young = now.checked_sub_signed(keep_for).unwrap_or(Time::UNIX_EPOCH);
            let tx = self.begin_write(WHAT).await?;
            let _lock = WriteLock::take(&tx).await?;
            let through = number(&tx, DROPPED_THROUGH).await.writing(WHAT)?;
            let must = number(&tx, SEQ).await.writing(WHAT)?.saturating_sub(retention.max_entries);
            let Some((last, hash)) = last_to_drop(&tx, through, must, young).await.writing(WHAT)? else {
                // Nothing was changed.
                return Ok(dropped);
            };
            // The order matters: the trigger lets go only of what this number covers.
            set_number(&tx, DROPPED_THROUGH, last).await.writing(WHAT)?;
            set_text(&tx, DROPPED_HASH, hex::encode(hash), now).await.writing(WHAT)?;
            let gone = audit::Entity::delete_many().filter(audit::Column::Seq.lte(signed(last)));
            dropped += gone.exec(&tx).await.writing(WHAT)?.rows_affected;
            tx.commit().await.writing(WHAT)?;
        }
    }
}

async fn page_after(tx: &Tx, after: u64, limit: u64) -> Done<Vec<audit::Model>> {
    let query = audit::Entity::find().filter(audit::Column::Seq.gt(signed(after)));
    query.order_by_asc(audit::Column::Seq).limit(limit).all(tx).await
}

/// The last of the oldest entries that are to go, at most a chunk of them, and its hash. `None` when none is to go.
async fn last_to_drop(tx: &Tx, through: u64, must: u64, young: Time) -> Done<Option<(u64, Vec<u8>)>> {
    use audit::{Column, Entity};
    let oldest: Vec<(i64, i64, Vec<u8>)> = Entity::find()
        .select_only()
        .columns([Column::Seq, Column::At, Column::Hash])
        .filter(Column::Seq.gt(signed(through)))
        .order_by_asc(Column::Seq)
        .limit(SWEEP_CHUNK)
        .into_tuple()
        .all(tx)
        .await?;
    let goes = |(seq, at, _): &&(i64, i64, Vec<u8>)| *seq <= signed(must) || *at <= codec::micros(young);
    let last = oldest.iter().take_while(goes).last();
    Ok(last.map(|(seq, _, hash)| (u64::try_from(*seq).unwrap_or(0), hash.clone())))
}

/// How far the chain was walked: the last entry that was sound, and its hash.
struct Walk {
    seq: u64,
    hash: String,
}

impl Walk {
    fn step(&mut self, row: audit::Model) -> std::result::Result<(), AuditBreak> {
        let seq = u64::try_from(row.seq).unwrap_or(0);
        let broken = |seq: u64, fault: AuditFault| Err(AuditBreak { seq, fault });
        if seq > self.seq + 1 {
            return broken(self.seq + 1, AuditFault::Missing);
        }
        if seq != self.seq + 1 {
            return broken(seq, AuditFault::Link);
        }
        // A word that nobody wrote, or what is no JSON, was not hashed either.
        let Ok(entry) = AuditEntry::try_from(row) else { return broken(seq, AuditFault::Content) };
        if entry.prev_hash != self.hash {
            return broken(seq, AuditFault::Link);
        }
        if hash_of(&entry) != entry.hash {
            return broken(seq, AuditFault::Content);
        }
        (self.seq, self.hash) = (seq, entry.hash);
        Ok(())
    }
}
