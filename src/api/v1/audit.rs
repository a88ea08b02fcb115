//! The audit log: reading it, exporting it, verifying it.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Api;
use super::super::extract::{NoParams, Params};
use super::super::problem::Problem;
use crate::app::Session;
use crate::model::{AuditCheck, AuditEntry, AuditResult, Door, TenantId};

pub(in crate::api) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(export))
}

/// What takes as long as the log is.
pub(in crate::api) fn slow_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(verify))
}

/// A page of the audit log.
#[derive(Serialize, ToSchema)]
struct AuditPage {
    /// The entries, newest first.
    items: Vec<AuditEntry>,
    /// Hand it in as `page_token` for the next page; `null` on the last.
    next_page_token: Option<String>,
}

/// Read the audit log
///
/// Every write, every sign-in and every denial, newest first: who, by which door, from where, what, with which result. Of
/// what concerns the tenants that you see.
#[utoipa::path(get, path = "/v1/audit", tag = "Audit", operation_id = "audit_list",
    params(("actor" = Option<String>, Query, description = "The user's name: is one of these, separated by commas."),
        ("action" = Option<String>, Query, description = "What was asked for: is one of these, separated by commas.",
            example = "provider.create,login"),
        ("object_kind" = Option<String>, Query, description = "The kind of what it was asked of: is one of these."),
        ("object_id" = Option<String>, Query, description = "What it was asked of: is one of these."),
        ("result" = Option<String>, Query, description = "What came of it: is one of these, separated by commas.",
            example = json!(AuditResult::Denied)),
        ("door" = Option<String>, Query, description = "By which door: is one of these.", example = json!(Door::Portal)),
        ("tenant_id" = Option<TenantId>, Query, description = "The tenant whose concern it is: is one of these."),
        ("request_id" = Option<String>, Query, description = "The request: is one of these."),
        ("at.gt" = Option<String>, Query, format = DateTime, description = "When: is more than."),
        ("at.gte" = Option<String>, Query, format = DateTime, description = "When: is at least."),
        ("at.lt" = Option<String>, Query, format = DateTime, description = "When: is less than."),
        ("at.lte" = Option<String>, Query, format = DateTime, description = "When: is at most."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "How many a page has at most; 100 when it is not said."),
        ("page_token" = Option<String>, Query,
            description = "`next_page_token` of the page before, unchanged, with the same filters.")),
    responses((status = 200, description = "A page.", body = AuditPage)))]
async fn list(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    Params(params): Params,
) -> Result<Json<AuditPage>, Problem> {
    let page = api.app().audits(&session, &params).await?;
    Ok(Json(AuditPage { items: page.items, next_page_token: page.next_page_token }))
}

/// Export the audit log
///
/// One entry a line, oldest first, up to the newest that there is at the beginning. `hash` is the SHA-256 of the line's own
/// bytes without that last member (`,"hash":"…"`), and without filters `prev_hash` is the `hash` of the line before: so a
/// third party can verify it.
#[utoipa::path(get, path = "/v1/audit/export", tag = "Audit", operation_id = "audit_export",
    params(("actor" = Option<String>, Query, description = "The user's name: is one of these, separated by commas."),
        ("action" = Option<String>, Query, description = "What was asked for: is one of these, separated by commas."),
        ("object_kind" = Option<String>, Query, description = "The kind of what it was asked of: is one of these."),
        ("object_id" = Option<String>, Query, description = "What it was asked of: is one of these."),
        ("result" = Option<String>, Query, description = "What came of it: is one of these, separated by commas."),
        ("door" = Option<String>, Query, description = "By which door: is one of these."),
        ("tenant_id" = Option<TenantId>, Query, description = "The tenant whose concern it is: is one of these."),
        ("request_id" = Option<String>, Query, description = "The request: is one of these."),
        ("at.gt" = Option<String>, Query, format = DateTime, description = "When: is more than."),
        ("at.gte" = Option<String>, Query, format = DateTime, description = "When: is at least."),
        ("at.lt" = Option<String>, Query, format = DateTime, description = "When: is less than."),
        ("at.lte" = Option<String>, Query, format = DateTime, description = "When: is at most.")),
    responses((status = 200, description = "The lines.", body = String, content_type = "application/jsonl")))]
async fn export(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    Params(params): Params,
) -> Result<Response, Problem> {
    let mut export = api.app().audit_export(&session, &params).await?;
    // What fails at once is a problem; what fails later breaks the connection off, so that nobody takes a part for all.
    let first = export.next().await?;
    let rest = futures::stream::try_unfold((first, export), |(ready, mut export)| async move {
        let Some(lines) = ready else { return Ok::<_, crate::app::Error>(None) };
        let next = export.next().await.inspect_err(|error| {
            tracing::warn!(error = error as &dyn std::error::Error, "an export of the audit log ended too early");
        })?;
        Ok(Some((lines, (next, export))))
    });
    let mut response = Body::from_stream(rest).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/jsonl"));
    Ok(response)
}

/// Verify the audit log
///
/// Walks the whole chain of hashes, from the oldest entry that is kept to the newest. Only for who sees every tenant.
#[utoipa::path(get, path = "/v1/audit/verify", tag = "Audit", operation_id = "audit_verify",
    responses((status = 200, description = "What came of it, also when the chain is broken.", body = AuditCheck)))]
async fn verify(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
) -> Result<Json<AuditCheck>, Problem> {
    Ok(Json(api.app().audit_verify(&session).await?))
}
