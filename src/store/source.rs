//! What is known of a source besides its objects.

use super::{Result, SystemStore};
use crate::model::provider::SourceIdentity;
use crate::model::{SourceId, Time};

/// What is new about a source: what is `None` or `false` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceUpdate {
    /// What it said of itself.
    pub identity: Option<SourceIdentity>,
    /// The platform's position.
    pub cursor: Option<String>,
    /// When everything stored was known to be true.
    pub contact_at: Option<Time>,
    /// It was read completely.
    pub loaded: bool,
}

impl SourceUpdate {
    /// Whether there is nothing new.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl SystemStore {
    /// Notes what is new about a source, without a batch.
    ///
    /// # Errors
    /// [`super::Error::SourceGone`], or when the database cannot be written.
    pub async fn source_update(&self, source: SourceId, update: SourceUpdate) -> Result<()> {
        let _ = (source, update);
        todo!()
    }
}
