//! Providers, their sources, and what of them is in quarantine.

use sea_orm_migration::prelude::*;

use crate::columns::{Columns, index, reference};

pub(crate) async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let c = Columns::of(manager);
    let provider = Table::create()
        .table("provider")
        .col(c.id("id").primary_key())
        .col(c.id("tenant_id"))
        .col(c.text("name"))
        .col(c.text("name_key"))
        .col(c.text("kind"))
        .col(c.flag("enabled"))
        .col(c.flag("removing"))
        .col(c.text("config"))
        .col(c.bytes_null("secret"))
        .col(c.number("generation"))
        .col(c.number("created_at"))
        .col(c.number("updated_at"))
        .foreign_key(&mut reference("provider", "tenant_id", "tenant"))
        .to_owned();
    manager.create_table(provider).await?;
    manager.create_index(index("provider_name", "provider", &["tenant_id", "name_key"], true)).await?;

    let source = Table::create()
        .table("source")
        .col(c.id("id").primary_key())
        .col(c.id("tenant_id"))
        .col(c.id("provider_id"))
        .col(c.number("position"))
        .col(c.text("endpoint"))
        .col(c.text("endpoint_key"))
        .col(c.text_null("identity"))
        .col(c.text_null("cursor"))
        .col(c.number_null("last_contact_at"))
        .col(c.flag("loaded_once"))
        .col(c.flag("removing"))
        .foreign_key(&mut reference("source", "provider_id", "provider"))
        .to_owned();
    manager.create_table(source).await?;
    manager.create_index(index("source_endpoint", "source", &["tenant_id", "endpoint_key"], true)).await?;
    manager.create_index(index("source_provider", "source", &["provider_id"], false)).await?;

    let quarantine = Table::create()
        .table("quarantine")
        .col(c.id("source_id"))
        .col(c.text("family"))
        .col(c.text("group_key"))
        .col(c.id("tenant_id"))
        .col(c.id("provider_id"))
        .col(c.text("kind"))
        .col(c.text("reason"))
        .col(c.number("since"))
        .primary_key(Index::create().col("source_id").col("family").col("group_key"))
        .foreign_key(reference("quarantine", "source_id", "source").on_delete(ForeignKeyAction::Cascade))
        .to_owned();
    manager.create_table(quarantine).await?;
    manager.create_index(index("quarantine_provider", "quarantine", &["provider_id"], false)).await
}
