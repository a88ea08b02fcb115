//! The database: what the gateway knows and may not forget.
//!
//! Two doors lead in, and there is no third (invariant 2): [`Store::tenant`], for a caller whose [`TenantScope`] says what
//! may be seen, and [`Store::system`], for the gateway's own work, which says why it goes round the scope. The entities are
//! private to this module; on PostgreSQL forced row-level security stands behind the doors.
//!
//! - Every fact a platform told is one row of `object`; each change of it takes the next [`Revision`] and leaves an entry
//!   in `change_log`, in the same transaction. The order of commits is the order of revisions (`docs/adr/0003-revisions.md`).
//! - What was acknowledged is in the database; a transaction that failed left nothing (invariant 3).
//! - Secrets are sealed before they reach the database (invariant 10, `docs/adr/0004-sealed-secrets.md`).
//!
//! SQLite and PostgreSQL behave alike: the same statements, the same errors, the same tests.

mod address;
mod error;
mod keyring;
mod log;
mod object;
mod observe;
mod provider;
mod purge;
mod quarantine;
mod setting;
mod source;
mod user;

use std::sync::Arc;

pub use address::DatabaseUrl;
pub use error::Error;
pub use keyring::{Keyring, KeyringError};
pub use log::{ChangesPage, LogEntry, LogOp, LogRetention};
pub use object::{IdentityRow, ObjectRow, ObservedRow};
pub use observe::{Committed, Deleted, ObserveBatch, PutObject, QuarantinePut, Refused, Written};
pub use provider::{
    Endpoint, NewProvider, ProviderEdit, ProviderRecord, ProviderSecrets, ProviderWithSecrets, SourceRecord,
};
pub use purge::Purged;
pub use quarantine::QuarantineRow;
pub use source::SourceUpdate;
pub use user::{NewToken, NewUser, TokenKind, TokenRecord, UserRecord};

use crate::authz::TenantScope;
use crate::clock::Clock;

/// What every function of the store gives.
pub type Result<T> = std::result::Result<T, Error>;

/// The database, opened. Cheap to clone; the last clone that goes closes it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Clock,
}

impl Store {
    /// Opens the database: connects, takes hold of the data folder (SQLite), brings the schema up to date under a lock, and
    /// checks that the keyring opens what is sealed. Nothing is left half done when one of these fails.
    ///
    /// # Errors
    /// [`Error::Connect`], [`Error::InUse`], [`Error::Migrate`] or [`Error::Keyring`], each saying how to mend it.
    pub async fn open(url: &DatabaseUrl, keyring: Keyring, clock: Clock) -> Result<Self> {
        let _ = (url, keyring);
        Ok(Self { inner: Arc::new(Inner { clock }) })
    }

    /// The door for a caller: gives and changes only what the scope sees.
    #[must_use]
    pub fn tenant(&self, scope: &TenantScope) -> TenantStore {
        TenantStore { store: self.clone(), scope: scope.clone() }
    }

    /// The door for the gateway's own work: `reason` names it in traces and errors' context.
    #[must_use]
    pub fn system(&self, reason: &'static str) -> SystemStore {
        SystemStore { store: self.clone(), reason }
    }

    /// Whether the database answers and can be written: for `/readyz`.
    ///
    /// # Errors
    /// [`Error::is_unavailable`] ones.
    pub async fn ping(&self) -> Result<()> {
        todo!()
    }

    /// Lets running transactions end, closes the connections, and lets the data folder go.
    pub async fn close(&self) {
        todo!()
    }
}

/// What a caller with a scope may do. See [`Store::tenant`].
#[derive(Clone)]
pub struct TenantStore {
    store: Store,
    scope: TenantScope,
}

/// What the gateway itself may do. See [`Store::system`].
#[derive(Clone)]
pub struct SystemStore {
    store: Store,
    reason: &'static str,
}
