//! Sources whose platform refused who signs in.
//!
//! Invariant: the same user and password are not tried again before their time, whatever is asked for meanwhile (a resync,
//! off and on, another name): platforms lock an account after a few refusals. Another user, password, address or trust is
//! tried at once.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::backoff::Backoff;
use crate::model::SourceId;
use crate::model::secret::ExposeSecret as _;
use crate::provider::SourceSpec;

/// See the module.
#[derive(Default)]
pub(super) struct Refusals(Mutex<HashMap<SourceId, Refusal>>);

struct Refusal {
    /// What was refused.
    spec: SourceSpec,
    /// What was said to it.
    message: String,
    until: Instant,
    backoff: Backoff,
}

/// What is left of a refusal.
pub(super) struct Left {
    pub(super) message: String,
    pub(super) wait: Duration,
    pub(super) backoff: Backoff,
}

impl Refusals {
    /// The platform refused it; the next try comes after `wait`.
    pub(super) fn note(&self, spec: &SourceSpec, message: &str, wait: Duration, backoff: &Backoff) {
        let refusal = Refusal {
            spec: spec.clone(),
            message: message.to_owned(),
            until: Instant::now() + wait,
            backoff: backoff.clone(),
        };
        self.lock().insert(spec.source_id, refusal);
    }

    /// What is left of a refusal of this very connection.
    pub(super) fn left(&self, spec: &SourceSpec) -> Option<Left> {
        let refusals = self.lock();
        let refusal = refusals.get(&spec.source_id).filter(|refusal| same_connection(&refusal.spec, spec))?;
        let wait = refusal.until.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero())?;
        Some(Left { message: refusal.message.clone(), wait, backoff: refusal.backoff.clone() })
    }

    /// It was let in, or an administrator saw that it would be.
    pub(super) fn forget(&self, source: SourceId) {
        self.lock().remove(&source);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SourceId, Refusal>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether two connect to the same with the same.
fn same_connection(one: &SourceSpec, other: &SourceSpec) -> bool {
    let secret = |spec: &SourceSpec| spec.password.as_ref().map(|password| password.expose_secret().to_owned());
    one.endpoint == other.endpoint
        && one.username == other.username
        && one.trust == other.trust
        && secret(one) == secret(other)
}
