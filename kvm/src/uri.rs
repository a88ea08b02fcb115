//! Connection URIs: checked before libvirt ever sees them.
//!
//! libvirt's URIs can make the *local* machine run a program (`command=`, `netcat=`, the `ext` transport) or switch
//! verification off (`no_verify=`). A URI typed into a form must not be able to, so parameters are allowed by name and
//! everything else is refused with a reason.
//!
//! Invariant: a [`ConnectUri`] holds no password, names a driver and transport that this crate serves, and asks for
//! nothing interactive.

use std::fmt;
use std::str::FromStr;

use url::{Host as UrlHost, Url};

/// Longest URI that is looked at, in bytes.
const URI_BYTES_MAX: usize = 2048;

/// A libvirt connection URI that passed the checks.
///
/// ```
/// use kvm::ConnectUri;
///
/// let uri = ConnectUri::parse("qemu+ssh://root@KVM1.example.org:22/system")?;
/// assert_eq!(uri.to_string(), "qemu+ssh://root@kvm1.example.org/system?no_tty=1");
/// assert_eq!(uri.identity(), ConnectUri::parse("qemu+tls://kvm1.example.org/system")?.identity());
/// assert!(ConnectUri::parse("qemu+ssh://kvm1/system?command=/bin/evil").is_err());
/// # Ok::<(), kvm::UriError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ConnectUri {
    driver: Driver,
    transport: Transport,
    user: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    path: String,
    /// Allowed parameters, sorted by name.
    params: Vec<(String, String)>,
}

/// The hypervisor driver that a URI names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Driver {
    /// QEMU and KVM.
    Qemu,
    /// libvirt's built-in test driver; its state lives in this process.
    Test,
}

/// How the daemon is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// No daemon at all: the test driver inside this process.
    InProcess,
    /// A UNIX socket on this machine.
    Unix,
    /// The `ssh` program; keys and host keys are its own affair, and it never asks.
    Ssh,
    /// TLS with X.509 certificates.
    Tls,
    /// Plain TCP, optionally with SASL.
    Tcp,
}

