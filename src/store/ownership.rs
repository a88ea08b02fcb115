//! Whose objects are: the rules, what was said by hand, and what came of them in the rows themselves.

use std::collections::{BTreeMap, HashMap};

use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};
use serde_json::json;
use uuid::Uuid;

use super::access::{insert, update};
use super::db::Tx;
use super::entity::{ownership, ownership_rule, project};
use super::error::While;
use super::log::WriteLock;
use super::object_change::{self, Noted};
use super::observe::{Origin, owner_of};
use super::{Error, Once, Outcome, Result, SystemStore, TenantStore, Told, Written, audit, bulk, codec};
use crate::authz::{InventoryAssign, OwnershipWrite};
use crate::model::ownership::{ByHand, Given, GivenBy, OwnershipRule};
use crate::model::{
    Door, FieldChange, Kind, LogOp, NewAudit, ObjectId, Owner, OwnershipRuleId, ProjectId, ProviderId, Revision,
    SourceId, TenantId, UserId,
};

const WHAT: &str = "whose objects are";
/// So many of what goes to another owner are named in the audit log; of all there is the count.
const TOLD_MAX: usize = 20;

/// Everything that says whose objects are.
#[derive(Clone, Debug, Default)]
pub struct OwnershipFacts {
    /// The rules, in the order in which they are looked at.
    pub rules: Vec<OwnershipRule>,
    /// What was said by hand.
    pub by_hand: HashMap<ObjectId, ByHand>,
}

fn row(rule: &OwnershipRule) -> Result<ownership_rule::Model> {
    let conditions = serde_json::to_string(&rule.conditions).map_err(|error| DbErr::Json(error.to_string()));
    Ok(ownership_rule::Model {
        id: rule.id.0,
        tenant_id: TenantId::PLATFORM.0,
        project_id: rule.project_id.0,
        name: rule.name.clone(),
        key: rule.name.to_lowercase(),
        priority: rule.priority.into(),
        enabled: rule.enabled,
        conditions: conditions.writing(WHAT)?,
        generation: rule.generation,
        created_at: codec::micros(rule.created_at),
        updated_at: codec::micros(rule.updated_at),
    })
}

fn rule(row: ownership_rule::Model) -> Result<OwnershipRule> {
    let conditions = serde_json::from_str(&row.conditions);
    Ok(OwnershipRule {
        id: OwnershipRuleId(row.id),
        name: row.name,
        project_id: ProjectId(row.project_id),
        priority: i32::try_from(row.priority).unwrap_or(i32::MAX),
        enabled: row.enabled,
        conditions: conditions.map_err(|error| codec::damaged("ownership rule", row.id, error.to_string()))?,
        generation: row.generation,
        created_at: codec::time(row.created_at),
        updated_at: codec::time(row.updated_at),
    })
}

impl TenantStore<OwnershipWrite> {
    /// Adds a rule, once where that is asked for.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn ownership_rule_create(
        &self,
        rule: OwnershipRule,
        once: Option<Once<OwnershipRule>>,
        told: Told,
    ) -> Result<Outcome<OwnershipRule>> {
        self.add_once(rule, once, told, async |tx, rule| insert!(tx, ownership_rule, row(rule)?)).await
    }

    /// Writes a rule of the next generation.
    ///
    /// # Errors
    /// [`Error::Changed`], or when the database cannot be written.
    pub async fn ownership_rule_update(&self, rule: &OwnershipRule, told: Told) -> Result<()> {
        self.change(told, async |tx| update!(tx, ownership_rule, row(rule)?)).await
    }

    /// Removes a rule.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn ownership_rule_delete(&self, id: OwnershipRuleId, told: Told) -> Result<()> {
        self.change(told, async |tx| ownership_rule::Entity::delete_by_id(id.0).exec(tx).await.writing(WHAT).map(drop))
            .await
    }
}

impl TenantStore<InventoryAssign> {
    /// Writes down what is said by hand of an object; `None` leaves it to the rules again.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn ownership_set(&self, id: ObjectId, by_hand: Option<ByHand>, told: Told) -> Result<()> {
        // It may go from one tenant to another: the row is one of both.
        let system = self.store.system("give an object to another tenant");
        let tx = system.begin_write(WHAT).await?;
        let lock = WriteLock::take(&tx).await?;
        ownership::Entity::delete_by_id(id.0).exec(&tx).await.writing(WHAT)?;
        if let Some(ByHand { owner, user_id, at }) = by_hand {
            let row = ownership::Model {
                object_id: id.0,
                tenant_id: owner.tenant_id.0,
                project_id: owner.project_id.map(|project| project.0),
                user_id: user_id.0,
                at: codec::micros(at),
            };
            insert!(&tx, ownership, row)?;
        }
        self.store.commit_told(tx, &lock, told, WHAT).await
    }
}

impl SystemStore {
    /// Everything that says whose objects are.
    ///
    /// # Errors
    /// When the database cannot be read, or a row is damaged.
    pub async fn ownership_facts(&self) -> Result<OwnershipFacts> {
        use ownership_rule::Column;
        let tx = self.begin_read(WHAT).await?;
        let rules = ownership_rule::Entity::find().order_by_asc(Column::Priority).order_by_asc(Column::Id);
        let rules = rules.all(&tx).await.reading(WHAT)?;
        let by_hand = ownership::Entity::find().all(&tx).await.reading(WHAT)?;
        tx.commit().await.reading(WHAT)?;
        let by_hand = by_hand.into_iter().map(|row| {
            let owner = Owner { tenant_id: TenantId(row.tenant_id), project_id: row.project_id.map(ProjectId) };
            let by_hand = ByHand { owner, user_id: UserId(row.user_id), at: codec::time(row.at) };
            (ObjectId(row.object_id), by_hand)
        });
        Ok(OwnershipFacts { rules: rules.into_iter().map(rule).collect::<Result<_>>()?, by_hand: by_hand.collect() })
    }

