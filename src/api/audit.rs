//! After the answer: every request that would change something, every sign-in and every denial leaves one entry in the
//! audit log, unless its use case wrote one in its own transaction.
//!
//! Not written down is what only asks, what only tries (`dry_run=true`), and an answer that is given again by its `Idempotency-Key`.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::LazyLock;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;

use super::extract::bearer;
use super::{Api, cookie, middleware, once, openapi};
use crate::app::{Asked, Origin};
use crate::model::Door;

/// The id of a request, as [`middleware::observe`] settled it.
#[derive(Clone, Debug)]
pub(super) struct RequestId(pub(super) String);

/// Words of the log by method and route.
static WORDS: LazyLock<HashMap<(&'static str, String), Words>> = LazyLock::new(words);

/// What a route is called in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Words {
    /// Such as `provider.create`.
    action: String,
    /// Such as `provider`.
    object_kind: String,
}

fn words() -> HashMap<(&'static str, String), Words> {
    let mut words = HashMap::new();
    for (path, item) in openapi::document().paths.paths {
        for (method, operation) in
            [("GET", item.get), ("POST", item.post), ("PUT", item.put), ("PATCH", item.patch), ("DELETE", item.delete)]
        {
            if let Some(id) = operation.and_then(|operation| operation.operation_id) {
                words.insert((method, path.clone()), words_of(&path, &id));
            }
        }
    }
    words
}

/// `provider_create` under `/v1/providers` is `provider.create`: the noun is the collection's, or else the first word.
fn words_of(path: &str, operation_id: &str) -> Words {
    let collection = path.split('/').nth(2).unwrap_or_default().replace('-', "_");
    let noun = match collection.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None => collection.strip_suffix('s').unwrap_or(&collection).to_owned(),
    };
    let own = operation_id.strip_prefix(&noun).and_then(|rest| rest.strip_prefix('_'));
    let (noun, verb) = match own {
        Some(verb) => (noun.as_str(), Some(verb)),
        None => operation_id.split_once('_').map_or((operation_id, None), |(noun, verb)| (noun, Some(verb))),
    };
    match (noun, verb) {
        // By a cookie or not is what `door` says.
        ("login" | "logout", _) => Words { action: noun.to_owned(), object_kind: "session".to_owned() },
        ("password", Some(verb)) => Words { action: format!("password.{verb}"), object_kind: "user".to_owned() },
        (noun, Some(verb)) => Words { action: format!("{noun}.{verb}"), object_kind: noun.to_owned() },
        (noun, None) => Words { action: noun.to_owned(), object_kind: noun.to_owned() },
    }
}

/// Writes down what was asked for and how it was answered. Stands outside of all that could refuse a request.
pub(super) async fn record(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let Some(route) = route.filter(|route| route.starts_with("/v1/")) else { return next.run(request).await };
    let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let origin = Origin::new(address(&request), request_id, door(request.headers(), &route));
    request.extensions_mut().insert(origin.clone());
    let reads = cookie::only_reads(request.method());
    let method = middleware::known_method(request.method());
    let uri = request.uri().clone();
    let work = async move {
        let response = next.run(request).await;
        if is_told(reads || ASKS.contains(&route.as_str()), &uri, &response)
            && let Some(words) = WORDS.get(&(method, route.clone()))
        {
            let asked = Asked {
                action: words.action.clone(),
                object_kind: words.object_kind.clone(),
                object_id: object_id(&route, uri.path(), response.headers()),
                status: response.status().as_u16(),
            };
            api.app().audit_asked(&origin, asked).await;
        }
        response
    };
    if reads {
        return work.await;
    }
    // A client that goes away in the middle must not leave something done and untold.
    match tokio::spawn(work.in_current_span()).await {
        Ok(response) => response,
        Err(error) => middleware::panicked(Box::new(error.to_string())).into_response(),
    }
}

fn address(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip())
}

/// A bearer token goes before a cookie, as in [`middleware::authenticate`].
fn door(headers: &HeaderMap, route: &str) -> Door {
    let by_cookie = bearer(headers).is_none() && cookie::token(headers).is_some();
    if by_cookie || route == "/v1/login/cookie" { Door::Portal } else { Door::Api }
}

/// What is asked with a body, and changes nothing.
const ASKS: [&str; 3] = ["/v1/authz/simulate", "/v1/ownership-rules/preview", "/v1/projects/{id}/quota/try"];

fn is_told(reads: bool, uri: &Uri, response: &Response) -> bool {
    let status = response.status();
    if reads {
        return status == StatusCode::FORBIDDEN;
    }
    let tried = uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "dry_run=true"));
    let again = response.headers().contains_key(once::REPLAYED);
    !status.is_success() || !tried && !again
}

/// The id in the path, or of what was made.
fn object_id(route: &str, path: &str, answer: &HeaderMap) -> Option<String> {
    let in_path = route.split('/').zip(path.split('/')).find(|(name, _)| name.starts_with('{'));
    let location = || answer.get(header::LOCATION)?.to_str().ok()?.rsplit('/').next();
    in_path.map(|(_, id)| id).or_else(location).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_have_words() {
        let check = |path: &str, id: &str, action: &str, kind: &str| {
            let expected = Words { action: action.to_owned(), object_kind: kind.to_owned() };
            assert_eq!(words_of(path, id), expected, "{path}");
        };
        check("/v1/providers", "provider_create", "provider.create", "provider");
        check("/v1/providers/test", "provider_test_new", "provider.test_new", "provider");
        check("/v1/login", "login", "login", "session");
        check("/v1/login/cookie", "login_cookie", "login", "session");
        check("/v1/logout", "logout", "logout", "session");
        check("/v1/account/password", "password_change", "password.change", "user");
        check("/v1/resource-pools/{id}", "resource_pool_get", "resource_pool.get", "resource_pool");
        check("/v1/storage-policies", "storage_policy_list", "storage_policy.list", "storage_policy");
        check("/v1/authz/simulate", "authz_simulate", "authz.simulate", "authz");
    }

    #[test]
    fn every_route_that_writes_has_words_of_its_own() {
        let mut actions: Vec<&str> = WORDS
            .iter()
            .filter(|((method, path), _)| *method != "GET" && path != "/v1/login/cookie")
            .map(|(_, words)| words.action.as_str())
            .collect();
        let all = actions.len();
        assert!(all >= 12, "only {all}");
        actions.sort_unstable();
        actions.dedup();
        assert_eq!(actions.len(), all, "two are called alike");
    }

    #[test]
    fn ids_are_found() {
        let none = HeaderMap::new();
        let made = HeaderMap::from_iter([(header::LOCATION, "/v1/tokens/7".parse().unwrap())]);
        assert_eq!(object_id("/v1/tokens/{id}", "/v1/tokens/5", &none).as_deref(), Some("5"));
        assert_eq!(object_id("/v1/tokens", "/v1/tokens", &made).as_deref(), Some("7"));
        assert_eq!(object_id("/v1/tokens", "/v1/tokens", &none), None);
    }
}
