//! The gateway itself: the program, run as an operator runs it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use reqwest::Method;
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};

use super::process::{Usage, usage};

const PASSWORD: &str = "adm1n-Secret-77d1";
/// How long anything may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(300);

/// Where the gateway keeps its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    Sqlite,
    Postgres,
}

impl Database {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// A running gateway with a signed-in administrator.
pub struct Gateway {
    pub url: String,
    pub token: String,
    data: tempfile::TempDir,
    database_url: Option<String>,
    child: Child,
    http: reqwest::Client,
    /// Programs and arguments before the gateway's own: `taskset -c 0`.
    prefix: &'static [&'static str],
}

impl Gateway {
    pub async fn start(database: Database) -> anyhow::Result<Self> {
        Self::start_by(&[], database).await
    }

    /// The same, run by another program: `taskset -c 0`.
    pub async fn start_by(prefix: &'static [&'static str], database: Database) -> anyhow::Result<Self> {
        let database_url = match database {
            Database::Sqlite => None,
            Database::Postgres => Some(new_database().await?),
        };
        let data = tempfile::Builder::new().prefix("spandrel-bench-").tempdir()?;
        let (child, url) = launch(prefix, data.path(), database_url.as_deref())?;
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build()?;
        let mut gateway = Self { url, token: String::new(), data, database_url, child, http, prefix };
        gateway.token = gateway.token_of("admin", PASSWORD).await?;
        Ok(gateway)
    }

    /// Signs somebody in and gives the token.
    pub async fn token_of(&self, username: &str, password: &str) -> anyhow::Result<String> {
        let body = json!({"username": username, "password": password});
        let answer = self.call_as("", Method::POST, "/v1/login", Some(body)).await?;
        Ok(answer["token"].as_str().context("no token in the answer to the login")?.to_owned())
    }

    /// Starts it again on the same data; it must have been stopped.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        (self.child, self.url) = launch(self.prefix, self.data.path(), self.database_url.as_deref())?;
        Ok(())
    }

    /// Asks it to stop, and waits until it did.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        let asked = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status()?;
        ensure!(asked.success() && self.child.wait()?.success(), "the gateway did not stop in order");
        Ok(())
    }

    pub fn usage(&self) -> anyhow::Result<Usage> {
        usage(self.child.id())
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        self.call_as(&self.token, method, path, body).await
    }

    /// The same, as somebody else; with an empty token as nobody.
    pub async fn call_as(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.with_context(|| path.to_owned())?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).with_context(|| path.to_owned())
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, path, None).await
    }

    /// Adds something to a collection and gives its id.
    pub async fn add(&self, path: &str, body: Value) -> anyhow::Result<String> {
        let answer = self.call(Method::POST, path, Some(body)).await?;
        Ok(answer["id"].as_str().with_context(|| format!("{path}: an answer without an id"))?.to_owned())
    }

    /// Adds a provider and gives its id.
    pub async fn add_provider(&self, body: Value) -> anyhow::Result<String> {
        self.add("/v1/providers", body).await
    }

    /// Waits until all sources of a provider are live.
    pub async fn wait_until_live(&self, provider: &str) -> anyhow::Result<()> {
        let path = format!("/v1/providers/{provider}");
        let begun = Instant::now();
        loop {
            let body = self.get(&path).await?;
            let sources = body["sources"].as_array().context("a provider without sources")?;
            if sources.iter().all(|source| source["sync"]["state"] == "live") {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                bail!("the provider is not live after {PATIENCE:?}: {body}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// How many objects of a collection there are, and at which revision.
    pub async fn count(&self, collection: &str) -> anyhow::Result<(u64, u64)> {
        let body = self.get(&format!("/v1/{collection}/count")).await?;
        let revision = body["revision"].as_str().and_then(|text| text.parse().ok()).context("no revision")?;
        Ok((body["count"].as_u64().context("no count")?, revision))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes a database in the cluster that `./dev bench` started, and gives its address.
async fn new_database() -> anyhow::Result<String> {
    let admin = std::env::var("SPANDREL_TEST_POSTGRES_ADMIN_URL")
        .context("SPANDREL_TEST_POSTGRES_ADMIN_URL is not set: ./dev bench starts a cluster and sets it")?;
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let name = format!("bench_{}_{number}", std::process::id());
    let connection = sea_orm::Database::connect(&admin).await?;
    connection.execute_unprepared(&format!("CREATE DATABASE {name}")).await?;
    let mut url = url::Url::parse(&admin)?;
    url.set_path(&name);
    Ok(url.into())
}

fn log_path(data: &Path) -> PathBuf {
    data.join("gateway.log")
}

fn launch(prefix: &[&str], data: &Path, database_url: Option<&str>) -> anyhow::Result<(Child, String)> {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(log_path(data))?;
    let program = std::env::var_os("SPANDREL_BENCH_GATEWAY").unwrap_or_else(|| env!("CARGO_BIN_EXE_spandrel").into());
    let mut command = match prefix {
        [] => Command::new(&program),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(&program);
            command
        }
    };
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--data-directory"])
        .arg(data)
        .env("SPANDREL_ADMIN_PASSWORD", PASSWORD)
        .env_remove("SPANDREL_DATABASE_URL")
        .env_remove("RUST_LOG");
    if let Some(url) = database_url {
        command.env("SPANDREL_DATABASE_URL", url);
    }
    let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().context("the gateway cannot be started")?;
    let mut lines = BufReader::new(child.stdout.take().context("its output is not ours")?).lines();
    let url = lines.by_ref().find_map(|line| {
        let line = line.ok()?;
        line.strip_prefix("Spandrel answers at ").map(str::to_owned)
    });
    let Some(url) = url else {
        let _ = child.wait();
        bail!("the gateway did not start:\n{}", std::fs::read_to_string(log_path(data))?);
    };
    std::thread::spawn(move || lines.for_each(drop));
    Ok((child, url))
}
