//! Identifiers: UUIDv7, one type per noun, made by one generator.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Makes a new UUIDv7. They grow with time, also within one millisecond.
#[expect(clippy::disallowed_methods, reason = "this is the one generator of ids")]
fn new_uuid() -> Uuid {
    Uuid::now_v7()
}

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id.
            #[must_use]
            pub fn generate() -> Self {
                Self(new_uuid())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    )+};
}

/// The ids of nouns, each with the conversions between it and [`ObjectId`].
macro_rules! object_ids {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => {
        ids! { $($(#[$meta])* $name),+ }
        $(
            impl From<$name> for ObjectId {
                fn from(id: $name) -> Self {
                    ObjectId(id.0)
                }
            }

            impl From<ObjectId> for $name {
                fn from(id: ObjectId) -> Self {
                    $name(id.0)
                }
            }
        )+
    };
}

ids! {
    /// A tenant: a company, a department, a customer. The root of their tree is [`TenantId::PLATFORM`].
    TenantId,
    /// A project: what holds the resources of a tenant.
    ProjectId,
    /// A user of the gateway, or a service account.
    UserId,
    /// A group of users.
    GroupId,
    /// A role: a set of permissions.
    RoleId,
    /// That somebody has a role somewhere.
    BindingId,
    /// A rule that says whose machines are.
    OwnershipRuleId,
    /// Something of a quota that is promised to what is under way.
    ReservationId,
    /// An entry of the ledger of quotas.
    LedgerId,
    /// A signed-in session or API token.
    TokenId,
    /// The kept answer of a request that is done once.
    IdempotencyId,
    /// A vCenter, an ESXi, or a KVM cluster.
    ProviderId,
    /// One synced endpoint of a provider: a vCenter, an ESXi, or one libvirt host.
    SourceId,
    /// A stretch of the history of a source's sync states.
    SyncPeriodId,
    /// Any object of the inventory, of whatever kind.
    ObjectId,
}

object_ids! {
    /// A zone (a vSphere datacenter; a KVM provider has one).
    ZoneId,
    /// A cluster.
    ClusterId,
    /// A hypervisor host.
    HostId,
    /// A resource pool or vApp.
    ResourcePoolId,
    /// A folder.
    FolderId,
    /// A datastore, datastore cluster or storage pool.
    DatastoreId,
    /// A network, port group or bridge.
    NetworkId,
    /// An image or template.
    ImageId,
    /// A virtual machine.
    VmId,
    /// A virtual disk.
    VolumeId,
    /// A virtual network interface.
    NicId,
    /// A snapshot of a VM.
    SnapshotId,
    /// A tag (with its category).
    TagId,
    /// A storage policy.
    StoragePolicyId,
    /// A content library.
    ContentLibraryId,
}

impl TenantId {
    /// The root of the tree of tenants: the platform itself. It owns everything until that is given to a project.
    pub const PLATFORM: TenantId = TenantId(Uuid::from_u128(1));
}
