//! How far a permission of a user reaches: worked out once, so that a request, and each object of a list, costs a look.

use std::collections::HashSet;
use std::marker::PhantomData;
use std::sync::Arc;

use uuid::Uuid;

use super::graph::Graph;
use super::policy::Policies;
use super::{Act, Node, Principal};
use crate::model::{BindingScope, Effect, ObjectId, Owner, Permission, ProjectId, TenantId, UserId};

/// Where a user may do something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reach {
    /// Everywhere, also where something is made later.
    everything: bool,
    /// The tenants and projects where it is allowed.
    allowed: HashSet<Uuid>,
    /// Those where a binding denies it.
    forbidden: HashSet<Uuid>,
    /// Single objects for which it is allowed while they are in this tenant, and unless it is denied there.
    objects: HashSet<(ObjectId, TenantId)>,
    /// Single objects for which it is denied while they are in this tenant.
    denied: HashSet<(ObjectId, TenantId)>,
    /// The tenants that have anything of it, in their order.
    tenants: Vec<TenantId>,
}

impl Reach {
    /// Works it out. A place that no binding names is as the one that it is in: so Cedar is asked once for each that is named.
    pub(super) fn of(graph: &Graph, user: UserId, permission: Permission) -> Self {
        let concerns = |role| graph.role(role).is_some_and(|role| role.permissions.contains(&permission));
        let bindings: Vec<_> = graph.bindings_for(user).filter(|binding| concerns(binding.role_id)).collect();
        let mut reach = Self::default();
        let mut named = HashSet::from([TenantId::PLATFORM.0]);
        for binding in &bindings {
            match (binding.scope, binding.effect) {
                (BindingScope::Object { id }, Effect::Allow) => drop(reach.objects.insert((id, binding.tenant_id))),
                (BindingScope::Object { id }, Effect::Deny) => drop(reach.denied.insert((id, binding.tenant_id))),
                (scope, _) => drop(named.insert(scope.uuid())),
            }
        }
        if bindings.is_empty() {
            return reach;
        }
        let policies = Policies::of(graph, user);
        reach.descend(graph, &policies, permission, &named);
        let whole = reach.forbidden.is_empty() && reach.denied.is_empty();
        reach.everything = whole && reach.allowed.contains(&TenantId::PLATFORM.0);
        if reach.everything {
            // Nothing has to be looked up.
            reach.allowed.clear();
            reach.objects.clear();
        }
        reach
    }

    /// From the platform down, so that what a place is in comes before it.
    fn descend(&mut self, graph: &Graph, policies: &Policies<'_>, permission: Permission, named: &HashSet<Uuid>) {
        let mut below: std::collections::BTreeMap<TenantId, Vec<TenantId>> = std::collections::BTreeMap::new();
        for tenant in graph.tenants() {
            below.entry(tenant.parent_id.unwrap_or(tenant.id)).or_default().push(tenant.id);
        }
        let mut due = vec![(TenantId::PLATFORM, TenantId::PLATFORM)];
        let mut tenants = HashSet::new();
        while let Some((tenant, parent)) = due.pop() {
            self.settle(policies, permission, Node::Tenant(tenant), tenant.0, parent.0, named);
            if self.allowed.contains(&tenant.0) {
                tenants.insert(tenant);
            }
            let children = below.get(&tenant).into_iter().flatten().filter(|child| **child != tenant);
            due.extend(children.map(|child| (*child, tenant)));
        }
        for project in graph.projects() {
            let node = Node::Project(project.id);
            self.settle(policies, permission, node, project.id.0, project.tenant_id.0, named);
            if self.allowed.contains(&project.id.0) {
                tenants.insert(project.tenant_id);
            }
        }
        self.tenants = tenants.into_iter().collect();
        self.tenants.sort_unstable();
    }

