//! PostgreSQL: row-level security for the tables that there were.

use sea_orm_migration::prelude::*;

use crate::row_security::row_security;

const TABLES: [&str; 7] = ["user", "token", "provider", "source", "quarantine", "object", "change_log"];

pub(crate) async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    for table in TABLES {
        row_security(manager, table).await?;
    }
    Ok(())
}
