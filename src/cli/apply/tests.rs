//! What a file means, and what is said when it means nothing.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::RawQuery;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse as _;
use axum::routing::{get, patch};
use axum::{Json, Router};
use clap::Parser;

use super::read::wishes;
use super::*;

fn text(content: &str) -> Text {
    Text::new("f.yaml".to_owned(), PathBuf::new(), false, content.to_owned())
}

#[track_caller]
fn one(content: &str) -> Wish {
    let text = text(content);
    let mut read = wishes(&text).unwrap_or_else(|mistakes| panic!("{mistakes:?}")).wishes;
    assert_eq!(read.len(), 1);
    read.pop().unwrap()
}

#[track_caller]
fn check_mistakes(content: &str, expected: &[(usize, &str)]) {
    let Err(mistakes) = wishes(&text(content)) else { panic!("{content} was read") };
    assert_eq!(mistakes.len(), expected.len(), "{mistakes:?}");
    for (mistake, (line, message)) in mistakes.iter().zip(expected) {
        assert_eq!(mistake.line, *line, "{mistake:?}");
        assert!(mistake.message.contains(message), "{mistake:?}");
        assert!(!mistake.message.contains("hunter2"), "{mistake:?}");
    }
}

#[test]
fn the_example_of_the_documentation_can_be_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/first-run.yaml");
    let content = std::fs::read_to_string(path).unwrap().replace("VCENTER_PASSWORD", "PATH");
    let read = wishes(&text(&content)).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let titles: Vec<String> = read.wishes.iter().map(Wish::title).collect();
    assert_eq!(titles, ["provider/vc-1", "provider/kvm-1"]);
    assert!(read.warnings.is_empty());
}

#[test]
fn a_document_becomes_the_bodies_of_the_api() {
    let wish = one(
        "kind: Provider\nname: ' lab '\nplatform: vsphere\nendpoints: vc.example\nusername: root\npassword: hunter2\nfingerprint: ab\nenabled: false\n",
    );
    let mut body = json!({"name": "lab", "endpoints": ["vc.example"], "username": "root", "password": "hunter2",
        "trust": {"thumbprint_sha256": "ab"}, "enabled": false});
    assert_eq!(wish.patch, body, "the platform cannot be edited");
    body["kind"] = json!("vsphere");
    assert_eq!(wish.create, body);
    assert_eq!(wish.fixed, [("kind", json!("vsphere"))]);
}

#[test]
fn what_is_left_out_stays_and_null_clears() {
    let wish = one("{\"kind\": \"Provider\", \"name\": \"lab\"}");
    assert_eq!(wish.patch, json!({"name": "lab"}));
    let wish = one("kind: Provider\nname: lab\nusername: null\nca_pem:\n");
    assert_eq!(wish.patch, json!({"name": "lab", "username": null, "password": null, "trust": {"ca_pem": null}}));
    assert_eq!(wish.create, json!({"name": "lab", "trust": {"ca_pem": null}}));
}

#[test]
fn every_mistake_is_told_with_its_line() {
    check_mistakes(
        "kind: Provider\nname: a\ncolour: red\nthumbprint: x\nplatfrm: kvm\n",
        &[
            (3, "`colour` is unknown; there are: kind, name"),
            (4, "write it as `fingerprint`"),
            (5, "write it as `platform`"),
        ],
    );
    check_mistakes(
        "name: a\n---\nkind: Vm\nname: b\n",
        &[(1, "`kind` is missing: Provider"), (3, "`kind` is not one that there is")],
    );
    check_mistakes(
        "kind: Provider\n---\nkind: Provider\nname: ''\n",
        &[(1, "`name` is missing"), (4, "must not be empty")],
    );
    check_mistakes(
        "- kind: Provider\n  name: lab\n- kind: Provider\n  name: LAB\n",
        &[(4, "the document at line 1 already")],
    );
    check_mistakes(
        "kind: Provider\nname: 7\nendpoints: [a, 7]\nusername: [hunter2]\nenabled: hunter2\n",
        &[(2, "put it in quotes"), (3, "a list of texts"), (4, "must be a text"), (5, "must be true or false")],
    );
    check_mistakes(
        "kind: Provider\nname: a\npassword: hunter2\npassword_env: SPANDREL_NOT_SET\n",
        &[(4, "one too many")],
    );
    check_mistakes(
        "kind: Provider\nname: a\npassword_env: SPANDREL_NOT_SET\n",
        &[(3, "SPANDREL_NOT_SET, which is not set")],
    );
    check_mistakes(
        "kind: Provider\nname: a\npassword_file: /nonexistent/secret\n",
        &[(3, "/nonexistent/secret, which cannot be read")],
    );
    check_mistakes("kind: Provider\nname: a\npassword: ''\n", &[(3, "empty password")]);
}

