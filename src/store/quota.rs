//! Quotas: limits, counters, and the ledger that the counters follow from.
//!
//! What is held is counted by object: a row says what an object is counted for, and where, so that the same told twice counts
//! once, and an object that goes from project to project is taken off here and put on there. What is promised to something
//! under way is a reservation: taken within the transaction that accepts it ([`reserve`]), and ended by [`commit`], which
//! counts the objects that came of it, or by a release. Each change of a counter leaves a line in the ledger, in the same
//! transaction. All of it is done under the write lock: of two that want the last place, the second finds it taken.

use std::collections::{HashMap, HashSet};

use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::access::insert;
use super::db::Tx;
use super::entity::{quota_counter, quota_holding, quota_limit, quota_reservation};
use super::error::While;
use super::log::WriteLock;
use super::{Result, SystemStore, TenantStore, Told, bulk, codec};
use crate::authz::QuotaWrite;
use crate::model::{
    Amounts, LedgerId, ObjectId, Owner, ProjectId, QuotaLimit, QuotaResource, ReservationId, TenantId, Time,
};

const WHAT: &str = "quotas";

/// A project or tenant whose limit counts for a project, with all projects that count for it.
#[derive(Clone, Debug)]
pub struct QuotaLevel {
    /// The id of the project or tenant.
    pub node: Uuid,
    /// The projects that are within.
    pub projects: HashSet<Uuid>,
}

/// The limit that something would pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaExceeded {
    /// Whose limit it is: a project's or a tenant's id.
    pub node: Uuid,
    /// The resource.
    pub resource: QuotaResource,
    /// The limit.
    pub hard: i64,
    /// What is held there.
    pub used: i64,
    /// What is promised there.
    pub reserved: i64,
    /// What was asked for.
    pub asked: i64,
}

/// What an object is counted for from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The object.
    pub object: ObjectId,
    /// The project that it is in; none counts for nobody.
    pub project: Option<(TenantId, ProjectId)>,
    /// How much.
    pub amounts: Amounts,
}

impl Holding {
    /// Of an object of this owner.
    #[must_use]
    pub fn of(object: ObjectId, owner: Owner, amounts: Amounts) -> Self {
        Self { object, project: owner.project_id.map(|project| (owner.tenant_id, project)), amounts }
    }
}

/// What a project holds and is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaCount {
    /// The project.
    pub project: ProjectId,
    /// The resource.
    pub resource: QuotaResource,
    /// What is held.
    pub used: i64,
    /// What is promised.
    pub reserved: i64,
}

/// A counter that is not what it follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaDifference {
    /// The project.
    pub project: ProjectId,
    /// The resource.
    pub resource: QuotaResource,
    /// What the counter says: held, promised.
    pub counted: (i64, i64),
    /// What the ledger's lines add up to.
    pub ledger: (i64, i64),
    /// What the objects and reservations add up to.
    pub held: (i64, i64),
}

type Key = (Uuid, QuotaResource);

fn parse(text: &str, id: Uuid) -> Result<Amounts> {
    Amounts::parse(text).ok_or_else(|| codec::damaged("quota", id, format!("its amounts are {text:?}")))
}

fn resource(word: &str, id: Uuid) -> Result<QuotaResource> {
    QuotaResource::parse(word).ok_or_else(|| codec::damaged("quota", id, format!("its resource is {word:?}")))
}

async fn counters(tx: &Tx) -> Result<HashMap<Key, (i64, i64)>> {
    let rows = quota_counter::Entity::find().all(tx).await.reading(WHAT)?;
    let read = |row: quota_counter::Model| {
        Ok(((row.project_id, resource(&row.resource, row.project_id)?), (row.used, row.reserved)))
    };
    rows.into_iter().map(read).collect()
}

/// A line for the ledger.
struct Line {
    tenant: TenantId,
    project: ProjectId,
    resource: QuotaResource,
    used: i64,
    reserved: i64,
    cause: &'static str,
    id: Option<Uuid>,
}

/// Lines for the ledger, and what they come to.
struct Book {
    at: Time,
    lines: Vec<Line>,
}

impl Book {
    const fn new(at: Time) -> Self {
        Self { at, lines: Vec::new() }
    }

    fn used(&mut self, (tenant, project): (TenantId, ProjectId), amounts: &Amounts, cause: &'static str, id: Uuid) {
        let line = |(resource, used)| Line { tenant, project, resource, used, reserved: 0, cause, id: Some(id) };
        self.lines.extend(amounts.iter().map(line));
    }

