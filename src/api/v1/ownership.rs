//! Whose machines are: the rules, what a rule would do, and why a machine is whose it is.

use axum::extract::State;
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Api;
use super::super::extract::{Body, Id, NoParams, Params, Patch};
use super::super::problem::Problem;
use super::Items;
use super::managed::{created, edited, got, removed};
use crate::app::{Explained, Invalid, Move, Preview, Reason, RuleInput, RulePatch, Session, Tried};
use crate::model::ownership::{OwnershipRule, RuleCondition, RuleField};
use crate::model::{OwnershipRuleId, ProjectId, TenantId, VmId};

pub(in crate::api) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(list, create))
        .routes(routes!(get, edit, remove))
        .routes(routes!(preview))
        .routes(routes!(owner, give, leave))
}

/// A rule to add.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OwnershipRuleCreate {
    /// Its name; unique.
    #[schema(example = "shop by folder", max_length = 128)]
    name: String,
    /// The project that machines go to.
    project_id: ProjectId,
    /// Rules are looked at in the order of their priorities, the lowest first.
    #[serde(default = "middle")]
    #[schema(default = 100)]
    priority: i32,
    /// Whether it is looked at.
    #[serde(default = "yes")]
    #[schema(default = true)]
    enabled: bool,
    /// All of them must hold.
    #[schema(min_items = 1, max_items = 20)]
    conditions: Vec<RuleCondition>,
}

const fn middle() -> i32 {
    100
}

const fn yes() -> bool {
    true
}

impl From<OwnershipRuleCreate> for RuleInput {
    fn from(body: OwnershipRuleCreate) -> Self {
        let OwnershipRuleCreate { name, project_id, priority, enabled, conditions } = body;
        Self { name, project_id, priority, enabled, conditions }
    }
}

/// An edit: what is absent stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OwnershipRuleEdit {
    /// Another name.
    #[schema(value_type = String, required = false, max_length = 128)]
    #[serde(default)]
    name: Patch<String>,
    /// Another project.
    #[schema(value_type = ProjectId, required = false)]
    #[serde(default)]
    project_id: Patch<ProjectId>,
    /// Another place in the order.
    #[schema(value_type = i32, required = false)]
    #[serde(default)]
    priority: Patch<i32>,
    /// On or off.
    #[schema(value_type = bool, required = false)]
    #[serde(default)]
    enabled: Patch<bool>,
    /// Other conditions.
    #[schema(value_type = Vec<RuleCondition>, required = false, min_items = 1, max_items = 20)]
    #[serde(default)]
    conditions: Patch<Vec<RuleCondition>>,
}

impl TryFrom<OwnershipRuleEdit> for RulePatch {
    type Error = Invalid;

    fn try_from(body: OwnershipRuleEdit) -> Result<Self, Invalid> {
        Ok(Self {
            name: body.name.not_null("name")?,
            project_id: body.project_id.not_null("project_id")?,
            priority: body.priority.not_null("priority")?,
            enabled: body.enabled.not_null("enabled")?,
            conditions: body.conditions.not_null("conditions")?,
        })
    }
}

/// List the rules of ownership
///
/// In the order in which they are looked at: the first that fits a machine decides. None for who may not see them.
#[utoipa::path(get, path = "/v1/ownership-rules", tag = "Ownership", operation_id = "ownership_rule_list",
    responses((status = 200, description = "All rules.", body = Items<OwnershipRule>)))]
async fn list(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    Params(params): Params,
) -> Result<Json<Items<OwnershipRule>>, Problem> {
    Ok(Json(Items { items: api.app().ownership_rules(&session, &params)?.items }))
}

got! {
    /// Get a rule of ownership
    get "ownership_rule_get" of "Ownership" at "/v1/ownership-rules/{id}" by ownership_rule:
        OwnershipRule as OwnershipRuleId
}

