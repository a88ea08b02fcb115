//! Getting in: addresses, trust, sessions, who it is that answers, and what to say when it does not work.

use secrecy::ExposeSecret as _;
use vsphere::{ApiType, Client, Config, Credentials, Error, FilterSpec};

use super::super::{SourceError, SourceSpec};
use super::properties;
use crate::model::provider::{SourceIdentity, SyncReason};

/// A source that was reached: two sessions, so that reading much never holds up what changes.
pub(super) struct Connected {
    /// For the watch.
    pub(super) watch: Client,
    /// For bulk reads and polls.
    pub(super) bulk: Client,
    pub(super) identity: SourceIdentity,
}

/// Brings an address to one form: `https://host[:port]/sdk`, lower case, without the default port.
///
/// # Errors
/// What is wrong with it, as the rest of a sentence that begins with the address.
pub(in crate::provider) fn normalize_endpoint(endpoint: &str) -> Result<String, String> {
    let endpoint = endpoint.trim();
    if endpoint.is_empty() {
        return Err("is needed: the name of a vCenter or ESXi host, such as vc.example.org".to_owned());
    }
    if endpoint.chars().any(char::is_whitespace) {
        return Err("must have no spaces in it".to_owned());
    }
    let full = match endpoint.split_once("://") {
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("https") => endpoint.to_owned(),
        Some((scheme, _)) => return Err(format!("cannot begin with {scheme}://: vSphere is reached by https:// only")),
        None => format!("https://{endpoint}"),
    };
    let mut url = url::Url::parse(&full).map_err(|error| format!("is not an address: {error}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name or password; they have fields of their own".to_owned());
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("is not an address: it names no host".to_owned());
    }
    if url.port() == Some(0) {
        return Err("has the port 0, which is none".to_owned());
    }
    // Whatever page of a vCenter somebody copied the address of, the interface is there.
    url.set_path("/sdk");
    url.set_query(None);
    url.set_fragment(None);
    Ok(url.to_string())
}

/// How the endpoint of a source is reached.
pub(super) fn config(spec: &SourceSpec) -> Result<Config, SourceError> {
    let address = normalize_endpoint(&spec.endpoint).map_err(|reason| {
        SourceError::new(SyncReason::ConnectFailed, format!("the address {:?} {reason}", spec.endpoint))
    })?;
    let unusable = |error: Error| failure(&spec.endpoint, error, false);
    let config = Config::new(&address).map_err(unusable)?;
    let config = config.user_agent(concat!("spandrel/", env!("CARGO_PKG_VERSION"))).keep(properties::keep());
    let trust = match (&spec.trust.thumbprint_sha256, &spec.trust.ca_pem) {
        (Some(thumbprint), _) => vsphere::Trust::Thumbprint(thumbprint.parse().map_err(|error| {
            SourceError::new(
                SyncReason::CertificateUntrusted,
                format!("the trusted fingerprint cannot be used: {error}"),
            )
        })?),
        (None, Some(pem)) => vsphere::Trust::CaBundle(pem.clone()),
        (None, None) => vsphere::Trust::System,
    };
    Ok(config.trust(trust))
}

/// Who signs in.
pub(super) fn credentials(spec: &SourceSpec) -> Result<Credentials, SourceError> {
    match (&spec.username, &spec.password) {
        (Some(username), Some(password)) => Ok(Credentials::new(username, password.expose_secret().to_owned())),
        _ => Err(SourceError::new(
            SyncReason::CredentialsRefused,
            format!("{} needs a user name and a password", spec.endpoint),
        )),
    }
}

/// Connects, signs in twice and learns who answers.
pub(super) async fn connect(spec: &SourceSpec) -> Result<Connected, SourceError> {
    let fail = |error: Error| failure(&spec.endpoint, error, false);
    let config = config(spec)?;
    if let Some(expected) = &spec.expected_instance_uuid {
        // Nothing of the account is told to another than the one that was met here before.
        let about = Client::probe(&config).await.map_err(fail)?.about;
        if about.api_type != ApiType::HostAgent
            && let Some(found) = about.instance_uuid.filter(|found| !expected.eq_ignore_ascii_case(found))
        {
            return Err(another_installation(&spec.endpoint, expected, &found, &about.name));
        }
    }
    let watch = Client::connect(&config, credentials(spec)?).await.map_err(fail)?;
    let identity = identity(&watch).await.map_err(fail)?;
    if let (Some(expected), Some(found)) = (&spec.expected_instance_uuid, &identity.instance_uuid)
        && !expected.eq_ignore_ascii_case(found)
    {
        return Err(another_installation(&spec.endpoint, expected, found, &identity.product));
    }
    let bulk = watch.sibling().await.map_err(fail)?;
    Ok(Connected { watch, bulk, identity })
}

