//! Roles: those that are built in, and a tenant's own.

use super::super::check_generation;
use super::super::checked_name;
use super::super::history::StoredPage;
use super::super::objects::Pairs;
use super::listing::NAMED;
use super::{App, Error, Invalid, Mode, Result, Session};
use super::{check_name_free, checked_description, seen_tenant};
use crate::authz::{Access, Graph, Node, RoleRead, RoleWrite};
use crate::model::{Permission, Role, RoleId, TenantId};
use crate::store::{Once, Outcome};

/// A role to add.
#[derive(Clone, Debug)]
pub struct RoleInput {
    /// The tenant in which, and below which, it can be bound.
    pub tenant_id: TenantId,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What it allows.
    pub permissions: Vec<Permission>,
}

/// An edit of a role: what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct RolePatch {
    /// Another name.
    pub name: Option<String>,
    /// Another text.
    pub description: Option<String>,
    /// All that it allows.
    pub permissions: Option<Vec<Permission>>,
}

fn names(graph: &Graph, tenant: TenantId, own: Option<RoleId>) -> impl Iterator<Item = (&str, uuid::Uuid)> {
    let of = move |role: &&Role| role.tenant_id.is_none_or(|of| of == tenant) && Some(role.id) != own;
    graph.roles().filter(of).map(|role| (role.name.as_str(), role.id.0))
}

/// The permissions, in order and each once: none that the author does not have there.
fn checked_permissions(
    access: &Access,
    session: &Session,
    tenant: TenantId,
    permissions: &[Permission],
) -> Result<Vec<Permission>> {
    if permissions.is_empty() {
        return Err(Invalid::field("permissions", "must name at least one").into());
    }
    let lacks = |permission: &&Permission| !access.may(session.principal.user_id, **permission, Node::Tenant(tenant));
    if let Some(permission) = permissions.iter().find(lacks) {
        return Err(Error::Exceeds { what: "it would allow", role: permission.to_string() });
    }
    let mut permissions = permissions.to_vec();
    permissions.sort_unstable();
    permissions.dedup();
    Ok(permissions)
}

/// Whether the caller sees a role: one that is built in, or one of a tenant whose roles the caller may see, or is bound by.
pub(super) fn is_visible(access: &Access, session: &Session, role: &Role) -> bool {
    let scope = access.scope::<RoleRead>(&session.principal);
    let of_tenant = role.tenant_id.is_none_or(|tenant| scope.contains(Node::Tenant(tenant)));
    of_tenant || access.graph().bindings_for(session.principal.user_id).any(|binding| binding.role_id == role.id)
}

fn visible<'a>(access: &'a Access, session: &Session, id: RoleId) -> Result<&'a Role> {
    let role = access.graph().role(id).filter(|role| is_visible(access, session, role));
    role.ok_or_else(|| Error::not_found("role", id))
}

/// A role that can be changed, and the tenant that it belongs to.
fn changeable(role: &Role) -> Result<TenantId> {
    role.tenant_id.ok_or_else(|| Error::InUse {
        what: format!("the role {}", role.name),
        why: "it is built in and cannot be changed; make one of your own with what it should allow".to_owned(),
    })
}

