//! The command line as a whole, and what the wire makes of it. The servers here only play the parts that a real one
//! plays rarely: problems, ambiguous names, a closed pipe.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::{RawQuery, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use axum::{Json, Router};
use clap::{CommandFactory as _, Parser};
use serde_json::json;

use super::testing::{Closed, Written, serve, session, session_at};
use super::*;

#[derive(Parser)]
#[command(name = "spandrel")]
struct Line {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: ClientCommand,
}

fn parse(words: &str) -> Result<ClientCommand, clap::Error> {
    Line::try_parse_from(["spandrel"].into_iter().chain(words.split_whitespace())).map(|line| line.command)
}

async fn run_in(session: &mut Session, words: &str) -> Result<(), Failure> {
    match parse(words).unwrap() {
        ClientCommand::Noun(command) => nouns::run(command, session).await,
        ClientCommand::Provider(command) => providers::run(command, session).await,
        ClientCommand::Apply(args) => apply::apply(args, session).await,
        ClientCommand::Diff(args) => apply::diff(args, session).await,
        ClientCommand::Audit(args) => audit::run(*args, session).await,
        ClientCommand::Search(args) => search::run(args, session).await,
        ClientCommand::Tree(args) => tree::run(args, session).await,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_command_line_is_consistent() {
    Line::command().debug_assert();
}

#[test]
fn every_command_has_examples() {
    fn check(command: &clap::Command, path: &str) {
        let path = format!("{path} {}", command.get_name());
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let root_or_group = command.has_subcommands() && command.get_name() != "provider";
        assert!(root_or_group || help.contains("Examples:"), "{path} has no examples");
        command
            .get_subcommands()
            .filter(|command| command.get_name() != "help")
            .for_each(|command| check(command, &path));
    }
    check(&Line::command(), "");
}

#[test]
fn examples_fit_a_terminal() {
    fn check(command: &clap::Command) {
        for help in [command.get_after_help(), command.get_after_long_help()].into_iter().flatten() {
            for line in help.to_string().lines() {
                assert!(line.chars().count() <= 80, "{}: {line}", command.get_name());
            }
        }
        command.get_subcommands().for_each(check);
    }
    check(&Line::command());
}

#[test]
fn every_noun_says_what_it_is() {
    let line = Line::command();
    let about = |noun: &str| line.find_subcommand(noun).and_then(clap::Command::get_about).unwrap().to_string();
    assert_eq!(about("vm"), "Virtual machines");
    assert_eq!(about("zone"), "Zones: vSphere datacenters; a KVM provider is one");
}

/// Two options with one id would hide each other.
#[test]
fn options_of_commands_do_not_hide_those_of_the_client() {
    fn check(command: &clap::Command) {
        for global in ["server", "server_ca_file", "timeout", "color"] {
            let own = command.get_arguments().filter(|argument| argument.get_id() == global);
            assert_eq!(own.filter(|argument| !argument.is_global_set()).count(), 0, "{}", command.get_name());
        }
        command.get_subcommands().for_each(check);
    }
    check(&Line::command());
    let words = "spandrel --server-ca-file a provider add kvm --name n --url u --ca-file b";
    let line = Line::try_parse_from(words.split(' ')).unwrap();
    assert_eq!(line.globals.server_ca_file.as_deref(), Some(std::path::Path::new("a")));
}

#[test]
fn no_option_takes_a_password() {
    fn check(command: &clap::Command) {
        for argument in command.get_arguments() {
            let name = argument.get_id().as_str();
            let takes_value = argument.get_action().takes_values();
            assert!(
                !(takes_value && (name.contains("password") || name.contains("token"))),
                "{} takes {name}",
                command.get_name()
            );
        }
        command.get_subcommands().for_each(check);
    }
    check(&Line::command());
    assert!(parse("login --password secret").is_err());
    assert!(parse("provider add vsphere --name a --endpoint b --password secret").is_err());
}

#[test]
fn every_noun_has_its_verbs_under_both_of_its_names() {
    for noun in ["vm", "vms", "host", "resource-pool", "resource-pools", "storage-policies", "content-library", "nic"] {
        for verb in ["list", "get x", "count", "summary"] {
            assert!(parse(&format!("{noun} {verb}")).is_ok(), "{noun} {verb}");
        }
    }
    assert!(parse("provider add kvm --name a").is_err());
    assert!(parse("vm list --limit 0").is_err());
    assert!(parse("vm list --all --limit 5").is_err());
    assert!(parse("vm list --sort -memory_mib").is_ok());
    assert!(parse("watch --types vm,hosts,provider").is_ok());
    assert!(parse("watch --types vm,nonsense").is_err());
}

#[test]
fn completion_knows_nouns_and_options() {
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let script = String::from_utf8(completion(shell, &mut Line::command())).unwrap();
        for word in ["datastore", "summary", "--no-headers", "quarantine"] {
            // fish writes options without their dashes.
            assert!(script.contains(word.trim_start_matches('-')), "{shell}: {word}");
        }
    }
}

#[test]
fn completion_offers_kinds_to_watch_and_no_files_for_names() {
    let script = String::from_utf8(completion(Shell::Bash, &mut Line::command())).unwrap();
    let after = |from: &str, option: &str| {
        let part = script.split_once(from).unwrap().1;
        part.split_once(&format!("{option})")).unwrap().1.split_once(";;").unwrap().0.to_owned()
    };
    let types = after("spandrel__subcmd__watch)", "--types");
    assert!(types.contains("resource-pool") && types.contains("provider"), "{types}");
    let provider = after("spandrel__subcmd__watch)", "--provider");
    assert!(!provider.contains("compgen -f"), "{provider}");
    let file = after("spandrel__subcmd__provider__subcmd__add__subcmd__kvm)", "--ca-file");
    assert!(file.contains("compgen -f"), "{file}");
}

/// An error is a line; a question may have several.
#[tokio::test]
async fn what_has_to_be_confirmed_is_told_in_one_line_where_nobody_can_be_asked() {
    let thumbprint = ["AB"; 32].join(":");
    let provider = json!({"items": [{"id": "p1", "name": "lab", "sources": [
        {"endpoint": "vc", "sync": {"state": "unreachable", "presented_thumbprint": thumbprint}}]}]});
    let (mut session, _, _) =
        session(Router::new().route("/v1/providers", get(|| async move { Json(provider) }))).await;
    let other = ["CD"; 32].join(":");
    for words in ["provider trust lab".to_owned(), format!("provider trust lab --thumbprint {other}")] {
        let failure = run_in(&mut session, &words).await.unwrap_err();
        assert_eq!(failure.exit_code(), 2);
        let message = failure.message(terminal::Palette { coloured: false }).unwrap();
        assert!(message.contains(&thumbprint) && message.contains("--yes"), "{message}");
        assert!(!message.contains("\\u{"), "{message}");
    }
}

#[test]
fn the_client_waits_longer_than_a_connection_is_tested() {
    let line = Line::try_parse_from(["spandrel", "whoami"]).unwrap();
    assert!(std::time::Duration::from_secs(line.globals.timeout) > crate::sync::TEST_DEADLINE);
}

#[tokio::test]
async fn a_problem_becomes_an_exit_code_and_keeps_its_request_id() {
    for (status, code) in [(400_u16, 2), (403, 3), (404, 4), (409, 5), (500, 1), (503, 6)] {
        let router = Router::new().fallback(move |request: Request| async move {
            assert_eq!(request.headers()[header::AUTHORIZATION], "Bearer t0ken");
            let problem =
                json!({"type": "/docs/problems/some-problem", "title": "No.", "status": status, "request_id": "r7"});
            (
                StatusCode::from_u16(status).unwrap(),
                [(header::CONTENT_TYPE, "application/problem+json")],
                problem.to_string(),
            )
        });
        let (mut session, out, _) = session(router).await;
        let failure = run_in(&mut session, "vm count").await.unwrap_err();
        assert_eq!(failure.exit_code(), code);
        let message = failure.message(terminal::Palette { coloured: false }).unwrap();
        assert!(
            message.starts_with("error: No.")
                && message.contains("r7")
                && message.contains("/docs/problems/some-problem")
        );
        assert_eq!(out.text(), "");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_exit_code_6() {
    // A port that was free a moment ago.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut session = session_at(&address, Terminal::test(Vec::new(), Vec::new()));
    let failure = run_in(&mut session, "vm count").await.unwrap_err();
    assert_eq!(failure.exit_code(), 6);
    assert!(failure.message(terminal::Palette { coloured: false }).unwrap().contains("cannot be reached"));
}

#[tokio::test]
async fn what_answers_but_is_no_gateway_is_told_so() {
    let (mut session, _, _) = session(Router::new().fallback(|| async { "<html>hello</html>" })).await;
    let failure = run_in(&mut session, "vm count").await.unwrap_err();
    assert!(failure.message(terminal::Palette { coloured: false }).unwrap().contains("not a Spandrel gateway"));
}

#[tokio::test]
async fn a_redirect_is_told_and_the_token_stays_here() {
    let visits = Arc::new(AtomicUsize::new(0));
    let counted = visits.clone();
    let elsewhere = serve(Router::new().fallback(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        async { "{}" }
    }))
    .await;
    let router = Router::new().fallback(move || {
        let elsewhere = elsewhere.clone();
        async move { (StatusCode::FOUND, [(header::LOCATION, elsewhere)]).into_response() }
    });
    let (mut session, _, _) = session(router).await;
    let failure = run_in(&mut session, "vm count").await.unwrap_err();
    assert_eq!(failure.exit_code(), 1);
    assert_eq!(visits.load(Ordering::SeqCst), 0, "the redirect was followed");
}

#[tokio::test]
async fn a_closed_pipe_is_quiet() {
    let router = Router::new().route("/v1/vms/count", get(|| async { Json(json!({"count": 1, "revision": "1"})) }));
    let mut session = session_at(&serve(router).await, Terminal::test(Closed, Vec::new()));
    let failure = run_in(&mut session, "vm count").await.unwrap_err();
    assert_eq!(failure.exit_code(), 0);
    assert_eq!(failure.message(terminal::Palette { coloured: false }), None);
}

#[tokio::test]
async fn a_name_that_several_have_lists_them() {
    let vm = |id: &str| json!({"id": id, "name": "web", "provider_id": "p1", "folder_path": "prod"});
    let router = Router::new()
        .route(
            "/v1/vms",
            get(move || async move { Json(json!({"items": [vm("a1"), vm("a2")], "next_page_token": null})) }),
        )
        .route("/v1/providers", get(|| async { Json(json!({"items": [{"id": "p1", "name": "lab"}]})) }));
    let (mut session, _, _) = session(router).await;
    let failure = run_in(&mut session, "vm get web").await.unwrap_err();
    assert_eq!(failure.exit_code(), 2);
    insta::assert_snapshot!(failure.message(terminal::Palette { coloured: false }).unwrap(), @r"
    error: 2 VMs are named `web`.
      mend:    Use the id, or narrow it with --provider NAME:
               a1  web of provider lab, in prod
               a2  web of provider lab, in prod
    ");
}

#[tokio::test]
async fn pages_are_read_until_there_are_no_more() {
    let router = Router::new().route(
        "/v1/vms",
        get(|RawQuery(query): RawQuery| async move {
            let query = query.unwrap_or_default();
            let token = query.contains("page_token=next");
            let items = if token { json!([{"name": "c"}]) } else { json!([{"name": "a"}, {"name": "b"}]) };
            let next = if token { json!(null) } else { json!("next") };
            Json(json!({"items": items, "next_page_token": next, "revision": if token { "9" } else { "7" }}))
        }),
    );
    let (mut session, out, _) = session(router).await;
    run_in(&mut session, "vm list --all -o name").await.unwrap();
    assert_eq!(out.text(), "a\nb\nc\n");
}

#[tokio::test]
async fn a_list_that_was_cut_says_so() {
    let router = Router::new()
        .route(
            "/v1/vms",
            get(|| async { Json(json!({"items": [{"name": "a"}], "next_page_token": "next", "revision": "7"})) }),
        )
        .route("/v1/vms/count", get(|| async { Json(json!({"count": 412})) }));
    let (mut session, out, err) = session(router).await;
    run_in(&mut session, "vm list --limit 1 -o name").await.unwrap();
    assert_eq!(out.text(), "a\n");
    assert!(err.text().contains("1 of 412 VMs shown"), "{}", err.text());
}

#[tokio::test]
async fn an_edit_carries_the_version_that_was_looked_at() {
    let provider = json!({"id": "p1", "name": "lab", "sources": []});
    let (one, two) = (provider.clone(), provider.clone());
    let router = Router::new().route("/v1/providers", get(move || async move { Json(json!({"items": [one]})) })).route(
        "/v1/providers/p1",
        get(move || async move { ([(header::ETAG, "\"5\"")], Json(two)) }).patch(
            |headers: HeaderMap, Json(patch): Json<serde_json::Value>| async move {
                assert_eq!(headers[header::IF_MATCH], "\"5\"");
                assert_eq!(patch, json!({"name": "production"}));
                (StatusCode::PRECONDITION_FAILED, Json(json!({"title": "It was changed."})))
            },
        ),
    );
    let (mut session, _, _) = session(router).await;
    let failure = run_in(&mut session, "provider edit lab --name production").await.unwrap_err();
    assert_eq!(failure.exit_code(), 5);
}

#[tokio::test]
async fn adding_tells_the_fingerprint_and_the_command_that_trusts_it() {
    let provider = |state: &str| {
        json!({"id": "p1", "name": "lab", "kind": "kvm", "enabled": true, "sources": [{
            "id": "s1", "endpoint": "qemu+tls://one/system",
            "sync": {"state": state, "message": "Its certificate is not trusted.", "presented_thumbprint": "AB:CD"}}]})
    };
    let (one, two) = (provider("connecting"), provider("unreachable"));
    let router = Router::new()
        .route("/v1/providers", post(move || async move { (StatusCode::CREATED, Json(one)) }))
        .route("/v1/providers/p1", get(move || async move { Json(two) }));
    let (mut session, _, err) = session(router).await;
    run_in(&mut session, "provider add kvm --name lab --url qemu+tls://one/system").await.unwrap();
    assert!(err.text().contains("spandrel provider trust lab --thumbprint AB:CD"), "{}", err.text());
    let failure =
        run_in(&mut session, "provider add kvm --name lab --url qemu+tls://one/system --wait").await.unwrap_err();
    assert_eq!(failure.exit_code(), 1);
    let message = failure.message(terminal::Palette { coloured: false }).unwrap();
    assert!(message.contains("spandrel provider trust lab --thumbprint AB:CD"), "{message}");
}

#[tokio::test]
async fn removing_without_a_terminal_needs_yes() {
    let router = Router::new()
        .route("/v1/providers", get(|| async { Json(json!({"items": [{"id": "p1", "name": "lab"}]})) }))
        .route("/v1/providers/p1", axum::routing::delete(|| async { StatusCode::ACCEPTED }));
    let (mut session, _, _) = session(router).await;
    assert_eq!(run_in(&mut session, "provider remove lab").await.unwrap_err().exit_code(), 2);
    run_in(&mut session, "provider remove lab --yes").await.unwrap();
}

#[tokio::test]
async fn what_makes_something_is_asked_again_when_the_connection_breaks() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let mut keys = Vec::new();
        for answer in
            ["", "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{\"id\":\"x\"}"]
        {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0, "the whole request comes");
            }
            let request = String::from_utf8(request).unwrap();
            keys.extend(request.lines().find_map(|line| line.strip_prefix("idempotency-key: ")).map(str::to_owned));
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        keys
    });
    let session = session_at(&address, Terminal::test(Written::default(), Written::default()));
    let answer = session.client.create("/v1/tokens", &json!({"name": "ci"})).await.unwrap();
    assert_eq!(answer.body["id"], "x");
    let keys = server.await.unwrap();
    assert!(keys.len() == 2 && keys[0] == keys[1] && keys[0].len() == 32, "{keys:?}");
}

