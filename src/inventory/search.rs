//! Full-text search over all kinds.

use std::sync::Arc;

use bytes::Bytes;

use super::entry::Entry;
use crate::model::Revision;

/// One object that was found.
#[derive(Clone, Debug)]
pub struct SearchHit {
    /// The object.
    pub entry: Arc<Entry>,
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct SearchPage {
    /// The objects: those whose name begins with the words first, then by kind and name.
    pub items: Vec<SearchHit>,
    /// Whether there are more than were asked for.
    pub truncated: bool,
    /// The revision of the snapshot that was read.
    pub revision: Revision,
}

impl SearchPage {
    /// The whole answer: `{"items":[{"kind","id","name","provider_id","source_id"}],"truncated":…,"revision":"…"}`.
    #[must_use]
    pub fn json(&self) -> Bytes {
        unimplemented!("skeleton")
    }
}