fn another_installation(endpoint: &str, expected: &str, found: &str, product: &str) -> SourceError {
    SourceError::new(
        SyncReason::NotThePlatform,
        format!(
            "{endpoint} is another installation than before: {found} ({product}) answers where {expected} was; if that is \
             intended, remove this provider and add it again"
        ),
    )
}

/// What the server is. An ESXi has no id of its own installation: its hardware's is used.
pub(super) async fn identity(client: &Client) -> vsphere::Result<SourceIdentity> {
    let about = client.about();
    let mut instance_uuid = about.instance_uuid.clone();
    if about.api_type == ApiType::HostAgent {
        let spec =
            FilterSpec::inventory(&client.content().root_folder).properties("HostSystem", ["summary.hardware.uuid"]);
        let hosts = client.retrieve_all(spec).await?;
        instance_uuid = hosts.first().and_then(|host| host.str("summary.hardware.uuid")).map(str::to_owned);
    }
    Ok(SourceIdentity {
        product: about.name.clone(),
        version: format!("{} build-{}", about.version, about.build),
        instance_uuid: instance_uuid.map(|uuid| uuid.to_lowercase()),
    })
}

/// An error of the platform as the reason for which a source ended. `established`: it had been reached before.
pub(super) fn failure(endpoint: &str, error: Error, established: bool) -> SourceError {
    let mut presented_thumbprint = None;
    let (reason, message) = match &error {
        Error::Address(why) => (SyncReason::ConnectFailed, format!("{endpoint} is not an address: {why}")),
        Error::Trust(why) => (SyncReason::CertificateUntrusted, format!("the trust settings cannot be used: {why}")),
        Error::Untrusted { host, presented, reason } => {
            presented_thumbprint = Some(presented.to_string());
            let message = format!(
                "the certificate of {host} is not trusted ({reason}); if the fingerprint {presented} is that server's, trust it"
            );
            (SyncReason::CertificateUntrusted, message)
        }
        Error::Connection { source, .. } if established => (
            SyncReason::ConnectionLost,
            format!("the connection to {endpoint} was lost: {}", innermost(source.as_ref())),
        ),
        Error::Connection { source, .. } => unreached(endpoint, source.as_ref()),
        Error::Deadline { limit, .. } => (
            SyncReason::TimedOut,
            format!(
                "{endpoint} did not answer within {} s; is it on, and does a firewall let this machine through?",
                limit.as_secs()
            ),
        ),
        Error::NotVsphere { reason, .. } => (
            SyncReason::NotThePlatform,
            format!("{endpoint} answers, with TLS, but is neither a vCenter nor an ESXi: {reason}"),
        ),
        Error::InvalidLogin => (
            SyncReason::CredentialsRefused,
            format!(
                "{endpoint} refused the user name or password; it was tried once, so that the account is not locked: \
                 enter the right ones"
            ),
        ),
        Error::SessionExpired { .. } | Error::Closed => {
            (SyncReason::ConnectionLost, format!("the session at {endpoint} ended"))
        }
        error if error.is_fault("NoPermission") => (
            SyncReason::PermissionDenied,
            format!(
                "the account may not read the inventory of {endpoint}; give it the role Read-only on the root object"
            ),
        ),
        error => (SyncReason::PlatformFault, format!("{endpoint} answered with an error: {error}")),
    };
    SourceError { reason, message, presented_thumbprint, source: Some(Box::new(error)) }
}

