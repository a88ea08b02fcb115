//! Answers of creating requests that carried an `Idempotency-Key`, kept for a day.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

use crate::columns::{Columns, index};

/// This step.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261126_000006_idempotency"
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
            .table("idempotency")
            .col(c.id("id").primary_key())
            .col(c.id("tenant_id"))
            .col(c.id("user_id"))
            .col(c.text("key"))
            // The request's hash and the answer, sealed: either may tell of a password or a token.
            .col(c.bytes("sealed"))
            .col(c.number("created_at"))
            .to_owned();
        manager.create_table(table).await?;
        manager.create_index(index("idempotency_key", "idempotency", &["user_id", "key"], true)).await?;
        manager.create_index(index("idempotency_created", "idempotency", &["created_at"], false)).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            // As for the other tables of tenants: see the step on row security.
            let sql = "ALTER TABLE \"idempotency\" ENABLE ROW LEVEL SECURITY; \
                       ALTER TABLE \"idempotency\" FORCE ROW LEVEL SECURITY; \
                       CREATE POLICY tenant_scope ON \"idempotency\" USING \
                       (current_setting('spandrel.tenant', true) IN ('*', tenant_id::text))";
            manager.get_connection().execute_unprepared(sql).await?;
        }
        Ok(())
    }
}
