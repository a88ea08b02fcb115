//! The use cases behind every interface: one file per noun.
//!
//! Every use case takes the caller's [`Session`], lets [`crate::authz`] decide, and goes on with the scope that was
//! minted: there is no way to the store or the read model without one (invariant 2). Reads of the inventory never touch
//! the database; what was (`history`, `changes`) is nowhere else. A write, once begun, is completed even when its client goes
//! away in the middle.

mod access;
mod attempts;
mod audit;
mod bearer;
mod changes;
mod error;
mod history;
mod objects;
mod ownership;
mod password;
mod provider_input;
mod providers;
mod quota;
mod session;
mod settle;
pub mod sync_control;
mod tokens;
mod told;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use rand::TryRngCore;
use tokio::sync::{Mutex, MutexGuard, Semaphore};

pub use access::{
    Because, BindingInput, GroupInput, GroupPatch, Impact, ProjectInput, ProjectPatch, RoleInput, RolePatch, Simulated,
    TenantInput, TenantPatch, UserInput, UserPatch,
};
pub use attempts::Address;
pub use audit::{Asked, AuditExport, Origin};
pub use changes::{Change, Happened};
pub use error::{Error, Invalid, Result, Subject};
pub use history::StoredPage;
pub use objects::{Answer, Ready};
pub use ownership::{Explained, Move, Preview, Reason, RuleInput, RulePatch, Tried};
pub use password::{MAX_BYTES as PASSWORD_MAX_BYTES, MIN_CHARS as PASSWORD_MIN_CHARS};
pub use provider_input::{NewProviderInput, ProviderPatch, TrustPatch};
pub use providers::{ProviderEdited, Quarantined};
pub use quota::{Counted, Fits, QuotaOf};
pub use session::{Session, SignedIn};
pub use sync_control::SyncControl;
pub use tokens::{DEFAULT_DAYS as TOKEN_DEFAULT_DAYS, MAX_DAYS as TOKEN_MAX_DAYS};
pub use watch::{WatchAsked, Watching, watch_request};

use self::access::Held;
use self::attempts::Attempts;
use self::password::Passwords;
use self::session::SessionCache;
use crate::clock::Clock;
use crate::inventory::Inventory;
pub use crate::inventory::{EndReason, Event as WatchEvent, Watch, common_fields};
use crate::model::ProviderId;
use crate::store::{Error as StoreError, Store};
pub use crate::store::{Once, Outcome, QuotaDifference, TokenRecord};

/// Whether a write is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is.
    Real,
    /// It is checked as if it were, and nothing is kept of it.
    DryRun,
}

impl Mode {
    /// Whether it is done.
    #[must_use]
    pub const fn is_real(self) -> bool {
        matches!(self, Mode::Real)
    }
}

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
    held: Held,
    sessions: SessionCache,
    watchers: Arc<Semaphore>,
    own_watchers: watch::Watchers,
    audit: audit::Recorder,
    edits: [Mutex<()>; EDITS_AT_ONCE],
}

/// Edits of providers that go on at once, at most; those of one provider go one after the other.
const EDITS_AT_ONCE: usize = 16;

impl App {
    /// Puts the use cases together, with who may do what. Costs one password hash.
    ///
    /// # Errors
    /// When the machine gives no random bytes, or the database cannot be read.
    pub async fn new(
        store: Store,
        inventory: Arc<Inventory>,
        sync: Arc<dyn SyncControl>,
        clock: Clock,
        options: AppOptions,
    ) -> Result<Self> {
        let watchers = Arc::new(Semaphore::new(options.watchers_max));
        let held = Held::load(&store).await?;
        Ok(Self(Arc::new(Parts {
            store,
            inventory,
            sync,
            clock,
            options,
            passwords: Passwords::new()?,
            attempts: Attempts::default(),
            held,
            sessions: SessionCache::default(),
            watchers,
            own_watchers: watch::Watchers::default(),
            audit: audit::Recorder::default(),
            edits: Default::default(),
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

    fn held(&self) -> &Held {
        &self.0.held
    }

    fn attempts(&self) -> &Attempts {
        &self.0.attempts
    }

    /// Waits for one's turn to read, check and write a provider.
    async fn edit_turn(&self, id: ProviderId) -> MutexGuard<'_, ()> {
        // The last bits of an id are random.
        self.0.edits[usize::from(id.0.as_bytes()[15]) % EDITS_AT_ONCE].lock().await
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
            return database_away();
        }
        match error {
            StoreError::ProviderNameTaken { id, name, .. } => {
                Error::ProviderExists { id, name, field: "name".to_owned() }
            }
            StoreError::EndpointTaken { id, name, .. } => {
                Error::ProviderExists { id, name, field: "endpoints".to_owned() }
            }
            StoreError::IdempotencyKeyReused => Error::IdempotencyKeyReused,
            StoreError::TokensFull { max } => {
                Invalid::field("name", format!("cannot be added: you have {max} tokens; delete one")).into()
            }
            StoreError::GenerationMismatch { expected, actual, .. } => {
                Error::Precondition { expected: expected.to_string(), actual }
            }
            StoreError::ProviderGone(id) => Error::not_found("provider", id),
            StoreError::Changed => Error::Unavailable {
                message: "It was changed at the same moment.",
                retry_after: Duration::from_secs(1),
            },
            // The account was removed between the check of its session and this.
            StoreError::UserGone(_) => Error::Unauthenticated,
            other => Error::internal("using the database", other),
        }
    }
}

/// Compares the generations that a caller accepts with the present one, and gives the one to go on with.
fn check_generation(expected: Option<&[String]>, actual: i64) -> Result<i64> {
    match expected {
        Some(accepted) if !accepted.iter().any(|generation| *generation == actual.to_string()) => {
            Err(Error::Precondition { expected: accepted.join(", "), actual })
        }
        _ => Ok(actual),
    }
}

/// The database is not there for a while.
const fn database_away() -> Error {
    Error::Unavailable {
        message: "The database cannot be reached or written at present.",
        retry_after: Duration::from_secs(5),
    }
}

/// Random bytes of the machine.
fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    rand::rngs::OsRng.try_fill_bytes(&mut bytes).map_err(|error| Error::internal("asking for random bytes", error))?;
    Ok(bytes)
}

/// A name for people: trimmed, not empty, of bearable length, without characters that control or that nobody sees.
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
    if name.chars().any(|c| is_unseen(c) && !JOINERS.contains(&c)) || name.chars().all(|c| JOINERS.contains(&c)) {
        let message = "must not contain characters that nobody sees, or that turn the direction of a text round";
        return Err(Invalid::field(field, message));
    }
    Ok(name.to_owned())
}

/// What joins letters of some scripts, and the parts of some pictures: seen by what stands beside it.
const JOINERS: [char; 2] = ['\u{200c}', '\u{200d}'];

/// Whether a character shows nothing by itself: Unicode's category Cf, and fillers and blanks that are letters by their
/// category. With them two names look alike, or a name reads as another.
const fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}' | '\u{891}'
        | '\u{8e2}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_seen_as_they_are() {
        for name in ["lab", "Büro 東京", "آزمایشگاه\u{200c}ها", "👩\u{200d}🔬", "مختبر"] {
            assert_eq!(checked_name("name", name).unwrap(), name);
        }
        for name in [
            "\u{200b}",
            "\u{200d}",
            "lab\u{202e}bal",
            "\u{feff}lab",
            "la\u{ad}b",
            "\u{2800}",
            "a\u{2028}b",
            "a\tb",
            " ",
        ] {
            assert!(checked_name("name", name).is_err(), "{name:?}");
        }
    }
}
