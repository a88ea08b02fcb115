//! Groups of users.

use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Api;
use super::super::extract::Patch;
use super::managed::{created, edited, got, listed, removed};
use crate::app::{GroupInput, GroupPatch, Invalid};
use crate::model::{Group, GroupId, TenantId, UserId};

pub(in crate::api) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(list, create)).routes(routes!(get, edit, remove))
}

/// A group to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GroupCreate {
    /// The tenant that it belongs to.
    tenant_id: TenantId,
    /// Its name; unique within the tenant.
    #[schema(example = "shop operators", max_length = 128)]
    name: String,
    /// Free text.
    #[serde(default)]
    description: String,
    /// Who is in it: users and service accounts of the same tenant.
    #[serde(default)]
    member_ids: Vec<UserId>,
}

impl From<GroupCreate> for GroupInput {
    fn from(body: GroupCreate) -> Self {
        let GroupCreate { tenant_id, name, description, member_ids } = body;
        Self { tenant_id, name, description, member_ids }
    }
}

/// An edit: what is absent stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GroupEdit {
    /// Another name.
    #[schema(value_type = String, required = false, max_length = 128)]
    #[serde(default)]
    name: Patch<String>,
    /// Another text.
    #[schema(value_type = String, required = false)]
    #[serde(default)]
    description: Patch<String>,
    /// All that are in it from now on.
    #[schema(value_type = Vec<UserId>, required = false)]
    #[serde(default)]
    member_ids: Patch<Vec<UserId>>,
}

impl TryFrom<GroupEdit> for GroupPatch {
    type Error = Invalid;

    fn try_from(body: GroupEdit) -> Result<Self, Invalid> {
        Ok(Self {
            name: body.name.not_null("name")?,
            description: body.description.not_null("description")?,
            member_ids: body.member_ids.not_null("member_ids")?,
        })
    }
}

listed! {
    /// List groups
    ///
    /// By name; those that you may see.
    list "group_list" of "Tenants" at "/v1/groups" by groups: Group as GroupPage
}

got! {
    /// Get a group
    get "group_get" of "Tenants" at "/v1/groups/{id}" by group: Group as GroupId
}

created! {
    /// Add a group
    ///
    /// What is bound to a group holds for everybody in it.
    create "group_create" of "Tenants" at "/v1/groups" by group_create: Group, GroupCreate
}

edited! {
    /// Edit a group, and who is in it
    ///
    /// Not one that has roles which you do not have: `403`.
    edit "group_edit" of "Tenants" at "/v1/groups/{id}" by group_edit: Group as GroupId, GroupEdit
}

removed! {
    /// Remove a group
    ///
    /// With its bindings. Its members stay.
    remove "group_delete" of "Tenants" at "/v1/groups/{id}" by group_delete: GroupId
}
