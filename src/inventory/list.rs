//! Answers to get and list.

use std::sync::Arc;

use bytes::Bytes;

use super::entry::Entry;
use super::snapshot::Snapshot;
use crate::model::Revision;

/// An object that was found, with the snapshot that it was found in.
#[derive(Clone, Debug)]
pub struct Found {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) entry: Arc<Entry>,
}

impl Found {
    /// The object.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// The revision of the snapshot.
    #[must_use]
    pub fn revision(&self) -> Revision {
        unimplemented!("skeleton")
    }

    /// The JSON object that is answered.
    #[must_use]
    pub fn json(&self) -> Bytes {
        unimplemented!("skeleton")
    }

    /// A strong `ETag`, with its quotes: equal while the answered text is equal.
    #[must_use]
    pub fn etag(&self) -> String {
        unimplemented!("skeleton")
    }
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page {
    /// The objects, in the asked order.
    pub items: Vec<Arc<Entry>>,
    /// What to hand in for the next page; absent on the last.
    pub next_page_token: Option<String>,
    /// The revision of the snapshot that was read: a watch from here misses nothing.
    pub revision: Revision,
    pub(super) snapshot: Arc<Snapshot>,
}

impl Page {
    /// The whole answer: `{"items":[…],"next_page_token":…,"revision":"…"}`.
    #[must_use]
    pub fn json(&self) -> Bytes {
        unimplemented!("skeleton")
    }
}
