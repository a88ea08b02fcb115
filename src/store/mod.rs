//! The database: what the gateway knows and may not forget.
//!
//! Two doors lead in, and there is no third (invariant 2): [`Store::tenant`], for a caller whose [`TenantScope`] says what
//! may be seen, and [`Store::system`], for the gateway's own work, which says why it goes round the scope. The entities are
//! private to this module; on PostgreSQL forced row-level security stands behind the doors.
//!
//! - Every fact a platform told is one row of `object`; each change of it takes the next revision and leaves an entry
//!   in `change_log`, in the same transaction. The order of commits is the order of revisions (`docs/adr/0003-revisions.md`).
//! - What was acknowledged is in the database; a transaction that failed left nothing (invariant 3).
//! - Secrets are sealed before they reach the database (invariant 10, `docs/adr/0004-sealed-secrets.md`).
//!
//! SQLite and PostgreSQL behave alike: the same statements, the same errors, the same tests.

mod access;
mod across;
mod address;
mod audit;
mod bulk;
mod codec;
mod db;
mod entity;
mod error;
mod fence;
mod idempotency;
mod keyring;
mod log;
mod member;
mod object;
mod object_change;
mod observe;
mod open;
mod ownership;
mod provider;
mod purge;
mod quarantine;
mod quota;
mod record;
mod sealing;
mod setting;
mod source;
mod sync_history;
#[cfg(test)]
pub(crate) mod tests;
mod timing;
mod token;
mod told;
mod user;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

pub use across::{AcrossTenants, PlatformUuid};
pub use address::DatabaseUrl;
pub use audit::{AuditFilter, AuditHead, AuditRetention};
pub use error::Error;
pub use idempotency::{Once, Outcome};
pub use keyring::{Keyring, KeyringError};
pub use log::{ChangesPage, LogEntry, LogRetention};
pub use object::{IdentityRow, ObjectRow, ObservedRow};
pub use object_change::{ObjectChange, ObjectChangeOp, ObjectChangeRetention};
pub use observe::{Committed, Deleted, Differences, ObserveBatch, PutObject, QuarantinePut, Refused, Written};
pub use ownership::OwnershipFacts;
pub use provider::{Edited, Endpoint, NewProvider, ProviderEdit};
pub use purge::Purged;
pub use quarantine::QuarantineRow;
pub use quota::{Holding, QuotaCount, QuotaDifference, QuotaExceeded, QuotaLevel};
pub use record::{ProviderRecord, ProviderSecrets, ProviderWithSecrets, SourceRecord};
pub use source::SourceUpdate;
pub use sync_history::{SyncHistoryFilter, SyncHistoryRetention, SyncPeriodPut};
pub use token::{NewToken, TokenKind, TokenRecord};
pub use told::{Receipt, Told};
pub use user::UserRecord;

use self::db::{Pools, Tx, Visible};
use self::error::While;
use self::fence::Fence;
pub use self::open::Hold;
use self::sealing::Sealer;
use self::timing::Mode;
use tokio_util::sync::CancellationToken;

use crate::authz::{Act, TenantScope};
use crate::clock::Clock;
use crate::model::{TenantId, Time, TokenId};

/// What every function of the store gives.
pub type Result<T> = std::result::Result<T, Error>;

/// The database, opened. Cheap to clone; the last clone that goes closes it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    pools: Pools,
    sealer: Sealer,
    fence: Arc<Fence>,
    metrics: timing::Metrics,
    clock: Clock,
    /// When tokens were last used; written down by [`SystemStore::tokens_sweep`], so that no request waits for a write.
    tokens_used: Mutex<HashMap<TokenId, Time>>,
    hold: Mutex<Option<Hold>>,
}

