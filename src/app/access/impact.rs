//! What removing, or suspending, concerns: said before it is done.

use super::{App, Result, Session, projects, tenants};
use crate::authz::{Node, ProjectWrite};
use crate::model::{BindingScope, Kind, Owner, ProjectId, Subject, TenantId, UserKind};

/// How much of each there is in a tenant, with all that is below it, or in a project.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Impact {
    /// Tenants below it.
    pub tenants: usize,
    /// Projects in it.
    pub projects: usize,
    /// Users, who cannot sign in while it is suspended.
    pub users: usize,
    /// Service accounts, the same.
    pub service_accounts: usize,
    /// Groups.
    pub groups: usize,
    /// Bindings in it, and of its users and groups.
    pub bindings: usize,
    /// Rules that give machines to its projects.
    pub ownership_rules: usize,
    /// Machines that its projects hold.
    pub machines: usize,
    /// Volumes that its projects hold.
    pub volumes: usize,
}

impl App {
    /// What there is in a tenant and below it: for who may edit and remove it.
    ///
    /// # Errors
    /// [`super::Error::NotFound`], [`super::Error::Denied`].
    pub fn tenant_impact(&self, session: &Session, id: TenantId) -> Result<Impact> {
        let access = self.access();
        tenants::above(self, session, tenants::visible(&access, session, id)?)?;
        let graph = access.graph();
        let within = |tenant: TenantId| graph.is_within(tenant, id);
        let projects: Vec<ProjectId> =
            graph.projects().filter(|project| within(project.tenant_id)).map(|project| project.id).collect();
        let users: Vec<_> = graph.users().filter(|user| within(user.tenant_id)).collect();
        let programs = users.iter().filter(|user| user.kind == UserKind::ServiceAccount).count();
        let groups: Vec<_> = graph.groups().filter(|group| within(group.tenant_id)).collect();
        let bindings = graph.bindings().filter(|binding| {
            let of_subject = match binding.subject {
                Subject::User { id } => users.iter().any(|user| user.id == id),
                Subject::Group { id } => groups.iter().any(|group| group.id == id),
            };
            of_subject || graph.tenant_of(binding.scope).is_some_and(within)
        });
        Ok(Impact {
            tenants: graph.tenants().filter(|tenant| tenant.id != id && within(tenant.id)).count(),
            projects: projects.len(),
            users: users.len() - programs,
            service_accounts: programs,
            groups: groups.len(),
            bindings: bindings.count(),
            ..self.held_by(&projects)
        })
    }

    /// What there is in a project: for who may remove it.
    ///
    /// # Errors
    /// [`super::Error::NotFound`], [`super::Error::Denied`].
    pub fn project_impact(&self, session: &Session, id: ProjectId) -> Result<Impact> {
        let access = self.access();
        let project = projects::visible(&access, session, id)?;
        self.authorize::<ProjectWrite>(session, Node::Tenant(project.tenant_id))?;
        let here = BindingScope::Project { id };
        let bindings = access.graph().bindings().filter(|binding| binding.scope == here).count();
        Ok(Impact { bindings, ..self.held_by(&[id]) })
    }

    fn held_by(&self, projects: &[ProjectId]) -> Impact {
        let access = self.access();
        let owners: Vec<Owner> = projects.iter().filter_map(|project| access.graph().owner(*project)).collect();
        let snapshot = self.inventory().snapshot();
        let held = |kind| snapshot.owned_count(kind, owners.iter().copied());
        let rules = self.ownership();
        Impact {
            ownership_rules: rules.rules.iter().filter(|rule| projects.contains(&rule.project_id)).count(),
            machines: held(Kind::Vm),
            volumes: held(Kind::Volume),
            ..Impact::default()
        }
    }
}
