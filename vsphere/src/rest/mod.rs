//! The REST services: tags, categories, content libraries.
//!
//! vCenter 7.0U2 and later serve them under `/api`, older ones under `/rest` with slightly other spellings; which one it
//! is is found out once. ESXi has none of this.

mod library;
mod tags;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

pub use library::{Library, LibraryItem, LibraryKind};
pub use tags::{Cardinality, Tag, TagCategory};

use crate::client::Client;
use crate::error::{Error, Result};
use crate::service::ApiType;
use crate::session::{Account, Door};
use crate::transport::{RestAnswer, Transport};

const SESSION_HEADER: &str = "vmware-api-session-id";
/// How many objects are read at once where the service has no bulk read.
const READS_AT_ONCE: usize = 8;
/// How much of a server's words an error repeats, in characters.
const MESSAGE_CHARACTERS: usize = 300;

/// A session with a vCenter's REST services. Cheap to clone; clones are the same session. It logs in again by itself, and
/// logs out when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Rest {
    inner: Arc<Inner>,
}

struct Inner {
    transport: Arc<Transport>,
    account: Arc<Account>,
    spelling: Spelling,
    token: Mutex<Option<SecretString>>,
    generation: AtomicU64,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rest").field("host", &self.transport.config().host()).finish_non_exhaustive()
    }
}

/// How paths are spelled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Spelling {
    /// `/api/cis/tagging/tag/ID`, bare answers.
    Api,
    /// `/rest/com/vmware/cis/tagging/tag/id:ID`, answers within `value`.
    Rest,
}

impl Spelling {
    fn session(self) -> &'static str {
        match self {
            Spelling::Api => "/api/session",
            Spelling::Rest => "/rest/com/vmware/cis/session",
        }
    }

    fn collection(self, resource: &str) -> String {
        match self {
            Spelling::Api => format!("/api/{resource}"),
            Spelling::Rest => format!("/rest/com/vmware/{resource}"),
        }
    }

    fn item(self, resource: &str, id: &str) -> String {
        let id = encode(id);
        match self {
            Spelling::Api => format!("/api/{resource}/{id}"),
            Spelling::Rest => format!("/rest/com/vmware/{resource}/id:{id}"),
        }
    }

    fn action(self, resource: &str, action: &str) -> String {
        match self {
            Spelling::Api => format!("/api/{resource}?action={action}"),
            Spelling::Rest => format!("/rest/com/vmware/{resource}?~action={action}"),
        }
    }

    /// The answer itself, out of its wrapping.
    fn unwrap(self, mut answer: Json) -> Json {
        match (self, answer.get_mut("value")) {
            (Spelling::Rest, Some(value)) => value.take(),
            _ => answer,
        }
    }
}

