//! What the gateway tells of itself by OTLP: a receiver of the test's own takes it, as a collector would.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Told;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use reqwest::StatusCode;
use serde_json::json;

use crate::harness::{ADMIN_PASSWORD, Database, Gateway, PASSWORD, Setup, Simulator, Watcher, eventually};

/// What came, as it came.
#[derive(Default)]
struct Received {
    traces: Vec<Vec<u8>>,
    metrics: Vec<Vec<u8>>,
    logs: Vec<Vec<u8>>,
}

struct Receiver {
    endpoint: String,
    received: Arc<Mutex<Received>>,
}

impl Receiver {
    async fn start() -> Self {
        let received = Arc::<Mutex<Received>>::default();
        let (traces, metrics, logs) = (Arc::clone(&received), Arc::clone(&received), Arc::clone(&received));
        let router = axum::Router::new()
            .route(
                "/v1/traces",
                axum::routing::post(async move |body: bytes::Bytes| {
                    traces.lock().unwrap().traces.push(body.to_vec());
                }),
            )
            .route(
                "/v1/metrics",
                axum::routing::post(async move |body: bytes::Bytes| {
                    metrics.lock().unwrap().metrics.push(body.to_vec());
                }),
            )
            .route(
                "/v1/logs",
                axum::routing::post(async move |body: bytes::Bytes| {
                    logs.lock().unwrap().logs.push(body.to_vec());
                }),
            );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { endpoint, received }
    }

    fn spans(&self) -> Vec<Span> {
        let received = self.received.lock().unwrap();
        let requests = received.traces.iter().map(|body| ExportTraceServiceRequest::decode(&body[..]).unwrap());
        let scopes = requests.flat_map(|request| request.resource_spans).flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }

    fn metric_names(&self) -> Vec<String> {
        let received = self.received.lock().unwrap();
        let requests = received.metrics.iter().map(|body| ExportMetricsServiceRequest::decode(&body[..]).unwrap());
        let scopes = requests.flat_map(|request| request.resource_metrics).flat_map(|resource| resource.scope_metrics);
        scopes.flat_map(|scope| scope.metrics).map(|metric| metric.name).collect()
    }

    /// What was logged: the library that did, and the record.
    fn logs(&self) -> Vec<(String, LogRecord)> {
        let received = self.received.lock().unwrap();
        let requests = received.logs.iter().map(|body| ExportLogsServiceRequest::decode(&body[..]).unwrap());
        let scopes = requests.flat_map(|request| request.resource_logs).flat_map(|resource| resource.scope_logs);
        let named = |scope: &opentelemetry_proto::tonic::logs::v1::ScopeLogs| {
            scope.scope.as_ref().map_or_else(String::new, |scope| scope.name.clone())
        };
        scopes
            .flat_map(|scope| scope.log_records.clone().into_iter().map(move |record| (named(&scope), record)))
            .collect()
    }

    fn holds(&self, secret: &str) -> bool {
        let received = self.received.lock().unwrap();
        let within = |body: &Vec<u8>| body.windows(secret.len()).any(|window| window == secret.as_bytes());
        received.traces.iter().chain(&received.metrics).chain(&received.logs).any(within)
    }
}

