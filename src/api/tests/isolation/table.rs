//! What each operation needs, and the page that is made of it.

use std::fmt::Write as _;

use serde_json::Value;

use crate::api::openapi;
use crate::authz::roles::built_in;
use crate::model::{Kind, Permission, Permission as P};

/// What an operation needs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Needs {
    /// Nothing: not even to be signed in.
    Public,
    /// To be signed in: it is about oneself, or about what everybody may know.
    Account,
    /// It answers what of it is visible with the permission, and nothing else.
    Shows(Permission),
    /// To see the thing in the path, by the first permission; and to be allowed the second, in the place of the third.
    Thing(Noun, Permission, Option<(Permission, Place)>),
    /// To be allowed it where the body says; a place that is not seen is none.
    Within(Permission),
    /// To be allowed it in the platform.
    Platform(Permission),
}

/// Where a permission has to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Where the thing is.
    There,
    /// In the tenant above it.
    Above,
    /// In the platform, and where the thing is.
    Platform,
}

/// What is in the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Noun {
    Tenant,
    Project,
    User,
    Group,
    Role,
    Binding,
    Rule,
    Provider,
    Vm,
    /// Of the inventory, and never a tenant's.
    Other,
}

/// The table: what each operation needs.
fn needs(operation: &str, path: &str) -> Option<Needs> {
    use Needs::{Account, Platform, Public, Shows, Thing, Within};
    use Noun as N;
    use Place::{Above, There};
    let noun = path.split('/').nth(2).and_then(Kind::from_plural);
    Some(match operation {
        "healthz" | "metrics" | "readyz" | "openapi" | "login" | "login_cookie" => Public,
        "password_change" | "logout" | "session" | "token_list" | "token_create" | "token_delete"
        | "permission_list" | "authz_simulate" => Account,
        "search" | "watch" => Shows(P::InventoryRead),
        "tenant_list" => Shows(P::TenantRead),
        "tenant_create" => Within(P::TenantWrite),
        "tenant_get" => Thing(N::Tenant, P::TenantRead, None),
        "tenant_edit" | "tenant_delete" | "tenant_impact" => {
            Thing(N::Tenant, P::TenantRead, Some((P::TenantWrite, Above)))
        }
        "project_list" => Shows(P::ProjectRead),
        "project_create" => Within(P::ProjectWrite),
        "project_get" => Thing(N::Project, P::ProjectRead, None),
        "project_edit" => Thing(N::Project, P::ProjectRead, Some((P::ProjectWrite, There))),
        "project_delete" | "project_impact" => Thing(N::Project, P::ProjectRead, Some((P::ProjectWrite, Above))),
        "user_list" | "group_list" => Shows(P::MemberRead),
        "user_create" | "group_create" => Within(P::MemberWrite),
        "user_get" => Thing(N::User, P::MemberRead, None),
        "user_token_list" => Thing(N::User, P::MemberRead, None),
        "user_edit" | "user_delete" | "user_set_password" | "user_token_create" => {
            Thing(N::User, P::MemberRead, Some((P::MemberWrite, There)))
        }
        "group_get" => Thing(N::Group, P::MemberRead, None),
        "group_edit" | "group_delete" => Thing(N::Group, P::MemberRead, Some((P::MemberWrite, There))),
        "role_list" => Shows(P::RoleRead),
        "role_create" => Within(P::RoleWrite),
        "role_get" => Thing(N::Role, P::RoleRead, None),
        "role_edit" | "role_delete" => Thing(N::Role, P::RoleRead, Some((P::RoleWrite, There))),
        "binding_list" => Shows(P::BindingRead),
        "binding_create" => Within(P::BindingWrite),
        "binding_get" => Thing(N::Binding, P::BindingRead, None),
        "binding_delete" => Thing(N::Binding, P::BindingRead, Some((P::BindingWrite, There))),
        "audit_list" | "audit_export" => Shows(P::AuditRead),
        "audit_verify" => Platform(P::AuditRead),
        "tenant_quota" => Thing(N::Tenant, P::TenantRead, Some((P::QuotaRead, There))),
        "tenant_quota_set" => Thing(N::Tenant, P::TenantRead, Some((P::QuotaWrite, Above))),
        "project_quota" | "project_quota_try" => Thing(N::Project, P::ProjectRead, Some((P::QuotaRead, There))),
        "project_quota_set" => Thing(N::Project, P::ProjectRead, Some((P::QuotaWrite, Above))),
        "quota_recount" => Platform(P::QuotaRead),
        "ownership_rule_list" => Shows(P::OwnershipRead),
        "ownership_rule_create" | "ownership_preview" => Platform(P::OwnershipWrite),
        "ownership_rule_get" => Thing(N::Rule, P::OwnershipRead, None),
        "ownership_rule_edit" | "ownership_rule_delete" => {
            Thing(N::Rule, P::OwnershipRead, Some((P::OwnershipWrite, There)))
        }
        "provider_list" => Shows(P::ProviderRead),
        "provider_create" | "provider_test_new" => Platform(P::ProviderWrite),
        "provider_get" | "provider_capabilities" | "provider_history" | "provider_quarantine" => {
            Thing(N::Provider, P::ProviderRead, None)
        }
        "provider_edit" | "provider_delete" | "provider_resync" | "provider_test" | "provider_trust" => {
            Thing(N::Provider, P::ProviderRead, Some((P::ProviderWrite, There)))
        }
        "vm_owner" => Thing(N::Vm, P::InventoryRead, None),
        "vm_owner_set" => Thing(N::Vm, P::InventoryRead, Some((P::InventoryAssign, There))),
        "vm_owner_unset" => Thing(N::Vm, P::InventoryRead, Some((P::InventoryAssign, Place::Platform))),
        _ => {
            let kind = noun?;
            match operation.strip_prefix(kind.as_str())? {
                "_list" | "_count" | "_summary" => Shows(P::InventoryRead),
                "_get" | "_changes" => Thing(if kind == Kind::Vm { N::Vm } else { N::Other }, P::InventoryRead, None),
                _ => return None,
            }
        }
    })
}