impl App {
    /// The roles that the caller sees, by name.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn roles(&self, session: &Session, pairs: &Pairs) -> Result<StoredPage<Role>> {
        let access = self.access();
        self.access_page(session, "roles", pairs, NAMED, |asked| {
            let seen = access.graph().roles().filter(|role| is_visible(&access, session, role));
            let wanted = seen.filter(|role| asked.wants(&role.name, role.tenant_id));
            wanted.map(|role| ((role.name.clone(), role.id.0), role.clone())).collect()
        })
    }

    /// One role.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn role(&self, session: &Session, id: RoleId) -> Result<Role> {
        visible(&self.access(), session, id).cloned()
    }

    /// Adds a role that allows no more than its author has, once where that is asked for.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Exists`], [`Error::Denied`], [`Error::Exceeds`], [`Error::IdempotencyKeyReused`], or an
    /// internal one.
    pub async fn role_create(
        &self,
        session: &Session,
        input: RoleInput,
        once: Option<Once<Role>>,
        mode: Mode,
    ) -> Result<Outcome<Role>> {
        let session = session.clone();
        self.change_access("adding a role", async move |app: App, access| {
            let tenant_id = input.tenant_id;
            seen_tenant(&session, &access, "tenant_id", tenant_id)?;
            let scope = app.authorize::<RoleWrite>(&session, Node::Tenant(tenant_id))?;
            let now = app.clock().now();
            let role = Role {
                id: RoleId::generate(),
                tenant_id: Some(tenant_id),
                name: checked_name("name", &input.name)?,
                description: checked_description(&input.description)?,
                permissions: checked_permissions(&access, &session, tenant_id, &input.permissions)?,
                built_in: false,
                generation: 1,
                created_at: now,
                updated_at: now,
            };
            let store = app.store().tenant(&scope);
            if !store.is_done(once.as_ref()).await? {
                check_name_free("role", &role.name, names(access.graph(), tenant_id, None))?;
                super::check_room("roles", names(access.graph(), tenant_id, None).count(), super::NOUNS_MAX)?;
            }
            if !mode.is_real() {
                return Ok(Outcome::Done(role, None));
            }
            let told = session.made(&role);
            Ok(app.writing(&scope).role_create(role, once, told).await?)
        })
        .await
    }

    /// Edits a role. It allows no more afterwards than its editor has, and did not before.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Exists`], [`Error::Denied`], [`Error::Exceeds`], [`Error::InUse`] for
    /// one that is built in, [`Error::Precondition`], or an internal one.
    pub async fn role_edit(
        &self,
        session: &Session,
        id: RoleId,
        expected: Option<Vec<String>>,
        patch: RolePatch,
        mode: Mode,
    ) -> Result<Role> {
        let session = session.clone();
        self.change_access("editing a role", async move |app: App, access| {
            let present = visible(&access, &session, id)?;
            let tenant = changeable(present)?;
            let scope = app.authorize::<RoleWrite>(&session, Node::Tenant(tenant))?;
            checked_permissions(&access, &session, tenant, &present.permissions)?;
            check_generation(expected.as_deref(), present.generation)?;
            let name = patch.name.as_deref().map(|name| checked_name("name", name)).transpose()?;
            let description = patch.description.as_deref().map(checked_description).transpose()?;
            let permissions = patch.permissions.as_deref();
            let permissions = permissions.map(|all| checked_permissions(&access, &session, tenant, all)).transpose()?;
            let mut role = Role {
                name: name.unwrap_or_else(|| present.name.clone()),
                description: description.unwrap_or_else(|| present.description.clone()),
                permissions: permissions.unwrap_or_else(|| present.permissions.clone()),
                ..present.clone()
            };
            check_name_free("role", &role.name, names(access.graph(), tenant, Some(id)))?;
            if role == *present {
                return Ok(role);
            }
            role.generation += 1;
            role.updated_at = app.clock().now();
            if mode.is_real() {
                app.writing(&scope).role_update(&role, session.edited(present, &role)).await?;
            }
            Ok(role)
        })
        .await
    }

    /// Removes a role that nothing is bound by.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Denied`], [`Error::InUse`], [`Error::Precondition`], or an internal one.
    pub async fn role_delete(&self, session: &Session, id: RoleId, expected: Option<Vec<String>>) -> Result<()> {
        let session = session.clone();
        self.change_access("removing a role", async move |app: App, access| {
            let present = visible(&access, &session, id)?;
            let tenant = changeable(present)?;
            let scope = app.authorize::<RoleWrite>(&session, Node::Tenant(tenant))?;
            check_generation(expected.as_deref(), present.generation)?;
            let bound = access.graph().bindings().filter(|binding| binding.role_id == id).count();
            if bound > 0 {
                return Err(Error::InUse {
                    what: format!("the role {}", present.name),
                    why: format!("{bound} bindings name it; remove these first"),
                });
            }
            app.writing(&scope).role_delete(id, session.removed(present)).await?;
            Ok(())
        })
        .await
    }
}