    fn reserved(&mut self, (tenant, project): (TenantId, ProjectId), amounts: &Amounts, cause: &'static str, id: Uuid) {
        let line = |(resource, reserved)| Line { tenant, project, resource, used: 0, reserved, cause, id: Some(id) };
        self.lines.extend(amounts.iter().map(line));
    }

    /// Writes the lines, and adds them to the counters.
    async fn close(self, tx: &Tx) -> Result<()> {
        let mut sums: HashMap<Key, (TenantId, i64, i64)> = HashMap::new();
        for Line { tenant, project, resource, used, reserved, .. } in &self.lines {
            let sum = sums.entry((project.0, *resource)).or_insert((*tenant, 0, 0));
            sum.1 = sum.1.saturating_add(*used);
            sum.2 = sum.2.saturating_add(*reserved);
        }
        let at = codec::micros(self.at);
        let rows = self.lines.into_iter().map(|Line { tenant, project, resource, used, reserved, cause, id }| {
            [
                LedgerId::generate().0.into(),
                at.into(),
                tenant.0.into(),
                project.0.into(),
                resource.as_str().into(),
                used.into(),
                reserved.into(),
                cause.into(),
                id.into(),
            ]
        });
        let head =
            "INSERT INTO quota_ledger (id, at, tenant_id, project_id, resource, used, reserved, cause, cause_id)";
        bulk::insert(tx, head, "", rows).await.writing(WHAT)?;
        let rows = sums.into_iter().map(|((project, resource), (tenant, used, reserved))| {
            [project.into(), resource.as_str().into(), tenant.0.into(), used.into(), reserved.into()]
        });
        let head = "INSERT INTO quota_counter (project_id, resource, tenant_id, used, reserved)";
        let tail = "ON CONFLICT (project_id, resource) DO UPDATE SET used = quota_counter.used + excluded.used, \
                    reserved = quota_counter.reserved + excluded.reserved";
        bulk::insert(tx, head, tail, rows).await.writing(WHAT).map(drop)
    }
}

/// The first limit that so much more would pass, from the project upwards.
async fn find_exceeded(tx: &Tx, levels: &[QuotaLevel], amounts: &Amounts) -> Result<Option<QuotaExceeded>> {
    let nodes = levels.iter().map(|level| level.node);
    let limits = quota_limit::Entity::find().filter(quota_limit::Column::NodeId.is_in(nodes));
    let limits = limits.all(tx).await.reading(WHAT)?;
    if limits.iter().all(|limit| limit.hard.is_none()) {
        return Ok(None);
    }
    let counters = counters(tx).await?;
    for level in levels {
        for (wanted, asked) in amounts.iter().filter(|(_, asked)| *asked > 0) {
            let own = |limit: &&quota_limit::Model| limit.node_id == level.node && limit.resource == wanted.as_str();
            let Some(hard) = limits.iter().find(own).and_then(|limit| limit.hard) else { continue };
            let held = counters
                .iter()
                .filter(|((project, resource), _)| *resource == wanted && level.projects.contains(project));
            let (used, reserved) = held.fold((0i64, 0i64), |sum, (_, (used, reserved))| {
                (sum.0.saturating_add(*used), sum.1.saturating_add(*reserved))
            });
            if used.saturating_add(reserved).saturating_add(asked) > hard {
                return Ok(Some(QuotaExceeded { node: level.node, resource: wanted, hard, used, reserved, asked }));
            }
        }
    }
    Ok(None)
}

/// Promises something to what is accepted in this transaction. `levels` are those of the project, from it upwards.
pub(super) async fn reserve(
    tx: &Tx,
    _lock: &WriteLock,
    at: Time,
    place: (TenantId, ProjectId),
    levels: &[QuotaLevel],
    amounts: &Amounts,
    purpose: &str,
) -> Result<std::result::Result<ReservationId, QuotaExceeded>> {
    if let Some(exceeded) = find_exceeded(tx, levels, amounts).await? {
        return Ok(Err(exceeded));
    }
    let id = ReservationId::generate();
    let row = quota_reservation::Model {
        id: id.0,
        tenant_id: place.0.0,
        project_id: place.1.0,
        amounts: amounts.to_text(),
        purpose: codec::plain_text(purpose, 200),
        at: codec::micros(at),
    };
    insert!(tx, quota_reservation, row)?;
    let mut book = Book::new(at);
    book.reserved(place, amounts, "reserve", id.0);
    book.close(tx).await?;
    Ok(Ok(id))
}

