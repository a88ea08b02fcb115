//! PostgreSQL: forced row-level security behind the doors of the store.
//!
//! Every transaction of the gateway says for whom it acts in the setting `spandrel.tenant`: ids of tenants, joined with
//! commas, or `*` for all.
//! A statement that forgot its scope finds nothing instead of everything. `FORCE` binds also the tables' owner, which is
//! the gateway's role; only a superuser goes round it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// Shows the rows of a table only to their tenant. The table has a column `tenant_id`.
pub(crate) async fn row_security(manager: &SchemaManager<'_>, table: &str) -> Result<(), DbErr> {
    if manager.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let sql = format!(
        "ALTER TABLE \"{table}\" ENABLE ROW LEVEL SECURITY; \
         ALTER TABLE \"{table}\" FORCE ROW LEVEL SECURITY; \
         CREATE POLICY tenant_scope ON \"{table}\" USING \
         (current_setting('spandrel.tenant', true) = '*' \
         OR tenant_id::text = ANY(string_to_array(current_setting('spandrel.tenant', true), ',')))"
    );
    manager.get_connection().execute_unprepared(&sql).await.map(drop)
}
