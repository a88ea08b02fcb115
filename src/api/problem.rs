//! Problem details (RFC 9457): the one place where errors become answers.
//!
//! Every error answer of the process is made here, also those for what the framework rejects. A [`ProblemType`] is
//! stable: programs tell problems apart by it, and its page under `/docs/problems/{slug}` says how to mend it. Internal
//! text never leaves the process: it is logged with the request id, and the answer carries the id.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::app::{Error, Invalid, Subject};

macro_rules! problem_types {
    ($($(#[$meta:meta])* $name:ident = $slug:literal, $status:ident, $title:literal;)+) => {
        /// What kind of problem it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ProblemType {
            $($(#[$meta])* $name),+
        }

        impl ProblemType {
            /// Every type.
            pub const ALL: &'static [ProblemType] = &[$(ProblemType::$name),+];

            /// The last part of the `type`, and the name of its page.
            #[must_use]
            pub const fn slug(self) -> &'static str {
                match self { $(ProblemType::$name => $slug),+ }
            }

            /// The HTTP status.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(ProblemType::$name => StatusCode::$status),+ }
            }

            /// The title: the same for every occurrence.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(ProblemType::$name => $title),+ }
            }

            /// The page that says what it means and how to mend it, Markdown.
            #[must_use]
            pub const fn page(self) -> &'static str {
                match self { $(ProblemType::$name => include_str!(concat!("../../docs/problems/", $slug, ".md"))),+ }
            }
        }
    };
}

problem_types! {
    /// The request line, a header or the body cannot be read at all.
    BadRequest = "bad-request", BAD_REQUEST, "The request cannot be read";
    /// The body is not JSON.
    InvalidJson = "invalid-json", BAD_REQUEST, "The body is not JSON";
    /// A filter of a list is unknown or malformed.
    InvalidFilter = "invalid-filter", BAD_REQUEST, "The filter cannot be used";
    /// The order of a list is unknown.
    InvalidSort = "invalid-sort", BAD_REQUEST, "The order cannot be used";
    /// The size of a page is out of bounds.
    InvalidLimit = "invalid-limit", BAD_REQUEST, "The limit is out of bounds";
    /// A page token is forged, foreign, or of another query.
    InvalidPageToken = "invalid-page-token", BAD_REQUEST, "The page token cannot be used";
    /// A revision that was never given out.
    InvalidRevision = "invalid-revision", BAD_REQUEST, "The revision was never given out";
    /// Another query parameter is unknown or malformed.
    InvalidParameter = "invalid-parameter", BAD_REQUEST, "The parameter cannot be used";
    /// There is no token, or it is not valid.
    Unauthenticated = "unauthenticated", UNAUTHORIZED, "Sign in first";
    /// The name or the password is wrong.
    InvalidCredentials = "invalid-credentials", UNAUTHORIZED, "The user name or the password is wrong";
    /// The caller may not do it.
    Forbidden = "forbidden", FORBIDDEN, "This is not allowed to you";
    /// A cookie signs it in, and another site may have sent it.
    CrossSite = "cross-site", FORBIDDEN, "Another site may have sent it";
    /// It does not exist, or may not be seen.
    NotFound = "not-found", NOT_FOUND, "It does not exist";
    /// The path is not one of the API.
    UnknownRoute = "unknown-route", NOT_FOUND, "There is no such address";
    /// The path does not have this method.
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "The address does not have this method";
    /// Another provider has the same name or address.
    ProviderExists = "provider-exists", CONFLICT, "The provider is there already";
    /// The provider is being removed.
    ProviderRemoving = "provider-removing", CONFLICT, "The provider is being removed";
    /// The provider is not synced at present.
    ProviderNotRunning = "provider-not-running", CONFLICT, "The provider is not running";
    /// It would give, take or change more than the caller has.
    BeyondYourRole = "beyond-your-role", FORBIDDEN, "It goes beyond your own roles";
    /// Something of the same name is there already.
    AlreadyExists = "already-exists", CONFLICT, "It is there already";
    /// Something else needs it as it is.
    InUse = "in-use", CONFLICT, "Something else needs it";
    /// The change log no longer reaches back that far.
    RevisionCompacted = "revision-compacted", GONE, "The revision is not in the change log: list again";
    /// It was changed in between.
    PreconditionFailed = "precondition-failed", PRECONDITION_FAILED, "It was changed in between";
    /// The body did not come in time.
    BodyTooSlow = "body-too-slow", REQUEST_TIMEOUT, "The body came too slowly";
    /// The path and query are too long.
    UriTooLong = "uri-too-long", URI_TOO_LONG, "The address is too long";
    /// The headers are too large.
    HeadersTooLarge = "headers-too-large", REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too large";
    /// The body is too large.
    BodyTooLarge = "body-too-large", PAYLOAD_TOO_LARGE, "The body is too large";
    /// The body is of another media type than JSON.
    UnsupportedMediaType = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "The body must be JSON";
    /// A member of the body cannot be accepted.
    InvalidField = "invalid-field", UNPROCESSABLE_ENTITY, "A field cannot be accepted";
    /// An idempotency key was used for another request.
    IdempotencyKeyReused = "idempotency-key-reused", UNPROCESSABLE_ENTITY, "The key was used for another request";
    /// Too many failed sign-ins.
    TooManyAttempts = "too-many-attempts", TOO_MANY_REQUESTS, "Too many failed sign-ins";
    /// An error of the gateway.
    Internal = "internal", INTERNAL_SERVER_ERROR, "The gateway has failed";
    /// It cannot be done now, but soon.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "Not now: try again soon";
    /// It took too long.
    TimedOut = "timed-out", GATEWAY_TIMEOUT, "It took too long";
}

