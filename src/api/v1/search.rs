//! Searching through all kinds at once.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Api;
use super::super::extract::Params;
use super::super::problem::Problem;
use super::json;
use crate::app::Session;
use crate::model::{Kind, ObjectId, ProviderId, SourceId};

pub(in crate::api) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(search))
}

/// An object that was found.
#[derive(Serialize, ToSchema)]
struct SearchHit {
    /// Its kind.
    kind: Kind,
    /// Its id.
    id: ObjectId,
    /// The name shown to people.
    name: String,
    /// The provider that it belongs to.
    provider_id: ProviderId,
    /// The source that tells of it.
    source_id: SourceId,
}

/// What was found.
#[derive(Serialize, ToSchema)]
struct SearchAnswer {
    /// Those whose name begins with the words come first.
    items: Vec<SearchHit>,
    /// Whether there are more than were asked for.
    truncated: bool,
    /// The revision of what was read.
    revision: String,
}

/// Search everything
///
/// Looks through names, ids and addresses of every kind. All words must be found.
#[utoipa::path(get, path = "/v1/search", tag = "Inventory", operation_id = "search",
    params(("q" = String, Query, description = "What to search for."),
        ("types" = Option<String>, Query, description = "Only these kinds, separated by commas."),
        ("limit" = Option<u16>, Query, description = "How many objects are answered at most: 1 to 1000."),
        ("min_revision" = Option<String>, Query, description = "Wait until the inventory has this revision.")),
    responses((status = 200, description = "What was found.", body = SearchAnswer)))]
async fn search(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    Params(params): Params,
) -> Result<Response, Problem> {
    Ok(json(api.app().search(&session, &params).await?))
}
