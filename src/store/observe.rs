//! Writing what a source told: the rows that differ, a log entry for each, new identities, the quarantine and the source's
//! position, in one transaction.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryResult, QuerySelect, RuntimeErr, Value,
};
use uuid::Uuid;

use super::db::Tx;
use super::error::{Fault, While};
use super::log::WriteLock;
use super::object_change::{self, Noted};
use super::{Error, Result, SourceUpdate, SystemStore, bulk, codec, entity, quarantine, source};
use crate::model::{Kind, LogOp, ObjectId, Owner, ProjectId, ProviderId, Revision, SourceId, TenantId, Time};

/// The longest key of a platform, in bytes. libvirt's volume keys are paths; PostgreSQL's indexes take about 2,700 bytes.
pub(super) const KEY_MAX_LEN: usize = 2_000;
/// The longest stored text of an object, in bytes. Real ones have a few thousand.
const BODY_MAX_LEN: usize = 16 << 20;

/// What a source told since the last batch.
#[derive(Clone, Debug)]
pub struct ObserveBatch {
    /// The provider.
    pub provider_id: ProviderId,
    /// The source.
    pub source_id: SourceId,
    /// Ids that were given to keys for the first time. The same again does no harm.
    pub identities: Vec<(Kind, String, ObjectId)>,
    /// Objects that are new or differ. The last of the same id counts.
    pub puts: Vec<PutObject>,
    /// Objects that are gone. Ids that are not there are left out.
    pub deletes: Vec<ObjectId>,
    /// Groups that could not be read or translated.
    pub quarantine: Vec<QuarantinePut>,
    /// Groups (family, key) that can be read again, or are gone: no longer in quarantine.
    pub released: Vec<(&'static str, String)>,
    /// What else is known of the source now.
    pub source: SourceUpdate,
    /// What differs in what is put.
    pub differences: Option<Differences>,
}

/// What the puts of a batch change in objects that were known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// The revision of what was compared with: if others came since then, nothing of this is sure.
    pub known: Revision,
    /// By the place in [`ObserveBatch::puts`]: the [`FieldChange`](crate::model::FieldChange)s as JSON. A put that is not
    /// here is new, or changes nothing that is told.
    pub fields: HashMap<usize, String>,
}

impl ObserveBatch {
    /// A batch with nothing in it.
    #[must_use]
    pub fn new(provider_id: ProviderId, source_id: SourceId) -> Self {
        Self {
            provider_id,
            source_id,
            identities: Vec::new(),
            puts: Vec::new(),
            deletes: Vec::new(),
            quarantine: Vec::new(),
            released: Vec::new(),
            source: SourceUpdate::default(),
            differences: None,
        }
    }
}

/// One object to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutObject {
    /// Its id.
    pub id: ObjectId,
    /// The source that tells of it, when that is not the batch's: that one let go of what this one holds too. A source
    /// that is not there any more counts as the batch's, so that no object belongs to nobody.
    pub source_id: Option<SourceId>,
    /// Its kind.
    pub kind: Kind,
    /// The word of its family.
    pub family: &'static str,
    /// The platform's key of the group that it came with.
    pub group_key: String,
    /// The platform's key.
    pub key: String,
    /// Its JSON text.
    pub body: Arc<str>,
    /// The hash of its text.
    pub hash: [u8; 16],
}

/// A group to put into quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantinePut {
    /// The word of its family.
    pub family: &'static str,
    /// The platform's key of the group.
    pub group_key: String,
    /// What it would have been.
    pub kind: Kind,
    /// Why, for people. No secrets.
    pub reason: String,
}

/// What became of a batch: all of it is in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// When it was committed.
    pub at: Time,
    /// The last revision there is after it: unchanged when nothing was put or deleted.
    pub revision: Revision,
    /// What was put, in the order of the batch (which is that of the revisions).
    pub puts: Vec<Written>,
    /// What was deleted, after the puts.
    pub deleted: Vec<Deleted>,
    /// What the database would not take. It went into quarantine, and what was known of it stays.
    pub refused: Vec<Refused>,
}