impl ProblemType {
    /// The type of a slug.
    #[must_use]
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.slug() == slug)
    }

    /// The value of the member `type`: an address relative to the gateway's own.
    #[must_use]
    pub fn uri(self) -> String {
        format!("/docs/problems/{}", self.slug())
    }
}

/// An error answer.
///
/// As a response it has no body yet: the middleware writes it together with the request's id and path.
#[derive(Clone, Debug)]
pub struct Problem {
    kind: ProblemType,
    detail: String,
    extras: Map<String, Value>,
    retry_after_s: Option<u64>,
}

impl Problem {
    /// A problem and what exactly is wrong with this request.
    pub fn new(kind: ProblemType, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), extras: Map::new(), retry_after_s: None }
    }

    /// It cannot be done now, but perhaps in so many seconds.
    pub fn unavailable(detail: impl Into<String>, retry_after_s: u64) -> Self {
        Self { retry_after_s: Some(retry_after_s), ..Self::new(ProblemType::Unavailable, detail) }
    }

    /// The same with a further member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extras.insert(name.to_owned(), value.into());
        self
    }

    /// Which kind of problem it is.
    #[must_use]
    pub const fn kind(&self) -> ProblemType {
        self.kind
    }

    /// An internal error: `error` goes to the log, with the request's id from the surrounding span.
    fn internal(act: &str, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut chain = String::new();
        let mut next = Some(error);
        while let Some(error) = next {
            if !chain.is_empty() {
                chain.push_str(": ");
            }
            chain.push_str(&error.to_string());
            next = error.source();
        }
        tracing::error!(act, error = chain, "internal error");
        Self::new(ProblemType::Internal, "The gateway could not do it. The cause is in its log under this request_id.")
    }

    /// The answer's body.
    #[must_use]
    pub fn to_json(&self, instance: Option<&str>, request_id: Option<&str>) -> Vec<u8> {
        // What people read first stands first.
        let mut members = vec![
            ("type", json!(self.kind.uri())),
            ("title", json!(self.kind.title())),
            ("status", json!(self.kind.status().as_u16())),
            ("detail", json!(self.detail)),
        ];
        members.extend(instance.map(|instance| ("instance", json!(instance))));
        members.extend(request_id.map(|request_id| ("request_id", json!(request_id))));
        members.extend(self.extras.iter().map(|(name, value)| (name.as_str(), value.clone())));
        let members: Vec<String> =
            members.into_iter().map(|(name, value)| format!("{}:{value}", Value::from(name))).collect();
        format!("{{{}}}", members.join(",")).into_bytes()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.kind.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind == ProblemType::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"spandrel\""));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        use ProblemType as P;
        let detail = error.to_string();
        match error {
            Error::NotFound { .. } => Self::new(P::NotFound, detail),
            Error::Invalid(invalid) => invalid.into(),
            Error::ProviderExists { id, name, field } => Self::new(
                P::ProviderExists,
                format!("{detail}. Edit that one with PATCH /v1/providers/{id}, or give another value."),
            )
            .with("field", field)
            .with("provider_id", id.to_string())
            .with("provider_name", name),
            Error::ProviderRemoving(id) => Self::new(
                P::ProviderRemoving,
                format!("{detail}. Wait until GET /v1/providers/{id} answers 404, then add it again."),
            )
            .with("provider_id", id.to_string()),
            Error::ProviderNotRunning { id, .. } => {
                Self::new(P::ProviderNotRunning, detail).with("provider_id", id.to_string())
            }
            Error::Precondition { actual, .. } => {
                Self::new(P::PreconditionFailed, format!("{detail}. Read it again, and repeat with its new ETag."))
                    .with("generation", actual)
            }
            Error::IdempotencyKeyReused => Self::new(
                P::IdempotencyKeyReused,
                "`Idempotency-Key` was used for a request with another address or body within the last 24 hours.",
            )
            .with("field", "idempotency-key"),
            Error::CredentialsRefused => Self::new(P::InvalidCredentials, "The user name or the password is wrong."),
            Error::Unauthenticated => Self::new(
                P::Unauthenticated,
                "The token is missing, unknown, expired or signed out. Send `Authorization: Bearer <token>` with a \
                 token of POST /v1/login.",
            ),
            Error::TooManyAttempts { retry_after } => Self {
                retry_after_s: Some(retry_after.as_secs()),
                ..Self::new(
                    P::TooManyAttempts,
                    format!(
                        "Too many sign-ins have failed lately; the next one is looked at in {} s.",
                        retry_after.as_secs()
                    ),
                )
            },
            Error::Denied(denied) => Self::new(
                P::Forbidden,
                format!("Your roles do not allow this: it needs the permission `{}` there.", denied.permission),
            )
            .with("permission", denied.permission.as_str()),
            Error::Exceeds { .. } => Self::new(P::BeyondYourRole, format!("It cannot be done: {detail}.")),
            Error::Exists { id, name, field, .. } => {
                Self::new(P::AlreadyExists, format!("{detail}. Edit that one, or give another value."))
                    .with("field", field)
                    .with("existing_id", id)
                    .with("existing_name", name)
            }
            Error::InUse { .. } => Self::new(P::InUse, format!("{detail}.")),
            Error::RevisionCompacted { asked, oldest } => Self::new(
                P::RevisionCompacted,
                format!("{detail}. List again, and watch from the revision that the list names."),
            )
            .with("revision", asked.to_string())
            .with("oldest_revision", oldest.to_string()),
            Error::RevisionUnknown { asked, .. } => Self::new(
                P::RevisionCompacted,
                format!("{detail}. List again, and watch from the revision that the list names."),
            )
            .with("revision", asked.to_string()),
            Error::Unavailable { message, retry_after } => Self::unavailable(message, retry_after.as_secs().max(1)),
            Error::Internal { act, source } => Self::internal(act, source.as_ref()),
        }
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        let kind = match invalid.subject {
            Subject::Field => ProblemType::InvalidField,
            Subject::Filter => ProblemType::InvalidFilter,
            Subject::Sort => ProblemType::InvalidSort,
            Subject::Limit => ProblemType::InvalidLimit,
            Subject::PageToken => ProblemType::InvalidPageToken,
            Subject::Revision => ProblemType::InvalidRevision,
            Subject::Parameter => ProblemType::InvalidParameter,
        };
        let mut problem =
            Self::new(kind, format!("`{}` {}", invalid.field, invalid.message)).with("field", invalid.field.clone());
        if invalid.subject == Subject::Field {
            problem = problem.with("pointer", pointer(&invalid.field));
        }
        if !invalid.allowed.is_empty() {
            problem = problem.with("allowed", invalid.allowed);
        }
        problem
    }
}

