//! Writing what a source told: the rows that differ, a log entry for each, new identities, the quarantine and the source's
//! position, in one transaction.

use std::sync::Arc;

use super::{Result, SourceUpdate, SystemStore};
use crate::model::{Kind, ObjectId, ProviderId, Revision, SourceId, TenantId, Time};

/// What a source told since the last batch.
#[derive(Clone, Debug)]
pub struct ObserveBatch {
    /// The provider.
    pub provider_id: ProviderId,
    /// The source.
    pub source_id: SourceId,
    /// Ids that were given to keys for the first time. The same again does no harm.
    pub identities: Vec<(Kind, String, ObjectId)>,
    /// Objects that are new or differ. The last of the same id counts.
    pub puts: Vec<PutObject>,
    /// Objects that are gone. Ids that are not there are left out.
    pub deletes: Vec<ObjectId>,
    /// Groups that could not be read or translated.
    pub quarantine: Vec<QuarantinePut>,
    /// Groups (family, key) that can be read again, or are gone: no longer in quarantine.
    pub released: Vec<(&'static str, String)>,
    /// What else is known of the source now.
    pub source: SourceUpdate,
}

impl ObserveBatch {
    /// A batch with nothing in it.
    #[must_use]
    pub fn new(provider_id: ProviderId, source_id: SourceId) -> Self {
        Self {
            provider_id,
            source_id,
            identities: Vec::new(),
            puts: Vec::new(),
            deletes: Vec::new(),
            quarantine: Vec::new(),
            released: Vec::new(),
            source: SourceUpdate::default(),
        }
    }
}

/// One object to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutObject {
    /// Its id.
    pub id: ObjectId,
    /// The source that tells of it: another than the batch's when that one let go of what this one holds too.
    pub source_id: SourceId,
    /// Its kind.
    pub kind: Kind,
    /// The word of its family.
    pub family: &'static str,
    /// The platform's key of the group that it came with.
    pub group_key: String,
    /// The platform's key.
    pub key: String,
    /// Its JSON text.
    pub body: Arc<str>,
    /// The hash of its text.
    pub hash: [u8; 16],
}

/// A group to put into quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantinePut {
    /// The word of its family.
    pub family: &'static str,
    /// The platform's key of the group.
    pub group_key: String,
    /// What it would have been.
    pub kind: Kind,
    /// Why, for people. No secrets.
    pub reason: String,
}

/// What became of a batch: all of it is in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The tenant that owns the provider and its objects.
    pub tenant_id: TenantId,
    /// When it was committed.
    pub at: Time,
    /// The last revision there is after it: unchanged when nothing was put or deleted.
    pub revision: Revision,
    /// What was put, in the order of the batch (which is that of the revisions).
    pub puts: Vec<Written>,
    /// What was deleted, after the puts.
    pub deleted: Vec<Deleted>,
    /// What the database would not take. It went into quarantine, and what was known of it stays.
    pub refused: Vec<Refused>,
}

/// An object that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Where it stood in [`ObserveBatch::puts`].
    pub index: usize,
    /// Its id.
    pub id: ObjectId,
    /// The revision of this change.
    pub revision: Revision,
    /// When the gateway first saw it.
    pub created_at: Time,
}

/// An object that was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// Its id.
    pub id: ObjectId,
    /// What it was.
    pub kind: Kind,
    /// The source that had told of it.
    pub source_id: SourceId,
    /// The revision of this change.
    pub revision: Revision,
}

/// An object that the database would not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Where it stood in [`ObserveBatch::puts`].
    pub index: usize,
    /// Its id.
    pub id: ObjectId,
    /// Why.
    pub reason: String,
}

impl SystemStore {
    /// Writes a batch in one transaction: all of it or nothing, but for objects that the database would not take, which
    /// go into quarantine.
    ///
    /// # Errors
    /// [`super::Error::ProviderGone`] and [`super::Error::SourceGone`] when they are not there or are being removed,
    /// [`super::Error::IdentityTaken`], or when the database cannot be written. Then nothing was.
    pub async fn observe(&self, batch: &ObserveBatch) -> Result<Committed> {
        let _ = batch;
        todo!()
    }
}
