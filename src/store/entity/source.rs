//! One synced endpoint of a provider.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "source")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub provider_id: Uuid,
    pub position: i64,
    pub endpoint: String,
    pub endpoint_key: String,
    pub identity: Option<String>,
    pub cursor: Option<String>,
    pub last_contact_at: Option<i64>,
    pub loaded_once: bool,
    pub removing: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
