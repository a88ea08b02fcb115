//! Projects: what holds the machines of a tenant.

use super::super::check_generation;
use super::super::checked_name;
use super::super::history::StoredPage;
use super::super::objects::Pairs;
use super::listing::NAMED;
use super::{App, Error, Mode, Result, Session};
use super::{check_name_free, checked_description, seen_tenant};
use crate::authz::{Access, Graph, Node, ProjectRead, ProjectWrite};
use crate::model::{Kind, Project, ProjectId, TenantId};
use crate::store::{Once, Outcome};

/// A project to add.
#[derive(Clone, Debug)]
pub struct ProjectInput {
    /// The tenant that it belongs to.
    pub tenant_id: TenantId,
    /// Its name.
    pub name: String,
    /// Free text.
    pub description: String,
}

/// An edit of a project: what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct ProjectPatch {
    /// Another name.
    pub name: Option<String>,
    /// Another text.
    pub description: Option<String>,
}

fn names(graph: &Graph, tenant: TenantId, own: Option<ProjectId>) -> impl Iterator<Item = (&str, uuid::Uuid)> {
    let of = move |project: &&Project| project.tenant_id == tenant && Some(project.id) != own;
    graph.projects().filter(of).map(|project| (project.name.as_str(), project.id.0))
}

/// A project that the caller sees.
pub(super) fn visible<'a>(access: &'a Access, session: &Session, id: ProjectId) -> Result<&'a Project> {
    let scope = access.scope::<ProjectRead>(&session.principal);
    let project = access.graph().project(id).filter(|_| scope.contains(Node::Project(id)));
    project.ok_or_else(|| Error::not_found("project", id))
}

impl App {
    /// The projects that the caller sees, by tenant and name.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn projects(&self, session: &Session, pairs: &Pairs) -> Result<StoredPage<Project>> {
        let access = self.access();
        let scope = access.scope::<ProjectRead>(&session.principal);
        self.access_page(session, "projects", pairs, NAMED, |asked| {
            let seen = access.graph().projects().filter(|project| scope.contains(Node::Project(project.id)));
            let wanted = seen.filter(|project| asked.wants(&project.name, Some(project.tenant_id)));
            let key = |project: &Project| (format!("{}/{}", project.tenant_path, project.name), project.id.0);
            wanted.map(|project| (key(project), project.clone())).collect()
        })
    }

    /// One project.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn project(&self, session: &Session, id: ProjectId) -> Result<Project> {
        visible(&self.access(), session, id).cloned()
    }

    /// Adds a project, once where that is asked for.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Exists`], [`Error::Denied`], [`Error::IdempotencyKeyReused`], or an internal one.
    pub async fn project_create(
        &self,
        session: &Session,
        input: ProjectInput,
        once: Option<Once<Project>>,
        mode: Mode,
    ) -> Result<Outcome<Project>> {
        let session = session.clone();
        self.change_access("adding a project", async move |app: App, access| {
            let ProjectInput { tenant_id, name, description } = input;
            seen_tenant(&session, &access, "tenant_id", tenant_id)?;
            let scope = app.authorize::<ProjectWrite>(&session, Node::Tenant(tenant_id))?;
            let now = app.clock().now();
            let project = Project {
                id: ProjectId::generate(),
                tenant_id,
                tenant_path: access.graph().tenant(tenant_id).map(|tenant| tenant.path.clone()).unwrap_or_default(),
                name: checked_name("name", &name)?,
                description: checked_description(&description)?,
                generation: 1,
                created_at: now,
                updated_at: now,
            };
            let store = app.store().tenant(&scope);
            if !store.is_done(once.as_ref()).await? {
                check_name_free("project", &project.name, names(access.graph(), tenant_id, None))?;
                super::check_room("projects", names(access.graph(), tenant_id, None).count(), super::NOUNS_MAX)?;
            }
            if !mode.is_real() {
                return Ok(Outcome::Done(project, None));
            }
            let told = session.made(&project);
            Ok(app.writing(&scope).project_create(project, once, told).await?)
        })
        .await
    }

    /// Edits a project.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Exists`], [`Error::Denied`], [`Error::Precondition`], or an internal
    /// one.
    pub async fn project_edit(
        &self,
        session: &Session,
        id: ProjectId,
        expected: Option<Vec<String>>,
        patch: ProjectPatch,
        mode: Mode,
    ) -> Result<Project> {
        let session = session.clone();
        self.change_access("editing a project", async move |app: App, access| {
            let present = visible(&access, &session, id)?;
            let scope = app.authorize::<ProjectWrite>(&session, Node::Project(id))?;
            check_generation(expected.as_deref(), present.generation)?;
            let name = patch.name.as_deref().map(|name| checked_name("name", name)).transpose()?;
            let description = patch.description.as_deref().map(checked_description).transpose()?;
            let mut project = Project {
                name: name.unwrap_or_else(|| present.name.clone()),
                description: description.unwrap_or_else(|| present.description.clone()),
                ..present.clone()
            };
            check_name_free("project", &project.name, names(access.graph(), project.tenant_id, Some(id)))?;
            if project == *present {
                return Ok(project);
            }
            project.generation += 1;
            project.updated_at = app.clock().now();
            if mode.is_real() {
                app.writing(&scope).project_update(&project, session.edited(present, &project)).await?;
            }
            Ok(project)
        })
        .await
    }

    /// Removes a project, with its bindings and the rules that give machines to it. Its machines go back to the platform,
    /// which `release` must say; they go on as they are.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Denied`], [`Error::Precondition`], [`Error::InUse`] while it holds machines and `release`
    /// does not say so, or an internal one.
    pub async fn project_delete(
        &self,
        session: &Session,
        id: ProjectId,
        expected: Option<Vec<String>>,
        release: bool,
    ) -> Result<()> {
        let session = session.clone();
        self.change_access("removing a project", async move |app: App, access| {
            let present = visible(&access, &session, id)?;
            let scope = app.authorize::<ProjectWrite>(&session, Node::Tenant(present.tenant_id))?;
            check_generation(expected.as_deref(), present.generation)?;
            let machines = app.inventory().snapshot().owned_count(Kind::Vm, access.graph().owner(id));
            if machines > 0 && !release {
                return Err(Error::InUse {
                    what: format!("the project {}", present.name),
                    why: format!(
                        "it holds {machines} machines; give them to another project first, or say `release=true`: they \
                         go back to the platform and run on"
                    ),
                });
            }
            app.writing(&scope).project_delete(id, session.removed(present)).await?;
            Ok(())
        })
        .await
    }
}
