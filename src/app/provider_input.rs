//! What an administrator says of a provider, checked before anything is stored.
//!
//! Every refusal names the member and how to mend it, and never repeats an address or a secret.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::{Invalid, SyncControl, checked_name};
use crate::model::ProviderKind;
use crate::model::provider::{Connection, Trust};
use crate::model::secret::{ExposeSecret, SecretString};
use crate::store::{Endpoint, NewProvider, ProviderEdit, ProviderRecord};

/// Endpoints of one provider, at most.
const MAX_ENDPOINTS: usize = 256;
/// The longest address, bytes.
const MAX_ENDPOINT_BYTES: usize = 2048;
/// The longest user name or password at a platform, bytes.
const MAX_CREDENTIAL_BYTES: usize = 1024;
/// The longest bundle of certificates, bytes.
const MAX_PEM_BYTES: usize = 256 << 10;

type Checked<T> = std::result::Result<T, Invalid>;

/// A provider to add or to test.
#[derive(Clone, Debug)]
pub struct NewProviderInput {
    /// Its name.
    pub name: String,
    /// Its platform.
    pub kind: ProviderKind,
    /// Its addresses.
    pub endpoints: Vec<String>,
    /// The user that signs in there.
    pub username: Option<String>,
    /// The user's password.
    pub password: Option<SecretString>,
    /// How its certificate is checked.
    pub trust: Trust,
    /// Whether it is to be synced.
    pub enabled: bool,
}

/// An edit: `None` leaves as it is, `Some(None)` clears.
#[derive(Clone, Debug, Default)]
pub struct ProviderPatch {
    /// Another name.
    pub name: Option<String>,
    /// All addresses.
    pub endpoints: Option<Vec<String>>,
    /// Another user.
    pub username: Option<Option<String>>,
    /// Another password.
    pub password: Option<Option<SecretString>>,
    /// Another way to check the certificate; `Some(None)` clears both parts.
    pub trust: Option<Option<TrustPatch>>,
    /// On or off.
    pub enabled: Option<bool>,
}

/// An edit of [`Trust`].
#[derive(Clone, Debug, Default)]
pub struct TrustPatch {
    /// See [`Trust::thumbprint_sha256`].
    pub thumbprint_sha256: Option<Option<String>>,
    /// See [`Trust::ca_pem`].
    pub ca_pem: Option<Option<String>>,
}

impl NewProviderInput {
    /// Checks everything that can be checked without connecting.
    pub(super) fn check(self, sync: &dyn SyncControl) -> Checked<NewProvider> {
        let name = checked_name("name", &self.name)?;
        let endpoints = endpoints(sync, self.kind, &self.endpoints)?;
        let username = username(self.username)?;
        let password = password(self.password)?;
        credentials(self.kind, username.is_some(), password.is_some())?;
        let trust = trust(self.trust)?;
        Ok(NewProvider { name, kind: self.kind, enabled: self.enabled, username, password, trust, endpoints })
    }
}

/// One connection per endpoint of a checked provider.
pub(super) fn connections(provider: &NewProvider) -> Vec<Connection> {
    provider
        .endpoints
        .iter()
        .map(|endpoint| Connection {
            kind: provider.kind,
            provider_name: provider.name.clone(),
            endpoint: endpoint.given.clone(),
            username: provider.username.clone(),
            password: provider.password.clone(),
            trust: provider.trust.clone(),
        })
        .collect()
}

