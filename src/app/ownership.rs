//! Whose machines are: by hand, else by the first rule that fits, else the platform's. What hangs on a machine goes with it.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::json;

use super::history::{StoredPage, parameters};
use super::objects::{Pairs, invalid};
use super::settle::Decider;
use super::{App, Error, Invalid, Mode, Result, Session, checked_name};
use crate::authz::{Access, Graph, InventoryAssign, InventoryRead, Node, OwnershipRead, OwnershipWrite};
use crate::inventory::{MachineView, Snapshot};
use crate::model::ownership::{ByHand, Machine, OwnershipRule, RuleCondition};
use crate::model::{Kind, ObjectId, Owner, OwnershipRuleId, Permission, ProjectId, TenantId, Time, UserId, VmId};
use crate::store::{Once, Outcome, OwnershipFacts};

/// How many conditions a rule can have.
const CONDITIONS_MAX: usize = 20;
/// How many rules there can be.
const RULES_MAX: usize = 1_000;
/// How many machines a preview names.
const PREVIEW_MAX: usize = 100;

/// A rule to add.
#[derive(Clone, Debug)]
pub struct RuleInput {
    /// Its name.
    pub name: String,
    /// The project that machines go to.
    pub project_id: ProjectId,
    /// When it is looked at.
    pub priority: i32,
    /// Whether it is looked at.
    pub enabled: bool,
    /// All of them must hold.
    pub conditions: Vec<RuleCondition>,
}

/// An edit of a rule: what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct RulePatch {
    /// Another name.
    pub name: Option<String>,
    /// Another project.
    pub project_id: Option<ProjectId>,
    /// Another place in the order.
    pub priority: Option<i32>,
    /// On or off.
    pub enabled: Option<bool>,
    /// Other conditions.
    pub conditions: Option<Vec<RuleCondition>>,
}

/// Why a machine is whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Somebody said so.
    ByHand {
        /// Who, where the caller may know.
        username: Option<String>,
        /// When.
        at: Time,
    },
    /// A rule fits.
    Rule {
        /// The rule.
        id: OwnershipRuleId,
        /// Its name.
        name: String,
    },
    /// Nothing says anything.
    Nothing,
}

/// Whose a machine is, and why.
#[derive(Clone, Debug)]
pub struct Explained {
    /// Whose it is.
    pub owner: Owner,
    /// Why; absent where the caller may not see the rules.
    pub reason: Option<Reason>,
    /// The rules in their order with whether each fits; empty where the caller may not see them.
    pub rules: Vec<Tried>,
}

/// A rule, tried on a machine.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The rule.
    pub rule: OwnershipRule,
    /// Whether it fits.
    pub fits: bool,
    /// Of each condition, what the machine has there and whether it holds.
    pub conditions: Vec<(Vec<String>, bool)>,
}

/// A machine that would go to another owner.
#[derive(Clone, Debug)]
pub struct Move {
    /// The machine.
    pub id: VmId,
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub from: Owner,
    /// Whose it would be.
    pub to: Owner,
}

/// What a rule would do.
#[derive(Clone, Debug, Default)]
pub struct Preview {
    /// How many machines fit it.
    pub fitting: usize,
    /// How many would go to another owner.
    pub moving: usize,
    /// The first of these, by name.
    pub moves: Vec<Move>,
}

