//! What happens to every request before and after its handler: its id, its trace span, its metrics, the time limit, who
//! asks, the headers that every answer has, and the last words of a problem.

use std::any::Any;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, UpDownCounter};
use tracing::Instrument;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::Api;
use super::audit::RequestId;
use super::cookie;
use super::extract::{Caller, bearer};
use super::problem::{Problem, ProblemType};
use crate::app::Origin;

/// The header by which a request is found in logs and traces.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest path with query, bytes: 256 ids in a filter fit three times.
const URI_MAX: usize = 32 << 10;
/// The largest headers, bytes.
const HEADERS_MAX: usize = 32 << 10;

/// Metrics of the API.
#[derive(Clone)]
pub(super) struct Metrics {
    duration: Histogram<f64>,
    active: UpDownCounter<i64>,
}

impl Metrics {
    /// Instruments of the process-wide meter provider, which must be set before.
    pub fn new() -> Self {
        let meter = opentelemetry::global::meter("spandrel.api");
        Self {
            duration: meter
                .f64_histogram("http.server.request.duration")
                .with_unit("s")
                .with_description("Time from a request's head to its answer's head.")
                .with_boundaries(vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])
                .build(),
            active: meter
                .i64_up_down_counter("http.server.active_requests")
                .with_description("Requests that are being answered.")
                .build(),
        }
    }
}

/// Counts one request for as long as it lives, also when its client goes away.
struct Active(UpDownCounter<i64>);

impl Active {
    fn new(counter: &UpDownCounter<i64>) -> Self {
        counter.add(1, &[]);
        Self(counter.clone())
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.add(-1, &[]);
    }
}

/// The outermost layer of every route: request id, span, metrics, common headers, and the bodies of problems.
pub(super) async fn observe(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let active = Active::new(&api.metrics().active);
    let request_id = request_id(request.headers());
    request.extensions_mut().insert(RequestId(request_id.clone()));
    let method = known_method(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let path = request.uri().path().to_owned();
    // Only the path's template and never the query or a header: both may hold what is not for logs.
    let span = tracing::info_span!(
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        http.request.method = method,
        http.route = route,
        http.response.status_code = tracing::field::Empty,
        request_id = request_id,
        user = tracing::field::Empty,
    );
    continue_trace(&span, request.headers());
    let response = match too_large(&request) {
        Some(problem) => problem.into_response(),
        None => next.run(request).instrument(span.clone()).await,
    };
    let status = response.status();
    span.record("http.response.status_code", status.as_u16());
    let elapsed = started.elapsed();
    span.in_scope(|| log(method, &response, elapsed));
    api.metrics().duration.record(
        elapsed.as_secs_f64(),
        &[
            KeyValue::new("http.request.method", method),
            KeyValue::new("http.route", route),
            KeyValue::new("http.response.status_code", i64::from(status.as_u16())),
        ],
    );
    drop(active);
    finish(response, &path, &request_id)
}

/// The problem of a request whose head is larger than anything sensible needs. What is larger than the server's own
/// bounds never gets here.
fn too_large(request: &Request) -> Option<Problem> {
    let uri = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if uri > URI_MAX {
        let detail = format!("The path and the query are {uri} bytes; at most {URI_MAX} are taken.");
        return Some(Problem::new(ProblemType::UriTooLong, detail).with("limit_bytes", URI_MAX));
    }
    let headers: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers > HEADERS_MAX {
        let detail = format!("The headers are {headers} bytes; at most {HEADERS_MAX} are taken.");
        return Some(Problem::new(ProblemType::HeadersTooLarge, detail).with("limit_bytes", HEADERS_MAX));
    }
    None
}

/// Makes the request's span a child of the caller's, as its `traceparent` (W3C Trace Context) says. A malformed one counts
/// as none. Must come before the span is entered.
fn continue_trace(span: &tracing::Span, headers: &HeaderMap) {
    struct Carrier<'a>(&'a HeaderMap);
    impl opentelemetry::propagation::Extractor for Carrier<'_> {
        fn get(&self, key: &str) -> Option<&str> {
            self.0.get(key).and_then(|value| value.to_str().ok())
        }

        fn keys(&self) -> Vec<&str> {
            self.0.keys().map(HeaderName::as_str).collect()
        }
    }
    if headers.contains_key("traceparent") {
        let parent = opentelemetry::global::get_text_map_propagator(|propagator| propagator.extract(&Carrier(headers)));
        // Refused when nothing is traced at all.
        let _ = span.set_parent(parent);
    }
}

/// On an answer: it was asked by somebody who is signed in.
#[derive(Clone, Copy)]
struct SignedIn;