created! {
    /// Add a rule of ownership
    ///
    /// It takes effect at once, and whenever a machine, its folder, pool, cluster, tags or networks change. See beforehand
    /// what it would do with `POST /v1/ownership-rules/preview`.
    create "ownership_rule_create" of "Ownership" at "/v1/ownership-rules" by ownership_rule_create:
        OwnershipRule, OwnershipRuleCreate
}

edited! {
    /// Edit a rule of ownership
    edit "ownership_rule_edit" of "Ownership" at "/v1/ownership-rules/{id}" by ownership_rule_edit:
        OwnershipRule as OwnershipRuleId, OwnershipRuleEdit
}

removed! {
    /// Remove a rule of ownership
    ///
    /// What it gave goes where the other rules say; where none does, back to the platform.
    remove "ownership_rule_delete" of "Ownership" at "/v1/ownership-rules/{id}" by ownership_rule_delete: OwnershipRuleId
}

/// A rule to try.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OwnershipPreview {
    /// The rule in whose place it is tried; absent for a new one.
    id: Option<OwnershipRuleId>,
    /// The rule.
    rule: OwnershipRuleCreate,
}

/// Whose something is.
#[derive(Serialize, ToSchema)]
struct OwnerAnswer {
    /// The tenant; the platform while no other owns it.
    tenant_id: TenantId,
    /// The project; absent while it is in none.
    project_id: Option<ProjectId>,
}

impl From<crate::model::Owner> for OwnerAnswer {
    fn from(owner: crate::model::Owner) -> Self {
        Self { tenant_id: owner.tenant_id, project_id: owner.project_id }
    }
}

/// A machine that would go to another owner.
#[derive(Serialize, ToSchema)]
struct MoveAnswer {
    /// The machine.
    vm_id: VmId,
    /// Its name.
    name: String,
    /// Whose it is.
    from: OwnerAnswer,
    /// Whose it would be.
    to: OwnerAnswer,
}

/// What a rule would do.
#[derive(Serialize, ToSchema)]
struct PreviewAnswer {
    /// How many machines fit it.
    fitting: usize,
    /// How many machines would go to another owner, with all that hangs on them.
    moving: usize,
    /// The first hundred of these, by name.
    moves: Vec<MoveAnswer>,
}

/// What a rule would do
///
/// Nothing is changed.
#[utoipa::path(post, path = "/v1/ownership-rules/preview", tag = "Ownership", operation_id = "ownership_preview",
    request_body = OwnershipPreview, responses((status = 200, description = "What it would do.", body = PreviewAnswer)))]
async fn preview(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
    Body(OwnershipPreview { id, rule }): Body<OwnershipPreview>,
) -> Result<Json<PreviewAnswer>, Problem> {
    let Preview { fitting, moving, moves } = api.app().ownership_preview(&session, id, rule.into()).await?;
    let of = |Move { id, name, from, to }| MoveAnswer { vm_id: id, name, from: from.into(), to: to.into() };
    Ok(Json(PreviewAnswer { fitting, moving, moves: moves.into_iter().map(of).collect() }))
}

/// Why a machine is whose it is.
#[derive(Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum ReasonAnswer {
    /// Somebody said so.
    ByHand {
        /// Who.
        username: Option<String>,
        /// When.
        at: DateTime<Utc>,
    },
    /// A rule fits.
    Rule {
        /// The rule.
        id: OwnershipRuleId,
        /// Its name.
        name: String,
    },
    /// Nothing says anything: it is the platform's.
    Nothing,
}

/// A condition, tried on a machine.
#[derive(Serialize, ToSchema)]
struct TriedCondition {
    /// What is looked at.
    field: RuleField,
    /// What it must be.
    pattern: String,
    /// What the machine has there.
    values: Vec<String>,
    /// Whether it holds.
    holds: bool,
}

