//! How to reach a server and who to be there.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::error::{Error, Result};
use crate::transport::Trust;
use crate::wire::{Keep, Limits};

/// Which server, whom to believe, and how long to wait.
///
/// ```
/// use vsphere::{Config, Trust};
/// let config = Config::new("vcenter.example.org")?
///     .trust(Trust::Thumbprint("9A:BC:DE:F0:12:34:56:78:9A:BC:DE:F0:12:34:56:78:9A:BC:DE:F0".parse()?));
/// assert_eq!(config.url().as_str(), "https://vcenter.example.org/sdk");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) url: Url,
    pub(crate) trust: Trust,
    pub(crate) limits: Limits,
    pub(crate) keep: Arc<Keep>,
    pub(crate) call_deadline: Duration,
    pub(crate) connect_deadline: Duration,
    pub(crate) keep_alive: Duration,
    pub(crate) user_agent: String,
}

impl Config {
    /// The server at an address: a host name, `host:port`, or the whole `https://host/sdk`.
    pub fn new(address: &str) -> Result<Self> {
        let address = address.trim();
        let refuse = |reason: &str| Error::Address(reason.to_owned());
        let full = if address.contains("://") { address.to_owned() } else { format!("https://{address}") };
        let mut url = Url::parse(&full).map_err(|error| Error::Address(error.to_string()))?;
        if url.scheme() != "https" {
            return Err(refuse("only https is supported"));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(refuse("it names no host"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("it must not hold a user name or password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("it must not hold a query or fragment"));
        }
        if matches!(url.path(), "" | "/") {
            url.set_path("/sdk");
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self {
            url,
            trust: Trust::System,
            limits: Limits::default(),
            keep: Arc::default(),
            call_deadline: Duration::from_secs(120),
            connect_deadline: Duration::from_secs(15),
            keep_alive: Duration::from_secs(10 * 60),
            user_agent: concat!("spandrel-vsphere/", env!("CARGO_PKG_VERSION")).to_owned(),
        })
    }

    /// Whom to believe. Default: the machine's own roots.
    #[must_use]
    pub fn trust(mut self, trust: Trust) -> Self {
        self.trust = trust;
        self
    }

    /// What one answer may cost.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Of which properties only some fields are kept. Default: everything is.
    #[must_use]
    pub fn keep(mut self, keep: Keep) -> Self {
        self.keep = Arc::new(keep);
        self
    }

    /// How long one call may take, connecting and a renewed login included. Default 120 s. A wait for updates has its
    /// own time on top.
    #[must_use]
    pub fn call_deadline(mut self, limit: Duration) -> Self {
        self.call_deadline = limit;
        self
    }

    /// How long connecting may take. Default 15 s.
    #[must_use]
    pub fn connect_deadline(mut self, limit: Duration) -> Self {
        self.connect_deadline = limit;
        self
    }

    /// After how long without a call a session is kept alive by one. Default 10 minutes (servers end sessions after 30).
    #[must_use]
    pub fn keep_alive(mut self, interval: Duration) -> Self {
        self.keep_alive = interval;
        self
    }

    /// How the server's session list names this client.
    #[must_use]
    pub fn user_agent(mut self, user_agent: &str) -> Self {
        self.user_agent = user_agent.to_owned();
        self
    }

    /// The address of the SOAP service.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Host and port, for messages.
    pub fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }
}

/// A user name and its password.
#[derive(Clone)]
pub struct Credentials {
    pub(crate) username: String,
    pub(crate) password: SecretString,
}

impl Credentials {
    /// A user name (`administrator@vsphere.local`) and its password.
    pub fn new(username: impl Into<String>, password: impl Into<SecretString>) -> Self {
        Self { username: username.into(), password: password.into() }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_completed_or_refused() {
        let check = |address: &str, expected: Option<&str>| {
            let url = Config::new(address).ok().map(|config| config.url.to_string());
            assert_eq!(url.as_deref(), expected, "{address}");
        };
        check("vc.example.org", Some("https://vc.example.org/sdk"));
        check(" vc.example.org:8443 ", Some("https://vc.example.org:8443/sdk"));
        check("https://[::1]:8989/sdk/", Some("https://[::1]:8989/sdk"));
        check("https://vc/", Some("https://vc/sdk"));
        check("http://vc/sdk", None);
        check("https://user:secret@vc/sdk", None);
        check("https://vc/sdk?x=1", None);
        check("", None);
        check("https://", None);
    }

    #[test]
    fn a_password_is_never_printed() {
        let credentials = Credentials::new("root", "hunter2".to_owned());
        assert!(!format!("{credentials:?}").contains("hunter2"));
    }
}
