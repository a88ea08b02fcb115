//! The observed objects, their identities, and the log of their changes.

use sea_orm_migration::prelude::*;

use crate::columns::{Columns, index, reference};

pub(crate) async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let c = Columns::of(manager);
    let counter = Table::create().table("counter").col(c.text("name").primary_key()).col(c.number("value")).to_owned();
    manager.create_table(counter).await?;
    let mut rows = Query::insert();
    rows.into_table("counter").columns(["name", "value"]);
    rows.values_panic(["revision".into(), 0i64.into()]);
    rows.values_panic(["compacted_through".into(), 0i64.into()]);
    manager.execute(rows).await?;

    // No foreign keys here: a batch of 20,000 rows would check each of them. The writer checks provider and source once,
    // under the lock that also the removal takes.
    let object = Table::create()
        .table("object")
        .col(c.id("id").primary_key())
        .col(c.id("tenant_id"))
        .col(c.id("provider_id"))
        .col(c.id("source_id"))
        .col(c.text("kind"))
        .col(c.text("family"))
        .col(c.text("group_key"))
        .col(c.text("key"))
        .col(c.text("body"))
        .col(c.bytes("hash"))
        .col(c.number("revision"))
        .col(c.number("created_at"))
        .col(c.number("changed_at"))
        .to_owned();
    manager.create_table(object).await?;
    manager.create_index(index("object_provider", "object", &["provider_id", "id"], false)).await?;
    manager.create_index(index("object_source", "object", &["source_id"], false)).await?;

    let identity = Table::create()
        .table("identity")
        .col(c.id("provider_id"))
        .col(c.text("kind"))
        .col(c.text("key"))
        .col(c.id("object_id"))
        .primary_key(Index::create().col("provider_id").col("kind").col("key"))
        .foreign_key(&mut reference("identity", "provider_id", "provider"))
        .to_owned();
    manager.create_table(identity).await?;
    manager.create_index(index("identity_object", "identity", &["provider_id", "object_id"], true)).await?;

    let change_log = Table::create()
        .table("change_log")
        .col(c.number_key("revision"))
        .col(c.number("at"))
        .col(c.id("tenant_id"))
        .col(c.id("provider_id"))
        .col(c.id("source_id"))
        .col(c.text("kind"))
        .col(c.id("object_id"))
        .col(c.text("op"))
        .to_owned();
    manager.create_table(change_log).await
}
