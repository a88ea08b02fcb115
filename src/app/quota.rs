//! Quotas: their limits, how much of them is held, and what would still fit.
//!
//! What is held follows the read model ([`App::quota_settle`]): an object counts where it is, for what it is. Machines that
//! are there and are given to a project count too, and are never refused.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::json;

use super::{App, Error, Invalid, Mode, Result, Session};
use crate::authz::{Access, Graph, Node, ProjectRead, QuotaRead, QuotaWrite, TenantRead, TenantScope};
use crate::inventory::Snapshot;
use crate::model::{
    Amounts, Kind, ObjectId, Permission, ProjectId, QuotaLimit, QuotaResource, QuotaState, QuotaUse, Revision,
    TenantId, Time,
};
use crate::store::{Holding, QuotaCount, QuotaDifference, QuotaLevel, Told};

/// The largest limit: a sum of all there are stays within 64 bits.
const LIMIT_MAX: i64 = 1_000_000_000_000_000;
/// Objects that are counted in one transaction: others wait for it.
const COUNTED_AT_ONCE: usize = 1_000;
/// The kinds that are counted.
const COUNTED: [Kind; 3] = [Kind::Vm, Kind::Volume, Kind::Snapshot];

/// A tenant or a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotaOf {
    /// A tenant, with all that is below it.
    Tenant(TenantId),
    /// A project.
    Project(ProjectId),
}

impl QuotaOf {
    const fn node(self) -> Node {
        match self {
            QuotaOf::Tenant(id) => Node::Tenant(id),
            QuotaOf::Project(id) => Node::Project(id),
        }
    }

    const fn uuid(self) -> uuid::Uuid {
        match self {
            QuotaOf::Tenant(TenantId(id)) | QuotaOf::Project(ProjectId(id)) => id,
        }
    }
}

/// Whether so much more would fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fits {
    /// It would.
    Yes,
    /// A limit would be passed.
    No {
        /// What would be passed.
        resource: QuotaResource,
        /// Whose limit it is, in the words of people: `project shop`, `tenant acme`.
        whose: String,
        /// How much could still be had.
        remaining: i64,
    },
}

/// What every object counts for, as far as it is written down.
#[derive(Debug, Default)]
pub struct Counted(HashMap<ObjectId, Holding>);

impl App {
    /// How much is held and promised, and what can still be had, resource by resource.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Denied`] for who sees it and not its quota, or an internal one.
    pub async fn quota(&self, session: &Session, of: QuotaOf) -> Result<Vec<QuotaUse>> {
        let access = self.access();
        self.quota_reader(session, &access, of)?;
        let system = self.store().system("show quotas");
        let (limits, counts) = (system.quota_limits().await?, system.quota_counts().await?);
        let levels = levels(access.graph(), of);
        Ok(QuotaResource::ALL.iter().map(|resource| used(*resource, &levels, &limits, &counts)).collect())
    }

    /// Leave to see the quota of something.
    fn quota_reader(&self, session: &Session, access: &Access, of: QuotaOf) -> Result<TenantScope<QuotaRead>> {
        let seen = match of {
            QuotaOf::Tenant(id) => {
                access.graph().tenant(id).is_some()
                    && access.scope::<TenantRead>(&session.principal).contains(of.node())
            }
            QuotaOf::Project(id) => {
                access.graph().project(id).is_some()
                    && access.scope::<ProjectRead>(&session.principal).contains(of.node())
            }
        };
        if !seen {
            return Err(match of {
                QuotaOf::Tenant(id) => Error::not_found("tenant", id),
                QuotaOf::Project(id) => Error::not_found("project", id),
            });
        }
        Ok(access.authorize(&session.principal, of.node())?)
    }

    /// Sets all limits of a tenant or a project. Of a tenant it is for who may do that in the tenant above it: nobody gives
    /// himself more. A limit below what is held is taken: nothing more can be had then.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Denied`], or an internal one.
    pub async fn quota_set(
        &self,
        session: &Session,
        of: QuotaOf,
        limits: Vec<QuotaLimit>,
        mode: Mode,
    ) -> Result<Vec<QuotaUse>> {
        let caller = session.clone();
        self.change_access("setting a quota", async move |app: App, access: Arc<Access>| {
            app.quota_reader(&caller, &access, of)?;
            let above = match of {
                QuotaOf::Project(id) => access.graph().project(id).map(|project| project.tenant_id),
                QuotaOf::Tenant(id) => access.graph().tenant(id).and_then(|tenant| tenant.parent_id),
            };
            let above = above.ok_or_else(|| Error::InUse {
                what: "the platform's quota".to_owned(),
                why: "the platform has none: limits are of tenants and projects".to_owned(),
            })?;
            let scope = access.authorize::<QuotaWrite>(&caller.principal, Node::Tenant(above))?;
            let limits = checked(limits)?;
            if mode.is_real() {
                // A tenant's own limits are its own rows.
                let scope = match of {
                    QuotaOf::Tenant(id) => access.authorize(&caller.principal, Node::Tenant(id)).unwrap_or(scope),
                    QuotaOf::Project(_) => scope,
                };
                let present = app.store().system("show quotas").quota_limits().await?;
                let told = quota_told(&caller, access.graph(), of)
                    .before(json!({"limits": present.get(&of.uuid()).map_or(&[][..], Vec::as_slice)}))
                    .after(json!({"limits": limits}));
                app.store().tenant(&scope).quota_limits_set(of.uuid(), &limits, told).await?;
            }
            Ok(())
        })
        .await?;
        self.quota(session, of).await
    }

