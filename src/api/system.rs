//! Whether the gateway is well, its metrics, and the API's description.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::portal::accepts;
use super::v1::not_modified;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .routes(routes!(metrics))
        .routes(routes!(openapi))
}

/// Whether the process lives
///
/// Always 200 while the process can answer at all.
#[utoipa::path(get, path = "/healthz", tag = "Gateway", operation_id = "healthz", security(()),
    responses((status = 200, description = "It lives.", body = String, content_type = "text/plain")))]
async fn healthz() -> &'static str {
    "ok\n"
}

/// What is ready and what is not.
#[derive(Serialize, ToSchema)]
struct Readiness {
    /// Whether requests can be answered.
    ready: bool,
    /// Whether the inventory holds what is stored.
    inventory: bool,
    /// Whether the database answers.
    database: bool,
}

/// Whether requests can be answered
///
/// 200 as soon as the inventory is loaded and the database answers.
#[utoipa::path(get, path = "/readyz", tag = "Gateway", operation_id = "readyz", security(()),
    responses(
        (status = 200, description = "Requests can be answered.", body = Readiness),
        (status = 503, description = "Not yet, or not at present.", body = Readiness)))]
async fn readyz(State(api): State<Api>) -> Response {
    let state = api.app().ready().await;
    let ready = state.is_ready() && !api.options().shutdown.is_cancelled();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = Readiness { ready, inventory: state.inventory, database: state.database };
    (status, Json(body)).into_response()
}

/// Metrics of the gateway
///
/// In the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "Gateway", operation_id = "metrics", security(()),
    responses((status = 200, description = "All metrics.", body = String, content_type = "text/plain")))]
async fn metrics(State(api): State<Api>) -> Response {
    let text = (api.options().metrics_text)();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// This description
#[utoipa::path(get, path = "/v1/openapi.json", tag = "Gateway", operation_id = "openapi", security(()),
    responses(
        (status = 200, description = "The API's description, OpenAPI 3.1.", content_type = "application/json"),
        (status = 304, description = "It is still the one of `If-None-Match`.")))]
async fn openapi(State(api): State<Api>, headers: HeaderMap) -> Response {
    let described = api.openapi();
    if let Some(response) = not_modified(&headers, &described.etag) {
        return response;
    }
    let gzip = accepts(&headers, "gzip");
    let body = if gzip { &described.gzip } else { &described.plain };
    let mut response = ([(header::CONTENT_TYPE, "application/json")], body.clone()).into_response();
    let headers = response.headers_mut();
    if gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if let Ok(etag) = HeaderValue::from_str(&described.etag) {
        headers.insert(header::ETAG, etag);
    }
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
