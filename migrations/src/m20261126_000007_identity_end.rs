//! When the object of an identity was last deleted: an identity ends some time after its object.

use sea_orm_migration::prelude::*;

use crate::columns::Columns;

/// This step.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261126_000007_identity_end"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = Columns::of(manager).number_null("deleted_at");
        manager.alter_table(Table::alter().table("identity").add_column(column).to_owned()).await
    }
}