/// An object that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Where it stood in [`ObserveBatch::puts`].
    pub index: usize,
    /// Its id.
    pub id: ObjectId,
    /// Whose it is.
    pub owner: Owner,
    /// The revision of this change.
    pub revision: Revision,
    /// When the gateway first saw it.
    pub created_at: Time,
}

/// An object that was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// Its id.
    pub id: ObjectId,
    /// What it was.
    pub kind: Kind,
    /// Whose it was.
    pub owner: Owner,
    /// The source that had told of it.
    pub source_id: SourceId,
    /// The revision of this change.
    pub revision: Revision,
}

/// An object that the database would not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Where it stood in [`ObserveBatch::puts`].
    pub index: usize,
    /// Its id.
    pub id: ObjectId,
    /// Why.
    pub reason: String,
}

impl SystemStore {
    /// Writes a batch in one transaction: all of it or nothing, but for objects that the database would not take, which
    /// go into quarantine.
    ///
    /// # Errors
    /// [`Error::ProviderGone`] and [`Error::SourceGone`] when they are not there or are being removed,
    /// [`Error::IdentityTaken`], or when the database cannot be written. Then nothing was.
    pub async fn observe(&self, batch: &ObserveBatch) -> Result<Committed> {
        const WHAT: &str = "what was observed";
        let tx = self.begin_write(WHAT).await?;
        let mut lock = WriteLock::take(&tx).await?;
        let began_at = lock.revision;
        let provider = entity::provider::Entity::find_by_id(batch.provider_id.0).one(&tx).await.writing(WHAT)?;
        let provider = provider.filter(|row| !row.removing).ok_or(Error::ProviderGone(batch.provider_id))?;
        let sources = active_sources(&tx, batch.provider_id).await?;
        if !sources.contains(&batch.source_id) {
            return Err(Error::SourceGone(batch.source_id));
        }
        // After the lock is taken, so that it does not go back along the log.
        let at = self.store.inner.clock.now();
        let origin = Origin::of_tenant(provider.tenant_id, batch.provider_id, batch.source_id);

        write_identities(&tx, batch).await?;
        let mut writer =
            Writer { tx: &tx, batch, origin, sources, at, next: lock.revision, puts: Vec::new(), refused: Vec::new() };
        writer.put_all().await.writing(WHAT)?;
        for written in &writer.puts {
            let put = &batch.puts[written.index];
            let origin = Origin { owner: written.owner, source: writer.source_of(put), ..origin };
            lock.append(origin, put.kind, written.id, LogOp::Put);
        }
        let Writer { puts, refused, .. } = writer;
        let deleted = delete(&tx, &batch.deletes, origin, at, &mut lock).await?;
        let changed = changed(batch, &puts, began_at, at);
        object_change::note(&tx, origin.provider, at, changed.chain(deleted.iter().map(Noted::deleted))).await?;
        quarantine::release(&tx, batch.source_id, &batch.released).await?;
        let refusals = refused.iter().map(|refused| {
            let put = &batch.puts[refused.index];
            QuarantinePut {
                family: put.family,
                group_key: put.group_key.clone(),
                kind: put.kind,
                reason: format!("the {} {} cannot be stored: {}", put.kind, put.key, refused.reason),
            }
        });
        quarantine::put(&tx, origin, batch.quarantine.iter().cloned().chain(refusals), at).await?;
        source::update(&tx, batch.source_id, &batch.source).await?;
        let revision = lock.finish(&tx, at).await?;
        tx.commit().await.writing(WHAT)?;
        Ok(Committed { at, revision, puts, deleted, refused })
    }
}

/// Which puts are changes, and of what.
fn changed<'a>(
    batch: &'a ObserveBatch,
    puts: &'a [Written],
    began_at: Revision,
    at: Time,
) -> impl Iterator<Item = Noted<'a>> {
    let sure = batch.differences.as_ref().filter(|differences| differences.known == began_at);
    puts.iter().filter_map(move |written| {
        let fields = match sure {
            Some(differences) => Some(differences.fields.get(&written.index)?.as_str()),
            // What was there before has been changed, nobody knows in what.
            None => (written.created_at < at).then_some(None)?,
        };
        Some(Noted::changed(written, batch.puts[written.index].kind, fields))
    })
}

