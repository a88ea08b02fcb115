//! The configuration: one TOML file, every value with a default, every mistake said with its place.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::model::secret::SecretString;

/// The whole configuration. `docs/OPERATIONS.md` explains every value.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the database, keys and image files of the embedded default are kept.
    pub data_directory: PathBuf,
    /// The HTTP server.
    pub server: Server,
    /// The database.
    pub database: Database,
    /// Keys that seal what is secret.
    pub secrets: Secrets,
    /// The synchronization.
    pub sync: Sync,
    /// The change log.
    pub change_log: ChangeLog,
    /// Logs.
    pub log: Log,
    /// Traces and metrics that are sent away.
    pub telemetry: Telemetry,
}

/// The HTTP server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// The address and port to listen on. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// How long a sign-in is valid, hours.
    pub session_h: u64,
    /// Watchers served at once; more are refused with 503.
    pub watchers_max: usize,
}

/// The database.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `postgres://…`, or `sqlite:///path`. By default SQLite in the data directory. The environment variable
    /// `SPANDREL_DATABASE_URL` goes before it, so that a password needs not stand in the file.
    pub url: Option<String>,
}

/// Keys that seal what is secret.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Secrets {
    /// The key file, mode 0600; made at the first start. By default `keys` in the data directory. The environment
    /// variable `SPANDREL_KEYS` goes before it.
    pub key_file: Option<PathBuf>,
}

/// The synchronization.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sync {
    /// How often everything is compared with the platforms, seconds.
    pub compare_every_s: u64,
    /// How often parts without notices are read (tags, policies, libraries, libvirt volumes), seconds.
    pub poll_every_s: u64,
    /// After how long without word from a platform it counts as lagging, seconds.
    pub lagging_after_s: u64,
}

/// The change log.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChangeLog {
    /// Entries kept, at least: a watcher that was away longer lists again.
    pub keep_entries: u64,
}

/// Logs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// What is logged, in the syntax of `RUST_LOG`, which goes before it.
    pub filter: String,
    /// How.
    pub format: LogFormat,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Traces and metrics that are sent away.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// The base URL of an OTLP/HTTP receiver, such as `http://127.0.0.1:4318`. Nothing is sent without it.
    pub otlp_endpoint: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_directory: PathBuf::from("/var/lib/spandrel"),
            server: Server::default(),
            database: Database::default(),
            secrets: Secrets::default(),
            sync: Sync::default(),
            change_log: ChangeLog::default(),
            log: Log::default(),
            telemetry: Telemetry::default(),
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8480)), session_h: 12, watchers_max: 2_000 }
    }
}

impl Default for Sync {
    fn default() -> Self {
        Self { compare_every_s: 3_600, poll_every_s: 5, lagging_after_s: 30 }
    }
}

