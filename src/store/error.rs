//! What can go wrong with the database.

use std::path::PathBuf;

use super::KeyringError;
use crate::model::{Kind, ProviderId, SourceId};

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
        source: sea_orm::DbErr,
    },
    /// The data folder belongs to another running gateway.
    #[error("the database {} is in use by another gateway ({holder})", path.display())]
    InUse {
        /// The database file.
        path: PathBuf,
        /// Who has it: its process id and since when.
        holder: String,
    },
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
    Migrate(#[source] sea_orm::DbErr),
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
        source: sea_orm::DbErr,
    },
    /// Something could not be written. Nothing of it was.
    #[error("cannot write {what} to the database")]
    Write {
        /// What.
        what: &'static str,
        /// Why.
        #[source]
        source: sea_orm::DbErr,
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
    /// The provider is not there, or is being removed: nothing more is kept of it.
    #[error("the provider {0} is not there any more")]
    ProviderGone(ProviderId),
    /// The source is not there, or is being removed: nothing more is kept of it.
    #[error("the source {0} is not there any more")]
    SourceGone(SourceId),
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
    /// There is a user with this name already.
    #[error("there is a user named {0} already")]
    UsernameTaken(String),
}

impl Error {
    /// The database cannot be reached or cannot be written just now (gone, read-only, full, too busy): trying again later
    /// may help, and the caller is not to blame.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        todo!()
    }

    /// What was asked for does not go together with what is there.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        todo!()
    }

    /// The same call may succeed when it is made again, after a pause.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        todo!()
    }
}
