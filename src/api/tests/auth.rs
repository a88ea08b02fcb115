//! Signing in and out, passwords, tokens.

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::json;

use super::{Gateway, PASSWORD, USER};

const OTHER: &str = "another long password";

#[tokio::test]
async fn signing_in_gives_a_token_that_ends() {
    let gateway = Gateway::start().await;
    let login = gateway.login("ADMIN", PASSWORD).await.ok(200);
    assert_eq!(login.json()["username"], USER, "the stored spelling");
    assert_eq!(login.header("cache-control"), "no-store");
    let session = gateway.get("/v1/session").await.ok(200).json();
    assert_eq!((&session["username"], &session["role"]), (&json!(USER), &json!("platform_admin")));
    assert_eq!(session["expires_at"], login.json()["expires_at"]);
    gateway.advance(12 * 3600 + 1);
    gateway.get("/v1/session").await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_are_answered_alike() {
    let gateway = Gateway::start().await;
    let wrong = gateway.login(USER, "hunter2hunter2").await;
    let unknown = gateway.login("nobody", "hunter2hunter2").await;
    let (a, b) = (wrong.problem(401, "invalid-credentials"), unknown.problem(401, "invalid-credentials"));
    assert_eq!(a["detail"], b["detail"]);
    assert!(wrong.headers.get("www-authenticate").is_none(), "no browser dialog");
    assert!(!wrong.text().contains("hunter2"));
    gateway.login(USER, &"x".repeat(5000)).await.problem(401, "invalid-credentials");
}

#[tokio::test]
async fn guessing_is_slowed_down_and_never_locks() {
    let gateway = Gateway::start().await;
    for _ in 0..5 {
        gateway.login("victim", "hunter2hunter2").await.problem(401, "invalid-credentials");
    }
    let refused = gateway.login("victim", "hunter2hunter2").await;
    refused.problem(429, "too-many-attempts");
    let wait: i64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=10).contains(&wait), "{wait}");
    gateway.login(USER, PASSWORD).await.ok(200);
    gateway.advance(wait);
    gateway.login("victim", "hunter2hunter2").await.problem(401, "invalid-credentials");
}

#[tokio::test]
async fn signing_out_ends_this_token_only() {
    let gateway = Gateway::start().await;
    let other = gateway.login(USER, PASSWORD).await.json()["token"].as_str().unwrap().to_owned();
    gateway.act("/v1/logout").await.ok(204);
    gateway.get("/v1/session").await.problem(401, "unauthenticated");
    let request = Request::get("/v1/session").header(header::AUTHORIZATION, format!("bearer {other}"));
    gateway.send(request.body(Body::empty()).unwrap()).await.ok(200);
}

#[tokio::test]
async fn a_changed_password_signs_every_other_session_out() {
    let gateway = Gateway::start().await;
    let other = gateway.login(USER, PASSWORD).await.json()["token"].as_str().unwrap().to_owned();
    let change = |current: &str, new: &str| json!({"current_password": current, "new_password": new});
    let wrong = gateway.post("/v1/account/password", change("hunter2hunter2", OTHER)).await;
    assert_eq!(wrong.problem(422, "invalid-field")["field"], "current_password");
    for poor in ["short", "the admin password", PASSWORD] {
        let refused = gateway.post("/v1/account/password", change(PASSWORD, poor)).await;
        assert_eq!(refused.problem(422, "invalid-field")["pointer"], "/new_password", "{poor}");
        assert!(!refused.text().contains(PASSWORD));
    }
    gateway.post("/v1/account/password", change(PASSWORD, OTHER)).await.ok(204);
    gateway.get("/v1/session").await.ok(200);
    let request = Request::get("/v1/session").header(header::AUTHORIZATION, format!("Bearer {other}"));
    gateway.send(request.body(Body::empty()).unwrap()).await.problem(401, "unauthenticated");
    gateway.login(USER, PASSWORD).await.problem(401, "invalid-credentials");
    gateway.login(USER, OTHER).await.ok(200);
}

#[tokio::test]
async fn tokens_are_made_listed_used_and_revoked() {
    let gateway = Gateway::start().await;
    let made = gateway.post("/v1/tokens", json!({"name": " backup ", "expires_in_days": 2})).await.ok(201);
    let (made, location) = (made.json(), made.header("location").to_owned());
    assert_eq!(made["name"], "backup");
    let secret = made["token"].as_str().unwrap();
    assert_eq!(location, format!("/v1/tokens/{}", made["id"].as_str().unwrap()));
    let list = gateway.get("/v1/tokens").await.ok(200);
    assert!(!list.text().contains(secret), "it is shown once");
    assert_eq!(list.json()["items"][0]["id"], made["id"]);
    assert_eq!(list.json()["items"].as_array().unwrap().len(), 1, "sessions are not among them");
    let with = |path: &str| {
        Request::get(path).header(header::AUTHORIZATION, format!("Bearer {secret}")).body(Body::empty()).unwrap()
    };
    gateway.send(with("/v1/session")).await.ok(200);
    gateway.delete(&location).await.ok(204);
    gateway.send(with("/v1/session")).await.problem(401, "unauthenticated");
    gateway.delete(&location).await.problem(404, "not-found");
    gateway.delete("/v1/tokens/x").await.problem(400, "bad-request");
}

#[tokio::test]
async fn bad_tokens_are_refused() {
    let gateway = Gateway::start().await;
    for (body, field) in [
        (json!({}), "name"),
        (json!({"name": " "}), "name"),
        (json!({"name": "a\u{7}"}), "name"),
        (json!({"name": "x".repeat(129)}), "name"),
        (json!({"name": "a", "expires_in_days": 0}), "expires_in_days"),
        (json!({"name": "a", "expires_in_days": 4000}), "expires_in_days"),
        (json!({"name": "a", "expires_in_days": -1}), "expires_in_days"),
        (json!({"name": "a", "days": 1}), "days"),
    ] {
        let answer = gateway.post("/v1/tokens", body.clone()).await;
        assert_eq!(answer.problem(422, "invalid-field")["field"], field, "{body}");
    }
    let made = gateway.post("/v1/tokens", json!({"name": "a", "expires_in_days": 1})).await.ok(201).json();
    gateway.advance(86_401);
    let request = Request::get("/v1/session")
        .header(header::AUTHORIZATION, format!("Bearer {}", made["token"].as_str().unwrap()))
        .body(Body::empty())
        .unwrap();
    gateway.send(request).await.problem(401, "unauthenticated");
}