/// Why a URI was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriError {
    /// It is longer than any sensible URI.
    #[error("the URI is longer than {URI_BYTES_MAX} bytes")]
    TooLong,
    /// It cannot be read as a URI.
    #[error("it is not a URI: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: String,
    },
    /// A driver other than `qemu` or `test`.
    #[error("the driver {driver:?} is not supported: use qemu or test")]
    Driver {
        /// The driver that was named.
        driver: String,
    },
    /// A transport other than unix, ssh, tls or tcp.
    #[error("the transport {transport:?} is not supported: use unix, ssh, tls or tcp")]
    Transport {
        /// The transport that was named.
        transport: String,
    },
    /// The path does not name an instance of the driver.
    #[error("the path {path:?} is not supported: {hint}")]
    Path {
        /// The path that was given.
        path: String,
        /// What would be right.
        hint: &'static str,
    },
    /// A password inside the URI would end up in lists and logs.
    #[error("a password must not be part of the URI; give it separately")]
    Password,
    /// The host or user is missing, unwanted or has characters that are not allowed there.
    #[error("the {part} is not usable: {reason}")]
    Authority {
        /// `host`, `user` or `port`.
        part: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A parameter that runs programs, weakens verification or is not known.
    #[error("the parameter {name:?} is not allowed: {reason}")]
    Parameter {
        /// The parameter's name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
}

impl ConnectUri {
    /// Reads and checks a URI.
    ///
    /// # Errors
    /// [`UriError`] says which part is refused and why.
    pub fn parse(text: &str) -> Result<Self, UriError> {
        if text.len() > URI_BYTES_MAX {
            return Err(UriError::TooLong);
        }
        let text = text.trim();
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(malformed("it contains blanks or control characters"));
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(|| malformed("a scheme and :// are missing"))?;
        let (driver, transport) = split_scheme(scheme)?;
        // A neutral scheme: the rest is split by the general rules, without those that only http has.
        let url = Url::parse(&format!("libvirt://{rest}")).map_err(|e| malformed(&e.to_string()))?;
        if url.fragment().is_some() {
            return Err(malformed("a fragment (#) has no meaning here"));
        }
        if url.password().is_some() {
            return Err(UriError::Password);
        }
        let host = checked_host(&url)?;
        let user = checked_user(&url)?;
        let transport = resolve_transport(driver, transport, host.is_some())?;
        let path = checked_path(driver, url.path())?;
        let params = checked_params(transport, &url)?;
        let port = url.port().filter(|port| Some(*port) != transport.default_port());
        check_authority(transport, host.is_some(), user.is_some(), port.is_some())?;
        Ok(Self { driver, transport, user, host, port, path, params })
    }

    /// The driver.
    pub fn driver(&self) -> Driver {
        self.driver
    }

    /// The transport; `qemu:///system` is [`Transport::Unix`], `qemu://host/system` is [`Transport::Tls`].
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// The host's name or address in lower case; `None` for this machine.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The user for ssh or SASL, if the URI names one.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The port, if it is not the transport's own.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The path: `/system`, `/session`, `/default` or a file for the test driver.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// A text that is equal for URIs that certainly lead to the same daemon: without user, transport, default port
    /// and the way of connecting.
    ///
    /// Different texts may still be one daemon (two names of one machine); the host's UUID decides that after connecting.
    pub fn identity(&self) -> String {
        let driver = if self.driver == Driver::Qemu { "qemu" } else { "test" };
        let host = match self.host.as_deref() {
            None | Some("localhost" | "127.0.0.1" | "[::1]") => "",
            Some(host) => host,
        };
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        let socket = self
            .params
            .iter()
            .find(|(name, value)| name == "socket" && !DEFAULT_SOCKETS.contains(&value.as_str()))
            .map(|(_, value)| format!("?socket={value}"))
            .unwrap_or_default();
        format!("{driver}://{host}{port}{}{socket}", self.path)
    }

    /// True if the daemon runs on this machine.
    pub fn is_local(&self) -> bool {
        self.host.is_none()
    }
}

/// Where libvirtd and the modular daemon of QEMU listen by default.
const DEFAULT_SOCKETS: [&str; 4] = [
    "/run/libvirt/libvirt-sock",
    "/var/run/libvirt/libvirt-sock",
    "/run/libvirt/virtqemud-sock",
    "/var/run/libvirt/virtqemud-sock",
];

impl fmt::Display for ConnectUri {
    /// The form that is given to libvirt.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.driver, self.transport) {
            (Driver::Test, _) => "test",
            (Driver::Qemu, Transport::Unix | Transport::InProcess) if self.params.is_empty() => "qemu",
            (Driver::Qemu, Transport::Unix | Transport::InProcess) => "qemu+unix",
            (Driver::Qemu, Transport::Ssh) => "qemu+ssh",
            (Driver::Qemu, Transport::Tls) => "qemu+tls",
            (Driver::Qemu, Transport::Tcp) => "qemu+tcp",
        })?;
        f.write_str("://")?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        if let Some(host) = &self.host {
            f.write_str(host)?;
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(&self.path)?;
        for (index, (name, value)) in self.params.iter().enumerate() {
            write!(f, "{}{name}={value}", if index == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

impl FromStr for ConnectUri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        Self::parse(text)
    }
}

impl Transport {
    fn default_port(self) -> Option<u16> {
        match self {
            Transport::InProcess | Transport::Unix => None,
            Transport::Ssh => Some(22),
            Transport::Tls => Some(16514),
            Transport::Tcp => Some(16509),
        }
    }
}

fn malformed(reason: &str) -> UriError {
    UriError::Malformed { reason: reason.to_owned() }
}

fn split_scheme(scheme: &str) -> Result<(Driver, Option<Transport>), UriError> {
    let scheme = scheme.to_ascii_lowercase();
    let (driver, transport) = match scheme.split_once('+') {
        Some((driver, transport)) => (driver, Some(transport)),
        None => (scheme.as_str(), None),
    };
    let driver = match driver {
        "qemu" => Driver::Qemu,
        "test" => Driver::Test,
        other => return Err(UriError::Driver { driver: other.to_owned() }),
    };
    let transport = match transport {
        None => None,
        Some("unix") => Some(Transport::Unix),
        Some("ssh") => Some(Transport::Ssh),
        Some("tls") => Some(Transport::Tls),
        Some("tcp") => Some(Transport::Tcp),
        Some(other) => return Err(UriError::Transport { transport: other.to_owned() }),
    };
    Ok((driver, transport))
}

fn resolve_transport(driver: Driver, named: Option<Transport>, has_host: bool) -> Result<Transport, UriError> {
    match (driver, named) {
        (Driver::Test, None) if !has_host => Ok(Transport::InProcess),
        (Driver::Test, None) => Err(UriError::Authority {
            part: "host",
            reason: "the test driver runs in this process; write test:///default",
        }),
        (Driver::Test, Some(_)) => Err(UriError::Transport { transport: "a transport of the test driver".to_owned() }),
        (Driver::Qemu, Some(transport)) => Ok(transport),
        (Driver::Qemu, None) if has_host => Ok(Transport::Tls),
        (Driver::Qemu, None) => Ok(Transport::Unix),
    }
}

fn checked_host(url: &Url) -> Result<Option<String>, UriError> {
    let Some(host) = url.host() else { return Ok(None) };
    let host = match host {
        UrlHost::Ipv6(address) => format!("[{address}]"),
        UrlHost::Ipv4(address) => address.to_string(),
        UrlHost::Domain("") => return Ok(None),
        UrlHost::Domain(name) => name.trim_end_matches('.').to_ascii_lowercase(),
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':' | '[' | ']');
    // A leading dash would be read as an option by the ssh program.
    if host.is_empty() || host.starts_with('-') || !host.chars().all(allowed) {
        return Err(UriError::Authority { part: "host", reason: "only letters, digits, '.', '-' and '_' are allowed" });
    }
    Ok(Some(host))
}

fn checked_user(url: &Url) -> Result<Option<String>, UriError> {
    let user = url.username();
    if user.is_empty() {
        return Ok(None);
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if user.starts_with('-') || !user.chars().all(allowed) {
        return Err(UriError::Authority { part: "user", reason: "only letters, digits, '.', '-' and '_' are allowed" });
    }
    Ok(Some(user.to_owned()))
}

fn check_authority(transport: Transport, host: bool, user: bool, port: bool) -> Result<(), UriError> {
    match transport {
        Transport::InProcess | Transport::Unix => {
            if host {
                return Err(UriError::Authority {
                    part: "host",
                    reason: "a local socket has none; write qemu+unix:///…",
                });
            }
            if user || port {
                return Err(UriError::Authority { part: "user", reason: "a local socket has neither user nor port" });
            }
        }
        Transport::Ssh | Transport::Tls | Transport::Tcp => {
            if !host {
                return Err(UriError::Authority { part: "host", reason: "this transport needs one" });
            }
        }
    }
    Ok(())
}

fn checked_path(driver: Driver, path: &str) -> Result<String, UriError> {
    let refuse = |hint| Err(UriError::Path { path: path.to_owned(), hint });
    match driver {
        Driver::Qemu => match path.trim_end_matches('/') {
            path @ ("/system" | "/session") => Ok(path.to_owned()),
            _ => refuse("use /system or /session"),
        },
        Driver::Test => {
            if path.len() < 2 {
                return refuse("use /default or the path of a description file");
            }
            checked_file("path", path).map_err(|_| UriError::Path {
                path: path.to_owned(),
                hint: "use /default or a plain absolute path without '..'",
            })
        }
    }
}

/// A path that may become part of a command line or shell text on the far side (libvirt's ssh transport does that).
fn checked_file(name: &str, path: &str) -> Result<String, UriError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '/' | '+' | ':' | '@' | ',');
    if !path.starts_with('/') || !path.chars().all(allowed) || path.split('/').any(|part| part == "..") {
        return Err(UriError::Parameter {
            name: name.to_owned(),
            reason: "it must be an absolute path of letters, digits and . _ - + : @ , without '..'",
        });
    }
    Ok(path.to_owned())
}