#[tokio::test]
async fn the_history_of_a_provider_is_a_table() {
    let provider = json!({"id": "p1", "name": "lab", "sources": [{"id": "s1", "endpoint": "one"}, {"id": "s2", "endpoint": "two"}]});
    let router = Router::new().route("/v1/providers", get(move || async move { Json(json!({"items": [provider]})) })).route(
        "/v1/providers/p1/history",
        get(|RawQuery(query): RawQuery| async move {
            assert_eq!(query.as_deref(), Some("source_id=s2&state=unreachable%2Clive&limit=2"));
            Json(json!({"next_page_token": "next", "items": [
                {"source_id": "s2", "state": "live", "since": "2026-01-31T12:00:05Z", "until": "2026-01-31T12:01:00Z",
                 "reason": null, "message": null, "changes": 1},
                {"source_id": "s2", "state": "unreachable", "since": "2026-01-31T12:00:00Z", "until": "2026-01-31T12:00:05Z",
                 "reason": "timed_out", "message": "no\u{1b} answer", "changes": 17},
            ]}))
        }),
    );
    let (mut session, out, err) = session(router).await;
    run_in(&mut session, "provider history lab --endpoint two --state unreachable,live --limit 2").await.unwrap();
    let text = out.text();
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().skip(2).collect()).collect();
    assert_eq!(lines[1], ["55s", "live", "two", "1", "-", "-"], "{text}");
    assert_eq!(lines[2], ["5s", "unreachable", "two", "17", "timed_out", "no\\u{1b}", "answer"], "{text}");
    assert!(err.text().contains("There are older ones"), "{}", err.text());
    assert!(parse("provider history lab --state well").is_err());
    assert_eq!(run_in(&mut session, "provider history lab --endpoint three").await.unwrap_err().exit_code(), 4);
}