    fn settle(
        &mut self,
        policies: &Policies<'_>,
        permission: Permission,
        node: Node,
        id: Uuid,
        parent: Uuid,
        named: &HashSet<Uuid>,
    ) {
        let (allowed, forbidden) = if named.contains(&id) {
            let decision = policies.decide(permission, node);
            (decision.allowed, decision.is_forbidden())
        } else {
            (self.allowed.contains(&parent), self.forbidden.contains(&parent))
        };
        if allowed {
            self.allowed.insert(id);
        }
        if forbidden {
            self.forbidden.insert(id);
        }
    }

    /// About how many ids it holds.
    pub(super) fn size(&self) -> usize {
        self.allowed.len() + self.forbidden.len() + self.objects.len() + self.denied.len() + self.tenants.len()
    }

    /// Whether something is denied in a place, or within it.
    pub(super) fn denies_within(&self, graph: &Graph, node: Node) -> bool {
        let within = |tenant: TenantId| match node {
            Node::Tenant(above) => graph.is_within(tenant, above),
            Node::Project(_) | Node::Object { .. } => false,
        };
        let forbidden = |place: &Uuid| match graph.project(ProjectId(*place)) {
            Some(project) => within(project.tenant_id) || node == Node::Project(project.id),
            None => within(TenantId(*place)),
        };
        let denied = |(id, tenant): &(ObjectId, TenantId)| match node {
            Node::Object { id: own, .. } => own == *id,
            // In which project of the tenant it is is not known here.
            Node::Project(project) => graph.project(project).is_some_and(|project| project.tenant_id == *tenant),
            Node::Tenant(_) => within(*tenant),
        };
        self.forbidden.iter().any(forbidden) || self.denied.iter().any(denied)
    }

    /// Whether it reaches nothing.
    pub(super) fn is_nowhere(&self) -> bool {
        !self.everything && self.allowed.is_empty() && self.objects.is_empty()
    }

    /// Whether it reaches what is here.
    pub(super) fn contains(&self, node: Node) -> bool {
        match node {
            _ if self.everything => true,
            Node::Tenant(TenantId(id)) | Node::Project(ProjectId(id)) => self.allowed.contains(&id),
            Node::Object { id, owner } => self.sees(owner, id),
        }
    }

    fn sees(&self, owner: Owner, id: ObjectId) -> bool {
        if self.everything {
            return true;
        }
        let place = owner.key();
        let given = self.allowed.contains(&place)
            || (!self.objects.is_empty()
                && self.objects.contains(&(id, owner.tenant_id))
                && !self.forbidden.contains(&place));
        given && (self.denied.is_empty() || !self.denied.contains(&(id, owner.tenant_id)))
    }
}

/// Leave to do `A`, and how far it reaches. Made by [`Access`](super::Access) and nowhere else: whoever has one was allowed
/// something. The store and the read model give nothing to a caller without one (invariant 2).
#[derive(Debug)]
pub struct TenantScope<A: Act> {
    reach: Arc<Reach>,
    tenant: TenantId,
    home: TenantId,
    user: UserId,
    act: PhantomData<fn() -> A>,
}

impl<A: Act> Clone for TenantScope<A> {
    fn clone(&self) -> Self {
        Self { reach: Arc::clone(&self.reach), ..*self }
    }
}

impl<A: Act> TenantScope<A> {
    pub(super) fn new(reach: Arc<Reach>, tenant: TenantId, principal: &Principal) -> Self {
        Self { reach, tenant, home: principal.tenant_id, user: principal.user_id, act: PhantomData }
    }

    /// What is the user's own, and nothing else.
    pub(super) fn own(principal: &Principal) -> Self {
        let reach = Reach {
            allowed: HashSet::from([principal.tenant_id.0]),
            tenants: vec![principal.tenant_id],
            ..Reach::default()
        };
        Self::new(Arc::new(reach), principal.tenant_id, principal)
    }

