//! HTTP and TLS: one connection pool to one server.
//!
//! Knows bytes, cookies, deadlines and limits, and nothing of sessions. Invariants: every exchange ends by its deadline;
//! no answer is read beyond its limit; what is decoded in bulk is decoded off the async workers while it arrives.

mod body;
mod cookies;
mod thumbprint;
mod tls;

use std::error::Error as StdError;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};

pub(crate) use cookies::CookieJar;
pub use thumbprint::{Thumbprint, ThumbprintError};
pub use tls::Trust;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::value::{Name, Value};
use crate::wire::{self, Answer, DecodeError, LimitKind};

/// A connection pool to one server.
#[derive(Debug)]
pub(crate) struct Transport {
    http: reqwest::Client,
    config: Config,
    refused: tls::RefusedSlot,
}

/// A SOAP call, written.
pub(crate) struct SoapRequest<'a> {
    /// The call's name for errors and traces.
    pub(crate) call: &'a str,
    /// The path of the service: `/sdk`.
    pub(crate) path: &'a str,
    pub(crate) action: &'a str,
    pub(crate) envelope: String,
    pub(crate) cookies: &'a CookieJar,
    /// For sending, and for receiving all of the answer.
    pub(crate) deadline: Duration,
    /// How much of a large answer is received before it is decoded.
    pub(crate) ahead: Ahead,
}

/// How much of a large answer may wait for its decoder.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ahead {
    /// Two chunks: memory holds the values and hardly any text.
    Little,
    /// A usual page as a whole, so that the next one can be asked for while this one is decoded.
    Page,
}

impl Ahead {
    fn bytes(self) -> usize {
        match self {
            Ahead::Little => 256 << 10,
            Ahead::Page => 16 << 20,
        }
    }
}

/// The answer to a SOAP call, all of whose bytes have come.
pub(crate) struct SoapAnswer {
    call: String,
    status: StatusCode,
    received: body::Received<Answer>,
}

impl SoapAnswer {
    /// How it begins.
    pub(crate) fn head(&self) -> &[u8] {
        self.received.head()
    }

    /// What it says, once it is decoded.
    pub(crate) async fn decoded(self) -> Result<Answer> {
        match self.received.decoded().await.map_err(|error| undecoded(&self.call, error)) {
            Err(Error::Decode { .. }) if !self.status.is_success() => {
                Err(Error::Status { call: self.call, status: self.status.as_u16() })
            }
            other => other,
        }
    }
}

/// A REST answer.
pub(crate) struct RestAnswer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

/// A REST answer is far smaller than a SOAP one.
const REST_ANSWER_BYTES: u64 = 64 << 20;