#[test]
fn a_password_comes_from_a_file_beside_the_document() {
    let directory = tempfile::tempdir().unwrap();
    let secret = directory.path().join("secret");
    std::fs::write(&secret, "hunter2 \r\n").unwrap();
    let content = "kind: Provider\nname: a\npassword_file: secret\n";
    let text = Text::new("f.yaml".to_owned(), directory.path().to_owned(), true, content.to_owned());
    for (mode, warnings) in [(0o600, 0), (0o640, 1)] {
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(mode)).unwrap();
        let Ok(read) = wishes(&text) else { panic!("it cannot be read") };
        assert_eq!(read.wishes[0].patch["password"], "hunter2 ");
        assert_eq!(read.warnings.len(), warnings, "{:?}", read.warnings);
    }
}

#[test]
fn a_password_in_a_file_that_others_can_read_is_warned_of() {
    let content = "kind: Provider\nname: a\npassword: hunter2\n".to_owned();
    let text = Text::new("f.yaml".to_owned(), PathBuf::new(), true, content);
    let Ok(read) = wishes(&text) else { panic!("it cannot be read") };
    assert!(read.warnings[0].contains("chmod 600 f.yaml") && !read.warnings[0].contains("hunter2"));
}

#[test]
fn members_of_the_api_are_found_in_the_file() {
    let content = "kind: Provider\nname: a\nendpoints:\n- x\n- y\nca_file: /dev/null\n";
    let text = text(content);
    let wish = one(content);
    for (member, line, word) in [
        ("endpoints[1]", 5, "endpoints[1]"),
        ("trust.ca_pem", 6, "ca_file"),
        ("kind", 1, "platform"),
        ("password", 1, "password"),
        ("", 1, ""),
    ] {
        assert_eq!(wish.place(&text, member), (line, word.to_owned()), "{member}");
    }
}

#[test]
fn only_a_connection_that_differs_is_tested() {
    let after = json!({"name": "a", "kind": "kvm", "enabled": true, "has_password": false, "username": null,
        "trust": {}, "sources": [{"endpoint": "test:///default"}]});
    let test = |after: &Value, changed: &[&str], patch: Value| {
        let changed: Vec<String> = changed.iter().map(|member| (*member).to_owned()).collect();
        (provider::KIND.test)(after, &changed, &patch).map(|test| test.body)
    };
    let body = test(&after, &["endpoints"], json!({})).unwrap();
    assert_eq!(body["endpoints"], json!(["test:///default"]));
    assert!(body.get("password").is_none());
    assert_eq!(test(&after, &["name", "enabled"], json!({})), None);
    let mut sealed = after.clone();
    sealed["has_password"] = json!(true);
    assert_eq!(test(&sealed, &["endpoints"], json!({})), None, "the password that is kept is not known here");
    assert_eq!(test(&sealed, &["endpoints"], json!({"password": "p"})).unwrap()["password"], "p");
    sealed["enabled"] = json!(false);
    assert_eq!(test(&sealed, &["endpoints"], json!({"password": "p"})), None);
}

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: ApplyArgs,
}

/// A server whose provider is edited by somebody else just before the first edit of ours.
fn busy_server() -> (Router, Arc<AtomicU64>) {
    let generation = Arc::new(AtomicU64::new(1));
    let shown = |generation: u64| json!({"id": "p", "name": "Lab", "kind": "kvm", "enabled": true, "sources": [], "generation": generation});
    let (listed, edited) = (generation.clone(), generation.clone());
    let list = move || async move { Json(json!({"items": [shown(listed.load(Ordering::SeqCst))]})) };
    let edit = move |RawQuery(query): RawQuery, headers: HeaderMap| async move {
        let is_trial = query.as_deref() == Some("dry_run=true");
        if !is_trial && edited.load(Ordering::SeqCst) == 1 {
            edited.store(2, Ordering::SeqCst);
        }
        let now = edited.load(Ordering::SeqCst);
        if headers[header::IF_MATCH] != format!("\"{now}\"") {
            let problem = json!({"type": "/docs/problems/precondition-failed", "title": "No.", "status": 412});
            return (StatusCode::PRECONDITION_FAILED, problem.to_string()).into_response();
        }
        if !is_trial {
            edited.store(now + 1, Ordering::SeqCst);
        }
        ([("x-spandrel-changed", "enabled")], Json(shown(now + 1))).into_response()
    };
    let router = Router::new().route("/v1/providers", get(list)).route("/v1/providers/p", patch(edit));
    (router, generation)
}

#[tokio::test]
async fn what_others_changed_meanwhile_is_said_and_compared_anew() {
    let (router, generation) = busy_server();
    let (mut session, out, err) = crate::cli::testing::session(router).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "kind: Provider\nname: lab\nenabled: false\n").unwrap();
    let line = Line::parse_from(["apply", "-f", file.path().to_str().unwrap()]);
    apply(line.args, &mut session).await.unwrap();
    assert_eq!(out.text(), "provider/lab changed (enabled)\n");
    assert!(err.text().contains("provider/lab was changed meanwhile"), "{}", err.text());
    assert_eq!(generation.load(Ordering::SeqCst), 3, "edited once, on what the other one left");
}
