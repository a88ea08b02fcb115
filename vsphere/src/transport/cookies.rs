//! The cookies of one session.
//!
//! A session has its own jar, so that two sessions can share a connection pool. Cookies are as good as passwords: they
//! are never printed.

use std::fmt;
use std::sync::Mutex;

use http::{HeaderMap, HeaderValue, header};
use secrecy::{ExposeSecret as _, SecretString};

/// More cookies than a server could need; further ones are dropped.
const COOKIES_LIMIT: usize = 16;

/// The cookies of one session.
#[derive(Default)]
pub(crate) struct CookieJar(Mutex<Vec<(String, SecretString)>>);

impl CookieJar {
    fn cookies(&self) -> std::sync::MutexGuard<'_, Vec<(String, SecretString)>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The `Cookie` header to send.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let cookies = self.cookies();
        let pairs: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={}", value.expose_secret())).collect();
        let mut header = HeaderValue::from_str(&pairs.join("; ")).ok()?;
        header.set_sensitive(true);
        (!pairs.is_empty()).then_some(header)
    }

    /// Keeps what a server set.
    pub(super) fn take(&self, headers: &HeaderMap) {
        let mut cookies = self.cookies();
        for header in headers.get_all(header::SET_COOKIE) {
            let Ok(text) = header.to_str() else { continue };
            let pair = text.split(';').next().unwrap_or_default();
            let Some((name, value)) = pair.split_once('=') else { continue };
            let (name, value) = (name.trim(), value.trim());
            cookies.retain(|(known, _)| known != name);
            if !name.is_empty() && !value.is_empty() && cookies.len() < COOKIES_LIMIT {
                cookies.push((name.to_owned(), SecretString::from(value)));
            }
        }
    }

    /// Forgets every cookie.
    pub(crate) fn clear(&self) {
        self.cookies().clear();
    }

    /// The SOAP session's cookie without its quotes, as services beside vim25 want it in their header.
    pub(crate) fn soap_session(&self) -> Option<SecretString> {
        let cookies = self.cookies();
        let (_, value) = cookies.iter().find(|(name, _)| name == "vmware_soap_session")?;
        Some(SecretString::from(value.expose_secret().trim_matches('"')))
    }
}

impl fmt::Debug for CookieJar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CookieJar").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_kept_replaced_and_never_printed() {
        let jar = CookieJar::default();
        assert_eq!(jar.header(), None);
        let mut headers = HeaderMap::new();
        headers.append(header::SET_COOKIE, HeaderValue::from_static("vmware_soap_session=\"abc\"; Path=/; HttpOnly"));
        headers.append(header::SET_COOKIE, HeaderValue::from_static("other=1"));
        jar.take(&headers);
        assert_eq!(jar.header().expect("cookies"), "vmware_soap_session=\"abc\"; other=1");
        assert_eq!(jar.soap_session().expect("session").expose_secret(), "abc");
        headers.clear();
        headers.append(header::SET_COOKIE, HeaderValue::from_static("vmware_soap_session=\"def\""));
        headers.append(header::SET_COOKIE, HeaderValue::from_static("other=; Max-Age=0"));
        jar.take(&headers);
        assert_eq!(jar.header().expect("cookies"), "vmware_soap_session=\"def\"");
        assert!(!format!("{jar:?}").contains("def"));
        jar.clear();
        assert_eq!(jar.header(), None);
    }
}