impl Store {
    /// Opens the database: takes hold of the data folder (SQLite), connects, brings the schema up to date under a lock, and
    /// checks that the keyring opens what is sealed. Nothing is left half done when one of these fails.
    ///
    /// # Errors
    /// [`Error::InUse`], [`Error::File`], [`Error::Connect`], [`Error::ReadOnly`], [`Error::Migrate`], [`Error::Newer`] or
    /// [`Error::Keyring`], each saying how to mend it.
    pub async fn open(url: &DatabaseUrl, keyring: Keyring, clock: Clock) -> Result<Self> {
        let hold = match url {
            DatabaseUrl::Sqlite { path } => {
                let hold = Hold::take(path, &clock).await?;
                open::make_private(path)?;
                Some(hold)
            }
            DatabaseUrl::Postgres { .. } => None,
        };
        let connected = Pools::connect(url).await;
        let pools = connected.map_err(|source| Error::Connect { database: url.to_string(), source })?;
        let opened = match open::prepare(url, &pools, keyring, &clock).await {
            Ok(opened) => opened,
            Err(error) => {
                // The hold is let go of only when SQLite has let go of the file.
                pools.close().await;
                return Err(error);
            }
        };
        let inner = Arc::new(Inner {
            pools,
            sealer: opened.sealer,
            fence: Arc::new(opened.fence),
            metrics: timing::Metrics::new(),
            clock,
            tokens_used: Mutex::default(),
            hold: Mutex::new(hold),
        });
        timing::observe_connections(Arc::downgrade(&inner));
        Ok(Self { inner })
    }

    /// The door for a caller: gives and changes only what the scope sees.
    #[must_use]
    pub fn tenant<A: Act>(&self, scope: &TenantScope<A>) -> TenantStore<A> {
        TenantStore { store: self.clone(), scope: scope.clone() }
    }

    /// The door for the gateway's own work: `reason` says why no scope applies, and names the work in traces.
    #[must_use]
    pub fn system(&self, reason: &'static str) -> SystemStore {
        SystemStore { store: self.clone(), reason }
    }

    /// Ends when another gateway has opened the database: from then on nothing is written here any more
    /// ([`Error::TakenOver`]).
    #[must_use]
    pub fn taken_over(&self) -> CancellationToken {
        self.inner.fence.lost()
    }

    /// Whether the database answers: for `/readyz`.
    ///
    /// # Errors
    /// [`Error::is_unavailable`] ones.
    pub async fn ping(&self) -> Result<()> {
        self.system("ping").current_revision().await.map(|_| ())
    }

    /// Lets running transactions end, closes the connections, and lets the data folder go.
    pub async fn close(&self) {
        self.inner.pools.close().await;
        *self.inner.hold.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = None;
    }
}

/// What a caller with a scope may do: what the scope is for, and where it reaches. See [`Store::tenant`].
pub struct TenantStore<A: Act> {
    store: Store,
    scope: TenantScope<A>,
}

impl<A: Act> TenantStore<A> {
    fn visible(&self) -> Visible {
        self.visible_with([])
    }

    fn visible_with(&self, others: impl IntoIterator<Item = TenantId>) -> Visible {
        if self.scope.sees_all() {
            return Visible::All;
        }
        Visible::Tenants(self.scope.tenants().iter().copied().chain(others).map(|tenant| tenant.0).collect())
    }

    /// Also the tenant that is acted in, the user's own, where answers are kept, and one more.
    fn writable_with(&self, more: Option<TenantId>) -> Visible {
        self.visible_with(more.into_iter().chain([self.scope.tenant(), self.scope.home()]))
    }

    async fn begin_read(&self, what: &'static str) -> Result<Tx> {
        self.store.inner.begin(Mode::Read, self.visible(), what).await.reading(what)
    }

    async fn begin_write(&self, what: &'static str) -> Result<Tx> {
        self.store.inner.begin(Mode::Write, self.writable_with(None), what).await.writing(what)
    }

    /// The same, also for the tenant whose concern it is: it may just be made, and the scope does not see it yet.
    async fn begin_told(&self, told: &Told, what: &'static str) -> Result<Tx> {
        self.store.inner.begin(Mode::Write, self.writable_with(Some(told.tenant())), what).await.writing(what)
    }
}

/// What the gateway itself may do. See [`Store::system`].
#[derive(Clone)]
pub struct SystemStore {
    store: Store,
    reason: &'static str,
}

impl SystemStore {
    async fn begin_read(&self, what: &'static str) -> Result<Tx> {
        tracing::trace!(reason = self.reason, what, "reading for the system");
        self.store.inner.begin(Mode::Read, Visible::All, what).await.reading(what)
    }

    async fn begin_write(&self, what: &'static str) -> Result<Tx> {
        tracing::trace!(reason = self.reason, what, "writing for the system");
        self.store.inner.begin(Mode::Write, Visible::All, what).await.writing(what)
    }
}
