//! Whose objects are: the rules, what was said by hand, and what came of them in the rows themselves.

use std::collections::HashMap;

use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::access::{insert, update};
use super::entity::{ownership, ownership_rule};
use super::error::While;
use super::log::WriteLock;
use super::object_change::{self, Noted};
use super::observe::{Origin, owner_of};
use super::{Error, Once, Outcome, Result, SystemStore, TenantStore, Written, bulk, codec};
use crate::authz::{InventoryAssign, OwnershipWrite};
use crate::model::ownership::{ByHand, OwnershipRule};
use crate::model::{
    FieldChange, LogOp, ObjectId, Owner, OwnershipRuleId, ProjectId, ProviderId, Revision, SourceId, TenantId, UserId,
};

const WHAT: &str = "whose objects are";

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
    ) -> Result<Outcome<OwnershipRule>> {
        let tx = self.begin_write(WHAT).await?;
        self.add_once(tx, rule, once, async |tx, rule| insert!(tx, ownership_rule, row(rule)?)).await
    }

    /// Writes a rule of the next generation.
    ///
    /// # Errors
    /// [`Error::Changed`], or when the database cannot be written.
    pub async fn ownership_rule_update(&self, rule: &OwnershipRule) -> Result<()> {
        self.change(async |tx| update!(tx, ownership_rule, row(rule)?)).await
    }

    /// Removes a rule.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn ownership_rule_delete(&self, id: OwnershipRuleId) -> Result<()> {
        self.change(async |tx| ownership_rule::Entity::delete_by_id(id.0).exec(tx).await.writing(WHAT).map(drop)).await
    }
}

impl TenantStore<InventoryAssign> {
    /// Writes down what is said by hand of an object; `None` leaves it to the rules again.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn ownership_set(&self, id: ObjectId, by_hand: Option<ByHand>) -> Result<()> {
        // It may go from one tenant to another: the row is one of both.
        let system = self.store.system("give an object to another tenant");
        let tx = system.begin_write(WHAT).await?;
        let _lock = WriteLock::take(&tx).await?;
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
        tx.commit().await.writing(WHAT)
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

    /// Gives objects to their owners, with a log entry for each that had another. Those that are not there are left out.
    /// Gives the last revision there is.
    ///
    /// # Errors
    /// When the database cannot be written. Then nothing was.
    pub async fn own(&self, moves: &[(ObjectId, Owner)]) -> Result<Revision> {
        let tx = self.begin_write(WHAT).await?;
        let mut lock = WriteLock::take(&tx).await?;
        let at = self.store.inner.clock.now();
        let head = "SELECT id, tenant_id, project_id, provider_id, source_id, kind FROM object WHERE id";
        let rows = bulk::query_in(&tx, head, None, "", moves.iter().map(|(id, _)| id.0.into())).await.writing(WHAT)?;
        let mut known = HashMap::with_capacity(rows.len());
        for row in rows {
            let id: Uuid = row.try_get("", "id").writing(WHAT)?;
            let kind: String = row.try_get("", "kind").writing(WHAT)?;
            let provider = ProviderId(row.try_get("", "provider_id").writing(WHAT)?);
            let source = SourceId(row.try_get("", "source_id").writing(WHAT)?);
            let origin = Origin { owner: owner_of(&row).writing(WHAT)?, provider, source };
            known.insert(id, (origin, codec::kind("object", id, &kind)?));
        }
        for (id, owner) in moves {
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
        }
        let revision = lock.finish(&tx, at).await?;
        tx.commit().await.writing(WHAT)?;
        Ok(revision)
    }
}

/// What the new owner is told: that it was given, not whose it was before.
fn given_to(owner: Owner) -> FieldChange {
    let after = owner.project_id.map(|project| serde_json::Value::from(project.to_string()));
    FieldChange { field: "project_id".to_owned(), path: Vec::new(), before: None, after, omitted: false }
}
