//! Permissions, roles, and who has which role where.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{BindingId, GroupId, ObjectId, ProjectId, RoleId, TenantId, UserId};

/// Declares [`Permission`] with what each of them means, for people to read.
macro_rules! permissions {
    ($(#[$meta:meta])* $name:ident { $($(#[doc = $doc:literal])+ $variant:ident = $word:tt),+ $(,)? }) => {
        words! { $(#[$meta])* $name { $($(#[doc = $doc])+ $variant = $word),+ } }

        impl $name {
            /// What it allows, one or two sentences.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $($name::$variant => concat!($($doc),+).trim_start()),+ }
            }
        }
    };
}

permissions! {
    /// What can be allowed. The word before the dot is the noun, `read` is to see it, `write` to make, edit and remove it.
    Permission {
        /// See machines, with their volumes, interfaces and snapshots, and what else of the inventory belongs there.
        InventoryRead = "inventory.read",
        /// Give machines to projects, and take them back, by hand.
        InventoryAssign = "inventory.assign",
        /// See providers and how their synchronization stands.
        ProviderRead = "provider.read",
        /// Add, edit, test, trust, disable, resync and remove providers.
        ProviderWrite = "provider.write",
        /// See a tenant and those below it.
        TenantRead = "tenant.read",
        /// Make tenants below it; edit, suspend, move and remove those.
        TenantWrite = "tenant.write",
        /// See projects.
        ProjectRead = "project.read",
        /// Make, edit and remove projects.
        ProjectWrite = "project.write",
        /// See users, service accounts and groups.
        MemberRead = "member.read",
        /// Make, edit and remove users, service accounts and groups.
        MemberWrite = "member.write",
        /// See own roles of a tenant. Those that are built in everybody sees.
        RoleRead = "role.read",
        /// Make, edit and remove own roles of a tenant.
        RoleWrite = "role.write",
        /// See who has which role, and ask why somebody may do something.
        BindingRead = "binding.read",
        /// Give and take roles: none that allows more than who gives it may do there.
        BindingWrite = "binding.write",
        /// Read the audit log, as far as it concerns a tenant.
        AuditRead = "audit.read",
        /// See limits, and how much of them is used.
        QuotaRead = "quota.read",
        /// Set the limits of projects, and of the tenants below.
        QuotaWrite = "quota.write",
        /// See the rules that say whose machines are.
        OwnershipRead = "ownership.read",
        /// Make, edit and remove these rules.
        OwnershipWrite = "ownership.write",
    }
}

words! {
    /// Whether a binding gives or takes.
    Effect {
        /// The role's permissions are given.
        Allow = "allow",
        /// They are denied, whatever else gives them.
        Deny = "deny",
    }
}

/// A role: a set of permissions that is given together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Role {
    /// Its id.
    pub id: RoleId,
    /// The tenant in which, and below which, it can be bound; absent for one that is built in.
    pub tenant_id: Option<TenantId>,
    /// Its name; unique within the tenant.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What it allows.
    pub permissions: Vec<Permission>,
    /// Whether it is built in: such a one cannot be changed.
    pub built_in: bool,
    /// Rises with every edit.
    pub generation: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last edited.
    pub updated_at: DateTime<Utc>,
}

/// Whom a binding is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Subject {
    /// A user or a service account.
    User {
        /// Its id.
        id: UserId,
    },
    /// Everybody in a group.
    Group {
        /// Its id.
        id: GroupId,
    },
}

impl Subject {
    /// The word of its kind.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Subject::User { .. } => "user",
            Subject::Group { .. } => "group",
        }
    }

    /// Its id.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        match self {
            Subject::User { id: UserId(id) } | Subject::Group { id: GroupId(id) } => id,
        }
    }

    /// The subject of a kind and an id.
    #[must_use]
    pub fn of(kind: &str, id: Uuid) -> Option<Self> {
        match kind {
            "user" => Some(Subject::User { id: UserId(id) }),
            "group" => Some(Subject::Group { id: GroupId(id) }),
            _ => None,
        }
    }
}

/// Where a binding holds: there, and in all that is within.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum BindingScope {
    /// In a tenant, its projects, and the tenants below it. In the platform: everywhere.
    Tenant {
        /// Its id.
        id: TenantId,
    },
    /// In a project.
    Project {
        /// Its id.
        id: ProjectId,
    },
    /// For one object of the inventory.
    Object {
        /// Its id.
        id: ObjectId,
    },
}

impl BindingScope {
    /// Everywhere.
    pub const PLATFORM: BindingScope = BindingScope::Tenant { id: TenantId::PLATFORM };

    /// The word of its kind.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            BindingScope::Tenant { .. } => "tenant",
            BindingScope::Project { .. } => "project",
            BindingScope::Object { .. } => "object",
        }
    }

    /// Its id.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        match self {
            BindingScope::Tenant { id: TenantId(id) }
            | BindingScope::Project { id: ProjectId(id) }
            | BindingScope::Object { id: ObjectId(id) } => id,
        }
    }

    /// The scope of a kind and an id.
    #[must_use]
    pub fn of(kind: &str, id: Uuid) -> Option<Self> {
        match kind {
            "tenant" => Some(BindingScope::Tenant { id: TenantId(id) }),
            "project" => Some(BindingScope::Project { id: ProjectId(id) }),
            "object" => Some(BindingScope::Object { id: ObjectId(id) }),
            _ => None,
        }
    }
}

/// That somebody has a role somewhere, or is denied what it allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Binding {
    /// Its id.
    pub id: BindingId,
    /// Whom it is for.
    pub subject: Subject,
    /// The role.
    pub role_id: RoleId,
    /// Where it holds.
    pub scope: BindingScope,
    /// The tenant that the place was in when it was made. For one object it holds while the object is in this tenant, and no
    /// longer.
    pub tenant_id: TenantId,
    /// Whether it gives or takes.
    pub effect: Effect,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}
