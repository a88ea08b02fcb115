//! What changed in objects: the differing fields of each change, kept longer than the change log.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

use crate::columns::{Columns, index};

/// This step.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261126_000009_object_change"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let c = Columns::of(manager);
        // No foreign keys, as in the other tables of the inventory.
        let table = Table::create()
            .table("object_change")
            .col(c.number_key("revision"))
            .col(c.number("at"))
            .col(c.id("tenant_id"))
            .col(c.id("provider_id"))
            .col(c.id("object_id"))
            .col(c.text("kind"))
            .col(c.text("op"))
            .col(c.text_null("fields"))
            .to_owned();
        manager.create_table(table).await?;
        let of_object = ["object_id", "revision"];
        manager.create_index(index("object_change_object", "object_change", &of_object, false)).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            // As for the other tables of tenants: see the step on row security.
            let sql = "ALTER TABLE \"object_change\" ENABLE ROW LEVEL SECURITY; \
                       ALTER TABLE \"object_change\" FORCE ROW LEVEL SECURITY; \
                       CREATE POLICY tenant_scope ON \"object_change\" USING \
                       (current_setting('spandrel.tenant', true) IN ('*', tenant_id::text))";
            manager.get_connection().execute_unprepared(sql).await?;
        }
        Ok(())
    }
}
