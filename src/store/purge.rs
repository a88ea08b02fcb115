//! Removing a provider, or one source of it, bit by bit: each bit is a transaction with its log entries, so that the read
//! model and the watchers follow, and a killed process goes on where it was.

use super::{Deleted, Result, SystemStore};
use crate::model::{ProviderId, Revision, SourceId, TenantId, Time};

/// One bit of a removal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purged {
    /// The tenant that owned what was deleted.
    pub tenant_id: TenantId,
    /// When it was committed.
    pub at: Time,
    /// The last revision there is after it.
    pub revision: Revision,
    /// What was deleted.
    pub deleted: Vec<Deleted>,
    /// Whether nothing is left: the provider or source itself is gone too.
    pub done: bool,
}

impl SystemStore {
    /// Deletes up to `limit` objects of a provider that is marked for removal; when there are none left, its sources,
    /// identities and quarantine, and it itself. Repeat until [`Purged::done`].
    ///
    /// # Errors
    /// [`super::Error::ProviderGone`] when it is not there or is not marked, or when the database cannot be written.
    pub async fn provider_purge(&self, provider: ProviderId, limit: u64) -> Result<Purged> {
        let _ = (provider, limit);
        todo!()
    }

    /// The same for one source that an edit took away: its objects, then its quarantine and it itself. Ids stay reserved.
    ///
    /// # Errors
    /// [`super::Error::SourceGone`] when it is not there or is not marked, or when the database cannot be written.
    pub async fn source_purge(&self, source: SourceId, limit: u64) -> Result<Purged> {
        let _ = (source, limit);
        todo!()
    }
}