/// Whose a row is, and who tells of it.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    pub(super) owner: Owner,
    pub(super) provider: ProviderId,
    pub(super) source: SourceId,
}

impl Origin {
    /// Of what a tenant has in no project: the provider itself, and what was just found.
    pub(super) fn of_tenant(tenant: Uuid, provider: ProviderId, source: SourceId) -> Self {
        Self { owner: Owner { tenant_id: TenantId(tenant), project_id: None }, provider, source }
    }
}

/// The sources of a provider that are not being removed.
async fn active_sources(tx: &Tx, provider: ProviderId) -> Result<HashSet<SourceId>> {
    use entity::source::{Column, Entity};
    let rows: Vec<Uuid> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::ProviderId.eq(provider.0))
        .filter(Column::Removing.eq(false))
        .into_tuple()
        .all(tx)
        .await
        .writing("a source")?;
    Ok(rows.into_iter().map(SourceId).collect())
}

/// A platform's key as the tables take it, or why not.
fn check_key(key: &str) -> std::result::Result<(), String> {
    if key.contains('\0') {
        return Err("its key contains a NUL character".to_owned());
    }
    if key.len() > KEY_MAX_LEN {
        return Err(format!("its key has {} bytes; {KEY_MAX_LEN} is the most", key.len()));
    }
    Ok(())
}

/// What can be told beforehand to be refused, on both databases alike.
fn check_put(put: &PutObject) -> std::result::Result<(), String> {
    check_key(&put.key)?;
    check_key(&put.group_key)?;
    if put.body.len() > BODY_MAX_LEN {
        return Err(format!("it has {} bytes; {BODY_MAX_LEN} is the most", put.body.len()));
    }
    if put.body.contains('\0') {
        return Err("it contains a NUL character".to_owned());
    }
    Ok(())
}

/// Notes which id each new key has. A key that the tables cannot take has none there: its object is refused as well.
async fn write_identities(tx: &Tx, batch: &ObserveBatch) -> Result<()> {
    const WHAT: &str = "identities";
    let mut seen = HashMap::new();
    for (kind, key, id) in batch.identities.iter().filter(|(_, key, _)| check_key(key).is_ok()) {
        let taken = || Error::IdentityTaken { provider_id: batch.provider_id, kind: *kind, key: key.clone() };
        if *seen.entry((*kind, key.as_str())).or_insert(*id) != *id {
            return Err(taken());
        }
    }
    let rows = seen
        .iter()
        .map(|((kind, key), id)| [batch.provider_id.0.into(), kind.as_str().into(), (*key).into(), id.0.into()]);
    let written = bulk::insert(
        tx,
        "INSERT INTO identity (provider_id, kind, key, object_id)",
        "ON CONFLICT (provider_id, kind, key) DO NOTHING",
        rows,
    )
    .await
    .writing(WHAT)?;
    if written == seen.len() as u64 {
        return Ok(());
    }
    // Some were there already: the same (a batch that is repeated), or given by another writer in the meantime.
    let ids: HashMap<_, _> = seen.iter().map(|(name, id)| (id.0, *name)).collect();
    let head = "SELECT kind, key, object_id FROM identity WHERE provider_id = ? AND object_id";
    let values = ids.keys().map(|id| Value::from(*id));
    let rows = bulk::query_in(tx, head, Some(batch.provider_id.0.into()), "", values).await.writing(WHAT)?;
    let mut missing = ids;
    for row in rows {
        let id: Uuid = row.try_get("", "object_id").writing(WHAT)?;
        let kind: String = row.try_get("", "kind").writing(WHAT)?;
        let key: String = row.try_get("", "key").writing(WHAT)?;
        if missing.get(&id).is_some_and(|(k, name)| k.as_str() == kind && *name == key) {
            missing.remove(&id);
        }
    }
    match missing.into_values().next() {
        None => Ok(()),
        Some((kind, key)) => Err(Error::IdentityTaken { provider_id: batch.provider_id, kind, key: key.to_owned() }),
    }
}