impl ProviderPatch {
    /// Checks an edit of a provider. Invariant: a stored password goes only to the address, and with the user name, that
    /// it was given for; else who may edit could have it sent to a server of their own.
    pub(super) fn check(self, sync: &dyn SyncControl, present: &ProviderRecord) -> Checked<ProviderEdit> {
        let kind = present.kind;
        let (has_username, has_password) = (present.username.is_some(), present.has_password);
        let endpoints = self.endpoints.map(|given| endpoints(sync, kind, &given)).transpose()?;
        let username = self.username.map(username).transpose()?;
        let password = self.password.map(password).transpose()?;
        if username.is_some() || password.is_some() {
            let username = username.as_ref().map_or(has_username, Option::is_some);
            let password = password.as_ref().map_or(has_password, Option::is_some);
            credentials(kind, username, password)?;
        }
        if has_password && password.is_none() {
            let known: Vec<String> = present
                .sources
                .iter()
                .filter_map(|source| sync.normalize_endpoint(kind, &source.endpoint).ok())
                .collect();
            let moved = endpoints.iter().flatten().any(|endpoint| !known.contains(&endpoint.normalized));
            let other = username.as_ref().is_some_and(|username| *username != present.username);
            if moved || other {
                let what = if moved { "address" } else { "user name" };
                let message = format!(
                    "must be given again: the {what} changes, and a stored password goes only to where it was given for"
                );
                return Err(Invalid::field("password", message));
            }
        }
        let present = &present.trust;
        let trust = match self.trust {
            None => None,
            Some(None) => Some(Trust::default()),
            Some(Some(patch)) => Some(trust(Trust {
                thumbprint_sha256: patch.thumbprint_sha256.unwrap_or_else(|| present.thumbprint_sha256.clone()),
                ca_pem: patch.ca_pem.unwrap_or_else(|| present.ca_pem.clone()),
            })?),
        };
        Ok(ProviderEdit {
            name: self.name.map(|name| checked_name("name", &name)).transpose()?,
            enabled: self.enabled,
            username,
            password,
            trust,
            endpoints,
        })
    }
}

fn endpoints(sync: &dyn SyncControl, kind: ProviderKind, given: &[String]) -> Checked<Vec<Endpoint>> {
    if given.is_empty() {
        return Err(Invalid::field("endpoints", "must hold at least one address"));
    }
    if kind == ProviderKind::Vsphere && given.len() > 1 {
        let message = "must hold exactly one address: add each vCenter or ESXi as a provider of its own";
        return Err(Invalid::field("endpoints", message));
    }
    if given.len() > MAX_ENDPOINTS {
        return Err(Invalid::field("endpoints", format!("holds too many addresses: at most {MAX_ENDPOINTS}")));
    }
    let mut endpoints: Vec<Endpoint> = Vec::with_capacity(given.len());
    for (index, address) in given.iter().enumerate() {
        let field = format!("endpoints[{index}]");
        let mut address = address.trim();
        if kind == ProviderKind::Vsphere {
            // Copied with the page that was shown: nothing of it is needed, and it may hold what is not for everybody's eyes.
            address = address.split(['?', '#']).next().unwrap_or_default();
        }
        if address.len() > MAX_ENDPOINT_BYTES || address.chars().any(char::is_control) {
            let message = format!("must be at most {MAX_ENDPOINT_BYTES} bytes without control characters");
            return Err(Invalid::field(field, message));
        }
        if holds_password(address) {
            let message = "must not hold a password: give it as `password`, where it is kept sealed";
            return Err(Invalid::field(field, message));
        }
        let normalized = sync.normalize_endpoint(kind, address).map_err(|why| Invalid::field(&field, why))?;
        if let Some(other) = endpoints.iter().position(|other| other.normalized == normalized) {
            return Err(Invalid::field(field, format!("leads to the same place as endpoints[{other}]")));
        }
        endpoints.push(Endpoint { given: address.to_owned(), normalized });
    }
    Ok(endpoints)
}

/// Whether an address has a password before its host (`scheme://user:password@host`).
fn holds_password(address: &str) -> bool {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}

fn username(name: Option<String>) -> Checked<Option<String>> {
    match name {
        Some(name) if name.len() > MAX_CREDENTIAL_BYTES || name.chars().any(char::is_control) => Err(Invalid::field(
            "username",
            format!("must be at most {MAX_CREDENTIAL_BYTES} bytes without control characters"),
        )),
        Some(name) if name.trim().is_empty() => {
            Err(Invalid::field("username", "must not be empty; leave it out if none is needed"))
        }
        other => Ok(other),
    }
}