/// A rule, tried on a machine.
#[derive(Serialize, ToSchema)]
struct TriedRule {
    /// The rule.
    id: OwnershipRuleId,
    /// Its name.
    name: String,
    /// Its place in the order.
    priority: i32,
    /// Whether it is looked at.
    enabled: bool,
    /// Whether it fits.
    fits: bool,
    /// Its conditions.
    conditions: Vec<TriedCondition>,
}

/// Whose a machine is, and why.
#[derive(Serialize, ToSchema)]
struct OwnershipAnswer {
    /// The tenant; the platform while no other owns it.
    tenant_id: TenantId,
    /// The project; absent while it is in none.
    project_id: Option<ProjectId>,
    /// Why; absent for who may not see the rules.
    reason: Option<ReasonAnswer>,
    /// The rules in their order, each tried; empty for who may not see them.
    rules: Vec<TriedRule>,
}

impl From<Tried> for TriedRule {
    fn from(Tried { rule, fits, conditions }: Tried) -> Self {
        let conditions = rule.conditions.into_iter().zip(conditions).map(|(condition, (values, holds))| {
            TriedCondition { field: condition.field, pattern: condition.pattern, values, holds }
        });
        Self {
            id: rule.id,
            name: rule.name,
            priority: rule.priority,
            enabled: rule.enabled,
            fits,
            conditions: conditions.collect(),
        }
    }
}

impl From<Explained> for OwnershipAnswer {
    fn from(Explained { owner, reason, rules }: Explained) -> Self {
        let reason = reason.map(|reason| match reason {
            Reason::ByHand { username, at } => ReasonAnswer::ByHand { username, at },
            Reason::Rule { id, name } => ReasonAnswer::Rule { id, name },
            Reason::Nothing => ReasonAnswer::Nothing,
        });
        let rules = rules.into_iter().map(TriedRule::from).collect();
        Self { tenant_id: owner.tenant_id, project_id: owner.project_id, reason, rules }
    }
}

/// Whose a machine is, and why
#[utoipa::path(get, path = "/v1/vms/{id}/owner", tag = "Ownership", operation_id = "vm_owner",
    params(("id" = VmId, Path, description = "The machine's id.")),
    responses((status = 200, description = "Whose, and why.", body = OwnershipAnswer)))]
async fn owner(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
    Id(id): Id<VmId>,
) -> Result<Json<OwnershipAnswer>, Problem> {
    Ok(Json(api.app().vm_owner(&session, id)?.into()))
}

/// To whom a machine is given.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OwnerGiven {
    /// The project; `null` for the platform.
    #[serde(deserialize_with = "said")]
    project_id: Option<ProjectId>,
}

/// A member that must be there, also when it is `null`.
fn said<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<ProjectId>, D::Error> {
    Option::deserialize(deserializer)
}

/// Give a machine to a project
///
/// By hand, with all that hangs on it: no rule moves it any more. For who may assign where it is and where it goes.
#[utoipa::path(put, path = "/v1/vms/{id}/owner", tag = "Ownership", operation_id = "vm_owner_set",
    params(("id" = VmId, Path, description = "The machine's id.")), request_body = OwnerGiven,
    responses((status = 200, description = "Whose it is now.", body = OwnershipAnswer)))]
async fn give(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
    Id(id): Id<VmId>,
    Body(OwnerGiven { project_id }): Body<OwnerGiven>,
) -> Result<Json<OwnershipAnswer>, Problem> {
    Ok(Json(api.app().vm_owner_set(&session, id, project_id).await?.into()))
}

/// Leave a machine to the rules again
#[utoipa::path(delete, path = "/v1/vms/{id}/owner", tag = "Ownership", operation_id = "vm_owner_unset",
    params(("id" = VmId, Path, description = "The machine's id.")),
    responses((status = 200, description = "Whose it is now.", body = OwnershipAnswer)))]
async fn leave(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
    Id(id): Id<VmId>,
) -> Result<Json<OwnershipAnswer>, Problem> {
    Ok(Json(api.app().vm_owner_unset(&session, id).await?.into()))
}
