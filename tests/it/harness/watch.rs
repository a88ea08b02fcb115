//! A reader of the change stream.

use futures::StreamExt as _;
use futures::stream::BoxStream;
use serde_json::Value;

use super::{Gateway, PATIENCE};

#[derive(Clone, Debug)]
pub struct WatchEvent {
    pub name: String,
    pub id: Option<String>,
    pub data: Value,
}

/// Where a gateway answers, and with which token.
#[derive(Clone)]
pub struct Address {
    url: String,
    token: String,
}

impl Address {
    pub fn of(gateway: &Gateway) -> Self {
        Self { url: gateway.url.clone(), token: gateway.token.clone() }
    }

    /// The same by somebody else.
    pub fn of_token(gateway: &Gateway, token: &str) -> Self {
        Self { url: gateway.url.clone(), token: token.to_owned() }
    }
}

pub struct Watcher {
    bytes: BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    buffer: Vec<u8>,
}

impl Watcher {
    /// Begins to watch; `query` as in `types=vm&from_revision=7`. The refusal's status and body otherwise.
    pub async fn begin(gateway: &Gateway, query: &str) -> Result<Self, (u16, Value)> {
        Self::begin_at(&Address::of(gateway), query).await.expect("the gateway answers")
    }

    /// The same where perhaps nobody answers.
    pub async fn begin_at(address: &Address, query: &str) -> Option<Result<Self, (u16, Value)>> {
        let http = reqwest::Client::builder().build().unwrap();
        let url = format!("{}/v1/watch?{query}", address.url);
        let answer = http.get(url).bearer_auth(&address.token).send().await.ok()?;
        if !answer.status().is_success() {
            return Some(Err((answer.status().as_u16(), answer.json().await.ok()?)));
        }
        Some(Ok(Self { bytes: answer.bytes_stream().boxed(), buffer: Vec::new() }))
    }

    /// The next event; `None` when the stream ended.
    pub async fn next(&mut self) -> Option<WatchEvent> {
        tokio::time::timeout(PATIENCE, self.next_or_end()).await.expect("the change stream is silent")
    }

    /// The same, however long it takes.
    pub async fn next_or_end(&mut self) -> Option<WatchEvent> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
                let text = String::from_utf8(block).unwrap();
                if let Some(event) = parse(&text) {
                    return Some(event);
                }
                continue;
            }
            let chunk = self.bytes.next().await;
            self.buffer.extend_from_slice(&chunk?.ok()?);
        }
    }

    /// The next event for which `wanted` gives something.
    pub async fn find<T>(&mut self, what: &str, mut wanted: impl FnMut(&WatchEvent) -> Option<T>) -> T {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            assert!(tokio::time::Instant::now() < deadline, "the change stream did not tell: {what}");
            let event = self.next().await.unwrap_or_else(|| panic!("the change stream ended before: {what}"));
            if let Some(found) = wanted(&event) {
                return found;
            }
        }
    }
}

fn parse(block: &str) -> Option<WatchEvent> {
    let mut event = WatchEvent { name: String::new(), id: None, data: Value::Null };
    for line in block.lines() {
        match line.split_once(": ") {
            Some(("event", name)) => event.name = name.to_owned(),
            Some(("id", id)) => event.id = Some(id.to_owned()),
            Some(("data", data)) => event.data = serde_json::from_str(data).unwrap(),
            _ => {}
        }
    }
    (!event.name.is_empty()).then_some(event)
}
