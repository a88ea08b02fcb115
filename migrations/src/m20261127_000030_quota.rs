//! Quotas: limits, what is counted for which object, what is reserved, the counters, and the ledger that they follow from.

use sea_orm_migration::prelude::*;

use crate::columns::{Columns, index};
use crate::row_security::row_security;

pub(crate) async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let c = Columns::of(manager);
    // Of a tenant or a project: `node_id` is the id of either.
    let limit = Table::create()
        .table("quota_limit")
        .col(c.id("node_id"))
        .col(c.text("resource"))
        .col(c.id("tenant_id"))
        .col(c.number_null("hard"))
        .col(c.number_null("soft"))
        .primary_key(Index::create().col("node_id").col("resource"))
        .to_owned();
    manager.create_table(limit).await?;
    let counter = Table::create()
        .table("quota_counter")
        .col(c.id("project_id"))
        .col(c.text("resource"))
        .col(c.id("tenant_id"))
        .col(c.number("used"))
        .col(c.number("reserved"))
        .primary_key(Index::create().col("project_id").col("resource"))
        .to_owned();
    manager.create_table(counter).await?;
    let holding = Table::create()
        .table("quota_holding")
        .col(c.id("object_id").primary_key())
        .col(c.id("tenant_id"))
        .col(c.id("project_id"))
        .col(c.text("amounts"))
        .to_owned();
    manager.create_table(holding).await?;
    let reservation = Table::create()
        .table("quota_reservation")
        .col(c.id("id").primary_key())
        .col(c.id("tenant_id"))
        .col(c.id("project_id"))
        .col(c.text("amounts"))
        .col(c.text("purpose"))
        .col(c.number("at"))
        .to_owned();
    manager.create_table(reservation).await?;
    let ledger = Table::create()
        .table("quota_ledger")
        .col(c.id("id").primary_key())
        .col(c.number("at"))
        .col(c.id("tenant_id"))
        .col(c.id("project_id"))
        .col(c.text("resource"))
        .col(c.number("used"))
        .col(c.number("reserved"))
        .col(c.text("cause"))
        .col(c.id_null("cause_id"))
        .to_owned();
    manager.create_table(ledger).await?;
    manager.create_index(index("quota_ledger_project", "quota_ledger", &["project_id", "resource"], false)).await?;
    for table in ["quota_limit", "quota_counter", "quota_holding", "quota_reservation", "quota_ledger"] {
        row_security(manager, table).await?;
    }
    Ok(())
}
