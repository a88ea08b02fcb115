//! Users and service accounts.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Api;
use super::super::extract::{Body, Id, NoParams, Patch, SMALL, Secret};
use super::super::problem::Problem;
use super::managed::{created, edited, got, listed, removed};
use crate::app::{Invalid, Session, UserInput, UserPatch};
use crate::model::{TenantId, User, UserId, UserKind};

pub(in crate::api) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(list, create)).routes(routes!(get, edit, remove)).routes(routes!(password))
}

/// A user or service account to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UserCreate {
    /// The tenant that it belongs to.
    tenant_id: TenantId,
    /// The name: letters, digits and `. _ - @`; unique within the tenant. It signs in as `path/of/tenant/username`.
    #[schema(example = "ann", max_length = 64)]
    username: String,
    /// What it is; a user when absent.
    #[serde(default = "person")]
    #[schema(default = "user")]
    kind: UserKind,
    /// The name shown to people.
    #[serde(default)]
    display_name: String,
    /// Where it is written to.
    email: Option<String>,
    /// The password of a user, 12 characters or more; a service account has none.
    #[schema(value_type = Option<String>, format = Password, write_only, min_length = 12)]
    password: Option<Secret>,
}

const fn person() -> UserKind {
    UserKind::User
}

impl From<UserCreate> for UserInput {
    fn from(body: UserCreate) -> Self {
        Self {
            tenant_id: body.tenant_id,
            username: body.username,
            kind: body.kind,
            display_name: body.display_name,
            email: body.email,
            password: body.password.map(|password| password.0),
        }
    }
}

/// An edit: what is absent stays as it is, `null` clears.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UserEdit {
    /// Another name to show.
    #[schema(value_type = String, required = false, max_length = 128)]
    #[serde(default)]
    display_name: Patch<String>,
    /// Where it is written to.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    email: Patch<String>,
    /// Whether it can sign in. One that cannot any more is signed out at once.
    #[schema(value_type = bool, required = false)]
    #[serde(default)]
    enabled: Patch<bool>,
}

impl TryFrom<UserEdit> for UserPatch {
    type Error = Invalid;

    fn try_from(body: UserEdit) -> Result<Self, Invalid> {
        Ok(Self {
            display_name: body.display_name.not_null("display_name")?,
            email: body.email.nullable(),
            enabled: body.enabled.not_null("enabled")?,
        })
    }
}

listed! {
    /// List users and service accounts
    ///
    /// By tenant and name; those that you may see.
    list "user_list" of "Tenants" at "/v1/users" by users: User as UserPage
}

got! {
    /// Get a user or service account
    get "user_get" of "Tenants" at "/v1/users/{id}" by user: User as UserId
}

created! {
    /// Add a user or service account
    ///
    /// It may do nothing until a role is bound to it, or to a group that it is in (`POST /v1/bindings`).
    create "user_create" of "Tenants" at "/v1/users" by user_create: User, UserCreate
}

edited! {
    /// Edit a user or service account
    ///
    /// Not one that has roles which you do not have: `403`.
    edit "user_edit" of "Tenants" at "/v1/users/{id}" by user_edit: User as UserId, UserEdit
}

removed! {
    /// Remove a user or service account
    ///
    /// With its tokens, its memberships and its bindings. Not yourself, nor the last platform administrator: `409`.
    remove "user_delete" of "Tenants" at "/v1/users/{id}" by user_delete: UserId
}

/// A user's password, set by somebody else.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UserPassword {
    /// The new one: 12 characters or more, without the user's name.
    #[schema(value_type = String, format = Password, write_only, min_length = 12)]
    password: Secret,
}

/// Set a user's password
///
/// The user is signed out everywhere. Not of one that has roles which you do not have: `403`.
#[utoipa::path(put, path = "/v1/users/{id}/password", tag = "Tenants", operation_id = "user_set_password",
    params(("id" = UserId, Path, description = "The user's id.")), request_body = UserPassword,
    responses((status = 204, description = "Set.")))]
async fn password(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
    Id(id): Id<UserId>,
    Body(body): Body<UserPassword, SMALL>,
) -> Result<StatusCode, Problem> {
    api.app().user_set_password(&session, id, body.password.0).await?;
    Ok(StatusCode::NO_CONTENT)
}
