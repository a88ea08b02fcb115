//! The master keys, which are never in the database, and what is sealed with keys.
//!
//! A sealed value is `nonce ‖ ciphertext ‖ tag` of AES-256-GCM with a random nonce. The place where it is kept is its
//! associated data, so that a value copied to another row or column does not open.

use std::fmt;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{digest, rand};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

use crate::model::secret::{ExposeSecret, SecretString};

/// The length of every key, in bytes.
const KEY_LEN: usize = 32;
/// A key file holds a handful of keys.
const KEY_FILE_MAX_LEN: u64 = 64 * 1024;

/// A key for sealing. Its bytes are wiped when it goes.
pub(super) struct Key(Zeroizing<[u8; KEY_LEN]>);

impl Key {
    /// A new random key.
    pub(super) fn generate() -> Self {
        let mut bytes = Zeroizing::new([0; KEY_LEN]);
        rand::fill(&mut *bytes).expect("the system's random numbers are there");
        Self(bytes)
    }

    /// A key of these bytes; `None` when there are too few or too many.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    /// Its bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &*self.0
    }

    fn cipher(&self) -> RandomizedNonceKey {
        RandomizedNonceKey::new(&AES_256_GCM, &*self.0).expect("a key of 32 bytes fits AES-256")
    }

    /// Seals `plain` for `place`.
    pub(super) fn seal(&self, place: &str, plain: &[u8]) -> Vec<u8> {
        let mut text = plain.to_vec();
        let nonce = self
            .cipher()
            .seal_in_place_append_tag(Aad::from(place), &mut text)
            .expect("AES-256-GCM seals what is shorter than 64 GiB");
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut text);
        sealed
    }

    /// Opens what was sealed for `place`; `None` when it was sealed by another key or for another place, or is damaged.
    pub(super) fn open(&self, place: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
        let mut text = Zeroizing::new(text.to_vec());
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let len = self.cipher().open_in_place(nonce, Aad::from(place), &mut text).ok()?.len();
        text.truncate(len);
        Some(text)
    }
}

/// A key outside the database, that wraps the data keys.
pub(super) struct MasterKey {
    /// The first bytes of its hash: tells which key is meant without telling the key.
    pub(super) id: String,
    /// The key.
    pub(super) key: Key,
}

impl MasterKey {
    fn new(key: Key) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"spandrel master key ");
        context.update(key.bytes());
        let id = hex::encode(&context.finish().as_ref()[..8]);
        Self { id, key }
    }

    fn from_base64(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(BASE64.decode(text.trim()).ok()?);
        Key::from_bytes(&bytes).map(Self::new)
    }
}

/// The gateway's master keys: the newest wraps, all open. Kept outside the database: in a key file, or in the
/// configuration or environment.
pub struct Keyring {
    /// The newest last. Never empty.
    keys: Vec<MasterKey>,
    /// Where they come from, for messages.
    origin: String,
    /// The key file to make, once it is known that nothing was sealed before.
    missing_file: Option<PathBuf>,
}

