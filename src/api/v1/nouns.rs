//! The kinds of the inventory: each is a collection that can be listed, counted, summed and read. The handlers are the
//! same for all; [`super::nouns_doc`] describes each kind by itself.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::super::Api;
use super::super::extract::{Id, NoParams, Params};
use super::super::problem::Problem;
use super::{json, not_modified, nouns_doc};
use crate::app::{Change, Happened, Session};
use crate::model::{FieldChange, Kind, ObjectId, Revision, Time};

/// A page of what changed in an object.
#[derive(Serialize, ToSchema)]
pub(super) struct ObjectChanges {
    /// The changes, newest first.
    items: Vec<ObjectChange>,
    /// Hand it in as `page_token` for the next page; `null` on the last.
    next_page_token: Option<String>,
}

/// A change of an object.
#[derive(Serialize, ToSchema)]
pub(super) struct ObjectChange {
    /// When the gateway took it over.
    #[schema(value_type = String, format = DateTime)]
    at: Time,
    /// The revision of the change; `null` where it is not known any more.
    revision: Option<String>,
    /// What happened.
    op: ChangeWord,
    /// The fields that changed, the main state first; empty when it was created or deleted, `null` when it is not known.
    fields: Option<Vec<FieldChange>>,
}

/// What happened to an object.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ChangeWord {
    /// The gateway saw it for the first time.
    Created,
    /// Fields of it changed.
    Changed,
    /// It was gone from its platform.
    Deleted,
}

impl From<Change> for ObjectChange {
    fn from(change: Change) -> Self {
        let (op, fields) = match change.what {
            Happened::Created => (ChangeWord::Created, Some(Vec::new())),
            Happened::Changed(fields) => (ChangeWord::Changed, fields),
            Happened::Deleted => (ChangeWord::Deleted, Some(Vec::new())),
        };
        Self { at: change.at, revision: change.revision.as_ref().map(Revision::to_string), op, fields }
    }
}

pub(in crate::api) fn routes() -> OpenApiRouter<Api> {
    let router = OpenApiRouter::with_openapi(nouns_doc::document());
    Kind::ALL.iter().copied().fold(router, |router, kind| {
        let path = format!("/v1/{}", kind.plural());
        router
            .route(&path, get(move |api, session, params| list(kind, api, session, params)))
            .route(&format!("{path}/count"), get(move |api, session, params| count(kind, api, session, params)))
            .route(&format!("{path}/summary"), get(move |api, session, params| summary(kind, api, session, params)))
            .route(
                &format!("{path}/{{id}}/changes"),
                get(move |api, session, id, params| changes(kind, api, session, id, params)),
            )
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

async fn changes(
    kind: Kind,
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    Id(id): Id<ObjectId>,
    Params(params): Params,
) -> Result<Json<ObjectChanges>, Problem> {
    let page = api.app().object_changes(&session, kind, id, &params).await?;
    let items = page.items.into_iter().map(ObjectChange::from).collect();
    Ok(Json(ObjectChanges { items, next_page_token: page.next_page_token }))
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
