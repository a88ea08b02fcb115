//! Version 1: one file per noun. The kinds of the inventory, which can only be read, share [`nouns`].

pub(super) mod audit;
pub(super) mod bindings;
pub(super) mod groups;
pub(super) mod history;
mod managed;
pub(super) mod nouns;
pub(super) mod nouns_doc;
pub(super) mod ownership;
pub(super) mod projects;
pub(super) mod providers;
pub(super) mod quotas;
pub(super) mod roles;
pub(super) mod search;
pub(super) mod session;
pub(super) mod tenants;
pub(super) mod tokens;
pub(super) mod users;
pub(super) mod watch;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::{Problem, ProblemType};
use crate::app::Answer;

/// A list that is complete: it has no pages.
#[derive(Serialize, ToSchema)]
pub(super) struct Items<T> {
    /// All of them.
    pub items: Vec<T>,
}

/// An answer that was put together elsewhere.
fn json(answer: Answer) -> Response {
    let mut response = ([(header::CONTENT_TYPE, "application/json")], answer.json).into_response();
    if let Some(etag) = answer.etag.and_then(|etag| HeaderValue::from_str(&etag).ok()) {
        response.headers_mut().insert(header::ETAG, etag);
        // It may be kept, but must be asked for each time.
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    }
    response
}

/// `304` when the caller has what would be answered.
pub(super) fn not_modified(headers: &HeaderMap, etag: &str) -> Option<Response> {
    let known = tags(headers, header::IF_NONE_MATCH)?;
    // The weak comparison, as RFC 9110 asks for: a compressing proxy makes tags weak.
    let opaque = |tag: &str| tag.trim_start_matches("W/").to_owned();
    let same = known.iter().any(|tag| tag == "*" || opaque(tag) == opaque(etag));
    let value = HeaderValue::from_str(etag).ok()?;
    same.then(|| {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        response.headers_mut().insert(header::ETAG, value);
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        response
    })
}

/// The generations that `If-Match` accepts; `None` when it accepts any.
///
/// # Errors
/// `bad-request` when the header is not a list of entity tags.
fn if_match(headers: &HeaderMap) -> Result<Option<Vec<String>>, Problem> {
    if !headers.contains_key(header::IF_MATCH) {
        return Ok(None);
    }
    let tags = tags(headers, header::IF_MATCH).ok_or_else(|| {
        Problem::new(ProblemType::BadRequest, "`If-Match` is not `*` or a list of entity tags such as `\"3\"`.")
            .with("field", "If-Match")
    })?;
    if tags.iter().any(|tag| tag == "*") {
        return Ok(None);
    }
    // The strong comparison: a weak tag never matches.
    Ok(Some(tags.iter().filter(|tag| !tag.starts_with("W/")).map(|tag| tag.trim_matches('"').to_owned()).collect()))
}

/// The entity tags of a header; `None` when it is absent or malformed.
fn tags(headers: &HeaderMap, name: header::HeaderName) -> Option<Vec<String>> {
    let mut tags = Vec::new();
    for value in headers.get_all(&name) {
        for tag in value.to_str().ok()?.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
            let opaque = tag.strip_prefix("W/").unwrap_or(tag);
            let quoted = opaque.len() >= 2 && opaque.starts_with('"') && opaque.ends_with('"');
            if tag != "*" && !quoted {
                return None;
            }
            tags.push(tag.to_owned());
        }
    }
    (!tags.is_empty()).then_some(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn conditions_are_read() {
        let accepted = |value: &str| if_match(&headers(header::IF_MATCH, value)).unwrap();
        assert_eq!(if_match(&HeaderMap::new()).unwrap(), None);
        assert_eq!(accepted("*"), None);
        assert_eq!(accepted("\"3\""), Some(vec!["3".to_owned()]));
        assert_eq!(accepted("\"3\", \"4\""), Some(vec!["3".to_owned(), "4".to_owned()]));
        assert_eq!(accepted("W/\"3\""), Some(vec![]), "a weak tag never matches");
        assert!(if_match(&headers(header::IF_MATCH, "3")).is_err());
        assert!(if_match(&headers(header::IF_MATCH, " ")).is_err());
    }

    #[test]
    fn what_is_known_is_not_sent_again() {
        let same = |value: &str| not_modified(&headers(header::IF_NONE_MATCH, value), "\"a\"").is_some();
        assert!(same("\"a\"") && same("W/\"a\"") && same("\"b\", \"a\"") && same("*"));
        assert!(!same("\"b\"") && !same("a"));
        assert!(not_modified(&HeaderMap::new(), "\"a\"").is_none());
    }
}
