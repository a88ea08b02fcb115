//! The roles that are built in.

use chrono::DateTime;
use uuid::Uuid;

use crate::model::{Permission, Role, RoleId};

use Permission as P;

/// A role that is built in: number, name, what it is for, what it allows.
type BuiltIn = (u128, &'static str, &'static str, &'static [Permission]);

const READ: &[Permission] = &[
    P::InventoryRead,
    P::ProviderRead,
    P::TenantRead,
    P::ProjectRead,
    P::MemberRead,
    P::RoleRead,
    P::BindingRead,
    P::AuditRead,
    P::QuotaRead,
    P::OwnershipRead,
];

const BUILT_IN: &[BuiltIn] = &[
    (1, "platform_admin", "Everything, everywhere.", P::ALL),
    (2, "auditor", "Sees everything, changes nothing.", READ),
    (
        3,
        "operator",
        "Runs the platforms: providers, and whose their machines are. Not who may do what.",
        &[
            P::InventoryRead,
            P::InventoryAssign,
            P::ProviderRead,
            P::ProviderWrite,
            P::TenantRead,
            P::ProjectRead,
            P::MemberRead,
            P::AuditRead,
            P::QuotaRead,
            P::OwnershipRead,
            P::OwnershipWrite,
        ],
    ),
    (
        4,
        "tenant_admin",
        "Everything within a tenant: its projects, its users, their roles, and the tenants below it.",
        &[
            P::InventoryRead,
            P::InventoryAssign,
            P::TenantRead,
            P::TenantWrite,
            P::ProjectRead,
            P::ProjectWrite,
            P::MemberRead,
            P::MemberWrite,
            P::RoleRead,
            P::RoleWrite,
            P::BindingRead,
            P::BindingWrite,
            P::AuditRead,
            P::QuotaRead,
            P::QuotaWrite,
        ],
    ),
    (
        5,
        "project_admin",
        "A project, and who may do what in it.",
        &[P::InventoryRead, P::InventoryAssign, P::ProjectRead, P::BindingRead, P::BindingWrite, P::QuotaRead],
    ),
    (6, "member", "Works with the machines of a project.", &[P::InventoryRead, P::ProjectRead, P::QuotaRead]),
    (7, "viewer", "Sees machines and projects, changes nothing.", &[P::InventoryRead, P::ProjectRead, P::QuotaRead]),
    (
        8,
        "billing_viewer",
        "Sees which tenants and projects there are, without what is in them.",
        &[P::TenantRead, P::ProjectRead, P::QuotaRead],
    ),
];

/// The id of a role that is built in: the same in every installation.
const fn id(number: u128) -> RoleId {
    RoleId(Uuid::from_u128(number))
}

/// Everything, everywhere.
pub const PLATFORM_ADMIN: RoleId = id(1);

/// The roles that are built in.
#[must_use]
pub fn built_in() -> Vec<Role> {
    let role = |(number, name, description, permissions): &BuiltIn| Role {
        id: id(*number),
        tenant_id: None,
        name: (*name).to_owned(),
        description: (*description).to_owned(),
        permissions: permissions.to_vec(),
        built_in: true,
        generation: 1,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
    };
    BUILT_IN.iter().map(role).collect()
}