#[tokio::test]
async fn the_changes_of_an_object_are_told_by_name() {
    let router = Router::new()
        .route("/v1/vms", get(|| async { Json(json!({"items": [{"id": "v1", "name": "web"}], "next_page_token": null})) }))
        .route("/v1/hosts", get(|| async { Json(json!({"items": [{"id": "h1", "name": "esx-1"}, {"id": "h2", "name": "esx-2"}]})) }))
        .route("/v1/vms/v1/changes", get(|| async {
            let field = |field: &str, before: serde_json::Value, after: serde_json::Value| {
                json!({"field": field, "path": [], "before": before, "after": after, "omitted": false})
            };
            let mut inner = field("attributes", json!("me"), json!("you"));
            inner["path"] = json!(["owner"]);
            Json(json!({"next_page_token": null, "items": [
                {"op": "deleted", "at": "2026-01-31T12:00:00Z", "revision": "9", "fields": []},
                {"op": "changed", "at": "2026-01-31T12:00:00Z", "revision": "8", "fields": null},
                {"op": "changed", "at": "2026-01-31T12:00:00Z", "revision": "7", "fields": [
                    field("power_state", json!("running"), json!("stopped")), field("host_id", json!("h1"), json!("h2")), inner]},
                {"op": "created", "at": "2026-01-31T12:00:00Z", "revision": null, "fields": []},
            ]}))
        }));
    let (mut session, out, _) = session(router).await;
    run_in(&mut session, "vm changes web -o wide").await.unwrap();
    let text = out.text();
    let lines: Vec<&str> =
        text.lines().map(|line| line.split_once(" ago").map_or(line, |(_, rest)| rest.trim())).collect();
    assert!(lines[1].ends_with("deleted") && lines[1].starts_with('9'), "{text}");
    assert!(lines[2].ends_with("changed; it is not known in what"), "{text}");
    let told = "power_state running → stopped, host esx-1 → esx-2, attributes.owner me → you";
    assert!(lines[3].ends_with(told), "{text}");
    assert!(lines[4].ends_with("created"), "{text}");
}

