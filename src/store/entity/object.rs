//! An observed object: one document (`docs/adr/0002-observed-documents.md`).

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "object")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub project_id: Option<Uuid>,
    pub provider_id: Uuid,
    pub source_id: Uuid,
    pub kind: String,
    pub family: String,
    pub group_key: String,
    pub key: String,
    pub body: String,
    pub hash: Vec<u8>,
    pub revision: i64,
    pub created_at: i64,
    pub changed_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