/// Ends a reservation. `false` when it was ended before: the same told twice does no harm.
async fn end(tx: &Tx, book: &mut Book, id: ReservationId, cause: &'static str) -> Result<bool> {
    let Some(row) = quota_reservation::Entity::find_by_id(id.0).one(tx).await.writing(WHAT)? else { return Ok(false) };
    quota_reservation::Entity::delete_by_id(id.0).exec(tx).await.writing(WHAT)?;
    let amounts = Amounts::default().minus(&parse(&row.amounts, row.id)?);
    book.reserved((TenantId(row.tenant_id), ProjectId(row.project_id)), &amounts, cause, id.0);
    Ok(true)
}

/// Counts objects for what they are now, and no longer for what they were.
async fn hold(tx: &Tx, book: &mut Book, holdings: &[Holding]) -> Result<()> {
    // The last of the same object counts.
    let holdings: HashMap<ObjectId, &Holding> = holdings.iter().map(|holding| (holding.object, holding)).collect();
    let head = "SELECT object_id, tenant_id, project_id, amounts FROM quota_holding WHERE object_id";
    let ids = holdings.keys().map(|id| id.0.into());
    let mut before = HashMap::with_capacity(holdings.len());
    for row in bulk::query_in(tx, head, None, "", ids).await.writing(WHAT)? {
        let id: Uuid = row.try_get("", "object_id").writing(WHAT)?;
        let tenant = TenantId(row.try_get("", "tenant_id").writing(WHAT)?);
        let project = ProjectId(row.try_get("", "project_id").writing(WHAT)?);
        let amounts: String = row.try_get("", "amounts").writing(WHAT)?;
        before.insert(ObjectId(id), ((tenant, project), parse(&amounts, id)?));
    }
    let mut gone = Vec::new();
    let mut puts = Vec::new();
    for holding in holdings.into_values() {
        let was = before.get(&holding.object);
        let is = holding.project.filter(|_| !holding.amounts.is_empty());
        let id = holding.object.0;
        match (was, is) {
            (None, None) => continue,
            (Some((place, amounts)), Some(here)) if *place == here => {
                let more = holding.amounts.minus(amounts);
                if more.is_empty() {
                    continue;
                }
                book.used(here, &more, "change", id);
            }
            (was, is) => {
                if let Some((place, amounts)) = was {
                    book.used(*place, &Amounts::default().minus(amounts), "leave", id);
                }
                if let Some(here) = is {
                    book.used(here, &holding.amounts, "come", id);
                }
            }
        }
        match is {
            None => gone.push(id),
            Some((tenant, project)) => {
                puts.push([id.into(), tenant.0.into(), project.0.into(), holding.amounts.to_text().into()]);
            }
        }
    }
    let head = "INSERT INTO quota_holding (object_id, tenant_id, project_id, amounts)";
    let tail = "ON CONFLICT (object_id) DO UPDATE SET tenant_id = excluded.tenant_id, \
                project_id = excluded.project_id, amounts = excluded.amounts";
    bulk::insert(tx, head, tail, puts).await.writing(WHAT)?;
    let head = "DELETE FROM quota_holding WHERE object_id";
    bulk::query_in(tx, head, None, "", gone.into_iter().map(Into::into)).await.writing(WHAT).map(drop)
}

impl TenantStore<QuotaWrite> {
    /// Sets all limits of a project or tenant, which is in, or is, the scope's tenant.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn quota_limits_set(&self, node: Uuid, limits: &[QuotaLimit], told: Told) -> Result<()> {
        let tenant = self.scope.tenant();
        self.change(told, async |tx| {
            let old = quota_limit::Entity::delete_many().filter(quota_limit::Column::NodeId.eq(node));
            old.exec(tx).await.writing(WHAT)?;
            for limit in limits {
                let row = quota_limit::Model {
                    node_id: node,
                    resource: limit.resource.as_str().to_owned(),
                    tenant_id: tenant.0,
                    hard: limit.hard,
                    soft: limit.soft,
                };
                insert!(tx, quota_limit, row)?;
            }
            Ok(())
        })
        .await
    }
}

