//! One object as the read model keeps it.

use crate::model::{Kind, ObjectId, ProviderId, Revision, SourceId, TenantId, Time};

/// One object at one revision. Immutable; shared by every snapshot in which it is the same.
#[derive(Debug)]
pub struct Entry {
    pub(super) id: ObjectId,
    pub(super) kind: Kind,
    pub(super) tenant_id: TenantId,
    pub(super) provider_id: ProviderId,
    pub(super) source_id: SourceId,
    pub(super) revision: Revision,
    pub(super) first_seen_at: Time,
    pub(super) changed_at: Time,
}

impl Entry {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> ObjectId {
        self.id
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The name shown to people.
    #[must_use]
    pub fn name(&self) -> &str {
        unimplemented!("skeleton")
    }

    /// The tenant that owns it.
    #[must_use]
    pub fn tenant_id(&self) -> TenantId {
        self.tenant_id
    }

    /// The provider that it belongs to.
    #[must_use]
    pub fn provider_id(&self) -> ProviderId {
        self.provider_id
    }

    /// The source that tells of it.
    #[must_use]
    pub fn source_id(&self) -> SourceId {
        self.source_id
    }

    /// The revision at which it last changed.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// When the gateway first saw it.
    #[must_use]
    pub fn first_seen_at(&self) -> Time {
        self.first_seen_at
    }

    /// When it last changed.
    #[must_use]
    pub fn changed_at(&self) -> Time {
        self.changed_at
    }
}
