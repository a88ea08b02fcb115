//! What the framework rejects, what every answer has, and the pages.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::json;

use super::super::problem::ProblemType;
use super::Gateway;

#[tokio::test]
async fn what_the_framework_rejects_is_a_problem_too() {
    let gateway = Gateway::start().await;
    gateway.get("/v1/nothing").await.problem(404, "unknown-route");
    gateway.get("/v1/vms/").await.problem(404, "unknown-route");
    let long = gateway.get(&format!("/v1/vms?q={}", "x".repeat(33 << 10))).await.problem(414, "uri-too-long");
    assert_eq!(long["limit_bytes"], 32 << 10);
    let mut request = gateway.request("GET", "/v1/vms", None);
    request.headers_mut().insert("cookie", "x".repeat(33 << 10).parse().unwrap());
    gateway.send(request).await.problem(431, "headers-too-large");
    gateway.get("/nothing").await.problem(404, "unknown-route");
    gateway.act("/").await.problem(404, "unknown-route");
    let wrong = gateway.delete("/v1/providers").await;
    wrong.problem(405, "method-not-allowed");
    assert!(wrong.header("allow").contains("POST"), "{:?}", wrong.headers);
    gateway.act("/v1/vms").await.problem(405, "method-not-allowed");
    gateway.get("/v1/login").await.problem(405, "method-not-allowed");
    gateway.get("/v1/vms?q=%ff").await.problem(400, "bad-request");
    let problem = gateway.get("/v1/providers?colour=red").await.problem(400, "invalid-parameter");
    assert_eq!(problem["field"], "colour");
    gateway.get("/v1/vms/0192f0c1-2345-7000-8000-000000000000?fields=x").await.problem(400, "invalid-parameter");
    gateway.get("/v1/vms/1").await.problem(400, "bad-request");
    gateway.get("/v1/vms/%ff").await.problem(400, "bad-request");

    let send = |content_type: Option<&str>, body: Body| {
        let mut request = gateway.request("POST", "/v1/tokens", None);
        if let Some(content_type) = content_type {
            request.headers_mut().insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        }
        *request.body_mut() = body;
        gateway.send(request)
    };
    send(None, Body::from("{}")).await.problem(415, "unsupported-media-type");
    send(Some("text/plain"), Body::from("{}")).await.problem(415, "unsupported-media-type");
    send(Some("application/json"), Body::from("{'a'}")).await.problem(400, "invalid-json");
    send(Some("application/json; charset=utf-8"), Body::from("")).await.problem(400, "invalid-json");
    let deep = "[".repeat(100_000);
    send(Some("application/json"), Body::from(deep)).await.problem(400, "invalid-json");
    let large = vec![b' '; 2 << 20];
    send(Some("application/json"), Body::from(large.clone())).await.problem(413, "body-too-large");
    let chunks = futures::stream::iter(
        large.chunks(64 << 10).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect::<Vec<_>>(),
    );
    send(Some("application/json"), Body::from_stream(chunks)).await.problem(413, "body-too-large");
    let broken = futures::stream::iter([Ok(b"{".to_vec()), Err(std::io::Error::other("gone"))]);
    send(Some("application/json"), Body::from_stream(broken)).await.problem(400, "bad-request");
}

#[tokio::test]
async fn every_answer_has_its_id_and_its_guards() {
    let gateway = Gateway::start().await;
    for target in ["/healthz", "/v1/vms", "/v1/nothing", "/docs", "/docs/problems/not-found"] {
        let answer = gateway.get(target).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{target}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{target}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{target}");
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{target}: {policy}");
        assert_eq!(answer.header("x-request-id").len(), 32, "{target}");
    }
    let mut request = gateway.request("GET", "/v1/nothing", None);
    request.headers_mut().insert("x-request-id", "trace-7".parse().unwrap());
    let problem = gateway.send(request).await.problem(404, "unknown-route");
    assert_eq!(problem["request_id"], "trace-7");
    assert_eq!(problem["instance"], "/v1/nothing");
}