impl Transport {
    pub(crate) fn new(config: &Config) -> Result<Self> {
        let (tls, refused) = tls::client_config(&config.trust)?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(&config.user_agent)
            .connect_timeout(config.connect_deadline)
            .pool_idle_timeout(Duration::from_secs(30))
            .tcp_keepalive(Duration::from_secs(30))
            .redirect(reqwest::redirect::Policy::none())
            // A password must not travel by whatever proxy the environment names.
            .no_proxy()
            .build()
            .map_err(|error| Error::Trust(error.without_url().to_string()))?;
        Ok(Self { http, config: config.clone(), refused })
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// One SOAP exchange.
    pub(crate) async fn soap(&self, request: SoapRequest<'_>) -> Result<SoapAnswer> {
        let SoapRequest { call, path, action, envelope, cookies, deadline, ahead } = request;
        within(call, deadline, async {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/xml; charset=utf-8"));
            let action = header::HeaderValue::from_str(action).map_err(|_| Error::Request {
                call: call.to_owned(),
                reason: "the action is not a header".to_owned(),
            })?;
            headers.insert("soapaction", action);
            if let Some(cookie) = cookies.header() {
                headers.insert(header::COOKIE, cookie);
            }
            let send = self.http.post(self.url(path)).headers(headers).body(envelope).send();
            let response = send.await.map_err(|error| self.broken(call, error))?;
            cookies.take(response.headers());
            // A fault travels with status 500; anything else is not from the SOAP service.
            let status = response.status();
            if !(status.is_success() || status == StatusCode::INTERNAL_SERVER_ERROR) {
                return Err(Error::Status { call: call.to_owned(), status: status.as_u16() });
            }
            let (limits, keep) = (self.config.limits, Arc::clone(&self.config.keep));
            let decode = move |source| wire::decode_kept(source, &limits, &keep);
            let received = body::receive(response, limits.answer_bytes, ahead.bytes(), decode).await;
            let received = received.map_err(|error| self.broken_body(call, error))?;
            Ok(SoapAnswer { call: call.to_owned(), status, received })
        })
        .await
    }

    /// Reads an XML document.
    pub(crate) async fn document(&self, call: &str, path: &str) -> Result<(Name, Value)> {
        within(call, self.config.call_deadline, async {
            let send = self.http.get(self.url(path)).send();
            let response = send.await.map_err(|error| self.broken(call, error))?;
            if response.status() != StatusCode::OK {
                return Err(Error::Status { call: call.to_owned(), status: response.status().as_u16() });
            }
            let limits = self.config.limits;
            let decode = move |source| wire::decode_document(source, &limits);
            let received = body::receive(response, limits.answer_bytes, Ahead::Little.bytes(), decode).await;
            let received = received.map_err(|error| self.broken_body(call, error))?;
            received.decoded().await.map_err(|error| undecoded(call, error))
        })
        .await
    }

    /// One REST exchange. The query must be encoded.
    pub(crate) async fn rest(
        &self,
        call: &str,
        method: Method,
        path_and_query: &str,
        headers: HeaderMap,
        body: Option<Vec<u8>>,
    ) -> Result<RestAnswer> {
        within(call, self.config.call_deadline, async {
            let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
            let mut url = self.url(path);
            url.set_query((!query.is_empty()).then_some(query));
            let mut request = self.http.request(method, url).headers(headers);
            request = request.header(header::ACCEPT, "application/json");
            if let Some(body) = body {
                request = request.header(header::CONTENT_TYPE, "application/json").body(body);
            }
            let response = request.send().await.map_err(|error| self.broken(call, error))?;
            let status = response.status();
            let limit = REST_ANSWER_BYTES.min(self.config.limits.answer_bytes);
            let body = body::collect(response, limit).await.map_err(|error| self.broken_body(call, error))?;
            Ok(RestAnswer { status, body })
        })
        .await
    }

    fn url(&self, path: &str) -> url::Url {
        let mut url = self.config.url.clone();
        url.set_path(path);
        url
    }

    fn broken_body(&self, call: &str, error: body::BodyError) -> Error {
        match error {
            body::BodyError::Transport(error) => self.broken(call, error),
            body::BodyError::TooLarge => {
                Error::Decode { call: call.to_owned(), source: DecodeError::Limit(LimitKind::AnswerBytes) }
            }
        }
    }

    fn broken(&self, call: &str, error: reqwest::Error) -> Error {
        if certificate_refused(&error)
            && let Some(refused) = self.refused.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
        {
            return Error::Untrusted { host: self.config.host(), presented: refused.presented, reason: refused.reason };
        }
        if error.is_timeout() {
            return Error::Deadline { call: call.to_owned(), limit: self.config.connect_deadline };
        }
        Error::Connection { call: call.to_owned(), host: self.config.host(), source: Box::new(error.without_url()) }
    }
}

/// Gives up on a call after `limit`.
pub(crate) async fn within<T>(call: &str, limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(limit, work).await {
        Ok(result) => result,
        Err(_) => Err(Error::Deadline { call: call.to_owned(), limit }),
    }
}

fn undecoded(call: &str, error: body::Undecoded) -> Error {
    match error {
        body::Undecoded::Decode(source) => Error::Decode { call: call.to_owned(), source },
        body::Undecoded::Stopped => Error::Closed,
    }
}

/// Whether a certificate's refusal is somewhere among the causes.
fn certificate_refused(error: &(dyn StdError + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        // An I/O error's source is the source of what it wraps, not what it wraps.
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let tls = error.downcast_ref::<rustls::Error>().or_else(|| inner.and_then(|inner| inner.downcast_ref()));
        if matches!(tls, Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        if let Some(inner) = inner
            && certificate_refused(inner)
        {
            return true;
        }
        cause = error.source();
    }
    false
}