impl App {
    /// The rules in the order in which they are looked at.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn ownership_rules(&self, session: &Session, pairs: &Pairs) -> Result<StoredPage<OwnershipRule>> {
        parameters(pairs, &[]).map_err(invalid)?;
        let seen = self.scope::<OwnershipRead>(session).contains(Node::PLATFORM);
        let items = if seen { self.ownership().rules.clone() } else { Vec::new() };
        Ok(StoredPage { items, next_page_token: None })
    }

    /// One rule.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn ownership_rule(&self, session: &Session, id: OwnershipRuleId) -> Result<OwnershipRule> {
        let seen = self.scope::<OwnershipRead>(session).contains(Node::PLATFORM);
        let facts = self.ownership();
        let rule = facts.rules.iter().find(|rule| seen && rule.id == id);
        rule.cloned().ok_or_else(|| Error::not_found("ownership rule", id))
    }

    /// Checks what is the same of new and of edited rules.
    fn check_rule(&self, session: &Session, access: &Access, rule: &OwnershipRule) -> Result<()> {
        let OwnershipRule { id, name, project_id, conditions, .. } = rule;
        let user = session.principal.user_id;
        let seen = access.may(user, Permission::ProjectRead, Node::Project(*project_id));
        if access.graph().project(*project_id).is_none() || !seen {
            return Err(Invalid::field("project_id", "names no project").into());
        }
        if conditions.is_empty() || conditions.len() > CONDITIONS_MAX {
            return Err(Invalid::field("conditions", format!("must be 1 to {CONDITIONS_MAX}")).into());
        }
        for (at, RuleCondition { pattern, .. }) in conditions.iter().enumerate() {
            let field = || format!("conditions[{at}].pattern");
            if pattern.trim().is_empty() {
                return Err(Invalid::field(field(), "must not be empty; `*` is any text").into());
            }
            if pattern.chars().count() > 512 || pattern.chars().any(char::is_control) {
                let message = "must have at most 512 characters, none of which controls";
                return Err(Invalid::field(field(), message).into());
            }
        }
        let facts = self.ownership();
        let key = name.to_lowercase();
        match facts.rules.iter().find(|other| other.id != *id && other.name.to_lowercase() == key) {
            None => Ok(()),
            Some(other) => Err(Error::Exists {
                noun: "ownership rule",
                id: other.id.to_string(),
                name: other.name.clone(),
                field: "name".to_owned(),
            }),
        }
    }

    fn new_rule(&self, input: RuleInput) -> Result<OwnershipRule> {
        let RuleInput { name, project_id, priority, enabled, conditions } = input;
        let now = self.clock().now();
        Ok(OwnershipRule {
            id: OwnershipRuleId::generate(),
            name: checked_name("name", &name)?,
            project_id,
            priority,
            enabled,
            conditions,
            generation: 1,
            created_at: now,
            updated_at: now,
        })
    }

    /// Adds a rule, once where that is asked for. It takes effect at once.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Exists`], [`Error::Denied`], [`Error::IdempotencyKeyReused`], or an internal one.
    pub async fn ownership_rule_create(
        &self,
        session: &Session,
        input: RuleInput,
        once: Option<Once<OwnershipRule>>,
        mode: Mode,
    ) -> Result<Outcome<OwnershipRule>> {
        let session = session.clone();
        self.change_access("adding an ownership rule", async move |app: App, access: Arc<Access>| {
            let scope = app.authorize::<OwnershipWrite>(&session, Node::PLATFORM)?;
            let store = app.store().tenant(&scope);
            let rule = app.new_rule(input)?;
            if !store.is_done(once.as_ref()).await? {
                app.check_rule(&session, &access, &rule)?;
                if app.ownership().rules.len() >= RULES_MAX {
                    let (what, why) =
                        ("the list of rules".to_owned(), format!("it is full with {RULES_MAX}; remove one"));
                    return Err(Error::InUse { what, why });
                }
            }
            if !mode.is_real() {
                return Ok(Outcome::Done(rule, None));
            }
            let told = session.made(&rule);
            Ok(app.writing(&scope).ownership_rule_create(rule, once, told).await?)
        })
        .await
    }

    /// Edits a rule. It takes effect at once.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Exists`], [`Error::Denied`], [`Error::Precondition`], or an internal
    /// one.
    pub async fn ownership_rule_edit(
        &self,
        session: &Session,
        id: OwnershipRuleId,
        expected: Option<Vec<String>>,
        patch: RulePatch,
        mode: Mode,
    ) -> Result<OwnershipRule> {
        let session = session.clone();
        self.change_access("editing an ownership rule", async move |app: App, access: Arc<Access>| {
            let present = app.ownership_rule(&session, id)?;
            let scope = app.authorize::<OwnershipWrite>(&session, Node::PLATFORM)?;
            super::check_generation(expected.as_deref(), present.generation)?;
            let name = patch.name.as_deref().map(|name| checked_name("name", name)).transpose()?;
            let mut rule = OwnershipRule {
                name: name.unwrap_or_else(|| present.name.clone()),
                project_id: patch.project_id.unwrap_or(present.project_id),
                priority: patch.priority.unwrap_or(present.priority),
                enabled: patch.enabled.unwrap_or(present.enabled),
                conditions: patch.conditions.unwrap_or_else(|| present.conditions.clone()),
                ..present.clone()
            };
            app.check_rule(&session, &access, &rule)?;
            if rule == present {
                return Ok(rule);
            }
            rule.generation += 1;
            rule.updated_at = app.clock().now();
            if mode.is_real() {
                app.writing(&scope).ownership_rule_update(&rule, session.edited(&present, &rule)).await?;
            }
            Ok(rule)
        })
        .await
    }

    /// Removes a rule. What it gave goes where the others say.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Denied`], [`Error::Precondition`], or an internal one.
    pub async fn ownership_rule_delete(
        &self,
        session: &Session,
        id: OwnershipRuleId,
        expected: Option<Vec<String>>,
    ) -> Result<()> {
        let session = session.clone();
        self.change_access("removing an ownership rule", async move |app: App, _| {
            let present = app.ownership_rule(&session, id)?;
            let scope = app.authorize::<OwnershipWrite>(&session, Node::PLATFORM)?;
            super::check_generation(expected.as_deref(), present.generation)?;
            Ok(app.writing(&scope).ownership_rule_delete(id, session.removed(&present)).await?)
        })
        .await
    }

    /// What a rule would do: a new one, or, with `id`, in the place of that one. Nothing is changed.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Exists`], [`Error::Denied`].
    pub async fn ownership_preview(
        &self,
        session: &Session,
        id: Option<OwnershipRuleId>,
        input: RuleInput,
    ) -> Result<Preview> {
        let access = self.access();
        access.authorize::<OwnershipWrite>(&session.principal, Node::PLATFORM)?;
        // Before there is anything to look at, every preview would be empty.
        self.reader(session)?;
        let mut rule = self.new_rule(input)?;
        if let Some(id) = id {
            rule = OwnershipRule { id, created_at: self.ownership_rule(session, id)?.created_at, ..rule };
        }
        self.check_rule(session, &access, &rule)?;
        let mut facts = OwnershipFacts::clone(&self.ownership());
        facts.rules.retain(|other| other.id != rule.id);
        let at = facts.rules.partition_point(|other| (other.priority, other.id) < (rule.priority, rule.id));
        facts.rules.insert(at, rule.clone());
        let snapshot = self.inventory().snapshot();
        let work = move || preview(&access, &facts, &rule, &snapshot);
        tokio::task::spawn_blocking(work).await.map_err(|error| Error::internal("trying a rule", error))
    }

    /// Whose a machine is, and why.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`] while loading.
    pub fn vm_owner(&self, session: &Session, id: VmId) -> Result<Explained> {
        let scope = self.reader(session)?;
        let snapshot = self.inventory().snapshot();
        let machine = snapshot.machine(id.into()).filter(|machine| scope.sees(machine.owner(), machine.id()));
        let machine = machine.ok_or_else(|| Error::not_found("vm", id))?;
        let (access, facts) = (self.access(), self.ownership());
        let owner = machine.owner();
        if !access.may(session.principal.user_id, Permission::OwnershipRead, Node::PLATFORM) {
            return Ok(Explained { owner, reason: None, rules: Vec::new() });
        }
        let decider = Decider::new(&access, &facts);
        let reason = match (decider.by_hand(id.into()), decider.rule(&machine)) {
            (Some(said), _) => Reason::ByHand { username: self.name_of(&access, said.user_id), at: said.at },
            (None, Some(rule)) => Reason::Rule { id: rule.id, name: rule.name.clone() },
            (None, None) => Reason::Nothing,
        };
        let rules = facts.rules.iter().map(|rule| tried(rule, &machine)).collect();
        Ok(Explained { owner, reason: Some(reason), rules })
    }

    fn name_of(&self, access: &Access, user: UserId) -> Option<String> {
        access.graph().user(user).map(|user| user.username.clone())
    }

    /// Gives a machine, with all that hangs on it, to a project by hand; without one, to the platform. Rules do not move it
    /// any more.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Denied`] where the machine is or where it is to go, or an internal
    /// one.
    pub async fn vm_owner_set(&self, session: &Session, id: VmId, project: Option<ProjectId>) -> Result<Explained> {
        self.set_by_hand(session, id, Some(project)).await
    }

    /// Leaves a machine to the rules again.
    ///
    /// # Errors
    /// As [`App::vm_owner_set`].
    pub async fn vm_owner_unset(&self, session: &Session, id: VmId) -> Result<Explained> {
        self.set_by_hand(session, id, None).await
    }

    async fn set_by_hand(&self, session: &Session, id: VmId, said: Option<Option<ProjectId>>) -> Result<Explained> {
        self.reader(session)?;
        let caller = session.clone();
        self.change_access("giving a machine to a project", async move |app: App, access: Arc<Access>| {
            let session = caller;
            let object = ObjectId::from(id);
            let present = app.inventory().snapshot().owner(Kind::Vm, object);
            let seen = access.scope::<InventoryRead>(&session.principal);
            let present = present.filter(|owner| seen.sees(*owner, object));
            let present = present.ok_or_else(|| Error::not_found("vm", id))?;
            // What was said a moment ago may not be done yet: it counts all the same.
            let (facts, snapshot) = (app.ownership(), app.inventory().snapshot());
            let said_now = snapshot.machine(object).map(|machine| Decider::new(&access, &facts).owner(&machine).0);
            let said_now =
                said_now.filter(|owner| seen.sees(*owner, object)).ok_or_else(|| Error::not_found("vm", id))?;
            access.authorize::<InventoryAssign>(&session.principal, Node::Object { id: object, owner: said_now })?;
            let here = Node::Object { id: object, owner: present };
            let scope = access.authorize::<InventoryAssign>(&session.principal, here)?;
            let user_id = session.principal.user_id;
            let by_hand = match said {
                None => {
                    // Where the rules would put it nobody knows beforehand: that is the platform's to say.
                    access.authorize::<InventoryAssign>(&session.principal, Node::PLATFORM)?;
                    None
                }
                Some(project) => {
                    Some(ByHand { owner: app.assignable(&session, &access, project)?, user_id, at: app.clock().now() })
                }
            };
            let to = by_hand.map(|said| said.owner);
            let action = if by_hand.is_some() { "vm.owner_set" } else { "vm.owner_unset" };
            let name = app.inventory().snapshot().machine(object).map(|machine| machine.name().to_owned());
            let told = session
                .told(action, "vm", 200)
                .of(id, name.unwrap_or_default())
                .concerning(concerned(access.graph(), present, to))
                .before(json!({"tenant_id": present.tenant_id, "project_id": present.project_id}))
                // Left to the rules, it is theirs to say.
                .after(json!(to.map(|to| json!({"tenant_id": to.tenant_id, "project_id": to.project_id}))));
            app.writing(&scope).ownership_set(object, by_hand, told).await?;
            Ok(())
        })
        .await?;
        self.settle_one(id.into()).await?;
        self.vm_owner(session, id).or_else(|error| match error {
            // It was given where the caller does not see it any more.
            Error::NotFound { .. } => Ok(Explained {
                owner: self.inventory().snapshot().owner(Kind::Vm, id.into()).unwrap_or(Owner::PLATFORM),
                reason: None,
                rules: Vec::new(),
            }),
            error => Err(error),
        })
    }

    /// The owner that something may be given to by the caller.
    fn assignable(&self, session: &Session, access: &Access, project: Option<ProjectId>) -> Result<Owner> {
        let Some(project) = project else {
            access.authorize::<InventoryAssign>(&session.principal, Node::PLATFORM)?;
            return Ok(Owner::PLATFORM);
        };
        let seen = access.may(session.principal.user_id, Permission::ProjectRead, Node::Project(project));
        let owner = access.graph().owner(project).filter(|_| seen);
        let owner = owner.ok_or_else(|| Invalid::field("project_id", "names no project"))?;
        access.authorize::<InventoryAssign>(&session.principal, Node::Project(project))?;
        Ok(owner)
    }
}

