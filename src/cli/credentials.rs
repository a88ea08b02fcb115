//! Who is signed in where: `~/.config/spandrel/credentials.toml`, readable by its owner only.
//!
//! A token is kept under the address of the server that gave it, and is sent to no other.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::failure::Failure;

/// What is known of one server. No `Debug`: it holds a token.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) username: String,
    pub(crate) token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<String>,
    /// Certificates that its certificate is checked with, besides the machine's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca_file: Option<PathBuf>,
}

/// The file's content.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Credentials {
    /// The server that commands go to when they name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    /// By address.
    #[serde(default)]
    pub(crate) servers: BTreeMap<String, Entry>,
}

impl Credentials {
    /// Reads the file; nobody is signed in where there is none.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or can be read by others.
    pub(crate) fn load(path: &Path) -> Result<Self, Failure> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(Failure::failed(format!("{} cannot be read: {error}.", path.display()))),
        };
        let mode = fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
        if mode & 0o077 != 0 {
            return Err(Failure::failed_mend(
                format!("{} can be read by others than you, so it is not used.", path.display()),
                format!("Run `chmod 600 {}`. If others may have read it, sign in anew.", path.display()),
            ));
        }
        // The error's own text would quote the line, and with it the token.
        toml::from_str(&text).map_err(|_| {
            Failure::failed_mend(
                format!("{} is damaged.", path.display()),
                "Remove it, and sign in again with `spandrel login`.",
            )
        })
    }

    /// Writes the file as a whole: a reader finds the old one or the new one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn save(&self, path: &Path) -> Result<(), Failure> {
        self.write(path).map_err(|error| {
            Failure::failed_mend(
                format!("{} cannot be written: {error}.", path.display()),
                "Use SPANDREL_TOKEN where there is no home directory.",
            )
        })
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let text = toml::to_string(self).map_err(io::Error::other)?;
        if let Some(directory) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        }
        let temporary = path.with_extension(format!("{}.new", std::process::id()));
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)
            .and_then(|mut file| {
                file.write_all(text.as_bytes())?;
                file.sync_all()
            })
            .and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }
}

/// Where the file is: below `XDG_CONFIG_HOME`, else below the home directory.
///
/// # Errors
/// When neither is known.
pub(crate) fn default_path() -> Result<PathBuf, Failure> {
    let directory = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    directory("XDG_CONFIG_HOME")
        .or_else(|| directory("HOME").map(|home| home.join(".config")))
        .map(|config| config.join("spandrel").join("credentials.toml"))
        .ok_or_else(|| {
            Failure::failed_mend(
                "Your home directory is not known, so there is no place for credentials.",
                "Set HOME, or use SPANDREL_SERVER and SPANDREL_TOKEN.",
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Credentials {
        let entry = Entry { username: "admin".into(), token: "t0ken".into(), expires_at: None, ca_file: None };
        Credentials {
            current: Some("https://gw.example".into()),
            servers: BTreeMap::from([("https://gw.example".to_owned(), entry)]),
        }
    }

    #[test]
    fn what_is_saved_is_loaded_and_only_the_owner_can_read_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("spandrel/credentials.toml");
        some().save(&path).unwrap();
        some().save(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "a temporary file was left");
        let loaded = Credentials::load(&path).unwrap();
        assert_eq!(loaded.servers["https://gw.example"].token, "t0ken");
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("credentials.toml");
        some().save(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Credentials::load(&path), Err(Failure::Failed { .. })));
    }

    #[test]
    fn a_damaged_file_is_told_without_its_content() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("credentials.toml");
        fs::write(&path, "token = \"t0ken").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let Err(failure) = Credentials::load(&path) else { panic!("a damaged file was read") };
        assert!(!format!("{failure:?}").contains("t0ken"));
    }
}
