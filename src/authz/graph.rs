//! Everything that decides who may do what: the tree of tenants, who is in it, and who has which role where.

use std::collections::{BTreeMap, HashMap};

use super::roles;
use crate::model::{
    Binding, BindingId, BindingScope, Group, GroupId, Owner, Project, ProjectId, Role, RoleId, Subject, Tenant,
    TenantId, TenantState, User, UserId,
};

/// What the store keeps of it, without order and without what is built in.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The tenants, the platform among them.
    pub tenants: Vec<Tenant>,
    /// The projects.
    pub projects: Vec<Project>,
    /// The users and service accounts.
    pub users: Vec<User>,
    /// The groups.
    pub groups: Vec<Group>,
    /// The roles that are not built in.
    pub roles: Vec<Role>,
    /// The bindings.
    pub bindings: Vec<Binding>,
}

/// The same, in order: every list by id, so by age.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    tenants: BTreeMap<TenantId, Tenant>,
    projects: BTreeMap<ProjectId, Project>,
    users: BTreeMap<UserId, User>,
    groups: BTreeMap<GroupId, Group>,
    roles: BTreeMap<RoleId, Role>,
    bindings: BTreeMap<BindingId, Binding>,
    bindings_of: HashMap<Subject, Vec<BindingId>>,
    usernames: HashMap<(TenantId, String), UserId>,
}

impl Graph {
    /// Puts in order what is stored. The paths of tenants are worked out here, and the groups of users.
    #[must_use]
    pub fn new(facts: Facts) -> Self {
        let mut graph = Self {
            tenants: facts.tenants.into_iter().map(|tenant| (tenant.id, tenant)).collect(),
            projects: facts.projects.into_iter().map(|project| (project.id, project)).collect(),
            users: facts.users.into_iter().map(|user| (user.id, user)).collect(),
            groups: facts.groups.into_iter().map(|group| (group.id, group)).collect(),
            roles: facts.roles.into_iter().chain(roles::built_in()).map(|role| (role.id, role)).collect(),
            bindings: facts.bindings.into_iter().map(|binding| (binding.id, binding)).collect(),
            ..Self::default()
        };
        let paths: HashMap<TenantId, String> = graph.tenants.keys().map(|id| (*id, graph.path(*id))).collect();
        let path = |tenant: TenantId| paths.get(&tenant).cloned().unwrap_or_default();
        graph.tenants.values_mut().for_each(|tenant| tenant.path = path(tenant.id));
        graph.projects.values_mut().for_each(|project| project.tenant_path = path(project.tenant_id));
        for user in graph.users.values_mut() {
            user.tenant_path = path(user.tenant_id);
            user.group_ids.clear();
            graph.usernames.insert((user.tenant_id, user.username.to_lowercase()), user.id);
        }
        for group in graph.groups.values_mut() {
            group.member_ids.retain(|member| graph.users.contains_key(member));
            for member in &group.member_ids {
                graph.users.entry(*member).and_modify(|user| user.group_ids.push(group.id));
            }
        }
        for binding in graph.bindings.values() {
            graph.bindings_of.entry(binding.subject).or_default().push(binding.id);
        }
        graph
    }

    fn path(&self, id: TenantId) -> String {
        let mut names: Vec<&str> = self.ancestors(id).map(|tenant| tenant.name.as_str()).collect();
        // The platform has no name in it.
        names.pop();
        names.reverse();
        names.join("/")
    }

    /// A tenant, then that above it, up to the platform. Stops at a cycle, which no writer makes.
    pub fn ancestors(&self, id: TenantId) -> impl Iterator<Item = &Tenant> {
        let above = |tenant: &&Tenant| tenant.parent_id.and_then(|parent| self.tenants.get(&parent));
        std::iter::successors(self.tenants.get(&id), above).take(self.tenants.len())
    }

    /// Whether a tenant is `above`, or somewhere below it.
    #[must_use]
    pub fn is_within(&self, id: TenantId, above: TenantId) -> bool {
        self.ancestors(id).any(|tenant| tenant.id == above)
    }

