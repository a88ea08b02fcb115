//! Roles, and the permissions that they are made of.

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Api;
use super::super::extract::{NoParams, Patch};
use super::Items;
use super::managed::{created, edited, got, listed, removed};
use crate::app::{Invalid, RoleInput, RolePatch};
use crate::model::{Permission, Role, RoleId, TenantId};

pub(in crate::api) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(list, create))
        .routes(routes!(get, edit, remove))
        .routes(routes!(permissions))
}

/// A role to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RoleCreate {
    /// The tenant in which, and below which, it can be bound.
    tenant_id: TenantId,
    /// Its name; unique within the tenant, and none of a built-in role.
    #[schema(example = "auditors of shop", max_length = 128)]
    name: String,
    /// What it is for.
    #[serde(default)]
    description: String,
    /// What it allows: nothing that you do not have in the tenant.
    #[schema(min_items = 1)]
    permissions: Vec<Permission>,
}

impl From<RoleCreate> for RoleInput {
    fn from(body: RoleCreate) -> Self {
        let RoleCreate { tenant_id, name, description, permissions } = body;
        Self { tenant_id, name, description, permissions }
    }
}

/// An edit: what is absent stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RoleEdit {
    /// Another name.
    #[schema(value_type = String, required = false, max_length = 128)]
    #[serde(default)]
    name: Patch<String>,
    /// Another text.
    #[schema(value_type = String, required = false)]
    #[serde(default)]
    description: Patch<String>,
    /// All that it allows from now on.
    #[schema(value_type = Vec<Permission>, required = false, min_items = 1)]
    #[serde(default)]
    permissions: Patch<Vec<Permission>>,
}

impl TryFrom<RoleEdit> for RolePatch {
    type Error = Invalid;

    fn try_from(body: RoleEdit) -> Result<Self, Invalid> {
        Ok(Self {
            name: body.name.not_null("name")?,
            description: body.description.not_null("description")?,
            permissions: body.permissions.not_null("permissions")?,
        })
    }
}

listed! {
    /// List roles
    ///
    /// By name: those that are built in, and those of tenants whose roles you may see.
    list "role_list" of "Access" at "/v1/roles" by roles: Role as RolePage
}

got! {
    /// Get a role
    get "role_get" of "Access" at "/v1/roles/{id}" by role: Role as RoleId
}

created! {
    /// Add a role
    ///
    /// It allows no more than you have in its tenant: `403`.
    create "role_create" of "Access" at "/v1/roles" by role_create: Role, RoleCreate
}

edited! {
    /// Edit a role
    ///
    /// It holds at once for everybody whom it is bound to. Built-in roles cannot be edited: `409`.
    edit "role_edit" of "Access" at "/v1/roles/{id}" by role_edit: Role as RoleId, RoleEdit
}

removed! {
    /// Remove a role
    ///
    /// While it is bound to somebody it is `409`.
    remove "role_delete" of "Access" at "/v1/roles/{id}" by role_delete: RoleId
}

/// A permission.
#[derive(Serialize, ToSchema)]
struct PermissionAnswer {
    /// Its word.
    name: Permission,
    /// What it allows.
    description: &'static str,
}

/// List permissions
///
/// Everything that a role can allow.
#[utoipa::path(get, path = "/v1/permissions", tag = "Access", operation_id = "permission_list",
    responses((status = 200, description = "All permissions.", body = Items<PermissionAnswer>)))]
async fn permissions(_: NoParams) -> Json<Items<PermissionAnswer>> {
    let of = |permission: &Permission| PermissionAnswer { name: *permission, description: permission.meaning() };
    Json(Items { items: Permission::ALL.iter().map(of).collect() })
}
