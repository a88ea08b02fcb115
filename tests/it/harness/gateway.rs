//! The gateway itself: the binary, run as an operator runs it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{eventually, postgres};

pub const ADMIN_PASSWORD: &str = "adm1n-Secret-77d1";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    Sqlite,
    Postgres,
}

/// A running gateway with a signed-in administrator.
pub struct Gateway {
    pub url: String,
    pub token: String,
    pub data: tempfile::TempDir,
    setup: Setup,
    child: Child,
    http: reqwest::Client,
}

/// How a gateway is run.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// The configuration file.
    pub configuration: String,
    /// The database, unless it is SQLite in the data directory.
    pub database_url: Option<String>,
    /// A program and its arguments that run it: they get the command at their end.
    pub wrapper: Vec<String>,
}

impl Setup {
    pub async fn on(database: Database, configuration: &str) -> Self {
        let database_url = match database {
            Database::Sqlite => None,
            Database::Postgres => Some(postgres::new_database().await),
        };
        Self { configuration: configuration.to_owned(), database_url, wrapper: Vec::new() }
    }
}

/// An answer of the API.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub body: Value,
}

impl Answer {
    /// The body, when the call succeeded.
    pub fn ok(self) -> Value {
        assert!(self.status.is_success(), "{} {}", self.status, self.body);
        self.body
    }

    /// The last part of the problem's type, when the call did not succeed.
    pub fn problem(&self) -> &str {
        assert!(!self.status.is_success(), "succeeded: {}", self.body);
        self.body["type"].as_str().unwrap_or_else(|| panic!("no problem: {}", self.body)).rsplit('/').next().unwrap()
    }
}

impl Gateway {
    pub async fn start(database: Database) -> Self {
        Self::start_configured(database, "").await
    }

    /// With a configuration file.
    pub async fn start_configured(database: Database, configuration: &str) -> Self {
        Self::start_as(Setup::on(database, configuration).await).await
    }

    /// With a folder in front of its `PATH`.
    pub async fn start_with_path(database: Database, programs: &str) -> Self {
        let path = format!("PATH={programs}:{}", std::env::var("PATH").unwrap_or_default());
        let setup = Setup::on(database, "").await;
        Self::start_as(Setup { wrapper: vec!["env".to_owned(), path], ..setup }).await
    }

