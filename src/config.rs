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
    /// The audit log.
    pub audit: Audit,
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
    /// Connections open at once. Where there are more, those that wait longest for a request are closed. By default 4096
    /// and as many as watchers, as far as the process's limit of open files allows.
    pub connections_max: Option<usize>,
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
    /// Entries kept, at least, in the database and in memory: a watcher that was away longer lists again.
    pub keep_entries: u64,
}

/// The audit log.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// How long entries are kept, days.
    pub keep_for_days: u64,
    /// Entries kept at most, however young.
    pub max_entries: u64,
    /// Where entries are forwarded to as syslog: `tcp://HOST:PORT` or `udp://HOST:PORT`. Nowhere by default.
    pub syslog: Option<String>,
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
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// The base URL of an OTLP/HTTP receiver, such as `http://127.0.0.1:4318`. Nothing is sent without it.
    pub otlp_endpoint: Option<String>,
    /// Which spans and events are sent, in the syntax of `RUST_LOG`; independent of what is logged.
    pub filter: String,
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
            audit: Audit::default(),
            log: Log::default(),
            telemetry: Telemetry::default(),
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8480)),
            session_h: 12,
            watchers_max: 2_000,
            connections_max: None,
        }
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

impl Default for Audit {
    fn default() -> Self {
        Self { keep_for_days: 400, max_entries: 2_000_000, syslog: None }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: "info,sqlx=warn,sea_orm=warn".to_owned(), format: LogFormat::Text }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { otlp_endpoint: None, filter: "off,spandrel=info,vsphere=info,kvm=info".to_owned() }
    }
}

/// Entries of the change log that can be kept: each takes some 200 bytes of memory.
const KEEP_ENTRIES_MAX: u64 = 5_000_000;
/// Entries of the audit log that can be kept.
const AUDIT_ENTRIES_MAX: u64 = 1_000_000_000;
/// Connections that can be allowed.
const CONNECTIONS_MAX: usize = 1_000_000;
/// Connections that there are to be beside those of watchers, at least.
const CONNECTIONS_BESIDE_WATCHERS: usize = 16;
/// Mistakes that are told at once.
const MISTAKES_MAX: usize = 50;

/// All that is wrong with a configuration, a line each.
#[derive(Debug)]
pub struct Mistakes(pub Vec<ConfigError>);

