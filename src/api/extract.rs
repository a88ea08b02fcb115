//! What handlers take from a request, and the problems when it cannot be taken.
//!
//! A message about a body never repeats a value of it: what was sent in the wrong place may be a password.

use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use futures::StreamExt;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::problem::{Problem, ProblemType};
use crate::app::{Address, Invalid, Mode, Subject};
use crate::authz::Principal;
use crate::model::secret::SecretString;

/// The largest body that is read, bytes.
pub const BODY_LIMIT: usize = 1 << 20;
/// The largest body of who need not be signed in, or says no more than a password: two of the longest, each character
/// written as six, fit.
pub const SMALL: usize = 16 << 10;
/// Bytes of bodies that are in memory at once, of all requests together.
const BODIES_AT_ONCE: usize = 64 << 20;
/// When they are too many, try again after this, seconds.
const BODIES_AGAIN_S: u64 = 2;

/// What is left of [`BODIES_AT_ONCE`].
static BODIES: Semaphore = Semaphore::const_new(BODIES_AT_ONCE);

/// How long a body may take to come.
const BODY_TIME_LIMIT: Duration = Duration::from_secs(20);

/// Who asks. Put into the request by [`super::middleware::authenticate`], which stands before every route that has it.
#[derive(Clone, Debug)]
pub struct Caller(pub Principal);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| crate::app::Error::Unauthenticated.into())
    }
}

/// A JSON body of at most so many bytes.
#[derive(Debug)]
pub struct Body<T, const LIMIT: usize = BODY_LIMIT>(pub T);

impl<S: Sync, T: DeserializeOwned, const LIMIT: usize> FromRequest<S> for Body<T, LIMIT> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        read_json(&read_body(request, LIMIT).await?.bytes).map(Self)
    }
}

/// The bytes of a body. As long as they are held, they count.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) bytes: Vec<u8>,
    /// One for each byte.
    held: SemaphorePermit<'static>,
}

/// The bytes of a JSON body.
///
/// # Errors
/// When it says that it is something else, is larger than `limit`, does not come in time, or breaks off; or when the
/// gateway is reading too much at present.
pub(super) async fn read_body(request: Request, limit: usize) -> Result<Gathered, Problem> {
    if !is_json(request.headers()) {
        return Err(Problem::new(
            ProblemType::UnsupportedMediaType,
            "The body must be JSON, with the header `Content-Type: application/json`.",
        ));
    }
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if length.and_then(|length| length.parse::<u64>().ok()).is_some_and(|length| length > limit as u64) {
        return Err(too_large(limit));
    }
    read_within(BODY_TIME_LIMIT, limit, &BODIES, request.into_body()).await
}

async fn read_within(
    time: Duration,
    limit: usize,
    budget: &'static Semaphore,
    body: axum::body::Body,
) -> Result<Gathered, Problem> {
    tokio::time::timeout(time, read(limit, budget, body)).await.unwrap_or_else(|_| {
        let detail = format!("The body did not come within {} s.", time.as_secs());
        Err(Problem::new(ProblemType::BodyTooSlow, detail))
    })
}

async fn read(limit: usize, budget: &'static Semaphore, body: axum::body::Body) -> Result<Gathered, Problem> {
    let busy = || Problem::unavailable("The gateway is reading too many large requests at present.", BODIES_AGAIN_S);
    let mut gathered = Gathered { bytes: Vec::new(), held: budget.try_acquire_many(0).map_err(|_| busy())? };
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| {
            Problem::new(ProblemType::BadRequest, "The body ended before its announced length, or is malformed.")
        })?;
        let length = gathered.bytes.len() + chunk.len();
        if length > limit {
            return Err(too_large(limit));
        }
        // It grows by doubling, but never beyond what may come at all.
        if length > gathered.bytes.capacity() {
            let capacity = (length * 2).min(limit);
            let more = u32::try_from(capacity - gathered.bytes.capacity()).unwrap_or(u32::MAX);
            gathered.held.merge(budget.try_acquire_many(more).map_err(|_| busy())?);
            gathered.bytes.reserve_exact(capacity - gathered.bytes.len());
        }
        gathered.bytes.extend_from_slice(&chunk);
    }
    Ok(gathered)
}