impl SystemStore {
    /// All limits, by the id of the tenant or project.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn quota_limits(&self) -> Result<HashMap<Uuid, Vec<QuotaLimit>>> {
        let tx = self.begin_read(WHAT).await?;
        let rows = quota_limit::Entity::find().all(&tx).await.reading(WHAT)?;
        tx.commit().await.reading(WHAT)?;
        let mut limits: HashMap<Uuid, Vec<QuotaLimit>> = HashMap::new();
        for row in rows {
            let resource = resource(&row.resource, row.node_id)?;
            limits.entry(row.node_id).or_default().push(QuotaLimit { resource, hard: row.hard, soft: row.soft });
        }
        Ok(limits)
    }

    /// What every project holds and is promised.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn quota_counts(&self) -> Result<Vec<QuotaCount>> {
        let tx = self.begin_read(WHAT).await?;
        let counters = counters(&tx).await?;
        tx.commit().await.reading(WHAT)?;
        let count = |((project, resource), (used, reserved))| QuotaCount {
            project: ProjectId(project),
            resource,
            used,
            reserved,
        };
        Ok(counters.into_iter().map(count).collect())
    }

    /// What every object is counted for.
    ///
    /// # Errors
    /// When the database cannot be read, or a row is damaged.
    pub async fn quota_holdings(&self) -> Result<Vec<Holding>> {
        let tx = self.begin_read(WHAT).await?;
        let rows = quota_holding::Entity::find().all(&tx).await.reading(WHAT)?;
        tx.commit().await.reading(WHAT)?;
        let holding = |row: quota_holding::Model| {
            let amounts = parse(&row.amounts, row.object_id)?;
            let project = Some((TenantId(row.tenant_id), ProjectId(row.project_id)));
            Ok(Holding { object: ObjectId(row.object_id), project, amounts })
        };
        rows.into_iter().map(holding).collect()
    }

    /// Counts objects for what they are now. Never fails for a limit: what is there is there.
    ///
    /// # Errors
    /// When the database cannot be written. Then nothing was.
    pub async fn quota_observe(&self, holdings: &[Holding]) -> Result<()> {
        let tx = self.begin_write(WHAT).await?;
        let _lock = WriteLock::take(&tx).await?;
        let mut book = Book::new(self.store.inner.clock.now());
        hold(&tx, &mut book, holdings).await?;
        book.close(&tx).await?;
        tx.commit().await.writing(WHAT)
    }

    /// Promises something by itself, in a transaction of its own.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn quota_reserve(
        &self,
        place: (TenantId, ProjectId),
        levels: &[QuotaLevel],
        amounts: &Amounts,
        purpose: &str,
    ) -> Result<std::result::Result<ReservationId, QuotaExceeded>> {
        let tx = self.begin_write(WHAT).await?;
        let lock = WriteLock::take(&tx).await?;
        let at = self.store.inner.clock.now();
        let reserved = reserve(&tx, &lock, at, place, levels, amounts, purpose).await?;
        if reserved.is_ok() {
            tx.commit().await.writing(WHAT)?;
        }
        Ok(reserved)
    }

    /// The limit that so much more would pass, if there is one. Nothing is promised.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn quota_try(&self, levels: &[QuotaLevel], amounts: &Amounts) -> Result<Option<QuotaExceeded>> {
        let tx = self.begin_read(WHAT).await?;
        let exceeded = find_exceeded(&tx, levels, amounts).await?;
        tx.commit().await.reading(WHAT)?;
        Ok(exceeded)
    }

    /// What was promised became these objects: they are counted from now on, and the promise is over. Once: `false` when it
    /// was ended before.
    ///
    /// # Errors
    /// When the database cannot be written. Then nothing was.
    pub async fn quota_commit(&self, id: ReservationId, holdings: &[Holding]) -> Result<bool> {
        let tx = self.begin_write(WHAT).await?;
        let _lock = WriteLock::take(&tx).await?;
        let mut book = Book::new(self.store.inner.clock.now());
        if !end(&tx, &mut book, id, "commit").await? {
            return Ok(false);
        }
        hold(&tx, &mut book, holdings).await?;
        book.close(&tx).await?;
        tx.commit().await.writing(WHAT)?;
        Ok(true)
    }

    /// What was promised is not needed. `false` when it was ended before.
    ///
    /// # Errors
    /// When the database cannot be written. Then nothing was.
    pub async fn quota_release(&self, id: ReservationId) -> Result<bool> {
        let tx = self.begin_write(WHAT).await?;
        let _lock = WriteLock::take(&tx).await?;
        let mut book = Book::new(self.store.inner.clock.now());
        let ended = end(&tx, &mut book, id, "release").await?;
        book.close(&tx).await?;
        tx.commit().await.writing(WHAT)?;
        Ok(ended)
    }

    /// Adds up anew, from the ledger and from the objects and reservations, and gives every counter that is something else.
    /// Nothing is corrected.
    ///
    /// # Errors
    /// When the database cannot be read, or a row is damaged.
    pub async fn quota_recount(&self) -> Result<Vec<QuotaDifference>> {
        let tx = self.begin_read(WHAT).await?;
        let counted = counters(&tx).await?;
        let text = "SELECT project_id, resource, CAST(SUM(used) AS BIGINT) AS used, \
                    CAST(SUM(reserved) AS BIGINT) AS reserved FROM quota_ledger GROUP BY project_id, resource";
        let mut ledger: HashMap<Key, (i64, i64)> = HashMap::new();
        for row in tx.query_all_raw(bulk::statement(&tx, text, [])).await.reading(WHAT)? {
            let project: Uuid = row.try_get("", "project_id").reading(WHAT)?;
            let word: String = row.try_get("", "resource").reading(WHAT)?;
            let sums = (row.try_get("", "used").reading(WHAT)?, row.try_get("", "reserved").reading(WHAT)?);
            ledger.insert((project, resource(&word, project)?), sums);
        }
        let mut held: HashMap<Key, (i64, i64)> = HashMap::new();
        for row in quota_holding::Entity::find().all(&tx).await.reading(WHAT)? {
            for (resource, amount) in parse(&row.amounts, row.object_id)?.iter() {
                held.entry((row.project_id, resource)).or_default().0 += amount;
            }
        }
        for row in quota_reservation::Entity::find().all(&tx).await.reading(WHAT)? {
            for (resource, amount) in parse(&row.amounts, row.id)?.iter() {
                held.entry((row.project_id, resource)).or_default().1 += amount;
            }
        }
        tx.commit().await.reading(WHAT)?;
        let keys: HashSet<Key> = counted.keys().chain(ledger.keys()).chain(held.keys()).copied().collect();
        let of = |all: &HashMap<Key, (i64, i64)>, key: &Key| all.get(key).copied().unwrap_or_default();
        let mut differences: Vec<QuotaDifference> = keys
            .into_iter()
            .map(|key| QuotaDifference {
                project: ProjectId(key.0),
                resource: key.1,
                counted: of(&counted, &key),
                ledger: of(&ledger, &key),
                held: of(&held, &key),
            })
            .filter(|one| one.counted != one.ledger || one.counted != one.held)
            .collect();
        differences.sort_by_key(|one| (one.project, one.resource));
        Ok(differences)
    }

    /// Puts old lines of the ledger together: one for each project and resource stands for all that are older. Gives how many
    /// lines went.
    ///
    /// # Errors
    /// When the database cannot be written. Then nothing was.
    pub async fn quota_ledger_fold(&self, older_than: Time) -> Result<u64> {
        const FOLD: &str = "fold";
        let tx = self.begin_write(WHAT).await?;
        let _lock = WriteLock::take(&tx).await?;
        let until = codec::micros(older_than);
        let text = "SELECT project_id, tenant_id, resource, COUNT(*) AS lines, CAST(SUM(used) AS BIGINT) AS used, \
                    CAST(SUM(reserved) AS BIGINT) AS reserved FROM quota_ledger WHERE at < ? \
                    GROUP BY project_id, tenant_id, resource HAVING COUNT(*) > 1";
        let rows = tx.query_all_raw(bulk::statement(&tx, text, [until.into()])).await.writing(WHAT)?;
        let mut gone = 0;
        let mut folded = Vec::with_capacity(rows.len());
        for row in rows {
            let project: Uuid = row.try_get("", "project_id").writing(WHAT)?;
            let tenant: Uuid = row.try_get("", "tenant_id").writing(WHAT)?;
            let word: String = row.try_get("", "resource").writing(WHAT)?;
            let used: i64 = row.try_get("", "used").writing(WHAT)?;
            let reserved: i64 = row.try_get("", "reserved").writing(WHAT)?;
            let text = "DELETE FROM quota_ledger WHERE at < ? AND project_id = ? AND tenant_id = ? AND resource = ?";
            let own = [until.into(), project.into(), tenant.into(), word.as_str().into()];
            gone += tx.execute_raw(bulk::statement(&tx, text, own)).await.writing(WHAT)?.rows_affected() - 1;
            folded.push([
                LedgerId::generate().0.into(),
                (until - 1).into(),
                tenant.into(),
                project.into(),
                word.into(),
                used.into(),
                reserved.into(),
                FOLD.into(),
                None::<Uuid>.into(),
            ]);
        }
        let head =
            "INSERT INTO quota_ledger (id, at, tenant_id, project_id, resource, used, reserved, cause, cause_id)";
        bulk::insert(&tx, head, "", folded).await.writing(WHAT)?;
        tx.commit().await.writing(WHAT)?;
        Ok(gone)
    }
}
