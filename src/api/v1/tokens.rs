//! API tokens: what programs sign in with.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Api;
use super::super::extract::{Id, NoParams};
use super::super::once::{self, Creating, Made};
use super::super::problem::Problem;
use super::Items;
use crate::app::{Session, TokenRecord};
use crate::model::secret::{ExposeSecret, SecretString};
use crate::model::{TokenId, UserId};

pub(in crate::api) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(create, list))
        .routes(routes!(create_of_user, list_of_user))
        .routes(routes!(delete))
}

/// A token to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TokenCreate {
    /// What it is for.
    #[schema(example = "backup job", max_length = 128)]
    name: String,
    /// How long it is valid, days; a year when nothing is said.
    #[schema(minimum = 1, maximum = 3650)]
    expires_in_days: Option<u32>,
}

/// A token. What it is was shown once.
#[derive(Serialize, ToSchema)]
struct Token {
    /// Its id.
    id: TokenId,
    /// What it is for.
    name: String,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it ends; absent when it does not.
    expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    last_used_at: Option<DateTime<Utc>>,
}

impl From<TokenRecord> for Token {
    fn from(record: TokenRecord) -> Self {
        Self {
            id: record.id,
            name: record.name,
            created_at: record.created_at,
            expires_at: record.expires_at,
            last_used_at: record.last_used_at,
        }
    }
}

/// A new token.
#[derive(Serialize, ToSchema)]
struct TokenCreated {
    /// Its id.
    id: TokenId,
    /// What it is for.
    name: String,
    /// The token itself. It is shown this once.
    token: String,
    /// When it ends; absent when it does not.
    expires_at: Option<DateTime<Utc>>,
}

/// Make a token
///
/// It may do what the user may. The token itself is shown in this answer only.
#[utoipa::path(post, path = "/v1/tokens", tag = "Session", operation_id = "token_create", request_body = TokenCreate,
    params(("idempotency-key" = Option<String>, Header,
        description = "Names the request: sent again within 24 hours it is answered alike, and done once.")),
    responses((status = 201, description = "Made.", body = TokenCreated,
        headers(("location" = String, description = "Its address.")))))]
async fn create(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
    Creating(body, key): Creating<TokenCreate>,
) -> Result<Response, Problem> {
    let once = once::once(key, made);
    once::answer(api.app().token_create(&session, &body.name, body.expires_in_days, once).await?, made)
}

/// Make a token of a service account
///
/// It may do what the service account may: not of one that has roles which you do not have (`403`), nor of a person (`422`).
/// The token itself is shown in this answer only.
#[utoipa::path(post, path = "/v1/users/{id}/tokens", tag = "Tenants", operation_id = "user_token_create",
    request_body = TokenCreate,
    params(("id" = UserId, Path, description = "The service account's id."),
        ("idempotency-key" = Option<String>, Header,
        description = "Names the request: sent again within 24 hours it is answered alike, and done once.")),
    responses((status = 201, description = "Made.", body = TokenCreated,
        headers(("location" = String, description = "Its address.")))))]
async fn create_of_user(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
    Id(id): Id<UserId>,
    Creating(body, key): Creating<TokenCreate>,
) -> Result<Response, Problem> {
    let once = once::once(key, made);
    let made_now = api.app().user_token_create(&session, id, &body.name, body.expires_in_days, once).await?;
    once::answer(made_now, made)
}

/// List the tokens of a user
#[utoipa::path(get, path = "/v1/users/{id}/tokens", tag = "Tenants", operation_id = "user_token_list",
    params(("id" = UserId, Path, description = "The user's id.")),
    responses((status = 200, description = "Its tokens for programs, newest first.", body = Items<Token>)))]
async fn list_of_user(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
    Id(id): Id<UserId>,
) -> Result<Json<Items<Token>>, Problem> {
    let tokens = api.app().user_tokens(&session, id).await?;
    Ok(Json(Items { items: tokens.into_iter().map(Token::from).collect() }))
}

fn made((record, secret): &(TokenRecord, SecretString)) -> Made {
    let answer = TokenCreated {
        id: record.id,
        name: record.name.clone(),
        token: secret.expose_secret().to_owned(),
        expires_at: record.expires_at,
    };
    Made::new(format!("/v1/tokens/{}", record.id), None, &answer)
}

/// List the own tokens
#[utoipa::path(get, path = "/v1/tokens", tag = "Session", operation_id = "token_list",
    responses((status = 200, description = "The tokens of the own user, newest first.", body = Items<Token>)))]
async fn list(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
) -> Result<Json<Items<Token>>, Problem> {
    let tokens = api.app().tokens(&session).await?;
    Ok(Json(Items { items: tokens.into_iter().map(Token::from).collect() }))
}

/// Revoke a token
///
/// An own one; or, for who has `member.write` there and every role that its user has, that of another.
#[utoipa::path(delete, path = "/v1/tokens/{id}", tag = "Session", operation_id = "token_delete",
    params(("id" = TokenId, Path, description = "The token's id.")),
    responses((status = 204, description = "It is revoked.")))]
async fn delete(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
    Id(id): Id<TokenId>,
) -> Result<StatusCode, Problem> {
    api.app().token_delete(&session, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
