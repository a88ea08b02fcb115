//! Filling the inventory from the store when the process starts.

use std::sync::Arc;

use super::feed::Inventory;
use crate::model::{Kind, ObjectId, ProviderId, Revision, SourceId, TenantId, Time};

/// An object as it is stored.
#[derive(Clone, Debug)]
pub struct StoredObject {
    /// Its id.
    pub id: ObjectId,
    /// Its kind.
    pub kind: Kind,
    /// The tenant that owns it.
    pub tenant_id: TenantId,
    /// The provider that it belongs to.
    pub provider_id: ProviderId,
    /// The source that tells of it.
    pub source_id: SourceId,
    /// The revision at which it last changed.
    pub revision: Revision,
    /// When the gateway first saw it.
    pub created_at: Time,
    /// When it last changed.
    pub changed_at: Time,
    /// Its stored text: a JSON object, with the state member first where the kind has one.
    pub body: Box<str>,
}

/// What an entry of the change log did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogOp {
    /// The object is new or changed.
    Put,
    /// The object is gone.
    Delete,
}

/// An entry of the change log, as it is stored.
#[derive(Clone, Copy, Debug)]
pub struct LoggedChange {
    /// Its place in the log.
    pub revision: Revision,
    /// The object.
    pub id: ObjectId,
    /// The object's kind.
    pub kind: Kind,
    /// The tenant that owned the object.
    pub tenant_id: TenantId,
    /// The provider that the object belongs to.
    pub provider_id: ProviderId,
    /// What happened.
    pub op: LogOp,
}

/// A stored object that cannot be read. It is left out.
#[derive(Clone, Debug)]
pub struct Unreadable {
    /// The object.
    pub id: ObjectId,
    /// Its kind.
    pub kind: Kind,
    /// The provider that it belongs to.
    pub provider_id: ProviderId,
    /// What is wrong with its text.
    pub reason: String,
}

/// What was loaded.
#[derive(Clone, Debug, Default)]
pub struct LoadReport {
    /// Objects in the inventory now.
    pub object_count: usize,
    /// Objects left out.
    pub unreadable: Vec<Unreadable>,
}

/// Fills an inventory. Objects come in portions of any size, so that not all of the stored texts are in memory at once.
#[derive(Debug)]
pub struct Loader {
    pub(super) inventory: Arc<Inventory>,
}

impl Loader {
    /// Takes a portion of the stored objects. Reads them on all cores; blocks.
    pub fn add(&mut self, objects: Vec<StoredObject>) {
        let _ = objects;
        unimplemented!("skeleton")
    }

    /// Publishes what was taken. `log` is the tail of the change log in its order, `compacted_through` the last revision
    /// that the log no longer holds, `revision` the newest revision of the store: all read in one transaction with the
    /// objects. Blocks.
    #[must_use]
    pub fn finish(self, log: &[LoggedChange], compacted_through: Revision, revision: Revision) -> LoadReport {
        let _ = (log, compacted_through, revision, self.inventory);
        unimplemented!("skeleton")
    }
}