impl Default for ChangeLog {
    fn default() -> Self {
        Self { keep_entries: 500_000 }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: "info,sqlx=warn,sea_orm=warn".to_owned(), format: LogFormat::Text }
    }
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration file {path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The text is not TOML, or has an unknown or ill-typed value.
    #[error("{path}: {message}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What and where.
        message: String,
    },
    /// A value is out of its bounds.
    #[error("`{name}` {problem}")]
    Value {
        /// The value's name.
        name: &'static str,
        /// What is wrong, and what is allowed.
        problem: String,
    },
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let config: Self = toml::from_str(&text).map_err(|error| {
            // Without the line itself, which may hold a password.
            let (line, column) = place(&text, error.span().map_or(0, |span| span.start));
            let message = format!("line {line}, column {column}: {}", error.message());
            ConfigError::Parse { path: path.to_owned(), message }
        })?;
        config.check()?;
        Ok(config)
    }

    /// Checks the bounds of all values.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for the first that is out of bounds.
    pub fn check(&self) -> Result<(), ConfigError> {
        let within = |name: &'static str, value: u64, from: u64, to: u64| {
            if (from..=to).contains(&value) {
                Ok(())
            } else {
                Err(ConfigError::Value { name, problem: format!("is {value}, but must be from {from} to {to}") })
            }
        };
        within("server.session_h", self.server.session_h, 1, 24 * 90)?;
        within("server.watchers_max", self.server.watchers_max as u64, 1, 100_000)?;
        within("sync.compare_every_s", self.sync.compare_every_s, 10, 7 * 86_400)?;
        within("sync.poll_every_s", self.sync.poll_every_s, 1, 10)?;
        within("sync.lagging_after_s", self.sync.lagging_after_s, 15, 3_600)?;
        within("change_log.keep_entries", self.change_log.keep_entries, 1_000, 100_000_000)?;
        if let Some(url) = &self.database.url
            && !(url.starts_with("sqlite:") || url.starts_with("postgres:") || url.starts_with("postgresql:"))
        {
            let problem = "must begin with sqlite: or postgres:".to_owned();
            return Err(ConfigError::Value { name: "database.url", problem });
        }
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(&self.log.filter) {
            return Err(ConfigError::Value { name: "log.filter", problem: format!("is malformed: {error}") });
        }
        if let Some(endpoint) = &self.telemetry.otlp_endpoint {
            let refuse = |problem: &str| {
                Err(ConfigError::Value { name: "telemetry.otlp_endpoint", problem: problem.to_owned() })
            };
            match url::Url::parse(endpoint) {
                Err(error) => return refuse(&format!("is not a URL: {error}")),
                Ok(url) if !matches!(url.scheme(), "http" | "https") => {
                    return refuse("must begin with http: or https:");
                }
                Ok(url) if url.password().is_some() => return refuse("must not hold a password"),
                Ok(_) => {}
            }
        }
        Ok(())
    }

    /// The database's address: the environment's, the file's, or SQLite in the data directory.
    #[must_use]
    pub fn database_url(&self) -> SecretString {
        let url = environment("SPANDREL_DATABASE_URL").or_else(|| self.database.url.clone());
        url.unwrap_or_else(|| format!("sqlite://{}", self.data_directory.join("spandrel.sqlite").display())).into()
    }

    /// The key file.
    #[must_use]
    pub fn key_file(&self) -> PathBuf {
        self.secrets.key_file.clone().unwrap_or_else(|| self.data_directory.join("keys"))
    }
}

/// A variable of the environment; one that is empty counts as not set.
#[must_use]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Where in a text a byte is: line and column, from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

impl Sync {
    /// See `compare_every_s`.
    #[must_use]
    pub const fn compare_every(&self) -> Duration {
        Duration::from_secs(self.compare_every_s)
    }

    /// See `poll_every_s`.
    #[must_use]
    pub const fn poll_every(&self) -> Duration {
        Duration::from_secs(self.poll_every_s)
    }

    /// See `lagging_after_s`.
    #[must_use]
    pub const fn lagging_after(&self) -> Duration {
        Duration::from_secs(self.lagging_after_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("spandrel.toml");
        std::fs::write(&path, text).unwrap();
        match Config::load(&path) {
            Ok(_) => assert_eq!(expected, "", "{text}"),
            Err(error) => {
                let said = error.to_string();
                assert!(!expected.is_empty() && said.contains(expected), "{text}\nsaid: {said}");
            }
        }
    }

    #[test]
    fn every_mistake_is_said_with_its_place() {
        check("", "");
        check("[server]\nlisten = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n", "");
        check("[server]\nlisten = \"nowhere\"\n", "line 2, column 10");
        check("[server]\nlissen = \"127.0.0.1:0\"\n", "lissen");
        check("[sync]\npoll_every_s = 0\n", "`sync.poll_every_s` is 0, but must be from 1 to 10");
        check("[database]\nurl = \"mysql://x\"\n", "`database.url` must begin with");
        check("[telemetry]\notlp_endpoint = \"::\"\n", "telemetry.otlp_endpoint");
        check("[server\n", "line 1");
        check("[log]\nfilter = \"a=b=c\"\n", "log.filter");
        check("[telemetry]\notlp_endpoint = \"ftp://x\"\n", "http:");
    }

    #[test]
    fn a_password_in_a_wrong_line_is_not_repeated() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("spandrel.toml");
        std::fs::write(&path, "[database]\nurll = \"postgres://u:hunter2@h/d\"\n").unwrap();
        let said = Config::load(&path).unwrap_err().to_string();
        assert!(said.contains("line 2, column 1") && said.contains("urll") && !said.contains("hunter2"), "{said}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Config::load(Path::new("/nonexistent/spandrel.toml")).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/spandrel.toml"));
    }
}