fn too_large(limit: usize) -> Problem {
    Problem::new(ProblemType::BodyTooLarge, format!("The body is larger than {limit} bytes."))
        .with("limit_bytes", limit)
}

fn is_json(headers: &HeaderMap) -> bool {
    let essence = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|value| value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    essence.is_some_and(|essence| {
        essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
    })
}

pub(super) fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // First whether it is JSON at all, so that what is wrong is said in this order.
    serde_json::from_slice::<IgnoredAny>(bytes).map_err(|error| invalid_json(&error))?;
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        // Else a list of the members' values would pass for the object.
        return Err(Invalid::field("body", "must be a JSON object").into());
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| invalid_member(&error.path().to_string(), &error.inner().to_string()))
}

fn invalid_json(error: &serde_json::Error) -> Problem {
    let what = if error.is_eof() { "It ends too early" } else { "It is not well formed" };
    Problem::new(
        ProblemType::InvalidJson,
        format!("The body is not JSON. {what}, at line {} column {}.", error.line(), error.column()),
    )
    .with("line", error.line())
    .with("column", error.column())
}

/// Says what serde found, without the value: only what it expected is taken from its message.
fn invalid_member(path: &str, message: &str) -> Problem {
    let message = message.split(" at line ").next().unwrap_or_default();
    let parent = |name: &str| {
        let parent = path.trim_end_matches('.');
        // For an unknown member the path ends with its name already; for a missing one it names the object.
        if parent == "." || parent.is_empty() {
            name.to_owned()
        } else if parent == name || parent.ends_with(&format!(".{name}")) {
            parent.to_owned()
        } else {
            format!("{parent}.{name}")
        }
    };
    if let Some(name) = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
        return Invalid::field(parent(name), "is missing").into();
    }
    if let Some(name) = message.strip_prefix("duplicate field `").and_then(|rest| rest.split('`').next()) {
        return Invalid::field(parent(name), "is given twice").into();
    }
    if let Some(rest) = message.strip_prefix("unknown field `") {
        let name = rest.split('`').next().unwrap_or_default();
        return Invalid::field(parent(name), "is unknown").allowed(words_of(rest)).into();
    }
    let field = if path == "." { "body" } else { path };
    match message.split_once(", expected ") {
        Some((found, expected)) if found.starts_with("unknown variant") => {
            Invalid::field(field, "is not one of the words that it can be")
                .allowed(words_of(&format!("`{expected}")))
                .into()
        }
        Some((_, expected)) => Invalid::field(field, format!("is not of the right type: expected {expected}")).into(),
        None => Invalid::field(field, "cannot be accepted").into(),
    }
}

/// The words in backquotes after the first pair of them.
fn words_of(message: &str) -> Vec<&str> {
    message.split('`').skip(2).step_by(2).filter(|word| !word.trim().is_empty() && !word.contains(',')).collect()
}

/// An id in the path.
#[derive(Clone, Copy, Debug)]
pub struct Id<I>(pub I);

impl<S: Send + Sync, I: FromStr> FromRequestParts<S> for Id<I> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::new(ProblemType::BadRequest, "The path is not well formed.").with("field", "id"))?;
        text.parse()
            .map(Self)
            .map_err(|_| Problem::new(ProblemType::BadRequest, "The id in the path is not a UUID.").with("field", "id"))
    }
}

/// The query string, decoded, in its order.
#[derive(Clone, Debug, Default)]
pub struct Params(pub Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Some((percent_decode(name)?, percent_decode(value)?))
            })
            .collect::<Option<_>>()
            .map(Self)
            .ok_or_else(|| Problem::new(ProblemType::BadRequest, "The query string is not percent-encoded UTF-8."))
    }
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

/// Refuses every query parameter: a slip of the pen is not ignored in silence.
#[derive(Clone, Copy, Debug)]
pub struct NoParams;

impl<S: Sync> FromRequestParts<S> for NoParams {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Params::from_request_parts(parts, state).await?.0.first() {
            None => Ok(Self),
            Some((name, _)) => {
                Err(Invalid::new(Subject::Parameter, name, "is not a parameter here: there are none").into())
            }
        }
    }
}

