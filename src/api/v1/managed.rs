//! What the nouns have in common that the gateway itself keeps: listed, got, added, edited and removed in one way.
//!
//! Each macro makes one handler with its description. What is special of a noun stands in its own file.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// An answer with its generation as the entity tag.
pub(super) fn tagged(status: StatusCode, generation: i64, body: impl Serialize) -> Response {
    let mut response = (status, Json(body)).into_response();
    if let Ok(etag) = HeaderValue::from_str(&format!("\"{generation}\"")) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

/// `list`, page by page, and its schema.
macro_rules! listed {
    (
        $(#[$doc:meta])*
        list $operation:literal of $tag:literal at $path:literal by $act:ident: $noun:ty as $page:ident
    ) => {
        /// A page.
        #[derive(serde::Serialize, utoipa::ToSchema)]
        struct $page {
            /// What is on it.
            items: Vec<$noun>,
            /// Hand it in as `page_token` for the next page; `null` on the last.
            next_page_token: Option<String>,
        }

        $(#[$doc])*
        #[utoipa::path(get, path = $path, tag = $tag, operation_id = $operation,
            params(("q" = Option<String>, Query, description = "Only what has this in its name."),
                ("tenant_id" = Option<crate::model::TenantId>, Query, description = "Only what is directly in this tenant."),
                ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000,
                    description = "How many a page has at most; 100 when it is not said."),
                ("page_token" = Option<String>, Query,
                    description = "`next_page_token` of the page before, unchanged, with the same filters.")),
            responses((status = 200, description = "A page.", body = $page)))]
        async fn list(
            axum::extract::State(api): axum::extract::State<Api>,
            axum::Extension(session): axum::Extension<crate::app::Session>,
            super::super::extract::Params(params): super::super::extract::Params,
        ) -> Result<axum::Json<$page>, super::super::problem::Problem> {
            let page = api.app().$act(&session, &params)?;
            Ok(axum::Json($page { items: page.items, next_page_token: page.next_page_token }))
        }
    };
}
pub(super) use listed;

/// `get`.
macro_rules! got {
    (
        $(#[$doc:meta])*
        get $operation:literal of $tag:literal at $path:literal by $act:ident: $noun:ty as $id:ty
    ) => {
        $(#[$doc])*
        #[utoipa::path(get, path = $path, tag = $tag, operation_id = $operation,
            params(("id" = $id, Path, description = "Its id.")),
            responses((status = 200, description = "It.", body = $noun,
                headers(("etag" = String, description = "Its generation.")))))]
        async fn get(
            axum::extract::State(api): axum::extract::State<Api>,
            axum::Extension(session): axum::Extension<crate::app::Session>,
            _: super::super::extract::NoParams,
            super::super::extract::Id(id): super::super::extract::Id<$id>,
        ) -> Result<axum::response::Response, super::super::problem::Problem> {
            let noun = api.app().$act(&session, id)?;
            Ok(super::managed::tagged(axum::http::StatusCode::OK, noun.generation, noun))
        }
    };
}
pub(super) use got;

/// `create`, once where that is asked for, or as a trial.
macro_rules! created {
    (
        $(#[$doc:meta])*
        create $operation:literal of $tag:literal at $path:literal by $act:ident: $noun:ty, $body:ty
    ) => {
        $(#[$doc])*
        #[utoipa::path(post, path = $path, tag = $tag, operation_id = $operation,
            params(("dry_run" = Option<bool>, Query,
                description = "Check it, answer what would be added (`200`), and keep nothing, its id and `Idempotency-Key` neither."),
                ("idempotency-key" = Option<String>, Header,
                description = "Names the request: sent again within 24 hours it is answered alike, and done once.")),
            request_body = $body,
            responses((status = 200, description = "What would be added, with `dry_run`.", body = $noun),
                (status = 201, description = "Added.", body = $noun, headers(
                    ("location" = String, description = "Its address."),
                    ("etag" = String, description = "Its generation.")))))]
        async fn create(
            axum::extract::State(api): axum::extract::State<Api>,
            axum::Extension(session): axum::Extension<crate::app::Session>,
            super::super::extract::DryRun(mode): super::super::extract::DryRun,
            super::super::once::Creating(body, key): super::super::once::Creating<$body>,
        ) -> Result<axum::response::Response, super::super::problem::Problem> {
            use super::super::once;
            let made = |noun: &$noun| {
                let etag = Some(format!("\"{}\"", noun.generation));
                once::Made::new(format!(concat!($path, "/{}"), noun.id), etag, noun)
            };
            let key = if mode == crate::app::Mode::Real { once::once(key, made) } else { None };
            let done = api.app().$act(&session, body.into(), key, mode).await?;
            match (mode, done) {
                (crate::app::Mode::DryRun, crate::app::Outcome::Done(noun, _)) => {
                    Ok(axum::response::IntoResponse::into_response(axum::Json(noun)))
                }
                (_, done) => once::answer(done, made),
            }
        }
    };
}
pub(super) use created;

/// `edit`, or its trial.
macro_rules! edited {
    (
        $(#[$doc:meta])*
        edit $operation:literal of $tag:literal at $path:literal by $act:ident: $noun:ty as $id:ty, $body:ty
    ) => {
        $(#[$doc])*
        #[utoipa::path(patch, path = $path, tag = $tag, operation_id = $operation,
            params(("id" = $id, Path, description = "Its id."),
                ("dry_run" = Option<bool>, Query,
                    description = "Check it, answer it as it would be, and change nothing."),
                ("if-match" = Option<String>, Header, description = "The generation that is edited, as in `ETag`.")),
            request_body = $body,
            responses((status = 200, description = "As it is now.", body = $noun,
                headers(("etag" = String, description = "Its generation now.")))))]
        async fn edit(
            axum::extract::State(api): axum::extract::State<Api>,
            axum::Extension(session): axum::Extension<crate::app::Session>,
            super::super::extract::DryRun(mode): super::super::extract::DryRun,
            super::super::extract::Id(id): super::super::extract::Id<$id>,
            headers: axum::http::HeaderMap,
            super::super::extract::Body(body): super::super::extract::Body<$body>,
        ) -> Result<axum::response::Response, super::super::problem::Problem> {
            let expected = super::if_match(&headers)?;
            let noun = api.app().$act(&session, id, expected, body.try_into()?, mode).await?;
            Ok(super::managed::tagged(axum::http::StatusCode::OK, noun.generation, noun))
        }
    };
}
pub(super) use edited;

/// `remove`.
macro_rules! removed {
    (
        $(#[$doc:meta])*
        remove $operation:literal of $tag:literal at $path:literal by $act:ident: $id:ty
    ) => {
        $(#[$doc])*
        #[utoipa::path(delete, path = $path, tag = $tag, operation_id = $operation,
            params(("id" = $id, Path, description = "Its id."),
                ("if-match" = Option<String>, Header, description = "The generation that is removed, as in `ETag`.")),
            responses((status = 204, description = "Removed.")))]
        async fn remove(
            axum::extract::State(api): axum::extract::State<Api>,
            axum::Extension(session): axum::Extension<crate::app::Session>,
            _: super::super::extract::NoParams,
            super::super::extract::Id(id): super::super::extract::Id<$id>,
            headers: axum::http::HeaderMap,
        ) -> Result<axum::http::StatusCode, super::super::problem::Problem> {
            api.app().$act(&session, id, super::if_match(&headers)?).await?;
            Ok(axum::http::StatusCode::NO_CONTENT)
        }
    };
}
pub(super) use removed;
