//! Data keys, and the gateway's own settings.

use sea_orm_migration::prelude::*;

use crate::columns::Columns;

pub(crate) async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let c = Columns::of(manager);
    let sealing_key = Table::create()
        .table("sealing_key")
        .col(c.id("id").primary_key())
        .col(c.text("master_key_id"))
        .col(c.bytes("wrapped"))
        .col(c.number("created_at"))
        .to_owned();
    manager.create_table(sealing_key).await?;

    let setting = Table::create()
        .table("setting")
        .col(c.text("name").primary_key())
        .col(c.text_null("value"))
        .col(c.bytes_null("sealed"))
        .col(c.number("changed_at"))
        .to_owned();
    manager.create_table(setting).await
}