fn shown(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Told::StringValue(text)) => text.clone(),
        Some(Told::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn named_values(values: &[KeyValue]) -> BTreeMap<&str, String> {
    values.iter().map(|value| (value.key.as_str(), shown(value.value.as_ref()))).collect()
}

fn attributes(span: &Span) -> BTreeMap<&str, String> {
    named_values(&span.attributes)
}

#[track_caller]
fn one<'a>(spans: &'a [Span], what: &str, is: impl Fn(&&Span) -> bool) -> &'a Span {
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    spans.iter().find(is).unwrap_or_else(|| panic!("no span: {what}; there are {names:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traces_say_where_a_first_load_spends_its_time_and_hold_no_secret() {
    let receiver = Receiver::start().await;
    let simulator = Simulator::start(&["--vms", "30"]);
    let configuration = format!("[telemetry]\notlp_endpoint = \"{}\"\n", receiver.endpoint);
    let mut gateway = Gateway::start_configured(Database::Sqlite, &configuration).await;
    gateway.join(simulator.provider("traced vc")).await;
    eventually("it was polled", || async { (!gateway.all("tags", "").await.is_empty()).then_some(()) }).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = "00f067aa0ba902b7";
    let http = reqwest::Client::builder().build().unwrap();
    let answer = http
        .get(format!("{}/v1/vms?limit=1", gateway.url))
        .bearer_auth(&gateway.token)
        .header("traceparent", format!("00-{trace}-{parent}-01"))
        .header("x-request-id", "traced-request")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    // At the end everything that is left is sent.
    assert!(gateway.stop().success());

    let spans = receiver.spans();
    let request =
        one(&spans, "the request", |span| attributes(span).get("request_id").is_some_and(|id| id == "traced-request"));
    assert_eq!(request.name, "GET /v1/vms");
    assert_eq!(hex::encode(&request.trace_id), trace, "the caller's trace goes on");
    assert_eq!(hex::encode(&request.parent_span_id), parent, "as a child of the caller's span");
    assert_eq!(attributes(request)["http.response.status_code"], "200");
    assert_eq!(attributes(request)["user"], "admin");

    let load = one(&spans, "the load", |span| span.name == "load");
    assert!(load.parent_span_id.is_empty(), "a load is a trace of its own");
    let said = attributes(load);
    assert_eq!(said["provider"], "traced vc");
    assert!(said["groups"].parse::<u64>().unwrap() >= 30, "{said:?}");
    assert!(said["rows"].parse::<u64>().unwrap() >= 30, "{said:?}");
    for part in ["connect", "read surroundings", "read inventory", "apply"] {
        let span = one(&spans, part, |span| span.name == part && span.trace_id == load.trace_id);
        assert_eq!(span.parent_span_id, load.span_id, "{part}");
        assert!(span.start_time_unix_nano >= load.start_time_unix_nano, "{part}");
    }
    for part in ["find differences", "write transaction", "show"] {
        one(&spans, part, |span| span.name == part && span.trace_id == load.trace_id);
    }
    one(&spans, "a poll", |span| span.name == "poll");

    let metrics = receiver.metric_names();
    for name in ["http.server.request.duration", "spandrel_sync_changes", "spandrel_database_transaction"] {
        assert!(metrics.iter().any(|metric| metric == name), "no {name} in {metrics:?}");
    }
    let logs = receiver.logs();
    let logged = |text: &str| logs.iter().map(|(_, record)| record).find(|record| shown(record.body.as_ref()) == text);
    let added = logged("provider added").expect("it was logged");
    assert_eq!((added.severity_text.as_str(), hex::encode(&added.trace_id).len()), ("INFO", 32));
    assert_eq!(named_values(&added.attributes)["user"], "admin", "the fields of the spans around it");
    let traced = logs.iter().map(|(_, record)| record).find(|record| hex::encode(&record.trace_id) == trace);
    let traced = traced.expect("a record of the caller's trace");
    assert_eq!(named_values(&traced.attributes)["request_id"], "traced-request");

    let named = logs.iter().map(|(_, record)| record).find(|record| !record.event_name.is_empty());
    assert_eq!(named, None, "the place in the source is nobody's business");

    for secret in [ADMIN_PASSWORD, PASSWORD, &gateway.token] {
        assert!(!receiver.holds(secret), "a secret was sent: {secret}");
    }
}

/// However much the libraries that send logs log themselves: it does not make more of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_sends_logs_does_not_send_its_own() {
    let receiver = Receiver::start().await;
    let libraries = ["hyper", "hyper_util", "reqwest", "opentelemetry", "opentelemetry_sdk", "opentelemetry_otlp"];
    let filter = libraries.map(|library| format!(",{library}=trace")).concat();
    let setup = Setup {
        configuration: format!("[telemetry]\notlp_endpoint = \"{}\"\n", receiver.endpoint),
        database_url: None,
        wrapper: vec!["env".to_owned(), format!("RUST_LOG=info{filter}")],
    };
    let mut gateway = Gateway::start_as(setup).await;
    eventually("logs come", || async { (!receiver.logs().is_empty()).then_some(()) }).await;
    let is_of_these = |text: &str| libraries.iter().any(|library| text.contains(&format!("{library}::")));
    eventually("the libraries log", || async { gateway.log().lines().any(is_of_these).then_some(()) }).await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert!(gateway.stop().success());
    let logs = receiver.logs();
    for (target, record) in &logs {
        assert!(!libraries.iter().any(|library| target.starts_with(library)), "{target}: {record:?}");
    }
    assert!(logs.len() < 100, "{} records", logs.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_refused_is_logged_with_its_request() {
    let gateway = Gateway::start(Database::Sqlite).await;
    let http = reqwest::Client::builder().build().unwrap();
    let ask = async |method: reqwest::Method, path: &str, id: &str, token: &str| {
        let request = http.request(method, format!("{}{path}", gateway.url)).header("x-request-id", id);
        request.bearer_auth(token).json(&json!({"name": ""})).send().await.unwrap().status()
    };
    let told = |id: &str| gateway.log().lines().any(|line| line.contains(id) && line.contains(" INFO "));
    let status = ask(reqwest::Method::POST, "/v1/providers", "refused-write", &gateway.token).await;
    assert!(status.is_client_error(), "{status}");
    assert!(told("refused-write"), "{}", gateway.log());
    // A stranger cannot fill the log, nor does who looks for what is not there.
    for (method, path, id, token) in [
        (reqwest::Method::POST, "/v1/providers", "a-stranger", "nonsense"),
        (reqwest::Method::GET, "/v1/no-such-thing", "not-there", &gateway.token),
        (reqwest::Method::POST, "/v1/login", "no-sign-in", &gateway.token),
    ] {
        assert!(ask(method, path, id, token).await.is_client_error(), "{id}");
        assert!(!told(id), "{}", gateway.log());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_series_of_a_provider_disappear_with_it() {
    let simulator = Simulator::start(&["--vms", "5"]);
    let gateway = Gateway::start(Database::Sqlite).await;
    let id = gateway.join(simulator.provider("measured vc")).await;
    let text = async || gateway.get("/metrics").await.ok().as_str().unwrap().to_owned();
    let before = text().await;
    for name in [
        "spandrel_sync_state",
        "spandrel_sync_facts_age_seconds",
        "spandrel_sync_quarantined",
        "spandrel_sync_changes_total",
        "spandrel_sync_missed_changes_total",
        "spandrel_sync_load_seconds",
    ] {
        let of_provider = |line: &str| line.starts_with(&format!("{name}{{")) && line.contains("measured vc");
        assert!(before.lines().any(of_provider), "{name} is not in\n{before}");
    }
    for name in [
        "spandrel_database_connections",
        "spandrel_database_transaction_seconds_count",
        "spandrel_database_wait_seconds_count",
    ] {
        assert!(before.lines().any(|line| line.starts_with(name)), "{name} is not in\n{before}");
    }
    gateway.call(reqwest::Method::DELETE, &format!("/v1/providers/{id}"), None).await.ok();
    eventually("its series are gone", || async {
        let text = text().await;
        (!text.contains("measured vc")).then_some(())
    })
    .await;
}

/// The names of metrics in a text that has other things as well.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    let ours =
        words.filter(|word| ["spandrel_", "http_server_", "process_"].iter().any(|begin| word.starts_with(begin)));
    let family = |word: &str| {
        let ends = ["_bucket", "_count", "_sum"];
        ends.iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word).to_owned()
    };
    ours.map(family).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documents_name_the_metrics_that_there_are() {
    let page = std::fs::read_to_string("docs/OPERATIONS.md").unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split(" |").next());
    let documented: BTreeSet<String> = rows.flat_map(named).collect();

    let simulator = Simulator::start(&["--vms", "5"]);
    let gateway = Gateway::start(Database::Sqlite).await;
    gateway.join(simulator.provider("vc")).await;
    simulator.control("/restart", json!({"down_ms": 500})).await;
    let _watcher = Watcher::begin(&gateway, "types=vm").await.unwrap();
    let scraped = eventually("a failure is counted", || async {
        let text = gateway.get("/metrics").await.ok().as_str().unwrap().to_owned();
        text.contains("spandrel_sync_failures_total").then_some(text)
    })
    .await;
    let families =
        scraped.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).map(str::to_owned);
    let families: BTreeSet<String> = families.filter(|name| name != "target_info").collect();
    // A counter of errors begins with the first of them, and the audit log is not forwarded here.
    let missing = &documented - &families;
    let expected = [
        "spandrel_audit_forward_failures_total",
        "spandrel_audit_lag_seconds",
        "spandrel_audit_unwritten_total",
        "spandrel_audit_waiting",
        "spandrel_sync_panics_total",
    ];
    assert_eq!(missing, BTreeSet::from(expected.map(str::to_owned)), "in OPERATIONS.md only");
    assert_eq!(&families - &documented, BTreeSet::new(), "not in OPERATIONS.md");

    for path in ["docs/monitoring/alerts.yaml", "docs/monitoring/dashboard.json"] {
        let used = named(&std::fs::read_to_string(path).unwrap());
        assert!(used.len() > 5, "{path}: {used:?}");
        assert_eq!(&used - &documented, BTreeSet::new(), "{path}");
    }
}