    /// Whether so much more would fit into a project. Nothing is promised.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Denied`], or an internal one.
    pub async fn quota_try(&self, session: &Session, project: ProjectId, amounts: Amounts) -> Result<Fits> {
        let access = self.access();
        let of = QuotaOf::Project(project);
        self.quota_reader(session, &access, of)?;
        if amounts.iter().any(|(_, amount)| !(0..=LIMIT_MAX).contains(&amount)) {
            return Err(Invalid::field("amounts", format!("must be from 0 to {LIMIT_MAX}")).into());
        }
        let levels = levels(access.graph(), of);
        let exceeded = self.store().system("try a quota").quota_try(&levels, &amounts).await?;
        let Some(exceeded) = exceeded else { return Ok(Fits::Yes) };
        let remaining = exceeded.hard.saturating_sub(exceeded.used.saturating_add(exceeded.reserved)).max(0);
        let whose = match access.graph().project(ProjectId(exceeded.node)) {
            Some(project) => format!("the project {}", project.name),
            // Of which tenant above it is need not be known to who is in the project.
            None => access
                .graph()
                .tenant(TenantId(exceeded.node))
                .filter(|tenant| access.may(session.principal.user_id, Permission::TenantRead, Node::Tenant(tenant.id)))
                .map_or_else(|| "a tenant above it".to_owned(), |tenant| format!("the tenant {}", tenant.path)),
        };
        Ok(Fits::No { resource: exceeded.resource, whose, remaining })
    }

    /// Counters that are not what they follow from. Nothing is corrected.
    ///
    /// # Errors
    /// [`Error::Denied`], or an internal one.
    pub async fn quota_differences(&self, session: &Session) -> Result<Vec<QuotaDifference>> {
        self.authorize::<QuotaRead>(session, Node::PLATFORM)?;
        self.quota_recount().await
    }

    /// The same for the job that looks again and again.
    ///
    /// # Errors
    /// Internal ones only.
    pub async fn quota_recount(&self) -> Result<Vec<QuotaDifference>> {
        Ok(self.store().system("recount quotas").quota_recount().await?)
    }

    /// What is written down of what every object counts for.
    ///
    /// # Errors
    /// Internal ones only.
    pub async fn quota_counted(&self) -> Result<Counted> {
        let all = self.store().system("count for quotas").quota_holdings().await?;
        Ok(Counted(all.into_iter().map(|holding| (holding.object, holding)).collect()))
    }

    /// Counts what changed after a revision, or everything. Gives how far it looked, and how many count differently now.
    ///
    /// # Errors
    /// Internal ones only. What was counted until then stays counted.
    pub async fn quota_settle(&self, counted: &mut Counted, after: Option<Revision>) -> Result<(Revision, usize)> {
        let snapshot = self.inventory().snapshot();
        let revision = snapshot.revision();
        let changed = match after.and_then(|after| snapshot.changed_since(after)) {
            Some(changed) => changed,
            None => {
                let there = COUNTED.iter().flat_map(|kind| snapshot.owners(*kind).map(|(id, _)| (*kind, id)));
                let mut all: Vec<(Kind, ObjectId)> = there.collect();
                // What is not there any more is looked at as well: of whichever kind, it is found in none.
                let known: HashSet<ObjectId> = all.iter().map(|(_, id)| *id).collect();
                all.extend(counted.0.keys().filter(|id| !known.contains(id)).map(|id| (Kind::Vm, *id)));
                all
            }
        };
        let differs = |(kind, id): (Kind, ObjectId)| {
            let now = holding(&snapshot, kind, id);
            let is_counted = now.project.is_some() && !now.amounts.is_empty();
            match counted.0.get(&id) {
                Some(before) if is_counted => (*before != now).then_some(now),
                None if !is_counted => None,
                _ => Some(now),
            }
        };
        let holdings: Vec<Holding> =
            changed.into_iter().filter(|(kind, _)| COUNTED.contains(kind)).filter_map(differs).collect();
        for some in holdings.chunks(COUNTED_AT_ONCE) {
            self.store().system("count for quotas").quota_observe(some).await?;
            for one in some {
                if one.project.is_some() && !one.amounts.is_empty() {
                    counted.0.insert(one.object, one.clone());
                } else {
                    counted.0.remove(&one.object);
                }
            }
        }
        Ok((revision, holdings.len()))
    }

