//! The stream against a server that interrupts, forgets and repeats.

use std::sync::{Arc, Mutex};

use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response as Answer};
use axum::routing::get;
use axum::{Json, Router};

use super::*;
use crate::cli::testing::session;

/// What the server answers to each watch, and what it was asked.
#[derive(Default)]
struct Script {
    streams: Vec<Stream>,
    lists: Vec<Value>,
    asked_from: Vec<Option<String>>,
}

enum Stream {
    Events(&'static str),
    Gone,
}

type Shared = Arc<Mutex<Script>>;

async fn vms(State(script): State<Shared>) -> Json<Value> {
    let mut script = script.lock().unwrap();
    let list = if script.lists.len() > 1 { script.lists.remove(0) } else { script.lists[0].clone() };
    Json(list)
}

async fn stream(
    State(script): State<Shared>,
    Query(query): Query<std::collections::HashMap<String, String>>,
) -> Answer {
    let mut script = script.lock().unwrap();
    script.asked_from.push(query.get("from_revision").cloned());
    assert_eq!(query.get("types").map(String::as_str), Some("vm,provider"));
    let problem = |status: StatusCode| (status, Json(json!({"title": "No more."}))).into_response();
    if script.streams.is_empty() {
        // The end of the script: the token ran out.
        return problem(StatusCode::UNAUTHORIZED);
    }
    match script.streams.remove(0) {
        Stream::Events(events) => ([(header::CONTENT_TYPE, "text/event-stream")], events).into_response(),
        Stream::Gone => problem(StatusCode::GONE),
    }
}

fn vm(id: &str, state: &str, revision: &str) -> Value {
    json!({"id": id, "name": format!("name-{id}"), "power_state": state, "revision": revision})
}

/// Runs a watch over the script. Gives what was told (event, id and first change), the notes, and from where it asked.
async fn play(script: Script, from: Option<&str>) -> (Vec<String>, String, Vec<Option<String>>) {
    let script = Arc::new(Mutex::new(script));
    let router = Router::new()
        .route(
            "/v1/providers",
            get(|| async { Json(json!({"items": [{"id": "p1", "name": "lab", "enabled": true, "sources": []}]})) }),
        )
        .route("/v1/vms", get(vms))
        .route("/v1/watch", get(stream))
        .with_state(script.clone());
    let (mut session, out, err) = session(router).await;
    let args = WatchArgs {
        types: vec![Watched::Kind(Kind::Vm), Watched::Provider],
        provider: None,
        from: from.map(str::to_owned),
        output: WatchFormat::Json,
    };
    let failure = run(args, &mut session).await.unwrap_err();
    assert_eq!(failure.exit_code(), 3, "{failure:?}");
    let told = out
        .text()
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
            let change = &line["changes"][0];
            format!("{} {} {}>{}", text(&line["event"]), text(&line["id"]), text(&change["from"]), text(&change["to"]))
        })
        .collect();
    let asked = script.lock().unwrap().asked_from.clone();
    (told, err.text(), asked)
}

fn list(items: &[Value], revision: &str) -> Value {
    json!({"items": items, "next_page_token": null, "revision": revision})
}

