//! Projects.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Api;
use super::super::extract::{Flag, Id, NoParams, Patch};
use super::super::problem::Problem;
use super::managed::{created, edited, got, listed};
use super::tenants::ImpactAnswer;
use crate::app::{Invalid, ProjectInput, ProjectPatch, Session};
use crate::model::{Project, ProjectId, TenantId};

pub(in crate::api) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(list, create)).routes(routes!(get, edit, remove)).routes(routes!(impact))
}

/// A project to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProjectCreate {
    /// The tenant that it belongs to.
    tenant_id: TenantId,
    /// Its name; unique within the tenant.
    #[schema(example = "shop", max_length = 128)]
    name: String,
    /// Free text.
    #[serde(default)]
    description: String,
}

impl From<ProjectCreate> for ProjectInput {
    fn from(body: ProjectCreate) -> Self {
        Self { tenant_id: body.tenant_id, name: body.name, description: body.description }
    }
}

/// An edit: what is absent stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProjectEdit {
    /// Another name.
    #[schema(value_type = String, required = false, max_length = 128)]
    #[serde(default)]
    name: Patch<String>,
    /// Another text.
    #[schema(value_type = String, required = false)]
    #[serde(default)]
    description: Patch<String>,
}

impl TryFrom<ProjectEdit> for ProjectPatch {
    type Error = Invalid;

    fn try_from(body: ProjectEdit) -> Result<Self, Invalid> {
        Ok(Self { name: body.name.not_null("name")?, description: body.description.not_null("description")? })
    }
}

listed! {
    /// List projects
    ///
    /// By tenant and name; those that you may see.
    list "project_list" of "Tenants" at "/v1/projects" by projects: Project as ProjectPage
}

got! {
    /// Get a project
    get "project_get" of "Tenants" at "/v1/projects/{id}" by project: Project as ProjectId
}

created! {
    /// Add a project
    ///
    /// Machines get into it by the rules of ownership, or by hand (`PUT /v1/vms/{id}/owner`).
    create "project_create" of "Tenants" at "/v1/projects" by project_create: Project, ProjectCreate
}

edited! {
    /// Edit a project
    edit "project_edit" of "Tenants" at "/v1/projects/{id}" by project_edit: Project as ProjectId, ProjectEdit
}

/// Remove a project
///
/// With its bindings and the rules that give machines to it. While it holds machines it is `409`, unless `release=true`:
/// then they go back to the platform, and run on as they are.
#[utoipa::path(delete, path = "/v1/projects/{id}", tag = "Tenants", operation_id = "project_delete",
    params(("id" = ProjectId, Path, description = "Its id."),
        ("release" = Option<bool>, Query, description = "Its machines go back to the platform."),
        ("if-match" = Option<String>, Header, description = "The generation that is removed, as in `ETag`.")),
    responses((status = 204, description = "Removed.")))]
async fn remove(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    release: Flag<Release>,
    Id(id): Id<ProjectId>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    api.app().project_delete(&session, id, super::if_match(&headers)?, release.0).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The parameter `release`.
#[derive(Debug)]
struct Release;

impl super::super::extract::FlagName for Release {
    const NAME: &'static str = "release";
}

/// What removing a project concerns
#[utoipa::path(get, path = "/v1/projects/{id}/impact", tag = "Tenants", operation_id = "project_impact",
    params(("id" = ProjectId, Path, description = "The project's id.")),
    responses((status = 200, description = "How much there is in it.", body = ImpactAnswer)))]
async fn impact(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
    Id(id): Id<ProjectId>,
) -> Result<Json<ImpactAnswer>, Problem> {
    Ok(Json(api.app().project_impact(&session, id)?.into()))
}
