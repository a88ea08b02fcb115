//! What the sync states of a provider were.

use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Api;
use super::super::extract::{Id, Params};
use super::super::problem::Problem;
use crate::app::Session;
use crate::model::provider::SyncPeriod;
use crate::model::{ProviderId, SourceState};

pub(in crate::api) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(history))
}

/// A page of the states that sources were in.
#[derive(Serialize, ToSchema)]
struct SyncHistory {
    /// The states, newest first.
    items: Vec<SyncPeriod>,
    /// Hand it in as `page_token` for the next page; `null` on the last.
    next_page_token: Option<String>,
}

/// What the sync states were
///
/// Every state that a source of the provider was in, newest first: since when, until when, why. It is there some seconds
/// after the state came about, and kept for 90 days, at most 1,000 entries for each source. What changed too often for that
/// is put together; `changes` says how many it was.
#[utoipa::path(get, path = "/v1/providers/{id}/history", tag = "Providers", operation_id = "provider_history",
    params(("id" = ProviderId, Path, description = "The provider's id."),
        ("source_id" = Option<String>, Query, description = "The source: is one of these, separated by commas."),
        ("state" = Option<String>, Query, description = "The state: is one of these, separated by commas.",
            example = json!(SourceState::Unreachable)),
        ("since.gt" = Option<String>, Query, format = DateTime, description = "When it began: is more than."),
        ("since.gte" = Option<String>, Query, format = DateTime, description = "When it began: is at least."),
        ("since.lt" = Option<String>, Query, format = DateTime, description = "When it began: is less than."),
        ("since.lte" = Option<String>, Query, format = DateTime, description = "When it began: is at most."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "How many a page has at most; 100 when it is not said."),
        ("page_token" = Option<String>, Query,
            description = "`next_page_token` of the page before, unchanged, with the same filters.")),
    responses((status = 200, description = "A page.", body = SyncHistory)))]
async fn history(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    Id(id): Id<ProviderId>,
    Params(params): Params,
) -> Result<Json<SyncHistory>, Problem> {
    let page = api.app().provider_history(&session, id, &params).await?;
    Ok(Json(SyncHistory { items: page.items, next_page_token: page.next_page_token }))
}
