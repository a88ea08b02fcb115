//! The browser's session: a cookie that holds the same kind of token that programs send as `Authorization: Bearer`.
//!
//! A page never sees the token (`HttpOnly`), and no other site can make the browser act with it: the cookie is
//! `SameSite=Strict`, and what changes something is only done when the request proves that a page of this very origin
//! sent it. A request that brings its own bearer token needs no such proof: no browser adds one by itself.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::problem::{Problem, ProblemType};
use crate::app::SignedIn;
use crate::model::secret::ExposeSecret;

/// The header that pages add to what changes something. Another site cannot add it without being allowed to, which nobody is.
pub(super) const GUARD: HeaderName = HeaderName::from_static("x-spandrel-portal");
/// The cookie under `https`. Its prefix makes browsers refuse one that another host of the domain has set.
const SECURE_NAME: &str = "__Host-spandrel";
/// The cookie without TLS, for trying it on loopback.
const PLAIN_NAME: &str = "spandrel";
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The token in a request's cookies, if there is one.
pub(super) fn token(headers: &HeaderMap) -> Option<&str> {
    let find = |name: &str| {
        let all = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
        let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    find(SECURE_NAME).or_else(|| find(PLAIN_NAME))
}

/// The `Set-Cookie` of a new session.
pub(super) fn begin(signed_in: &SignedIn, request: &HeaderMap) -> Option<HeaderValue> {
    let expires = signed_in.expires_at.format("%a, %d %b %Y %H:%M:%S GMT");
    let (name, secure) = if by_https(request) { (SECURE_NAME, "; Secure") } else { (PLAIN_NAME, "") };
    let token = signed_in.token.expose_secret();
    let text = format!("{name}={token}; Path=/; HttpOnly; SameSite=Strict; Expires={expires}{secure}");
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The `Set-Cookie`s that take the session's cookie away, under either name.
pub(super) fn end() -> [HeaderValue; 2] {
    [
        HeaderValue::from_static("__Host-spandrel=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0; Secure"),
        HeaderValue::from_static("spandrel=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"),
    ]
}

/// Whether the browser speaks TLS, also when a proxy in between ends it: browsers say the page's origin in every POST.
fn by_https(request: &HeaderMap) -> bool {
    request.get(header::ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https://"))
}

/// Whether a method only reads.
pub(super) fn only_reads(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Refuses what a page of another origin may have sent.
///
/// The browser's own word (`Sec-Fetch-Site`) goes first; where it is missing (no TLS and not loopback) the page's origin must
/// be the address that was asked. A request that has neither does not come from a browser that could be trusted to guard
/// its cookies.
pub(super) fn same_origin(headers: &HeaderMap) -> Result<(), Problem> {
    let refuse = |why: &str| Err(Problem::new(ProblemType::CrossSite, why));
    if !headers.contains_key(GUARD) {
        return refuse("With a cookie, what changes something needs the header `X-Spandrel-Portal: 1`.");
    }
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return match site.as_bytes() {
            b"same-origin" => Ok(()),
            _ => refuse("The browser says that a page of another site sent it."),
        };
    }
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let origin = text(header::ORIGIN).and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
    match (origin, text(header::HOST)) {
        (Some(origin), Some(host)) if origin.eq_ignore_ascii_case(host) => Ok(()),
        _ => refuse("The header `Origin` is not the address that was asked."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn the_token_is_found_among_other_cookies() {
        let token_of = |cookies: &str| token(&headers(&[("cookie", cookies)])).map(str::to_owned);
        assert_eq!(token_of("spandrel=a"), Some("a".to_owned()));
        assert_eq!(token_of("x=1; spandrel=a ;y=2"), Some("a".to_owned()));
        assert_eq!(token_of("spandrel=a; __Host-spandrel=b"), Some("b".to_owned()), "the guarded one goes first");
        for none in ["", "spandrel", "xspandrel=a", "x=spandrel=a"] {
            assert_eq!(token_of(none), None, "{none}");
        }
        assert_eq!(token(&HeaderMap::new()), None);
    }

    #[test]
    fn only_the_same_origin_may_change_something() {
        const GUARDED: (&str, &str) = ("x-spandrel-portal", "1");
        let ok = |pairs: &[(&str, &str)]| same_origin(&headers(pairs)).is_ok();
        assert!(ok(&[GUARDED, ("sec-fetch-site", "same-origin")]));
        assert!(ok(&[GUARDED, ("origin", "https://gw.example"), ("host", "gw.example")]));
        assert!(ok(&[GUARDED, ("origin", "http://127.0.0.1:8480"), ("host", "127.0.0.1:8480")]));
        assert!(!ok(&[("sec-fetch-site", "same-origin")]), "without the header");
        for site in ["same-site", "cross-site", "none", ""] {
            assert!(!ok(&[GUARDED, ("sec-fetch-site", site)]), "{site}");
            let both = [GUARDED, ("sec-fetch-site", site), ("origin", "http://gw.example"), ("host", "gw.example")];
            assert!(!ok(&both), "{site}: the browser's word goes first");
        }
        assert!(!ok(&[GUARDED]));
        assert!(!ok(&[GUARDED, ("host", "gw.example")]));
        assert!(!ok(&[GUARDED, ("origin", "null"), ("host", "null")]));
        assert!(!ok(&[GUARDED, ("origin", "https://evil.example"), ("host", "gw.example")]));
        assert!(!ok(&[GUARDED, ("origin", "https://gw.example:444"), ("host", "gw.example")]));
    }
}
