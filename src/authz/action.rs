//! What a scope was minted for, as a type: one that was minted for reading cannot be used for writing.

use crate::model::Permission;

/// Something that is asked for. Its types have no values: they only mark scopes.
pub trait Act: Send + Sync + 'static {
    /// The permission that it takes; none for what everybody may do with the own account.
    const PERMISSION: Option<Permission>;
}

macro_rules! acts {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {}

        impl Act for $name {
            const PERMISSION: Option<Permission> = Some(Permission::$name);
        }
    )+};
}

acts! {
    /// See [`Permission::InventoryRead`].
    InventoryRead,
    /// See [`Permission::InventoryAssign`].
    InventoryAssign,
    /// See [`Permission::ProviderRead`].
    ProviderRead,
    /// See [`Permission::ProviderWrite`].
    ProviderWrite,
    /// See [`Permission::TenantRead`].
    TenantRead,
    /// See [`Permission::TenantWrite`].
    TenantWrite,
    /// See [`Permission::ProjectRead`].
    ProjectRead,
    /// See [`Permission::ProjectWrite`].
    ProjectWrite,
    /// See [`Permission::MemberRead`].
    MemberRead,
    /// See [`Permission::MemberWrite`].
    MemberWrite,
    /// See [`Permission::RoleRead`].
    RoleRead,
    /// See [`Permission::RoleWrite`].
    RoleWrite,
    /// See [`Permission::BindingRead`].
    BindingRead,
    /// See [`Permission::BindingWrite`].
    BindingWrite,
    /// See [`Permission::AuditRead`].
    AuditRead,
    /// See [`Permission::QuotaRead`].
    QuotaRead,
    /// See [`Permission::QuotaWrite`].
    QuotaWrite,
    /// See [`Permission::OwnershipRead`].
    OwnershipRead,
    /// See [`Permission::OwnershipWrite`].
    OwnershipWrite,
}

/// Change the own password, sign out, manage own tokens: what everybody may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountWrite {}

impl Act for AccountWrite {
    const PERMISSION: Option<Permission> = None;
}

/// What sees providers.
pub trait SeesProviders: Act {}

impl SeesProviders for ProviderRead {}
impl SeesProviders for ProviderWrite {}
