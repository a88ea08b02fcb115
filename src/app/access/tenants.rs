//! Tenants: the tree of who shares the platforms.

use super::super::check_generation;
use super::super::checked_name;
use super::super::history::StoredPage;
use super::super::objects::Pairs;
use super::listing::NAMED;
use super::{App, Error, Invalid, Mode, Result, Session};
use super::{check_name_free, checked_description, seen_tenant};
use crate::authz::{Access, Graph, Node, TenantRead, TenantWrite};
use crate::model::{Subject, Tenant, TenantId, TenantState};
use crate::store::{Once, Outcome};

/// Tenants can be so many below one another.
const DEPTH_MAX: usize = 8;

/// A tenant to add.
#[derive(Clone, Debug)]
pub struct TenantInput {
    /// The tenant that it is to be below; the platform when absent.
    pub parent_id: Option<TenantId>,
    /// Its name.
    pub name: String,
    /// Free text.
    pub description: String,
}

/// An edit of a tenant: what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct TenantPatch {
    /// Another tenant to be below.
    pub parent_id: Option<TenantId>,
    /// Another name.
    pub name: Option<String>,
    /// Another text.
    pub description: Option<String>,
    /// Whether it may be used.
    pub state: Option<TenantState>,
}

fn checked_tenant_name(name: &str) -> std::result::Result<String, Invalid> {
    let name = checked_name("name", name)?;
    if name.contains('/') {
        return Err(Invalid::field("name", "must not contain `/`: it stands between the names of a path"));
    }
    Ok(name)
}

fn siblings(graph: &Graph, parent: TenantId, own: Option<TenantId>) -> impl Iterator<Item = (&str, uuid::Uuid)> {
    let below = move |tenant: &&Tenant| tenant.parent_id == Some(parent) && Some(tenant.id) != own;
    graph.tenants().filter(below).map(|tenant| (tenant.name.as_str(), tenant.id.0))
}

/// The path of a tenant of this name.
fn path(graph: &Graph, parent: TenantId, name: &str) -> String {
    match graph.tenant(parent).map_or("", |tenant| tenant.path.as_str()) {
        "" => name.to_owned(),
        above => format!("{above}/{name}"),
    }
}

/// How many tenants there are from one down to its lowest.
fn height(graph: &Graph, id: TenantId) -> usize {
    let own = graph.ancestors(id).count();
    graph
        .tenants()
        .filter(|other| graph.is_within(other.id, id))
        .map(|other| graph.ancestors(other.id).count() - own)
        .max()
        .unwrap_or(0)
        + 1
}

fn check_depth(graph: &Graph, parent: TenantId, height: usize) -> Result<()> {
    // The platform itself does not count.
    if graph.ancestors(parent).count() - 1 + height > DEPTH_MAX {
        let message = format!("is too far down: at most {DEPTH_MAX} tenants can be below one another");
        return Err(Invalid::field("parent_id", message).into());
    }
    Ok(())
}

