//! The portal out of the binary: it is there, guarded, and for people only. What it does is tested in a browser
//! (`portal/e2e/`).

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use reqwest::{Client, RequestBuilder, Response, StatusCode};

use crate::harness::{Database, Gateway};

fn get(client: &Client, gateway: &Gateway, path: &str) -> RequestBuilder {
    client.get(format!("{}{path}", gateway.url))
}

/// As a browser goes to an address.
async fn visit(client: &Client, gateway: &Gateway, path: &str) -> Response {
    get(client, gateway, path).header(ACCEPT, "text/html,*/*;q=0.8").send().await.unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).unwrap_or_else(|| panic!("no {name}: {:?}", response.headers())).to_str().unwrap()
}

#[tokio::test]
async fn the_portal_is_in_the_binary_and_guarded() {
    let gateway = Gateway::start(Database::Sqlite).await;
    let client = Client::builder().no_proxy().build().unwrap();
    for path in ["/", "/vms", "/vms/0192f0c1-2345-7000-8000-000000000000/volumes"] {
        let page = visit(&client, &gateway, path).await;
        assert_eq!(page.status(), StatusCode::OK, "{path}");
        let policy = header(&page, "content-security-policy");
        assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(header(&page, CACHE_CONTROL.as_str()), "no-cache", "{path}");
        let text = page.text().await.unwrap();
        assert!(text.contains("<div id=\"root\">"), "{path}: the portal was not built (./dev test does): {text}");
        assert!(!text.contains("<style") && !text.contains(" style=") && !text.contains("<script>"), "{text}");
    }
    let index = visit(&client, &gateway, "/").await;
    let etag = index.headers()[ETAG].clone();
    let again = get(&client, &gateway, "/").header(IF_NONE_MATCH, etag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);

    let text = index.text().await.unwrap();
    let script = text.split('"').find(|part| part.starts_with("/assets/") && part.ends_with(".js")).unwrap();
    for coding in ["br", "gzip"] {
        let file = get(&client, &gateway, script).header(ACCEPT_ENCODING, coding).send().await.unwrap();
        assert_eq!(file.headers()[CONTENT_TYPE], "text/javascript; charset=utf-8");
        assert_eq!(file.headers()[CACHE_CONTROL], "public, max-age=31536000, immutable");
        // The client may have undone gzip by itself, and then takes the header away.
        assert!(coding == "gzip" || file.headers()[CONTENT_ENCODING] == coding, "{:?}", file.headers());
    }
}

#[tokio::test]
async fn only_people_and_only_its_own_addresses_get_the_portal() {
    let gateway = Gateway::start(Database::Sqlite).await;
    let client = Client::builder().no_proxy().build().unwrap();
    for path in ["/v1/nothing", "/docs/nothing", "/metrics/x", "/assets/nothing.js", "/assets/..%2f..%2fCargo.toml"] {
        let page = visit(&client, &gateway, path).await;
        assert_eq!(page.status(), StatusCode::NOT_FOUND, "{path}");
    }
    for (path, accept) in [("/vms", "*/*"), ("/vms", "application/json"), ("/index.html.br", "*/*")] {
        let answer = get(&client, &gateway, path).header(ACCEPT, accept).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path} {accept}");
        assert_eq!(header(&answer, CONTENT_TYPE.as_str()), "application/problem+json");
    }
    let posted = client.post(format!("{}/vms", gateway.url)).header(ACCEPT, "text/html").send().await.unwrap();
    assert_eq!(posted.status(), StatusCode::NOT_FOUND);
}