/// Whether a write is done or only tried: `dry_run=true`, the one parameter that such a write takes.
#[derive(Clone, Copy, Debug)]
pub struct DryRun(pub Mode);

impl<S: Sync> FromRequestParts<S> for DryRun {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let tried = Flag::<Self>::from_request_parts(parts, state).await?.0;
        Ok(Self(if tried { Mode::DryRun } else { Mode::Real }))
    }
}

impl FlagName for DryRun {
    const NAME: &'static str = "dry_run";
}

/// The name of a [`Flag`].
pub trait FlagName {
    /// The parameter.
    const NAME: &'static str;
}

/// One parameter that is true or false; false when it is absent. No other is taken.
#[derive(Clone, Copy, Debug)]
pub struct Flag<N>(pub bool, PhantomData<N>);

impl<S: Sync, N: FlagName + Send> FromRequestParts<S> for Flag<N> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let wrong = |name: &str, why| Invalid::new(Subject::Parameter, name, why);
        match Params::from_request_parts(parts, state).await?.0.as_slice() {
            [] => Ok(Self(false, PhantomData)),
            [(name, _), ..] | [_, (name, _), ..] if name != N::NAME => {
                Err(wrong(name, "is not a parameter here").allowed([N::NAME]).into())
            }
            [_, _, ..] => Err(wrong(N::NAME, "is given twice").into()),
            [(_, value)] if value == "true" => Ok(Self(true, PhantomData)),
            [(_, value)] if value == "false" => Ok(Self(false, PhantomData)),
            [_] => Err(wrong(N::NAME, "must be true or false").allowed(["true", "false"]).into()),
        }
    }
}

/// The address that a request comes from, as the back-off of sign-ins counts it.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub Address);

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let ip: Option<IpAddr> = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        Ok(Self(Address::from(ip)))
    }
}

/// The bearer token of a request, if it has one.
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A member of a PATCH body: absent, `null`, or a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// The member is not there: leave it as it is.
    #[default]
    Absent,
    /// The member is `null`: clear it.
    Clear,
    /// The member has a value: set it.
    Set(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<T>::deserialize(deserializer)?.map_or(Patch::Clear, Patch::Set))
    }
}

impl<T> Patch<T> {
    /// For a member that cannot be cleared.
    ///
    /// # Errors
    /// `invalid-field` when it is `null`.
    pub fn not_null(self, field: &str) -> Result<Option<T>, Invalid> {
        match self {
            Patch::Absent => Ok(None),
            Patch::Set(value) => Ok(Some(value)),
            Patch::Clear => Err(Invalid::field(field, "cannot be cleared: leave it out to keep it as it is")),
        }
    }

    /// For a member that can be cleared: the outer option says whether to change it.
    pub fn nullable(self) -> Option<Option<T>> {
        match self {
            Patch::Absent => None,
            Patch::Clear => Some(None),
            Patch::Set(value) => Some(Some(value)),
        }
    }
}

