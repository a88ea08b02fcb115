//! The kinds of the inventory: each is a collection that can be listed, counted, summed and read. The handlers are the
//! same for all; [`super::nouns_doc`] describes each kind by itself.

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;

use super::super::Api;
use super::super::extract::{Id, NoParams, Params};
use super::super::problem::Problem;
use super::{json, not_modified, nouns_doc};
use crate::app::Session;
use crate::model::{Kind, ObjectId};

pub(in crate::api) fn routes() -> OpenApiRouter<Api> {
    let router = OpenApiRouter::with_openapi(nouns_doc::document());
    Kind::ALL.iter().copied().fold(router, |router, kind| {
        let path = format!("/v1/{}", kind.plural());
        router
            .route(&path, get(move |api, session, params| list(kind, api, session, params)))
            .route(&format!("{path}/count"), get(move |api, session, params| count(kind, api, session, params)))
            .route(&format!("{path}/summary"), get(move |api, session, params| summary(kind, api, session, params)))
            .route(
                &format!("{path}/{{id}}"),
                get(move |api, session, id, headers, none| read(kind, api, session, id, headers, none)),
            )
    })
}

async fn list(
    kind: Kind,
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    Params(params): Params,
) -> Result<Response, Problem> {
    Ok(json(api.app().objects(&session, kind, &params).await?))
}

async fn count(
    kind: Kind,
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    Params(params): Params,
) -> Result<Response, Problem> {
    Ok(json(api.app().object_count(&session, kind, &params).await?))
}

async fn summary(
    kind: Kind,
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    Params(params): Params,
) -> Result<Response, Problem> {
    Ok(json(api.app().object_summary(&session, kind, &params).await?))
}

async fn read(
    kind: Kind,
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    Id(id): Id<ObjectId>,
    headers: HeaderMap,
    _: NoParams,
) -> Result<Response, Problem> {
    let answer = api.app().object(&session, kind, id)?;
    let unchanged = answer.etag.as_deref().and_then(|etag| not_modified(&headers, etag));
    Ok(unchanged.unwrap_or_else(|| json(answer)))
}