pub(super) struct Operation {
    pub(super) id: String,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) needs: Needs,
}

pub(super) fn operations() -> Vec<Operation> {
    let description: Value = serde_json::from_str(&openapi()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(id) = operation["operationId"].as_str() else { continue };
            let needs = needs(id, path).unwrap_or_else(|| panic!("{id}: say in the table what it needs"));
            let (id, method, path) = (id.to_owned(), method.to_uppercase(), path.clone());
            operations.push(Operation { id, method, path, needs });
        }
    }
    operations
}

/// The table for people.
#[test]
fn the_matrix_is_the_one_that_is_published() {
    let mut text = String::from(
        "# Who may do what\n\nMade from the API's description and the built-in roles by the test that holds the gateway to it \
         (`src/api/tests/isolation`): every operation, by everybody, with what is one's own, below, above, and of \
         strangers. Do not edit it by hand.\n\nWhat is not visible answers `404`, in a body `422`; what is visible and not \
         allowed answers `403`. A role holds where it is bound, and in all that is within. Own roles are made of the \
         same permissions: `GET /v1/permissions` says what each of them means.\n\n## Built-in roles\n\n| permission |",
    );
    let roles = built_in();
    for role in &roles {
        let _ = write!(text, " {} |", role.name);
    }
    let _ = write!(text, "\n|---|{}\n", "---|".repeat(roles.len()));
    for permission in Permission::ALL {
        let _ = write!(text, "| `{permission}` |");
        for role in &roles {
            text.push_str(if role.permissions.contains(permission) { " yes |" } else { " |" });
        }
        text.push('\n');
    }
    text.push_str("\n## Operations\n\n| operation | route | visible with | allowed with |\n|---|---|---|---|\n");
    for Operation { id, method, path, needs } in operations() {
        let (visible, allowed) = match needs {
            Needs::Public => ("everybody".to_owned(), "everybody".to_owned()),
            Needs::Account => ("who is signed in".to_owned(), "who is signed in".to_owned()),
            Needs::Shows(permission) => (format!("`{permission}`: only what is visible"), "-".to_owned()),
            Needs::Thing(_, read, None) => (format!("`{read}`"), "-".to_owned()),
            Needs::Thing(_, read, Some((act, place))) => {
                let place = match place {
                    Place::There => "there",
                    Place::Above => "in the tenant above",
                    Place::Platform => "there and in the platform",
                };
                (format!("`{read}`"), format!("`{act}` {place}"))
            }
            Needs::Within(act) => ("-".to_owned(), format!("`{act}` where the body says")),
            Needs::Platform(act) => ("-".to_owned(), format!("`{act}` in the platform")),
        };
        let _ = writeln!(text, "| {id} | `{method} {path}` | {visible} | {allowed} |");
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/PERMISSIONS.md");
    if std::env::var_os("SPANDREL_BLESS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(kept == text, "docs/PERMISSIONS.md is out of date: run the tests with SPANDREL_BLESS=1 to write it anew");
}