    pub async fn start_as(setup: Setup) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), setup).await
    }

    /// Another one with the same database and keys, and a data directory of its own.
    pub async fn another(&self) -> Self {
        let data = tempfile::tempdir().unwrap();
        std::fs::copy(self.data.path().join("keys"), data.path().join("keys")).unwrap();
        Self::start_in(data, self.setup.clone()).await
    }

    /// Starts one on a data directory that was prepared.
    pub async fn start_in(data: tempfile::TempDir, setup: Setup) -> Self {
        std::fs::write(data.path().join("spandrel.toml"), &setup.configuration).unwrap();
        let (child, url) = launch(data.path(), &setup);
        let http = reqwest::Client::builder().build().unwrap();
        let mut gateway = Self { url, token: String::new(), data, setup, child, http };
        gateway.sign_in().await;
        gateway
    }

    /// Ends it as `kill -9` does, and starts it again on the same data.
    pub async fn kill_and_restart(&mut self) {
        self.kill();
        self.restart().await;
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub async fn restart(&mut self) {
        let (child, url) = launch(self.data.path(), &self.setup);
        self.child = child;
        self.url = url;
        // The session outlives the process.
        assert_eq!(self.get("/v1/session").await.status, StatusCode::OK);
    }

    /// The id of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop, and waits until it did.
    pub fn stop(&mut self) -> std::process::ExitStatus {
        super::output(Command::new("kill").arg("-TERM").arg(self.child.id().to_string()));
        self.child.wait().unwrap()
    }

    /// Waits until it ends by itself.
    pub fn wait(&mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }

    async fn sign_in(&mut self) {
        let body = json!({"username": "admin", "password": ADMIN_PASSWORD});
        let answer = self.call(Method::POST, "/v1/login", Some(body)).await.ok();
        self.token = answer["token"].as_str().unwrap().to_owned();
    }

    /// Signs somebody in, and gives the token.
    pub async fn token_of(&self, login: &str, password: &str) -> String {
        let body = json!({"username": login, "password": password});
        let answer = self.post("/v1/login", body).await.ok();
        answer["token"].as_str().unwrap().to_owned()
    }

    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.call_as(&self.token, method, path, body).await
    }

    /// The same by somebody else.
    pub async fn call_as(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap_or_else(|error| panic!("{path}: {error}"));
        let status = answer.status();
        let text = answer.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer { status, body }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Adds a provider and gives its id.
    pub async fn add_provider(&self, body: Value) -> String {
        let answer = self.post("/v1/providers", body).await.ok();
        answer["id"].as_str().unwrap().to_owned()
    }

    /// Waits until all sources of a provider are in a state, and gives the provider.
    pub async fn wait_for_state(&self, provider: &str, state: &str) -> Value {
        let path = format!("/v1/providers/{provider}");
        eventually(&format!("provider {provider} {state}"), || async {
            let body = self.get(&path).await.ok();
            let sources = body["sources"].as_array().unwrap();
            sources.iter().all(|source| source["sync"]["state"] == state).then(|| body.clone())
        })
        .await
    }

    /// Adds a provider and waits until it is live.
    pub async fn join(&self, body: Value) -> String {
        let id = self.add_provider(body).await;
        self.wait_for_state(&id, "live").await;
        id
    }

    /// Every object of a collection that a query lets through, page by page.
    pub async fn all(&self, collection: &str, query: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut token = String::new();
        loop {
            let body = self.get(&format!("/v1/{collection}?limit=100&{query}{token}")).await.ok();
            items.extend(body["items"].as_array().unwrap().iter().cloned());
            match body["next_page_token"].as_str() {
                Some(next) => token = format!("&page_token={next}"),
                None => return items,
            }
        }
    }

    /// One object by its exact name.
    pub async fn by_name(&self, collection: &str, name: &str) -> Option<Value> {
        let mut url = url::Url::parse("http://x").unwrap();
        url.query_pairs_mut().append_pair("name", name);
        let mut found = self.all(collection, url.query().unwrap()).await;
        assert!(found.len() < 2, "several {collection} are named {name}");
        found.pop()
    }

    /// The sum of a metric over all its labels.
    pub async fn metric(&self, name: &str) -> f64 {
        let metrics = self.get("/metrics").await.ok();
        let lines = metrics.as_str().unwrap().lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Waits until a metric is greater than it was.
    pub async fn metric_rises(&self, name: &str, from: f64) {
        eventually(&format!("{name} rises over {from}"), || async { (self.metric(name).await > from).then_some(()) })
            .await;
    }

    /// What it logged until now.
    pub fn log(&self) -> String {
        std::fs::read_to_string(log_path(self.data.path())).unwrap()
    }

    /// A command of the client, signed in here.
    pub fn cli(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spandrel"));
        command
            .args(arguments)
            .env("SPANDREL_SERVER", &self.url)
            .env("SPANDREL_TOKEN", &self.token)
            .env("XDG_CONFIG_HOME", self.data.path())
            .env("HOME", self.data.path());
        command
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(60).collect();
            eprintln!("--- the gateway's log, its end ---");
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}

fn log_path(data: &Path) -> PathBuf {
    data.join("gateway.log")
}

/// The command that runs the server on a data directory.
pub fn server_command(data: &Path, setup: &Setup) -> Command {
    let mut words = setup.wrapper.iter().map(String::as_str).chain([env!("CARGO_BIN_EXE_spandrel")]);
    let mut command = Command::new(words.next().unwrap());
    command
        .args(words)
        .args(["serve", "--listen", "127.0.0.1:0", "--data-directory"])
        .arg(data)
        .arg("--config")
        .arg(data.join("spandrel.toml"))
        .env("SPANDREL_ADMIN_PASSWORD", ADMIN_PASSWORD)
        .env("RUST_LOG", "info,spandrel=debug,sqlx=warn")
        .env_remove("SPANDREL_DATABASE_URL");
    if let Some(url) = &setup.database_url {
        command.env("SPANDREL_DATABASE_URL", url);
    }
    command
}

fn launch(data: &Path, setup: &Setup) -> (Child, String) {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(log_path(data)).unwrap();
    let mut child = server_command(data, setup).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let url = lines.by_ref().find_map(|line| {
        let line = line.ok()?;
        line.strip_prefix("Spandrel answers at ").map(str::to_owned)
    });
    let Some(url) = url else {
        let _ = child.wait();
        panic!("the gateway did not start:\n{}", std::fs::read_to_string(log_path(data)).unwrap());
    };
    std::thread::spawn(move || lines.for_each(drop));
    (child, url)
}
