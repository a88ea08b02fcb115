//! Answers of creating requests that carried an `Idempotency-Key`, kept for a day.

use sea_orm_migration::prelude::*;

use crate::columns::{Columns, index};
use crate::row_security::row_security;

pub(crate) async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
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
    row_security(manager, "idempotency").await
}
