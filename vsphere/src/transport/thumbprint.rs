//! Thumbprints: how administrators name a certificate.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The digest of a server certificate: SHA-256, or SHA-1 as vSphere's older tools print it.
///
/// Reads hexadecimal with or without colons, in any case; writes upper case with colons.
///
/// ```
/// let a: vsphere::Thumbprint = "9a:bc:de:f0:12:34:56:78:9a:bc:de:f0:12:34:56:78:9a:bc:de:f0".parse()?;
/// let b: vsphere::Thumbprint = "9ABCDEF0123456789ABCDEF0123456789ABCDEF0".parse()?;
/// assert_eq!(a, b);
/// # Ok::<(), vsphere::ThumbprintError>(())
/// ```
#[derive(Clone, Copy, Eq, PartialEq, Hash)]
pub struct Thumbprint(Kind);

#[derive(Clone, Copy, Eq, PartialEq, Hash)]
enum Kind {
    Sha256([u8; 32]),
    Sha1([u8; 20]),
}

/// Why a text is not a thumbprint.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a thumbprint is 64 (SHA-256) or 40 (SHA-1) hexadecimal digits, with or without colons")]
pub struct ThumbprintError;

impl Thumbprint {
    /// The SHA-256 thumbprint of a certificate in DER.
    pub fn sha256_of(certificate: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, certificate).as_ref());
        Self(Kind::Sha256(bytes))
    }

    /// Whether this is the weaker SHA-1, for which collisions are known.
    pub fn is_sha1(&self) -> bool {
        matches!(self.0, Kind::Sha1(_))
    }

    /// Whether the certificate in DER has this thumbprint.
    pub fn matches(&self, certificate: &[u8]) -> bool {
        let algorithm = match self.0 {
            Kind::Sha256(_) => &digest::SHA256,
            Kind::Sha1(_) => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        };
        digest::digest(algorithm, certificate).as_ref() == self.bytes()
    }

    fn bytes(&self) -> &[u8] {
        match &self.0 {
            Kind::Sha256(bytes) => bytes,
            Kind::Sha1(bytes) => bytes,
        }
    }
}

impl FromStr for Thumbprint {
    type Err = ThumbprintError;

    fn from_str(text: &str) -> Result<Self, ThumbprintError> {
        let digits: String = text.trim().chars().filter(|c| *c != ':').collect();
        let bytes = hex::decode(digits).map_err(|_| ThumbprintError)?;
        if let Ok(bytes) = <[u8; 32]>::try_from(bytes.as_slice()) {
            return Ok(Self(Kind::Sha256(bytes)));
        }
        <[u8; 20]>::try_from(bytes.as_slice()).map(|bytes| Self(Kind::Sha1(bytes))).map_err(|_| ThumbprintError)
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.bytes().iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Thumbprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Thumbprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_digests_are_read_in_every_spelling() {
        let certificate = b"not really a certificate";
        let sha256 = Thumbprint::sha256_of(certificate);
        let written = sha256.to_string();
        assert_eq!(written.len(), 64 + 31);
        for spelling in [written.clone(), written.to_lowercase(), written.replace(':', ""), format!(" {written}\n")] {
            let read: Thumbprint = spelling.parse().expect("reads");
            assert_eq!(read, sha256);
            assert!(read.matches(certificate) && !read.matches(b"another"));
        }
        let sha1 = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, certificate);
        let sha1: Thumbprint = hex::encode(sha1.as_ref()).parse().expect("reads");
        assert!(sha1.is_sha1() && sha1.matches(certificate) && !sha1.matches(b"another"));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "ab", "zz", &"a".repeat(63), &"ab".repeat(33)] {
            assert_eq!(text.parse::<Thumbprint>(), Err(ThumbprintError), "{text}");
        }
    }
}
