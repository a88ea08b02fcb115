//! The use cases behind every interface: one file per noun.
//!
//! Every use case takes the caller's [`Session`], lets [`crate::authz`] decide, and goes on with the scope that was
//! minted: there is no way to the store or the read model without one (invariant 2). Reads of the inventory never touch
//! the database. A write, once begun, is completed even when its client goes away in the middle.

mod attempts;
mod bearer;
mod error;
mod objects;
mod password;
mod provider_input;
mod providers;
mod session;
pub mod sync_control;
mod tokens;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use rand::TryRngCore;
use tokio::sync::Semaphore;

pub use attempts::Address;
pub use error::{Error, Invalid, Result, Subject};
pub use objects::{Answer, Ready};
pub use password::{MAX_BYTES as PASSWORD_MAX_BYTES, MIN_CHARS as PASSWORD_MIN_CHARS};
pub use provider_input::{NewProviderInput, ProviderPatch, TrustPatch};
pub use providers::Quarantined;
pub use session::{Session, SignedIn};
pub use sync_control::SyncControl;
pub use tokens::{DEFAULT_DAYS as TOKEN_DEFAULT_DAYS, MAX_DAYS as TOKEN_MAX_DAYS};
pub use watch::{WatchAsked, Watching, watch_request};

use self::attempts::Attempts;
use self::password::Passwords;
use self::session::SessionCache;
use crate::clock::Clock;
use crate::inventory::Inventory;
pub use crate::inventory::{Event as WatchEvent, Watch, common_fields};
pub use crate::store::TokenRecord;
use crate::store::{Error as StoreError, Store};

/// Bounds of the use cases.
#[derive(Clone, Debug)]
pub struct AppOptions {
    /// How long a sign-in is valid.
    pub session_lifetime: TimeDelta,
    /// Watchers served at once; more are refused.
    pub watchers_max: usize,
    /// How long a read waits for the revision that its caller asked for.
    pub revision_wait: Duration,
}

impl Default for AppOptions {
    fn default() -> Self {
        Self { session_lifetime: TimeDelta::hours(12), watchers_max: 2_000, revision_wait: Duration::from_secs(5) }
    }
}

/// The use cases. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

struct Parts {
    store: Store,
    inventory: Arc<Inventory>,
    sync: Arc<dyn SyncControl>,
    clock: Clock,
    options: AppOptions,
    passwords: Passwords,
    attempts: Attempts,
    sessions: SessionCache,
    watchers: Arc<Semaphore>,
}

impl App {
    /// Puts the use cases together. Costs one password hash.
    ///
    /// # Errors
    /// When the machine gives no random bytes.
    pub fn new(
        store: Store,
        inventory: Arc<Inventory>,
        sync: Arc<dyn SyncControl>,
        clock: Clock,
        options: AppOptions,
    ) -> Result<Self> {
        let watchers = Arc::new(Semaphore::new(options.watchers_max));
        Ok(Self(Arc::new(Parts {
            store,
            inventory,
            sync,
            clock,
            options,
            passwords: Passwords::new()?,
            attempts: Attempts::default(),
            sessions: SessionCache::default(),
            watchers,
        })))
    }

    fn store(&self) -> &Store {
        &self.0.store
    }

    fn inventory(&self) -> &Arc<Inventory> {
        &self.0.inventory
    }

    fn sync(&self) -> &dyn SyncControl {
        self.0.sync.as_ref()
    }

    fn clock(&self) -> &Clock {
        &self.0.clock
    }

    fn options(&self) -> &AppOptions {
        &self.0.options
    }

    fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    fn attempts(&self) -> &Attempts {
        &self.0.attempts
    }

    fn sessions(&self) -> &SessionCache {
        &self.0.sessions
    }

    /// Completes a write even when its caller is dropped in the middle: a client that went away must not leave the store
    /// changed and the synchronization untold.
    async fn complete<T: Send + 'static>(
        &self,
        act: &'static str,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        use tracing::Instrument;
        tokio::spawn(work.in_current_span()).await.map_err(|error| Error::internal(act, error))?
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        if error.is_unavailable() {
            tracing::warn!(error = &error as &dyn std::error::Error, "the database is unavailable");
            return Error::Unavailable {
                message: "The database cannot be reached or written at present.",
                retry_after: Duration::from_secs(5),
            };
        }
        match error {
            StoreError::ProviderNameTaken { id, name, .. } => {
                Error::ProviderExists { id, name, field: "name".to_owned() }
            }
            StoreError::EndpointTaken { id, name, .. } => {
                Error::ProviderExists { id, name, field: "endpoints".to_owned() }
            }
            StoreError::GenerationMismatch { expected, actual, .. } => {
                Error::Precondition { expected: expected.to_string(), actual }
            }
            StoreError::ProviderGone(id) => Error::not_found("provider", id),
            other => Error::internal("using the database", other),
        }
    }
}

/// Random bytes of the machine.
fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    rand::rngs::OsRng.try_fill_bytes(&mut bytes).map_err(|error| Error::internal("asking for random bytes", error))?;
    Ok(bytes)
}

/// A name for people: trimmed, not empty, of bearable length, without control characters.
fn checked_name(field: &str, name: &str) -> std::result::Result<String, Invalid> {
    let name = name.trim();
    if name.is_empty() {
        return Err(Invalid::field(field, "must not be empty"));
    }
    if name.chars().count() > 128 {
        return Err(Invalid::field(field, "is too long: at most 128 characters are accepted"));
    }
    if name.chars().any(char::is_control) {
        return Err(Invalid::field(field, "must not contain control characters"));
    }
    Ok(name.to_owned())
}