impl Keyring {
    /// The key file: one key a line, base64 of 32 bytes, the newest last; `#` begins a comment. When there is none, one is
    /// made (mode 0600) by the opening of a database that has nothing sealed yet, never otherwise.
    ///
    /// # Errors
    /// [`KeyringError`] when it can be read by others than its owner, or is not a key file.
    pub fn from_file(path: &Path) -> Result<Self, KeyringError> {
        let fail = |source| KeyringError::File { path: path.to_owned(), source };
        let origin = path.display().to_string();
        let file = match std::fs::File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let keys = vec![MasterKey::new(Key::generate())];
                return Ok(Self { keys, origin, missing_file: Some(path.to_owned()) });
            }
            Err(error) => return Err(fail(error)),
        };
        let metadata = file.metadata().map_err(fail)?;
        // Of what is no file the mode says nothing.
        if !metadata.is_file() || metadata.len() > KEY_FILE_MAX_LEN {
            return Err(KeyringError::NotKeyFile { path: path.to_owned() });
        }
        if metadata.mode() & 0o077 != 0 {
            return Err(KeyringError::Mode { path: path.to_owned(), mode: metadata.mode() & 0o777 });
        }
        let text = Zeroizing::new(std::io::read_to_string(file).map_err(fail)?);
        let mut keys = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = MasterKey::from_base64(line);
            keys.push(key.ok_or_else(|| KeyringError::Malformed { origin: format!("{origin}, line {}", number + 1) })?);
        }
        if keys.is_empty() {
            return Err(KeyringError::Empty { origin });
        }
        Ok(Self { keys, origin, missing_file: None })
    }

    /// Keys from the configuration or the environment: base64 of 32 bytes each, the newest last.
    ///
    /// # Errors
    /// [`KeyringError`] when there is none, or one is not a key.
    pub fn from_base64<'a>(keys: impl IntoIterator<Item = &'a SecretString>) -> Result<Self, KeyringError> {
        let origin = "the configuration".to_owned();
        let keys = keys
            .into_iter()
            .enumerate()
            .map(|(index, key)| {
                MasterKey::from_base64(key.expose_secret())
                    .ok_or_else(|| KeyringError::Malformed { origin: format!("{origin}, key {}", index + 1) })
            })
            .collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(KeyringError::Empty { origin });
        }
        Ok(Self { keys, origin, missing_file: None })
    }

    /// One new key that is kept nowhere: for tests.
    #[must_use]
    pub fn generate() -> Self {
        Self { keys: vec![MasterKey::new(Key::generate())], origin: "memory".to_owned(), missing_file: None }
    }

    /// The key that wraps.
    pub(super) fn newest(&self) -> &MasterKey {
        self.keys.last().expect("a keyring is never empty")
    }

    /// The key with this id.
    pub(super) fn get(&self, id: &str) -> Result<&MasterKey, KeyringError> {
        self.keys.iter().find(|key| key.id == id).ok_or_else(|| KeyringError::Missing {
            key_id: id.to_owned(),
            origin: match &self.missing_file {
                Some(_) => format!("{}, which does not exist", self.origin),
                None => self.origin.clone(),
            },
        })
    }

    /// Makes the key file, if that is still to be done. Durable when it returns.
    pub(super) fn persist(&mut self) -> Result<(), KeyringError> {
        let Some(path) = self.missing_file.clone() else { return Ok(()) };
        self.write_file(&path).map_err(|source| KeyringError::File { path, source })?;
        self.missing_file = None;
        Ok(())
    }

    fn write_file(&self, path: &Path) -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let mut text = Zeroizing::new(String::from(
            "# Opens the secrets in Spandrel's database. Without this file they are lost: keep a copy elsewhere.\n",
        ));
        for key in &self.keys {
            text.push_str(&Zeroizing::new(BASE64.encode(key.key.bytes())));
            text.push('\n');
        }
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        if written.is_err() {
            // Half a key file would be refused at the next start.
            let _ = std::fs::remove_file(path);
        }
        written?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::File::open(folder)?.sync_all()
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.keys.iter().map(|key| &key.id).collect();
        f.debug_struct("Keyring").field("keys", &ids).field("origin", &self.origin).finish()
    }
}

/// What is wrong with the keys, or with what they should open.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The key file could not be read or made.
    #[error("cannot use the key file {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Others than its owner can read the key file.
    #[error("the key file {} can be read by others (mode {mode:04o}): chmod 600 it", path.display())]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is a folder, or far too big.
    #[error("{} is not a key file", path.display())]
    NotKeyFile {
        /// The file.
        path: PathBuf,
    },
    /// There is no key.
    #[error("there is no master key in {origin}")]
    Empty {
        /// Where they were looked for.
        origin: String,
    },
    /// A key is not base64 of 32 bytes.
    #[error("what is in {origin} is not a master key: it must be base64 of 32 bytes (`openssl rand -base64 32`)")]
    Malformed {
        /// Where.
        origin: String,
    },
    /// The key that is needed is not there.
    #[error("the database's secrets are sealed by the master key {key_id}, which is not in {origin}")]
    Missing {
        /// The first bytes of the key's hash.
        key_id: String,
        /// Where it was looked for.
        origin: String,
    },
    /// A sealed value does not open: it was changed, or copied from elsewhere.
    #[error("the sealed value {place} does not open: it is damaged")]
    Damaged {
        /// Where it is kept.
        place: String,
    },
}
