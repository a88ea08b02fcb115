//! Tenants, users, and the tokens that stand for them.

use sea_orm_migration::prelude::*;

use crate::columns::{Columns, index, reference};

pub(crate) async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let c = Columns::of(manager);
    let tenant = Table::create()
        .table("tenant")
        .col(c.id("id").primary_key())
        .col(c.text("name").unique_key())
        .col(c.number("created_at"))
        .to_owned();
    manager.create_table(tenant).await?;

    let user = Table::create()
        .table("user")
        .col(c.id("id").primary_key())
        .col(c.id("tenant_id"))
        .col(c.text("username"))
        .col(c.text("username_key").unique_key())
        .col(c.text("password_hash"))
        .col(c.text("role"))
        .col(c.number("created_at"))
        .col(c.number("password_changed_at"))
        .foreign_key(&mut reference("user", "tenant_id", "tenant"))
        .to_owned();
    manager.create_table(user).await?;

    let token = Table::create()
        .table("token")
        .col(c.id("id").primary_key())
        .col(c.id("tenant_id"))
        .col(c.id("user_id"))
        .col(c.text("name"))
        .col(c.text("kind"))
        .col(c.bytes("digest").unique_key())
        .col(c.number("created_at"))
        .col(c.number_null("expires_at"))
        .col(c.number_null("last_used_at"))
        .foreign_key(reference("token", "user_id", "user").on_delete(ForeignKeyAction::Cascade))
        .to_owned();
    manager.create_table(token).await?;
    manager.create_index(index("token_user", "token", &["user_id"], false)).await
}
