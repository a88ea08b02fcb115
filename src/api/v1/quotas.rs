//! Quotas of tenants and projects.

use axum::extract::State;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Api;
use super::super::extract::{Body, DryRun, Id, NoParams};
use super::super::problem::Problem;
use super::Items;
use crate::app::{Fits, QuotaDifference, QuotaOf, Session};
use crate::model::{ProjectId, QuotaLimit, QuotaResource, QuotaUse, TenantId};

pub(in crate::api) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(of_tenant, set_of_tenant))
        .routes(routes!(of_project, set_of_project))
        .routes(routes!(fits))
        .routes(routes!(recount))
}

/// All limits of a tenant or a project.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct QuotaLimits {
    /// Each resource at most once; what is not named has no limit.
    limits: Vec<QuotaLimit>,
}

/// The quota of a tenant
///
/// What its projects, and those of the tenants below it, hold together.
#[utoipa::path(get, path = "/v1/tenants/{id}/quota", tag = "Quotas", operation_id = "tenant_quota",
    params(("id" = TenantId, Path, description = "The tenant's id.")),
    responses((status = 200, description = "Every resource.", body = Items<QuotaUse>)))]
async fn of_tenant(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
    Id(id): Id<TenantId>,
) -> Result<Json<Items<QuotaUse>>, Problem> {
    Ok(Json(Items { items: api.app().quota(&session, QuotaOf::Tenant(id)).await? }))
}

/// Set the limits of a tenant
///
/// For who has `quota.write` in the tenant above it. A limit below what is held is taken: nothing more can be had then.
#[utoipa::path(put, path = "/v1/tenants/{id}/quota", tag = "Quotas", operation_id = "tenant_quota_set",
    params(("id" = TenantId, Path, description = "The tenant's id."),
        ("dry_run" = Option<bool>, Query, description = "Check it, and change nothing.")),
    request_body = QuotaLimits,
    responses((status = 200, description = "Every resource.", body = Items<QuotaUse>)))]
async fn set_of_tenant(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    DryRun(mode): DryRun,
    Id(id): Id<TenantId>,
    Body(body): Body<QuotaLimits>,
) -> Result<Json<Items<QuotaUse>>, Problem> {
    Ok(Json(Items { items: api.app().quota_set(&session, QuotaOf::Tenant(id), body.limits, mode).await? }))
}

/// The quota of a project
#[utoipa::path(get, path = "/v1/projects/{id}/quota", tag = "Quotas", operation_id = "project_quota",
    params(("id" = ProjectId, Path, description = "The project's id.")),
    responses((status = 200, description = "Every resource.", body = Items<QuotaUse>)))]
async fn of_project(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
    Id(id): Id<ProjectId>,
) -> Result<Json<Items<QuotaUse>>, Problem> {
    Ok(Json(Items { items: api.app().quota(&session, QuotaOf::Project(id)).await? }))
}

/// Set the limits of a project
#[utoipa::path(put, path = "/v1/projects/{id}/quota", tag = "Quotas", operation_id = "project_quota_set",
    params(("id" = ProjectId, Path, description = "The project's id."),
        ("dry_run" = Option<bool>, Query, description = "Check it, and change nothing.")),
    request_body = QuotaLimits,
    responses((status = 200, description = "Every resource.", body = Items<QuotaUse>)))]
async fn set_of_project(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    DryRun(mode): DryRun,
    Id(id): Id<ProjectId>,
    Body(body): Body<QuotaLimits>,
) -> Result<Json<Items<QuotaUse>>, Problem> {
    Ok(Json(Items { items: api.app().quota_set(&session, QuotaOf::Project(id), body.limits, mode).await? }))
}

/// How much more of a resource.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct QuotaAmount {
    /// The resource.
    resource: QuotaResource,
    /// How much.
    #[schema(minimum = 0)]
    amount: i64,
}

/// What would be had.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct QuotaQuestion {
    /// All of it together.
    amounts: Vec<QuotaAmount>,
}

/// Whether it would fit.
#[derive(Serialize, ToSchema)]
struct QuotaAnswer {
    /// Whether it would.
    fits: bool,
    /// The resource whose limit would be passed.
    resource: Option<QuotaResource>,
    /// Whose limit it is.
    limited_by: Option<String>,
    /// How much could still be had.
    remaining: Option<i64>,
}

/// Whether so much more would fit
///
/// Nothing is promised.
#[utoipa::path(post, path = "/v1/projects/{id}/quota/try", tag = "Quotas", operation_id = "project_quota_try",
    params(("id" = ProjectId, Path, description = "The project's id.")), request_body = QuotaQuestion,
    responses((status = 200, description = "Whether, and if not, what is in the way.", body = QuotaAnswer)))]
async fn fits(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
    Id(id): Id<ProjectId>,
    Body(body): Body<QuotaQuestion>,
) -> Result<Json<QuotaAnswer>, Problem> {
    let amounts = body.amounts.into_iter().map(|one| (one.resource, one.amount)).collect();
    Ok(Json(match api.app().quota_try(&session, id, amounts).await? {
        Fits::Yes => QuotaAnswer { fits: true, resource: None, limited_by: None, remaining: None },
        Fits::No { resource, whose, remaining } => {
            QuotaAnswer { fits: false, resource: Some(resource), limited_by: Some(whose), remaining: Some(remaining) }
        }
    }))
}

/// What is held and what is promised.
#[derive(Serialize, ToSchema)]
struct QuotaSum {
    /// What is held.
    used: i64,
    /// What is promised.
    reserved: i64,
}

impl From<(i64, i64)> for QuotaSum {
    fn from((used, reserved): (i64, i64)) -> Self {
        Self { used, reserved }
    }
}

/// A counter that is not what it follows from.
#[derive(Serialize, ToSchema)]
struct QuotaDifferenceAnswer {
    /// The project.
    project_id: ProjectId,
    /// The resource.
    resource: QuotaResource,
    /// What the counter says.
    counted: QuotaSum,
    /// What the ledger comes to.
    ledger: QuotaSum,
    /// What objects and promises come to.
    held: QuotaSum,
}

impl From<QuotaDifference> for QuotaDifferenceAnswer {
    fn from(one: QuotaDifference) -> Self {
        Self {
            project_id: one.project,
            resource: one.resource,
            counted: one.counted.into(),
            ledger: one.ledger.into(),
            held: one.held.into(),
        }
    }
}

/// Add the counters up anew
///
/// Those that are not what the ledger, and the objects themselves, come to. None is right; nothing is corrected by itself.
#[utoipa::path(get, path = "/v1/quotas/recount", tag = "Quotas", operation_id = "quota_recount",
    responses((status = 200, description = "The counters that are wrong.", body = Items<QuotaDifferenceAnswer>)))]
async fn recount(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
) -> Result<Json<Items<QuotaDifferenceAnswer>>, Problem> {
    let differences = api.app().quota_differences(&session).await?;
    Ok(Json(Items { items: differences.into_iter().map(QuotaDifferenceAnswer::from).collect() }))
}