impl App {
    /// The tenants that the caller sees, by their paths.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn tenants(&self, session: &Session, pairs: &Pairs) -> Result<StoredPage<Tenant>> {
        let access = self.access();
        let scope = access.scope::<TenantRead>(&session.principal);
        self.access_page(session, "tenants", pairs, NAMED, |asked| {
            let seen = access.graph().tenants().filter(|tenant| scope.contains(Node::Tenant(tenant.id)));
            let wanted = seen.filter(|tenant| asked.wants(&tenant.name, tenant.parent_id));
            wanted.map(|tenant| ((tenant.path.clone(), tenant.id.0), tenant.clone())).collect()
        })
    }

    /// One tenant.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn tenant(&self, session: &Session, id: TenantId) -> Result<Tenant> {
        visible(&self.access(), session, id).cloned()
    }

    /// Adds a tenant, once where that is asked for.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Exists`], [`Error::Denied`], [`Error::IdempotencyKeyReused`], or an internal one.
    pub async fn tenant_create(
        &self,
        session: &Session,
        input: TenantInput,
        once: Option<Once<Tenant>>,
        mode: Mode,
    ) -> Result<Outcome<Tenant>> {
        let session = session.clone();
        self.change_access("adding a tenant", async move |app: App, access| {
            let parent = input.parent_id.unwrap_or(TenantId::PLATFORM);
            seen_tenant(&session, &access, "parent_id", parent)?;
            let scope = app.authorize::<TenantWrite>(&session, Node::Tenant(parent))?;
            let name = checked_tenant_name(&input.name)?;
            check_depth(access.graph(), parent, 1)?;
            super::check_room("tenants", siblings(access.graph(), parent, None).count(), super::NOUNS_MAX)?;
            let now = app.clock().now();
            let tenant = Tenant {
                id: TenantId::generate(),
                parent_id: Some(parent),
                path: path(access.graph(), parent, &name),
                name,
                description: checked_description(&input.description)?,
                state: TenantState::Active,
                generation: 1,
                created_at: now,
                updated_at: now,
            };
            let store = app.store().tenant(&scope);
            // A request that is repeated finds the name taken: by itself.
            if !store.is_done(once.as_ref()).await? {
                check_name_free("tenant", &tenant.name, siblings(access.graph(), parent, None))?;
            }
            if !mode.is_real() {
                return Ok(Outcome::Done(tenant, None));
            }
            let told = session.made(&tenant);
            Ok(app.writing(&scope).tenant_create(tenant, once, told).await?)
        })
        .await
    }

    /// Edits a tenant: for who may do that in the tenant above it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Exists`], [`Error::Denied`], [`Error::Precondition`], or an internal
    /// one.
    pub async fn tenant_edit(
        &self,
        session: &Session,
        id: TenantId,
        expected: Option<Vec<String>>,
        patch: TenantPatch,
        mode: Mode,
    ) -> Result<Tenant> {
        let session = session.clone();
        self.change_access("editing a tenant", async move |app: App, access| {
            let present = visible(&access, &session, id)?;
            let (scope, parent) = above(&app, &session, present)?;
            check_generation(expected.as_deref(), present.generation)?;
            let graph = access.graph();
            let to = patch.parent_id.unwrap_or(parent);
            if to != parent {
                seen_tenant(&session, &access, "parent_id", to)?;
                if graph.is_within(to, id) {
                    return Err(Invalid::field("parent_id", "is the tenant itself, or below it").into());
                }
                app.authorize::<TenantWrite>(&session, Node::Tenant(to))?;
                check_depth(graph, to, height(graph, id))?;
            }
            let name = patch.name.as_deref().map(checked_tenant_name).transpose()?;
            let description = patch.description.as_deref().map(checked_description).transpose()?;
            let name = name.unwrap_or_else(|| present.name.clone());
            let mut tenant = Tenant {
                parent_id: Some(to),
                path: path(graph, to, &name),
                name,
                description: description.unwrap_or_else(|| present.description.clone()),
                state: patch.state.unwrap_or(present.state),
                ..present.clone()
            };
            check_name_free("tenant", &tenant.name, siblings(graph, to, Some(id)))?;
            let shuts_out = tenant.state == TenantState::Suspended || graph.is_suspended(to);
            if shuts_out && graph.is_within(session.principal.tenant_id, id) {
                return Err(Invalid::field("state", "would lock you out: you belong to this tenant").into());
            }
            if tenant == *present {
                return Ok(tenant);
            }
            if to != parent || tenant.state != present.state {
                app.check_nobody_above(&session, &access, id)?;
            }
            if to != parent {
                check_roles_stay(graph, id, to)?;
            }
            super::check_administrator_left(graph, |_, user| {
                shuts_out && graph.user(user).is_some_and(|user| graph.is_within(user.tenant_id, id))
            })?;
            tenant.generation += 1;
            tenant.updated_at = app.clock().now();
            if mode.is_real() {
                app.writing(&scope).tenant_update(&tenant, session.edited(present, &tenant)).await?;
            }
            Ok(tenant)
        })
        .await
        .map(|tenant| self.access().graph().tenant(id).filter(|_| mode.is_real()).cloned().unwrap_or(tenant))
    }

    /// Removes a tenant with its users, groups, roles and bindings. It must be empty: no projects, no tenants below it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Denied`], [`Error::Precondition`], [`Error::InUse`], or an internal one.
    pub async fn tenant_delete(&self, session: &Session, id: TenantId, expected: Option<Vec<String>>) -> Result<()> {
        let session = session.clone();
        self.change_access("removing a tenant", async move |app: App, access| {
            let present = visible(&access, &session, id)?;
            let (scope, parent) = above(&app, &session, present)?;
            check_generation(expected.as_deref(), present.generation)?;
            let graph = access.graph();
            let tenants = graph.tenants().filter(|tenant| tenant.parent_id == Some(id)).count();
            let projects = graph.projects().filter(|project| project.tenant_id == id).count();
            if tenants + projects > 0 {
                return Err(Error::InUse {
                    what: format!("the tenant {}", present.path),
                    why: format!("{projects} projects and {tenants} tenants are in it; remove or move these first"),
                });
            }
            if session.principal.tenant_id == id {
                let why = "you belong to it; somebody of the tenant above has to".to_owned();
                return Err(Error::InUse { what: format!("the tenant {}", present.path), why });
            }
            app.check_nobody_above(&session, &access, id)?;
            super::check_administrator_left(graph, |_, user| {
                graph.user(user).is_some_and(|user| user.tenant_id == id)
            })?;
            // Nobody else is left in it whose concern it could be.
            let told = session.removed(present).concerning(parent);
            app.writing(&scope).tenant_delete(id, told).await?;
            app.sessions().clear();
            Ok(())
        })
        .await
    }
}

