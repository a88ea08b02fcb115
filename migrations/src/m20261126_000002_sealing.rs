//! Data keys, and the gateway's own settings.

use sea_orm_migration::prelude::*;

use crate::columns::Columns;

/// This step.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261126_000002_sealing"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        let sealing_key = Table::create()
            .table("sealing_key")
            .col(c.id("id").primary_key())
            .col(c.text("master_key_id"))
            .col(c.bytes("wrapped"))
            .col(c.number("created_at"))
            .to_owned();
        manager.create_table(sealing_key).await?;

        let setting = Table::create()
            .table("setting")
            .col(c.text("name").primary_key())
            .col(c.text_null("value"))
            .col(c.bytes_null("sealed"))
            .col(c.number("changed_at"))
            .to_owned();
        manager.create_table(setting).await
    }
}