    /// Gives objects to their owners, with a log entry for each that had another. Those that are not there are left out. The
    /// audit log gets one entry for all that one rule, or the want of one, gave from one owner to another; what is said by
    /// hand was told when it was said. Gives the last revision there is.
    ///
    /// # Errors
    /// When the database cannot be written. Then nothing was.
    pub async fn own(&self, moves: &[Given]) -> Result<Revision> {
        let tx = self.begin_write(WHAT).await?;
        let mut lock = WriteLock::take(&tx).await?;
        let at = self.store.inner.clock.now();
        let head = "SELECT id, tenant_id, project_id, provider_id, source_id, kind FROM object WHERE id";
        let rows =
            bulk::query_in(&tx, head, None, "", moves.iter().map(|given| given.id.0.into())).await.writing(WHAT)?;
        let mut known = HashMap::with_capacity(rows.len());
        for row in rows {
            let id: Uuid = row.try_get("", "id").writing(WHAT)?;
            let kind: String = row.try_get("", "kind").writing(WHAT)?;
            let provider = ProviderId(row.try_get("", "provider_id").writing(WHAT)?);
            let source = SourceId(row.try_get("", "source_id").writing(WHAT)?);
            let origin = Origin { owner: owner_of(&row).writing(WHAT)?, provider, source };
            known.insert(id, (origin, codec::kind("object", id, &kind)?));
        }
        let mut told: BTreeMap<(Owner, Owner, GivenBy), Moved> = BTreeMap::new();
        for Given { id, owner, by } in moves {
            let Some((origin, kind)) = known.get(&id.0).copied().filter(|(origin, _)| origin.owner != *owner) else {
                continue;
            };
            let revision = lock.append(Origin { owner: *owner, ..origin }, kind, *id, LogOp::Put);
            let text = "UPDATE object SET tenant_id = ?, project_id = ?, revision = ?, changed_at = ? WHERE id = ?";
            let values = [
                owner.tenant_id.0.into(),
                owner.project_id.map(|project| project.0).into(),
                codec::number(revision).into(),
                codec::micros(at).into(),
                id.0.into(),
            ];
            tx.execute_raw(bulk::statement(&tx, text, values)).await.writing(WHAT)?;
            let fields = serde_json::to_string(&[given_to(*owner)]);
            let fields = fields.map_err(|error| DbErr::Json(error.to_string())).writing(WHAT)?;
            let written = Written { index: 0, id: *id, owner: *owner, revision, created_at: at };
            let noted = Noted::changed(&written, kind, Some(&fields));
            object_change::note(&tx, origin.provider, at, std::iter::once(noted)).await?;
            if *by != GivenBy::Hand {
                told.entry((origin.owner, *owner, *by)).or_default().add(kind, *id);
            }
        }
        for ((from, to, by), moved) in told {
            audit::append(&tx, &lock, at, moved.told(&tx, from, to, by).await?).await?;
        }
        let revision = lock.finish(&tx, at).await?;
        tx.commit().await.writing(WHAT)?;
        Ok(revision)
    }
}

/// What goes from one owner to another.
#[derive(Default)]
struct Moved {
    machines: Vec<ObjectId>,
    others: Vec<ObjectId>,
}

impl Moved {
    fn add(&mut self, kind: Kind, id: ObjectId) {
        if kind == Kind::Vm { self.machines.push(id) } else { self.others.push(id) }
    }

    /// The entry of it: of the project that gets it, or else of the one that had it.
    async fn told(self, tx: &Tx, from: Owner, to: Owner, by: GivenBy) -> Result<NewAudit> {
        let project = to.project_id.or(from.project_id);
        let name = match project {
            Some(id) => project::Entity::find_by_id(id.0).one(tx).await.reading(WHAT)?.map(|row| row.name),
            None => None,
        };
        let rule_id = if let GivenBy::Rule(id) = by { Some(id) } else { None };
        let (machine_count, other_count) = (self.machines.len(), self.others.len());
        let ids: Vec<ObjectId> = self.machines.into_iter().chain(self.others).take(TOLD_MAX).collect();
        Ok(NewAudit {
            tenant_id: from.concerned(to),
            object_id: project.map(|id| id.to_string()),
            object_name: name,
            before: Some(json!({"tenant_id": from.tenant_id, "project_id": from.project_id})),
            after: Some(json!({
                "tenant_id": to.tenant_id, "project_id": to.project_id, "rule_id": rule_id,
                "machine_count": machine_count, "other_count": other_count, "ids": ids,
            })),
            ..NewAudit::of_gateway(Door::Job, "ownership.move", "project")
        })
    }
}

/// What the new owner is told: that it was given, not whose it was before.
fn given_to(owner: Owner) -> FieldChange {
    let after = owner.project_id.map(|project| serde_json::Value::from(project.to_string()));
    FieldChange { field: "project_id".to_owned(), path: Vec::new(), before: None, after, omitted: false }
}
