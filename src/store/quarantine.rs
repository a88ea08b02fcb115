//! Groups that could not be read, translated or stored, each with its reason.

use super::{Result, SystemStore, TenantStore};
use crate::model::{Kind, ProviderId, SourceId, Time};

/// A group in quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineRow {
    /// The source that told of it.
    pub source_id: SourceId,
    /// The word of its family.
    pub family: String,
    /// The platform's key.
    pub group_key: String,
    /// What it would have been.
    pub kind: Kind,
    /// Why, for people.
    pub reason: String,
    /// Since when.
    pub since: Time,
}

impl TenantStore {
    /// What of a provider is in quarantine, oldest first, at most `limit`. `None` when the scope does not see the provider.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn quarantine(&self, provider: ProviderId, limit: u64) -> Result<Option<Vec<QuarantineRow>>> {
        let _ = (provider, limit);
        todo!()
    }
}

impl SystemStore {
    /// What of a provider is in quarantine.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn quarantine(&self, provider: ProviderId) -> Result<Vec<QuarantineRow>> {
        let _ = provider;
        todo!()
    }
}