/// Writes the puts of a batch. A statement that the database refuses is cut in halves until the row is found that it
/// does not take; savepoints keep the rest.
struct Writer<'a> {
    tx: &'a Tx,
    batch: &'a ObserveBatch,
    /// Of what is new.
    origin: Origin,
    sources: HashSet<SourceId>,
    at: Time,
    /// The last revision that was given.
    next: Revision,
    puts: Vec<Written>,
    refused: Vec<Refused>,
}

const PUT_COLUMNS: usize = 13;
const PUT_HEAD: &str = "INSERT INTO object (id, tenant_id, provider_id, source_id, kind, family, group_key, key, body, \
                        hash, revision, created_at, changed_at)";
const PUT_TAIL: &str = "ON CONFLICT (id) DO UPDATE SET source_id = excluded.source_id, \
                        kind = excluded.kind, family = excluded.family, group_key = excluded.group_key, \
                        key = excluded.key, body = excluded.body, hash = excluded.hash, revision = excluded.revision, \
                        changed_at = excluded.changed_at WHERE object.provider_id = excluded.provider_id \
                        RETURNING id, created_at, tenant_id, project_id";

/// Why one statement wrote nothing.
enum PutFault {
    /// The database complains of the values, or a row belongs to another provider.
    Values(String),
    /// Anything else: the batch fails.
    Fails(DbErr),
}

impl Writer<'_> {
    /// The source that an object belongs to.
    fn source_of(&self, put: &PutObject) -> SourceId {
        put.source_id.filter(|source| self.sources.contains(source)).unwrap_or(self.origin.source)
    }

    async fn put_all(&mut self) -> std::result::Result<(), DbErr> {
        let mut last = HashMap::with_capacity(self.batch.puts.len());
        for (index, put) in self.batch.puts.iter().enumerate() {
            last.insert(put.id, index);
        }
        let mut indices = Vec::with_capacity(last.len());
        for (index, put) in self.batch.puts.iter().enumerate() {
            if last[&put.id] != index {
                continue;
            }
            match check_put(put) {
                Ok(()) => indices.push(index),
                Err(reason) => self.refused.push(Refused { index, id: put.id, reason }),
            }
        }
        let mut rest = indices.as_slice();
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(bulk::chunk_len(self.tx, rest.len()));
            self.put_chunk(chunk).await?;
            rest = after;
        }
        Ok(())
    }

    async fn put_chunk(&mut self, indices: &[usize]) -> std::result::Result<(), DbErr> {
        // The left half always comes first: revisions follow the order of the batch.
        let mut todo = vec![indices];
        while let Some(indices) = todo.pop() {
            self.tx.execute_unprepared("SAVEPOINT put").await?;
            match self.put(indices).await {
                Ok(()) => {
                    self.tx.execute_unprepared("RELEASE SAVEPOINT put").await?;
                    continue;
                }
                Err(PutFault::Fails(error)) => return Err(error),
                Err(PutFault::Values(reason)) => {
                    self.tx.execute_unprepared("ROLLBACK TO SAVEPOINT put; RELEASE SAVEPOINT put").await?;
                    if let [index] = *indices {
                        self.refused.push(Refused { index, id: self.batch.puts[index].id, reason });
                    } else {
                        let (left, right) = indices.split_at(indices.len() / 2);
                        todo.extend([right, left]);
                    }
                }
            }
        }
        Ok(())
    }

    async fn put(&mut self, indices: &[usize]) -> std::result::Result<(), PutFault> {
        let mut values = Vec::with_capacity(indices.len() * PUT_COLUMNS);
        let mut revision = self.next;
        for index in indices {
            revision.0 += 1;
            let put = &self.batch.puts[*index];
            values.extend::<[Value; PUT_COLUMNS]>([
                put.id.0.into(),
                self.origin.owner.tenant_id.0.into(),
                self.origin.provider.0.into(),
                self.source_of(put).0.into(),
                put.kind.as_str().into(),
                put.family.into(),
                put.group_key.as_str().into(),
                put.key.as_str().into(),
                put.body.as_ref().into(),
                put.hash.to_vec().into(),
                codec::number(revision).into(),
                codec::micros(self.at).into(),
                codec::micros(self.at).into(),
            ]);
        }
        let rows = bulk::insert_returning(self.tx, PUT_HEAD, PUT_COLUMNS, PUT_TAIL, values).await;
        let rows = rows.map_err(|error| match Fault::of(&error) {
            Fault::Values | Fault::Conflict => PutFault::Values(database_reason(&error)),
            _ => PutFault::Fails(error),
        })?;
        if rows.len() != indices.len() {
            return Err(PutFault::Values("its id belongs to an object of another provider".to_owned()));
        }
        let mut known = HashMap::with_capacity(rows.len());
        for row in rows {
            let id: Uuid = row.try_get("", "id").map_err(PutFault::Fails)?;
            let at: i64 = row.try_get("", "created_at").map_err(PutFault::Fails)?;
            known.insert(id, (codec::time(at), owner_of(&row).map_err(PutFault::Fails)?));
        }
        for index in indices {
            self.next.0 += 1;
            let id = self.batch.puts[*index].id;
            let (created_at, owner) = known.get(&id.0).copied().unwrap_or((self.at, self.origin.owner));
            self.puts.push(Written { index: *index, id, owner, revision: self.next, created_at });
        }
        Ok(())
    }
}

