//! Roles and bindings as Cedar policies: the one engine that decides.
//!
//! A role is two templates, one that permits what it allows and one that forbids it; a binding is a link of one of them, with
//! the binding's id as its own. So what Cedar names as the reason of a decision is the id of a binding.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;

use cedar_policy::{
    Authorizer, Context, Decision as Verdict, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicyId,
    PolicySet, Request, SlotId, Template,
};

use super::Node;
use super::graph::Graph;
use crate::model::{
    Binding, BindingId, BindingScope, Effect, ObjectId, Permission, ProjectId, Role, Subject, TenantId, UserId,
};

/// What was decided, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may be done.
    pub allowed: bool,
    /// The bindings that decided, in the order of their ids. None when nothing gives it.
    pub because: Vec<BindingId>,
}

impl Decision {
    /// Whether it is denied by a binding, and not only given by none.
    pub(super) fn is_forbidden(&self) -> bool {
        !self.allowed && !self.because.is_empty()
    }
}

/// The policies that concern one user: those of the bindings to the user and to the user's groups.
pub(super) struct Policies<'a> {
    graph: &'a Graph,
    set: PolicySet,
    principal: EntityUid,
    /// The user and the groups.
    people: Vec<Entity>,
}

impl<'a> Policies<'a> {
    pub(super) fn of(graph: &'a Graph, user: UserId) -> Self {
        let mut set = PolicySet::new();
        let mut known = HashSet::new();
        for binding in graph.bindings_for(user) {
            let Some(role) = graph.role(binding.role_id) else { continue };
            let template = PolicyId::new(format!("{}.{}", binding.effect, role.id));
            if known.insert(template.clone()) && !add(&mut set, template.clone(), role, binding.effect) {
                continue;
            }
            let values = HashMap::from([
                (SlotId::principal(), uid(subject_type(binding.subject), binding.subject.uuid())),
                (SlotId::resource(), place_of(binding)),
            ]);
            if let Err(error) = set.link(template, PolicyId::new(binding.id.to_string()), values) {
                tracing::error!(binding = %binding.id, %error, "a binding cannot be made into a policy: it gives nothing");
            }
        }
        let groups = graph.user(user).into_iter().flat_map(|user| &user.group_ids);
        let groups: Vec<EntityUid> = groups.map(|id| uid("Group", id.0)).collect();
        let principal = uid("User", user.0);
        let people = groups.iter().map(|group| Entity::new_no_attrs(group.clone(), HashSet::new()));
        let people =
            people.chain([Entity::new_no_attrs(principal.clone(), groups.iter().cloned().collect())]).collect();
        Self { graph, set, principal, people }
    }

    /// Whether the user may do something with something.
    pub(super) fn decide(&self, permission: Permission, node: Node) -> Decision {
        let decided = self.ask(permission, node).unwrap_or_else(|error| {
            // Ids and words are all that goes in.
            tracing::error!(error, %permission, ?node, "a question cannot be put: it is denied");
            Decision { allowed: false, because: Vec::new() }
        });
        debug_assert!(!decided.allowed || !decided.because.is_empty());
        decided
    }

    fn ask(&self, permission: Permission, node: Node) -> Result<Decision, String> {
        let place = self.place(node);
        let resource = place.first().map(|entity| entity.uid()).ok_or("it is nowhere")?;
        let entities = Entities::from_entities(self.people.iter().cloned().chain(place), None);
        let entities = entities.map_err(|error| error.to_string())?;
        let request = Request::new(self.principal.clone(), action(permission), resource, Context::empty(), None);
        let request = request.map_err(|error| error.to_string())?;
        let answer = Authorizer::new().is_authorized(&request, &self.set, &entities);
        let reasons = answer.diagnostics().reason();
        let mut because: Vec<BindingId> = reasons.filter_map(|id| id.to_string().parse().ok()).collect();
        because.sort_unstable();
        Ok(Decision { allowed: answer.decision() == Verdict::Allow, because })
    }

    /// What is asked about, and all that it is within.
    fn place(&self, node: Node) -> Vec<Entity> {
        let mut place = Vec::new();
        let tenant = match node {
            Node::Tenant(id) => Some(id),
            Node::Project(id) => self.project(id, &mut place),
            Node::Object { id, owner } => {
                let parent = match owner.project_id {
                    Some(project) => uid("Project", project.0),
                    None => uid("Tenant", owner.tenant_id.0),
                };
                place.push(Entity::new_no_attrs(object(id, owner.tenant_id), HashSet::from([parent])));
                owner.project_id.map_or(Some(owner.tenant_id), |project| self.project(project, &mut place))
            }
        };
        for tenant in tenant.into_iter().flat_map(|id| self.graph.ancestors(id)) {
            let parents = tenant.parent_id.map(|parent| uid("Tenant", parent.0)).into_iter().collect();
            place.push(Entity::new_no_attrs(uid("Tenant", tenant.id.0), parents));
        }
        place
    }

    fn project(&self, id: ProjectId, place: &mut Vec<Entity>) -> Option<TenantId> {
        let tenant = self.graph.project(id)?.tenant_id;
        place.push(Entity::new_no_attrs(uid("Project", id.0), HashSet::from([uid("Tenant", tenant.0)])));
        Some(tenant)
    }
}

/// Adds the template of a role. `false` when it cannot be.
fn add(set: &mut PolicySet, id: PolicyId, role: &Role, effect: Effect) -> bool {
    let word = match effect {
        Effect::Allow => "permit",
        Effect::Deny => "forbid",
    };
    let actions: Vec<String> = role.permissions.iter().map(|permission| action(*permission).to_string()).collect();
    let text = format!("{word}(principal in ?principal, action in [{}], resource in ?resource);", actions.join(", "));
    let template = Template::parse(Some(id), text).map_err(|error| error.to_string());
    let added = template.and_then(|template| set.add_template(template).map_err(|error| error.to_string()));
    if let Err(error) = &added {
        tracing::error!(role = %role.id, error, "a role cannot be made into a policy: it gives nothing");
    }
    added.is_ok()
}

const fn subject_type(subject: Subject) -> &'static str {
    match subject {
        Subject::User { .. } => "User",
        Subject::Group { .. } => "Group",
    }
}

/// The place of a binding. An object is named together with the tenant that it was in: given to another it is another.
fn place_of(binding: &Binding) -> EntityUid {
    match binding.scope {
        BindingScope::Tenant { id } => uid("Tenant", id.0),
        BindingScope::Project { id } => uid("Project", id.0),
        BindingScope::Object { id } => object(id, binding.tenant_id),
    }
}

fn object(id: ObjectId, tenant: TenantId) -> EntityUid {
    named("Object", &format!("{id}@{tenant}"))
}

fn action(permission: Permission) -> EntityUid {
    named("Action", permission.as_str())
}

fn uid(kind: &'static str, id: uuid::Uuid) -> EntityUid {
    named(kind, &id.to_string())
}

fn named(kind: &'static str, id: &str) -> EntityUid {
    let kind = EntityTypeName::from_str(kind).expect("it is a plain word");
    EntityUid::from_type_name_and_id(kind, EntityId::new(id))
}
