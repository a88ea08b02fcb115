//! The change stream.

use std::time::Duration;

use axum::body::BodyDataStream;
use axum::http::header;
use futures::StreamExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{Gateway, vm};
use crate::model::{ChangeOp, Kind, ObjectId, SourceState};

/// A client that follows the stream.
struct Follower {
    body: BodyDataStream,
    text: String,
}

/// An event: its name, its id, its data.
type Event = (String, Option<String>, Value);

impl Follower {
    async fn start(gateway: &Gateway, query: &str) -> Self {
        Self::resume(gateway, query, None).await
    }

    async fn resume(gateway: &Gateway, query: &str, last_event_id: Option<&str>) -> Self {
        let mut request = gateway.request("GET", &format!("/v1/watch{query}"), None);
        request.headers_mut().insert(header::ACCEPT_ENCODING, "gzip".parse().unwrap());
        if let Some(id) = last_event_id {
            request.headers_mut().insert("last-event-id", id.parse().unwrap());
        }
        let response = gateway.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert!(response.headers().get("content-encoding").is_none(), "a stream is not compressed");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next event; `None` when the stream has ended. Comments are left out.
    async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::to_owned)
                };
                if let (Some(event), Some(data)) = (field("event"), field("data")) {
                    return Some((event, field("id"), serde_json::from_str(&data).unwrap()));
                }
            }
            let chunk = tokio::time::timeout(Duration::from_secs(60), self.body.next()).await.expect("silence")?;
            self.text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        }
    }

    async fn expect(&mut self, name: &str) -> (Option<String>, Value) {
        let (event, id, data) = self.next().await.expect("the stream has ended");
        assert_eq!(event, name, "{data}");
        (id, data)
    }
}

#[tokio::test]
async fn list_then_watch_misses_nothing_and_repeats_nothing() {
    let gateway = Gateway::start().await;
    gateway.tell_provider(SourceState::Live);
    let (a, b) = (ObjectId::generate(), ObjectId::generate());
    gateway.put(a, vm("a", 1, "running"));
    let list = gateway.get("/v1/vms").await.ok(200).json();
    // Between the list and the watch.
    gateway.put(b, vm("b", 1, "running"));
    gateway.put(a, vm("a", 2, "running"));
    let mut follower =
        Follower::start(&gateway, &format!("?from_revision={}", list["revision"].as_str().unwrap())).await;
    let (id, provider) = follower.expect("provider").await;
    assert_eq!((id, &provider["name"]), (None, &json!("lab")));
    let (id, put) = follower.expect("put").await;
    assert_eq!((id.as_deref(), &put["object"]["name"]), (Some("2"), &json!("b")));
    assert_eq!((&put["kind"], &put["revision"]), (&json!("vm"), &json!("2")));
    let (_, put) = follower.expect("put").await;
    assert_eq!((&put["object"]["name"], &put["object"]["memory_mib"]), (&json!("a"), &json!(2)));
    let (id, bookmark) = follower.expect("bookmark").await;
    assert_eq!((id.as_deref(), bookmark), (Some("3"), json!({"revision": "3"})));
    // While watching.
    gateway.change(a, Kind::Vm, ChangeOp::Delete);
    let (id, delete) = follower.expect("delete").await;
    assert_eq!((id.as_deref(), delete), (Some("4"), json!({"kind": "vm", "id": a.to_string(), "revision": "4"})));
    drop(follower);
    // While away.
    gateway.put(a, vm("a", 3, "running"));
    let mut follower = Follower::resume(&gateway, "?from_revision=1", Some("4")).await;
    follower.expect("provider").await;
    let (id, _) = follower.expect("put").await;
    assert_eq!(id.as_deref(), Some("5"));
    follower.expect("bookmark").await;
}

#[tokio::test]
async fn a_watch_from_now_begins_with_providers_and_a_bookmark() {
    let gateway = Gateway::start().await;
    gateway.tell_provider(SourceState::Live);
    gateway.put(ObjectId::generate(), vm("a", 1, "running"));
    let mut follower = Follower::start(&gateway, "").await;
    let (_, provider) = follower.expect("provider").await;
    assert_eq!(provider["sources"][0]["sync"]["state"], "live");
    assert_eq!(follower.expect("bookmark").await.0.as_deref(), Some("1"));
    gateway.tell_provider(SourceState::Unreachable);
    let (id, provider) = follower.expect("provider").await;
    assert_eq!((id, &provider["sources"][0]["sync"]["state"]), (None, &json!("unreachable")));
    gateway.inventory.provider_removed(gateway.provider);
    assert_eq!(follower.expect("provider_removed").await.1, json!({"id": gateway.provider.to_string()}));
}

