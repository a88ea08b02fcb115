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
    assert_eq!((&session["username"], &session["roles"]), (&json!(USER), &json!(["platform_admin"])));
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
async fn reads_go_on_without_the_database_for_who_was_signed_in() {
    let gateway = Gateway::start().await;
    let unseen = gateway.login(USER, PASSWORD).await.json()["token"].as_str().unwrap().to_owned();
    gateway.get("/v1/vms").await.ok(200);
    gateway.store.close().await;
    for _ in 0..5 {
        gateway.advance(100);
        gateway.get("/v1/vms").await.ok(200);
    }
    let request = Request::get("/v1/vms").header(header::AUTHORIZATION, format!("bearer {unseen}"));
    gateway.send(request.body(Body::empty()).unwrap()).await.problem(503, "unavailable");
    gateway.advance(101);
    gateway.get("/v1/vms").await.problem(503, "unavailable");
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

/// What a browser adds to a request of the gateway's own page.
const FROM_PAGE: [(&str, &str); 2] = [("x-spandrel-portal", "1"), ("sec-fetch-site", "same-origin")];

fn browser(method: &str, target: &str, cookie: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(target).header(header::COOKIE, cookie);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

async fn login_by_cookie(gateway: &Gateway, headers: &[(&str, &str)]) -> super::Answer {
    let mut request = Request::post("/v1/login/cookie").header(header::CONTENT_TYPE, "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = json!({"username": USER, "password": PASSWORD}).to_string();
    gateway.send(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn a_page_signs_in_by_a_cookie_that_it_cannot_read() {
    let gateway = Gateway::start().await;
    let signed_in = login_by_cookie(&gateway, &FROM_PAGE).await.ok(200);
    assert_eq!(signed_in.json()["username"], USER);
    let set = signed_in.header("set-cookie").to_owned();
    assert!(
        set.starts_with("spandrel=spandrel_") && set.contains("; HttpOnly") && set.contains("; SameSite=Strict"),
        "{set}"
    );
    assert!(!set.contains("Secure") && !signed_in.text().contains("spandrel_"), "the token is in the cookie only");
    let cookie = set.split(';').next().unwrap().to_owned();
    gateway.send(browser("GET", "/v1/session", &cookie, &[])).await.ok(200);
    // What changes something needs the proof; a cookie beside a bearer token does not.
    for headers in
        [&[][..], &[("sec-fetch-site", "same-origin")], &[("x-spandrel-portal", "1"), ("sec-fetch-site", "cross-site")]]
    {
        gateway.send(browser("POST", "/v1/logout", &cookie, headers)).await.problem(403, "cross-site");
    }
    gateway.send(browser("GET", "/v1/session", &cookie, &[])).await.ok(200);
    let out = gateway.send(browser("POST", "/v1/logout", &cookie, &FROM_PAGE)).await.ok(204);
    let taken: Vec<_> = out.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    assert!(taken.len() == 2 && taken.iter().all(|value| value.contains("Max-Age=0")), "{taken:?}");
    gateway.send(browser("GET", "/v1/session", &cookie, &[])).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn the_cookie_is_secure_where_the_browser_speaks_tls() {
    let gateway = Gateway::start().await;
    let headers = [("x-spandrel-portal", "1"), ("origin", "https://gw.example"), ("host", "gw.example")];
    let signed_in = login_by_cookie(&gateway, &headers).await.ok(200);
    let set = signed_in.header("set-cookie").to_owned();
    assert!(set.starts_with("__Host-spandrel=") && set.ends_with("; Secure") && set.contains("Path=/;"), "{set}");
    let cookie = set.split(';').next().unwrap();
    gateway.send(browser("POST", "/v1/logout", cookie, &headers)).await.ok(204);
}

#[tokio::test]
async fn another_site_cannot_sign_a_browser_in() {
    let gateway = Gateway::start().await;
    for headers in
        [&[][..], &[("sec-fetch-site", "same-origin")], &[("x-spandrel-portal", "1"), ("sec-fetch-site", "same-site")]]
    {
        let refused = login_by_cookie(&gateway, headers).await;
        refused.problem(403, "cross-site");
        assert!(!refused.headers.contains_key("set-cookie"));
    }
}

/// Before anybody is signed in, and before much of it was read.
#[tokio::test]
async fn a_sign_in_is_small() {
    let gateway = Gateway::start().await;
    let large = json!({"username": "admin", "password": "x".repeat(20_000)});
    for target in ["/v1/login", "/v1/login/cookie"] {
        let mut request = gateway.request("POST", target, Some(large.clone()));
        request.headers_mut().remove(header::AUTHORIZATION);
        let problem = gateway.send(request).await.problem(413, "body-too-large");
        assert_eq!(problem["limit_bytes"], 16 << 10);
    }
    let change = json!({"current_password": "\u{1}".repeat(1024), "new_password": "\u{2}".repeat(1024)});
    let answer = gateway.post("/v1/account/password", change).await;
    assert_ne!(answer.status.as_u16(), 413, "the longest there can be is taken: {}", answer.text());
}

/// A service account cannot sign in: who manages its tenant makes its tokens, and takes them away.
#[tokio::test]
async fn a_service_account_is_given_tokens_by_who_manages_it() {
    let gateway = Gateway::start().await;
    let id = |made: super::Answer| made.ok(201).json()["id"].as_str().unwrap().to_owned();
    let tenant =
        id(gateway.post("/v1/tenants", json!({"parent_id": crate::model::TenantId::PLATFORM, "name": "acme"})).await);
    let account = json!({"tenant_id": tenant, "username": "backup", "kind": "service_account"});
    let account = id(gateway.post("/v1/users", account).await);
    let person =
        id(gateway.post("/v1/users", json!({"tenant_id": tenant, "username": "ann", "password": OTHER})).await);
    let of = |user: &str| format!("/v1/users/{user}/tokens");
    let made = gateway.post(&of(&account), json!({"name": "nightly"})).await.ok(201).json();
    assert_eq!(gateway.post(&of(&person), json!({"name": "x"})).await.problem(422, "invalid-field")["field"], "id");
    gateway.post(&of(&account), json!({"name": ""})).await.problem(422, "invalid-field");
    gateway.get(&of("0192f0c1-2345-7000-8000-000000000000")).await.problem(404, "not-found");
    let list = gateway.get(&of(&account)).await.ok(200);
    assert!(list.text().contains("nightly") && !list.text().contains(made["token"].as_str().unwrap()));
    assert!(!gateway.get("/v1/tokens").await.ok(200).text().contains("nightly"), "it is not the own one");
    let as_it = |token: &str| {
        let mut request = gateway.request("GET", "/v1/session", None);
        request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        request
    };
    let secret = made["token"].as_str().unwrap();
    let session = gateway.send(as_it(secret)).await.ok(200).json();
    assert_eq!(session["username"], "backup");
    // Ann, who manages nothing, neither makes nor takes.
    let login = gateway.login("acme/ann", OTHER).await.ok(200).json();
    let anns = |method: &str, target: &str, body| {
        let mut request = gateway.request(method, target, body);
        let bearer = format!("Bearer {}", login["token"].as_str().unwrap());
        request.headers_mut().insert(header::AUTHORIZATION, bearer.parse().unwrap());
        request
    };
    let revoke = format!("/v1/tokens/{}", made["id"].as_str().unwrap());
    gateway.send(anns("DELETE", &revoke, None)).await.problem(404, "not-found");
    gateway.send(anns("POST", &of(&account), Some(json!({"name": "mine"})))).await.problem(404, "not-found");
    gateway.send(as_it(secret)).await.ok(200);
    gateway.delete(&revoke).await.ok(204);
    gateway.send(as_it(secret)).await.problem(401, "unauthenticated");
    gateway.delete(&revoke).await.problem(404, "not-found");
    let entries = gateway.get("/v1/audit?action=user.token_create,token.delete").await.ok(200).json();
    let told = entries["items"].as_array().unwrap();
    assert_eq!(told.iter().filter(|entry| entry["result"] == "done").count(), 2, "{entries}");
    assert!(told.iter().filter(|entry| entry["result"] == "done").all(|entry| entry["tenant_id"] == tenant.as_str()));
}