    /// Puts old lines of the ledger together.
    ///
    /// # Errors
    /// Internal ones only.
    pub async fn quota_ledger_fold(&self, older_than: Time) -> Result<u64> {
        Ok(self.store().system("count for quotas").quota_ledger_fold(older_than).await?)
    }
}

/// The entry of new limits, without them.
fn quota_told(session: &Session, graph: &Graph, of: QuotaOf) -> Told {
    match of {
        QuotaOf::Tenant(id) => {
            let name = graph.tenant(id).map(|tenant| tenant.path.clone());
            session.told("tenant.quota_set", "tenant", 200).of(id, name.unwrap_or_default()).concerning(id)
        }
        QuotaOf::Project(id) => {
            let (name, tenant) = graph
                .project(id)
                .map_or((String::new(), TenantId::PLATFORM), |project| (project.name.clone(), project.tenant_id));
            session.told("project.quota_set", "project", 200).of(id, name).concerning(tenant)
        }
    }
}

fn holding(snapshot: &Snapshot, kind: Kind, id: ObjectId) -> Holding {
    match snapshot.owner(kind, id) {
        Some(owner) => Holding::of(id, owner, snapshot.amounts(kind, id)),
        None => Holding { object: id, project: None, amounts: Amounts::default() },
    }
}

/// Each resource at most once, in bounds, and a warning before the limit.
fn checked(limits: Vec<QuotaLimit>) -> Result<Vec<QuotaLimit>> {
    let mut seen = HashSet::new();
    for (at, limit) in limits.iter().enumerate() {
        let wrong =
            |member: &str, message: String| Err(Invalid::field(format!("limits[{at}].{member}"), message).into());
        if !seen.insert(limit.resource) {
            return wrong("resource", "is there twice".to_owned());
        }
        for (member, value) in [("hard", limit.hard), ("soft", limit.soft)] {
            if value.is_some_and(|value| !(0..=LIMIT_MAX).contains(&value)) {
                return wrong(member, format!("must be from 0 to {LIMIT_MAX}"));
            }
        }
        if let (Some(hard), Some(soft)) = (limit.hard, limit.soft)
            && soft > hard
        {
            return wrong("soft", "must not be above the hard limit".to_owned());
        }
    }
    Ok(limits.into_iter().filter(|limit| limit.hard.is_some() || limit.soft.is_some()).collect())
}

/// The project or tenant, and the tenants above it, each with all projects that count for it.
fn levels(graph: &Graph, of: QuotaOf) -> Vec<QuotaLevel> {
    let within = |tenant: TenantId| {
        let projects = graph.projects().filter(|project| graph.is_within(project.tenant_id, tenant));
        QuotaLevel { node: tenant.0, projects: projects.map(|project| project.id.0).collect() }
    };
    let tenant = match of {
        QuotaOf::Tenant(id) => Some(id),
        QuotaOf::Project(id) => graph.project(id).map(|project| project.tenant_id),
    };
    let own = match of {
        QuotaOf::Project(ProjectId(id)) => Some(QuotaLevel { node: id, projects: HashSet::from([id]) }),
        QuotaOf::Tenant(_) => None,
    };
    let above = tenant.into_iter().flat_map(|id| graph.ancestors(id)).map(|tenant| within(tenant.id));
    own.into_iter().chain(above).collect()
}

/// How much is held of a resource at the first level, and what all levels leave.
fn used(
    resource: QuotaResource,
    levels: &[QuotaLevel],
    limits: &HashMap<uuid::Uuid, Vec<QuotaLimit>>,
    counts: &[QuotaCount],
) -> QuotaUse {
    let limit = |level: &QuotaLevel| {
        limits.get(&level.node).into_iter().flatten().find(|limit| limit.resource == resource).copied()
    };
    let held = |level: &QuotaLevel| {
        let own = counts.iter().filter(|count| count.resource == resource && level.projects.contains(&count.project.0));
        own.fold((0i64, 0i64), |(used, reserved), count| {
            (used.saturating_add(count.used), reserved.saturating_add(count.reserved))
        })
    };
    let left = |level: &QuotaLevel| {
        let (used, reserved) = held(level);
        Some(limit(level)?.hard?.saturating_sub(used.saturating_add(reserved)).max(0))
    };
    let own = levels.first().and_then(limit);
    let (used, reserved) = levels.first().map_or((0, 0), held);
    let remaining = levels.iter().filter_map(left).min();
    let state = match QuotaUse::state(own, used, reserved) {
        QuotaState::Ok | QuotaState::Warning if remaining == Some(0) => QuotaState::Full,
        state => state,
    };
    QuotaUse {
        resource,
        hard: own.and_then(|limit| limit.hard),
        soft: own.and_then(|limit| limit.soft),
        used,
        reserved,
        remaining,
        state,
    }
}