fn checked_params(transport: Transport, url: &Url) -> Result<Vec<(String, String)>, UriError> {
    let mut params: Vec<(String, String)> = Vec::new();
    for (name, value) in url.query_pairs() {
        let refuse = |reason| Err(UriError::Parameter { name: name.to_string(), reason });
        if params.iter().any(|(known, _)| *known == name) {
            return refuse("it is given twice");
        }
        let value = match (name.as_ref(), transport) {
            ("socket", Transport::Unix | Transport::Ssh) => checked_file("socket", &value)?,
            ("keyfile", Transport::Ssh) => checked_file("keyfile", &value)?,
            ("pkipath", Transport::Tls) => checked_file("pkipath", &value)?,
            ("proxy", Transport::Ssh) if matches!(value.as_ref(), "auto" | "native" | "netcat") => value.to_string(),
            ("mode", _) if matches!(value.as_ref(), "auto" | "direct" | "legacy") => value.to_string(),
            ("no_tty", Transport::Ssh) if value == "1" => continue,
            ("no_tty", Transport::Ssh) => return refuse("ssh must never ask; it is always 1"),
            ("mode" | "proxy", _) => return refuse("this value is not known here"),
            ("command" | "netcat", _) => return refuse("it would run a program of the URI's choice"),
            ("no_verify" | "no_sanity", _) => return refuse("it would switch verification off"),
            ("name", _) => return refuse("it would hide the URI that is really opened"),
            ("socket" | "keyfile" | "pkipath", _) => return refuse("it does not belong to this transport"),
            _ => return refuse("it is not known"),
        };
        params.push((name.to_string(), value));
    }
    if transport == Transport::Ssh {
        params.push(("no_tty".to_owned(), "1".to_owned()));
    }
    params.sort();
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_uris_are_normalized() {
        let check = |given: &str, shown: &str, identity: &str| {
            let uri = ConnectUri::parse(given).unwrap_or_else(|e| panic!("{given}: {e}"));
            assert_eq!(uri.to_string(), shown, "{given}");
            assert_eq!(uri.identity(), identity, "{given}");
            assert_eq!(ConnectUri::parse(shown), Ok(uri), "{given}: the shown form reads back");
        };
        check("qemu:///system", "qemu:///system", "qemu:///system");
        check(" QEMU:///system/ ", "qemu:///system", "qemu:///system");
        check("qemu:///session", "qemu:///session", "qemu:///session");
        check("qemu+unix:///system", "qemu:///system", "qemu:///system");
        check(
            "qemu+unix:///system?socket=/run/libvirt/libvirt-sock",
            "qemu+unix:///system?socket=/run/libvirt/libvirt-sock",
            "qemu:///system",
        );
        check(
            "qemu:///system?socket=/tmp/lab-1/sock",
            "qemu+unix:///system?socket=/tmp/lab-1/sock",
            "qemu:///system?socket=/tmp/lab-1/sock",
        );
        check("qemu://KVM.example/system", "qemu+tls://kvm.example/system", "qemu://kvm.example/system");
        check("qemu+tls://kvm.example.:16514/system", "qemu+tls://kvm.example/system", "qemu://kvm.example/system");
        check("qemu+tcp://10.0.0.7:16510/system", "qemu+tcp://10.0.0.7:16510/system", "qemu://10.0.0.7:16510/system");
        check("qemu+tcp://[2001:DB8::1]/system", "qemu+tcp://[2001:db8::1]/system", "qemu://[2001:db8::1]/system");
        check("qemu+ssh://root@kvm/system", "qemu+ssh://root@kvm/system?no_tty=1", "qemu://kvm/system");
        check(
            "qemu+ssh://kvm/system?no_tty=1&keyfile=/etc/spandrel/id_ed25519",
            "qemu+ssh://kvm/system?keyfile=/etc/spandrel/id_ed25519&no_tty=1",
            "qemu://kvm/system",
        );
        check("test:///default", "test:///default", "test:///default");
        check("test:///srv/lab/node.xml", "test:///srv/lab/node.xml", "test:///srv/lab/node.xml");
        check("qemu+tcp://localhost/system", "qemu+tcp://localhost/system", "qemu:///system");
    }

    #[test]
    fn bad_uris_are_refused_with_a_reason() {
        let check = |given: &str, part: &str| {
            let error = ConnectUri::parse(given).expect_err(given).to_string();
            assert!(error.contains(part), "{given}: {error}");
        };
        check("", "scheme");
        check("qemu", "scheme");
        check("xen:///system", "\"xen\"");
        check("esx://host/", "\"esx\"");
        check("lxc:///", "\"lxc\"");
        check("vbox+ssh://host/session", "\"vbox\"");
        check("qemu+ext:///system?command=/bin/sh", "\"ext\"");
        check("qemu+libssh2://host/system", "\"libssh2\"");
        check("qemu:///", "/system or /session");
        check("qemu:///embed?root=/tmp", "/system or /session");
        check("qemu+ssh:///system", "needs one");
        check("qemu+unix://host/system", "local socket");
        check("qemu+ssh://kvm/system?command=/tmp/x", "run a program");
        check("qemu+ssh://kvm/system?netcat=/tmp/x", "run a program");
        check("qemu+ssh://kvm/system?no_verify=1", "verification");
        check("qemu+tls://kvm/system?no_verify=1", "verification");
        check("qemu+tls://kvm/system?name=xen:///", "hide");
        check("qemu+ssh://kvm/system?no_tty=0", "never ask");
        check("qemu+ssh://kvm/system?socket=/run/a;reboot", "absolute path");
        check("qemu+ssh://kvm/system?socket=/run/../../etc/x", "absolute path");
        check("qemu+unix:///system?socket=run/x", "absolute path");
        check("qemu+unix:///system?socket=/a&socket=/b", "twice");
        check("qemu+tcp://kvm/system?foo=1", "not known");
        check("qemu+tcp://root:secret@kvm/system", "password");
        check("qemu+ssh://-oProxyCommand=x/system", "host");
        check("qemu+ssh://-oProxyCommand@kvm/system", "user");
        check("qemu+ssh://kvm/system#x", "fragment");
        check("qemu+ssh://kvm/sys tem", "blanks");
        check("test://host/default", "this process");
        check("test:///", "/default");
        check("test+tcp://h/default", "transport");
        check(&format!("qemu://{}/system", "a".repeat(3000)), "longer");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_answered_and_an_accepted_one_reads_back(text in "(qemu|test)(\\+(ssh|tls|tcp|unix))?://[ -~]{0,40}") {
            if let Ok(uri) = ConnectUri::parse(&text) {
                proptest::prop_assert_eq!(ConnectUri::parse(&uri.to_string()), Ok(uri));
            }
        }
    }
}
