//! The nouns of the product: one set for VMware and KVM, with one set of states and units.
//!
//! Values only: no input or output, no database, no HTTP (invariant 7). A noun's file says what the noun is on each
//! platform, which fields it has and which of them can be filtered, sorted and summed ([`field`]). What a platform says
//! beyond the common fields is kept under `native`, in the platform's own names and units.

#[macro_use]
mod wire;

pub mod access;
pub mod audit;
pub mod change;
pub mod cluster;
pub mod content_library;
pub mod datastore;
pub mod difference;
pub mod field;
pub mod folder;
pub mod host;
pub mod id;
pub mod image;
pub mod kind;
pub mod member;
pub mod network;
pub mod nic;
pub mod object;
pub mod ownership;
pub mod provider;
pub mod quota;
pub mod resource_pool;
pub mod secret;
pub mod snapshot;
pub mod storage_policy;
pub mod tag;
pub mod tenant;
pub mod vm;
pub mod volume;
pub mod zone;

pub use access::{Binding, BindingScope, Effect, Permission, Role, Subject};
pub use audit::{AuditBreak, AuditCheck, AuditEntry, AuditFault, AuditResult, Door, NewAudit};
pub use change::{Change, ChangeOp, LogOp, Revision};
pub use cluster::Cluster;
pub use content_library::ContentLibrary;
pub use datastore::Datastore;
pub use difference::{FieldChange, differences};
pub use field::{Field, FieldType, Value};
pub use folder::Folder;
pub use host::Host;
pub use id::*;
pub use image::Image;
pub use kind::Kind;
pub use member::{Group, User, UserKind};
pub use network::Network;
pub use nic::Nic;
pub use object::{Native, Noun, Object};
pub use ownership::Owner;
pub use provider::{Provider, ProviderKind, Source, SourceState};
pub use quota::{Amounts, QuotaLimit, QuotaResource, QuotaState, QuotaUse};
pub use resource_pool::ResourcePool;
pub use snapshot::Snapshot;
pub use storage_policy::StoragePolicy;
pub use tag::Tag;
pub use tenant::{Project, Tenant, TenantState};
pub use vm::Vm;
pub use volume::Volume;
pub use zone::Zone;

pub use crate::clock::Time;
