//! Walks the API's own description: what it says must be there, must be closed to strangers, and must be what it says.

use axum::body::Body;
use axum::http::{Method, Request, header};
use serde_json::{Map, Value};

use super::super::openapi;
use super::super::openapi::document;
use super::Gateway;
use crate::app::common_fields;
use crate::model::{FieldType, Kind, Object};

/// An operation of the description.
struct Operation {
    method: String,
    path: String,
    public: bool,
    body: bool,
    parameters: Vec<Value>,
}

impl Operation {
    /// The path with an id that nothing has.
    fn target(&self) -> String {
        self.path.replace("{id}", "0192f0c1-2345-7000-8000-000000000000")
    }
}

fn description() -> Value {
    serde_json::from_str(&openapi()).unwrap()
}

fn operations(description: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if Method::from_bytes(method.to_uppercase().as_bytes()).is_err() || !operation.is_object() {
                continue;
            }
            let public = operation["security"].as_array().is_some_and(|all| all.contains(&Value::Object(Map::new())));
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            operations.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                public,
                body: operation["requestBody"].is_object(),
                parameters: parameters.iter().map(|parameter| follow(description, parameter)).collect(),
            });
        }
    }
    operations
}

fn follow(description: &Value, value: &Value) -> Value {
    match value["$ref"].as_str() {
        None => value.clone(),
        Some(reference) => {
            let found = description.pointer(reference.trim_start_matches('#'));
            found.unwrap_or_else(|| panic!("{reference} leads nowhere")).clone()
        }
    }
}

#[test]
fn the_description_is_the_one_that_is_checked_in() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
    let now = openapi();
    if std::env::var_os("SPANDREL_BLESS").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap();
    assert!(kept == now, "docs/openapi.json is out of date: run the tests with SPANDREL_BLESS=1 to write it anew");
}

#[test]
fn the_description_is_whole() {
    let description = description();
    assert_eq!(description["openapi"].as_str().map(|version| &version[..3]), Some("3.1"));
    let text = description.to_string();
    let references = text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap());
    let mut count = 0;
    for reference in references {
        assert!(description.pointer(reference).is_some(), "{reference} leads nowhere");
        count += 1;
    }
    assert!(count > 1000, "only {count} references");
    assert_eq!(openapi(), openapi(), "it does not change by itself");
    let words = |name: &str| description["components"]["schemas"][name]["enum"].clone();
    assert_eq!(words("ProviderKind"), serde_json::json!(["vsphere", "kvm"]));
    assert_eq!(words("PowerState").as_array().map(Vec::len), Some(crate::model::vm::PowerState::ALL.len()));
    let mut ids: Vec<String> = document()
        .paths
        .paths
        .values_mut()
        .flat_map(super::super::openapi::operations)
        .map(|operation| operation.operation_id.clone().unwrap())
        .collect();
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all, "operation ids are unique");
    for (name, schema) in description["components"]["schemas"].as_object().unwrap() {
        for (member, schema) in schema["properties"].as_object().into_iter().flatten() {
            let described =
                schema["description"].is_string() || schema["$ref"].is_string() || schema["oneOf"].is_array();
            assert!(described, "{name}.{member} is not described");
        }
    }
}