#[tokio::test]
async fn only_what_was_asked_for_is_told() {
    let gateway = Gateway::start().await;
    gateway.tell_provider(SourceState::Live);
    let (a, b) = (ObjectId::generate(), ObjectId::generate());
    let id_query = format!("?id={b}");
    let provider_query = format!("?types=vm&provider_id={}", gateway.provider);
    let mut of_hosts = Follower::start(&gateway, "?types=host,provider").await;
    let mut of_providers = Follower::start(&gateway, "?types=provider").await;
    let mut of_one = Follower::start(&gateway, &id_query).await;
    for follower in [&mut of_hosts, &mut of_providers, &mut of_one] {
        follower.expect("provider").await;
        follower.expect("bookmark").await;
    }
    drop(of_hosts);
    // The place is free again as soon as the server notices.
    let mut of_provider = loop {
        if gateway.inventory.revision().0 > 50 {
            panic!("the place of a watcher that went away was not given back");
        }
        let request = gateway.request("GET", &format!("/v1/watch{provider_query}"), None);
        let response = gateway.router.clone().oneshot(request).await.unwrap();
        if response.status() == 200 {
            break Follower { body: response.into_body().into_data_stream(), text: String::new() };
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    of_provider.expect("provider").await;
    of_provider.expect("bookmark").await;
    gateway.put(a, vm("a", 1, "running"));
    gateway.put(b, vm("b", 1, "running"));
    assert_eq!(of_one.expect("put").await.1["object"]["name"], "b");
    assert_eq!(of_provider.expect("put").await.1["object"]["name"], "a");
    gateway.tell_provider(SourceState::Lagging);
    assert_eq!(of_providers.expect("provider").await.1["sources"][0]["sync"]["state"], "lagging");
}

#[tokio::test]
async fn an_idle_watcher_is_told_how_far_the_log_has_come() {
    let gateway = Gateway::start_with(|options| options.bookmark_every = Duration::from_millis(50)).await;
    let mut follower = Follower::start(&gateway, "?types=host").await;
    assert_eq!(follower.expect("bookmark").await.0.as_deref(), Some("0"));
    gateway.put(ObjectId::generate(), vm("a", 1, "running"));
    while follower.expect("bookmark").await.0.as_deref() != Some("1") {}
}

#[tokio::test]
async fn bad_watches_are_refused() {
    let gateway = Gateway::start().await;
    for (query, slug, field) in [
        ("?types=vms", "invalid-parameter", "types"),
        ("?from_revision=x", "invalid-revision", "from_revision"),
        ("?colour=red", "invalid-parameter", "colour"),
        ("?id=1", "invalid-parameter", "id"),
    ] {
        let problem = gateway.get(&format!("/v1/watch{query}")).await.problem(400, slug);
        assert_eq!(problem["field"], field, "{query}");
    }
    // Of a change log that was replaced by an older one: the watcher has to begin anew, as when it is too late.
    let unknown = gateway.get("/v1/watch?from_revision=1000000").await.problem(410, "revision-compacted");
    assert_eq!(unknown["revision"], "1000000");
    let mut request = gateway.request("GET", "/v1/watch", None);
    request.headers_mut().insert("last-event-id", "x".parse().unwrap());
    gateway.send(request).await.problem(400, "invalid-revision");
}

#[tokio::test]
async fn too_many_watchers_are_refused_and_told_when_to_come_back() {
    let gateway = Gateway::start().await;
    let mut followers = Vec::new();
    for _ in 0..3 {
        followers.push(Follower::start(&gateway, "").await);
    }
    let refused = gateway.get("/v1/watch").await;
    refused.problem(503, "unavailable");
    assert_eq!(refused.header("retry-after"), "10");
}

#[tokio::test]
async fn watchers_are_let_go_when_the_gateway_stops() {
    let gateway = Gateway::start().await;
    gateway.put(ObjectId::generate(), vm("a", 1, "running"));
    let mut follower = Follower::start(&gateway, "").await;
    follower.expect("bookmark").await;
    gateway.shutdown.cancel();
    let (id, end) = follower.expect("end").await;
    assert_eq!((id.as_deref(), end), (Some("1"), json!({"reason": "shutting_down", "resume_from": "1"})));
    assert_eq!(follower.next().await, None);
}

#[tokio::test]
async fn a_watcher_that_signed_out_is_not_told_any_more() {
    let gateway = Gateway::start_with(|options| options.bookmark_every = Duration::from_millis(50)).await;
    let mut follower = Follower::start(&gateway, "").await;
    follower.expect("bookmark").await;
    gateway.act("/v1/logout").await.ok(204);
    loop {
        let (event, _, data) = follower.next().await.expect("it says why it ends");
        if event == "end" {
            assert_eq!(data["reason"], "signed_out");
            break;
        }
        assert_eq!(event, "bookmark");
    }
    assert_eq!(follower.next().await, None);
}