/// Why a server could not be reached: name resolution, nobody there, no way, or something else than TLS.
fn unreached(endpoint: &str, error: &(dyn std::error::Error + 'static)) -> (SyncReason, String) {
    use std::io::ErrorKind;
    let mut cause = Some(error);
    while let Some(error) = cause {
        let io = error.downcast_ref::<std::io::Error>();
        let tls = unwrapped(error).downcast_ref::<rustls::Error>();
        if let Some(rustls::Error::InvalidMessage(_)) = tls {
            let message = format!("{endpoint} answers, but not with TLS; is it plain HTTP that listens on this port?");
            return (SyncReason::NotThePlatform, message);
        }
        if let Some(tls) = tls {
            let message = format!("{endpoint} answers, but no TLS connection comes about: {tls}");
            return (SyncReason::ConnectFailed, message);
        }
        // What the resolver says is an I/O error without a kind of its own; the connector names the step.
        if error.to_string() == "dns error" {
            let message = format!(
                "the name in {endpoint} cannot be resolved ({}); check its spelling and this machine's DNS",
                innermost(error)
            );
            return (SyncReason::ConnectFailed, message);
        }
        let advice = match io.map(std::io::Error::kind) {
            Some(ErrorKind::ConnectionRefused) => "nothing listens there: check the port, and whether the server is up",
            Some(ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) => {
                "there is no way to it: check the address and this machine's routes"
            }
            Some(ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe) => {
                "it ended the connection: something in between, or another service than vSphere"
            }
            _ => {
                cause = error.source();
                continue;
            }
        };
        return (SyncReason::ConnectFailed, format!("{endpoint} cannot be reached: {advice} ({error})"));
    }
    let message = format!("{endpoint} cannot be reached: {}; check the address and firewalls", innermost(error));
    (SyncReason::ConnectFailed, message)
}

/// What I/O errors are wrapped around, in however many layers: their `source` passes over it.
fn unwrapped<'a>(mut error: &'a (dyn std::error::Error + 'static)) -> &'a (dyn std::error::Error + 'static) {
    while let Some(inner) = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        error = inner;
    }
    error
}

/// The cause behind the causes: `Connection refused (os error 111)`.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_answers_without_tls_is_told_from_what_does_not_answer() {
        use std::io;
        let check = |error: io::Error, reason: SyncReason, words: &str| {
            let (is, message) = unreached("vc.example", &error);
            assert!(is == reason && message.contains(words), "{error:?}: {message}");
        };
        let plain = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
        // As it comes: wrapped twice.
        let plain = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, plain));
        check(plain, SyncReason::NotThePlatform, "not with TLS");
        let alert = rustls::Error::AlertReceived(rustls::AlertDescription::ProtocolVersion);
        check(io::Error::other(alert), SyncReason::ConnectFailed, "no TLS connection comes about");
        check(io::ErrorKind::ConnectionRefused.into(), SyncReason::ConnectFailed, "nothing listens");
        check(io::ErrorKind::HostUnreachable.into(), SyncReason::ConnectFailed, "no way to it");
        check(io::ErrorKind::ConnectionReset.into(), SyncReason::ConnectFailed, "ended the connection");
        check(io::Error::other("strange"), SyncReason::ConnectFailed, "strange");
    }

    #[test]
    fn addresses_are_brought_to_one_form() {
        let check = |endpoint: &str, expected: &str| {
            assert_eq!(normalize_endpoint(endpoint).as_deref(), Ok(expected), "{endpoint}");
        };
        check("vc.example", "https://vc.example/sdk");
        check(" VC.Example ", "https://vc.example/sdk");
        check("vc.example:443", "https://vc.example/sdk");
        check("vc.example:8443", "https://vc.example:8443/sdk");
        check("HTTPS://VC.EXAMPLE/sdk", "https://vc.example/sdk");
        check("https://vc.example/ui/#?x=1", "https://vc.example/sdk");
        check("https://vc.example/sdk/?a=b", "https://vc.example/sdk");
        check("10.0.0.5", "https://10.0.0.5/sdk");
        check("[2001:db8::1]:9443", "https://[2001:db8::1]:9443/sdk");
        check("https://[::1]", "https://[::1]/sdk");
    }

    #[test]
    fn what_is_no_address_is_refused_with_a_reason() {
        let check = |endpoint: &str, word: &str| {
            let reason = normalize_endpoint(endpoint).expect_err(endpoint);
            assert!(reason.contains(word), "{endpoint}: {reason}");
            assert!(!reason.contains("secret"), "{reason}");
        };
        check("", "needed");
        check("http://vc.example", "https");
        check("qemu:///system", "https");
        check("https://user:secret@vc.example/sdk", "password");
        check("user@vc.example", "password");
        check("vc example", "spaces");
        check("https://", "address");
        check("vc.example:99999", "address");
    }
}