fn password(password: Option<SecretString>) -> Checked<Option<SecretString>> {
    match password.as_ref().map(|password| password.expose_secret().len()) {
        Some(0) => Err(Invalid::field("password", "must not be empty; leave it out if none is needed")),
        Some(length) if length > MAX_CREDENTIAL_BYTES => {
            Err(Invalid::field("password", format!("is too long: at most {MAX_CREDENTIAL_BYTES} bytes are accepted")))
        }
        _ => Ok(password),
    }
}

/// A vCenter or ESXi needs both; libvirt may need neither.
fn credentials(kind: ProviderKind, username: bool, password: bool) -> Checked<()> {
    if kind != ProviderKind::Vsphere || (username && password) {
        return Ok(());
    }
    let field = if username { "password" } else { "username" };
    Err(Invalid::field(field, "is needed: a vCenter or ESXi is signed in to with a user name and a password"))
}

fn trust(trust: Trust) -> Checked<Trust> {
    let thumbprint_sha256 =
        trust.thumbprint_sha256.map(|text| thumbprint("trust.thumbprint_sha256", &text)).transpose()?;
    if let Some(pem) = &trust.ca_pem {
        if pem.len() > MAX_PEM_BYTES {
            let message = format!("is too long: at most {MAX_PEM_BYTES} bytes are accepted");
            return Err(Invalid::field("trust.ca_pem", message));
        }
        if pem.contains("PRIVATE KEY-----") {
            return Err(Invalid::field("trust.ca_pem", "holds a private key: give certificates only"));
        }
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        if !certificates.is_ok_and(|certificates| !certificates.is_empty()) {
            let message = "is not a bundle of certificates: it must hold `-----BEGIN CERTIFICATE-----` … `-----END CERTIFICATE-----`";
            return Err(Invalid::field("trust.ca_pem", message));
        }
    }
    Ok(Trust { thumbprint_sha256, ca_pem: trust.ca_pem })
}

/// Reads a SHA-256 fingerprint with or without colons, and writes it the way `openssl x509 -fingerprint` does.
pub(super) fn thumbprint(field: &str, text: &str) -> Checked<String> {
    let digits: String = text.trim().chars().filter(|c| *c != ':').collect();
    let bytes = hex::decode(&digits).ok().filter(|bytes| bytes.len() == 32);
    let bytes = bytes.ok_or_else(|| {
        Invalid::field(field, "is not a SHA-256 fingerprint: 64 hexadecimal digits, with or without colons")
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_read_in_every_spelling() {
        let digits = "9abcdef0".repeat(8);
        let expected = thumbprint("f", &digits).unwrap();
        assert!(expected.starts_with("9A:BC:DE:F0:9A"), "{expected}");
        assert_eq!(thumbprint("f", &expected).unwrap(), expected);
        assert_eq!(thumbprint("f", &format!(" {} ", digits.to_uppercase())).unwrap(), expected);
        for bad in ["", "9a", &digits[1..], &format!("{digits}00"), &digits.replace('a', "g")] {
            assert_eq!(thumbprint("f", bad).unwrap_err().field, "f", "{bad}");
        }
    }

    #[test]
    fn passwords_in_addresses_are_seen() {
        for (address, expected) in [
            ("https://root:x@vc.example/sdk", true),
            ("qemu+ssh://root:x@host/system", true),
            ("root:x@host", true),
            ("qemu+ssh://root@host:22/system", false),
            ("https://vc.example:443/sdk?a=b:c@d", false),
            ("qemu:///system", false),
            ("[2001:db8::1]:443", false),
        ] {
            assert_eq!(holds_password(address), expected, "{address}");
        }
    }

    #[test]
    fn certificates_are_looked_at() {
        let made = rcgen::generate_simple_self_signed(vec!["vc.example".to_owned()]).unwrap();
        let check = |pem: String| trust(Trust { thumbprint_sha256: None, ca_pem: Some(pem) }).is_ok();
        assert!(check(made.cert.pem()));
        assert!(!check(String::new()));
        assert!(!check("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n".to_owned()));
        assert!(!check(made.cert.pem() + &made.signing_key.serialize_pem()));
        assert!(!check("x".repeat(MAX_PEM_BYTES + 1)));
    }
}
