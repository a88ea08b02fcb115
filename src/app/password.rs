//! Passwords of users: argon2id, off the async workers, a few at a time.
//!
//! A hash costs 19 MiB and some tens of milliseconds of one core on purpose. Without a bound on how many run at once a
//! flood of sign-ins would take all memory and every core, so they queue here; the queue is bounded by the back-off of
//! [`super::attempts`] and by the time limit of requests. The work for an unknown user is the same as for a known one.

use std::sync::Arc;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use super::{Error, Invalid, Result};
use crate::model::secret::{ExposeSecret, SecretString};

/// How many hashes are made at once.
const AT_ONCE: usize = 2;
/// The shortest password, characters.
pub const MIN_CHARS: usize = 12;
/// The longest password, bytes: hashing time does not depend on it, but reading it does.
pub const MAX_BYTES: usize = 1024;

/// Hashes and checks passwords.
#[derive(Clone)]
pub struct Passwords {
    permits: Arc<Semaphore>,
    /// A hash of no password: what is checked for an unknown user.
    nobody: Arc<str>,
}

impl Passwords {
    /// Makes the hash that unknown users are checked against; costs one hash.
    ///
    /// # Errors
    /// When the machine gives no random bytes.
    pub fn new() -> Result<Self> {
        let nobody = hash(&SecretString::from(hex::encode(super::random::<32>()?)))?;
        Ok(Self { permits: Arc::new(Semaphore::new(AT_ONCE)), nobody: nobody.into() })
    }

    /// Makes the text that is stored for a password.
    ///
    /// # Errors
    /// [`Error::Internal`] only.
    pub async fn hash(&self, password: SecretString) -> Result<String> {
        self.run(move || hash(&password)).await
    }

    /// Whether the password is the one that `stored` was made from. `None` stands for an unknown user: the same work is
    /// done, and the answer is `false`.
    ///
    /// # Errors
    /// [`Error::Internal`] only.
    pub async fn verify(&self, password: SecretString, stored: Option<String>) -> Result<bool> {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.nobody.to_string());
        self.run(move || {
            let parsed = PasswordHash::new(&stored)
                .map_err(|error| Error::internal("reading a stored password hash", error.to_string()))?;
            Ok(argon2()?.verify_password(password.expose_secret().as_bytes(), &parsed).is_ok() && known)
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|error| Error::internal("waiting to hash a password", error))?;
        tokio::task::spawn_blocking(move || {
            // The permit goes with the work: a caller that went away does not free the core that is still busy.
            let _permit = permit;
            work()
        })
        .await
        .map_err(|error| Error::internal("hashing a password", error))?
    }
}

/// Checks a new password.
///
/// # Errors
/// [`Invalid`] naming `field` when it is too short, too long, or the user's name.
pub fn check_new(field: &str, password: &SecretString, username: &str) -> std::result::Result<(), Invalid> {
    let text = password.expose_secret();
    if text.chars().count() < MIN_CHARS {
        return Err(Invalid::field(field, format!("is too short: at least {MIN_CHARS} characters are needed")));
    }
    if text.len() > MAX_BYTES {
        return Err(Invalid::field(field, format!("is too long: at most {MAX_BYTES} bytes are accepted")));
    }
    if text.to_lowercase().contains(&username.to_lowercase()) {
        return Err(Invalid::field(field, "must not contain the user name"));
    }
    Ok(())
}

/// The parameters recommended by OWASP for argon2id: 19 MiB, two passes, one lane.
fn argon2() -> Result<Argon2<'static>> {
    let params = Params::new(19 * 1024, 2, 1, None)
        .map_err(|error| Error::internal("setting up the password hash", error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &SecretString) -> Result<String> {
    let salt = SaltString::encode_b64(&super::random::<16>()?)
        .map_err(|error| Error::internal("making a salt", error.to_string()))?;
    Ok(argon2()?
        .hash_password(password.expose_secret().as_bytes(), &salt)
        .map_err(|error| Error::internal("hashing a password", error.to_string()))?
        .to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_same_password_of_a_known_user_is_accepted() {
        let passwords = Passwords::new().unwrap();
        let stored = passwords.hash("correct horse battery".into()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(passwords.verify("correct horse battery".into(), Some(stored.clone())).await.unwrap());
        assert!(!passwords.verify("correct horse batterz".into(), Some(stored.clone())).await.unwrap());
        assert!(!passwords.verify("correct horse battery".into(), None).await.unwrap());
        assert_ne!(stored, passwords.hash("correct horse battery".into()).await.unwrap(), "the salt differs");
    }

    #[test]
    fn poor_passwords_are_refused() {
        let check = |password: &str| check_new("new_password", &password.into(), "admin").is_ok();
        assert!(check("a long enough one"));
        assert!(!check("short"));
        assert!(!check("my-Admin-password"));
        assert!(!check(&"x".repeat(MAX_BYTES + 1)));
    }
}