#[tokio::test]
async fn the_audit_log_is_listed_exported_and_verified() {
    let check = json!({"sound": false, "entries": 6, "dropped_through": 0, "last_seq": 9,
        "broken": {"seq": 7, "fault": "content"}});
    let router = Router::new()
        .route(
            "/v1/audit",
            get(|RawQuery(query): RawQuery| async move {
                assert_eq!(query.as_deref(), Some("actor=eve&result=denied%2Cfailed&at.gte=2026-01-31T12%3A00%3A00%2B00%3A00&limit=20"));
                Json(json!({"next_page_token": null, "items": [
                    {"seq": 8, "at": "2026-01-31T12:00:05Z", "actor": "eve\u{1b}", "action": "vm.delete", "result": "denied",
                     "status": 403, "object_id": "v1", "object_name": "web", "address": "192.0.2.1", "door": "portal",
                     "request_id": "r1", "on_behalf_of": null},
                ]}))
            }),
        )
        .route("/v1/audit/export", get(|| async { "{\"seq\":1}\n{\"seq\":2}\n" }))
        .route("/v1/audit/verify", get(move || async move { Json(check) }));
    let (mut session, out, err) = session(router).await;
    let list = "audit --actor eve --result denied,failed --after 2026-01-31T12:00:00Z";
    run_in(&mut session, list).await.unwrap();
    let text = out.text();
    let row: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
    assert!(row.ends_with(&["eve\\u{1b}", "vm.delete", "denied", "web", "192.0.2.1"]), "{text}");
    run_in(&mut session, &format!("{list} -o wide")).await.unwrap();
    assert!(out.text().contains("403") && out.text().contains("portal"), "{}", out.text());
    run_in(&mut session, "audit export").await.unwrap();
    assert!(out.text().ends_with("{\"seq\":1}\n{\"seq\":2}\n"));
    assert_eq!(run_in(&mut session, "audit verify").await.unwrap_err().exit_code(), 1);
    assert!(err.text().contains("broken at entry 7 of 9"), "{}", err.text());
    assert_eq!(run_in(&mut session, "audit verify -o json").await.unwrap_err().exit_code(), 1);
    assert!(parse("audit --result well").is_err() && parse("audit --door window").is_err());
    assert!(parse("audit --actor eve verify").is_err());
}
