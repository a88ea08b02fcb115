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

use super::testing::{Closed, serve, session, session_at};
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