    /// Whether a tenant, or one that it is below, is suspended.
    #[must_use]
    pub fn is_suspended(&self, id: TenantId) -> bool {
        self.ancestors(id).any(|tenant| tenant.state == TenantState::Suspended)
    }

    /// All tenants.
    pub fn tenants(&self) -> impl Iterator<Item = &Tenant> {
        self.tenants.values()
    }

    /// All projects.
    pub fn projects(&self) -> impl Iterator<Item = &Project> {
        self.projects.values()
    }

    /// All users and service accounts.
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.users.values()
    }

    /// All groups.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.values()
    }

    /// All roles, those that are built in first.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.values()
    }

    /// All bindings.
    pub fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.bindings.values()
    }

    /// A tenant.
    #[must_use]
    pub fn tenant(&self, id: TenantId) -> Option<&Tenant> {
        self.tenants.get(&id)
    }

    /// A project.
    #[must_use]
    pub fn project(&self, id: ProjectId) -> Option<&Project> {
        self.projects.get(&id)
    }

    /// A user or service account.
    #[must_use]
    pub fn user(&self, id: UserId) -> Option<&User> {
        self.users.get(&id)
    }

    /// A group.
    #[must_use]
    pub fn group(&self, id: GroupId) -> Option<&Group> {
        self.groups.get(&id)
    }

    /// A role, also one that is built in.
    #[must_use]
    pub fn role(&self, id: RoleId) -> Option<&Role> {
        self.roles.get(&id)
    }

    /// A binding.
    #[must_use]
    pub fn binding(&self, id: BindingId) -> Option<&Binding> {
        self.bindings.get(&id)
    }

    /// The bindings of exactly this subject.
    pub fn bindings_of(&self, subject: Subject) -> impl Iterator<Item = &Binding> {
        self.bindings_of.get(&subject).into_iter().flatten().filter_map(|id| self.bindings.get(id))
    }

    /// What is bound to a user, and to the groups that the user is in.
    pub fn bindings_for(&self, user: UserId) -> impl Iterator<Item = &Binding> {
        let groups = self.users.get(&user).into_iter().flat_map(|user| &user.group_ids);
        let subjects = groups.map(|id| Subject::Group { id: *id }).chain([Subject::User { id: user }]);
        subjects.flat_map(|subject| self.bindings_of(subject))
    }

    /// The user that signs in with this name: `username` for one of the platform, else `path/of/tenant/username`.
    #[must_use]
    pub fn user_of_login(&self, login: &str) -> Option<&User> {
        let (path, username) = login.rsplit_once('/').unwrap_or(("", login));
        let path = path.to_lowercase();
        let tenant = self.tenants.values().find(|tenant| tenant.path.to_lowercase() == path)?;
        let id = self.usernames.get(&(tenant.id, username.to_lowercase()))?;
        self.users.get(id)
    }

    /// The user of a tenant that has this name.
    #[must_use]
    pub fn user_named(&self, tenant: TenantId, username: &str) -> Option<&User> {
        self.usernames.get(&(tenant, username.to_lowercase())).and_then(|id| self.users.get(id))
    }

    /// The owner that a project is.
    #[must_use]
    pub fn owner(&self, project: ProjectId) -> Option<Owner> {
        let tenant_id = self.projects.get(&project)?.tenant_id;
        Some(Owner { tenant_id, project_id: Some(project) })
    }

    /// The tenant that a scope of bindings is in. Of an object it is not known here.
    #[must_use]
    pub fn tenant_of(&self, scope: BindingScope) -> Option<TenantId> {
        match scope {
            BindingScope::Tenant { id } => self.tenants.get(&id).map(|tenant| tenant.id),
            BindingScope::Project { id } => self.projects.get(&id).map(|project| project.tenant_id),
            BindingScope::Object { .. } => None,
        }
    }
}