#[tokio::test]
async fn every_operation_without_a_token_is_refused_but_the_public_ones() {
    let gateway = Gateway::start().await;
    let mut public = Vec::new();
    for operation in operations(&description()) {
        for token in [None, Some("Bearer spandrel_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), Some("Basic YTpi")] {
            let mut request = Request::builder().method(operation.method.as_str()).uri(operation.target());
            if let Some(token) = token {
                request = request.header(header::AUTHORIZATION, token);
            }
            let answer = gateway.send(request.body(Body::empty()).unwrap()).await;
            if operation.public {
                assert_ne!(answer.status.as_u16(), 401, "{} {}", operation.method, operation.path);
            } else {
                answer.problem(401, "unauthenticated");
                assert!(answer.header("www-authenticate").starts_with("Bearer"));
            }
        }
        if operation.public {
            public.push(format!("{} {}", operation.method, operation.path));
        }
    }
    public.sort();
    let expected = [
        "GET /healthz",
        "GET /metrics",
        "GET /readyz",
        "GET /v1/openapi.json",
        "POST /v1/login",
        "POST /v1/login/cookie",
    ];
    assert_eq!(public, expected, "what is open to everybody is a decision");
    assert_eq!(gateway.sync.calls(), [""; 0], "a stranger moved something");
}

#[tokio::test]
async fn every_operation_is_routed() {
    let gateway = Gateway::start().await;
    let operations = operations(&description());
    assert!(operations.len() > 70, "only {} operations", operations.len());
    for operation in operations {
        if operation.path == "/v1/watch" || operation.path == "/v1/logout" {
            continue;
        }
        let mut request = gateway.request(&operation.method, &operation.target(), None);
        if operation.body {
            // What cannot be read by any operation: it gets as far as the body, and no further.
            request.headers_mut().insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
            *request.body_mut() = Body::from("[1, 2");
            gateway.send(request).await.problem(400, "invalid-json");
            continue;
        }
        let answer = gateway.send(request).await;
        let name = format!("{} {}: {}", operation.method, operation.path, answer.text());
        let searched = operation.path == "/v1/search";
        match answer.status.as_u16() {
            400 if searched => drop(answer.problem(400, "invalid-parameter")),
            404 => drop(answer.problem(404, "not-found")),
            status => assert!(status < 300, "{name}"),
        }
    }
}

#[tokio::test]
async fn every_documented_parameter_is_taken() {
    let gateway = Gateway::start().await;
    let body = serde_json::json!({"name": "lab", "kind": "kvm", "endpoints": ["qemu:///system"]});
    let provider = gateway.post("/v1/providers", body).await.ok(201).json()["id"].as_str().unwrap().to_owned();
    let mut tried = 0;
    for operation in operations(&description()) {
        let inventory = operation.method == "GET" && operation.parameters.len() > 3 && operation.path != "/v1/watch";
        for parameter in operation.parameters.iter().filter(|parameter| inventory && parameter["in"] == "query") {
            let name = parameter["name"].as_str().unwrap();
            let Some(value) = sample(&operation.path, name, parameter) else { continue };
            let needed = if operation.path == "/v1/search" && name != "q" { "&q=x" } else { "" };
            let target = format!("{}?{name}={value}{needed}", operation.path.replace("{id}", &provider));
            let answer = gateway.get(&target).await;
            assert_eq!(answer.status.as_u16(), 200, "{target}: {}", answer.text());
            tried += 1;
        }
    }
    assert!(tried > 1000, "only {tried} parameters");
}

/// A value that the parameter must take. `None` for a token that cannot be made up.
fn sample(path: &str, name: &str, parameter: &Value) -> Option<String> {
    let kind = path.split('/').nth(2).and_then(Kind::from_plural);
    let (field, operator) = name.split_once('.').unwrap_or((name, ""));
    let fields = || common_fields().iter().copied().chain(kind.into_iter().flat_map(Object::fields));
    let spec = fields().find(|spec| spec.name == field);
    Some(match (name, operator, spec.map(|spec| spec.field_type)) {
        ("page_token", ..) => return None,
        ("sum", ..) => match fields().find(|spec| spec.field_type == FieldType::Integer) {
            Some(spec) => spec.name.to_owned(),
            None => return None,
        },
        ("sort" | "group_by", ..) => "name".to_owned(),
        ("types", ..) => "vm".to_owned(),
        ("min_revision", ..) => "0".to_owned(),
        ("limit", ..) => "10".to_owned(),
        ("state", _, None) => "live".to_owned(),
        ("result", ..) => "done".to_owned(),
        ("door", ..) => "api".to_owned(),
        ("tenant_id" | "subject_id" | "role_id" | "scope_id", "", None) => {
            "0192f0c1-2345-7000-8000-000000000000".to_owned()
        }
        (_, _, None) if matches!(field, "since" | "at") => "2026-01-31T12:00:00Z".to_owned(),
        (_, "exists", _) => {
            assert_eq!(parameter["schema"]["type"], "boolean", "{name}");
            "true".to_owned()
        }
        (_, _, Some(FieldType::Word(words))) => words[0].to_owned(),
        (_, _, Some(FieldType::Integer)) => "5".to_owned(),
        (_, _, Some(FieldType::Boolean)) => "true".to_owned(),
        (_, _, Some(FieldType::Id | FieldType::IdList)) => "0192f0c1-2345-7000-8000-000000000000".to_owned(),
        (_, _, Some(FieldType::Time)) => "2026-01-31T12:00:00Z".to_owned(),
        (_, _, Some(FieldType::Text | FieldType::TextList) | None) => "x".to_owned(),
    })
}
