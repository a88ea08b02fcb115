//! Bearer tokens: opaque, 256 random bits, stored only as their SHA-256.
//!
//! A token is `spandrel_` and 43 characters. The prefix lets scanners of leaked secrets find it. Since a token is random
//! in full, one fast hash is enough: there is nothing to guess.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Result;
use crate::model::secret::{ExposeSecret, SecretString};

const PREFIX: &str = "spandrel_";
const BYTES: usize = 32;

/// What is stored of a token, and what it is found by.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Reads a token as the client sent it; `None` when it cannot be one of ours.
    #[must_use]
    pub fn of(token: &str) -> Option<Self> {
        let random = URL_SAFE_NO_PAD.decode(token.strip_prefix(PREFIX)?).ok()?;
        (random.len() == BYTES).then(|| Self(digest(token)))
    }

    /// The stored form.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

fn digest(token: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes()).as_ref());
    bytes
}

/// Makes a new token, to be shown once, and its hash, to be stored.
///
/// # Errors
/// When the machine gives no random bytes.
pub fn generate() -> Result<(SecretString, TokenHash)> {
    let token = SecretString::from(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(super::random::<BYTES>()?)));
    let hash = TokenHash(digest(token.expose_secret()));
    Ok((token, hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_by_its_hash_and_nothing_else_is() {
        let (token, hash) = generate().unwrap();
        let text = token.expose_secret();
        assert!(TokenHash::of(text) == Some(hash));
        assert!(generate().unwrap().1 != hash);
        for other in ["", "spandrel_", "Bearer x", &text[..text.len() - 1], &text.to_uppercase(), &format!("{text}A")] {
            assert!(TokenHash::of(other).is_none(), "{other}");
        }
    }
}
