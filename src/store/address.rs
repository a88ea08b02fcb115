//! Where the database is.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

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
        let _ = text;
        todo!()
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
