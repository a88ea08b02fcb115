//! May somebody do something, and because of which bindings.

use super::{App, Invalid, Result, Session};
use crate::authz::{Access, BindingRead, node_of};
use crate::model::{Binding, BindingScope, Permission, Role, Subject, UserId};

/// One binding that decided.
#[derive(Clone, Debug)]
pub struct Because {
    /// The binding.
    pub binding: Binding,
    /// The name of its role.
    pub role: String,
    /// The name of whom it is for.
    pub subject: String,
    /// The name of where it holds.
    pub scope: String,
}

/// What was decided, and why.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// Whether it may be done.
    pub allowed: bool,
    /// What decided: what gives it, or what denies it. Nothing, when nothing gives it.
    pub because: Vec<Because>,
    /// Whether there are others that decided, which the caller may not see.
    pub hidden: bool,
}

impl App {
    /// Decides as a request would, and says because of what. For oneself everybody may ask; for others who may see who has
    /// which role there.
    ///
    /// # Errors
    /// [`super::Error::Invalid`] when user or place are not seen, [`super::Error::Denied`].
    pub fn simulate(
        &self,
        session: &Session,
        user: Option<UserId>,
        permission: Permission,
        place: BindingScope,
    ) -> Result<Simulated> {
        let access = self.access();
        let user = user.unwrap_or(session.principal.user_id);
        let node = self.seen_node(session, &access, place);
        let node = node.ok_or_else(|| Invalid::field("on.id", format!("names no {}", place.kind())))?;
        if user != session.principal.user_id {
            if !Self::sees_subject(session, &access, Subject::User { id: user }) {
                return Err(Invalid::field("user_id", "names no user").into());
            }
            access.authorize::<BindingRead>(&session.principal, node)?;
        }
        let decision = access.explain(user, permission, node);
        let graph = access.graph();
        let all = decision.because.iter().filter_map(|id| graph.binding(*id));
        let seen: Vec<Because> = all
            .filter(|binding| {
                let place = node_of(binding.scope, |id| self.owner_of(id));
                user == session.principal.user_id
                    || access.may(session.principal.user_id, Permission::BindingRead, place)
            })
            .map(|binding| Because {
                binding: *binding,
                role: graph.role(binding.role_id).map(|role: &Role| role.name.clone()).unwrap_or_default(),
                subject: match binding.subject {
                    Subject::User { id } => graph.user(id).map(|user| user.username.clone()),
                    Subject::Group { id } => graph.group(id).map(|group| group.name.clone()),
                }
                .unwrap_or_default(),
                scope: self.place_name(&access, binding.scope),
            })
            .collect();
        let hidden = seen.len() < decision.because.len();
        Ok(Simulated { allowed: decision.allowed, because: seen, hidden })
    }

    fn place_name(&self, access: &Access, place: BindingScope) -> String {
        let graph = access.graph();
        match place {
            BindingScope::PLATFORM => "platform".to_owned(),
            BindingScope::Tenant { id } => graph.tenant(id).map(|tenant| tenant.path.clone()).unwrap_or_default(),
            BindingScope::Project { id } => {
                graph.project(id).map(|project| format!("{}/{}", project.tenant_path, project.name)).unwrap_or_default()
            }
            BindingScope::Object { id } => id.to_string(),
        }
    }
}
