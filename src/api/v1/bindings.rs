//! Who has which role where, and why somebody may do something.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Api;
use super::super::extract::{Body, DryRun, Id, NoParams, Params};
use super::super::once::{self, Creating, Made};
use super::super::problem::Problem;
use crate::app::{BindingInput, Mode, Outcome, Session, Simulated};
use crate::model::{Binding, BindingId, BindingScope, Effect, Permission, RoleId, Subject, UserId};

pub(in crate::api) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(list, create)).routes(routes!(get, remove)).routes(routes!(simulate))
}

/// A binding to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BindingCreate {
    /// Whom it is for.
    subject: Subject,
    /// The role.
    role_id: RoleId,
    /// Where it holds: there, and in all that is within.
    scope: BindingScope,
    /// Whether it gives or takes; it gives when absent.
    #[serde(default = "allow")]
    #[schema(default = "allow")]
    effect: Effect,
}

const fn allow() -> Effect {
    Effect::Allow
}

impl From<BindingCreate> for BindingInput {
    fn from(body: BindingCreate) -> Self {
        let BindingCreate { subject, role_id, scope, effect } = body;
        Self { subject, role_id, scope, effect }
    }
}

/// A page.
#[derive(Serialize, ToSchema)]
struct BindingPage {
    /// What is on it.
    items: Vec<Binding>,
    /// Hand it in as `page_token` for the next page; `null` on the last.
    next_page_token: Option<String>,
}

/// List bindings
///
/// By age; those of places where you may see who has which role.
#[utoipa::path(get, path = "/v1/bindings", tag = "Access", operation_id = "binding_list",
    params(("subject_id" = Option<Uuid>, Query, description = "Only those of this user or group."),
        ("role_id" = Option<RoleId>, Query, description = "Only those of this role."),
        ("scope_id" = Option<Uuid>, Query, description = "Only those that hold in this very tenant, project or object."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "How many a page has at most; 100 when it is not said."),
        ("page_token" = Option<String>, Query,
            description = "`next_page_token` of the page before, unchanged, with the same filters.")),
    responses((status = 200, description = "A page.", body = BindingPage)))]
async fn list(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    Params(params): Params,
) -> Result<Json<BindingPage>, Problem> {
    let page = api.app().bindings(&session, &params)?;
    Ok(Json(BindingPage { items: page.items, next_page_token: page.next_page_token }))
}

/// Get a binding
#[utoipa::path(get, path = "/v1/bindings/{id}", tag = "Access", operation_id = "binding_get",
    params(("id" = BindingId, Path, description = "Its id.")),
    responses((status = 200, description = "It.", body = Binding)))]
async fn get(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
    Id(id): Id<BindingId>,
) -> Result<Json<Binding>, Problem> {
    Ok(Json(api.app().binding(&session, id)?))
}

/// Give a role to somebody
///
/// Or, with `effect: deny`, take what it allows, whatever else gives it. Nobody gives more than he has there: `403`. It holds
/// from the next request on.
#[utoipa::path(post, path = "/v1/bindings", tag = "Access", operation_id = "binding_create",
    params(("dry_run" = Option<bool>, Query,
        description = "Check it, answer what would be added (`200`), and keep nothing, its id and `Idempotency-Key` neither."),
        ("idempotency-key" = Option<String>, Header,
        description = "Names the request: sent again within 24 hours it is answered alike, and done once.")),
    request_body = BindingCreate,
    responses((status = 200, description = "What would be added, with `dry_run`.", body = Binding),
        (status = 201, description = "Added.", body = Binding,
        headers(("location" = String, description = "Its address.")))))]
async fn create(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    DryRun(mode): DryRun,
    Creating(body, key): Creating<BindingCreate>,
) -> Result<Response, Problem> {
    let key = if mode == Mode::Real { once::once(key, made) } else { None };
    match (mode, api.app().binding_create(&session, body.into(), key, mode).await?) {
        (Mode::DryRun, Outcome::Done(binding, _)) => Ok(Json(binding).into_response()),
        (_, done) => once::answer(done, made),
    }
}

fn made(binding: &Binding) -> Made {
    Made::new(format!("/v1/bindings/{}", binding.id), None, binding)
}

/// Take a role away
///
/// It is worth nothing from the next request on. Not the last platform administrator's: `409`.
#[utoipa::path(delete, path = "/v1/bindings/{id}", tag = "Access", operation_id = "binding_delete",
    params(("id" = BindingId, Path, description = "Its id.")),
    responses((status = 204, description = "Taken away.")))]
async fn remove(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
    Id(id): Id<BindingId>,
) -> Result<StatusCode, Problem> {
    api.app().binding_delete(&session, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A question.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Simulation {
    /// Who; you when absent.
    user_id: Option<UserId>,
    /// What.
    permission: Permission,
    /// With what: a tenant, a project, or an object of the inventory.
    on: BindingScope,
}

/// A binding that decided.
#[derive(Serialize, ToSchema)]
struct BecauseAnswer {
    /// The binding.
    binding: Binding,
    /// The name of its role.
    role: String,
    /// The name of the user or group that it is for.
    subject: String,
    /// The name of where it holds.
    scope: String,
}

/// The answer.
#[derive(Serialize, ToSchema)]
struct SimulationAnswer {
    /// Whether it may be done.
    allowed: bool,
    /// The bindings that decided: that give it, or that deny it. None, when nothing gives it.
    because: Vec<BecauseAnswer>,
    /// Whether others decided too, which you may not see.
    hidden: bool,
}

impl From<Simulated> for SimulationAnswer {
    fn from(Simulated { allowed, because, hidden }: Simulated) -> Self {
        let because = because.into_iter().map(|because| BecauseAnswer {
            binding: because.binding,
            role: because.role,
            subject: because.subject,
            scope: because.scope,
        });
        Self { allowed, because: because.collect(), hidden }
    }
}

/// May somebody do something, and why
///
/// Decided as a request would be. Of yourself you may always ask; of others, where you may see who has which role.
#[utoipa::path(post, path = "/v1/authz/simulate", tag = "Access", operation_id = "authz_simulate",
    request_body = Simulation,
    responses((status = 200, description = "Whether, and because of what.", body = SimulationAnswer)))]
async fn simulate(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
    Body(Simulation { user_id, permission, on }): Body<Simulation>,
) -> Result<Json<SimulationAnswer>, Problem> {
    Ok(Json(api.app().simulate(&session, user_id, permission, on)?.into()))
}