#[tokio::test]
async fn json_is_compressed_for_who_asks() {
    let gateway = Gateway::start().await;
    let mut request = gateway.request("GET", "/v1/openapi.json", None);
    request.headers_mut().insert(header::ACCEPT_ENCODING, "gzip".parse().unwrap());
    let packed = gateway.send(request).await.ok(200);
    assert_eq!(packed.header("content-encoding"), "gzip");
    let plain = gateway.get("/v1/openapi.json").await.ok(200);
    assert!(plain.headers.get("content-encoding").is_none());
    assert!(packed.body.len() * 5 < plain.body.len());
    let mut request = gateway.request("GET", "/v1/openapi.json", None);
    request.headers_mut().insert(header::IF_NONE_MATCH, plain.header("etag").parse().unwrap());
    gateway.send(request).await.ok(304);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_given_up() {
    let gateway = Gateway::start_with(|options| options.test_time_limit = Duration::from_millis(50)).await;
    let body = json!({"kind": "kvm", "endpoints": [super::SILENT]});
    gateway.post("/v1/providers/test", body).await.problem(504, "timed-out");
    gateway.get("/v1/providers").await.ok(200);
}

#[tokio::test]
async fn health_readiness_and_metrics() {
    let gateway = Gateway::start().await;
    let anonymous = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    assert_eq!(gateway.send(anonymous("/healthz")).await.ok(200).text(), "ok\n");
    let ready = gateway.send(anonymous("/readyz")).await.ok(200).json();
    assert_eq!(ready, json!({"ready": true, "inventory": true, "database": true}));
    assert_eq!(gateway.send(anonymous("/metrics")).await.ok(200).text(), "spandrel_up 1\n");
    gateway.shutdown.cancel();
    assert_eq!(gateway.send(anonymous("/readyz")).await.ok(503).json()["ready"], false);
    gateway.send(anonymous("/healthz")).await.ok(200);
}

#[tokio::test]
async fn pages_are_served_from_the_binary() {
    let gateway = Gateway::start().await;
    for (target, content_type) in
        [("/docs", "text/html"), ("/docs/docs.js", "text/javascript"), ("/docs/docs.css", "text/css")]
    {
        let page = gateway.get(target).await.ok(200);
        assert!(page.header("content-type").starts_with(content_type), "{target}");
        assert!(page.body.len() > 500, "{target}");
    }
    let index = gateway.get("/docs/problems").await.ok(200).text();
    for kind in ProblemType::ALL {
        let page = gateway.get(&kind.uri()).await.ok(200).text();
        assert!(page.contains("<h2>How to mend it</h2>") && !page.contains("## "), "{}", kind.slug());
        assert!(index.contains(&kind.uri()));
    }
    gateway.get("/docs/problems/nothing").await.problem(404, "not-found");
}

#[tokio::test]
async fn a_panic_is_an_internal_problem() {
    use axum::routing::get;
    use tower::ServiceExt;
    let router = axum::Router::new()
        .route(
            "/",
            get(|| async {
                if true {
                    panic!("hunter2")
                }
            }),
        )
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(super::super::middleware::panicked));
    let response = router.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 500);
    let problem = response.extensions().get::<super::super::problem::Problem>().unwrap();
    let text = String::from_utf8(problem.to_json(None, None)).unwrap();
    assert!(!text.contains("hunter2"), "{text}");
}

/// Everything that is logged while a closure's future runs.
#[derive(Clone, Default)]
struct Logged(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "current_thread")]
async fn no_secret_is_logged_or_traced() {
    let logged = Logged::default();
    let writer = logged.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_writer(move || writer.clone())
        .finish();
    // With one subscriber alone, what is first reached on another test's thread would count as switched off everywhere.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let guard = tracing::subscriber::set_default(subscriber);
    let gateway = Gateway::start().await;
    let secret = "hunter2hunter2";
    gateway.login("admin", secret).await.problem(401, "invalid-credentials");
    let body =
        json!({"name": "Lab", "kind": "vsphere", "endpoints": ["vc.example"], "username": "root", "password": secret});
    gateway.post("/v1/providers", body.clone()).await.ok(201);
    gateway.post("/v1/providers/test", body).await.ok(200);
    gateway.post("/v1/providers", json!({"name": "x", "password": [secret]})).await.problem(422, "invalid-field");
    gateway.get(&format!("/v1/vms?q={secret}")).await.ok(200);
    drop(guard);
    let text = String::from_utf8(logged.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("/v1/providers") && text.contains("request_id"), "nothing was logged");
    for forbidden in [secret, gateway.token.as_str(), super::PASSWORD] {
        let line = text.lines().find(|line| line.contains(forbidden));
        assert_eq!(line, None);
    }
}