/// Whose concern it is that somebody gives a machine away: from one tenant to another it is that of the lowest one that is
/// above both.
fn concerned(graph: &Graph, from: Owner, to: Option<Owner>) -> TenantId {
    let to = to.unwrap_or(Owner::PLATFORM);
    let apart = from.project_id.is_some() && to.project_id.is_some();
    let above = |tenant: &&crate::model::Tenant| graph.is_within(to.tenant_id, tenant.id);
    let common = graph.ancestors(from.tenant_id).find(above).filter(|_| apart);
    common.map_or_else(|| from.concerned(to), |tenant| tenant.id)
}

fn tried(rule: &OwnershipRule, machine: &MachineView<'_>) -> Tried {
    let of = |condition: &RuleCondition| {
        let texts = machine.texts(condition.field);
        let holds = texts.iter().any(|text| condition.matches(text));
        (texts.into_iter().map(Cow::into_owned).collect(), holds)
    };
    Tried { fits: rule.fits(machine), conditions: rule.conditions.iter().map(of).collect(), rule: rule.clone() }
}

fn preview(access: &Access, facts: &OwnershipFacts, rule: &OwnershipRule, snapshot: &Snapshot) -> Preview {
    let decider = Decider::new(access, facts);
    let mut preview = Preview::default();
    for machine in snapshot.machines() {
        preview.fitting += usize::from(rule.fits(&machine));
        let (to, _) = decider.owner(&machine);
        if to != machine.owner() {
            let id = machine.id().into();
            preview.moves.push(Move { id, name: machine.name().to_owned(), from: machine.owner(), to });
        }
    }
    preview.moving = preview.moves.len();
    preview.moves.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| a.id.cmp(&b.id)));
    preview.moves.truncate(PREVIEW_MAX);
    preview
}
