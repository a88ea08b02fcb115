//! Tenants.

use axum::extract::State;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Api;
use super::super::extract::{Id, NoParams, Patch};
use super::super::problem::Problem;
use super::managed::{created, edited, got, listed, removed};
use crate::app::{Impact, Invalid, Session, TenantInput, TenantPatch};
use crate::model::{Tenant, TenantId, TenantState};

pub(in crate::api) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(list, create)).routes(routes!(get, edit, remove)).routes(routes!(impact))
}

/// A tenant to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TenantCreate {
    /// The tenant that it is to be below; the platform when absent.
    parent_id: Option<TenantId>,
    /// Its name, without `/`; unique among the tenants below the same one.
    #[schema(example = "acme", max_length = 128)]
    name: String,
    /// Free text.
    #[serde(default)]
    description: String,
}

impl From<TenantCreate> for TenantInput {
    fn from(body: TenantCreate) -> Self {
        Self { parent_id: body.parent_id, name: body.name, description: body.description }
    }
}

/// An edit: what is absent stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TenantEdit {
    /// Another tenant to be below.
    #[schema(value_type = TenantId, required = false)]
    #[serde(default)]
    parent_id: Patch<TenantId>,
    /// Another name.
    #[schema(value_type = String, required = false, max_length = 128)]
    #[serde(default)]
    name: Patch<String>,
    /// Another text.
    #[schema(value_type = String, required = false)]
    #[serde(default)]
    description: Patch<String>,
    /// `suspended`: its users and those of the tenants below it are refused, with all their tokens, until it is resumed; its
    /// machines go on.
    #[schema(value_type = TenantState, required = false)]
    #[serde(default)]
    state: Patch<TenantState>,
}

impl TryFrom<TenantEdit> for TenantPatch {
    type Error = Invalid;

    fn try_from(body: TenantEdit) -> Result<Self, Invalid> {
        Ok(Self {
            parent_id: body.parent_id.not_null("parent_id")?,
            name: body.name.not_null("name")?,
            description: body.description.not_null("description")?,
            state: body.state.not_null("state")?,
        })
    }
}

listed! {
    /// List tenants
    ///
    /// By their paths; those that you may see.
    list "tenant_list" of "Tenants" at "/v1/tenants" by tenants: Tenant as TenantPage
}

got! {
    /// Get a tenant
    get "tenant_get" of "Tenants" at "/v1/tenants/{id}" by tenant: Tenant as TenantId
}

created! {
    /// Add a tenant
    ///
    /// Below another one, or directly below the platform. At most eight can be below one another.
    create "tenant_create" of "Tenants" at "/v1/tenants" by tenant_create: Tenant, TenantCreate
}

edited! {
    /// Edit, move or suspend a tenant
    ///
    /// For who has `tenant.write` in the tenant above it. `GET /v1/tenants/{id}/impact` says beforehand what is concerned.
    edit "tenant_edit" of "Tenants" at "/v1/tenants/{id}" by tenant_edit: Tenant as TenantId, TenantEdit
}

removed! {
    /// Remove a tenant
    ///
    /// With its users, groups, roles and bindings. While projects or tenants are in it, it is `409`.
    remove "tenant_delete" of "Tenants" at "/v1/tenants/{id}" by tenant_delete: TenantId
}

/// How much of each there is.
#[derive(Serialize, ToSchema)]
pub(super) struct ImpactAnswer {
    /// Tenants below it.
    tenants: usize,
    /// Projects in it and below it.
    projects: usize,
    /// Users, who cannot sign in while it is suspended, and are removed with it.
    users: usize,
    /// Service accounts, the same.
    service_accounts: usize,
    /// Groups, which are removed with it.
    groups: usize,
    /// Bindings in it, and of its users and groups: removed with it.
    bindings: usize,
    /// Rules that give machines to its projects: removed with these.
    ownership_rules: usize,
    /// Machines that its projects hold. They run on, and go back to the platform when the project is removed.
    machines: usize,
    /// Volumes, the same.
    volumes: usize,
}

impl From<Impact> for ImpactAnswer {
    fn from(impact: Impact) -> Self {
        let Impact { tenants, projects, users, service_accounts, groups, bindings, ownership_rules, machines, volumes } =
            impact;
        Self { tenants, projects, users, service_accounts, groups, bindings, ownership_rules, machines, volumes }
    }
}

/// What suspending or removing a tenant concerns
#[utoipa::path(get, path = "/v1/tenants/{id}/impact", tag = "Tenants", operation_id = "tenant_impact",
    params(("id" = TenantId, Path, description = "The tenant's id.")),
    responses((status = 200, description = "How much there is in it and below it.", body = ImpactAnswer)))]
async fn impact(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
    Id(id): Id<TenantId>,
) -> Result<Json<ImpactAnswer>, Problem> {
    Ok(Json(api.app().tenant_impact(&session, id)?.into()))
}