impl std::fmt::Display for Mistakes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.0.as_slice() {
            [only] => only.source(),
            _ => None,
        }
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
    /// Every mistake that it holds, see [`ConfigError`].
    pub fn load(path: &Path) -> Result<Self, Mistakes> {
        match Self::read(path) {
            (Some(config), mistakes) if mistakes.is_empty() => Ok(config),
            (_, mistakes) => Err(Mistakes(mistakes)),
        }
    }

    /// Reads a file as far as it can be read, and every mistake that it holds. What is wrong has its default.
    #[must_use]
    pub fn read(path: &Path) -> (Option<Self>, Vec<ConfigError>) {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(source) => return (None, vec![ConfigError::Read { path: path.to_owned(), source }]),
        };
        let (config, mut mistakes) = parse(path, &text);
        mistakes.extend(config.iter().flat_map(Self::check));
        (config, mistakes)
    }

    /// Every value that is out of its bounds.
    #[must_use]
    pub fn check(&self) -> Vec<ConfigError> {
        let mut mistakes = Vec::new();
        let mut wrong = |name: &'static str, problem: String| mistakes.push(ConfigError::Value { name, problem });
        for (name, value, from, to) in [
            ("server.session_h", self.server.session_h, 1, 24 * 90),
            ("server.watchers_max", self.server.watchers_max as u64, 1, 100_000),
            ("sync.compare_every_s", self.sync.compare_every_s, 10, 7 * 86_400),
            ("sync.poll_every_s", self.sync.poll_every_s, 1, 10),
            ("sync.lagging_after_s", self.sync.lagging_after_s, 15, 3_600),
            ("change_log.keep_entries", self.change_log.keep_entries, 1_000, KEEP_ENTRIES_MAX),
            ("audit.keep_for_days", self.audit.keep_for_days, 1, 36_500),
            ("audit.max_entries", self.audit.max_entries, 1_000, AUDIT_ENTRIES_MAX),
        ] {
            if !(from..=to).contains(&value) {
                wrong(name, format!("is {value}, but must be from {from} to {to}"));
            }
        }
        if let Some(max) = self.server.connections_max {
            let least = self.server.watchers_max + CONNECTIONS_BESIDE_WATCHERS;
            if max < least || max > CONNECTIONS_MAX {
                let problem = format!(
                    "is {max}, but must be from {least} (`server.watchers_max` and {CONNECTIONS_BESIDE_WATCHERS} for all \
                     else) to {CONNECTIONS_MAX}"
                );
                wrong("server.connections_max", problem);
            }
        }
        for (name, filter) in [("log.filter", &self.log.filter), ("telemetry.filter", &self.telemetry.filter)] {
            if let Err(error) = tracing_subscriber::EnvFilter::try_new(filter) {
                wrong(name, format!("is malformed: {error}"));
            }
        }
        if let Some(Err(problem)) = self.audit.syslog.as_deref().map(read_syslog) {
            wrong("audit.syslog", problem);
        }
        if let Some(problem) = self.telemetry.otlp_endpoint.as_deref().and_then(otlp_problem) {
            wrong("telemetry.otlp_endpoint", problem);
        }
        mistakes
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

/// What is wrong with the address of a receiver.
fn otlp_problem(endpoint: &str) -> Option<String> {
    match url::Url::parse(endpoint) {
        Err(error) => Some(format!("is not a URL: {error}")),
        Ok(url) if !matches!(url.scheme(), "http" | "https") => Some("must begin with http: or https:".to_owned()),
        Ok(url) if url.password().is_some() => Some("must not hold a password".to_owned()),
        Ok(_) => None,
    }
}

/// Reads the address of a receiver of syslog: whether by TCP, its host, its port.
fn read_syslog(address: &str) -> Result<(bool, String, u16), String> {
    let url = url::Url::parse(address).map_err(|error| format!("is not a URL: {error}"))?;
    let (tcp, port) = match url.scheme() {
        "tcp" => (true, 601),
        "udp" => (false, 514),
        _ => return Err("must begin with tcp: or udp:".to_owned()),
    };
    let more = !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some();
    if more || !url.username().is_empty() || url.password().is_some() {
        return Err("must be a host and a port, and nothing else".to_owned());
    }
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or("has no host")?;
    // Brackets are of the URL, not of the address.
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    Ok((tcp, host, url.port().unwrap_or(port)))
}

/// Reads the text. `toml` stops at the first mistake: where that is only an unknown or ill-typed value, its lines are
/// blanked and the rest is read again, so that all are found at once.
fn parse(path: &Path, text: &str) -> (Option<Config>, Vec<ConfigError>) {
    let mut text = text.to_owned();
    let mut mistakes = Vec::new();
    let is_toml = toml::from_str::<toml::Table>(&text).is_ok();
    loop {
        let error = match toml::from_str::<Config>(&text) {
            Ok(config) => return (Some(config), mistakes),
            Err(error) => error,
        };
        let span = error.span().unwrap_or(0..0);
        // Without the line itself, which may hold a password.
        let (line, column) = place(&text, span.start);
        let message = format!("line {line}, column {column}: {}", error.message());
        mistakes.push(ConfigError::Parse { path: path.to_owned(), message });
        let begin = text.get(..span.start).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
        let mut end = text.get(span.end..).and_then(|after| after.find('\n')).map_or(text.len(), |at| span.end + at);
        if text.get(begin..end).is_some_and(|line| line.trim_start().starts_with('[')) {
            // With a header its whole section.
            end = text.get(end..).and_then(|after| after.find("\n[")).map_or(text.len(), |at| end + at);
        }
        let Some(lines) = text.get(begin..end).filter(|lines| !lines.trim().is_empty()) else { break };
        let blank: String = lines.chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        text.replace_range(begin..end, &blank);
        // A value over several lines may leave a torn rest.
        if !is_toml || mistakes.len() == MISTAKES_MAX || toml::from_str::<toml::Table>(&text).is_err() {
            break;
        }
    }
    (None, mistakes)
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

impl Audit {
    /// See `syslog`: whether by TCP, the host, the port. `None` also when it is malformed, which [`Config::check`] tells.
    #[must_use]
    pub fn receiver(&self) -> Option<(bool, String, u16)> {
        read_syslog(self.syslog.as_deref()?).ok()
    }
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
        check("[telemetry]\notlp_endpoint = \"::\"\n", "telemetry.otlp_endpoint");
        check("[server\n", "line 1");
        check("[log]\nfilter = \"a=b=c\"\n", "log.filter");
        check("[telemetry]\notlp_endpoint = \"ftp://x\"\n", "http:");
        check("[telemetry]\nfilter = \"a=b=c\"\n", "telemetry.filter");
        check("[server]\nconnections_max = 2000\n", "`server.connections_max` is 2000, but must be from 2016");
        check("[server]\nwatchers_max = 10\nconnections_max = 2000\n", "");
        check("[change_log]\nkeep_entries = 5000001\n", "must be from 1000 to 5000000");
        check("[audit]\nkeep_for_days = 0\n", "`audit.keep_for_days` is 0, but must be from 1 to 36500");
        check("[audit]\nsyslog = \"tls://log.example\"\n", "`audit.syslog` must begin with tcp: or udp:");
        check("[audit]\nsyslog = \"tcp://log.example:601/x\"\n", "a host and a port");
        check("[audit]\nkeep_for_days = 30\nmax_entries = 1000\nsyslog = \"udp://log.example:514\"\n", "");
    }

    #[test]
    fn all_mistakes_are_said_at_once() {
        let text = "colour = 1\n[server]\nlisten = \"nowhere\"\nsession_h = 0\n[sync]\npoll_every_s = \"often\"\n\
                    [log]\nfilter = \"a=b=c\"\n[nonsense]\nx = 1\n";
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("spandrel.toml");
        std::fs::write(&path, text).unwrap();
        let said = Config::load(&path).unwrap_err().to_string();
        let expected = ["colour", "line 3, column 10", "`server.session_h` is 0", "line 6", "log.filter", "nonsense"];
        for part in expected {
            assert!(said.contains(part), "{part} is not in:\n{said}");
        }
        assert_eq!(said.lines().count(), expected.len(), "each once:\n{said}");
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
    fn receivers_of_syslog_are_read() {
        let read = |address: &str| read_syslog(address).ok();
        assert_eq!(read("tcp://log.example"), Some((true, "log.example".to_owned(), 601)));
        assert_eq!(read("udp://[::1]"), Some((false, "::1".to_owned(), 514)));
        assert_eq!(read("udp://192.0.2.7:10514/"), Some((false, "192.0.2.7".to_owned(), 10_514)));
        for wrong in ["log.example:601", "tcp://", "tcp://me:hunter2@log.example", "tcp://log.example?x"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Config::load(Path::new("/nonexistent/spandrel.toml")).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/spandrel.toml"));
    }
}
