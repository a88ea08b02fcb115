//! Reading the observed objects and their identities.

use std::sync::Arc;

use super::{Result, SystemStore};
use crate::model::{Kind, ObjectId, ProviderId, Revision, SourceId, TenantId, Time};

/// An object as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRow {
    /// Its id.
    pub id: ObjectId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// Its provider.
    pub provider_id: ProviderId,
    /// The source that tells of it.
    pub source_id: SourceId,
    /// Its kind.
    pub kind: Kind,
    /// The JSON text that [`crate::model::Object::from_json`] reads.
    pub body: Arc<str>,
    /// The revision of its last change.
    pub revision: Revision,
    /// When the gateway first saw it.
    pub created_at: Time,
    /// When it last changed.
    pub changed_at: Time,
}

/// What `sync` must know of an object to find what differs: everything but the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedRow {
    /// The source that tells of it.
    pub source_id: SourceId,
    /// Its kind.
    pub kind: Kind,
    /// The word of its family.
    pub family: String,
    /// The platform's key of the group that it came with.
    pub group_key: String,
    /// The platform's key.
    pub key: String,
    /// Its id.
    pub id: ObjectId,
    /// The hash of its body.
    pub hash: [u8; 16],
}

/// An id that was given to a platform's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityRow {
    /// The kind.
    pub kind: Kind,
    /// The platform's key.
    pub key: String,
    /// The id.
    pub id: ObjectId,
}

impl SystemStore {
    /// A page of all objects in the order of their ids, after `after`. Empty when there are no more. To load the read model:
    /// take [`SystemStore::current_revision`], read all pages, then apply [`SystemStore::changes_after`] that revision.
    ///
    /// # Errors
    /// When the database cannot be read, or a row is damaged.
    pub async fn objects_page(&self, after: Option<ObjectId>, limit: u64) -> Result<Vec<ObjectRow>> {
        let _ = (after, limit);
        todo!()
    }

    /// These objects, in no particular order; those that are not there are left out.
    ///
    /// # Errors
    /// When the database cannot be read, or a row is damaged.
    pub async fn objects(&self, ids: &[ObjectId]) -> Result<Vec<ObjectRow>> {
        let _ = ids;
        todo!()
    }

    /// How many objects there are.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn object_count(&self) -> Result<u64> {
        todo!()
    }

    /// A page of what is known of a provider's objects, in the order of their ids, after `after`.
    ///
    /// # Errors
    /// When the database cannot be read, or a row is damaged.
    pub async fn observed_page(
        &self,
        provider: ProviderId,
        after: Option<ObjectId>,
        limit: u64,
    ) -> Result<Vec<ObservedRow>> {
        let _ = (provider, after, limit);
        todo!()
    }

    /// A page of the ids that a provider's keys were given, in the order of the ids, after `after`.
    ///
    /// # Errors
    /// When the database cannot be read, or a row is damaged.
    pub async fn identities_page(
        &self,
        provider: ProviderId,
        after: Option<ObjectId>,
        limit: u64,
    ) -> Result<Vec<IdentityRow>> {
        let _ = (provider, after, limit);
        todo!()
    }
}
