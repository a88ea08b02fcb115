//! Where the database is.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use url::Url;

use super::Error;
use crate::model::secret::SecretString;

/// The address of a database: `sqlite:PATH` (also `sqlite://PATH`), or `postgres://USER:PASSWORD@HOST:PORT/NAME?…`.
///
/// It may hold a password, which `Debug` and `Display` leave out.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// One file on this machine, used by this process alone.
    Sqlite {
        /// The file. Its folder must exist.
        path: PathBuf,
    },
    /// A server, which several nodes may share.
    Postgres {
        /// The whole URL.
        url: SecretString,
        /// Where it is, without user and password: `HOST:PORT/NAME`.
        shown: String,
    },
}

impl DatabaseUrl {
    /// The database file in a data folder: the embedded default.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self::Sqlite { path: folder.join("spandrel.db") }
    }
}

impl FromStr for DatabaseUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = |reason: &str| Err(Error::Address { reason: reason.to_owned() });
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path.starts_with(':') {
                return refuse("`sqlite:` wants the path of a file");
            }
            if path.contains('?') {
                return refuse("`sqlite:` takes a path and no options");
            }
            return Ok(Self::Sqlite { path: PathBuf::from(path) });
        }
        // The text itself is not repeated: it may hold a password.
        let Ok(url) = Url::parse(text) else {
            return refuse("it begins with neither `sqlite:` nor `postgres://`, or is malformed");
        };
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return refuse("it begins with neither `sqlite:` nor `postgres://`");
        }
        let name = url.path().trim_start_matches('/');
        if name.is_empty() {
            return refuse("`postgres://` wants the name of the database: postgres://USER:PASSWORD@HOST:PORT/NAME");
        }
        let host = url.host_str().unwrap_or("localhost");
        let shown = format!("{host}:{}/{name}", url.port().unwrap_or(5432));
        Ok(Self::Postgres { url: SecretString::from(text.to_owned()), shown })
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path } => write!(f, "sqlite:{}", path.display()),
            Self::Postgres { shown, .. } => write!(f, "postgres://{shown}"),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}
