//! PostgreSQL: forced row-level security behind the doors of the store.
//!
//! Every transaction of the gateway says for whom it acts in the setting `spandrel.tenant`: a tenant's id, or `*` for all.
//! A statement that forgot its scope finds nothing instead of everything. `FORCE` binds also the tables' owner, which is
//! the gateway's role; only a superuser goes round it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// This step.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261126_000005_row_security"
    }
}

const TABLES: [&str; 7] = ["user", "token", "provider", "source", "quarantine", "object", "change_log"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        for table in TABLES {
            let sql = format!(
                "ALTER TABLE \"{table}\" ENABLE ROW LEVEL SECURITY; \
                 ALTER TABLE \"{table}\" FORCE ROW LEVEL SECURITY; \
                 CREATE POLICY tenant_scope ON \"{table}\" USING \
                 (current_setting('spandrel.tenant', true) IN ('*', tenant_id::text))"
            );
            manager.get_connection().execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}
