//! Tenants and their projects: who shares the platforms without seeing one another.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{ProjectId, TenantId};

words! {
    /// Whether a tenant may be used.
    TenantState {
        /// It may.
        Active = "active",
        /// Its users, and those of the tenants below it, cannot sign in. Its machines go on as they are.
        Suspended = "suspended",
    }
}

/// A tenant: a company, a department, a customer. Tenants form a tree, whose root is the platform itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// The tenant that it is below; absent for the platform.
    pub parent_id: Option<TenantId>,
    /// Its name; unique among the tenants below the same one.
    pub name: String,
    /// Names from below the platform on, joined with `/`: what its users sign in with, as `path/username`. Empty for the
    /// platform.
    pub path: String,
    /// Free text.
    pub description: String,
    /// Whether it may be used.
    pub state: TenantState,
    /// Rises with every edit.
    pub generation: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last edited.
    pub updated_at: DateTime<Utc>,
}

/// A project: what holds the machines of a tenant, and what hangs on them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// The tenant that it belongs to.
    pub tenant_id: TenantId,
    /// The path of that tenant.
    pub tenant_path: String,
    /// Its name; unique within the tenant.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Rises with every edit.
    pub generation: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last edited.
    pub updated_at: DateTime<Utc>,
}
