//! What can go wrong with the database.

use std::path::PathBuf;

use sea_orm::{DbErr, RuntimeErr};

use super::KeyringError;
use crate::model::{Kind, ProviderId, SourceId, UserId};

/// An error of the store. Never contains a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is not one of a database.
    #[error("not the address of a database: {reason}")]
    Address {
        /// What is wrong with it.
        reason: String,
    },
    /// The database could not be opened.
    #[error("cannot open the database {database}")]
    Connect {
        /// Which, without its password.
        database: String,
        /// Why.
        #[source]
        source: DbErr,
    },
    /// The server answers, but is a standby, or was set read-only.
    #[error("the database {database} is read-only: is it a standby?")]
    ReadOnly {
        /// Which, without its password.
        database: String,
    },
    /// The database, or the data folder, belongs to another running gateway.
    #[error("{} is in use by another gateway ({holder})", path.display())]
    InUse {
        /// The database file, or the folder.
        path: PathBuf,
        /// Who has it: its process id and since when.
        holder: String,
    },
    /// Another gateway has opened the database since.
    #[error("another gateway was started on the same database, which is its alone now")]
    TakenOver,
    /// A file of the store could not be made or read.
    #[error("cannot use {}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The schema could not be brought up to date. It is as it was.
    #[error("cannot bring the schema of the database up to date")]
    Migrate(#[source] DbErr),
    /// A newer gateway brought the schema further than this one knows it. Nothing was changed.
    #[error(
        "the database was brought up to date by a newer gateway: start that one, or restore a back-up from before the upgrade"
    )]
    Newer(#[source] DbErr),
    /// The keyring does not open what is sealed, or could not be read.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// Something could not be read.
    #[error("cannot read {what} from the database")]
    Read {
        /// What.
        what: &'static str,
        /// Why.
        #[source]
        source: DbErr,
    },
    /// Something could not be written. Nothing of it was.
    #[error("cannot write {what} to the database")]
    Write {
        /// What.
        what: &'static str,
        /// Why.
        #[source]
        source: DbErr,
    },
    /// A row holds what no version of the gateway wrote.
    #[error("the database's {what} {id} is damaged: {reason}")]
    Damaged {
        /// Of what the row is.
        what: &'static str,
        /// Which row.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A provider without endpoints, or with the same one twice.
    #[error("a provider needs at least one endpoint, and no two alike")]
    Endpoints,
    /// There is a provider with this name already.
    #[error("there is a provider named {name} already: {id}")]
    ProviderNameTaken {
        /// The other provider.
        id: ProviderId,
        /// Its name.
        name: String,
        /// Whether it is being removed: then the name is free in a moment.
        removing: bool,
    },
    /// There is a provider with this endpoint already.
    #[error("the endpoint {endpoint} belongs to the provider {name} already: {id}")]
    EndpointTaken {
        /// The endpoint as it was given.
        endpoint: String,
        /// The other provider.
        id: ProviderId,
        /// Its name.
        name: String,
        /// Whether it is being removed: then the endpoint is free in a moment.
        removing: bool,
    },
    /// The provider was changed by somebody else in the meantime.
    #[error("the provider {id} has the generation {actual}, not {expected}")]
    GenerationMismatch {
        /// The provider.
        id: ProviderId,
        /// What the caller knew.
        expected: i64,
        /// What it is.
        actual: i64,
    },
    /// The key was used for another request.
    #[error("the idempotency key was used for another request")]
    IdempotencyKeyReused,
    /// The user has as many tokens as it may.
    #[error("the user has {max} tokens already")]
    TokensFull {
        /// How many are allowed.
        max: u64,
    },
    /// The provider is not there, or is being removed: nothing more is kept of it.
    #[error("the provider {0} is not there any more")]
    ProviderGone(ProviderId),
    /// The source is not there, or is being removed: nothing more is kept of it.
    #[error("the source {0} is not there any more")]
    SourceGone(SourceId),
    /// The user is not there any more.
    #[error("the user {0} is not there any more")]
    UserGone(UserId),
    /// Another writer gave this platform's key another id first: load the identities again.
    #[error("the {kind} {key:?} of the provider {provider_id} has another id already")]
    IdentityTaken {
        /// The provider.
        provider_id: ProviderId,
        /// The kind.
        kind: Kind,
        /// The platform's key.
        key: String,
    },
    /// It was changed by somebody else in the meantime, or is gone.
    #[error("it was changed in the meantime")]
    Changed,
}

impl Error {
    /// The database cannot be reached or cannot be written just now (gone, read-only, full, too busy): trying again later
    /// may help, and the caller is not to blame.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Connect { source, .. }
            | Self::Migrate(source)
            | Self::Read { source, .. }
            | Self::Write { source, .. } => Fault::of(source) == Fault::Unavailable,
            Self::ReadOnly { .. } | Self::TakenOver => true,
            _ => false,
        }
    }
}

/// What kind of thing the database complains of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Of itself: it cannot be reached, or cannot do it now.
    Unavailable,
    /// Of a value that is there already.
    Conflict,
    /// Of the values that it was given.
    Values,
    /// Of anything else: our statement, or a damaged database.
    Other,
}

impl Fault {
    pub(super) fn of(error: &DbErr) -> Self {
        let (DbErr::Conn(RuntimeErr::SqlxError(source))
        | DbErr::Exec(RuntimeErr::SqlxError(source))
        | DbErr::Query(RuntimeErr::SqlxError(source))) = error
        else {
            return if matches!(error, DbErr::ConnectionAcquire(_)) { Self::Unavailable } else { Self::Other };
        };
        match &**source {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => Self::Unavailable,
            sqlx::Error::Encode(_) => Self::Values,
            sqlx::Error::Database(error) => {
                let code = error.code().unwrap_or_default();
                if error.is_unique_violation() {
                    Self::Conflict
                } else if error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
                    Self::of_sqlstate(&code)
                } else {
                    code.parse().map_or(Self::Other, Self::of_sqlite)
                }
            }
            _ => Self::Other,
        }
    }

    fn of_sqlstate(code: &str) -> Self {
        // 25006: the server became read-only. 40001, 40P01, 55P03: the transaction lost against another.
        if matches!(code, "25006" | "40001" | "40P01" | "55P03") {
            return Self::Unavailable;
        }
        match code.get(..2) {
            // Connection, resources (disk full, memory, connections), operator, system.
            Some("08" | "53" | "57" | "58") => Self::Unavailable,
            // Data, integrity, limits.
            Some("22" | "23" | "54") => Self::Values,
            _ => Self::Other,
        }
    }

    /// SQLite's extended result code; its low byte is the primary one.
    const fn of_sqlite(code: u32) -> Self {
        match code & 0xff {
            // BUSY, LOCKED, NOMEM, READONLY, IOERR, FULL, CANTOPEN, PROTOCOL.
            5..=8 | 10 | 13..=15 => Self::Unavailable,
            // TOOBIG, CONSTRAINT, MISMATCH.
            18..=20 => Self::Values,
            _ => Self::Other,
        }
    }
}

/// Names the act that failed.
pub(super) trait While<T> {
    /// While reading `what`.
    fn reading(self, what: &'static str) -> Result<T, Error>;
    /// While writing `what`.
    fn writing(self, what: &'static str) -> Result<T, Error>;
}

impl<T> While<T> for Result<T, DbErr> {
    fn reading(self, what: &'static str) -> Result<T, Error> {
        self.map_err(|source| Error::Read { what, source })
    }

    fn writing(self, what: &'static str) -> Result<T, Error> {
        self.map_err(|source| Error::Write { what, source })
    }
}