impl App {
    /// What shuts out or takes with it everybody in a tenant is not for who is below one of them.
    fn check_nobody_above(&self, session: &Session, access: &Access, id: TenantId) -> Result<()> {
        let graph = access.graph();
        let users = graph.users().filter(|user| graph.is_within(user.tenant_id, id));
        let groups = graph.groups().filter(|group| graph.is_within(group.tenant_id, id));
        let subjects = users.map(|user| Subject::User { id: user.id });
        let mut subjects = subjects.chain(groups.map(|group| Subject::Group { id: group.id }));
        subjects.try_for_each(|subject| self.check_not_above(session, access, subject))
    }
}

/// What is bound within a tenant that moves must be of tenants that are above it afterwards: roles are changed by whose they
/// are, and members too.
fn check_roles_stay(graph: &Graph, id: TenantId, to: TenantId) -> Result<()> {
    let stays = |tenant: TenantId| graph.is_within(tenant, id) || graph.is_within(to, tenant);
    let moves = graph.bindings().filter(|binding| graph.is_within(binding.tenant_id, id));
    let foreign = moves.filter(|binding| {
        let role = graph.role(binding.role_id).and_then(|role| role.tenant_id);
        let subject = match binding.subject {
            Subject::User { id } => graph.user(id).map(|user| user.tenant_id),
            Subject::Group { id } => graph.group(id).map(|group| group.tenant_id),
        };
        role.into_iter().chain(subject).any(|tenant| !stays(tenant))
    });
    match foreign.count() {
        0 => Ok(()),
        count => Err(Error::InUse {
            what: "the tenant".to_owned(),
            why: format!(
                "{count} bindings within it are of roles, users or groups of tenants that are not above it afterwards; \
                 remove these first"
            ),
        }),
    }
}

/// A tenant that the caller sees.
pub(super) fn visible<'a>(access: &'a Access, session: &Session, id: TenantId) -> Result<&'a Tenant> {
    let scope = access.scope::<TenantRead>(&session.principal);
    let tenant = access.graph().tenant(id).filter(|_| scope.contains(Node::Tenant(id)));
    tenant.ok_or_else(|| Error::not_found("tenant", id))
}

/// Leave to change a tenant, which is that of the tenant above it; and that one.
pub(super) fn above(
    app: &App,
    session: &Session,
    tenant: &Tenant,
) -> Result<(crate::authz::TenantScope<TenantWrite>, TenantId)> {
    let parent = tenant.parent_id.ok_or_else(|| Error::InUse {
        what: "the platform".to_owned(),
        why: "it is the root of all tenants and cannot be edited or removed".to_owned(),
    })?;
    Ok((app.authorize(session, Node::Tenant(parent))?, parent))
}
