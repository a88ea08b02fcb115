//! The history of the sync states of every source: each state with its time and its reason.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

use crate::columns::{Columns, index, reference};

/// This step.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261126_000008_sync_history"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        let table = Table::create()
            .table("sync_history")
            .col(c.id("id").primary_key())
            .col(c.id("tenant_id"))
            .col(c.id("provider_id"))
            .col(c.id("source_id"))
            .col(c.text("state"))
            .col(c.number("since"))
            .col(c.number_null("until"))
            .col(c.text_null("reason"))
            .col(c.text_null("message"))
            .col(c.number("changes"))
            .foreign_key(reference("sync_history", "source_id", "source").on_delete(ForeignKeyAction::Cascade))
            .to_owned();
        manager.create_table(table).await?;
        let newest = ["provider_id", "since", "id"];
        manager.create_index(index("sync_history_provider", "sync_history", &newest, false)).await?;
        manager.create_index(index("sync_history_source", "sync_history", &["source_id", "since"], false)).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            // As for the other tables of tenants: see the step on row security.
            let sql = "ALTER TABLE \"sync_history\" ENABLE ROW LEVEL SECURITY; \
                       ALTER TABLE \"sync_history\" FORCE ROW LEVEL SECURITY; \
                       CREATE POLICY tenant_scope ON \"sync_history\" USING \
                       (current_setting('spandrel.tenant', true) IN ('*', tenant_id::text))";
            manager.get_connection().execute_unprepared(sql).await?;
        }
        Ok(())
    }
}