#[tokio::test]
async fn after_an_interruption_it_goes_on_from_the_last_revision() {
    let script = Script {
        lists: vec![list(&[vm("a", "running", "9")], "10")],
        streams: vec![
            Stream::Events(
                "event: provider\ndata: {\"id\":\"p1\",\"name\":\"lab\",\"enabled\":true,\"sources\":[]}\n\n\
                 id: 11\nevent: put\ndata: {\"kind\":\"vm\",\"revision\":\"11\",\"object\":{\"id\":\"a\",\"name\":\"name-a\",\"power_state\":\"stopped\",\"revision\":\"11\"}}\n\n\
                 event: put\ndata: {\"kind\":\"vm\",\"revi",
            ),
            Stream::Events(
                "event: bookmark\nid: 14\ndata: {\"revision\":\"14\"}\n\n\
                 event: end\ndata: {\"reason\":\"slow\",\"resume_from\":\"13\"}\n\n",
            ),
            Stream::Events(
                "event: delete\nid: 15\ndata: {\"kind\":\"vm\",\"id\":\"a\",\"revision\":\"15\"}\n\n\
                 event: put\nid: 16\ndata: {\"kind\":\"vm\",\"revision\":\"16\",\"object\":{\"id\":\"b\",\"name\":\"name-b\",\"power_state\":\"running\",\"revision\":\"16\"}}\n\n\
                 event: something_new\ndata: {}\n\n",
            ),
        ],
        asked_from: Vec::new(),
    };
    let (told, notes, asked) = play(script, None).await;
    assert_eq!(told, ["put a running>stopped", "delete a ->-", "put b ->-"]);
    let asked: Vec<_> = asked.iter().map(|from| from.as_deref().unwrap_or("-")).collect();
    assert_eq!(asked, ["10", "11", "13", "16"]);
    assert!(notes.contains("slow") && notes.contains("Connected again"), "{notes}");
}

#[tokio::test]
async fn when_the_changes_are_gone_it_lists_again_and_tells_what_differs() {
    let script = Script {
        lists: vec![
            list(&[vm("a", "running", "5"), vm("b", "running", "6"), vm("c", "running", "7")], "10"),
            list(&[vm("a", "stopped", "90"), vm("c", "running", "7"), vm("d", "running", "91")], "100"),
        ],
        streams: vec![Stream::Gone, Stream::Events("event: bookmark\ndata: {\"revision\":\"101\"}\n\n")],
        asked_from: Vec::new(),
    };
    let (told, notes, asked) = play(script, None).await;
    assert_eq!(told, ["listed_again - ->-", "delete b ->-", "put a running>stopped", "put d ->-"]);
    let asked: Vec<_> = asked.iter().map(|from| from.as_deref().unwrap_or("-")).collect();
    assert_eq!(asked, ["10", "100", "101"]);
    assert!(notes.contains("no longer has the changes since revision 10"), "{notes}");
}

#[tokio::test]
async fn what_the_list_has_already_is_not_told_again() {
    let script = Script {
        lists: vec![list(&[vm("a", "stopped", "12")], "10")],
        streams: vec![Stream::Events(
            "event: put\ndata: {\"kind\":\"vm\",\"revision\":\"11\",\"object\":{\"id\":\"a\",\"power_state\":\"running\",\"revision\":\"11\"}}\n\n\
             event: put\ndata: {\"kind\":\"vm\",\"revision\":\"12\",\"object\":{\"id\":\"a\",\"power_state\":\"stopped\",\"revision\":\"12\"}}\n\n\
             event: delete\ndata: {\"kind\":\"vm\",\"id\":\"never-listed\",\"revision\":\"12\"}\n\n",
        )],
        asked_from: Vec::new(),
    };
    let (told, _, asked) = play(script, None).await;
    assert_eq!(told, Vec::<String>::new());
    assert_eq!(asked.last().unwrap().as_deref(), Some("12"));
}

#[tokio::test]
async fn from_a_revision_nothing_is_listed_and_everything_is_told() {
    let script = Script {
        // A list would answer this, and the watch would then not be from 3.
        lists: vec![list(&[], "500")],
        streams: vec![Stream::Events(
            "event: put\ndata: {\"kind\":\"vm\",\"revision\":\"4\",\"object\":{\"id\":\"a\",\"power_state\":\"running\",\"revision\":\"4\"}}\n\n\
             event: delete\ndata: {\"kind\":\"vm\",\"id\":\"x\",\"revision\":\"5\"}\n\n\
             event: provider_removed\ndata: {\"id\":\"p1\"}\n\n",
        )],
        asked_from: Vec::new(),
    };
    let (told, _, asked) = play(script, Some("3")).await;
    assert_eq!(told, ["put a ->-", "delete x ->-", "provider_removed p1 ->-"]);
    assert_eq!(asked[0].as_deref(), Some("3"));
}