fn log(method: &str, response: &Response, elapsed: Duration) {
    let status = response.status();
    let problem = response.extensions().get::<Problem>().map(|problem| problem.kind().slug());
    let duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    if status.is_server_error() {
        tracing::warn!(status = status.as_u16(), problem, duration_ms, "answered");
    } else if response.extensions().get::<SignedIn>().is_some() && is_worth_telling(method, status) {
        tracing::info!(status = status.as_u16(), problem, duration_ms, "refused");
    } else {
        tracing::debug!(status = status.as_u16(), problem, duration_ms, "answered");
    }
}

/// Whether an operator wants to know that it was refused: what was not allowed, and changes that were not made. Not what a
/// program asks again and again, and what is not there; that would fill the log.
fn is_worth_telling(method: &str, status: StatusCode) -> bool {
    match status {
        StatusCode::FORBIDDEN => true,
        StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND | StatusCode::TOO_MANY_REQUESTS => false,
        status => status.is_client_error() && !matches!(method, "GET" | "HEAD" | "OPTIONS"),
    }
}

/// The method as a label: what is not of HTTP's own cannot fill the metrics with labels.
pub(super) fn known_method(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("_OTHER")
}

/// The client's own id where it is a sane one, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    let sane = |id: &&str| {
        (1..=128).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    given.filter(sane).map_or_else(|| hex::encode(rand::random::<[u8; 16]>()), str::to_owned)
}

/// Adds what every answer has, and writes the body of a problem.
fn finish(mut response: Response, path: &str, request_id: &str) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let body = problem.to_json(Some(path), Some(request_id));
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        *response.body_mut() = Body::from(body);
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Pages bring their own, wider policies.
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Lets only signed-in callers through, and tells the handlers who it is. A bearer token goes before a cookie.
pub(super) async fn authenticate(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let bearer = bearer(request.headers());
    let token = bearer.or_else(|| cookie::token(request.headers()));
    if bearer.is_none()
        && token.is_some()
        && !cookie::only_reads(request.method())
        && let Err(problem) = cookie::same_origin(request.headers())
    {
        return problem.into_response();
    }
    match api.app().authenticate(token).await {
        Ok(mut session) => {
            tracing::Span::current().record("user", &session.login_name);
            if let Some(origin) = request.extensions().get::<Origin>() {
                session = session.asked_by(origin);
            }
            request.extensions_mut().insert(Caller(session.principal.clone()));
            request.extensions_mut().insert(session);
            let mut response = next.run(request).await;
            response.extensions_mut().insert(SignedIn);
            response
        }
        Err(error) => Problem::from(error).into_response(),
    }
}

/// Gives a request up when it takes too long.
pub(super) async fn limit_time(limit: Duration, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            tracing::warn!(limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX), "request timed out");
            Problem::new(ProblemType::TimedOut, format!("It was not done within {} s.", limit.as_secs()))
                .into_response()
        }
    }
}

/// What is answered when a handler panics. The panic's own text goes to the log only.
pub(super) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = text.unwrap_or("not a text"), "a handler panicked");
    Problem::new(ProblemType::Internal, "The gateway could not do it. The cause is in its log under this request_id.")
        .into_response()
}

/// What is answered to an unknown path.
pub(super) async fn unknown_route() -> Problem {
    Problem::new(ProblemType::UnknownRoute, "There is no such address. Every address is listed at /docs.")
}

/// What is answered to a method that a path does not have.
pub(super) async fn method_not_allowed() -> Problem {
    Problem::new(
        ProblemType::MethodNotAllowed,
        "The address does not have this method; the header `Allow` names those that it has.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sane_request_ids_are_taken_over() {
        let id_of = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(value).unwrap());
            request_id(&headers)
        };
        assert_eq!(id_of("abc-1.2_3"), "abc-1.2_3");
        for bad in ["", "a b", "a\"b", "<x>", &"x".repeat(129)] {
            assert_ne!(id_of(bad), bad);
            assert_eq!(id_of(bad).len(), 32);
        }
    }

    #[test]
    fn what_was_not_allowed_and_not_changed_is_worth_telling() {
        let check = |method: &str, status: u16, expected: bool| {
            assert_eq!(is_worth_telling(method, StatusCode::from_u16(status).unwrap()), expected, "{method} {status}");
        };
        check("POST", 422, true);
        check("POST", 409, true);
        check("PATCH", 412, true);
        check("GET", 403, true);
        check("DELETE", 404, false);
        check("GET", 400, false);
        check("GET", 404, false);
        check("POST", 401, false);
        check("POST", 429, false);
        check("POST", 201, false);
    }

    #[test]
    fn unknown_methods_are_one_label() {
        assert_eq!(known_method(&Method::GET), "GET");
        assert_eq!(known_method(&Method::from_bytes(b"BREW").unwrap()), "_OTHER");
    }
}