/// What the database says, without the layers around it.
fn database_reason(error: &DbErr) -> String {
    match error {
        DbErr::Query(RuntimeErr::SqlxError(error)) | DbErr::Exec(RuntimeErr::SqlxError(error)) => match &**error {
            sqlx::Error::Database(error) => error.message().to_owned(),
            other => other.to_string(),
        },
        other => other.to_string(),
    }
}

/// Whose a row is, of its columns `tenant_id` and `project_id`.
pub(super) fn owner_of(row: &QueryResult) -> std::result::Result<Owner, DbErr> {
    let tenant_id = TenantId(row.try_get("", "tenant_id")?);
    let project_id: Option<Uuid> = row.try_get("", "project_id")?;
    Ok(Owner { tenant_id, project_id: project_id.map(ProjectId) })
}

/// Deletes objects of the provider, with a log entry for each that was there, in the order of `ids`. Their identities
/// note when that was.
pub(super) async fn delete(
    tx: &Tx,
    ids: &[ObjectId],
    origin: Origin,
    at: Time,
    lock: &mut WriteLock,
) -> Result<Vec<Deleted>> {
    const WHAT: &str = "what is gone";
    const RETURNING: &str = "RETURNING id, kind, source_id, tenant_id, project_id";
    let head = "DELETE FROM object WHERE provider_id = ? AND id";
    let values = ids.iter().map(|id| Value::from(id.0));
    let rows = bulk::query_in(tx, head, Some(origin.provider.0.into()), RETURNING, values).await;
    let mut gone = HashMap::new();
    for row in rows.writing(WHAT)? {
        let id: Uuid = row.try_get("", "id").writing(WHAT)?;
        let kind: String = row.try_get("", "kind").writing(WHAT)?;
        let source: Uuid = row.try_get("", "source_id").writing(WHAT)?;
        let owner = owner_of(&row).writing(WHAT)?;
        gone.insert(id, (codec::kind("object", id, &kind)?, SourceId(source), owner));
    }
    let head = "UPDATE identity SET deleted_at = ? WHERE provider_id = ? AND object_id";
    let own = [codec::micros(at).into(), origin.provider.0.into()];
    bulk::query_in(tx, head, own, "", gone.keys().map(|id| Value::from(*id))).await.writing(WHAT)?;
    let mut deleted = Vec::with_capacity(gone.len());
    for id in ids {
        let Some((kind, source, owner)) = gone.remove(&id.0) else { continue };
        let revision = lock.append(Origin { owner, source, ..origin }, kind, *id, LogOp::Delete);
        deleted.push(Deleted { id: *id, kind, owner, source_id: source, revision });
    }
    Ok(deleted)
}
