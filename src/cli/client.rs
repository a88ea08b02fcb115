//! HTTP to the gateway: one request, one answer, and every way in which that can fail told apart.

use std::error::Error as _;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, ETAG, IF_MATCH, LOCATION, RETRY_AFTER};
use reqwest::{Certificate, Method, Response, StatusCode, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;

use super::failure::Failure;
use super::problem::Problem;

/// Where a gateway is looked for when nobody says where it is.
pub(crate) const DEFAULT_SERVER: &str = "http://127.0.0.1:8480";

/// Answers are read up to this size. A page of 1000 objects is far below it.
const ANSWER_LIMIT_BYTES: usize = 256 * 1024 * 1024;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Name and value pairs after the `?`.
pub(crate) type Query = Vec<(String, String)>;

/// What the gateway answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The JSON document; `null` where the answer has no body.
    pub(crate) body: Value,
    /// The `ETag`: what `If-Match` takes.
    pub(crate) etag: Option<String>,
    /// Of an edit, the members that it changed.
    pub(crate) changed: Option<Vec<String>>,
}

/// A connection to one gateway.
pub(crate) struct Client {
    http: reqwest::Client,
    server: Url,
    token: Option<SecretString>,
    timeout: Duration,
}

impl Client {
    /// A client of the server at this address.
    ///
    /// # Errors
    /// When the certificates cannot be read.
    pub(crate) fn new(
        server: Url,
        token: Option<SecretString>,
        ca_file: Option<&Path>,
        timeout: Duration,
    ) -> Result<Self, Failure> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("spandrel-cli/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            // A token is for the server that it was made by, not for where that one points.
            .redirect(redirect::Policy::none());
        if let Some(path) = ca_file {
            builder = builder.tls_certs_merge(certificates(path)?);
        }
        let http =
            builder.build().map_err(|error| Failure::failed(format!("TLS cannot be set up: {}.", causes(&error))))?;
        Ok(Self { http, server, token, timeout })
    }

    /// The server's address as people write it: without a slash at the end.
    pub(crate) fn server(&self) -> &str {
        self.server.as_str().trim_end_matches('/')
    }

    /// `GET` of a path such as `/v1/vms`.
    pub(crate) async fn get(&self, path: &str, query: &[(String, String)]) -> Result<Answer, Failure> {
        self.call(Method::GET, path, query, None, None).await
    }

