//! Who may do what, and the scope that a decision mints.
//!
//! A [`TenantScope`] can be made nowhere else: whoever holds one was allowed something. The store and the read model
//! give nothing to a caller without one (invariant 2). Today there is one role, the platform's administrator; roles and
//! policies come with tenants.

use crate::model::{TenantId, UserId};

/// Who asks: a signed-in user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The user.
    pub user_id: UserId,
    /// The user's name, for logs and audit.
    pub username: String,
    /// The tenant that the user belongs to.
    pub tenant_id: TenantId,
    /// What the user is.
    pub role: Role,
}

/// What a user is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// May do everything, in every tenant.
    PlatformAdmin,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// See objects of the inventory.
    InventoryRead,
    /// See providers and their sync state.
    ProviderRead,
    /// Add, edit, trust, disable, remove, resync providers.
    ProviderWrite,
    /// Change the own password, sign out, manage own tokens.
    AccountWrite,
    /// Read the audit log.
    AuditRead,
}

/// What an allowed caller may see: the own tenant, or all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantScope {
    tenant: TenantId,
    all_tenants: bool,
    user: UserId,
}

impl TenantScope {
    /// The tenant that new objects belong to.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The user that acts.
    #[must_use]
    pub const fn user(&self) -> UserId {
        self.user
    }

    /// Whether objects of every tenant are visible.
    #[must_use]
    pub const fn sees_all(&self) -> bool {
        self.all_tenants
    }

    /// Whether an object of `tenant` is visible.
    #[must_use]
    pub fn sees(&self, tenant: TenantId) -> bool {
        self.all_tenants || self.tenant == tenant
    }

    /// A scope of one tenant only, for tests of isolation.
    #[cfg(test)]
    #[must_use]
    pub fn of_tenant(tenant: TenantId) -> Self {
        Self { tenant, all_tenants: false, user: UserId::generate() }
    }
}

/// The caller may not do it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{action:?} is not allowed to {username}")]
pub struct Denied {
    /// What was asked for.
    pub action: Action,
    /// Who asked.
    pub username: String,
}

/// Decides, and mints the scope of what was decided.
///
/// # Errors
/// [`Denied`] when the principal's role does not allow the action.
pub fn authorize(principal: &Principal, action: Action) -> Result<TenantScope, Denied> {
    let _ = action;
    match principal.role {
        Role::PlatformAdmin => {
            Ok(TenantScope { tenant: principal.tenant_id, all_tenants: true, user: principal.user_id })
        }
    }
}