    /// The tenant that new things belong to.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The tenant that the user belongs to: what is kept of the user's requests is kept there.
    #[must_use]
    pub const fn home(&self) -> TenantId {
        self.home
    }

    /// The user that acts.
    #[must_use]
    pub const fn user(&self) -> UserId {
        self.user
    }

    /// Whether everything is visible, whoever owns it.
    #[must_use]
    pub fn sees_all(&self) -> bool {
        self.reach.everything
    }

    /// Whether an object that belongs to `owner` is visible.
    #[must_use]
    pub fn sees(&self, owner: Owner, id: ObjectId) -> bool {
        self.reach.sees(owner, id)
    }

    /// Whether a tenant, a project or an object is visible.
    #[must_use]
    pub fn contains(&self, node: Node) -> bool {
        self.reach.contains(node)
    }

    /// The tenants that have anything visible. Single objects that were given may be in others.
    #[must_use]
    pub fn tenants(&self) -> &[TenantId] {
        &self.reach.tenants
    }

    /// The ids of the tenants and projects whose objects are visible. Only of use while [`TenantScope::sees_all`] does not hold.
    pub fn owners(&self) -> impl Iterator<Item = Uuid> {
        self.reach.allowed.iter().copied()
    }

    /// Single objects that may be visible: while they are where they were given, unless they are denied there.
    pub fn objects(&self) -> impl Iterator<Item = ObjectId> {
        self.reach.objects.iter().map(|(id, _)| *id)
    }

    /// Whether single objects are hidden that whoever owns them would show.
    #[must_use]
    pub fn hides_objects(&self) -> bool {
        !self.reach.denied.is_empty()
    }

    /// Whether the other reaches as far.
    #[must_use]
    pub fn is_as_far_as(&self, other: &Self) -> bool {
        self.reach == other.reach
    }

    /// Who sees a list, in one word: page tokens are bound to it.
    #[must_use]
    pub fn viewer(&self) -> String {
        if self.sees_all() { "all".to_owned() } else { self.user.to_string() }
    }

    /// The same, for what is another tenant's and visible all the same: an object that was given by itself.
    #[must_use]
    pub fn with_tenant(&self, tenant: TenantId) -> Self {
        if self.sees_all() || self.reach.tenants.contains(&tenant) {
            return self.clone();
        }
        let mut reach = Reach::clone(&self.reach);
        reach.tenants.push(tenant);
        Self { reach: Arc::new(reach), ..self.clone() }
    }

    #[cfg(test)]
    fn of_reach(reach: Reach, tenant: TenantId) -> Self {
        Self { reach: Arc::new(reach), tenant, home: tenant, user: UserId::generate(), act: PhantomData }
    }

    /// A scope that sees everything of one tenant, for tests of isolation.
    #[cfg(test)]
    #[must_use]
    pub fn of_tenant(tenant: TenantId) -> Self {
        let reach = Reach { allowed: HashSet::from([tenant.0]), tenants: vec![tenant], ..Reach::default() };
        Self::of_reach(reach, tenant)
    }

    /// A scope that sees what these tenants and projects own, for tests.
    #[cfg(test)]
    #[must_use]
    pub fn of_owners(owners: impl IntoIterator<Item = Owner>) -> Self {
        let owners: Vec<Owner> = owners.into_iter().collect();
        let mut tenants: Vec<_> = owners.iter().map(|owner| owner.tenant_id).collect();
        tenants.sort_unstable();
        tenants.dedup();
        let tenant = tenants.first().copied().unwrap_or(TenantId::PLATFORM);
        let reach = Reach { allowed: owners.iter().map(|owner| owner.key()).collect(), tenants, ..Reach::default() };
        Self::of_reach(reach, tenant)
    }

    /// A scope that sees everything, for tests.
    #[cfg(test)]
    #[must_use]
    pub fn of_all() -> Self {
        let reach = Reach { everything: true, ..Reach::default() };
        Self::of_reach(reach, TenantId::PLATFORM)
    }
}
