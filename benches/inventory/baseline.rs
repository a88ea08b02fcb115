//! What the first load is compared with: clients that read the same of the same server, run in processes of their own.
//!
//! The raw client sends the calls by hand, looks for the version in each answer, and throws it away. The decoding client
//! uses our `vsphere` crate and throws away the values that it made. What they cost beyond each other is the decoding.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use serde_json::json;
use spandrel::provider::asked_of_vcenter;
use vsphere::{Client, Config, Credentials, FilterSpec, Trust, WatchEvent, WatchSpec};

use super::process::usage;

/// As many as the gateway asks for.
const PAGE_OBJECTS: u32 = spandrel::provider::ASKED_AT_ONCE;

fn named(variable: &str) -> anyhow::Result<String> {
    std::env::var(variable).with_context(|| format!("{variable} is not set"))
}

/// What a client came to, as one JSON line.
fn tell(took: Duration, before: Duration, objects: usize, bytes: usize) -> anyhow::Result<()> {
    let cpu = usage(std::process::id())?.cpu - before;
    let answer = json!({
        "wall_s": took.as_secs_f64(), "cpu_s": cpu.as_secs_f64(), "objects": objects, "bytes": bytes,
    });
    println!("{answer}");
    Ok(())
}

/// SOAP by hand.
struct Soap {
    http: reqwest::Client,
    url: String,
    cookie: String,
}

impl Soap {
    async fn call(&mut self, method: &str, arguments: &str) -> anyhow::Result<Bytes> {
        let body = format!(
            r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><{method} xmlns="urn:vim25">{arguments}</{method}></soapenv:Body></soapenv:Envelope>"#
        );
        let request = self.http.post(&self.url).header("content-type", "text/xml; charset=utf-8");
        let request = request.header("soapaction", "urn:vim25/8.0.1.0").header("cookie", &self.cookie).body(body);
        let answer = request.send().await?;
        let status = answer.status();
        if let Some(cookie) = answer.headers().get("set-cookie") {
            self.cookie = cookie.to_str()?.split(';').next().unwrap_or_default().to_owned();
        }
        let answer = answer.bytes().await?;
        ensure!(status.is_success(), "{method}: {status} {}", String::from_utf8_lossy(&answer));
        Ok(answer)
    }
}

/// The text of the first element of a name; empty when there is none.
fn element<'a>(answer: &'a [u8], name: &str) -> &'a str {
    let find = |from: usize, what: &str| memchr::memmem::find(&answer[from..], what.as_bytes()).map(|at| from + at);
    let found = || {
        let open = find(0, &format!("<{name}>")).or_else(|| find(0, &format!("<{name} ")))?;
        let begin = find(open, ">")? + 1;
        std::str::from_utf8(&answer[begin..find(begin, "<")?]).ok()
    };
    found().unwrap_or_default()
}

/// Fetches everything and throws it away.
pub async fn raw_client() -> anyhow::Result<()> {
    let (before, begun) = (usage(std::process::id())?.cpu, Instant::now());
    // As the gateway's own client is made, but for the trust.
    let http = reqwest::Client::builder().no_proxy().danger_accept_invalid_certs(true).build()?;
    let mut soap = Soap { http, url: named("BENCH_URL")?, cookie: String::new() };
    let instance = r#"<_this type="ServiceInstance">ServiceInstance</_this>"#;
    let content = soap.call("RetrieveServiceContent", instance).await?;
    let this = |name: &str, kind: &str| format!(r#"<_this type="{kind}">{}</_this>"#, element(&content, name));
    let (username, password) = (named("BENCH_USERNAME")?, named("BENCH_PASSWORD")?);
    let sessions = this("sessionManager", "SessionManager");
    let login = format!("{sessions}<userName>{username}</userName><password>{password}</password>");
    soap.call("Login", &login).await?;
    let root = element(&content, "rootFolder");
    let asked = asked_of_vcenter();
    let types: String = asked.iter().map(|(kind, _)| format!("<type>{kind}</type>")).collect();
    let views = this("viewManager", "ViewManager");
    let view = format!(r#"{views}<container type="Folder">{root}</container>{types}<recursive>true</recursive>"#);
    let view = soap.call("CreateContainerView", &view).await?;
    let view = element(&view, "returnval");
    let sets: String = asked
        .iter()
        .map(|(kind, paths)| {
            let paths: String = paths.iter().map(|path| format!("<pathSet>{path}</pathSet>")).collect();
            format!("<propSet><type>{kind}</type><all>false</all>{paths}</propSet>")
        })
        .collect();
    let collector = this("propertyCollector", "PropertyCollector");
    let filter = format!(
        r#"{collector}<spec>{sets}<objectSet><obj type="Folder">{root}</obj><skip>false</skip></objectSet><objectSet><obj type="ContainerView">{view}</obj><skip>true</skip><selectSet xsi:type="TraversalSpec"><type>ContainerView</type><path>view</path><skip>false</skip></selectSet></objectSet></spec><partialUpdates>false</partialUpdates>"#
    );
    soap.call("CreateFilter", &filter).await?;
    let (mut version, mut bytes, mut objects) = (String::new(), 0, 0);
    loop {
        let wait = format!(
            "{collector}<version>{version}</version><options><maxWaitSeconds>8</maxWaitSeconds>\
             <maxObjectUpdates>{PAGE_OBJECTS}</maxObjectUpdates></options>"
        );
        let page = soap.call("WaitForUpdatesEx", &wait).await?;
        bytes += page.len();
        objects += memchr::memmem::find_iter(&page, "<objectSet>").count();
        version = element(&page, "version").to_owned();
        ensure!(!version.is_empty(), "an answer without a version");
        if element(&page, "truncated") != "true" {
            break;
        }
    }
    tell(begun.elapsed(), before, objects, bytes)
}

/// Fetches and decodes everything, and throws it away.
pub async fn decoding_client() -> anyhow::Result<()> {
    let (before, begun) = (usage(std::process::id())?.cpu, Instant::now());
    let provider = rustls::crypto::aws_lc_rs::default_provider().install_default();
    ensure!(provider.is_ok(), "another crypto provider was installed first");
    let trust = Trust::Thumbprint(named("BENCH_THUMBPRINT")?.parse()?);
    let config = Config::new(&named("BENCH_URL")?)?.trust(trust);
    let credentials = Credentials::new(&named("BENCH_USERNAME")?, named("BENCH_PASSWORD")?);
    let client = Client::connect(&config, credentials).await?;
    let root = &client.content().root_folder;
    let spec = FilterSpec::objects([root.clone()]).container(root, true);
    let spec = asked_of_vcenter().into_iter().fold(spec, |spec, (kind, paths)| spec.properties(kind, paths));
    let mut watch = client.watch(WatchSpec::new([spec]).page_objects(PAGE_OBJECTS));
    let mut objects = 0;
    while let Some(event) = watch.next().await {
        if let WatchEvent::Updates(set) = event? {
            objects += set.filters.iter().map(|filter| filter.objects.len()).sum::<usize>();
            if !set.truncated {
                break;
            }
        }
    }
    tell(begun.elapsed(), before, objects, 0)
}
