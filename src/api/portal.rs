//! The portal: the files that `./dev` built from `portal/`, out of the binary.
//!
//! A debug build reads them from `portal/dist` instead, so that a change of the portal needs no new gateway. Files whose
//! names hold a hash of their content may be kept for ever; everything else is asked for each time. An address that is no
//! file is the application's own (a deep link) when a person asks for it, and an unknown route for everybody else.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::middleware::unknown_route;
use super::v1::not_modified;

#[derive(RustEmbed)]
#[folder = "portal/dist"]
#[allow_missing = true]
struct Files;

/// The page of the application.
const INDEX: &str = "index.html";
/// Where the files with a hash in their names are.
const HASHED: &str = "assets/";
/// What is never the application's.
const NOT_OURS: [&str; 6] = ["v1", "docs", "metrics", "healthz", "readyz", "assets"];
/// The codings that files are kept in besides the plain one, the smallest first.
const CODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// Everything comes from here and nothing is written into the page: no inline script, no inline style. Scripts set styles
/// through the CSSOM, which the policy does not concern. `data:` is for the pictures in PatternFly's style sheets.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
                      connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'; require-trusted-types-for 'script'";

/// Shown when the binary was built without the portal.
const MISSING: &str = include_str!("assets/no_portal.html");

/// Answers what no route of the API does.
pub(super) async fn fallback(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if !matches!(method, Method::GET | Method::HEAD) {
        return unknown_route().await.into_response();
    }
    let path = uri.path().trim_start_matches('/');
    if let Some(file) = Files::get(path).filter(|_| is_public(path)) {
        return serve(path, &file, &headers);
    }
    let first = path.split('/').next().unwrap_or_default();
    if NOT_OURS.contains(&first) || !(path.is_empty() || for_a_person(&headers)) {
        return unknown_route().await.into_response();
    }
    match Files::get(INDEX) {
        Some(index) => serve(INDEX, &index, &headers),
        None => policed(page(MISSING.as_bytes().to_vec(), "text/html; charset=utf-8")),
    }
}

/// Whether a file may be asked for by its name: the compressed forms are no files of their own.
fn is_public(path: &str) -> bool {
    path != INDEX && !CODINGS.iter().any(|(_, suffix)| path.ends_with(suffix))
}

/// A browser that goes to an address wants a page; a script or a program does not say so.
fn for_a_person(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.split(',').any(|kind| kind.trim_start().starts_with("text/html")))
}

fn serve(path: &str, file: &EmbeddedFile, headers: &HeaderMap) -> Response {
    let etag = format!("\"{}\"", hex::encode(&file.metadata.sha256_hash()[..16]));
    if let Some(response) = not_modified(headers, &etag) {
        return guarded(response, path, &etag, None);
    }
    let coded = CODINGS.iter().filter(|(coding, _)| accepts(headers, coding)).find_map(|(coding, suffix)| {
        let file = Files::get(&format!("{path}{suffix}"))?;
        Some((*coding, file))
    });
    let (coding, data) = match coded {
        Some((coding, file)) => (Some(coding), file.data.into_owned()),
        None => (None, file.data.clone().into_owned()),
    };
    guarded(page(data, content_type(path)), path, &etag, coding)
}

fn page(data: Vec<u8>, content_type: &'static str) -> Response {
    let mut response = (StatusCode::OK, data).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// The policy. A `304` says it too: a browser keeps the page with the headers of the last answer, so that the API's own policy
/// would make a reloaded page an empty one.
fn policed(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    // A page that opens us, or that we open, gets no handle on our window.
    headers.insert(HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));
    response
}

/// The headers about keeping it, and the policy.
fn guarded(response: Response, path: &str, etag: &str, coding: Option<&'static str>) -> Response {
    let mut response = policed(response);
    let headers = response.headers_mut();
    let keep = if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = HeaderValue::from_str(etag) {
        headers.insert(header::ETAG, etag);
    }
    if let Some(coding) = coding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    response
}

/// Whether the client takes a coding: named, and not with the weight nought.
pub(super) fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    let all = headers.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    let mut parts = all.flat_map(|value| value.split(','));
    parts.any(|part| {
        let (name, weight) = part.split_once(';').unwrap_or((part, ""));
        let weight = weight.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
        name.trim().eq_ignore_ascii_case(coding) && weight.is_ok_and(|weight| weight > 0.0)
    })
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn codings_are_taken_as_they_are_offered() {
        let takes = |value: &str, coding: &str| accepts(&headers(header::ACCEPT_ENCODING, value), coding);
        assert!(takes("gzip, deflate, br", "br") && takes("GZIP;q=0.5", "gzip"));
        assert!(!takes("gzip", "br") && !takes("br;q=0", "br") && !takes("*", "br") && !takes("br;q=x", "br"));
    }

    #[test]
    fn people_ask_for_pages() {
        assert!(for_a_person(&headers(header::ACCEPT, "text/html,application/xhtml+xml;q=0.9")));
        assert!(for_a_person(&headers(header::ACCEPT, "application/xhtml+xml, text/html")));
        assert!(!for_a_person(&headers(header::ACCEPT, "*/*")) && !for_a_person(&HeaderMap::new()));
    }

    #[test]
    fn the_policy_lets_nothing_inline_through() {
        assert!(POLICY.contains("default-src 'none'") && POLICY.contains("frame-ancestors 'none'"));
        assert!(!POLICY.contains("unsafe") && !POLICY.contains('*') && !POLICY.contains("http"));
        assert!(!MISSING.contains("<script") && !MISSING.contains("style"));
    }

    #[test]
    fn a_page_that_is_not_modified_keeps_its_policy() {
        let response = guarded(StatusCode::NOT_MODIFIED.into_response(), INDEX, "\"a\"", None);
        assert_eq!(response.headers()[header::CONTENT_SECURITY_POLICY], POLICY);
        assert_eq!(response.headers()["cross-origin-opener-policy"], "same-origin");
    }

    #[test]
    fn compressed_forms_are_not_files_of_their_own() {
        assert!(is_public("assets/a.js") && !is_public("assets/a.js.br") && !is_public("assets/a.js.gz"));
        assert!(!is_public("index.html"));
    }
}
