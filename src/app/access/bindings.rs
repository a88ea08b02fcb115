//! Bindings: who has which role where.

use super::super::history::StoredPage;
use super::super::objects::Pairs;
use super::roles::is_visible;
use super::{App, Error, Invalid, Mode, Result, Session};
use crate::authz::{Access, BindingRead, BindingWrite, Node, TenantScope, node_of};
use crate::model::{Binding, BindingId, BindingScope, Effect, RoleId, Subject, TenantId};
use crate::store::{Once, Outcome};

/// The parameters of the list.
const PARAMETERS: &[&str] = &["limit", "page_token", "subject_id", "role_id", "scope_id"];

/// A binding to add.
#[derive(Clone, Copy, Debug)]
pub struct BindingInput {
    /// Whom it is for.
    pub subject: Subject,
    /// The role.
    pub role_id: RoleId,
    /// Where it holds.
    pub scope: BindingScope,
    /// Whether it gives or takes.
    pub effect: Effect,
}

impl App {
    /// The bindings that the caller sees, by age.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn bindings(&self, session: &Session, pairs: &Pairs) -> Result<StoredPage<Binding>> {
        let access = self.access();
        let scope = access.scope::<BindingRead>(&session.principal);
        self.access_page(session, "bindings", pairs, PARAMETERS, |asked| {
            let seen = access.graph().bindings().filter(|binding| self.is_binding_visible(&scope, binding));
            let wanted = seen.filter(|binding| {
                asked.wants_id("subject_id", Some(binding.subject.uuid()))
                    && asked.wants_id("role_id", Some(binding.role_id.0))
                    && asked.wants_id("scope_id", Some(binding.scope.uuid()))
            });
            wanted.map(|binding| ((String::new(), binding.id.0), *binding)).collect()
        })
    }

    /// One binding.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn binding(&self, session: &Session, id: BindingId) -> Result<Binding> {
        self.visible_binding(&self.access(), session, id)
    }

    fn is_binding_visible(&self, scope: &TenantScope<BindingRead>, binding: &Binding) -> bool {
        scope.contains(node_of(binding.scope, |id| self.owner_of(id)))
    }

    fn visible_binding(&self, access: &Access, session: &Session, id: BindingId) -> Result<Binding> {
        let scope = access.scope::<BindingRead>(&session.principal);
        let binding = access.graph().binding(id).filter(|binding| self.is_binding_visible(&scope, binding));
        binding.copied().ok_or_else(|| Error::not_found("binding", id))
    }

    /// Leave to give or take a role in a place: nobody gives or takes more than he has there.
    fn binder(
        &self,
        session: &Session,
        access: &Access,
        role: RoleId,
        node: Node,
    ) -> Result<TenantScope<BindingWrite>> {
        let scope = access.authorize::<BindingWrite>(&session.principal, node)?;
        match access.beyond(session.principal.user_id, role, node) {
            None => Ok(scope),
            Some(permission) => Err(Error::Exceeds { what: "the role allows", role: permission.to_string() }),
        }
    }

    /// Gives a role to somebody, or denies what it allows, once where that is asked for.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Exists`], [`Error::Denied`], [`Error::Exceeds`], [`Error::IdempotencyKeyReused`], or an
    /// internal one.
    pub async fn binding_create(
        &self,
        session: &Session,
        input: BindingInput,
        once: Option<Once<Binding>>,
        mode: Mode,
    ) -> Result<Outcome<Binding>> {
        let session = session.clone();
        self.change_access("giving a role", async move |app: App, access| {
            let BindingInput { subject, role_id, scope: place, effect } = input;
            let graph = access.graph();
            let node = app.seen_node(&session, &access, place);
            let node = node.ok_or_else(|| Invalid::field("scope.id", format!("names no {}", place.kind())))?;
            if !Self::sees_subject(&session, &access, subject) {
                return Err(Invalid::field("subject.id", format!("names no {}", subject.kind())).into());
            }
            let role = graph.role(role_id).filter(|role| is_visible(&access, &session, role));
            let role = role.ok_or_else(|| Invalid::field("role_id", "names no role"))?;
            let tenant = match node {
                Node::Tenant(id) => id,
                Node::Project(id) => graph.project(id).map_or(TenantId::PLATFORM, |project| project.tenant_id),
                Node::Object { owner, .. } => owner.tenant_id,
            };
            if role.tenant_id.is_some_and(|of| !graph.is_within(tenant, of)) {
                let message = "belongs to a tenant in which this place is not";
                return Err(Invalid::field("role_id", message).into());
            }
            let scope = app.binder(&session, &access, role_id, node)?;
            if effect == Effect::Deny {
                // Who is denied something is not above who denies it.
                app.check_not_above(&session, &access, subject)?;
            }
            let store = app.store().tenant(&scope);
            let same = |other: &&Binding| (other.role_id, other.scope, other.effect) == (role_id, place, effect);
            if let Some(other) = graph.bindings_of(subject).find(same)
                && !store.is_done(once.as_ref()).await?
            {
                let (id, name) = (other.id.to_string(), role.name.clone());
                return Err(Error::Exists { noun: "binding", id, name, field: "role_id".to_owned() });
            }
            let created_at = app.clock().now();
            let binding = Binding {
                id: BindingId::generate(),
                subject,
                role_id,
                scope: place,
                tenant_id: tenant,
                effect,
                created_at,
            };
            if effect == Effect::Deny && mode.is_real() {
                app.check_denial(&access, binding)?;
            }
            super::check_room("bindings", graph.bindings().count(), super::BINDINGS_MAX)?;
            if !mode.is_real() {
                return Ok(Outcome::Done(binding, None));
            }
            let told = session.made(&binding).of(binding.id, role.name.as_str());
            Ok(app.writing(&scope).binding_create(binding, once, told).await?)
        })
        .await
    }

    /// Refuses to deny the last administrator what he has.
    fn check_denial(&self, access: &Access, binding: Binding) -> Result<()> {
        let denied = |user| match binding.subject {
            Subject::User { id } => id == user,
            Subject::Group { id } => access.graph().user(user).is_some_and(|user| user.group_ids.contains(&id)),
        };
        super::check_administrator_left(access.graph(), |_, user| denied(user))
    }

    /// Takes a binding away.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Denied`], [`Error::Exceeds`], [`Error::InUse`], or an internal one.
    pub async fn binding_delete(&self, session: &Session, id: BindingId) -> Result<()> {
        let session = session.clone();
        self.change_access("taking a role", async move |app: App, access| {
            let binding = app.visible_binding(&access, &session, id)?;
            let node = node_of(binding.scope, |id| app.owner_of(id));
            let scope = app.binder(&session, &access, binding.role_id, node)?;
            super::check_administrator_left(access.graph(), |other, _| other.id == id)?;
            let role = access.graph().role(binding.role_id).map(|role| role.name.clone());
            let told = session.removed(&binding).of(id, role.unwrap_or_default());
            app.writing(&scope).binding_delete(id, told).await?;
            Ok(())
        })
        .await
    }
}
