//! Who may do what, and the scope that a decision mints.
//!
//! [`Graph`] is what decides: tenants, members, roles, bindings. [`policy`] makes it into Cedar policies, [`reach`] into
//! something that a request can ask thousands of times. A [`TenantScope`] is of one act, and can be made here and nowhere
//! else: whoever holds one was allowed just that.

mod action;
mod graph;
mod policy;
mod reach;
pub mod roles;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

pub use self::action::*;
pub use self::graph::{Facts, Graph};
pub use self::policy::Decision;
use self::policy::Policies;
use self::reach::Reach;
pub use self::reach::TenantScope;
use crate::model::{Binding, BindingScope, ObjectId, Owner, Permission, ProjectId, RoleId, Subject, TenantId, UserId};

/// Who asks: a signed-in user or service account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The user.
    pub user_id: UserId,
    /// The user's name, for logs and audit.
    pub username: String,
    /// The tenant that the user belongs to.
    pub tenant_id: TenantId,
}

/// What something is done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    /// A tenant, and what is directly in it. The platform is the root of all.
    Tenant(TenantId),
    /// A project.
    Project(ProjectId),
    /// An object of the inventory.
    Object {
        /// Its id.
        id: ObjectId,
        /// Whose it is.
        owner: Owner,
    },
}

impl Node {
    /// The platform itself.
    pub const PLATFORM: Node = Node::Tenant(TenantId::PLATFORM);
}

/// The caller may not do it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{username} lacks the permission {permission}")]
pub struct Denied {
    /// What would be needed.
    pub permission: Permission,
    /// Who asked.
    pub username: String,
}

/// How many ids the remembered reaches hold together at most, some 16 bytes each; more are only worked out again.
const REMEMBERED_MAX: usize = 4_000_000;

/// Who may do what, as it is at one moment. Replaced as a whole when anything of it changes.
#[derive(Debug, Default)]
pub struct Access {
    graph: Graph,
    /// Held for a look and no longer.
    remembered: Mutex<Remembered>,
}

#[derive(Debug, Default)]
struct Remembered {
    reaches: HashMap<(UserId, Permission), Arc<Reach>>,
    /// How many ids they hold together.
    size: usize,
}

impl Access {
    /// Of what is stored.
    #[must_use]
    pub fn new(facts: Facts) -> Self {
        Self { graph: Graph::new(facts), remembered: Mutex::default() }
    }

    /// What decides.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    fn reach(&self, user: UserId, permission: Permission) -> Arc<Reach> {
        let known = || self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reach) = known().reaches.get(&(user, permission)) {
            return Arc::clone(reach);
        }
        // Not under the lock: of two that ask the same at once both work it out, to the same end.
        let reach = Arc::new(Reach::of(&self.graph, user, permission));
        let mut known = known();
        known.size += reach.size() + 1;
        if known.size > REMEMBERED_MAX {
            *known = Remembered { size: reach.size() + 1, ..Remembered::default() };
        }
        known.reaches.insert((user, permission), Arc::clone(&reach));
        reach
    }

    /// How far `A` reaches for who asks; that may be nowhere.
    #[must_use]
    pub fn scope<A: Act>(&self, principal: &Principal) -> TenantScope<A> {
        match A::PERMISSION {
            Some(permission) => {
                let reach = self.reach(principal.user_id, permission);
                TenantScope::new(reach, principal.tenant_id, principal)
            }
            None => TenantScope::own(principal),
        }
    }

    /// Decides about `A` in one place, and mints the scope. What is made with it belongs to the tenant of that place.
    ///
    /// # Errors
    /// [`Denied`] when nothing gives the permission there, or something denies it.
    pub fn authorize<A: Act>(&self, principal: &Principal, node: Node) -> Result<TenantScope<A>, Denied> {
        let Some(permission) = A::PERMISSION else { return Ok(TenantScope::own(principal)) };
        let reach = self.reach(principal.user_id, permission);
        if !reach.contains(node) {
            return Err(Denied { permission, username: principal.username.clone() });
        }
        let tenant = match node {
            Node::Tenant(id) => id,
            Node::Project(id) => self.graph.project(id).map_or(TenantId::PLATFORM, |project| project.tenant_id),
            Node::Object { owner, .. } => owner.tenant_id,
        };
        Ok(TenantScope::new(reach, tenant, principal))
    }

    /// Whether a user may do something in a place.
    #[must_use]
    pub fn may(&self, user: UserId, permission: Permission, node: Node) -> bool {
        self.reach(user, permission).contains(node)
    }

    /// Whether a user may do something in any place.
    #[must_use]
    pub fn may_anywhere(&self, user: UserId, permission: Permission) -> bool {
        !self.reach(user, permission).is_nowhere()
    }

    /// What is decided of a user, and because of which bindings.
    #[must_use]
    pub fn explain(&self, user: UserId, permission: Permission, node: Node) -> Decision {
        Policies::of(&self.graph, user).decide(permission, node)
    }

    /// The first permission of a role that a user does not have where it is to be bound, or not in all that is within: nobody
    /// gives more than he has.
    #[must_use]
    pub fn beyond(&self, user: UserId, role: RoleId, node: Node) -> Option<Permission> {
        let permissions = self.graph.role(role).map(|role| role.permissions.as_slice()).unwrap_or_default();
        let lacks = |permission: &Permission| {
            let reach = self.reach(user, *permission);
            !reach.contains(node) || reach.denies_within(&self.graph, node)
        };
        permissions.iter().copied().find(lacks)
    }

    /// The first binding of a subject whose role is more than `user` has there: who can change the subject could take over what it
    /// gives, or shed what it denies. Of a binding of one object it is asked where the object is; `owner_of` says that.
    #[must_use]
    pub fn above(&self, user: UserId, subject: Subject, owner_of: impl Fn(ObjectId) -> Owner) -> Option<Binding> {
        let bindings: Vec<&Binding> = match subject {
            Subject::User { id } => self.graph.bindings_for(id).collect(),
            Subject::Group { .. } => self.graph.bindings_of(subject).collect(),
        };
        let more = |binding: &&Binding| {
            let node = node_of(binding.scope, &owner_of);
            let is_void = matches!(node, Node::Object { owner, .. } if owner.tenant_id != binding.tenant_id);
            !is_void && self.beyond(user, binding.role_id, node).is_some()
        };
        bindings.iter().find(|binding| more(binding)).map(|binding| **binding)
    }
}

/// The place that a binding is for.
#[must_use]
pub fn node_of(scope: BindingScope, owner_of: impl Fn(ObjectId) -> Owner) -> Node {
    match scope {
        BindingScope::Tenant { id } => Node::Tenant(id),
        BindingScope::Project { id } => Node::Project(id),
        BindingScope::Object { id } => Node::Object { id, owner: owner_of(id) },
    }
}
