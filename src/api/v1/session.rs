//! Signing in and out.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::extract::{Body, ClientAddress, NoParams, SMALL, Secret};
use super::super::problem::Problem;
use super::super::{Api, cookie};
use crate::app::{App, Origin, Session};
use crate::model::secret::ExposeSecret;
use crate::model::{Permission, TenantId, UserId};

/// What anybody may ask.
pub(in crate::api) fn public_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(login)).routes(routes!(login_cookie))
}

/// What one may ask who is signed in.
pub(in crate::api) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(logout)).routes(routes!(session)).routes(routes!(password))
}

/// Who signs in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Login {
    /// The user's name; of a tenant's user with the path of the tenant before it: `acme/ann`.
    #[schema(example = "admin")]
    username: String,
    /// The user's password.
    #[schema(value_type = String, format = Password, write_only)]
    password: Secret,
}

/// A new session.
#[derive(Serialize, ToSchema)]
struct LoginAnswer {
    /// The token, to be sent as `Authorization: Bearer <token>`.
    token: String,
    /// When it ends.
    expires_at: DateTime<Utc>,
    /// The user's name.
    username: String,
}

/// Sign in
///
/// The answer and the time that it takes are the same for an unknown user and for a wrong password. After several
/// failures the next attempts are delayed (`429` with `Retry-After`); the account is never locked.
#[utoipa::path(post, path = "/v1/login", tag = "Session", operation_id = "login", security(()), request_body = Login,
    responses((status = 200, description = "Signed in.", body = LoginAnswer)))]
async fn login(
    State(api): State<Api>,
    ClientAddress(address): ClientAddress,
    Extension(origin): Extension<Origin>,
    _: NoParams,
    Body(login): Body<Login, SMALL>,
) -> Result<Json<LoginAnswer>, Problem> {
    origin.tried(&login.username);
    let signed_in = api.app().login(&login.username, login.password.0, address).await?;
    Ok(Json(LoginAnswer {
        token: signed_in.token.expose_secret().to_owned(),
        expires_at: signed_in.expires_at,
        username: signed_in.username,
    }))
}

/// Sign in by a cookie
///
/// For pages of this gateway: the token is kept by the browser in a cookie that no script can read, and is not in the
/// answer. Everything that is asked with the cookie and changes something needs the header `X-Spandrel-Portal: 1` and a
/// browser that says that a page of this gateway asks; so does this.
#[utoipa::path(post, path = "/v1/login/cookie", tag = "Session", operation_id = "login_cookie", security(()),
    request_body = Login, responses((status = 200, description = "Signed in.", body = SessionAnswer,
        headers(("set-cookie" = String, description = "The session.")))))]
async fn login_cookie(
    State(api): State<Api>,
    ClientAddress(address): ClientAddress,
    Extension(origin): Extension<Origin>,
    _: NoParams,
    headers: HeaderMap,
    Body(login): Body<Login, SMALL>,
) -> Result<Response, Problem> {
    cookie::same_origin(&headers)?;
    origin.tried(&login.username);
    let signed_in = api.app().login(&login.username, login.password.0, address).await?;
    let session = api.app().authenticate(Some(signed_in.token.expose_secret())).await?;
    let set_cookie = cookie::begin(&signed_in, &headers).map(|value| (header::SET_COOKIE, value));
    Ok((AppendHeaders(set_cookie), Json(SessionAnswer::of(api.app(), session))).into_response())
}

/// Sign out
///
/// The token that this is asked with is worth nothing any more; a cookie with it is taken away.
#[utoipa::path(post, path = "/v1/logout", tag = "Session", operation_id = "logout",
    responses((status = 204, description = "Signed out.")))]
async fn logout(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
) -> Result<Response, Problem> {
    api.app().logout(&session).await?;
    let forget = cookie::end().map(|value| (header::SET_COOKIE, value));
    Ok((StatusCode::NO_CONTENT, AppendHeaders(forget)).into_response())
}

/// Who is signed in.
#[derive(Serialize, ToSchema)]
struct SessionAnswer {
    /// The user.
    user_id: UserId,
    /// The user's name.
    username: String,
    /// The tenant that the user belongs to.
    tenant_id: TenantId,
    /// The path of that tenant: empty for the platform.
    tenant_path: String,
    /// The names of the roles that the user has, anywhere.
    #[schema(example = json!(["platform_admin"]))]
    roles: Vec<String>,
    /// What the user may do somewhere: to show only what is of use.
    permissions: Vec<Permission>,
    /// When the token ends; absent when it does not.
    expires_at: Option<DateTime<Utc>>,
}

impl SessionAnswer {
    fn of(app: &App, session: Session) -> Self {
        let permissions = app.permissions(&session);
        let (tenant_path, roles) = app.standing(&session);
        let Session { principal, expires_at, .. } = session;
        Self {
            user_id: principal.user_id,
            username: principal.username,
            tenant_id: principal.tenant_id,
            tenant_path,
            roles,
            permissions,
            expires_at,
        }
    }
}

/// Who am I
#[utoipa::path(get, path = "/v1/session", tag = "Session", operation_id = "session",
    responses((status = 200, description = "Who is signed in.", body = SessionAnswer)))]
async fn session(State(api): State<Api>, Extension(session): Extension<Session>, _: NoParams) -> Json<SessionAnswer> {
    Json(SessionAnswer::of(api.app(), session))
}

/// A change of the own password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordChange {
    /// The present password.
    #[schema(value_type = String, format = Password, write_only)]
    current_password: Secret,
    /// The new one: 12 characters or more, without the user's name.
    #[schema(value_type = String, format = Password, write_only, min_length = 12)]
    new_password: Secret,
}

/// Change the own password
///
/// Every other session of the user is signed out.
#[utoipa::path(post, path = "/v1/account/password", tag = "Session", operation_id = "password_change",
    request_body = PasswordChange, responses((status = 204, description = "Changed.")))]
async fn password(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
    ClientAddress(address): ClientAddress,
    Body(change): Body<PasswordChange, SMALL>,
) -> Result<StatusCode, Problem> {
    api.app().password_change(&session, change.current_password.0, change.new_password.0, address).await?;
    Ok(StatusCode::NO_CONTENT)
}