/// A secret in a body: its text is nowhere shown again.
#[derive(Clone, Debug)]
pub struct Secret(pub SecretString);

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "only whether it can be read matters")]
        pem: Option<String>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Word {
        One,
        Two,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read matters")]
    struct Sample {
        name: String,
        #[serde(default)]
        endpoints: Vec<String>,
        word: Option<Word>,
        trust: Option<Inner>,
        #[serde(default)]
        patch: Patch<String>,
        password: Option<Secret>,
    }

    fn check(body: &str, kind: ProblemType, parts: &[&str]) {
        let problem = read_json::<Sample>(body.as_bytes()).unwrap_err();
        assert!(problem.kind() == kind, "{:.100}: {problem:?}", body);
        let text = String::from_utf8(problem.to_json(None, None)).unwrap();
        for part in parts {
            assert!(text.contains(part), "{body}: {text} lacks {part}");
        }
        assert!(!text.contains("hunter2"), "{body}: {text}");
    }

    #[test]
    fn problems_of_bodies_name_the_member_and_repeat_no_value() {
        use ProblemType::{InvalidField, InvalidJson};
        check("", InvalidJson, &["ends too early"]);
        check("{\"name\": hunter2}", InvalidJson, &["line", "column"]);
        check("{\"name\":\"a\"} hunter2", InvalidJson, &[]);
        check("{}", InvalidField, &[r#""field":"name""#, "is missing"]);
        check(r#"{"name":"a","nam":1}"#, InvalidField, &[r#""field":"nam""#, "is unknown", r#""endpoints""#]);
        check(
            r#"{"name":"a","endpoints":["a",7]}"#,
            InvalidField,
            &[r#""pointer":"/endpoints/1""#, "expected a string"],
        );
        check(r#"{"name":"a","trust":{"x":1}}"#, InvalidField, &[r#""field":"trust.x""#, r#""allowed":["pem"]"#]);
        check(r#"{"name":"a","word":"hunter2"}"#, InvalidField, &[r#""field":"word""#, r#""one","two""#]);
        check(r#"{"name":{"hunter2":1}}"#, InvalidField, &[r#""field":"name""#, "expected a string"]);
        check(r#"{"name":"a","password":["hunter2"]}"#, InvalidField, &[r#""field":"password"#]);
        check(r#"["hunter2"]"#, InvalidField, &["must be a JSON object"]);
        check(r#"{"name":"a","name":"hunter2"}"#, InvalidField, &["is given twice"]);
        let deep = format!("{{\"name\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
        check(&deep, InvalidField, &["expected a string"]);
    }

    #[test]
    fn absent_and_null_are_told_apart() {
        let patch = |body: &str| read_json::<Sample>(body.as_bytes()).unwrap().patch;
        assert_eq!(patch(r#"{"name":"a"}"#), Patch::Absent);
        assert_eq!(patch(r#"{"name":"a","patch":null}"#), Patch::Clear);
        assert_eq!(patch(r#"{"name":"a","patch":"b"}"#), Patch::Set("b".to_owned()));
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_given_up() {
        let never = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>();
        let body = axum::body::Body::from_stream(never);
        let problem = read_within(Duration::from_millis(10), SMALL, &BODIES, body).await.unwrap_err();
        assert!(problem.kind() == ProblemType::BodyTooSlow, "{problem:?}");
    }

    #[tokio::test]
    async fn bodies_that_are_read_at_once_are_bounded_together() {
        static BUDGET: Semaphore = Semaphore::const_new(100);
        let body = |bytes: usize| axum::body::Body::from("x".repeat(bytes));
        let whole = read(80, &BUDGET, body(80)).await.unwrap();
        assert_eq!((whole.bytes.len(), BUDGET.available_permits()), (80, 20));
        let second = read(80, &BUDGET, body(80)).await.unwrap_err();
        assert!(second.kind() == ProblemType::Unavailable, "{second:?}");
        assert_eq!(BUDGET.available_permits(), 20, "what is given up is free again");
        let small = read(20, &BUDGET, body(20)).await.unwrap();
        drop((whole, small));
        assert_eq!(BUDGET.available_permits(), 100);
        // In pieces, and too large.
        let pieces = futures::stream::iter((0..9).map(|_| Ok::<_, std::io::Error>("0123456789")));
        let gathered = read(95, &BUDGET, axum::body::Body::from_stream(pieces)).await.unwrap();
        assert_eq!((gathered.bytes.len(), gathered.bytes.capacity()), (90, 100 - BUDGET.available_permits()));
        drop(gathered);
        assert!(read(10, &BUDGET, body(11)).await.unwrap_err().kind() == ProblemType::BodyTooLarge);
        assert_eq!(BUDGET.available_permits(), 100);
    }

    #[test]
    fn query_strings_are_decoded_strictly() {
        assert_eq!(percent_decode("a%2Fb+c%C3%A4").as_deref(), Some("a/b cä"));
        for bad in ["%", "%2", "%zz", "%ff", "%00"] {
            assert_eq!(percent_decode(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let sample = read_json::<Sample>(br#"{"name":"a","password":"hunter2"}"#).unwrap();
        assert!(!format!("{sample:?}").contains("hunter2"));
    }
}