    /// A request with an answer that is read whole.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        query: &[(String, String)],
        body: Option<&Value>,
        if_match: Option<&str>,
    ) -> Result<Answer, Failure> {
        let mut request =
            self.request(method.clone(), path, query).timeout(self.timeout).header(ACCEPT, "application/json");
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(etag) = if_match {
            request = request.header(IF_MATCH, etag);
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        self.answer(&method, path, response).await
    }

    /// A `POST` that makes something. When the connection breaks before the answer is there it is asked once more: by its
    /// key the gateway knows the request, and does it once.
    pub(crate) async fn create(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        let request = self
            .request(Method::POST, path, &[])
            .timeout(self.timeout)
            .header(ACCEPT, "application/json")
            .header("idempotency-key", hex::encode(rand::random::<[u8; 16]>()))
            .json(body);
        let again = request.try_clone();
        let sent = match (request.send().await, again) {
            (Err(error), Some(again)) if !error.is_connect() && !error.is_timeout() => again.send().await,
            (sent, _) => sent,
        };
        let response = sent.map_err(|error| self.unreachable(&error))?;
        self.answer(&Method::POST, path, response).await
    }

    async fn answer(&self, method: &Method, path: &str, response: Response) -> Result<Answer, Failure> {
        let response = self.checked(method, path, response).await?;
        let etag = header(&response, ETAG.as_str());
        let changed = header(&response, "x-spandrel-changed").map(|list| {
            list.split(',').map(|member| member.trim().to_owned()).filter(|member| !member.is_empty()).collect()
        });
        let bytes = self.body(response).await?;
        if bytes.is_empty() {
            return Ok(Answer { body: Value::Null, etag, changed });
        }
        let body = serde_json::from_slice(&bytes).map_err(|_| {
            Failure::failed_mend(
                format!("What answers at {} is not a Spandrel gateway.", self.server()),
                "Check the address that --server, SPANDREL_SERVER or the last login gave.",
            )
        })?;
        Ok(Answer { body, etag, changed })
    }

    /// Opens a stream of server-sent events. It has no deadline; who reads it watches over its silence.
    pub(crate) async fn stream(&self, path: &str, query: &[(String, String)]) -> Result<Response, Failure> {
        let request = self
            .request(Method::GET, path, query)
            .header(ACCEPT, "text/event-stream")
            // A compressor holds events back until it has enough of them.
            .header(ACCEPT_ENCODING, "identity");
        // The deadline is for the answer's head only.
        let response = match tokio::time::timeout(self.timeout, request.send()).await {
            Ok(response) => response.map_err(|error| self.unreachable(&error))?,
            Err(_) => return Err(self.silent()),
        };
        self.checked(&Method::GET, path, response).await
    }

    fn request(&self, method: Method, path: &str, query: &[(String, String)]) -> reqwest::RequestBuilder {
        let mut url = self.server.clone();
        url.set_path(&format!("{}{path}", self.server.path().trim_end_matches('/')));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.http.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token.expose_secret()),
            None => request,
        }
    }

    /// The response if it is a success, else why not.
    async fn checked(&self, method: &Method, path: &str, response: Response) -> Result<Response, Failure> {
        let status = response.status();
        if status.is_success() || status == StatusCode::NOT_MODIFIED {
            return Ok(response);
        }
        if status.is_redirection() {
            let target = header(&response, LOCATION.as_str()).unwrap_or_else(|| "somewhere else".to_owned());
            return Err(Failure::failed_mend(
                format!("The server at {} points to {target}.", self.server()),
                "Sign in at that address, if you trust it. Tokens are not sent on.",
            ));
        }
        if status == StatusCode::UNAUTHORIZED && self.token.is_none() && path != "/v1/login" {
            return Err(Failure::NotSignedIn { server: self.server().to_owned() });
        }
        let request_id = header(&response, "x-request-id");
        let retry_after_s = header(&response, RETRY_AFTER.as_str()).and_then(|value| value.parse().ok());
        let body = self.body(response).await?;
        Err(Failure::Problem(Box::new(Problem::read(
            status.as_u16(),
            format!("{method} {path}"),
            self.server().to_owned(),
            request_id,
            retry_after_s,
            &body,
        ))))
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            if body.len() + chunk.len() > ANSWER_LIMIT_BYTES {
                return Err(Failure::failed(format!(
                    "The answer is larger than {}.",
                    super::human::bytes(ANSWER_LIMIT_BYTES as u64)
                )));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn silent(&self) -> Failure {
        Failure::Unreachable {
            server: self.server().to_owned(),
            why: format!("It did not answer within {} s.", self.timeout.as_secs()),
            mend: Some("Give it longer with --timeout.".to_owned()),
        }
    }

    pub(crate) fn unreachable(&self, error: &reqwest::Error) -> Failure {
        if error.is_timeout() && !error.is_connect() {
            return self.silent();
        }
        let why = causes(error);
        let lower = why.to_ascii_lowercase();
        let mend = if lower.contains("certificate") || lower.contains("unknownissuer") {
            "Give the certificate of its authority with --server-ca-file FILE."
        } else if lower.contains("invalidcontenttype") || lower.contains("corrupt message") {
            "It does not speak TLS. Perhaps its address begins with http://."
        } else if lower.contains("invalid http") || lower.contains("connection closed before message") {
            "Perhaps its address begins with https://."
        } else {
            "Check that the gateway runs and that the address is right (--server, SPANDREL_SERVER, or the last login)."
        };
        Failure::Unreachable { server: self.server().to_owned(), why, mend: Some(mend.to_owned()) }
    }
}

/// Reads a server's address as people write it. Without a scheme it is https, and http for this machine.
///
/// # Errors
/// When it is no address of a server, or carries a password.
pub(crate) fn parse_server(text: &str) -> Result<Url, Failure> {
    // What holds an `@` may hold a password, and is not repeated.
    let shown = if text.contains('@') { "what was given" } else { text };
    let wrong = |why: &str| {
        Err(Failure::usage(
            format!("`{shown}` is not the address of a server: {why}."),
            "Write it as https://gateway.example:8443.",
        ))
    };
    let text = text.trim();
    let full = if text.contains("://") {
        text.to_owned()
    } else if text.starts_with("127.") || text.starts_with("localhost") || text.starts_with("[::1]") {
        format!("http://{text}")
    } else {
        format!("https://{text}")
    };
    match Url::parse(&full) {
        Err(error) => wrong(&error.to_string()),
        Ok(url) if !matches!(url.scheme(), "http" | "https") => wrong("it must begin with https:// or http://"),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            wrong("it must not carry a user name or password")
        }
        Ok(url) if url.query().is_some() || url.fragment().is_some() => {
            wrong("it must end with the host, port or path")
        }
        Ok(url) => Ok(url),
    }
}

/// Whether what is sent to the server can be read on the way.
pub(crate) fn is_exposed(server: &Url) -> bool {
    let loopback = match server.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    server.scheme() == "http" && !loopback
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, Failure> {
    let pem = std::fs::read(path)
        .map_err(|error| Failure::usage(format!("{} cannot be read: {error}.", path.display()), "Give a PEM file."))?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(Failure::usage(
            format!("{} holds no certificate.", path.display()),
            "It must hold lines of -----BEGIN CERTIFICATE-----.",
        )),
    }
}

fn header(response: &Response, name: &str) -> Option<String> {
    response.headers().get(name)?.to_str().ok().map(str::to_owned)
}

/// The innermost causes of an error: what the outer layers repeat is left out.
fn causes(error: &reqwest::Error) -> String {
    let mut texts = Vec::new();
    let mut cause = error.source();
    while let Some(inner) = cause {
        texts.push(inner.to_string());
        cause = inner.source();
    }
    match texts.as_slice() {
        [] => error.to_string(),
        [.., last] => last.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (text, expected) in [
            ("gw.example:8443", Some("https://gw.example:8443/")),
            ("http://gw.example", Some("http://gw.example/")),
            ("127.0.0.1:7700", Some("http://127.0.0.1:7700/")),
            ("localhost:7700", Some("http://localhost:7700/")),
            ("https://gw.example/cloud", Some("https://gw.example/cloud")),
            ("ftp://gw.example", None),
            ("https://me:secret@gw.example", None),
            ("https://gw.example/?a=b", None),
            ("", None),
        ] {
            assert_eq!(parse_server(text).ok().map(String::from).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_password_in_an_address_is_not_repeated() {
        let failure = parse_server("https://me:secret@gw.example").unwrap_err();
        assert!(!format!("{failure:?}").contains("secret"), "{failure:?}");
    }

    #[test]
    fn plain_http_is_exposed_beyond_this_machine() {
        for (text, expected) in [
            ("http://gw.example", true),
            ("https://gw.example", false),
            ("http://127.0.0.1", false),
            ("http://[::1]:1", false),
        ] {
            assert_eq!(is_exposed(&parse_server(text).unwrap()), expected, "{text}");
        }
    }
}
