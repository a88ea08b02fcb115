//! `Idempotency-Key`: a creating request that is sent again with its key is answered as the first time, and done once.

use axum::Json;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::extract;
use super::problem::{Problem, ProblemType};
use crate::app::{Error, Once, Outcome};

/// The header that names a request.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header of an answer that was given before.
pub(super) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The longest key, bytes.
const KEY_MAX: usize = 255;

/// The name of a request, and what it was.
#[derive(Debug)]
pub struct RequestKey {
    key: String,
    hash: [u8; 32],
}

/// The JSON body of a request that makes something, and its key, if it has one.
#[derive(Debug)]
pub struct Creating<T>(pub T, pub Option<RequestKey>);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Creating<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let key = key(&request)?;
        // The address belongs to the request: the same key elsewhere is another one.
        let mut hash = blake3::Hasher::new();
        hash.update(request.method().as_str().as_bytes()).update(b" ");
        hash.update(request.uri().path().as_bytes()).update(b"\n");
        let body = extract::read_body(request, extract::BODY_LIMIT).await?;
        let hash = *hash.update(&body.bytes).finalize().as_bytes();
        Ok(Self(extract::read_json(&body.bytes)?, key.map(|key| RequestKey { key, hash })))
    }
}

fn key(request: &Request) -> Result<Option<String>, Problem> {
    let mut values = request.headers().get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| (1..=KEY_MAX).contains(&key.len()) && values.next().is_none());
    key.map(|key| Some(key.to_owned())).ok_or_else(|| {
        let detail = format!("`Idempotency-Key` must be given once, with 1 to {KEY_MAX} visible ASCII characters.");
        Problem::new(ProblemType::InvalidParameter, detail).with("field", IDEMPOTENCY_KEY.as_str())
    })
}

/// The answer that tells of something new.
#[derive(Serialize, Deserialize)]
pub struct Made {
    /// Its address.
    location: String,
    /// Its generation.
    etag: Option<String>,
    /// The JSON text.
    body: Box<serde_json::value::RawValue>,
}

impl Made {
    /// An answer with this body. The types of the API can always be written as JSON.
    pub fn new(location: String, etag: Option<String>, body: &impl Serialize) -> Self {
        let body = serde_json::value::to_raw_value(body).expect("answers have text keys and finite numbers only");
        Self { location, etag, body }
    }

    fn into_response(self, replayed: bool) -> Response {
        let mut response = (StatusCode::CREATED, Json(self.body)).into_response();
        let headers = response.headers_mut();
        for (name, text) in [(header::LOCATION, Some(self.location)), (header::ETAG, self.etag)] {
            if let Some(value) = text.and_then(|text| HeaderValue::from_str(&text).ok()) {
                headers.insert(name, value);
            }
        }
        if replayed {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

/// What the use case needs to do a request once.
pub fn once<T: 'static>(key: Option<RequestKey>, made: fn(&T) -> Made) -> Option<Once<T>> {
    let answer = move |done: &T| serde_json::to_vec(&made(done)).expect("its parts are texts");
    key.map(|RequestKey { key, hash }| Once { key, request: hash, answer: Box::new(answer) })
}

/// The answer of what was done now, or before.
///
/// # Errors
/// When what was kept cannot be read.
pub fn answer<T>(outcome: Outcome<T>, made: fn(&T) -> Made) -> Result<Response, Problem> {
    let (kept, replayed) = match outcome {
        Outcome::Done(done, None) => return Ok(made(&done).into_response(false)),
        Outcome::Done(_, Some(kept)) => (kept, false),
        Outcome::Before(kept) => (kept, true),
    };
    let made: Made = serde_json::from_slice(&kept).map_err(|error| Error::internal("reading a kept answer", error))?;
    Ok(made.into_response(replayed))
}
