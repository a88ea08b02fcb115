//! The history of the sync states of every source: each state with its time and its reason.

use sea_orm_migration::prelude::*;

use crate::columns::{Columns, index, reference};
use crate::row_security::row_security;

pub(crate) async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
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
    row_security(manager, "sync_history").await
}
