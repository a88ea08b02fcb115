//! What changed in objects: the differing fields of each change, kept longer than the change log.

use sea_orm_migration::prelude::*;

use crate::columns::{Columns, index};
use crate::row_security::row_security;

pub(crate) async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
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
    row_security(manager, "object_change").await
}