/// Turns `endpoints[1].url` into the JSON pointer `/endpoints/1/url`.
fn pointer(field: &str) -> String {
    let parts = field.split(['.', '[']).map(|part| part.trim_end_matches(']')).filter(|part| !part.is_empty());
    parts.fold(String::new(), |pointer, part| pointer + "/" + &part.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_unique_and_kebab_case() {
        for kind in ProblemType::ALL {
            assert!(kind.slug().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{}", kind.slug());
            assert_eq!(ProblemType::from_slug(kind.slug()), Some(*kind));
            assert!(kind.status().is_client_error() || kind.status().is_server_error());
        }
    }

    #[test]
    fn every_slug_has_a_page_and_every_page_a_slug() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/problems");
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let slug = name.strip_suffix(".md").unwrap_or_else(|| panic!("{name} is not a page"));
            assert!(ProblemType::from_slug(slug).is_some(), "no problem has the slug {slug}");
        }
        for kind in ProblemType::ALL {
            let page = kind.page();
            assert!(page.starts_with(&format!("# {}\n", kind.title())), "{}: the heading is the title", kind.slug());
            assert!(page.contains("## How to mend it\n"), "{}", kind.slug());
            assert!(page.contains(&format!("Status {}", kind.status().as_u16())), "{}", kind.slug());
        }
    }

    #[test]
    fn fields_become_pointers() {
        assert_eq!(pointer("endpoints[1]"), "/endpoints/1");
        assert_eq!(pointer("trust.ca_pem"), "/trust/ca_pem");
        assert_eq!(pointer("a/b"), "/a~1b");
    }

    #[test]
    fn internal_text_stays_inside() {
        let problem = Problem::from(Error::internal("reading", "password=hunter2".to_owned()));
        let body = String::from_utf8(problem.to_json(Some("/v1/x"), Some("r1"))).unwrap();
        assert!(!body.contains("hunter2") && !body.contains("reading"), "{body}");
        assert!(body.starts_with(r#"{"type":"/docs/problems/internal","title":"#), "{body}");
        let read: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((&read["request_id"], &read["instance"]), (&json!("r1"), &json!("/v1/x")));
    }
}