/// Percent-encodes an id for a path or a query.
fn encode(id: &str) -> String {
    let mut out = String::with_capacity(id.len());
    for byte in id.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

impl Client {
    /// A session with the vCenter's REST services, of the same account.
    ///
    /// # Errors
    /// [`Error::Unsupported`] of an ESXi.
    pub async fn rest(&self) -> Result<Rest> {
        if self.about().api_type == ApiType::HostAgent {
            return Err(Error::Unsupported("tags and content libraries"));
        }
        let (transport, account) = (self.transport(), self.account());
        let door = Door::Rest;
        let login = |username, password| async move { first_login(transport, username, password).await };
        let (spelling, token) = account.login(door, || None, login).await?;
        let inner = Inner {
            transport: Arc::clone(transport),
            account: Arc::clone(account),
            spelling,
            token: Mutex::new(Some(token)),
            generation: AtomicU64::new(1),
        };
        Ok(Rest { inner: Arc::new(inner) })
    }
}

/// Logs in where it works, the newer service first.
async fn first_login(
    transport: &Transport,
    username: String,
    password: SecretString,
) -> Result<(Spelling, SecretString)> {
    match login(transport, Spelling::Api, &username, &password).await {
        Err(Error::Rest { status: 404 | 405, .. }) => {}
        token => {
            let token = token?;
            // 7.0 and 7.0U1 log in here but have their services at the old place only.
            let probe = Spelling::Api.collection("cis/tagging/category");
            let answer = send(transport, "category", Method::GET, &probe, Some(&token), None).await?;
            return Ok((if answer.status == StatusCode::NOT_FOUND { Spelling::Rest } else { Spelling::Api }, token));
        }
    }
    Ok((Spelling::Rest, login(transport, Spelling::Rest, &username, &password).await?))
}

async fn login(
    transport: &Transport,
    spelling: Spelling,
    username: &str,
    password: &SecretString,
) -> Result<SecretString> {
    let pair = format!("{username}:{}", password.expose_secret());
    let basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
    let call = "session";
    let refuse = || Error::Request { call: call.to_owned(), reason: "the credentials are not a header".to_owned() };
    let mut basic = HeaderValue::from_str(&basic).map_err(|_| refuse())?;
    basic.set_sensitive(true);
    let headers = HeaderMap::from_iter([(header::AUTHORIZATION, basic)]);
    let answer = transport.rest(call, Method::POST, spelling.session(), headers, None).await?;
    if answer.status == StatusCode::UNAUTHORIZED {
        return Err(Error::InvalidLogin);
    }
    let token = spelling.unwrap(parse(call, &answer)?);
    let token = token.as_str().ok_or(Error::Incomplete { call: call.to_owned(), what: "the token" })?;
    Ok(SecretString::from(token))
}

async fn send(
    transport: &Transport,
    call: &str,
    method: Method,
    path: &str,
    token: Option<&SecretString>,
    body: Option<&Json>,
) -> Result<RestAnswer> {
    let mut headers = HeaderMap::new();
    if let Some(token) = token {
        let refuse = |_| Error::Request { call: call.to_owned(), reason: "the token is not a header".to_owned() };
        let mut token = HeaderValue::from_str(token.expose_secret()).map_err(refuse)?;
        token.set_sensitive(true);
        headers.insert(SESSION_HEADER, token);
    }
    transport.rest(call, method, path, headers, body.map(|body| body.to_string().into_bytes())).await
}

/// The JSON of a successful answer.
fn parse(call: &str, answer: &RestAnswer) -> Result<Json> {
    let status = answer.status.as_u16();
    if !answer.status.is_success() {
        return Err(Error::Rest { call: call.to_owned(), status, message: message(&answer.body) });
    }
    if answer.body.is_empty() {
        return Ok(Json::Null);
    }
    serde_json::from_slice(&answer.body).map_err(|error| unreadable(call, status, &error))
}

fn unreadable(call: &str, status: u16, error: &serde_json::Error) -> Error {
    // The error names a line and a kind of token, never the text.
    Error::Rest { call: call.to_owned(), status, message: format!("the answer cannot be read: {error}") }
}

/// The server's words in an error answer, which both spellings hold as `messages`.
fn message(body: &[u8]) -> String {
    let Ok(error) = serde_json::from_slice::<Json>(body) else { return "no details".to_owned() };
    let holder = error.get("value").unwrap_or(&error);
    let words = holder["messages"].as_array().into_iter().flatten().filter_map(|m| m["default_message"].as_str());
    let words: Vec<_> = words.collect();
    let kind = error["error_type"].as_str().or(error["type"].as_str()).unwrap_or("no details");
    let text = if words.is_empty() { kind.to_owned() } else { words.join(" ") };
    text.chars().take(MESSAGE_CHARACTERS).collect()
}

impl Rest {
    /// Ends the session on the server. Later calls log in again.
    pub async fn logout(&self) -> Result<()> {
        let Some(token) = self.token_slot().take() else { return Ok(()) };
        let path = self.inner.spelling.session();
        send(&self.inner.transport, "session", Method::DELETE, path, Some(&token), None).await.map(drop)
    }

    fn token_slot(&self) -> std::sync::MutexGuard<'_, Option<SecretString>> {
        self.inner.token.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// One call; an expired session is renewed and the call made again.
    async fn request(&self, call: &str, method: Method, path: &str, body: Option<Json>) -> Result<Json> {
        let inner = &self.inner;
        for last in [false, true] {
            let generation = inner.generation.load(Ordering::SeqCst);
            let token = self.token_slot().clone();
            if let Some(token) = token {
                let answer = send(&inner.transport, call, method.clone(), path, Some(&token), body.as_ref()).await?;
                if last || answer.status != StatusCode::UNAUTHORIZED {
                    return Ok(inner.spelling.unwrap(parse(call, &answer)?));
                }
            }
            self.renew(generation).await?;
        }
        Err(Error::SessionExpired { call: call.to_owned() })
    }

    async fn renew(&self, generation: u64) -> Result<()> {
        let inner = &self.inner;
        let settled = || (inner.generation.load(Ordering::SeqCst) != generation).then_some(());
        let login = |username: String, password: SecretString| async move {
            let token = login(&inner.transport, inner.spelling, &username, &password).await?;
            *self.token_slot() = Some(token);
            inner.generation.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        inner.account.login(Door::Rest, settled, login).await
    }

    async fn get<T: DeserializeOwned>(&self, call: &str, path: &str) -> Result<T> {
        read(call, self.request(call, Method::GET, path, None).await?)
    }

    /// A list; the older services may answer nothing for an empty one.
    async fn get_list<T: DeserializeOwned>(&self, call: &str, path: &str) -> Result<Vec<T>> {
        Ok(self.get::<Option<Vec<T>>>(call, path).await?.unwrap_or_default())
    }

    async fn post_list<T: DeserializeOwned>(&self, call: &str, path: &str, body: Json) -> Result<Vec<T>> {
        Ok(self.post::<Option<Vec<T>>>(call, path, body).await?.unwrap_or_default())
    }

    async fn post<T: DeserializeOwned>(&self, call: &str, path: &str, body: Json) -> Result<T> {
        read(call, self.request(call, Method::POST, path, Some(body)).await?)
    }

    /// Reads every object of a resource that only lists ids. One that is gone when its turn comes is left out.
    async fn get_each<T: DeserializeOwned>(&self, call: &str, resource: &str, ids: Vec<String>) -> Result<Vec<T>> {
        let reads = stream::iter(ids).map(|id| async move {
            let path = self.inner.spelling.item(resource, &id);
            match self.get::<T>(call, &path).await {
                Err(Error::Rest { status: 404, .. }) => Ok(None),
                object => object.map(Some),
            }
        });
        reads.buffered(READS_AT_ONCE).try_filter_map(|object| async move { Ok(object) }).try_collect().await
    }
}

fn read<T: DeserializeOwned>(call: &str, answer: Json) -> Result<T> {
    serde_json::from_value(answer).map_err(|error| unreadable(call, 200, &error))
}

impl Drop for Inner {
    fn drop(&mut self) {
        let token = self.token.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        let (Some(token), Ok(runtime)) = (token, tokio::runtime::Handle::try_current()) else { return };
        let (transport, path) = (Arc::clone(&self.transport), self.spelling.session());
        runtime.spawn(async move {
            if let Err(error) = send(&transport, "session", Method::DELETE, path, Some(&token), None).await {
                tracing::debug!(error = &error as &dyn std::error::Error, "a REST session was not logged out");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_written() {
        let id = "urn:vmomi:InventoryServiceTag:1/2:GLOBAL";
        let api = Spelling::Api.item("cis/tagging/tag", id);
        assert_eq!(api, "/api/cis/tagging/tag/urn:vmomi:InventoryServiceTag:1%2F2:GLOBAL");
        let rest = Spelling::Rest.item("cis/tagging/tag", id);
        assert_eq!(rest, "/rest/com/vmware/cis/tagging/tag/id:urn:vmomi:InventoryServiceTag:1%2F2:GLOBAL");
        assert_eq!(Spelling::Rest.action("x", "go"), "/rest/com/vmware/x?~action=go");
        assert_eq!(Spelling::Rest.unwrap(serde_json::json!({"value": [1]})), serde_json::json!([1]));
        assert_eq!(Spelling::Api.unwrap(serde_json::json!({"value": 1})), serde_json::json!({"value": 1}));
    }

    #[test]
    fn errors_repeat_the_servers_words_but_not_at_length() {
        let check = |body: &str, expected: &str| assert_eq!(message(body.as_bytes()), expected, "{body}");
        check(r#"{"error_type":"NOT_FOUND","messages":[{"default_message":"No tag.","id":"x","args":[]}]}"#, "No tag.");
        check(
            r#"{"type":"com.vmware.vapi.std.errors.not_found","value":{"messages":[{"default_message":"No tag."}]}}"#,
            "No tag.",
        );
        check(r#"{"error_type":"NOT_FOUND","messages":[]}"#, "NOT_FOUND");
        check("<html>", "no details");
        let long = format!(r#"{{"messages":[{{"default_message":"{}"}}]}}"#, "x".repeat(9999));
        assert_eq!(message(long.as_bytes()).len(), MESSAGE_CHARACTERS);
    }
}
